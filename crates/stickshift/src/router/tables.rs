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

use serde_json::{Value, json};

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
        .take(FILES_LIMIT + 1)
        .collect();
    if let Some(path) = names.get(FILES_LIMIT) {
        found.unread.push((path.clone(), format!("this is table {}, and no more are read", FILES_LIMIT + 1)));
    }
    for path in names.into_iter().take(FILES_LIMIT) {
        let name = path.rsplit('/').next().unwrap_or_default();
        let import = file_system.read(&path, MAX_FILE as u64).and_then(|bytes| {
            let whole = formats::import(&bytes, name);
            match whole {
                Err(e) if e.is(ErrorKind::FileCorrupt) => {
                    one_by_one(&bytes, &path, &mut found.unread).ok_or(e)
                }
                whole => whole,
            }
        });
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

/// Entries by messages of a table that is read entry by entry: several times OpenWrt's own.
const MOST_READ: usize = 200_000;

/// The entries of OpenWrt's table that can be read, where one of them cannot; the others are refused, or are unread where it cannot be told
/// which stick they are for. `None` for what is no such table.
fn one_by_one(bytes: &[u8], path: &str, unread: &mut Vec<(String, String)>) -> Option<Import> {
    let root: Value = serde_json::from_slice(bytes).ok()?;
    let messages: Vec<Value> = root.get("messages").and_then(Value::as_array).cloned().unwrap_or_default();
    let devices = root.get("devices")?.as_object()?;
    // Each entry is read with room for every message.
    if devices.len() * messages.len() > MOST_READ {
        return None;
    }
    let mut all: Option<Import> = None;
    let mut bad = Vec::new();
    for (id, matches) in devices {
        let conditions: Vec<(String, Value)> = match matches.as_object() {
            Some(matches) => matches.iter().map(|(c, s)| (c.clone(), s.clone())).collect(),
            None => vec![("*".to_owned(), matches.clone())],
        };
        for (condition, settings) in conditions {
            // A message that another entry sends is none of this one's.
            let sent: Vec<u64> = settings
                .get("msg")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_u64)
                .collect();
            let own = |(number, message): (usize, &Value)| match sent.contains(&(number as u64)) {
                true => message.clone(),
                false => json!("00"),
            };
            let messages: Vec<Value> = messages.iter().enumerate().map(own).collect();
            let alone = json!({ "messages": messages, "devices": { id: { condition: settings } } });
            match (formats::import(alone.to_string().as_bytes(), "usb-mode.json"), &mut all) {
                (Ok(import), Some(all)) => {
                    all.entries.extend(import.entries);
                    all.warnings.extend(import.warnings);
                }
                (Ok(import), None) => all = Some(import),
                (Err(e), _) => bad.push((id.clone(), e.what().to_owned(), settings.to_string())),
            }
        }
    }
    let mut import = all?;
    for (entry, why, text) in bad {
        match entry.parse::<UsbId>() {
            Ok(_) => import.refused.push(Refused { entry, why, text }),
            Err(()) => unread.push((path.to_owned(), format!("entry {entry}: {why}"))),
        }
    }
    Some(import)
}

/// Whether a file with this path is looked at as a table.
pub fn is_table(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let whole =
        ["mode_switch.conf.bin", "mode_switch.conf", "usb-mode.json", "configPack.tar.gz", "configPack.tar"];
    whole.contains(&name) || path.strip_suffix(name).is_some_and(|folder| folder.ends_with(FOLDER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_entry_does_not_hide_the_others() {
        let table = r#"{"messages": ["55534243", "no hex", "55534244"], "devices": {
            "12d1:1f01": {"*": {"t_vendor": 4817, "msg": [0]}},
            "12d1:14fe": {"*": {"msg": [1]}},
            "12d1:155": {"*": {"msg": [2]}},
            "12d1:zzzz": {"*": {"msg": [0]}},
            "19d2:2000": {":uMa=ZTE": {"msg": [2]}, "*": 5},
            "19d2:0fff": 7 }}"#;
        assert!(formats::import(table.as_bytes(), "usb-mode.json").is_err());
        let mut unread = Vec::new();
        let import = one_by_one(table.as_bytes(), "/etc/usb-mode.json", &mut unread).unwrap();
        let found = Table { path: "/etc/usb-mode.json".to_owned(), import };
        let of = |id: &str| {
            let id = id.parse().unwrap();
            let messages: Vec<_> = found.about(id).map(|e| e.parameters.messages[0].clone()).collect();
            (messages, found.refused(id).count())
        };
        assert_eq!(of("12d1:1f01"), (vec![b"USBC".to_vec()], 0));
        assert_eq!(of("12d1:14fe"), (vec![], 1));
        assert_eq!(of("19d2:2000"), (vec![b"USBD".to_vec()], 1));
        assert_eq!(of("19d2:0fff"), (vec![], 1));
        let whose: Vec<&str> = unread.iter().map(|(_, why)| why.split(':').nth(1).unwrap()).collect();
        assert_eq!(whose, ["155", "zzzz"], "{unread:?}");
        // What is no such table stays unread as a whole.
        for other in ["{\"devices\": 5}", "{", "[]", "{\"devices\": {\"x\": 5}}"] {
            assert!(one_by_one(other.as_bytes(), "x", &mut Vec::new()).is_none(), "{other}");
        }
    }
}
