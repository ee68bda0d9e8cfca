//! How far a visitor has come between two requests, as text for the host's session.

use std::fmt;
use std::str::FromStr;

use mfa::{Assertion, Ticket, UnixSeconds, kind};
use thiserror::Error;

use crate::proven::Proven;

/// The step a visitor stands at. Written with `to_string`, read back with `parse`; everything in it is sealed or
/// harmless, so a host may keep it wherever it keeps sessions.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Flow {
    /// Nothing has begun, or everything is over.
    #[default]
    None,
    /// May enroll, or skip, with the date from which it will be a must.
    Offer(Ticket<kind::Enroll>, Option<UnixSeconds>),
    /// Must enroll.
    Enroll(Ticket<kind::Enroll>),
    /// A recovery is open: must enroll a replacement.
    Recovering(Ticket<kind::Enroll>),
    /// An app has been shown its key.
    Pending(Ticket<kind::Pending>),
    /// A code was sent to a phone that is being set up.
    PendingPhone(Ticket<kind::PendingPhone>),
    /// An authenticator has shown its code; the recovery code waits to be saved.
    Confirmed(Ticket<kind::Confirmed>),
    /// The second factor is wanted.
    Challenge(Ticket<kind::Challenge>),
    /// Nothing but a recovery code helps.
    RecoverOnly(Ticket<kind::Challenge>),
    /// Must give the code that was handed over after a reset, before enrolling.
    Bind(Ticket<kind::Enroll>),
    /// Everything is proved.
    Proved(Proven),
}

impl Flow {
    /// The flow of somebody who has proved everything.
    pub fn proved(assertion: &Assertion) -> Self {
        Self::Proved(Proven::new(assertion))
    }
}

impl fmt::Debug for Flow {
    /// The step, and nothing that could be presented to anybody.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Offer(..) => "Offer(..)",
            Self::Enroll(_) => "Enroll(..)",
            Self::Recovering(_) => "Recovering(..)",
            Self::Pending(_) => "Pending(..)",
            Self::PendingPhone(_) => "PendingPhone(..)",
            Self::Confirmed(_) => "Confirmed(..)",
            Self::Challenge(_) => "Challenge(..)",
            Self::RecoverOnly(_) => "RecoverOnly(..)",
            Self::Bind(_) => "Bind(..)",
            Self::Proved(_) => "Proved(..)",
        })
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Offer(ticket, None) => write!(f, "offer {}", ticket.as_str()),
            Self::Offer(ticket, Some(date)) => write!(f, "offer {} {}", ticket.as_str(), date.get()),
            Self::Enroll(ticket) => write!(f, "enroll {}", ticket.as_str()),
            Self::Recovering(ticket) => write!(f, "recovering {}", ticket.as_str()),
            Self::Pending(ticket) => write!(f, "pending {}", ticket.as_str()),
            Self::PendingPhone(ticket) => write!(f, "pending-phone {}", ticket.as_str()),
            Self::Confirmed(ticket) => write!(f, "confirmed {}", ticket.as_str()),
            Self::Challenge(ticket) => write!(f, "challenge {}", ticket.as_str()),
            Self::RecoverOnly(ticket) => write!(f, "recover-only {}", ticket.as_str()),
            Self::Bind(ticket) => write!(f, "bind {}", ticket.as_str()),
            Self::Proved(proven) => write!(f, "proved {proven}"),
        }
    }
}

impl FromStr for Flow {
    type Err = InvalidFlow;

    fn from_str(text: &str) -> Result<Self, InvalidFlow> {
        let words: Vec<&str> = text.split(' ').collect();
        match words.as_slice() {
            ["none"] => Ok(Self::None),
            ["offer", t] => Ok(Self::Offer(ticket(t)?, None)),
            ["offer", t, date] => {
                let date = date.parse().map(UnixSeconds::new).map_err(|_| InvalidFlow)?;
                Ok(Self::Offer(ticket(t)?, Some(date)))
            }
            ["enroll", t] => Ok(Self::Enroll(ticket(t)?)),
            ["recovering", t] => Ok(Self::Recovering(ticket(t)?)),
            ["pending", t] => Ok(Self::Pending(ticket(t)?)),
            ["pending-phone", t] => Ok(Self::PendingPhone(ticket(t)?)),
            ["confirmed", t] => Ok(Self::Confirmed(ticket(t)?)),
            ["challenge", t] => Ok(Self::Challenge(ticket(t)?)),
            ["recover-only", t] => Ok(Self::RecoverOnly(ticket(t)?)),
            ["bind", t] => Ok(Self::Bind(ticket(t)?)),
            ["proved", words @ ..] => Proven::from_words(words).map(Self::Proved),
            _ => Err(InvalidFlow),
        }
    }
}

fn ticket<K: mfa::Kind>(text: &str) -> Result<Ticket<K>, InvalidFlow> {
    Ticket::parse(text).map_err(|_| InvalidFlow)
}

/// Text that is not a flow, or one of a newer version: treat the session as over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the kept state of a sign-in cannot be read")]
#[non_exhaustive]
pub struct InvalidFlow;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_survives_its_text() {
        for text in [
            "none",
            "offer abc",
            "offer abc 1800000000",
            "pending abc",
            "pending-phone abc",
            "bind abc",
            "recover-only x",
            "proved abc",
            "proved abc fresh abcd verify change-app",
            "proved abc transaction abcd",
            "proved abc enroll-phone abcd",
            "proved abc pending-phone abcd",
            "proved abc verify change-phone",
            "proved abc fresh abcd new-code abc",
        ] {
            let flow = text.parse::<Flow>().unwrap();
            assert_eq!(flow.to_string(), text);
            assert!(!format!("{flow:?}").contains("abc"));
        }
        for text in ["", "offer a b c", "proved", "proved a b", "proved a fresh", "proved a verify"] {
            assert!(text.parse::<Flow>().is_err(), "{text}");
        }
    }
}
