//! The files of a squashfs file system. Folders and inodes are backhand's business; blocks are put together and unpacked here, so that no C
//! library is needed, no block grows beyond what a block may be, and no lie in the layout ends in a panic.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};

use backhand::compression::{CompressionAction, Compressor};
use backhand::kind::{BE_V4_0, Kind, LE_V4_0};
use backhand::{
    BackhandError, FilesystemCompressor, FilesystemReader, InnerNode, SquashfsFileReader, SuperBlock,
};
use flate2::read::ZlibDecoder;
use lzma_rust2::{LzmaReader, XzReader};

use crate::error::{Error, ErrorKind, Result};
use crate::router::FileSystemAt;

/// The largest block of squashfs, and of its metadata.
const BLOCK_LIMIT: u64 = 1 << 20;
/// Memory for one decoder, dictionary included.
const MEMORY_KIB: u32 = 16 << 10;
/// More files than any router has.
const FILES_LIMIT: usize = 100_000;

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A file, and its length.
    File(u64),
    /// A folder.
    Folder,
    /// A link, and where it leads.
    Link(String),
    /// A device, a pipe or a socket.
    Special,
}

/// One file of a file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path, from `/`.
    pub path: String,
    /// What it is.
    pub kind: FileKind,
    /// Its permissions.
    pub mode: u16,
}

/// A file system that was opened.
pub struct FileSystem<'a> {
    bytes: &'a [u8],
    reader: FilesystemReader<'a>,
    compressor: Compressor,
    /// Path and place in the reader's list.
    files: BTreeMap<String, usize>,
}

impl<'a> FileSystem<'a> {
    /// Opens the file system whose bytes these are.
    ///
    /// # Errors
    /// `FileCorrupt`; `Unsupported` for a compression that routers do not use.
    pub fn open(bytes: &'a [u8], at: &FileSystemAt) -> Result<FileSystem<'a>> {
        let compressor = match at.compression {
            1 => Compressor::Gzip,
            2 => Compressor::Lzma,
            4 => Compressor::Xz,
            _ => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "this compression of a file system is not read",
                )
                .with("compression", at.compression_name()));
            }
        };
        check_tables(bytes, at)?;
        // The magic counts for nothing: images were made with either in either byte order.
        let mut renamed = bytes.to_vec();
        renamed[..4].copy_from_slice(if at.big_endian { b"sqsh" } else { b"hsqs" });
        let layout = if at.big_endian { BE_V4_0 } else { LE_V4_0 };
        let kind = Kind::new_v4_with_const(&Unpacker, layout);
        let reader = FilesystemReader::from_reader_with_offset_and_kind(Cursor::new(renamed), 0, kind)
            .map_err(|e| corrupt("the file system cannot be read", &e))?;
        let mut files = BTreeMap::new();
        for (index, node) in reader.files().enumerate().take(FILES_LIMIT) {
            files.insert(node.fullpath.to_string_lossy().into_owned(), index);
        }
        Ok(FileSystem { bytes, reader, compressor, files })
    }

    /// Every file, in the order of their paths.
    pub fn files(&self) -> impl Iterator<Item = File> + '_ {
        self.files.iter().map(|(path, index)| {
            let node = &self.reader.root.nodes[*index];
            let kind = match &node.inner {
                InnerNode::File(file) => FileKind::File(file.file_len() as u64),
                InnerNode::Dir(_) => FileKind::Folder,
                InnerNode::Symlink(link) => FileKind::Link(link.link.to_string_lossy().into_owned()),
                _ => FileKind::Special,
            };
            File { path: path.clone(), kind, mode: node.header.permissions }
        })
    }

    /// Reads a file of at most `limit` bytes. Its path is from `/`; the slash may be left out.
    ///
    /// # Errors
    /// `FileNotFound`, also for what is not a file; `FileTooLarge`; `FileCorrupt`.
    pub fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>> {
        let file = self.find(path)?;
        let too_large = || {
            Error::new(ErrorKind::FileTooLarge, format!("{path} is larger than it should be"))
                .with("limit", limit)
        };
        if file.file_len() as u64 > limit {
            return Err(too_large());
        }
        self.unpack(file)
            .ok_or_else(|| Error::new(ErrorKind::FileCorrupt, format!("{path} cannot be unpacked")))
    }

    /// Puts a file together from its blocks and its part of a fragment. Everything in the layout may be a lie, so nothing is taken
    /// without looking whether it is there.
    fn unpack(&self, file: &SquashfsFileReader) -> Option<Vec<u8>> {
        let block_size = self.reader.block_size as usize;
        let length = file.file_len();
        let mut content = Vec::new();
        let mut at = usize::try_from(file.blocks_start()).ok()?;
        for size in file.block_sizes() {
            let wanted = block_size.min(length.checked_sub(content.len())?);
            let stored = size.size() as usize;
            if stored == 0 {
                content.resize(content.len() + wanted, 0);
                continue;
            }
            let block = self.block(at, stored, size.uncompressed())?;
            content.extend_from_slice(block.get(..wanted)?);
            at = at.checked_add(stored)?;
        }
        let left = length.checked_sub(content.len())?;
        if left > 0 {
            let fragment = self.reader.fragments.as_ref()?.get(file.frag_index())?;
            let start = usize::try_from(fragment.start).ok()?;
            let block = self.block(start, fragment.size.size() as usize, fragment.size.uncompressed())?;
            let from = file.block_offset() as usize;
            content.extend_from_slice(block.get(from..from.checked_add(left)?)?);
        }
        Some(content)
    }

    fn block(&self, at: usize, stored: usize, plain: bool) -> Option<Cow<'_, [u8]>> {
        let bytes = self.bytes.get(at..at.checked_add(stored)?)?;
        if plain {
            return Some(Cow::Borrowed(bytes));
        }
        let mut unpacked = Vec::new();
        unpack_block(bytes, &mut unpacked, self.compressor).ok()?;
        Some(Cow::Owned(unpacked))
    }

    fn find(&self, path: &str) -> Result<&SquashfsFileReader> {
        let path = format!("/{}", path.trim_start_matches('/'));
        let missing = |what: &str| Error::new(ErrorKind::FileNotFound, format!("{path} {what}"));
        let index = self.files.get(&path).ok_or_else(|| missing("is not in this image"))?;
        match &self.reader.root.nodes[*index].inner {
            InnerNode::File(file) => Ok(file),
            InnerNode::Symlink(link) => Err(missing(&format!("is a link to {}", link.link.display()))),
            _ => Err(missing("is not a file")),
        }
    }
}

/// Numbers of the superblock that make a reader ask for memory: nothing may be larger than the file that tells it.
fn check_tables(bytes: &[u8], at: &FileSystemAt) -> Result<()> {
    let number = |offset: usize, size: usize| {
        let field = &bytes[offset..offset + size];
        let fold = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        if at.big_endian { field.iter().fold(0, fold) } else { field.iter().rev().fold(0, fold) }
    };
    let broken = |what: &'static str, value: u64| {
        Err(Error::new(ErrorKind::FileCorrupt, format!("the file system's {what} cannot be"))
            .with("value", value))
    };
    let (inodes, fragments, ids) = (number(4, 4), number(16, 4), number(26, 2));
    if inodes == 0 || inodes > FILES_LIMIT as u64 {
        return broken("number of files", inodes);
    }
    if fragments > inodes {
        return broken("number of fragments", fragments);
    }
    if ids == 0 {
        return broken("number of owners", ids);
    }
    for (what, offset) in [("inode table", 64), ("table of folders", 72), ("table of owners", 48)] {
        let place = number(offset, 8);
        if place < 96 || place >= bytes.len() as u64 {
            return broken(what, place);
        }
    }
    Ok(())
}

fn corrupt(what: &'static str, error: &BackhandError) -> Error {
    Error::new(ErrorKind::FileCorrupt, what)
        .with("reason", format!("{error:?}").chars().take(120).collect::<String>())
}

/// The decoders that routers need, in Rust.
struct Unpacker;

impl CompressionAction for Unpacker {
    type Error = BackhandError;
    type Compressor = Compressor;
    type FilesystemCompressor = FilesystemCompressor;
    type SuperBlock = SuperBlock;

    fn decompress(
        &self,
        bytes: &[u8],
        out: &mut Vec<u8>,
        compressor: Compressor,
    ) -> std::result::Result<(), BackhandError> {
        unpack_block(bytes, out, compressor)
    }

    fn compress(
        &self,
        _: &[u8],
        _: FilesystemCompressor,
        _: u32,
    ) -> std::result::Result<Vec<u8>, BackhandError> {
        Err(BackhandError::UnsupportedCompression("writing".to_owned()))
    }
}

/// Unpacks one block, whose form the superblock tells.
fn unpack_block(
    bytes: &[u8],
    out: &mut Vec<u8>,
    compressor: Compressor,
) -> std::result::Result<(), BackhandError> {
    let packed: Box<dyn Read + '_> = Box::new(bytes);
    let source: Box<dyn Read + '_> = match compressor {
        Compressor::Gzip => Box::new(ZlibDecoder::new(packed)),
        Compressor::Lzma => Box::new(LzmaReader::new_mem_limit(packed, MEMORY_KIB, None).map_err(unpacked)?),
        Compressor::Xz => Box::new(XzReader::new_mem_limit(packed, false, MEMORY_KIB)),
        other => return Err(BackhandError::UnsupportedCompression(format!("{other:?}"))),
    };
    out.clear();
    source.take(BLOCK_LIMIT + 1).read_to_end(out).map_err(BackhandError::StdIo)?;
    if out.len() as u64 > BLOCK_LIMIT {
        return Err(BackhandError::CorruptedOrInvalidSquashfs);
    }
    Ok(())
}

fn unpacked(error: impl Into<io::Error>) -> BackhandError {
    BackhandError::StdIo(error.into())
}
