//! A device as the bus shows it: its interfaces with their drivers and ports, and who holds these.

use std::collections::{BTreeMap, BTreeSet};

use stickshift::link::Moment;
use stickshift::stick::{Endpoint, Interface, Mode, Place, Role, Stick};

use crate::computer::drivers;
use crate::device::{Appearance, Configuration, Function, UsbInterface};

/// Control channels that take AT commands are numbered from here.
pub(super) const CHANNELS: u32 = 1_000_000;

/// A device that shows on the bus.
#[derive(Debug)]
pub(super) struct Present {
    pub(super) appearance: Appearance,
    pub(super) enumeration: u32,
    pub(super) bind_at: Moment,
    pub(super) bound: bool,
    pub(super) configuration: u8,
    /// Serial ports by interface number.
    pub(super) ttys: BTreeMap<u8, u32>,
    /// Numbers of control channels that take AT commands, by interface: no tty has one of these.
    pub(super) channels: BTreeMap<u8, u32>,
    /// Names of its network interfaces, by interface.
    pub(super) networks: BTreeMap<u8, String>,
    /// Numbers of its `cdc-wdm` nodes, by interface.
    pub(super) controls: BTreeMap<u8, u32>,
    /// Drivers that the device is known to have, whatever its classes say.
    pub(super) drivers: BTreeMap<u8, Option<String>>,
    /// Interfaces whose driver was detached.
    pub(super) detached: BTreeSet<u8>,
    /// When ModemManager takes the ports, and when it gives them back.
    pub(super) probing: Option<(Moment, Moment)>,
    /// Mounts of its drives: interface, unit, and where.
    pub(super) mounts: Vec<(u8, u8, String)>,
}

impl Present {
    /// Which driver binds to an interface.
    pub(super) fn driver(&self, interface: &UsbInterface) -> Option<String> {
        match self.drivers.get(&interface.number) {
            Some(known) => known.clone(),
            None => drivers::usual(interface).map(str::to_owned),
        }
    }

    /// The node of an interface's serial port or control channel.
    pub(super) fn node(&self, interface: u8, tty: u32) -> String {
        if tty >= CHANNELS {
            return format!("/dev/cdc-wdm{}", self.controls.get(&interface).copied().unwrap_or_default());
        }
        let shown = self.shown().iter();
        let driver = shown.filter(|i| i.number == interface).find_map(|i| self.driver(i));
        format!("/dev/{}{tty}", drivers::tty_name(driver.as_deref()))
    }

    /// What the name of an interface's network interface begins with, where its driver makes one.
    pub(super) fn network(&self, interface: &UsbInterface) -> Option<&'static str> {
        let driver = self.driver(interface)?;
        let class = interface.alternates[0].class[0];
        match interface.function {
            Function::Ethernet if matches!(class, 0x02 | 0xe0) => Some("usb"),
            Function::Ncm if class != drivers::CDC_DATA => Some("wwan"),
            _ => (driver == "qmi_wwan").then_some("wwan"),
        }
    }

    /// Whether an interface's driver makes a control channel.
    pub(super) fn has_control(&self, interface: &UsbInterface) -> bool {
        let driver = self.driver(interface);
        driver.as_deref() == Some("qmi_wwan") || driver.is_some() && drivers::has_control_channel(interface)
    }

    /// The interfaces of its present configuration.
    pub(super) fn shown(&self) -> &[UsbInterface] {
        interfaces(&self.appearance, self.configuration)
    }

    /// As the bus shows it; `held` are the ports in somebody's hands.
    pub(super) fn stick(&self, place: &Place, held: &BTreeMap<u32, Holder>) -> Stick {
        let appearance = &self.appearance;
        Stick {
            place: place.clone(),
            id: appearance.id,
            release: appearance.release,
            class: appearance.class[0],
            manufacturer: appearance.manufacturer.clone(),
            product: appearance.product.clone(),
            serial: appearance.serial.clone(),
            configuration: self.configuration,
            configurations: appearance.configurations.len() as u8,
            interfaces: self.interfaces(held),
            mode: Mode::Unknown,
            evidence: Vec::new(),
        }
    }

    fn interfaces(&self, held: &BTreeMap<u32, Holder>) -> Vec<Interface> {
        let shown = self.shown();
        let to_interface = |appearance: &UsbInterface| {
            let first = &appearance.alternates[0];
            let endpoints = first.endpoints.iter().map(|&(address, kind, max_packet)| Endpoint {
                address,
                kind,
                max_packet,
            });
            let bound = self.bound && !self.detached.contains(&appearance.number);
            let tty = self.ttys.get(&appearance.number);
            let driver = self.driver(appearance);
            Interface {
                number: appearance.number,
                class: first.class[0],
                subclass: first.class[1],
                protocol: first.class[2],
                endpoints: endpoints.collect(),
                role: Role::Other,
                cdc_wdm: self
                    .controls
                    .get(&appearance.number)
                    .filter(|_| bound)
                    .map(|n| format!("/dev/cdc-wdm{n}")),
                driver: driver.filter(|_| bound),
                tty: tty.map(|n| self.node(appearance.number, *n)),
                netdev: self.networks.get(&appearance.number).filter(|_| bound).cloned(),
                holder: tty.and_then(|n| held.get(n)).map(Holder::in_words),
            }
        };
        shown.iter().map(to_interface).collect()
    }
}

/// Who holds a serial port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// A link of this process.
    Us,
    ModemManager(u32),
}

impl Holder {
    pub(super) fn in_words(&self) -> String {
        match self {
            Holder::Us => "stickshift".to_owned(),
            Holder::ModemManager(pid) => format!("ModemManager (pid {pid})"),
        }
    }
}

/// The interfaces of a configuration of an appearance.
pub(crate) fn interfaces(appearance: &Appearance, configuration: u8) -> &[UsbInterface] {
    let active: Option<&Configuration> = appearance.configurations.iter().find(|c| c.value == configuration);
    active.map_or(&[], |c| c.interfaces.as_slice())
}
