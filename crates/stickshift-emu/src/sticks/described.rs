//! A stick that is switched, made from a plain description of it: ids, endpoints, texts, the methods that it waits for
//! (docs/protocols/mode-switch.md section 2.4). Whoever has a catalogue of profiles makes such a description from any entry.

use stickshift::link::ControlSetup;
use stickshift::stick::UsbId;

use crate::device::{Alternate, Appearance, Function, UsbInterface};
use crate::sticks::appearances::{ethernet, serial};
use crate::sticks::switchable::{appearance, cdrom, from_parts, ports};
use crate::sticks::zerocd::{SwitchMessage, Trigger, ZeroCdOptions};

/// What a stick is before it is switched, what switches it, and what it becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StickDescription {
    /// Its ids before.
    pub id: UsbId,
    /// Its ids after.
    pub target: UsbId,
    /// What it shows after.
    pub shows: Shows,
    /// Number of its first interface.
    pub interface: u8,
    /// Bulk OUT and IN endpoints of its first interface.
    pub endpoints: (u8, u8),
    /// iManufacturer, when it has a particular one.
    pub manufacturer: Option<String>,
    /// iProduct, when it has a particular one.
    pub product: Option<String>,
    /// iSerialNumber, when it has one.
    pub serial: Option<String>,
    /// A second configuration that is a modem.
    pub configuration: Option<u8>,
    /// What switches it, by the names of usb_modeswitch (`HuaweiNewMode`), in order.
    pub methods: Vec<&'static str>,
    /// Messages that switch it, exactly as they come, after the methods.
    pub messages: Vec<Vec<u8>>,
    /// wValue of Pantech's request, which is the only thing that it waits for then.
    pub pantech: Option<u16>,
    /// A reset of its port switches it, where nothing else does.
    pub reset: bool,
}

/// What a stick shows, in a few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shows {
    /// Two serial ports with this bInterfaceClass.
    Ports(u8),
    /// Serial ports of no particular class with these numbers.
    Numbered(Vec<u8>),
    /// A network card with a router behind it.
    Card,
    /// The same beside two serial ports.
    CardAndPorts,
}

/// No more ports have endpoints left.
const MOST_PORTS: usize = 7;

impl Shows {
    /// Its interfaces.
    pub fn interfaces(&self) -> Vec<UsbInterface> {
        let card = || ethernet(0x83, 0x82, 0x02).to_vec();
        match self {
            Shows::Ports(class) => {
                vec![serial(0, [*class, 0xff, 0xff], true), serial(1, [*class, 0xff, 0xff], false)]
            }
            Shows::Numbered(numbers) => {
                let ports = (0..).zip(numbers.iter().take(MOST_PORTS));
                ports.map(|(n, &number)| UsbInterface { number, ..serial(n, [0xff; 3], false) }).collect()
            }
            Shows::Card => card(),
            Shows::CardAndPorts => {
                let ports = [serial(2, [0xff; 3], false), serial(3, [0xff; 3], false)];
                card().into_iter().chain(ports).collect()
            }
        }
    }

    /// Its bDeviceClass.
    fn class(&self) -> [u8; 3] {
        match self {
            Shows::Card => [0x02, 0, 0],
            Shows::CardAndPorts => [0xef, 0x02, 0x01],
            Shows::Ports(_) | Shows::Numbered(_) => [0; 3],
        }
    }
}

impl StickDescription {
    fn has(&self, method: &str) -> bool {
        self.methods.contains(&method)
    }

    /// The stick before it is plugged in.
    pub fn options(&self) -> ZeroCdOptions {
        from_parts("virtual", self.before(), self.messages())
    }

    /// What switches it, and what it becomes; nothing for a method that sends nothing.
    pub fn messages(&self) -> Vec<SwitchMessage> {
        let before = self.before();
        let (vendor, product) = (self.target.vendor, self.target.product);
        let mut target = Appearance {
            class: self.shows.class(),
            ..appearance(vendor, product, "modem", self.shows.interfaces())
        };
        if self.has("SonyMode") {
            // It restarts after the first request, asks for the second, and selects its modem in the other configuration.
            target.configurations.insert(0, before.configurations[0].clone());
            target.configurations[1].value = 2;
        }
        let steps = self.steps();
        if steps.is_empty() { Vec::new() } else { vec![SwitchMessage { steps, target }] }
    }

    fn steps(&self) -> Vec<Trigger> {
        if let Some(value) = self.pantech {
            return vec![Trigger::control(0x40, 0x70, value, 0)];
        }
        let mut steps: Vec<Trigger> = self.methods.iter().flat_map(|method| steps_of(method)).collect();
        steps.extend(self.messages.iter().cloned().map(Trigger::Message));
        if steps.is_empty() && self.reset {
            steps.push(Trigger::Reset);
        }
        steps
    }

    fn before(&self) -> Appearance {
        let mut appearance = cdrom(self.id.vendor, self.id.product, "Virtual stick");
        appearance.manufacturer = self.manufacturer.clone().or(Some("virtual".into()));
        appearance.product = self.product.clone().or(appearance.product);
        appearance.serial = self.serial.clone().or(appearance.serial);
        let first = &mut appearance.configurations[0].interfaces[0];
        if self.has("MobileActionMode") {
            let pipes = vec![(0x81, 3, 8), (0x02, 3, 8)];
            let cable = Alternate { class: [0x03, 0, 0], extra: Vec::new(), endpoints: pipes };
            *first = UsbInterface { number: 0, function: Function::Raw, alternates: vec![cable] };
        } else {
            let (out, back) = self.endpoints;
            first.alternates[0].endpoints = vec![(back, 2, 512), (out, 2, 512)];
        }
        first.number = self.interface;
        // A configuration that is selected later must be there.
        if let Some(value) = self.configuration {
            let modem = ports(self.id.vendor, self.id.product, "modem", &[[0xff, 0xff, 0xff]; 2]);
            let mut other = modem.configurations[0].clone();
            other.value = value;
            appearance.configurations.push(other);
        }
        appearance
    }
}

/// What a stick of this method waits for; nothing for a method that sends nothing, or that no stick here knows.
fn steps_of(method: &str) -> Vec<Trigger> {
    let control = Trigger::control;
    let with_data = |request_type, request, value, data: &[u8]| {
        Trigger::Control(ControlSetup { request_type, request, value, index: 0 }, data.to_vec())
    };
    match method {
        "HuaweiMode" => vec![control(0x00, 0x03, 1, 0)],
        "SierraMode" => vec![control(0x40, 0x0b, 1, 0)],
        "SonyMode" => vec![control(0xc0, 0x11, 2, 0)],
        "GCTMode" => vec![control(0xa1, 0xa0, 0, 0), control(0xa1, 0xfe, 0, 0)],
        "KobilMode" => vec![control(0xc0, 0x88, 0, 0)],
        "SequansMode" => vec![control(0x40, 0x0b, 2, 0)],
        "MobileActionMode" => vec![
            with_data(0x21, 0x09, 0x0300, &[0xb0, 0x04, 0, 0, 0x02, 0x90, 0x26, 0x86]),
            Trigger::Message(vec![0x32, 0x07, 0xfe, 0xf0, 0x29, 0xb9, 0x3a, 0xf0]),
        ],
        "CiscoMode" => vec![
            Trigger::Command(vec![0xfd, 0, 0, 0, 0x03]),
            Trigger::Command(vec![0xfd, 0, 0x01, 0x10, 0x73, 0x24]),
        ],
        "QisdaMode" => {
            let data =
                [0x05, 0x8c, 0x04, 0x08, 0xa0, 0xee, 0x20, 0, 0x5c, 0x01, 0x04, 0x08, 0x98, 0xcd, 0xea, 0xbf];
            vec![with_data(0x40, 0x04, 0, &data)]
        }
        "QuantaMode" => vec![control(0xc0, 0xff, 0, 0)],
        "BlackberryMode" => vec![control(0xc0, 0xb1, 0, 0), control(0xc0, 0xa9, 0x0e, 0)],
        "HuaweiNewMode" => vec![Trigger::Command(vec![0x11, 0x06, 0x20])],
        "HuaweiAltMode" => vec![Trigger::Command(vec![0x11, 0x06, 0x30])],
        "OptionMode" => vec![Trigger::Command(vec![0x01])],
        "StandardEject" => vec![Trigger::Command(vec![0x1b, 0, 0, 0, 2])],
        _ => Vec::new(),
    }
}
