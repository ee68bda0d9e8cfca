//! Two processes on one database are one site: sessions, enrollments, settings and used codes are everybody's.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on must stop"
)]

#[allow(dead_code, reason = "what was answered is not kept for here")]
mod client;
#[path = "../browser/servers.rs"]
#[allow(dead_code, reason = "the browser is not used here")]
mod servers;

use std::sync::Arc;
use std::time::Duration;

use client::{Client, between};
use mfa::testing::TestAuthenticator;
use mfa::{Clock, SystemClock, UnixSeconds};
use servers::Site;

const MARCUS: &str = "marcus@enforced.example";
const ADA: &str = "ada@enforced.example";
const COMPANY: &str = "/company-security";

#[test]
fn what_one_process_does_holds_for_the_other_at_once() {
    let a = Site::start();
    let b = Site::start_in(Arc::clone(&a.folder));
    assert_eq!(a.password, b.password);

    // Signs in at one, goes on at the other, comes back.
    let mut marcus = Client::default();
    marcus.sign_in(&a, MARCUS);
    let (phone, code) = enroll(&mut marcus, [&b, &a, &b, &a]);
    for site in [&a, &b] {
        assert_eq!(marcus.get(site, "/"), 200);
        assert_eq!(marcus.element("amr"), "pwd otp mfa");
    }

    // A code that one has accepted is used up at the other.
    let mut elsewhere = Client::default();
    elsewhere.sign_in(&a, MARCUS);
    assert_eq!(elsewhere.submit(&a, "/mfa/challenge", &[("code", &code)]), 422);
    assert!(elsewhere.page.contains("already used"), "{}", elsewhere.page);
    let next = phone.code_at(now().plus(Duration::from_secs(30)));
    assert_eq!(elsewhere.submit(&b, "/mfa/challenge", &[("code", &next)]), 200);
    assert_eq!(elsewhere.title(), "Home");
    let replayed = elsewhere.posted.clone();
    let mut replay = Client::default();
    replay.sign_in(&a, MARCUS);
    assert_eq!(replay.submit(&a, "/mfa/challenge", &[("code", &next)]), 422);
    assert_eq!(elsewhere.post(&a, "/mfa/challenge", &replayed), 410, "the old page is over");

    // What an administrator saves at one, the other goes by.
    let mut ada = Client::default();
    ada.sign_in(&b, ADA);
    enroll(&mut ada, [&a, &b, &a, &b]);
    ada.get(&a, COMPANY);
    let typed = [("require", "yes"), ("enforce_from", "2026-01-01"), ("reauthenticate_after", "7d")];
    assert_eq!(ada.submit(&a, COMPANY, &typed), 200);
    assert!(ada.page.contains("were saved"));
    ada.get(&b, COMPANY);
    assert!(ada.page.contains("value=\"2026-01-01\"") && ada.page.contains("value=\"7d\" selected"));

    // A reset at one ends the member's sessions at the other with the next request.
    assert_eq!(marcus.get(&a, "/"), 200);
    let (mark, typed) = ("value=\"marcus@enforced.example\"", [("verified", "yes")]);
    assert_eq!(ada.submit_marked(&b, "/company-security/reset", mark, &typed), 200);
    assert!(
        ada.page.contains("Two-factor authentication of marcus@enforced.example was reset"),
        "{}",
        ada.page
    );
    for client in [&mut marcus, &mut elsewhere] {
        client.get(&a, "/");
        assert_eq!(client.title(), "Sign In");
    }
    marcus.sign_in(&a, MARCUS);
    assert_eq!(marcus.title(), "Two-Factor Authentication Required");

    // Both have read the events of both, each once.
    ada.get(&a, "/mfa/security");
    let seen = between(&ada.page, "class=\"events\"", "</ul>").to_owned();
    assert_eq!(seen.matches("Authenticator app added").count(), 1, "{seen}");
    ada.get(&b, "/mfa/security");
    assert_eq!(between(&ada.page, "class=\"events\"", "</ul>"), seen);
}

/// Sets up an app, each step at another process; answers the phone and the code that it showed.
fn enroll(client: &mut Client, sites: [&Site; 4]) -> (TestAuthenticator, String) {
    client.submit(sites[0], "/mfa/required", &[]);
    client.submit(sites[1], "/mfa/method", &[("method", "app")]);
    let phone = TestAuthenticator::from_manual_key(client.element("manual-key")).unwrap();
    let code = phone.code_at(now());
    assert_eq!(client.submit(sites[2], "/mfa/app", &[("code", &code)]), 200);
    client.submit(sites[3], "/mfa/recovery-code", &[("saved", "yes")]);
    assert_eq!(client.title(), "Home");
    (phone, code)
}

fn now() -> UnixSeconds {
    SystemClock.now().unwrap()
}
