//! `mmcli -m`: for people, with `-K`, or with `-J`. It names no USB ids.

use std::collections::BTreeMap;

use super::hints::managed_port;
use super::number::string;
use crate::stick::identify::{Kind, Names};
use crate::stick::{Mode, Place};

/// Ports of one modem; more are left out.
const MOST_PORTS: usize = 64;
/// Modems of one text; more are left out.
const MOST_MODEMS: usize = 64;
/// mmcli's are of a few kilobytes.
const LONGEST_DOCUMENT: usize = 64 << 10;

/// Who tells of a modem.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Teller {
    /// `mmcli`.
    #[default]
    ModemManager,
    /// The modem, over AT.
    At,
    /// gammu or Asterisk's chan_dongle.
    Program,
    /// A program that speaks QMI or MBIM to it: `qmicli`, `mbimcli`, `uqmi`.
    Control,
    /// The web page of a stick with Huawei's API, or of a router with the same page.
    HuaweiPage,
    /// Another maker's web page.
    OtherPage,
}

/// A modem as ModemManager describes it, or as it answered itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManagedModem {
    /// Its maker, as it says.
    pub manufacturer: Option<String>,
    /// Its model, as it says.
    pub model: Option<String>,
    /// Its firmware.
    pub revision: Option<String>,
    /// Its hardware.
    pub hardware: Option<String>,
    /// IMEI: an identity.
    pub equipment_id: Option<String>,
    /// Where it stands.
    pub place: Option<Place>,
    /// ModemManager's plugin.
    pub plugin: Option<String>,
    /// Kernel drivers.
    pub drivers: Vec<String>,
    /// Names of its ports and what ModemManager takes each for: `at`, `qmi`, `mbim`, `net`, `gps`, `ignored`.
    pub ports: Vec<(String, String)>,
    /// `connected`, `registered`, `locked`, `failed`, ..
    pub state: Option<String>,
    /// Why it failed: `sim-missing`.
    pub failed: Option<String>,
    /// What it is locked by: `sim-pin`.
    pub lock: Option<String>,
    /// How often a wrong PIN is taken before the SIM wants its PUK.
    pub pin_tries: Option<u8>,
    /// Who tells all that.
    pub told_by: Teller,
    /// What it shows on USB by a setting of its own, in words.
    pub shows: Option<String>,
    /// A version that it tells is that of HiLink's web page.
    pub has_page: bool,
    /// ModemManager's number, and whether its list alone tells of it.
    pub(super) number: Option<u32>,
    pub(super) listed: bool,
}

impl ManagedModem {
    /// What it is, as far as its answers tell; of what ModemManager serves, that it is a modem.
    pub fn mode(&self) -> Mode {
        let names = Names {
            product: self.model.as_deref(),
            hardware: self.hardware.as_deref(),
            model: self.model.as_deref(),
        };
        let kind = names.kind(self.revision.as_deref().unwrap_or_default()).map(|rule| rule.kind);
        match (self.told_by, kind) {
            (Teller::HuaweiPage | Teller::OtherPage, _) => Mode::Hilink,
            (Teller::At | Teller::Program | Teller::Control, Some(Kind::Hilink)) => Mode::HilinkSerial,
            (Teller::At, None) if self.has_page => Mode::HilinkSerial,
            _ => Mode::Modem,
        }
    }

    fn is_empty(&self) -> bool {
        // A manufacturer alone may stand in any text.
        let is_locked = self.lock.as_deref().is_some_and(|lock| lock.starts_with("sim-"));
        let is_described = self.model.is_some() && self.state.is_some();
        self.ports.is_empty()
            && self.plugin.is_none()
            && self.equipment_id.is_none()
            && !is_locked
            && !is_described
            && !self.listed
    }
}

/// The state between two lines.
#[derive(Debug, Default)]
pub(super) struct Managed {
    found: Vec<ManagedModem>,
    now: Option<ManagedModem>,
    /// The next lines without a key go on with the ports.
    in_ports: bool,
    /// It said that there is no modem.
    pub(super) saw_none: bool,
    /// What its log tells, by the number of the modem; logs before 1.14 name none.
    logged: BTreeMap<u32, ManagedModem>,
}

impl Managed {
    pub(super) fn line(&mut self, text: &str) -> bool {
        if text.contains("No modems were found") || text.contains("couldn't find modem") {
            self.saw_none = true;
            return true;
        }
        if text.contains("/org/freedesktop/ModemManager1/Modem/") || text.starts_with("modem.dbus-path") {
            self.end();
            let number = number_in(text);
            // One modem, in the list and then in detail.
            self.found.retain(|modem| !(modem.listed && modem.number == number && number.is_some()));
            let now = ManagedModem { number, ..listed(text).unwrap_or_default() };
            let known = |modem: &ManagedModem| modem.number == number && number.is_some();
            self.now = (!now.listed || !self.found.iter().any(known)).then_some(now);
            return true;
        }
        if self.logged(text) {
            return true;
        }
        // `  Hardware |   manufacturer: huawei`
        let (section, field) = text.split_once('|').unwrap_or(("", text));
        let field = field.trim();
        let is_table = text.contains('|');
        let is_keyed = text.starts_with("modem.");
        if !is_table && !is_keyed {
            return false;
        }
        let (key, value) = match field.split_once(':') {
            Some((key, value)) => (key.trim(), value.trim()),
            None if self.in_ports => ("", field),
            None => return false,
        };
        if !section.trim().is_empty() && section.contains("General") {
            self.end();
        }
        let value = value.trim_matches(['\'', '"']);
        let key = key.rsplit("modem.").next().unwrap_or(key);
        self.field(key, value)
    }

    /// A line of its log with debugging: `<debug> [1749212322.926531] [modem0] loaded model: L850`.
    fn logged(&mut self, text: &str) -> bool {
        let number = text.split_once("[modem").map(|(_, rest)| rest.split(['/', ']']).next());
        let number = number.flatten().and_then(|number| number.parse().ok()).unwrap_or(0);
        let loaded = text.split_once("] loaded ").and_then(|(_, rest)| rest.split_once(": "));
        let is_log = text.contains("<debug>") || text.contains("<dbg>");
        let known = self.logged.contains_key(&number) || self.logged.len() < MOST_MODEMS;
        let Some((name, value)) = loaded.filter(|_| is_log && known) else {
            if let Some((port, kind)) = managed_port(text).filter(|_| is_log && known) {
                let ports = &mut self.logged.entry(number).or_default().ports;
                if ports.len() < MOST_PORTS && ports.iter().all(|(known, _)| known != port) {
                    ports.push((port.to_owned(), kind.to_owned()));
                }
            }
            return false;
        };
        // `L850 LTE Module","L850`
        let value = string(value.split('"').find(|part| !part.is_empty()).unwrap_or_default());
        let field = |modem: ManagedModem| match name {
            "manufacturer" => Some(ManagedModem { manufacturer: value, ..modem }),
            "model" => Some(ManagedModem { model: value, ..modem }),
            "revision" => Some(ManagedModem { revision: value, ..modem }),
            "hardware revision" => Some(ManagedModem { hardware: value, ..modem }),
            "equipment identifier" => Some(ManagedModem { equipment_id: value, ..modem }),
            _ => None,
        };
        let told = field(self.logged.get(&number).cloned().unwrap_or_default());
        let is_told = told.is_some();
        self.logged.extend(told.map(|modem| (number, modem)));
        is_told
    }

    fn field(&mut self, key: &str, value: &str) -> bool {
        let value = value.trim();
        let key = key.strip_prefix("generic.").or_else(|| key.strip_prefix("3gpp.")).unwrap_or(key);
        let name = key.split(".value[").next().unwrap_or(key).replace([' ', '_'], "-");
        self.in_ports = match name.as_str() {
            "ports" => true,
            "" => self.in_ports,
            _ => false,
        };
        let now = self.now.get_or_insert_default();
        let told = string(value).filter(|v| !matches!(v.as_str(), "--" | "unknown" | "none"));
        match name.as_str() {
            "manufacturer" => now.manufacturer = told,
            "model" => now.model = told,
            "revision" | "firmware-revision" => now.revision = told,
            "h/w-revision" | "hardware-revision" => now.hardware = told,
            "equipment-id" | "equipment-identifier" | "imei" => {
                now.equipment_id = now.equipment_id.take().or(told);
            }
            "device" | "physdev" => now.place = now.place.take().or_else(|| place_in(value)),
            "plugin" => now.plugin = told,
            "drivers" | "driver" => {
                let names = value.split(',').filter_map(string).filter(|n| n.parse::<u32>().is_err());
                now.drivers.extend(names.take(MOST_PORTS.saturating_sub(now.drivers.len())));
            }
            "ports" | "" => now.add_ports(value),
            "state" => now.state = now.state.take().or(told),
            "failed-reason" | "state-failed-reason" => now.failed = told,
            "lock" | "unlock-required" => now.lock = told,
            "unlock-retries" => now.pin_tries = now.pin_tries.or_else(|| pin_tries(value)),
            _ => return false,
        }
        true
    }

    fn end(&mut self) {
        self.in_ports = false;
        if let Some(modem) = self.now.take().filter(|modem| !modem.is_empty())
            && self.found.len() < MOST_MODEMS
        {
            self.found.push(modem);
        }
    }

    /// Every modem; those of JSON documents where nothing else tells of one.
    pub(super) fn finish(mut self, text: &str) -> Vec<ManagedModem> {
        if self.found.is_empty() {
            for document in documents(text) {
                self.json(&document);
                self.end();
            }
        }
        self.end();
        // What mmcli says of the same modem says more.
        let is_known = |logged: &ManagedModem| self.found.iter().any(|modem| modem.model == logged.model);
        let logged: Vec<ManagedModem> = self.logged.into_values().filter(|m| !is_known(m)).collect();
        self.found.extend(logged.into_iter().filter(|m| m.model.is_some() || m.equipment_id.is_some()));
        self.found
    }

    fn json(&mut self, document: &serde_json::Value) {
        let Some(generic) = document.get("modem").and_then(|m| m.get("generic")) else { return };
        for (key, value) in generic.as_object().into_iter().flatten() {
            match value {
                serde_json::Value::String(value) => {
                    self.field(key, value);
                }
                serde_json::Value::Array(values) => {
                    for value in values.iter().filter_map(serde_json::Value::as_str) {
                        self.field(key, value);
                    }
                }
                _ => {}
            }
        }
    }
}

impl ManagedModem {
    /// `ttyUSB0 (at), wwan0 (net)`
    fn add_ports(&mut self, text: &str) {
        for port in text.split(',') {
            let Some((name, kind)) = port.trim().trim_matches('\'').split_once(" (") else { continue };
            if self.ports.len() < MOST_PORTS
                && let (Some(name), Some(kind)) = (string(name), string(kind.trim_end_matches(')')))
            {
                self.ports.push((name, kind));
            }
        }
    }
}

/// The JSON objects that begin a line, whatever stands around them.
fn documents(text: &str) -> Vec<serde_json::Value> {
    let mut found = Vec::new();
    let mut rest = text;
    while found.len() < MOST_MODEMS {
        let begin = match rest.trim_start().starts_with('{') {
            true => 0,
            false => match rest.find("\n{") {
                Some(at) => at + 1,
                None => break,
            },
        };
        rest = &rest[begin..];
        let mut values = serde_json::Deserializer::from_str(begun(rest)).into_iter::<serde_json::Value>();
        match values.next() {
            Some(Ok(value)) => {
                let is_modem = value.get("modem").is_some_and(|modem| modem.get("generic").is_some());
                found.extend(is_modem.then_some(value));
                rest = &rest[values.byte_offset()..];
            }
            // The next line that begins with a brace.
            _ => rest = rest.trim_start().strip_prefix('{').unwrap_or_default(),
        }
    }
    found
}

/// As much of a text as a document may be long.
fn begun(text: &str) -> &str {
    let end = (0..=LONGEST_DOCUMENT.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// `/org/freedesktop/ModemManager1/Modem/0 [Quectel] RM500U-EA`: 0.
fn number_in(text: &str) -> Option<u32> {
    let digits = text.split_once("/Modem/").map(|(_, rest)| rest).or_else(|| text.rsplit('/').next())?;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

/// The same line of `mmcli -L`: maker and model.
fn listed(text: &str) -> Option<ManagedModem> {
    let (_, rest) = text.split_once("/Modem/")?;
    let (maker, model) = rest.split_once(" [")?.1.split_once(']')?;
    let (manufacturer, model) = (string(maker), string(model));
    model.is_some().then(|| ManagedModem { manufacturer, model, listed: true, ..ManagedModem::default() })
}

/// `/sys/devices/pci0000:00/0000:00:14.0/usb1/1-1.2`: the last part that is a place.
fn place_in(path: &str) -> Option<Place> {
    path.split('/').rev().find_map(|part| part.parse().ok())
}

/// `sim-pin (3), sim-puk (10)`: 3.
fn pin_tries(value: &str) -> Option<u8> {
    let tries = value.split(',').find_map(|one| one.trim().strip_prefix("sim-pin ("))?;
    tries.trim_end_matches(')').parse().ok()
}
