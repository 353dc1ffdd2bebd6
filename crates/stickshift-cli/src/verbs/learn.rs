//! `stickshift learn CAPTURE`: from a USB capture to the profile that switches the stick.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use stickshift::error::{Detail, Error, ErrorKind, Result, Verdict, counted};
use stickshift::event::Session;
use stickshift::learn::{self, Candidate, Lesson, Seen, Summary, Switch};
use stickshift::mask;
use stickshift::profile::formats::{Format, usb_modeswitch};
use stickshift::profile::{Catalogue, Entry, Parameters};
use stickshift::stick::UsbId;
use stickshift::switching::{self, SwitchRequest};
use stickshift::wire::pcap::{Capture, End, LinkType};

use crate::context::Context;
use crate::files;
use crate::output::Report;
use crate::verbs::profile::{self, To};
use crate::verbs::switch::{self, PlanReport, SwitchReport};

/// Learn from a USB capture how to switch a stick.
///
/// The capture is a pcap or pcapng file of Linux usbmon or Windows USBPcap (gzipped or not), or a text log of usbmon, SniffUSB
/// or Bus Hound. It should begin before the stick is plugged in and end when its modem is there.
#[derive(Args, Debug)]
pub(crate) struct LearnArgs {
    /// Capture file; - for standard input
    #[arg(value_name = "CAPTURE")]
    capture: PathBuf,

    /// Write the profile in this format instead of showing what was learned
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<To>,

    /// Write the profile to FILE
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Ids before the switch: selects one of several sticks, or supplies ids missing from the capture
    #[arg(long, value_name = "IDS")]
    id: Option<String>,

    /// Try the learned profile on the connected stick
    #[arg(long = "try", value_name = "STICK", num_args = 0..=1)]
    try_on: Option<Option<String>>,
}

impl LearnArgs {
    /// Whether no stick is touched.
    pub(crate) fn only_reads(&self) -> bool {
        self.try_on.is_none()
    }
}

pub(crate) fn run(context: &mut Context, args: LearnArgs) -> Result<()> {
    let wanted = args.id.as_deref().map(profile::parse_id).transpose()?;
    let mut lesson = read(&args.capture, &mut context.session())?;
    let others = wanted.map(|wanted| keep(&mut lesson, wanted)).unwrap_or_default();
    let report = LearnReport::of(&lesson, &args.capture, wanted);
    let quiet_result = args.format.is_some() || args.output.is_some() || args.try_on.is_some();
    if quiet_result {
        context.output.interim("lesson", &report);
    } else {
        context.output.finish(&report);
    }
    if lesson.switches.is_empty() {
        let error = Error::new(ErrorKind::NothingToLearn, lesson.nothing.join("; "));
        return Err(match others {
            true => {
                error.detail(Detail::NextStep("name one of those that it shows with --id, or leave --id out"))
            }
            false => error,
        });
    }
    if !quiet_result {
        return Ok(());
    }
    let entries = entries(&lesson, wanted)?;
    let writes = args.format.is_some() || args.output.is_some();
    let written = if writes { to_write(context, &lesson, &entries, wanted) } else { entries.clone() };
    for entry in &written {
        let of_it = |s: &&Switch| s.id.or(wanted) == entry.key.id();
        let best = lesson.switches.iter().find(of_it).and_then(|s| s.candidates.first());
        if let Some(best) = best.filter(|best| !best.is_sure()) {
            let what = format!(
                "the profile of {} is {}, not sure: `stickshift learn CAPTURE` shows why, --try tries it; the file says so too",
                entry.key,
                best.sureness()
            );
            context.output.warn("not-sure", what);
        }
    }
    if writes {
        let format = args.format.map_or(Format::UsbModeswitch, To::format);
        if format == Format::UsbModeswitch && written.len() > 1 {
            return Err(several(&written));
        }
        profile::write(context, &written, format, args.output.as_deref(), &[&args.capture])?;
    }
    match args.try_on {
        Some(stick) => {
            context.output.part("profile");
            try_it(context, &entries, stick.as_deref())
        }
        None => Ok(()),
    }
}

/// Shows a capture at a glance. `false` when the file is none.
pub(crate) fn inspect(context: &Context, path: &Path) -> Result<bool> {
    let mut file = files::open(path)?;
    let size = file.metadata().ok().map(|m| m.len());
    let mut capture = match Capture::open(&mut file) {
        Ok(capture) => capture,
        Err(e) if e.is(ErrorKind::WrongFileKind) && !e.has(&Detail::OtherCapture) => return Ok(false),
        Err(e) => return Err(e.with("file", path.display())),
    };
    let lesson = learn::learn(&mut capture, size, &mut context.session())?;
    context.output.finish(&CaptureReport::of(path, &lesson));
    Ok(true)
}

fn read(path: &Path, session: &mut Session<'_>) -> Result<Lesson> {
    let (mut source, size): (Box<dyn Read>, Option<u64>) = if path.as_os_str() == "-" {
        (Box::new(io::stdin().lock()), None)
    } else {
        let file: File = files::open(path)?;
        let size = file.metadata().ok().map(|m| m.len());
        (Box::new(file), size)
    };
    let mut capture = Capture::open(&mut *source).map_err(|e| e.with("file", path.display()))?;
    learn::learn(&mut capture, size, session).map_err(|e| e.with("file", path.display()))
}

/// Keeps what is learned of one stick: of those with its ids or, where the capture names none, of any. `true` when it shows others alone.
fn keep(lesson: &mut Lesson, wanted: UsbId) -> bool {
    let known: Vec<UsbId> = lesson.switches.iter().filter_map(|switch| switch.id).collect();
    lesson.switches.retain(|switch| switch.id.map_or(known.is_empty(), |id| id == wanted));
    if !lesson.switches.is_empty() || known.is_empty() {
        return false;
    }
    let known: Vec<String> = known.iter().map(ToString::to_string).collect();
    lesson.nothing = vec![format!("the capture shows no switch of {wanted}, but of {}", known.join(", "))];
    true
}

/// The profiles that were learned, one for each pair of ids.
fn entries(lesson: &Lesson, wanted: Option<UsbId>) -> Result<Vec<Entry>> {
    let mut entries: Vec<Entry> = Vec::new();
    let known: Vec<&Switch> = lesson.switches.iter().filter(|s| s.id.is_some()).collect();
    for switch in &lesson.switches {
        let id = match (switch.id, wanted) {
            (Some(id), Some(wanted)) if id != wanted => continue,
            (Some(id), _) => id,
            (None, Some(wanted)) if known.is_empty() => wanted,
            (None, Some(_)) => continue,
            (None, None) => {
                return Err(Error::new(
                    ErrorKind::Usage,
                    "the capture does not contain the ids before the switch; add --id",
                ));
            }
        };
        if let Some(entry) = lesson.entry(switch, id)
            && !entries.iter().any(|known| known.key == entry.key)
        {
            entries.push(entry);
        }
    }
    if entries.is_empty() {
        return Err(Error::new(
            ErrorKind::NothingToLearn,
            match wanted {
                Some(id) => format!("the capture shows no switch of {id} that a profile can say"),
                None => {
                    let best = lesson.switches.iter().find_map(|s| s.candidates.first());
                    let what = best.map_or(String::new(), |c| format!(": {}", c.what));
                    format!("no profile can say what switches the stick{what}")
                }
            },
        )
        .detail(Detail::NextStep(
            "`stickshift learn CAPTURE` shows what was sent, and whether the capture cut it: then capture again with every byte",
        )));
    }
    Ok(entries)
}

/// Of what was learned, that which goes into a file; what does not is said. A disk of which nobody saw what it became may be any disk
/// that was taken out meanwhile.
fn to_write(context: &Context, lesson: &Lesson, entries: &[Entry], wanted: Option<UsbId>) -> Vec<Entry> {
    let of = |entry: &Entry, switch: &&Switch| switch.id.or(wanted) == entry.key.id();
    let is_seen = |entry: &&Entry| lesson.switches.iter().any(|s| of(entry, &s) && s.after_is_known());
    let (seen, unseen): (Vec<&Entry>, Vec<&Entry>) = entries.iter().partition(is_seen);
    let leaves_out = wanted.is_none() && !seen.is_empty();
    for entry in unseen.iter().filter(|_| leaves_out) {
        let what = format!(
            "{0} is left out: the capture does not show what it became, so it may be a drive that was ejected; --id {0} writes it",
            entry.key
        );
        context.output.warn("left-out", what);
    }
    let written: Vec<Entry> = if leaves_out { seen.into_iter().cloned().collect() } else { entries.to_vec() };
    for entry in &written {
        let ways = lesson.switches.iter().filter(|s| of(entry, s)).filter_map(|s| s.candidates.first());
        let others: Vec<&str> = ways
            .filter(|c| c.parameters.as_ref() != Some(&entry.parameters))
            .map(|c| c.what.as_str())
            .collect();
        if !others.is_empty() {
            let what = format!(
                "the capture shows {} switched in another way too ({}): the file has the likeliest",
                entry.key,
                others.join("; ")
            );
            context.output.warn("other-way", what);
        }
    }
    written
}

/// A file for one stick, and several were learned.
fn several(entries: &[Entry]) -> Error {
    let keys: Vec<String> = entries.iter().map(|e| e.key.to_string()).collect();
    let what = format!("a usb_modeswitch file holds one entry, and the capture has {}", keys.join(", "));
    Error::new(ErrorKind::Usage, what)
        .with("entries", entries.len())
        .detail(Detail::NextStep("name one of them with --id, or use --format configpack for all"))
}

/// Switches the stick that is plugged in by what was learned for its ids.
fn try_it(context: &mut Context, entries: &[Entry], wanted: Option<&str>) -> Result<()> {
    let mut bus = context.every_device()?;
    let stick = switch::chosen(context, &mut *bus, wanted, &Catalogue::builtin())?;
    let entry = entries.iter().find(|e| e.key.id() == Some(stick.id)).ok_or_else(|| {
        let learned: Vec<String> = entries.iter().map(|e| e.key.to_string()).collect();
        Error::new(ErrorKind::NoProfile, format!("the capture is of another stick than {}", stick.id))
            .with("learned", learned.join(", "))
            .with_verdict(Verdict::Untouched)
    })?;
    let catalogue = Catalogue::builtin();
    let request = SwitchRequest {
        catalogue: &catalogue,
        profile: Some(entry.parameters.clone()),
        goal: Default::default(),
    };
    let prepared = {
        let mut session = context.session();
        switching::prepare(&mut *bus, &stick, &request, &mut session)?
    };
    context.output.interim("plan", &PlanReport::of(&prepared));
    context.confirm("send this to the stick?")?;
    let mut session = context.session();
    let switched = switching::switch_and_wait(&mut *bus, prepared, &mut session)?;
    context.output.finish(&SwitchReport::of(stick.id, &switched));
    Ok(())
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct LearnReport {
    capture: CaptureReport,
    learned: Vec<SwitchedReport>,
    nothing: Vec<String>,
}

/// One stick that was switched.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SwitchedReport {
    id: Option<String>,
    /// Where the capture shows it before the switch: the numbers of its bus and its address there.
    address: String,
    target: Option<String>,
    /// It never left: another configuration was selected.
    #[serde(skip)]
    stays: bool,
    name: String,
    /// How often the capture shows it.
    times: u32,
    candidates: Vec<CandidateReport>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CandidateReport {
    method: String,
    sureness: &'static str,
    score: u8,
    /// The profile in usb_modeswitch's words; absent when no profile can say it.
    profile: Option<Vec<String>>,
    evidence: Vec<String>,
}

impl LearnReport {
    fn of(lesson: &Lesson, path: &Path, wanted: Option<UsbId>) -> LearnReport {
        LearnReport {
            capture: CaptureReport::of(path, lesson),
            learned: lesson.switches.iter().map(|s| SwitchedReport::of(lesson, s, wanted)).collect(),
            nothing: lesson.nothing.clone(),
        }
    }
}

impl SwitchedReport {
    fn of(lesson: &Lesson, switch: &Switch, wanted: Option<UsbId>) -> SwitchedReport {
        let id = switch.id.or(wanted);
        let entry = id.and_then(|id| lesson.entry(switch, id));
        let before = &lesson.devices[switch.before];
        SwitchedReport {
            address: format!("{}.{}", before.bus, before.address),
            id: id.map(|id| id.to_string()),
            target: switch.target.map(|id| id.to_string()),
            stays: switch.after.is_none(),
            name: entry.map(|e| e.name).unwrap_or_default(),
            times: switch.times,
            candidates: switch.candidates.iter().map(CandidateReport::of).collect(),
        }
    }

    /// What became of it; `among_others` of the same ids, with its address.
    fn headline(&self, among_others: bool) -> String {
        let unknown = "an unknown stick";
        let id = self.id.as_deref().unwrap_or(unknown);
        let id = if among_others { format!("{id} at {}", self.address) } else { id.to_owned() };
        let name = if self.name.is_empty() { String::new() } else { format!(" ({})", self.name) };
        let what = match &self.target {
            Some(_) if self.stays => "stays and shows another configuration".to_owned(),
            Some(target) if self.id.as_ref() == Some(target) => "comes back with the same ids".to_owned(),
            Some(target) => format!("becomes {target}"),
            None => "disconnects; the capture does not show what it becomes".to_owned(),
        };
        let times = if self.times > 1 { format!(", {} times", self.times) } else { String::new() };
        format!("{id}{name} {what}{times}")
    }
}

impl CandidateReport {
    fn of(candidate: &Candidate) -> CandidateReport {
        let lines = |p: &Parameters| usb_modeswitch::assignments(p).lines().map(str::to_owned).collect();
        CandidateReport {
            method: candidate.what.clone(),
            sureness: candidate.sureness(),
            score: candidate.score,
            profile: candidate.parameters.as_ref().map(lines),
            evidence: candidate.evidence.clone(),
        }
    }
}

impl Report for LearnReport {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.capture.headline())?;
        for remark in &self.capture.remarks {
            writeln!(out, "  note  {remark}")?;
        }
        for switched in &self.learned {
            let among_others = self.learned.iter().filter(|s| s.id == switched.id).count() > 1;
            writeln!(out, "\n{}", switched.headline(among_others))?;
            for (index, candidate) in switched.candidates.iter().enumerate() {
                let rank = if index == 0 { "by" } else { "or by" };
                writeln!(
                    out,
                    "  {rank} {}: {} ({}/100)",
                    candidate.method, candidate.sureness, candidate.score
                )?;
                for line in candidate.profile.iter().flatten() {
                    writeln!(out, "      {line}")?;
                }
                for line in &candidate.evidence {
                    writeln!(out, "    why  {line}")?;
                }
            }
        }
        if self.learned.is_empty() {
            writeln!(out, "\nnothing to learn here")?;
            for line in &self.nothing {
                writeln!(out, "  why  {line}")?;
            }
            self.capture.devices_text(out)?;
        }
        Ok(())
    }
}

/// A capture at a glance.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CaptureReport {
    file: String,
    format: &'static str,
    format_text: &'static str,
    gzip: bool,
    big_endian: bool,
    nanoseconds: bool,
    link_types: Vec<LinkReport>,
    packets: u64,
    skipped: u64,
    bytes: u64,
    seconds: f64,
    /// Whether the file ends before its last packet does, or breaks.
    truncated: bool,
    devices: Vec<DeviceReport>,
    remarks: Vec<String>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct LinkReport {
    number: u32,
    name: Option<&'static str>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct DeviceReport {
    address: String,
    port: Option<u16>,
    id: Option<String>,
    text: String,
    scsi: String,
    what: String,
    packets: u64,
    from: f64,
    to: f64,
    left: Option<String>,
}

fn seconds(ns: u64) -> f64 {
    (ns / 1000) as f64 / 1e6
}

impl CaptureReport {
    fn of(path: &Path, lesson: &Lesson) -> CaptureReport {
        let Summary { format, facts, packets, bytes, span_ns, end } = &lesson.capture;
        let name = |number: u32| {
            let all = [LinkType::UsbLinux, LinkType::UsbLinuxMmapped, LinkType::UsbPcap];
            all.into_iter().find(|l| l.number() == number).map(LinkType::words)
        };
        CaptureReport {
            file: path.display().to_string(),
            format: format.code(),
            format_text: format.words(),
            gzip: facts.gzip,
            big_endian: facts.big_endian,
            nanoseconds: facts.nanoseconds,
            link_types: facts.link_types.iter().map(|n| LinkReport { number: *n, name: name(*n) }).collect(),
            packets: *packets,
            skipped: facts.skipped,
            bytes: *bytes,
            seconds: seconds(*span_ns),
            truncated: !matches!(end, End::Whole),
            devices: lesson.devices.iter().filter(|d| d.address != 0).map(DeviceReport::of).collect(),
            remarks: lesson.remarks.clone(),
        }
    }

    fn headline(&self) -> String {
        let links: Vec<String> = self
            .link_types
            .iter()
            .map(|l| l.name.map_or_else(|| format!("link type {}", l.number), str::to_owned))
            .collect();
        let links = if links.is_empty() { String::new() } else { format!(" of {}", links.join(", ")) };
        let gzip = if self.gzip { "gzipped " } else { "" };
        format!(
            "{}: {gzip}{}{links}, {} in {:.3} s",
            self.file,
            self.format_text,
            counted(self.packets, "packet"),
            self.seconds
        )
    }

    fn devices_text(&self, out: &mut dyn Write) -> io::Result<()> {
        for d in &self.devices {
            let id = d.id.as_deref().unwrap_or("ids unknown");
            let port = d.port.map_or(String::new(), |p| format!(", port {p}"));
            let texts: Vec<&str> =
                [d.text.as_str(), d.scsi.as_str()].into_iter().filter(|t| !t.is_empty()).collect();
            let texts = if texts.is_empty() { String::new() } else { format!(" ({})", texts.join("; ")) };
            writeln!(
                out,
                "  {:<6} {id}  {}{texts}{port}: {}, {:.3} to {:.3} s",
                d.address,
                d.what,
                counted(d.packets, "packet"),
                d.from,
                d.to
            )?;
            if let Some(left) = &d.left {
                writeln!(out, "         left: {left}")?;
            }
        }
        Ok(())
    }
}

impl Report for CaptureReport {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.headline())?;
        let mut details = vec![format!("{} bytes", self.bytes)];
        if self.big_endian {
            details.push("big-endian".to_owned());
        }
        if self.nanoseconds {
            details.push("nanoseconds".to_owned());
        }
        if self.skipped > 0 {
            details.push(format!("{} entries that are no USB transfer", self.skipped));
        }
        details.push(if self.truncated { "not whole" } else { "whole" }.to_owned());
        writeln!(out, "  {}", details.join(", "))?;
        for remark in &self.remarks {
            writeln!(out, "  note  {remark}")?;
        }
        self.devices_text(out)
    }
}

impl DeviceReport {
    fn of(seen: &Seen) -> DeviceReport {
        let texts: Vec<&str> = seen.texts.iter().flatten().map(|t| t.trim()).collect();
        let scsi = seen.scsi.as_ref().map(|s| s.join(" ")).unwrap_or_default();
        DeviceReport {
            address: format!("{}.{}", seen.bus, seen.address),
            port: seen.port,
            id: seen.id.map(|id| id.to_string()),
            text: mask::text(&texts.join(" ")),
            scsi: mask::text(scsi.trim()),
            what: seen.what.clone(),
            packets: seen.packets,
            from: seconds(seen.times_ns.0),
            to: seconds(seen.times_ns.1),
            left: seen.left.clone(),
        }
    }
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<LearnReport>("learn");
    shapes.result::<SwitchReport>("learn");
    shapes.result::<CaptureReport>("inspect");
    shapes.event::<LearnReport>("learn", "lesson");
    shapes.event::<PlanReport>("learn", "plan");
}
