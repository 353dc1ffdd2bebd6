//! What a verb gives back, and its text.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;
use stickshift::clean;

use super::style::Style;

/// A verb's result: serialised for `--json`, written as text otherwise.
pub(crate) trait Report: Serialize {
    /// Writes the text for people.
    fn text(&self, out: &mut dyn Write) -> io::Result<()>;

    /// Whether it shows texts of several lines as they are, all of them our own or set apart by the text itself. Otherwise a line end
    /// inside a value is shown as its escape.
    fn shows_whole_texts(&self) -> bool {
        false
    }
}

/// [`Report`] behind a reference: `Serialize` alone cannot be.
pub(crate) trait ErasedReport {
    fn value(&self) -> Value;
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()>;
    fn shows_whole_texts(&self) -> bool;
}

impl<T: Report> ErasedReport for T {
    fn value(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        self.text(out)
    }

    fn shows_whole_texts(&self) -> bool {
        Report::shows_whole_texts(self)
    }
}

/// Writes a whole text at once, as standard error has no buffer of its own, and without what a terminal would obey: names of files and
/// answers of sticks are foreign text.
pub(super) fn print_text(report: &dyn ErasedReport, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let mut text = Vec::new();
    report.write_text(&mut text)?;
    let mut text = String::from_utf8_lossy(&text).into_owned();
    if !report.shows_whole_texts() {
        one_line_per_value(&report.value(), &mut text);
    }
    out.write_all(style.dress(&clean::lines(&text)).as_bytes()).and_then(|()| out.flush())
}

/// Escapes the line ends inside values: each value of a report is shown on one line, whatever it is.
fn one_line_per_value(value: &Value, text: &mut String) {
    match value {
        Value::String(value) => {
            let inner = value.trim_end_matches('\n');
            if inner.contains('\n') && text.contains(inner) {
                *text = text.replace(inner, &clean::line(inner));
            }
        }
        Value::Array(values) => values.iter().for_each(|v| one_line_per_value(v, text)),
        Value::Object(fields) => fields.values().for_each(|v| one_line_per_value(v, text)),
        _ => {}
    }
}
