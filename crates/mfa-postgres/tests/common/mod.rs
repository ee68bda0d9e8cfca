//! One server and one runtime for each test binary, and what tests write.
#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]
#![allow(dead_code, reason = "shared by several test binaries")]

use std::str::FromStr as _;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mfa_core::id::{Pseudonym, SubjectId, SubjectKey, TenantId};
use mfa_core::time::UnixSeconds;
use mfa_postgres::{PostgresOptions, PostgresStorage};
use mfa_storage::{Cursor, EventBody, MethodSet, Storage, StoredEvent, Summary, Write};
use mfa_test_servers::PostgresServer;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::runtime::{Builder, Runtime};

pub(crate) static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    RUNTIME.block_on(future)
}

/// Connects when it is first used, with these settings of the session.
pub(crate) fn pool(url: &str, size: u32, settings: &[(&str, &str)]) -> PgPool {
    let options = PgConnectOptions::from_str(url).unwrap().options(settings.iter().copied());
    let _runtime = RUNTIME.enter();
    let pool = PgPoolOptions::new().max_connections(size).acquire_timeout(Duration::from_secs(10));
    pool.connect_lazy_with(options)
}

/// A pool to a new database of the shared server; `None` where no server is installed.
pub(crate) fn new_database() -> Option<PgPool> {
    Some(pool(&PostgresServer::shared()?.new_database(), 8, &[]))
}

/// The storage over a schema of its own, and the schema's name.
pub(crate) fn storage(pool: &PgPool) -> (PostgresStorage, String) {
    let name = new_schema();
    let storage = PostgresOptions::new().schema(&name).unwrap().build(pool.clone());
    block_on(storage.migrate()).unwrap();
    (storage, name)
}

pub(crate) fn new_schema() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("mfa_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Runs statements of the test's own, as an operator would.
pub(crate) fn sql(pool: &PgPool, sql: &str) {
    block_on(sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(pool)).unwrap();
}

/// Everything in the feed.
pub(crate) fn everything(storage: &PostgresStorage) -> Vec<StoredEvent> {
    block_on(storage.feed(Cursor::START, usize::MAX)).unwrap().0
}

/// An error and what it comes from, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}

pub(crate) const NOW: UnixSeconds = UnixSeconds::new(1_800_000_000);

pub(crate) fn subject(name: &str) -> SubjectKey {
    SubjectKey::new(TenantId::new("tenant").unwrap(), SubjectId::new(name).unwrap())
}

/// A write of the usual size with one event.
pub(crate) fn write(stream: u64, content: &str) -> Write {
    let mut sealed = content.as_bytes().to_vec();
    sealed.resize(250, b'.');
    Write {
        sealed,
        summary: Summary {
            enrolled: true,
            methods: MethodSet::APP,
            throttled_until: None,
            key_id: 1,
            updated_at: NOW,
        },
        stream: Pseudonym::from_bytes(u128::from(stream).to_be_bytes()),
        events: vec![EventBody { at: NOW, payload: content.as_bytes().to_vec() }],
    }
}
