//! What the host tells of a subject: another first factor, another identifier, the end.

use mfa_core::id::{Pseudonym, SubjectKey};
use mfa_core::time::UnixSeconds;

use super::{Moment, Verdict};
use crate::error::Rejection;
use crate::event::{Event, EventKind};
use crate::random::RandomError;
use crate::record::Record;

/// Ends every ticket, assertion and remembered device that the old first factor led to. Authenticators stay.
///
/// A subject without a record gets one, without authenticators: else somebody who knew the old password could finish an
/// enrollment they began with it.
pub(crate) fn first_factor_changed(
    record: Option<Record>,
    moment: &mut Moment<'_>,
) -> Result<Verdict<()>, RandomError> {
    let record = match record {
        Some(mut record) => {
            record.redraw_epoch(&mut moment.draw)?;
            record
        }
        None => Record::new(moment.now, &mut moment.draw)?,
    };
    let events = vec![Event::of(moment.ctx, EventKind::FirstFactorChanged, moment.now)];
    Ok(Verdict::commit(record, events, Ok(())))
}

/// Ends the waits of both windows at an operator's word. What is disabled stays disabled, and the cap as near as it was.
pub(crate) fn unlock(mut record: Record, moment: &Moment<'_>) -> Verdict<()> {
    record.throttle.unlock();
    record.recovery_throttle.unlock();
    let events = vec![Event::of(moment.ctx, EventKind::Unlocked, moment.now)];
    Verdict::commit(record, events, Ok(()))
}

/// Leaves a tombstone: a record of nothing, with an epoch that no ticket from before carries, and a pseudonym that leads
/// to none of the subject's events.
pub(crate) fn erase(record: Record, moment: &mut Moment<'_>) -> Result<Verdict<()>, RandomError> {
    let events = vec![Event::of(moment.ctx, EventKind::Erased, moment.now)];
    Ok(Verdict::erase(Record::new(moment.now, &mut moment.draw)?, record.pseudonym, events, ()))
}

/// Erases what has moved to `to`, and nothing that is not on its way there: the name may be somebody else's by now.
pub(crate) fn erase_moved(
    record: Record,
    to: &SubjectKey,
    moment: &mut Moment<'_>,
) -> Result<Verdict<()>, RandomError> {
    match record.moving_to.as_ref() == Some(to) {
        true => erase(record, moment),
        false => Ok(Verdict::Refuse(Rejection::AlreadyUsed)),
    }
}

/// Tells that a sign-in begun at `since` was never finished, unless it was, on another node.
pub(crate) fn unfinished(record: Record, event: Event, since: UnixSeconds) -> Verdict<()> {
    let is_finished = |used: UnixSeconds| used >= since;
    if record.authenticators.iter().any(|one| one.last_used_at.is_some_and(is_finished)) {
        return Verdict::Refuse(Rejection::NotAllowed);
    }
    Verdict::commit(record, vec![event], Ok(()))
}

/// Whether anything must go along: an authenticator, or the demand for a binding code, which a new name must not shake off.
pub(crate) fn is_worth_moving(record: &Record) -> bool {
    record.is_enrolled() || record.binding.is_some() || record.moving_to.is_some()
}

/// Closes the record for everything but its move: from here on no code is accepted under the old subject, so that none
/// can be accepted under both (INV-1).
pub(crate) fn begin_move(
    mut record: Record,
    to: &SubjectKey,
    moment: &mut Moment<'_>,
) -> Result<Verdict<()>, RandomError> {
    match &record.moving_to {
        Some(begun) if begun != to => return Ok(Verdict::Refuse(Rejection::NotAllowed)),
        // Erased since it was looked at, by another call of the same move: what is left stays open.
        None if !is_worth_moving(&record) => return Ok(Verdict::Refuse(Rejection::AlreadyUsed)),
        _ => {}
    }
    record.moving_to = Some(to.clone());
    record.redraw_epoch(&mut moment.draw)?;
    let events = vec![Event::of(moment.ctx, EventKind::MoveBegun, moment.now)];
    Ok(Verdict::commit(record, events, Ok(())))
}

/// Opens the record again, where the other subject turned out to have authenticators of its own.
pub(crate) fn abandon_move(mut record: Record, moment: &Moment<'_>) -> Verdict<()> {
    record.moving_to = None;
    let events = vec![Event::of(moment.ctx, EventKind::MoveAbandoned, moment.now)];
    Verdict::commit(record, events, Ok(()))
}

/// Whether `there` is what `here` became by an earlier call that was cut short.
pub(crate) fn is_moved(here: &Record, there: &Record) -> bool {
    let first = here.authenticators.first();
    first.is_some_and(|authenticator| there.has(&authenticator.id))
}

/// Puts the moved record in the place of one without authenticators, or of none.
///
/// It keeps that one's pseudonym, since events are filed by it and by version.
pub(crate) fn move_here(
    there: Option<Record>,
    mut moved: Record,
    moment: &mut Moment<'_>,
) -> Result<Verdict<()>, RandomError> {
    // Erased since it was looked at, by another call of the same move.
    if !is_worth_moving(&moved) {
        return Ok(Verdict::Refuse(Rejection::AlreadyUsed));
    }
    if let Some(there) = &there {
        match there.is_enrolled() {
            true if is_moved(&moved, there) => return Ok(Verdict::Refuse(Rejection::AlreadyUsed)),
            true => return Ok(Verdict::Refuse(Rejection::NotAllowed)),
            false => {}
        }
    }
    let from = moved.pseudonym;
    moved.pseudonym = match there {
        Some(there) => there.pseudonym,
        None => Pseudonym::draw(&mut moment.draw)?,
    };
    moved.moving_to = None;
    moved.operations.clear();
    moved.redraw_epoch(&mut moment.draw)?;
    let events = vec![Event::of(moment.ctx, EventKind::MovedHere, moment.now).beside(Some(from))];
    Ok(Verdict::commit(moved, events, Ok(())))
}
