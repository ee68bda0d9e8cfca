//! Base32: never a panic; the strict reader takes exactly the canonical text; the lenient one agrees with it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mfa_core::base32::{self, InvalidBase32};

fuzz_target!(|input: &[u8]| {
    if input.len() <= 1024 {
        let text = base32::encode(input);
        assert_eq!(**base32::decode(&text).expect("what we wrote reads"), *input);
        assert_eq!(**base32::decode_lenient(&text).expect("what we wrote reads"), *input);
    }
    let Ok(text) = str::from_utf8(input) else { return };
    let (strict, lenient) = (base32::decode(text), base32::decode_lenient(text));
    match &lenient {
        Ok(bytes) => {
            assert!(text.len() <= base32::MAX_TEXT_LENGTH);
            let canonical = base32::encode(bytes);
            assert_eq!(*base32::decode(&canonical).expect("canonical"), **bytes);
            assert_eq!(strict.is_ok(), *canonical == text);
        }
        Err(error) => {
            let is_foreign = |c: char| !matches!(c, ' ' | '-' | '=' | 'A'..='Z' | 'a'..='z' | '2'..='7');
            match error {
                InvalidBase32::TooLong => assert!(text.len() > base32::MAX_TEXT_LENGTH),
                _ => assert!(text.contains(is_foreign)),
            }
        }
    }
    if let Ok(bytes) = strict {
        assert_eq!(*base32::encode(&bytes), text);
        assert_eq!(*lenient.expect("the lenient reader takes all that the strict one does"), *bytes);
    }
});
