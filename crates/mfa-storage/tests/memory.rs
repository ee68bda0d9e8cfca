//! The in-memory backend keeps every promise.
#![cfg(feature = "conformance")]

use mfa_storage::{MemoryStorage, conformance};

#[test]
fn memory_keeps_every_promise() {
    let report = conformance::block_on(conformance::run_all(&async || Ok(MemoryStorage::new())));
    report.into_result().unwrap_or_else(|failures| panic!("{failures}"));
}
