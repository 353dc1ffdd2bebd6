//! Synthetic firmware without third-party code: noise, and a text by which a virtual stick knows what it is to become.
//!
//! The image file itself is the business of whoever writes it, a test of the library or the program; here are its contents.

use crate::testkit::noise;

/// Where in each partition the text stands.
const MARKER_AT: usize = 64;

/// How a partition is stored in its image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// As it is.
    Stored,
    /// LZMA.
    Lzma,
    /// zlib.
    Zlib,
}

/// One partition of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntheticPartition {
    /// The partition's code, 0x00110000 and so on.
    pub code: u32,
    /// Its contents, unpacked and without a signature.
    pub bytes: Vec<u8>,
    /// How it is stored.
    pub packing: Packing,
}

/// The contents of one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntheticFirmware {
    /// The file header's kind: 9 main firmware, 0x0c web UI.
    pub kind: u8,
    /// The version in every partition header.
    pub version: String,
    /// In their order.
    pub partitions: Vec<SyntheticPartition>,
}

impl SyntheticFirmware {
    /// A main firmware of `kind` (`stick` or `hilink`) and `version`.
    pub fn main(kind: &str, version: &str, seed: u64) -> Self {
        let marker = format!("\0stickshift-synthetic version={version} kind={kind}\0");
        SyntheticFirmware::of(0x09, &MAIN, version, &marker, seed)
    }

    /// A web UI package of `version`.
    pub fn web_ui(version: &str, seed: u64) -> Self {
        SyntheticFirmware::of(
            0x0c,
            &WEB_UI,
            version,
            &format!("\0stickshift-synthetic webui={version}\0"),
            seed,
        )
    }

    fn of(kind: u8, rows: &[Row], version: &str, marker: &str, seed: u64) -> Self {
        let partition = |&(code, kilobytes, packing): &Row| {
            let mut bytes = noise(kilobytes * 1024, seed ^ u64::from(code));
            bytes[MARKER_AT..MARKER_AT + marker.len()].copy_from_slice(marker.as_bytes());
            SyntheticPartition { code, bytes, packing }
        };
        SyntheticFirmware {
            kind,
            version: version.to_owned(),
            partitions: rows.iter().map(partition).collect(),
        }
    }
}

/// One partition: code, kilobytes, how it is stored.
type Row = (u32, usize, Packing);

/// The partitions of an E3372h's main firmware in their order, smaller than real ones.
const MAIN: [Row; 10] = [
    (0x0011_0000, 192, Packing::Stored),
    (0x0020_0000, 4, Packing::Stored),
    (0x0001_0000, 2, Packing::Stored),
    (0x0009_0000, 700, Packing::Stored),
    (0x0022_0000, 1000, Packing::Stored),
    (0x0023_0000, 44, Packing::Stored),
    (0x0024_0000, 300, Packing::Stored),
    (0x0025_0000, 160, Packing::Stored),
    (0x0059_0000, 900, Packing::Lzma),
    (0x005a_0000, 350, Packing::Zlib),
];

/// A web UI package.
const WEB_UI: [Row; 3] = [
    (0x0055_0000, 1, Packing::Stored),
    (0x000b_0000, 60, Packing::Stored),
    (0x0056_0000, 300, Packing::Zlib),
];
