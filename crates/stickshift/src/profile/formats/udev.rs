//! udev rules: which sticks are to be switched when they appear. A rule only names ids; what to do comes from the catalogue.
//!
//! ```
//! use stickshift::profile::formats::udev;
//!
//! let rule = r#"ATTR{idVendor}=="12d1", ATTR{idProduct}=="1f01", RUN+="usb_modeswitch '/%k'""#;
//! assert_eq!(udev::parse(rule).entries[0].key.to_string(), "12d1:1f01");
//! ```

use std::fmt;

use crate::profile::formats::exchange::{Export, Format, Import, Warning, loss};
use crate::profile::{Entry, Key, Parameters};
use crate::stick::UsbId;

/// Whether a text has a rule that matches an idVendor.
pub fn looks_like(text: &str) -> bool {
    text.lines().map(str::trim).any(|l| !l.starts_with('#') && ids(l).is_some())
}

/// The value of `ATTR{name}=="value"` or `ATTRS{name}=="value"` in a rule.
fn attribute<'a>(rule: &'a str, name: &str) -> Option<&'a str> {
    let after = ["ATTR{", "ATTRS{"].iter().find_map(|head| {
        let start = rule.find(&format!("{head}{name}}}"))?;
        Some(&rule[start + head.len() + name.len() + 1..])
    })?;
    quoted(after)
}

/// What follows `==`.
fn quoted(after: &str) -> Option<&str> {
    let value = after.trim_start().strip_prefix("==")?.trim_start().strip_prefix('"')?;
    value.split('"').next()
}

/// The ids that a rule matches, the second where there is one: those of a device, or the `vendor/product/release` of an interface, without
/// leading zeros.
fn ids(rule: &str) -> Option<(String, Option<String>)> {
    if let Some(vendor) = attribute(rule, "idVendor") {
        return Some((vendor.to_owned(), attribute(rule, "idProduct").map(str::to_owned)));
    }
    const HEAD: &str = "ENV{PRODUCT}";
    let product = quoted(&rule[rule.find(HEAD)? + HEAD.len()..])?;
    let mut parts = product.split('/').map(|part| format!("{part:0>4}"));
    let vendor = parts.next()?;
    Some((vendor, parts.next().filter(|part| !part.contains('*'))))
}

/// Reads the ids of each rule. The entries have no parameters.
pub fn parse(text: &str) -> Import {
    let mut import =
        Import { format: Format::Udev, entries: Vec::new(), warnings: Vec::new(), refused: Vec::new() };
    let mut name = String::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(comment) = line.strip_prefix('#') {
            name = comment.trim().to_owned();
            continue;
        }
        let Some((vendor, product)) = ids(line) else { continue };
        let Some(product) = product else {
            let what = "this rule is for every product of a vendor, which an entry cannot say".to_owned();
            import.warnings.push(Warning { line: index + 1, what });
            continue;
        };
        match format!("{vendor}:{product}").parse::<UsbId>() {
            Ok(id) => import.entries.push(Entry {
                key: Key::plain(id),
                name: std::mem::take(&mut name),
                parameters: Parameters::default(),
                source: "udev rules".to_owned(),
            }),
            Err(()) => {
                import.warnings.push(Warning { line: index + 1, what: "not a pair of USB ids".to_owned() })
            }
        }
    }
    import
}

/// Writes one rule per pair of ids.
pub fn emit(entries: &[Entry]) -> Export {
    let mut losses = Vec::new();
    for entry in entries {
        if entry.key.id().is_none() {
            losses.push(loss(entry, "entry", "a rule is for one pair of ids"));
            continue;
        }
        if entry.parameters != Parameters::default() {
            losses.push(loss(
                entry,
                "parameters",
                "a rule only names ids; the profile must be in the catalogue too",
            ));
        }
        if !entry.key.qualifiers.is_empty() {
            losses.push(loss(entry, "qualifiers", "they are checked when the stick is switched"));
        }
    }
    let rules = Rules { entries, program: "/usr/bin/stickshift", unknown_huawei: false };
    Export {
        bytes: rules.to_string().into_bytes(),
        file_name: Some("81-stickshift-switch.rules".to_owned()),
        losses,
        notes: vec![
            "install it in /etc/udev/rules.d; run `udevadm control --reload` to activate it".to_owned(),
        ],
    }
}

/// A file of rules. Its number has to be above 80, where udev has the driver of an interface loaded: what a rule runs, runs in the
/// order of the rules.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// What is switched.
    pub entries: &'a [Entry],
    /// The path of this program, without blanks and quotes.
    pub program: &'a str,
    /// Huawei's sticks in CD-ROM mode are switched too when no entry names them; they all take the same message.
    pub unknown_huawei: bool,
}

impl Rules<'_> {
    /// udev deals with what a stick becomes when this program has ended, not before.
    fn run(&self, place: &str) -> String {
        format!("RUN+=\"{} --quiet switch --no-ports {place}\"", self.program)
    }

    /// Entries of the same ids share a rule.
    fn by_id(&self) -> Vec<(UsbId, Vec<&Entry>)> {
        let mut all: Vec<(UsbId, Vec<&Entry>)> = Vec::new();
        for entry in self.entries {
            let Some(id) = entry.key.id() else { continue };
            match all.iter_mut().find(|(other, _)| *other == id) {
                Some((_, entries)) => entries.push(entry),
                None => all.push((id, vec![entry])),
            }
        }
        all
    }
}

/// Texts of the drive tell such sticks apart, and udev loads its driver when the interface appears, after the device.
fn needs_drive((_, entries): &(UsbId, Vec<&Entry>)) -> bool {
    entries.iter().flat_map(|e| &e.key.qualifiers).any(|q| q.attribute.is_scsi())
}

impl fmt::Display for Rules<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (of_interfaces, of_devices): (Vec<_>, Vec<_>) = self.by_id().into_iter().partition(needs_drive);
        f.write_str(
            "# Switches sticks to modem mode when they appear. What is sent to each comes from stickshift's catalogue.\n\
             ACTION!=\"add\", GOTO=\"stickshift_end\"\n\
             SUBSYSTEM!=\"usb\", GOTO=\"stickshift_end\"\n\
             ENV{DEVTYPE}==\"usb_interface\", GOTO=\"stickshift_interface\"\n\
             ENV{DEVTYPE}!=\"usb_device\", GOTO=\"stickshift_end\"\n\n",
        )?;
        if self.unknown_huawei {
            // Rules for the device only: an interface has no such attribute, and those above it may be a hub's.
            writeln!(
                f,
                "# Telephones\nATTR{{idVendor}}==\"{HUAWEI:04x}\", ATTR{{manufacturer}}==\"Android\", ENV{{STICKSHIFT_SWITCH}}=\"0\""
            )?;
        }
        for (id, entries) in &of_devices {
            // Modules that are to be left alone may have a configuration with MBIM.
            let leave_alone = entries.iter().all(|e| e.parameters.is_leave_alone());
            let condition = if leave_alone { "ATTR{bNumConfigurations}!=\"1\", " } else { "" };
            let known = if id.vendor == HUAWEI { "ENV{STICKSHIFT_SWITCH}=\"1\", " } else { "" };
            writeln!(
                f,
                "# {}\nATTR{{idVendor}}==\"{:04x}\", ATTR{{idProduct}}==\"{:04x}\", {condition}{known}{}",
                name(entries),
                id.vendor,
                id.product,
                self.run("%k")
            )?;
        }
        // An interface has the ids of its device in PRODUCT; ATTRS would match those of a hub above it too.
        f.write_str(
            "GOTO=\"stickshift_end\"\n\nLABEL=\"stickshift_interface\"\nATTR{bInterfaceNumber}!=\"00\", GOTO=\"stickshift_end\"\n",
        )?;
        for (id, entries) in &of_interfaces {
            writeln!(
                f,
                "# {}\nENV{{PRODUCT}}==\"{:x}/{:x}/*\", {}",
                name(entries),
                id.vendor,
                id.product,
                self.run("%b")
            )?;
        }
        if self.unknown_huawei {
            writeln!(
                f,
                "# Whatever else of Huawei's shows a drive first\n\
                 IMPORT{{parent}}=\"STICKSHIFT_SWITCH\"\n\
                 ENV{{STICKSHIFT_SWITCH}}==\"?*\", GOTO=\"stickshift_end\"\n\
                 ATTR{{bInterfaceClass}}==\"08\", ENV{{PRODUCT}}==\"{HUAWEI:x}/*\", {}",
                self.run("%b")
            )?;
        }
        f.write_str("\nLABEL=\"stickshift_end\"\n")
    }
}

const HUAWEI: u16 = 0x12d1;

fn name(entries: &[&Entry]) -> String {
    entries.first().map_or_else(String::new, |e| e.name.chars().filter(|c| !c.is_control()).collect())
}
