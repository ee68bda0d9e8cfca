//! A backend that fails where it is told to: before applying, or after applying with the reply lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mfa::UnixSeconds;
use mfa::storage::{
    CommitOutcome, Cursor, Durability, DynStorage, Expected, Operation, ScanFilter, Snapshot, Spend,
    SpendOutcome, Storage, StorageError, StoredEvent, Write,
};
use mfa_core::id::{ReservationId, SubjectKey};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Before,
    AfterApplying,
}

/// Counts every call, and fails the one whose number it was given.
#[derive(Clone)]
pub struct FaultStorage {
    inner: Arc<Box<dyn DynStorage>>,
    calls: Arc<AtomicUsize>,
    fails_at: Arc<AtomicUsize>,
    fault: Fault,
}

impl FaultStorage {
    pub fn new(inner: Box<dyn DynStorage>, fault: Fault) -> Self {
        Self {
            inner: Arc::new(inner),
            calls: Arc::default(),
            fails_at: Arc::new(AtomicUsize::new(usize::MAX)),
            fault,
        }
    }

    /// The `number`-th call from now fails; 0 is the next.
    pub fn fail_at(&self, number: usize) {
        self.calls.store(0, Ordering::SeqCst);
        self.fails_at.store(number, Ordering::SeqCst);
    }

    pub fn heal(&self) {
        self.fails_at.store(usize::MAX, Ordering::SeqCst);
    }

    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    async fn guard<T>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T, StorageError>>,
    ) -> Result<T, StorageError> {
        let fails = self.calls.fetch_add(1, Ordering::SeqCst) == self.fails_at.load(Ordering::SeqCst);
        if fails && self.fault == Fault::AfterApplying {
            drop(call.await);
        } else if !fails {
            return call.await;
        }
        Err(StorageError::transient(operation, "planted fault"))
    }
}

impl Storage for FaultStorage {
    async fn load(&self, subject: &SubjectKey) -> Result<Option<Snapshot>, StorageError> {
        self.guard(Operation::Load, self.inner.load(subject)).await
    }

    async fn commit(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        write: Write,
    ) -> Result<CommitOutcome, StorageError> {
        self.guard(Operation::Commit, self.inner.commit(subject, expected, write)).await
    }

    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Result<SpendOutcome, StorageError> {
        self.guard(Operation::Spend, self.inner.spend(spend, now)).await
    }

    async fn refund(&self, reservation: &ReservationId, now: UnixSeconds) -> Result<(), StorageError> {
        self.guard(Operation::Refund, self.inner.refund(reservation, now)).await
    }

    async fn feed(&self, cursor: Cursor, limit: usize) -> Result<(Vec<StoredEvent>, Cursor), StorageError> {
        self.guard(Operation::Feed, self.inner.feed(cursor, limit)).await
    }

    async fn scan(
        &self,
        after: Option<&SubjectKey>,
        limit: usize,
        filter: ScanFilter,
    ) -> Result<Vec<(SubjectKey, Snapshot)>, StorageError> {
        self.guard(Operation::Scan, self.inner.scan(after, limit, filter)).await
    }

    async fn erase(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        tombstone: Write,
    ) -> Result<CommitOutcome, StorageError> {
        self.guard(Operation::Erase, self.inner.erase(subject, expected, tombstone)).await
    }

    async fn prune(&self, before: UnixSeconds) -> Result<(), StorageError> {
        self.guard(Operation::Prune, self.inner.prune(before)).await
    }

    fn durability(&self) -> Durability {
        self.inner.durability()
    }
}
