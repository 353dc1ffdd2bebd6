//! Switching beside disks that are mounted, drives that are silent, and devices that are plugged in where a stick left.

use std::sync::Arc;
use std::time::Duration;

use stickshift::error::{Detail, Error, ErrorKind, Verdict};
use stickshift::event::{Cancel, Session};
use stickshift::link::{Bus, ClassifiedBus};
use stickshift::modem::identity;
use stickshift::profile::{Catalogue, Method, Parameters};
use stickshift::stick::{Mode, Place, Role, Stick};
use stickshift::switching::watch::{News, OneByOne, Watcher};
use stickshift::switching::web_ports;
use stickshift::switching::{
    Choice, Goal, Medium, MediumConsent, Rule, Rules, SwitchRequest, Switched, prepare, switch,
    switch_and_wait,
};
use stickshift_emu::computer::{Action, BadPort, VirtualBus};
use stickshift_emu::sticks::scsi_cdrom::DriveKind;
use stickshift_emu::sticks::switchable::options;
use stickshift_emu::sticks::zerocd::{Behaviour, ZeroCd, ZeroCdOptions};
use stickshift_emu::sticks::{appearances, bystanders, catalogue};

fn place() -> Place {
    "1-1".parse().unwrap()
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn made(options: ZeroCdOptions) -> Box<ZeroCd> {
    Box::new(ZeroCd::new(options))
}

/// A bus with this device, whose drivers are bound.
fn plugged(options: ZeroCdOptions) -> (VirtualBus, Stick) {
    let mut bus = VirtualBus::new();
    bus.plug(&place(), made(options));
    bus.advance(seconds(1));
    let stick = bus.device(&place()).unwrap().expect("it is plugged in");
    (bus, stick)
}

fn named(name: &str) -> ZeroCdOptions {
    options(name).unwrap()
}

fn switched(
    bus: &mut VirtualBus,
    stick: &Stick,
    profile: Option<Parameters>,
    consent: MediumConsent,
) -> Result<Switched, Error> {
    let catalogue = Catalogue::builtin();
    let request = SwitchRequest { catalogue: &catalogue, profile, goal: Goal::Usual };
    let mut prepared = prepare(bus, stick, &request, &mut Session::quiet())?;
    prepared.consent = consent;
    switch_and_wait(bus, prepared, &mut Session::quiet())
}

fn usual(bus: &mut VirtualBus, stick: &Stick) -> Result<Switched, Error> {
    switched(bus, stick, None, MediumConsent::None)
}

/// News in short, as `switching`, `switched modem`, `failed not-switched`, `left-alone`.
fn short(news: &News) -> String {
    match news {
        News::Switching { .. } => "switching".to_owned(),
        News::Switched { to, .. } => format!("switched {}", to.stick.mode.code()),
        News::Failed { error, .. } => format!("failed {}", error.kind()),
        News::LeftAlone { .. } => "left-alone".to_owned(),
    }
}

/// Lets the watcher look for this long, or until it tells `last`. It sees every device, as the daemon does.
fn watch(watcher: &mut Watcher<'_>, bus: &mut VirtualBus, time: Duration, last: &str) -> Vec<String> {
    let catalogue = Catalogue::builtin();
    let every_device = |bus: &VirtualBus| {
        ClassifiedBus::new(Box::new(bus.clone()), Arc::new(Catalogue::builtin())).with_every_device()
    };
    let mut hands = OneByOne::new(Box::new(every_device(bus)), &catalogue, Cancel::new());
    let mut bus = every_device(bus);
    let mut told: Vec<String> = Vec::new();
    let end = bus.now() + time;
    while bus.now() < end {
        let mut session = Session::quiet();
        let next =
            watcher.look(&mut bus, &mut hands, &mut session, &mut |news| told.push(short(&news))).unwrap();
        if told.last().is_some_and(|line| line == last) {
            break;
        }
        bus.wait_change(next.map_or(end, |at| at.min(end))).unwrap();
    }
    told
}

// ---- Disks

#[test]
fn an_unknown_disk_of_huaweis_is_no_stick() {
    let (mut bus, disk) = plugged(bystanders::huawei_disk());
    let error = usual(&mut bus, &disk).unwrap_err();
    assert_eq!((error.kind(), error.verdict()), (ErrorKind::NoProfile, Some(Verdict::Untouched)));
    assert!(error.what().contains("a disk, not a CD-ROM"), "{error}");

    bus.mount(Duration::ZERO, &place(), (0, 0), "/media/card");
    let catalogue = Catalogue::builtin();
    let mut watcher = Watcher::new(&catalogue, Duration::ZERO);
    assert_eq!(watch(&mut watcher, &mut bus, seconds(60), ""), [""; 0]);
    let after = bus.device(&place()).unwrap().unwrap();
    assert_eq!(after.interfaces[0].driver.as_deref(), Some("usb-storage"), "nobody took its driver away");
}

#[test]
fn a_mounted_medium_is_not_taken_away() {
    // The CD-ROM itself, and a card in the reader beside it.
    let card = ZeroCdOptions { units: vec![vec![DriveKind::Cdrom, DriveKind::Disk]], ..named("k3772") };
    for (options, unit) in [(named("k3772"), 0), (card, 1)] {
        let (mut bus, stick) = plugged(options);
        bus.mount(Duration::ZERO, &place(), (0, unit), "/media/medium");
        let catalogue = Catalogue::builtin();
        let request = SwitchRequest { catalogue: &catalogue, profile: None, goal: Goal::Usual };
        let prepared = prepare(&mut bus, &stick, &request, &mut Session::quiet()).unwrap();
        let Medium::InUse(uses) = &prepared.medium else { panic!() };
        assert!(uses[0].ends_with("is mounted at /media/medium"), "{uses:?}");
        let error = switch(&mut bus, prepared, &mut Session::quiet()).unwrap_err();
        assert_eq!((error.kind(), error.verdict()), (ErrorKind::MediumInUse, Some(Verdict::Untouched)));
        let after = bus.device(&place()).unwrap().unwrap();
        assert_eq!(after.interfaces[0].driver.as_deref(), Some("usb-storage"));

        let mut watcher = Watcher::new(&catalogue, Duration::ZERO);
        assert_eq!(watch(&mut watcher, &mut bus, seconds(30), ""), ["failed medium-in-use"]);
        assert_eq!(switched(&mut bus, &stick, None, MediumConsent::InUse).unwrap().stick.mode, Mode::Modem);
    }
}

#[test]
fn a_medium_that_is_mounted_while_the_plan_is_shown_counts() {
    let (mut bus, stick) = plugged(named("k3772"));
    let catalogue = Catalogue::builtin();
    let request = SwitchRequest { catalogue: &catalogue, profile: None, goal: Goal::Usual };
    let prepared = prepare(&mut bus, &stick, &request, &mut Session::quiet()).unwrap();
    assert_eq!(prepared.medium, Medium::Free);
    bus.mount(Duration::ZERO, &place(), (0, 0), "/media/late");
    let error = switch(&mut bus, prepared, &mut Session::quiet()).unwrap_err();
    assert!(error.is(ErrorKind::MediumInUse), "{error:?}");
    bus.unmount(&place());
    assert!(usual(&mut bus, &stick).is_ok());
}

#[test]
fn an_unknown_stick_with_a_card_reader_beside_its_cdrom_is_switched() {
    use DriveKind::{CardReader, Cdrom};
    for units in [vec![vec![Cdrom, CardReader]], vec![vec![Cdrom]]] {
        let (mut bus, stick) = plugged(ZeroCdOptions { units, ..named("huawei-unknown") });
        assert_eq!(usual(&mut bus, &stick).unwrap().stick.mode, Mode::Modem);
    }
}

#[test]
fn the_message_goes_to_the_interface_with_the_cdrom() {
    use DriveKind::{CardReader, Cdrom};
    for name in ["huawei-unknown", "k3772"] {
        let mut options = named(name);
        options.appearance.configurations[0].interfaces.push(appearances::storage(1, 0x82, 0x02));
        options.units = vec![vec![CardReader], vec![Cdrom]];
        let (mut bus, stick) = plugged(options);
        let catalogue = Catalogue::builtin();
        let request = SwitchRequest { catalogue: &catalogue, profile: None, goal: Goal::Usual };
        let prepared = prepare(&mut bus, &stick, &request, &mut Session::quiet()).unwrap();
        assert_eq!(prepared.parameters.interface, Some(1), "{name}");
        assert_eq!(
            switch_and_wait(&mut bus, prepared, &mut Session::quiet()).unwrap().stick.mode,
            Mode::Modem
        );
    }
}

#[test]
fn the_text_of_the_cdrom_tells_a_stick_also_beside_a_card() {
    let mut u209 = named("samsung-u209");
    u209.units = vec![vec![DriveKind::Disk, DriveKind::Cdrom]];
    let (mut bus, stick) = plugged(u209);
    assert!(usual(&mut bus, &stick).is_ok());
}

// ---- What stands there afterwards

fn fails_as_replaced(error: &Error) {
    assert_eq!(
        (error.kind(), error.verdict()),
        (ErrorKind::Disconnected, Some(Verdict::Unknown)),
        "{error:?}"
    );
    assert!(error.what().contains("another device is there now"), "{error}");
}

#[test]
fn a_stranger_at_the_place_is_not_the_stick() {
    let other_modem = || ZeroCdOptions { ..named("sierra-0fff") };
    let modem_now = {
        let target = other_modem().messages[0].target.clone();
        ZeroCdOptions { appearance: target, messages: Vec::new(), ..other_modem() }
    };
    let strangers =
        [bystanders::flash_drive(), bystanders::mouse(), modem_now, other_modem(), bystanders::huawei_disk()];
    for stranger in strangers {
        let id = stranger.appearance.id;
        for behaviour in [Behaviour::NeverComesBack, Behaviour::VanishesEarly] {
            let (mut bus, stick) = plugged(ZeroCdOptions { behaviour, ..named("k3772") });
            bus.schedule_arrival(Duration::from_millis(900), &place(), made(stranger.clone()));
            let error = usual(&mut bus, &stick).expect_err(&id.to_string());
            fails_as_replaced(&error);
        }
        let (mut bus, _) = plugged(ZeroCdOptions { behaviour: Behaviour::NeverComesBack, ..named("k3772") });
        bus.schedule_arrival(Duration::from_millis(900), &place(), made(stranger));
        let catalogue = Catalogue::builtin();
        let told = watch(
            &mut Watcher::new(&catalogue, Duration::ZERO),
            &mut bus,
            seconds(12),
            "failed disconnected",
        );
        assert_eq!(told[..2], ["switching", "failed disconnected"], "{id}");
    }
}

#[test]
fn a_stick_that_changes_its_vendor_is_known_by_its_serial_number_or_its_profile() {
    let with = |serial: Option<&str>| {
        let mut options = named("cisco-am10");
        options.appearance.serial = Some("A0001".into());
        options.messages[0].target.serial = serial.map(str::to_owned);
        plugged(options)
    };
    let mut profile = Parameters::default();
    profile.turn_on(Method::Cisco);
    let (mut bus, stick) = with(Some("A0001"));
    assert!(
        switched(&mut bus, &stick, Some(profile.clone()), MediumConsent::None).is_ok(),
        "its serial number"
    );
    let (mut bus, stick) = with(None);
    fails_as_replaced(&switched(&mut bus, &stick, Some(profile.clone()), MediumConsent::None).unwrap_err());
    let (mut bus, stick) = with(None);
    assert!(usual(&mut bus, &stick).is_ok(), "the catalogue names what it becomes");
}

#[test]
fn a_pantech_that_did_nothing_did_not_switch() {
    let mut options = named("pantech-6080");
    options.appearance.id = "10a9:606f".parse().unwrap();
    options.messages.clear();
    let (mut bus, stick) = plugged(options);
    let error = usual(&mut bus, &stick).unwrap_err();
    assert!(error.is(ErrorKind::NotSwitched), "{error:?}");
}

// ---- What keeps the system from using it

#[test]
fn too_little_power_and_no_authorization_are_named() {
    for (bad, kind) in [
        (BadPort::Weak, ErrorKind::NoPower),
        (BadPort::NotAuthorized, ErrorKind::NotAuthorized),
        (BadPort::InterfaceNotAuthorized(0), ErrorKind::NotAuthorized),
    ] {
        let mut bus = VirtualBus::new();
        bus.set_bad_port(&place(), Some(bad));
        bus.plug(&place(), made(named("k3772")));
        bus.advance(seconds(1));
        let stick = bus.device(&place()).unwrap().unwrap();
        let error = usual(&mut bus, &stick).unwrap_err();
        assert_eq!((error.kind(), error.verdict()), (kind, Some(Verdict::Untouched)), "{bad:?}");
    }
}

#[test]
fn a_modem_that_gets_too_little_power_did_not_get_the_wrong_message() {
    let (mut bus, stick) = plugged(named("k3772"));
    bus.set_bad_port(&place(), Some(BadPort::Weak));
    let error = usual(&mut bus, &stick).unwrap_err();
    assert_eq!((error.kind(), error.verdict()), (ErrorKind::NoPower, Some(Verdict::Unknown)), "{error:?}");
}

#[test]
fn a_look_at_the_bus_does_not_wait_for_a_silent_drive() {
    let mut bus = VirtualBus::new();
    let silent = ZeroCdOptions { behaviour: Behaviour::Busy(seconds(25)), ..named("k3772") };
    bus.plug(&place(), made(silent));
    bus.plug(&"1-2".parse().unwrap(), made(named("k3772")));
    bus.advance(seconds(1));
    let all = bus.sticks().unwrap();
    assert_eq!(
        (bus.now(), all.len(), all[0].product.is_none(), all[1].product.is_some()),
        (seconds(1), 2, true, true)
    );
    // Whoever serves the stick itself waits: what is sent to it depends on what it says.
    assert!(bus.device(&place()).unwrap().unwrap().product.is_some());
    assert!(bus.now() >= seconds(25));
}

#[test]
fn a_telephone_that_is_slow_to_say_so_is_left_alone() {
    let mut phone = ZeroCdOptions { behaviour: Behaviour::Busy(seconds(5)), ..named("huawei-unknown") };
    phone.appearance.manufacturer = Some("Android".into());
    let mut bus = VirtualBus::new();
    bus.plug(&place(), made(phone));
    let catalogue = Catalogue::builtin();
    assert_eq!(watch(&mut Watcher::new(&catalogue, Duration::ZERO), &mut bus, seconds(60), ""), [""; 0]);
}

// ---- The watcher

#[test]
fn a_good_stick_may_be_plugged_in_again_and_again() {
    let mut bus = VirtualBus::new();
    bus.plug(&place(), made(named("k3772")));
    let catalogue = Catalogue::builtin();
    let mut watcher = Watcher::new(&catalogue, Duration::ZERO);
    for time in 0..5 {
        let told = watch(&mut watcher, &mut bus, seconds(20), "switched modem");
        assert_eq!(told, ["switching", "switched modem"], "time {time}");
        bus.replug(&place());
    }
    assert!(bus.now() < seconds(30), "{:?}", bus.now());
}

#[test]
fn sticks_that_take_turns_at_one_port_are_all_switched() {
    let mut bus = VirtualBus::new();
    let catalogue = Catalogue::builtin();
    let mut watcher = Watcher::new(&catalogue, Duration::ZERO);
    let mut told = Vec::new();
    for serial in ["A", "B", "C", "D", "E"] {
        let mut options = named("huawei-unknown");
        options.appearance.serial = Some(serial.into());
        bus.plug(&place(), made(options));
        told.extend(watch(&mut watcher, &mut bus, seconds(20), "switched modem"));
        bus.take_out(&place());
        told.extend(watch(&mut watcher, &mut bus, seconds(1), ""));
    }
    assert_eq!(told, ["switching", "switched modem"].repeat(5));
}

#[test]
fn a_stick_that_was_pulled_out_leaves_the_port_in_order() {
    for behaviour in [Behaviour::NeverComesBack, Behaviour::VanishesEarly, Behaviour::Ignores] {
        let mut bus = VirtualBus::new();
        bus.plug(&place(), made(ZeroCdOptions { behaviour, ..named("k3772") }));
        let catalogue = Catalogue::builtin();
        let mut watcher = Watcher::new(&catalogue, Duration::ZERO);
        bus.schedule(Duration::from_millis(1200), &place(), Action::Unplug);
        watch(&mut watcher, &mut bus, seconds(3), "");
        // Another stick, of the same kind and of another one.
        for name in ["e3372h-cd", "k3772"] {
            bus.plug(&place(), catalogue::virtual_stick(name, 1, None).unwrap());
            let told = watch(&mut watcher, &mut bus, seconds(40), "");
            assert!(
                told.last().is_some_and(|line| line.starts_with("switched")),
                "{behaviour:?}, {name}: {told:?}"
            );
        }
    }
}

#[test]
fn a_stick_that_left_and_came_back_between_two_looks_is_seen_to_be_new() {
    let mut bus = VirtualBus::new();
    bus.plug(&place(), made(ZeroCdOptions { behaviour: Behaviour::Ignores, ..named("k3772") }));
    let catalogue = Catalogue::builtin();
    let mut watcher = Watcher::new(&catalogue, Duration::ZERO);
    assert_eq!(
        watch(&mut watcher, &mut bus, seconds(30), "failed not-switched"),
        ["switching", "failed not-switched"]
    );
    bus.replug(&place());
    bus.advance(seconds(2));
    assert_eq!(watch(&mut watcher, &mut bus, seconds(1), "switching"), ["switching"]);
}

#[test]
fn a_modem_that_resets_itself_is_switched_again() {
    let mut bus = VirtualBus::new();
    bus.plug(&place(), made(named("k3772")));
    let catalogue = Catalogue::builtin();
    let mut watcher = Watcher::new(&catalogue, Duration::ZERO);
    for _ in 0..3 {
        assert_eq!(
            watch(&mut watcher, &mut bus, seconds(20), "switched modem"),
            ["switching", "switched modem"]
        );
        watch(&mut watcher, &mut bus, seconds(3600), "");
        // As after a suspend without power on the port, too.
        bus.replug(&place());
    }
}

// ---- The owner's lasting choice

fn rule(choice: Choice) -> Rules {
    Rules(vec![Rule { place: Some(place()), choice, ..Rule::default() }])
}

#[test]
fn what_is_to_be_left_is_left() {
    let mut bus = VirtualBus::new();
    bus.plug(&place(), made(named("k3772")));
    let catalogue = Catalogue::builtin();
    let mut watcher = Watcher::new(&catalogue, Duration::ZERO).with_rules(rule(Choice::Leave));
    assert_eq!(watch(&mut watcher, &mut bus, seconds(60), ""), [""; 0]);
}

#[test]
fn who_wants_serial_ports_gets_them_from_a_cdrom_and_from_a_network_card() {
    for (name, told_of) in [("e3372h-cd", "modem"), ("e3372h-hilink", "hilink-serial")] {
        let mut bus = VirtualBus::new();
        bus.plug(&place(), catalogue::virtual_stick(name, 1, None).unwrap());
        // There before the watcher, as at boot.
        bus.advance(seconds(40));
        let catalogue = Catalogue::builtin();
        let rules = rule(Choice::Become(Goal::Serial));
        let mut watcher = Watcher::new(&catalogue, Duration::ZERO).with_rules(rules);
        let told = watch(&mut watcher, &mut bus, seconds(120), "");
        assert_eq!(told, ["switching".to_owned(), format!("switched {told_of}")], "{name}");
        bus.replug(&place());
        let told = watch(&mut watcher, &mut bus, seconds(120), "");
        assert_eq!(told.last(), Some(&format!("switched {told_of}")), "{name}: a lasting choice");
    }
}

// ---- Sticks that keep their ids

#[test]
fn a_brovi_keeps_its_ids_and_is_told_by_its_class() {
    let goals = [
        ("e3372-325", Goal::Usual, Mode::Modem, 0xff),
        ("e3372-325", Goal::Serial, Mode::Modem, 0xff),
        ("e3372-325", Goal::Hilink, Mode::Hilink, 0xe0),
        ("e3372-325-155e", Goal::Usual, Mode::Modem, 0xff),
    ];
    for (name, goal, mode, class) in goals {
        let (mut bus, stick) = plugged(named(name));
        assert_eq!(stick.mode, Mode::Cdrom, "class 08");
        let catalogue = Catalogue::builtin();
        let request = SwitchRequest { catalogue: &catalogue, profile: None, goal };
        let prepared = prepare(&mut bus, &stick, &request, &mut Session::quiet()).unwrap();
        let switched = switch_and_wait(&mut bus, prepared, &mut Session::quiet()).unwrap();
        let now = switched.stick;
        assert_eq!(
            (now.mode, now.interfaces[0].class, switched.expected),
            (mode, class, true),
            "{name} {goal:?}"
        );
        let again = prepare(&mut bus, &now, &request, &mut Session::quiet()).err().unwrap();
        assert!(again.is(ErrorKind::AlreadySwitched), "{name}: {again:?}");
    }
}

#[test]
fn ports_without_a_purpose_are_tried_one_after_another() {
    let mut bus = VirtualBus::new();
    bus.plug(&place(), catalogue::virtual_stick("e3372h-cd", 1, None).unwrap());
    bus.advance(seconds(5));
    let stick = bus.device(&place()).unwrap().unwrap();
    let catalogue = Catalogue::builtin();
    let request = SwitchRequest { catalogue: &catalogue, profile: None, goal: Goal::Serial };
    let prepared = prepare(&mut bus, &stick, &request, &mut Session::quiet()).unwrap();
    let mut now = switch_and_wait(&mut bus, prepared, &mut Session::quiet()).unwrap().stick;
    assert_eq!(now.id.to_string(), "12d1:155e");
    assert!(identity::ask(&mut bus, &now, None, &mut Session::quiet()).unwrap().unwrap().model.is_some());
    // The same where no list knows the ids.
    now.interfaces.iter_mut().filter(|i| i.tty.is_some()).for_each(|i| i.role = Role::Serial);
    assert_eq!(identity::find_at_port(&mut bus, &now, &mut Session::quiet()).unwrap(), Some(2));
    assert!(identity::ask(&mut bus, &now, None, &mut Session::quiet()).unwrap().unwrap().model.is_some());
}

#[test]
fn a_port_that_this_program_listens_on_leaves_the_others_to_be_asked() {
    let mut bus = VirtualBus::new();
    bus.plug(&place(), catalogue::virtual_stick("e3372h-stick", 1, None).unwrap());
    bus.advance(seconds(40));
    let stick = bus.device(&place()).unwrap().unwrap();
    let all = identity::at_ports(&stick);
    let find = |bus: &mut VirtualBus| identity::find_at_port(bus, &stick, &mut Session::quiet()).unwrap();
    assert_eq!(find(&mut bus), Some(all[0]));
    let _listens = bus.open_port(&place(), all[0]).unwrap();
    assert_eq!(find(&mut bus), Some(all[1]));
    assert!(identity::ask(&mut bus, &stick, None, &mut Session::quiet()).unwrap().unwrap().model.is_some());
    let _others: Vec<_> = all[1..].iter().map(|port| bus.open_port(&place(), *port).unwrap()).collect();
    let error = identity::find_at_port(&mut bus, &stick, &mut Session::quiet()).unwrap_err();
    assert!(error.is(ErrorKind::PortBusy) && error.has(&Detail::HeldHere), "{error:?}");
}

// ---- The web server of a stick that leaves

#[test]
fn a_network_card_that_leaves_for_good_is_in_a_state_that_nobody_saw() {
    let mut bus = VirtualBus::new();
    bus.plug(&place(), catalogue::virtual_stick("e3372h-hilink", 1, Some("unplug@1")).unwrap());
    bus.advance(seconds(40));
    let error = web_ports::open(&mut bus, &place(), None, &mut Session::quiet()).unwrap_err();
    assert_eq!(
        (error.kind(), error.verdict()),
        (ErrorKind::Disconnected, Some(Verdict::Unknown)),
        "{error:?}"
    );
    assert!(bus.device(&place()).unwrap().is_none(), "the verdict is true");
}

#[test]
fn requests_without_a_session_are_not_said_to_be_sent() {
    let mut bus = VirtualBus::new();
    // A web server that speaks another API.
    bus.plug(&place(), catalogue::virtual_stick("mf823", 1, None).unwrap());
    bus.advance(seconds(40));
    let error = web_ports::open(&mut bus, &place(), None, &mut Session::quiet()).unwrap_err();
    assert_eq!(error.verdict(), Some(Verdict::Untouched), "{error:?}");
    assert!(!error.is(ErrorKind::NotSwitched), "no message was tried: {error:?}");
    let tried = error.facts().iter().find(|(name, _)| *name == "tried").map(|(_, tried)| tried.clone());
    assert!(
        tried.is_some_and(|tried| tried.starts_with("device/mode 0 (project mode): not sent")),
        "{error:?}"
    );
}
