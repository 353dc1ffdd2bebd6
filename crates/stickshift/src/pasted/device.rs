//! One USB device of a text: what was told of it, and what is told of it in the end.

use std::collections::{BTreeMap, BTreeSet};

use super::{Format, USUAL_POWER};
use crate::stick::{Endpoint, Interface, Place, UsbId};
use crate::wire::usb::{ConfigurationDescriptor, InterfaceDescriptor};

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
    /// It came again, and the text ends before it tells as what.
    pub returning: bool,
    /// The text shows that its port gave too little power, or that its cable or port failed.
    pub unsteady: bool,
    /// The kernel selected no configuration, for lack of power: it has no interfaces.
    pub unpowered: bool,
    /// What it was read from, in order.
    pub formats: Vec<Format>,
    /// What the text does not show, or shows as trouble; one lower-case line each.
    pub remarks: Vec<String>,
    /// What a report of stickshift's own says that it is: `model`, `firmware`, .., each with its value.
    pub said: Vec<(&'static str, String)>,
    /// bNumInterfaces of each configuration, to tell a cut text.
    pub(super) counts: Vec<Option<u8>>,
    /// How many endpoints an interface says that it has: by the index of its configuration, its number and its alternate setting.
    pub(super) told_endpoints: BTreeMap<(usize, u8, u8), u8>,
    /// Interfaces that say that they have one endpoint: no port takes and gives bytes there.
    pub(super) one_way: BTreeSet<u8>,
    /// idVendor was read, and not yet idProduct.
    pub(super) half_an_id: bool,
    /// iInterface of the shown interfaces, as their texts.
    pub(super) names: BTreeMap<u8, String>,
    /// iConfiguration of the only configuration, as its text.
    pub(super) composition: Option<String>,
    /// Bus, level, parent and port, where the way to the parent is not told.
    pub(super) hangs_on: Option<[u16; 4]>,
    /// Numbers of the lines that list it, counted over the whole text.
    pub(super) listed_at: Vec<u32>,
    /// Interfaces whose endpoints a cut text lacks, and whose purpose hangs on them: number and class.
    pub(super) cut_off: BTreeMap<u8, [u8; 3]>,
    /// All whose endpoints it lacks.
    pub(super) without_endpoints: BTreeSet<u8>,
    /// Interfaces of which it tells no class.
    pub(super) without_class: BTreeSet<u8>,
}

impl PastedDevice {
    pub(super) fn new(id: UsbId) -> PastedDevice {
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
            returning: false,
            unsteady: false,
            unpowered: false,
            formats: Vec::new(),
            remarks: Vec::new(),
            said: Vec::new(),
            counts: Vec::new(),
            told_endpoints: BTreeMap::new(),
            one_way: BTreeSet::new(),
            half_an_id: false,
            names: BTreeMap::new(),
            composition: None,
            hangs_on: None,
            listed_at: Vec::new(),
            cut_off: BTreeMap::new(),
            without_endpoints: BTreeSet::new(),
            without_class: BTreeSet::new(),
        }
    }

    /// The active configuration, or the first that has interfaces.
    pub fn shown(&self) -> Option<&ConfigurationDescriptor> {
        let active = self.configurations.iter().find(|c| Some(c.value) == self.active);
        active
            .or_else(|| self.configurations.iter().find(|c| !c.interfaces.is_empty()))
            .or(self.configurations.first())
    }

    pub(super) fn interfaces(&self) -> Vec<Interface> {
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
            interface.tty = attached.tty.as_deref().map(node);
            interface.cdc_wdm = attached.cdc_wdm.as_deref().map(node);
            interface.netdev = attached.netdev.clone();
        }
        interfaces.into_values().collect()
    }

    /// What the text holds of the class of an interface: class, subclass and protocol, `ff/03/12`; the class alone, `ff`; or nothing.
    pub fn class_told(&self, interface: u8) -> Option<String> {
        let described = self.shown().and_then(|c| c.interfaces.iter().find(|i| i.number == interface));
        let class = described.map(|i| i.class);
        match class.or(self.cut_off.get(&interface).copied()) {
            Some(class) => Some(format!("{:02x}/{:02x}/{:02x}", class[0], class[1], class[2])),
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

    pub(super) fn is_in(&mut self, format: Format) {
        if !self.formats.contains(&format) {
            self.formats.push(format);
        }
    }

    pub(super) fn attached(&mut self, interface: u8) -> &mut Attached {
        self.attached.entry(interface).or_default()
    }

    pub(super) fn remark(&mut self, remark: &str) {
        if !self.remarks.iter().any(|r| r == remark) {
            self.remarks.push(remark.to_owned());
        }
    }

    /// How many endpoints the interface that is read now says that it has.
    pub(super) fn tells_endpoints(&mut self, interface: u8, alternate: u8, count: u8) {
        let configuration = self.configurations.len().saturating_sub(1);
        self.told_endpoints.insert((configuration, interface, alternate), count);
    }

    /// Sets the interfaces aside that lack endpoints which others of a cut text have: what they would be taken for is another thing.
    pub(super) fn set_cut_off_aside(&mut self) {
        let shown = self.shown().map(|shown| shown.value);
        let shows_endpoints =
            |format: &Format| matches!(format, Format::LsusbVerbose | Format::Usbconfig | Format::Viewer);
        let whole = self.formats.iter().any(shows_endpoints);
        for (index, configuration) in self.configurations.iter_mut().enumerate() {
            let is_shown = Some(configuration.value) == shown;
            let all = std::mem::take(&mut configuration.interfaces);
            let with_endpoints = all.iter().filter(|i| !i.endpoints.is_empty()).count();
            for mut interface in all {
                let others = with_endpoints > usize::from(!interface.endpoints.is_empty());
                interface.endpoints.pop_if(|e| e.address & 0x0f == 0 || e.max_packet == 0 && e.kind() != 1);
                let told = self.told_endpoints.get(&(index, interface.number, interface.alternate));
                if told.is_none_or(|told| interface.endpoints.len() >= usize::from(*told)) {
                    configuration.interfaces.push(interface);
                    continue;
                }
                if is_shown && (others || whole) {
                    self.without_endpoints.insert(interface.number);
                }
                let by_endpoints = matches!(interface.class, [0xff, 0xff, 0xff | 0x40] | [0xff, 0, 0]);
                if by_endpoints && others {
                    self.cut_off.extend(is_shown.then_some((interface.number, interface.class)));
                } else {
                    interface.endpoints.clear();
                    configuration.interfaces.push(interface);
                }
            }
        }
    }

    /// Whether a cut text lacks the endpoints of an interface that others have.
    pub fn lacks_endpoints(&self, interface: u8) -> bool {
        self.without_endpoints.contains(&interface)
    }

    /// A descriptor says how many belong to it.
    pub(super) fn remark_on_cuts(&mut self) {
        let mut cut = false;
        let shown = self.shown().map(|shown| shown.value);
        for (configuration, count) in self.configurations.iter().zip(&self.counts) {
            let numbers = configuration.interfaces.iter().map(|i| i.number);
            let aside = self.cut_off.keys().copied().filter(|_| Some(configuration.value) == shown);
            let there = numbers.chain(aside).collect::<BTreeSet<u8>>().len();
            cut |= count.is_some_and(|count| there < usize::from(count));
        }
        if cut {
            self.remark("the text is cut: it shows fewer interfaces than the device has");
        }
        let is_there = |number: &u8| {
            let mut all = self.configurations.iter().flat_map(|c| &c.interfaces);
            self.cut_off.contains_key(number) || all.any(|i| i.number == *number)
        };
        let without_class: Vec<u8> = self.without_class.iter().copied().filter(|n| !is_there(n)).collect();
        let without_endpoints: Vec<u8> = self.without_endpoints.iter().copied().collect();
        for (what, numbers) in [("endpoints", without_endpoints), ("class", without_class)] {
            if !numbers.is_empty() {
                let verb = if what == "class" { "is" } else { "are" };
                let interfaces = if numbers.len() == 1 { "interface" } else { "interfaces" };
                let numbers: Vec<String> = numbers.iter().map(u8::to_string).collect();
                let numbers = numbers.join(", ");
                self.remark(&format!("the text is cut: the {what} of {interfaces} {numbers} {verb} missing"));
            }
        }
        let shows = self.configurations.iter().any(|c| !c.interfaces.is_empty()) || !self.attached.is_empty();
        if !shows && self.formats != [Format::Windows] {
            self.remark("no interface is in the text: `lsusb -v` or `usb-devices` shows them");
        }
    }
}

/// The path of a port on its system: Windows has names alone.
pub(super) fn node(name: &str) -> String {
    if name.starts_with("COM") { name.to_owned() } else { format!("/dev/{name}") }
}

pub(super) fn configuration(value: u8, interfaces: Vec<InterfaceDescriptor>) -> ConfigurationDescriptor {
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

/// The class of an interface as far as its driver tells.
pub(super) fn class_of_driver(driver: &str) -> Option<[u8; 3]> {
    Some(match driver {
        "usb-storage" | "usb_storage" | "uas" => [0x08, 0x06, 0x50],
        "cdc_ether" => [0x02, 0x06, 0x00],
        "cdc_eem" => [0x02, 0x0c, 0x07],
        "cdc_ncm" => [0x02, 0x0d, 0x00],
        "cdc_mbim" => [0x02, 0x0e, 0x00],
        "rndis_host" => [0xe0, 0x01, 0x03],
        "cdc_acm" => [0x02, 0x02, 0x01],
        // A control channel beside NCM, as Ericsson's modules have it.
        "cdc_wdm" => [0x02, 0x09, 0x01],
        "hub" => [0x09, 0x00, 0x00],
        "usbhid" => [0x03, 0x00, 0x00],
        // What that driver binds to (Linux: its table of ids).
        "huawei_cdc_ncm" => [0xff, 0x02, 0x16],
        "option" | "airprime" | "sierra" | "sierra_net" | "qcserial" | "hso" | "ipw" | "qmi_wwan"
        | "kalmia" | "GobiNet" | "usbserial" | "usbserial_generic" => [0xff, 0xff, 0xff],
        _ => return None,
    })
}
