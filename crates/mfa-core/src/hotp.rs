//! HOTP: codes from a counter (RFC 4226). The engine offers TOTP only; this is here for imports and hosts' own use.

use core::ops::RangeInclusive;

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::algorithm::{Algorithm, Digits};
use crate::code::Code;
use crate::key::SharedKey;
use crate::mac::{self, Mac};

/// Truncates an HMAC to 31 bits. `None` when `hmac` has fewer than 20 bytes.
///
/// # Source
/// RFC 4226 section 5.3; RFC 6238 section 1.2 for the longer MACs of SHA-256 and SHA-512.
pub fn truncate(hmac: &[u8]) -> Option<u32> {
    mac::truncate(hmac)
}

/// The code of `counter`.
///
/// # Source
/// RFC 4226 section 5.3.
///
/// # Examples
/// ```
/// use mfa_core::algorithm::{Algorithm, Digits};
/// use mfa_core::{hotp, key::SharedKey};
///
/// let key = SharedKey::from_bytes(b"12345678901234567890")?;
/// assert_eq!(hotp::generate(&key, Algorithm::Sha1, Digits::SIX, 0).expose(), "755224"); // RFC 4226 appendix D
/// # Ok::<(), mfa_core::key::InvalidKey>(())
/// ```
pub fn generate(key: &SharedKey, algorithm: Algorithm, digits: Digits, counter: u64) -> Code {
    let mut number = 0;
    Mac::new(key, algorithm).for_each(counter..=counter, |_, value| number = digits.reduce(value));
    Code::from_number(number, digits)
}

/// Looks for `code` among `counter` and the `look_ahead` counters after it, and returns the highest that matches.
///
/// `counter` is the next one expected. On a match store [`Matched::next_counter`] before answering yes: the code, and
/// every code before it, must never be accepted again. Taking the highest match keeps that true when two counters in
/// reach share one code. RFC 4226 section 7.2 recommends a small look-ahead; ten is ample. All of them are computed and
/// compared whatever the code is, so the time tells nothing about which matched; counters past `u64::MAX` do not
/// exist.
///
/// # Examples
/// ```
/// use mfa_core::algorithm::{Algorithm, Digits};
/// use mfa_core::code::Code;
/// use mfa_core::{hotp, key::SharedKey};
///
/// let key = SharedKey::from_bytes(b"12345678901234567890")?;
/// let code = Code::parse("969429", Digits::SIX)?; // the token is three presses ahead
/// let matched = hotp::verify(&key, Algorithm::Sha1, &code, 0, 10).ok_or("wrong code")?;
/// assert_eq!((matched.counter(), matched.next_counter()), (3, Some(4)));
/// assert!(hotp::verify(&key, Algorithm::Sha1, &code, 4, 10).is_none()); // and never again
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify(
    key: &SharedKey,
    algorithm: Algorithm,
    code: &Code,
    counter: u64,
    look_ahead: u8,
) -> Option<Matched> {
    let last = counter.saturating_add(u64::from(look_ahead));
    highest_match(&Mac::new(key, algorithm), code, counter..=last).map(Matched)
}

fn highest_match(mac: &Mac, code: &Code, counters: RangeInclusive<u64>) -> Option<u64> {
    let (digits, wanted) = (code.digits(), code.number());
    let (mut highest, mut found) = (0, Choice::from(0));
    mac.for_each(counters, |counter, value| {
        let matches = digits.reduce(value).ct_eq(&wanted);
        highest.conditional_assign(&counter, matches);
        found |= matches;
    });
    bool::from(found).then_some(highest)
}

/// A code was right, for this counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "unless the next counter is stored, the code can be used again"]
pub struct Matched(u64);

impl Matched {
    /// The counter that made the code.
    pub const fn counter(self) -> u64 {
        self.0
    }

    /// The counter to expect next; `None` after the last one, when the authenticator can make no further code.
    pub const fn next_counter(self) -> Option<u64> {
        self.0.checked_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SharedKey {
        SharedKey::from_bytes(b"12345678901234567890").unwrap()
    }

    #[test]
    fn the_last_counter_is_accepted_and_has_no_successor() {
        let code = generate(&key(), Algorithm::Sha1, Digits::EIGHT, u64::MAX);
        let matched = verify(&key(), Algorithm::Sha1, &code, u64::MAX - 3, 200).unwrap();
        assert_eq!((matched.counter(), matched.next_counter()), (u64::MAX, None));
    }

    #[test]
    fn a_code_beyond_the_look_ahead_is_wrong() {
        let code = generate(&key(), Algorithm::Sha256, Digits::SIX, 11);
        assert!(verify(&key(), Algorithm::Sha256, &code, 0, 10).is_none());
        assert!(verify(&key(), Algorithm::Sha256, &code, 1, 10).is_some());
    }

    #[test]
    fn of_two_counters_with_one_code_the_higher_is_burnt() {
        // The code of these two neighbours is 963181.
        let code = Code::parse("963181", Digits::SIX).unwrap();
        let matched = verify(&key(), Algorithm::Sha1, &code, 59_061_240, 3).unwrap();
        assert_eq!(matched.counter(), 59_061_241);
    }
}
