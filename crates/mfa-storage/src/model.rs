//! The values that cross the storage contract. All of them are plain data; none holds a secret in clear.

use std::time::Duration;

use mfa_core::id::{Pseudonym, ReservationId, SubjectKey};
use mfa_core::time::UnixSeconds;

/// Counts the commits of one subject's record, from 1. Never restarts while a trace of the subject is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u64);

impl Version {
    /// The version a first commit creates.
    pub const FIRST: Self = Self(1);

    /// Reads a version back from a backend.
    pub const fn new(version: u64) -> Self {
        Self(version)
    }

    /// The number, at most `i64::MAX`.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The version after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// What a commit expects to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a backend must handle every expectation; a third one would break the contract"
)]
pub enum Expected {
    /// No record of the subject.
    Absent,
    /// A record with this version.
    At(Version),
}

impl Expected {
    /// The version that a commit with this expectation creates.
    pub const fn next(self) -> Version {
        match self {
            Self::Absent => Version::FIRST,
            Self::At(version) => version.next(),
        }
    }
}

/// Kinds of authenticator on a record, as a bit set; bit numbers are stable and stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MethodSet(u8);

impl MethodSet {
    /// An authenticator app.
    pub const APP: Self = Self(1);
    /// Codes by text message.
    pub const SMS: Self = Self(2);
    /// A set of recovery codes.
    pub const RECOVERY: Self = Self(4);
    /// A kind that this version does not know.
    pub const OTHER: Self = Self(128);

    /// Reads a set back from a backend.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// The set as stored.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every method of `other` is in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What an operator may ask of a database without a key. The engine never decides on it; the seal covers it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends take it apart and build it column by column")]
pub struct Summary {
    /// Whether any authenticator is on record.
    pub enrolled: bool,
    /// Which kinds.
    pub methods: MethodSet,
    /// Until when codes are refused, if they are.
    pub throttled_until: Option<UnixSeconds>,
    /// The ring key that seals the record.
    pub key_id: u32,
    /// When the record last changed, by the engine's clock.
    pub updated_at: UnixSeconds,
}

/// A record as stored, with its version.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends build it from their row")]
pub struct Snapshot {
    /// How many commits made it.
    pub version: Version,
    /// The sealed record.
    pub sealed: Vec<u8>,
    /// Its clear summary.
    pub summary: Summary,
}

/// One event as the engine hands it over: already free of secrets, encoded, opaque to the backend.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends take it apart")]
pub struct EventBody {
    /// When it happened, by the engine's clock.
    pub at: UnixSeconds,
    /// The encoded event.
    pub payload: Vec<u8>,
}

/// A replacement of a record together with the events that tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends take it apart")]
pub struct Write {
    /// The new sealed record.
    pub sealed: Vec<u8>,
    /// Its clear summary.
    pub summary: Summary,
    /// Under which pseudonym the events are filed; the subject's own key is not stored with them.
    pub stream: Pseudonym,
    /// The events, in order; may be empty.
    pub events: Vec<EventBody>,
}

/// How a conditional write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a conflict means that nothing was written"]
#[expect(
    clippy::exhaustive_enums,
    reason = "the contract knows these two answers; anything else is a StorageError"
)]
pub enum CommitOutcome {
    /// Written and durable, as this version.
    Committed {
        /// The version that now stands.
        version: Version,
    },
    /// The record was not as expected; nothing was written.
    Conflict,
}

/// How far a reader of events has come. Opaque; only its own backend understands it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor(u64);

impl Cursor {
    /// Before the first event.
    pub const START: Self = Self(0);

    /// Reads a cursor back from where a consumer kept it.
    pub const fn new(position: u64) -> Self {
        Self(position)
    }

    /// The cursor as a number, to keep.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// An event as read back, with its place: gap-free and ordered within its stream by `(version, index)`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends build it from their row")]
pub struct StoredEvent {
    /// The subject's pseudonym.
    pub stream: Pseudonym,
    /// The version of the record that was committed with it.
    pub version: Version,
    /// Its place among the events of that commit, from 0.
    pub index: u32,
    /// When it happened, by the engine's clock.
    pub at: UnixSeconds,
    /// The encoded event.
    pub payload: Vec<u8>,
}

/// Names a budget: a keyed hash, never a number or a subject in clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketKey([u8; 32]);

impl BucketKey {
    /// A key from the keyed hash that the engine computed.
    pub const fn new(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// The hash.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A budget: `burst` units at once, one more each `interval` (GCRA).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends take it apart")]
pub struct Bucket {
    /// Which budget.
    pub key: BucketKey,
    /// Units that may be spent at once, at least 1.
    pub burst: u32,
    /// Time for one unit to come back; milliseconds count, finer is dropped.
    pub interval: Duration,
}

/// A request to spend one unit of every bucket, or of none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends take it apart")]
pub struct Spend {
    /// Names this spending, for [`Storage::refund`](crate::Storage::refund) and for trying again after a lost reply:
    /// a reservation that was already granted answers `Granted` and spends nothing more.
    pub reservation: ReservationId,
    /// The budgets, narrowest first.
    pub buckets: Vec<Bucket>,
    /// How long a refund stays possible; afterwards the reservation lapses and the spending stands.
    pub lapses_after: Duration,
}

/// Whether a spending was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "nothing may be sent unless this is Granted"]
#[expect(
    clippy::exhaustive_enums,
    reason = "the contract knows these two answers; anything else is a StorageError"
)]
pub enum SpendOutcome {
    /// One unit of every bucket is spent.
    Granted,
    /// Nothing is spent.
    Exhausted {
        /// The first bucket, in the order given, that had nothing left.
        index: usize,
        /// When that bucket has a unit again.
        until: UnixSeconds,
    },
}

/// Which records a scan lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScanFilter {
    /// Only records with (or without) an authenticator.
    pub enrolled: Option<bool>,
    /// Only records sealed by another ring key than this one.
    pub not_sealed_by: Option<u32>,
    /// What is left of erased subjects, in place of what stands.
    pub tombstones: bool,
}

impl ScanFilter {
    /// Whether a record, or a tombstone, passes.
    pub fn admits(&self, key: &SubjectKey, summary: &Summary, is_tombstone: bool) -> bool {
        !key.is_system()
            && self.tombstones == is_tombstone
            && self.enrolled.is_none_or(|wanted| wanted == summary.enrolled)
            && self.not_sealed_by.is_none_or(|id| id != summary.key_id)
    }
}

/// What survives when the machine loses power right after a commit was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// Every acknowledged commit survives whatever the backend is meant to survive (the process, for memory).
    Durable,
    /// The last acknowledged commits may be lost: a spent code may come back.
    MayLoseLatest,
}
