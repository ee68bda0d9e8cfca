//! Every form of every flow, altered in every byte and blown up in every place: always an answer of the table, never
//! the step forward, unless the alteration says the same in another way. What says the same is written down in
//! [`Step::is_same_form`] and [`is_same_header`].
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on must stop"
)]

mod common;

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderName, HeaderValue, Method, Request, Uri, Version};
use common::{Browser, NUMBER, PHONE, Site, form_body};
use mfa::testing::TestAuthenticator;
use mfa_axum::{Flow, Form};
use tower::ServiceExt as _;

/// All that site.md has, 401 for JSON clients alone.
const TABLE: [u16; 9] = [200, 303, 401, 403, 410, 413, 422, 429, 503];
/// No answer takes longer, on however slow a machine.
const BOUND: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    SetUp,
    Skip,
    Choose,
    Confirm,
    CopyOut,
    Download,
    Activate,
    Verify,
    Recover,
    Bind,
    ChangeApp,
    Switch,
    Prove,
    Pay,
    CopyNew,
    DownloadNew,
    ActivateNew,
    Phone,
    PhoneCode,
    PhoneResend,
    Answer,
    Resend,
    VerifyText,
}

use Step::{
    Activate, ActivateNew, Answer, Bind, ChangeApp, Choose, Confirm, CopyNew, CopyOut, Download, DownloadNew,
    Pay, Phone, PhoneCode, PhoneResend, Prove, Recover, Resend, SetUp, Skip, Switch, Verify, VerifyText,
};

const STEPS: [Step; 17] = [
    SetUp,
    Skip,
    Choose,
    Confirm,
    CopyOut,
    Download,
    Activate,
    Verify,
    Recover,
    Bind,
    ChangeApp,
    Switch,
    Prove,
    Pay,
    CopyNew,
    DownloadNew,
    ActivateNew,
];

/// The steps of a phone.
const OF_A_PHONE: [Step; 6] = [Phone, PhoneCode, PhoneResend, Answer, Resend, VerifyText];

/// All, of those of a phone one: what headers, paths and lengths may be is judged before it is looked at which form it is,
/// and each step costs some thousand requests.
fn steps_and_one_of_a_phone() -> impl Iterator<Item = Step> {
    STEPS.into_iter().chain([Phone])
}

impl Step {
    fn path(self) -> &'static str {
        match self {
            SetUp => "/mfa/required",
            Skip => "/mfa/skip",
            Choose => "/mfa/method",
            Confirm => "/mfa/app",
            CopyOut => "/mfa/recovery-code/copy",
            Download => "/mfa/recovery-code/download",
            Activate => "/mfa/recovery-code",
            Verify => "/mfa/challenge",
            Recover => "/mfa/recover",
            Bind => "/mfa/binding-code",
            ChangeApp | Switch => "/mfa/security",
            Prove | Pay => "/mfa/verify",
            CopyNew => "/mfa/new-recovery-code/copy",
            DownloadNew => "/mfa/new-recovery-code/download",
            ActivateNew => "/mfa/new-recovery-code",
            Phone => "/mfa/phone",
            PhoneCode => "/mfa/phone/code",
            PhoneResend => "/mfa/phone/resend",
            Answer => "/mfa/challenge/method",
            Resend => "/mfa/challenge/resend",
            VerifyText => "/mfa/challenge",
        }
    }

    /// A fresh site with somebody in front of the page of this step, and what they fill in.
    async fn stage(self) -> Stage {
        let (site, who) = (Site::new(), "olivia@pilot.example");
        let code = |site: &Site, app: &TestAuthenticator| ("code", app.code_at(site.clock.reading()));
        let (browser, typed) = match self {
            SetUp | Skip => (site.signed_in(who).await, vec![]),
            Choose => {
                let mut browser = site.signed_in(who).await;
                browser.submit("/mfa/required", &[]).await;
                browser.follow().await;
                (browser, vec![("method", "app".to_owned())])
            }
            Confirm => {
                let (browser, app) = site.at_app_page(who).await;
                (browser, vec![code(&site, &app)])
            }
            CopyOut | Download => (site.at_save_page(who).await.0, vec![]),
            Activate => (site.at_save_page(who).await.0, vec![("saved", "yes".to_owned())]),
            Verify => {
                let (_, app, _) = site.enrolled(who).await;
                (site.signed_in(who).await, vec![code(&site, &app)])
            }
            Recover => {
                let (_, _, code) = site.enrolled(who).await;
                let mut browser = site.signed_in(who).await;
                browser.get("/mfa/recover").await;
                (browser, vec![("recovery_code", code)])
            }
            Bind => {
                let who = "marcus@enforced.example";
                let code = site.reset_with_a_code(who).await;
                (site.signed_in(who).await, vec![("binding_code", code)])
            }
            ChangeApp | Switch => {
                let (mut browser, ..) = site.enrolled(who).await;
                browser.get("/mfa/security").await;
                let change = if self == Switch { "always-require" } else { "change-app" };
                let mut typed = vec![("change", change.to_owned())];
                if self == Switch {
                    typed.push(("always_require", "yes".to_owned()));
                }
                (browser, typed)
            }
            Prove | Pay => {
                let (mut browser, app, _) = site.enrolled(who).await;
                site.wait(600);
                browser.get(if self == Pay { "/pay/1" } else { "/errand/export" }).await;
                browser.follow().await;
                let password = (self == Prove).then(|| ("password", "right".to_owned()));
                (browser, password.into_iter().chain([code(&site, &app)]).collect())
            }
            CopyNew | DownloadNew | ActivateNew => {
                let (mut browser, ..) = site.enrolled(who).await;
                browser.get("/mfa/security").await;
                browser.change("new-recovery-code", &[]).await;
                browser.follow().await;
                let saved = (self == ActivateNew).then(|| ("saved", "yes".to_owned()));
                (browser, saved.into_iter().collect())
            }
            Phone => {
                let typed = PHONE.iter().map(|(name, value)| (*name, (*value).to_owned()));
                (site.at_phone_page(who).await, typed.collect())
            }
            PhoneCode => {
                let browser = site.at_phone_code_page(who).await;
                (browser, vec![("code", site.text_code())])
            }
            PhoneResend => {
                let browser = site.at_phone_code_page(who).await;
                site.wait(30);
                (browser, vec![])
            }
            Answer => {
                site.with_both(who).await;
                (site.signed_in(who).await, vec![("method", "sms".to_owned())])
            }
            Resend | VerifyText => {
                site.with_phone(who).await;
                let browser = site.signed_in(who).await;
                let code = (self == VerifyText).then(|| ("code", site.text_code()));
                site.wait(30);
                (browser, code.into_iter().collect())
            }
        };
        Stage::new(self, site, &browser, typed)
    }

    /// Whether a body says what the right one says. Unknown fields are nobody's business; of the known ones the token
    /// and the ticket must be the very same where there is one, what is not there is empty, a code may have spaces and hyphens, a recovery code also small letters and
    /// the letters that Crockford's alphabet reads as digits, and a tick has four spellings. A number is the same as any
    /// other that a text may go to: it goes there, which [`Stage::send`] looks at.
    fn is_same_form(self, right: &[u8], other: &[u8]) -> bool {
        let (Some(right), Some(other)) = (fields(right), fields(other)) else { return false };
        let is_same = |name, reading: fn(&str) -> String| {
            right.get(name).map(|value| reading(value)) == other.get(name).map(|value| reading(value))
        };
        let is_empty = |name| other.get(name).is_none_or(String::is_empty);
        let is_same_ticket = match self {
            ChangeApp | Switch => true,
            Prove => is_empty("ticket"),
            _ => is_same("ticket", str::to_owned),
        };
        is_same("csrf", str::to_owned)
            && is_same_ticket
            && match self {
                SetUp | Skip | CopyOut | Download | CopyNew | DownloadNew | PhoneResend | Resend => true,
                Choose | Answer => is_same("method", str::to_owned),
                Confirm | Verify | PhoneCode | VerifyText => is_same("code", digits),
                Phone => number_of(&other).is_some(),
                Prove => {
                    is_same("errand", str::to_owned)
                        && is_same("password", str::to_owned)
                        && is_same("code", digits)
                }
                Pay => is_empty("errand") && is_same("code", digits),
                ChangeApp => is_same("change", str::to_owned),
                Switch => is_same("change", str::to_owned) && other.contains_key("always_require"),
                Activate | ActivateNew => {
                    matches!(other.get("saved").map(String::as_str), Some("yes" | "on" | "true" | "1"))
                }
                Recover => is_same("recovery_code", crockford),
                Bind => is_same("binding_code", crockford),
            }
    }

    /// Whether this step is for having a text sent.
    fn is_for_a_text(self) -> bool {
        [Phone, PhoneResend, Answer, Resend].contains(&self)
    }

    /// Whether what this step is for has been done, where `texts` went before.
    fn is_done(self, site: &Site, flows: &[Flow], texts: usize) -> bool {
        match self {
            _ if self.is_for_a_text() => site.texts() > texts,
            Skip | Activate | Verify | VerifyText => flows.iter().any(|flow| matches!(flow, Flow::Proved(_))),
            Prove | Pay => !site.host.done.lock().unwrap().is_empty(),
            Switch => site.host.always_require.load(Ordering::Relaxed),
            _ => false,
        }
    }
}

fn digits(code: &str) -> String {
    code.replace([' ', '-'], "")
}

/// The number of a form, if it is one of the United States, which the form chooses: ten digits, a 1 or +1 before them or
/// not, and separators anywhere. Of the area codes that the right one becomes when it is altered, 301 is Maryland's, and
/// the others are nobody's. A country by another name is none, even where its numbers look alike.
fn number_of(form: &HashMap<String, String>) -> Option<String> {
    let phone = form.get("phone").filter(|_| form.get("country").is_some_and(|country| country == "US"))?;
    let phone = phone.replace([' ', '-', '.', '(', ')', '\u{a0}', '\u{2010}', '\u{2011}'], "");
    let national = match phone.strip_prefix("+1") {
        Some(national) => national,
        None => phone.strip_prefix('1').unwrap_or(&phone),
    };
    let is_number = national.len() == 10
        && national.bytes().all(|byte| byte.is_ascii_digit())
        && ["201", "301"].contains(&&national[..3])
        && !["0", "1"].contains(&&national[3..4]);
    is_number.then(|| format!("+1{national}"))
}

fn crockford(code: &str) -> String {
    let code = digits(code.trim_matches(['\r', '\n'])).to_uppercase();
    code.replace('O', "0").replace(['I', 'L'], "1")
}

/// The fields of a form in which nothing is ambiguous. Read in a way of its own, so that a fault of [`Form`] is not
/// repeated here.
fn fields(bytes: &[u8]) -> Option<HashMap<String, String>> {
    let decoded = |part: &[u8]| {
        let (mut text, mut place) = (Vec::new(), 0_usize);
        while let Some(byte) = part.get(place) {
            let digits = (*byte == b'%').then(|| part.get(place.checked_add(1)?..place.checked_add(3)?));
            text.push(match (byte, digits) {
                (b'+', _) => b' ',
                (_, Some(digits)) => {
                    let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
                    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?
                }
                (byte, None) => *byte,
            });
            place = place.checked_add(if digits.is_some() { 3 } else { 1 })?;
        }
        String::from_utf8(text).ok()
    };
    let mut fields = HashMap::new();
    for pair in bytes.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let (name, value) = (decoded(halves.next()?)?, decoded(halves.next().unwrap_or_default())?);
        if fields.insert(name, value).is_some() {
            return None;
        }
    }
    Some(fields)
}

/// Whether a header value says what the right one says. The browser's word on where a request comes from goes before
/// `Origin`, which is only asked where the browser gives none.
fn is_same_header(name: &str, right: &str, other: &[u8], has_fetch_site: bool) -> bool {
    let text = std::str::from_utf8(other).ok().filter(|text| text.is_ascii());
    match name {
        "cookie" => false,
        "content-type" => text.is_some_and(|text| {
            let kind = text.split(';').next().unwrap();
            kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
        }),
        // What is no text counts as not sent.
        "sec-fetch-site" => text.is_none_or(|text| ["same-origin", "none"].contains(&text.trim())),
        "origin" | "host" if has_fetch_site => true,
        "origin" => text.and_then(|text| text.split_once("://")).is_some_and(|(_, authority)| {
            authority.trim().eq_ignore_ascii_case(right.split_once("://").unwrap().1)
        }),
        "host" => text.is_some_and(|text| text.trim().eq_ignore_ascii_case(right)),
        _ => true,
    }
}

/// A request as it goes over the wire, more or less.
#[derive(Clone)]
struct Sent {
    method: Method,
    path: Vec<u8>,
    version: Version,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Vec<u8>,
}

struct Stage {
    step: Step,
    site: Site,
    cookie: String,
    flow: String,
    /// How many texts went until now.
    texts: usize,
    right: Sent,
}

/// What came back.
struct Came {
    status: u16,
    location: String,
    is_done: bool,
    has_moved: bool,
    text: String,
}

impl Stage {
    fn new(step: Step, site: Site, browser: &Browser, typed: Vec<(&str, String)>) -> Self {
        let hidden = browser.hidden();
        let mut fields: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (*name, &**value)).collect();
        fields.extend(typed.iter().map(|(name, value)| (*name, &**value)));
        let headers = [
            ("host", "site.example"),
            ("accept", "text/html"),
            ("accept-language", "en"),
            ("user-agent", "a browser"),
            ("origin", "https://site.example"),
            ("sec-fetch-site", "same-origin"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("cookie", &browser.cookie),
        ];
        let right = Sent {
            method: Method::POST,
            path: step.path().into(),
            version: Version::HTTP_11,
            headers: headers.map(|(name, value)| (name, value.into())).to_vec(),
            body: form_body(&fields).into_bytes(),
        };
        let (cookie, flow) = (browser.cookie.clone(), site.host.flow(&browser.cookie).to_string());
        let texts = site.texts();
        Self { step, site, cookie, flow, texts, right }
    }

    /// Sends a request and holds the answer to the table; `None` if no HTTP client could send it.
    #[expect(clippy::disallowed_methods, reason = "how long an answer takes is what is asked")]
    async fn send(&self, sent: &Sent) -> Option<Came> {
        let uri = Uri::try_from(sent.path.as_slice()).ok()?;
        let mut request = Request::builder().method(&sent.method).version(sent.version).uri(uri);
        for (name, value) in &sent.headers {
            request = request.header(HeaderName::from_static(name), HeaderValue::from_bytes(value).ok()?);
        }
        let request = request.body(Body::from(sent.body.clone())).ok()?;
        let start = Instant::now();
        let response = self.site.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let shown = || format!("{:?}: {}", self.step, sent.body.escape_ascii());
        assert!(start.elapsed() < BOUND, "{:?} for {}", start.elapsed(), shown());

        let status = parts.status.as_u16();
        let header = |name: HeaderName| parts.headers.get(name).map_or("", |value| value.to_str().unwrap());
        assert!(TABLE.contains(&status), "{status} for {}", shown());
        let text = String::from_utf8(body.to_vec()).unwrap();
        let is_json = header(HeaderName::from_static("content-type")) == "application/problem+json";
        if status >= 400 {
            assert_eq!(header(HeaderName::from_static("cache-control")), "no-store");
            assert!(
                is_json || (text.contains("<h1>") && text.contains("role=\"alert\"")),
                "{status}: {text}"
            );
        }
        assert!(status != 401 || is_json, "{}", shown());
        let new_cookie = header(SET_COOKIE).split(';').next().unwrap_or_default();
        let flows = [&self.cookie, new_cookie].map(|cookie| self.site.host.flow(cookie));
        let went: Vec<_> =
            self.site.outbox.sent()[self.texts..].iter().map(|text| text.to().expose()).collect();
        let wanted = fields(&sent.body).and_then(|form| number_of(&form)).filter(|_| self.step == Phone);
        let wanted = wanted.unwrap_or_else(|| NUMBER.to_owned());
        assert!(went.iter().all(|to| *to == wanted) && went.len() <= 1, "{went:?} for {}", shown());
        Some(Came {
            status,
            location: header(LOCATION).to_owned(),
            is_done: self.step.is_done(&self.site, &flows, self.texts),
            has_moved: !new_cookie.is_empty() || flows[0].to_string() != self.flow,
            text,
        })
    }
}

impl Came {
    fn is_like(&self, other: &Self) -> bool {
        (self.status, &self.location) == (other.status, &other.location)
    }

    /// Whether the stage is no longer as it was: the next request needs a new one.
    fn has_touched(&self) -> bool {
        self.has_moved
            || self.is_done
            || [303, 429].contains(&self.status)
            || ["wrong", "used"].iter().any(|word| self.text.contains(word))
    }
}

/// Sends what `alter` makes of the right request, for each of its choices. `is_same` says which of them mean the same;
/// all others must not do what the right request does.
async fn try_each(
    step: Step,
    alter: impl Fn(&Sent) -> Vec<Sent>,
    is_same: impl Fn(&Sent, &Sent) -> bool,
) -> usize {
    let mut stage = step.stage().await;
    let right = stage.send(&stage.right).await.unwrap();
    let shows = [Skip, Activate, Verify, Prove, Pay, Switch, VerifyText];
    let shows_what_it_does = shows.contains(&step) || step.is_for_a_text();
    assert!(right.is_done == shows_what_it_does, "{step:?} does not work");
    assert!([200, 303].contains(&right.status), "{step:?} does not work");
    stage = step.stage().await;
    let (mut all, mut sent) = (alter(&stage.right), 0_usize);
    for index in 0..all.len() {
        let Some(altered) = all.get(index) else { break };
        let Some(came) = stage.send(altered).await else { continue };
        sent = sent.saturating_add(1);
        if !is_same(&stage.right, altered) {
            let what = || format!("{step:?} by {} {:?}", altered.body.escape_ascii(), altered.headers);
            // Without its tick the switch is turned off, with the same answer; and where a text would go a request
            // that is none of a form leads back to the page, as a text that went does.
            let may_be_like = [Switch, Answer, PhoneResend, Resend].contains(&step);
            assert!(may_be_like || !came.is_like(&right), "{}", what());
            assert!(!came.is_done, "done: {}", what());
        }
        if came.has_touched() {
            // The choices are the same ones, of a right request whose tokens are its own.
            stage = step.stage().await;
            all = alter(&stage.right);
        }
    }
    sent
}

fn with_body(right: &Sent, body: Vec<u8>) -> Sent {
    Sent { body, ..right.clone() }
}

fn with_header(right: &Sent, place: usize, value: Vec<u8>) -> Sent {
    let mut sent = right.clone();
    sent.headers[place].1 = value;
    sent
}

/// The byte at each place flipped in its lowest bit, in its case, zero, all ones; left out; doubled; a space, as forms
/// write it, before it; and some bytes at the end.
fn alterations(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for (place, byte) in bytes.iter().enumerate() {
        for other in [byte ^ 1, byte ^ 0x20, 0, 0xff] {
            let mut altered = bytes.to_vec();
            altered[place] = other;
            all.push(altered);
        }
        let (before, after) = bytes.split_at(place);
        all.push([before, &after[1..]].concat());
        all.push([before, &[*byte], after].concat());
        all.push([before, b"+", after].concat());
    }
    all.extend([b"%", b"+", b"\0", b"\xff", b"&"].map(|end| [bytes, end].concat()));
    all
}

fn megabytes() -> Vec<Vec<u8>> {
    let kinds = ["1", "é", "%", "%00", "\0", "&a=1", "=", "+", "-", " ", ";"];
    kinds.map(|kind| kind.repeat((1_usize << 20).div_ceil(kind.len())).into_bytes()).to_vec()
}

fn without_fetch_site(sent: &Sent) -> Sent {
    let mut sent = sent.clone();
    sent.headers.retain(|(name, _)| *name != "sec-fetch-site");
    sent
}

fn are_same_headers(right: &Sent, other: &Sent) -> bool {
    let has_fetch_site = other.headers.iter().any(|(name, _)| *name == "sec-fetch-site");
    other.headers.iter().all(|(name, value)| {
        let (_, right) = right.headers.iter().find(|(known, _)| known == name).unwrap();
        right == value || is_same_header(name, std::str::from_utf8(right).unwrap(), value, has_fetch_site)
    })
}

#[tokio::test]
async fn b11_every_byte_of_every_form() {
    for step in STEPS.into_iter().chain(OF_A_PHONE) {
        let bodies = |right: &Sent| {
            alterations(&right.body).into_iter().map(|body| with_body(right, body)).collect::<Vec<_>>()
        };
        let is_same = |right: &Sent, other: &Sent| step.is_same_form(&right.body, &other.body);
        println!("{step:?}: {} altered forms", try_each(step, bodies, is_same).await);
    }
}

#[tokio::test]
async fn every_byte_of_every_header_and_of_the_path() {
    for step in steps_and_one_of_a_phone() {
        let headers = |right: &Sent| {
            let mut all = Vec::new();
            for right in [right.clone(), without_fetch_site(right)] {
                // What says where a request comes from is all that reads otherwise without the browser's word.
                let has_fetch_site = right.headers.iter().any(|(name, _)| *name == "sec-fetch-site");
                for (place, (name, value)) in right.headers.iter().enumerate() {
                    if !has_fetch_site && !["host", "origin"].contains(name) {
                        continue;
                    }
                    all.extend(alterations(value).into_iter().map(|value| with_header(&right, place, value)));
                }
            }
            all
        };
        let sent = try_each(step, headers, are_same_headers).await;
        let paths = |right: &Sent| {
            // What is not below the mount is the host's; login-site holds its whole self to the table over a socket.
            let paths = alterations(&right.path).into_iter().filter(|path| path.starts_with(b"/mfa/"));
            paths.map(|path| Sent { path, ..right.clone() }).collect::<Vec<_>>()
        };
        // A query and a fragment are nobody's business.
        let is_same_path = |right: &Sent, other: &Sent| {
            let plain = |sent: &Sent| {
                let end = sent.path.iter().position(|byte| b"?#".contains(byte));
                sent.path[..end.unwrap_or(sent.path.len())].to_vec()
            };
            plain(right) == plain(other)
        };
        println!("{step:?}: {sent} altered headers, {} paths", try_each(step, paths, is_same_path).await);
    }
}

#[tokio::test]
async fn e11_a_megabyte_in_every_place() {
    for step in steps_and_one_of_a_phone() {
        let (mut forms, mut others) = (0_usize, 0_usize);
        for much in megabytes() {
            forms = forms.saturating_add(forms_of(step, &much).await);
            others = others.saturating_add(headers_and_paths_of(step, &much).await);
        }
        println!("{step:?}: {forms} forms, {others} headers and paths of a megabyte");
    }
}

/// As much as is taken, and more, in the place of each field and in one of its own.
async fn forms_of(step: Step, much: &[u8]) -> usize {
    let forms = |right: &Sent| {
        let text = std::str::from_utf8(&right.body).unwrap();
        let fields: Vec<&str> = text.split('&').collect();
        let mut all = Vec::new();
        for much in [&much[..15_000], much] {
            all.push(with_body(right, much.to_vec()));
            for field in &fields {
                let (name, _) = field.split_once('=').unwrap();
                let others = fields.iter().filter(|other| *other != field).copied();
                let others = others.collect::<Vec<_>>().join("&");
                all.push(with_body(right, [format!("{others}&{name}=").as_bytes(), much].concat()));
            }
            all.push(with_body(right, [text.as_bytes(), b"&other=", much].concat()));
        }
        all
    };
    let is_same = |right: &Sent, other: &Sent| {
        other.body.len() <= Form::LONGEST && step.is_same_form(&right.body, &other.body)
    };
    try_each(step, forms, is_same).await
}

/// Paths are as long as a path can be: a server refuses longer ones before anybody here sees them.
async fn headers_and_paths_of(step: Step, much: &[u8]) -> usize {
    let all = |right: &Sent| {
        let headers = (0..right.headers.len()).map(|place| with_header(right, place, much.to_vec()));
        let paths = [b"/mfa/".to_vec(), [step.path().as_bytes(), b"?"].concat()];
        let paths = paths.map(|path| [path.as_slice(), &much[..60_000]].concat());
        let paths = paths.map(|path| Sent { path, ..right.clone() });
        headers.chain(paths).collect::<Vec<_>>()
    };
    let is_same = |right: &Sent, other: &Sent| {
        let is_same_path = other.path == right.path || other.path.contains(&b'?');
        is_same_path && are_same_headers(right, other)
    };
    try_each(step, all, is_same).await
}

#[tokio::test]
async fn b11_repeated_fields_other_types_other_methods_other_versions() {
    for step in STEPS.into_iter().chain(OF_A_PHONE) {
        let repeated = |right: &Sent| {
            let text = std::str::from_utf8(&right.body).unwrap().to_owned();
            let again = |field: &str| {
                let (name, value) = field.split_once('=').unwrap();
                let (encoded, list) =
                    (format!("%{:02x}{}", name.as_bytes()[0], &name[1..]), format!("{name}[]"));
                [name, &encoded].map(|name| format!("{text}&{name}={value}")).into_iter().chain([
                    text.replacen(field, &format!("{list}={value}"), 1),
                    text.replacen(field, &format!("{name}%00={value}"), 1),
                    text.replacen(field, name, 1),
                    text.replacen(field, &format!("{name}={value}%00"), 1),
                    text.replacen('&', ";", 1),
                ])
            };
            let bodies = text.split('&').flat_map(again).map(String::into_bytes);
            bodies.map(|body| with_body(right, body)).collect::<Vec<_>>()
        };
        let is_same = |right: &Sent, other: &Sent| step.is_same_form(&right.body, &other.body);
        try_each(step, repeated, is_same).await;

        let types = |right: &Sent| {
            let place = right.headers.iter().position(|(name, _)| *name == "content-type").unwrap();
            let types =
                ["", "text/plain", "application/json", "multipart/form-data; boundary=x", "*/*", "form"];
            types.map(|kind| with_header(right, place, kind.into())).to_vec()
        };
        try_each(step, types, |_, _| false).await;

        let methods = |right: &Sent| {
            let methods =
                ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW", "post"];
            methods.map(|method| Sent { method: method.parse().unwrap(), ..right.clone() }).to_vec()
        };
        try_each(step, methods, |_, _| false).await;

        let versions = |right: &Sent| {
            let versions = [Version::HTTP_09, Version::HTTP_10, Version::HTTP_2, Version::HTTP_3];
            versions.map(|version| Sent { version, ..right.clone() }).to_vec()
        };
        assert_eq!(try_each(step, versions, |_, _| true).await, 4, "the version changes nothing");
    }
}
