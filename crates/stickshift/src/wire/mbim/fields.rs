//! Information buffers: numbers at fixed places, and what is longer behind them, named by its offset and size (section 9.1 "encoding").

/// The fields of an information buffer, or of a structure in one. Every question outside of it is answered with `None`.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Those of `bytes`; offsets count from its beginning.
    pub fn new(bytes: &'a [u8]) -> Self {
        Fields(bytes)
    }

    /// The bytes from `at` on.
    pub fn array<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..)?.first_chunk().copied()
    }

    /// The number at `at`.
    pub fn number(self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_le_bytes)
    }

    /// The long number at `at`.
    pub fn long(self, at: usize) -> Option<u64> {
        self.array(at).map(u64::from_le_bytes)
    }

    /// What the offset and the size at `at` name; empty when there is nothing.
    pub fn bytes(self, at: usize) -> Option<&'a [u8]> {
        let (offset, size) = (self.number(at)? as usize, self.number(at + 4)? as usize);
        if size == 0 { Some(&[]) } else { self.0.get(offset..offset.checked_add(size)?) }
    }

    /// The text that the offset and the size at `at` name: UTF-16. `None` also for what ends in half a unit. Functions that fill up with
    /// zeros are many.
    pub fn text(self, at: usize) -> Option<String> {
        let bytes = self.bytes(at)?;
        if bytes.len() % 2 != 0 {
            return None;
        }
        let units: Vec<u16> =
            bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        Some(String::from_utf16_lossy(&units).trim_end_matches('\0').to_owned())
    }

    /// The structures of a list: their number at `at`, and behind it an offset and a size for each. `None` when they are more than fit
    /// beside each other: what overlaps was made to cost.
    pub fn list(self, at: usize) -> Option<Vec<Fields<'a>>> {
        let count = self.number(at)? as usize;
        if count > self.0.len() / 8 {
            return None;
        }
        let mut left = self.0.len();
        let mut all = Vec::with_capacity(count);
        for index in 0..count {
            let bytes = self.bytes(at + 4 + index * 8)?;
            left = left.checked_sub(bytes.len())?;
            all.push(Fields(bytes));
        }
        Some(all)
    }

    /// `count` pieces of `size` bytes beside each other from the offset at `at` on.
    pub fn pieces(self, count_at: usize, offset_at: usize, size: usize) -> Option<Vec<&'a [u8]>> {
        let (count, offset) = (self.number(count_at)? as usize, self.number(offset_at)? as usize);
        if count == 0 {
            return Some(Vec::new());
        }
        let bytes = self.0.get(offset..offset.checked_add(count.checked_mul(size)?)?)?;
        Some(bytes.chunks_exact(size).collect())
    }
}

/// Builds an information buffer: fixed fields in order, and what they name behind them, each at a multiple of four.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    fixed: Vec<u8>,
    /// Where an offset stands, and what it names.
    named: Vec<(usize, Vec<u8>)>,
}

impl Builder {
    /// An empty one.
    pub fn new() -> Self {
        Builder::default()
    }

    /// A number.
    #[must_use]
    pub fn number(mut self, number: u32) -> Self {
        self.fixed.extend(number.to_le_bytes());
        self
    }

    /// Bytes at a fixed place.
    #[must_use]
    pub fn array(mut self, bytes: &[u8]) -> Self {
        self.fixed.extend_from_slice(bytes);
        self
    }

    /// Bytes behind the fixed fields, named by offset and size.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.named.push((self.fixed.len(), bytes.to_vec()));
        self.number(0).number(bytes.len() as u32)
    }

    /// A text behind the fixed fields.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        self.bytes(&units)
    }

    /// The whole buffer.
    pub fn build(self) -> Vec<u8> {
        let mut all = self.fixed;
        for (at, bytes) in self.named {
            if !bytes.is_empty() {
                let offset = (all.len() as u32).to_le_bytes();
                all[at..at + 4].copy_from_slice(&offset);
                all.extend(bytes);
                all.resize(all.len().next_multiple_of(4), 0);
            }
        }
        all
    }
}
