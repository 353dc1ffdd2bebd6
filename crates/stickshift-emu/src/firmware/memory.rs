//! The flash of a virtual stick: what was written, whether it starts, and as what.
//!
//! Partition codes are those of docs/protocols/balong-flash.md section 1.5. What starts when only some partitions were written
//! is documented for no real stick; the rule here is the harsh one of docs/safety.md: with any partition begun and not finished, or with
//! a main firmware made of two versions, nothing starts and the chip stays in its boot ROM.

use std::collections::BTreeMap;
use std::fmt;

/// M3Boot (old and V7R11), partition table, fastboot: without these nothing starts.
pub const BOOT_CHAIN: [u32; 4] = [0x0020_0000, 0x0002_0000, 0x0001_0000, 0x0011_0000];
/// Kernel, VxWorks, M3, DSP and system, old numbering and V7R11.
const MAIN: [u32; 10] = [
    0x0009_0000,
    0x0003_0000,
    0x0022_0000,
    0x0004_0000,
    0x0023_0000,
    0x0005_0000,
    0x0024_0000,
    0x0006_0000,
    0x0010_0000,
    0x0059_0000,
];
/// Kernel, VxWorks, system: the partitions whose text tells the firmware's kind and version.
const TELLING: [u32; 6] = [0x0009_0000, 0x0003_0000, 0x0022_0000, 0x0004_0000, 0x0010_0000, 0x0059_0000];
/// Web UI and its version text.
const WEBUI: [u32; 5] = [0x0056_0000, 0x005b_0000, 0x0055_0000, 0x0051_0000, 0x001a_0000];

/// Two codes for one place on the flash: writing one replaces the other.
const SAME_PLACE: [[u32; 2]; 4] = [
    [0x0010_0000, 0x0059_0000],
    [0x0056_0000, 0x005b_0000],
    [0x0057_0000, 0x005a_0000],
    [0x0055_0000, 0x0051_0000],
];

/// What a synthetic image's partitions carry between two NULs, followed by ` version=.. kind=.. webui=..`.
pub const MARKER: &str = "stickshift-synthetic";

/// What firmware makes of a stick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirmwareKind {
    /// A plain modem.
    Stick,
    /// A network card with a router behind it.
    Hilink,
}

impl fmt::Display for FirmwareKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FirmwareKind::Stick => "stick",
            FirmwareKind::Hilink => "hilink",
        })
    }
}

/// The firmware that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firmware {
    /// Stick or HiLink.
    pub kind: FirmwareKind,
    /// For example `21.180.01.00.00`.
    pub version: String,
    /// For example `17.100.13.01.03`; empty when there is no web UI on the flash.
    pub webui: String,
}

impl Firmware {
    /// Firmware of a kind and version, with the web UI's version or an empty text.
    pub fn new(kind: FirmwareKind, version: &str, webui: &str) -> Self {
        Firmware { kind, version: version.to_owned(), webui: webui.to_owned() }
    }
}

/// One partition of the flash.
#[derive(Clone, PartialEq, Eq)]
pub struct Partition {
    /// What it holds.
    pub bytes: Vec<u8>,
    /// Whether writing it came to its end.
    pub whole: bool,
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes{}", self.bytes.len(), if self.whole { "" } else { ", torn" })
    }
}

/// The flash of a stick, by partition code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flash {
    partitions: BTreeMap<u32, Partition>,
    foreign: Firmware,
}

impl Flash {
    /// A flash that holds `firmware`, as it left the factory.
    pub fn with(firmware: &Firmware) -> Self {
        let mut flash = Flash::erased();
        let text = format!("\0{MARKER} version={} kind={}\0", firmware.version, firmware.kind);
        for code in [0x0011_0000, 0x0020_0000, 0x0001_0000] {
            flash.put(code, format!("factory boot chain {code:08x}").into_bytes());
        }
        for code in [0x0009_0000, 0x0022_0000, 0x0010_0000] {
            flash.put(code, text.clone().into_bytes());
        }
        for code in [0x0023_0000, 0x0024_0000, 0x0025_0000] {
            flash.put(code, vec![0xa5; 512]);
        }
        if !firmware.webui.is_empty() {
            flash.put(0x0056_0000, format!("\0{MARKER} webui={}\0", firmware.webui).into_bytes());
        }
        flash
    }

    /// A flash without anything.
    pub fn erased() -> Self {
        Flash {
            partitions: BTreeMap::new(),
            foreign: Firmware::new(FirmwareKind::Stick, "21.180.01.00.00", "17.100.18.05.1217"),
        }
    }

    /// A flash with these partitions.
    pub fn of(partitions: BTreeMap<u32, Partition>) -> Self {
        Flash { partitions, ..Flash::erased() }
    }

    /// What an image without a marker turns out to be once it runs.
    pub fn set_foreign(&mut self, firmware: Firmware) {
        self.foreign = firmware;
    }

    fn put(&mut self, code: u32, bytes: Vec<u8>) {
        self.partitions.insert(code, Partition { bytes, whole: true });
    }

    /// Every partition, by code.
    pub fn partitions(&self) -> &BTreeMap<u32, Partition> {
        &self.partitions
    }

    /// The bytes of a partition that was written to its end.
    pub fn partition(&self, code: u32) -> Option<&[u8]> {
        self.partitions.get(&code).filter(|p| p.whole).map(|p| p.bytes.as_slice())
    }

    /// Writing a partition begins: what it held is gone.
    pub(crate) fn begin(&mut self, code: u32) {
        for other in SAME_PLACE.iter().filter(|pair| pair.contains(&code)).flatten() {
            self.partitions.remove(other);
        }
        self.partitions.insert(code, Partition { bytes: Vec::new(), whole: false });
    }

    pub(crate) fn append(&mut self, code: u32, data: &[u8]) {
        if let Some(partition) = self.partitions.get_mut(&code) {
            partition.bytes.extend_from_slice(data);
        }
    }

    pub(crate) fn close(&mut self, code: u32) {
        if let Some(partition) = self.partitions.get_mut(&code) {
            partition.whole = true;
        }
    }

    /// Everything goes, as an unpatched loader does it.
    pub(crate) fn erase(&mut self) {
        self.partitions.clear();
    }

    /// What starts from this flash.
    ///
    /// # Errors
    /// Why nothing does.
    pub fn firmware(&self) -> Result<Firmware, String> {
        if let Some((code, _)) = self.partitions.iter().find(|(_, partition)| !partition.whole) {
            return Err(format!("partition {code:08x} is torn"));
        }
        if !BOOT_CHAIN.iter().any(|code| self.partitions.contains_key(code)) {
            return Err("the flash is empty".to_owned());
        }
        let told: Vec<(u32, Option<Marker<'_>>)> = TELLING
            .into_iter()
            .filter_map(|code| Some((code, Marker::find(self.partition(code)?))))
            .collect();
        if told.is_empty() {
            return Err("there is no system on the flash".to_owned());
        }
        let mut main = BOOT_CHAIN.into_iter().chain(MAIN).filter_map(|code| {
            let marker = Marker::find(self.partition(code)?)?;
            marker.version.map(|version| (code, version))
        });
        // A partition without a marker is of someone else's image, which is then what runs.
        if told.iter().any(|(_, marker)| marker.is_none()) {
            return Ok(self.foreign.clone());
        }
        let (first, version) = main.next().ok_or("the system has no version")?;
        if let Some((other, different)) = main.find(|(_, v)| *v != version) {
            return Err(format!(
                "partitions of two versions: {first:08x} of {version}, {other:08x} of {different}"
            ));
        }
        let hilink = told.iter().any(|(_, m)| m.as_ref().and_then(|m| m.kind) == Some("hilink"));
        let kind = if hilink { FirmwareKind::Hilink } else { FirmwareKind::Stick };
        Ok(Firmware::new(kind, version, self.webui().unwrap_or_default()))
    }

    fn webui(&self) -> Option<&str> {
        let in_its_own = WEBUI.into_iter().filter_map(|code| self.partition(code));
        let in_the_main = TELLING.into_iter().filter_map(|code| self.partition(code));
        in_its_own.chain(in_the_main).find_map(|bytes| Marker::find(bytes)?.webui)
    }
}

/// The text by which a synthetic image says what it stands for.
struct Marker<'a> {
    version: Option<&'a str>,
    kind: Option<&'a str>,
    webui: Option<&'a str>,
}

impl<'a> Marker<'a> {
    fn find(bytes: &'a [u8]) -> Option<Self> {
        let at = memchr::memmem::find(bytes, MARKER.as_bytes())?;
        let rest = &bytes[at..];
        let end = rest.iter().position(|&b| b == 0).unwrap_or(rest.len()).min(512);
        let text = std::str::from_utf8(&rest[..end]).ok()?;
        let value = |name: &str| {
            text.split_ascii_whitespace()
                .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
                .filter(|v| !v.is_empty())
        };
        Some(Marker { version: value("version"), kind: value("kind"), webui: value("webui") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hilink() -> Firmware {
        Firmware::new(FirmwareKind::Hilink, "22.200.15.00.00", "17.100.13.01.03")
    }

    fn write(flash: &mut Flash, code: u32, text: &str) {
        flash.begin(code);
        flash.append(code, text.as_bytes());
        flash.close(code);
    }

    #[test]
    fn the_factory_firmware_starts() {
        assert_eq!(Flash::with(&hilink()).firmware(), Ok(hilink()));
        assert!(Flash::erased().firmware().is_err());
    }

    /// One partition of each kind: boot loader, partition table, kernel, system, modem, web UI, its version, and one of no known kind.
    #[test]
    fn whatever_partition_is_torn_nothing_starts() {
        let kinds = [
            0x0011_0000,
            0x0001_0000,
            0x0009_0000,
            0x0010_0000,
            0x0023_0000,
            0x0056_0000,
            0x0055_0000,
            0x0077_0000,
        ];
        for code in kinds {
            let mut flash = Flash::with(&hilink());
            flash.begin(code);
            flash.append(code, b"the first block");
            assert_eq!(flash.firmware(), Err(format!("partition {code:08x} is torn")));
            write(&mut flash, code, &format!("\0{MARKER} version=22.200.15.00.00 kind=hilink\0"));
            assert!(flash.firmware().is_ok(), "{code:08x} written again: {:?}", flash.firmware());
        }
    }

    #[test]
    fn versions_must_agree_and_the_new_one_runs() {
        let text = "\0stickshift-synthetic version=21.180.01.00.00 kind=stick\0";
        let mut flash = Flash::with(&hilink());
        write(&mut flash, 0x0009_0000, text);
        assert!(flash.firmware().unwrap_err().contains("two versions"));
        write(&mut flash, 0x0022_0000, text);
        write(&mut flash, 0x0010_0000, text);
        let now = Firmware::new(FirmwareKind::Stick, "21.180.01.00.00", "17.100.13.01.03");
        assert_eq!(flash.firmware(), Ok(now), "the web UI stays where it was");
    }

    #[test]
    fn an_image_without_a_marker_is_what_the_option_says() {
        let mut flash = Flash::with(&hilink());
        flash.set_foreign(Firmware::new(FirmwareKind::Stick, "21.999", ""));
        write(&mut flash, 0x0009_0000, "no marker here");
        assert_eq!(flash.firmware().unwrap().version, "21.999");
    }
}
