//! Programs that show descriptors in other punctuation than `lsusb -v`: Microsoft's USBView, USB Device Tree Viewer, USBlyzer, pyusb.

use super::{Format, Reader};

const HEADINGS: &[&str] =
    &["Device Descriptor", "Configuration Descriptor", "Interface Descriptor", "Endpoint Descriptor"];

/// What such a text told of the lines that come next.
#[derive(Debug, Default)]
pub(super) struct Viewer {
    /// One of its lines was seen.
    pub(super) seen: bool,
    /// A heading of USBlyzer, which counts when its columns follow.
    begun: Option<&'static str>,
    /// The field whose text is in the next line.
    text_of: Option<String>,
}

/// `---------------- Interface Descriptor -----------------`
fn dashed(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("---")?.strip_suffix("---")?.trim_matches(['-', ' ']);
    inner.ends_with("Descriptor").then_some(inner)
}

/// `Interface Descriptor 0/0 Mass Storage, 2 Endpoints`
fn begun(text: &str) -> Option<&'static str> {
    HEADINGS.iter().copied().find(|h| text.strip_prefix(h).is_some_and(|rest| rest.starts_with(' ')))
}

/// `Offset  Field  Size  Value  Description`
fn are_columns(text: &str) -> bool {
    let mut words = text.split_whitespace();
    [words.next(), words.next(), words.next(), words.next()]
        == [Some("Offset"), Some("Field"), Some("Size"), Some("Value")]
}

/// `idVendor: 0x12D1 (Huawei ..)` and `idVendor  2  12D1h  Huawei ..`: the name, the number with 0x, what follows.
fn field(text: &str) -> Option<(&str, String, &str)> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric())?;
    let (key, rest) = text.split_at(end);
    let prefixes = ["id", "bcd", "b", "bm", "i", "w", "Max"];
    let capital =
        |prefix: &&str| key.strip_prefix(*prefix).is_some_and(|k| k.starts_with(char::is_uppercase));
    if !prefixes.iter().any(capital) {
        return None;
    }
    let rest = rest.trim_start();
    let is_hex =
        |digits: &str| (1..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if let Some(value) = rest.strip_prefix(':') {
        let (number, after) = cut(value.trim_start());
        let digits = number.strip_prefix("0x").or_else(|| number.strip_prefix("0X"))?;
        return is_hex(digits).then(|| (key, format!("0x{digits}"), after));
    }
    let (size, value) = cut(rest);
    let (number, after) = cut(value);
    let digits = number.strip_suffix('h')?;
    let is_size = (1..=2).contains(&size.len()) && size.bytes().all(|b| b.is_ascii_digit());
    (is_size && is_hex(digits)).then(|| (key, format!("0x{digits}"), after))
}

/// The first word, and what follows.
fn cut(text: &str) -> (&str, &str) {
    text.split_once(char::is_whitespace).map_or((text, ""), |(word, rest)| (word, rest.trim_start()))
}

fn quoted(text: &str) -> Option<&str> {
    text.split_once('"')?.1.rsplit_once('"').map(|(inner, _)| inner)
}

impl Reader {
    /// A line of such a program.
    pub(super) fn viewer_line(&mut self, text: &str) -> bool {
        if let Some(heading) = dashed(text) {
            self.in_viewer();
            return self.heading(heading);
        }
        if are_columns(text)
            && let Some(heading) = self.verbose.viewer.begun.take()
        {
            self.in_viewer();
            return self.heading(heading);
        }
        self.verbose.viewer.begun = begun(text);
        // `0x0409: "HUAWEI_MOBILE"` after the number of the text.
        if let Some(key) = self.verbose.viewer.text_of.take_if(|_| text.contains("0x04"))
            && let Some(text) = quoted(text)
        {
            return self.field(&key, &format!("0x00 {text}"));
        }
        let Some((key, number, after)) = field(text) else { return false };
        self.in_viewer();
        let is_text = key.strip_prefix('i').is_some_and(|key| key.starts_with(char::is_uppercase));
        let words = if is_text { quoted(after).unwrap_or_default() } else { after };
        self.verbose.viewer.text_of = (is_text && words.is_empty()).then(|| key.to_owned());
        self.field(key, &format!("{number} {words}"))
    }

    /// Headings alone are those of lsusb, too.
    fn in_viewer(&mut self) {
        if !std::mem::replace(&mut self.verbose.viewer.seen, true)
            && let Some(device) = self.verbose.device.and_then(|index| self.devices.get_mut(index))
        {
            device.formats.retain(|format| *format != Format::LsusbVerbose);
            device.is_in(Format::Viewer);
        }
    }
}
