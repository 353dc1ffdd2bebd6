//! NCM transfer blocks: several datagrams in one transfer (USB-IF, NCM 1.0 sections 3 and 6.2; MBIM 1.0 section 7).
//!
//! ```text
//! header     NCMH  length sequence block  index          (16 bits; 32 bits: ncmh)
//! datagrams
//! pointers   NCM0  length next  { index length }* 0 0     (32 bits: ncm0)
//! ```
//!
//! The pointers come last, as these sticks write them and want them.

/// Everything begins at a multiple of this.
const ALIGNMENT: usize = 4;
/// More tables of pointers in one block than this nobody needs.
const MOST_TABLES: usize = 32;
/// Bulk packets at high speed. A block that fills its last packet would not end the transfer.
const PACKET: usize = 512;

/// The numbers in a block have 16 or 32 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Width {
    #[default]
    Bits16,
    Bits32,
}

impl Width {
    fn head(self) -> usize {
        match self {
            Width::Bits16 => 12,
            Width::Bits32 => 16,
        }
    }

    /// Of a table of pointers without its pointers, and of a pointer.
    fn table(self) -> (usize, usize) {
        match self {
            Width::Bits16 => (8, 4),
            Width::Bits32 => (16, 8),
        }
    }

    fn read(self, bytes: &[u8], at: usize) -> Option<usize> {
        match self {
            Width::Bits16 => Some(usize::from(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))),
            Width::Bits32 => usize::try_from(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?)).ok(),
        }
    }

    fn write(self, value: usize, into: &mut Vec<u8>) {
        match self {
            Width::Bits16 => into.extend((value as u16).to_le_bytes()),
            Width::Bits32 => into.extend((value as u32).to_le_bytes()),
        }
    }
}

/// The datagrams of a block whose tables begin with `signature`, or with the same in small letters where its numbers have 32 bits. `None` for
/// what is no block of that width.
pub(crate) fn datagrams(block: &[u8], width: Width, signature: [u8; 4]) -> Option<Vec<&[u8]>> {
    let (head, (table_head, pointer)) = (width.head(), width.table());
    let expected = if width == Width::Bits16 { *b"NCMH" } else { *b"ncmh" };
    let length = usize::from(u16::from_le_bytes(*block.get(4..)?.first_chunk()?));
    if block.get(..4)? != expected || length != head {
        return None;
    }
    let (block_length, mut table) = match width {
        Width::Bits16 => (width.read(block, 8)?, width.read(block, 10)?),
        Width::Bits32 => (width.read(block, 8)?, width.read(block, 12)?),
    };
    // Zero means: as long as the transfer.
    let block = if block_length == 0 { block } else { block.get(..block_length)? };
    let mut found = Vec::new();
    for _ in 0..MOST_TABLES {
        if table == 0 {
            return Some(found);
        }
        let begin = block.get(table..).filter(|_| table >= head && table % ALIGNMENT == 0)?;
        let length = usize::from(u16::from_le_bytes(*begin.get(4..)?.first_chunk()?));
        if begin.get(..4)? != signed(signature, width) {
            return None;
        }
        let pointers = begin.get(table_head..length)?;
        for at in (0..pointers.len()).step_by(pointer) {
            let (index, length) = (width.read(pointers, at)?, width.read(pointers, at + pointer / 2)?);
            if index == 0 || length == 0 {
                break;
            }
            found.push(block.get(index..index.checked_add(length)?)?);
        }
        table = match width {
            Width::Bits16 => width.read(begin, 6)?,
            Width::Bits32 => width.read(begin, 8)?,
        };
    }
    None
}

fn signed(signature: [u8; 4], width: Width) -> [u8; 4] {
    match width {
        Width::Bits16 => signature,
        Width::Bits32 => signature.map(|byte| byte.to_ascii_lowercase()),
    }
}

/// A block that is being filled.
#[derive(Debug)]
pub(crate) struct Block {
    width: Width,
    bytes: Vec<u8>,
    /// Index and length of each datagram.
    pointers: Vec<(usize, usize)>,
}

impl Block {
    pub(crate) fn new(width: Width) -> Self {
        Block { width, bytes: vec![0; width.head()], pointers: Vec::new() }
    }

    /// Whether a datagram of this length fits into a block of at most `most` bytes.
    pub(crate) fn fits(&self, length: usize, most: usize) -> bool {
        let (table_head, pointer) = self.width.table();
        let end = aligned(aligned(self.bytes.len()) + length);
        // One more pointer, the pair of zeros after all of them, and a byte to end the transfer.
        end + table_head + pointer * (self.pointers.len() + 2) < most
    }

    pub(crate) fn push(&mut self, datagram: &[u8]) {
        self.bytes.resize(aligned(self.bytes.len()), 0);
        self.pointers.push((self.bytes.len(), datagram.len()));
        self.bytes.extend_from_slice(datagram);
    }

    /// The whole block.
    pub(crate) fn finish(self, sequence: u16, signature: [u8; 4]) -> Vec<u8> {
        let Block { width, mut bytes, pointers } = self;
        let (table_head, pointer) = width.table();
        bytes.resize(aligned(bytes.len()), 0);
        let table = bytes.len();
        bytes.extend(signed(signature, width));
        bytes.extend(((table_head + pointer * (pointers.len() + 1)) as u16).to_le_bytes());
        // No table follows.
        bytes.resize(table + table_head, 0);
        for (index, length) in pointers.into_iter().chain([(0, 0)]) {
            width.write(index, &mut bytes);
            width.write(length, &mut bytes);
        }
        if bytes.len() % PACKET == 0 {
            bytes.push(0);
        }
        let mut head = if width == Width::Bits16 { b"NCMH".to_vec() } else { b"ncmh".to_vec() };
        head.extend((width.head() as u16).to_le_bytes());
        head.extend(sequence.to_le_bytes());
        width.write(bytes.len(), &mut head);
        width.write(table, &mut head);
        bytes[..head.len()].copy_from_slice(&head);
        bytes
    }
}

fn aligned(length: usize) -> usize {
    length.next_multiple_of(ALIGNMENT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NCM: [u8; 4] = *b"NCM0";

    #[test]
    fn a_block_of_one_datagram_in_bytes() {
        let mut block = Block::new(Width::Bits16);
        block.push(&[0xaa; 5]);
        let bytes = block.finish(7, NCM);
        let expected = [
            &b"NCMH"[..],
            &[12, 0, 7, 0, 36, 0, 20, 0],
            &[0xaa; 5],
            &[0; 3],
            b"NCM0",
            &[16, 0, 0, 0, 12, 0, 5, 0, 0, 0, 0, 0],
        ]
        .concat();
        assert_eq!(bytes, expected);
        assert_eq!(datagrams(&bytes, Width::Bits16, NCM).unwrap(), [&[0xaa; 5][..]]);
        let mut block = Block::new(Width::Bits32);
        block.push(&[0xbb; 4]);
        let bytes = block.finish(1, NCM);
        let expected = [
            &b"ncmh"[..],
            &[16, 0, 1, 0, 52, 0, 0, 0, 20, 0, 0, 0],
            &[0xbb; 4],
            b"ncm0",
            &[32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 4, 0, 0, 0],
            &[0; 8],
        ]
        .concat();
        assert_eq!(bytes, expected);
        assert_eq!(datagrams(&bytes, Width::Bits32, NCM).unwrap(), [&[0xbb; 4][..]]);
        assert_eq!(datagrams(&bytes, Width::Bits16, NCM), None);
    }

    /// As other hosts write them: pointers in front, two tables, no length.
    #[test]
    fn tables_stand_anywhere_and_follow_each_other() {
        let bytes = [
            &b"NCMH"[..],
            &[12, 0, 0, 0, 0, 0, 12, 0],
            b"NCM0",
            &[16, 0, 28, 0, 44, 0, 2, 0, 0, 0, 0, 0],
            b"NCM0",
            &[16, 0, 0, 0, 46, 0, 1, 0, 0, 0, 0, 0],
            b"abc",
        ]
        .concat();
        assert_eq!(datagrams(&bytes, Width::Bits16, NCM).unwrap(), [&b"ab"[..], b"c"]);
        let mut circle = bytes.clone();
        circle[18] = 12;
        assert_eq!(datagrams(&circle, Width::Bits16, NCM), None);
        let mut outside = bytes.clone();
        outside[22] = 200;
        assert_eq!(datagrams(&outside, Width::Bits16, NCM), None);
        let mut crooked = bytes;
        crooked[10] = 13;
        assert_eq!(datagrams(&crooked, Width::Bits16, NCM), None);
    }

    #[test]
    fn a_block_never_ends_with_a_full_packet_nor_outgrows_its_size() {
        for length in 460..520 {
            let mut block = Block::new(Width::Bits16);
            block.push(&vec![1; length]);
            assert_ne!(block.finish(0, NCM).len() % PACKET, 0, "{length}");
        }
        for width in [Width::Bits16, Width::Bits32] {
            let (mut block, most) = (Block::new(width), 2048);
            let mut count = 0;
            while block.fits(100, most) {
                block.push(&[count; 100]);
                count += 1;
            }
            let bytes = block.finish(0, NCM);
            assert!(bytes.len() <= most && bytes.len() > most - 140, "{}", bytes.len());
            assert_eq!(datagrams(&bytes, width, NCM).unwrap().len(), usize::from(count));
        }
    }

    proptest! {
        #[test]
        fn whatever_goes_in_comes_out(
            all in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..90), 1..9),
            wide in any::<bool>(),
        ) {
            let width = if wide { Width::Bits32 } else { Width::Bits16 };
            let mut block = Block::new(width);
            all.iter().for_each(|datagram| block.push(datagram));
            let bytes = block.finish(9, *b"IPS\0");
            prop_assert_eq!(datagrams(&bytes, width, *b"IPS\0").unwrap(), all);
            for cut in 0..bytes.len() {
                prop_assert!(datagrams(&bytes[..cut], width, *b"IPS\0").is_none());
            }
        }

        #[test]
        fn any_bytes_are_survived(mut bytes in proptest::collection::vec(any::<u8>(), 12..90), wide in any::<bool>()) {
            let width = if wide { Width::Bits32 } else { Width::Bits16 };
            bytes[..6].copy_from_slice(if wide { b"ncmh\x10\0" } else { b"NCMH\x0c\0" });
            let _ = datagrams(&bytes, width, NCM);
        }
    }
}
