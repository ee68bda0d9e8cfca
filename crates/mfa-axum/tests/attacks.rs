//! What attackers try on pages, by the names of the attack table.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must stop")]

mod common;

use axum::http::HeaderMap;
use common::{Answer, Browser, Site, is_status};

const PAGES: [&str; 14] = [
    "/mfa/required",
    "/mfa/method",
    "/mfa/app",
    "/mfa/recovery-code",
    "/mfa/recovery-code/download",
    "/mfa/challenge",
    "/mfa/recover",
    "/mfa/skip",
    "/mfa/binding-code",
    "/mfa/verify",
    "/mfa/security",
    "/mfa/new-recovery-code",
    "/mfa/new-recovery-code/copy",
    "/mfa/new-recovery-code/download",
];

/// The pages of a session that is proved: whoever has none is led to where they are.
const SECURED: [&str; 5] = [
    "/mfa/verify",
    "/mfa/security",
    "/mfa/new-recovery-code",
    "/mfa/new-recovery-code/copy",
    "/mfa/new-recovery-code/download",
];

#[tokio::test]
async fn c1_d1_a_half_session_opens_nothing() {
    let site = Site::new();
    site.enrolled("marcus@enforced.example").await;
    let mut half = site.signed_in("marcus@enforced.example").await;
    is_status(&half.get("/").await, 303);
    assert_eq!(half.location, "/mfa/challenge");
    // No page of an enrollment shows itself, and none can be posted to.
    for path in PAGES {
        let answer = half.get(path).await;
        if !["/mfa/challenge", "/mfa/recover"].contains(&path) {
            is_status(&answer, 303);
            assert_eq!(half.location, "/mfa/challenge", "{path}");
        }
        half.get("/mfa/challenge").await;
        let hidden = half.hidden();
        let mut fields: Vec<(&str, &str)> = hidden.iter().map(|(n, v)| (*n, v.as_str())).collect();
        fields.extend([("method", "app"), ("code", "123456"), ("saved", "yes"), ("recovery_code", "x")]);
        fields.extend([("binding_code", "x"), ("change", "change-app"), ("errand", "change-app")]);
        let status = half.post(path, &fields).await.status.as_u16();
        let wanted: &[u16] = if SECURED.contains(&path) { &[303] } else { &[410, 422] };
        assert!(wanted.contains(&status), "{path}: {status}");
        // A refusal ends the page at most; take a new half session.
        half = site.signed_in("marcus@enforced.example").await;
    }
}

#[tokio::test]
async fn c7_the_session_id_changes_with_the_assurance_and_the_old_one_is_dead() {
    let site = Site::new();
    let (browser, app, _) = site.at_save_page("marcus@enforced.example").await;
    let mut old = browser.clone();
    let mut new = browser;
    new.submit("/mfa/recovery-code", &[("saved", "yes")]).await;
    assert_ne!(new.cookie, old.cookie);
    is_status(&old.get("/").await, 303);
    assert_eq!(old.location, "/sign-in");

    site.wait(30);
    let mut half = site.signed_in("marcus@enforced.example").await;
    let mut old = half.clone();
    half.submit("/mfa/challenge", &[("code", &app.code_at(site.clock.reading()))]).await;
    assert_ne!(half.cookie, old.cookie);
    assert_eq!(half.follow().await.title(), "Home");
    is_status(&old.get("/").await, 303);
    assert_eq!(old.location, "/sign-in");

    let mut member = site.signed_in("olivia@pilot.example").await;
    let before = member.cookie.clone();
    member.submit("/mfa/skip", &[]).await;
    assert_ne!(member.cookie, before);
}

#[tokio::test]
async fn c9_a_ticket_of_another_session_is_no_ticket() {
    let site = Site::new();
    let (_, app, _) = site.enrolled("marcus@enforced.example").await;
    let one = site.signed_in("marcus@enforced.example").await;
    let mut two = site.signed_in("marcus@enforced.example").await;
    let csrf = two.hidden().remove(0).1;
    let ticket = one.hidden().remove(1).1;
    let code = app.code_at(site.clock.reading());
    let answer = two.post("/mfa/challenge", &[("csrf", &csrf), ("ticket", &ticket), ("code", &code)]).await;
    is_status(&answer, 410);
    // Its own is still good: a stranger's ticket ends nothing.
    two.get("/mfa/challenge").await;
    is_status(&two.submit("/mfa/challenge", &[("code", &code)]).await, 303);

    for ticket in ["", "x", "null", &"A".repeat(5000)] {
        let mut half = site.signed_in("ada@enforced.example").await;
        let csrf = half.hidden().remove(0).1;
        is_status(
            &half.post("/mfa/method", &[("csrf", &csrf), ("ticket", ticket), ("method", "app")]).await,
            410,
        );
        is_status(&half.post("/mfa/method", &[("csrf", &csrf), ("method", "app")]).await, 410);
    }
}

#[tokio::test]
async fn d17_a_form_of_another_site_or_without_its_token_is_refused() {
    let site = Site::new();
    let (browser, _, _) = site.at_save_page("marcus@enforced.example").await;
    let ticket = browser.hidden().remove(1).1;
    let csrf = browser.hidden().remove(0).1;
    let saved = ("saved", "yes");
    for token in ["", "wrong", &csrf[1..], &csrf.to_uppercase()] {
        let fields = [("csrf", token), ("ticket", ticket.as_str()), saved];
        is_status(&browser.clone().post("/mfa/recovery-code", &fields).await, 403);
    }
    is_status(&browser.clone().post("/mfa/recovery-code", &[("ticket", &ticket), saved]).await, 403);
    for header in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        let mut victim = browser.clone();
        victim.headers.push(header);
        let answer = victim.submit("/mfa/recovery-code", &[saved]).await;
        is_status(&answer, 403);
        assert_eq!(answer.title(), "Request Refused");
    }
    let mut own = browser.clone();
    own.headers.extend([("sec-fetch-site", "same-origin"), ("origin", "http://site.example")]);
    is_status(&own.submit("/mfa/recovery-code", &[saved]).await, 303);
}

#[tokio::test]
async fn d8_d9_no_secret_is_ever_in_an_address() {
    let site = Site::new();
    let (mut browser, app) = site.at_app_page("marcus@enforced.example").await;
    let key = browser.element("manual-key");
    let mut secrets = vec![key.replace(' ', ""), browser.hidden().remove(1).1, browser.hidden().remove(0).1];
    browser.submit("/mfa/app", &[("code", &app.code_at(site.clock.reading()))]).await;
    browser.follow().await;
    secrets.extend([browser.element("recovery-code"), browser.hidden().remove(1).1]);
    secrets.push(app.code_at(site.clock.reading()));
    browser.submit("/mfa/recovery-code", &[("saved", "yes")]).await;
    browser.follow().await;
    assert!(browser.sent_to.len() > 4);
    for address in &browser.sent_to {
        assert!(
            !address.contains('?') && secrets.iter().all(|secret| !address.contains(secret)),
            "{address}"
        );
    }
}

#[tokio::test]
async fn every_answer_has_the_headers_of_a_secret() {
    let site = Site::new();
    let mut answers: Vec<Answer> = Vec::new();
    let mut browser = site.browser();
    answers.push(browser.post("/sign-in", &[("email", "olivia@pilot.example")]).await);
    answers.push(browser.follow().await);
    answers.push(browser.submit("/mfa/required", &[]).await);
    answers.push(browser.follow().await);
    answers.push(browser.submit("/mfa/method", &[]).await);
    answers.push(browser.submit("/mfa/method", &[("method", "app")]).await);
    answers.push(browser.follow().await);
    let app = browser.scan();
    answers.push(browser.submit("/mfa/app", &[("code", "x")]).await);
    answers.push(browser.submit("/mfa/app", &[("code", &app.code_at(site.clock.reading()))]).await);
    answers.push(browser.follow().await);
    answers.push(browser.submit("/mfa/recovery-code/copy", &[]).await);
    answers.push(browser.submit("/mfa/recovery-code", &[("saved", "yes")]).await);
    answers.push(browser.follow().await);
    site.wait(30);
    let mut browser = site.signed_in("olivia@pilot.example").await;
    answers.push(browser.get("/mfa/challenge").await);
    answers.push(browser.post("/mfa/challenge", &[]).await);
    answers.push(browser.get("/mfa/recover").await);
    answers.push(site.browser().get("/mfa/app").await);
    site.wait(30);
    browser.get("/mfa/challenge").await;
    answers.push(browser.submit("/mfa/challenge", &[("code", &app.code_at(site.clock.reading()))]).await);
    site.wait(600);
    answers.push(browser.get("/mfa/security").await);
    answers.push(browser.change("new-recovery-code", &[]).await);
    answers.push(browser.follow().await);
    answers.push(browser.submit("/mfa/verify", &[("password", "wrong")]).await);
    let typed = [("password", "right"), ("code", &*app.code_at(site.clock.reading()))];
    answers.push(browser.submit("/mfa/verify", &typed).await);
    answers.push(browser.follow().await);
    assert!(browser.page.contains("Save Your Recovery Code"));
    answers.push(browser.submit("/mfa/new-recovery-code", &[]).await);
    for answer in &answers {
        has_headers(&answer.headers);
        assert!(!answer.body.contains("<style") && !answer.body.contains("style=\""), "inline style");
        assert!(!answer.body.contains("<script>") && !answer.body.contains(" onclick"), "inline script");
    }
}

fn has_headers(headers: &HeaderMap) {
    let header = |name| headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default();
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("referrer-policy"), "same-origin");
    assert_eq!(header("cross-origin-opener-policy"), "same-origin");
    let policy = header("content-security-policy");
    for part in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"));
}

#[tokio::test]
async fn assets_are_named_by_their_content_and_kept_for_long() {
    let site = Site::new();
    let mut browser: Browser = site.signed_in("olivia@pilot.example").await;
    let page = browser.page.clone();
    for (start, kind) in [("href=\"/mfa/assets/", "text/css"), ("src=\"/mfa/assets/", "text/javascript")] {
        let name = page.split_once(start).unwrap().1.split('"').next().unwrap();
        let asset = browser.get(&format!("/mfa/assets/{name}")).await;
        is_status(&asset, 200);
        assert!(asset.header("content-type").starts_with(kind));
        assert!(asset.header("cache-control").contains("immutable") && !asset.body.is_empty());
    }
}
