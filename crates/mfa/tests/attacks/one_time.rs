//! Codes that are used once and never again.

use crate::common::{World, par};
use mfa::{Error, EventKind, Rejection};
use mfa_core::time::{Period, TimeStep, UnixSeconds};

use crate::{is, on_each_backend};

on_each_backend! {
    a1_a_step_is_accepted_once;
    a2_the_guard_is_the_step_not_the_clock;
    a3_fifty_at_once_are_one_success;
    a4_an_older_step_is_refused_after_a_newer_one;
    a6_another_spelling_of_a_used_code_is_used;
    a7_the_code_that_confirmed_an_enrollment_is_used_up;
    a8_a_code_is_used_up_on_every_surface;
    a11_a_lost_update_brings_no_code_back;
    e8_a_clock_set_back_revives_no_step;
}

fn a1_a_step_is_accepted_once(world: World) {
    let ada = world.enrolled("ada");
    let code = ada.app.code_at(world.now());
    assert_eq!(world.login(&ada, &code).unwrap().amr(), ["pwd", "otp", "mfa"]);
    assert!(is(world.login(&ada, &code), Rejection::AlreadyUsed));
    world.wait(29);
    assert!(is(world.login(&ada, &code), Rejection::AlreadyUsed));
    world.wait(1);
    assert!(world.login(&ada, &ada.app.code_at(world.now())).is_ok());
}

fn a2_the_guard_is_the_step_not_the_clock(world: World) {
    let ada = world.enrolled("ada");
    let early = ada.app.code_at(UnixSeconds::new(world.now().get() + 30));
    assert!(world.login(&ada, &early).is_ok(), "a fast phone's code is accepted one step early");
    for seconds in [0, 30, 29] {
        world.wait(seconds);
        assert!(is(world.login(&ada, &early), Rejection::AlreadyUsed), "{seconds} s later");
    }
}

fn a3_fifty_at_once_are_one_success(world: World) {
    let ada = world.enrolled("ada");
    let code = ada.app.code_at(world.now());
    let sessions: Vec<_> = (0..50)
        .map(|_| {
            let ctx = world.visit("ada");
            let ticket = world.challenge(&ctx);
            (ctx, ticket)
        })
        .collect();
    let answers = par(50, |i| world.verify(&sessions[i].0, &sessions[i].1, &code));
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for answer in answers.into_iter().filter(Result::is_err) {
        let error = answer.unwrap_err();
        assert!(
            matches!(
                error,
                Error::Rejected(Rejection::AlreadyUsed) | Error::Unavailable(mfa::Unavailable::Busy)
            ),
            "{error:?}"
        );
    }
    assert_eq!(world.count(EventKind::Verified), 1);
}

fn a4_an_older_step_is_refused_after_a_newer_one(world: World) {
    let ada = world.enrolled("ada");
    let older = ada.app.code_at(world.now());
    world.wait(30);
    assert!(world.login(&ada, &ada.app.code_at(world.now())).is_ok());
    assert!(is(world.login(&ada, &older), Rejection::AlreadyUsed));
}

fn a6_another_spelling_of_a_used_code_is_used(world: World) {
    let ada = world.enrolled("ada");
    let code = ada.app.code_at(world.now());
    assert!(world.login(&ada, &format!("{} {}", &code[..3], &code[3..])).is_ok());
    for spelling in [format!(" {code} "), format!("{}-{}", &code[..3], &code[3..]), code.clone()] {
        assert!(is(world.login(&ada, &spelling), Rejection::AlreadyUsed), "{spelling:?}");
    }
    for malformed in [format!("{code}\n"), format!("{code}\0"), format!("+{code}"), format!("0{code}")] {
        assert!(is(world.login(&ada, &malformed), Rejection::Malformed), "{malformed:?}");
    }
}

fn a7_the_code_that_confirmed_an_enrollment_is_used_up(world: World) {
    let ctx = world.visit("ada");
    let ticket = world.enroll_ticket(&ctx);
    let ada = world.finish_enrollment(&ctx, &ticket);
    assert!(is(world.login(&ada, &ada.app.code_at(world.now())), Rejection::AlreadyUsed));
    world.wait(30);
    assert!(world.login(&ada, &ada.app.code_at(world.now())).is_ok());
}

fn a8_a_code_is_used_up_on_every_surface(world: World) {
    // Every surface answers a challenge through one consume path: the same ticket twice, another ticket of the
    // same session, and another session.
    let ada = world.enrolled("ada");
    let code = ada.app.code_at(world.now());
    let ctx = world.visit("ada");
    let (first, second) = (world.challenge(&ctx), world.challenge(&ctx));
    assert!(world.verify(&ctx, &first, &code).is_ok());
    assert!(is(world.verify(&ctx, &first, &code), Rejection::AlreadyUsed));
    assert!(is(world.verify(&ctx, &second, &code), Rejection::AlreadyUsed));
    assert!(is(world.login(&ada, &code), Rejection::AlreadyUsed));
}

fn a11_a_lost_update_brings_no_code_back(world: World) {
    let ada = world.enrolled("ada");
    let step = TimeStep::containing(world.now(), Period::THIRTY_SECONDS);
    let codes = [ada.app.code_of_step(step), ada.app.code_of_step(step.offset(1))];
    for _ in 0..2 {
        drop(par(2, |i| world.login(&ada, &codes[i])));
    }
    for code in &codes {
        assert!(is(world.login(&ada, code), Rejection::AlreadyUsed));
    }
    assert!(world.count(EventKind::Verified) <= 2);
}

fn e8_a_clock_set_back_revives_no_step(world: World) {
    let ada = world.enrolled("ada");
    let code = ada.app.code_at(world.now());
    assert!(world.login(&ada, &code).is_ok());
    for back in [30, 3_600] {
        let now = world.now().get();
        world.clock.set(now - back);
        assert!(world.login(&ada, &code).is_err(), "{back} s back");
        assert!(world.login(&ada, &ada.app.code_at(world.now())).is_err(), "an old step, {back} s back");
        world.clock.set(now);
    }
}
