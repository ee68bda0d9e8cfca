//! How a check fails, and what a whole run came to.

use std::error::Error;
use std::fmt;

use mfa_core::id::InvalidId;
use thiserror::Error;

use crate::StorageError;

/// A promise that the store did not keep.
#[derive(Debug, Error)]
#[error("{check}: {found}")]
#[non_exhaustive]
pub struct Failure {
    /// The name of the check, which is that of its function.
    pub check: &'static str,
    /// What was found instead.
    pub found: String,
    /// The store's own error, when it could not answer.
    #[source]
    pub source: Option<StorageError>,
    /// Whether nothing was broken, and nothing found either: this kind of store cannot be checked for it.
    pub skipped: bool,
}

/// Every failure of a run, as one error.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failures {
    /// The failures, in the order the checks ran.
    pub failures: Vec<Failure>,
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store broke {} promises", self.failures.len())?;
        self.failures.iter().try_for_each(|failure| {
            write!(f, "\n  {failure}")?;
            failure.source.iter().try_for_each(|source| write!(f, ": {source}"))
        })
    }
}

impl Error for Failures {}

/// What a run of all checks came to.
#[derive(Debug, Default)]
#[must_use = "a report that nobody reads checks nothing"]
pub struct Report {
    passed: Vec<&'static str>,
    skipped: Vec<Failure>,
    failures: Vec<Failure>,
}

impl Report {
    /// The checks that passed, in the order they ran.
    pub fn passed(&self) -> &[&'static str] {
        &self.passed
    }

    /// The checks that could not be made, and why not. They passed nothing; a backend that ought to be checked looks.
    pub fn skipped(&self) -> &[Failure] {
        &self.skipped
    }

    /// The checks that failed, in the order they ran.
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// Nothing when every promise was kept.
    ///
    /// # Errors
    /// [`Failures`], every one of them.
    pub fn into_result(self) -> Result<(), Failures> {
        match self.failures.is_empty() {
            true => Ok(()),
            false => Err(Failures { failures: self.failures }),
        }
    }

    pub(super) fn add(&mut self, check: &'static str, outcome: Result<(), Failure>) {
        match outcome {
            Ok(()) => self.passed.push(check),
            Err(failure) if failure.skipped => self.skipped.push(failure),
            Err(failure) => self.failures.push(failure),
        }
    }
}

/// A failure that does not know yet which check it belongs to.
#[derive(Debug)]
pub(super) struct Broken {
    found: String,
    source: Option<StorageError>,
    skipped: bool,
}

impl Broken {
    /// The check cannot be made.
    pub(super) fn skipped(why: &str) -> Self {
        Self { found: why.to_owned(), source: None, skipped: true }
    }

    pub(super) fn within(self, check: &'static str) -> Failure {
        Failure { check, found: self.found, source: self.source, skipped: self.skipped }
    }
}

impl From<StorageError> for Broken {
    fn from(source: StorageError) -> Self {
        Self { found: "the store did not answer".to_owned(), source: Some(source), skipped: false }
    }
}

impl From<InvalidId> for Broken {
    fn from(invalid: InvalidId) -> Self {
        Self { found: invalid.to_string(), source: None, skipped: false }
    }
}

/// What a check comes to.
pub(super) type Checked = Result<(), Broken>;

/// Fails with `found` unless `kept`.
pub(super) fn ensure(kept: bool, found: impl FnOnce() -> String) -> Checked {
    match kept {
        true => Ok(()),
        false => Err(Broken { found: found(), source: None, skipped: false }),
    }
}

/// Fails unless `found` is `wanted`.
pub(super) fn same<T: PartialEq + fmt::Debug>(what: &str, found: &T, wanted: &T) -> Checked {
    ensure(found == wanted, || format!("{what}: found {found:?}, wanted {wanted:?}"))
}
