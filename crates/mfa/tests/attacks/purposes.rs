//! Fresh proof: for its purpose, for its transaction, for as long as policy says, and once.

use std::time::Duration;

use crate::common::faults::{Fault, FaultStorage};
use crate::common::{Person, World, keyring, par};
use mfa::policy::Purpose;
use mfa::{
    Asked, Assertion, Context, Error, EventKind, FirstFactor, Mfa, Rejection, Remember, Standing,
    Transaction, Unavailable, Wanted,
};
use pollster::block_on;

use crate::{is, is_throttled, on_each_backend};

on_each_backend! {
    a8_a_code_of_sign_in_is_used_up_for_every_other_purpose;
    b7_another_surface_gives_no_fresh_tries;
    c11_what_was_proved_for_one_purpose_is_worth_nothing_for_another;
    c21_freshness_is_the_time_of_the_factor;
    managing_takes_the_password_again_too;
    inv_2_a_transaction_is_redeemed_once_however_many_ask;
    inv_4_fresh_proof_comes_only_of_a_session_that_stands;
    t12_a_transaction_redeemed_before_a_crash_is_already_redeemed;
    a_proof_is_for_its_transaction_and_no_other;
    ten_wrong_codes_for_transactions_end_every_session;
    sixteen_transactions_in_a_day_are_enough;
    e8_t9_a_clock_that_jumped_redeems_nothing_twice;
    two_codes_in_a_row_move_the_drift_and_sign_nobody_in;
}

fn payment(id: &str) -> Transaction {
    Transaction::new(id, "1250.00", "USD", "Acme Concrete").unwrap()
}

/// Confirms a transaction with the next code.
fn confirmed(
    world: &World,
    person: &Person,
    ctx: &Context,
    session: &Assertion,
    of: &Transaction,
) -> Assertion {
    let ticket = world.asked(ctx, session, Wanted::Transaction(of));
    let assertion = world.verify(ctx, &ticket, &person.app.code_at(world.now())).unwrap();
    world.wait(30);
    assertion
}

fn a8_a_code_of_sign_in_is_used_up_for_every_other_purpose(world: World) {
    let ada = world.enrolled("ada");
    let ctx = world.visit("ada");
    let ticket = world.challenge(&ctx);
    let code = ada.app.code_at(world.now());
    let session = world.verify(&ctx, &ticket, &code).unwrap();
    let ticket = world.asked(&ctx, &session, Wanted::Transaction(&payment("1")));
    assert!(is(world.verify(&ctx, &ticket, &code), Rejection::AlreadyUsed));
    assert!(is(block_on(world.mfa.resynchronise(&ctx, &ticket, &code, &code)), Rejection::WrongCode));
}

fn b7_another_surface_gives_no_fresh_tries(world: World) {
    let ada = world.enrolled("ada");
    let (ctx, session) = world.signed_in(&ada);
    let wrong = world.wrong_code(&ada);
    let surfaces = |n: usize| match n % 3 {
        0 => world
            .verify(&ctx, &world.asked(&ctx, &session, Wanted::Transaction(&payment("1"))), &wrong)
            .map(|_| ()),
        1 => {
            let ticket = world.asked(&ctx, &session, Wanted::Transaction(&payment("2")));
            block_on(world.mfa.resynchronise(&ctx, &ticket, &wrong, &wrong))
        }
        _ => {
            let other = world.visit("ada");
            let ticket = world.challenge(&other);
            world.verify(&other, &ticket, &wrong).map(|_| ())
        }
    };
    for n in 0..3 {
        assert!(is(surfaces(n), Rejection::WrongCode), "{n}");
    }
    // The third in a row has a wait after it, wherever each of them was made.
    assert!(is_throttled(
        block_on(world.mfa.challenge(&ctx, &session, Wanted::Transaction(&payment("3")), None)).and_then(
            |asked| match asked {
                Asked::Throttled { until } => Err(Error::Rejected(Rejection::Throttled { until })),
                _ => Ok(()),
            }
        )
    ));
    assert_eq!(
        world.count(EventKind::VerificationFailed) + world.count(EventKind::ResynchronisationFailed),
        3
    );
}

fn c11_what_was_proved_for_one_purpose_is_worth_nothing_for_another(world: World) {
    let ada = world.enrolled("ada");
    let (ctx, session) = world.signed_in(&ada);
    world.wait(600);
    let now = world.now();
    let of = |wanted: Wanted<'_>| {
        let first = Some(FirstFactor::password(world.now()));
        let ticket = match block_on(world.mfa.challenge(&ctx, &session, wanted, first)).unwrap() {
            Asked::Challenge(challenge) => challenge.ticket,
            other => panic!("{other:?}"),
        };
        let proved = world.verify(&ctx, &ticket, &ada.app.code_at(world.now())).unwrap();
        world.wait(30);
        proved
    };
    let proofs = [
        (Purpose::Manage, of(Wanted::Manage)),
        (Purpose::StepUp, of(Wanted::StepUp)),
        (Purpose::Transaction, of(Wanted::Transaction(&payment("1")))),
    ];
    assert!(world.now().since(now) < Duration::from_secs(300), "all of them are fresh");
    for (proved, assertion) in &proofs {
        for wanted in Purpose::ALL {
            let standing = block_on(world.mfa.check(&ctx, assertion, wanted)).unwrap();
            assert_eq!(standing == Standing::Good, *proved == wanted, "{proved} for {wanted}: {standing:?}");
        }
        // None of them begins another challenge either: only the session does.
        let asked = block_on(world.mfa.challenge(&ctx, assertion, Wanted::StepUp, None));
        assert!(is(asked, Rejection::Expired), "{proved}");
    }
    // A fresh sign-in stands for what is asked again, but never for a transaction.
    let (ctx, session) = world.signed_in(&ada);
    for wanted in Purpose::ALL {
        let standing = block_on(world.mfa.check(&ctx, &session, wanted)).unwrap();
        assert_eq!(standing == Standing::Good, wanted != Purpose::Transaction, "{wanted}");
    }
}

fn c21_freshness_is_the_time_of_the_factor(world: World) {
    let ada = world.enrolled("ada");
    let (ctx, session) = world.signed_in(&ada);
    world.wait(600);
    // Looking, opening it again and asking again refresh nothing.
    let reopened = world.mfa.open_assertion(&ctx, session.as_str()).unwrap();
    for _ in 0..3 {
        assert_eq!(block_on(world.mfa.check(&ctx, &reopened, Purpose::Session)).unwrap(), Standing::Good);
        let standing = block_on(world.mfa.check(&ctx, &reopened, Purpose::StepUp)).unwrap();
        assert_eq!(standing, Standing::FactorWanted);
        world.asked(&ctx, &reopened, Wanted::StepUp);
        // The password alone does not either.
        let first = Some(FirstFactor::password(world.now()));
        let asked = block_on(world.mfa.challenge(&ctx, &reopened, Wanted::StepUp, first)).unwrap();
        assert!(matches!(asked, Asked::Challenge(_)), "{asked:?}");
    }
}

fn managing_takes_the_password_again_too(world: World) {
    let ada = world.enrolled("ada");
    let (ctx, session) = world.signed_in(&ada);
    world.wait(600);
    let asked = block_on(world.mfa.challenge(&ctx, &session, Wanted::Manage, None)).unwrap();
    assert!(matches!(asked, Asked::FirstFactor { methods } if !methods.is_empty()), "{asked:?}");
    // A fresh code under an old password is not enough for it.
    let ticket = world.asked(&ctx, &session, Wanted::StepUp);
    let stepped_up = world.verify(&ctx, &ticket, &ada.app.code_at(world.now())).unwrap();
    assert!(is(block_on(world.mfa.change_app(&ctx, &stepped_up, None)), Rejection::FreshProofWanted));
    assert!(is(block_on(world.mfa.change_app(&ctx, &session, None)), Rejection::FreshProofWanted));
    world.wait(30);
    let first = Some(FirstFactor::password(world.now()));
    let Asked::Challenge(challenge) =
        block_on(world.mfa.challenge(&ctx, &session, Wanted::Manage, first)).unwrap()
    else {
        panic!("the code is old too")
    };
    let managing = world.verify(&ctx, &challenge.ticket, &ada.app.code_at(world.now())).unwrap();
    assert!(block_on(world.mfa.change_app(&ctx, &managing, None)).is_ok());
    world.wait(301);
    assert!(is(block_on(world.mfa.change_app(&ctx, &managing, None)), Rejection::FreshProofWanted));
}

fn inv_2_a_transaction_is_redeemed_once_however_many_ask(world: World) {
    let ada = world.enrolled("ada");
    let (ctx, session) = world.signed_in(&ada);
    let of = payment("1");
    let proof = confirmed(&world, &ada, &ctx, &session, &of);
    let other = confirmed(&world, &ada, &ctx, &session, &of);
    let redeemed = par(30, |n| {
        let proof = if n % 2 == 0 { &proof } else { &other };
        block_on(world.mfa.redeem(&ctx, proof, &of))
    });
    assert_eq!(redeemed.iter().filter(|answer| answer.is_ok()).count(), 1);
    for answer in redeemed {
        let is_told = matches!(
            answer,
            Ok(()) | Err(Error::Rejected(Rejection::AlreadyRedeemed) | Error::Unavailable(Unavailable::Busy))
        );
        assert!(is_told, "{answer:?}");
    }
    assert!(is(block_on(world.mfa.redeem(&ctx, &proof, &of)), Rejection::AlreadyRedeemed));
    let told: Vec<_> =
        world.events().into_iter().filter(|e| e.kind == EventKind::TransactionRedeemed).collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].reference.as_deref(), Some("1"));
}

fn inv_4_fresh_proof_comes_only_of_a_session_that_stands(world: World) {
    let ada = world.enrolled("ada");
    let (ctx, session) = world.signed_in(&ada);
    block_on(world.mfa.first_factor_changed(&ctx)).unwrap();
    for wanted in [Wanted::Manage, Wanted::StepUp, Wanted::Transaction(&payment("1"))] {
        let first = Some(FirstFactor::password(world.now()));
        let asked = block_on(world.mfa.challenge(&ctx, &session, wanted, first));
        assert!(is(asked, Rejection::Expired), "{wanted:?}");
    }
    // Somebody without an authenticator has nothing to confirm a transaction with.
    let ctx = world.visit("abel");
    let ticket = world.enroll_ticket(&ctx);
    let skipped = block_on(world.mfa.skip(&ctx, &ticket)).unwrap();
    let asked = block_on(world.mfa.challenge(&ctx, &skipped, Wanted::Transaction(&payment("1")), None));
    assert!(is(asked, Rejection::NotAllowed));
    // And a password that is fresh is all there is to prove for the rest.
    let asked = block_on(world.mfa.challenge(&ctx, &skipped, Wanted::Manage, None)).unwrap();
    assert!(matches!(asked, Asked::Proved(_)), "{asked:?}");
    world.wait(600);
    let asked = block_on(world.mfa.challenge(&ctx, &skipped, Wanted::Manage, None)).unwrap();
    assert!(matches!(asked, Asked::FirstFactor { methods } if methods.is_empty()), "{asked:?}");
}

fn t12_a_transaction_redeemed_before_a_crash_is_already_redeemed(world: World) {
    let ada = world.enrolled("ada");
    let (ctx, session) = world.signed_in(&ada);
    for (number, fault) in [Fault::Before, Fault::AfterApplying].into_iter().enumerate() {
        for call in 0..2 {
            let of = payment(&format!("{number}-{call}"));
            let proof = confirmed(&world, &ada, &ctx, &session, &of);
            let storage = FaultStorage::new(world.storage(), fault);
            let mfa = Mfa::builder()
                .keyring(keyring())
                .storage(storage.clone())
                .clock(world.clock.clone())
                .random(world.random.clone())
                .build()
                .unwrap();
            // The caller goes away at the call, as a process does that is killed: what it began is dropped.
            storage.fail_at(call);
            let first = block_on(mfa.redeem(&ctx, &proof, &of));
            storage.heal();
            let second = block_on(mfa.redeem(&ctx, &proof, &of));
            match (&first, &second) {
                (Ok(()), Err(Error::Rejected(Rejection::AlreadyRedeemed))) => {}
                (Err(Error::Unavailable(_)), Ok(()) | Err(Error::Rejected(Rejection::AlreadyRedeemed))) => {}
                other => panic!("{fault:?} at {call}: {other:?}"),
            }
            assert!(is(block_on(world.mfa.redeem(&ctx, &proof, &of)), Rejection::AlreadyRedeemed));
        }
    }
    assert_eq!(world.count(EventKind::TransactionRedeemed), 4, "each once");
}

fn a_proof_is_for_its_transaction_and_no_other(world: World) {
    let ada = world.enrolled("ada");
    let (ctx, session) = world.signed_in(&ada);
    let proof = confirmed(&world, &ada, &ctx, &session, &payment("1"));
    for other in [
        payment("2"),
        Transaction::new("1", "1250.01", "USD", "Acme Concrete").unwrap(),
        Transaction::new("1", "1250.00", "CAD", "Acme Concrete").unwrap(),
        Transaction::new("1", "1250.00", "USD", "Acme Concrete Ltd").unwrap(),
    ] {
        assert!(is(block_on(world.mfa.redeem(&ctx, &proof, &other)), Rejection::NotAllowed), "{other:?}");
    }
    assert!(is(block_on(world.mfa.redeem(&ctx, &session, &payment("1"))), Rejection::NotAllowed));
    assert!(block_on(world.mfa.redeem(&ctx, &proof, &payment("1"))).is_ok());
    // The id is one transaction for ever: another amount under it is refused even with a proof of its own.
    let other = Transaction::new("1", "9.00", "USD", "Acme Concrete").unwrap();
    let theirs = confirmed(&world, &ada, &ctx, &session, &other);
    assert!(is(block_on(world.mfa.redeem(&ctx, &theirs, &other)), Rejection::NotAllowed));
    // A proof is redeemed soon or not at all, and in no other session.
    let late = confirmed(&world, &ada, &ctx, &session, &payment("3"));
    let elsewhere = world.visit("ada");
    assert!(world.mfa.open_assertion(&elsewhere, late.as_str()).is_err());
    world.wait(301);
    assert!(is(block_on(world.mfa.redeem(&ctx, &late, &payment("3"))), Rejection::FreshProofWanted));
}

fn ten_wrong_codes_for_transactions_end_every_session(world: World) {
    let ada = world.enrolled("ada");
    let (ctx, session) = world.signed_in(&ada);
    let (other, beside) = world.signed_in(&ada);
    for n in 1..=10 {
        world.wait(900);
        let of = payment(&n.to_string());
        let (ctx, session) = if n % 2 == 0 { (&ctx, &session) } else { (&other, &beside) };
        let ticket = world.asked(ctx, session, Wanted::Transaction(&of));
        let answer = world.verify(ctx, &ticket, &world.wrong_code(&ada));
        let wanted = if n < 10 { Rejection::WrongCode } else { Rejection::SessionEnded };
        assert!(is(answer, wanted), "{n}");
    }
    assert_eq!(world.count(EventKind::SessionsEnded), 1);
    world.wait(900);
    for (ctx, session) in [(&ctx, &session), (&other, &beside)] {
        let standing = block_on(world.mfa.check(ctx, session, Purpose::Session)).unwrap();
        assert_eq!(standing, Standing::Ended);
        let asked = block_on(world.mfa.challenge(ctx, session, Wanted::Transaction(&payment("a")), None));
        assert!(is(asked, Rejection::Expired));
    }
    // Signing in again is all it takes, and the count begins anew.
    let (ctx, session) = world.signed_in(&ada);
    let proof = confirmed(&world, &ada, &ctx, &session, &payment("b"));
    assert!(block_on(world.mfa.redeem(&ctx, &proof, &payment("b"))).is_ok());
}

fn sixteen_transactions_in_a_day_are_enough(world: World) {
    let ada = world.enrolled("ada");
    let (ctx, session) = world.signed_in(&ada);
    let redeem = |id: &str| {
        let of = payment(id);
        let proof = confirmed(&world, &ada, &ctx, &session, &of);
        block_on(world.mfa.redeem(&ctx, &proof, &of))
    };
    let waiting = payment("waiting");
    let proof = confirmed(&world, &ada, &ctx, &session, &waiting);
    for n in 0..16 {
        redeem(&n.to_string()).unwrap();
        world.wait(60);
        if n == 0 {
            assert!(world.now().since(proof.issued_at()) < Duration::from_secs(300));
        }
    }
    let asked = block_on(world.mfa.challenge(&ctx, &session, Wanted::Transaction(&payment("17")), None));
    assert!(is_throttled(asked), "told before the person types a code");
    world.wait(24 * 3_600);
    // The session has grown old meanwhile; a new one goes on.
    let (ctx, session) = world.signed_in(&ada);
    let of = payment("17");
    let proof = confirmed(&world, &ada, &ctx, &session, &of);
    assert!(block_on(world.mfa.redeem(&ctx, &proof, &of)).is_ok());
}

fn e8_t9_a_clock_that_jumped_redeems_nothing_twice(world: World) {
    let ada = world.enrolled("ada");
    let (ctx, session) = world.signed_in(&ada);
    let of = payment("1");
    let proof = confirmed(&world, &ada, &ctx, &session, &of);
    block_on(world.mfa.redeem(&ctx, &proof, &of)).unwrap();
    let now = world.now();
    // A node whose clock is two days ahead forgets what is a day old, and keeps something of its own.
    let ahead = mfa::testing::HandClock::at(now.get() + 2 * 24 * 3_600);
    let node = world.second_node(&ahead);
    let theirs = world.visit("ada");
    let begun = block_on(node.begin(&theirs, FirstFactor::password(ahead.reading()))).unwrap();
    let mfa::Next::Challenge(challenge) = begun else { panic!("{begun:?}") };
    let code = ada.app.code_at(ahead.reading());
    let there = block_on(node.verify(&theirs, &challenge.ticket, &code, Remember::No)).unwrap();
    ahead.advance(Duration::from_secs(30));
    let other = payment("2");
    let Asked::Challenge(challenge) =
        block_on(node.challenge(&theirs, &there, Wanted::Transaction(&other), None)).unwrap()
    else {
        panic!("a challenge")
    };
    let code = ada.app.code_at(ahead.reading());
    let later = block_on(node.verify(&theirs, &challenge.ticket, &code, Remember::No)).unwrap();
    block_on(node.redeem(&theirs, &later, &other)).unwrap();
    // Back on the node whose clock is right, the first proof is still fresh, and still worth nothing.
    assert!(world.now().since(proof.issued_at()) < Duration::from_secs(300));
    assert!(block_on(world.mfa.redeem(&ctx, &proof, &of)).is_err());
    assert!(block_on(world.mfa.redeem(&theirs, &later, &other)).is_err());
    assert_eq!(world.count(EventKind::TransactionRedeemed), 2);
}

fn two_codes_in_a_row_move_the_drift_and_sign_nobody_in(world: World) {
    let ada = world.enrolled("ada");
    world.wait(300);
    // Her phone's clock is two minutes slow: nothing that it shows is in the window.
    let shown = |back: u64| ada.app.code_at(world.now().minus(Duration::from_secs(120 + back)));
    assert!(is(world.login(&ada, &shown(0)), Rejection::WrongCode));
    let ctx = world.visit("ada");
    let ticket = world.challenge(&ctx);
    let resynchronise =
        |first: &str, second: &str| block_on(world.mfa.resynchronise(&ctx, &ticket, first, second));
    assert!(is(resynchronise("12345", &shown(0)), Rejection::Malformed));
    assert!(is(resynchronise(&shown(0), &shown(30)), Rejection::WrongCode), "not in this order");
    assert!(resynchronise(&shown(30), &shown(0)).is_ok());
    assert_eq!(world.count(EventKind::Resynchronised), 1);
    // Both codes are used up, for this and for signing in.
    assert!(is(resynchronise(&shown(30), &shown(0)), Rejection::WrongCode));
    world.wait(5); // three failures in a row
    assert!(is(world.login(&ada, &shown(0)), Rejection::AlreadyUsed));
    world.wait(30);
    assert!(world.login(&ada, &shown(0)).is_ok(), "and from now on her codes are right");
    // A ticket that is over resynchronises nothing.
    block_on(world.mfa.first_factor_changed(&ctx)).unwrap();
    world.wait(90);
    assert!(is(resynchronise(&shown(30), &shown(0)), Rejection::Expired));
}
