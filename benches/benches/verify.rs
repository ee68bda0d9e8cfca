//! What does one typed code cost, wrong or right, by algorithm, and what would it cost with `totp-rs`?
#![forbid(unsafe_code)]

use std::hint::black_box;

use criterion::Criterion;
use mfa_benches::otp::Otp;
use mfa_core::algorithm::Algorithm;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512] {
        let otp = Otp::new(algorithm, 1);
        let mut group = criterion.benchmark_group(format!("verify/{}", algorithm.name()));
        for (name, code) in [("miss", &otp.wrong), ("hit", &otp.right)] {
            group.bench_function(format!("{name}/mfa"), |b| b.iter(|| otp.ours(black_box(code))));
            group.bench_function(format!("{name}/totp-rs"), |b| b.iter(|| otp.theirs(black_box(code))));
        }
        group.finish();
    }
    criterion.final_summary();
}
