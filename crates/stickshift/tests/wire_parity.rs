//! What we put on the wire equals what usb_modeswitch 2.6.1 was recorded to put there, entry by entry. The exceptions are
//! in `docs/deviations.toml`, by name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use stickshift::error::Result;
use stickshift::event::Session;
use stickshift::link::{ControlSetup, Moment, UsbLink};
use stickshift::profile::formats::usb_modeswitch;
use stickshift::profile::{Entry, Parameters, builtin};
use stickshift::switch::{End, Pipe, Transfer, View, run, sequence};
use stickshift::wire::scsi::{CommandBlock, CommandStatus};
use stickshift::wire::usb::{
    ConfigurationDescriptor, DeviceDescriptor, EndpointDescriptor, InterfaceDescriptor,
};

/// The emulated device of the recordings: device class 0, one configuration (five if the entry sets one) with one storage interface,
/// bulk OUT 01 and IN 81, a driver bound; every transfer succeeds and a good status comes.
struct Recorder {
    device: [u8; 18],
    configurations: Vec<Vec<u8>>,
    active: u8,
    tag: [u8; 4],
    calls: Vec<String>,
}

impl Recorder {
    fn new(parameters: &Parameters) -> Self {
        let count = if parameters.configuration.is_some() { 5 } else { 1 };
        let device = DeviceDescriptor {
            usb: 0x0200,
            class: [0; 3],
            max_packet: 64,
            vendor: 1,
            product: 1,
            release: 0,
            manufacturer_index: 0,
            product_index: 0,
            serial_index: 0,
            configurations: count,
        };
        let endpoint = |address| EndpointDescriptor {
            address,
            attributes: 2,
            max_packet: 512,
            interval: 0,
            extra: vec![],
        };
        let configuration = |value| ConfigurationDescriptor {
            value,
            name_index: 0,
            attributes: 0x80,
            max_power: 250,
            extra: vec![],
            interfaces: vec![InterfaceDescriptor {
                class: [8, 6, 0x50],
                endpoints: vec![endpoint(0x01), endpoint(0x81)],
                ..InterfaceDescriptor::default()
            }],
        };
        Recorder {
            device: device.encode(),
            configurations: (1..=count).map(|value| configuration(value).encode()).collect(),
            active: 1,
            tag: [0; 4],
            calls: vec![],
        }
    }

    fn control(&mut self, s: ControlSetup, length: usize, data: &[u8]) {
        let (kind, request, value, index) = (s.request_type, s.request, s.value, s.index);
        let data = hex(data);
        self.calls.push(format!("control {kind:02x} {request:02x} {value:04x} {index:04x} {length} {data}"));
    }
}

impl UsbLink for Recorder {
    fn device_descriptor(&self) -> &[u8] {
        &self.device
    }
    fn configurations(&self) -> &[Vec<u8>] {
        &self.configurations
    }
    fn active_configuration(&mut self) -> Result<u8> {
        Ok(self.active)
    }
    fn detach_kernel_driver(&mut self, interface: u8) -> Result<bool> {
        self.calls.push(format!("detach_kernel_driver if{interface}"));
        Ok(true)
    }
    fn claim(&mut self, interface: u8) -> Result<()> {
        self.calls.push(format!("claim_interface {interface}"));
        Ok(())
    }
    fn release(&mut self, interface: u8) -> Result<()> {
        self.calls.push(format!("release_interface {interface}"));
        Ok(())
    }
    fn control_in(&mut self, setup: ControlSetup, buffer: &mut [u8], _: Duration) -> Result<usize> {
        assert!(setup.request_type & 0x80 != 0);
        self.control(setup, buffer.len(), &[]);
        Ok(buffer.len())
    }
    fn control_out(&mut self, setup: ControlSetup, data: &[u8], _: Duration) -> Result<()> {
        assert!(setup.request_type & 0x80 == 0);
        self.control(setup, data.len(), data);
        Ok(())
    }
    fn write(&mut self, endpoint: u8, data: &[u8], _: Duration) -> Result<()> {
        assert!(endpoint & 0x80 == 0);
        if let Some(command) = CommandBlock::parse(data) {
            self.tag = command.tag;
        }
        self.calls.push(format!("out {endpoint:02x} {}", hex(data)));
        Ok(())
    }
    fn read(&mut self, endpoint: u8, buffer: &mut [u8], _: Duration) -> Result<usize> {
        self.calls.push(format!("in {endpoint:02x} {}", buffer.len()));
        let status = CommandStatus { tag: self.tag, residue: 0, status: 0 }.encode();
        let n = status.len().min(buffer.len());
        buffer[..n].copy_from_slice(&status[..n]);
        Ok(n)
    }
    fn clear_halt(&mut self, endpoint: u8) -> Result<()> {
        self.calls.push(format!("clear_halt ep{endpoint:02x}"));
        Ok(())
    }
    fn set_configuration(&mut self, value: u8) -> Result<()> {
        self.calls.push(format!("set_configuration {value}"));
        self.active = value;
        Ok(())
    }
    fn set_alt_setting(&mut self, interface: u8, alternate: u8) -> Result<()> {
        self.calls.push(format!("set_interface_alt_setting {interface} {alternate}"));
        Ok(())
    }
    fn reset(&mut self) -> Result<()> {
        self.calls.push("reset_device".to_owned());
        Ok(())
    }
    fn now(&self) -> Moment {
        Moment::ZERO
    }
    fn sleep(&mut self, _: Duration) {}
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Our transfers for an entry. A stick that restarts comes back as it was, as the emulated one does.
fn ours(entry: &Entry) -> Vec<String> {
    let mut link = Recorder::new(&entry.parameters);
    let view = View::of(&mut link).unwrap();
    let sequence = sequence(&entry.parameters, &view).unwrap();
    let mut from = 0;
    loop {
        match run(&sequence, from, &mut link, &mut Session::quiet()).unwrap().end {
            End::Sent => return link.calls,
            End::AwaitReturn { step } => from = sequence.after_return(step, &view),
            other => panic!("{}: {other:?}", entry.key),
        }
    }
}

/// A recorded transfer in the words of [`Recorder`]. Bulk and interrupt look alike through a link; the sequence is compared apart.
fn recorded(transfer: &Value) -> String {
    let text = |key: &str| transfer[key].as_str().unwrap_or_else(|| panic!("{key} in {transfer}"));
    match text("op") {
        "bulk_out" | "interrupt_out" => format!("out {} {}", text("ep"), text("data")),
        "bulk_in" | "interrupt_in" => format!("in {} {}", text("ep"), transfer["len"]),
        "control" => format!(
            "control {} {} {} {} {} {}",
            text("bmRequestType"),
            text("bRequest"),
            text("wValue"),
            text("wIndex"),
            transfer["wLength"],
            text("data")
        ),
        op => format!("{op} {}", transfer["arg"].as_str().unwrap_or_default()).trim_end().to_owned(),
    }
}

/// What usb_modeswitch's transfers become under a deviation of this name.
fn deviate(name: &str, calls: &[String]) -> Vec<String> {
    let mut changed = calls.to_vec();
    match name {
        "data-phase" => {
            for at in 1..changed.len() {
                let asks = changed[at - 1].strip_prefix("out 01 ").and_then(|hex| {
                    let bytes: Vec<u8> = (0..hex.len())
                        .step_by(2)
                        .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
                        .collect();
                    CommandBlock::parse(&bytes).filter(CommandBlock::wants_data)
                });
                if let Some(command) = asks {
                    // The emulated device sends a status whatever is read, so there is no second read.
                    changed[at] = format!("in 81 {}", command.data_length.max(13));
                }
            }
        }
        "claim-for-interrupt" => {
            changed.insert(0, "claim_interface 0".to_owned());
            changed.push("release_interface 0".to_owned());
        }
        other => panic!("this test does not know the deviation {other}"),
    }
    changed
}

fn deviations() -> BTreeMap<String, BTreeSet<String>> {
    let table: toml::Table = include_str!("../../../docs/deviations.toml").parse().unwrap();
    let mut by_entry: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in table["deviation"].as_array().unwrap() {
        assert!(!row["what"].as_str().unwrap().is_empty() && !row["why"].as_str().unwrap().is_empty());
        for entry in row["entries"].as_array().unwrap() {
            let name = row["name"].as_str().unwrap().to_owned();
            assert!(
                by_entry.entry(entry.as_str().unwrap().to_owned()).or_default().insert(name),
                "{entry} twice"
            );
        }
    }
    by_entry
}

/// Where our transfers for an entry differ from `theirs`, the listed deviations aside.
fn difference(
    entry: &Entry,
    theirs: Vec<String>,
    listed: &BTreeMap<String, BTreeSet<String>>,
) -> Option<String> {
    let file = entry.key.to_string();
    let mut expected = theirs;
    for name in listed.get(&file).into_iter().flatten() {
        let changed = deviate(name, &expected);
        if changed == expected {
            return Some(format!("{file}: the deviation {name} is listed and does not occur"));
        }
        expected = changed;
    }
    let found = ours(entry);
    (found != expected).then(|| format!("{file}:\n  expected {expected:#?}\n  found {found:#?}"))
}

#[test]
fn every_recorded_entry_is_sent_as_it_was_recorded() {
    let traces: Value =
        serde_json::from_str(include_str!("../../../tests/fixtures/wire-traces.json")).unwrap();
    let entries: BTreeMap<String, Entry> = builtin::all().map(|e| (e.key.to_string(), e)).collect();
    let listed = deviations();
    let mut compared = 0;
    let mut wrong = Vec::new();
    for trace in traces["traces"].as_array().unwrap() {
        let file = trace["file"].as_str().unwrap();
        let theirs: Vec<String> = trace["transfers"].as_array().unwrap().iter().map(recorded).collect();
        wrong.extend(difference(&entries[file], theirs, &listed));
        compared += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared >= 256, "{compared}");
}

/// The real program, where it is installed, on an emulated stick (`tests/peers/usb_recorder.c`): for every entry, driven by the text
/// that we write and by the package's own.
#[test]
fn the_real_usb_modeswitch_sends_the_same_for_every_entry() {
    let folder = tempfile::tempdir().unwrap();
    let Some((program, library)) = test_support::usb_modeswitch(folder.path()) else { return };
    let listed = deviations();
    let mut wrong = Vec::new();
    let mut number = 0;
    let mut compare = |entry: &Entry, text: &str| {
        number += 1;
        let id = entry.key.id().unwrap();
        let log = folder.path().join(format!("{number}"));
        let run = Command::new(program)
            .args(["-Q", "-D", "-b", "1", "-g", "5"])
            .args(["-v", &format!("{:04x}", id.vendor), "-p", &format!("{:04x}", id.product), "-f", text])
            .env("LD_PRELOAD", &library)
            .env("RECORDER_LOG", &log)
            .env("RECORDER_ID", id.to_string())
            .env("RECORDER_CONFIGURATIONS", if entry.parameters.configuration.is_some() { "5" } else { "1" })
            .output()
            .unwrap();
        assert!(run.status.success() && run.stderr.is_empty(), "{}: {run:?}", entry.key);
        let recorded = fs::read_to_string(&log).unwrap_or_default();
        wrong.extend(difference(entry, recorded.lines().map(str::to_owned).collect(), &listed));
    };
    for entry in builtin::all() {
        let (text, losses) = usb_modeswitch::emit(&entry, false);
        assert_eq!(losses, [], "{}", entry.key);
        compare(&entry, &text);
    }
    // The package's own assignments, as they stand there.
    let package: Value =
        serde_json::from_str(include_str!("../../../tests/fixtures/modeswitch-db.json")).unwrap();
    let entries: BTreeMap<String, Entry> = builtin::all().map(|e| (e.key.to_string(), e)).collect();
    for theirs in package["entries"].as_array().unwrap() {
        let text: String = theirs["params"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| {
                let (name, value) = (p["name"].as_str().unwrap(), p["value"].as_str().unwrap());
                if p["quoted"] == true {
                    format!("{name}=\"{value}\"\n")
                } else {
                    format!("{name}={value}\n")
                }
            })
            .collect();
        compare(&entries[theirs["file"].as_str().unwrap()], &text);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{number} runs of {program} compared");
    assert!(number >= builtin::all().count() + 512, "{number}");
}

#[test]
fn the_table_lists_exactly_the_entries_whose_plans_differ() {
    let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in builtin::all() {
        let mut link = Recorder::new(&entry.parameters);
        let sequence = sequence(&entry.parameters, &View::of(&mut link).unwrap()).unwrap();
        let mut note = |name: &str| {
            expected.entry(entry.key.to_string()).or_default().insert(name.to_owned());
        };
        // Up to 13 bytes, the one read that the emulated device answers is the same.
        if sequence.transfers.iter().any(|t| matches!(t, Transfer::ReadData { length: 14.., .. })) {
            note("data-phase");
        }
        if sequence.transfers.iter().any(|t| matches!(t, Transfer::Write { pipe: Pipe::Interrupt, .. })) {
            note("claim-for-interrupt");
        }
    }
    assert_eq!(deviations(), expected);
}

#[test]
fn only_the_phone_cable_uses_interrupt_transfers() {
    for entry in builtin::all() {
        let mut link = Recorder::new(&entry.parameters);
        let sequence = sequence(&entry.parameters, &View::of(&mut link).unwrap()).unwrap();
        let interrupts = sequence
            .transfers
            .iter()
            .filter(|t| {
                matches!(
                    t,
                    Transfer::Write { pipe: Pipe::Interrupt, .. }
                        | Transfer::Read { pipe: Pipe::Interrupt, .. }
                )
            })
            .count();
        let expected = if entry.key.to_string() == "0df7:0800" { 152 } else { 0 };
        assert_eq!(interrupts, expected, "{}", entry.key);
    }
}
