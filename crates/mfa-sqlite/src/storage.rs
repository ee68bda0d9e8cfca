//! The handle, and the contract on top of readers and writer.

use std::path::Path;
use std::sync::Arc;

use mfa_core::id::{ReservationId, SubjectKey};
use mfa_core::time::UnixSeconds;
use mfa_storage::{
    CommitOutcome, Cursor, Durability, Expected, Operation, ScanFilter, Snapshot, Spend, SpendOutcome,
    Storage, StorageError, StoredEvent, Write,
};

use crate::fault::Fault;
use crate::readers::Readers;
use crate::writer::Writer;
use crate::{SqliteOptions, budget, connection, event, migrate, prune, record};

/// Keeps records in a SQLite file. Clones share its connections.
///
/// When the last clone is dropped, what was queued is committed, the log is folded into the file, and the drop waits
/// for both.
#[derive(Clone, Debug)]
pub struct SqliteStorage(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    readers: Readers,
    writer: Writer,
    durability: Durability,
}

/// The readers go first: SQLite folds the log into the file when its last connection closes, and only the writing
/// one does so durably.
impl Drop for Inner {
    fn drop(&mut self) {
        self.readers.close();
    }
}

impl SqliteStorage {
    /// Opens the database at `path` with [`SqliteOptions::new`].
    ///
    /// # Errors
    /// As [`SqliteOptions::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        SqliteOptions::new().open(path)
    }

    pub(crate) fn open_with(path: &Path, options: &SqliteOptions) -> Result<Self, Fault> {
        let path = connection::prepare_file(path)?;
        let connection = connection::open_writer(&path, options)?;
        migrate::migrate(&connection)?;
        let readers = Readers::open(&path, options)?;
        let writer = Writer::start(connection)?;
        Ok(Self(Arc::new(Inner { readers, writer, durability: options.durability })))
    }

    async fn replace(
        &self,
        operation: Operation,
        subject: &SubjectKey,
        expected: Expected,
        write: Write,
    ) -> Result<CommitOutcome, StorageError> {
        let subject = subject.clone();
        let erased = operation == Operation::Erase;
        let work = move |connection: &_| record::replace(connection, &subject, expected, &write, erased);
        self.0.writer.call(operation, work).await
    }
}

impl Storage for SqliteStorage {
    async fn load(&self, subject: &SubjectKey) -> Result<Option<Snapshot>, StorageError> {
        let read = |connection: &_| record::load(connection, subject);
        self.0.readers.with(read).map_err(|fault| fault.answer(Operation::Load))
    }

    async fn commit(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        write: Write,
    ) -> Result<CommitOutcome, StorageError> {
        self.replace(Operation::Commit, subject, expected, write).await
    }

    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Result<SpendOutcome, StorageError> {
        let spend = spend.clone();
        let work = move |connection: &_| budget::spend(connection, &spend, now);
        self.0.writer.call(Operation::Spend, work).await
    }

    async fn refund(&self, reservation: &ReservationId, now: UnixSeconds) -> Result<(), StorageError> {
        let reservation = *reservation;
        let work = move |connection: &_| budget::refund(connection, &reservation, now);
        self.0.writer.call(Operation::Refund, work).await
    }

    async fn feed(&self, cursor: Cursor, limit: usize) -> Result<(Vec<StoredEvent>, Cursor), StorageError> {
        let read = |connection: &_| event::feed(connection, cursor, limit);
        self.0.readers.with(read).map_err(|fault| fault.answer(Operation::Feed))
    }

    async fn scan(
        &self,
        after: Option<&SubjectKey>,
        limit: usize,
        filter: ScanFilter,
    ) -> Result<Vec<(SubjectKey, Snapshot)>, StorageError> {
        let read = |connection: &_| record::scan(connection, after, limit, filter);
        self.0.readers.with(read).map_err(|fault| fault.answer(Operation::Scan))
    }

    async fn erase(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        tombstone: Write,
    ) -> Result<CommitOutcome, StorageError> {
        self.replace(Operation::Erase, subject, expected, tombstone).await
    }

    async fn prune(&self, before: UnixSeconds) -> Result<(), StorageError> {
        let slice = move |connection: &_| prune::slice(connection, before);
        while self.0.writer.call(Operation::Prune, slice).await? {}
        Ok(())
    }

    fn durability(&self) -> Durability {
        self.0.durability
    }
}
