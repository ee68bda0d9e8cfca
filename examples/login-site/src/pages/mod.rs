//! The host's own pages: sign-in, the stand-in identity provider, home, sign-out here; payments and company settings in
//! files of their own.

pub(crate) mod company;
pub(crate) mod payments;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::extract::{FromRef, Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use mfa_axum::{
    Form, FormError, Host, HostError, Layout, Pages, Refusal, RequireMfa, Visitor, html_escape,
    is_same_origin,
};

use crate::accounts::Account;
use crate::host::{HOME, SIGN_IN, SiteHost, clear_session_cookie, cookie, random_token, set_cookie};
use crate::store::FirstFactorNote;

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) pages: Pages,
    pub(crate) host: SiteHost,
}

impl Site {
    /// A page of the site's own. Those are in English, whatever the visitor prefers.
    fn layout<'a>(&'a self, title: &'a str) -> Layout<'a> {
        self.pages.layout(title).brand(self.host.realm.issuer())
    }

    /// 503, and the cause for the operator.
    fn unavailable(&self, request: &HeaderMap, error: &HostError) -> Response {
        crate::complain(&**error);
        self.pages.refuse(request, Refusal::Unavailable { is_transient: true })
    }
}

impl FromRef<Site> for Pages {
    fn from_ref(site: &Site) -> Self {
        site.pages.clone()
    }
}

/// The whole site: the host's pages with the library's merged in. Whatever else is asked for leads home.
pub(crate) fn router(site: Site) -> Router {
    let home = || async { see_other(HOME) };
    Router::new()
        .route(HOME, get(show_home))
        .route(SIGN_IN, get(show_sign_in).post(sign_in))
        .route(SSO, get(show_provider).post(sign_in_through_provider))
        .route(SIGN_OUT, post(sign_out))
        .route(payments::PATH, get(payments::show).post(payments::disburse))
        .route(company::PATH, get(company::show).post(company::save))
        .route(company::RESET, post(company::reset))
        .merge(site.pages.router())
        .fallback(home)
        .method_not_allowed_fallback(home)
        .with_state(site)
}

const SSO: &str = "/sso";
const SIGN_OUT: &str = "/sign-out";
/// Carries the CSRF token of forms that have no session yet.
const FORM_COOKIE: &str = "site_form";

async fn show_home(State(site): State<Site>, secured: RequireMfa) -> Response {
    let RequireMfa { visitor, assertion, .. } = &secured;
    let main = format!(
        "<p class=\"lead\">Signed in as <strong>{account}</strong></p>\
         <nav aria-label=\"Your pages\"><ul class=\"menu\">{links}</ul></nav>\
         <dl><dt>Proved with</dt><dd id=\"amr\">{amr}</dd></dl>\
         <form method=\"post\" action=\"{SIGN_OUT}\"><input type=\"hidden\" name=\"csrf\" value=\"{csrf}\">\
         <button type=\"submit\" class=\"secondary\">Sign Out</button></form>",
        account = html_escape(visitor.context.subject().account()),
        amr = html_escape(&assertion.amr().join(" ")),
        csrf = html_escape(&visitor.csrf),
        links = links(&site, visitor),
    );
    site.layout("Home").respond(&main)
}

/// The pages that this person may use.
fn links(site: &Site, visitor: &Visitor) -> String {
    let account = account_of(visitor);
    let mut pages = vec![(site.pages.paths().security.as_str(), "Password & Security")];
    if account.is_some_and(Account::is_payments_user) {
        pages.push((payments::PATH, "Payments"));
    }
    if account.is_some_and(|account| account.charges().is_some()) {
        pages.push((company::PATH, "Company Security Settings"));
    }
    let link = |(path, name): (&str, &str)| format!("<li><a href=\"{path}\">{}</a></li>", html_escape(name));
    pages.into_iter().map(link).collect()
}

/// Who the visitor is to the host.
pub(crate) fn account_of(visitor: &Visitor) -> Option<&'static Account> {
    Account::find(visitor.context.subject().id().as_str())
}

/// Reads the form of somebody with a session; whoever lacks one, a factor or the token is answered for it.
async fn secured_form(site: &Site, request: Request) -> Result<(RequireMfa, Parts, Form), Response> {
    let (parts, body) = request.into_parts();
    let form = Form::read(&parts.headers, body).await;
    if let Err(FormError::TooLarge) = form {
        return Err(site.pages.refuse(&parts.headers, Refusal::TooLarge));
    }
    let secured = site.pages.require(&parts).await?;
    let refuse = |refusal| site.pages.refuse_to(&secured.visitor, &parts.headers, refusal);
    match form {
        _ if !is_same_origin(&parts) => Err(refuse(Refusal::Forged)),
        Err(error) => Err(refuse(error.into())),
        Ok(form) if !form.carries(&secured.visitor.csrf) => Err(refuse(Refusal::Forged)),
        Ok(form) => Ok((secured, parts, form)),
    }
}

async fn show_sign_in(State(site): State<Site>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    sign_in_page(&site, &parts, "", None)
}

async fn sign_in(State(site): State<Site>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let form = match read_form(&parts, body).await {
        Ok(form) => form,
        Err(refusal) => return site.pages.refuse(&parts.headers, refusal),
    };
    let email = form.get("email").unwrap_or_default().trim().to_ascii_lowercase();
    let is_right = site.host.is_password(form.get("password").unwrap_or_default());
    // Unknown people, wrong passwords and people who have no password get the same answer, byte for byte.
    match Account::find(&email).filter(|account| is_right && account.provider.is_none()) {
        Some(account) => proceed(&site, &parts, account, None).await,
        None => sign_in_page(&site, &parts, &email, Some("Wrong e-mail or password.")),
    }
}

fn sign_in_page(site: &Site, parts: &Parts, email: &str, alert: Option<&str>) -> Response {
    // Which of the two is wrong is not told: both point at the sentence, and the first has the focus.
    let told = if alert.is_some() { " aria-invalid=\"true\" aria-describedby=\"alert\"" } else { "" };
    let focus = if alert.is_some() { " autofocus" } else { "" };
    with_form_token(site, parts, |csrf| {
        let main = format!(
            "<form method=\"post\" action=\"{SIGN_IN}\"><input type=\"hidden\" name=\"csrf\" value=\"{csrf}\">\
             <div class=\"field\"><label for=\"email\">E-mail</label>\
             <input type=\"email\" id=\"email\" name=\"email\" value=\"{email}\" autocomplete=\"username\" required{told}{focus}></div>\
             <div class=\"field\"><label for=\"password\">Password</label><input type=\"password\" id=\"password\" \
             name=\"password\" autocomplete=\"current-password\" required{told}></div>\
             <button type=\"submit\">Continue</button></form>\
             <p class=\"links\"><a href=\"{SSO}\">Company single sign-on</a></p>",
            email = html_escape(email),
        );
        let layout = site.layout("Sign In");
        match alert {
            Some(sentence) => layout.status(StatusCode::UNPROCESSABLE_ENTITY).alert(sentence).respond(&main),
            None => layout.respond(&main),
        }
    })
}

async fn show_provider(State(site): State<Site>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    with_form_token(&site, &parts, |csrf| {
        let main = format!(
            "<p class=\"lead\">This page stands in for your company's identity provider.</p>\
             <form method=\"post\" action=\"{SSO}\"><input type=\"hidden\" name=\"csrf\" value=\"{csrf}\">\
             <div class=\"actions\">\
             <button type=\"submit\" name=\"amr\" value=\"pwd mfa\">Sign in as {SAM}</button>\
             <button type=\"submit\" name=\"amr\" value=\"pwd\" class=\"secondary\">Sign in as {SAM} without MFA</button>\
             </div></form><p class=\"links\"><a href=\"{SIGN_IN}\">Back to sign in</a></p>"
        );
        site.pages.layout("Company Single Sign-On").brand("idp.sso.example").respond(&main)
    })
}

const SAM: &str = "sam@sso.example";

async fn sign_in_through_provider(State(site): State<Site>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let form = match read_form(&parts, body).await {
        Ok(form) => form,
        Err(refusal) => return site.pages.refuse(&parts.headers, refusal),
    };
    // A real host takes the amr from the provider's signed answer; this stand-in takes one of its own two buttons.
    let amr = form.get("amr").filter(|amr| ["pwd mfa", "pwd"].contains(amr));
    match (Account::find(SAM), amr) {
        (Some(sam), Some(amr)) => proceed(&site, &parts, sam, Some(amr.to_owned())).await,
        _ => site.pages.refuse(&parts.headers, Refusal::Malformed),
    }
}

/// The first factor was right: the rest is the library's.
async fn proceed(site: &Site, parts: &Parts, account: &Account, sso_amr: Option<String>) -> Response {
    let begun = || -> Result<_, HostError> {
        let note = FirstFactorNote { at: site.host.clock.now()?, sso_amr };
        site.host.begin(account, note, parts)
    };
    match begun() {
        Ok(visitor) => site.pages.begin(&visitor).await,
        Err(error) => site.unavailable(&parts.headers, &error),
    }
}

async fn sign_out(State(site): State<Site>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let form = match Form::read(&parts.headers, body).await {
        Ok(form) => form,
        Err(error) => return site.pages.refuse(&parts.headers, error.into()),
    };
    let visitor = match site.host.visitor(&parts).await {
        Ok(Some(visitor)) => visitor,
        Ok(None) => return see_other(SIGN_IN),
        Err(error) => return site.unavailable(&parts.headers, &error),
    };
    if !form.carries(&visitor.csrf) || !is_same_origin(&parts) {
        return site.pages.refuse_to(&visitor, &parts.headers, Refusal::Forged);
    }
    match site.host.end(&parts) {
        Ok(()) => with_cookie(see_other(SIGN_IN), clear_session_cookie()),
        Err(error) => site.unavailable(&parts.headers, &error),
    }
}

/// Reads a form that has no session yet: its token is the one in the visitor's cookie.
async fn read_form(parts: &Parts, body: axum::body::Body) -> Result<Form, Refusal> {
    let form = Form::read(&parts.headers, body).await.map_err(Refusal::from)?;
    let token = cookie(&parts.headers, FORM_COOKIE).unwrap_or_default();
    if form.carries(token) && is_same_origin(parts) { Ok(form) } else { Err(Refusal::Forged) }
}

/// Renders a page with a form before any session. The token the browser has is kept, so that two tabs both work.
fn with_form_token(site: &Site, parts: &Parts, page: impl FnOnce(&str) -> Response) -> Response {
    let is_token =
        |text: &str| text.len() == 43 && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    if let Some(token) = cookie(&parts.headers, FORM_COOKIE).filter(|token| is_token(token)) {
        return page(token);
    }
    let made = || -> Result<_, HostError> {
        let token = random_token()?;
        let header = set_cookie(FORM_COOKIE, &token)?;
        Ok((token, header))
    };
    match made() {
        Ok((token, header)) => with_cookie(page(&token), header),
        Err(error) => site.unavailable(&parts.headers, &error),
    }
}

fn with_cookie(mut response: Response, cookie: HeaderValue) -> Response {
    response.headers_mut().append(SET_COOKIE, cookie);
    response
}

fn see_other(path: &str) -> Response {
    Redirect::to(path).into_response()
}
