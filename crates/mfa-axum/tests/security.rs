//! What people do once they are in: prove it again, change what they enrolled, confirm payments.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on must stop"
)]

mod common;

use common::{Browser, Site, is_status};
use mfa::policy::Policy;
use mfa::testing::TestAuthenticator;

const PAY: &str = include_str!("../../../policies/construction-pay.toml");
const MARCUS: &str = "marcus@enforced.example";
const OLIVIA: &str = "olivia@pilot.example";

/// Somebody who is in, with a sign-in that is ten minutes old, on "Password & Security".
async fn settled(site: &Site, account: &str) -> (Browser, TestAuthenticator, String) {
    let (mut browser, app, recovery_code) = site.enrolled(account).await;
    site.wait(600);
    assert_eq!(browser.get("/mfa/security").await.title(), "Password &#38; Security");
    (browser, app, recovery_code)
}

fn code(site: &Site, app: &TestAuthenticator) -> String {
    app.code_at(site.clock.reading())
}

#[tokio::test]
async fn an_app_is_changed_on_fresh_proof_of_both_factors() {
    let site = Site::new();
    let (mut browser, app, _) = settled(&site, OLIVIA).await;
    assert!(browser.page.contains("Change Authenticator App") && browser.page.contains("New Recovery Code"));
    is_status(&browser.change("change-app", &[]).await, 303);
    let page = browser.follow().await;
    assert_eq!(page.title(), "Verify Your Identity");
    assert!(page.body.contains("name=\"password\"") && page.body.contains("name=\"code\""));
    let before = browser.cookie.clone();
    let answer = browser.submit("/mfa/verify", &[("password", "guess"), ("code", &code(&site, &app))]).await;
    is_status(&answer, 422);
    assert_eq!(answer.alert(), "Wrong password.");
    let answer =
        browser.submit("/mfa/verify", &[("password", "right"), ("code", &site.wrong_code(&app))]).await;
    is_status(&answer, 422);
    assert!(answer.alert().contains("wrong or expired code") && !answer.body.contains("name=\"password\""));
    is_status(&browser.submit("/mfa/verify", &[("code", &code(&site, &app))]).await, 303);
    assert_ne!(browser.cookie, before, "more is proved: another session id");
    let page = browser.follow().await;
    assert_eq!(page.title(), "Secure Your Account");
    let new = browser.scan();
    site.wait(30);
    // Home is still there, and the old app still works.
    assert_eq!(browser.clone().get("/").await.title(), "Home");
    let mut elsewhere = site.signed_in(OLIVIA).await;
    is_status(&elsewhere.submit("/mfa/challenge", &[("code", &code(&site, &app))]).await, 303);
    is_status(&browser.submit("/mfa/app", &[("code", &code(&site, &new))]).await, 303);
    assert_eq!(browser.follow().await.title(), "Save Your Recovery Code");
    is_status(&browser.submit("/mfa/recovery-code", &[]).await, 422);
    is_status(&browser.submit("/mfa/recovery-code", &[("saved", "yes")]).await, 303);
    assert_eq!(browser.follow().await.title(), "Password &#38; Security");
    assert!(browser.page.contains("Authenticator app changed"), "recent events");
    // The session from elsewhere is over; the old app is dead, the new one works.
    is_status(&elsewhere.get("/").await, 303);
    assert_eq!(elsewhere.location, "/sign-in");
    site.wait(30);
    let mut browser = site.signed_in(OLIVIA).await;
    is_status(&browser.submit("/mfa/challenge", &[("code", &code(&site, &app))]).await, 422);
    is_status(&browser.submit("/mfa/challenge", &[("code", &code(&site, &new))]).await, 303);
}

#[tokio::test]
async fn d6_an_app_is_removed_where_policy_allows_and_a_fresh_sign_in_is_proof_enough() {
    let site = Site::new();
    let (mut browser, _, _) = site.enrolled(OLIVIA).await;
    browser.get("/mfa/security").await;
    is_status(&browser.change("remove.", &[]).await, 303);
    let page = browser.follow().await;
    assert_eq!(page.title(), "Password &#38; Security");
    assert!(page.body.contains("Add Authenticator App") && !page.body.contains("New Recovery Code"));
    // Under a mandate there is no button, and a form made by hand is refused.
    let (mut browser, _, _) = site.enrolled(MARCUS).await;
    browser.get("/mfa/security").await;
    assert!(!browser.page.contains("Remove Authenticator App"));
    assert!(browser.page.contains("disabled") && browser.page.contains("cannot be turned off"));
    let app = site.mfa.overview(&about(MARCUS)).await.unwrap().authenticators[0].id;
    let hex: String = app.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let csrf = browser.hidden()[0].1.clone();
    let fields = [("csrf", csrf.as_str()), ("change", &format!("remove.{hex}"))];
    is_status(&browser.post("/mfa/security", &fields).await, 403);
}

fn about(account: &str) -> mfa::Context {
    let subject =
        mfa::Subject::new(mfa::SubjectId::new(account).unwrap(), account, common::attributes(account));
    mfa::Context::about(mfa::Realm::new("main", "Harbor & Sons").unwrap(), subject)
}

#[tokio::test]
async fn a_new_recovery_code_is_saved_like_the_first() {
    let site = Site::new();
    let (mut browser, app, old) = settled(&site, MARCUS).await;
    is_status(&browser.change("new-recovery-code", &[]).await, 303);
    browser.follow().await;
    let typed = [("password", "right"), ("code", &*code(&site, &app))];
    is_status(&browser.submit("/mfa/verify", &typed).await, 303);
    let page = browser.follow().await;
    assert_eq!(page.title(), "Save Your Recovery Code");
    let new = browser.element("recovery-code");
    assert_ne!(new, old);
    let file = browser.clone().submit("/mfa/new-recovery-code", &[]).await;
    is_status(&file, 422);
    let mut copy = browser.clone();
    let fields: Vec<_> = copy.hidden().into_iter().collect();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = copy.post("/mfa/new-recovery-code/download", &fields).await;
    assert_eq!(answer.body, format!("{new}\n"));
    assert!(copy.post("/mfa/new-recovery-code/copy", &fields).await.body.contains("<textarea"));
    is_status(&browser.submit("/mfa/new-recovery-code", &[("saved", "yes")]).await, 303);
    assert_eq!(browser.follow().await.title(), "Password &#38; Security");
    // Back, and once more: over.
    is_status(&browser.post("/mfa/new-recovery-code", &[fields[0], fields[1], ("saved", "yes")]).await, 410);
    assert_eq!(browser.get("/").await.title(), "Home");
}

#[tokio::test]
async fn a_person_without_a_password_here_signs_in_again() {
    let site = Site::new();
    let (mut browser, _, _) = settled(&site, MARCUS).await;
    site.host.has_password.store(false, std::sync::atomic::Ordering::Relaxed);
    let csrf = browser.hidden()[0].1.clone();
    browser.change("change-app", &[]).await;
    let page = browser.follow().await;
    assert!(page.text().contains("Sign in again to go on") && !page.body.contains("name=\"password\""));
    // A password sent all the same is not looked at.
    let fields = [("csrf", csrf.as_str()), ("ticket", ""), ("errand", "change-app"), ("password", "right")];
    is_status(&browser.post("/mfa/verify", &fields).await, 200);
}

#[tokio::test]
async fn where_nothing_is_available_nothing_is_on_offer() {
    let site = Site::new();
    let mut browser = site.signed_in("casey@commercial.example").await;
    let page = browser.get("/mfa/security").await;
    is_status(&page, 200);
    assert!(!page.body.contains("<form") && page.text().contains("not available for your account yet"));
}

#[tokio::test]
async fn the_wish_to_be_asked_always_is_kept_on_fresh_proof() {
    let site = Site::new();
    let (mut browser, app, _) = settled(&site, OLIVIA).await;
    is_status(&browser.change("always-require", &[("always_require", "yes")]).await, 303);
    assert_eq!(browser.follow().await.title(), "Verify Your Identity");
    assert!(!site.host.always_require.load(std::sync::atomic::Ordering::Relaxed));
    let typed = [("password", "right"), ("code", &*code(&site, &app))];
    is_status(&browser.submit("/mfa/verify", &typed).await, 303);
    browser.follow().await;
    assert!(site.host.always_require.load(std::sync::atomic::Ordering::Relaxed));
    is_status(&browser.change("always-require", &[]).await, 303);
    browser.follow().await;
    assert!(!site.host.always_require.load(std::sync::atomic::Ordering::Relaxed));
}

#[tokio::test]
async fn c21_a_guarded_page_comes_back_after_the_proof() {
    let site = Site::new();
    let (mut browser, app, _) = settled(&site, MARCUS).await;
    is_status(&browser.get("/export?year=2026").await, 303);
    let page = browser.follow().await;
    assert_eq!(page.title(), "Verify Your Identity");
    assert!(!page.body.contains("name=\"password\""), "a step-up takes the second factor alone");
    is_status(&browser.submit("/mfa/verify", &[("code", &code(&site, &app))]).await, 303);
    assert_eq!(browser.location, "/export?year=2026");
    assert_eq!(browser.follow().await.title(), "Export");
    // What stepped up does not manage.
    browser.get("/mfa/security").await;
    browser.change("change-app", &[]).await;
    assert_eq!(browser.follow().await.title(), "Verify Your Identity");
    // And the form leads nowhere else than the session says.
    let mut forged = browser.clone();
    let errand = "go.3.Ly9ldmlsLmV4YW1wbGU";
    let csrf = forged.hidden()[0].1.clone();
    let fields = [("csrf", csrf.as_str()), ("ticket", ""), ("errand", errand), ("password", "right")];
    is_status(&forged.post("/mfa/verify", &fields).await, 422);
    let fields = [("csrf", csrf.as_str()), ("ticket", ""), ("errand", "go.3.L2hvbWU"), ("password", "right")];
    is_status(&forged.post("/mfa/verify", &fields).await, 410);
}

#[tokio::test]
async fn a_hosts_errand_is_run_with_proof_of_its_purpose_and_of_no_other() {
    let site = Site::new();
    let (mut browser, app, _) = settled(&site, MARCUS).await;
    is_status(&browser.get("/errand/reset%20ada").await, 303);
    browser.follow().await;
    // The purpose is the session's word: a form that asks for less is over.
    let mut forged = browser.clone();
    let csrf = forged.hidden()[0].1.clone();
    let fields = [("csrf", csrf.as_str()), ("ticket", ""), ("errand", "host.3.cmVzZXQgYWRh"), ("code", "1")];
    is_status(&forged.post("/mfa/verify", &fields).await, 410);
    // And a ticket of a step-up proves no more in the form of something else.
    let mut other = browser.clone();
    is_status(&other.get("/export").await, 303);
    other.follow().await;
    let ticket = other.hidden()[1].1.clone();
    let fields = [
        ("csrf", csrf.as_str()),
        ("ticket", ticket.as_str()),
        ("errand", "change-app"),
        ("code", &*code(&site, &app)),
    ];
    is_status(&other.post("/mfa/verify", &fields).await, 410);
    assert!(site.host.done.lock().unwrap().is_empty());
    site.wait(30);
    browser.get("/errand/reset%20ada").await;
    browser.follow().await;
    let typed = [("password", "right"), ("code", &*code(&site, &app))];
    is_status(&browser.submit("/mfa/verify", &typed).await, 303);
    assert_eq!(browser.location, "/done");
    assert_eq!(*site.host.done.lock().unwrap(), ["reset ada manage"]);
    // Fresh by now: the next one is run at once.
    is_status(&browser.get("/errand/again").await, 303);
    assert_eq!(site.host.done.lock().unwrap()[1], "again manage");
    // What the host passes on of the library's refusals is one, and no failure.
    is_status(&browser.get("/errand/forbidden").await, 403);
}

#[tokio::test]
async fn t12_a_payment_is_confirmed_as_it_is_shown_and_carried_out_once() {
    let site = Site::new();
    let (mut browser, app, _) = settled(&site, MARCUS).await;
    is_status(&browser.get("/pay/p-1").await, 303);
    let page = browser.follow().await;
    assert_eq!(page.title(), "Verify Your Identity");
    assert!(page.text().contains("1250.00 USD") && page.body.contains("Acme &#60;Concrete&#62;"));
    assert!(page.body.contains(">Confirm</button>"));
    is_status(&browser.submit("/mfa/verify", &[("code", &site.wrong_code(&app))]).await, 422);
    assert!(browser.page.contains("1250.00"), "still shown");
    let double = browser.clone();
    is_status(&browser.submit("/mfa/verify", &[("code", &code(&site, &app))]).await, 303);
    assert_eq!(browser.location, "/done");
    // The same form again, from before its cookie changed and after.
    let mut again = double.clone();
    is_status(&again.submit("/mfa/verify", &[("code", &code(&site, &app))]).await, 303);
    assert_eq!(again.location, "/sign-in", "the old session id is dead");
    again = double;
    again.cookie = browser.cookie.clone();
    is_status(&again.submit("/mfa/verify", &[("code", &code(&site, &app))]).await, 422);
    site.wait(30);
    is_status(&again.submit("/mfa/verify", &[("code", &code(&site, &app))]).await, 303);
    assert_eq!(*site.host.done.lock().unwrap(), ["p-1"], "paid once");
}

#[tokio::test]
async fn ten_wrong_codes_for_payments_end_the_session() {
    let site = Site::new();
    let (mut browser, app, _) = settled(&site, MARCUS).await;
    for number in 1..=10 {
        site.wait(900);
        browser.get("/pay/p-1").await;
        browser.follow().await;
        let answer = browser.submit("/mfa/verify", &[("code", &site.wrong_code(&app))]).await;
        is_status(&answer, if number < 10 { 422 } else { 410 });
        assert!(number < 10 || answer.alert().contains("start again"));
    }
    for path in ["/", "/mfa/security", "/pay/p-2"] {
        is_status(&browser.get(path).await, 303);
        assert_eq!(browser.location, "/sign-in", "{path}");
    }
}

#[tokio::test]
async fn a_throttled_payment_says_too_many() {
    let site = Site::new();
    let (mut browser, app, _) = settled(&site, MARCUS).await;
    browser.get("/pay/p-1").await;
    browser.follow().await;
    for _ in 0..3 {
        is_status(&browser.submit("/mfa/verify", &[("code", &site.wrong_code(&app))]).await, 422);
    }
    let answer = browser.submit("/mfa/verify", &[("code", &code(&site, &app))]).await;
    is_status(&answer, 429);
    assert!(answer.alert().contains("too many"));
    let answer = browser.get("/pay/p-2").await;
    is_status(&answer, 429);
    assert!(answer.alert().contains("too many"));
    browser.get("/mfa/security").await;
    browser.change("change-app", &[]).await;
    let page = browser.follow().await;
    assert!(page.title() == "Verify Your Identity", "{}", page.body);
}

#[tokio::test]
async fn who_is_recovering_sees_what_is_for_them_and_nothing_else() {
    let site = Site::new();
    let (_, _, recovery_code) = site.enrolled(MARCUS).await;
    let mut browser = site.signed_in(MARCUS).await;
    is_status(&browser.get("/help").await, 303);
    browser.get("/mfa/recover").await;
    is_status(&browser.submit("/mfa/recover", &[("recovery_code", &recovery_code)]).await, 303);
    assert_eq!(browser.get("/help").await.title(), "Help With Recovery");
    for path in ["/", "/mfa/security", "/mfa/verify", "/export", "/pay/p-1"] {
        is_status(&browser.get(path).await, 303);
        assert_eq!(browser.location, "/mfa/method", "{path}");
    }
}

#[tokio::test]
async fn a_device_is_remembered_where_policy_says_so_and_forgotten_on_request() {
    let site = Site::new();
    let remembering = PAY.replace(
        "trust_sso = [\"https://idp.sso.example\"]\n\n# Whoever wishes",
        "trust_sso = [\"https://idp.sso.example\"]\nremember_device = \"7d\"\n\n# Whoever wishes",
    );
    assert_ne!(remembering, PAY);
    let (_, app, _) = site.enrolled(MARCUS).await;
    let browser = site.signed_in(MARCUS).await;
    assert!(!browser.page.contains("name=\"remember\""), "off unless policy says so");
    site.mfa.replace_policy(Policy::from_toml(&remembering).unwrap()).await.unwrap();
    let mut browser = site.signed_in(MARCUS).await;
    assert!(browser.page.contains("Remember this device for 7 days"));
    is_status(&browser.submit("/mfa/challenge", &[("code", &site.wrong_code(&app))]).await, 422);
    assert!(browser.page.contains("name=\"remember\""));
    let typed = [("code", &*code(&site, &app)), ("remember", "yes")];
    is_status(&browser.submit("/mfa/challenge", &typed).await, 303);
    let mut again = site.signed_in(MARCUS).await;
    assert_eq!(again.title(), "Home");
    assert_eq!(again.element("amr"), "pwd");
    browser.get("/mfa/security").await;
    assert!(browser.page.contains("Remembered on January 15, 2027."));
    is_status(&browser.change("forget-devices", &[]).await, 303);
    assert!(browser.follow().await.text().contains("No device is remembered."));
    assert_eq!(again.get("/").await.status, 303, "and what it stood in for is asked for");
    assert_eq!(site.signed_in(MARCUS).await.title(), "Two-Factor Authentication");
}

#[tokio::test]
async fn a_code_that_was_handed_over_is_wanted_after_a_reset_where_policy_says_so() {
    let site = Site::new();
    let code = site.reset_with_a_code(MARCUS).await;
    let mut browser = site.signed_in(MARCUS).await;
    assert_eq!(browser.title(), "Enter Your Set-Up Code");
    is_status(&browser.get("/mfa/method").await, 303);
    browser.follow().await;
    is_status(&browser.submit("/mfa/binding-code", &[("binding_code", "nonsense")]).await, 422);
    let typed = format!("{}\n", code.to_lowercase());
    is_status(&browser.submit("/mfa/binding-code", &[("binding_code", &typed)]).await, 303);
    assert_eq!(browser.follow().await.title(), "Two-Factor Authentication Required");
    browser.submit("/mfa/required", &[]).await;
    browser.follow().await;
    browser.submit("/mfa/method", &[("method", "app")]).await;
    assert_eq!(browser.follow().await.title(), "Secure Your Account");
}

#[tokio::test]
async fn d17_changes_are_forged_by_nobody() {
    let site = Site::new();
    let (mut browser, _, _) = site.enrolled(OLIVIA).await;
    browser.get("/mfa/security").await;
    let csrf = browser.hidden()[0].1.clone();
    for change in ["change-app", "new-recovery-code", "forget-devices", "always-require"] {
        is_status(&browser.post("/mfa/security", &[("change", change)]).await, 403);
        is_status(&browser.post("/mfa/security", &[("csrf", "x"), ("change", change)]).await, 403);
        let mut cross = browser.clone();
        cross.headers.push(("origin", "https://evil.example"));
        is_status(&cross.post("/mfa/security", &[("csrf", &csrf), ("change", change)]).await, 403);
    }
    for change in ["", "remove.zz", "host.2.YQ", "go.2.Lw", "nonsense"] {
        is_status(&browser.post("/mfa/security", &[("csrf", &csrf), ("change", change)]).await, 422);
    }
    assert!(site.host.done.lock().unwrap().is_empty());
}
