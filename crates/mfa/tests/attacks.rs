//! The rows of the attack catalogue that the app and the recovery code can meet, through the facade, on each backend.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that cannot go on must stop"
)]

mod common;

use common::World;

/// Codes that are used once and never again.
mod one_time {
    use super::common::{World, par};
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
}

/// One code that fits two live steps.
mod colliding_steps {
    use super::common::{START, World};
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
}

/// Guessing.
mod guessing {
    use super::common::{World, par};
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
        let begun =
            block_on(world.mfa.begin(&world.visit("ada"), FirstFactor::password(world.now()))).unwrap();
        assert!(matches!(begun, Next::Throttled { .. }));
    }

    fn b4_two_hundred_parallel_guesses_are_counted_before_they_are_answered(world: World) {
        let ada = world.enrolled("ada");
        let wrong = world.wrong_code(&ada);
        let ctx = world.visit("ada");
        let ticket = world.challenge(&ctx);
        let answers = par(200, |_| world.verify(&ctx, &ticket, &wrong));
        let compared =
            answers.iter().filter(|a| matches!(a, Err(Error::Rejected(Rejection::WrongCode)))).count();
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
}

/// Recovery codes.
mod recovery {
    use super::common::{World, par};
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
        let confirmed =
            block_on(world.mfa.confirm(&ctx, &pending.ticket, &app.code_at(world.now()))).unwrap();
        // The tab is closed here. Nothing is stored, the next sign-in offers enrollment anew.
        assert!(world.storage_is_empty());
        assert!(matches!(world.begin(&world.visit("ada")).unwrap(), Next::Offer(_)));
        // The same page still finishes it, with the code it showed.
        let shown_again = block_on(world.mfa.confirmed(&ctx, &confirmed.ticket)).unwrap();
        assert_eq!(shown_again.expose_recovery_code(), confirmed.expose_recovery_code());
        assert!(block_on(world.mfa.activate(&ctx, &confirmed.ticket, Acknowledged)).is_ok());
        assert!(
            is(block_on(world.mfa.confirmed(&ctx, &confirmed.ticket)), Rejection::Expired),
            "shown no more"
        );
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
}

/// Skipping the factor, and storage that is not what it was.
mod skipping {
    use super::common::{START, World};
    use mfa::storage::{CommitOutcome, Expected, Write};
    use mfa::{Error, EventKind, Next, Rejection, Unavailable};
    use mfa_core::id::{Pseudonym, SubjectId, SubjectKey, TenantId};
    use pollster::block_on;

    use crate::{is, on_each_backend};

    on_each_backend! {
        c5_enrolled_implies_asked;
        c9_a_ticket_of_another_sign_in_does_not_open;
        c13_what_is_not_a_code_is_refused_without_an_attempt;
        c14_only_an_active_authenticator_counts;
        d2_an_abandoned_enrollment_touches_nothing;
        d3_a_key_cannot_be_chosen_or_reused;
        d4_two_tabs_activate_one_authenticator;
        e6_only_ascii_digits_are_a_code;
        e11_a_megabyte_is_refused_at_once;
        e12_a_row_copied_to_another_subject_does_not_open;
        t1_tickets_of_an_older_epoch_are_dead;
        t1_a_new_password_ends_what_the_old_one_led_to;
        t2_a_strangers_guess_kills_no_enrollment;
        t3_a_vanished_record_is_an_error_and_an_event;
        a_ticket_expires;
    }

    fn c5_enrolled_implies_asked(world: World) {
        drop(world.enrolled("ada"));
        // The recommended policy makes MFA optional; whoever has an authenticator is asked all the same.
        assert!(matches!(world.begin(&world.visit("ada")).unwrap(), Next::Challenge(_)));
    }

    fn c9_a_ticket_of_another_sign_in_does_not_open(world: World) {
        let ada = world.enrolled("ada");
        let (mine, theirs) = (world.visit("ada"), world.visit("ada"));
        let ticket = world.challenge(&mine);
        assert!(is(world.verify(&theirs, &ticket, &ada.app.code_at(world.now())), Rejection::Expired));
        assert!(world.verify(&mine, &ticket, &ada.app.code_at(world.now())).is_ok());
    }

    fn c13_what_is_not_a_code_is_refused_without_an_attempt(world: World) {
        let ada = world.enrolled("ada");
        for typed in ["", " ", "null", "true", "undefined", "NaN", "[]", "0", "00000", "0000000", "-1", "1e5"]
        {
            assert!(is(world.login(&ada, typed), Rejection::Malformed), "{typed:?}");
        }
        assert_eq!(world.count(EventKind::VerificationFailed), 0);
        assert!(world.login(&ada, &ada.app.code_at(world.now())).is_ok());
        let told = world.events().into_iter().find(|event| event.kind == EventKind::Verified).unwrap();
        assert_eq!(told.refused_before, 12, "the next event carries how many were refused");
    }

    fn c14_only_an_active_authenticator_counts(world: World) {
        let ctx = world.visit("ada");
        let ticket = world.enroll_ticket(&ctx);
        let pending = block_on(world.mfa.enroll_app(&ctx, &ticket)).unwrap();
        let app = mfa::testing::TestAuthenticator::scan(&pending).unwrap();
        block_on(world.mfa.confirm(&ctx, &pending.ticket, &app.code_at(world.now()))).unwrap();
        // Neither satisfies nor blocks: the next sign-in is offered to enroll, and may still decline.
        let ctx = world.visit("ada");
        let ticket = world.enroll_ticket(&ctx);
        assert_eq!(block_on(world.mfa.skip(&ctx, &ticket)).unwrap().amr(), ["pwd"]);
    }

    fn d2_an_abandoned_enrollment_touches_nothing(world: World) {
        let ada = world.enrolled("ada");
        // With a recovery open, an abandoned replacement leaves the recovery as it was.
        let ctx = world.visit("ada");
        let ticket = world.challenge(&ctx);
        let menu = block_on(world.mfa.recover(&ctx, &ticket, &ada.recovery_code)).unwrap();
        let before = block_on(world.storage().load(ctx.key())).unwrap().unwrap();
        block_on(world.mfa.enroll_app(&ctx, &menu.ticket)).unwrap();
        let after = block_on(world.storage().load(ctx.key())).unwrap().unwrap();
        assert_eq!(before, after, "nothing was stored");
        // And for someone who never enrolled, no row comes to be at all.
        let ctx = world.visit("abel");
        let ticket = world.enroll_ticket(&ctx);
        block_on(world.mfa.enroll_app(&ctx, &ticket)).unwrap();
        assert!(block_on(world.storage().load(ctx.key())).unwrap().is_none());
    }

    fn d3_a_key_cannot_be_chosen_or_reused(world: World) {
        let ctx = world.visit("ada");
        let ticket = world.enroll_ticket(&ctx);
        let first = block_on(world.mfa.enroll_app(&ctx, &ticket)).unwrap();
        let second = block_on(world.mfa.enroll_app(&ctx, &ticket)).unwrap();
        assert_ne!(first.expose_manual_key(), second.expose_manual_key(), "each is drawn here, anew");
        // The one that activates first is the one; the other is over with it.
        let app = mfa::testing::TestAuthenticator::scan(&first).unwrap();
        let confirmed = block_on(world.mfa.confirm(&ctx, &first.ticket, &app.code_at(world.now()))).unwrap();
        block_on(world.mfa.activate(&ctx, &confirmed.ticket, mfa::Acknowledged)).unwrap();
        let other = mfa::testing::TestAuthenticator::scan(&second).unwrap();
        assert!(is(
            block_on(world.mfa.confirm(&ctx, &second.ticket, &other.code_at(world.now()))),
            Rejection::Expired
        ));
        assert!(is(
            block_on(world.mfa.activate(&ctx, &confirmed.ticket, mfa::Acknowledged)),
            Rejection::Expired
        ));
        // It lives a quarter of an hour and no longer, from the beginning of the set-up.
        let ctx = world.visit("abel");
        let ticket = world.enroll_ticket(&ctx);
        world.wait(600);
        let pending = block_on(world.mfa.enroll_app(&ctx, &ticket)).unwrap();
        world.wait(300);
        let app = mfa::testing::TestAuthenticator::scan(&pending).unwrap();
        assert!(is(
            block_on(world.mfa.confirm(&ctx, &pending.ticket, &app.code_at(world.now()))),
            Rejection::Expired
        ));
    }

    fn d4_two_tabs_activate_one_authenticator(world: World) {
        let ctx = world.visit("ada");
        let ticket = world.enroll_ticket(&ctx);
        let tabs: Vec<_> = (0..10)
            .map(|_| {
                let pending = block_on(world.mfa.enroll_app(&ctx, &ticket)).unwrap();
                let app = mfa::testing::TestAuthenticator::scan(&pending).unwrap();
                let code = app.code_at(world.now());
                (app, block_on(world.mfa.confirm(&ctx, &pending.ticket, &code)).unwrap())
            })
            .collect();
        let won = super::common::par(tabs.len(), |i| {
            block_on(world.mfa.activate(&ctx, &tabs[i].1.ticket, mfa::Acknowledged)).is_ok()
        });
        assert_eq!(won.iter().filter(|won| **won).count(), 1);
        assert_eq!(world.count(EventKind::AuthenticatorActivated), 1);
        assert_eq!(world.count(EventKind::RecoveryCodeIssued), 1);
        world.wait(30);
        let winner = won.iter().position(|won| *won).unwrap();
        for (tab, (app, _)) in
            tabs.iter().enumerate().filter(|(tab, _)| *tab == winner || *tab == (winner + 1) % 10)
        {
            let ctx = world.visit("ada");
            let ticket = world.challenge(&ctx);
            let code = app.code_at(world.now());
            assert_eq!(world.verify(&ctx, &ticket, &code).is_ok(), tab == winner);
        }
    }

    fn e6_only_ascii_digits_are_a_code(world: World) {
        let ada = world.enrolled("ada");
        let code = ada.app.code_at(world.now());
        let full_width: String =
            code.chars().map(|c| char::from_u32(c as u32 - '0' as u32 + '０' as u32).unwrap()).collect();
        let arabic: String =
            code.chars().map(|c| char::from_u32(c as u32 - '0' as u32 + '٠' as u32).unwrap()).collect();
        let variants = [
            full_width,
            arabic,
            format!("+{code}"),
            format!("-{}.", &code[1..]),
            format!("{}_{}", &code[..3], &code[3..]),
            format!("{code}\u{200b}"),
            format!("\u{a0}{code}"),
            format!("\t{code}"),
            format!("{code}\r\n"),
        ];
        for typed in variants {
            assert!(is(world.login(&ada, &typed), Rejection::Malformed), "{typed:?}");
        }
        assert!(world.login(&ada, &code).is_ok());
    }

    fn e11_a_megabyte_is_refused_at_once(world: World) {
        let ada = world.enrolled("ada");
        let huge = "1".repeat(1 << 20);
        let ctx = world.visit("ada");
        let ticket = world.challenge(&ctx);
        assert!(is(world.verify(&ctx, &ticket, &huge), Rejection::Malformed));
        assert!(is(block_on(world.mfa.recover(&ctx, &ticket, &huge)), Rejection::Malformed));
        assert!(mfa::Ticket::<mfa::kind::Challenge>::parse(&huge).is_err());
        assert!(is(world.mfa.open_assertion(&ctx, &huge), Rejection::Expired));
        assert_eq!(world.count(EventKind::VerificationFailed), 0);
        drop(ada);
    }

    fn e12_a_row_copied_to_another_subject_does_not_open(world: World) {
        let (ada, _abel) = (world.enrolled("ada"), world.enrolled("abel"));
        let key = |name| SubjectKey::new(TenantId::new("main").unwrap(), SubjectId::new(name).unwrap());
        let stolen = block_on(world.storage().load(&key("ada"))).unwrap().unwrap();
        let target = block_on(world.storage().load(&key("abel"))).unwrap().unwrap();
        let write = Write {
            sealed: stolen.sealed,
            summary: stolen.summary,
            stream: Pseudonym::from_bytes([9; 16]),
            events: vec![],
        };
        let done =
            block_on(world.storage().commit(&key("abel"), Expected::At(target.version), write)).unwrap();
        assert!(matches!(done, CommitOutcome::Committed { .. }));
        let answer = world.begin(&world.visit("abel"));
        assert!(matches!(answer, Err(Error::Unavailable(Unavailable::RecordUnreadable))), "{answer:?}");
        let told =
            world.events().into_iter().find(|event| event.kind == EventKind::RecordUnreadable).unwrap();
        assert_eq!(told.account.as_deref(), Some("main/abel"));
        assert!(world.login(&ada, &ada.app.code_at(world.now())).is_ok());
    }

    fn t1_tickets_of_an_older_epoch_are_dead(world: World) {
        let ada = world.enrolled("ada");
        let ctx = world.visit("ada");
        let (old, fresh) = (world.challenge(&ctx), world.challenge(&ctx));
        block_on(world.mfa.recover(&ctx, &fresh, &ada.recovery_code)).unwrap();
        assert!(is(world.verify(&ctx, &old, &ada.app.code_at(world.now())), Rejection::Expired));
        assert!(is(block_on(world.mfa.recover(&ctx, &old, &ada.recovery_code)), Rejection::Expired));
    }

    fn t1_a_new_password_ends_what_the_old_one_led_to(world: World) {
        // Somebody knew the password of two people: of one who is enrolled, and of one who is not.
        let ada = world.enrolled("ada");
        let (theirs, hers) = (world.visit("ada"), world.visit("ada"));
        let stolen = world.challenge(&theirs);
        let ticket = world.challenge(&hers);
        let assertion = world.verify(&hers, &ticket, &ada.app.code_at(world.now())).unwrap();
        let unenrolled = world.visit("abel");
        let begun = world.enroll_ticket(&unenrolled);
        let pending = block_on(world.mfa.enroll_app(&unenrolled, &begun)).unwrap();
        let app = mfa::testing::TestAuthenticator::scan(&pending).unwrap();
        let code = app.code_at(world.now());
        let confirmed = block_on(world.mfa.confirm(&unenrolled, &pending.ticket, &code)).unwrap();

        for account in ["ada", "abel"] {
            block_on(world.mfa.first_factor_changed(&world.visit(account))).unwrap();
        }
        world.wait(30);
        assert!(is(world.verify(&theirs, &stolen, &ada.app.code_at(world.now())), Rejection::Expired));
        let standing = block_on(world.mfa.check(&hers, &assertion, mfa::policy::Purpose::Session)).unwrap();
        assert_eq!(standing, mfa::Standing::Ended);
        assert!(is(
            block_on(world.mfa.activate(&unenrolled, &confirmed.ticket, mfa::Acknowledged)),
            Rejection::Expired
        ));
        assert_eq!(world.count(EventKind::FirstFactorChanged), 2);
        // With the new passwords everything is as it was: one is asked, the other is offered to enroll.
        assert!(world.login(&ada, &ada.app.code_at(world.now())).is_ok());
        let ctx = world.visit("abel");
        let ticket = world.enroll_ticket(&ctx);
        world.finish_enrollment(&ctx, &ticket);
    }

    fn t2_a_strangers_guess_kills_no_enrollment(world: World) {
        let ada = world.enrolled("ada");
        let ctx = world.visit("ada");
        let ticket = world.challenge(&ctx);
        let menu = block_on(world.mfa.recover(&ctx, &ticket, &ada.recovery_code)).unwrap();
        let pending = block_on(world.mfa.enroll_app(&ctx, &menu.ticket)).unwrap();
        // Somebody else with the password types wrong recovery codes meanwhile: the version moves, the epoch does not.
        let stranger = world.visit("ada");
        let other = world.enrolled("abel").recovery_code;
        let theirs = world.challenge(&stranger);
        assert!(is(block_on(world.mfa.recover(&stranger, &theirs, &other)), Rejection::WrongCode));
        let app = mfa::testing::TestAuthenticator::scan(&pending).unwrap();
        let confirmed =
            block_on(world.mfa.confirm(&ctx, &pending.ticket, &app.code_at(world.now()))).unwrap();
        assert!(is(block_on(world.mfa.recover(&stranger, &theirs, &other)), Rejection::WrongCode));
        assert!(block_on(world.mfa.activate(&ctx, &confirmed.ticket, mfa::Acknowledged)).is_ok());
    }

    fn t3_a_vanished_record_is_an_error_and_an_event(world: World) {
        // The host remembers ada as enrolled; the database does not.
        let ctx = world.visit("ada").known_enrolled(true);
        let answer = world.begin(&ctx);
        assert!(matches!(answer, Err(Error::Unavailable(Unavailable::RecordMissing))), "{answer:?}");
        assert_eq!(world.count(EventKind::RecordMissing), 1);
        drop(world.begin(&ctx));
        assert_eq!(world.count(EventKind::RecordMissing), 1, "told once a minute, not at every request");
        world.wait(60);
        drop(world.begin(&ctx));
        assert_eq!(world.count(EventKind::RecordMissing), 2);
    }

    fn a_ticket_expires(world: World) {
        let ada = world.enrolled("ada");
        let ctx = world.visit("ada");
        let ticket = world.challenge(&ctx);
        world.wait(599);
        drop(world.challenge(&ctx));
        world.wait(1);
        assert!(is(world.verify(&ctx, &ticket, &ada.app.code_at(world.now())), Rejection::Expired));
        // A ticket from a clock that was far ahead has no trustworthy expiry.
        world.clock.set(START + 100_000);
        let ticket = world.challenge(&ctx);
        world.clock.set(START + 10_000);
        assert!(is(world.verify(&ctx, &ticket, &ada.app.code_at(world.now())), Rejection::Expired));
    }
}

/// Secrets as they are made and shown.
mod secrets {
    use std::collections::HashSet;

    use super::common::World;
    use mfa::{Context, Realm, SessionBinding, Subject, SubjectId, policy::Attributes};
    use mfa_core::otpauth::{KeyFloor, OtpAuthImport};
    use pollster::block_on;

    use crate::on_each_backend;

    on_each_backend! {
        b13_recovery_codes_have_128_random_bits;
        b14_keys_have_160_random_bits;
        d11_nothing_is_injected_through_issuer_or_account;
        inv_10_debug_shows_no_secret;
    }

    fn b13_recovery_codes_have_128_random_bits(world: World) {
        let codes: HashSet<String> = (0..500)
            .map(|n| {
                let ctx = world.visit(&format!("u{n}"));
                let ticket = world.enroll_ticket(&ctx);
                world.finish_enrollment(&ctx, &ticket).recovery_code
            })
            .collect();
        assert_eq!(codes.len(), 500, "no repeat");
        let parsed: Vec<_> = codes
            .iter()
            .map(|code| *mfa_core::recovery::RecoveryCode::parse(code).unwrap().expose())
            .collect();
        assert_balanced(&parsed);
    }

    fn b14_keys_have_160_random_bits(world: World) {
        let ctx = world.visit("ada");
        let ticket = world.enroll_ticket(&ctx);
        let keys: Vec<Vec<u8>> = (0..500)
            .map(|_| {
                let pending = block_on(world.mfa.enroll_app(&ctx, &ticket)).unwrap();
                mfa_core::base32::decode_lenient(pending.expose_manual_key()).unwrap().to_vec()
            })
            .collect();
        let keys: HashSet<[u8; 20]> = keys.into_iter().map(|key| key.try_into().unwrap()).collect();
        assert_eq!(keys.len(), 500, "no repeat, each of 160 bits");
        assert_balanced(&keys.into_iter().collect::<Vec<_>>());
    }

    /// Each bit is set in about half of the samples: within five standard deviations.
    fn assert_balanced<const N: usize>(samples: &[[u8; N]]) {
        let n = samples.len() as f64;
        for bit in 0..N * 8 {
            let set = samples.iter().filter(|s| s[bit / 8] >> (bit % 8) & 1 == 1).count() as f64;
            assert!((set - n / 2.0).abs() < 5.0 * (n / 4.0).sqrt(), "bit {bit} is set in {set} of {n}");
        }
    }

    fn d11_nothing_is_injected_through_issuer_or_account(world: World) {
        for account in ["A&secret=X&digits=8", "a b+c%20d", "é\"<script>#?/", "x&issuer=Evil"] {
            let subject = Subject::new(SubjectId::new("u-1").unwrap(), account, Attributes::new());
            let realm = Realm::new("main", "Big & Small?secret=#").unwrap();
            let ctx = Context::new(realm, subject, SessionBinding::from_bytes([1; 16]));
            let ticket = world.enroll_ticket(&ctx);
            let pending = block_on(world.mfa.enroll_app(&ctx, &ticket)).unwrap();
            let read = OtpAuthImport::parse(pending.expose_uri(), KeyFloor::Standard).unwrap();
            assert_eq!(read.account(), account);
            assert_eq!(read.issuer(), Some("Big & Small?secret=#"));
            assert_eq!(read.digits().get(), 6);
            assert_eq!(*read.key().to_grouped_base32(), pending.expose_manual_key());
        }
        assert!(Realm::new("main", "a:b").is_err());
        assert!(Realm::new("main", "").is_err());
    }

    fn inv_10_debug_shows_no_secret(world: World) {
        let ctx = world.visit("ada");
        let ticket = world.enroll_ticket(&ctx);
        let pending = block_on(world.mfa.enroll_app(&ctx, &ticket)).unwrap();
        let app = mfa::testing::TestAuthenticator::scan(&pending).unwrap();
        let code = app.code_at(world.now());
        let confirmed = block_on(world.mfa.confirm(&ctx, &pending.ticket, &code)).unwrap();
        let shown = format!("{:?} {pending:?} {confirmed:?} {ticket:?} {ctx:?}", world.mfa);
        let key = pending.expose_manual_key().replace(' ', "");
        for secret in
            [&*key, pending.expose_manual_key(), &code, confirmed.expose_recovery_code(), ticket.as_str()]
        {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

/// Storage that fails, at each call in turn: before applying, or after applying with the reply lost.
mod failing_storage {
    use super::common::faults::{Fault, FaultStorage};
    use super::common::{World, keyring};
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
        assert!(
            matches!(again, Err(Error::Rejected(Rejection::AlreadyUsed))),
            "another call inherits nothing"
        );
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
                let confirmed =
                    block_on(mfa.confirm(&ctx, &pending.ticket, &app.code_at(world.now()))).unwrap();
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
}

/// Whether a call was turned down with exactly this.
fn is<T>(answer: Result<T, mfa::Error>, wanted: mfa::Rejection) -> bool {
    matches!(answer, Err(mfa::Error::Rejected(rejection)) if rejection == wanted)
}

fn is_throttled<T>(answer: Result<T, mfa::Error>) -> bool {
    matches!(answer, Err(mfa::Error::Rejected(mfa::Rejection::Throttled { .. })))
}

impl World {
    fn storage_is_empty(&self) -> bool {
        pollster::block_on(self.storage().scan(None, 1, Default::default())).unwrap().is_empty()
    }
}
