//! Bytes without a meaning, the same for the same seed.

/// Bytes that look like anything, the same for the same seed.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..length.div_ceil(8)).flat_map(|_| next().to_le_bytes()).take(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides_and_a_longer_one_begins_the_same() {
        assert_eq!(noise(100, 7)[..9], noise(9, 7));
        assert_ne!(noise(100, 7), noise(100, 9));
        assert!(noise(0, 1).is_empty());
    }
}
