//! Who was who: which device left, which came in its place, and what explains it best.

mod address;
mod pairing;
mod score;

use crate::learn::assess::pairing::{Pairing, RETURN, is_plausible, unchanged};
use crate::learn::device::{Device, Gone};
use crate::learn::merge;
use crate::learn::observe::Learner;
use crate::learn::reading::{Reading, readings};
use crate::learn::sent::{Answer, Sent, What};
use crate::learn::{Candidate, Lesson, Summary, Switch, nothing};
use crate::profile::Parameters;
use crate::wire::pcap::{Capture, End, Format};

/// What was sent longer than this before the stick left did not make it leave, in nanoseconds.
const WINDOW: u64 = 30_000_000_000;
/// Most candidates of one switch.
pub(super) const MAX_CANDIDATES: usize = 6;
/// The most that an explanation gets which leaves something out: it is not sure.
const UNSURE: i32 = 79;
/// Doubts that are told one by one.
const TOLD: usize = 4;
pub(super) fn lesson(learner: &Learner, capture: &Capture<'_>) -> Lesson {
    let capture = Summary {
        format: capture.format(),
        facts: capture.facts().clone(),
        packets: learner.packets(),
        bytes: capture.offset(),
        span_ns: learner.span_ns(),
        end: capture.end().clone(),
    };
    let mut assessor = Assessor {
        learner,
        start_ns: learner.start_ns(),
        unit: learner.format().unit(),
        nothing: Vec::new(),
    };
    let mut switches = assessor.switches();
    if capture.facts.broken_lines > 0 {
        let candidates = switches.iter_mut().flat_map(|s| &mut s.candidates);
        candidates.for_each(|c| c.score = c.score.min(UNSURE as u8));
    }
    switches.sort_by_key(|s| std::cmp::Reverse(s.candidates.first().map_or(0, |c| c.score)));
    let switches = merge::together(merge::one_of_two(switches));
    let mut nothing = assessor.nothing;
    if !switches.is_empty() {
        nothing.clear();
    } else if nothing.is_empty() {
        nothing.push(nothing::nobody(learner, &capture));
    }
    let mut remarks = Vec::new();
    match &capture.end {
        End::Cut { offset } => {
            remarks.push(format!("the file ends in the middle of a packet, at offset {offset}"))
        }
        End::Broken { offset, what } => {
            remarks.push(format!("the file was read up to offset {offset} only: {what}"));
        }
        End::Open | End::Whole => {}
    }
    let how = nothing::how_to_capture(learner.format());
    if learner.devices.iter().any(|d| d.cut > 0) {
        remarks.push(format!("the capture cuts packets so short that SCSI commands are not whole: {how}"));
    }
    if learner.devices.iter().any(|d| d.sent.iter().any(Sent::is_cut)) {
        remarks.push(format!("the capture holds a part of a message only: {how}"));
    }
    if capture.facts.broken_lines > 0 {
        let lines = match capture.facts.broken_lines {
            1 => "1 line of the log lacks its end".to_owned(),
            n => format!("{n} lines of the log lack their ends"),
        };
        remarks.push(format!(
            "{lines}, as when a mail or a web page breaks them: what is learned is not sure; take the log as a file"
        ));
    }
    if learner.too_many {
        remarks.push("too many devices in the capture: the last ones were not examined".to_owned());
    }
    let start = learner.start_ns();
    let devices = learner.devices.iter().map(|d| d.seen(start)).collect();
    Lesson { capture, devices, switches, nothing, remarks }
}

struct Assessor<'a> {
    learner: &'a Learner,
    start_ns: u64,
    unit: &'static str,
    nothing: Vec<String>,
}

/// What explains a switch, before it is ranked.
struct Case<'a> {
    device: &'a Device,
    gone: Option<Gone>,
    after: Option<&'a Device>,
}

impl Assessor<'_> {
    fn switches(&mut self) -> Vec<Switch> {
        let devices = &self.learner.devices;
        // Those that were sent something first, in the order in which they left: everybody gets the next one that came, and
        // a disk that only fell silent takes nobody's.
        let is_idle = |d: &Device| d.sent.is_empty() && d.selected.len() < 2 && d.alternates.is_empty();
        let may_switch = |d: &Device| {
            let is_there = !d.is_hub && d.address != 0;
            is_there && (!d.sent.is_empty() || d.is_storage() || d.selected.len() >= 2)
        };
        let mut order: Vec<usize> = (0..devices.len()).filter(|i| may_switch(&devices[*i])).collect();
        order.sort_by_key(|i| {
            let d = &devices[*i];
            (is_idle(d), d.gone.is_none(), d.gone.map_or(d.last.0, |g| g.number))
        });
        let (idle, active): (Vec<usize>, Vec<usize>) = order.iter().partition(|i| is_idle(&devices[**i]));
        let pairings = pairing::pairings(devices, &active, &idle);
        order.into_iter().filter_map(|before| self.switch(before, &pairings[before])).collect()
    }

    fn switch(&mut self, before: usize, pairing: &Pairing) -> Option<Switch> {
        let learner = self.learner;
        let after = pairing.after;
        let device = &learner.devices[before];
        let next = after.map(|j| &learner.devices[j]);
        let gone = device.gone.or_else(|| {
            next.map(|b| Gone {
                number: device.last.0,
                time_ns: b.first.1.max(device.last.1),
                why: "it says no more",
                certain: false,
            })
        });
        let case = Case { device, gone, after: next };
        let mut candidates = match (gone, next) {
            (Some(_), Some(b)) if unchanged(device, b) => {
                self.came_back(&case, b);
                Vec::new()
            }
            (Some(gone), None) if self.stranger(device, gone).is_some() => {
                let stranger = self.stranger(device, gone).map(|b| format!("{}, {}", b.name(), b.what()));
                self.nothing.push(format!(
                    "{} was unplugged ({}): what was plugged in at its port then is another device ({})",
                    device.name(),
                    self.at(gone.number, gone.time_ns),
                    stranger.unwrap_or_default()
                ));
                return None;
            }
            // A modem that is unplugged, or a disk that is a modem already: nobody switched it.
            (Some(_), None) if !device.is_only_storage() => Vec::new(),
            (Some(_), _) => self.candidates(&case),
            (None, _) => Vec::new(),
        };
        self.doubt(pairing, &mut candidates);
        if candidates.is_empty()
            && let Some(candidate) = self.configuration(device)
        {
            candidates.push(candidate);
        }
        if candidates.is_empty() {
            self.explain(&case);
            return None;
        }
        candidates.sort_by_key(|c| std::cmp::Reverse(c.score));
        candidates.truncate(MAX_CANDIDATES);
        let target =
            next.filter(|_| gone.is_some()).and_then(Device::id).or(device.id().filter(|_| gone.is_none()));
        let after = after.filter(|_| gone.is_some());
        Some(Switch { before, after, id: device.id(), target, candidates, times: 1 })
    }

    /// Takes the certainty from explanations of a stick that may have become another one than is said.
    fn doubt(&self, pairing: &Pairing, candidates: &mut [Candidate]) {
        let devices = &self.learner.devices;
        let mut doubts: Vec<String> = Vec::new();
        for b in pairing.others.iter().take(TOLD).map(|other| &devices[*other]) {
            let (at, name, what) = (self.at(b.first.0, b.first.1), b.name(), b.what());
            doubts.push(format!("{at}: {name} comes too, {what}: which of them it became is a guess"));
        }
        for a in pairing.sticks.iter().take(TOLD).map(|stick| &devices[*stick]) {
            let name = a.name();
            doubts
                .push(format!("{name} left too and may have become the same: which of them did is a guess"));
        }
        if doubts.is_empty() {
            return;
        }
        for candidate in candidates {
            candidate.score = (i32::from(candidate.score) - 20).clamp(0, UNSURE) as u8;
            candidate.evidence.extend_from_slice(&doubts);
        }
    }

    /// Everything that may have made a stick leave.
    fn candidates(&self, case: &Case<'_>) -> Vec<Candidate> {
        let Some(gone) = case.gone else { return Vec::new() };
        let device = case.device;
        // A status of the same moment may stand before the message that it answers.
        let until = case.after.map_or(gone.time_ns, |b| b.first.1.max(gone.time_ns));
        let in_time = |s: &&Sent| s.time_ns <= until && gone.time_ns.saturating_sub(s.time_ns) <= WINDOW;
        let sent: Vec<&Sent> = device.sent.iter().filter(in_time).collect();
        let of_disk = device.is_storage();
        let mut candidates: Vec<Candidate> = readings(&sent)
            .into_iter()
            .filter(|r| of_disk || r.parameters.is_some())
            .filter(|r| !is_suspend(sent[*r.used.last().unwrap_or(&0)]) || may_be_disk(device))
            .map(|r| self.weigh(case, &gone, &sent, r))
            .collect();
        if candidates.is_empty() {
            candidates.extend(self.unanswered(case, &gone));
            candidates.extend(self.selected(case, &gone));
            candidates.extend(self.alternate(case, &gone));
            candidates.extend(self.reset(case));
        }
        candidates
    }

    fn alternate_words(&self, (number, time_ns, interface, value): &(u64, u64, u8, u8)) -> String {
        format!(
            "{}: alternate setting {value} of interface {interface} is selected",
            self.at(*number, *time_ns)
        )
    }

    /// Nothing but routine was sent, and the last of it was never answered.
    fn unanswered(&self, case: &Case<'_>, gone: &Gone) -> Option<Candidate> {
        case.after?;
        let last = case.device.last_routine.as_ref()?;
        let soon = gone.time_ns.saturating_sub(last.time_ns) < 3_000_000_000;
        if last.answer != Answer::Never || !soon {
            return None;
        }
        let reading = readings(&[last]).into_iter().next()?;
        let mut candidate = self.weigh(case, gone, &[last], Reading { known: false, ..reading });
        candidate.score = candidate.score.min(50);
        candidate
            .evidence
            .push("it is a command that every system sends: only its silence speaks for it".to_owned());
        Some(candidate)
    }

    /// The configuration that was selected last, when the stick left over it.
    fn selected(&self, case: &Case<'_>, gone: &Gone) -> Option<Candidate> {
        case.after?;
        let (number, time_ns, value) = *case.device.selected.last()?;
        let first = case.device.selected.first()?.2;
        if value == first || value == 0 || gone.time_ns.saturating_sub(time_ns) > WINDOW {
            return None;
        }
        let mut evidence = vec![self.who(case.device)];
        evidence
            .push(format!("{}: configuration {value} is selected, {first} before", self.at(number, time_ns)));
        let score = 40 + self.arrival(case, &mut evidence);
        evidence.extend(ignored(case.device));
        let parameters = Parameters { configuration: Some(value), ..Parameters::default() };
        Some(Candidate::of(with_target(parameters, case), score, evidence))
    }

    /// The alternate setting that was selected last, when the stick left over it.
    fn alternate(&self, case: &Case<'_>, gone: &Gone) -> Option<Candidate> {
        case.after?;
        let set = case.device.alternates.last()?;
        if gone.time_ns.saturating_sub(set.1) > WINDOW {
            return None;
        }
        let mut evidence = vec![self.who(case.device), self.alternate_words(set)];
        let score = 40 + self.arrival(case, &mut evidence);
        evidence.extend(ignored(case.device));
        let parameters = alternate_of(set, Parameters::default());
        Some(Candidate::of(with_target(parameters, case), score, evidence))
    }

    /// A port reset, after which another device answers.
    fn reset(&self, case: &Case<'_>) -> Option<Candidate> {
        let (number, time_ns) = case.device.reset?;
        case.after?;
        let mut evidence = vec![self.who(case.device)];
        evidence.push(format!("{}: its port is reset", self.at(number, time_ns)));
        let score = 10 + self.arrival(case, &mut evidence);
        evidence.extend(ignored(case.device));
        let parameters = Parameters { reset_usb: Some(true), ..Parameters::default() };
        Some(Candidate::of(with_target(parameters, case), score, evidence))
    }

    /// A stick that stays and shows other interfaces in another configuration.
    fn configuration(&self, device: &Device) -> Option<Candidate> {
        let (number, time_ns, value) = *device.selected.last()?;
        let (_, _, first) = *device.selected.first()?;
        if value == 0 || value == first {
            return None;
        }
        let is_mbim = device.interfaces(Some(value)).iter().any(|i| i.class[..2] == [2, 0x0e]);
        let mut evidence = vec![self.who(device)];
        let what = if is_mbim { ", the one with MBIM" } else { "" };
        evidence.push(format!(
            "{}: configuration {value}{what} is selected, it was {first} before, and the stick stays",
            self.at(number, time_ns)
        ));
        let mut score = 60 + i32::from(is_mbim) * 20;
        let mut parameters = Parameters { configuration: Some(value), ..Parameters::default() };
        // Sony's stick takes its request twice, and the new configuration after that.
        let sent: Vec<&Sent> = device.sent.iter().filter(|s| s.time_ns <= time_ns).collect();
        let mut used = Vec::new();
        if let Some(before) = readings(&sent).into_iter().find(|r| r.known)
            && let Some(p) = before.parameters
        {
            used.clone_from(&before.used);
            evidence.extend(before.note);
            for at in &before.used {
                let s = sent[*at];
                evidence.push(format!(
                    "{}: it gets {}; {}",
                    self.at(s.number, s.time_ns),
                    s.words(),
                    s.answer_words()
                ));
            }
            parameters = Parameters { configuration: Some(value), ..p };
            parameters.target_class = device.class();
        }
        evidence.extend(ignored(device));
        let known = self.known(device, &parameters, &mut score);
        let is_known = known.as_ref().is_some_and(|(_, same)| *same);
        evidence.extend(known.map(|(said, _)| said));
        if !self.is_whole(&sent, &sent, &used, &mut evidence) && !is_known {
            score = (score - 20).min(UNSURE);
        }
        Some(Candidate::of(parameters, score, evidence))
    }

    fn who(&self, device: &Device) -> String {
        format!("{}: {} is there, {}", self.at(device.first.0, device.first.1), device.name(), device.what())
    }

    fn at(&self, number: u64, time_ns: u64) -> String {
        let since = time_ns.saturating_sub(self.start_ns);
        format!("{} {number}, {:.3} s", self.unit, since as f64 / 1e9)
    }

    fn came_back(&mut self, case: &Case<'_>, b: &Device) {
        let tried: Vec<String> = case.device.sent.iter().rev().take(1).map(Sent::words).collect();
        let tried = tried.first().map_or("nothing that switches".to_owned(), String::clone);
        self.nothing.push(format!(
            "{} left and came back unchanged as {}.{}; it had got {tried}",
            case.device.name(),
            b.bus,
            b.address
        ));
    }

    /// Why a device that may have been an install disk teaches nothing.
    fn explain(&mut self, case: &Case<'_>) {
        let device = case.device;
        if !device.is_storage() || (case.gone.is_some() && case.after.is_some_and(|b| unchanged(device, b))) {
            return;
        }
        // Hubs tell who leaves, and so does Windows to a filter of the device itself.
        let leaving_shows = self.learner.format() == Format::SniffUsb
            || self.learner.devices.iter().any(|d| d.is_hub && d.bus == device.bus);
        let at = |number, time_ns| self.at(number, time_ns);
        self.nothing.push(nothing::of(device, case.gone, leaving_shows, &at));
    }

    /// The device that was plugged in where one that left had been, and is nothing that a stick becomes.
    fn stranger(&self, device: &Device, gone: Gone) -> Option<&Device> {
        let came = |b: &&Device| {
            let after = b.first.0 > device.first.0 && b.first.1 <= gone.time_ns.saturating_add(RETURN);
            after && device.port.is_some() && (b.bus, b.port) == (device.bus, device.port)
        };
        self.learner.devices.iter().find(came).filter(|b| !is_plausible(device, b))
    }
}

/// Whether it is what systems send too before they suspend a device, and one method's message.
fn is_suspend(sent: &Sent) -> bool {
    matches!(&sent.what, What::Control { setup: [0, 3, 1, 0, 0, 0, 0, 0], .. })
}

/// Whether it is a disk, or nothing says what it is.
fn may_be_disk(device: &Device) -> bool {
    device.is_storage() || device.active_interfaces().is_empty()
}

/// The parameters with an alternate setting. A profile without the number of an interface means the first.
fn alternate_of(set: &(u64, u64, u8, u8), parameters: Parameters) -> Parameters {
    let interface = Some(set.2).filter(|interface| *interface != 0).or(parameters.interface);
    Parameters { alt_setting: Some(set.3), interface, ..parameters }
}

/// The parameters with what came after the switch.
fn with_target(mut parameters: Parameters, case: &Case<'_>) -> Parameters {
    let Some(after) = case.after else { return parameters };
    match (case.device.id(), after.id()) {
        (Some(before), Some(id)) if before == id => parameters.target_class = after.class(),
        (_, Some(id)) => {
            parameters.target_vendor = Some(id.vendor);
            parameters.target_product = Some(id.product);
        }
        (_, None) => {}
    }
    parameters
}

/// What was passed over, in one sentence.
fn ignored(device: &Device) -> Option<String> {
    let mut routine = device.routine.clone();
    routine.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let words: Vec<String> = routine.iter().take(8).map(|(name, count)| format!("{count} {name}")).collect();
    (!words.is_empty()).then(|| format!("ignored, because every system sends them: {}", words.join(", ")))
}
