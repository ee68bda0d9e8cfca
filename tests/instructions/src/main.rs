//! `mfa-instructions CASE` does once what the case names, inside a function whose name begins with `counted_`.
//!
//! Everything is run once before, outside of what is counted, so that what happens on first use only (choosing an
//! implementation by the processor) is not in the count.
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::process::ExitCode;

use mfa_core::algorithm::{Algorithm, Digits};
use mfa_core::code::Code;
use mfa_core::key::SharedKey;
use mfa_core::recovery::RecoveryDigest;
use mfa_core::time::{Period, TimeStep};
use mfa_core::totp::{self, Scan, TotpParameters, Window};

fn main() -> ExitCode {
    let case = std::env::args().nth(1).unwrap_or_default();
    let words: Vec<&str> = case.split('-').collect();
    let answer = match words.as_slice() {
        ["scan", key, algorithm, which] => scan(key, algorithm, which, counted_scan),
        ["early_scan", key, algorithm, which] => scan(key, algorithm, which, counted_early_scan),
        ["find", which] => find(which, counted_find),
        ["early_find", which] => find(which, counted_early_find),
        _ => None,
    };
    match answer {
        Some(answer) => {
            println!("{answer}");
            ExitCode::SUCCESS
        }
        None => ExitCode::from(2),
    }
}

type Scanning = fn(&SharedKey, &TotpParameters, &Code, Option<TimeStep>) -> Scan;

/// The code of a step of the window, or of none, against steps that are used or not.
fn scan(key: &str, algorithm: &str, which: &str, counted: Scanning) -> Option<String> {
    let algorithm = match algorithm {
        "sha1" => Algorithm::Sha1,
        "sha256" => Algorithm::Sha256,
        "sha512" => Algorithm::Sha512,
        _ => return None,
    };
    let key: [u8; 20] = key.as_bytes().try_into().ok()?;
    let key = SharedKey::from_bytes(&key).ok()?;
    let parameters = TotpParameters::new(algorithm, Digits::SIX, Period::THIRTY_SECONDS);
    let (step, after) = match which {
        "before" => (CENTRE - 1, None),
        "centre" => (CENTRE, None),
        "after" => (CENTRE + 1, None),
        "wrong" => (CENTRE + 2, None),
        "before_unused" => (CENTRE - 1, Some(CENTRE - 2)),
        "centre_unused" => (CENTRE, Some(CENTRE - 2)),
        "after_unused" => (CENTRE + 1, Some(CENTRE - 2)),
        "wrong_unused" => (CENTRE + 2, Some(CENTRE - 2)),
        "before_used" => (CENTRE - 1, Some(CENTRE + 1)),
        "centre_used" => (CENTRE, Some(CENTRE + 1)),
        "after_used" => (CENTRE + 1, Some(CENTRE + 1)),
        "wrong_used" => (CENTRE + 2, Some(CENTRE + 1)),
        _ => return None,
    };
    let code = totp::generate(&key, &parameters, TimeStep::new(step));
    let after = after.map(TimeStep::new);
    let _warm = totp::scan(&key, &parameters, &code, TimeStep::new(CENTRE), Window::DEFAULT, after);
    Some(match counted(black_box(&key), black_box(&parameters), black_box(&code), black_box(after)) {
        Scan::Fresh(_) => "fresh".to_owned(),
        Scan::Used => "used".to_owned(),
        _ => "wrong".to_owned(),
    })
}

#[inline(never)]
fn counted_scan(key: &SharedKey, parameters: &TotpParameters, code: &Code, after: Option<TimeStep>) -> Scan {
    totp::scan(key, parameters, code, TimeStep::new(CENTRE), Window::DEFAULT, after)
}

/// What must not be: stops at the first match.
#[inline(never)]
fn counted_early_scan(
    key: &SharedKey,
    parameters: &TotpParameters,
    code: &Code,
    after: Option<TimeStep>,
) -> Scan {
    for step in CENTRE - 1..=CENTRE + 1 {
        let step = TimeStep::new(step);
        if totp::generate(key, parameters, step).expose() == code.expose() {
            return if after.is_none_or(|used| step.get() > used.get()) {
                Scan::Fresh(step)
            } else {
                Scan::Used
            };
        }
    }
    Scan::Wrong
}

type Finding = fn(&[RecoveryDigest], &RecoveryDigest) -> Option<usize>;

/// Ten digests, and one that is the first, in the middle, the last, none, or differs in one byte from the first.
fn find(which: &str, counted: Finding) -> Option<String> {
    let digests = [1_u8, 2, 3, 4, 5, 6, 7, 8, 9, 10].map(|n| RecoveryDigest::from_bytes([n; 32]));
    let mut wanted = [0; 32];
    match which {
        "first" => wanted = [1; 32],
        "middle" => wanted = [5; 32],
        "last" => wanted = [10; 32],
        "none" => {}
        "first_byte" => (wanted, wanted[0]) = ([1; 32], 0),
        "last_byte" => (wanted, wanted[31]) = ([1; 32], 0),
        _ => return None,
    }
    let wanted = RecoveryDigest::from_bytes(wanted);
    black_box(RecoveryDigest::find(&digests, &wanted));
    Some(format!("{:?}", counted(black_box(&digests), black_box(&wanted))))
}

#[inline(never)]
fn counted_find(candidates: &[RecoveryDigest], wanted: &RecoveryDigest) -> Option<usize> {
    RecoveryDigest::find(candidates, wanted)
}

/// What must not be: stops at the first match, and at the first byte that differs.
#[inline(never)]
fn counted_early_find(candidates: &[RecoveryDigest], wanted: &RecoveryDigest) -> Option<usize> {
    let is_same = |candidate: &RecoveryDigest| {
        candidate.as_bytes().iter().zip(wanted.as_bytes()).all(|(ours, theirs)| ours == theirs)
    };
    candidates.iter().position(is_same)
}

const CENTRE: u64 = 60_000_000;
