//! Who became what where the hub's traffic does not tell, as in every capture of Windows; and captures that do not hold all bytes.

use stickshift::learn::{Lesson, Switch};
use stickshift::profile::Method;
use stickshift::stick::UsbId;
use stickshift::wire::usb::EndpointDescriptor;

use crate::captures::scene::{Leave, STORAGE, Scene, VENDOR, configuration};
use crate::captures::{Frame, pcap, text, usbmon, usbpcap};
use crate::made_up::{AFTER, BEFORE, best, cbw, scene_of};
use crate::{LITTLE, lesson, profile};

const OTHER: UsbId = UsbId::new(0x1234, 0x0003);
const LINUX: [u8; 10] = [0x11, 6, 0x20, 0, 0, 1, 1, 0, 1, 0];

/// A capture as Windows takes it: nothing is heard of the hub.
fn without_hub(what: impl FnOnce(&mut Scene)) -> Lesson {
    let mut scene = Scene::default();
    what(&mut scene);
    let frames: Vec<Frame> = scene.frames.into_iter().filter(|f| f.device() > 1).collect();
    lesson(&pcap(&usbpcap(&frames, true), 249, LITTLE, false))
}

fn comes(s: &mut Scene, address: u8, id: UsbId, class: [u8; 3]) {
    s.come(address, address, id, &[configuration(1, &[class])]);
    if class == STORAGE {
        s.routine(address);
    }
}

fn gets(s: &mut Scene, address: u8, cdb: &[u8]) {
    s.out(address, 3, 1, &cbw(7, cdb));
    s.status(address, 0x81, [7, 0xaa, 0xbb, 0xcc]);
}

fn leaves(s: &mut Scene, address: u8) {
    s.leave(address, address, Leave::Status(-108));
}

#[test]
fn what_came_before_the_message_is_not_what_it_became() {
    let before = without_hub(|s| {
        comes(s, 5, BEFORE, STORAGE);
        comes(s, 6, OTHER, VENDOR);
        s.wait(500);
        gets(s, 5, &LINUX);
        leaves(s, 5);
        comes(s, 7, AFTER, VENDOR);
    });
    assert_eq!(before.switches[0].target, Some(AFTER));
    assert_eq!(best(&before).0, "sure", "{}", best(&before).1);
    // It came after the message, and the stick still answered.
    let answers = without_hub(|s| {
        comes(s, 5, BEFORE, STORAGE);
        gets(s, 5, &LINUX);
        comes(s, 6, OTHER, VENDOR);
        s.wait(1000);
        s.control(5, [0xa1, 0xfe, 0, 0, 0, 0, 1, 0], &[], &[0]);
        leaves(s, 5);
    });
    assert_eq!(answers.switches[0].target, None);
}

#[test]
fn two_that_come_leave_open_which_it_is() {
    let lesson = without_hub(|s| {
        comes(s, 5, BEFORE, STORAGE);
        gets(s, 5, &LINUX);
        leaves(s, 5);
        comes(s, 6, OTHER, VENDOR);
        s.wait(1000);
        comes(s, 7, AFTER, VENDOR);
    });
    let (sureness, evidence) = best(&lesson);
    assert_ne!(sureness, "sure", "{evidence}");
    assert!(evidence.contains("2.6 (1234:0003)") && evidence.contains("2.7 (1234:0002)"), "{evidence}");
    assert!(evidence.contains("a guess"), "{evidence}");
}

fn by_address(lesson: &Lesson) -> Vec<(u8, Option<UsbId>, &'static str)> {
    let told = |s: &Switch| (lesson.devices[s.before].address, s.target, s.candidates[0].sureness());
    let mut all: Vec<_> = lesson.switches.iter().map(told).collect();
    all.sort_unstable();
    all
}

#[test]
fn sticks_of_the_same_kind_are_kept_apart() {
    let twins = without_hub(|s| {
        comes(s, 5, BEFORE, STORAGE);
        comes(s, 6, BEFORE, STORAGE);
        gets(s, 5, &LINUX);
        gets(s, 6, &[0xe1, 2, 3, 4, 5, 6]);
        leaves(s, 5);
        leaves(s, 6);
        comes(s, 7, AFTER, VENDOR);
        comes(s, 8, OTHER, VENDOR);
    });
    let told = by_address(&twins);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!((told[0].0, told[0].1, told[1].0, told[1].1), (5, Some(AFTER), 6, Some(OTHER)));
    assert!(told.iter().all(|t| t.2 != "sure"), "{told:?}");
    assert!(twins.switches.iter().all(|s| s.candidates[0].evidence.join("\n").contains("a guess")));

    let three = without_hub(|s| {
        (5..8).for_each(|at| comes(s, at, BEFORE, STORAGE));
        (5..8).for_each(|at| gets(s, at, &LINUX));
        (5..8).for_each(|at| leaves(s, at));
        (8..11).for_each(|at| comes(s, at, AFTER, VENDOR));
    });
    assert_eq!((three.switches.len(), three.switches[0].times), (1, 3), "{:?}", three.switches);
    assert_eq!(best(&three).0, "sure");
    // One modem for two sticks that got different messages.
    let one = without_hub(|s| {
        comes(s, 5, BEFORE, STORAGE);
        comes(s, 6, BEFORE, STORAGE);
        gets(s, 5, &LINUX);
        gets(s, 6, &[0xe1, 2, 3, 4, 5, 6]);
        leaves(s, 5);
        leaves(s, 6);
        comes(s, 7, AFTER, VENDOR);
    });
    let told = by_address(&one);
    assert!(told.len() == 2 && told[0].1 == Some(AFTER) && told.iter().all(|t| t.2 != "sure"), "{told:?}");
}

#[test]
fn one_stick_after_the_other_is_no_guess() {
    let lesson = without_hub(|s| {
        for (at, message) in [(5, &LINUX[..]), (7, &[0xe1, 2, 3, 4, 5, 6])] {
            let id = |n| UsbId::new(0x1234, u16::from(at) * 16 + n);
            comes(s, at, id(0), STORAGE);
            gets(s, at, message);
            leaves(s, at);
            comes(s, at + 1, id(1), VENDOR);
            s.wait(3000);
        }
    });
    let told = by_address(&lesson);
    assert!(told.len() == 2 && told.iter().all(|t| t.2 == "sure"), "{told:?}");
}

#[test]
fn a_profile_says_where_its_message_goes() {
    let other_interface = scene_of(|s| {
        s.come(5, 1, BEFORE, &[configuration(1, &[VENDOR, STORAGE])]);
        s.out(5, 3, 2, &cbw(7, &[0xe1, 2, 3, 4, 5, 6]));
        s.status(5, 0x82, [7, 0xaa, 0xbb, 0xcc]);
        s.leave(5, 1, Leave::Hub);
        s.come(6, 1, AFTER, &[configuration(1, &[VENDOR])]);
    });
    let said = profile(&other_interface);
    assert!(said.contains("Interface=0x01") && !said.contains("Endpoint"), "{said}");

    let bulk =
        |address| EndpointDescriptor { address, attributes: 2, max_packet: 512, interval: 0, extra: vec![] };
    let mut four = configuration(1, &[STORAGE]);
    four.interfaces[0].endpoints.extend([bulk(0x05), bulk(0x85)]);
    let other_endpoints = scene_of(|s| {
        s.come(5, 1, BEFORE, &[four]);
        s.out(5, 3, 5, &cbw(7, &[0xe1, 2, 3, 4, 5, 6]));
        s.status(5, 0x85, [7, 0xaa, 0xbb, 0xcc]);
        s.leave(5, 1, Leave::Hub);
        s.come(6, 1, AFTER, &[configuration(1, &[VENDOR])]);
    });
    let said = profile(&other_endpoints);
    assert!(said.contains("MessageEndpoint=0x05") && said.contains("ResponseEndpoint=0x85"), "{said}");
    assert!(!said.contains("Interface="), "{said}");
}

#[test]
fn a_drive_that_was_taken_out_for_a_modem_was_not_switched() {
    let sureness = |seconds: u64, modem: UsbId| {
        let lesson = scene_of(|s| {
            s.come(5, 1, BEFORE, &[configuration(1, &[STORAGE])]);
            s.routine(5);
            s.driver(5, &[0x1b, 0, 0, 0, 2, 0], &[]);
            s.leave(5, 1, Leave::Hub);
            s.wait(seconds * 1000);
            s.come(6, 1, modem, &[configuration(1, &[VENDOR])]);
        });
        best(&lesson).0
    };
    let modem = UsbId::new(0x4321, 0x0002);
    assert_eq!((sureness(8, modem), sureness(25, modem)), ("possible", "possible"));
    assert_eq!(sureness(8, AFTER), "sure");
}

#[test]
fn an_ejected_drive_that_stays_or_is_followed_late_was_not_switched() {
    let modem = UsbId::new(0x4321, 0x0002);
    // Windows shows no leaving.
    let silent = without_hub(|s| {
        comes(s, 5, BEFORE, STORAGE);
        s.driver(5, &[0x1b, 0, 0, 0, 2, 0], &[]);
        s.wait(9000);
        comes(s, 6, modem, VENDOR);
    });
    assert_eq!(best(&silent).0, "possible", "{}", best(&silent).1);
    let stayed = scene_of(|s| {
        s.come(5, 1, BEFORE, &[configuration(1, &[STORAGE])]);
        s.routine(5);
        s.driver(5, &[0x1b, 0, 0, 0, 2, 0], &[]);
        s.wait(8000);
        s.leave(5, 1, Leave::Hub);
        s.come(6, 1, modem, &[configuration(1, &[VENDOR])]);
    });
    assert_eq!(best(&stayed).0, "possible", "{}", best(&stayed).1);
}

#[test]
fn what_suspends_a_device_is_rarely_a_message() {
    let suspended = |class: [u8; 3], seconds: u64, modem: UsbId| {
        scene_of(|s| {
            s.come(5, 1, BEFORE, &[configuration(1, &[class])]);
            s.control(5, [0, 3, 1, 0, 0, 0, 0, 0], &[], &[]);
            s.wait(seconds * 1000);
            s.leave(5, 1, Leave::Hub);
            s.come(6, 1, modem, &[configuration(1, &[VENDOR])]);
        })
    };
    let other = UsbId::new(0x4321, 0x0002);
    for (seconds, modem, sureness) in
        [(0, AFTER, "sure"), (5, AFTER, "possible"), (0, other, "possible"), (20, other, "possible")]
    {
        let lesson = suspended(STORAGE, seconds, modem);
        assert_eq!(best(&lesson).0, sureness, "{seconds} {modem}: {}", best(&lesson).1);
    }
    for class in [VENDOR, [3, 1, 2]] {
        assert_eq!(suspended(class, 0, AFTER).switches, [], "{class:?}");
    }
}

#[test]
fn a_stick_that_came_back_and_was_switched_then_is_learned() {
    let third = |first: UsbId, then: UsbId| {
        without_hub(|s| {
            comes(s, 5, first, STORAGE);
            s.driver(5, &[0x1b, 0, 0, 0, 2, 0], &[]);
            s.wait(1000);
            comes(s, 6, then, STORAGE);
            gets(s, 6, &LINUX);
            s.wait(1000);
            comes(s, 7, AFTER, VENDOR);
        })
    };
    let again = third(BEFORE, BEFORE);
    assert_eq!(profile(&again), "1234:0001 TargetVendor=0x1234 TargetProduct=0x0002 HuaweiNewMode=1");
    let two = by_address(&third(BEFORE, OTHER));
    assert_eq!(two.iter().map(|t| (t.0, t.1)).collect::<Vec<_>>(), [(5, Some(OTHER)), (6, Some(AFTER))]);
}

#[test]
fn where_leaving_is_not_seen_nobody_says_that_it_stays() {
    let silent = without_hub(|s| comes(s, 5, BEFORE, STORAGE)).nothing.join("\n");
    assert!(silent.contains("is not seen to leave") && !silent.contains("until the end"), "{silent}");
}

#[test]
fn an_interface_that_the_capture_cuts_off_is_named_as_unknown() {
    let mut scene = Scene::default();
    scene.come(5, 1, BEFORE, &[configuration(1, &[VENDOR, STORAGE])]);
    scene.out(5, 3, 2, &cbw(7, &LINUX));
    scene.status(5, 0x82, [7, 0xaa, 0xbb, 0xcc]);
    scene.leave(5, 1, Leave::Hub);
    scene.come(6, 1, AFTER, &[configuration(1, &[VENDOR])]);
    let lesson = lesson(&text(&scene.frames));
    let (sureness, evidence) = best(&lesson);
    assert!(evidence.contains("32 of the 55 bytes") && evidence.contains("lacks Interface="), "{evidence}");
    assert_eq!(sureness, "likely", "{evidence}");
}

#[test]
fn a_vendors_command_is_not_ciscos_by_its_number() {
    let of = |messages: &[[u8; 10]]| {
        scene_of(|s| {
            s.come(5, 1, BEFORE, &[configuration(1, &[STORAGE])]);
            s.routine(5);
            messages.iter().for_each(|m| gets(s, 5, m));
            s.leave(5, 1, Leave::Hub);
            s.come(6, 1, AFTER, &[configuration(1, &[VENDOR])]);
        })
    };
    let all = |l: &Lesson| -> String {
        l.switches[0].candidates.iter().map(|c| format!("{} {}\n", c.what, c.evidence.join("\n"))).collect()
    };
    let others = of(&[
        [0xfd, 1, 0, 0, 0, 0, 0, 0, 0, 0],
        [0xfd, 2, 0, 0, 0, 0, 0, 0, 0, 0],
        [0xfd, 3, 0, 0, 0, 0, 0, 0, 0, 0],
    ]);
    assert!(
        !all(&others).contains("Cisco") && profile(&others).contains("MessageContent3="),
        "{}",
        all(&others)
    );
    let ciscos = of(&[
        [0xfd, 0, 0, 0, 3, 0, 0, 0, 1, 0],
        [0xfd, 0, 0, 0, 7, 0, 0, 0, 1, 0],
        [0xfd, 0, 1, 0, 7, 0x10, 0, 0, 0, 0],
    ]);
    assert!(
        ciscos.switches[0].candidates[0].parameters.as_ref().unwrap().has(Method::Cisco),
        "{}",
        all(&ciscos)
    );
    // One of them sent again and again is a message.
    let one = of(&[[0xfd, 0, 0, 0, 3, 0, 0, 0, 1, 0]; 3]);
    assert!(profile(&one).contains("MessageContent="), "{}", profile(&one));
}

fn switched() -> Vec<Frame> {
    let mut scene = Scene::default();
    scene.come(5, 1, BEFORE, &[configuration(1, &[STORAGE])]);
    scene.routine(5);
    gets(&mut scene, 5, &LINUX);
    scene.leave(5, 1, Leave::Hub);
    scene.come(6, 1, AFTER, &[configuration(1, &[VENDOR])]);
    scene.frames
}

#[test]
fn what_a_short_capture_holds_of_a_command_counts() {
    let cut_at = |length: usize| {
        let mut records = usbmon(&switched(), 64, LITTLE);
        records.iter_mut().for_each(|(_, bytes)| bytes.truncate(length));
        lesson(&pcap(&records, 220, LITTLE, false))
    };
    let one_byte_short = cut_at(94);
    let (sureness, evidence) = best(&one_byte_short);
    assert!(profile(&one_byte_short).ends_with("HuaweiNewMode=1"), "{}", profile(&one_byte_short));
    assert!(sureness == "likely" && evidence.contains("answered well"), "{sureness} {evidence}");
    assert!(evidence.contains("3 test unit ready") && evidence.contains("30 of the 31 bytes"), "{evidence}");
    assert!(!evidence.contains("times in all"), "{evidence}");
    // Only the signature, or a little more: nobody knows what was sent or answered.
    for length in [64 + 4, 64 + 12, 64 + 15] {
        let lesson = cut_at(length);
        let (_, evidence) = best(&lesson);
        assert!(
            !evidence.contains("never answered") && !evidence.contains("no status ever came"),
            "{evidence}"
        );
        assert!(!evidence.contains("times in all"), "{evidence}");
        assert_eq!(lesson.switches[0].candidates[0].parameters, None, "{length}");
    }
}

#[test]
fn lines_that_a_mail_broke_are_put_together_or_named() {
    let log = String::from_utf8(text(&switched())).unwrap();
    let whole = lesson(log.as_bytes());
    assert!(profile(&whole).ends_with("HuaweiNewMode=1") && best(&whole).0 == "sure");
    let hard = |width: usize, keep: bool| -> String {
        let line = |line: &str| match line.split_at_checked(width) {
            Some((first, rest)) if keep => format!("{first}\n{rest}\n"),
            Some((first, _)) => format!("{first}\n"),
            None => format!("{line}\n"),
        };
        log.lines().map(line).collect()
    };
    for width in 48..=100 {
        let lesson = lesson(hard(width, true).as_bytes());
        assert_eq!((profile(&lesson), lesson.remarks), (profile(&whole), vec![]), "{width}");
    }
    let lost = lesson(hard(90, false).as_bytes());
    assert!(lost.remarks.iter().any(|r| r.contains("lack their ends")), "{:?}", lost.remarks);
    assert!(lost.switches.iter().all(|s| s.candidates[0].sureness() != "sure"), "{:?}", lost.switches);
}

#[test]
fn a_log_in_the_source_of_a_web_page_is_read() {
    let log = String::from_utf8(text(&switched())).unwrap();
    let whole = lesson(log.as_bytes());
    let page = log.replace('<', "&lt;").replace('>', "&gt;").replace('\n', "<br>\n");
    for page in [
        format!("<pre>{page}</pre>"),
        format!("<html>\n<p class=\"a\">{page}"),
        page.replace("<br>", "<br />"),
    ] {
        let lesson = lesson(page.as_bytes());
        assert_eq!(lesson.capture.packets, whole.capture.packets, "{page}");
        assert_eq!((profile(&lesson), best(&lesson).0), (profile(&whole), "sure"), "{page}");
    }
}
