//! A sender that keeps what it is given, for tests.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mfa_core::phone::PhoneNumber;

use crate::{Conversion, IdempotencyKey, MessageBody, Receipt, SendError, SmsSender, TextMessage};

/// Keeps every message instead of sending it, and fails when told to. Clones share what is kept.
///
/// For tests: whoever can reach it can read every code.
#[derive(Clone, Default)]
pub struct MemorySender(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    sent: Vec<Arc<SentMessage>>,
    failures: VecDeque<SendError>,
    feedback: Vec<(Receipt, Conversion)>,
}

impl MemorySender {
    /// What its receipts say.
    pub const PROVIDER: &'static str = "memory";

    /// With nothing kept.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next `times` messages fail with `error`, after those that were told to fail before. Nothing is kept of a
    /// message that fails for certain; one that fails as [`SendError::Ambiguous`] is kept, as it may be in life.
    pub fn fail_next(&self, times: usize, error: SendError) {
        self.state().failures.extend(std::iter::repeat_n(error, times));
    }

    /// What was sent, oldest first.
    pub fn sent(&self) -> Vec<Arc<SentMessage>> {
        self.state().sent.clone()
    }

    /// The feedback that was given, oldest first.
    pub fn feedback_given(&self) -> Vec<(Receipt, Conversion)> {
        self.state().feedback.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner) // each change is one push or pop
    }
}

#[deny(clippy::missing_trait_methods)]
impl SmsSender for MemorySender {
    async fn send(&self, text: &TextMessage) -> Result<Receipt, SendError> {
        let mut state = self.state();
        let failure = state.failures.pop_front();
        if failure.is_none_or(|error| !error.is_definite()) {
            state.sent.push(Arc::new(SentMessage::of(text)));
        }
        match failure {
            Some(error) => Err(error),
            None => Receipt::new(Self::PROVIDER, &text.idempotency_key().to_string())
                .map_err(|_| SendError::Ambiguous(crate::Answer::new(Self::PROVIDER))),
        }
    }

    async fn feedback(&self, receipt: &Receipt, conversion: Conversion) -> Result<(), SendError> {
        if receipt.provider() == Self::PROVIDER {
            self.state().feedback.push((receipt.clone(), conversion));
        }
        Ok(())
    }
}

impl fmt::Debug for MemorySender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySender").field("sent", &self.state().sent.len()).finish_non_exhaustive()
    }
}

/// A message that [`MemorySender`] kept.
#[derive(Debug)]
pub struct SentMessage {
    to: PhoneNumber,
    body: MessageBody,
    idempotency_key: IdempotencyKey,
}

impl SentMessage {
    fn of(text: &TextMessage) -> Self {
        Self {
            to: text.to().clone(),
            body: MessageBody::composed(text.body().expose().to_owned().into()),
            idempotency_key: text.idempotency_key(),
        }
    }

    /// Whom it was for.
    pub fn to(&self) -> &PhoneNumber {
        &self.to
    }

    /// What it said.
    pub fn body(&self) -> &MessageBody {
        &self.body
    }

    /// Its key.
    pub fn idempotency_key(&self) -> IdempotencyKey {
        self.idempotency_key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Answer;
    use mfa_core::time::UnixSeconds;

    #[test]
    fn what_may_have_been_sent_is_kept_and_what_was_not_is_not() {
        let sender = MemorySender::new();
        sender.fail_next(1, SendError::Ambiguous(Answer::new("test")));
        sender.fail_next(2, SendError::Transport(Answer::new("test")));
        let kept = [1, 1, 1, 2].map(|expected| {
            let text = TextMessage::new(
                PhoneNumber::parse("+12015550123").unwrap(),
                MessageBody::new("123456").unwrap(),
                IdempotencyKey::from_bytes([9; 16]),
                UnixSeconds::new(1),
            );
            let answer = pollster::block_on(SmsSender::send(&sender, &text));
            (sender.sent().len() == expected, answer.is_ok())
        });
        assert_eq!(kept, [(true, false), (true, false), (true, false), (true, true)]);
        assert!(!format!("{sender:?} {:?}", sender.sent()).contains("123456"));
    }
}
