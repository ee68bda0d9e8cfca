//! What the work is made of, by itself: the compression function, and sealing.

use std::hint::black_box;

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};

/// `BLOCKS` compressions of SHA-1, each needing the one before it.
pub fn sha1_compressions<const BLOCKS: usize>() {
    let mut state = black_box([0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0]);
    let blocks = black_box([[0x5C; 64]; BLOCKS]);
    sha1::block_api::compress(&mut state, &blocks);
    black_box(state);
}

/// A key of 20 bytes sealed with AES-256-GCM beside 29 bytes that are bound to it: the least that a login opens before
/// and seals after a check. The key schedule is kept, and nonces are counted.
pub struct Sealed {
    cipher: Aes256Gcm,
    nonce: [u8; 12],
    sealed: Vec<u8>,
}

const BOUND: [u8; 29] = [3; 29];

impl Sealed {
    /// Seals for the first time.
    pub fn new() -> Self {
        let cipher = Aes256Gcm::new(&[1; 32].into());
        let mut sealed = Self { cipher, nonce: [0; 12], sealed: Vec::new() };
        sealed.seal([2; 20].to_vec());
        sealed
    }

    /// Opens what is sealed.
    pub fn open(&self) -> Vec<u8> {
        let mut plain = black_box(&self.sealed).clone();
        self.cipher.decrypt_in_place(&Nonce::from(self.nonce), &BOUND, &mut plain).unwrap();
        plain
    }

    /// Seals `plain` in its place under the next nonce.
    pub fn seal(&mut self, mut plain: Vec<u8>) {
        let [a, b, c, d, counter @ ..] = self.nonce;
        let [e, f, g, h, i, j, k, l] = u64::from_be_bytes(counter).wrapping_add(1).to_be_bytes();
        self.nonce = [a, b, c, d, e, f, g, h, i, j, k, l];
        self.cipher.encrypt_in_place(&Nonce::from(self.nonce), &BOUND, &mut plain).unwrap();
        self.sealed = plain;
    }
}

impl Default for Sealed {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealed(..)")
    }
}
