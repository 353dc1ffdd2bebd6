//! From bytes to lines: other encodings, quotation marks of mails, colours of terminals, spaces of web pages.

use std::borrow::Cow;

use crate::wire::text::{Encoding, encoding};

/// Longer lines are no lines of these programs; the rest is left out.
pub(super) const LONGEST: usize = 4096;

/// One line.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// Without the spaces around it.
    pub(super) text: &'a str,
    /// How many columns it is indented.
    pub(super) indent: usize,
}

/// A text holds no zero bytes, unless Windows wrote it, or a computer that lost its power in the middle of a log.
pub(super) fn without_zeros(bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !bytes.contains(&0) || !matches!(encoding(bytes), (Encoding::Utf8, _)) {
        return Some(Cow::Borrowed(bytes));
    }
    let bytes: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
    let binary = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\x1b');
    std::str::from_utf8(&bytes).is_ok_and(|text| !text.contains(binary)).then_some(Cow::Owned(bytes))
}

/// The text of a file: UTF-8, or UTF-16 as Windows writes it.
pub(super) fn decode(bytes: &[u8]) -> String {
    match encoding(bytes) {
        (Encoding::Utf8, mark) => String::from_utf8_lossy(&bytes[mark..]).into_owned(),
        (wide, mark) => wide.utf16(&bytes[mark..]),
    }
}

/// Calls for each line, cleaned.
pub(super) fn of(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.split(['\n', '\r']).filter_map(|line| {
        let line = cut(line, LONGEST);
        let line = without_quotes(without_number(without_quotes(line)));
        let before = line.len() - line.trim_start_matches(is_space).len();
        let indent = line[..before].chars().map(|c| if c == '\t' { 8 } else { 1 }).sum();
        let text = without_quotes(without_emphasis(line.trim_matches(is_space))).trim_matches(is_space);
        (!text.is_empty()).then_some(Line { text, indent })
    })
}

fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}' | '\u{feff}')
}

fn cut(line: &str, longest: usize) -> &str {
    match line.char_indices().nth(longest) {
        Some((end, _)) => &line[..end],
        None => line,
    }
}

/// Without `> > ` of a mail or a forum, as it is written or as the source of a page.
fn without_quotes(mut line: &str) -> &str {
    loop {
        let rest = line.trim_start();
        let Some(rest) = rest.strip_prefix('>').or_else(|| rest.strip_prefix("&gt;")) else { return line };
        line = rest.strip_prefix(' ').unwrap_or(rest);
    }
}

/// Without the number that an editor or a page has put before it. No line of these programs begins with a number of its own.
fn without_number(line: &str) -> &str {
    let rest = line.trim_start_matches(is_space);
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if !(1..=5).contains(&digits) {
        return line;
    }
    let after = rest[digits..].strip_prefix(['.', ')', ':', '|']).unwrap_or(&rest[digits..]);
    if after.starts_with([' ', '\t']) { &after[1..] } else { line }
}

/// Without the marks of bold and code, and of a list or a comment. `** UNRECOGNIZED:` is read without its stars as well.
fn without_emphasis(mut text: &str) -> &str {
    if let Some(rest) =
        text.strip_prefix("# ").or_else(|| text.strip_prefix("- ")).or_else(|| text.strip_prefix("• "))
    {
        text = rest;
    }
    // A row of a table with one column.
    if let Some(cell) = text.strip_prefix("| ").and_then(|text| text.strip_suffix(" |")) {
        text = cell;
    }
    let text = text.trim_matches(|c: char| c == '*' || is_space(c)).trim_end_matches(['`', '\\']);
    if text.starts_with("`__") { text } else { text.trim_start_matches('`') }
}

/// Without the colours of a terminal and with plain spaces.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(['\u{1b}', '\u{a0}']) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => {
                // ESC [ .. letter
                if chars.clone().next() == Some('[') {
                    let _ = chars.find(char::is_ascii_alphabetic);
                }
            }
            '\u{a0}' => out.push(' '),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_colours_and_encodings_are_taken_off() {
        let texts = |text: &str| of(text).map(|l| (l.indent, l.text.to_owned())).collect::<Vec<_>>();
        assert_eq!(texts("> > a\r\n\r\n    b\n"), [(0, "a".to_owned()), (4, "b".to_owned())]);
        let of_lists =
            "   1\tBus\n12.   Bus\n* *Bus *\n# Bus\n`Bus`\nBus\\\\\n    `__ Port\n2024-02-11 Bus\n5.27] Bus";
        let wanted = ["Bus", "Bus", "Bus", "Bus", "Bus", "Bus", "`__ Port", "2024-02-11 Bus", "5.27] Bus"];
        assert_eq!(texts(of_lists).into_iter().map(|(_, text)| text).collect::<Vec<_>>(), wanted);
        assert_eq!(plain("\u{1b}[33mx\u{1b}[0m\u{a0}y"), "x y");
        assert_eq!(decode(b"\xff\xfea\0b\0"), "ab");
        assert_eq!(decode(b"\xfe\xff\0a"), "a");
    }

    #[test]
    fn zeros_that_a_power_failure_left_in_a_log_are_passed_over() {
        let read = |bytes: &[u8]| without_zeros(bytes).map(Cow::into_owned);
        assert_eq!(read(b"usb 1-1: a\0\0\0\nusb 1-1: b\0").unwrap(), b"usb 1-1: a\nusb 1-1: b");
        assert_eq!(read(b"\xff\xfea\0").unwrap(), b"\xff\xfea\0");
        assert_eq!(read(b"usb 1-1: a\0\x01"), None);
        assert_eq!(read(b"usb 1-1: a\0\xff"), None);
    }
}
