//! `kill -9` in the middle of a hundred concurrent enrollments and logins on SQLite, again and again.
//!
//! The test starts itself as a child that enrolls and signs in on a hundred threads and reports each answer it got.
//! The parent kills it without warning, opens the file, and holds it to every report: no acknowledged change is lost
//! and no code works twice. What was in flight may have happened or not, but not half.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on must stop"
)]
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that cannot go on must stop"
)]

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use common::{START, TempDir, keyring};
use mfa::policy::Attributes;
use mfa::sqlite::SqliteStorage;
use mfa::testing::{HandClock, TestAuthenticator};
use mfa::{
    Acknowledged, Context, Error, FirstFactor, Mfa, Next, Realm, Rejection, Remember, SessionBinding,
    Subject, SubjectId, SystemRandom,
};
use mfa_core::time::{Period, TimeStep};
use pollster::block_on;

const CLIENTS: u64 = 100;
const ROUNDS: usize = 10;
const CHILD: &str = "MFA_KILL9_CHILD";

fn main() {
    match std::env::var_os(CHILD) {
        Some(database) => child(&PathBuf::from(database)),
        None => parent(),
    }
}

fn parent() {
    let dir = TempDir::new();
    let (mut enrolled, mut used) = (0, 0);
    for round in 0..ROUNDS {
        // A new file each time, killed ever later: from the very first commits to well under way.
        let database = dir.0.join(format!("round-{round}.db"));
        let reports = run_and_kill(&database, 1 + round * 90);
        let accounts = acknowledged(&reports);
        enrolled += accounts.len();
        used += accounts.values().map(|account| account.steps.len()).sum::<usize>();
        hold(&database, &accounts);
    }
    assert!(used > enrolled, "the kills came before anything happened");
    println!(
        "kill9: {ROUNDS} kills, {enrolled} enrollments and {used} used steps acknowledged, none lost, none twice"
    );
}

/// Starts the child and kills it once it has reported `lines` times.
fn run_and_kill(database: &Path, lines: usize) -> Vec<String> {
    let mut child: Child = Command::new(std::env::current_exe().unwrap())
        .env(CHILD, database)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut reports = Vec::new();
    for _ in 0..lines {
        let mut line = String::new();
        assert!(reader.read_line(&mut line).unwrap() > 0, "the child ended by itself");
        reports.push(line);
    }
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    // What it had still written before it died was acknowledged too.
    reports.extend(reader.lines().map_while(Result::ok));
    reports
}

struct Account {
    key: String,
    steps: Vec<u64>,
}

fn acknowledged(reports: &[String]) -> BTreeMap<String, Account> {
    let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
    for report in reports {
        let words: Vec<&str> = report.split_whitespace().collect();
        match words.as_slice() {
            // A last line may be cut off; a whole one ends with a full stop.
            ["enrolled", account, key, step, "."] => {
                let steps = vec![step.parse().unwrap()];
                accounts.insert((*account).to_owned(), Account { key: (*key).to_owned(), steps });
            }
            ["used", account, step, "."] => {
                accounts.get_mut(*account).unwrap().steps.push(step.parse().unwrap())
            }
            cut => assert_ne!(cut.last(), Some(&"."), "an unreadable report: {report}"),
        }
    }
    accounts
}

/// Opens the file of a killed process and holds it to what was acknowledged.
fn hold(database: &Path, accounts: &BTreeMap<String, Account>) {
    let storage = SqliteStorage::open(database).expect("the file opens");
    for (name, account) in accounts {
        let last = TimeStep::new(*account.steps.iter().max().unwrap());
        let clock = HandClock::at(last.starts_at(Period::THIRTY_SECONDS).get());
        let mfa = library(&storage, &clock);
        let app = TestAuthenticator::from_manual_key(&account.key).unwrap();
        for step in &account.steps {
            let step = TimeStep::new(*step);
            clock.set(step.starts_at(Period::THIRTY_SECONDS).get());
            let answer = login(&mfa, &clock, name, &app.code_of_step(step));
            assert!(
                matches!(answer, Err(Error::Rejected(Rejection::AlreadyUsed))),
                "{name}: an acknowledged step is worth {answer:?}"
            );
        }
        // Beyond anything that was in flight, codes work, once.
        let fresh = last.offset(6);
        clock.set(fresh.starts_at(Period::THIRTY_SECONDS).get());
        assert!(login(&mfa, &clock, name, &app.code_of_step(fresh)).is_ok(), "{name} is locked out");
        assert!(login(&mfa, &clock, name, &app.code_of_step(fresh)).is_err(), "{name}: a code worked twice");
    }
}

fn child(database: &Path) {
    let storage = SqliteStorage::open(database).unwrap();
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let storage = &storage;
            scope.spawn(move || {
                let clock = HandClock::at(START);
                let mfa = library(storage, &clock);
                for number in 0.. {
                    enroll_and_sign_in(&mfa, &clock, &format!("c{client}-{number}"));
                }
            });
        }
    });
}

fn enroll_and_sign_in(mfa: &Mfa, clock: &HandClock, account: &str) {
    let ctx = context(account, 1);
    let Ok(Next::Offer(menu)) = block_on(mfa.begin(&ctx, FirstFactor::password(clock.reading()))) else {
        panic!("no offer")
    };
    let pending = block_on(mfa.enroll_app(&ctx, &menu.ticket)).unwrap();
    let app = TestAuthenticator::scan(&pending).unwrap();
    let confirmed = block_on(mfa.confirm(&ctx, &pending.ticket, &app.code_at(clock.reading()))).unwrap();
    block_on(mfa.activate(&ctx, &confirmed.ticket, Acknowledged)).unwrap();
    let step = |clock: &HandClock| TimeStep::containing(clock.reading(), Period::THIRTY_SECONDS).get();
    println!("enrolled {account} {} {} .", pending.expose_manual_key().replace(' ', ""), step(clock));
    for _ in 0..3 {
        // Three steps: neighbouring steps share a code once in a million, and then both are used up at once.
        clock.advance(std::time::Duration::from_secs(90));
        login(mfa, clock, account, &app.code_at(clock.reading())).unwrap();
        println!("used {account} {} .", step(clock));
    }
}

fn login(mfa: &Mfa, clock: &HandClock, account: &str, code: &str) -> Result<mfa::Assertion, Error> {
    let ctx = context(account, 2).known_enrolled(true);
    match block_on(mfa.begin(&ctx, FirstFactor::password(clock.reading())))? {
        Next::Challenge(challenge) => block_on(mfa.verify(&ctx, &challenge.ticket, code, Remember::No)),
        other => panic!("{account}: {other:?}"),
    }
}

fn context(account: &str, session: u8) -> Context {
    let subject = Subject::new(SubjectId::new(account).unwrap(), account, Attributes::new());
    Context::new(Realm::new("main", "Example").unwrap(), subject, SessionBinding::from_bytes([session; 16]))
}

fn library(storage: &SqliteStorage, clock: &HandClock) -> Mfa {
    let builder = Mfa::builder().storage(storage.clone()).keyring(keyring());
    builder.clock(clock.clone()).random(SystemRandom).build().unwrap()
}
