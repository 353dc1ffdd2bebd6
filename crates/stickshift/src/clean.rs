//! Making text that came from outside harmless to show: names of files, fields of firmware, a stick's answers, a stranger's message.
//!
//! A terminal obeys control characters, and direction marks make one text look like another; a line feed inside a value starts a line that
//! nobody wrote. One rule for all of them: such a character is shown as its escape.
//!
//! ```
//! use stickshift::clean;
//!
//! // What would erase the line of a terminal, and a line that nobody wrote.
//! assert_eq!(clean::line("E3372\u{1b}[2K\nok"), "E3372\\u{1b}[2K\\nok");
//! assert_eq!(clean::line("Привет"), "Привет");
//! ```

use std::borrow::Cow;

/// Whether a terminal obeys this character, or it changes how its neighbours look: C0, DEL, C1, direction marks, line separators.
pub fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        )
}

/// A value on one line: line feeds and tabs are escaped too.
pub fn line(text: &str) -> Cow<'_, str> {
    escape(text, is_obeyed)
}

/// A text of several lines that are all its own: line feeds and tabs stay.
pub fn lines(text: &str) -> Cow<'_, str> {
    escape(text, |c| is_obeyed(c) && !matches!(c, '\n' | '\t'))
}

/// A JSON document: what is in it is the same, written with escapes.
pub fn json(document: &str) -> Cow<'_, str> {
    let obeyed = |c| is_obeyed(c) && c != '\n';
    if !document.contains(obeyed) {
        return Cow::Borrowed(document);
    }
    let mut out = String::with_capacity(document.len());
    for c in document.chars() {
        if obeyed(c) { out.push_str(&format!("\\u{:04x}", u32::from(c))) } else { out.push(c) }
    }
    Cow::Owned(out)
}

fn escape(text: &str, is: impl Fn(char) -> bool + Copy) -> Cow<'_, str> {
    if !text.contains(is) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        for code in (0..0x20).chain(0x7f..0xa0).chain([0x61c, 0x200e, 0x200f, 0xfeff]) {
            let c = char::from_u32(code).unwrap();
            assert!(is_obeyed(c) && !line(&c.to_string()).contains(c), "{code:x}");
        }
        for c in ('\u{2028}'..='\u{202e}').chain('\u{2066}'..='\u{2069}') {
            assert!(!line(&c.to_string()).contains(c) && !json(&c.to_string()).contains(c), "{c:?}");
        }
        assert_eq!(line("a\u{1b}[2J\nstick: done"), "a\\u{1b}[2J\\nstick: done");
        assert_eq!(lines("a\n\tb\r"), "a\n\tb\\r");
        assert!(matches!(line("Größe 中文 \u{1f600}"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_means_the_same() {
        let text = "\u{9b}31m \u{202e}x \u{7f} \"quoted\" ü";
        let document = serde_json::to_string_pretty(&serde_json::json!({ "a": text, "b": 1 })).unwrap();
        let shown = json(&document);
        assert!(!shown.contains(|c| is_obeyed(c) && c != '\n'));
        let value: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(value["a"], text);
    }
}
