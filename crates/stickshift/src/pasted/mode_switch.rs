//! What usb_modeswitch writes with `-W`, and its dispatcher to the journal: which devices it found, which it chose, what that calls itself.

use super::number::string;
use super::{Format, PastedDevice, Reader};
use crate::stick::UsbId;

/// What is between two lines.
#[derive(Debug, Default)]
pub(super) struct ModeSwitch {
    /// The device that was listed last.
    listed: Option<usize>,
    /// The one that is to be switched.
    chosen: Option<usize>,
    /// The next lines are texts of that device.
    texts: bool,
}

/// What stands in the text when the device took the message, and what it became is not told.
const LEFT: &str =
    "usb_modeswitch sent its message and the device left: what it became is not in this part of the text";

impl Reader {
    pub(super) fn mode_switch_line(&mut self, text: &str) -> bool {
        if let Some((_, rest)) = text.split_once("found USB ID ") {
            self.mode_switch.listed = leading_id(rest).and_then(|id| self.only(id, Format::ModeSwitch));
            return true;
        }
        if text.contains("found matching product ID") {
            self.mode_switch.chosen = self.mode_switch.listed;
            return true;
        }
        // `switch device 12d1:1f01 on 001/004`
        if let Some((id, place)) =
            text.split_once("switch device ").and_then(|(_, rest)| rest.split_once(" on "))
            && let Some(id) = leading_id(id)
        {
            let index = self.only(id, Format::ModeSwitch);
            if let (Some(device), Some(address)) =
                (index.and_then(|i| self.devices.get_mut(i)), address(place))
            {
                device.address = device.address.or(Some(address));
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
        if text.contains("Device is gone, skipping") {
            device.remark(LEFT);
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
