//! Linux's drivers of what a pasted text shows, and what to do where one is missing or has the wrong interface.

use stickshift::pasted::PastedDevice;
use stickshift::stick::{Interface, Role, Stick, UsbId, is_huawei_design, linux_drivers};

/// Drivers of Linux that make serial ports, and answer nothing on a network interface that was put into their lists.
const SERIAL_DRIVERS: &[&str] = &["option", "qcserial", "sierra", "usbserial", "usbserial_generic"];

/// Whether a driver of serial ports has a network interface.
pub(super) fn is_taken(i: &Interface) -> bool {
    i.role == Role::Network && i.driver.as_deref().is_some_and(|driver| SERIAL_DRIVERS.contains(&driver))
}

/// How a network interface comes from a driver of serial ports to its own.
pub(super) fn give_back(device: &PastedDevice, stick: &Stick, taken: &Interface) -> String {
    let driver = taken.driver.as_deref().unwrap_or_default();
    let place = device.place.as_ref().map_or("PLACE", |place| place.as_str());
    let name = format!("{place}:{}.{}", stick.configuration, taken.number);
    let node = taken.tty.as_deref().map(|tty| format!(" ({tty})")).unwrap_or_default();
    let which = if device.place.is_none() { "; `stickshift list` shows its place" } else { "" };
    let own = network_driver(stick.id, taken)
        .map_or("plug the stick in again without its ids in new_id".to_owned(), |own| {
            format!("modprobe {own}, echo {name} > /sys/bus/usb/drivers/{own}/bind")
        });
    format!(
        "the driver {driver} took its network interface {}{node}, and makes a port of it that answers nothing: as root, echo {name} > /sys/bus/usb/drivers/{driver}/unbind, then {own}{which}",
        taken.number
    )
}

/// Linux's driver of a serial port: that of its class, else the one that lists the ids, else the one that takes any.
pub(super) fn serial_driver(id: UsbId, port: &Interface) -> &'static str {
    let serial = |driver: &&&str| matches!(**driver, "hso" | "ipw" | "option" | "qcserial" | "sierra");
    let listed = linux_drivers(id).iter().find(serial).copied();
    match (port.class, port.subclass, port.protocol) {
        // cdc_acm takes these of a few telephones alone.
        (0x02, 0x02, 0xff) => listed.unwrap_or("cdc_acm"),
        (0x02, 0x02, _) => "cdc_acm",
        _ => listed.unwrap_or("option"),
    }
}

/// Linux's driver of a network interface; `None` for those whose classes and ids do not tell it.
pub(super) fn network_driver(id: UsbId, i: &Interface) -> Option<&'static str> {
    match (i.class, i.subclass, i.protocol) {
        // NCM of Huawei's kind (Linux: drivers/net/usb/huawei_cdc_ncm.c).
        (0xff, 2 | 3, 0x16 | 0x46 | 0x76) if is_huawei_design(id.vendor) => Some("huawei_cdc_ncm"),
        (0xff, ..) if i.role == Role::Network => {
            linux_drivers(id).iter().find(|driver| **driver == "qmi_wwan").copied()
        }
        (0x02, 0x06, _) => Some("cdc_ether"),
        (0x02, 0x0d, _) => Some("cdc_ncm"),
        (0x02, 0x0e, _) => Some("cdc_mbim"),
        (0xe0, 0x01, 0x03) | (0xef, 0x04, 0x01) | (0x02, 0x02, 0xff) => Some("rndis_host"),
        _ => None,
    }
}

/// The purpose of a network interface: its kind, as far as its driver or its class tells, and what goes online with it.
pub(super) fn network_purpose(id: UsbId, i: &Interface) -> &'static str {
    const MBIM: &str = "network (MBIM): stickshift online, ModemManager or mbimcli";
    const QMI: &str = "network (QMI): ModemManager, qmicli or uqmi";
    const RNDIS: &str = "network card (RNDIS): an address by DHCP, once it is connected";
    const ECM: &str = "network card (ECM): an address by DHCP, once it is connected";
    const EEM: &str = "network card (EEM): an address by DHCP, once it is connected";
    const NCM: &str = "network card (NCM): an address by DHCP, once it is connected";
    const HUAWEI_NCM: &str = "network (NCM of Huawei's kind): stickshift online, which dials by AT^NDISDUP";
    const UNTOLD: &str = "network, of a kind that is not told";
    match i.driver.as_deref() {
        Some("cdc_mbim") => return MBIM,
        Some("qmi_wwan" | "GobiNet") => return QMI,
        Some("rndis_host") => return RNDIS,
        Some("cdc_eem") => return EEM,
        Some("huawei_cdc_ncm") => return HUAWEI_NCM,
        Some("sierra_net") => return "network (Direct IP of Sierra Wireless): ModemManager dials by AT!SCACT",
        Some("hso") => return "network of Option's kind: ModemManager dials by AT_OWANCALL",
        _ => {}
    }
    let huawei = is_huawei_design(id.vendor);
    match (i.class, i.subclass, i.protocol) {
        (0x02, 0x0e, _) => MBIM,
        (0x02, 0x0d, _) => NCM,
        // ECM by its class; on some modems of Huawei QMI, which the driver tells.
        (0x02, 0x06, 0xff) if huawei && i.driver.is_none() => UNTOLD,
        (0x02, 0x06, _) => ECM,
        (0x02, 0x0c, _) => EEM,
        (0xe0, 0x01, 0x03) | (0xef, 0x04, 0x01) | (0x02, 0x02, 0xff) => RNDIS,
        (0xff, 1..=6, 0x16 | 0x46 | 0x76) if huawei => HUAWEI_NCM,
        (0xff, 1..=6, 0x07..=0x09 | 0x37..=0x39 | 0x67..=0x69) if huawei => QMI,
        (0xff, 0xff, 0x50) => QMI,
        (0xff, ..) if linux_drivers(id).contains(&"qmi_wwan") && !huawei => QMI,
        _ if i.driver.as_deref() == Some("cdc_ncm") => NCM,
        _ if i.driver.as_deref() == Some("cdc_ether") => ECM,
        _ => UNTOLD,
    }
}
