//! `firmware.json` in a folder of extracted partitions: headers, hashes and damage, which raw partitions do not tell.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::build;
use super::directory::parse_name;
use super::finding::{Finding, Severity};
use super::header::{FILE_HEADER_SIZE, Header, text};
use crate::error::{Detail, Error, ErrorKind, Result};
use crate::hex;

/// The file that describes a folder of extracted partitions.
pub const MANIFEST: &str = "firmware.json";

const FORMAT: &str = "stickshift-firmware-1";

/// A manifest is small; one that is larger is something else.
const MAX_MANIFEST: u64 = 16 << 20;

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    format: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    file_header: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) after: Option<String>,
    pub(super) partitions: Vec<Row>,
    /// What was wrong with the image when it was extracted.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(super) damage: Vec<Damage>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    pub(super) file: String,
    pub(super) code: String,
    pub(super) hardware: Field,
    pub(super) date: Field,
    pub(super) time: Field,
    pub(super) version: Field,
    pub(super) header_version: u32,
    pub(super) block_size: u32,
    pub(super) compression: String,
    /// The payload as it was stored; used as long as neither it nor `file` was changed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) stored: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) stored_sha256: Option<String>,
    pub(super) sha256: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) padding: Option<String>,
}

/// One fault of the image that a folder was extracted from. Its files do not show it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Damage {
    /// The file that it is in; it is mended by another file in its place.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) file: Option<String>,
    pub(super) what: String,
    /// Partitions are missing, and those that are there are sound.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub(super) incomplete: bool,
}

impl Damage {
    /// What is to be recorded of `findings`: the first fault of each partition, and those of the whole.
    pub(super) fn of(findings: &[Finding], rows: &[Row]) -> Vec<Damage> {
        let mut damage: Vec<Damage> = Vec::new();
        for finding in findings.iter().filter(|f| f.severity() >= Severity::Incomplete) {
            let file = finding.partition().and_then(|index| rows.get(index)).map(|row| row.file.clone());
            if file.is_some() && damage.iter().any(|known| known.file == file) {
                continue;
            }
            let incomplete = finding.severity() == Severity::Incomplete;
            damage.push(Damage { file, what: finding.to_string(), incomplete });
        }
        damage
    }
}

/// A text field of a header: as text, or in hexadecimal where text and NULs would not give the same bytes.
#[derive(Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub(super) enum Field {
    Text(String),
    Hex { hex: String },
}

impl Field {
    pub(super) fn of<const N: usize>(bytes: &[u8; N]) -> Field {
        let plain = text(bytes);
        match build::field::<N>(&plain) {
            Ok(again) if again == *bytes => Field::Text(plain),
            _ => Field::Hex { hex: hex::encode(bytes) },
        }
    }

    fn bytes<const N: usize>(&self) -> Result<[u8; N]> {
        match self {
            Field::Text(text) => build::field(text).map_err(|e| corrupt(e.what())),
            Field::Hex { hex } => unhex(hex),
        }
    }
}

fn unhex<const N: usize>(text: &str) -> Result<[u8; N]> {
    let bytes = hex::decode(text).and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| corrupt(format!("{text:?} is not {N} bytes in hexadecimal")))
}

/// The manifest says something that cannot be.
pub(super) fn corrupt(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::FileCorrupt, format!("{MANIFEST}: {what}"))
        .detail(Detail::NextStep("extract the image again, into an empty folder"))
}

impl Manifest {
    pub(super) fn new(
        file_header: Option<[u8; FILE_HEADER_SIZE]>,
        partitions: Vec<Row>,
        findings: &[Finding],
    ) -> Manifest {
        Manifest {
            format: FORMAT.to_owned(),
            file_header: file_header.map(|bytes| hex::encode(&bytes)),
            before: None,
            after: None,
            damage: Damage::of(findings, &partitions),
            partitions,
        }
    }

    /// The manifest of a folder, where it has one.
    ///
    /// # Errors
    /// `FileCorrupt` for one that cannot be; `Usage` when the folder has a partition file that it does not name; `FileUnreadable`.
    pub(super) fn read(folder: &Path) -> Result<Option<Manifest>> {
        let path = folder.join(MANIFEST);
        let (file, _) = match open(&path) {
            Err(e) if e.is(ErrorKind::FileNotFound) => return Ok(None),
            other => other?,
        };
        let mut json = String::new();
        file.take(MAX_MANIFEST).read_to_string(&mut json).map_err(|e| match e.kind() {
            io::ErrorKind::InvalidData => corrupt("it is no text"),
            _ => unopened(&path, e),
        })?;
        let manifest: Manifest = serde_json::from_str(&json).map_err(corrupt)?;
        if manifest.format != FORMAT {
            return Err(corrupt(format!("format {:?} is not known", manifest.format)));
        }
        manifest.check_names(folder)?;
        Ok(Some(manifest))
    }

    /// Each file once, and none beside them that a reader of numbered files would take for a partition.
    fn check_names(&self, folder: &Path) -> Result<()> {
        if self.partitions.is_empty() {
            return Err(corrupt("it names no partition"));
        }
        let mut names = BTreeSet::new();
        for row in &self.partitions {
            plain(folder, &row.file)?;
            if !names.insert(row.file.as_str()) {
                return Err(corrupt(format!("{:?} stands in it twice", row.file)));
            }
        }
        let cannot = |e| unopened(folder, e);
        for entry in fs::read_dir(folder).map_err(cannot)? {
            let name = entry.map_err(cannot)?.file_name();
            let Some(name) = name.to_str().filter(|name| parse_name(name).is_some()) else { continue };
            if !names.contains(name) {
                let what = format!(
                    "{MANIFEST} does not name the partition file {name}: move one of the two out of the folder"
                );
                return Err(Error::new(ErrorKind::Usage, what).with("folder", folder.display()));
            }
        }
        Ok(())
    }

    pub(super) fn file_header(&self) -> Result<Option<[u8; FILE_HEADER_SIZE]>> {
        self.file_header.as_deref().map(unhex).transpose()
    }
}

impl Row {
    /// The header that the partition had; sizes and checksum are those of a new one.
    pub(super) fn header(&self) -> Result<Header> {
        let code = u32::from_str_radix(&self.code, 16)
            .map_err(|_| corrupt(format!("{}: its code is not hexadecimal", self.file)))?;
        Ok(Header {
            hdversion: self.header_version,
            hardware: self.hardware.bytes()?,
            date: self.date.bytes()?,
            time: self.time.bytes()?,
            version: self.version.bytes()?,
            blocksize: self.block_size,
            ..Header::new(code)
        })
    }
}

/// A manifest names files of its own folder only.
pub(super) fn plain(folder: &Path, name: &str) -> Result<PathBuf> {
    let path = Path::new(name);
    if path.file_name() != Some(path.as_os_str()) || name.contains('\\') {
        return Err(corrupt(format!("{name:?} is not a plain file name")));
    }
    Ok(folder.join(path))
}

pub(super) fn open(path: &Path) -> Result<(File, u64)> {
    // Asked before it is opened: a pipe waits for its writer, and a device may have no end.
    let metadata = path.metadata().map_err(|e| unopened(path, e))?;
    if !metadata.is_file() {
        return Err(Error::new(ErrorKind::FileUnreadable, format!("{} is not a file", path.display())));
    }
    Ok((File::open(path).map_err(|e| unopened(path, e))?, metadata.len()))
}

pub(super) fn hash_of(path: &Path) -> Result<String> {
    let (mut file, _) = open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex::encode(&hash.finalize())),
            Ok(n) => hash.update(&buffer[..n]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(unopened(path, e)),
        }
    }
}

pub(super) fn unopened(path: &Path, error: io::Error) -> Error {
    let kind = if error.kind() == io::ErrorKind::NotFound {
        ErrorKind::FileNotFound
    } else {
        ErrorKind::FileUnreadable
    };
    Error::new(kind, format!("cannot read {}", path.display())).because(error)
}
