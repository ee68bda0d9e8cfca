//! What the tests write, and how they reach a server.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "helpers of tests: they fail by panicking"
)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mfa_core::id::{Pseudonym, SubjectId, SubjectKey, TenantId};
use mfa_core::time::UnixSeconds;
use mfa_redis::{RedisOptions, RedisStorage};
use mfa_storage::{Bucket, BucketKey, EventBody, MethodSet, StorageError, Summary, Write};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};

pub(crate) const NOW: UnixSeconds = UnixSeconds::new(1_800_000_000);

pub(crate) fn subject(name: &str) -> SubjectKey {
    SubjectKey::new(TenantId::new("tenant").unwrap(), SubjectId::new(name).unwrap())
}

/// A write of the usual size with one event.
pub(crate) fn write(stream: u64, content: &str) -> Write {
    let mut sealed = content.as_bytes().to_vec();
    sealed.resize(300, b'.');
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

/// Options with a prefix that no other storage has.
pub(crate) fn fresh() -> RedisOptions {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    RedisOptions::new().prefix(&format!("test-{number}")).unwrap()
}

pub(crate) async fn connect(url: &str) -> ConnectionManager {
    let patient = Duration::from_secs(20);
    let config = ConnectionManagerConfig::new()
        .set_response_timeout(Some(patient))
        .set_connection_timeout(Some(patient))
        .set_max_delay(Duration::from_millis(50))
        .set_number_of_retries(100);
    redis::Client::open(url).unwrap().get_connection_manager_with_config(config).await.unwrap()
}

pub(crate) async fn open(url: &str, options: RedisOptions) -> Result<RedisStorage, StorageError> {
    RedisStorage::open(connect(url).await, options).await
}

pub(crate) fn bucket(number: u64, burst: u32, seconds: u64) -> Bucket {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&number.to_be_bytes());
    Bucket { key: BucketKey::new(key), burst, interval: Duration::from_secs(seconds) }
}
