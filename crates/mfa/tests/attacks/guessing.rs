//! Guessing.

use crate::common::{World, par};
use mfa::{Error, EventKind, FirstFactor, Next, Rejection, Unavailable};
use mfa_core::time::{Period, TimeStep};
use pollster::block_on;

use crate::{is, is_throttled, on_each_backend};

on_each_backend! {
    b1_the_cap_holds_across_logins;
    b2_a_new_session_brings_no_new_tries;
    b4_two_hundred_parallel_guesses_are_counted_before_they_are_answered;
    b5_a_right_password_clears_no_count;
    b10_a_throttled_person_can_still_recover;
    b15_the_window_is_one_step_either_side;
    b16_a_code_is_checked_for_the_subject_of_the_ticket;
    twenty_failures_in_a_row_disable_the_authenticator;
}

fn b1_the_cap_holds_across_logins(world: World) {
    let ada = world.enrolled("ada");
    let wrong = world.wrong_code(&ada);
    let mut compared = 0;
    for _ in 0..12 {
        match world.login(&ada, &wrong) {
            Err(Error::Rejected(Rejection::WrongCode)) => compared += 1,
            answer => assert!(is_throttled(answer)),
        }
        world.wait(60);
    }
    // Twelve minutes: five guesses, however many logins they were spread over.
    assert_eq!(compared, 5);
    assert_eq!(world.count(EventKind::VerificationFailed), 5);
    assert!(is_throttled(world.login(&ada, &ada.app.code_at(world.now()))), "the sixth is not compared");
}

fn b2_a_new_session_brings_no_new_tries(world: World) {
    let ada = world.enrolled("ada");
    let wrong = world.wrong_code(&ada);
    let old: Vec<_> = (0..3)
        .map(|_| {
            let ctx = world.visit("ada");
            let ticket = world.challenge(&ctx);
            (ctx, ticket)
        })
        .collect();
    for (ctx, ticket) in &old {
        assert!(is(world.verify(ctx, ticket, &wrong), Rejection::WrongCode));
    }
    let (ctx, ticket) = &old[0];
    assert!(is_throttled(world.verify(ctx, ticket, &wrong)), "the waits are the subject's");
    assert!(is_throttled(world.login(&ada, &wrong)));
    let begun = block_on(world.mfa.begin(&world.visit("ada"), FirstFactor::password(world.now()))).unwrap();
    assert!(matches!(begun, Next::Throttled { .. }));
}

fn b4_two_hundred_parallel_guesses_are_counted_before_they_are_answered(world: World) {
    let ada = world.enrolled("ada");
    let wrong = world.wrong_code(&ada);
    let ctx = world.visit("ada");
    let ticket = world.challenge(&ctx);
    let answers = par(200, |_| world.verify(&ctx, &ticket, &wrong));
    let compared = answers.iter().filter(|a| matches!(a, Err(Error::Rejected(Rejection::WrongCode)))).count();
    assert!((1..=5).contains(&compared), "{compared} were compared");
    assert_eq!(world.count(EventKind::VerificationFailed), compared, "each was counted");
    for answer in answers {
        let error = answer.unwrap_err();
        assert!(
            matches!(
                error,
                Error::Rejected(Rejection::WrongCode | Rejection::Throttled { .. })
                    | Error::Unavailable(Unavailable::Busy)
            ),
            "{error:?}"
        );
    }
}

fn b5_a_right_password_clears_no_count(world: World) {
    let ada = world.enrolled("ada");
    let wrong = world.wrong_code(&ada);
    for _ in 0..5 {
        assert!(is(world.login(&ada, &wrong), Rejection::WrongCode));
        world.wait(31);
        drop(world.begin(&world.visit("ada")).unwrap());
    }
    assert!(is_throttled(world.login(&ada, &wrong)));
}

fn b10_a_throttled_person_can_still_recover(world: World) {
    let ada = world.enrolled("ada");
    let wrong = world.wrong_code(&ada);
    for _ in 0..3 {
        assert!(is(world.login(&ada, &wrong), Rejection::WrongCode));
    }
    let ctx = world.visit("ada");
    let Next::Throttled { recover, until } = world.begin(&ctx).unwrap() else { panic!("not throttled") };
    assert!(until > world.now());
    assert!(block_on(world.mfa.recover(&ctx, &recover, &ada.recovery_code)).is_ok());
    assert_eq!(world.count(EventKind::Throttled), 1, "the owner is told once");
}

fn b15_the_window_is_one_step_either_side(world: World) {
    let ada = world.enrolled("ada");
    world.wait(600);
    let step = TimeStep::containing(world.now(), Period::THIRTY_SECONDS);
    for (offset, accepted) in [(-2, false), (2, false), (-1, true), (0, true), (1, true)] {
        let answer = world.login(&ada, &ada.app.code_of_step(step.offset(offset)));
        assert_eq!(answer.is_ok(), accepted, "step {offset}");
    }
}

fn b16_a_code_is_checked_for_the_subject_of_the_ticket(world: World) {
    let (ada, abel) = (world.enrolled("ada"), world.enrolled("abel"));
    let ctx = world.visit("ada");
    let ticket = world.challenge(&ctx);
    // Ada's ticket in Abel's name: it does not open, and nobody's counter moves.
    let swapped = world.visit("abel");
    assert!(is(world.verify(&swapped, &ticket, &abel.app.code_at(world.now())), Rejection::Expired));
    assert!(is(world.verify(&ctx, &ticket, &abel.app.code_at(world.now())), Rejection::WrongCode));
    assert_eq!(world.count(EventKind::VerificationFailed), 1);
    assert!(world.verify(&ctx, &ticket, &ada.app.code_at(world.now())).is_ok());
    assert!(world.login(&abel, &abel.app.code_at(world.now())).is_ok());
}

fn twenty_failures_in_a_row_disable_the_authenticator(world: World) {
    let ada = world.enrolled("ada");
    let mut failures = 0;
    while failures < 20 {
        let wrong = world.wrong_code(&ada);
        match world.login(&ada, &wrong) {
            Err(Error::Rejected(Rejection::WrongCode)) => failures += 1,
            answer => assert!(is_throttled(answer)),
        }
        world.wait(900);
    }
    assert!(matches!(world.begin(&world.visit("ada")).unwrap(), Next::RecoverOnly(_)));
    assert!(world.login(&ada, &ada.app.code_at(world.now())).is_err(), "the right code comes too late");
    for (kind, times) in [
        (EventKind::Throttled, 1),
        (EventKind::NearlyDisabled, 1),
        (EventKind::AuthenticatorDisabled, 1),
        (EventKind::VerificationFailed, 20),
    ] {
        assert_eq!(world.count(kind), times, "{}", kind.name());
    }
    // Waiting mends nothing; only a recovery code does.
    world.wait(40 * 24 * 3_600);
    assert!(matches!(world.begin(&world.visit("ada")).unwrap(), Next::RecoverOnly(_)));
    let ctx = world.visit("ada");
    let ticket = world.challenge(&ctx);
    let menu = block_on(world.mfa.recover(&ctx, &ticket, &ada.recovery_code)).unwrap();
    let ada = world.finish_enrollment(&ctx, &menu.ticket);
    world.wait(30);
    assert!(world.login(&ada, &ada.app.code_at(world.now())).is_ok());
}
