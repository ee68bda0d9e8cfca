//! One small hash for names: it spreads, it keeps no secret, and equality is always checked after it.

/// FNV-1a, 64 bits, over `first`, a zero byte and `second`.
///
/// # Source
/// Fowler, Noll and Vo's hash, variant 1a, with its published basis and prime.
pub(crate) fn fnv1a(first: &str, second: &str) -> u64 {
    let bytes = first.bytes().chain([0]).chain(second.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a_and_tells_the_parts_apart() {
        // The published value for one zero byte.
        assert_eq!(fnv1a("", ""), 0xaf63_bd4c_8601_b7df);
        assert_ne!(fnv1a("a", "bc"), fnv1a("ab", "c"));
    }
}
