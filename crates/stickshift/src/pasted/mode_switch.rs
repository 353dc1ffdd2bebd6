//! What usb_modeswitch writes with `-W`, and its dispatcher to the journal: which devices it found, which it chose, what that calls itself.

use super::number::{self, string};
use super::{Format, MOST_DEVICES, PastedDevice, Reader};
use crate::stick::UsbId;

/// What is between two lines.
#[derive(Debug, Default)]
pub(super) struct ModeSwitch {
    /// It looks for what the device becomes, not for the one that is to be switched.
    after: bool,
    /// The device that was listed last.
    listed: Option<UsbId>,
    /// The one that is to be switched.
    chosen: Option<usize>,
    /// The next lines are texts of that device.
    texts: bool,
    /// What was switched, and what it became.
    became: Vec<(UsbId, UsbId)>,
    /// What something became of which the text tells later.
    now: Option<UsbId>,
    /// DefaultVendor and DefaultProduct, TargetVendor and TargetProduct of its parameters.
    default: [Option<u16>; 2],
    target: [Option<u16>; 2],
    /// The dispatcher shows what the system knows of the device: its ids so far.
    sysfs: Option<[Option<u16>; 2]>,
    /// What the device calls itself, where that stands before its ids.
    texts_before: [Option<String>; 2],
    /// The ids whose settings the dispatcher looked at last.
    checked: Option<UsbId>,
    /// It found nothing to switch; the ids that it looked for.
    found_none: Option<Option<UsbId>>,
    /// Its log begins in the text.
    is_log: bool,
    /// The text has a message, as a file of settings does.
    has_message: bool,
}

/// What it says when it found what it waited for.
const SUCCEEDED: &[&str] = &[
    "Mode switch succeeded",
    "Mode switching was successful",
    "Found correct target device",
    "Found in target mode",
];

/// What stands in the text when the device took the message, and what it became is not told.
const LEFT: &str =
    "usb_modeswitch sent its message and the device left: what it became is not in this part of the text";

/// What stands in the text when the program says what it was told to look for, and ends there.
const ENDS_EARLY: &str = "usb_modeswitch was told to look for it; the text ends before it says what it found";
/// What it writes before it looks at any device.
const OPENINGS: &[&str] = &[
    "usb_modeswitch: handle USB devices",
    "usb-modeswitch: handle USB devices",
    "usb_modeswitch: tool for controlling",
    "PLEASE REPORT NEW CONFIGURATIONS",
    "Taking all parameters from the command line",
    "Reading config file:",
    "usb_set_debug: Setting debugging level",
];
/// What stands in a text that has settings of its own.
const OWN_MESSAGE: &str = "the text holds a switch message of its own, and nothing above was taken from it: put its lines from DefaultVendor or TargetVendor on into a file that is named after its ids, then stickshift profile check FILE";

/// Its dispatcher does not name the ids in every version.
const LOG_ALONE: &str =
    "it is a log of usb_modeswitch without the ids of the stick: add what `lsusb` and `dmesg` print";

/// Lines after which the other devices are those that it may have become; those of 1.x and 2.x.
const AFTER: &[&str] = &[
    "Looking for target devices",
    "Look for target devices",
    "Search for target devices",
    "Searching for target devices",
];
/// It looked for what it is to switch, and that is not there.
const FOUND_NONE: &str = "no devices in default mode found";
/// What the dispatcher looks at, before its ids.
const CHECKS: &[&str] = &["Check config:", "checking config:", "Checking config:"];
const BEFORE: &[&str] = &["Looking for default devices", "Look for default devices"];

impl ModeSwitch {
    fn turned(&mut self, before: UsbId, now: UsbId) {
        if self.became.len() < MOST_DEVICES && !self.became.contains(&(before, now)) {
            self.became.push((before, now));
        }
    }
}

impl Reader {
    pub(super) fn mode_switch_line(&mut self, text: &str) -> bool {
        let has = |all: &[&str]| all.iter().any(|words| text.contains(words));
        if has(AFTER) || has(BEFORE) {
            self.mode_switch.after = has(AFTER);
            return true;
        }
        if let Some((id, rest)) =
            text.split_once("Found device: ").and_then(|(_, rest)| rest.split_once(" ("))
        {
            return self.found_by_usbmode(id, rest);
        }
        if has(OPENINGS) {
            self.mode_switch.is_log = true;
            return true;
        }
        if self.parameter(text) || self.sysfs(text) || self.dispatched(text) {
            return true;
        }
        if text.to_ascii_lowercase().contains(FOUND_NONE) {
            self.mode_switch.found_none = Some(whole(self.mode_switch.default));
            return true;
        }
        if let Some((_, rest)) = text.split_once("found USB ID ") {
            self.mode_switch.listed = leading_id(rest);
            // Those that it looks through for the second time are known, or are what it became.
            if let (Some(id), false) = (self.mode_switch.listed, self.mode_switch.after) {
                let _ = self.only(id, Format::ModeSwitch);
            }
            return true;
        }
        if has(&["found matching product ID", "product ID matched"]) {
            // Without -W it does not name what it looks at.
            let ids = if self.mode_switch.after { self.mode_switch.target } else { self.mode_switch.default };
            let Some(id) = self.mode_switch.listed.or(whole(ids)) else { return true };
            if self.mode_switch.after {
                self.became(id);
            } else {
                self.choose(id);
            }
            return true;
        }
        let after = |words: &str| text.split_once(words).map(|(_, rest)| rest);
        let of_dispatcher = |words| after(words).filter(|_| text.contains("usb_modeswitch"));
        let became = text
            .strip_prefix("ok:")
            .or_else(|| after("Mode switching was successful, found "))
            .or_else(|| of_dispatcher(": switched to "));
        // Where it failed, this is no id: ffffffff.
        if let Some(id) = became.and_then(leading_id) {
            self.became(id);
            return true;
        }
        // `switch device 12d1:1f01 on 001/004`; 1.x wrote `usb_modeswitch: switching 12d1:1446 (HUAWEI: HUAWEI Mobile)`.
        let switches = after("switch device ").or_else(|| of_dispatcher(": switching "));
        if let Some((rest, id)) = switches.and_then(|rest| Some((rest, leading_id(rest)?))) {
            let index = self.choose(id);
            let place = rest.split_once(" on ").and_then(|(_, place)| address(place));
            if let Some(device) = index.and_then(|i| self.devices.get_mut(i)) {
                device.address = device.address.or(place);
            }
            return true;
        }
        let succeeded = has(SUCCEEDED) || matches!(text, "ok:no_data" | "ok:busdev");
        let known = self.mode_switch.chosen.and_then(|index| self.devices.get(index)).map(|device| device.id);
        if let Some(id) = known.filter(|_| succeeded) {
            let told = self.mode_switch.became.iter().any(|(before, _)| *before == id);
            match whole(self.mode_switch.target).filter(|_| !told) {
                Some(target) => self.became(target),
                None if !told => self.left(),
                None => {}
            }
            return true;
        }
        let Some(device) = self.mode_switch.chosen.and_then(|index| self.devices.get_mut(index)) else {
            return succeeded;
        };
        // `Access device 004 on bus 001`
        if let Some((number, bus)) =
            text.strip_prefix("Access device ").and_then(|r| r.split_once(" on bus "))
        {
            device.address = device.address.or(bus.trim().parse().ok().zip(number.trim().parse().ok()));
            return true;
        }
        if has(&["Device is gone, skip", "Original device vanished after switching"]) {
            device.left = true;
            return true;
        }
        if text.starts_with("USB description data") {
            self.mode_switch.texts = true;
            return true;
        }
        let named = text.split_once(':').filter(|_| self.mode_switch.texts);
        match named.map(|(name, value)| (name.trim(), string(value))) {
            Some(("Manufacturer", value)) => device.manufacturer = device.manufacturer.take().or(value),
            Some(("Product", value)) => device.product = device.product.take().or(value),
            Some(("Serial No.", _)) => self.mode_switch.texts = false,
            _ => return false,
        }
        true
    }

    /// OpenWrt's `usbmode -l`: `Found device: 1c9e:f000 (Manufacturer: "USB Modem", Product: "USB Modem", Serial: "1")`
    fn found_by_usbmode(&mut self, id: &str, rest: &str) -> bool {
        let index = id.parse().ok().and_then(|id| self.only(id, Format::UsbMode));
        let Some(device) = index.and_then(|index| self.devices.get_mut(index)) else { return false };
        let value = |name: &str| rest.split_once(name)?.1.split('"').next().and_then(string);
        device.manufacturer = device.manufacturer.take().or(value("Manufacturer: \""));
        device.product = device.product.take().or(value("Product: \""));
        true
    }

    /// The device with these ids is the one that is switched.
    fn choose(&mut self, id: UsbId) -> Option<usize> {
        let index = self.only(id, Format::ModeSwitch);
        self.mode_switch.chosen = index;
        let [manufacturer, product] = std::mem::take(&mut self.mode_switch.texts_before);
        if let Some(device) = index.and_then(|index| self.devices.get_mut(index)) {
            device.manufacturer = device.manufacturer.take().or(manufacturer);
            device.product = device.product.take().or(product);
        }
        if let Some(now) = self.mode_switch.now.take().filter(|now| *now != id) {
            self.mode_switch.turned(id, now);
        }
        index
    }

    fn left(&mut self) {
        let device = self.mode_switch.chosen.and_then(|index| self.devices.get_mut(index));
        device.into_iter().for_each(|device| device.left = true);
    }

    /// `TargetProduct= 0x14dc`, as it repeats its parameters.
    fn parameter(&mut self, text: &str) -> bool {
        let Some((name, value)) = text.split_once('=') else { return false };
        let seen = &mut self.mode_switch;
        let slot = match name.trim() {
            "MessageContent" => {
                let message = value.trim().trim_matches('"');
                seen.has_message |= message.len() > 7 && message.bytes().all(|b| b.is_ascii_hexdigit());
                return true;
            }
            "DefaultVendor" => &mut seen.default[0],
            "DefaultProduct" => &mut seen.default[1],
            "TargetVendor" => &mut seen.target[0],
            "TargetProduct" => &mut seen.target[1],
            _ => return false,
        };
        *slot = number::id(value);
        true
    }

    /// The dispatcher's block of what the system knows of the device.
    fn sysfs(&mut self, text: &str) -> bool {
        if text.starts_with("USB_ModeSwitch log from ") {
            self.mode_switch.is_log = true;
            return true;
        }
        if text.starts_with("USB values from sysfs") {
            self.mode_switch.sysfs = Some([None; 2]);
            return true;
        }
        let Some(mut ids) = self.mode_switch.sysfs else { return false };
        let Some((name, value)) = text.split_once(char::is_whitespace) else {
            self.mode_switch.sysfs = None;
            return false;
        };
        match name {
            "idVendor" => ids[0] = number::id(value),
            "idProduct" => ids[1] = number::id(value),
            "manufacturer" | "product" => {
                let device = whole(ids).and(self.mode_switch.chosen).and_then(|i| self.devices.get_mut(i));
                let [maker, model] = &mut self.mode_switch.texts_before;
                let text = match (name, device) {
                    ("product", Some(device)) => &mut device.product,
                    (_, Some(device)) => &mut device.manufacturer,
                    ("product", None) => model,
                    (_, None) => maker,
                };
                *text = text.take().or_else(|| string(value));
            }
            "serial" | "bNumConfigurations" => {}
            _ => {
                self.mode_switch.sysfs = None;
                return false;
            }
        }
        self.mode_switch.sysfs = Some(ids);
        if let (Some(id), true) = (whole(ids), name == "idProduct") {
            self.choose(id);
        }
        true
    }

    /// The dispatcher found settings for the ids of the device, or calls the program for it.
    fn dispatched(&mut self, text: &str) -> bool {
        if let Some(path) = CHECKS.iter().find_map(|words| text.strip_prefix(words)) {
            let ids = path.rsplit('/').next().and_then(leading_id);
            self.mode_switch.checked = ids;
            return ids.is_some();
        }
        if text.starts_with("! matched") {
            let ids = self.mode_switch.checked.take();
            return ids.and_then(|ids| self.choose(ids)).is_some();
        }
        let Some((_, options)) = text.split_once("usb_modeswitch ") else { return false };
        let words: Vec<&str> = options.split_whitespace().collect();
        let value = |option: &str| words.windows(2).find(|pair| pair[0] == option).map(|pair| pair[1]);
        let ids = ["-v", "-p"].map(|option| value(option).and_then(number::id));
        let Some(id) = whole(ids) else { return false };
        self.mode_switch.default = ids;
        // Who types it need not have the device; the dispatcher tells where it is.
        let address = ["-b", "-g"].map(|option| value(option).and_then(|number| number.parse().ok()));
        if let [Some(bus), Some(number)] = address {
            let index = self.choose(id);
            if let Some(device) = index.and_then(|i| self.devices.get_mut(i)) {
                device.address = device.address.or(Some((bus, number)));
            }
            return true;
        }
        false
    }

    /// What was chosen has these ids now.
    fn became(&mut self, id: UsbId) {
        let chosen =
            self.mode_switch.chosen.and_then(|index| self.devices.get(index)).map(|device| device.id);
        if self.only(id, Format::ModeSwitch).is_some()
            && let Some(before) = chosen.filter(|before| *before != id)
        {
            self.mode_switch.turned(before, id);
        } else if chosen.is_none() {
            self.mode_switch.now = Some(id);
        }
    }

    /// Takes out what became another device. Where nothing tells what it became, that stands in the remarks.
    pub(super) fn join_switched(&mut self, failed: bool) {
        for (before, now) in std::mem::take(&mut self.mode_switch.became) {
            let own = |d: &PastedDevice| {
                d.id == before && d.place.is_none() && d.attached.is_empty() && d.configurations.is_empty()
            };
            self.devices.retain(|device| !own(device));
            if let Some(device) = self.devices.iter_mut().find(|device| device.id == now)
                && !device.earlier.contains(&before)
            {
                device.earlier.insert(0, before);
            }
        }
        self.drop_those_only_listed();
        if let Some(wanted) = self.mode_switch.found_none {
            let what = wanted.map_or_else(|| "nothing".to_owned(), |id| format!("no {id}"));
            self.said.push(format!(
                "usb_modeswitch found {what} to switch: it is not plugged in, or is switched already"
            ));
        }
        let seen = &self.mode_switch;
        if let Some(id) = whole(seen.default).filter(|_| seen.is_log && self.devices.is_empty())
            && self.mode_switch.found_none.is_none()
            && let Some(index) = self.only(id, Format::ModeSwitch)
        {
            self.devices[index].remark(ENDS_EARLY);
        }
        if self.mode_switch.has_message && !self.mode_switch.is_log && !self.devices.is_empty() {
            self.said.push(OWN_MESSAGE.to_owned());
        }
        if self.mode_switch.is_log && self.devices.is_empty() {
            self.nameless.push(LOG_ALONE.to_owned());
        }
        for device in &mut self.devices {
            device.left &= !failed;
            if device.left {
                device.remark(LEFT);
            }
        }
    }

    /// usb_modeswitch lists every device by its ids alone: those that another program tells more of are there already.
    fn drop_those_only_listed(&mut self) {
        let is_only_listed = |d: &PastedDevice| {
            let (formats, earlier) = (vec![Format::ModeSwitch], d.earlier.clone());
            *d == PastedDevice { formats, earlier, ..PastedDevice::new(d.id) }
        };
        let (listed, mut told): (Vec<_>, Vec<_>) = self.devices.drain(..).partition(is_only_listed);
        let mut alone = Vec::new();
        for device in listed {
            match told.iter_mut().find(|d| d.id == device.id) {
                Some(same) if same.earlier.is_empty() => same.earlier = device.earlier,
                Some(_) => {}
                None => alone.push(device),
            }
        }
        told.append(&mut alone);
        self.devices = told;
    }

    /// The device that usb_modeswitch says a stick became, where it does not tell where that stands, and there is one such.
    pub(super) fn only_switched(&self) -> Option<usize> {
        let is_it = |d: &PastedDevice| {
            d.address.is_none() && self.mode_switch.became.iter().any(|(_, now)| *now == d.id)
        };
        let mut all = (0..self.devices.len()).filter(|index| is_it(&self.devices[*index]));
        all.next().filter(|_| all.next().is_none())
    }

    /// Takes out what usb_modeswitch switched at one of these addresses, when the log says that it left: its ids.
    pub(super) fn take_switched(&mut self, left: &[(u16, u16)], now: UsbId) -> Option<UsbId> {
        let is_it = |d: &PastedDevice| {
            d.formats == [Format::ModeSwitch]
                && d.id != now
                && d.address.is_some_and(|address| left.contains(&address))
        };
        let index = self.devices.iter().position(is_it)?;
        Some(self.devices.remove(index).id)
    }

    /// The device with these ids, of a text that tells nothing else of where it stands; a new one where there is none.
    pub(super) fn only(&mut self, id: UsbId, format: Format) -> Option<usize> {
        let index = match self.devices.iter().position(|device| device.id == id) {
            Some(index) => index,
            None => self.add(PastedDevice::new(id))?,
        };
        self.devices[index].is_in(format);
        Some(index)
    }
}

fn whole(ids: [Option<u16>; 2]) -> Option<UsbId> {
    ids[0].zip(ids[1]).map(|(vendor, product)| UsbId::new(vendor, product))
}

fn leading_id(text: &str) -> Option<UsbId> {
    text.split(|c: char| !c.is_ascii_hexdigit() && c != ':').next()?.parse().ok()
}

/// `001/004`
fn address(text: &str) -> Option<(u16, u16)> {
    let (bus, number) = text.split(char::is_whitespace).next()?.split_once('/')?;
    Some((bus.parse().ok()?, number.parse().ok()?))
}
