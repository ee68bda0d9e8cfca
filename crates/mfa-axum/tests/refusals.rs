//! Every status of the table, with its sentence, and what never happens.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must stop")]

mod common;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use common::{Site, body, form_body, is_status};

#[tokio::test]
async fn refused_codes_have_their_sentences() {
    let site = Site::new();
    let (mut browser, app) = site.at_app_page("marcus@enforced.example").await;
    for (code, sentence) in [
        (site.wrong_code(&app).as_str(), "wrong or expired code"),
        ("12a", "Enter the 6 digits"),
        ("", "Enter the 6"),
    ] {
        let page = browser.submit("/mfa/app", &[("code", code)]).await;
        is_status(&page, 422);
        assert_eq!(page.title(), "Secure Your Account");
        assert!(page.alert().contains(sentence), "{}", page.alert());
    }
    let (_, app, _) = site.enrolled("marcus@enforced.example").await;
    let mut browser = site.signed_in("marcus@enforced.example").await;
    let code = app.code_at(site.clock.reading());
    let page = browser.submit("/mfa/challenge", &[("code", &site.wrong_code(&app))]).await;
    is_status(&page, 422);
    assert!(
        page.body.contains("aria-invalid=\"true\"")
            && page.body.contains("aria-describedby=\"alert code-hint\"")
    );
    browser.submit("/mfa/challenge", &[("code", &code)]).await;

    let mut browser = site.signed_in("marcus@enforced.example").await;
    let page = browser.submit("/mfa/challenge", &[("code", &code)]).await;
    is_status(&page, 422);
    assert!(page.alert().contains("code already used, wait for the next one"));
}

#[tokio::test]
async fn a_throttled_answer_says_too_many_and_until_when() {
    let site = Site::new();
    let (_, app, recovery_code) = site.enrolled("marcus@enforced.example").await;
    let mut browser = site.signed_in("marcus@enforced.example").await;
    let mut page = browser.get("/mfa/challenge").await;
    for _ in 0..5 {
        page = browser.submit("/mfa/challenge", &[("code", &site.wrong_code(&app))]).await;
        if page.status == 429 {
            break;
        }
    }
    page = match page.status.as_u16() {
        429 => page,
        _ => browser.submit("/mfa/challenge", &[("code", &app.code_at(site.clock.reading()))]).await,
    };
    is_status(&page, 429);
    assert!(page.alert().contains("too many attempts, try again at 08:0"), "{}", page.alert());
    assert!(page.alert().ends_with(" UTC."));
    // A new sign-in and a reload are told at once, and the recovery code still opens.
    let mut browser = site.signed_in("marcus@enforced.example").await;
    assert!(browser.page.contains("too many"));
    is_status(&browser.get("/mfa/challenge").await, 429);
    browser.get("/mfa/recover").await;
    is_status(&browser.submit("/mfa/recover", &[("recovery_code", &recovery_code)]).await, 303);
}

#[tokio::test]
async fn a_page_that_is_over_says_start_again() {
    let site = Site::new();
    let (mut browser, app) = site.at_app_page("marcus@enforced.example").await;
    site.wait(15 * 60);
    let page = browser.submit("/mfa/app", &[("code", &app.code_at(site.clock.reading()))]).await;
    is_status(&page, 410);
    assert!(page.alert().contains("start again") && page.body.contains("href=\"/sign-in\""));
    is_status(&browser.get("/mfa/app").await, 303);
    assert_eq!(browser.location, "/sign-in", "the session stands at nothing");

    site.enrolled("marcus@enforced.example").await;
    let mut browser = site.signed_in("marcus@enforced.example").await;
    site.wait(10 * 60);
    let page = browser.get("/mfa/challenge").await;
    is_status(&page, 410);
    assert!(page.alert().contains("start again"));

    for path in ["/mfa/required", "/mfa/method"] {
        let mut browser = site.signed_in("ada@enforced.example").await;
        site.wait(15 * 60);
        is_status(&browser.get(path).await, 410);
    }
}

#[tokio::test]
async fn the_back_button_and_a_double_submit_meet_a_used_page() {
    let site = Site::new();
    let (mut browser, _, _) = site.at_save_page("marcus@enforced.example").await;
    let old = browser.clone();
    is_status(&browser.submit("/mfa/recovery-code", &[("saved", "yes")]).await, 303);
    // The page of before, with the cookie of now.
    let mut again = old.clone();
    again.cookie.clone_from(&browser.cookie);
    let page = again.submit("/mfa/recovery-code", &[("saved", "yes")]).await;
    is_status(&page, 410);
    assert!(page.alert().contains("start again"));
    // The page of before, with the cookie of before.
    let mut stale = old.clone();
    is_status(&stale.submit("/mfa/recovery-code", &[("saved", "yes")]).await, 303);
    assert_eq!(stale.location, "/sign-in");
    // Back to a page by its address.
    is_status(&browser.get("/mfa/recovery-code").await, 303);
    assert_eq!(browser.location, "/");
    assert_eq!(browser.follow().await.title(), "Home");
}

#[tokio::test]
async fn two_tabs_work_on_their_own_enrollments_and_one_wins() {
    let site = Site::new();
    let mut one = site.signed_in("marcus@enforced.example").await;
    one.submit("/mfa/required", &[]).await;
    one.follow().await;
    let mut two = one.clone();
    one.submit("/mfa/method", &[("method", "app")]).await;
    one.follow().await;
    two.submit("/mfa/method", &[("method", "app")]).await;
    two.follow().await;
    let (app_one, app_two) = (one.scan(), two.scan());
    let now = site.clock.reading();
    assert_ne!(app_one.code_at(now), app_two.code_at(now));
    is_status(&one.submit("/mfa/app", &[("code", &app_one.code_at(now))]).await, 303);
    one.follow().await;
    is_status(&two.submit("/mfa/app", &[("code", &app_two.code_at(now))]).await, 303);
    two.follow().await;
    assert_ne!(one.element("recovery-code"), two.element("recovery-code"));
    is_status(&one.submit("/mfa/recovery-code", &[("saved", "yes")]).await, 303);
    assert_eq!(one.follow().await.title(), "Home");
    assert!(site.host.is_remembered_as_enrolled("marcus@enforced.example"));
    two.cookie.clone_from(&one.cookie);
    is_status(&two.submit("/mfa/recovery-code", &[("saved", "yes")]).await, 410);
    assert_eq!(one.get("/").await.title(), "Home", "the loser takes nothing away");
}

#[tokio::test]
async fn a_choice_is_one_of_the_methods() {
    let site = Site::new();
    let mut browser = site.signed_in("pat@payor.example").await;
    browser.submit("/mfa/required", &[]).await;
    let page = browser.follow().await;
    assert!(!page.body.contains("SMS Verification"));
    assert!(page.text().contains("not available for your account"));
    let page = browser.submit("/mfa/method", &[("method", "sms")]).await;
    is_status(&page, 403);
    assert!(page.alert().contains("not available"));
    for choice in ["", "APP", "true", "pigeon"] {
        is_status(&browser.submit("/mfa/method", &[("method", choice)]).await, 422);
    }
    is_status(&browser.submit("/mfa/method", &[]).await, 422);
}

#[tokio::test]
async fn b11_c13_a_form_that_is_not_one_is_refused() {
    let site = Site::new();
    let (_, app, _) = site.enrolled("marcus@enforced.example").await;
    let mut browser = site.signed_in("marcus@enforced.example").await;
    let code = app.code_at(site.clock.reading());
    let hidden = browser.hidden();
    let fields: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let good = form_body(&fields);
    for text in [
        format!("{good}&code={code}&code={code}"),
        format!("{good}&code={code}&csrf={}", hidden[0].1),
        format!("{good}&code=%ff%fe"),
        format!("{good}&code=%zz"),
        format!("{good}&code[]={code}"),
        format!("{good}&code="),
        format!("{good}&code=null"),
        format!("{good}&code=true"),
        good.clone(),
    ] {
        is_status(&browser.send("POST", "/mfa/challenge", Some(body(text))).await, 422);
    }
    let mut json = browser.clone();
    json.headers.push(("content-type", "application/json"));
    let text = format!("{{\"csrf\":\"{}\",\"code\":true}}", hidden[0].1);
    is_status(&json.send("POST", "/mfa/challenge", Some(body(text))).await, 422);
    // None of it spent an attempt.
    is_status(
        &browser.post("/mfa/challenge", &[&fields[..], &[("code", code.as_str())]].concat()).await,
        303,
    );
}

#[tokio::test]
async fn e11_a_megabyte_is_too_large_for_everybody() {
    let site = Site::new();
    let megabyte = format!("code={}", "1".repeat(1 << 20));
    let mut browser = site.signed_in("marcus@enforced.example").await;
    for path in ["/mfa/challenge", "/mfa/nowhere"] {
        is_status(&browser.send("POST", path, Some(body(megabyte.clone()))).await, 413);
        is_status(&site.browser().send("POST", path, Some(body(megabyte.clone()))).await, 413);
    }
    is_status(&site.browser().send("POST", "/sign-in", Some(body(megabyte))).await, 413);
    let long = "9".repeat(10_000);
    let (mut browser, _) = site.at_app_page("marcus@enforced.example").await;
    is_status(&browser.submit("/mfa/app", &[("code", &long)]).await, 422);
}

#[tokio::test]
async fn nothing_below_answers_503_and_signs_nobody_in() {
    let causes = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&causes);
    let site =
        Site::with(|pages| pages.on_unavailable(move |cause| heard.lock().unwrap().push(cause.to_string())));
    site.host.remember_as_enrolled("marcus@enforced.example");
    let mut browser = site.browser();
    let page = browser.post("/sign-in", &[("email", "marcus@enforced.example")]).await;
    is_status(&page, 503);
    assert!(!page.body.contains("Set Up Now") && page.alert().contains("cannot check your identity"));

    let (mut browser, _) = site.at_app_page("ada@enforced.example").await;
    site.host.is_down.store(true, Ordering::Relaxed);
    for path in ["/", "/mfa/app", "/mfa/nowhere"] {
        let page = browser.get(path).await;
        is_status(&page, 503);
        assert_eq!(page.header("retry-after"), "5");
        assert!(!page.body.contains("secret-cause"));
    }
    is_status(&browser.post("/mfa/app", &[("code", "123456")]).await, 503);

    // What no visitor was shown, the operator has heard: once for each answer.
    let causes = causes.lock().unwrap();
    assert_eq!(causes.len(), 5, "{causes:?}");
    assert_eq!(causes[0], "the record of an enrolled subject is missing");
    assert!(causes[1..].iter().all(|cause| cause.contains("secret-cause")), "{causes:?}");
}

#[tokio::test]
async fn unknown_paths_and_methods_lead_to_the_page_of_the_flow() {
    let site = Site::new();
    let mut stranger = site.browser();
    for path in ["/mfa", "/mfa/", "/mfa/app", "/mfa/nowhere", "/mfa/assets/mfa-0.css", "/mfa/%2e%2e/%00"] {
        for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"] {
            is_status(&stranger.send(method, path, None).await, 303);
            assert_eq!(stranger.location, "/sign-in");
        }
    }
    is_status(&stranger.post("/mfa/app", &[("code", "123456")]).await, 303);
    let mut browser = site.signed_in("marcus@enforced.example").await;
    for (method, path) in
        [("GET", "/mfa"), ("GET", "/mfa/nowhere"), ("PUT", "/mfa/required"), ("GET", "/mfa/skip")]
    {
        is_status(&browser.send(method, path, None).await, 303);
        assert_eq!(browser.location, "/mfa/required");
    }
}

#[tokio::test]
async fn json_clients_get_problem_documents() {
    let site = Site::new();
    let mut stranger = site.browser();
    stranger.headers = vec![("accept", "application/json")];
    let answer = stranger.get("/").await;
    is_status(&answer, 401);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.header("www-authenticate"), "Bearer");

    let (_, app, _) = site.enrolled("marcus@enforced.example").await;
    let mut browser = site.signed_in("marcus@enforced.example").await;
    let page = browser.page.clone();
    browser.headers = vec![("accept", "application/json")];
    let answer = browser.get("/").await;
    is_status(&answer, 401);
    assert_eq!(answer.header("www-authenticate"), "Bearer error=\"insufficient_user_authentication\"");
    assert!(answer.body.contains("\"status\":401"));
    browser.page = page;
    let wrong = site.wrong_code(&app);
    let answer = browser.submit("/mfa/challenge", &[("code", &wrong)]).await;
    is_status(&answer, 422);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert!(answer.body.contains("wrong or expired code"));
}
