//! Ids as Windows and macOS show them: `USB\VID_12D1&PID_1506&REV_0102&MI_00`, and `Product ID: 0x1506` before `Vendor ID: 0x12d1`, or both as JSON.
//! And lists of USBDeview and RouterOS.

use super::number::{id, string};
use super::web::pairs;
use super::{Format, Reader};
use crate::stick::UsbId;

/// One device as programs of macOS tell it, which write other lines between.
#[derive(Debug, Default)]
pub(super) struct Told {
    vendor: Option<u16>,
    product: Option<u16>,
    maker: Option<String>,
    name: Option<String>,
}

impl Told {
    /// A line of `ioreg -p IOUSB -l`, which writes ids in decimal and in any order.
    fn ioreg(&mut self, text: &str) -> bool {
        let text = text.trim_start_matches(['|', ' ']);
        if text.starts_with("+-o ") {
            *self = Told::default();
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

    /// A value of `system_profiler SPUSBDataType -json`, or of SPUSBHostDataType, which macOS 26 has in its place. The name stands first.
    fn json(&mut self, key: &str, value: &str) -> bool {
        match key {
            "_name" => *self = Told { name: string(value), ..Told::default() },
            "product_id" | "USBDeviceKeyProductID" => self.product = id(value),
            "vendor_id" | "USBDeviceKeyVendorID" => self.vendor = id(value),
            "manufacturer" | "USBDeviceKeyVendorName" => self.maker = string(value),
            _ => return false,
        }
        key != "_name"
    }

    /// What is told so far, where the ids are.
    fn told(&self) -> Option<(UsbId, Option<String>, Option<String>)> {
        Some((UsbId::new(self.vendor?, self.product?), self.maker.clone(), self.name.clone()))
    }
}

impl Reader {
    pub(super) fn windows_line(&mut self, text: &str) -> bool {
        if self.listed_ids(text) {
            return true;
        }
        if !text.contains("ID_") && !text.contains("id_") {
            return false;
        }
        let upper = text.to_ascii_uppercase();
        let mut found = false;
        for (at, _) in upper.match_indices("VID_") {
            let field = |name: &str| upper[at..].split_whitespace().next()?.split_once(name).map(|(_, v)| v);
            let vendor = id(&upper[at + "VID_".len()..]);
            let Some((vendor, product)) = vendor.zip(field("&PID_").and_then(id)) else { continue };
            let Some(index) = self.only(UsbId::new(vendor, product), Format::Windows) else { continue };
            let device = &mut self.devices[index];
            device.release = device.release.or(field("&REV_").and_then(id));
            let interface = field("&MI_").and_then(|rest| u8::from_str_radix(rest.get(..2)?, 16).ok());
            if !found {
                self.ids_of_port(index, interface, text);
            }
            found = true;
        }
        found
    }

    /// USBDeview's `VendorID : 12d1` and `ProductID : 1446`; RouterOS' `vendor-id="0x12d1" device-id="0x1446"`.
    fn listed_ids(&mut self, text: &str) -> bool {
        if let Some((key, value)) = text.split_once(':') {
            match key.trim() {
                "VendorID" => self.vendor_id = id(value),
                "ProductID" => {
                    let ids = self.vendor_id.take().zip(id(value));
                    let index = ids.and_then(|(v, p)| self.only(UsbId::new(v, p), Format::Windows));
                    return index.is_some();
                }
                _ => {}
            }
        }
        let value = |name: &str| text.split_once(name)?.1.split('"').next();
        let ids = value("vendor-id=\"").and_then(id).zip(value("device-id=\"").and_then(id));
        let Some((vendor, product)) = ids else { return false };
        if let Some(index) = self.only(UsbId::new(vendor, product), Format::RouterOs) {
            let device = &mut self.devices[index];
            device.manufacturer = device.manufacturer.take().or(value(" vendor=\"").and_then(string));
            device.product = device.product.take().or(value(" name=\"").and_then(string));
            let address = value("device=\"").and_then(|address| address.split_once(':'));
            let address = address.and_then(|(bus, at)| bus.parse().ok().zip(at.parse().ok()));
            device.address = device.address.or(address);
        }
        true
    }

    /// A line of macOS' system_profiler.
    pub(super) fn profiler_line(&mut self, text: &str) -> bool {
        if let Some(product) = text.strip_prefix("Product ID:").and_then(id) {
            self.product = Some(product);
            return true;
        }
        if self.ioreg.ioreg(text) {
            let told = self.ioreg.told();
            self.told_of(told, Format::Ioreg);
            return true;
        }
        let mut is_json = false;
        for (key, value) in pairs(text) {
            if self.profiled.json(key, value) {
                let told = self.profiled.told();
                self.told_of(told, Format::Profiler);
                is_json = true;
            }
        }
        if text.starts_with('}') {
            self.profiled = Told::default();
        }
        if is_json {
            return true;
        }
        let vendor = text.strip_prefix("Vendor ID:").and_then(id);
        let Some((vendor, product)) = vendor.zip(self.product.take()) else { return false };
        let _ = self.only(UsbId::new(vendor, product), Format::Profiler);
        true
    }

    fn told_of(&mut self, told: Option<(UsbId, Option<String>, Option<String>)>, format: Format) {
        if let Some((id, maker, name)) = told
            && let Some(index) = self.only(id, format)
        {
            let device = &mut self.devices[index];
            device.manufacturer = device.manufacturer.take().or(maker);
            device.product = device.product.take().or(name);
        }
    }
}
