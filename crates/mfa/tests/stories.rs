//! What people go through, told from the password to the session, on each backend.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must stop")]

mod common;

use common::World;
use mfa::policy::{Attributes, OrganizationSettings, Policy, Purpose};
use mfa::{EventKind, Next, Rejection, Standing};
use pollster::block_on;

on_each_backend! {
    a_person_sets_up_signs_in_loses_the_phone_and_recovers;
    a_person_who_may_skip_until_a_date_must_enroll_from_it;
    an_activation_ends_what_other_sessions_hold;
    a_session_is_asked_again_when_its_factor_is_old;
    the_keyring_is_proved_by_a_canary;
    a_trusted_identity_provider_is_not_asked_twice;
    c20_what_an_untrusted_provider_says_of_mfa_is_not_repeated;
    a_proof_dated_ahead_is_not_fresh;
}

fn a_person_sets_up_signs_in_loses_the_phone_and_recovers(world: World) {
    let ada = world.enrolled("ada");
    let ctx = world.visit("ada");
    let ticket = world.challenge(&ctx);
    let assertion = world.verify(&ctx, &ticket, &ada.app.code_at(world.now())).unwrap();
    assert_eq!(block_on(world.mfa.check(&ctx, &assertion, Purpose::Session)).unwrap(), Standing::Good);

    // The phone is gone. The recovery code sets up the new one; the old one is dead from the start.
    let ctx = world.visit("ada");
    let ticket = world.challenge(&ctx);
    let menu =
        block_on(world.mfa.recover(&ctx, &ticket, &ada.recovery_code.to_lowercase().replace('-', " ")))
            .unwrap();
    let renewed = world.finish_enrollment(&ctx, &menu.ticket);
    world.wait(30);
    assert!(world.login(&ada, &ada.app.code_at(world.now())).is_err(), "the lost phone");
    assert!(world.login(&renewed, &renewed.app.code_at(world.now())).is_ok(), "the new phone");

    let told: Vec<EventKind> = world.events().into_iter().map(|event| event.kind).collect();
    assert_eq!(
        told,
        [
            EventKind::AuthenticatorActivated,
            EventKind::RecoveryCodeIssued,
            EventKind::Verified,
            EventKind::RecoveryOpened,
            EventKind::AuthenticatorSuspended,
            EventKind::AuthenticatorReplaced,
            EventKind::RecoveryCompleted,
            EventKind::RecoveryCodeIssued,
            EventKind::VerificationFailed,
            EventKind::Verified,
        ]
    );
}

fn a_person_who_may_skip_until_a_date_must_enroll_from_it(world: World) {
    block_on(world.mfa.replace_policy(construction())).unwrap();
    let date = world.now().plus(std::time::Duration::from_secs(3_600));
    let member = || {
        let organization = OrganizationSettings::new("pilot.example").enforced_from(date);
        Attributes::new().with("role", "commercial").organization(organization)
    };
    let ctx = world.visit_as("olivia", member());
    let Next::Offer(menu) = world.begin(&ctx).unwrap() else { panic!("not offered") };
    assert_eq!(menu.required_from, Some(date));
    let assertion = block_on(world.mfa.skip(&ctx, &menu.ticket)).unwrap();
    assert_eq!(assertion.amr(), ["pwd"]);
    assert_eq!(block_on(world.mfa.check(&ctx, &assertion, Purpose::Session)).unwrap(), Standing::Good);

    // The date comes within the session, and within the life of the ticket: signing in again renews no grace.
    world.wait(3_300);
    let Next::Offer(menu) = world.begin(&ctx).unwrap() else { panic!("not offered") };
    world.wait(300);
    assert!(matches!(
        block_on(world.mfa.skip(&ctx, &menu.ticket)),
        Err(mfa::Error::Rejected(Rejection::NotAllowed))
    ));
    assert_eq!(
        block_on(world.mfa.check(&ctx, &assertion, Purpose::Session)).unwrap(),
        Standing::FactorWanted
    );
    assert!(matches!(world.begin(&world.visit_as("olivia", member())).unwrap(), Next::Enroll(_)));
}

fn an_activation_ends_what_other_sessions_hold(world: World) {
    let (one, two) = (world.visit("ada"), world.visit("ada"));
    let ticket = world.enroll_ticket(&two);
    let skipped = block_on(world.mfa.skip(&two, &ticket)).unwrap();
    let ticket = world.enroll_ticket(&one);
    let ada = world.finish_enrollment(&one, &ticket);
    assert_eq!(block_on(world.mfa.check(&one, &ada.assertion, Purpose::Session)).unwrap(), Standing::Good);
    assert_eq!(block_on(world.mfa.check(&two, &skipped, Purpose::Session)).unwrap(), Standing::Ended);
    // Kept as text, it is the same assertion, and only in its own sign-in.
    let kept = world.mfa.open_assertion(&one, ada.assertion.as_str()).unwrap();
    assert_eq!(kept.amr(), ["pwd", "otp", "mfa"]);
    assert!(world.mfa.open_assertion(&two, ada.assertion.as_str()).is_err());
}

fn a_session_is_asked_again_when_its_factor_is_old(world: World) {
    let ada = world.enrolled("ada");
    let ctx = world.visit("ada");
    let ticket = world.challenge(&ctx);
    let assertion = world.verify(&ctx, &ticket, &ada.app.code_at(world.now())).unwrap();
    let standing = |purpose| block_on(world.mfa.check(&ctx, &assertion, purpose)).unwrap();
    assert_eq!(standing(Purpose::Manage), Standing::Good, "a login less than five minutes old counts");
    assert_eq!(standing(Purpose::Transaction), Standing::FactorWanted, "a login is no consent to a payment");
    world.wait(301);
    assert_eq!(standing(Purpose::Manage), Standing::FactorWanted);
    assert_eq!(standing(Purpose::Session), Standing::Good);
    world.wait(40 * 24 * 3_600);
    assert_eq!(standing(Purpose::Session), Standing::FactorWanted);
}

fn the_keyring_is_proved_by_a_canary(world: World) {
    block_on(world.mfa.verify_setup()).unwrap();
    block_on(world.mfa.verify_setup()).unwrap();
    assert_eq!(world.count(EventKind::StorageInitialized), 1);
    let other = mfa::Keyring::generate(&mfa::SystemRandom).unwrap();
    let stranger = mfa::Mfa::builder().storage(world.storage_of_its_own());
    let stranger = stranger.keyring(other).clock(world.clock.clone()).build().unwrap();
    let answer = block_on(stranger.verify_setup());
    assert!(matches!(answer, Err(mfa::Error::Unavailable(mfa::Unavailable::RecordUnreadable))), "{answer:?}");
}

fn a_trusted_identity_provider_is_not_asked_twice(world: World) {
    block_on(world.mfa.replace_policy(construction())).unwrap();
    let sam = || {
        let organization = OrganizationSettings::new("sso.example").required();
        world.visit_as("sam", Attributes::new().with("role", "commercial").organization(organization))
    };
    let provider = "https://idp.sso.example";
    let begin = |amr: &'static [&'static str]| {
        let first = mfa::FirstFactor::sso(provider, amr.iter().copied(), world.now());
        block_on(world.mfa.begin(&sam(), first)).unwrap()
    };
    let Next::Proved(assertion) = begin(&["pwd", "mfa"]) else { panic!("asked twice") };
    assert_eq!(assertion.amr(), ["pwd", "mfa"]);
    assert!(matches!(begin(&["pwd"]), Next::Enroll(_)), "without MFA at the provider, ours is wanted");
}

fn c20_what_an_untrusted_provider_says_of_mfa_is_not_repeated(world: World) {
    // The recommended policy trusts no provider and makes MFA optional.
    let ctx = world.visit("sam");
    let first = mfa::FirstFactor::sso("https://idp.elsewhere.example", ["pwd", "mfa", "otp"], world.now());
    let Next::Offer(menu) = block_on(world.mfa.begin(&ctx, first)).unwrap() else { panic!("not offered") };
    let skipped = block_on(world.mfa.skip(&ctx, &menu.ticket)).unwrap();
    assert_eq!(skipped.amr(), ["pwd"]);
    assert_eq!(world.mfa.open_assertion(&ctx, skipped.as_str()).unwrap().amr(), ["pwd"]);
}

fn a_proof_dated_ahead_is_not_fresh(world: World) {
    let ada = world.enrolled("ada");
    let ctx = world.visit("ada");
    let now = world.now().get();
    world.wait(3_600);
    let ticket = world.challenge(&ctx);
    let assertion = world.verify(&ctx, &ticket, &ada.app.code_at(world.now())).unwrap();
    // That node's clock was an hour fast; here it is an hour earlier.
    world.clock.set(now);
    assert_eq!(block_on(world.mfa.check(&ctx, &assertion, Purpose::Manage)).unwrap(), Standing::FactorWanted);
}

fn construction() -> Policy {
    Policy::from_toml(include_str!("../../../policies/construction-pay.toml")).unwrap()
}
