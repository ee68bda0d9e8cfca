//! What does a decision cost that three of ten classes take part in, and reading such a policy?
#![forbid(unsafe_code)]

use std::hint::black_box;

use criterion::Criterion;
use mfa_benches::policy::Decided;
use mfa_core::time::UnixSeconds;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let decided = Decided::new();
    let now = UnixSeconds::new(1_800_000_000);
    criterion.bench_function("policy/decide", |b| b.iter(|| _ = black_box(decided.decide(black_box(now)))));
    criterion.bench_function("policy/read", |b| b.iter(Decided::new));
    criterion.final_summary();
}
