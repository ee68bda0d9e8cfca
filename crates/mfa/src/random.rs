//! Where randomness comes from. A failing source is an error value; there is no fallback.

use rand_core::{TryCryptoRng, TryRng};
use thiserror::Error;

/// A cryptographically secure random source.
pub trait RandomSource: Send + Sync + 'static {
    /// Fills `out` with random bytes.
    ///
    /// # Errors
    /// [`RandomError`] when the source fails; the operation is then refused.
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomError>;
}

/// The random source failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the random source failed")]
#[non_exhaustive]
pub struct RandomError;

/// The operating system's random source.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a unit value that hosts name")]
pub struct SystemRandom;

impl RandomSource for SystemRandom {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomError> {
        getrandom::fill(out).map_err(|_| RandomError)
    }
}

/// Lends a [`RandomSource`] to what expects the `rand_core` traits.
pub(crate) struct Draw<'a>(pub(crate) &'a dyn RandomSource);

impl TryRng for Draw<'_> {
    type Error = RandomError;

    fn try_next_u32(&mut self) -> Result<u32, RandomError> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, RandomError> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), RandomError> {
        self.0.fill(dst)
    }
}

impl TryCryptoRng for Draw<'_> {}
