//! The world of the facade tests: a library over one backend, a clock turned by hand, and people with apps.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part of the common world")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on must stop"
)]

pub mod faults;
pub mod servers;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use mfa::policy::{Attributes, Policy};
use mfa::sqlite::SqliteStorage;
use mfa::storage::{Cursor, DynStorage, MemoryStorage};
use mfa::testing::{HandClock, SeededRandom, TestAuthenticator};
use mfa::{
    Acknowledged, Asked, Assertion, Context, Error, Event, EventKind, FirstFactor, Keyring, Mfa, Next, Realm,
    Remember, SessionBinding, Subject, SubjectId, Ticket, Wanted, kind,
};
use pollster::block_on;

/// 2027-01-15T08:00:00Z, the beginning of a time step.
pub const START: u64 = 1_800_000_000;

/// Runs each named check on each backend; the check's name, and with it the id of its row, stays in the test's path.
#[macro_export]
macro_rules! on_each_backend {
    ($($(#[$meta:meta])* $check:ident;)*) => {
        mod memory {
            $(#[test] fn $check() { super::$check($crate::common::World::memory()); })*
        }
        mod sqlite {
            $(#[test] fn $check() { super::$check($crate::common::World::sqlite()); })*
        }
        mod postgres {
            $(#[test] fn $check() { $crate::common::World::postgres().map(super::$check); })*
        }
        mod redis {
            $(#[test] fn $check() { $crate::common::World::redis().map(super::$check); })*
        }
    };
}

pub struct World {
    pub mfa: Mfa,
    pub clock: HandClock,
    pub random: SeededRandom,
    pub backend: Backend,
    bindings: AtomicU64,
}

/// A backend whose handle can be cloned, to look behind the library's back or to open a second library over it.
#[derive(Clone)]
pub enum Backend {
    Memory(MemoryStorage),
    Sqlite(SqliteStorage, Arc<TempDir>),
    Server(servers::OnServer),
}

impl World {
    pub fn memory() -> Self {
        Self::over(Backend::Memory(MemoryStorage::new()))
    }

    pub fn sqlite() -> Self {
        let dir = TempDir::new();
        Self::over(Backend::Sqlite(SqliteStorage::open(dir.0.join("mfa.db")).unwrap(), Arc::new(dir)))
    }

    /// None where no PostgreSQL is installed; where `CI` is set, that fails.
    pub fn postgres() -> Option<Self> {
        servers::postgres().map(|storage| Self::over(Backend::Server(storage)))
    }

    /// None where no Redis is installed; where `CI` is set, that fails.
    pub fn redis() -> Option<Self> {
        servers::redis().map(|storage| Self::over(Backend::Server(storage)))
    }

    pub fn over(backend: Backend) -> Self {
        let (clock, random) = (HandClock::at(START), SeededRandom::new(7));
        let mfa = library(&backend, &clock, &random);
        Self { mfa, clock, random, backend, bindings: AtomicU64::new(1) }
    }

    /// A second library over the same backend and keys, with a clock of its own.
    pub fn second_node(&self, clock: &HandClock) -> Mfa {
        library(&self.backend, clock, &self.random)
    }

    pub fn now(&self) -> mfa::UnixSeconds {
        mfa::Clock::now(&self.clock).unwrap()
    }

    pub fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// A new sign-in of the account: its own session binding.
    pub fn visit(&self, account: &str) -> Context {
        self.visit_as(account, Attributes::new())
    }

    pub fn visit_as(&self, account: &str, attributes: Attributes) -> Context {
        let number = self.bindings.fetch_add(1, Ordering::Relaxed);
        let mut binding = [0; 16];
        binding[..8].copy_from_slice(&number.to_le_bytes());
        let subject = Subject::new(SubjectId::new(account).unwrap(), account, attributes);
        Context::new(Realm::new("main", "Example").unwrap(), subject, SessionBinding::from_bytes(binding))
    }

    pub fn begin(&self, ctx: &Context) -> Result<Next, Error> {
        block_on(self.mfa.begin(ctx, FirstFactor::password(self.now())))
    }

    pub fn enroll_ticket(&self, ctx: &Context) -> Ticket<kind::Enroll> {
        match self.begin(ctx).unwrap() {
            Next::Offer(menu) | Next::Enroll(menu) => menu.ticket,
            other => panic!("expected an enrollment, got {other:?}"),
        }
    }

    pub fn challenge(&self, ctx: &Context) -> Ticket<kind::Challenge> {
        match self.begin(ctx).unwrap() {
            Next::Challenge(challenge) => challenge.ticket,
            Next::RecoverOnly(ticket) | Next::Throttled { recover: ticket, .. } => ticket,
            other => panic!("expected a challenge, got {other:?}"),
        }
    }

    /// Enrolls the account's first app and ends a step later, so that the next code is a fresh one.
    pub fn enrolled(&self, account: &str) -> Person {
        let ctx = self.visit(account);
        let ticket = self.enroll_ticket(&ctx);
        let person = self.finish_enrollment(&ctx, &ticket);
        self.wait(30);
        person
    }

    pub fn finish_enrollment(&self, ctx: &Context, ticket: &Ticket<kind::Enroll>) -> Person {
        let pending = block_on(self.mfa.enroll_app(ctx, ticket)).unwrap();
        let app = TestAuthenticator::scan(&pending).unwrap();
        let confirmed = block_on(self.mfa.confirm(ctx, &pending.ticket, &app.code_at(self.now()))).unwrap();
        let recovery_code = confirmed.expose_recovery_code().to_owned();
        let assertion = block_on(self.mfa.activate(ctx, &confirmed.ticket, Acknowledged)).unwrap();
        Person {
            account: ctx.subject().id().as_str().to_owned(),
            ctx: ctx.clone(),
            app,
            recovery_code,
            assertion,
        }
    }

    pub fn verify(
        &self,
        ctx: &Context,
        ticket: &Ticket<kind::Challenge>,
        code: &str,
    ) -> Result<Assertion, Error> {
        block_on(self.mfa.verify(ctx, ticket, code, Remember::No))
    }

    /// A whole login with a typed code.
    pub fn login(&self, person: &Person, code: &str) -> Result<Assertion, Error> {
        let ctx = self.visit(&person.account);
        let ticket = self.challenge(&ctx);
        self.verify(&ctx, &ticket, code)
    }

    /// Signs in again with the app, for a session and its assertion; a step later, so that the next code is fresh.
    pub fn signed_in(&self, person: &Person) -> (Context, Assertion) {
        let ctx = self.visit_as(&person.account, person.ctx.subject().attributes().clone());
        let ticket = self.challenge(&ctx);
        let assertion = self.verify(&ctx, &ticket, &person.app.code_at(self.now())).unwrap();
        self.wait(30);
        (ctx, assertion)
    }

    /// Puts the policy of this text in force.
    pub fn set_policy(&self, toml: &str) {
        block_on(self.mfa.replace_policy(Policy::from_toml(toml).unwrap())).unwrap();
    }

    /// The ticket of a challenge to somebody who is signed in.
    pub fn asked(&self, ctx: &Context, session: &Assertion, wanted: Wanted<'_>) -> Ticket<kind::Challenge> {
        match block_on(self.mfa.challenge(ctx, session, wanted, None)).unwrap() {
            Asked::Challenge(challenge) => challenge.ticket,
            other => panic!("expected a challenge, got {other:?}"),
        }
    }

    /// A code that is none of the live ones.
    pub fn wrong_code(&self, person: &Person) -> String {
        let now = mfa_step(self);
        let live: Vec<_> = (-2..=2).map(|offset| person.app.code_of_step(now.offset(offset))).collect();
        (0..).map(|n| format!("{n:06}")).find(|code| !live.contains(code)).unwrap()
    }

    pub fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        let mut cursor = Cursor::START;
        loop {
            let page = block_on(self.mfa.events(cursor, 100)).unwrap();
            if page.events.is_empty() {
                return events;
            }
            events.extend(page.events.into_iter().map(|recorded| recorded.event));
            cursor = page.next;
        }
    }

    pub fn count(&self, kind: EventKind) -> usize {
        self.events().iter().filter(|event| event.kind == kind).count()
    }

    pub fn storage(&self) -> Box<dyn DynStorage> {
        self.backend.storage()
    }

    /// The same storage, for a library that takes a backend by value.
    pub fn storage_of_its_own(&self) -> faults::FaultStorage {
        faults::FaultStorage::new(self.storage(), faults::Fault::Before)
    }
}

impl Backend {
    pub fn storage(&self) -> Box<dyn DynStorage> {
        match self {
            Self::Memory(storage) => Box::new(storage.clone()),
            Self::Sqlite(storage, _) => Box::new(storage.clone()),
            Self::Server(storage) => Box::new(storage.clone()),
        }
    }
}

pub struct Person {
    pub account: String,
    /// The session of the enrollment, which `assertion` belongs to.
    pub ctx: Context,
    pub app: TestAuthenticator,
    pub recovery_code: String,
    pub assertion: Assertion,
}

fn library(backend: &Backend, clock: &HandClock, random: &SeededRandom) -> Mfa {
    let builder = Mfa::builder().keyring(keyring()).policy(Policy::recommended());
    let builder = builder.clock(clock.clone()).random(random.clone());
    match backend {
        Backend::Memory(storage) => builder.storage(storage.clone()).build().unwrap(),
        Backend::Sqlite(storage, _) => builder.storage(storage.clone()).build().unwrap(),
        Backend::Server(storage) => builder.storage(storage.clone()).build().unwrap(),
    }
}

/// The same ring for every library of a test.
pub fn keyring() -> Keyring {
    Keyring::generate(&SeededRandom::new(99)).unwrap()
}

fn mfa_step(world: &World) -> mfa_core::time::TimeStep {
    mfa_core::time::TimeStep::containing(world.now(), mfa_core::time::Period::THIRTY_SECONDS)
}

/// `n` identical calls at once from a barrier, on threads of their own.
pub fn par<T: Send>(n: usize, call: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(n);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..n)
            .map(|i| {
                let (barrier, call) = (&barrier, &call);
                scope.spawn(move || {
                    barrier.wait();
                    call(i)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// A folder that goes when the test does.
pub struct TempDir(pub PathBuf);

impl TempDir {
    pub fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("mfa-test-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}
