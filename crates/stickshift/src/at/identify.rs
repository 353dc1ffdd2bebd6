//! What the stick says it is: docs/protocols/hilink-at.md section 3.3.
//!
//! ```
//! use stickshift::at::{At, identify};
//! use stickshift::link::{Tape, TapeLink};
//!
//! // AT+CGMM and its answer.
//! let tape = Tape::parse("> 41542b43474d4d0d\n< 0d0a45333337320d0a0d0a4f4b0d0a")?;
//! let mut port = TapeLink::new(tape);
//! assert_eq!(At::new(&mut port).run(&identify::model())?, "E3372");
//! # Ok::<(), stickshift::error::Error>(())
//! ```

use crate::at::{Command, unexpected};
use crate::error::Result;
use crate::wire::at::Answer;

/// The answer to `ATI`. Empty where the stick says nothing: some leave the manufacturer out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Information {
    /// `huawei`.
    pub manufacturer: String,
    /// `E3372`.
    pub model: String,
    /// Firmware version, `21.180.01.00.00`.
    pub revision: String,
    /// An identity: mask it before showing it.
    pub imei: String,
}

/// `ATI`: everything at once.
pub fn information() -> Command<Information> {
    Command::new("ATI", |answer| {
        let named = |name| answer.value(name).unwrap_or_default().to_owned();
        let information = Information {
            manufacturer: named("Manufacturer"),
            model: named("Model"),
            revision: named("Revision"),
            imei: named("IMEI"),
        };
        if information == Information::default() {
            return Err(unexpected("an ATI answer", answer));
        }
        Ok(information)
    })
}

/// `AT+CGMI`: who made it. May be empty.
pub fn manufacturer() -> Command<String> {
    Command::new("AT+CGMI", |answer| Ok(bare(answer, "+CGMI").unwrap_or_default()))
}

/// `AT+CGMM`: the model, `E3372`.
pub fn model() -> Command<String> {
    Command::new("AT+CGMM", |answer| bare(answer, "+CGMM").ok_or_else(|| unexpected("a model", answer)))
}

/// `AT+CGMR`: the firmware version, `21.180.01.00.00`.
pub fn revision() -> Command<String> {
    Command::new("AT+CGMR", |answer| bare(answer, "+CGMR").ok_or_else(|| unexpected("a version", answer)))
}

/// `AT+CGSN`: the IMEI, an identity.
pub fn imei() -> Command<String> {
    Command::new("AT+CGSN", |answer| digits(answer, "+CGSN"))
}

/// `AT+CIMI`: the SIM's IMSI, an identity.
pub fn imsi() -> Command<String> {
    Command::new("AT+CIMI", |answer| digits(answer, "+CIMI"))
}

/// `AT^ICCID?`: the SIM's number, an identity. (`AT+CCID` hangs on the E3372.)
pub fn iccid() -> Command<String> {
    Command::new("AT^ICCID?", |answer| {
        bare(answer, "^ICCID").ok_or_else(|| unexpected("a SIM number", answer))
    })
}

/// `AT^SN`: the serial number, an identity.
pub fn serial_number() -> Command<String> {
    Command::new("AT^SN", |answer| bare(answer, "^SN").ok_or_else(|| unexpected("a serial number", answer)))
}

/// `AT^HWVER`: the hardware, `CL2E3372HM`, without its sub-version; `None` on sticks that leave it empty.
pub fn hardware() -> Command<Option<String>> {
    Command::new("AT^HWVER", |answer| Ok(bare(answer, "^HWVER")))
}

/// The answer to `AT^FHVER`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirmwareAndHardware {
    /// The product's name with its variant, `E3372h-153`; some leave it out.
    pub product: Option<String>,
    /// `21.180.01.00.00`.
    pub firmware: String,
    /// `CL2E3372HM Ver.A`.
    pub hardware: Option<String>,
}

/// `AT^FHVER`: product, firmware and hardware in one line.
pub fn firmware_and_hardware() -> Command<FirmwareAndHardware> {
    Command::new("AT^FHVER", |answer| {
        let line = bare(answer, "^FHVER").ok_or_else(|| unexpected("firmware and hardware", answer))?;
        let (software, hardware) = match line.split_once(',') {
            Some((software, hardware)) => {
                (software, Some(hardware.trim().to_owned()).filter(|h| !h.is_empty()))
            }
            None => (line.as_str(), None),
        };
        let (product, firmware) = match software.trim().rsplit_once(' ') {
            Some((product, firmware)) => (Some(product.trim().to_owned()), firmware),
            None => (None, software.trim()),
        };
        Ok(FirmwareAndHardware { product, firmware: firmware.to_owned(), hardware })
    })
}

/// The answer to `AT^VERSION?`: named lines. EXT is the public version, INT the maker's internal one; S is software,
/// D the web UI, H hardware, U the product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// Names and values in the order they came, empty values included.
    pub rows: Vec<(String, String)>,
}

impl Versions {
    /// The value of a row, `None` when missing or empty.
    pub fn row(&self, name: &str) -> Option<&str> {
        let row = self.rows.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?;
        Some(row.1.as_str()).filter(|v| !v.is_empty())
    }

    /// EXTS: the firmware version.
    pub fn software(&self) -> Option<&str> {
        self.row("EXTS")
    }

    /// EXTD: the web UI image on the flash. It stays there under Stick firmware too and proves nothing about what runs.
    pub fn web_ui(&self) -> Option<&str> {
        self.row("EXTD")
    }

    /// EXTH: the hardware, `CL2E3372HM Ver.A`.
    pub fn hardware(&self) -> Option<&str> {
        self.row("EXTH")
    }

    /// EXTU: the product, `E3372`.
    pub fn product(&self) -> Option<&str> {
        self.row("EXTU")
    }

    /// BDT: when it was built, as printed.
    pub fn built(&self) -> Option<&str> {
        self.row("BDT")
    }
}

/// `AT^VERSION?`: every version there is.
pub fn versions() -> Command<Versions> {
    Command::new("AT^VERSION?", |answer| {
        let row = |value: &str| {
            let (name, value) = value.split_once(':')?;
            Some((name.trim().to_owned(), value.trim().to_owned()))
        };
        let rows: Vec<_> = answer.values("^VERSION").filter_map(row).collect();
        if rows.is_empty() {
            return Err(unexpected("versions", answer));
        }
        Ok(Versions { rows })
    })
}

/// The first line, with or without its name and quotes; `None` when there is nothing in it.
fn bare(answer: &Answer, name: &str) -> Option<String> {
    let line = answer.value(name).or_else(|| answer.lines.first().map(String::as_str))?;
    let line = line.trim();
    // Some add a short name: `"FM350-GL","FM350-GL"`.
    let line = line.split("\",\"").next().unwrap_or(line).trim_matches('"').trim();
    // "Manufacturer:" without a name is an empty answer of its own kind.
    let line = line.strip_prefix("Manufacturer:").unwrap_or(line).trim();
    (!line.is_empty()).then(|| line.to_owned())
}

fn digits(answer: &Answer, name: &str) -> Result<String> {
    let is_number = |t: &String| t.len() >= 6 && t.bytes().all(|b| b.is_ascii_digit());
    bare(answer, name).filter(is_number).ok_or_else(|| unexpected("a number of digits", answer))
}
