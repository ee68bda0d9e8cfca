//! TOTP: codes from the time step (RFC 6238), and the verifier that accepts each step at most once.

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::algorithm::{Algorithm, Digits};
use crate::code::Code;
use crate::error::messages;
use crate::hotp;
use crate::key::SharedKey;
use crate::mac::Mac;
use crate::time::{Period, TimeStep, UnixSeconds};

/// What both sides must agree on besides the key.
///
/// Several authenticator apps ignore every value but SHA1, six digits and thirty seconds, without a word: whoever
/// chooses others locks some people out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TotpParameters {
    algorithm: Algorithm,
    digits: Digits,
    period: Period,
}

impl TotpParameters {
    /// SHA1, six digits, thirty seconds: what every app computes.
    pub const DEFAULT: Self = Self::new(Algorithm::Sha1, Digits::SIX, Period::THIRTY_SECONDS);

    /// Any combination.
    pub const fn new(algorithm: Algorithm, digits: Digits, period: Period) -> Self {
        Self { algorithm, digits, period }
    }

    /// The hash under the HMAC.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// How many digits a code has.
    pub const fn digits(&self) -> Digits {
        self.digits
    }

    /// How long a code is shown.
    pub const fn period(&self) -> Period {
        self.period
    }

    /// The time step that contains `now`.
    pub const fn step_at(&self, now: UnixSeconds) -> TimeStep {
        TimeStep::containing(now, self.period)
    }
}

impl Default for TotpParameters {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// How many steps either side of the centre are looked at: 0 to [`Window::MAX`] each way.
///
/// Every step is one more code that a guesser may hit. One either side allows for the network and for people who type
/// slowly, and is what RFC 6238 section 5.2 recommends at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    past: u8,
    future: u8,
}

impl Window {
    /// The most steps each way: an hour of thirty-second steps.
    pub const MAX: u8 = 120;
    /// The centre step only.
    pub const STRICT: Self = Self { past: 0, future: 0 };
    /// One step either side.
    pub const DEFAULT: Self = Self { past: 1, future: 1 };

    /// A window of `past` steps before the centre and `future` steps after it.
    ///
    /// # Errors
    /// [`InvalidWindow`] when either is over [`Window::MAX`].
    pub const fn new(past: u8, future: u8) -> Result<Self, InvalidWindow> {
        if past > Self::MAX || future > Self::MAX { Err(InvalidWindow) } else { Ok(Self { past, future }) }
    }

    /// Steps before the centre.
    pub const fn past(self) -> u8 {
        self.past
    }

    /// Steps after the centre.
    pub const fn future(self) -> u8 {
        self.future
    }
}

impl Default for Window {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A window wider than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidWindow;

messages!(InvalidWindow { Self => "the window of time steps is wider than allowed" });

/// What a scan of the window found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "a fresh step must be stored before the code counts as accepted"]
pub enum Scan {
    /// The code is right and unused. Store this step, then accept: it and all before it are used from now on.
    Fresh(TimeStep),
    /// The code is right, but for steps that are used.
    Used,
    /// The code belongs to no step of the window.
    Wrong,
}

/// The code that an app shows during `step`.
///
/// # Examples
/// ```
/// use mfa_core::key::SharedKey;
/// use mfa_core::time::UnixSeconds;
/// use mfa_core::totp::{self, TotpParameters};
///
/// let key = SharedKey::from_bytes(b"12345678901234567890")?;
/// let parameters = TotpParameters::DEFAULT;
/// let code = totp::generate(&key, &parameters, parameters.step_at(UnixSeconds::new(59)));
/// assert_eq!(code.expose(), "287082");
/// # Ok::<(), mfa_core::key::InvalidKey>(())
/// ```
pub fn generate(key: &SharedKey, parameters: &TotpParameters, step: TimeStep) -> Code {
    hotp::generate(key, parameters.algorithm, parameters.digits, step.get())
}

/// Looks for `code` in the window around `centre` and returns the highest matching step above `after`, the last step
/// that was used.
///
/// The highest, because two steps in reach may share one code: recording the lower one would leave the same code good
/// for the higher one (this happens about once in 200 000 windows). A step at or below `after` is never fresh again,
/// whatever the clock does. Storing the step is the caller's part, in one conditional write with whatever acceptance
/// grants; otherwise two requests at once both find it fresh.
///
/// Every step of the window is computed and compared, in the same order, whatever the code is and wherever it matches:
/// time depends on the parameters, the length of the key, and the window alone. Steps below 0 and past `u64::MAX` do
/// not exist. Nothing is allocated.
///
/// # Source
/// RFC 6238 sections 4.2, 5.2 and 6.
///
/// # Examples
/// ```
/// use mfa_core::algorithm::Digits;
/// use mfa_core::code::Code;
/// use mfa_core::key::SharedKey;
/// use mfa_core::time::{TimeStep, UnixSeconds};
/// use mfa_core::totp::{self, Scan, TotpParameters, Window};
///
/// let key = SharedKey::from_bytes(b"12345678901234567890")?;
/// let parameters = TotpParameters::DEFAULT;
/// let centre = parameters.step_at(UnixSeconds::new(59));
/// let code = Code::parse("287 082", Digits::SIX)?;
///
/// let first = totp::scan(&key, &parameters, &code, centre, Window::DEFAULT, None);
/// assert_eq!(first, Scan::Fresh(TimeStep::new(1)));
/// let again = totp::scan(&key, &parameters, &code, centre, Window::DEFAULT, Some(TimeStep::new(1)));
/// assert_eq!(again, Scan::Used);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn scan(
    key: &SharedKey,
    parameters: &TotpParameters,
    code: &Code,
    centre: TimeStep,
    window: Window,
    after: Option<TimeStep>,
) -> Scan {
    if code.digits() != parameters.digits {
        return Scan::Wrong; // lengths are public
    }
    let wanted = code.number();
    let first = centre.get().saturating_sub(u64::from(window.past));
    let last = centre.get().saturating_add(u64::from(window.future));

    let (mut highest, mut is_fresh, mut matched) = (0, Choice::from(0), Choice::from(0));
    Mac::new(key, parameters.algorithm).for_each(first..=last, |step, value| {
        let matches = parameters.digits.reduce(value).ct_eq(&wanted);
        let counts = matches & is_unused(step, after);
        highest.conditional_assign(&step, counts); // ascending, so the last assignment is the highest
        is_fresh |= counts;
        matched |= matches;
    });

    match (bool::from(is_fresh), bool::from(matched)) {
        (true, _) => Scan::Fresh(TimeStep::new(highest)),
        (false, true) => Scan::Used,
        (false, false) => Scan::Wrong,
    }
}

/// Finds how far off an authenticator's clock is, from two codes that it showed one after the other.
///
/// Returns the highest step `s` within [`RESYNCHRONISATION_REACH`] of `centre` such that `first` is the code of
/// `s - 1` and `second` that of `s`, both above `after`. Two consecutive codes let the reach be this wide: a guess has
/// one chance in 10^12 per step, instead of 10^6. Store `s` as the last used step, which burns both codes, and do not
/// sign the person in on the strength of it. Constant time like [`scan`].
///
/// # Source
/// RFC 4226 section 7.4 and RFC 6238 section 6.
pub fn resynchronise(
    key: &SharedKey,
    parameters: &TotpParameters,
    first: &Code,
    second: &Code,
    centre: TimeStep,
    after: Option<TimeStep>,
) -> Option<TimeStep> {
    if first.digits() != parameters.digits || second.digits() != parameters.digits {
        return None; // lengths are public
    }
    let (first, second) = (first.number(), second.number());
    let last = centre.get().saturating_add(RESYNCHRONISATION_REACH);
    let earliest = centre.get().saturating_sub(RESYNCHRONISATION_REACH).saturating_sub(1);

    let (mut highest, mut found, mut first_was_before) = (0, Choice::from(0), Choice::from(0));
    Mac::new(key, parameters.algorithm).for_each(earliest..=last, |step, value| {
        let number = parameters.digits.reduce(value);
        let both = first_was_before & number.ct_eq(&second);
        highest.conditional_assign(&step, both);
        found |= both;
        first_was_before = number.ct_eq(&first) & is_unused(step, after);
    });
    bool::from(found).then(|| TimeStep::new(highest))
}

/// How far [`resynchronise`] looks either side, in steps.
pub const RESYNCHRONISATION_REACH: u64 = 10;

/// Both values are known to whoever can read the record, so comparing them plainly gives nothing away.
fn is_unused(step: u64, after: Option<TimeStep>) -> Choice {
    Choice::from(u8::from(after.is_none_or(|used| step > used.get())))
}

/// How many steps an authenticator's clock runs ahead of ours (negative: behind). It moves the centre of the window and
/// never widens it.
///
/// [`Drift::learn`] follows a slow clock by at most two steps; only a resynchronisation with two codes moves further,
/// up to [`RESYNCHRONISATION_REACH`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drift(i8);

impl Drift {
    /// No drift.
    pub const NONE: Self = Self(0);
    /// The furthest that [`Drift::learn`] goes, in steps.
    pub const MAX_LEARNED: i8 = 2;
    /// The furthest that [`Drift::resynchronised`] goes, in steps.
    pub const MAX: i8 = RESYNCHRONISATION_REACH as i8;

    /// Reads a drift back from where it was stored.
    ///
    /// # Errors
    /// [`InvalidDrift`] when it is more than [`Drift::MAX`] steps either way.
    pub const fn from_steps(steps: i8) -> Result<Self, InvalidDrift> {
        if steps.unsigned_abs() > Self::MAX.unsigned_abs() { Err(InvalidDrift) } else { Ok(Self(steps)) }
    }

    /// The drift in steps, for storing.
    pub const fn steps(self) -> i8 {
        self.0
    }

    /// The step that the authenticator shows when ours is `step`: the centre to scan around.
    #[must_use]
    pub const fn apply(self, step: TimeStep) -> TimeStep {
        step.offset(self.0 as i64)
    }

    /// What an accepted code teaches: `matched` was right when our clock was in `now`. An observation beyond two steps
    /// changes nothing.
    #[must_use]
    pub fn learn(self, now: TimeStep, matched: TimeStep) -> Self {
        Self::observed(now, matched, Self::MAX_LEARNED).unwrap_or(self)
    }

    /// The drift that [`resynchronise`] revealed by returning `matched` when our clock was in `now`; `None` when that is
    /// beyond its reach.
    pub fn resynchronised(now: TimeStep, matched: TimeStep) -> Option<Self> {
        Self::observed(now, matched, Self::MAX)
    }

    fn observed(now: TimeStep, matched: TimeStep, limit: i8) -> Option<Self> {
        let steps = matched.get().checked_signed_diff(now.get())?;
        let steps = i8::try_from(steps).ok()?;
        (steps.unsigned_abs() <= limit.unsigned_abs()).then_some(Self(steps))
    }
}

/// A drift further than any that is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidDrift;

messages!(InvalidDrift { Self => "the drift is larger than any that is recorded" });

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SharedKey {
        SharedKey::from_bytes(b"12345678901234567890").unwrap()
    }

    fn scanned(code: &Code, centre: u64, after: Option<u64>) -> Scan {
        let (centre, after) = (TimeStep::new(centre), after.map(TimeStep::new));
        scan(&key(), &TotpParameters::DEFAULT, code, centre, Window::DEFAULT, after)
    }

    fn shown(step: u64) -> Code {
        generate(&key(), &TotpParameters::DEFAULT, TimeStep::new(step))
    }

    #[test]
    fn one_step_either_side_is_accepted_and_no_more() {
        let accepted = |step| matches!(scanned(&shown(step), 1000, None), Scan::Fresh(_));
        assert!(!accepted(998) && accepted(999) && accepted(1000) && accepted(1001) && !accepted(1002));
    }

    #[test]
    fn a_used_step_stays_used_and_so_do_all_before_it() {
        assert_eq!(scanned(&shown(1000), 1000, Some(1000)), Scan::Used);
        assert_eq!(scanned(&shown(999), 1000, Some(1000)), Scan::Used);
        assert_eq!(scanned(&shown(1001), 1000, Some(1000)), Scan::Fresh(TimeStep::new(1001)));
        assert_eq!(scanned(&shown(1002), 1000, Some(1000)), Scan::Wrong);
    }

    #[test]
    fn of_two_steps_with_one_code_the_higher_is_recorded() {
        // 963181 is the code of both 59061240 and 59061241 for this key.
        let code = shown(59_061_240);
        assert_eq!(scanned(&code, 59_061_240, None), Scan::Fresh(TimeStep::new(59_061_241)));
        assert_eq!(scanned(&code, 59_061_241, Some(59_061_240)), Scan::Fresh(TimeStep::new(59_061_241)));
        assert_eq!(scanned(&code, 59_061_241, Some(59_061_241)), Scan::Used);
    }

    #[test]
    fn steps_that_do_not_exist_are_not_looked_at() {
        assert_eq!(scanned(&shown(0), 0, None), Scan::Fresh(TimeStep::new(0)));
        assert_eq!(scanned(&shown(u64::MAX), u64::MAX, None), Scan::Fresh(TimeStep::new(u64::MAX)));
        assert_eq!(scanned(&shown(u64::MAX), 0, None), Scan::Wrong);
        assert_eq!(scanned(&shown(u64::MAX), u64::MAX, Some(u64::MAX)), Scan::Used);
    }

    #[test]
    fn a_code_of_another_length_is_wrong() {
        let parameters = TotpParameters::new(Algorithm::Sha1, Digits::EIGHT, Period::THIRTY_SECONDS);
        let code = shown(5);
        assert_eq!(scan(&key(), &parameters, &code, TimeStep::new(5), Window::DEFAULT, None), Scan::Wrong);
    }

    #[test]
    fn resynchronising_takes_two_consecutive_fresh_codes() {
        let found = |first, second, centre, after: Option<u64>| {
            let (first, second) = (shown(first), shown(second));
            let (centre, after) = (TimeStep::new(centre), after.map(TimeStep::new));
            resynchronise(&key(), &TotpParameters::DEFAULT, &first, &second, centre, after).map(TimeStep::get)
        };
        assert_eq!(found(1007, 1008, 1000, None), Some(1008));
        assert_eq!((found(1009, 1010, 1000, None), found(1010, 1011, 1000, None)), (Some(1010), None));
        assert_eq!((found(989, 990, 1000, None), found(988, 989, 1000, None)), (Some(990), None));
        assert_eq!(found(1008, 1007, 1000, None), None, "in the wrong order");
        assert_eq!(found(1007, 1009, 1000, None), None, "not consecutive");
        assert_eq!(found(1007, 1008, 1000, Some(1007)), None, "the first is used");
        assert_eq!(found(1007, 1008, 1000, Some(1006)), Some(1008));
        assert_eq!(found(0, 1, 0, None), Some(1));
        assert_eq!(found(u64::MAX - 1, u64::MAX, u64::MAX, None), Some(u64::MAX));
    }

    #[test]
    fn drift_is_learned_within_two_steps_and_reset_within_ten() {
        let step = TimeStep::new;
        assert_eq!(Drift::NONE.learn(step(100), step(98)).steps(), -2);
        assert_eq!(Drift::NONE.learn(step(100), step(103)), Drift::NONE);
        assert_eq!(Drift::resynchronised(step(100), step(110)).map(Drift::steps), Some(10));
        assert_eq!(Drift::resynchronised(step(100), step(111)), None);
        assert_eq!(Drift::resynchronised(step(0), step(u64::MAX)), None);
        assert_eq!(Drift::from_steps(-2).unwrap().apply(step(1)), step(0));
        assert!(Drift::from_steps(11).is_err() && Drift::from_steps(i8::MIN).is_err());
    }

    #[test]
    fn a_window_is_bounded() {
        assert!(Window::new(120, 120).is_ok());
        assert!(Window::new(121, 0).is_err() && Window::new(0, 121).is_err());
    }
}
