//! Whether an assertion still stands.

use mfa_core::id::Epoch;
use mfa_policy::{Obligation, Purpose};

use super::Moment;
use super::begin::is_trusted;
use crate::assertion::Assertion;
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
    /// It is over: the subject's authenticators changed. The session must end.
    Ended,
}

/// Judges an assertion by the record and the policy of this moment.
pub(crate) fn check(
    record: Option<&Record>,
    assertion: &Assertion,
    wanted: Purpose,
    moment: &Moment<'_>,
) -> Standing {
    let epoch: Option<Epoch> = record.map(|record| record.epoch);
    if assertion.epoch() != epoch {
        return Standing::Ended;
    }
    let enrolled = record.is_some_and(Record::is_enrolled);
    let first = assertion.first_factor();
    if wanted == Purpose::Transaction && assertion.purpose() != Purpose::Transaction {
        return Standing::FactorWanted;
    }
    let needs_second = enrolled || moment.decision.obligation() == Obligation::Required;
    let proved_at = match assertion.second_factor() {
        Some(second) => second.at,
        None if needs_second && !is_trusted(first, moment) => return Standing::FactorWanted,
        None => first.at(),
    };
    // A sign-in without second factor does not age by itself: the host's own session rules say how long it lasts.
    let ages = assertion.second_factor().is_some() || wanted != Purpose::Session;
    // A proof dated ahead comes from a clock that is wrong, here or there: how old it is cannot be told.
    let is_ahead = moment.now.plus(CLOCK_SPREAD) < proved_at;
    if ages && (is_ahead || moment.now.since(proved_at) > moment.decision.freshness(wanted)) {
        return Standing::FactorWanted;
    }
    Standing::Good
}
