//! The pages of a sign-in: the challenge, and the recovery code.

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use mfa::{Assertion, ChallengeStatus, Remember, Ticket, kind};

use super::visit::{Said, Visit};
use crate::answer;
use crate::flow::Flow;
use crate::form::Form;
use crate::host::{HostError, Renew};
use crate::templates::{ChallengePage, RecoverPage};

pub(super) async fn show_challenge(visit: &Visit<'_>, ticket: &Ticket<kind::Challenge>) -> Response {
    match visit.mfa().challenge_status(&visit.visitor.context, ticket).await {
        Ok(ChallengeStatus { throttled_until: Some(until), remember_for, .. }) => {
            let alert = Some(visit.texts.too_many(until));
            challenge(visit, ticket, remember_for, &Said { status: StatusCode::TOO_MANY_REQUESTS, alert })
        }
        Ok(status) => challenge(visit, ticket, status.remember_for, &Said::nothing()),
        Err(error) => visit.over(visit.pages.told(&error), ticket).await,
    }
}

fn challenge(
    visit: &Visit<'_>,
    ticket: &Ticket<kind::Challenge>,
    remember_for: Option<Duration>,
    said: &Said,
) -> Response {
    let (texts, paths, hidden) = (visit.texts, visit.paths(), visit.hidden(ticket));
    let remember = remember_for.map(|lifetime| texts.remember(lifetime));
    let page = ChallengePage { texts, paths, hidden, remember, is_invalid: said.is_invalid() };
    visit.page(&texts.challenge.title, said, visit.templates().challenge(&page))
}

/// The code of the app.
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
            Ok(said) => {
                let remember_for =
                    mfa.challenge_status(context, &ticket).await.ok().and_then(|s| s.remember_for);
                challenge(visit, &ticket, remember_for, &said)
            }
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
