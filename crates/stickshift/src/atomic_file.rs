//! Writing files so that a reader finds the old content or the new one, never half of either: a temporary file in the same
//! folder, synced, renamed over the target, and the folder synced.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};

/// A file that takes its name when it is committed. Dropped before that, it is gone and the old file stays.
#[derive(Debug)]
pub struct AtomicFile {
    writer: Option<BufWriter<File>>,
    temporary: PathBuf,
    target: PathBuf,
}

impl AtomicFile {
    /// Begins a file that will become `target`.
    ///
    /// # Errors
    /// `FileUnwritable`.
    pub fn create(target: &Path) -> Result<AtomicFile> {
        let Some(name) = target.file_name() else {
            return Err(Error::new(
                ErrorKind::FileUnwritable,
                format!("{} is no file name", target.display()),
            ));
        };
        let mut attempt = 0u32;
        loop {
            let mut hidden = std::ffi::OsString::from(".");
            hidden.push(name);
            hidden.push(format!(".{}-{attempt}.tmp", std::process::id()));
            let temporary = target.with_file_name(hidden);
            match OpenOptions::new().write(true).create_new(true).open(&temporary) {
                Ok(file) => {
                    let writer = Some(BufWriter::with_capacity(256 * 1024, file));
                    return Ok(AtomicFile { writer, temporary, target: target.to_owned() });
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists && attempt < 100 => attempt += 1,
                Err(e) => return Err(unwritable(target, e)),
            }
        }
    }

    /// Writes everything to the disk and gives the file its name.
    ///
    /// # Errors
    /// `FileUnwritable`; the old file, if any, is then untouched.
    pub fn commit(mut self) -> Result<()> {
        self.finish().map_err(|e| unwritable(&self.target, e))
    }

    fn finish(&mut self) -> io::Result<()> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&self.temporary, &self.target)?;
        self.temporary.clear();
        sync_folder(&self.target)
    }

    fn writer(&mut self) -> &mut BufWriter<File> {
        self.writer.as_mut().expect("only commit takes the writer, and it takes self")
    }
}

/// Without it the rename may be lost with the power. Folders cannot be opened on every system.
fn sync_folder(target: &Path) -> io::Result<()> {
    let folder = match target.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn unwritable(target: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::FileUnwritable, format!("cannot write {}", target.display())).because(error)
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer().flush()
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.writer().seek(to)
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if !self.temporary.as_os_str().is_empty() {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Writes `bytes` as `target`.
///
/// # Errors
/// `FileUnwritable`.
pub fn write(target: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = AtomicFile::create(target)?;
    file.write_all(bytes).map_err(|e| unwritable(target, e))?;
    file.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_new_content_appears_at_commit() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("journal");
        fs::write(&target, "old").unwrap();
        let mut file = AtomicFile::create(&target).unwrap();
        file.write_all(b"new").unwrap();
        file.flush().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"old");
        file.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["journal"]);
    }

    #[test]
    fn dropped_it_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        AtomicFile::create(&target).unwrap().write_all(b"half").unwrap();
        assert_eq!(names(folder.path()), [""; 0]);
    }

    #[test]
    fn two_writers_do_not_mix() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        let mut one = AtomicFile::create(&target).unwrap();
        let mut two = AtomicFile::create(&target).unwrap();
        one.write_all(b"one").unwrap();
        two.write_all(b"two").unwrap();
        two.commit().unwrap();
        one.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"one");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn no_folder_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = write(&folder.path().join("no/such/a"), b"x").unwrap_err();
        assert!(error.is(ErrorKind::FileUnwritable));
        assert!(write(Path::new("/"), b"x").unwrap_err().is(ErrorKind::FileUnwritable));
    }
}
