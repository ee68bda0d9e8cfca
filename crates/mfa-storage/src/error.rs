//! The one error of storage: the answer is not known.

use std::error::Error;

use thiserror::Error;

/// A storage call failed, and **what it did is not known**: a write may have been applied.
///
/// The engine reads again and never assumes. Nothing of the driver's text reaches a subject.
#[derive(Debug, Error)]
#[error("storage failed to {operation}")]
#[non_exhaustive]
pub struct StorageError {
    /// What was being done.
    pub operation: Operation,
    /// Whether trying again may help (a lost connection, a busy database), as the driver's codes say.
    pub transient: bool,
    /// The driver's own error.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl StorageError {
    /// A failure that trying again will not mend.
    pub fn permanent(operation: Operation, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { operation, transient: false, source: Some(source.into()) }
    }

    /// A failure that may pass.
    pub fn transient(operation: Operation, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { operation, transient: true, source: Some(source.into()) }
    }

    /// Whether trying again may help.
    pub fn is_transient(&self) -> bool {
        self.transient
    }
}

/// Why [`Storage::spend`](crate::Storage::spend) refuses a reservation that was already given back: granting it again
/// would send without a budget. A [`StorageError::source`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the reservation was already refunded")]
#[expect(clippy::exhaustive_structs, reason = "every backend makes it, and it has nothing to say")]
pub struct ReservationRefunded;

/// What a storage call was doing when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// Opening, migrating, checking the schema or the settings.
    Open,
    /// Reading a record.
    Load,
    /// Replacing a record.
    Commit,
    /// Spending a budget.
    Spend,
    /// Giving a budget back.
    Refund,
    /// Reading events.
    Feed,
    /// Listing records.
    Scan,
    /// Erasing a record.
    Erase,
    /// Dropping old events.
    Prune,
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Load => "load a record",
            Self::Commit => "commit a record",
            Self::Spend => "spend a budget",
            Self::Refund => "refund a budget",
            Self::Feed => "feed events",
            Self::Scan => "scan records",
            Self::Erase => "erase a record",
            Self::Prune => "prune events",
        })
    }
}
