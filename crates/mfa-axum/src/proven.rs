//! The session of somebody who has proved everything: its assertion, fresh proof, and what is in progress beside it.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use mfa::policy::Purpose;
use mfa::{Assertion, AuthenticatorId, Kind, Ticket, kind};

use crate::flow::InvalidFlow;

/// What a session has proved, and what it is about to change. Opaque to the host.
#[derive(Clone)]
pub struct Proven {
    session: Box<str>,
    fresh: Option<Box<str>>,
    pub(crate) beside: Beside,
}

/// A ceremony that goes on while the session stays what it is.
#[derive(Clone, Default)]
pub(crate) enum Beside {
    #[default]
    Nothing,
    /// "Verify Your Identity", and what is done then.
    Verify(Errand),
    /// "Verify Your Identity" for one transaction.
    Transaction(Ticket<kind::Challenge>),
    Pending(Ticket<kind::Pending>),
    /// "Set Up SMS Verification", before a number was given.
    EnrollPhone(Ticket<kind::Enroll>),
    PendingPhone(Ticket<kind::PendingPhone>),
    Confirmed(Ticket<kind::Confirmed>),
    NewCode(Ticket<kind::NewCode>),
}

/// What somebody set out to do when fresh proof was found to be wanted. It names, and allows nothing: whoever carries it
/// out judges again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    ChangeApp,
    ChangePhone,
    Remove(AuthenticatorId),
    NewRecoveryCode,
    ForgetDevices,
    AlwaysRequire(bool),
    /// One of the host's own.
    Host {
        purpose: Purpose,
        name: Box<str>,
    },
    /// Back to a page of the host.
    Go {
        purpose: Purpose,
        path: Box<str>,
    },
}

impl Proven {
    pub(crate) fn new(session: &Assertion) -> Self {
        Self { session: Box::from(session.as_str()), fresh: None, beside: Beside::Nothing }
    }

    /// The sealed assertion of the sign-in, for [`Mfa::open_assertion`](mfa::Mfa::open_assertion).
    pub fn session(&self) -> &str {
        &self.session
    }

    /// The sealed assertion that was proved last for a purpose of its own.
    pub(crate) fn fresh(&self) -> Option<&str> {
        self.fresh.as_deref()
    }

    pub(crate) fn with_fresh(&self, assertion: &Assertion) -> Self {
        Self { fresh: Some(Box::from(assertion.as_str())), ..self.clone() }
    }

    pub(crate) fn beside(&self, beside: Beside) -> Self {
        Self { beside, ..self.clone() }
    }
}

impl fmt::Debug for Proven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proven(..)")
    }
}

impl fmt::Display for Proven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.session)?;
        if let Some(fresh) = &self.fresh {
            write!(f, " fresh {fresh}")?;
        }
        match &self.beside {
            Beside::Nothing => Ok(()),
            Beside::Verify(errand) => write!(f, " verify {errand}"),
            Beside::Transaction(ticket) => write!(f, " transaction {}", ticket.as_str()),
            Beside::Pending(ticket) => write!(f, " pending {}", ticket.as_str()),
            Beside::EnrollPhone(ticket) => write!(f, " enroll-phone {}", ticket.as_str()),
            Beside::PendingPhone(ticket) => write!(f, " pending-phone {}", ticket.as_str()),
            Beside::Confirmed(ticket) => write!(f, " confirmed {}", ticket.as_str()),
            Beside::NewCode(ticket) => write!(f, " new-code {}", ticket.as_str()),
        }
    }
}

impl Proven {
    /// Reads the words after the name of the step.
    pub(crate) fn from_words(words: &[&str]) -> Result<Self, InvalidFlow> {
        let (session, words) = words.split_first().ok_or(InvalidFlow)?;
        let (fresh, words) = match words {
            ["fresh", fresh, rest @ ..] => (Some(Box::from(*fresh)), rest),
            rest => (None, rest),
        };
        let beside = match words {
            [] => Beside::Nothing,
            ["verify", errand] => Beside::Verify(errand.parse()?),
            ["transaction", text] => Beside::Transaction(ticket(text)?),
            ["pending", text] => Beside::Pending(ticket(text)?),
            ["enroll-phone", text] => Beside::EnrollPhone(ticket(text)?),
            ["pending-phone", text] => Beside::PendingPhone(ticket(text)?),
            ["confirmed", text] => Beside::Confirmed(ticket(text)?),
            ["new-code", text] => Beside::NewCode(ticket(text)?),
            _ => return Err(InvalidFlow),
        };
        Ok(Self { session: Box::from(*session), fresh, beside })
    }
}

impl Errand {
    /// What must be proved freshly for it.
    pub(crate) fn purpose(&self) -> Purpose {
        match self {
            Self::Host { purpose, .. } | Self::Go { purpose, .. } => *purpose,
            _ => Purpose::Manage,
        }
    }
}

/// One word, as the session and a hidden field keep it.
impl fmt::Display for Errand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with = |f: &mut fmt::Formatter<'_>, name, purpose: &Purpose, text: &str| {
            write!(f, "{name}.{}.{}", purpose.id(), BASE64URL_NOPAD.encode(text.as_bytes()))
        };
        match self {
            Self::ChangeApp => f.write_str("change-app"),
            Self::ChangePhone => f.write_str("change-phone"),
            Self::Remove(id) => write!(f, "remove.{}", HEXLOWER.encode(id.as_bytes())),
            Self::NewRecoveryCode => f.write_str("new-recovery-code"),
            Self::ForgetDevices => f.write_str("forget-devices"),
            Self::AlwaysRequire(true) => f.write_str("always-require.on"),
            Self::AlwaysRequire(false) => f.write_str("always-require.off"),
            Self::Host { purpose, name } => with(f, "host", purpose, name),
            Self::Go { purpose, path } => with(f, "go", purpose, path),
        }
    }
}

impl FromStr for Errand {
    type Err = InvalidFlow;

    fn from_str(word: &str) -> Result<Self, InvalidFlow> {
        let text = |encoded: &str| {
            let bytes = BASE64URL_NOPAD.decode(encoded.as_bytes()).map_err(|_| InvalidFlow)?;
            String::from_utf8(bytes).map(String::into_boxed_str).map_err(|_| InvalidFlow)
        };
        let purpose = |id: &str| id.parse().ok().and_then(Purpose::from_id).ok_or(InvalidFlow);
        let parts: Vec<&str> = word.split('.').collect();
        match parts.as_slice() {
            ["change-app"] => Ok(Self::ChangeApp),
            ["change-phone"] => Ok(Self::ChangePhone),
            ["remove", id] => {
                let bytes = HEXLOWER.decode(id.as_bytes()).map_err(|_| InvalidFlow)?;
                let id = <[u8; 16]>::try_from(bytes.as_slice()).map_err(|_| InvalidFlow)?;
                Ok(Self::Remove(AuthenticatorId::from_bytes(id)))
            }
            ["new-recovery-code"] => Ok(Self::NewRecoveryCode),
            ["forget-devices"] => Ok(Self::ForgetDevices),
            ["always-require", "on"] => Ok(Self::AlwaysRequire(true)),
            ["always-require", "off"] => Ok(Self::AlwaysRequire(false)),
            ["host", id, name] => Ok(Self::Host { purpose: purpose(id)?, name: text(name)? }),
            ["go", id, path] => {
                let path = text(path)?;
                // A page of this host, and never another's: the word also travels in a form.
                let is_here =
                    path.starts_with('/') && !path.starts_with("//") && !path.contains(['\\', '\n', '\r']);
                if is_here { Ok(Self::Go { purpose: purpose(id)?, path }) } else { Err(InvalidFlow) }
            }
            _ => Err(InvalidFlow),
        }
    }
}

fn ticket<K: Kind>(text: &str) -> Result<Ticket<K>, InvalidFlow> {
    Ticket::parse(text).map_err(|_| InvalidFlow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errand_survives_its_word() {
        for errand in [
            Errand::ChangeApp,
            Errand::ChangePhone,
            Errand::Remove(AuthenticatorId::from_bytes([7; 16])),
            Errand::NewRecoveryCode,
            Errand::ForgetDevices,
            Errand::AlwaysRequire(true),
            Errand::AlwaysRequire(false),
            Errand::Host { purpose: Purpose::Manage, name: "reset ada@enforced.example".into() },
            Errand::Go { purpose: Purpose::StepUp, path: "/report?year=2026".into() },
        ] {
            let word = errand.to_string();
            assert!(!word.contains(' '), "{word}");
            assert_eq!(word.parse(), Ok(errand));
        }
    }

    #[test]
    fn nobody_is_led_to_another_host() {
        for path in ["//evil.example", "https://evil.example", "/\\evil.example", "evil", ""] {
            let word = Errand::Go { purpose: Purpose::StepUp, path: path.into() }.to_string();
            assert_eq!(word.parse::<Errand>(), Err(InvalidFlow), "{path}");
        }
        assert_eq!("remove.zz".parse::<Errand>(), Err(InvalidFlow));
        assert_eq!("host.9.YQ".parse::<Errand>(), Err(InvalidFlow));
    }
}
