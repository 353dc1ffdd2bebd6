//! Texts that tell of a modem, and never of its ids: lists of ports, `nmcli`, ModemManager's own log.

use std::collections::BTreeSet;

use super::number::string;
use super::udev::interface_at;
use super::usbconfig::maker_named;
use crate::stick::Place;

/// What is looked for in other texts; more is left out.
const MOST: usize = 64;

/// Elements of the answers of HiLink's web page that nothing else has.
const ELEMENTS: &[&str] = &[
    "DeviceName",
    "WebUIVersion",
    "ConnectionStatus",
    "CurrentNetworkType",
    "WanIPAddress",
    "SesInfo",
    "TokInfo",
];

/// `<DeviceName>E3372</DeviceName>`, and `"DeviceName": "E3372",` of programs that make JSON of it.
fn is_element(text: &str) -> bool {
    let after = |name: &str| text.get(1..)?.strip_prefix(name);
    let ends = |rest: &str| match text.as_bytes()[0] {
        b'<' => rest.starts_with('>'),
        b'"' => rest.starts_with("\":"),
        _ => false,
    };
    ELEMENTS.iter().any(|name| after(name).is_some_and(ends))
}

/// `[modem0/ttyUSB0/at] ..` of ModemManager's debugging: the port, and what it takes it for.
pub(super) fn managed_port(text: &str) -> Option<(&str, &str)> {
    let (_, rest) = text.split_once("[modem")?;
    let mut parts = rest.split(']').next()?.split('/');
    let (number, port, kind) = (parts.next()?, parts.next()?, parts.next()?);
    let plain = number.bytes().all(|b| b.is_ascii_digit()) && port.len() <= 15 && kind.len() <= 8;
    let known = ["ttyUSB", "ttyACM", "cdc-wdm", "wwan"].iter().any(|start| port.starts_with(start));
    (plain && known && parts.next().is_none()).then_some((port, kind))
}

/// `wwan0: <BROADCAST,MULTICAST> mtu 1500 ..` of `ip link`, `wwan0: flags=4305<UP> mtu 1500` and `wwan0     Link encap:Ethernet` of
/// `ifconfig`: names that Linux gives to the network of modems alone.
fn network_interface(text: &str) -> Option<&str> {
    let (name, rest) = text.split_once(": <").or_else(|| text.split_once(": flags=")).or_else(|| {
        let (name, rest) = text.split_once(char::is_whitespace)?;
        rest.trim_start().starts_with("Link encap:").then_some((name, "mtu "))
    })?;
    let of_modems = ["wwan", "wwx", "wwp", "wws", "ppp"].iter().any(|start| name.starts_with(start));
    let plain = name.len() <= 15 && name.bytes().all(|b| b.is_ascii_alphanumeric());
    (of_modems && plain && rest.contains("mtu ")).then_some(name)
}

/// What was told.
#[derive(Debug, Default)]
pub(super) struct Hints {
    /// Ports with the number of their interface and their maker, where those are told.
    ports: BTreeSet<(String, Option<u8>, Option<&'static str>)>,
    said: Vec<String>,
    /// ModemManager's log is in the text.
    manager: bool,
    /// The device that NetworkManager tells of now.
    managed_device: Option<String>,
}

impl Hints {
    pub(super) fn line(&mut self, text: &str) -> bool {
        self.manager |= text.contains("ModemManager[") || text.contains("/probe] probe step");
        if text.contains("/dev/ttyUSB") && text.contains("No such file or directory") {
            self.say("there is no serial port of a modem (ttyUSB)".to_owned());
            return true;
        }
        // `usb-HUAWEI_Technology_HUAWEI_Mobile-if00-port0 -> ../../ttyUSB0`. The name may hold the serial number.
        if let Some((name, node)) = text.split_once(" -> ").filter(|(_, node)| node.starts_with("../../tty"))
            && let Some((_, number)) = name.rsplit_once("-if")
        {
            let number = number.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
            let name = name.rsplit(['/', ' ']).next().and_then(|name| name.strip_prefix("usb-"));
            let node =
                node.trim_start_matches("../../").split(char::is_whitespace).next().unwrap_or_default();
            self.port(node, number, name.and_then(maker_named));
            return true;
        }
        if self.known_program(text) {
            return true;
        }
        // `/sys/bus/usb/devices/2-4:1.0/ttyUSB0`, listed by `ls`
        let mut parts = text.rsplit('/');
        if let (Some(node), Some(interface)) = (parts.next(), parts.next())
            && (node.starts_with("ttyUSB") || node.starts_with("ttyACM"))
            && let Some((_, number)) = interface_at(interface)
        {
            self.port(node, Some(number), None);
            return true;
        }
        // `/dev/ttyUSB0         Huawei E169` of `hwinfo --short`, `ttyACM1 : Ericsson F3507g ..` of a loop over /sys
        let port = text.strip_prefix("/dev/").and_then(|rest| rest.split_once("  "));
        if let Some((node, name)) = port.or_else(|| text.split_once(" : "))
            && node.starts_with("tty")
            && let Some(maker) = maker_named(name.trim_start())
        {
            self.port(node, None, Some(maker));
            return true;
        }
        if let Some(maker) =
            text.strip_prefix("GENERAL.VENDOR:").and_then(|name| maker_named(name.trim_start()))
        {
            self.say(format!("NetworkManager has a network card of {maker}, a maker of modems"));
            return true;
        }
        // `/dev/ttyUSB0  /dev/ttyUSB1`
        let words = || text.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty());
        let nodes = || words().filter_map(|word| word.strip_prefix("/dev/tty"));
        if nodes().count() == words().count() && nodes().all(|node| node.starts_with(['U', 'A'])) {
            words().for_each(|word| self.port(word.trim_start_matches("/dev/"), None, None));
            return words().next().is_some();
        }
        let node = text.rsplit("/dev/").next().filter(|_| text.starts_with("crw")).unwrap_or_default();
        if node.starts_with("ttyUSB") || node.starts_with("ttyACM") {
            self.port(node, None, None);
            return true;
        }
        let mut words = text.split_whitespace();
        let (name, next) = (words.next(), words.next());
        // Before `GENERAL.TYPE:  gsm`
        if let (Some("GENERAL.DEVICE:"), Some(device)) = (name, next) {
            self.managed_device = string(device);
            return true;
        }
        if let (Some(name), Some("gsm")) = (name, next) {
            let device = self.managed_device.take().filter(|_| name == "GENERAL.TYPE:");
            let name = device.unwrap_or_else(|| name.to_owned());
            self.say(format!("NetworkManager knows a modem ({name})"));
            return true;
        }
        let quoted = |after: &str| text.split_once(after).and_then(|(_, rest)| rest.split('\'').next());
        let place = || -> Option<Place> {
            text.split(['/', ']', '\'', ':']).rev().find_map(|part| part.parse().ok())
        };
        let at = || place().map(|place| format!(" at {place}")).unwrap_or_default();
        if let Some(plugin) = quoted("creating modem with plugin '") {
            self.say(format!("ModemManager made a modem of the device{}, by its plugin {plugin}", at()));
            return true;
        }
        if text.contains("not supported by any plugin") {
            // It tells the same of controllers, cards and whatever else has a port.
            let device = quoted("device '").and_then(|path| path.rsplit('/').next());
            if let Some(place) = device.and_then(|name| name.parse::<Place>().ok()) {
                self.say(format!("ModemManager has no plugin for the device at {place}"));
            }
            return true;
        }
        false
    }

    /// What other programs print, known by its form.
    fn known_program(&mut self, text: &str) -> bool {
        let word = text.split_whitespace().find(|word| word.contains('['));
        let program = word.and_then(|word| word.split('[').next()).unwrap_or_default();
        let told = match program {
            "pppd" | "chat" => Some("it is a log of a dial-up connection (pppd, chat)"),
            _ if text.starts_with("--> WvDial") => Some("it is a log of a dial-up connection (wvdial)"),
            _ if text.contains("SENDING frame") || text.contains("RECEIVED frame") => {
                Some("it is a log of gammu, which talks to a modem or a telephone")
            }
            _ if text.starts_with("u3g") && text.contains(": Found ") => {
                Some("FreeBSD's driver u3g serves a modem; `usbconfig dump_device_desc` shows its ids")
            }
            _ if is_element(text) => {
                Some("it is an answer of a HiLink stick's web page, or of a router with the same page")
            }
            _ => None,
        };
        told.into_iter().for_each(|told| self.say(told.to_owned()));
        // `Found a modem on /dev/ttyUSB1.`, `ttyUSB1<*1>: Modem Identifier: ATI -- Manufacturer: ZTE INCORPORATED`
        if let Some(port) = text.strip_prefix("Found a modem on /dev/").and_then(string) {
            self.say(format!(
                "wvdialconf found a modem on {}: AT commands work there",
                port.trim_end_matches('.')
            ));
            return true;
        }
        let identifier = text.split_once("Modem Identifier: ").and_then(|(_, name)| name.rsplit(": ").next());
        if let Some(maker) = identifier.and_then(maker_named) {
            self.say(format!("a modem of {maker} answered wvdialconf"));
            return true;
        }
        if let Some((port, kind)) = managed_port(text) {
            self.say(format!("ModemManager uses the port {port} ({kind}) of a modem"));
            return true;
        }
        if let Some(name) = network_interface(text) {
            self.say(format!("there is a network interface {name}, as modems have"));
            return true;
        }
        told.is_some()
    }

    /// A program talked over QMI or MBIM, and asked nothing that names the modem.
    pub(super) fn talked_over_control(&mut self) {
        self.say(
            "a modem was asked over QMI or MBIM (qmicli, mbimcli or uqmi), and not for its name".to_owned(),
        );
    }

    /// A device that has a name and no ids.
    pub(super) fn named(&mut self, name: &str) {
        if let Some(maker) = maker_named(name) {
            self.say(format!(
                "a device of {maker}, a maker of modems, is there; `usbconfig dump_device_desc` shows its ids"
            ));
        }
    }

    /// Port, interface and maker of those of which all three are told.
    pub(super) fn links(&self) -> Vec<(String, u8, &'static str)> {
        let all = self.ports.iter();
        all.filter_map(|(node, interface, maker)| Some((node.clone(), (*interface)?, (*maker)?))).collect()
    }

    fn port(&mut self, node: &str, interface: Option<u8>, maker: Option<&'static str>) {
        let plain = node.bytes().all(|b| b.is_ascii_alphanumeric());
        if let Some(node) = string(node).filter(|_| plain && self.ports.len() < MOST) {
            // With its interface, it is known better.
            if interface.is_some() || !self.ports.iter().any(|(known, ..)| *known == node) {
                self.ports.remove(&(node.clone(), None, None));
                self.ports.insert((node, interface, maker));
            }
        }
    }

    fn say(&mut self, what: String) {
        if self.said.len() < MOST && !self.said.contains(&what) {
            self.said.push(what);
        }
    }

    /// One line each, with what is missing.
    pub(super) fn finish(self) -> Vec<String> {
        let ports: Vec<String> = self
            .ports
            .into_iter()
            .map(|(node, interface, maker)| {
                let number = interface.map(|number| format!(" (interface {number})")).unwrap_or_default();
                let maker = maker.map(|maker| format!(" of {maker}")).unwrap_or_default();
                format!("{node}{number}{maker}")
            })
            .collect();
        let mut all = self.said;
        if all.is_empty() && ports.is_empty() && self.manager {
            all.push("it is a log of ModemManager, and names no modem".to_owned());
        }
        if !ports.is_empty() {
            all.push(format!("there are serial ports: {}", ports.join(", ")));
        }
        if !all.is_empty() {
            all.push("what `lsusb` and `usb-devices` print tells more: add it".to_owned());
        }
        all
    }
}
