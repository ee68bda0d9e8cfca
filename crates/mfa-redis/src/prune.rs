//! Removing what is old, a slice at a time, so that sign-ins never wait for a large clean-up.

use mfa_core::time::UnixSeconds;
use redis::Value;

use crate::budget;
use crate::fault::Fault;
use crate::layout::{Family, Layout};
use crate::link::{Link, bytes, list, strings};
use crate::script::{Call, PRUNE_EVENTS, PRUNE_TOMBSTONE, SWEEP};

pub(crate) async fn prune(link: &Link, layout: &Layout, before: UnixSeconds) -> Result<(), Fault> {
    let mut families = layout.shards();
    for family in &families {
        tombstones(link, family, before).await?;
    }
    if !families.contains(&layout.feed()) {
        families.push(layout.feed());
    }
    for family in &families {
        events(link, family, before).await?;
    }
    let family = layout.budgets();
    sweep(link, &family, "b", |stored| budget::was_whole(stored, before)).await?;
    sweep(link, &family, "v", |stored| budget::had_lapsed(stored, before)).await
}

/// Walks all events: clocks differ, so an old one may stand behind a young one.
async fn events(link: &Link, family: &Family, before: UnixSeconds) -> Result<(), Fault> {
    let mut start = b"-".to_vec();
    while !start.is_empty() {
        let arguments = [start, before.get().to_be_bytes().to_vec(), SLICE.to_string().into_bytes()];
        let call = PRUNE_EVENTS.call([family.key("e"), family.key("s")], arguments);
        start = bytes(link.run_one(family, call).await?, "the events")?.unwrap_or_default();
    }
    Ok(())
}

async fn tombstones(link: &Link, family: &Family, before: UnixSeconds) -> Result<(), Fault> {
    loop {
        let mut range = redis::cmd("ZRANGEBYLEX");
        let end = [b"(".as_slice(), &before.get().to_be_bytes()].concat();
        range.arg(family.key("t")).arg("-").arg(end).arg("LIMIT").arg(0).arg(SLICE);
        let places = strings(link.read_one(family, range).await?, TOMBSTONE)?;
        let calls: Vec<Call> = places.iter().map(|place| removal(family, place)).collect::<Result<_, _>>()?;
        for answer in link.run(family, &calls).await? {
            answer?;
        }
        if places.len() < SLICE {
            return Ok(());
        }
    }
}

fn removal(family: &Family, place: &[u8]) -> Result<Call, Fault> {
    let (_, name) = place.split_first_chunk::<8>().ok_or(Fault::Unreadable(TOMBSTONE))?;
    let keys = [family.record(name), family.key("i"), family.key("t")];
    Ok(PRUNE_TOMBSTONE.call(keys, [place.to_vec(), name.to_vec()]))
}

/// Removes what `is_old` from a hash. What is written while this runs stays.
async fn sweep(
    link: &Link,
    family: &Family,
    kind: &str,
    is_old: impl Fn(&[u8]) -> Result<bool, Fault>,
) -> Result<(), Fault> {
    let mut cursor = b"0".to_vec();
    loop {
        let mut scan = redis::cmd("HSCAN");
        scan.arg(family.key(kind)).arg(&cursor).arg("COUNT").arg(SLICE);
        let (next, pairs) = page(link.read_one(family, scan).await?)?;
        let mut old = Vec::new();
        for (field, value) in pairs {
            if is_old(&value)? {
                old.extend([field, value]);
            }
        }
        for slice in old.chunks(SLICE) {
            link.run_one(family, SWEEP.call([family.key(kind)], slice.to_vec())).await?;
        }
        if next == b"0" {
            return Ok(());
        }
        cursor = next;
    }
}

type Page = (Vec<u8>, Vec<(Vec<u8>, Vec<u8>)>);

fn page(value: Value) -> Result<Page, Fault> {
    let unreadable = || Fault::Unreadable("a page of budgets");
    let [next, fields] =
        <[Value; 2]>::try_from(list(value, "a page of budgets")?).map_err(|_| unreadable())?;
    let mut fields = strings(fields, "a page of budgets")?.into_iter();
    let mut pairs = Vec::new();
    while let (Some(field), Some(value)) = (fields.next(), fields.next()) {
        pairs.push((field, value));
    }
    Ok((bytes(next, "a page of budgets")?.ok_or_else(unreadable)?, pairs))
}

const TOMBSTONE: &str = "the index of tombstones";
/// Even, since a slice of fields and values must not part a pair.
const SLICE: usize = 256;
