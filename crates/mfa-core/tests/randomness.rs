//! Randomness comes in as an argument: what is drawn is what the source gave, and its failure is an error.

use mfa_core::algorithm::{Algorithm, Digits};
use mfa_core::code::Code;
use mfa_core::key::SharedKey;
use mfa_core::recovery::{RecoveryCode, RecoverySalt};
use rand_core::{TryCryptoRng, TryRng};

/// Gives the words one after the other, then fails.
struct Scripted<'a>(&'a [u32]);

#[derive(Debug, PartialEq, Eq)]
struct RanOut;

impl std::fmt::Display for RanOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no more words")
    }
}

impl std::error::Error for RanOut {}

impl TryRng for Scripted<'_> {
    type Error = RanOut;

    fn try_next_u32(&mut self) -> Result<u32, RanOut> {
        let (first, rest) = self.0.split_first().ok_or(RanOut)?;
        self.0 = rest;
        Ok(*first)
    }

    fn try_next_u64(&mut self) -> Result<u64, RanOut> {
        Ok(u64::from(self.try_next_u32()?) << 32 | u64::from(self.try_next_u32()?))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), RanOut> {
        for chunk in bytes.chunks_mut(4) {
            let word = self.try_next_u32()?.to_be_bytes();
            chunk.copy_from_slice(word.get(..chunk.len()).ok_or(RanOut)?);
        }
        Ok(())
    }
}

impl TryCryptoRng for Scripted<'_> {}

#[test]
fn a_key_is_as_long_as_its_algorithm_asks_and_is_what_was_drawn() {
    let words: Vec<u32> = (1..=16).map(|n| n * 0x0101_0101).collect();
    for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512] {
        let key = SharedKey::generate(&mut Scripted(&words), algorithm).expect("enough words");
        let drawn: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).take(key.len()).collect();
        assert_eq!(key.len(), algorithm.key_length());
        assert_eq!(key.expose(), drawn);
    }
}

#[test]
fn a_drawn_code_favours_none() {
    let drawn =
        |words: &[u32]| Code::draw(&mut Scripted(words), Digits::SIX).map(|code| code.expose().to_owned());
    assert_eq!(drawn(&[7_000_042]).as_deref(), Ok("000042"));
    assert_eq!(drawn(&[4_199_999_999]).as_deref(), Ok("999999"));
    // From here on some codes would come up once more than others: drawn again.
    assert_eq!(drawn(&[4_200_000_000, u32::MAX, 5]).as_deref(), Ok("000005"));
}

#[test]
fn a_failing_source_is_an_error_and_nothing_else() {
    let source = || Scripted(&[1, 2, 3]);
    assert_eq!(SharedKey::generate(&mut source(), Algorithm::Sha1).err(), Some(RanOut));
    assert_eq!(RecoveryCode::generate(&mut source()).err(), Some(RanOut));
    assert_eq!(RecoverySalt::draw(&mut source()).err(), Some(RanOut));
    assert_eq!(Code::draw(&mut Scripted(&[u32::MAX]), Digits::EIGHT).err(), Some(RanOut));
}
