//! What formats have in common: what is read from a file, what is written to one, and what goes lost on the way.

use serde_json::{Map, Value};

use crate::profile::{Entry, Parameters};

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

/// A file format of switching profiles.
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
    /// A command line of usb_modeswitch. It is only read.
    CommandLine,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 8] = [
        Format::UsbModeswitch,
        Format::Pack,
        Format::Openwrt,
        Format::TplinkBin,
        Format::TplinkTable,
        Format::Udev,
        Format::Native,
        Format::CommandLine,
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
            Format::CommandLine => "command-line",
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
            Format::CommandLine => "command line of usb_modeswitch",
        }
    }
}

/// What a file held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The format that it was recognised as.
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
    /// How many entries are in it; those that are left out wholly are among the losses, as `entry`.
    pub entries: usize,
    /// The name that the file should have, where the format cares.
    pub file_name: Option<String>,
    /// What the format cannot carry.
    pub losses: Vec<Loss>,
    /// What its users should know: the quirks of the programs that read it.
    pub notes: Vec<String>,
}

/// A loss of a named entry.
pub(super) fn loss(entry: &Entry, what: &str, why: &str) -> Loss {
    Loss { entry: entry.key.to_string(), what: what.to_owned(), why: why.to_owned() }
}

/// The keys of our format for what `after` does not say as `before` does: what went lost on the way through a format.
pub(super) fn lost_keys(before: &Parameters, after: &Parameters) -> Vec<String> {
    let said = |parameters| match serde_json::to_value(parameters) {
        Ok(Value::Object(mut said)) => {
            let empty = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
            said.retain(|_, value| !empty(value));
            said
        }
        _ => Map::new(),
    };
    let (before, after) = (said(before), said(after));
    before.into_iter().filter(|(key, value)| after.get(key) != Some(value)).map(|(key, _)| key).collect()
}
