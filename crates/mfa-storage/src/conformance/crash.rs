//! What is there after a crash, and after a reply that was lost.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use mfa_core::id::SubjectKey;

use super::drive::race;
use super::failure::{Broken, Checked, ensure, same};
use super::fixture::{
    NOW, bucket, commit, everything, granted, reservation_id, spending, stored, stream, subject, write,
};
use super::{CrashPoint, CrashPoints, Stores};
use crate::{
    Bucket, CommitOutcome, Durability, Expected, ScanFilter, Snapshot, SpendOutcome, Storage, StorageError,
    StoredEvent, Version, Write,
};

pub(super) async fn acknowledged_commits_survive_a_crash<S: Stores>(stores: &S) -> Checked {
    // The last time when all is done and nothing under way.
    for steps in [1, 7, 60, usize::MAX] {
        let store = stores.empty().await?;
        let progress = Progress::default();
        let mut outcomes = race(stores, WRITERS.saturating_add(1), |thread| {
            let (store, progress) = (&store, &progress);
            async move {
                match thread.checked_sub(1) {
                    None => crash_after(stores, store, progress, steps).await,
                    Some(writer) => work(store, progress, writer).await.map(|()| None),
                }
            }
        })
        .into_iter();
        let crashed = outcomes.next().transpose()?.flatten();
        outcomes.try_for_each(|outcome| outcome.map(drop))?;
        let Some((found, before)) = crashed else {
            return Err(Broken::skipped("these stores cannot be crashed"));
        };
        let durable = store.durability() == Durability::Durable;
        let after = progress.snapshot();
        for (writer, (before, after)) in before.iter().zip(&after).enumerate() {
            let acknowledged = if durable { *before } else { Work::default() };
            holds(&found, writer, acknowledged, *after).await?;
        }
    }
    Ok(())
}

/// What one writer has done, or has set out to do.
#[derive(Clone, Copy, Debug, Default)]
struct Steps {
    commits: u64,
    spendings: u64,
    refunds: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Work {
    attempted: Steps,
    acknowledged: Steps,
}

/// What the writers have done, for the thread that crashes the store.
#[derive(Default)]
struct Progress {
    work: Mutex<[Work; WRITERS]>,
    acknowledged: AtomicUsize,
    ended: AtomicUsize,
    crashing: AtomicBool,
    stop: AtomicBool,
}

impl Progress {
    fn snapshot(&self) -> [Work; WRITERS] {
        *self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, writer: usize, note: impl Fn(&mut Work)) {
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        work.get_mut(writer).into_iter().for_each(note);
    }

    /// Counts one step of `writer` in `steps`, before and after it is made.
    async fn step<T>(
        &self,
        writer: usize,
        steps: impl Fn(&mut Steps) -> &mut u64,
        step: impl Future<Output = Result<T, StorageError>>,
    ) -> Result<T, StorageError> {
        let count = |steps: &mut u64| *steps = steps.saturating_add(1);
        self.note(writer, |work| count(steps(&mut work.attempted)));
        let answer = step.await?;
        self.note(writer, |work| count(steps(&mut work.acknowledged)));
        self.acknowledged.fetch_add(1, Ordering::SeqCst);
        Ok(answer)
    }
}

/// Waits until `steps` were acknowledged, then crashes the store. Answers what was found, and what had been
/// acknowledged before.
async fn crash_after<S: Stores>(
    stores: &S,
    store: &S::Store,
    progress: &Progress,
    steps: usize,
) -> Result<Option<(S::Store, [Work; WRITERS])>, Broken> {
    let waiting = || progress.acknowledged.load(Ordering::SeqCst) < steps;
    while waiting() && progress.ended.load(Ordering::SeqCst) < WRITERS {
        thread::yield_now();
    }
    let before = progress.snapshot();
    progress.crashing.store(true, Ordering::SeqCst);
    let found = stores.crash(store).await;
    progress.stop.store(true, Ordering::SeqCst);
    Ok(found?.map(|found| (found, before)))
}

/// Commits, erases, spends and gives back until told to stop, or until the crash is felt.
async fn work<S: Storage>(store: &S, progress: &Progress, writer: usize) -> Checked {
    let (subject, number) = (subject(writer)?, wide(writer));
    for turn in 1..=MOST_TURNS {
        if progress.stop.load(Ordering::SeqCst) {
            break;
        }
        let made = one_turn(store, progress, (writer, number), &subject, turn).await;
        // Once the crash has begun, an error is what it looks like from here.
        if let Err(error) = made {
            progress.ended.fetch_add(1, Ordering::SeqCst);
            return if progress.crashing.load(Ordering::SeqCst) { Ok(()) } else { Err(error.into()) };
        }
    }
    progress.ended.fetch_add(1, Ordering::SeqCst);
    Ok(())
}

async fn one_turn<S: Storage>(
    store: &S,
    progress: &Progress,
    (writer, number): (usize, u64),
    subject: &SubjectKey,
    turn: u64,
) -> Result<(), StorageError> {
    let (expected, write) = (expected(turn), turn_write(number, turn));
    let _: CommitOutcome = match is_erasure(turn) {
        true => progress.step(writer, |s| &mut s.commits, store.erase(subject, expected, write)).await?,
        false => progress.step(writer, |s| &mut s.commits, store.commit(subject, expected, write)).await?,
    };
    let spend = spending(reservation(number, turn), &[budget(writer)]);
    let _ = progress.step(writer, |s| &mut s.spendings, store.spend(&spend, NOW)).await?;
    // The reservation of every third turn is given back.
    if turn.is_multiple_of(3) {
        let spent = reservation_id(reservation(number, turn));
        progress.step(writer, |s| &mut s.refunds, store.refund(&spent, NOW)).await?;
    }
    Ok(())
}

fn expected(turn: u64) -> Expected {
    match turn.saturating_sub(1) {
        0 => Expected::Absent,
        version => Expected::At(Version::new(version)),
    }
}

fn turn_write(number: u64, turn: u64) -> Write {
    let events = usize::try_from(turn & 3).unwrap_or_default();
    write(number, &format!("writer {number}, turn {turn}"), events)
}

fn is_erasure(turn: u64) -> bool {
    turn.is_multiple_of(4)
}

/// More than all turns spend, so that each spending is granted and all of them can be counted.
fn budget(writer: usize) -> Bucket {
    bucket(u8::try_from(writer).unwrap_or_default(), BURST)
}

fn reservation(number: u64, turn: u64) -> u64 {
    (number << 32) | turn
}

/// Holds what was found after a crash to what one writer was told before, and had set out to do by the end.
async fn holds<S: Storage>(found: &S, writer: usize, before: Work, after: Work) -> Checked {
    let (subject, number) = (subject(writer)?, wide(writer));
    let snapshot = found.load(&subject).await?;
    let version = snapshot.as_ref().map_or(0, |snapshot| snapshot.version.get());
    let (least, most) = (before.acknowledged.commits, after.attempted.commits);
    ensure((least..=most).contains(&version), || {
        format!(
            "{least} commits were acknowledged and {most} begun; version {version} is there after a crash"
        )
    })?;
    let wanted = (version > 0).then(|| {
        let Write { sealed, summary, .. } = turn_write(number, version);
        Snapshot { version: Version::new(version), sealed, summary }
    });
    same("a record after a crash", &snapshot, &wanted)?;
    let mut events = everything(found).await?;
    events.retain(|event| event.stream == stream(number));
    let turns = (1..=version).flat_map(|turn| stored(&turn_write(number, turn), Version::new(turn)));
    same("its events", &events, &turns.collect::<Vec<StoredEvent>>())?;
    let listed = found.scan(None, usize::MAX, ScanFilter::default()).await?;
    let listed = listed.iter().any(|(key, _)| *key == subject);
    same("whether a scan lists it", &listed, &(version > 0 && !is_erasure(version)))?;
    budgets_hold(found, writer, before, after).await?;
    // Life goes on where it was.
    let next = version.saturating_add(1);
    commit(found, &subject, expected(next), turn_write(number, next)).await.map(drop)
}

async fn budgets_hold<S: Storage>(found: &S, writer: usize, before: Work, after: Work) -> Checked {
    let number = wide(writer);
    let left = granted(found, budget(writer), probes(number), NOW).await?;
    let spent = u64::from(BURST).saturating_sub(wide(left));
    let least = before.acknowledged.spendings.saturating_sub(after.attempted.refunds);
    let most = after.attempted.spendings.saturating_sub(before.acknowledged.refunds);
    ensure((least..=most).contains(&spent), || {
        format!("{least} to {most} units were spent and not given back; after a crash {spent} were")
    })?;
    // The bucket is empty now: whoever is granted was known, whoever was given back is known too.
    let last_refund = before.acknowledged.refunds.saturating_mul(3);
    for turn in 1..=before.acknowledged.spendings {
        let answer = found.spend(&spending(reservation(number, turn), &[budget(writer)]), NOW).await;
        let given_back = turn.is_multiple_of(3);
        let known = match &answer {
            Ok(SpendOutcome::Granted) => !given_back || turn > last_refund,
            Ok(SpendOutcome::Exhausted { .. }) => false,
            Err(_) => given_back,
        };
        ensure(known, || format!("an acknowledged reservation answers {answer:?} after a crash"))?;
    }
    Ok(())
}

fn probes(number: u64) -> std::ops::Range<u64> {
    let first = (number << 32) | (1 << 24);
    first..first.saturating_add(u64::from(BURST)).saturating_add(1)
}

pub(super) async fn a_lost_reply_can_be_asked_for_again<S: Stores>(stores: &S) -> Checked {
    for point in [CrashPoint::Before, CrashPoint::After] {
        let applied = point == CrashPoint::After;
        let crashing = CrashPoints::new(stores.empty().await?);
        let subject = subject("a")?;
        let (living, tombstone) = (write(1, "living", 2), write(1, "tombstone", 1));

        crashing.arm(point, 1);
        lost(&crashing.commit(&subject, Expected::Absent, living.clone()).await)?;
        let again = crashing.commit(&subject, Expected::Absent, living.clone()).await?;
        same("a commit whose reply was lost, again", &again, &settled(applied, Version::FIRST))?;
        crashing.arm(point, 1);
        let first = Expected::At(Version::FIRST);
        lost(&crashing.erase(&subject, first, tombstone.clone()).await)?;
        let again = crashing.erase(&subject, first, tombstone.clone()).await?;
        same("an erasure whose reply was lost, again", &again, &settled(applied, first.next()))?;
        let events = [stored(&living, Version::FIRST), stored(&tombstone, first.next())].concat();
        same("the events of both, once each", &everything(&crashing).await?, &events)?;

        let (bucket, spend) = (bucket(1, 3), spending(1, &[bucket(1, 3)]));
        crashing.arm(point, 1);
        lost(&crashing.spend(&spend, NOW).await)?;
        let again = crashing.spend(&spend, NOW).await?;
        same("a spending whose reply was lost, again", &again, &SpendOutcome::Granted)?;
        same("what is left of a burst of 3", &granted(&crashing, bucket, 10..19, NOW).await?, &2)?;
        crashing.arm(point, 1);
        lost(&crashing.refund(&reservation_id(1), NOW).await)?;
        crashing.refund(&reservation_id(1), NOW).await?;
        same("what came back", &granted(&crashing, bucket, 20..29, NOW).await?, &1)?;
    }
    Ok(())
}

fn settled(applied: bool, version: Version) -> CommitOutcome {
    if applied { CommitOutcome::Conflict } else { CommitOutcome::Committed { version } }
}

fn lost<T>(answer: &Result<T, StorageError>) -> Checked {
    ensure(answer.is_err(), || "a crash point was not reached".to_owned())
}

pub(super) async fn a_dropped_erasure_or_spending_happens_in_full_or_not_at_all<S: Stores>(
    stores: &S,
) -> Checked {
    let crashing = CrashPoints::new(stores.empty().await?);
    let mut tombstones = BTreeMap::new();
    for round in 0..ROUNDS {
        let subject = subject(round)?;
        let (living, tombstone, again) = (write(round, "a", 1), write(round, "b", 2), write(round, "c", 1));
        let first = Expected::At(commit(&crashing, &subject, Expected::Absent, living.clone()).await?);
        crashing.arm(CrashPoint::Dropped, one_to_four(round));
        let dropped = crashing.erase(&subject, first, tombstone.clone()).await.is_err();
        let second = match crashing.erase(&subject, first, again.clone()).await? {
            CommitOutcome::Committed { .. } if dropped => again,
            _ => tombstone,
        };
        let sealed = crashing.load(&subject).await?.map(|snapshot| snapshot.sealed);
        same("what stands after a dropped erasure", &sealed, &Some(second.sealed.clone()))?;
        let events = [stored(&living, Version::FIRST), stored(&second, first.next())].concat();
        tombstones.insert(*living.stream.as_bytes(), events);
        dropped_spending(&crashing, round).await?;
    }
    same("records that a scan lists", &crashing.scan(None, 9, ScanFilter::default()).await?, &Vec::new())?;
    let mut streams = BTreeMap::<_, Vec<StoredEvent>>::new();
    for event in everything(&crashing).await? {
        streams.entry(*event.stream.as_bytes()).or_default().push(event);
    }
    same("the events", &streams, &tombstones)
}

/// A spending is dropped and asked for again, then its refund: one unit is gone, then none.
async fn dropped_spending<S: Storage>(crashing: &CrashPoints<S>, round: u64) -> Checked {
    let bucket = bucket(u8::try_from(round).unwrap_or_default(), 3);
    let numbers = |from: u64| (round << 16) | from..(round << 16) | from.saturating_add(6);
    let spend = spending(round << 16, &[bucket]);
    crashing.arm(CrashPoint::Dropped, one_to_four(round));
    let _dropped_or_not = crashing.spend(&spend, NOW).await;
    same("a dropped spending, again", &crashing.spend(&spend, NOW).await?, &SpendOutcome::Granted)?;
    same("what it left of a burst of 3", &granted(crashing, bucket, numbers(1), NOW).await?, &2)?;
    crashing.arm(CrashPoint::Dropped, one_to_four(round));
    let _dropped_or_not = crashing.refund(&spend.reservation, NOW).await;
    crashing.refund(&spend.reservation, NOW).await?;
    same("what came back", &granted(crashing, bucket, numbers(11), NOW).await?, &1)
}

fn one_to_four(round: u64) -> usize {
    usize::try_from(round & 3).unwrap_or_default().saturating_add(1)
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

const WRITERS: usize = 4;
/// A writer whose crash never comes ends by itself.
const MOST_TURNS: u64 = 40;
const BURST: u32 = 42;
const ROUNDS: u64 = 16;
