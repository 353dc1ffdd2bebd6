//! Texts as they reach us: out of Windows editors, mails, web pages and word processors. Everything that a profile can be read from is brought into one
//! form here, and what was changed is said.

use std::borrow::Cow;

use crate::profile::formats::exchange::Warning;
use crate::wire::text::{Encoding, encoding};

/// A file as text, and how it had to be read.
pub(super) struct Decoded {
    pub(super) text: String,
    pub(super) warnings: Vec<Warning>,
}

/// The text of a file: UTF-8, UTF-16 with or without its mark, or Windows-1252. `None` when it holds what no text holds.
pub(super) fn decode(bytes: &[u8]) -> Option<Decoded> {
    let (encoding, mark) = encoding(bytes);
    let (text, said) = match (encoding, mark) {
        (Encoding::Utf8, 0) => match std::str::from_utf8(bytes) {
            Ok(text) => (text.to_owned(), None),
            Err(_) => (
                bytes.iter().map(|b| windows_1252(*b)).collect(),
                Some("the file is not UTF-8 and was read as Windows-1252 (Latin-1)"),
            ),
        },
        (Encoding::Utf8, _) => (
            String::from_utf8_lossy(&bytes[mark..]).into_owned(),
            Some("the file begins with a byte order mark"),
        ),
        (wide, _) => (wide.utf16(&bytes[mark..]), Some("the file is UTF-16")),
    };
    let is_text = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r' | '\x0c' | '\x1a');
    if !text.chars().all(|c| is_text(c) && c != char::REPLACEMENT_CHARACTER) {
        return None;
    }
    let only_returns = text.contains('\r') && !text.contains('\n');
    let returns =
        only_returns.then_some("the lines end with CR alone: usb_modeswitch takes the file for one line");
    let text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\x1a', "");
    let warnings =
        said.into_iter().chain(returns).map(|what| Warning { line: 1, what: what.to_owned() }).collect();
    Some(Decoded { text, warnings })
}

fn windows_1252(byte: u8) -> char {
    /// 0x80 to 0x9f; Latin-1 has control characters there.
    const MIDDLE: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
        '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9f => MIDDLE[usize::from(byte - 0x80)],
        other => char::from(other),
    }
}

/// A line as its author typed it, and what a web page or a word processor had made of it.
pub(super) fn plain(line: &str) -> (Cow<'_, str>, Option<String>) {
    let mut changed: Vec<&str> = Vec::new();
    let mut line = Cow::Borrowed(line);
    if line.contains('&')
        && let Some(text) = without_entities(&line)
    {
        changed.push("HTML entities");
        line = text.into();
    }
    if let Some(text) = without_tags(&line) {
        changed.push("HTML tags");
        line = text.into();
    }
    if !line.is_ascii() {
        let mut text = String::with_capacity(line.len());
        for c in line.chars() {
            let (typed, what) = typed(c);
            text.extend(typed);
            if !what.is_empty() && !changed.contains(&what) {
                changed.push(what);
            }
        }
        line = text.into();
    }
    // `''` is what some editors make of a quote.
    if line.contains("''") {
        line = line.replace("''", "\"").into();
        changed.push("two single quotes for a double one");
    }
    let said = (!changed.is_empty()).then(|| {
        format!("{} in this line are read as what was meant; usb_modeswitch does not", changed.join(" and "))
    });
    (line, said)
}

/// What a character stands for, and what it is called when it stands for something else.
fn typed(c: char) -> (Option<char>, &'static str) {
    match c {
        '\u{201c}'..='\u{201f}'
        | '\u{2033}'
        | '\u{2036}'
        | '\u{ab}'
        | '\u{bb}'
        | '\u{ff02}'
        | '\u{2018}'
        | '\u{2019}'
        | '\u{201a}'
        | '\u{201b}'
        | '\u{2032}'
        | '\u{2035}'
        | '\u{b4}' => (Some('"'), "curly quotes"),
        '\u{d7}' | '\u{445}' | '\u{2715}' | '\u{ff58}' => (Some('x'), "multiplication signs"),
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}' => {
            (Some(' '), "blanks that do not break")
        }
        '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}' => (None, "invisible characters"),
        '\u{2010}'..='\u{2015}' | '\u{2212}' => (Some('-'), "long dashes"),
        '\u{ff1d}' => (Some('='), "wide characters"),
        '\u{ff1a}' => (Some(':'), "wide characters"),
        '\u{ff0c}' => (Some(','), "wide characters"),
        '\u{ff10}'..='\u{ff19}' | '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' => {
            (char::from_u32(u32::from(c) - 0xfee0), "wide characters")
        }
        other => (Some(other), ""),
    }
}

fn without_entities(line: &str) -> Option<String> {
    let mut text = String::with_capacity(line.len());
    let (mut rest, mut any) = (line, false);
    while let Some(at) = rest.find('&') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.char_indices().take(10).find(|(_, c)| *c == ';').map(|(end, _)| end);
        match end.and_then(|end| Some((entity(&rest[1..end])?, end))) {
            Some((c, end)) => {
                text.push(c);
                rest = &rest[end + 1..];
                any = true;
            }
            None => {
                text.push('&');
                rest = &rest[1..];
            }
        }
    }
    text.push_str(rest);
    any.then_some(text)
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        return char::from_u32(code.ok()?).filter(|c| !c.is_control());
    }
    Some(match name {
        "quot" | "ldquo" | "rdquo" | "bdquo" | "laquo" | "raquo" | "Prime" => '"',
        "apos" | "lsquo" | "rsquo" | "prime" => '\u{2019}',
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "nbsp" | "ensp" | "emsp" | "thinsp" => ' ',
        "times" => 'x',
        "ndash" | "mdash" | "minus" => '-',
        "equals" => '=',
        "colon" => ':',
        "comma" => ',',
        "num" => '#',
        "shy" | "zwnj" | "zwj" => '\u{ad}',
        _ => return None,
    })
}

/// Without `<br>`, `<p>`, `<code>` and the like: what a copied page leaves.
fn without_tags(line: &str) -> Option<String> {
    const TAGS: [&str; 12] =
        ["br", "p", "code", "pre", "div", "span", "b", "i", "tt", "li", "blockquote", "font"];
    let mut text = String::with_capacity(line.len());
    let (mut rest, mut any) = (line, false);
    while let Some(at) = rest.find('<') {
        // No tag holds another one's beginning: a line of these alone would be read to its end for each.
        let end = rest[at + 1..].find(['<', '>']).map(|end| at + 1 + end);
        let inside = end.filter(|end| rest[*end..].starts_with('>')).map(|end| &rest[at + 1..end]);
        let is_tag = |inside: &&str| {
            let name = inside.trim_start_matches('/');
            let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
            TAGS.iter().any(|tag| tag.eq_ignore_ascii_case(&name[..end]))
        };
        text.push_str(&rest[..at]);
        match inside.filter(is_tag) {
            Some(inside) => {
                rest = &rest[at + inside.len() + 2..];
                any = true;
            }
            None => {
                text.push('<');
                rest = &rest[at + 1..];
            }
        }
    }
    text.push_str(rest);
    any.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> Option<(String, usize)> {
        decode(bytes).map(|d| (d.text, d.warnings.len()))
    }

    #[test]
    fn the_encodings_of_editors_are_read() {
        let read = |text: &str, warnings| Some((text.to_owned(), warnings));
        assert_eq!(decoded(b"a=1\nb=2"), read("a=1\nb=2", 0));
        assert_eq!(decoded(b"\xef\xbb\xbfa=1\r\nb=2\r\n"), read("a=1\nb=2\n", 1));
        assert_eq!(decoded(b"\xff\xfea\0=\x001\0"), read("a=1", 1));
        assert_eq!(decoded(b"\xfe\xff\0a\0=\x001"), read("a=1", 1));
        assert_eq!(decoded(b"a\0=\x001\0"), read("a=1", 1), "without a mark");
        assert_eq!(decoded(b"Cl\xe9 \x93x\x94"), read("Clé “x”", 1));
        assert_eq!(decoded(b"old\rMac"), read("old\nMac", 1));
        assert_eq!(decoded(b"\x7fELF\x01\0\0\0"), None);
        assert_eq!(decoded(&[0xff, 0xfe, 0, 0xdc]), None, "half a character");
    }

    #[test]
    fn what_pages_and_word_processors_make_of_a_line() {
        for (line, typed) in [
            ("A=&quot;55&#8243;", "A=\"55\""),
            ("A=&ldquo;55&rdquo;&nbsp;", "A=\"55\" "),
            ("A=&#x22;55&#34;<br />", "A=\"55\""),
            ("A=\u{201c}55\u{201d}", "A=\"55\""),
            ("A=''55''", "A=\"55\""),
            ("A=0\u{d7}12", "A=0x12"),
            ("A=\u{a0}1\u{200b}2", "A= 12"),
            ("<p>A=1</p>", "A=1"),
        ] {
            let (text, said) = plain(line);
            assert_eq!(text, typed, "{line}");
            assert!(said.is_some(), "{line}");
        }
        for same in ["# AT&T <ask me>", "A=1 & 2", "B=<b", "# Müller"] {
            assert_eq!(plain(same), (Cow::Borrowed(same), None));
        }
    }
}
