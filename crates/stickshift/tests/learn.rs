//! What real captures teach, in the format they were taken in and in every other.

mod captures;

use captures::{Frame, Order, SAMPLES, frames, gzip, pcap, pcapng, sample, text, usbmon, usbpcap};
use stickshift::event::Session;
use stickshift::learn::{Lesson, learn};
use stickshift::profile::formats::usb_modeswitch;
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
