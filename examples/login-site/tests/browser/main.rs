//! The whole story in a real browser: Chromium drives the site, an independent scanner reads the QR code from a
//! screenshot, an independent authenticator shows the codes.
//!
//! Walked twice: on a phone's width with JavaScript off, and on a desktop's with it on. Screenshots of each page land in
//! `target/screenshots/<width>/`. Needs Debian's chromium, chromium-driver, oathtool and zbar-tools; without them the
//! test says so and fails where `CI` is set.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on must stop"
)]

mod accessibility;
mod client;
mod keyboard;
mod markup;
mod person;
#[allow(dead_code, reason = "nobody asks here what the site printed")]
mod servers;
mod tour;
mod tours;
mod translation;

use std::path::Path;

use person::{Person, Walk};
use servers::{ChromeDriver, Site, missing_tools};

#[tokio::test(flavor = "multi_thread")]
async fn on_a_phone_without_javascript() {
    tell_the_story(Walk {
        width: 390,
        height: 1500,
        javascript: false,
        language: "en",
        email: "marcus@enforced.example",
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_desktop_with_javascript() {
    tell_the_story(Walk {
        width: 1280,
        height: 1300,
        javascript: true,
        language: "en",
        email: "peyton@payee.example",
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_may_be_declined_with_its_date_in_sight() {
    let Some((site, driver)) = servers() else { return };
    let walk =
        Walk { width: 390, height: 1100, javascript: false, language: "en", email: "olivia@pilot.example" };
    let olivia = Person::sit_down(&site, &driver, walk).await;
    olivia.sign_in().await;
    olivia.expect_page("Two-Factor Authentication Required").await;
    assert!(olivia.text("main").await.contains("2031"), "the date carries its year");
    olivia.picture("12-offer").await;
    olivia.press("Skip for Now").await;
    olivia.expect_page("Home").await;
    assert_eq!(olivia.text("#amr").await, "pwd");
    olivia.leave().await;
}

async fn tell_the_story(walk: Walk) {
    let Some((site, driver)) = servers() else { return };
    let mut person = Person::sit_down(&site, &driver, walk).await;

    // Sets up: nothing else is on offer, and nothing is active before the last step.
    person.open_sign_in().await;
    person.picture("01-sign-in").await;
    person.type_into("password", "not the password").await;
    person.type_into("email", walk.email).await;
    person.press("Continue").await;
    assert!(person.text("[role=alert]").await.contains("Wrong"));
    person.picture("02-sign-in-wrong").await;
    person.sign_in().await;
    person.expect_page("Two-Factor Authentication Required").await;
    assert!(!person.has_button("Skip for Now").await);
    person.picture("03-required").await;
    person.open("/").await;
    person.expect_page("Two-Factor Authentication Required").await;
    person.press("Set Up Now").await;
    let recovery_code = set_up(&mut person, "").await;
    person.expect_page("Home").await;
    assert!(person.text("main").await.contains(walk.email));
    assert_eq!(person.text("#amr").await, "pwd otp mfa");
    person.picture("07-home").await;
    person.press("Sign Out").await;
    person.expect_page("Sign In").await;

    // Signs in with a code, after a wrong one; typed as phones show it.
    person.sign_in().await;
    person.expect_page("Two-Factor Authentication").await;
    person.picture("08-challenge").await;
    person.type_into("code", "000 000").await;
    person.press("Continue").await;
    person.expect_page("Two-Factor Authentication").await;
    assert!(person.text("[role=alert]").await.to_lowercase().contains("wrong"));
    person.picture("09-challenge-wrong").await;
    let code = person.app_code(30); // the code that confirmed is used up; the next one is accepted early
    person.type_into("code", &format!("{} {}", &code[..3], &code[3..])).await;
    person.press("Continue").await;
    person.expect_page("Home").await;
    assert_eq!(person.text("#amr").await, "pwd otp mfa");
    person.press("Sign Out").await;

    // Loses the phone: the saved code, as it stands in the downloaded file, leads into set-up and never straight home.
    person.sign_in().await;
    person.follow("Use a recovery code").await;
    person.expect_page("Use a Recovery Code").await;
    person.picture("10-recover").await;
    person.type_into("recovery_code", &recovery_code.to_lowercase()).await;
    person.press("Continue").await;
    person.expect_page("Select an Authentication Method").await;
    person.open("/").await;
    person.expect_page("Select an Authentication Method").await;
    let successor = set_up(&mut person, "renewed-").await;
    person.expect_page("Home").await;
    assert_ne!(successor, recovery_code);
    person.press("Sign Out").await;

    // The new phone signs in; the spent recovery code is worth nothing.
    person.sign_in().await;
    person.follow("Use a recovery code").await;
    person.type_into("recovery_code", &recovery_code).await;
    person.press("Continue").await;
    person.expect_page("Use a Recovery Code").await;
    person.picture("11-recover-wrong").await;
    person.sign_in().await;
    let code = person.app_code(30);
    person.type_into("code", &code).await;
    person.press("Continue").await;
    person.expect_page("Home").await;
    person.leave().await;
}

/// From the choice of a method to the box that is ticked; answers the recovery code as the downloaded file has it.
async fn set_up(person: &mut Person, prefix: &str) -> String {
    person.expect_page("Select an Authentication Method").await;
    person.picture(&format!("04-{prefix}method")).await;
    person.choose("method", "app").await;
    person.press("Continue").await;
    person.expect_page("Secure Your Account").await;
    let screenshot = person.picture(&format!("05-{prefix}app")).await;
    person.scan(&screenshot);
    assert_eq!(person.manual_key().await, person.scanned_key(), "the key for typing is the scanned one");
    let code = person.app_code(0);
    person.type_into("code", &code).await;
    person.press("Continue").await;
    person.expect_page("Save Your Recovery Code").await;
    let shown = person.text("#recovery-code").await;
    person.picture(&format!("06-{prefix}recovery-code")).await;
    person.press_here("Download").await;
    let file = person.downloaded().await;
    assert!(file.contains(&shown), "the file has the code");
    if person.walk.javascript {
        person.press_here("Copy").await;
        person.wait_for_text("Copied").await;
    } else {
        person.press("Copy").await;
        person.expect_page("Save Your Recovery Code").await;
    }
    person.press("Continue").await;
    person.expect_page("Save Your Recovery Code").await;
    assert_eq!(person.text("#recovery-code").await, shown, "shown again while the box is not ticked");
    person.tick("saved").await;
    person.press("Continue").await;
    shown
}

fn servers() -> Option<(Site, ChromeDriver)> {
    let missing = missing_tools();
    if missing.is_empty() {
        return Some((Site::start(), ChromeDriver::start()));
    }
    assert!(std::env::var_os("CI").is_none(), "missing: {missing:?}");
    eprintln!(
        "SKIPPED: the browser test needs {missing:?} (Debian: chromium chromium-driver oathtool zbar-tools)"
    );
    None
}

/// Where the screenshots go.
fn screenshots() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/screenshots"))
}
