//! A typed code: never a panic, and what is accepted is exactly the digits that were typed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mfa_core::algorithm::Digits;
use mfa_core::code::Code;

fuzz_target!(|typed: &str| {
    let bare: String = typed.chars().filter(|letter| !matches!(letter, ' ' | '-')).collect();
    for digits in [Digits::SIX, Digits::SEVEN, Digits::EIGHT] {
        let well_formed = typed.len() <= Code::MAX_INPUT_LENGTH
            && bare.len() == usize::from(digits.get())
            && bare.bytes().all(|letter| letter.is_ascii_digit());
        match Code::parse(typed, digits) {
            Ok(code) => {
                assert!(well_formed, "accepted {typed:?} as {digits:?}");
                assert_eq!(code.expose(), bare);
                assert_eq!(code.digits(), digits);
            }
            Err(_) => assert!(!well_formed, "refused {typed:?} as {digits:?}"),
        }
    }
});
