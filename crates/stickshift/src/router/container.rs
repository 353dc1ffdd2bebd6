//! What holds the file system: TP-Link's header, uImage, TRX, or nothing.

use md5::{Digest, Md5};
use memchr::memmem;

use crate::error::{Error, ErrorKind, Result};

/// The size of TP-Link's header.
const HEADER_SIZE: usize = 512;
/// Where the header of a whole flash image stands, after the boot loader.
const AFTER_LOADER: [usize; 2] = [0x20000, 0x20200];
const VENDOR: &[u8] = b"TP-LINK Technologies";
/// What others write in its place.
const OTHER_VENDORS: [&str; 5] = ["OpenWrt", "LEDE", "DD-WRT", "Gargoyle", "ROOter"];
/// Takes the place of the checksum while it is computed, without and with a boot loader in the file.
const SALTS: [[u8; 16]; 2] = [
    [0xdc, 0xd7, 0x3a, 0xa5, 0xc3, 0x95, 0x98, 0xfb, 0xdd, 0xf9, 0xe7, 0xf4, 0x0e, 0xae, 0x47, 0x38],
    [0x8c, 0xef, 0x33, 0x5b, 0xd5, 0xc5, 0xce, 0xfa, 0xa7, 0x9c, 0x28, 0xda, 0xb2, 0xe9, 0x0f, 0x42],
];

/// Hardware ids and the routers that have them, ascending (`data/router-hardware.toml`).
static ROUTERS: &[(u32, &str)] = include!(concat!(env!("OUT_DIR"), "/router_hardware.rs"));

/// TP-Link's header, section 1. All numbers are big-endian in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TplinkHeader {
    /// Where it begins in the file.
    pub offset: usize,
    /// Who made the firmware: `TP-LINK Technologies`, `OpenWrt`.
    pub vendor: String,
    /// Version text, for example `ver. 1.0`, or OpenWrt's revision.
    pub version_text: String,
    /// Which router: see [`TplinkHeader::router`].
    pub hardware: u32,
    /// Hardware revision.
    pub revision: u32,
    /// Region code: 0 everywhere, 1 US.
    pub region: u32,
    /// Version of the firmware: high, middle, low.
    pub version: (u16, u16, u16),
    /// Length of the firmware as the header has it.
    pub length: u32,
    /// Kernel: offset from the header's start, and length.
    pub kernel: (u32, u32),
    /// Root file system: offset from the header's start, and length.
    pub rootfs: (u32, u32),
    /// Boot loader: offset from the header's start, and length; zero when there is none.
    pub loader: (u32, u32),
    /// Whether the checksum is right; none when it is not and the file is shorter than the header says.
    pub checksum: Option<bool>,
}

impl TplinkHeader {
    fn parse(file: &[u8], offset: usize) -> Option<TplinkHeader> {
        let bytes = file.get(offset..)?.get(..HEADER_SIZE)?;
        let u32_at = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let u16_at = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        if !matches!(u32_at(0), 0x0100_0000 | 0x0200_0000) {
            return None;
        }
        let vendor = &bytes[4..0x1c];
        let vendor = &vendor[..vendor.iter().position(|b| *b == 0).unwrap_or(vendor.len())];
        let checksum = checksum(&file[offset..], u32_at(0x7c));
        // Anybody may write a name: a router that is known, or a checksum that is right, vouches for it.
        let is_name = vendor.len() > 2 && vendor.iter().all(|b| (b' '..0x7f).contains(b));
        let router = ROUTERS.iter().any(|(id, _)| *id == u32_at(0x40));
        let vouched = checksum == Some(true) || router && u32_at(0x7c) as usize >= HEADER_SIZE;
        let known = bytes[4..].starts_with(VENDOR)
            || OTHER_VENDORS.iter().any(|name| vendor.starts_with(name.as_bytes()));
        if !(known || is_name && vouched) {
            return None;
        }
        let text = &bytes[0x1c..0x40];
        let text = &text[..text.iter().position(|b| *b == 0).unwrap_or(text.len())];
        let length = u32_at(0x7c);
        Some(TplinkHeader {
            offset,
            vendor: String::from_utf8_lossy(vendor).escape_debug().to_string(),
            version_text: String::from_utf8_lossy(text).escape_debug().to_string(),
            hardware: u32_at(0x40),
            revision: u32_at(0x44),
            region: u32_at(0x48),
            version: (u16_at(0x98), u16_at(0x9a), u16_at(0x9c)),
            length,
            kernel: (u32_at(0x80), u32_at(0x84)),
            rootfs: (u32_at(0x88), u32_at(0x8c)),
            loader: (u32_at(0x90), u32_at(0x94)),
            checksum,
        })
    }

    /// Whether the firmware is TP-Link's own.
    pub fn is_stock(&self) -> bool {
        self.vendor.as_bytes().starts_with(VENDOR)
    }

    /// The firmware's version: TP-Link's numbers, or the text that others write.
    pub fn shown_version(&self) -> String {
        let (high, middle, low) = self.version;
        match (self.is_stock(), self.version) {
            (false, (0, 0, 0)) if !self.version_text.is_empty() => self.version_text.clone(),
            _ => format!("{high}.{middle}.{low} ({})", self.version_text),
        }
    }

    /// Where the firmware should end in the file, by its length and by the parts in it.
    fn ends(&self) -> (u64, u64) {
        let end = |(offset, length): (u32, u32)| u64::from(offset) + u64::from(length);
        let parts = end(self.kernel).max(end(self.rootfs));
        (self.offset as u64 + u64::from(self.length), self.offset as u64 + parts)
    }

    /// The router's name, where its hardware id is known.
    pub fn router(&self) -> Option<&'static str> {
        ROUTERS.iter().find(|(id, _)| *id == self.hardware).map(|(_, name)| *name)
    }
}

/// Compares the MD5 over the firmware, its own place filled with one of the salts. Stock images count to the end of the file, others
/// only as far as the header's length: both are right. Of padding that was left out the header's length knows nothing.
fn checksum(firmware: &[u8], length: u32) -> Option<bool> {
    let stated = usize::try_from(length).ok().filter(|n| *n >= HEADER_SIZE)?;
    let length = stated.min(firmware.len());
    let is_right = |covered: &[u8], salt: &[u8; 16]| {
        let mut hash = Md5::new();
        hash.update(&covered[..0x4c]);
        hash.update(salt);
        hash.update(&covered[0x5c..]);
        hash.finalize()[..] == firmware[0x4c..0x5c]
    };
    let right = SALTS.iter().any(|salt| is_right(firmware, salt) || is_right(&firmware[..length], salt));
    (right || stated == length).then_some(right)
}

/// What a file is as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Container {
    /// TP-Link's header.
    Tplink(TplinkHeader),
    /// A header of U-Boot (`27 05 19 56`).
    Uimage,
    /// Broadcom's TRX (`HDR0`).
    Trx,
    /// A file system and nothing before it.
    Bare,
    /// Something else with a file system in it.
    Unknown,
}

impl Container {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Container::Tplink(_) => "tplink",
            Container::Uimage => "uimage",
            Container::Trx => "trx",
            Container::Bare => "squashfs",
            Container::Unknown => "unknown",
        }
    }

    /// The container in words.
    pub fn words(&self) -> &'static str {
        match self {
            Container::Tplink(header) if header.vendor.starts_with("OpenWrt") => {
                "OpenWrt image for a TP-Link router"
            }
            Container::Tplink(header) if !header.is_stock() => "firmware of others for a TP-Link router",
            Container::Tplink(_) => "TP-Link firmware",
            Container::Uimage => "U-Boot image",
            Container::Trx => "TRX image",
            Container::Bare => "squashfs file system",
            Container::Unknown => "file with a squashfs file system in it",
        }
    }
}

/// A squashfs file system and where it stands in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSystemAt {
    /// Its first byte.
    pub offset: usize,
    /// Its length as its own header has it, cut to the end of the file.
    pub length: usize,
    /// Whether its numbers are big-endian.
    pub big_endian: bool,
    /// Compression: 1 gzip, 2 LZMA, 3 LZO, 4 XZ, 5 LZ4, 6 Zstandard.
    pub compression: u16,
    /// Whether the file ends before the file system does.
    pub cut: bool,
}

impl FileSystemAt {
    /// `gzip`, `lzma`, `xz` and so on; `none` for 0, `unknown` for other numbers.
    pub fn compression_name(&self) -> &'static str {
        ["none", "gzip", "lzma", "lzo", "xz", "lz4", "zstd"]
            .get(usize::from(self.compression))
            .unwrap_or(&"unknown")
    }

    /// Reads a superblock. Both magics were seen with both byte orders, so the version decides about the order.
    fn parse(file: &[u8], offset: usize) -> Option<FileSystemAt> {
        let block = file.get(offset..)?.get(..96)?;
        if !(block.starts_with(b"hsqs") || block.starts_with(b"sqsh")) {
            return None;
        }
        [false, true].into_iter().find_map(|big_endian| {
            let u16_at = |at: usize| {
                let bytes = [block[at], block[at + 1]];
                if big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
            };
            let number = |at: usize, size: usize| {
                let bytes = &block[at..at + size];
                let fold = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
                if big_endian { bytes.iter().fold(0, fold) } else { bytes.iter().rev().fold(0, fold) }
            };
            let (block_size, block_log) = (number(12, 4), u16_at(22));
            let plausible = u16_at(28) == 4
                && u16_at(30) == 0
                && (12..=20).contains(&block_log)
                && block_size == 1 << block_log
                && (1..=6).contains(&u16_at(20));
            let used = number(40, 8);
            if !plausible || used < 96 {
                return None;
            }
            let left = file.len() - offset;
            let length = usize::try_from(used).unwrap_or(usize::MAX).min(left);
            Some(FileSystemAt {
                offset,
                length,
                big_endian,
                compression: u16_at(20),
                cut: used > left as u64,
            })
        })
    }
}

/// A router's firmware image.
#[derive(Clone, Debug)]
pub struct Image {
    bytes: Vec<u8>,
    /// What holds it all.
    pub container: Container,
    /// The file systems, in the order of the file.
    pub file_systems: Vec<FileSystemAt>,
}

/// Most file systems that are looked for in one file.
const FILE_SYSTEMS_LIMIT: usize = 8;

/// Whether this looks like a router's image: by its header, or by a file system at its start.
pub fn is_image(bytes: &[u8]) -> bool {
    tplink(bytes).is_some()
        || bytes.starts_with(&UIMAGE)
        || bytes.starts_with(b"HDR0")
        || FileSystemAt::parse(bytes, 0).is_some()
}

const UIMAGE: [u8; 4] = [0x27, 0x05, 0x19, 0x56];

fn tplink(bytes: &[u8]) -> Option<TplinkHeader> {
    let at_usual = [0].into_iter().chain(AFTER_LOADER).find_map(|at| TplinkHeader::parse(bytes, at));
    at_usual.or_else(|| {
        memmem::find_iter(bytes, VENDOR)
            .filter_map(|at| at.checked_sub(4))
            .take(64)
            .find_map(|at| TplinkHeader::parse(bytes, at))
    })
}

impl Image {
    /// Finds out what a file is.
    ///
    /// # Errors
    /// `WrongFileKind` when no squashfs file system is in it and no known header is before it; `Unsupported` for TP-Link's other header, and for
    /// squashfs older than version 4; `FileTruncated` when a known header is there and the file system is not.
    pub fn parse(bytes: Vec<u8>) -> Result<Image> {
        let header = tplink(&bytes);
        let file_systems = find_file_systems(&bytes);
        let container = match header {
            Some(header) => Container::Tplink(header),
            None if bytes.starts_with(&UIMAGE) => Container::Uimage,
            None if bytes.starts_with(b"HDR0") => Container::Trx,
            None if file_systems.first().is_some_and(|f| f.offset == 0) => Container::Bare,
            None => Container::Unknown,
        };
        if file_systems.is_empty() {
            return Err(why_none(&bytes, &container));
        }
        Ok(Image { bytes, container, file_systems })
    }

    /// The bytes of one of its file systems.
    pub fn bytes_of(&self, at: &FileSystemAt) -> &[u8] {
        &self.bytes[at.offset..at.offset + at.length]
    }

    /// The size that the file should have, where it has less, and whether parts of the firmware are missing for certain: what is
    /// missing may be padding that was left out.
    pub fn cut(&self) -> Option<(u64, bool)> {
        let Container::Tplink(header) = &self.container else { return None };
        let (whole, parts) = header.ends();
        let size = self.bytes.len() as u64;
        (header.checksum.is_none() && size < whole).then_some((whole, size < parts))
    }

    /// The size of the whole file.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }
}

fn find_file_systems(bytes: &[u8]) -> Vec<FileSystemAt> {
    let mut found = Vec::new();
    let mut taken = 0;
    for at in magics(bytes) {
        if at < taken {
            continue;
        }
        if let Some(file_system) = FileSystemAt::parse(bytes, at) {
            taken = at + file_system.length;
            found.push(file_system);
            if found.len() == FILE_SYSTEMS_LIMIT {
                break;
            }
        }
    }
    found
}

/// Where either magic stands, in order. Each is looked for once over the file, whatever the other does.
fn magics(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let mut little = memmem::find_iter(bytes, b"hsqs").peekable();
    let mut big = memmem::find_iter(bytes, b"sqsh").peekable();
    std::iter::from_fn(move || match (little.peek(), big.peek()) {
        (Some(one), Some(other)) if other < one => big.next(),
        (Some(_), _) => little.next(),
        (None, _) => big.next(),
    })
}

fn why_none(bytes: &[u8], container: &Container) -> Error {
    let old = |at: usize| {
        let version = bytes.get(at + 28..at + 30);
        version == Some(&[3, 0])
            || version == Some(&[0, 3])
            || version == Some(&[2, 0])
            || version == Some(&[0, 2])
    };
    if memmem::find(bytes, b"hsqs").or_else(|| memmem::find(bytes, b"sqsh")).is_some_and(old) {
        return Error::new(ErrorKind::Unsupported, "the file system is a squashfs older than version 4");
    }
    match container {
        Container::Unknown if bytes.is_empty() => Error::new(ErrorKind::WrongFileKind, "the file is empty"),
        // The other header of TP-Link begins with its version and has the vendor's text elsewhere.
        Container::Unknown if bytes.len() > HEADER_SIZE && bytes.starts_with(&[0, 0, 0, 3]) => Error::new(
            ErrorKind::Unsupported,
            "this TP-Link image has a header of another layout, for other chips",
        ),
        Container::Unknown | Container::Bare => {
            Error::new(ErrorKind::WrongFileKind, "no squashfs file system is in this file")
        }
        Container::Tplink(header) => {
            let router = header.router().unwrap_or("a router whose hardware id is not known");
            let what = format!(
                "this {} ({router}, {} {}) ends before its file system, or has another kind of it",
                container.words(),
                header.vendor,
                header.shown_version()
            );
            Error::new(ErrorKind::FileTruncated, what).with("size", bytes.len()).with("wanted", header.length)
        }
        Container::Uimage | Container::Trx => Error::new(
            ErrorKind::FileTruncated,
            format!("this {} ends before its file system, or has another kind of it", container.words()),
        )
        .with("size", bytes.len()),
    }
}
