//! SQLite keeps every promise: through one handle, and through two that know nothing of each other.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use mfa_core::id::{ReservationId, SubjectKey};
use mfa_core::time::UnixSeconds;
use mfa_sqlite::SqliteStorage;
use mfa_storage::conformance::{block_on, run_all};
use mfa_storage::{
    CommitOutcome, Cursor, Durability, Expected, ScanFilter, Snapshot, Spend, SpendOutcome, Storage,
    StorageError, StoredEvent, Write,
};

use common::Directory;

#[expect(dead_code, reason = "shared by several test binaries")]
mod common;

#[test]
fn sqlite_keeps_every_promise() {
    let directories = Mutex::new(Vec::new());
    let report = block_on(run_all(&async || {
        let directory = Directory::new();
        let storage = SqliteStorage::open(directory.database());
        directories.lock().unwrap().push(directory);
        storage
    }));
    report.into_result().unwrap_or_else(|failures| panic!("{failures}"));
}

#[test]
fn two_handles_on_one_file_keep_every_promise() {
    let directories = Mutex::new(Vec::new());
    let report = block_on(run_all(&async || {
        let directory = Directory::new();
        let handles =
            [SqliteStorage::open(directory.database())?, SqliteStorage::open(directory.database())?];
        directories.lock().unwrap().push(directory);
        Ok(InTurn { handles, calls: AtomicUsize::new(0) })
    }));
    report.into_result().unwrap_or_else(|failures| panic!("{failures}"));
}

/// Each call goes to the next handle, as requests go to nodes.
struct InTurn {
    handles: [SqliteStorage; 2],
    calls: AtomicUsize,
}

impl InTurn {
    fn next(&self) -> &SqliteStorage {
        let [one, other] = &self.handles;
        if self.calls.fetch_add(1, Ordering::Relaxed) & 1 == 0 { one } else { other }
    }
}

#[deny(clippy::missing_trait_methods)]
impl Storage for InTurn {
    async fn load(&self, subject: &SubjectKey) -> Result<Option<Snapshot>, StorageError> {
        self.next().load(subject).await
    }

    async fn commit(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        write: Write,
    ) -> Result<CommitOutcome, StorageError> {
        self.next().commit(subject, expected, write).await
    }

    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Result<SpendOutcome, StorageError> {
        self.next().spend(spend, now).await
    }

    async fn refund(&self, reservation: &ReservationId, now: UnixSeconds) -> Result<(), StorageError> {
        self.next().refund(reservation, now).await
    }

    async fn feed(&self, cursor: Cursor, limit: usize) -> Result<(Vec<StoredEvent>, Cursor), StorageError> {
        self.next().feed(cursor, limit).await
    }

    async fn scan(
        &self,
        after: Option<&SubjectKey>,
        limit: usize,
        filter: ScanFilter,
    ) -> Result<Vec<(SubjectKey, Snapshot)>, StorageError> {
        self.next().scan(after, limit, filter).await
    }

    async fn erase(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        tombstone: Write,
    ) -> Result<CommitOutcome, StorageError> {
        self.next().erase(subject, expected, tombstone).await
    }

    async fn prune(&self, before: UnixSeconds) -> Result<(), StorageError> {
        self.next().prune(before).await
    }

    fn durability(&self) -> Durability {
        self.next().durability()
    }
}
