//! The pages that set up a phone.

use axum::response::Response;
use mfa::policy::Region;
use mfa::policy::numbers::{Country, InvalidNational};
use mfa::{Consent, PendingPhone, Ticket, kind};

use super::enrollment;
use super::visit::{Said, Visit};
use crate::flow::Flow;
use crate::form::Form;
use crate::refusal;
use crate::templates::{PhoneCodePage, PhonePage};

pub(super) async fn show(visit: &Visit<'_>, ticket: &Ticket<kind::Enroll>) -> Response {
    match visit.mfa().menu(&visit.visitor.context, ticket).await {
        Ok(_) => number_page(visit, ticket, None, "", &Said::nothing()),
        Err(error) => visit.over(visit.pages.told(&error), ticket).await,
    }
}

/// "Use another number": the set-up goes on with the next one.
pub(super) async fn show_again(visit: &Visit<'_>, ticket: &Ticket<kind::PendingPhone>) -> Response {
    match visit.mfa().another_number(&visit.visitor.context, ticket).await {
        Ok(menu) => number_page(visit, &menu.ticket, None, "", &Said::nothing()),
        Err(error) => visit.over(visit.pages.told(&error), ticket).await,
    }
}

/// Another method, after a number was given.
pub(super) async fn show_method(visit: &Visit<'_>, ticket: &Ticket<kind::PendingPhone>) -> Response {
    match visit.mfa().another_number(&visit.visitor.context, ticket).await {
        Ok(menu) => enrollment::show_method(visit, &menu.ticket).await,
        Err(error) => visit.over(visit.pages.told(&error), ticket).await,
    }
}

fn number_page(
    visit: &Visit<'_>,
    ticket: &Ticket<kind::Enroll>,
    chosen: Option<Region>,
    number: &str,
    said: &Said,
) -> Response {
    let (texts, paths, hidden) = (visit.texts, visit.paths(), visit.hidden(ticket));
    let countries = match visit.mfa().countries(&visit.visitor.context) {
        Ok(countries) => countries,
        Err(error) => return visit.refuse(visit.pages.told(&error)),
    };
    let option = |country: &Country| {
        let code = country.region.as_str();
        let name = texts.country(code).unwrap_or(country.name);
        (code, format!("{name} (+{})", country.calling_code), chosen == Some(country.region))
    };
    let mut countries: Vec<_> = countries.iter().map(option).collect();
    countries.sort_by(|(_, a, _), (_, b, _)| a.cmp(b));
    let may_choose = !matches!(visit.visitor.flow, Flow::Proved(_));
    let page =
        PhonePage { texts, paths, hidden, countries, number, may_choose, is_invalid: said.is_invalid() };
    visit.page(&texts.phone.title, said, visit.templates().phone(&page))
}

/// "Send Text Message": the number belongs to the chosen country, and the person agreed by sending the form.
pub(super) async fn send(visit: &Visit<'_>, form: &Form) -> Response {
    let ticket = match visit.ticket::<kind::Enroll>(form) {
        Ok(ticket) => ticket,
        Err(answer) => return answer,
    };
    let (mfa, context) = (visit.mfa(), &visit.visitor.context);
    // Who may not use texts is told that, and not what is wrong with a number.
    match mfa.menu(context, &ticket).await {
        Ok(menu) if !menu.methods.contains(mfa::policy::Method::Sms) => {
            return visit.refuse(crate::refusal::Refusal::Forbidden);
        }
        Ok(_) => {}
        Err(error) => return visit.over(visit.pages.told(&error), &ticket).await,
    }
    let typed = form.get("phone").unwrap_or_default();
    let chosen = form.get("country").and_then(|code| Region::new(code).ok());
    let again = |said: &Said| number_page(visit, &ticket, chosen, typed, said);
    let Some(region) = chosen else { return again(&Said::refused(&visit.texts.alert.number_not_allowed)) };
    let number = match mfa.phone_number(region, typed) {
        Ok(number) => number,
        Err(invalid) => return again(&Said::refused(of_number(visit, &invalid))),
    };
    match mfa.enroll_phone(context, &ticket, &number, CONSENT).await {
        Ok(pending) => {
            let to = Flow::PendingPhone(pending.ticket);
            visit.go_on(Flow::Enroll(ticket), to).await
        }
        Err(error) => match visit.failed(&error, &visit.texts.alert.number_malformed, &ticket).await {
            Ok(said) => again(&said),
            Err(answer) => answer,
        },
    }
}

fn of_number<'a>(visit: &Visit<'a>, invalid: &InvalidNational) -> &'a str {
    let alert = &visit.texts.alert;
    match invalid {
        InvalidNational::Number(_) => &alert.number_malformed,
        InvalidNational::OtherRegion => &alert.number_other_country,
        InvalidNational::Refused(refused) => refusal::number(refused, visit.texts),
        _ => &alert.number_not_allowed,
    }
}

pub(super) async fn show_code(visit: &Visit<'_>, ticket: &Ticket<kind::PendingPhone>) -> Response {
    match visit.mfa().pending_phone(&visit.visitor.context, ticket).await {
        Ok(pending) => code_page(visit, &pending, &Said::nothing()),
        Err(error) => visit.over(visit.pages.told(&error), ticket).await,
    }
}

fn code_page(visit: &Visit<'_>, pending: &PendingPhone, said: &Said) -> Response {
    let (texts, paths) = (visit.texts, visit.paths());
    let page = PhoneCodePage {
        texts,
        paths,
        hidden: visit.hidden(&pending.ticket),
        lead: sent(visit, pending.number, pending.is_certain),
        is_invalid: said.is_invalid(),
    };
    visit.page(&texts.text_code.title, said, visit.templates().phone_code(&page))
}

/// That a text went, or may have.
pub(super) fn sent(visit: &Visit<'_>, number: impl std::fmt::Display, is_certain: bool) -> String {
    match is_certain {
        true => visit.texts.text_sent(number),
        false => visit.texts.text_unsure(number),
    }
}

/// The code that came by text.
pub(super) async fn confirm(visit: &Visit<'_>, form: &Form) -> Response {
    let ticket = match visit.ticket::<kind::PendingPhone>(form) {
        Ok(ticket) => ticket,
        Err(answer) => return answer,
    };
    let code = form.get("code").unwrap_or_default();
    match visit.mfa().confirm_phone(&visit.visitor.context, &ticket, code).await {
        Ok(confirmed) => visit.go_on(Flow::PendingPhone(ticket), Flow::Confirmed(confirmed.ticket)).await,
        Err(error) => code_again(visit, &ticket, &error).await,
    }
}

/// "Resend New Code"
pub(super) async fn resend(visit: &Visit<'_>, form: &Form) -> Response {
    let ticket = match visit.ticket::<kind::PendingPhone>(form) {
        Ok(ticket) => ticket,
        Err(answer) => return answer,
    };
    match visit.mfa().resend(&visit.visitor.context, &ticket).await {
        Ok(pending) => visit.go_on(Flow::PendingPhone(ticket), Flow::PendingPhone(pending.ticket)).await,
        Err(error) => code_again(visit, &ticket, &error).await,
    }
}

async fn code_again(visit: &Visit<'_>, ticket: &Ticket<kind::PendingPhone>, error: &mfa::Error) -> Response {
    let said = match visit.failed(error, &visit.texts.alert.malformed_code, ticket).await {
        Ok(said) => said,
        Err(answer) => return answer,
    };
    match visit.mfa().pending_phone(&visit.visitor.context, ticket).await {
        Ok(pending) => code_page(visit, &pending, &said),
        Err(error) => visit.over(visit.pages.told(&error), ticket).await,
    }
}

/// The notice and the sentence of `texts/*.toml`, section `phone`; raised when either changes its meaning.
const CONSENT: Consent = Consent { wording: 1 };
