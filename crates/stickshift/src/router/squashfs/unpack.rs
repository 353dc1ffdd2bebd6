//! Unpacking one block, whatever it claims to be.

use std::io::{self, Read};

use flate2::read::ZlibDecoder;
use lzma_rust2::{LzmaReader, XzReader};

/// Memory for one XZ decoder, dictionary included.
const XZ_MEMORY_KIB: u32 = 16 << 10;

/// An LZMA-alone header: properties, dictionary, length.
const LZMA_HEADER: usize = 13;
/// The same without the length, as TP-Link's stock images have it.
const SHORT_LZMA_HEADER: usize = 5;

/// The compressions that routers use, by their numbers in the superblock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Lzma,
    Xz,
}

impl Compression {
    pub(super) fn of(number: u16) -> Option<Compression> {
        match number {
            1 => Some(Compression::Gzip),
            2 => Some(Compression::Lzma),
            4 => Some(Compression::Xz),
            _ => None,
        }
    }
}

/// Unpacks `stored`; fails when it gives more than `limit` bytes. Memory is bounded by `limit`, but for XZ by its own limit.
pub(super) fn unpack(stored: &[u8], compression: Compression, limit: usize) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let mut source: Box<dyn Read + '_> = match compression {
        Compression::Gzip => Box::new(ZlibDecoder::new(stored)),
        Compression::Xz => Box::new(XzReader::new_mem_limit(stored, false, XZ_MEMORY_KIB)),
        Compression::Lzma => match lzma_length(stored, limit) {
            Some(length) => Box::new(lzma(stored, LZMA_HEADER, length, limit)?),
            None => return unpack_endless(stored, limit),
        },
    };
    source.by_ref().take(limit as u64 + 1).read_to_end(&mut content)?;
    if content.len() > limit {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the block is larger than a block can be"));
    }
    Ok(content)
}

/// The length field of an LZMA-alone header, all ones for "unknown"; none when there is no such field. A range coder's first byte is zero, and
/// a block's length has five zero bytes at its end: a short header is not taken for a long one.
fn lzma_length(stored: &[u8], limit: usize) -> Option<u64> {
    let length = u64::from_le_bytes(*stored.get(SHORT_LZMA_HEADER..)?.first_chunk()?);
    let plausible = length == u64::MAX || (1..=limit as u64).contains(&length);
    (plausible && stored.get(LZMA_HEADER) == Some(&0)).then_some(length)
}

fn lzma(stored: &[u8], header: usize, length: u64, limit: usize) -> io::Result<LzmaReader<&[u8]>> {
    let cut = || io::Error::new(io::ErrorKind::UnexpectedEof, "the block ends inside its header");
    let (head, packed) = stored.split_at_checked(header).ok_or_else(cut)?;
    // As xz: more literal contexts would cost megabytes per block.
    let rest = head[0] % 45;
    if rest / 9 + rest % 9 > 4 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the block's properties cannot be"));
    }
    let dictionary = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
    // Nothing in a block refers back further than the block is long.
    let dictionary = dictionary.min(limit as u32);
    LzmaReader::new_with_props(packed, length, head[0], dictionary, None)
}

/// A stream that says nowhere how long it is: it ends with the block's bytes, or at the limit. What the range coder wrote to end itself may
/// come out as a few more bytes; the reader above knows how many it wants.
fn unpack_endless(stored: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    let mut source = lzma(stored, SHORT_LZMA_HEADER, u64::MAX, limit)?;
    let mut content = Vec::new();
    let mut byte = [0];
    // Byte by byte: a larger read that meets the end of the input would lose what it had.
    while content.len() < limit {
        match source.read(&mut byte) {
            Ok(1) => content.push(byte[0]),
            Ok(_) => break,
            Err(e) if content.is_empty() => return Err(e),
            Err(_) => break,
        }
    }
    Ok(content)
}
