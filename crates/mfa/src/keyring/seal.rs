//! Sealing: AES-256-GCM-SIV under one subkey per use, with everything a value is bound to as associated data.
//!
//! A sealed value is `format (1) | key id (4, big endian) | nonce (12) | ciphertext | tag (16)`.

use aes_gcm_siv::aead::AeadInOut;
use aes_gcm_siv::{Aes256GcmSiv, KeyInit, Nonce, Tag};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

#[cfg(feature = "sms")]
use super::mac::MacKeys;
use super::{KeyState, Keyring};
use crate::random::{RandomError, RandomSource};

/// What a subkey is for. A value sealed for one use never opens for another: the keys differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SealUse {
    Record,
    Ticket,
    Assertion,
    Device,
}

/// The ring, ready to seal and open.
pub(crate) struct Sealer {
    keys: Vec<Subkeys>,
    retired: Vec<u32>,
    current: usize,
}

struct Subkeys {
    id: u32,
    record: Aes256GcmSiv,
    ticket: Aes256GcmSiv,
    assertion: Aes256GcmSiv,
    device: Aes256GcmSiv,
    #[cfg(feature = "sms")]
    macs: MacKeys,
}

/// Why a sealed value did not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenFailure {
    /// It names a key that the ring does not have, or has retired.
    MissingKey(u32),
    /// Altered, bound to something else, or not a sealed value at all.
    Refused,
}

impl Sealer {
    pub(crate) fn new(ring: &Keyring) -> Self {
        let usable = || ring.keys().iter().filter(|key| key.state != KeyState::Retired);
        let current = usable().position(|key| key.state == KeyState::Current).unwrap_or(0);
        let retired =
            ring.keys().iter().filter(|key| key.state == KeyState::Retired).map(|key| key.id).collect();
        Self { keys: usable().map(|key| Subkeys::derive(key.id, &key.key)).collect(), retired, current }
    }

    /// The id of the key that seals.
    pub(crate) fn current_id(&self) -> u32 {
        self.keys.get(self.current).map_or(0, |key| key.id)
    }

    /// Seals `plain`, which is encrypted where it lies: no copy of it remains.
    ///
    /// `plain` must have been made by [`Sealer::buffer`], which leaves room for the header.
    pub(crate) fn seal(
        &self,
        purpose: SealUse,
        aad: &Aad,
        plain: SealBuffer,
        random: &dyn RandomSource,
    ) -> Result<Vec<u8>, RandomError> {
        let mut nonce = [0; NONCE];
        random.fill(&mut nonce)?;
        let mut sealed = plain.0;
        let Some(key) = self.keys.get(self.current) else { return Err(RandomError) };
        let Some((header, body)) = sealed.split_at_mut_checked(HEADER) else { return Err(RandomError) };
        let [format, rest @ ..] = header else { return Err(RandomError) };
        *format = FORMAT;
        for (to, from) in rest.iter_mut().zip(key.id.to_be_bytes().iter().chain(&nonce)) {
            *to = *from;
        }
        // The cipher refuses messages over 64 GiB only; records and tickets are thousands of times smaller.
        let tag = key.cipher(purpose).encrypt_inout_detached(&Nonce::from(nonce), &aad.0, body.into());
        let Ok(tag) = tag else { return Err(RandomError) };
        sealed.extend_from_slice(&tag);
        Ok(std::mem::take(&mut *sealed))
    }

    /// Opens a sealed value, if it was sealed for this use and is bound to exactly `aad`.
    pub(crate) fn open(
        &self,
        purpose: SealUse,
        aad: &Aad,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenFailure> {
        let (&[format], rest) = sealed.split_first_chunk::<1>().ok_or(OpenFailure::Refused)?;
        let (&id, rest) = rest.split_first_chunk::<4>().ok_or(OpenFailure::Refused)?;
        let (&nonce, rest) = rest.split_first_chunk::<NONCE>().ok_or(OpenFailure::Refused)?;
        let (body, &tag) = rest.split_last_chunk::<TAG>().ok_or(OpenFailure::Refused)?;
        if format != FORMAT {
            return Err(OpenFailure::Refused);
        }
        let id = u32::from_be_bytes(id);
        let key = self.keys.iter().find(|key| key.id == id).ok_or(OpenFailure::MissingKey(id))?;
        let mut plain = Zeroizing::new(body.to_vec());
        key.cipher(purpose)
            .decrypt_inout_detached(&Nonce::from(nonce), &aad.0, plain.as_mut_slice().into(), &Tag::from(tag))
            .map_err(|_| OpenFailure::Refused)?;
        Ok(plain)
    }

    #[cfg(feature = "sms")]
    pub(super) fn mac_keys(&self, id: u32) -> Option<&MacKeys> {
        self.keys.iter().find(|key| key.id == id).map(|key| &key.macs)
    }

    /// The lowest id that is not retired.
    #[cfg(feature = "sms")]
    pub(super) fn oldest_id(&self) -> Option<u32> {
        self.keys.iter().map(|key| key.id).min()
    }

    /// Whether the ring holds `id` but has retired it.
    pub(crate) fn is_retired(&self, id: u32) -> bool {
        self.retired.contains(&id)
    }
}

impl Subkeys {
    fn derive(id: u32, key: &[u8; 32]) -> Self {
        let hkdf = Hkdf::<Sha256>::new(None, key);
        let expand = |info: &[u8]| {
            let mut okm = Zeroizing::new([0; 32]);
            // HKDF refuses only outputs over 255 hashes; this one is a single hash.
            let expanded = hkdf.expand(info, okm.as_mut_slice());
            debug_assert!(expanded.is_ok());
            okm
        };
        let subkey = |info: &[u8]| Aes256GcmSiv::new(&(*expand(info)).into());
        Self {
            id,
            record: subkey(b"mfa/1/record"),
            ticket: subkey(b"mfa/1/ticket"),
            assertion: subkey(b"mfa/1/assertion"),
            device: subkey(b"mfa/1/device"),
            #[cfg(feature = "sms")]
            macs: MacKeys::derive(expand),
        }
    }

    fn cipher(&self, purpose: SealUse) -> &Aes256GcmSiv {
        match purpose {
            SealUse::Record => &self.record,
            SealUse::Ticket => &self.ticket,
            SealUse::Assertion => &self.assertion,
            SealUse::Device => &self.device,
        }
    }
}

/// Plaintext with room in front for the header; wiped if it is dropped unsealed.
pub(crate) struct SealBuffer(Zeroizing<Vec<u8>>);

impl SealBuffer {
    /// A buffer that holds about `capacity` bytes of plaintext before it must move.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let mut buffer = Zeroizing::new(Vec::with_capacity(capacity.saturating_add(HEADER + TAG)));
        buffer.resize(HEADER, 0);
        Self(buffer)
    }

    /// The vector to append plaintext to.
    pub(crate) fn plain(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

/// What a sealed value is bound to: each part with its length in front, so that no two bindings spell alike.
pub(crate) struct Aad(Vec<u8>);

impl Aad {
    pub(crate) fn new(kind: &str) -> Self {
        Self(Vec::with_capacity(128)).bind(kind.as_bytes())
    }

    pub(crate) fn bind(mut self, part: &[u8]) -> Self {
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(part);
        self
    }

    #[cfg(feature = "sms")]
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

const FORMAT: u8 = 1;
const NONCE: usize = 12;
const TAG: usize = 16;
const HEADER: usize = 1 + 4 + NONCE;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    fn sealer() -> Sealer {
        Sealer::new(&Keyring::generate(&SystemRandom).unwrap())
    }

    fn seal(sealer: &Sealer, aad: &Aad) -> Vec<u8> {
        let mut buffer = SealBuffer::with_capacity(8);
        buffer.plain().extend_from_slice(b"secret");
        sealer.seal(SealUse::Record, aad, buffer, &SystemRandom).unwrap()
    }

    #[test]
    fn what_was_sealed_opens() {
        let (sealer, aad) = (sealer(), Aad::new("a").bind(b"b"));
        let sealed = seal(&sealer, &aad);
        assert_eq!(**sealer.open(SealUse::Record, &aad, &sealed).unwrap(), *b"secret");
    }

    #[test]
    fn inv_12_another_use_binding_key_or_bit_does_not_open() {
        let (sealer, aad) = (sealer(), Aad::new("a").bind(b"b"));
        let sealed = seal(&sealer, &aad);
        assert_eq!(sealer.open(SealUse::Ticket, &aad, &sealed).unwrap_err(), OpenFailure::Refused);
        assert_eq!(
            sealer.open(SealUse::Record, &Aad::new("ab").bind(b""), &sealed).unwrap_err(),
            OpenFailure::Refused
        );
        assert_eq!(
            super::tests::sealer().open(SealUse::Record, &aad, &sealed).unwrap_err(),
            OpenFailure::Refused
        );
        for byte in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[byte] ^= 1;
            assert!(sealer.open(SealUse::Record, &aad, &altered).is_err(), "byte {byte}");
        }
        for length in 0..sealed.len() {
            assert!(sealer.open(SealUse::Record, &aad, &sealed[..length]).is_err(), "length {length}");
        }
    }

    #[test]
    fn a_retired_key_is_missing_and_named() {
        let ring =
            Keyring::from_text(&format!("1 retired {0}\n2 current {0}", "A".repeat(43) + "=")).unwrap();
        let old = Keyring::from_text(&format!("1 current {}", "A".repeat(43) + "=")).unwrap();
        let sealed = seal(&Sealer::new(&old), &Aad::new("a"));
        let sealer = Sealer::new(&ring);
        assert_eq!(
            sealer.open(SealUse::Record, &Aad::new("a"), &sealed).unwrap_err(),
            OpenFailure::MissingKey(1)
        );
        assert!(sealer.is_retired(1));
    }
}
