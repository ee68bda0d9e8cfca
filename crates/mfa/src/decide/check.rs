//! Whether an assertion still stands, and for what.

use mfa_core::time::UnixSeconds;
use mfa_policy::{Obligation, Purpose};

use super::Moment;
use super::begin::{is_remembered, is_trusted};
use crate::assertion::Proof;
use crate::context::CLOCK_SPREAD;
use crate::record::Record;

/// What an assertion is worth now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "only Good lets the request through"]
#[non_exhaustive]
pub enum Standing {
    /// It proves what was asked.
    Good,
    /// It is sound but not enough: a fresh second factor is wanted, or policy demands one by now.
    FactorWanted,
    /// It is sound but not enough: the first factor is wanted again.
    FirstFactorWanted,
    /// It is over: the subject's authenticators changed. The session must end.
    Ended,
}

/// Judges a proof by the record and the policy of this moment.
pub(crate) fn check(
    record: Option<&Record>,
    proof: &Proof,
    wanted: Purpose,
    moment: &Moment<'_>,
) -> Standing {
    if !is_of_this_record(record, proof) {
        return Standing::Ended;
    }
    if !serves(proof.purpose, wanted) {
        return Standing::FactorWanted;
    }
    let is_enrolled = record.is_some_and(Record::is_enrolled);
    let needs_second = is_enrolled || moment.decision.obligation() == Obligation::Required;
    match proof.second {
        Some(second) if is_stale(second.at, wanted, moment) => return Standing::FactorWanted,
        Some(_) => {}
        None if wanted == Purpose::Session && is_remembered(record, proof.device.as_ref(), moment) => {}
        // INV-13: nothing but an authenticator of theirs lets the enrolled change their authenticators.
        None if is_enrolled && wanted == Purpose::Manage => return Standing::FactorWanted,
        None if needs_second && !is_trusted(&proof.first, moment) => return Standing::FactorWanted,
        // A sign-in without second factor does not age by itself: the host's own session rules say how long it lasts.
        None if wanted != Purpose::Session && is_stale(proof.first.at(), wanted, moment) => {
            return Standing::FirstFactorWanted;
        }
        None => {}
    }
    if wanted == Purpose::Manage && is_stale(proof.first.at(), wanted, moment) {
        return Standing::FirstFactorWanted;
    }
    Standing::Good
}

/// Whether the proof was made beside this record and its sessions have not been ended since (INV-12).
pub(super) fn is_of_this_record(record: Option<&Record>, proof: &Proof) -> bool {
    Record::is_epoch(record, proof.epoch) && proof.generation == record.map_or(0, |record| record.generation)
}

/// A sign-in proves what the person is asked again for, but never a transaction: every one has a challenge of its own.
/// What was proved for one purpose is worth nothing for another.
fn serves(proved: Purpose, wanted: Purpose) -> bool {
    proved == wanted || (proved == Purpose::Session && wanted != Purpose::Transaction)
}

/// Whether a proof of this time no longer counts. One dated ahead comes from a clock that is wrong, here or there: how
/// old it is cannot be told.
pub(super) fn is_stale(proved_at: UnixSeconds, wanted: Purpose, moment: &Moment<'_>) -> bool {
    let is_ahead = moment.now.plus(CLOCK_SPREAD) < proved_at;
    is_ahead || moment.now.since(proved_at) > moment.decision.freshness(wanted)
}
