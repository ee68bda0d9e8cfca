//! The in-memory backend keeps every promise.
#![cfg(feature = "conformance")]

use mfa_storage::conformance::{block_on, run_all, run_all_batch};
use mfa_storage::{MemoryStorage, StorageError};

#[test]
fn memory_keeps_every_promise() {
    let report = block_on(run_all(&async || Ok(MemoryStorage::new())));
    // Nothing of it outlives its process.
    let skipped: Vec<_> = report.skipped().iter().map(|check| check.check).collect();
    assert_eq!(skipped, ["acknowledged_commits_survive_a_crash"]);
    report.into_result().unwrap_or_else(|failures| panic!("{failures}"));
}

#[test]
fn memory_keeps_every_promise_of_batches() {
    let report = block_on(run_all_batch(&async || Ok::<_, StorageError>(MemoryStorage::new())));
    report.into_result().unwrap_or_else(|failures| panic!("{failures}"));
}
