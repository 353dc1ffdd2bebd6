//! Profiles in everybody's syntax. Each format parses to [`Entry`] values and emits them, and names every parameter that it cannot carry
//! as a [`Loss`]. [`import`] recognises a format by content; [`export`] writes one.
//!
//! ```
//! use stickshift::profile::formats::{self, Format};
//!
//! let import = formats::import(b"TargetClass=ff\nHuaweiMode=1\nNoMBIMCheck=1\n", "12d1:1001")?;
//! assert_eq!(import.format, Format::UsbModeswitch);
//! let losses = formats::export(&import.entries, Format::Openwrt)?.losses;
//! assert!(losses.iter().any(|loss| loss.what == "NoMBIMCheck"));
//! # Ok::<(), stickshift::error::Error>(())
//! ```

use crate::error::{Error, ErrorKind, Result};
use crate::profile::{Entry, Key, Parameters};

pub mod native;
pub mod openwrt;
pub mod pack;
pub mod tplink;
pub mod tplink_options;
pub mod udev;
pub mod usb_modeswitch;

/// A parameter that a format cannot carry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loss {
    /// The entry, as its file name.
    pub entry: String,
    /// What is lost, by its name in usb_modeswitch's files where it has one there, else by its key in our format.
    pub what: String,
    /// What that means for the owner: one lower-case sentence.
    pub why: String,
}

/// Something in the text that was not taken as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Line number, from 1; 0 where there are no lines.
    pub line: usize,
    /// One lower-case sentence.
    pub what: String,
}

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// One text file of usb_modeswitch.
    UsbModeswitch,
    /// Many of them in a tar archive, compressed or not: usb_modeswitch's configPack.
    Pack,
    /// OpenWrt's `/etc/usb-mode.json`.
    Openwrt,
    /// The file that TP-Link's Modem Settings page takes.
    TplinkBin,
    /// The table inside TP-Link's firmware.
    TplinkTable,
    /// A udev rules file.
    Udev,
    /// Our own.
    Native,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 7] = [
        Format::UsbModeswitch,
        Format::Pack,
        Format::Openwrt,
        Format::TplinkBin,
        Format::TplinkTable,
        Format::Udev,
        Format::Native,
    ];

    /// The stable kebab-case code.
    pub fn code(self) -> &'static str {
        match self {
            Format::UsbModeswitch => "usb-modeswitch",
            Format::Pack => "usb-modeswitch-pack",
            Format::Openwrt => "openwrt",
            Format::TplinkBin => "tplink",
            Format::TplinkTable => "tplink-table",
            Format::Udev => "udev",
            Format::Native => "stickshift",
        }
    }

    /// The format in words.
    pub fn words(self) -> &'static str {
        match self {
            Format::UsbModeswitch => "usb_modeswitch profile",
            Format::Pack => "archive of usb_modeswitch profiles",
            Format::Openwrt => "OpenWrt usb-mode.json",
            Format::TplinkBin => "TP-Link 3G modem bin file",
            Format::TplinkTable => "TP-Link built-in modem table",
            Format::Udev => "udev rules for mode switching",
            Format::Native => "stickshift profiles",
        }
    }
}

/// What a file held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Its format.
    pub format: Format,
    /// The entries, in the order of the file.
    pub entries: Vec<Entry>,
    /// What was not taken as it stands.
    pub warnings: Vec<Warning>,
    /// Entries that were refused, because using them would do harm.
    pub refused: Vec<Refused>,
}

/// An entry that is not taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Which one.
    pub entry: String,
    /// Why: one lower-case sentence.
    pub why: String,
    /// The text that is the reason, as it stands in the file.
    pub text: String,
}

/// Entries in a format.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Export {
    /// The file.
    pub bytes: Vec<u8>,
    /// The name that the file should have, where the format cares.
    pub file_name: Option<String>,
    /// What the format cannot carry.
    pub losses: Vec<Loss>,
    /// What its users should know: the quirks of the programs that read it.
    pub notes: Vec<String>,
}

/// Largest file that is looked at: TP-Link's table has 110 KB, OpenWrt's JSON 200 KB.
pub const MAX_FILE: usize = 8 * 1024 * 1024;

/// What format these bytes are in, by content.
pub fn recognise(bytes: &[u8]) -> Option<Format> {
    if bytes.len() > MAX_FILE {
        return None;
    }
    if pack::looks_like(bytes) {
        return Some(Format::Pack);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        if openwrt::looks_like(text) {
            return Some(Format::Openwrt);
        }
        if native::looks_like(text) {
            return Some(Format::Native);
        }
        if udev::looks_like(text) {
            return Some(Format::Udev);
        }
        if tplink::table_looks_like(text) {
            return Some(Format::TplinkTable);
        }
        if usb_modeswitch::looks_like(text) {
            return Some(Format::UsbModeswitch);
        }
    }
    tplink::recognise(bytes)
}

/// Reads a file of any format. `file_name` (without folder) gives the ids of a usb_modeswitch text that does not name them.
///
/// # Errors
/// `WrongFileKind` when it is none of them; `FileTooLarge`; `FileCorrupt` where a format is recognised and broken.
pub fn import(bytes: &[u8], file_name: &str) -> Result<Import> {
    if bytes.len() > MAX_FILE {
        return Err(Error::new(ErrorKind::FileTooLarge, "this is larger than any profile file")
            .with("size", bytes.len()));
    }
    let format = recognise(bytes);
    let format =
        format.ok_or_else(|| Error::new(ErrorKind::WrongFileKind, "this is no profile in a known format"))?;
    let text = || String::from_utf8_lossy(bytes);
    match format {
        Format::UsbModeswitch => {
            let parsed = usb_modeswitch::parse(&text())?;
            let key =
                file_name.parse::<Key>().ok().or(parsed.default_id().map(Key::plain)).ok_or_else(|| {
                    Error::new(
                        ErrorKind::FileCorrupt,
                        "neither the file's name nor its text names the stick's ids",
                    )
                })?;
            let warnings = parsed.warnings.clone();
            let entries = vec![parsed.into_entry(key, file_name)];
            Ok(Import { format, entries, warnings, refused: Vec::new() })
        }
        Format::Pack => pack::parse(bytes),
        Format::Openwrt => openwrt::parse(&text()),
        Format::TplinkBin => tplink::parse_bin(bytes),
        Format::TplinkTable => tplink::parse_table(bytes),
        Format::Udev => Ok(udev::parse(&text())),
        Format::Native => native::parse(&text()),
    }
}

/// Writes entries in a format.
///
/// # Errors
/// `Usage` when the format cannot hold that many entries.
pub fn export(entries: &[Entry], format: Format) -> Result<Export> {
    match format {
        Format::UsbModeswitch => {
            let [entry] = entries else {
                return Err(Error::new(
                    ErrorKind::Usage,
                    "a usb_modeswitch file holds one entry; use an archive for more",
                )
                .with("entries", entries.len()));
            };
            let (text, losses) = usb_modeswitch::emit(entry, false);
            let notes = vec!["its place is /etc/usb_modeswitch.d".to_owned()];
            Ok(Export { bytes: text.into_bytes(), file_name: Some(entry.key.to_string()), losses, notes })
        }
        Format::Pack => pack::emit(entries),
        Format::Openwrt => Ok(openwrt::emit(entries)),
        Format::TplinkBin => tplink::emit_bin(entries),
        Format::TplinkTable => Ok(tplink::emit_table(entries)),
        Format::Udev => Ok(udev::emit(entries)),
        Format::Native => Ok(native::emit(entries)),
    }
}

/// A loss of a named entry.
fn loss(entry: &Entry, what: &str, why: &str) -> Loss {
    Loss { entry: entry.key.to_string(), what: what.to_owned(), why: why.to_owned() }
}

/// The parameters that say something, by their keys in our format.
fn parameter_table(parameters: &Parameters) -> toml::Table {
    let mut table = toml::Table::try_from(parameters).expect("parameters are a table");
    table.retain(|_, value| value.as_array().is_none_or(|items| !items.is_empty()));
    table
}

/// The keys of our format for what `after` does not say as `before` does: what went lost on the way through a format.
fn lost_keys(before: &Parameters, after: &Parameters) -> Vec<String> {
    let (before, after) = (parameter_table(before), parameter_table(after));
    before.into_iter().filter(|(key, value)| after.get(key) != Some(value)).map(|(key, _)| key).collect()
}

#[cfg(test)]
mod tests;
