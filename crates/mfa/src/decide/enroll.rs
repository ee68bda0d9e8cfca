//! Adding an authenticator: offered, shown, confirmed, and only then, in one commit, active.

use mfa_core::code::Code;
use mfa_core::id::AuthenticatorId;
use mfa_core::key::SharedKey;
use mfa_core::recovery::RecoveryCode;
use mfa_core::time::TimeStep;
use mfa_core::totp::{Drift, Scan, TotpParameters, Window, scan};
use mfa_policy::{Method, Methods, Obligation};

use super::{Moment, Verdict};
use crate::assertion::{Proof, SecondFactor};
use crate::error::Rejection;
use crate::event::{Event, EventKind, EventMethod};
use crate::random::RandomError;
use crate::record::{App, Authenticator, AuthenticatorKind, AuthenticatorState, Record, RecoverySet};
use crate::ticket::{
    Claim, Claims, Confirmed, ConfirmedAuthenticator, EnrollMode, PendingApp, PendingPhone, kind,
};

/// Whether the holder of an enrollment ticket of this mode may still enroll, by record and policy of this moment.
pub(crate) fn may_enroll<K: Claim>(
    record: Option<&Record>,
    claims: &Claims<K>,
    mode: EnrollMode,
    method: Method,
    moment: &Moment<'_>,
) -> Result<(), Rejection> {
    may_hold(record, claims, mode, moment)?;
    if !methods_of(record, mode, moment).contains(method) {
        return Err(Rejection::NotAllowed);
    }
    match mode {
        EnrollMode::First if needs_binding_code(record) => Err(Rejection::NotAllowed),
        _ => Ok(()),
    }
}

/// As [`may_enroll`], for a ticket that may still lack the binding code.
pub(crate) fn may_hold<K: Claim>(
    record: Option<&Record>,
    claims: &Claims<K>,
    mode: EnrollMode,
    moment: &Moment<'_>,
) -> Result<(), Rejection> {
    if !claims.stand(record) {
        return Err(Rejection::Expired);
    }
    let is_enrolled = record.is_some_and(Record::is_enrolled);
    let is_as_it_was = match mode {
        // INV-13: the first factor alone binds nothing to an enrolled subject.
        EnrollMode::First => !is_enrolled,
        EnrollMode::Bound => !is_enrolled && needs_binding_code(record),
        EnrollMode::Recovery => record.is_some_and(|record| record.recovering.is_some()),
        EnrollMode::Add => record.is_some_and(|record| has_room(record, moment)),
        EnrollMode::AddPhone => record.is_some_and(|record| record.is_enrolled() && !record.has_phone()),
        EnrollMode::Replace(id) => record.is_some_and(|record| record.has(&id)),
    };
    let is_offered = is_enrolled || moment.decision.obligation() != Obligation::Unavailable;
    match (is_as_it_was, is_offered) {
        (false, _) => Err(Rejection::Expired),
        (true, false) => Err(Rejection::NotAllowed),
        (true, true) => Ok(()),
    }
}

/// What may be enrolled in this mode: what takes an authenticator's place is of its kind.
pub(crate) fn methods_of(record: Option<&Record>, mode: EnrollMode, moment: &Moment<'_>) -> Methods {
    let only = |method| moment.methods().intersection(Methods::from_iter([method]));
    match mode {
        EnrollMode::First | EnrollMode::Recovery | EnrollMode::Bound => moment.methods(),
        EnrollMode::Add => only(Method::App),
        EnrollMode::AddPhone => only(Method::Sms),
        EnrollMode::Replace(id) => {
            let replaced = record.and_then(|record| record.authenticators.iter().find(|one| one.id == id));
            replaced.and_then(|one| one.kind.method()).map_or(Methods::NONE, only)
        }
    }
}

/// Whether the subject was reset under a policy that wants a code handed over out of band.
pub(crate) fn needs_binding_code(record: Option<&Record>) -> bool {
    record.is_some_and(|record| record.binding.is_some())
}

/// Whether policy allows one more app.
pub(super) fn has_room(record: &Record, moment: &Moment<'_>) -> bool {
    record.is_enrolled() && record.apps() < usize::from(moment.decision.apps_max())
}

/// Whether an offer to enroll may be declined now. The grace ends by its date, not by signing in again.
pub(crate) fn may_skip(
    record: Option<&Record>,
    claims: &Claims<kind::Enroll>,
    moment: &Moment<'_>,
) -> Result<Proof, Rejection> {
    may_hold(record, claims, claims.body, moment)?;
    match (claims.body, moment.decision.obligation()) {
        (EnrollMode::First, Obligation::Optional { .. }) => {
            Ok(Proof::of_first(claims.first.clone(), record, moment.now))
        }
        _ => Err(Rejection::NotAllowed),
    }
}

/// Makes a key for a new app. Nothing of it is stored: an abandoned enrollment leaves no trace.
pub(crate) fn pending_app(mode: EnrollMode, moment: &mut Moment<'_>) -> Result<PendingApp, RandomError> {
    let parameters = TotpParameters::DEFAULT;
    Ok(PendingApp {
        mode,
        id: AuthenticatorId::draw(&mut moment.draw)?,
        key: SharedKey::generate(&mut moment.draw, parameters.algorithm())?,
        parameters,
    })
}

/// Checks that the person's app shows this key's codes, and draws the recovery code they must save next.
///
/// Guesses need no counting: whoever holds the ticket has been shown the key.
pub(crate) fn confirm(
    app: PendingApp,
    typed: &str,
    moment: &mut Moment<'_>,
) -> Result<Result<Confirmed, Rejection>, RandomError> {
    let Ok(code) = Code::parse(typed, app.parameters.digits()) else { return Ok(Err(Rejection::Malformed)) };
    let centre = TimeStep::containing(moment.now, app.parameters.period());
    match scan(&app.key, &app.parameters, &code, centre, Window::DEFAULT, None) {
        Scan::Fresh(step) => {
            let recovery = recovery_codes(moment)?;
            Ok(Ok(Confirmed { authenticator: ConfirmedAuthenticator::App(app, step), recovery }))
        }
        _ => Ok(Err(Rejection::WrongCode)),
    }
}

/// As many new recovery codes as policy gives.
pub(super) fn recovery_codes(moment: &mut Moment<'_>) -> Result<Vec<RecoveryCode>, RandomError> {
    (0..moment.decision.recovery_codes()).map(|_| RecoveryCode::generate(&mut moment.draw)).collect()
}

/// Makes a confirmed authenticator the subject's, in one commit with its recovery code (INV-5, INV-6).
pub(crate) fn activate(
    record: Option<Record>,
    claims: Claims<kind::Confirmed>,
    moment: &mut Moment<'_>,
) -> Result<Verdict<Proof>, RandomError> {
    let (mode, method) = (claims.body.authenticator.mode(), claims.body.authenticator.method());
    if let Err(rejection) = may_enroll(record.as_ref(), &claims, mode, method, moment) {
        return Ok(Verdict::Refuse(rejection));
    }
    let Confirmed { authenticator, recovery } = claims.body;
    let now = moment.now;
    let (id, kind) = match authenticator {
        ConfirmedAuthenticator::App(PendingApp { id, key, parameters, .. }, step) => {
            // The code that confirmed is used up (INV-1).
            (id, AuthenticatorKind::App(App { key, parameters, last_step: step, drift: Drift::NONE }))
        }
        ConfirmedAuthenticator::Phone(PendingPhone { id, phone, .. }) => {
            (id, AuthenticatorKind::Phone(phone))
        }
    };
    if !moment.allows(&kind) {
        return Ok(Verdict::Refuse(Rejection::NotAllowed));
    }
    let mut record = match record {
        Some(record) => record,
        None => Record::new(now, &mut moment.draw)?,
    };
    let event = |kind| Event::of(moment.ctx, kind, now);
    let mut events = Vec::with_capacity(3);
    match mode {
        EnrollMode::First | EnrollMode::Bound | EnrollMode::Add | EnrollMode::AddPhone => {
            record.binding = None;
            events.push(event(EventKind::AuthenticatorActivated).with(method));
        }
        EnrollMode::Replace(old) => {
            // INV-6: the old one has worked until now, and is dead with this commit.
            record.authenticators.retain(|authenticator| authenticator.id != old);
            events.push(event(EventKind::AuthenticatorReplaced).with(method));
        }
        EnrollMode::Recovery => {
            // The lost ones have been suspended since recovery began; now they are gone. A kind that this version
            // does not know is kept: it proves nothing here and may mean something to a newer node.
            record.authenticators.retain(|old| matches!(old.kind, AuthenticatorKind::Other { .. }));
            record.recovering = None;
            events.push(event(EventKind::AuthenticatorReplaced).with(method));
            events.push(event(EventKind::RecoveryCompleted).with(EventMethod::RecoveryCode));
        }
    }
    events.push(event(EventKind::RecoveryCodeIssued).with(EventMethod::RecoveryCode));
    record.authenticators.push(Authenticator {
        id,
        state: AuthenticatorState::Active,
        bound_at: now,
        last_used_at: Some(now),
        kind,
        unknown: crate::codec::Unknown::default(),
    });
    // Every older code is void, the one that opened this recovery included (INV-2).
    record.recovery = Some(RecoverySet::of(&recovery, now, &mut moment.draw)?);
    record.clear_throttles();
    record.redraw_epoch(&mut moment.draw)?;
    let second = SecondFactor { method, at: now };
    let proof = Proof::of_both(claims.first, second, &record, now);
    Ok(Verdict::commit(record, events, Ok(proof)))
}
