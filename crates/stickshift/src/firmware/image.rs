//! An image, opened: its map, and its payloads on request.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::container::{self, read_at, unreadable};
use super::finding::{Finding, Severity};
use super::header::{FILE_HEADER_SIZE, HEADER_SIZE, Header, Kind, Version, text};
use super::inflate::{self, Compression, MAX_INFLATED, Payload, payload_error};
use super::names::{self, PartitionName};
use super::signature::{self, Signature, Trailer};
use super::{Source, directory};
use crate::error::{Error, ErrorKind, Result};

/// Which of the known forms a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A `.BIN`: file header and partitions from the first byte on.
    Image,
    /// An image inside something else, such as an updater program.
    Embedded,
    /// Partition headers without a file header, as the original's split output (`.fw`).
    Split,
    /// One partition as qhuaweiflash stores it.
    Store,
    /// A folder of raw partitions.
    Directory,
}

impl Form {
    /// The stable word.
    pub fn code(self) -> &'static str {
        match self {
            Form::Image => "image",
            Form::Embedded => "embedded",
            Form::Split => "split",
            Form::Store => "store",
            Form::Directory => "directory",
        }
    }

    /// Whether a file of this form is one partition that was taken out of an image.
    pub fn is_single(self) -> bool {
        matches!(self, Form::Split | Form::Store)
    }

    /// The form in words, of a file with so many partitions.
    pub fn words(self, partitions: usize) -> &'static str {
        match self {
            Form::Image => "firmware image",
            Form::Embedded => "firmware image inside another file",
            Form::Split if partitions > 1 => "several partitions without a file header",
            Form::Split => "single partition without a file header (.fw)",
            Form::Store => "single partition stored by qhuaweiflash",
            Form::Directory => "folder of raw partitions",
        }
    }
}

/// One partition of an image.
#[derive(Clone, Debug)]
pub struct Partition {
    /// Its header. In a folder of raw partitions without a manifest only `code` and `psize` mean something.
    pub header: Header,
    /// What it is called and for.
    pub name: PartitionName,
    /// Where its header stands in the file.
    pub header_offset: u64,
    /// Where its payload begins.
    pub payload_offset: u64,
    /// Bytes of payload that are in the file: `header.psize` unless the file is cut.
    pub stored: u64,
    /// How it is stored.
    pub compression: Compression,
    /// Bytes that reach the stick, where that is known without unpacking everything. See [`Image::inflated_size`].
    pub inflated: Option<u64>,
    /// The most that was ever unpacked of it, also in vain: its part of what the image may unpack to.
    pub(super) unpacked: u64,
    /// SHA-256 that the file had when it was extracted, in a folder that says so.
    pub(super) sha256: Option<String>,
}

/// A firmware image: the map of its partitions, what is odd about it, and where to read the rest.
pub struct Image {
    pub(super) source: Box<dyn Source>,
    /// Bytes of the whole file.
    pub size: u64,
    /// Which form it has.
    pub form: Form,
    /// The 92 bytes in front of the first partition, where there are any.
    pub file_header: Option<[u8; FILE_HEADER_SIZE]>,
    /// Its partitions, in the order in which they are flashed.
    pub partitions: Vec<Partition>,
    /// The signature, where there is one.
    pub signature: Option<Signature>,
    /// First byte after the last payload.
    pub end: u64,
    /// What is odd, as far as the map shows it; [`super::verify`] finds the rest.
    pub findings: Vec<Finding>,
    /// The files that it is read from, where it was opened by its path.
    pub files: Vec<PathBuf>,
}

impl Image {
    /// Reads the map of an image. Payloads are passed over, but for their first bytes and the ends of partitions 0 and 1.
    ///
    /// # Errors
    /// `WrongFileKind` when there is no image in it, `FileTruncated` when it ends inside the first header. Anything else that
    /// is wrong is a [`Finding`].
    pub fn open(source: impl Source + 'static) -> Result<Image> {
        let mut source: Box<dyn Source> = Box::new(source);
        let size = source.seek(SeekFrom::End(0)).map_err(unreadable)?;
        let chain = container::find(&mut source, size)?;
        if chain.entries.is_empty() {
            return Err(Error::new(
                ErrorKind::FileTruncated,
                "the file ends inside its first partition header",
            )
            .with("offset", format!("{:#x}", chain.start))
            .with("size", size));
        }
        let mut image = Image {
            source,
            size,
            form: Form::Image,
            file_header: None,
            partitions: Vec::with_capacity(chain.entries.len()),
            signature: None,
            end: chain.end,
            findings: chain.findings,
            files: Vec::new(),
        };
        if let Some(at) = chain.start.checked_sub(FILE_HEADER_SIZE as u64) {
            let mut bytes = [0; FILE_HEADER_SIZE];
            read_at(&mut image.source, at, &mut bytes)?;
            image.file_header = Some(bytes);
        }
        for entry in chain.entries {
            let partition = image.describe(entry.header, entry.offset)?;
            image.partitions.push(partition);
        }
        image.form = image.recognise_form(chain.start);
        image.find_signature()?;
        image.look_around(chain.start);
        Ok(image)
    }

    /// Opens a file.
    ///
    /// # Errors
    /// As [`Image::open`], and `FileNotFound` or `FileUnreadable`.
    pub fn open_file(path: &Path) -> Result<Image> {
        let cannot = |e: io::Error| {
            let kind = match e.kind() {
                io::ErrorKind::NotFound => ErrorKind::FileNotFound,
                _ => ErrorKind::FileUnreadable,
            };
            Error::new(kind, format!("cannot read {}", path.display())).because(e)
        };
        // Asked before it is opened: a pipe waits for its writer, and a device may have no end.
        let metadata = path.metadata().map_err(cannot)?;
        if !metadata.is_file() {
            let what = if metadata.is_dir() { "a folder" } else { "a pipe or a device, not a file" };
            return Err(Error::new(ErrorKind::FileUnreadable, format!("{} is {what}", path.display())));
        }
        let mut image = Image::open(File::open(path).map_err(cannot)?)?;
        image.files.push(path.to_owned());
        Ok(image)
    }

    /// Opens whatever is at `path`: a file, a folder of raw partitions, or a list of such files (`.hmf`).
    ///
    /// # Errors
    /// As [`Image::open_file`] and [`Image::open_directory`]; `FileNotFound` and `FileTruncated` for files that a list names.
    pub fn open_path(path: &Path) -> Result<Image> {
        if path.is_dir() {
            return Image::open_directory(path);
        }
        match directory::list(path)? {
            Some(members) => directory::join(members, None),
            None => Image::open_file(path),
        }
    }

    /// Opens a folder of raw partitions: the files that its manifest names, or else files named `NN-CCCCCCCC-..` with a two-digit
    /// number from 00 on and eight hexadecimal digits of code, as the original's extraction writes them.
    ///
    /// # Errors
    /// `WrongFileKind` when there are none, or one of them is not raw; `Usage` when a number is missing, two files share one, or the
    /// manifest does not name one; `FileNotFound` for a file that it names; `FileCorrupt` for a manifest that cannot be.
    pub fn open_directory(path: &Path) -> Result<Image> {
        directory::open(path)
    }

    /// What the package holds, where there is a file header.
    pub fn kind(&self) -> Option<Kind> {
        self.file_header.map(|bytes| Kind(bytes[0]))
    }

    /// Version and platform, from the first partition.
    pub fn version(&self) -> Option<Version> {
        self.partitions.first().map(|p| p.header.version())
    }

    /// The first partition that only main firmware has.
    fn system_part(&self) -> Option<&PartitionName> {
        self.partitions.iter().map(|p| &p.name).find(|name| name.system)
    }

    /// Whether it holds the main firmware, by its file header and by its partitions; `None` where neither tells.
    pub fn is_main(&self) -> Option<bool> {
        let stated = self.kind().map(Kind::is_main);
        if self.system_part().is_some() { Some(true) } else { stated }
    }

    /// Where the image begins, its file header included.
    pub fn start(&self) -> u64 {
        let first = self.partitions.first().map_or(0, |p| p.header_offset);
        // A folder's file header stands in its manifest.
        let in_front = self.file_header.is_some() && self.form != Form::Directory;
        if in_front { first - FILE_HEADER_SIZE as u64 } else { first }
    }

    /// The worst of the findings so far.
    pub fn severity(&self) -> Option<Severity> {
        self.findings.iter().map(Finding::severity).max()
    }

    /// The bytes of a partition as they are stored.
    ///
    /// # Errors
    /// `Usage` for a partition that is not there, `FileUnreadable`.
    pub fn stored(&mut self, partition: usize) -> Result<impl Read + '_> {
        let (offset, stored) = {
            let p = self.partition(partition)?;
            (p.payload_offset, p.stored)
        };
        self.source.seek(SeekFrom::Start(offset)).map_err(unreadable)?;
        Ok(self.source.by_ref().take(stored))
    }

    /// A partition as it reaches the stick: unpacked, in order. If it is compressed, it gives at most [`super::MAX_INFLATED`] bytes, and all partitions
    /// together 64 MiB and 32 times the file's size.
    ///
    /// # Errors
    /// `Usage` for a partition that is not there, `FileTruncated` for one that the file does not hold in full,
    /// `FileUnreadable`. Other damage shows when it is read.
    pub fn payload(&mut self, partition: usize) -> Result<Payload<'_>> {
        let Partition { compression, stored, payload_offset, header, .. } = self.partition(partition)?;
        let compression = *compression;
        if *stored < u64::from(header.psize) {
            return Err(Error::new(
                ErrorKind::FileTruncated,
                format!("the file ends inside partition {}", partition + 1),
            )
            .with("offset", format!("{payload_offset:#x}"))
            .with("expected", header.psize)
            .with("found", stored));
        }
        let (offset, stored, left) = (*payload_offset, *stored, self.left(partition));
        self.source.seek(SeekFrom::Start(offset)).map_err(unreadable)?;
        let source = self.source.by_ref().take(stored);
        Ok(Payload::new(source, partition, compression, left, &mut self.partitions[partition].unpacked))
    }

    /// How many bytes a partition may unpack to, given what the others did.
    pub(super) fn left(&self, partition: usize) -> u64 {
        let others = self.partitions.iter().enumerate().filter(|(index, _)| *index != partition);
        let taken: u64 = others.map(|(_, p)| p.unpacked).sum();
        inflate::allowance(self.size).saturating_sub(taken).min(MAX_INFLATED)
    }

    /// Unpacks what is compressed and gives the partitions that go too far: files that are made to do harm.
    ///
    /// # Errors
    /// `FileUnreadable`. Partitions that do not unpack for another reason are left to [`verify`](super::verify).
    pub fn unpacking_too_far(&mut self) -> Result<Vec<Finding>> {
        let mut found = Vec::new();
        for partition in 0..self.partitions.len() {
            match self.inflated_size(partition) {
                Err(e) if e.is(ErrorKind::FileTooLarge) => {
                    found.push(Finding::TooFar {
                        partition,
                        offset: self.partitions[partition].payload_offset,
                    });
                }
                Err(e) if e.is(ErrorKind::FileUnreadable) => return Err(e),
                _ => {}
            }
        }
        Ok(found)
    }

    /// How many bytes of a partition reach the stick. Unpacks it the first time if it is compressed.
    ///
    /// # Errors
    /// `FileCorrupt` or `FileTooLarge` when it does not unpack, and as [`Image::payload`].
    pub fn inflated_size(&mut self, partition: usize) -> Result<u64> {
        if let Some(known) = self.partition(partition)?.inflated {
            return Ok(known);
        }
        let size = io::copy(&mut self.payload(partition)?, &mut io::sink()).map_err(payload_error)?;
        self.partitions[partition].inflated = Some(size);
        Ok(size)
    }

    fn partition(&self, index: usize) -> Result<&Partition> {
        self.partitions.get(index).ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("the image has no partition {}", index + 1))
                .with("partitions", self.partitions.len())
        })
    }

    fn describe(&mut self, header: Header, header_offset: u64) -> Result<Partition> {
        let payload_offset = header_offset.saturating_add(u64::from(header.hdsize.max(HEADER_SIZE as u32)));
        let stored = self.size.saturating_sub(payload_offset).min(u64::from(header.psize));
        self.source.seek(SeekFrom::Start(payload_offset)).map_err(unreadable)?;
        let compression = inflate::detect(&mut self.source.by_ref().take(stored)).map_err(unreadable)?;
        let whole = stored == u64::from(header.psize);
        let inflated = (whole && compression == Compression::None).then_some(stored);
        let name = names::name(header.code);
        Ok(Partition {
            header,
            name,
            header_offset,
            payload_offset,
            stored,
            compression,
            inflated,
            unpacked: 0,
            sha256: None,
        })
    }

    fn recognise_form(&self, first: u64) -> Form {
        match &self.file_header {
            None => Form::Split,
            Some(_) if first > FILE_HEADER_SIZE as u64 => Form::Embedded,
            Some(bytes) => {
                let store = bytes[0] == 0x0d && bytes[1..].iter().all(|b| *b == 0);
                if store && self.partitions.len() == 1 { Form::Store } else { Form::Image }
            }
        }
    }

    pub(super) fn find_signature(&mut self) -> Result<()> {
        for index in 0..self.partitions.len().min(2) {
            let Partition { stored, header, compression, .. } = self.partitions[index];
            if stored < u64::from(header.psize) {
                continue;
            }
            let (tail, size) = if compression == Compression::None {
                let window = signature::window(stored);
                let mut footer = self.stored_end(index, 12.min(window))?;
                if matches!(signature::parse(&footer, stored, index), Trailer::None) {
                    continue;
                }
                footer = self.stored_end(index, window)?;
                (footer, stored)
            } else {
                let end = signature::tail(&mut self.payload(index)?);
                match end {
                    Ok((tail, size)) => {
                        self.partitions[index].inflated = Some(size);
                        (tail, size)
                    }
                    Err(e) if e.is(ErrorKind::FileUnreadable) => return Err(e),
                    // Damage is verify's to report, with the place.
                    Err(_) => continue,
                }
            };
            match signature::parse(&tail, size, index) {
                Trailer::Signature(signature) => {
                    self.signature = Some(signature);
                    return Ok(());
                }
                Trailer::Implausible { length } => {
                    self.findings.push(Finding::SignatureLength { partition: index, length });
                }
                Trailer::None => {}
            }
        }
        Ok(())
    }

    fn stored_end(&mut self, index: usize, length: u64) -> Result<Vec<u8>> {
        let Partition { payload_offset, stored, .. } = self.partitions[index];
        let mut bytes = vec![0; length as usize];
        let got = read_at(&mut self.source, payload_offset + stored - length, &mut bytes)?;
        bytes.truncate(got);
        Ok(bytes)
    }

    /// What the map as a whole shows.
    pub(super) fn look_around(&mut self, first: u64) {
        let found = self.partitions.len();
        let start = self.start();
        if let Some(kind) = self.kind() {
            if !kind.is_valid() {
                self.findings.push(Finding::KindInvalid { offset: start, value: kind.0 });
            } else if let Some(part) = self.system_part().filter(|_| !kind.is_main()) {
                let (stated, holds) = (kind.words(), part.name.to_string());
                self.findings.push(Finding::OtherContent { offset: start, stated, holds });
            }
            if kind.is_valid() && self.form != Form::Store && kind.signed() != self.signature.is_some() {
                self.findings.push(Finding::SignedBit { offset: start, stated: kind.signed() });
            }
        }
        if let Some(signature) = &self.signature
            && !(self.form.is_single() && found == 1)
        {
            match signature.partitions() {
                Some(expected) if expected == found => {}
                Some(expected) if expected > found => {
                    self.findings.push(Finding::PartitionsMissing { expected, found });
                }
                _ => self.findings.push(Finding::SignatureCount { length: signature.length, found }),
            }
        }
        let hardware: Vec<String> = self.partitions.iter().map(|p| text(&p.header.hardware)).collect();
        let differing = hardware.iter().enumerate().filter(|(_, found)| **found != hardware[0]);
        self.findings.extend(differing.map(|(partition, found)| Finding::HardwareDiffers {
            partition,
            first: hardware[0].clone(),
            found: found.clone(),
        }));
        self.findings.extend(spliced(&self.partitions));
        self.findings.extend(Finding::repeated(self.partitions.iter().map(|p| p.header.code)));
        if !first.is_multiple_of(4) {
            self.findings.push(Finding::Unaligned { offset: start });
        }
        // Up to three bytes are padding.
        let padded = self.end.next_multiple_of(4);
        if padded < self.size {
            self.findings.push(Finding::Trailing { offset: padded, length: self.size - padded });
        }
    }
}

/// What shows that an image was put together from several: another model or another whole version than an earlier partition's. Pages
/// have versions of their own.
fn spliced(partitions: &[Partition]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (mut platforms, mut versions) = (Vec::<String>::new(), Vec::<String>::new());
    for (partition, part) in partitions.iter().enumerate() {
        let Version { platform, version } = part.header.version();
        let plain = |text: &str| text.trim().to_ascii_lowercase().replace('-', "_");
        if let Some(found) =
            platform.filter(|found| !platforms.iter().any(|known| plain(known) == plain(found)))
        {
            if let Some(first) = platforms.first().cloned() {
                findings.push(Finding::PlatformDiffers { partition, first, found: found.clone() });
            }
            platforms.push(found);
        }
        if !part.name.pages && is_whole(&version) && !versions.contains(&version) {
            if let Some(first) = versions.first().cloned() {
                findings.push(Finding::VersionDiffers { partition, first, found: version.clone() });
            }
            versions.push(version);
        }
    }
    findings
}

/// Whether it is a firmware version as `21.180.01.00.00` is, and no other text.
fn is_whole(version: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    version.split('.').count() >= 4 && version.split('.').all(is_number)
}
