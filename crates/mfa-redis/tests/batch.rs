//! Many subjects in one round trip, each answered for itself.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "helpers of tests: they fail by panicking"
)]

use std::time::Duration;

use mfa_core::id::ReservationId;
use mfa_storage::{BatchStorage as _, Commit, CommitOutcome, Cursor, Expected, Spend, Storage as _, Version};
use mfa_test_servers::RedisServer;

use common::{NOW, bucket, fresh, open, subject, write};

mod common;

fn first(number: u64) -> Commit {
    let write = write(number, &format!("first of {number}"));
    Commit { subject: subject(&number.to_string()), expected: Expected::Absent, write }
}

const FIRST: CommitOutcome = CommitOutcome::Committed { version: Version::FIRST };

#[tokio::test]
async fn one_bad_item_fails_alone() {
    let Some(server) = RedisServer::shared() else { return };
    let storage = open(&server.url(), fresh()).await.unwrap();
    assert_eq!(storage.commit(&subject("7"), Expected::Absent, write(7, "before")).await.unwrap(), FIRST);
    let mut commits: Vec<Commit> = (0..100).map(first).collect();
    commits[50].write.stream = commits[3].write.stream; // of another subject
    let answers = storage.commit_many(commits.clone()).await;
    for (number, answer) in answers.into_iter().enumerate() {
        match (number, answer) {
            (7, answer) => assert_eq!(answer.unwrap(), CommitOutcome::Conflict),
            (50, answer) => assert!(!answer.unwrap_err().is_transient()),
            (_, answer) => assert_eq!(answer.unwrap(), FIRST),
        }
    }
    let mut subjects: Vec<_> = commits.iter().map(|commit| commit.subject.clone()).collect();
    subjects.push(subject("1")); // twice, and out of order
    let found = storage.load_many(&subjects).await;
    for (number, found) in found.into_iter().enumerate() {
        let sealed = found.unwrap().map(|snapshot| snapshot.sealed);
        match number {
            7 => assert!(sealed.unwrap().starts_with(b"before")),
            50 => assert_eq!(sealed, None),
            100 => assert_eq!(sealed.unwrap(), commits[1].write.sealed),
            _ => assert_eq!(sealed.unwrap(), commits[number].write.sealed),
        }
    }
    let (events, _) = storage.feed(Cursor::START, usize::MAX).await.unwrap();
    assert_eq!(events.len(), 99);
}

#[tokio::test]
async fn an_empty_batch_asks_nothing() {
    let Some(server) = RedisServer::shared() else { return };
    let storage = open(&server.url(), fresh()).await.unwrap();
    assert!(storage.commit_many(Vec::new()).await.is_empty());
    assert!(storage.load_many(&[]).await.is_empty());
}

#[tokio::test]
async fn a_server_that_forgot_the_scripts_is_told_them_again() {
    let Some(server) = RedisServer::start() else { return };
    let storage = open(&server.url(), fresh()).await.unwrap();
    for round in 0..3_u64 {
        let commits = (0..10).map(|number| first(round * 10 + number)).collect();
        for answer in storage.commit_many(commits).await {
            assert_eq!(answer.unwrap(), FIRST);
        }
        server.ask(&["SCRIPT", "FLUSH"]);
    }
}

#[tokio::test]
async fn a_stream_is_taken_until_its_events_are_pruned() {
    let Some(server) = RedisServer::shared() else { return };
    let storage = open(&server.url(), fresh()).await.unwrap();
    assert_eq!(storage.commit(&subject("a"), Expected::Absent, write(1, "a")).await.unwrap(), FIRST);
    let taken = storage.commit(&subject("b"), Expected::Absent, write(1, "b")).await;
    assert!(!taken.unwrap_err().is_transient());
    assert_eq!(storage.load(&subject("b")).await.unwrap(), None, "nothing was written");
    assert_eq!(storage.feed(Cursor::START, 9).await.unwrap().0.len(), 1);
    storage.prune(NOW.plus(Duration::from_secs(1))).await.unwrap();
    assert_eq!(storage.commit(&subject("b"), Expected::Absent, write(1, "b")).await.unwrap(), FIRST);
}

/// Many more than one slice of everything that is pruned.
#[tokio::test]
async fn pruning_leaves_no_key_of_what_was_old() {
    let Some(server) = RedisServer::start() else { return };
    let storage = open(&server.url(), fresh()).await.unwrap();
    let commits: Vec<Commit> = (0..700).map(first).collect();
    for answer in storage.commit_many(commits.clone()).await {
        assert_eq!(answer.unwrap(), FIRST);
    }
    for (number, commit) in commits.into_iter().enumerate() {
        let tombstone = write(u64::try_from(number).unwrap(), "tombstone");
        let _ = storage.erase(&commit.subject, Expected::At(Version::FIRST), tombstone).await.unwrap();
    }
    for number in 0..700_u128 {
        let spend = Spend {
            reservation: ReservationId::from_bytes(number.to_be_bytes()),
            buckets: vec![bucket(u64::try_from(number).unwrap(), 1, 60)],
            lapses_after: Duration::from_secs(60),
        };
        let _ = storage.spend(&spend, NOW).await.unwrap();
    }
    storage.prune(NOW.plus(Duration::from_secs(61))).await.unwrap();
    assert!(storage.feed(Cursor::START, 9).await.unwrap().0.is_empty());
    let left = server.ask(&["DBSIZE"]);
    assert_eq!(left.trim(), "2", "the layout, and the stream that knows how far it has counted");
}
