//! Composing and sending the text message that carries a one-time code.
#![forbid(unsafe_code)]

mod error;
mod failover;
mod memory;
mod message;
#[cfg(feature = "outbox")]
mod outbox;
mod sender;
mod status;
pub mod text;

pub use error::{Answer, ConfigError, SendError};
pub use failover::Failover;
pub use memory::{MemorySender, SentMessage};
pub use message::{IdempotencyKey, InvalidBody, InvalidMessageId, MessageBody, Receipt, TextMessage};
#[cfg(feature = "outbox")]
pub use outbox::Outbox;
pub use sender::{Conversion, DynSmsSender, SmsSender};
pub use status::{DeliveryReport, DeliveryStatus, StatusError};
