//! What real captures teach, in the format they were taken in and in every other.

mod captures;
#[path = "learn/made_up.rs"]
mod made_up;
#[path = "learn/who_became_what.rs"]
mod who_became_what;

use std::process::Command;

use captures::scene::{self, Leave};
use captures::{Frame, Order, SAMPLES, frames, gzip, pcap, pcapng, sample, text, usbmon, usbpcap};
use stickshift::event::Session;
use stickshift::learn::{Lesson, learn};
use stickshift::profile::formats::usb_modeswitch;
use stickshift::profile::{Entry, Parameters, builtin};
use stickshift::stick::UsbId;
use stickshift::switch::{Transfer, sequence};
use stickshift::wire::pcap::{Capture, End, Format};

const LITTLE: Order = Order { big: false };
const BIG: Order = Order { big: true };

fn lesson(bytes: &[u8]) -> Lesson {
    let mut source = bytes;
    let mut capture = Capture::open(&mut source).unwrap();
    learn(&mut capture, None, &mut Session::quiet()).unwrap()
}

/// The best profile of the first stick, as text: ids and assignments.
fn profile(lesson: &Lesson) -> String {
    let Some(switch) = lesson.switches.first() else { return format!("nothing: {:?}", lesson.nothing) };
    let id = switch.id.map_or("unknown".to_owned(), |id| id.to_string());
    let parameters = switch.candidates[0].parameters.as_ref();
    let lines = parameters.map_or(String::new(), usb_modeswitch::assignments);
    format!("{id} {}", lines.split_whitespace().collect::<Vec<_>>().join(" "))
}

const K3772: &str = "12d1:1526 TargetVendor=0x12d1 TargetProduct=0x14cf HuaweiNewMode=1";
const E3372: &str = "12d1:1f01 TargetVendor=0x12d1 TargetProduct=0x14dc HuaweiNewMode=1";
const MF190: &str = "19d2:2000 TargetVendor=0x19d2 TargetProduct=0x0031 StandardEject=1 \
    MessageContent=\"55534243123456782000000080000c85010101180101010101000000000000\"";
const E220: &str = "12d1:1003 TargetClass=0xff HuaweiMode=1";

#[test]
fn the_samples_teach_the_right_profiles() {
    for (name, format, expected) in [
        ("k3772.pcapng", Format::Pcapng, K3772),
        ("k3772.usbmon.txt", Format::UsbmonText, K3772),
        ("e3372-hilink.pcapng", Format::Pcapng, E3372),
        ("zte-mf190.pcapng", Format::Pcapng, MF190),
        ("huawei-e220.usbmon.txt", Format::UsbmonText, E220),
    ] {
        let lesson = lesson(&sample(name));
        assert_eq!(profile(&lesson), expected, "{name}");
        assert_eq!(lesson.capture.format, format, "{name}");
        assert_eq!(lesson.capture.end, End::Whole, "{name}");
        assert_eq!(lesson.switches.len(), 1, "{name}");
        assert_eq!(lesson.switches[0].candidates[0].sureness(), "sure", "{name}");
        assert!(lesson.nothing.is_empty() && lesson.remarks.is_empty(), "{name}");
        let evidence = lesson.switches[0].candidates[0].evidence.join("\n");
        assert!(
            evidence.contains("the built-in profile") && evidence.contains("the same"),
            "{name}:\n{evidence}"
        );
        assert!(evidence.contains("at the same port"), "{name}:\n{evidence}");
    }
}

/// The same capture in every other format.
fn twins(frames: &[Frame]) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("pcap 220", pcap(&usbmon(frames, 64, LITTLE), 220, LITTLE, false)),
        ("pcap 220 ns", pcap(&usbmon(frames, 64, LITTLE), 220, LITTLE, true)),
        ("pcap 220 big-endian", pcap(&usbmon(frames, 64, BIG), 220, BIG, false)),
        ("pcap 220 big-endian ns", pcap(&usbmon(frames, 64, BIG), 220, BIG, true)),
        ("pcap 189", pcap(&usbmon(frames, 48, LITTLE), 189, LITTLE, false)),
        ("pcap 189 big-endian", pcap(&usbmon(frames, 48, BIG), 189, BIG, false)),
        ("pcapng 220", pcapng(&usbmon(frames, 64, LITTLE), 220, LITTLE, 6)),
        ("pcapng 220 ns big-endian", pcapng(&usbmon(frames, 64, BIG), 220, BIG, 9)),
        ("pcapng 189", pcapng(&usbmon(frames, 48, LITTLE), 189, LITTLE, 9)),
        ("pcap 249", pcap(&usbpcap(frames, true), 249, LITTLE, false)),
        ("pcap 249 old", pcap(&usbpcap(frames, false), 249, LITTLE, false)),
        ("pcapng 249", pcapng(&usbpcap(frames, true), 249, LITTLE, 6)),
        ("pcapng 249 big-endian", pcapng(&usbpcap(frames, true), 249, BIG, 9)),
        ("text", text(frames)),
        ("pcapng gzip", gzip(&pcapng(&usbmon(frames, 64, LITTLE), 220, LITTLE, 6))),
        ("pcap 249 gzip", gzip(&pcap(&usbpcap(frames, true), 249, LITTLE, false))),
        ("text gzip", gzip(&text(frames))),
    ]
}

#[test]
fn every_twin_teaches_the_same() {
    for (name, expected) in
        [("k3772.pcapng", K3772), ("e3372-hilink.pcapng", E3372), ("zte-mf190.pcapng", MF190)]
    {
        for (twin, bytes) in twins(&frames(&sample(name))) {
            let lesson = lesson(&bytes);
            assert_eq!(profile(&lesson), expected, "{name} as {twin}");
            assert_eq!(lesson.capture.end, End::Whole, "{name} as {twin}");
        }
    }
}

/// The captures that a real kernel took of virtual sticks, one for each method: as they are, and as Windows would have taken them. The names of
/// the methods are those of the profile that switched the stick; a configuration besides is not always in what was sent.
#[test]
fn every_method_is_learned_from_a_real_kernels_capture() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/captures/vm");
    let index = std::fs::read_to_string(folder.join("index.tsv")).unwrap();
    let mut captures = 0;
    for row in index.lines().filter(|l| !l.starts_with('#') && !l.is_empty()) {
        let [file, before, after, method] = row.split('\t').collect::<Vec<_>>()[..] else { panic!("{row}") };
        let mut plain = Vec::new();
        let gzipped = std::fs::File::open(folder.join(file)).unwrap();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(gzipped), &mut plain).unwrap();
        let windows = pcap(&usbpcap(&frames(&plain), true), 249, LITTLE, false);
        for (what, bytes) in [("kernel", plain.clone()), ("USBPcap", windows)] {
            let lesson = lesson(&bytes);
            let switch =
                lesson.switches.first().unwrap_or_else(|| panic!("{file} ({what}): {:?}", lesson.nothing));
            assert_eq!(switch.id.map(|id| id.to_string()).as_deref(), Some(before), "{file} ({what})");
            let best = switch.candidates[0].parameters.as_ref().unwrap();
            let first = method.split(", ").next().unwrap();
            assert!(best.summary().contains(first), "{file} ({what}): {} for {method}", best.summary());
            if after != before {
                let target: UsbId = after.parse().unwrap();
                assert_eq!(best.targets(target.vendor), [target], "{file} ({what})");
            }
        }
        captures += 1;
    }
    assert!(captures >= 20, "{captures}");
}

#[test]
fn facts_of_the_twins_are_told() {
    let all = frames(&sample("k3772.pcapng"));
    for (twin, bytes) in twins(&all) {
        let facts = lesson(&bytes).capture.facts;
        assert_eq!(facts.gzip, twin.contains("gzip"), "{twin}");
        assert_eq!(facts.big_endian, twin.contains("big-endian"), "{twin}");
        let link = [189, 220, 249].into_iter().find(|l| twin.contains(&l.to_string()));
        assert!(link.is_none_or(|l| facts.link_types.contains(&l)), "{twin}: {:?}", facts.link_types);
    }
}

#[test]
fn a_capture_cut_anywhere_gives_a_part_and_says_so() {
    // The smallest that still has a switch in it: the stick alone.
    let all: Vec<Frame> = frames(&sample("k3772.pcapng")).into_iter().filter(|f| f.device() > 1).collect();
    let around: Vec<Frame> =
        all.iter().filter(|f| f.pipe() == 2).cloned().chain(all[all.len() - 60..].to_vec()).collect();
    for bytes in [
        pcap(&usbmon(&around, 64, LITTLE), 220, LITTLE, false),
        pcapng(&usbmon(&around, 64, BIG), 220, BIG, 9),
        pcap(&usbpcap(&around, true), 249, LITTLE, false),
        text(&around),
    ] {
        let whole = lesson(&bytes).capture.packets;
        let mut last = 0;
        for length in 0..bytes.len() {
            let mut source = &bytes[..length];
            let Ok(mut capture) = Capture::open(&mut source) else { continue };
            let lesson = learn(&mut capture, None, &mut Session::quiet()).unwrap();
            assert!(lesson.capture.packets >= last, "{length}");
            assert!(lesson.capture.packets <= whole);
            last = lesson.capture.packets;
            if let End::Cut { offset } = lesson.capture.end {
                assert!(offset <= length as u64);
                assert!(!lesson.remarks.is_empty());
            }
        }
    }
    for length in (0..2000).chain([5000, 10_000]) {
        let packed = gzip(&sample("k3772.pcapng"));
        let mut source = &packed[..length.min(packed.len() - 1)];
        if let Ok(mut capture) = Capture::open(&mut source) {
            let lesson = learn(&mut capture, None, &mut Session::quiet()).unwrap();
            assert_ne!(lesson.capture.end, End::Whole, "{length}");
        }
    }
}

#[test]
fn mutated_captures_never_panic() {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for name in SAMPLES {
        let whole = sample(name);
        let whole = &whole[..whole.len().min(60_000)];
        for _ in 0..400 {
            let mut bytes = whole.to_vec();
            for _ in 0..1 + random() % 20 {
                let at = random() as usize % bytes.len();
                match random() % 3 {
                    0 => bytes[at] ^= 1 << (random() % 8),
                    1 => bytes[at] = random() as u8,
                    _ => bytes.truncate(at.max(1)),
                }
            }
            let mut source = bytes.as_slice();
            if let Ok(mut capture) = Capture::open(&mut source) {
                learn(&mut capture, None, &mut Session::quiet()).unwrap();
            }
        }
    }
}

/// What a profile puts on the wire, tags apart.
fn wire(parameters: &Parameters, entry: &Entry) -> Vec<String> {
    let sequence = sequence(parameters, &scene::before(entry)).unwrap();
    let show = |t: &Transfer| match t {
        Transfer::Write { endpoint, pipe, data } if data.len() == 31 && data.starts_with(b"USBC") => {
            format!("{endpoint} {pipe:?} {:02x?}", &data[8..])
        }
        t => format!("{t:?}"),
    };
    let sent = sequence.transfers.iter().filter(|t| t.touches_stick());
    sent.map(show).collect()
}

/// Sticks that leave without being sent anything.
fn says_nothing(entry: &Entry) -> bool {
    let p = &entry.parameters;
    let only_pantech_1 = p.pantech == Some(1);
    let only_reset = p.reset_usb == Some(true) && p.methods_on().next().is_none() && !p.has_message();
    only_pantech_1 || only_reset || !p.does_something() || p.configuration == Some(1) && !p.has_message()
}

/// A lone eject is learned as the method of that name.
fn is_said_otherwise(entry: &Entry) -> bool {
    let p = &entry.parameters;
    let is_eject = |m: &[u8]| m.get(14..20) == Some(&[6, 0x1b, 0, 0, 0, 2]);
    p.methods_on().next().is_none() && p.messages().count() == 1 && p.messages().all(is_eject)
}

#[test]
fn every_profile_of_the_catalogue_is_learned_back() {
    let mut learned = 0;
    let mut wrong = Vec::new();
    for entry in builtin::all().filter(|e| !says_nothing(e) && !is_said_otherwise(e)) {
        for (how, answered) in [
            (Leave::Hub, true),
            (Leave::Hub, false),
            (Leave::Status(-108), false),
            (Leave::Status(-71), true),
            (Leave::Status(-2), false),
            (Leave::Silence, true),
        ] {
            let scene = scene::switch(&entry, how, answered);
            let without_hub: Vec<Frame> = scene.frames.iter().filter(|f| f.device() > 1).cloned().collect();
            for (format, bytes) in [
                ("usbmon", pcap(&usbmon(&scene.frames, 64, LITTLE), 220, LITTLE, false)),
                ("usbmon without hub", pcapng(&usbmon(&without_hub, 64, LITTLE), 220, LITTLE, 6)),
                ("usbpcap", pcap(&usbpcap(&scene.frames, true), 249, LITTLE, false)),
            ] {
                let lesson = lesson(&bytes);
                let best = lesson.switches.first().filter(|s| s.id == entry.key.id());
                let parameters = best.and_then(|s| s.candidates[0].parameters.clone());
                let same =
                    parameters.as_ref().is_some_and(|p| wire(p, &entry) == wire(&entry.parameters, &entry));
                let others = lesson.switches.len() > 1;
                let stays =
                    entry.parameters.configuration.is_some_and(|c| c > 0) && entry.targets().is_empty();
                let target = stays
                    || best.is_some_and(|s| {
                        s.target == Some(entry.targets().first().copied().unwrap_or(entry.key.id().unwrap()))
                    });
                learned += 1;
                if !same || others || !target {
                    let got = parameters.map(|p| p.summary());
                    wrong.push(format!(
                        "{} {:?} {how:?} {answered} {format}: {got:?}, target {target}, others {others} {:?}",
                        entry.key,
                        entry.parameters.summary(),
                        lesson.nothing
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {learned}:\n{}", wrong.len(), wrong[..wrong.len().min(60)].join("\n"));
    assert!(learned > 8000, "{learned}");
}

#[test]
fn tshark_sees_in_every_twin_what_we_see() {
    if Command::new("tshark").arg("--version").output().is_err() {
        test_support::skip("tshark is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let all = frames(&sample("k3772.pcapng"));
    for (twin, bytes) in twins(&all).into_iter().filter(|(twin, _)| !twin.starts_with("text")) {
        let file = folder.path().join("twin");
        std::fs::write(&file, &bytes).unwrap();
        let fields = ["-e", "frame.number", "-e", "usb.idVendor", "-e", "usb.idProduct"];
        let filter = "usb.idVendor || frame contains 11:06:20:00:00:01:01:00:01";
        let output = Command::new("tshark")
            .arg("-r")
            .arg(&file)
            .args(["-Y", filter, "-T", "fields"])
            .args(fields)
            .output()
            .unwrap();
        let theirs = String::from_utf8(output.stdout).unwrap();
        let lesson = lesson(&bytes);
        let message: Vec<&str> = theirs.lines().filter(|l| !l.contains("0x")).map(str::trim).collect();
        assert_eq!(message.len(), 1, "{twin}: {theirs}");
        let evidence = lesson.switches[0].candidates[0].evidence.join("\n");
        assert!(evidence.contains(&format!("frame {},", message[0])), "{twin}: {theirs}\n{evidence}");
        for id in ["0x12d1\t0x1526", "0x12d1\t0x14cf"] {
            assert!(theirs.contains(id), "{twin}: {theirs}");
        }
    }
}

#[test]
fn a_capture_repeated_many_times_teaches_the_same() {
    let all = frames(&sample("k3772.pcapng"));
    let control = |f: &Frame| f.pipe() == 2 || f.device() < 2;
    let of_switch = all.len() - 140..all.len();
    let once: Vec<Frame> = all
        .iter()
        .enumerate()
        .filter(|(i, f)| control(f) || of_switch.contains(i))
        .map(|(_, f)| f.clone())
        .collect();
    let many: Vec<Frame> = (0..700).flat_map(|_| once.iter().cloned()).collect();
    let lesson = lesson(&pcap(&usbmon(&many, 64, LITTLE), 220, LITTLE, false));
    assert_eq!(profile(&lesson), K3772);
    assert!(lesson.switches[0].times > 100, "{}", lesson.switches[0].times);
    assert!(lesson.devices.len() <= 1024 && lesson.remarks.len() == 1);
}
