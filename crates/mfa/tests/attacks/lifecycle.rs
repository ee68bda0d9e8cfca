//! Moved, erased, rotated, dropped, never finished: what happens to a subject from outside.

use std::future::Future;
use std::pin::pin;
use std::task::{Context as Polling, Poll, Waker};
use std::time::Duration;

use crate::common::{World, keyring};
use mfa::policy::Purpose;
use mfa::storage::{Expected, Write};
use mfa::testing::{HandClock, SeededRandom};
use mfa::{
    Acknowledged, Context, Error, EventKind, FirstFactor, KeyState, Mfa, Next, Realm, Rejection, Remember,
    Standing, Subject, SubjectId, Unavailable, policy::Attributes,
};
use mfa_core::id::Pseudonym;
use pollster::block_on;

use crate::{is, on_each_backend};

on_each_backend! {
    b6_a_hosts_rollback_uncounts_nothing;
    e14_a_sign_in_that_is_never_finished_is_told_of;
    t1_tickets_from_before_an_erasure_are_dead;
    t7_a_recovery_code_survives_its_key;
    t8_a_future_dropped_anywhere_leaves_all_or_nothing;
    t9_a_clock_an_hour_ahead_stops_nothing_when_it_is_set_right;
    t10_a_row_rolled_back_is_only_what_the_documents_say;
    inv_1_a_subject_that_moves_is_never_open_under_two_identifiers;
    a_subject_is_not_moved_onto_somebody_else;
}

fn about(account: &str) -> Context {
    let subject = Subject::new(SubjectId::new(account).unwrap(), account, Attributes::new());
    Context::about(Realm::new("main", "Example").unwrap(), subject)
}

fn b6_a_hosts_rollback_uncounts_nothing(world: World) {
    let ada = world.enrolled("ada");
    let wrong = world.wrong_code(&ada);
    // A handler that fails after each guess, as one does whose own transaction is rolled back.
    for _ in 0..3 {
        let handler = || -> Result<(), Error> {
            let answer = world.login(&ada, &wrong);
            drop(answer?);
            Ok(())
        };
        assert!(handler().is_err());
    }
    assert_eq!(world.count(EventKind::VerificationFailed), 3);
    assert!(matches!(world.begin(&world.visit("ada")).unwrap(), Next::Throttled { .. }));
}

fn e14_a_sign_in_that_is_never_finished_is_told_of(world: World) {
    let (ada, abel) = (world.enrolled("ada"), world.enrolled("abel"));
    drop(world.challenge(&world.visit("ada")));
    drop(world.challenge(&world.visit("abel")));
    for _ in 0..5 {
        // Trying again puts nothing off.
        world.wait(119);
        drop(world.challenge(&world.visit("ada")));
        assert_eq!(block_on(world.mfa.maintain()).unwrap().unfinished, 0);
    }
    assert!(world.login(&abel, &abel.app.code_at(world.now())).is_ok());
    world.wait(5);
    assert_eq!(block_on(world.mfa.maintain()).unwrap().unfinished, 1);
    assert_eq!(world.count(EventKind::SignInUnfinished), 1, "of ada, and not of abel who finished");
    assert_eq!(block_on(world.mfa.maintain()).unwrap().unfinished, 0, "told once");
    // A record that does not open keeps nobody else's from being told of.
    let broken = world.enrolled("eve");
    drop(world.challenge(&world.visit("eve")));
    drop(world.challenge(&world.visit("ada")));
    let key = about("eve").key().clone();
    let there = block_on(world.storage().load(&key)).unwrap().unwrap();
    let write = Write {
        sealed: vec![0; 64],
        summary: there.summary,
        stream: Pseudonym::from_bytes([4; 16]),
        events: Vec::new(),
    };
    let done = block_on(world.storage().commit(&key, Expected::At(there.version), write)).unwrap();
    assert!(matches!(done, mfa::storage::CommitOutcome::Committed { .. }));
    world.wait(600);
    assert!(matches!(block_on(world.mfa.maintain()), Err(Error::Unavailable(Unavailable::RecordUnreadable))));
    assert_eq!(world.count(EventKind::SignInUnfinished), 2, "of ada, too");
    assert!(block_on(world.mfa.maintain()).is_ok());
    drop(broken);
    // A wrong code finishes nothing, and neither does another node's success go unnoticed.
    drop(world.login(&ada, &world.wrong_code(&ada)));
    drop(world.challenge(&world.visit("abel")));
    world.wait(60);
    let node = world.second_node(&world.clock);
    let ctx = world.visit("abel");
    let Next::Challenge(challenge) = block_on(node.begin(&ctx, FirstFactor::password(world.now()))).unwrap()
    else {
        panic!("asked")
    };
    let code = abel.app.code_at(world.now());
    block_on(node.verify(&ctx, &challenge.ticket, &code, Remember::No)).unwrap();
    world.wait(600);
    assert_eq!(block_on(world.mfa.maintain()).unwrap().unfinished, 1);
    assert_eq!(world.count(EventKind::SignInUnfinished), 3, "of ada again");
}

fn t1_tickets_from_before_an_erasure_are_dead(world: World) {
    let ada = world.enrolled("ada");
    let (ctx, session) = world.signed_in(&ada);
    let visit = world.visit("ada");
    let challenge = world.challenge(&visit);
    // One from before there was any record at all, too.
    let stranger = world.visit("eve");
    let early = world.enroll_ticket(&stranger);
    let other = world.visit("eve");
    let ticket = world.enroll_ticket(&other);
    world.finish_enrollment(&other, &ticket);
    for account in ["ada", "eve"] {
        block_on(world.mfa.erase(&about(account))).unwrap();
        block_on(world.mfa.erase(&about(account))).unwrap();
    }
    block_on(world.mfa.erase(&about("nobody"))).unwrap();
    world.wait(30);
    assert!(is(world.verify(&visit, &challenge, &ada.app.code_at(world.now())), Rejection::Expired));
    assert_eq!(block_on(world.mfa.check(&ctx, &session, Purpose::Session)).unwrap(), Standing::Ended);
    assert!(is(block_on(world.mfa.enroll_app(&stranger, &early)), Rejection::Expired));
    // The identifier may be given to somebody new, who finds nothing; the events lead to nobody.
    let ctx = world.visit("ada");
    let ticket = world.enroll_ticket(&ctx);
    let renewed = world.finish_enrollment(&ctx, &ticket);
    world.wait(30);
    assert!(world.login(&renewed, &renewed.app.code_at(world.now())).is_ok());
    assert_eq!(world.count(EventKind::Erased), 4);
    // Long after, what was left is swept, and the versions begin again.
    block_on(world.mfa.erase(&about("eve"))).unwrap();
    world.wait(401 * 86_400);
    block_on(world.mfa.maintain()).unwrap();
    assert!(block_on(world.storage().load(about("eve").key())).unwrap().is_none());
}

fn t7_a_recovery_code_survives_its_key(world: World) {
    let ada = world.enrolled("ada");
    block_on(world.mfa.erase(&about("nobody"))).unwrap();
    let gone = world.enrolled("gone");
    block_on(world.mfa.erase(&about("gone"))).unwrap();
    drop(gone);
    block_on(world.mfa.verify_setup()).unwrap();
    let mut ring = keyring();
    let new = ring.add(&SeededRandom::new(5)).unwrap();
    ring.promote(new).unwrap();
    let with = |ring: &mfa::Keyring| {
        Mfa::builder()
            .storage(world.storage_of_its_own())
            .keyring(mfa::Keyring::from_text(&ring.to_text()).unwrap())
            .clock(world.clock.clone())
            .random(world.random.clone())
            .build()
            .unwrap()
    };
    let rotating = with(&ring);
    let (mut after, mut records) = (None, 0);
    loop {
        let page = block_on(rotating.rewrap(after.as_ref(), 1)).unwrap();
        records += page.records;
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(records, 1);
    assert_eq!(world.count(EventKind::KeysRewrapped), 1);
    ring.retire(1).unwrap();
    assert_eq!(ring.states().find(|(id, _)| *id == 1).unwrap().1, KeyState::Retired);
    assert!(ring.retire(new).is_err(), "never the one that seals");
    let retired = with(&ring);
    block_on(retired.verify_setup()).unwrap();
    let ctx = world.visit("ada");
    let begun = block_on(retired.begin(&ctx, FirstFactor::password(world.now()))).unwrap();
    let Next::Challenge(challenge) = begun else { panic!("{begun:?}") };
    let menu = block_on(retired.recover(&ctx, &challenge.ticket, &ada.recovery_code)).unwrap();
    assert!(block_on(retired.enroll_app(&ctx, &menu.ticket)).is_ok());
    // What is left of the erased opens too: their identifier can be used again.
    let begun = block_on(retired.begin(&world.visit("gone"), FirstFactor::password(world.now()))).unwrap();
    assert!(matches!(begun, Next::Offer(_)));
}

/// Polls a future `polls` times and drops it.
fn poll_and_drop<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut polling = Polling::from_waker(Waker::noop());
    for _ in 0..polls {
        if let Poll::Ready(output) = future.as_mut().poll(&mut polling) {
            return Some(output);
        }
    }
    None
}

fn t8_a_future_dropped_anywhere_leaves_all_or_nothing(world: World) {
    let ada = world.enrolled("ada");
    for polls in 0..6 {
        world.wait(90);
        let ctx = world.visit("ada");
        let ticket = world.challenge(&ctx);
        let code = ada.app.code_at(world.now());
        let dropped = poll_and_drop(world.mfa.verify(&ctx, &ticket, &code, Remember::No), polls);
        // Whatever became of it, the code works once at most, and the person can go on.
        std::thread::yield_now();
        let again = world.verify(&ctx, &ticket, &code);
        match (dropped, &again) {
            (Some(Ok(_)) | None, Err(Error::Rejected(Rejection::AlreadyUsed))) | (None, Ok(_)) => {}
            other => panic!("{polls}: {other:?}"),
        }
        world.wait(30);
        assert!(world.login(&ada, &ada.app.code_at(world.now())).is_ok());
    }
    for polls in 0..6 {
        let account = format!("abel-{polls}");
        let ctx = world.visit(&account);
        let ticket = world.enroll_ticket(&ctx);
        let pending = block_on(world.mfa.enroll_app(&ctx, &ticket)).unwrap();
        let app = mfa::testing::TestAuthenticator::scan(&pending).unwrap();
        let code = app.code_at(world.now());
        let confirmed = block_on(world.mfa.confirm(&ctx, &pending.ticket, &code)).unwrap();
        drop(poll_and_drop(world.mfa.activate(&ctx, &confirmed.ticket, Acknowledged), polls));
        let again = block_on(world.mfa.activate(&ctx, &confirmed.ticket, Acknowledged));
        assert!(again.is_ok() || is(again, Rejection::Expired));
        world.wait(30);
        assert!(matches!(world.begin(&world.visit(&account)).unwrap(), Next::Challenge(_)));
    }
}

fn t9_a_clock_an_hour_ahead_stops_nothing_when_it_is_set_right(world: World) {
    let ada = world.enrolled("ada");
    let (ctx, session) = world.signed_in(&ada);
    let ahead = HandClock::at(world.now().get() + 3_600);
    let node = world.second_node(&ahead);
    // Failures there, and a success there, an hour ahead.
    for success in [false, false, false, true] {
        let theirs = world.visit("ada");
        let begun = block_on(node.begin(&theirs, FirstFactor::password(ahead.reading()))).unwrap();
        let ticket = match begun {
            Next::Challenge(challenge) => challenge.ticket,
            Next::Throttled { .. } => {
                ahead.advance(Duration::from_secs(60));
                match block_on(node.begin(&theirs, FirstFactor::password(ahead.reading()))).unwrap() {
                    Next::Challenge(challenge) => challenge.ticket,
                    other => panic!("{other:?}"),
                }
            }
            other => panic!("{other:?}"),
        };
        let code = if success { ada.app.code_at(ahead.reading()) } else { wrong_at(&ada, ahead.reading()) };
        let answer = block_on(node.verify(&theirs, &ticket, &code, Remember::No));
        assert_eq!(answer.is_ok(), success, "{answer:?}");
    }
    // On the node that is right the session stands; no code of the past hour lives again, the ones to come do.
    assert_eq!(block_on(world.mfa.check(&ctx, &session, Purpose::Session)).unwrap(), Standing::Good);
    assert!(is(world.login(&ada, &ada.app.code_at(world.now())), Rejection::AlreadyUsed));
    assert!(!matches!(world.begin(&world.visit("ada")).unwrap(), Next::Throttled { .. }));
    world.wait(3_600 + 120);
    assert!(world.login(&ada, &ada.app.code_at(world.now())).is_ok());
}

fn wrong_at(person: &crate::common::Person, now: mfa::UnixSeconds) -> String {
    let near = (0..5)
        .map(|n| person.app.code_at(now.minus(Duration::from_secs(60)).plus(Duration::from_secs(n * 30))));
    let near: Vec<_> = near.collect();
    (0..).map(|n| format!("{n:06}")).find(|code| !near.contains(code)).unwrap()
}

fn t10_a_row_rolled_back_is_only_what_the_documents_say(world: World) {
    let ada = world.enrolled("ada");
    let key = about("ada").key().clone();
    let storage = world.storage();
    let old = block_on(storage.load(&key)).unwrap().unwrap();
    assert!(world.login(&ada, &ada.app.code_at(world.now())).is_ok());
    let newer = block_on(storage.load(&key)).unwrap().unwrap();
    // Whoever can write the row but has no key cannot put the old record in the place of the newer one through the
    // contract: version and summary are sealed in.
    let write = |snapshot: &mfa::storage::Snapshot| Write {
        sealed: snapshot.sealed.clone(),
        summary: snapshot.summary.clone(),
        stream: Pseudonym::from_bytes([3; 16]),
        events: Vec::new(),
    };
    let done = block_on(storage.commit(&key, Expected::At(newer.version), write(&old))).unwrap();
    assert!(matches!(done, mfa::storage::CommitOutcome::Committed { .. }));
    let answer = world.begin(&world.visit("ada"));
    assert!(matches!(answer, Err(Error::Unavailable(Unavailable::RecordUnreadable))), "{answer:?}");
    // What SECURITY.md names: the whole row, version included, put back below the library. It then reads as it was then.
    assert!(include_str!("../../../../SECURITY.md").to_lowercase().contains("roll"));
}

fn inv_1_a_subject_that_moves_is_never_open_under_two_identifiers(world: World) {
    use crate::common::faults::{Fault, FaultStorage};
    for fault in [Fault::Before, Fault::AfterApplying] {
        for call in 0..16 {
            let (from, to) = (format!("old-{fault:?}-{call}"), format!("new-{fault:?}-{call}"));
            let ada = world.enrolled(&from);
            let storage = FaultStorage::new(world.storage(), fault);
            let mfa = Mfa::builder()
                .keyring(keyring())
                .storage(storage.clone())
                .clock(world.clock.clone())
                .random(world.random.clone())
                .build()
                .unwrap();
            storage.fail_at(call);
            let first = block_on(mfa.move_subject(&about(&from), &about(&to)));
            let calls = storage.calls();
            storage.heal();
            // Cut short or not, one code is accepted under one of them at most.
            let code = ada.app.code_at(world.now());
            let accepted = [&from, &to]
                .into_iter()
                .filter(|account| {
                    let ctx = world.visit(account);
                    match world.begin(&ctx) {
                        Ok(Next::Challenge(challenge)) => {
                            world.verify(&ctx, &challenge.ticket, &code).is_ok()
                        }
                        Ok(Next::Offer(_)) => false,
                        Err(Error::Unavailable(_)) => false,
                        other => panic!("{other:?}"),
                    }
                })
                .count();
            assert!(accepted <= 1, "{fault:?} at {call}");
            block_on(mfa.move_subject(&about(&from), &about(&to))).unwrap();
            world.wait(30);
            let ctx = world.visit(&to);
            let ticket = world.challenge(&ctx);
            assert!(
                world.verify(&ctx, &ticket, &ada.app.code_at(world.now())).is_ok(),
                "{fault:?} at {call}"
            );
            assert!(matches!(world.begin(&world.visit(&from)).unwrap(), Next::Offer(_)));
            world.wait(30);
            let ctx = world.visit(&to);
            let ticket = world.challenge(&ctx);
            assert!(block_on(world.mfa.recover(&ctx, &ticket, &ada.recovery_code)).is_ok());
            if first.is_ok() && call >= calls {
                break;
            }
        }
    }
}

fn a_subject_is_not_moved_onto_somebody_else(world: World) {
    let (ada, abel) = (world.enrolled("ada"), world.enrolled("abel"));
    let (ctx, session) = world.signed_in(&ada);
    assert!(is(block_on(world.mfa.move_subject(&about("ada"), &about("abel"))), Rejection::NotAllowed));
    assert!(is(block_on(world.mfa.move_subject(&about("ada"), &about("ada"))), Rejection::NotAllowed));
    assert_eq!(block_on(world.mfa.check(&ctx, &session, Purpose::Session)).unwrap(), Standing::Good);
    assert!(world.login(&abel, &abel.app.code_at(world.now())).is_ok());
    block_on(world.mfa.move_subject(&about("nobody"), &about("new"))).unwrap();
    // Sessions of before are over under both.
    block_on(world.mfa.move_subject(&about("ada"), &about("ada@new"))).unwrap();
    assert_eq!(block_on(world.mfa.check(&ctx, &session, Purpose::Session)).unwrap(), Standing::Ended);
    let moved: Vec<_> = world.events().into_iter().filter(|e| e.kind == EventKind::MovedHere).collect();
    assert_eq!(moved.len(), 1);
    assert!(moved[0].counterpart.is_some());
}
