//! Sticks that are switched, by name: Huawei's in all their modes, and at least one for every method of switching
//! (docs/protocols/mode-switch.md sections 2.4 and 4, docs/protocols/hilink-at.md section 2).

use std::collections::BTreeMap;
use std::time::Duration;

use stickshift::link::ControlSetup;
use stickshift::stick::UsbId;

use crate::device::{Appearance, Configuration, Function, UsbInterface};
use crate::firmware::memory::{Firmware, FirmwareKind};
use crate::identity::Identity;
use crate::sticks::appearances::{self, ethernet, interface, ncm, serial, storage};
use crate::sticks::hardware::Hardware;
use crate::sticks::huawei;
use crate::sticks::zerocd::{Behaviour, SwitchMessage, Trigger, ZeroCdOptions};

/// A name, what it is, and how it is made.
struct NamedStick {
    name: &'static str,
    what: &'static str,
    make: fn() -> ZeroCdOptions,
}

const ROWS: &[NamedStick] = &[
    NamedStick { name: "k3772", what: "Vodafone K3772: 12d1:1526 to 14cf, three serial ports", make: k3772 },
    NamedStick {
        name: "k3772-modem",
        what: "Vodafone K3772, switched already: 12d1:14cf",
        make: || ZeroCdOptions { appearance: k3772_modem(), messages: Vec::new(), ..k3772() },
    },
    NamedStick { name: "e3372s-cd", what: "E3372s: 12d1:14fe to 1506", make: || stick_cd(1) },
    NamedStick { name: "e3276-cd", what: "12d1:14fe to 1506 with one AT port", make: || stick_cd(2) },
    NamedStick {
        name: "e3276-dual-cd",
        what: "12d1:14fe to 1506 with modem, diag and AT ports",
        make: || stick_cd(3),
    },
    NamedStick { name: "e398-cd", what: "12d1:14fe to 1506 with QMI", make: || stick_cd(4) },
    NamedStick { name: "huawei-e180", what: "Huawei's SET_FEATURE: 12d1:1414, class ff", make: huawei_e180 },
    NamedStick {
        name: "huawei-u7510",
        what: "a message with a data phase: 12d1:101e, class ff",
        make: huawei_u7510,
    },
    NamedStick { name: "zte-2000", what: "eject, then ZTE's command: 19d2:2000 to 0031", make: zte },
    NamedStick { name: "novatel-5010", what: "eject: 1410:5010 to 4100", make: novatel },
    NamedStick { name: "nokia-cs15", what: "eject: 0421:0610 to 0612", make: nokia },
    NamedStick { name: "option-6711", what: "Option's command: 0af0:6711, class ff", make: option_hso },
    NamedStick { name: "sierra-0fff", what: "Sierra's request: 1199:0fff to 6832", make: sierra },
    NamedStick {
        name: "sony-md400",
        what: "Sony's request, then configuration 2: 0fce:d0e1, class 02",
        make: sony,
    },
    NamedStick { name: "gct-7f40", what: "GCT's requests: 1076:7f40 to 7f00", make: gct },
    NamedStick { name: "kobil-45a1", what: "Kobil's request: 0d46:45a1 to 45a9", make: kobil },
    NamedStick { name: "sequans-a000", what: "Sequans' request: 148e:a000, class 02", make: sequans },
    NamedStick {
        name: "mobile-action",
        what: "a long talk over interrupt pipes: 0df7:0800",
        make: mobile_action,
    },
    NamedStick { name: "cisco-am10", what: "eleven messages: 1307:1169 to 13b1:0031", make: cisco },
    NamedStick { name: "qisda-h21", what: "Qisda's request with data: 1da5:f000 to 4512", make: qisda },
    NamedStick { name: "quanta-f000", what: "Quanta's request: 0408:f000 to ea03", make: quanta },
    NamedStick { name: "blackberry", what: "two requests: 0fca:8020 to 8012", make: blackberry },
    NamedStick { name: "pantech-6080", what: "Pantech's request: 10a9:6080 to 6085", make: pantech },
    NamedStick {
        name: "tct-f000",
        what: "Longcheer's message, asking for data: 1bbb:f000 to 0017",
        make: tct,
    },
    NamedStick {
        name: "longcheer-f000",
        what: "a message, after a while: 1c9e:f000 to 9603",
        make: longcheer,
    },
    NamedStick { name: "dlink-a80b", what: "a message: 2001:a80b to 7d00", make: dlink },
    NamedStick { name: "two-messages", what: "two messages: 201e:1023 to 1022", make: two_messages },
    NamedStick { name: "d-link-7600", what: "another configuration: 2001:7600", make: second_configuration },
    NamedStick {
        name: "samsung-u209",
        what: "told by the text of its drive: 04e8:f000 to 6601, by `switch --profile` with that entry",
        make: samsung_u209,
    },
    NamedStick {
        name: "huawei-unknown",
        what: "a Huawei that no catalogue has: 12d1:1ffe to 1506",
        make: huawei_unknown,
    },
    NamedStick {
        name: "e3372-325",
        what: "Brovi E3372-325: keeps 3566:2001 as a network card and as a modem",
        make: brovi,
    },
    NamedStick {
        name: "e3372-325-155e",
        what: "the other board of that name: 3566:2001 to 12d1:155e",
        make: || {
            let alt = SwitchMessage::new(command(&[0x11, 0x06, 0x30]), appearances::fallback());
            from_parts("E3372-325", cdrom(0x3566, 0x2001, "HUAWEI_MOBILE"), vec![alt])
        },
    },
    NamedStick { name: "me906", what: "the configuration with MBIM: 12d1:15c1", make: me906 },
    NamedStick {
        name: "mf823",
        what: "ZTE MF823, switched already: 19d2:1405, an ECM card with a router behind it",
        make: || from_parts("MF823", appearance(0x19d2, 0x1405, "ZTE Mobile Broadband", ecm()), Vec::new()),
    },
    NamedStick {
        name: "mf823-rndis",
        what: "the same as RNDIS: 19d2:1403",
        make: || from_parts("MF823", appearance(0x19d2, 0x1403, "ZTE Mobile Broadband", rndis()), Vec::new()),
    },
    NamedStick {
        name: "alternate-setting",
        what: "made up, for a profile of your own: another alternate setting leads from ffff:0001 to 0002",
        make: alternate_setting,
    },
    NamedStick {
        name: "port-reset",
        what: "made up, for a profile of your own: a message and a reset of the port lead from ffff:0011 to 0012",
        make: port_reset,
    },
];

/// Every name with a one-line description.
pub fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    ROWS.iter().map(|row| (row.name, row.what))
}

/// What the stick of that name is, to be changed before it is made.
pub fn options(name: &str) -> Option<ZeroCdOptions> {
    ROWS.iter().find(|row| row.name == name).map(|row| (row.make)())
}

/// A stick of the field's usual timing: a second to boot, two off the bus.
pub fn from_parts(model: &str, appearance: Appearance, messages: Vec<SwitchMessage>) -> ZeroCdOptions {
    // What their makers call the boards is not known.
    let identity = Identity {
        model: model.into(),
        product: model.into(),
        hardware: "VIRTUAL".into(),
        version: "1.0".into(),
        webui: String::new(),
        ..huawei::HuaweiOptions::stick().identity()
    };
    ZeroCdOptions {
        texts: ["HUAWEI".into(), "Mass Storage".into(), "2.31".into()],
        units: Vec::new(),
        drivers: BTreeMap::new(),
        at: None,
        appearance,
        messages,
        behaviour: Default::default(),
        boot: Duration::from_millis(100),
        leaves_after: Duration::from_millis(150),
        off_bus: Duration::from_secs(2),
        identity,
        subscriber: 0,
    }
}

/// An appearance with one configuration.
pub fn appearance(vendor: u16, product: u16, name: &str, interfaces: Vec<UsbInterface>) -> Appearance {
    let id = UsbId::new(vendor, product);
    Appearance {
        id,
        manufacturer: Some("virtual".into()),
        ..appearances::appearance(product, [0; 3], name, interfaces)
    }
}

/// A CD-ROM and nothing else.
pub fn cdrom(vendor: u16, product: u16, name: &str) -> Appearance {
    appearance(vendor, product, name, vec![storage(0, 0x81, 0x01)])
}

/// Serial ports with these interface classes, one after another; the first has an interrupt endpoint.
pub fn ports(vendor: u16, product: u16, name: &str, classes: &[[u8; 3]]) -> Appearance {
    let interfaces = (0..).zip(classes).map(|(number, &class)| serial(number, class, number == 0));
    appearance(vendor, product, name, interfaces.collect())
}

const VENDOR_SERIAL: [u8; 3] = [0xff, 0xff, 0xff];

/// 12d1:14cf: PPP, diagnosis and AT ports, as the older Huawei sticks.
fn k3772_modem() -> Appearance {
    let classes = [[0xff, 0x02, 0x01], [0xff, 0x02, 0x03], [0xff, 0x02, 0x02]];
    let mut appearance = ports(0x12d1, 0x14cf, "HUAWEI Mobile", &classes);
    appearance.configurations[0].interfaces.push(storage(3, 0x88, 0x08));
    appearance
}

fn ecm() -> Vec<UsbInterface> {
    appearances::ethernet(0x83, 0x82, 0x02).to_vec()
}

/// RNDIS by the class of wireless controllers, as Linux's rndis_host knows it.
fn rndis() -> Vec<UsbInterface> {
    let mut interfaces = ecm();
    interfaces[0].alternates[0].class = [0xe0, 0x01, 0x03];
    interfaces[0].alternates[0].extra = CDC_RNDIS.to_vec();
    interfaces[1].alternates[0].class = [0x0a, 0x00, 0x00];
    interfaces
}

/// Header, call management, abstract control and union of interfaces 0 and 1: Linux's own RNDIS gadget has these.
const CDC_RNDIS: [u8; 19] = [5, 0x24, 0, 0x10, 1, 5, 0x24, 1, 0, 1, 4, 0x24, 2, 0, 5, 0x24, 6, 0, 1];

fn k3772() -> ZeroCdOptions {
    let name = "Vodafone Mobile Broadband (Huawei)";
    let messages = vec![
        SwitchMessage::new(Trigger::Command(vec![0x11, 0x06, 0x20]), k3772_modem()),
        SwitchMessage::new(Trigger::Command(vec![0x11, 0x06, 0x00]), appearances::download()),
    ];
    ZeroCdOptions {
        texts: ["Vodafone".into(), "Mass Storage".into(), "2.31".into()],
        identity: Hardware::k3772()
            .identity(&Firmware::new(FirmwareKind::Stick, "11.810.05.00.11", ""), true),
        ..from_parts("K3772", cdrom(0x12d1, 0x1526, name), messages)
    }
}

fn ncm_like(number: u8, class: [u8; 3]) -> UsbInterface {
    let mut function = ncm(number);
    function.alternates.iter_mut().for_each(|a| a.class = class);
    function
}

/// 12d1:1506 in the layouts 1 to 5 that were seen.
pub fn stick_layout(layout: u8) -> Appearance {
    let serial = |number: u8, subclass: u8, protocol: u8| {
        serial(number, [0xff, subclass, protocol], matches!(protocol, 0x01 | 0x10))
    };
    let (class, mut interfaces) = match layout {
        1 => ([0; 3], vec![serial(0, 3, 0x10), serial(1, 3, 0x12), ncm(2)]),
        2 => ([0; 3], vec![serial(0, 2, 0x12), ncm_like(1, [0xff, 0x02, 0x16])]),
        3 => ([0x02, 0, 0], vec![serial(0, 3, 0x01), ncm(1), serial(2, 3, 0x03), serial(3, 3, 0x02)]),
        4 => {
            let qmi = |number: u8, protocol: u8| {
                let endpoints =
                    [(0x89 + 2 * number, 3, 16), (0x88 + 2 * number, 2, 512), (0x09 + number, 2, 512)];
                interface(number, Function::Raw, [0xff, 0x01, protocol], &endpoints)
            };
            let network =
                vec![serial(0, 1, 0x01), qmi(1, 0x09), qmi(2, 0x08), serial(3, 1, 0x03), serial(4, 1, 0x02)];
            ([0xef, 0x02, 0x01], network)
        }
        _ => return appearances::stick(&Hardware::e3372h().ports),
    };
    let count = interfaces.len() as u8;
    // QMI's endpoints and NCM's leave different ones over.
    let free = if layout == 4 { 0x0e } else { 0x0c };
    interfaces.push(storage(count, 0x80 | free, 0x0c));
    interfaces.push(storage(count + 1, 0x81 | free, 0x0d));
    Appearance { class, ..appearance(0x12d1, 0x1506, "HUAWEI Mobile", interfaces) }
}

fn stick_cd(layout: u8) -> ZeroCdOptions {
    let mut first = appearances::cdrom(false);
    first.configurations[0].interfaces.push(storage(1, 0x82, 0x02));
    let message = SwitchMessage::new(Trigger::Command(vec![0x11, 0x06, 0x20]), stick_layout(layout));
    let options = from_parts("E398", first, vec![message]);
    let identity = match layout {
        1 => huawei::HuaweiOptions::e3372s().identity(),
        2 | 3 => Hardware::e3276().identity(&Firmware::new(FirmwareKind::Stick, "21.192.01.00.00", ""), true),
        _ => options.identity.clone(),
    };
    ZeroCdOptions { identity, ..options }
}

/// A stick of one step, from ids to ids with two serial ports.
fn plain(model: &str, from: (u16, u16), trigger: Trigger, to: (u16, u16)) -> ZeroCdOptions {
    let target = ports(to.0, to.1, model, &[VENDOR_SERIAL, VENDOR_SERIAL]);
    let first = cdrom(from.0, from.1, model);
    let texts = ["USBModem".into(), "Disk".into(), "2.31".into()];
    ZeroCdOptions { texts, ..from_parts(model, first, vec![SwitchMessage::new(trigger, target)]) }
}

/// The same with several steps.
fn stepped(model: &str, from: (u16, u16), steps: Vec<Trigger>, to: (u16, u16)) -> ZeroCdOptions {
    let mut options = plain(model, from, Trigger::Configuration(0), to);
    options.messages[0].steps = steps;
    options
}

fn command(bytes: &[u8]) -> Trigger {
    Trigger::Command(bytes.to_vec())
}

/// The medium is ejected.
fn eject() -> Trigger {
    command(&[0x1b, 0, 0, 0, 2])
}

fn huawei_e180() -> ZeroCdOptions {
    let ids = (0x12d1, 0x1414);
    // The storage driver of Linux switches this one by itself when its release number is zero.
    plain("E180", ids, Trigger::control(0x00, 0x03, 1, 0), ids)
}

fn huawei_u7510() -> ZeroCdOptions {
    plain("U7510", (0x12d1, 0x101e), command(&[0x01]), (0x12d1, 0x101e))
}

fn zte() -> ZeroCdOptions {
    let steps = vec![eject(), command(&[0x85, 0x01, 0x01, 0x01, 0x18])];
    stepped("MF190", (0x19d2, 0x2000), steps, (0x19d2, 0x0031))
}

fn novatel() -> ZeroCdOptions {
    plain("MC950D", (0x1410, 0x5010), eject(), (0x1410, 0x4100))
}

fn nokia() -> ZeroCdOptions {
    plain("CS-15", (0x0421, 0x0610), eject(), (0x0421, 0x0612))
}

fn option_hso() -> ZeroCdOptions {
    plain("iCON", (0x0af0, 0x6711), command(&[0x01]), (0x0af0, 0x6711))
}

fn sierra() -> ZeroCdOptions {
    plain("C885", (0x1199, 0x0fff), Trigger::control(0x40, 0x0b, 1, 0), (0x1199, 0x6832))
}

/// The same ids, communications class, in configuration 2.
fn sony() -> ZeroCdOptions {
    let ids = (0x0fce, 0xd0e1);
    let mut options = plain("MD400", ids, Trigger::control(0xc0, 0x11, 2, 0), ids);
    let target = &mut options.messages[0].target;
    *target = communications(0x0fce, 0xd0e1, "MD400");
    target.configurations.insert(0, options.appearance.configurations[0].clone());
    target.configurations[1].value = 2;
    options
}

/// CDC Ethernet.
fn communications(vendor: u16, product: u16, name: &str) -> Appearance {
    let interfaces = ethernet(0x83, 0x82, 0x02).to_vec();
    Appearance { class: [0x02, 0, 0], ..appearance(vendor, product, name, interfaces) }
}

fn gct() -> ZeroCdOptions {
    let steps = vec![Trigger::control(0xa1, 0xa0, 0, 0), Trigger::control(0xa1, 0xfe, 0, 0)];
    stepped("GDM7213", (0x1076, 0x7f40), steps, (0x1076, 0x7f00))
}

fn kobil() -> ZeroCdOptions {
    plain("mIDentity", (0x0d46, 0x45a1), Trigger::control(0xc0, 0x88, 0, 0), (0x0d46, 0x45a9))
}

fn sequans() -> ZeroCdOptions {
    let mut options =
        plain("SQN1130", (0x148e, 0xa000), Trigger::control(0x40, 0x0b, 2, 0), (0x148e, 0xa000));
    options.messages[0].target = communications(0x148e, 0xa000, "SQN1130");
    options
}

fn mobile_action() -> ZeroCdOptions {
    let begin = ControlSetup { request_type: 0x21, request: 0x09, value: 0x0300, index: 0 };
    let data = vec![0xb0, 0x04, 0, 0, 0x02, 0x90, 0x26, 0x86];
    let steps = vec![
        Trigger::Control(begin, data.clone()),
        Trigger::Control(begin, data),
        Trigger::Message(vec![0x37, 0x01, 0xfe, 0xdb, 0xc1, 0x33, 0x1f, 0x83]),
        Trigger::Message(vec![0x33, 0x04, 0xfe, 0x00, 0xf4, 0x6c, 0x1f, 0xf0]),
        Trigger::Message(vec![0x32, 0x07, 0xfe, 0xf0, 0x29, 0xb9, 0x3a, 0xf0]),
    ];
    let mut options = stepped("MA-8730P", (0x0df7, 0x0800), steps, (0x0df7, 0x0800));
    let pipes = [(0x81, 3, 8), (0x02, 3, 8)];
    let cable = interface(0, Function::Raw, [0x03, 0, 0], &pipes);
    options.appearance = appearance(0x0df7, 0x0800, "MA-8730P", vec![cable]);
    options
}

fn cisco() -> ZeroCdOptions {
    let steps = vec![command(&[0xfd, 0, 0, 0, 3]), command(&[0xfd, 0, 3, 0, 0x24, 0x13])];
    stepped("AM10", (0x1307, 0x1169), steps, (0x13b1, 0x0031))
}

fn qisda() -> ZeroCdOptions {
    let setup = ControlSetup { request_type: 0x40, request: 0x04, value: 0, index: 0 };
    let data = [0x05, 0x8c, 0x04, 0x08, 0xa0, 0xee, 0x20, 0, 0x5c, 0x01, 0x04, 0x08, 0x98, 0xcd, 0xea, 0xbf];
    plain("H21", (0x1da5, 0xf000), Trigger::Control(setup, data.to_vec()), (0x1da5, 0x4512))
}

fn quanta() -> ZeroCdOptions {
    plain("MU-Q101", (0x0408, 0xf000), Trigger::control(0xc0, 0xff, 0, 0), (0x0408, 0xea03))
}

fn blackberry() -> ZeroCdOptions {
    let steps = vec![Trigger::control(0xc0, 0xb1, 0, 0), Trigger::control(0xc0, 0xa9, 0x0e, 0)];
    stepped("Q10", (0x0fca, 0x8020), steps, (0x0fca, 0x8012))
}

fn pantech() -> ZeroCdOptions {
    plain("UML290", (0x10a9, 0x6080), Trigger::control(0x40, 0x70, 2, 0), (0x10a9, 0x6085))
}

fn tct() -> ZeroCdOptions {
    plain("X200", (0x1bbb, 0xf000), command(&[0x06, 0xf5, 0x04, 0x02, 0x52, 0x70]), (0x1bbb, 0x0017))
}

fn longcheer() -> ZeroCdOptions {
    plain("SU-8500U", (0x1c9e, 0xf000), command(&[0xff]), (0x1c9e, 0x9603))
}

fn dlink() -> ZeroCdOptions {
    plain("DWM-156", (0x2001, 0xa80b), command(&[0xf0, 0x01, 0x01]), (0x2001, 0x7d00))
}

fn two_messages() -> ZeroCdOptions {
    let steps = vec![command(&[0x00]), command(&[0x71, 0x03])];
    stepped("MH600HS", (0x201e, 0x1023), steps, (0x201e, 0x1022))
}

/// A CD-ROM in configuration 1, a modem in configuration 2; it never leaves the bus.
fn second_configuration() -> ZeroCdOptions {
    let mut appearance = cdrom(0x2001, 0x7600, "DWP-157");
    let modem = ports(0x2001, 0x7600, "DWP-157", &[VENDOR_SERIAL, VENDOR_SERIAL]);
    appearance
        .configurations
        .extend(modem.configurations.into_iter().map(|c| Configuration { value: 2, ..c }));
    from_parts("DWP-157", appearance, Vec::new())
}

/// Its USB strings say nothing; the text of its drive names the model.
fn samsung_u209() -> ZeroCdOptions {
    let mut options = plain("modem", (0x04e8, 0xf000), command(&[0x16]), (0x04e8, 0x6601));
    options.texts[1] = "U209".into();
    options
}

fn huawei_unknown() -> ZeroCdOptions {
    plain("E9999", (0x12d1, 0x1ffe), command(&[0x11, 0x06, 0x20]), (0x12d1, 0x1506))
}

/// Its ids stay: class 08, then e0 (RNDIS) after the usual message, or ff after the one for serial ports.
fn brovi() -> ZeroCdOptions {
    let [mut control, data] = ethernet(0x83, 0x82, 0x02);
    control.alternates[0].class = [0xe0, 0x01, 0x03];
    let hilink = appearance(0x3566, 0x2001, "HUAWEI_MOBILE", vec![control, data]);
    let modem = ports(0x3566, 0x2001, "HUAWEI_MOBILE", &[VENDOR_SERIAL; 3]);
    let messages = vec![
        SwitchMessage::new(command(&[0x11, 0x06, 0x20]), hilink),
        SwitchMessage::new(command(&[0x11, 0x06, 0x30]), modem),
    ];
    from_parts("E3372-325", cdrom(0x3566, 0x2001, "HUAWEI_MOBILE"), messages)
}

/// A module that is a modem in configuration 1, a network card in 2 and has MBIM in 3; it never leaves the bus.
fn me906() -> ZeroCdOptions {
    let with_ports = |mut network: Vec<UsbInterface>| {
        network.extend([serial(2, [0xff, 0x02, 0x12], false), serial(3, [0xff, 0x02, 0x01], true)]);
        network
    };
    let all = [
        vec![serial(0, [0xff, 0x02, 0x01], true), serial(1, [0xff, 0x02, 0x12], false)],
        with_ports(ethernet(0x8f, 0x8e, 0x0e).to_vec()),
        with_ports(appearances::mbim(0).to_vec()),
    ];
    let configurations = (1..).zip(all).map(|(value, interfaces)| Configuration { value, interfaces });
    let appearance = Appearance {
        configurations: configurations.collect(),
        ..appearance(0x12d1, 0x15c1, "HUAWEI Mobile Broadband Module", Vec::new())
    };
    from_parts("ME906s", appearance, Vec::new())
}

fn alternate_setting() -> ZeroCdOptions {
    let mut options =
        plain("alternate setting", (0xffff, 0x0001), Trigger::Alternate(0, 1), (0xffff, 0x0002));
    let drive = &mut options.appearance.configurations[0].interfaces[0];
    drive.alternates.push(drive.alternates[0].clone());
    options
}

fn port_reset() -> ZeroCdOptions {
    let options = plain("port reset", (0xffff, 0x0011), command(&[0x11, 0x06]), (0xffff, 0x0012));
    ZeroCdOptions { behaviour: Behaviour::WaitsForReset, ..options }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::device::descriptors;

    #[test]
    fn every_stick_shows_faces_that_hold_together() {
        for (name, what) in names() {
            assert!(!what.is_empty());
            let options = options(name).unwrap();
            let appearances =
                options.messages.iter().map(|message| &message.target).chain([&options.appearance]);
            for appearance in appearances {
                for configuration in &appearance.configurations {
                    let bytes = descriptors::configuration(configuration);
                    assert_eq!(usize::from(bytes[4]), configuration.interfaces.len(), "{name}");
                    let mut seen = BTreeSet::new();
                    for (at, interface) in configuration.interfaces.iter().enumerate() {
                        assert_eq!(usize::from(interface.number), at, "{name} {}", appearance.id);
                        let addresses: BTreeSet<u8> =
                            interface.alternates.iter().flat_map(|a| &a.endpoints).map(|e| e.0).collect();
                        for address in addresses {
                            assert!(seen.insert(address), "{name} {}: {address:02x} twice", appearance.id);
                            assert!(
                                (1..=15).contains(&(address & 0x0f)),
                                "{name} {}: {address:02x}",
                                appearance.id
                            );
                        }
                    }
                }
            }
        }
        assert!(options("e1234").is_none());
    }

    #[test]
    fn names_are_used_once() {
        let all: Vec<&str> = names().map(|(name, _)| name).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    }
}
