//! A folder of raw partitions (docs/protocols/balong-flash.md section 1.8): no checksums, no compression, and headers only where
//! a manifest keeps them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::finding::Finding;
use super::header::{FILE_HEADER_SIZE, Header, MAGIC};
use super::image::{Form, Image, Partition};
use super::inflate::Compression;
use super::manifest::{self, Damage, MANIFEST, Manifest, Row, plain};
use super::names;
use crate::error::{Detail, Error, ErrorKind, Result};

/// A file of such a folder.
pub(super) struct Member {
    pub(super) path: PathBuf,
    /// From the manifest, or with nothing but the code.
    pub(super) header: Header,
    /// The hash that the manifest has of it.
    sha256: Option<String>,
}

impl Member {
    fn raw(path: PathBuf, code: u32) -> Member {
        Member { path, header: Header { blocksize: 0, ..Header::new(code) }, sha256: None }
    }
}

/// `NN-CCCCCCCC-..`: number and code.
pub(super) fn parse_name(name: &str) -> Option<(usize, u32)> {
    let bytes = name.as_bytes();
    if bytes.len() < 12 || bytes[2] != b'-' || bytes[11] != b'-' {
        return None;
    }
    let (number, code) = (&bytes[..2], &bytes[3..11]);
    if !number.iter().all(u8::is_ascii_digit) || !code.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    Some((name[..2].parse().ok()?, u32::from_str_radix(&name[3..11], 16).ok()?))
}

/// The numbered files of a folder, in order, none missing.
pub(super) fn members(folder: &Path) -> Result<Vec<Member>> {
    let cannot = |e: io::Error| {
        let kind = if e.kind() == io::ErrorKind::NotFound {
            ErrorKind::FileNotFound
        } else {
            ErrorKind::FileUnreadable
        };
        Error::new(kind, format!("cannot read the folder {}", folder.display())).because(e)
    };
    let mut numbered = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let path = entry.path();
        let Some((number, code)) = entry.file_name().to_str().and_then(parse_name) else { continue };
        if !path.is_file() {
            continue;
        }
        if let Some(Member { path: other, .. }) = numbered.insert(number, Member::raw(path.clone(), code)) {
            return Err(Error::new(ErrorKind::Usage, "two files of the folder have the same number")
                .with("one", other.display())
                .with("other", path.display()));
        }
    }
    if numbered.is_empty() {
        return Err(Error::new(
            ErrorKind::WrongFileKind,
            format!("{} holds no partition files (NN-CCCCCCCC-NAME)", folder.display()),
        ));
    }
    // The original tool would stop at the gap and flash what comes before it.
    if let Some(missing) = (0..numbered.len()).find(|n| !numbered.contains_key(n)) {
        let what = format!(
            "the folder has no partition file {missing:02}: add it, or number the files behind it on from there to leave it out"
        );
        return Err(Error::new(ErrorKind::Usage, what)
            .with("number", format!("{missing:02}"))
            .with("folder", folder.display()));
    }
    Ok(numbered.into_values().collect())
}

/// What lists are called. Under another name, one of the files has to be there.
const EXTENSION: &str = "hmf";
/// A longer list is none.
const LIST_LIMIT: u64 = 64 * 1024;

/// The files that a `.hmf` list names, in its order; `None` when the file at `path` is no such list. Each line has a file's name, its code
/// and its size in hex.
pub(super) fn list(path: &Path) -> Result<Option<Vec<Member>>> {
    let cannot = |e: io::Error| {
        Error::new(ErrorKind::FileUnreadable, format!("cannot read {}", path.display())).because(e)
    };
    if !path.metadata().is_ok_and(|m| m.is_file() && m.len() <= LIST_LIMIT) {
        return Ok(None);
    }
    let text = fs::read(path).map_err(cannot)?;
    let text = String::from_utf8_lossy(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text)).into_owned();
    let mut rows = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let Some(row) = list_row(line) else { return Ok(None) };
        rows.push(row);
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    // `Huawei E3372, 2016` has the form of a row, too.
    let is_named_so = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(EXTENSION));
    if rows.is_empty() || !is_named_so && !rows.iter().any(|(name, ..)| folder.join(name).is_file()) {
        return Ok(None);
    }
    let member = |(name, code, size): (&str, u32, u64)| {
        let member = Member::raw(folder.join(name), code);
        let there = member.path.metadata().map_err(|e| {
            Error::new(ErrorKind::FileNotFound, format!("the list names {name}, which cannot be read"))
                .with("list", path.display())
                .because(e)
        })?;
        if there.len() != size {
            let what = format!("{name} has {} bytes, the list says {size}", there.len());
            return Err(Error::new(ErrorKind::FileTruncated, what).with("list", path.display()));
        }
        Ok(member)
    };
    rows.into_iter().map(member).collect::<Result<_>>().map(Some)
}

/// Name, code and size of one line. A name leads into no other folder.
fn list_row(line: &str) -> Option<(&str, u32, u64)> {
    let hex = |text: &str| {
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
        u32::from_str_radix(digits, 16).ok()
    };
    let (rest, size) = line.rsplit_once([' ', '\t', ','])?;
    let (name, code) = rest.trim_end_matches([' ', '\t', ',']).rsplit_once([' ', '\t', ','])?;
    let name = name.trim_end_matches([' ', '\t', ',']);
    let plain = !name.is_empty() && !name.contains(['/', '\\']) && name != "..";
    plain.then_some((name, hex(code)?, hex(size)?.into()))
}

pub(super) fn open(folder: &Path) -> Result<Image> {
    let Some(manifest) = Manifest::read(folder)? else { return join(members(folder)?, None) };
    let member = |row: &Row| -> Result<Member> {
        let path = plain(folder, &row.file)?;
        if !path.exists() {
            let what = format!("{MANIFEST} names {}, which is not in the folder", row.file);
            let next = "put it back, or extract the image again into an empty folder";
            let error = Error::new(ErrorKind::FileNotFound, what).with("folder", folder.display());
            return Err(error.detail(Detail::NextStep(next)));
        }
        Ok(Member { path, header: row.header()?, sha256: Some(row.sha256.clone()) })
    };
    let members = manifest.partitions.iter().map(member).collect::<Result<_>>()?;
    let mut image = join(members, manifest.file_header()?)?;
    image.files.push(folder.join(MANIFEST));
    let before = |Damage { what, incomplete, .. }| Finding::DamagedBefore { what, incomplete };
    image.findings.extend(manifest.damage.into_iter().map(before));
    Ok(image)
}

/// The files as one image.
pub(super) fn join(members: Vec<Member>, file_header: Option<[u8; FILE_HEADER_SIZE]>) -> Result<Image> {
    let mut joined = Joined { parts: Vec::new(), at: 0, size: 0 };
    let mut partitions = Vec::new();
    let mut findings = Vec::new();
    let files = members.iter().map(|member| member.path.clone()).collect();
    for Member { path, header, sha256 } in members {
        let (mut file, stored) = manifest::open(&path)?;
        let mut mark = [0; 4];
        let got = file.read(&mut mark).map_err(|e| manifest::unopened(&path, e))?;
        if sha256.is_none() && got == 4 && mark == MAGIC {
            let what = format!(
                "{} is no raw partition: it is a .fw file, which has a header of its own",
                path.display()
            );
            let next = "make one image of the .fw files: `stickshift firmware build FOLDER -o FILE --kind KIND`, where KIND is 0x09 for signed main firmware";
            return Err(Error::new(ErrorKind::WrongFileKind, what).detail(Detail::NextStep(next)));
        }
        let psize = u32::try_from(stored).map_err(|_| {
            Error::new(
                ErrorKind::FileTooLarge,
                format!("{} is larger than a partition can be", path.display()),
            )
        })?;
        if psize == 0 {
            findings.push(Finding::PayloadEmpty { partition: partitions.len(), offset: joined.size });
        }
        partitions.push(Partition {
            header: Header { psize, ..header },
            name: names::name(header.code),
            header_offset: joined.size,
            payload_offset: joined.size,
            stored,
            compression: Compression::None,
            inflated: Some(stored),
            unpacked: 0,
            sha256,
        });
        joined.parts.push((joined.size, file));
        joined.size += stored;
    }
    let mut image = Image {
        size: joined.size,
        end: joined.size,
        source: Box::new(joined),
        form: Form::Directory,
        file_header,
        partitions,
        signature: None,
        findings,
        files,
    };
    image.find_signature()?;
    image.look_around(0);
    Ok(image)
}

/// Files one after the other, read as one.
struct Joined {
    /// Where each begins.
    parts: Vec<(u64, File)>,
    at: u64,
    size: u64,
}

impl Read for Joined {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let behind = self.parts.partition_point(|(start, _)| *start <= self.at);
        let end = self.parts.get(behind).map_or(self.size, |(start, _)| *start);
        let Some((start, file)) = self.parts[..behind].last_mut() else { return Ok(0) };
        let room = buffer.len().min(end.saturating_sub(self.at) as usize);
        if room == 0 {
            return Ok(0);
        }
        file.seek(SeekFrom::Start(self.at - *start))?;
        let got = file.read(&mut buffer[..room])?;
        self.at += got as u64;
        Ok(got)
    }
}

impl Seek for Joined {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at =
            target.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "before the first byte"))?;
        Ok(self.at)
    }
}
