//! Tests of the loader file and of the dialogue.

mod dialogue;
mod files;

/// A loader file: header, raminit, usbldr, without a gap.
pub(crate) fn file(raminit: &[u8], usbldr: &[u8]) -> Vec<u8> {
    let mut f = vec![0; 84];
    let mut words = |at: usize, words: [u32; 4]| {
        for (i, word) in words.iter().enumerate() {
            f[at + 4 * i..at + 4 * i + 4].copy_from_slice(&word.to_le_bytes());
        }
    };
    words(0, [0x20000, 0, 0, 0]);
    words(36, [1, raminit.len() as u32, 0x2ffe_4000, 84]);
    words(52, [2, usbldr.len() as u32, 0x3000_4000, 84 + raminit.len() as u32]);
    f.extend_from_slice(raminit);
    f.extend_from_slice(usbldr);
    f
}

/// Bytes without a pattern in them, none zero.
pub(crate) fn filler(length: usize) -> Vec<u8> {
    let mut state = 12345u32;
    let mut next = || {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12345);
        (state >> 16) as u8 % 200 + 1
    };
    (0..length).map(|_| next()).collect()
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    digits.chunks(2).map(|p| u8::from_str_radix(&p.iter().collect::<String>(), 16).unwrap()).collect()
}
