//! `udevadm info`: the properties of a node, or with `-a` the attributes of it and of what it hangs on. And openSUSE's `hwinfo`, which tells the
//! same under other names.

use super::number::{bcd, byte, hex, id, string};
use super::{Format, PastedDevice, Reader, class_of_driver};
use crate::stick::{Place, UsbId};

/// What one block told.
#[derive(Debug, Default)]
pub(super) struct Udev {
    block: Option<Block>,
    form: Form,
    /// `udevadm monitor` tells next of something that leaves.
    leaves: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Form {
    #[default]
    Properties,
    /// Of `-a`; only the first device of a chain is the one that was asked about, the next are hubs.
    Chain,
    Hwinfo,
}

#[derive(Clone, Debug, Default)]
struct Block {
    place: Option<Place>,
    interface: Option<u8>,
    vendor: Option<u16>,
    product: Option<u16>,
    release: Option<u16>,
    maker: Option<String>,
    model: Option<String>,
    driver: Option<String>,
    /// What follows is of its hub.
    passed: bool,
    /// bInterfaceClass, bInterfaceSubClass, bInterfaceProtocol.
    class: [Option<u8>; 3],
    /// Where in the kernel's tree: its last part names a port or a network interface.
    node: Option<String>,
}

/// `28: USB 00.0: 0b00 Modem`, also where its number was taken for that of a line: whether the device that begins there is one of USB.
fn hwinfo_begins(text: &str) -> Option<bool> {
    let numbered = text.split_once(": ").filter(|(number, _)| number.parse::<u16>().is_ok());
    let (bus, rest) = numbered.map_or(text, |(_, rest)| rest).split_once(' ')?;
    let (slot, rest) = rest.split_once(": ")?;
    let (number, function) = slot.split_once('.')?;
    let class = rest.split(' ').next().unwrap_or_default();
    let is_hex = |text: &str| u16::from_str_radix(text, 16).is_ok();
    let known = bus.bytes().all(|b| b.is_ascii_uppercase()) && is_hex(number) && is_hex(function);
    (known && class.len() == 4 && is_hex(class)).then_some(bus == "USB")
}

/// `1-3:1.0`
pub(super) fn interface_at(part: &str) -> Option<(Place, u8)> {
    let (place, numbers) = part.split_once(':')?;
    Some((place.parse().ok()?, numbers.split_once('.')?.1.parse().ok()?))
}

/// `ATTRS{idVendor}=="12d1"` alone: a rule has several of these in one line.
fn is_attribute(text: &str) -> bool {
    const KEYS: &[&str] = &["ATTR{", "ATTRS{", "KERNEL", "SUBSYSTEM", "DRIVER"];
    let value = text.split_once("==\"").and_then(|(_, value)| value.strip_suffix('"'));
    KEYS.iter().any(|key| text.starts_with(key)) && value.is_some_and(|value| !value.contains('"'))
}

impl Reader {
    pub(super) fn udev_line(&mut self, text: &str) -> bool {
        // `udevadm monitor -p` and `udevadm info -q property` write no letters.
        if let Some(action) = text.strip_prefix("ACTION=") {
            self.udev.leaves = action == "remove";
            return false;
        }
        let path = text.strip_prefix("P: ").or_else(|| text.strip_prefix("DEVPATH="));
        let path = path.filter(|path| path.starts_with("/devices/"));
        // Where people cut, the chain begins with a parent, or without any path.
        let chained = self.udev.block.is_some() && self.udev.form == Form::Chain;
        let begins = ["looking at device '", "looking at parent device '"];
        let looked = begins[..2 - usize::from(chained)].iter().find_map(|words| text.split_once(words));
        let looked = looked.map(|(_, path)| path.trim_end_matches([':', '\'']));
        if let Some(path) = path.or(looked) {
            self.end_udev();
            let form = if looked.is_some() { Form::Chain } else { Form::Properties };
            let block = Some(Block::at(path)).filter(|_| !self.udev.leaves);
            self.udev = Udev { block, form, leaves: false };
            return true;
        }
        if let Some(is_usb) = hwinfo_begins(text) {
            self.end_udev();
            self.udev = Udev { block: is_usb.then(Block::default), form: Form::Hwinfo, ..Udev::default() };
            return true;
        }
        if self.udev.block.is_none() && is_attribute(text) {
            self.udev = Udev { block: Some(Block::default()), form: Form::Chain, ..Udev::default() };
        }
        let Some(block) = &mut self.udev.block else { return false };
        match self.udev.form {
            Form::Chain => return block.attribute(text),
            Form::Hwinfo => return block.hwinfo(text),
            Form::Properties => {}
        }
        let lettered = text.strip_prefix("E: ");
        let Some((key, value)) = lettered.unwrap_or(text).split_once('=') else { return false };
        let is_name =
            |key: &str| key.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        if lettered.is_none() && !is_name(key) {
            return false;
        }
        block.property(key, value);
        true
    }

    /// The text ends, or another block begins.
    pub(super) fn end_udev(&mut self) {
        let Some(block) = self.udev.block.take() else { return };
        let Some(ids) = block.vendor.zip(block.product) else { return };
        let ids = UsbId::new(ids.0, ids.1);
        let same = |d: &PastedDevice| d.id == ids && (d.place == block.place || d.place.is_none());
        let index = match self.devices.iter().position(same) {
            Some(index) => index,
            None => match self.add(PastedDevice::new(ids)) {
                Some(index) => index,
                None => return,
            },
        };
        let device = &mut self.devices[index];
        device.is_in(if self.udev.form == Form::Hwinfo { Format::Hwinfo } else { Format::Udev });
        device.place = device.place.take().or(block.place);
        device.release = device.release.or(block.release);
        device.manufacturer = device.manufacturer.take().or(block.maker);
        device.product = device.product.take().or(block.model);
        let Some(interface) = block.interface else { return };
        let attached = device.attached(interface);
        let class = match block.class {
            [Some(class), Some(subclass), Some(protocol)] => Some([class, subclass, protocol]),
            _ => None,
        };
        let is_port = block.node.as_deref().is_some_and(|node| node.starts_with("ttyUSB"));
        let class = class.or(attached.class).or(block.driver.as_deref().and_then(class_of_driver));
        attached.class = class.or(is_port.then_some([0xff; 3]));
        attached.driver = attached.driver.take().or(block.driver.map(Some));
        let Some(node) = block.node else { return };
        match () {
            () if node.starts_with("tty") => attached.tty = Some(node),
            () if node.starts_with("cdc-wdm") => attached.cdc_wdm = Some(node),
            () => attached.netdev = Some(node),
        }
    }
}

impl Block {
    /// `/devices/pci0000:00/0000:00:14.0/usb1/1-3/1-3:1.0/ttyUSB0/tty/ttyUSB0`
    fn at(path: &str) -> Block {
        let parts: Vec<&str> = path.split('/').collect();
        let interface = parts.iter().rev().find_map(|part| Some(interface_at(part)?.1));
        let is_node = matches!(parts[..], [.., "tty" | "net" | "usbmisc", _]);
        Block {
            place: parts.iter().rev().find_map(|part| part.parse().ok()),
            interface,
            node: parts.last().filter(|_| is_node).and_then(|node| string(node)),
            ..Block::default()
        }
    }

    /// `Vendor: usb 0x12d1 "Huawei Technologies Co., Ltd."`
    fn hwinfo(&mut self, text: &str) -> bool {
        let Some((key, value)) = text.split_once(": ") else { return false };
        let number = || value.strip_prefix("usb ").and_then(id);
        match key {
            "SysFS BusID" => match interface_at(value.trim()) {
                Some((place, interface)) => {
                    self.place = Some(place);
                    self.interface = Some(interface);
                }
                None => self.place = value.trim().parse().ok(),
            },
            "Vendor" => self.vendor = number().or(self.vendor),
            "Device" => self.product = number().or(self.product),
            "Model" => self.model = string(value.trim_matches('"')),
            "Driver" => self.driver = value.split('"').nth(1).and_then(string),
            "Device File" => {
                let path = value.split(char::is_whitespace).next();
                let node = path.and_then(|path| path.strip_prefix("/dev/"));
                let is_port = |node: &&str| node.starts_with("tty") || node.starts_with("cdc-wdm");
                self.node = node.filter(is_port).and_then(string);
            }
            _ => return false,
        }
        true
    }

    /// `ID_VENDOR_ID=12d1`
    fn property(&mut self, key: &str, value: &str) {
        let text = || string(&value.replace('_', " "));
        match key {
            "ID_VENDOR_ID" | "ID_USB_VENDOR_ID" => self.vendor = id(value),
            "ID_MODEL_ID" | "ID_USB_MODEL_ID" => self.product = id(value),
            // Those of the kernel alone: `PRODUCT=12d1/1001/0`. Input devices have four parts.
            "PRODUCT" if value.split('/').count() == 3 => {
                let mut ids = value.split('/').map(|part| u16::from_str_radix(part, 16).ok());
                self.vendor = self.vendor.or(ids.next().flatten());
                self.product = self.product.or(ids.next().flatten());
                self.release = self.release.or(ids.next().flatten());
            }
            "ID_USB_INTERFACE_NUM" => self.interface = hex(value).and_then(|n| u8::try_from(n).ok()),
            "ID_USB_DRIVER" => self.driver = string(value),
            "ID_REVISION" => self.release = id(value),
            "ID_VENDOR" => self.maker = self.maker.take().or_else(text),
            "ID_MODEL" => self.model = self.model.take().or_else(text),
            // In the other two, `_` may stand for a blank.
            "ID_VENDOR_ENC" => self.maker = string(&value.replace("\\x20", " ")),
            "ID_MODEL_ENC" => self.model = string(&value.replace("\\x20", " ")),
            _ => {}
        }
    }

    /// `ATTRS{idVendor}=="12d1"`, `DRIVERS=="option"`
    fn attribute(&mut self, text: &str) -> bool {
        // What comes after it is of its hub.
        let whole = self.vendor.is_some() && self.product.is_some();
        let Some((key, value)) = text.split_once("==") else {
            let next = text.contains("looking at parent device");
            self.passed |= next && whole;
            return next;
        };
        let value = value.trim_matches('"');
        let name = key.split_once('{').map(|(_, name)| name.trim_end_matches('}'));
        match (name.unwrap_or(key), whole) {
            ("KERNEL" | "KERNELS", false) => match interface_at(value) {
                Some((place, interface)) => {
                    self.place = self.place.take().or(Some(place));
                    self.interface = self.interface.or(Some(interface));
                }
                None if value.starts_with("tty") || value.starts_with("cdc-wdm") => {
                    self.node = self.node.take().or_else(|| string(value));
                }
                None => self.place = self.place.take().or_else(|| value.parse().ok()),
            },
            ("idVendor", _) => self.vendor = self.vendor.or(id(value)),
            ("idProduct", _) => self.product = self.product.or(id(value)),
            ("bcdDevice", _) if !self.passed => self.release = id(value).or_else(|| bcd(value)),
            ("manufacturer", _) if !self.passed => self.maker = self.maker.take().or_else(|| string(value)),
            ("product", _) if !self.passed => self.model = self.model.take().or_else(|| string(value)),
            // Only those of the interface that was asked about stand before the ids.
            ("bInterfaceNumber", false) => self.interface = self.interface.or(byte(hex(value))),
            ("bInterfaceClass", false) => self.class[0] = byte(hex(value)),
            ("bInterfaceSubClass", false) => self.class[1] = byte(hex(value)),
            ("bInterfaceProtocol", false) => self.class[2] = byte(hex(value)),
            ("DRIVER" | "DRIVERS", false) if self.driver.is_none() => {
                let driver = value.trim_end_matches("_serial");
                self.driver = class_of_driver(value).and_then(|_| string(driver));
            }
            _ => {}
        }
        true
    }
}
