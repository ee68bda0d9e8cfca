//! What somebody who is signed in must prove again, and what for.

use mfa_core::time::UnixSeconds;
use mfa_policy::{Methods, Purpose};

use super::begin::{Begun, challenge, is_trusted};
use super::check::{Standing, check, is_of_this_record, is_stale};
use super::{Moment, usable};
use crate::assertion::Proof;
use crate::context::FirstFactor;
use crate::error::Rejection;
use crate::record::Record;

/// What is still wanted, before it is put into a ticket.
pub(crate) enum Wanting {
    Nothing(Proof),
    FirstFactor { methods: Methods },
    Challenge { first: FirstFactor, methods: Methods },
    Throttled { until: UnixSeconds },
    RecoverOnly,
}

/// Compares what a session has proved, and the first factor where it was asked again, with what `wanted` takes.
pub(crate) fn ask(
    record: Option<&Record>,
    session: &Proof,
    first: Option<FirstFactor>,
    wanted: Purpose,
    moment: &Moment<'_>,
) -> Result<Wanting, Rejection> {
    if !is_of_this_record(record, session) || session.purpose != Purpose::Session {
        return Err(Rejection::Expired);
    }
    let first = first.unwrap_or_else(|| session.first.clone());
    let trusts_first = is_trusted(&first, moment);
    let proof = Proof { first, trusts_first, purpose: wanted, at: moment.now, ..session.clone() };
    let standing = match wanted {
        Purpose::Transaction => Standing::FactorWanted,
        _ => check(record, &proof, wanted, moment),
    };
    match standing {
        Standing::Good => Ok(Wanting::Nothing(proof)),
        Standing::Ended => Err(Rejection::Expired),
        Standing::FirstFactorWanted => Ok(Wanting::FirstFactor { methods: Methods::NONE }),
        Standing::FactorWanted => {
            let record = record.filter(|record| record.is_enrolled()).ok_or(Rejection::NotAllowed)?;
            if wanted == Purpose::Manage && is_stale(proof.first.at(), wanted, moment) {
                return Ok(Wanting::FirstFactor { methods: usable(record, moment) });
            }
            Ok(match challenge(record, moment) {
                Begun::Challenge { methods } => Wanting::Challenge { first: proof.first, methods },
                Begun::Throttled { until } => Wanting::Throttled { until },
                _ => Wanting::RecoverOnly,
            })
        }
    }
}
