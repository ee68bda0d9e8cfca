//! The connections that read, shared by all callers.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, TryLockError};

use rusqlite::Connection;

use crate::SqliteOptions;
use crate::connection::open_reader;
use crate::fault::Fault;

/// A fixed set of connections. Each statement starts from the newest commit, so it sees all that was acknowledged.
#[derive(Debug)]
pub(crate) struct Readers {
    connections: Vec<Mutex<Connection>>,
    turn: AtomicUsize,
}

impl Readers {
    pub(crate) fn open(path: &Path, options: &SqliteOptions) -> Result<Self, Fault> {
        let connections = (0..options.readers).map(|_| open_reader(path, options).map(Mutex::new));
        Ok(Self { connections: connections.collect::<Result<_, _>>()?, turn: AtomicUsize::new(0) })
    }

    /// Runs `read` on a connection that is free, or waits for the one whose turn it is. A panic elsewhere leaves a
    /// connection usable: its statement was reset on the way out.
    pub(crate) fn with<T>(&self, read: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        for connection in &self.connections {
            match connection.try_lock() {
                Ok(connection) => return read(&connection),
                Err(TryLockError::Poisoned(poisoned)) => return read(&poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let connection = turn.checked_rem(self.connections.len()).and_then(|slot| self.connections.get(slot));
        let connection = connection.ok_or(Fault::Stopped)?;
        read(&connection.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Closes every connection.
    pub(crate) fn close(&mut self) {
        self.connections.clear();
    }
}
