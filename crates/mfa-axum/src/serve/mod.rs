//! One door for every request below the mount: who asks, for which page, from where; then the page.

mod enrollment;
mod phone;
mod security;
mod sign_in;
mod verify;
mod visit;

pub(crate) use verify::run_or_verify;

use axum::extract::Request;
use axum::http::Method;
use axum::response::Response;

use crate::answer;
use crate::assets;
use crate::flow::Flow;
use crate::form::{Form, FormError};
use crate::origin::is_same_origin;
use crate::pages::Pages;
use crate::paths::Route;
use crate::proven::Beside;
use crate::refusal::Refusal;
use visit::Visit;

pub(crate) async fn serve(pages: &Pages, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let route = pages.inner.paths.route(&parts.uri);
    let is_reading = parts.method == Method::GET || parts.method == Method::HEAD;
    match route {
        Route::Style if is_reading => return assets::STYLE.response(),
        Route::Script if is_reading => return assets::SCRIPT.response(),
        _ => {}
    }
    // The size is judged first: whoever floods us is not looked up.
    let form = match parts.method {
        Method::POST => match Form::read(&parts.headers, body).await {
            Err(FormError::TooLarge) => return pages.refuse(&parts.headers, Refusal::TooLarge),
            form => route.takes_forms().then_some(form),
        },
        _ => None,
    };
    let visitor = match pages.inner.host.visitor(&parts).await {
        Ok(Some(visitor)) => visitor,
        Ok(None) => return pages.send_to_sign_in(&parts),
        Err(error) => return pages.refuse(&parts.headers, pages.host_failed(&error)),
    };
    let visit = Visit::new(pages, visitor, &parts);
    match form {
        Some(_) if !is_same_origin(&parts) => visit.refuse(Refusal::Forged),
        Some(Err(error)) => visit.refuse(Refusal::from(error)),
        Some(Ok(form)) if !form.carries(&visit.visitor.csrf) => visit.refuse(Refusal::Forged),
        Some(Ok(form)) => act(&visit, route, &form).await,
        None if is_reading => show(&visit, route).await,
        None => visit.to_its_page(),
    }
}

/// Shows the page that the visitor's flow stands at. Every other page leads there: nothing can be skipped by its
/// address.
async fn show(visit: &Visit<'_>, route: Route) -> Response {
    match (&visit.visitor.flow, route) {
        (Flow::Offer(..) | Flow::Enroll(_), Route::Required) => enrollment::show_required(visit).await,
        (Flow::Offer(ticket, _) | Flow::Enroll(ticket) | Flow::Recovering(ticket), Route::Method) => {
            enrollment::show_method(visit, ticket).await
        }
        (Flow::Pending(ticket), Route::App) => enrollment::show_app(visit, ticket).await,
        (Flow::Offer(ticket, _) | Flow::Enroll(ticket) | Flow::Recovering(ticket), Route::Phone) => {
            phone::show(visit, ticket).await
        }
        (Flow::PendingPhone(ticket), Route::PhoneCode) => phone::show_code(visit, ticket).await,
        (Flow::PendingPhone(ticket), Route::Phone) => phone::show_again(visit, ticket).await,
        (Flow::PendingPhone(ticket), Route::Method) => phone::show_method(visit, ticket).await,
        (Flow::Confirmed(ticket), Route::Save) => enrollment::show_save(visit, ticket).await,
        (Flow::Bind(ticket), Route::Bind) => enrollment::show_bind(visit, ticket).await,
        (Flow::Challenge(ticket), Route::Challenge) => sign_in::show_challenge(visit, ticket).await,
        (Flow::Challenge(ticket), Route::Choose) => sign_in::show_choice(visit, ticket).await,
        (Flow::Challenge(ticket) | Flow::RecoverOnly(ticket), Route::Recover) => {
            sign_in::show_recover(visit, ticket).await
        }
        (Flow::Proved(proven), _) => show_beside(visit, &proven.beside, route).await,
        _ => visit.to_its_page(),
    }
}

/// The pages of a session that is proved.
async fn show_beside(visit: &Visit<'_>, beside: &Beside, route: Route) -> Response {
    match (beside, route) {
        (_, Route::Security) => security::show(visit).await,
        (Beside::Verify(_) | Beside::Transaction(_), Route::Verify) => verify::show(visit, beside).await,
        (Beside::Pending(ticket), Route::App) => enrollment::show_app(visit, ticket).await,
        (Beside::EnrollPhone(ticket), Route::Phone) => phone::show(visit, ticket).await,
        (Beside::PendingPhone(ticket), Route::PhoneCode) => phone::show_code(visit, ticket).await,
        (Beside::PendingPhone(ticket), Route::Phone) => phone::show_again(visit, ticket).await,
        (Beside::Confirmed(ticket), Route::Save) => enrollment::show_save(visit, ticket).await,
        (Beside::NewCode(ticket), Route::NewCode) => security::show_new_code(visit, ticket).await,
        (_, Route::Verify | Route::NewCode) => answer::see_other(&visit.paths().security),
        _ => visit.to_its_page(),
    }
}

/// Does what a form asks for. The ticket in the form says which ceremony it is about, so that two tabs do not mix;
/// whether it is still good is the library's judgement.
async fn act(visit: &Visit<'_>, route: Route, form: &Form) -> Response {
    match (&visit.visitor.flow, route) {
        (Flow::Proved(_), Route::Security) => security::change(visit, form).await,
        (Flow::Proved(proven), Route::Verify) => verify::verify(visit, proven, form).await,
        (Flow::Proved(_), Route::NewCode) => security::activate_code(visit, form).await,
        (Flow::Proved(_), Route::NewCodeCopy) => security::copy_code(visit, form).await,
        (Flow::Proved(_), Route::NewCodeDownload) => security::download_code(visit, form).await,
        (_, Route::App) => enrollment::confirm(visit, form).await,
        (_, Route::Phone) => phone::send(visit, form).await,
        (_, Route::PhoneCode) => phone::confirm(visit, form).await,
        (_, Route::PhoneResend) => phone::resend(visit, form).await,
        (_, Route::Save) => enrollment::activate(visit, form).await,
        (_, Route::Copy) => enrollment::copy(visit, form).await,
        (_, Route::Download) => enrollment::download(visit, form).await,
        // A form left over from before everything was proved must not take that away again.
        (Flow::Proved(_), _) => visit.refuse(Refusal::Expired),
        (_, Route::Required) => enrollment::set_up(visit, form).await,
        (_, Route::Skip) => enrollment::skip(visit, form).await,
        (_, Route::Method) => enrollment::choose(visit, form).await,
        (_, Route::Bind) => enrollment::bind(visit, form).await,
        (_, Route::Challenge) => sign_in::verify(visit, form).await,
        (_, Route::Choose) => sign_in::choose(visit, form).await,
        (_, Route::Resend) => sign_in::resend(visit, form).await,
        (_, Route::Recover) => sign_in::recover(visit, form).await,
        _ => visit.to_its_page(),
    }
}

impl Visit<'_> {
    fn to_its_page(&self) -> Response {
        answer::see_other(self.pages.inner.paths.of_flow(&self.visitor.flow))
    }
}
