use std::cell::Cell;
use std::io::{self, Cursor, ErrorKind as IoKind, Read};
use std::rc::Rc;

use flate2::read::MultiGzDecoder;

use crate::error::{Error, ErrorKind, Result};
use crate::wire::text::Encoding;

/// How much is held at a time. Small enough to stay in the processor's cache, which is what the speed comes from.
const SIZE: usize = 256 * 1024;

/// Longest stretch that [`Window::fill`] can be asked for; what is longer is skipped.
pub(super) const MAX_VIEW: usize = 128 * 1024;

/// A stretch of a stream that can be looked at as one slice.
pub(super) struct Window<'r> {
    source: Box<dyn Read + 'r>,
    /// Bytes of the file that were unpacked so far. Errors of the source are then errors of the file's content.
    packed: Option<Rc<Cell<u64>>>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Offset in the stream of `buffer[0]`.
    base: u64,
    finished: bool,
    /// What the unpacking stumbled over.
    pub(super) trouble: Option<String>,
}

/// What a gzipped capture may unpack to: this, and a multiple of what was read of the file. Idle polling packs a hundred to one.
const ALLOWANCE: u64 = 64 << 20;
const ALLOWANCE_RATIO: u64 = 256;

fn allowance(packed: u64) -> u64 {
    ALLOWANCE.saturating_add(packed.saturating_mul(ALLOWANCE_RATIO))
}

/// Counts what goes through.
struct Counted<R> {
    source: R,
    count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.source.read(buffer)?;
        self.count.set(self.count.get() + got as u64);
        Ok(got)
    }
}

impl<'r> Window<'r> {
    pub(super) fn new(source: Box<dyn Read + 'r>) -> Self {
        Window::of(source, None)
    }

    /// A window on what a gzip stream holds.
    pub(super) fn gzip(source: impl Read + 'r) -> Self {
        let count = Rc::new(Cell::new(0));
        let counted = Counted { source, count: Rc::clone(&count) };
        Window::of(Box::new(MultiGzDecoder::new(counted)), Some(count))
    }

    fn of(source: Box<dyn Read + 'r>, packed: Option<Rc<Cell<u64>>>) -> Self {
        let buffer = vec![0; SIZE];
        Window { source, packed, buffer, start: 0, end: 0, base: 0, finished: false, trouble: None }
    }

    /// What was read and not consumed, and where the rest comes from.
    pub(super) fn into_parts(self) -> (Vec<u8>, Box<dyn Read + 'r>) {
        (self.buffer[self.start..self.end].to_vec(), self.source)
    }

    /// A window on the same stream as ASCII, of which nothing was consumed but its mark.
    pub(super) fn ascii(self, encoding: Encoding) -> Self {
        let packed = self.packed.clone();
        let (first, rest) = self.into_parts();
        Window::of(Box::new(encoding.ascii(Cursor::new(first).chain(rest))), packed)
    }

    /// Offset in the stream of what comes next.
    pub(super) fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// What comes next: at least `want` bytes unless the stream ends before.
    #[inline]
    pub(super) fn fill(&mut self, want: usize) -> Result<&[u8]> {
        if self.end - self.start < want {
            self.refill(want.min(MAX_VIEW))?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    /// The first `length` bytes of what [`fill`](Self::fill) showed.
    #[inline]
    pub(super) fn view(&self, from: usize, length: usize) -> &[u8] {
        let start = (self.start + from).min(self.end);
        &self.buffer[start..(start + length).min(self.end)]
    }

    #[inline]
    pub(super) fn consume(&mut self, bytes: usize) {
        self.start = (self.start + bytes).min(self.end);
    }

    /// Passes over bytes, buffered or not. `false` when the stream ends before.
    #[inline]
    pub(super) fn skip(&mut self, bytes: u64) -> Result<bool> {
        let there = (self.end - self.start) as u64;
        if bytes <= there {
            self.start += bytes as usize;
            return Ok(true);
        }
        self.skip_far(bytes - there)
    }

    #[cold]
    fn skip_far(&mut self, mut left: u64) -> Result<bool> {
        self.start = self.end;
        loop {
            let there = self.fill(1)?.len() as u64;
            if there == 0 {
                return Ok(false);
            }
            let now = there.min(left);
            self.start += now as usize;
            left -= now;
            if left == 0 {
                return Ok(true);
            }
        }
    }

    #[cold]
    fn refill(&mut self, want: usize) -> Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.base += self.start as u64;
        self.end -= self.start;
        self.start = 0;
        while self.end < want && !self.finished {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.finished = true,
                Ok(n) => {
                    self.end += n;
                    let unpacked = self.base + self.end as u64;
                    if self.packed.as_ref().is_some_and(|count| unpacked > allowance(count.get())) {
                        self.finished = true;
                        let what = "the capture unpacks to far more than one of its size";
                        return Err(Error::new(ErrorKind::FileTooLarge, what).with("unpacked", unpacked));
                    }
                }
                Err(e) if e.kind() == IoKind::Interrupted => {}
                Err(e) if self.packed.is_some() => {
                    self.trouble = Some(format!("the gzip stream is broken: {e}"));
                    self.finished = true;
                }
                Err(e) => {
                    return Err(Error::new(ErrorKind::FileUnreadable, "reading the capture failed")
                        .with("offset", self.base + self.end as u64)
                        .because(e));
                }
            }
        }
        Ok(())
    }

    /// The next line without its end, and the bytes that it takes; longer ones are cut. `None` at the end of the stream.
    pub(super) fn line(&mut self) -> Result<Option<(&[u8], usize)>> {
        const MAX_LINE: usize = 16 * 1024;
        let mut searched = 0;
        loop {
            let there = &self.buffer[self.start..self.end];
            if let Some(at) = memchr::memchr(b'\n', &there[searched..]) {
                let length = searched + at;
                let line = &self.buffer[self.start..self.start + length];
                return Ok(Some((line.strip_suffix(b"\r").unwrap_or(line), length + 1)));
            }
            searched = there.len();
            if searched >= MAX_LINE || (self.finished && searched > 0) {
                return Ok(Some((&self.buffer[self.start..self.end], searched)));
            }
            if self.finished {
                return Ok(None);
            }
            self.refill(searched + 1)?;
        }
    }
}
