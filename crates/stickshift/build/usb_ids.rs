//! `data/usb-ids.toml` as static tables.

use std::fmt::Write;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Data {
    product: Vec<Product>,
    flash_port: Vec<FlashPort>,
    protocol: Vec<Protocol>,
    vendor: Vec<Vendor>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Product {
    id: String,
    mode: Option<String>,
    #[serde(default)]
    decides: bool,
    what: String,
    #[serde(default)]
    untyped: Vec<String>,
    #[serde(default)]
    modem_with_drives: bool,
    #[serde(default)]
    serial_as_rndis: bool,
    #[serde(default)]
    no_stick: bool,
    #[serde(default)]
    android_network: bool,
    #[serde(default)]
    chip_download: bool,
    #[serde(default)]
    keeps_ids: bool,
    #[serde(default)]
    ncm: bool,
    #[serde(default)]
    not_on_routers: bool,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlashPort {
    id: String,
    interface: Option<u8>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Protocol {
    codes: Vec<u8>,
    role: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Vendor {
    id: String,
    name: String,
    only: bool,
    #[serde(default)]
    huawei_design: bool,
    #[serde(default)]
    modules: bool,
    source: String,
}

/// The Rust source of the tables, sorted by id. A row that makes no sense stops the build.
pub(crate) fn tables(text: &str) -> String {
    let mut data: Data = toml::from_str(text).unwrap_or_else(|e| panic!("data/usb-ids.toml: {e}"));
    data.product.sort_by_key(|row| id(&row.id));
    data.vendor.sort_by_key(|row| hex(&row.id));
    let twice = data.product.windows(2).find(|pair| id(&pair[0].id) == id(&pair[1].id));
    assert!(twice.is_none(), "data/usb-ids.toml: {} twice", twice.unwrap()[0].id);

    let sources = (data.product.iter().map(|r| &r.source))
        .chain(data.flash_port.iter().map(|r| &r.source))
        .chain(data.protocol.iter().map(|r| &r.source))
        .chain(data.vendor.iter().map(|r| &r.source));
    assert!(sources.into_iter().all(|s| !s.is_empty()), "data/usb-ids.toml: a row has no source");

    let mut out = String::from("/// Sorted by id.\nstatic PRODUCTS: &[Product] = &[\n");
    for row in &data.product {
        let mode = row.mode.as_deref().map_or("None".to_owned(), |m| format!("Some(Mode::{})", camel(m)));
        let untyped: Vec<String> = row.untyped.iter().map(|r| format!("Role::{}", camel(r))).collect();
        let (vendor, product) = id(&row.id);
        if row.not_on_routers {
            out.push_str("#[cfg(feature = \"pasted\")] ");
        }
        writeln!(
            out,
            "Product {{ id: UsbId::new({vendor:#06x}, {product:#06x}), mode: {mode}, decides: {}, what: {:?}, untyped: &[{}], \
             modem_with_drives: {}, serial_as_rndis: {}, no_stick: {}, android_network: {}, chip_download: {}, \
             ncm: {}, #[cfg(feature = \"pasted\")] keeps_ids: {} }},",
            row.decides,
            row.what,
            untyped.join(", "),
            row.modem_with_drives,
            row.serial_as_rndis,
            row.no_stick,
            row.android_network,
            row.chip_download,
            row.ncm,
            row.keeps_ids
        )
        .unwrap();
    }
    out.push_str("];\n\n/// Where firmware goes in.\nstatic FLASH_PORTS: &[FlashPort] = &[\n");
    for row in &data.flash_port {
        let (vendor, product) = id(&row.id);
        writeln!(
            out,
            "FlashPort {{ id: UsbId::new({vendor:#06x}, {product:#06x}), interface: {:?} }},",
            row.interface
        )
        .unwrap();
    }
    out.push_str("];\n\n/// Huawei's interface protocols.\nstatic PROTOCOLS: &[Protocol] = &[\n");
    for row in &data.protocol {
        let role = camel(&row.role);
        writeln!(out, "Protocol {{ codes: &{:?}, role: Role::{role} }},", row.codes).unwrap();
    }
    out.push_str("];\n\n/// Sorted by id.\nstatic VENDORS: &[Vendor] = &[\n");
    for row in &data.vendor {
        writeln!(
            out,
            "Vendor {{ id: {:#06x}, name: {:?}, only: {}, huawei_design: {}, modules: {} }},",
            hex(&row.id),
            row.name,
            row.only,
            row.huawei_design,
            row.modules
        )
        .unwrap();
    }
    out.push_str("];\n");
    out
}

fn id(text: &str) -> (u16, u16) {
    let (vendor, product) =
        text.split_once(':').unwrap_or_else(|| panic!("data/usb-ids.toml: {text} is no id"));
    (hex(vendor), hex(product))
}

fn hex(text: &str) -> u16 {
    u16::from_str_radix(text, 16).unwrap_or_else(|_| panic!("data/usb-ids.toml: {text} is no id"))
}

/// `boot-rom` to `BootRom`: codes of modes and roles are the kebab-case of their names.
fn camel(code: &str) -> String {
    code.split('-').map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect()
}
