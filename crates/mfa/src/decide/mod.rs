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
mod verify;

use mfa_core::id::Pseudonym;
use mfa_core::throttle::ThrottleSettings;
use mfa_core::time::UnixSeconds;
use mfa_policy::{Decision, Methods};

pub(crate) use ask::{Wanting, ask};
pub(crate) use begin::{Begun, begin, challenge_status, is_trusted};
pub use check::Standing;
pub(crate) use check::check;
pub(crate) use enroll::{activate, confirm, may_enroll, may_hold, may_skip, needs_binding_code, pending_app};
pub(crate) use lifecycle::{
    abandon_move, begin_move, erase, first_factor_changed, is_moved, is_worth_moving, move_here, unfinished,
    unlock,
};
pub(crate) use manage::{change_app, forget_devices, issue_codes, may_manage, new_codes, remove};
pub(crate) use recover::recover;
pub(crate) use redeem::{has_room_to_redeem, redeem};
pub(crate) use reset::{bind, reset};
pub(crate) use resynchronise::resynchronise;
pub(crate) use verify::{Verified, verify};

use crate::context::Context;
use crate::error::Rejection;
use crate::event::Event;
use crate::random::Draw;
use crate::record::Record;

/// What every decision is made from, besides record and request.
pub(crate) struct Moment<'a> {
    pub(crate) ctx: &'a Context,
    pub(crate) decision: &'a Decision<'a>,
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

/// The methods that the subject can answer with, by record and policy of this moment.
fn usable(record: &Record, moment: &Moment<'_>) -> Methods {
    record.usable(moment.decision.methods()).collect()
}
