//! Our own format: TOML, one `[[device]]` table per entry, as in `data/devices`.

use std::fmt::Write as _;

use toml::{Table, Value};

use crate::error::{Error, ErrorKind, Result};
use crate::profile::formats::usb_modeswitch::{hex_bytes, hex_text};
use crate::profile::formats::{Export, Format, Import, loss};
use crate::profile::{Attribute, Entry, Key, Method, Product, Qualifier};
use crate::stick::UsbId;

/// Whether a text has our table header.
pub fn looks_like(text: &str) -> bool {
    text.lines().map(str::trim).find(|l| !l.is_empty() && !l.starts_with('#')) == Some("[[device]]")
}

/// Reads entries.
///
/// # Errors
/// `FileCorrupt` with the facts `entry` and `key` where there is one.
pub fn parse(text: &str) -> Result<Import> {
    let table: Table = text
        .parse()
        .map_err(|e| Error::new(ErrorKind::FileCorrupt, "this is not well-formed TOML").because(e))?;
    let rows = table.get("device").and_then(Value::as_array);
    let rows = rows.ok_or_else(|| Error::new(ErrorKind::FileCorrupt, "there is no [[device]] here"))?;
    let mut entries = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let row = row.as_table().ok_or_else(|| {
            Error::new(ErrorKind::FileCorrupt, "a device is not a table").with("entry", number + 1)
        })?;
        entries.push(entry(row).map_err(|(key, what)| {
            Error::new(ErrorKind::FileCorrupt, what).with("entry", number + 1).with("key", key)
        })?);
    }
    Ok(Import { format: Format::Native, entries, warnings: Vec::new(), refused: Vec::new() })
}

type Bad = (String, &'static str);

fn entry(row: &Table) -> Result<Entry, Bad> {
    let id: UsbId = row
        .get("id")
        .and_then(Value::as_str)
        .and_then(|t| t.parse().ok())
        .ok_or_else(|| ("id".to_owned(), "a device needs its ids as vvvv:pppp"))?;
    let key = Key { vendor: id.vendor, product: Product::Id(id.product), qualifiers: Vec::new() };
    let mut entry = Entry {
        key,
        name: String::new(),
        parameters: Default::default(),
        source: "stickshift profile".to_owned(),
    };
    for (key, value) in row {
        field(&mut entry, key, value).ok_or_else(|| (key.clone(), "the value is not what this key takes"))?;
    }
    Ok(entry)
}

/// `None` for an unknown key or a value of the wrong kind.
fn field(entry: &mut Entry, key: &str, value: &Value) -> Option<()> {
    let p = &mut entry.parameters;
    let byte = || value.as_integer().and_then(|n| u8::try_from(n).ok());
    let word = || value.as_integer().and_then(|n| u16::try_from(n).ok());
    let number = || value.as_integer().and_then(|n| u32::try_from(n).ok()).filter(|n| *n <= 3_600_000);
    let message = || hex_bytes(value.as_str()?).ok();
    match key {
        "id" => {}
        "name" => entry.name = value.as_str()?.to_owned(),
        "source" => entry.source = value.as_str()?.to_owned(),
        "match" => {
            for (code, text) in value.as_table()? {
                let attribute = Attribute::ALL.into_iter().find(|a| a.code() == code)?;
                entry.key.qualifiers.push(Qualifier { attribute, text: text.as_str()?.to_owned() });
            }
        }
        "target-vendor" => p.target_vendor = Some(word()?),
        "target-product" => p.target_product = Some(word()?),
        "target-products" => {
            for product in value.as_array()? {
                p.target_products.push(u16::try_from(product.as_integer()?).ok()?);
            }
        }
        "target-class" => p.target_class = Some(byte()?),
        "method" | "off" => {
            let names: Vec<&str> = match value {
                Value::String(one) => vec![one],
                many => many.as_array()?.iter().map(Value::as_str).collect::<Option<_>>()?,
            };
            for name in names {
                p.methods.insert(Method::from_config_name(name)?, key == "method");
            }
        }
        "message" => p.messages[0] = message()?,
        "message2" => p.messages[1] = message()?,
        "message3" => p.messages[2] = message()?,
        "control-message" => p.control_message = Some(message()?.try_into().ok()?),
        "message-endpoint" => p.message_endpoint = Some(byte()?),
        "response-endpoint" => p.response_endpoint = Some(byte()?),
        "interface" => p.interface = Some(byte()?),
        "configuration" => p.configuration = Some(byte()?),
        "alt-setting" => p.alt_setting = Some(byte()?),
        "pantech-mode" => p.pantech = Some(word()?),
        "release-delay-ms" => p.release_delay_ms = Some(number()?),
        "wait-before-s" => p.wait_before_s = Some(number()?),
        "check-success-s" => p.check_success_s = Some(number()?),
        "need-response" => p.need_response = Some(value.as_bool()?),
        "no-mbim-check" => p.no_mbim_check = Some(value.as_bool()?),
        "no-driver-loading" => p.no_driver_loading = Some(value.as_bool()?),
        "reset-usb" => p.reset_usb = Some(value.as_bool()?),
        "mbim" => p.mbim = Some(value.as_bool()?),
        _ => return None,
    }
    Some(())
}

/// Writes entries. Only families (`12d1:#linux`) cannot be carried.
pub fn emit(entries: &[Entry]) -> Export {
    let mut text = String::new();
    let mut losses = Vec::new();
    for entry in entries {
        let Some(id) = entry.key.id() else {
            losses.push(loss(entry, "entry", "a device has one pair of ids"));
            continue;
        };
        let mut line = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                writeln!(text, "{key} = {value}").expect("a string takes all");
            }
        };
        let quoted = |t: &str| Value::from(t).to_string();
        let list = |names: Vec<String>| match names.as_slice() {
            [] => None,
            [one] => Some(one.clone()),
            many => Some(format!("[{}]", many.join(", "))),
        };
        let p = &entry.parameters;
        let word = |n: Option<u16>| n.map(|n| format!("0x{n:04x}"));
        let byte = |n: Option<u8>| n.map(|n| format!("0x{n:02x}"));
        line("[[device]]\nid", Some(quoted(&id.to_string())));
        let conditions: Vec<String> = entry
            .key
            .qualifiers
            .iter()
            .map(|q| format!("{} = {}", q.attribute.code(), quoted(&q.text)))
            .collect();
        line("match", (!conditions.is_empty()).then(|| format!("{{ {} }}", conditions.join(", "))));
        line("name", (!entry.name.is_empty()).then(|| quoted(&entry.name)));
        line("target-vendor", word(p.target_vendor));
        line("target-product", word(p.target_product));
        let products: Vec<String> = p.target_products.iter().map(|n| format!("0x{n:04x}")).collect();
        line("target-products", (!products.is_empty()).then(|| format!("[{}]", products.join(", "))));
        line("target-class", byte(p.target_class));
        let names = |on: bool| -> Vec<String> {
            p.methods.iter().filter(|(_, o)| **o == on).map(|(m, _)| quoted(m.config_name())).collect()
        };
        line("method", list(names(true)));
        line("off", list(names(false)));
        for (key, message) in ["message", "message2", "message3"].into_iter().zip(&p.messages) {
            line(key, (!message.is_empty()).then(|| quoted(&hex_text(message))));
        }
        line("control-message", p.control_message.map(|bytes| quoted(&hex_text(&bytes))));
        line("message-endpoint", byte(p.message_endpoint));
        line("response-endpoint", byte(p.response_endpoint));
        line("interface", byte(p.interface));
        line("configuration", p.configuration.map(|n| n.to_string()));
        line("alt-setting", p.alt_setting.map(|n| n.to_string()));
        line("pantech-mode", p.pantech.map(|n| n.to_string()));
        line("release-delay-ms", p.release_delay_ms.map(|n| n.to_string()));
        line("wait-before-s", p.wait_before_s.map(|n| n.to_string()));
        line("check-success-s", p.check_success_s.map(|n| n.to_string()));
        line("need-response", p.need_response.map(|b| b.to_string()));
        line("no-mbim-check", p.no_mbim_check.map(|b| b.to_string()));
        line("no-driver-loading", p.no_driver_loading.map(|b| b.to_string()));
        line("reset-usb", p.reset_usb.map(|b| b.to_string()));
        line("mbim", p.mbim.map(|b| b.to_string()));
        line("source", (!entry.source.is_empty()).then(|| quoted(&entry.source)));
        text.push('\n');
    }
    Export { bytes: text.into_bytes(), file_name: None, losses, notes: Vec::new() }
}
