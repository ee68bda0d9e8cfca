//! An `otpauth://` URI from other software: never a panic under any floor; what is accepted keeps every bound; and what
//! the standard floor accepts is written and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mfa_core::key::SharedKey;
use mfa_core::otpauth::{KeyFloor, MAX_URI_LENGTH, MovingFactor, OtpAuthImport, OtpAuthUri};

fuzz_target!(|uri: &str| {
    let standard = read(uri, KeyFloor::Standard, SharedKey::MIN_LENGTH, SharedKey::MAX_LENGTH);
    let short = read(uri, KeyFloor::Short, SharedKey::MIN_SHORT_LENGTH, SharedKey::MAX_LENGTH);
    let any = read(uri, KeyFloor::DangerAnyLength, 1, SharedKey::MAX_ANY_LENGTH);
    // A lower floor lets in all that a higher one does.
    assert!(short.is_some() || standard.is_none());
    assert!(any.is_some() || short.is_none());
    if let Some(read) = standard {
        reads_back(&read);
    }
});

fn read(uri: &str, floor: KeyFloor, least: usize, most: usize) -> Option<OtpAuthImport> {
    let read = OtpAuthImport::parse(uri, floor).ok()?;
    assert!(uri.len() <= MAX_URI_LENGTH);
    assert!((least..=most).contains(&read.key().len()));
    assert!((6..=8).contains(&read.digits().get()));
    assert!(read.account().len() <= 512);
    assert!(read.issuer().is_none_or(|issuer| !issuer.is_empty() && issuer.len() <= 512));
    match read.factor() {
        MovingFactor::Time(period) => {
            assert!((1..=3600).contains(&period.seconds()));
            assert!(read.totp_parameters().is_some_and(|parameters| parameters.period() == period));
        }
        _ => assert!(read.totp_parameters().is_none()),
    }
    Some(read)
}

fn reads_back(read: &OtpAuthImport) {
    let Some(text) = written(read) else { return };
    let again = OtpAuthImport::parse(&text, KeyFloor::Standard).expect("what we wrote reads");
    assert_eq!(again.key().expose(), read.key().expose());
    assert_eq!((again.algorithm(), again.digits()), (read.algorithm(), read.digits()));
    assert_eq!(again.factor(), read.factor());
    assert_eq!((again.issuer(), again.account()), (read.issuer(), read.account()));
    assert!(again.warnings().is_empty(), "what we wrote leaves no doubt");
    assert_eq!(written(&again).as_deref(), Some(text.as_str()));
}

/// The URI as we write it; `None` for names that we read but do not write, such as one with a colon in it.
fn written(read: &OtpAuthImport) -> Option<String> {
    let (key, issuer, account) = (read.key(), read.issuer(), read.account());
    let uri = match (read.totp_parameters(), read.factor()) {
        (Some(parameters), _) => OtpAuthUri::totp(key, &parameters, issuer, account),
        (None, MovingFactor::Counter(counter)) => {
            OtpAuthUri::hotp(key, read.algorithm(), read.digits(), counter, issuer, account)
        }
        (None, other) => panic!("neither time nor counter: {other:?}"),
    };
    Some(uri.ok()?.to_text().to_string())
}
