//! The ring of keys that seal everything that is stored or handed out.

mod file;
#[cfg(feature = "sms")]
mod mac;
mod seal;

use std::fmt;

use data_encoding::BASE64;
use thiserror::Error;
use zeroize::Zeroizing;

pub use file::KeyFileError;
#[cfg(feature = "sms")]
pub(crate) use mac::MacUse;
pub(crate) use seal::{Aad, OpenFailure, SealBuffer, SealUse, Sealer};

use crate::random::{RandomError, RandomSource};

/// Several 256-bit keys by id, one of them current.
///
/// Reading accepts every key that is not retired; writing uses the current one. The ring itself never reaches a
/// backend: whoever holds the database without the ring holds no secret and no phone number.
///
/// # Examples
/// ```
/// use mfa::{Keyring, SystemRandom};
///
/// let ring = Keyring::generate(&SystemRandom)?;
/// let kept = ring.to_text();
/// assert_eq!(Keyring::from_text(&kept)?.current(), ring.current());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Keyring {
    keys: Vec<RingKey>,
}

pub(crate) struct RingKey {
    pub(crate) id: u32,
    pub(crate) state: KeyState,
    pub(crate) key: Zeroizing<[u8; 32]>,
}

/// What a key of the ring is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyState {
    /// Seals and opens. Exactly one.
    Current,
    /// Opens what it sealed earlier, or will be current soon on every node.
    Readable,
    /// Neither; its id stays so that nothing else takes it.
    Retired,
}

impl Keyring {
    /// A ring of one new current key, with id 1.
    ///
    /// # Errors
    /// [`RandomError`] when the source fails.
    pub fn generate(random: &dyn RandomSource) -> Result<Self, RandomError> {
        let mut key = Zeroizing::new([0; 32]);
        random.fill(key.as_mut_slice())?;
        Ok(Self { keys: vec![RingKey { id: 1, state: KeyState::Current, key }] })
    }

    /// Adds a new key that opens but does not yet seal, and answers its id. Give the ring to every node before
    /// [`Keyring::promote`].
    ///
    /// # Errors
    /// [`RandomError`] when the source fails.
    pub fn add(&mut self, random: &dyn RandomSource) -> Result<u32, RandomError> {
        let mut key = Zeroizing::new([0; 32]);
        random.fill(key.as_mut_slice())?;
        let id = self.keys.iter().map(|key| key.id).max().unwrap_or(0).saturating_add(1);
        self.keys.push(RingKey { id, state: KeyState::Readable, key });
        Ok(id)
    }

    /// Makes a readable key the current one; the former stays readable.
    ///
    /// # Errors
    /// [`KeyringError::NoSuchKey`] when `id` is not in the ring or is retired.
    pub fn promote(&mut self, id: u32) -> Result<(), KeyringError> {
        if !self.keys.iter().any(|key| key.id == id && key.state != KeyState::Retired) {
            return Err(KeyringError::NoSuchKey { id });
        }
        for key in self.keys.iter_mut().filter(|key| key.state != KeyState::Retired) {
            key.state = if key.id == id { KeyState::Current } else { KeyState::Readable };
        }
        Ok(())
    }

    /// Retires a key: nothing opens with it any more. First see that no record needs it ([`Mfa::rewrap`](crate::Mfa::rewrap)),
    /// and wait until the last ticket sealed by it is over (an hour).
    ///
    /// # Errors
    /// [`KeyringError::NoSuchKey`] when `id` is not in the ring, or is the current key.
    pub fn retire(&mut self, id: u32) -> Result<(), KeyringError> {
        match self.keys.iter_mut().find(|key| key.id == id && key.state != KeyState::Current) {
            Some(key) => {
                key.state = KeyState::Retired;
                Ok(())
            }
            None => Err(KeyringError::NoSuchKey { id }),
        }
    }

    /// The id of the key that seals.
    pub fn current(&self) -> u32 {
        self.keys.iter().find(|key| key.state == KeyState::Current).map_or(0, |key| key.id)
    }

    /// Every key's id and state.
    pub fn states(&self) -> impl Iterator<Item = (u32, KeyState)> + '_ {
        self.keys.iter().map(|key| (key.id, key.state))
    }

    /// Reads a ring from text: a line `ID STATE KEY` each, the key in base64; blank lines and `#` comments ignored.
    ///
    /// # Errors
    /// [`KeyringError`] naming the line; never its content.
    pub fn from_text(text: &str) -> Result<Self, KeyringError> {
        let mut keys: Vec<RingKey> = Vec::new();
        for (number, line) in (1u32..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = parse_line(line).ok_or(KeyringError::Line { number })?;
            if keys.iter().any(|other| other.id == key.id) {
                return Err(KeyringError::Line { number });
            }
            keys.push(key);
        }
        match keys.iter().filter(|key| key.state == KeyState::Current).count() {
            1 => Ok(Self { keys }),
            count => Err(KeyringError::CurrentKeys { count }),
        }
    }

    /// The ring as [`Keyring::from_text`] reads it. Whoever sees this text can open every record.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text =
            Zeroizing::new(String::with_capacity(self.keys.len().saturating_mul(80).saturating_add(80)));
        text.push_str("# mfa keyring: keep secret, keep a copy; without it no record opens\n");
        for key in &self.keys {
            let encoded = Zeroizing::new(BASE64.encode(key.key.as_slice()));
            let line = Zeroizing::new(format!("{} {} {}\n", key.id, key.state.name(), encoded.as_str()));
            text.push_str(&line);
        }
        text
    }

    pub(crate) fn keys(&self) -> &[RingKey] {
        &self.keys
    }
}

fn parse_line(line: &str) -> Option<RingKey> {
    let mut words = line.split_ascii_whitespace();
    let id = words.next()?.parse().ok().filter(|id| *id != 0)?;
    let state = KeyState::from_name(words.next()?)?;
    let decoded = Zeroizing::new(BASE64.decode(words.next()?.as_bytes()).ok()?);
    let key = Zeroizing::new(<[u8; 32]>::try_from(decoded.as_slice()).ok()?);
    words.next().is_none().then_some(RingKey { id, state, key })
}

impl KeyState {
    fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Readable => "readable",
            Self::Retired => "retired",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Current, Self::Readable, Self::Retired].into_iter().find(|state| state.name() == name)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.states()).finish()
    }
}

/// A keyring that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// A line is not `ID STATE KEY`, or repeats an id.
    #[error("line {number} of the keyring is not 'ID STATE KEY' with a new id and a 256-bit key in base64")]
    Line {
        /// The line, from 1.
        number: u32,
    },
    /// Not exactly one key is current.
    #[error("the keyring has {count} current keys instead of one")]
    CurrentKeys {
        /// How many are.
        count: usize,
    },
    /// The ring has no such key that could be used.
    #[error("the keyring has no usable key {id}")]
    NoSuchKey {
        /// The id asked for.
        id: u32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    #[test]
    fn a_ring_survives_its_text() {
        let mut ring = Keyring::generate(&SystemRandom).unwrap();
        let second = ring.add(&SystemRandom).unwrap();
        ring.promote(second).unwrap();
        let read = Keyring::from_text(&ring.to_text()).unwrap();
        assert_eq!(read.states().collect::<Vec<_>>(), [(1, KeyState::Readable), (2, KeyState::Current)]);
        assert_eq!(*read.keys()[0].key, *ring.keys()[0].key);
    }

    #[test]
    fn a_broken_line_is_named_by_number_only() {
        let text = "# comment\n1 current AAAA\n";
        assert_eq!(Keyring::from_text(text).unwrap_err(), KeyringError::Line { number: 2 });
        assert_eq!(Keyring::from_text("").unwrap_err(), KeyringError::CurrentKeys { count: 0 });
    }

    #[test]
    fn inv_10_debug_shows_states_only() {
        let ring = Keyring::generate(&SystemRandom).unwrap();
        assert_eq!(format!("{ring:?}"), "[(1, Current)]");
    }
}
