//! Pieces of HTML. Text from outside goes through [`text`], always.

use serde_json::Value;
use stickshift::clean;

/// A text as HTML shows it: what a terminal obeys as an escape, what HTML obeys as an entity.
pub(crate) fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in clean::lines(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A value of a report in one line.
pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::String(string) => text(string),
        Value::Null => String::new(),
        Value::Array(values) => values.iter().map(self::value).collect::<Vec<_>>().join(", "),
        other => text(&other.to_string()),
    }
}

/// A text of a report, empty where there is none.
pub(crate) fn field(report: &Value, name: &str) -> String {
    value(&report[name])
}

/// What a form sends without showing it.
pub(crate) fn hidden(name: &str, value: &str) -> String {
    format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", text(name), text(value))
}

/// A part of a path or of a query.
pub(crate) fn encoded(part: &str) -> String {
    let kept = |b: &u8| b.is_ascii_alphanumeric() || b"-._~".contains(b);
    let encode = |b: u8| if kept(&b) { (b as char).to_string() } else { format!("%{b:02X}") };
    part.bytes().map(encode).collect()
}

/// A list of the texts of a report; nothing where there are none.
pub(crate) fn list(class: &str, texts: &Value) -> String {
    let items: String =
        texts.as_array().into_iter().flatten().map(|item| format!("<li>{}</li>", value(item))).collect();
    if items.is_empty() { items } else { format!("<ul class=\"{class}\" lang=\"en\">{items}</ul>") }
}

/// Terms and their values; those without a value are left out.
pub(crate) fn terms<'a>(rows: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let rows = rows.into_iter().filter(|(_, value)| !value.is_empty());
    let rows: String =
        rows.map(|(term, value)| format!("<div><dt>{term}</dt><dd>{value}</dd></div>")).collect();
    if rows.is_empty() { rows } else { format!("<dl>{rows}</dl>") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_markup() {
        assert_eq!(
            text("<b a=\"1\" c='2'>&\u{202e}\n"),
            "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;\\u{202e}\n"
        );
        assert_eq!(encoded("SM:3/../x?"), "SM%3A3%2F..%2Fx%3F");
    }
}
