//! Files for rehearsals: the virtual sticks' synthetic firmware and loader, written with the library's own image writer.

use std::io::Cursor;

use stickshift::error::Result;
use stickshift::firmware::build::{self, Part, field};
use stickshift::firmware::signature::{common_key, trailer, trailer_length};
use stickshift::firmware::{Compression, Header};
use stickshift_emu::testkit::{self, Packing, SyntheticFirmware};

/// A main firmware image of `kind` (`stick` or `hilink`) and `version`.
pub(crate) fn main_firmware(kind: &str, version: &str, seed: u64) -> Result<Vec<u8>> {
    image(SyntheticFirmware::main(kind, version, seed))
}

/// A web UI package of `version`.
pub(crate) fn web_ui(version: &str, seed: u64) -> Result<Vec<u8>> {
    image(SyntheticFirmware::web_ui(version, seed))
}

/// A loader whose call to the erase routine is in place.
pub(crate) fn stock_loader(seed: u64) -> Vec<u8> {
    testkit::stock_loader(seed)
}

fn image(contents: SyntheticFirmware) -> Result<Vec<u8>> {
    let count = contents.partitions.len();
    let mut parts = Vec::new();
    for (index, partition) in contents.partitions.into_iter().enumerate() {
        let mut header = Header::new(partition.code);
        header.hardware = field("HWEW11.1")?;
        header.date = field("2026.11.20")?;
        header.time = field("12:00:00")?;
        header.version = field(&format!(":E3372h_153:{}", contents.version))?;
        let mut bytes = partition.bytes;
        if index == 0 {
            bytes.extend(trailer(&common_key(), trailer_length(count)));
        }
        let packed = |compression| Part::packed(header, &mut Cursor::new(&bytes), compression);
        parts.push(match partition.packing {
            Packing::Lzma => packed(Compression::Lzma)?,
            Packing::Zlib => packed(Compression::Zlib)?,
            Packing::Stored => Part::from_bytes(header, bytes),
        });
    }
    let mut out = Cursor::new(Vec::new());
    build::write(&mut out, Some(&build::file_header(contents.kind)), parts)?;
    Ok(out.into_inner())
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
            let bytes = match name {
                "main" => main_firmware("stick", "21.180.01.00.00", 1).unwrap(),
                _ => web_ui("17.100.18.05.1217", 1).unwrap(),
            };
            std::fs::write(&path, bytes).unwrap();
            let mut image = Image::open_file(&path).unwrap();
            let verification = verify(&mut image, &mut Session::quiet()).unwrap();
            verification.require_sound().unwrap();
            assert!(verification.findings.is_empty(), "{:?}", verification.findings);
            assert_eq!(image.signature.as_ref().and_then(|s| s.partitions()), Some(partitions));
        }
    }

    #[test]
    fn the_loader_would_erase() {
        let loader = Loader::parse(stock_loader(1)).unwrap();
        assert_eq!(loader.assess().safety, Safety::Stock);
    }
}
