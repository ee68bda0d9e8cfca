//! Codes that are sent by text: when one may go, what is kept of it, and checking it.

use mfa_core::algorithm::Digits;
use mfa_core::code::Code;
use mfa_core::id::Epoch;
use mfa_core::phone::PhoneNumber;
use mfa_core::time::UnixSeconds;
use mfa_policy::Method;
use mfa_policy::numbers::Destination;
use subtle::ConstantTimeEq;

use super::enroll::{may_enroll, recovery_codes};
use super::verify::{Verified, accepted, count_failure, refusal};
use super::{Moment, Verdict};
use crate::error::Rejection;
use crate::event::{Event, EventKind, EventMethod};
use crate::keyring::{Aad, MacUse};
use crate::random::RandomError;
use crate::record::{CodeUse, Record, SentCode};
use crate::ticket::{Claims, Confirmed, ConfirmedAuthenticator, PendingPhone, kind};
use crate::transaction::Transaction;

/// A text that may go.
pub(crate) struct Sending {
    pub(crate) number: PhoneNumber,
    pub(crate) destination: Destination,
    pub(crate) code: Code,
    /// The epoch of the record that the code is on.
    pub(crate) epoch: Epoch,
}

/// Decides whether a code may be sent to the subject's phone for what is asked, and puts it on record. The one before it
/// is void (the same use has one code), and nothing but its waits is changed.
pub(crate) fn send_challenge(
    record: Record,
    claims: &Claims<kind::Challenge>,
    per_day: usize,
    moment: &mut Moment<'_>,
) -> Result<Verdict<Sending>, RandomError> {
    if !claims.stand(Some(&record)) {
        return Ok(Verdict::Refuse(Rejection::Expired));
    }
    let Some(number) = record.phone().map(|phone| phone.number.clone()) else {
        return Ok(Verdict::Refuse(Rejection::Expired));
    };
    // Nothing that could not be compared is worth a text.
    if let Err(throttled) = record.throttle.check(moment.now, &moment.throttle) {
        return Ok(Verdict::Refuse(refusal(throttled)));
    }
    let code_use = CodeUse::Challenge(claims.purpose);
    send(record, code_use, number, claims.body.transaction.as_ref(), per_day, moment)
}

/// The same for a number that is to be bound. Where there is no record yet this makes one, without authenticators.
pub(crate) fn send_enrollment<K: crate::ticket::Claim>(
    record: Option<Record>,
    claims: &Claims<K>,
    pending: &PendingPhone,
    per_day: usize,
    moment: &mut Moment<'_>,
) -> Result<Verdict<Sending>, RandomError> {
    if let Err(rejection) = may_enroll(record.as_ref(), claims, pending.mode, Method::Sms, moment) {
        return Ok(Verdict::Refuse(rejection));
    }
    let record = match record {
        Some(record) => record,
        // T2: what was begun beside no record goes on beside this one.
        None => Record { admits_no_epoch: true, ..Record::new(moment.now, &mut moment.draw)? },
    };
    if let Err(throttled) = record.throttle.check(moment.now, &moment.throttle) {
        return Ok(Verdict::Refuse(refusal(throttled)));
    }
    send(record, CodeUse::Enrollment, pending.phone.number.clone(), None, per_day, moment)
}

fn send(
    mut record: Record,
    code_use: CodeUse,
    number: PhoneNumber,
    transaction: Option<&Transaction>,
    per_day: usize,
    moment: &mut Moment<'_>,
) -> Result<Verdict<Sending>, RandomError> {
    // INV-7: region and type are judged by the policy of this moment, before every text.
    let verdict = moment.plan.map(|plan| moment.decision.sms_to(plan, &number));
    let destination = match verdict {
        Some(Ok(destination)) => destination,
        Some(Err(refused)) => return Ok(Verdict::Refuse(Rejection::Number(refused))),
        None => return Ok(Verdict::Refuse(Rejection::NotAllowed)),
    };
    if let Some(until) = record.texts.wait(moment.now, per_day) {
        return Ok(Verdict::Refuse(Rejection::TextThrottled { until }));
    }
    let code = Code::draw(&mut moment.draw, Digits::SIX)?;
    let key_id = moment.sealer.current_id();
    let Some(digest) = digest(&code, code_use, &number, transaction, key_id, moment) else {
        return Ok(Verdict::Refuse(Rejection::Expired));
    };
    let expires_at = moment.now.plus(moment.decision.sms_code_lifetime());
    record.sent_codes.retain(|sent| sent.code_use != code_use); // A13: of each use the latest alone
    record.sent_codes.push(SentCode { code_use, digest, key_id, expires_at, is_used: false });
    record.texts.sent(moment.now);
    let epoch = record.epoch;
    let events = vec![told(code_use, EventKind::TextSent, moment)];
    Ok(Verdict::commit(record, events, Ok(Sending { number, destination, code, epoch })))
}

/// Takes back a code whose text certainly did not go: it costs the person neither a wait nor one of the day's texts.
pub(crate) fn not_sent(
    mut record: Record,
    code_use: CodeUse,
    sent_at: UnixSeconds,
    moment: &Moment<'_>,
) -> Verdict<()> {
    record.sent_codes.retain(|sent| sent.code_use != code_use);
    record.texts.not_sent(sent_at);
    Verdict::commit(record, vec![told(code_use, EventKind::TextNotSent, moment)], Ok(()))
}

/// Checks a typed code against the latest that was sent for what is asked. It shares its window with the app.
pub(super) fn verify(
    mut record: Record,
    claims: &Claims<kind::Challenge>,
    typed: &str,
    remember: bool,
    moment: &mut Moment<'_>,
) -> Result<Verdict<Verified>, RandomError> {
    if !claims.stand(Some(&record)) {
        return Ok(Verdict::Refuse(Rejection::Expired));
    }
    let Some(phone) = record.phone().cloned() else { return Ok(Verdict::Refuse(Rejection::Expired)) };
    if !moment.allows(&crate::record::AuthenticatorKind::Phone(phone.clone())) {
        return Ok(Verdict::Refuse(Rejection::NotAllowed));
    }
    let code_use = CodeUse::Challenge(claims.purpose);
    let transaction = claims.body.transaction.as_ref();
    let event = |kind, moment: &Moment<'_>| told(code_use, kind, moment);
    match compare(&mut record, code_use, &phone.number, transaction, typed, moment) {
        Compared::Refused(rejection) => Ok(Verdict::Refuse(rejection)),
        Compared::Used => {
            let events = vec![event(EventKind::CodeReused, moment)];
            Ok(Verdict::commit(record, events, Err(Rejection::AlreadyUsed)))
        }
        Compared::Right => {
            for one in &mut record.authenticators {
                if one.kind.method() == Some(Method::Sms) {
                    one.last_used_at = Some(moment.now);
                }
            }
            let event = event(EventKind::Verified, moment);
            accepted(record, claims, event, Method::Sms, remember, moment)
        }
        Compared::Wrong => {
            let failure = event(EventKind::VerificationFailed, moment);
            let (events, rejection) = count_failure(&mut record, failure, claims.purpose, moment)?;
            Ok(Verdict::commit(record, events, Err(rejection)))
        }
    }
}

/// Checks the code that was sent to a number which is to be bound. Guesses count: whoever holds the ticket need not hold
/// the phone.
pub(crate) fn confirm_phone(
    mut record: Record,
    claims: &Claims<kind::PendingPhone>,
    typed: &str,
    moment: &mut Moment<'_>,
) -> Result<Verdict<Confirmed>, RandomError> {
    let pending = &claims.body;
    if let Err(rejection) = may_enroll(Some(&record), claims, pending.mode, Method::Sms, moment) {
        return Ok(Verdict::Refuse(rejection));
    }
    let code_use = CodeUse::Enrollment;
    match compare(&mut record, code_use, &pending.phone.number, None, typed, moment) {
        Compared::Refused(rejection) => Ok(Verdict::Refuse(rejection)),
        Compared::Used => {
            let events = vec![told(code_use, EventKind::CodeReused, moment)];
            Ok(Verdict::commit(record, events, Err(Rejection::AlreadyUsed)))
        }
        Compared::Right => {
            record.texts.succeeded();
            let events = vec![told(code_use, EventKind::NumberConfirmed, moment)];
            let phone = PendingPhone {
                mode: pending.mode,
                id: pending.id,
                phone: pending.phone.clone(),
                is_certain: true,
            };
            let confirmed = Confirmed {
                authenticator: ConfirmedAuthenticator::Phone(phone),
                recovery: recovery_codes(moment)?,
            };
            Ok(Verdict::commit(record, events, Ok(confirmed)))
        }
        Compared::Wrong => {
            let failure = told(code_use, EventKind::VerificationFailed, moment);
            let (events, rejection) =
                count_failure(&mut record, failure, mfa_policy::Purpose::Session, moment)?;
            Ok(Verdict::commit(record, events, Err(rejection)))
        }
    }
}

enum Compared {
    Refused(Rejection),
    Right,
    Used,
    Wrong,
}

/// Compares what was typed with the code that is out for this use, and uses it up (INV-2). One that is expired, was sent
/// for something else or to another number, or never was, is as wrong as any.
fn compare(
    record: &mut Record,
    code_use: CodeUse,
    number: &PhoneNumber,
    transaction: Option<&Transaction>,
    typed: &str,
    moment: &Moment<'_>,
) -> Compared {
    let Ok(code) = Code::parse(typed, Digits::SIX) else { return Compared::Refused(Rejection::Malformed) };
    if let Err(throttled) = record.throttle.check(moment.now, &moment.throttle) {
        return Compared::Refused(refusal(throttled));
    }
    let Some(sent) = record.sent_codes.iter_mut().find(|sent| sent.code_use == code_use) else {
        return Compared::Wrong;
    };
    let wanted = digest(&code, code_use, number, transaction, sent.key_id, moment);
    let is_right = wanted.is_some_and(|wanted| bool::from(wanted.ct_eq(&sent.digest)));
    match (is_right && moment.now < sent.expires_at, sent.is_used) {
        (false, _) => Compared::Wrong,
        (true, true) => Compared::Used,
        (true, false) => {
            sent.is_used = true; // INV-2, with the commit that carries this
            Compared::Right
        }
    }
}

/// What is kept of a code: keyed, and bound to subject, sign-in, use, number and transaction. A code of another session,
/// purpose, payment or number is therefore none.
fn digest(
    code: &Code,
    code_use: CodeUse,
    number: &PhoneNumber,
    transaction: Option<&Transaction>,
    key_id: u32,
    moment: &Moment<'_>,
) -> Option<[u8; 32]> {
    let key = moment.ctx.key();
    let mark = transaction.map(Transaction::mark);
    let parts = Aad::new("code")
        .bind(key.tenant().as_str().as_bytes())
        .bind(key.subject().as_str().as_bytes())
        .bind(moment.ctx.session().as_bytes())
        .bind(&[code_use.id()])
        .bind(number.digits().as_bytes())
        .bind(mark.as_ref().map_or(&[], |mark| mark.bytes()))
        .bind(code.expose().as_bytes());
    moment.sealer.digest(MacUse::SentCode, key_id, &parts)
}

fn told(code_use: CodeUse, kind: EventKind, moment: &Moment<'_>) -> Event {
    let event = Event::of(moment.ctx, kind, moment.now).with(EventMethod::Sms);
    match code_use {
        CodeUse::Enrollment => event,
        CodeUse::Challenge(purpose) => event.wanted_for(purpose),
    }
}
