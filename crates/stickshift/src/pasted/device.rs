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
    /// How many endpoints the last interface says that it has.
    pub(super) told_endpoints: usize,
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
    /// The last interface, where the text ends before its endpoints: number and class.
    pub(super) cut_off: Option<(u8, [u8; 3])>,
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
            told_endpoints: 0,
            one_way: BTreeSet::new(),
            half_an_id: false,
            names: BTreeMap::new(),
            composition: None,
            hangs_on: None,
            listed_at: Vec::new(),
            cut_off: None,
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
        let class = described.map(|i| i.class);
        let cut_off = self.driven_at_the_cut().filter(|(number, _)| *number == interface);
        match class.or(cut_off.map(|(_, class)| class)) {
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

    /// The last interface of a cut text may lack endpoints that others have: what it would be taken for is another thing.
    pub(super) fn end_at_a_cut(&mut self) {
        let Some(configuration) = self.configurations.last_mut() else { return };
        let Some((last, others)) = configuration.interfaces.split_last_mut() else { return };
        last.endpoints.pop_if(|e| e.address & 0x0f == 0 || e.max_packet == 0);
        if last.endpoints.len() >= self.told_endpoints {
            return;
        }
        let by_endpoints = matches!(last.class, [0xff, 0xff, 0xff | 0x40] | [0xff, 0, 0]);
        if by_endpoints && others.iter().any(|i| !i.endpoints.is_empty()) {
            self.cut_off = configuration.interfaces.pop().map(|i| (i.number, i.class));
        } else {
            last.endpoints.clear();
        }
    }

    /// The interface whose endpoints a cut text lacks, where its driver is told.
    pub(super) fn driven_at_the_cut(&self) -> Option<(u8, [u8; 3])> {
        self.cut_off.filter(|(number, _)| {
            self.attached.get(number).is_some_and(|attached| matches!(attached.driver, Some(Some(_))))
        })
    }

    /// A descriptor says how many belong to it.
    pub(super) fn remark_on_cuts(&mut self) {
        let mut cut = false;
        for (configuration, count) in self.configurations.iter().zip(&self.counts) {
            let mut numbers: Vec<u8> = configuration.interfaces.iter().map(|i| i.number).collect();
            numbers.sort_unstable();
            numbers.dedup();
            let shown = numbers.len() + usize::from(self.driven_at_the_cut().is_some());
            cut |= count.is_some_and(|count| shown < usize::from(count));
        }
        if cut {
            self.remark("the text is cut: it shows fewer interfaces than the device has");
        }
        if let Some((number, _)) = self.driven_at_the_cut() {
            self.remark(&format!("the text is cut: the endpoints of interface {number} are missing"));
        }
        let shows = self.configurations.iter().any(|c| !c.interfaces.is_empty()) || !self.attached.is_empty();
        if !shows && self.formats != [Format::Windows] {
            self.remark("no interface is in the text: `lsusb -v` or `usb-devices` shows them");
        }
    }
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
        | "GobiNet" | "usbserial" | "usbserial_generic" => [0xff, 0xff, 0xff],
        _ => return None,
    })
}
