//! HMAC over one 64-bit counter, keyed once and evaluated for many counters.
//!
//! A verifier computes the codes of several steps at once, and the message is always eight bytes. That fits the hashes'
//! compression functions directly: after keying, each code costs two compressions, and the inner ones of several
//! counters are independent of each other, as are the outer ones. Doing all inner and then all outer compressions lets
//! the processor overlap them; that is what makes looking at the whole window no slower than stopping at a match.
//!
//! # Source
//! RFC 2104 section 2 (HMAC); FIPS 180-4 sections 5.1 (padding) and 5.3 (initial values); RFC 4226 section 5.3
//! (truncation). The tests compare it with the `hmac` crate for every algorithm and key length.

use core::ops::RangeInclusive;

use sha1::Digest;
use zeroize::{Zeroize, Zeroizing};

use crate::algorithm::Algorithm;
use crate::key::SharedKey;

/// HMAC under one key, ready for any number of counters. Wipes its key-dependent states when dropped.
pub(crate) enum Mac {
    Sha1(Keyed<Sha1>),
    Sha256(Keyed<Sha256>),
    Sha512(Keyed<Sha512>),
}

impl Mac {
    /// Runs the key through both halves of HMAC.
    pub(crate) fn new(key: &SharedKey, algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha1 => Self::Sha1(Keyed::new(key.expose())),
            Algorithm::Sha256 => Self::Sha256(Keyed::new(key.expose())),
            Algorithm::Sha512 => Self::Sha512(Keyed::new(key.expose())),
        }
    }

    /// Shows `visit` every counter of the range, ascending, with its truncated MAC of 31 bits. An empty range shows
    /// nothing.
    pub(crate) fn for_each(&self, counters: RangeInclusive<u64>, visit: impl FnMut(u64, u32)) {
        match self {
            Self::Sha1(keyed) => keyed.for_each(counters, visit),
            Self::Sha256(keyed) => keyed.for_each(counters, visit),
            Self::Sha512(keyed) => keyed.for_each(counters, visit),
        }
    }
}

/// Takes four bytes of an HMAC, from the place that its last half-byte names, and drops the top bit. `None` when `mac`
/// has fewer than 20 bytes.
pub(crate) fn truncate(mac: &[u8]) -> Option<u32> {
    let [front @ .., a, b, c, _] = mac.first_chunk::<20>()?;
    Some(truncated(u128::from_be_bytes(*front), u32::from_be_bytes([*a, *b, *c, 0]), *mac.last()?))
}

/// The same from a MAC's first sixteen bytes, the word that follows them, and the last byte.
///
/// The place is chosen by shifting: no branch and no address depends on it.
const fn truncated(front: u128, next: u32, last: u8) -> u32 {
    let bits = ((last & 0x0F) as u32) << 3; // 0 to 120
    let from_front = front << bits;
    // By 128 - bits in two shifts, since one may go no further than 127; 127 ^ bits is 127 - bits.
    let from_next = ((next as u128) << 96 >> 1) >> (127 ^ bits);
    ((from_front | from_next) >> 96) as u32 & 0x7FFF_FFFF
}

/// The key-dependent states from which every MAC starts.
pub(crate) struct Keyed<H: Compression> {
    inner: H::State,
    outer: H::State,
}

impl<H: Compression> Keyed<H> {
    fn new(key: &[u8]) -> Self {
        let mut block = H::key_block(key);
        let [mut inner, mut outer] = [H::START; 2];
        for byte in block.as_mut() {
            *byte ^= 0x36;
        }
        H::compress(&mut inner, &block);
        for byte in block.as_mut() {
            *byte ^= 0x36 ^ 0x5C;
        }
        H::compress(&mut outer, &block);
        block.zeroize();
        Self { inner, outer }
    }

    fn for_each(&self, counters: RangeInclusive<u64>, mut visit: impl FnMut(u64, u32)) {
        let (mut next, last) = (Some(*counters.start()), *counters.end());
        let mut batch = Zeroizing::new([self.inner; LANES]);
        while let Some(first) = next.filter(|first| *first <= last) {
            let lanes = || (first..=last).zip(0..LANES);
            for ((counter, _), state) in lanes().zip(batch.iter_mut()) {
                *state = self.inner;
                H::compress(state, &H::counter_block(counter));
            }
            for (_, state) in lanes().zip(batch.iter_mut()) {
                let block = H::digest_block(state);
                *state = self.outer;
                H::compress(state, &block);
            }
            for ((counter, _), state) in lanes().zip(batch.iter()) {
                visit(counter, H::truncated(state));
            }
            next = first.checked_add(LANES as u64);
        }
    }
}

impl<H: Compression> Drop for Keyed<H> {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

/// How many MACs are computed side by side: a window of one step either side in one go.
const LANES: usize = 4;

/// A hash's compression function, and how HMAC lays out the blocks that go through it.
pub(crate) trait Compression {
    type State: Copy + Zeroize;
    type Block: AsMut<[u8]> + Zeroize;

    const START: Self::State;

    fn compress(state: &mut Self::State, block: &Self::Block);

    /// The key followed by zeros; a key longer than the block is replaced by its hash.
    fn key_block(key: &[u8]) -> Self::Block;

    /// The second and last block of the inner hash: the counter and the padding.
    fn counter_block(counter: u64) -> Self::Block;

    /// The second and last block of the outer hash: the inner digest and the padding.
    fn digest_block(inner: &Self::State) -> Self::Block;

    /// The digest that `state` stands for, truncated to 31 bits.
    fn truncated(state: &Self::State) -> u32;
}

pub(crate) enum Sha1 {}

impl Compression for Sha1 {
    type State = [u32; 5];
    type Block = [u8; 64];

    const START: Self::State = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0];

    fn compress(state: &mut Self::State, block: &Self::Block) {
        sha1::block_api::compress(state, core::slice::from_ref(block));
    }

    fn key_block(key: &[u8]) -> Self::Block {
        padded(key, |key| sha1::Sha1::digest(key).into())
    }

    fn counter_block(counter: u64) -> Self::Block {
        block([counter_and_mark(counter), 0, 0, (64 + 8) * 8])
    }

    fn digest_block(&[a, b, c, d, e]: &Self::State) -> Self::Block {
        block([of_words([a, b, c, d]), of_words([e, 0x8000_0000, 0, 0]), 0, (64 + 20) * 8])
    }

    fn truncated(&[a, b, c, d, e]: &Self::State) -> u32 {
        truncated(of_words([a, b, c, d]), e, last_byte(e))
    }
}

pub(crate) enum Sha256 {}

impl Compression for Sha256 {
    type State = [u32; 8];
    type Block = [u8; 64];

    const START: Self::State = [
        0x6A09_E667,
        0xBB67_AE85,
        0x3C6E_F372,
        0xA54F_F53A,
        0x510E_527F,
        0x9B05_688C,
        0x1F83_D9AB,
        0x5BE0_CD19,
    ];

    fn compress(state: &mut Self::State, block: &Self::Block) {
        sha2::block_api::compress256(state, core::slice::from_ref(block));
    }

    fn key_block(key: &[u8]) -> Self::Block {
        padded(key, |key| sha2::Sha256::digest(key).into())
    }

    fn counter_block(counter: u64) -> Self::Block {
        block([counter_and_mark(counter), 0, 0, (64 + 8) * 8])
    }

    fn digest_block(&[a, b, c, d, e, f, g, h]: &Self::State) -> Self::Block {
        block([of_words([a, b, c, d]), of_words([e, f, g, h]), MARK, (64 + 32) * 8])
    }

    fn truncated(&[a, b, c, d, e, .., h]: &Self::State) -> u32 {
        truncated(of_words([a, b, c, d]), e, last_byte(h))
    }
}

pub(crate) enum Sha512 {}

impl Compression for Sha512 {
    type State = [u64; 8];
    type Block = [u8; 128];

    const START: Self::State = [
        0x6A09_E667_F3BC_C908,
        0xBB67_AE85_84CA_A73B,
        0x3C6E_F372_FE94_F82B,
        0xA54F_F53A_5F1D_36F1,
        0x510E_527F_ADE6_82D1,
        0x9B05_688C_2B3E_6C1F,
        0x1F83_D9AB_FB41_BD6B,
        0x5BE0_CD19_137E_2179,
    ];

    fn compress(state: &mut Self::State, block: &Self::Block) {
        sha2::block_api::compress512(state, core::slice::from_ref(block));
    }

    fn key_block(key: &[u8]) -> Self::Block {
        padded(key, |key| sha2::Sha512::digest(key).into())
    }

    fn counter_block(counter: u64) -> Self::Block {
        block([counter_and_mark(counter), 0, 0, 0, 0, 0, 0, (128 + 8) * 8])
    }

    fn digest_block(&[a, b, c, d, e, f, g, h]: &Self::State) -> Self::Block {
        block([of_pair(a, b), of_pair(c, d), of_pair(e, f), of_pair(g, h), MARK, 0, 0, (128 + 64) * 8])
    }

    fn truncated(&[a, b, c, .., h]: &Self::State) -> u32 {
        truncated(of_pair(a, b), (c >> 32) as u32, last_byte(h as u32))
    }
}

/// The one bit that begins the padding, at the start of sixteen bytes.
const MARK: u128 = 1 << 127;

/// Eight bytes of counter and the bit that begins the padding.
const fn counter_and_mark(counter: u64) -> u128 {
    of_pair(counter, 1 << 63)
}

const fn of_pair(high: u64, low: u64) -> u128 {
    ((high as u128) << 64) | low as u128
}

const fn of_words([a, b, c, d]: [u32; 4]) -> u128 {
    of_pair(((a as u64) << 32) | b as u64, ((c as u64) << 32) | d as u64)
}

const fn last_byte(word: u32) -> u8 {
    word as u8
}

/// Bytes from sixteen-byte words, each written whole: the compression functions load sixteen bytes at a time, and
/// narrower stores just before would make them wait.
fn block<const WORDS: usize, const BYTES: usize>(words: [u128; WORDS]) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    for (place, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
        *place = word.to_be_bytes();
    }
    bytes
}

/// `key`, or its hash when it is longer than the block, followed by zeros.
fn padded<const DIGEST: usize, const BLOCK: usize>(
    key: &[u8],
    hash: impl FnOnce(&[u8]) -> [u8; DIGEST],
) -> [u8; BLOCK] {
    let mut padded = [0; BLOCK];
    if let Some((front, _)) = padded.split_at_mut_checked(key.len()) {
        front.copy_from_slice(key);
    } else {
        let digest = Zeroizing::new(hash(key));
        for (place, byte) in padded.iter_mut().zip(digest.iter()) {
            *place = *byte;
        }
    }
    padded
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow in a test is a failed test")]
mod tests {
    use alloc::vec::Vec;

    use hmac::{Hmac, KeyInit, Mac as _};
    use proptest::prelude::*;

    use super::*;

    /// The same from the `hmac` crate, truncated as RFC 4226 section 5.4 spells it out.
    fn by_the_book(key: &[u8], algorithm: Algorithm, counter: u64) -> u32 {
        macro_rules! mac {
            ($hash:ty) => {
                Hmac::<$hash>::new_from_slice(key)
                    .unwrap()
                    .chain_update(counter.to_be_bytes())
                    .finalize()
                    .into_bytes()
                    .to_vec()
            };
        }
        let mac: Vec<u8> = match algorithm {
            Algorithm::Sha1 => mac!(sha1::Sha1),
            Algorithm::Sha256 => mac!(sha2::Sha256),
            Algorithm::Sha512 => mac!(sha2::Sha512),
        };
        let offset = usize::from(mac[mac.len() - 1] & 0xF);
        u32::from_be_bytes(mac[offset..offset + 4].try_into().unwrap()) & 0x7FFF_FFFF
    }

    fn collected(mac: &Mac, counters: RangeInclusive<u64>) -> Vec<(u64, u32)> {
        let mut all = Vec::new();
        mac.for_each(counters, |counter, value| all.push((counter, value)));
        all
    }

    const ALGORITHMS: [Algorithm; 3] = [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512];

    #[test]
    fn it_is_hmac_for_every_key_length() {
        for algorithm in ALGORITHMS {
            for length in 1..=200 {
                let bytes: Vec<u8> = (0..length).map(|n| n as u8 ^ 0x5A).collect();
                let key = SharedKey::danger_any_length(&bytes).unwrap();
                let ours = collected(&Mac::new(&key, algorithm), 7..=7);
                assert_eq!(ours, [(7, by_the_book(&bytes, algorithm, 7))], "{algorithm:?}, {length} bytes");
            }
        }
    }

    #[test]
    fn a_range_ends_at_the_last_counter_there_is() {
        let key = SharedKey::from_bytes(&[1; 20]).unwrap();
        for first in u64::MAX - 9..=u64::MAX {
            let seen = collected(&Mac::new(&key, Algorithm::Sha1), first..=u64::MAX);
            assert!(seen.iter().map(|(counter, _)| *counter).eq(first..=u64::MAX));
        }
        #[expect(clippy::reversed_empty_ranges, reason = "an empty range is the case under test")]
        let nothing = collected(&Mac::new(&key, Algorithm::Sha1), 1..=0);
        assert!(nothing.is_empty());
    }

    #[test]
    fn truncation_reaches_every_place() {
        for length in [20, 32, 64] {
            for place in 0..16_u8 {
                let mut mac: Vec<u8> = (0..length).map(|n: u8| n.wrapping_mul(37) ^ 0xC3).collect();
                let last = mac.len() - 1;
                mac[last] = 0xA0 | place;
                let from = usize::from(place);
                let expected = u32::from_be_bytes(mac[from..from + 4].try_into().unwrap()) & 0x7FFF_FFFF;
                assert_eq!(truncate(&mac), Some(expected));
            }
        }
        assert_eq!(truncate(&[0; 19]), None);
        assert_eq!(truncate(&[]), None);
    }

    proptest! {
        #[test]
        fn every_counter_of_a_range_gets_its_own_mac(
            key in proptest::collection::vec(any::<u8>(), 1..150), first: u64, length in 0..12_u64,
        ) {
            let shared = SharedKey::danger_any_length(&key).unwrap();
            let last = first.saturating_add(length);
            for algorithm in ALGORITHMS {
                let expected: Vec<_> =
                    (first..=last).map(|n| (n, by_the_book(&key, algorithm, n))).collect();
                prop_assert_eq!(collected(&Mac::new(&shared, algorithm), first..=last), expected);
            }
        }
    }
}
