//! Payloads as they reach a stick: unpacked, and bounded whatever the file claims
//! (docs/protocols/balong-flash.md section 1.6).

use std::io::{self, Read};

use flate2::read::ZlibDecoder;
use lzma_rust2::LzmaReader;

use crate::error::{Error, ErrorKind};

/// The most bytes that one partition may unpack to; the flash of these sticks is smaller.
pub const MAX_INFLATED: u64 = 512 << 20;

/// What all partitions together may unpack to: this, and a multiple of the file's size. Real images unpack to a few times their size.
const ALLOWANCE: u64 = 64 << 20;
const ALLOWANCE_RATIO: u64 = 32;

/// How many bytes the partitions of a file of `size` bytes may unpack to in all.
pub(super) fn allowance(size: u64) -> u64 {
    ALLOWANCE.saturating_add(size.saturating_mul(ALLOWANCE_RATIO))
}

/// Memory for one LZMA decoder, dictionary included. The largest preset of xz needs 65 MiB.
const LZMA_MEMORY_KIB: u32 = 80 << 10;

const LZMA_HEADER: usize = 13;

/// How a payload is stored. Nothing in a header says so; its first bytes do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// As it is.
    None,
    /// zlib, level 9 (`78 DA`). Other levels are not recognised by any tool and reach the stick as they are.
    Zlib,
    /// LZMA-alone with unknown size and end mark.
    Lzma,
    /// LZMA inside zlib: the original tool looks for LZMA after it has undone zlib.
    ZlibLzma,
}

impl Compression {
    /// The stable word.
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "plain",
            Compression::Zlib => "zlib",
            Compression::Lzma => "lzma",
            Compression::ZlibLzma => "zlib+lzma",
        }
    }
}

/// Recognises the compression of a stored payload. Reads its first bytes only. A zlib stream that is damaged at its very
/// beginning still counts as zlib.
pub(super) fn detect(stored: &mut dyn Read) -> io::Result<Compression> {
    let mut prefix = [0; LZMA_HEADER];
    let got = fill(stored, &mut prefix)?;
    if !prefix.starts_with(&[0x78, 0xda]) || got < 2 {
        return Ok(if is_lzma(&prefix[..got]) { Compression::Lzma } else { Compression::None });
    }
    let mut inner = [0; LZMA_HEADER];
    let mut unpacked = ZlibDecoder::new(prefix[..got].chain(stored));
    match fill(&mut unpacked, &mut inner) {
        Ok(n) if is_lzma(&inner[..n]) => Ok(Compression::ZlibLzma),
        _ => Ok(Compression::Zlib),
    }
}

fn is_lzma(prefix: &[u8]) -> bool {
    prefix.len() == LZMA_HEADER && prefix[0] == 0x5d && prefix[5..] == [0xff; 8]
}

fn fill(from: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match from.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(got)
}

const TOO_FAR: &str =
    "the image unpacks to more than any stick holds, or to far more than an image of its size";

/// A partition as a stick gets it, read in order. Errors of reading are [`Error`]s inside an [`io::Error`].
pub struct Payload<'a> {
    reader: Box<dyn Read + 'a>,
    left: u64,
    read: u64,
    /// The most that was ever unpacked of this partition.
    unpacked: &'a mut u64,
    partition: usize,
    compression: Compression,
    failed: Option<String>,
}

impl<'a> Payload<'a> {
    /// At most `left` bytes; how many there were is kept in `unpacked`.
    pub(super) fn new(
        stored: impl Read + 'a,
        partition: usize,
        compression: Compression,
        left: u64,
        unpacked: &'a mut u64,
    ) -> Payload<'a> {
        let (reader, failed): (Box<dyn Read + 'a>, _) = match open(stored, compression) {
            Ok(reader) => (reader, None),
            Err(e) => (Box::new(io::empty()), Some(e.to_string())),
        };
        Payload { reader, left, read: 0, unpacked, partition, compression, failed }
    }

    fn error(&self, kind: ErrorKind, what: &str) -> io::Error {
        let error = Error::new(kind, what).with("partition", self.partition + 1);
        io::Error::new(io::ErrorKind::InvalidData, error.with("compression", self.compression.name()))
    }
}

fn open<'a>(stored: impl Read + 'a, compression: Compression) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match compression {
        Compression::None => Box::new(stored),
        Compression::Zlib => Box::new(ZlibDecoder::new(stored)),
        Compression::Lzma => Box::new(lzma(Box::new(stored))?),
        Compression::ZlibLzma => Box::new(lzma(Box::new(ZlibDecoder::new(stored)))?),
    })
}

/// Of one type, whatever it reads from: the decoder is large.
fn lzma<'a>(packed: Box<dyn Read + 'a>) -> io::Result<LzmaReader<Box<dyn Read + 'a>>> {
    LzmaReader::new_mem_limit(packed, LZMA_MEMORY_KIB, None)
}

impl Read for Payload<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(what) = &self.failed {
            return Err(self.error(ErrorKind::FileCorrupt, &format!("the payload does not unpack: {what}")));
        }
        if self.compression == Compression::None {
            return self.reader.read(buffer);
        }
        match self.reader.read(buffer) {
            Ok(n) if n as u64 > self.left => {
                self.failed = Some(format!("more than {} bytes", self.read));
                // Nothing is left for the other partitions either.
                *self.unpacked = (self.read + self.left).max(*self.unpacked);
                Err(self.error(ErrorKind::FileTooLarge, TOO_FAR))
            }
            Ok(n) => {
                self.left -= n as u64;
                self.read += n as u64;
                *self.unpacked = self.read.max(*self.unpacked);
                Ok(n)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Err(e),
            Err(e) => {
                self.failed = Some(e.to_string());
                Err(self.error(ErrorKind::FileCorrupt, &format!("the payload does not unpack: {e}")))
            }
        }
    }
}

/// The [`Error`] that a [`Payload`] put into an [`io::Error`], or one of unreadability around any other.
pub(super) fn payload_error(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(ours) => ours,
        Err(foreign) => super::container::unreadable(foreign),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let mut bomb = Vec::new();
        flate2::read::ZlibEncoder::new(io::repeat(0).take(1 << 20), flate2::Compression::best())
            .read_to_end(&mut bomb)
            .unwrap();
        for limit in [1 << 16, (1 << 20) - 1] {
            let mut unpacked = 0;
            let mut payload = Payload::new(bomb.as_slice(), 3, Compression::Zlib, limit, &mut unpacked);
            let mut counted = Vec::new();
            let error = payload_error(payload.read_to_end(&mut counted).unwrap_err());
            assert!(error.is(ErrorKind::FileTooLarge) && error.fact("partition") == Some("4"));
            assert!(counted.len() as u64 <= limit);
            assert!(payload.read(&mut [0]).is_err(), "it fails again when read again");
            drop(payload);
            assert_eq!(unpacked, limit, "nothing is left to others");
        }
        let mut unpacked = 0;
        let mut payload = Payload::new(bomb.as_slice(), 3, Compression::Zlib, 1 << 20, &mut unpacked);
        assert_eq!(io::copy(&mut payload, &mut io::sink()).unwrap(), 1 << 20);
    }

    #[test]
    fn a_dictionary_that_needs_too_much_memory_is_refused() {
        let header = |dictionary: u32| {
            let mut bytes = vec![0x5d];
            bytes.extend(dictionary.to_le_bytes());
            bytes.extend([0xff; 8]);
            bytes.extend([0; 20]);
            bytes
        };
        assert!(open(header(64 << 20).as_slice(), Compression::Lzma).is_ok());
        assert!(open(header(128 << 20).as_slice(), Compression::Lzma).is_err());
    }
}
