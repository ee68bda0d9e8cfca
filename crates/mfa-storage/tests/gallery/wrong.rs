//! The frame: a wrong store says what it does otherwise, and everything else goes to memory.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::thread;

use mfa_core::id::{ReservationId, SubjectKey};
use mfa_core::time::UnixSeconds;
use mfa_storage::conformance::Stores;
use mfa_storage::{
    BatchStorage, Commit, CommitOutcome, Cursor, Durability, Expected, MemoryStorage, ScanFilter, Snapshot,
    Spend, SpendOutcome, Storage, StorageError, StoredEvent, Write,
};

pub(crate) type Answer<T> = Result<T, StorageError>;
pub(crate) type Page = Vec<(SubjectKey, Snapshot)>;

/// The memory below a wrong store.
pub(crate) trait Inner: Default + Send + Sync + 'static {
    fn inner(&self) -> &MemoryStorage;
}

/// Makes wrong stores, each over a memory of its own.
macro_rules! wrong_stores {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* })*) => {
        $(
            $(#[$doc])*
            #[derive(Default)]
            pub(crate) struct $name {
                inner: MemoryStorage,
                $($field: $type,)*
            }

            impl $crate::wrong::Inner for $name {
                fn inner(&self) -> &MemoryStorage {
                    &self.inner
                }
            }
        )*
    };
}
pub(crate) use wrong_stores;

/// The methods of `Storage`, right unless a wrong store writes its own.
pub(crate) trait Wrong: Inner {
    fn load(&self, subject: &SubjectKey) -> impl Future<Output = Answer<Option<Snapshot>>> + Send {
        self.inner().load(subject)
    }

    fn commit(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        write: Write,
    ) -> impl Future<Output = Answer<CommitOutcome>> + Send {
        self.inner().commit(subject, expected, write)
    }

    fn erase(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        write: Write,
    ) -> impl Future<Output = Answer<CommitOutcome>> + Send {
        self.inner().erase(subject, expected, write)
    }

    fn spend(&self, spend: &Spend, now: UnixSeconds) -> impl Future<Output = Answer<SpendOutcome>> + Send {
        self.inner().spend(spend, now)
    }

    fn refund(
        &self,
        reservation: &ReservationId,
        now: UnixSeconds,
    ) -> impl Future<Output = Answer<()>> + Send {
        self.inner().refund(reservation, now)
    }

    fn feed(
        &self,
        cursor: Cursor,
        limit: usize,
    ) -> impl Future<Output = Answer<(Vec<StoredEvent>, Cursor)>> + Send {
        self.inner().feed(cursor, limit)
    }

    fn scan(
        &self,
        after: Option<&SubjectKey>,
        limit: usize,
        filter: ScanFilter,
    ) -> impl Future<Output = Answer<Page>> + Send {
        self.inner().scan(after, limit, filter)
    }

    fn prune(&self, before: UnixSeconds) -> impl Future<Output = Answer<()>> + Send {
        self.inner().prune(before)
    }

    fn load_many(
        &self,
        subjects: &[SubjectKey],
    ) -> impl Future<Output = Vec<Answer<Option<Snapshot>>>> + Send {
        self.inner().load_many(subjects)
    }

    fn commit_many(&self, commits: Vec<Commit>) -> impl Future<Output = Vec<Answer<CommitOutcome>>> + Send {
        self.inner().commit_many(commits)
    }

    /// What is found after a crash, for a store that outlives one.
    fn crash(&self) -> Option<Self> {
        None
    }
}

/// A wrong store as a store.
pub(crate) struct Shown<W>(W);

/// Makes them.
pub(crate) struct Of<W>(PhantomData<fn() -> W>);

impl<W> Of<W> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<W: Wrong> Stores for Of<W> {
    type Store = Shown<W>;

    async fn empty(&self) -> Answer<Shown<W>> {
        Ok(Shown(W::default()))
    }

    async fn crash(&self, store: &Shown<W>) -> Answer<Option<Shown<W>>> {
        Ok(store.0.crash().map(Shown))
    }
}

#[deny(clippy::missing_trait_methods)]
impl<W: Wrong> Storage for Shown<W> {
    async fn load(&self, subject: &SubjectKey) -> Answer<Option<Snapshot>> {
        self.0.load(subject).await
    }

    async fn commit(&self, subject: &SubjectKey, expected: Expected, write: Write) -> Answer<CommitOutcome> {
        self.0.commit(subject, expected, write).await
    }

    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Answer<SpendOutcome> {
        self.0.spend(spend, now).await
    }

    async fn refund(&self, reservation: &ReservationId, now: UnixSeconds) -> Answer<()> {
        self.0.refund(reservation, now).await
    }

    async fn feed(&self, cursor: Cursor, limit: usize) -> Answer<(Vec<StoredEvent>, Cursor)> {
        self.0.feed(cursor, limit).await
    }

    async fn scan(&self, after: Option<&SubjectKey>, limit: usize, filter: ScanFilter) -> Answer<Page> {
        self.0.scan(after, limit, filter).await
    }

    async fn erase(&self, subject: &SubjectKey, expected: Expected, write: Write) -> Answer<CommitOutcome> {
        self.0.erase(subject, expected, write).await
    }

    async fn prune(&self, before: UnixSeconds) -> Answer<()> {
        self.0.prune(before).await
    }

    fn durability(&self) -> Durability {
        Durability::Durable
    }
}

#[deny(clippy::missing_trait_methods)]
impl<W: Wrong> BatchStorage for Shown<W> {
    async fn load_many(&self, subjects: &[SubjectKey]) -> Vec<Answer<Option<Snapshot>>> {
        self.0.load_many(subjects).await
    }

    async fn commit_many(&self, commits: Vec<Commit>) -> Vec<Answer<CommitOutcome>> {
        self.0.commit_many(commits).await
    }
}

/// Lets every other thread of a race come between. Those have no name; whoever has one is alone.
pub(crate) fn wide_open() {
    if thread::current().name().is_none() {
        (0..10).for_each(|_| thread::yield_now());
    }
}

/// Is pending once: here a future can be dropped.
pub(crate) async fn pause() {
    Pause(false).await;
}

struct Pause(bool);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Runs when it is dropped, unless it was called off.
pub(crate) struct WhenDropped<F: FnMut()>(Option<F>);

impl<F: FnMut()> WhenDropped<F> {
    pub(crate) fn run(run: F) -> Self {
        Self(Some(run))
    }

    pub(crate) fn call_off(mut self) {
        self.0 = None;
    }
}

impl<F: FnMut()> Drop for WhenDropped<F> {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|run| run());
    }
}

/// A reservation that nobody asked for.
pub(crate) fn fresh_reservation() -> ReservationId {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    ReservationId::from_bytes((u128::MAX - u128::from(number)).to_be_bytes())
}

/// Commits whatever stands.
pub(crate) async fn write_over(
    inner: &MemoryStorage,
    subject: &SubjectKey,
    write: Write,
) -> Answer<CommitOutcome> {
    loop {
        let found = inner.load(subject).await?;
        let expected = found.map_or(Expected::Absent, |snapshot| Expected::At(snapshot.version));
        let outcome = inner.commit(subject, expected, write.clone()).await?;
        if outcome != CommitOutcome::Conflict {
            return Ok(outcome);
        }
    }
}
