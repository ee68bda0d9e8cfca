//! Skipping the factor, and storage that is not what it was.

use crate::common::{START, World};
use mfa::storage::{CommitOutcome, Expected, Write};
use mfa::{Error, EventKind, Next, Rejection, Unavailable};
use mfa_core::id::{Pseudonym, SubjectId, SubjectKey, TenantId};
use pollster::block_on;

use crate::{is, on_each_backend};

on_each_backend! {
    c5_enrolled_implies_asked;
    c8_another_persons_proved_session_silences_nothing;
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
    for typed in ["", " ", "null", "true", "undefined", "NaN", "[]", "0", "00000", "0000000", "-1", "1e5"] {
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
    assert!(is(block_on(world.mfa.activate(&ctx, &confirmed.ticket, mfa::Acknowledged)), Rejection::Expired));
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
    let won = crate::common::par(tabs.len(), |i| {
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
    let done = block_on(world.storage().commit(&key("abel"), Expected::At(target.version), write)).unwrap();
    assert!(matches!(done, CommitOutcome::Committed { .. }));
    let answer = world.begin(&world.visit("abel"));
    assert!(matches!(answer, Err(Error::Unavailable(Unavailable::RecordUnreadable))), "{answer:?}");
    let told = world.events().into_iter().find(|event| event.kind == EventKind::RecordUnreadable).unwrap();
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
    let confirmed = block_on(world.mfa.confirm(&ctx, &pending.ticket, &app.code_at(world.now()))).unwrap();
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

fn c8_another_persons_proved_session_silences_nothing(world: World) {
    let (ada, abel) = (world.enrolled("ada"), world.enrolled("abel"));
    let (ctx, session) = world.signed_in(&ada);
    // The same browser, and so the same binding, in which somebody else now gives the right password.
    let subject = mfa::Subject::new(SubjectId::new("abel").unwrap(), "abel", mfa::policy::Attributes::new());
    let theirs = mfa::Context::new(ctx.realm().clone(), subject, mfa::SessionBinding::from_bytes([9; 16]));
    assert!(matches!(world.begin(&theirs).unwrap(), Next::Challenge(_)));
    assert!(is(world.mfa.open_assertion(&theirs, session.as_str()), Rejection::Expired));
    // Even an assertion that was opened for one is worth nothing in the context of the other.
    let standing = block_on(world.mfa.check(&theirs, &session, mfa::policy::Purpose::Session)).unwrap();
    assert_eq!(standing, mfa::Standing::Ended);
    drop(abel);
}
