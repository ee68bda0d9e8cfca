//! What the targets share that go through the facade: a library over memory, a clock that stands still, and somebody
//! who is enrolled.

use std::sync::{Arc, Mutex, PoisonError};

use mfa::policy::Attributes;
use mfa::storage::{
    CommitOutcome, Cursor, Durability, Expected, MemoryStorage, ScanFilter, Snapshot, Spend, SpendOutcome,
    Storage, StorageError, StoredEvent, Write,
};
use mfa::testing::{HandClock, SeededRandom, TestAuthenticator};
use mfa::{
    Acknowledged, Assertion, Context, FirstFactor, Keyring, Mfa, Next, Realm, SessionBinding, Subject,
    SubjectId, Ticket, UnixSeconds, kind,
};
use mfa_core::id::{ReservationId, SubjectKey};
use pollster::block_on;

/// A library with one enrolled subject, made the same way every time.
pub struct World {
    pub mfa: Mfa,
    pub storage: Tampered,
    pub now: UnixSeconds,
    /// A sign-in of the enrolled subject.
    pub ctx: Context,
    /// The tickets and the assertion of that subject's set-up and next sign-in, all genuine.
    pub tickets: Tickets,
    /// A code that is right and unused.
    pub code: String,
    pub recovery_code: String,
}

pub struct Tickets {
    pub enroll: Ticket<kind::Enroll>,
    pub pending: Ticket<kind::Pending>,
    pub confirmed: Ticket<kind::Confirmed>,
    pub challenge: Ticket<kind::Challenge>,
    pub assertion: Assertion,
}

impl World {
    pub fn new() -> Self {
        let clock = HandClock::at(1_800_000_000);
        let random = SeededRandom::new(7);
        let storage = Tampered::default();
        let keyring = Keyring::generate(&SeededRandom::new(99)).unwrap();
        let builder = Mfa::builder().storage(storage.clone()).keyring(keyring);
        let mfa = builder.clock(clock.clone()).random(random).build().unwrap();

        let subject = Subject::new(SubjectId::new("ada").unwrap(), "ada@example.com", Attributes::new());
        let realm = Realm::new("main", "Example").unwrap();
        let ctx = Context::new(realm, subject, SessionBinding::from_bytes([7; 16]));

        let begin = || block_on(mfa.begin(&ctx, FirstFactor::password(clock.reading()))).unwrap();
        let Next::Offer(menu) = begin() else { panic!("not offered") };
        let pending = block_on(mfa.enroll_app(&ctx, &menu.ticket)).unwrap();
        let app = TestAuthenticator::scan(&pending).unwrap();
        let confirmed = block_on(mfa.confirm(&ctx, &pending.ticket, &app.code_at(clock.reading()))).unwrap();
        let assertion = block_on(mfa.activate(&ctx, &confirmed.ticket, Acknowledged)).unwrap();
        clock.advance(std::time::Duration::from_secs(30));
        let Next::Challenge(challenge) = begin() else { panic!("not challenged") };

        let (now, recovery_code) = (clock.reading(), confirmed.expose_recovery_code().to_owned());
        let tickets = Tickets {
            enroll: menu.ticket,
            pending: pending.ticket,
            confirmed: confirmed.ticket,
            challenge: challenge.ticket,
            assertion,
        };
        Self { code: app.code_at(now), mfa, storage, now, ctx, tickets, recovery_code }
    }

    /// The row of the enrolled subject as it was committed.
    pub fn row(&self) -> Snapshot {
        block_on(Storage::load(&self.storage.rows, self.ctx.key())).unwrap().expect("enrolled")
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// Memory, except that it answers with another row when told to.
#[derive(Clone, Default)]
pub struct Tampered {
    rows: MemoryStorage,
    instead: Arc<Mutex<Option<Snapshot>>>,
}

impl Tampered {
    /// From now on every load of any subject answers with `row`; `None` ends that.
    pub fn answer(&self, row: Option<Snapshot>) {
        *self.instead.lock().unwrap_or_else(PoisonError::into_inner) = row;
    }
}

impl Storage for Tampered {
    async fn load(&self, subject: &SubjectKey) -> Result<Option<Snapshot>, StorageError> {
        let instead = self.instead.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if instead.is_some() { Ok(instead) } else { Storage::load(&self.rows, subject).await }
    }

    async fn commit(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        write: Write,
    ) -> Result<CommitOutcome, StorageError> {
        Storage::commit(&self.rows, subject, expected, write).await
    }

    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Result<SpendOutcome, StorageError> {
        Storage::spend(&self.rows, spend, now).await
    }

    async fn refund(&self, reservation: &ReservationId, now: UnixSeconds) -> Result<(), StorageError> {
        Storage::refund(&self.rows, reservation, now).await
    }

    async fn feed(&self, cursor: Cursor, limit: usize) -> Result<(Vec<StoredEvent>, Cursor), StorageError> {
        Storage::feed(&self.rows, cursor, limit).await
    }

    async fn scan(
        &self,
        after: Option<&SubjectKey>,
        limit: usize,
        filter: ScanFilter,
    ) -> Result<Vec<(SubjectKey, Snapshot)>, StorageError> {
        Storage::scan(&self.rows, after, limit, filter).await
    }

    async fn erase(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        tombstone: Write,
    ) -> Result<CommitOutcome, StorageError> {
        Storage::erase(&self.rows, subject, expected, tombstone).await
    }

    async fn prune(&self, before: UnixSeconds) -> Result<(), StorageError> {
        Storage::prune(&self.rows, before).await
    }

    fn durability(&self) -> Durability {
        Storage::durability(&self.rows)
    }
}
