//! Why there is nothing to learn, and how to capture so that there is.

use crate::learn::Summary;
use crate::learn::device::{Device, Gone};
use crate::learn::observe::Learner;
use crate::learn::routine::NOT_EVERYWHERE;
use crate::learn::sent::span;
use crate::wire::pcap::{Format, link_type};

/// Why there is nothing when no install disk was even seen.
pub(super) fn nobody(learner: &Learner, capture: &Summary) -> String {
    let there = || learner.devices.iter().filter(|d| !d.is_hub && d.address != 0);
    if learner.packets() == 0 {
        if capture.facts.cut > 0 {
            return format!(
                "the packets of the capture are cut before they say what they are: {}",
                how_to_capture(learner.format())
            );
        }
        return match capture.facts.link_types.as_slice() {
            [] => "there is no USB packet in the capture".to_owned(),
            types => {
                let types: Vec<String> = types.iter().map(|t| link_type(*t)).collect();
                format!("there is no USB packet in the capture, only {}", types.join(", "))
            }
        };
    }
    if there().next().is_none() {
        return "nothing but hubs was on the captured bus: the stick is on another one".to_owned();
    }
    let names: Vec<String> = there().take(4).map(|d| format!("{}, {}", d.name(), d.what())).collect();
    format!(
        "no device was ever an install disk ({}): the capture begins after the switch, or on another bus",
        names.join("; ")
    )
}

/// Why a disk teaches nothing. `leaving_shows` says whether the capture would show that it left; `at`, where and when a packet is.
pub(super) fn of(
    device: &Device,
    gone: Option<Gone>,
    leaving_shows: bool,
    at: &dyn Fn(u64, u64) -> String,
) -> String {
    let name = device.name();
    let stays = match leaving_shows {
        true => "is there until the end and never disconnects",
        false => "is not seen to leave, which this capture may not show, and nothing comes in its place",
    };
    match (gone, device.sent.back()) {
        (Some(gone), Some(sent)) => format!(
            "{name} left ({}, {}), and nothing that was sent explains it: the last it got that systems do not send by themselves was {} ({}), {} before",
            at(gone.number, gone.time_ns),
            gone.why,
            sent.words(),
            at(sent.number, sent.time_ns),
            span(gone.time_ns.saturating_sub(sent.time_ns))
        ),
        (Some(gone), None) => format!(
            "{name} left ({}, {}) after receiving {}: it was unplugged, or it switches on its own",
            at(gone.number, gone.time_ns),
            gone.why,
            received(device)
        ),
        (None, Some(sent)) => format!(
            "{name} {stays}; the last it got was {} ({})",
            sent.words(),
            at(sent.number, sent.time_ns)
        ),
        (None, None) => format!("{name} {stays}; it got {}", received(device)),
    }
}

/// What a device got that was sent nothing remarkable.
fn received(device: &Device) -> String {
    let rare = device.routine.iter().filter(|(name, _)| NOT_EVERYWHERE.contains(name));
    let mut rare: Vec<String> = rare.take(6).map(|(name, count)| format!("{count} {name}")).collect();
    let first = device.selected.first().map(|s| s.2);
    let other = device.selected.iter().rev().find(|s| Some(s.2) != first);
    rare.extend(other.map(|s| format!("configuration {}", s.2)));
    rare.extend(device.alternates.last().map(|s| format!("alternate setting {}", s.3)));
    if device.unseen > 0 {
        rare.push(format!("{} transfers of which the capture holds no byte", device.unseen));
    }
    match rare.is_empty() {
        true => "only what every system sends to a disk".to_owned(),
        false => format!(
            "nothing that is known to switch a stick, though not every system sends {}",
            rare.join(", ")
        ),
    }
}

/// What to do so that a capture holds every byte.
pub(super) fn how_to_capture(format: Format) -> &'static str {
    match format {
        Format::Pcap | Format::Pcapng => {
            "capture again without a limit on the length of packets (tcpdump and dumpcap: -s 0)"
        }
        Format::UsbmonText => {
            "usbmon's text has 32 bytes of a transfer at most; capture again with dumpcap or Wireshark, which hold all of them"
        }
        Format::SniffUsb | Format::BusHound => "capture again with a larger limit of bytes per transfer",
    }
}
