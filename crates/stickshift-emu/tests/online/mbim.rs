//! Going online over MBIM: the same promises as over every other way, with every fault at every message.

use std::time::Duration;

use stickshift::at::data::{Authentication, PdpType};
use stickshift::error::{ErrorKind, RefusalFamily, Verdict};
use stickshift::online::{self, Simulated, Wanted, WantedWay, Weather};
use stickshift_emu::computer::VirtualBus;
use stickshift_emu::modem::DataState;
use stickshift_emu::sticks::catalogue;

use super::{down, place, plugged, steps, up_with, wanted};

fn data(bus: &VirtualBus) -> DataState {
    bus.held(&place()).unwrap().running.unwrap().data
}

#[test]
fn up_and_down_leave_nothing_behind() {
    let (mut bus, stick) = plugged("em7455");
    let mut computer = Simulated::new(Weather::default());
    let _ = online::Computer::cards(&mut computer, &stick).unwrap();
    let (before, held) = (computer.everything(), bus.held(&place()).unwrap());
    let (ended, told) = up_with(&mut bus, &stick, &mut computer, &wanted(), None);
    let connection = ended.unwrap_or_else(|e| panic!("{e:?}\n{}", told.join("\n")));
    assert_eq!(steps(&told), online::STEPS);
    assert_eq!((connection.way, connection.interface.as_str()), ("mbim", "wwan0"));
    assert_eq!(connection.addresses, ["10.249.198.122/30", "2001:db8::1/64"]);
    assert_eq!(connection.operator.as_deref(), Some("Orange"));
    assert_eq!(connection.dns[..2], ["10.177.0.34", "10.161.187.116"]);
    assert_eq!(data(&bus), DataState::Up);

    // Twice is once, and the connection is not dropped by the looks of others.
    let (again, told) = up_with(&mut bus, &stick, &mut computer, &wanted(), None);
    assert!(again.is_ok() && told.iter().any(|t| t.starts_with("already")), "{told:?}");
    assert_eq!(data(&bus), DataState::Up);

    let taken = down(&mut bus, Some(stick), &mut computer).unwrap();
    assert!(taken.was_online && taken.stick == ["hung up"], "{taken:?}");
    assert_eq!(computer.everything(), before);
    let now = bus.held(&place()).unwrap();
    assert_eq!((now.kept, data(&bus)), (held.kept, DataState::Down));
}

#[test]
fn one_kind_of_address_where_one_is_wanted() {
    for (ip, addresses) in [(PdpType::V4, "10.249.198.122/30"), (PdpType::V6, "2001:db8::1/64")] {
        let (mut bus, stick) = plugged("em7455");
        let mut computer = Simulated::new(Weather::default());
        let wanted = Wanted { ip: Some(ip), way: WantedWay::Mbim, ..wanted() };
        let connection = up_with(&mut bus, &stick, &mut computer, &wanted, None).0.unwrap();
        assert_eq!(connection.addresses, [addresses]);
    }
}

#[test]
fn the_network_s_cause_is_told_and_user_and_password_are_tried() {
    let ended = |wanted: &Wanted| {
        let (mut bus, stick) = plugged("em7455");
        let mut computer = Simulated::new(Weather::default());
        let ended = up_with(&mut bus, &stick, &mut computer, wanted, None).0;
        assert_eq!(data(&bus) == DataState::Up, ended.is_ok());
        ended.map_err(|e| (e.kind(), e.refusal().map(|r| (r.family, r.code)), e.verdict()))
    };
    let refused = Wanted { apn: Some("refused".into()), ..wanted() };
    let session = |code| Some((RefusalFamily::Session, code));
    let recoverable = Some(Verdict::Recoverable);
    assert_eq!(ended(&refused).unwrap_err(), (ErrorKind::NetworkRefused, session(33), recoverable));

    let user = |password: &str| Wanted {
        apn: Some("secured".into()),
        user: Some("user".into()),
        password: Some(password.into()),
        ..wanted()
    };
    assert!(ended(&user("secret")).is_ok());
    let login = Some((RefusalFamily::Mbim, 19));
    assert_eq!(ended(&user("guess")).unwrap_err(), (ErrorKind::NetworkRefused, login, recoverable));
    let pap = Wanted { authentication: Some(Authentication::Pap), ..user("secret") };
    assert!(ended(&pap).is_ok());
}

#[test]
fn a_pin_and_a_radio_that_was_off() {
    let (mut bus, stick) = plugged("em7455-pin");
    let mut computer = Simulated::new(Weather::default());
    let none = up_with(&mut bus, &stick, &mut computer, &wanted(), None).0.unwrap_err();
    assert_eq!((none.kind(), data(&bus)), (ErrorKind::SimPinNeeded, DataState::Down));
    assert!(up_with(&mut bus, &stick, &mut computer, &wanted(), Some("1234")).0.is_ok());
    down(&mut bus, Some(stick), &mut computer).unwrap();

    let (mut bus, stick) = plugged("em7455");
    {
        let mut link = bus_messages(&mut bus);
        let mut mbim = stickshift::mbim::Mbim::new(&mut *link, 1);
        mbim.open().unwrap();
        mbim.run(&stickshift::mbim::set_radio_state(false)).unwrap();
    }
    let off = bus.held(&place()).unwrap().kept;
    assert_ne!(off.functionality, 1);
    let mut computer = Simulated::new(Weather::default());
    let connection = up_with(&mut bus, &stick, &mut computer, &wanted(), None).0.unwrap();
    assert!(connection.changed.iter().any(|c| c.contains("radio on; it was off")), "{connection:?}");
    down(&mut bus, Some(stick), &mut computer).unwrap();
    assert_eq!(bus.held(&place()).unwrap().kept, off);
}

fn bus_messages(bus: &mut VirtualBus) -> Box<dyn stickshift::link::MessageLink> {
    stickshift::link::Bus::open_messages(bus, &place(), 0).unwrap()
}

#[test]
fn whatever_change_fails_everything_is_put_back() {
    let mut failed = 0;
    for number in 1..40 {
        let (mut bus, stick) = plugged("em7455");
        let mut computer = Simulated::new(Weather { fails_at: Some(number), ..Weather::default() });
        let _ = online::Computer::cards(&mut computer, &stick).unwrap();
        let before = computer.everything();
        let (ended, _) = up_with(&mut bus, &stick, &mut computer, &wanted(), None);
        let Err(error) = ended else { break };
        failed += 1;
        assert_eq!(computer.everything(), before, "change {number}: {error:?}");
        assert_eq!((error.verdict(), data(&bus)), (Some(Verdict::Recoverable), DataState::Down), "{error:?}");
    }
    assert!(failed >= 6, "{failed}");
}

/// What is said at the end is what the stick and the computer have then.
#[test]
fn every_fault_at_every_message_ends_true() {
    let mut runs = 0;
    for fault in [
        "drop",
        "mute",
        "delay",
        "duplicate",
        "nak",
        "stale",
        "noise",
        "urc",
        "split",
        "thief",
        "unplug",
        "powerloss",
    ] {
        for step in 1..=24 {
            for time in ["", ":1s", ":200s"] {
                let timed = matches!(fault, "delay" | "unplug" | "powerloss");
                if !time.is_empty() && !timed {
                    continue;
                }
                let words = format!("{fault}@{step}{time}");
                let mut bus = VirtualBus::new();
                bus.plug(&place(), catalogue::virtual_stick("em7455", 1, Some(&words)).unwrap());
                bus.advance(Duration::from_secs(60));
                let stick = stickshift::link::Bus::sticks(&mut bus).unwrap().remove(0);
                let mut computer = Simulated::new(Weather::default());
                let _ = online::Computer::cards(&mut computer, &stick).unwrap();
                let before = computer.everything();
                let ended = up_with(&mut bus, &stick, &mut computer, &wanted(), None).0;
                runs += 1;
                let up = bus.held(&place()).unwrap().running.is_some_and(|r| r.data != DataState::Down);
                match ended {
                    Ok(_) => assert!(up || timed, "{words}: said online, and the stick is not"),
                    Err(error) => {
                        assert_eq!(computer.everything(), before, "{words}: {error:?}");
                        let verdict = error.verdict();
                        assert!(!(verdict == Some(Verdict::Untouched) && up), "{words}: {error:?}");
                        assert!(!(verdict == Some(Verdict::Recoverable) && up), "{words}: {error:?}");
                    }
                }
            }
        }
    }
    assert!(runs >= 400, "{runs}");
}

/// What the function says unasked stands between the fragments of its answers.
#[test]
fn indications_between_fragments_confuse_nobody() {
    for step in 1..=20 {
        let words = format!("split,urc-inside@{step},chatty");
        let mut bus = VirtualBus::new();
        bus.plug(&place(), catalogue::virtual_stick("em7455", 1, Some(&words)).unwrap());
        bus.advance(Duration::from_secs(60));
        let stick = stickshift::link::Bus::sticks(&mut bus).unwrap().remove(0);
        let ended = up_with(&mut bus, &stick, &mut Simulated::new(Weather::default()), &wanted(), None).0;
        let connection = ended.unwrap_or_else(|e| panic!("{words}: {e:?}"));
        assert_eq!(connection.addresses, ["10.249.198.122/30", "2001:db8::1/64"], "{words}");
    }
}
