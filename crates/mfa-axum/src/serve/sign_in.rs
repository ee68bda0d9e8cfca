//! The pages of a sign-in: the challenge, and the recovery code.

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use mfa::policy::{Method, Methods};
use mfa::{Assertion, ChallengeStatus, Error, Rejection, Remember, Ticket, kind};

use super::phone;
use super::visit::{Said, Visit};
use crate::answer;
use crate::flow::Flow;
use crate::form::Form;
use crate::host::{HostError, Renew};
use crate::templates::{ChallengePage, ChoicePage, RecoverPage};

pub(super) async fn show_challenge(visit: &Visit<'_>, ticket: &Ticket<kind::Challenge>) -> Response {
    match visit.mfa().challenge_status(&visit.visitor.context, ticket).await {
        Ok(status) => {
            let said = standing(visit, &status);
            match status.methods == Methods::ALL && status.chosen.is_none() && said.alert.is_none() {
                true => choice(visit, ticket, &status, &said),
                false => challenge(visit, ticket, &status, &said),
            }
        }
        Err(error) => visit.over(visit.pages.told(&error), ticket).await,
    }
}

/// What there is to say of a challenge before anything was typed.
fn standing(visit: &Visit<'_>, status: &ChallengeStatus) -> Said {
    let (texts, needs_a_text) = (visit.texts, status.methods == Methods::SMS && status.chosen.is_none());
    let too_many = |alert| Said { status: StatusCode::TOO_MANY_REQUESTS, alert: Some(alert) };
    match (status.throttled_until, needs_a_text, status.next_text_at) {
        (Some(until), ..) => too_many(texts.too_many(until)),
        // The text that the page begins with did not go: too soon after another, or nobody took it.
        (None, true, Some(until)) => too_many(texts.too_many_texts(until)),
        (None, true, None) => {
            let alert = Some(texts.alert.text_not_sent.clone());
            Said { status: StatusCode::SERVICE_UNAVAILABLE, alert }
        }
        (None, false, _) => Said::nothing(),
    }
}

fn challenge(
    visit: &Visit<'_>,
    ticket: &Ticket<kind::Challenge>,
    status: &ChallengeStatus,
    said: &Said,
) -> Response {
    let (texts, paths, hidden) = (visit.texts, visit.paths(), visit.hidden(ticket));
    let page = ChallengePage {
        texts,
        paths,
        hidden,
        remember: status.remember_for.map(|lifetime| texts.remember(lifetime)),
        by_text: match (status.number, status.chosen, status.methods) {
            (Some(number), Some(Method::Sms), _) => Some(phone::sent(visit, number, status.is_text_certain)),
            (Some(_), None, Methods::SMS) => Some(String::new()),
            _ => None,
        },
        has_choice: status.methods == Methods::ALL,
        is_invalid: said.is_invalid(),
    };
    visit.page(&texts.challenge.title, said, visit.templates().challenge(&page))
}

/// "Try another way", and where there are two ways from the beginning.
pub(super) async fn show_choice(visit: &Visit<'_>, ticket: &Ticket<kind::Challenge>) -> Response {
    match visit.mfa().challenge_status(&visit.visitor.context, ticket).await {
        Ok(status) if status.methods == Methods::ALL => choice(visit, ticket, &status, &Said::nothing()),
        Ok(_) => answer::see_other(&visit.paths().challenge),
        Err(error) => visit.over(visit.pages.told(&error), ticket).await,
    }
}

fn choice(
    visit: &Visit<'_>,
    ticket: &Ticket<kind::Challenge>,
    status: &ChallengeStatus,
    said: &Said,
) -> Response {
    let (texts, paths, hidden) = (visit.texts, visit.paths(), visit.hidden(ticket));
    let to_number = status.number.map(|number| texts.text_to(number)).unwrap_or_default();
    let page = ChoicePage { texts, paths, hidden, to_number, is_invalid: said.is_invalid() };
    visit.page(&texts.challenge.title, said, visit.templates().choice(&page))
}

/// What to answer with. A text is sent for none but the choice of one.
pub(super) async fn choose(visit: &Visit<'_>, form: &Form) -> Response {
    let ticket = match visit.ticket::<kind::Challenge>(form) {
        Ok(ticket) => ticket,
        Err(answer) => return answer,
    };
    match form.get("method") {
        Some("app") => match visit.mfa().choose(&visit.visitor.context, &ticket, Method::App) {
            Ok(chosen) => visit.go(Flow::Challenge(ticket), Flow::Challenge(chosen), Renew::No).await,
            Err(error) => visit.over(visit.pages.told(&error), &ticket).await,
        },
        Some("sms") => send(visit, ticket).await,
        _ => match visit.mfa().challenge_status(&visit.visitor.context, &ticket).await {
            Ok(status) => {
                let said = Said::refused(&visit.texts.alert.no_method);
                choice(visit, &ticket, &status, &said)
            }
            Err(error) => visit.over(visit.pages.told(&error), &ticket).await,
        },
    }
}

/// "Resend New Code"
pub(super) async fn resend(visit: &Visit<'_>, form: &Form) -> Response {
    match visit.ticket::<kind::Challenge>(form) {
        Ok(ticket) => send(visit, ticket).await,
        Err(answer) => answer,
    }
}

async fn send(visit: &Visit<'_>, ticket: Ticket<kind::Challenge>) -> Response {
    let (mfa, context) = (visit.mfa(), &visit.visitor.context);
    let error = match mfa.send_code(context, &ticket).await {
        Ok(sent) => return visit.go(Flow::Challenge(ticket), Flow::Challenge(sent.ticket), Renew::No).await,
        Err(error) => error,
    };
    let said = match visit.failed(&error, &visit.texts.alert.malformed_code, &ticket).await {
        Ok(said) => said,
        Err(answer) => return answer,
    };
    // A text that was sent a moment ago, from another page of this sign-in, is good: it can be typed here.
    let is_out = matches!(error, Error::Rejected(Rejection::TextThrottled { .. }));
    let ticket = match mfa.choose(context, &ticket, Method::Sms) {
        Ok(chosen) if is_out => chosen,
        _ => ticket,
    };
    match mfa.challenge_status(context, &ticket).await {
        Ok(status) if status.methods == Methods::ALL && status.chosen.is_none() => {
            choice(visit, &ticket, &status, &said)
        }
        Ok(status) => challenge(visit, &ticket, &status, &said),
        Err(error) => visit.over(visit.pages.told(&error), &ticket).await,
    }
}

/// The code of the app, or the one that came by text.
pub(super) async fn verify(visit: &Visit<'_>, form: &Form) -> Response {
    let ticket = match visit.ticket::<kind::Challenge>(form) {
        Ok(ticket) => ticket,
        Err(answer) => return answer,
    };
    let (mfa, context) = (visit.mfa(), &visit.visitor.context);
    let code = form.get("code").unwrap_or_default();
    let remember = if form.get("remember").is_some() { Remember::Yes } else { Remember::No };
    match mfa.verify(context, &ticket, code, remember).await {
        Ok(assertion) => {
            let headers = match remembered(visit, &ticket, &assertion).await {
                Ok(headers) => headers,
                Err(error) => return visit.refuse(visit.pages.host_failed(&error)),
            };
            let proved = Flow::proved(&assertion);
            let response = visit.go(Flow::Challenge(ticket), proved, Renew::NewSessionId).await;
            answer::with_headers(response, headers)
        }
        Err(error) => match visit.failed(&error, &visit.texts.alert.malformed_code, &ticket).await {
            Ok(said) => match mfa.challenge_status(context, &ticket).await {
                Ok(status) => challenge(visit, &ticket, &status, &said),
                Err(error) => visit.over(visit.pages.told(&error), &ticket).await,
            },
            Err(answer) => answer,
        },
    }
}

/// The headers by which the host has this browser remembered, where it asked for that and may.
async fn remembered(
    visit: &Visit<'_>,
    ticket: &Ticket<kind::Challenge>,
    assertion: &Assertion,
) -> Result<HeaderMap, HostError> {
    let Some(token) = assertion.device_token() else { return Ok(HeaderMap::new()) };
    let status = visit.mfa().challenge_status(&visit.visitor.context, ticket).await?;
    let lifetime = status.remember_for.unwrap_or_default();
    visit.pages.inner.host.remember_device(&visit.visitor, token, lifetime).await
}

pub(super) async fn show_recover(visit: &Visit<'_>, ticket: &Ticket<kind::Challenge>) -> Response {
    match visit.mfa().challenge_status(&visit.visitor.context, ticket).await {
        Ok(_) => recovery(visit, ticket, &Said::nothing()),
        Err(error) => visit.over(visit.pages.told(&error), ticket).await,
    }
}

fn recovery(visit: &Visit<'_>, ticket: &Ticket<kind::Challenge>, said: &Said) -> Response {
    let (texts, paths, hidden) = (visit.texts, visit.paths(), visit.hidden(ticket));
    let is_only_way = matches!(visit.visitor.flow, Flow::RecoverOnly(_));
    let page = RecoverPage { texts, paths, hidden, is_only_way, is_invalid: said.is_invalid() };
    visit.page(&texts.recover.title, said, visit.templates().recover(&page))
}

/// The recovery code. It opens nothing but the enrollment of a replacement.
pub(super) async fn recover(visit: &Visit<'_>, form: &Form) -> Response {
    let ticket = match visit.ticket::<kind::Challenge>(form) {
        Ok(ticket) => ticket,
        Err(answer) => return answer,
    };
    // The downloaded file ends with a line end, and so does what is pasted from it.
    let code = form.get("recovery_code").unwrap_or_default().trim_matches(['\r', '\n']);
    match visit.mfa().recover(&visit.visitor.context, &ticket, code).await {
        Ok(menu) => {
            visit.go(Flow::Challenge(ticket), Flow::Recovering(menu.ticket), Renew::NewSessionId).await
        }
        Err(error) => match visit.failed(&error, &visit.texts.alert.malformed_recovery_code, &ticket).await {
            Ok(said) => recovery(visit, &ticket, &said),
            Err(answer) => answer,
        },
    }
}
