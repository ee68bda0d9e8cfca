//! The pages of a sign-in: the challenge, and the recovery code.

use axum::http::StatusCode;
use axum::response::Response;
use mfa::{ChallengeStatus, Remember, Ticket, kind};

use super::visit::{Said, Visit};
use crate::flow::Flow;
use crate::form::Form;
use crate::host::Renew;
use crate::templates::{ChallengePage, RecoverPage};

pub(super) async fn show_challenge(visit: &Visit<'_>, ticket: &Ticket<kind::Challenge>) -> Response {
    match visit.mfa().challenge_status(&visit.visitor.context, ticket).await {
        Ok(ChallengeStatus { throttled_until: Some(until), .. }) => {
            let alert = Some(visit.texts.too_many(until));
            challenge(visit, ticket, &Said { status: StatusCode::TOO_MANY_REQUESTS, alert })
        }
        Ok(_) => challenge(visit, ticket, &Said::nothing()),
        Err(error) => visit.over(visit.pages.told(&error), ticket).await,
    }
}

fn challenge(visit: &Visit<'_>, ticket: &Ticket<kind::Challenge>, said: &Said) -> Response {
    let (texts, paths, hidden) = (visit.texts, visit.paths(), visit.hidden(ticket));
    let page = ChallengePage { texts, paths, hidden, is_invalid: said.is_invalid() };
    visit.page(&texts.challenge.title, said, visit.templates().challenge(&page))
}

/// The code of the app.
pub(super) async fn verify(visit: &Visit<'_>, form: &Form) -> Response {
    let ticket = match visit.ticket::<kind::Challenge>(form) {
        Ok(ticket) => ticket,
        Err(answer) => return answer,
    };
    let code = form.get("code").unwrap_or_default();
    match visit.mfa().verify(&visit.visitor.context, &ticket, code, Remember::No).await {
        Ok(assertion) => {
            visit.go(Flow::Challenge(ticket), Flow::proved(&assertion), Renew::NewSessionId).await
        }
        Err(error) => match visit.failed(&error, &visit.texts.alert.malformed_code, &ticket).await {
            Ok(said) => challenge(visit, &ticket, &said),
            Err(answer) => answer,
        },
    }
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
