//! From a USB capture to the profile that switches the stick (docs/protocols/captures.md).
//!
//! [`learn`] reads a capture once, as a stream: who was there, who showed an install disk, what was sent to it that no system sends by
//! itself, when it left, and who came in its place. What comes out is a [`Lesson`]: for every stick that was switched, the
//! [`Candidate`]s ranked, each with its evidence in words; or the reason why there is nothing to learn.
//!
//! ```
//! use stickshift::event::Session;
//! use stickshift::learn::learn;
//! use stickshift::wire::pcap::Capture;
//!
//! # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).unwrap();
//! let mut file = std::fs::File::open("tests/fixtures/captures/k3772.usbmon.txt").unwrap();
//! let lesson = learn(&mut Capture::open(&mut file)?, None, &mut Session::quiet())?;
//! let best = &lesson.switches[0].candidates[0];
//! assert_eq!((best.parameters.as_ref().unwrap().summary().as_str(), best.sureness()), ("HuaweiNewMode", "sure"));
//! # Ok::<(), stickshift::error::Error>(())
//! ```

mod assess;
mod device;
mod disk;
mod merge;
mod nothing;
mod observe;
mod reading;
mod routine;
mod sent;

use crate::error::Result;
use crate::event::Session;
use crate::mask;
use crate::profile::{Attributes, Catalogue, Entry, Key, Parameters, Scsi};
use crate::stick::UsbId;
use crate::wire::pcap::{Capture, End, Facts, Format};

pub use observe::Learner;

/// What a capture taught.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// The capture itself.
    pub capture: Summary,
    /// Every device that was seen, in the order of their first packets.
    pub devices: Vec<Seen>,
    /// Every stick that was switched, or may have been, the surest first.
    pub switches: Vec<Switch>,
    /// Why there is nothing to learn, one lower-case sentence each. Empty when there is something.
    pub nothing: Vec<String>,
    /// What limits the answer: packets that are cut, a file that ends early.
    pub remarks: Vec<String>,
}

/// A capture at a glance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// What kind of file it is.
    pub format: Format,
    /// Its header's facts.
    pub facts: Facts,
    /// USB packets that were read.
    pub packets: u64,
    /// Bytes read, after unpacking.
    pub bytes: u64,
    /// From the first to the last packet, in nanoseconds.
    pub span_ns: u64,
    /// How it ended.
    pub end: End,
}

/// One device of a capture, from when it was first seen at its address until it left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The number of its bus; 1 in formats that do not have it.
    pub bus: u16,
    /// The address that the computer gave it on that bus.
    pub address: u8,
    /// Where it was plugged in, as far as the hub's traffic tells.
    pub port: Option<u16>,
    /// Its ids, if its device descriptor is in the capture.
    pub id: Option<UsbId>,
    /// iManufacturer and iProduct, if they are in the capture.
    pub texts: [Option<String>; 2],
    /// The vendor and model that its disk gives, if asked.
    pub scsi: Option<[String; 2]>,
    /// What it is, in words.
    pub what: String,
    /// How many packets of the capture are from or to it.
    pub packets: u64,
    /// First and last packet.
    pub frames: (u64, u64),
    /// First and last packet, in nanoseconds since the first of the capture.
    pub times_ns: (u64, u64),
    /// How it left, if it did: one lower-case sentence.
    pub left: Option<String>,
}

/// One stick that changed what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// The stick before: index in [`Lesson::devices`].
    pub before: usize,
    /// The stick after, if it was seen.
    pub after: Option<usize>,
    /// Its ids before.
    pub id: Option<UsbId>,
    /// Its ids after.
    pub target: Option<UsbId>,
    /// What may have switched it, the likeliest first. Never empty.
    pub candidates: Vec<Candidate>,
    /// How often the capture shows it.
    pub times: u32,
}

/// One explanation of a switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The profile, with what came after the switch. `None` when no profile can say it.
    pub parameters: Option<Parameters>,
    /// The method in words.
    pub what: String,
    /// Confidence, 0 to 100.
    pub score: u8,
    /// Why: one lower-case sentence each, with frames and times.
    pub evidence: Vec<String>,
}

impl Switch {
    /// Whether the capture shows what it became.
    pub fn after_is_known(&self) -> bool {
        self.after.is_some() || self.target.is_some()
    }
}

impl Candidate {
    fn of(parameters: Parameters, score: i32, evidence: Vec<String>) -> Candidate {
        let what = parameters.summary();
        Candidate { what, parameters: Some(parameters), score: score.clamp(0, 100) as u8, evidence }
    }

    /// Whether a profile of it may be passed on as it is.
    pub fn is_sure(&self) -> bool {
        self.score >= 80
    }

    /// The score in a word.
    pub fn sureness(&self) -> &'static str {
        match self.score {
            _ if self.is_sure() => "sure",
            60.. => "likely",
            35.. => "possible",
            _ => "unlikely",
        }
    }
}

impl Lesson {
    /// The profile of the best candidate of a switch, for a stick with these ids before.
    pub fn entry(&self, switch: &Switch, id: UsbId) -> Option<Entry> {
        let best = switch.candidates.first()?;
        let parameters = best.parameters.clone()?;
        let seen = &self.devices[switch.before];
        // A name goes into files that are passed on.
        let texts = mask::text(&seen.texts.iter().flatten().map(|t| t.trim()).collect::<Vec<_>>().join(" "));
        let known = Catalogue::builtin().choose(id, &seen.attributes()).chosen.map(|c| c.entry);
        let (key, name) = match known {
            Some(entry) if entry.name.is_empty() => (entry.key, texts),
            Some(entry) => (entry.key, entry.name),
            None => (Key::plain(id), texts),
        };
        let mut source = "learned from a USB capture".to_owned();
        if !best.is_sure() {
            source = format!("{source}: {}, not sure ({}/100)", best.sureness(), best.score);
        }
        Some(Entry { key, name, parameters, source })
    }
}

impl Seen {
    /// The texts by which profiles of the same ids are distinguished.
    pub fn attributes(&self) -> Attributes {
        let [manufacturer, product] = self.texts.clone();
        let scsi = self.scsi.clone().map(|[vendor, model]| Scsi { vendor, model, revision: String::new() });
        Attributes { scsi, manufacturer, product, serial: None }
    }
}

/// Reads a capture to its end and says what it teaches. `size` is the file's, for the progress.
///
/// # Errors
/// `FileUnreadable` from the source, `Interrupted`.
pub fn learn(capture: &mut Capture<'_>, size: Option<u64>, session: &mut Session<'_>) -> Result<Lesson> {
    /// Packets between two looks at whether the user wants to stop.
    const STRIDE: u64 = 1 << 17;
    let mut learner = Learner::new(capture.format());
    let mut next = STRIDE;
    while let Some(packet) = capture.next_packet()? {
        learner.observe(&packet);
        if learner.packets() >= next {
            next += STRIDE;
            session.check()?;
            if let Some(size) = size {
                session.progress(capture.offset().min(size), size);
            }
        }
    }
    Ok(learner.finish(capture))
}

#[cfg(test)]
mod tests;
