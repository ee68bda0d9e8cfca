//! What can go wrong inside, and what of it a caller learns.

use std::sync::Arc;

use mfa_storage::{Operation, ReservationRefunded, StorageError};
use rusqlite::ErrorCode;
use thiserror::Error;

/// A failure before it is known which call it answers.
///
/// Cheap to clone, since one failed commit answers every call of its batch.
#[derive(Clone, Debug, Error)]
pub(crate) enum Fault {
    #[error("SQLite refused")]
    Sqlite(#[source] Arc<rusqlite::Error>),
    #[error("column {column} of table {table} holds a value that this library did not write")]
    Unreadable { table: &'static str, column: &'static str },
    #[error(transparent)]
    Refunded(#[from] ReservationRefunded),
    #[error("the database has schema {found} and this version of the library knows {known}")]
    SchemaTooNew { found: u32, known: u32 },
    #[error("the database cannot use a write-ahead log; its journal mode is {0:?}")]
    NoWriteAheadLog(String),
    #[error("the database file can only be read")]
    ReadOnly,
    #[error("SQLite {0} is too old; 3.37 is needed")]
    OldSqlite(&'static str),
    #[error("the file system refused")]
    File(#[source] Arc<std::io::Error>),
    #[error("the storage has stopped")]
    Stopped,
}

impl Fault {
    /// Whether trying again may help, as SQLite's code says.
    pub(crate) fn is_transient(&self) -> bool {
        let Self::Sqlite(error) = self else { return false };
        matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
    }

    /// The answer to a call.
    pub(crate) fn answer(self, operation: Operation) -> StorageError {
        match self {
            Self::Refunded(refunded) => StorageError::permanent(operation, refunded),
            fault if fault.is_transient() => StorageError::transient(operation, fault),
            fault => StorageError::permanent(operation, fault),
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::File(Arc::new(error))
    }
}

/// A column's value as the number type that was written, or [`Fault::Unreadable`].
pub(crate) fn number<T: TryFrom<i64>>(
    value: i64,
    table: &'static str,
    column: &'static str,
) -> Result<T, Fault> {
    T::try_from(value).map_err(|_| Fault::Unreadable { table, column })
}

/// A number as a column's value; past `i64::MAX`, which no valid value reaches, it becomes that.
pub(crate) fn column(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
