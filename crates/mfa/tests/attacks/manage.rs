//! Changing and removing authenticators while signed in.

use crate::common::{World, par};
use mfa::policy::{Attributes, Purpose};
use mfa::testing::TestAuthenticator;
use mfa::{Acknowledged, EventKind, FirstFactor, Next, Rejection, Standing};
use pollster::block_on;

use crate::{is, on_each_backend};

on_each_backend! {
    d2_inv_6_the_old_app_works_until_the_new_one_is_active_and_never_after;
    d4_two_tabs_change_to_one_app;
    d6_removal_takes_fresh_proof_and_never_the_last_factor_of_a_mandate;
    d7_a_new_recovery_code_voids_the_old_one_when_it_is_acknowledged;
    t1_tickets_from_before_a_removal_are_dead;
    several_apps_where_policy_gives_room;
    several_recovery_codes_where_policy_gives_them;
}

fn d2_inv_6_the_old_app_works_until_the_new_one_is_active_and_never_after(world: World) {
    let ada = world.enrolled("ada");
    let (ctx, session) = world.signed_in(&ada);
    let menu = block_on(world.mfa.change_app(&ctx, &session, None)).unwrap();
    let pending = block_on(world.mfa.enroll_app(&ctx, &menu.ticket)).unwrap();
    let app = TestAuthenticator::scan(&pending).unwrap();
    assert!(world.login(&ada, &ada.app.code_at(world.now())).is_ok(), "pending changes nothing");
    world.wait(30);
    let confirmed = block_on(world.mfa.confirm(&ctx, &pending.ticket, &app.code_at(world.now()))).unwrap();
    assert!(world.login(&ada, &ada.app.code_at(world.now())).is_ok(), "confirmed changes nothing");
    world.wait(30);
    let assertion = block_on(world.mfa.activate(&ctx, &confirmed.ticket, Acknowledged)).unwrap();
    assert!(is(world.login(&ada, &ada.app.code_at(world.now())), Rejection::WrongCode));
    // The session goes on under the new assertion alone; recovery is by the new code alone.
    assert_eq!(block_on(world.mfa.check(&ctx, &session, Purpose::Session)).unwrap(), Standing::Ended);
    assert_eq!(block_on(world.mfa.check(&ctx, &assertion, Purpose::Session)).unwrap(), Standing::Good);
    assert_eq!(world.count(EventKind::AuthenticatorReplaced), 1);
    let visit = world.visit("ada");
    let ticket = world.challenge(&visit);
    assert!(is(block_on(world.mfa.recover(&visit, &ticket, &ada.recovery_code)), Rejection::WrongCode));
    assert!(block_on(world.mfa.recover(&visit, &ticket, confirmed.expose_recovery_code())).is_ok());
}

fn d4_two_tabs_change_to_one_app(world: World) {
    let ada = world.enrolled("ada");
    let (ctx, session) = world.signed_in(&ada);
    let tabs: Vec<_> = (0..8)
        .map(|_| {
            let menu = block_on(world.mfa.change_app(&ctx, &session, None)).unwrap();
            let pending = block_on(world.mfa.enroll_app(&ctx, &menu.ticket)).unwrap();
            let app = TestAuthenticator::scan(&pending).unwrap();
            block_on(world.mfa.confirm(&ctx, &pending.ticket, &app.code_at(world.now()))).unwrap()
        })
        .collect();
    let won = par(tabs.len(), |i| block_on(world.mfa.activate(&ctx, &tabs[i].ticket, Acknowledged)).is_ok());
    assert_eq!(won.iter().filter(|won| **won).count(), 1);
    assert_eq!(block_on(world.mfa.overview(&ctx)).unwrap().authenticators.len(), 1);
}

fn d6_removal_takes_fresh_proof_and_never_the_last_factor_of_a_mandate(world: World) {
    let ada = world.enrolled("ada");
    let (ctx, session) = world.signed_in(&ada);
    let app = block_on(world.mfa.overview(&ctx)).unwrap().authenticators[0].id;
    world.wait(301);
    // A stolen cookie is a session, and not fresh proof.
    assert!(is(block_on(world.mfa.remove(&ctx, &session, &app)), Rejection::FreshProofWanted));
    let (ctx, session) = world.signed_in(&ada);
    let mandate = include_str!("../../../../policies/default.toml").replace("\"optional\"", "\"required\"");
    world.set_policy(&mandate);
    assert!(is(block_on(world.mfa.remove(&ctx, &session, &app)), Rejection::NotAllowed));
    assert!(world.login(&ada, &ada.app.code_at(world.now())).is_ok(), "nothing was changed");
    world.set_policy(include_str!("../../../../policies/default.toml"));
    let kept = block_on(world.mfa.remove(&ctx, &session, &app)).unwrap();
    assert_eq!(block_on(world.mfa.check(&ctx, &kept, Purpose::Session)).unwrap(), Standing::Good);
    let after = block_on(world.mfa.overview(&ctx)).unwrap();
    assert!(!after.is_enrolled() && after.recovery_codes == 0, "{after:?}");
    assert!(matches!(world.begin(&world.visit("ada")).unwrap(), Next::Offer(_)));
    assert_eq!(world.count(EventKind::AuthenticatorRemoved), 1);
    assert!(is(block_on(world.mfa.remove(&ctx, &kept, &app)), Rejection::Expired));
}

fn d7_a_new_recovery_code_voids_the_old_one_when_it_is_acknowledged(world: World) {
    let ada = world.enrolled("ada");
    let (ctx, session) = world.signed_in(&ada);
    let shown = block_on(world.mfa.new_recovery_code(&ctx, &session)).unwrap();
    let again = block_on(world.mfa.recovery_code(&ctx, &shown.ticket)).unwrap();
    assert_eq!(shown.expose_recovery_code(), again.expose_recovery_code());
    assert!(!format!("{shown:?}").contains(shown.expose_recovery_code()));
    // Not acknowledged: the old one is the live one. (An opened recovery would suspend the app, so only the wrong one is tried.)
    let visit = world.visit("ada");
    let ticket = world.challenge(&visit);
    let new = shown.expose_recovery_code();
    assert!(is(block_on(world.mfa.recover(&visit, &ticket, new)), Rejection::WrongCode));
    let assertion = block_on(world.mfa.activate_recovery_code(&ctx, &shown.ticket, Acknowledged)).unwrap();
    assert_eq!(assertion.amr(), ["pwd", "otp", "mfa"]);
    assert!(is(
        block_on(world.mfa.activate_recovery_code(&ctx, &shown.ticket, Acknowledged)),
        Rejection::Expired
    ));
    let visit = world.visit("ada");
    let ticket = world.challenge(&visit);
    assert!(is(block_on(world.mfa.recover(&visit, &ticket, &ada.recovery_code)), Rejection::WrongCode));
    assert!(block_on(world.mfa.recover(&visit, &ticket, new)).is_ok());
}

fn t1_tickets_from_before_a_removal_are_dead(world: World) {
    let ada = world.enrolled("ada");
    let (ctx, session) = world.signed_in(&ada);
    let (visit, menu) = (world.visit("ada"), block_on(world.mfa.change_app(&ctx, &session, None)).unwrap());
    let challenge = world.challenge(&visit);
    let code = block_on(world.mfa.new_recovery_code(&ctx, &session)).unwrap();
    let app = block_on(world.mfa.overview(&ctx)).unwrap().authenticators[0].id;
    block_on(world.mfa.remove(&ctx, &session, &app)).unwrap();
    assert!(is(world.verify(&visit, &challenge, &ada.app.code_at(world.now())), Rejection::Expired));
    assert!(is(block_on(world.mfa.enroll_app(&ctx, &menu.ticket)), Rejection::Expired));
    assert!(is(
        block_on(world.mfa.activate_recovery_code(&ctx, &code.ticket, Acknowledged)),
        Rejection::Expired
    ));
    assert!(is(block_on(world.mfa.recover(&visit, &challenge, &ada.recovery_code)), Rejection::Expired));
}

fn several_apps_where_policy_gives_room(world: World) {
    world.set_policy(&format!(
        "{}\n[limits]\napps_max = 2\n",
        include_str!("../../../../policies/default.toml")
    ));
    let ada = world.enrolled("ada");
    let (ctx, session) = world.signed_in(&ada);
    let menu = block_on(world.mfa.change_app(&ctx, &session, None)).unwrap();
    let second = world.finish_enrollment(&ctx, &menu.ticket);
    world.wait(30);
    let apps = block_on(world.mfa.overview(&ctx)).unwrap().authenticators;
    assert_eq!(apps.len(), 2);
    // Each proves alike, each uses up its own steps, and both share one window.
    assert!(world.login(&ada, &ada.app.code_at(world.now())).is_ok());
    assert!(world.login(&ada, &second.app.code_at(world.now())).is_ok());
    assert!(is(world.login(&ada, &ada.app.code_at(world.now())), Rejection::AlreadyUsed));
    assert!(is(world.login(&ada, &second.app.code_at(world.now())), Rejection::AlreadyUsed));
    world.wait(30);
    // There is no room for a third, and which one is meant must be said.
    let (ctx, session) = world.signed_in(&ada);
    assert!(is(block_on(world.mfa.change_app(&ctx, &session, None)), Rejection::NotAllowed));
    let menu = block_on(world.mfa.change_app(&ctx, &session, Some(apps[0].id))).unwrap();
    let third = world.finish_enrollment(&ctx, &menu.ticket);
    world.wait(30);
    assert!(is(world.login(&ada, &ada.app.code_at(world.now())), Rejection::WrongCode));
    assert!(world.login(&ada, &second.app.code_at(world.now())).is_ok());
    assert!(world.login(&ada, &third.app.code_at(world.now())).is_ok());
}

fn several_recovery_codes_where_policy_gives_them(world: World) {
    let policy =
        format!("{}\n[limits]\nrecovery_codes = 3\n", include_str!("../../../../policies/default.toml"));
    world.set_policy(&policy);
    let ada = world.enrolled("ada");
    let codes: Vec<_> = ada.recovery_code.lines().collect();
    assert_eq!(codes.len(), 3);
    assert_eq!(block_on(world.mfa.overview(&ada.ctx)).unwrap().recovery_codes, 3);
    let ctx = world.visit_as("ada", Attributes::new());
    let ticket = world.challenge(&ctx);
    let menu = block_on(world.mfa.recover(&ctx, &ticket, codes[1])).unwrap();
    // Another code of the set goes on with nothing of the first one's recovery, and closes nothing.
    let begun = block_on(world.mfa.begin(&world.visit("ada"), FirstFactor::password(world.now()))).unwrap();
    let Next::RecoverOnly(_) = begun else { panic!("{begun:?}") };
    let renewed = world.finish_enrollment(&ctx, &menu.ticket);
    let ctx = world.visit("ada");
    let ticket = world.challenge(&ctx);
    for old in codes {
        let answer = block_on(world.mfa.recover(&ctx, &ticket, old));
        assert!(matches!(answer, Err(mfa::Error::Rejected(_))), "every older one is void");
    }
    assert_eq!(renewed.recovery_code.lines().count(), 3);
}
