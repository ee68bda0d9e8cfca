//! Sign-in, the identity provider, and what every account finds.

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::{LOCATION, SET_COOKIE};

use super::{TOKEN, TestSite, ask};
use crate::accounts::ACCOUNTS;
use crate::host::SIGN_IN;
use crate::pages::{FORM_COOKIE, SSO};

fn site() -> Router {
    TestSite::new().router
}

/// Signs in, follows the way that the answer shows, and answers the page.
async fn sign_in_as(site: &Router, path: &str, form: String) -> String {
    let own = format!("{FORM_COOKIE}={TOKEN}");
    let (status, headers, body) = ask(site, path, &own, Some(format!("csrf={TOKEN}&{form}"))).await;
    if status != StatusCode::SEE_OTHER {
        return body;
    }
    let session = headers[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    ask(site, headers[LOCATION].to_str().unwrap(), &session, None).await.2
}

#[tokio::test]
async fn every_account_gets_what_the_table_says() {
    let site = site();
    for account in ACCOUNTS {
        let form = format!("email={}&password=correct+horse", account.email);
        let page = sign_in_as(&site, SIGN_IN, form).await;
        let is = |title: &str| page.contains(&format!("<h1>{title}</h1>"));
        let may_skip = page.contains("Skip for Now");
        let as_told = match account.email {
            "casey@commercial.example" => is("Home") && page.contains("id=\"amr\">pwd<"),
            "olivia@pilot.example" => {
                is("Two-Factor Authentication Required") && may_skip && page.contains("2096")
            }
            "sam@sso.example" => is("Sign In") && page.contains("Wrong e-mail or password"),
            _ => is("Two-Factor Authentication Required") && !may_skip,
        };
        assert!(as_told, "{}: {page}", account.email);
    }
}

#[tokio::test]
async fn c20_the_identity_provider_is_trusted_with_mfa_only_when_it_says_mfa() {
    let site = site();
    let with = sign_in_as(&site, SSO, "amr=pwd+mfa".into()).await;
    assert!(with.contains("<h1>Home</h1>") && with.contains("id=\"amr\">pwd mfa<"));
    let without = sign_in_as(&site, SSO, "amr=pwd".into()).await;
    assert!(without.contains("<h1>Two-Factor Authentication Required</h1>"));
}

#[tokio::test]
async fn unknown_people_and_wrong_passwords_get_the_same_answer() {
    let site = site();
    let page = async |form: &str| {
        let own = format!("{FORM_COOKIE}={TOKEN}");
        let (status, _, body) = ask(&site, SIGN_IN, &own, Some(format!("csrf={TOKEN}&{form}"))).await;
        (status, body.replace("ada@enforced.example", "X").replace("eve@enforced.example", "X"))
    };
    let wrong = page("email=ada@enforced.example&password=guess").await;
    assert_eq!(wrong.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(wrong, page("email=eve@enforced.example&password=guess").await);
    assert_eq!(wrong, page("email=eve@enforced.example&password=correct+horse").await);
}

#[tokio::test]
async fn d17_a_form_from_elsewhere_signs_nobody_in() {
    let site = site();
    let form = "email=casey@commercial.example&password=correct+horse";
    for (cookie, token) in [("", TOKEN), ("site_form=other", TOKEN), ("site_form=", "")] {
        let (status, headers, _) = ask(&site, SIGN_IN, cookie, Some(format!("csrf={token}&{form}"))).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert!(!headers.get_all(SET_COOKIE).iter().any(|c| c.to_str().unwrap().contains("site_session")));
    }
}

#[tokio::test]
async fn whatever_else_is_asked_for_leads_home() {
    let site = site();
    for path in ["/nowhere", "/sign-out", "/mfa/nowhere"] {
        assert_eq!(ask(&site, path, "", None).await.0, StatusCode::SEE_OTHER, "{path}");
    }
}
