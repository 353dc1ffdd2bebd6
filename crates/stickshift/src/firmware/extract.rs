//! Taking an image apart into files, and reading such a folder back to build the same image again.
//!
//! Files are named as the original tool names them: `NN-CCCCCCCC-NAME.bin` for the raw image of a partition as it reaches the
//! stick, `.fw` with a header of its own. Next to raw images stands `firmware.json`, which keeps what they do not tell: header
//! fields, the file header, how each was stored, its hash, and what was wrong with the image. Checksums and sizes are not kept;
//! building computes them, so an image whose checksums were wrong comes back with right ones: [`Package::damage`] says so.
//!
//! ```
//! use stickshift::event::Session;
//! use stickshift::firmware::Header;
//! use stickshift::firmware::extract::{self, Package};
//!
//! assert_eq!(extract::MANIFEST, "firmware.json");
//! let missing = Package::read("no-such-folder".as_ref(), &Header::new(0), &mut Session::quiet());
//! assert!(missing.is_err());
//! ```

use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::build::{self, Part};
use super::container::{read_at, unreadable};
use super::directory;
use super::finding::{Finding, Severity};
use super::header::{FILE_HEADER_SIZE, Header};
use super::image::{Form, Image};
use super::inflate::{Compression, payload_error};
pub use super::manifest::MANIFEST;
use super::manifest::{Field, Manifest, Row, corrupt, hash_of, open, plain, unopened};
use super::verify::verify;
use crate::atomic_file::{AtomicFile, Existing, is_same};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Session;
use crate::hex;

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
    /// What [`verify`] found: damage is recorded in the manifest, for the files do not show it.
    pub findings: Vec<Finding>,
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
/// `FileUnwritable`, `Interrupted`, `Usage` when a file would be written over the image. New files are gone then: some partitions of an image
/// could be taken for all of it.
pub fn extract(
    image: &mut Image,
    folder: &Path,
    options: &Options,
    session: &mut Session<'_>,
) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    let was_there = folder.exists();
    let outcome = extract_into(image, folder, options, session, &mut written).and_then(|()| named(written));
    if outcome.is_err() && !was_there {
        let _ = fs::remove_dir(folder);
    }
    outcome
}

/// The files of one run, whole on the disk and without their names.
type Written = Vec<(PathBuf, AtomicFile)>;

/// Gives the files their names, the manifest last. Some of one image among those of another could be taken for one whole image.
fn named(written: Written) -> Result<Vec<PathBuf>> {
    let (mut all, mut new, mut replaced) = (Vec::new(), Vec::new(), Vec::new());
    for (path, file) in written {
        let list = if path.exists() { &mut replaced } else { &mut new };
        if let Err(error) = file.commit() {
            // What cannot be removed is no more than was said to be written.
            new.iter().for_each(|path| _ = fs::remove_file(path));
            return Err(match replaced.is_empty() {
                true => error,
                false => error.with("replaced", replaced.join(" ")),
            });
        }
        list.push(path.display().to_string());
        all.push(path);
    }
    Ok(all)
}

fn extract_into(
    image: &mut Image,
    folder: &Path,
    options: &Options,
    session: &mut Session<'_>,
    written: &mut Written,
) -> Result<()> {
    fs::create_dir_all(folder).map_err(|e| {
        Error::new(ErrorKind::FileUnwritable, format!("cannot make the folder {}", folder.display()))
            .because(e)
    })?;
    let mut rows = Vec::new();
    for index in 0..image.partitions.len() {
        session.check()?;
        let partition = &image.partitions[index];
        session.step("extract-partition", format!("partition {}: {}", index + 1, partition.name.name));
        let stem = stem(index, image);
        if options.split {
            let path = folder.join(format!("{stem}.fw"));
            keep_inputs(image, &path)?;
            let file = split(image, index, &path, options.existing)?;
            written.push((path, file));
            continue;
        }
        let file = format!("{stem}.bin");
        keep_inputs(image, &folder.join(&file))?;
        let sha256 = copy_out(&mut image.payload(index)?, folder.join(&file), options.existing, written)?;
        let stored = if options.stored && image.partitions[index].compression != Compression::None {
            // Not beginning with a number: tools that take a folder of raw partitions pass it over.
            let name = format!("stored-{stem}.bin");
            keep_inputs(image, &folder.join(&name))?;
            let hash = copy_out(&mut image.stored(index)?, folder.join(&name), options.existing, written)?;
            Some((name, hash))
        } else {
            None
        };
        let (stored, stored_sha256) = stored.unzip();
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
            // A folder of raw partitions without a manifest has no blocks.
            block_size: if image.form == Form::Directory && *blocksize == 0 { 4096 } else { *blocksize },
            compression: image.partitions[index].compression.name().to_owned(),
            stored,
            stored_sha256,
            sha256,
            padding,
        });
    }
    if options.split {
        return Ok(());
    }
    let (start, end, size) = (image.start(), padded_end(image), image.size);
    let mut aside = |name: &str, from: u64, to: u64| -> Result<Option<String>> {
        if !options.surroundings || from >= to || image.form == Form::Directory {
            return Ok(None);
        }
        keep_inputs(image, &folder.join(name))?;
        image.source.seek(SeekFrom::Start(from)).map_err(unreadable)?;
        copy_out(&mut image.source.by_ref().take(to - from), folder.join(name), options.existing, written)?;
        Ok(Some(name.to_owned()))
    };
    let before = aside("before.bin", 0, start)?;
    let after = aside("after.bin", end, size)?;
    let mut manifest = Manifest::new(image.file_header, rows, &options.findings);
    (manifest.before, manifest.after) = (before, after);
    let json = serde_json::to_string_pretty(&manifest)
        .map_err(|e| Error::new(ErrorKind::FileUnwritable, format!("cannot write {MANIFEST}")).because(e))?;
    keep_inputs(image, &folder.join(MANIFEST))?;
    copy_out(&mut (json + "\n").as_bytes(), folder.join(MANIFEST), options.existing, written)?;
    Ok(())
}

/// One partition as a `.fw`: header, checksums and the inflated image.
fn split(image: &mut Image, index: usize, path: &Path, existing: Existing) -> Result<AtomicFile> {
    // Two passes, so that an image of any size needs no memory: the size first, then the bytes.
    let length = image.inflated_size(index)?;
    let mut header = image.partitions[index].header;
    if image.form == Form::Directory && header.blocksize == 0 {
        header.blocksize = 4096;
    }
    let mut out = AtomicFile::begin(path, existing)?;
    build::write_one(&mut out, header, &mut image.payload(index)?, length)?;
    out.sync()?;
    Ok(out)
}

/// Fails when the image is read from what is about to be written.
fn keep_inputs(image: &Image, path: &Path) -> Result<()> {
    if image.files.iter().any(|input| is_same(input, path)) {
        let what = format!("{} is the input: name another folder for the output", path.display());
        return Err(Error::new(ErrorKind::Usage, what));
    }
    Ok(())
}

fn copy_out(from: &mut dyn Read, path: PathBuf, existing: Existing, written: &mut Written) -> Result<String> {
    let mut out = AtomicFile::begin(&path, existing)?;
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
    out.sync()?;
    written.push((path, out));
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
    /// Files that are not what was extracted into them.
    pub changed: Vec<PathBuf>,
    /// What is wrong with the contents, one line each. An image that is built of them does not show it.
    pub damage: Vec<String>,
    before: Option<PathBuf>,
    after: Option<PathBuf>,
}

impl Package {
    /// Partitions, and the file header in front of them.
    pub fn new(file_header: Option<[u8; FILE_HEADER_SIZE]>, parts: Vec<Part>) -> Package {
        Package { file_header, parts, changed: Vec::new(), damage: Vec::new(), before: None, after: None }
    }

    /// Reads a folder: by its manifest if it has one, else numbered files. Raw ones get a copy of `template` as their header,
    /// `.fw` files keep their own.
    ///
    /// # Errors
    /// `FileCorrupt` for a manifest that does not fit its files, and as [`Image::open_directory`]; `Interrupted`.
    pub fn read(folder: &Path, template: &Header, session: &mut Session<'_>) -> Result<Package> {
        match Manifest::read(folder)? {
            Some(manifest) => Package::from_manifest(folder, manifest, session),
            None => Package::from_numbered(folder, template, session),
        }
    }

    /// All partitions of an image as they are stored there. They are verified now, for what is built has new checksums.
    ///
    /// # Errors
    /// As [`Part::all_of`] and [`verify`].
    pub fn from_image(mut image: Image, session: &mut Session<'_>) -> Result<Package> {
        let found = verify(&mut image, session)?.findings;
        let faults = found.iter().filter(|finding| finding.severity() == Severity::Fault);
        let damage = faults.map(ToString::to_string).collect();
        let file_header = image.file_header;
        Ok(Package { damage, ..Package::new(file_header, Part::all_of(image)?) })
    }

    fn from_numbered(folder: &Path, template: &Header, session: &mut Session<'_>) -> Result<Package> {
        let mut package = Package::new(None, Vec::new());
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
                let one = Package::from_image(image, session)?;
                package.parts.extend(one.parts);
                let name = member.path.file_name().unwrap_or_default().to_string_lossy();
                package.damage.extend(one.damage.iter().map(|what| format!("{name}: {what}")));
                continue;
            }
            file.rewind().map_err(|e| unopened(&member.path, e))?;
            let header = Header { code: member.header.code, ..*template };
            package.parts.push(Part::new(header, file, length));
        }
        Ok(package)
    }

    fn from_manifest(folder: &Path, manifest: Manifest, session: &mut Session<'_>) -> Result<Package> {
        let mut package = Package::new(manifest.file_header()?, Vec::new());
        for row in &manifest.partitions {
            session.check()?;
            let file = changed(folder, Some(&row.file), Some(&row.sha256))?;
            let stored = changed(folder, row.stored.as_ref(), row.stored_sha256.as_ref())?;
            package.parts.push(part(row, folder, file.is_some() || stored.is_some())?);
            package.changed.extend(file.into_iter().chain(stored));
        }
        // What was put in the place of a damaged file is as good as its maker knows.
        let replaced = |file: &String| package.changed.contains(&folder.join(file));
        let damage = manifest.damage.into_iter().filter(|d| !d.incomplete);
        package.damage = damage.filter(|d| !d.file.as_ref().is_some_and(replaced)).map(|d| d.what).collect();
        let aside = |name: Option<String>| name.map(|n| plain(folder, &n)).transpose();
        (package.before, package.after) = (aside(manifest.before)?, aside(manifest.after)?);
        Ok(package)
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

/// A file of a folder, where it is not the one that was extracted.
fn changed(folder: &Path, name: Option<&String>, sha256: Option<&String>) -> Result<Option<PathBuf>> {
    let (Some(name), Some(sha256)) = (name, sha256) else { return Ok(None) };
    let path = plain(folder, name)?;
    let same = hash_of(&path)?.eq_ignore_ascii_case(sha256);
    Ok((!same).then_some(path))
}

/// The partition that a row describes; `changed`: its files are not those that were extracted.
fn part(row: &Row, folder: &Path, changed: bool) -> Result<Part> {
    let wrong = |what: &str| corrupt(format!("{}: {what}", row.file));
    let header = row.header()?;
    let known = [Compression::None, Compression::Zlib, Compression::Lzma, Compression::ZlibLzma];
    let compression = *known
        .iter()
        .find(|c| c.name() == row.compression)
        .ok_or_else(|| wrong("its compression is not known"))?;
    let (mut file, length) = open(&plain(folder, &row.file)?)?;
    let mut part = match &row.stored {
        Some(stored) if !changed => {
            let (file, length) = open(&plain(folder, stored)?)?;
            Part::new(header, file, length)
        }
        _ if compression != Compression::None => Part::packed(header, &mut file, compression)?,
        _ => Part::new(header, file, length),
    };
    if let Some(padding) = &row.padding {
        let bytes = hex::decode(padding).filter(|b| b.len() < 4).ok_or_else(|| wrong("bad padding"))?;
        // Edited to another length it needs other padding.
        if !changed {
            part.padding = Some(bytes);
        }
    }
    Ok(part)
}
