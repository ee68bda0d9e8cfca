//! What sends a text, and its boxed twin for `dyn`.

use std::future::{self, Future};
use std::pin::Pin;
use std::sync::Arc;

use crate::{Receipt, SendError, TextMessage};

/// Something that sends a text. Write the methods as plain `async fn`.
///
/// # Promise
/// A call makes at most one attempt with each provider it knows: whether to try again is for the caller, who holds the
/// budgets. A provider is waited for ten seconds at most. Dropping the future may leave the message sent or not.
pub trait SmsSender: Send + Sync + 'static {
    /// Hands `text` to the provider.
    ///
    /// # Errors
    /// [`SendError`]; anything but [`SendError::Ambiguous`] says for certain that nothing was sent.
    fn send(&self, text: &TextMessage) -> impl Future<Output = Result<Receipt, SendError>> + Send;

    /// Tells the provider whether the code of a message came back, which providers weigh when they look for toll fraud
    /// and bad routes.
    ///
    /// Nothing depends on it, so the default does nothing; a sender must ignore a receipt that is not its own.
    ///
    /// # Errors
    /// [`SendError`] when the provider did not take it. There is no need to try again.
    fn feedback(
        &self,
        receipt: &Receipt,
        conversion: Conversion,
    ) -> impl Future<Output = Result<(), SendError>> + Send {
        let _ = (receipt, conversion);
        future::ready(Ok(()))
    }
}

/// What became of the code in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Conversion {
    /// The person entered it.
    Verified,
    /// It expired or was replaced unused.
    NotVerified,
}

/// A boxed future of a sender's call.
type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, SendError>> + Send + 'a>>;

/// [`SmsSender`] for `dyn`: implemented for every sender, written by nobody.
#[expect(missing_docs, reason = "each method is that of SmsSender with the same name")]
pub trait DynSmsSender: Send + Sync + 'static {
    fn send<'a>(&'a self, text: &'a TextMessage) -> Boxed<'a, Receipt>;
    fn feedback<'a>(&'a self, receipt: &'a Receipt, conversion: Conversion) -> Boxed<'a, ()>;
}

impl<S: SmsSender> DynSmsSender for S {
    fn send<'a>(&'a self, text: &'a TextMessage) -> Boxed<'a, Receipt> {
        Box::pin(SmsSender::send(self, text))
    }

    fn feedback<'a>(&'a self, receipt: &'a Receipt, conversion: Conversion) -> Boxed<'a, ()> {
        Box::pin(SmsSender::feedback(self, receipt, conversion))
    }
}

#[deny(clippy::missing_trait_methods)]
impl SmsSender for Arc<dyn DynSmsSender> {
    async fn send(&self, text: &TextMessage) -> Result<Receipt, SendError> {
        DynSmsSender::send(&**self, text).await
    }

    async fn feedback(&self, receipt: &Receipt, conversion: Conversion) -> Result<(), SendError> {
        DynSmsSender::feedback(&**self, receipt, conversion).await
    }
}
