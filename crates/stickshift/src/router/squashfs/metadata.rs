//! Inodes and folders: streams of metadata blocks of at most 8 KiB each, read where they are asked for.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use super::unpack::{Compression, unpack};
use super::{corrupt, too_large};
use crate::error::Result;

/// What a metadata block unpacks to at most.
const BLOCK: usize = 8192;
/// In a block's length: it is stored as it is.
const PLAIN: u16 = 0x8000;
/// Unpacked blocks that are kept: 4 MiB.
const KEPT: usize = 512;
/// Bytes of one metadata stream item that are read at once; names and link targets are shorter.
const ITEM_LIMIT: usize = 64 * 1024;

/// The image's bytes, how its numbers stand, and how much unpacking is left to it.
pub(super) struct Store<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) big_endian: bool,
    pub(super) compression: Compression,
    blocks: RefCell<HashMap<u64, Block>>,
    left: Cell<u64>,
}

#[derive(Clone)]
struct Block {
    content: Rc<[u8]>,
    /// Where the next one begins.
    next: u64,
}

/// Where something stands in a stream: the block's place in the file, and the byte in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) block: u64,
    pub(super) offset: u16,
}

impl<'a> Store<'a> {
    /// `budget` is how many bytes may be unpacked in all, over and over included.
    pub(super) fn new(bytes: &'a [u8], big_endian: bool, compression: Compression, budget: u64) -> Store<'a> {
        let (blocks, left) = (RefCell::default(), Cell::new(budget));
        Store { bytes, big_endian, compression, blocks, left }
    }

    /// Unpacks `stored` bytes at `at`, at most `limit`.
    pub(super) fn unpack(&self, at: u64, stored: usize, plain: bool, limit: usize) -> Result<Vec<u8>> {
        let stored = usize::try_from(at)
            .ok()
            .and_then(|at| self.bytes.get(at..at.checked_add(stored)?))
            .ok_or_else(|| corrupt("a block lies outside of the image").with("offset", format!("{at:#x}")))?;
        let content = if plain {
            if stored.len() > limit {
                return Err(corrupt("a block is larger than a block can be"));
            }
            stored.to_vec()
        } else {
            unpack(stored, self.compression, limit).map_err(|e| {
                corrupt("a block does not unpack").with("offset", format!("{at:#x}")).because(e)
            })?
        };
        self.spend(content.len() as u64)?;
        Ok(content)
    }

    /// Takes from the budget.
    pub(super) fn spend(&self, bytes: u64) -> Result<()> {
        let left =
            self.left.get().checked_sub(bytes).ok_or_else(|| {
                too_large("unpacking the image takes more work than any real one of its size")
            })?;
        self.left.set(left);
        Ok(())
    }

    pub(super) fn number(&self, bytes: &[u8]) -> u64 {
        let fold = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        if self.big_endian { bytes.iter().fold(0, fold) } else { bytes.iter().rev().fold(0, fold) }
    }

    fn block(&self, at: u64) -> Result<Block> {
        if let Some(known) = self.blocks.borrow().get(&at) {
            return Ok(known.clone());
        }
        let head = usize::try_from(at)
            .ok()
            .and_then(|at| self.bytes.get(at..at.checked_add(2)?))
            .ok_or_else(|| corrupt("a table lies outside of the image").with("offset", format!("{at:#x}")))?;
        let head = self.number(head) as u16;
        let stored = usize::from(head & !PLAIN);
        if stored == 0 || stored > BLOCK {
            return Err(corrupt("a metadata block has a length that cannot be").with("length", stored));
        }
        // A block costs its decoder's setup too, however little comes out.
        self.spend(1024)?;
        let content = self.unpack(at + 2, stored, head & PLAIN != 0, BLOCK)?;
        let block = Block { content: content.into(), next: at + 2 + stored as u64 };
        let mut blocks = self.blocks.borrow_mut();
        if blocks.len() == KEPT {
            blocks.clear();
        }
        blocks.insert(at, block.clone());
        Ok(block)
    }

    /// A reader of the stream from `place` on.
    pub(super) fn stream(&self, place: Place) -> Result<Stream<'_, 'a>> {
        let block = self.block(place.block)?;
        let offset = usize::from(place.offset);
        // So that a thing has one place only.
        if offset >= block.content.len() {
            return Err(corrupt("something is said to begin behind the end of its block"));
        }
        Ok(Stream { store: self, block, offset })
    }
}

/// Reads a stream of metadata in order.
pub(super) struct Stream<'s, 'a> {
    store: &'s Store<'a>,
    block: Block,
    offset: usize,
}

impl Stream<'_, '_> {
    pub(super) fn take(&mut self, length: usize) -> Result<Vec<u8>> {
        if length > ITEM_LIMIT {
            return Err(corrupt("a name is longer than a name can be").with("length", length));
        }
        let mut taken = Vec::with_capacity(length);
        while taken.len() < length {
            if self.offset == self.block.content.len() {
                self.block = self.store.block(self.block.next)?;
                self.offset = 0;
            }
            let rest = &self.block.content[self.offset..];
            let piece = &rest[..rest.len().min(length - taken.len())];
            // An empty block leads nowhere.
            if piece.is_empty() {
                return Err(corrupt("a metadata block is empty"));
            }
            taken.extend_from_slice(piece);
            self.offset += piece.len();
        }
        Ok(taken)
    }

    pub(super) fn number(&mut self, length: usize) -> Result<u64> {
        let bytes = self.take(length)?;
        Ok(self.store.number(&bytes))
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        Ok(self.number(4)? as u32)
    }

    pub(super) fn u16(&mut self) -> Result<u16> {
        Ok(self.number(2)? as u16)
    }
}
