//! From ids and interface descriptors to the mode of a stick and the roles of its interfaces.
//!
//! The facts are in `data/usb-ids.toml`, each with its source. Classes decide before ids wherever they can, because ids were
//! used twice; what cannot be decided is said in the evidence.
//!
//! ```
//! use stickshift::stick::{Interface, Mode, NoProfiles, Role, Stick, UsbId};
//!
//! let mut stick = Stick::new("1-1".parse().unwrap(), UsbId::new(0x12d1, 0x1506));
//! // Huawei's protocol numbers tell the roles: 02 is the port for AT commands.
//! stick.interfaces = vec![Interface::new(0, [0xff, 0x02, 0x01]), Interface::new(1, [0xff, 0x02, 0x02])];
//! stick.classify(&NoProfiles);
//! assert_eq!(stick.mode, Mode::Modem);
//! assert_eq!(stick.interface(Role::Pcui).map(|port| port.number), Some(1));
//! ```

use super::listed;
use super::{Interface, Mode, Role, Stick, UsbId};

/// What an id stands for.
#[derive(Debug)]
struct Product {
    id: UsbId,
    mode: Option<Mode>,
    decides: bool,
    what: &'static str,
    untyped: &'static [Role],
    modem_with_drives: bool,
    serial_as_rndis: bool,
    no_stick: bool,
    android_network: bool,
    chip_download: bool,
    ncm: bool,
    #[cfg(feature = "pasted")]
    keeps_ids: bool,
}

/// Where firmware goes in. No interface: the first serial one.
#[derive(Debug)]
struct FlashPort {
    id: UsbId,
    interface: Option<u8>,
}

/// What Huawei's bInterfaceProtocol says.
#[derive(Debug)]
struct Protocol {
    codes: &'static [u8],
    role: Role,
}

/// Who makes modems; `only`: and hardly anything else.
#[derive(Debug)]
struct Vendor {
    id: u16,
    name: &'static str,
    only: bool,
    huawei_design: bool,
    modules: bool,
}

include!(concat!(env!("OUT_DIR"), "/usb_ids.rs"));

/// Drivers of Linux that bind to modems alone.
pub(crate) const MODEM_DRIVERS: &[&str] = &[
    "option",
    "airprime",
    "sierra",
    "sierra_net",
    "qcserial",
    "hso",
    "ipw",
    "qmi_wwan",
    "GobiNet",
    "huawei_cdc_ncm",
    "cdc_mbim",
    "kalmia",
];

/// Drivers of Linux that make a network interface or a control channel of what their interface's descriptor does not tell.
pub(crate) const NETWORK_DRIVERS: &[&str] =
    &["qmi_wwan", "GobiNet", "sierra_net", "huawei_cdc_ncm", "cdc_mbim", "cdc_wdm", "kalmia"];

/// What [`classify`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classified {
    /// What the stick is at this moment.
    pub mode: Mode,
    /// One role for each interface given, in the same order.
    pub roles: Vec<Role>,
    /// Why, one lower-case line each.
    pub evidence: Vec<String>,
}

/// What a switching profile does to devices with its ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Switching {
    /// Nothing: it says to leave them alone, because they are modems as they are.
    LeavesAlone,
    /// It selects another configuration. What they show before need not be a drive.
    Configures,
    /// It sends what a drive takes.
    Sends,
}

/// The ids that switching profiles name. A catalogue of profiles tells them to the classification.
pub trait KnownIds: Send + Sync {
    /// What the profiles for these ids do, at most; `None` where there is none.
    fn switching(&self, id: UsbId) -> Option<Switching>;

    /// Whether a profile is for these ids, or turns others into them.
    fn concerns(&self, id: UsbId) -> bool;

    /// What these ids stand for where profiles concern them and they are no modem: `an Ethernet adapter`.
    fn no_modem(&self, id: UsbId) -> Option<&'static str>;
}

/// Knows no profile.
#[derive(Clone, Copy, Debug)]
pub struct NoProfiles;

impl KnownIds for NoProfiles {
    fn switching(&self, _: UsbId) -> Option<Switching> {
        None
    }

    fn concerns(&self, _: UsbId) -> bool {
        false
    }

    fn no_modem(&self, _: UsbId) -> Option<&'static str> {
        None
    }
}

/// Says what a stick with these ids and these interfaces is. The `role` of the interfaces given is not looked at; drivers are,
/// where they are known.
pub fn classify(id: UsbId, class: u8, interfaces: &[Interface]) -> Classified {
    let row = product(id);
    let mut evidence = Vec::new();
    if let Some(row) = row {
        evidence.push(format!("{id} is known: {}", row.what));
    }
    let mut roles: Vec<Role> = interfaces.iter().map(|i| role(id, i)).collect();
    correct_rndis(interfaces, &mut roles);
    name_listed_ports(id, row, interfaces, &mut roles, &mut evidence);
    name_untyped_ports(row, interfaces, &mut roles, &mut evidence);
    let mode = mode(id, class, interfaces, &roles, &mut evidence);
    match mode {
        Mode::Download => {
            let flash = flash_interface(id, interfaces);
            for (role, interface) in roles.iter_mut().zip(interfaces) {
                if Some(interface.number) == flash {
                    *role = Role::Flash;
                }
            }
        }
        Mode::BootRom => {
            if let Some(port) = roles.iter_mut().find(|r| r.is_serial()) {
                *port = Role::BootRom;
            }
        }
        _ => {}
    }
    Classified { mode, roles, evidence }
}

/// The number of the interface that takes firmware when a stick with this id is in its flashing mode.
pub fn flash_interface(id: UsbId, interfaces: &[Interface]) -> Option<u8> {
    let rule = FLASH_PORTS.iter().find(|rule| rule.id == id)?;
    let mut serial = interfaces.iter().filter(|i| role(id, i).is_serial());
    let port = match rule.interface {
        Some(number) => serial.find(|i| i.number == number),
        None => serial.next(),
    };
    port.map(|i| i.number)
}

/// Whether the ids are those of a flashing mode, and of a stick that runs as well.
#[cfg(feature = "pasted")]
pub fn may_take_firmware(id: UsbId) -> bool {
    product(id).is_some_and(|row| row.mode == Some(Mode::Download))
}

/// Whether the chip of a stick waits for firmware by a protocol of its own, and is no modem until it is started anew.
pub fn waits_for_chip_firmware(stick: &Stick) -> bool {
    is_chip_download(stick.id, &stick.interfaces)
}

pub(crate) fn is_chip_download(id: UsbId, interfaces: &[Interface]) -> bool {
    // Of CDC the data interface belongs to the one before it.
    let ports = interfaces.iter().filter(|i| i.class != 0x0a).count();
    let by_row = product(id).is_some_and(|row| row.chip_download) && ports <= 1;
    let of_a_maker = known_vendor(id.vendor).is_some_and(|v| v.only);
    by_row || listed::is_chip_download(id, of_a_maker, interfaces)
}

/// Whether the ids are those of Android's network over USB: a telephone that shares its connection, or a stick that runs Android.
pub fn is_android_network(id: UsbId) -> bool {
    product(id).is_some_and(|row| row.android_network)
}

/// Whether most sticks with these ids take data by Huawei's NCM.
pub fn has_huawei_ncm(id: UsbId) -> bool {
    product(id).is_some_and(|row| row.ncm)
}

/// What is known about an id, in a few words.
pub fn product_name(id: UsbId) -> Option<&'static str> {
    product(id).map(|row| row.what)
}

/// What a maker of sticks, or a chip that modems have, gave the id to besides.
#[cfg(feature = "pasted")]
pub fn no_stick(id: UsbId) -> Option<&'static str> {
    product(id).filter(|row| row.no_stick).map(|row| row.what)
}

/// Whether a stick may show these ids both before and after it was switched.
#[cfg(feature = "pasted")]
pub fn keeps_ids(id: UsbId) -> bool {
    product(id).is_some_and(|row| row.keeps_ids)
}

/// A maker of modems.
pub fn vendor_name(vendor: u16) -> Option<&'static str> {
    known_vendor(vendor).map(|row| row.name)
}

/// Vendor ids whose every storage or Ethernet device is a stick.
pub fn stick_makers() -> impl Iterator<Item = (u16, &'static str)> {
    VENDORS.iter().filter(|v| v.only).map(|v| (v.id, v.name))
}

/// Makers of modems that make other things too.
pub fn makers_of_many_things() -> impl Iterator<Item = (u16, &'static str)> {
    VENDORS.iter().filter(|v| !v.only).map(|v| (v.id, v.name))
}

/// Whether a classified USB device is one that this program is about. Disks, keyboards, hubs, phones and network cards are not.
pub fn is_stick(stick: &Stick) -> bool {
    if let Some(row) = product(stick.id) {
        return !row.no_stick;
    }
    if waits_for_chip_firmware(stick) {
        return true;
    }
    let hub = stick.class == 0x09;
    !stick.is_phone()
        && !hub
        && (stick.mode != Mode::Unknown || known_vendor(stick.id.vendor).is_some_and(|v| v.only))
}

impl Stick {
    /// Whether it is a telephone. usb_modeswitch's udev rule leaves Huawei's alone by the same sign. Modules whose processor runs a part of
    /// Android name it, too: their makers make no telephones.
    pub fn is_phone(&self) -> bool {
        !known_vendor(self.id.vendor).is_some_and(|maker| maker.modules)
            && !listed::is_listed(self.id)
            && self.manufacturer.as_deref().is_some_and(|m| m.eq_ignore_ascii_case("android"))
    }

    /// Sets the mode, the roles and the evidence from everything else that is known. A device that shows storage alone waits to be
    /// switched where a profile has its ids: most such devices are disks. One with serial ports is a modem there: most such devices are
    /// adapters.
    pub fn classify(&mut self, profiles: &dyn KnownIds) {
        let found = classify(self.id, self.class, &self.interfaces);
        self.mode = found.mode;
        for (interface, role) in self.interfaces.iter_mut().zip(found.roles) {
            interface.role = role;
        }
        self.evidence = found.evidence;
        if self.mode == Mode::Unknown {
            self.classify_by_profiles(profiles);
        }
    }

    fn classify_by_profiles(&mut self, profiles: &dyn KnownIds) {
        let no_modem = profiles.no_modem(self.id);
        if let Some(what) = no_modem {
            self.evidence.push(format!("its ids are those of {what}, no modem"));
        }
        let unseen = self.interfaces.is_empty();
        let storage_only = !unseen && self.interfaces.iter().all(|i| i.role == Role::Storage);
        let serial = self.interfaces.iter().any(|i| i.role.is_serial());
        let network = self.interfaces.iter().any(|i| i.role == Role::Network);
        let ethernet = self.interfaces.iter().any(|i| i.role == Role::Network && is_ethernet(i));
        let of_modem = no_modem.is_none() && profiles.concerns(self.id);
        let (mode, why) = match profiles.switching(self.id) {
            Some(Switching::Configures | Switching::Sends) if storage_only => {
                (Mode::Cdrom, "it shows storage only, and a switching profile has its ids")
            }
            Some(Switching::Sends) if unseen => (Mode::Cdrom, "there is a switching profile for these ids"),
            Some(Switching::Configures) if unseen => {
                (Mode::Unknown, "the profile for these ids selects another configuration, and tells no mode")
            }
            Some(Switching::LeavesAlone) if unseen => {
                (Mode::Modem, "the profile for these ids says to leave it alone: it is no drive")
            }
            _ if serial && of_modem => {
                (Mode::Modem, "it shows serial ports, and a switching profile has its ids")
            }
            _ if ethernet && of_modem => {
                (Mode::Hilink, "it shows Ethernet and no serial port, and a switching profile has its ids")
            }
            _ if network && of_modem => {
                (Mode::Modem, "it shows a modem's network interface, and a switching profile has its ids")
            }
            _ if !unseen && of_modem => {
                (Mode::Unknown, "a switching profile has its ids; its interfaces do not tell its mode")
            }
            _ => return,
        };
        self.mode = mode;
        self.evidence.push(why.to_owned());
    }
}

fn product(id: UsbId) -> Option<&'static Product> {
    PRODUCTS.binary_search_by_key(&id, |row| row.id).ok().map(|index| &PRODUCTS[index])
}

/// What is known of the order of an id's ports.
pub(super) fn order_of(id: UsbId) -> &'static [Role] {
    product(id).map_or(&[], |row| row.untyped)
}

fn known_vendor(vendor: u16) -> Option<&'static Vendor> {
    VENDORS.binary_search_by_key(&vendor, |row| row.id).ok().map(|index| &VENDORS[index])
}

/// Huawei, and the brands that sell its designs under their own vendor id.
pub fn is_huawei_design(vendor: u16) -> bool {
    known_vendor(vendor).is_some_and(|row| row.huawei_design)
}

/// The maker of these sticks, where it is known and they are no Huawei designs.
pub fn other_maker(vendor: u16) -> Option<&'static str> {
    known_vendor(vendor).filter(|row| !row.huawei_design).map(|row| row.name)
}

/// A port whose class, subclass and protocol say nothing of its purpose.
fn is_untyped(i: &Interface) -> bool {
    matches!((i.class, i.subclass, i.protocol), (0xff, 0xff, 0xff) | (0xff, 0, 0) | (0x02, 0x02, _))
}

/// Huawei's older modems carry QMI on what looks like ECM (Linux: `qmi_wwan`, 12d1:14ac, and `cdc_ether`, 12d1 with 02/06/ff).
fn is_huawei_qmi(id: UsbId, i: &Interface) -> bool {
    is_huawei_design(id.vendor) && (i.class, i.subclass, i.protocol) == (0x02, 0x06, 0xff)
}

/// Ethernet over USB of the kinds that a router stands behind: ECM, EEM, RNDIS.
fn is_ethernet(i: &Interface) -> bool {
    matches!(
        (i.class, i.subclass, i.protocol),
        (0x02, 0x06 | 0x0c, _) | (0x02, 0x02, 0xff) | (0xe0, 0x01, 0x03) | (0xef, 0x04, 0x01)
    )
}

fn role(id: UsbId, i: &Interface) -> Role {
    let by_driver = i.netdev.is_some()
        || i.cdc_wdm.is_some()
        || i.driver.as_deref().is_some_and(|d| NETWORK_DRIVERS.contains(&d));
    match (i.class, i.subclass, i.protocol) {
        (0x08, ..) => Role::Storage,
        (0x02, 0x02, 0xff) if product(id).is_some_and(|row| row.serial_as_rndis) => Role::Serial,
        _ if is_ethernet(i) => Role::Network,
        // NCM and MBIM.
        (0x02, 0x0d | 0x0e, _) => Role::Network,
        (0x02, 0x02, _) => Role::Serial,
        (0xff, 1..=6, protocol) if is_huawei_design(id.vendor) => huawei_role(protocol),
        // Android's debug bridge.
        (0xff, 0x42, 0x01) => Role::Other,
        (0xff, ..) if by_driver => Role::Network,
        (0xff, ..) if has_data_endpoints(i) => Role::Serial,
        _ => Role::Other,
    }
}

/// RNDIS has a data interface beside it, and a stick has one RNDIS. Several without data are serial ports of older modems.
fn correct_rndis(interfaces: &[Interface], roles: &mut [Role]) {
    let is_rndis = |i: &Interface| (i.class, i.subclass, i.protocol) == (0x02, 0x02, 0xff);
    if interfaces.iter().any(|i| i.class == 0x0a) || interfaces.iter().filter(|i| is_rndis(i)).count() < 2 {
        return;
    }
    for (role, _) in roles.iter_mut().zip(interfaces).filter(|(_, i)| is_rndis(i) && i.netdev.is_none()) {
        *role = Role::Serial;
    }
}

/// The codes exist three times: as they stand, 0x30 and 0x60 higher.
fn huawei_role(protocol: u8) -> Role {
    let base = match protocol {
        0x31..=0x4c => protocol - 0x30,
        0x61..=0x7c => protocol - 0x60,
        _ => protocol,
    };
    PROTOCOLS.iter().find(|row| row.codes.contains(&base)).map_or(Role::Serial, |row| row.role)
}

/// A serial port needs a bulk endpoint in each direction. Interfaces whose endpoints were not seen pass.
fn has_data_endpoints(i: &Interface) -> bool {
    let bulk = |input: bool| i.endpoints.iter().any(|e| e.kind == 2 && (e.address & 0x80 != 0) == input);
    i.endpoints.is_empty() || (bulk(true) && bulk(false))
}

/// Gives names to serial ports by the lists of Linux and by what Qualcomm's firmware shows. What is known about an id here comes first.
fn name_listed_ports(
    id: UsbId,
    row: Option<&Product>,
    interfaces: &[Interface],
    roles: &mut [Role],
    evidence: &mut Vec<String>,
) {
    let of_a_modem =
        listed::is_listed(id) || row.is_some() || known_vendor(id.vendor).is_some_and(|v| v.only);
    let typed = is_huawei_design(id.vendor) && roles.iter().any(|r| matches!(r, Role::Pcui | Role::Modem));
    if !of_a_modem || typed || !by_order(row, interfaces, roles).is_empty() {
        return;
    }
    if listed::name_ports(id, interfaces, roles) {
        evidence.push("the ports are named by Linux's lists of modems and by their descriptors".to_owned());
    }
}

/// What is known of the order of an id's ports, where it can be counted: every interface is seen, and no port tells its own purpose.
fn by_order(row: Option<&Product>, interfaces: &[Interface], roles: &[Role]) -> &'static [Role] {
    let whole = (0..interfaces.len()).all(|n| interfaces.iter().any(|i| usize::from(i.number) == n));
    let untyped = interfaces.iter().zip(roles).all(|(i, role)| *role != Role::Serial || is_untyped(i));
    row.filter(|_| whole && untyped).map_or(&[], |row| row.untyped)
}

/// Gives names to serial ports whose descriptors do not: by what is known about the id, else the dial-up port by its interrupt
/// endpoint, which usb_modeswitch goes by too.
fn name_untyped_ports(
    row: Option<&Product>,
    interfaces: &[Interface],
    roles: &mut [Role],
    evidence: &mut Vec<String>,
) {
    let nameless: Vec<usize> = (0..roles.len()).filter(|i| roles[*i] == Role::Serial).collect();
    if nameless.is_empty() || roles.iter().any(|r| matches!(r, Role::Pcui | Role::Modem)) {
        return;
    }
    let known = by_order(row, interfaces, roles);
    if !known.is_empty() {
        for (index, role) in nameless.iter().zip(known) {
            roles[*index] = *role;
        }
        evidence.push("the ports are named by their order".to_owned());
        return;
    }
    let has_interrupt = |i: &Interface| i.endpoints.iter().any(|e| e.kind == 3);
    // Where all of them notify, an endpoint tells nothing.
    let all = nameless.len() > 2 && nameless.iter().filter(|i| has_interrupt(&interfaces[**i])).count() > 2;
    if nameless.len() > 1
        && !all
        && let Some(index) = nameless.into_iter().find(|i| has_interrupt(&interfaces[*i]))
    {
        roles[index] = Role::Modem;
        let number = interfaces[index].number;
        evidence.push(format!("interface {number} is the first port with an interrupt endpoint: dial-up"));
    }
}

fn mode(id: UsbId, class: u8, interfaces: &[Interface], roles: &[Role], evidence: &mut Vec<String>) -> Mode {
    let row = product(id);
    let only = known_vendor(id.vendor).is_some_and(|v| v.only);
    let known = row.is_some_and(|r| r.mode.is_some());
    if let Some(Product { decides: true, mode: Some(mode), .. }) = row {
        return *mode;
    }
    if class == 0x09 {
        return Mode::Unknown;
    }
    if is_chip_download(id, interfaces) {
        evidence.push("its chip waits for firmware by a protocol of its own".to_owned());
        return Mode::Unknown;
    }
    if interfaces.is_empty() {
        if row.is_some_and(|r| r.mode == Some(Mode::Download)) {
            evidence
                .push("no interface was seen, and the id alone does not tell which of them it is".to_owned());
            return Mode::Unknown;
        }
        evidence.push("no interface was seen: the id alone speaks".to_owned());
        let may_be_one = !row.is_some_and(|r| r.no_stick);
        let listed = (may_be_one && listed::is_listed(id)).then_some(Mode::Modem);
        return row.and_then(|r| r.mode).or(listed).unwrap_or(Mode::Unknown);
    }

    let serial = roles.iter().any(|r| r.is_serial());
    let network = roles.contains(&Role::Network);
    let ethernet = interfaces
        .iter()
        .zip(roles)
        .any(|(i, r)| *r == Role::Network && is_ethernet(i) && !is_huawei_qmi(id, i));
    let mbim = interfaces.iter().any(|i| (i.class, i.subclass) == (0x02, 0x0e));
    let modem_driver =
        interfaces.iter().find_map(|i| i.driver.as_deref().filter(|d| MODEM_DRIVERS.contains(d)));

    let is_modem = row.map_or(listed::is_listed(id), |r| r.mode == Some(Mode::Modem));
    if roles.iter().all(|r| *r == Role::Storage) && is_modem && interfaces.iter().all(|i| i.number > 0) {
        evidence.push("its first interfaces are not shown".to_owned());
        return Mode::Modem;
    }
    if roles.iter().all(|r| *r == Role::Storage) {
        if !known && !only {
            return Mode::Unknown;
        }
        evidence.push("it shows storage only".to_owned());
        return Mode::Cdrom;
    }
    let three_then_drives = roles.len() > 3
        && roles[..3].iter().all(|r| r.is_serial())
        && roles[3..].iter().all(|r| *r == Role::Storage);
    if row.is_some_and(|row| row.modem_with_drives) && three_then_drives {
        evidence.push("drives after three serial ports: an ordinary modem".to_owned());
        evidence.push("the flashing mode has the same id: confirm by AT^DLOADVER?".to_owned());
        return Mode::Modem;
    }
    if serial && !network && flash_interface(id, interfaces).is_some() {
        if interfaces.iter().any(|i| i.class == 0xff && i.subclass != 0xff && role(id, i) == Role::Modem) {
            evidence.push("a port names itself a dial-up port: an ordinary modem".to_owned());
            evidence.push("the flashing mode has the same id: confirm by AT^DLOADVER?".to_owned());
            return Mode::Modem;
        }
        evidence.push("serial ports under an id of the flashing mode: confirm by AT^DLOADVER?".to_owned());
        return Mode::Download;
    }
    if ethernet && serial {
        evidence.push("it shows Ethernet and serial ports".to_owned());
        // HiLink is known by its ids. Modules show Ethernet beside ports, too.
        let routes = row.is_some_and(|r| r.mode != Some(Mode::Modem));
        return if is_huawei_design(id.vendor) && routes { Mode::HilinkSerial } else { Mode::Modem };
    }
    if ethernet {
        if !known && !only {
            return Mode::Unknown;
        }
        evidence.push("it shows Ethernet and no serial port".to_owned());
        return Mode::Hilink;
    }
    if serial || network {
        if let Some(driver) = modem_driver {
            evidence.push(format!("the system's driver {driver} serves modems only"));
        } else if mbim {
            evidence.push("it shows an MBIM interface".to_owned());
        } else if known || only {
            evidence.push("it shows a modem's ports".to_owned());
        } else if listed::is_listed(id) {
            evidence.push("Linux lists its ids as those of a modem".to_owned());
        } else {
            return Mode::Unknown;
        }
        return Mode::Modem;
    }
    Mode::Unknown
}

#[cfg(test)]
mod tests;
