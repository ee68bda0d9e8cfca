//! What does it cost to show a key: from its otpauth URI to an SVG image, and to terminal text?
#![forbid(unsafe_code)]

use criterion::Criterion;
use mfa_benches::login::shown;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let pending = shown();
    criterion.bench_function("qr/modules", |b| b.iter(|| pending.qr()));
    criterion.bench_function("qr/svg", |b| b.iter(|| pending.qr().svg()));
    criterion.bench_function("qr/terminal", |b| b.iter(|| pending.qr().terminal()));
    criterion.final_summary();
}
