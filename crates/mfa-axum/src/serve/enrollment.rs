//! The pages that set up an authenticator app.

use axum::http::StatusCode;
use axum::response::Response;
use data_encoding::BASE64;
use mfa::policy::Method;
use mfa::{Acknowledged, ConfirmedEnrollment, Error, Menu, Next, PendingEnrollment, Rejection, Ticket, kind};

use super::visit::{Said, Visit};
use crate::answer;
use crate::flow::Flow;
use crate::form::Form;
use crate::host::Renew;
use crate::refusal::Refusal;
use crate::templates::{AppPage, BindPage, MethodPage, RequiredPage, SavePage};

pub(super) async fn show_required(visit: &Visit<'_>) -> Response {
    let (ticket, offered) = match &visit.visitor.flow {
        Flow::Offer(ticket, required_from) => (ticket, Some(*required_from)),
        Flow::Enroll(ticket) => (ticket, None),
        _ => return visit.refuse(Refusal::Expired),
    };
    if let Err(answer) = still_good(visit, ticket).await {
        return answer;
    }
    // The page tells what policy says now, not what it said at sign-in: the date may have come, or been moved.
    let (mfa, visitor) = (visit.mfa(), &visit.visitor);
    let (is_offer, required_from) =
        match (offered, mfa.begin(&visitor.context, visitor.first_factor.clone()).await) {
            (_, Err(error)) => return visit.over(visit.pages.told(&error), ticket).await,
            (Some(_), Ok(Next::Offer(menu))) => (true, menu.required_from),
            (_, Ok(Next::Enroll(_))) | (None, Ok(_)) => (false, None),
            (Some(required_from), Ok(_)) => (true, required_from),
        };
    let deadline = required_from
        .map(|moment| visit.texts.required.deadline.replace("{date}", &visit.texts.date(moment)));
    required(visit, ticket, is_offer, deadline, &Said::nothing())
}

fn required(
    visit: &Visit<'_>,
    ticket: &Ticket<kind::Enroll>,
    is_offer: bool,
    deadline: Option<String>,
    said: &Said,
) -> Response {
    let (texts, paths, hidden) = (visit.texts, visit.paths(), visit.hidden(ticket));
    let page = RequiredPage { texts, paths, hidden, is_offer, deadline };
    visit.page(&texts.required.title, said, visit.templates().required(&page))
}

/// [Set Up Now]
pub(super) async fn set_up(visit: &Visit<'_>, form: &Form) -> Response {
    let ticket = match visit.ticket(form) {
        Ok(ticket) => ticket,
        Err(answer) => return answer,
    };
    match still_good(visit, &ticket).await {
        Ok(()) => answer::see_other(&visit.paths().method),
        Err(answer) => answer,
    }
}

/// [Skip for Now]
pub(super) async fn skip(visit: &Visit<'_>, form: &Form) -> Response {
    let ticket = match visit.ticket::<kind::Enroll>(form) {
        Ok(ticket) => ticket,
        Err(answer) => return answer,
    };
    match visit.mfa().skip(&visit.visitor.context, &ticket).await {
        Ok(assertion) => {
            visit.go(Flow::Offer(ticket, None), Flow::proved(&assertion), Renew::NewSessionId).await
        }
        Err(Error::Rejected(Rejection::NotAllowed)) => no_longer_an_offer(visit, &ticket).await,
        Err(error) => visit.over(visit.pages.told(&error), &ticket).await,
    }
}

/// The date has come while the offer was on the screen: the same page without [Skip for Now].
async fn no_longer_an_offer(visit: &Visit<'_>, ticket: &Ticket<kind::Enroll>) -> Response {
    if let Err(answer) = still_good(visit, ticket).await {
        return answer;
    }
    let headers = match &visit.visitor.flow {
        Flow::Offer(kept, _) if kept.as_str() == ticket.as_str() => {
            let flow = Flow::Enroll(ticket.clone());
            match visit.pages.inner.host.keep(&visit.visitor, &flow, Renew::No).await {
                Ok(headers) => headers,
                Err(error) => return visit.refuse(visit.pages.host_failed(&error)),
            }
        }
        _ => return visit.refuse(Refusal::Forbidden),
    };
    let alert = Some(visit.texts.alert.skip_not_allowed.clone());
    let page = required(visit, ticket, false, None, &Said { status: StatusCode::FORBIDDEN, alert });
    answer::with_headers(page, headers)
}

pub(super) async fn show_method(visit: &Visit<'_>, ticket: &Ticket<kind::Enroll>) -> Response {
    match menu(visit, ticket).await {
        Ok(menu) => method(visit, &menu, &Said::nothing()),
        Err(answer) => answer,
    }
}

fn method(visit: &Visit<'_>, menu: &Menu, said: &Said) -> Response {
    let (texts, paths, hidden) = (visit.texts, visit.paths(), visit.hidden(&menu.ticket));
    let is_recovering = matches!(visit.visitor.flow, Flow::Recovering(_));
    let sms = menu.methods.contains(Method::Sms);
    let page = MethodPage { texts, paths, hidden, is_recovering, sms, is_invalid: said.is_invalid() };
    visit.page(&texts.method.title, said, visit.templates().method(&page))
}

/// The choice of a method.
pub(super) async fn choose(visit: &Visit<'_>, form: &Form) -> Response {
    let ticket = match visit.ticket::<kind::Enroll>(form) {
        Ok(ticket) => ticket,
        Err(answer) => return answer,
    };
    match form.get("method") {
        Some("app") => match visit.mfa().enroll_app(&visit.visitor.context, &ticket).await {
            Ok(pending) => visit.go(Flow::Enroll(ticket), Flow::Pending(pending.ticket), Renew::No).await,
            Err(error) => visit.over(visit.pages.told(&error), &ticket).await,
        },
        choice => {
            let menu = match menu(visit, &ticket).await {
                Ok(menu) => menu,
                Err(answer) => return answer,
            };
            let alert = &visit.texts.alert;
            let said = match choice {
                Some("sms") if menu.methods.contains(Method::Sms) => {
                    return answer::see_other(&visit.paths().phone);
                }
                Some("sms") => {
                    Said { status: StatusCode::FORBIDDEN, alert: Some(alert.method_not_allowed.clone()) }
                }
                _ => Said::refused(&alert.no_method),
            };
            method(visit, &menu, &said)
        }
    }
}

pub(super) async fn show_app(visit: &Visit<'_>, ticket: &Ticket<kind::Pending>) -> Response {
    match visit.mfa().pending(&visit.visitor.context, ticket).await {
        Ok(pending) => app(visit, &pending, &Said::nothing()),
        Err(error) => visit.over(visit.pages.told(&error), ticket).await,
    }
}

fn app(visit: &Visit<'_>, pending: &PendingEnrollment, said: &Said) -> Response {
    let (texts, paths) = (visit.texts, visit.paths());
    let qr = format!("data:image/svg+xml;base64,{}", BASE64.encode(pending.qr().svg().as_bytes()));
    let page = AppPage {
        texts,
        paths,
        hidden: visit.hidden(&pending.ticket),
        account: &pending.account,
        qr: &qr,
        manual_key: pending.expose_manual_key(),
        link: pending.expose_uri(),
        is_invalid: said.is_invalid(),
    };
    visit.page(&texts.app.title, said, visit.templates().app(&page))
}

/// The first code of the new app.
pub(super) async fn confirm(visit: &Visit<'_>, form: &Form) -> Response {
    let ticket = match visit.ticket::<kind::Pending>(form) {
        Ok(ticket) => ticket,
        Err(answer) => return answer,
    };
    let (mfa, context) = (visit.mfa(), &visit.visitor.context);
    let error = match mfa.confirm(context, &ticket, form.get("code").unwrap_or_default()).await {
        Ok(confirmed) => {
            return visit.go_on(Flow::Pending(ticket), Flow::Confirmed(confirmed.ticket)).await;
        }
        Err(error) => error,
    };
    let said = match visit.failed(&error, &visit.texts.alert.malformed_code, &ticket).await {
        Ok(said) => said,
        Err(answer) => return answer,
    };
    match mfa.pending(context, &ticket).await {
        Ok(pending) => app(visit, &pending, &said),
        Err(error) => visit.over(visit.pages.told(&error), &ticket).await,
    }
}

pub(super) async fn show_save(visit: &Visit<'_>, ticket: &Ticket<kind::Confirmed>) -> Response {
    match visit.mfa().confirmed(&visit.visitor.context, ticket).await {
        Ok(confirmed) => save(visit, &confirmed, false, &Said::nothing()),
        Err(error) => visit.over(visit.pages.told(&error), ticket).await,
    }
}

fn save(visit: &Visit<'_>, confirmed: &ConfirmedEnrollment, is_copying: bool, said: &Said) -> Response {
    let (texts, paths) = (visit.texts, visit.paths());
    let page = SavePage {
        texts,
        paths,
        hidden: visit.hidden(&confirmed.ticket),
        action: &paths.save,
        copy: &paths.copy,
        download: &paths.download,
        recovery_code: confirmed.expose_recovery_code(),
        is_copying,
        is_invalid: said.is_invalid(),
    };
    visit.page(&texts.save.title, said, visit.templates().save(&page))
}

/// The acknowledged recovery code: everything becomes active.
pub(super) async fn activate(visit: &Visit<'_>, form: &Form) -> Response {
    if is_ticked(form) {
        let ticket = match visit.ticket::<kind::Confirmed>(form) {
            Ok(ticket) => ticket,
            Err(answer) => return answer,
        };
        return match visit.mfa().activate(&visit.visitor.context, &ticket, Acknowledged).await {
            Ok(assertion) => {
                let proved = Flow::proved(&assertion);
                let path = match &visit.visitor.flow {
                    Flow::Proved(_) => &visit.paths().security,
                    _ => &visit.paths().home,
                };
                visit.go_to(Flow::Confirmed(ticket), proved, Renew::NewSessionId, path).await
            }
            Err(error) => visit.over(visit.pages.told(&error), &ticket).await,
        };
    }
    match confirmed(visit, form).await {
        Ok(confirmed) => {
            let said = Said::refused(&visit.texts.alert.not_saved);
            save(visit, &confirmed, false, &said)
        }
        Err(answer) => answer,
    }
}

/// [Copy] where no script runs: the code in a field, selected by hand.
pub(super) async fn copy(visit: &Visit<'_>, form: &Form) -> Response {
    match confirmed(visit, form).await {
        Ok(confirmed) => save(visit, &confirmed, true, &Said::nothing()),
        Err(answer) => answer,
    }
}

/// [Download]
pub(super) async fn download(visit: &Visit<'_>, form: &Form) -> Response {
    match confirmed(visit, form).await {
        Ok(confirmed) => as_file(confirmed.expose_recovery_code()),
        Err(answer) => answer,
    }
}

pub(super) fn as_file(recovery_code: &str) -> Response {
    answer::text_file("recovery-code.txt", format!("{recovery_code}\n"))
}

async fn confirmed(visit: &Visit<'_>, form: &Form) -> Result<ConfirmedEnrollment, Response> {
    let ticket = visit.ticket::<kind::Confirmed>(form)?;
    match visit.mfa().confirmed(&visit.visitor.context, &ticket).await {
        Ok(confirmed) => Ok(confirmed),
        Err(error) => Err(visit.over(visit.pages.told(&error), &ticket).await),
    }
}

pub(super) fn is_ticked(form: &Form) -> bool {
    matches!(form.get("saved"), Some("yes" | "on" | "true" | "1"))
}

pub(super) async fn show_bind(visit: &Visit<'_>, ticket: &Ticket<kind::Enroll>) -> Response {
    match still_good(visit, ticket).await {
        Ok(()) => binding(visit, ticket, &Said::nothing()),
        Err(answer) => answer,
    }
}

fn binding(visit: &Visit<'_>, ticket: &Ticket<kind::Enroll>, said: &Said) -> Response {
    let (texts, paths, hidden) = (visit.texts, visit.paths(), visit.hidden(ticket));
    let page = BindPage { texts, paths, hidden, is_invalid: said.is_invalid() };
    visit.page(&texts.bind.title, said, visit.templates().bind(&page))
}

/// The code that was handed over after a reset.
pub(super) async fn bind(visit: &Visit<'_>, form: &Form) -> Response {
    let ticket = match visit.ticket::<kind::Enroll>(form) {
        Ok(ticket) => ticket,
        Err(answer) => return answer,
    };
    let code = form.get("binding_code").unwrap_or_default().trim_matches(['\r', '\n']);
    match visit.mfa().bind(&visit.visitor.context, &ticket, code).await {
        Ok(menu) => visit.go(Flow::Bind(ticket), Flow::Enroll(menu.ticket), Renew::No).await,
        Err(error) => match visit.failed(&error, &visit.texts.alert.malformed_recovery_code, &ticket).await {
            Ok(said) => binding(visit, &ticket, &said),
            Err(answer) => answer,
        },
    }
}

/// Whether enrolling can still go on.
async fn still_good(visit: &Visit<'_>, ticket: &Ticket<kind::Enroll>) -> Result<(), Response> {
    menu(visit, ticket).await.map(|_| ())
}

/// What can be enrolled now.
async fn menu(visit: &Visit<'_>, ticket: &Ticket<kind::Enroll>) -> Result<Menu, Response> {
    match visit.mfa().menu(&visit.visitor.context, ticket).await {
        Ok(menu) => Ok(menu),
        Err(error) => Err(visit.over(visit.pages.told(&error), ticket).await),
    }
}
