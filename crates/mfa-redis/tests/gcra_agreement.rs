//! Whatever is spent, refunded and pruned in whatever order and by whatever clock: Redis answers as memory does.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "helpers of tests: they fail by panicking"
)]

use std::time::Duration;

use mfa_core::id::ReservationId;
use mfa_core::time::UnixSeconds;
use mfa_redis::RedisStorage;
use mfa_storage::{Bucket, BucketKey, MemoryStorage, Spend, Storage};
use mfa_test_servers::RedisServer;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Runtime;

use common::{fresh, open};

#[expect(dead_code, reason = "shared by several test binaries")]
mod common;

#[derive(Clone, Debug)]
enum Step {
    Spend { reservation: u8, buckets: Vec<(u8, u32, Duration)>, lapses_after: u64, now: u64 },
    Refund { reservation: u8, now: u64 },
    Prune { before: u64 },
}

/// Clocks that nearly agree, and every other value that a clock can have.
fn moment() -> impl Strategy<Value = u64> {
    const MAX: u64 = i64::MAX as u64;
    prop_oneof![
        8 => 1_800_000_000_u64..1_800_000_400,
        1 => 0..=MAX,
        1 => prop::sample::select(vec![0, 1, MAX / 1000 - 1, MAX / 1000, MAX / 1000 + 1, MAX - 1, MAX]),
    ]
}

fn interval() -> impl Strategy<Value = Duration> {
    prop_oneof![
        6 => (0_u64..90_000).prop_map(Duration::from_millis),
        1 => any::<u64>().prop_map(Duration::from_millis),
        1 => any::<u64>().prop_map(Duration::from_secs),
        1 => Just(Duration::from_nanos(1_999_999)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let bucket = (0_u8..4, prop_oneof![8 => 0_u32..5, 1 => any::<u32>()], interval());
    let buckets = prop::collection::vec(bucket, 0..4);
    prop_oneof![
        6 => (0_u8..6, buckets, 0_u64..400, moment()).prop_map(|(reservation, buckets, lapses_after, now)| {
            Step::Spend { reservation, buckets, lapses_after, now }
        }),
        3 => (0_u8..6, moment()).prop_map(|(reservation, now)| Step::Refund { reservation, now }),
        1 => moment().prop_map(|before| Step::Prune { before }),
    ]
}

/// What a store answers, comparable.
async fn answer<S: Storage>(store: &S, step: &Step) -> Result<String, String> {
    let id = |number: u8| ReservationId::from_bytes([number; 16]);
    let answer = match step {
        Step::Spend { reservation, buckets, lapses_after, now } => {
            let buckets = buckets.iter().map(|(number, burst, interval)| Bucket {
                key: BucketKey::new([*number; 32]),
                burst: *burst,
                interval: *interval,
            });
            let spend = Spend {
                reservation: id(*reservation),
                buckets: buckets.collect(),
                lapses_after: Duration::from_secs(*lapses_after),
            };
            store.spend(&spend, UnixSeconds::new(*now)).await.map(|outcome| format!("{outcome:?}"))
        }
        Step::Refund { reservation, now } => {
            store.refund(&id(*reservation), UnixSeconds::new(*now)).await.map(|()| String::new())
        }
        Step::Prune { before } => store.prune(UnixSeconds::new(*before)).await.map(|()| String::new()),
    };
    answer.map_err(|error| format!("{error}, transient: {}", error.is_transient()))
}

#[test]
fn budgets_agree_with_memory_for_every_clock() {
    let Some(server) = RedisServer::start_with(&[("appendfsync", "no")]) else { return };
    let runtime = Runtime::new().unwrap();
    let mut runner = TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
    let steps = prop::collection::vec(step(), 1..30);
    let agrees = runner.run(&steps, |steps| {
        runtime.block_on(async {
            let redis: RedisStorage = open(&server.url(), fresh().danger_may_forget()).await.unwrap();
            let memory = MemoryStorage::new();
            for step in &steps {
                prop_assert_eq!(answer(&redis, step).await, answer(&memory, step).await, "{:?}", step);
            }
            Ok(())
        })
    });
    agrees.unwrap();
}
