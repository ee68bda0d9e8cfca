//! Whole logins through the facade, over memory.

use std::time::Duration;

use mfa::policy::Attributes;
use mfa::storage::{DynStorage, MemoryStorage};
use mfa::testing::{HandClock, TestAuthenticator};
use mfa::{
    Acknowledged, Assertion, Context, FirstFactor, Keyring, Mfa, Next, PendingEnrollment, RandomSource,
    Realm, Remember, SessionBinding, Subject, SubjectId, SystemRandom, Ticket, UnixSeconds, kind,
};
use pollster::block_on;

/// Somebody who is enrolled and signs in again and again.
pub struct Login {
    mfa: Mfa,
    clock: HandClock,
    storage: MemoryStorage,
    ctx: Context,
    app: TestAuthenticator,
    ticket: Ticket<kind::Challenge>,
    codes: Vec<String>,
}

/// From one login to the next: three steps. Of two steps that share a code the later one is used up, once in a million
/// logins; by the next login both are out of reach.
const APART: Duration = Duration::from_secs(90);

/// One challenge is answered this often at most, since it lives for an hour.
pub const LOGINS_AT_ONCE: u32 = 32;

impl Login {
    /// Enrolls.
    pub fn new(random: impl RandomSource) -> Self {
        let (clock, storage, ctx) = (HandClock::at(1_800_000_000), MemoryStorage::new(), context());
        let mfa = library(&storage, &clock, random);
        let pending = pending(&mfa, &ctx, clock.reading());
        let app = TestAuthenticator::scan(&pending).unwrap();
        let confirmed = block_on(mfa.confirm(&ctx, &pending.ticket, &app.code_at(clock.reading()))).unwrap();
        block_on(mfa.activate(&ctx, &confirmed.ticket, Acknowledged)).unwrap();
        let ticket = challenge(&mfa, &ctx, clock.reading());
        Self { mfa, clock, storage, ctx, app, ticket, codes: Vec::new() }
    }

    /// Makes ready for `logins` logins, at most [`LOGINS_AT_ONCE`].
    pub fn prepare(&mut self, logins: u32) {
        assert!(logins <= LOGINS_AT_ONCE, "the challenge would expire");
        let now = self.clock.reading();
        self.ticket = challenge(&self.mfa, &self.ctx, now);
        let later = |login: u32| now.plus(APART.saturating_mul(login));
        self.codes = (1..=logins).rev().map(|login| self.app.code_at(later(login))).collect();
        // The events of earlier logins, which a host would have read and thrown away.
        block_on(DynStorage::prune(&self.storage, now)).unwrap();
    }

    /// Answers with a right code, some time after the last one.
    pub fn verify(&mut self) -> Assertion {
        let code = self.codes.pop().unwrap();
        self.clock.advance(APART);
        block_on(self.mfa.verify(&self.ctx, &self.ticket, &code, Remember::No)).unwrap()
    }

    /// Begins a sign-in: reads the record and makes a challenge.
    pub fn begin(&self) -> Ticket<kind::Challenge> {
        challenge(&self.mfa, &self.ctx, self.clock.reading())
    }
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Login(..)")
    }
}

/// An enrollment that waits to be shown.
pub fn shown() -> PendingEnrollment {
    let clock = HandClock::at(1_800_000_000);
    let mfa = library(&MemoryStorage::new(), &clock, SystemRandom);
    pending(&mfa, &context(), clock.reading())
}

fn library(storage: &MemoryStorage, clock: &HandClock, random: impl RandomSource) -> Mfa {
    let builder = Mfa::builder().storage(storage.clone()).keyring(Keyring::generate(&SystemRandom).unwrap());
    let builder = builder.clock(clock.clone()).random(random).challenge_lifetime(Duration::from_secs(3600));
    builder.build().unwrap()
}

fn context() -> Context {
    let subject = Subject::new(SubjectId::new("u-1").unwrap(), "ada@example.com", Attributes::new());
    Context::new(Realm::new("main", "Example").unwrap(), subject, SessionBinding::from_bytes([7; 16]))
}

fn pending(mfa: &Mfa, ctx: &Context, now: UnixSeconds) -> PendingEnrollment {
    let next = block_on(mfa.begin(ctx, FirstFactor::password(now))).unwrap();
    let Next::Offer(menu) = next else { panic!("expected an offer, got {next:?}") };
    block_on(mfa.enroll_app(ctx, &menu.ticket)).unwrap()
}

fn challenge(mfa: &Mfa, ctx: &Context, now: UnixSeconds) -> Ticket<kind::Challenge> {
    let next = block_on(mfa.begin(ctx, FirstFactor::password(now))).unwrap();
    let Next::Challenge(challenge) = next else { panic!("expected a challenge, got {next:?}") };
    challenge.ticket
}
