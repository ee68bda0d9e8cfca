//! The comparisons, one a line.

use std::hint::black_box;
use std::process::Command;

use mfa::SystemRandom;
use mfa_benches::login::{LOGINS_AT_ONCE, Login};
use mfa_benches::otp::Otp;
use mfa_benches::phone::{self, Texted};
use mfa_benches::policy::Decided;
use mfa_benches::raw::{Sealed, sha1_compressions};
use mfa_core::algorithm::Algorithm;
use mfa_core::time::UnixSeconds;

use crate::timing::{Ratio, nanoseconds_each, ratio, ratio_of_few, repeated};

/// Measures everything and prints a line for each as it is known.
pub(crate) fn run() {
    println!("machine {}", machine());
    let show = |name: &str, compare: Comparison| {
        let found = compare();
        println!("ratio {name} {:.3}", found.median);
        println!("range {name} {found}");
    };
    show("verify_miss", || miss(Algorithm::Sha1));
    show("verify_hit", hit);
    show("verify_sha256", || miss(Algorithm::Sha256));
    show("verify_sha512", || miss(Algorithm::Sha512));
    show("verify_floor", floor);
    show("resync_scan", resync);
    show("cpu_login", login);
    show("policy_decide", decide);
    show("phone_classify", classify);
    show("phone_prepare", prepare);
}

type Comparison = fn() -> Ratio;

/// A wrong code, one step either side, against `check` of `totp-rs`.
fn miss(algorithm: Algorithm) -> Ratio {
    wrong_code(&Otp::new(algorithm, 1))
}

/// A wrong code, fifty steps either side, against `check` of `totp-rs` with that skew.
fn resync() -> Ratio {
    wrong_code(&Otp::new(Algorithm::Sha1, 50))
}

fn wrong_code(otp: &Otp) -> Ratio {
    ratio(
        repeated(|| _ = black_box(otp.ours(black_box(&otp.wrong)))),
        repeated(|| _ = black_box(otp.theirs(black_box(&otp.wrong)))),
    )
}

/// The current step's code, one step either side, against `check` of `totp-rs`, which stops at it.
fn hit() -> Ratio {
    let otp = Otp::new(Algorithm::Sha1, 1);
    ratio(
        repeated(|| _ = black_box(otp.ours(black_box(&otp.right)))),
        repeated(|| _ = black_box(otp.theirs(black_box(&otp.right)))),
    )
}

/// A wrong code, one step either side, against the eight compressions it is made of, one after the other.
fn floor() -> Ratio {
    let otp = Otp::new(Algorithm::Sha1, 1);
    ratio(repeated(|| _ = black_box(otp.ours(black_box(&otp.wrong)))), repeated(sha1_compressions::<8>))
}

/// A whole login over memory, from a right code to an assertion, against the least that a host of its own would do: open
/// a key, `check` of `totp-rs`, seal the key.
fn login() -> Ratio {
    let mut login = Login::new(SystemRandom);
    let (otp, mut sealed) = (Otp::new(Algorithm::Sha1, 1), Sealed::new());
    ratio(
        |runs| {
            let runs = runs.min(LOGINS_AT_ONCE);
            login.prepare(runs);
            nanoseconds_each(runs, || drop(black_box(login.verify())))
        },
        repeated(|| {
            let key = sealed.open();
            assert!(black_box(otp.theirs(black_box(&otp.right))).is_some());
            sealed.seal(key);
        }),
    )
}

/// A decision about a subject in three of ten classes, against four compressions of SHA-1.
fn decide() -> Ratio {
    let decided = Decided::new();
    let now = UnixSeconds::new(1_800_000_000);
    ratio(
        repeated(|| _ = black_box(black_box(&decided).decide(black_box(now)))),
        repeated(sha1_compressions::<4>),
    )
}

/// Whether a text may go to a number, from its text to the verdict, for a number of each of thirteen regions, against the
/// full check of `rlibphonenumber` (read, valid, region, type), which has compiled its patterns before.
fn classify() -> Ratio {
    let texted = Texted::new();
    let decision = texted.decide();
    ratio(
        repeated(|| {
            for text in phone::NUMBERS {
                _ = black_box(texted.ours(black_box(&decision), black_box(text)));
            }
        }),
        repeated(|| {
            for text in phone::NUMBERS {
                _ = black_box(phone::theirs(black_box(text)));
            }
        }),
    )
}

/// The plans of thirteen regions, from nothing, against `phonenumber`'s loading of the metadata that they are made of. A
/// process does either once, so that each is measured in processes of its own.
fn prepare() -> Ratio {
    ratio_of_few(|_| once("plan"), |_| once("metadata"))
}

/// Starts this program for one measurement of its own.
fn once(what: &str) -> f64 {
    let program = std::env::current_exe().expect("this program has a file");
    let output = Command::new(program).args(["once", what]).output().expect("it starts again");
    let printed = str::from_utf8(&output.stdout).expect("it prints text");
    printed.trim().parse().expect("it prints nanoseconds")
}

/// The processor, as the system calls it.
fn machine() -> String {
    let known = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = known.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model);
    let threads = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{model}, {threads} threads, {}", std::env::consts::OS)
}
