//! How to open the database.

use std::path::Path;
use std::time::Duration;

use mfa_storage::{Durability, Operation, StorageError};

use crate::SqliteStorage;

/// Settings of a [`SqliteStorage`]; the defaults are right for nearly everybody.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    pub(crate) busy_timeout: Duration,
    pub(crate) readers: usize,
    pub(crate) durability: Durability,
}

impl SqliteOptions {
    /// Durable, with 4 reading connections, waiting up to 5 seconds for another process.
    pub fn new() -> Self {
        Self { busy_timeout: Duration::from_secs(5), readers: 4, durability: Durability::Durable }
    }

    /// How long a write waits while another process writes, before it answers a transient error. A write of a
    /// process that finds the file busy competes with the others without a queue.
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// How many connections read at once, 1 to 64; numbers outside become the nearest.
    #[must_use]
    pub fn readers(mut self, readers: usize) -> Self {
        self.readers = readers.clamp(1, 64);
        self
    }

    /// Does not wait for the disk at each commit (`synchronous=NORMAL`).
    ///
    /// # Danger
    /// A power loss takes the last acknowledged commits back: a used code, a spent recovery code and a counted guess
    /// all become as if they had never been. With many callers the disk is shared by group commit and this gains
    /// little. [`durability`](mfa_storage::Storage::durability) answers [`Durability::MayLoseLatest`].
    #[must_use]
    pub fn danger_synchronous_normal(mut self) -> Self {
        self.durability = Durability::MayLoseLatest;
        self
    }

    /// Opens the database at `path`, makes it if it does not exist (on Unix for its owner alone, mode 0600), and
    /// brings its schema up to date. Safe to call from many processes at once.
    ///
    /// # Errors
    /// [`StorageError`] when the file cannot be opened for writing, is no database, cannot use a write-ahead log, or
    /// has a newer schema than this version knows; transient when others kept it busy for longer than the timeout.
    pub fn open(self, path: impl AsRef<Path>) -> Result<SqliteStorage, StorageError> {
        SqliteStorage::open_with(path.as_ref(), &self).map_err(|fault| fault.answer(Operation::Open))
    }
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self::new()
    }
}
