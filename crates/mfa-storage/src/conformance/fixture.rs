//! What the checks write: keys, records, events, buckets; and reading the whole feed back.

use std::time::Duration;

use mfa_core::id::{Pseudonym, ReservationId, SubjectId, SubjectKey, TenantId};
use mfa_core::time::UnixSeconds;

use super::failure::{Broken, ensure};
use crate::{
    Bucket, BucketKey, CommitOutcome, Cursor, EventBody, Expected, MethodSet, Spend, SpendOutcome, Storage,
    StoredEvent, Summary, Version, Write,
};

/// When the hand clock starts.
pub(super) const NOW: UnixSeconds = UnixSeconds::new(1_800_000_000);

pub(super) fn later(seconds: u64) -> UnixSeconds {
    NOW.plus(Duration::from_secs(seconds))
}

pub(super) fn earlier(seconds: u64) -> UnixSeconds {
    NOW.minus(Duration::from_secs(seconds))
}

pub(super) fn key(tenant: &str, subject: &str) -> Result<SubjectKey, Broken> {
    Ok(SubjectKey::new(TenantId::new(tenant)?, SubjectId::new(subject)?))
}

pub(super) fn subject(name: impl std::fmt::Display) -> Result<SubjectKey, Broken> {
    key("tenant", &format!("subject-{name}"))
}

pub(super) fn stream(number: u64) -> Pseudonym {
    Pseudonym::from_bytes(u128::from(number).to_be_bytes())
}

/// A write that is told from others by `content`, with `events` events, at [`NOW`].
pub(super) fn write(stream_number: u64, content: &str, events: usize) -> Write {
    write_at(stream_number, content, events, NOW)
}

pub(super) fn write_at(stream_number: u64, content: &str, events: usize, at: UnixSeconds) -> Write {
    let event = |index: usize| EventBody { at, payload: format!("{content}/{index}").into_bytes() };
    Write {
        sealed: content.as_bytes().to_vec(),
        summary: Summary {
            enrolled: true,
            methods: MethodSet::APP.with(MethodSet::RECOVERY),
            throttled_until: None,
            key_id: 1,
            updated_at: at,
        },
        stream: stream(stream_number),
        events: (0..events).map(event).collect(),
    }
}

/// Commits and insists that it is committed, as the version that follows.
pub(super) async fn commit<S: Storage>(
    store: &S,
    subject: &SubjectKey,
    expected: Expected,
    write: Write,
) -> Result<Version, Broken> {
    let outcome = store.commit(subject, expected, write).await?;
    settled(outcome, expected)
}

/// Erases and insists on it likewise.
pub(super) async fn erase<S: Storage>(
    store: &S,
    subject: &SubjectKey,
    expected: Expected,
    tombstone: Write,
) -> Result<Version, Broken> {
    let outcome = store.erase(subject, expected, tombstone).await?;
    settled(outcome, expected)
}

fn settled(outcome: CommitOutcome, expected: Expected) -> Result<Version, Broken> {
    let version = expected.next();
    ensure(outcome == CommitOutcome::Committed { version }, || {
        format!("a write that expected {expected:?}, which was so, answered {outcome:?}")
    })?;
    Ok(version)
}

/// Everything after `cursor`, `limit` at a time, and where that ends.
pub(super) async fn follow<S: Storage>(
    store: &S,
    mut cursor: Cursor,
    limit: usize,
) -> Result<(Vec<StoredEvent>, Cursor), Broken> {
    let mut all = Vec::new();
    loop {
        let (events, next) = store.feed(cursor, limit).await?;
        ensure(events.len() <= limit, || {
            format!("feed answered {} events to a limit of {limit}", events.len())
        })?;
        if events.is_empty() {
            return Ok((all, next));
        }
        ensure(next != cursor, || "feed answered events and did not move its cursor".to_owned())?;
        cursor = next;
        all.extend(events);
    }
}

/// Everything in the feed.
pub(super) async fn everything<S: Storage>(store: &S) -> Result<Vec<StoredEvent>, Broken> {
    Ok(follow(store, Cursor::START, 100).await?.0)
}

/// What the feed must hold of `write` once it is committed as `version`.
pub(super) fn stored(write: &Write, version: Version) -> Vec<StoredEvent> {
    let place = |(index, event): (u32, &EventBody)| StoredEvent {
        stream: write.stream,
        version,
        index,
        at: event.at,
        payload: event.payload.clone(),
    };
    (0..).zip(&write.events).map(place).collect()
}

pub(super) fn bucket(number: u8, burst: u32) -> Bucket {
    Bucket { key: BucketKey::new([number; 32]), burst, interval: INTERVAL }
}

/// One unit of each of `buckets`; a refund stays possible for ten minutes.
pub(super) fn spending(reservation: u64, buckets: &[Bucket]) -> Spend {
    Spend { reservation: reservation_id(reservation), buckets: buckets.to_vec(), lapses_after: LAPSE }
}

pub(super) fn reservation_id(number: u64) -> ReservationId {
    ReservationId::from_bytes(u128::from(number).to_be_bytes())
}

/// How many of `tries` spendings of one unit, each with a reservation of its own, are granted.
pub(super) async fn granted<S: Storage>(
    store: &S,
    bucket: Bucket,
    reservations: std::ops::Range<u64>,
    now: UnixSeconds,
) -> Result<usize, Broken> {
    let mut granted = 0_usize;
    for reservation in reservations {
        if store.spend(&spending(reservation, &[bucket]), now).await? == SpendOutcome::Granted {
            granted = granted.saturating_add(1);
        }
    }
    Ok(granted)
}

/// How long a unit of [`bucket`] takes to come back.
pub(super) const INTERVAL: Duration = Duration::from_secs(60);
/// How long a reservation of [`spending`] can be given back.
pub(super) const LAPSE: Duration = Duration::from_secs(600);
