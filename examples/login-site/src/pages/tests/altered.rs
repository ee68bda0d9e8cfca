//! The site's own forms, altered in every byte: always an answer of the table, and done only what the form still says.

use std::collections::HashMap;

use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, COOKIE, HOST, LOCATION, ORIGIN};
use axum::http::{HeaderName, HeaderValue, Request};
use tower::ServiceExt;

use super::{ALLOWED, Browser, FORM_COOKIE, PASSWORD, TOKEN, TestSite};
use crate::host::SIGN_IN;

#[derive(Clone, Copy, Debug)]
enum Form {
    SignIn,
    Provider,
    SignOut,
    Disburse,
    Save,
    Reset,
}

impl Form {
    fn path(self) -> &'static str {
        match self {
            Self::SignIn => SIGN_IN,
            Self::Provider => "/sso",
            Self::SignOut => "/sign-out",
            Self::Disburse => "/payments",
            Self::Save => "/company-security",
            Self::Reset => "/company-security/reset",
        }
    }

    /// A browser in front of the form, and what belongs into it.
    async fn stage(self) -> (TestSite, Browser, Vec<(&'static str, String)>) {
        let site = TestSite::new();
        let typed: &[(&str, &str)] = match self {
            Self::SignIn => &[("email", "casey@commercial.example"), ("password", PASSWORD)],
            Self::Provider => &[("amr", "pwd mfa")],
            Self::SignOut => &[],
            Self::Disburse => &[("amount", "1250.00"), ("payee", "Acme")],
            Self::Save => {
                &[("require", "yes"), ("enforce_from", "2030-01-31"), ("reauthenticate_after", "7d")]
            }
            Self::Reset => &[("email", "marcus@enforced.example"), ("verified", "yes")],
        };
        let browser = match self {
            Self::SignIn | Self::Provider => site.browser(),
            Self::SignOut => site.password("casey@commercial.example").await,
            Self::Disburse => site.enrolled("pat@payor.example").await.0,
            Self::Save => site.enrolled("ada@enforced.example").await.0,
            Self::Reset => {
                site.enrolled("marcus@enforced.example").await;
                site.enrolled("ada@enforced.example").await.0
            }
        };
        let mut browser = browser;
        let csrf = match self {
            Self::SignIn | Self::Provider => TOKEN.to_owned(),
            Self::SignOut => super::between(&browser.page, "name=\"csrf\" value=\"", "\"").to_owned(),
            _ => {
                browser.get(self.path().trim_end_matches("/reset")).await;
                super::between(&browser.page, "name=\"csrf\" value=\"", "\"").to_owned()
            }
        };
        let typed = typed.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let fields = std::iter::once(("csrf", csrf)).chain(typed).collect();
        (site, browser, fields)
    }

    fn has_session(self) -> bool {
        !matches!(self, Self::SignIn | Self::Provider)
    }

    /// The cookie without which nothing may be done.
    fn cookie(self, browser: &Browser) -> String {
        let is_needed = |name: &str| (name == FORM_COOKIE) != self.has_session();
        let (name, value) = browser.cookies.iter().find(|(name, _)| is_needed(name)).unwrap();
        format!("{name}={value}")
    }

    /// Whether a form with these fields may be done.
    fn may(self, right: &HashMap<String, String>, sent: &HashMap<String, String>) -> bool {
        let is_same = |name| right.get(name) == sent.get(name);
        let holds =
            |name: &str, values: &[&str]| sent.get(name).is_some_and(|value| values.contains(&value.trim()));
        is_same("csrf")
            && match self {
                Self::SignIn => {
                    let email = sent.get("email").map(|email| email.trim().to_ascii_lowercase());
                    email == right.get("email").cloned() && is_same("password")
                }
                Self::Provider => holds("amr", &["pwd mfa", "pwd"]),
                Self::SignOut => true,
                // Another amount or payee is another payment, which the next page shows.
                Self::Disburse => sent.contains_key("amount") && sent.contains_key("payee"),
                Self::Save => holds("reauthenticate_after", &["12h", "7d", "30d"]),
                Self::Reset => is_same("email") && sent.contains_key("verified"),
            }
    }
}

const FORMS: [Form; 6] =
    [Form::SignIn, Form::Provider, Form::SignOut, Form::Disburse, Form::Save, Form::Reset];

#[tokio::test]
async fn b11_every_byte_of_the_sites_own_forms() {
    for form in FORMS {
        let mut stage = form.stage().await;
        let mut all = right_and_altered(&stage.2);
        let (mut place, mut done) = (0, 0);
        while let Some(body) = all.get(place).cloned() {
            place += 1;
            let (status, location) = post(&stage.0, &stage.1, form.path(), &[], body.clone()).await;
            let shown = || format!("{form:?}: {status} {location} for {}", body.escape_ascii());
            assert!(ALLOWED.contains(&status), "{}", shown());
            if status != 303 {
                continue;
            }
            let right = decode(encode(&stage.2).as_bytes()).unwrap();
            let sent = decode(&body);
            assert!(sent.is_some_and(|sent| form.may(&right, &sent)), "{}", shown());
            done += 1;
            stage = form.stage().await;
            all = right_and_altered(&stage.2);
        }
        assert!(place > 200 && done > 0, "{form:?}: {done} of {place}");
        println!("{form:?}: {place} altered forms, {done} of them say what may be done");
    }
}

#[tokio::test]
async fn every_byte_of_the_headers_of_the_sites_own_forms() {
    for form in FORMS {
        let mut stage = form.stage().await;
        let names = [COOKIE, CONTENT_TYPE, ORIGIN, HOST];
        let mut count = 0;
        for name in names {
            let right = |stage: &(TestSite, Browser, _)| match name.as_str() {
                "cookie" => cookies(&stage.1),
                "content-type" => "application/x-www-form-urlencoded".to_owned(),
                "origin" => "http://site".to_owned(),
                _ => "site".to_owned(),
            };
            let length = alterations(right(&stage).as_bytes()).len();
            for place in 0..length {
                let altered = alterations(right(&stage).as_bytes()).swap_remove(place);
                let Ok(value) = HeaderValue::from_bytes(&altered) else { continue };
                count += 1;
                let body = encode(&stage.2).into_bytes();
                let headers = [(name.clone(), value)];
                let (status, location) = post(&stage.0, &stage.1, form.path(), &headers, body).await;
                let shown = || format!("{form:?}: {status} {location} for {name} {}", altered.escape_ascii());
                assert!(ALLOWED.contains(&status), "{}", shown());
                if name == COOKIE && !has_pair(&altered, &form.cookie(&stage.1)) {
                    assert!(
                        status != 303 || location == SIGN_IN,
                        "nobody is anybody without it: {}",
                        shown()
                    );
                    let is_in = if form.has_session() { 200 } else { 303 };
                    assert_eq!(stage.1.get("/mfa/security").await, is_in, "still: {}", shown());
                } else if status == 303 {
                    stage = form.stage().await;
                }
            }
        }
        println!("{form:?}: {count} altered headers");
    }
}

#[tokio::test]
async fn e11_a_megabyte_in_every_field_of_the_sites_own_forms() {
    for form in FORMS {
        let (site, browser, fields) = form.stage().await;
        for kind in ["1", "é", "%", "%00", "&a=1", "+"] {
            for long in [15_000, 1 << 20] {
                let much = kind.repeat(long / kind.len());
                for (name, _) in &fields {
                    let others: Vec<_> = fields.iter().filter(|(other, _)| other != name).cloned().collect();
                    let body = format!("{}&{name}={much}", encode(&others)).into_bytes();
                    let is_too_long = body.len() > mfa_axum::Form::LONGEST;
                    let (status, _) = post(&site, &browser, form.path(), &[], body).await;
                    let expected: &[u16] = if is_too_long { &[413] } else { &[403, 422] };
                    // A tick is a tick, whatever its value.
                    let is_tick = ["require", "verified", "enforce_from"].contains(name) || kind == "&a=1";
                    assert!(
                        expected.contains(&status) || (is_tick && ALLOWED.contains(&status)),
                        "{form:?} {name} of {kind}: {status}"
                    );
                }
            }
        }
    }
}

async fn post(
    site: &TestSite,
    browser: &Browser,
    path: &str,
    headers: &[(HeaderName, HeaderValue)],
    body: Vec<u8>,
) -> (u16, String) {
    let mut request = Request::builder().method("POST").uri(path).body(Body::from(body)).unwrap();
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    let usual = [
        (COOKIE, HeaderValue::try_from(cookies(browser)).unwrap()),
        (CONTENT_TYPE, form),
        (ORIGIN, HeaderValue::from_static("http://site")),
        (HOST, HeaderValue::from_static("site")),
    ];
    for (name, value) in usual.into_iter().chain(headers.iter().cloned()) {
        request.headers_mut().insert(name, value);
    }
    let (parts, body) = site.router.clone().oneshot(request).await.unwrap().into_parts();
    to_bytes(body, 1 << 20).await.unwrap();
    let location = parts.headers.get(LOCATION).map(|at| at.to_str().unwrap().to_owned());
    (parts.status.as_u16(), location.unwrap_or_default())
}

fn cookies(browser: &Browser) -> String {
    let mut pairs: Vec<_> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.sort();
    pairs.join("; ")
}

fn encode(fields: &[(&str, String)]) -> String {
    let text = |text: &str| text.replace('@', "%40").replace(' ', "+");
    fields.iter().map(|(name, value)| format!("{name}={}", text(value))).collect::<Vec<_>>().join("&")
}

/// The fields, read in a way of its own; `None` for what is ambiguous or no text.
fn decode(body: &[u8]) -> Option<HashMap<String, String>> {
    let text = |part: &[u8]| {
        let (mut out, mut rest) = (Vec::new(), part);
        while let Some((byte, after)) = rest.split_first() {
            let (byte, after) = match (byte, after) {
                (b'%', [a, b, after @ ..]) => {
                    let digit = |digit: &u8| char::from(*digit).to_digit(16);
                    (u8::try_from(digit(a)? * 16 + digit(b)?).ok()?, after)
                }
                (b'%', _) => return None,
                (b'+', _) => (b' ', after),
                _ => (*byte, after),
            };
            out.push(byte);
            rest = after;
        }
        String::from_utf8(out).ok()
    };
    let mut fields = HashMap::new();
    for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let (name, value) = (text(halves.next()?)?, text(halves.next().unwrap_or_default())?);
        if fields.insert(name, value).is_some() {
            return None;
        }
    }
    Some(fields)
}

fn has_pair(cookies: &[u8], pair: &str) -> bool {
    let cookies = String::from_utf8_lossy(cookies);
    cookies.split(';').any(|other| other.trim() == pair)
}

fn right_and_altered(fields: &[(&str, String)]) -> Vec<Vec<u8>> {
    let right = encode(fields).into_bytes();
    let altered = alterations(&right);
    std::iter::once(right).chain(altered).collect()
}

/// The byte at each place flipped in its lowest bit and in its case, zero, all ones, left out and doubled.
fn alterations(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for (place, byte) in bytes.iter().enumerate() {
        let (before, after) = (&bytes[..place], &bytes[place + 1..]);
        let bytes: [&[u8]; 6] = [&[byte ^ 1], &[byte ^ 0x20], &[0], &[0xff], &[], &[*byte, *byte]];
        all.extend(bytes.map(|other| [before, other, after].concat()));
    }
    all
}
