//! `otpauth://` URIs: strict when we write them, lenient but bounded when we read other people's.
//!
//! The URI is the key in another form: whoever sees it computes every code. It belongs in the page that enrolls and
//! nowhere else, no log, no address bar, no third-party QR service. Errors of this module hold no part of it.
//!
//! # Source
//! There is no RFC. The Key URI Format page of Google Authenticator is the operative text, the individual draft
//! draft-linuxgemini-otpauth-uri the most recent one; where software disagrees with either, the reading rules of
//! [`OtpAuthImport::parse`] say what we do.

mod query;
mod read;
mod write;

pub use read::{ImportWarning, InvalidOtpAuth, KeyFloor, MAX_URI_LENGTH, OtpAuthImport};
pub use write::{InvalidLabel, OtpAuthUri};

use crate::time::Period;

/// What makes the next code differ from the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MovingFactor {
    /// Time: TOTP.
    Time(Period),
    /// A counter, and the value it has now: HOTP.
    Counter(u64),
}
