//! Recovery codes: the saved look-up secret that replaces a lost authenticator.

use alloc::string::String;
use core::fmt;

use rand_core::TryCryptoRng;
use sha2::Digest;
use subtle::{ConditionallySelectable, ConstantTimeEq};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::error::messages;

/// A recovery code: 128 random bits.
///
/// It is shown once, as 26 characters of Crockford's base32 and a check character, in groups of four:
/// `7ZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZ*`. With 128 bits nobody guesses one, online or from a stolen digest, so it needs
/// neither a slow hash nor a limit on attempts to be safe; what limits attempts protects the service from work.
///
/// # Source
/// NIST SP 800-63B-4 sections 3.1.2 and 4.2.1.1 (look-up secrets, saved recovery codes); Crockford, *Base 32*.
///
/// # Examples
/// ```
/// use mfa_core::recovery::{RecoveryCode, RecoveryDigest, RecoverySalt};
///
/// # let (code, salt) = (RecoveryCode::from_bytes([0xA5; 16]), RecoverySalt::from_bytes([1; 16]));
/// let shown = code.to_text(); // the person saves this
/// let stored = RecoveryDigest::of(&salt, &code); // we keep only this
///
/// let typed = shown.to_lowercase().replace('-', " ");
/// let code = RecoveryCode::parse(&typed)?;
/// assert_eq!(RecoveryDigest::find(&[stored], &RecoveryDigest::of(&salt, &code)), Some(0));
/// # Ok::<(), mfa_core::recovery::MalformedRecoveryCode>(())
/// ```
pub struct RecoveryCode(Zeroizing<[u8; 16]>);

impl RecoveryCode {
    /// The longest input that is looked at, in bytes.
    pub const MAX_INPUT_LENGTH: usize = 128;

    /// Draws a new code.
    ///
    /// # Errors
    /// Whatever the random source reports; there is no fall-back.
    pub fn generate<R: TryCryptoRng + ?Sized>(rng: &mut R) -> Result<Self, R::Error> {
        let mut bytes = Zeroizing::new([0; 16]);
        rng.try_fill_bytes(bytes.as_mut_slice())?;
        Ok(Self(bytes))
    }

    /// A code from its 16 bytes: in a sealed ticket between showing it and its acknowledgement, or in tests.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Borrows the bytes. Searching for `expose` finds every use.
    pub fn expose(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads what somebody typed: in any case, with spaces and hyphens anywhere, O for 0, and I or L for 1.
    ///
    /// The check character is required. It catches every single wrong character and every swap of two neighbours, so
    /// that a slip of the finger is told apart from a wrong code without asking the store.
    ///
    /// # Errors
    /// [`MalformedRecoveryCode`], which never holds what was typed. Input over 128 bytes is refused before it is read.
    pub fn parse(input: &str) -> Result<Self, MalformedRecoveryCode> {
        if input.len() > Self::MAX_INPUT_LENGTH {
            return Err(MalformedRecoveryCode::TooLong);
        }
        let mut symbols = input.bytes().filter(|letter| !matches!(letter, b' ' | b'-'));
        let mut number = Zeroizing::new(0_u128);
        for place in 0..SYMBOLS {
            let letter = symbols.next().ok_or(MalformedRecoveryCode::Length)?;
            let value =
                value_of(letter).filter(|value| *value < 32).ok_or(MalformedRecoveryCode::Character)?;
            if place == 0 && value > 7 {
                return Err(MalformedRecoveryCode::Check); // 26 characters have two bits more than a code
            }
            *number = (*number << 5) | u128::from(value);
        }
        let check = symbols.next().ok_or(MalformedRecoveryCode::Length)?;
        let check = value_of(check).ok_or(MalformedRecoveryCode::Character)?;
        if symbols.next().is_some() {
            return Err(MalformedRecoveryCode::Length);
        }
        if u128::from(check) != *number % 37 {
            return Err(MalformedRecoveryCode::Check);
        }
        Ok(Self(Zeroizing::new(number.to_be_bytes())))
    }

    /// The code as it is shown, saved and typed: upper case, groups of four with hyphens, the check character last.
    ///
    /// # Examples
    /// ```
    /// # use mfa_core::recovery::RecoveryCode;
    /// let code = RecoveryCode::from_bytes([0; 16]);
    /// assert_eq!(code.to_text().as_str(), "0000-0000-0000-0000-0000-0000-000");
    /// ```
    pub fn to_text(&self) -> Zeroizing<String> {
        let number = Zeroizing::new(u128::from_be_bytes(*self.0));
        // The capacity is exact, so that the text is never moved and no copy is left behind.
        let mut text = Zeroizing::new(String::with_capacity(TEXT_LENGTH));
        for place in 0..SYMBOLS {
            if place != 0 && place % 4 == 0 {
                text.push('-');
            }
            let bits = SYMBOLS.saturating_sub(place).saturating_sub(1).saturating_mul(5);
            text.push(symbol_of((number.wrapping_shr(bits) & 31) as usize));
        }
        text.push(symbol_of((*number % 37) as usize));
        text
    }
}

/// The field wipes itself.
impl ZeroizeOnDrop for RecoveryCode {}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(..)")
    }
}

/// Crockford's alphabet, then the five characters that only a check may be.
const ALPHABET: &[u8; 37] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ*~$=U";

/// Characters that carry the 128 bits, five each; the first carries three.
const SYMBOLS: u32 = 26;

/// 27 characters and six hyphens.
const TEXT_LENGTH: usize = 33;

/// The character that stands for `value`, which is below 37.
fn symbol_of(value: usize) -> char {
    ALPHABET.get(value).copied().map_or('0', char::from)
}

/// What a typed character stands for, 0 to 36. Every candidate is looked at, so that time does not tell which it was.
fn value_of(letter: u8) -> Option<u8> {
    let letter = match letter.to_ascii_uppercase() {
        b'O' => b'0',
        b'I' | b'L' => b'1',
        other => other,
    };
    let mut found = None;
    for (value, known) in (0..).zip(ALPHABET) {
        if *known == letter {
            found = Some(value);
        }
    }
    found
}

/// What was typed is not a recovery code at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MalformedRecoveryCode {
    /// More than 128 bytes; not read.
    TooLong,
    /// Not 27 characters.
    Length,
    /// A character that is in no recovery code.
    Character,
    /// The check character does not fit: a typing error.
    Check,
}

messages!(MalformedRecoveryCode {
    Self::TooLong => "the recovery code is longer than its limit",
    Self::Length => "the recovery code has the wrong number of characters",
    Self::Character => "the recovery code holds a character that is in none",
    Self::Check => "the recovery code has a typing error",
});

/// 128 random bits that go into a record's recovery digests, so that equal codes have different digests.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RecoverySalt([u8; 16]);

impl RecoverySalt {
    /// Draws a new one.
    ///
    /// # Errors
    /// Whatever the random source reports; there is no fall-back.
    pub fn draw<R: TryCryptoRng + ?Sized>(rng: &mut R) -> Result<Self, R::Error> {
        let mut bytes = [0; 16];
        rng.try_fill_bytes(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Reads one back from where it was stored.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, for storing.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for RecoverySalt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoverySalt(..)")
    }
}

/// What is stored of a recovery code: SHA-256 over the salt and the code.
///
/// No key goes in, so that rotating keys only rewraps the record around it; 128 unknown bits are beyond any search.
///
/// # Source
/// NIST SP 800-63B-4 section 3.1.2.2: from 112 bits of entropy an approved hash suffices.
#[derive(Clone, Copy)]
pub struct RecoveryDigest([u8; 32]);

impl RecoveryDigest {
    /// The digest of `code` under `salt`.
    pub fn of(salt: &RecoverySalt, code: &RecoveryCode) -> Self {
        Self(sha2::Sha256::new().chain_update(salt.0).chain_update(code.expose()).finalize().into())
    }

    /// Reads one back from where it was stored.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for storing.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Where in `candidates` the `wanted` digest is, the last place if it is there twice.
    ///
    /// Every candidate is compared in full wherever the match is. Their number is public.
    pub fn find(candidates: &[Self], wanted: &Self) -> Option<usize> {
        let mut place = u64::MAX;
        for (index, candidate) in (0_u64..).zip(candidates) {
            place.conditional_assign(&index, candidate.0.ct_eq(&wanted.0));
        }
        usize::try_from(place).ok().filter(|place| *place < candidates.len())
    }
}

/// Takes the same time wherever the two differ.
impl PartialEq for RecoveryDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for RecoveryDigest {}

impl fmt::Debug for RecoveryDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryDigest(..)")
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    fn refusal(input: &str) -> MalformedRecoveryCode {
        RecoveryCode::parse(input).unwrap_err()
    }

    #[test]
    fn the_largest_code_fits_its_characters() {
        let text = RecoveryCode::from_bytes([0xFF; 16]).to_text();
        assert_eq!(text.as_str(), "7ZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZ*");
        assert_eq!(RecoveryCode::parse(&text).unwrap().expose(), &[0xFF; 16]);
        assert_eq!(text.capacity(), TEXT_LENGTH);
    }

    #[test]
    fn what_is_easily_confused_is_read_as_meant() {
        let code = RecoveryCode::from_bytes(0x0842_1084_2108_4210_8421_0842_1084_2108_u128.to_be_bytes());
        let text = code.to_text().to_string();
        for typed in
            [text.to_lowercase(), text.replace('0', "o"), text.replace('1', "l"), text.replace('1', "I")]
        {
            assert_eq!(RecoveryCode::parse(&typed).unwrap().expose(), code.expose(), "{typed}");
        }
    }

    #[test]
    fn every_way_to_be_malformed_has_its_name() {
        use MalformedRecoveryCode::{Character, Check, Length, TooLong};
        assert_eq!(refusal(""), Length);
        assert_eq!(refusal("0000-0000-0000-0000-0000-0000-00"), Length, "check character missing");
        assert_eq!(refusal("0000-0000-0000-0000-0000-0000-0000"), Length, "one too many");
        assert_eq!(refusal("U000-0000-0000-0000-0000-0000-000"), Character, "U is for checks only");
        assert_eq!(refusal("*000-0000-0000-0000-0000-0000-000"), Character);
        assert_eq!(refusal("0000\t0000-0000-0000-0000-0000-000"), Character);
        assert_eq!(refusal("٠000-0000-0000-0000-0000-0000-000"), Character);
        assert_eq!(refusal("0000-0000-0000-0000-0000-0000-001"), Check);
        assert_eq!(refusal("8000-0000-0000-0000-0000-0000-000"), Check, "129 bits");
        assert_eq!(refusal(&"0".repeat(129)), TooLong);
    }

    #[test]
    fn a_slip_of_the_finger_is_always_noticed() {
        let text = RecoveryCode::from_bytes(*b"sixteen bytes ok").to_text().replace('-', "");
        let letters = text.as_bytes();
        for place in 0..26 {
            for other in &ALPHABET[..32] {
                let mut typed = letters.to_vec();
                typed[place] = *other;
                let typed = core::str::from_utf8(&typed).unwrap();
                assert_eq!(RecoveryCode::parse(typed).is_ok(), *other == letters[place], "{typed}");
            }
        }
        for place in 0..25 {
            let mut typed = letters.to_vec();
            typed.swap(place, place + 1);
            let typed = core::str::from_utf8(&typed).unwrap();
            assert_eq!(RecoveryCode::parse(typed).is_ok(), letters[place] == letters[place + 1], "{typed}");
        }
    }

    #[test]
    fn a_digest_is_sha_256_of_salt_and_code() {
        let (salt, code) = (RecoverySalt::from_bytes([1; 16]), RecoveryCode::from_bytes([2; 16]));
        let expected: [u8; 32] = sha2::Sha256::digest([[1; 16], [2; 16]].concat()).into();
        assert_eq!(RecoveryDigest::of(&salt, &code).as_bytes(), &expected);
    }

    #[test]
    fn a_digest_is_found_wherever_it_is() {
        let digests = [1, 2, 3].map(|n| RecoveryDigest::from_bytes([n; 32]));
        for (place, digest) in digests.iter().enumerate() {
            assert_eq!(RecoveryDigest::find(&digests, digest), Some(place));
        }
        assert_eq!(RecoveryDigest::find(&digests, &RecoveryDigest::from_bytes([4; 32])), None);
        assert_eq!(RecoveryDigest::find(&[], &digests[0]), None);
    }

    #[test]
    fn debug_shows_no_code() {
        assert_eq!(alloc::format!("{:?}", RecoveryCode::from_bytes([7; 16])), "RecoveryCode(..)");
    }
}
