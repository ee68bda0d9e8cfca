//! Records as bytes, and what is asked of them.
//!
//! A record is its version (8 bytes), whether it is a tombstone (1), when it last changed (8), whether enrolled (1), the
//! methods (1), the ring key (4), until when codes are refused, with a byte in front that says whether they are (9), and
//! the sealed record. Numbers are big endian. The first 17 bytes are what the commit script reads.

use mfa_core::id::SubjectKey;
use mfa_core::time::UnixSeconds;
use mfa_storage::{CommitOutcome, Expected, MethodSet, ScanFilter, Snapshot, Summary, Version, Write};
use redis::Value;

use crate::event;
use crate::fault::Fault;
use crate::layout::{self, Family, Layout};
use crate::link::{Answer, Link, bytes, list, strings};
use crate::script::{COMMIT, Call};

/// A record and whether it is a tombstone.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    snapshot: Snapshot,
    erased: bool,
}

pub(crate) async fn load(
    link: &Link,
    layout: &Layout,
    subject: &SubjectKey,
) -> Result<Option<Snapshot>, Fault> {
    let name = layout::name(subject);
    let home = layout.home(&name);
    let mut get = redis::cmd("GET");
    get.arg(home.record(&name));
    snapshot(link.read_one(&home, get).await?)
}

/// Records of one family by their names.
pub(crate) async fn load_from(
    link: &Link,
    family: &Family,
    names: &[Vec<u8>],
) -> Result<Vec<Result<Option<Snapshot>, Fault>>, Fault> {
    Ok(values(link, family, names).await?.into_iter().map(snapshot).collect())
}

/// The script call that replaces a record if it is as expected; `erased` makes it a tombstone.
pub(crate) fn replacement(
    family: &Family,
    name: &[u8],
    expected: Expected,
    write: &Write,
    erased: bool,
) -> Call {
    let version = expected.next();
    let before = match expected {
        Expected::Absent => Vec::new(),
        Expected::At(version) => version.get().to_be_bytes().to_vec(),
    };
    let mut arguments =
        vec![before, encode(version, write, erased), name.to_vec(), write.stream.as_bytes().to_vec()];
    arguments.extend(event::encode_all(write, version));
    let keys = ["i", "t", "e", "s"].map(|kind| family.key(kind));
    COMMIT.call(std::iter::once(family.record(name)).chain(keys), arguments)
}

/// What the answer to a [`replacement`] means.
pub(crate) fn outcome(answer: Answer, expected: Expected) -> Result<CommitOutcome, Fault> {
    match answer? {
        Value::Int(1) => Ok(CommitOutcome::Committed { version: expected.next() }),
        Value::Int(0) => Ok(CommitOutcome::Conflict),
        Value::Int(-1) => Err(Fault::StreamTaken),
        _ => Err(Fault::Unreadable("the answer to a commit")),
    }
}

pub(crate) async fn scan(
    link: &Link,
    layout: &Layout,
    after: Option<&SubjectKey>,
    limit: usize,
    filter: ScanFilter,
) -> Result<Vec<(SubjectKey, Snapshot)>, Fault> {
    let mut found = Vec::new();
    let mut last = after.map(layout::name);
    while found.len() < limit {
        let wanted = limit.saturating_sub(found.len()).clamp(SMALLEST_PAGE, LARGEST_PAGE);
        let page = names_after(link, layout, last.as_deref(), wanted).await?;
        let Some((_, end)) = page.last() else { break };
        last = Some(end.clone());
        for (name, row) in rows(link, page).await? {
            let key = layout::subject(&name).ok_or(Fault::Unreadable(RECORD))?;
            if found.len() < limit && filter.admits(&key, &row.snapshot.summary, row.erased) {
                found.push((key, row.snapshot));
            }
        }
    }
    Ok(found)
}

/// Up to `wanted` names after `last`, in order, with the family each lies in.
async fn names_after(
    link: &Link,
    layout: &Layout,
    last: Option<&[u8]>,
    wanted: usize,
) -> Result<Vec<(Family, Vec<u8>)>, Fault> {
    let start = last.map_or_else(|| b"-".to_vec(), |last| [b"(", last].concat());
    let mut names = Vec::new();
    for family in layout.shards() {
        let mut range = redis::cmd("ZRANGEBYLEX");
        range.arg(family.key("i")).arg(&start).arg("+").arg("LIMIT").arg(0).arg(wanted);
        let found = strings(link.read_one(&family, range).await?, "the index of records")?;
        names.extend(found.into_iter().map(|name| (family.clone(), name)));
    }
    // Each family gave its smallest; the smallest of all are among them.
    names.sort_unstable_by(|(_, one), (_, other)| one.cmp(other));
    names.truncate(wanted);
    Ok(names)
}

/// The rows of `page` in its order; what has been pruned since is left out.
async fn rows(link: &Link, page: Vec<(Family, Vec<u8>)>) -> Result<Vec<(Vec<u8>, Row)>, Fault> {
    let mut families: Vec<(Family, Vec<Vec<u8>>)> = Vec::new();
    for (family, name) in page {
        match families.iter_mut().find(|(known, _)| *known == family) {
            Some((_, names)) => names.push(name),
            None => families.push((family, vec![name])),
        }
    }
    let mut found = Vec::new();
    for (family, names) in families {
        let values = values(link, &family, &names).await?;
        for (name, value) in names.into_iter().zip(values) {
            if let Some(value) = bytes(value, RECORD)? {
                found.push((name, decode(&value).ok_or(Fault::Unreadable(RECORD))?));
            }
        }
    }
    found.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found)
}

async fn values(link: &Link, family: &Family, names: &[Vec<u8>]) -> Result<Vec<Value>, Fault> {
    let mut get = redis::cmd("MGET");
    for name in names {
        get.arg(family.record(name));
    }
    let values = list(link.read_one(family, get).await?, RECORD)?;
    match values.len() == names.len() {
        true => Ok(values),
        false => Err(Fault::Unreadable(RECORD)),
    }
}

fn snapshot(value: Value) -> Result<Option<Snapshot>, Fault> {
    let stored = bytes(value, RECORD)?;
    let row = stored.map(|stored| decode(&stored).ok_or(Fault::Unreadable(RECORD)));
    Ok(row.transpose()?.map(|row| row.snapshot))
}

fn encode(version: Version, write: &Write, erased: bool) -> Vec<u8> {
    let summary = &write.summary;
    let throttled = summary.throttled_until.map_or(0, UnixSeconds::get);
    let mut row = Vec::with_capacity(HEAD.saturating_add(write.sealed.len()));
    row.extend(version.get().to_be_bytes());
    row.push(u8::from(erased));
    row.extend(summary.updated_at.get().to_be_bytes());
    row.push(u8::from(summary.enrolled));
    row.push(summary.methods.bits());
    row.extend(summary.key_id.to_be_bytes());
    row.push(u8::from(summary.throttled_until.is_some()));
    row.extend(throttled.to_be_bytes());
    row.extend_from_slice(&write.sealed);
    row
}

fn decode(row: &[u8]) -> Option<Row> {
    let (version, rest) = number(row)?;
    let (erased, rest) = flag(rest)?;
    let (updated_at, rest) = number(rest)?;
    let (enrolled, rest) = flag(rest)?;
    let (methods, rest) = rest.split_first()?;
    let (key_id, rest) = rest.split_first_chunk::<4>()?;
    let (is_throttled, rest) = flag(rest)?;
    let (throttled, sealed) = number(rest)?;
    let summary = Summary {
        enrolled,
        methods: MethodSet::from_bits(*methods),
        throttled_until: is_throttled.then_some(UnixSeconds::new(throttled)),
        key_id: u32::from_be_bytes(*key_id),
        updated_at: UnixSeconds::new(updated_at),
    };
    let snapshot = Snapshot { version: Version::new(version), sealed: sealed.to_vec(), summary };
    (version > 0).then_some(Row { snapshot, erased })
}

/// Eight bytes, big endian, and what follows them.
pub(crate) fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*number), rest))
}

fn flag(bytes: &[u8]) -> Option<(bool, &[u8])> {
    match bytes.split_first()? {
        (0, rest) => Some((false, rest)),
        (1, rest) => Some((true, rest)),
        _ => None,
    }
}

const HEAD: usize = 32;
const RECORD: &str = "a record";
/// A filter may leave nearly everything out, so a page is read larger than it is wanted.
const SMALLEST_PAGE: usize = 64;
const LARGEST_PAGE: usize = 512;

#[cfg(test)]
mod tests {
    use mfa_core::id::Pseudonym;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_record_reads_back(
            version in 1..u64::MAX, erased: bool, enrolled: bool, methods: u8, key_id: u32,
            updated_at: u64, throttled in prop::option::of(any::<u64>()), sealed: Vec<u8>,
        ) {
            let summary = Summary {
                enrolled,
                methods: MethodSet::from_bits(methods),
                throttled_until: throttled.map(UnixSeconds::new),
                key_id,
                updated_at: UnixSeconds::new(updated_at),
            };
            let stream = Pseudonym::from_bytes([0; 16]);
            let write = Write { sealed: sealed.clone(), summary: summary.clone(), stream, events: Vec::new() };
            let version = Version::new(version);
            let row = encode(version, &write, erased);
            let wanted = Row { snapshot: Snapshot { version, sealed, summary }, erased };
            prop_assert_eq!(decode(&row), Some(wanted));
        }
    }

    #[test]
    fn what_this_library_did_not_write_is_told() {
        let row =
            [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(decode(&row).is_some());
        assert_eq!(decode(row.split_last().unwrap().1), None, "cut short");
        for (place, wrong) in [(7, 0), (8, 2), (17, 2), (23, 7)] {
            let mut row = row;
            row[place] = wrong;
            assert_eq!(decode(&row), None, "byte {place}");
        }
    }
}
