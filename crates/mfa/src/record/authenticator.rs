//! An authenticator on record: what the subject proves control of.

use mfa_core::id::AuthenticatorId;
use mfa_core::key::SharedKey;
use mfa_core::phone::PhoneNumber;
use mfa_core::time::{TimeStep, UnixSeconds};
use mfa_core::totp::{Drift, TotpParameters};
use mfa_policy::Method;

use crate::codec::Unknown;

pub(crate) struct Authenticator {
    pub(crate) id: AuthenticatorId,
    pub(crate) state: AuthenticatorState,
    pub(crate) bound_at: UnixSeconds,
    pub(crate) last_used_at: Option<UnixSeconds>,
    pub(crate) kind: AuthenticatorKind,
    pub(crate) unknown: Unknown,
}

/// Whether an authenticator can prove anything. Only `Active` can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthenticatorState {
    Active,
    /// Lost, by the word of whoever holds the recovery code: proves nothing until it is replaced.
    Suspended,
    /// Too many failures in a row: proves nothing until it is bound anew (NIST SP 800-63B-4 3.2.2).
    Disabled,
    /// A state that this version does not know; proves nothing.
    Other(u8),
}

pub(crate) enum AuthenticatorKind {
    App(App),
    Phone(Phone),
    /// A kind that this version does not know. Kept byte for byte; it makes the subject enrolled and proves nothing.
    Other {
        tag: u32,
        payload: Vec<u8>,
    },
}

/// An authenticator app.
pub(crate) struct App {
    pub(crate) key: SharedKey,
    pub(crate) parameters: TotpParameters,
    /// The last accepted step. It and every earlier one are used up (INV-1).
    pub(crate) last_step: TimeStep,
    pub(crate) drift: Drift,
}

/// A phone that codes are sent to by text.
#[derive(Clone)]
pub(crate) struct Phone {
    pub(crate) number: PhoneNumber,
    /// When the person agreed to get texts there, having been told what they risk, and to which wording.
    pub(crate) consented_at: UnixSeconds,
    pub(crate) wording: u16,
}

impl AuthenticatorKind {
    pub(crate) fn method(&self) -> Option<Method> {
        match self {
            Self::App(_) => Some(Method::App),
            Self::Phone(_) => Some(Method::Sms),
            Self::Other { .. } => None,
        }
    }
}

impl AuthenticatorState {
    pub(crate) fn id(self) -> u8 {
        match self {
            Self::Active => 1,
            Self::Suspended => 2,
            Self::Disabled => 3,
            Self::Other(id) => id,
        }
    }

    pub(crate) fn from_id(id: u8) -> Self {
        match id {
            1 => Self::Active,
            2 => Self::Suspended,
            3 => Self::Disabled,
            other => Self::Other(other),
        }
    }
}
