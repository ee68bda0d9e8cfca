//! Checking a typed code against the record: an app's here, one that was sent in `text.rs`.

use mfa_core::code::Code;
use mfa_core::id::DeviceId;
use mfa_core::throttle::{FailureEffects, Throttled};
use mfa_core::time::{TimeStep, UnixSeconds};
use mfa_core::totp::{Drift, Scan, Window, scan};
use mfa_policy::{Method, Purpose};

use super::{Moment, Verdict};
use crate::assertion::{Proof, SecondFactor};
use crate::error::Rejection;
use crate::event::{Event, EventKind, EventMethod};
use crate::random::RandomError;
use crate::record::{AuthenticatorState, Device, MOST_DEVICES, Record};
use crate::ticket::{Claims, kind};

/// What a right code leads to.
pub(crate) struct Verified {
    pub(crate) proof: Proof,
    /// The device that is remembered from now on.
    pub(crate) device: Option<DeviceId>,
    /// The number that the code had been sent to.
    #[cfg(feature = "sms")]
    pub(crate) texted: Option<mfa_core::phone::PhoneNumber>,
}

/// Compares a typed code with every active app, whatever comes of it in one commit.
///
/// A replay is told apart and costs no attempt: it shows that the person has the app, names no future code, and an
/// honest double click must not lock anybody out. Nothing else that is compared goes uncounted (INV-3).
pub(crate) fn verify(
    mut record: Record,
    claims: &Claims<kind::Challenge>,
    typed: &str,
    remember: bool,
    moment: &mut Moment<'_>,
) -> Result<Verdict<Verified>, RandomError> {
    #[cfg(feature = "sms")]
    if answers_by_text(&record, claims) {
        return super::text::verify(record, claims, typed, remember, moment);
    }
    let (now, purpose) = (moment.now, claims.purpose);
    if !claims.stand(Some(&record)) || record.active_apps().next().is_none() {
        return Ok(Verdict::Refuse(Rejection::Expired));
    }
    if !moment.decision.methods().contains(Method::App) {
        return Ok(Verdict::Refuse(Rejection::NotAllowed));
    }
    if !record.active_apps().any(|app| Code::parse(typed, app.parameters.digits()).is_ok()) {
        return Ok(Verdict::Refuse(Rejection::Malformed));
    }
    if let Err(throttled) = record.throttle.check(now, &moment.throttle) {
        return Ok(Verdict::Refuse(refusal(throttled)));
    }
    let event = |kind| Event::of(moment.ctx, kind, now).with(EventMethod::App).wanted_for(purpose);
    match compare(&mut record, typed, moment.decision.drift_memory(), now) {
        Scan::Fresh(_) => accepted(record, claims, event(EventKind::Verified), Method::App, remember, moment),
        Scan::Used => {
            let events = vec![event(EventKind::CodeReused)];
            Ok(Verdict::commit(record, events, Err(Rejection::AlreadyUsed)))
        }
        _ => {
            let event = event(EventKind::VerificationFailed);
            let (events, rejection) = count_failure(&mut record, event, purpose, moment)?;
            Ok(Verdict::commit(record, events, Err(rejection)))
        }
    }
}

/// Whether a code that was sent is what the challenge is answered with: it was chosen, or there is nothing else.
#[cfg(feature = "sms")]
fn answers_by_text(record: &Record, claims: &Claims<kind::Challenge>) -> bool {
    match claims.body.method {
        Some(method) => method == Method::Sms,
        None => record.active_apps().next().is_none() && record.phone().is_some(),
    }
}

/// What a right code leads to, whichever authenticator it was of.
pub(super) fn accepted(
    mut record: Record,
    claims: &Claims<kind::Challenge>,
    event: Event,
    method: Method,
    remember: bool,
    moment: &mut Moment<'_>,
) -> Result<Verdict<Verified>, RandomError> {
    let (now, purpose) = (moment.now, claims.purpose);
    record.throttle.succeed();
    record.texts.succeeded();
    record.transaction_failures = 0;
    let mut events = vec![event];
    let device = if remember { remember_device(&mut record, purpose, moment)? } else { None };
    if device.is_some() {
        events.push(Event::of(moment.ctx, EventKind::DeviceRemembered, now));
    }
    let proof = Proof {
        purpose,
        transaction: claims.body.transaction.as_ref().map(|transaction| transaction.mark()),
        ..Proof::of_both(claims.first.clone(), SecondFactor { method, at: now }, &record, now)
    };
    #[cfg(feature = "sms")]
    let texted = record.phone().filter(|_| method == Method::Sms).map(|phone| phone.number.clone());
    let verified = Verified {
        proof,
        device,
        #[cfg(feature = "sms")]
        texted,
    };
    Ok(Verdict::commit(record, events, Ok(verified)))
}

/// Looks at every active app, whatever the first ones answer, and uses up the step of the one that matches.
fn compare(record: &mut Record, typed: &str, drift_memory: u8, now: UnixSeconds) -> Scan {
    let mut found = Scan::Wrong;
    for (app, last_used_at) in record.active_apps_and_use() {
        let Ok(code) = Code::parse(typed, app.parameters.digits()) else { continue };
        let here = TimeStep::containing(now, app.parameters.period());
        let centre = app.drift.apply(here);
        match scan(&app.key, &app.parameters, &code, centre, Window::DEFAULT, Some(app.last_step)) {
            Scan::Fresh(step) if !matches!(found, Scan::Fresh(_)) => {
                app.last_step = step; // INV-1: it and every earlier one are used up with this commit
                app.drift = learned(app.drift, here, step, drift_memory);
                *last_used_at = Some(now);
                found = Scan::Fresh(step);
            }
            Scan::Used if matches!(found, Scan::Wrong) => found = Scan::Used,
            _ => {}
        }
    }
    found
}

/// The drift after an accepted code, where policy keeps any memory of it.
fn learned(drift: Drift, here: TimeStep, matched: TimeStep, memory: u8) -> Drift {
    let learned = drift.learn(here, matched);
    if memory > 0 && learned.steps().unsigned_abs() <= memory { learned } else { drift }
}

/// Lists a new device, where policy remembers any and this is a sign-in.
fn remember_device(
    record: &mut Record,
    purpose: Purpose,
    moment: &mut Moment<'_>,
) -> Result<Option<DeviceId>, RandomError> {
    let lifetime = match moment.decision.remember_device() {
        Some(lifetime) if purpose == Purpose::Session => lifetime,
        _ => return Ok(None),
    };
    let (id, now) = (DeviceId::draw(&mut moment.draw)?, moment.now);
    record.devices.retain(|device| now < device.expires_at);
    let surplus = record.devices.len().saturating_add(1).saturating_sub(MOST_DEVICES);
    record.devices.drain(..surplus);
    record.devices.push(Device { id, remembered_at: now, expires_at: now.plus(lifetime) });
    Ok(Some(id))
}

/// Counts a wrong answer (INV-3): towards the waits, towards the cap, and towards the end of the session where a
/// transaction was to be confirmed. Answers the events and what the person is told.
pub(super) fn count_failure(
    record: &mut Record,
    failure: Event,
    purpose: Purpose,
    moment: &mut Moment<'_>,
) -> Result<(Vec<Event>, Rejection), RandomError> {
    let effects = record.throttle.fail(moment.now, &moment.throttle);
    let told = consequences(&effects).map(|kind| Event { kind, ..failure.clone() });
    let mut events: Vec<_> = std::iter::once(failure.clone()).chain(told).collect();
    if effects.disabled_now {
        for authenticator in &mut record.authenticators {
            if authenticator.state == AuthenticatorState::Active {
                authenticator.state = AuthenticatorState::Disabled;
            }
        }
        record.redraw_epoch(&mut moment.draw)?;
    }
    if purpose != Purpose::Transaction {
        return Ok((events, Rejection::WrongCode));
    }
    record.transaction_failures = record.transaction_failures.saturating_add(1);
    if record.transaction_failures < TRANSACTION_FAILURES {
        return Ok((events, Rejection::WrongCode));
    }
    record.transaction_failures = 0;
    record.generation = record.generation.wrapping_add(1);
    events.push(Event { kind: EventKind::SessionsEnded, ..failure });
    Ok((events, Rejection::SessionEnded))
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

/// So many wrong codes for transactions end every session of the subject.
const TRANSACTION_FAILURES: u8 = 10;
