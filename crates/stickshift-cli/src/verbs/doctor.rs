//! `stickshift doctor`: what on this computer stands between its owner and a stick, each with its fix.

use std::io::{self, Write};
use std::path::Path;

use clap::Args;
use serde::Serialize;
use stickshift::error::Result;
use stickshift::host::KernelDrivers;
use stickshift::link::Bus;
use stickshift::profile::Problem;
use stickshift::stick::{Hindrance, Mode, Stick};

use crate::config::Config;
use crate::context::Context;
use crate::distribution::Distribution;
use crate::output::Report;
use crate::{overlays, system, undisturbed};

/// Check permissions, drivers, settings and conflicting programs, and show how to fix each problem.
///
/// The exit code is 1 when there is a problem.
#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {}

pub(crate) fn run(context: &mut Context, _: DoctorArgs) -> Result<()> {
    let mut bus = context.bus()?;
    let sticks = bus.sticks()?;
    let is_virtual = context.opener.is_virtual();
    let mut findings = Vec::new();
    // Other systems are always asked again and again.
    if is_virtual || cfg!(target_os = "linux") {
        findings.push(plugging(&*bus));
    }
    findings.push(visible(&sticks, is_virtual));
    for stick in &sticks {
        findings.extend(usable(bus.hindrance(&stick.place)?, stick));
        findings.push(if is_virtual { opens(&mut *bus, stick) } else { access(stick) });
        findings.extend(holders(stick));
    }
    let here = Distribution::below(&overlays::root());
    // A virtual computer has drivers of its own, and no other programs.
    if is_virtual {
        findings.extend(drivers(|name| bus.has_driver(name), here));
    } else if cfg!(target_os = "linux") {
        let there = KernelDrivers::below(&overlays::root());
        #[cfg(feature = "desktop")]
        let of_kernel = here.of_kernel(&overlays::root());
        #[cfg(not(feature = "desktop"))]
        let of_kernel = here;
        findings.extend(drivers(|name| there.has(name), of_kernel));
        findings.extend(rivals());
        findings.push(dialler(&sticks, here));
    }
    findings.extend(profiles(context.opener.profile_problems()));
    findings.extend(profiles(&context.opener.catalogue().remarks()));
    findings.extend(settings(&context.config));
    let problems = findings.iter().filter(|f| f.state != State::Fine).count();
    context.output.finish(&Diagnosis { problems, findings });
    context.exit = u8::from(problems > 0);
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
enum State {
    /// No problem.
    Fine,
    /// Some things will not work.
    Lacking,
    /// Conflicts with stickshift.
    InTheWay,
}

/// One check.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Finding {
    state: State,
    code: &'static str,
    text: String,
    fix: Option<String>,
}

impl Finding {
    fn fine(code: &'static str, text: impl Into<String>) -> Finding {
        Finding { state: State::Fine, code, text: text.into(), fix: None }
    }

    fn trouble(state: State, code: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding { state, code, text: text.into(), fix: Some(fix.into()) }
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Diagnosis {
    problems: usize,
    findings: Vec<Finding>,
}

impl Report for Diagnosis {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        for finding in &self.findings {
            let sign = match finding.state {
                State::Fine => "ok     ",
                State::Lacking => "missing",
                State::InTheWay => "WARN   ",
            };
            writeln!(out, "{sign}  {}", finding.text)?;
            if let Some(fix) = &finding.fix {
                writeln!(out, "         fix: {fix}")?;
            }
        }
        match self.problems {
            0 => writeln!(out, "no problems found"),
            1 => writeln!(out, "1 problem"),
            n => writeln!(out, "{n} problems"),
        }
    }
}

fn plugging(bus: &dyn Bus) -> Finding {
    if bus.reports_plugging() {
        return Finding::fine("hotplug", "hotplug events work");
    }
    Finding::trouble(
        State::Lacking,
        "hotplug",
        "no hotplug events: the bus is polled once a second",
        "run it on Linux outside of a container",
    )
}

fn visible(sticks: &[Stick], is_virtual: bool) -> Finding {
    if cfg!(target_os = "linux") && !is_virtual && !Path::new("/sys/bus/usb/devices").is_dir() {
        return Finding::trouble(
            State::Lacking,
            "usb",
            "this system shows no USB bus",
            "in a virtual machine or container, pass the USB controller through",
        );
    }
    match sticks.len() {
        0 => Finding::fine("sticks", "no stick is connected; checks that need one were skipped"),
        n => Finding::fine("sticks", format!("{n} connected, see `stickshift list`")),
    }
}

/// What keeps the system from using a stick.
fn usable(hindrance: Option<Hindrance>, stick: &Stick) -> Option<Finding> {
    let hindrance = hindrance?;
    let (code, fix) = match hindrance {
        Hindrance::NotConfigured { .. } => {
            ("power", "plug it into another port of the computer, or into a hub with its own power supply")
        }
        Hindrance::NotAuthorized { .. } => (
            "authorized",
            "allow the device in USBGuard or whatever forbids it, or write 1 into its `authorized` file",
        ),
    };
    Some(Finding::trouble(State::InTheWay, code, format!("{}: {hindrance}", stick.place), fix))
}

const SETUP: &str = "run `stickshift setup udev` once as root; log in again if it adds you to a group";

#[cfg(target_os = "linux")]
fn access(stick: &Stick) -> Finding {
    use std::path::PathBuf;

    use stickshift::host::{Roots, can_open};

    use crate::advice::NO_NODE;

    let ports = stick.ports().filter_map(|i| i.tty.as_deref()).map(Path::new).map(Path::to_path_buf);
    let nodes = Roots::default().usb_node(&stick.place).into_iter().chain(ports);
    let (denied, missing): (Vec<PathBuf>, Vec<PathBuf>) =
        nodes.filter(|node| !can_open(node)).partition(|node| node.exists());
    let named = |nodes: &[PathBuf]| {
        let names: Vec<String> = nodes.iter().map(|node| node.display().to_string()).collect();
        names.join(", ")
    };
    if !missing.is_empty() {
        let what = format!("{}: there is no {}", stick.place, named(&missing));
        return Finding::trouble(State::Lacking, "access", what, NO_NODE);
    }
    if denied.is_empty() {
        return Finding::fine("access", format!("you may open the stick at {}", stick.place));
    }
    Finding::trouble(State::InTheWay, "access", format!("you may not open {}", named(&denied)), SETUP)
}

#[cfg(not(target_os = "linux"))]
fn access(stick: &Stick) -> Finding {
    Finding::fine("access", format!("whether you may open the stick at {} is not known here", stick.place))
}

/// The same on a virtual computer: there are no nodes to look at.
fn opens(bus: &mut dyn Bus, stick: &Stick) -> Finding {
    match bus.open_usb(&stick.place) {
        Ok(_) => Finding::fine("access", format!("you may open the stick at {}", stick.place)),
        Err(error) => {
            Finding::trouble(State::InTheWay, "access", format!("{}: {}", stick.place, error.what()), SETUP)
        }
    }
}

fn holders(stick: &Stick) -> Vec<Finding> {
    let held = stick.ports().filter_map(|i| Some((i.tty.as_deref()?, i.holder.as_deref()?)));
    let trouble = held.map(|(tty, holder)| {
        Finding::trouble(
            State::InTheWay,
            "holder",
            format!("{tty} is held by {holder}"),
            undisturbed::about(holder),
        )
    });
    trouble.collect()
}

/// What the owner's settings say, or what is wrong with them.
fn settings(config: &Result<Config>) -> Vec<Finding> {
    let config = match config {
        Ok(config) => config,
        Err(error) => {
            let fix = "mend that line; `stickshift watch` does not start with settings that it cannot read";
            return vec![Finding::trouble(State::InTheWay, "config", error.what(), fix)];
        }
    };
    let files =
        config.files.iter().map(|file| Finding::fine("config", format!("settings: {}", file.display())));
    let rules = config.rules.0.iter().map(|rule| Finding::fine("rule", format!("watch: {rule}")));
    files.chain(rules).collect()
}

/// Kernel drivers, what each is for, and OpenWrt's package of it.
const DRIVERS: [(&str, &str, &str); 9] = [
    ("option", "serial ports of most sticks", "kmod-usb-serial-option"),
    ("usbserial", "every serial port of a stick", "kmod-usb-serial"),
    ("usb_storage", "SCSI vendor/model strings", "kmod-usb-storage"),
    ("vhci_hcd", "virtual sticks on this kernel only", "kmod-usbip"),
    ("cdc_ether", "HiLink network cards", "kmod-usb-net-cdc-ether"),
    ("huawei_cdc_ncm", "network of Huawei sticks", "kmod-usb-net-huawei-cdc-ncm"),
    ("qmi_wwan", "network of Qualcomm sticks", "kmod-usb-net-qmi-wwan"),
    ("cdc_mbim", "network of MBIM modems", "kmod-usb-net-cdc-mbim"),
    ("cdc_acm", "serial ports of other makers", "kmod-usb-acm"),
];

/// The drivers that sticks need, by the kernel's names.
pub(crate) fn driver_names() -> impl Iterator<Item = &'static str> {
    DRIVERS.iter().map(|(name, ..)| *name)
}

fn drivers(there: impl Fn(&str) -> bool, here: Distribution) -> Vec<Finding> {
    if !cfg!(target_os = "linux") {
        return Vec::new();
    }
    let missing: Vec<_> = DRIVERS.iter().filter(|(name, ..)| !there(name)).collect();
    if missing.is_empty() {
        return vec![Finding::fine("drivers", "the kernel has all drivers for sticks")];
    }
    let lacking = missing.into_iter().map(|(name, what, package)| {
        let text = format!("the kernel has no driver {name} ({what})");
        if *name == "vhci_hcd" {
            return Finding::fine("driver", text);
        }
        Finding::trouble(State::Lacking, "driver", text, here.driver(package))
    });
    lacking.collect()
}

fn rivals() -> Vec<Finding> {
    let mut findings = Vec::new();
    match system::usb_modeswitch(&overlays::root()) {
        Some(rules) => findings.push(Finding::trouble(
            State::InTheWay,
            "usb-modeswitch",
            format!("usb_modeswitch switches sticks automatically ({})", rules.display()),
            "set DisableSwitching=1 in /etc/usb_modeswitch.conf, or leave it: `stickshift watch` lets it go first",
        )),
        None => findings.push(Finding::fine("usb-modeswitch", "usb_modeswitch is not active")),
    }
    for rival in &RIVALS {
        match system::running(rival.program) {
            Some(pid) => findings.push(Finding::trouble(
                State::InTheWay,
                rival.code,
                format!("{} is running (pid {pid}): {}", rival.program, rival.does),
                rival.fix,
            )),
            None => findings.push(Finding::fine(rival.code, format!("{} is not running", rival.program))),
        }
    }
    if overlays::root().join("sbin/usbmode").exists() {
        findings.push(Finding::trouble(
            State::InTheWay,
            "usbmode",
            "OpenWrt's usbmode switches sticks automatically",
            "/etc/init.d/usbmode disable, and remove /etc/hotplug.d/usb/20-usb_mode",
        ));
    }
    findings
}

/// Another program that manages sticks.
struct Rival {
    program: &'static str,
    code: &'static str,
    does: &'static str,
    fix: &'static str,
}

const RIVALS: [Rival; 3] = [
    Rival {
        program: "ModemManager",
        code: "modem-manager",
        does: "it opens every new port",
        fix: "flash, load and convert take the stick from it by themselves, as root; for other commands: systemctl stop ModemManager",
    },
    Rival {
        program: "usb_modeswitch_dispatcher",
        code: "usb-modeswitch-now",
        does: "it switches a stick at this moment",
        fix: "wait until it has ended",
    },
    Rival {
        program: "pppd",
        code: "pppd-running",
        does: "a dial-up stick is online through it, and its port is in use",
        fix: "disconnect before you work with that stick",
    },
];

/// pppd, which only a stick that is dialled needs.
fn dialler(sticks: &[Stick], here: Distribution) -> Finding {
    let there = ["/usr/sbin/pppd", "/sbin/pppd"].iter().any(|p| Path::new(p).exists());
    if there {
        return Finding::fine("pppd", "pppd is installed, for dial-up sticks");
    }
    let text = "pppd is not installed: dial-up sticks cannot go online";
    match sticks.iter().any(|stick| stick.mode == Mode::Modem) {
        true => Finding::trouble(State::Lacking, "pppd", text, here.pppd()),
        false => Finding::fine("pppd", text),
    }
}

fn profiles(problems: &[Problem]) -> Vec<Finding> {
    let trouble = problems.iter().map(|p| {
        let line = p.line.map(|n| format!(", line {n}")).unwrap_or_default();
        Finding::trouble(
            State::Lacking,
            "profile",
            format!("{}{line}: {}", p.file, p.what),
            "see `stickshift profile check FILE`",
        )
    });
    trouble.collect()
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<Diagnosis>("doctor");
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn each_driver_that_lacks_is_named_with_what_has_it() {
        let root = tempfile::tempdir().unwrap();
        for (name, ..) in DRIVERS.iter().filter(|(name, ..)| *name != "huawei_cdc_ncm") {
            fs::create_dir_all(root.path().join("sys/module").join(name)).unwrap();
        }
        let there = || KernelDrivers::below(root.path());
        let missing = drivers(|name| there().has(name), Distribution::OpenWrt);
        assert_eq!(missing.len(), 1);
        assert!(missing[0].text.contains("huawei_cdc_ncm"), "{}", missing[0].text);
        assert!(missing[0].fix.as_deref().unwrap().contains("kmod-usb-net-huawei-cdc-ncm"));
        fs::create_dir_all(root.path().join("sys/module/huawei_cdc_ncm")).unwrap();
        assert_eq!(drivers(|name| there().has(name), Distribution::OpenWrt)[0].state, State::Fine);
        let plain = drivers(|name| name != "vhci_hcd", Distribution::OpenWrt);
        assert_eq!((plain.len(), plain[0].state), (1, State::Fine), "no real stick needs it");
        assert!(plain[0].text.contains("vhci_hcd"), "{}", plain[0].text);
    }

    #[test]
    fn the_last_line_counts() {
        let text = |findings: Vec<Finding>| {
            let mut out = Vec::new();
            let problems = findings.iter().filter(|f| f.state != State::Fine).count();
            Diagnosis { problems, findings }.text(&mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(vec![Finding::fine("a", "good")]), "ok       good\nno problems found\n");
        let bad = Finding::trouble(State::InTheWay, "b", "bad", "do this");
        assert_eq!(text(vec![bad]), "WARN     bad\n         fix: do this\n1 problem\n");
    }
}
