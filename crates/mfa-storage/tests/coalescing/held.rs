//! A backend that is held back: each round trip waits at gates that the test opens.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use mfa_core::id::{Pseudonym, ReservationId, SubjectId, SubjectKey, TenantId};
use mfa_core::time::UnixSeconds;
use mfa_storage::{
    BatchStorage, Commit, CommitOutcome, Cursor, Durability, EventBody, Expected, MemoryStorage, MethodSet,
    ScanFilter, Snapshot, Spend, SpendOutcome, Storage, StorageError, StoredEvent, Summary, Write,
};

/// One round trip that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trip {
    Load,
    Commit,
    LoadMany(usize),
    CommitMany(usize),
}

/// Over memory. A round trip passes one gate before it does anything, and another before it answers.
#[derive(Clone, Default)]
pub(crate) struct Held {
    pub(crate) memory: MemoryStorage,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    trips: Vec<Trip>,
    gates: Vec<Gate>,
    gates_per_trip: usize,
    /// How many answers a batch is short of.
    short: usize,
    panics: bool,
    /// Whether a gate opens by itself when it was pending once.
    pauses: bool,
}

#[derive(Default)]
struct Gate {
    open: bool,
    gone: bool,
    waker: Option<Waker>,
}

impl Held {
    /// With `gates` of them for each round trip: 0, 1 (before anything is done) or 2.
    pub(crate) fn new(gates: usize) -> Self {
        let held = Self::default();
        held.shared.lock().unwrap().gates_per_trip = gates;
        held
    }

    /// Held up twice in each round trip, and never for long.
    pub(crate) fn pausing() -> Self {
        let held = Self::new(2);
        held.shared.lock().unwrap().pauses = true;
        held
    }

    pub(crate) fn panic_from_now_on(&self, panics: bool) {
        self.shared.lock().unwrap().panics = panics;
    }

    pub(crate) fn answer_short_by(&self, short: usize) {
        self.shared.lock().unwrap().short = short;
    }

    pub(crate) fn trips(&self) -> Vec<Trip> {
        self.shared.lock().unwrap().trips.clone()
    }

    /// The gates that somebody waits at.
    pub(crate) fn waiting(&self) -> Vec<usize> {
        let shared = self.shared.lock().unwrap();
        let waiting = |gate: &Gate| !gate.open && !gate.gone && gate.waker.is_some();
        (0..shared.gates.len()).filter(|index| waiting(&shared.gates[*index])).collect()
    }

    pub(crate) fn open(&self, gate: usize) {
        let waker = {
            let mut shared = self.shared.lock().unwrap();
            shared.gates[gate].open = true;
            shared.gates[gate].waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    fn set_out(&self, trip: Trip) {
        self.shared.lock().unwrap().trips.push(trip);
    }

    async fn gate(&self, number: usize) {
        if number >= self.shared.lock().unwrap().gates_per_trip {
            return;
        }
        let index = {
            let mut shared = self.shared.lock().unwrap();
            shared.gates.push(Gate::default());
            shared.gates.len() - 1
        };
        AtGate { held: self, index }.await;
        assert!(!self.shared.lock().unwrap().panics, "on purpose");
    }
}

struct AtGate<'a> {
    held: &'a Held,
    index: usize,
}

impl Future for AtGate<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut shared = self.held.shared.lock().unwrap();
        let gate = &mut shared.gates[self.index];
        gate.waker = Some(context.waker().clone());
        if gate.open {
            return Poll::Ready(());
        }
        if shared.pauses {
            shared.gates[self.index].open = true;
            drop(shared);
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for AtGate<'_> {
    fn drop(&mut self) {
        self.held.shared.lock().unwrap().gates[self.index].gone = true;
    }
}

impl BatchStorage for Held {
    async fn load_many(&self, subjects: &[SubjectKey]) -> Vec<Result<Option<Snapshot>, StorageError>> {
        self.set_out(Trip::LoadMany(subjects.len()));
        self.gate(0).await;
        let answers = self.memory.load_many(subjects).await;
        self.gate(1).await;
        answers
    }

    async fn commit_many(&self, commits: Vec<Commit>) -> Vec<Result<CommitOutcome, StorageError>> {
        self.set_out(Trip::CommitMany(commits.len()));
        self.gate(0).await;
        let mut answers = self.memory.commit_many(commits).await;
        self.gate(1).await;
        let short = self.shared.lock().unwrap().short;
        answers.truncate(answers.len().saturating_sub(short));
        answers
    }
}

#[deny(clippy::missing_trait_methods)]
impl Storage for Held {
    async fn load(&self, subject: &SubjectKey) -> Result<Option<Snapshot>, StorageError> {
        self.set_out(Trip::Load);
        self.gate(0).await;
        let answer = self.memory.load(subject).await;
        self.gate(1).await;
        answer
    }

    async fn commit(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        write: Write,
    ) -> Result<CommitOutcome, StorageError> {
        self.set_out(Trip::Commit);
        self.gate(0).await;
        let answer = self.memory.commit(subject, expected, write).await;
        self.gate(1).await;
        answer
    }

    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Result<SpendOutcome, StorageError> {
        self.memory.spend(spend, now).await
    }

    async fn refund(&self, reservation: &ReservationId, now: UnixSeconds) -> Result<(), StorageError> {
        self.memory.refund(reservation, now).await
    }

    async fn feed(&self, cursor: Cursor, limit: usize) -> Result<(Vec<StoredEvent>, Cursor), StorageError> {
        self.memory.feed(cursor, limit).await
    }

    async fn scan(
        &self,
        after: Option<&SubjectKey>,
        limit: usize,
        filter: ScanFilter,
    ) -> Result<Vec<(SubjectKey, Snapshot)>, StorageError> {
        self.memory.scan(after, limit, filter).await
    }

    async fn erase(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        tombstone: Write,
    ) -> Result<CommitOutcome, StorageError> {
        self.memory.erase(subject, expected, tombstone).await
    }

    async fn prune(&self, before: UnixSeconds) -> Result<(), StorageError> {
        self.memory.prune(before).await
    }

    fn durability(&self) -> Durability {
        self.memory.durability()
    }
}

pub(crate) fn subject(name: &str) -> SubjectKey {
    SubjectKey::new(TenantId::new("tenant").unwrap(), SubjectId::new(name).unwrap())
}

pub(crate) fn write(stream: u64, content: &str) -> Write {
    let at = UnixSeconds::new(1_800_000_000);
    Write {
        sealed: content.into(),
        summary: Summary {
            enrolled: true,
            methods: MethodSet::APP,
            throttled_until: None,
            key_id: 1,
            updated_at: at,
        },
        stream: Pseudonym::from_bytes(u128::from(stream).to_be_bytes()),
        events: vec![EventBody { at, payload: content.into() }],
    }
}
