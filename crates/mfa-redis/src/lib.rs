//! Redis storage for `mfa`: one script per change, durable when it answers.
//!
//! [`RedisStorage::open`] takes the host's connection to one Redis server, 7.0 or later, and keeps every promise of
//! [`Storage`](mfa_storage::Storage) as long as the server writes each commit to disk before it answers: with
//! `appendonly yes`, `appendfsync always`, `no-appendfsync-on-rewrite no` and `maxmemory-policy noeviction`. It checks
//! these when it opens and refuses a server that would forget; it does not see it when they are changed later.
//!
//! The connection is a [`ConnectionManager`](redis::aio::ConnectionManager), which connects again by itself and never
//! sends a command twice. A commit whose reply was lost is an error, never a `Conflict`.
//!
//! # Memory
//! Redis keeps everything in memory: about 600 bytes for an enrolled subject with a sealed record of 300 bytes, and
//! about 250 more with its first event of 100 bytes, until that is pruned.
//!
//! # Features
//! - `danger-async-replication`: storage in a cluster, which may lose acknowledged commits when it loses a master.
//!
//! # Examples
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use mfa_redis::{RedisOptions, RedisStorage};
//! use mfa_storage::{Durability, Storage};
//!
//! let client = redis::Client::open("redis://127.0.0.1/")?;
//! let options = RedisOptions::new().prefix("shop")?;
//! let storage = RedisStorage::open(client.get_connection_manager().await?, options).await?;
//! assert_eq!(storage.durability(), Durability::Durable);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod batch;
mod budget;
#[cfg(feature = "danger-async-replication")]
mod cluster;
mod event;
mod fault;
mod layout;
mod link;
mod options;
mod prune;
#[cfg(feature = "danger-async-replication")]
mod pump;
mod record;
mod script;
mod settings;
mod storage;

#[cfg(feature = "danger-async-replication")]
pub use cluster::ClusterOptions;
pub use options::RedisOptions;
pub use storage::RedisStorage;
