//! The text files of usb_modeswitch: one assignment per line (docs/protocols/mode-switch.md section 2.7).

use std::fmt::Write as _;

use crate::error::{Detail, Error, ErrorKind, Result};
use crate::profile::formats::{Loss, Warning};
use crate::profile::{Entry, Key, Method, Parameters};
use crate::stick::UsbId;

/// Longest text that is read, in bytes. The largest real file has 600.
pub const MAX_TEXT: usize = 64 * 1024;

/// What a text said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// DefaultVendor, if the text names it (files in a data folder leave it to the file name).
    pub default_vendor: Option<u16>,
    /// DefaultProduct, if the text names it.
    pub default_product: Option<u16>,
    /// The product's name: the first comment.
    pub name: Option<String>,
    /// Where the knowledge is from: a comment that begins with `source:`.
    pub source: Option<String>,
    /// Everything else.
    pub parameters: Parameters,
    /// How many names were known.
    pub known: usize,
    /// Lines that were not taken as they stand.
    pub warnings: Vec<Warning>,
}

impl Parsed {
    /// The ids that the text itself names.
    pub fn default_id(&self) -> Option<UsbId> {
        Some(UsbId::new(self.default_vendor?, self.default_product?))
    }

    /// An entry under `key`; `origin` is its source unless the text names one.
    pub fn into_entry(self, key: Key, origin: &str) -> Entry {
        Entry {
            key,
            name: self.name.unwrap_or_default(),
            parameters: self.parameters,
            source: self.source.unwrap_or_else(|| origin.to_owned()),
        }
    }
}

/// Whether a text looks like one of these files: the first line that is neither blank nor a comment is an assignment to a known
/// name.
pub fn looks_like(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with(['#', ';', '!']));
    lines.next().and_then(|line| line.split_once('=')).is_some_and(|(name, _)| is_known(name.trim()))
}

fn is_known(name: &str) -> bool {
    Method::from_config_name(name).is_some()
        || matches!(
            name,
            "DefaultVendor"
                | "DefaultProduct"
                | "TargetVendor"
                | "TargetProduct"
                | "TargetProductList"
                | "TargetClass"
                | "MessageEndpoint"
                | "ResponseEndpoint"
                | "MessageContent"
                | "MessageContent2"
                | "MessageContent3"
                | "ReleaseDelay"
                | "PantechMode"
                | "ResetUSB"
                | "CheckSuccess"
                | "Interface"
                | "Configuration"
                | "AltSetting"
                | "NoDriverLoading"
                | "NeedResponse"
                | "InquireDevice"
                | "WaitBefore"
                | "NoMBIMCheck"
                | "MBIM"
        )
}

/// Reads a text: a superset of what usb_modeswitch takes. Both sides are trimmed, `#`, `;` and `!` begin a comment line, the first assignment
/// of a name counts, and there is no limit on lines. Unknown names and odd values are warned of and ignored.
///
/// # Errors
/// `FileTooLarge`; `FileCorrupt` for a message that is not whole hex bytes (fact `line`), because a stick must not be sent half of one.
pub fn parse(text: &str) -> Result<Parsed> {
    if text.len() > MAX_TEXT {
        return Err(
            Error::new(ErrorKind::FileTooLarge, "the profile text is too long").with("size", text.len())
        );
    }
    let mut parsed = Parsed::default();
    let mut seen: Vec<&str> = Vec::new();
    for (index, raw) in text.lines().enumerate() {
        let line = raw.trim();
        let mut warn = |what: String| parsed.warnings.push(Warning { line: index + 1, what });
        if line.is_empty() {
            continue;
        }
        if let Some(comment) = line.strip_prefix(['#', ';', '!']) {
            let comment = comment.trim_start_matches(['#', ';', '!']).trim();
            match comment.strip_prefix("source:") {
                Some(source) => parsed.source = Some(source.trim().to_owned()),
                None if parsed.name.is_none() && seen.is_empty() && !comment.is_empty() => {
                    parsed.name = Some(comment.to_owned());
                }
                None => {}
            }
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            warn("no '=' in this line, it is ignored".to_owned());
            continue;
        };
        let name = name.trim();
        if name.contains(['#', ';', '!']) {
            warn("a comment sign before the '=' makes usb_modeswitch ignore this line".to_owned());
            continue;
        }
        if !is_known(name) {
            warn(format!("unknown name {name:?}, it is ignored"));
            continue;
        }
        if seen.contains(&name) {
            warn(format!("{name} was given before, the first one counts"));
            continue;
        }
        seen.push(name);
        parsed.known += 1;
        if let Some(what) = assign(&mut parsed, name, unquoted(value), index + 1)? {
            parsed.warnings.push(Warning { line: index + 1, what });
        }
    }
    Ok(parsed)
}

/// The text between the first and the last quote, or all of it.
fn unquoted(value: &str) -> &str {
    let value = value.trim();
    match value.strip_prefix('"') {
        Some(rest) => rest.rfind('"').map_or(rest, |end| &rest[..end]),
        None => value,
    }
}

fn assign(parsed: &mut Parsed, name: &str, value: &str, line: usize) -> Result<Option<String>> {
    let p = &mut parsed.parameters;
    let mut warning = None;
    let mut ignored = || {
        warning = Some(format!("{name}: {value:?} is out of range, it is ignored"));
    };
    let mut hex16 = |slot: &mut Option<u16>| match hexadecimal(value).map(u16::try_from) {
        Some(Ok(n)) => *slot = Some(n),
        _ => ignored(),
    };
    match name {
        "DefaultVendor" => hex16(&mut parsed.default_vendor),
        "DefaultProduct" => hex16(&mut parsed.default_product),
        "TargetVendor" => hex16(&mut p.target_vendor),
        "TargetProduct" => hex16(&mut p.target_product),
        "TargetProductList" => {
            let (good, bad): (Vec<&str>, Vec<&str>) = value
                .split(',')
                .map(str::trim)
                .partition(|item| item.len() == 4 && item.bytes().all(|b| b.is_ascii_hexdigit()));
            p.target_products = good.iter().filter_map(|item| u16::from_str_radix(item, 16).ok()).collect();
            if !bad.is_empty() {
                warning = Some(format!("not four hex digits, left out: {}", bad.join(", ")));
            }
        }
        "TargetClass" | "MessageEndpoint" | "ResponseEndpoint" | "Interface" | "Configuration"
        | "AltSetting" => {
            let slot = match name {
                "TargetClass" => &mut p.target_class,
                "MessageEndpoint" => &mut p.message_endpoint,
                "ResponseEndpoint" => &mut p.response_endpoint,
                "Interface" => &mut p.interface,
                "Configuration" => &mut p.configuration,
                _ => &mut p.alt_setting,
            };
            match hexadecimal(value).map(u8::try_from) {
                Some(Ok(n)) => *slot = Some(n),
                _ => ignored(),
            }
        }
        "PantechMode" => match decimal(value).map(u16::try_from) {
            Some(Ok(n)) => p.pantech = Some(n),
            _ => ignored(),
        },
        "ReleaseDelay" | "CheckSuccess" | "WaitBefore" => {
            let slot = match name {
                "ReleaseDelay" => &mut p.release_delay_ms,
                "CheckSuccess" => &mut p.check_success_s,
                _ => &mut p.wait_before_s,
            };
            match decimal(value).map(u32::try_from) {
                // An hour is more than any stick takes, and a typing error must not stop a router for days.
                Some(Ok(n)) if n <= 3_600_000 => *slot = Some(n),
                _ => ignored(),
            }
        }
        "MessageContent" => p.messages[0] = message(value, line)?,
        "MessageContent2" => p.messages[1] = message(value, line)?,
        "MessageContent3" => p.messages[2] = message(value, line)?,
        "ResetUSB" => p.reset_usb = Some(hexadecimal(value).is_some_and(|n| n != 0)),
        "NoDriverLoading" => p.no_driver_loading = Some(truth(value)),
        "NeedResponse" => p.need_response = Some(truth(value)),
        "NoMBIMCheck" => p.no_mbim_check = Some(truth(value)),
        "MBIM" => p.mbim = Some(truth(value)),
        "InquireDevice" => warning = Some("InquireDevice is obsolete, it is ignored".to_owned()),
        _ => {
            if let Some(method) = Method::from_config_name(name) {
                p.methods.insert(method, truth(value));
            }
        }
    }
    Ok(warning)
}

/// As strtol with base 16 reads: optional sign and `0x`, digits, whatever follows is ignored.
pub(crate) fn hexadecimal(text: &str) -> Option<i64> {
    number(text, 16)
}

/// As strtol with base 10 reads.
pub(crate) fn decimal(text: &str) -> Option<i64> {
    number(text, 10)
}

fn number(text: &str, base: u32) -> Option<i64> {
    let text = text.trim_start();
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let text = match base {
        16 => text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text),
        _ => text,
    };
    let end = text.find(|c: char| !c.is_digit(base)).unwrap_or(text.len());
    // Twelve digits are past every range here, and stay inside i64.
    if end == 0 || end > 12 {
        return None;
    }
    i64::from_str_radix(&text[..end], base).ok().map(|n| sign * n)
}

/// True if the first character is one of YyTt1: `=2` and `=on` are false, as usb_modeswitch has it.
pub(crate) fn truth(text: &str) -> bool {
    text.starts_with(['Y', 'y', 'T', 't', '1'])
}

fn message(text: &str, line: usize) -> Result<Vec<u8>> {
    hex_bytes(text).map_err(|what| Error::new(ErrorKind::FileCorrupt, what).detail(Detail::Line(line)))
}

/// Whole bytes in hex, without blanks between them, at most 1024 of them.
pub(crate) fn hex_bytes(text: &str) -> Result<Vec<u8>, &'static str> {
    if !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err("the message holds something that is not a hex digit");
    }
    if !text.len().is_multiple_of(2) {
        return Err("the message has an odd number of hex digits");
    }
    if text.len() > 2048 {
        return Err("the message is longer than anything that switches a stick");
    }
    Ok(text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect())
}

fn digit(byte: u8) -> u8 {
    (byte as char).to_digit(16).unwrap_or(0) as u8
}

/// Bytes as lower-case hex.
pub(crate) fn hex_text(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all");
        text
    })
}

/// Writes an entry as a file for usb_modeswitch's data folder; its name is `entry.key`. With `with_ids` the ids are written
/// too, as `usb_modeswitch -c FILE` needs them.
pub fn emit(entry: &Entry, with_ids: bool) -> (String, Vec<Loss>) {
    let mut text = String::new();
    let one_line = |s: &str| s.replace(['\r', '\n'], " ");
    if !entry.name.is_empty() {
        writeln!(text, "# {}", one_line(&entry.name)).expect("a string takes all");
    }
    if !entry.source.is_empty() {
        writeln!(text, "# source: {}", one_line(&entry.source)).expect("a string takes all");
    }
    if let (true, Some(id)) = (with_ids, entry.key.id()) {
        writeln!(text, "DefaultVendor=0x{:04x}\nDefaultProduct=0x{:04x}", id.vendor, id.product)
            .expect("a string takes all");
    }
    text.push_str(&assignments(&entry.parameters));
    let mut losses = Vec::new();
    let mut lose =
        |what, why: &str| losses.push(Loss { entry: entry.key.to_string(), what, why: why.to_owned() });
    if entry.parameters.mbim.is_some() {
        lose("MBIM", "usb_modeswitch's wrapper decides about MBIM by itself");
    }
    if entry.parameters.control_message.is_some() {
        lose("control message", "usb_modeswitch cannot send a raw control request");
    }
    if with_ids && !entry.key.qualifiers.is_empty() {
        lose("qualifiers", "they belong into the file's name in /etc/usb_modeswitch.d");
    }
    (text, losses)
}

/// The parameters as assignments, one per line, in a fixed order.
pub fn assignments(p: &Parameters) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut put =
        |name: &str, value: Option<String>| lines.extend(value.map(|value| format!("{name}={value}")));
    let hex4 = |n: Option<u16>| n.map(|n| format!("0x{n:04x}"));
    let hex2 = |n: Option<u8>| n.map(|n| format!("0x{n:02x}"));
    let flag = |on: Option<bool>| on.map(|on| u8::from(on).to_string());
    put("TargetVendor", hex4(p.target_vendor));
    put("TargetProduct", hex4(p.target_product));
    if !p.target_products.is_empty() {
        let list: Vec<String> = p.target_products.iter().map(|n| format!("{n:04x}")).collect();
        put("TargetProductList", Some(format!("\"{}\"", list.join(","))));
    }
    put("TargetClass", hex2(p.target_class));
    put("WaitBefore", p.wait_before_s.map(|n| n.to_string()));
    put("Interface", hex2(p.interface));
    put("MessageEndpoint", hex2(p.message_endpoint));
    put("ResponseEndpoint", hex2(p.response_endpoint));
    for (method, on) in &p.methods {
        put(method.config_name(), flag(Some(*on)));
    }
    put("PantechMode", p.pantech.map(|n| n.to_string()));
    for (index, message) in p.messages.iter().enumerate().filter(|(_, m)| !m.is_empty()) {
        let name = ["MessageContent", "MessageContent2", "MessageContent3"][index];
        put(name, Some(format!("\"{}\"", hex_text(message))));
    }
    put("ReleaseDelay", p.release_delay_ms.map(|n| n.to_string()));
    put("Configuration", p.configuration.map(|n| format!("{n:x}")));
    put("AltSetting", hex2(p.alt_setting));
    put("ResetUSB", flag(p.reset_usb));
    put("CheckSuccess", p.check_success_s.map(|n| n.to_string()));
    put("NeedResponse", flag(p.need_response));
    put("NoMBIMCheck", flag(p.no_mbim_check));
    put("NoDriverLoading", flag(p.no_driver_loading));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests;
