//! "Password & Security": what is on record, and every change to it.

use axum::response::Response;
use data_encoding::HEXLOWER;
use mfa::policy::{Method, Obligation};
use mfa::{
    Acknowledged, Assertion, AuthenticatorStatus, AuthenticatorView, Error, NewRecoveryCode, Overview,
    Rejection, Ticket, kind,
};

use super::enrollment::{as_file, is_ticked};
use super::verify::run_or_verify;
use super::visit::{Said, Visit};
use crate::answer;
use crate::flow::Flow;
use crate::form::Form;
use crate::host::{HostError, Renew};
use crate::pages::Pages;
use crate::proven::{Beside, Errand, Proven};
use crate::refusal::Refusal;
use crate::require::RequireMfa;
use crate::templates::{SavePage, SecurityApp, SecurityPage};
use crate::texts::Texts;

pub(super) async fn show(visit: &Visit<'_>) -> Response {
    let secured = match visit.secured().await {
        Ok(secured) => secured,
        Err(answer) => return answer,
    };
    let visitor = &secured.visitor;
    let overview = match visit.mfa().overview(&visitor.context).await {
        Ok(overview) => overview,
        Err(error) => return visit.refuse(visit.pages.told(&error)),
    };
    let events = match overview.pseudonym {
        Some(pseudonym) => match visit.pages.inner.host.recent_events(visitor, pseudonym).await {
            Ok(events) => events,
            Err(error) => return visit.refuse(visit.pages.host_failed(&error)),
        },
        None => Vec::new(),
    };
    let (texts, paths) = (visit.texts, visit.paths());
    let on = |line: &str, at| line.replace("{date}", &texts.date(at));
    let is_required = overview.obligation == Obligation::Required;
    let is_available = overview.is_enrolled() || overview.obligation != Obligation::Unavailable;
    let page = SecurityPage {
        texts,
        paths,
        csrf: &visitor.csrf,
        is_available,
        is_required,
        apps: authenticators(&overview, Method::App, is_required, texts),
        phones: authenticators(&overview, Method::Sms, is_required, texts),
        may_use_phone: overview.methods.contains(Method::Sms),
        recovery_code: overview
            .recovery_codes_issued_at
            .map(|at| on(&texts.security.recovery_code_since, at)),
        always_require: visitor.always_require,
        devices: overview.devices.iter().map(|at| on(&texts.security.device_since, *at)).collect(),
        events: events
            .iter()
            .map(|event| (texts.date_and_time(event.at), texts.event(event.kind, event.method)))
            .collect(),
    };
    visit.page(&texts.security.title, &Said::nothing(), visit.templates().security(&page))
}

fn authenticators(overview: &Overview, method: Method, is_required: bool, texts: &Texts) -> Vec<SecurityApp> {
    let is_usable = |one: &&AuthenticatorView| one.status == AuthenticatorStatus::Active && one.is_allowed;
    let usable = overview.authenticators.iter().filter(is_usable).count();
    let words = &texts.security;
    let app = |one: &AuthenticatorView| {
        let mut lines = match (one.number, one.status) {
            (None, AuthenticatorStatus::Suspended) => vec![words.app_suspended.clone()],
            (None, AuthenticatorStatus::Disabled) => vec![words.app_disabled.clone()],
            (None, _) => vec![words.app_since.replace("{date}", &texts.date(one.bound_at))],
            (Some(number), status) => {
                let since = texts.phone_since(number, one.bound_at);
                let more = match status {
                    AuthenticatorStatus::Suspended => Some(&words.phone_suspended),
                    AuthenticatorStatus::Disabled => Some(&words.phone_disabled),
                    _ if !one.is_allowed => Some(&words.phone_refused),
                    _ => None,
                };
                std::iter::once(since).chain(more.cloned()).collect()
            }
        };
        lines.extend(one.last_used_at.map(|at| words.app_used.replace("{date}", &texts.date(at))));
        let is_last = usable <= usize::from(is_usable(&one));
        SecurityApp { id: HEXLOWER.encode(one.id.as_bytes()), lines, may_remove: !(is_required && is_last) }
    };
    overview.authenticators.iter().filter(|one| one.method == Some(method)).map(app).collect()
}

/// A button of the page.
pub(super) async fn change(visit: &Visit<'_>, form: &Form) -> Response {
    let secured = match visit.secured().await {
        Ok(secured) => secured,
        Err(answer) => return answer,
    };
    let errand = match form.get("change").unwrap_or_default() {
        "always-require" => Ok(Errand::AlwaysRequire(form.get("always_require").is_some())),
        word => word.parse(),
    };
    match errand {
        // Errands of the host begin at the host.
        Ok(Errand::Host { .. } | Errand::Go { .. }) | Err(_) => visit.refuse(Refusal::Malformed),
        Ok(errand) => run_or_verify(visit.pages, &secured, errand).await,
    }
}

/// Does what somebody set out to do, with proof that is fresh for it. Whether they may is judged by the library, or the
/// host, at this moment.
pub(super) async fn run(
    pages: &Pages,
    secured: &RequireMfa,
    proven: &Proven,
    errand: &Errand,
    proof: &Assertion,
    renew: Renew,
) -> Response {
    let visitor = &secured.visitor;
    let (host, paths) = (&pages.inner.host, &pages.inner.paths);
    let done = match errand {
        Errand::Host { name, .. } => {
            let response = match host.run_errand(visitor, name, proof).await {
                Ok(response) => response,
                // Between the check and the action the proof grew too old: ask again.
                Err(error) if wants_fresh_proof(&error) => {
                    return pages.verify_first(secured, errand.clone()).await;
                }
                Err(error) => return pages.refuse_visitor(visitor, pages.host_failed(&error), false),
            };
            return match host.keep(visitor, &Flow::Proved(proven.clone()), renew).await {
                Ok(headers) => answer::with_headers(response, headers),
                Err(error) => pages.refuse_visitor(visitor, pages.host_failed(&error), false),
            };
        }
        Errand::Go { path, .. } => Ok((proven.clone(), &**path, renew)),
        Errand::AlwaysRequire(on) => match host.keep_always_require(visitor, *on).await {
            Ok(()) => Ok((proven.clone(), paths.security.as_str(), renew)),
            Err(error) => return pages.refuse_visitor(visitor, pages.host_failed(&error), false),
        },
        own => change_own(pages, secured, proven, own, proof).await.map(|(proven, path)| {
            // A session whose assertion is new is a new session.
            let is_new = !matches!(own, Errand::ForgetDevices) || renew == Renew::NewSessionId;
            (proven, path, if is_new { Renew::NewSessionId } else { Renew::No })
        }),
    };
    match done {
        Ok((proven, path, renew)) => match host.keep(visitor, &Flow::Proved(proven), renew).await {
            Ok(headers) => answer::with_headers(answer::see_other(path), headers),
            Err(error) => pages.refuse_visitor(visitor, pages.host_failed(&error), false),
        },
        // Between the check and the change the proof grew too old: ask again.
        Err(Error::Rejected(Rejection::FreshProofWanted)) => {
            pages.verify_first(secured, errand.clone()).await
        }
        Err(error) => pages.refuse_visitor(visitor, pages.told(&error), false),
    }
}

fn wants_fresh_proof(error: &HostError) -> bool {
    matches!(error.downcast_ref(), Some(Error::Rejected(Rejection::FreshProofWanted)))
}

/// A change of the person's own authenticators: what the session then stands at, and its page.
async fn change_own<'a>(
    pages: &'a Pages,
    secured: &RequireMfa,
    proven: &Proven,
    errand: &Errand,
    proof: &Assertion,
) -> Result<(Proven, &'a str), Error> {
    let (mfa, context, paths) = (&pages.inner.mfa, &secured.visitor.context, &pages.inner.paths);
    match errand {
        Errand::ChangeApp => {
            let menu = mfa.change_app(context, proof, None).await?;
            let pending = mfa.enroll_app(context, &menu.ticket).await?;
            Ok((proven.beside(Beside::Pending(pending.ticket)), &paths.app))
        }
        Errand::ChangePhone => {
            let menu = mfa.change_phone(context, proof).await?;
            Ok((proven.beside(Beside::EnrollPhone(menu.ticket)), &paths.phone))
        }
        Errand::NewRecoveryCode => {
            let code = mfa.new_recovery_code(context, proof).await?;
            Ok((proven.beside(Beside::NewCode(code.ticket)), &paths.new_code))
        }
        Errand::Remove(id) => Ok((Proven::new(&mfa.remove(context, proof, id).await?), &paths.security)),
        _ => {
            mfa.forget_devices(context, proof).await?;
            Ok((proven.clone(), &paths.security))
        }
    }
}

pub(super) async fn show_new_code(visit: &Visit<'_>, ticket: &Ticket<kind::NewCode>) -> Response {
    match visit.mfa().recovery_code(&visit.visitor.context, ticket).await {
        Ok(code) => save(visit, &code, false, &Said::nothing()),
        Err(error) => visit.over(visit.pages.told(&error), ticket).await,
    }
}

fn save(visit: &Visit<'_>, code: &NewRecoveryCode, is_copying: bool, said: &Said) -> Response {
    let (texts, paths) = (visit.texts, visit.paths());
    let page = SavePage {
        texts,
        paths,
        hidden: visit.hidden(&code.ticket),
        action: &paths.new_code,
        copy: &paths.new_code_copy,
        download: &paths.new_code_download,
        recovery_code: code.expose_recovery_code(),
        is_copying,
        is_invalid: said.is_invalid(),
    };
    visit.page(&texts.save.title, said, visit.templates().save(&page))
}

/// The acknowledged new code: the old one is void.
pub(super) async fn activate_code(visit: &Visit<'_>, form: &Form) -> Response {
    if !is_ticked(form) {
        return match new_code(visit, form).await {
            Ok(code) => save(visit, &code, false, &Said::refused(&visit.texts.alert.not_saved)),
            Err(answer) => answer,
        };
    }
    let ticket = match visit.ticket::<kind::NewCode>(form) {
        Ok(ticket) => ticket,
        Err(answer) => return answer,
    };
    match visit.mfa().activate_recovery_code(&visit.visitor.context, &ticket, Acknowledged).await {
        Ok(assertion) => {
            let (from, to) = (visit.visitor.flow.clone(), Flow::proved(&assertion));
            visit.go_to(from, to, Renew::NewSessionId, &visit.paths().security).await
        }
        Err(error) => visit.over(visit.pages.told(&error), &ticket).await,
    }
}

pub(super) async fn copy_code(visit: &Visit<'_>, form: &Form) -> Response {
    match new_code(visit, form).await {
        Ok(code) => save(visit, &code, true, &Said::nothing()),
        Err(answer) => answer,
    }
}

pub(super) async fn download_code(visit: &Visit<'_>, form: &Form) -> Response {
    match new_code(visit, form).await {
        Ok(code) => as_file(code.expose_recovery_code()),
        Err(answer) => answer,
    }
}

async fn new_code(visit: &Visit<'_>, form: &Form) -> Result<NewRecoveryCode, Response> {
    let ticket = visit.ticket::<kind::NewCode>(form)?;
    match visit.mfa().recovery_code(&visit.visitor.context, &ticket).await {
        Ok(code) => Ok(code),
        Err(error) => Err(visit.over(visit.pages.told(&error), &ticket).await),
    }
}
