//! What forums, blogs and mail programs do to a text, undone: markup, entities, escapes, encodings, wrapped lines.

use super::lines::Line;
use super::{escapes, joined, log_line, usb_devices};

/// Elements of a page that stand around texts.
const TAGS: &[&str] = &[
    "a",
    "b",
    "blockquote",
    "br",
    "code",
    "dd",
    "div",
    "dl",
    "dt",
    "em",
    "font",
    "i",
    "li",
    "ol",
    "p",
    "pre",
    "samp",
    "small",
    "span",
    "strong",
    "table",
    "tbody",
    "td",
    "tr",
    "tt",
    "u",
    "ul",
];
/// Those of them that end a line.
const ENDING: &[&str] = &["br", "p", "div", "li", "tr", "pre", "blockquote", "dt", "dd"];
/// Tags of forums.
const BBCODE: &[&str] = &[
    "b",
    "center",
    "code",
    "color",
    "font",
    "highlight",
    "i",
    "indent",
    "left",
    "list",
    "noparse",
    "php",
    "pre",
    "quote",
    "right",
    "s",
    "size",
    "spoiler",
    "u",
    "url",
];
/// Longer tags are none.
const LONGEST_TAG: usize = 200;
/// No name of a tag is longer.
const LONGEST_NAME: usize = 16;
const ENTITIES: &[(&str, char)] =
    &[("nbsp", ' '), ("amp", '&'), ("lt", '<'), ("gt", '>'), ("quot", '"'), ("apos", '\'')];

/// The text as it stood in the terminal, as far as its lines go.
pub(super) fn undone(text: &str) -> String {
    let mut plain = without_markup(&without_encoding(text));
    // A shell that shows what it does puts words in quotation marks: `P: 'Vendor=2cb7' 'ProdID=0007'`.
    if plain.contains("'ProdID=") {
        plain.retain(|c| c != '\'');
    }
    let plain = escapes::undone(&plain);
    let mut out = String::with_capacity(plain.len());
    for line in plain.split_inclusive('\n') {
        for (index, part) in joined::parted(line).into_iter().enumerate() {
            if index > 0 && !out.ends_with('\n') {
                out.push('\n');
            }
            out.push_str(part);
        }
    }
    out
}

/// Out of a mail in quoted-printable: only what matters to these texts, because a text may be half of it.
fn without_encoding(text: &str) -> String {
    let encoded = text.contains("=3D") || text.contains("=20\n") || text.contains("=20\r\n");
    if !encoded {
        return text.to_owned();
    }
    let text = text.replace("=\r\n", "").replace("=\n", "");
    let lines = text.split('\n').map(|line| {
        let line = line.trim_end_matches('\r');
        line.strip_suffix("=20").unwrap_or(line).replace("=3D", "=")
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn without_markup(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['<', '[', '&', '\\', '×', '‘', '’', '“', '”']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let mut chars = rest.chars();
        let first = chars.next().unwrap_or_default();
        let after = chars.as_str();
        let (written, skipped) = match first {
            '<' => tag(after, '>', TAGS).map(|(name, length)| {
                let ends = ENDING.contains(&name.as_str());
                (ends.then_some('\n'), length)
            }),
            '[' => tag(after, ']', BBCODE).map(|(_, length)| (None, length)),
            '&' => entity(after).map(|(c, length)| (Some(c), length)),
            // Of Markdown.
            '\\' => {
                after.starts_with(['*', '_', '[', ']', '#', '<', '>', '|', '-', '.']).then_some((None, 0))
            }
            // Typography: `0x` became a multiplication.
            '×' => Some((Some('x'), 0)),
            '‘' | '’' => Some((Some('\''), 0)),
            _ => Some((Some('"'), 0)),
        }
        .unwrap_or((Some(first), 0));
        out.extend(written);
        rest = &after[skipped..];
    }
    out.push_str(rest);
    out
}

/// The name of the tag whose opening bracket stands before `text`, and its length.
fn tag(text: &str, end: char, names: &[&str]) -> Option<(String, usize)> {
    let inner = text.strip_prefix('/').unwrap_or(text);
    // Most brackets are of no tag, and end here.
    let name_end = inner.bytes().take(LONGEST_NAME).take_while(u8::is_ascii_alphanumeric).count();
    let (name, rest) = inner.split_at(name_end);
    let name = name.to_ascii_lowercase();
    if !names.contains(&name.as_str()) || !rest.starts_with(['=', ' ', '/', end]) {
        return None;
    }
    let length = rest.char_indices().take(LONGEST_TAG).find(|(_, c)| *c == end || *c == '\n')?.0;
    let after = rest[length..].strip_prefix(end)?;
    Some((name, text.len() - after.len()))
}

/// `amp;`, `#39;` or `#x27;`. Line ends stay as they are written.
fn entity(text: &str) -> Option<(char, usize)> {
    let end = text.char_indices().take(8).find(|(_, c)| *c == ';')?.0;
    let name = text[..end].to_ascii_lowercase();
    let code = match name.strip_prefix('#') {
        Some(number) => {
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?).filter(|c| !c.is_control())
        }
        None => ENTITIES.iter().find(|(known, _)| *known == name).map(|(_, c)| *c),
    };
    let plain = code.map(|c| if c == '\u{a0}' { ' ' } else { c })?;
    Some((plain, end + 1))
}

/// Fields that a mail program may have put on a line of their own.
const FIELDS: &[&str] = &[
    "Bus", "Lev", "Prnt", "Port", "Cnt", "Dev#", "Spd", "MxCh", "Ver", "Cls", "Sub", "Prot", "MxPS", "#Cfgs",
    "Vendor", "ProdID", "Rev", "#Ifs", "Cfg#", "Atr", "MxPwr", "If#", "Alt", "#EPs", "Driver", "Ivl",
];
/// No line of `lsusb -t` is longer: what lacks its end does not go on for ever.
const LONGEST_BRANCH: usize = 160;
/// With these words no line of the kernel's log ends.
const OPEN_ENDS: &[&str] = &[
    " now",
    " attached",
    " attached to",
    " converter",
    " (1-port)",
    " using",
    " and",
    " and address",
    " number",
    " register",
    " device",
    ",",
];

/// What stood between the two: nothing where a terminal broke the name of a port.
pub(super) fn joint(line: &str) -> &'static str {
    let word = line.rsplit(' ').next().unwrap_or_default();
    if word.starts_with("tty") && word.bytes().all(|b| b.is_ascii_alphabetic()) { "" } else { " " }
}

/// Whether `next` is the rest of `line`, wrapped by a mail program.
pub(super) fn goes_on(line: &str, next: &Line<'_>) -> bool {
    let next = next.text;
    if line.starts_with("|__ Port ") || line.starts_with("/:  Bus ") {
        // Such a line ends with the speed.
        let whole = line.rsplit(", ").next().is_some_and(|last| {
            last.starts_with(|c: char| c.is_ascii_digit()) && last.contains('M') && !last.contains('=')
        });
        let begins = ["|__", "`__", "/:", "ID ", "Bus ", "/sys/", "[", "usb "];
        let other = begins.iter().any(|new| next.starts_with(new)) || usb_devices::letter(next).is_some();
        return !whole && !other && line.len() < LONGEST_BRANCH;
    }
    if usb_devices::letter(line).is_some() {
        let key = next.split('=').next().unwrap_or_default();
        return next.contains('=') && FIELDS.contains(&key);
    }
    if line.contains('|') {
        return line.ends_with([':', ',']) && !next.contains('|') && !next.starts_with("--");
    }
    let is_text = ["Product:", "Manufacturer:", "SerialNumber:"].iter().any(|name| line.contains(name));
    (OPEN_ENDS.iter().any(|end| line.ends_with(end)) || joint(line).is_empty())
        && !is_text
        && log_line::is_line(line)
        && !next.starts_with('[')
        && !log_line::is_line(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_encodings_are_taken_off() {
        for (pasted, meant) in [
            ("<pre>a<br />b&nbsp;&#160;c</pre>", "\na\nb  c\n"),
            ("[COLOR=\"#FF0000\"]usb-storage[/COLOR] [quote=x]y[/quote]", "usb-storage y"),
            (
                "[    5.2] Driver=[none] <info> <snip> ff(vend.) Cls=00(>ifc )",
                "[    5.2] Driver=[none] <info> <snip> ff(vend.) Cls=00(>ifc )",
            ),
            ("&gt; &lt;x&gt; &other; AT&F", "> <x> &other; AT&F"),
            ("&#x27;a&#X27; &#039;b&#39; &#x110000; &#7;", "'a' 'b' &#x110000; &#7;"),
            ("\\*\\* UNRECOGNIZED: 05 \\x41", "** UNRECOGNIZED: 05 \\x41"),
            ("0×19d2 Couldn’t", "0x19d2 Couldn't"),
            ("idProduct  0x90d3=20\nCls=3D02 numberi=\nng\n", "idProduct  0x90d3\nCls=02 numbering\n"),
            ("S:  SerialNumber=\nCls=02\n", "S:  SerialNumber=\nCls=02\n"),
        ] {
            assert_eq!(undone(pasted), meant);
        }
    }

    #[test]
    fn wrapped_lines_are_told_from_new_ones() {
        let goes_on = |line: &str, next: &str| goes_on(line, &Line { text: next, indent: 0 });
        assert!(goes_on("I:  If#=0x0 Alt= 0 #EPs= 2", "Driver=option"));
        assert!(!goes_on("I:  If#=0x0 Alt= 0 #EPs= 2", "I:  If#=0x1"));
        assert!(goes_on("kernel: usb 6-1: New USB device found, idVendor=12d1,", "idProduct=1446"));
        assert!(goes_on("usb 1-1: GSM modem (1-port) converter now", "attached to ttyUSB0"));
        assert!(!goes_on("usb 1-1: Product: USB device", "Manufacturer"));
        assert!(goes_on("usb 1-4: Sierra USB modem converter now attached to ttyU", "SB0"));
        assert_eq!(
            (joint("attached to ttyU"), joint("attached to ttyUSB0"), joint("attached to")),
            ("", " ", " ")
        );
        assert!(!goes_on("usb 1-1: GSM modem (1-port) converter now", "[  5.1] usb 1-1: x"));
        assert!(goes_on("  | ports: ttyUSB0 (at),", "wwan0 (net)"));
        assert!(!goes_on("Hello,", "idProduct=1446"));
        let branch = "|__ Port 3: Dev 5, If 0, Class=Vendor Specific";
        assert!(goes_on(branch, "Class, Driver=option, 480M") && !goes_on(branch, "|__ Port 3: Dev 5, If 1"));
        assert!(!goes_on("|__ Port 3: Dev 5, If 0, Class=x, Driver=option, 480M", "Hello"));
        assert!(!goes_on(branch, "T:  Bus=01 Lev=01") && !goes_on(branch, "[    5.2] usb 1-1: x"));
        assert!(!goes_on(&format!("{branch}{}", " x".repeat(80)), "y"));
    }
}
