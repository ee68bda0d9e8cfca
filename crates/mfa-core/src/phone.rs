//! A phone number as E.164 writes it. Whether anybody may be texted there is for the policy.

use core::fmt;

use crate::error::messages;

/// A phone number in international form: a plus sign and 7 to 15 digits, the first of them not zero.
///
/// The digits are those that were typed; nothing is guessed, added, dropped or looked up. Two numbers are equal if and
/// only if their digits are, so a number can key a limit. Personal data: `Debug` shows the last two digits.
///
/// # Source
/// ITU-T E.164 (11/2010), 6.1 and 7.
///
/// # Examples
/// ```
/// use mfa_core::phone::{InvalidPhoneNumber, PhoneNumber};
///
/// let number = PhoneNumber::parse("+1 (201) 555-0123")?;
/// assert_eq!(number.expose(), "+12015550123");
/// assert_eq!(number.masked().to_string(), "+•••••••••23");
/// assert_eq!(PhoneNumber::parse("0044 7400 123456").unwrap_err(), InvalidPhoneNumber::NotInternational);
/// # Ok::<(), InvalidPhoneNumber>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneNumber {
    /// ASCII digits without the plus; positions from `length` on are zero bytes.
    digits: [u8; Self::MAX_DIGITS],
    length: u8,
}

impl PhoneNumber {
    /// The most digits a number has.
    pub const MAX_DIGITS: usize = 15;
    /// The fewest digits a number has.
    pub const MIN_DIGITS: usize = 7;
    /// The longest input that is looked at, in bytes.
    pub const MAX_INPUT_LENGTH: usize = 64;

    /// Reads what somebody typed: `+` and digits, after removing spaces, no-break spaces, hyphens, dots and brackets.
    ///
    /// Letters, extensions, `tel:`, `00` for `+`, digits of other scripts and a second number are refused: whatever a
    /// reader has to interpret, it can interpret into somebody else's number.
    ///
    /// # Errors
    /// [`InvalidPhoneNumber`], which never holds what was typed. Input over 64 bytes is refused before it is read.
    pub fn parse(input: &str) -> Result<Self, InvalidPhoneNumber> {
        if input.len() > Self::MAX_INPUT_LENGTH {
            return Err(InvalidPhoneNumber::Length);
        }
        let mut typed = input.chars().filter(|letter| !is_separator(*letter));
        match typed.next() {
            Some('+') => Self::from_digits(typed),
            Some('0'..='9') | None => Err(InvalidPhoneNumber::NotInternational),
            Some(_) => Err(InvalidPhoneNumber::Character),
        }
    }

    /// Puts a number together from a calling code and the national number as it is dialled after it.
    ///
    /// Separators in `national` are removed as [`PhoneNumber::parse`] does; a trunk zero stays, it is the caller's to
    /// know of.
    ///
    /// # Errors
    /// [`InvalidPhoneNumber`], as [`PhoneNumber::parse`] has it.
    ///
    /// # Examples
    /// ```
    /// # use mfa_core::phone::{InvalidPhoneNumber, PhoneNumber};
    /// assert_eq!(PhoneNumber::join(44, "7400 123456")?, PhoneNumber::parse("+447400123456")?);
    /// # Ok::<(), InvalidPhoneNumber>(())
    /// ```
    pub fn join(calling_code: u16, national: &str) -> Result<Self, InvalidPhoneNumber> {
        if national.len() > Self::MAX_INPUT_LENGTH {
            return Err(InvalidPhoneNumber::Length);
        }
        let code = alloc::string::ToString::to_string(&calling_code);
        Self::from_digits(code.chars().chain(national.chars().filter(|letter| !is_separator(*letter))))
    }

    fn from_digits(typed: impl Iterator<Item = char>) -> Result<Self, InvalidPhoneNumber> {
        let mut number = Self { digits: [0; Self::MAX_DIGITS], length: 0 };
        let mut places = number.digits.iter_mut();
        let mut length = 0_u8;
        for letter in typed {
            let digit =
                u8::try_from(letter).ok().filter(u8::is_ascii_digit).ok_or(InvalidPhoneNumber::Character)?;
            *places.next().ok_or(InvalidPhoneNumber::Length)? = digit;
            length = length.saturating_add(1);
        }
        number.length = length;
        match number.digits {
            [b'0', ..] => Err(InvalidPhoneNumber::Zero),
            _ if usize::from(length) < Self::MIN_DIGITS => Err(InvalidPhoneNumber::Length),
            _ => Ok(number),
        }
    }

    /// The digits, without the plus sign.
    pub fn digits(&self) -> &str {
        let used = self.digits.get(..usize::from(self.length)).unwrap_or_default();
        str::from_utf8(used).unwrap_or_default()
    }

    /// The whole number with its plus sign, for sending to it. Searching for `expose` finds every use.
    pub fn expose(&self) -> alloc::string::String {
        let mut whole = alloc::string::String::with_capacity(Self::MAX_DIGITS.saturating_add(1));
        whole.push('+');
        whole.push_str(self.digits());
        whole
    }

    /// The number as a page may show it: its last two digits, and a dot for each other.
    pub fn masked(&self) -> Masked {
        let last = |back: usize| {
            let place = usize::from(self.length).checked_sub(back);
            place.and_then(|place| self.digits.get(place)).copied().unwrap_or(b'0')
        };
        Masked { hidden: self.length.saturating_sub(2), last: [last(2), last(1)] }
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber({})", self.masked())
    }
}

/// A number with all but its last two digits hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Masked {
    hidden: u8,
    last: [u8; 2],
}

impl fmt::Display for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("+")?;
        (0..self.hidden).try_for_each(|_| f.write_str("•"))?;
        self.last.iter().try_for_each(|digit| write!(f, "{}", char::from(*digit)))
    }
}

/// Why a text is not a phone number in international form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidPhoneNumber {
    /// It does not begin with a plus sign.
    NotInternational,
    /// Something that is neither a digit nor a separator.
    Character,
    /// Fewer than 7 digits, more than 15, or an input over 64 bytes.
    Length,
    /// A zero after the plus sign; no calling code begins with one.
    Zero,
}

messages!(InvalidPhoneNumber {
    Self::NotInternational => "a phone number begins with + and the country's calling code",
    Self::Character => "a phone number holds digits only, with spaces, hyphens, dots or brackets between them",
    Self::Length => "a phone number has 7 to 15 digits",
    Self::Zero => "no country's calling code begins with 0",
});

/// What people put between digits: space, no-break space, hyphens (ASCII, U+2010, U+2011), dot, round brackets.
fn is_separator(letter: char) -> bool {
    matches!(letter, ' ' | '\u{A0}' | '-' | '\u{2010}' | '\u{2011}' | '.' | '(' | ')')
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn separators_are_dropped_and_digits_kept() {
        for typed in [
            "+16502530000",
            " +1 650 253-0000",
            "+1\u{A0}(650)\u{A0}253.0000",
            "+1\u{2011}650\u{2010}2530000",
        ] {
            assert_eq!(PhoneNumber::parse(typed).unwrap().expose(), "+16502530000", "{typed:?}");
        }
    }

    #[test]
    fn each_way_to_be_malformed_is_told() {
        use InvalidPhoneNumber as E;
        let cases = [
            ("", E::NotInternational),
            ("650-253-0000", E::NotInternational),
            ("0016502530000", E::NotInternational),
            ("+", E::Length),
            ("+123456", E::Length),
            ("+1234567890123456", E::Length),
            ("+0016502530000", E::Zero),
            ("++16502530000", E::Character),
            ("+1650CALLNOW", E::Character),
            ("+16502530000;ext=5", E::Character),
            ("+16502530000x5", E::Character),
            ("tel:+16502530000", E::Character),
            ("+1 650 253 0000\r\n+18765551234", E::Character),
            ("+1\u{202D}6502530000\u{202C}", E::Character),
            ("+１６５０２５３００００", E::Character),
            ("+1\t6502530000", E::Character),
        ];
        for (typed, expected) in cases {
            assert_eq!(PhoneNumber::parse(typed), Err(expected), "{typed:?}");
        }
        assert_eq!(PhoneNumber::parse(&"+1".repeat(500_000)), Err(E::Length));
    }

    #[test]
    fn joining_keeps_a_trunk_zero_for_the_caller_to_find() {
        assert_eq!(PhoneNumber::join(44, "07400 123456").unwrap().digits(), "4407400123456");
        assert_eq!(PhoneNumber::join(852, "5123-4567").unwrap().digits(), "85251234567");
        assert_eq!(PhoneNumber::join(1, "+2015550123"), Err(InvalidPhoneNumber::Character));
        assert_eq!(PhoneNumber::join(1, ""), Err(InvalidPhoneNumber::Length));
    }

    #[test]
    fn inv_10_debug_shows_two_digits() {
        let number = PhoneNumber::parse("+447400123456").unwrap();
        assert_eq!(format!("{number:?}"), "PhoneNumber(+••••••••••56)");
    }
}
