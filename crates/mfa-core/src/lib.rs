//! The pure heart of `mfa`: one-time passwords, recovery codes, otpauth URIs, throttling, time and identifiers.
//!
//! Nothing in this crate does I/O, reads a clock, draws from a global random source or needs `std`. Time and
//! randomness are arguments; a value that exists is valid; a secret wipes itself and never shows in `Debug`.
//!
//! # What it does
//! | module | holds |
//! | --- | --- |
//! | [`totp`] | codes from time; [`totp::scan`], which accepts each step at most once; resynchronising; drift |
//! | [`hotp`] | codes from a counter, with a look-ahead |
//! | [`key`], [`base32`] | the shared key and how it is written |
//! | [`code`] | a code as it is typed, and drawing one for sending |
//! | [`phone`] | a phone number in international form |
//! | [`otpauth`] | writing and reading `otpauth://` URIs |
//! | [`recovery`] | recovery codes and their digests |
//! | [`throttle`] | when a guess may be compared, and when no more may |
//! | [`algorithm`], [`time`], [`id`] | hashes and code lengths, moments and steps, identifiers |
//!
//! # What it does not do
//! It stores nothing, so it cannot by itself keep two simultaneous requests from using one code: whoever calls it
//! commits the accepted step, or the counted failure, before answering. The crate `mfa` does. It protects no memory
//! beyond wiping its own secrets when they are dropped; the copies that moving a value leaves behind are not reached.
//! Comparisons of secrets take the same time whatever the secrets are, as far as the compiler and the processor honour
//! what `subtle` asks of them.
//!
//! # Examples
//! ```
//! use mfa_core::code::Code;
//! use mfa_core::key::SharedKey;
//! use mfa_core::time::UnixSeconds;
//! use mfa_core::totp::{self, Scan, TotpParameters, Window};
//!
//! let key = SharedKey::from_bytes(b"12345678901234567890")?; // or SharedKey::generate
//! let parameters = TotpParameters::DEFAULT;
//! let last_used = None;
//!
//! let code = Code::parse("287 082", parameters.digits())?;
//! let centre = parameters.step_at(UnixSeconds::new(59));
//! match totp::scan(&key, &parameters, &code, centre, Window::DEFAULT, last_used) {
//!     Scan::Fresh(step) => assert_eq!(step.get(), 1), // store the step, then accept
//!     Scan::Used => panic!("right, but used: wait for the next code"),
//!     _ => panic!("wrong"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//! - `totp-rs`: conversions to and from `totp_rs::Totp` (six more crates). Off by default.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod error;
mod mac;

pub mod algorithm;
pub mod base32;
pub mod code;
pub mod hotp;
pub mod id;
#[cfg(feature = "totp-rs")]
pub mod interop;
pub mod key;
pub mod otpauth;
pub mod phone;
pub mod recovery;
pub mod throttle;
pub mod time;
pub mod totp;
