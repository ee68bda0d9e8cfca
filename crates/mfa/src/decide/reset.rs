//! A reset by somebody who may, and what the enrollment after it needs.

use std::time::Duration;

use mfa_core::id::Pseudonym;
use mfa_core::recovery::RecoveryCode;

use super::verify::{consequences, refusal};
use super::{Moment, Verdict};
use crate::context::CLOCK_SPREAD;
use crate::error::Rejection;
use crate::event::{Event, EventKind};
use crate::random::RandomError;
use crate::record::{Record, RecoverySet};
use crate::ticket::{Claims, kind};

/// Takes everything away that the subject could prove itself with, in one commit: no half a reset leaves residue. The
/// record stays, and with it the failures of the last 30 days and what was paid.
///
/// Whether this actor may do it was judged before, by the actor's own record and both sides' attributes.
pub(crate) fn reset(
    record: Option<Record>,
    actor: Pseudonym,
    binding_code: Option<&RecoveryCode>,
    moment: &mut Moment<'_>,
) -> Result<Verdict<()>, RandomError> {
    let is_worth_it = |record: &Record| record.is_enrolled() || record.binding.is_some();
    let Some(mut record) = record.filter(is_worth_it) else {
        return Ok(Verdict::Refuse(Rejection::NotAllowed));
    };
    record.authenticators.clear();
    record.recovery = None;
    record.recovering = None;
    record.binding = match binding_code {
        Some(code) => Some(RecoverySet::of(std::slice::from_ref(code), moment.now, &mut moment.draw)?),
        None => None,
    };
    record.transaction_failures = 0;
    record.clear_throttles();
    record.redraw_epoch(&mut moment.draw)?;
    let events = vec![Event::of(moment.ctx, EventKind::Reset, moment.now).beside(Some(actor))];
    Ok(Verdict::commit(record, events, Ok(())))
}

/// Compares a typed binding code with the one that was handed out. Guesses share the window of recovery codes. It is
/// spent by the commit that activates the authenticator, so a closed tab loses nothing.
pub(crate) fn bind(
    mut record: Record,
    claims: &Claims<kind::Enroll>,
    typed: &str,
    moment: &Moment<'_>,
) -> Verdict<()> {
    let now = moment.now;
    if !claims.stand(Some(&record)) || record.is_enrolled() {
        return Verdict::Refuse(Rejection::Expired);
    }
    let Some(handed_out) = &record.binding else { return Verdict::Refuse(Rejection::NotAllowed) };
    let Ok(code) = RecoveryCode::parse(typed) else { return Verdict::Refuse(Rejection::Malformed) };
    if let Err(throttled) = record.recovery_throttle.check(now, &moment.recovery_throttle) {
        return Verdict::Refuse(refusal(throttled));
    }
    let issued_at = handed_out.issued_at;
    let is_current = now < issued_at.plus(BINDING_CODE_LIFETIME) && issued_at <= now.plus(CLOCK_SPREAD);
    let is_right = handed_out.find(&code).is_some() & is_current;
    let event = |kind| Event::of(moment.ctx, kind, now);
    if is_right {
        record.recovery_throttle.succeed();
        return Verdict::commit(record, vec![event(EventKind::BindingAccepted)], Ok(()));
    }
    let effects = record.recovery_throttle.fail(now, &moment.recovery_throttle);
    let mut events = vec![event(EventKind::BindingFailed)];
    events.extend(consequences(&effects).map(event));
    Verdict::commit(record, events, Err(Rejection::WrongCode))
}

/// NIST SP 800-63B-4 section 4.2.1.2 gives codes that are sent to a validated address a day.
const BINDING_CODE_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
