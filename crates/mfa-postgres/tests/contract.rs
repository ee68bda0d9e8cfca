//! PostgreSQL keeps every promise: through one pool, through two that know nothing of each other, and where the host's
//! sessions are serializable.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests, and helpers outside of any test function"
)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use mfa_core::id::{ReservationId, SubjectKey};
use mfa_core::time::UnixSeconds;
use mfa_postgres::{PostgresOptions, PostgresStorage};
use mfa_storage::conformance::batch::run_all_batch;
use mfa_storage::conformance::{self, Stores, run_all};
use mfa_storage::{
    Coalescing, CommitOutcome, Cursor, Durability, Expected, ScanFilter, Snapshot, Spend, SpendOutcome,
    Storage, StorageError, StoredEvent, Write,
};
use mfa_test_servers::PostgresServer;
use sqlx::PgPool;

use common::{RUNTIME, new_schema, pool};

mod common;

#[test]
fn postgres_keeps_every_promise() {
    every_promise(1, &[]);
}

#[test]
fn two_pools_on_one_schema_keep_every_promise() {
    every_promise(2, &[]);
}

#[test]
fn serializable_sessions_keep_every_promise() {
    every_promise(1, &[("default_transaction_isolation", "serializable")]);
}

fn every_promise(pools: usize, settings: &[(&str, &str)]) {
    let Some(server) = PostgresServer::shared() else { return };
    let url = server.new_database();
    let schemas = Schemas { pools: (0..pools).map(|_| pool(&url, 9, settings)).collect() };
    let report = schemas.drive(run_all(&schemas));
    report.into_result().unwrap_or_else(|failures| panic!("{failures}"));
}

#[test]
fn a_server_that_is_killed_keeps_every_promise_and_those_of_batches() {
    let Some(server) = PostgresServer::start() else { return };
    let pool = pool(&server.new_database(), 9, &[]);
    let stores = Killed { server, pool, latest: Mutex::default() };
    for report in [stores.drive(run_all(&stores)), stores.drive(run_all_batch(&stores))] {
        assert!(report.skipped().is_empty(), "{:?}", report.skipped());
        report.into_result().unwrap_or_else(|failures| panic!("{failures}"));
    }
}

/// Each store is a schema of a server of its own, which is killed where the kit asks what survives.
struct Killed {
    server: PostgresServer,
    pool: PgPool,
    latest: Mutex<String>,
}

impl Killed {
    async fn open(&self, schema: &str) -> Result<PostgresStorage, StorageError> {
        let storage = PostgresOptions::new().schema(schema).unwrap().build(self.pool.clone());
        storage.migrate().await?;
        Ok(storage)
    }
}

impl Stores for Killed {
    type Store = PostgresStorage;

    async fn empty(&self) -> Result<PostgresStorage, StorageError> {
        let schema = new_schema();
        self.latest.lock().unwrap().clone_from(&schema);
        self.open(&schema).await
    }

    async fn crash(&self, _: &PostgresStorage) -> Result<Option<PostgresStorage>, StorageError> {
        self.server.kill();
        self.server.restart();
        let schema = self.latest.lock().unwrap().clone();
        self.open(&schema).await.map(Some)
    }

    fn drive<F: Future>(&self, future: F) -> F::Output {
        let _runtime = RUNTIME.enter();
        conformance::block_on(future)
    }
}

#[test]
fn calls_that_share_round_trips_keep_every_promise() {
    let Some(server) = PostgresServer::shared() else { return };
    let pool = pool(&server.new_database(), 9, &[]);
    let stores = Coalesced { pool };
    let report = stores.drive(run_all(&stores));
    report.into_result().unwrap_or_else(|failures| panic!("{failures}"));
}

/// Each store is a schema of its own, whose calls go together.
struct Coalesced {
    pool: PgPool,
}

impl Stores for Coalesced {
    type Store = Coalescing<PostgresStorage>;

    async fn empty(&self) -> Result<Self::Store, StorageError> {
        let storage = PostgresOptions::new().schema(&new_schema()).unwrap().build(self.pool.clone());
        storage.migrate().await?;
        Ok(Coalescing::new(storage))
    }

    fn drive<F: Future>(&self, future: F) -> F::Output {
        let _runtime = RUNTIME.enter();
        conformance::block_on(future)
    }
}

/// Each store is a schema of its own.
struct Schemas {
    pools: Vec<PgPool>,
}

impl Stores for Schemas {
    type Store = InTurn;

    async fn empty(&self) -> Result<InTurn, StorageError> {
        let name = new_schema();
        let mut handles = Vec::new();
        for pool in &self.pools {
            let options = PostgresOptions::new()
                .schema(&name)
                .map_err(|invalid| StorageError::permanent(mfa_storage::Operation::Open, invalid))?;
            let storage = options.build(pool.clone());
            storage.migrate().await?;
            handles.push(storage);
        }
        Ok(InTurn { handles, calls: AtomicUsize::new(0) })
    }

    /// The kit nests these, which a runtime's own `block_on` refuses.
    fn drive<F: Future>(&self, future: F) -> F::Output {
        let _runtime = RUNTIME.enter();
        conformance::block_on(future)
    }
}

/// Each call goes to the next handle, as requests go to nodes.
struct InTurn {
    handles: Vec<PostgresStorage>,
    calls: AtomicUsize,
}

impl InTurn {
    fn next(&self) -> &PostgresStorage {
        &self.handles[self.calls.fetch_add(1, Ordering::Relaxed) % self.handles.len()]
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
