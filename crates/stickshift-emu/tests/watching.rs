//! The watcher over a bus of virtual sticks.

use std::time::Duration;

use stickshift::error::{Error, ErrorKind, Verdict};
use stickshift::event::{Cancel, Session};
use stickshift::link::Bus;
use stickshift::profile::{Catalogue, Origin, Overlay};
use stickshift::stick::{Mode, Place, Stick};
use stickshift::switching::Goal;
use stickshift::switching::watch::{News, OneByOne, Report, Watcher, Workers, serve};
use stickshift_emu::computer::VirtualBus;
use stickshift_emu::sticks::catalogue;
use stickshift_emu::sticks::huawei::{HuaweiOptions, HuaweiStick};

fn place(number: u8) -> Place {
    format!("1-1.{number}").parse().unwrap()
}

fn plug(bus: &VirtualBus, number: u8, name: &str) {
    let options = catalogue::e3372h(name).unwrap();
    bus.plug(&place(number), Box::new(HuaweiStick::new(HuaweiOptions { cdrom: true, ..options })));
}

/// News in short: `switching 1-1.1`, `switched 1-1.1 hilink`, `failed 1-1.1 not-switched`, `left-alone 1-1.1`.
fn short(news: &News) -> String {
    match news {
        News::Switching { stick, .. } => format!("switching {}", stick.place),
        News::Switched { to, .. } => format!("switched {} {}", to.stick.place, to.stick.mode.code()),
        News::Failed { place, error } => format!("failed {place} {}", error.kind()),
        News::LeftAlone { stick, .. } => format!("left-alone {}", stick.place),
    }
}

/// Lets the watcher look until `end`, as its daemon does, and serves one stick after another.
fn watch_until(watcher: &mut Watcher<'_>, bus: &mut VirtualBus, end: Duration) -> Vec<String> {
    let catalogue = Catalogue::builtin();
    let mut hands = OneByOne::new(Box::new(bus.clone()), &catalogue, Cancel::new());
    watch_with(watcher, bus, &mut hands, end)
}

fn watch_with(
    watcher: &mut Watcher<'_>,
    bus: &mut VirtualBus,
    hands: &mut dyn Workers,
    end: Duration,
) -> Vec<String> {
    let mut told = Vec::new();
    while bus.now() < end {
        let mut session = Session::quiet();
        let next = watcher.look(bus, hands, &mut session, &mut |news| told.push(short(&news))).unwrap();
        let deadline = next.map_or(end, |at| at.min(end));
        bus.wait_change(deadline).unwrap();
    }
    told
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn every_stick_that_is_plugged_in_is_switched_once() {
    let mut bus = VirtualBus::new();
    for number in 1..=4 {
        plug(&bus, number, if number % 2 == 0 { "e3372h-stick" } else { "e3372h-hilink" });
    }
    let catalogue = Catalogue::builtin();
    let mut watcher = Watcher::new(&catalogue, Duration::ZERO);
    let told = watch_until(&mut watcher, &mut bus, seconds(60));
    for number in 1..=4u8 {
        let mode = if number % 2 == 0 { "modem" } else { "hilink" };
        let about: Vec<&String> = told.iter().filter(|t| t.contains(place(number).as_str())).collect();
        assert_eq!(
            about,
            [&format!("switching {}", place(number)), &format!("switched {} {mode}", place(number))],
            "{told:?}"
        );
    }

    bus.replug(&place(1));
    let told = watch_until(&mut watcher, &mut bus, seconds(120));
    assert_eq!(told, ["switching 1-1.1", "switched 1-1.1 hilink"], "plugged in again");
    assert_eq!(watch_until(&mut watcher, &mut bus, seconds(600)), [""; 0], "then there is peace");
}

#[test]
fn a_modem_with_a_better_configuration_is_set_to_it_when_it_is_plugged_in_and_not_in_use() {
    let mut bus = VirtualBus::new();
    bus.plug(&place(1), catalogue::virtual_stick("me906", 1, None).unwrap());
    bus.advance(seconds(5));
    let catalogue = Catalogue::builtin();
    let mut watcher = Watcher::new(&catalogue, Duration::ZERO);
    assert_eq!(watch_until(&mut watcher, &mut bus, seconds(60)), [""; 0], "it was there before");
    bus.replug(&place(1));
    let told = watch_until(&mut watcher, &mut bus, seconds(120));
    assert_eq!(told, ["switching 1-1.1", "switched 1-1.1 modem"]);
    assert_eq!(bus.sticks().unwrap()[0].configuration, 3);
}

/// A hub that gives too little power drops a stick when its radio starts.
#[test]
fn a_stick_that_leaves_again_while_its_ports_are_made_is_no_success() {
    for comes_back in [false, true] {
        let mut bus = VirtualBus::new();
        bus.plug(&place(1), catalogue::virtual_stick("k3772", 1, None).unwrap());
        let catalogue = Catalogue::builtin();
        let mut watcher = Watcher::new(&catalogue, Duration::ZERO);
        let mut told = Vec::new();
        while !bus.sticks().unwrap().iter().any(|s| s.mode == Mode::Modem) {
            assert!(bus.now() < seconds(60), "{told:?}");
            let end = bus.now() + Duration::from_millis(1);
            told.extend(watch_until(&mut watcher, &mut bus, end));
        }
        let end = bus.now() + Duration::from_millis(1);
        told.extend(watch_until(&mut watcher, &mut bus, end));
        bus.power(&place(1), false);
        let end = bus.now() + Duration::from_millis(100);
        told.extend(watch_until(&mut watcher, &mut bus, end));
        bus.power(&place(1), comes_back);
        let end = bus.now() + seconds(60);
        told.extend(watch_until(&mut watcher, &mut bus, end));
        let expected = match comes_back {
            false => vec!["switching 1-1.1", "failed 1-1.1 disconnected"],
            true => {
                vec![
                    "switching 1-1.1",
                    "failed 1-1.1 not-switched",
                    "switching 1-1.1",
                    "switched 1-1.1 modem",
                ]
            }
        };
        assert_eq!(told, expected);
    }
}

#[test]
fn a_stick_that_falls_back_again_and_again_is_left_alone() {
    let mut bus = VirtualBus::new();
    plug(&bus, 1, "e3372h-hilink");
    let catalogue = Catalogue::builtin();
    let mut watcher = Watcher::new(&catalogue, Duration::ZERO);
    let mut told = Vec::new();
    for _ in 0..4 {
        // As soon as it has switched, it falls back.
        while !bus.sticks().unwrap().iter().any(|s| s.mode == Mode::Hilink) && bus.now() < seconds(25) {
            let end = bus.now() + Duration::from_millis(100);
            told.extend(watch_until(&mut watcher, &mut bus, end));
        }
        bus.replug(&place(1));
    }
    let end = bus.now() + seconds(60);
    told.extend(watch_until(&mut watcher, &mut bus, end));
    let switching = told.iter().filter(|t| *t == "switching 1-1.1").count();
    assert_eq!((switching, told.last().map(String::as_str)), (2, Some("left-alone 1-1.1")), "{told:?}");

    bus.power(&place(1), false);
    let end = bus.now() + seconds(40);
    assert_eq!(watch_until(&mut watcher, &mut bus, end), [""; 0]);
    bus.power(&place(1), true);
    let end = bus.now() + seconds(60);
    let told = watch_until(&mut watcher, &mut bus, end);
    assert_eq!(
        told,
        ["switching 1-1.1", "switched 1-1.1 hilink"],
        "taken out for a while, it is served again"
    );
}

#[test]
fn others_are_given_their_time_first() {
    let mut bus = VirtualBus::new();
    plug(&bus, 1, "e3372h-hilink");
    let catalogue = Catalogue::builtin();
    let mut watcher = Watcher::new(&catalogue, seconds(4));
    let start = loop {
        if bus.sticks().unwrap().iter().any(|s| s.mode == Mode::Cdrom) {
            break bus.now();
        }
        let deadline = bus.now() + seconds(60);
        bus.wait_change(deadline).unwrap();
    };
    assert_eq!(watch_until(&mut watcher, &mut bus, start + Duration::from_millis(3900)), [""; 0]);
    let told = watch_until(&mut watcher, &mut bus, start + seconds(30));
    assert_eq!(told, ["switching 1-1.1", "switched 1-1.1 hilink"], "nobody else did it");
}

#[test]
fn a_stick_that_may_not_be_opened_is_told_and_others_go_on() {
    let mut bus = VirtualBus::new();
    plug(&bus, 1, "e3372h-hilink");
    bus.set_no_access(true);
    let catalogue = Catalogue::builtin();
    let mut watcher = Watcher::new(&catalogue, Duration::ZERO);
    assert_eq!(watch_until(&mut watcher, &mut bus, seconds(30)), ["failed 1-1.1 permission-denied"]);
    // It is not tried again and again; it is when it is plugged in again.
    bus.set_no_access(false);
    plug(&bus, 2, "e3372h-stick");
    let told = watch_until(&mut watcher, &mut bus, seconds(60));
    assert_eq!(told, ["switching 1-1.2", "switched 1-1.2 modem"]);
}

#[test]
fn permissions_that_come_a_moment_later_are_waited_for() {
    let mut bus = VirtualBus::new();
    plug(&bus, 1, "e3372h-hilink");
    bus.set_no_access(true);
    let catalogue = Catalogue::builtin();
    let mut watcher = Watcher::new(&catalogue, Duration::ZERO);
    while !bus.sticks().unwrap().iter().any(|s| s.mode == Mode::Cdrom) {
        let deadline = bus.now() + seconds(60);
        bus.wait_change(deadline).unwrap();
    }
    let end = bus.now() + seconds(1);
    assert_eq!(watch_until(&mut watcher, &mut bus, end), [""; 0]);
    bus.set_no_access(false);
    let end = bus.now() + seconds(30);
    assert_eq!(watch_until(&mut watcher, &mut bus, end), ["switching 1-1.1", "switched 1-1.1 hilink"]);
}

#[test]
fn a_request_to_stop_is_heard() {
    let mut bus = VirtualBus::new();
    plug(&bus, 1, "e3372h-hilink");
    bus.advance(seconds(20));
    let catalogue = Catalogue::builtin();
    let mut watcher = Watcher::new(&catalogue, Duration::ZERO);
    let cancel = Cancel::new();
    cancel.cancel();
    let mut hands = OneByOne::new(Box::new(bus.clone()), &catalogue, cancel.clone());
    let mut session = Session::new(|_| {}, cancel);
    assert!(watcher.look(&mut bus, &mut hands, &mut session, &mut |_| {}).is_err());
    assert_eq!(bus.sticks().unwrap()[0].mode, Mode::Cdrom);
}

#[test]
fn a_stick_that_got_its_message_when_the_watch_ends_is_not_forgotten() {
    let (mut bus, catalogue) = (VirtualBus::new(), Catalogue::builtin());
    plug(&bus, 1, "e3372h-hilink");
    bus.advance(seconds(20));
    let mut hands = OneByOne::new(Box::new(bus.clone()), &catalogue, Cancel::new());
    let mut watcher = Watcher::new(&catalogue, Duration::ZERO);
    let mut session = Session::quiet();
    let now = bus.now();
    assert!(!watcher.stop(now, &mut hands, &mut session, &mut |_| {}), "nothing was begun");
    let mut told = Vec::new();
    watcher.look(&mut bus, &mut hands, &mut session, &mut |news| told.push(short(&news))).unwrap();
    assert_eq!(told, ["switching 1-1.1"]);
    assert!(watcher.stop(bus.now(), &mut hands, &mut session, &mut |_| {}));
    let end = bus.now() + seconds(60);
    watch_with(&mut watcher, &mut bus, &mut hands, end);
    assert!(!watcher.stop(bus.now(), &mut hands, &mut session, &mut |_| {}), "it was seen to switch");
}

/// Workers of which one was stopped between two messages, which is told at the end alone.
struct Stopped(Option<Report>, Vec<Report>);

impl Workers for Stopped {
    fn serve(&mut self, stick: &Stick, _: Goal) {
        let stopped = Error::new(ErrorKind::Interrupted, "x").with_verdict(Verdict::Recoverable);
        self.0 = Some(Report::Ended { stick: stick.clone(), result: Err(stopped) });
    }

    fn reports(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.1)
    }

    fn finish(&mut self) {
        self.1.extend(self.0.take());
    }
}

#[test]
fn a_worker_that_was_stopped_between_two_messages_is_heard_at_the_end() {
    let (mut bus, catalogue) = (VirtualBus::new(), Catalogue::builtin());
    plug(&bus, 1, "e3372h-hilink");
    bus.advance(seconds(20));
    let mut hands = Stopped(None, Vec::new());
    let mut watcher = Watcher::new(&catalogue, Duration::ZERO);
    let mut verdicts = Vec::new();
    let mut heard = |news| {
        if let News::Failed { error, .. } = news {
            verdicts.push(error.verdict());
        }
    };
    watcher.look(&mut bus, &mut hands, &mut Session::quiet(), &mut heard).unwrap();
    watcher.stop(bus.now(), &mut hands, &mut Session::quiet(), &mut heard);
    assert_eq!(verdicts, [Some(Verdict::Recoverable)]);
}

/// Workers that never end with the stick at one place, as if every transfer to it hung.
struct HangsAt<'a> {
    place: Place,
    others: OneByOne<'a>,
    asked: Vec<Place>,
}

impl Workers for HangsAt<'_> {
    fn serve(&mut self, stick: &Stick, goal: Goal) {
        self.asked.push(stick.place.clone());
        if stick.place != self.place {
            self.others.serve(stick, goal);
        }
    }

    fn reports(&mut self) -> Vec<Report> {
        self.others.reports()
    }
}

#[test]
fn a_stick_that_hangs_holds_up_no_other() {
    let mut bus = VirtualBus::new();
    for number in 1..=3 {
        plug(&bus, number, "e3372h-hilink");
    }
    let catalogue = Catalogue::builtin();
    let mut watcher = Watcher::new(&catalogue, Duration::ZERO);
    let others = OneByOne::new(Box::new(bus.clone()), &catalogue, Cancel::new());
    let mut hands = HangsAt { place: place(1), others, asked: Vec::new() };
    let told = watch_with(&mut watcher, &mut bus, &mut hands, seconds(30));
    assert!(told.iter().all(|t| !t.contains("1-1.1")), "{told:?}");
    for number in 2..=3 {
        assert!(told.contains(&format!("switched {} hilink", place(number))), "{told:?}");
    }
    assert_eq!(hands.asked.iter().filter(|p| **p == place(1)).count(), 1, "it is in somebody's hands");
    // It comes free, and everything goes on.
    let stick = bus.sticks().unwrap().remove(0);
    let mut session = Session::quiet();
    let mut reports = Vec::new();
    serve(&mut bus.clone(), &stick, Goal::Usual, &catalogue, &mut session, &mut |report| {
        reports.push(report)
    });
    hands.others = OneByOne::new(Box::new(bus.clone()), &catalogue, Cancel::new());
    let mut late = Late { reports, hands };
    let end = bus.now() + seconds(30);
    let told = watch_with(&mut watcher, &mut bus, &mut late, end);
    assert_eq!(told, ["switching 1-1.1", "switched 1-1.1 hilink"]);
}

/// Workers that still have something to report.
struct Late<'a> {
    reports: Vec<Report>,
    hands: HangsAt<'a>,
}

impl Workers for Late<'_> {
    fn serve(&mut self, stick: &Stick, goal: Goal) {
        self.hands.serve(stick, goal);
    }

    fn reports(&mut self) -> Vec<Report> {
        self.reports.drain(..).chain(self.hands.reports()).collect()
    }
}

#[test]
fn an_empty_profile_of_the_owner_is_no_message_that_the_stick_ignored() {
    let mut bus = VirtualBus::new();
    plug(&bus, 1, "e3372h-hilink");
    let files = vec![("12d1:1f01".to_owned(), String::new())];
    let overlay = Overlay { origin: Origin::User, folder: "/etc/usb_modeswitch.d".to_owned(), files };
    let (catalogue, problems) = Catalogue::with_overlays(vec![overlay]);
    assert_eq!(problems.len(), 1);
    let mut hands = OneByOne::new(Box::new(bus.clone()), &catalogue, Cancel::new());
    let mut watcher = Watcher::new(&catalogue, Duration::ZERO);
    let told = watch_with(&mut watcher, &mut bus, &mut hands, seconds(20));
    assert_eq!(told, [""; 0], "it is left as it is");
}
