//! One code that fits two live steps.

use crate::common::{START, World};
use mfa::Rejection;
use mfa_core::time::{Period, TimeStep, UnixSeconds};

use crate::{is, on_each_backend};

on_each_backend! {
    a5_the_highest_of_two_matching_steps_is_recorded;
}

/// Keys are drawn by the library, so the pair is searched for this key: neighbouring steps that share a code come
/// once in about half a million.
fn a5_the_highest_of_two_matching_steps_is_recorded(world: World) {
    let ada = world.enrolled("ada");
    let first = TimeStep::containing(UnixSeconds::new(START + 3_600), Period::THIRTY_SECONDS);
    let mut step = first;
    let mut code = ada.app.code_of_step(step);
    loop {
        let next = ada.app.code_of_step(step.offset(1));
        if next == code {
            break;
        }
        (step, code) = (step.offset(1), next);
    }
    world.clock.set(step.starts_at(Period::THIRTY_SECONDS).get());
    assert!(world.login(&ada, &code).is_ok());
    // The lower step was the current one; had it been recorded, the same digits would pass as the higher one.
    assert!(is(world.login(&ada, &code), Rejection::AlreadyUsed));
    world.wait(30);
    assert!(is(world.login(&ada, &code), Rejection::AlreadyUsed));
}
