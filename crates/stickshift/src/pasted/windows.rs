//! Ids as Windows and macOS show them: `USB\VID_12D1&PID_1506&REV_0102&MI_00`, and `Product ID: 0x1506` before `Vendor ID: 0x12d1`.

use super::number::{id, string};
use super::{Format, Reader};
use crate::stick::UsbId;

/// One device of `ioreg -p IOUSB -l`, which writes ids in decimal, in any order, and other lines between.
#[derive(Debug, Default)]
pub(super) struct Ioreg {
    vendor: Option<u16>,
    product: Option<u16>,
    maker: Option<String>,
    name: Option<String>,
}

impl Ioreg {
    fn line(&mut self, text: &str) -> bool {
        let text = text.trim_start_matches(['|', ' ']);
        if text.starts_with("+-o ") {
            *self = Ioreg::default();
            return false;
        }
        let Some((key, value)) = text.split_once("\" = ") else { return false };
        let value = value.trim();
        let name = || string(value.trim_matches('"'));
        match key {
            "\"idVendor" => self.vendor = value.parse().ok(),
            "\"idProduct" => self.product = value.parse().ok(),
            "\"USB Vendor Name" | "\"kUSBVendorString" => self.maker = name(),
            "\"USB Product Name" | "\"kUSBProductString" => self.name = name(),
            _ => return false,
        }
        true
    }

    /// What is told so far, where the ids are.
    fn told(&self) -> Option<(UsbId, Option<String>, Option<String>)> {
        Some((UsbId::new(self.vendor?, self.product?), self.maker.clone(), self.name.clone()))
    }
}

impl Reader {
    pub(super) fn windows_line(&mut self, text: &str) -> bool {
        if !text.contains("ID_") && !text.contains("id_") {
            return false;
        }
        let text = text.to_ascii_uppercase();
        let mut found = false;
        for (at, _) in text.match_indices("VID_") {
            let field = |name: &str| text[at..].split_whitespace().next()?.split_once(name).map(|(_, v)| v);
            let vendor = id(&text[at + "VID_".len()..]);
            let Some((vendor, product)) = vendor.zip(field("&PID_").and_then(id)) else { continue };
            found = true;
            let Some(index) = self.only(UsbId::new(vendor, product), Format::Windows) else { continue };
            let device = &mut self.devices[index];
            device.release = device.release.or(field("&REV_").and_then(id));
        }
        found
    }

    /// A line of macOS' system_profiler.
    pub(super) fn profiler_line(&mut self, text: &str) -> bool {
        if let Some(product) = text.strip_prefix("Product ID:").and_then(id) {
            self.product = Some(product);
            return true;
        }
        if self.ioreg.line(text) {
            if let Some((id, maker, name)) = self.ioreg.told()
                && let Some(index) = self.only(id, Format::Ioreg)
            {
                let device = &mut self.devices[index];
                device.manufacturer = device.manufacturer.take().or(maker);
                device.product = device.product.take().or(name);
            }
            return true;
        }
        let vendor = text.strip_prefix("Vendor ID:").and_then(id);
        let Some((vendor, product)) = vendor.zip(self.product.take()) else { return false };
        let _ = self.only(UsbId::new(vendor, product), Format::Profiler);
        true
    }
}
