//! A firmware file made ready: opened, read once in full, and found sound.
//!
//! ```
//! use stickshift::convert::firmware_file::{FileRole, FirmwareFile};
//! use stickshift::event::Session;
//!
//! assert_eq!(FileRole::MainFirmware.name(), "main firmware");
//! let missing = FirmwareFile::open("no-such-file.bin".as_ref(), &mut Session::quiet());
//! assert!(missing.is_err());
//! ```

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::boot::PartitionTable;
use crate::convert::journal::FileRecord;
use crate::error::{Detail, Error, ErrorKind, Result, Verdict};
use crate::event::Session;
use crate::firmware::{self, Form, Image, Severity, Signature, Version};
use crate::hex;

/// A firmware file that may be sent to a stick as far as its own contents tell.
pub struct FirmwareFile {
    /// Where it was read from.
    pub path: PathBuf,
    /// Its map and payloads.
    pub image: Image,
    /// Bytes of each partition as they reach the stick.
    pub sizes: Vec<u64>,
    /// SHA-256 of each partition, unpacked, when the file was checked.
    pub hashes: Vec<String>,
    /// What is missing, where the image is meant to hold more than it does.
    pub incomplete: Option<String>,
    /// Oddities that do not keep it from being sent, one line each.
    pub warnings: Vec<String>,
    /// The partition table that it brings, where it brings one that can be read.
    pub table: Option<PartitionTable>,
    /// What its contents were compared with.
    pub compared: Compared,
    /// What its owner took it for, where he said so.
    pub given_as: Option<FileRole>,
}

/// What the contents of a firmware file were compared with, and found right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// The checksums of an image.
    Checksums,
    /// The hashes that a folder's files had when they were extracted.
    Hashes,
    /// Nothing: raw partitions have no checksums.
    Nothing,
}

/// What a firmware file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileRole {
    /// The system that runs.
    MainFirmware,
    /// The pages of the web server, or the dashboard.
    WebUi,
}

impl FileRole {
    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            FileRole::MainFirmware => "main firmware",
            FileRole::WebUi => "a web UI package",
        }
    }
}

impl FirmwareFile {
    /// Opens and verifies a file or a folder of raw partitions. An image in which partitions are missing is let through with
    /// [`incomplete`](Self::incomplete) set; a damaged one is not.
    ///
    /// # Errors
    /// What [`Image::open_file`] and [`firmware::verify`] report; `FileTruncated` or `FileCorrupt` for a damaged image;
    /// `Interrupted`.
    pub fn open(path: &Path, session: &mut Session<'_>) -> Result<Self> {
        session.step("verify-file", format!("checking {}", path.display()));
        let mut image = Image::open_path(path)?;
        let verification = firmware::verify(&mut image, session)?;
        let mut incomplete = None;
        match verification.require_sound() {
            Ok(()) => {}
            Err(e) if e.is(ErrorKind::ImageIncomplete) => incomplete = Some(e.what().to_owned()),
            Err(e) => return Err(e.with("file", path.display())),
        }
        let compared = match (verification.blocks, verification.hashes) {
            (0, 0) => Compared::Nothing,
            (0, _) => Compared::Hashes,
            _ => Compared::Checksums,
        };
        let warnings = verification
            .findings
            .iter()
            .filter(|f| f.severity() == Severity::Warning)
            .map(ToString::to_string)
            .collect();
        let mut sizes = Vec::with_capacity(image.partitions.len());
        for index in 0..image.partitions.len() {
            sizes.push(image.inflated_size(index)?);
        }
        let table = partition_table(&mut image)?;
        let path = path.to_owned();
        let hashes = Vec::with_capacity(sizes.len());
        let mut file = FirmwareFile {
            path,
            image,
            sizes,
            hashes,
            incomplete,
            warnings,
            table,
            compared,
            given_as: None,
        };
        for index in 0..file.sizes.len() {
            session.check()?;
            let hash = file.hash(index)?;
            file.hashes.push(hash);
        }
        Ok(file)
    }

    /// That a partition of the file is what it was when the file was checked.
    ///
    /// # Errors
    /// `FileCorrupt` where it is not; what reading it reports.
    pub fn require_unchanged(&mut self, index: usize) -> Result<()> {
        let hash = self.hash(index)?;
        self.require_hash(index, &hash)
    }

    /// The same of all its partitions: for a file that lay on the disk while its owner thought about a question.
    ///
    /// # Errors
    /// As [`require_unchanged`](Self::require_unchanged), with the file; untouched.
    pub fn require_all_unchanged(&mut self) -> Result<()> {
        let changed = (0..self.sizes.len()).try_for_each(|index| self.require_unchanged(index));
        changed.map_err(|e| e.with("file", self.path.display()).with_verdict(Verdict::Untouched))
    }

    /// That this is the partition's SHA-256.
    pub(super) fn require_hash(&self, index: usize, hash: &str) -> Result<()> {
        if self.hashes.get(index).is_some_and(|checked| checked == hash) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::FileCorrupt, "the file was changed after it was checked")
            .detail(Detail::FileChanged))
    }

    /// Platform and version, as the first partition states them.
    pub fn version(&self) -> Version {
        self.image.version().unwrap_or_else(|| Version { platform: None, version: String::new() })
    }

    /// Whether it does not name its stick, so that nothing compares it with one: raw partitions, or main firmware in whatever form. Pages
    /// for the web server are not made for one stick alone.
    pub fn is_nameless(&self) -> bool {
        self.version().platform.is_none() && (self.image.form == Form::Directory || self.is_main())
    }

    /// Whether it holds the main firmware. A file without a header is taken for one.
    pub fn is_main(&self) -> bool {
        self.role().is_none_or(|role| role == FileRole::MainFirmware)
    }

    /// What it is for, by its header and its partitions; `None` where neither tells.
    pub fn role(&self) -> Option<FileRole> {
        let is_main = self.image.is_main()?;
        Some(if is_main { FileRole::MainFirmware } else { FileRole::WebUi })
    }

    /// Why it is not what its owner took it for, in one lower-case line.
    pub fn wrong_role(&self) -> Option<String> {
        let (is, taken_for) = (self.role()?, self.given_as?);
        let name = self.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        (is != taken_for).then(|| format!("{name} is {}, not {}", is.name(), taken_for.name()))
    }

    /// The signature, where there is one.
    pub fn signature(&self) -> Option<&Signature> {
        self.image.signature.as_ref()
    }

    /// Bytes that reach the stick.
    pub fn bytes(&self) -> u64 {
        self.sizes.iter().sum()
    }

    /// What the journal keeps of it, nothing acknowledged yet.
    pub fn record(&self) -> FileRecord {
        FileRecord {
            path: self.path.display().to_string(),
            headers: self.headers(),
            partitions: self.sizes.len(),
            acknowledged: 0,
            hashes: Vec::new(),
            open: false,
        }
    }

    /// SHA-256 over the headers in order: the same for a file wherever it lies.
    fn headers(&self) -> String {
        let mut hasher = Sha256::new();
        for partition in &self.image.partitions {
            hasher.update(partition.header.encode());
        }
        hex::encode(&hasher.finalize())
    }

    /// SHA-256 of a partition as it reaches the stick.
    ///
    /// # Errors
    /// What reading the image reports.
    pub fn hash(&mut self, index: usize) -> Result<String> {
        let mut hasher = Sha256::new();
        let mut payload = self.image.payload(index)?;
        let mut chunk = vec![0; 64 * 1024];
        loop {
            match payload.read(&mut chunk) {
                Ok(0) => return Ok(hex::encode(&hasher.finalize())),
                Ok(n) => hasher.update(&chunk[..n]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    return Err(Error::new(ErrorKind::FileUnreadable, "cannot read the image").because(e));
                }
            }
        }
    }
}

/// The first payload that begins as a partition table does.
fn partition_table(image: &mut Image) -> Result<Option<PartitionTable>> {
    for index in 0..image.partitions.len() {
        let mut start = Vec::new();
        let payload = image.payload(index)?;
        if payload.take(PartitionTable::SIZE as u64).read_to_end(&mut start).is_ok()
            && let Ok(table) = PartitionTable::parse(&start)
        {
            return Ok(Some(table));
        }
    }
    Ok(None)
}
