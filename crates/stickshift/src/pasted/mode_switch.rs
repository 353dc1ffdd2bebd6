//! What usb_modeswitch writes with `-W`, and its dispatcher to the journal: which devices it found, which it chose, what that calls itself.

use super::number::string;
use super::{Format, PastedDevice, Reader};
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
}

/// What stands in the text when the device took the message, and what it became is not told.
const LEFT: &str =
    "usb_modeswitch sent its message and the device left: what it became is not in this part of the text";

/// Lines after which the other devices are those that it may have become; those of 1.x and 2.x.
const AFTER: &[&str] =
    &["Looking for target devices", "Look for target devices", "Search for target devices"];
const BEFORE: &[&str] = &["Looking for default devices", "Look for default devices"];

impl Reader {
    pub(super) fn mode_switch_line(&mut self, text: &str) -> bool {
        let has = |all: &[&str]| all.iter().any(|words| text.contains(words));
        if has(AFTER) || has(BEFORE) {
            self.mode_switch.after = has(AFTER);
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
            let Some(id) = self.mode_switch.listed else { return true };
            if self.mode_switch.after {
                self.became(id);
            } else {
                self.mode_switch.chosen = self.only(id, Format::ModeSwitch);
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
            let index = self.only(id, Format::ModeSwitch);
            self.mode_switch.chosen = index;
            let place = rest.split_once(" on ").and_then(|(_, place)| address(place));
            if let Some(device) = index.and_then(|i| self.devices.get_mut(i)) {
                device.address = device.address.or(place);
            }
            return true;
        }
        let Some(device) = self.mode_switch.chosen.and_then(|index| self.devices.get_mut(index)) else {
            return false;
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

    /// What was chosen has these ids now.
    fn became(&mut self, id: UsbId) {
        let chosen =
            self.mode_switch.chosen.and_then(|index| self.devices.get(index)).map(|device| device.id);
        if self.only(id, Format::ModeSwitch).is_some()
            && let Some(before) = chosen.filter(|before| *before != id)
        {
            self.mode_switch.became.push((before, id));
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
        for device in &mut self.devices {
            device.left &= !failed;
            if device.left {
                device.remark(LEFT);
            }
        }
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

fn leading_id(text: &str) -> Option<UsbId> {
    text.split(|c: char| !c.is_ascii_hexdigit() && c != ':').next()?.parse().ok()
}

/// `001/004`
fn address(text: &str) -> Option<(u16, u16)> {
    let (bus, number) = text.split(char::is_whitespace).next()?.split_once('/')?;
    Some((bus.parse().ok()?, number.parse().ok()?))
}
