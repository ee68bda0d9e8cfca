//! "Company Security Settings": who sees whom, who resets whom, and what a setting changes.

use mfa::policy::{OrganizationSettings, ReauthenticateAfter};

use super::{POLICY, TestSite, between};
use crate::accounts::ACCOUNTS;
use crate::host::SIGN_IN;

const COMPANY: &str = "/company-security";
const RESET: &str = "/company-security/reset";

#[tokio::test]
async fn d14_only_whom_policy_names_is_reset_and_nobody_by_themselves() {
    let site = TestSite::new();
    let mut people = Vec::new();
    for account in ACCOUNTS.iter().filter(|account| account.provider.is_none()) {
        if account.email == "casey@commercial.example" {
            continue;
        }
        let (browser, _) = site.enrolled(account.email).await;
        people.push((account.email, browser));
    }
    for (email, browser) in &mut people {
        let status = browser.get(COMPANY).await;
        let (sees, resets): (&[&str], &[&str]) = match *email {
            "ada@enforced.example" => (
                &[
                    "marcus@enforced.example",
                    "ada@enforced.example",
                    "abel@enforced.example",
                    "multi@enforced.example",
                ],
                &["marcus@enforced.example", "abel@enforced.example", "multi@enforced.example"],
            ),
            "abel@enforced.example" => (
                &[
                    "marcus@enforced.example",
                    "ada@enforced.example",
                    "abel@enforced.example",
                    "multi@enforced.example",
                ],
                &["marcus@enforced.example", "ada@enforced.example", "multi@enforced.example"],
            ),
            "support@payments.example" => (
                &["pat@payor.example", "peyton@payee.example", "support@payments.example"],
                &["pat@payor.example", "peyton@payee.example"],
            ),
            _ => {
                assert_eq!(status, 403, "{email}");
                continue;
            }
        };
        assert_eq!((status, browser.title()), (200, "Company Security Settings"), "{email}");
        for other in ACCOUNTS {
            let member = format!("<strong>{}</strong>", other.email);
            assert_eq!(
                browser.page.contains(&member),
                sees.contains(&other.email),
                "{email} sees {}",
                other.email
            );
            let form = format!("name=\"email\" value=\"{}\"", other.email);
            assert_eq!(
                browser.page.contains(&form),
                resets.contains(&other.email),
                "{email} resets {}",
                other.email
            );
        }
        assert_eq!(browser.page.contains("name=\"require\""), *email != "support@payments.example");
    }
    // A form made by hand resets nobody either.
    for (email, browser) in &mut people {
        browser.get("/mfa/security").await;
        let csrf = super::between(&browser.page, "name=\"csrf\" value=\"", "\"").to_owned();
        let own = *email;
        for other in [own, "sam@sso.example", "nobody@nowhere.example", ""] {
            let fields = [("csrf", csrf.as_str()), ("email", other), ("verified", "yes")];
            assert_eq!(browser.post(RESET, &fields).await, 403, "{email} resets {other}");
        }
        if !["ada@enforced.example", "abel@enforced.example"].contains(&own) {
            let fields = [("csrf", csrf.as_str()), ("require", "yes"), ("reauthenticate_after", "12h")];
            assert_eq!(browser.post(COMPANY, &fields).await, 403, "{email} sets");
        }
    }
}

#[tokio::test]
async fn a_member_who_was_reset_enrolls_again_and_their_session_is_over() {
    let site = TestSite::new();
    let (mut marcus, app) = site.enrolled("marcus@enforced.example").await;
    let (mut ada, ada_app) = site.enrolled("ada@enforced.example").await;
    ada.get(COMPANY).await;
    assert_eq!(ada.submit_marked(RESET, "value=\"marcus@enforced.example\"", &[]).await, 422);
    assert!(ada.alert().contains("tick the box"));
    // Ten minutes later it takes fresh proof, and then goes on by itself.
    site.wait(600);
    let ticked = [("verified", "yes")];
    assert_eq!(ada.submit_marked(RESET, "value=\"marcus@enforced.example\"", &ticked).await, 303);
    ada.follow().await;
    assert_eq!(ada.title(), "Verify Your Identity");
    assert_eq!(marcus.get("/").await, 200, "nothing has happened yet");
    let typed = [("password", super::PASSWORD), ("code", &*site.code(&ada_app))];
    assert_eq!(ada.submit("/mfa/verify", &typed).await, 303);
    ada.follow().await;
    assert_eq!(ada.title(), "Company Security Settings");
    assert!(ada.page.contains("Two-factor authentication of marcus@enforced.example was reset."));
    assert!(ada.page.contains("marcus@enforced.example</strong> <span class=\"state\">Not set up"));
    assert_eq!((marcus.get("/").await, marcus.at.as_str()), (303, SIGN_IN));
    // The old app is nothing any more; the password leads to a set-up, and the record is still known.
    let mut again = site.password("marcus@enforced.example").await;
    assert_eq!(again.title(), "Two-Factor Authentication Required");
    let (new, _) = site.enroll(&mut again).await;
    assert_eq!(again.title(), "Home");
    assert_ne!(site.code(&new), site.code(&app));
    // Told once, and never in an address that anybody could make.
    ada.get(COMPANY).await;
    assert!(!ada.page.contains("was reset"));
    ada.get("/company-security?reset=abel@enforced.example&saved=1").await;
    assert!(!ada.page.contains("role=\"status\""));
    // Whoever has nothing has nothing to reset.
    assert_eq!(ada.submit_marked(RESET, "value=\"abel@enforced.example\"", &ticked).await, 422);
    assert!(ada.alert().contains("nothing to reset"));
}

#[tokio::test]
async fn d18_settings_bind_members_at_their_next_request() {
    let site = TestSite::new();
    let (mut ada, _) = site.enrolled("ada@enforced.example").await;
    ada.get(COMPANY).await;
    let open = [("enforce_from", "2030-01-31"), ("require", "yes"), ("reauthenticate_after", "7d")];
    assert_eq!(ada.submit(COMPANY, &open).await, 303);
    ada.follow().await;
    assert!(ada.page.contains("The settings were saved.") && ada.page.contains("value=\"2030-01-31\""));
    assert!(ada.page.contains("value=\"7d\" selected"));
    // Before the date a member may skip, and is in.
    let mut marcus = site.password("marcus@enforced.example").await;
    assert!(marcus.page.contains("Skip for Now") && marcus.page.contains("January 31, 2030"));
    marcus.submit("/mfa/skip", &[]).await;
    marcus.follow().await;
    assert_eq!(marcus.title(), "Home");
    // At once: the session that was good is led to the set-up.
    let now = [("enforce_from", ""), ("require", "yes"), ("reauthenticate_after", "12h")];
    assert_eq!(ada.submit(COMPANY, &now).await, 303);
    assert_eq!(marcus.get("/").await, 303);
    marcus.follow().await;
    assert_eq!(marcus.title(), "Two-Factor Authentication Required");
    assert!(!marcus.page.contains("Skip for Now"));
    // What cannot be understood is refused, and stays typed.
    ada.get(COMPANY).await;
    let wrong = [("enforce_from", "31.12.2030"), ("require", "yes"), ("reauthenticate_after", "30d")];
    assert_eq!(ada.submit(COMPANY, &wrong).await, 422);
    assert!(ada.page.contains("value=\"31.12.2030\"") && ada.page.contains("value=\"30d\" selected"));
    let wrong = [("enforce_from", ""), ("reauthenticate_after", "1y")];
    assert_eq!(ada.submit(COMPANY, &wrong).await, 422);
}

#[tokio::test]
async fn an_organisation_decides_how_often_its_members_are_asked_again() {
    let site = TestSite::new();
    let settings =
        |after| OrganizationSettings::new("enforced.example").required().reauthenticated_after(after);
    let keep = |after| site.host.store.keep_organization(&settings(after), true).unwrap();
    keep(ReauthenticateAfter::ThirtyDays);
    let (mut marcus, _) = site.enrolled("marcus@enforced.example").await;
    site.wait(29 * 86_400);
    assert_eq!(marcus.get("/").await, 200, "the session lives as long as the organisation lets it");
    keep(ReauthenticateAfter::SevenDays);
    assert_eq!(marcus.get("/").await, 303);
    marcus.follow().await;
    assert_eq!(marcus.title(), "Two-Factor Authentication");
}

#[tokio::test]
async fn d14_only_an_administrator_of_the_strictest_organisation_resets_a_member_of_several() {
    let site = TestSite::new();
    let multi = "value=\"multi@enforced.example\"";
    drop(site.enrolled("multi@enforced.example").await);
    let (mut ada, _) = site.enrolled("ada@enforced.example").await;
    ada.get(COMPANY).await;
    assert!(ada.page.contains(multi));
    let form = ada.clone();
    // Another organisation of theirs asks for more now.
    site.host.store.keep_organization(&OrganizationSettings::new("pilot.example").required(), true).unwrap();
    site.host.store.keep_organization(&OrganizationSettings::new("enforced.example"), true).unwrap();
    ada.get(COMPANY).await;
    assert!(!ada.page.contains(multi) && ada.page.contains("value=\"marcus@enforced.example\""));
    let mut by_hand = form;
    by_hand.cookies.clone_from(&ada.cookies);
    assert_eq!(by_hand.submit_marked(RESET, multi, &[("verified", "yes")]).await, 403);
}

#[tokio::test]
async fn d14_what_an_errand_names_is_judged_when_it_is_run() {
    let site = TestSite::new();
    let (mut marcus, _) = site.enrolled("marcus@enforced.example").await;
    let (mut ada, app) = site.enrolled("ada@enforced.example").await;
    site.wait(600);
    ada.get(COMPANY).await;
    ada.submit_marked(RESET, "value=\"marcus@enforced.example\"", &[("verified", "yes")]).await;
    ada.follow().await;
    assert_eq!(ada.title(), "Verify Your Identity");
    let policy = POLICY.replace(
        "reset_by = [\"organization-administrator\", \"payments-support\"]",
        "reset_by = [\"payments-support\"]",
    );
    site.host.mfa.replace_policy(mfa::policy::Policy::from_toml(&policy).unwrap()).await.unwrap();
    let typed = [("password", super::PASSWORD), ("code", &*site.code(&app))];
    assert_eq!(ada.submit("/mfa/verify", &typed).await, 403);
    assert_eq!(marcus.get("/").await, 200, "not reset");
}

#[tokio::test]
async fn nobody_sets_anything_for_an_organisation_that_is_not_theirs() {
    let site = TestSite::new();
    let (mut ada, app) = site.enrolled("ada@enforced.example").await;
    ada.get(COMPANY).await;
    let typed = [("id", "pilot.example"), ("enforce_from", ""), ("reauthenticate_after", "30d")];
    assert_eq!(ada.submit(COMPANY, &typed).await, 303);
    assert!(site.host.store.organization("pilot.example").unwrap().require);
    assert!(!site.host.store.organization("enforced.example").unwrap().require);
    // Nor with an errand of somebody else's making: the session's word counts, and the form's must be the same.
    site.wait(600);
    ada.get(COMPANY).await;
    ada.submit(COMPANY, &[("enforce_from", ""), ("reauthenticate_after", "12h")]).await;
    ada.follow().await;
    let word = between(&ada.page, "name=\"errand\" value=\"", "\"").to_owned();
    ada.page = ada.page.replace(&word, "host.1.cmVzZXQgbWFyY3VzQGVuZm9yY2VkLmV4YW1wbGU");
    let typed = [("password", super::PASSWORD), ("code", &*site.code(&app))];
    assert_eq!(ada.submit("/mfa/verify", &typed).await, 410);
}

#[tokio::test]
async fn a_set_up_code_is_shown_once_where_policy_asks_for_one() {
    let by = "requirement = \"by-organization\"";
    let site =
        TestSite::with_policy(&POLICY.replacen(by, &format!("{by}\nafter_reset = \"binding-code\""), 1));
    drop(site.enrolled("marcus@enforced.example").await);
    let (mut ada, _) = site.enrolled("ada@enforced.example").await;
    ada.get(COMPANY).await;
    let ticked = [("verified", "yes")];
    assert_eq!(ada.submit_marked(RESET, "value=\"marcus@enforced.example\"", &ticked).await, 200);
    let code = ada.element("binding-code");
    ada.get(COMPANY).await;
    assert!(!code.is_empty() && !ada.page.contains(&code));
    let mut marcus = site.password("marcus@enforced.example").await;
    assert_eq!(marcus.title(), "Enter Your Set-Up Code");
    assert_eq!(marcus.submit("/mfa/binding-code", &[("binding_code", &code)]).await, 303);
}

#[tokio::test]
async fn the_buttons_and_boxes_read_as_they_are_called() {
    let site = TestSite::new();
    let (mut ada, _) = site.enrolled("ada@enforced.example").await;
    ada.get(COMPANY).await;
    assert_eq!(ada.page.matches(">Reset MFA</button>").count(), 3);
    assert_eq!(ada.page.matches(">I have verified the user's request</label>").count(), 3);
}
