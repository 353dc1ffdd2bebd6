//! Compiles the facts in `data/` into compact static tables: one function per data file.

#[path = "build/chips.rs"]
mod chips;
#[path = "build/identify.rs"]
mod identify;
#[path = "build/partitions.rs"]
mod partitions;
#[path = "build/usb_ids.rs"]
mod usb_ids;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=data");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    devices(&out);
    huawei_messages(&out);
    partitions(&out);
    usb_ids(&out);
    chips(&out);
    identify(&out);
}

fn read_toml(path: &Path) -> toml::Table {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.parse().unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn rows<'a>(table: &'a toml::Table, name: &str, path: &Path) -> impl Iterator<Item = &'a toml::Table> {
    let rows = table.get(name).and_then(toml::Value::as_array);
    let rows = rows.unwrap_or_else(|| panic!("{}: no [[{name}]]", path.display()));
    rows.iter().map(|row| row.as_table().expect("a table"))
}

fn text<'a>(row: &'a toml::Table, key: &str) -> &'a str {
    row.get(key).and_then(toml::Value::as_str).unwrap_or_else(|| panic!("{key} is missing in {row}"))
}

fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "odd number of hex digits: {text}");
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).expect("hex")).collect()
}

fn usb_id(text: &str) -> (u16, u16) {
    let (vendor, product) = text.split_once(':').expect("vvvv:pppp");
    let id = |t: &str| u16::from_str_radix(t, 16).expect("four hex digits");
    (id(vendor), id(product))
}

/// `data/devices/*.toml` to `devices.bin` (records as `profile::builtin` reads them, by id, then by qualifiers as the names of
/// usb_modeswitch sort) and `device_sources.rs`.
fn devices(out: &Path) {
    let mut paths: Vec<PathBuf> = fs::read_dir("data/devices")
        .expect("data/devices")
        .map(|entry| entry.expect("entry").path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "toml"));
    paths.sort();

    let mut sources: Vec<String> = Vec::new();
    let mut records: Vec<((u16, u16, String), Vec<u8>)> = Vec::new();
    let mut targets = BTreeSet::new();
    for path in paths {
        for row in rows(&read_toml(&path), "device", &path) {
            let (vendor, product) = usb_id(text(row, "id"));
            let source = text(row, "source").to_owned();
            let source_index = sources.iter().position(|s| *s == source).unwrap_or_else(|| {
                sources.push(source);
                sources.len() - 1
            });
            let mut record = Vec::new();
            record.extend(vendor.to_le_bytes());
            record.extend(product.to_le_bytes());
            record.push(u8::try_from(source_index).expect("at most 256 sources"));
            push_text(&mut record, text(row, "name"));
            let qualifiers = row.get("match").and_then(toml::Value::as_table);
            record.push(qualifiers.map_or(0, |q| q.len() as u8));
            let mut order = String::new();
            for (attribute, value) in qualifiers.into_iter().flatten() {
                let value = value.as_str().expect("text");
                push_text(&mut record, attribute);
                push_text(&mut record, value);
                write!(order, ":{attribute}={value}").expect("a string takes all");
            }
            for (key, value) in row {
                device_field(&mut record, key, value);
            }
            records.push(((vendor, product, order), record));
            targets.extend(target_ids(row, vendor));
        }
    }
    records.sort_by(|a, b| a.0.cmp(&b.0));
    let mut blob = Vec::new();
    for pair in records.windows(2) {
        assert!(pair[0].0 != pair[1].0, "{:?} twice", pair[0].0);
    }
    for (_, record) in records {
        blob.extend(u16::try_from(record.len()).expect("a record below 64 KiB").to_le_bytes());
        blob.extend(record);
    }
    fs::write(out.join("devices.bin"), blob).expect("write");
    fs::write(out.join("device_sources.rs"), format!("&{sources:?}")).expect("write");
    let targets: Vec<u32> = targets.into_iter().collect();
    fs::write(out.join("device_targets.rs"), format!("&{targets:?}")).expect("write");
}

/// What an entry leads to, vendor in the upper half.
fn target_ids(row: &toml::Table, vendor: u16) -> Vec<u32> {
    let number = |v: &toml::Value| u32::try_from(v.as_integer().expect("a number")).expect("16 bits");
    let vendor = row.get("target-vendor").map_or(vendor.into(), number);
    let one = row.get("target-product").map(number);
    let several = row.get("target-products").map(|v| v.as_array().expect("a list"));
    let several = several.into_iter().flatten().map(number);
    one.into_iter().chain(several).map(|product| vendor << 16 | product).collect()
}

fn push_text(record: &mut Vec<u8>, text: &str) {
    record.push(u8::try_from(text.len()).expect("texts are below 256 bytes"));
    record.extend(text.as_bytes());
}

/// One field: tag byte, then its value. `profile::builtin` has the other half of this table.
fn device_field(record: &mut Vec<u8>, key: &str, value: &toml::Value) {
    let byte = || u8::try_from(value.as_integer().expect("a number")).expect("a byte");
    let word = || u16::try_from(value.as_integer().expect("a number")).expect("16 bits").to_le_bytes();
    let truth = || u8::from(value.as_bool().expect("true or false"));
    let message = || hex(value.as_str().expect("hex text"));
    let texts = || match value {
        toml::Value::String(one) => vec![one.clone()],
        other => {
            other.as_array().expect("a list").iter().map(|v| v.as_str().expect("text").to_owned()).collect()
        }
    };
    match key {
        "id" | "match" | "name" | "source" => {}
        "target-vendor" => {
            record.push(1);
            record.extend(word());
        }
        "target-product" => {
            record.push(2);
            record.extend(word());
        }
        "target-products" => {
            let list = value.as_array().expect("a list");
            record.extend([3, u8::try_from(list.len()).expect("below 256")]);
            for product in list {
                let product = u16::try_from(product.as_integer().expect("a number")).expect("16 bits");
                record.extend(product.to_le_bytes());
            }
        }
        "target-class" => record.extend([4, byte()]),
        "method" | "off" => {
            for name in texts() {
                record.push(if key == "method" { 5 } else { 6 });
                push_text(record, &name);
            }
        }
        "message" | "message2" | "message3" => {
            let bytes = message();
            let tag = match key {
                "message" => 7,
                "message2" => 8,
                _ => 9,
            };
            record.extend([tag, u8::try_from(bytes.len()).expect("below 256")]);
            record.extend(bytes);
        }
        "message-endpoint" => record.extend([10, byte()]),
        "response-endpoint" => record.extend([11, byte()]),
        "interface" => record.extend([12, byte()]),
        "configuration" => record.extend([13, byte()]),
        "alt-setting" => record.extend([14, byte()]),
        "pantech-mode" => {
            record.push(15);
            record.extend(word());
        }
        "release-delay-ms" => {
            record.push(16);
            record.extend(word());
        }
        "wait-before-s" => {
            record.push(17);
            record.extend(word());
        }
        "check-success-s" => {
            record.push(18);
            record.extend(word());
        }
        "need-response" => record.extend([19, truth()]),
        "no-mbim-check" => record.extend([20, truth()]),
        "no-driver-loading" => record.extend([21, truth()]),
        "reset-usb" => record.extend([22, truth()]),
        "mbim" => record.extend([23, truth()]),
        unknown => panic!("unknown key {unknown}"),
    }
}

/// `data/huawei-messages.toml` to the elements of `profile::huawei::MESSAGES`.
fn huawei_messages(out: &Path) {
    let path = Path::new("data/huawei-messages.toml");
    let mut code = String::from("&[\n");
    for row in rows(&read_toml(path), "message", path) {
        let message = hex(text(row, "message"));
        assert_eq!(message.len(), 31, "{row}");
        let leads_to = row.get("leads-to").and_then(toml::Value::as_array).expect("leads-to");
        let ids: Vec<String> = leads_to
            .iter()
            .map(|id| {
                let (vendor, product) = usb_id(id.as_str().expect("text"));
                format!("UsbId::new({vendor:#06x}, {product:#06x})")
            })
            .collect();
        writeln!(
            code,
            "    HuaweiMessage {{ name: {:?}, message: {message:?}, leads_to: &[{}], what: {:?}, source: {:?} }},",
            text(row, "name"),
            ids.join(", "),
            text(row, "what"),
            text(row, "source"),
        )
        .expect("a string takes all");
    }
    code.push(']');
    fs::write(out.join("huawei_messages.rs"), code).expect("write");
}

/// `data/usb-ids.toml` to the tables of `stick::classify`.
fn usb_ids(out: &Path) {
    let facts = fs::read_to_string("data/usb-ids.toml").expect("data/usb-ids.toml");
    fs::write(out.join("usb_ids.rs"), usb_ids::tables(&facts)).expect("write");
}

/// `data/partitions.toml` to the tables of `firmware::names`.
fn partitions(out: &Path) {
    let facts = fs::read_to_string("data/partitions.toml").expect("data/partitions.toml");
    fs::write(out.join("partitions.rs"), partitions::tables(&facts)).expect("write");
}

/// `data/chips.toml` to the statics of `boot::chip`.
fn chips(out: &Path) {
    let facts = fs::read_to_string("data/chips.toml").expect("data/chips.toml");
    fs::write(out.join("chips.rs"), chips::tables(&facts)).expect("write");
}

/// `data/identify.toml` to the statics of `stick::identify`.
fn identify(out: &Path) {
    let facts = fs::read_to_string("data/identify.toml").expect("data/identify.toml");
    fs::write(out.join("identify.rs"), identify::tables(&facts)).expect("write");
}
