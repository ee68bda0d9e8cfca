//! Keyed digests: of codes that were sent, and of what budgets are counted by. Neither can be told from the digest alone.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::seal::{Aad, Sealer};

/// What a digest is for. Equal values for another use have other digests: the keys differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MacUse {
    SentCode,
    Budget,
}

pub(super) struct MacKeys {
    sent_code: Zeroizing<[u8; 32]>,
    budget: Zeroizing<[u8; 32]>,
}

impl MacKeys {
    /// `expand` derives the subkey of a name from a ring key.
    pub(super) fn derive(expand: impl Fn(&[u8]) -> Zeroizing<[u8; 32]>) -> Self {
        Self { sent_code: expand(b"mfa/1/sent-code"), budget: expand(b"mfa/1/budget") }
    }

    fn of(&self, purpose: MacUse) -> &[u8; 32] {
        match purpose {
            MacUse::SentCode => &self.sent_code,
            MacUse::Budget => &self.budget,
        }
    }
}

impl Sealer {
    /// The digest of `parts` under the ring key `id`; `None` where the ring does not have it any more.
    ///
    /// # Source
    /// FIPS 198-1, with SHA-256.
    pub(crate) fn digest(&self, purpose: MacUse, id: u32, parts: &Aad) -> Option<[u8; 32]> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.mac_keys(id)?.of(purpose)).ok()?;
        mac.update(parts.as_bytes());
        Some(mac.finalize().into_bytes().into())
    }

    /// What a budget is counted by. Under the oldest key of the ring, so that a change of keys empties no budget.
    pub(crate) fn budget_key(&self, parts: &Aad) -> Option<[u8; 32]> {
        self.digest(MacUse::Budget, self.oldest_id()?, parts)
    }
}
