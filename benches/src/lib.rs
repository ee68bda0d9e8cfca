//! What the benchmarks and the comparison measure, each made ready once and then run any number of times.
//!
//! `cargo run --release -p mfa-benches -- compare` prints ratios to take part in a decision by: both sides of each are
//! measured in turns within one run, since absolute times drift on a shared machine. `cargo bench -p mfa-benches`
//! prints absolute times.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a measurement of something that did not work must stop"
)]

pub mod login;
pub mod otp;
pub mod phone;
pub mod policy;
pub mod raw;
