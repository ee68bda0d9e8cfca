//! Remembered devices: sealed, listed, and gone with everything that changes.

use crate::common::{Person, World};
use mfa::policy::Purpose;
use mfa::{
    Acknowledged, Assertion, Attested, Context, DeviceToken, EventKind, Next, Remember, Standing, Wanted,
};
use pollster::block_on;

use crate::on_each_backend;

on_each_backend! {
    c17_a_token_that_is_not_ours_is_no_device;
    c18_a_token_dies_with_every_change;
    a_remembered_device_is_no_second_factor;
    a_device_is_remembered_only_where_policy_says_so;
    the_oldest_of_nine_devices_is_forgotten;
}

const POLICY: &str = r#"
format = 1
name = "remembering"
version = 1
[freshness]
session = "12h"
[[actors]]
name = "support"
when = { role = "support" }
same_organization = "not-needed"
[default]
requirement = "optional"
methods = ["app"]
reset_by = ["support"]
remember_device = "7d"
"#;

/// Signs in with the app and asks to be remembered.
fn remembered(world: &World, person: &Person) -> (Context, Assertion, DeviceToken) {
    let ctx = world.visit(&person.account);
    let ticket = world.challenge(&ctx);
    let code = person.app.code_at(world.now());
    let assertion = block_on(world.mfa.verify(&ctx, &ticket, &code, Remember::Yes)).unwrap();
    world.wait(30);
    let token = assertion.device_token().unwrap().clone();
    (ctx, assertion, token)
}

fn is_asked(world: &World, account: &str, token: &DeviceToken) -> bool {
    match world.begin(&world.visit(account).device(token.clone())).unwrap() {
        Next::Proved(_) => false,
        Next::Challenge(_) | Next::RecoverOnly(_) | Next::Offer(_) => true,
        other => panic!("{other:?}"),
    }
}

fn c17_a_token_that_is_not_ours_is_no_device(world: World) {
    world.set_policy(POLICY);
    let (ada, abel) = (world.enrolled("ada"), world.enrolled("abel"));
    let (_, session, token) = remembered(&world, &ada);
    assert!(!is_asked(&world, "ada", &token));
    assert!(is_asked(&world, &abel.account, &token), "another's token");
    for forged in ["", "a", &session.as_str()[..40], session.as_str(), "AQAAAAE", &token.as_str()[1..]] {
        assert!(is_asked(&world, "ada", &DeviceToken::parse(forged).unwrap()), "{forged}");
    }
    let text = token.as_str();
    for at in 0..text.len() {
        let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
        let mut altered = text.to_owned();
        altered.replace_range(at..=at, other);
        assert!(is_asked(&world, "ada", &DeviceToken::parse(&altered).unwrap()), "{at}");
    }
    assert!(DeviceToken::parse(&"A".repeat(1 << 20)).is_err());
    assert!(!format!("{token:?}").contains(token.as_str()));
}

fn c18_a_token_dies_with_every_change(world: World) {
    world.set_policy(POLICY);
    let support = mfa::policy::Attributes::new().with("role", "support");
    let help = world.visit_as("help", support.clone());
    let ticket = world.enroll_ticket(&help);
    let helper = world.finish_enrollment(&help, &ticket);
    world.wait(30);
    type Change = fn(&World, &Person, &Person, &Context, &Assertion);
    let changes: [(&str, Change); 7] = [
        ("password", |world, ada, _, _, _| {
            block_on(world.mfa.first_factor_changed(&world.visit(&ada.account))).unwrap();
        }),
        ("recovery", |world, ada, _, _, _| {
            let ctx = world.visit(&ada.account);
            let ticket = world.challenge(&ctx);
            block_on(world.mfa.recover(&ctx, &ticket, &ada.recovery_code)).unwrap();
        }),
        ("app changed", |world, _, _, ctx, session| {
            let menu = block_on(world.mfa.change_app(ctx, session, None)).unwrap();
            world.finish_enrollment(ctx, &menu.ticket);
        }),
        ("app removed", |world, _, _, ctx, session| {
            let app = block_on(world.mfa.overview(ctx)).unwrap().authenticators[0].id;
            block_on(world.mfa.remove(ctx, session, &app)).unwrap();
        }),
        ("new recovery code", |world, _, _, ctx, session| {
            let code = block_on(world.mfa.new_recovery_code(ctx, session)).unwrap();
            block_on(world.mfa.activate_recovery_code(ctx, &code.ticket, Acknowledged)).unwrap();
        }),
        ("reset", |world, ada, helper, _, _| {
            let (ctx, session) = world.signed_in(helper);
            let target = world.visit(&ada.account);
            block_on(world.mfa.reset(&ctx, &session, &target, Attested)).unwrap();
        }),
        ("forgotten", |world, _, _, ctx, session| {
            block_on(world.mfa.forget_devices(ctx, session)).unwrap();
        }),
    ];
    for (number, (name, change)) in changes.into_iter().enumerate() {
        let ada = world.enrolled(&format!("ada-{number}"));
        let (ctx, session, token) = remembered(&world, &ada);
        let by_device = match world.begin(&world.visit(&ada.account).device(token.clone())).unwrap() {
            Next::Proved(assertion) => assertion,
            other => panic!("{name}: {other:?}"),
        };
        drop(by_device);
        change(&world, &ada, &helper, &ctx, &session);
        assert!(is_asked(&world, &ada.account, &token), "{name}");
    }
}

fn a_remembered_device_is_no_second_factor(world: World) {
    world.set_policy(POLICY);
    let ada = world.enrolled("ada");
    let (_, _, token) = remembered(&world, &ada);
    let ctx = world.visit("ada").device(token);
    let Next::Proved(session) = world.begin(&ctx).unwrap() else { panic!("remembered") };
    assert_eq!(session.amr(), ["pwd"]);
    assert!(session.second_factor().is_none());
    let standing = |purpose| block_on(world.mfa.check(&ctx, &session, purpose)).unwrap();
    assert_eq!(standing(Purpose::Session), Standing::Good);
    for purpose in [Purpose::Manage, Purpose::StepUp, Purpose::Transaction] {
        assert_eq!(standing(purpose), Standing::FactorWanted, "{purpose}");
    }
    world.asked(&ctx, &session, Wanted::Manage);
    assert!(block_on(world.mfa.change_app(&ctx, &session, None)).is_err());
    // The session ends with what it rests on: by time, and when the devices are forgotten.
    world.wait(7 * 24 * 3_600);
    assert_eq!(standing(Purpose::Session), Standing::FactorWanted);
}

fn a_device_is_remembered_only_where_policy_says_so(world: World) {
    let ada = world.enrolled("ada");
    let ctx = world.visit("ada");
    let ticket = world.challenge(&ctx);
    let code = ada.app.code_at(world.now());
    let assertion = block_on(world.mfa.verify(&ctx, &ticket, &code, Remember::Yes)).unwrap();
    assert!(assertion.device_token().is_none(), "the recommended policy remembers none");
    assert_eq!(world.count(EventKind::DeviceRemembered), 0);
    world.wait(30);
    world.set_policy(POLICY);
    let (_, _, token) = remembered(&world, &ada);
    assert!(!is_asked(&world, "ada", &token));
    // A shorter lifetime holds for the devices that are remembered already, and so does none.
    world.set_policy(&POLICY.replace("\"7d\"", "\"1d\""));
    assert!(!is_asked(&world, "ada", &token));
    world.wait(24 * 3_600);
    assert!(is_asked(&world, "ada", &token));
    world.set_policy(&POLICY.replace("remember_device = \"7d\"", ""));
    assert!(is_asked(&world, "ada", &token));
}

fn the_oldest_of_nine_devices_is_forgotten(world: World) {
    world.set_policy(POLICY);
    let ada = world.enrolled("ada");
    let tokens: Vec<_> = (0..9).map(|_| remembered(&world, &ada).2).collect();
    assert!(is_asked(&world, "ada", &tokens[0]));
    assert!(tokens[1..].iter().all(|token| !is_asked(&world, "ada", token)));
    assert_eq!(block_on(world.mfa.overview(&world.visit("ada"))).unwrap().devices.len(), 8);
}
