//! The host's own pages: sign-in, the stand-in identity provider, home, sign-out.

use axum::Router;
use axum::extract::{FromRef, Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use mfa::{Clock, SystemClock};
use mfa_axum::{
    Form, Host, HostError, Pages, Refusal, RequireMfa, accepted_languages, html_escape, is_same_origin,
};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::accounts::Account;
use crate::host::{HOME, SIGN_IN, SiteHost, clear_session_cookie, cookie, random_token, set_cookie};
use crate::store::FirstFactorNote;

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) pages: Pages,
    pub(crate) host: SiteHost,
    /// The SHA-256 of the one demo password.
    pub(crate) password: [u8; 32],
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
         <dl><dt>Proved with</dt><dd id=\"amr\">{amr}</dd></dl>\
         <form method=\"post\" action=\"{SIGN_OUT}\"><input type=\"hidden\" name=\"csrf\" value=\"{csrf}\">\
         <button type=\"submit\" class=\"secondary\">Sign Out</button></form>",
        account = html_escape(visitor.context.subject().account()),
        amr = html_escape(&assertion.amr().join(" ")),
        csrf = html_escape(&visitor.csrf),
    );
    site.pages.layout("Home").visitor(visitor).respond(&main)
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
    let typed = Sha256::digest(form.get("password").unwrap_or_default().as_bytes());
    let is_right = bool::from(typed.as_slice().ct_eq(&site.password));
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
        let languages = accepted_languages(&parts.headers);
        let layout = site.pages.layout("Sign In").brand(site.host.realm.issuer()).languages(&languages);
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
        let languages = accepted_languages(&parts.headers);
        site.pages
            .layout("Company Single Sign-On")
            .brand("idp.sso.example")
            .languages(&languages)
            .respond(&main)
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
        let note = FirstFactorNote { at: SystemClock.now()?, sso_amr };
        site.host.begin(account, note, parts)
    };
    match begun() {
        Ok(visitor) => site.pages.begin(&visitor).await,
        Err(_) => site.pages.refuse(&parts.headers, Refusal::Unavailable { is_transient: true }),
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
        Err(_) => return site.pages.refuse(&parts.headers, Refusal::Unavailable { is_transient: true }),
    };
    if !form.carries(&visitor.csrf) || !is_same_origin(&parts) {
        return site.pages.refuse(&parts.headers, Refusal::Forged);
    }
    match site.host.end(&parts) {
        Ok(()) => with_cookie(see_other(SIGN_IN), clear_session_cookie()),
        Err(_) => site.pages.refuse(&parts.headers, Refusal::Unavailable { is_transient: true }),
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
        Err(_) => site.pages.refuse(&parts.headers, Refusal::Unavailable { is_transient: false }),
    }
}

fn with_cookie(mut response: Response, cookie: HeaderValue) -> Response {
    response.headers_mut().append(SET_COOKIE, cookie);
    response
}

fn see_other(path: &str) -> Response {
    Redirect::to(path).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::header::{CONTENT_TYPE, COOKIE, LOCATION};
    use axum::http::{HeaderMap, Request};
    use mfa::policy::{OrganizationSettings, Policy};
    use mfa::storage::MemoryStorage;
    use mfa::{Keyring, Mfa, Realm, SystemRandom, UnixSeconds};
    use tower::ServiceExt;

    use super::*;
    use crate::accounts::ACCOUNTS;
    use crate::store::Store;

    const PASSWORD: &str = "correct horse";
    const TOKEN: &str = "0123456789012345678901234567890123456789012";

    fn site() -> Router {
        let policy = Policy::from_toml(include_str!("../../../policies/construction-pay.toml")).unwrap();
        let keyring = Keyring::generate(&SystemRandom).unwrap();
        let mfa =
            Mfa::builder().storage(MemoryStorage::new()).keyring(keyring).policy(policy).build().unwrap();
        let store = Store::open(None).unwrap();
        let ahead = OrganizationSettings::new("pilot.example").enforced_from(UnixSeconds::new(4_000_000_000));
        store.keep_organization(&ahead, false).unwrap();
        for id in ["enforced.example", "sso.example"] {
            store.keep_organization(&OrganizationSettings::new(id).required(), false).unwrap();
        }
        let host = SiteHost { store, realm: Realm::new("t", "Construction Pay").unwrap() };
        let pages = Pages::builder(mfa, host.clone()).build().unwrap();
        router(Site { pages, host, password: Sha256::digest(PASSWORD).into() })
    }

    async fn ask(
        site: &Router,
        path: &str,
        cookie: &str,
        form: Option<String>,
    ) -> (StatusCode, HeaderMap, String) {
        let request = Request::builder().uri(path).header(COOKIE, cookie);
        let request = match form {
            Some(form) => {
                let request =
                    request.method("POST").header(CONTENT_TYPE, "application/x-www-form-urlencoded");
                request.body(Body::from(form)).unwrap()
            }
            None => request.body(Body::empty()).unwrap(),
        };
        let (parts, body) = site.clone().oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    /// Signs in, follows the way that the answer shows, and answers the page.
    async fn sign_in_as(site: &Router, path: &str, form: String) -> String {
        let own = format!("{FORM_COOKIE}={TOKEN}");
        let (status, headers, body) = ask(site, path, &own, Some(format!("csrf={TOKEN}&{form}"))).await;
        if status != StatusCode::SEE_OTHER {
            return body;
        }
        let session = headers[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        ask(site, headers[LOCATION].to_str().unwrap(), &session, None).await.2
    }

    #[tokio::test]
    async fn every_account_gets_what_the_table_says() {
        let site = site();
        for account in ACCOUNTS {
            let form = format!("email={}&password=correct+horse", account.email);
            let page = sign_in_as(&site, SIGN_IN, form).await;
            let is = |title: &str| page.contains(&format!("<h1>{title}</h1>"));
            let may_skip = page.contains("Skip for Now");
            let as_told = match account.email {
                "casey@commercial.example" => is("Home") && page.contains("id=\"amr\">pwd<"),
                "olivia@pilot.example" => {
                    is("Two-Factor Authentication Required") && may_skip && page.contains("2096")
                }
                "sam@sso.example" => is("Sign In") && page.contains("Wrong e-mail or password"),
                _ => is("Two-Factor Authentication Required") && !may_skip,
            };
            assert!(as_told, "{}: {page}", account.email);
        }
    }

    #[tokio::test]
    async fn c20_the_identity_provider_is_trusted_with_mfa_only_when_it_says_mfa() {
        let site = site();
        let with = sign_in_as(&site, SSO, "amr=pwd+mfa".into()).await;
        assert!(with.contains("<h1>Home</h1>") && with.contains("id=\"amr\">pwd mfa<"));
        let without = sign_in_as(&site, SSO, "amr=pwd".into()).await;
        assert!(without.contains("<h1>Two-Factor Authentication Required</h1>"));
    }

    #[tokio::test]
    async fn unknown_people_and_wrong_passwords_get_the_same_answer() {
        let site = site();
        let page = async |form: &str| {
            let own = format!("{FORM_COOKIE}={TOKEN}");
            let (status, _, body) = ask(&site, SIGN_IN, &own, Some(format!("csrf={TOKEN}&{form}"))).await;
            (status, body.replace("ada@enforced.example", "X").replace("eve@enforced.example", "X"))
        };
        let wrong = page("email=ada@enforced.example&password=guess").await;
        assert_eq!(wrong.0, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(wrong, page("email=eve@enforced.example&password=guess").await);
        assert_eq!(wrong, page("email=eve@enforced.example&password=correct+horse").await);
    }

    #[tokio::test]
    async fn d17_a_form_from_elsewhere_signs_nobody_in() {
        let site = site();
        let form = "email=casey@commercial.example&password=correct+horse";
        for (cookie, token) in [("", TOKEN), ("site_form=other", TOKEN), ("site_form=", "")] {
            let (status, headers, _) =
                ask(&site, SIGN_IN, cookie, Some(format!("csrf={token}&{form}"))).await;
            assert_eq!(status, StatusCode::FORBIDDEN);
            assert!(
                !headers.get_all(SET_COOKIE).iter().any(|c| c.to_str().unwrap().contains("site_session"))
            );
        }
    }

    #[tokio::test]
    async fn whatever_else_is_asked_for_leads_home() {
        let site = site();
        for path in ["/nowhere", "/sign-out", "/mfa/nowhere"] {
            assert_eq!(ask(&site, path, "", None).await.0, StatusCode::SEE_OTHER, "{path}");
        }
    }
}
