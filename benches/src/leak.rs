//! Whether how long a comparison takes tells where it matched: Welch's t-test over two classes of input.
//!
//!     cargo run --release -p mfa-benches -- timing
//!
//! Each line is `timing NAME t T`, the largest of the tests over all samples and over those below some percentiles, since
//! the slow ones are interrupted by other work and hide what is small. Above 4.5 something is likely to be there, above
//! 10 certainly. The last lines are controls, comparisons that stop early: they must stand far above 10, or the machine
//! was too busy to see anything.
//!
//! # Source
//! O. Reparaz, J. Balasch, I. Verbauwhede, "Dude, is my code constant time?", 2017.

use std::hint::black_box;

use mfa_core::algorithm::{Algorithm, Digits};
use mfa_core::code::Code;
use mfa_core::key::SharedKey;
use mfa_core::recovery::RecoveryDigest;
use mfa_core::time::{Period, TimeStep};
use mfa_core::totp::{self, Scan, TotpParameters, Window};

use crate::timing::nanoseconds_each;

/// Measures every pair of classes and prints a line for each as it is known.
pub(crate) fn run() {
    let scans = Scans::new();
    for (name, one, other) in SCANS {
        let codes = [one, other].map(|step| scans.code(step));
        report(name, |class| {
            let code = scans.parsed(&codes[class]);
            nanoseconds_each(RUNS, || _ = black_box(scans.scan(black_box(&code))))
        });
    }
    let digests: Vec<RecoveryDigest> = (1..=10).map(|n| RecoveryDigest::from_bytes([n; 32])).collect();
    for (name, one, other) in FINDS {
        report(name, |class| {
            let wanted = RecoveryDigest::from_bytes(black_box([one, other][class]));
            nanoseconds_each(RUNS, || _ = black_box(RecoveryDigest::find(black_box(&digests), &wanted)))
        });
    }
    let codes = [CENTRE - 1, CENTRE + 1].map(|step| scans.code(step));
    report("control_scan_first_or_last_step", |class| {
        let code = scans.parsed(&codes[class]);
        nanoseconds_each(RUNS, || _ = black_box(scans.stop_early(black_box(&code))))
    });
    report("control_find_first_or_last_digest", |class| {
        let wanted = black_box([[1_u8; 32], [10; 32]][class]);
        nanoseconds_each(RUNS, || _ = black_box(digests.iter().position(|one| *one.as_bytes() == wanted)))
    });
}

const CENTRE: u64 = 60_000_000;

/// The steps that the codes of the two classes belong to. The window is one step either side.
const SCANS: [(&str, u64, u64); 4] = [
    ("scan_first_or_last_step", CENTRE - 1, CENTRE + 1),
    ("scan_first_step_or_none", CENTRE - 1, CENTRE + 2),
    ("scan_last_step_or_none", CENTRE + 1, CENTRE + 2),
    ("scan_same_step", CENTRE, CENTRE),
];

/// The digests that the two classes look for, among ten.
const FINDS: [(&str, [u8; 32], [u8; 32]); 3] = [
    ("find_first_or_last_digest", [1; 32], [10; 32]),
    ("find_first_digest_or_none", [1; 32], [0; 32]),
    ("find_same_digest", [1; 32], [1; 32]),
];

struct Scans {
    key: SharedKey,
    parameters: TotpParameters,
}

impl Scans {
    fn new() -> Self {
        let parameters = TotpParameters::new(Algorithm::Sha1, Digits::SIX, Period::THIRTY_SECONDS);
        Self { key: SharedKey::from_bytes(b"12345678901234567890").expect("twenty bytes"), parameters }
    }

    fn code(&self, step: u64) -> String {
        totp::generate(&self.key, &self.parameters, TimeStep::new(step)).expose().to_owned()
    }

    /// Made anew for each measurement, so that both classes stand at one address.
    fn parsed(&self, code: &str) -> Code {
        Code::parse(black_box(code), Digits::SIX).expect("six digits")
    }

    fn scan(&self, code: &Code) -> Scan {
        totp::scan(&self.key, &self.parameters, code, TimeStep::new(CENTRE), Window::DEFAULT, None)
    }

    fn stop_early(&self, code: &Code) -> Option<u64> {
        (CENTRE - 1..=CENTRE + 1).find(|step| {
            totp::generate(&self.key, &self.parameters, TimeStep::new(*step)).expose() == code.expose()
        })
    }
}

/// How many measurements of each comparison, and how often it runs within one.
const SAMPLES: usize = 200_000;
const RUNS: u32 = 4;

fn report(name: &str, measure: impl FnMut(usize) -> f64) {
    let samples = samples(measure);
    let t = largest_t(&samples);
    let means = samples.map(|class| class.iter().sum::<f64>() / class.len() as f64);
    println!("timing {name} t {t:.1} ({SAMPLES} samples, means {:.1} and {:.1} ns)", means[0], means[1]);
}

/// Measures the two classes in an order that nothing else on the machine can follow.
fn samples(mut measure: impl FnMut(usize) -> f64) -> [Vec<f64>; 2] {
    let (mut classes, mut state) = ([Vec::new(), Vec::new()], 0x9e37_79b9_7f4a_7c15_u64);
    for _ in 0..SAMPLES {
        // Xorshift: as good as any for tossing a coin.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let class = usize::from(state >> 63 == 1);
        classes[class].push(measure(class));
    }
    classes
}

fn largest_t(samples: &[Vec<f64>; 2]) -> f64 {
    let mut all = samples.concat();
    all.sort_by(f64::total_cmp);
    let limits = [50, 75, 90, 95, 99, 100].map(|percent| all[(all.len() - 1) * percent / 100]);
    let below =
        |limit: f64| samples.each_ref().map(|class| Moments::of(class.iter().filter(|time| **time <= limit)));
    limits.map(|limit| welch(&below(limit)).abs()).into_iter().fold(0.0, f64::max)
}

fn welch([one, other]: &[Moments; 2]) -> f64 {
    let spread = one.variance / one.count + other.variance / other.count;
    if spread > 0.0 { (one.mean - other.mean) / spread.sqrt() } else { 0.0 }
}

struct Moments {
    count: f64,
    mean: f64,
    variance: f64,
}

impl Moments {
    fn of<'a>(times: impl Iterator<Item = &'a f64> + Clone) -> Self {
        let count = times.clone().count() as f64;
        let mean = times.clone().sum::<f64>() / count;
        let squares: f64 = times.map(|time| (time - mean).powi(2)).sum();
        Self { count, mean, variance: squares / (count - 1.0) }
    }
}
