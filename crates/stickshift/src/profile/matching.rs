use crate::profile::{Attribute, Entry, Qualifier};

/// The texts of a stick that qualifiers look at. `None` means that a text could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// What the storage driver read, if it did.
    pub scsi: Option<Scsi>,
    /// iManufacturer.
    pub manufacturer: Option<String>,
    /// iProduct.
    pub product: Option<String>,
    /// iSerialNumber.
    pub serial: Option<String>,
}

/// The texts of a SCSI INQUIRY.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scsi {
    /// Vendor.
    pub vendor: String,
    /// Model.
    pub model: String,
    /// Revision.
    pub revision: String,
}

impl Attributes {
    /// The text of an attribute.
    pub fn get(&self, attribute: Attribute) -> Option<&str> {
        match attribute {
            Attribute::ScsiVendor => self.scsi.as_ref().map(|s| s.vendor.as_str()),
            Attribute::ScsiModel => self.scsi.as_ref().map(|s| s.model.as_str()),
            Attribute::ScsiRevision => self.scsi.as_ref().map(|s| s.revision.as_str()),
            Attribute::Manufacturer => self.manufacturer.as_deref(),
            Attribute::Product => self.product.as_deref(),
            Attribute::Serial => self.serial.as_deref(),
        }
    }
}

impl Qualifier {
    /// Whether it holds. A text that could not be read does not match, and stops nothing.
    pub fn matches(&self, attributes: &Attributes) -> bool {
        let Some(shown) = attributes.get(self.attribute) else { return false };
        shown.contains(&self.text) || shown.contains(&self.text.replace('_', " "))
    }
}

/// Where an entry came from, in the order in which they are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The owner's own files.
    User,
    /// Files that a package put there.
    Packaged,
    /// Compiled in.
    BuiltIn,
}

impl Origin {
    /// The stable kebab-case code.
    pub fn code(self) -> &'static str {
        match self {
            Origin::User => "user",
            Origin::Packaged => "packaged",
            Origin::BuiltIn => "built-in",
        }
    }
}

/// An entry that may be the one for a stick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Where it came from.
    pub origin: Origin,
    /// The entry.
    pub entry: Entry,
}

/// Which entry was chosen, and why not those before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The entry for the stick.
    pub chosen: Option<Candidate>,
    /// Entries for its ids that were passed over, each with the reason in words.
    pub passed_over: Vec<(Candidate, String)>,
}

impl Choice {
    /// The first candidate all of whose qualifiers match (docs/protocols/mode-switch.md section 3.4).
    pub(crate) fn first_match(candidates: Vec<Candidate>, attributes: &Attributes) -> Choice {
        let mut choice = Choice::default();
        for candidate in candidates {
            let failed = candidate.entry.key.qualifiers.iter().find(|q| !q.matches(attributes));
            if let Some(q) = failed {
                let why = match attributes.get(q.attribute) {
                    Some(shown) => format!("the {} is {shown:?}, without {:?}", q.attribute.words(), q.text),
                    None => format!("the {} is not known, {:?} is wanted", q.attribute.words(), q.text),
                };
                choice.passed_over.push((candidate, why));
            } else {
                choice.chosen = Some(candidate);
                break;
            }
        }
        choice
    }
}

#[cfg(test)]
mod tests {
    use crate::profile::{Attributes, Catalogue, Origin, Overlay, Scsi};
    use crate::stick::UsbId;

    fn user(files: &[(&str, &str)]) -> Overlay {
        overlay(Origin::User, files)
    }

    fn overlay(origin: Origin, files: &[(&str, &str)]) -> Overlay {
        let files = files.iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect();
        Overlay { origin, folder: "/etc/x".to_owned(), files }
    }

    fn manufacturer(text: &str) -> Attributes {
        Attributes { manufacturer: Some(text.to_owned()), ..Attributes::default() }
    }

    fn chosen(catalogue: &Catalogue, id: (u16, u16), attributes: &Attributes) -> Option<String> {
        let choice = catalogue.choose(UsbId::new(id.0, id.1), attributes);
        choice.chosen.map(|c| c.entry.key.to_string())
    }

    #[test]
    fn the_names_are_tried_in_descending_order() {
        let names: Vec<String> = Catalogue::builtin()
            .candidates(UsbId::new(0x05c6, 0x1000))
            .into_iter()
            .map(|c| c.entry.key.to_string())
            .collect();
        let mut descending = names.clone();
        descending.sort_by(|a, b| b.cmp(a));
        assert_eq!(names, descending);
        assert_eq!(names.len(), 12);
        assert_eq!(names[0], "05c6:1000:uMa=Vertex");
        assert_eq!(names[11], "05c6:1000:sVe=GT");
    }

    #[test]
    fn an_entry_without_qualifiers_is_the_last_resort() {
        let c = Catalogue::builtin();
        assert_eq!(chosen(&c, (0x0408, 0xf000), &manufacturer("Yota Inc")).unwrap(), "0408:f000:uMa=Yota");
        assert_eq!(chosen(&c, (0x0408, 0xf000), &manufacturer("Quanta")).unwrap(), "0408:f000");
        assert_eq!(chosen(&c, (0x0408, 0xf000), &Attributes::default()).unwrap(), "0408:f000");
    }

    #[test]
    fn an_underscore_stands_for_itself_or_a_blank() {
        let c = Catalogue::builtin();
        let name = "1c9e:f000:uMa=USB_Modem";
        assert_eq!(chosen(&c, (0x1c9e, 0xf000), &manufacturer("my USB Modem x")).unwrap(), name);
        assert_eq!(chosen(&c, (0x1c9e, 0xf000), &manufacturer("USB_Modem")).unwrap(), name);
        assert_eq!(chosen(&c, (0x1c9e, 0xf000), &manufacturer("usb modem")).unwrap(), "1c9e:f000");
    }

    #[test]
    fn missing_scsi_texts_do_not_stop_the_search() {
        let (c, _) = Catalogue::with_overlays(vec![user(&[
            ("04e8:f000:sMo=U209", "StandardEject=1"),
            ("04e8:f000", "OptionMode=1"),
        ])]);
        let id = UsbId::new(0x04e8, 0xf000);
        assert!(c.needs_scsi(id));
        let choice = c.choose(id, &Attributes::default());
        assert_eq!(choice.chosen.unwrap().entry.key.to_string(), "04e8:f000");
        assert!(choice.passed_over[0].1.contains("SCSI model is not known"), "{:?}", choice.passed_over);

        let scsi = Scsi { model: "SGH U209".to_owned(), ..Scsi::default() };
        let attributes = Attributes { scsi: Some(scsi), ..Attributes::default() };
        assert_eq!(chosen(&c, (0x04e8, 0xf000), &attributes).unwrap(), "04e8:f000:sMo=U209");
        // The built-in catalogue has one entry for these ids, and that asks for the text too.
        assert!(Catalogue::builtin().needs_scsi(id));
        assert!(!Catalogue::builtin().needs_scsi(UsbId::new(0x04e8, 0x689a)));
    }

    #[test]
    fn wildcards_are_plain_characters() {
        let (c, _) = Catalogue::with_overlays(vec![user(&[("1234:5678:uMa=*", "StandardEject=1")])]);
        assert_eq!(chosen(&c, (0x1234, 0x5678), &manufacturer("Anybody")), None);
        assert!(chosen(&c, (0x1234, 0x5678), &manufacturer("5 * hotel")).is_some());
    }

    #[test]
    fn all_qualifiers_must_match() {
        let (c, _) = Catalogue::with_overlays(vec![user(&[("1234:5678:uMa=A:uPr=B", "StandardEject=1")])]);
        let mut a = manufacturer("A");
        assert_eq!(chosen(&c, (0x1234, 0x5678), &a), None);
        a.product = Some("B".to_owned());
        assert!(chosen(&c, (0x1234, 0x5678), &a).is_some());
    }

    #[test]
    fn the_owners_file_comes_first_and_families_last() {
        let (c, problems) = Catalogue::with_overlays(vec![
            overlay(
                Origin::Packaged,
                &[("12d1:#linux", "HuaweiNewMode=1"), ("12d1:#android", "Configuration=0")],
            ),
            user(&[("12d1:1f01", "HuaweiAltMode=1"), ("12d1:1f01.dpkg-old", "rubbish")]),
        ]);
        assert_eq!(problems, []);
        let choice = c.choose(UsbId::new(0x12d1, 0x1f01), &Attributes::default());
        assert_eq!(choice.chosen.unwrap().origin, Origin::User);
        // An unknown Huawei id is served by the family, and only by it.
        assert_eq!(chosen(&c, (0x12d1, 0xfff0), &Attributes::default()).unwrap(), "12d1:#linux");
        assert_eq!(chosen(&Catalogue::builtin(), (0x12d1, 0xfff0), &Attributes::default()), None);
    }

    #[test]
    fn bad_files_are_named_and_left_out() {
        let (c, problems) = Catalogue::with_overlays(vec![user(&[
            ("README", "hello"),
            ("1234:0001", "MessageContent=\"555\""),
            ("1234:0002", "Nonsense=1\nStandardEject=1"),
        ])]);
        let files: Vec<(&str, Option<usize>)> = problems.iter().map(|p| (p.file.as_str(), p.line)).collect();
        assert_eq!(
            files,
            [("/etc/x/README", None), ("/etc/x/1234:0001", Some(1)), ("/etc/x/1234:0002", Some(1))]
        );
        assert!(!c.knows(UsbId::new(0x1234, 0x0001)) && c.knows(UsbId::new(0x1234, 0x0002)));
    }
}
