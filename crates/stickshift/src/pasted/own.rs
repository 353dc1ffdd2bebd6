//! stickshift's own report: what it says of the computer and of each stick beyond the lines of `usb-devices`, and what of it is damaged.

use super::number::{bcd, byte, hex, id, leading, string, word};
use super::usb_devices::{self, Fields};
use super::{NO_ID, Reader, sections};
use crate::stick::{Place, UsbId};

/// The number of the form that is read here.
const FORMAT: &str = "1";
/// The last line.
const END: &str = "== end ==";
/// More damage is not told one by one.
const MOST_DAMAGE: usize = 32;
/// No driver's name and no text of a damaged line is shown longer.
const LONGEST_SHOWN: usize = 80;

/// What a report says of the computer, and what of the report is missing or cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnReport {
    /// The program that wrote it.
    pub program: Option<String>,
    /// The operating system.
    pub system: Option<String>,
    /// Drivers for sticks that the system has.
    pub drivers: Option<Vec<String>>,
    /// Those that it has not.
    pub missing_drivers: Option<Vec<String>>,
    /// What is cut, missing or of a wrong kind; one lower-case line each.
    pub damage: Vec<String>,
    /// The heading of this part.
    stick: Option<(Place, UsbId)>,
    ended: bool,
}

/// What `identify` found, by these names.
const ABOUT: &[&str] = &["model", "hardware", "chip", "firmware", "version", "web-ui", "family", "flashing"];
const TROUBLE: &str = "it did not identify itself:";
const MISSING: &str = "drivers that are not there:";

/// What a field holds.
#[derive(Clone, Copy)]
enum Kind {
    Byte,
    Word,
    HexByte,
    Id,
    Release,
    Text,
}

/// The fields that each line of a stick has.
const FIELDS: &[(char, &[(&str, Kind)])] = &[
    ('T', &[("Bus", Kind::Word), ("Dev#", Kind::Word)]),
    ('D', &[("Cls", Kind::HexByte), ("Sub", Kind::HexByte), ("Prot", Kind::HexByte), ("#Cfgs", Kind::Byte)]),
    ('P', &[("Vendor", Kind::Id), ("ProdID", Kind::Id), ("Rev", Kind::Release)]),
    ('C', &[("#Ifs", Kind::Byte), ("Cfg#", Kind::Byte)]),
    (
        'I',
        &[
            ("If#", Kind::Byte),
            ("#EPs", Kind::Byte),
            ("Cls", Kind::HexByte),
            ("Sub", Kind::HexByte),
            ("Prot", Kind::HexByte),
            ("Driver", Kind::Text),
        ],
    ),
    ('E', &[("Ad", Kind::HexByte), ("Atr", Kind::HexByte), ("MxPS", Kind::Word)]),
    ('N', &[("If#", Kind::Byte)]),
];

impl Kind {
    fn fits(self, value: &str) -> bool {
        match self {
            Kind::Byte => byte(leading(value)).is_some(),
            Kind::Word => word(leading(value)).is_some(),
            Kind::HexByte => usb_devices::digits(value) == 2 && byte(hex(value)).is_some(),
            Kind::Id => id(value).is_some(),
            Kind::Release => bcd(value).is_some(),
            Kind::Text => !value.is_empty(),
        }
    }
}

impl OwnReport {
    /// What the next part of the same report tells.
    pub(super) fn add(&mut self, part: OwnReport) {
        self.program = self.program.take().or(part.program);
        self.system = self.system.take().or(part.system);
        self.drivers = self.drivers.take().or(part.drivers);
        self.missing_drivers = self.missing_drivers.take().or(part.missing_drivers);
        for damage in part.damage {
            self.is_damaged(damage);
        }
        self.ended |= part.ended;
    }

    /// What is said once everything was read.
    pub(super) fn finish(&mut self) {
        for (line, is_there) in [
            ("program:", self.program.is_some()),
            ("system:", self.system.is_some()),
            ("drivers:", self.drivers.is_some()),
            (MISSING, self.missing_drivers.is_some()),
        ] {
            if !is_there {
                self.is_damaged(format!("the line `{line}` is missing"));
            }
        }
        if !self.ended {
            self.is_damaged(format!("the report is cut: its last line, `{END}`, is missing"));
        }
    }

    fn is_damaged(&mut self, damage: String) {
        if self.damage.len() < MOST_DAMAGE && !self.damage.contains(&damage) {
            self.damage.push(damage);
        }
    }

    /// Of the stick of this part.
    fn part_is_damaged(&mut self, what: &str) {
        let stick = self.stick.as_ref().map(|(place, _)| format!("{place}: ")).unwrap_or_default();
        self.is_damaged(format!("{stick}{what}"));
    }

    /// What is said of the computer, before the first stick.
    fn head(&mut self, text: &str) -> bool {
        let names = |text: &str| text.split_whitespace().map(shown).collect();
        if let Some(format) = text.strip_prefix(sections::HEAD) {
            if format.trim() != FORMAT {
                self.is_damaged(format!("its form, {}, is none that is known here", shown(format.trim())));
            }
        } else if let Some(program) = text.strip_prefix("program:") {
            self.program = string(program);
        } else if let Some(system) = text.strip_prefix("system:") {
            self.system = string(system);
        } else if let Some(drivers) = text.strip_prefix("drivers:") {
            self.drivers = Some(names(drivers));
        } else if let Some(missing) = text.strip_prefix(MISSING) {
            self.missing_drivers = Some(names(missing));
        } else {
            return false;
        }
        true
    }

    /// The fields of a line of a stick.
    fn check(&mut self, text: &str) {
        let Some((letter, rest)) = usb_devices::letter(text) else { return };
        let Some((_, all)) = FIELDS.iter().find(|(known, _)| *known == letter) else { return };
        let fields = Fields::of(rest);
        for (name, kind) in *all {
            let what = match fields.get(name) {
                Some(value) if kind.fits(value) => continue,
                Some(_) => "cannot be read",
                None => "is missing",
            };
            self.part_is_damaged(&format!("{name} {what} in `{}`", shown(text)));
        }
    }
}

fn shown(text: &str) -> String {
    text.chars().take(LONGEST_SHOWN).collect()
}

impl Reader {
    /// A line that only stickshift's own report has.
    pub(super) fn own_line(&mut self, text: &str) -> bool {
        let Some(own) = &mut self.own else { return false };
        if let Some(stick) = sections::heading(text) {
            own.stick = Some(stick);
            return true;
        }
        if text == END {
            own.ended = true;
            return true;
        }
        if own.stick.is_none() {
            return own.head(text);
        }
        own.check(text);
        let device = self.listing.device.and_then(|index| self.devices.get_mut(index));
        let Some(device) = device else { return false };
        if text.starts_with(TROUBLE) {
            device.remark(&shown(text));
            return true;
        }
        let Some((about, value)) = text.split_once(' ') else { return false };
        let Some(about) = ABOUT.iter().find(|known| **known == about) else { return false };
        let value = value.split_once("  (").map_or(value, |(value, _)| value);
        if let Some(value) = string(value).filter(|_| device.said.iter().all(|(known, _)| known != about)) {
            device.said.push((about, value));
        }
        true
    }

    /// The line with the descriptors in bytes could not be read.
    pub(super) fn descriptors_are_damaged(&mut self) {
        if let Some(own) = &mut self.own {
            own.part_is_damaged(
                "the bytes behind `descriptors:` are cut or damaged; the lines before them count",
            );
        }
    }

    /// The heading names the stick as well as its own lines do.
    pub(super) fn end_own(&mut self) {
        let Some(own) = &mut self.own else { return };
        let Some((_, id)) = own.stick.clone() else { return };
        let listed = self.listing.device.and_then(|index| self.devices.get_mut(index));
        match listed {
            None => own.part_is_damaged("the lines of this stick are missing"),
            Some(device) if device.id == NO_ID => device.id = id,
            Some(_) => {}
        }
    }
}
