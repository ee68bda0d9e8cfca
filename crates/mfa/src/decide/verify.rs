//! Checking the code of an authenticator app against the record.

use mfa_core::code::Code;
use mfa_core::throttle::{FailureEffects, Throttled};
use mfa_core::time::TimeStep;
use mfa_core::totp::{Scan, Window, scan};
use mfa_policy::Method;

use super::{Moment, Verdict};
use crate::assertion::{Proof, SecondFactor};
use crate::error::Rejection;
use crate::event::{Event, EventKind, EventMethod};
use crate::random::RandomError;
use crate::record::{AuthenticatorKind, AuthenticatorState, Record};
use crate::ticket::{Claims, kind};

/// Compares a typed code with the active app, whatever comes of it in one commit.
///
/// A replay is told apart and costs no attempt: it shows that the person has the app, names no future code, and an
/// honest double click must not lock anybody out. Nothing else that is compared goes uncounted (INV-3).
pub(crate) fn verify(
    mut record: Record,
    claims: &Claims<kind::Challenge>,
    typed: &str,
    moment: &mut Moment<'_>,
) -> Result<Verdict<Proof>, RandomError> {
    let (now, purpose) = (moment.now, claims.purpose);
    if claims.epoch != Some(record.epoch) {
        return Ok(Verdict::Refuse(Rejection::Expired));
    }
    if !moment.decision.methods().contains(Method::App) {
        return Ok(Verdict::Refuse(Rejection::NotAllowed));
    }
    let event = |kind| Event::of(moment.ctx, kind, now).with(EventMethod::App).wanted_for(purpose);
    let Some((authenticator, throttle)) = record.active_app() else {
        return Ok(Verdict::Refuse(Rejection::Expired));
    };
    let AuthenticatorKind::App(app) = &mut authenticator.kind else {
        return Ok(Verdict::Refuse(Rejection::Expired));
    };
    let Ok(code) = Code::parse(typed, app.parameters.digits()) else {
        return Ok(Verdict::Refuse(Rejection::Malformed));
    };
    if let Err(throttled) = throttle.check(now, &moment.throttle) {
        return Ok(Verdict::Refuse(refusal(throttled)));
    }
    let centre = app.drift.apply(TimeStep::containing(now, app.parameters.period()));
    match scan(&app.key, &app.parameters, &code, centre, Window::DEFAULT, Some(app.last_step)) {
        Scan::Fresh(step) => {
            app.last_step = step; // INV-1: it and every earlier one are used up with this commit
            authenticator.last_used_at = Some(now);
            throttle.succeed();
            let proof = Proof {
                first: claims.first.clone(),
                trusts_first: false,
                second: Some(SecondFactor { method: Method::App, at: now }),
                purpose,
                epoch: Some(record.epoch),
                at: now,
            };
            let events = vec![event(EventKind::Verified)];
            Ok(Verdict::commit(record, events, Ok(proof)))
        }
        Scan::Used => {
            let events = vec![event(EventKind::CodeReused)];
            Ok(Verdict::commit(record, events, Err(Rejection::AlreadyUsed)))
        }
        _ => {
            let effects = throttle.fail(now, &moment.throttle);
            let mut events = vec![event(EventKind::VerificationFailed)];
            if effects.disabled_now {
                authenticator.state = AuthenticatorState::Disabled;
                record.redraw_epoch(&mut moment.draw)?;
            }
            events.extend(consequences(&effects).map(event));
            Ok(Verdict::commit(record, events, Err(Rejection::WrongCode)))
        }
    }
}

/// Disabled reads as expired: the person begins again and is led to recovery.
pub(super) fn refusal(throttled: Throttled) -> Rejection {
    match throttled {
        Throttled::Wait { until } => Rejection::Throttled { until },
        _ => Rejection::Expired,
    }
}

/// The events that a counted failure brings with it.
pub(super) fn consequences(effects: &FailureEffects) -> impl Iterator<Item = EventKind> + use<> {
    [
        (effects.first_throttle, EventKind::Throttled),
        (effects.two_before_cap, EventKind::NearlyDisabled),
        (effects.disabled_now, EventKind::AuthenticatorDisabled),
        (effects.suspect_now, EventKind::FirstFactorSuspect),
    ]
    .into_iter()
    .filter_map(|(happened, kind)| happened.then_some(kind))
}
