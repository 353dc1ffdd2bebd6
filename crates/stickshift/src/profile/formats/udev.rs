//! udev rules: which sticks are to be switched when they appear. A rule only names ids; what to do comes from the catalogue.

use crate::profile::formats::{Export, Format, Import, Warning, loss};
use crate::profile::{Entry, Key, Parameters};
use crate::stick::UsbId;

/// Whether a text has a rule that matches an idVendor.
pub fn looks_like(text: &str) -> bool {
    text.lines().map(str::trim).any(|l| !l.starts_with('#') && attribute(l, "idVendor").is_some())
}

/// The value of `ATTR{name}=="value"` or `ATTRS{name}=="value"` in a rule.
fn attribute<'a>(rule: &'a str, name: &str) -> Option<&'a str> {
    let after = ["ATTR{", "ATTRS{"].iter().find_map(|head| {
        let start = rule.find(&format!("{head}{name}}}"))?;
        Some(&rule[start + head.len() + name.len() + 1..])
    })?;
    let value = after.trim_start().strip_prefix("==")?.trim_start().strip_prefix('"')?;
    value.split('"').next()
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
        let Some(vendor) = attribute(line, "idVendor") else { continue };
        let Some(product) = attribute(line, "idProduct") else {
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
            Err(()) => import.warnings.push(Warning { line: index + 1, what: "these are no ids".to_owned() }),
        }
    }
    import
}

/// Writes one rule per pair of ids.
pub fn emit(entries: &[Entry]) -> Export {
    emit_for(entries, "/usr/bin/stickshift")
}

/// The same for a program at `program`, a path without blanks and quotes.
pub fn emit_for(entries: &[Entry], program: &str) -> Export {
    let mut text = String::from(
        "# Switches sticks to modem mode when they appear. What is sent to each comes from stickshift's catalogue.\n\
         ACTION!=\"add\", GOTO=\"stickshift_end\"\n\
         SUBSYSTEM!=\"usb\", GOTO=\"stickshift_end\"\n\
         ENV{DEVTYPE}!=\"usb_device\", GOTO=\"stickshift_end\"\n\n",
    );
    let mut losses = Vec::new();
    let mut seen = Vec::new();
    for entry in entries {
        let Some(id) = entry.key.id() else {
            losses.push(loss(entry, "entry", "a rule is for one pair of ids"));
            continue;
        };
        if entry.parameters != Parameters::default() {
            losses.push(loss(
                entry,
                "parameters",
                "a rule only names ids; the profile must be in the catalogue too",
            ));
        }
        if !entry.key.qualifiers.is_empty() {
            losses.push(loss(entry, "qualifiers", "they are looked at when the stick is switched"));
        }
        if seen.contains(&id) {
            continue;
        }
        seen.push(id);
        let name: String = entry.name.chars().filter(|c| !c.is_control()).collect();
        text.push_str(&format!(
            "# {name}\nATTR{{idVendor}}==\"{:04x}\", ATTR{{idProduct}}==\"{:04x}\", RUN+=\"{program} --quiet switch %k\"\n",
            id.vendor, id.product
        ));
    }
    text.push_str("\nLABEL=\"stickshift_end\"\n");
    let notes = vec!["its place is /etc/udev/rules.d; `udevadm control --reload` makes it count".to_owned()];
    Export {
        bytes: text.into_bytes(),
        file_name: Some("71-stickshift-switch.rules".to_owned()),
        losses,
        notes,
    }
}
