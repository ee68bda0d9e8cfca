//! Trying the next provider.

use std::fmt;
use std::sync::Arc;

use crate::{Conversion, DynSmsSender, Receipt, SendError, SmsSender, TextMessage};

/// Asks one provider after another until one takes the message, each at most once, with the same idempotency key.
///
/// It stops at the first error that another provider cannot mend ([`SendError::may_fail_over`]). Nothing is remembered
/// between messages, so a provider that hangs costs its timeout each time. The senders' times add up: a caller that
/// must answer within ten seconds gives each sender a shorter timeout, or this one as a whole.
///
/// # Errors
/// [`SendError::Ambiguous`] if any provider may have sent the message. Otherwise the error that ended the search; when
/// all were asked, the most telling one: throttled, then account, then route, then connection.
pub struct Failover {
    first: Arc<dyn DynSmsSender>,
    others: Vec<Arc<dyn DynSmsSender>>,
}

impl Failover {
    /// With one provider; [`Failover::or`] adds the next.
    pub fn new(first: impl SmsSender) -> Self {
        Self { first: Arc::new(first), others: Vec::new() }
    }

    /// Then this one.
    #[must_use]
    pub fn or(mut self, next: impl SmsSender) -> Self {
        self.others.push(Arc::new(next));
        self
    }

    fn senders(&self) -> impl Iterator<Item = &Arc<dyn DynSmsSender>> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

#[deny(clippy::missing_trait_methods)]
impl SmsSender for Failover {
    async fn send(&self, text: &TextMessage) -> Result<Receipt, SendError> {
        let mut told = match SmsSender::send(&self.first, text).await {
            Ok(receipt) => return Ok(receipt),
            Err(error) => error,
        };
        let mut last = told;
        for sender in &self.others {
            if !last.may_fail_over() {
                break;
            }
            last = match SmsSender::send(sender, text).await {
                Ok(receipt) => return Ok(receipt),
                Err(error) => error,
            };
            if weight(&last) > weight(&told) {
                told = last;
            }
        }
        Err(told)
    }

    /// Tells every provider; each knows its own receipts. Answers the first error, after all were told.
    async fn feedback(&self, receipt: &Receipt, conversion: Conversion) -> Result<(), SendError> {
        let mut answer = Ok(());
        for sender in self.senders() {
            answer = answer.and(SmsSender::feedback(sender, receipt, conversion).await);
        }
        answer
    }
}

impl fmt::Debug for Failover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failover").field("providers", &self.senders().count()).finish_non_exhaustive()
    }
}

/// How much an error tells about a whole search; the highest is answered.
fn weight(error: &SendError) -> u8 {
    match error {
        SendError::Ambiguous(_) => 5,
        SendError::Rejected(_) | SendError::Blocked(_) | SendError::Expired => 4,
        SendError::Throttled { .. } => 3,
        SendError::Auth(_) => 2,
        SendError::Unroutable(_) => 1,
        SendError::Transport(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answer, IdempotencyKey, MemorySender, MessageBody};
    use mfa_core::phone::PhoneNumber;
    use mfa_core::time::UnixSeconds;

    const ANSWER: Answer = Answer::new("test");

    fn text() -> TextMessage {
        TextMessage::new(
            PhoneNumber::parse("+12015550123").unwrap(),
            MessageBody::new("123456").unwrap(),
            IdempotencyKey::from_bytes([9; 16]),
            UnixSeconds::new(1),
        )
    }

    /// Sends through one sender per error, each failing with it, and a last one that works. Answers the result and how
    /// many messages the last one took.
    fn search(errors: &[SendError]) -> (Result<Receipt, SendError>, usize) {
        let last = MemorySender::new();
        let mut failover: Option<Failover> = None;
        for error in errors {
            let sender = MemorySender::new();
            sender.fail_next(1, *error);
            failover = Some(match failover {
                None => Failover::new(sender),
                Some(failover) => failover.or(sender),
            });
        }
        let failover = match failover {
            None => Failover::new(last.clone()),
            Some(failover) => failover.or(last.clone()),
        };
        (pollster::block_on(SmsSender::send(&failover, &text())), last.sent().len())
    }

    #[test]
    fn what_another_provider_may_mend_goes_on_to_it_with_the_same_key() {
        for error in [
            SendError::Unroutable(ANSWER),
            SendError::throttled(None, ANSWER),
            SendError::Auth(ANSWER),
            SendError::Transport(ANSWER),
            SendError::Ambiguous(ANSWER),
        ] {
            let (answer, taken) = search(&[error]);
            assert!(answer.is_ok() && taken == 1, "{error}");
        }
    }

    #[test]
    fn what_no_other_provider_may_mend_stops_the_search() {
        for error in [SendError::Rejected(ANSWER), SendError::Blocked(ANSWER), SendError::Expired] {
            let (answer, taken) = search(&[error]);
            assert_eq!((answer, taken), (Err(error), 0));
        }
    }

    #[test]
    fn one_unknown_outcome_makes_the_whole_search_unknown() {
        let (answer, taken) =
            search(&[SendError::Transport(ANSWER), SendError::Ambiguous(ANSWER), SendError::Blocked(ANSWER)]);
        assert_eq!((answer, taken), (Err(SendError::Ambiguous(ANSWER)), 0));
    }

    #[test]
    fn the_most_telling_error_is_answered() {
        let second = MemorySender::new();
        second.fail_next(1, SendError::throttled(None, ANSWER));
        let first = MemorySender::new();
        first.fail_next(1, SendError::Transport(ANSWER));
        let third = MemorySender::new();
        third.fail_next(1, SendError::Auth(ANSWER));
        let failover = Failover::new(first).or(second).or(third);
        let answer = pollster::block_on(SmsSender::send(&failover, &text()));
        assert_eq!(answer, Err(SendError::throttled(None, ANSWER)));
    }

    #[test]
    fn each_is_asked_once_and_the_boxed_twin_does_the_same() {
        let sender = MemorySender::new();
        sender.fail_next(1, SendError::Transport(ANSWER));
        let shared: Arc<dyn DynSmsSender> = Arc::new(Failover::new(sender.clone()).or(sender.clone()));
        let receipt = pollster::block_on(SmsSender::send(&shared, &text())).unwrap();
        assert_eq!(sender.sent().len(), 1);
        pollster::block_on(SmsSender::feedback(&shared, &receipt, Conversion::Verified)).unwrap();
        assert_eq!(
            sender.feedback_given(),
            [(receipt.clone(), Conversion::Verified), (receipt, Conversion::Verified)]
        );
    }
}
