//! Lists of a computer's hardware: `lshw`, `lshw -json`, `inxi`. They name ids only when they are asked for them (`lshw -numeric`, `inxi -x`).
//!
//! lshw speaks the user's language: values are known by their form, and not by what stands before them.

use std::collections::BTreeMap;

use super::number::{bcd, id, string};
use super::usbconfig::maker_named;
use super::web::pairs;
use super::{Attached, Format, NO_ID, PastedDevice, Reader, without_ids};
use crate::stick::{Place, UsbId};

/// Devices without ids of which something is said; more are left out.
const MOST: usize = 64;

/// What stands in the list so far.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    entry: Option<Entry>,
    /// What was told of devices without ids.
    nameless: Vec<String>,
}

/// One device.
#[derive(Debug)]
struct Entry {
    format: Format,
    /// It stands on USB: ids of PCI look the same.
    on_usb: bool,
    ids: Option<UsbId>,
    place: Option<Place>,
    address: Option<(u16, u16)>,
    release: Option<u16>,
    maker: Option<String>,
    model: Option<String>,
    drivers: Vec<String>,
}

impl Entry {
    fn new(format: Format) -> Entry {
        Entry {
            format,
            on_usb: false,
            ids: None,
            place: None,
            address: None,
            release: None,
            maker: None,
            model: None,
            drivers: Vec::new(),
        }
    }

    /// A value of lshw, and what it is called: `usb@1:1.2`, `E353/E3131 [12D1:1F01]`, `driver=option maxpower=500mA`.
    fn lshw(&mut self, name: &str, value: &str) -> bool {
        if let Some(path) = value.strip_prefix("usb@") {
            self.on_usb = true;
            self.place = path.replacen(':', "-", 1).parse().ok();
            return true;
        }
        let driver = value.split_whitespace().find_map(|word| word.strip_prefix("driver="));
        if let Some(driver) = driver.or(Some(value).filter(|_| name == "driver")) {
            self.drivers.extend(string(driver).filter(|_| self.drivers.len() < MOST));
            return true;
        }
        let (words, ids) =
            match value.rsplit_once('[').and_then(|(words, rest)| Some((words, rest.strip_suffix(']')?))) {
                Some((words, ids)) if ids.parse::<UsbId>().is_ok() => {
                    // Those of what is listed behind it are not its own.
                    self.ids = self.ids.or(ids.parse().ok());
                    (words, true)
                }
                Some((words, vendor)) if id(vendor).is_some() => {
                    self.maker = string(words);
                    return true;
                }
                _ => (value, false),
            };
        match name {
            _ if ids => self.model = self.model.take().or(string(words)),
            "product" => self.model = string(value),
            "vendor" => self.maker = string(value),
            "version" => self.release = bcd(value),
            _ => return false,
        }
        true
    }

    /// Keys of inxi and their values, in any order.
    fn inxi(&mut self, text: &str) {
        let text = text.replace("bus ID:", "bus-ID:").replace("chip ID:", "chip-ID:");
        let (mut key, mut words) = (String::new(), Vec::new());
        for word in text.split_whitespace().chain([":"]) {
            let Some(next) = word.strip_suffix(':') else {
                words.push(word);
                continue;
            };
            self.inxi_field(&key, &words.join(" "));
            words.clear();
            next.clone_into(&mut key);
        }
    }

    fn inxi_field(&mut self, key: &str, value: &str) {
        match key {
            "type" => self.on_usb |= value.contains("USB"),
            "bus-ID" => self.stands_at(value),
            "chip-ID" | "usb-ID" => {
                self.on_usb |= key == "usb-ID";
                self.ids = value.parse().ok();
            }
            "driver" => {
                let names = value.split([',', ' ']).filter_map(string);
                self.drivers.extend(names.take(MOST.saturating_sub(self.drivers.len())));
            }
            "info" => self.model = string(value),
            _ if is_head(key) => match value.contains('-') && place_of(value).is_some() {
                true => self.stands_at(value),
                false => self.model = string(value),
            },
            _ => {}
        }
    }

    /// `1-1.2:5`, and `001-005` of old versions: bus, ports and address; `03:00.0` is one of PCI.
    fn stands_at(&mut self, value: &str) {
        if let Some((place, address)) = place_of(value) {
            self.on_usb = true;
            self.address =
                place.as_str().split('-').next().and_then(|bus| bus.parse().ok()).zip(Some(address));
            self.place = Some(place);
        } else if let Some((bus, address)) = value.split_once('-').filter(|_| value.len() == 7) {
            self.address = bus.parse().ok().zip(address.parse().ok());
            self.on_usb |= self.address.is_some();
        }
    }
}

fn place_of(value: &str) -> Option<(Place, u16)> {
    let (place, address) = value.split_once(':')?;
    Some((place.parse().ok()?, address.parse().ok()?))
}

/// `Device-2`, `Card-1`, `Hub-3`
fn is_head(key: &str) -> bool {
    let numbered = key.split_once('-').filter(|(kind, _)| ["Device", "Card", "Hub"].contains(kind));
    numbered.is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// `*-usb:0`, `*-network DISABLED`, of which the star is gone as a page's mark.
fn begins_block(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('-') else { return false };
    let (name, state) = rest.split_once(' ').unwrap_or((rest, ""));
    let (name, number) = name.split_once(':').unwrap_or((name, ""));
    let is_word =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    is_word(name)
        && number.bytes().all(|b| b.is_ascii_digit())
        && matches!(state, "" | "DISABLED" | "UNCLAIMED")
}

impl Reader {
    pub(super) fn inventory_line(&mut self, text: &str) -> bool {
        let mut words = text.split_whitespace();
        // `Network:   Card-1: ..` and `Device-1: ..`
        let head = words.by_ref().take(2).find(|word| word.strip_suffix(':').is_some_and(is_head));
        if let Some(head) = head {
            self.end_inventory();
            let mut entry = Entry::new(Format::Inxi);
            entry.inxi(&text[text.find(head).unwrap_or_default()..]);
            self.inventory.entry = Some(entry);
            return true;
        }
        if begins_block(text) {
            self.end_inventory();
            self.inventory.entry = Some(Entry::new(Format::Lshw));
            return true;
        }
        let is_json = text.starts_with('"');
        if is_json && pairs(text).any(|(key, _)| key == "id") {
            self.end_inventory();
            self.inventory.entry = Some(Entry::new(Format::Lshw));
            return false;
        }
        let Some(entry) = &mut self.inventory.entry else { return false };
        match entry.format {
            Format::Inxi => {
                let goes_on =
                    ["bus-ID:", "bus ID:", "chip-ID:", "chip ID:", "usb-ID:", "driver:", "info:", "type:"];
                let is_more = !text.starts_with("IF:") && goes_on.iter().any(|key| text.contains(key));
                if is_more {
                    entry.inxi(text);
                }
                is_more
            }
            _ if is_json => pairs(text).fold(false, |told, (name, value)| entry.lshw(name, value) || told),
            _ => text.split_once(": ").is_some_and(|(name, value)| entry.lshw(name, value.trim())),
        }
    }

    /// The list ends, or goes on with another device.
    pub(super) fn end_inventory(&mut self) {
        let Some(entry) = self.inventory.entry.take().filter(|entry| entry.on_usb) else { return };
        let Some(ids) = entry.ids.filter(|ids| *ids != NO_ID) else {
            self.inventory.without_ids(&entry);
            return;
        };
        let at = |d: &PastedDevice| match (&d.place, d.address) {
            (Some(place), _) if entry.place.is_some() => Some(place) == entry.place.as_ref(),
            (_, Some(address)) if entry.address.is_some() => Some(address) == entry.address,
            _ => true,
        };
        let index = self.devices.iter().position(|d| d.id == ids && at(d));
        let Some(index) = index.or_else(|| self.add(PastedDevice::new(ids))) else { return };
        let device = &mut self.devices[index];
        device.is_in(entry.format);
        device.place = device.place.take().or(entry.place);
        device.address = device.address.or(entry.address);
        device.release = device.release.or(entry.release);
        match entry.format {
            // The list of ids gave the name.
            Format::Inxi => device.listed_as = device.listed_as.take().or(entry.model),
            _ => {
                device.manufacturer = device.manufacturer.take().or(entry.maker);
                device.product = device.product.take().or(entry.model);
            }
        }
        if !entry.drivers.is_empty() {
            device.remark(&format!(
                "its drivers, of interfaces that are not told: {}",
                entry.drivers.join(", ")
            ));
        }
    }

    /// What the list told of devices without ids, where nothing else tells of one.
    pub(super) fn finish_inventory(&mut self) {
        self.end_inventory();
        if !self.inventory.nameless.is_empty() && self.devices.iter().all(|d| d.id == NO_ID) {
            self.nameless.append(&mut self.inventory.nameless);
            self.nameless
                .push("what `lshw -numeric`, `inxi -Nxxx` or `lsusb` prints has the ids: add it".to_owned());
        }
    }
}

impl Inventory {
    fn without_ids(&mut self, entry: &Entry) {
        let of = |driver: &String| Attached { driver: Some(Some(driver.clone())), ..Attached::default() };
        let drivers: BTreeMap<u8, Attached> = (0..).zip(entry.drivers.iter().map(of)).collect();
        let at = entry.place.as_ref().map(|place| format!(" at {place}")).unwrap_or_default();
        let names = [&entry.maker, &entry.model];
        let maker = names.into_iter().flatten().find_map(|name| maker_named(name));
        let model = entry.model.as_deref().map(|model| format!(" ({model})")).unwrap_or_default();
        let told = maker.map(|maker| format!("a device of {maker}, a maker of modems, is there{at}{model}"));
        for told in without_ids::evidence(entry.place.as_ref(), &drivers).into_iter().chain(told) {
            if self.nameless.len() < MOST && !self.nameless.contains(&told) {
                self.nameless.push(told);
            }
        }
    }
}
