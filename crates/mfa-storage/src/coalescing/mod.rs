//! Group commit over any [`BatchStorage`]: calls that meet share a round trip.

mod lane;

use std::fmt;
use std::sync::Arc;

use mfa_core::id::{ReservationId, SubjectKey};
use mfa_core::time::UnixSeconds;

use crate::{
    BatchStorage, Commit, CommitOutcome, Cursor, Durability, Expected, Operation, ScanFilter, Snapshot,
    Spend, SpendOutcome, Storage, StorageError, StoredEvent, Write,
};
use lane::{Answers, Item, Lane, Limits};

/// A [`Storage`] whose concurrent loads, and whose concurrent commits, go together in one round trip each.
///
/// A call that meets nobody goes out at once and alone, by the plain [`Storage::load`] or [`Storage::commit`]: an idle
/// system waits for nothing. What arrives while a round trip is under way goes together in the next one. Loads and
/// commits do not wait for each other; every other call is passed on as it comes.
///
/// # Order
/// A load goes out after it was asked for, so it sees what was acknowledged before. Two commits of one subject are
/// never under way at once: the second waits for the next round trip.
///
/// # Dropped futures
/// There is no task and no thread behind this: whichever caller is polled drives the round trip for all. When one is
/// dropped the others carry on; what it had already handed over happens in full or not at all. When the last one
/// whose answer a round trip would bring is dropped, the backend's future is dropped with it.
///
/// # Errors
/// Each caller gets its own. A backend that panics, or answers fewer items than it was asked, is an error to everybody
/// whose answer is missing.
///
/// # Examples
/// ```
/// # use mfa_core::id::{SubjectId, SubjectKey, TenantId};
/// use mfa_storage::{Coalescing, MemoryStorage, Storage};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let storage = Coalescing::new(MemoryStorage::new()).max_batch(64);
/// let subject = SubjectKey::new(TenantId::new("acme")?, SubjectId::new("alice")?);
/// assert_eq!(pollster::block_on(storage.load(&subject))?, None);
/// # Ok(())
/// # }
/// ```
pub struct Coalescing<S: BatchStorage> {
    storage: Arc<S>,
    limits: Limits,
    loads: Arc<Lane<S, Load>>,
    commits: Arc<Lane<S, Commit>>,
}

impl<S: BatchStorage> Coalescing<S> {
    /// One round trip of each kind at a time, of up to 256 calls.
    pub fn new(storage: S) -> Self {
        Self::with(Arc::new(storage), Limits { batch: 256, flights: 1 })
    }

    /// How many calls share a round trip at most; 0 becomes 1.
    #[must_use]
    pub fn max_batch(self, calls: usize) -> Self {
        let limits = Limits { batch: calls.max(1), ..self.limits };
        Self::with(self.storage, limits)
    }

    /// How many round trips of loads, and as many of commits, may be under way at once; 0 becomes 1. More of them
    /// make smaller batches.
    #[must_use]
    pub fn max_in_flight(self, round_trips: usize) -> Self {
        let limits = Limits { flights: round_trips.max(1), ..self.limits };
        Self::with(self.storage, limits)
    }

    fn with(storage: Arc<S>, limits: Limits) -> Self {
        let (loads, commits) = (Lane::new(storage.clone(), limits), Lane::new(storage.clone(), limits));
        Self { storage, limits, loads, commits }
    }
}

/// Clones share the store and its round trips.
impl<S: BatchStorage> Clone for Coalescing<S> {
    fn clone(&self) -> Self {
        let (loads, commits) = (self.loads.clone(), self.commits.clone());
        Self { storage: self.storage.clone(), limits: self.limits, loads, commits }
    }
}

impl<S: BatchStorage> fmt::Debug for Coalescing<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coalescing").field("limits", &self.limits).finish_non_exhaustive()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: BatchStorage> Storage for Coalescing<S> {
    async fn load(&self, subject: &SubjectKey) -> Result<Option<Snapshot>, StorageError> {
        self.loads.call(Load(subject.clone())).await
    }

    async fn commit(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        write: Write,
    ) -> Result<CommitOutcome, StorageError> {
        self.commits.call(Commit { subject: subject.clone(), expected, write }).await
    }

    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Result<SpendOutcome, StorageError> {
        self.storage.spend(spend, now).await
    }

    async fn refund(&self, reservation: &ReservationId, now: UnixSeconds) -> Result<(), StorageError> {
        self.storage.refund(reservation, now).await
    }

    async fn feed(&self, cursor: Cursor, limit: usize) -> Result<(Vec<StoredEvent>, Cursor), StorageError> {
        self.storage.feed(cursor, limit).await
    }

    async fn scan(
        &self,
        after: Option<&SubjectKey>,
        limit: usize,
        filter: ScanFilter,
    ) -> Result<Vec<(SubjectKey, Snapshot)>, StorageError> {
        self.storage.scan(after, limit, filter).await
    }

    async fn erase(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        tombstone: Write,
    ) -> Result<CommitOutcome, StorageError> {
        self.storage.erase(subject, expected, tombstone).await
    }

    async fn prune(&self, before: UnixSeconds) -> Result<(), StorageError> {
        self.storage.prune(before).await
    }

    fn durability(&self) -> Durability {
        self.storage.durability()
    }
}

/// One item of [`BatchStorage::load_many`].
struct Load(SubjectKey);

impl<S: BatchStorage> Item<S> for Load {
    type Answer = Option<Snapshot>;
    const OPERATION: Operation = Operation::Load;
    const ALONE_FOR_ITS_SUBJECT: bool = false;

    fn subject(&self) -> &SubjectKey {
        &self.0
    }

    async fn go(storage: Arc<S>, items: Vec<Self>) -> Answers<Option<Snapshot>> {
        if let [Load(subject)] = items.as_slice() {
            return vec![storage.load(subject).await];
        }
        let subjects: Vec<SubjectKey> = items.into_iter().map(|Load(subject)| subject).collect();
        storage.load_many(&subjects).await
    }
}

impl<S: BatchStorage> Item<S> for Commit {
    type Answer = CommitOutcome;
    const OPERATION: Operation = Operation::Commit;
    const ALONE_FOR_ITS_SUBJECT: bool = true;

    fn subject(&self) -> &SubjectKey {
        &self.subject
    }

    async fn go(storage: Arc<S>, mut items: Vec<Self>) -> Answers<CommitOutcome> {
        match (items.pop(), items.is_empty()) {
            (Some(only), true) => vec![storage.commit(&only.subject, only.expected, only.write).await],
            (last, _) => {
                items.extend(last);
                storage.commit_many(items).await
            }
        }
    }
}
