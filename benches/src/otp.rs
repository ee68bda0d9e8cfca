//! One code looked for in a window: ours and that of `totp-rs`, with the same key.

use mfa_core::algorithm::{Algorithm, Digits};
use mfa_core::code::Code;
use mfa_core::key::SharedKey;
use mfa_core::time::{Period, UnixSeconds};
use mfa_core::totp::{self, Scan, TotpParameters, Window};
use totp_rs::{Builder, Secret, Totp};

/// When it is looked for.
const NOW: UnixSeconds = UnixSeconds::new(1_800_000_015);

/// The same authenticator for both, and two codes for them.
#[derive(Debug)]
pub struct Otp {
    key: SharedKey,
    parameters: TotpParameters,
    window: Window,
    theirs: Totp,
    /// The code of the current step.
    pub right: String,
    /// A code of no step in the window.
    pub wrong: String,
}

impl Otp {
    /// A key of the algorithm's own length, six digits, thirty seconds, `reach` steps either side.
    pub fn new(algorithm: Algorithm, reach: u8) -> Self {
        let bytes: Vec<u8> = (1_u8..=64).take(algorithm.key_length()).collect();
        let key = SharedKey::from_bytes(&bytes).unwrap();
        let parameters = TotpParameters::new(algorithm, Digits::SIX, Period::THIRTY_SECONDS);
        let theirs = Builder::new()
            .with_secret(Secret::new(bytes.into_boxed_slice()))
            .with_algorithm(match algorithm {
                Algorithm::Sha256 => totp_rs::Algorithm::SHA256,
                Algorithm::Sha512 => totp_rs::Algorithm::SHA512,
                _ => totp_rs::Algorithm::SHA1,
            })
            .with_digits(6)
            .with_step_duration(30)
            .with_skew(u16::from(reach))
            .build()
            .unwrap();
        let window = Window::new(reach, reach).unwrap();
        let right = totp::generate(&key, &parameters, parameters.step_at(NOW)).expose().to_owned();
        let mut otp = Self { key, parameters, window, theirs, right, wrong: String::new() };
        let mut candidates = (0..1_000_000).map(|number| format!("{number:06}"));
        otp.wrong = candidates.find(|code| otp.theirs(code).is_none()).unwrap();
        assert_eq!(otp.ours(&otp.wrong), Scan::Wrong);
        assert!(matches!(otp.ours(&otp.right), Scan::Fresh(_)) && otp.theirs(&otp.right).is_some());
        otp
    }

    /// Our parser and our scan: every step of the window, whichever matches.
    pub fn ours(&self, typed: &str) -> Scan {
        let code = Code::parse(typed, self.parameters.digits()).unwrap();
        totp::scan(&self.key, &self.parameters, &code, self.parameters.step_at(NOW), self.window, None)
    }

    /// `check` of `totp-rs`, which parses too, and stops at a match.
    pub fn theirs(&self, typed: &str) -> Option<u64> {
        self.theirs.check(typed, NOW.get())
    }
}
