//! The one record of a subject: plain data, changed only by pure functions, sealed before it leaves the engine.

mod authenticator;
mod codec;
mod device;
mod envelope;
mod texts;

use std::time::Duration;

use mfa_core::id::{AuthenticatorId, DeviceId, Epoch, OperationId, Pseudonym, SubjectKey};
use mfa_core::recovery::{RecoveryCode, RecoveryDigest, RecoverySalt};
use mfa_core::throttle::{Throttle, ThrottleSettings, Throttled};
use mfa_core::time::UnixSeconds;
use mfa_policy::Method;
use mfa_storage::{MethodSet, Summary};

pub(crate) use authenticator::{App, Authenticator, AuthenticatorKind, AuthenticatorState, Phone};
pub(crate) use device::{Device, MOST_DEVICES};
pub(crate) use envelope::{LoadedRecord, Stored};
#[cfg(feature = "sms")]
pub(crate) use texts::{CodeUse, MOST_KEPT};
pub(crate) use texts::{SentCode, Texts};

use crate::codec::Unknown;
use crate::context::CLOCK_SPREAD;
use crate::random::{Draw, RandomError};
use crate::transaction::Redeemed;

/// All MFA state of a subject.
pub(crate) struct Record {
    pub(crate) created_at: UnixSeconds,
    pub(crate) epoch: Epoch,
    /// Stands for the subject in events; dies with an erased record.
    pub(crate) pseudonym: Pseudonym,
    pub(crate) authenticators: Vec<Authenticator>,
    pub(crate) recovery: Option<RecoverySet>,
    pub(crate) recovering: Option<OpenRecovery>,
    /// What the next enrollment needs besides the first factor, after a reset under such a policy.
    pub(crate) binding: Option<RecoverySet>,
    /// Remembered devices, oldest first.
    pub(crate) devices: Vec<Device>,
    /// Transactions of the last 24 hours, oldest first.
    pub(crate) redeemed: Vec<Redeemed>,
    /// No proof up to this moment redeems anything: transactions that were forgotten since had theirs before it.
    pub(crate) redeemed_until: UnixSeconds,
    /// Wrong codes for transactions since a right one.
    pub(crate) transaction_failures: u8,
    /// Changes when sessions must end though nothing else changed; assertions of an older one are over.
    pub(crate) generation: u32,
    /// Whether tickets from before there was a record still stand: an enrollment by text is on record before anything is
    /// enrolled. Until anything ends them.
    pub(crate) admits_no_epoch: bool,
    /// Codes that were sent by text, one of each use.
    pub(crate) sent_codes: Vec<SentCode>,
    pub(crate) texts: Texts,
    /// Where an operator, or the library itself, has stopped texts; in the library's own record alone.
    pub(crate) stops: Vec<Box<str>>,
    /// The subject that this record is on its way to; nothing else is done with it any more.
    pub(crate) moving_to: Option<SubjectKey>,
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
            binding: None,
            devices: Vec::new(),
            redeemed: Vec::new(),
            redeemed_until: UnixSeconds::new(0),
            transaction_failures: 0,
            generation: 0,
            admits_no_epoch: false,
            sent_codes: Vec::new(),
            texts: Texts::default(),
            stops: Vec::new(),
            moving_to: None,
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

    /// The active authenticators.
    pub(crate) fn active(&self) -> impl Iterator<Item = &Authenticator> {
        self.authenticators.iter().filter(|authenticator| authenticator.state == AuthenticatorState::Active)
    }

    /// Whether what carries `epoch` was made beside this record, or beside none that this one takes up.
    pub(crate) fn is_epoch(record: Option<&Self>, epoch: Option<Epoch>) -> bool {
        match (record, epoch) {
            (Some(record), Some(epoch)) => record.epoch == epoch,
            (Some(record), None) => record.admits_no_epoch,
            (None, epoch) => epoch.is_none(),
        }
    }

    /// The active phone.
    pub(crate) fn phone(&self) -> Option<&Phone> {
        self.active().find_map(|one| match &one.kind {
            AuthenticatorKind::Phone(phone) => Some(phone),
            _ => None,
        })
    }

    /// Whether a phone is on record, in whatever state.
    pub(crate) fn has_phone(&self) -> bool {
        self.authenticators.iter().any(|one| matches!(one.kind, AuthenticatorKind::Phone(_)))
    }

    /// The active apps.
    pub(crate) fn active_apps(&self) -> impl Iterator<Item = &App> {
        self.authenticators.iter().filter_map(|one| match (&one.kind, one.state) {
            (AuthenticatorKind::App(app), AuthenticatorState::Active) => Some(app),
            _ => None,
        })
    }

    /// The active apps, to be changed.
    pub(crate) fn active_apps_mut(&mut self) -> impl Iterator<Item = &mut App> {
        self.active_apps_and_use().map(|(app, _)| app)
    }

    /// The active apps and when each was last used.
    pub(crate) fn active_apps_and_use(
        &mut self,
    ) -> impl Iterator<Item = (&mut App, &mut Option<UnixSeconds>)> {
        self.authenticators.iter_mut().filter_map(|one| match (&mut one.kind, one.state) {
            (AuthenticatorKind::App(app), AuthenticatorState::Active) => Some((app, &mut one.last_used_at)),
            _ => None,
        })
    }

    /// The apps on record, in whatever state.
    pub(crate) fn apps(&self) -> usize {
        self.authenticators.iter().filter(|a| matches!(a.kind, AuthenticatorKind::App(_))).count()
    }

    /// Whether the authenticator `id` is on record.
    pub(crate) fn has(&self, id: &AuthenticatorId) -> bool {
        self.authenticators.iter().any(|authenticator| authenticator.id == *id)
    }

    /// The remembered device `id`, if it is listed and still good.
    pub(crate) fn device(&self, id: &DeviceId, lifetime: Duration, now: UnixSeconds) -> Option<&Device> {
        let device = self.devices.iter().find(|device| device.id == *id)?;
        let expires_at = device.expires_at.min(device.remembered_at.plus(lifetime));
        let is_ahead = now.plus(CLOCK_SPREAD) < device.remembered_at;
        (now < expires_at && !is_ahead).then_some(device)
    }

    /// Tickets, assertions and device tokens made before this die.
    pub(crate) fn redraw_epoch(&mut self, draw: &mut Draw<'_>) -> Result<(), RandomError> {
        self.epoch = Epoch::draw(draw)?;
        self.admits_no_epoch = false;
        self.devices.clear();
        self.sent_codes.clear();
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
    /// The set of these codes, salted anew.
    pub(crate) fn of(
        codes: &[RecoveryCode],
        now: UnixSeconds,
        draw: &mut Draw<'_>,
    ) -> Result<Self, RandomError> {
        let salt = RecoverySalt::draw(draw)?;
        let digests = codes.iter().map(|code| RecoveryDigest::of(&salt, code)).collect();
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
