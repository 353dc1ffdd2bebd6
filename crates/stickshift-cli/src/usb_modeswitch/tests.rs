use std::sync::Arc;
use std::time::Duration;

use stickshift::error::{Error, ErrorKind, Result};
use stickshift::event::Cancel;
use stickshift::link::{Bus, ByteLink, ClassifiedBus, HttpLink, Moment, UsbLink};
use stickshift::profile::Catalogue;
use stickshift::stick::{Drive, Place, Stick};
use stickshift_emu::computer::VirtualBus;
use stickshift_emu::sticks::catalogue::virtual_stick;

use super::run::{Environment, run};
use super::*;

struct Run {
    code: u8,
    out: String,
    err: String,
    notices: Vec<String>,
    bus: VirtualBus,
}

impl Run {
    fn lines(&self) -> Vec<&str> {
        self.out.lines().filter(|l| !l.is_empty()).collect()
    }
}

fn place() -> Place {
    "1-1".parse().unwrap()
}

/// Runs on a bus with that stick, plugged in a minute ago.
fn with_stick(name: &str, fault: Option<&str>, arguments: &[&str]) -> Run {
    let bus = VirtualBus::new();
    bus.plug(&place(), virtual_stick(name, 1, fault).unwrap());
    bus.advance(Duration::from_secs(60));
    on(bus, arguments)
}

fn on(bus: VirtualBus, arguments: &[&str]) -> Run {
    until(bus, arguments, "\0")
}

/// What is said, until a line of it has `last`: then somebody asks to stop.
struct Told<'a>(&'a mut Vec<u8>, &'a str, Cancel);

impl std::io::Write for Told<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.extend(bytes);
        if String::from_utf8_lossy(self.0).contains(self.1) {
            self.2.cancel();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn until(bus: VirtualBus, arguments: &[&str], last: &str) -> Run {
    let cancel = Cancel::new();
    let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
    let (mut out, mut err, mut notices) = (Vec::new(), Vec::new(), Vec::new());
    let environment = Environment {
        open: &mut || -> Result<Box<dyn Bus>> {
            let catalogue = Arc::new(Catalogue::builtin());
            Ok(Box::new(ClassifiedBus::new(Box::new(bus.clone()), catalogue).with_every_device()))
        },
        read: &mut |source| match source {
            Source::File(name) if name == "k3772" => Ok(K3772.to_owned()),
            Source::Stdin => Ok(format!("DefaultVendor=12d1\nDefaultProduct=1526\n{K3772}")),
            _ => Err(Error::new(ErrorKind::FileUnreadable, "cannot read it")),
        },
        notice: &mut |text| notices.push(text.to_owned()),
        cancel: &cancel,
    };
    let code = run(&arguments, environment, &mut Told(&mut out, last, cancel.clone()), &mut err);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code, out: text(out), err: text(err), notices, bus }
}

const K3772: &str = "TargetVendor=0x12d1\nTargetProduct=0x14cf\nHuaweiNewMode=1\n";

fn id(bus: &mut VirtualBus) -> String {
    let sticks = bus.sticks().unwrap();
    sticks.first().map(|s| s.id.to_string()).unwrap_or_default()
}

#[test]
fn as_the_dispatcher_calls_it() {
    let arguments = ["-Q", "-D", "-u", "-1", "-b", "1", "-g", "1", "-v", "12d1", "-p", "1526", "-f", K3772];
    let mut ran = with_stick("k3772", None, &arguments);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "ok:busdev\n", ""));
    assert_eq!(ran.notices, ["switch device 12d1:1526 on 001/001"]);
    ran.bus.advance(Duration::from_secs(10));
    assert_eq!(id(&mut ran.bus), "12d1:14cf");
    // Another device number: that one is not there.
    let mut other = arguments;
    other[7] = "2";
    let ran = with_stick("k3772", None, &other);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
}

#[test]
fn success_and_failure_are_checked_and_said() {
    let checked = ["-D", "-v", "12d1", "-p", "1526", "-c", "k3772", "-s", "20"];
    let limited = ["-D", "-v", "12d1", "-p", "1526", "-J", "-s", "20"];
    for (arguments, fault, human, script) in [
        (checked, "switches", "Mode switch succeeded. Bye!", "ok:no_data"),
        (checked, "ignores", "Mode switch has failed. Bye!", "fail:"),
        (checked, "never-comes-back", "Mode switch has failed. Bye!", "fail:"),
        (checked, "vanishes-early", "Mode switch succeeded. Bye!", "ok:no_data"),
        (checked, "no-status", "Mode switch succeeded. Bye!", "ok:no_data"),
        (checked, "stalls", "Mode switch has failed. Bye!", "fail:"),
    ] {
        let ran = with_stick("k3772", Some(fault), &arguments);
        assert_eq!(ran.code, 0, "{fault}: {}", ran.err);
        let lines = ran.lines();
        assert_eq!(lines[lines.len() - 2..], [human, script], "{fault}");
    }
    for (fault, human, script) in [
        ("switches", "Mode switch most likely succeeded. Bye!", "ok:no_data"),
        ("never-comes-back", "Mode switch most likely succeeded. Bye!", "ok:no_data"),
        ("ignores", "Mode switch most likely failed. Bye!", "fail:"),
    ] {
        let ran = with_stick(
            "k3772",
            Some(fault),
            &limited[..6].iter().chain(&limited[6..]).copied().collect::<Vec<_>>(),
        );
        let lines = ran.lines();
        assert_eq!(lines[lines.len() - 2..], [human, script], "{fault}");
        assert!(ran.out.contains("success check limited"));
    }
}

#[test]
fn only_what_was_not_sent_is_called_skipped() {
    for (last, skipped) in [("Access device", true), ("to endpoint", false)] {
        let bus = VirtualBus::new();
        bus.plug(&place(), virtual_stick("k3772", 1, Some("ignores")).unwrap());
        bus.advance(Duration::from_secs(60));
        let message = "55534243123456780000000000000011062000000100000000000000000000";
        let ran = until(bus, &["-v", "12d1", "-p", "1526", "-M", message, "-2", message], last);
        assert_eq!(ran.err.contains("Skip message sending"), skipped, "{}{}", ran.out, ran.err);
        assert!(ran.err.contains("stopped on request"), "{}{}", ran.out, ran.err);
        assert_eq!(ran.out.contains("Mode switch has failed"), skipped, "{}", ran.out);
    }
}

#[test]
fn quiet_leaves_the_lines_for_scripts() {
    let ran = with_stick("k3772", None, &["-Q", "-D", "-s", "20", "-t"]);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "ok:no_data\n", ""));
    let ran = with_stick("k3772", None, &["-Q", "-J", "-v", "12d1", "-p", "1526"]);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", ""));
}

#[test]
fn verbose_shows_parameters_transfers_and_the_stick() {
    let ran = with_stick("k3772", None, &["-W", "-v", "12d1", "-p", "1526", "-c", "k3772"]);
    for line in [
        "DefaultVendor=0x12d1",
        "TargetProduct=0x14cf",
        "HuaweiNewMode=1",
        " Found devices in default mode (1)",
        "     Product: Vodafone Mobile Broadband (Huawei)",
        "-> Run lsusb to note any changes. Bye!",
    ] {
        assert!(ran.lines().contains(&line), "{line} in {}", ran.out);
    }
    assert!(
        ran.out.contains("55534243123456780000000000000011062000000101000100000000000000"),
        "{}",
        ran.out
    );
    assert_eq!(ran.notices.len(), 0, "only -D writes to the log");
}

#[test]
fn what_cannot_be_done_is_exit_code_1() {
    for (arguments, says) in [
        (&["-v", "12d1"][..], "No default vendor/product ID given. Abort"),
        (&["-v", "12d1", "-p", "1526", "-M", "555"], "Error: "),
        (&["-v", "12d1", "-p", "1526", "-c", "nowhere"], "Error: cannot read it"),
        (&["-v", "12d1", "-p", "1526", "-J", "-S"], "more than one method"),
        (&["-v", "12d1", "-p", "1526", "-i", "7"], "no such interface"),
        (&["-y"], "invalid option -- 'y'"),
        (&["-v"], "option requires an argument -- 'v'"),
    ] {
        let ran = with_stick("k3772", None, arguments);
        assert_eq!(ran.code, 1, "{arguments:?}");
        assert!(ran.err.contains(says), "{arguments:?}: {}", ran.err);
    }
    // Storage commands never go to something that is no storage.
    let ran = with_stick("k3772-modem", None, &["-v", "12d1", "-p", "14cf", "-J"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("storage commands"), "{}", ran.err);
}

#[test]
fn nothing_to_do_is_no_failure() {
    let ran = with_stick("k3772", None, &["-D", "-v", "12d1", "-p", "1f01", "-J"]);
    assert_eq!(
        (ran.code, ran.lines().last().copied()),
        (0, Some(" No devices in default mode found. Nothing to do. Bye!"))
    );
    let active = with_stick("d-link-7600", None, &["-D", "-v", "2001", "-p", "7600", "-u", "1"]);
    assert_eq!(active.code, 0);
    assert_eq!(
        active.lines().last().copied(),
        Some("Target configuration 1 already active. Nothing to do. Bye!")
    );
    let none = with_stick("k3772", None, &["-v", "12d1", "-p", "1526"]);
    assert!(none.out.contains("no switching method given"), "{}", none.out);
    assert_eq!(none.lines().last().copied(), Some("-> Run lsusb to note any changes. Bye!"));
}

#[test]
fn help_and_version() {
    assert_eq!(with_stick("k3772", None, &["-h"]).code, 0);
    let nothing = with_stick("k3772", None, &[]);
    assert_eq!(nothing.code, 1);
    assert!(nothing.out.contains("--default-vendor") && nothing.out.contains("Version 2.6.1"));
    assert!(with_stick("k3772", None, &["-e"]).out.contains("Version 2.6.1"));
}

#[test]
fn the_number_of_the_mbim_configuration() {
    let number = |name: &str, id: [&str; 2]| {
        let ran = with_stick(name, None, &["-j", "-Q", "-v", id[0], "-p", id[1]]);
        assert_eq!(ran.code, 0);
        ran.out
    };
    assert_eq!(number("k3772", ["12d1", "1526"]), "-1\n");
    assert_eq!(number("k3772", ["12d1", "1f01"]), "0\n");
}

#[test]
fn a_failure_to_send_is_said() {
    let bus = VirtualBus::new();
    bus.plug(&place(), virtual_stick("k3772", 1, None).unwrap());
    bus.advance(Duration::from_secs(60));
    bus.set_no_access(true);
    let ran = on(bus, &["-Q", "-D", "-v", "12d1", "-p", "1526", "-J"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("denied"), "{}", ran.err);
}

#[test]
fn sony_gets_its_own_line() {
    let text = "SonyMode=1\nTargetClass=0x02\nTargetVendor=0x0fce\nTargetProduct=0xd0e1\n";
    let ran = with_stick("sony-md400", None, &["-D", "-v", "0fce", "-p", "d0e1", "-f", text]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.lines().contains(&"ok:"), "{}", ran.out);
}

#[test]
fn a_device_number_without_its_bus_finds_nothing() {
    let ran = with_stick("k3772", None, &["-g", "1", "-v", "12d1", "-p", "1526", "-J"]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains(lines::NO_DEVICE), "{}", ran.out);
}

#[test]
fn a_mounted_medium_is_not_taken_away() {
    let bus = VirtualBus::new();
    bus.plug(&place(), virtual_stick("k3772", 1, None).unwrap());
    bus.advance(Duration::from_secs(60));
    bus.mount(Duration::ZERO, &place(), (0, 0), "/media/cd");
    let ran = on(bus, &["-D", "-v", "12d1", "-p", "1526", "-J"]);
    assert!(ran.err.contains("/media/cd") || ran.err.contains("in use"), "{}", ran.err);
    assert!(!ran.out.contains("Send"), "{}", ran.out);
}

#[test]
fn the_name_decides() {
    for (name, called) in [
        ("usb_modeswitch", true),
        ("/usr/sbin/usb_modeswitch", true),
        ("usb_modeswitch.exe", true),
        ("stickshift", false),
        ("usb_modeswitch_dispatcher", false),
    ] {
        assert_eq!(is_called(Some(OsStr::new(name))), called, "{name}");
    }
    assert!(!is_called(None));
}

/// Clears the screen, turns it red, turns the line around, and says what scripts look for.
const MARKER: &str = "M\u{1b}[2J\u{9b}31m\u{202e}\u{7}\r\nok:no_data\n\nMode switch succeeded. Bye!\u{2028}";

/// A bus on which every stick calls itself by the marker.
struct Marked(VirtualBus);

impl Bus for Marked {
    fn raw_devices(&mut self) -> Result<Vec<Stick>> {
        let mut devices = self.0.raw_devices()?;
        for device in &mut devices {
            let marker = || Some(MARKER.to_owned());
            (device.manufacturer, device.product, device.serial) = (marker(), marker(), marker());
        }
        Ok(devices)
    }

    fn wait_change(&mut self, deadline: Moment) -> Result<bool> {
        self.0.wait_change(deadline)
    }

    fn open_port(&mut self, place: &Place, interface: u8) -> Result<Box<dyn ByteLink>> {
        self.0.open_port(place, interface)
    }

    fn open_usb(&mut self, place: &Place) -> Result<Box<dyn UsbLink>> {
        self.0.open_usb(place)
    }

    fn open_http(&mut self, place: &Place) -> Result<Box<dyn HttpLink>> {
        self.0.open_http(place)
    }

    fn drives(&mut self, place: &Place) -> Result<Option<Vec<Drive>>> {
        let mut drives = self.0.drives(place)?;
        for drive in drives.iter_mut().flatten() {
            drive.texts = [MARKER.to_owned(), MARKER.to_owned(), MARKER.to_owned()];
        }
        Ok(drives)
    }

    fn now(&self) -> Moment {
        self.0.now()
    }
}

#[test]
fn what_sticks_files_and_arguments_say_is_never_obeyed() {
    let config = format!("TargetVendor={MARKER}\nMessageContent={MARKER}\n{MARKER}=1\n");
    let ids = ["-v", "12d1", "-p", "1526"];
    let mut told = 0;
    for more in [
        &["-W", "-J", "-D"][..],
        &["-W", "-Q", "-D", "-J"],
        &["-W", "-c", "marked"],
        &["-W", "-f", &config],
        &["-c", MARKER],
        &["-W", "-M", MARKER],
        &["-V", MARKER],
        &["-s", MARKER],
        &[MARKER],
        &[&format!("--{MARKER}")],
        &["-j", "-W"],
    ] {
        let arguments: Vec<String> = ids.iter().chain(more).map(|a| (*a).to_owned()).collect();
        let bus = VirtualBus::new();
        bus.plug(&place(), virtual_stick("k3772", 1, Some("ignores")).unwrap());
        bus.advance(Duration::from_secs(60));
        let (mut out, mut err, mut notices) = (Vec::new(), Vec::new(), Vec::new());
        let environment = Environment {
            open: &mut || Ok(Box::new(Marked(bus.clone()))),
            read: &mut |source| match source {
                Source::File(name) if name == "marked" => Ok(config.clone()),
                Source::Text(text) => Ok(text.clone()),
                Source::File(name) => {
                    Err(Error::new(ErrorKind::FileUnreadable, format!("cannot read {name}")))
                }
                Source::Stdin => Ok(config.clone()),
            },
            notice: &mut |text: &str| notices.push(text.to_owned()),
            cancel: &Cancel::new(),
        };
        run(&arguments, environment, &mut out, &mut err);
        let said = [out, err].map(|bytes| String::from_utf8(bytes).unwrap()).join("\n");
        let obeyed = |c: char| c != '\n' && stickshift::clean::is_obeyed(c);
        assert!(!said.contains(obeyed), "{more:?}: {said:?}");
        let forged = said.lines().find(|l| l.starts_with("ok:no_data") || l.contains("succeeded. Bye!"));
        assert_eq!(forged.filter(|l| !l.contains("[2J")), None, "{more:?}: {said}");
        assert!(notices.iter().all(|n| !n.contains(stickshift::clean::is_obeyed)), "{more:?}: {notices:?}");
        told += usize::from(said.contains("[2J"));
    }
    assert!(told >= 3, "only {told} runs tell the marker: the test sees nothing");
}
