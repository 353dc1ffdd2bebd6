//! udev rules: which sticks are to be switched when they appear. A rule only names ids; what to do comes from the catalogue.
//!
//! ```
//! use stickshift::profile::formats::udev;
//!
//! let rule = r#"ATTR{idVendor}=="12d1", ATTR{idProduct}=="1f01", RUN+="usb_modeswitch '/%k'""#;
//! assert_eq!(udev::parse(rule).entries[0].key.to_string(), "12d1:1f01");
//! ```

use std::fmt;
use std::path::Path;

use crate::profile::formats::exchange::{Export, Format, Import, Refused, Warning, loss};
use crate::profile::formats::{command_line, usb_modeswitch};
use crate::profile::{Entry, Key, Method, Parameters};
use crate::stick::{HUAWEI, UsbId};
use crate::wire::scsi::CommandBlock;

/// Whether a text has a rule that matches an idVendor.
pub fn looks_like(text: &str) -> bool {
    text.lines().map(str::trim).any(|l| !l.starts_with('#') && vendor_of(l).is_some())
}

/// The values of `KEY{name}=="one|other"` in a rule; `None` when the rule does not ask for it.
fn asked(rule: &str, keys: &[&str], name: &str) -> Option<Vec<String>> {
    let after = keys.iter().find_map(|key| {
        let head = format!("{key}{{{name}}}");
        rule.match_indices(&head)
            .filter(|(at, _)| !rule[..*at].ends_with(|c: char| c.is_ascii_alphanumeric()))
            .find_map(|(at, _)| compared(&rule[at + head.len()..]))
    })?;
    Some(after.split('|').map(|value| value.trim().to_ascii_lowercase()).collect())
}

/// What follows `==`.
fn compared(after: &str) -> Option<&str> {
    let value = after.trim_start().strip_prefix("==")?.trim_start().strip_prefix('"')?;
    value.split('"').next()
}

/// Attributes of a device, also as udev called them before 2008.
const ATTRIBUTES: [&str; 3] = ["ATTR", "ATTRS", "SYSFS"];

fn vendor_of(rule: &str) -> Option<Vec<String>> {
    asked(rule, &ATTRIBUTES, "idVendor")
        .or_else(|| asked(rule, &["ENV"], "ID_VENDOR_ID"))
        .or_else(|| asked(rule, &["ENV"], "PRODUCT"))
}

/// The pairs of ids that a rule matches, products `None` where it asks for none: those of a device, or the `vendor/product/release` of an interface, without
/// leading zeros.
fn ids(rule: &str) -> Option<Vec<(String, Option<String>)>> {
    let vendors = asked(rule, &ATTRIBUTES, "idVendor").or_else(|| asked(rule, &["ENV"], "ID_VENDOR_ID"));
    if let Some(vendors) = vendors {
        let products = asked(rule, &ATTRIBUTES, "idProduct").or_else(|| asked(rule, &["ENV"], "ID_MODEL_ID"));
        let pairs = vendors.iter().flat_map(|vendor| match &products {
            Some(all) => all.iter().map(|product| (vendor.clone(), Some(product.clone()))).collect(),
            None => vec![(vendor.clone(), None)],
        });
        return Some(pairs.collect());
    }
    let pair = |product: &String| {
        let mut parts = product.split('/').map(|part| format!("{part:0>4}"));
        let vendor = parts.next().unwrap_or_default();
        (vendor, parts.next().filter(|part| !part.contains('*')))
    };
    Some(asked(rule, &["ENV"], "PRODUCT")?.iter().map(pair).collect())
}

/// The programs that a rule runs.
fn programs(rule: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, key) in ["RUN", "PROGRAM"].iter().flat_map(|key| rule.match_indices(key)) {
        if rule[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
            continue;
        }
        // RUN{program}+="..", RUN="..", PROGRAM=="..".
        let after = &rule[at + key.len()..];
        let value = after.find('"').map(|open| (&after[..open], &after[open + 1..]));
        let value = value.filter(|(sign, _)| sign.contains('=') && !sign.contains(','));
        found.extend(value.and_then(|(_, value)| value.split('"').next()));
    }
    found
}

/// What a rule does to a stick by itself.
enum Action {
    /// It leaves the choice to a catalogue, or does something else.
    None,
    /// It sends this; what it asks for besides, and the ids that it names.
    Sends { parameters: Box<Parameters>, ids: Option<UsbId>, warnings: Vec<String> },
    /// It cannot be read.
    Bad(String),
}

fn action(rule: &str) -> Action {
    for program in programs(rule) {
        let mut words = command_line::words(program);
        // What a shell runs is one word to udev.
        if let Some(at) = words.iter().position(|word| word == "-c").filter(|_| is_shell(&words)) {
            words = words.get(at + 1).map_or_else(Vec::new, |script| command_line::words(script));
        }
        let named = |name: &str| {
            words.iter().position(|word| Path::new(word).file_name().is_some_and(|file| file == name))
        };
        if let Some(at) = words.iter().position(|word| command_line::is_program(word)) {
            // The wrapper of the same name gets a place, no options.
            if !words[at + 1..].iter().any(|word| word.starts_with('-')) {
                continue;
            }
            let options = without_asked(&words[at + 1..]);
            let (text, mut warnings) = command_line::config_text(&options);
            if options.len() < words[at + 1..].len() {
                warnings
                    .push("udev fills in options of this rule from the device: they are left out".to_owned());
            }
            return match usb_modeswitch::parse(&text) {
                Ok(parsed) => {
                    let ids = parsed.default_id();
                    let more = parsed.warnings.into_iter().map(|w| w.what);
                    let warnings = warnings.into_iter().chain(more).collect();
                    Action::Sends { parameters: Box::new(parsed.parameters), ids, warnings }
                }
                Err(error) => Action::Bad(error.what().to_owned()),
            };
        }
        if let Some(at) = named("sg_raw") {
            return match sg_raw(&words[at + 1..]) {
                Some(message) => {
                    let messages = [message.to_vec(), Vec::new(), Vec::new()];
                    let parameters = Parameters { messages, ..Parameters::default() }.with_named_methods();
                    Action::Sends { parameters: Box::new(parameters), ids: None, warnings: Vec::new() }
                }
                None => Action::Bad("the bytes behind sg_raw are no SCSI command".to_owned()),
            };
        }
        if named("eject").is_some() {
            let mut parameters = Box::<Parameters>::default();
            parameters.turn_on(Method::StandardEject);
            return Action::Sends { parameters, ids: None, warnings: Vec::new() };
        }
    }
    Action::None
}

/// Without the options whose value udev takes from the device: `-v 0x%s{idVendor}`.
fn without_asked(words: &[String]) -> Vec<String> {
    let is_asked = |word: &String| ["%s{", "%E{", "$attr{", "$env{"].iter().any(|mark| word.contains(mark));
    let mut left = Vec::new();
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        let with_value = word.starts_with('-') && words.next_if(|next| is_asked(next)).is_some();
        if !with_value && !is_asked(word) {
            left.push(word.clone());
        }
    }
    left
}

fn is_shell(words: &[String]) -> bool {
    let name = words.first().and_then(|word| Path::new(word).file_name());
    name.is_some_and(|name| ["sh", "bash", "ash", "dash", "busybox"].iter().any(|shell| name == *shell))
}

/// The command that `sg_raw` sends, in its wrapper: options, the device, then bytes in hex.
fn sg_raw(words: &[String]) -> Option<[u8; 31]> {
    let (mut data_length, mut flags) = (0, 0);
    let mut rest = words.iter().peekable();
    while let Some(word) = rest.next_if(|word| word.starts_with('-')) {
        let (option, attached) = match word.strip_prefix("--") {
            Some(long) => long.split_once('=').map_or((long, None), |(n, v)| (n, Some(v.to_owned()))),
            None => {
                let end = word.char_indices().nth(2).map_or(word.len(), |(at, _)| at);
                (&word[1..end], Some(word[end..].to_owned()).filter(|v| !v.is_empty()))
            }
        };
        let mut value = || attached.clone().or_else(|| rest.next().cloned());
        match option {
            "r" | "request" => {
                data_length = usb_modeswitch::decimal(&value()?).and_then(|n| u32::try_from(n).ok())?;
                flags = 0x80;
            }
            "s" | "send" => {
                data_length = usb_modeswitch::decimal(&value()?).and_then(|n| u32::try_from(n).ok())?
            }
            "t" | "timeout" | "i" | "infile" | "o" | "outfile" | "k" | "skip" | "c" | "cmdfile" => {
                _ = value()?
            }
            _ => {}
        }
    }
    rest.next()?;
    let mut cdb = [0; 16];
    let mut length = 0;
    for word in rest {
        let byte = u8::from_str_radix(word.trim_start_matches("0x"), 16).ok()?;
        *cdb.get_mut(length)? = byte;
        length += 1;
    }
    let cdb_length = u8::try_from(length).ok().filter(|n| *n >= 6)?;
    let tag = [0x12, 0x34, 0x56, 0x78];
    Some(CommandBlock { tag, data_length, flags, lun: 0, cdb_length, cdb }.encode())
}

/// Reads the ids of each rule, and what it sends by itself: the options of usb_modeswitch, the bytes of sg_raw, eject. Entries of other rules have no parameters.
pub fn parse(text: &str) -> Import {
    let mut import =
        Import { format: Format::Udev, entries: Vec::new(), warnings: Vec::new(), refused: Vec::new() };
    let mut name = String::new();
    for (number, line) in command_line::whole_lines(text) {
        let line = line.trim().trim_start_matches(['>', ' ']);
        if let Some(comment) = line.strip_prefix('#') {
            name = comment.trim().to_owned();
            continue;
        }
        let mut warn = |what: String| import.warnings.push(Warning { line: number, what });
        let action = action(line);
        let mut pairs = ids(line).unwrap_or_default();
        let mut parameters = Parameters::default();
        match action {
            Action::None => {}
            Action::Bad(what) => {
                let entry = pairs
                    .first()
                    .map_or_else(String::new, |(v, p)| format!("{v}:{}", p.as_deref().unwrap_or("*")));
                import.refused.push(Refused { entry, why: what, text: line.to_owned() });
                continue;
            }
            Action::Sends { parameters: sent, ids, warnings } => {
                warnings.into_iter().for_each(&mut warn);
                parameters = *sent;
                let is_whole = pairs.iter().any(|(_, product)| product.is_some());
                if let Some(id) = ids.filter(|_| !is_whole) {
                    pairs = vec![(format!("{:04x}", id.vendor), Some(format!("{:04x}", id.product)))];
                }
            }
        }
        for (vendor, product) in pairs {
            let Some(product) = product else {
                warn("this rule is for every product of a vendor, which an entry cannot say".to_owned());
                continue;
            };
            match format!("{vendor}:{product}").parse::<UsbId>() {
                Ok(id) => import.entries.push(Entry {
                    key: Key::plain(id),
                    name: std::mem::take(&mut name),
                    parameters: parameters.clone(),
                    source: "udev rules".to_owned(),
                }),
                Err(()) => warn("not a pair of USB ids".to_owned()),
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
        entries: rules.by_id().len(),
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
        // An interface has the ids of its device in PRODUCT. %b is the parent that ATTRS matched, and empty in a rule without.
        f.write_str(
            "GOTO=\"stickshift_end\"\n\nLABEL=\"stickshift_interface\"\nATTR{bInterfaceNumber}!=\"00\", GOTO=\"stickshift_end\"\n",
        )?;
        for (id, entries) in &of_interfaces {
            writeln!(
                f,
                "# {}\nENV{{PRODUCT}}==\"{:x}/{:x}/*\", ATTRS{{idVendor}}==\"{:04x}\", ATTRS{{idProduct}}==\"{:04x}\", {}",
                name(entries),
                id.vendor,
                id.product,
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
                 ATTR{{bInterfaceClass}}==\"08\", ENV{{PRODUCT}}==\"{HUAWEI:x}/*\", ATTRS{{idVendor}}==\"{HUAWEI:04x}\", {}",
                self.run("%b")
            )?;
        }
        f.write_str("\nLABEL=\"stickshift_end\"\n")
    }
}

fn name(entries: &[&Entry]) -> String {
    entries.first().map_or_else(String::new, |e| e.name.chars().filter(|c| !c.is_control()).collect())
}
