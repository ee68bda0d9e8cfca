//! The key that an authenticator app and the verifier share.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use rand_core::TryCryptoRng;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::algorithm::Algorithm;
use crate::base32;
use crate::error::messages;

/// A TOTP or HOTP shared key: 16 to 64 bytes, unless one of the two named opt-ins let another length in.
///
/// Whoever holds it computes every code, past and future. It wipes itself when dropped; a copy that a caller makes of
/// [`SharedKey::expose`], and bytes that the caller passed in, are the caller's to wipe.
///
/// # Source
/// RFC 4226 section 4, R6: at least 128 bits, 160 recommended. NIST SP 800-63B-4 section 3.1.4.1: at least 112 bits.
///
/// # Examples
/// ```
/// use mfa_core::key::SharedKey;
///
/// let key = SharedKey::from_bytes(b"12345678901234567890")?;
/// assert_eq!(key.to_base32().as_str(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
/// assert_eq!(format!("{key:?}"), "SharedKey(..)");
/// # Ok::<(), mfa_core::key::InvalidKey>(())
/// ```
/// Keys are neither compared nor copied by accident:
/// ```compile_fail
/// # use mfa_core::key::SharedKey;
/// fn same(a: &SharedKey, b: &SharedKey) -> bool { a == b }
/// ```
pub struct SharedKey(Zeroizing<Vec<u8>>);

impl SharedKey {
    /// The shortest key that is accepted without an opt-in, in bytes.
    pub const MIN_LENGTH: usize = 16;
    /// The shortest key that [`SharedKey::import_short`] accepts, in bytes.
    pub const MIN_SHORT_LENGTH: usize = 10;
    /// The longest key, in bytes: the block of HMAC-SHA-1 and HMAC-SHA-256, beyond which HMAC replaces a key by its
    /// hash.
    pub const MAX_LENGTH: usize = 64;
    /// The longest key that [`SharedKey::danger_any_length`] accepts, in bytes.
    pub const MAX_ANY_LENGTH: usize = 1024;

    /// Draws a new key of [`Algorithm::key_length`] bytes.
    ///
    /// # Errors
    /// Whatever the random source reports; there is no fall-back.
    pub fn generate<R: TryCryptoRng + ?Sized>(rng: &mut R, algorithm: Algorithm) -> Result<Self, R::Error> {
        let mut bytes = Zeroizing::new(alloc::vec![0; algorithm.key_length()]);
        rng.try_fill_bytes(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Takes a key made elsewhere.
    ///
    /// # Errors
    /// [`InvalidKey`] unless it has 16 to 64 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidKey> {
        Self::within(bytes, Self::MIN_LENGTH, Self::MAX_LENGTH)
    }

    /// Takes a key of 10 to 64 bytes, for importing from systems that issued 80-bit keys.
    ///
    /// 80 bits cannot be guessed online; whoever sees two or three codes with their times can search for the key at
    /// the cost of 2^80 HMACs. Bind a new key when the person next enrolls.
    ///
    /// # Errors
    /// [`InvalidKey`] unless it has 10 to 64 bytes.
    pub fn import_short(bytes: &[u8]) -> Result<Self, InvalidKey> {
        Self::within(bytes, Self::MIN_SHORT_LENGTH, Self::MAX_LENGTH)
    }

    /// Takes a key of 1 to 1024 bytes: published test vectors, and imports that nothing else can read.
    ///
    /// # What this gives up
    /// A key of a few bytes is found from one observed code by trying them all. Beyond the hash's block (64 bytes, 128
    /// for SHA-512) HMAC uses the key's hash in its place, and any key and the same key followed by zero bytes make the
    /// same codes (RFC 2104 sections 2 and 3), so two different keys may verify each other's codes.
    ///
    /// # Errors
    /// [`InvalidKey`] unless it has 1 to 1024 bytes.
    pub fn danger_any_length(bytes: &[u8]) -> Result<Self, InvalidKey> {
        Self::within(bytes, 1, Self::MAX_ANY_LENGTH)
    }

    fn within(bytes: &[u8], least: usize, most: usize) -> Result<Self, InvalidKey> {
        match bytes.len() {
            length if length < least => Err(InvalidKey::TooShort),
            length if length > most => Err(InvalidKey::TooLong),
            _ => Ok(Self(Zeroizing::new(bytes.to_vec()))),
        }
    }

    /// Borrows the key bytes. Searching for `expose` finds every use.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The length in bytes, at least one.
    #[expect(clippy::len_without_is_empty, reason = "a key is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The key as authenticator apps take it: base32, upper case, without padding.
    ///
    /// # Source
    /// RFC 4648 section 6. Padding breaks Google Authenticator on iOS.
    pub fn to_base32(&self) -> Zeroizing<String> {
        base32::encode(&self.0)
    }

    /// The key for typing by hand: base32 in groups of four, separated by spaces.
    ///
    /// # Examples
    /// ```
    /// # use mfa_core::key::SharedKey;
    /// let key = SharedKey::from_bytes(b"1234567890123456")?;
    /// assert_eq!(key.to_grouped_base32().as_str(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY");
    /// # Ok::<(), mfa_core::key::InvalidKey>(())
    /// ```
    pub fn to_grouped_base32(&self) -> Zeroizing<String> {
        let plain = self.to_base32();
        // Twice the length is more than enough, so that the text is never moved and no copy is left behind.
        let mut grouped = Zeroizing::new(String::with_capacity(plain.len().saturating_mul(2)));
        for (index, letter) in plain.chars().enumerate() {
            if index != 0 && index.is_multiple_of(4) {
                grouped.push(' ');
            }
            grouped.push(letter);
        }
        grouped
    }
}

/// The field wipes itself.
impl ZeroizeOnDrop for SharedKey {}

impl fmt::Debug for SharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedKey(..)")
    }
}

/// A key of a length that is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidKey {
    /// Fewer bytes than the constructor accepts.
    TooShort,
    /// More bytes than the constructor accepts.
    TooLong,
}

messages!(InvalidKey {
    Self::TooShort => "the shared key is shorter than accepted here",
    Self::TooLong => "the shared key is longer than accepted here",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_constructor_keeps_its_own_bounds() {
        let bytes = [7; 1025];
        let accepted = |make: fn(&[u8]) -> Result<SharedKey, InvalidKey>, n| make(&bytes[..n]).is_ok();
        assert!(!accepted(SharedKey::from_bytes, 15) && accepted(SharedKey::from_bytes, 16));
        assert!(accepted(SharedKey::from_bytes, 64) && !accepted(SharedKey::from_bytes, 65));
        assert!(!accepted(SharedKey::import_short, 9) && accepted(SharedKey::import_short, 10));
        assert!(!accepted(SharedKey::import_short, 65));
        assert!(!accepted(SharedKey::danger_any_length, 0) && accepted(SharedKey::danger_any_length, 1));
        assert!(
            accepted(SharedKey::danger_any_length, 1024) && !accepted(SharedKey::danger_any_length, 1025)
        );
    }

    #[test]
    fn debug_shows_nothing_of_the_key() {
        let key = SharedKey::from_bytes(&[0xAB; 20]).unwrap();
        assert_eq!(alloc::format!("{key:?}"), "SharedKey(..)");
    }
}
