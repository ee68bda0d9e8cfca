//! A person over this backend, whose file is closed and opened before every step.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must stop")]

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use custom_backend::JournalStorage;
use mfa::policy::Attributes;
use mfa::testing::{HandClock, SeededRandom, TestAuthenticator};
use mfa::{
    Acknowledged, Context, Error, FirstFactor, Keyring, Menu, Mfa, Next, Realm, Rejection, Remember,
    SessionBinding, Subject, SubjectId, Ticket, kind,
};
use pollster::block_on;

#[test]
fn a_person_enrolls_signs_in_and_recovers_across_restarts() {
    let world = World::new("story");
    let (app, recovery_code) = world.set_up(&world.offer());

    world.clock.advance(Duration::from_secs(30));
    let code = app.code_at(world.clock.reading());
    assert_eq!(world.verify(&code).unwrap().amr(), ["pwd", "otp", "mfa"]);
    let again = world.verify(&code);
    assert!(matches!(again, Err(Error::Rejected(Rejection::AlreadyUsed))), "{again:?}");

    let ticket = world.challenge();
    let menu = block_on(world.open().recover(&world.ctx, &ticket, &recovery_code)).unwrap();
    let (new_app, new_code) = world.set_up(&menu);
    assert_ne!(new_code, recovery_code);
    world.clock.advance(Duration::from_secs(30));
    assert!(world.verify(&app.code_at(world.clock.reading())).is_err());
    assert!(world.verify(&new_app.code_at(world.clock.reading())).is_ok());
}

#[test]
fn guesses_are_counted_across_restarts() {
    let world = World::new("guesses");
    let (app, _) = world.set_up(&world.offer());
    world.clock.advance(Duration::from_secs(30));
    let code = app.code_at(world.clock.reading());
    let wrong = (0..).map(|n| format!("{n:06}")).filter(|guess| *guess != code);
    let refusals: Vec<_> = wrong.take(4).map(|guess| world.verify(&guess).unwrap_err()).collect();
    let last = refusals.last().unwrap();
    assert!(matches!(last, Error::Rejected(Rejection::Throttled { .. })), "{last:?}");
}

#[test]
fn the_program_shows_it_all() {
    let world = World::new("program");
    let shown = Command::new(env!("CARGO_BIN_EXE_custom_backend")).arg(&world.file).output().unwrap();
    let (out, complaint) =
        (String::from_utf8(shown.stdout).unwrap(), String::from_utf8(shown.stderr).unwrap());
    assert_eq!((shown.status.success(), complaint.as_str()), (true, ""));
    let wanted =
        ["set up the app", "signed in with pwd + otp + mfa", "closed it and", "the same code is refused"];
    let lines: Vec<_> = out.lines().skip(1).collect();
    assert_eq!(lines.len(), wanted.len(), "{out}");
    assert!(lines.iter().zip(wanted).all(|(line, wanted)| line.starts_with(wanted)), "{out}");

    let again = Command::new(env!("CARGO_BIN_EXE_custom_backend")).arg(&world.file).output().unwrap();
    assert!(!again.status.success() && again.stdout.is_empty());
}

struct World {
    folder: PathBuf,
    file: PathBuf,
    clock: HandClock,
    random: SeededRandom,
    ctx: Context,
}

impl World {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("mfa-custom-backend-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let subject = Subject::new(SubjectId::new("ada").unwrap(), "ada@example.com", Attributes::new());
        let realm = Realm::new("main", "Example").unwrap();
        Self {
            file: folder.join("records.journal"),
            folder,
            clock: HandClock::at(1_800_000_000),
            random: SeededRandom::new(7),
            ctx: Context::new(realm, subject, SessionBinding::from_bytes([7; 16])),
        }
    }

    /// A library over the file as it is now; the one before it is closed.
    fn open(&self) -> Mfa {
        let builder = Mfa::builder().storage(JournalStorage::open(&self.file).unwrap());
        let keyring = Keyring::generate(&SeededRandom::new(99)).unwrap();
        builder.keyring(keyring).clock(self.clock.clone()).random(self.random.clone()).build().unwrap()
    }

    fn begin(&self) -> Next {
        block_on(self.open().begin(&self.ctx, FirstFactor::password(self.clock.reading()))).unwrap()
    }

    fn offer(&self) -> Menu {
        match self.begin() {
            Next::Offer(menu) => menu,
            other => panic!("expected an offer, got {other:?}"),
        }
    }

    fn challenge(&self) -> Ticket<kind::Challenge> {
        match self.begin() {
            Next::Challenge(challenge) => challenge.ticket,
            Next::Throttled { recover, .. } => recover,
            other => panic!("expected a challenge, got {other:?}"),
        }
    }

    fn set_up(&self, menu: &Menu) -> (TestAuthenticator, String) {
        let pending = block_on(self.open().enroll_app(&self.ctx, &menu.ticket)).unwrap();
        let app = TestAuthenticator::scan(&pending).unwrap();
        let code = app.code_at(self.clock.reading());
        let confirmed = block_on(self.open().confirm(&self.ctx, &pending.ticket, &code)).unwrap();
        let _ = block_on(self.open().activate(&self.ctx, &confirmed.ticket, Acknowledged)).unwrap();
        (app, confirmed.expose_recovery_code().to_owned())
    }

    fn verify(&self, code: &str) -> Result<mfa::Assertion, Error> {
        let ticket = self.challenge();
        block_on(self.open().verify(&self.ctx, &ticket, code, Remember::No))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}
