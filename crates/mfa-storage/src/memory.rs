//! The in-memory backend: every promise of the contract, for as long as the process lives.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mfa_core::id::{ReservationId, SubjectKey};
use mfa_core::time::UnixSeconds;
use thiserror::Error;

use crate::gcra::{self, ArrivalTime, Decision};
use crate::{
    BatchStorage, BucketKey, Commit, CommitOutcome, Cursor, Durability, Expected, Operation,
    ReservationRefunded, ScanFilter, Snapshot, Spend, SpendOutcome, Storage, StorageError, StoredEvent,
    Version, Write,
};

/// Keeps records in memory: for tests, demonstrations and hosts that may forget everything at a restart.
///
/// Clones share one store. One mutex guards it, so each call is one step; no call waits for anything else.
#[derive(Clone, Default)]
pub struct MemoryStorage(Arc<Mutex<State>>);

impl MemoryStorage {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// A panic elsewhere cannot leave the state half changed: nothing between two of its writes can panic.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows how much is stored and nothing of what.
impl fmt::Debug for MemoryStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("MemoryStorage")
            .field("records", &state.rows.len())
            .field("events", &state.events.len())
            .finish_non_exhaustive()
    }
}

impl Storage for MemoryStorage {
    async fn load(&self, subject: &SubjectKey) -> Result<Option<Snapshot>, StorageError> {
        Ok(self.state().rows.get(subject).map(|row| row.snapshot.clone()))
    }

    async fn commit(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        write: Write,
    ) -> Result<CommitOutcome, StorageError> {
        self.state()
            .replace(subject, expected, write, false)
            .map_err(|taken| StorageError::permanent(Operation::Commit, taken))
    }

    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Result<SpendOutcome, StorageError> {
        self.state().spend(spend, now)
    }

    async fn refund(&self, reservation: &ReservationId, now: UnixSeconds) -> Result<(), StorageError> {
        self.state().refund(reservation, now);
        Ok(())
    }

    async fn feed(&self, cursor: Cursor, limit: usize) -> Result<(Vec<StoredEvent>, Cursor), StorageError> {
        let state = self.state();
        let after = (Bound::Excluded(cursor.get()), Bound::Unbounded);
        let found = state.events.range(after).take(limit);
        let mut next = cursor;
        let mut events = Vec::new();
        for (position, event) in found {
            next = Cursor::new(*position);
            events.push(event.clone());
        }
        Ok((events, next))
    }

    async fn scan(
        &self,
        after: Option<&SubjectKey>,
        limit: usize,
        filter: ScanFilter,
    ) -> Result<Vec<(SubjectKey, Snapshot)>, StorageError> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        Ok(self
            .state()
            .rows
            .range::<SubjectKey, _>((from, Bound::Unbounded))
            .filter(|(key, row)| filter.admits(key, &row.snapshot.summary, row.erased))
            .take(limit)
            .map(|(key, row)| (key.clone(), row.snapshot.clone()))
            .collect())
    }

    async fn erase(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        tombstone: Write,
    ) -> Result<CommitOutcome, StorageError> {
        self.state()
            .replace(subject, expected, tombstone, true)
            .map_err(|taken| StorageError::permanent(Operation::Erase, taken))
    }

    async fn prune(&self, before: UnixSeconds) -> Result<(), StorageError> {
        self.state().prune(before);
        Ok(())
    }

    fn durability(&self) -> Durability {
        Durability::Durable
    }
}

/// Each batch under one hold of the lock.
impl BatchStorage for MemoryStorage {
    async fn load_many(&self, subjects: &[SubjectKey]) -> Vec<Result<Option<Snapshot>, StorageError>> {
        let state = self.state();
        let load = |subject| Ok(state.rows.get(subject).map(|row| row.snapshot.clone()));
        subjects.iter().map(load).collect()
    }

    async fn commit_many(&self, commits: Vec<Commit>) -> Vec<Result<CommitOutcome, StorageError>> {
        let mut state = self.state();
        let mut commit = |Commit { subject, expected, write }| {
            let outcome = state.replace(&subject, expected, write, false);
            outcome.map_err(|taken| StorageError::permanent(Operation::Commit, taken))
        };
        commits.into_iter().map(&mut commit).collect()
    }
}

#[derive(Default)]
struct State {
    rows: BTreeMap<SubjectKey, Row>,
    /// By position in the feed; positions are never used again.
    events: BTreeMap<u64, StoredEvent>,
    last_position: u64,
    /// Stream, version and index of every stored event: a stream belongs to one subject.
    taken: BTreeSet<([u8; 16], Version, u32)>,
    budgets: HashMap<BucketKey, ArrivalTime>,
    reservations: HashMap<[u8; 16], Reservation>,
}

struct Row {
    snapshot: Snapshot,
    erased: bool,
}

struct Reservation {
    spent: Vec<(BucketKey, Duration)>,
    spent_at: UnixSeconds,
    lapses_at: UnixSeconds,
    refunded: bool,
}

impl State {
    fn replace(
        &mut self,
        subject: &SubjectKey,
        expected: Expected,
        write: Write,
        erased: bool,
    ) -> Result<CommitOutcome, StreamTaken> {
        let found = match self.rows.get(subject) {
            None => Expected::Absent,
            Some(row) => Expected::At(row.snapshot.version),
        };
        if found != expected {
            return Ok(CommitOutcome::Conflict);
        }
        let version = expected.next();
        let stream = write.stream;
        let numbered = || (0_u32..).zip(&write.events);
        if numbered().any(|(index, _)| self.taken.contains(&(*stream.as_bytes(), version, index))) {
            return Err(StreamTaken);
        }
        for (index, event) in numbered() {
            self.last_position = self.last_position.saturating_add(1);
            self.taken.insert((*stream.as_bytes(), version, index));
            let event = StoredEvent { stream, version, index, at: event.at, payload: event.payload.clone() };
            self.events.insert(self.last_position, event);
        }
        let snapshot = Snapshot { version, sealed: write.sealed, summary: write.summary };
        self.rows.insert(subject.clone(), Row { snapshot, erased });
        Ok(CommitOutcome::Committed { version })
    }

    fn spend(&mut self, spend: &Spend, now: UnixSeconds) -> Result<SpendOutcome, StorageError> {
        match self.reservations.get(spend.reservation.as_bytes()) {
            Some(known) if known.refunded => {
                return Err(StorageError::permanent(Operation::Spend, ReservationRefunded));
            }
            Some(_) => return Ok(SpendOutcome::Granted),
            None => {}
        }
        let stored = |key: &BucketKey| Ok(self.budgets.get(key).copied());
        let granted = match gcra::decide::<StorageError>(&spend.buckets, now, stored)? {
            Decision::Granted(granted) => granted,
            Decision::Exhausted { index, until, brought_back } => {
                self.budgets.extend(brought_back);
                return Ok(SpendOutcome::Exhausted { index, until });
            }
        };
        self.budgets.extend(granted);
        let reservation = Reservation {
            spent: spend.buckets.iter().map(|bucket| (bucket.key, bucket.interval)).collect(),
            spent_at: now,
            lapses_at: now.plus(spend.lapses_after),
            refunded: false,
        };
        self.reservations.insert(*spend.reservation.as_bytes(), reservation);
        Ok(SpendOutcome::Granted)
    }

    fn refund(&mut self, reservation: &ReservationId, now: UnixSeconds) {
        let Some(known) = self.reservations.get_mut(reservation.as_bytes()) else { return };
        if known.refunded || now >= known.lapses_at {
            return;
        }
        known.refunded = true;
        for (key, interval) in &known.spent {
            if let Some(arrival) = self.budgets.get_mut(key) {
                *arrival = gcra::give_back(*arrival, *interval, known.spent_at, now);
            }
        }
    }

    fn prune(&mut self, before: UnixSeconds) {
        let taken = &mut self.taken;
        self.events.retain(|_, event| {
            let keep = event.at >= before;
            if !keep {
                taken.remove(&(*event.stream.as_bytes(), event.version, event.index));
            }
            keep
        });
        self.rows.retain(|_, row| !row.erased || row.snapshot.summary.updated_at >= before);
        self.reservations.retain(|_, reservation| reservation.lapses_at >= before);
        let before = before.get().saturating_mul(1000);
        self.budgets.retain(|_, arrival| arrival.as_millis() >= before);
    }
}

/// Two subjects under one pseudonym: the caller is broken, and nothing was written.
#[derive(Debug, Error)]
#[error("the event stream already holds an event of this version")]
struct StreamTaken;
