//! Reading a whole image once: every checksum, and whether compressed payloads unpack.

use std::io::{self, Read, Seek, SeekFrom};

use sha2::{Digest, Sha256};

use super::container::{read_at, unreadable};
use super::finding::{Finding, Severity};
use super::header::HEADER_SIZE;
use super::image::{Form, Image};
use super::inflate::{Compression, Payload, payload_error};
use super::{Header, Source};
use crate::error::{Detail, Error, ErrorKind, Result};
use crate::event::Session;
use crate::hex;
use crate::wire::crc::X25;

/// Where a file was changed on purpose, an image is what states that.
const CHANGED: &str = "if it was changed on purpose, make an image of the folder: `stickshift firmware build`; else extract its image again";

/// Bad blocks that are listed for one partition; the others are counted.
const LISTED: usize = 100;

/// Checksums that are read at a time.
const TABLE_CHUNK: u64 = 32 * 1024;

/// A block of a stored payload whose checksum is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadBlock {
    /// Partition, from 0.
    pub partition: usize,
    /// Block in the partition, from 0.
    pub block: u64,
    /// Where the block begins in the file.
    pub offset: u64,
    /// Its bytes.
    pub length: u64,
    /// What the checksum table says.
    pub expected: u16,
    /// What the bytes give.
    pub found: u16,
}

/// What reading everything has shown.
#[derive(Clone, Debug)]
pub struct Verification {
    /// All findings, those of the map included, in the order of the file.
    pub findings: Vec<Finding>,
    /// Blocks whose checksums were compared.
    pub blocks: u64,
    /// Files of a folder whose hashes were compared. Neither these nor `blocks`: nothing was checked.
    pub hashes: u64,
    /// Partitions in the image.
    pub partitions: usize,
}

impl Verification {
    /// The worst of the findings.
    pub fn severity(&self) -> Option<Severity> {
        self.findings.iter().map(Finding::severity).max()
    }

    /// Whether the image may be sent to a stick as far as its own contents tell.
    ///
    /// # Errors
    /// `FileTruncated` or `FileCorrupt` with the first fault's facts; `ImageIncomplete` when nothing is damaged and partitions
    /// are missing.
    pub fn require_sound(&self) -> Result<()> {
        let worst = match self.severity() {
            Some(severity @ (Severity::Fault | Severity::Incomplete)) => severity,
            _ => return Ok(()),
        };
        let faults: Vec<&Finding> = self.findings.iter().filter(|f| f.severity() == worst).collect();
        let first = faults[0];
        let kind = match first {
            _ if worst == Severity::Incomplete => ErrorKind::ImageIncomplete,
            _ if first.is_cut() => ErrorKind::FileTruncated,
            Finding::TooFar { .. } => ErrorKind::FileTooLarge,
            _ => ErrorKind::FileCorrupt,
        };
        let mut error = Error::new(kind, first.to_string()).with("finding", first.code());
        if let Some(partition) = first.partition() {
            error = error.with("partition", partition + 1);
        }
        if let Finding::Block(block) = first {
            error = error.with("block", block.block);
        }
        if let Some(offset) = first.offset() {
            error = error.with("offset", format!("{offset:#x}"));
        }
        if let Some((expected, found)) = first.expected_found() {
            error = error.with("expected", expected).with("found", found);
        }
        if faults.len() > 1 {
            error = error.with("more", faults.len() - 1);
        }
        Err(match first {
            Finding::FileChanged { .. } => error.detail(Detail::NextStep(CHANGED)),
            _ => error,
        })
    }
}

/// Reads every payload once, compares its checksums and unpacks it if it is compressed; progress is in bytes of the file.
///
/// # Errors
/// `FileUnreadable`, `Interrupted`. What is wrong with the image is in the result.
pub fn verify(image: &mut Image, session: &mut Session<'_>) -> Result<Verification> {
    let mut findings = image.findings.clone();
    let mut blocks = 0;
    let mut hashes = 0;
    let total: u64 = image.partitions.iter().map(|p| p.stored).sum();
    let mut done = 0;
    for index in 0..image.partitions.len() {
        session.check()?;
        let partition = image.partitions[index].clone();
        let left = image.left(index);
        let table = (image.form != Form::Directory && partition.header.blocksize != 0)
            .then_some(partition.header_offset + HEADER_SIZE as u64);
        image.source.seek(SeekFrom::Start(partition.payload_offset)).map_err(unreadable)?;
        let mut checked = Checked {
            source: &mut image.source,
            header: &partition.header,
            table,
            partition: index,
            at: partition.payload_offset,
            left: partition.stored,
            crc: X25::new(),
            hash: partition.sha256.as_ref().map(|_| Sha256::new()),
            in_block: 0,
            block: 0,
            sums: Vec::new(),
            sums_first: 0,
            bad: Vec::new(),
            more: 0,
            progress: &mut |read| session.progress(done + read, total),
        };
        let whole = partition.stored == u64::from(partition.header.psize);
        let mut inflated = None;
        if partition.compression != Compression::None && whole {
            let unpacked = &mut image.partitions[index].unpacked;
            let mut payload = Payload::new(&mut checked, index, partition.compression, left, unpacked);
            match io::copy(&mut payload, &mut io::sink()).map_err(payload_error) {
                Ok(size) => inflated = Some(size),
                Err(e) if e.is(ErrorKind::FileUnreadable) => return Err(e),
                Err(e) if e.is(ErrorKind::FileTooLarge) => {
                    findings.push(Finding::TooFar { partition: index, offset: partition.payload_offset });
                }
                Err(e) => findings.push(Finding::Inflate {
                    partition: index,
                    offset: partition.payload_offset,
                    compression: partition.compression,
                    what: e.what().trim_start_matches("the payload does not unpack: ").to_owned(),
                }),
            }
        }
        checked.drain()?;
        blocks += checked.block;
        if let (Some(hash), Some(expected)) = (checked.hash.take(), &partition.sha256) {
            hashes += 1;
            let found = hex::encode(&hash.finalize());
            if !found.eq_ignore_ascii_case(expected) {
                let name = image.files.get(index).and_then(|path| path.file_name()).unwrap_or_default();
                let (file, expected) = (name.to_string_lossy().into_owned(), expected.clone());
                findings.push(Finding::FileChanged { partition: index, file, expected, found });
            }
        }
        let (bad, more) = (checked.bad, checked.more);
        findings.extend(bad.into_iter().map(Finding::Block));
        if more > 0 {
            findings.push(Finding::MoreBlocks { partition: index, count: more });
        }
        if inflated.is_some() {
            image.partitions[index].inflated = inflated;
        }
        done += partition.stored;
        session.progress(done, total);
    }
    // By partition, those of the image as a whole first; within a partition as found.
    findings.sort_by_key(|f| f.partition().map_or(0, |p| p + 1));
    Ok(Verification { findings, blocks, hashes, partitions: image.partitions.len() })
}

/// Passes a stored payload on and compares its checksums on the way.
struct Checked<'a> {
    source: &'a mut dyn Source,
    header: &'a Header,
    /// Where the checksum table begins; a folder of raw partitions has none.
    table: Option<u64>,
    partition: usize,
    at: u64,
    left: u64,
    crc: X25,
    /// Of a file whose hash is known.
    hash: Option<Sha256>,
    in_block: u64,
    block: u64,
    /// A piece of the table, and the number of its first entry.
    sums: Vec<u16>,
    sums_first: u64,
    bad: Vec<BadBlock>,
    more: u64,
    progress: &'a mut dyn FnMut(u64),
}

impl Read for Checked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let got = self.source.read(&mut buffer[..room])?;
        self.take(&buffer[..got])?;
        Ok(got)
    }
}

impl Checked<'_> {
    /// Reads what an unpacker left over, or all of it.
    fn drain(&mut self) -> Result<()> {
        let mut buffer = vec![0; 256 * 1024];
        let start = self.at;
        loop {
            match self.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(_) => (self.progress)(self.at - start),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(payload_error(e)),
            }
        }
    }

    fn take(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.left -= bytes.len() as u64;
        let blocksize = u64::from(self.header.blocksize);
        if let Some(hash) = &mut self.hash {
            hash.update(bytes);
        }
        if self.table.is_none() {
            self.at += bytes.len() as u64;
            return Ok(());
        }
        while !bytes.is_empty() {
            let room = usize::try_from(blocksize - self.in_block).unwrap_or(usize::MAX);
            let (piece, rest) = bytes.split_at(room.min(bytes.len()));
            self.crc.update(piece);
            self.in_block += piece.len() as u64;
            self.at += piece.len() as u64;
            bytes = rest;
            let done = self.block * blocksize + self.in_block;
            // The rest of a cut block has no checksum of its own.
            if self.in_block == blocksize || done == u64::from(self.header.psize) {
                self.compare(bytes.len())?;
            }
        }
        Ok(())
    }

    /// Compares the block that ends here; `ahead` bytes of the next ones are already read.
    fn compare(&mut self, ahead: usize) -> io::Result<()> {
        let found = std::mem::take(&mut self.crc).finish();
        if let Some(expected) = self.expected(ahead)?
            && expected != found
        {
            if self.bad.len() == LISTED {
                self.more += 1;
            } else {
                self.bad.push(BadBlock {
                    partition: self.partition,
                    block: self.block,
                    offset: self.at - self.in_block,
                    length: self.in_block,
                    expected,
                    found,
                });
            }
        }
        self.block += 1;
        self.in_block = 0;
        Ok(())
    }

    /// The table's entry for the present block; none if the table is too short, which is a finding of its own.
    fn expected(&mut self, ahead: usize) -> io::Result<Option<u16>> {
        let entries = u64::from(self.header.hdsize).saturating_sub(HEADER_SIZE as u64) / 2;
        let Some(table) = self.table else { return Ok(None) };
        if self.block >= entries {
            return Ok(None);
        }
        let known = self.sums_first..self.sums_first + self.sums.len() as u64;
        if !known.contains(&self.block) {
            let mut bytes = vec![0; 2 * TABLE_CHUNK.min(entries - self.block) as usize];
            let got = read_at(self.source, table + 2 * self.block, &mut bytes).map_err(io::Error::other)?;
            self.sums = bytes[..got].as_chunks::<2>().0.iter().map(|b| u16::from_le_bytes(*b)).collect();
            self.sums_first = self.block;
            self.source.seek(SeekFrom::Start(self.at + ahead as u64))?;
        }
        Ok(self.sums.get((self.block - self.sums_first) as usize).copied())
    }
}
