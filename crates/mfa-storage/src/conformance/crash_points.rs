//! A store that breaks down at a chosen call.

use std::sync::{Mutex, PoisonError};

use mfa_core::id::{ReservationId, SubjectKey};
use mfa_core::time::UnixSeconds;
use thiserror::Error;

use super::drive::poll_at_most;
use crate::{
    CommitOutcome, Cursor, Durability, Expected, Operation, ScanFilter, Snapshot, Spend, SpendOutcome,
    Storage, StorageError, StoredEvent, Write,
};

/// Where a call of [`CrashPoints`] breaks down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CrashPoint {
    /// Before anything is done.
    Before,
    /// After all is done: the reply is lost.
    After,
    /// Its future is dropped after it was polled a number of times.
    Dropped,
}

/// Passes every call on, and breaks one down: that one answers a transient [`StorageError`].
///
/// Put it between an engine and a store to see what the engine makes of a lost reply. Only calls that change something
/// break down.
///
/// # Examples
/// ```
/// # use mfa_core::id::{SubjectId, SubjectKey, TenantId};
/// # use mfa_core::time::UnixSeconds;
/// use mfa_storage::conformance::{CrashPoint, CrashPoints, block_on};
/// use mfa_storage::{MemoryStorage, Storage};
///
/// let store = CrashPoints::new(MemoryStorage::new());
/// store.arm(CrashPoint::After, 2);
/// let prune = || block_on(store.prune(UnixSeconds::EPOCH));
/// assert!(prune().is_ok() && prune().is_err() && prune().is_ok());
/// ```
#[derive(Debug)]
pub struct CrashPoints<S> {
    inner: S,
    armed: Mutex<Option<(CrashPoint, usize)>>,
}

impl<S> CrashPoints<S> {
    /// Over `inner`; nothing breaks down yet.
    pub fn new(inner: S) -> Self {
        Self { inner, armed: Mutex::new(None) }
    }

    /// Breaks down, once, the `number`th call from now that changes something, from 1. For [`CrashPoint::Dropped`]
    /// it is the very next call, whose future is dropped when it was polled `number` times and is not done.
    pub fn arm(&self, point: CrashPoint, number: usize) {
        *self.armed.lock().unwrap_or_else(PoisonError::into_inner) = Some((point, number));
    }

    /// The store below.
    pub fn into_inner(self) -> S {
        self.inner
    }

    async fn reach<T>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T, StorageError>>,
    ) -> Result<T, StorageError> {
        let broken = || StorageError::transient(operation, BrokenDown);
        match self.next() {
            None => call.await,
            Some((CrashPoint::Before, _)) => Err(broken()),
            Some((CrashPoint::After, _)) => {
                call.await?;
                Err(broken())
            }
            Some((CrashPoint::Dropped, polls)) => {
                poll_at_most(polls, call).await.unwrap_or_else(|| Err(broken()))
            }
        }
    }

    /// Whether this call breaks down, and where.
    fn next(&self) -> Option<(CrashPoint, usize)> {
        let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *armed {
            Some((CrashPoint::Before | CrashPoint::After, number)) if *number > 1 => {
                *number = number.saturating_sub(1);
                None
            }
            _ => armed.take(),
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: Storage> Storage for CrashPoints<S> {
    async fn load(&self, subject: &SubjectKey) -> Result<Option<Snapshot>, StorageError> {
        self.inner.load(subject).await
    }

    async fn commit(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        write: Write,
    ) -> Result<CommitOutcome, StorageError> {
        self.reach(Operation::Commit, self.inner.commit(subject, expected, write)).await
    }

    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Result<SpendOutcome, StorageError> {
        self.reach(Operation::Spend, self.inner.spend(spend, now)).await
    }

    async fn refund(&self, reservation: &ReservationId, now: UnixSeconds) -> Result<(), StorageError> {
        self.reach(Operation::Refund, self.inner.refund(reservation, now)).await
    }

    async fn feed(&self, cursor: Cursor, limit: usize) -> Result<(Vec<StoredEvent>, Cursor), StorageError> {
        self.inner.feed(cursor, limit).await
    }

    async fn scan(
        &self,
        after: Option<&SubjectKey>,
        limit: usize,
        filter: ScanFilter,
    ) -> Result<Vec<(SubjectKey, Snapshot)>, StorageError> {
        self.inner.scan(after, limit, filter).await
    }

    async fn erase(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        tombstone: Write,
    ) -> Result<CommitOutcome, StorageError> {
        self.reach(Operation::Erase, self.inner.erase(subject, expected, tombstone)).await
    }

    async fn prune(&self, before: UnixSeconds) -> Result<(), StorageError> {
        self.reach(Operation::Prune, self.inner.prune(before)).await
    }

    fn durability(&self) -> Durability {
        self.inner.durability()
    }
}

/// A [`StorageError::source`].
#[derive(Debug, Error)]
#[error("broken down on purpose")]
struct BrokenDown;
