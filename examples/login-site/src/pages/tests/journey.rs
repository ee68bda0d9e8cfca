//! What people do once they are in: pages they may use, payments, their own security, other people's browsers.

use mfa::policy::OrganizationSettings;
use mfa::storage::{Expected, Storage as _, Write};

use super::{PASSWORD, TOKEN, TestSite, between};
use crate::accounts::{ACCOUNTS, Account};
use crate::host::SIGN_IN;

#[tokio::test]
async fn everybody_finds_the_pages_they_may_use_and_no_others() {
    let site = TestSite::new();
    for account in ACCOUNTS {
        let mut browser = match account.provider {
            Some(_) => {
                let mut browser = site.browser();
                browser.post("/sso", &[("csrf", TOKEN), ("amr", "pwd mfa")]).await;
                browser.follow().await;
                browser
            }
            None if account.email == "casey@commercial.example" => site.password(account.email).await,
            None => site.enrolled(account.email).await.0,
        };
        assert_eq!(browser.title(), "Home", "{}", account.email);
        let links = |path: &str| browser.page.contains(&format!("href=\"{path}\""));
        assert!(links("/mfa/security"), "{}", account.email);
        let is_payments = ["pat@payor.example", "peyton@payee.example"].contains(&account.email);
        assert_eq!(links("/payments"), is_payments, "{}", account.email);
        let charges = ["ada@enforced.example", "abel@enforced.example", "support@payments.example"];
        assert_eq!(links("/company-security"), charges.contains(&account.email), "{}", account.email);
        assert_eq!(browser.get("/mfa/security").await, 200);
        assert_eq!(browser.title(), "Password &#38; Security");
        let is_on_offer = browser.page.contains("Authenticator App</button>");
        assert_eq!(is_on_offer, account.email != "casey@commercial.example", "{}", account.email);
        assert_eq!(browser.get("/payments").await, if is_payments { 200 } else { 403 });
    }
}

#[tokio::test]
async fn a_payment_is_confirmed_and_listed_once() {
    let site = TestSite::new();
    let (mut pat, app) = site.enrolled("pat@payor.example").await;
    pat.get("/payments").await;
    for (amount, payee) in [
        ("", "Acme"),
        ("1,250", "Acme"),
        ("-1", "Acme"),
        ("0", "Acme"),
        ("1.005", "Acme"),
        ("5", ""),
        ("5", "a\nb"),
    ] {
        assert_eq!(
            pat.submit("/payments", &[("amount", amount), ("payee", payee)]).await,
            422,
            "{amount} {payee}"
        );
        assert!(
            pat.page.contains(&format!("value=\"{}\"", mfa_axum::html_escape(amount))),
            "what was typed stays"
        );
    }
    assert_eq!(pat.submit("/payments", &[("amount", "1250.00"), ("payee", "Acme <Concrete>")]).await, 303);
    pat.follow().await;
    assert_eq!(pat.title(), "Verify Your Identity");
    assert!(pat.page.contains("1250.00 USD") && pat.page.contains("Acme &#60;Concrete&#62;"));
    let before = pat.clone();
    assert_eq!(pat.submit("/mfa/verify", &[("code", &site.wrong(&app))]).await, 422);
    assert_eq!(pat.submit("/mfa/verify", &[("code", &site.code(&app))]).await, 303);
    pat.follow().await;
    assert_eq!(pat.title(), "Payments");
    assert_eq!(pat.page.matches("Acme &#60;Concrete&#62;</td>").count(), 1);
    // The back button and a second click: the same payment, once.
    site.wait(30);
    let mut again = before;
    again.cookies.clone_from(&pat.cookies);
    assert_eq!(again.submit("/mfa/verify", &[("code", &site.code(&app))]).await, 303);
    again.follow().await;
    assert_eq!(again.page.matches("Acme &#60;Concrete&#62;</td>").count(), 1);
    // Two tabs confirm each their own.
    site.wait(30);
    let (mut one, mut two) = (again.clone(), again.clone());
    one.submit("/payments", &[("amount", "1.00"), ("payee", "One")]).await;
    one.follow().await;
    two.submit("/payments", &[("amount", "2.00"), ("payee", "Two")]).await;
    two.follow().await;
    assert_eq!(one.submit("/mfa/verify", &[("code", &site.code(&app))]).await, 303);
    one.follow().await;
    assert!(one.page.contains("<td>One</td>") && !one.page.contains("<td>Two</td>"));
    // Support and members have nothing to pay.
    let (mut support, _) = site.enrolled("support@payments.example").await;
    assert_eq!(support.get("/payments").await, 403);
}

#[tokio::test]
async fn ten_wrong_codes_for_payments_end_the_session() {
    let site = TestSite::new();
    let (mut pat, app) = site.enrolled("pat@payor.example").await;
    for number in 1..=10 {
        site.wait(900);
        pat.get("/payments").await;
        pat.submit("/payments", &[("amount", "1.00"), ("payee", "Acme")]).await;
        pat.follow().await;
        let status = pat.submit("/mfa/verify", &[("code", &site.wrong(&app))]).await;
        assert_eq!(status, if number < 10 { 422 } else { 410 }, "{number}");
    }
    assert!(pat.alert().contains("start again"));
    assert_eq!((pat.get("/payments").await, pat.at.as_str()), (303, SIGN_IN));
    site.wait(900);
    site.signed_in("pat@payor.example", &app).await;
}

#[tokio::test]
async fn the_switch_always_require_binds_whoever_turned_it_on() {
    let site = TestSite::new();
    let (mut olivia, _) = site.enrolled("olivia@pilot.example").await;
    olivia.get("/mfa/security").await;
    assert!(
        olivia.page.contains("Remove Authenticator App") && !olivia.page.contains("cannot be turned off")
    );
    let on = [("always_require", "yes")];
    assert_eq!(olivia.submit_marked("/mfa/security", "value=\"always-require\"", &on).await, 303);
    olivia.follow().await;
    assert!(!olivia.page.contains("Remove Authenticator App"), "it is a must now");
    assert_eq!(olivia.submit_marked("/mfa/security", "value=\"always-require\"", &[]).await, 303);
    olivia.follow().await;
    assert!(olivia.page.contains("Remove Authenticator App"));
    let (mut marcus, _) = site.enrolled("marcus@enforced.example").await;
    marcus.get("/mfa/security").await;
    assert!(marcus.page.contains("cannot be turned off") && marcus.page.contains("disabled"));
    assert!(marcus.page.contains("Authenticator app added"), "recent events");
}

#[tokio::test]
async fn the_switch_is_locked_on_under_a_mandate_and_closed_where_mfa_is_not_available() {
    let site = TestSite::new();
    let (mut olivia, _) = site.enrolled("olivia@pilot.example").await;
    let on = [("always_require", "yes")];
    olivia.get("/mfa/security").await;
    olivia.submit_marked("/mfa/security", "value=\"always-require\"", &on).await;
    site.host.store.keep_organization(&OrganizationSettings::new("pilot.example").required(), true).unwrap();
    olivia.get("/mfa/security").await;
    let switch = between(&olivia.page, "id=\"always_require\"", ">");
    assert!(switch.contains("checked") && switch.contains("disabled"), "{switch}");
    assert_eq!(olivia.submit_marked("/mfa/security", "value=\"always-require\"", &[]).await, 403);
    assert!(site.host.store.always_requires("olivia@pilot.example").unwrap());
    // Where no set-up is on offer, a form made by hand makes none.
    let mut casey = site.password("casey@commercial.example").await;
    let csrf = between(&casey.page, "name=\"csrf\" value=\"", "\"").to_owned();
    let form = [("csrf", csrf.as_str()), ("change", "always-require"), ("always_require", "yes")];
    assert_eq!(casey.post("/mfa/security", &form).await, 403);
    assert_eq!((casey.get("/").await, casey.title()), (200, "Home"));
}

#[tokio::test]
async fn olivia_removes_what_she_set_up_and_may_skip_again() {
    let site = TestSite::new();
    let (mut olivia, _) = site.enrolled("olivia@pilot.example").await;
    olivia.get("/mfa/security").await;
    assert_eq!(olivia.submit_marked("/mfa/security", "value=\"remove.", &[]).await, 303);
    olivia.follow().await;
    assert!(olivia.page.contains("Add Authenticator App"));
    let mut again = site.password("olivia@pilot.example").await;
    assert!(again.page.contains("Skip for Now"));
    again.submit("/mfa/skip", &[]).await;
    again.follow().await;
    assert_eq!(again.title(), "Home");
    // And from there sets it up anew, by the password she has just given.
    again.get("/mfa/security").await;
    assert_eq!(again.submit_marked("/mfa/security", "value=\"change-app\"", &[]).await, 303);
    again.follow().await;
    assert_eq!(again.title(), "Secure Your Account");
    site.enroll(&mut again).await;
    assert_eq!(again.title(), "Password &#38; Security");
}

#[tokio::test]
async fn c8_signing_in_as_another_in_the_same_browser_is_challenged() {
    let site = TestSite::new();
    let (mut browser, _) = site.enrolled("marcus@enforced.example").await;
    drop(site.enrolled("ada@enforced.example").await);
    let before = browser.clone();
    let fields = [("csrf", TOKEN), ("email", "ada@enforced.example"), ("password", PASSWORD)];
    browser.post(SIGN_IN, &fields).await;
    browser.follow().await;
    assert_eq!(browser.title(), "Two-Factor Authentication");
    let mut old = before;
    assert_eq!((old.get("/").await, old.at.as_str()), (303, SIGN_IN), "the session before has ended");
}

#[tokio::test]
async fn t3_a_vanished_record_is_503_and_never_a_set_up() {
    let site = TestSite::new();
    let (mut marcus, _) = site.enrolled("marcus@enforced.example").await;
    let about = site.host.about(Account::find("marcus@enforced.example").unwrap()).unwrap();
    let there = site.storage.load(about.key()).await.unwrap().unwrap();
    // Erased behind the library's back, and its tombstone swept: gone without a trace.
    let write = Write {
        sealed: there.sealed,
        summary: there.summary,
        stream: mfa::Pseudonym::from_bytes([1; 16]),
        events: Vec::new(),
    };
    let gone = site.storage.erase(about.key(), Expected::At(there.version), write).await.unwrap();
    assert!(matches!(gone, mfa::storage::CommitOutcome::Committed { .. }));
    site.storage.prune(mfa::UnixSeconds::new(9_000_000_000)).await.unwrap();
    assert_eq!(marcus.get("/").await, 503);
    let mut browser = site.browser();
    let fields = [("csrf", TOKEN), ("email", "marcus@enforced.example"), ("password", PASSWORD)];
    assert_eq!(browser.post(SIGN_IN, &fields).await, 503);
    for path in ["/", "/mfa/required", "/mfa/security"] {
        let status = browser.get(path).await;
        assert!(status == 303 || status == 503, "{path}: {status}");
        assert!(!browser.page.contains("Set Up Now"));
    }
    // An administrator still sees the others.
    let (mut ada, _) = site.enrolled("ada@enforced.example").await;
    assert_eq!(ada.get("/company-security").await, 200);
    assert!(ada.page.contains("Cannot be told"));
}

#[tokio::test]
async fn sam_signs_in_again_where_others_give_their_password() {
    let site = TestSite::new();
    let mut sam = site.browser();
    sam.post("/sso", &[("csrf", TOKEN), ("amr", "pwd")]).await;
    sam.follow().await;
    assert_eq!(sam.title(), "Two-Factor Authentication Required");
    site.enroll(&mut sam).await;
    site.wait(600);
    sam.get("/mfa/security").await;
    sam.submit_marked("/mfa/security", "value=\"change-app\"", &[]).await;
    sam.follow().await;
    assert_eq!(sam.title(), "Verify Your Identity");
    assert!(sam.page.contains("Sign in again to go on") && !sam.page.contains("name=\"password\""));
}

#[tokio::test]
async fn e8_a_clock_that_stands_or_jumps_breaks_nothing() {
    let site = TestSite::new();
    let (_, app) = site.enrolled("marcus@enforced.example").await;
    // It stands: one code is one sign-in.
    let mut browser = site.password("marcus@enforced.example").await;
    assert_eq!(browser.submit("/mfa/challenge", &[("code", &site.code(&app))]).await, 303);
    let mut again = site.password("marcus@enforced.example").await;
    assert_eq!(again.submit("/mfa/challenge", &[("code", &site.code(&app))]).await, 422);
    // It jumps a month ahead: sessions and pages from before are over.
    site.wait(30 * 24 * 3_600);
    assert_eq!(browser.get("/").await, 303);
    assert_eq!(again.submit("/mfa/challenge", &[("code", &site.code(&app))]).await, 303);
    // And back: no code of before lives again.
    let late = site.signed_in("marcus@enforced.example", &app).await;
    site.clock.set(1_800_000_600);
    let mut browser = site.password("marcus@enforced.example").await;
    assert_eq!(browser.submit("/mfa/challenge", &[("code", &site.code(&app))]).await, 422);
    assert!(browser.alert().contains("already used"), "{}", browser.alert());
    drop(late);
}

#[tokio::test]
async fn b10_e14_the_owner_finds_what_was_tried_on_their_account() {
    let site = TestSite::new();
    let (mut marcus, app) = site.enrolled("marcus@enforced.example").await;
    let mut thief = site.password("marcus@enforced.example").await;
    for _ in 0..3 {
        assert_eq!(thief.submit("/mfa/challenge", &[("code", &site.wrong(&app))]).await, 422);
    }
    assert_eq!(thief.submit("/mfa/challenge", &[("code", &site.wrong(&app))]).await, 429);
    assert!(thief.alert().contains("too many"));
    site.wait(600);
    site.host.keep_up().await.unwrap();
    marcus.get("/mfa/security").await;
    for told in ["Wrong code", "further attempts delayed", "that was not finished"] {
        assert!(marcus.page.contains(told), "{told}");
    }
    assert_eq!(between(&marcus.page, "<h1>", "</h1>"), "Password &#38; Security");
}
