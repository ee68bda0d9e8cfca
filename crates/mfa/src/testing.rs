//! For tests of hosts and of this library: a clock turned by hand, a seeded random source, an authenticator app.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mfa_core::base32;
use mfa_core::key::SharedKey;
use mfa_core::time::{TimeStep, UnixSeconds};
use mfa_core::totp::{TotpParameters, generate};
use sha2::{Digest, Sha256};

use crate::clock::{Clock, ClockError};
use crate::engine::PendingEnrollment;
use crate::random::{RandomError, RandomSource};

/// A clock that stands still until it is turned. Clones share their time.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use mfa::{Clock, testing::HandClock};
///
/// let clock = HandClock::at(1_800_000_000);
/// clock.advance(Duration::from_secs(30));
/// assert_eq!(clock.now()?.get(), 1_800_000_030);
/// # Ok::<(), mfa::ClockError>(())
/// ```
#[derive(Clone, Debug)]
pub struct HandClock(Arc<AtomicU64>);

impl HandClock {
    /// A clock that stands at `seconds` since the Unix epoch.
    pub fn at(seconds: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seconds)))
    }

    /// Turns the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_secs(), Ordering::SeqCst);
    }

    /// Sets the clock, backwards too.
    pub fn set(&self, seconds: u64) {
        self.0.store(seconds, Ordering::SeqCst);
    }

    /// What it shows.
    pub fn reading(&self) -> UnixSeconds {
        UnixSeconds::new(self.0.load(Ordering::SeqCst))
    }
}

impl Clock for HandClock {
    fn now(&self) -> Result<UnixSeconds, ClockError> {
        Ok(self.reading())
    }
}

/// A random source that repeats itself for the same seed. **Never in production:** whoever knows the seed knows every
/// key.
#[derive(Clone, Debug)]
pub struct SeededRandom {
    state: Arc<Mutex<([u8; 32], u64)>>,
}

impl SeededRandom {
    /// A source that is determined by `seed`.
    pub fn new(seed: u64) -> Self {
        let mut state = [0; 32];
        for (to, from) in state.iter_mut().zip(seed.to_le_bytes()) {
            *to = from;
        }
        Self { state: Arc::new(Mutex::new((state, 0))) }
    }
}

impl RandomSource for SeededRandom {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in out.chunks_mut(32) {
            state.1 = state.1.wrapping_add(1);
            let block = Sha256::new().chain_update(state.0).chain_update(state.1.to_le_bytes()).finalize();
            for (to, from) in chunk.iter_mut().zip(block) {
                *to = from;
            }
        }
        Ok(())
    }
}

/// An authenticator app, as a person would hold one: it has scanned a key and shows codes.
#[derive(Debug)]
pub struct TestAuthenticator {
    key: SharedKey,
    parameters: TotpParameters,
}

impl TestAuthenticator {
    /// Reads the key as a person would who types it in.
    ///
    /// # Errors
    /// The text when it is not a key.
    pub fn from_manual_key(typed: &str) -> Result<Self, String> {
        let bytes = base32::decode_lenient(typed).map_err(|_| typed.to_owned())?;
        let key = SharedKey::from_bytes(&bytes).map_err(|_| typed.to_owned())?;
        Ok(Self { key, parameters: TotpParameters::DEFAULT })
    }

    /// Scans a pending enrollment.
    ///
    /// # Errors
    /// As [`TestAuthenticator::from_manual_key`].
    pub fn scan(pending: &PendingEnrollment) -> Result<Self, String> {
        Self::from_manual_key(pending.expose_manual_key())
    }

    /// The code that the app shows at `now`.
    pub fn code_at(&self, now: UnixSeconds) -> String {
        self.code_of_step(TimeStep::containing(now, self.parameters.period()))
    }

    /// The code of a step, shown or not.
    pub fn code_of_step(&self, step: TimeStep) -> String {
        generate(&self.key, &self.parameters, step).expose().to_owned()
    }
}
