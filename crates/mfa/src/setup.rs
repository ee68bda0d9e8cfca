//! Putting the library together, and proving that it fits its storage.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use mfa_core::id::SubjectKey;
use mfa_core::throttle::ThrottleSettings;
use mfa_policy::Policy;
use mfa_storage::{CommitOutcome, Durability, DynStorage, Expected};

use crate::clock::{Clock, SystemClock};
use crate::context::Lifetimes;
use crate::engine::{Inner, Mfa};
use crate::error::{ConfigError, ConfigFault, Error, Unavailable};
use crate::event::{Event, EventKind};
use crate::keyring::{Keyring, Sealer};
use crate::random::{Draw, RandomSource, SystemRandom};
use crate::record::{Record, Stored};
use crate::refusals::{Incidents, Refusals, Unfinished};
use crate::texting::Texting;

/// Collects what [`Mfa`] is made of; [`MfaBuilder::build`] reports every fault at once.
#[must_use = "nothing is made before build()"]
pub struct MfaBuilder {
    storage: Option<Box<dyn DynStorage>>,
    keyring: Option<Keyring>,
    policy: Option<Policy>,
    clock: Box<dyn Clock>,
    random: Box<dyn RandomSource>,
    lifetimes: Lifetimes,
    event_retention: Duration,
    accepts_loss: bool,
    texting: Option<Texting>,
}

impl Mfa {
    /// Begins to put an `Mfa` together. Storage and keyring are a must; the rest has safe defaults.
    ///
    /// # Examples
    /// ```
    /// use mfa::storage::MemoryStorage;
    /// use mfa::{Keyring, Mfa, SystemRandom};
    ///
    /// let mfa = Mfa::builder()
    ///     .storage(MemoryStorage::new())
    ///     .keyring(Keyring::generate(&SystemRandom)?)
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder() -> MfaBuilder {
        MfaBuilder {
            storage: None,
            keyring: None,
            policy: None,
            clock: Box::new(SystemClock),
            random: Box::new(SystemRandom),
            lifetimes: Lifetimes::default(),
            event_retention: DEFAULT_RETENTION,
            accepts_loss: false,
            texting: None,
        }
    }

    /// Proves at start that storage answers and that the keyring opens what is in it, by a sealed canary that the
    /// first start leaves there.
    ///
    /// # Errors
    /// [`Unavailable`]: the storage's error, the id of the key that is missing, or `RecordUnreadable` when a key of
    /// that id is another key.
    pub async fn verify_setup(&self) -> Result<(), Error> {
        let (inner, key) = (&*self.inner, canary_key());
        let now = inner.now()?;
        if Stored::open(&inner.sealer, &key, inner.storage.load(&key).await?)?.record.is_some() {
            return Ok(());
        }
        let canary = Record::new(now, &mut Draw(&*inner.random))?;
        let event = Event::system(EventKind::StorageInitialized, now).encode();
        let settings = &ThrottleSettings::DEFAULT;
        let expected = Expected::Absent;
        let write =
            Stored::seal(&inner.sealer, &*inner.random, &key, expected, &canary, settings, now, vec![event])?;
        match inner.storage.commit(&key, expected, write).await? {
            CommitOutcome::Committed { .. } => Ok(()),
            // Another node was first; its canary must open here too.
            CommitOutcome::Conflict => {
                let found = Stored::open(&inner.sealer, &key, inner.storage.load(&key).await?)?;
                found.record.map(|_| ()).ok_or_else(|| Unavailable::RecordMissing.into())
            }
        }
    }
}

impl MfaBuilder {
    /// Where records are kept.
    pub fn storage(mut self, storage: impl DynStorage) -> Self {
        self.storage = Some(Box::new(storage));
        self
    }

    /// The keys that seal records and tickets.
    pub fn keyring(mut self, keyring: Keyring) -> Self {
        self.keyring = Some(keyring);
        self
    }

    /// Who must and who may; [`Policy::recommended`] if this is not called.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// What tells the time; the machine's clock if this is not called.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Where randomness comes from; the operating system if this is not called.
    pub fn random(mut self, random: impl RandomSource) -> Self {
        self.random = Box::new(random);
        self
    }

    /// How long a login half done lives: 10 minutes if this is not called, at most an hour.
    pub fn challenge_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetimes.challenge = lifetime;
        self
    }

    /// How long a set-up half done lives: 15 minutes if this is not called, at most an hour.
    pub fn enrollment_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetimes.enrollment = lifetime;
        self
    }

    /// How long [`Mfa::maintain`] keeps events, and what is left of erased subjects: 400 days if this is not called, at
    /// least a day. Export what must be kept for longer.
    pub fn event_retention(mut self, retention: Duration) -> Self {
        self.event_retention = retention;
        self
    }

    /// Sends codes by text where policy allows them. Without this, no policy does.
    #[cfg(feature = "sms")]
    pub fn sms(mut self, texting: Texting) -> Self {
        self.texting = Some(texting);
        self
    }

    /// Accepts a storage that may lose the commits it acknowledged last.
    ///
    /// **The attack this allows:** whoever makes the machine lose power right after a code was used can use the code
    /// again, and failures that were counted are forgotten.
    pub fn danger_accept_losing_latest_commits(mut self) -> Self {
        self.accepts_loss = true;
        self
    }

    /// Puts the library together.
    ///
    /// # Errors
    /// [`ConfigError`] with every fault found; nothing of it is met later.
    pub fn build(self) -> Result<Mfa, ConfigError> {
        let mut faults = Vec::new();
        if let Some(storage) = &self.storage
            && storage.durability() != Durability::Durable
            && !self.accepts_loss
        {
            faults.push(ConfigFault::NotDurable);
        }
        let lifetimes = [self.lifetimes.challenge, self.lifetimes.enrollment];
        if lifetimes.iter().any(|life| life.as_secs() == 0 || *life > LONGEST_LIFETIME) {
            faults.push(ConfigFault::TicketLifetime);
        }
        if self.event_retention < SHORTEST_RETENTION {
            faults.push(ConfigFault::EventRetention);
        }
        #[cfg(feature = "sms")]
        if self.texting.as_ref().is_some_and(|texting| !texting.is_sound()) {
            faults.push(ConfigFault::TextBudgets);
        }
        match (self.storage, self.keyring) {
            (Some(storage), Some(keyring)) if faults.is_empty() => Ok(Mfa {
                inner: Arc::new(Inner {
                    storage,
                    sealer: Sealer::new(&keyring),
                    policy: RwLock::new(Arc::new(self.policy.unwrap_or_else(Policy::recommended))),
                    clock: self.clock,
                    random: self.random,
                    lifetimes: self.lifetimes,
                    recovery_throttle: ThrottleSettings::NEVER_DISABLED,
                    refusals: Refusals::default(),
                    incidents: Incidents::default(),
                    unfinished: Unfinished::default(),
                    event_retention: self.event_retention,
                    texting: self.texting,
                }),
            }),
            (storage, keyring) => {
                if storage.is_none() {
                    faults.push(ConfigFault::NoStorage);
                }
                if keyring.is_none() {
                    faults.push(ConfigFault::NoKeyring);
                }
                Err(ConfigError { faults })
            }
        }
    }
}

impl std::fmt::Debug for MfaBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MfaBuilder").field("keyring", &self.keyring).finish_non_exhaustive()
    }
}

/// Where the canary lies.
#[expect(clippy::expect_used, reason = "the name is a constant that is a valid identifier")]
pub(crate) fn canary_key() -> SubjectKey {
    SubjectKey::system("canary").expect("the canary's name is a valid identifier")
}

const LONGEST_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// A tombstone must outlive every ticket (an hour), and clocks differ.
const SHORTEST_RETENTION: Duration = Duration::from_secs(24 * 60 * 60);
/// A year, as auditors ask for, and a month to export it.
const DEFAULT_RETENTION: Duration = Duration::from_secs(400 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_reported_at_once() {
        let error = Mfa::builder().challenge_lifetime(Duration::ZERO).build().unwrap_err();
        assert_eq!(
            error.faults,
            [ConfigFault::TicketLifetime, ConfigFault::NoStorage, ConfigFault::NoKeyring]
        );
    }
}
