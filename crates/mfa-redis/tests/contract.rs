//! Redis keeps every promise: through one connection, and through two that know nothing of each other.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "helpers of tests: they fail by panicking"
)]

use std::future::Future;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use mfa_core::id::{ReservationId, SubjectKey};
use mfa_core::time::UnixSeconds;
use mfa_redis::{RedisOptions, RedisStorage};
use mfa_storage::conformance::batch::run_all_batch;
use mfa_storage::conformance::{Stores, block_on, run_all};
use mfa_storage::{
    Coalescing, CommitOutcome, Cursor, Durability, Expected, ScanFilter, Snapshot, Spend, SpendOutcome,
    Storage, StorageError, StoredEvent, Write,
};
use mfa_test_servers::RedisServer;
use tokio::runtime::Runtime;

use common::{fresh, open};

#[expect(dead_code, reason = "shared by several test binaries")]
mod common;

/// Makes stores on one server, each under a prefix of its own.
struct OnServer<'a, M> {
    runtime: &'a Runtime,
    url: String,
    make: M,
}

impl<S, M> Stores for OnServer<'_, M>
where
    S: Storage,
    M: AsyncFn(String, RedisOptions) -> Result<S, StorageError> + Sync,
{
    type Store = S;

    async fn empty(&self) -> Result<S, StorageError> {
        (self.make)(self.url.clone(), fresh()).await
    }

    fn drive<F: Future>(&self, future: F) -> F::Output {
        // Not the runtime's own `block_on`: the kit drives futures from within others.
        let _entered = self.runtime.enter();
        block_on(future)
    }
}

fn keeps_every_promise<S: Storage>(
    make: impl AsyncFn(String, RedisOptions) -> Result<S, StorageError> + Sync,
) {
    let Some(server) = RedisServer::shared() else { return };
    let runtime = Runtime::new().unwrap();
    let stores = OnServer { runtime: &runtime, url: server.url(), make };
    let report = stores.drive(run_all(&stores));
    report.into_result().unwrap_or_else(|failures| panic!("{failures}"));
}

#[test]
fn redis_keeps_every_promise() {
    keeps_every_promise(async |url: String, options| open(&url, options).await);
}

#[test]
fn two_connections_to_one_server_keep_every_promise() {
    keeps_every_promise(async |url: String, options: RedisOptions| {
        let handles = [open(&url, options.clone()).await?, open(&url, options).await?];
        Ok(InTurn { handles, calls: AtomicUsize::new(0) })
    });
}

#[test]
fn calls_that_share_round_trips_keep_every_promise() {
    keeps_every_promise(async |url: String, options| Ok(Coalescing::new(open(&url, options).await?)));
}

#[test]
fn redis_that_is_killed_keeps_every_promise_and_those_of_batches() {
    let Some(server) = RedisServer::start() else { return };
    let stores = Killed { runtime: Runtime::new().unwrap(), server, latest: Mutex::default() };
    for report in [stores.drive(run_all(&stores)), stores.drive(run_all_batch(&stores))] {
        assert!(report.skipped().is_empty(), "{:?}", report.skipped());
        report.into_result().unwrap_or_else(|failures| panic!("{failures}"));
    }
}

/// Makes stores on a server of its own, which is killed where the kit asks what survives.
struct Killed {
    runtime: Runtime,
    server: RedisServer,
    latest: Mutex<RedisOptions>,
}

impl Stores for Killed {
    type Store = RedisStorage;

    async fn empty(&self) -> Result<RedisStorage, StorageError> {
        let options = fresh();
        *self.latest.lock().unwrap() = options.clone();
        open(&self.server.url(), options).await
    }

    async fn crash(&self, _: &RedisStorage) -> Result<Option<RedisStorage>, StorageError> {
        self.server.kill();
        self.server.restart();
        let options = self.latest.lock().unwrap().clone();
        open(&self.server.url(), options).await.map(Some)
    }

    fn drive<F: Future>(&self, future: F) -> F::Output {
        let _entered = self.runtime.enter();
        block_on(future)
    }
}

/// Each call goes to the next handle, as requests go to nodes.
struct InTurn {
    handles: [RedisStorage; 2],
    calls: AtomicUsize,
}

impl InTurn {
    fn next(&self) -> &RedisStorage {
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
