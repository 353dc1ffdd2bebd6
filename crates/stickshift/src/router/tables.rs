//! The modem tables in a router's file system, read as profiles.
//!
//! ```
//! use stickshift::error::Result;
//! use stickshift::router::{FileSystem, tables};
//!
//! /// Which files of a router name sticks, and how many.
//! fn counts(files: &FileSystem<'_>) -> Result<Vec<(String, usize)>> {
//!     let found = tables::find(files)?;
//!     Ok(found.tables.into_iter().map(|table| (table.path, table.import.entries.len())).collect())
//! }
//! ```

use std::cmp::Reverse;

use crate::error::{ErrorKind, Result};
use crate::profile::formats::{self, Format, Import, MAX_FILE, Refused};
use crate::profile::{Entry, Key, Product};
use crate::router::{FileKind, FileSystem};
use crate::stick::UsbId;

/// One file that tells how sticks are switched.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its path in the image, or the folder when each profile is a file of its own.
    pub path: String,
    /// What it holds.
    pub import: Import,
}

impl Table {
    /// The entries for a stick, in the order in which the router tries them.
    pub fn about(&self, id: UsbId) -> impl Iterator<Item = &Entry> {
        let of = |key: &dyn Fn(&Key) -> bool| self.import.entries.iter().filter(|e| key(&e.key)).collect();
        let mut found: Vec<&Entry> = of(&|key| key.id() == Some(id));
        // usb_modeswitch goes by the names, descending, then to the vendor's family; for that it does not look in /etc.
        if matches!(self.import.format, Format::UsbModeswitch | Format::Pack) {
            found.sort_by_cached_key(|entry| Reverse(entry.key.to_string()));
            if !self.path.starts_with("/etc/") {
                let family: Vec<&Entry> = of(&|key| key.vendor == id.vendor && key.product == Product::Linux);
                found.extend(family);
            }
        }
        found.into_iter()
    }

    /// The entries for a stick that are not used.
    pub fn refused(&self, id: UsbId) -> impl Iterator<Item = &Refused> {
        self.import.refused.iter().filter(move |refused| refused.entry.parse() == Ok(id))
    }
}

/// What the tables of an image are, and files that look like one and could not be read, each with the reason.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// The tables; those of usb_modeswitch in the order in which it looks at them.
    pub tables: Vec<Table>,
    /// Path and reason.
    pub unread: Vec<(String, String)>,
}

const FOLDER: &str = "usb_modeswitch.d/";

/// Most files of usb_modeswitch that are read; its data package has 512.
const FILES_LIMIT: usize = 4096;

/// Finds and reads the modem tables of a file system.
///
/// # Errors
/// Only what makes every further read senseless; a table that does not read is in [`Tables::unread`].
pub fn find(file_system: &FileSystem<'_>) -> Result<Tables> {
    let mut found = Tables::default();
    let mut single: Vec<Table> = Vec::new();
    let names: Vec<String> = file_system
        .files()
        .filter(|f| matches!(f.kind, FileKind::File(_)) && is_table(&f.path))
        .map(|f| f.path)
        .take(FILES_LIMIT)
        .collect();
    for path in names {
        let name = path.rsplit('/').next().unwrap_or_default();
        let import = file_system.read(&path, MAX_FILE as u64).and_then(|bytes| formats::import(&bytes, name));
        let folder = path
            .strip_suffix(name)
            .filter(|folder| folder.ends_with(FOLDER))
            .map(|f| f.trim_end_matches('/'));
        match (import, folder) {
            (Ok(import), Some(folder)) => match single.iter_mut().find(|t| t.path == folder) {
                Some(table) => {
                    table.import.entries.extend(import.entries);
                    table.import.warnings.extend(import.warnings);
                    table.import.refused.extend(import.refused);
                }
                None => single.push(Table { path: folder.to_owned(), import }),
            },
            (Ok(import), None) => found.tables.push(Table { path, import }),
            // Not every .conf is a table; what is meant to be one is reported.
            (Err(e), _) if e.is(ErrorKind::WrongFileKind) && !path.ends_with(".bin") => {
                found.unread.push((path, "it is in no known format".to_owned()));
            }
            (Err(e), _) => found.unread.push((path, e.to_string())),
        }
    }
    // usb_modeswitch looks into its archive last.
    let (archives, mut tables): (Vec<Table>, Vec<Table>) =
        found.tables.into_iter().partition(|table| table.import.format == Format::Pack);
    tables.extend(single);
    tables.extend(archives);
    found.tables = tables;
    Ok(found)
}

/// Whether a file with this path is looked at as a table.
pub fn is_table(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let whole =
        ["mode_switch.conf.bin", "mode_switch.conf", "usb-mode.json", "configPack.tar.gz", "configPack.tar"];
    whole.contains(&name) || path.strip_suffix(name).is_some_and(|folder| folder.ends_with(FOLDER))
}
