//! Base32 and typed codes.

use mfa_core::algorithm::Digits;
use mfa_core::base32;
use mfa_core::code::Code;
use serde_json::Value;

use crate::{Judgement, Verdict, expect, number, text, unhex};

pub(crate) fn base32_decode(vector: &Value) -> Judgement {
    let (input, canonical) = (text(vector, "input")?, text(vector, "canonical")?);
    let bytes = base32::decode_lenient(input).map_err(|error| error.to_string())?;
    if *bytes != unhex(text(vector, "hex")?)? {
        return Err("other bytes".to_owned());
    }
    if *base32::encode(&bytes) != canonical {
        return Err("another canonical text".to_owned());
    }
    // The strict reader takes the canonical text and no other.
    expect(base32::decode(input).is_ok() == (input == canonical), "strict reader")
}

pub(crate) fn base32_reject(vector: &Value) -> Judgement {
    let input = text(vector, "input")?;
    let strict = base32::decode(input);
    let lenient = base32::decode_lenient(input);
    let expected = text(vector, "own_lenient_decoder")?;
    if strict.is_ok() {
        return Err("the strict reader takes it".to_owned());
    }
    if expected != "error" {
        // Case, separators, padding: what the lenient reader is for.
        let bytes = lenient.map_err(|error| error.to_string())?;
        return expect(*bytes == unhex(expected)?, "other bytes");
    }
    let letters = input.chars().filter(|letter| !" -=".contains(*letter)).count();
    if lenient.is_ok() && matches!(letters % 8, 1 | 3 | 6) {
        // A length that no encoder produces. The lenient reader drops the tail as Google Authenticator does, which
        // `base32_decode` demands for 17 letters.
        return Ok(Verdict::ByRule("strict refuses; lenient drops an impossible last letter".to_owned()));
    }
    expect(lenient.is_err(), "the lenient reader takes it")
}

pub(crate) fn code_reject(vector: &Value) -> Judgement {
    let bytes = unhex(text(vector, "code_utf8_hex")?)?;
    let digits = number(vector, "digits").and_then(|digits| u8::try_from(digits).ok());
    let (Some(Ok(digits)), Ok(typed)) = (digits.map(Digits::new), std::str::from_utf8(&bytes)) else {
        return Ok(Verdict::Passed); // no such code length here, or not even text
    };
    if Code::parse(typed, digits).is_err() {
        return Ok(Verdict::Passed);
    }
    let rest: String = typed.chars().filter(|letter| !" -".contains(*letter)).collect();
    let is_spaced = rest.len() < typed.len() && rest.bytes().all(|letter| letter.is_ascii_digit());
    if is_spaced {
        return Ok(Verdict::ByRule("the right digits with spaces or hyphens, which are removed".to_owned()));
    }
    Err(format!("taken: {typed:?}"))
}
