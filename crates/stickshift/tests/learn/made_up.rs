//! What captures teach that no stick sent: each is written for what it shows.

use stickshift::learn::Lesson;
use stickshift::profile::{Method, builtin};
use stickshift::stick::UsbId;

use crate::captures::scene::{self, Leave, STORAGE, Scene, VENDOR, configuration};
use crate::captures::{Frame, pcap, text, usbmon, usbpcap};
use crate::{K3772, LITTLE, lesson, profile};

/// A stick that is no entry of the catalogue.
pub(crate) fn scene_of(what: impl FnOnce(&mut Scene)) -> Lesson {
    let mut scene = Scene::default();
    what(&mut scene);
    lesson(&pcap(&usbmon(&scene.frames, 64, LITTLE), 220, LITTLE, false))
}

pub(crate) const BEFORE: UsbId = UsbId::new(0x1234, 0x0001);
pub(crate) const AFTER: UsbId = UsbId::new(0x1234, 0x0002);

pub(crate) fn cbw(tag: u8, cdb: &[u8]) -> Vec<u8> {
    let mut bytes = b"USBC".to_vec();
    bytes.extend([tag, 0xaa, 0xbb, 0xcc, 0, 0, 0, 0, 0, 0, cdb.len() as u8]);
    bytes.extend(cdb);
    bytes.resize(31, 0);
    bytes
}

#[test]
fn an_unknown_message_is_kept_as_it_was_sent() {
    let lesson = scene_of(|s| {
        s.come(5, 1, BEFORE, &[configuration(1, &[STORAGE])]);
        s.routine(5);
        s.out(5, 3, 1, &cbw(7, &[0xe1, 2, 3, 4, 5, 6, 7]));
        s.leave(5, 1, Leave::Hub);
        s.come(6, 1, AFTER, &[configuration(1, &[VENDOR])]);
    });
    let message = format!("555342431234567800000000000007e1020304050607{}", "0".repeat(18));
    let expected = format!("1234:0001 TargetVendor=0x1234 TargetProduct=0x0002 MessageContent=\"{message}\"");
    assert_eq!(profile(&lesson), expected);
}

#[test]
fn what_was_tried_long_before_is_ranked_lower() {
    let lesson = scene_of(|s| {
        s.come(5, 1, BEFORE, &[configuration(1, &[STORAGE])]);
        s.routine(5);
        s.out(5, 3, 1, &cbw(7, &[0x1b, 0, 0, 0, 2, 0]));
        s.status(5, 0x81, [7, 0xaa, 0xbb, 0xcc]);
        s.wait(8000);
        s.out(5, 3, 1, &cbw(8, &[0x11, 6, 0x20, 0, 0, 1, 1, 0, 1, 0]));
        s.leave(5, 1, Leave::Status(-108));
        s.come(6, 1, AFTER, &[configuration(1, &[VENDOR])]);
    });
    let candidates = &lesson.switches[0].candidates;
    assert_eq!(candidates.len(), 2);
    assert!(candidates[0].parameters.as_ref().unwrap().has(Method::HuaweiNew));
    assert!(candidates[1].parameters.as_ref().unwrap().has(Method::StandardEject));
    assert!(candidates[0].score >= 90 && candidates[1].score < candidates[0].score - 15);
    // It is named all the same.
    assert!(
        candidates[0]
            .evidence
            .iter()
            .any(|e| e.contains("it got command 1b0000000200") && e.contains("leaves out"))
    );
}

/// A stick to which all of this is sent before it leaves, and what comes in its place.
fn sent_before_it_left(after: UsbId, class: [u8; 3], what: impl FnOnce(&mut Scene)) -> Lesson {
    scene_of(|s| {
        s.come(5, 1, BEFORE, &[configuration(1, &[STORAGE])]);
        s.routine(5);
        what(s);
        s.leave(5, 1, Leave::Hub);
        s.come(6, 1, after, &[configuration(1, &[class])]);
    })
}

pub(crate) fn best(lesson: &Lesson) -> (&'static str, String) {
    let candidate = &lesson.switches[0].candidates[0];
    (candidate.sureness(), candidate.evidence.join("\n"))
}

#[test]
fn everything_that_was_sent_is_in_the_profile_or_named() {
    let linux = [0x11, 6, 0x20, 0, 0, 1, 1, 0, 1, 0];
    let two = sent_before_it_left(AFTER, VENDOR, |s| {
        s.out(5, 3, 1, &cbw(7, &[0xe1, 2, 3, 4, 5, 6]));
        s.status(5, 0x81, [7, 0xaa, 0xbb, 0xcc]);
        s.out(5, 3, 1, &cbw(8, &linux));
    });
    let said = profile(&two);
    assert!(said.contains("06e10203040506") && said.contains("MessageContent2="), "{said}");
    let alone = &two.switches[0].candidates[1];
    assert!(alone.parameters.as_ref().unwrap().has(Method::HuaweiNew) && alone.score < 80);

    for what in [
        &|s: &mut Scene| (1..=4).for_each(|n| s.out(5, 3, 1, &cbw(n, &[0xe1, n]))),
        &|s: &mut Scene| {
            s.control(5, [0x40, 0x0b, 1, 0, 0, 0, 0, 0], &[], &[]);
            s.out(5, 3, 1, &cbw(1, &[0xe1, 1]));
        },
        &|s: &mut Scene| {
            s.out(5, 3, 1, &cbw(1, &[0xe1, 1]));
            s.control(5, [0x40, 0x0b, 1, 0, 0, 0, 0, 0], &[], &[]);
        },
    ] as [&dyn Fn(&mut Scene); 3]
    {
        let lesson = sent_before_it_left(AFTER, VENDOR, what);
        let (sureness, evidence) = best(&lesson);
        assert!(sureness != "sure" && evidence.contains("which this leaves out"), "{sureness}: {evidence}");
    }

    // A refused one would end usb_modeswitch's work before the one that counts.
    let refused = sent_before_it_left(AFTER, VENDOR, |s| {
        s.out(5, 3, 1, &cbw(7, &[0xe1, 2, 3, 4, 5, 6]));
        s.read(5, 0x81, 0, b"USBS\x07\xaa\xbb\xcc\0\0\0\0\x01");
        s.out(5, 3, 1, &cbw(8, &linux));
    });
    let (sureness, evidence) = best(&refused);
    assert!(sureness == "sure" && evidence.contains("with status 1"), "{sureness}: {evidence}");
    assert!(profile(&refused).ends_with(" HuaweiNewMode=1"), "{}", profile(&refused));

    let configured = sent_before_it_left(AFTER, VENDOR, |s| {
        s.out(5, 3, 1, &cbw(8, &linux));
        s.control(5, [0, 9, 2, 0, 0, 0, 0, 0], &[], &[]);
    });
    assert!(profile(&configured).contains("HuaweiNewMode=1 Configuration=2"), "{}", profile(&configured));
}

#[test]
fn what_no_profile_can_say_becomes_none() {
    let with_data = sent_before_it_left(AFTER, VENDOR, |s| {
        let mut command = cbw(7, &[0xff, 2]);
        command[8] = 16;
        s.out(5, 3, 1, &command);
        s.out(5, 3, 1, b"ABCDEFGHIJKLMNOP");
    });
    let candidate = &with_data.switches[0].candidates[0];
    assert_eq!(candidate.parameters, None);
    assert!(candidate.what.contains("16 bytes of data"), "{}", candidate.what);

    let mut scene = Scene::default();
    scene.come(5, 1, BEFORE, &[configuration(1, &[STORAGE])]);
    scene.routine(5);
    scene.out(5, 3, 1, &[0x42; 40]);
    scene.leave(5, 1, Leave::Hub);
    scene.come(6, 1, AFTER, &[configuration(1, &[VENDOR])]);
    let cut = lesson(&text(&scene.frames));
    assert_eq!(cut.switches[0].candidates[0].parameters, None);
    assert!(cut.remarks[0].contains("32 bytes"), "{:?}", cut.remarks);
    let whole = lesson(&pcap(&usbmon(&scene.frames, 64, LITTLE), 220, LITTLE, false));
    assert!(profile(&whole).contains(&"42".repeat(40)), "{}", profile(&whole));
}

#[test]
fn another_device_at_the_port_is_no_switch() {
    let eject = |s: &mut Scene| s.out(5, 3, 1, &cbw(7, &[0x1b, 0, 0, 0, 2, 0]));
    let other = UsbId::new(0x046d, 0xc077);
    let mouse = sent_before_it_left(other, [3, 1, 2], eject);
    assert_eq!(mouse.switches, []);
    assert!(
        mouse.nothing[0].contains("046d:c077") && mouse.nothing[0].contains("unplugged"),
        "{:?}",
        mouse.nothing
    );
    assert_eq!(sent_before_it_left(other, VENDOR, eject).switches[0].target, Some(other));
    assert_eq!(sent_before_it_left(AFTER, [3, 1, 2], eject).switches[0].target, Some(AFTER));
}

#[test]
fn sonys_request_and_the_configuration_after_it_are_one_profile() {
    let lesson = scene_of(|s| {
        s.come(5, 1, BEFORE, &[configuration(1, &[STORAGE])]);
        s.routine(5);
        s.control(5, [0xc0, 0x11, 2, 0, 0, 0, 3, 0], &[], &[0; 3]);
        s.leave(5, 1, Leave::Hub);
        s.come(5, 1, BEFORE, &[configuration(1, &[STORAGE])]);
        s.control(5, [0xc0, 0x11, 2, 0, 0, 0, 3, 0], &[], &[0; 3]);
        s.leave(5, 1, Leave::Hub);
        s.come(7, 1, AFTER, &[configuration(1, &[VENDOR]), configuration(2, &[VENDOR])]);
        s.control(7, [0, 9, 2, 0, 0, 0, 0, 0], &[], &[]);
    });
    assert_eq!(lesson.switches.len(), 1, "{:#?}", lesson.switches);
    let expected = "1234:0001 TargetVendor=0x1234 TargetProduct=0x0002 SonyMode=1 Configuration=2";
    assert_eq!(profile(&lesson), expected);
}

#[test]
fn a_configuration_before_the_message_is_named() {
    let lesson = sent_before_it_left(AFTER, VENDOR, |s| {
        s.control(5, [0, 9, 2, 0, 0, 0, 0, 0], &[], &[]);
        s.out(5, 3, 1, &cbw(7, &[0xe1, 2, 3, 4, 5, 6]));
    });
    let (sureness, evidence) = best(&lesson);
    assert_ne!(sureness, "sure");
    assert!(evidence.contains("configuration 2 was selected before, which this leaves out"), "{evidence}");
}

#[test]
fn a_part_of_a_method_is_told() {
    let lesson = sent_before_it_left(AFTER, VENDOR, |s| {
        s.control(5, [0x40, 4, 0, 0, 0, 0, 16, 0], &[5, 0x8c, 4, 8], &[]);
    });
    assert!(profile(&lesson).contains("QisdaMode=1"));
    let (_, evidence) = best(&lesson);
    assert!(evidence.contains("holds 4 of the 16 bytes"), "{evidence}");
}

#[test]
fn nothing_to_learn_says_why() {
    let why = |what: &dyn Fn(&mut Scene)| {
        let lesson = scene_of(what);
        assert_eq!(lesson.switches, [], "{:?}", lesson.switches);
        lesson.nothing.join("; ")
    };
    let disk = [configuration(1, &[STORAGE])];
    let stays = why(&|s| {
        s.come(5, 1, BEFORE, &disk);
        s.routine(5);
    });
    assert!(stays.contains("never disconnects") && stays.contains("only what every system sends"), "{stays}");
    let ignores = why(&|s| {
        s.come(5, 1, BEFORE, &disk);
        s.routine(5);
        s.out(5, 3, 1, &cbw(7, &[0x11, 6, 0x20]));
        s.status(5, 0x81, [7, 0xaa, 0xbb, 0xcc]);
        s.wait(20_000);
        s.control(5, [0xa1, 0xfe, 0, 0, 0, 0, 1, 0], &[], &[0]);
    });
    assert!(ignores.contains("never disconnects") && ignores.contains("Huawei switch"), "{ignores}");
    let unplugged = why(&|s| {
        s.come(5, 1, BEFORE, &disk);
        s.routine(5);
        s.leave(5, 1, Leave::Hub);
    });
    assert!(unplugged.contains("receiving only what every system sends"), "{unplugged}");
    let rare = why(&|s| {
        s.come(5, 1, BEFORE, &disk);
        s.routine(5);
        s.control(5, [1, 11, 1, 0, 0, 0, 0, 0], &[], &[]);
        s.out(5, 3, 1, &[]);
        s.leave(5, 1, Leave::Hub);
    });
    assert!(!rare.contains("every system sends to a disk"), "{rare}");
    assert!(rare.contains("alternate setting 1") && rare.contains("1 zero-length write"), "{rare}");
    let long_before = why(&|s| {
        s.come(5, 1, BEFORE, &disk);
        s.out(5, 3, 1, &cbw(7, &[0x1b, 0, 0, 0, 2, 0]));
        s.status(5, 0x81, [7, 0xaa, 0xbb, 0xcc]);
        s.wait(60_000);
        s.leave(5, 1, Leave::Hub);
    });
    assert!(
        long_before.contains("(eject)") && !long_before.contains("every system sends to"),
        "{long_before}"
    );
    let unchanged = why(&|s| {
        s.come(5, 1, BEFORE, &disk);
        s.routine(5);
        s.out(5, 3, 1, &cbw(7, &[0x1b, 0, 0, 0, 2, 0]));
        s.leave(5, 1, Leave::Hub);
        s.come(6, 1, BEFORE, &disk);
    });
    assert!(unchanged.contains("came back unchanged"), "{unchanged}");
    let late = why(&|s| {
        s.come(6, 1, AFTER, &[configuration(1, &[VENDOR])]);
        s.out(6, 3, 1, b"AT\r");
    });
    assert!(late.contains("no device was ever an install disk") && late.contains("1234:0002"), "{late}");
    assert!(why(&|_| {}).contains("no USB packet"));
}

#[test]
fn a_capture_that_begins_after_enumeration_lacks_only_the_ids() {
    let entry = builtin::all().find(|e| e.key.to_string() == "12d1:1526").unwrap();
    let scene = scene::switch(&entry, Leave::Hub, true);
    let is_switch = |f: &Frame| f.device() == 5 && f.pipe() == 3;
    let from = scene.frames.iter().position(is_switch).unwrap();
    let lesson = lesson(&pcap(&usbmon(&scene.frames[from..], 64, LITTLE), 220, LITTLE, false));
    let switch = &lesson.switches[0];
    assert_eq!((switch.id, switch.target), (None, Some(UsbId::new(0x12d1, 0x14cf))));
    let named = lesson.entry(switch, UsbId::new(0x12d1, 0x1526)).unwrap();
    assert!(named.parameters.has(Method::HuaweiNew));
    assert_eq!(named.name, "Vodafone K3772");
}

#[test]
fn two_sticks_in_one_capture_are_both_learned() {
    let lesson = scene_of(|s| {
        for (port, old, new, message) in
            [(1, 5, 6, [0x11, 6, 0x20, 0, 0, 1, 1, 0, 1]), (2, 7, 8, [0xe1, 0, 0, 0, 0, 0, 0, 0, 0])]
        {
            let id = |n| UsbId::new(0x1234, u16::from(port) * 16 + n);
            s.come(old, port, id(0), &[configuration(1, &[STORAGE])]);
            s.routine(old);
            s.out(old, 3, 1, &cbw(7, &message));
            s.leave(old, port, Leave::Hub);
            s.come(new, port, id(1), &[configuration(1, &[VENDOR])]);
        }
    });
    let ids: Vec<_> =
        lesson.switches.iter().map(|s| (s.id.unwrap().product, s.target.unwrap().product)).collect();
    assert_eq!(ids, [(0x10, 0x11), (0x20, 0x21)]);
}

#[test]
fn the_address_may_stay_the_same() {
    // As xHCI on Windows does it: the next device gets the same address.
    let lesson = scene_of(|s| {
        s.come(5, 1, BEFORE, &[configuration(1, &[STORAGE])]);
        s.routine(5);
        s.out(5, 3, 1, &cbw(7, &[0x11, 6, 0x20, 0, 0, 1, 1, 0, 1]));
        s.wait(1500);
        s.frames.retain(|f| f.device() > 1);
        let before = s.frames.len();
        s.come(5, 1, AFTER, &[configuration(1, &[VENDOR])]);
        let mut at = 0;
        s.frames.retain(|f| {
            at += 1;
            at <= before || f.device() > 1
        });
    });
    assert_eq!(profile(&lesson), "1234:0001 TargetVendor=0x1234 TargetProduct=0x0002 HuaweiNewMode=1");
}

#[test]
fn an_idle_disk_and_an_unplugged_modem_are_no_switches() {
    // USBPcap, so that no port is known: the disk says no more long before the stick leaves.
    let entry = builtin::all().find(|e| e.key.to_string() == "12d1:1526").unwrap();
    let mut scene = scene::switch(&entry, Leave::Silence, true);
    // The modem gets what suspends it, its card is ejected, and it is unplugged.
    scene.control(6, [0, 3, 1, 0, 0, 0, 0, 0], &[], &[]);
    scene.out(6, 3, 3, &cbw(9, &[0x1b, 0, 0, 0, 2, 0]));
    scene.status(6, 0x83, [9, 0xaa, 0xbb, 0xcc]);
    scene.leave(6, 1, Leave::Status(-108));
    scene.control(3, [0xa1, 1, 0, 1, 0, 0, 8, 0], &[], &[0; 8]);
    let lesson = lesson(&pcap(&usbpcap(&scene.frames, true), 249, LITTLE, false));
    assert_eq!(lesson.switches.len(), 1, "{:#?}", lesson.switches);
    assert_eq!(profile(&lesson), K3772);
}
