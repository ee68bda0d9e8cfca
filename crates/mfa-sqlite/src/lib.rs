//! SQLite storage for `mfa`: a file beside the service, durable when it answers.
//!
//! [`SqliteStorage::open`] takes a path, brings the schema up to date and keeps every promise of
//! [`Storage`](mfa_storage::Storage). One thread owns the only writing connection and commits whatever has queued up
//! in one transaction, so that many callers share one disk flush. Several processes may open the same file.
//!
//! # What blocks
//! Writes wait in a future and need no particular runtime. Reads run on the calling thread: a point read takes a few
//! microseconds, a [`scan`](mfa_storage::Storage::scan) or [`feed`](mfa_storage::Storage::feed) as long as its `limit`
//! (and, for `scan`, its filter) asks for. Opening, and dropping the last handle, touch the disk.
//!
//! # Features
//! - `bundled` (default): compiles SQLite in. Without it, the host's `libsqlite3-sys` decides; 3.37 is the oldest
//!   SQLite that will do, and opening says so.
//!
//! # Examples
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = std::env::temp_dir().join(format!("mfa-sqlite-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&directory)?;
//! use mfa_sqlite::SqliteStorage;
//! use mfa_storage::{Durability, Storage};
//!
//! let storage = SqliteStorage::open(directory.join("mfa.db"))?;
//! assert_eq!(storage.durability(), Durability::Durable);
//! # drop(storage);
//! # std::fs::remove_dir_all(&directory)?;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod budget;
mod connection;
mod event;
mod fault;
mod migrate;
mod options;
mod prune;
mod readers;
mod record;
mod storage;
mod writer;

pub use migrate::MIGRATIONS;
pub use options::SqliteOptions;
pub use storage::SqliteStorage;
