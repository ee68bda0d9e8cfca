//! How strict throttling is.

use core::time::Duration;

use super::{InvalidThrottle, MAX_RECENT};

/// How many failures are allowed, and how long they delay.
///
/// Only settings at least as strict as the defaults' floor can be made: at most 5 failures per window, a window of at
/// least 15 minutes, at most [`ThrottleSettings::HARD_CAP`] failures before disabling.
///
/// # Examples
/// ```
/// use mfa_core::throttle::ThrottleSettings;
///
/// let settings = ThrottleSettings::DEFAULT.with_cap(10)?;
/// assert_eq!(settings.cap(), Some(10));
/// assert!(settings.with_cap(101).is_err());
/// # Ok::<(), mfa_core::throttle::InvalidThrottle>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThrottleSettings {
    window: Duration,
    failures_per_window: u8,
    cap: Option<u8>,
    suspect_after: u16,
}

impl ThrottleSettings {
    /// The most consecutive failures that any setting allows (NIST SP 800-63B-4 section 3.2.2).
    pub const HARD_CAP: u8 = 100;

    /// Five failures in 15 minutes, disabled after 20 in a row, suspect at 60 in 30 days.
    pub const DEFAULT: Self = Self {
        window: Duration::from_secs(15 * 60),
        failures_per_window: MAX_RECENT as u8,
        cap: Some(20),
        suspect_after: 60,
    };

    /// The same without a cap, for secrets that cannot be guessed: recovery codes of 128 bits. Disabling those would
    /// only give whoever knows the password a way to lock the owner out.
    pub const NEVER_DISABLED: Self = Self { cap: None, ..Self::DEFAULT };

    /// Disables after `cap` consecutive failures, 1 to [`ThrottleSettings::HARD_CAP`].
    ///
    /// # Errors
    /// [`InvalidThrottle::Settings`] outside that.
    pub const fn with_cap(self, cap: u8) -> Result<Self, InvalidThrottle> {
        if cap == 0 || cap > Self::HARD_CAP {
            return Err(InvalidThrottle::Settings);
        }
        Ok(Self { cap: Some(cap), ..self })
    }

    /// Allows `failures` (1 to 5) in any stretch of `window` (15 minutes to 24 hours).
    ///
    /// # Errors
    /// [`InvalidThrottle::Settings`] outside that.
    pub const fn with_window(self, window: Duration, failures: u8) -> Result<Self, InvalidThrottle> {
        let seconds = window.as_secs();
        if seconds < Self::DEFAULT.window.as_secs() || seconds > DAY.as_secs() {
            return Err(InvalidThrottle::Settings);
        }
        if failures == 0 || failures > Self::DEFAULT.failures_per_window {
            return Err(InvalidThrottle::Settings);
        }
        Ok(Self { window: Duration::from_secs(seconds), failures_per_window: failures, ..self })
    }

    /// Reports the first factor as suspect when `failures` (at least 1) have come together in 30 days.
    ///
    /// # Errors
    /// [`InvalidThrottle::Settings`] for zero.
    pub const fn with_suspect_after(self, failures: u16) -> Result<Self, InvalidThrottle> {
        if failures == 0 {
            return Err(InvalidThrottle::Settings);
        }
        Ok(Self { suspect_after: failures, ..self })
    }

    /// The stretch of time in which [`ThrottleSettings::failures_per_window`] are allowed; also the longest wait.
    pub const fn window(&self) -> Duration {
        self.window
    }

    /// How many failures any one window may hold.
    pub const fn failures_per_window(&self) -> u8 {
        self.failures_per_window
    }

    /// Consecutive failures that disable; `None` when nothing does.
    pub const fn cap(&self) -> Option<u8> {
        self.cap
    }

    /// Failures in 30 days that make the first factor suspect.
    pub const fn suspect_after(&self) -> u16 {
        self.suspect_after
    }

    /// How long to wait after the `consecutive`-th failure in a row: 0, 0, 5, 15, 30 seconds, then twice as long each
    /// time, up to the window.
    pub fn wait_after(&self, consecutive: u32) -> Duration {
        let seconds = match consecutive {
            0..=2 => 0,
            3 => 5,
            4 => 15,
            _ => 2_u64.checked_pow(consecutive.saturating_sub(5)).map_or(u64::MAX, |n| n.saturating_mul(30)),
        };
        Duration::from_secs(seconds).min(self.window)
    }

    /// The failure that is the first to be followed by a delay.
    pub(super) fn first_delaying(&self) -> u32 {
        u32::from(self.failures_per_window).min(3)
    }
}

impl Default for ThrottleSettings {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The longest window that can be set.
const DAY: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    const SETTINGS: ThrottleSettings = ThrottleSettings::DEFAULT;

    #[test]
    fn waits_grow_and_stop_at_the_window() {
        let waits: Vec<_> = (1..=12).map(|n| SETTINGS.wait_after(n).as_secs()).collect();
        assert_eq!(waits, [0, 0, 5, 15, 30, 60, 120, 240, 480, 900, 900, 900]);
        assert_eq!(SETTINGS.wait_after(u32::MAX).as_secs(), 900);
    }

    #[test]
    fn settings_are_never_weaker_than_the_floor() {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        assert!(SETTINGS.with_cap(0).is_err() && SETTINGS.with_cap(101).is_err());
        assert!(SETTINGS.with_cap(100).is_ok());
        assert!(
            SETTINGS.with_window(minutes(14), 5).is_err() && SETTINGS.with_window(minutes(15), 6).is_err()
        );
        assert!(
            SETTINGS.with_window(minutes(15), 0).is_err() && SETTINGS.with_window(minutes(1441), 1).is_err()
        );
        assert!(SETTINGS.with_window(minutes(60), 1).is_ok());
        assert!(SETTINGS.with_suspect_after(0).is_err());
    }
}
