//! Laws that hold for every input, and agreement with two independent implementations.
#![expect(clippy::expect_used, clippy::arithmetic_side_effects, reason = "a panic is how a test fails")]

use mfa_core::algorithm::{Algorithm, Digits};
use mfa_core::code::Code;
use mfa_core::hotp;
use mfa_core::key::SharedKey;
use mfa_core::otpauth::{KeyFloor, MAX_URI_LENGTH, MovingFactor, OtpAuthImport, OtpAuthUri};
use mfa_core::recovery::{RecoveryCode, RecoveryDigest, RecoverySalt};
use mfa_core::time::{Period, TimeStep, UnixSeconds};
use mfa_core::totp::{self, Drift, Scan, TotpParameters, Window};
use proptest::prelude::*;

fn algorithms() -> impl Strategy<Value = Algorithm> {
    prop_oneof![Just(Algorithm::Sha1), Just(Algorithm::Sha256), Just(Algorithm::Sha512)]
}

fn digits() -> impl Strategy<Value = Digits> {
    prop_oneof![Just(Digits::SIX), Just(Digits::SEVEN), Just(Digits::EIGHT)]
}

fn keys() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 16..=64)
}

fn shared(bytes: &[u8]) -> SharedKey {
    SharedKey::from_bytes(bytes).expect("16 to 64 bytes are a key")
}

/// Steps near both ends of the range as well as in the middle.
fn steps() -> impl Strategy<Value = u64> {
    prop_oneof![0..40_u64, any::<u64>(), (0..40_u64).prop_map(|n| u64::MAX - n)]
}

/// What `scan` promises, spelled out.
fn brute_force(
    key: &SharedKey,
    parameters: &TotpParameters,
    code: &str,
    centre: u64,
    window: Window,
    after: Option<u64>,
) -> Scan {
    let first = centre.saturating_sub(u64::from(window.past()));
    let last = centre.saturating_add(u64::from(window.future()));
    let matching: Vec<u64> = (first..=last)
        .filter(|step| totp::generate(key, parameters, TimeStep::new(*step)).expose() == code)
        .collect();
    match matching.iter().rev().find(|step| after.is_none_or(|after| **step > after)) {
        Some(step) => Scan::Fresh(TimeStep::new(*step)),
        None if matching.is_empty() => Scan::Wrong,
        None => Scan::Used,
    }
}

proptest! {
    #[test]
    fn totp_equals_totp_rs_and_totp_rfc(
        bytes in keys(), algorithm in algorithms(), digits in digits(),
        seconds in 1..=3600_u64, now in 0..=i64::MAX as u64,
    ) {
        let period = Period::from_seconds(seconds).expect("within bounds");
        let parameters = TotpParameters::new(algorithm, digits, period);
        let ours = totp::generate(&shared(&bytes), &parameters, parameters.step_at(UnixSeconds::new(now)));

        let (rs, rfc) = match algorithm {
            Algorithm::Sha256 => (totp_rs::Algorithm::SHA256, totp_rfc::Algorithm::Sha256),
            Algorithm::Sha512 => (totp_rs::Algorithm::SHA512, totp_rfc::Algorithm::Sha512),
            _ => (totp_rs::Algorithm::SHA1, totp_rfc::Algorithm::Sha1),
        };
        let theirs = totp_rs::Builder::new()
            .with_secret(totp_rs::Secret::new(bytes.clone().into()))
            .with_algorithm(rs)
            .with_digits(digits.get())
            .with_step_duration(seconds)
            .build()
            .expect("totp-rs takes the same values");
        prop_assert_eq!(ours.expose(), theirs.generate(now).to_string());

        let theirs_too = totp_rfc::Totp::new(rfc, rfc_digits(digits), seconds, 0).expect("so does totp-rfc");
        let secret = totp_rfc::Secret::new(&bytes).expect("16 bytes or more");
        prop_assert_eq!(ours.expose(), theirs_too.generate(&secret, now).expect("no overflow").to_string());
    }

    #[test]
    fn hotp_equals_totp_rfc(bytes in keys(), digits in digits(), counter in steps(), ahead in 0..20_u8, at in 0..25_u64) {
        let key = shared(&bytes);
        let theirs = totp_rfc::Hotp::new(rfc_digits(digits));
        let secret = totp_rfc::Secret::new(&bytes).expect("16 bytes or more");
        let code = hotp::generate(&key, Algorithm::Sha1, digits, counter.saturating_add(at));
        prop_assert_eq!(code.expose(), theirs.generate(&secret, counter.saturating_add(at)).to_string());

        let matched = hotp::verify(&key, Algorithm::Sha1, &code, counter, ahead);
        let is_in_reach = counter.saturating_add(at) <= counter.saturating_add(u64::from(ahead));
        prop_assert!(matched.is_some() >= is_in_reach);
        if let Some(matched) = matched {
            prop_assert!(matched.counter() >= counter);
            prop_assert!(hotp::generate(&key, Algorithm::Sha1, digits, matched.counter()).expose() == code.expose());
            let next = matched.next_counter();
            prop_assert_eq!(next, matched.counter().checked_add(1));
            // A code never works twice.
            if let Some(next) = next {
                let left = counter.saturating_add(u64::from(ahead)).saturating_sub(next);
                let left = u8::try_from(left).expect("within the look-ahead");
                prop_assert_eq!(hotp::verify(&key, Algorithm::Sha1, &code, next, left), None);
            }
        }
    }

    #[test]
    fn scanning_equals_brute_force(
        bytes in keys(), algorithm in algorithms(), digits in digits(), centre in steps(),
        past in 0..=12_u8, future in 0..=12_u8, offset in -15..=15_i64, after in proptest::option::of(-15..=15_i64),
    ) {
        let key = shared(&bytes);
        let parameters = TotpParameters::new(algorithm, digits, Period::THIRTY_SECONDS);
        let window = Window::new(past, future).expect("within bounds");
        let shown = totp::generate(&key, &parameters, TimeStep::new(centre).offset(offset));
        let after = after.map(|after| TimeStep::new(centre).offset(after));
        let expected =
            brute_force(&key, &parameters, shown.expose(), centre, window, after.map(TimeStep::get));
        prop_assert_eq!(totp::scan(&key, &parameters, &shown, TimeStep::new(centre), window, after), expected);
    }

    #[test]
    fn a_wider_window_accepts_what_a_narrow_one_took(
        bytes in keys(), centre in steps(), offset in -6..=6_i64, after in proptest::option::of(-6..=6_i64),
        narrow in (0..=5_u8, 0..=5_u8), more in (0..=5_u8, 0..=5_u8),
    ) {
        let key = shared(&bytes);
        let centre = TimeStep::new(centre);
        let code = totp::generate(&key, &TotpParameters::DEFAULT, centre.offset(offset));
        let after = after.map(|after| centre.offset(after));
        let scan = |past, future| {
            let window = Window::new(past, future).expect("within bounds");
            totp::scan(&key, &TotpParameters::DEFAULT, &code, centre, window, after)
        };
        if let Scan::Fresh(step) = scan(narrow.0, narrow.1) {
            let wide = scan(narrow.0 + more.0, narrow.1 + more.1);
            prop_assert!(matches!(wide, Scan::Fresh(same_or_later) if same_or_later >= step));
        }
    }

    /// INV-1, for one verifier: whatever the clock does, no step is accepted twice, and none below an accepted one.
    #[test]
    fn inv_1_accepted_steps_strictly_increase(
        bytes in keys(), start in 10..u64::MAX - 100,
        requests in proptest::collection::vec((-3..=3_i64, -3..=3_i64, any::<bool>()), 1..40),
    ) {
        let key = shared(&bytes);
        let (mut now, mut used): (_, Option<TimeStep>) = (TimeStep::new(start), None);
        for (clock_moves, shown, resynchronises) in requests {
            now = now.offset(clock_moves);
            let of = |step| totp::generate(&key, &TotpParameters::DEFAULT, step);
            let accepted = if resynchronises {
                let (first, second) = (of(now.offset(shown - 1)), of(now.offset(shown)));
                totp::resynchronise(&key, &TotpParameters::DEFAULT, &first, &second, now, used)
            } else {
                let code = of(now.offset(shown));
                match totp::scan(&key, &TotpParameters::DEFAULT, &code, now, Window::DEFAULT, used) {
                    Scan::Fresh(step) => Some(step),
                    _ => None,
                }
            };
            if let Some(step) = accepted {
                prop_assert!(used.is_none_or(|used| step > used));
                used = Some(step);
            }
        }
    }

    #[test]
    fn resynchronising_equals_brute_force(
        bytes in keys(), centre in steps(), offset in -14..=14_i64, gap in 0..=2_i64,
        after in proptest::option::of(-14..=14_i64),
    ) {
        let key = shared(&bytes);
        let centre = TimeStep::new(centre);
        let of = |step: TimeStep| totp::generate(&key, &TotpParameters::DEFAULT, step);
        let (first, second) = (of(centre.offset(offset - gap)), of(centre.offset(offset)));
        let after = after.map(|after| centre.offset(after));
        let reach = totp::RESYNCHRONISATION_REACH;
        let expected = (centre.get().saturating_sub(reach)..=centre.get().saturating_add(reach)).rev().find(|step| {
            let Some(before) = step.checked_sub(1) else { return false };
            let is_unused = after.is_none_or(|after| before > after.get());
            is_unused
                && of(TimeStep::new(before)).expose() == first.expose()
                && of(TimeStep::new(*step)).expose() == second.expose()
        });
        let found = totp::resynchronise(&key, &TotpParameters::DEFAULT, &first, &second, centre, after);
        prop_assert_eq!(found.map(TimeStep::get), expected);
        if let Some(found) = found {
            let drift = Drift::resynchronised(centre, found);
            prop_assert_eq!(drift.map(|drift| drift.apply(centre)), Some(found));
        }
    }

    #[test]
    fn a_uri_reads_back_as_it_was_built(
        bytes in keys(), algorithm in algorithms(), digits in digits(), seconds in 1..=3600_u64,
        counter in proptest::option::of(any::<u64>()),
        issuer in proptest::option::of("[^:\\pC]{1,32}"), account in "[^:\\pC]{1,64}",
    ) {
        let key = shared(&bytes);
        let period = Period::from_seconds(seconds).expect("within bounds");
        let parameters = TotpParameters::new(algorithm, digits, period);
        let issuer = issuer.filter(|issuer| !issuer.trim().is_empty());
        prop_assume!(!account.trim().is_empty());

        let built = match counter {
            None => OtpAuthUri::totp(&key, &parameters, issuer.as_deref(), &account),
            Some(counter) => OtpAuthUri::hotp(&key, algorithm, digits, counter, issuer.as_deref(), &account),
        };
        let uri = built.expect("no colon, no control character, not too long").to_text();
        prop_assert!(uri.is_ascii() && uri.len() <= MAX_URI_LENGTH);
        let read = OtpAuthImport::parse(&uri, KeyFloor::Standard).expect("what is built can be read");
        prop_assert_eq!(read.issuer(), issuer.as_deref().map(str::trim));
        prop_assert_eq!(read.account(), account.trim());
        prop_assert_eq!(read.key().expose(), bytes);
        prop_assert_eq!((read.algorithm(), read.digits()), (algorithm, digits));
        prop_assert_eq!(read.factor(), counter.map_or(MovingFactor::Time(period), MovingFactor::Counter));
        prop_assert!(read.warnings().is_empty());
    }

    #[test]
    fn reading_anything_never_panics(anything in any::<String>(), bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        for text in [anything.as_str(), &String::from_utf8_lossy(&bytes)] {
            read_as_everything(text);
            read_as_everything(&format!("otpauth://totp/{text}"));
            read_as_everything(&format!("otpauth://hotp/a?secret={text}&counter=1"));
            read_as_everything(&format!("otpauth://totp/a?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY&{text}"));
        }
    }

    /// Nothing that is read is longer than what it was read from.
    #[test]
    fn what_is_read_is_bounded_by_what_was_given(label in "[a-z:%0-9]{0,40}", secret in "[A-Z2-7=%3D]{0,2000}") {
        let uri = format!("otpauth://totp/{label}?secret={secret}");
        if let Ok(read) = OtpAuthImport::parse(&uri, KeyFloor::DangerAnyLength) {
            prop_assert!(read.key().len() + read.account().len() + read.issuer().map_or(0, str::len) <= uri.len());
        }
    }

    #[test]
    fn a_recovery_code_survives_how_people_type(bytes: [u8; 16], case: bool, zero in "[0oO]", one in "[1iIlL]", gap in "[ -]{0,2}") {
        let code = RecoveryCode::from_bytes(bytes);
        let text = code.to_text();
        let typed: String = text
            .chars()
            .map(|letter| match letter {
                '0' => zero.clone(),
                '1' => one.clone(),
                '-' => gap.clone(),
                letter if case => letter.to_lowercase().to_string(),
                letter => letter.to_string(),
            })
            .collect();
        let read = RecoveryCode::parse(&typed).expect("typed as people do");
        prop_assert_eq!(read.expose(), &bytes);
        let salt = RecoverySalt::from_bytes([3; 16]);
        let digest = RecoveryDigest::of(&salt, &code);
        prop_assert_eq!(RecoveryDigest::find(&[digest], &RecoveryDigest::of(&salt, &read)), Some(0));
    }

    /// INV-10: no secret in any `Debug`.
    #[test]
    fn inv_10_debug_shows_no_secret(bytes in keys(), recovery: [u8; 16]) {
        let key = shared(&bytes);
        let code = totp::generate(&key, &TotpParameters::DEFAULT, TimeStep::new(7));
        let uri = OtpAuthUri::totp(&key, &TotpParameters::DEFAULT, Some("Issuer"), "account").expect("valid");
        let import = OtpAuthImport::parse(&uri.to_text(), KeyFloor::Standard).expect("just built");
        let recovery = RecoveryCode::from_bytes(recovery);
        let salt = RecoverySalt::from_bytes([5; 16]);
        let digest = RecoveryDigest::of(&salt, &recovery);
        let shown = format!("{key:?} {code:?} {uri:?} {import:?} {recovery:?} {salt:?} {digest:?}");

        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        for secret in [&hex, &*key.to_base32(), &*recovery.to_text(), code.expose()] {
            prop_assert!(!shown.to_lowercase().contains(&secret.to_lowercase()));
        }
        prop_assert_eq!(
            shown,
            "SharedKey(..) Code(..) OtpAuthUri(..) OtpAuthImport(..) RecoveryCode(..) RecoverySalt(..) RecoveryDigest(..)"
        );
    }

    /// INV-10: no error repeats what was typed or read.
    #[test]
    fn inv_10_errors_hold_nothing_of_their_input(secret in "[A-Z2-7]{26,52}") {
        let fault = "!"; // in no alphabet; `*`, say, can be the check symbol of a recovery code
        let uri = format!("otpauth://totp/Issuer:account?secret={secret}{fault}&issuer=Issuer");
        let refusals = [
            shown(OtpAuthImport::parse(&uri, KeyFloor::Standard)),
            shown(SharedKey::import_short(secret.repeat(3).as_bytes())),
            shown(mfa_core::base32::decode(&(secret.clone() + fault))),
            shown(Code::parse(&secret, Digits::SIX)),
            shown(RecoveryCode::parse(&(secret.clone() + fault))),
        ];
        for refusal in refusals {
            prop_assert!(!refusal.contains(&secret[..8]), "{}", refusal);
        }
    }
}

fn rfc_digits(digits: Digits) -> totp_rfc::Digits {
    totp_rfc::Digits::new(digits.get()).expect("6 to 8")
}

fn shown<T>(result: Result<T, impl std::error::Error>) -> String {
    let error = result.err().expect("malformed on purpose");
    format!("{error} {error:?}")
}

fn read_as_everything(text: &str) {
    for floor in [KeyFloor::Standard, KeyFloor::Short, KeyFloor::DangerAnyLength] {
        let _ = OtpAuthImport::parse(text, floor);
    }
    let _ = mfa_core::base32::decode(text);
    let _ = mfa_core::base32::decode_lenient(text);
    let _ = Code::parse(text, Digits::EIGHT);
    let _ = RecoveryCode::parse(text);
    let _ = Algorithm::from_name(text);
}
