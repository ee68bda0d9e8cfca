//! The contract: what is asked is asked of memory, and what changes something is written down first.

use std::{io, path::Path};

use mfa_core::{id::ReservationId, id::SubjectKey, time::UnixSeconds};
use mfa_storage::{
    CommitOutcome, Cursor, Durability, Expected, MemoryStorage, ScanFilter, Snapshot, Spend, SpendOutcome,
    Storage, StorageError, StoredEvent, Write,
};
use pollster::block_on;

use crate::{call::Call, journal::Journal};

type Answer<T> = Result<T, StorageError>;
type Page = Vec<(SubjectKey, Snapshot)>;

/// Keeps records in memory, and every call that changed something in a file.
#[derive(Debug)]
pub struct JournalStorage {
    memory: MemoryStorage,
    journal: Journal,
}

impl JournalStorage {
    /// Opens the journal at `path`, a new one if there is none, and makes its calls again.
    ///
    /// # Errors
    /// [`io::Error`] when the file cannot be had, another process has it, or a line of it is not one of ours.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let memory = MemoryStorage::new();
        let journal = Journal::open(path.as_ref(), |call: Call| call.make(&memory))?;
        Ok(Self { memory, journal })
    }

    /// Writes `call` down, then makes it: one at a time, with no point at which it could be dropped half way.
    fn record<T>(&self, call: &Call, make: impl Future<Output = Answer<T>>) -> Answer<T> {
        let made = self.journal.record(call, || block_on(make));
        made.map_err(|error| StorageError::permanent(call.operation(), error))?
    }
}

impl Storage for JournalStorage {
    async fn load(&self, subject: &SubjectKey) -> Answer<Option<Snapshot>> {
        self.memory.load(subject).await
    }

    async fn commit(&self, subject: &SubjectKey, expected: Expected, write: Write) -> Answer<CommitOutcome> {
        self.record(&Call::commit(subject, expected, &write), self.memory.commit(subject, expected, write))
    }

    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Answer<SpendOutcome> {
        self.record(&Call::spend(spend, now), self.memory.spend(spend, now))
    }

    async fn refund(&self, reservation: &ReservationId, now: UnixSeconds) -> Answer<()> {
        self.record(&Call::refund(reservation, now), self.memory.refund(reservation, now))
    }

    async fn feed(&self, cursor: Cursor, limit: usize) -> Answer<(Vec<StoredEvent>, Cursor)> {
        self.memory.feed(cursor, limit).await
    }

    async fn scan(&self, after: Option<&SubjectKey>, limit: usize, filter: ScanFilter) -> Answer<Page> {
        self.memory.scan(after, limit, filter).await
    }

    async fn erase(&self, subject: &SubjectKey, expected: Expected, write: Write) -> Answer<CommitOutcome> {
        self.record(&Call::erase(subject, expected, &write), self.memory.erase(subject, expected, write))
    }

    async fn prune(&self, before: UnixSeconds) -> Answer<()> {
        self.record(&Call::prune(before), self.memory.prune(before))
    }

    fn durability(&self) -> Durability {
        Durability::Durable
    }
}
