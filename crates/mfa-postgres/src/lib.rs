//! PostgreSQL storage for `mfa`: the database and the pool that the host has already.
//!
//! [`PostgresStorage`] keeps every promise of [`Storage`](mfa_storage::Storage) and of
//! [`BatchStorage`](mfa_storage::BatchStorage), for any number of nodes. Its tables stand in a schema of their own,
//! `mfa` unless [`PostgresOptions`] says otherwise. A sign-in is one point read and one conditional write, each one
//! statement and one round trip.
//!
//! # What it needs
//! PostgreSQL 15 or later, a UTF-8 database, a pool that reaches the primary, and sqlx with a runtime and, over a
//! network, TLS: both are features of sqlx that the host chooses. With PgBouncer in front: pooling by session, or by
//! transaction where it keeps prepared statements.
//!
//! # What an acknowledged commit survives
//! What the sessions of the pool are set to. With `fsync` on and `synchronous_commit` at its default, a crash of the
//! server; to survive the loss of the primary as well, PostgreSQL must wait for a standby
//! (`synchronous_standby_names`). With `synchronous_commit` off or local,
//! [`durability`](mfa_storage::Storage::durability) answers
//! [`MayLoseLatest`](mfa_storage::Durability::MayLoseLatest). An operator who cancels a commit that waits for its
//! standby (`pg_cancel_backend`) has it acknowledged without: PostgreSQL has no other answer.
//!
//! # What it does not do
//! It never reads from a replica, starts no task, and keeps nothing in memory. Nobody prunes unless the host calls
//! [`prune`](mfa_storage::Storage::prune).
//!
//! # Events
//! They get their place in the feed when somebody reads it, so that nothing is passed by however commits interleave,
//! no foreign transaction delays the feed, and cursors stay good after a dump and restore (of the sequence as well,
//! as `pg_dump` does it). Reading the feed therefore writes. While a foreign transaction stays open for long,
//! PostgreSQL cannot clear away what it superseded, and each read of the feed passes over that.
//!
//! # Examples
//! ```no_run
//! # async fn example(pool: sqlx::PgPool) -> Result<(), mfa_storage::StorageError> {
//! use mfa_postgres::PostgresStorage;
//! use mfa_storage::{Durability, Storage};
//!
//! let storage = PostgresStorage::new(pool);
//! storage.migrate().await?;
//! assert_eq!(storage.durability(), Durability::Durable);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod batch;
mod budget;
mod event;
mod fault;
mod migrate;
mod options;
mod prune;
mod record;
mod schema;
mod storage;
mod transaction;
mod verify;

pub use migrate::migrations;
pub use options::PostgresOptions;
pub use schema::InvalidSchemaName;
pub use storage::PostgresStorage;
