//! The handle, and the contract on top of it.

use std::fmt;
use std::sync::Arc;

use mfa_core::id::{ReservationId, SubjectKey};
use mfa_core::time::UnixSeconds;
use mfa_storage::{
    BatchStorage, Commit, CommitOutcome, Cursor, Durability, Expected, Operation, ScanFilter, Snapshot,
    Spend, SpendOutcome, Storage, StorageError, StoredEvent, Write,
};
use redis::aio::ConnectionManager;
use tokio::sync::Mutex;

use crate::fault::Fault;
use crate::layout::{self, Layout, Shards};
use crate::link::{Link, bytes};
use crate::options::Trust;
use crate::settings::Settings;
use crate::{RedisOptions, batch, budget, event, prune, record};

/// Keeps records in Redis. Clones share one connection.
#[derive(Clone)]
pub struct RedisStorage(Arc<Inner>);

struct Inner {
    link: Link,
    layout: Layout,
    durability: Durability,
    /// Held while budgets are read and stored, so that the callers of one process queue instead of making each other
    /// begin again. The server alone decides what is granted.
    spending: Mutex<()>,
}

impl fmt::Debug for RedisStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStorage")
            .field("layout", &self.0.layout)
            .field("durability", &self.0.durability)
            .finish_non_exhaustive()
    }
}

impl RedisStorage {
    /// Opens the storage on a connection to one server, and checks that the server keeps what it acknowledges.
    ///
    /// The promises of [`Storage`] hold for as long as the server's settings are as they were found here, and as this
    /// server, with its own files, is the one that answers: a failover to a replica (Sentinel, or by hand) loses what
    /// had not reached the replica.
    ///
    /// # Errors
    /// [`StorageError`]: permanent when a setting is unsafe (the source names it, what it is, and what could be
    /// forgotten), when settings cannot be read ([`RedisOptions::danger_settings_unchecked`]), or when the keys of this
    /// prefix were laid out by another version or for a cluster; transient when the server cannot be reached.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
    /// use mfa_redis::{RedisOptions, RedisStorage};
    ///
    /// let client = redis::Client::open("redis://127.0.0.1/")?;
    /// let connection = client.get_connection_manager().await?;
    /// let storage = RedisStorage::open(connection, RedisOptions::new()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn open(connection: ConnectionManager, options: RedisOptions) -> Result<Self, StorageError> {
        let layout = Layout::new(options.prefix, Shards::One);
        let open = async {
            let link = Link::Server(connection);
            let durability = check(&link, &layout, options.trust).await?;
            Self::assemble(link, layout, durability).await
        };
        open.await.map_err(|fault: Fault| fault.answer(Operation::Open))
    }

    /// Notes how the keys are laid out, or insists that it is as noted.
    pub(crate) async fn assemble(link: Link, layout: Layout, durability: Durability) -> Result<Self, Fault> {
        let (family, wanted) = layout.mark();
        let mut set = redis::cmd("SET");
        set.arg(family.key("layout")).arg(&wanted).arg("NX");
        let mut get = redis::cmd("GET");
        get.arg(family.key("layout"));
        let mut answers = link.read(&family, vec![set, get]).await?;
        let found = bytes(answers.pop().unwrap_or(Err(Fault::Unreadable("the layout")))?, "the layout")?;
        let found = String::from_utf8_lossy(&found.unwrap_or_default()).into_owned();
        if found != wanted {
            return Err(Fault::Layout { found, wanted });
        }
        Ok(Self(Arc::new(Inner { link, layout, durability, spending: Mutex::new(()) })))
    }

    async fn replace(
        &self,
        operation: Operation,
        subject: &SubjectKey,
        expected: Expected,
        write: &Write,
    ) -> Result<CommitOutcome, StorageError> {
        let name = layout::name(subject);
        let home = self.0.layout.home(&name);
        let call = record::replacement(&home, &name, expected, write, operation == Operation::Erase);
        let answer = self.0.link.run_one(&home, call).await;
        record::outcome(answer, expected).map_err(|fault| fault.answer(operation))
    }
}

async fn check(link: &Link, layout: &Layout, trust: Trust) -> Result<Durability, Fault> {
    if trust == Trust::Unchecked {
        return Ok(Durability::Durable);
    }
    let settings = Settings::read(link.read(&layout.feed(), Settings::questions()).await?)?;
    settings.judge_role()?;
    settings.judge(trust, false)
}

impl Storage for RedisStorage {
    async fn load(&self, subject: &SubjectKey) -> Result<Option<Snapshot>, StorageError> {
        let loaded = record::load(&self.0.link, &self.0.layout, subject).await;
        loaded.map_err(|fault| fault.answer(Operation::Load))
    }

    async fn commit(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        write: Write,
    ) -> Result<CommitOutcome, StorageError> {
        self.replace(Operation::Commit, subject, expected, &write).await
    }

    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Result<SpendOutcome, StorageError> {
        let _turn = self.0.spending.lock().await;
        let spent = budget::spend(&self.0.link, &self.0.layout, spend, now).await;
        spent.map_err(|fault| fault.answer(Operation::Spend))
    }

    async fn refund(&self, reservation: &ReservationId, now: UnixSeconds) -> Result<(), StorageError> {
        let _turn = self.0.spending.lock().await;
        let refunded = budget::refund(&self.0.link, &self.0.layout, reservation, now).await;
        refunded.map_err(|fault| fault.answer(Operation::Refund))
    }

    async fn feed(&self, cursor: Cursor, limit: usize) -> Result<(Vec<StoredEvent>, Cursor), StorageError> {
        let read = async {
            #[cfg(feature = "danger-async-replication")]
            crate::pump::pump(&self.0.link, &self.0.layout).await?;
            event::feed(&self.0.link, &self.0.layout, cursor, limit).await
        };
        read.await.map_err(|fault: Fault| fault.answer(Operation::Feed))
    }

    async fn scan(
        &self,
        after: Option<&SubjectKey>,
        limit: usize,
        filter: ScanFilter,
    ) -> Result<Vec<(SubjectKey, Snapshot)>, StorageError> {
        let found = record::scan(&self.0.link, &self.0.layout, after, limit, filter).await;
        found.map_err(|fault| fault.answer(Operation::Scan))
    }

    async fn erase(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        tombstone: Write,
    ) -> Result<CommitOutcome, StorageError> {
        self.replace(Operation::Erase, subject, expected, &tombstone).await
    }

    async fn prune(&self, before: UnixSeconds) -> Result<(), StorageError> {
        let pruned = prune::prune(&self.0.link, &self.0.layout, before).await;
        pruned.map_err(|fault| fault.answer(Operation::Prune))
    }

    fn durability(&self) -> Durability {
        self.0.durability
    }
}

impl BatchStorage for RedisStorage {
    async fn load_many(&self, subjects: &[SubjectKey]) -> Vec<Result<Option<Snapshot>, StorageError>> {
        batch::load(&self.0.link, &self.0.layout, subjects).await
    }

    async fn commit_many(&self, commits: Vec<Commit>) -> Vec<Result<CommitOutcome, StorageError>> {
        batch::commit(&self.0.link, &self.0.layout, &commits).await
    }
}
