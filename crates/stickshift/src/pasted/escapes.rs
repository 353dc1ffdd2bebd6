//! Line ends and other control characters as programs write them out: `^M` of chat and `cat -v`, `\r\n` of languages, `<CR><LF>` of ModemManager,
//! `0x0d` of terminals that show hex.

use std::borrow::Cow;

/// A line end, whatever its case.
const ENDS: &[&str] = &[
    "<cr>", "<lf>", "<nl>", "[cr]", "[lf]", "<0x0d>", "<0x0a>", "[0x0d]", "[0x0a]", "<0d>", "<0a>", "[0d]",
    "[0a]", "<\\r>", "<\\n>", "\\x0d", "\\x0a", "\\u000d", "\\u000a", "\\015", "\\012", "%0d", "%0a",
    "&#13;", "&#10;", "&#xd;", "&#xa;", "\u{240d}", "\u{240a}",
];
/// What such an end begins with.
const SIGNS: [char; 8] = ['^', '\\', '<', '[', '%', '&', '\u{240d}', '\u{240a}'];
/// What a modem's next line begins with, where `^M` or `\r` might also be the beginning of a word: `AT^MODE?`, `C:\new`.
const BEGINNINGS: &[&str] = &[
    "OK",
    "ERROR",
    "AT+",
    "AT^",
    "ATI",
    "ATE",
    "ATZ",
    "Manufacturer:",
    "Model:",
    "Revision:",
    "IMEI:",
    "NO CARRIER",
    "CONNECT",
    "BUSY",
    "COMMAND NOT",
];
/// `ESC [ 0 1 ; 3 1 m` is longer than others.
const LONGEST_COLOUR: usize = 16;

/// The text with its line ends in their places, and without the other control characters.
pub(super) fn undone(text: &str) -> Cow<'_, str> {
    let text = without_hex(text);
    if !text.contains(SIGNS) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(at) = rest.find(SIGNS) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match escape(rest) {
            Some((length, end)) => {
                out.extend(end.then_some('\n'));
                rest = &rest[length..];
            }
            None => {
                let first = rest.chars().next().map_or(0, char::len_utf8);
                out.push_str(&rest[..first]);
                rest = &rest[first..];
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// How long the control character is that is written out here, and whether it ends a line.
fn escape(text: &str) -> Option<(usize, bool)> {
    let is = |end: &&&str| text.get(..end.len()).is_some_and(|start| start.eq_ignore_ascii_case(end));
    if let Some(end) = ENDS.iter().find(is) {
        return Some((end.len(), true));
    }
    let mut chars = text.chars();
    let (sign, name, rest) = (chars.next()?, chars.next()?, chars.as_str());
    match (sign, name) {
        ('^', 'M' | 'J') | ('\\', 'r' | 'n') => ends_there(rest).then_some((2, true)),
        ('^', 'D' | 'G' | 'H' | 'I' | 'L' | 'Z') => ends_there(rest).then_some((2, false)),
        ('^', '@') => Some((2, false)),
        ('^', '[') => {
            let colour = rest.strip_prefix('[').and_then(|inner| {
                let mut inner = inner.char_indices().take(LONGEST_COLOUR);
                inner.find(|(_, c)| c.is_ascii_alphabetic()).map(|(at, _)| at + "^[[m".len())
            });
            Some((colour.unwrap_or(2), false))
        }
        _ => None,
    }
}

fn ends_there(rest: &str) -> bool {
    !rest.starts_with(|c: char| c.is_ascii_alphabetic())
        || BEGINNINGS.iter().any(|beginning| rest.starts_with(beginning))
}

/// `860000000000001 0x0d 0x0a`, `OK0x0d`. Alone, 0x0d is a number as any other.
fn without_hex(text: &str) -> Cow<'_, str> {
    const RETURN: &str = "0x0d";
    const NEW_LINE: &str = "0x0a";
    let lower = text.to_ascii_lowercase();
    let mut out = String::new();
    let mut from = 0;
    for (at, _) in lower.match_indices(RETURN) {
        let rest = &lower[at + RETURN.len()..];
        let next = rest.trim_start_matches([' ', ',']);
        let pair = next.starts_with(NEW_LINE);
        let glued = text[..at].ends_with(|c: char| c.is_ascii_alphanumeric())
            && !rest.starts_with(|c: char| c.is_ascii_hexdigit());
        if pair || glued {
            out.push_str(&text[from..at]);
            out.push('\n');
            let gap = if pair { rest.len() - next.len() + NEW_LINE.len() } else { 0 };
            from = at + RETURN.len() + gap;
        }
    }
    if from == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[from..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_that_are_written_out_end_lines() {
        for (written, meant) in [
            ("AT+CGSN^M^M860000000000001^M^J^MOK^M", "AT+CGSN\n\n860000000000001\n\n\nOK\n"),
            ("AT^MODE?^M\n^MODE: 5,4^M", "AT^MODE?\n\n^MODE: 5,4\n"),
            ("^HCSQ: 1^H ^DLOADVER ^[[0;31mred^[[0m^@", "^HCSQ: 1 ^DLOADVER red"),
            ("b'\\r\\n860000000000001\\r\\n\\r\\nOK\\r\\n'", "b'\n\n860000000000001\n\n\n\nOK\n\n'"),
            ("C:\\new\\root USB\\ROOT_HUB", "C:\\new\\root USB\\ROOT_HUB"),
            ("--> 'ATI<CR>' <-- '<cr><LF>OK'", "--> 'ATI\n' <-- '\n\nOK'"),
            ("8600[0x0D]1\\x0d\\015%0D&#13;\u{240d}", "8600\n1\n\n\n\n\n"),
            ("8600 0x0d, 0x0a1OK0x0D", "8600 \n1OK\n"),
            ("wMaxPacketSize 0x0d 0x0d10", "wMaxPacketSize 0x0d 0x0d10"),
            ("a ^ b \\ c < d [ e", "a ^ b \\ c < d [ e"),
        ] {
            assert_eq!(undone(written), meant, "{written}");
        }
    }
}
