//! Nobody is left on a page that leads nowhere.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must stop")]

mod common;

use common::{Site, body, is_status};
use mfa::policy::Policy;

#[tokio::test]
async fn a_form_posted_to_no_page_leads_to_the_page_of_the_flow() {
    let site = Site::new();
    let mut browser = site.signed_in("marcus@enforced.example").await;
    for text in ["", "csrf=wrong", "a=1&a=2", "%zz"] {
        for path in ["/mfa", "/mfa/nowhere", "/mfa/required/"] {
            is_status(&browser.send("POST", path, Some(body(text))).await, 303);
            assert_eq!(browser.location, "/mfa/required", "{path} {text}");
        }
    }
}

#[tokio::test]
async fn a_form_that_was_refused_leads_back_to_its_page() {
    let site = Site::new();
    let mut browser = site.signed_in("marcus@enforced.example").await;
    for (text, status) in [("a=1&a=2", 422), ("csrf=wrong", 403)] {
        let page = browser.send("POST", "/mfa/required", Some(body(text))).await;
        is_status(&page, status);
        assert!(page.body.contains("href=\"/mfa/required\""), "{}", page.body);
        assert!(!page.alert().is_empty());
    }
    let mut stranger = site.browser();
    is_status(&stranger.send("POST", "/mfa/required", Some(body("a=1&a=2"))).await, 303);
    assert_eq!(stranger.location, "/sign-in");
}

#[tokio::test]
async fn what_policy_takes_away_ends_the_flow_and_not_the_sign_in() {
    let site = Site::new();
    let mut browser = site.signed_in("olivia@pilot.example").await;
    let without = include_str!("../../../policies/construction-pay.toml").replace("\"pilot.example\", ", "");
    site.mfa.replace_policy(Policy::from_toml(&without).unwrap()).await.unwrap();
    is_status(&browser.get("/mfa/required").await, 403);
    is_status(&browser.get("/mfa/required").await, 303);
    assert_eq!(browser.location, "/sign-in", "not 403 for ever");
}

#[tokio::test]
async fn an_offer_whose_date_has_come_no_longer_shows_the_way_round_it() {
    let site = Site::new();
    site.wait(30 * 24 * 3_600 - 60);
    let mut browser = site.signed_in("olivia@pilot.example").await;
    assert!(browser.page.contains("Skip for Now") && browser.page.contains("February 14, 2027"));
    site.wait(120);
    let page = browser.get("/mfa/required").await;
    is_status(&page, 200);
    assert!(page.body.contains("Set Up Now") && !page.body.contains("Skip for Now"));
    is_status(&browser.submit("/mfa/required", &[]).await, 303);
}

#[tokio::test]
async fn a_pasted_recovery_code_may_bring_its_line_end_and_a_code_may_not() {
    let site = Site::new();
    let (_, app, recovery_code) = site.enrolled("marcus@enforced.example").await;
    let mut browser = site.signed_in("marcus@enforced.example").await;
    for edge in ["\r\n", "\n", "\t", "\u{a0}", "\0"] {
        let code = format!("{}{edge}", app.code_at(site.clock.reading()));
        is_status(&browser.submit("/mfa/challenge", &[("code", &code)]).await, 422);
    }
    let code = format!(" {} ", app.code_at(site.clock.reading()));
    is_status(&browser.submit("/mfa/challenge", &[("code", &code)]).await, 303);

    let mut browser = site.signed_in("marcus@enforced.example").await;
    browser.get("/mfa/recover").await;
    // As the downloaded file has it.
    let pasted = format!("{recovery_code}\r\n");
    is_status(&browser.submit("/mfa/recover", &[("recovery_code", &pasted)]).await, 303);
}

#[tokio::test]
async fn b18_before_the_first_factor_nobody_learns_who_is_enrolled() {
    let site = Site::new();
    site.enrolled("marcus@enforced.example").await;
    for path in ["/mfa", "/mfa/required", "/mfa/app", "/mfa/challenge", "/mfa/recover", "/mfa/nowhere"] {
        let answer = site.browser().get(path).await;
        is_status(&answer, 303);
        assert_eq!((answer.location(), answer.body.as_str()), ("/sign-in", ""), "{path}");
    }
}
