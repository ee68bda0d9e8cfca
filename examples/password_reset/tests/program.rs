//! The program as it is run, and the links as somebody tries them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must stop")]

use std::cell::Cell;
use std::process::Command;
use std::time::Duration;

use mfa::policy::Attributes;
use mfa::storage::MemoryStorage;
use mfa::testing::{HandClock, SeededRandom};
use mfa::{Context, Keyring, Mfa, Next, Realm, SessionBinding, Subject, SubjectId};
use password_reset::{PasswordReset, Reset};
use pollster::block_on;

#[test]
fn c3_a_reset_link_is_not_a_way_round_the_second_factor() {
    let output = Command::new(env!("CARGO_BIN_EXE_password_reset")).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(
        lines,
        [
            "ada has set up her app, and is signed in",
            "somebody asks for a new password, and reads the link in ada's mail",
            "the password of ada@example.com is set",
            "they are asked for a code, as everybody is",
            "ada's session: Ended",
            "the password of ada@example.com is set",
            "ada resets it herself, gives her code, and is in with pwd + otp + mfa",
        ]
    );
}

#[test]
fn a_link_works_once_and_for_a_quarter_of_an_hour() {
    let clock = HandClock::at(1_800_000_000);
    let mfa = Mfa::builder()
        .storage(MemoryStorage::new())
        .keyring(Keyring::generate(&SeededRandom::new(1)).unwrap())
        .clock(clock.clone())
        .build()
        .unwrap();
    let resets = PasswordReset::new(mfa, clock.clone(), SeededRandom::new(2));
    let set = Cell::new(0);
    let finish = |token: &[u8; 16]| {
        let subject = Subject::new(SubjectId::new("abel").unwrap(), "abel", Attributes::new());
        let ctx = Context::new(
            Realm::new("main", "Example").unwrap(),
            subject,
            SessionBinding::from_bytes([1; 16]),
        );
        block_on(resets.finish(token, |_| set.set(set.get() + 1), |_| ctx)).unwrap()
    };
    let link = resets.begin("abel").unwrap();
    match finish(&link) {
        Reset::Next(next) => assert!(matches!(*next, Next::Offer(_)), "{next:?}"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(finish(&link), Reset::NoSuchLink));
    assert!(matches!(finish(&[0; 16]), Reset::NoSuchLink));
    let late = resets.begin("abel").unwrap();
    clock.advance(Duration::from_secs(15 * 60));
    assert!(matches!(finish(&late), Reset::NoSuchLink));
    assert_eq!(set.get(), 1);
}
