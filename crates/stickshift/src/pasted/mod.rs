//! Texts that people paste when they ask about a stick: `lsusb -v`, `lsusb`, `lsusb -t`, `usb-devices`, the kernel's log, `mmcli -m`, alone
//! or one after another in one file.
//!
//! Only the names of fields are looked at, never the indentation or the order of whole blocks: forums strip spaces and add markup, mail adds
//! quotation marks and wraps lines, and people cut. What is missing stays unknown and is said in the remarks.
//!
//! ```
//! let text = "Bus 001 Device 005: ID 12d1:1f01 Huawei Technologies Co., Ltd. E353/E3131 (Mass storage mode)";
//! let paste = stickshift::pasted::read(text.as_bytes()).expect("a line of lsusb");
//! assert_eq!(paste.devices[0].id.to_string(), "12d1:1f01");
//! assert!(stickshift::pasted::read(b"hello").is_none());
//! ```

mod answers;
mod bus_lists;
mod com_ports;
mod control;
mod damage;
mod described;
mod device;
mod escapes;
mod hints;
mod inventory;
mod joined;
mod kernel_log;
mod lines;
mod log_line;
mod lsusb;
mod mode_switch;
mod modem_manager;
mod number;
mod order;
mod own;
mod roles;
mod sections;
mod states;
mod successors;
mod tree;
mod udev;
mod usb_devices;
mod usbconfig;
mod viewers;
mod web;
mod windows;
mod without_ids;

pub use device::{Attached, PastedDevice};
pub use modem_manager::{ManagedModem, Teller};
pub use own::OwnReport;

use crate::stick::{UsbId, vendor_name};
use device::{class_of_driver, configuration};

/// No paste shows more devices than a rack of sticks has; the rest is left out.
pub const MOST_DEVICES: usize = 256;
/// No device has more; bInterfaceNumber is one byte, and alternate settings multiply.
const MOST_INTERFACES: usize = 256;
/// Endpoints of one alternate setting: 15 in each direction.
const MOST_ENDPOINTS: usize = 30;
/// bNumConfigurations of any device that was seen is below 8.
const MOST_CONFIGURATIONS: usize = 16;
/// What is said of a text as a whole; nobody reads more.
const MOST_REMARKS: usize = 256;
/// bMaxPower where the text does not say: 500 mA, in units of 2 mA.
const USUAL_POWER: u8 = 250;

/// Of a device whose ids were not pasted.
const NO_ID: UsbId = UsbId::new(0, 0);

/// What a text was printed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// `lsusb`: ids and names.
    Lsusb,
    /// `lsusb -v`: descriptors.
    LsusbVerbose,
    /// `lsusb -t`: places and drivers.
    LsusbTree,
    /// `usb-devices`, or the kernel's file of that form.
    UsbDevices,
    /// `dmesg` or `journalctl -k`.
    KernelLog,
    /// `mmcli -m`.
    ModemManager,
    /// `usb_modeswitch -W`, or its dispatcher.
    ModeSwitch,
    /// Hardware ids in Windows' device manager.
    Windows,
    /// macOS' `system_profiler SPUSBDataType`, with `-json` or without.
    Profiler,
    /// macOS' `ioreg -p IOUSB -l`.
    Ioreg,
    /// `udevadm info`.
    Udev,
    /// openSUSE's `hwinfo`.
    Hwinfo,
    /// FreeBSD's `usbconfig`.
    Usbconfig,
    /// OpenWrt's `usbmode -l`.
    UsbMode,
    /// RouterOS' `/system resource usb print`.
    RouterOs,
    /// USBView, USB Device Tree Viewer, USBlyzer, pyusb: descriptors.
    Viewer,
    /// `lshw`, also as JSON.
    Lshw,
    /// `inxi`.
    Inxi,
    /// `lsusb.py`.
    LsusbPy,
    /// usbview of Linux.
    Usbview,
    /// modemdata of OpenWrt, whose answer luci-app-3ginfo-lite and others show.
    ModemData,
    /// stickshift's own report.
    Report,
}

impl Format {
    /// Whether it shows every interface of a device, used or not.
    pub fn shows_all(self) -> bool {
        matches!(
            self,
            Format::UsbDevices
                | Format::Report
                | Format::LsusbVerbose
                | Format::LsusbTree
                | Format::Viewer
                | Format::LsusbPy
                | Format::Usbview
        )
    }

    /// The command that prints it.
    pub fn command(self) -> &'static str {
        match self {
            Format::Lsusb => "lsusb",
            Format::LsusbVerbose => "lsusb -v",
            Format::LsusbTree => "lsusb -t",
            Format::UsbDevices => "usb-devices",
            Format::KernelLog => "dmesg",
            Format::ModemManager => "mmcli -m",
            Format::ModeSwitch => "usb_modeswitch",
            Format::Windows => "Windows (hardware ids)",
            Format::Profiler => "system_profiler SPUSBDataType",
            Format::Ioreg => "ioreg -p IOUSB -l",
            Format::Udev => "udevadm info",
            Format::Hwinfo => "hwinfo",
            Format::Usbconfig => "usbconfig",
            Format::UsbMode => "usbmode -l",
            Format::RouterOs => "/system resource usb print",
            Format::Viewer => "USBView or the like",
            Format::Lshw => "lshw",
            Format::Inxi => "inxi",
            Format::LsusbPy => "lsusb.py",
            Format::Usbview => "usbview",
            Format::ModemData => "modemdata",
            Format::Report => "stickshift report",
        }
    }
}

/// Everything that a text tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paste {
    /// Every USB device, in the order of the text; also hubs, keyboards and the rest.
    pub devices: Vec<PastedDevice>,
    /// Modems as ModemManager describes them, or as they answered themselves.
    pub modems: Vec<ManagedModem>,
    /// What the text as a whole lacks; one lower-case line each.
    pub remarks: Vec<String>,
    /// It tells of a device whose ids are not in it.
    pub has_nameless: bool,
    /// Numbers of errors that a HiLink stick's web page answered, or a router with the same page.
    pub page_errors: Vec<i32>,
    /// It is a report of stickshift's own, or has one in it.
    pub report: Option<OwnReport>,
}

/// Reads a text; `None` when no line of it is of a known form. Remarks alone mean that the text is of such a form and names no device. Bytes that are no UTF-8 are replaced, those of a file with zeros are none of a text; UTF-16 is read.
pub fn read(bytes: &[u8]) -> Option<Paste> {
    let bytes = lines::without_zeros(bytes)?;
    let text = lines::decode(&bytes);
    let text = lines::plain(&text);
    let mut paste = Paste::default();
    let is_report = text.contains(sections::HEAD);
    for part in sections::of(&text) {
        paste.add(read_part(part, is_report));
    }
    if let Some(report) = &mut paste.report {
        report.finish();
    }
    let told = !paste.devices.is_empty()
        || !paste.modems.is_empty()
        || !paste.remarks.is_empty()
        || !paste.page_errors.is_empty()
        || paste.report.is_some();
    told.then_some(paste)
}

fn read_part(text: &str, is_report: bool) -> Paste {
    let undone = damage::undone(text);
    let mut lines = whole_lines(&undone);
    let runs = order::oldest_first(&mut lines);
    let mut reader = Reader { runs, own: is_report.then(OwnReport::default), ..Reader::default() };
    for (text, indent) in &lines {
        reader.line(&lines::Line { text, indent: *indent });
    }
    reader.finish(text)
}

impl Paste {
    fn is_full(&mut self) {
        let remark = too_many();
        if !self.remarks.contains(&remark) {
            self.remarks.insert(0, remark);
        }
    }

    /// What another part of the text tells.
    fn add(&mut self, part: Paste) {
        for device in part.devices {
            // One report that is pasted twice tells nothing more.
            let again = device.place.is_some() && self.devices.contains(&device);
            if again {
                continue;
            }
            if self.devices.len() >= MOST_DEVICES {
                self.is_full();
                break;
            }
            self.devices.push(device);
        }
        self.modems.extend(part.modems);
        for remark in part.remarks {
            if self.remarks.len() < MOST_REMARKS && !self.remarks.contains(&remark) {
                self.remarks.push(remark);
            }
        }
        self.has_nameless |= part.has_nameless;
        self.page_errors.extend(part.page_errors);
        match (&mut self.report, part.report) {
            (Some(report), Some(part)) => report.add(part),
            (report @ None, part) => *report = part,
            (Some(_), None) => {}
        }
    }
}

fn too_many() -> String {
    format!("only the first {MOST_DEVICES} devices are shown")
}

/// The lines with their indentation; those that a mail program wrapped are one again.
fn whole_lines(text: &str) -> Vec<(String, usize)> {
    // A line that is copied twice tells nothing more.
    let mut before = "";
    let lines = lines::of(text).filter(|line| std::mem::replace(&mut before, line.text) != line.text);
    let mut lines = lines.peekable();
    let mut all = Vec::new();
    while let Some(line) = lines.next() {
        let mut whole = line.text.to_owned();
        while let Some(next) =
            lines.next_if(|next| whole.len() < lines::LONGEST && damage::goes_on(&whole, next))
        {
            whole.push_str(damage::joint(&whole));
            whole.push_str(next.text);
        }
        all.push((whole, line.indent));
    }
    all
}

/// The state between two lines.
#[derive(Debug, Default)]
struct Reader {
    devices: Vec<PastedDevice>,
    verbose: lsusb::Verbose,
    listing: usb_devices::Listing,
    tree: tree::Tree,
    log: kernel_log::Log,
    managed: modem_manager::Managed,
    mode_switch: mode_switch::ModeSwitch,
    /// Which way the lines of a log run.
    runs: order::Runs,
    states: states::States,
    udev: udev::Udev,
    inventory: inventory::Inventory,
    bus_lists: bus_lists::BusLists,
    /// idProduct of macOS, whose next lines name the vendor.
    product: Option<u16>,
    ioreg: windows::Told,
    profiled: windows::Told,
    /// idVendor of USBDeview, which is before the product.
    vendor_id: Option<u16>,
    com_ports: com_ports::ComPorts,
    answers: answers::Answers,
    control: control::Control,
    web: web::Web,
    described: described::Described,
    hints: hints::Hints,
    own: Option<OwnReport>,
    /// Remarks on devices without ids.
    nameless: Vec<String>,
    /// What other programs say of the whole.
    said: Vec<String>,
    /// A device was left out because there were too many.
    full: bool,
}

impl Reader {
    fn line(&mut self, line: &lines::Line<'_>) {
        // Each form has words of its own; the first that knows the line takes it.
        let taken = self.own_line(line.text)
            || self.tree_line(line)
            || self.lsusb_line(line)
            || self.usbconfig_line(line.text)
            || self.udev_line(line.text)
            || self.inventory_line(line.text)
            || self.bus_list_line(line.text)
            || self.usb_devices_line(line.text)
            || self.mode_switch_line(line.text)
            || self.kernel_log_line(line.text)
            || self.windows_line(line.text)
            || self.com_port_line(line.text)
            || self.profiler_line(line.text);
        if !taken {
            self.states.other(line.text);
            self.web.line(line.text);
            let _ = self.verbose_line(line.text)
                || self.managed.line(line.text)
                || self.control.line(line.text)
                || self.answers.line(line.text)
                || self.described.line(line.text)
                || self.hints.line(line.text);
        }
    }

    /// The device with this address and id, or a new one; its index.
    fn device(&mut self, address: Option<(u16, u16)>, id: UsbId, format: Format) -> Option<usize> {
        let same = |d: &PastedDevice| address.is_some() && d.address == address && d.id == id;
        let index = match self.devices.iter().position(same) {
            Some(index) => index,
            None => self.add(PastedDevice { address, ..PastedDevice::new(id) })?,
        };
        self.devices[index].is_in(format);
        Some(index)
    }

    fn add(&mut self, device: PastedDevice) -> Option<usize> {
        if self.devices.len() >= MOST_DEVICES {
            self.full = true;
            return None;
        }
        self.devices.push(device);
        Some(self.devices.len() - 1)
    }

    /// Gives the ports of which the links in `/dev/serial/by-id` tell the maker and the interface to the only device of that maker.
    fn join_links(&mut self) {
        for (node, interface, maker) in self.hints.links() {
            let is_its = |d: &&mut PastedDevice| vendor_name(d.id.vendor) == Some(maker) && !d.gone;
            let mut all = self.devices.iter_mut().filter(is_its);
            let (Some(device), None) = (all.next(), all.next()) else { continue };
            let whole = device.configurations.iter().any(|c| !c.interfaces.is_empty());
            let attached = device.attached(interface);
            let class = if node.starts_with("ttyACM") { [0x02, 0x02, 0x01] } else { [0xff; 3] };
            attached.class = attached.class.or((!whole).then_some(class));
            attached.tty = attached.tty.take().or(Some(node));
        }
    }

    fn finish(mut self, text: &str) -> Paste {
        self.end_verbose();
        self.end_udev();
        self.finish_inventory();
        self.join_tree();
        self.settle_states();
        let (mut remarks, failed) = self.join_log();
        self.join_links();
        self.join_switched(failed);
        self.end_own();
        self.join_com_ports();
        self.devices.iter_mut().filter(|d| d.half_an_id).for_each(|d| d.id = NO_ID);
        // Old kernels give root hubs no ids.
        let is_root =
            |d: &PastedDevice| d.formats == [Format::Lsusb] && d.address.is_some_and(|(_, n)| n == 1);
        for device in self.devices.iter().filter(|d| d.id == NO_ID && !is_root(d)) {
            self.nameless.extend(without_ids::evidence(device.place.as_ref(), &device.attached));
            let at = device.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
            self.nameless.extend(device.remarks.iter().map(|remark| format!("{at}{remark}")));
            if !(device.unsteady && device.attached.is_empty()) {
                self.nameless
                    .push("the lines with the ids of a device are missing: paste the whole text".to_owned());
            }
        }
        let saw_none = self.managed.saw_none;
        let mut modems = std::mem::take(&mut self.managed).finish(text);
        // ModemManager's log has the answers of the modem, too.
        let same = |one: &Option<String>, other: &Option<String>| one.is_some() && one == other;
        let known = |modem: &ManagedModem| {
            let is_it =
                |m: &ManagedModem| same(&m.model, &modem.model) || same(&m.equipment_id, &modem.equipment_id);
            modems.iter().any(is_it)
        };
        let answered: Vec<ManagedModem> = self.answers.finish().into_iter().filter(|m| !known(m)).collect();
        modems.extend(answered);
        let talked = self.control.talked;
        modems.extend(self.control.finish());
        modems.extend(self.described.finish());
        if modems.is_empty() && talked {
            self.hints.talked_over_control();
        }
        let page_errors = std::mem::take(&mut self.web.errors);
        modems.extend(self.web.finish());
        if self.devices.iter().all(|d| d.id == NO_ID) && modems.is_empty() {
            self.nameless.extend(self.hints.finish());
        }
        self.nameless.sort();
        self.nameless.dedup();
        let has_nameless = !self.nameless.is_empty();
        remarks.append(&mut self.said);
        remarks.append(&mut self.nameless);
        self.devices.retain(|d| d.id != NO_ID);
        if self.full {
            remarks.insert(0, too_many());
        }
        for device in &mut self.devices {
            device.set_cut_off_aside();
            device.remark_on_cuts();
        }
        if saw_none {
            remarks.push("ModemManager found no modem".to_owned());
        }
        Paste { devices: self.devices, modems, remarks, has_nameless, page_errors, report: self.own }
    }
}

#[cfg(test)]
mod tests;
