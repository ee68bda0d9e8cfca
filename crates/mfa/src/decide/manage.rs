//! Changing authenticators while signed in: on fresh proof of both factors, and never against policy.

use mfa_core::id::AuthenticatorId;
use mfa_core::recovery::RecoveryCode;
#[cfg(feature = "sms")]
use mfa_policy::Method;
use mfa_policy::{Obligation, Purpose};

use super::check::{Standing, check};
use super::enroll::{has_room, recovery_codes};
use super::{Moment, Verdict, usable};
use crate::assertion::{Proof, SecondFactor};
use crate::error::Rejection;
use crate::event::{Event, EventKind, EventMethod};
use crate::random::RandomError;
use crate::record::{AuthenticatorKind, Record, RecoverySet};
use crate::ticket::{Claims, EnrollMode, FreshCodes, kind};

/// Whether the proof lets its bearer change authenticators now.
pub(crate) fn may_manage(
    record: Option<&Record>,
    proof: &Proof,
    moment: &Moment<'_>,
) -> Result<(), Rejection> {
    match check(record, proof, Purpose::Manage, moment) {
        Standing::Good => Ok(()),
        Standing::Ended => Err(Rejection::Expired),
        Standing::FactorWanted | Standing::FirstFactorWanted => Err(Rejection::FreshProofWanted),
    }
}

/// In which way an app may be enrolled: the first one, one more, or in the place of `replaced`.
///
/// Without a name, the only app is the one that is replaced where there is no room for another.
pub(crate) fn change_app(
    record: Option<&Record>,
    proof: &Proof,
    replaced: Option<AuthenticatorId>,
    moment: &Moment<'_>,
) -> Result<EnrollMode, Rejection> {
    may_manage(record, proof, moment)?;
    let Some(record) = record.filter(|record| record.is_enrolled()) else {
        return match moment.decision.obligation() {
            Obligation::Unavailable => Err(Rejection::NotAllowed),
            _ => Ok(EnrollMode::First),
        };
    };
    match replaced {
        Some(id) if record.has(&id) => Ok(EnrollMode::Replace(id)),
        Some(_) => Err(Rejection::Expired),
        None if has_room(record, moment) => Ok(EnrollMode::Add),
        None => {
            let mut apps =
                record.authenticators.iter().filter(|one| matches!(one.kind, AuthenticatorKind::App(_)));
            match (apps.next(), apps.next()) {
                (Some(only), None) => Ok(EnrollMode::Replace(only.id)),
                _ => Err(Rejection::NotAllowed),
            }
        }
    }
}

/// In which way a phone may be enrolled by somebody who is signed in: as the first authenticator, beside an app, or in the
/// place of the number that there is.
#[cfg(feature = "sms")]
pub(crate) fn change_phone(
    record: Option<&Record>,
    proof: &Proof,
    moment: &Moment<'_>,
) -> Result<EnrollMode, Rejection> {
    may_manage(record, proof, moment)?;
    if !moment.methods().contains(Method::Sms) {
        return Err(Rejection::NotAllowed);
    }
    let Some(record) = record.filter(|record| record.is_enrolled()) else {
        return match moment.decision.obligation() {
            Obligation::Unavailable => Err(Rejection::NotAllowed),
            _ => Ok(EnrollMode::First),
        };
    };
    let phone = record.authenticators.iter().find(|one| matches!(one.kind, AuthenticatorKind::Phone(_)));
    Ok(phone.map_or(EnrollMode::AddPhone, |phone| EnrollMode::Replace(phone.id)))
}

/// Removes an authenticator. The last usable one stays where MFA is a must; with the last of all, the recovery codes go
/// too. The outcome is what the session has proved, under the new epoch.
pub(crate) fn remove(
    mut record: Record,
    proof: &Proof,
    id: &AuthenticatorId,
    moment: &mut Moment<'_>,
) -> Result<Verdict<Proof>, RandomError> {
    if let Err(rejection) = may_manage(Some(&record), proof, moment) {
        return Ok(Verdict::Refuse(rejection));
    }
    let Some(index) = record.authenticators.iter().position(|one| one.id == *id) else {
        return Ok(Verdict::Refuse(Rejection::Expired));
    };
    let removed = record.authenticators.remove(index);
    if moment.decision.obligation() == Obligation::Required && usable(&record, moment).is_empty() {
        return Ok(Verdict::Refuse(Rejection::NotAllowed));
    }
    if !record.is_enrolled() {
        record.recovery = None;
        record.recovering = None;
    }
    record.redraw_epoch(&mut moment.draw)?;
    let method = removed.kind.method().map_or(EventMethod::Other, EventMethod::from);
    let events = vec![Event::of(moment.ctx, EventKind::AuthenticatorRemoved, moment.now).with(method)];
    let proof = of_session(proof, &record, moment);
    Ok(Verdict::commit(record, events, Ok(proof)))
}

/// Draws new recovery codes to be shown. The old ones hold until these were acknowledged.
pub(crate) fn new_codes(
    record: Option<&Record>,
    proof: &Proof,
    moment: &mut Moment<'_>,
) -> Result<Result<(SecondFactor, Vec<RecoveryCode>), Rejection>, RandomError> {
    if let Err(rejection) = may_manage(record, proof, moment) {
        return Ok(Err(rejection));
    }
    match (record.is_some_and(Record::is_enrolled), proof.second) {
        (true, Some(second)) => Ok(Ok((second, recovery_codes(moment)?))),
        _ => Ok(Err(Rejection::NotAllowed)),
    }
}

/// Makes acknowledged recovery codes the live ones; every older one is void.
pub(crate) fn issue_codes(
    mut record: Record,
    claims: &Claims<kind::NewCode>,
    moment: &mut Moment<'_>,
) -> Result<Verdict<Proof>, RandomError> {
    if !claims.stand(Some(&record)) || !record.is_enrolled() {
        return Ok(Verdict::Refuse(Rejection::Expired));
    }
    let FreshCodes { second, codes } = &claims.body;
    record.recovery = Some(RecoverySet::of(codes, moment.now, &mut moment.draw)?);
    record.redraw_epoch(&mut moment.draw)?;
    let event = Event::of(moment.ctx, EventKind::RecoveryCodeIssued, moment.now);
    let proof = Proof::of_both(claims.first.clone(), *second, &record, moment.now);
    Ok(Verdict::commit(record, vec![event.with(EventMethod::RecoveryCode)], Ok(proof)))
}

/// Forgets every remembered device; their tokens are worth nothing from then on.
pub(crate) fn forget_devices(mut record: Record, proof: &Proof, moment: &Moment<'_>) -> Verdict<()> {
    if let Err(rejection) = may_manage(Some(&record), proof, moment) {
        return Verdict::Refuse(rejection);
    }
    record.devices.clear();
    let events = vec![Event::of(moment.ctx, EventKind::DevicesForgotten, moment.now)];
    Verdict::commit(record, events, Ok(()))
}

/// What a session has proved, carried over to a record that has just changed under it.
fn of_session(proof: &Proof, record: &Record, moment: &Moment<'_>) -> Proof {
    Proof {
        trusts_first: proof.trusts_first,
        second: proof.second,
        ..Proof::of_first(proof.first.clone(), Some(record), moment.now)
    }
}
