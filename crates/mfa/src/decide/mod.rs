//! The pure core: `(record, request, policy, now, randomness) -> (record', events, outcome)`.
//!
//! Nothing here waits, stores or reads a clock. The engine commits what these functions decide, and only then lets
//! the outcome out.

mod begin;
mod check;
mod enroll;
mod first_factor;
mod recover;
mod verify;

use mfa_core::throttle::ThrottleSettings;
use mfa_core::time::UnixSeconds;
use mfa_policy::Decision;

pub(crate) use begin::{Begun, begin, challenge_status, is_trusted};
pub use check::Standing;
pub(crate) use check::check;
pub(crate) use enroll::{activate, confirm, may_enroll, may_skip, pending_app};
pub(crate) use first_factor::first_factor_changed;
pub(crate) use recover::recover;
pub(crate) use verify::verify;

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
}

impl<T> Verdict<T> {
    pub(crate) fn commit(record: Record, events: Vec<Event>, outcome: Result<T, Rejection>) -> Self {
        Self::Commit(Box::new(Change { record, events, outcome }))
    }
}
