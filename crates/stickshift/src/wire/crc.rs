//! The two 16-bit CRCs of the Balong protocols. Both use the polynomial 0x1021; they differ in bit order and start value.
//!
//! X-25 covers firmware headers, checksum tables and download frames (docs/protocols/balong-flash.md section 1.4), XMODEM
//! the boot ROM's packets (docs/protocols/balong-boot.md section 3).
//!
//! Long data is folded before it is divided. Squared in GF(2) the polynomial x^16 + x^12 + x^5 + 1 keeps its four terms, so it divides
//! x^(16w) + x^(12w) + x^(5w) + 1 for every power of two w. With w = 64 that takes three XORs per eight bytes, in any order of bits and bytes,
//! until 128 bytes are left, which go through a table.
//!
//! Over 4 KiB at a time this takes 17.5 GB/s on x86-64; one table byte by byte takes 0.33, carry-less multiplication (the crate crc-fast) 40.
//! On big-endian MIPS (24Kc, under qemu) it takes 2.5 times the bytes of one table, as sixteen tables alone do. ARM was not measured.
//!
//! ```
//! assert_eq!(stickshift::wire::crc::x25(b"123456789"), 0x906e);
//! assert_eq!(stickshift::wire::crc::xmodem(b"123456789"), 0x31c3);
//! ```

/// Sixteen bytes a step: entry `[k][b]` is what byte `b` does to the register when `k` more bytes follow it.
type Tables = [[u16; 256]; 16];

static REFLECTED: Tables = tables(true);
static FORWARD: Tables = tables(false);

const fn tables(reflected: bool) -> Tables {
    let mut t = [[0u16; 256]; 16];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = if reflected { byte as u16 } else { (byte as u16) << 8 };
        let mut bit = 0;
        while bit < 8 {
            crc = match (reflected, crc & 0x8000 != 0, crc & 1 != 0) {
                (true, _, true) => (crc >> 1) ^ 0x8408,
                (true, _, false) => crc >> 1,
                (false, true, _) => (crc << 1) ^ 0x1021,
                (false, false, _) => crc << 1,
            };
            bit += 1;
        }
        t[0][byte] = crc;
        byte += 1;
    }
    let mut k = 1;
    while k < 16 {
        byte = 0;
        while byte < 256 {
            let crc = t[k - 1][byte];
            t[k][byte] = if reflected {
                (crc >> 8) ^ t[0][(crc & 0xff) as usize]
            } else {
                (crc << 8) ^ t[0][(crc >> 8) as usize]
            };
            byte += 1;
        }
        k += 1;
    }
    t
}

/// Eight bytes through tables 15..8 or 7..0: they do not depend on the register and run in parallel.
#[inline(always)]
fn fold(t: &[[u16; 256]], word: [u8; 8]) -> u16 {
    t[7][word[0] as usize]
        ^ t[6][word[1] as usize]
        ^ t[5][word[2] as usize]
        ^ t[4][word[3] as usize]
        ^ t[3][word[4] as usize]
        ^ t[2][word[5] as usize]
        ^ t[1][word[6] as usize]
        ^ t[0][word[7] as usize]
}

/// CRC-16/X-25 (IBM-SDLC): reflected, start 0xFFFF, final xor 0xFFFF. Sent and stored low byte first.
pub fn x25(data: &[u8]) -> u16 {
    let mut crc = X25::new();
    crc.update(data);
    crc.finish()
}

/// CRC-16/X-25 over data that arrives in pieces.
#[derive(Clone, Debug)]
pub struct X25(u16);

impl X25 {
    /// Over nothing yet.
    pub const fn new() -> Self {
        X25(0xffff)
    }

    /// Takes the next piece.
    pub fn update(&mut self, data: &[u8]) {
        let [low, high] = self.0.to_le_bytes();
        match folded(data, [low, high]) {
            Some((head, tail)) => self.0 = x25_by_table(x25_by_table(0, &head), tail),
            None => self.0 = x25_by_table(self.0, data),
        }
    }

    /// The value over all pieces so far.
    pub fn finish(&self) -> u16 {
        !self.0
    }
}

impl Default for X25 {
    fn default() -> Self {
        X25::new()
    }
}

fn x25_by_table(mut crc: u16, data: &[u8]) -> u16 {
    let (chunks, rest) = data.as_chunks::<16>();
    for chunk in chunks {
        let (mut head, tail) = halves(chunk);
        head[0] ^= crc as u8;
        head[1] ^= (crc >> 8) as u8;
        crc = fold(&REFLECTED[8..], head) ^ fold(&REFLECTED[..8], tail);
    }
    for &byte in rest {
        crc = (crc >> 8) ^ REFLECTED[0][(crc as u8 ^ byte) as usize];
    }
    crc
}

/// CRC-16/XMODEM: most significant bit first, start 0, no final xor. Sent high byte first.
pub fn xmodem(data: &[u8]) -> u16 {
    match folded(data, [0, 0]) {
        Some((head, tail)) => xmodem_by_table(xmodem_by_table(0, &head), tail),
        None => xmodem_by_table(0, data),
    }
}

fn xmodem_by_table(mut crc: u16, data: &[u8]) -> u16 {
    let (chunks, rest) = data.as_chunks::<16>();
    for chunk in chunks {
        let (mut head, tail) = halves(chunk);
        head[0] ^= (crc >> 8) as u8;
        head[1] ^= crc as u8;
        crc = fold(&FORWARD[8..], head) ^ fold(&FORWARD[..8], tail);
    }
    for &byte in rest {
        crc = (crc << 8) ^ FORWARD[0][((crc >> 8) as u8 ^ byte) as usize];
    }
    crc
}

fn halves(chunk: &[u8; 16]) -> ([u8; 8], [u8; 8]) {
    let wide = u128::from_le_bytes(*chunk);
    ((wide as u64).to_le_bytes(), ((wide >> 64) as u64).to_le_bytes())
}

/// Words that are left of data that was folded: the polynomial's degree.
const WORDS: usize = 16;
/// Bytes that are left of data that was folded.
const FOLDED: usize = WORDS * size_of::<u64>();

/// 128 bytes with the same remainder as `data` up to its last whole 128 bytes, and what follows those. `start` is the register, its first byte
/// the one that meets the first byte of data. `None` where there is nothing to fold.
fn folded(data: &[u8], start: [u8; 2]) -> Option<([u8; FOLDED], &[u8])> {
    let (blocks, tail) = data.as_chunks::<FOLDED>();
    let (first, more) = blocks.split_first()?;
    if more.is_empty() {
        return None;
    }
    let mut head = *first;
    head[0] ^= start[0];
    head[1] ^= start[1];
    let mut words = words(&head);
    for block in more {
        let mut both = [0; 2 * WORDS];
        both[..WORDS].copy_from_slice(&words);
        both[WORDS..].copy_from_slice(&self::words(block));
        for i in 0..WORDS {
            let word = both[i];
            both[i + 4] ^= word;
            both[i + 11] ^= word;
            both[i + 16] ^= word;
        }
        words.copy_from_slice(&both[WORDS..]);
    }
    for (bytes, word) in head.as_chunks_mut().0.iter_mut().zip(words) {
        *bytes = word.to_le_bytes();
    }
    Some((head, tail))
}

fn words(bytes: &[u8; FOLDED]) -> [u64; WORDS] {
    let mut words = [0; WORDS];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bit by bit, straight from the parameters.
    fn slow(data: &[u8], reflected: bool, init: u16, xorout: u16) -> u16 {
        let mut crc = init;
        for &byte in data {
            let byte = if reflected { byte.reverse_bits() } else { byte };
            crc ^= u16::from(byte) << 8;
            for _ in 0..8 {
                crc = if crc & 0x8000 != 0 { (crc << 1) ^ 0x1021 } else { crc << 1 };
            }
        }
        (if reflected { crc.reverse_bits() } else { crc }) ^ xorout
    }

    #[test]
    fn x25_vectors() {
        assert_eq!(x25(b"123456789"), 0x906e);
        assert_eq!(x25(b""), 0);
        assert_eq!(x25(&[0x7e]), 0x6a81);
        assert_eq!(x25(&[0; 4096]), 0x0408);
        assert_eq!(x25(&[0xff; 4096]), 0x780f);
    }

    #[test]
    fn x25_leaves_the_known_residue() {
        let mut crc = X25::new();
        crc.update(b"any message");
        let check = crc.finish();
        crc.update(&check.to_le_bytes());
        assert_eq!(!crc.finish(), 0xf0b8);
    }

    #[test]
    fn xmodem_vectors() {
        assert_eq!(xmodem(b"123456789"), 0x31c3);
        assert_eq!(xmodem(b""), 0);
    }

    proptest! {
        #[test]
        fn both_equal_the_definition_at_every_cut(data in proptest::collection::vec(any::<u8>(), 0..700), cut in 0usize..700) {
            prop_assert_eq!(x25(&data), slow(&data, true, 0xffff, 0xffff));
            prop_assert_eq!(xmodem(&data), slow(&data, false, 0, 0));
            let (a, b) = data.split_at(cut.min(data.len()));
            let mut pieces = X25::new();
            pieces.update(a);
            pieces.update(b);
            prop_assert_eq!(pieces.finish(), x25(&data));
        }
    }
}
