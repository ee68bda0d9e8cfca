//! "Verify Your Identity": fresh proof for a change, an action or a transaction, and then on to it.

use axum::http::StatusCode;
use axum::response::Response;
use mfa::policy::{Method, Methods, Purpose};
use mfa::{Asked, Assertion, ChallengeStatus, Error, Rejection, Remember, Ticket, Transaction, Wanted, kind};

use super::visit::{Said, Visit};
use super::{phone, security};
use crate::answer;
use crate::flow::Flow;
use crate::form::Form;
use crate::host::Renew;
use crate::pages::Pages;
use crate::proven::{Beside, Errand, Proven};
use crate::refusal::Refusal;
use crate::require::RequireMfa;
use crate::templates::{Hidden, VerifyPage};

/// What the page asks for.
struct Question<'a> {
    errand: String,
    ticket: Option<Ticket<kind::Challenge>>,
    transaction: Option<&'a Transaction>,
    password: bool,
    /// What can be answered with.
    methods: Methods,
    /// That a text was sent, and where to.
    sent: Option<String>,
}

pub(super) async fn show(visit: &Visit<'_>, beside: &Beside) -> Response {
    let secured = match visit.secured().await {
        Ok(secured) => secured,
        Err(answer) => return answer,
    };
    match beside {
        Beside::Transaction(ticket) => show_transaction(visit, ticket, None).await,
        Beside::Verify(errand) => match ask(visit, &secured, errand, None).await {
            Ok(Asking::Page(question, said)) => page(visit, question, &said),
            // It has been proved meanwhile, in another tab; the page itself does nothing.
            Ok(Asking::Proved(_)) => answer::see_other(&visit.paths().security),
            Err(answer) => answer,
        },
        _ => answer::see_other(&visit.paths().security),
    }
}

/// Where a person stands who is asked for fresh proof.
enum Asking<'a> {
    Proved(Assertion),
    Page(Question<'a>, Said),
}

/// Asks the library what `errand` still needs, with the first factor if it has just been right.
async fn ask<'a>(
    visit: &Visit<'_>,
    secured: &RequireMfa,
    errand: &Errand,
    first: Option<mfa::FirstFactor>,
) -> Result<Asking<'a>, Response> {
    let wanted = match errand.purpose() {
        Purpose::Manage => Wanted::Manage,
        _ => Wanted::StepUp,
    };
    let context = &visit.visitor.context;
    let question = |ticket, password, methods| Question {
        errand: errand.to_string(),
        ticket,
        transaction: None,
        password,
        methods,
        sent: None,
    };
    match visit.mfa().challenge(context, &secured.assertion, wanted, first).await {
        Ok(Asked::Proved(assertion)) => Ok(Asking::Proved(assertion)),
        Ok(Asked::FirstFactor { methods }) => {
            // A code by text is asked for once the password was right.
            Ok(Asking::Page(question(None, true, methods.intersection(Methods::APP)), Said::nothing()))
        }
        Ok(Asked::Challenge(challenge)) => {
            Ok(Asking::Page(question(Some(challenge.ticket), false, challenge.methods), Said::nothing()))
        }
        Ok(Asked::Throttled { until }) => {
            let alert = Some(visit.texts.too_many(until));
            let said = Said { status: StatusCode::TOO_MANY_REQUESTS, alert };
            Ok(Asking::Page(question(None, false, Methods::APP), said))
        }
        Ok(Asked::RecoverOnly) => Err(visit.refuse(Refusal::Forbidden)),
        Err(error) => Err(visit.refuse(visit.pages.told(&error))),
    }
}

async fn show_transaction(
    visit: &Visit<'_>,
    ticket: &Ticket<kind::Challenge>,
    said: Option<Said>,
) -> Response {
    match visit.mfa().challenge_status(&visit.visitor.context, ticket).await {
        Ok(ChallengeStatus {
            throttled_until,
            transaction: Some(transaction),
            methods,
            chosen,
            number,
            next_text_at,
            is_text_certain,
            ..
        }) => {
            let sent = number
                .filter(|_| chosen == Some(Method::Sms))
                .map(|to| phone::sent(visit, to, is_text_certain));
            let needs_a_text = methods == Methods::SMS && sent.is_none();
            let too_many = |alert| Said { status: StatusCode::TOO_MANY_REQUESTS, alert: Some(alert) };
            let said = match (said, throttled_until, next_text_at.filter(|_| needs_a_text)) {
                (Some(said), ..) => said,
                (None, Some(until), _) => too_many(visit.texts.too_many(until)),
                (None, None, Some(until)) => too_many(visit.texts.too_many_texts(until)),
                (None, None, None) => Said::nothing(),
            };
            let question = Question {
                errand: String::new(),
                ticket: Some(ticket.clone()),
                transaction: Some(&transaction),
                password: false,
                methods,
                sent,
            };
            page(visit, question, &said)
        }
        Ok(_) => visit.over(Refusal::Expired, ticket).await,
        Err(error) => visit.over(visit.pages.told(&error), ticket).await,
    }
}

fn page(visit: &Visit<'_>, question: Question<'_>, said: &Said) -> Response {
    let (texts, paths) = (visit.texts, visit.paths());
    let ticket = question.ticket.as_ref().map_or("", Ticket::as_str);
    let (by_text, is_sent) = (question.methods.contains(Method::Sms), question.sent.is_some());
    let send = if is_sent { &texts.text_code.resend } else { &texts.phone.send };
    let page = VerifyPage {
        texts,
        paths,
        hidden: Hidden { csrf: &visit.visitor.csrf, ticket },
        errand: &question.errand,
        transaction: question.transaction,
        password: question.password,
        // Where nothing but a text can be answered with, there is nothing to type before one was sent.
        code: question.methods.contains(Method::App) || is_sent,
        text_sent: question.sent,
        send: Some(send.as_str()).filter(|_| by_text && question.ticket.is_some()),
        sign_in_again: question.password && !visit.visitor.has_password,
        is_invalid: said.is_invalid(),
    };
    visit.page(&texts.verify.title, said, visit.templates().verify(&page))
}

/// [Continue] or [Confirm]. The form says what it is about, so that another tab cannot change what is done.
pub(super) async fn verify(visit: &Visit<'_>, proven: &Proven, form: &Form) -> Response {
    let secured = match visit.secured().await {
        Ok(secured) => secured,
        Err(answer) => return answer,
    };
    let code = form.get("code").unwrap_or_default();
    match (form.get("errand").unwrap_or_default(), form.get("ticket").unwrap_or_default()) {
        ("", _) => {
            let ticket = match visit.ticket::<kind::Challenge>(form) {
                Ok(ticket) => ticket,
                Err(answer) => return answer,
            };
            match form.get("send") {
                Some(_) => send_for_transaction(visit, proven, &ticket).await,
                None => confirm_transaction(visit, proven, &ticket, code).await,
            }
        }
        (errand, ticket) => {
            let Ok(errand) = errand.parse::<Errand>() else { return visit.refuse(Refusal::Malformed) };
            // The host's own errands, and how fresh a proof they take, are the session's word and not the form's.
            let is_hosts = matches!(errand, Errand::Host { .. } | Errand::Go { .. });
            if is_hosts && !matches!(&proven.beside, Beside::Verify(kept) if *kept == errand) {
                return visit.refuse(Refusal::Expired);
            }
            match Ticket::parse(ticket) {
                _ if ticket.is_empty() => verify_password(visit, &secured, proven, &errand, form).await,
                Ok(ticket) if form.get("send").is_some() => send_for_errand(visit, &errand, ticket).await,
                Ok(ticket) => verify_code(visit, &secured, proven, &errand, ticket, code).await,
                Err(_) => visit.refuse(Refusal::Expired),
            }
        }
    }
}

async fn verify_password(
    visit: &Visit<'_>,
    secured: &RequireMfa,
    proven: &Proven,
    errand: &Errand,
    form: &Form,
) -> Response {
    let first = match form.get("password") {
        Some(_) if visit.visitor.has_password => {
            match visit.pages.inner.host.check_password(&visit.visitor, form).await {
                Ok(Some(first)) => Some(first),
                Ok(None) => {
                    let said = Said::refused(&visit.texts.alert.wrong_password);
                    return match ask(visit, secured, errand, None).await {
                        Ok(Asking::Page(question, _)) => page(visit, question, &said),
                        Ok(Asking::Proved(_)) => answer::see_other(&visit.paths().security),
                        Err(answer) => answer,
                    };
                }
                Err(error) => return visit.refuse(visit.pages.host_failed(&error)),
            }
        }
        _ => None,
    };
    match ask(visit, secured, errand, first).await {
        Ok(Asking::Proved(assertion)) => proved(visit, secured, proven, errand, &assertion).await,
        Ok(Asking::Page(Question { ticket: Some(ticket), .. }, _)) if form.get("code").is_some() => {
            let code = form.get("code").unwrap_or_default();
            verify_code(visit, secured, proven, errand, ticket, code).await
        }
        Ok(Asking::Page(question, said)) => page(visit, question, &said),
        Err(answer) => answer,
    }
}

async fn verify_code(
    visit: &Visit<'_>,
    secured: &RequireMfa,
    proven: &Proven,
    errand: &Errand,
    ticket: Ticket<kind::Challenge>,
    code: &str,
) -> Response {
    match visit.mfa().verify(&visit.visitor.context, &ticket, code, Remember::No).await {
        Ok(assertion) if assertion.purpose() == errand.purpose() => {
            proved(visit, secured, proven, errand, &assertion).await
        }
        // A ticket of another purpose, put into this form by hand.
        Ok(_) => visit.refuse(Refusal::Expired),
        Err(error) => match visit.failed(&error, &visit.texts.alert.malformed_code, &ticket).await {
            Ok(said) => match errand_question(visit, errand, ticket).await {
                Ok(question) => page(visit, question, &said),
                Err(answer) => answer,
            },
            Err(answer) => answer,
        },
    }
}

/// The page for a ticket that it was shown for before.
async fn errand_question(
    visit: &Visit<'_>,
    errand: &Errand,
    ticket: Ticket<kind::Challenge>,
) -> Result<Question<'static>, Response> {
    match visit.mfa().challenge_status(&visit.visitor.context, &ticket).await {
        Ok(status) => {
            let sent = status.number.filter(|_| status.chosen == Some(Method::Sms));
            Ok(Question {
                errand: errand.to_string(),
                ticket: Some(ticket),
                transaction: None,
                password: false,
                methods: status.methods,
                sent: sent.map(|number| phone::sent(visit, number, status.is_text_certain)),
            })
        }
        Err(error) => Err(visit.over(visit.pages.told(&error), &ticket).await),
    }
}

/// Sends a text to answer with: the ticket that then says so, and what is said of it.
async fn send(
    visit: &Visit<'_>,
    ticket: Ticket<kind::Challenge>,
) -> Result<(Ticket<kind::Challenge>, Said), Response> {
    let (mfa, context) = (visit.mfa(), &visit.visitor.context);
    match mfa.send_code(context, &ticket).await {
        Ok(sent) => Ok((sent.ticket, Said::nothing())),
        Err(error) => {
            let said = visit.failed(&error, &visit.texts.alert.malformed_code, &ticket).await?;
            // A text that went a moment ago can still be typed.
            let is_out = matches!(error, Error::Rejected(Rejection::TextThrottled { .. }));
            match mfa.choose(context, &ticket, Method::Sms) {
                Ok(chosen) if is_out => Ok((chosen, said)),
                _ => Ok((ticket, said)),
            }
        }
    }
}

async fn send_for_errand(visit: &Visit<'_>, errand: &Errand, ticket: Ticket<kind::Challenge>) -> Response {
    let (ticket, said) = match send(visit, ticket).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    match errand_question(visit, errand, ticket).await {
        Ok(question) => page(visit, question, &said),
        Err(answer) => answer,
    }
}

async fn send_for_transaction(
    visit: &Visit<'_>,
    proven: &Proven,
    ticket: &Ticket<kind::Challenge>,
) -> Response {
    let (sent, said) = match send(visit, ticket.clone()).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    if said.alert.is_some() {
        return show_transaction(visit, &sent, Some(said)).await;
    }
    let flow = Flow::Proved(proven.beside(Beside::Transaction(sent)));
    visit.go_to(visit.visitor.flow.clone(), flow, Renew::No, &visit.paths().verify).await
}

/// Keeps the fresh proof, and goes on to what it was for.
async fn proved(
    visit: &Visit<'_>,
    secured: &RequireMfa,
    proven: &Proven,
    errand: &Errand,
    assertion: &Assertion,
) -> Response {
    let proven = proven.with_fresh(assertion).beside(Beside::Nothing);
    security::run(visit.pages, secured, &proven, errand, assertion, Renew::NewSessionId).await
}

async fn confirm_transaction(
    visit: &Visit<'_>,
    proven: &Proven,
    ticket: &Ticket<kind::Challenge>,
    code: &str,
) -> Response {
    let (mfa, context) = (visit.mfa(), &visit.visitor.context);
    let transaction = match mfa.challenge_status(context, ticket).await {
        Ok(ChallengeStatus { transaction: Some(transaction), .. }) => transaction,
        Ok(_) => return visit.over(Refusal::Expired, ticket).await,
        Err(error) => return visit.over(visit.pages.told(&error), ticket).await,
    };
    let assertion = match mfa.verify(context, ticket, code, Remember::No).await {
        Ok(assertion) => assertion,
        Err(Error::Rejected(Rejection::SessionEnded)) => return session_ended(visit).await,
        Err(error) => {
            return match visit.failed(&error, &visit.texts.alert.malformed_code, ticket).await {
                Ok(said) => show_transaction(visit, ticket, Some(said)).await,
                Err(answer) => answer,
            };
        }
    };
    match mfa.redeem(context, &assertion, &transaction).await {
        // Redeemed before, and the answer was lost on its way: the host pays once, by the id.
        Ok(()) | Err(Error::Rejected(Rejection::AlreadyRedeemed)) => {}
        Err(error) => return visit.over(visit.pages.told(&error), ticket).await,
    }
    let host = &visit.pages.inner.host;
    let response = match host.carry_out(&visit.visitor, &transaction).await {
        Ok(response) => response,
        Err(error) => return visit.refuse(visit.pages.host_failed(&error)),
    };
    let flow = Flow::Proved(proven.with_fresh(&assertion).beside(Beside::Nothing));
    match host.keep(&visit.visitor, &flow, Renew::NewSessionId).await {
        Ok(headers) => answer::with_headers(response, headers),
        Err(error) => visit.refuse(visit.pages.host_failed(&error)),
    }
}

/// Too many wrong codes for transactions: every session of the person is over.
async fn session_ended(visit: &Visit<'_>) -> Response {
    match visit.pages.inner.host.keep(&visit.visitor, &Flow::None, Renew::No).await {
        Ok(headers) => {
            let visitor = crate::host::Visitor { flow: Flow::None, ..visit.visitor.clone() };
            let refused = visit.pages.refuse_visitor(
                &visitor,
                Refusal::Expired,
                answer::wants_json(&visit.parts.headers),
            );
            answer::with_headers(refused, headers)
        }
        Err(error) => visit.refuse(visit.pages.host_failed(&error)),
    }
}

/// Runs the errand at once where the session has proof that is fresh enough, otherwise after this page.
pub(crate) async fn run_or_verify(pages: &Pages, secured: &RequireMfa, errand: Errand) -> Response {
    let visitor = &secured.visitor;
    let Flow::Proved(proven) = &visitor.flow else {
        return pages.refuse_visitor(visitor, Refusal::Expired, false);
    };
    match pages.fresh(secured, errand.purpose()).await {
        Ok(Some(assertion)) => security::run(pages, secured, proven, &errand, &assertion, Renew::No).await,
        Ok(None) => pages.verify_first(secured, errand).await,
        Err(error) => pages.refuse_visitor(visitor, pages.told(&error), false),
    }
}
