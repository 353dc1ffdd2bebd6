//! The archive from which Linux unpacks its first files: cpio in the "newc" form, all numbers as eight hex digits.

/// Folders come before what is in them.
#[derive(Default)]
pub(crate) struct Archive {
    bytes: Vec<u8>,
    inode: u32,
}

impl Archive {
    /// Adds a folder.
    pub(crate) fn folder(&mut self, name: &str) {
        self.entry(name, 0o040_755, [0, 0], &[]);
    }

    /// Adds a file that may be run.
    pub(crate) fn program(&mut self, name: &str, content: &[u8]) {
        self.entry(name, 0o100_755, [0, 0], content);
    }

    /// Adds a character device.
    pub(crate) fn device(&mut self, name: &str, major: u32, minor: u32) {
        self.entry(name, 0o020_600, [major, minor], &[]);
    }

    /// The whole archive.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, [0, 0], &[]);
        self.bytes
    }

    fn entry(&mut self, name: &str, mode: u32, [major, minor]: [u32; 2], content: &[u8]) {
        self.inode += 1;
        let (length, name_length) = (content.len() as u32, name.len() as u32 + 1);
        self.bytes.extend_from_slice(b"070701");
        // Inode, mode, owner, group, links, time, length, four device numbers, length of the name, checksum.
        for number in [self.inode, mode, 0, 0, 1, 0, length, 0, 0, major, minor, name_length, 0] {
            self.bytes.extend_from_slice(format!("{number:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        let length = self.bytes.len().next_multiple_of(4);
        self.bytes.resize(length, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_contents_are_aligned() {
        let mut archive = Archive::default();
        archive.folder("bin");
        archive.program("bin/a", b"hello");
        let bytes = archive.finish();
        assert_eq!(bytes.len() % 4, 0);
        assert_eq!(&bytes[..22], b"07070100000001000041ed");
        // 110 bytes of header, "bin" and its end, two bytes of padding.
        assert_eq!(&bytes[116..122], b"070701");
        assert_eq!(&bytes[116 + 54..116 + 62], b"00000005", "length of the content");
        assert_eq!(&bytes[116 + 116..116 + 121], b"hello");
        assert!(bytes.windows(10).any(|w| w == b"TRAILER!!!"));
    }
}
