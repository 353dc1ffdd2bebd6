use std::fmt;
use std::str::FromStr;

use crate::stick::UsbId;

/// Which stick an entry is for. As text it is the file name that usb_modeswitch uses: `vid:pid[:attr=text]..`, `vid:#linux`
/// (docs/protocols/mode-switch.md section 3.4).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// idVendor before the switch.
    pub vendor: u16,
    /// idProduct before the switch, or a whole family.
    pub product: Product,
    /// What must hold besides. All of them must match.
    pub qualifiers: Vec<Qualifier>,
}

/// The product part of a [`Key`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Product {
    /// One idProduct.
    Id(u16),
    /// `#linux`: every product of the vendor that has no entry of its own.
    Linux,
    /// `#android`: the same on Android.
    Android,
}

/// A condition on a text that the stick shows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Qualifier {
    /// Which text.
    pub attribute: Attribute,
    /// Must occur in it, as it is or with every underscore read as a blank.
    pub text: String,
}

/// The texts that a [`Qualifier`] can look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Attribute {
    /// `sVe`: SCSI vendor.
    ScsiVendor,
    /// `sMo`: SCSI model.
    ScsiModel,
    /// `sRe`: SCSI revision.
    ScsiRevision,
    /// `uMa`: iManufacturer.
    Manufacturer,
    /// `uPr`: iProduct.
    Product,
    /// `uSe`: iSerialNumber.
    Serial,
}

impl Attribute {
    /// Every attribute.
    pub const ALL: [Attribute; 6] = [
        Attribute::ScsiVendor,
        Attribute::ScsiModel,
        Attribute::ScsiRevision,
        Attribute::Manufacturer,
        Attribute::Product,
        Attribute::Serial,
    ];

    /// The three letters in file names.
    pub fn code(self) -> &'static str {
        match self {
            Attribute::ScsiVendor => "sVe",
            Attribute::ScsiModel => "sMo",
            Attribute::ScsiRevision => "sRe",
            Attribute::Manufacturer => "uMa",
            Attribute::Product => "uPr",
            Attribute::Serial => "uSe",
        }
    }

    /// The attribute of these three letters.
    pub fn from_code(code: &str) -> Option<Attribute> {
        Attribute::ALL.into_iter().find(|attribute| attribute.code() == code)
    }

    /// The attribute in words.
    pub fn words(self) -> &'static str {
        match self {
            Attribute::ScsiVendor => "SCSI vendor",
            Attribute::ScsiModel => "SCSI model",
            Attribute::ScsiRevision => "SCSI revision",
            Attribute::Manufacturer => "USB manufacturer",
            Attribute::Product => "USB product",
            Attribute::Serial => "USB serial",
        }
    }

    /// Whether the storage driver must have looked at the stick before this text is known.
    pub fn is_scsi(self) -> bool {
        matches!(self, Attribute::ScsiVendor | Attribute::ScsiModel | Attribute::ScsiRevision)
    }
}

impl Key {
    /// The key of a plain pair of ids.
    pub fn plain(id: UsbId) -> Self {
        Key { vendor: id.vendor, product: Product::Id(id.product), qualifiers: Vec::new() }
    }

    /// The pair of ids, unless it is the key of a family.
    pub fn id(&self) -> Option<UsbId> {
        match self.product {
            Product::Id(product) => Some(UsbId::new(self.vendor, product)),
            Product::Linux | Product::Android => None,
        }
    }
}

impl Key {
    /// Reads the name of a file as owners give it: `12d1_1f01`, `12d1.1f01`, `12D1:1F01.conf`. The text is a warning where usb_modeswitch would not
    /// find a file of this name.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the name.
    pub fn from_file_name(name: &str) -> Result<(Key, Option<String>), &'static str> {
        let trimmed = name.trim();
        let lower = trimmed.to_ascii_lowercase();
        let ending = [".conf", ".txt", ".cfg", ".profile"].into_iter().find(|ending| lower.ends_with(ending));
        let stem = trimmed[..trimmed.len() - ending.map_or(0, str::len)].trim_end_matches('.');
        let exact = stem.parse::<Key>();
        let key = match exact {
            Ok(key) => key,
            Err(why) => loosely(stem).ok_or(why)?,
        };
        let wanted = key.to_string();
        let warning = format!("usb_modeswitch looks for a file named {wanted}, not {name}");
        Ok((key, (wanted != name).then_some(warning)))
    }
}

/// Ids with any sign between them, with `0x` before them, or with the sign as web servers write it.
fn loosely(stem: &str) -> Option<Key> {
    let stem = stem.replace("%3a", ":").replace("%3A", ":");
    let strip = |text: &'_ str| text.strip_prefix("0x").unwrap_or(text).to_owned();
    let stem = strip(&stem);
    let vendor = stem.get(..4)?;
    let rest = stem[4..].strip_prefix(['_', '.', '=', ' ', ':', '-', '\u{2013}', '\u{f03a}', '\u{a789}'])?;
    format!("{vendor}:{}", strip(rest)).parse().ok()
}

impl fmt::Display for Qualifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.attribute.code(), self.text)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.product {
            Product::Id(product) => write!(f, "{:04x}:{product:04x}", self.vendor)?,
            Product::Linux => write!(f, "{:04x}:#linux", self.vendor)?,
            Product::Android => write!(f, "{:04x}:#android", self.vendor)?,
        }
        self.qualifiers.iter().try_for_each(|q| write!(f, ":{q}"))
    }
}

/// Reads a file name. A dash between the ids is taken too, as OpenWrt's overlays have it.
///
/// The error is a sentence that says what is wrong with the name.
impl FromStr for Key {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        const IDS: &str = "the name does not start with vvvv:pppp";
        let hex = |t: &str| -> Result<u16, Self::Err> {
            if t.len() == 4 && t.bytes().all(|b| b.is_ascii_hexdigit()) {
                u16::from_str_radix(t, 16).map_err(|_| IDS)
            } else {
                Err(IDS)
            }
        };
        let vendor = hex(name.get(..4).ok_or(IDS)?)?;
        let rest = name[4..].strip_prefix([':', '-']).ok_or(IDS)?;
        let (product, qualifiers) = rest.split_once(':').map_or((rest, None), |(p, q)| (p, Some(q)));
        let product = match product {
            "#linux" => Product::Linux,
            "#android" => Product::Android,
            id => Product::Id(hex(id)?),
        };
        let mut key = Key { vendor, product, qualifiers: Vec::new() };
        for part in qualifiers.into_iter().flat_map(|q| q.split(':')) {
            let (code, text) = part.split_once('=').ok_or("a qualifier without '=' never matches")?;
            let attribute = Attribute::from_code(code).ok_or("an unknown qualifier never matches")?;
            key.qualifiers.push(Qualifier { attribute, text: text.to_owned() });
        }
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for name in [
            "12d1:1f01",
            "05c6:1000:uMa=Co.,Ltd",
            "1c9e:f000:uMa=USB_Modem",
            "12d1:#linux",
            "12d1:#android",
            "05c6:1000:sVe=GT:uPr=x=y",
        ] {
            assert_eq!(name.parse::<Key>().unwrap().to_string(), name);
        }
        assert_eq!("12D1-15C1".parse::<Key>().unwrap().to_string(), "12d1:15c1");
    }

    #[test]
    fn owners_name_their_files_in_many_ways() {
        for name in [
            "12d1_1f01",
            "12d1.1f01",
            "12d1:1f01.conf",
            "12D1_1F01.CONF",
            "12d1.1f01.conf",
            "12d1%3A1f01",
            "0x12d1_0x1f01.txt",
            "12d1 1f01",
            "12d1:1f01..conf",
        ] {
            let (key, warning) = Key::from_file_name(name).unwrap();
            assert_eq!(key.to_string(), "12d1:1f01", "{name}");
            assert!(warning.unwrap().contains(name), "{name}");
        }
        assert_eq!(Key::from_file_name("12d1:1f01:uPr=x").unwrap().1, None);
        for bad in ["..conf", "README", "12d1", "12d11f01", "12d1:1f01.bak", "12d1:1f01~", "é2d1_1f01"] {
            assert!(Key::from_file_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_that_never_match_are_refused() {
        for bad in [
            "",
            "12d1",
            "12d1:",
            "12d1:1f0",
            "12d1:1f01:",
            "12d1:1f01:?",
            "12d1:1f01:xYz=a",
            "é2d1:1f01",
            "new.lst",
        ] {
            assert!(bad.parse::<Key>().is_err(), "{bad}");
        }
    }
}
