//! A typed recovery code: never a panic; what is accepted is written and read back as itself; and 16 bytes of any value
//! are a code that reads back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mfa_core::recovery::RecoveryCode;

fuzz_target!(|input: &[u8]| {
    if let Ok(typed) = str::from_utf8(input)
        && let Ok(code) = RecoveryCode::parse(typed)
    {
        assert!(typed.len() <= RecoveryCode::MAX_INPUT_LENGTH);
        reads_back(&code);
    }
    if let Some(bytes) = input.first_chunk() {
        reads_back(&RecoveryCode::from_bytes(*bytes));
    }
});

fn reads_back(code: &RecoveryCode) {
    let text = code.to_text();
    assert_eq!(text.len(), 33);
    let again = RecoveryCode::parse(&text).expect("a code of ours reads");
    assert_eq!(again.expose(), code.expose());
    assert_eq!(again.to_text(), text);
    let sloppy =
        RecoveryCode::parse(&text.to_lowercase().replace('-', " ")).expect("case and hyphens are free");
    assert_eq!(sloppy.expose(), code.expose());
}
