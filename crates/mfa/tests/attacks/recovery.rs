//! Recovery codes.

use crate::common::{World, par};
use mfa::testing::TestAuthenticator;
use mfa::{Acknowledged, EventKind, Next, Rejection};
use pollster::block_on;

use crate::{is, is_throttled, on_each_backend};

on_each_backend! {
    a9_a_spent_recovery_code_opens_nothing;
    a10_fifty_at_once_are_one_replacement_and_one_successor;
    d5_recovery_grants_nothing_but_a_replacement;
    d8_an_unacknowledged_code_changes_nothing;
    t5_a_recovery_survives_every_closed_tab;
    c10_another_persons_recovery_code_is_wrong;
    r5_recovery_guesses_have_a_window_of_their_own;
}

fn a9_a_spent_recovery_code_opens_nothing(world: World) {
    let ada = world.enrolled("ada");
    let ctx = world.visit("ada");
    let ticket = world.challenge(&ctx);
    let menu = block_on(world.mfa.recover(&ctx, &ticket, &ada.recovery_code)).unwrap();
    let renewed = world.finish_enrollment(&ctx, &menu.ticket);
    assert_ne!(renewed.recovery_code, ada.recovery_code);
    let ctx = world.visit("ada");
    let ticket = world.challenge(&ctx);
    assert!(is(block_on(world.mfa.recover(&ctx, &ticket, &ada.recovery_code)), Rejection::WrongCode));
    assert!(block_on(world.mfa.recover(&ctx, &ticket, &renewed.recovery_code)).is_ok());
}

fn a10_fifty_at_once_are_one_replacement_and_one_successor(world: World) {
    let ada = world.enrolled("ada");
    let openings = par(50, |_| {
        let ctx = world.visit("ada");
        let ticket = world.challenge(&ctx);
        block_on(world.mfa.recover(&ctx, &ticket, &ada.recovery_code)).map(|menu| (ctx, menu.ticket))
    });
    assert_eq!(world.count(EventKind::RecoveryOpened), 1);
    let open: Vec<_> = openings.into_iter().filter_map(Result::ok).collect();
    assert!(!open.is_empty());
    let confirmed: Vec<_> = open
        .iter()
        .map(|(ctx, ticket)| {
            let pending = block_on(world.mfa.enroll_app(ctx, ticket)).unwrap();
            let code = TestAuthenticator::scan(&pending).unwrap().code_at(world.now());
            (ctx, block_on(world.mfa.confirm(ctx, &pending.ticket, &code)).unwrap())
        })
        .collect();
    let activated = par(confirmed.len(), |i| {
        let (ctx, confirmed) = &confirmed[i];
        block_on(world.mfa.activate(ctx, &confirmed.ticket, Acknowledged)).is_ok()
    });
    assert_eq!(activated.iter().filter(|ok| **ok).count(), 1);
    assert_eq!(world.count(EventKind::RecoveryCompleted), 1);
    let ctx = world.visit("ada");
    let ticket = world.challenge(&ctx);
    let working = confirmed
        .iter()
        .filter(|(_, c)| block_on(world.mfa.recover(&ctx, &ticket, c.expose_recovery_code())).is_ok())
        .count();
    assert!(working <= 1, "{working} successors work");
}

fn d5_recovery_grants_nothing_but_a_replacement(world: World) {
    let ada = world.enrolled("ada");
    let ctx = world.visit("ada");
    let ticket = world.challenge(&ctx);
    let menu = block_on(world.mfa.recover(&ctx, &ticket, &ada.recovery_code)).unwrap();
    assert!(is(block_on(world.mfa.skip(&ctx, &menu.ticket)), Rejection::NotAllowed));
    // The lost app proves nothing from the start, and the earlier session is over.
    assert!(matches!(world.begin(&world.visit("ada")).unwrap(), Next::RecoverOnly(_)));
    assert!(world.login(&ada, &ada.app.code_at(world.now())).is_err());
    assert_eq!(world.count(EventKind::AuthenticatorSuspended), 1);
}

fn d8_an_unacknowledged_code_changes_nothing(world: World) {
    let ctx = world.visit("ada");
    let ticket = world.enroll_ticket(&ctx);
    let pending = block_on(world.mfa.enroll_app(&ctx, &ticket)).unwrap();
    let app = TestAuthenticator::scan(&pending).unwrap();
    let confirmed = block_on(world.mfa.confirm(&ctx, &pending.ticket, &app.code_at(world.now()))).unwrap();
    // The tab is closed here. Nothing is stored, the next sign-in offers enrollment anew.
    assert!(world.storage_is_empty());
    assert!(matches!(world.begin(&world.visit("ada")).unwrap(), Next::Offer(_)));
    // The same page still finishes it, with the code it showed.
    let shown_again = block_on(world.mfa.confirmed(&ctx, &confirmed.ticket)).unwrap();
    assert_eq!(shown_again.expose_recovery_code(), confirmed.expose_recovery_code());
    assert!(block_on(world.mfa.activate(&ctx, &confirmed.ticket, Acknowledged)).is_ok());
    assert!(is(block_on(world.mfa.confirmed(&ctx, &confirmed.ticket)), Rejection::Expired), "shown no more");
}

fn t5_a_recovery_survives_every_closed_tab(world: World) {
    let ada = world.enrolled("ada");
    for closed_after in 0..3 {
        let ctx = world.visit("ada");
        let ticket = world.challenge(&ctx);
        let menu = block_on(world.mfa.recover(&ctx, &ticket, &ada.recovery_code)).unwrap();
        if closed_after >= 1 {
            let pending = block_on(world.mfa.enroll_app(&ctx, &menu.ticket)).unwrap();
            if closed_after >= 2 {
                let code = TestAuthenticator::scan(&pending).unwrap().code_at(world.now());
                block_on(world.mfa.confirm(&ctx, &pending.ticket, &code)).unwrap();
            }
        }
        world.wait(30 * 24 * 3_600);
    }
    let ctx = world.visit("ada");
    let ticket = world.challenge(&ctx);
    let menu = block_on(world.mfa.recover(&ctx, &ticket, &ada.recovery_code)).unwrap();
    let ada = world.finish_enrollment(&ctx, &menu.ticket);
    world.wait(30);
    assert!(world.login(&ada, &ada.app.code_at(world.now())).is_ok());
    assert_eq!(world.count(EventKind::RecoveryOpened), 1);
    assert_eq!(world.count(EventKind::RecoveryResumed), 3);
    assert_eq!(world.count(EventKind::RecoveryCompleted), 1);
}

fn c10_another_persons_recovery_code_is_wrong(world: World) {
    let (_ada, abel) = (world.enrolled("ada"), world.enrolled("abel"));
    let ctx = world.visit("ada");
    let ticket = world.challenge(&ctx);
    assert!(is(block_on(world.mfa.recover(&ctx, &ticket, &abel.recovery_code)), Rejection::WrongCode));
}

fn r5_recovery_guesses_have_a_window_of_their_own(world: World) {
    let ada = world.enrolled("ada");
    let other = world.enrolled("abel").recovery_code;
    let ctx = world.visit("ada");
    let ticket = world.challenge(&ctx);
    for _ in 0..3 {
        assert!(is(block_on(world.mfa.recover(&ctx, &ticket, &other)), Rejection::WrongCode));
    }
    assert!(is_throttled(block_on(world.mfa.recover(&ctx, &ticket, &other))));
    // The app is as free as before.
    assert!(world.login(&ada, &ada.app.code_at(world.now())).is_ok());
}
