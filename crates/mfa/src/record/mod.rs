//! The one record of a subject: plain data, changed only by pure functions, sealed before it leaves the engine.

mod authenticator;
mod codec;
mod envelope;

use mfa_core::id::{Epoch, OperationId, Pseudonym};
use mfa_core::recovery::{RecoveryCode, RecoveryDigest, RecoverySalt};
use mfa_core::throttle::{Throttle, ThrottleSettings, Throttled};
use mfa_core::time::UnixSeconds;
use mfa_policy::{Method, Methods};
use mfa_storage::{MethodSet, Summary};

pub(crate) use authenticator::{App, Authenticator, AuthenticatorKind, AuthenticatorState};
pub(crate) use envelope::{LoadedRecord, Stored};

use crate::codec::Unknown;
use crate::random::{Draw, RandomError};

/// All MFA state of a subject.
pub(crate) struct Record {
    pub(crate) created_at: UnixSeconds,
    pub(crate) epoch: Epoch,
    /// Stands for the subject in events; dies with an erased record.
    pub(crate) pseudonym: Pseudonym,
    pub(crate) authenticators: Vec<Authenticator>,
    pub(crate) recovery: Option<RecoverySet>,
    pub(crate) recovering: Option<OpenRecovery>,
    /// The window that app and SMS share.
    pub(crate) throttle: Throttle,
    /// The window of recovery codes, which guesses at the app never touch.
    pub(crate) recovery_throttle: Throttle,
    /// The last engine calls that committed, newest last, so that a lost reply can be told.
    pub(crate) operations: Vec<OperationMark>,
    pub(crate) unknown: Unknown,
}

/// The live recovery codes of a subject.
pub(crate) struct RecoverySet {
    pub(crate) salt: RecoverySalt,
    pub(crate) digests: Vec<RecoveryDigest>,
    pub(crate) issued_at: UnixSeconds,
}

/// A recovery that was begun and not yet completed. It has no deadline.
pub(crate) struct OpenRecovery {
    pub(crate) opened_at: UnixSeconds,
    /// The digest of the code that opened it: spent when it completes.
    pub(crate) digest: RecoveryDigest,
}

/// An engine call and which of its own tries was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OperationMark {
    pub(crate) id: OperationId,
    pub(crate) attempt: u8,
}

impl Record {
    /// A record without authenticators.
    pub(crate) fn new(now: UnixSeconds, draw: &mut Draw<'_>) -> Result<Self, RandomError> {
        Ok(Self {
            created_at: now,
            epoch: Epoch::draw(draw)?,
            pseudonym: Pseudonym::draw(draw)?,
            authenticators: Vec::new(),
            recovery: None,
            recovering: None,
            throttle: Throttle::new(),
            recovery_throttle: Throttle::new(),
            operations: Vec::new(),
            unknown: Unknown::default(),
        })
    }

    /// Enrolled: any authenticator on record, in whatever state and of whatever kind (INV-13).
    pub(crate) fn is_enrolled(&self) -> bool {
        !self.authenticators.is_empty()
    }

    /// The methods with an active authenticator that `allowed` admits.
    pub(crate) fn usable(&self, allowed: Methods) -> impl Iterator<Item = Method> + '_ {
        self.authenticators
            .iter()
            .filter(|authenticator| authenticator.state == AuthenticatorState::Active)
            .filter_map(|authenticator| authenticator.kind.method())
            .filter(move |method| allowed.contains(*method))
    }

    /// The active app.
    pub(crate) fn active_app(&mut self) -> Option<(&mut Authenticator, &mut Throttle)> {
        let app = self
            .authenticators
            .iter_mut()
            .find(|a| a.state == AuthenticatorState::Active && matches!(a.kind, AuthenticatorKind::App(_)))?;
        Some((app, &mut self.throttle))
    }

    /// Tickets, assertions and device tokens made before this die.
    pub(crate) fn redraw_epoch(&mut self, draw: &mut Draw<'_>) -> Result<(), RandomError> {
        self.epoch = Epoch::draw(draw)?;
        Ok(())
    }

    /// A new authenticator starts with a clean window; the rolling total of failures stays.
    pub(crate) fn clear_throttles(&mut self) {
        for throttle in [&mut self.throttle, &mut self.recovery_throttle] {
            *throttle = Throttle::from_parts(&[], 0, None, throttle.days()).unwrap_or_default();
        }
    }

    /// Remembers an engine call; the oldest is forgotten.
    pub(crate) fn mark(&mut self, mark: OperationMark) {
        let surplus = self.operations.len().saturating_add(1).saturating_sub(OPERATIONS_KEPT);
        self.operations.drain(..surplus);
        self.operations.push(mark);
    }

    /// Which try of the call `id` was committed, if the record remembers the call.
    pub(crate) fn attempt_of(&self, id: &OperationId) -> Option<u8> {
        self.operations.iter().find(|mark| mark.id == *id).map(|mark| mark.attempt)
    }

    /// What an operator may see without a key.
    pub(crate) fn summary(&self, key_id: u32, settings: &ThrottleSettings, now: UnixSeconds) -> Summary {
        let methods = self.authenticators.iter().fold(MethodSet::default(), |set, authenticator| {
            set.with(match authenticator.kind.method() {
                Some(Method::App) => MethodSet::APP,
                Some(Method::Sms) => MethodSet::SMS,
                _ => MethodSet::OTHER,
            })
        });
        let methods = if self.recovery.is_some() { methods.with(MethodSet::RECOVERY) } else { methods };
        let throttled_until = match self.throttle.check(now, settings) {
            Err(Throttled::Wait { until }) => Some(until),
            _ => None,
        };
        Summary { enrolled: self.is_enrolled(), methods, throttled_until, key_id, updated_at: now }
    }
}

impl RecoverySet {
    /// A set of one code, salted anew.
    pub(crate) fn of(
        code: &RecoveryCode,
        now: UnixSeconds,
        draw: &mut Draw<'_>,
    ) -> Result<Self, RandomError> {
        let salt = RecoverySalt::draw(draw)?;
        let digests = vec![RecoveryDigest::of(&salt, code)];
        Ok(Self { salt, digests, issued_at: now })
    }

    /// The digest among the live ones that `code` has; every one is looked at.
    pub(crate) fn find(&self, code: &RecoveryCode) -> Option<RecoveryDigest> {
        let wanted = RecoveryDigest::of(&self.salt, code);
        RecoveryDigest::find(&self.digests, &wanted).map(|_| wanted)
    }
}

/// Enough for the calls that may race with one whose reply was lost; more would only grow every record.
const OPERATIONS_KEPT: usize = 8;
