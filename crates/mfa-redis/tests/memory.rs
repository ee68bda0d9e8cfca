//! What an enrolled subject costs in the server's memory, of which all of Redis is made.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "helpers of tests: they fail by panicking"
)]

use mfa_storage::{BatchStorage as _, Commit, CommitOutcome, Expected, Version};
use mfa_test_servers::RedisServer;

use common::{fresh, open, subject, write};

#[expect(dead_code, reason = "shared by several test binaries")]
mod common;

const SUBJECTS: u64 = 100_000;
const MOST: u64 = 800;

#[tokio::test]
async fn an_enrolled_subject_costs_little_memory() {
    let Some(server) = RedisServer::start_with(&[("appendfsync", "no")]) else { return };
    let bare = cost(&server, 0).await;
    let event = cost(&server, 1).await.saturating_sub(bare);
    println!("{bare} bytes for each of {SUBJECTS} subjects with a sealed record of 300 bytes");
    println!("{event} bytes more with its first event, of 100 bytes");
    assert!(bare <= MOST, "{bare} bytes");
}

/// Bytes for each subject, with so many events.
async fn cost(server: &RedisServer, events: usize) -> u64 {
    let storage = open(&server.url(), fresh().danger_may_forget()).await.unwrap();
    let before = used(server);
    for thousand in 0..SUBJECTS / 1000 {
        let commit = |number: u64| {
            let mut write = write(number, &"sealed".repeat(17));
            write.events.truncate(events);
            let subject = subject(&format!("018f6e3a-7c1d-7e2b-9d3f-{number:012}"));
            Commit { subject, expected: Expected::Absent, write }
        };
        let commits = (thousand * 1000..(thousand + 1) * 1000).map(commit).collect();
        for answer in storage.commit_many(commits).await {
            assert_eq!(answer.unwrap(), CommitOutcome::Committed { version: Version::FIRST });
        }
    }
    used(server).saturating_sub(before) / SUBJECTS
}

/// Without the buffers of clients, replicas and the append-only file.
fn used(server: &RedisServer) -> u64 {
    let stats = server.ask(&["INFO", "memory"]);
    let line = stats.lines().find_map(|line| line.strip_prefix("used_memory_dataset:"));
    line.unwrap().trim().parse().unwrap()
}
