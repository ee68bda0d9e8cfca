//! Checks of `scan`.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};

use mfa_core::id::SubjectKey;

use super::Stores;
use super::drive::race;
use super::failure::{Broken, Checked, ensure, same};
use super::fixture::{commit, erase, key, write};
use crate::{Expected, ScanFilter, Storage, Version, Write};

pub(super) async fn scan_lists_each_record_once<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    commit(&store, &SubjectKey::system("canary")?, Expected::Absent, write(0, "ours", 0)).await?;
    let mut standing = BTreeSet::new();
    for name in ["b", "a", "ü", "B", "a ", "z", "aa", "é", "\u{10FFFF}", "\u{FFFF}"] {
        for tenant in ["t", "t2", "T", "é", "s"] {
            let key = key(tenant, name)?;
            commit(&store, &key, Expected::Absent, write(0, name, 0)).await?;
            standing.insert(key);
        }
    }
    let wanted: Vec<_> = standing.iter().cloned().collect();
    for limit in [1, 3, 50, 51, usize::MAX] {
        same(&format!("pages of {limit}"), &keys(&store, limit, ScanFilter::default()).await?, &wanted)?;
    }
    same("a limit of 0", &store.scan(None, 0, ScanFilter::default()).await?.len(), &0)?;
    Ok(())
}

pub(super) async fn scan_meets_what_stands_while_others_write<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    let mut standing = Vec::new();
    for number in 0..STANDING {
        let key = key("t", &format!("{number:02}"))?;
        commit(&store, &key, Expected::Absent, write(number, "stands", 0)).await?;
        standing.push(key);
    }
    // Records are replaced, and others made and erased between them.
    let writing = AtomicBool::new(true);
    let answers = race(stores, 3, |thread| {
        let (store, standing, writing) = (&store, &standing, &writing);
        async move {
            if thread == 0 {
                let outcome = disturb(store, standing).await;
                writing.store(false, Ordering::SeqCst);
                return outcome;
            }
            while writing.load(Ordering::SeqCst) {
                let found = keys(store, 3, ScanFilter::default()).await?;
                ensure(found.is_sorted_by(|a, b| a < b), || {
                    "a scan was out of order, or listed a key twice".to_owned()
                })?;
                let missed = standing.iter().filter(|key| !found.contains(key)).count();
                ensure(missed == 0, || format!("a scan missed {missed} records that stood throughout"))?;
            }
            Ok(())
        }
    });
    answers.into_iter().collect::<Checked>()?;
    same("after all that", &keys(&store, 7, ScanFilter::default()).await?, &standing)
}

async fn disturb<S: Storage>(store: &S, standing: &[SubjectKey]) -> Checked {
    let mut passing = VecDeque::new();
    for (number, standing) in (0..).zip(standing) {
        commit(store, standing, Expected::At(Version::FIRST), write(number, "again", 0)).await?;
        let key = key("t", &format!("{number:02} passing"))?;
        commit(store, &key, Expected::Absent, write(number, "passing", 0)).await?;
        passing.push_back(key);
        if passing.len() > 5 {
            erase_next(store, &mut passing).await?;
        }
    }
    while !passing.is_empty() {
        erase_next(store, &mut passing).await?;
    }
    Ok(())
}

async fn erase_next<S: Storage>(store: &S, passing: &mut VecDeque<SubjectKey>) -> Checked {
    let Some(key) = passing.pop_front() else { return Ok(()) };
    erase(store, &key, Expected::At(Version::FIRST), write(0, "gone", 0)).await.map(drop)
}

pub(super) async fn scan_lists_what_the_filter_admits<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    for number in 0..24_u32 {
        let mut write: Write = write(number.into(), "a", 0);
        write.summary.enrolled = number.is_multiple_of(2);
        write.summary.key_id = number % 3;
        commit(&store, &key("t", &format!("{number:02}"))?, Expected::Absent, write).await?;
    }
    for enrolled in [None, Some(true), Some(false)] {
        for not_sealed_by in [None, Some(0), Some(2), Some(77)] {
            let filter = ScanFilter { enrolled, not_sealed_by, ..ScanFilter::default() };
            let admitted = |number: &u32| {
                enrolled.is_none_or(|enrolled| enrolled == (number.is_multiple_of(2)))
                    && not_sealed_by.is_none_or(|id| id != number % 3)
            };
            let wanted = (0..24).filter(admitted).map(|number| key("t", &format!("{number:02}")));
            let wanted = wanted.collect::<Result<Vec<_>, Broken>>()?;
            same(&format!("{filter:?}"), &keys(&store, 4, filter).await?, &wanted)?;
            let page = store.scan(None, 4, filter).await?;
            same(&format!("the first page of 4 for {filter:?}"), &page.len(), &wanted.len().min(4))?;
        }
    }
    Ok(())
}

/// The keys of a whole scan, `limit` at a time.
async fn keys<S: Storage>(store: &S, limit: usize, filter: ScanFilter) -> Result<Vec<SubjectKey>, Broken> {
    let mut all: Vec<SubjectKey> = Vec::new();
    loop {
        let page = store.scan(all.last(), limit, filter).await?;
        ensure(page.len() <= limit, || {
            format!("scan answered {} records to a limit of {limit}", page.len())
        })?;
        ensure(all.len() < MANY, || "a scan does not come to an end".to_owned())?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page.into_iter().map(|(key, _)| key));
    }
}

const MANY: usize = 10_000;
const STANDING: u64 = 50;
