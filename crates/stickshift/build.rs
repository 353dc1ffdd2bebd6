//! Compiles the facts in `data/` into compact static tables: one function per data file.

#[path = "build/chips.rs"]
mod chips;
#[path = "build/flash_facts.rs"]
mod flash_facts;
#[path = "build/identify.rs"]
mod identify;
#[path = "build/linux_modems.rs"]
mod linux_modems;
#[path = "build/partitions.rs"]
mod partitions;
#[path = "build/purposes.rs"]
mod purposes;
#[path = "build/refusals.rs"]
mod refusals;
#[path = "build/router_hardware.rs"]
mod router_hardware;
#[path = "build/typed.rs"]
mod typed;
#[path = "build/usb_ids.rs"]
mod usb_ids;

// The library's own statements, so that a parameter or a method stands in one place.
#[allow(dead_code, unreachable_pub)]
#[path = "src/profile/device.rs"]
mod device;
#[allow(dead_code, unreachable_pub)]
#[path = "src/hex.rs"]
mod hex;
#[allow(dead_code, unreachable_pub)]
#[path = "src/profile/methods.rs"]
mod methods;
#[allow(dead_code, unreachable_pub)]
#[path = "src/profile/parameters.rs"]
mod parameters;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use device::Device;
use methods::Method;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=data");
    for shared in ["hex.rs", "profile/device.rs", "profile/methods.rs", "profile/parameters.rs"] {
        println!("cargo::rerun-if-changed=src/{shared}");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    devices(&out);
    huawei_messages(&out);
    partitions(&out);
    usb_ids(&out);
    chips(&out);
    identify(&out);
    flash_facts(&out);
    refusals(&out);
    purposes(&out);
    typed(&out);
    apns(&out);
    router_hardware(&out);
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

fn usb_id(text: &str) -> (u16, u16) {
    let (vendor, product) = text.split_once(':').expect("vvvv:pppp");
    let id = |t: &str| u16::from_str_radix(t, 16).expect("four hex digits");
    (id(vendor), id(product))
}

/// `data/devices/*.toml` to `devices.bin` (records as `profile::builtin` reads them, by id, then by qualifiers as the names of
/// usb_modeswitch sort), `device_sources.rs` and `device_targets.rs`.
fn devices(out: &Path) {
    let mut paths: Vec<PathBuf> = fs::read_dir("data/devices")
        .expect("data/devices")
        .map(|entry| entry.expect("entry").path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "toml"));
    paths.sort();

    let mut sources: Vec<String> = Vec::new();
    let mut records: BTreeMap<(u16, u16, String), Vec<u8>> = BTreeMap::new();
    let mut targets = BTreeSet::new();
    for path in paths {
        for row in rows(&read_toml(&path), "device", &path) {
            let device = Device::from_table(row.clone())
                .unwrap_or_else(|(key, what)| panic!("{}: {key}: {what} in {row}", path.display()));
            let source = device.source.unwrap_or_else(|| panic!("{}: no source in {row}", path.display()));
            let source_index = sources.iter().position(|s| *s == source).unwrap_or_else(|| {
                sources.push(source);
                sources.len() - 1
            });
            let (vendor, product) = usb_id(&device.id);
            let mut record = Vec::new();
            record.extend(vendor.to_le_bytes());
            record.extend(product.to_le_bytes());
            record.push(u8::try_from(source_index).expect("at most 256 sources"));
            let order = device.conditions.iter().map(|(code, text)| format!(":{code}={text}")).collect();
            let p = &device.parameters;
            record = postcard::to_extend(&(&device.name, &device.conditions, p), record)
                .expect("it can be encoded");
            record.truncate(record.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
            assert!(records.insert((vendor, product, order), record).is_none(), "twice: {row}");

            let products =
                if p.target_products.is_empty() { p.target_product.as_slice() } else { &p.target_products };
            let target_vendor = u32::from(p.target_vendor.unwrap_or(vendor)) << 16;
            targets.extend(products.iter().map(|product| target_vendor | u32::from(*product)));
        }
    }
    let further = further_targets(out);
    for from in further.iter().map(|(from, _)| *from) {
        assert!(records.keys().any(|(vendor, product, _)| (*vendor, *product) == from), "{from:04x?}");
    }
    targets
        .extend(further.iter().map(|(_, (vendor, product))| u32::from(*vendor) << 16 | u32::from(*product)));
    let mut blob = Vec::new();
    for record in records.values() {
        blob.extend(u16::try_from(record.len()).expect("a record below 64 KiB").to_le_bytes());
        blob.extend(record);
    }
    fs::write(out.join("devices.bin"), blob).expect("write");
    fs::write(out.join("device_sources.rs"), format!("&{sources:?}")).expect("write");
    // What the entries lead to, vendor in the upper half.
    fs::write(out.join("device_targets.rs"), format!("&{:?}", Vec::from_iter(targets))).expect("write");
}

/// `data/further-targets.toml` to `further_targets.rs`: pairs of ids, before and after, ascending.
fn further_targets(out: &Path) -> Vec<((u16, u16), (u16, u16))> {
    let path = Path::new("data/further-targets.toml");
    let mut pairs = Vec::new();
    for row in rows(&read_toml(path), "target", path) {
        assert!(!text(row, "what").is_empty() && !text(row, "source").is_empty(), "{row}");
        let to = row.get("to").and_then(toml::Value::as_array).expect("to");
        let from = usb_id(text(row, "from"));
        pairs.extend(to.iter().map(|to| (from, usb_id(to.as_str().expect("text")))));
    }
    pairs.sort_unstable();
    let id = |(vendor, product): (u16, u16)| format!("UsbId::new({vendor:#06x}, {product:#06x})");
    let code: Vec<String> = pairs.iter().map(|(from, to)| format!("({}, {})", id(*from), id(*to))).collect();
    fs::write(out.join("further_targets.rs"), format!("&[{}]", code.join(", "))).expect("write");
    pairs
}

/// `data/huawei-messages.toml` to the elements of `profile::huawei::MESSAGES`.
fn huawei_messages(out: &Path) {
    let path = Path::new("data/huawei-messages.toml");
    let mut code = String::from("&[\n");
    for row in rows(&read_toml(path), "message", path) {
        // A message that is a method stands in the table of methods.
        let message = match row.get("method").and_then(toml::Value::as_str) {
            Some(name) => {
                *Method::from_name(name).and_then(Method::message).expect("a method of one message")
            }
            None => <[u8; 31]>::try_from(hex::decode(text(row, "message")).expect("hex")).expect("31 bytes"),
        };
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

/// `data/usb-ids.toml` and `data/linux-modems.tsv` to the tables of `stick::classify` and `stick::listed`.
fn usb_ids(out: &Path) {
    let facts = fs::read_to_string("data/usb-ids.toml").expect("data/usb-ids.toml");
    fs::write(out.join("usb_ids.rs"), usb_ids::tables(&facts)).expect("write");
    let listed = fs::read_to_string("data/linux-modems.tsv").expect("data/linux-modems.tsv");
    let more = fs::read_to_string("data/more-modems.toml").expect("data/more-modems.toml");
    fs::write(out.join("linux_modems.rs"), linux_modems::tables(&listed, &more)).expect("write");
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

/// `data/flash-facts.toml` to `flash::facts`, `data/signature-keys.toml` to `firmware::signature`, `data/foreign-files.toml` to
/// `wire::foreign`.
fn flash_facts(out: &Path) {
    let read =
        |name: &str| fs::read_to_string(format!("data/{name}")).unwrap_or_else(|e| panic!("{name}: {e}"));
    let write = |name: &str, code: String| fs::write(out.join(name), code).expect("write");
    write("flash_facts.rs", flash_facts::facts(&read("flash-facts.toml")));
    write("signature_keys.rs", flash_facts::keys(&read("signature-keys.toml")));
    write("foreign_files.rs", flash_facts::foreign(&read("foreign-files.toml"), hex::decode));
}

/// `data/refusals-*.toml` to the statics of `error::refusals`.
fn refusals(out: &Path) {
    let at = fs::read_to_string("data/refusals-at.toml").expect("data/refusals-at.toml");
    let hilink = fs::read_to_string("data/refusals-hilink.toml").expect("data/refusals-hilink.toml");
    let network = fs::read_to_string("data/refusals-network.toml").expect("data/refusals-network.toml");
    let mbim = fs::read_to_string("data/refusals-mbim.toml").expect("data/refusals-mbim.toml");
    let (code, texts) = refusals::tables(&[&at, &hilink, &network, &mbim]);
    fs::write(out.join("refusals.rs"), code).expect("write");
    fs::write(out.join("refusals.bin"), compressed(&texts)).expect("write");
}

fn compressed(text: &str) -> Vec<u8> {
    use std::io::Write as _;

    let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(text.as_bytes()).expect("a vector takes all");
    packed.finish().expect("a vector takes all")
}

/// `data/purposes.toml` to the table of `profile::purpose`.
fn purposes(out: &Path) {
    let facts = fs::read_to_string("data/purposes.toml").expect("data/purposes.toml");
    fs::write(out.join("purposes.rs"), purposes::table(&facts)).expect("write");
}

/// `data/typed.toml` to the tables of `modem`.
fn typed(out: &Path) {
    let facts = fs::read_to_string("data/typed.toml").expect("data/typed.toml");
    fs::write(out.join("typed.rs"), typed::tables(&facts)).expect("write");
}

/// `data/apns.tsv`, compressed, for `online::apn`.
fn apns(out: &Path) {
    let table = fs::read_to_string("data/apns.tsv").expect("data/apns.tsv");
    let rows: Vec<&str> = table.lines().filter(|line| !line.starts_with('#')).collect();
    fs::write(out.join("apns.bin"), compressed(&rows.join("\n"))).expect("write");
}

/// `data/router-hardware.toml` to the table of `router::container`.
fn router_hardware(out: &Path) {
    let facts = fs::read_to_string("data/router-hardware.toml").expect("data/router-hardware.toml");
    fs::write(out.join("router_hardware.rs"), router_hardware::table(&facts)).expect("write");
}
