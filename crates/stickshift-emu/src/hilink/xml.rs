//! The documents of the web server, both ways (docs/protocols/hilink-at.md section 1.1).

/// The text of a request. Emoji come as CESU-8: each half of a surrogate pair as three bytes.
pub(crate) fn decode(bytes: &[u8]) -> String {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if let [0xed, a @ 0xa0..=0xaf, b, 0xed, c @ 0xb0..=0xbf, d, ..] = bytes[at..] {
            let half = |high: u8, low: u8| u32::from(high & 0x0f) << 6 | u32::from(low & 0x3f);
            let code = 0x10000 + (half(a, b) << 10 | half(c, d));
            let c = char::from_u32(code).unwrap_or('?');
            plain.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            at += 6;
        } else {
            plain.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// The bytes of a document, emoji in CESU-8.
pub(crate) fn encode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        if (c as u32) < 0x10000 {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        for half in c.encode_utf16(&mut [0; 2]) {
            bytes.extend([
                0xe0 | (*half >> 12) as u8,
                0x80 | (*half >> 6 & 0x3f) as u8,
                0x80 | (*half & 0x3f) as u8,
            ]);
        }
    }
    bytes
}

/// Text as it stands in a document. Control characters go out as they are, which is what real sticks do.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn plain(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    text.replace("&amp;", "&")
}

/// What the first element of this name holds.
pub(crate) fn value(document: &str, name: &str) -> Option<String> {
    values(document, name).next()
}

/// What every element of this name holds.
pub(crate) fn values<'a>(document: &'a str, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let mut rest = document;
    std::iter::from_fn(move || {
        let begin = rest.find(&format!("<{name}>"))? + name.len() + 2;
        let end = begin + rest[begin..].find(&format!("</{name}>"))?;
        let inside = plain(rest[begin..end].trim());
        rest = &rest[end..];
        Some(inside)
    })
}

/// The number in the first element of this name.
pub(crate) fn number(document: &str, name: &str) -> Option<u32> {
    value(document, name)?.parse().ok()
}

/// Elements of these names with these contents, a line each.
pub(crate) fn elements(pairs: &[(&str, &str)]) -> String {
    pairs.iter().map(|(name, inside)| format!("<{name}>{}</{name}>\r\n", escaped(inside))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emoji_travel_in_halves() {
        let bytes = encode("a😀é");
        assert_eq!(bytes, [0x61, 0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80, 0xc3, 0xa9]);
        assert_eq!(decode(&bytes), "a😀é");
        assert_eq!(decode(&[0xed, 0xa0, 0xbd]), "\u{fffd}\u{fffd}\u{fffd}");
    }

    #[test]
    fn elements_are_found_and_made() {
        let document =
            "<request><Phones><Phone>1</Phone><Phone> 2 </Phone></Phones><A>&lt;b&amp;lt;</A></request>";
        assert_eq!(values(document, "Phone").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(value(document, "A").as_deref(), Some("<b&lt;"));
        assert_eq!(number(document, "Phone"), Some(1));
        assert_eq!(value("<a>1", "a"), None);
        assert_eq!(elements(&[("x", "<&>")]), "<x>&lt;&amp;&gt;</x>\r\n");
    }
}
