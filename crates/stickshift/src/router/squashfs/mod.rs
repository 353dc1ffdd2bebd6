//! The files of a squashfs 4 file system, read from an image that may be made to do harm: every size is compared with what is there,
//! folders are visited once, and depth, count and the work of unpacking are bounded (docs/security.md).

mod inode;
mod metadata;
mod unpack;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::io::Write;
use std::rc::Rc;

use crate::error::{Detail, Error, ErrorKind, Result};
use crate::router::FileSystemAt;
use inode::{FileLayout, Inode, Listing};
use metadata::{Place, Store};
use unpack::Compression;

/// More files than any router has.
const FILES_LIMIT: usize = 65_536;
/// Folders inside each other.
const DEPTH_LIMIT: usize = 64;
/// Bytes of all paths and link targets together.
const TEXT_LIMIT: usize = 8 << 20;
/// A name on Linux.
const NAME_LIMIT: usize = 255;
/// What may be unpacked in all: this, and a multiple of the image's size. Real images unpack to three or four times their size, single
/// fragments to twenty.
const BUDGET: u64 = 64 << 20;
const BUDGET_RATIO: u64 = 32;
/// Unpacked fragments that are kept; each holds the ends of many files.
const FRAGMENTS_KEPT: usize = 4;
/// In the stored length of a block: it is stored as it is.
const PLAIN: u32 = 1 << 24;
/// Fragments that one metadata block describes, and bytes for each.
const FRAGMENTS_PER_BLOCK: u32 = 512;
const FRAGMENT_SIZE: u32 = 16;

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

struct Node {
    place: Place,
    kind: FileKind,
    mode: u16,
}

/// A file system that was opened.
pub struct FileSystem<'a> {
    store: Store<'a>,
    superblock: Superblock,
    files: BTreeMap<String, Node>,
    repeated: Vec<String>,
    /// Where each begins, and what it unpacks to.
    fragments: RefCell<VecDeque<(u64, Rc<[u8]>)>>,
}

fn corrupt(what: &'static str) -> Error {
    Error::new(ErrorKind::FileCorrupt, format!("the image's file system is damaged: {what}"))
}

fn too_large(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::FileTooLarge, what)
}

/// The numbers of the superblock that are used.
#[derive(Clone, Copy)]
struct Superblock {
    block_size: usize,
    fragments: u32,
    root: Place,
    inodes: u64,
    folders: u64,
    fragment_table: u64,
}

impl Superblock {
    fn parse(store: &Store<'_>) -> Result<Superblock> {
        let Some(head) = store.bytes.first_chunk::<96>() else {
            return Err(corrupt("it is shorter than its header"));
        };
        let number = |at: usize, size: usize| store.number(&head[at..at + size]);
        let (inodes, folders, root) = (number(64, 8), number(72, 8), number(32, 8));
        let block = inodes.checked_add(root >> 16).ok_or_else(|| corrupt("its root is nowhere"))?;
        Ok(Superblock {
            block_size: number(12, 4) as usize,
            fragments: number(16, 4) as u32,
            root: Place { block, offset: root as u16 },
            inodes,
            folders,
            fragment_table: number(80, 8),
        })
    }
}

impl<'a> FileSystem<'a> {
    /// Opens the file system whose bytes these are and reads all its folders.
    ///
    /// # Errors
    /// `FileCorrupt`; `FileTooLarge` when it holds more, deeper, or takes more work than any real one; `FileTruncated` when the file ends
    /// inside it; `Unsupported` for a compression that routers do not use.
    pub fn open(bytes: &'a [u8], at: &FileSystemAt) -> Result<FileSystem<'a>> {
        let Some(compression) = Compression::of(at.compression) else {
            let what = "this compression of a file system is not read";
            return Err(Error::new(ErrorKind::Unsupported, what).with("compression", at.compression_name()));
        };
        if at.cut {
            return Err(Error::new(ErrorKind::FileTruncated, "the file ends inside its file system")
                .with("available", bytes.len()));
        }
        let budget = BUDGET.saturating_add((bytes.len() as u64).saturating_mul(BUDGET_RATIO));
        let store = Store::new(bytes, at.big_endian, compression, budget);
        let superblock = Superblock::parse(&store)?;
        let (files, repeated) = walk(&store, &superblock)?;
        Ok(FileSystem { store, superblock, files, repeated, fragments: RefCell::default() })
    }

    /// Every file, in the order of their paths.
    pub fn files(&self) -> impl Iterator<Item = File> + '_ {
        self.files.iter().map(|(path, node)| File {
            path: path.clone(),
            kind: node.kind.clone(),
            mode: node.mode,
        })
    }

    /// Paths that stand in it more than once. What is read of such a path is what stands first in its folder, as Linux does.
    pub fn repeated(&self) -> &[String] {
        &self.repeated
    }

    /// Reads a file of at most `limit` bytes. Its path is from `/`; the slash may be left out.
    ///
    /// # Errors
    /// `FileNotFound`, also for what is not a file; `FileTooLarge`; `FileCorrupt`.
    pub fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        self.copy(path, limit, &mut content)?;
        Ok(content)
    }

    /// Writes a file of at most `limit` bytes to `out`, block by block, and gives its length.
    ///
    /// # Errors
    /// As [`read`](Self::read), and `FileUnwritable` from `out`.
    pub fn copy(&self, path: &str, limit: u64, out: &mut dyn Write) -> Result<u64> {
        let path = format!("/{}", path.trim_start_matches('/'));
        let missing = |what: &str| Error::new(ErrorKind::FileNotFound, format!("{path} {what}"));
        let other = |what: String, why: &'static str, next: &'static str| {
            missing(&what).because(std::io::Error::other(why)).detail(Detail::NextStep(next))
        };
        let node = self.files.get(&path).ok_or_else(|| missing("is not in this image"))?;
        let length = match &node.kind {
            FileKind::File(length) => *length,
            FileKind::Link(target) => {
                let next =
                    "name the file that it leads to; `stickshift router list IMAGE` shows where that is";
                return Err(other(
                    format!("is a link to {target}"),
                    "links in an image are not followed",
                    next,
                ));
            }
            _ => {
                let next = "name a file in it; `stickshift router list IMAGE` shows them";
                return Err(other("is not a file".to_owned(), "it is a folder, or a device", next));
            }
        };
        if length > limit {
            return Err(too_large(format!("{path} is larger than it should be"))
                .with("limit", limit)
                .with("length", length));
        }
        self.unpack(node.place, out).map_err(|e| match e.kind() {
            ErrorKind::FileCorrupt => {
                Error::new(ErrorKind::FileCorrupt, format!("{path} cannot be unpacked")).because(e)
            }
            _ => e,
        })?;
        Ok(length)
    }

    /// Puts a file together from its blocks and its part of a fragment.
    fn unpack(&self, place: Place, out: &mut dyn Write) -> Result<()> {
        let (_, inode, mut sizes) = inode::read(&self.store, place, self.superblock.folders)?;
        let Inode::File(layout) = inode else { return Err(corrupt("an entry is no longer a file")) };
        let mut put = |bytes: &[u8]| {
            out.write_all(bytes)
                .map_err(|e| Error::new(ErrorKind::FileUnwritable, "cannot write the file").because(e))
        };
        let block_size = self.superblock.block_size;
        let (mut at, mut left) = (layout.start, layout.length);
        let whole = if layout.fragment.is_some() {
            layout.length / block_size as u64
        } else {
            layout.length.div_ceil(block_size as u64)
        };
        let zeros = vec![0; block_size];
        for _ in 0..whole {
            let wanted = left.min(block_size as u64) as usize;
            let size = sizes.u32()?;
            let stored = (size & !PLAIN) as usize;
            if stored == 0 {
                self.store.spend(wanted as u64)?;
                put(&zeros[..wanted])?;
            } else {
                let block = self.store.unpack(at, stored, size & PLAIN != 0, block_size)?;
                put(block.get(..wanted).ok_or_else(|| corrupt("a block is too short"))?)?;
                at += stored as u64;
            }
            left -= wanted as u64;
        }
        if left > 0 {
            let fragment = self.fragment(&layout)?;
            let from = layout.fragment_offset as usize;
            let end = from.checked_add(left as usize);
            put(end
                .and_then(|end| fragment.get(from..end))
                .ok_or_else(|| corrupt("a fragment is too short"))?)?;
        }
        Ok(())
    }

    fn fragment(&self, layout: &FileLayout) -> Result<Rc<[u8]>> {
        let index = layout.fragment.unwrap_or(u32::MAX);
        if index >= self.superblock.fragments {
            return Err(corrupt("a file is in a fragment that is not there"));
        }
        let outside = || corrupt("the fragment table lies outside of the image");
        let entry = self.superblock.fragment_table.checked_add(u64::from(index / FRAGMENTS_PER_BLOCK) * 8);
        let entry = entry.and_then(|at| usize::try_from(at).ok()).ok_or_else(outside)?;
        let bytes =
            entry.checked_add(8).and_then(|end| self.store.bytes.get(entry..end)).ok_or_else(outside)?;
        let offset = (index % FRAGMENTS_PER_BLOCK * FRAGMENT_SIZE) as u16;
        let mut stream = self.store.stream(Place { block: self.store.number(bytes), offset })?;
        let (start, size) = (stream.number(8)?, stream.u32()?);
        let mut kept = self.fragments.borrow_mut();
        if let Some((_, known)) = kept.iter().find(|(at, _)| *at == start) {
            return Ok(Rc::clone(known));
        }
        let stored = (size & !PLAIN) as usize;
        let content: Rc<[u8]> =
            self.store.unpack(start, stored, size & PLAIN != 0, self.superblock.block_size)?.into();
        if kept.len() == FRAGMENTS_KEPT {
            kept.pop_front();
        }
        kept.push_back((start, Rc::clone(&content)));
        Ok(content)
    }
}

/// Reads every folder once. Gives what is at each path, and the paths that stand there more than once.
fn walk(store: &Store<'_>, superblock: &Superblock) -> Result<(BTreeMap<String, Node>, Vec<String>)> {
    let mut files = BTreeMap::new();
    let mut repeated = Vec::new();
    let mut visited = HashSet::new();
    let (mut entries, mut text) = (0, 0);
    let mut waiting = vec![(superblock.root, String::new(), 0)];
    while let Some((place, path, depth)) = waiting.pop() {
        let (mode, inode, _) = inode::read(store, place, superblock.folders)?;
        let kind = match inode {
            Inode::File(layout) => FileKind::File(layout.length),
            Inode::Link(target) => {
                text += target.len();
                FileKind::Link(target)
            }
            Inode::Special => FileKind::Special,
            Inode::Folder { listing, length } => {
                if !visited.insert(place) {
                    return Err(corrupt("a folder stands in two places").with("path", &path));
                }
                if depth == DEPTH_LIMIT {
                    return Err(too_large("its folders are nested deeper than any router's")
                        .with("limit", DEPTH_LIMIT));
                }
                if length > 0 {
                    let mut listing = Listing::new(store, listing, length, superblock.inodes)?;
                    while let Some(entry) = listing.next()? {
                        entries += 1;
                        let path = format!("{path}/{}", name(&entry.name)?);
                        text += path.len();
                        if entries > FILES_LIMIT || text > TEXT_LIMIT {
                            return Err(too_large("it holds more files than any router")
                                .with("limit", FILES_LIMIT)
                                .with("limit-of-names", TEXT_LIMIT));
                        }
                        waiting.push((entry.inode, path, depth + 1));
                    }
                }
                FileKind::Folder
            }
        };
        if text > TEXT_LIMIT {
            return Err(too_large("its links lead further than any router's").with("limit", TEXT_LIMIT));
        }
        let path = if path.is_empty() { "/".to_owned() } else { path };
        // Of a folder the last entry is looked at first.
        if files.insert(path.clone(), Node { place, kind, mode }).is_some() {
            repeated.push(path);
        }
    }
    match files.get("/") {
        Some(Node { kind: FileKind::Folder, .. }) => Ok((files, repeated)),
        _ => Err(corrupt("its root is not a folder")),
    }
}

/// A name that leads nowhere but into its folder.
fn name(bytes: &[u8]) -> Result<String> {
    if bytes.len() > NAME_LIMIT
        || bytes == b"."
        || bytes == b".."
        || bytes.iter().any(|b| matches!(b, 0 | b'/'))
    {
        return Err(corrupt("a file has a name that no file can have"));
    }
    let mut name = String::new();
    for chunk in bytes.utf8_chunks() {
        name.push_str(chunk.valid());
        // Names that differ in such bytes alone stay two.
        name.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    Ok(name)
}
