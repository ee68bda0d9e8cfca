//! SQLite keeps every promise: through one handle, and through two that know nothing of each other. After a crash too.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "helpers of tests, outside of any test function"
)]

use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use mfa_core::id::{ReservationId, SubjectKey};
use mfa_core::time::UnixSeconds;
use mfa_sqlite::SqliteStorage;
use mfa_storage::conformance::{Stores, block_on, run_all};
use mfa_storage::{
    CommitOutcome, Cursor, Durability, Expected, ScanFilter, Snapshot, Spend, SpendOutcome, Storage,
    StorageError, StoredEvent, Write,
};

use common::Directory;

#[expect(dead_code, reason = "shared by several test binaries")]
mod common;

#[test]
fn sqlite_keeps_every_promise() {
    every_promise_is_kept(1);
}

#[test]
fn two_handles_on_one_file_keep_every_promise() {
    every_promise_is_kept(2);
}

fn every_promise_is_kept(handles: usize) {
    let report = block_on(run_all(&Files { handles, directories: Mutex::default() }));
    assert!(cfg!(not(unix)) || report.skipped().is_empty(), "{:?}", report.skipped());
    report.into_result().unwrap_or_else(|failures| panic!("{failures}"));
}

/// Each store has a file in a directory of its own.
struct Files {
    handles: usize,
    directories: Mutex<Vec<Directory>>,
}

impl Files {
    /// A path where there is nothing yet.
    fn path(&self) -> PathBuf {
        let directory = Directory::new();
        let path = directory.database();
        self.directories.lock().unwrap().push(directory);
        path
    }

    fn open(&self, database: PathBuf) -> Result<InTurn, StorageError> {
        let handles = (0..self.handles).map(|_| SqliteStorage::open(&database)).collect::<Result<_, _>>()?;
        Ok(InTurn { database, handles, calls: AtomicUsize::new(0) })
    }
}

impl Stores for Files {
    type Store = InTurn;

    async fn empty(&self) -> Result<InTurn, StorageError> {
        self.open(self.path())
    }

    /// Copies what lies in the files while they are written to, the log last, as nothing here is folded into the
    /// database meanwhile. What the operating system has not yet written to the disk is copied too, so this does not
    /// show that SQLite waits for the disk. Another process copies: closing the file in this one would drop the
    /// locks that SQLite holds on it.
    async fn crash(&self, store: &InTurn) -> Result<Option<InTurn>, StorageError> {
        if !cfg!(unix) {
            return Ok(None);
        }
        let found = self.path();
        for suffix in ["", "-wal"] {
            let [from, to] = [&store.database, &found].map(|path| format!("{}{suffix}", path.display()));
            assert!(Command::new("cp").args([from, to]).status().unwrap().success());
        }
        self.open(found).map(Some)
    }
}

/// Each call goes to the next handle, as requests go to nodes.
struct InTurn {
    database: PathBuf,
    handles: Vec<SqliteStorage>,
    calls: AtomicUsize,
}

impl InTurn {
    fn next(&self) -> &SqliteStorage {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        &self.handles[call % self.handles.len()]
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
