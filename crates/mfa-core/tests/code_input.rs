//! Each way in which a typed code can be malformed, by name. None of these is an attempt.

use mfa_core::algorithm::Digits;
use mfa_core::code::{Code, MalformedCode};

const CASES: [(&str, &str, MalformedCode); 31] = [
    ("empty", "", MalformedCode::Length),
    ("only spaces", "      ", MalformedCode::Length),
    ("one digit short", "12345", MalformedCode::Length),
    ("one digit long", "1234567", MalformedCode::Length),
    ("leading zero dropped", "5924", MalformedCode::Length),
    ("two codes pasted", "123456 123456", MalformedCode::Length),
    ("letter O for zero", "12345O", MalformedCode::Character),
    ("trailing letters", "123456ab", MalformedCode::Character),
    ("leading letters", "ab123456", MalformedCode::Character),
    ("hexadecimal", "0x3039", MalformedCode::Character),
    ("plus sign", "+12345", MalformedCode::Character),
    ("underscore", "123_456", MalformedCode::Character),
    ("decimal point", "12345.", MalformedCode::Character),
    ("exponent", "1e5", MalformedCode::Character),
    ("slash", "123/456", MalformedCode::Character),
    ("backslash", "123\\456", MalformedCode::Character),
    ("comma", "123,456", MalformedCode::Character),
    ("NUL", "12345\0", MalformedCode::Character),
    ("tab", "123\t456", MalformedCode::Character),
    ("line feed in front", "\n123456", MalformedCode::Character),
    ("carriage return inside", "123\r456", MalformedCode::Character),
    ("no-break space", "123\u{a0}456", MalformedCode::Character),
    ("zero-width space", "123\u{200b}456", MalformedCode::Character),
    ("right-to-left override", "\u{202e}123456", MalformedCode::Character),
    ("en dash", "123\u{2013}456", MalformedCode::Character),
    ("full-width digits", "\u{ff11}\u{ff12}\u{ff13}\u{ff14}\u{ff15}\u{ff16}", MalformedCode::Character),
    ("Arabic-Indic digits", "\u{661}\u{662}\u{663}\u{664}\u{665}\u{666}", MalformedCode::Character),
    ("Extended Arabic-Indic digits", "\u{6f1}\u{6f2}\u{6f3}\u{6f4}\u{6f5}\u{6f6}", MalformedCode::Character),
    (
        "mathematical digits",
        "\u{1d7d8}\u{1d7d9}\u{1d7da}\u{1d7db}\u{1d7dc}\u{1d7dd}",
        MalformedCode::Character,
    ),
    ("one foreign digit among five", "12345\u{666}", MalformedCode::Character),
    ("six digits after 64 spaces", SIXTY_FOUR_SPACES_AND_A_CODE, MalformedCode::TooLong),
];

const SIXTY_FOUR_SPACES_AND_A_CODE: &str =
    "                                                                123456";

#[test]
fn every_malformed_code_is_refused_by_its_name() {
    for (name, typed, expected) in CASES {
        assert_eq!(Code::parse(typed, Digits::SIX).err(), Some(expected), "{name}");
    }
}

#[test]
fn sixty_four_kibibytes_are_refused_unread() {
    let typed = "1".repeat(65_536);
    assert_eq!(Code::parse(&typed, Digits::EIGHT).err(), Some(MalformedCode::TooLong));
}
