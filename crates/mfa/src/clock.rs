//! The one place that reads the machine's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use mfa_core::time::UnixSeconds;
use thiserror::Error;

/// Tells the time. The engine asks once per operation and passes the answer down.
pub trait Clock: Send + Sync + 'static {
    /// The moment it is now.
    ///
    /// # Errors
    /// [`ClockError`] when the time cannot be told; the operation is then refused, never guessed.
    fn now(&self) -> Result<UnixSeconds, ClockError>;
}

/// The clock cannot be used: it stands before 1970, or its source failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the clock cannot tell the time")]
#[non_exhaustive]
pub struct ClockError;

/// The machine's wall clock. Keep it synchronised: authenticator apps follow real time.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a unit value that hosts name")]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the wrapper that the ban points to")]
    fn now(&self) -> Result<UnixSeconds, ClockError> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|_| ClockError)?;
        Ok(UnixSeconds::new(since.as_secs()))
    }
}
