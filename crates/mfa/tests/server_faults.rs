//! Sixty-four people sign in, again and again, while the server that keeps their records is killed and comes back.
//!
//! Nothing that was acknowledged may be lost and no code may work twice; what was under way may have happened or not, and
//! whoever was told neither gets in with the next code. Ten seconds each, or as many as `MFA_FAULT_SECONDS` says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that cannot go on must stop"
)]

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use common::servers::{self, OnServer};
use common::{START, keyring};
use mfa::policy::Attributes;
use mfa::testing::{HandClock, TestAuthenticator};
use mfa::{
    Acknowledged, Assertion, Context, Error, FirstFactor, Mfa, Next, Realm, Rejection, Remember,
    SessionBinding, Subject, SubjectId, SystemRandom,
};
use mfa_core::time::{Period, TimeStep};
use mfa_test_servers::{PostgresServer, Proxy, RedisServer};
use pollster::block_on;

const PEOPLE: usize = 64;
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn redis_is_killed_and_comes_back() {
    let Some(server) = RedisServer::start() else { return };
    let storage = servers::redis_on(&server);
    let tally = sign_in_while(&storage, SECOND, || {
        server.kill();
        server.restart();
    });
    tally.report("Redis, appendfsync always, kill -9");
}

#[test]
fn postgres_is_killed_and_comes_back() {
    let Some(server) = PostgresServer::start() else { return };
    let pool = servers::postgres_pool(&server.new_database());
    let tally = sign_in_while(&servers::postgres_in(&pool, "mfa"), SECOND, || {
        server.kill();
        server.restart();
    });
    tally.report("PostgreSQL, kill -9");
}

#[test]
fn connections_to_postgres_are_cut() {
    let Some(server) = PostgresServer::start() else { return };
    let proxy = Proxy::start(server.port());
    let through = server.new_database().replace(&server.port().to_string(), &proxy.port().to_string());
    let pool = servers::postgres_pool(&through);
    let tally =
        sign_in_while(&servers::postgres_in(&pool, "mfa"), SECOND / 20, || proxy.cut_before_next_answer());
    tally.report("PostgreSQL, connections cut before the answer");
}

#[test]
fn a_postgres_primary_is_lost_and_its_standby_promoted() {
    let Some(server) = PostgresServer::start() else { return };
    let proxy = Proxy::start(server.port());
    let through = server.new_database().replace(&server.port().to_string(), &proxy.port().to_string());
    let standby = server.synchronous_standby();
    let pool = servers::postgres_pool(&through);
    let is_lost = AtomicBool::new(false);
    let tally = sign_in_while(&servers::postgres_in(&pool, "mfa"), SECOND, || {
        if !is_lost.swap(true, SeqCst) {
            server.kill();
            standby.promote();
            proxy.point_to(standby.server().port());
        }
    });
    tally.report("PostgreSQL, primary lost, synchronous standby promoted");
}

/// What became of every attempt.
#[derive(Default)]
struct Tally {
    attempts: AtomicUsize,
    successes: AtomicUsize,
    refused: AtomicUsize,
    unknown: AtomicUsize,
    faults: AtomicUsize,
    lost: AtomicUsize,
    twice: AtomicUsize,
}

impl Tally {
    fn report(&self, what: &str) {
        let get = |count: &AtomicUsize| count.load(SeqCst);
        println!(
            "{what}: {} faults, {} attempts, {} successes, {} refused as used, {} unknown, {} lost, {} accepted twice",
            get(&self.faults),
            get(&self.attempts),
            get(&self.successes),
            get(&self.refused),
            get(&self.unknown),
            get(&self.lost),
            get(&self.twice),
        );
        assert_eq!((get(&self.lost), get(&self.twice)), (0, 0));
        assert!(get(&self.successes) > 0 && get(&self.faults) > 0, "nothing happened");
    }
}

/// Somebody with an app, a clock of their own, and what was acknowledged to them.
struct Person {
    name: String,
    mfa: Mfa,
    clock: HandClock,
    app: TestAuthenticator,
    used: Vec<TimeStep>,
}

fn sign_in_while(storage: &OnServer, pause: Duration, fault: impl Fn()) -> Tally {
    let mut people: Vec<_> = (0..PEOPLE).map(|number| Person::enroll(storage, number)).collect();
    let (tally, over) = (Tally::default(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for person in &mut people {
            let (tally, over) = (&tally, &over);
            scope.spawn(move || {
                while !over.load(SeqCst) {
                    person.attempt(tally);
                }
            });
        }
        let seconds: u32 = std::env::var("MFA_FAULT_SECONDS").map_or(10, |text| text.parse().unwrap());
        for _ in 0..seconds * 1000 / u32::try_from(pause.as_millis()).unwrap() {
            #[expect(clippy::disallowed_methods, reason = "servers run by a clock of their own")]
            std::thread::sleep(pause);
            fault();
            tally.faults.fetch_add(1, SeqCst);
        }
        over.store(true, SeqCst);
    });
    people.iter_mut().for_each(|person| person.settle(&tally));
    tally
}

impl Person {
    fn enroll(storage: &OnServer, number: usize) -> Self {
        let clock = HandClock::at(START);
        let builder = Mfa::builder().storage(storage.clone()).keyring(keyring());
        let mfa = builder.clock(clock.clone()).random(SystemRandom).build().unwrap();
        let name = format!("person-{number}");
        let ctx = context(&name);
        let next = block_on(mfa.begin(&ctx, FirstFactor::password(clock.reading()))).unwrap();
        let Next::Offer(menu) = next else { panic!("{name}: {next:?}") };
        let pending = block_on(mfa.enroll_app(&ctx, &menu.ticket)).unwrap();
        let app = TestAuthenticator::scan(&pending).unwrap();
        let code = app.code_at(clock.reading());
        let confirmed = block_on(mfa.confirm(&ctx, &pending.ticket, &code)).unwrap();
        block_on(mfa.activate(&ctx, &confirmed.ticket, Acknowledged)).unwrap();
        let used = vec![TimeStep::containing(clock.reading(), Period::THIRTY_SECONDS)];
        Self { name, mfa, clock, app, used }
    }

    /// Signs in with a fresh code, and once more with the same.
    fn attempt(&mut self, tally: &Tally) {
        // Three steps: neighbouring steps share a code once in a million, and then both are used up at once.
        self.clock.advance(Duration::from_secs(90));
        let step = TimeStep::containing(self.clock.reading(), Period::THIRTY_SECONDS);
        let first = self.login(step);
        tally.note(&first);
        let again = self.login(step);
        tally.note(&again);
        if first.is_ok() && again.is_ok() {
            tally.twice.fetch_add(1, SeqCst);
        }
        if first.is_ok() || again.is_ok() {
            self.used.push(step);
        }
    }

    fn login(&self, step: TimeStep) -> Result<Assertion, Error> {
        let ctx = context(&self.name).known_enrolled(true);
        match block_on(self.mfa.begin(&ctx, FirstFactor::password(self.clock.reading())))? {
            Next::Challenge(challenge) => {
                let code = self.app.code_of_step(step);
                block_on(self.mfa.verify(&ctx, &challenge.ticket, &code, Remember::No))
            }
            other => panic!("{}: {other:?}", self.name),
        }
    }

    /// Once the server stands again: what was acknowledged is used up, and the next code works.
    fn settle(&mut self, tally: &Tally) {
        let now = self.clock.reading();
        // An earlier step is refused for the sake of a later one: the last ones tell.
        for step in self.used.iter().rev().take(5) {
            self.clock.set(step.starts_at(Period::THIRTY_SECONDS).get());
            if !matches!(self.login(*step), Err(Error::Rejected(Rejection::AlreadyUsed))) {
                tally.lost.fetch_add(1, SeqCst);
            }
        }
        self.clock.set(now.get() + 90);
        let next = TimeStep::containing(self.clock.reading(), Period::THIRTY_SECONDS);
        self.login(next).unwrap_or_else(|error| panic!("{} cannot get in: {error:?}", self.name));
    }
}

impl Tally {
    fn note(&self, answer: &Result<Assertion, Error>) {
        self.attempts.fetch_add(1, SeqCst);
        match answer {
            Ok(_) => &self.successes,
            Err(Error::Rejected(Rejection::AlreadyUsed)) => &self.refused,
            Err(Error::Unavailable(_)) => &self.unknown,
            Err(other) => panic!("an answer that nobody deserved: {other:?}"),
        }
        .fetch_add(1, SeqCst);
    }
}

fn context(account: &str) -> Context {
    let subject = Subject::new(SubjectId::new(account).unwrap(), account, Attributes::new());
    Context::new(Realm::new("main", "Example").unwrap(), subject, SessionBinding::from_bytes([7; 16]))
}
