//! Time as this library counts it: whole seconds since the Unix epoch, periods, and TOTP time steps.

use core::fmt;
use core::time::Duration;

use crate::error::messages;

/// A moment, in whole seconds since 1970-01-01T00:00:00Z, leap seconds ignored (POSIX time).
///
/// Limited to `i64::MAX` so that every backend can store it in a signed 64-bit column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixSeconds(u64);

impl UnixSeconds {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);
    /// The last moment that can be expressed.
    pub const MAX: Self = Self(i64::MAX as u64);

    /// The moment `seconds` after the epoch; anything past [`UnixSeconds::MAX`] becomes that.
    pub const fn new(seconds: u64) -> Self {
        if seconds > Self::MAX.0 { Self::MAX } else { Self(seconds) }
    }

    /// Whole seconds since the epoch.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// This moment `later`, in whole seconds (fractions dropped), stopping at [`UnixSeconds::MAX`].
    #[must_use]
    pub const fn plus(self, later: Duration) -> Self {
        Self::new(self.0.saturating_add(later.as_secs()))
    }

    /// This moment `earlier`, in whole seconds (fractions dropped), stopping at the epoch.
    #[must_use]
    pub const fn minus(self, earlier: Duration) -> Self {
        Self(self.0.saturating_sub(earlier.as_secs()))
    }

    /// How long ago `earlier` was; zero when it is not in the past.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_secs(self.0.saturating_sub(earlier.0))
    }
}

/// The length of a TOTP time step: 1 to 3600 seconds to read what exists, 15 to 120 for what is made here.
///
/// # Source
/// RFC 6238 section 4.1 (X, default 30); NIST SP 800-63B-4 3.1.4.1 (a code changes at least every two minutes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(u16);

impl Period {
    /// The period every authenticator app understands.
    pub const THIRTY_SECONDS: Self = Self(30);

    /// A period of `seconds`.
    ///
    /// # Errors
    /// [`InvalidPeriod`] unless `seconds` is 1 to 3600.
    pub const fn from_seconds(seconds: u64) -> Result<Self, InvalidPeriod> {
        if seconds == 0 || seconds > 3600 { Err(InvalidPeriod) } else { Ok(Self(seconds as u16)) }
    }

    /// The period in seconds.
    pub const fn seconds(self) -> u64 {
        self.0 as u64
    }
}

/// A period outside 1 to 3600 seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidPeriod;

messages!(InvalidPeriod { Self => "the period of a time-based code must be 1 to 3600 seconds" });

/// The integer `T` of TOTP: how many whole periods lie between `T0` and a moment.
///
/// # Source
/// RFC 6238 section 4.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeStep(u64);

impl TimeStep {
    /// The step with number `step`.
    pub const fn new(step: u64) -> Self {
        Self(step)
    }

    /// The time step that contains `now`, counted from the Unix epoch (`T0 = 0`).
    ///
    /// # Examples
    /// ```
    /// # use mfa_core::time::{Period, TimeStep, UnixSeconds};
    /// let step = TimeStep::containing(UnixSeconds::new(59), Period::THIRTY_SECONDS);
    /// assert_eq!(step.get(), 1);
    /// ```
    pub const fn containing(now: UnixSeconds, period: Period) -> Self {
        match now.0.checked_div(period.seconds()) {
            Some(step) => Self(step),
            None => Self(0), // a period is never zero
        }
    }

    /// The time step that contains `now`, counted from `t0`; `None` while `now` is before `t0`.
    pub const fn containing_from(now: UnixSeconds, t0: UnixSeconds, period: Period) -> Option<Self> {
        match now.0.checked_sub(t0.0) {
            Some(elapsed) => Some(Self::containing(UnixSeconds(elapsed), period)),
            None => None,
        }
    }

    /// The step's number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// When this step begins, for `T0 = 0`.
    pub const fn starts_at(self, period: Period) -> UnixSeconds {
        UnixSeconds::new(self.0.saturating_mul(period.seconds()))
    }

    /// The step `steps` later, or earlier when negative; stops at zero and at `u64::MAX`.
    #[must_use]
    pub const fn offset(self, steps: i64) -> Self {
        Self(self.0.saturating_add_signed(steps))
    }
}

/// Seconds left in the step that contains `now`: 1 to the period.
pub const fn seconds_remaining(now: UnixSeconds, period: Period) -> u64 {
    let into = match now.get().checked_rem(period.seconds()) {
        Some(into) => into,
        None => 0, // a period is never zero
    };
    period.seconds().saturating_sub(into)
}

impl fmt::Display for TimeStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_turns_exactly_at_its_edge() {
        let step = |t| TimeStep::containing(UnixSeconds::new(t), Period::THIRTY_SECONDS).get();
        assert_eq!((step(29), step(30), step(20_000_000_000)), (0, 1, 666_666_666));
    }

    #[test]
    fn before_t0_there_is_no_step() {
        assert_eq!(
            TimeStep::containing_from(UnixSeconds::new(9), UnixSeconds::new(10), Period::THIRTY_SECONDS),
            None
        );
    }

    #[test]
    fn arithmetic_stops_at_the_ends() {
        assert_eq!(UnixSeconds::MAX.plus(Duration::from_secs(u64::MAX)), UnixSeconds::MAX);
        assert_eq!(UnixSeconds::new(5).minus(Duration::from_secs(6)), UnixSeconds::EPOCH);
        assert_eq!(UnixSeconds::new(5).since(UnixSeconds::new(6)), Duration::ZERO);
    }

    #[test]
    fn a_period_of_zero_or_over_an_hour_is_refused() {
        assert!(Period::from_seconds(0).is_err() && Period::from_seconds(3601).is_err());
        assert!(Period::from_seconds(1).is_ok() && Period::from_seconds(3600).is_ok());
    }
}
