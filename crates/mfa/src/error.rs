//! Errors say who must act: the subject ([`Rejection`]), the operator ([`Unavailable`]) or the programmer
//! ([`ConfigError`]).

use mfa_core::time::UnixSeconds;
use mfa_storage::StorageError;
use thiserror::Error;

use crate::clock::ClockError;
use crate::random::RandomError;

/// Why a ceremony did not go on. Neither kind ever means "signed in".
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The person must act: type again, wait, start again.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The operator must act; the person can only come back later.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// What a person is told. Few and coarse: wrong, expired and unknown codes look alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The code is not right, or not any more.
    #[error("the code is wrong or expired")]
    WrongCode,
    /// The code was right and has been used; the next one will do. It names no future code, so telling is safe.
    #[error("the code was already used")]
    AlreadyUsed,
    /// What was typed cannot be a code. No attempt was spent.
    #[error("the input has not the form of a code")]
    Malformed,
    /// Too many failures; nothing is compared until then. No attempt was spent.
    #[error("too many attempts")]
    Throttled {
        /// When the next attempt is accepted.
        until: UnixSeconds,
    },
    /// The ticket or assertion is over, belongs to something else, or was never ours.
    #[error("this step has expired")]
    Expired,
    /// Policy does not allow this to this subject now.
    #[error("the policy does not allow this")]
    NotAllowed,
    /// What was proved is too old, or too little, for this: ask for it with [`Mfa::challenge`](crate::Mfa::challenge).
    #[error("fresh proof is wanted")]
    FreshProofWanted,
    /// The tenth wrong code for a transaction: every session of the subject is over, and only a sign-in begins another.
    #[error("the session has ended")]
    SessionEnded,
    /// No text may go to this number.
    #[cfg(feature = "sms")]
    #[error(transparent)]
    Number(mfa_policy::numbers::NumberRefused),
    /// A text was sent a moment ago, or too many were; nothing was sent now.
    #[error("too many requests for a text message")]
    TextThrottled {
        /// When the next text may go.
        until: UnixSeconds,
    },
    /// The number may have changed hands lately: another method, or a recovery code.
    #[error("texts to this number are withheld")]
    TextWithheld,
    /// This very transaction was redeemed before: look its payment up, and do not carry it out again.
    #[error("the transaction was already redeemed")]
    AlreadyRedeemed,
}

/// Why no answer can be given. Everything here fails closed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// The store did not answer, or not intelligibly.
    #[error("storage is unavailable")]
    Storage(#[from] StorageError),
    /// The clock cannot tell the time.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The random source failed.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The ring has no readable key of this id: add it back, never replace it.
    #[error("ring key {id} is missing or retired")]
    MissingKey {
        /// The id that the record or ticket names.
        id: u32,
    },
    /// The record does not open under the key it names: altered, or copied from another subject.
    #[error("a stored record does not open")]
    RecordUnreadable,
    /// The host knows the subject to be enrolled, and there is no record.
    #[error("the record of an enrolled subject is missing")]
    RecordMissing,
    /// The record was written by a newer version of this library.
    #[error("a stored record is of a newer format")]
    RecordTooNew,
    /// The record is on its way to another subject: call [`Mfa::move_subject`](crate::Mfa::move_subject) again.
    #[error("the record is being moved to another subject")]
    RecordMoving,
    /// No provider took the text; nothing was sent, and nothing counted.
    #[cfg(feature = "sms")]
    #[error(transparent)]
    Delivery(mfa_sms::SendError),
    /// Texts to this region, or all of them, are stopped: by an operator, or because hardly any code came back. See
    /// [`Mfa::stop_texts`](crate::Mfa::stop_texts).
    #[cfg(feature = "sms")]
    #[error("texts are stopped")]
    TextsStopped,
    /// So many writers at once that this call never won; safe to try again.
    #[error("the record is busy")]
    Busy,
    /// A reply was lost and what happened cannot be told any more; the person starts again.
    #[error("the outcome of a write is unknown")]
    UnknownOutcome,
}

impl Unavailable {
    /// Whether trying the same again soon may work.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Storage(error) => error.is_transient(),
            Self::Busy | Self::UnknownOutcome => true,
            #[cfg(feature = "sms")]
            Self::Delivery(_) => true,
            _ => false,
        }
    }
}

macro_rules! into_error {
    ($($source:ty),*) => {$(
        impl From<$source> for Error {
            fn from(source: $source) -> Self {
                Self::Unavailable(source.into())
            }
        }
    )*};
}

into_error!(StorageError, ClockError, RandomError);

/// What is wrong with the way the library was put together; all of it at once, from `build()`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("mfa is not configured: {}", list(.faults))]
#[non_exhaustive]
pub struct ConfigError {
    /// Every fault found.
    pub faults: Vec<ConfigFault>,
}

fn list(faults: &[ConfigFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// One fault of configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigFault {
    /// No storage was given.
    #[error("no storage was given")]
    NoStorage,
    /// No keyring was given.
    #[error("no keyring was given")]
    NoKeyring,
    /// The storage may lose acknowledged commits, and nothing said that this is acceptable.
    #[error("the storage may lose acknowledged commits, so a spent code could come back")]
    NotDurable,
    /// The tenant is not a valid identifier.
    #[error("the tenant must be 1 to 64 printable bytes and not start with '~'")]
    Tenant,
    /// The issuer cannot be shown by authenticator apps.
    #[error("the issuer must be 1 to 64 bytes without colon or control characters")]
    Issuer,
    /// A ticket lifetime is zero or longer than an hour.
    #[error("a ticket lifetime must be 1 second to 1 hour")]
    TicketLifetime,
    /// A budget of texts allows none at all, or more in a day than are counted.
    #[error("a budget of texts must allow one at least, and a subject's at most 32 a day")]
    TextBudgets,
    /// Events would be thrown away within a day.
    #[error("events must be kept for a day at least")]
    EventRetention,
}
