//! Events: a Redis stream whose ids are `0-1`, `0-2` and so on. The server counts them, knows no clock for it, and never
//! uses one again, even after all of them are pruned; the count is the cursor.
//!
//! An event is its stream (16 bytes), version (8), index (4) and time (8), big endian, and its payload.

use mfa_core::id::Pseudonym;
use mfa_core::time::UnixSeconds;
use mfa_storage::{Cursor, StoredEvent, Version, Write};

use crate::fault::Fault;
use crate::layout::{Family, Layout};
use crate::link::{Link, bytes, list};
use crate::record::number;
use redis::Value;

/// The events of `write`, which makes `version`, as they are stored.
pub(crate) fn encode_all(write: &Write, version: Version) -> impl Iterator<Item = Vec<u8>> {
    (0_u32..).zip(&write.events).map(move |(index, event)| {
        let mut stored = write.stream.as_bytes().to_vec();
        stored.extend(version.get().to_be_bytes());
        stored.extend(index.to_be_bytes());
        stored.extend(event.at.get().to_be_bytes());
        stored.extend_from_slice(&event.payload);
        stored
    })
}

pub(crate) async fn feed(
    link: &Link,
    layout: &Layout,
    cursor: Cursor,
    limit: usize,
) -> Result<(Vec<StoredEvent>, Cursor), Fault> {
    let (mut events, mut next) = (Vec::new(), cursor);
    while events.len() < limit {
        let wanted = limit.saturating_sub(events.len()).min(PAGE);
        let page = entries(link, &layout.feed(), next.get(), wanted).await?;
        let is_last = page.len() < wanted;
        for (id, event) in page {
            next = Cursor::new(id);
            events.push(decode(&event).ok_or(Fault::Unreadable(EVENT))?);
        }
        if is_last {
            break;
        }
    }
    Ok((events, next))
}

/// Up to `limit` entries after the one with number `after`, as they are stored.
pub(crate) async fn entries(
    link: &Link,
    family: &Family,
    after: u64,
    limit: usize,
) -> Result<Vec<(u64, Vec<u8>)>, Fault> {
    // Nothing can come after the last number; cursors are kept by hosts and may be anything.
    let Some(first) = after.checked_add(1) else { return Ok(Vec::new()) };
    let mut range = redis::cmd("XRANGE");
    range.arg(family.key("e")).arg(format!("0-{first}")).arg("+").arg("COUNT").arg(limit);
    let entries = list(link.read_one(family, range).await?, EVENT)?;
    entries.into_iter().map(|value| entry(value).ok_or(Fault::Unreadable(EVENT))).collect()
}

/// Its number and the value of its only field.
fn entry(value: Value) -> Option<(u64, Vec<u8>)> {
    let Value::Array(parts) = value else { return None };
    let [id, fields] = <[Value; 2]>::try_from(parts).ok()?;
    let id = String::from_utf8(bytes(id, EVENT).ok()??).ok()?;
    let Value::Array(fields) = fields else { return None };
    let [_, event] = <[Value; 2]>::try_from(fields).ok()?;
    Some((id.strip_prefix("0-")?.parse().ok()?, bytes(event, EVENT).ok()??))
}

fn decode(event: &[u8]) -> Option<StoredEvent> {
    let (stream, rest) = event.split_first_chunk::<16>()?;
    let (version, rest) = number(rest)?;
    let (index, rest) = rest.split_first_chunk::<4>()?;
    let (at, payload) = number(rest)?;
    Some(StoredEvent {
        stream: Pseudonym::from_bytes(*stream),
        version: Version::new(version),
        index: u32::from_be_bytes(*index),
        at: UnixSeconds::new(at),
        payload: payload.to_vec(),
    })
}

const EVENT: &str = "an event";
const PAGE: usize = 500;
