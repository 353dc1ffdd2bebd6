//! What a run that was killed has left, and what is said of it.

use stickshift::online::record::{Record, StickUndo};
use stickshift::online::{Computer, computer::Pppd};

use super::*;

const PIN_REFUSED: &str = "pin-refused";

/// A record of a run that was killed right after the network card was set up.
fn killed(computer: &mut Simulated, stick: &Stick, way: &str) {
    let card = computer.cards(stick).unwrap().remove(0).card;
    let mut record = Record::new(&place(), stick.id, computer.boot(), way);
    record.make(computer, &Change::Link { card, up: true }).unwrap();
}

#[test]
fn what_was_changed_before_a_pin_was_refused_is_put_back() {
    let (mut bus, stick) = plugged("e3372h-hilink");
    let mut computer = Simulated::new(Weather::default());
    let _ = computer.cards(&stick).unwrap();
    let clean = computer.everything();
    killed(&mut computer, &stick, PIN_REFUSED);
    assert_ne!(computer.everything(), clean);
    let taken = down(&mut bus, Some(stick.clone()), &mut computer).unwrap();
    assert!(taken.was_online && taken.stick[0].contains("PIN"), "{taken:?}");
    assert_eq!(computer.everything(), clean);
    assert!(!computer.remembers(&place()));

    killed(&mut computer, &stick, PIN_REFUSED);
    up_with(&mut bus, &stick, &mut computer, &Wanted::default(), None).0.unwrap();
    down(&mut bus, Some(stick), &mut computer).unwrap();
    assert_eq!(computer.everything(), clean);
}

#[test]
fn an_mbim_stick_is_put_back_over_mbim_whatever_the_record_remembers() {
    let (mut bus, stick) = plugged("em7455");
    let mut computer = Simulated::new(Weather::default());
    let mut record = Record::new(&place(), stick.id, computer.boot(), PIN_REFUSED);
    record.note(&mut computer, StickUndo::HangUp { context: 0 }).unwrap();
    let taken = down(&mut bus, Some(stick), &mut computer).unwrap();
    assert!(taken.stick.iter().any(|line| line.contains("hung up")), "{taken:?}");
    assert!(!computer.remembers(&place()));
}

#[test]
fn a_pin_that_is_remembered_is_no_connection() {
    let (_, stick) = plugged("e3372h-stick");
    let mut computer = Simulated::new(Weather::default());
    let record = Record::new(&place(), stick.id, computer.boot(), PIN_REFUSED);
    computer.keep(&record).unwrap();
    let status = online::status(&place(), &mut computer).unwrap();
    assert!(status.way.is_none() && status.changed[0].contains("PIN"), "{status:?}");
}

/// An interface of the same name and number is another one then, whoever gave it its address.
#[test]
fn after_a_restart_nothing_is_said_of_what_the_kernel_has_forgotten() {
    let (mut bus, stick) = plugged("e3372h-stick");
    let mut computer = Simulated::new(Weather::default());
    let connection = up_with(&mut bus, &stick, &mut computer, &wanted(), None).0.unwrap();
    assert!(online::status(&place(), &mut computer).unwrap().online);
    computer.restart();
    let card = computer.cards(&stick).unwrap().remove(0).card;
    assert_eq!(card.name, connection.interface);
    let status = online::status(&place(), &mut computer).unwrap();
    assert!(!status.online && status.interface.is_none() && status.addresses.is_empty(), "{status:?}");
    let taken = down(&mut bus, Some(stick), &mut computer).unwrap();
    assert_eq!(taken.computer.len(), 1, "the name servers alone stand in files: {taken:?}");
}

#[test]
fn a_pppd_that_waits_for_a_call_ends_with_the_next_run() {
    for goes_up in [true, false] {
        let (mut bus, stick) = plugged("e3372h-stick");
        let mut computer = Simulated::new(Weather::default());
        let clean = computer.count();
        let port = bus.open_port(&place(), 0).unwrap();
        let pppd = Pppd { name: place().to_string(), options: Vec::new(), secret: None };
        let runs = computer.start_pppd(&*port, &pppd).unwrap();
        let mut record = Record::new(&place(), stick.id, computer.boot(), "ppp");
        record.on_computer.push(Change::EndProgram { pid: runs.pid, started: runs.started });
        computer.keep(&record).unwrap();
        drop(port);
        assert_eq!(computer.count()[3], 1);
        if goes_up {
            let wanted = Wanted { way: WantedWay::Ppp, ..wanted() };
            up_with(&mut bus, &stick, &mut computer, &wanted, None).0.unwrap();
            assert_eq!(computer.count()[3], 1, "the one of this run");
        }
        down(&mut bus, Some(stick), &mut computer).unwrap();
        assert_eq!(computer.count()[1..], clean[1..]);
    }
}

/// With 1, a computer that forwards takes no router advertisements.
#[test]
fn router_advertisements_are_taken_by_a_computer_that_forwards_too() {
    let (mut bus, stick) = plugged("e3372h-stick");
    let mut computer = Simulated::new(Weather { advertises: true, ..Weather::default() });
    up_with(&mut bus, &stick, &mut computer, &wanted(), None).0.unwrap();
    let all = computer.everything();
    assert!(all.contains("accept_ra\": \"2\""), "{all}");
}

#[test]
fn a_change_that_cannot_be_taken_back_keeps_no_other_one_in_place() {
    let mut seen = 0;
    for fails_at in 1..60 {
        let (mut bus, stick) = plugged("e3372h-stick");
        let mut computer = Simulated::new(Weather { fails_at: Some(fails_at), ..Weather::default() });
        let _ = computer.cards(&stick).unwrap();
        let clean = computer.everything();
        if up_with(&mut bus, &stick, &mut computer, &wanted(), None).0.is_err() {
            continue;
        }
        let Err(error) = down(&mut bus, Some(stick.clone()), &mut computer) else { continue };
        seen += 1;
        assert!(error.is(ErrorKind::Io), "{error:?}");
        let left = computer.recall(&place()).unwrap().unwrap();
        assert_eq!(left.on_computer.len(), 1, "{fails_at}");
        // The stick is hung up all the same.
        assert!(left.on_stick.is_empty(), "{left:?}");
        assert!(error.fact("stick-now").is_some_and(|now| now.contains("hung up")), "{error:?}");
        assert_eq!(error.verdict(), Some(Verdict::Recoverable), "{error:?}");
        down(&mut bus, Some(stick), &mut computer).unwrap();
        assert_eq!(computer.everything(), clean, "{fails_at}");
    }
    assert!(seen > 3, "{seen}");
}

/// The computer is put back; the stick is still dialled, and it is said so.
#[test]
fn a_stick_that_cannot_be_hung_up_is_not_called_untouched() {
    let (mut bus, stick) = plugged("e3372h-stick");
    let mut computer = Simulated::new(Weather::default());
    up_with(&mut bus, &stick, &mut computer, &wanted(), None).0.unwrap();
    let ports: Vec<u8> = stick.ports().map(|port| port.number).collect();
    let held: Vec<_> = ports.iter().filter_map(|port| bus.open_port(&place(), *port).ok()).collect();
    assert!(!held.is_empty());
    let error = down(&mut bus, Some(stick.clone()), &mut computer).unwrap_err();
    assert_eq!(error.verdict(), Some(Verdict::Recoverable), "{error:?}");
    let left = computer.recall(&place()).unwrap().unwrap();
    assert!(left.on_computer.is_empty() && !left.on_stick.is_empty(), "{left:?}");
    drop(held);
    assert!(down(&mut bus, Some(stick), &mut computer).unwrap().stick[0].contains("hung up"));
    assert!(!computer.remembers(&place()));
}

#[test]
fn another_default_route_of_the_metric_that_is_wanted_is_refused_before_anything_is_sent() {
    let (mut bus, stick) = plugged("e3372h-stick");
    let mut computer = Simulated::new(Weather::default());
    let _ = computer.cards(&stick).unwrap();
    let there = computer.default_routes().unwrap().remove(0);
    let (before, held) = (computer.everything(), bus.held(&place()).unwrap());
    let wanted = |metric| Wanted { metric: Some(metric), ..wanted() };
    let error = up_with(&mut bus, &stick, &mut computer, &wanted(there.metric), None).0.unwrap_err();
    assert!(error.is(ErrorKind::Usage) && error.what().contains(&there.card.name), "{error:?}");
    assert_eq!(error.verdict(), Some(Verdict::Untouched));
    assert_eq!((computer.everything(), bus.held(&place()).unwrap()), (before, held));
    up_with(&mut bus, &stick, &mut computer, &wanted(there.metric + 1), None).0.unwrap();
    // Its own route is not in its way.
    up_with(&mut bus, &stick, &mut computer, &wanted(there.metric + 1), None).0.unwrap();
}

#[test]
fn a_full_disk_ends_with_everything_as_it_was_found() {
    let mut failed = 0;
    for full_at in 1..40 {
        let (mut bus, stick) = plugged("e3372h-stick");
        let mut computer = Simulated::new(Weather { full_at: Some(full_at), ..Weather::default() });
        let _ = computer.cards(&stick).unwrap();
        let (clean, held) = (computer.everything(), bus.held(&place()).unwrap());
        let Err(error) = up_with(&mut bus, &stick, &mut computer, &wanted(), None).0 else {
            // What can be taken back needs no record of it.
            assert!(down(&mut bus, Some(stick), &mut computer).unwrap().was_online);
            assert_eq!(computer.everything(), clean, "{full_at}");
            break;
        };
        failed += 1;
        assert!(error.is(ErrorKind::FileUnwritable), "{full_at}: {error:?}");
        assert_eq!(error.fact("computer-now"), Some("as it was found"), "{full_at}: {error:?}");
        assert_eq!(computer.everything(), clean, "{full_at}");
        bus.advance(Duration::from_secs(5));
        let now = bus.held(&place()).unwrap();
        assert_eq!(now.kept, held.kept, "{full_at}");
        let is_untouched = error.verdict() == Some(Verdict::Untouched);
        assert!(
            is_untouched || error.fact("stick-now").is_some_and(|now| now.contains("hung up")),
            "{error:?}"
        );
        assert!(!computer.remembers(&place()), "{full_at}");
    }
    assert!(failed > 5, "{failed}");
}

#[test]
fn a_pin_that_was_refused_is_said_also_where_it_cannot_be_kept_in_mind() {
    let (mut bus, stick) = plugged("e3372h-stick-pin");
    let mut computer = Simulated::new(Weather { full_at: Some(1), ..Weather::default() });
    let (ended, told) = up_with(&mut bus, &stick, &mut computer, &wanted(), Some("9999"));
    assert!(ended.unwrap_err().is(ErrorKind::WrongPin));
    assert!(told.iter().any(|line| line.contains("cannot be kept in mind")), "{told:?}");
}

#[test]
fn what_went_with_its_interface_is_not_called_taken_back() {
    let (mut bus, stick) = plugged("e3372h-stick");
    let mut computer = Simulated::new(Weather::default());
    up_with(&mut bus, &stick, &mut computer, &wanted(), None).0.unwrap();
    computer.unplug(&place());
    let taken = down(&mut bus, None, &mut computer).unwrap();
    // Rules and name servers are not the interface's.
    let is_left = |line: &String| line.starts_with("remove rule ") || line.starts_with("name servers ");
    assert!(taken.computer.len() >= 2 && taken.computer.iter().all(is_left), "{taken:?}");
}

#[test]
fn the_access_point_of_the_stick_stays_where_nobody_knows_another() {
    for way in [WantedWay::Ncm, WantedWay::Ppp] {
        for (apn, taken) in [(None, "orange"), (Some(""), ""), (Some("web"), "web")] {
            let (mut bus, stick) = plugged("e3372h-stick");
            let mut computer = Simulated::new(Weather::default());
            let wanted = Wanted { way, apn: apn.map(str::to_owned), ..Wanted::default() };
            let connection = up_with(&mut bus, &stick, &mut computer, &wanted, None).0.unwrap();
            assert_eq!(connection.apn.as_deref(), Some(taken));
            let told = connection.changed.iter().any(|line| line.contains("before, it had"));
            assert_eq!(told, taken != "orange", "{:?}", connection.changed);
        }
    }
}

/// Whatever is lost around a wrong PIN: a try that is gone is no stick that nothing was done to.
#[test]
fn a_try_that_is_gone_is_said_under_every_fault() {
    let mut spent = 0;
    for name in ["em7455-pin", "e3372h-stick-pin"] {
        for fault in ["mute", "nak", "drop", "noise"] {
            for step in 1..=24 {
                let mut bus = VirtualBus::new();
                let words = format!("{fault}@{step}");
                bus.plug(&place(), catalogue::virtual_stick(name, 1, Some(&words)).unwrap());
                bus.advance(Duration::from_secs(60));
                let stick = bus.sticks().unwrap().remove(0);
                let mut computer = Simulated::new(Weather::default());
                let (ended, _) = up_with(&mut bus, &stick, &mut computer, &wanted(), Some("9999"));
                let Err(error) = ended else { continue };
                let gone = bus.held(&place()).unwrap().kept.sim.pin_tries < 3;
                spent += usize::from(gone);
                let untouched = error.verdict() == Some(Verdict::Untouched);
                assert!(!(gone && untouched), "{name}, {words}: {error:?}");
            }
        }
    }
    assert!(spent > 50, "{spent}");
}
