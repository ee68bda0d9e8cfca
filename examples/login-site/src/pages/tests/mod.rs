//! The site in one process, over a clock turned by hand.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that cannot go on must stop"
)]

mod altered;
mod company;
mod entry;
mod events;
mod journey;
mod phone;
mod remembered;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, Request, StatusCode};
use mfa::policy::numbers::NumberPlan;
use mfa::policy::{OrganizationSettings, Policy};
use mfa::sms::MemorySender;
use mfa::sms::text::OriginHost;
use mfa::storage::MemoryStorage;
use mfa::testing::{HandClock, TestAuthenticator};
use mfa::{Keyring, Mfa, Realm, SystemRandom, Texting, UnixSeconds};
use mfa_axum::Pages;
use sha2::{Digest, Sha256};
use tower::ServiceExt;

use super::{FORM_COOKIE, Site, router};
use crate::host::{SIGN_IN, SiteHost};
use crate::store::Store;

const POLICY: &str = include_str!("../../../../../policies/construction-pay.toml");
const PASSWORD: &str = "correct horse";
const TOKEN: &str = "0123456789012345678901234567890123456789012";
const ALLOWED: [u16; 8] = [200, 303, 403, 410, 413, 422, 429, 503];

pub(super) struct TestSite {
    pub(super) router: Router,
    pub(super) clock: HandClock,
    pub(super) storage: MemoryStorage,
    pub(super) host: SiteHost,
    pub(super) outbox: MemorySender,
}

impl TestSite {
    pub(super) fn new() -> Self {
        Self::with_policy(POLICY)
    }

    pub(super) fn with_policy(policy: &str) -> Self {
        let policy = Policy::from_toml(policy).unwrap();
        let (clock, storage) = (HandClock::at(1_800_000_000), MemoryStorage::new());
        let outbox = MemorySender::new();
        let origin = OriginHost::parse("localhost").unwrap();
        let texting = Texting::with_plan(outbox.clone(), origin, plan());
        let mfa = Mfa::builder()
            .storage(storage.clone())
            .keyring(Keyring::generate(&SystemRandom).unwrap())
            .policy(policy)
            .clock(clock.clone())
            .sms(texting)
            .build()
            .unwrap();
        let store = Store::open(None).unwrap();
        let ahead = OrganizationSettings::new("pilot.example").enforced_from(UnixSeconds::new(4_000_000_000));
        store.keep_organization(&ahead, false).unwrap();
        for id in ["enforced.example", "sso.example"] {
            store.keep_organization(&OrganizationSettings::new(id).required(), false).unwrap();
        }
        let host = SiteHost {
            store,
            realm: Realm::new("t", "Construction Pay").unwrap(),
            mfa: mfa.clone(),
            clock: Arc::new(clock.clone()),
            password: Sha256::digest(PASSWORD).into(),
            pages: Arc::default(),
        };
        let pages = Pages::builder(mfa, host.clone()).build().unwrap();
        host.pages.get_or_init(|| pages.clone());
        let router = router(Site { pages, host: host.clone() });
        Self { router, clock, storage, host, outbox }
    }

    /// The code of the latest text, and its number.
    pub(super) fn text(&self) -> (String, String) {
        let sent = self.outbox.sent();
        let last = sent.last().expect("a text");
        (last.body().expose().rsplit_once('#').unwrap().1.to_owned(), last.to().expose())
    }

    pub(super) fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(super) fn code(&self, app: &TestAuthenticator) -> String {
        app.code_at(self.clock.reading())
    }

    pub(super) fn wrong(&self, app: &TestAuthenticator) -> String {
        let near: Vec<_> = (0..5)
            .map(|n| {
                app.code_at(
                    self.clock.reading().minus(Duration::from_secs(60)).plus(Duration::from_secs(n * 30)),
                )
            })
            .collect();
        (0..).map(|n| format!("{n:06}")).find(|code| !near.contains(code)).unwrap()
    }

    pub(super) fn browser(&self) -> Browser {
        let cookies = HashMap::from([(FORM_COOKIE.to_owned(), TOKEN.to_owned())]);
        Browser { router: self.router.clone(), cookies, page: String::new(), at: String::new() }
    }

    /// A browser in which the password was right, on the page that came of it.
    pub(super) async fn password(&self, email: &str) -> Browser {
        let mut browser = self.browser();
        browser.post(SIGN_IN, &[("csrf", TOKEN), ("email", email), ("password", PASSWORD)]).await;
        browser.follow().await;
        browser
    }

    /// Sets up the app from wherever the browser stands at, and ends a time step later at home.
    pub(super) async fn enroll(&self, browser: &mut Browser) -> (TestAuthenticator, String) {
        if browser.title() == "Two-Factor Authentication Required" {
            browser.submit("/mfa/required", &[]).await;
            browser.follow().await;
        }
        if browser.title() == "Select an Authentication Method" {
            browser.submit("/mfa/method", &[("method", "app")]).await;
            browser.follow().await;
        }
        let app = TestAuthenticator::from_manual_key(&browser.element("manual-key")).unwrap();
        browser.submit("/mfa/app", &[("code", &self.code(&app))]).await;
        browser.follow().await;
        let recovery_code = browser.element("recovery-code");
        browser.submit("/mfa/recovery-code", &[("saved", "yes")]).await;
        browser.follow().await;
        self.wait(30);
        (app, recovery_code)
    }

    /// Somebody who has set up the app and is at home.
    pub(super) async fn enrolled(&self, email: &str) -> (Browser, TestAuthenticator) {
        let mut browser = self.password(email).await;
        let (app, _) = self.enroll(&mut browser).await;
        assert_eq!(browser.title(), "Home", "{email}");
        (browser, app)
    }

    /// Signs in with password and app; a time step later.
    pub(super) async fn signed_in(&self, email: &str, app: &TestAuthenticator) -> Browser {
        let mut browser = self.password(email).await;
        browser.submit("/mfa/challenge", &[("code", &self.code(app))]).await;
        browser.follow().await;
        assert_eq!(browser.title(), "Home", "{email}");
        self.wait(30);
        browser
    }
}

/// The number plans of the demo's policy, made once.
fn plan() -> NumberPlan {
    static PLAN: OnceLock<NumberPlan> = OnceLock::new();
    PLAN.get_or_init(|| {
        let policy = Policy::from_toml(POLICY).unwrap();
        NumberPlan::prepare(policy.sms().regions()).unwrap()
    })
    .clone()
}

/// A browser without script.
#[derive(Clone)]
pub(super) struct Browser {
    router: Router,
    pub(super) cookies: HashMap<String, String>,
    pub(super) page: String,
    /// Where the last answer sent it.
    pub(super) at: String,
}

impl Browser {
    pub(super) async fn get(&mut self, path: &str) -> u16 {
        self.send(path, None).await
    }

    pub(super) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> u16 {
        let encode = |text: &str| -> String {
            text.bytes()
                .map(|byte| match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                        char::from(byte).to_string()
                    }
                    other => format!("%{other:02X}"),
                })
                .collect()
        };
        let form: Vec<_> =
            fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        self.send(path, Some(form.join("&"))).await
    }

    async fn send(&mut self, path: &str, form: Option<String>) -> u16 {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let (status, headers, body) = ask(&self.router, path, &cookies.join("; "), form).await;
        assert!(ALLOWED.contains(&status.as_u16()), "{status} for {path}");
        for cookie in headers.get_all(SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        self.at = headers.get(LOCATION).map(|at| at.to_str().unwrap().to_owned()).unwrap_or_default();
        if self.at.is_empty() {
            self.page = body;
        }
        status.as_u16()
    }

    pub(super) async fn follow(&mut self) {
        for _ in 0..5 {
            let at = self.at.clone();
            assert!(!at.is_empty(), "sent nowhere: {}", self.page);
            if self.get(&at).await != 303 {
                return;
            }
        }
        panic!("sent in a circle");
    }

    /// Submits the first form on the screen that posts to `action`, with what is typed into it.
    pub(super) async fn submit(&mut self, action: &str, typed: &[(&str, &str)]) -> u16 {
        let form = self.form(action, "");
        self.submit_form(action, &form, typed).await
    }

    /// Submits the form that posts to `action` and holds `marked`.
    pub(super) async fn submit_marked(&mut self, action: &str, marked: &str, typed: &[(&str, &str)]) -> u16 {
        let form = self.form(action, marked);
        self.submit_form(action, &form, typed).await
    }

    async fn submit_form(&mut self, action: &str, form: &str, typed: &[(&str, &str)]) -> u16 {
        let mut fields: Vec<(String, String)> = Vec::new();
        for input in form.split("<input").skip(1).filter(|input| input.contains("type=\"hidden\"")) {
            fields.push((
                between(input, "name=\"", "\"").to_owned(),
                between(input, "value=\"", "\"").to_owned(),
            ));
        }
        fields.extend(typed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post(action, &fields).await
    }

    fn form(&self, action: &str, marked: &str) -> String {
        let start = format!("action=\"{action}\"");
        let forms = self.page.split("<form").skip(1).map(|form| between(form, "", "</form>"));
        let mut forms = forms.filter(|form| form.contains(&start) && form.contains(marked));
        forms.next().unwrap_or_else(|| panic!("no form for {action} {marked}: {}", self.page)).to_owned()
    }

    pub(super) fn title(&self) -> &str {
        between(&self.page, "<h1>", "</h1>")
    }

    pub(super) fn alert(&self) -> &str {
        between(&self.page, "role=\"alert\" id=\"alert\">", "</div>")
    }

    pub(super) fn element(&self, id: &str) -> String {
        let tag = between(&self.page, &format!("id=\"{id}\""), "</");
        tag.split_once('>').unwrap().1.trim().to_owned()
    }
}

pub(super) fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let Some((_, rest)) = text.split_once(start) else { return "" };
    rest.split_once(end).map_or(rest, |(inner, _)| inner)
}

pub(super) async fn ask(
    site: &Router,
    path: &str,
    cookie: &str,
    form: Option<String>,
) -> (StatusCode, HeaderMap, String) {
    let request = Request::builder().uri(path).header(COOKIE, cookie);
    let request = match form {
        Some(form) => {
            let request = request.method("POST").header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            request.body(Body::from(form)).unwrap()
        }
        None => request.body(Body::empty()).unwrap(),
    };
    let (parts, body) = site.clone().oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}
