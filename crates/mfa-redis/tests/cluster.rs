//! A cluster keeps every promise while no master is lost; and what it loses when one is.
//!
//! What cannot be promised here, and no kit can show: that an acknowledged commit survives the loss of a master. The
//! last part loses four and prints what that cost.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "helpers of tests: they fail by panicking"
)]
#![cfg(feature = "danger-async-replication")]

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mfa_redis::{ClusterOptions, RedisOptions, RedisStorage};
use mfa_storage::conformance::{Stores, block_on, run_all};
use mfa_storage::{
    BatchStorage as _, Commit, CommitOutcome, Cursor, Durability, Expected, ScanFilter, Storage as _,
    StorageError, Version,
};
use mfa_test_servers::{RedisCluster, wait_for};
use redis::cluster::ClusterClient;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use common::{fresh, subject, write};

#[expect(dead_code, reason = "shared by several test binaries")]
mod common;

async fn open(
    urls: &[String],
    options: RedisOptions,
    cluster: ClusterOptions,
) -> Result<RedisStorage, StorageError> {
    let nodes = ClusterClient::builder(urls.to_vec()).response_timeout(Duration::from_secs(5));
    RedisStorage::open_cluster(nodes, options, cluster).await
}

fn few_shards() -> ClusterOptions {
    ClusterOptions::new().shards(4)
}

struct OnCluster<'a> {
    runtime: &'a Runtime,
    urls: Vec<String>,
    shards: u16,
}

impl Stores for OnCluster<'_> {
    type Store = RedisStorage;

    async fn empty(&self) -> Result<RedisStorage, StorageError> {
        open(&self.urls, fresh(), ClusterOptions::new().shards(self.shards)).await
    }

    fn drive<F: Future>(&self, future: F) -> F::Output {
        let _entered = self.runtime.enter();
        block_on(future)
    }
}

/// One cluster serves all of these, one after the other.
#[test]
fn a_cluster() {
    let Some(cluster) = RedisCluster::start(3, 1) else { return };
    let runtime = Runtime::new().unwrap();
    every_promise_is_kept_while_no_master_is_lost(&cluster, &runtime, 1, &[]);
    // The check compares the feed as a whole, and streams of different shards come in whatever order.
    every_promise_is_kept_while_no_master_is_lost(&cluster, &runtime, 4, &["prune_removes_only_the_old"]);
    runtime.block_on(the_number_of_shards_is_fixed(&cluster));
    runtime.block_on(batches_and_pruning_reach_every_shard(&cluster));
    for replicas in [0, 1] {
        for is_cut_off in [false, true] {
            a_master_is_lost(&cluster, &runtime, replicas, is_cut_off);
        }
    }
}

fn every_promise_is_kept_while_no_master_is_lost(
    cluster: &RedisCluster,
    runtime: &Runtime,
    shards: u16,
    but: &[&str],
) {
    let stores = OnCluster { runtime, urls: cluster.urls(), shards };
    let report = stores.drive(run_all(&stores));
    for failure in report.failures() {
        assert!(but.contains(&failure.check), "with {shards} shards: {failure}");
    }
    assert!(report.passed().len() > 20);
}

async fn the_number_of_shards_is_fixed(cluster: &RedisCluster) {
    let (urls, options) = (cluster.urls(), fresh());
    let storage = open(&urls, options.clone(), ClusterOptions::new().shards(4)).await.unwrap();
    assert_eq!(storage.durability(), Durability::MayLoseLatest);
    let other = open(&urls, options.clone(), ClusterOptions::new().shards(5)).await.unwrap_err();
    assert!(!other.is_transient());
    for shards in [0, 1025] {
        let refused = open(&urls, options.clone(), ClusterOptions::new().shards(shards)).await.unwrap_err();
        assert!(!refused.is_transient());
    }
}

async fn batches_and_pruning_reach_every_shard(cluster: &RedisCluster) {
    let storage = open(&cluster.urls(), fresh(), few_shards()).await.unwrap();
    let commit = |number: u64| {
        let write = write(number, &format!("{number}!"));
        Commit { subject: subject(&number.to_string()), expected: Expected::Absent, write }
    };
    let commits: Vec<Commit> = (0..60).map(commit).collect();
    for answer in storage.commit_many(commits.clone()).await {
        assert_eq!(answer.unwrap(), CommitOutcome::Committed { version: Version::FIRST });
    }
    let subjects: Vec<_> = commits.iter().map(|commit| commit.subject.clone()).collect();
    for (found, commit) in storage.load_many(&subjects).await.into_iter().zip(commits) {
        assert_eq!(found.unwrap().unwrap().sealed, commit.write.sealed);
    }
    assert_eq!(storage.feed(Cursor::START, usize::MAX).await.unwrap().0.len(), 60);
    let gone = storage.erase(&subject("7"), Expected::At(Version::FIRST), write(7, "gone")).await.unwrap();
    assert_eq!(gone, CommitOutcome::Committed { version: Version::new(2) });
    storage.prune(common::NOW.plus(Duration::from_secs(1))).await.unwrap();
    assert_eq!(storage.feed(Cursor::START, usize::MAX).await.unwrap().0, []);
    assert_eq!(storage.load(&subject("7")).await.unwrap(), None);
    assert_eq!(storage.scan(None, usize::MAX, ScanFilter::default()).await.unwrap().len(), 59);
}

/// Kills the master of one shard, which is all there are, under writers; prints what it cost. A master that is cut off
/// loses its replica first, and answers without it for a moment.
fn a_master_is_lost(cluster: &RedisCluster, runtime: &Runtime, replicas: u32, is_cut_off: bool) {
    let prefix = format!("lost-{replicas}-{is_cut_off}");
    let options = RedisOptions::new().prefix(&prefix).unwrap();
    let waits = ClusterOptions::new().shards(1).wait_for_replicas(replicas, Duration::from_millis(200));
    let storage = runtime.block_on(open(&cluster.urls(), options, waits)).unwrap();
    let acknowledged: Arc<[AtomicU64; WRITERS]> = Arc::default();
    let sum = || acknowledged.iter().map(|version| version.load(Ordering::SeqCst)).sum::<u64>();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let writing = keep_committing(storage.clone(), writer, acknowledged.clone());
        writers.spawn_on(writing, runtime.handle());
    }
    wait_for("commits go on", || (sum() > 300).then_some(()));
    let shard = format!("{{{prefix}:0}}");
    if is_cut_off {
        cluster.cut_off_replicas_of(cluster.master_of(&shard));
        runtime.block_on(async { tokio::time::sleep(Duration::from_millis(300)).await });
    }
    let killed = cluster.kill_master_of(&shard);
    let lost = runtime.block_on(async {
        while let Some(ended) = writers.join_next().await {
            ended.unwrap();
        }
        lost(&storage, &acknowledged).await
    });
    let how = if is_cut_off { "300 ms after its replica" } else { "at once" };
    println!("WAIT {replicas}, a master lost {how}: {lost} of {} acknowledged commits are gone", sum());
    runtime.block_on(it_works_again(&storage));
    // The one replica there was had acknowledged every write, and is the only one that can take over.
    if replicas > 0 {
        assert_eq!(lost, 0, "commits that the replica had acknowledged");
    }
    killed.restart();
    cluster.wait_until_it_stands();
}

/// Until the first error: by then the master is gone, or its replica is.
async fn keep_committing(storage: RedisStorage, writer: usize, acknowledged: Arc<[AtomicU64; WRITERS]>) {
    let (subject, stream) = (subject(&writer.to_string()), u64::try_from(writer).unwrap());
    let mut at = Expected::Absent;
    loop {
        match storage.commit(&subject, at, write(stream, "x")).await {
            Ok(CommitOutcome::Committed { version }) => {
                acknowledged[writer].store(version.get(), Ordering::SeqCst);
                at = Expected::At(version);
            }
            Ok(CommitOutcome::Conflict) => panic!("nobody else writes here: a commit was sent twice"),
            Err(error) => {
                assert!(error.is_transient(), "{error:?}");
                return;
            }
        }
    }
}

async fn lost(storage: &RedisStorage, acknowledged: &[AtomicU64; WRITERS]) -> u64 {
    let mut lost = 0;
    for (writer, acknowledged) in acknowledged.iter().enumerate() {
        let subject = subject(&writer.to_string());
        let found = patiently(async || storage.load(&subject).await).await;
        let version = found.map_or(0, |snapshot| snapshot.version.get());
        lost += acknowledged.load(Ordering::SeqCst).saturating_sub(version);
    }
    lost
}

async fn it_works_again(storage: &RedisStorage) {
    // Whether one replica is left to wait for is not the question here: a failed wait has written all the same.
    patiently(async || match storage.commit(&subject("after"), Expected::Absent, write(99, "x")).await {
        Ok(_) => Ok(()),
        Err(error) => storage.load(&subject("after")).await.and_then(|found| found.map(|_| ()).ok_or(error)),
    })
    .await;
}

async fn patiently<T>(mut ask: impl AsyncFnMut() -> Result<T, StorageError>) -> T {
    for _ in 0..600 {
        match ask().await {
            Ok(answer) => return answer,
            Err(error) => assert!(error.is_transient(), "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no replica took over within half a minute");
}

const WRITERS: usize = 16;
