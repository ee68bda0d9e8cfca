//! The scan of a window agrees with a loop over the steps of the window that asks what code each has.
#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use mfa_core::algorithm::{Algorithm, Digits};
use mfa_core::code::Code;
use mfa_core::key::SharedKey;
use mfa_core::time::{Period, TimeStep};
use mfa_core::totp::{self, Scan, TotpParameters, Window};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    centre: u64,
    /// Kept low: each step costs, and a wide window has no case of its own.
    past: u8,
    future: u8,
    algorithm: u8,
    digits: u8,
    /// The last used step, as a distance from the centre.
    after: Option<i8>,
    typed: Typed,
    key: &'a [u8],
}

#[derive(Arbitrary, Debug)]
enum Typed {
    /// The code of the step this far from the centre.
    OfStep(i8),
    /// Any number, nearly always wrong.
    Number(u32),
}

fuzz_target!(|input: Input<'_>| {
    let Ok(key) = SharedKey::danger_any_length(input.key) else { return };
    let algorithm = [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512][usize::from(input.algorithm % 3)];
    let digits = [Digits::SIX, Digits::SEVEN, Digits::EIGHT][usize::from(input.digits % 3)];
    let parameters = TotpParameters::new(algorithm, digits, Period::THIRTY_SECONDS);
    let window = Window::new(input.past % 12, input.future % 12).expect("within bounds");
    let centre = TimeStep::new(input.centre);
    let after = input.after.map(|distance| centre.offset(distance.into()));
    let code = match input.typed {
        Typed::OfStep(distance) => totp::generate(&key, &parameters, centre.offset(distance.into())),
        Typed::Number(number) => {
            let (width, modulus) = (usize::from(digits.get()), 10_u32.pow(digits.get().into()));
            Code::parse(&format!("{:0width$}", number % modulus), digits).expect("digits")
        }
    };

    let found = totp::scan(&key, &parameters, &code, centre, window, after);
    assert_eq!(found, by_hand(&key, &parameters, &code, centre, window, after));
});

fn by_hand(
    key: &SharedKey,
    parameters: &TotpParameters,
    code: &Code,
    centre: TimeStep,
    window: Window,
    after: Option<TimeStep>,
) -> Scan {
    let mut found = Scan::Wrong;
    for distance in -i128::from(window.past())..=i128::from(window.future()) {
        let Ok(step) = u64::try_from(i128::from(centre.get()) + distance) else { continue };
        let step = TimeStep::new(step);
        if totp::generate(key, parameters, step).expose() == code.expose() {
            if after.is_none_or(|used| step > used) {
                found = Scan::Fresh(step);
            } else if found == Scan::Wrong {
                found = Scan::Used;
            }
        }
    }
    found
}
