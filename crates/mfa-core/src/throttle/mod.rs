//! Throttling: when a guess may be compared, and when no more may.
//!
//! One [`Throttle`] is the failure history of one budget of guesses. It is plain data in the subject's record, so it
//! holds across sessions, nodes and restarts; [`Throttle::check`] decides, [`Throttle::fail`] and
//! [`Throttle::succeed`] record. The caller commits the new state before it tells anybody how a guess turned out:
//! that, and not this module, makes parallel guesses spend the same budget as serial ones.
//!
//! # Clocks
//! Times come from whichever node answered, and clocks differ. A failure dated ahead of `now` by up to one window still
//! delays, so setting a clock back by that much buys no guess. One dated further ahead was recorded by a clock that was
//! wrong: it counts as consecutive but delays nobody, since otherwise one node with its clock an hour ahead would shut
//! people out for an hour.
//!
//! # Source
//! NIST SP 800-63B-4 section 3.2.2; Commission Delegated Regulation (EU) 2018/389, article 4(3)(b); RFC 4226 section
//! 7.3.

mod settings;

use alloc::vec::Vec;

pub use settings::ThrottleSettings;

use crate::error::messages;
use crate::time::UnixSeconds;

/// Why a guess is not compared now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Throttled {
    /// Too many failures lately. Ask again at `until`, not before.
    Wait {
        /// The first moment at which a guess is compared again.
        until: UnixSeconds,
    },
    /// Too many failures in a row. Waiting does not help: the authenticator must be bound anew.
    Disabled,
}

messages!(Throttled {
    Self::Wait { .. } => "too many wrong codes, wait before the next",
    Self::Disabled => "too many wrong codes, the authenticator is disabled",
});

/// What a failure brought about, for events and notices. Nothing here is to be shown to whoever guessed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailureEffects {
    /// The first failure since a success after which there is a delay.
    pub first_throttle: bool,
    /// Two more failures disable the authenticator.
    pub two_before_cap: bool,
    /// This failure disabled the authenticator.
    pub disabled_now: bool,
    /// With this failure the total of 30 days reached the limit: somebody seems to know the first factor.
    pub suspect_now: bool,
}

/// The failures of one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayCount {
    day: u32,
    failures: u16,
}

impl DayCount {
    /// `failures` on `day`, counted in days of 86 400 seconds since the Unix epoch.
    pub const fn new(day: u32, failures: u16) -> Self {
        Self { day, failures }
    }

    /// The day, in days since the Unix epoch.
    pub const fn day(&self) -> u32 {
        self.day
    }

    /// How many failures it saw, stopping at `u16::MAX`.
    pub const fn failures(&self) -> u16 {
        self.failures
    }
}

/// The failure history of one budget of guesses. Bounded: at most 5 times and 30 day counts.
///
/// # Examples
/// ```
/// use mfa_core::throttle::{Throttle, Throttled, ThrottleSettings};
/// use mfa_core::time::UnixSeconds;
///
/// let settings = ThrottleSettings::DEFAULT;
/// let mut throttle = Throttle::new();
/// let now = UnixSeconds::new(1_000_000);
/// for _ in 0..3 {
///     throttle.check(now, &settings)?; // then compare, and when it was wrong:
///     throttle.fail(now, &settings);
/// }
/// assert_eq!(throttle.check(now, &settings), Err(Throttled::Wait { until: UnixSeconds::new(1_000_005) }));
/// # Ok::<(), Throttled>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Throttle {
    /// The latest failures, in the order they were recorded. At most [`MAX_RECENT`].
    recent: Vec<UnixSeconds>,
    consecutive: u32,
    disabled_at: Option<UnixSeconds>,
    /// Strictly ascending days. At most [`MAX_DAYS`].
    days: Vec<DayCount>,
}

/// How many failure times are kept: no setting allows more in one window.
pub const MAX_RECENT: usize = 5;
/// How many days are counted together.
pub const MAX_DAYS: usize = 30;

const SECONDS_PER_DAY: u64 = 86_400;

impl Throttle {
    /// No failure yet.
    pub const fn new() -> Self {
        Self { recent: Vec::new(), consecutive: 0, disabled_at: None, days: Vec::new() }
    }

    /// Reads a history back from where it was stored.
    ///
    /// # Errors
    /// [`InvalidThrottle::Stored`] when there are more than 5 times or 30 days, or days out of order: no history looks
    /// like that.
    pub fn from_parts(
        recent: &[UnixSeconds],
        consecutive: u32,
        disabled_at: Option<UnixSeconds>,
        days: &[DayCount],
    ) -> Result<Self, InvalidThrottle> {
        let is_bounded = recent.len() <= MAX_RECENT && days.len() <= MAX_DAYS;
        if !is_bounded || !days.is_sorted_by(|a, b| a.day < b.day) {
            return Err(InvalidThrottle::Stored);
        }
        Ok(Self { recent: recent.to_vec(), consecutive, disabled_at, days: days.to_vec() })
    }

    /// When the latest failures were, at most 5, in the order they were recorded.
    pub fn recent(&self) -> &[UnixSeconds] {
        &self.recent
    }

    /// Failures since the last success.
    pub const fn consecutive(&self) -> u32 {
        self.consecutive
    }

    /// When the cap was reached, if it was.
    pub const fn disabled_at(&self) -> Option<UnixSeconds> {
        self.disabled_at
    }

    /// Failures per day, at most 30 days, oldest first.
    pub fn days(&self) -> &[DayCount] {
        &self.days
    }

    /// Whether the cap was reached, now or under the settings of then.
    pub fn is_disabled(&self, settings: &ThrottleSettings) -> bool {
        self.disabled_at.is_some() || settings.cap().is_some_and(|cap| self.consecutive >= u32::from(cap))
    }

    /// Whether a guess may be compared at `now`.
    ///
    /// # Errors
    /// [`Throttled`] when not; then nothing is compared and nothing is recorded.
    pub fn check(&self, now: UnixSeconds, settings: &ThrottleSettings) -> Result<(), Throttled> {
        if self.is_disabled(settings) {
            return Err(Throttled::Disabled);
        }
        match self.delayed_until(settings, now).filter(|until| now < *until) {
            Some(until) => Err(Throttled::Wait { until }),
            None => Ok(()),
        }
    }

    /// The moment up to which recorded failures delay, as a clock that shows `now` sees it.
    fn delayed_until(&self, settings: &ThrottleSettings, now: UnixSeconds) -> Option<UnixSeconds> {
        let horizon = now.plus(settings.window());
        let mut honoured: Vec<_> = self.recent.iter().copied().filter(|time| *time <= horizon).collect();
        honoured.sort_unstable_by(|a, b| b.cmp(a));

        // A window that is full empties when the failure that filled its last place leaves it.
        let filling = usize::from(settings.failures_per_window()).saturating_sub(1);
        let window_ends = honoured.get(filling).map(|time| time.plus(settings.window()));
        let wait_ends = honoured.first().map(|time| time.plus(settings.wait_after(self.consecutive)));
        window_ends.max(wait_ends)
    }

    /// Records a wrong guess at `now`.
    #[must_use = "the effects are to be told to the owner"]
    pub fn fail(&mut self, now: UnixSeconds, settings: &ThrottleSettings) -> FailureEffects {
        self.make_room(now.plus(settings.window()));
        self.recent.push(now);
        self.consecutive = self.consecutive.saturating_add(1);

        let was_disabled = self.disabled_at.is_some();
        if self.is_disabled(settings) {
            self.disabled_at.get_or_insert(now);
        }
        let total_before = self.total(now);
        self.count_day(now);
        let is_suspect = |total| total >= u32::from(settings.suspect_after());

        FailureEffects {
            first_throttle: self.consecutive == settings.first_delaying(),
            two_before_cap: settings
                .cap()
                .is_some_and(|cap| self.consecutive.checked_add(2) == Some(u32::from(cap))),
            disabled_now: self.disabled_at.is_some() && !was_disabled,
            suspect_now: is_suspect(self.total(now)) && !is_suspect(total_before),
        }
    }

    /// Forgets the failure that matters least: the first of those dated beyond `horizon`, which delay nobody now, or else
    /// the one with the earliest date. The order of recording would not do: after a step back of the clock the oldest
    /// entry may be the one that still delays.
    fn make_room(&mut self, horizon: UnixSeconds) {
        if self.recent.len() < MAX_RECENT {
            return;
        }
        let entries = || self.recent.iter().enumerate();
        let beyond = entries().find(|(_, time)| **time > horizon);
        if let Some((index, _)) = beyond.or_else(|| entries().min_by_key(|(_, time)| **time)) {
            self.recent.remove(index);
        }
    }

    /// Records a success: ends waits, empties the window, and starts the consecutive count again. The total of 30 days
    /// stays, since whoever fails often and succeeds between is still worth knowing about. Disabled stays disabled.
    pub fn succeed(&mut self) {
        self.recent.clear();
        self.consecutive = 0;
    }

    /// Ends all waits at an operator's word. The consecutive count stays, so the cap is as near as before; disabled
    /// stays disabled.
    pub fn unlock(&mut self) {
        self.recent.clear();
    }

    /// Failures of the last 30 days, the day of `now` included. A clock far ahead forgets some; this total warns, and
    /// stops nothing.
    pub fn total(&self, now: UnixSeconds) -> u32 {
        let today = day_of(now);
        self.days.iter().filter(|entry| is_counted(entry, today)).map(|entry| u32::from(entry.failures)).sum()
    }

    /// Adds one to today's count and forgets days that are no longer counted. Days ahead of today were dated by a clock
    /// that was wrong and become today.
    fn count_day(&mut self, now: UnixSeconds) {
        let today = day_of(now);
        let from_today_on = self.days.iter().filter(|entry| entry.day >= today);
        let failures = from_today_on.fold(1_u16, |sum, entry| sum.saturating_add(entry.failures));
        self.days.retain(|entry| entry.day < today && is_counted(entry, today));
        self.days.push(DayCount { day: today, failures });
    }
}

/// The day that contains `now`, since the Unix epoch.
fn day_of(now: UnixSeconds) -> u32 {
    u32::try_from(now.get() / SECONDS_PER_DAY).unwrap_or(u32::MAX)
}

/// Whether `entry` belongs to the 30 days that end with `today`, or lies ahead.
fn is_counted(entry: &DayCount, today: u32) -> bool {
    today.saturating_sub(entry.day) < MAX_DAYS as u32
}

/// Settings or a stored history that are not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidThrottle {
    /// A setting is weaker than the floor, or makes no sense.
    Settings,
    /// A stored history is out of bounds.
    Stored,
}

messages!(InvalidThrottle {
    Self::Settings => "a throttling setting is outside its limits",
    Self::Stored => "a stored throttling history is out of bounds",
});

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow in a test is a failed test")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SETTINGS: ThrottleSettings = ThrottleSettings::DEFAULT;
    const WINDOW: u64 = 900;

    fn at(seconds: u64) -> UnixSeconds {
        UnixSeconds::new(seconds)
    }

    fn wait(until: u64) -> Result<(), Throttled> {
        Err(Throttled::Wait { until: at(until) })
    }

    /// Fails as soon as it may, `times` times, and returns when the last failure was.
    fn exhausted(throttle: &mut Throttle, start: u64, times: u32, settings: &ThrottleSettings) -> u64 {
        let mut now = start;
        for _ in 0..times {
            if let Err(Throttled::Wait { until }) = throttle.check(at(now), settings) {
                now = until.get();
            }
            assert_eq!(throttle.check(at(now), settings), Ok(()));
            let _ = throttle.fail(at(now), settings);
        }
        now
    }

    #[test]
    fn the_sixth_guess_waits_until_the_first_leaves_the_window() {
        let mut throttle = Throttle::new();
        let last = exhausted(&mut throttle, 1000, 5, &SETTINGS);
        assert_eq!(last, 1020); // 1000, 1000, 1000, then after 5 and 15 seconds
        assert_eq!(throttle.check(at(last), &SETTINGS), wait(1000 + WINDOW));
        assert_eq!(throttle.check(at(1000 + WINDOW - 1), &SETTINGS), wait(1000 + WINDOW));
        assert_eq!(throttle.check(at(1000 + WINDOW), &SETTINGS), Ok(()));
    }

    #[test]
    fn the_cap_disables_and_nothing_here_revives() {
        let mut throttle = Throttle::new();
        let last = exhausted(&mut throttle, 0, 20, &SETTINGS);
        assert_eq!(throttle.disabled_at(), Some(at(last)));
        throttle.unlock();
        throttle.succeed();
        assert_eq!(throttle.check(at(last + 1_000_000), &SETTINGS), Err(Throttled::Disabled));
        assert_eq!(throttle.check(at(last), &ThrottleSettings::NEVER_DISABLED), Err(Throttled::Disabled));
    }

    #[test]
    fn a_cap_lowered_afterwards_holds_at_once() {
        let mut throttle = Throttle::new();
        let last = exhausted(&mut throttle, 0, 10, &SETTINGS);
        let stricter = SETTINGS.with_cap(10).unwrap();
        assert_eq!(throttle.check(at(last + 5000), &stricter), Err(Throttled::Disabled));
    }

    #[test]
    fn without_a_cap_only_waiting_is_asked() {
        let mut throttle = Throttle::new();
        let last = exhausted(&mut throttle, 0, 200, &ThrottleSettings::NEVER_DISABLED);
        assert_eq!(throttle.check(at(last + WINDOW), &ThrottleSettings::NEVER_DISABLED), Ok(()));
    }

    #[test]
    fn each_effect_is_reported_once() {
        let mut throttle = Throttle::new();
        let mut seen = Vec::new();
        for n in 1..=25 {
            let effects = throttle.fail(at(n * 10_000), &SETTINGS);
            if effects != FailureEffects::default() {
                seen.push((n, effects));
            }
        }
        let none = FailureEffects::default();
        assert_eq!(
            seen,
            [
                (3, FailureEffects { first_throttle: true, ..none }),
                (18, FailureEffects { two_before_cap: true, ..none }),
                (20, FailureEffects { disabled_now: true, ..none }),
            ]
        );
    }

    #[test]
    fn success_clears_all_but_the_total_of_thirty_days() {
        let mut throttle = Throttle::new();
        let mut suspect = Vec::new();
        for n in 1..=70_u64 {
            if throttle.fail(at(n * 3600), &SETTINGS).suspect_now {
                suspect.push(n);
            }
            throttle.succeed();
            assert_eq!(throttle.check(at(n * 3600), &SETTINGS), Ok(()));
            assert_eq!((throttle.consecutive(), throttle.recent()), (0, [].as_slice()));
        }
        assert_eq!(suspect, [60]);
        assert_eq!(throttle.total(at(70 * 3600)), 70);
        assert_eq!(throttle.total(at(70 * 3600 + 30 * SECONDS_PER_DAY)), 0);
    }

    #[test]
    fn unlocking_ends_the_wait_but_not_the_count() {
        let mut throttle = Throttle::new();
        let last = exhausted(&mut throttle, 0, 8, &SETTINGS);
        throttle.unlock();
        assert_eq!(throttle.check(at(last), &SETTINGS), Ok(()));
        assert_eq!(throttle.consecutive(), 8);
        let _ = throttle.fail(at(last), &SETTINGS);
        assert_eq!(throttle.check(at(last), &SETTINGS), wait(last + 480));
    }

    #[test]
    fn a_clock_an_hour_ahead_and_back_stops_nothing_for_an_hour() {
        let (mut throttle, true_time) = (Throttle::new(), 1_000_000);
        exhausted(&mut throttle, true_time + 3600, 5, &SETTINGS);
        assert_eq!(throttle.check(at(true_time), &SETTINGS), Ok(()));
        let effects = throttle.fail(at(true_time), &SETTINGS);
        assert_eq!(throttle.consecutive(), 6, "failures of the wrong clock count");
        assert!(!effects.first_throttle);
        assert_eq!(throttle.check(at(true_time), &SETTINGS), wait(true_time + 60));
    }

    #[test]
    fn a_clock_set_back_within_the_window_buys_no_guess() {
        let mut throttle = Throttle::new();
        let last = exhausted(&mut throttle, 1_000_000, 5, &SETTINGS);
        for back in [1, 60, 899, 900] {
            assert!(throttle.check(at(last - back), &SETTINGS).is_err(), "{back} s");
        }
    }

    #[test]
    fn a_stored_history_is_checked_on_the_way_in() {
        let day = |n| DayCount::new(n, 1);
        let many: Vec<_> = (0..31).map(day).collect();
        assert!(Throttle::from_parts(&[at(1); 6], 6, None, &[]).is_err());
        assert!(Throttle::from_parts(&[], 0, None, &many).is_err());
        assert!(Throttle::from_parts(&[], 0, None, &[day(2), day(2)]).is_err());
        let stored = Throttle::from_parts(&[at(1); 5], 9, Some(at(3)), &many[..30]).unwrap();
        let again =
            Throttle::from_parts(stored.recent(), stored.consecutive(), stored.disabled_at(), stored.days());
        assert_eq!(again, Ok(stored));
    }

    proptest! {
        /// INV-3, for a clock that only goes forward.
        #[test]
        fn inv_3_at_most_five_guesses_in_a_window_and_the_cap_in_all(
            pauses in proptest::collection::vec(0..400_u64, 1..400), cap in 1..=100_u8,
        ) {
            let settings = SETTINGS.with_cap(cap).unwrap();
            let (mut throttle, mut now, mut compared) = (Throttle::new(), 0, Vec::new());
            for pause in pauses {
                now += pause;
                if throttle.check(at(now), &settings).is_ok() {
                    let _ = throttle.fail(at(now), &settings);
                    compared.push(now);
                }
            }
            prop_assert!(compared.len() <= usize::from(cap));
            for (index, first) in compared.iter().enumerate() {
                let in_window = compared[index..].iter().filter(|time| **time < first + WINDOW).count();
                prop_assert!(in_window <= 5, "{} guesses from {}", in_window, first);
            }
        }

        /// INV-3, by the clock's own time, for a clock that steps back and forth by up to one window.
        #[test]
        fn inv_3_holds_while_the_clock_wobbles(
            moves in proptest::collection::vec(-900..900_i64, 1..300),
        ) {
            let (mut throttle, mut now, mut latest, mut compared) = (Throttle::new(), 100_000_u64, 0, Vec::new());
            for step in moves {
                now = now.saturating_add_signed(step).max(latest.max(WINDOW) - WINDOW);
                if throttle.check(at(now), &ThrottleSettings::NEVER_DISABLED).is_ok() {
                    let _ = throttle.fail(at(now), &ThrottleSettings::NEVER_DISABLED);
                    latest = latest.max(now);
                    compared.push(now);
                }
            }
            for first in &compared {
                let in_window = compared.iter().filter(|time| (*first..first + WINDOW).contains(time)).count();
                prop_assert!(in_window <= 5, "{} guesses from {}", in_window, first);
            }
        }

        /// INV-3, whatever clocks answer: the cap holds, and the history stays bounded.
        #[test]
        fn inv_3_the_cap_holds_under_any_clock(times: Vec<u64>, cap in 1..=100_u8) {
            let settings = SETTINGS.with_cap(cap).unwrap();
            let (mut throttle, mut compared) = (Throttle::new(), 0);
            for time in times.iter().cycle().take(500) {
                if throttle.check(at(*time), &settings).is_ok() {
                    let _ = throttle.fail(at(*time), &settings);
                    compared += 1;
                }
                let parts = (throttle.recent(), throttle.consecutive(), throttle.disabled_at(), throttle.days());
                prop_assert!(Throttle::from_parts(parts.0, parts.1, parts.2, parts.3).is_ok());
            }
            prop_assert!(compared <= u32::from(cap));
        }

        /// Whoever must wait now must also wait on an earlier clock, unless a failure is over a window ahead of it.
        #[test]
        fn stepping_back_never_ends_a_wait(
            times in proptest::collection::vec(0..5000_u64, 0..=5), consecutive in 0..20_u32,
            now in 0..6000_u64, back in 0..6000_u64,
        ) {
            let recent: Vec<_> = times.iter().copied().map(at).collect();
            let throttle = Throttle::from_parts(&recent, consecutive, None, &[]).unwrap();
            let earlier = now.saturating_sub(back);
            let nothing_far_ahead = times.iter().all(|time| *time <= earlier + WINDOW);
            if nothing_far_ahead && throttle.check(at(now), &SETTINGS).is_err() {
                prop_assert!(throttle.check(at(earlier), &SETTINGS).is_err());
            }
        }

        /// No answer sends anybody away for longer than two windows.
        #[test]
        fn no_wait_is_longer_than_two_windows(
            times in proptest::collection::vec(any::<u64>(), 0..=5), consecutive: u32, now: u64,
        ) {
            let recent: Vec<_> = times.iter().copied().map(at).collect();
            let throttle = Throttle::from_parts(&recent, consecutive, None, &[]).unwrap();
            if let Err(Throttled::Wait { until }) = throttle.check(at(now), &ThrottleSettings::NEVER_DISABLED) {
                prop_assert!(until.since(at(now)).as_secs() <= 2 * WINDOW);
            }
        }
    }
}
