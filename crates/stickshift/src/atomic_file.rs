//! Writing files so that a reader finds the old content or the new one, never half of either, and so that nothing is left behind when the
//! program is killed: a file without a name in the same folder where the system has such files, synced, then given its name.
//!
//! Only nothing and regular files are replaced; a link, a device, a pipe or a folder of that name is refused. A file that is
//! replaced keeps its mode and its owner.
//!
//! ```
//! use stickshift::atomic_file::{self, Existing};
//!
//! let folder = std::env::temp_dir().join(format!("stickshift-{}", std::process::id()));
//! std::fs::create_dir(&folder)?;
//! let file = folder.join("profile.toml");
//! atomic_file::write(&file, b"message = 1")?;
//! // A file that is there is left alone unless the caller says otherwise.
//! assert!(atomic_file::check(&file, Existing::Keep).is_err());
//! assert_eq!(std::fs::read(&file)?, b"message = 1");
//! std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};

/// What happens to a file that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and writing fails.
    #[default]
    Keep,
    /// It is replaced.
    Replace,
}

/// A file that takes its name when it is committed. Dropped before that, it is gone and the old file stays.
#[derive(Debug)]
pub struct AtomicFile {
    writer: Option<BufWriter<File>>,
    /// The name that it has meanwhile, where it needs one.
    temporary: Option<PathBuf>,
    target: PathBuf,
    existing: Existing,
}

impl AtomicFile {
    /// Begins a file that will become `target`, in the place of a file that may be there.
    ///
    /// # Errors
    /// `FileUnwritable`, also when something else than a regular file has that name.
    pub fn create(target: &Path) -> Result<AtomicFile> {
        AtomicFile::begin(target, Existing::Replace)
    }

    /// Begins a file that will become `target`.
    ///
    /// # Errors
    /// As [`create`](Self::create); `FileExists` when it does and is to be kept.
    pub fn begin(target: &Path, existing: Existing) -> Result<AtomicFile> {
        if target.file_name().is_none() {
            return Err(refused(target, "is not the name of a file")
                .because(io::Error::new(io::ErrorKind::IsADirectory, "it names a folder")));
        }
        let old = replaceable(target, existing)?;
        let (file, temporary) = open(target).map_err(|e| unwritable(target, e))?;
        let begun = AtomicFile {
            writer: Some(BufWriter::with_capacity(256 * 1024, file)),
            temporary,
            target: target.to_owned(),
            existing,
        };
        if let (Some(old), Some(writer)) = (old, &begun.writer) {
            keep_mode_and_owner(writer.get_ref(), &old).map_err(|e| unwritable(target, e))?;
        }
        Ok(begun)
    }

    /// Writes everything to the disk, so that giving the file its name is all that is left.
    ///
    /// # Errors
    /// `FileUnwritable`.
    pub fn sync(&mut self) -> Result<()> {
        let synced = self.flush().and_then(|()| self.writer().get_ref().sync_all());
        synced.map_err(|e| unwritable(&self.target, e))
    }

    /// Writes everything to the disk and gives the file its name.
    ///
    /// # Errors
    /// `FileUnwritable`, `FileExists`; the old file, if any, is then untouched.
    pub fn commit(self) -> Result<()> {
        self.publish().map(drop)
    }

    /// The same, and hands out the file to be written on: for what has to be there when the program dies on the way.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn publish(mut self) -> Result<File> {
        let writer = self.writer.take().expect("only this takes the writer, and it takes self");
        let unwritable = |e| unwritable(&self.target, e);
        let file = writer.into_inner().map_err(|e| unwritable(e.into_error()))?;
        file.sync_all().map_err(unwritable)?;
        // Somebody may have put something else there meanwhile.
        replaceable(&self.target, self.existing)?;
        self.name(&file).map_err(|e| unwritable_or_exists(&self.target, e))?;
        sync_folder(&self.target).map_err(|e| self::unwritable(&self.target, e))?;
        Ok(file)
    }

    /// Makes it readable for nobody but its owner.
    ///
    /// # Errors
    /// `FileUnwritable`.
    pub fn hide(&mut self) -> Result<()> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let hidden = self.writer().get_ref().set_permissions(fs::Permissions::from_mode(0o600));
            hidden.map_err(|e| unwritable(&self.target, e))?;
        }
        Ok(())
    }

    fn name(&mut self, file: &File) -> io::Result<()> {
        let temporary = match self.temporary.take() {
            Some(temporary) => temporary,
            None if self.existing == Existing::Keep => return nameless::link(file, &self.target),
            None => with_free_name(&self.target, |name| nameless::link(file, name))?.1,
        };
        let named = match self.existing {
            Existing::Replace => fs::rename(&temporary, &self.target),
            // A rename would replace what came meanwhile; a link does not.
            Existing::Keep => {
                fs::hard_link(&temporary, &self.target).and_then(|()| fs::remove_file(&temporary))
            }
        };
        if named.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        named
    }

    fn writer(&mut self) -> &mut BufWriter<File> {
        self.writer.as_mut().expect("only publish takes the writer, and it takes self")
    }
}

/// Fails when what stands at `target` may not be replaced.
///
/// # Errors
/// `FileUnwritable` for a link, a device, a pipe or a folder; `FileExists` for a file that is to be kept.
pub fn check(target: &Path, existing: Existing) -> Result<()> {
    replaceable(target, existing).map(drop)
}

/// Whether both names lead to the same file, also by way of links.
pub fn is_same(one: &Path, other: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let id = |path: &Path| path.metadata().ok().map(|m| (m.dev(), m.ino()));
        id(one).is_some() && id(one) == id(other)
    }
    #[cfg(not(unix))]
    {
        one.canonicalize().ok().is_some_and(|path| other.canonicalize().ok() == Some(path))
    }
}

/// What stands at `target`, where it may be replaced; none when nothing does.
fn replaceable(target: &Path, existing: Existing) -> Result<Option<fs::Metadata>> {
    let old = match target.symlink_metadata() {
        Ok(old) => old,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(unwritable(target, e)),
    };
    if !old.is_file() {
        let (what, cause) = match old.file_type() {
            kind if kind.is_dir() => ("is a folder", io::ErrorKind::IsADirectory),
            kind if kind.is_symlink() => ("is a link", io::ErrorKind::InvalidFilename),
            _ => ("is a device or a pipe", io::ErrorKind::InvalidInput),
        };
        return Err(refused(target, what)
            .because(io::Error::new(cause, "only a regular file is replaced, and no link is followed")));
    }
    match existing {
        Existing::Replace => Ok(Some(old)),
        Existing::Keep => Err(exists(target)),
    }
}

/// A file in the folder of `target`, and its name where it has one.
fn open(target: &Path) -> io::Result<(File, Option<PathBuf>)> {
    if let Some(file) = nameless::open(folder_of(target)) {
        return Ok((file, None));
    }
    let (file, name) =
        with_free_name(target, |name| OpenOptions::new().write(true).create_new(true).open(name))?;
    Ok((file, Some(name)))
}

/// Tries hidden names next to `target` until one is free.
fn with_free_name<T>(target: &Path, make: impl Fn(&Path) -> io::Result<T>) -> io::Result<(T, PathBuf)> {
    let mut attempt = 0u32;
    loop {
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(target.file_name().unwrap_or_default());
        hidden.push(format!(".{}-{attempt}.tmp", std::process::id()));
        let name = target.with_file_name(hidden);
        match make(&name) {
            Ok(made) => return Ok((made, name)),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && attempt < 100 => attempt += 1,
            Err(e) => return Err(e),
        }
    }
}

/// Files that have no name until they are complete.
#[cfg(target_os = "linux")]
mod nameless {
    use std::fs::File;
    use std::io;
    use std::os::fd::AsRawFd;
    use std::path::Path;

    use rustix::fs::{AtFlags, CWD, Mode, OFlags};

    /// None where the file system has no such files, or `/proc`, by which they are named, is not there.
    pub(super) fn open(folder: &Path) -> Option<File> {
        let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::open(folder, flags, Mode::from_raw_mode(0o666)).ok()?);
        path_of(&file).exists().then_some(file)
    }

    /// Fails when there is something of that name.
    pub(super) fn link(file: &File, name: &Path) -> io::Result<()> {
        rustix::fs::linkat(CWD, path_of(file), CWD, name, AtFlags::SYMLINK_FOLLOW).map_err(io::Error::from)
    }

    fn path_of(file: &File) -> std::path::PathBuf {
        format!("/proc/self/fd/{}", file.as_raw_fd()).into()
    }
}

#[cfg(not(target_os = "linux"))]
mod nameless {
    use std::fs::File;
    use std::io;
    use std::path::Path;

    pub(super) fn open(_: &Path) -> Option<File> {
        None
    }

    pub(super) fn link(_: &File, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(target_os = "linux")]
fn keep_mode_and_owner(file: &File, old: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    let new = file.metadata()?;
    let differs = |one: u32, other: u32| (one != other).then_some(other);
    let (user, group) = (differs(new.uid(), old.uid()), differs(new.gid(), old.gid()));
    if user.is_some() || group.is_some() {
        fchown(file, user, group)?;
    }
    file.set_permissions(fs::Permissions::from_mode(old.mode() & 0o777))
}

#[cfg(not(target_os = "linux"))]
fn keep_mode_and_owner(file: &File, old: &fs::Metadata) -> io::Result<()> {
    file.set_permissions(old.permissions())
}

fn folder_of(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Without it the rename may be lost with the power. Folders cannot be opened on every system.
fn sync_folder(target: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder_of(target))?.sync_all() } else { Ok(()) }
}

fn unwritable(target: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::FileUnwritable, format!("cannot write {}", target.display())).because(error)
}

fn unwritable_or_exists(target: &Path, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::AlreadyExists => exists(target),
        _ => unwritable(target, error),
    }
}

fn exists(target: &Path) -> Error {
    Error::new(ErrorKind::FileExists, format!("{} exists already", target.display()))
}

fn refused(target: &Path, why: &str) -> Error {
    Error::new(ErrorKind::FileUnwritable, format!("{} {why}", target.display()))
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
        if let Some(temporary) = &self.temporary {
            let _ = fs::remove_file(temporary);
        }
    }
}

/// Writes `bytes` as `target`, in the place of a file that may be there.
///
/// # Errors
/// `FileUnwritable`.
pub fn write(target: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = AtomicFile::create(target)?;
    file.write_all(bytes).map_err(|e| unwritable(target, e))?;
    file.commit()
}

/// The same, and nobody but the owner reads it, whoever could read the file before.
///
/// # Errors
/// `FileUnwritable`, `FileExists`.
pub fn write_for_owner(target: &Path, bytes: &[u8], existing: Existing) -> Result<()> {
    let mut file = AtomicFile::begin(target, existing)?;
    file.hide()?;
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
    fn what_is_to_be_kept_is_kept_also_when_it_comes_late() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        let mut late = AtomicFile::begin(&target, Existing::Keep).unwrap();
        late.write_all(b"late").unwrap();
        write(&target, b"first").unwrap();
        assert!(late.commit().unwrap_err().what().contains("exists already"));
        let error = AtomicFile::begin(&target, Existing::Keep).unwrap_err();
        assert!(error.is(ErrorKind::FileExists));
        assert_eq!(fs::read(&target).unwrap(), b"first");
        assert_eq!(names(folder.path()), ["a"]);
        let mut new = AtomicFile::begin(&folder.path().join("b"), Existing::Keep).unwrap();
        new.write_all(b"new").unwrap();
        new.commit().unwrap();
        assert_eq!(names(folder.path()), ["a", "b"]);
    }

    #[cfg(unix)]
    #[test]
    fn mode_and_owner_stay_and_only_files_are_replaced() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("secret");
        fs::write(&target, "old").unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).unwrap();
        let is_root = fs::metadata(&target).unwrap().uid() == 0;
        if is_root {
            chown(&target, Some(1), Some(1)).unwrap();
        }
        let old = fs::metadata(&target).unwrap();
        write(&target, b"new").unwrap();
        let new = fs::metadata(&target).unwrap();
        assert_eq!((new.mode(), new.uid(), new.gid()), (old.mode(), old.uid(), old.gid()));

        let link = folder.path().join("link");
        symlink("secret", &link).unwrap();
        assert!(write(&link, b"through").unwrap_err().what().contains("is a link"));
        assert_eq!(fs::read(&target).unwrap(), b"new");
        let dangling = folder.path().join("dangling");
        symlink("nowhere", &dangling).unwrap();
        assert!(write(&dangling, b"through").is_err());
        for other in ["/dev/null", "/dev/stdout", "/dev"] {
            assert!(write(Path::new(other), b"x").unwrap_err().is(ErrorKind::FileUnwritable), "{other}");
        }
        assert_eq!(names(folder.path()), ["dangling", "link", "secret"]);
    }

    #[test]
    fn no_folder_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = write(&folder.path().join("no/such/a"), b"x").unwrap_err();
        assert!(error.is(ErrorKind::FileUnwritable));
        assert!(write(Path::new("/"), b"x").unwrap_err().is(ErrorKind::FileUnwritable));
    }
}
