//! The loader file (`usbloader*.bin`, `usblsafe*.bin`): a header and two blocks of code.
//!
//! Layout, all integers little-endian 32-bit (docs/protocols/balong-boot.md section 2):
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 4 | magic `00 00 02 00` |
//! | 4 | 32 | zero |
//! | 36 | 16 | descriptor of raminit: mode, size, load address, offset in the file |
//! | 52 | 16 | descriptor of usbldr |
//! | 68 | 16 | zero, an empty third descriptor |
//! | 84 | .. | the blocks |

use crate::boot::patch::Change;
use crate::boot::ptable::{self, PartitionTable};
use crate::error::{Error, ErrorKind, Result};
use crate::wire::foreign;

const MAGIC: [u8; 4] = [0x00, 0x00, 0x02, 0x00];
const DESCRIPTORS: usize = 36;
/// Where the two descriptors end: no block begins before.
const HEADER_END: usize = 68;
/// Where blocks begin in every file seen.
const USUAL_START: usize = 84;
const SIZE_FIELD: usize = 4;
const DESCRIPTOR_SIZE: usize = 16;
/// Descriptors that the header has room for; two are used.
const MOST_BLOCKS: usize = 5;

/// One of the two blocks of a loader, in the order they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Block {
    /// Small code for on-chip memory that sets up the external memory and returns.
    Raminit,
    /// The flashing program.
    Usbldr,
}

impl Block {
    /// Both, in the order they are sent.
    pub const ALL: [Block; 2] = [Block::Raminit, Block::Usbldr];

    /// The field's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Block::Raminit => "raminit",
            Block::Usbldr => "usbldr",
        }
    }

    /// The mode that this block has in every file seen: 1 = run at once and return, 2 = restart the core with it.
    fn usual_mode(self) -> u32 {
        self as u32 + 1
    }

    fn descriptor_at(self) -> usize {
        DESCRIPTORS + DESCRIPTOR_SIZE * self as usize
    }
}

/// What the header says about a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// How the boot ROM runs it: 1 = at once, 2 = by restarting the application core. The low byte is sent.
    pub mode: u32,
    /// Bytes, as they are sent.
    pub size: u32,
    /// Load address.
    pub address: u32,
    /// Offset of its first byte in the file.
    pub offset: u32,
}

/// Something about a loader file that no file seen so far has, and that does not make it useless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oddity {
    /// Stable kebab-case code.
    pub code: &'static str,
    /// One lower-case line.
    pub text: String,
}

/// A loader file: its bytes, kept whole, and where its two blocks are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loader {
    file: Vec<u8>,
    descriptors: [Descriptor; 2],
    pub(super) changes: Vec<Change>,
}

impl Loader {
    /// No real block comes near this; the largest known has 5.9 MB.
    pub const MAX_BLOCK: u32 = 64 << 20;
    /// A file larger than this is no loader: two blocks of the largest size, and the header.
    pub const MAX_FILE: u64 = 2 * Self::MAX_BLOCK as u64 + 4096;

    /// Whether a file that begins with `start` calls itself a loader.
    pub fn recognises(start: &[u8]) -> bool {
        start.starts_with(&MAGIC)
    }

    /// Reads a loader file. Whatever can be sent is accepted; what is unusual about it is in [`oddities`](Self::oddities).
    ///
    /// # Errors
    /// `WrongFileKind` without the magic; `FileTruncated` when the header or a block ends after the file; `FileTooLarge`
    /// for a block above [`MAX_BLOCK`](Self::MAX_BLOCK); `FileCorrupt` for blocks that lie in the header or in each other.
    /// Facts: `offset` (where in the file the wrong field or the missing byte is), `block`, `size`, `length`.
    pub fn parse(file: Vec<u8>) -> Result<Self> {
        if !Self::recognises(&file) {
            foreign::refuse(&file[..file.len().min(foreign::ENOUGH)]).map_err(|e| e.with("offset", "0x0"))?;
            return Err(Error::new(ErrorKind::WrongFileKind, "not a loader: the first four bytes differ")
                .with("offset", "0x0"));
        }
        if file.len() < HEADER_END {
            return Err(Error::new(ErrorKind::FileTruncated, "the loader ends inside its header")
                .with("offset", format_args!("{:#x}", file.len()))
                .with("length", file.len()));
        }
        let descriptors = Block::ALL.map(|block| descriptor_at(&file, block.descriptor_at()));
        for block in Block::ALL {
            check_bounds(block, descriptors[block as usize], file.len() as u64)?;
        }
        let [first, second] =
            descriptors.map(|d| u64::from(d.offset)..u64::from(d.offset) + u64::from(d.size));
        if first.start < second.end && second.start < first.end {
            return Err(Error::new(ErrorKind::FileCorrupt, "the two blocks of the loader overlap")
                .with("offset", format_args!("{:#x}", first.start.max(second.start))));
        }
        Ok(Loader { file, descriptors, changes: Vec::new() })
    }

    /// The file's bytes: those that were read, with the changes made since.
    pub fn as_bytes(&self) -> &[u8] {
        &self.file
    }

    /// What the header says about a block.
    pub fn descriptor(&self, block: Block) -> &Descriptor {
        &self.descriptors[block as usize]
    }

    /// The bytes of a block.
    pub fn block(&self, block: Block) -> &[u8] {
        let Descriptor { offset, size, .. } = *self.descriptor(block);
        &self.file[offset as usize..offset as usize + size as usize]
    }

    /// The changes made to this loader since it was read, in order.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The file as it was read, changes undone; `None` when it was shortened.
    pub(super) fn as_read(&self) -> Option<Vec<u8>> {
        if self.changes.iter().any(|c| c.offset < HEADER_END as u64) {
            return None;
        }
        let mut file = self.file.clone();
        for change in self.changes.iter().rev() {
            let at = change.offset as usize;
            file[at..at + change.old.len()].copy_from_slice(&change.old);
        }
        Some(file)
    }

    /// Where the partition table is in usbldr, in bytes from the block's start.
    pub fn table_offset(&self) -> Option<usize> {
        ptable::find(self.block(Block::Usbldr))
    }

    /// The partition table in usbldr.
    pub fn table(&self) -> Option<PartitionTable> {
        let usbldr = self.block(Block::Usbldr);
        PartitionTable::parse(&usbldr[ptable::find(usbldr)?..]).ok()
    }

    /// An offset in usbldr as an offset in the file.
    pub fn file_offset(&self, in_usbldr: usize) -> u64 {
        u64::from(self.descriptor(Block::Usbldr).offset) + in_usbldr as u64
    }

    /// Whatever no loader seen so far has. None of it keeps the loader from being sent, except a block without bytes.
    pub fn oddities(&self) -> Vec<Oddity> {
        let mut odd = Vec::new();
        let mut add = |code, text| odd.push(Oddity { code, text });
        for block in Block::ALL {
            let d = self.descriptor(block);
            if d.size == 0 {
                add("empty-block", format!("{} has no bytes", block.name()));
            }
            if d.mode != block.usual_mode() {
                let usual = block.usual_mode();
                add("other-mode", format!("{} has mode {:#x}, usual is {usual}", block.name(), d.mode));
            }
        }
        let [raminit, usbldr] = &self.descriptors;
        let more = self.further_blocks();
        for (number, d) in (3..).zip(&more) {
            let text = format!(
                "the header lists a block {number} (mode {}, {} bytes to {:#x}); only the first two are ever sent",
                d.mode, d.size, d.address
            );
            add("further-block", text);
        }
        let unread = HEADER_END + DESCRIPTOR_SIZE * more.len();
        let rest = unread.min(self.header_length())..self.header_length();
        if self.file[4..DESCRIPTORS].iter().chain(&self.file[rest]).any(|b| *b != 0) {
            add("reserved-bytes", "reserved bytes of the header are not zero".to_owned());
        }
        if u64::from(raminit.offset) + u64::from(raminit.size) != u64::from(usbldr.offset) {
            add("gap", "usbldr does not follow raminit directly".to_owned());
        }
        let blocks = self.descriptors.iter().chain(&more);
        let end = blocks.map(|d| d.offset as usize + d.size as usize).max().unwrap_or(0);
        if end < self.file.len() {
            let text = format!("{} bytes follow the last block, from {end:#x} on", self.file.len() - end);
            add("trailing-bytes", text);
        }
        odd
    }

    /// Blocks that the header lists after the two: the directory has room for [`MOST_BLOCKS`]
    /// (docs/protocols/balong-flash.md section 4). What cannot be a block is not taken for one.
    fn further_blocks(&self) -> Vec<Descriptor> {
        let first = self.descriptors.iter().map(|d| d.offset as usize).min().unwrap_or(0);
        (Block::ALL.len()..MOST_BLOCKS)
            .map(|number| DESCRIPTORS + DESCRIPTOR_SIZE * number)
            .take_while(|at| at + DESCRIPTOR_SIZE <= first)
            .map(|at| descriptor_at(&self.file, at))
            .take_while(|d| {
                let end = u64::from(d.offset) + u64::from(d.size);
                d.size > 0 && d.offset as usize >= first && end <= self.file.len() as u64
            })
            .collect()
    }

    /// The usual header, or as much of it as no block covers.
    fn header_length(&self) -> usize {
        let starts = self.descriptors.iter().map(|d| d.offset as usize);
        starts.fold(USUAL_START.min(self.file.len()), usize::min)
    }

    /// Overwrites bytes of usbldr and notes the change. What is equal already is no change.
    pub(super) fn overwrite(&mut self, what: &'static str, in_usbldr: usize, new: &[u8]) {
        let at = self.file_offset(in_usbldr) as usize;
        let place = &mut self.file[at..at + new.len()];
        if place != new {
            self.changes.push(Change { what, offset: at as u64, old: place.to_vec(), new: new.to_vec() });
            place.copy_from_slice(new);
        }
    }

    /// Shortens usbldr to its first `size` bytes; bytes of the file after it stay where they are, or go when they were the
    /// block's own.
    pub(super) fn shorten_usbldr(&mut self, what: &'static str, size: u32) {
        let old = self.descriptors[Block::Usbldr as usize];
        let at = Block::Usbldr.descriptor_at() + SIZE_FIELD;
        self.descriptors[Block::Usbldr as usize].size = size;
        self.changes.push(Change {
            what,
            offset: at as u64,
            old: old.size.to_le_bytes().to_vec(),
            new: size.to_le_bytes().to_vec(),
        });
        self.file[at..at + 4].copy_from_slice(&size.to_le_bytes());
        let old_end = old.offset as usize + old.size as usize;
        if old_end == self.file.len() {
            self.file.truncate(old.offset as usize + size as usize);
        }
    }
}

/// The descriptor at an offset where a whole one has room.
fn descriptor_at(file: &[u8], at: usize) -> Descriptor {
    let word = |n: usize| {
        let b = &file[at + 4 * n..at + 4 * n + 4];
        u32::from_le_bytes([b[0], b[1], b[2], b[3]])
    };
    Descriptor { mode: word(0), size: word(1), address: word(2), offset: word(3) }
}

fn check_bounds(block: Block, d: Descriptor, length: u64) -> Result<()> {
    let wrong = |kind, what: String, offset: u64| {
        Err(Error::new(kind, what).with("block", block.name()).with("offset", format_args!("{offset:#x}")))
    };
    let at = block.descriptor_at() as u64;
    if d.size > Loader::MAX_BLOCK {
        let what = format!("{} claims {} bytes, no loader is that large", block.name(), d.size);
        return wrong(ErrorKind::FileTooLarge, what, at + 4);
    }
    if (d.offset as usize) < HEADER_END {
        return wrong(ErrorKind::FileCorrupt, format!("{} lies in the header", block.name()), at + 12);
    }
    if u64::from(d.offset) + u64::from(d.size) > length {
        let what = format!("{} ends after the file", block.name());
        let error = wrong(ErrorKind::FileTruncated, what, length);
        return error.map_err(|e| e.with("size", d.size).with("length", length));
    }
    Ok(())
}
