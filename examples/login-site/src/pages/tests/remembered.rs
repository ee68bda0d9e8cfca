//! Browsers that are remembered, where policy says so.

use axum::http::header::SET_COOKIE;

use super::{POLICY, TestSite, ask, between};

#[tokio::test]
async fn a_remembered_browser_is_not_challenged_and_claims_no_second_factor() {
    let by = "requirement = \"by-organization\"";
    let site = TestSite::with_policy(&POLICY.replacen(by, &format!("{by}\nremember_device = \"7d\""), 1));
    let (_, app) = site.enrolled("marcus@enforced.example").await;
    let mut browser = site.password("marcus@enforced.example").await;
    let (csrf, ticket) = ["csrf", "ticket"]
        .map(|name| between(&browser.page, &format!("name=\"{name}\" value=\""), "\""))
        .into();
    let form = format!("csrf={csrf}&ticket={ticket}&remember=yes&code={}", site.code(&app));
    let cookies: Vec<_> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let (_, headers, _) = ask(&site.router, "/mfa/challenge", &cookies.join("; "), Some(form)).await;
    let sent: Vec<_> = headers.get_all(SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap()).collect();
    let device = sent.iter().find(|cookie| cookie.starts_with("site_device=")).unwrap();
    assert!(device.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=604800"), "{device}");
    let (name, value) = device.split(';').next().unwrap().split_once('=').unwrap();
    browser.cookies.clear();
    browser.cookies.insert(name.to_owned(), value.to_owned());
    browser.cookies.insert(super::FORM_COOKIE.to_owned(), super::TOKEN.to_owned());

    let sign_in = |email| [("csrf", super::TOKEN), ("email", email), ("password", super::PASSWORD)];
    browser.post("/sign-in", &sign_in("marcus@enforced.example")).await;
    browser.follow().await;
    assert_eq!((browser.title(), &*browser.element("amr")), ("Home", "pwd"));
    // Another person in this browser is challenged, and so is this one in another.
    drop(site.enrolled("abel@enforced.example").await);
    browser.post("/sign-in", &sign_in("abel@enforced.example")).await;
    browser.follow().await;
    assert_eq!(browser.title(), "Two-Factor Authentication");
    assert_eq!(site.password("marcus@enforced.example").await.title(), "Two-Factor Authentication");
}
