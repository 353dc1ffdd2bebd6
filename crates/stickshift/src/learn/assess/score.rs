//! How much speaks for an explanation of a switch.

use crate::learn::Candidate;
use crate::learn::assess::address::{unknown_interface, with_address};
use crate::learn::assess::pairing::unchanged;
use crate::learn::assess::{Assessor, Case, TOLD, UNSURE, alternate_of, ignored, is_suspend, with_target};
use crate::learn::device::{Device, Gone};
use crate::learn::reading::{Reading, is_eject, left_out};
use crate::learn::sent::{Answer, Sent, What, span};
use crate::profile::{Attributes, Catalogue, Parameters};

/// A stick that comes back later than this after what was sent is weak proof.
const LATE: u64 = 40_000_000_000;
/// People take longer than this to take one stick out and plug another one in.
const SWAP: u64 = 5_000_000_000;
/// Sticks leave within this after what switches them.
const SOON: u64 = 3_000_000_000;
/// The most that an explanation gets against which more speaks than for it.
const POSSIBLE: i32 = 59;
/// What was sent so much earlier, in nanoseconds, did not make the stick leave, and the next message was not waiting for it.
const LONG_BEFORE: u64 = 5_000_000_000;

impl Assessor<'_> {
    pub(super) fn weigh(&self, case: &Case<'_>, gone: &Gone, sent: &[&Sent], reading: Reading) -> Candidate {
        let last_used = reading.used.last().copied().unwrap_or(0);
        let last = sent[last_used];
        let is_last = last_used + 1 == sent.len();
        let mut score = if reading.known { 40 } else { 22 };
        let mut evidence = vec![self.who(case.device)];
        for at in &reading.used {
            let s = sent[*at];
            let foreign = if s.foreign { ", not by the storage driver: its tag is out of order" } else { "" };
            let times = sent.iter().filter(|other| other.same(s)).count();
            let told = reading.used.iter().filter(|other| sent[**other].same(s)).count();
            let often = match times > told {
                true => format!(", {times} times in all, and the profile sends it once"),
                false => String::new(),
            };
            let line = format!(
                "{}: it gets {}{foreign}{often}; {}",
                self.at(s.number, s.time_ns),
                s.words(),
                s.answer_words()
            );
            evidence.push(line);
            score += i32::from(s.foreign && *at == last_used) * 3;
        }
        score += match last.answer {
            Answer::Never if last.tag().is_none() && matches!(last.what, What::CutCommand { .. }) => 0,
            Answer::Never => 10,
            Answer::Failed(_) => 5,
            Answer::Came(_) | Answer::Unseen => 0,
        };
        let delay = gone.time_ns.saturating_sub(last.time_ns);
        score += match delay {
            0..SOON => 10,
            SOON..10_000_000_000 => 5,
            _ => 0,
        };
        if is_last {
            score += 10;
        } else {
            score -= 35;
            let later = sent.len() - 1 - last_used;
            evidence.push(format!("{later} more commands that no system sends on its own followed"));
        }
        score += if case.device.is_storage() { 5 } else { -15 };
        let parameters = reading.parameters.map(|p| self.with_selected(p, case, last, &mut evidence));
        evidence.push(format!(
            "{}: it leaves, {} after that ({})",
            self.at(gone.number, gone.time_ns),
            span(delay),
            gone.why
        ));
        score += self.arrival(case, &mut evidence);
        evidence.extend(ignored(case.device));
        if case.after.is_none() && !case.device.is_cdrom {
            score -= 15;
            evidence.push("nothing says that it was more than a disk".to_owned());
        }
        evidence.extend(reading.note);
        let parameters = parameters.map(|p| with_target(with_address(p, case.device, last), case));
        let mut is_known = false;
        if let Some(parameters) = &parameters {
            let known = self.known(case.device, parameters, &mut score);
            is_known = known.as_ref().is_some_and(|(_, same)| *same);
            evidence.extend(known.map(|(said, _)| said));
        } else {
            evidence.push("no profile can say this".to_owned());
            score -= 10;
        }
        if !is_known && may_be_unplugged(case) {
            score = score.min(UNSURE);
            let (what, how) = match case.device.is_storage() {
                true => ("a disk", "ejected and unplugged"),
                false => ("a device", "unplugged"),
            };
            evidence.push(format!("it was {what} of another vendor than what came: it may have been {how}"));
        }
        if !is_known && is_suspend(last) && (is_other_vendor(case) || delay >= SOON) {
            score = score.min(POSSIBLE);
            evidence.push(
                "systems send the same before they suspend a device that is idle: most likely it was unplugged after that"
                    .to_owned(),
            );
        }
        let whole = self.is_whole(&sent[..last_used], sent, &reading.used, &mut evidence);
        let configured = self.is_configured_before(case, last, &mut evidence);
        if !is_known && (!whole || configured) {
            score = (score - 20).min(UNSURE);
        } else if !is_last {
            score = score.min(UNSURE);
        }
        let is_cut = |at: &usize| matches!(sent[*at].what, What::CutCommand { .. });
        if reading.used.iter().any(is_cut) {
            score = score.min(UNSURE);
        }
        if !is_known && is_swapped(case, gone, last) {
            score = score.min(POSSIBLE);
            evidence.push(
                "the system ejected it, what came is of another vendor, and more time passed than with sticks that are switched: most likely \
                 somebody took it out and plugged another one in"
                    .to_owned(),
            );
        }
        if let Some(unknown) = unknown_interface(case.device, last) {
            score = score.min(UNSURE);
            evidence.push(unknown);
        }
        Candidate { parameters, what: reading.what, score: score.clamp(0, 100) as u8, evidence }
    }

    /// The parameters with the configuration and the alternate setting that were selected after the last message and before the stick left.
    /// usb_modeswitch selects the alternate setting last.
    fn with_selected(
        &self,
        parameters: Parameters,
        case: &Case<'_>,
        last: &Sent,
        evidence: &mut Vec<String>,
    ) -> Parameters {
        let (selected, alternates) = (&case.device.selected, &case.device.alternates);
        let mut parameters = parameters;
        let later = selected.last().filter(|s| s.0 > last.number && s.2 != 0);
        if let Some((number, time_ns, value)) = later.filter(|s| selected.first().is_none_or(|f| f.2 != s.2))
        {
            evidence.push(format!("{}: configuration {value} is selected", self.at(*number, *time_ns)));
            parameters.configuration = Some(*value);
        }
        let Some(set) = alternates.last().filter(|s| s.0 > last.number) else { return parameters };
        evidence.push(self.alternate_words(set));
        alternate_of(set, parameters)
    }

    /// Whether another configuration than the system's, or an alternate setting, was selected before a message. Profiles select theirs afterwards.
    fn is_configured_before(&self, case: &Case<'_>, last: &Sent, evidence: &mut Vec<String>) -> bool {
        let selected = &case.device.selected;
        let set = case.device.alternates.iter().rev().find(|s| s.0 < last.number);
        evidence
            .extend(set.map(|set| format!("{} before, which this leaves out", self.alternate_words(set))));
        let before = selected.iter().rev().find(|s| s.0 < last.number);
        let Some((number, time_ns, value)) =
            before.filter(|s| s.2 != 0 && selected.first().is_some_and(|first| first.2 != s.2))
        else {
            return set.is_some();
        };
        let at = self.at(*number, *time_ns);
        evidence.push(format!("{at}: configuration {value} was selected before, which this leaves out"));
        true
    }

    /// Whether a profile sends everything that may have mattered; what it leaves out becomes evidence against it.
    pub(super) fn is_whole(
        &self,
        before: &[&Sent],
        sent: &[&Sent],
        used: &[usize],
        evidence: &mut Vec<String>,
    ) -> bool {
        let used: Vec<&Sent> = used.iter().map(|at| sent[*at]).collect();
        let out = left_out(before, &used);
        for s in out.iter().take(TOLD) {
            let (at, words, answer) = (self.at(s.number, s.time_ns), s.words(), s.answer_words());
            evidence.push(format!("{at}: it got {words} before, which this leaves out; {answer}"));
        }
        if out.len() > TOLD {
            evidence.push(format!("{} more that were sent before are left out", out.len() - TOLD));
        }
        let first = used.iter().map(|s| s.time_ns).min();
        let is_old = |s: &Sent| first.is_some_and(|first| first.saturating_sub(s.time_ns) >= LONG_BEFORE);
        out.iter().all(|s| s.is_refused() || is_old(s))
    }

    /// What came in its place, as evidence and as a score.
    pub(super) fn arrival(&self, case: &Case<'_>, evidence: &mut Vec<String>) -> i32 {
        let Some(b) = case.after else {
            evidence.push(self.elsewhen(case));
            return 0;
        };
        let same_port = case.device.port.is_some() && case.device.port == b.port;
        let place = match (same_port, case.device.bus == b.bus) {
            (true, _) => " at the same port",
            (false, true) => " on the same bus",
            (false, false) => " on another bus",
        };
        evidence.push(format!("{}: {}{place} comes, {}", self.at(b.first.0, b.first.1), b.name(), b.what()));
        let vendor =
            matches!((case.device.descriptor, b.descriptor), (Some(a), Some(b)) if a.vendor == b.vendor);
        let last = case.device.sent.back().map_or(case.device.alive.1, |sent| sent.time_ns);
        let passed = b.first.1.saturating_sub(last);
        let late = passed > LATE;
        if late {
            evidence.push(format!(
                "that is {} after the last that was sent: sticks come back sooner",
                span(passed)
            ));
        }
        if !self.learner.has_times {
            evidence.push(
                "the log has no times: whether one followed from the other is not to be seen".to_owned(),
            );
        }
        20 + i32::from(same_port) * 5 + i32::from(vendor || same_port) * 10
            - i32::from(late) * 35
            - i32::from(!self.learner.has_times) * 15
    }

    /// That nobody came in its place, or who would have by everything but the clock.
    fn elsewhen(&self, case: &Case<'_>) -> String {
        let a = case.device;
        let left = case.gone.map_or(a.last, |g| (g.number, g.time_ns));
        let vendor = |d: &Device| d.descriptor.map(|d| d.vendor);
        let came = |b: &&Device| {
            let is_stick = !b.is_hub && b.address != 0 && b.first.0 > left.0;
            is_stick && vendor(a).is_some() && vendor(a) == vendor(b) && b.may_be_modem() && !unchanged(a, b)
        };
        let Some(b) = self.learner.devices.iter().find(came) else {
            return "no device appeared in its place".to_owned();
        };
        let who = format!("{}, {}, comes", b.name(), b.what());
        let at = self.at(b.first.0, b.first.1);
        match b.first.1.checked_sub(left.1) {
            Some(later) => format!(
                "{at}: {who} {} after it left: that is too late to say that it is the same stick, unless the clock was set meanwhile",
                span(later)
            ),
            None => format!(
                "{} {}: {who} after it left, {} earlier by the clock: the clock was set meanwhile, so nothing says how long it took",
                self.unit,
                b.first.0,
                span(left.1 - b.first.1)
            ),
        }
    }

    /// What the built-in profile for these ids says, and whether it is the same.
    pub(super) fn known(
        &self,
        device: &Device,
        parameters: &Parameters,
        score: &mut i32,
    ) -> Option<(String, bool)> {
        let id = device.id()?;
        let attributes = device.seen(self.start_ns).attributes();
        let attributes = Attributes { serial: None, ..attributes };
        let entry = Catalogue::builtin().choose(id, &attributes).chosen?.entry;
        if same_action(&entry.parameters, parameters) {
            *score += 5;
            return Some((format!("the built-in profile for {id} says the same"), true));
        }
        Some((format!("the built-in profile for {id} says {}", entry.parameters.summary()), false))
    }
}

/// Whether a disk that showed no CD-ROM left for a device of another vendor: people eject flash drives before they unplug them.
fn may_be_unplugged(case: &Case<'_>) -> bool {
    !case.device.is_cdrom && is_other_vendor(case)
}

/// Whether what came is of another vendor than what left.
fn is_other_vendor(case: &Case<'_>) -> bool {
    let vendor = |device: &Device| device.descriptor.map(|d| d.vendor);
    matches!((vendor(case.device), case.after.and_then(vendor)), (Some(a), Some(b)) if a != b)
}

/// Whether a disk that the system's own driver ejected stayed as long after that as people take to pull it out, or a device of another
/// vendor came as long after it left as they take to plug in another one.
fn is_swapped(case: &Case<'_>, gone: &Gone, last: &Sent) -> bool {
    let Some(after) = case.after else { return false };
    let by_system = !last.foreign && matches!(&last.what, What::Command(block) if is_eject(block));
    // Where leaving is not seen, the last packet is the last that is known of it.
    let left = case.device.gone.map_or(case.device.last.1, |_| gone.time_ns);
    let stayed = left.saturating_sub(last.time_ns) >= SWAP;
    is_other_vendor(case) && by_system && (stayed || after.first.1.saturating_sub(left) >= SWAP)
}

/// Whether two profiles do the same, whatever they expect afterwards.
fn same_action(a: &Parameters, b: &Parameters) -> bool {
    let tagless = |p: &Parameters| -> Vec<Vec<u8>> {
        let strip = |m: &Vec<u8>| if m.len() == 31 { [&m[..4], &m[8..]].concat() } else { m.clone() };
        p.messages.iter().map(strip).collect()
    };
    a.methods_on().eq(b.methods_on())
        && tagless(a) == tagless(b)
        && a.pantech.unwrap_or(0) == b.pantech.unwrap_or(0)
        && a.configuration == b.configuration
        && a.alt_setting == b.alt_setting
        && (b.interface.is_none() || a.interface == b.interface)
        && a.control_message == b.control_message
}
