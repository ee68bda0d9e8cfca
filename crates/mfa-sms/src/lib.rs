//! Composing and sending the text message that carries a one-time code.
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
