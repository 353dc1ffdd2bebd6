//! What can be changed in a loader before it is sent. All of it is in usbldr; offsets count from the block's start, also
//! where the block's place in the file is no multiple of 4 (docs/protocols/balong-boot.md section 4).

use std::fmt;
use std::ops::Range;

use crate::boot::classify::Safety;
use crate::boot::loader::{Block, Loader};
use crate::boot::ptable::PartitionTable;
use crate::boot::search::{Needle, search};
use crate::error::{Error, ErrorKind, Result};

/// ARM `mov r0, #0`: stands in for a call and makes it look successful.
pub(super) const MOV_R0_0: [u8; 4] = [0x00, 0x00, 0xa0, 0xe3];
/// Top byte of an ARM `bl` that is always taken.
const BL: u8 = 0xeb;
/// Condition "always" in the top byte of an ARM instruction.
const ALWAYS: u8 = 0xe0;
/// Top byte of an ARM `b` that is always taken.
const B: u8 = 0xea;

/// Patterns are searched from here, in steps of 4 ..
const SEARCH_FROM: usize = 8;
/// .. up to this far before the block's end.
const SEARCH_END: usize = 60;

const KERNEL: &[u8; 8] = b"ANDROID!";
const KERNEL_HIDDEN: &[u8; 8] = b"UNDROID!";
/// `add r1, sp, #4`, `mov r0, r4`; the call that asks whether a block is bad follows.
const BAD_BLOCK: [u8; 8] = [0x04, 0x10, 0x8d, 0xe2, 0x04, 0x00, 0xa0, 0xe1];

/// In the erase-everything routine, where the number of blocks was once computed: `mov r0, #0` between the loads of chip and
/// block size and the loop's comparison. The loop then runs zero times.
pub(super) const NO_BLOCKS: [u8; 20] =
    *b"\x0c\x00\x9d\xe5\x04\x10\x9d\xe5\x00\x00\xa0\xe3\x0b\xe0\xa0\xe1\x0e\x00\x50\xe1";

/// One change that was made to a loader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Stable kebab-case code: `fastboot-cut`, `partition-table`, `file-flag`, `bad-block-patch`, `erase-patch`.
    pub what: &'static str,
    /// Offset in the file.
    pub offset: u64,
    /// The bytes that were there.
    pub old: Vec<u8>,
    /// The bytes that are there now.
    pub new: Vec<u8>,
}

/// What to change in a loader before it is sent or written.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Load only as far as the loader's fastboot: hide the kernel and send nothing after its name.
    pub fastboot: bool,
    /// Replace the partition table.
    pub table: Option<PartitionTable>,
    /// Set the file flag of these partitions, by their number in the table.
    pub file_flags: Vec<usize>,
    /// Erase without looking whether a block is marked bad. Marks of blocks that really are bad get lost.
    pub ignore_bad_blocks: bool,
    /// Leave the call that erases the whole flash as it is.
    pub keep_erase: bool,
}

impl Loader {
    /// Makes the changes, in the order cut, table, flags, bad blocks, erase. On an error nothing is changed.
    ///
    /// Every erase call that is found is taken out; in a loader that spares the flash already, only one whose pattern fits exactly.
    /// Where none is found, and where another word stands in its place, nothing is changed for it: [`Loader::assess`] tells what that means.
    ///
    /// # Errors
    /// `PatchNotFound` (fact `patch`) for a cut without a kernel and a bad-block patch without its pattern; `NoPartitionTable`
    /// when a table is to be replaced or flagged and there is none; `Usage` for a partition that the table does not list.
    pub fn change(&mut self, changes: &Changes) -> Result<()> {
        let mut next = self.clone();
        if changes.fastboot {
            cut_to_fastboot(&mut next)?;
        }
        if changes.table.is_some() || !changes.file_flags.is_empty() {
            change_table(&mut next, changes)?;
        }
        if changes.ignore_bad_blocks {
            ignore_bad_blocks(&mut next)?;
        }
        if !changes.keep_erase {
            // A pattern that fits only in part is a guess: no reason to change a file that spares the flash as it is.
            let guess = next.assess().safety == Safety::Stock;
            for site in EraseSite::all(next.block(Block::Usbldr)) {
                if site.call == Call::Live && (site.exact || guess) {
                    site.disarm(&mut next);
                }
            }
        }
        *self = next;
        Ok(())
    }
}

/// Section 4.2: the last kernel name is hidden, and the block ends behind it.
fn cut_to_fastboot(loader: &mut Loader) -> Result<()> {
    const WHAT: &str = "fastboot-cut";
    let usbldr = loader.block(Block::Usbldr);
    if usbldr.ends_with(KERNEL_HIDDEN) {
        return Ok(());
    }
    let Some(at) = memchr::memmem::rfind(usbldr, KERNEL).filter(|at| *at > 0) else {
        return Err(Error::new(
            ErrorKind::PatchNotFound,
            "the loader has no kernel to cut off: it has no fastboot of its own",
        )
        .with("patch", WHAT));
    };
    loader.overwrite(WHAT, at, &KERNEL_HIDDEN[..1]);
    loader.shorten_usbldr(WHAT, (at + KERNEL.len()) as u32);
    Ok(())
}

fn change_table(loader: &mut Loader, changes: &Changes) -> Result<()> {
    let (Some(at), Some(mut table)) = (loader.table_offset(), loader.table()) else {
        return Err(Error::new(ErrorKind::NoPartitionTable, "the loader has no partition table"));
    };
    if let Some(new) = &changes.table {
        loader.overwrite("partition-table", at, new.as_bytes());
        table = new.clone();
    }
    for index in &changes.file_flags {
        table.set_file_flag(*index)?;
        let flags = PartitionTable::flags_offset(*index);
        loader.overwrite("file-flag", at + flags, &table.as_bytes()[flags..flags + 4]);
    }
    Ok(())
}

/// Section 4.4. The pattern is only two common instructions: a place where a call follows is preferred to the first place.
fn ignore_bad_blocks(loader: &mut Loader) -> Result<()> {
    const WHAT: &str = "bad-block-patch";
    let usbldr = loader.block(Block::Usbldr);
    let found = search(usbldr, &[Needle { code: &BAD_BLOCK, rare: 0 }]);
    let places = found.iter().map(|(_, at)| *at).filter(|at| searched(usbldr).contains(at)).map(|at| at + 8);
    let is_call = |at: &usize| usbldr[*at + 3] == BL || usbldr[*at..*at + 4] == MOV_R0_0;
    let Some(at) = places.clone().find(is_call).or_else(|| places.clone().next()) else {
        return Err(Error::new(
            ErrorKind::PatchNotFound,
            "the loader's look at bad block marks was not found",
        )
        .with("patch", WHAT));
    };
    loader.overwrite(WHAT, at, &MOV_R0_0);
    Ok(())
}

/// The part of a block in which code is looked for.
fn searched(block: &[u8]) -> Range<usize> {
    SEARCH_FROM..block.len().saturating_sub(SEARCH_END)
}

/// The six shapes of the code that calls the erase-everything routine, in the order they are searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EraseFamily {
    /// Balong V7R1.
    V7R1,
    /// Balong V7R2.
    V7R2,
    /// Balong V7R11.
    V7R11,
    /// Balong V7R22.
    V7R22,
    /// Balong V7R22, second shape.
    V7R22Second,
    /// Balong V7R22, third shape.
    V7R22Third,
}

impl EraseFamily {
    /// The name used for it in the field.
    pub fn name(self) -> &'static str {
        match self {
            EraseFamily::V7R1 => "V7R1",
            EraseFamily::V7R2 => "V7R2",
            EraseFamily::V7R11 => "V7R11",
            EraseFamily::V7R22 => "V7R22",
            EraseFamily::V7R22Second => "V7R22_2",
            EraseFamily::V7R22Third => "V7R22_3",
        }
    }
}

impl fmt::Display for EraseFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a family's call is taken out.
#[derive(Clone, Copy)]
enum Cure {
    /// The word this far behind the pattern's start becomes `mov r0, #0`.
    ReplaceCall(usize),
    /// The condition of the branch whose top byte is this far before the pattern's start becomes "always", which
    /// jumps over the erase.
    AlwaysBranch(usize),
}

struct Pattern {
    family: EraseFamily,
    code: &'static [u8],
    /// Where a word begins that loads relative to the program counter: its low 12 bits depend on the build.
    loads: &'static [usize],
    /// Where the word begins, before the first load, that other code has least.
    rare: usize,
    cure: Cure,
}

/// Section 4.3.
const PATTERNS: [Pattern; 6] = [
    Pattern {
        family: EraseFamily::V7R1,
        code: b"\x3d\xe2\xe0\xe3\x00\xe0\x9e\xe5\x5c\xc3\x9f\xe5\x0c\x00\x5e\xe1\x00\x00\x00\x0a",
        loads: &[8],
        rare: 0,
        cure: Cure::ReplaceCall(20),
    },
    Pattern {
        family: EraseFamily::V7R2,
        code: b"\x00\x30\xa0\xe3\x9a\x3f\x07\xee\xff\x2f\x0f\xe3\xe1\x2f\x44\xe3\x07\x30\x02\xe5\x9a\x3f\x07\xee\
            \x00\x40\xa0\xe3\xe0\x4f\x44\xe3\x4e\x36\x04\xe3\x4c\x34\x44\xe3\x30\x33\x84\xe5",
        loads: &[],
        rare: 32,
        cure: Cure::ReplaceCall(60),
    },
    Pattern {
        family: EraseFamily::V7R11,
        code: b"\x00\x00\x50\xe3\x70\x80\xbd\x08\x00\x30\xa0\xe3\x4e\x26\x04\xe3\xe0\x3f\x44\xe3\x55\x22\x44\xe3\
            \x4c\x01\x9f\xe5\x4e\xc6\x04\xe3\x48\x41\x9f\xe5\x02\x10\xa0\xe1\x4c\xc4\x44\xe3\x5c\x23\x83\xe5\
            \x00\x00\x8f\xe0\x40\xc3\x83\xe5",
        loads: &[24, 32],
        rare: 12,
        cure: Cure::ReplaceCall(60),
    },
    Pattern {
        family: EraseFamily::V7R22,
        code: b"\x12\x3b\xa0\xe3\x4a\x35\x4a\xe3\x00\x20\xa0\xe3\x78\x20\xc3\xe5\x79\x20\xc3\xe5\x7a\x20\xc3\xe5\
            \x7b\x20\xc3\xe5\x00\x00\xa0\xe3",
        loads: &[],
        rare: 0,
        cure: Cure::AlwaysBranch(5),
    },
    Pattern {
        family: EraseFamily::V7R22Second,
        code: b"\x18\x30\x94\xe5\x10\x20\x94\xe5\x0d\x00\xa0\xe1\x30\x40\x84\xe2\x14\x30\x8d\xe5\x10\x20\x8d\xe5",
        loads: &[],
        rare: 12,
        cure: Cure::ReplaceCall(24),
    },
    Pattern {
        family: EraseFamily::V7R22Third,
        code: b"\x10\x30\x94\xe5\x0d\x00\xa0\xe1\x10\x30\x8d\xe5\x18\x30\x94\xe5\x14\x30\x8d\xe5",
        loads: &[],
        rare: 8,
        cure: Cure::ReplaceCall(20),
    },
];

/// The patterns, and the mark of a routine that counts zero blocks.
const NEEDLES: [Needle; PATTERNS.len() + 1] = {
    let mut needles = [Needle { code: &NO_BLOCKS, rare: 12 }; PATTERNS.len() + 1];
    let mut number = 0;
    while number < PATTERNS.len() {
        needles[number] = PATTERNS[number].needle();
        number += 1;
    }
    needles
};

impl Pattern {
    /// What no build changes: the code up to its first load.
    const fn needle(&self) -> Needle {
        let fixed = if let [first, ..] = self.loads { *first } else { self.code.len() };
        Needle { code: self.code.split_at(fixed).0, rare: self.rare }
    }

    /// The site of a needle that was found at `at`.
    fn site_at(&self, block: &[u8], at: usize) -> Option<EraseSite> {
        if !searched(block).contains(&at) {
            return None;
        }
        let exact = block[at..].starts_with(self.code);
        let site = if exact || self.fits_masked(&block[at..]) { self.site(block, at, exact) } else { None };
        site.filter(|site| exact || site.call != Call::NotSeen)
    }

    /// Whether it fits when the offsets of its program-counter-relative loads may be any.
    fn fits_masked(&self, code: &[u8]) -> bool {
        let free = |i: usize| match self.loads.iter().find(|at| (**at..**at + 2).contains(&i)) {
            Some(at) if *at == i => 0xff,
            Some(_) => 0x0f,
            None => 0x00,
        };
        code.len() >= self.code.len()
            && self.code.iter().zip(code).enumerate().all(|(i, (want, have))| (want ^ have) & !free(i) == 0)
    }

    fn site(&self, block: &[u8], matched: usize, exact: bool) -> Option<EraseSite> {
        let (at, length) = match self.cure {
            Cure::ReplaceCall(behind) => (matched + behind, 4),
            Cure::AlwaysBranch(before) => (matched - before, 1),
        };
        let bytes = block.get(at..at + length)?;
        let call = match self.cure {
            Cure::ReplaceCall(_) if bytes == MOV_R0_0 => Call::Removed,
            Cure::ReplaceCall(_) if bytes[3] == BL => Call::Live,
            Cure::AlwaysBranch(_) if bytes[0] == B => Call::Removed,
            // Of another condition, or another instruction, the patch would make no branch.
            Cure::AlwaysBranch(_) if bytes[0] & 0xf0 < ALWAYS && bytes[0] | ALWAYS == B => Call::Live,
            _ => Call::NotSeen,
        };
        Some(EraseSite { family: self.family, exact, matched, at, bytes: bytes.to_vec(), call })
    }
}

/// What stands where a family has its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// The call (or the conditional branch around it): the loader erases.
    Live,
    /// What a patch leaves there: the erase is skipped.
    Removed,
    /// Neither: where the call is, and whether there is one, is not known.
    NotSeen,
}

/// Where a loader calls its erase-everything routine.
///
/// A pattern that fits **exactly** is the code before the call, but only a `bl` is the call, and only `mov r0, #0` shows that it
/// was taken out. The field's tools write over any word; here another word is left as it is, for the call may be next to it.
/// A pattern that fits only with the build-dependent load offsets **masked** counts only where one of the two stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EraseSite {
    /// Which shape it has.
    pub family: EraseFamily,
    /// Whether every byte of the pattern fits, the build-dependent ones too.
    pub exact: bool,
    /// Where the pattern begins in usbldr.
    pub matched: usize,
    /// Where the bytes that the patch changes are in usbldr.
    pub at: usize,
    /// These bytes: four, or one for a branch.
    pub bytes: Vec<u8>,
    /// What they are.
    pub call: Call,
}

impl EraseSite {
    /// Every place that calls it, or once did, by its place in usbldr.
    pub fn all(usbldr: &[u8]) -> Vec<EraseSite> {
        EraseSite::all_and_marks(usbldr).0
    }

    /// The same, and where the erase-everything routine counts zero blocks; found in one pass.
    pub(super) fn all_and_marks(usbldr: &[u8]) -> (Vec<EraseSite>, Vec<usize>) {
        let (mut sites, mut marks) = (Vec::new(), Vec::new());
        for (number, at) in search(usbldr, &NEEDLES) {
            match PATTERNS.get(number) {
                Some(pattern) => sites.extend(pattern.site_at(usbldr, at)),
                None => marks.push(at),
            }
        }
        sites.sort_by_key(|site| (site.at, !site.exact, site.family as usize));
        sites.dedup_by_key(|site| site.at);
        (sites, marks)
    }

    /// Where a live `bl` leads, as an offset in usbldr.
    pub(super) fn target(&self) -> Option<usize> {
        let word = u32::from_le_bytes(self.bytes.as_slice().try_into().ok()?);
        if self.call != Call::Live {
            return None;
        }
        // 24 bits, signed, in words, from two instructions further on.
        let distance = i64::from((word << 8) as i32 >> 8) * 4 + 8;
        usize::try_from(self.at as i64 + distance).ok()
    }

    fn disarm(&self, loader: &mut Loader) {
        const WHAT: &str = "erase-patch";
        match *self.bytes {
            [top] => loader.overwrite(WHAT, self.at, &[top | ALWAYS]),
            _ => loader.overwrite(WHAT, self.at, &MOV_R0_0),
        }
    }
}
