use std::cmp::Reverse;

use crate::profile::formats::{self, usb_modeswitch};
use crate::profile::purpose;
use crate::profile::{Attributes, Candidate, Choice, Entry, Key, Origin, Product, Qualifier, builtin, check};
use crate::stick::{KnownIds, Switching, UsbId};

/// A folder of files of usb_modeswitch or of our own format, read by a caller that may read files.
#[derive(Clone, Debug)]
pub struct Overlay {
    /// Whose files they are.
    pub origin: Origin,
    /// The folder, for messages.
    pub folder: String,
    /// File names and their texts.
    pub files: Vec<(String, String)>,
}

/// Something in an overlay that was not taken as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, with its folder.
    pub file: String,
    /// Line number where there is one.
    pub line: Option<usize>,
    /// One lower-case sentence.
    pub what: String,
}

/// Of a file that says nothing: as for usb_modeswitch, it stands before the others all the same.
const NO_METHOD: &str = "it names no way to switch, and a stick that it is for is not switched";

struct Layer {
    origin: Origin,
    folder: String,
    // By descending keys, then file names: candidates are tried in this order.
    entries: Vec<(String, Entry)>,
}

/// Whether a file of this name is what package managers and editors leave beside one that was changed.
pub fn is_left_behind(name: &str) -> bool {
    name.ends_with('~') || [".dpkg", ".rpm", ".apk-new", "-opkg"].iter().any(|mark| name.contains(mark))
}

/// All the entries there are, overlays over the built-in ones.
#[derive(Default)]
pub struct Catalogue {
    layers: Vec<Layer>,
}

impl Catalogue {
    /// The built-in entries alone.
    pub fn builtin() -> Self {
        Catalogue::default()
    }

    /// The built-in entries under `overlays`. Within an origin, overlays given earlier are asked first. What cannot be used is
    /// left out and named; it never stops the rest.
    pub fn with_overlays(mut overlays: Vec<Overlay>) -> (Self, Vec<Problem>) {
        overlays.sort_by_key(|overlay| overlay.origin);
        let mut problems = Vec::new();
        let mut layers = Vec::new();
        for overlay in overlays {
            let mut entries = Vec::new();
            for (name, text) in &overlay.files {
                if is_left_behind(name) {
                    continue;
                }
                let file = format!("{}/{name}", overlay.folder);
                let mut problem =
                    |line, what: String| problems.push(Problem { file: file.clone(), line, what });
                // It names the ids itself, so that its file may be called anything.
                if let Some(own) = formats::own(text) {
                    match own {
                        Ok(own) => {
                            let from_here = |entry| (name.clone(), Entry { source: file.clone(), ..entry });
                            entries.extend(own.into_iter().map(from_here));
                        }
                        Err(error) => problem(error.line(), error.what().to_owned()),
                    }
                    continue;
                }
                let key = match Key::from_file_name(name) {
                    Ok((key, warning)) => {
                        warning.into_iter().for_each(|what| problem(None, what));
                        key
                    }
                    Err(what) => {
                        problem(None, what.to_owned());
                        continue;
                    }
                };
                if overlay.origin == Origin::User && key.id().is_none() {
                    problem(None, "a whole family is only looked for among packaged files".to_owned());
                }
                match usb_modeswitch::parse(text) {
                    Ok(parsed) => {
                        for warning in &parsed.warnings {
                            problem(Some(warning.line), warning.what.clone());
                        }
                        match (parsed.known, parsed.commented_out) {
                            (0, Some(line)) => problem(Some(line), "every line is a comment".to_owned()),
                            (0, None) => problem(None, NO_METHOD.to_owned()),
                            _ => {}
                        }
                        entries.push((name.clone(), parsed.into_entry(key, &file)));
                    }
                    Err(error) => {
                        problem(error.line(), error.what().to_owned());
                    }
                }
            }
            entries.sort_by_cached_key(|(name, entry)| Reverse((entry.key.to_string(), name.clone())));
            layers.push(Layer { origin: overlay.origin, folder: overlay.folder, entries });
        }
        (Catalogue { layers }, problems)
    }

    /// What is wrong with the owner's entries as a whole, and which good ones they take the place of.
    pub fn remarks(&self) -> Vec<Problem> {
        let of_owner = self.layers.iter().filter(|layer| layer.origin == Origin::User);
        let all =
            of_owner.flat_map(|layer| layer.entries.iter().map(move |(name, entry)| (layer, name, entry)));
        all.flat_map(|(layer, name, entry)| {
            let file = format!("{}/{name}", layer.folder);
            let remarks = check::remarks(entry, layer.origin);
            remarks.into_iter().map(move |what| Problem { file: file.clone(), line: None, what })
        })
        .collect()
    }

    /// The entries that lead to a pair of ids.
    pub fn leading_to(&self, id: UsbId) -> Vec<Candidate> {
        let also = |entry: &Entry| {
            entry.key.id().is_some_and(|from| builtin::further_targets(from).any(|to| to == id))
        };
        let all = self.iter().filter(|(origin, entry)| {
            entry.targets().contains(&id) || *origin == Origin::BuiltIn && also(entry)
        });
        all.map(|(origin, entry)| Candidate { origin, entry }).collect()
    }

    /// Every entry, in the order of origins.
    pub fn iter(&self) -> impl Iterator<Item = (Origin, Entry)> + '_ {
        let overlaid = self.layers.iter().flat_map(|l| l.entries.iter().map(|(_, e)| (l.origin, e.clone())));
        overlaid.chain(builtin::all().map(|e| (Origin::BuiltIn, e)))
    }

    /// Whether any entry is for these ids: cheap, for a watcher that sees every device.
    pub fn knows(&self, id: UsbId) -> bool {
        builtin::knows(id)
            || self.layers.iter().any(|layer| {
                layer.entries.iter().any(|(_, e)| match e.key.product {
                    Product::Id(product) => UsbId::new(e.key.vendor, product) == id,
                    Product::Linux | Product::Android => {
                        e.key.vendor == id.vendor && layer.origin != Origin::User
                    }
                })
            })
    }

    /// The entries for a pair of ids in the order in which they are tried: per origin those of the id, file names descending
    /// (so that names with qualifiers come before the plain one), then the vendor's family.
    pub fn candidates(&self, id: UsbId) -> Vec<Candidate> {
        let mut found = Vec::new();
        for layer in &self.layers {
            let of = |product: Product| {
                layer
                    .entries
                    .iter()
                    .filter(move |(_, e)| e.key.vendor == id.vendor && e.key.product == product)
                    .map(|(_, e)| Candidate { origin: layer.origin, entry: e.clone() })
            };
            found.extend(of(Product::Id(id.product)));
            if layer.origin != Origin::User {
                found.extend(of(Product::Linux));
            }
        }
        // The records are ascending.
        let built_in: Vec<Entry> = builtin::lookup(id).collect();
        found.extend(built_in.into_iter().rev().map(|entry| Candidate { origin: Origin::BuiltIn, entry }));
        found
    }

    /// Whether the choice for these ids depends on the stick's SCSI texts, so that it is worth waiting for the storage driver.
    pub fn needs_scsi(&self, id: UsbId) -> bool {
        let candidates = self.candidates(id);
        let by_scsi = |q: &Qualifier| q.attribute.is_scsi();
        candidates.iter().any(|c| c.entry.key.qualifiers.iter().any(by_scsi))
    }

    /// Picks the entry for a stick: the first candidate all of whose qualifiers match.
    pub fn choose(&self, id: UsbId, attributes: &Attributes) -> Choice {
        Choice::first_match(self.candidates(id), attributes)
    }
}

#[cfg(feature = "pasted")]
impl Catalogue {
    /// Whether an entry of what is no modem leads to these ids, or one that somebody added: few do, and the others need not be decoded for it.
    fn is_led_to_by_others(&self, id: UsbId) -> bool {
        let further = |from: UsbId| builtin::further_targets(from).any(|to| to == id);
        let leads = |e: Entry| e.targets().contains(&id) || e.key.id().is_some_and(further);
        let mut overlaid = self.layers.iter().flat_map(|l| &l.entries);
        overlaid.any(|(_, e)| e.targets().contains(&id))
            || builtin::of(|from| purpose::no_modem(from).is_some()).any(leads)
    }
}

impl KnownIds for Catalogue {
    fn switching(&self, id: UsbId) -> Option<Switching> {
        self.candidates(id).iter().map(|candidate| candidate.entry.parameters.switching()).max()
    }

    fn concerns(&self, id: UsbId) -> bool {
        let leads_here = |(_, entry): &(String, Entry)| entry.targets().contains(&id);
        builtin::concerns(id)
            || self.knows(id)
            || self.layers.iter().any(|l| l.entries.iter().any(leads_here))
    }

    /// By the purpose of the ids, or of all that become them.
    fn no_modem(&self, id: UsbId) -> Option<&'static str> {
        if self.knows(id) {
            return purpose::no_modem(id);
        }
        #[cfg(feature = "pasted")]
        if !self.is_led_to_by_others(id) {
            return None;
        }
        let mut before = self.leading_to(id).into_iter().map(|candidate| candidate.entry.key.id());
        let what = before.next().flatten().and_then(purpose::no_modem)?;
        before.all(|id| id.and_then(purpose::no_modem).is_some()).then_some(what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stick::{Interface, Mode, Stick};

    fn classified(id: &str, classes: &[[u8; 3]]) -> Stick {
        let interfaces = (0..).zip(classes).map(|(number, class)| Interface::new(number, *class)).collect();
        let mut stick = Stick { interfaces, ..Stick::new("1-1".parse().unwrap(), id.parse().unwrap()) };
        stick.classify(&Catalogue::builtin());
        stick
    }

    #[test]
    fn what_a_profile_does_tells_what_its_ids_stand_for() {
        const STORAGE: [u8; 3] = [0x08, 0x06, 0x50];
        const RNDIS: [u8; 3] = [0xe0, 0x01, 0x03];
        for (id, classes, mode, why) in [
            // To be left alone: a module.
            ("12d1:15c1", &[][..], Mode::Modem, "leave it alone"),
            ("03f0:4b1d", &[], Mode::Modem, "leave it alone"),
            // Another configuration may be chosen of anything.
            ("1410:9020", &[], Mode::Unknown, "another configuration"),
            ("1410:9020", &[STORAGE], Mode::Cdrom, "storage only"),
            // A message is for a drive.
            ("19d2:1225", &[], Mode::Cdrom, "there is a switching profile for these ids"),
            ("2001:ab00", &[], Mode::Cdrom, "there is a switching profile for these ids"),
            ("1004:61aa", &[], Mode::Cdrom, "there is a switching profile for these ids"),
            ("1004:61aa", &[STORAGE], Mode::Cdrom, "storage only"),
            // What comes after the switch.
            ("1bbb:0195", &[RNDIS, STORAGE], Mode::Hilink, "shows Ethernet"),
            ("1bbb:0195", &[[0x02, 0x0d, 0x00]], Mode::Modem, "network interface"),
            ("1bbb:0195", &[[0xff, 0x42, 0x01]], Mode::Unknown, "do not tell its mode"),
            // No modem before or after.
            ("2357:0600", &[STORAGE], Mode::Cdrom, "an Ethernet adapter, no modem"),
            ("2357:0601", &[[0xff, 0xff, 0x00]], Mode::Unknown, "an Ethernet adapter, no modem"),
            ("0922:1002", &[], Mode::Unknown, "a label printer, no modem"),
            ("0bda:8152", &[[0x02, 0x06, 0x00]], Mode::Unknown, "an Ethernet adapter, no modem"),
        ] {
            let stick = classified(id, classes);
            assert_eq!(stick.mode, mode, "{id} {:?}", stick.evidence);
            assert!(stick.evidence.iter().any(|line| line.contains(why)), "{id} {:?}", stick.evidence);
        }
    }

    #[test]
    fn what_devices_that_are_no_modems_become_is_none() {
        let catalogue = Catalogue::builtin();
        let mut known = 0;
        for (_, entry) in catalogue.iter() {
            let what = entry.key.id().and_then(purpose::no_modem);
            for target in entry.targets() {
                let told = catalogue.no_modem(target);
                assert_eq!(what.is_some(), told.is_some(), "{} becomes {target}", entry.key);
                known += usize::from(told.is_some());
            }
        }
        assert!(known >= 20, "{known}");
    }
}
