//! Laws over generated inputs, through the facade.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on must stop"
)]

mod common;

use common::World;
use mfa::{Acknowledged, Error, Rejection, Remember, Ticket, kind};
use mfa_core::time::{Period, TimeStep};
use pollster::block_on;
use proptest::prelude::*;

/// One ticket of each kind, of one sign-in of one subject.
fn one_of_each(world: &World) -> (mfa::Context, Vec<String>) {
    let ctx = world.visit("ada");
    let enroll = world.enroll_ticket(&ctx);
    let pending = block_on(world.mfa.enroll_app(&ctx, &enroll)).unwrap();
    let app = mfa::testing::TestAuthenticator::scan(&pending).unwrap();
    let confirmed = block_on(world.mfa.confirm(&ctx, &pending.ticket, &app.code_at(world.now()))).unwrap();
    let texts = [enroll.as_str(), pending.ticket.as_str(), confirmed.ticket.as_str()].map(str::to_owned);
    let mut texts = texts.to_vec();
    let assertion = block_on(world.mfa.activate(&ctx, &confirmed.ticket, Acknowledged)).unwrap();
    texts.push(assertion.as_str().to_owned());
    texts.push(world.challenge(&ctx).as_str().to_owned());
    (ctx, texts)
}

/// Presents `text` as a ticket of every kind but `own` and answers whether any call took it.
fn opens_as_another(world: &World, ctx: &mfa::Context, text: &str, own: usize) -> bool {
    let is_over = |error: Error| matches!(error, Error::Rejected(Rejection::Expired));
    let answers = [
        block_on(world.mfa.enroll_app(ctx, &Ticket::<kind::Enroll>::parse(text).unwrap())).map(|_| ()),
        block_on(world.mfa.confirm(ctx, &Ticket::<kind::Pending>::parse(text).unwrap(), "000000"))
            .map(|_| ()),
        block_on(world.mfa.activate(ctx, &Ticket::<kind::Confirmed>::parse(text).unwrap(), Acknowledged))
            .map(|_| ()),
        world.mfa.open_assertion(ctx, text).map(|_| ()),
        block_on(world.mfa.verify(
            ctx,
            &Ticket::<kind::Challenge>::parse(text).unwrap(),
            "000000",
            Remember::No,
        ))
        .map(|_| ()),
    ];
    answers.into_iter().enumerate().any(|(kind, answer)| kind != own && !answer.is_err_and(is_over))
}

#[test]
fn inv_12_a_ticket_of_one_kind_never_opens_as_another() {
    let world = World::memory();
    let (ctx, texts) = one_of_each(&world);
    for (own, text) in texts.iter().enumerate() {
        assert!(!opens_as_another(&world, &ctx, text, own), "kind {own}");
    }
    proptest!(ProptestConfig::with_cases(256), |(own in 0usize..5, at in any::<prop::sample::Index>(), bit in 0u8..6)| {
        // Altered anywhere, it opens as nothing at all, its own kind included.
        let mut altered = texts[own].clone().into_bytes();
        let at = at.index(altered.len());
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let value = alphabet.iter().position(|c| *c == altered[at]).unwrap();
        altered[at] = alphabet[value ^ (1 << bit)];
        let altered = String::from_utf8(altered).unwrap();
        prop_assert!(!opens_as_another(&world, &ctx, &altered, usize::MAX));
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// INV-1: over any sequence of calls, with the clock going wherever it likes, accepted steps strictly increase.
    #[test]
    fn inv_1_the_accepted_step_strictly_increases(
        calls in prop::collection::vec((-120i64..600, -3i64..=3), 1..24),
    ) {
        let world = World::memory();
        let ada = world.enrolled("ada");
        let mut last = TimeStep::containing(world.now(), Period::THIRTY_SECONDS).offset(-1);
        for (turn, offset) in calls {
            world.clock.set(world.now().get().saturating_add_signed(turn));
            let step = TimeStep::containing(world.now(), Period::THIRTY_SECONDS).offset(offset);
            let code = ada.app.code_of_step(step);
            let matching: Vec<TimeStep> = (-1..=1)
                .map(|o| TimeStep::containing(world.now(), Period::THIRTY_SECONDS).offset(o))
                .filter(|s| ada.app.code_of_step(*s) == code)
                .collect();
            let ctx = world.visit("ada");
            let ticket = world.challenge(&ctx);
            if world.verify(&ctx, &ticket, &code).is_ok() {
                let accepted = matching.into_iter().max().unwrap();
                prop_assert!(accepted > last);
                last = accepted;
            }
        }
    }

    /// No input, whatever it is, makes a call panic or spend an attempt unless it has the form of a code.
    #[test]
    fn any_text_is_a_clear_answer(typed in ".{0,80}") {
        let world = World::memory();
        drop(world.enrolled("ada"));
        let ctx = world.visit("ada");
        let ticket = world.challenge(&ctx);
        let digits = typed.chars().filter(|c| !matches!(c, ' ' | '-')).collect::<String>();
        let has_form = digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_digit()) && typed.len() <= 64;
        match world.verify(&ctx, &ticket, &typed) {
            Err(Error::Rejected(Rejection::Malformed)) => prop_assert!(!has_form),
            Ok(_) | Err(Error::Rejected(Rejection::WrongCode | Rejection::AlreadyUsed)) => prop_assert!(has_form),
            other => prop_assert!(false, "{other:?}"),
        }
        let answer = block_on(world.mfa.recover(&ctx, &ticket, &typed));
        prop_assert!(matches!(answer, Err(Error::Rejected(Rejection::Malformed | Rejection::WrongCode))));
    }
}
