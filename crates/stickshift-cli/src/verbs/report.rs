//! `stickshift report`: everything that a maintainer needs to know about a stick, masked, in one text that can be played back.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift::host::KernelDrivers;
use stickshift::link::{Bus, Tape};
use stickshift::stick::{Interface, Stick};
use stickshift::{hex, mask};

use crate::context::Context;
use crate::output::Report;
use crate::output::json::Outcome;
use crate::verbs::{doctor, identify, list};
use crate::{files, overlays};

/// Lines of a trace that a report takes: the last ones.
const TRACE_LINES: usize = 400;
/// The letters with which every report begins; `pasted` reads the lines below.
const HEAD: &str = "stickshift report, format 1";
/// The last line, by which `pasted` tells a whole report from a cut one.
const END: &str = "== end ==";

/// Collect what a maintainer needs about a stick in one masked text.
///
/// The text holds the system, its drivers, the sticks with their descriptors, and what each says of itself. Serial numbers, IMEI and other
/// identities are masked. With -o, the text is shown before it is written. `stickshift inspect FILE` reads it, and `stickshift virtual --from
/// FILE` plays it.
#[derive(Args, Debug)]
pub(crate) struct ReportArgs {
    /// The stick: USB port path, ids, tty or serial number; without it, every stick
    #[arg(id = "stick_after", value_name = "STICK", conflicts_with = "stick")]
    word: Option<String>,

    /// The same, as an option
    #[arg(long, value_name = "STICK")]
    stick: Option<String>,

    /// Write the report to FILE, after it was shown
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Add the end of a trace that --trace recorded
    #[arg(long, value_name = "FILE")]
    with_trace: Option<PathBuf>,

    /// Do not ask the sticks anything: only what the bus shows
    #[arg(long)]
    no_questions: bool,
}

/// The report.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Collected {
    /// The whole text.
    text: String,
    /// Where it was written, if it was.
    file: Option<String>,
}

impl Report for Collected {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        match &self.file {
            Some(file) => writeln!(out, "written to {file}"),
            None => out.write_all(self.text.as_bytes()),
        }
    }

    fn shows_whole_texts(&self) -> bool {
        true
    }
}

/// The text before it is written.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Shown {
    text: String,
}

impl Report for Shown {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.text.as_bytes())
    }

    fn shows_whole_texts(&self) -> bool {
        true
    }
}

pub(crate) fn run(context: &mut Context, args: ReportArgs) -> Result<()> {
    if let Some(file) = &args.output {
        context.output.leave_room(file)?;
        files::check_free(file, context.global.force)?;
    }
    let trace = args.with_trace.as_deref().map(trace_end).transpose()?;
    let mut bus = context.bus()?;
    let sticks = match args.word.as_ref().or(args.stick.as_ref()) {
        Some(wanted) => vec![context.stick(&mut *bus, Some(wanted))?],
        None => bus.sticks()?,
    };
    let mut text = system(context, &*bus);
    if sticks.is_empty() {
        text.push_str("\nno stick is plugged in\n");
    }
    for stick in &sticks {
        text.push_str(&heading(stick));
        text.push_str(&block(&mut *bus, stick));
        text.push_str(&masked(&list::text_of(stick)));
        if !args.no_questions {
            text.push_str(&masked(&identify::text_of(context, &mut *bus, stick)));
        }
    }
    if let Some(trace) = trace {
        let _ = write!(text, "\n== trace ==\n{trace}");
    }
    let _ = writeln!(text, "\n{END}");
    context.output.outcome_is(Outcome::Untouched);
    let Some(file) = &args.output else {
        context.output.finish(&Collected { text, file: None });
        return Ok(());
    };
    let shown = Shown { text };
    context.output.interim("report", &shown);
    // Sticks were asked, and none was changed, whatever becomes of the file.
    let untouched = |e: Error| e.verdict_if_unset(Verdict::Untouched);
    context.confirm(&format!("Write this to {}?", file.display())).map_err(untouched)?;
    files::write(file, shown.text.as_bytes(), context.global.force, &[]).map_err(untouched)?;
    context.output.finish(&Collected { text: shown.text, file: Some(file.display().to_string()) });
    Ok(())
}

/// Every line, masked. Spaces at its start stay.
fn masked(text: &str) -> String {
    text.lines().map(|line| mask::text(line) + "\n").collect()
}

/// The program, the system and its drivers.
fn system(context: &Context, bus: &dyn Bus) -> String {
    let root = overlays::root();
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap_or_default();
    let mut text = format!("{HEAD}\n");
    let _ = writeln!(
        text,
        "program: stickshift {} ({} {})",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH
    );
    if context.opener.is_virtual() {
        text.push_str("system: virtual\n");
    } else {
        let release = read("etc/os-release");
        let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
        let name = name.unwrap_or("not told").trim_matches('"');
        let kernel = read("proc/sys/kernel/osrelease");
        let _ = writeln!(text, "system: {name}, kernel {}", kernel.trim());
    }
    let drivers = KernelDrivers::below(&root);
    let has = |name: &str| if context.opener.is_virtual() { bus.has_driver(name) } else { drivers.has(name) };
    let (there, missing): (Vec<&str>, Vec<&str>) = doctor::driver_names().partition(|name| has(name));
    let _ = writeln!(text, "drivers: {}", there.join(" "));
    let missing: String = missing.iter().map(|name| format!(" {name}")).collect();
    let _ = writeln!(text, "drivers that are not there:{missing}");
    text
}

/// Begins what is said of a stick; `pasted` tells sticks apart by it.
fn heading(stick: &Stick) -> String {
    format!("\n== {} {} ==\n", stick.place, stick.id)
}

/// The stick in the form of usb-devices, its nodes, and its descriptors in bytes.
fn block(bus: &mut dyn Bus, stick: &Stick) -> String {
    let mut text = String::new();
    let number = stick.place.as_str().split('-').next().unwrap_or("1");
    let address = bus.address(&stick.place).ok().flatten().unwrap_or(2);
    let _ = writeln!(text, "T:  Bus={number} Dev#={address:3} Place={}", stick.place);
    let _ = writeln!(text, "D:  Cls={:02x} Sub=00 Prot=00 #Cfgs={:3}", stick.class, stick.configurations);
    let [release_high, release_low] = stick.release.to_be_bytes();
    let _ = writeln!(
        text,
        "P:  Vendor={:04x} ProdID={:04x} Rev={release_high:02x}.{release_low:02x}",
        stick.id.vendor, stick.id.product
    );
    for (name, value) in [
        ("Manufacturer", stick.manufacturer.as_deref().map(mask::name)),
        ("Product", stick.product.as_deref().map(mask::name)),
        ("SerialNumber", stick.serial.as_deref().map(mask::identity)),
    ] {
        if let Some(value) = value {
            let _ = writeln!(text, "S:  {name}={}", value.replace(['\n', '\r'], " "));
        }
    }
    let _ = writeln!(
        text,
        "C:* #Ifs={:2} Cfg#={:2} Atr=80 MxPwr=500mA",
        stick.interfaces.len(),
        stick.configuration
    );
    for interface in &stick.interfaces {
        interface_lines(&mut text, interface);
    }
    if let Some(bytes) = descriptors(bus, stick) {
        let _ = writeln!(text, "descriptors: {}", hex::encode(&bytes));
    }
    text
}

fn interface_lines(text: &mut String, i: &Interface) {
    let _ = writeln!(
        text,
        "I:* If#={:2} Alt= 0 #EPs={:2} Cls={:02x} Sub={:02x} Prot={:02x} Driver={}",
        i.number,
        i.endpoints.len(),
        i.class,
        i.subclass,
        i.protocol,
        i.driver.as_deref().unwrap_or("(none)")
    );
    for endpoint in &i.endpoints {
        let _ = writeln!(
            text,
            "E:  Ad={:02x} Atr={:02x} MxPS={:4}",
            endpoint.address, endpoint.kind, endpoint.max_packet
        );
    }
    let nodes = [("Tty", &i.tty), ("Net", &i.netdev), ("Wdm", &i.cdc_wdm)];
    let nodes = nodes.into_iter().filter_map(|(name, node)| {
        let node = node.as_deref()?;
        Some(format!(" {name}={}", node.rsplit('/').next().unwrap_or(node)))
    });
    let nodes: String = nodes.collect();
    if !nodes.is_empty() {
        let _ = writeln!(text, "N:  If#={:2}{nodes}", i.number);
    }
}

/// Device descriptor and configurations, as the device gave them to the system.
fn descriptors(bus: &mut dyn Bus, stick: &Stick) -> Option<Vec<u8>> {
    let link = bus.open_usb(&stick.place).ok()?;
    Some([link.device_descriptor().to_vec(), link.configurations().concat()].concat())
}

/// The last lines of a trace. What was masked when it was recorded stays so.
///
/// # Errors
/// `WrongFileKind` for anything else: nobody knows what is secret in it; what reading reports.
fn trace_end(path: &Path) -> Result<String> {
    let bytes = files::read(path)?;
    let text = String::from_utf8_lossy(&bytes);
    // A trace that could not grow ends anywhere.
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let is_trace = |text: &str| Tape::parse(text).is_ok_and(|tape| tape != Tape::default());
    let text = if is_trace(&text) { &*text } else { &text[..whole] };
    if !is_trace(text) {
        let what = format!("{} is no trace that --trace recorded", path.display());
        return Err(Error::new(ErrorKind::WrongFileKind, what).with_verdict(Verdict::Untouched));
    }
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(TRACE_LINES);
    Ok(lines[from..].iter().map(|line| masked_entry(line) + "\n").collect())
}

/// A line of a trace without what still looks like an identity.
fn masked_entry(line: &str) -> String {
    let (direction, digits) = match line.split_at_checked(2) {
        Some(("> ", digits)) => ("> ", digits),
        Some(("< ", digits)) => ("< ", digits),
        _ => return mask::text(line),
    };
    let mut shown = digits.as_bytes().to_vec();
    let mut at = 0;
    for run in digits.split('*') {
        if let Some(bytes) = hex::decode(run) {
            for range in mask::secrets(&bytes) {
                shown[at + 2 * range.start..at + 2 * range.end].fill(b'*');
            }
        } else {
            shown[at..at + run.len()].fill(b'*');
        }
        at += run.len() + 1;
    }
    format!("{direction}{}", String::from_utf8_lossy(&shown))
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<Collected>("report");
    shapes.event::<Shown>("report", "report");
}

#[cfg(all(test, feature = "virtual"))]
mod tests {
    use stickshift::link::ClassifiedBus;
    use stickshift::pasted;
    use stickshift::profile::Catalogue;
    use stickshift_emu::computer::VirtualBus;
    use stickshift_emu::sticks::catalogue::{names, virtual_stick};

    use super::*;

    #[test]
    fn a_trace_stays_readable_and_nothing_else_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trace.txt");
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            trace_end(&file).map_err(|error| error.kind())
        };
        let trace = "# open 1-1 interface 0\n> 4154490d\n< 0d0a494d45493a****0d0a4f4b0d0a\n";
        assert_eq!(read(trace).unwrap(), trace);
        assert_eq!(read(&format!("{trace}< 0d0")).unwrap(), trace);
        // `+4915112345678` and fifteen digits, written in by hand.
        let plain = "< 2b343931353131323334353637380d0a383630303030303030303030303031\n";
        assert_eq!(
            read(plain).unwrap(),
            "< 2b**************************0d0a******************************\n"
        );
        for other in ["own: 491701234567\n", "+CNUM: \"\",\"01701234567\",129\n", "# 491701234567\n", ""] {
            assert_eq!(read(other), Err(ErrorKind::WrongFileKind), "{other}");
        }
    }

    #[test]
    fn what_a_report_says_of_a_stick_is_read_back() {
        for (name, _) in names() {
            let place = "1-1".parse().unwrap();
            let bus = VirtualBus::new();
            bus.plug(&place, virtual_stick(name, 1, None).unwrap());
            bus.advance(std::time::Duration::from_secs(60));
            let catalogue = std::sync::Arc::new(Catalogue::builtin());
            let mut bus = ClassifiedBus::new(Box::new(bus), catalogue.clone());
            let stick = bus.device(&place).unwrap().unwrap();
            let text = format!("{HEAD}\n\n{}", block(&mut bus, &stick));
            let paste = pasted::read(text.as_bytes()).unwrap();
            let again = paste.devices[0].stick(&"9-9".parse().unwrap(), &*catalogue);
            let same = |s: &Stick| Stick {
                serial: None,
                evidence: Vec::new(),
                interfaces: s
                    .interfaces
                    .iter()
                    .map(|i| Interface {
                        tty: i.tty.as_ref().map(|t| t.replace("/dev/", "")),
                        cdc_wdm: None,
                        ..i.clone()
                    })
                    .collect(),
                ..s.clone()
            };
            assert_eq!(same(&again), same(&stick), "{name}\n{text}");
            let link = bus.open_usb(&place).unwrap();
            let played: Vec<_> = paste.devices[0].descriptors().iter().map(|c| c.encode()).collect();
            assert_eq!(played, link.configurations(), "{name}");
        }
    }

    /// A virtual one and the one that it becomes have one number on the bus, and those of several buses may.
    #[test]
    fn sticks_of_one_report_are_told_apart() {
        let bus = VirtualBus::new();
        for (number, name) in ["e3372h-stick", "k3772", "e3372h-stick"].into_iter().enumerate() {
            let place = format!("1-{}", number + 1).parse().unwrap();
            bus.plug(&place, virtual_stick(name, number as u64, None).unwrap());
        }
        bus.advance(std::time::Duration::from_secs(60));
        let catalogue = std::sync::Arc::new(Catalogue::builtin());
        let mut bus = ClassifiedBus::new(Box::new(bus), catalogue);
        let sticks = bus.sticks().unwrap();
        let mut text = format!("{HEAD}\n");
        for stick in &sticks {
            text.push_str(&heading(stick));
            text.push_str(&block(&mut bus, stick));
        }
        let told: Vec<_> = pasted::read(text.as_bytes())
            .unwrap()
            .devices
            .into_iter()
            .map(|d| (d.place, d.id, d.earlier))
            .collect();
        let there: Vec<_> = sticks.iter().map(|s| (Some(s.place.clone()), s.id, Vec::new())).collect();
        assert_eq!(told, there);
    }
}
