//! What can go wrong inside, and what of it a caller learns.

use mfa_storage::{Operation, ReservationRefunded, StorageError};
use redis::{ErrorKind, RedisError, ServerError};
use thiserror::Error;

/// A failure before it is known which call it answers.
///
/// Nothing of the driver's or the server's text is kept: a server repeats the arguments of a command that it refuses.
#[derive(Clone, Debug, Error)]
pub(crate) enum Fault {
    #[error("the connection failed")]
    Connection(#[source] Lost),
    #[error("the client refused: {0:?}")]
    Client(ErrorKind),
    #[error("the server refused: {0}")]
    Refused(Code),
    #[error("{0} holds a value that this library did not write")]
    Unreadable(&'static str),
    #[error("the event stream already holds an event of this version")]
    StreamTaken,
    #[error(transparent)]
    Refunded(#[from] ReservationRefunded),
    #[error("the budgets changed each time they were about to be stored")]
    Contended,
    #[cfg(feature = "danger-async-replication")]
    #[error("{reached} replicas have the write and {wanted} were asked for")]
    NotReplicated { reached: i64, wanted: u32 },
    #[error("a prefix is 1 to 32 ASCII letters, digits, '-', '_' and '.'")]
    Prefix,
    #[cfg(feature = "danger-async-replication")]
    #[error("a cluster has 1 to 1024 shards")]
    ShardCount,
    #[error("the keys of this prefix were laid out otherwise: {found:?}, and {wanted:?} is wanted")]
    Layout { found: String, wanted: String },
    #[error("{setting} is {found:?} and has to be {wanted}: {risk}")]
    Setting { setting: &'static str, found: String, wanted: &'static str, risk: &'static str },
    #[error("the server does not permit {0}: its settings cannot be checked (see danger_settings_unchecked)")]
    Uncheckable(&'static str),
}

/// How a connection failed.
#[derive(Clone, Copy, Debug, Error)]
pub(crate) enum Lost {
    #[error("nobody listens")]
    Refused,
    #[error("no answer in time")]
    TimedOut,
    #[error("it ended")]
    Ended,
}

/// The first word of a server's refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Code(String);

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Code {
    /// Keeps what looks like a code and nothing that could be a value.
    fn new(code: &str) -> Self {
        match code.len() <= 16 && code.bytes().all(|byte| byte.is_ascii_uppercase()) {
            true => Self(code.to_owned()),
            false => Self("ERR".to_owned()),
        }
    }

    pub(crate) fn is(&self, code: &str) -> bool {
        self.0 == code
    }
}

impl Fault {
    pub(crate) fn is_refused_with(&self, wanted: &str) -> bool {
        matches!(self, Self::Refused(code) if code.is(wanted))
    }

    /// Whether trying again may help.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Connection(_) | Self::Contended => true,
            Self::Client(kind) => *kind == ErrorKind::ClusterConnectionNotFound,
            Self::Refused(code) => PASSING.iter().any(|passing| code.is(passing)),
            #[cfg(feature = "danger-async-replication")]
            Self::NotReplicated { .. } => true,
            _ => false,
        }
    }

    /// The answer to a call.
    pub(crate) fn answer(self, operation: Operation) -> StorageError {
        match self {
            Self::Refunded(refunded) => StorageError::permanent(operation, refunded),
            fault if fault.is_transient() => StorageError::transient(operation, fault),
            fault => StorageError::permanent(operation, fault),
        }
    }
}

impl From<RedisError> for Fault {
    fn from(error: RedisError) -> Self {
        match error.kind() {
            ErrorKind::Io if error.is_timeout() => Self::Connection(Lost::TimedOut),
            ErrorKind::Io if error.is_connection_refusal() => Self::Connection(Lost::Refused),
            ErrorKind::Io => Self::Connection(Lost::Ended),
            ErrorKind::Server(_) | ErrorKind::Extension => {
                Self::Refused(Code::new(error.code().unwrap_or_default()))
            }
            kind => Self::Client(kind),
        }
    }
}

impl From<&ServerError> for Fault {
    fn from(error: &ServerError) -> Self {
        Self::Refused(Code::new(error.code()))
    }
}

/// What a server says while it starts, stops, hands over or is busy. None of them has run the command.
const PASSING: [&str; 9] =
    ["LOADING", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN", "MOVED", "ASK", "READONLY", "BUSY", "NOREPLICAS"];

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn no_text_of_the_server_is_kept() {
        let shown = |code: &str| Code::new(code).to_string();
        assert_eq!(shown("WRONGTYPE"), "WRONGTYPE");
        assert_eq!(shown("a subject's name"), "ERR");
        assert_eq!(shown("SECRETSECRETSECRET"), "ERR");
    }

    #[test]
    fn what_passes_is_transient() {
        let refused = |code| Fault::Refused(Code::new(code)).is_transient();
        assert!(PASSING.into_iter().all(refused));
        assert!(!refused("WRONGTYPE") && !refused("NOPERM") && !refused("OOM"));
        let io = RedisError::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(Fault::from(io).is_transient());
    }
}
