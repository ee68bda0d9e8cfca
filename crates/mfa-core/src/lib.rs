//! The pure heart of `mfa`: one-time passwords, recovery codes, otpauth URIs, throttling, time and identifiers.
//!
//! Nothing in this crate does I/O, reads a clock, draws from a global random source or needs `std`. Time and
//! randomness are arguments; a value that exists is valid; a secret wipes itself and never shows in `Debug`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod id;
pub mod time;
