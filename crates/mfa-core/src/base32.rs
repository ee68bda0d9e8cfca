//! Base32 as shared keys are written (RFC 4648 section 6): strict for what we wrote, lenient for what people type.

use alloc::string::String;
use alloc::vec::Vec;

use data_encoding::BASE32_NOPAD;
use zeroize::Zeroizing;

use crate::error::messages;

/// The longest text that is looked at, in bytes. Longer ones are refused before anything is allocated.
pub const MAX_TEXT_LENGTH: usize = 2048;

/// Writes `bytes` in upper case without padding.
///
/// The encoder looks letters up in a table: on a machine shared with an attacker, cache timing is not covered.
pub fn encode(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(BASE32_NOPAD.encode(bytes))
}

/// Reads canonical base32 and nothing else: upper case, no padding, no separator, unused bits zero. Every byte string
/// has exactly one such text.
///
/// # Errors
/// [`InvalidBase32`] for any other text.
///
/// # Source
/// RFC 4648 sections 3.2 to 3.5 and 6.
pub fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, InvalidBase32> {
    let bytes = decode_lenient(text)?;
    if *encode(&bytes) == text { Ok(bytes) } else { Err(InvalidBase32::NotCanonical) }
}

/// Reads base32 as people type it and other software exports it: any case; spaces, hyphens and `=` are dropped; bits
/// left over at the end are dropped, as Google Authenticator does.
///
/// Several texts give the same bytes: never compare or index by the text.
///
/// # Errors
/// [`InvalidBase32`] for any other character (0, 1, 8 and 9 included: guessing which letter was meant would bind a
/// wrong key), and for more than [`MAX_TEXT_LENGTH`] bytes.
///
/// # Examples
/// ```
/// # use mfa_core::base32;
/// assert_eq!(*base32::decode_lenient("mzxw 6ytb-oi======")?, b"foobar");
/// assert!(base32::decode_lenient("MZXW1").is_err());
/// # Ok::<(), base32::InvalidBase32>(())
/// ```
pub fn decode_lenient(text: &str) -> Result<Zeroizing<Vec<u8>>, InvalidBase32> {
    if text.len() > MAX_TEXT_LENGTH {
        return Err(InvalidBase32::TooLong);
    }
    // Never grows past its capacity, so no half-decoded key is left in freed memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut pending = 0_u16; // bits that do not fill a byte yet, in the low end
    let mut bits = 0_u32; // how many: 0 to 7 between letters
    for letter in text.bytes() {
        let value = match letter {
            b' ' | b'-' | b'=' => continue,
            b'A'..=b'Z' => letter.wrapping_sub(b'A'),
            b'a'..=b'z' => letter.wrapping_sub(b'a'),
            b'2'..=b'7' => letter.wrapping_sub(b'2').wrapping_add(26),
            _ => return Err(InvalidBase32::Character),
        };
        pending = (pending << 5) | u16::from(value);
        bits = bits.saturating_add(5);
        if bits >= 8 {
            bits = bits.saturating_sub(8);
            let [_, byte] = pending.wrapping_shr(bits).to_be_bytes();
            bytes.push(byte);
        }
    }
    Ok(bytes)
}

/// A text that is not base32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidBase32 {
    /// More than [`MAX_TEXT_LENGTH`] bytes.
    TooLong,
    /// A character outside the alphabet.
    Character,
    /// Base32, but not the one canonical text of its bytes.
    NotCanonical,
}

messages!(InvalidBase32 {
    Self::TooLong => "the base32 text is longer than its limit",
    Self::Character => "the base32 text holds a character outside A-Z and 2-7",
    Self::NotCanonical => "the base32 text is not in its canonical form",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strict_reader_takes_one_text_per_key() {
        assert_eq!(**decode("MZXW6").unwrap(), *b"foo");
        for other in ["mzxw6", "MZXW6===", "MZ XW6", "MZXW7", "MZXW6A", "MZXW60", "M"] {
            assert!(decode(other).is_err(), "{other}");
        }
    }

    #[test]
    fn the_lenient_reader_drops_bits_that_fill_no_byte() {
        assert_eq!(**decode_lenient("MZXW7").unwrap(), *b"foo");
        assert_eq!(**decode_lenient("MZXW6YTBA").unwrap(), *b"fooba");
        assert!(decode_lenient("A").unwrap().is_empty());
    }

    #[test]
    fn nothing_outside_the_alphabet_is_guessed() {
        for text in ["0", "1", "8", "9", "A\n", "A\t", "A.", "\u{a0}", "\u{ff21}", "💖", "A\0"] {
            assert_eq!(decode_lenient(text).unwrap_err(), InvalidBase32::Character, "{text:?}");
        }
    }

    #[test]
    fn a_long_text_is_refused_whatever_is_in_it() {
        let long = alloc::string::String::from_utf8(alloc::vec![b'='; 2049]).unwrap();
        assert_eq!(decode_lenient(&long).unwrap_err(), InvalidBase32::TooLong);
    }
}
