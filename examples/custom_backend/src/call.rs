//! The calls of the contract that change something, as plain data to write down and to make again.

use std::io;
use std::time::Duration;

use mfa_core::id::{Pseudonym, ReservationId, SubjectKey};
use mfa_core::time::UnixSeconds;
use mfa_storage::{
    Bucket, BucketKey, EventBody, Expected, MemoryStorage, MethodSet, Operation, Spend, Storage, Summary,
    Version, Write,
};
use pollster::block_on;
use serde::{Deserialize, Serialize};

/// A call with everything that its answer depends on.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Call {
    Commit(Replacement),
    Erase(Replacement),
    Spend {
        reservation: [u8; 16],
        /// Key, burst and interval of each.
        buckets: Vec<([u8; 32], u32, Duration)>,
        lapses_after: Duration,
        now: u64,
    },
    Refund {
        reservation: [u8; 16],
        now: u64,
    },
    Prune {
        before: u64,
    },
}

/// A record in the place of another, with its events.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Replacement {
    tenant: String,
    subject: String,
    /// The version, or none for no record.
    expected: Option<u64>,
    sealed: Vec<u8>,
    enrolled: bool,
    methods: u8,
    throttled_until: Option<u64>,
    key_id: u32,
    updated_at: u64,
    stream: [u8; 16],
    /// When each happened, and what.
    events: Vec<(u64, Vec<u8>)>,
}

impl Call {
    pub(crate) fn commit(subject: &SubjectKey, expected: Expected, write: &Write) -> Self {
        Self::Commit(Replacement::of(subject, expected, write))
    }

    pub(crate) fn erase(subject: &SubjectKey, expected: Expected, write: &Write) -> Self {
        Self::Erase(Replacement::of(subject, expected, write))
    }

    pub(crate) fn spend(spend: &Spend, now: UnixSeconds) -> Self {
        let plain = |bucket: &Bucket| (*bucket.key.as_bytes(), bucket.burst, bucket.interval);
        Self::Spend {
            reservation: *spend.reservation.as_bytes(),
            buckets: spend.buckets.iter().map(plain).collect(),
            lapses_after: spend.lapses_after,
            now: now.get(),
        }
    }

    pub(crate) fn refund(reservation: &ReservationId, now: UnixSeconds) -> Self {
        Self::Refund { reservation: *reservation.as_bytes(), now: now.get() }
    }

    pub(crate) fn prune(before: UnixSeconds) -> Self {
        Self::Prune { before: before.get() }
    }

    pub(crate) fn operation(&self) -> Operation {
        match self {
            Self::Commit(_) => Operation::Commit,
            Self::Erase(_) => Operation::Erase,
            Self::Spend { .. } => Operation::Spend,
            Self::Refund { .. } => Operation::Refund,
            Self::Prune { .. } => Operation::Prune,
        }
    }

    /// Makes the call again. What it answers was answered when it was made first, a refusal included.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] when it is no call that could have been made.
    pub(crate) fn make(self, memory: &MemoryStorage) -> io::Result<()> {
        match self {
            Self::Commit(replacement) => {
                let (subject, expected, write) = replacement.parts()?;
                drop(block_on(memory.commit(&subject, expected, write)));
            }
            Self::Erase(replacement) => {
                let (subject, expected, write) = replacement.parts()?;
                drop(block_on(memory.erase(&subject, expected, write)));
            }
            Self::Spend { reservation, buckets, lapses_after, now } => {
                let bucket = |(key, burst, interval)| Bucket { key: BucketKey::new(key), burst, interval };
                let buckets = buckets.into_iter().map(bucket).collect();
                let reservation = ReservationId::from_bytes(reservation);
                let spend = Spend { reservation, buckets, lapses_after };
                drop(block_on(memory.spend(&spend, UnixSeconds::new(now))));
            }
            Self::Refund { reservation, now } => {
                let reservation = ReservationId::from_bytes(reservation);
                drop(block_on(memory.refund(&reservation, UnixSeconds::new(now))));
            }
            Self::Prune { before } => drop(block_on(memory.prune(UnixSeconds::new(before)))),
        }
        Ok(())
    }
}

impl Replacement {
    fn of(key: &SubjectKey, expected: Expected, write: &Write) -> Self {
        let Summary { enrolled, methods, throttled_until, key_id, updated_at } = &write.summary;
        Self {
            tenant: key.tenant().as_str().to_owned(),
            subject: key.subject().as_str().to_owned(),
            expected: match expected {
                Expected::Absent => None,
                Expected::At(version) => Some(version.get()),
            },
            sealed: write.sealed.clone(),
            enrolled: *enrolled,
            methods: methods.bits(),
            throttled_until: throttled_until.map(UnixSeconds::get),
            key_id: *key_id,
            updated_at: updated_at.get(),
            stream: *write.stream.as_bytes(),
            events: write.events.iter().map(|event| (event.at.get(), event.payload.clone())).collect(),
        }
    }

    fn parts(self) -> io::Result<(SubjectKey, Expected, Write)> {
        let key = SubjectKey::from_stored(&self.tenant, &self.subject);
        let key = key.map_err(|invalid| io::Error::new(io::ErrorKind::InvalidData, invalid.to_string()))?;
        let expected = self.expected.map_or(Expected::Absent, |version| Expected::At(Version::new(version)));
        let event = |(at, payload)| EventBody { at: UnixSeconds::new(at), payload };
        let write = Write {
            sealed: self.sealed,
            summary: Summary {
                enrolled: self.enrolled,
                methods: MethodSet::from_bits(self.methods),
                throttled_until: self.throttled_until.map(UnixSeconds::new),
                key_id: self.key_id,
                updated_at: UnixSeconds::new(self.updated_at),
            },
            stream: Pseudonym::from_bytes(self.stream),
            events: self.events.into_iter().map(event).collect(),
        };
        Ok((key, expected, write))
    }
}
