//! The text files of usb_modeswitch: one assignment per line (docs/protocols/mode-switch.md section 2.7).
//!
//! ```
//! use stickshift::profile::formats::usb_modeswitch;
//!
//! let parsed = usb_modeswitch::parse("# Huawei E3372\nTargetProduct=1506\nHuaweiNewMode=1\nColour=red\n")?;
//! assert_eq!(parsed.name.as_deref(), Some("Huawei E3372"));
//! assert_eq!(parsed.warnings[0].line, 4);
//! assert_eq!(usb_modeswitch::assignments(&parsed.parameters), "TargetProduct=0x1506\nHuaweiNewMode=1\n");
//! # Ok::<(), stickshift::error::Error>(())
//! ```

use std::fmt::Write as _;

use crate::error::{Detail, Error, ErrorKind, Result};
use crate::hex;
use crate::profile::formats::exchange::{Loss, Warning, loss, lost_keys};
use crate::profile::parameters::MAX_TIME;
use crate::profile::{Entry, Key, Method, Parameters, message};
use lines::{Line, Lines};

mod lines;

use crate::stick::UsbId;

/// What a name stands for, and how its value is written.
enum Value {
    /// An id: four hex digits.
    Id(fn(&mut Parameters) -> &mut Option<u16>),
    /// Ids with commas between them.
    Ids(fn(&mut Parameters) -> &mut Vec<u16>),
    /// Hex, written with two digits and `0x`.
    Byte(fn(&mut Parameters) -> &mut Option<u8>),
    /// Hex, written without `0x`.
    PlainByte(fn(&mut Parameters) -> &mut Option<u8>),
    /// Decimal.
    Number(fn(&mut Parameters) -> &mut Option<u16>),
    /// Decimal, at most [`MAX_TIME`].
    Time(fn(&mut Parameters) -> &mut Option<u32>),
    /// On if it begins with one of YyTt1.
    Flag(fn(&mut Parameters) -> &mut Option<bool>),
    /// On if it is a hex number other than 0.
    NonZero(fn(&mut Parameters) -> &mut Option<bool>),
    /// Hex bytes.
    Message(usize),
    /// The names of the methods, each a flag.
    Methods,
}

/// Each name that stands for a parameter, in the order in which they are written.
const NAMES: [(&str, Value); 22] = [
    ("TargetVendor", Value::Id(|p| &mut p.target_vendor)),
    ("TargetProduct", Value::Id(|p| &mut p.target_product)),
    ("TargetProductList", Value::Ids(|p| &mut p.target_products)),
    ("TargetClass", Value::Byte(|p| &mut p.target_class)),
    ("WaitBefore", Value::Time(|p| &mut p.wait_before_s)),
    ("Interface", Value::Byte(|p| &mut p.interface)),
    ("MessageEndpoint", Value::Byte(|p| &mut p.message_endpoint)),
    ("ResponseEndpoint", Value::Byte(|p| &mut p.response_endpoint)),
    ("", Value::Methods),
    ("PantechMode", Value::Number(|p| &mut p.pantech)),
    ("MessageContent", Value::Message(0)),
    ("MessageContent2", Value::Message(1)),
    ("MessageContent3", Value::Message(2)),
    ("ReleaseDelay", Value::Time(|p| &mut p.release_delay_ms)),
    ("Configuration", Value::PlainByte(|p| &mut p.configuration)),
    ("AltSetting", Value::Byte(|p| &mut p.alt_setting)),
    ("ResetUSB", Value::NonZero(|p| &mut p.reset_usb)),
    ("CheckSuccess", Value::Time(|p| &mut p.check_success_s)),
    ("NeedResponse", Value::Flag(|p| &mut p.need_response)),
    ("NoMBIMCheck", Value::Flag(|p| &mut p.no_mbim_check)),
    ("NoDriverLoading", Value::Flag(|p| &mut p.no_driver_loading)),
    // Only OpenWrt's overlays have it.
    (MBIM, Value::Flag(|p| &mut p.mbim)),
];

/// Read, never written: usb_modeswitch does not know it.
const MBIM: &str = "MBIM";
/// Names that stand for no parameter: the ids of the stick, and what is obsolete.
const OTHER_NAMES: [&str; 3] = ["DefaultVendor", "DefaultProduct", "InquireDevice"];

/// Longest text that is read, in bytes. The largest real file has 600.
pub const MAX_TEXT: usize = 64 * 1024;

/// The longest message, in bytes, that stands in a line as usb_modeswitch reads it.
pub(super) const MAX_MESSAGE: usize = (1023 - "MessageContent2=\"\"".len()) / 2;

/// What a text said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// DefaultVendor, if the text names it (files in a data folder leave it to the file name).
    pub default_vendor: Option<u16>,
    /// DefaultProduct, if the text names it.
    pub default_product: Option<u16>,
    /// The product's name: the first comment, or the first one behind a block that is commented out.
    pub name: Option<String>,
    /// Where the knowledge is from: a comment that begins with `source:`.
    pub source: Option<String>,
    /// Everything else.
    pub parameters: Parameters,
    /// How many names were known.
    pub known: usize,
    /// The first line that would be an assignment if it were no comment.
    pub commented_out: Option<usize>,
    /// Lines that were not taken as they stand.
    pub warnings: Vec<Warning>,
}

impl Parsed {
    /// The ids that the text itself names. Zero is none.
    pub fn default_id(&self) -> Option<UsbId> {
        let some = |id: Option<u16>| id.filter(|id| *id != 0);
        Some(UsbId::new(some(self.default_vendor)?, some(self.default_product)?))
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

/// Whether a text looks like one of these files: at least half of its lines, comments apart, are assignments to known names; or every
/// such assignment is a comment.
pub fn looks_like(text: &str) -> bool {
    let (mut known, mut other, mut commented) = (0, 0, 0);
    for (_, line, _) in Lines::of(text) {
        match line {
            Line::Assignment { .. } => known += 1,
            Line::Comment(comment) => commented += usize::from(lines::is_assignment(&comment)),
            Line::Unknown(_) | Line::Words => other += 1,
        }
    }
    if known == 0 { other == 0 && commented > 0 } else { known >= other }
}

/// The name that was meant, as usb_modeswitch spells it.
fn known_name(name: &str) -> Option<&'static str> {
    let same = |known: &&str| {
        let mut typed = name.bytes().filter(|b| !matches!(b, b' ' | b'\t' | b'_' | b'-'));
        known.bytes().all(|k| typed.next().is_some_and(|t| t.eq_ignore_ascii_case(&k)))
            && typed.next().is_none()
    };
    let parameters = NAMES.iter().map(|(name, _)| *name).filter(|name| !name.is_empty());
    let methods = Method::ALL.into_iter().map(Method::name);
    parameters.chain(methods).chain(OTHER_NAMES).find(same)
}

fn value_of(name: &str) -> Option<&'static Value> {
    NAMES.iter().find(|(known, _)| !known.is_empty() && *known == name).map(|(_, value)| value)
}

/// Reads a text: a superset of what usb_modeswitch takes. Both sides are trimmed, `#`, `;` and `!` begin a comment line, the first assignment
/// of a name counts, and there is no limit on lines. What a mail, a web page or a word processor did to it is undone. Whatever usb_modeswitch would not
/// read alike is warned of, unknown names and odd values too.
///
/// # Errors
/// `FileTooLarge`; `FileCorrupt` for a message that is not whole hex bytes, because a stick must not be sent half of one, and for ids that are none
/// (facts `line` and `character`).
pub fn parse(text: &str) -> Result<Parsed> {
    if text.len() > MAX_TEXT {
        return Err(
            Error::new(ErrorKind::FileTooLarge, "the profile text is too long").with("size", text.len())
        );
    }
    let mut parsed = Parsed::default();
    let mut seen: Vec<&str> = Vec::new();
    let mut is_over = false;
    for (number, line, warnings) in Lines::of(text) {
        let counts = match &line {
            Line::Comment(_) => false,
            Line::Assignment { name, .. } => !seen.contains(name),
            Line::Unknown(_) | Line::Words => true,
        };
        if counts {
            parsed.warnings.extend(warnings.into_iter().map(|what| Warning { line: number, what }));
        }
        // Ids one after the other, with nothing said of the first ones, are a mistake in one device.
        let is_begun = seen.iter().any(|name| !name.starts_with("Default"));
        let is_another = is_begun
            && matches!(&line, Line::Assignment { name, value, .. } if is_another(&parsed, name, value));
        let mut warn = |what: String| parsed.warnings.push(Warning { line: number, what });
        match line {
            Line::Comment(comment) => match comment.strip_prefix("source:") {
                Some(source) => parsed.source = Some(source.trim().to_owned()),
                None if lines::is_assignment(&comment) => {
                    parsed.commented_out.get_or_insert(number);
                    // One option that is commented out ends no block.
                    is_over |= comment.trim_start().starts_with("Default");
                }
                // What a page puts above it is often the path of the file.
                None if comment.is_empty() || comment.starts_with('/') => {}
                // What stands above a block that is commented out names that one.
                None if (parsed.name.is_none() || is_over) && seen.is_empty() => {
                    parsed.name = Some(comment);
                    is_over = false;
                }
                None => {}
            },
            Line::Words => warn("no '=' in this line, it is ignored".to_owned()),
            Line::Unknown(name) if name.contains(['#', ';', '!']) => {
                warn("a comment sign before the '=' makes usb_modeswitch ignore this line".to_owned());
            }
            Line::Unknown(name) => warn(format!("unknown name {name:?}, it is ignored")),
            // What follows would mix two devices.
            Line::Assignment { .. } if is_another => {
                let what =
                    "another device begins here, and the rest is left out: put each into a file of its own";
                parsed.warnings.push(Warning { line: number, what: what.to_owned() });
                break;
            }
            Line::Assignment { name, .. } if seen.contains(&name) => {
                warn(format!("{name} was given before, the first one counts"));
            }
            Line::Assignment { name, value, column } => {
                seen.push(name);
                parsed.known += 1;
                let at = At { line: number, column };
                if let Some(what) = assign(&mut parsed, name, &value, at)? {
                    parsed.warnings.push(Warning { line: number, what });
                }
            }
        }
    }
    Ok(parsed)
}

/// Whether a line names other ids than those before it.
fn is_another(parsed: &Parsed, name: &str, value: &str) -> bool {
    let before = match name {
        "DefaultVendor" => parsed.default_vendor,
        "DefaultProduct" => parsed.default_product,
        _ => None,
    };
    let now = id(name, value, At { line: 0, column: 0 }).ok().flatten();
    before.is_some() && now.is_some() && before != now
}

/// Where a value begins: line and character, both from 1.
#[derive(Clone, Copy)]
struct At {
    line: usize,
    column: usize,
}

impl At {
    fn error(self, offset: usize, what: String) -> Error {
        Error::new(ErrorKind::FileCorrupt, what)
            .detail(Detail::Line(self.line))
            .with("character", self.column + offset)
    }
}

/// Takes one assignment to a known name. The answer is a warning.
fn assign(parsed: &mut Parsed, name: &str, text: &str, at: At) -> Result<Option<String>> {
    let p = &mut parsed.parameters;
    let byte = || hexadecimal(text).and_then(|n| u8::try_from(n).ok());
    let time = || decimal(text).and_then(|n| u32::try_from(n).ok()).filter(|n| *n <= MAX_TIME);
    let mut odd = None;
    let taken = match (name, value_of(name)) {
        ("DefaultVendor" | "DefaultProduct", _) => {
            let id = id(name, text, at)?;
            if id == Some(0) {
                return Ok(Some(format!("{name} is 0, and usb_modeswitch refuses that")));
            }
            let slot = if name == "DefaultVendor" {
                &mut parsed.default_vendor
            } else {
                &mut parsed.default_product
            };
            store(slot, id)
        }
        ("InquireDevice", _) => return Ok(Some("InquireDevice is obsolete, it is ignored".to_owned())),
        ("TargetProduct", _) if text.contains(',') => {
            p.target_products = ids(text).0;
            let what = "usb_modeswitch reads one id here: a list belongs to TargetProductList";
            return Ok(Some(what.to_owned()));
        }
        (_, Some(Value::Id(of))) => store(of(p), id(name, text, at)?),
        (_, Some(Value::Ids(of))) => {
            let (good, bad) = ids(text);
            let (two, prefixed) = (good.len(), text.contains("0x") || text.contains("0X"));
            let is_plain = text.split(',').all(|item| item.len() == 4);
            *of(p) = good;
            return Ok(if !bad.is_empty() {
                Some(format!("not four hex digits, left out: {}", bad.join(", ")))
            } else if prefixed && two > 0 {
                Some(format!("usb_modeswitch reads no 0x in {name}: write the four digits alone"))
            } else if !is_plain && two > 0 && cfg!(feature = "formats") {
                Some(format!(
                    "usb_modeswitch leaves out ids in {name} that have more beside them than a comma"
                ))
            } else {
                None
            });
        }
        (_, Some(Value::Byte(of) | Value::PlainByte(of))) => {
            odd = odd_number(name, text, 16);
            store(of(p), byte())
        }
        (_, Some(Value::Number(of))) => {
            odd = odd_number(name, text, 10);
            store(of(p), decimal(text).and_then(|n| u16::try_from(n).ok()))
        }
        (_, Some(Value::Time(of))) => {
            odd = odd_number(name, text, 10);
            store(of(p), time())
        }
        (_, Some(Value::Flag(of))) => {
            of(p).replace(truth(text));
            return Ok(odd_flag(name, text));
        }
        (_, Some(Value::NonZero(of))) => {
            let on = hexadecimal(text).is_some_and(|n| n != 0);
            of(p).replace(on);
            return Ok((!on).then(|| odd_flag(name, text)).flatten());
        }
        (_, Some(Value::Message(number))) => {
            let (bytes, spaced) = message::read(text)
                .map_err(|bad| at.error(bad.character - 1, format!("{name}: {}", bad.what)))?;
            p.messages[*number] = bytes;
            let what = "usb_modeswitch takes hex digits alone, without blanks, signs or 0x";
            return Ok(spaced.then(|| format!("{name}: {what}")));
        }
        (_, Some(Value::Methods) | None) => {
            if let Some(method) = Method::from_name(name) {
                p.turn(method, truth(text));
            }
            return Ok(odd_flag(name, text));
        }
    };
    Ok(if taken { odd } else { Some(format!("{name}: {text:?} is out of range, it is ignored")) })
}

/// What of a number is read, where something follows it.
fn odd_number(name: &str, text: &str, base: u32) -> Option<String> {
    // A router has no room for this.
    if !cfg!(feature = "formats") {
        return None;
    }
    let text = text.trim();
    let sign = usize::from(text.starts_with(['-', '+']));
    let prefix = if base == 16 && text[sign..].to_ascii_lowercase().starts_with("0x") { 2 } else { 0 };
    let end = sign + prefix + text[sign + prefix..].find(|c: char| !c.is_digit(base))?;
    Some(format!("{name}: only {:?} is read of {text:?}", &text[..end]))
}

/// An id: up to four hex digits. An empty value is none; what stands behind four digits is ignored.
fn id(name: &str, text: &str, at: At) -> Result<Option<u16>> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let digits = text.trim_start();
    let before = text.len() - digits.len();
    let digits = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")).unwrap_or(digits);
    let before = text[..text.len() - digits.len()].chars().count().max(before);
    let length = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
    match digits[length..].chars().next() {
        Some(c) if length < 4 && !c.is_whitespace() && !matches!(c, '#' | ';') => {
            let what = format!("{name}: '{}' is not a hex digit", c.escape_default());
            Err(at.error(before + length, what))
        }
        _ if length == 0 => Err(at.error(before, format!("{name}: there is no id"))),
        _ if length > 4 => {
            Err(at.error(before + 4, format!("{name}: an id has four hex digits, not {length}")))
        }
        _ => Ok(u16::from_str_radix(&digits[..length], 16).ok()),
    }
}

/// The ids of a list, and the items that are none.
fn ids(text: &str) -> (Vec<u16>, Vec<&str>) {
    let read = |item: &str| {
        let digits = item.strip_prefix("0x").or_else(|| item.strip_prefix("0X"));
        let plausible = digits.map_or(item.len() == 4, |d| (1..=4).contains(&d.len()));
        let digits = digits.unwrap_or(item);
        let is_hex = plausible && digits.bytes().all(|b| b.is_ascii_hexdigit());
        u16::from_str_radix(digits, 16).ok().filter(|_| is_hex)
    };
    let items =
        text.split([',', ';']).flat_map(str::split_ascii_whitespace).map(|i| i.trim_matches(['"', '\'']));
    let (good, bad): (Vec<&str>, Vec<&str>) =
        items.filter(|i| !i.is_empty()).partition(|item| read(item).is_some());
    (good.into_iter().filter_map(read).collect(), bad)
}

/// What is wrong with a value that was meant as "on" or "off".
fn odd_flag(name: &str, text: &str) -> Option<String> {
    let word = text.trim().to_ascii_lowercase();
    let plain = matches!(word.as_str(), "" | "0" | "n" | "no" | "f" | "false" | "off" | "0x0" | "00");
    (!truth(text) && !plain).then(|| format!("{name}={text} counts as off: write {name}=1"))
}

/// Keeps what stands there unless there is something new; says whether there was.
fn store<T>(slot: &mut Option<T>, value: Option<T>) -> bool {
    let given = value.is_some();
    *slot = value.or(slot.take());
    given
}

/// As strtol with base 16 reads: optional sign and `0x`, digits, whatever follows is ignored.
pub fn hexadecimal(text: &str) -> Option<i64> {
    number(text, 16)
}

/// As strtol with base 10 reads.
pub fn decimal(text: &str) -> Option<i64> {
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

/// Lets what a text gives win over what stands in `onto`, as usb_modeswitch does with its options and its config text. MBIM is left out:
/// usb_modeswitch does not know it.
pub fn overlay(onto: &mut Parameters, mut text: Parameters) {
    fn win<T>(slot: &mut Option<T>, value: &mut Option<T>) {
        *slot = value.take().or(slot.take());
    }
    fn win_list<T>(slot: &mut Vec<T>, value: &mut Vec<T>) {
        if !value.is_empty() {
            std::mem::swap(slot, value);
        }
    }
    for (_, value) in NAMES.iter().filter(|(name, _)| *name != MBIM) {
        match value {
            Value::Id(of) | Value::Number(of) => win(of(onto), of(&mut text)),
            Value::Ids(of) => win_list(of(onto), of(&mut text)),
            Value::Byte(of) | Value::PlainByte(of) => win(of(onto), of(&mut text)),
            Value::Time(of) => win(of(onto), of(&mut text)),
            Value::Flag(of) | Value::NonZero(of) => win(of(onto), of(&mut text)),
            Value::Message(number) => win_list(&mut onto.messages[*number], &mut text.messages[*number]),
            Value::Methods => {
                for method in Method::ALL {
                    if let Some(on) = text.method(method) {
                        onto.turn(method, on);
                    }
                }
            }
        }
    }
}

/// Writes an entry as a file for usb_modeswitch's data folder; its name is `entry.key`. With `with_ids` the ids are written
/// too, as `usb_modeswitch -c FILE` needs them.
pub fn emit(entry: &Entry, with_ids: bool) -> (String, Vec<Loss>) {
    let entry = &super::with_request_named(entry);
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
    let carried = parse(&text).map(|parsed| parsed.parameters).unwrap_or_default();
    for key in lost_keys(&entry.parameters, &carried) {
        losses.push(match key.as_str() {
            "mbim" => loss(entry, MBIM, "usb_modeswitch's wrapper makes its own decision about MBIM"),
            "control-message" => {
                loss(entry, "control message", "usb_modeswitch cannot send a raw control request")
            }
            other => loss(entry, other, "the format has no name for it"),
        });
    }
    if with_ids && !(entry.key.qualifiers.is_empty() && entry.key.id().is_some()) {
        let what = if entry.key.id().is_some() { "qualifiers" } else { "ids" };
        losses.push(loss(entry, what, "they belong into the file's name in /etc/usb_modeswitch.d"));
    }
    (text, losses)
}

/// The parameters as assignments, one per line, in a fixed order.
pub fn assignments(parameters: &Parameters) -> String {
    let mut p = parameters.clone();
    let mut text = String::new();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            writeln!(text, "{name}={value}").expect("a string takes all");
        }
    };
    let flag = |on: bool| u8::from(on).to_string();
    for (name, value) in NAMES.iter().filter(|(name, _)| *name != MBIM) {
        match value {
            Value::Id(of) => put(name, of(&mut p).map(|n| format!("0x{n:04x}"))),
            Value::Ids(of) => {
                let list: Vec<String> = of(&mut p).iter().map(|n| format!("{n:04x}")).collect();
                put(name, (!list.is_empty()).then(|| format!("\"{}\"", list.join(","))));
            }
            Value::Byte(of) => put(name, of(&mut p).map(|n| format!("0x{n:02x}"))),
            Value::PlainByte(of) => put(name, of(&mut p).map(|n| format!("{n:x}"))),
            Value::Number(of) => put(name, of(&mut p).map(|n| n.to_string())),
            Value::Time(of) => put(name, of(&mut p).map(|n| n.to_string())),
            Value::Flag(of) | Value::NonZero(of) => put(name, of(&mut p).map(flag)),
            Value::Message(number) => {
                let message = Some(&p.messages[*number]).filter(|m| !m.is_empty());
                put(name, message.map(|m| format!("\"{}\"", hex::encode(m))));
            }
            Value::Methods => {
                for method in Method::ALL {
                    put(method.name(), p.method(method).map(flag));
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests;
