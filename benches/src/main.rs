//! `compare` prints how long our work takes as a ratio to a reference, both measured in turns in one run.
//!
//!     cargo run --release -p mfa-benches -- compare
//!
//! Each comparison is a line `ratio NAME MEDIAN`, ours over the reference's, so that below 1 is faster, and a line
//! `range NAME LEAST to MOST` with the rounds it was found from and both times.
//!
//! `once plan` and `once metadata` print how many nanoseconds a thing took that a process does once; `compare` starts them.
//!
//! `timing` prints whether a comparison's time tells where it matched; `leak.rs` says how to read that.
#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "sums of a measurement, over lists that are never empty"
)]

mod compare;
mod leak;
mod timing;

use std::process::ExitCode;

use mfa_benches::phone;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let measure: fn() = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["compare"] => compare::run,
        ["timing"] => leak::run,
        ["once", "plan"] => || println!("{}", phone::prepare()),
        ["once", "metadata"] => || println!("{}", phone::load_metadata()),
        _ => {
            eprintln!("usage: cargo run --release -p mfa-benches -- compare|timing|once plan|once metadata");
            return ExitCode::from(2);
        }
    };
    if cfg!(debug_assertions) {
        eprintln!("a build without --release measures nothing of use");
        return ExitCode::from(2);
    }
    measure();
    ExitCode::SUCCESS
}
