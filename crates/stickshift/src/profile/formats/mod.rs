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
use crate::error::{Detail, Error, ErrorKind, Result};
use crate::profile::{Entry, Key, Parameters};

#[cfg(feature = "formats")]
mod command_line;
mod exchange;
#[cfg(feature = "formats")]
mod native;
#[cfg(feature = "formats")]
mod no_profile;
pub(crate) mod openwrt;
#[cfg(feature = "formats")]
mod pack;
mod relaxed_json;
mod text;
#[cfg(feature = "formats")]
pub mod tplink;
#[cfg(feature = "formats")]
mod tplink_cipher;
#[cfg(feature = "formats")]
mod tplink_options;
#[cfg(feature = "formats")]
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
    #[cfg(feature = "formats")]
    if pack::looks_like(bytes) {
        return Some(Format::Pack);
    }
    let text = text::decode(bytes).map(|decoded| decoded.text);
    let format = text.and_then(|text| recognise_text(&text));
    #[cfg(feature = "formats")]
    let format = format.or_else(|| tplink::recognise(bytes));
    format
}

fn recognise_text(text: &str) -> Option<Format> {
    type Test = fn(&str) -> bool;
    let tests: &[(Format, Test)] = &[
        (Format::Openwrt, openwrt::looks_like),
        #[cfg(feature = "formats")]
        (Format::Native, native::looks_like),
        #[cfg(feature = "formats")]
        (Format::Udev, udev::looks_like),
        #[cfg(feature = "formats")]
        (Format::TplinkTable, tplink::table_looks_like),
        #[cfg(feature = "formats")]
        (Format::CommandLine, command_line::looks_like),
        (Format::UsbModeswitch, usb_modeswitch::looks_like),
    ];
    tests.iter().copied().find(|(_, looks_like)| looks_like(text)).map(|(format, _)| format)
}

/// The text of a file that may come from any editor: UTF-8, UTF-16 or Windows-1252. `None` when it is no text.
pub fn decode_text(bytes: &[u8]) -> Option<String> {
    text::decode(bytes).map(|decoded| decoded.text)
}

/// The entries of a text in our own format, which needs no file name to say whom they are for. `None` for every other text.
pub(crate) fn own(text: &str) -> Option<Result<Vec<Entry>>> {
    #[cfg(feature = "formats")]
    return native::looks_like(text).then(|| native::parse(text).map(|import| import.entries));
    #[cfg(not(feature = "formats"))]
    text.contains("[[device]]").then(|| Err(left_out(Format::Native)))
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
    let Some(format) = recognise(bytes) else { return Err(unknown(bytes)) };
    let is_text = !matches!(format, Format::Pack | Format::TplinkBin | Format::TplinkTable);
    let mut import = read(bytes, format, file_name)
        .map_err(|e| if is_text && e.is(ErrorKind::FileCorrupt) { e.detail(Detail::InText) } else { e })?;
    // Names go into comments of other formats, where a line end would begin a line of its own.
    for entry in &mut import.entries {
        for text in [&mut entry.name, &mut entry.source] {
            *text = clean::line(text).into_owned();
        }
    }
    Ok(import)
}

/// What a file is that is of no format: empty, damaged, or of another program's.
fn unknown(bytes: &[u8]) -> Error {
    #[cfg(feature = "formats")]
    if let Some(error) = no_profile::told(bytes) {
        return error;
    }
    let what = if bytes.is_empty() { "the file is empty" } else { "not a profile in a known format" };
    Error::new(ErrorKind::WrongFileKind, what)
}

fn read(bytes: &[u8], format: Format, file_name: &str) -> Result<Import> {
    #[cfg(feature = "formats")]
    match format {
        Format::Pack => return pack::parse(bytes),
        Format::TplinkBin => return tplink::parse_bin(bytes),
        Format::TplinkTable => return tplink::parse_table(bytes),
        _ => {}
    }
    let decoded = text::decode(bytes);
    let decoded = decoded.ok_or_else(|| Error::new(ErrorKind::WrongFileKind, "this is no text"))?;
    let text = &decoded.text;
    let mut import = match format {
        Format::UsbModeswitch => usb_modeswitch_file(text, file_name)?,
        Format::Openwrt => openwrt::parse(text, file_name)?,
        #[cfg(feature = "formats")]
        Format::Udev => udev::parse(text),
        #[cfg(feature = "formats")]
        Format::CommandLine => command_line::parse(text)?,
        #[cfg(feature = "formats")]
        _ => native::parse(text)?,
        #[cfg(not(feature = "formats"))]
        _ => return Err(left_out(format)),
    };
    import.warnings.splice(0..0, decoded.warnings);
    Ok(import)
}

fn usb_modeswitch_file(text: &str, file_name: &str) -> Result<Import> {
    let (text, pasted) = without_shell(text);
    let parsed = usb_modeswitch::parse(&text)?;
    if let (0, Some(line)) = (parsed.known, parsed.commented_out) {
        let what = "every line is a comment: take away the sign at the beginning of those that are meant";
        let error = Error::new(ErrorKind::FileCorrupt, what).detail(Detail::Line(line));
        return Err(error.with("character", 1));
    }
    let mut warnings = parsed.warnings.clone();
    let named = Key::from_file_name(file_name).ok();
    if let (None, [(first, _), rest @ ..]) = (&named, &pasted[..])
        && let Some((_, line)) = rest.iter().find(|(key, _)| key != first)
    {
        let what = "the text is of several files: convert them one by one";
        return Err(Error::new(ErrorKind::FileCorrupt, what).detail(Detail::Line(*line)));
    }
    let named = named.map(|(key, warning)| (key, warning, "file's name"));
    let named = named.or_else(|| pasted.into_iter().next().map(|(key, _)| (key, None, "command")));
    let key = match (named, parsed.default_id()) {
        (Some((key, warning, by)), default) => {
            warnings.extend(warning.map(|what| Warning { line: 0, what }));
            if let Some(id) = default.filter(|id| Some(*id) != key.id() && key.id().is_some()) {
                let what = format!("the {by} says {key}, the text {id}: the {by} counts");
                warnings.push(Warning { line: 0, what });
            }
            key
        }
        (None, Some(id)) => Key::plain(id),
        (None, None) => {
            let what = "neither the file's name nor its text names the stick's ids: add DefaultVendor and DefaultProduct";
            return Err(Error::new(ErrorKind::FileCorrupt, what));
        }
    };
    let entries = vec![parsed.into_entry(key, file_name)];
    Ok(Import { format: Format::UsbModeswitch, entries, warnings, refused: Vec::new() })
}

/// The text without the commands that write it into its file, as instructions have them (`cat > /etc/usb_modeswitch.d/12d1:1f01 <<EOF`), and the
/// keys that those name, with their lines.
fn without_shell(text: &str) -> (String, Vec<(Key, usize)>) {
    let (mut keys, mut end, mut kept) = (Vec::new(), None, String::with_capacity(text.len()));
    for (line, number) in text.split_inclusive('\n').zip(1..) {
        let key = line.split_once("usb_modeswitch.d/").and_then(|(_, name)| {
            let name = name.split(|c: char| c.is_whitespace() || "\"'<>|;&)".contains(c)).next()?;
            name.replace('\\', "").parse().ok()
        });
        let is_command = key.is_some() && !line.trim_start().starts_with('#');
        if let Some((_, word)) = line.split_once("<<").filter(|_| is_command) {
            let word =
                word.trim_start_matches('-').split(|c: char| c.is_whitespace() || c == '>' || c == '|');
            end = word.map(|word| word.trim_matches(['"', '\''])).find(|word| !word.is_empty()).or(end);
        }
        keys.extend(key.filter(|_| is_command).map(|key| (key, number)));
        match is_command || end == Some(line.trim()) {
            true => kept.push('\n'),
            false => kept.push_str(line),
        }
    }
    (kept, keys)
}

/// Writes entries in a format.
///
/// # Errors
/// `Usage` when the format cannot hold that many entries.
pub fn export(entries: &[Entry], format: Format) -> Result<Export> {
    let named: Vec<Entry> = entries.iter().map(with_request_named).collect();
    let (left_out, kept): (Vec<&Entry>, Vec<&Entry>) =
        named.iter().partition(|entry| cannot_act(&entry.parameters, format).is_some());
    if left_out.is_empty() {
        let has_requests = matches!(format, Format::TplinkBin | Format::TplinkTable | Format::Native);
        return write(if has_requests { entries } else { &named }, format);
    }
    let kept: Vec<Entry> = kept.into_iter().cloned().collect();
    let mut export = if kept.is_empty() { Export::default() } else { write(&kept, format)? };
    let lost = left_out.iter().filter_map(|entry| {
        cannot_act(&entry.parameters, format).map(|why| exchange::loss(entry, "entry", why))
    });
    export.losses.extend(lost);
    Ok(export)
}

/// Why a profile would only look as if it switched the stick.
fn cannot_act(parameters: &Parameters, format: Format) -> Option<&'static str> {
    let of_usb_modeswitch = matches!(format, Format::UsbModeswitch | Format::Pack);
    if of_usb_modeswitch && parameters.messages().any(|m| m.len() > usb_modeswitch::MAX_MESSAGE) {
        return Some("usb_modeswitch reads no more than 1023 characters of a line, and its message has more");
    }
    if !(of_usb_modeswitch || format == Format::Openwrt) {
        return None;
    }
    parameters.control_message?;
    let rest = Parameters { control_message: None, ..parameters.clone() };
    let acts = rest.does_something() || rest.is_leave_alone();
    (!acts).then_some(
        "a raw control request is all that it sends, and only TP-Link's formats and stickshift's own have those",
    )
}

/// An entry with its raw control request under the name of a method, where that is one.
fn with_request_named(entry: &Entry) -> Entry {
    let mut entry = entry.clone();
    if entry.parameters.control_message.is_some() {
        entry.parameters = entry.parameters.with_named_methods();
    }
    entry
}

fn write(entries: &[Entry], format: Format) -> Result<Export> {
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
            let notes = vec![format!("install it as /etc/usb_modeswitch.d/{}", entry.key)];
            let file_name = Some(entry.key.to_string());
            Ok(Export { bytes: text.into_bytes(), entries: 1, file_name, losses, notes })
        }
        Format::Openwrt => Ok(openwrt::emit(entries)),
        #[cfg(feature = "formats")]
        Format::Pack => pack::emit(entries),
        #[cfg(feature = "formats")]
        Format::TplinkBin => tplink::emit_bin(entries),
        #[cfg(feature = "formats")]
        Format::TplinkTable => Ok(tplink::emit_table(entries)),
        #[cfg(feature = "formats")]
        Format::Udev => Ok(udev::emit(entries)),
        #[cfg(feature = "formats")]
        Format::Native => Ok(native::emit(entries)),
        Format::CommandLine => {
            Err(Error::new(ErrorKind::Usage, "a command line of usb_modeswitch is only read, not written"))
        }
        #[cfg(not(feature = "formats"))]
        _ => Err(left_out(format)),
    }
}

#[cfg(not(feature = "formats"))]
fn left_out(format: Format) -> Error {
    let what = format!(
        "this build of stickshift has the formats of usb_modeswitch and OpenWrt only: no {}",
        format.words()
    );
    Error::new(ErrorKind::Unsupported, what)
}

#[cfg(test)]
mod tests;
