//! The handle, and the contract on top of the statements.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mfa_core::id::{ReservationId, SubjectKey};
use mfa_core::time::UnixSeconds;
use mfa_storage::{
    BatchStorage, Commit, CommitOutcome, Cursor, Durability, Expected, Operation, ScanFilter, Snapshot,
    Spend, SpendOutcome, Storage, StorageError, StoredEvent, Write,
};
use sqlx::PgPool;

use crate::fault::{Fault, retry};
use crate::schema::Schema;
use crate::{PostgresOptions, batch, budget, event, migrate, prune, record, verify};

/// Keeps records in PostgreSQL, through the host's own pool. Clones share it.
///
/// # The pool
/// It must reach the primary and never a read replica: a replica answers [`Storage::load`] with what stood a moment
/// ago. Its sessions decide how durable a commit is; [`PostgresStorage::verify_schema`] looks at one of them for all.
/// Everything but a [`BatchStorage`] of thousands takes one connection for one to four round trips.
#[derive(Clone, Debug)]
pub struct PostgresStorage(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: PgPool,
    schema: Schema,
    durable: AtomicBool,
}

impl PostgresStorage {
    /// The storage over `pool` with [`PostgresOptions::new`]; nothing is sent yet. Call
    /// [`PostgresStorage::migrate`] or [`PostgresStorage::verify_schema`] before anything else.
    pub fn new(pool: PgPool) -> Self {
        PostgresOptions::new().build(pool)
    }

    pub(crate) fn with(pool: PgPool, schema: Schema) -> Self {
        Self(Arc::new(Inner { pool, schema, durable: AtomicBool::new(false) }))
    }

    /// Brings the schema up to date, makes it if it is not there, and checks it as
    /// [`PostgresStorage::verify_schema`] does. Safe to call from many nodes at once.
    ///
    /// The role needs to make tables in the schema and, where that does not exist, schemas in the database. A role
    /// that may not can verify only; [`migrations`](crate::migrations) are the texts for whoever may.
    ///
    /// # Errors
    /// [`StorageError`] with [`Operation::Open`] when the server cannot be reached or refuses, and for all that
    /// [`PostgresStorage::verify_schema`] refuses.
    pub async fn migrate(&self) -> Result<(), StorageError> {
        let Inner { pool, schema, .. } = &*self.0;
        let migrated = retry(|| migrate::migrate(pool, schema)).await;
        migrated.map_err(|fault| fault.answer(Operation::Open))?;
        self.verify_schema().await
    }

    /// Checks that the server and the schema will do, and learns how durable a commit is here.
    ///
    /// # Errors
    /// [`StorageError`] with [`Operation::Open`] that names what is missing, of another type, not logged, too old or
    /// too new; when the server is older than PostgreSQL 15, a replica, or does not keep text as UTF-8; and when it
    /// cannot be reached.
    pub async fn verify_schema(&self) -> Result<(), StorageError> {
        let Inner { pool, schema, durable } = &*self.0;
        let found = verify::verify(pool, schema).await.map_err(|fault| fault.answer(Operation::Open))?;
        durable.store(found == Durability::Durable, Ordering::Release);
        Ok(())
    }

    async fn replace(
        &self,
        operation: Operation,
        subject: &SubjectKey,
        expected: Expected,
        write: &Write,
    ) -> Result<CommitOutcome, StorageError> {
        let Inner { pool, schema, .. } = &*self.0;
        let erased = operation == Operation::Erase;
        let outcome = retry(|| record::replace(pool, schema, subject, expected, write, erased)).await;
        outcome.map_err(|fault| fault.answer(operation))
    }
}

impl Storage for PostgresStorage {
    async fn load(&self, subject: &SubjectKey) -> Result<Option<Snapshot>, StorageError> {
        let Inner { pool, schema, .. } = &*self.0;
        let found = retry(|| record::load(pool, schema, subject)).await;
        found.map_err(|fault| fault.answer(Operation::Load))
    }

    async fn commit(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        write: Write,
    ) -> Result<CommitOutcome, StorageError> {
        self.replace(Operation::Commit, subject, expected, &write).await
    }

    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Result<SpendOutcome, StorageError> {
        let Inner { pool, schema, .. } = &*self.0;
        let outcome = retry(|| budget::spend(pool, schema, spend, now)).await;
        outcome.map_err(|fault| fault.answer(Operation::Spend))
    }

    async fn refund(&self, reservation: &ReservationId, now: UnixSeconds) -> Result<(), StorageError> {
        let Inner { pool, schema, .. } = &*self.0;
        let outcome = retry(|| budget::refund(pool, schema, reservation, now)).await;
        outcome.map_err(|fault| fault.answer(Operation::Refund))
    }

    async fn feed(&self, cursor: Cursor, limit: usize) -> Result<(Vec<StoredEvent>, Cursor), StorageError> {
        let Inner { pool, schema, .. } = &*self.0;
        let events = retry(|| event::feed(pool, schema, cursor, limit)).await;
        events.map_err(|fault| fault.answer(Operation::Feed))
    }

    async fn scan(
        &self,
        after: Option<&SubjectKey>,
        limit: usize,
        filter: ScanFilter,
    ) -> Result<Vec<(SubjectKey, Snapshot)>, StorageError> {
        let Inner { pool, schema, .. } = &*self.0;
        let found = retry(|| record::scan(pool, schema, after, limit, filter)).await;
        found.map_err(|fault| fault.answer(Operation::Scan))
    }

    async fn erase(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        tombstone: Write,
    ) -> Result<CommitOutcome, StorageError> {
        self.replace(Operation::Erase, subject, expected, &tombstone).await
    }

    async fn prune(&self, before: UnixSeconds) -> Result<(), StorageError> {
        let Inner { pool, schema, .. } = &*self.0;
        prune::prune(pool, schema, before).await.map_err(|fault| fault.answer(Operation::Prune))
    }

    /// [`Durability::MayLoseLatest`] until [`PostgresStorage::migrate`] or [`PostgresStorage::verify_schema`] found
    /// the settings that make it durable.
    fn durability(&self) -> Durability {
        match self.0.durable.load(Ordering::Acquire) {
            true => Durability::Durable,
            false => Durability::MayLoseLatest,
        }
    }
}

impl BatchStorage for PostgresStorage {
    async fn load_many(&self, subjects: &[SubjectKey]) -> Vec<Result<Option<Snapshot>, StorageError>> {
        let Inner { pool, schema, .. } = &*self.0;
        answer_all(batch::load_many(pool, schema, subjects).await, Operation::Load)
    }

    async fn commit_many(&self, commits: Vec<Commit>) -> Vec<Result<CommitOutcome, StorageError>> {
        let Inner { pool, schema, .. } = &*self.0;
        answer_all(batch::commit_many(pool, schema, &commits).await, Operation::Commit)
    }
}

fn answer_all<T>(answers: Vec<Result<T, Fault>>, operation: Operation) -> Vec<Result<T, StorageError>> {
    answers.into_iter().map(|answer| answer.map_err(|fault| fault.answer(operation))).collect()
}
