//! Other lists of the bus: `lsusb.py` of usbutils, the window of usbview, and modemdata of OpenWrt.

use super::number::{bcd, byte, hex, id, string};
use super::udev::interface_at;
use super::web::pairs;
use super::{Format, PastedDevice, Reader};
use crate::stick::{Place, UsbId};

/// What a list told before the line that is read now.
#[derive(Debug, Default)]
pub(super) struct BusLists {
    /// The device of which `lsusb.py` or usbview tells.
    device: Option<usize>,
    /// The place that `lsusb.py` gives it.
    place: Option<Place>,
    /// idVendor of usbview and modemdata, which is before the product.
    vendor: Option<u16>,
    /// The interface of which usbview tells.
    interface: Option<u8>,
}

/// What follows the parenthesis that a text begins with: `(Mass Storage (Zip)) usb-storage`.
fn after_parenthesis(text: &str) -> Option<&str> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return text.starts_with('(').then(|| &text[at + 1..]);
        }
    }
    None
}

fn class(text: &str) -> Option<[u8; 3]> {
    let mut parts = text.splitn(3, ':').map(|part| u8::from_str_radix(part, 16).ok());
    Some([parts.next()??, parts.next()??, parts.next()??])
}

impl Reader {
    pub(super) fn bus_list_line(&mut self, text: &str) -> bool {
        self.lsusb_py_line(text) || self.usbview_line(text) || self.page_of_openwrt_line(text)
    }

    /// `"Vendor": "03f0",` and `"ProdID": "9d1d",` of modemdata and its pages for OpenWrt.
    fn page_of_openwrt_line(&mut self, text: &str) -> bool {
        let mut is_known = false;
        for (key, value) in pairs(text) {
            match key {
                "Vendor" => self.bus_lists.vendor = id(value),
                "ProdID" => {
                    let ids = self.bus_lists.vendor.take().zip(id(value));
                    let ids = ids.map(|(vendor, product)| UsbId::new(vendor, product));
                    is_known |= ids.and_then(|ids| self.only(ids, Format::ModemData)).is_some();
                }
                _ => {}
            }
        }
        is_known
    }

    /// ` 1-2   12d1:1001 00 2.00  480MBit/s 500mA 4IFs (HUAWEI Technology HUAWEI Mobile)`, and
    /// ` 1-2:1.0   (IF) ff:ff:ff 3EPs (Vendor Specific Class) option ttyUSB0`.
    fn lsusb_py_line(&mut self, text: &str) -> bool {
        let Some((first, rest)) = text.split_once(char::is_whitespace) else { return false };
        let rest = rest.trim_start();
        if let Some((place, number)) = interface_at(first)
            && let Some(rest) = rest.strip_prefix("(IF)")
        {
            let device = self.bus_lists.device.filter(|_| self.bus_lists.place.as_ref() == Some(&place));
            let Some(device) = device.and_then(|index| self.devices.get_mut(index)) else { return true };
            let attached = device.attached(number);
            attached.class = rest.split_whitespace().next().and_then(class).or(attached.class);
            let behind = rest.find('(').and_then(|at| after_parenthesis(&rest[at..])).unwrap_or_default();
            let mut words = behind.split_whitespace();
            attached.driver = words.next().and_then(string).map(Some).or(attached.driver.take());
            for node in words.filter_map(string) {
                let network = ["eth", "en", "usb", "ww"].iter().any(|start| node.starts_with(start));
                match () {
                    () if node.starts_with("tty") => attached.tty = Some(node),
                    () if node.starts_with("cdc-wdm") => attached.cdc_wdm = Some(node),
                    () if network => attached.netdev = Some(node),
                    () => {}
                }
            }
            return true;
        }
        let Ok(place) = first.parse::<Place>() else { return false };
        let mut words = rest.split_whitespace();
        let Some(ids) = words.next().and_then(|ids| ids.parse::<UsbId>().ok()) else { return false };
        let is_class = words.next().is_some_and(|word| word.len() == 2 && byte(hex(word)).is_some());
        if !is_class || !words.any(|word| word.ends_with("IF") || word.ends_with("IFs")) {
            return false;
        }
        let is_it = |d: &PastedDevice| d.id == ids && d.place.as_ref().is_none_or(|known| *known == place);
        let index = self.devices.iter().position(is_it).or_else(|| self.add(PastedDevice::new(ids)));
        self.bus_lists.device = index;
        self.bus_lists.place = Some(place.clone());
        if let Some(device) = index.and_then(|index| self.devices.get_mut(index)) {
            device.is_in(Format::LsusbPy);
            device.place = Some(place);
            let named = rest.rfind('(').map(|at| rest[at + 1..].trim_end_matches(')'));
            device.product = device.product.take().or(named.and_then(string));
        }
        true
    }

    /// `Vendor Id: 12d1`, `Product Id: 1001`, `Interface Number: 0`, `Name: option`, `Class: ff(vend.)`
    fn usbview_line(&mut self, text: &str) -> bool {
        let Some((key, value)) = text.split_once(':') else { return false };
        match key {
            "Vendor Id" => {
                self.bus_lists = BusLists { vendor: id(value), ..BusLists::default() };
                return self.bus_lists.vendor.is_some();
            }
            "Product Id" => {
                let ids = self.bus_lists.vendor.take().zip(id(value));
                let index =
                    ids.and_then(|(vendor, product)| self.only(UsbId::new(vendor, product), Format::Usbview));
                self.bus_lists.device = index;
                return index.is_some();
            }
            _ => {}
        }
        let is_usbview = self.bus_lists.place.is_none();
        let device = self.bus_lists.device.filter(|_| is_usbview);
        let Some(device) = device.and_then(|index| self.devices.get_mut(index)) else { return false };
        match (key, self.bus_lists.interface) {
            ("Revision Number", _) => device.release = device.release.or(bcd(value)),
            ("Interface Number", _) => self.bus_lists.interface = byte(value.trim().parse().ok()),
            ("Name", Some(number)) => {
                let name = string(value).filter(|name| !name.starts_with('('));
                device.attached(number).driver = Some(name);
            }
            ("Class", Some(number)) => device.part_of_class(number, 0, value),
            ("Sub Class", Some(number)) => device.part_of_class(number, 1, value),
            ("Protocol", Some(number)) => device.part_of_class(number, 2, value),
            _ => return false,
        }
        true
    }
}

impl PastedDevice {
    fn part_of_class(&mut self, interface: u8, part: usize, value: &str) {
        let class = self.attached(interface).class.get_or_insert_default();
        class[part] = byte(hex(value)).unwrap_or(class[part]);
    }
}
