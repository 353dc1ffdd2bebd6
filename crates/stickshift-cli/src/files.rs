//! Opening files with errors that say which file and why.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use stickshift::error::{Error, ErrorKind, Result};

/// Opens a file for reading.
///
/// # Errors
/// `FileNotFound`, `FileUnreadable` (also for folders, and for pipes and devices, which may have no end).
pub(crate) fn open(path: &Path) -> Result<File> {
    let unreadable = |e: io::Error| {
        let kind = match e.kind() {
            io::ErrorKind::NotFound => ErrorKind::FileNotFound,
            _ => ErrorKind::FileUnreadable,
        };
        Error::new(kind, format!("cannot read {}", path.display())).because(e)
    };
    // Asked before it is opened: opening a pipe waits for its writer.
    let metadata = path.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "a folder" } else { "a pipe or a device, not a file" };
        return Err(Error::new(ErrorKind::FileUnreadable, format!("{} is {what}", path.display())));
    }
    File::open(path).map_err(unreadable)
}

/// Larger than any loader or partition table: what is read whole.
const WHOLE_LIMIT: u64 = 128 * 1024 * 1024;

/// Reads a whole file that should be small.
///
/// # Errors
/// As [`open`]; `FileTooLarge`.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let file = open(path)?;
    let mut bytes = Vec::new();
    file.take(WHOLE_LIMIT + 1).read_to_end(&mut bytes).map_err(|e| {
        Error::new(ErrorKind::FileUnreadable, format!("cannot read {}", path.display())).because(e)
    })?;
    if bytes.len() as u64 > WHOLE_LIMIT {
        return Err(Error::new(ErrorKind::FileTooLarge, format!("{} is too large", path.display()))
            .with("limit", WHOLE_LIMIT));
    }
    Ok(bytes)
}

/// Where journals are kept: the system's state folder for root, the user's own otherwise.
pub(crate) fn journal_folder() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some(folder) = set("STICKSHIFT_STATE") {
        return folder;
    }
    if let Some(state) = set("XDG_STATE_HOME") {
        return state.join("stickshift");
    }
    match set("HOME").or_else(|| set("LOCALAPPDATA")) {
        Some(home) => home.join(".local/state/stickshift"),
        None => PathBuf::from("/var/lib/stickshift"),
    }
}
