//! A one-time code as a person types it.

use core::fmt;

use rand_core::TryCryptoRng;
use subtle::{Choice, ConstantTimeEq};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::algorithm::Digits;
use crate::error::messages;

/// A code of exactly 6, 7 or 8 ASCII digits.
///
/// A value of this type is well formed; whether it is right is for the verifier. It is not an integer: a code may begin
/// with zeros, and 012345 is not 12345.
///
/// # Examples
/// ```
/// use mfa_core::algorithm::Digits;
/// use mfa_core::code::{Code, MalformedCode};
///
/// assert_eq!(Code::parse("012 345", Digits::SIX)?.expose(), "012345");
/// assert_eq!(Code::parse("12345", Digits::SIX).unwrap_err(), MalformedCode::Length);
/// # Ok::<(), MalformedCode>(())
/// ```
/// A code is not printed by accident, and not compared with `==`, which would stop at the first difference:
/// ```compile_fail
/// # fn show(code: mfa_core::code::Code) -> String {
/// format!("{code}")
/// # }
/// ```
pub struct Code {
    digits: Digits,
    /// The ASCII digits; positions from `digits` on are zero bytes.
    text: Zeroizing<[u8; 8]>,
}

impl Code {
    /// The longest input that is looked at, in bytes.
    pub const MAX_INPUT_LENGTH: usize = 64;

    /// Reads what somebody typed: ASCII digits, after removing ASCII spaces and hyphens.
    ///
    /// Anything else is refused: signs, underscores, tabs, line ends, no-break spaces, digits of other scripts. A
    /// refusal is no attempt and tells nothing about any key.
    ///
    /// # Errors
    /// [`MalformedCode`], which never holds what was typed. Input over 64 bytes is refused before it is read.
    ///
    /// # Source
    /// OWASP ASVS 5.0, 2.2.1.
    pub fn parse(input: &str, digits: Digits) -> Result<Self, MalformedCode> {
        if input.len() > Self::MAX_INPUT_LENGTH {
            return Err(MalformedCode::TooLong);
        }
        let mut text = Zeroizing::new([0; 8]);
        let mut places = text.iter_mut().take(usize::from(digits.get()));
        for letter in input.bytes() {
            match letter {
                b' ' | b'-' => {}
                b'0'..=b'9' => *places.next().ok_or(MalformedCode::Length)? = letter,
                _ => return Err(MalformedCode::Character),
            }
        }
        if places.next().is_some() {
            return Err(MalformedCode::Length);
        }
        Ok(Self { digits, text })
    }

    /// Draws a code for sending, each value equally likely.
    ///
    /// Values that would favour some codes are drawn again.
    ///
    /// # Errors
    /// Whatever the random source reports; there is no fall-back.
    pub fn draw<R: TryCryptoRng + ?Sized>(rng: &mut R, digits: Digits) -> Result<Self, R::Error> {
        loop {
            let drawn = rng.try_next_u32()?;
            // 4,200,000,000 is a multiple of 10^6, 10^7 and 10^8: below it every code has the same number of values.
            if drawn < 4_200_000_000 {
                return Ok(Self::from_number(digits.reduce(drawn), digits));
            }
        }
    }

    /// The code that shows `number`, with zeros in front. `number` is below 10 to the power of `digits`.
    pub(crate) fn from_number(number: u32, digits: Digits) -> Self {
        let mut text = Zeroizing::new([0; 8]);
        let mut rest = number;
        for place in text.iter_mut().take(usize::from(digits.get())).rev() {
            let [.., digit] = (rest % 10).to_be_bytes();
            *place = digit | b'0';
            rest /= 10;
        }
        Self { digits, text }
    }

    /// The code's number. Together with [`Code::digits`] it is as good as the text, because the length is fixed.
    pub(crate) fn number(&self) -> u32 {
        let digits = self.text.iter().take(usize::from(self.digits.get()));
        digits.fold(0, |number: u32, digit| {
            number.wrapping_mul(10).wrapping_add(u32::from(digit & 0x0F)) // at most 99,999,999
        })
    }

    /// How many digits it has.
    pub const fn digits(&self) -> Digits {
        self.digits
    }

    /// Borrows the digits, for showing them where they belong: a message, a test authenticator. Searching for `expose`
    /// finds every use.
    pub fn expose(&self) -> &str {
        let digits = self.text.split_at_checked(usize::from(self.digits.get()));
        digits.and_then(|(text, _)| str::from_utf8(text).ok()).unwrap_or_default()
    }
}

/// Takes the same time whatever the digits of the two are; their number is public.
impl ConstantTimeEq for Code {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.text.ct_eq(other.text.as_slice()) & self.digits.get().ct_eq(&other.digits.get())
    }
}

/// The field wipes itself.
impl ZeroizeOnDrop for Code {}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(..)")
    }
}

/// What was typed is not a code at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MalformedCode {
    /// More than 64 bytes; not read.
    TooLong,
    /// Too few or too many digits.
    Length,
    /// Something that is neither an ASCII digit nor a space or hyphen.
    Character,
}

messages!(MalformedCode {
    Self::TooLong => "the code is longer than its limit",
    Self::Length => "the code has the wrong number of digits",
    Self::Character => "the code holds something other than digits, spaces and hyphens",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_and_hyphens_do_not_matter() {
        for typed in ["012345", " 012 345 ", "012-345", "0-1-2-3-4-5", "012345          "] {
            assert_eq!(Code::parse(typed, Digits::SIX).unwrap().expose(), "012345", "{typed:?}");
        }
    }

    #[test]
    fn a_number_keeps_its_leading_zeros() {
        assert_eq!(Code::from_number(5924, Digits::SIX).expose(), "005924");
        assert_eq!(Code::from_number(99_999_999, Digits::EIGHT).expose(), "99999999");
        assert_eq!(Code::parse("005924", Digits::SIX).unwrap().number(), 5924);
    }

    #[test]
    fn equality_sees_the_length_as_well_as_the_digits() {
        let code = |text, digits| Code::parse(text, digits).unwrap();
        let same = |a: &Code, b: &Code| bool::from(a.ct_eq(b));
        assert!(same(&code("000000", Digits::SIX), &code("000-000", Digits::SIX)));
        assert!(!same(&code("000000", Digits::SIX), &code("000001", Digits::SIX)));
        assert!(!same(&code("000000", Digits::SIX), &code("0000000", Digits::SEVEN)));
    }

    #[test]
    fn debug_shows_no_digit() {
        assert_eq!(alloc::format!("{:?}", Code::from_number(123_456, Digits::SIX)), "Code(..)");
    }
}
