//! Many reads and many writes in one statement each, answered item by item.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests, and helpers outside of any test function"
)]

use std::sync::Barrier;

use mfa_postgres::PostgresStorage;
use mfa_storage::{BatchStorage, Commit, CommitOutcome, Expected, Storage, StorageError, Version};
use mfa_test_servers::PostgresServer;

use common::{block_on, chain, everything, new_database, pool, storage, subject, write};

mod common;

fn item(name: &str, expected: Expected, stream: u64) -> Commit {
    Commit { subject: subject(name), expected, write: write(stream, name) }
}

fn at(version: u64) -> Expected {
    Expected::At(Version::new(version))
}

fn committed(version: u64) -> CommitOutcome {
    CommitOutcome::Committed { version: Version::new(version) }
}

fn commit_many(storage: &PostgresStorage, commits: Vec<Commit>) -> Vec<Result<CommitOutcome, StorageError>> {
    block_on(storage.commit_many(commits))
}

#[test]
fn each_item_is_answered_in_its_place() {
    let Some(pool) = new_database() else { return };
    let (storage, _) = storage(&pool);
    let first = vec![item("b", Expected::Absent, 2), item("a", Expected::Absent, 1)];
    let answers: Vec<_> = commit_many(&storage, first).into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, [committed(1), committed(1)]);
    let second = vec![
        item("new", Expected::Absent, 3),
        item("b", at(7), 2),
        item("a", at(1), 1),
        item("b'", at(1), 4),
        item("c", Expected::Absent, 5),
    ];
    let answers: Vec<_> = commit_many(&storage, second).into_iter().map(Result::unwrap).collect();
    let conflict = CommitOutcome::Conflict;
    assert_eq!(answers, [committed(1), conflict, committed(2), conflict, committed(1)]);
    let again = commit_many(&storage, vec![item("a", Expected::Absent, 1), item("a2", Expected::Absent, 6)]);
    assert_eq!(again.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [conflict, committed(1)]);

    let wanted = ["c", "nobody", "a", "b", "a"].map(subject);
    let found = block_on(storage.load_many(&wanted));
    let found: Vec<_> =
        found.into_iter().map(|found| found.unwrap().map(|found| found.version.get())).collect();
    assert_eq!(found, [Some(1), None, Some(2), Some(1), Some(2)]);
    for (name, stream) in [("a", 1_u64), ("b", 2), ("new", 3), ("c", 5), ("a2", 6)] {
        let loaded = block_on(storage.load(&subject(name))).unwrap().unwrap();
        assert_eq!(loaded.sealed, write(stream, name).sealed, "{name}");
        let events = everything(&storage);
        let of_stream = events.iter().filter(|event| event.stream == write(stream, "").stream);
        let places: Vec<_> = of_stream.map(|event| (event.version, event.index)).collect();
        let versions = (1..=loaded.version.get()).map(|version| (Version::new(version), 0));
        assert_eq!(places, versions.collect::<Vec<_>>(), "{name}");
    }
    assert!(block_on(storage.load_many(&[])).is_empty());
    assert!(commit_many(&storage, Vec::new()).is_empty());
}

#[test]
fn one_bad_item_fails_alone() {
    let Some(pool) = new_database() else { return };
    let (storage, _) = storage(&pool);
    let _ = commit_many(&storage, vec![item("owner", Expected::Absent, 1)]);
    // Another subject's stream: the schema refuses the event, and the record must not stand without.
    let batch = vec![
        item("good", Expected::Absent, 2),
        item("bad", Expected::Absent, 1),
        item("owner", Expected::Absent, 1),
        item("owner 2", Expected::Absent, 3),
    ];
    let answers = commit_many(&storage, batch);
    let error = answers[1].as_ref().unwrap_err();
    assert!(!error.is_transient());
    assert!(chain(error).contains("event_pkey"), "{}", chain(error));
    assert!(!format!("{error:?}").contains("Key ("), "values of the row: {error:?}");
    let others = [0, 2, 3].map(|place: usize| *answers[place].as_ref().unwrap());
    assert_eq!(others, [committed(1), CommitOutcome::Conflict, committed(1)]);
    assert_eq!(block_on(storage.load(&subject("bad"))).unwrap(), None);
    assert_eq!(everything(&storage).len(), 3);
}

#[test]
fn a_subject_named_twice_is_an_error_the_second_time() {
    let Some(pool) = new_database() else { return };
    let (storage, _) = storage(&pool);
    let batch =
        vec![item("a", Expected::Absent, 1), item("a", Expected::Absent, 1), item("b", Expected::Absent, 2)];
    let answers = commit_many(&storage, batch);
    assert!(answers[0].is_ok() && answers[1].is_err() && answers[2].is_ok(), "{answers:?}");
}

#[test]
fn one_bad_row_fails_alone() {
    let Some(pool) = new_database() else { return };
    let (storage, schema) = storage(&pool);
    let _ = commit_many(&storage, vec![item("a", Expected::Absent, 1), item("b", Expected::Absent, 2)]);
    let damage = "ALTER TABLE s.record DROP CONSTRAINT record_methods_check;
                  UPDATE s.record SET methods = 256 WHERE subject = 'a'";
    common::sql(&pool, &damage.replace("s.", &format!("{schema}.")));
    let answers = block_on(storage.load_many(&[subject("a"), subject("b")]));
    assert!(answers[0].is_err() && answers[1].as_ref().is_ok_and(Option::is_some), "{answers:?}");
}

#[test]
fn a_read_a_write_and_a_batch_are_one_statement_each() {
    let Some(server) = PostgresServer::shared() else { return };
    let url = server.new_database();
    let database = url.rsplit('/').next().unwrap();
    let pool = pool(&url, 1, &[("log_statement", "all")]);
    let (storage, _) = storage(&pool);
    let mut number = 0_u64;
    let mut batch = |expected| {
        number += 1;
        (0..40).map(|each| item(&format!("{number} {each}"), expected, 1_000 * number + each)).collect()
    };
    let subjects: Vec<_> = (0..40).map(|each| subject(&format!("1 {each}"))).collect();
    let count = |run: &mut dyn FnMut()| {
        let mark = format!("] {database} LOG:  ");
        let count = || server.log().lines().filter(|line| line.contains(&mark)).count();
        let before = count();
        run();
        count() - before
    };
    let mut at = Expected::Absent;
    // The second time round nothing is prepared any more.
    for _ in 0..2 {
        let mut commit = || {
            let _ = block_on(storage.commit(&subject("alone"), at, write(7, "alone"))).unwrap();
            at = Expected::At(at.next());
        };
        assert_eq!(count(&mut commit), 1);
        assert_eq!(count(&mut || drop(block_on(storage.load(&subject("alone"))).unwrap())), 1);
        assert_eq!(count(&mut || drop(commit_many(&storage, batch(Expected::Absent)))), 1);
        assert_eq!(count(&mut || drop(block_on(storage.load_many(&subjects)))), 1);
    }
}

#[test]
fn batches_in_every_order_never_wait_in_a_circle() {
    const THREADS: usize = 8;
    const ROUNDS: u64 = 30;
    const SUBJECTS: usize = 24;
    let Some(server) = PostgresServer::shared() else { return };
    let url = server.new_database();
    let pool = pool(&url, 8, &[]);
    let (storage, _) = storage(&pool);
    let wins = std::sync::atomic::AtomicU64::new(0);
    let barrier = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (storage, wins, barrier) = (&storage, &wins, &barrier);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    barrier.wait();
                    // Half of them stand already; the rest is new each round.
                    let name = |each: usize| match each % 2 {
                        0 => each.to_string(),
                        _ => format!("{each} {round}"),
                    };
                    let expected = |each: usize| match (each % 2, round) {
                        (0, 1..) => at(round),
                        _ => Expected::Absent,
                    };
                    let stream = |each: usize| {
                        if each.is_multiple_of(2) { each as u64 } else { 100 * (round + 1) + each as u64 }
                    };
                    let mut batch: Vec<_> =
                        (0..SUBJECTS).map(|each| item(&name(each), expected(each), stream(each))).collect();
                    batch.rotate_left(thread * 3);
                    if thread % 2 == 0 {
                        batch.reverse();
                    }
                    for answer in commit_many(storage, batch) {
                        if answer.unwrap() != CommitOutcome::Conflict {
                            wins.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    assert_eq!(wins.into_inner(), ROUNDS * SUBJECTS as u64);
    assert_eq!(everything(&storage).len() as u64, ROUNDS * SUBJECTS as u64);
    let database = url.rsplit('/').next().unwrap();
    let deadlock = format!("] {database} ERROR:  deadlock detected");
    assert!(!server.log().contains(&deadlock));
}
