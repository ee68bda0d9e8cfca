//! Composing and sending the text message that carries a one-time code.
//!
//! ```
//! use mfa_core::{algorithm::Digits, code::Code, phone::PhoneNumber, time::UnixSeconds};
//! use mfa_sms::text::{Brand, Language, OriginHost, Purpose, Text};
//! use mfa_sms::{IdempotencyKey, MemorySender, SmsSender, TextMessage};
//!
//! # pollster::block_on(async {
//! let text = Text::new(Brand::parse("Example")?, OriginHost::parse("login.example.com")?);
//! let code = Code::parse("012345", Digits::SIX)?; // or Code::draw
//!
//! let message = TextMessage::new(
//!     PhoneNumber::parse("+12015550123")?,
//!     text.compose(&code, &Purpose::SignIn, Language::negotiate(["es-MX", "en"])),
//!     IdempotencyKey::from_bytes([7; 16]), // or IdempotencyKey::draw
//!     UnixSeconds::new(1_700_000_300),
//! );
//! let sender = MemorySender::new(); // or Twilio, Vonage, Aws, Outbox, Failover
//! match sender.send(&message).await {
//!     Ok(receipt) => assert_eq!(receipt.provider(), "memory"), // keep it for `feedback`
//!     Err(error) if error.is_definite() => panic!("nothing was sent: give the budget back"),
//!     Err(_) => panic!("sent or not: the code stays valid, the budget stays spent"),
//! }
//! let sent = sender.sent();
//! assert!(sent.iter().all(|kept| kept.body().expose().ends_with("@login.example.com #012345")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it does
//! | item | holds |
//! | --- | --- |
//! | [`text`] | the words in six languages, the origin-bound last line, counting segments |
//! | [`SmsSender`], [`DynSmsSender`] | what a sender is, and its twin for `dyn` |
//! | [`SendError`] | whether nothing was sent for certain, and whether another provider may be tried |
//! | [`Failover`] | one provider after another, each at most once |
//! | `Twilio`, `Vonage`, `Aws` | three providers, each behind its feature |
//! | `TwilioWebhook`, `VonageWebhook` | [`DeliveryReport`]s out of webhooks whose signature was verified |
//! | `Outbox`, [`MemorySender`] | for developing and for tests; both keep codes that work |
//!
//! # What it does not do
//! It decides nothing: who may be texted is for the policy, how often for the budgets, and both are asked before a
//! message is handed to it. It never tries twice with one provider, stores nothing, and logs nothing. It draws no code
//! and checks none. A text can be read by the carrier, by whoever holds the SIM card now, and on a locked screen; that
//! is why SMS is the *restricted* authenticator of NIST SP 800-63B-4 (3.2.9), and no wording here changes it.
//!
//! None of the three providers drops a second request with the same idempotency key. A message whose outcome is not
//! known may therefore come twice when [`Failover`] goes on; both carry the same code.
//!
//! # What the senders hold to
//! - HTTPS with the certificates the host trusts; plain HTTP to a loopback host only. No redirect, no proxy.
//! - 3 seconds to connect, 5 more for the answer, of which at most 64 KiB is read; [`SendError::Ambiguous`] for whatever
//!   is not a clear answer, [`SendError::Transport`] only if no byte of the request can have gone out.
//! - No error, and no `Debug` of any type, holds a code, a text, a whole number or a credential. Error numbers of six
//!   digits are left out, since a provider may repeat what it was sent.
//! - Secrets are wiped when they are dropped. The copies in the HTTP client's and the kernel's buffers are not reached,
//!   and the provider keeps the text for as long as its settings say.
//!
//! # Features
//! All are off by default; without any, this crate brings 20 packages, 5 of them only to build.
//! - `twilio`, `vonage`, `aws`: 42 packages more, the same ones for all three (hyper, rustls with ring, Tokio); beside
//!   an axum server 17 of them are new. Their futures need a Tokio runtime with time and I/O.
//! - `outbox`: 5 packages more (serde_json).
//!
//! # Source
//! Origin-bound one-time codes: <https://wicg.github.io/sms-one-time-codes/>. Alphabet and segments: 3GPP TS 23.038
//! (GSM 03.38). Each sender names its provider's pages.
#![forbid(unsafe_code)]

#[cfg(feature = "aws")]
mod aws;
mod error;
mod failover;
#[cfg(any(feature = "aws", feature = "twilio", feature = "vonage"))]
mod http;
mod memory;
mod message;
#[cfg(feature = "outbox")]
mod outbox;
mod sender;
mod status;
pub mod text;
#[cfg(feature = "twilio")]
mod twilio;
#[cfg(feature = "vonage")]
mod vonage;

#[cfg(feature = "aws")]
pub use aws::{Aws, AwsCredentials};
pub use error::{Answer, ConfigError, SendError};
pub use failover::Failover;
#[cfg(any(feature = "aws", feature = "twilio", feature = "vonage"))]
pub use http::{Clock, Endpoint, HttpClient, Secret};
pub use memory::{MemorySender, SentMessage};
pub use message::{IdempotencyKey, InvalidBody, InvalidMessageId, MessageBody, Receipt, TextMessage};
#[cfg(feature = "outbox")]
pub use outbox::Outbox;
pub use sender::{Conversion, DynSmsSender, SmsSender};
pub use status::{DeliveryReport, DeliveryStatus, StatusError};
#[cfg(feature = "twilio")]
pub use twilio::{Twilio, TwilioOrigin, TwilioWebhook};
#[cfg(feature = "vonage")]
pub use vonage::{Vonage, VonageWebhook};
