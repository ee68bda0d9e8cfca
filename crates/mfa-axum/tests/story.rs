//! What people go through in a browser without script, from the password to home.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must stop")]

mod common;

use common::{Site, is_status};
use mfa_axum::{Catalogue, ChallengePage, Host as _, Pages, PagesBuilder, PagesError, Rendered, Templates};

#[tokio::test]
async fn a_member_sets_up_the_app_and_signs_in_with_it() {
    let site = Site::new();
    let mut browser = site.signed_in("olivia@pilot.example").await;
    assert_eq!(browser.title(), "Two-Factor Authentication Required");
    assert!(browser.page.contains("Skip for Now") && browser.page.contains("February 14, 2027"));

    is_status(&browser.submit("/mfa/required", &[]).await, 303);
    let page = browser.follow().await;
    assert_eq!(page.title(), "Select an Authentication Method");
    assert!(page.body.contains("Authenticator App") && page.body.contains("SMS Verification"));

    is_status(&browser.submit("/mfa/method", &[("method", "app")]).await, 303);
    let page = browser.follow().await;
    assert_eq!(page.title(), "Secure Your Account");
    assert!(page.body.contains("alt=\"QR code\" src=\"data:image/svg+xml;base64,"));
    assert!(page.body.contains("<summary>Trouble Scanning</summary>") && page.text().contains("automatic"));
    let app = browser.scan();

    // Typed as apps show it.
    let code = app.code_at(site.clock.reading());
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    is_status(&browser.submit("/mfa/app", &[("code", &spaced)]).await, 303);
    let page = browser.follow().await;
    assert_eq!(page.title(), "Save Your Recovery Code");
    let recovery_code = browser.element("recovery-code");

    let page = browser.submit("/mfa/recovery-code", &[]).await;
    is_status(&page, 422);
    assert!(page.body.contains(&recovery_code) && page.alert().contains("tick the box"));
    assert!(!site.host.is_remembered_as_enrolled("olivia@pilot.example"));

    is_status(&browser.submit("/mfa/recovery-code", &[("saved", "yes")]).await, 303);
    let page = browser.follow().await;
    assert_eq!(page.title(), "Home");
    assert!(page.text().contains("pwd otp mfa"));
    assert!(site.host.is_remembered_as_enrolled("olivia@pilot.example"));

    site.wait(30);
    let mut browser = site.signed_in("olivia@pilot.example").await;
    assert_eq!(browser.title(), "Two-Factor Authentication");
    assert!(browser.page.contains("Use a recovery code") && !browser.page.contains("Try another way"));
    let code = app.code_at(site.clock.reading());
    is_status(&browser.submit("/mfa/challenge", &[("code", &code)]).await, 303);
    assert_eq!(browser.follow().await.title(), "Home");
}

#[tokio::test]
async fn an_offer_is_skipped_until_it_is_none() {
    let site = Site::new();
    let mut browser = site.signed_in("olivia@pilot.example").await;
    is_status(&browser.submit("/mfa/skip", &[]).await, 303);
    assert!(browser.follow().await.text().contains("pwd"));
    assert!(!site.host.is_remembered_as_enrolled("olivia@pilot.example"));

    // The date comes while the offer is on the screen.
    site.wait(30 * 24 * 3_600 - 60);
    let mut browser = site.signed_in("olivia@pilot.example").await;
    assert!(browser.page.contains("Skip for Now"));
    site.wait(120);
    let page = browser.submit("/mfa/skip", &[]).await;
    is_status(&page, 403);
    assert!(page.alert().contains("mandatory") && !page.body.contains("Skip for Now"));
    is_status(&browser.submit("/mfa/required", &[]).await, 303);
    assert_eq!(browser.follow().await.title(), "Select an Authentication Method");
}

#[tokio::test]
async fn a_must_cannot_be_skipped_and_an_unavailable_one_is_not_offered() {
    let site = Site::new();
    let mut browser = site.signed_in("marcus@enforced.example").await;
    assert_eq!(browser.title(), "Two-Factor Authentication Required");
    assert!(!browser.page.contains("Skip for Now"));
    let hidden = browser.hidden();
    let fields: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (*name, value.as_str())).collect();
    is_status(&browser.post("/mfa/skip", &fields).await, 403);
    is_status(&browser.get("/").await, 303);

    let browser = site.signed_in("casey@commercial.example").await;
    assert_eq!(browser.title(), "Home");
}

#[tokio::test]
async fn a_lost_phone_is_replaced_with_the_recovery_code() {
    let site = Site::new();
    let (_, old_app, recovery_code) = site.enrolled("marcus@enforced.example").await;
    let mut browser = site.signed_in("marcus@enforced.example").await;
    let half = browser.cookie.clone();
    assert_eq!(browser.get("/mfa/recover").await.title(), "Use a Recovery Code");
    is_status(&browser.submit("/mfa/recover", &[("recovery_code", "not one")]).await, 422);

    let typed = recovery_code.to_lowercase().replace('-', " ");
    is_status(&browser.submit("/mfa/recover", &[("recovery_code", &typed)]).await, 303);
    assert_ne!(browser.cookie, half, "c7");
    assert_eq!(browser.follow().await.title(), "Select an Authentication Method");
    is_status(&browser.get("/").await, 303);
    assert_eq!(browser.location, "/mfa/method", "never home");

    browser.follow().await;
    browser.submit("/mfa/method", &[("method", "app")]).await;
    browser.follow().await;
    let new_app = browser.scan();
    browser.submit("/mfa/app", &[("code", &new_app.code_at(site.clock.reading()))]).await;
    browser.follow().await;
    assert_ne!(browser.element("recovery-code"), recovery_code);
    browser.submit("/mfa/recovery-code", &[("saved", "yes")]).await;
    assert_eq!(browser.follow().await.title(), "Home");

    site.wait(30);
    let mut browser = site.signed_in("marcus@enforced.example").await;
    let old_code = old_app.code_at(site.clock.reading());
    is_status(&browser.submit("/mfa/challenge", &[("code", &old_code)]).await, 422);
    let new_code = new_app.code_at(site.clock.reading());
    is_status(&browser.submit("/mfa/challenge", &[("code", &new_code)]).await, 303);
}

#[tokio::test]
async fn a_recovery_that_was_left_is_all_that_a_sign_in_leads_to() {
    let site = Site::new();
    let (_, _, recovery_code) = site.enrolled("marcus@enforced.example").await;
    let mut browser = site.signed_in("marcus@enforced.example").await;
    browser.get("/mfa/recover").await;
    browser.submit("/mfa/recover", &[("recovery_code", &recovery_code)]).await;

    let mut browser = site.signed_in("marcus@enforced.example").await;
    assert_eq!(browser.title(), "Use a Recovery Code");
    assert!(!browser.page.contains("/mfa/challenge\""), "no way back to what is lost");
    is_status(&browser.submit("/mfa/recover", &[("recovery_code", &recovery_code)]).await, 303);
    assert_eq!(browser.follow().await.title(), "Select an Authentication Method");
}

#[tokio::test]
async fn the_recovery_code_can_be_copied_and_downloaded_without_script() {
    let site = Site::new();
    let (mut browser, _, code) = site.at_save_page("marcus@enforced.example").await;
    let page = browser.submit("/mfa/recovery-code/copy", &[]).await;
    is_status(&page, 200);
    assert_eq!(page.title(), "Save Your Recovery Code");
    assert!(page.body.contains(&format!("readonly autofocus>{code}</textarea>")));

    assert!(browser.page.contains("formaction=\"/mfa/recovery-code/download\""));
    let hidden = browser.hidden();
    let fields: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let file = browser.post("/mfa/recovery-code/download", &fields).await;
    is_status(&file, 200);
    assert_eq!(file.body, format!("{code}\n"));
    assert_eq!(file.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"recovery-code.txt\"");
    assert_eq!(file.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_session_whose_factor_is_old_is_asked_again() {
    let site = Site::new();
    let (mut browser, app, _) = site.enrolled("marcus@enforced.example").await;
    site.wait(13 * 3_600);
    is_status(&browser.get("/").await, 303);
    let page = browser.follow().await;
    assert_eq!(page.title(), "Two-Factor Authentication");
    browser.submit("/mfa/challenge", &[("code", &app.code_at(site.clock.reading()))]).await;
    assert_eq!(browser.follow().await.title(), "Home");
}

#[tokio::test]
async fn an_activation_ends_the_other_sessions() {
    let site = Site::new();
    let mut other = site.signed_in("olivia@pilot.example").await;
    other.submit("/mfa/skip", &[]).await;
    assert_eq!(other.follow().await.title(), "Home");
    site.enrolled("olivia@pilot.example").await;
    is_status(&other.get("/").await, 303);
    assert_eq!(other.follow().await.title(), "Sign In");
}

#[tokio::test]
async fn the_pages_speak_spanish() {
    let site = Site::new();
    let mut browser = site.browser();
    browser.headers.push(("accept-language", "es-MX,es;q=0.9,en;q=0.5"));
    browser.post("/sign-in", &[("email", "olivia@pilot.example")]).await;
    let page = browser.follow().await;
    assert_eq!(page.title(), "Se requiere la autenticación en dos pasos");
    assert!(page.body.contains("<html lang=\"es\">") && page.text().contains("14 de febrero de 2027"));
    let page = browser.post("/mfa/skip", &[]).await;
    is_status(&page, 403);
    assert!(page.alert().contains("La solicitud no procede"));
}

struct Ours;

impl Templates for Ours {
    fn challenge(&self, page: &ChallengePage<'_>) -> Rendered {
        Ok(format!("<p>ours at {}</p>", page.paths.challenge))
    }
}

#[tokio::test]
async fn a_host_brings_its_own_look_words_and_place() {
    let words = include_str!("../texts/en.toml").replace("Skip for Now", "Not Today");
    let site = Site::with(|pages| {
        pages
            .mounted_at("/account/security")
            .texts(Catalogue::builtin().with_language("en", &words).unwrap())
            .templates(Ours)
            .stylesheet("/theme.css")
    });
    let mut browser = site.signed_in("olivia@pilot.example").await;
    assert!(browser.page.contains("Not Today"));
    assert!(browser.page.contains("href=\"/theme.css\"") && browser.page.contains("Harbor &#38; Sons"));
    browser.submit("/account/security/required", &[]).await;
    browser.follow().await;
    browser.submit("/account/security/method", &[("method", "app")]).await;
    browser.follow().await;
    let app = browser.scan();
    browser.submit("/account/security/app", &[("code", &app.code_at(site.clock.reading()))]).await;
    browser.follow().await;
    browser.submit("/account/security/recovery-code", &[("saved", "on")]).await;
    assert_eq!(browser.follow().await.title(), "Home");
    let browser = site.signed_in("olivia@pilot.example").await;
    assert!(browser.page.contains("<p>ours at /account/security/challenge</p>"));
}

#[tokio::test]
async fn a_path_that_is_none_is_told_at_the_start() {
    let site = Site::new();
    let build = |change: fn(PagesBuilder) -> PagesBuilder| {
        change(Pages::builder(site.mfa.clone(), site.host.clone())).build().err()
    };
    assert_eq!(build(|p| p.mounted_at("/")), Some(PagesError::Mount));
    assert_eq!(build(|p| p.mounted_at("mfa")), Some(PagesError::Mount));
    assert_eq!(build(|p| p.mounted_at("/{id}")), Some(PagesError::Mount));
    assert_eq!(build(|p| p.mounted_at("//evil.example")), Some(PagesError::Mount));
    assert_eq!(build(|p| p.stylesheet("https://cdn.example/x.css")), Some(PagesError::Stylesheet));
    assert_eq!(build(|p| p.stylesheet("//cdn.example/x.css")), Some(PagesError::Stylesheet));
    assert_eq!(build(|p| p.mounted_at("/mfa/").stylesheet("/x.css?v=1")), None);
}

#[tokio::test]
async fn what_is_printed_for_debugging_shows_no_secret() {
    let site = Site::new();
    let (browser, _, _) = site.at_save_page("marcus@enforced.example").await;
    let flow = site.host.flow(&browser.cookie);
    assert_eq!(format!("{flow:?}"), "Confirmed(..)");
    let request = axum::http::Request::builder().header("cookie", &browser.cookie).body(()).unwrap();
    let visitor = site.host.visitor(&request.into_parts().0).await.unwrap().unwrap();
    let printed = format!("{visitor:?}");
    assert!(!printed.contains(&visitor.csrf) && !printed.contains(&visitor.session), "{printed}");
}
