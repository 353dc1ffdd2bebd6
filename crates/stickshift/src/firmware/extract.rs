//! Taking an image apart into files, and reading such a folder back to build the same image again.
//!
//! Files are named as the original tool names them: `NN-CCCCCCCC-NAME.bin` for the raw image of a partition as it reaches the
//! stick, `.fw` with a header of its own. Next to raw images stands `firmware.json`, which keeps what they do not tell: header
//! fields, the file header, how each was stored. Checksums and sizes are not kept; building computes them, so an image whose
//! checksums were wrong comes back with right ones.
//!
//! ```
//! use stickshift::firmware::Header;
//! use stickshift::firmware::extract::{self, Package};
//!
//! assert_eq!(extract::MANIFEST, "firmware.json");
//! let missing = Package::read("no-such-folder".as_ref(), &Header::new(0));
//! assert!(missing.is_err());
//! ```

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::build::{self, Part};
use super::container::{read_at, unreadable};
use super::directory;
use super::header::{FILE_HEADER_SIZE, Header, text};
use super::image::{Form, Image};
use super::inflate::{Compression, payload_error};
use crate::atomic_file::{AtomicFile, Existing, is_same};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Session;
use crate::hex;

/// The file that describes a folder of extracted partitions.
pub const MANIFEST: &str = "firmware.json";

const FORMAT: &str = "stickshift-firmware-1";

/// A manifest is small; one that is larger is something else.
const MAX_MANIFEST: u64 = 16 << 20;

/// What to write.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `.fw` files, each with its header and checksums, instead of raw images and a manifest.
    pub split: bool,
    /// Compressed payloads also as they are stored, so that building gives the same bytes again. Compressing anew gives
    /// others that unpack to the same.
    pub stored: bool,
    /// What stands before and after the image too, such as the updater program around it.
    pub surroundings: bool,
    /// Whether files that are there are replaced.
    pub existing: Existing,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    file_header: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    after: Option<String>,
    partitions: Vec<Row>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Row {
    file: String,
    code: String,
    hardware: Field,
    date: Field,
    time: Field,
    version: Field,
    header_version: u32,
    block_size: u32,
    compression: String,
    /// The payload as it was stored; used as long as `file` has this hash.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    stored: Option<String>,
    sha256: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    padding: Option<String>,
}

/// A text field of a header: as text, or in hexadecimal where text and NULs would not give the same bytes.
#[derive(Debug, Deserialize, Serialize)]
#[serde(untagged)]
enum Field {
    Text(String),
    Hex { hex: String },
}

impl Field {
    fn of<const N: usize>(bytes: &[u8; N]) -> Field {
        let plain = text(bytes);
        match build::field::<N>(&plain) {
            Ok(again) if again == *bytes => Field::Text(plain),
            _ => Field::Hex { hex: hex::encode(bytes) },
        }
    }

    fn bytes<const N: usize>(&self) -> Result<[u8; N]> {
        match self {
            Field::Text(text) => build::field(text),
            Field::Hex { hex } => unhex(hex),
        }
    }
}

fn unhex<const N: usize>(text: &str) -> Result<[u8; N]> {
    hex::decode(text).and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
        Error::new(ErrorKind::FileCorrupt, format!("{text:?} is not {N} bytes in hexadecimal"))
    })
}

/// The file name of a partition, without its ending.
fn stem(index: usize, image: &Image) -> String {
    let partition = &image.partitions[index];
    format!("{index:02}-{:08x}-{}", partition.header.code, partition.name.name)
}

/// Writes the partitions of an image into `folder`, which is made if it is not there, and gives the files written.
///
/// # Errors
/// `FileCorrupt` when a payload does not unpack, `FileTruncated` when the image ends inside one, `FileUnreadable`,
/// `FileUnwritable`, `Interrupted`, `Usage` when a file would be written over the image. What was written before that stays.
pub fn extract(
    image: &mut Image,
    folder: &Path,
    options: &Options,
    session: &mut Session<'_>,
) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder).map_err(|e| {
        Error::new(ErrorKind::FileUnwritable, format!("cannot make the folder {}", folder.display()))
            .because(e)
    })?;
    let mut written = Vec::new();
    let mut rows = Vec::new();
    for index in 0..image.partitions.len() {
        session.check()?;
        let partition = &image.partitions[index];
        session.step("extract-partition", format!("partition {}: {}", index + 1, partition.name.name));
        let stem = stem(index, image);
        if options.split {
            let path = folder.join(format!("{stem}.fw"));
            keep_inputs(image, &path)?;
            split(image, index, &path, options.existing)?;
            written.push(path);
            continue;
        }
        let file = format!("{stem}.bin");
        keep_inputs(image, &folder.join(&file))?;
        let sha256 = copy_out(&mut image.payload(index)?, &folder.join(&file), options.existing)?;
        written.push(folder.join(&file));
        let stored = if options.stored && image.partitions[index].compression != Compression::None {
            // Not beginning with a number: tools that take a folder of raw partitions pass it over.
            let name = format!("stored-{stem}.bin");
            keep_inputs(image, &folder.join(&name))?;
            copy_out(&mut image.stored(index)?, &folder.join(&name), options.existing)?;
            written.push(folder.join(&name));
            Some(name)
        } else {
            None
        };
        let padding = padding(image, index, options.surroundings)?;
        let Header { code, hardware, date, time, version, hdversion, blocksize, .. } =
            &image.partitions[index].header;
        rows.push(Row {
            file,
            code: format!("{code:08x}"),
            hardware: Field::of(hardware),
            date: Field::of(date),
            time: Field::of(time),
            version: Field::of(version),
            header_version: *hdversion,
            // A folder of raw partitions has no blocks.
            block_size: if image.form == Form::Directory { 4096 } else { *blocksize },
            compression: image.partitions[index].compression.name().to_owned(),
            stored,
            sha256,
            padding,
        });
    }
    if options.split {
        return Ok(written);
    }
    let (start, end, size) = (image.start(), padded_end(image), image.size);
    let mut aside = |name: &str, from: u64, to: u64| -> Result<Option<String>> {
        if !options.surroundings || from >= to || image.form == Form::Directory {
            return Ok(None);
        }
        keep_inputs(image, &folder.join(name))?;
        image.source.seek(SeekFrom::Start(from)).map_err(unreadable)?;
        copy_out(&mut image.source.by_ref().take(to - from), &folder.join(name), options.existing)?;
        written.push(folder.join(name));
        Ok(Some(name.to_owned()))
    };
    let before = aside("before.bin", 0, start)?;
    let after = aside("after.bin", end, size)?;
    let file_header = image.file_header.map(|bytes| hex::encode(&bytes));
    let manifest = Manifest { format: FORMAT.to_owned(), file_header, before, after, partitions: rows };
    let json = serde_json::to_string_pretty(&manifest)
        .map_err(|e| Error::new(ErrorKind::FileUnwritable, format!("cannot write {MANIFEST}")).because(e))?;
    keep_inputs(image, &folder.join(MANIFEST))?;
    copy_out(&mut (json + "\n").as_bytes(), &folder.join(MANIFEST), options.existing)?;
    written.push(folder.join(MANIFEST));
    Ok(written)
}

/// One partition as a `.fw`: header, checksums and the inflated image.
fn split(image: &mut Image, index: usize, path: &Path, existing: Existing) -> Result<()> {
    // Two passes, so that an image of any size needs no memory: the size first, then the bytes.
    let length = image.inflated_size(index)?;
    let mut header = image.partitions[index].header;
    if image.form == Form::Directory {
        header.blocksize = 4096;
    }
    let mut out = AtomicFile::begin(path, existing)?;
    build::write_one(&mut out, header, &mut image.payload(index)?, length)?;
    out.commit()
}

/// Fails when the image is read from what is about to be written.
fn keep_inputs(image: &Image, path: &Path) -> Result<()> {
    if image.files.iter().any(|input| is_same(input, path)) {
        let what = format!("{} is the input: name another folder for the output", path.display());
        return Err(Error::new(ErrorKind::Usage, what));
    }
    Ok(())
}

fn copy_out(from: &mut dyn Read, path: &Path, existing: Existing) -> Result<String> {
    let mut out = AtomicFile::begin(path, existing)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => {
                hash.update(&buffer[..n]);
                out.write_all(&buffer[..n]).map_err(|e| {
                    Error::new(ErrorKind::FileUnwritable, format!("cannot write {}", path.display()))
                        .because(e)
                })?;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(payload_error(e)),
        }
    }
    out.commit()?;
    Ok(hex::encode(&hash.finalize()))
}

/// The end of the image with its padding, as far as there is any.
fn padded_end(image: &Image) -> u64 {
    image.end.next_multiple_of(4).min(image.size)
}

/// The bytes after a payload, where building would not put the same there.
fn padding(image: &mut Image, index: usize, surroundings: bool) -> Result<Option<String>> {
    if image.form == Form::Directory {
        return Ok(None);
    }
    let partition = &image.partitions[index];
    let end = partition.payload_offset + partition.stored;
    let next = image.partitions.get(index + 1).map_or(padded_end(image), |p| p.header_offset);
    let base = if surroundings { 0 } else { image.start() };
    let alone = image.file_header.is_none() && image.partitions.len() == 1;
    let usual = if alone { 0 } else { (end - base).next_multiple_of(4) - (end - base) };
    let mut found = vec![0; (next - end) as usize];
    read_at(&mut image.source, end, &mut found)?;
    let same = found.len() as u64 == usual && found.iter().all(|b| *b == 0);
    // Cut out of what is around it an image stands elsewhere, and its padding may need another length.
    let movable = surroundings || image.start() == 0 || found.len() as u64 == usual;
    Ok((!same && movable).then(|| hex::encode(&found)))
}

/// A folder or an image, ready to be written as an image.
pub struct Package {
    /// The 92 bytes in front; none for a `.fw`.
    pub file_header: Option<[u8; FILE_HEADER_SIZE]>,
    /// The partitions in their order.
    pub parts: Vec<Part>,
    before: Option<PathBuf>,
    after: Option<PathBuf>,
}

impl Package {
    /// Partitions, and the file header in front of them.
    pub fn new(file_header: Option<[u8; FILE_HEADER_SIZE]>, parts: Vec<Part>) -> Package {
        Package { file_header, parts, before: None, after: None }
    }

    /// Reads a folder: by its manifest if it has one, else numbered files. Raw ones get a copy of `template` as their header,
    /// `.fw` files keep their own.
    ///
    /// # Errors
    /// `FileCorrupt` for a manifest that does not fit its files, and as [`Image::open_directory`].
    pub fn read(folder: &Path, template: &Header) -> Result<Package> {
        match File::open(folder.join(MANIFEST)) {
            Ok(file) => Package::from_manifest(folder, file),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Package::from_numbered(folder, template),
            Err(e) => Err(unopened(&folder.join(MANIFEST), e)),
        }
    }

    /// All partitions of an image as they are stored there, read into memory.
    ///
    /// # Errors
    /// As [`Part::all_of`].
    pub fn from_image(image: Image) -> Result<Package> {
        let file_header = image.file_header;
        Ok(Package::new(file_header, Part::all_of(image)?))
    }

    fn from_numbered(folder: &Path, template: &Header) -> Result<Package> {
        let mut parts = Vec::new();
        for member in directory::members(folder)? {
            let (mut file, length) = open(&member.path)?;
            let mut mark = [0; 4];
            let got = file.read(&mut mark).map_err(|e| unopened(&member.path, e))?;
            if got == 4 && mark == super::header::MAGIC {
                let image = Image::open_file(&member.path)?;
                if image.partitions.len() != 1 {
                    return Err(Error::new(
                        ErrorKind::WrongFileKind,
                        format!("{} holds more than one partition", member.path.display()),
                    ));
                }
                parts.extend(Part::all_of(image)?);
                continue;
            }
            file.rewind().map_err(|e| unopened(&member.path, e))?;
            parts.push(Part::new(Header { code: member.code, ..*template }, file, length));
        }
        Ok(Package::new(None, parts))
    }

    fn from_manifest(folder: &Path, file: File) -> Result<Package> {
        let corrupt = |what: String| Error::new(ErrorKind::FileCorrupt, format!("{MANIFEST}: {what}"));
        let mut json = String::new();
        file.take(MAX_MANIFEST).read_to_string(&mut json).map_err(|e| unopened(&folder.join(MANIFEST), e))?;
        let manifest: Manifest = serde_json::from_str(&json).map_err(|e| corrupt(e.to_string()))?;
        if manifest.format != FORMAT {
            return Err(corrupt(format!("format {:?} is not known", manifest.format)));
        }
        let mut parts = Vec::new();
        for row in &manifest.partitions {
            parts.push(row.part(folder)?);
        }
        let file_header = manifest.file_header.as_deref().map(unhex).transpose()?;
        let aside = |name: Option<String>| name.map(|n| plain(folder, &n)).transpose();
        Ok(Package { file_header, parts, before: aside(manifest.before)?, after: aside(manifest.after)? })
    }

    /// Writes the image.
    ///
    /// # Errors
    /// As [`build::write`].
    pub fn write(self, out: &mut (impl Write + Seek)) -> Result<()> {
        let copy = |path: Option<PathBuf>, out: &mut dyn Write| -> Result<()> {
            let Some(path) = path else { return Ok(()) };
            let (mut file, _) = open(&path)?;
            io::copy(&mut file, out).map(drop).map_err(build::unwritable)
        };
        copy(self.before, out)?;
        build::write(out, self.file_header.as_ref(), self.parts)?;
        copy(self.after, out)?;
        out.flush().map_err(build::unwritable)
    }
}

impl Row {
    fn part(&self, folder: &Path) -> Result<Part> {
        let corrupt =
            |what: &str| Error::new(ErrorKind::FileCorrupt, format!("{MANIFEST}: {}: {what}", self.file));
        let code = u32::from_str_radix(&self.code, 16).map_err(|_| corrupt("its code is not hexadecimal"))?;
        let header = Header {
            hdversion: self.header_version,
            hardware: self.hardware.bytes()?,
            date: self.date.bytes()?,
            time: self.time.bytes()?,
            version: self.version.bytes()?,
            blocksize: self.block_size,
            ..Header::new(code)
        };
        let known = [Compression::None, Compression::Zlib, Compression::Lzma, Compression::ZlibLzma];
        let compression = *known
            .iter()
            .find(|c| c.name() == self.compression)
            .ok_or_else(|| corrupt("its compression is not known"))?;
        let path = plain(folder, &self.file)?;
        let (mut file, length) = open(&path)?;
        let mut part = match &self.stored {
            Some(stored) if hash_of(&path)? == self.sha256 => {
                let (file, length) = open(&plain(folder, stored)?)?;
                Part::new(header, file, length)
            }
            _ if compression != Compression::None => Part::packed(header, &mut file, compression)?,
            _ => Part::new(header, file, length),
        };
        if let Some(padding) = &self.padding {
            let bytes = hex::decode(padding).filter(|b| b.len() < 4).ok_or_else(|| corrupt("bad padding"))?;
            // Edited to another length it needs other padding.
            if hash_of(&path)? == self.sha256 {
                part.padding = Some(bytes);
            }
        }
        Ok(part)
    }
}

/// A manifest names files of its own folder only.
fn plain(folder: &Path, name: &str) -> Result<PathBuf> {
    let path = Path::new(name);
    if path.file_name() != Some(path.as_os_str()) || name.contains('\\') {
        return Err(Error::new(
            ErrorKind::FileCorrupt,
            format!("{MANIFEST}: {name:?} is not a plain file name"),
        ));
    }
    Ok(folder.join(path))
}

fn open(path: &Path) -> Result<(File, u64)> {
    let file = File::open(path).map_err(|e| unopened(path, e))?;
    let metadata = file.metadata().map_err(|e| unopened(path, e))?;
    if !metadata.is_file() {
        return Err(Error::new(ErrorKind::FileUnreadable, format!("{} is not a file", path.display())));
    }
    Ok((file, metadata.len()))
}

fn hash_of(path: &Path) -> Result<String> {
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

fn unopened(path: &Path, error: io::Error) -> Error {
    let kind = if error.kind() == io::ErrorKind::NotFound {
        ErrorKind::FileNotFound
    } else {
        ErrorKind::FileUnreadable
    };
    Error::new(kind, format!("cannot read {}", path.display())).because(error)
}
