//! Our own format: TOML, one `[[device]]` table per entry, as in `data/devices`. Its keys are `id`, `match`, `name`, `source` and those of
//! [`Parameters`](crate::profile::Parameters).

use std::fmt::Write as _;

use toml::{Table, Value};

use crate::error::{Error, ErrorKind, Result};
use crate::profile::device::Device;
use crate::profile::formats::exchange::{Export, Format, Import, loss};
use crate::profile::{Attribute, Entry, Key, Parameters, Product, Qualifier};
use crate::stick::UsbId;

/// Whether a text has our table header.
pub(super) fn looks_like(text: &str) -> bool {
    text.lines().map(str::trim).find(|l| !l.is_empty() && !l.starts_with('#')) == Some("[[device]]")
}

/// Reads entries.
///
/// # Errors
/// `FileCorrupt` with the facts `entry` and `key` where there is one.
pub(super) fn parse(text: &str) -> Result<Import> {
    let table: Table = text
        .parse()
        .map_err(|e| Error::new(ErrorKind::FileCorrupt, "this is not well-formed TOML").because(e))?;
    let rows = table.get("device").and_then(Value::as_array);
    let rows = rows.ok_or_else(|| Error::new(ErrorKind::FileCorrupt, "there is no [[device]] here"))?;
    let mut entries = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let row = row.as_table().ok_or_else(|| {
            Error::new(ErrorKind::FileCorrupt, "[[device]] is not a table").with("entry", number + 1)
        })?;
        entries.push(entry(row).map_err(|(key, what)| {
            Error::new(ErrorKind::FileCorrupt, what).with("entry", number + 1).with("key", key)
        })?);
    }
    Ok(Import { format: Format::Native, entries, warnings: Vec::new(), refused: Vec::new() })
}

type Bad = (String, String);

fn entry(row: &Table) -> Result<Entry, Bad> {
    let device = Device::from_table(with_one_list_of_messages(row))?;
    let bad = |key: &str, what: &str| (key.to_owned(), what.to_owned());
    let id: UsbId = device.id.parse().map_err(|()| bad("id", "not a pair of USB ids"))?;
    let qualifiers = device.conditions.into_iter().map(|(code, text)| {
        let attribute = Attribute::from_code(&code).ok_or_else(|| bad("match", "unknown qualifier"))?;
        Ok(Qualifier { attribute, text })
    });
    let key = Key {
        vendor: id.vendor,
        product: Product::Id(id.product),
        qualifiers: qualifiers.collect::<Result<_, Bad>>()?,
    };
    let source = device.source.unwrap_or_else(|| "stickshift profile".to_owned());
    Ok(Entry { key, name: device.name, parameters: device.parameters, source })
}

/// Version 0.1.0 wrote the second and third message under keys of their own.
fn with_one_list_of_messages(row: &Table) -> Table {
    let mut row = row.clone();
    let [second, third] = ["message2", "message3"].map(|key| row.remove(key));
    if second.is_some() || third.is_some() {
        let first = row.remove("message");
        let or_empty = |message: Option<Value>| message.unwrap_or_else(|| Value::String(String::new()));
        let all = [first, second, third].map(or_empty).to_vec();
        row.insert("message".to_owned(), Value::Array(all));
    }
    row
}

/// The parameters that say something, by their keys.
fn parameter_table(parameters: &Parameters) -> Table {
    let mut table = Table::try_from(parameters).expect("parameters are a table");
    table.retain(|_, value| value.as_array().is_none_or(|items| !items.is_empty()));
    table
}

/// Writes entries. Only families (`12d1:#linux`) cannot be carried.
pub(super) fn emit(entries: &[Entry]) -> Export {
    let mut text = String::new();
    let mut losses = Vec::new();
    let mut written = 0;
    for entry in entries {
        let Some(id) = entry.key.id() else {
            losses.push(loss(entry, "entry", "a device has one pair of ids"));
            continue;
        };
        let mut line =
            |key: &str, value: &str| writeln!(text, "{key} = {value}").expect("a string takes all");
        let quoted = |t: &str| Value::from(t).to_string();
        line("[[device]]\nid", &quoted(&id.to_string()));
        let conditions: Vec<String> = entry
            .key
            .qualifiers
            .iter()
            .map(|q| format!("{} = {}", q.attribute.code(), quoted(&q.text)))
            .collect();
        if !conditions.is_empty() {
            line("match", &format!("{{ {} }}", conditions.join(", ")));
        }
        if !entry.name.is_empty() {
            line("name", &quoted(&entry.name));
        }
        for (key, value) in parameter_table(&entry.parameters) {
            line(&key, &shown(&key, &value));
        }
        if !entry.source.is_empty() {
            line("source", &quoted(&entry.source));
        }
        text.push('\n');
        written += 1;
    }
    let notes = vec!["put it into /etc/stickshift/devices.d, under any name".to_owned()];
    Export { bytes: text.into_bytes(), entries: written, file_name: None, losses, notes }
}

/// A value as people write it: times in decimal, all other numbers in hex, ids with four digits.
fn shown(key: &str, value: &Value) -> String {
    let is_id = key.contains("vendor") || key.contains("product");
    match value {
        Value::Integer(n) if key.ends_with("-s") || key.ends_with("-ms") => n.to_string(),
        Value::Integer(n) if is_id => format!("0x{n:04x}"),
        Value::Integer(n) => format!("0x{n:02x}"),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| shown(key, item)).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}
