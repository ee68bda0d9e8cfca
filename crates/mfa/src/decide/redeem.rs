//! Taking a confirmed transaction, once.

use std::time::Duration;

use mfa_core::time::UnixSeconds;
use mfa_policy::Purpose;

use super::check::{Standing, check};
use super::{Moment, Verdict};
use crate::assertion::Proof;
use crate::error::Rejection;
use crate::event::{Event, EventKind};
use crate::record::Record;
use crate::transaction::{Redeemed, Transaction};

/// Takes the transaction that was confirmed (INV-2). The same one again is told apart, so that the host can look its
/// payment up; another one under the same proof, or under the same id, is refused.
pub(crate) fn redeem(
    mut record: Record,
    proof: &Proof,
    transaction: &Transaction,
    moment: &Moment<'_>,
) -> Verdict<()> {
    let (now, mark) = (moment.now, transaction.mark());
    if proof.purpose != Purpose::Transaction || proof.transaction != Some(mark) {
        return Verdict::Refuse(Rejection::NotAllowed);
    }
    if let Some(known) = record.redeemed.iter().find(|known| known.mark.id == mark.id) {
        let is_same = known.mark == mark;
        return Verdict::Refuse(if is_same { Rejection::AlreadyRedeemed } else { Rejection::NotAllowed });
    }
    match (check(Some(&record), proof, Purpose::Transaction, moment), proof.second) {
        // A proof that is as old as one that was forgotten could have redeemed what is no longer known.
        (Standing::Good, Some(second)) if second.at > record.redeemed_until => {
            forget_old(&mut record, now);
            if let Err(rejection) = has_room_to_redeem(&record, now) {
                return Verdict::Refuse(rejection);
            }
            record.redeemed.push(Redeemed { mark, at: now, proved_at: second.at });
            let event = Event::of(moment.ctx, EventKind::TransactionRedeemed, now);
            let event = event.wanted_for(Purpose::Transaction).named(transaction.id());
            Verdict::commit(record, vec![event], Ok(()))
        }
        (Standing::Ended, _) => Verdict::Refuse(Rejection::Expired),
        _ => Verdict::Refuse(Rejection::FreshProofWanted),
    }
}

/// Whether one more transaction can be kept; asked before the person is, too.
pub(crate) fn has_room_to_redeem(record: &Record, now: UnixSeconds) -> Result<(), Rejection> {
    let kept = record.redeemed.iter().filter(|known| !is_old(known, now));
    match kept.clone().count() < MOST_REDEEMED {
        true => Ok(()),
        false => {
            let oldest = kept.map(|known| known.at).min().unwrap_or(now);
            Err(Rejection::Throttled { until: oldest.plus(KEPT_FOR) })
        }
    }
}

fn forget_old(record: &mut Record, now: UnixSeconds) {
    let forgotten = record.redeemed.iter().filter(|known| is_old(known, now)).map(|known| known.proved_at);
    record.redeemed_until = forgotten.chain([record.redeemed_until]).max().unwrap_or(record.redeemed_until);
    record.redeemed.retain(|known| !is_old(known, now));
}

fn is_old(known: &Redeemed, now: UnixSeconds) -> bool {
    now >= known.at.plus(KEPT_FOR)
}

const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
const MOST_REDEEMED: usize = 16;
