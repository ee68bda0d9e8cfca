//! What can go wrong inside, and what of it a caller learns.

use std::sync::Arc;

use mfa_storage::{Operation, ReservationRefunded, StorageError};
use sqlx::postgres::{PgDatabaseError, PgRow};
use sqlx::{Decode, Postgres, Row, Type};
use thiserror::Error;

/// A failure before it is known which call it answers.
///
/// Cheap to clone, since one failed statement answers every call of its batch.
#[derive(Clone, Debug, Error)]
pub(crate) enum Fault {
    #[error("the connection failed")]
    Driver(#[source] Arc<sqlx::Error>),
    #[error(transparent)]
    Refused(Refusal),
    #[error("column {column} of table {table} holds a value that this library did not write")]
    Unreadable { table: &'static str, column: &'static str },
    #[error(transparent)]
    Refunded(#[from] ReservationRefunded),
    #[error("the reservation was pruned in the moment it was asked for again")]
    Vanished,
    #[error("the subject is named twice in one batch")]
    NamedTwice,
    #[error(transparent)]
    Unfit(#[from] Unfit),
}

/// What the server answered instead of a result. Its details, which quote values, are left out.
#[derive(Clone, Debug, Error)]
#[error("PostgreSQL refused with {code}: {message}")]
pub(crate) struct Refusal {
    code: String,
    message: String,
}

/// Why a server or a schema will not do.
#[derive(Clone, Debug, Error)]
pub(crate) enum Unfit {
    #[error("the server's version number is {0}, and PostgreSQL 15 (150000) or later is needed")]
    OldServer(i32),
    #[error("the server is in recovery: it is a replica, and this library needs the primary")]
    Replica,
    #[error("the database's encoding is {0}, and UTF8 is needed")]
    Encoding(String),
    #[error("schema {0} does not exist, or has no table of this library: run the migrations")]
    NoSchema(String),
    #[error(
        "the schema has version {found}, and this version of the library needs {known}: run the migrations"
    )]
    SchemaTooOld { found: u32, known: u32 },
    #[error("the schema has version {found}, and this version of the library knows {known}")]
    SchemaTooNew { found: u32, known: u32 },
    #[error("the schema lacks {0}")]
    Missing(String),
    #[error("column {name} is {found}, and {wanted} is needed")]
    Column { name: String, found: String, wanted: String },
    #[error("table {0} is not logged: a crash of the server empties it")]
    NotLogged(String),
}

impl Fault {
    /// Whether trying again may help.
    fn is_transient(&self) -> bool {
        match self {
            Self::Driver(error) => matches!(**error, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut),
            Self::Refused(refusal) => {
                TRANSIENT_CLASSES.contains(&refusal.class())
                    || TRANSIENT_CODES.contains(&refusal.code.as_str())
            }
            _ => false,
        }
    }

    /// Whether the server undid everything because of others who ran at the same time: the call can simply run again.
    pub(crate) fn is_collision(&self) -> bool {
        match self {
            Self::Refused(refusal) => COLLISIONS.contains(&refusal.code.as_str()),
            Self::Vanished => true,
            _ => false,
        }
    }

    /// Whether the server refused the statement itself, so that nothing of it stands and others may be served.
    pub(crate) fn is_of_the_statement(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.class() == "40" || !self.is_transient())
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

impl Refusal {
    fn class(&self) -> &str {
        self.code.get(..2).unwrap_or_default()
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        let sqlx::Error::Database(error) = &error else { return Self::Driver(Arc::new(error)) };
        let Some(error) = error.try_downcast_ref::<PgDatabaseError>() else {
            return Self::Refused(Refusal { code: String::new(), message: String::new() });
        };
        let code = error.code().to_owned();
        // Messages about data may quote it. A constraint's name says as much, and is ours.
        let message = match code.get(..2) {
            Some("22" | "23") => error.constraint().unwrap_or("a value").to_owned(),
            _ => error.message().to_owned(),
        };
        Self::Refused(Refusal { code, message })
    }
}

/// Runs `attempt` until others no longer undo it, a bounded number of times. Needed where the host's sessions are
/// serializable by default, and against deadlocks that only a misuse of ours could bring about.
pub(crate) async fn retry<T, F: Future<Output = Result<T, Fault>>>(
    mut attempt: impl FnMut() -> F,
) -> Result<T, Fault> {
    for _ in 1..MAX_ATTEMPTS {
        match attempt().await {
            Err(fault) if fault.is_collision() => {}
            outcome => return outcome,
        }
    }
    attempt().await
}

/// Column `index` of `row` as what was written there, or [`Fault::Unreadable`].
pub(crate) fn read<'r, T: Decode<'r, Postgres> + Type<Postgres>>(
    row: &'r PgRow,
    index: usize,
    table: &'static str,
    column: &'static str,
) -> Result<T, Fault> {
    row.try_get(index).map_err(|_| Fault::Unreadable { table, column })
}

/// As [`read`], for a number that was stored as a `bigint`.
pub(crate) fn number<T: TryFrom<i64>>(
    row: &PgRow,
    index: usize,
    table: &'static str,
    column: &'static str,
) -> Result<T, Fault> {
    let value: i64 = read(row, index, table, column)?;
    T::try_from(value).map_err(|_| Fault::Unreadable { table, column })
}

/// A number as a column's value; past `i64::MAX`, which no valid value reaches, it becomes that.
pub(crate) fn column(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Connection lost, transaction undone, out of resources, stopped by an operator.
const TRANSIENT_CLASSES: [&str; 4] = ["08", "40", "53", "57"];
/// A lock was not to be had in the time that the host allows; the server is a standby, as one is during a failover.
const TRANSIENT_CODES: [&str; 2] = ["55P03", "25006"];
/// Serialization failure, deadlock.
const COLLISIONS: [&str; 2] = ["40001", "40P01"];
const MAX_ATTEMPTS: u32 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: &str) -> Fault {
        Fault::Refused(Refusal { code: code.to_owned(), message: String::new() })
    }

    #[test]
    fn what_may_pass_is_told_by_its_code() {
        for code in ["08006", "40001", "40P01", "53300", "57014", "57P01", "55P03", "25006"] {
            assert!(refused(code).answer(Operation::Commit).is_transient(), "{code}");
        }
        for code in ["23505", "42501", "42P01", "22P05", ""] {
            assert!(!refused(code).answer(Operation::Commit).is_transient(), "{code}");
        }
        assert!(Fault::from(sqlx::Error::PoolTimedOut).answer(Operation::Load).is_transient());
        assert!(!Fault::from(sqlx::Error::PoolClosed).answer(Operation::Load).is_transient());
        assert!(!Fault::NamedTwice.answer(Operation::Commit).is_transient());
    }

    #[test]
    fn only_a_refused_statement_lets_the_rest_of_a_batch_go_on() {
        assert!(refused("23505").is_of_the_statement() && refused("40P01").is_of_the_statement());
        assert!(!refused("57P01").is_of_the_statement() && !refused("53100").is_of_the_statement());
        assert!(!Fault::from(sqlx::Error::PoolTimedOut).is_of_the_statement());
    }
}
