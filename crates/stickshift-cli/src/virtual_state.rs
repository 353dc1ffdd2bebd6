//! The file of `--virtual-state`: virtual sticks from one command to the next. It is JSON, versioned, and replaced whole.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use stickshift::atomic_file::{self, AtomicFile};
use stickshift::error::{Detail, Error, ErrorKind, Result};
use stickshift::hex;
use stickshift::stick::Place;
use stickshift_emu::computer::VirtualBus;
use stickshift_emu::device::Device;
use stickshift_emu::firmware::memory::{Firmware, FirmwareKind, Partition};
use stickshift_emu::modem::ModemState;
use stickshift_emu::sticks::huawei::{HuaweiStick, KeptStick};
use stickshift_emu::sticks::zerocd::ZeroCd;

use crate::files;

/// The format that is written, and the only one that is read.
const VERSION: u32 = 1;
/// As many as a rack holds.
pub(crate) const MOST_STICKS: usize = 120;
/// No firmware has more.
const MOST_PARTITIONS: usize = 256;
/// What to do about a file that holds something else.
const ANOTHER: &str = "name another file for --virtual-state, or delete this one";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StateFile {
    #[serde(rename = "stickshift-virtual")]
    version: u32,
    sticks: Vec<Kept>,
}

/// A stick that this process plays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlayedStick {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) seed: u64,
}

/// Enough of the file to tell which version wrote it.
#[derive(Deserialize)]
struct Header {
    #[serde(rename = "stickshift-virtual")]
    version: u32,
}

/// A stick that no process plays now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    /// As in `--virtual`.
    pub(crate) name: String,
    pub(crate) seed: u64,
    /// The message that switched a stick which is only there to be switched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<usize>,
    /// The USB configuration, where it is another one than the stick begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) configuration: Option<u8>,
    /// Its modem, and the SIM in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    modem: Option<ModemState>,
    /// What a stick with a flash is left as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    flashable: Option<Flashable>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Flashable {
    mode: String,
    kind: String,
    version: String,
    web_ui: String,
    ports: String,
    nv_intact: bool,
    written: bool,
    boot_pin_misses: u32,
    /// By code, in hex.
    partitions: BTreeMap<String, KeptPartition>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptPartition {
    whole: bool,
    hex: String,
}

/// The sticks in a file; `None` where there is no file yet.
///
/// # Errors
/// `FileCorrupt` for anything that this program did not write, `WrongFileKind` for another version's; what reading reports.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<Kept>>> {
    let bytes = files::read_virtual_sticks(path).map(Some).or_else(|e| match e.kind() {
        ErrorKind::FileNotFound => Ok(None),
        _ => Err(e),
    })?;
    // Whether it can be written is better said now than when the work is done.
    AtomicFile::create(path)?;
    let Some(bytes) = bytes else { return Ok(None) };
    let corrupt = |why: String| {
        Error::new(ErrorKind::FileCorrupt, format!("{} holds no virtual sticks: {why}", path.display()))
            .detail(Detail::NextStep(ANOTHER))
    };
    let header: Header = serde_json::from_slice(&bytes).map_err(|e| corrupt(e.to_string()))?;
    if header.version != VERSION {
        let what = format!(
            "{} is of version {}, and this program reads version {VERSION}",
            path.display(),
            header.version
        );
        return Err(Error::new(ErrorKind::WrongFileKind, what).detail(Detail::NextStep(ANOTHER)));
    }
    let file: StateFile = serde_json::from_slice(&bytes).map_err(|e| corrupt(e.to_string()))?;
    if file.sticks.len() > MOST_STICKS {
        return Err(corrupt(format!("{} sticks are more than {MOST_STICKS}", file.sticks.len())));
    }
    Ok(Some(file.sticks))
}

/// Puts the sticks of a virtual computer away.
///
/// # Errors
/// `FileUnwritable`.
pub(crate) fn write(path: &Path, bus: &VirtualBus, sticks: &[PlayedStick]) -> Result<()> {
    let sticks = sticks.iter().map(|stick| {
        let flashable = bus.with(&stick.place, |stick: &mut HuaweiStick| flashable(stick.keep()));
        let message = bus.with(&stick.place, |stick: &mut ZeroCd| stick.keep()).flatten();
        Kept {
            message,
            configuration: bus.other_configuration(&stick.place),
            modem: bus.modem_state(&stick.place),
            flashable,
            ..Kept::new(&stick.name, stick.seed)
        }
    });
    let file = StateFile { version: VERSION, sticks: sticks.collect() };
    let mut text = serde_json::to_vec_pretty(&file).map_err(|e| {
        Error::new(ErrorKind::FileUnwritable, "the virtual sticks cannot be written").because(e)
    })?;
    text.push(b'\n');
    atomic_file::write(path, &text)
}

fn flashable(kept: KeptStick) -> Flashable {
    let partition = |p: &Partition| KeptPartition { whole: p.whole, hex: hex::encode(&p.bytes) };
    Flashable {
        mode: kept.mode.to_owned(),
        kind: kept.firmware.kind.to_string(),
        version: kept.firmware.version,
        web_ui: kept.firmware.webui,
        ports: kept.ports,
        nv_intact: kept.nv_intact,
        written: kept.written,
        boot_pin_misses: kept.boot_pin_misses,
        partitions: kept.partitions.iter().map(|(code, p)| (format!("{code:08x}"), partition(p))).collect(),
    }
}

impl Kept {
    /// A stick as new.
    pub(crate) fn new(name: &str, seed: u64) -> Kept {
        Kept { name: name.to_owned(), seed, message: None, configuration: None, modem: None, flashable: None }
    }

    /// Makes `stick`, which is new and of this name, what it was when it was put away.
    ///
    /// # Errors
    /// `FileCorrupt` for a state that such a stick has never.
    pub(crate) fn go_on(&self, stick: &mut dyn Device) -> Result<()> {
        let corrupt = |what: &str| Err(self.corrupt(what));
        if self.modem.as_ref().is_some_and(|modem| !stick.go_on_with(modem)) {
            return corrupt("its modem is never like that");
        }
        let stick: &mut dyn std::any::Any = stick;
        if let Some(stick) = stick.downcast_mut::<ZeroCd>() {
            return match stick.go_on_as(self.message) && self.flashable.is_none() {
                true => Ok(()),
                false => corrupt("it has no such message"),
            };
        }
        let Some(state) = &self.flashable else { return Ok(()) };
        let Some(stick) = stick.downcast_mut::<HuaweiStick>() else { return corrupt("it has no flash") };
        match state.kept() {
            Ok(kept) => {
                stick.go_on_as(kept);
                Ok(())
            }
            Err(what) => corrupt(what),
        }
    }

    /// The error for a state that such a stick has never.
    pub(crate) fn corrupt(&self, what: &str) -> Error {
        Error::new(
            ErrorKind::FileCorrupt,
            format!("the state of the virtual stick {} is damaged: {what}", self.name),
        )
    }
}

impl Flashable {
    fn kept(&self) -> std::result::Result<KeptStick, &'static str> {
        if self.partitions.len() > MOST_PARTITIONS {
            return Err("too many partitions");
        }
        let ports = self.ports.bytes().all(|b| b.is_ascii_alphanumeric() || b == b',' || b == b';');
        if !ports || self.ports.len() > 128 {
            return Err("its ports are no list of ports");
        }
        if [&self.version, &self.web_ui]
            .iter()
            .any(|text| text.len() > 128 || text.chars().any(char::is_control))
        {
            return Err("a version is no version");
        }
        let mode = KeptStick::MODES.iter().find(|mode| **mode == self.mode).ok_or("an unknown mode")?;
        let kind = [FirmwareKind::Stick, FirmwareKind::Hilink]
            .into_iter()
            .find(|kind| kind.to_string() == self.kind);
        let kind = kind.ok_or("an unknown kind of firmware")?;
        let mut partitions = BTreeMap::new();
        for (code, kept) in &self.partitions {
            let code = u32::from_str_radix(code, 16).map_err(|_| "a partition's code is no number")?;
            let bytes = hex::decode(&kept.hex).ok_or("a partition is no bytes in hex")?;
            partitions.insert(code, Partition { bytes, whole: kept.whole });
        }
        Ok(KeptStick {
            partitions,
            nv_intact: self.nv_intact,
            written: self.written,
            boot_pin_misses: self.boot_pin_misses,
            ports: self.ports.clone(),
            firmware: Firmware::new(kind, &self.version, &self.web_ui),
            mode,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::VirtualOptions;

    #[test]
    fn sticks_are_taken_out_as_they_were_put_away() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let names = Some("e3372h-needle,k3772,19d2:2000".to_owned());
        let options = VirtualOptions { names, state: Some(state.clone()), ..VirtualOptions::default() };
        let played = options.asked_for().unwrap();
        write(&state, &played.bus, &played.sticks).unwrap();
        let text = std::fs::read(&state).unwrap();
        let again = VirtualOptions { names: None, ..options.clone() }.asked_for().unwrap();
        assert_eq!(again.sticks, played.sticks);
        write(&state, &again.bus, &again.sticks).unwrap();
        assert_eq!(std::fs::read(&state).unwrap(), text);

        let other = VirtualOptions { names: Some("k3772".to_owned()), ..options.clone() };
        assert!(other.asked_for().err().unwrap().is(ErrorKind::Usage));
        let seeded = VirtualOptions { seed: Some(9), ..options };
        assert!(seeded.asked_for().err().unwrap().is(ErrorKind::Usage));
    }

    #[test]
    fn a_file_of_somebody_else_is_named_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let stick = |extra: &str| {
            format!(
                "{{\"stickshift-virtual\":1,\"sticks\":[{{\"name\":\"e3372h-hilink\",\"seed\":1,\"flashable\":{{\"mode\":\"off\",\
                 \"kind\":\"stick\",\"version\":\"1\",\"web-ui\":\"\",\"ports\":\"\",\"nv-intact\":true,\"written\":false,\
                 \"boot-pin-misses\":0,\"partitions\":{{}}{extra}}}}}]}}"
            )
        };
        let bad = |text: &str, kind: ErrorKind| {
            std::fs::write(&state, text).unwrap();
            let options = VirtualOptions { state: Some(state.clone()), ..VirtualOptions::default() };
            let error = options.asked_for().err().unwrap_or_else(|| panic!("{text} was read"));
            assert!(error.is(kind), "{text}: {error:?}");
            assert_eq!(std::fs::read_to_string(&state).unwrap(), text);
        };
        for text in
            ["", "{}", "[[", "\0", "{\"stickshift-virtual\":1}", "{\"stickshift-virtual\":1,\"sticks\":[{}]}"]
        {
            bad(text, ErrorKind::FileCorrupt);
        }
        bad("{\"stickshift-virtual\":2,\"sticks\":[]}", ErrorKind::WrongFileKind);
        bad(&"[".repeat(100_000), ErrorKind::FileCorrupt);
        bad(&stick(",\"more\":1"), ErrorKind::FileCorrupt);
        for (from, to) in [
            ("\"off\"", "\"on\""),
            ("\"stick\"", "\"ship\""),
            ("\"version\":\"1\"", "\"version\":\"\\u001b\""),
            ("\"ports\":\"\"", "\"ports\":\"\\u0000\""),
            ("\"partitions\":{}", "\"partitions\":{\"xyz\":{\"whole\":true,\"hex\":\"00\"}}"),
            ("\"partitions\":{}", "\"partitions\":{\"1\":{\"whole\":true,\"hex\":\"0\"}}"),
        ] {
            let text = stick("");
            assert!(text.contains(from), "{from}");
            bad(&text.replacen(from, to, 1), ErrorKind::FileCorrupt);
        }
        bad("{\"stickshift-virtual\":1,\"sticks\":[{\"name\":\"nobody\",\"seed\":1}]}", ErrorKind::Usage);
        for wrong in ["\"message\":7", "\"configuration\":7", "\"modem\":{}"] {
            bad(
                &format!(
                    "{{\"stickshift-virtual\":1,\"sticks\":[{{\"name\":\"k3772\",\"seed\":1,{wrong}}}]}}"
                ),
                ErrorKind::FileCorrupt,
            );
        }
    }
}
