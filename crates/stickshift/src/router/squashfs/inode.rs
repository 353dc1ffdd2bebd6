//! Inodes and the entries of folders.

use super::corrupt;
use super::metadata::{Place, Store, Stream};
use crate::error::Result;

/// Longer link targets are not Linux's.
const TARGET_LIMIT: u32 = 4096;
/// Entries that one header of a folder leads.
const RUN_LIMIT: u32 = 256;
/// The length of a folder counts three bytes that are not there.
const FOLDER_EXTRA: u32 = 3;

/// What an inode is.
pub(super) enum Inode {
    File(FileLayout),
    Folder { listing: Place, length: u32 },
    Link(String),
    Special,
}

/// Where a file's bytes are.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileLayout {
    pub(super) length: u64,
    /// Its first block in the image.
    pub(super) start: u64,
    /// Its place in the fragment table; none when it ends with a block.
    pub(super) fragment: Option<u32>,
    /// Where it begins in the fragment.
    pub(super) fragment_offset: u32,
}

/// Permissions, what it is, and the stream after the fixed part: at the block sizes of a file.
pub(super) fn read<'s, 'a>(
    store: &'s Store<'a>,
    place: Place,
    folders: u64,
) -> Result<(u16, Inode, Stream<'s, 'a>)> {
    let mut stream = store.stream(place)?;
    let kind = stream.u16()?;
    let mode = stream.u16()?;
    stream.take(12)?;
    let inode = match kind {
        1 => {
            let block = stream.u32()?;
            stream.u32()?;
            let length = stream.u16()?;
            folder(folders, block, stream.u16()?, length.into())
        }
        8 => {
            stream.u32()?;
            let length = stream.u32()?;
            let block = stream.u32()?;
            stream.take(6)?;
            folder(folders, block, stream.u16()?, length)
        }
        2 => {
            let start = stream.u32()?.into();
            let (fragment, fragment_offset) = (stream.u32()?, stream.u32()?);
            file(stream.u32()?.into(), start, fragment, fragment_offset)
        }
        9 => {
            let (start, length) = (stream.number(8)?, stream.number(8)?);
            stream.take(12)?;
            let (fragment, fragment_offset) = (stream.u32()?, stream.u32()?);
            stream.take(4)?;
            file(length, start, fragment, fragment_offset)
        }
        3 | 10 => {
            stream.u32()?;
            let length = stream.u32()?;
            if length > TARGET_LIMIT {
                return Err(corrupt("a link is longer than a link can be").with("length", length));
            }
            let target = stream.take(length as usize)?;
            Inode::Link(String::from_utf8_lossy(&target).into_owned())
        }
        4..=7 | 11..=14 => Inode::Special,
        _ => return Err(corrupt("an inode is of a kind that is not known").with("kind", kind)),
    };
    Ok((mode, inode, stream))
}

fn folder(folders: u64, block: u32, offset: u16, length: u32) -> Inode {
    let listing = Place { block: folders.saturating_add(block.into()), offset };
    Inode::Folder { listing, length: length.saturating_sub(FOLDER_EXTRA) }
}

fn file(length: u64, start: u64, fragment: u32, fragment_offset: u32) -> Inode {
    let fragment = (fragment != u32::MAX).then_some(fragment);
    Inode::File(FileLayout { length, start, fragment, fragment_offset })
}

/// One entry of a folder.
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) inode: Place,
}

/// The entries of a folder, read one by one.
pub(super) struct Listing<'s, 'a> {
    stream: Stream<'s, 'a>,
    left: u32,
    /// Entries left under the present header, and what it says of them.
    run: u32,
    block: u64,
    inodes: u64,
}

impl<'s, 'a> Listing<'s, 'a> {
    pub(super) fn new(store: &'s Store<'a>, at: Place, length: u32, inodes: u64) -> Result<Listing<'s, 'a>> {
        Ok(Listing { stream: store.stream(at)?, left: length, run: 0, block: 0, inodes })
    }

    pub(super) fn next(&mut self) -> Result<Option<Entry>> {
        if self.run == 0 {
            if self.left == 0 {
                return Ok(None);
            }
            self.spend(12)?;
            self.run = self.stream.u32()?.saturating_add(1);
            if self.run > RUN_LIMIT {
                return Err(corrupt("a folder has more entries than it can").with("entries", self.run));
            }
            self.block = self.inodes.saturating_add(self.stream.u32()?.into());
            self.stream.take(4)?;
        }
        self.spend(8)?;
        let offset = self.stream.u16()?;
        self.stream.take(4)?;
        let length = u32::from(self.stream.u16()?) + 1;
        self.spend(length)?;
        let name = self.stream.take(length as usize)?;
        self.run -= 1;
        Ok(Some(Entry { name, inode: Place { block: self.block, offset } }))
    }

    fn spend(&mut self, bytes: u32) -> Result<()> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| corrupt("a folder ends inside an entry"))?;
        Ok(())
    }
}
