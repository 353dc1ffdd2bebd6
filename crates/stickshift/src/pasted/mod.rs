//! Texts that people paste when they ask about a stick: `lsusb -v`, `lsusb`, `lsusb -t`, `usb-devices`, the kernel's log, `mmcli -m`, alone
//! or one after another in one file.
//!
//! Only the names of fields are looked at, never the indentation or the order of whole blocks: forums strip spaces and add markup, mail adds
//! quotation marks and wraps lines, and people cut. What is missing stays unknown and is said in the remarks.
//!
//! ```
//! let text = "Bus 001 Device 005: ID 12d1:1f01 Huawei Technologies Co., Ltd. E353/E3131 (Mass storage mode)";
//! let paste = stickshift::pasted::read(text.as_bytes()).expect("a line of lsusb");
//! assert_eq!(paste.devices[0].id.to_string(), "12d1:1f01");
//! assert!(stickshift::pasted::read(b"hello").is_none());
//! ```

mod damage;
mod joined;
mod kernel_log;
mod lines;
mod lsusb;
mod mode_switch;
mod modem_manager;
mod number;
mod tree;
mod usb_devices;
mod windows;
mod without_ids;

use std::collections::BTreeMap;

pub use modem_manager::ManagedModem;

use crate::stick::{Endpoint, Interface, KnownIds, Mode, Place, Role, Stick, UsbId};
use crate::wire::usb::{ConfigurationDescriptor, InterfaceDescriptor};

/// No paste shows more devices than a rack of sticks has; the rest is left out.
pub const MOST_DEVICES: usize = 256;
/// No device has more; bInterfaceNumber is one byte, and alternate settings multiply.
const MOST_INTERFACES: usize = 256;
/// Endpoints of one alternate setting: 15 in each direction.
const MOST_ENDPOINTS: usize = 30;
/// bNumConfigurations of any device that was seen is below 8.
const MOST_CONFIGURATIONS: usize = 16;
/// bMaxPower where the text does not say: 500 mA, in units of 2 mA.
const USUAL_POWER: u8 = 250;

/// What the interfaces that a text lacks may be, with the size of the interrupt endpoint: serial ports of several kinds, QMI, a drive.
const REST: &[([u8; 3], Option<u16>)] = &[
    ([0xff, 0x00, 0x00], Some(10)),
    ([0xff, 0xff, 0x40], Some(10)),
    ([0xff, 0xff, 0xff], Some(64)),
    ([0xff, 0xff, 0xff], None),
    ([0xff, 0xff, 0xff], Some(8)),
    ([0x08, 0x06, 0x50], None),
];
/// More interfaces than these change nothing.
const MOST_REST: usize = 16;

/// Of a device whose ids were not pasted.
const NO_ID: UsbId = UsbId::new(0, 0);

/// What a text was printed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// `lsusb`: ids and names.
    Lsusb,
    /// `lsusb -v`: descriptors.
    LsusbVerbose,
    /// `lsusb -t`: places and drivers.
    LsusbTree,
    /// `usb-devices`, or the kernel's file of that form.
    UsbDevices,
    /// `dmesg` or `journalctl -k`.
    KernelLog,
    /// `mmcli -m`.
    ModemManager,
    /// `usb_modeswitch -W`, or its dispatcher.
    ModeSwitch,
    /// Hardware ids in Windows' device manager.
    Windows,
}

impl Format {
    /// The command that prints it.
    pub fn command(self) -> &'static str {
        match self {
            Format::Lsusb => "lsusb",
            Format::LsusbVerbose => "lsusb -v",
            Format::LsusbTree => "lsusb -t",
            Format::UsbDevices => "usb-devices",
            Format::KernelLog => "dmesg",
            Format::ModemManager => "mmcli -m",
            Format::ModeSwitch => "usb_modeswitch",
            Format::Windows => "Windows (hardware ids)",
        }
    }
}

/// What the system made of an interface, as far as the text says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attached {
    /// Its class where no descriptor of it was pasted: one that its driver or the name of its class goes with.
    pub class: Option<[u8; 3]>,
    /// bInterfaceClass, where the text names it.
    pub named_class: Option<u8>,
    /// The kernel driver; `Some(None)` where the text says that there is none.
    pub driver: Option<Option<String>>,
    /// Name of its serial port, `ttyUSB0`.
    pub tty: Option<String>,
    /// Name of its network interface.
    pub netdev: Option<String>,
    /// Name of its control channel, `cdc-wdm0`.
    pub cdc_wdm: Option<String>,
}

/// One USB device of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastedDevice {
    /// idVendor and idProduct.
    pub id: UsbId,
    /// Number of its bus and its address there.
    pub address: Option<(u16, u16)>,
    /// Where it stands, where the text says so.
    pub place: Option<Place>,
    /// bcdDevice.
    pub release: Option<u16>,
    /// bDeviceClass, bDeviceSubClass, bDeviceProtocol.
    pub class: [u8; 3],
    /// iManufacturer.
    pub manufacturer: Option<String>,
    /// iProduct.
    pub product: Option<String>,
    /// iSerialNumber. An identity on some sticks.
    pub serial: Option<String>,
    /// What lsusb's list of ids calls it.
    pub listed_as: Option<String>,
    /// bNumConfigurations, where it is told.
    pub configuration_count: Option<u8>,
    /// The configurations that were pasted, each as far as it goes.
    pub configurations: Vec<ConfigurationDescriptor>,
    /// bConfigurationValue of the active one, where it is told.
    pub active: Option<u8>,
    /// What the system made of its interfaces, by number.
    pub attached: BTreeMap<u8, Attached>,
    /// Ids that stood at the same place before, the oldest first.
    pub earlier: Vec<UsbId>,
    /// The text ends with it unplugged.
    pub gone: bool,
    /// usb_modeswitch says that it left after its message, and not what it became.
    pub left: bool,
    /// The text shows that its port gave too little power, or that its cable or port failed.
    pub unsteady: bool,
    /// The kernel selected no configuration, for lack of power: it has no interfaces.
    pub unpowered: bool,
    /// What it was read from, in order.
    pub formats: Vec<Format>,
    /// What the text does not show, or shows as trouble; one lower-case line each.
    pub remarks: Vec<String>,
    /// bNumInterfaces of each configuration, to tell a cut text.
    counts: Vec<Option<u8>>,
    /// How many endpoints the last interface says that it has.
    told_endpoints: usize,
    /// idVendor was read, and not yet idProduct.
    half_an_id: bool,
    /// iInterface of the shown interfaces, as their texts.
    names: BTreeMap<u8, String>,
    /// iConfiguration of the only configuration, as its text.
    composition: Option<String>,
}

/// Everything that a text tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paste {
    /// Every USB device, in the order of the text; also hubs, keyboards and the rest.
    pub devices: Vec<PastedDevice>,
    /// Modems as ModemManager describes them.
    pub modems: Vec<ManagedModem>,
    /// What the text as a whole lacks; one lower-case line each.
    pub remarks: Vec<String>,
    /// It tells of a device whose ids are not in it.
    pub has_nameless: bool,
}

/// Reads a text; `None` when no line of it is of a known form. Remarks alone mean that the text is of such a form and names no device. Bytes that are no UTF-8 are replaced; UTF-16 with its mark is read.
pub fn read(bytes: &[u8]) -> Option<Paste> {
    let text = lines::decode(bytes);
    let text = lines::plain(&text);
    let undone = damage::undone(&text);
    let mut reader = Reader::default();
    // A line that is copied twice tells nothing more.
    let mut before = "";
    let lines = lines::of(&undone).filter(|line| std::mem::replace(&mut before, line.text) != line.text);
    let mut lines = lines.peekable();
    while let Some(line) = lines.next() {
        if lines.peek().is_none_or(|next| !damage::goes_on(line.text, next)) {
            reader.line(&line);
            continue;
        }
        let mut whole = line.text.to_owned();
        while let Some(next) =
            lines.next_if(|next| whole.len() < lines::LONGEST && damage::goes_on(&whole, next))
        {
            whole = format!("{whole}{}{}", damage::joint(&whole), next.text);
        }
        reader.line(&lines::Line { text: &whole, indent: line.indent });
    }
    let paste = reader.finish(&text);
    let told = !paste.devices.is_empty() || !paste.modems.is_empty() || !paste.remarks.is_empty();
    told.then_some(paste)
}

/// The state between two lines.
#[derive(Debug, Default)]
struct Reader {
    devices: Vec<PastedDevice>,
    verbose: lsusb::Verbose,
    listing: usb_devices::Listing,
    tree: tree::Tree,
    log: kernel_log::Log,
    managed: modem_manager::Managed,
    mode_switch: mode_switch::ModeSwitch,
    /// Remarks on devices without ids.
    nameless: Vec<String>,
    /// A device was left out because there were too many.
    full: bool,
}

impl Reader {
    fn line(&mut self, line: &lines::Line<'_>) {
        // Each form has words of its own; the first that knows the line takes it.
        let _ = self.tree_line(line)
            || self.lsusb_line(line)
            || self.usb_devices_line(line.text)
            || self.mode_switch_line(line.text)
            || self.kernel_log_line(line.text)
            || self.windows_line(line.text)
            || self.verbose_line(line.text)
            || self.managed.line(line.text);
    }

    /// The device with this address and id, or a new one; its index.
    fn device(&mut self, address: Option<(u16, u16)>, id: UsbId, format: Format) -> Option<usize> {
        let same = |d: &PastedDevice| address.is_some() && d.address == address && d.id == id;
        let index = match self.devices.iter().position(same) {
            Some(index) => index,
            None => self.add(PastedDevice { address, ..PastedDevice::new(id) })?,
        };
        self.devices[index].is_in(format);
        Some(index)
    }

    fn add(&mut self, device: PastedDevice) -> Option<usize> {
        if self.devices.len() >= MOST_DEVICES {
            self.full = true;
            return None;
        }
        self.devices.push(device);
        Some(self.devices.len() - 1)
    }

    fn finish(mut self, text: &str) -> Paste {
        self.end_verbose();
        self.join_tree();
        let (mut remarks, failed) = self.join_log();
        self.join_switched(failed);
        self.devices.iter_mut().filter(|d| d.half_an_id).for_each(|d| d.id = NO_ID);
        for device in self.devices.iter().filter(|d| d.id == NO_ID) {
            self.nameless.extend(without_ids::evidence(device.place.as_ref(), &device.attached));
            let at = device.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
            self.nameless.extend(device.remarks.iter().map(|remark| format!("{at}{remark}")));
            if !(device.unsteady && device.attached.is_empty()) {
                self.nameless
                    .push("the lines with the ids of a device are missing: paste the whole text".to_owned());
            }
        }
        self.nameless.sort();
        self.nameless.dedup();
        let has_nameless = !self.nameless.is_empty();
        remarks.append(&mut self.nameless);
        self.devices.retain(|d| d.id != NO_ID);
        if self.full {
            remarks.push(format!("only the first {MOST_DEVICES} devices are shown"));
        }
        for device in &mut self.devices {
            device.end_at_a_cut();
            device.remark_on_cuts();
        }
        if self.managed.saw_none {
            remarks.push("ModemManager found no modem".to_owned());
        }
        let modems = self.managed.finish(text);
        Paste { devices: self.devices, modems, remarks, has_nameless }
    }
}

impl PastedDevice {
    fn new(id: UsbId) -> PastedDevice {
        PastedDevice {
            id,
            address: None,
            place: None,
            release: None,
            class: [0; 3],
            manufacturer: None,
            product: None,
            serial: None,
            listed_as: None,
            configuration_count: None,
            configurations: Vec::new(),
            active: None,
            attached: BTreeMap::new(),
            earlier: Vec::new(),
            gone: false,
            left: false,
            unsteady: false,
            unpowered: false,
            formats: Vec::new(),
            remarks: Vec::new(),
            counts: Vec::new(),
            told_endpoints: 0,
            half_an_id: false,
            names: BTreeMap::new(),
            composition: None,
        }
    }

    /// It as a stick, classified; at `elsewhere` where the text does not say where it stands.
    pub fn stick(&self, elsewhere: &Place, profiles: &dyn KnownIds) -> Stick {
        let shown = self.shown();
        let mut stick = Stick {
            release: self.release.unwrap_or(0),
            class: self.class[0],
            manufacturer: self.manufacturer.clone(),
            product: self.product.clone(),
            serial: self.serial.clone(),
            configuration: shown.map_or(1, |c| c.value),
            configurations: self.configuration_count.unwrap_or(1),
            interfaces: self.interfaces(),
            ..Stick::new(self.place.clone().unwrap_or_else(|| elsewhere.clone()), self.id)
        };
        stick.classify(profiles);
        self.forget_what_hangs_on_the_rest(&mut stick, profiles);
        let known_ports = stick.mode == Mode::Modem || stick.mode == Mode::HilinkSerial;
        let there = stick.interfaces.len();
        let composition = self.composition.as_deref().filter(|_| self.missing(there) == 0);
        let composed = composition.and_then(|text| roles_composed(text, there));
        for (index, interface) in stick.interfaces.iter_mut().enumerate() {
            if known_ports && interface.role == Role::Serial {
                let named = self.names.get(&interface.number).and_then(|name| role_named(name));
                let composed = composed.as_ref().map(|roles| roles[index]);
                interface.role = named.or(composed).unwrap_or(Role::Serial);
            }
        }
        let switched = || {
            profiles.concerns(stick.id)
                && profiles.switching(stick.id).is_none()
                && profiles.no_modem(stick.id).is_none()
        };
        if stick.mode == Mode::Unknown && stick.interfaces.is_empty() && switched() {
            stick.mode = Mode::Modem;
            stick.evidence.push("switching profiles turn sticks into these ids".to_owned());
        }
        stick
    }

    /// How many interfaces the text counts and does not show.
    fn missing(&self, there: usize) -> usize {
        let shown = self.shown().map(|shown| shown.value);
        let mut counts = self.configurations.iter().zip(&self.counts);
        let count = counts.find(|(c, _)| Some(c.value) == shown).and_then(|(_, count)| *count);
        usize::from(count.unwrap_or(0)).saturating_sub(there)
    }

    /// The interfaces that a cut text does not show may be of any kind. A role or a mode that depends on them is not known.
    fn forget_what_hangs_on_the_rest(&self, stick: &mut Stick, profiles: &dyn KnownIds) {
        let there = stick.interfaces.len();
        let missing = self.missing(there);
        if missing == 0 || there == 0 {
            return;
        }
        let first = stick.interfaces.iter().map(|i| i.number).max().unwrap_or(0);
        let mut sure = true;
        for (class, notification) in REST {
            let mut other = stick.clone();
            for n in 1..=missing.min(MOST_REST) {
                let mut interface = Interface::new(first.saturating_add(n as u8), *class);
                let endpoint = |address, kind, max_packet| Endpoint { address, kind, max_packet };
                interface.endpoints = vec![endpoint(0x8f, 2, 512), endpoint(0x0f, 2, 512)];
                interface.endpoints.extend(notification.map(|size| endpoint(0x8e, 3, size)));
                other.interfaces.push(interface);
            }
            other.classify(profiles);
            sure &= other.mode == stick.mode;
            for (interface, other) in stick.interfaces.iter_mut().zip(&other.interfaces) {
                if interface.role != other.role {
                    interface.role = Role::Serial;
                }
            }
        }
        if !sure {
            let mut by_id = Stick { interfaces: Vec::new(), ..stick.clone() };
            by_id.classify(profiles);
            // Nobody is to load or flash by half a text.
            let harmless =
                matches!(by_id.mode, Mode::Cdrom | Mode::Hilink | Mode::HilinkSerial | Mode::Modem);
            stick.mode = if harmless { by_id.mode } else { Mode::Unknown };
            stick.evidence.retain(|line| !line.starts_with("it shows"));
            stick.evidence.push("the interfaces that the text does not show would decide".to_owned());
        }
    }

    /// The active configuration, or the first that has interfaces.
    pub fn shown(&self) -> Option<&ConfigurationDescriptor> {
        let active = self.configurations.iter().find(|c| Some(c.value) == self.active);
        active
            .or_else(|| self.configurations.iter().find(|c| !c.interfaces.is_empty()))
            .or(self.configurations.first())
    }

    fn interfaces(&self) -> Vec<Interface> {
        let mut interfaces: BTreeMap<u8, Interface> = BTreeMap::new();
        // usb-devices shows the alternate setting that is in use, and no other.
        for described in self.shown().into_iter().flat_map(|c| &c.interfaces) {
            let mut interface = Interface::new(described.number, described.class);
            let endpoints = described.endpoints.iter();
            interface.endpoints = endpoints
                .map(|e| Endpoint { address: e.address, kind: e.kind(), max_packet: e.max_packet })
                .collect();
            interfaces.entry(described.number).or_insert(interface);
        }
        let whole = !interfaces.is_empty();
        for (&number, attached) in &self.attached {
            if !whole && attached.class.is_none() {
                continue;
            }
            let class = attached.class.unwrap_or_default();
            if whole && !interfaces.contains_key(&number) && attached.class.is_none() {
                continue;
            }
            let interface = interfaces.entry(number).or_insert_with(|| Interface::new(number, class));
            interface.driver = attached.driver.clone().flatten();
            let node = |name: &String| format!("/dev/{name}");
            interface.tty = attached.tty.as_ref().map(node);
            interface.cdc_wdm = attached.cdc_wdm.as_ref().map(node);
            interface.netdev = attached.netdev.clone();
        }
        interfaces.into_values().collect()
    }

    /// What the text holds of the class of an interface: class, subclass and protocol, `ff/03/12`; the class alone, `ff`; or nothing.
    pub fn class_told(&self, interface: u8) -> Option<String> {
        let described = self.shown().and_then(|c| c.interfaces.iter().find(|i| i.number == interface));
        match described {
            Some(i) => Some(format!("{:02x}/{:02x}/{:02x}", i.class[0], i.class[1], i.class[2])),
            None => self.attached.get(&interface)?.named_class.map(|class| format!("{class:02x}")),
        }
    }

    /// Every interface as descriptors: those that were pasted, else those that the drivers tell of.
    pub fn descriptors(&self) -> Vec<ConfigurationDescriptor> {
        if self.configurations.iter().any(|c| !c.interfaces.is_empty()) {
            let mut whole = self.configurations.clone();
            whole.iter_mut().for_each(add_defaults);
            return whole;
        }
        let told = self.attached.iter().filter_map(|(&number, attached)| {
            Some(InterfaceDescriptor { number, class: attached.class?, ..InterfaceDescriptor::default() })
        });
        vec![configuration(self.active.unwrap_or(1), told.collect())]
    }

    fn is_in(&mut self, format: Format) {
        if !self.formats.contains(&format) {
            self.formats.push(format);
        }
    }

    fn attached(&mut self, interface: u8) -> &mut Attached {
        self.attached.entry(interface).or_default()
    }

    fn remark(&mut self, remark: &str) {
        if !self.remarks.iter().any(|r| r == remark) {
            self.remarks.push(remark.to_owned());
        }
    }

    /// The last interface of a cut text may lack endpoints that others have: what it would be taken for is another thing.
    fn end_at_a_cut(&mut self) {
        let Some(configuration) = self.configurations.last_mut() else { return };
        let Some((last, others)) = configuration.interfaces.split_last_mut() else { return };
        last.endpoints.pop_if(|e| e.address & 0x0f == 0 || e.max_packet == 0);
        if last.endpoints.len() >= self.told_endpoints {
            return;
        }
        let by_endpoints = matches!(last.class, [0xff, 0xff, 0xff | 0x40] | [0xff, 0, 0]);
        if by_endpoints && others.iter().any(|i| !i.endpoints.is_empty()) {
            configuration.interfaces.pop();
        } else {
            last.endpoints.clear();
        }
    }

    /// A descriptor says how many belong to it.
    fn remark_on_cuts(&mut self) {
        let mut cut = false;
        for (configuration, count) in self.configurations.iter().zip(&self.counts) {
            let mut numbers: Vec<u8> = configuration.interfaces.iter().map(|i| i.number).collect();
            numbers.sort_unstable();
            numbers.dedup();
            cut |= count.is_some_and(|count| numbers.len() < usize::from(count));
        }
        if cut {
            self.remark("the text is cut: it shows fewer interfaces than the device has");
        }
        let shows = self.configurations.iter().any(|c| !c.interfaces.is_empty()) || !self.attached.is_empty();
        if !shows && self.formats != [Format::Windows] {
            self.remark("no interface is in the text: `lsusb -v` or `usb-devices` shows them");
        }
    }
}

fn configuration(value: u8, interfaces: Vec<InterfaceDescriptor>) -> ConfigurationDescriptor {
    ConfigurationDescriptor {
        value,
        name_index: 0,
        attributes: 0x80,
        max_power: USUAL_POWER,
        extra: Vec::new(),
        interfaces,
    }
}

/// Puts an alternate setting 0 before an interface that was only seen in another one: there its bulk endpoints are asleep.
fn add_defaults(configuration: &mut ConfigurationDescriptor) {
    let all = std::mem::take(&mut configuration.interfaces);
    for interface in all {
        let seen = configuration.interfaces.iter().any(|i| i.number == interface.number);
        if !seen && interface.alternate != 0 {
            let mut first = InterfaceDescriptor { alternate: 0, ..interface.clone() };
            first.endpoints.retain(|e| e.kind() == 3);
            configuration.interfaces.push(first);
        }
        configuration.interfaces.push(interface);
    }
}

/// What a port is for by the text that its maker gave it: `Mobile Diag Interface`, `Huawei Mobile Connect - Modem`.
fn role_named(name: &str) -> Option<Role> {
    let name = name.to_ascii_lowercase();
    let has = |wanted: &str| name.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == wanted);
    Some(match () {
        () if has("diag") || has("diagnostic") || has("diagnostics") => Role::Diag,
        () if has("nmea") || has("gps") || has("gnss") => Role::Gps,
        () if has("pcui") || has("at") => Role::Pcui,
        () if has("modem") => Role::Modem,
        () => return None,
    })
}

/// What Qualcomm's firmware calls a composition, function by function: `DIAG_ADB_NMEA_DUN_DUN_SER`. `None` where it does not name as many
/// interfaces as there are.
fn roles_composed(text: &str, count: usize) -> Option<Vec<Role>> {
    let mut roles = Vec::new();
    for function in text.split('_') {
        roles.extend(match function {
            "DIAG" => &[Role::Diag][..],
            "NMEA" => &[Role::Gps],
            "DUN" => &[Role::Modem],
            "SER" => &[Role::Pcui],
            "RMNET" => &[Role::Network],
            "ADB" => &[Role::Other],
            "RNDIS" | "ECM" | "MBIM" => &[Role::Network, Role::Other],
            _ => return None,
        });
    }
    (roles.len() == count).then_some(roles)
}

/// The class of an interface as far as its driver tells.
fn class_of_driver(driver: &str) -> Option<[u8; 3]> {
    Some(match driver {
        "usb-storage" | "usb_storage" | "uas" => [0x08, 0x06, 0x50],
        "cdc_ether" => [0x02, 0x06, 0x00],
        "cdc_eem" => [0x02, 0x0c, 0x07],
        "cdc_ncm" => [0x02, 0x0d, 0x00],
        "cdc_mbim" => [0x02, 0x0e, 0x00],
        "rndis_host" => [0xe0, 0x01, 0x03],
        "cdc_acm" => [0x02, 0x02, 0x01],
        "hub" => [0x09, 0x00, 0x00],
        "usbhid" => [0x03, 0x00, 0x00],
        // What that driver binds to (Linux: its table of ids).
        "huawei_cdc_ncm" => [0xff, 0x02, 0x16],
        "option" | "sierra" | "sierra_net" | "qcserial" | "hso" | "ipw" | "qmi_wwan" | "usbserial"
        | "usbserial_generic" => [0xff, 0xff, 0xff],
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
