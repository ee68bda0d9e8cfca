//! What a one-time code is made with: the hash under the HMAC, and how many digits are shown.

use crate::error::messages;

/// The hash function under the HMAC of HOTP and TOTP.
///
/// SHA-1 is what authenticator apps compute; several ignore any other value without saying so. Collisions in SHA-1 do
/// not weaken HMAC, which needs a pseudo-random function.
///
/// # Source
/// RFC 6238 section 1.2; RFC 4226 appendix B for the strength of HMAC-SHA-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC-SHA-1, the only one that every app computes.
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

impl Algorithm {
    /// Reads a name as URIs and exports write it: `SHA1`, `SHA-1` or `HmacSHA1` and the same for 256 and 512, in any
    /// case.
    ///
    /// # Errors
    /// [`UnknownAlgorithm`] for anything else. There is no fall-back: guessing SHA-1 would bind a key that never
    /// produces a right code.
    ///
    /// # Examples
    /// ```
    /// # use mfa_core::algorithm::Algorithm;
    /// assert_eq!(Algorithm::from_name("hmacsha256"), Ok(Algorithm::Sha256));
    /// assert!(Algorithm::from_name("MD5").is_err());
    /// ```
    pub fn from_name(name: &str) -> Result<Self, UnknownAlgorithm> {
        let is_one_of = |spellings: [&str; 3]| spellings.iter().any(|known| name.eq_ignore_ascii_case(known));
        if is_one_of(["SHA1", "SHA-1", "HmacSHA1"]) {
            Ok(Self::Sha1)
        } else if is_one_of(["SHA256", "SHA-256", "HmacSHA256"]) {
            Ok(Self::Sha256)
        } else if is_one_of(["SHA512", "SHA-512", "HmacSHA512"]) {
            Ok(Self::Sha512)
        } else {
            Err(UnknownAlgorithm)
        }
    }

    /// The name in an otpauth URI: `SHA1`, `SHA256` or `SHA512`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    /// The length of a key made for this algorithm, in bytes: that of the hash's output, 20, 32 or 64.
    ///
    /// # Source
    /// RFC 6238 section 5.1; RFC 4226 section 4, R6.
    pub const fn key_length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// The number that stands for this algorithm in stored records: 1, 2 or 3, for ever.
    pub const fn id(self) -> u8 {
        match self {
            Self::Sha1 => 1,
            Self::Sha256 => 2,
            Self::Sha512 => 3,
        }
    }

    /// Reads back what [`Algorithm::id`] gave.
    ///
    /// # Errors
    /// [`UnknownAlgorithm`] for a number that stands for none.
    pub const fn from_id(id: u8) -> Result<Self, UnknownAlgorithm> {
        match id {
            1 => Ok(Self::Sha1),
            2 => Ok(Self::Sha256),
            3 => Ok(Self::Sha512),
            _ => Err(UnknownAlgorithm),
        }
    }
}

/// A name or number of no algorithm that is understood here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownAlgorithm;

messages!(UnknownAlgorithm { Self => "the algorithm must be SHA1, SHA256 or SHA512" });

/// How many digits a code has: 6, 7 or 8.
///
/// # Source
/// RFC 4226 section 5.3 (at least 6); NIST SP 800-63B-4 section 3.1.4.1 (at least 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digits(u8);

impl Digits {
    /// Six digits, what every app shows.
    pub const SIX: Self = Self(6);
    /// Seven digits.
    pub const SEVEN: Self = Self(7);
    /// Eight digits.
    pub const EIGHT: Self = Self(8);

    /// A code length of `digits`.
    ///
    /// # Errors
    /// [`InvalidDigits`] unless `digits` is 6, 7 or 8. Unbounded values have divided by zero elsewhere
    /// (GHSA-g7m4-839x-ch6v).
    pub const fn new(digits: u8) -> Result<Self, InvalidDigits> {
        match digits {
            6..=8 => Ok(Self(digits)),
            _ => Err(InvalidDigits),
        }
    }

    /// The number of digits.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The last digits of a truncated MAC, as a number below 10 to the power of `self`.
    ///
    /// Each divisor is a constant so that the division becomes a multiplication: its time does not depend on `value`.
    pub(crate) const fn reduce(self, value: u32) -> u32 {
        match self.0 {
            8 => value % 100_000_000,
            7 => value % 10_000_000,
            _ => value % 1_000_000,
        }
    }
}

/// A code length other than 6, 7 or 8 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidDigits;

messages!(InvalidDigits { Self => "a code must have 6, 7 or 8 digits" });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_read_back_as_themselves() {
        for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512] {
            assert_eq!(Algorithm::from_name(algorithm.name()), Ok(algorithm));
            assert_eq!(Algorithm::from_id(algorithm.id()), Ok(algorithm));
        }
    }

    #[test]
    fn a_name_that_only_resembles_one_is_refused() {
        for name in ["", "SHA", "SHA384", "SHA3-256", "SHA512/256", "MD5", "SHA1 ", "HMAC-SHA1", "sha_1"] {
            assert_eq!(Algorithm::from_name(name), Err(UnknownAlgorithm), "{name}");
        }
        assert!(Algorithm::from_id(0).is_err() && Algorithm::from_id(4).is_err());
    }

    #[test]
    fn only_six_to_eight_digits_exist() {
        assert!([0, 5, 9, 10, 50, 255].iter().all(|&digits| Digits::new(digits).is_err()));
        assert_eq!(Digits::new(7), Ok(Digits::SEVEN));
    }
}
