//! Opening files with errors that say which file and why.

use std::fs::File;
use std::io;
use std::path::Path;

use stickshift::error::{Error, ErrorKind, Result};

/// Opens a file for reading.
///
/// # Errors
/// `FileNotFound`, `FileUnreadable` (also for folders).
pub(crate) fn open(path: &Path) -> Result<File> {
    let unreadable = |e: io::Error| {
        let kind = match e.kind() {
            io::ErrorKind::NotFound => ErrorKind::FileNotFound,
            _ => ErrorKind::FileUnreadable,
        };
        Error::new(kind, format!("cannot read {}", path.display())).because(e)
    };
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_dir() {
        return Err(Error::new(ErrorKind::FileUnreadable, format!("{} is a folder", path.display())));
    }
    Ok(file)
}
