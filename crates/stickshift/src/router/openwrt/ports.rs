//! Which port of a stick a router dials on, and what drives it.

use crate::stick::{Interface, Role, Stick, UsbId, linux_drivers, usual_interfaces};

/// What a stick is dialled on or brought up by.
pub(super) struct Ready {
    pub(super) subsystem: &'static str,
    pub(super) device: Found,
}

/// Where the name of a device is from.
pub(super) enum Found {
    /// The stick was examined.
    Seen(String),
    /// By the known order of its ports: this interface.
    Listed(String, u8),
    /// Nothing tells.
    Guessed(String),
}

impl Found {
    pub(super) fn name(&self) -> &str {
        match self {
            Found::Seen(name) | Found::Listed(name, _) | Found::Guessed(name) => name,
        }
    }

    /// What the owner should know.
    pub(super) fn note(&self) -> Option<String> {
        match self {
            Found::Seen(_) => None,
            Found::Listed(name, interface) => Some(format!(
                "{name} is the port of interface {interface} by the known order of its ports; the number differs when other sticks are plugged in"
            )),
            Found::Guessed(name) => {
                Some(format!("{name} is a guess: the stick was not examined in modem mode"))
            }
        }
    }
}

/// The port that a stick is dialled on.
pub(super) fn dials(stick: &Stick) -> Option<String> {
    let port = |role| stick.interfaces.iter().find(|i| i.role == role && i.tty.is_some());
    let port = [Role::Modem, Role::Pcui, Role::Serial].into_iter().find_map(port)?;
    Some(port.tty.as_deref()?.rsplit('/').next()?.to_owned())
}

/// The same by what is known of ids: Linux counts the serial ports in the order of their interfaces.
pub(super) fn listed(id: UsbId) -> Option<Found> {
    let known = usual_interfaces(id);
    let serial: Vec<&Interface> = known.iter().filter(|i| i.role.is_serial()).collect();
    let port = |role| serial.iter().position(|i| i.role == role);
    let index = port(Role::Modem).or_else(|| port(Role::Pcui))?;
    let whole = serial.iter().enumerate().all(|(n, i)| usize::from(i.number) == n) || is_gobi(id);
    whole.then(|| Found::Listed(format!("ttyUSB{index}"), serial[index].number))
}

fn is_gobi(id: UsbId) -> bool {
    linux_drivers(id).contains(&"qcserial")
}

/// Whether Linux makes a QMI network interface of it by its ids.
pub(super) fn is_qmi(id: UsbId) -> bool {
    linux_drivers(id).contains(&"qmi_wwan")
}

pub(super) const OPTION_PACKAGE: &str = "kmod-usb-serial-option";
pub(super) const WWAN_PACKAGE: &str = "kmod-usb-serial-wwan";

/// Drivers of serial ports and the packages that bring them.
pub(super) const SERIAL_PACKAGES: [(&str, &str); 5] = [
    ("option", OPTION_PACKAGE),
    ("qcserial", "kmod-usb-serial-qualcomm"),
    ("sierra", "kmod-usb-serial-sierrawireless"),
    ("cdc_acm", "kmod-usb-acm"),
    ("hso", "kmod-usb-net-hso"),
];

/// The drivers of a stick's ports: those that it has, else those that list its ids.
pub(super) fn drivers(stick: Option<&Stick>, target: Option<UsbId>) -> Vec<&str> {
    let seen = stick.into_iter().flat_map(|s| &s.interfaces).filter(|i| i.role.is_serial());
    let seen: Vec<&str> = seen.filter_map(|i| i.driver.as_deref()).collect();
    if seen.is_empty() { target.map_or(&[][..], linux_drivers).to_vec() } else { seen }
}
