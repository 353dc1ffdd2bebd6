//! How data goes through a stick, and what a router needs for that.

use crate::error::{Error, ErrorKind, Result};
use crate::profile::Entry;
use crate::profile::purpose::{self, Purpose};
use crate::stick::{Interface, Mode, Stick, UsbId, classify, has_huawei_ncm};

use super::ports::{Found, OPTION_PACKAGE, Ready, SERIAL_PACKAGES, WWAN_PACKAGE, dials, is_qmi, listed};

/// How data goes through a stick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// Dialled on a serial port.
    Ppp,
    /// Huawei's NCM, dialled by AT.
    Ncm,
    /// The stick is a router itself.
    Hilink,
    /// Qualcomm's QMI.
    Qmi,
    /// MBIM.
    Mbim,
}

impl Data {
    /// What the bus shows of a stick that is switched already; none when it is not.
    pub fn of(stick: &Stick) -> Option<Data> {
        let any = |test: fn(&Interface) -> bool| stick.interfaces.iter().any(test);
        match stick.mode {
            Mode::Hilink | Mode::HilinkSerial => Some(Data::Hilink),
            Mode::Modem if any(|i| (i.class, i.subclass) == (0x02, 0x0e)) => Some(Data::Mbim),
            Mode::Modem if any(|i| i.driver.as_deref() == Some("qmi_wwan")) => Some(Data::Qmi),
            Mode::Modem if any(is_huawei_ncm) => Some(Data::Ncm),
            // A network card alone has nothing to dial on.
            Mode::Modem if !any(is_serial) && any(is_network) => Some(Data::Hilink),
            Mode::Modem => Some(Data::Ppp),
            Mode::Unknown if any(is_network) => Some(Data::Hilink),
            _ => None,
        }
    }

    /// What a stick takes that is switched by this entry; none when nothing tells. Ids do not tell a network interface, so this is a guess to begin with.
    ///
    /// # Errors
    /// `Usage` for what is no modem.
    pub fn of_entry(entry: &Entry) -> Result<Option<Data>> {
        match entry.key.id().and_then(purpose::of) {
            Some((Purpose::NoModem, what)) => {
                let what =
                    format!("{} is {what}: this is no modem, and needs no network settings", entry.key);
                return Err(Error::new(ErrorKind::Usage, what));
            }
            Some((Purpose::NetworkCard, _)) => return Ok(Some(Data::Hilink)),
            Some((Purpose::MbimModule, _)) if entry.parameters.is_leave_alone() => {
                return Ok(Some(Data::Mbim));
            }
            Some((Purpose::MbimModule, _)) | None => {}
        }
        let p = &entry.parameters;
        let targets = entry.targets();
        Ok(match p.target_class {
            _ if p.mbim == Some(true) => Some(Data::Mbim),
            Some(0xe0) => Some(Data::Hilink),
            // The usual target stands first.
            _ if !targets.is_empty() => targets.first().map(|id| Data::usual(*id)),
            Some(_) => Some(Data::Ppp),
            None => None,
        })
    }

    /// What a stick with these ids takes that is a modem or a router already; none for ids that nobody knows.
    pub fn of_id(id: UsbId) -> Option<Data> {
        let mode = classify(id, 0, &[]).mode;
        matches!(mode, Mode::Hilink | Mode::HilinkSerial | Mode::Modem).then(|| Data::usual(id))
    }

    /// What the ids after the switch stand for most often. Ids do not tell a network interface, so this is a guess to begin with.
    pub fn usual(target: UsbId) -> Data {
        match classify(target, 0, &[]).mode {
            Mode::Hilink | Mode::HilinkSerial => Data::Hilink,
            _ if is_qmi(target) => Data::Qmi,
            _ if has_huawei_ncm(target) => Data::Ncm,
            _ => Data::Ppp,
        }
    }

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Data::Ppp => "ppp",
            Data::Ncm => "ncm",
            Data::Hilink => "hilink",
            Data::Qmi => "qmi",
            Data::Mbim => "mbim",
        }
    }

    /// What is to be installed besides what every image has.
    pub fn packages(self) -> &'static [&'static str] {
        match self {
            Data::Ppp => &[
                "usb-modeswitch",
                "kmod-usb-serial-option",
                "kmod-usb-serial-wwan",
                "comgt",
                "luci-proto-3g",
            ],
            Data::Ncm => &[
                "usb-modeswitch",
                "kmod-usb-serial-option",
                "kmod-usb-serial-wwan",
                "comgt-ncm",
                "kmod-usb-net-huawei-cdc-ncm",
                "luci-proto-ncm",
            ],
            Data::Hilink => &["usb-modeswitch", "kmod-usb-net-cdc-ether", "kmod-usb-net-rndis"],
            Data::Qmi => &["usb-modeswitch", "uqmi", "kmod-usb-net-qmi-wwan", "luci-proto-qmi"],
            Data::Mbim => &["usb-modeswitch", "umbim", "kmod-usb-net-cdc-mbim"],
        }
    }

    /// The same with the drivers of the ports of a stick.
    pub(super) fn packages_for(self, drivers: &[&str]) -> Vec<&'static str> {
        let mut packages = self.packages().to_vec();
        let serial = SERIAL_PACKAGES.iter().find(|(driver, _)| drivers.contains(driver));
        if let Some((driver, package)) = serial {
            for known in packages.iter_mut().filter(|known| **known == OPTION_PACKAGE) {
                *known = package;
            }
            packages.retain(|known| *known != WWAN_PACKAGE || matches!(*driver, "option" | "qcserial"));
        }
        packages
    }

    /// The subsystem whose hotplug events tell that the stick is ready, and the name of the device in them.
    pub(super) fn ready(self, stick: Option<&Stick>, target: Option<UsbId>) -> Ready {
        let (subsystem, found, usual) = match self {
            Data::Ppp => {
                ("tty", stick.and_then(dials).map(Found::Seen).or_else(|| listed(target?)), "ttyUSB0")
            }
            Data::Hilink => {
                let netdev = stick.and_then(|s| s.interfaces.iter().find_map(|i| i.netdev.clone()));
                ("net", netdev.map(Found::Seen), "eth1")
            }
            Data::Ncm | Data::Qmi | Data::Mbim => {
                ("usbmisc", stick.map(|_| Found::Seen("cdc-wdm0".to_owned())), "cdc-wdm0")
            }
        };
        Ready { subsystem, device: found.unwrap_or_else(|| Found::Guessed(usual.to_owned())) }
    }
}

fn is_serial(interface: &Interface) -> bool {
    interface.tty.is_some() || matches!((interface.class, interface.subclass), (0xff, _) | (0x02, 0x02))
}

/// RNDIS in either form, or CDC Ethernet.
fn is_network(interface: &Interface) -> bool {
    matches!(
        (interface.class, interface.subclass, interface.protocol),
        (0xe0, 0x01, 0x03) | (0xef, 0x04, 0x01) | (0x02, 0x06, _) | (0x02, 0x02, 0xff)
    ) || interface.netdev.is_some()
}

fn is_huawei_ncm(interface: &Interface) -> bool {
    interface.driver.as_deref() == Some("huawei_cdc_ncm")
        || (interface.class, interface.subclass) == (0x02, 0x0d)
        || (interface.class == 0xff && matches!(interface.protocol, 0x16 | 0x46 | 0x76))
}
