//! Servers killed and connections cut in the middle of commits: nothing acknowledged is lost, and a conflict only ever
//! means that nothing was written. What a power cut leaves is not shown here: the file system outlives the kill.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "helpers of tests: they fail by panicking"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use mfa_core::id::SubjectKey;
use mfa_redis::RedisStorage;
use mfa_storage::{CommitOutcome, Cursor, Expected, Storage as _, StoredEvent, Version};
use mfa_test_servers::{RedisServer, wait_for};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use common::{fresh, open, subject, write};

#[expect(dead_code, reason = "shared by several test binaries")]
mod common;

const WRITERS: usize = 16;

/// What each writer was told.
#[derive(Default)]
struct Told {
    stop: AtomicBool,
    acknowledged: [AtomicU64; WRITERS],
    failed: AtomicU64,
}

impl Told {
    fn sum(&self) -> u64 {
        self.acknowledged.iter().map(|version| version.load(Ordering::SeqCst)).sum()
    }
}

/// Commits as the only writer of its subject until told to stop. After an error it reads what is there and goes on.
async fn keep_committing(storage: RedisStorage, writer: usize, told: Arc<Told>) {
    let (subject, stream) = (subject(&writer.to_string()), u64::try_from(writer).unwrap());
    let mut at = Expected::Absent;
    while !told.stop.load(Ordering::SeqCst) {
        let write = write(stream, &format!("{writer}: {}!", at.next().get()));
        match storage.commit(&subject, at, write).await {
            Ok(CommitOutcome::Committed { version }) => {
                told.acknowledged[writer].store(version.get(), Ordering::SeqCst);
                at = Expected::At(version);
            }
            Ok(CommitOutcome::Conflict) => panic!("nobody else writes here: a commit was sent twice"),
            Err(error) => {
                assert!(error.is_transient(), "{error:?}");
                told.failed.fetch_add(1, Ordering::SeqCst);
                match settled(&storage, &subject, &told.stop).await {
                    Some(found) => at = found,
                    None => return,
                }
            }
        }
    }
}

/// What is there once it can be read again. The lost commit can no longer come: its connection is gone.
async fn settled(storage: &RedisStorage, subject: &SubjectKey, stop: &AtomicBool) -> Option<Expected> {
    while !stop.load(Ordering::SeqCst) {
        if let Ok(found) = storage.load(subject).await {
            return Some(found.map_or(Expected::Absent, |snapshot| Expected::At(snapshot.version)));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    None
}

async fn nothing_is_lost(storage: &RedisStorage, told: &Told) {
    let mut streams = BTreeMap::<_, Vec<StoredEvent>>::new();
    for event in storage.feed(Cursor::START, usize::MAX).await.unwrap().0 {
        streams.entry(*event.stream.as_bytes()).or_default().push(event);
    }
    for (writer, acknowledged) in told.acknowledged.iter().enumerate() {
        let acknowledged = acknowledged.load(Ordering::SeqCst);
        let found = storage.load(&subject(&writer.to_string())).await.unwrap();
        let version = found.as_ref().map_or(0, |snapshot| snapshot.version.get());
        assert!(version >= acknowledged, "writer {writer}: {acknowledged} acknowledged, {version} is there");
        let stream = u128::try_from(writer).unwrap().to_be_bytes();
        let events = streams.remove(&stream).unwrap_or_default();
        let places = events.iter().map(|event| (event.version.get(), event.index));
        assert!(places.eq((1..=version).map(|version| (version, 0))), "writer {writer}: events have gaps");
        if let (Some(snapshot), Some(event)) = (found, events.last()) {
            assert!(snapshot.sealed.starts_with(&event.payload), "writer {writer}: record and event differ");
        }
    }
    assert!(streams.is_empty(), "events of nobody");
}

/// Writers at work while `disturb` does its worst, so many times.
fn under_load(server: &RedisServer, connections: usize, disturb: impl Fn(&Told, u64)) {
    let runtime = Runtime::new().unwrap();
    let told = Arc::new(Told::default());
    let options = fresh();
    let handles: Vec<RedisStorage> =
        (0..connections).map(|_| runtime.block_on(open(&server.url(), options.clone())).unwrap()).collect();
    let mut writers = JoinSet::new();
    for (writer, storage) in (0..WRITERS).zip(handles.iter().cycle()) {
        writers.spawn_on(keep_committing(storage.clone(), writer, told.clone()), runtime.handle());
    }
    for round in 0..ROUNDS {
        let before = told.sum();
        wait_for("commits go on", || (told.sum() > before + 40 + round * 13).then_some(()));
        disturb(&told, round);
    }
    let before = told.sum();
    wait_for("commits go on after all", || (told.sum() > before + 40).then_some(()));
    told.stop.store(true, Ordering::SeqCst);
    runtime.block_on(async {
        while let Some(ended) = writers.join_next().await {
            ended.unwrap();
        }
        nothing_is_lost(&open(&server.url(), options).await.unwrap(), &told).await;
    });
    let failed = told.failed.load(Ordering::SeqCst);
    assert!(failed > 0, "nothing was disturbed");
    println!(
        "{ROUNDS} disturbances, {failed} calls failed, nothing of {} acknowledged commits lost",
        told.sum()
    );
}

#[test]
fn a_killed_server_loses_nothing_that_was_acknowledged() {
    let Some(server) = RedisServer::start() else { return };
    under_load(&server, 4, |_, _| {
        server.kill();
        server.restart();
    });
}

#[test]
fn a_cut_connection_never_makes_a_conflict_of_a_commit() {
    let Some(server) = RedisServer::start() else { return };
    under_load(&server, 4, |_, _| {
        server.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
    });
}

/// The commit is applied, its reply never comes; the client gives up. Then everything is as it was or fully done.
#[tokio::test]
async fn a_reply_that_is_lost_is_an_error_and_the_commit_stands() {
    let Some(server) = RedisServer::start() else { return };
    let storage = open(&server.url(), fresh()).await.unwrap();
    let subject = subject("a");
    let first = storage.commit(&subject, Expected::Absent, write(1, "first")).await.unwrap();
    assert_eq!(first, CommitOutcome::Committed { version: Version::FIRST });
    server.ask(&["CLIENT", "PAUSE", "300", "WRITE"]);
    let at = Expected::At(Version::FIRST);
    let late = tokio::spawn({
        let (storage, subject) = (storage.clone(), subject.clone());
        async move { storage.commit(&subject, at, write(1, "second")).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
    assert!(late.await.unwrap().unwrap_err().is_transient());
    let again = storage.commit(&subject, at, write(1, "third")).await.unwrap();
    let found = storage.load(&subject).await.unwrap().unwrap();
    let standing: &[u8] = match again {
        CommitOutcome::Committed { .. } => b"third",
        CommitOutcome::Conflict => b"second",
    };
    assert!(found.sealed.starts_with(standing));
    assert_eq!(storage.feed(Cursor::START, 9).await.unwrap().0.len(), 2);
}

const ROUNDS: u64 = 8;
