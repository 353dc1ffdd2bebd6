//! The drivers of Linux: which one binds by the classes of an interface, and what it makes of it.

use crate::device::{Function, UsbInterface};

/// bInterfaceClass of the half of a network function that carries the data.
pub(super) const CDC_DATA: u8 = 0x0a;

/// Whether the driver of a network function gives its AT or MBIM channel a node; plain CDC NCM has none.
pub(super) fn has_control_channel(interface: &UsbInterface) -> bool {
    let [class, subclass, _] = interface.alternates[0].class;
    interface.function == Function::Ncm && class != CDC_DATA && (class, subclass) != (0x02, 0x0d)
}

/// Which driver binds.
pub(super) fn usual(interface: &UsbInterface) -> Option<&'static str> {
    let [class, subclass, protocol] = interface.alternates[0].class;
    match interface.function {
        Function::Ncm if matches!((class, subclass, protocol), (0x02, 0x0d, _) | (CDC_DATA, 0, 1)) => {
            Some("cdc_ncm")
        }
        Function::Ncm if class == CDC_DATA || (class, subclass) == (0x02, 0x0e) => Some("cdc_mbim"),
        Function::Serial if (class, subclass) == (0x02, 0x02) && protocol <= 0x06 => Some("cdc_acm"),
        Function::Serial => Some("option"),
        Function::Storage => Some("usb-storage"),
        Function::Ethernet if class == 0xe0 => Some("rndis_host"),
        Function::Ethernet => Some("cdc_ether"),
        Function::Ncm => Some("huawei_cdc_ncm"),
        Function::Raw => None,
    }
}

/// What the nodes of a driver's serial ports are called.
pub(super) fn tty_name(driver: Option<&str>) -> &'static str {
    match driver {
        Some("cdc_acm") => "ttyACM",
        Some("hso") => "ttyHS",
        _ => "ttyUSB",
    }
}
