//! The checks of batches themselves.

use std::sync::atomic::{AtomicU64, Ordering};

use mfa_core::id::SubjectKey;

use super::Stores;
use super::drive::{poll_at_most, race};
use super::failure::{Broken, Checked, ensure, same};
use super::fixture::{commit, everything, stored, subject, write};
use crate::{
    BatchStorage, Commit, CommitOutcome, Durability, Expected, Storage, StorageError, Version, Write,
};

pub(super) async fn answers_come_in_the_order_asked<S: Stores<Store: BatchStorage>>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    same("answers to no loads", &store.load_many(&[]).await.len(), &0)?;
    same("answers to no commits", &store.commit_many(Vec::new()).await.len(), &0)?;
    // Every third expects a record that is not there.
    let refused = |number: u64| number.is_multiple_of(3);
    let expected = |number| if refused(number) { Expected::At(Version::FIRST) } else { Expected::Absent };
    let item = |number| {
        let write = write(number, &content(number), 1);
        Ok(Commit { subject: subject(number)?, expected: expected(number), write })
    };
    let items = (0..ITEMS).map(item).collect::<Result<Vec<_>, Broken>>()?;
    let outcomes = settle(store.commit_many(items).await)?;
    let first = CommitOutcome::Committed { version: Version::FIRST };
    let wanted = |number| if refused(number) { CommitOutcome::Conflict } else { first };
    same("the outcomes of a batch", &outcomes, &(0..ITEMS).map(wanted).collect())?;

    // Backwards, and the first again.
    let asked = || (0..ITEMS).rev().chain([0, 1, 1]);
    let subjects = asked().map(subject).collect::<Result<Vec<_>, _>>()?;
    let found = settle(store.load_many(&subjects).await)?;
    let found: Vec<_> = found.into_iter().map(|found| found.map(|found| found.sealed)).collect();
    let wanted = |number| (!refused(number)).then(|| content(number).into_bytes());
    same("the records of a batch", &found, &asked().map(wanted).collect())?;
    let events = everything(&store).await?;
    let committed = (0..ITEMS).filter(|number| !refused(*number));
    for number in committed.clone() {
        let wanted = stored(&write(number, &content(number), 1), Version::FIRST);
        ensure(wanted.iter().all(|event| events.contains(event)), || {
            "an item came without its event".into()
        })?;
    }
    same("how many events there are", &events.len(), &committed.count())
}

pub(super) async fn one_bad_item_fails_alone<S: Stores<Store: BatchStorage>>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    let taken = write(1000, "owner", 1);
    commit(&store, &subject("owner")?, Expected::Absent, taken.clone()).await?;
    for round in 0..ITEMS {
        let mut items = Vec::new();
        for number in 0..5 {
            let stream = round.saturating_mul(5).saturating_add(number);
            let write = write(stream, &content(stream), 1);
            items.push(Commit { subject: subject(stream)?, expected: Expected::Absent, write });
        }
        // Another subject's stream: a backend may refuse that with an error, and then nothing of it stands.
        let bad = usize::try_from(round % 5).unwrap_or_default();
        let Some(item) = items.get_mut(bad) else { continue };
        item.write = taken.clone();
        let asked = items.clone();
        let answers = store.commit_many(items).await;
        same("how many answers there are", &answers.len(), &asked.len())?;
        for (place, (item, answer)) in asked.iter().zip(answers).enumerate() {
            let found = store.load(&item.subject).await?;
            if place == bad && answer.is_err() {
                same("the record of an item that was refused", &found, &None)?;
                continue;
            }
            let version = Version::FIRST;
            same("a good item beside a bad one", &answer?, &CommitOutcome::Committed { version })?;
            let sealed = found.map(|found| found.sealed);
            same("the record of a good item", &sealed, &Some(item.write.sealed.clone()))?;
        }
    }
    Ok(())
}

pub(super) async fn load_many_sees_acknowledged_commits<S: Stores<Store: BatchStorage>>(
    stores: &S,
) -> Checked {
    let store = stores.empty().await?;
    let subjects = (0..4).map(subject).collect::<Result<Vec<_>, _>>()?;
    let acknowledged: Vec<AtomicU64> = subjects.iter().map(|_| AtomicU64::new(0)).collect();
    let answers = race(stores, 4, |thread| {
        let (store, subjects, acknowledged) = (&store, &subjects, &acknowledged);
        async move {
            for round in 0..ROUNDS {
                let before: Vec<u64> = acknowledged.iter().map(|seen| seen.load(Ordering::SeqCst)).collect();
                let found = settle(store.load_many(subjects).await)?;
                let found = found.into_iter().map(|found| found.map_or(0, |found| found.version.get()));
                for (found, before) in found.zip(before) {
                    ensure(found >= before, || {
                        format!("load_many answered version {found} after {before} was acknowledged")
                    })?;
                }
                if thread == 0 {
                    next_version_of_all(store, subjects, round).await?;
                    let version = round.saturating_add(1);
                    acknowledged.iter().for_each(|seen| seen.store(version, Ordering::SeqCst));
                }
            }
            Ok(())
        }
    });
    answers.into_iter().collect()
}

async fn next_version_of_all<S: BatchStorage>(store: &S, subjects: &[SubjectKey], version: u64) -> Checked {
    let expected = if version == 0 { Expected::Absent } else { Expected::At(Version::new(version)) };
    let item = |(stream, subject): (u64, &SubjectKey)| {
        let write = write(stream, &content(version), 1);
        Commit { subject: subject.clone(), expected, write }
    };
    let outcomes = settle(store.commit_many((0..).zip(subjects).map(item).collect()).await)?;
    let wanted = CommitOutcome::Committed { version: expected.next() };
    same("a batch that nobody disturbs", &outcomes, &vec![wanted; subjects.len()])
}

pub(super) async fn each_subject_of_racing_batches_has_one_winner<S: Stores<Store: BatchStorage>>(
    stores: &S,
) -> Checked {
    let store = stores.empty().await?;
    for round in 0..ROUNDS {
        let numbers: Vec<u64> = (0..8).map(|number| round.saturating_mul(8).saturating_add(number)).collect();
        let attempt = |thread: usize, number: u64| write(number, &format!("{number} by {thread}"), 1);
        let outcomes: Vec<Result<Vec<CommitOutcome>, Broken>> = race(stores, 4, |thread| {
            let (store, numbers) = (&store, &numbers);
            async move {
                let mut items = Vec::new();
                for number in numbers {
                    let (subject, write) = (subject(number)?, attempt(thread, *number));
                    items.push(Commit { subject, expected: Expected::Absent, write });
                }
                // Opposite orders: whoever locks item by item waits for ever here.
                if thread & 1 == 0 {
                    return settle(store.commit_many(items).await);
                }
                items.reverse();
                let mut outcomes = settle(store.commit_many(items).await)?;
                outcomes.reverse();
                Ok(outcomes)
            }
        });
        let outcomes = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
        for (place, number) in numbers.iter().enumerate() {
            let won = |outcomes: &Vec<CommitOutcome>| {
                matches!(outcomes.get(place), Some(CommitOutcome::Committed { .. }))
            };
            let winners: Vec<usize> = (0..).zip(&outcomes).filter(|(_, o)| won(o)).map(|(w, _)| w).collect();
            let [winner] = *winners else {
                return ensure(false, || format!("{} of 4 batches won one subject", winners.len()));
            };
            stands(&store, *number, &attempt(winner, *number)).await?;
        }
    }
    Ok(())
}

pub(super) async fn each_item_of_a_dropped_batch_happens_in_full_or_not_at_all<
    S: Stores<Store: BatchStorage>,
>(
    stores: &S,
) -> Checked {
    let store = stores.empty().await?;
    for round in 0..ROUNDS {
        let numbers = (0..4).map(|number| round.saturating_mul(4).saturating_add(number));
        let item = |number| {
            let write = write(number, "dropped", 2);
            Ok(Commit { subject: subject(number)?, expected: Expected::Absent, write })
        };
        let items = numbers.clone().map(item).collect::<Result<Vec<_>, Broken>>()?;
        let polls = usize::try_from(round & 3).unwrap_or_default().saturating_add(1);
        let _answered_or_dropped = poll_at_most(polls, store.commit_many(items)).await;
        for number in numbers {
            let second = write(number, "second", 2);
            // Settles it: once this has won, the dropped one no longer can.
            let outcome = store.commit(&subject(number)?, Expected::Absent, second.clone()).await?;
            let standing = match outcome {
                CommitOutcome::Committed { .. } => second,
                CommitOutcome::Conflict => write(number, "dropped", 2),
            };
            stands(&store, number, &standing).await?;
        }
    }
    Ok(())
}

pub(super) async fn acknowledged_batches_survive_a_crash<S: Stores<Store: BatchStorage>>(
    stores: &S,
) -> Checked {
    let store = stores.empty().await?;
    let mut items = Vec::new();
    for number in 0..ITEMS {
        let write = write(number, &content(number), 1);
        items.push(Commit { subject: subject(number)?, expected: Expected::Absent, write });
    }
    settle(store.commit_many(items).await)?;
    let Some(found) = stores.crash(&store).await? else {
        return Err(Broken::skipped("these stores cannot be crashed"));
    };
    if store.durability() != Durability::Durable {
        return Err(Broken::skipped("these stores do not promise to be durable"));
    }
    for number in 0..ITEMS {
        stands(&found, number, &write(number, &content(number), 1)).await?;
    }
    Ok(())
}

/// Whether the first version of the record of `number` is `write`, with its events and no others.
async fn stands<S: Storage>(store: &S, number: u64, write: &Write) -> Checked {
    let found = store.load(&subject(number)?).await?.map(|found| (found.version, found.sealed));
    same("what stands", &found, &Some((Version::FIRST, write.sealed.clone())))?;
    let mut events = everything(store).await?;
    events.retain(|event| event.stream == write.stream);
    same("its events", &events, &stored(write, Version::FIRST))
}

fn settle<T>(answers: Vec<Result<T, StorageError>>) -> Result<Vec<T>, Broken> {
    answers.into_iter().map(|answer| answer.map_err(Broken::from)).collect()
}

fn content(number: u64) -> String {
    format!("item {number}")
}

const ITEMS: u64 = 20;
const ROUNDS: u64 = 24;
