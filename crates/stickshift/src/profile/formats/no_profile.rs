//! Files that are taken for profiles and are none: empty ones, damaged ones, the settings of usb_modeswitch itself.

use super::recognise_text;
use super::usb_modeswitch::MAX_TEXT;
use crate::error::{Detail, Error, ErrorKind};
use crate::wire::foreign;
use crate::wire::text::{Encoding, encoding};

/// The names in `/etc/usb_modeswitch.conf` (docs/protocols/mode-switch.md section 3.3).
const SETTINGS: &[&str] =
    &["DisableSwitching", "DisableMBIMGlobal", "EnableLogging", "SetStorageDelay", "HuaweiAltModeGlobal"];

/// What is wrong with a file of no known format; `None` where nothing is known of it.
pub(super) fn told(bytes: &[u8]) -> Option<Error> {
    let none = |what: &str, next| {
        Some(Error::new(ErrorKind::WrongFileKind, what.to_owned()).detail(Detail::NextStep(next)))
    };
    if bytes.is_empty() {
        return foreign::refuse(bytes).err();
    }
    let (encoding, mark) = encoding(bytes);
    let text = match encoding {
        Encoding::Utf8 => String::from_utf8_lossy(&bytes[mark..]).into_owned(),
        wide => wide.utf16(&bytes[mark..]),
    };
    if text.trim().is_empty() {
        return none("there is nothing but blanks in the file", "get the file again from where you have it");
    }
    if text.len() > MAX_TEXT {
        return None;
    }
    if let Some(error) = control_character(&text) {
        return Some(error);
    }
    let is_setting = |line: &str| {
        let name = line.split_once('=').map(|(name, _)| name.trim_matches(['#', ' ', '\t']));
        name.is_some_and(|name| SETTINGS.iter().any(|known| known.eq_ignore_ascii_case(name)))
    };
    if text.lines().any(is_setting) {
        return none(
            "this is usb_modeswitch.conf, the settings of usb_modeswitch itself, and no profile of a stick",
            "profiles of sticks are files such as /etc/usb_modeswitch.d/12d1:1f01: check one of those",
        );
    }
    None
}

/// A profile with a character that no editor writes.
fn control_character(text: &str) -> Option<Error> {
    let is_stray = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\x0c' | '\x1a');
    let stray = text.chars().find(|c| is_stray(*c))?;
    let clean: String = text.chars().filter(|c| !is_stray(*c)).collect();
    recognise_text(&clean)?;
    let before = text.split(stray).next().unwrap_or_default();
    let line = before.split('\n').count();
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    let what = format!("a control character (U+{:04X}) stands in the text", u32::from(stray));
    Some(
        Error::new(ErrorKind::FileCorrupt, what)
            .detail(Detail::Line(line))
            .detail(Detail::InText)
            .with("character", column),
    )
}

#[cfg(test)]
mod tests {
    use crate::error::ErrorKind;
    use crate::profile::formats::import;

    #[test]
    fn what_is_no_profile_is_named_for_what_it_is() {
        let conf = "# Configuration for the usb_modeswitch package\nDisableSwitching=0\n\nEnableLogging=0\n";
        for (bytes, kind, said) in [
            (&b""[..], ErrorKind::WrongFileKind, "the file is empty"),
            (b" \r\n\n", ErrorKind::WrongFileKind, "nothing but blanks"),
            (conf.as_bytes(), ErrorKind::WrongFileKind, "this is usb_modeswitch.conf"),
            (b"TargetClass=ff\nHuaweiMode=1\x01\n", ErrorKind::FileCorrupt, "a control character (U+0001)"),
            (b"\xff\xfeH\0i\0", ErrorKind::WrongFileKind, "not a profile"),
            (b"Hello\x01\n", ErrorKind::WrongFileKind, "not a profile"),
        ] {
            let error = import(bytes, "12d1:1001").unwrap_err();
            assert!(error.is(kind) && error.what().contains(said), "{bytes:?}: {error:?}");
        }
        let error = import(b"TargetClass=ff\nHuaweiMode=1\x01\n", "12d1:1001").unwrap_err();
        assert_eq!((error.line(), error.fact("character")), (Some(2), Some("13")), "{error:?}");
        assert!(import(b"DisableSwitching=0\nHuaweiMode=1\n", "12d1:1001").is_ok());
    }
}
