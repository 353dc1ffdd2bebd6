//! Texts that tell of a modem, and never of its ids: lists of ports, `nmcli`, ModemManager's own log.

use std::collections::BTreeSet;

use super::number::string;
use crate::stick::Place;

/// What is looked for in other texts; more is left out.
const MOST: usize = 64;

/// What was told.
#[derive(Debug, Default)]
pub(super) struct Hints {
    /// Ports with the number of their interface, where it is told.
    ports: BTreeSet<(String, Option<u8>)>,
    said: Vec<String>,
}

impl Hints {
    pub(super) fn line(&mut self, text: &str) -> bool {
        if text.contains("/dev/ttyUSB") && text.contains("No such file or directory") {
            self.say("there is no serial port of a modem (ttyUSB)".to_owned());
            return true;
        }
        // `usb-HUAWEI_Technology_HUAWEI_Mobile-if00-port0 -> ../../ttyUSB0`. The name may hold the serial number.
        if let Some((name, node)) = text.split_once(" -> ").filter(|(_, node)| node.starts_with("../../tty"))
            && let Some((_, number)) = name.rsplit_once("-if")
        {
            let number = number.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
            self.port(node.trim_start_matches("../../"), number);
            return true;
        }
        let node = text.rsplit("/dev/").next().filter(|_| text.starts_with("crw")).unwrap_or_default();
        if node.starts_with("ttyUSB") || node.starts_with("ttyACM") {
            self.port(node, None);
            return true;
        }
        let mut words = text.split_whitespace();
        if let (Some(name), Some("gsm")) = (words.next(), words.next()) {
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

    fn port(&mut self, node: &str, interface: Option<u8>) {
        let plain = node.bytes().all(|b| b.is_ascii_alphanumeric());
        if let Some(node) = string(node).filter(|_| plain && self.ports.len() < MOST) {
            // With its interface, it is known better.
            if interface.is_some() || !self.ports.iter().any(|(known, _)| *known == node) {
                self.ports.remove(&(node.clone(), None));
                self.ports.insert((node, interface));
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
            .map(|(node, interface)| match interface {
                Some(number) => format!("{node} (interface {number})"),
                None => node,
            })
            .collect();
        let mut all = self.said;
        if !ports.is_empty() {
            all.push(format!("there are serial ports: {}", ports.join(", ")));
        }
        if !all.is_empty() {
            all.push("what `lsusb` and `usb-devices` print tells more: add it".to_owned());
        }
        all
    }
}
