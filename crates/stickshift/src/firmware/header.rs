//! The fixed parts of an image: the file header's first byte and the 98-byte partition header
//! (docs/protocols/balong-flash.md sections 1.2 and 1.3). All integers are little-endian.

use std::fmt;

use crate::wire::crc;

/// First four bytes of a partition header.
pub(super) const MAGIC: [u8; 4] = [0x55, 0xaa, 0x5a, 0xa5];

/// Bytes of a partition header, without its checksum table.
pub const HEADER_SIZE: usize = 98;

/// Bytes of the file header in front of the first partition.
pub const FILE_HEADER_SIZE: usize = 92;

const CRC_AT: usize = 92;

/// What a package holds, byte 0 of the file header ("dload id").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind(pub u8);

impl Kind {
    /// Content bits 0 to 2, also the type in the signature command: 1 firmware, 2 ISO, 4 web UI.
    pub fn content(self) -> u8 {
        self.0 & 7
    }

    /// Whether main firmware is in it; where nothing is stated it is taken to be.
    pub fn is_main(self) -> bool {
        self.content() == 0 || self.content() & 1 != 0
    }

    /// Bit 3: the package says that it is signed.
    pub fn signed(self) -> bool {
        self.0 & 8 != 0
    }

    /// The same content in a package that does not say so.
    pub fn unsigned(self) -> Kind {
        Kind(self.0 & !8)
    }

    /// Whether the byte is one that known tools accept.
    pub fn is_valid(self) -> bool {
        self.0 <= 15
    }

    /// The name of the content.
    pub fn name(self) -> &'static str {
        match self.content() {
            1 => "ONLY_FW",
            2 => "ONLY_ISO",
            3 => "FW_ISO",
            4 => "ONLY_WEBUI",
            5 => "FW_WEBUI",
            6 => "ISO_WEBUI",
            7 => "FW_ISO_WEBUI",
            _ => "UNKNOWN",
        }
    }

    /// The content in words.
    pub fn words(self) -> &'static str {
        match self.content() {
            1 => "main firmware",
            2 => "dashboard CD",
            3 => "main firmware and dashboard CD",
            4 => "web UI",
            5 => "main firmware and web UI",
            6 => "dashboard CD and web UI",
            7 => "main firmware, dashboard CD and web UI",
            _ => "not stated",
        }
    }
}

/// The version field of a partition, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// What the stick answers as its product id, without `HUAWEI `.
    pub platform: Option<String>,
    /// What stands after the platform, `21.180.01.00.00`.
    pub version: String,
}

impl Version {
    /// `:PLATFORM:VERSION`, split at the last colon; anything else is a version as a whole.
    pub fn parse(field: &str) -> Version {
        match field.strip_prefix(':').and_then(|rest| rest.rsplit_once(':')) {
            Some((platform, version)) => {
                Version { platform: Some(platform.to_owned()), version: version.to_owned() }
            }
            None => Version { platform: None, version: field.to_owned() },
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.platform {
            Some(platform) => write!(f, "{} for {platform}", self.version),
            None => f.write_str(&self.version),
        }
    }
}

/// A partition header as it stands in the file, checksum table not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of header and checksum table together.
    pub hdsize: u32,
    /// 1 in known files.
    pub hdversion: u32,
    /// Hardware code, ASCII, not always NUL-terminated.
    pub hardware: [u8; 8],
    /// Partition id; the high 16 bits are Huawei's file type.
    pub code: u32,
    /// Bytes of payload as stored.
    pub psize: u32,
    /// For example `2017.12.28`, NUL-padded.
    pub date: [u8; 16],
    /// For example `15:55:04`, NUL-padded.
    pub time: [u8; 16],
    /// See [`Version`].
    pub version: [u8; 32],
    /// CRC-16/X-25 over the header with this field zero.
    pub crc: u16,
    /// Bytes of payload that one checksum covers.
    pub blocksize: u32,
}

impl Header {
    /// Reads the fields of a header that begins with the magic.
    pub fn parse(bytes: &[u8; HEADER_SIZE]) -> Header {
        Header {
            hdsize: u32_at(bytes, 4),
            hdversion: u32_at(bytes, 8),
            hardware: array_at(bytes, 12),
            code: u32_at(bytes, 20),
            psize: u32_at(bytes, 24),
            date: array_at(bytes, 28),
            time: array_at(bytes, 44),
            version: array_at(bytes, 60),
            crc: u16::from_le_bytes(array_at(bytes, CRC_AT)),
            blocksize: u32_at(bytes, 94),
        }
    }

    /// The 98 bytes, with `crc` as it is.
    pub fn encode(&self) -> [u8; HEADER_SIZE] {
        let mut out = [0; HEADER_SIZE];
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            out[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(&MAGIC);
        put(&self.hdsize.to_le_bytes());
        put(&self.hdversion.to_le_bytes());
        put(&self.hardware);
        put(&self.code.to_le_bytes());
        put(&self.psize.to_le_bytes());
        put(&self.date);
        put(&self.time);
        put(&self.version);
        put(&self.crc.to_le_bytes());
        put(&self.blocksize.to_le_bytes());
        out
    }

    /// What `crc` should be.
    pub fn expected_crc(&self) -> u16 {
        let mut bytes = self.encode();
        bytes[CRC_AT..CRC_AT + 2].fill(0);
        crc::x25(&bytes)
    }

    /// How many checksums the payload has; `None` for a block size of 0, which no tool can work with.
    pub fn blocks(&self) -> Option<u32> {
        (self.blocksize != 0).then(|| self.psize.div_ceil(self.blocksize))
    }

    /// What `hdsize` should be; 64 bits, since a hostile block size makes a table larger than a file can say.
    pub fn expected_hdsize(&self) -> Option<u64> {
        self.blocks().map(|n| HEADER_SIZE as u64 + 2 * u64::from(n))
    }

    /// Whether this can hardly be anything else than a partition header: its CRC is right, or its sizes agree.
    pub(super) fn is_credible(&self) -> bool {
        self.blocksize != 0
            && self.hdsize as usize >= HEADER_SIZE
            && (self.expected_hdsize() == Some(u64::from(self.hdsize)) || self.crc == self.expected_crc())
    }

    /// Bytes of header, checksum table and payload.
    pub(super) fn span(&self) -> u64 {
        u64::from(self.hdsize) + u64::from(self.psize)
    }

    /// The version field, taken apart.
    pub fn version(&self) -> Version {
        Version::parse(&text(&self.version))
    }
}

/// A text field: up to the first NUL, with anything that is not printable ASCII as `\xNN`.
pub fn text(field: &[u8]) -> String {
    let end = field.iter().position(|&b| b == 0).unwrap_or(field.len());
    let mut out = String::new();
    for &byte in &field[..end] {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b' '..=b'~' => out.push(byte as char),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        crate::hex::decode(&text.split_whitespace().collect::<String>()).unwrap()
    }

    const FIRST: &str = "55aa5aa5 64000000 01000000 4857455731312e31 00000100 00080000
        323031352e30332e3033000000000000 31313a34323a31300000000000000000
        3a4533333732685f3135333a32312e3138302e30312e30302e3030 0000000000 8e95 00100000";
    const SECOND: &str = "55aa5aa566000000010000004857455731312e3100002000f0110000323031352e30332e303300000000000031313a3432\
        3a313000000000000000003a4533333732685f3135333a32312e3138302e30312e30302e30300000000000000000100000";

    #[test]
    fn worked_headers() {
        let bytes: [u8; HEADER_SIZE] = hex(FIRST).try_into().unwrap();
        let header = Header::parse(&bytes);
        assert_eq!(
            (header.hdsize, header.hdversion, header.code, header.psize),
            (100, 1, 0x0001_0000, 0x800)
        );
        assert_eq!((header.crc, header.blocksize), (0x958e, 4096));
        assert_eq!(header.expected_crc(), 0x958e);
        assert_eq!(header.expected_hdsize(), Some(100));
        assert_eq!(text(&header.hardware), "HWEW11.1");
        assert_eq!((text(&header.date).as_str(), text(&header.time).as_str()), ("2015.03.03", "11:42:10"));
        assert_eq!(header.version().platform.as_deref(), Some("E3372h_153"));
        assert_eq!(header.version().version, "21.180.01.00.00");
        assert_eq!(header.encode(), bytes);

        let bytes: [u8; HEADER_SIZE] = hex(SECOND).try_into().unwrap();
        let header = Header::parse(&bytes);
        assert_eq!((header.code, header.psize, header.crc), (0x0020_0000, 4592, 0));
        assert_eq!(header.expected_crc(), 0xa298);
    }

    #[test]
    fn the_payload_checksum_of_the_worked_header() {
        let mut payload = b"pTableHead\0\0\0\0\0\x80".to_vec();
        payload.resize(2048, 0);
        assert_eq!(crc::x25(&payload), 0x4084);
    }

    #[test]
    fn versions_split_at_the_last_colon() {
        let both = Version::parse(":M9650UE__1:11.450.09.02.1217");
        assert_eq!(
            (both.platform.as_deref(), both.version.as_str()),
            (Some("M9650UE__1"), "11.450.09.02.1217")
        );
        let three = Version::parse(":A:B:C");
        assert_eq!((three.platform.as_deref(), three.version.as_str()), (Some("A:B"), "C"));
        for whole in ["21.180", "A:B", ":A", ""] {
            assert_eq!(Version::parse(whole), Version { platform: None, version: whole.to_owned() });
        }
    }

    #[test]
    fn kinds() {
        assert_eq!((Kind(0x0b).name(), Kind(0x0b).signed()), ("FW_ISO", true));
        assert_eq!((Kind(0x0f).name(), Kind(0x01).signed()), ("FW_ISO_WEBUI", false));
        assert!(Kind(15).is_valid() && !Kind(16).is_valid());
    }

    #[test]
    fn text_cannot_carry_terminal_commands() {
        assert_eq!(text(b"a\x1b[2Jb\0c"), "a\\x1b[2Jb");
        assert_eq!(text(b"12345678"), "12345678");
    }
}
