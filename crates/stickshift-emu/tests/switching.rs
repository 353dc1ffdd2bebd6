//! Switching virtual sticks: prepare, send, and judge by what the bus shows.

use std::time::Duration;

use stickshift::error::{ErrorKind, Verdict};
use stickshift::event::{Cancel, Event, Session};
use stickshift::link::Bus;
use stickshift::profile::{Catalogue, Method, Parameters, huawei};
use stickshift::stick::{Mode, Place, Stick};
use stickshift::switching::{Goal, SwitchRequest, prepare, switch, switch_and_wait};
use stickshift_emu::computer::{Action, VirtualBus};
use stickshift_emu::sticks::catalogue;
use stickshift_emu::sticks::huawei::{HuaweiOptions, HuaweiStick};

fn place() -> Place {
    "1-1.2".parse().unwrap()
}

/// A bus with the virtual stick of that name, which shows its CD-ROM first.
fn plugged(name: &str) -> VirtualBus {
    let bus = VirtualBus::new();
    let options = catalogue::e3372h(name).unwrap();
    bus.plug(&place(), Box::new(HuaweiStick::new(HuaweiOptions { cdrom: true, ..options })));
    bus
}

fn wait_for(bus: &mut VirtualBus, mode: Mode) -> Stick {
    loop {
        if let Some(stick) = bus.sticks().unwrap().into_iter().find(|s| s.mode == mode) {
            return stick;
        }
        let deadline = bus.now() + Duration::from_secs(60);
        assert!(bus.wait_change(deadline).unwrap(), "it never became {mode}");
    }
}

fn request(catalogue: &Catalogue, goal: Goal) -> SwitchRequest<'_> {
    SwitchRequest { catalogue, profile: None, goal }
}

#[test]
fn hilink_firmware_becomes_a_network_card() {
    let mut bus = plugged("e3372h-hilink");
    let stick = wait_for(&mut bus, Mode::Cdrom);
    let catalogue = Catalogue::builtin();
    let mut codes = Vec::new();
    let sink = |event| {
        if let Event::Step { code, .. } = event {
            codes.push(code);
        }
    };
    let mut session = Session::new(sink, Cancel::new());
    let prepared = prepare(&mut bus, &stick, &request(&catalogue, Goal::Usual), &mut session).unwrap();
    assert!(prepared.evidence.iter().any(|e| e.contains("12d1:1f01")), "{:?}", prepared.evidence);
    let switched = switch_and_wait(&mut bus, prepared, &mut session).unwrap();
    drop(session);
    assert_eq!(switched.stick.mode, Mode::Hilink);
    assert!(switched.expected);
    assert!(codes.contains(&"switch-transfer") && codes.contains(&"await-switch"), "{codes:?}");

    for goal in [Goal::Usual, Goal::Hilink] {
        let request = request(&catalogue, goal);
        let again = prepare(&mut bus, &switched.stick, &request, &mut Session::quiet());
        let error = again.err().expect("there is nothing to do");
        assert!(error.is(ErrorKind::AlreadySwitched), "{error:?}");
    }
}

#[test]
fn stick_firmware_becomes_a_modem_whose_ports_are_there() {
    let mut bus = plugged("e3372h-stick");
    let stick = wait_for(&mut bus, Mode::Cdrom);
    let catalogue = Catalogue::builtin();
    let request = request(&catalogue, Goal::Modem);
    let prepared = prepare(&mut bus, &stick, &request, &mut Session::quiet()).unwrap();
    let switched = switch_and_wait(&mut bus, prepared, &mut Session::quiet()).unwrap();
    assert_eq!(switched.stick.mode, Mode::Modem);
    assert!(switched.expected);
    assert!(switched.stick.ports().count() > 0);
}

#[test]
fn whoever_does_not_want_to_wait_for_ports_gets_the_stick_without_them() {
    let (mut bus, stick) = plugged_from_the_catalogue("k3772");
    let catalogue = Catalogue::builtin();
    let usual = request(&catalogue, Goal::Usual);
    let prepared = prepare(&mut bus, &stick, &usual, &mut Session::quiet()).unwrap();
    let switched = switch(&mut bus, prepared, &mut Session::quiet()).unwrap();
    assert!(switched.expected && switched.stick.interfaces.iter().all(|i| i.tty.is_none()));
    bus.advance(Duration::from_secs(1));
    assert_eq!(bus.sticks().unwrap()[0].ports().count(), 3);
}

/// A hub that gives too little power drops a stick when its radio starts.
#[test]
fn a_stick_that_leaves_again_while_its_ports_are_made_has_not_switched() {
    let catalogue = Catalogue::builtin();
    let prepared = |bus: &mut VirtualBus, stick: &Stick| {
        prepare(bus, stick, &request(&catalogue, Goal::Usual), &mut Session::quiet()).unwrap()
    };
    let (mut bus, stick) = plugged_from_the_catalogue("k3772");
    let begun = bus.now();
    let sequence = prepared(&mut bus, &stick);
    switch(&mut bus, sequence, &mut Session::quiet()).unwrap();
    let appears = bus.now() - begun + Duration::from_millis(1);
    for action in [Action::Unplug, Action::Replug] {
        let (mut bus, stick) = plugged_from_the_catalogue("k3772");
        bus.schedule(appears, &stick.place, action);
        let sequence = prepared(&mut bus, &stick);
        let error = switch_and_wait(&mut bus, sequence, &mut Session::quiet()).unwrap_err();
        let (kind, verdict) = match action {
            Action::Unplug => (ErrorKind::Disconnected, Verdict::Unknown),
            _ => (ErrorKind::NotSwitched, Verdict::Recoverable),
        };
        assert_eq!((error.kind(), error.verdict()), (kind, Some(verdict)), "{error:?}");
    }
}

#[test]
fn the_owners_own_message_is_sent() {
    let mut bus = plugged("e3372h-hilink");
    let stick = wait_for(&mut bus, Mode::Cdrom);
    let catalogue = Catalogue::builtin();
    let message = huawei::message("windows").unwrap().message.to_vec();
    let profile = Parameters { messages: [message, Vec::new(), Vec::new()], ..Parameters::default() };
    let request = SwitchRequest { catalogue: &catalogue, profile: Some(profile), goal: Goal::Serial };
    let prepared = prepare(&mut bus, &stick, &request, &mut Session::quiet()).unwrap();
    let switched = switch_and_wait(&mut bus, prepared, &mut Session::quiet()).unwrap();
    assert_eq!(switched.stick.mode, Mode::HilinkSerial);
}

#[test]
fn a_message_that_means_nothing_leaves_the_stick_as_it_was() {
    let mut bus = plugged("e3372h-hilink");
    let stick = wait_for(&mut bus, Mode::Cdrom);
    let catalogue = Catalogue::builtin();
    let mut test_unit_ready = vec![0; 31];
    test_unit_ready[..4].copy_from_slice(b"USBC");
    test_unit_ready[14] = 6;
    let profile = Parameters { messages: [test_unit_ready, Vec::new(), Vec::new()], ..Parameters::default() };
    let request = SwitchRequest { catalogue: &catalogue, profile: Some(profile), goal: Goal::Usual };
    let prepared = prepare(&mut bus, &stick, &request, &mut Session::quiet()).unwrap();
    let error = switch_and_wait(&mut bus, prepared, &mut Session::quiet()).unwrap_err();
    assert!(error.is(ErrorKind::NotSwitched), "{error:?}");
    assert_eq!(error.verdict(), Some(Verdict::Recoverable));
}

#[test]
fn what_fails_before_the_first_message_leaves_the_stick_untouched() {
    let mut bus = plugged("e3372h-hilink");
    let stick = wait_for(&mut bus, Mode::Cdrom);
    let catalogue = Catalogue::builtin();
    bus.set_no_access(true);
    let usual = request(&catalogue, Goal::Usual);
    let error = prepare(&mut bus, &stick, &usual, &mut Session::quiet()).err().unwrap();
    assert_eq!((error.kind(), error.verdict()), (ErrorKind::PermissionDenied, Some(Verdict::Untouched)));

    let cancel = Cancel::new();
    bus.set_no_access(false);
    let mut session = Session::new(|_| {}, cancel.clone());
    let prepared = prepare(&mut bus, &stick, &usual, &mut session).unwrap();
    cancel.cancel();
    let error = switch_and_wait(&mut bus, prepared, &mut session).unwrap_err();
    assert_eq!((error.kind(), error.verdict()), (ErrorKind::Interrupted, Some(Verdict::Untouched)));
    assert_eq!(wait_for(&mut bus, Mode::Cdrom).id, stick.id);
}

#[test]
fn a_stick_that_is_pulled_out_after_its_message_is_not_called_switched() {
    let mut bus = plugged("e3372h-stick");
    let stick = wait_for(&mut bus, Mode::Cdrom);
    let catalogue = Catalogue::builtin();
    let usual = request(&catalogue, Goal::Usual);
    let prepared = prepare(&mut bus, &stick, &usual, &mut Session::quiet()).unwrap();
    bus.schedule(Duration::from_millis(50), &place(), Action::Unplug);
    let error = switch_and_wait(&mut bus, prepared, &mut Session::quiet()).unwrap_err();
    assert_eq!((error.kind(), error.verdict()), (ErrorKind::Disconnected, Some(Verdict::Unknown)));
}

/// Every message that is known, on sticks of both firmwares: it leads to one of the ids that owners report.
fn plugged_from_the_catalogue(name: &str) -> (VirtualBus, Stick) {
    plugged_with(name, None)
}

fn plugged_with(name: &str, fault: Option<&str>) -> (VirtualBus, Stick) {
    let mut bus = VirtualBus::new();
    bus.plug(&place(), catalogue::virtual_stick(name, 1, fault).unwrap());
    bus.advance(Duration::from_secs(2));
    let stick = bus.device(&place()).unwrap().expect("the stick is plugged in");
    (bus, stick)
}

/// Switches it by a profile that nobody but its owner has.
fn switched_by(name: &str, profile: Parameters) -> (Stick, Stick) {
    let (mut bus, before) = plugged_from_the_catalogue(name);
    let catalogue = Catalogue::builtin();
    let request = SwitchRequest { catalogue: &catalogue, profile: Some(profile), goal: Goal::Usual };
    let prepared = prepare(&mut bus, &before, &request, &mut Session::quiet()).unwrap();
    let switched = switch_and_wait(&mut bus, prepared, &mut Session::quiet());
    (before, switched.unwrap_or_else(|error| panic!("{name}: {error}")).stick)
}

#[test]
fn an_alternate_setting_can_be_the_message() {
    let (before, after) =
        switched_by("alternate-setting", Parameters { alt_setting: Some(1), ..Parameters::default() });
    assert_eq!((before.id.product, after.id.product), (1, 2));
}

/// A hub that has much to do notices late that it left: its second request is for what comes back.
#[test]
fn a_stick_that_restarts_in_the_middle_may_leave_late() {
    let catalogue = Catalogue::builtin();
    for fault in [None, Some("leaves-late")] {
        let (mut bus, stick) = plugged_with("sony-md400", fault);
        let usual = request(&catalogue, Goal::Usual);
        let prepared = prepare(&mut bus, &stick, &usual, &mut Session::quiet()).unwrap();
        let switched = switch_and_wait(&mut bus, prepared, &mut Session::quiet());
        let switched = switched.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert_eq!((switched.stick.id, switched.stick.configuration), (stick.id, 2), "{fault:?}");
    }
}

#[test]
fn a_stick_that_waits_for_a_reset_gets_one() {
    let message = huawei::message("linux").unwrap().message.to_vec();
    let without = Parameters { messages: [message, Vec::new(), Vec::new()], ..Parameters::default() };
    let with = Parameters { reset_usb: Some(true), ..without.clone() };
    let (before, after) = switched_by("port-reset", with);
    assert_eq!((before.id.product, after.id.product), (0x11, 0x12));

    let (mut bus, stick) = plugged_from_the_catalogue("port-reset");
    let catalogue = Catalogue::builtin();
    let request = SwitchRequest { catalogue: &catalogue, profile: Some(without), goal: Goal::Usual };
    let prepared = prepare(&mut bus, &stick, &request, &mut Session::quiet()).unwrap();
    let error = switch_and_wait(&mut bus, prepared, &mut Session::quiet()).unwrap_err();
    assert!(error.is(ErrorKind::NotSwitched), "{error:?}");
}

#[test]
fn drivers_that_let_go_are_all_that_detaching_asks_for() {
    let mut detach = Parameters::default();
    detach.turn_on(Method::DetachStorageOnly);
    let (before, after) = switched_by("k3772", detach);
    assert_eq!(before.interfaces[0].driver.as_deref(), Some("usb-storage"));
    assert_eq!((after.id, after.interfaces[0].driver.as_deref()), (before.id, None));
}

/// Its profile says to leave it alone, for everything but MBIM.
#[test]
fn a_module_with_mbim_is_set_to_it_where_the_system_has_a_driver_for_it() {
    let catalogue = Catalogue::builtin();
    let usual = request(&catalogue, Goal::Usual);
    let (mut bus, stick) = plugged_from_the_catalogue("me906");
    assert_eq!((stick.configuration, stick.configurations), (1, 3));
    let prepared = prepare(&mut bus, &stick, &usual, &mut Session::quiet()).unwrap();
    let switched = switch_and_wait(&mut bus, prepared, &mut Session::quiet()).unwrap();
    assert_eq!((switched.stick.id, switched.stick.configuration), (stick.id, 3));
    let again = prepare(&mut bus, &switched.stick, &usual, &mut Session::quiet()).err().unwrap();
    assert!(again.is(ErrorKind::AlreadySwitched), "{again:?}");

    bus.remove_driver("cdc_mbim");
    let alone = prepare(&mut bus, &stick, &usual, &mut Session::quiet()).err().unwrap();
    assert_eq!((alone.kind(), alone.verdict()), (ErrorKind::LeftAlone, Some(Verdict::Untouched)));
}

#[test]
fn huaweis_unknown_sticks_get_the_usual_message_and_its_telephones_do_not() {
    let catalogue = Catalogue::builtin();
    let usual = request(&catalogue, Goal::Usual);
    let (mut bus, stick) = plugged_from_the_catalogue("huawei-unknown");
    assert!(!catalogue.knows(stick.id));
    let telephone = Stick { manufacturer: Some("Android".into()), ..stick.clone() };
    let refused = prepare(&mut bus, &telephone, &usual, &mut Session::quiet()).err().unwrap();
    assert_eq!((refused.kind(), refused.verdict()), (ErrorKind::NoProfile, Some(Verdict::Untouched)));
    let prepared = prepare(&mut bus, &stick, &usual, &mut Session::quiet()).unwrap();
    let switched = switch_and_wait(&mut bus, prepared, &mut Session::quiet()).unwrap();
    assert_eq!(switched.stick.mode, Mode::Modem);
}

#[test]
fn a_profile_of_nothing_is_refused() {
    let (mut bus, stick) = plugged_from_the_catalogue("k3772");
    let catalogue = Catalogue::builtin();
    let request =
        SwitchRequest { catalogue: &catalogue, profile: Some(Parameters::default()), goal: Goal::Usual };
    let prepared = prepare(&mut bus, &stick, &request, &mut Session::quiet()).unwrap();
    let error = switch_and_wait(&mut bus, prepared, &mut Session::quiet()).unwrap_err();
    assert_eq!((error.kind(), error.verdict()), (ErrorKind::NoProfile, Some(Verdict::Untouched)));
}

#[test]
fn every_message_of_huaweis_leads_where_owners_say() {
    let catalogue = Catalogue::builtin();
    for message in huawei::MESSAGES {
        for name in ["e3372h-hilink", "e3372h-stick", "e3372s-hilink", "e3372s"] {
            let mut bus = plugged(name);
            let stick = wait_for(&mut bus, Mode::Cdrom);
            let messages = [message.message.to_vec(), Vec::new(), Vec::new()];
            let profile = Some(Parameters { messages, ..Parameters::default() });
            let request = SwitchRequest { catalogue: &catalogue, profile, goal: Goal::Usual };
            let prepared = prepare(&mut bus, &stick, &request, &mut Session::quiet()).unwrap();
            let switched = switch_and_wait(&mut bus, prepared, &mut Session::quiet()).unwrap();
            let hilink = name.ends_with("hilink");
            let id = switched.stick.id;
            // Stick firmware takes them all for the usual one.
            let known = if hilink { message.leads_to.contains(&id) } else { id.product == 0x1506 };
            assert!(known, "{name}, {}: {id}", message.name);
        }
    }
}
