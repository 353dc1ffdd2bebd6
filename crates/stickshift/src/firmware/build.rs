//! Putting images together: right sizes, right checksums, right padding.
//!
//! ```
//! use stickshift::firmware::build;
//!
//! // Text fields are padded with zeros, and never cut.
//! assert_eq!(build::field::<8>("2026.11")?, *b"2026.11\0");
//! assert!(build::field::<4>("too long").is_err());
//! # Ok::<(), stickshift::error::Error>(())
//! ```

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, PoisonError};

use flate2::Compression as Level;
use flate2::write::ZlibEncoder;
use lzma_rust2::{LzmaOptions, LzmaWriter};

use super::Source;
use super::header::{FILE_HEADER_SIZE, HEADER_SIZE, Header};
use super::image::{Image, Partition};
use super::inflate::Compression;
use crate::error::{Error, ErrorKind, Result};
use crate::wire::crc;

/// A checksum table larger than this belongs to a block size that makes no sense.
const MAX_TABLE: usize = 64 << 20;

/// One partition to be written: a header whose sizes and checksum are filled in, and the bytes to store.
pub struct Part {
    /// `hdsize`, `psize` and `crc` are computed when it is written.
    pub header: Header,
    content: Box<dyn Read + Send>,
    length: u64,
    /// What follows the payload, where that is not zeros up to a multiple of four.
    pub(super) padding: Option<Vec<u8>>,
}

impl Part {
    /// A partition of `length` bytes that are stored as they are.
    pub fn new(header: Header, content: impl Read + Send + 'static, length: u64) -> Part {
        Part { header, content: Box::new(content), length, padding: None }
    }

    /// A partition of bytes in memory.
    pub fn from_bytes(header: Header, bytes: Vec<u8>) -> Part {
        let length = bytes.len() as u64;
        Part::new(header, Cursor::new(bytes), length)
    }

    /// A partition that is stored compressed. It is compressed here and now.
    ///
    /// # Errors
    /// `FileUnreadable` when the content cannot be read.
    pub fn packed(header: Header, content: &mut dyn Read, compression: Compression) -> Result<Part> {
        pack(content, compression)
            .map(|bytes| Part::from_bytes(header, bytes))
            .map_err(super::container::unreadable)
    }

    /// The partitions of another image, their payloads as they are stored there. They are read from it when they are written.
    ///
    /// # Errors
    /// `FileTruncated` when that image ends inside one.
    pub fn all_of(image: Image) -> Result<Vec<Part>> {
        let Image { source, partitions, .. } = image;
        let source = Arc::new(Mutex::new(source));
        let part = |(index, partition): (usize, Partition)| {
            let Partition { header, stored, payload_offset, .. } = partition;
            if stored != u64::from(header.psize) {
                return Err(Error::new(
                    ErrorKind::FileTruncated,
                    format!("partition {} is not whole", index + 1),
                )
                .with("expected", header.psize)
                .with("found", stored));
            }
            let content = Stored { source: Arc::clone(&source), at: payload_offset, left: stored };
            Ok(Part::new(header, content, stored))
        };
        partitions.into_iter().enumerate().map(part).collect()
    }
}

/// A stretch of an image that others read from, too.
struct Stored {
    source: Arc<Mutex<Box<dyn Source>>>,
    at: u64,
    left: u64,
}

impl Read for Stored {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        source.seek(SeekFrom::Start(self.at))?;
        let n = source.by_ref().take(self.left).read(buffer)?;
        self.at += n as u64;
        self.left -= n as u64;
        Ok(n)
    }
}

impl Header {
    /// A header for a new partition: no texts, blocks of 4096 bytes.
    pub fn new(code: u32) -> Header {
        Header {
            hdsize: HEADER_SIZE as u32,
            hdversion: 1,
            hardware: [0; 8],
            code,
            psize: 0,
            date: [0; 16],
            time: [0; 16],
            version: [0; 32],
            crc: 0,
            blocksize: 4096,
        }
    }
}

/// A text field of a header, NUL-padded.
///
/// # Errors
/// `Usage` when the text is not ASCII or too long.
pub fn field<const N: usize>(text: &str) -> Result<[u8; N]> {
    if text.len() > N || !text.is_ascii() {
        return Err(Error::new(
            ErrorKind::Usage,
            format!("{text:?} does not fit into a field of {N} ASCII bytes"),
        ));
    }
    let mut out = [0; N];
    out[..text.len()].copy_from_slice(text.as_bytes());
    Ok(out)
}

/// A file header: the kind, then zeros, as known tools write it.
pub fn file_header(kind: u8) -> [u8; FILE_HEADER_SIZE] {
    let mut out = [0; FILE_HEADER_SIZE];
    out[0] = kind;
    out
}

/// Writes an image from where `out` stands: file header, then the partitions, each padded to a multiple of four bytes.
/// Without a file header and with one part it is a `.fw`, which has no padding either.
///
/// # Errors
/// `FileUnwritable`, `FileUnreadable`; `Usage` for a partition too large or a block size that makes no sense.
pub fn write(
    out: &mut (impl Write + Seek),
    file_header: Option<&[u8; FILE_HEADER_SIZE]>,
    parts: Vec<Part>,
) -> Result<()> {
    if let Some(bytes) = file_header {
        out.write_all(bytes).map_err(unwritable)?;
    }
    let split = file_header.is_none() && parts.len() == 1;
    for part in parts {
        let Part { header, mut content, length, padding } = part;
        write_one(out, header, &mut content, length)?;
        let end = out.stream_position().map_err(unwritable)?;
        let zeros = if split { 0 } else { end.next_multiple_of(4) - end };
        out.write_all(&padding.unwrap_or_else(|| vec![0; zeros as usize])).map_err(unwritable)?;
    }
    out.flush().map_err(unwritable)
}

/// Header, checksum table, payload. The payload is read once: the header is filled in behind it.
pub(super) fn write_one(
    out: &mut (impl Write + Seek),
    mut header: Header,
    content: &mut dyn Read,
    length: u64,
) -> Result<()> {
    let code = header.code;
    let refused =
        |what: &str| Err(Error::new(ErrorKind::Usage, what).with("partition", format!("{code:08x}")));
    let Ok(psize) = u32::try_from(length) else { return refused("a partition can have 4 GiB at most") };
    header.psize = psize;
    let Some(blocks) = header.blocks() else { return refused("a block size of 0 makes no sense") };
    let table_size = 2 * blocks as usize;
    if table_size > MAX_TABLE {
        return refused("the block size is too small for so large a partition");
    }
    header.hdsize = (HEADER_SIZE + table_size) as u32;
    header.crc = header.expected_crc();

    let start = out.stream_position().map_err(unwritable)?;
    out.write_all(&header.encode()).map_err(unwritable)?;
    io::copy(&mut io::repeat(0).take(table_size as u64), out).map_err(unwritable)?;

    let mut table = Vec::with_capacity(table_size);
    let blocksize = u64::from(header.blocksize);
    let mut written = 0;
    let mut buffer = vec![0; 256 * 1024];
    let mut sum = crc::X25::new();
    let mut in_block = 0;
    loop {
        let got = match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(super::inflate::payload_error(e)),
        };
        written += got as u64;
        if written > length {
            break;
        }
        out.write_all(&buffer[..got]).map_err(unwritable)?;
        let mut rest = &buffer[..got];
        while !rest.is_empty() {
            let room = usize::try_from(blocksize - in_block).unwrap_or(usize::MAX).min(rest.len());
            sum.update(&rest[..room]);
            in_block += room as u64;
            rest = &rest[room..];
            if in_block == blocksize {
                table.extend_from_slice(&std::mem::take(&mut sum).finish().to_le_bytes());
                in_block = 0;
            }
        }
    }
    if written != length {
        return Err(Error::new(ErrorKind::FileUnreadable, "a partition changed its size while it was read")
            .with("expected", length)
            .with("found", written));
    }
    if in_block > 0 {
        table.extend_from_slice(&sum.finish().to_le_bytes());
    }
    let end = out.stream_position().map_err(unwritable)?;
    out.seek(SeekFrom::Start(start + HEADER_SIZE as u64)).map_err(unwritable)?;
    out.write_all(&table).map_err(unwritable)?;
    out.seek(SeekFrom::Start(end)).map_err(unwritable)?;
    Ok(())
}

pub(super) fn unwritable(error: io::Error) -> Error {
    Error::new(ErrorKind::FileUnwritable, "the image cannot be written").because(error)
}

fn pack(content: &mut dyn Read, compression: Compression) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    match compression {
        Compression::None => {
            content.read_to_end(&mut out)?;
        }
        Compression::Zlib => {
            // Only the best level gives the 78 DA that tools look for.
            let mut encoder = ZlibEncoder::new(out, Level::best());
            io::copy(content, &mut encoder)?;
            out = encoder.finish()?;
        }
        Compression::Lzma => {
            let mut options = LzmaOptions::with_preset(6);
            options.dict_size = 1 << 20;
            let mut encoder = LzmaWriter::new(out, &options, true, true, None)?;
            io::copy(content, &mut encoder)?;
            out = encoder.finish()?;
        }
        Compression::ZlibLzma => {
            let inner = pack(content, Compression::Lzma)?;
            out = pack(&mut inner.as_slice(), Compression::Zlib)?;
        }
    }
    Ok(out)
}
