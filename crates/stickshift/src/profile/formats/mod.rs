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

use crate::clean;
use crate::error::{Error, ErrorKind, Result};
use crate::profile::{Entry, Key};

mod exchange;
mod native;
pub(crate) mod openwrt;
mod pack;
pub mod tplink;
mod tplink_options;
pub mod udev;
pub mod usb_modeswitch;

pub use exchange::{Export, Format, Import, Loss, Refused, Warning};

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
        format.ok_or_else(|| Error::new(ErrorKind::WrongFileKind, "not a profile in a known format"))?;
    let mut import = read(bytes, format, file_name)?;
    // Names go into comments of other formats, where a line end would begin a line of its own.
    for entry in &mut import.entries {
        for text in [&mut entry.name, &mut entry.source] {
            *text = clean::line(text).into_owned();
        }
    }
    Ok(import)
}

fn read(bytes: &[u8], format: Format, file_name: &str) -> Result<Import> {
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
            let notes = vec!["install it in /etc/usb_modeswitch.d".to_owned()];
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

#[cfg(test)]
mod tests;
