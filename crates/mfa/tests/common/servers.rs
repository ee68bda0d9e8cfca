//! Backends that are servers of their own, and need a runtime that the tests do not have.

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::task::{Context, Poll};

use mfa::UnixSeconds;
use mfa::postgres::PostgresOptions;
use mfa::redis::{RedisOptions, RedisStorage};
use mfa::storage::{
    CommitOutcome, Cursor, Durability, DynStorage, Expected, ScanFilter, Snapshot, Spend, SpendOutcome,
    Storage, StorageError, StoredEvent, Write,
};
use mfa_core::id::{ReservationId, SubjectKey};
use mfa_test_servers::{PostgresServer, RedisServer};
use sqlx::postgres::{PgPool, PgPoolOptions};
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());

/// A store that nobody else uses, on a PostgreSQL that all tests of this process share; none where none is installed.
pub fn postgres() -> Option<OnServer> {
    static POOL: OnceLock<PgPool> = OnceLock::new();
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let server = PostgresServer::shared()?;
    let pool = POOL.get_or_init(|| postgres_pool(&server.new_database()));
    Some(postgres_in(pool, &format!("world_{}", NEXT.fetch_add(1, Ordering::Relaxed))))
}

pub fn postgres_pool(url: &str) -> PgPool {
    RUNTIME.block_on(PgPoolOptions::new().max_connections(16).connect(url)).unwrap()
}

pub fn postgres_in(pool: &PgPool, schema: &str) -> OnServer {
    let storage = PostgresOptions::new().schema(schema).unwrap().build(pool.clone());
    RUNTIME.block_on(storage.migrate()).unwrap();
    OnServer(Arc::new(storage))
}

/// A store that nobody else uses, on a Redis that all tests of this process share; none where none is installed.
pub fn redis() -> Option<OnServer> {
    RedisServer::shared().map(redis_on)
}

/// A store that nobody else uses, on this Redis.
pub fn redis_on(server: &RedisServer) -> OnServer {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let url = server.url();
    let prefix = format!("world-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let storage = RUNTIME.block_on(async {
        let client = redis::Client::open(url).unwrap();
        let connection = client.get_connection_manager().await.unwrap();
        RedisStorage::open(connection, RedisOptions::new().prefix(&prefix).unwrap()).await.unwrap()
    });
    OnServer(Arc::new(storage))
}

/// Enters the runtime for each call, whoever drives it.
#[derive(Clone)]
pub struct OnServer(Arc<dyn DynStorage>);

/// A call that is polled, and dropped, within the runtime.
struct Within<F>(Option<Pin<Box<F>>>);

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let _within = RUNTIME.enter();
        pin!(self.0.as_mut().unwrap()).poll(context)
    }
}

impl<F> Drop for Within<F> {
    fn drop(&mut self) {
        let _within = RUNTIME.enter();
        self.0.take();
    }
}

fn within<F: Future>(call: F) -> Within<F> {
    Within(Some(Box::pin(call)))
}

#[deny(clippy::missing_trait_methods)]
impl Storage for OnServer {
    async fn load(&self, subject: &SubjectKey) -> Result<Option<Snapshot>, StorageError> {
        within(self.0.load(subject)).await
    }

    async fn commit(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        write: Write,
    ) -> Result<CommitOutcome, StorageError> {
        within(self.0.commit(subject, expected, write)).await
    }

    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Result<SpendOutcome, StorageError> {
        within(self.0.spend(spend, now)).await
    }

    async fn refund(&self, reservation: &ReservationId, now: UnixSeconds) -> Result<(), StorageError> {
        within(self.0.refund(reservation, now)).await
    }

    async fn feed(&self, cursor: Cursor, limit: usize) -> Result<(Vec<StoredEvent>, Cursor), StorageError> {
        within(self.0.feed(cursor, limit)).await
    }

    async fn scan(
        &self,
        after: Option<&SubjectKey>,
        limit: usize,
        filter: ScanFilter,
    ) -> Result<Vec<(SubjectKey, Snapshot)>, StorageError> {
        within(self.0.scan(after, limit, filter)).await
    }

    async fn erase(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        tombstone: Write,
    ) -> Result<CommitOutcome, StorageError> {
        within(self.0.erase(subject, expected, tombstone)).await
    }

    async fn prune(&self, before: UnixSeconds) -> Result<(), StorageError> {
        within(self.0.prune(before)).await
    }

    fn durability(&self) -> Durability {
        self.0.durability()
    }
}
