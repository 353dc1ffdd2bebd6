//! What is wrong or odd about an image.

use std::collections::BTreeMap;
use std::fmt;

use super::inflate::Compression;
use super::names;
use super::verify::BadBlock;
use crate::error::counted;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Odd; real tools accept it.
    Warning,
    /// Partitions are missing. Only right if the image was meant to be partial.
    Incomplete,
    /// Damaged. Never to be sent to a stick.
    Fault,
}

impl Severity {
    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Incomplete => "incomplete",
            Severity::Fault => "fault",
        }
    }
}

/// One finding. Partitions count from 0; offsets count from the start of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are named for what they are; units are above")]
pub enum Finding {
    /// The file ends inside a partition header.
    HeaderCut { partition: usize, offset: u64, available: u64 },
    /// The header does not start with its magic number; the rest of it stands as it should.
    HeaderMark { partition: usize, offset: u64 },
    /// The header's CRC is not that of the header.
    HeaderCrc { partition: usize, offset: u64, expected: u16, found: u16 },
    /// The block size is 0, or the header size is less than a header: nothing after it can be found.
    HeaderUnusable { partition: usize, offset: u64, hdsize: u32, blocksize: u32 },
    /// The header size does not match the number of blocks.
    TableSize { partition: usize, offset: u64, expected: u64, found: u32 },
    /// The file ends inside a checksum table or payload.
    PayloadCut { partition: usize, offset: u64, expected: u64, available: u64 },
    /// The payload is empty; sticks refuse that.
    PayloadEmpty { partition: usize, offset: u64 },
    /// A block's checksum is not that of its bytes.
    Block(BadBlock),
    /// More bad blocks than are listed.
    MoreBlocks { partition: usize, count: u64 },
    /// The payload does not unpack.
    Inflate { partition: usize, offset: u64, compression: Compression, what: String },
    /// The payload unpacks to more than the image may unpack to.
    TooFar { partition: usize, offset: u64 },
    /// The file header's first byte is none that tools accept.
    KindInvalid { offset: u64, value: u8 },
    /// The file header says signed and there is no signature, or the other way round.
    SignedBit { offset: u64, stated: bool },
    /// There is a signature trailer whose length cannot be.
    SignatureLength { partition: usize, length: u32 },
    /// The signature is made for more partitions than there are.
    PartitionsMissing { expected: usize, found: usize },
    /// The signature is made for fewer partitions than there are, or for a number that is none.
    SignatureCount { length: u32, found: usize },
    /// Partitions are made for different hardware.
    HardwareDiffers { partition: usize, first: String, found: String },
    /// Partitions are made for different models; said once for each.
    PlatformDiffers { partition: usize, first: String, found: String },
    /// Partitions are of different firmware versions; said once for each.
    VersionDiffers { partition: usize, first: String, found: String },
    /// The file header names pages alone, and there is a partition that only main firmware has.
    OtherContent { offset: u64, stated: &'static str, holds: String },
    /// An earlier partition has the same code; said once for each code.
    Repeated { partition: usize, first: usize, code: u32 },
    /// Something that looks like the start of a partition and is none was passed over.
    StrayMagic { offset: u64, count: u64 },
    /// Whole partition headers stand where the chain of this image does not lead: it is broken, or the file holds another image.
    Elsewhere { offset: u64, count: u64 },
    /// The image does not stand at a multiple of four; the original tool cannot see it.
    Unaligned { offset: u64 },
    /// Bytes follow the last partition.
    Trailing { offset: u64, length: u64 },
    /// A file of a folder is not the one that was extracted into it.
    FileChanged { partition: usize, file: String, expected: String, found: String },
    /// The image that a folder was extracted from was damaged, or lacked partitions.
    DamagedBefore { what: String, incomplete: bool },
}

impl Finding {
    /// The codes that more than one of these partitions has.
    pub fn repeated(codes: impl IntoIterator<Item = u32>) -> Vec<Finding> {
        let mut seen: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
        let mut found = Vec::new();
        for (partition, code) in codes.into_iter().enumerate() {
            let (first, times) = seen.entry(code).or_insert((partition, 0));
            *times += 1;
            if *times == 2 {
                found.push(Finding::Repeated { partition, first: *first, code });
            }
        }
        found
    }

    /// How much it matters.
    pub fn severity(&self) -> Severity {
        match self {
            Finding::HeaderCut { .. }
            | Finding::HeaderMark { .. }
            | Finding::HeaderCrc { .. }
            | Finding::HeaderUnusable { .. }
            | Finding::TableSize { .. }
            | Finding::PayloadCut { .. }
            | Finding::Block(_)
            | Finding::MoreBlocks { .. }
            | Finding::Inflate { .. }
            | Finding::TooFar { .. }
            | Finding::KindInvalid { .. }
            | Finding::FileChanged { .. }
            | Finding::DamagedBefore { incomplete: false, .. } => Severity::Fault,
            Finding::PartitionsMissing { .. }
            | Finding::Elsewhere { .. }
            | Finding::DamagedBefore { incomplete: true, .. } => Severity::Incomplete,
            Finding::PayloadEmpty { .. }
            | Finding::SignedBit { .. }
            | Finding::SignatureLength { .. }
            | Finding::SignatureCount { .. }
            | Finding::HardwareDiffers { .. }
            | Finding::PlatformDiffers { .. }
            | Finding::VersionDiffers { .. }
            | Finding::OtherContent { .. }
            | Finding::Repeated { .. }
            | Finding::StrayMagic { .. } => Severity::Warning,
            Finding::Unaligned { .. } | Finding::Trailing { .. } => Severity::Note,
        }
    }

    /// The stable kebab-case code.
    pub fn code(&self) -> &'static str {
        match self {
            Finding::HeaderCut { .. } => "header-cut",
            Finding::HeaderMark { .. } => "header-mark",
            Finding::HeaderCrc { .. } => "header-crc",
            Finding::HeaderUnusable { .. } => "header-unusable",
            Finding::TableSize { .. } => "table-size",
            Finding::PayloadCut { .. } => "payload-cut",
            Finding::PayloadEmpty { .. } => "payload-empty",
            Finding::Block(_) => "block-checksum",
            Finding::MoreBlocks { .. } => "more-blocks",
            Finding::Inflate { .. } => "inflate",
            Finding::TooFar { .. } => "unpacks-too-far",
            Finding::KindInvalid { .. } => "kind-invalid",
            Finding::SignedBit { .. } => "signed-bit",
            Finding::SignatureLength { .. } => "signature-length",
            Finding::PartitionsMissing { .. } => "partitions-missing",
            Finding::SignatureCount { .. } => "signature-count",
            Finding::HardwareDiffers { .. } => "hardware-differs",
            Finding::PlatformDiffers { .. } => "platform-differs",
            Finding::VersionDiffers { .. } => "version-differs",
            Finding::OtherContent { .. } => "other-content",
            Finding::Repeated { .. } => "partition-repeated",
            Finding::StrayMagic { .. } => "stray-magic",
            Finding::Elsewhere { .. } => "elsewhere",
            Finding::Unaligned { .. } => "unaligned",
            Finding::Trailing { .. } => "trailing",
            Finding::FileChanged { .. } => "file-changed",
            Finding::DamagedBefore { .. } => "damaged-before",
        }
    }

    /// Whether the file ends too early, as opposed to being wrong inside.
    pub fn is_cut(&self) -> bool {
        matches!(self, Finding::HeaderCut { .. } | Finding::PayloadCut { .. })
    }

    /// The partition it is about, counted from 0.
    pub fn partition(&self) -> Option<usize> {
        match self {
            Finding::HeaderCut { partition, .. }
            | Finding::HeaderMark { partition, .. }
            | Finding::HeaderCrc { partition, .. }
            | Finding::HeaderUnusable { partition, .. }
            | Finding::TableSize { partition, .. }
            | Finding::PayloadCut { partition, .. }
            | Finding::PayloadEmpty { partition, .. }
            | Finding::MoreBlocks { partition, .. }
            | Finding::Inflate { partition, .. }
            | Finding::TooFar { partition, .. }
            | Finding::SignatureLength { partition, .. }
            | Finding::HardwareDiffers { partition, .. }
            | Finding::PlatformDiffers { partition, .. }
            | Finding::VersionDiffers { partition, .. }
            | Finding::Repeated { partition, .. }
            | Finding::FileChanged { partition, .. } => Some(*partition),
            Finding::Block(block) => Some(block.partition),
            _ => None,
        }
    }

    /// Where in the file it is.
    pub fn offset(&self) -> Option<u64> {
        match self {
            Finding::HeaderCut { offset, .. }
            | Finding::HeaderMark { offset, .. }
            | Finding::HeaderCrc { offset, .. }
            | Finding::HeaderUnusable { offset, .. }
            | Finding::TableSize { offset, .. }
            | Finding::PayloadCut { offset, .. }
            | Finding::PayloadEmpty { offset, .. }
            | Finding::Inflate { offset, .. }
            | Finding::TooFar { offset, .. }
            | Finding::KindInvalid { offset, .. }
            | Finding::SignedBit { offset, .. }
            | Finding::OtherContent { offset, .. }
            | Finding::StrayMagic { offset, .. }
            | Finding::Elsewhere { offset, .. }
            | Finding::Unaligned { offset }
            | Finding::Trailing { offset, .. } => Some(*offset),
            Finding::Block(block) => Some(block.offset),
            _ => None,
        }
    }

    /// What should be there and what is there, where it is that kind of finding.
    pub fn expected_found(&self) -> Option<(String, String)> {
        let crc = |value: &u16| format!("{value:04x}");
        match self {
            Finding::HeaderCut { available, .. } => {
                Some((super::HEADER_SIZE.to_string(), available.to_string()))
            }
            Finding::HeaderCrc { expected, found, .. } => Some((crc(expected), crc(found))),
            Finding::TableSize { expected, found, .. } => Some((expected.to_string(), found.to_string())),
            Finding::PayloadCut { expected, available, .. } => {
                Some((expected.to_string(), available.to_string()))
            }
            Finding::Block(block) => Some((crc(&block.expected), crc(&block.found))),
            Finding::PartitionsMissing { expected, found } => Some((expected.to_string(), found.to_string())),
            Finding::HardwareDiffers { first, found, .. }
            | Finding::PlatformDiffers { first, found, .. }
            | Finding::VersionDiffers { first, found, .. } => Some((first.clone(), found.clone())),
            Finding::FileChanged { expected, found, .. } => Some((expected.clone(), found.clone())),
            _ => None,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Where people see them, partitions are counted from 1.
        if let Some(partition) = self.partition() {
            write!(f, "partition {}: ", partition + 1)?;
        }
        match self {
            Finding::HeaderCut { offset, available, .. } => {
                write!(f, "the file ends inside the header at {offset:#x}: {available} of 98 bytes are there")
            }
            Finding::HeaderMark { offset, .. } => {
                write!(f, "the header at {offset:#x} does not start with its magic number")
            }
            Finding::HeaderCrc { offset, expected, found, .. } => {
                write!(f, "header at {offset:#x} has CRC {found:04x}, its bytes give {expected:04x}")
            }
            Finding::HeaderUnusable { offset, hdsize, blocksize, .. } => {
                write!(f, "header at {offset:#x} is unusable: header size {hdsize}, block size {blocksize}")
            }
            Finding::TableSize { offset, expected, found, .. } => write!(
                f,
                "header at {offset:#x} says {found} bytes with its checksums, its blocks need {expected}"
            ),
            Finding::PayloadCut { offset, expected, available, .. } => write!(
                f,
                "the file ends inside the partition at {offset:#x}: {available} of {expected} bytes are there"
            ),
            Finding::PayloadEmpty { offset, .. } => {
                write!(f, "empty, header at {offset:#x}; sticks refuse that")
            }
            Finding::Block(block) => write!(
                f,
                "block {} at {:#x} ({} bytes) gives checksum {:04x}, the table says {:04x}",
                block.block, block.offset, block.length, block.found, block.expected
            ),
            Finding::MoreBlocks { count, .. } => {
                write!(f, "{}", counted(count, "more bad block"))
            }
            Finding::Inflate { offset, compression, what, .. } => {
                write!(f, "the {} payload at {offset:#x} does not unpack: {what}", compression.name())
            }
            Finding::TooFar { offset, .. } => {
                write!(f, "the payload at {offset:#x} unpacks to far more than an image of this size holds")
            }
            Finding::KindInvalid { offset, value } => {
                write!(f, "file header at {offset:#x} begins with {value:#04x}; known kinds end at 0x0f")
            }
            Finding::SignedBit { stated: true, .. } => {
                f.write_str("the file header says signed, but there is no signature")
            }
            Finding::SignedBit { stated: false, .. } => {
                f.write_str("there is a signature, and the file header says not signed")
            }
            Finding::SignatureLength { length, .. } => {
                write!(f, "ends in a signature mark whose length {length} cannot be; not taken as signed")
            }
            Finding::PartitionsMissing { expected, found } => {
                write!(
                    f,
                    "it has {}, the signature is made for {expected}: the file may be cut",
                    counted(found, "partition")
                )
            }
            Finding::SignatureCount { length, found } => {
                write!(f, "a signature of {length} bytes is not made for {}", counted(found, "partition"))
            }
            Finding::HardwareDiffers { first, found, .. } => {
                write!(f, "made for hardware {found:?}, the first one for {first:?}")
            }
            Finding::PlatformDiffers { first, found, .. } => {
                write!(f, "made for {found}, an earlier one for {first}")
            }
            Finding::VersionDiffers { first, found, .. } => {
                write!(
                    f,
                    "of version {found}, an earlier one of {first}: the image is put together from several"
                )
            }
            Finding::OtherContent { stated, holds, .. } => {
                write!(
                    f,
                    "the file header says {stated}, and {holds} is a part of main firmware: it is taken for that"
                )
            }
            Finding::Repeated { first, code, .. } => write!(
                f,
                "it is {} ({code:08x}), as partition {} is: both are sent, one over the other",
                names::name(*code).name,
                first + 1
            ),
            Finding::StrayMagic { offset, count: 1 } => {
                write!(f, "a partition mark at {offset:#x} has no partition behind it; passed over")
            }
            Finding::StrayMagic { offset, count } => {
                write!(
                    f,
                    "{count} partition marks, the first at {offset:#x}, have no partition behind them; passed over"
                )
            }
            Finding::Elsewhere { offset, count } => write!(
                f,
                "{count} more partitions, the first at {offset:#x}, are not reached from this image: it is broken there, or the file holds two"
            ),
            Finding::Unaligned { offset } => {
                write!(
                    f,
                    "the image begins at {offset:#x}, no multiple of 4; the original tool cannot find it"
                )
            }
            Finding::Trailing { offset, length } => {
                write!(f, "{length} bytes from {offset:#x} on follow the last partition")
            }
            Finding::FileChanged { file, .. } => {
                write!(f, "{file} is not the file that was extracted: its SHA-256 is another one")
            }
            Finding::DamagedBefore { what, .. } => {
                write!(f, "the image was damaged before it was extracted: {what}")
            }
        }
    }
}
