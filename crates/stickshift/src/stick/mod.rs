//! What a stick is, as the bus shows it: place, identity, mode, interfaces and ports with their roles.
//!
//! ```
//! use stickshift::stick::{Interface, Role, Stick};
//!
//! let mut stick = Stick::new("1-1.2".parse().unwrap(), "12d1:1506".parse().unwrap());
//! let mut port = Interface::new(0, [0xff, 0x02, 0x12]);
//! port.role = Role::Pcui;
//! stick.interfaces.push(port);
//! assert_eq!(stick.interface(Role::Pcui).map(|i| i.number), Some(0));
//! ```

mod classify;
mod drive;
pub mod identify;
mod listed;
pub mod radio;

use std::fmt;
use std::str::FromStr;

pub use classify::{
    Classified, KnownIds, NoProfiles, Switching, classify, flash_interface, has_huawei_ncm,
    is_android_network, is_huawei_design, is_stick, makers_of_many_things, other_maker, product_name,
    stick_makers, vendor_name, waits_for_chip_firmware,
};

#[cfg(feature = "pasted")]
pub(crate) use classify::{MODEM_DRIVERS, NETWORK_DRIVERS, is_chip_download};
#[cfg(feature = "pasted")]
pub use classify::{keeps_ids, may_take_firmware, no_stick};
pub use listed::{linux_drivers, listed_modems, usual_interfaces};

pub use drive::{Drive, DriveKind, Hindrance};

/// Huawei's vendor id. The brands that sell its designs have others: [`is_huawei_design`].
pub const HUAWEI: u16 = 0x12d1;

/// A place on the bus, `bus-port[.port..]`, for example `1-1.2`. What stands there may change its ids at any time;
/// the place is what stays.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place(String);

/// By the numbers of bus and ports: `1-2` before `1-10`.
impl Ord for Place {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.numbers().cmp(other.numbers()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Place {
    fn numbers(&self) -> impl Iterator<Item = u16> {
        self.0.split(['-', '.']).map(|number| number.parse().unwrap_or(u16::MAX))
    }

    /// The place as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(s: &str) -> Result<Self, ()> {
        let (bus, ports) = s.split_once('-').ok_or(())?;
        let number = |t: &str| !t.is_empty() && t.len() <= 3 && t.bytes().all(|b| b.is_ascii_digit());
        if number(bus) && ports.split('.').all(number) { Ok(Place(s.to_owned())) } else { Err(()) }
    }
}

/// A USB vendor and product id, printed as `12d1:1f01`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UsbId {
    /// idVendor.
    pub vendor: u16,
    /// idProduct.
    pub product: u16,
}

impl UsbId {
    /// The pair of ids.
    pub const fn new(vendor: u16, product: u16) -> Self {
        UsbId { vendor, product }
    }
}

impl fmt::Display for UsbId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:04x}", self.vendor, self.product)
    }
}

impl FromStr for UsbId {
    type Err = ();

    fn from_str(s: &str) -> Result<Self, ()> {
        let (vendor, product) = s.split_once(':').ok_or(())?;
        let id = |t: &str| {
            if t.len() == 4 && t.bytes().all(|b| b.is_ascii_hexdigit()) {
                u16::from_str_radix(t, 16).map_err(|_| ())
            } else {
                Err(())
            }
        };
        Ok(UsbId::new(id(vendor)?, id(product)?))
    }
}

/// What a stick is at this moment, seen from the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// Pretends to be a CD-ROM with an installer.
    Cdrom,
    /// A network card with a router and a web page behind it.
    Hilink,
    /// HiLink firmware that shows serial ports too (project or debug mode).
    HilinkSerial,
    /// A plain modem: serial AT ports, with or without a network interface.
    Modem,
    /// The chip's boot ROM waits for a loader.
    BootRom,
    /// A loader or the firmware's flashing system waits for an image.
    Download,
    /// The loader's fastboot.
    Fastboot,
    /// None of these could be determined from the USB descriptors.
    Unknown,
}

impl Mode {
    /// Every one.
    pub const ALL: [Mode; 8] = [
        Mode::Cdrom,
        Mode::Hilink,
        Mode::HilinkSerial,
        Mode::Modem,
        Mode::BootRom,
        Mode::Download,
        Mode::Fastboot,
        Mode::Unknown,
    ];

    /// The stable kebab-case code.
    pub fn code(self) -> &'static str {
        match self {
            Mode::Cdrom => "cdrom",
            Mode::Hilink => "hilink",
            Mode::HilinkSerial => "hilink-serial",
            Mode::Modem => "modem",
            Mode::BootRom => "boot-rom",
            Mode::Download => "download",
            Mode::Fastboot => "fastboot",
            Mode::Unknown => "unknown",
        }
    }

    /// Whether its own firmware runs, so that its ids are those of a model.
    pub fn runs_firmware(self) -> bool {
        matches!(self, Mode::Cdrom | Mode::Hilink | Mode::HilinkSerial | Mode::Modem)
    }

    /// The mode in words, as far as it alone tells; [`Stick::mode_words`] tells kinds of modems apart.
    pub fn words(self) -> &'static str {
        match self {
            Mode::Cdrom => "CD-ROM (not switched yet)",
            Mode::Hilink => "HiLink (network card with its own router)",
            Mode::HilinkSerial => "HiLink with serial ports",
            Mode::Modem => "modem",
            Mode::BootRom => "boot ROM (waits for a loader)",
            Mode::Download => "download mode (waits for firmware)",
            Mode::Fastboot => "fastboot",
            Mode::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// What an interface is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// AT commands (Huawei's PC UI).
    Pcui,
    /// Dial-up data (PPP), also AT.
    Modem,
    /// Diagnostics.
    Diag,
    /// Positions.
    Gps,
    /// The boot ROM's only port.
    BootRom,
    /// Takes firmware (dload).
    Flash,
    /// Network: NCM, ECM, RNDIS, QMI or MBIM.
    Network,
    /// A CD-ROM or card reader.
    Storage,
    /// Serial, for a purpose that the descriptors do not tell.
    Serial,
    /// Anything else.
    Other,
}

impl Role {
    /// Whether it is that of a serial port.
    pub fn is_serial(self) -> bool {
        matches!(self, Role::Pcui | Role::Modem | Role::Diag | Role::Gps | Role::Serial)
    }

    /// The stable kebab-case code, also used as the word for people.
    pub fn code(self) -> &'static str {
        match self {
            Role::Pcui => "pcui",
            Role::Modem => "modem",
            Role::Diag => "diag",
            Role::Gps => "gps",
            Role::BootRom => "boot-rom",
            Role::Flash => "flash",
            Role::Network => "network",
            Role::Storage => "storage",
            Role::Serial => "serial",
            Role::Other => "other",
        }
    }
}

/// One endpoint of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// bEndpointAddress; bit 7 = IN.
    pub address: u8,
    /// bmAttributes bits 1-0: 0 control, 1 isochronous, 2 bulk, 3 interrupt.
    pub kind: u8,
    /// wMaxPacketSize.
    pub max_packet: u16,
}

/// One interface (its alternate setting 0) of the active configuration, with what the system made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// bInterfaceNumber.
    pub number: u8,
    /// bInterfaceClass.
    pub class: u8,
    /// bInterfaceSubClass.
    pub subclass: u8,
    /// bInterfaceProtocol.
    pub protocol: u8,
    /// The endpoints of alternate setting 0.
    pub endpoints: Vec<Endpoint>,
    /// What it is for.
    pub role: Role,
    /// The kernel driver that holds it.
    pub driver: Option<String>,
    /// Path of its serial port, `/dev/ttyUSB2`.
    pub tty: Option<String>,
    /// Name of its network interface, `wwan0`.
    pub netdev: Option<String>,
    /// Path of its control channel, `/dev/cdc-wdm0`.
    pub cdc_wdm: Option<String>,
    /// Who holds its port now, as `name (pid n)`, where that could be seen.
    pub holder: Option<String>,
}

/// One stick as the bus shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stick {
    /// Where it stands.
    pub place: Place,
    /// Its ids now.
    pub id: UsbId,
    /// bcdDevice.
    pub release: u16,
    /// bDeviceClass.
    pub class: u8,
    /// iManufacturer.
    pub manufacturer: Option<String>,
    /// iProduct.
    pub product: Option<String>,
    /// iSerialNumber. Often the same text on every stick of a model.
    pub serial: Option<String>,
    /// bConfigurationValue of the active configuration.
    pub configuration: u8,
    /// bNumConfigurations.
    pub configurations: u8,
    /// Interfaces of the active configuration, by number.
    pub interfaces: Vec<Interface>,
    /// What it is at this moment.
    pub mode: Mode,
    /// Why it is taken for that, one lower-case line each.
    pub evidence: Vec<String>,
}

impl Interface {
    /// One of this class, subclass and protocol; no more is known of it.
    pub fn new(number: u8, [class, subclass, protocol]: [u8; 3]) -> Interface {
        Interface {
            number,
            class,
            subclass,
            protocol,
            endpoints: Vec::new(),
            role: Role::Other,
            driver: None,
            tty: None,
            netdev: None,
            cdc_wdm: None,
            holder: None,
        }
    }

    /// Whether it carries MBIM, by its class (USB-IF's MBIM 1.0 section 6.3) or by the driver that holds it.
    pub fn is_mbim(&self) -> bool {
        let data = self.class == 0x0a;
        (self.class, self.subclass) == (0x02, 0x0e) || !data && self.driver.as_deref() == Some("cdc_mbim")
    }
}

impl Stick {
    /// One with these ids in its first configuration; no more is known of it.
    pub fn new(place: Place, id: UsbId) -> Stick {
        Stick {
            place,
            id,
            release: 0,
            class: 0,
            manufacturer: None,
            product: None,
            serial: None,
            configuration: 1,
            configurations: 1,
            interfaces: Vec::new(),
            mode: Mode::Unknown,
            evidence: Vec::new(),
        }
    }

    /// The mode in words; of a modem also what programs reach it by. Not every network card has its maker's router behind it.
    pub fn mode_words(&self) -> &'static str {
        let any = |is: fn(&Interface) -> bool| self.interfaces.iter().any(is);
        match self.mode {
            Mode::Modem if any(|i| i.role.is_serial() || i.tty.is_some()) => "modem (serial ports)",
            Mode::Modem if any(Interface::is_mbim) => "modem (MBIM, no serial port)",
            Mode::Modem if any(|i| i.role == Role::Network) => "modem (no serial port)",
            Mode::Hilink if is_android_network(self.id) => {
                "network of Android (a telephone that shares its connection, or a stick that runs Android)"
            }
            Mode::Unknown if waits_for_chip_firmware(self) => {
                "download mode of its chip (waits for firmware)"
            }
            mode => mode.words(),
        }
    }

    /// The first interface of a role.
    pub fn interface(&self, role: Role) -> Option<&Interface> {
        self.interfaces.iter().find(|i| i.role == role)
    }

    /// Interfaces that have a serial port now.
    pub fn ports(&self) -> impl Iterator<Item = &Interface> {
        self.interfaces.iter().filter(|i| i.tty.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bus_and_ports() {
        for good in ["1-1", "1-1.2", "12-4.3.1"] {
            assert_eq!(good.parse::<Place>().unwrap().as_str(), good);
        }
        for bad in ["", "1", "1-", "-1", "1-1.", "1-a", "usb1", "1-1:1.0", "1-1/.."] {
            assert!(bad.parse::<Place>().is_err(), "{bad}");
        }
    }

    #[test]
    fn places_are_ordered_as_they_are_counted() {
        let counted = ["1-1", "1-1.2", "1-1.10", "1-2", "1-10", "2-1", "10-1"];
        let mut places: Vec<Place> = counted.iter().rev().map(|place| place.parse().unwrap()).collect();
        places.sort();
        assert_eq!(places.iter().map(Place::as_str).collect::<Vec<_>>(), counted);
    }

    #[test]
    fn only_a_modem_with_serial_ports_is_called_one_with_serial_ports() {
        let modem = |interfaces: &[([u8; 3], Role)]| {
            let shown = |(number, &(class, role)): (usize, &([u8; 3], Role))| Interface {
                role,
                ..Interface::new(number as u8, class)
            };
            let interfaces = interfaces.iter().enumerate().map(shown).collect();
            Stick { mode: Mode::Modem, interfaces, ..Stick::new("1-1".parse().unwrap(), UsbId::new(1, 2)) }
        };
        let (mbim, data) = (([0x02, 0x0e, 0], Role::Network), ([0x0a, 0, 2], Role::Other));
        let (at, qmi) = (([0xff, 0, 0], Role::Pcui), ([0xff, 0xff, 0xff], Role::Network));
        assert_eq!(modem(&[mbim, data]).mode_words(), "modem (MBIM, no serial port)");
        assert_eq!(modem(&[mbim, data, at]).mode_words(), "modem (serial ports)");
        assert_eq!(modem(&[qmi]).mode_words(), "modem (no serial port)");
        assert_eq!(modem(&[]).mode_words(), "modem", "nothing was seen of its interfaces");
    }

    #[test]
    fn ids_are_four_hex_digits_twice() {
        assert_eq!("12D1:1f01".parse(), Ok(UsbId::new(0x12d1, 0x1f01)));
        assert_eq!(UsbId::new(0x12d1, 0x1f).to_string(), "12d1:001f");
        for bad in ["12d1", "12d1:", "12d1:1f010", "12d1:+f01", "0x12d1:1f01"] {
            assert!(bad.parse::<UsbId>().is_err(), "{bad}");
        }
    }
}
