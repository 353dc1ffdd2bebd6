//! The documents of the HiLink API: bytes that are nearly XML, read leniently into a small tree, and requests written back.
//!
//! What sticks send that XML forbids is repaired before parsing: surrogate halves in UTF-8 (CESU-8), control characters in tags, a
//! bare `&`, blanks inside of tags (docs/protocols/hilink-at.md section 1.1).
//!
//! ```
//! use stickshift::hilink::xml;
//!
//! // A bare `&` is no XML; sticks send it.
//! let reply = xml::parse(b"<response><ShortName>A&B</ShortName><State>0</State></response>")?;
//! assert_eq!((reply.value("ShortName"), reply.number("State")), (Some("A&B"), Some(0)));
//! assert_eq!(xml::element("Content", "a<b"), "<Content>a&lt;b</Content>");
//! # Ok::<(), stickshift::error::Error>(())
//! ```

use quick_xml::Reader;
use quick_xml::events::Event;

use crate::error::{Error, ErrorKind, Result};

/// Largest document that is read. A full page of messages is about 100 KiB.
pub const DOCUMENT_LIMIT: usize = 4 * 1024 * 1024;

/// Deepest nesting; real documents have four levels.
const DEPTH_LIMIT: usize = 32;
/// Most elements; a list of networks or messages has a few thousand.
const ELEMENT_LIMIT: usize = 50_000;

/// An element with its text and children.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// Its name as sent; the API's letters vary in case.
    pub name: String,
    /// Its text, trimmed.
    pub text: String,
    /// What is in it, in order.
    pub children: Vec<Element>,
}

impl Element {
    /// The first child of a name, compared without case.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|c| c.name.eq_ignore_ascii_case(name))
    }

    /// The children of a name, compared without case.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |c| c.name.eq_ignore_ascii_case(name))
    }

    /// A child's text, `None` when it is missing or empty.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.child(name).map(|c| c.text.as_str()).filter(|t| !t.is_empty())
    }

    /// A child's text as owned, `None` when it is missing or empty.
    pub fn string(&self, name: &str) -> Option<String> {
        self.value(name).map(str::to_owned)
    }

    /// A child's text as a number, `None` when it is missing, empty or none.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.value(name)?.parse().ok()
    }

    /// A child's text as a yes or no, `None` when it is neither 1 nor 0.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.value(name)? {
            "1" => Some(true),
            "0" => Some(false),
            _ => None,
        }
    }
}

/// Reads a document into its root element.
///
/// # Errors
/// `UnexpectedAnswer` with the fact `offset` (in the repaired text) for what is cut, too large, too deep, or no XML at all.
pub fn parse(bytes: &[u8]) -> Result<Element> {
    if bytes.len() > DOCUMENT_LIMIT {
        return Err(bad("the stick's document is too large", 0).with("limit", DOCUMENT_LIMIT));
    }
    let text = repair(bytes);
    let mut reader = Reader::from_str(&text);
    let config = reader.config_mut();
    // Names are compared by nobody: a closing tag closes what is open.
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    let mut open: Vec<Element> = Vec::new();
    let mut elements = 0;
    let mut high = None;
    loop {
        let event = reader.read_event();
        let offset = reader.buffer_position();
        let event = event.map_err(|_| bad("the stick's answer is no XML", offset))?;
        let closed = match event {
            Event::Start(ref tag) | Event::Empty(ref tag) => {
                elements += 1;
                if open.len() >= DEPTH_LIMIT || elements > ELEMENT_LIMIT {
                    return Err(bad("the stick's document has no end to its elements", offset));
                }
                open.push(Element { name: tag.name().0.to_owned(), ..Element::default() });
                matches!(event, Event::Empty(_))
            }
            Event::End(_) => true,
            Event::Text(piece) => {
                push_text(&mut open, &piece);
                false
            }
            Event::CData(piece) => {
                push_text(&mut open, &piece);
                false
            }
            Event::GeneralRef(reference) => {
                push_text(&mut open, &resolve(&reference, &mut high));
                false
            }
            Event::Eof => return Err(bad("the stick's document is cut", offset)),
            // A declaration, a comment, a document type: nothing of the API's. Entities are never expanded.
            _ => false,
        };
        if closed {
            let Some(mut element) = open.pop() else {
                return Err(bad("the stick's answer is no XML", offset));
            };
            element.text = element.text.trim().to_owned();
            match open.last_mut() {
                Some(parent) => parent.children.push(element),
                None => return Ok(element),
            }
        }
    }
}

fn bad(what: &str, offset: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::UnexpectedAnswer, what).with("offset", offset)
}

fn push_text(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

/// The text of `&name;`. A pair of surrogates written as two numbers gives one character; `high` keeps the first.
fn resolve(name: &str, high: &mut Option<u32>) -> String {
    let before = high.take();
    let number = match name.strip_prefix('#') {
        Some(n) => match n.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => n.parse().ok(),
        },
        None => {
            let plain = match name {
                "amp" => "&",
                "lt" => "<",
                "gt" => ">",
                "quot" => "\"",
                "apos" => "'",
                "nbsp" => "\u{a0}",
                _ => return format!("&{name};"),
            };
            return plain.to_owned();
        }
    };
    match (before, number) {
        (_, Some(unit @ 0xd800..=0xdbff)) => {
            *high = Some(unit);
            String::new()
        }
        (Some(first), Some(second @ 0xdc00..=0xdfff)) => {
            let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            char::from_u32(code).map(String::from).unwrap_or_default()
        }
        (_, Some(code)) => char::from_u32(code).filter(|c| *c != '\0').map(String::from).unwrap_or_default(),
        (_, None) => String::new(),
    }
}

fn is_legal(c: char) -> bool {
    !c.is_control() || matches!(c, '\t' | '\n' | '\r')
}

/// Makes text of what a stick sent: CESU-8 pairs become their character, other bad bytes U+FFFD (where no UTF-8 is in it at all, it is Windows-1252), NUL goes, and in tags other control characters
/// too, a bare `&` becomes `&amp;`, and blanks between `<` and a name go. Control characters of values stay: whoever shows them makes them harmless.
fn repair(bytes: &[u8]) -> String {
    let text = from_utf16(bytes).or_else(|| from_latin(bytes)).unwrap_or_else(|| from_cesu8(bytes));
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    // What is in a CDATA section stands for itself.
    while let Some((before, section)) = rest.split_once("<![CDATA[")
        && let Some((inside, after)) = section.split_once("]]>")
    {
        out.push_str(&repair_markup(before));
        out.push_str("<![CDATA[");
        out.extend(inside.chars().filter(|c| *c != '\0'));
        out.push_str("]]>");
        rest = after;
    }
    out.push_str(&repair_markup(rest));
    out
}

fn repair_markup(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_tag = false;
    let kept = |c: &char| {
        in_tag = *c == '<' || in_tag && *c != '>';
        *c != '\0' && (is_legal(*c) || !in_tag)
    };
    let mut rest = text.chars().filter(kept).peekable();
    while let Some(c) = rest.next() {
        match c {
            '<' => {
                out.push('<');
                while rest.next_if(|c| c.is_ascii_whitespace()).is_some() {}
                if rest.next_if_eq(&'/').is_some() {
                    out.push('/');
                    while rest.next_if(|c| c.is_ascii_whitespace()).is_some() {}
                }
            }
            '&' => {
                let mut name = String::new();
                while let Some(c) =
                    rest.next_if(|c| name.len() < 12 && (c.is_ascii_alphanumeric() || *c == '#'))
                {
                    name.push(c);
                }
                let whole = !name.is_empty() && rest.peek() == Some(&';');
                out.push_str(if whole { "&" } else { "&amp;" });
                out.push_str(&name);
            }
            _ => out.push(c),
        }
    }
    out
}

/// UTF-16, by its mark or by the zero byte beside the first `<`.
fn from_utf16(bytes: &[u8]) -> Option<String> {
    let unit: fn([u8; 2]) -> u16 = match bytes {
        [0xff, 0xfe, ..] | [b'<', 0, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] | [0, b'<', ..] => u16::from_be_bytes,
        _ => return None,
    };
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
    Some(String::from_utf16_lossy(&units).trim_start_matches('\u{feff}').to_owned())
}

/// Windows-1252, of which ISO-8859-1 is taken for a part as browsers do: where it is declared, or nothing in the text is UTF-8.
fn from_latin(bytes: &[u8]) -> Option<String> {
    const FROM_80: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";
    let head = bytes[..bytes.len().min(100)].to_ascii_lowercase();
    let declares = |name: &[u8]| head.windows(name.len()).any(|part| part == name);
    let no_utf8 = || {
        std::str::from_utf8(bytes).is_err()
            && from_cesu8(bytes).chars().all(|c| c.is_ascii() || c == char::REPLACEMENT_CHARACTER)
    };
    let character = |byte: &u8| match byte {
        0x80..=0x9f => FROM_80.chars().nth(usize::from(byte - 0x80)).unwrap_or_default(),
        _ => char::from(*byte),
    };
    (declares(b"iso-8859-1\"") || declares(b"iso-8859-1'") || declares(b"windows-1252") || no_utf8())
        .then(|| bytes.iter().map(character).collect())
}

/// UTF-8 in which characters beyond U+FFFF may be two surrogates of three bytes each.
fn from_cesu8(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        let (good, after) = match std::str::from_utf8(rest) {
            Ok(text) => {
                out.push_str(text);
                return out;
            }
            Err(e) => rest.split_at(e.valid_up_to()),
        };
        out.push_str(&String::from_utf8_lossy(good));
        rest = match after {
            [0xed, h @ 0xa0..=0xaf, i @ 0x80..=0xbf, 0xed, l @ 0xb0..=0xbf, m @ 0x80..=0xbf, tail @ ..] => {
                let high = u32::from(h & 0x0f) << 6 | u32::from(i & 0x3f);
                let low = u32::from(l & 0x0f) << 6 | u32::from(m & 0x3f);
                out.push(char::from_u32(0x10000 + (high << 10) + low).unwrap_or(char::REPLACEMENT_CHARACTER));
                tail
            }
            [_, tail @ ..] => {
                out.push(char::REPLACEMENT_CHARACTER);
                tail
            }
            [] => return out,
        };
    }
}

/// UTF-8 with characters beyond U+FFFF as two surrogates of three bytes each, as the sticks want it.
pub fn to_cesu8(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for c in text.chars() {
        if (c as u32) < 0x10000 {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            out.extend_from_slice(&[
                0xe0 | (*unit >> 12) as u8,
                0x80 | (*unit >> 6 & 0x3f) as u8,
                0x80 | (*unit & 0x3f) as u8,
            ]);
        }
    }
    out
}

/// One element with a text, escaped.
pub fn element(name: &str, text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars().filter(|c| is_legal(*c)) {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            c => escaped.push(c),
        }
    }
    format!("<{name}>{escaped}</{name}>")
}

/// The inside of a request: elements in the order given, which some sticks care about.
pub fn elements(fields: &[(&str, &str)]) -> String {
    fields.iter().map(|(name, text)| element(name, text)).collect()
}

/// A whole request document.
pub fn request(inside: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><request>{inside}</request>")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn documents_as_captured() {
        let root = parse(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<response>\n<\tDeviceName>E3372</\tDeviceName>\n<Imsi></Imsi>\n<x/>\n</response>\n").unwrap();
        assert_eq!(
            (root.name.as_str(), root.value("devicename"), root.value("Imsi")),
            ("response", Some("E3372"), None)
        );
        assert_eq!(root.children.len(), 3);
        let root = parse(b"<response>OK</response>trailing").unwrap();
        assert_eq!(root.text, "OK");
        let root = parse(b"<r><v>17.100.13.01.03&#40;1&#x29; &amp; R&D &amp &nbsp;x</v></r>").unwrap();
        assert_eq!(root.value("v"), Some("17.100.13.01.03(1) & R&D &amp \u{a0}x"));
        let root = parse(b"<r><m><c><![CDATA[a<b]]></c></m><m/></r>").unwrap();
        assert_eq!((root.all("M").count(), root.child("m").unwrap().value("c")), (2, Some("a<b")));
    }

    #[test]
    fn messages_with_characters_that_xml_forbids() {
        let mut bytes = b"<r><c>a\x01\x00b ".to_vec();
        bytes.extend(to_cesu8("😀 ж"));
        bytes.extend(b" \xff &#55357;&#56832; &#1; &#55357;x</c></r>");
        assert_eq!(parse(&bytes).unwrap().value("c"), Some("a\u{1}b 😀 ж \u{fffd} 😀 \u{1} x"));
        // What a terminal would obey is shown as everywhere else; padding is not.
        let name = parse(b"<r><Device\x1bName>E33\x1b[2J72\x00\x00</Device\x1bName></r>\x00").unwrap();
        assert_eq!(name.value("DeviceName").map(crate::clean::line).as_deref(), Some("E33\\u{1b}[2J72"));
        assert_eq!(to_cesu8("😀"), [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]);
    }

    #[test]
    fn latin_is_read_as_such() {
        for document in [
            &b"<?xml version=\"1.0\" encoding=\"UTF-8\"?><r><c>Caf\xe9 \x80</c></r>"[..],
            b"<?xml version='1.0'?><r><c>Caf\xe9 \x80</c></r>",
        ] {
            assert_eq!(parse(document).unwrap().value("c"), Some("Café €"));
        }
        let declared = b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><r><c>\xc3\xa9</c></r>";
        assert_eq!(parse(declared).unwrap().value("c"), Some("Ã©"));
    }

    #[test]
    fn what_is_written_is_read() {
        let text = "a<b>&c; 😀 \"'\n";
        let document = request(&elements(&[("Content", text), ("Date", "")]));
        let root = parse(&to_cesu8(&document)).unwrap();
        assert_eq!((root.value("Content"), root.children.len()), (Some(text.trim()), 2));
    }

    #[test]
    fn every_truncation_is_an_error() {
        let whole = b"<?xml version=\"1.0\"?><response><a>1</a><b>&amp;x</b><c/></response>";
        assert!(parse(whole).is_ok());
        for n in 0..whole.len() {
            let e = parse(&whole[..n]).unwrap_err();
            assert!(e.is(ErrorKind::UnexpectedAnswer) && e.fact("offset").is_some(), "{n}");
        }
    }

    #[test]
    fn bombs_do_not_go_off() {
        let deep = "<a>".repeat(1000);
        assert!(parse(deep.as_bytes()).is_err());
        let wide = format!("<r>{}</r>", "<a/>".repeat(ELEMENT_LIMIT));
        assert!(parse(wide.as_bytes()).is_err());
        assert!(parse(&vec![b' '; DOCUMENT_LIMIT + 1]).is_err());
        let laughs = "<!DOCTYPE r [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;\">]><r><v>&b;</v></r>";
        assert_eq!(parse(laughs.as_bytes()).unwrap().value("v"), Some("&b;"));
        assert!(parse(b"</r>").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(
            prop_oneof![Just(b'<'), Just(b'>'), Just(b'/'), Just(b'&'), Just(b';'), Just(b'#'), Just(b'a'), Just(0xed), any::<u8>()], 0..300)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn cesu8_round_trip(text in "\\PC{0,40}") {
            prop_assert_eq!(from_cesu8(&to_cesu8(&text)), text);
        }
    }
}
