//! The contract itself, and its boxed twin for `dyn`.

use std::future::Future;
use std::pin::Pin;

use mfa_core::id::{ReservationId, SubjectKey};
use mfa_core::time::UnixSeconds;

use crate::{
    CommitOutcome, Cursor, Durability, Expected, ScanFilter, Snapshot, Spend, SpendOutcome, StorageError,
    StoredEvent, Write,
};

/// A place to keep records. Write the methods as plain `async fn`; check them with the conformance kit.
///
/// A backend's own clock decides nothing: every `now` is the engine's. No method has a default body, since a promise
/// cannot be kept by default.
///
/// # Errors
/// Every method answers [`StorageError`] when the answer is not known.
pub trait Storage: Send + Sync + 'static {
    /// Reads the record of `subject`, with every commit that was acknowledged before this call began.
    fn load(
        &self,
        subject: &SubjectKey,
    ) -> impl Future<Output = Result<Option<Snapshot>, StorageError>> + Send;

    /// Replaces the record of `subject` if it is still as `expected`, and appends `write.events` with it.
    ///
    /// # Promise
    /// All or nothing, and durable once returned. Of any number of concurrent calls with one expectation, at most one
    /// is `Committed`; every other is `Conflict` and has changed nothing. Dropping the future leaves the record as it
    /// was or fully replaced.
    ///
    /// # Errors
    /// [`StorageError`] when the answer is not known: the write may have been applied.
    fn commit(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        write: Write,
    ) -> impl Future<Output = Result<CommitOutcome, StorageError>> + Send;

    /// Spends one unit of every bucket, or of none.
    ///
    /// # Promise
    /// However many calls run at once, no bucket grants more than its burst and its interval allow
    /// ([`gcra`](crate::gcra) is the arithmetic). A stored time that lies far more than a full burst ahead of `now` is
    /// brought back to that, so that one node's wrong clock stops nothing for long. The same reservation is granted
    /// once and spends once; one that was given back is an error
    /// ([`ReservationRefunded`](crate::ReservationRefunded)).
    fn spend(
        &self,
        spend: &Spend,
        now: UnixSeconds,
    ) -> impl Future<Output = Result<SpendOutcome, StorageError>> + Send;

    /// Gives back what `reservation` spent; a second call, one after it lapsed, and one for a reservation that was
    /// never granted change nothing. What has come back by itself since is not given back twice.
    fn refund(
        &self,
        reservation: &ReservationId,
        now: UnixSeconds,
    ) -> impl Future<Output = Result<(), StorageError>> + Send;

    /// Up to `limit` events after `cursor`, and the cursor to go on from.
    ///
    /// # Promise
    /// A reader that goes on from each returned cursor sees every committed event at least once, each stream's in the
    /// order of `(version, index)`, none skipped however commits interleave.
    fn feed(
        &self,
        cursor: Cursor,
        limit: usize,
    ) -> impl Future<Output = Result<(Vec<StoredEvent>, Cursor), StorageError>> + Send;

    /// Up to `limit` records that `filter` admits, in the order of their keys, after `after`. Rows of the library's
    /// own are never listed, and tombstones only where the filter asks for them alone. A record that stands throughout a whole scan is seen once.
    fn scan(
        &self,
        after: Option<&SubjectKey>,
        limit: usize,
        filter: ScanFilter,
    ) -> impl Future<Output = Result<Vec<(SubjectKey, Snapshot)>, StorageError>> + Send;

    /// As [`Storage::commit`], and marks the row as a tombstone: `load` still answers it, `scan` does not list it.
    fn erase(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        tombstone: Write,
    ) -> impl Future<Output = Result<CommitOutcome, StorageError>> + Send;

    /// Removes events that happened before `before`, and tombstones last written before it. Also sweeps budgets that
    /// were whole again by then, and reservations that lapsed before it, which are then forgotten.
    ///
    /// Once its tombstone is gone, a subject is as if it had never been, and its versions start again: prune no
    /// tombstone that is younger than the longest lifetime of a ticket. Cursors stay good.
    fn prune(&self, before: UnixSeconds) -> impl Future<Output = Result<(), StorageError>> + Send;

    /// What an acknowledged commit survives.
    fn durability(&self) -> Durability;
}

/// A boxed future of a storage call.
type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StorageError>> + Send + 'a>>;

/// [`Storage`] for `dyn`: implemented for every backend, written by nobody.
#[expect(missing_docs, reason = "each method is that of Storage with the same name")]
pub trait DynStorage: Send + Sync + 'static {
    fn load<'a>(&'a self, subject: &'a SubjectKey) -> Answer<'a, Option<Snapshot>>;
    fn commit<'a>(
        &'a self,
        subject: &'a SubjectKey,
        expected: Expected,
        write: Write,
    ) -> Answer<'a, CommitOutcome>;
    fn spend<'a>(&'a self, spend: &'a Spend, now: UnixSeconds) -> Answer<'a, SpendOutcome>;
    fn refund<'a>(&'a self, reservation: &'a ReservationId, now: UnixSeconds) -> Answer<'a, ()>;
    fn feed<'a>(&'a self, cursor: Cursor, limit: usize) -> Answer<'a, (Vec<StoredEvent>, Cursor)>;
    fn scan<'a>(
        &'a self,
        after: Option<&'a SubjectKey>,
        limit: usize,
        filter: ScanFilter,
    ) -> Answer<'a, Vec<(SubjectKey, Snapshot)>>;
    fn erase<'a>(
        &'a self,
        subject: &'a SubjectKey,
        expected: Expected,
        tombstone: Write,
    ) -> Answer<'a, CommitOutcome>;
    fn prune(&self, before: UnixSeconds) -> Answer<'_, ()>;
    fn durability(&self) -> Durability;
}

impl<S: Storage> DynStorage for S {
    fn load<'a>(&'a self, subject: &'a SubjectKey) -> Answer<'a, Option<Snapshot>> {
        Box::pin(Storage::load(self, subject))
    }

    fn commit<'a>(
        &'a self,
        subject: &'a SubjectKey,
        expected: Expected,
        write: Write,
    ) -> Answer<'a, CommitOutcome> {
        Box::pin(Storage::commit(self, subject, expected, write))
    }

    fn spend<'a>(&'a self, spend: &'a Spend, now: UnixSeconds) -> Answer<'a, SpendOutcome> {
        Box::pin(Storage::spend(self, spend, now))
    }

    fn refund<'a>(&'a self, reservation: &'a ReservationId, now: UnixSeconds) -> Answer<'a, ()> {
        Box::pin(Storage::refund(self, reservation, now))
    }

    fn feed<'a>(&'a self, cursor: Cursor, limit: usize) -> Answer<'a, (Vec<StoredEvent>, Cursor)> {
        Box::pin(Storage::feed(self, cursor, limit))
    }

    fn scan<'a>(
        &'a self,
        after: Option<&'a SubjectKey>,
        limit: usize,
        filter: ScanFilter,
    ) -> Answer<'a, Vec<(SubjectKey, Snapshot)>> {
        Box::pin(Storage::scan(self, after, limit, filter))
    }

    fn erase<'a>(
        &'a self,
        subject: &'a SubjectKey,
        expected: Expected,
        tombstone: Write,
    ) -> Answer<'a, CommitOutcome> {
        Box::pin(Storage::erase(self, subject, expected, tombstone))
    }

    fn prune(&self, before: UnixSeconds) -> Answer<'_, ()> {
        Box::pin(Storage::prune(self, before))
    }

    fn durability(&self) -> Durability {
        Storage::durability(self)
    }
}
