//! Beginning, and going on with, a recovery. What it grants is limited to replacing the authenticator.

use mfa_core::id::Epoch;
use mfa_core::recovery::RecoveryCode;
use mfa_policy::Purpose;

use super::verify::{consequences, refusal};
use super::{Moment, Verdict};
use crate::error::Rejection;
use crate::event::{Event, EventKind, EventMethod};
use crate::random::RandomError;
use crate::record::{AuthenticatorState, OpenRecovery, Record};
use crate::ticket::{Claims, kind};

/// Compares a typed recovery code with the live ones. A right one suspends what was lost and opens the recovery; it
/// is spent only by the commit that activates the replacement, so closing the tab loses nothing.
///
/// The outcome is the epoch that then stands: the next ticket is bound to it.
pub(crate) fn recover(
    mut record: Record,
    claims: &Claims<kind::Challenge>,
    typed: &str,
    moment: &mut Moment<'_>,
) -> Result<Verdict<Epoch>, RandomError> {
    let now = moment.now;
    if !claims.stand(Some(&record)) || !record.is_enrolled() {
        return Ok(Verdict::Refuse(Rejection::Expired));
    }
    // Who is signed in and has lost the app signs in again; nothing less than a sign-in leads here.
    if claims.purpose != Purpose::Session {
        return Ok(Verdict::Refuse(Rejection::NotAllowed));
    }
    let Ok(code) = RecoveryCode::parse(typed) else { return Ok(Verdict::Refuse(Rejection::Malformed)) };
    if let Err(throttled) = record.recovery_throttle.check(now, &moment.recovery_throttle) {
        return Ok(Verdict::Refuse(refusal(throttled)));
    }
    let event =
        |kind| Event::of(moment.ctx, kind, now).with(EventMethod::RecoveryCode).wanted_for(claims.purpose);
    let Some(digest) = record.recovery.as_ref().and_then(|set| set.find(&code)) else {
        let effects = record.recovery_throttle.fail(now, &moment.recovery_throttle);
        let mut events = vec![event(EventKind::RecoveryFailed)];
        events.extend(consequences(&effects).map(event));
        return Ok(Verdict::commit(record, events, Err(Rejection::WrongCode)));
    };
    record.recovery_throttle.succeed();
    if record.recovering.as_ref().is_some_and(|open| open.digest == digest) {
        let epoch = record.epoch;
        return Ok(Verdict::commit(record, vec![event(EventKind::RecoveryResumed)], Ok(epoch)));
    }
    let mut events = vec![event(EventKind::RecoveryOpened)];
    for authenticator in &mut record.authenticators {
        if authenticator.state == AuthenticatorState::Active {
            authenticator.state = AuthenticatorState::Suspended;
            let method = authenticator.kind.method().map_or(EventMethod::Other, EventMethod::from);
            events.push(Event::of(moment.ctx, EventKind::AuthenticatorSuspended, now).with(method));
        }
    }
    record.recovering = Some(OpenRecovery { opened_at: now, digest });
    record.redraw_epoch(&mut moment.draw)?;
    let epoch = record.epoch;
    Ok(Verdict::commit(record, events, Ok(epoch)))
}
