//! Finding the chain of partitions in a file (docs/protocols/balong-flash.md section 1.1).
//!
//! A plain image begins at a known place. In a program or at an odd place the whole file is searched, and of all
//! partition marks the one with the longest chain of credible headers behind it wins.

use std::collections::HashMap;
use std::io::{Read, SeekFrom};

use super::Source;
use super::finding::Finding;
use super::header::{FILE_HEADER_SIZE, HEADER_SIZE, Header, MAGIC};
use crate::error::{Error, ErrorKind, Result};
use crate::wire::foreign;

/// More partitions than any stick has; a file that claims more is made to do harm.
const MAX_PARTITIONS: usize = 10_000;

/// More marks than this in front of an image, and the search gives up.
const MAX_CANDIDATES: usize = 65_536;

/// No file with an image in it is larger: a header counts in 32 bits. Nobody wants to wait for the end of a file of terabytes.
const SIZE_LIMIT: u64 = 1 << 32;

const WINDOW: usize = 256 * 1024;

/// A header where it was found.
pub(super) struct Entry {
    pub(super) offset: u64,
    pub(super) header: Header,
}

/// All partitions of a file, in order.
pub(super) struct Chain {
    /// Offset of the first partition header.
    pub(super) start: u64,
    pub(super) entries: Vec<Entry>,
    /// First byte behind the last payload; padding not counted.
    pub(super) end: u64,
    pub(super) findings: Vec<Finding>,
}

pub(super) fn unreadable(error: std::io::Error) -> Error {
    Error::new(ErrorKind::FileUnreadable, "the firmware file cannot be read").because(error)
}

/// Finds the partitions of a file of `size` bytes.
///
/// # Errors
/// `WrongFileKind` when there is no partition in it.
pub(super) fn find(source: &mut dyn Source, size: u64) -> Result<Chain> {
    if size > SIZE_LIMIT {
        let what = "the file is larger than any with firmware in it";
        return Err(Error::new(ErrorKind::WrongFileKind, what).with("size", size).with("limit", SIZE_LIMIT));
    }
    let mut start = [0; FILE_HEADER_SIZE + 4];
    let got = read_at(source, 0, &mut start)?;
    foreign::refuse(&start[..got])?;
    let program = start.starts_with(b"MZ") || start.starts_with(b"\x7fELF");
    for offset in [FILE_HEADER_SIZE, 0] {
        // A damaged header here is still where the image begins; in a program a mark here is chance.
        let marked = got >= offset + 4 && start[offset..].starts_with(&MAGIC);
        let begins = match header_at(source, size, offset as u64)? {
            At::Header(header) => header.is_credible() || !program,
            At::Unmarked(_) => true,
            At::Cut { .. } | At::Nothing => marked && !program,
        };
        if begins {
            let mut chain = walk(source, size, offset as u64)?;
            if chain.end.next_multiple_of(4) < size {
                let (beyond, _) = candidates(source, chain.end)?;
                chain.note_elsewhere(&beyond);
            }
            return Ok(chain);
        }
    }
    search(source, size)
}

impl Chain {
    /// Partitions that the chain does not reach: it may be broken, or the file may hold a second image.
    fn note_elsewhere(&mut self, credible: &[u64]) {
        let outside: Vec<u64> =
            credible.iter().copied().filter(|at| !(self.start..self.end).contains(at)).collect();
        if let Some(&offset) = outside.first() {
            self.findings.push(Finding::Elsewhere { offset, count: outside.len() as u64 });
        }
    }
}

/// Follows the chain from a known start, as the original tool does: as long as there is a mark there is a partition.
fn walk(source: &mut dyn Source, size: u64, start: u64) -> Result<Chain> {
    let mut chain = Chain { start, entries: Vec::new(), end: start, findings: Vec::new() };
    let mut at = Some(start);
    while let Some(offset) = at {
        let partition = chain.entries.len();
        let header = match header_at(source, size, offset)? {
            At::Header(header) => header,
            At::Unmarked(header) => {
                chain.findings.push(Finding::HeaderMark { partition, offset });
                header
            }
            At::Cut { available } => {
                chain.findings.push(Finding::HeaderCut { partition, offset, available });
                chain.end = size;
                break;
            }
            At::Nothing => break,
        };
        if partition == MAX_PARTITIONS {
            return Err(Error::new(ErrorKind::FileTooLarge, "more partitions than any stick has")
                .with("offset", format!("{offset:#x}"))
                .with("limit", MAX_PARTITIONS));
        }
        let expected = header.expected_crc();
        if header.crc != expected {
            let found = header.crc;
            chain.findings.push(Finding::HeaderCrc { partition, offset, expected, found });
        }
        let Header { hdsize, blocksize, psize, .. } = header;
        let usable = blocksize != 0 && hdsize as usize >= HEADER_SIZE;
        let end = offset + header.span();
        match header.expected_hdsize() {
            _ if !usable => {
                chain.findings.push(Finding::HeaderUnusable { partition, offset, hdsize, blocksize });
            }
            Some(expected) if expected != u64::from(hdsize) => {
                chain.findings.push(Finding::TableSize { partition, offset, expected, found: hdsize });
            }
            _ => {}
        }
        if usable && psize == 0 {
            chain.findings.push(Finding::PayloadEmpty { partition, offset });
        }
        if usable && end > size {
            let (expected, available) = (header.span(), size - offset);
            chain.findings.push(Finding::PayloadCut { partition, offset, expected, available });
        }
        chain.end = if usable { end.min(size) } else { offset + HEADER_SIZE as u64 };
        at = if usable && end <= size { next(source, size, offset, end)? } else { None };
        chain.entries.push(Entry { offset, header });
    }
    Ok(chain)
}

/// Where the partition after the one from `offset` to `end` begins. Payloads are padded to four bytes, counted from the start
/// of the file; in an image at an odd place possibly from the start of the image.
fn next(source: &mut dyn Source, size: u64, offset: u64, end: u64) -> Result<Option<u64>> {
    let in_file = end.next_multiple_of(4);
    let residue = offset % 4;
    let in_image = (end - residue).next_multiple_of(4) + residue;
    for at in [in_file, in_image] {
        if !matches!(header_at(source, size, at)?, At::Nothing) {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

enum At {
    Header(Header),
    /// A header in all but its mark, which is damaged.
    Unmarked(Header),
    /// A mark, and the file ends before the header does.
    Cut {
        available: u64,
    },
    Nothing,
}

fn header_at(source: &mut dyn Source, size: u64, offset: u64) -> Result<At> {
    if offset.saturating_add(4) > size {
        return Ok(At::Nothing);
    }
    let mut bytes = [0; HEADER_SIZE];
    let got = read_at(source, offset, &mut bytes)?;
    let header = Header::parse(&bytes);
    Ok(match (bytes.starts_with(&MAGIC), got == HEADER_SIZE) {
        (true, true) => At::Header(header),
        (true, false) => At::Cut { available: got as u64 },
        (false, true) if header.is_credible() && offset + header.span() <= size => At::Unmarked(header),
        (false, _) => At::Nothing,
    })
}

/// Searches the whole file for the longest chain.
fn search(source: &mut dyn Source, size: u64) -> Result<Chain> {
    let (candidates, marks) = candidates(source, 0)?;
    let mut lengths = HashMap::new();
    let mut best: Option<(u64, usize)> = None;
    for &offset in &candidates {
        let length = chain_length(source, size, offset, &mut lengths)?;
        // Later members of a chain are candidates too; the first of equals is the start.
        if best.is_none_or(|(_, longest)| length > longest) {
            best = Some((offset, length));
        }
    }
    let Some((start, _)) = best else {
        return Err(Error::new(ErrorKind::WrongFileKind, "there is no firmware image in the file")
            .with("size", size)
            .with("marks", marks.len()));
    };
    let mut chain = walk(source, size, start)?;
    chain.note_elsewhere(&candidates);
    let stray: Vec<u64> = marks.into_iter().filter(|at| *at < start).collect();
    if let Some(&offset) = stray.first() {
        chain.findings.push(Finding::StrayMagic { offset, count: stray.len() as u64 });
    }
    Ok(chain)
}

/// Offsets of all credible headers from `window_at` on, and of the first marks that are none.
fn candidates(source: &mut dyn Source, mut window_at: u64) -> Result<(Vec<u64>, Vec<u64>)> {
    let finder = memchr::memmem::Finder::new(&MAGIC);
    let mut window = Vec::with_capacity(WINDOW + HEADER_SIZE);
    let (mut credible, mut stray) = (Vec::new(), Vec::new());
    source.seek(SeekFrom::Start(window_at)).map_err(unreadable)?;
    loop {
        let room = (WINDOW + HEADER_SIZE - window.len()) as u64;
        let got = Read::take(&mut *source, room).read_to_end(&mut window).map_err(unreadable)?;
        if got == 0 {
            return Ok((credible, stray));
        }
        // The last bytes of a window stay for the next one, so that a header is never cut in two.
        let settled = window.len().saturating_sub(HEADER_SIZE - 1);
        for at in finder.find_iter(&window) {
            let Some(bytes) = window[at..].first_chunk::<HEADER_SIZE>() else { break };
            let offset = window_at + at as u64;
            if Header::parse(bytes).is_credible() {
                if credible.len() == MAX_CANDIDATES {
                    return Err(Error::new(ErrorKind::FileTooLarge, "more partitions than any stick has")
                        .with("offset", format!("{offset:#x}"))
                        .with("limit", MAX_CANDIDATES));
                }
                credible.push(offset);
            } else if stray.len() < MAX_CANDIDATES {
                stray.push(offset);
            }
        }
        window.drain(..settled);
        window_at += settled as u64;
    }
}

/// How many credible headers follow each other from `start` on. Chains that run together are counted once.
fn chain_length(
    source: &mut dyn Source,
    size: u64,
    start: u64,
    lengths: &mut HashMap<u64, usize>,
) -> Result<usize> {
    let mut path = Vec::new();
    let mut at = Some(start);
    let mut length = 0;
    while let Some(offset) = at {
        if let Some(&known) = lengths.get(&offset) {
            length = known;
            break;
        }
        let At::Header(header) = header_at(source, size, offset)? else { break };
        if !header.is_credible() {
            break;
        }
        path.push(offset);
        let end = offset + header.span();
        at = if end <= size { next(source, size, offset, end)? } else { None };
    }
    for offset in path.into_iter().rev() {
        length += 1;
        lengths.insert(offset, length);
    }
    Ok(length)
}

/// Reads as much as there is at `offset`.
pub(super) fn read_at(source: &mut dyn Source, offset: u64, buffer: &mut [u8]) -> Result<usize> {
    source.seek(SeekFrom::Start(offset)).map_err(unreadable)?;
    let mut got = 0;
    while got < buffer.len() {
        match source.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(unreadable(e)),
        }
    }
    Ok(got)
}
