//! Storage that fails, at each call in turn: before applying, or after applying with the reply lost.

use crate::common::faults::{Fault, FaultStorage};
use crate::common::{World, keyring};
use mfa::testing::TestAuthenticator;
use mfa::{Acknowledged, Error, EventKind, FirstFactor, Mfa, Next, Rejection, Remember};
use pollster::block_on;

use crate::on_each_backend;

on_each_backend! {
    c6_a_store_error_at_any_call_never_reads_as_not_enrolled_or_signed_in;
    t6_a_reply_lost_after_the_commit_is_found_by_its_operation_id;
    inv_11_an_enrollment_that_fails_at_any_call_leaves_all_or_nothing;
}

fn faulty(world: &World, fault: Fault) -> (Mfa, FaultStorage) {
    let storage = FaultStorage::new(world.storage(), fault);
    let builder = Mfa::builder().keyring(keyring()).storage(storage.clone());
    let mfa = builder.clock(world.clock.clone()).random(world.random.clone()).build().unwrap();
    (mfa, storage)
}

fn c6_a_store_error_at_any_call_never_reads_as_not_enrolled_or_signed_in(world: World) {
    for fault in [Fault::Before, Fault::AfterApplying] {
        for call in 0..4 {
            let account = format!("ada-{fault:?}-{call}");
            let ada = world.enrolled(&account);
            let (mfa, storage) = faulty(&world, fault);
            let ctx = world.visit(&account);
            storage.fail_at(call);
            let ticket = match block_on(mfa.begin(&ctx, FirstFactor::password(world.now()))) {
                Ok(Next::Challenge(challenge)) => challenge.ticket,
                Err(Error::Unavailable(_)) => continue,
                other => panic!("{fault:?} at {call}: {other:?}"),
            };
            let code = ada.app.code_at(world.now());
            let first = block_on(mfa.verify(&ctx, &ticket, &code, Remember::No));
            storage.heal();
            let second = block_on(mfa.verify(&ctx, &ticket, &code, Remember::No));
            // However it failed, the code worked exactly once, and an error was never a success.
            let successes = [&first, &second].iter().filter(|answer| answer.is_ok()).count();
            assert_eq!(successes, 1, "{fault:?} at {call}: {first:?}, {second:?}");
        }
    }
}

fn t6_a_reply_lost_after_the_commit_is_found_by_its_operation_id(world: World) {
    let ada = world.enrolled("ada");
    let (mfa, storage) = faulty(&world, Fault::AfterApplying);
    let ctx = world.visit("ada");
    let ticket = world.challenge(&ctx);
    storage.fail_at(1); // the commit of verify
    let code = ada.app.code_at(world.now());
    let answer = block_on(mfa.verify(&ctx, &ticket, &code, Remember::No));
    assert!(answer.is_ok(), "one call finds its own outcome: {answer:?}");
    assert_eq!(world.count(EventKind::Verified), 1);
    let again = block_on(mfa.verify(&ctx, &ticket, &code, Remember::No));
    assert!(matches!(again, Err(Error::Rejected(Rejection::AlreadyUsed))), "another call inherits nothing");
    world.wait(30);
    assert!(world.login(&ada, &ada.app.code_at(world.now())).is_ok(), "and nobody is locked out");
}

fn inv_11_an_enrollment_that_fails_at_any_call_leaves_all_or_nothing(world: World) {
    for fault in [Fault::Before, Fault::AfterApplying] {
        for call in 0..6 {
            let account = format!("ada-{fault:?}-{call}");
            let (mfa, storage) = faulty(&world, fault);
            let ctx = world.visit(&account);
            let ticket = world.enroll_ticket(&ctx);
            let pending = block_on(mfa.enroll_app(&ctx, &ticket)).unwrap();
            let app = TestAuthenticator::scan(&pending).unwrap();
            let confirmed = block_on(mfa.confirm(&ctx, &pending.ticket, &app.code_at(world.now()))).unwrap();
            storage.fail_at(call);
            let activated = block_on(mfa.activate(&ctx, &confirmed.ticket, Acknowledged));
            storage.heal();
            match (activated, world.begin(&world.visit(&account)).unwrap()) {
                (Ok(_), Next::Challenge(_)) => {}
                (Err(Error::Unavailable(_)), Next::Offer(_)) => {
                    assert!(block_on(mfa.activate(&ctx, &confirmed.ticket, Acknowledged)).is_ok());
                }
                (activated, begun) => panic!("{fault:?} at {call}: {activated:?} then {begun:?}"),
            }
        }
    }
}
