//! A store over plain maps whose every call waits until the schedule says what it meets.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use mfa::UnixSeconds;
use mfa::storage::{
    CommitOutcome, Cursor, Durability, Expected, Operation, ScanFilter, Snapshot, Spend, SpendOutcome,
    Storage, StorageError, StoredEvent, Version, Write,
};
use mfa_core::id::{ReservationId, SubjectKey};

/// What a call wants of the store.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Of one row, or of more than that.
    Read(Operation, Option<SubjectKey>),
    Write(Operation, SubjectKey, Expected),
}

/// What a call meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Meets {
    /// The store does what its contract says.
    Applied,
    /// A commit is answered `Conflict` and nothing was written.
    Conflict,
    /// An error, and nothing was written.
    FailedBefore,
    /// An error, and everything was written: the reply is lost.
    FailedAfter,
    /// The caller is gone before the store did anything.
    DroppedBefore,
    /// The caller is gone, and the store did everything.
    DroppedAfter,
}

/// Everything stored. Cheap to clone: a subject or two, a score of events.
#[derive(Clone, Default)]
pub struct Tables {
    rows: BTreeMap<SubjectKey, Row>,
    pub events: Vec<StoredEvent>,
    /// Every commit there ever was, with the number of its events.
    pub commits: Vec<(SubjectKey, Version, usize)>,
    /// Reservations that were granted and not given back.
    pub spent: BTreeSet<[u8; 16]>,
}

#[derive(Clone)]
struct Row {
    snapshot: Snapshot,
    erased: bool,
}

impl Row {
    fn hash_into(&self, hasher: &mut DefaultHasher) {
        self.snapshot.version.hash(hasher);
        self.snapshot.sealed.hash(hasher);
        self.erased.hash(hasher);
    }
}

impl Tables {
    /// What a commit with this expectation would be answered.
    fn admits(&self, subject: &SubjectKey, expected: Expected) -> bool {
        let found = self.rows.get(subject).map(|row| row.snapshot.version);
        expected == found.map_or(Expected::Absent, Expected::At)
    }

    fn replace(
        &mut self,
        subject: &SubjectKey,
        expected: Expected,
        write: Write,
        erased: bool,
    ) -> CommitOutcome {
        if !self.admits(subject, expected) {
            return CommitOutcome::Conflict;
        }
        let version = expected.next();
        self.commits.push((subject.clone(), version, write.events.len()));
        let stored = (0..).zip(write.events).map(|(index, event)| StoredEvent {
            stream: write.stream,
            version,
            index,
            at: event.at,
            payload: event.payload,
        });
        self.events.extend(stored);
        let snapshot = Snapshot { version, sealed: write.sealed, summary: write.summary };
        self.rows.insert(subject.clone(), Row { snapshot, erased });
        CommitOutcome::Committed { version }
    }

    /// The row of a subject is gone, without a trace that the engine could see.
    pub fn lose(&mut self, subject: &SubjectKey) {
        self.rows.remove(subject).unwrap();
    }

    /// One bit of the row's sealed record is another.
    pub fn alter(&mut self, subject: &SubjectKey) {
        let sealed = &mut self.rows.get_mut(subject).unwrap().snapshot.sealed;
        let middle = sealed.len() / 2;
        sealed[middle] ^= 1;
    }

    /// Equal for equal contents.
    pub fn hash_into(&self, hasher: &mut DefaultHasher) {
        for (key, row) in &self.rows {
            key.hash(hasher);
            row.hash_into(hasher);
        }
        for event in &self.events {
            event.payload.hash(hasher);
            (event.version, event.index).hash(hasher);
        }
        self.commits.hash(hasher);
        self.spent.hash(hasher);
    }
}

#[derive(Default)]
struct State {
    tables: Tables,
    is_scheduled: bool,
    asked: Option<Ask>,
    meets: Option<Meets>,
}

/// The handle; clones share one store. Not scheduled, it does at once what it is asked.
#[derive(Clone, Default)]
pub struct SimStore(Arc<Mutex<State>>);

impl SimStore {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// From now on every call waits for its answer.
    pub fn schedule(&self) {
        self.state().is_scheduled = true;
    }

    pub fn put(&self, tables: Tables) {
        self.state().tables = tables;
    }

    pub fn tables(&self) -> Tables {
        self.state().tables.clone()
    }

    /// How many commits there were.
    pub fn commits(&self) -> usize {
        self.state().tables.commits.len()
    }

    /// What the caller that was polled last waits for.
    pub fn asked(&self) -> Option<Ask> {
        self.state().asked.take()
    }

    /// What the call that is polled next meets.
    pub fn answer(&self, meets: Meets) {
        self.state().meets = Some(meets);
    }

    /// Everything that this call can meet, `Applied` first. Where two faults could not be told apart by anybody (a
    /// read has nothing to apply, nor has a commit that meets a real conflict), only one is listed.
    pub fn can_meet(&self, ask: &Ask) -> &'static [Meets] {
        match ask {
            Ask::Write(_, subject, expected) if self.state().tables.admits(subject, *expected) => &[
                Meets::Applied,
                Meets::Conflict,
                Meets::FailedBefore,
                Meets::FailedAfter,
                Meets::DroppedBefore,
                Meets::DroppedAfter,
            ],
            _ => &[Meets::Applied, Meets::FailedBefore, Meets::DroppedBefore],
        }
    }

    /// Equal for equal contents.
    pub fn hash_into(&self, hasher: &mut DefaultHasher) {
        self.state().tables.hash_into(hasher);
    }

    /// Equal for calls that are answered the same by what they meet.
    pub fn hash_answer_into(&self, ask: &Ask, hasher: &mut DefaultHasher) {
        let state = self.state();
        match ask {
            Ask::Read(_, Some(subject)) => {
                if let Some(row) = state.tables.rows.get(subject) {
                    row.hash_into(hasher);
                }
            }
            Ask::Read(..) => state.tables.hash_into(hasher),
            Ask::Write(_, subject, expected) => state.tables.admits(subject, *expected).hash(hasher),
        }
    }

    /// Waits for its turn, and then does and answers what the schedule says.
    async fn call<T>(
        &self,
        ask: Ask,
        conflict: Option<T>,
        apply: impl FnOnce(&mut Tables) -> T,
    ) -> Result<T, StorageError> {
        let operation = match ask {
            Ask::Read(operation, _) | Ask::Write(operation, ..) => operation,
        };
        let lost = || StorageError::transient(operation, "planted fault");
        match (Turn { store: self, ask: Some(ask) }).await {
            Meets::Applied => Ok(apply(&mut self.state().tables)),
            Meets::Conflict => conflict.ok_or_else(lost),
            Meets::FailedBefore => Err(lost()),
            Meets::FailedAfter => {
                apply(&mut self.state().tables);
                Err(lost())
            }
            Meets::DroppedBefore => std::future::pending().await,
            Meets::DroppedAfter => {
                apply(&mut self.state().tables);
                std::future::pending().await
            }
        }
    }

    async fn read<T>(
        &self,
        operation: Operation,
        row: Option<&SubjectKey>,
        find: impl FnOnce(&mut Tables) -> T,
    ) -> Result<T, StorageError> {
        self.call(Ask::Read(operation, row.cloned()), None, find).await
    }

    async fn write(
        &self,
        operation: Operation,
        subject: &SubjectKey,
        expected: Expected,
        write: Write,
    ) -> Result<CommitOutcome, StorageError> {
        let ask = Ask::Write(operation, subject.clone(), expected);
        let erases = operation == Operation::Erase;
        let replace = |tables: &mut Tables| tables.replace(subject, expected, write, erases);
        self.call(ask, Some(CommitOutcome::Conflict), replace).await
    }
}

/// The wait of one call for its turn.
struct Turn<'a> {
    store: &'a SimStore,
    ask: Option<Ask>,
}

impl Future for Turn<'_> {
    type Output = Meets;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Meets> {
        let store = self.store;
        let mut state = store.state();
        if !state.is_scheduled {
            return Poll::Ready(Meets::Applied);
        }
        if let Some(ask) = self.ask.take() {
            state.asked = Some(ask);
            return Poll::Pending;
        }
        state.meets.take().map_or(Poll::Pending, Poll::Ready)
    }
}

impl Storage for SimStore {
    async fn load(&self, subject: &SubjectKey) -> Result<Option<Snapshot>, StorageError> {
        let find = |tables: &mut Tables| tables.rows.get(subject).map(|row| row.snapshot.clone());
        self.read(Operation::Load, Some(subject), find).await
    }

    async fn commit(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        write: Write,
    ) -> Result<CommitOutcome, StorageError> {
        self.write(Operation::Commit, subject, expected, write).await
    }

    async fn erase(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        tombstone: Write,
    ) -> Result<CommitOutcome, StorageError> {
        self.write(Operation::Erase, subject, expected, tombstone).await
    }

    async fn feed(&self, cursor: Cursor, limit: usize) -> Result<(Vec<StoredEvent>, Cursor), StorageError> {
        self.read(Operation::Feed, None, |tables| {
            let from = usize::try_from(cursor.get()).unwrap();
            let events: Vec<_> = tables.events.iter().skip(from).take(limit).cloned().collect();
            let next = Cursor::new((from + events.len()) as u64);
            (events, next)
        })
        .await
    }

    async fn scan(
        &self,
        after: Option<&SubjectKey>,
        limit: usize,
        filter: ScanFilter,
    ) -> Result<Vec<(SubjectKey, Snapshot)>, StorageError> {
        self.read(Operation::Scan, None, |tables| {
            let rows = tables.rows.iter().filter(|(key, row)| {
                after.is_none_or(|after| *key > after)
                    && filter.admits(key, &row.snapshot.summary, row.erased)
            });
            rows.take(limit).map(|(key, row)| (key.clone(), row.snapshot.clone())).collect()
        })
        .await
    }

    /// There is always a unit; how many are spent is noted.
    async fn spend(&self, spend: &Spend, _: UnixSeconds) -> Result<SpendOutcome, StorageError> {
        self.read(Operation::Spend, None, |tables| {
            tables.spent.insert(*spend.reservation.as_bytes());
            SpendOutcome::Granted
        })
        .await
    }

    async fn refund(&self, reservation: &ReservationId, _: UnixSeconds) -> Result<(), StorageError> {
        self.read(Operation::Refund, None, |tables| _ = tables.spent.remove(reservation.as_bytes())).await
    }

    async fn prune(&self, _: UnixSeconds) -> Result<(), StorageError> {
        panic!("no ceremony here prunes; teach the store before one does")
    }

    fn durability(&self) -> Durability {
        Durability::Durable
    }
}
