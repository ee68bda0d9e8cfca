//! Storage in a cluster, whose replication is asynchronous.

use std::time::Duration;

use mfa_storage::{Durability, Operation, StorageError};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use redis::{Cmd, Pipeline, Value};

use crate::fault::Fault;
use crate::layout::{Family, Layout, Shards};
use crate::link::{Answer, Link, answer, pipeline};
use crate::options::Trust;
use crate::settings::Settings;
use crate::{RedisOptions, RedisStorage};

/// How a storage uses its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterOptions {
    shards: u16,
    replicas: u32,
    timeout: Duration,
}

impl ClusterOptions {
    /// 16 shards; a write counts when one replica has acknowledged it, within a second.
    pub fn new() -> Self {
        Self { shards: 16, replicas: 1, timeout: Duration::from_secs(1) }
    }

    /// Over how many hash slots records are spread, 1 to 1024. Fixed once the storage is first opened.
    #[must_use]
    pub fn shards(mut self, shards: u16) -> Self {
        self.shards = shards;
        self
    }

    /// How many replicas must have acknowledged a write before it counts, and how long to wait for them. Whole
    /// milliseconds count, at least one.
    ///
    /// A write that fewer acknowledge in time is a transient [`StorageError`]: it may have been applied, and it may
    /// yet be lost. 0 does not wait at all.
    #[must_use]
    pub fn wait_for_replicas(mut self, replicas: u32, timeout: Duration) -> Self {
        (self.replicas, self.timeout) = (replicas, timeout);
        self
    }
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl RedisStorage {
    /// Opens the storage in a cluster, and checks every node's settings as [`RedisStorage::open`] does.
    ///
    /// `nodes` names the cluster and how to reach it. Its retries are turned off, since a commit that is sent twice
    /// could answer `Conflict` although it was written; so while a slot moves between nodes, or a master is replaced,
    /// calls on it answer a transient [`StorageError`].
    ///
    /// # Danger
    /// Replication is asynchronous. When a master is lost, every acknowledged commit that its successor did not have is
    /// lost: a used code, a spent recovery code and a counted guess become as if they had never been, and budgets for
    /// texts are given back. Waiting for a replica
    /// ([`ClusterOptions::wait_for_replicas`]) narrows this and does not end it: another replica may be
    /// promoted, one that acknowledged may itself crash before it wrote the commit to disk, and a master that is cut
    /// off goes on answering for as long as `cluster-node-timeout`. Events that take the place of lost ones may be
    /// missing from the feed; that an event stream belongs to one subject is checked within a shard only.
    /// [`durability`](mfa_storage::Storage::durability) answers
    /// [`MayLoseLatest`](mfa_storage::Durability::MayLoseLatest).
    ///
    /// # Errors
    /// As [`RedisStorage::open`]; permanent also when the cluster was first opened with another number of shards.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
    /// use mfa_redis::{ClusterOptions, RedisOptions, RedisStorage};
    /// use redis::cluster::ClusterClient;
    ///
    /// let nodes = ClusterClient::builder(["redis://10.0.0.1/", "redis://10.0.0.2/"]);
    /// let storage = RedisStorage::open_cluster(nodes, RedisOptions::new(), ClusterOptions::new()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn open_cluster(
        nodes: ClusterClientBuilder,
        options: RedisOptions,
        cluster: ClusterOptions,
    ) -> Result<Self, StorageError> {
        let open = async {
            if !(1..=1024).contains(&cluster.shards) {
                return Err(Fault::ShardCount);
            }
            let connection = nodes.retries(0).build()?.get_async_connection().await?;
            if options.trust != Trust::Unchecked {
                check(&connection, options.trust).await?;
            }
            let layout = Layout::new(options.prefix, Shards::Many(cluster.shards));
            let link = Link::Cluster(Cluster { connection, options: cluster });
            Self::assemble(link, layout, Durability::MayLoseLatest).await
        };
        open.await.map_err(|fault| fault.answer(Operation::Open))
    }
}

/// Asks every node: whichever is a replica today may be a master tomorrow.
async fn check(connection: &ClusterConnection, trust: Trust) -> Result<(), Fault> {
    let mut nodes: Vec<(Value, Vec<Answer>)> = Vec::new();
    for question in Settings::questions() {
        let everywhere = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllNodes, None));
        let Value::Map(answers) = connection.clone().route_command(question, everywhere).await? else {
            return Err(Fault::Unreadable("the settings of a cluster"));
        };
        for (node, value) in answers {
            match nodes.iter_mut().find(|(known, _)| *known == node) {
                Some((_, answers)) => answers.push(answer(value)),
                None => nodes.push((node, vec![answer(value)])),
            }
        }
    }
    for (_, answers) in nodes {
        Settings::read(answers)?.judge(trust, true)?;
    }
    Ok(())
}

/// A connection that sends nothing twice, and always to masters.
#[derive(Clone)]
pub(crate) struct Cluster {
    connection: ClusterConnection,
    options: ClusterOptions,
}

impl Cluster {
    /// Sends commands to the master of `family`.
    pub(crate) async fn send(&self, family: &Family, pipeline: Pipeline) -> Result<Vec<Answer>, Fault> {
        let count = pipeline.len();
        if count == 0 {
            return Ok(Vec::new());
        }
        let answers = self.connection.clone().route_pipeline(pipeline, 0, count, master_of(family)).await?;
        Ok(answers.into_iter().map(answer).collect())
    }

    /// As [`Cluster::send`], and waits for the replicas. The wait goes with the commands, on the same connection: on
    /// another one it would wait for nothing and be content.
    pub(crate) async fn write(&self, family: &Family, mut commands: Vec<Cmd>) -> Result<Vec<Answer>, Fault> {
        let ClusterOptions { replicas, timeout, .. } = self.options;
        if replicas == 0 || commands.is_empty() {
            return self.send(family, pipeline(commands)).await;
        }
        let mut wait = redis::cmd("WAIT");
        wait.arg(replicas).arg(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX).max(1)); // 0 waits for ever
        commands.push(wait);
        let mut answers = self.send(family, pipeline(commands)).await?;
        let waited = answers.pop();
        // A new master knows no script yet; what it refused to run has nothing to wait for.
        if answers.iter().all(Result::is_err) {
            return Ok(answers);
        }
        match waited {
            Some(Ok(Value::Int(reached))) if reached >= i64::from(replicas) => Ok(answers),
            Some(Ok(Value::Int(reached))) => Err(Fault::NotReplicated { reached, wanted: replicas }),
            Some(Err(fault)) => Err(fault),
            _ => Err(Fault::Unreadable("the answer to WAIT")),
        }
    }
}

/// The master, whatever replicas the host's builder lets reads go to.
fn master_of(family: &Family) -> SingleNodeRoutingInfo {
    SingleNodeRoutingInfo::SpecificNode(Route::new(family.slot(), SlotAddr::Master))
}
