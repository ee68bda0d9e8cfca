//! What a provider's webhook reports about a message.

use crate::message::{InvalidMessageId, checked_id};

/// A provider's word on a message it took, read from a webhook whose signature was verified.
///
/// Reports come late, twice, out of order or not at all; treat them as a hint. They never decide whether a code is
/// right.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeliveryReport {
    provider: &'static str,
    message_id: Box<str>,
    status: DeliveryStatus,
    error_code: Option<u32>,
}

impl DeliveryReport {
    /// A report of `provider` on `message_id`. An error number of six digits or more is left out: it could be a code.
    ///
    /// # Errors
    /// [`InvalidMessageId`] unless the id is 1 to 128 visible ASCII characters.
    pub fn new(
        provider: &'static str,
        message_id: &str,
        status: DeliveryStatus,
        error_code: Option<u32>,
    ) -> Result<Self, InvalidMessageId> {
        let error_code = error_code.filter(|code| (1..=99_999).contains(code));
        checked_id(message_id).map(|message_id| Self { provider, message_id, status, error_code })
    }

    /// Which provider reports.
    pub fn provider(&self) -> &'static str {
        self.provider
    }

    /// The message, as its [`Receipt`](crate::Receipt) names it.
    pub fn message_id(&self) -> &str {
        &self.message_id
    }

    /// How far it got.
    pub fn status(&self) -> DeliveryStatus {
        self.status
    }

    /// The provider's error number, when it failed.
    pub fn error_code(&self) -> Option<u32> {
        self.error_code
    }
}

/// How far a message got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeliveryStatus {
    /// With the provider.
    Accepted,
    /// With the carrier.
    Sent,
    /// On the handset, says the carrier.
    Delivered,
    /// Given up: it will not arrive.
    Failed,
    /// A status this version does not know.
    Unknown,
}

/// A webhook request that must not be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatusError {
    /// Over 64 KiB; not read.
    #[error("reading a delivery report: longer than its limit")]
    TooLong,
    /// The signature is missing, malformed or wrong.
    #[error("reading a delivery report: the signature is not the provider's")]
    Signature,
    /// Signed, but not a delivery report.
    #[error("reading a delivery report: malformed")]
    Malformed,
}

/// The longest webhook body that is read, in bytes.
#[cfg(any(feature = "twilio", feature = "vonage"))]
pub(crate) const LONGEST_REPORT: usize = 64 * 1024;
