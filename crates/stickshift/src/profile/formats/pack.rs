//! usb_modeswitch's configPack: its text files in a tar archive, with gzip around it.

use std::io::{Read, Write};

use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::error::{Error, ErrorKind, Result};
use crate::profile::formats::exchange::{Export, Format, Import, Warning, loss};
use crate::profile::formats::{decode_text, usb_modeswitch};
use crate::profile::{Entry, Key, is_left_behind};

const BLOCK: usize = 512;
/// The largest archive that is unpacked; the real one has 600 KB.
const MAX_UNPACKED: u64 = 16 * 1024 * 1024;

/// Whether these bytes are an archive.
pub(super) fn looks_like(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b, 8]) || bytes.get(257..262) == Some(b"ustar")
}

/// Reads the entries of an archive. Members that are no profiles are named in the warnings.
///
/// # Errors
/// `FileCorrupt`, `FileTruncated`, `FileTooLarge`; `WrongFileKind` when no member is a profile.
pub(super) fn parse(bytes: &[u8]) -> Result<Import> {
    let unpacked = unpack(bytes)?;
    let mut import =
        Import { format: Format::Pack, entries: Vec::new(), warnings: Vec::new(), refused: Vec::new() };
    for Member { name, data, instead } in members(&unpacked)? {
        let mut warn =
            |line, what: String| import.warnings.push(Warning { line, what: format!("{name}: {what}") });
        if let Some(what) = instead {
            warn(0, what);
            continue;
        }
        let file_name = name.rsplit('/').next().unwrap_or_default();
        if is_left_behind(file_name) {
            continue;
        }
        let key = match Key::from_file_name(file_name) {
            Ok((key, _)) => key,
            Err(what) => {
                warn(0, what.to_owned());
                continue;
            }
        };
        if import.entries.iter().any(|entry| entry.key == key) {
            warn(
                0,
                "a member of this name stands before it: usb_modeswitch gets both as one text".to_owned(),
            );
        }
        let Some(text) = decode_text(data) else {
            warn(0, "this is no text".to_owned());
            continue;
        };
        match usb_modeswitch::parse(&text) {
            Ok(parsed) => {
                for w in &parsed.warnings {
                    warn(w.line, w.what.clone());
                }
                import.entries.push(parsed.into_entry(key, "usb_modeswitch archive"));
            }
            Err(error) => warn(0, error.what().to_owned()),
        }
    }
    if import.entries.is_empty() {
        let error = Error::new(ErrorKind::WrongFileKind, "there is no profile in this archive");
        return Err(match import.warnings.into_iter().next() {
            Some(first) => error.with("first-member", first.what),
            None => error,
        });
    }
    Ok(import)
}

/// Writes an archive: same entries, same bytes.
///
/// # Errors
/// `Usage` for a name that does not fit into a tar header.
pub(super) fn emit(entries: &[Entry]) -> Result<Export> {
    let mut tar = Vec::new();
    let mut losses = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for entry in entries {
        let name = entry.key.to_string();
        if names.contains(&name) {
            losses.push(loss(entry, "entry", "an archive has one file of a name; the first one counts"));
            continue;
        }
        let (text, lost) = usb_modeswitch::emit(entry, false);
        losses.extend(lost);
        if name.len() > 100 {
            return Err(Error::new(ErrorKind::Usage, "the entry's name is too long for an archive")
                .with("entry", name));
        }
        tar.extend(header(&name, text.len()));
        tar.extend(text.as_bytes());
        tar.resize(tar.len().next_multiple_of(BLOCK), 0);
        names.push(name);
    }
    tar.resize(tar.len() + 2 * BLOCK, 0);
    // The header's time stays zero, so that the archive can be rebuilt.
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::best());
    let packed = gzip.write_all(&tar).and_then(|()| gzip.finish());
    let bytes = packed.map_err(|e| Error::new(ErrorKind::Io, "compressing failed").because(e))?;
    Ok(Export {
        bytes,
        entries: names.len(),
        file_name: Some("configPack.tar.gz".to_owned()),
        losses,
        notes: Vec::new(),
    })
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes.to_vec());
    }
    let mut unpacked = Vec::new();
    let read = MultiGzDecoder::new(bytes).take(MAX_UNPACKED + 1).read_to_end(&mut unpacked);
    read.map_err(|e| Error::new(ErrorKind::FileCorrupt, "the compressed data is broken").because(e))?;
    if unpacked.len() as u64 > MAX_UNPACKED {
        return Err(Error::new(
            ErrorKind::FileTooLarge,
            "the archive unpacks to more than any profile archive",
        ));
    }
    Ok(unpacked)
}

/// A file of an archive.
struct Member<'a> {
    name: String,
    data: &'a [u8],
    /// What it is, where it is no plain file.
    instead: Option<String>,
}

/// The files of a tar archive, folders and what describes other members apart.
fn members(tar: &[u8]) -> Result<Vec<Member<'_>>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(header) = tar.get(at..at + BLOCK) {
        if header.iter().all(|b| *b == 0) {
            return Ok(found);
        }
        let corrupt = |what| Error::new(ErrorKind::FileCorrupt, what).with("offset", at);
        let stated = octal(&header[148..156]).ok_or_else(|| corrupt("an archive header has no checksum"))?;
        if stated != checksum(header) {
            return Err(corrupt("the checksum of an archive header is wrong"));
        }
        let size = octal(&header[124..136]).ok_or_else(|| corrupt("an archive member has no size"))?;
        let data = tar.get(at + BLOCK..).and_then(|rest| rest.get(..size));
        let data = data.ok_or_else(|| {
            Error::new(ErrorKind::FileTruncated, "the archive ends within a member").with("offset", at)
        })?;
        let text = |field: &[u8]| {
            let text = field.split(|b| *b == 0).next().unwrap_or_default();
            String::from_utf8_lossy(text).into_owned()
        };
        let instead = match header[156] {
            b'1' | b'2' => {
                let to = text(&header[157..257]);
                Some(format!("it is a link to {to}, which is not followed: put the file itself in its place"))
            }
            b'3' | b'4' | b'6' => Some("it is no plain file".to_owned()),
            _ => None,
        };
        if matches!(header[156], 0 | b'0') || instead.is_some() {
            found.push(Member { name: text(&header[..100]), data, instead });
        }
        at += BLOCK + size.next_multiple_of(BLOCK);
    }
    if found.is_empty() {
        return Err(Error::new(ErrorKind::FileTruncated, "the archive ends before its first member"));
    }
    Ok(found)
}

fn octal(field: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(field).ok()?.trim_matches(|c: char| c == '\0' || c == ' ');
    // Eleven octal digits are 8 GiB; anything near that is refused by the slice that follows.
    usize::from_str_radix(text, 8).ok().filter(|n| *n <= MAX_FIELD)
}

const MAX_FIELD: usize = 1 << 30;

fn checksum(header: &[u8]) -> usize {
    let sum: usize = header.iter().map(|b| usize::from(*b)).sum();
    let own: usize = header[148..156].iter().map(|b| usize::from(*b)).sum();
    // The checksum counts its own field as blanks.
    sum - own + 8 * usize::from(b' ')
}

pub(super) fn header(name: &str, size: usize) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..108].copy_from_slice(b"0000644\0");
    header[108..116].copy_from_slice(b"0000000\0");
    header[116..124].copy_from_slice(b"0000000\0");
    header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    header[136..148].copy_from_slice(b"00000000000\0");
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum = checksum(&header);
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}
