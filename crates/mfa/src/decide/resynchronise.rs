//! Finding out how far off an app's clock is, from two codes in a row.

use mfa_core::code::Code;
use mfa_core::time::TimeStep;
use mfa_core::totp::{self, Drift};
use mfa_policy::Method;

use super::verify::{count_failure, refusal};
use super::{Moment, Verdict};
use crate::error::Rejection;
use crate::event::{Event, EventKind, EventMethod};
use crate::random::RandomError;
use crate::record::Record;
use crate::ticket::{Claims, kind};

/// Moves the drift of the app that showed `first` and then `second`, and burns both (INV-1). Counts as one attempt,
/// clears no failures and signs nobody in.
pub(crate) fn resynchronise(
    mut record: Record,
    claims: &Claims<kind::Challenge>,
    first: &str,
    second: &str,
    moment: &mut Moment<'_>,
) -> Result<Verdict<()>, RandomError> {
    let (now, purpose) = (moment.now, claims.purpose);
    if !claims.stand(Some(&record)) || record.active_apps().next().is_none() {
        return Ok(Verdict::Refuse(Rejection::Expired));
    }
    if !moment.decision.methods().contains(Method::App) {
        return Ok(Verdict::Refuse(Rejection::NotAllowed));
    }
    let is_readable = |digits| Code::parse(first, digits).is_ok() && Code::parse(second, digits).is_ok();
    if !record.active_apps().any(|app| is_readable(app.parameters.digits())) {
        return Ok(Verdict::Refuse(Rejection::Malformed));
    }
    if let Err(throttled) = record.throttle.check(now, &moment.throttle) {
        return Ok(Verdict::Refuse(refusal(throttled)));
    }
    let mut is_found = false;
    for app in record.active_apps_mut() {
        let digits = app.parameters.digits();
        let (Ok(first), Ok(second)) = (Code::parse(first, digits), Code::parse(second, digits)) else {
            continue;
        };
        let centre = TimeStep::containing(now, app.parameters.period());
        let matched =
            totp::resynchronise(&app.key, &app.parameters, &first, &second, centre, Some(app.last_step));
        if let Some((step, drift)) =
            matched.and_then(|step| Some((step, Drift::resynchronised(centre, step)?)))
            && !is_found
        {
            app.last_step = step;
            app.drift = drift;
            is_found = true;
        }
    }
    let event = |kind| Event::of(moment.ctx, kind, now).with(EventMethod::App).wanted_for(purpose);
    if is_found {
        return Ok(Verdict::commit(record, vec![event(EventKind::Resynchronised)], Ok(())));
    }
    let event = event(EventKind::ResynchronisationFailed);
    let (events, rejection) = count_failure(&mut record, event, purpose, moment)?;
    Ok(Verdict::commit(record, events, Err(rejection)))
}
