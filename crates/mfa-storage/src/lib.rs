//! What `mfa` asks of a database, and nothing else: the [`Storage`] trait, its values and errors, and the in-memory
//! backend.
//!
//! A backend keeps one hard promise, [`Storage::commit`]: replace a record only if its version is still the one that
//! was read, and append its events with it, all or nothing, durable when it answers. It never sees a secret: records
//! arrive sealed.
#![forbid(unsafe_code)]

mod batch;
mod coalescing;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
pub mod gcra;
mod memory;
mod model;
mod storage;

pub use batch::{BatchStorage, Commit};
pub use coalescing::Coalescing;
pub use error::{Operation, ReservationRefunded, StorageError};
pub use memory::MemoryStorage;
pub use model::{
    Bucket, BucketKey, CommitOutcome, Cursor, Durability, EventBody, Expected, MethodSet, ScanFilter,
    Snapshot, Spend, SpendOutcome, StoredEvent, Summary, Version, Write,
};
pub use storage::{DynStorage, Storage};
