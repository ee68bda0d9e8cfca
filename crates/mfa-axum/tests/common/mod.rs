//! A small host with people and sessions, and a browser without script that follows its forms.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part of the common world")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on must stop"
)]

mod browser;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRef, Path, Request, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use mfa::policy::numbers::NumberPlan;
use mfa::policy::{Attributes, OrganizationSettings, Policy, Purpose};
use mfa::sms::MemorySender;
use mfa::sms::text::OriginHost;
use mfa::storage::{Cursor, MemoryStorage, Storage};
use mfa::testing::{HandClock, SeededRandom, TestAuthenticator};
use mfa::{
    Acknowledged, Assertion, Attested, Context, DeviceToken, Event, EventKind, FirstFactor, Keyring, Mfa,
    Next, Pseudonym, Realm, SessionBinding, Subject, SubjectId, Texting, Transaction, UnixSeconds,
};
use mfa_axum::{
    Flow, Form, Fresh, Host, HostError, Pages, PagesBuilder, Recovering, Refusal, Renew, RequireMfa, StepUp,
    Visitor, accepted_languages, html_escape,
};

pub use browser::{Answer, Browser};

/// 2027-01-15T08:00:00Z, the beginning of a time step.
pub const START: u64 = 1_800_000_000;

pub const POLICY: &str = include_str!("../../../../policies/construction-pay.toml");

/// The number plans of the policy, which take a moment to prepare, once for all sites.
pub fn plan() -> NumberPlan {
    static PLAN: OnceLock<NumberPlan> = OnceLock::new();
    let regions = || Policy::from_toml(POLICY).unwrap().sms().regions();
    PLAN.get_or_init(|| NumberPlan::prepare(regions()).unwrap()).clone()
}

#[derive(Clone)]
pub struct Session {
    account: String,
    binding: [u8; 16],
    first_factor_at: UnixSeconds,
    csrf: String,
    flow: String,
}

#[derive(Clone)]
pub struct TestHost {
    sessions: Arc<Mutex<HashMap<String, Session>>>,
    enrolled: Arc<Mutex<HashSet<String>>>,
    counter: Arc<AtomicU64>,
    pub is_down: Arc<AtomicBool>,
    pub has_password: Arc<AtomicBool>,
    pub always_require: Arc<AtomicBool>,
    /// What was carried out: errands by name, transactions by id.
    pub done: Arc<Mutex<Vec<String>>>,
    /// The token that the browser keeps, and gives back.
    pub device: Arc<Mutex<Option<DeviceToken>>>,
    mfa: Arc<Mutex<Option<Mfa>>>,
    clock: HandClock,
}

impl TestHost {
    fn sign_in(&self, account: &str, headers: &HeaderMap) -> Visitor {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        let mut binding = [0; 16];
        binding[..8].copy_from_slice(&number.to_le_bytes());
        let session = Session {
            account: account.to_owned(),
            binding,
            first_factor_at: self.clock.reading(),
            csrf: format!("csrf-{number}"),
            flow: Flow::None.to_string(),
        };
        let id = format!("session-{number}");
        let visitor = self.visitor_of(&id, &session, headers);
        self.sessions.lock().unwrap().insert(id, session);
        visitor
    }

    fn visitor_of(&self, id: &str, session: &Session, headers: &HeaderMap) -> Visitor {
        let subject = Subject::new(
            SubjectId::new(&session.account).unwrap(),
            &session.account,
            attributes(&session.account),
        );
        let realm = Realm::new("main", "Harbor & Sons").unwrap();
        let is_enrolled = self.enrolled.lock().unwrap().contains(&session.account);
        let context = Context::new(realm, subject, SessionBinding::from_bytes(session.binding))
            .known_enrolled(is_enrolled);
        Visitor {
            context: match self.device.lock().unwrap().clone() {
                Some(token) => context.device(token),
                None => context,
            },
            first_factor: FirstFactor::password(session.first_factor_at),
            flow: session.flow.parse().unwrap_or_default(),
            csrf: session.csrf.clone(),
            session: id.to_owned(),
            has_password: self.has_password.load(Ordering::Relaxed),
            always_require: Some(self.always_require.load(Ordering::Relaxed)),
            languages: accepted_languages(headers),
        }
    }

    /// Says that somebody is enrolled, whatever the storage says.
    pub fn remember_as_enrolled(&self, account: &str) {
        self.enrolled.lock().unwrap().insert(account.to_owned());
    }

    pub fn is_remembered_as_enrolled(&self, account: &str) -> bool {
        self.enrolled.lock().unwrap().contains(account)
    }

    /// What is kept in the session with this cookie.
    pub fn flow(&self, cookie: &str) -> Flow {
        let id = cookie.trim_start_matches("sid=");
        self.sessions.lock().unwrap().get(id).map(|s| s.flow.parse().unwrap()).unwrap_or_default()
    }
}

impl Host for TestHost {
    async fn visitor(&self, request: &Parts) -> Result<Option<Visitor>, HostError> {
        if self.is_down.load(Ordering::Relaxed) {
            return Err("the session store is down; secret-cause".into());
        }
        let id = request.headers.get(COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let id = id.trim_start_matches("sid=");
        let session = self.sessions.lock().unwrap().get(id).cloned();
        Ok(session.map(|session| self.visitor_of(id, &session, &request.headers)))
    }

    async fn keep(&self, visitor: &Visitor, flow: &Flow, renew: Renew) -> Result<HeaderMap, HostError> {
        let mut sessions = self.sessions.lock().unwrap();
        let mut headers = HeaderMap::new();
        let Some(mut session) = sessions.get(&visitor.session).cloned() else { return Ok(headers) };
        session.flow = flow.to_string();
        if matches!((&visitor.flow, flow), (Flow::Confirmed(_) | Flow::Challenge(_), Flow::Proved(_))) {
            self.enrolled.lock().unwrap().insert(session.account.clone());
        }
        match renew {
            Renew::No => {
                sessions.insert(visitor.session.clone(), session);
            }
            Renew::NewSessionId => {
                let id = format!("session-{}", self.counter.fetch_add(1, Ordering::Relaxed));
                headers.insert(SET_COOKIE, format!("sid={id}; HttpOnly; SameSite=Lax").parse()?);
                sessions.remove(&visitor.session);
                sessions.insert(id, session);
            }
        }
        Ok(headers)
    }

    fn sign_in_path(&self) -> &str {
        "/sign-in"
    }

    fn home_path(&self) -> &str {
        "/"
    }

    async fn check_password(&self, _: &Visitor, form: &Form) -> Result<Option<FirstFactor>, HostError> {
        let is_right = form.get("password") == Some("right");
        Ok(is_right.then(|| FirstFactor::password(self.clock.reading())))
    }

    async fn run_errand(&self, _: &Visitor, errand: &str, proof: &Assertion) -> Result<Response, HostError> {
        if errand == "forbidden" {
            return Err(mfa::Error::from(mfa::Rejection::NotAllowed).into());
        }
        self.done.lock().unwrap().push(format!("{errand} {}", proof.purpose()));
        Ok(Redirect::to("/done").into_response())
    }

    async fn carry_out(&self, _: &Visitor, transaction: &Transaction) -> Result<Response, HostError> {
        let mut done = self.done.lock().unwrap();
        if !done.iter().any(|id| id == transaction.id()) {
            done.push(transaction.id().to_owned());
        }
        Ok(Redirect::to("/done").into_response())
    }

    async fn keep_always_require(&self, _: &Visitor, on: bool) -> Result<(), HostError> {
        self.always_require.store(on, Ordering::Relaxed);
        Ok(())
    }

    async fn remember_device(
        &self,
        _: &Visitor,
        token: &DeviceToken,
        _: Duration,
    ) -> Result<HeaderMap, HostError> {
        *self.device.lock().unwrap() = Some(token.clone());
        Ok(HeaderMap::new())
    }

    async fn recent_events(&self, _: &Visitor, subject: Pseudonym) -> Result<Vec<Event>, HostError> {
        let mfa = self.mfa.lock().unwrap().clone().ok_or("no library")?;
        let page = mfa.events(Cursor::START, 1_000).await?;
        let own = page.events.into_iter().filter(|told| told.subject == subject).map(|told| told.event);
        Ok(own.collect::<Vec<_>>().into_iter().rev().take(10).collect())
    }
}

/// Somebody whom another acts on.
pub fn about(account: &str, attributes: Attributes) -> Context {
    let subject = Subject::new(SubjectId::new(account).unwrap(), account, attributes);
    let binding = SessionBinding::from_bytes([3; 16]);
    Context::new(Realm::new("main", "Harbor & Sons").unwrap(), subject, binding)
}

/// The domain of the account tells the organisation.
pub fn attributes(account: &str) -> Attributes {
    let role = Attributes::new().with("role", "commercial");
    match account.split_once('@').map(|(_, domain)| domain) {
        Some("pilot.example") => {
            let date = UnixSeconds::new(START + 30 * 24 * 3_600);
            role.organization(OrganizationSettings::new("pilot.example").enforced_from(date))
        }
        Some("enforced.example") => {
            role.organization(OrganizationSettings::new("enforced.example").required())
        }
        Some("payor.example") => Attributes::new().with("role", "payor"),
        _ => role.organization(OrganizationSettings::new("commercial.example")),
    }
}

#[derive(Clone)]
struct App {
    pages: Pages,
    host: TestHost,
}

impl FromRef<App> for Pages {
    fn from_ref(app: &App) -> Self {
        app.pages.clone()
    }
}

async fn home(State(app): State<App>, secured: RequireMfa) -> Response {
    let main = format!(
        "<p>Signed in as {}</p><p id=\"amr\">{}</p>",
        html_escape(secured.visitor.context.subject().account()),
        secured.assertion.amr().join(" ")
    );
    app.pages.layout("Home").visitor(&secured.visitor).respond(&main)
}

async fn export(State(app): State<App>, proof: Fresh<StepUp>) -> Response {
    app.pages.layout("Export").visitor(&proof.visitor).respond("")
}

async fn help(State(app): State<App>, recovering: Recovering) -> Response {
    app.pages.layout("Help With Recovery").visitor(&recovering.visitor).respond("")
}

async fn pay(State(app): State<App>, Path(id): Path<String>, secured: RequireMfa) -> Response {
    let payment = Transaction::new(&id, "1250.00", "USD", "Acme <Concrete>").unwrap();
    app.pages.confirm(&secured, &payment).await
}

async fn errand(State(app): State<App>, Path(name): Path<String>, secured: RequireMfa) -> Response {
    app.pages.with_fresh_proof(&secured, Purpose::Manage, &name).await
}

async fn sign_in_page(State(app): State<App>) -> Response {
    app.pages.layout("Sign In").brand("Harbor & Sons").respond("")
}

async fn sign_in(State(app): State<App>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let form = match Form::read(&parts.headers, body).await {
        Ok(form) => form,
        Err(error) => return app.pages.refuse(&parts.headers, Refusal::from(error)),
    };
    let visitor = app.host.sign_in(form.get("email").unwrap(), &parts.headers);
    app.pages.begin(&visitor).await
}

pub struct Site {
    pub router: Router,
    pub host: TestHost,
    pub clock: HandClock,
    pub mfa: Mfa,
    /// Where every text goes.
    pub outbox: MemorySender,
}

impl Site {
    pub fn new() -> Self {
        Self::with(|pages| pages)
    }

    pub fn with(change: impl FnOnce(PagesBuilder) -> PagesBuilder) -> Self {
        Self::made_with(change, |texting| texting, MemoryStorage::new())
    }

    /// A site whose texts go otherwise.
    pub fn texting(change: impl FnOnce(Texting) -> Texting) -> Self {
        Self::made_with(|pages| pages, change, MemoryStorage::new())
    }

    /// A site over another storage.
    pub fn over(storage: impl Storage, change: impl FnOnce(Texting) -> Texting) -> Self {
        Self::made_with(|pages| pages, change, storage)
    }

    fn made_with(
        change: impl FnOnce(PagesBuilder) -> PagesBuilder,
        change_texting: impl FnOnce(Texting) -> Texting,
        storage: impl Storage,
    ) -> Self {
        let (clock, outbox) = (HandClock::at(START), MemorySender::new());
        let origin = OriginHost::parse("site.example").unwrap();
        let texting = change_texting(Texting::with_plan(outbox.clone(), origin, plan()));
        let mfa = Mfa::builder()
            .storage(storage)
            .keyring(Keyring::generate(&SeededRandom::new(99)).unwrap())
            .policy(Policy::from_toml(POLICY).unwrap())
            .clock(clock.clone())
            .random(SeededRandom::new(7))
            .sms(texting)
            .build()
            .unwrap();
        let host = TestHost {
            sessions: Arc::default(),
            enrolled: Arc::default(),
            counter: Arc::new(AtomicU64::new(1)),
            is_down: Arc::default(),
            has_password: Arc::new(AtomicBool::new(true)),
            always_require: Arc::default(),
            done: Arc::default(),
            device: Arc::default(),
            mfa: Arc::new(Mutex::new(Some(mfa.clone()))),
            clock: clock.clone(),
        };
        let pages = change(Pages::builder(mfa.clone(), host.clone())).build().unwrap();
        let router = Router::new()
            .route("/", get(home))
            .route("/done", get(home))
            .route("/export", get(export))
            .route("/help", get(help))
            .route("/pay/{id}", get(pay))
            .route("/errand/{name}", get(errand))
            .route("/sign-in", get(sign_in_page).post(sign_in))
            .merge(pages.router())
            .with_state(App { pages, host: host.clone() });
        Self { router, host, clock, mfa, outbox }
    }

    pub fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub fn browser(&self) -> Browser {
        Browser::new(self.router.clone())
    }

    /// A browser in which the first factor of `account` was right, on the page that came of it.
    pub async fn signed_in(&self, account: &str) -> Browser {
        let mut browser = self.browser();
        browser.post("/sign-in", &[("email", account)]).await;
        browser.follow().await;
        browser
    }

    /// A browser at "Secure Your Account", and the app that has scanned its code.
    pub async fn at_app_page(&self, account: &str) -> (Browser, TestAuthenticator) {
        let mut browser = self.signed_in(account).await;
        browser.submit("/mfa/required", &[]).await;
        browser.follow().await;
        browser.submit("/mfa/method", &[("method", "app")]).await;
        browser.follow().await;
        let app = browser.scan();
        (browser, app)
    }

    /// A browser at "Save Your Recovery Code", the app, and the code.
    pub async fn at_save_page(&self, account: &str) -> (Browser, TestAuthenticator, String) {
        let (mut browser, app) = self.at_app_page(account).await;
        browser.submit("/mfa/app", &[("code", &app.code_at(self.clock.reading()))]).await;
        browser.follow().await;
        let code = browser.element("recovery-code");
        (browser, app, code)
    }

    /// A person who has set up the app and is at home; a time step later.
    pub async fn enrolled(&self, account: &str) -> (Browser, TestAuthenticator, String) {
        let (mut browser, app, code) = self.at_save_page(account).await;
        browser.submit("/mfa/recovery-code", &[("saved", "yes")]).await;
        browser.follow().await;
        assert_eq!(browser.title(), "Home");
        self.wait(30);
        (browser, app, code)
    }

    /// A browser at "Set Up SMS Verification".
    pub async fn at_phone_page(&self, account: &str) -> Browser {
        let mut browser = self.signed_in(account).await;
        browser.submit("/mfa/required", &[]).await;
        browser.follow().await;
        browser.submit("/mfa/method", &[("method", "sms")]).await;
        browser.follow().await;
        assert_eq!(browser.title(), "Set Up SMS Verification");
        browser
    }

    /// A browser at "Enter Verification Code": the first text went.
    pub async fn at_phone_code_page(&self, account: &str) -> Browser {
        let mut browser = self.at_phone_page(account).await;
        self.give_number(&mut browser).await;
        browser
    }

    async fn give_number(&self, browser: &mut Browser) {
        browser.submit("/mfa/phone", PHONE).await;
        browser.follow().await;
        assert_eq!(browser.title(), "Enter Verification Code");
    }

    async fn finish_phone(&self, browser: &mut Browser) {
        browser.submit("/mfa/phone/code", &[("code", &self.text_code())]).await;
        browser.follow().await;
        browser.submit("/mfa/recovery-code", &[("saved", "yes")]).await;
        browser.follow().await;
        self.wait(120);
    }

    /// A person whose one authenticator is a phone, at home; two minutes later.
    pub async fn with_phone(&self, account: &str) -> Browser {
        let mut browser = self.at_phone_code_page(account).await;
        self.finish_phone(&mut browser).await;
        assert_eq!(browser.title(), "Home");
        browser
    }

    /// A person who has both, on "Password & Security"; two minutes later.
    pub async fn with_both(&self, account: &str) -> (Browser, TestAuthenticator) {
        let (mut browser, app, _) = self.enrolled(account).await;
        browser.get("/mfa/security").await;
        browser.change("change-phone", &[]).await;
        browser.follow().await;
        self.give_number(&mut browser).await;
        self.finish_phone(&mut browser).await;
        (browser, app)
    }

    /// How many events of a kind there were.
    pub fn count(&self, kind: EventKind) -> usize {
        let page = pollster::block_on(self.mfa.events(Cursor::START, 10_000)).unwrap();
        page.events.iter().filter(|told| told.event.kind == kind).count()
    }

    /// How many texts went.
    pub fn texts(&self) -> usize {
        self.outbox.sent().len()
    }

    /// The code of the latest text.
    pub fn text_code(&self) -> String {
        let text = self.outbox.sent().last().unwrap().body().expose().to_owned();
        text.rsplit_once('#').unwrap().1.to_owned()
    }

    /// A code that is not that of the latest text.
    pub fn wrong_text_code(&self) -> String {
        let right = self.text_code();
        (0..).map(|n| format!("{n:06}")).find(|code| *code != right).unwrap()
    }

    /// Resets `account`, of `enforced.example`, once it is enrolled, under a policy that has a code handed over: that code.
    pub async fn reset_with_a_code(&self, account: &str) -> String {
        let policy = POLICY.replace(
            "methods = [\"app\", \"sms\"]\n# Support",
            "methods = [\"app\", \"sms\"]\nafter_reset = \"binding-code\"\n# Support",
        );
        self.mfa.replace_policy(Policy::from_toml(&policy).unwrap()).await.unwrap();
        self.enrolled(account).await;
        let actor =
            about("ada@enforced.example", attributes("ada@enforced.example").with("role", "administrator"));
        let first = FirstFactor::password(self.clock.reading());
        let Next::Enroll(menu) = self.mfa.begin(&actor, first).await.unwrap() else { panic!("must enroll") };
        let pending = self.mfa.enroll_app(&actor, &menu.ticket).await.unwrap();
        let code = TestAuthenticator::scan(&pending).unwrap().code_at(self.clock.reading());
        let confirmed = self.mfa.confirm(&actor, &pending.ticket, &code).await.unwrap();
        let proof = self.mfa.activate(&actor, &confirmed.ticket, Acknowledged).await.unwrap();
        let subject = about(account, attributes(account));
        let done = self.mfa.reset(&actor, &proof, &subject, Attested).await.unwrap();
        done.expose_binding_code().unwrap().to_owned()
    }

    pub fn wrong_code(&self, app: &TestAuthenticator) -> String {
        let now = self.clock.reading();
        let first = now.minus(Duration::from_secs(60));
        let live: Vec<_> =
            [0, 30, 60, 90, 120].map(|s| app.code_at(first.plus(Duration::from_secs(s)))).to_vec();
        (0..).map(|n| format!("{n:06}")).find(|code| !live.contains(code)).unwrap()
    }
}

/// What is filled in on "Set Up SMS Verification", and the number that it is.
pub const PHONE: &[(&str, &str)] = &[("country", "US"), ("phone", "(201) 555-0123")];
pub const NUMBER: &str = "+12015550123";

pub fn is_status(answer: &Answer, status: u16) {
    assert_eq!(answer.status, StatusCode::from_u16(status).unwrap(), "{}", answer.text());
}

pub fn form_body(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| {
        text.bytes().fold(String::new(), |mut out, byte| {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => out.push(char::from(byte)),
                other => out.push_str(&format!("%{other:02X}")),
            }
            out
        })
    };
    fields
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect::<Vec<_>>()
        .join("&")
}

pub fn body(text: impl Into<String>) -> Body {
    Body::from(text.into())
}
