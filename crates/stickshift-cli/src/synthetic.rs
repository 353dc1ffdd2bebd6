//! A loader and firmware images that hold nobody's code, for rehearsals: right in form, and with a text in them by which a virtual
//! stick knows what it is to become.

use std::io::Cursor;
use std::path::Path;

use stickshift::atomic_file;
use stickshift::error::Result;
use stickshift::firmware::build::{self, Part, field};
use stickshift::firmware::signature::{trailer, trailer_length};
use stickshift::firmware::{Compression, Header};

/// The key hash that most sticks of the family know (docs/protocols/balong-flash.md section 1.7).
const COMMON_KEY: [u8; 32] = [
    0x77, 0x8a, 0x8d, 0x17, 0x5e, 0x60, 0x2b, 0x7b, 0x77, 0x9d, 0x9e, 0x05, 0xc3, 0x30, 0xb5, 0x27, 0x9b,
    0x06, 0x61, 0xbf, 0x2e, 0xed, 0x99, 0xa2, 0x04, 0x45, 0xb3, 0x66, 0xd6, 0x3d, 0xd6, 0x97,
];

/// One partition: code, kilobytes, how it is stored.
type Row = (u32, usize, Compression);

/// The partitions of an E3372h's main firmware in their order, smaller than real ones.
const MAIN: [Row; 10] = [
    (0x0011_0000, 192, Compression::None),
    (0x0020_0000, 4, Compression::None),
    (0x0001_0000, 2, Compression::None),
    (0x0009_0000, 700, Compression::None),
    (0x0022_0000, 1000, Compression::None),
    (0x0023_0000, 44, Compression::None),
    (0x0024_0000, 300, Compression::None),
    (0x0025_0000, 160, Compression::None),
    (0x0059_0000, 900, Compression::Lzma),
    (0x005a_0000, 350, Compression::Zlib),
];

/// A web UI package.
const WEB_UI: [Row; 3] = [
    (0x0055_0000, 1, Compression::None),
    (0x000b_0000, 60, Compression::None),
    (0x0056_0000, 300, Compression::Zlib),
];

/// Writes a main firmware image of `kind` (`stick` or `hilink`) and `version`.
pub(crate) fn main_firmware(path: &Path, kind: &str, version: &str, seed: u64) -> Result<()> {
    let marker = format!("\0stickshift-synthetic version={version} kind={kind}\0");
    image(path, 0x09, &MAIN, version, &marker, seed)
}

/// Writes a web UI package of `version`.
pub(crate) fn web_ui(path: &Path, version: &str, seed: u64) -> Result<()> {
    image(path, 0x0c, &WEB_UI, version, &format!("\0stickshift-synthetic webui={version}\0"), seed)
}

fn image(path: &Path, kind: u8, rows: &[Row], version: &str, marker: &str, seed: u64) -> Result<()> {
    let mut parts = Vec::new();
    for (index, (code, kilobytes, compression)) in rows.iter().enumerate() {
        let mut header = Header::new(*code);
        header.hardware = field("HWEW11.1")?;
        header.date = field("2026.11.20")?;
        header.time = field("12:00:00")?;
        header.version = field(&format!(":E3372h_153:{version}"))?;
        let mut bytes = noise(kilobytes * 1024, seed ^ u64::from(*code));
        bytes[64..64 + marker.len()].copy_from_slice(marker.as_bytes());
        if index == 0 {
            bytes.extend(trailer(&COMMON_KEY, trailer_length(rows.len())));
        }
        parts.push(match compression {
            Compression::None => Part::from_bytes(header, bytes),
            packed => Part::packed(header, &mut Cursor::new(bytes), *packed)?,
        });
    }
    let mut out = Cursor::new(Vec::new());
    build::write(&mut out, Some(&build::file_header(kind)), parts)?;
    atomic_file::write(path, &out.into_inner())
}

/// Writes a loader of the V7R11 kind whose call to the erase routine is in place, as in a vendor's own.
pub(crate) fn stock_loader(path: &Path, seed: u64) -> Result<()> {
    const V7R11: [u8; 56] = [
        0x00, 0x00, 0x50, 0xe3, 0x70, 0x80, 0xbd, 0x08, 0x00, 0x30, 0xa0, 0xe3, 0x4e, 0x26, 0x04, 0xe3, 0xe0,
        0x3f, 0x44, 0xe3, 0x55, 0x22, 0x44, 0xe3, 0x4c, 0x01, 0x9f, 0xe5, 0x4e, 0xc6, 0x04, 0xe3, 0x48, 0x41,
        0x9f, 0xe5, 0x02, 0x10, 0xa0, 0xe1, 0x4c, 0xc4, 0x44, 0xe3, 0x5c, 0x23, 0x83, 0xe5, 0x00, 0x00, 0x8f,
        0xe0, 0x40, 0xc3, 0x83, 0xe5,
    ];
    /// ARM `bl`: the call that erases.
    const CALL: [u8; 4] = [0x10, 0x02, 0x00, 0xeb];
    /// From the start of the pattern to the call.
    const CALL_AT: usize = 60;
    let raminit = noise(3412, seed);
    let mut usbldr = noise(220 * 1024 + 7, seed ^ 1);
    usbldr[0x400..0x400 + V7R11.len()].copy_from_slice(&V7R11);
    usbldr[0x400 + CALL_AT..0x400 + CALL_AT + 4].copy_from_slice(&CALL);

    let mut file = vec![0x00, 0x00, 0x02, 0x00];
    file.resize(36, 0);
    let mut descriptor = |mode: u32, size: usize, address: u32, offset: usize| {
        for word in [mode, size as u32, address, offset as u32] {
            file.extend(word.to_le_bytes());
        }
    };
    descriptor(1, raminit.len(), 0, 84);
    descriptor(2, usbldr.len(), 0x5770_0000, 84 + raminit.len());
    file.resize(84, 0);
    file.extend(raminit);
    file.extend(usbldr);
    atomic_file::write(path, &file)
}

/// Bytes that look like anything, the same for the same seed.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..length.div_ceil(8)).flat_map(|_| next().to_le_bytes()).take(length).collect()
}

#[cfg(test)]
mod tests {
    use stickshift::boot::{Loader, Safety};
    use stickshift::event::Session;
    use stickshift::firmware::{Image, verify};

    use super::*;

    #[test]
    fn images_are_sound_and_whole() {
        let dir = tempfile::tempdir().unwrap();
        for (name, partitions) in [("main", 10), ("web", 3)] {
            let path = dir.path().join(name);
            match name {
                "main" => main_firmware(&path, "stick", "21.180.01.00.00", 1).unwrap(),
                _ => web_ui(&path, "17.100.18.05.1217", 1).unwrap(),
            }
            let mut image = Image::open_file(&path).unwrap();
            let verification = verify(&mut image, &mut Session::quiet()).unwrap();
            verification.require_sound().unwrap();
            assert!(verification.findings.is_empty(), "{:?}", verification.findings);
            assert_eq!(image.signature.as_ref().and_then(|s| s.partitions()), Some(partitions));
        }
    }

    #[test]
    fn the_loader_would_erase() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("loader");
        stock_loader(&path, 1).unwrap();
        let loader = Loader::parse(std::fs::read(path).unwrap()).unwrap();
        assert_eq!(loader.judge().safety, Safety::Stock);
    }
}
