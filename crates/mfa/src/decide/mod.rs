//! The pure core: `(record, request, policy, now, randomness) -> (record', events, outcome)`.
//!
//! Nothing here waits, stores or reads a clock. The engine commits what these functions decide, and only then lets
//! the outcome out.

mod ask;
mod begin;
mod check;
mod enroll;
mod lifecycle;
mod manage;
mod recover;
mod redeem;
mod reset;
mod resynchronise;
#[cfg(feature = "sms")]
mod text;
mod verify;

use mfa_core::id::Pseudonym;
use mfa_core::phone::PhoneNumber;
use mfa_core::throttle::ThrottleSettings;
use mfa_core::time::UnixSeconds;
use mfa_policy::{Decision, Method, Methods};

pub(crate) use ask::{Wanting, ask};
pub(crate) use begin::{Begun, begin, challenge_status, is_trusted};
pub use check::Standing;
pub(crate) use check::check;
pub(crate) use enroll::{
    activate, confirm, may_enroll, may_hold, may_skip, methods_of, needs_binding_code, pending_app,
};
pub(crate) use lifecycle::{
    abandon_move, begin_move, erase, erase_moved, first_factor_changed, is_moved, is_worth_moving, move_here,
    unfinished, unlock,
};
#[cfg(feature = "sms")]
pub(crate) use manage::change_phone;
pub(crate) use manage::{change_app, forget_devices, issue_codes, may_manage, new_codes, remove};
pub(crate) use recover::recover;
pub(crate) use redeem::{has_room_to_redeem, redeem};
pub(crate) use reset::{bind, reset};
pub(crate) use resynchronise::resynchronise;
#[cfg(feature = "sms")]
pub(crate) use text::{Sending, confirm_phone, not_sent, send_challenge, send_enrollment};
pub(crate) use verify::{Verified, verify};

use crate::context::Context;
use crate::error::Rejection;
use crate::event::Event;
#[cfg(feature = "sms")]
use crate::keyring::Sealer;
use crate::random::Draw;
use crate::record::{AuthenticatorKind, Record};
use crate::texting::{self, Plan};

/// What every decision is made from, besides record and request.
pub(crate) struct Moment<'a> {
    pub(crate) ctx: &'a Context,
    pub(crate) decision: &'a Decision<'a>,
    /// The number plans that texts are judged by; none where no texts are sent.
    pub(crate) plan: Option<&'a Plan>,
    /// How codes that were sent are digested.
    #[cfg(feature = "sms")]
    pub(crate) sealer: &'a Sealer,
    pub(crate) throttle: ThrottleSettings,
    pub(crate) recovery_throttle: ThrottleSettings,
    pub(crate) now: UnixSeconds,
    pub(crate) draw: Draw<'a>,
}

/// What a deciding function wants to happen.
pub(crate) enum Verdict<T> {
    /// Nothing changes; the person is told.
    Refuse(Rejection),
    /// The record changes, these events tell of it, and only when both are durable the outcome may leave.
    Commit(Box<Change<T>>),
}

pub(crate) struct Change<T> {
    pub(crate) record: Record,
    pub(crate) events: Vec<Event>,
    pub(crate) outcome: Result<T, Rejection>,
    /// Set where the subject is erased: its events are filed with those of the record that ends here.
    pub(crate) erases: Option<Pseudonym>,
}

impl<T> Verdict<T> {
    /// The number `before`, if the record that is to be committed does not have it any more.
    pub(crate) fn without(&self, before: Option<PhoneNumber>) -> Option<PhoneNumber> {
        match self {
            Self::Commit(change) => {
                before.filter(|old| number_of(Some(&change.record)).as_ref() != Some(old))
            }
            Self::Refuse(_) => None,
        }
    }

    pub(crate) fn commit(record: Record, events: Vec<Event>, outcome: Result<T, Rejection>) -> Self {
        Self::Commit(Box::new(Change { record, events, outcome, erases: None }))
    }

    /// `tombstone` takes the place of the record whose events were filed under `stream`.
    pub(crate) fn erase(tombstone: Record, stream: Pseudonym, events: Vec<Event>, outcome: T) -> Self {
        Self::Commit(Box::new(Change {
            record: tombstone,
            events,
            outcome: Ok(outcome),
            erases: Some(stream),
        }))
    }
}

impl Moment<'_> {
    /// The methods that policy allows and this library is set up for.
    pub(crate) fn methods(&self) -> Methods {
        match self.plan {
            Some(_) => self.decision.methods(),
            None => self.decision.methods().intersection(Methods::APP),
        }
    }

    /// Whether the authenticator may prove anything, by the policy of this moment. A number is judged anew each time.
    pub(crate) fn allows(&self, kind: &AuthenticatorKind) -> bool {
        match kind {
            AuthenticatorKind::App(_) => self.decision.methods().contains(Method::App),
            AuthenticatorKind::Phone(phone) => {
                self.plan.is_some_and(|plan| texting::may_go(plan, self.decision, &phone.number))
            }
            AuthenticatorKind::Other { .. } => false,
        }
    }
}

/// The phone number on record, in whatever state.
pub(crate) fn number_of(record: Option<&Record>) -> Option<PhoneNumber> {
    record?.authenticators.iter().find_map(|one| match &one.kind {
        AuthenticatorKind::Phone(phone) => Some(phone.number.clone()),
        _ => None,
    })
}

/// The methods that the subject can answer with, by record and policy of this moment.
fn usable(record: &Record, moment: &Moment<'_>) -> Methods {
    let usable = record.active().filter(|one| moment.allows(&one.kind));
    usable.filter_map(|one| one.kind.method()).collect()
}
