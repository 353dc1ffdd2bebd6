//! The partition table inside a loader: 2048 bytes, 4-byte aligned (docs/protocols/balong-boot.md section 5).
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 16 | magic: `pTableHead`, five zeros, 0x80 |
//! | 16 | 16 | version text |
//! | 32 | 16 | product text |
//! | 48 | 41 x 48 | entries: name\[16\], start, load size, length, load address, entry point, type, flags, count |
//! | 2016 | 32 | tail: `pTableTail`, or zeros |

use std::fmt;

use crate::error::{Error, ErrorKind, Result};

const MAGIC: &[u8; 16] = b"pTableHead\0\0\0\0\0\x80";
const FIRST_ENTRY: usize = 48;
const ENTRY_SIZE: usize = 48;
const FLAGS_FIELD: usize = 40;
/// Bit 0 of an entry's flags.
const FILE_FLAG: u32 = 1;

/// Where the first table is in `block`: 4-aligned from the block's start, all 16 bytes of the magic (the text alone
/// also occurs as a string of the program), and whole.
pub(super) fn find(block: &[u8]) -> Option<usize> {
    let last = block.len().checked_sub(PartitionTable::SIZE)?;
    (0..=last).step_by(4).find(|at| block[*at..].starts_with(MAGIC))
}

/// A partition table, kept as its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct PartitionTable {
    bytes: Box<[u8; Self::SIZE]>,
}

/// One partition of a table. Sizes and places in the flash are in bytes; the flash is erased in blocks of 0x20000.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its number in the table, from 0.
    pub index: usize,
    /// Its name; what is not printable ASCII is escaped.
    pub name: String,
    /// Where it begins in the flash.
    pub start: u32,
    /// How much of it is loaded to memory.
    pub load_size: u32,
    /// How long it is.
    pub length: u32,
    /// Where it is loaded to.
    pub load_address: u32,
    /// Where it is entered.
    pub entry_point: u32,
    /// Type, see [`Partition::kind_name`].
    pub kind: u32,
    /// Flags; bit 0 is the file flag.
    pub flags: u32,
    /// Count.
    pub count: u32,
}

impl PartitionTable {
    /// Bytes of a table.
    pub const SIZE: usize = 2048;
    /// Entries that a table has room for.
    pub const ENTRIES: usize = 41;

    /// Whether bytes that begin with `start` begin with a table's magic.
    pub fn recognises(start: &[u8]) -> bool {
        start.starts_with(MAGIC)
    }

    /// Takes a table from the first 2048 bytes of `bytes`.
    ///
    /// # Errors
    /// `NoPartitionTable` when the magic is not at the start; `FileTruncated` (fact `offset`) when less than a whole table
    /// is there.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        if !Self::recognises(bytes) {
            return Err(Error::new(
                ErrorKind::NoPartitionTable,
                "not a partition table: the first 16 bytes differ",
            )
            .with("offset", "0x0"));
        }
        match bytes.first_chunk() {
            Some(table) => Ok(PartitionTable { bytes: Box::new(*table) }),
            None => Err(Error::new(ErrorKind::FileTruncated, "the partition table is not whole")
                .with("offset", format_args!("{:#x}", bytes.len()))
                .with("length", bytes.len())
                .with("needed", Self::SIZE)),
        }
    }

    /// The table's bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        &self.bytes
    }

    /// The version text, for example `BOOTROM_V01.02`.
    pub fn version(&self) -> String {
        text(&self.bytes[16..32])
    }

    /// The product text, for example `H6920CS_STICK`.
    pub fn product(&self) -> String {
        text(&self.bytes[32..48])
    }

    /// The partitions, up to the first empty name, the terminator named `T`, or the room's end.
    pub fn partitions(&self) -> Vec<Partition> {
        let (entries, _) = self.bytes[FIRST_ENTRY..].as_chunks::<ENTRY_SIZE>();
        let listed = entries.iter().take(Self::ENTRIES).take_while(|e| e[0] != 0 && !e.starts_with(b"T\0"));
        listed.enumerate().map(|(index, e)| partition(index, e)).collect()
    }

    /// Sets the file flag of the partition with number `index`.
    ///
    /// # Errors
    /// `Usage` when the table lists no such partition (fact `partitions`: how many it lists).
    pub fn set_file_flag(&mut self, index: usize) -> Result<()> {
        let listed = self.partitions().len();
        if index >= listed {
            return Err(Error::new(ErrorKind::Usage, format!("the table has no partition {index}"))
                .with("partitions", listed));
        }
        // Little-endian: bit 0 is in the first byte of the field.
        self.bytes[Self::flags_offset(index)] |= FILE_FLAG as u8;
        Ok(())
    }

    /// Where the flags of a partition are in the table.
    pub(super) fn flags_offset(index: usize) -> usize {
        FIRST_ENTRY + ENTRY_SIZE * index + FLAGS_FIELD
    }
}

impl fmt::Debug for PartitionTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartitionTable")
            .field("version", &self.version())
            .field("product", &self.product())
            .field("partitions", &self.partitions())
            .finish()
    }
}

impl Partition {
    /// The flash's erase block: starts and lengths are multiples of it.
    pub const ERASE_BLOCK: u32 = 0x20000;

    /// Whether the file flag is set.
    pub fn has_file_flag(&self) -> bool {
        self.flags & FILE_FLAG != 0
    }

    /// What the type means, where it is known.
    pub fn kind_name(&self) -> Option<&'static str> {
        Some(match self.kind {
            0x101 => "boot loader",
            0x102 => "boot ROM",
            0x103 => "VxWorks",
            0x104 => "fastboot",
            0x105 => "kernel",
            0x106..=0x109 | 0x111..=0x113 => "yaffs",
            0x10c => "CD-ROM image",
            0x10d => "NV backup, LTE",
            0x10e => "NV backup, GU",
            0x110 => "logo",
            _ => return None,
        })
    }
}

fn partition(index: usize, entry: &[u8; ENTRY_SIZE]) -> Partition {
    let word = |at: usize| u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]]);
    Partition {
        index,
        name: text(&entry[..16]),
        start: word(16),
        load_size: word(20),
        length: word(24),
        load_address: word(28),
        entry_point: word(32),
        kind: word(36),
        flags: word(FLAGS_FIELD),
        count: word(44),
    }
}

/// A text padded with zeros, which may fill its field; escaped, so that it can be shown on a terminal.
fn text(field: &[u8]) -> String {
    let end = field.iter().position(|b| *b == 0).unwrap_or(field.len());
    field[..end].escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &[u8], start: u32) -> [u8; ENTRY_SIZE] {
        let mut e = [0; ENTRY_SIZE];
        e[..name.len()].copy_from_slice(name);
        for (i, word) in
            [start, 0x1000, 0x20000, 0x3000_0000, 0x3000_0040, 0x105, 0x4000, 7].iter().enumerate()
        {
            e[16 + 4 * i..20 + 4 * i].copy_from_slice(&word.to_le_bytes());
        }
        e
    }

    fn table(names: &[&[u8]]) -> Vec<u8> {
        let mut t = vec![0; PartitionTable::SIZE];
        t[..16].copy_from_slice(MAGIC);
        t[16..30].copy_from_slice(b"BOOTROM_V01.02");
        t[32..48].copy_from_slice(b"SIXTEEN_LONG_TXT");
        for (i, name) in names.iter().enumerate() {
            let at = FIRST_ENTRY + i * ENTRY_SIZE;
            t[at..at + ENTRY_SIZE].copy_from_slice(&entry(name, i as u32 * 0x20000));
        }
        t
    }

    #[test]
    fn fields_are_where_the_document_has_them() {
        let t = PartitionTable::parse(&table(&[b"m3boot", b"sixteen_letters_"])).unwrap();
        assert_eq!(t.version(), "BOOTROM_V01.02");
        assert_eq!(t.product(), "SIXTEEN_LONG_TXT");
        let list = t.partitions();
        assert_eq!(list.len(), 2);
        assert_eq!(list[1].name, "sixteen_letters_", "a name may fill its field");
        let second = &list[1];
        assert_eq!((second.start, second.load_size, second.length), (0x20000, 0x1000, 0x20000));
        assert_eq!((second.load_address, second.entry_point), (0x3000_0000, 0x3000_0040));
        assert_eq!((second.kind, second.flags, second.count), (0x105, 0x4000, 7));
        assert_eq!(second.kind_name(), Some("kernel"));
    }

    #[test]
    fn the_list_ends_at_t_at_an_empty_name_and_at_41() {
        let count = |names: &[&[u8]]| PartitionTable::parse(&table(names)).unwrap().partitions().len();
        assert_eq!(count(&[b"a", b"T", b"c"]), 1);
        assert_eq!(count(&[b"a", b"", b"c"]), 1);
        assert_eq!(count(&[b"a", b"Two", b"c"]), 3, "only the name T ends the list");
        let full: Vec<&[u8]> = vec![b"p"; 41];
        let mut t = table(&full);
        t[2016..2026].copy_from_slice(b"pTableTail");
        assert_eq!(PartitionTable::parse(&t).unwrap().partitions().len(), 41);
    }

    #[test]
    fn the_file_flag_is_one_bit_of_a_listed_partition() {
        let full: Vec<&[u8]> = vec![b"p"; 41];
        let before = table(&full);
        let mut t = PartitionTable::parse(&before).unwrap();
        t.set_file_flag(40).unwrap();
        let changed: Vec<usize> = (0..before.len()).filter(|i| before[*i] != t.as_bytes()[*i]).collect();
        assert_eq!(changed, [48 + 40 * 48 + 40]);
        assert!(t.partitions()[40].has_file_flag() && !t.partitions()[39].has_file_flag());
        assert!(t.set_file_flag(41).unwrap_err().is(ErrorKind::Usage));
        let mut short = PartitionTable::parse(&table(&[b"a", b"b"])).unwrap();
        let refused = short.set_file_flag(2).unwrap_err();
        assert_eq!(refused.fact("partitions"), Some("2"));
    }

    #[test]
    fn a_table_is_found_aligned_and_whole() {
        let t = table(&[b"a"]);
        let mut block = vec![0x11; 64];
        block.extend_from_slice(b"pTableHead as a string");
        block.resize(101, 0x11);
        block.extend_from_slice(&t);
        assert_eq!(find(&block), None, "101 is not a multiple of 4");
        block.drain(100..101);
        assert_eq!(find(&block), Some(100));
        block.pop();
        assert_eq!(find(&block), None, "one byte is missing");
        for short in [0, 1, 15, 16, 2047] {
            assert_eq!(find(&t[..short]), None);
            let error = PartitionTable::parse(&t[..short]).unwrap_err();
            let kind = if short < 16 { ErrorKind::NoPartitionTable } else { ErrorKind::FileTruncated };
            assert!(error.is(kind) && error.fact("offset").is_some(), "{short}: {error:?}");
        }
    }

    #[test]
    fn names_cannot_command_a_terminal() {
        let t = PartitionTable::parse(&table(&[b"\x1b[31mred\xff"])).unwrap();
        assert_eq!(t.partitions()[0].name, "\\x1b[31mred\\xff");
    }
}
