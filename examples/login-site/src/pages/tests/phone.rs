//! Codes by text, page by page: who may have them, where they go, and what a form made by hand comes to.

use mfa::sms::{Answer, SendError};

use super::{PASSWORD, TestSite, between};

const MARCUS: &str = "marcus@enforced.example";
const PEYTON: &str = "peyton@payee.example";
const PHONE: &[(&str, &str)] = &[("country", "US"), ("phone", "(201) 555-0123")];

/// From "Two-Factor Authentication Required" to "Set Up SMS Verification".
async fn at_phone_page(site: &TestSite, email: &str) -> super::Browser {
    let mut browser = site.password(email).await;
    browser.submit("/mfa/required", &[]).await;
    browser.follow().await;
    assert_eq!(browser.title(), "Select an Authentication Method");
    assert_eq!(browser.submit("/mfa/method", &[("method", "sms")]).await, 303);
    browser.follow().await;
    assert_eq!(browser.title(), "Set Up SMS Verification");
    browser
}

/// Somebody whose phone is their one authenticator, at home; two minutes later.
async fn with_phone(site: &TestSite, email: &str) -> super::Browser {
    let mut browser = at_phone_page(site, email).await;
    assert_eq!(browser.submit("/mfa/phone", PHONE).await, 303);
    browser.follow().await;
    assert_eq!(browser.submit("/mfa/phone/code", &[("code", &site.text().0)]).await, 303);
    browser.follow().await;
    browser.submit("/mfa/recovery-code", &[("saved", "yes")]).await;
    browser.follow().await;
    assert_eq!(browser.title(), "Home");
    site.wait(120);
    browser
}

#[tokio::test]
async fn a_phone_is_set_up_and_signs_in() {
    let site = TestSite::new();
    let mut browser = at_phone_page(&site, MARCUS).await;
    let page = browser.page.clone();
    assert_eq!(page.matches("<option value=").count(), 13);
    assert!(
        page.contains("<option value=\"US\">United States (+1)") && page.contains("United Kingdom (+44)")
    );
    assert!(page.contains("agree to receive") && page.contains("Send Text Message"));
    assert!(page.contains("An authenticator app is safer"), "the risk is told");
    assert_eq!(browser.submit("/mfa/phone", PHONE).await, 303);
    browser.follow().await;
    assert_eq!(browser.title(), "Enter Verification Code");
    assert!(browser.page.contains("+•••••••••23") && !browser.page.contains("5550123"));
    let (code, number) = site.text();
    assert_eq!(number, "+12015550123");
    assert!(!browser.page.contains(&code));
    assert_eq!(browser.submit("/mfa/phone/code", &[("code", "12345")]).await, 422);
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    assert_eq!(browser.submit("/mfa/phone/code", &[("code", &spaced)]).await, 303);
    browser.follow().await;
    assert_eq!(browser.title(), "Save Your Recovery Code");
    assert_eq!(browser.submit("/mfa/recovery-code", &[("saved", "yes")]).await, 303);
    browser.follow().await;
    assert_eq!((browser.title(), browser.element("amr").as_str()), ("Home", "pwd sms mfa"));
    // The next sign-in: the text has been sent.
    site.wait(60);
    let mut again = site.password(MARCUS).await;
    assert_eq!(again.title(), "Two-Factor Authentication");
    assert!(again.page.contains("+•••••••••23") && again.page.contains("Resend New Code"));
    assert!(!again.page.contains("Try another way"), "there is none");
    assert_eq!(site.outbox.sent().len(), 2);
    assert_eq!(again.submit("/mfa/challenge", &[("code", &site.text().0)]).await, 303);
    again.follow().await;
    assert_eq!(again.element("amr"), "pwd sms mfa");
}

#[tokio::test]
async fn a13_b3_a_resend_says_when_and_replaces() {
    let site = TestSite::new();
    with_phone(&site, MARCUS).await;
    let mut browser = site.password(MARCUS).await;
    let first = site.text().0;
    assert_eq!(browser.submit("/mfa/challenge/resend", &[]).await, 429);
    assert!(browser.alert().contains("too many") && browser.alert().contains(':'), "{}", browser.alert());
    assert!(browser.page.contains("name=\"code\""), "the code that went can be typed");
    site.wait(30);
    assert_eq!(browser.submit("/mfa/challenge/resend", &[]).await, 303);
    browser.follow().await;
    assert_eq!(browser.submit("/mfa/challenge", &[("code", &first)]).await, 422);
    assert!(browser.alert().contains("wrong or expired code"));
    assert_eq!(browser.submit("/mfa/challenge", &[("code", &site.text().0)]).await, 303);
    // Signed in twice within half a minute: no second text, and the page says when.
    site.wait(60);
    let before = site.outbox.sent().len();
    let soon = site.password(MARCUS).await;
    let again = site.password(MARCUS).await;
    assert!(again.alert().contains("too many") && site.outbox.sent().len() == before + 1);
    assert_eq!(soon.title(), again.title());
}

#[tokio::test]
async fn both_methods_are_a_choice_and_no_text_goes_before_it() {
    let site = TestSite::new();
    let (mut browser, app) = site.enrolled(MARCUS).await;
    browser.get("/mfa/security").await;
    assert!(browser.page.contains("Add Phone Number"));
    assert_eq!(browser.submit_marked("/mfa/security", "value=\"change-phone\"", &[]).await, 303);
    browser.follow().await;
    assert_eq!(browser.title(), "Set Up SMS Verification");
    browser.submit("/mfa/phone", PHONE).await;
    browser.follow().await;
    browser.submit("/mfa/phone/code", &[("code", &site.text().0)]).await;
    browser.follow().await;
    browser.submit("/mfa/recovery-code", &[("saved", "yes")]).await;
    browser.follow().await;
    assert_eq!(browser.title(), "Password &#38; Security");
    for words in
        ["Change Phone Number", "Remove Phone Number", "Change Authenticator App", "Phone number added"]
    {
        assert!(browser.page.contains(words), "{words}");
    }
    site.wait(60);
    let before = site.outbox.sent().len();
    let mut browser = site.password(MARCUS).await;
    assert_eq!(browser.title(), "Two-Factor Authentication");
    for words in
        ["value=\"app\"", "value=\"sms\"", "Authenticator App", "SMS Verification", "Use a recovery code"]
    {
        assert!(browser.page.contains(words), "{words}");
    }
    assert!(!browser.page.contains("name=\"code\""));
    assert_eq!(browser.submit("/mfa/challenge/method", &[]).await, 422);
    assert_eq!(site.outbox.sent().len(), before, "no text before the choice");
    assert_eq!(browser.submit("/mfa/challenge/method", &[("method", "app")]).await, 303);
    browser.follow().await;
    assert!(browser.page.contains("name=\"code\"") && browser.page.contains("Try another way"));
    assert!(!browser.page.contains("Resend New Code"));
    browser.get("/mfa/challenge/method").await;
    assert_eq!(browser.submit("/mfa/challenge/method", &[("method", "sms")]).await, 303);
    browser.follow().await;
    assert!(browser.page.contains("Resend New Code") && site.outbox.sent().len() == before + 1);
    // Back and forth: the text that went is still good, and another one has to wait.
    browser.get("/mfa/challenge/method").await;
    assert_eq!(browser.submit("/mfa/challenge/method", &[("method", "sms")]).await, 429);
    assert!(browser.page.contains("name=\"code\""));
    assert_eq!(browser.submit("/mfa/challenge", &[("code", &site.text().0)]).await, 303);
    browser.follow().await;
    assert_eq!(browser.element("amr"), "pwd sms mfa");
    // By the app the next time.
    let mut browser = site.password(MARCUS).await;
    browser.submit("/mfa/challenge/method", &[("method", "app")]).await;
    browser.follow().await;
    assert_eq!(browser.submit("/mfa/challenge", &[("code", &site.code(&app))]).await, 303);
}

#[tokio::test]
async fn c19_e2_e4_refused_numbers_get_a_sentence_and_no_text() {
    let site = TestSite::new();
    let mut browser = at_phone_page(&site, MARCUS).await;
    for (country, phone, words) in [
        ("US", "+1 204 234 5678", "another country"),
        ("CA", "+1 204 234 5678", ""),
        ("US", "+1 876 555 1234", "another country"),
        ("JM", "876 555 1234", "number not in an allowed country"),
        ("GB", "07797 712345", "number not in an allowed country"),
        ("GB", "+44 7797 712345", "another country"),
        ("GB", "020 7946 0123", "not a mobile number"),
        ("US", "800 234 5678", "not a mobile number"),
        ("US", "900 234 5678", "not a mobile number"),
        ("US", "500 234 5678", "not a mobile number"),
        ("MX", "+52 1 55 1234 5678", "Leave out the 1"),
        ("GB", "+44 07400 123456", "Leave out the 0"),
        ("DE", "12", ""),
        ("US", "1650CALLNOW", "in digits"),
        ("US", "", ""),
        ("", "201 555 0123", "number not in an allowed country"),
    ] {
        let typed = [("country", country), ("phone", phone)];
        let status = browser.submit("/mfa/phone", &typed).await;
        if country == "CA" {
            assert_eq!(status, 303);
            browser = at_phone_page(&site, MARCUS).await;
            continue;
        }
        assert_eq!(status, 422, "{country} {phone}");
        assert!(browser.alert().contains(words), "{country} {phone}: {}", browser.alert());
        assert_eq!(browser.title(), "Set Up SMS Verification");
    }
    assert_eq!(site.outbox.sent().len(), 1);
    // A payee: the United States alone.
    let mut payee = at_phone_page(&site, PEYTON).await;
    assert_eq!(payee.page.matches("<option value=").count(), 1);
    let typed = [("country", "CA"), ("phone", "204 234 5678")];
    assert_eq!(payee.submit("/mfa/phone", &typed).await, 422);
    assert!(payee.alert().contains("number not in an allowed country"), "{}", payee.alert());
    // A payor: the method does not exist, crafted form or not.
    let mut payor = site.password("pat@payor.example").await;
    payor.submit("/mfa/required", &[]).await;
    payor.follow().await;
    assert!(
        !payor.page.contains("SMS Verification") && payor.page.contains("not available for your account")
    );
    assert_eq!(payor.submit("/mfa/method", &[("method", "sms")]).await, 403);
    let hidden =
        |page: &str, name: &str| between(page, &format!("name=\"{name}\" value=\""), "\"").to_owned();
    let (csrf, ticket) = (hidden(&payor.page, "csrf"), hidden(&payor.page, "ticket"));
    let fields = [("csrf", csrf.as_str()), ("ticket", &ticket), ("country", "US"), ("phone", "201 555 0123")];
    assert_eq!(payor.post("/mfa/phone", &fields).await, 403);
    assert_eq!(site.outbox.sent().len(), 1);
}

#[tokio::test]
async fn e10_a_provider_that_fails_is_told_and_costs_nothing() {
    let site = TestSite::new();
    let mut browser = at_phone_page(&site, MARCUS).await;
    site.outbox.fail_next(1, SendError::Transport(Answer::new("memory")));
    assert_eq!(browser.submit("/mfa/phone", PHONE).await, 503);
    assert!(browser.alert().contains("text could not be sent"), "{}", browser.alert());
    assert_eq!(browser.submit("/mfa/phone", PHONE).await, 303, "at once");
    browser.follow().await;
    browser.submit("/mfa/phone/code", &[("code", &site.text().0)]).await;
    browser.follow().await;
    browser.submit("/mfa/recovery-code", &[("saved", "yes")]).await;
    // Where nobody knows whether it went, the page says so, and the code is good.
    site.wait(60);
    site.outbox.fail_next(1, SendError::Ambiguous(Answer::new("memory")));
    let unsure = site.password(MARCUS).await;
    assert!(unsure.page.contains("could not make sure"), "{}", unsure.page);
    site.wait(60);
    site.outbox.fail_next(1, SendError::Transport(Answer::new("memory")));
    let mut again = site.password(MARCUS).await;
    assert!(again.alert().contains("text could not be sent") && again.page.contains("Resend New Code"));
    assert_eq!(again.submit("/mfa/challenge/resend", &[]).await, 303);
    again.follow().await;
    assert_eq!(again.submit("/mfa/challenge", &[("code", &site.text().0)]).await, 303);
}

#[tokio::test]
async fn a_payee_confirms_by_text_what_the_text_says() {
    let site = TestSite::new();
    let mut browser = with_phone(&site, PEYTON).await;
    browser.get("/payments").await;
    assert_eq!(browser.submit("/payments", &[("amount", "12.50"), ("payee", "Acme")]).await, 303);
    browser.follow().await;
    assert_eq!(browser.title(), "Verify Your Identity");
    let body = site.outbox.sent().last().unwrap().body().expose().to_owned();
    assert!(body.contains("12.50 USD") && body.contains("Acme"), "{body}");
    assert!(browser.page.contains("Resend New Code"));
    assert_eq!(browser.submit("/mfa/verify", &[("send", "yes")]).await, 429);
    site.wait(30);
    assert_eq!(browser.submit("/mfa/verify", &[("send", "yes")]).await, 303);
    browser.follow().await;
    assert_eq!(browser.submit("/mfa/verify", &[("code", &site.text().0)]).await, 303);
    browser.follow().await;
    assert!(browser.title() == "Payments" && browser.page.contains("Acme"));
}

#[tokio::test]
async fn d12_the_number_is_changed_on_fresh_proof_by_the_old_one() {
    let site = TestSite::new();
    let mut browser = with_phone(&site, MARCUS).await;
    site.wait(600);
    browser.get("/mfa/security").await;
    assert_eq!(browser.submit_marked("/mfa/security", "value=\"change-phone\"", &[]).await, 303);
    browser.follow().await;
    assert_eq!(browser.title(), "Verify Your Identity");
    assert!(!browser.page.contains("name=\"code\""), "nothing was sent yet");
    assert_eq!(browser.submit("/mfa/verify", &[("password", PASSWORD)]).await, 200);
    assert!(browser.page.contains("Send Text Message"));
    assert_eq!(browser.submit("/mfa/verify", &[("send", "yes")]).await, 200);
    assert_eq!(site.text().1, "+12015550123");
    assert_eq!(browser.submit("/mfa/verify", &[("code", &site.text().0)]).await, 303);
    browser.follow().await;
    assert_eq!(browser.title(), "Set Up SMS Verification");
    site.wait(60);
    browser.submit("/mfa/phone", &[("country", "US"), ("phone", "2015550199")]).await;
    browser.follow().await;
    assert_eq!(site.text().1, "+12015550199");
    browser.submit("/mfa/phone/code", &[("code", &site.text().0)]).await;
    browser.follow().await;
    browser.submit("/mfa/recovery-code", &[("saved", "yes")]).await;
    browser.follow().await;
    assert!(browser.page.contains("+•••••••••99") && browser.page.contains("Phone number changed"));
}
