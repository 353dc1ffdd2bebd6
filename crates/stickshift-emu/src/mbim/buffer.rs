//! Information buffers on the modem's side (USB-IF, MBIM 1.0 section 9): numbers in little-endian order, and texts, lists and other bytes that
//! stand behind them and are named by where they begin and how long they are.

/// What a host sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input<'a>(pub(super) &'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn u32(self, at: usize) -> Option<u32> {
        let four: [u8; 4] = self.0.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_le_bytes(four))
    }

    /// The bytes named by the two numbers at `at`, counted from the beginning of this buffer.
    pub(super) fn named(self, at: usize) -> Option<&'a [u8]> {
        let (begin, length) = (self.u32(at)? as usize, self.u32(at + 4)? as usize);
        if length == 0 { Some(&[]) } else { self.0.get(begin..begin.checked_add(length)?) }
    }

    pub(super) fn text(self, at: usize) -> Option<String> {
        let units = self.named(at)?.chunks(2).map(|unit| {
            let low = u16::from(unit[0]);
            unit.get(1).map_or(low, |high| low | u16::from(*high) << 8)
        });
        String::from_utf16(&units.collect::<Vec<_>>()).ok()
    }
}

/// What a modem answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Output {
    head: Vec<u8>,
    tail: Vec<u8>,
    /// Where in the head an offset into the tail stands.
    offsets: Vec<usize>,
}

impl Output {
    pub(super) fn u32(&mut self, number: u32) -> &mut Self {
        self.head.extend_from_slice(&number.to_le_bytes());
        self
    }

    pub(super) fn u32s(&mut self, numbers: &[u32]) -> &mut Self {
        for number in numbers {
            self.u32(*number);
        }
        self
    }

    pub(super) fn u64(&mut self, number: u64) -> &mut Self {
        self.head.extend_from_slice(&number.to_le_bytes());
        self
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.head.extend_from_slice(bytes);
        self
    }

    /// Bytes behind the head; nothing has no place.
    pub(super) fn named(&mut self, bytes: &[u8]) -> &mut Self {
        if bytes.is_empty() {
            return self.u32s(&[0, 0]);
        }
        self.offsets.push(self.head.len());
        let at = self.tail.len() as u32;
        self.tail.extend_from_slice(bytes);
        while !self.tail.len().is_multiple_of(4) {
            self.tail.push(0);
        }
        self.u32s(&[at, bytes.len() as u32])
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        let bytes: Vec<u8> = text.encode_utf16().flat_map(|unit| [unit as u8, (unit >> 8) as u8]).collect();
        self.named(&bytes)
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut all = self.head.clone();
        for &at in &self.offsets {
            let begin = u32::from_le_bytes([all[at], all[at + 1], all[at + 2], all[at + 3]]);
            let moved = begin + self.head.len() as u32;
            all[at..at + 4].copy_from_slice(&moved.to_le_bytes());
        }
        all.extend_from_slice(&self.tail);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_stands_behind_and_is_found() {
        let mut output = Output::default();
        output.u32(7).text("abc").named(&[]).u32(9);
        let bytes = output.bytes();
        assert_eq!(bytes[..12], [7, 0, 0, 0, 24, 0, 0, 0, 6, 0, 0, 0]);
        assert_eq!(bytes[24..], [b'a', 0, b'b', 0, b'c', 0, 0, 0]);
        let input = Input(&bytes);
        assert_eq!((input.text(4).as_deref(), input.text(12).as_deref()), (Some("abc"), Some("")));
        assert_eq!(Input(&[0xff; 8]).named(0), None);
        assert_eq!(input.u32(bytes.len() - 3), None);
    }
}
