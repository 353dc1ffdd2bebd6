//! `stickshift doctor`: what on this computer stands between its owner and a stick, each with its fix.

use std::io::{self, Write};
use std::path::Path;

use clap::Args;
use serde::Serialize;
use stickshift::error::Result;
use stickshift::host::KernelDrivers;
use stickshift::link::Bus;
use stickshift::profile::Problem;
use stickshift::stick::Stick;

use crate::context::Context;
use crate::output::Report;
use crate::{overlays, system};

/// Check permissions, drivers and conflicting programs, and show how to fix each problem.
#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {}

pub(crate) fn run(context: &mut Context, _: DoctorArgs) -> Result<()> {
    let mut bus = context.bus()?;
    let sticks = bus.sticks()?;
    let mut findings = vec![plugging(&*bus), visible(&sticks)];
    findings.extend(access(&sticks));
    findings.extend(drivers(&overlays::root()));
    findings.extend(rivals());
    findings.push(dialler());
    findings.extend(profiles(context.opener.profile_problems()));
    findings.extend(profiles(&context.opener.catalogue().remarks()));
    let problems = findings.iter().filter(|f| f.state != State::Fine).count();
    context.output.finish(&Diagnosis { problems, findings });
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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

fn visible(sticks: &[Stick]) -> Finding {
    if cfg!(target_os = "linux") && !Path::new("/sys/bus/usb/devices").is_dir() {
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

#[cfg(target_os = "linux")]
fn access(sticks: &[Stick]) -> Vec<Finding> {
    use stickshift::host::{Roots, can_open};
    let roots = Roots::default();
    let mut findings = Vec::new();
    for stick in sticks {
        let ports = stick.ports().filter_map(|i| i.tty.as_deref()).map(Path::new).map(Path::to_path_buf);
        let nodes = roots.usb_node(&stick.place).into_iter().chain(ports);
        let denied: Vec<String> = nodes.filter(|n| !can_open(n)).map(|n| n.display().to_string()).collect();
        if denied.is_empty() {
            findings.push(Finding::fine("access", format!("you may open the stick at {}", stick.place)));
        } else {
            findings.push(Finding::trouble(
                State::InTheWay,
                "access",
                format!("you may not open {}", denied.join(", ")),
                "run `stickshift setup udev` once as root; log in again if it adds you to a group",
            ));
        }
        for (tty, holder) in stick.ports().filter_map(|i| Some((i.tty.as_deref()?, i.holder.as_deref()?))) {
            findings.push(Finding::trouble(
                State::InTheWay,
                "holder",
                format!("{tty} is held by {holder}"),
                format!("stop {holder} while you work with the stick"),
            ));
        }
    }
    findings
}

#[cfg(not(target_os = "linux"))]
fn access(_: &[Stick]) -> Vec<Finding> {
    Vec::new()
}

/// Kernel drivers, what each is for, and what has it where it is missing.
const DRIVERS: [(&str, &str, &str); 9] = [
    (
        "option",
        "serial ports of most sticks",
        "kmod-usb-serial-option on OpenWrt, linux-modules-extra on Ubuntu",
    ),
    ("usbserial", "every serial port of a stick", "kmod-usb-serial on OpenWrt"),
    ("usb_storage", "SCSI vendor/model strings", "kmod-usb-storage on OpenWrt"),
    ("vhci_hcd", "virtual sticks on this kernel only", "kmod-usbip on OpenWrt"),
    ("cdc_ether", "HiLink network cards", "kmod-usb-net-cdc-ether on OpenWrt"),
    ("huawei_cdc_ncm", "network of Huawei sticks", "kmod-usb-net-huawei-cdc-ncm on OpenWrt"),
    ("qmi_wwan", "network of Qualcomm sticks", "kmod-usb-net-qmi-wwan on OpenWrt"),
    ("cdc_mbim", "network of MBIM modems", "kmod-usb-net-cdc-mbim on OpenWrt"),
    ("cdc_acm", "serial ports of other makers", "kmod-usb-acm on OpenWrt"),
];

fn drivers(root: &Path) -> Vec<Finding> {
    if !cfg!(target_os = "linux") {
        return Vec::new();
    }
    let there = KernelDrivers::below(root);
    let missing: Vec<_> = DRIVERS.iter().filter(|(name, ..)| !there.has(name)).collect();
    if missing.is_empty() {
        return vec![Finding::fine("drivers", "the kernel has all drivers for sticks")];
    }
    let lacking = missing.into_iter().map(|(name, what, package)| {
        let text = format!("the kernel has no driver {name} ({what})");
        Finding::trouble(State::Lacking, "driver", text, format!("install it: {package}"))
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
        fix: "systemctl stop ModemManager while you flash or talk to a stick",
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

fn dialler() -> Finding {
    let there = ["/usr/sbin/pppd", "/sbin/pppd"].iter().any(|p| Path::new(p).exists());
    if there {
        return Finding::fine("pppd", "pppd is installed, for dial-up sticks");
    }
    Finding::trouble(
        State::Lacking,
        "pppd",
        "pppd is not installed: dial-up sticks cannot go online",
        "install the package ppp",
    )
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
        let missing = drivers(root.path());
        assert_eq!(missing.len(), 1);
        assert!(missing[0].text.contains("huawei_cdc_ncm"), "{}", missing[0].text);
        fs::create_dir_all(root.path().join("sys/module/huawei_cdc_ncm")).unwrap();
        assert_eq!(drivers(root.path())[0].state, State::Fine);
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
