//! A storage backend of one's own, in three small files:
//!
//! - `storage.rs`, under 80 lines, keeps the promises of [`Storage`](mfa_storage::Storage);
//! - `journal.rs` is the database: a file of lines, each on the disk before it is acknowledged;
//! - `call.rs` is the format: a call of the contract as a line of JSON, and back.
//!
//! Every call that changes something is written down before it is made, and opening the file makes them all
//! again. What a call does is left to [`MemoryStorage`](mfa_storage::MemoryStorage), which answers the same
//! to the same calls, budgets included; this backend adds that it lasts. One over a database of your own
//! would rather keep rows than calls, as `mfa-sqlite` does; what has to hold is the same, and the conformance
//! kit in `tests/` tells whether it does.
//!
//! # What it does not do
//! - The file only grows, and opening it takes as long as all that ever happened. What was erased or pruned
//!   is gone from every answer, **not from the disk**: records lie there sealed, ids and events as they came.
//! - Everything stands in memory.
//! - One process has the file at a time; a second is refused. For several nodes, take a database.
//! - Every change waits for a sync of its own, and blocks its thread meanwhile; there is no group commit.
//! - A failed write closes the journal: each change is refused until it is opened again, which finds out what
//!   was kept.
//! - Replaying is only as good as the code that replays: a version of `MemoryStorage` that answered the same
//!   calls differently would need a new journal.
#![forbid(unsafe_code)]

mod call;
mod journal;
mod storage;

pub use storage::JournalStorage;
