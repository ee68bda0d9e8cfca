//! Policy is what it is at the moment of use, and no change of it opens anything.

use crate::common::World;
use mfa::policy::{Attributes, OrganizationSettings, Purpose};
use mfa::{Error, EventKind, FirstFactor, Next, Rejection, Standing, UnixSeconds};
use pollster::block_on;

use crate::{is, on_each_backend};

on_each_backend! {
    c3_every_entry_asks_alike;
    d18_policy_is_evaluated_at_use;
    d19_the_grace_ends_by_date_and_not_by_signing_in_again;
    e9_one_clock_decides;
    t4_nothing_usable_never_reads_as_enroll_now;
    t11_a_policy_that_withdraws_mfa_signs_nobody_in;
    attributes_that_cannot_be_kept_free_nobody;
}

const PAY: &str = include_str!("../../../../policies/construction-pay.toml");

fn member(settings: OrganizationSettings) -> Attributes {
    Attributes::new().with("role", "commercial").organization(settings)
}

fn c3_every_entry_asks_alike(world: World) {
    drop(world.enrolled("ada"));
    let now = world.now();
    let entries = [
        FirstFactor::password(now),
        FirstFactor::passkey(false, now),
        FirstFactor::passkey(true, now),
        FirstFactor::sso("https://idp.example", ["mfa", "hwk"], now),
        FirstFactor::sso("", [], now),
    ];
    for entry in entries {
        let begun = block_on(world.mfa.begin(&world.visit("ada"), entry.clone())).unwrap();
        assert!(matches!(begun, Next::Challenge(_)), "{entry:?}: {begun:?}");
    }
    // A new password is no way in either.
    block_on(world.mfa.first_factor_changed(&world.visit("ada"))).unwrap();
    assert!(matches!(world.begin(&world.visit("ada")).unwrap(), Next::Challenge(_)));
}

fn d18_policy_is_evaluated_at_use(world: World) {
    let ctx = world.visit("ada");
    let ticket = world.enroll_ticket(&ctx);
    let skipped = block_on(world.mfa.skip(&ctx, &ticket)).unwrap();
    assert_eq!(block_on(world.mfa.check(&ctx, &skipped, Purpose::Session)).unwrap(), Standing::Good);
    // In the middle of the session MFA becomes a must.
    let mandate = include_str!("../../../../policies/default.toml").replace("\"optional\"", "\"required\"");
    world.set_policy(&mandate);
    assert_eq!(block_on(world.mfa.check(&ctx, &skipped, Purpose::Session)).unwrap(), Standing::FactorWanted);
    assert!(is(block_on(world.mfa.skip(&ctx, &ticket)), Rejection::NotAllowed));
    assert!(matches!(world.begin(&ctx).unwrap(), Next::Enroll(_)));
    assert_eq!(world.count(EventKind::PolicyReplaced), 1);
    // And a shorter freshness ages what was proved before.
    let person = world.enrolled("abel");
    let (ctx, session) = world.signed_in(&person);
    world.wait(3_600);
    assert_eq!(block_on(world.mfa.check(&ctx, &session, Purpose::Session)).unwrap(), Standing::Good);
    world.set_policy(&mandate.replace("session = \"12h\"", "session = \"30m\""));
    assert_eq!(block_on(world.mfa.check(&ctx, &session, Purpose::Session)).unwrap(), Standing::FactorWanted);
}

fn d19_the_grace_ends_by_date_and_not_by_signing_in_again(world: World) {
    world.set_policy(PAY);
    let date = UnixSeconds::new(world.now().get() + 3 * 86_400);
    let olivia = member(OrganizationSettings::new("pilot.example").enforced_from(date));
    for _ in 0..3 {
        let ctx = world.visit_as("olivia", olivia.clone());
        let Next::Offer(menu) = world.begin(&ctx).unwrap() else { panic!("before the date") };
        assert_eq!(menu.required_from, Some(date));
        let skipped = block_on(world.mfa.skip(&ctx, &menu.ticket)).unwrap();
        world.wait(86_400 - 1);
        assert_eq!(block_on(world.mfa.check(&ctx, &skipped, Purpose::Session)).unwrap(), Standing::Good);
    }
    world.wait(3);
    let ctx = world.visit_as("olivia", olivia);
    assert!(matches!(world.begin(&ctx).unwrap(), Next::Enroll(_)));
}

fn e9_one_clock_decides(world: World) {
    // The engine's clock stands in 2027, the machine's own is somewhere else: nothing but the first one is asked, by no
    // backend either.
    let ada = world.enrolled("ada");
    for seconds in [2_000_000_000, 4_000_000_000, 1_900_000_000] {
        world.clock.set(seconds);
        let ctx = world.visit("ada");
        let ticket = world.challenge(&ctx);
        let code = ada.app.code_at(world.now());
        let answer = world.verify(&ctx, &ticket, &code);
        assert_eq!(answer.is_ok(), seconds != 1_900_000_000, "{seconds}: {answer:?}");
        if let Ok(assertion) = answer {
            assert_eq!(assertion.second_factor().unwrap().at.get(), seconds);
            assert_eq!(assertion.issued_at().get(), seconds);
        }
        assert!(world.events().iter().any(|event| event.at.get() == seconds));
    }
}

fn t4_nothing_usable_never_reads_as_enroll_now(world: World) {
    let ada = world.enrolled("ada");
    let ctx = world.visit("ada");
    let mut failures = 0;
    while failures < 20 {
        let ticket = world.challenge(&ctx);
        match world.verify(&ctx, &ticket, &world.wrong_code(&ada)) {
            Err(Error::Rejected(Rejection::WrongCode)) => failures += 1,
            Err(Error::Rejected(Rejection::Throttled { .. })) => world.wait(900),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(world.count(EventKind::AuthenticatorDisabled), 1);
    for _ in 0..3 {
        let begun = world.begin(&world.visit("ada")).unwrap();
        assert!(matches!(begun, Next::RecoverOnly(_)), "{begun:?}");
        world.wait(30 * 86_400);
    }
    // An operator's word ends waits and revives nothing.
    block_on(world.mfa.unlock(&world.visit("ada"))).unwrap();
    assert!(matches!(world.begin(&world.visit("ada")).unwrap(), Next::RecoverOnly(_)));
    let ctx = world.visit("ada");
    let ticket = world.challenge(&ctx);
    assert!(is(world.verify(&ctx, &ticket, &ada.app.code_at(world.now())), Rejection::Expired));
    let menu = block_on(world.mfa.recover(&ctx, &ticket, &ada.recovery_code)).unwrap();
    let ada = world.finish_enrollment(&ctx, &menu.ticket);
    world.wait(30);
    assert!(world.login(&ada, &ada.app.code_at(world.now())).is_ok());
}

fn t11_a_policy_that_withdraws_mfa_signs_nobody_in(world: World) {
    let ada = world.enrolled("ada");
    world.set_policy(
        &include_str!("../../../../policies/default.toml").replace("\"optional\"", "\"unavailable\""),
    );
    assert!(matches!(world.begin(&world.visit("ada")).unwrap(), Next::Challenge(_)), "enrolled is asked");
    let (ctx, session) = world.signed_in(&ada);
    assert!(
        block_on(world.mfa.change_app(&ctx, &session, None)).is_ok(),
        "and may still change what they have"
    );
    // Whoever is not enrolled is neither asked nor offered anything.
    assert!(matches!(world.begin(&world.visit("abel")).unwrap(), Next::Proved(_)));
}

fn attributes_that_cannot_be_kept_free_nobody(world: World) {
    world.set_policy(PAY);
    let broken = member(OrganizationSettings::new("commercial.example")).with("role", &"x".repeat(999));
    assert!(broken.fault().is_some());
    let begun = world.begin(&world.visit_as("ada", broken)).unwrap();
    assert!(matches!(begun, Next::Enroll(_)), "every rule applies: {begun:?}");
}
