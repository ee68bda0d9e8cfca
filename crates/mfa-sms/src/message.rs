//! What is handed to a sender, and what it hands back.

use std::fmt;

use mfa_core::phone::PhoneNumber;
use mfa_core::time::UnixSeconds;
use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

/// One text to one number, worth sending until its code expires.
#[derive(Debug)]
pub struct TextMessage {
    to: PhoneNumber,
    body: MessageBody,
    idempotency_key: IdempotencyKey,
    expires_at: UnixSeconds,
}

impl TextMessage {
    /// A message. `expires_at` is when its code stops being accepted; a sender refuses to send it from then on, and
    /// asks the provider, where the provider listens, to give up by then.
    pub fn new(
        to: PhoneNumber,
        body: MessageBody,
        idempotency_key: IdempotencyKey,
        expires_at: UnixSeconds,
    ) -> Self {
        Self { to, body, idempotency_key, expires_at }
    }

    /// Whom it is for.
    pub fn to(&self) -> &PhoneNumber {
        &self.to
    }

    /// What it says.
    pub fn body(&self) -> &MessageBody {
        &self.body
    }

    /// Names this message, whoever sends it and however often it is tried.
    pub fn idempotency_key(&self) -> IdempotencyKey {
        self.idempotency_key
    }

    /// When its code stops being accepted.
    pub fn expires_at(&self) -> UnixSeconds {
        self.expires_at
    }
}

/// The words of a text, code included: 1 to 1000 characters. A secret: wiped on drop, never shown.
///
/// The copies an HTTP client and the kernel make on the way out are not reached by the wiping.
pub struct MessageBody(Zeroizing<String>);

impl MessageBody {
    /// The most characters a body has; the smallest limit among the providers (Vonage's).
    pub const MAX_CHARACTERS: usize = 1000;

    /// Takes a text as it is. [`Text`](crate::text::Text) composes one.
    ///
    /// # Errors
    /// [`InvalidBody`] when it is empty or over 1000 characters.
    pub fn new(text: &str) -> Result<Self, InvalidBody> {
        match text.chars().take(Self::MAX_CHARACTERS.saturating_add(1)).count() {
            1..=Self::MAX_CHARACTERS => Ok(Self(Zeroizing::new(text.to_owned()))),
            _ => Err(InvalidBody),
        }
    }

    /// A body that is within the limit by construction.
    pub(crate) fn composed(text: Zeroizing<String>) -> Self {
        Self(text)
    }

    /// Borrows the text, for sending it. Searching for `expose` finds every use.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for MessageBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MessageBody(..)")
    }
}

/// A text that is empty or longer than 1000 characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a text message has 1 to 1000 characters")]
#[non_exhaustive]
pub struct InvalidBody;

/// 128 bits that name one message, shown as 32 lower-case hexadecimal digits. No secret: it authorises nothing.
///
/// Where a provider takes a reference it is sent along (Vonage's `client_ref`, AWS's `Context`); none of the three
/// promises to drop a second request with the same one, so it is for finding duplicates, not for preventing them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey([u8; 16]);

impl IdempotencyKey {
    /// Draws a new one.
    ///
    /// # Errors
    /// Whatever the random source reports; there is no fall-back.
    pub fn draw<R: TryCryptoRng + ?Sized>(rng: &mut R) -> Result<Self, R::Error> {
        let mut bytes = [0; 16];
        rng.try_fill_bytes(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// The key with these bytes, such as those of the challenge the code belongs to.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdempotencyKey({self})")
    }
}

/// A provider took the message. It says nothing of whether the text arrived; that comes by the provider's webhook.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Receipt {
    provider: &'static str,
    message_id: Box<str>,
}

impl Receipt {
    /// The longest message id that is kept, in bytes.
    pub const MAX_ID_LENGTH: usize = 128;

    /// A receipt of `provider`, which calls the message `message_id`.
    ///
    /// # Errors
    /// [`InvalidMessageId`] unless the id is 1 to 128 visible ASCII characters.
    pub fn new(provider: &'static str, message_id: &str) -> Result<Self, InvalidMessageId> {
        checked_id(message_id).map(|message_id| Self { provider, message_id })
    }

    /// Which provider took it: the `PROVIDER` of the sender.
    pub fn provider(&self) -> &'static str {
        self.provider
    }

    /// What the provider calls the message.
    pub fn message_id(&self) -> &str {
        &self.message_id
    }
}

/// A message id that is empty, over 128 bytes, or holds something other than visible ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message id has 1 to 128 visible ASCII characters")]
#[non_exhaustive]
pub struct InvalidMessageId;

pub(crate) fn checked_id(id: &str) -> Result<Box<str>, InvalidMessageId> {
    let fits = (1..=Receipt::MAX_ID_LENGTH).contains(&id.len());
    if fits && id.bytes().all(|byte| byte.is_ascii_graphic()) { Ok(id.into()) } else { Err(InvalidMessageId) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_1_to_1000_characters() {
        assert_eq!(MessageBody::new("").unwrap_err(), InvalidBody);
        assert!(MessageBody::new(&"驗".repeat(1000)).is_ok());
        assert_eq!(MessageBody::new(&"a".repeat(1001)).unwrap_err(), InvalidBody);
    }

    #[test]
    fn a_key_is_shown_as_32_digits() {
        let key = IdempotencyKey::from_bytes([0xA0; 16]);
        assert_eq!(key.to_string(), "a0".repeat(16));
        assert_eq!(format!("{key:?}"), format!("IdempotencyKey({key})"));
    }

    #[test]
    fn a_message_id_is_bounded_and_visible() {
        assert!(Receipt::new("test", &"a".repeat(128)).is_ok());
        for id in ["", "a b", "a\n", "é", &"a".repeat(129)] {
            assert_eq!(Receipt::new("test", id), Err(InvalidMessageId), "{id:?}");
        }
    }

    #[test]
    fn inv_10_a_message_shows_neither_its_text_nor_its_number() {
        let message = TextMessage::new(
            PhoneNumber::parse("+12015550123").unwrap(),
            MessageBody::new("123456 is your code").unwrap(),
            IdempotencyKey::from_bytes([7; 16]),
            UnixSeconds::new(9),
        );
        let shown = format!("{message:?}");
        assert!(!shown.contains("123456") && !shown.contains("5550"), "{shown}");
    }
}
