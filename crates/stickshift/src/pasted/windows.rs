//! Ids as Windows and macOS show them: `USB\VID_12D1&PID_1506&REV_0102&MI_00`, and `Product ID: 0x1506` before `Vendor ID: 0x12d1`.

use super::number::id;
use super::{Format, Reader};
use crate::stick::UsbId;

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
        // `ioreg -p IOUSB -l` writes them in decimal, in any order, and other lines between.
        let number = |name: &str| text.trim_start_matches(['|', ' ']).strip_prefix(name)?.trim().parse().ok();
        self.ids.0 = number("\"idVendor\" =").or(self.ids.0);
        self.ids.1 = number("\"idProduct\" =").or(self.ids.1);
        if let (Some(vendor), Some(product)) = self.ids {
            self.ids = (None, None);
            let _ = self.only(UsbId::new(vendor, product), Format::Profiler);
            return true;
        }
        let vendor = text.strip_prefix("Vendor ID:").and_then(id);
        let Some((vendor, product)) = vendor.zip(self.product.take()) else { return false };
        let _ = self.only(UsbId::new(vendor, product), Format::Profiler);
        true
    }
}
