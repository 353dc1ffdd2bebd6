//! Trouble between stick and network, as the virtual stick plays it: what `up` ends with is what was wrong.

use std::time::Duration;

use stickshift::at::data::PdpType;
use stickshift::error::{Error, ErrorKind, RefusalFamily, Verdict};
use stickshift::event::Cancel;
use stickshift::link::Bus;
use stickshift::modem::Modem;
use stickshift::online::computer::{Change, Network};
use stickshift::online::stay::Remedy;
use stickshift::online::{self, Computer, Connection, Simulated, Wanted, WantedWay, Weather};
use stickshift_emu::computer::VirtualBus;
use stickshift_emu::sticks::catalogue;

use super::{down, place, said, up_with, wanted};

/// The end of `up`: the kind of failure and the network's cause, or the addresses. What `up` changed is put back after it.
fn ended(fault: &str) -> Result<Vec<String>, (ErrorKind, Option<u16>)> {
    let mut bus = VirtualBus::new();
    bus.plug(&place(), catalogue::virtual_stick("e3372h-stick", 1, Some(fault)).unwrap());
    bus.advance(Duration::from_secs(60));
    let stick = bus.sticks().unwrap().remove(0);
    let mut computer = Simulated::new(Weather::default());
    let _ = online::Computer::cards(&mut computer, &stick).unwrap();
    let before = computer.everything();
    let (ended, _) = up_with(&mut bus, &stick, &mut computer, &wanted(), None);
    down(&mut bus, Some(stick), &mut computer).unwrap();
    assert_eq!(computer.everything(), before, "{fault}");
    ended.map(|connection| connection.addresses).map_err(|e| {
        let cause = e.refusal().filter(|r| r.family == RefusalFamily::Session).map(|r| r.code as u16);
        (e.kind(), cause)
    })
}

#[test]
fn what_was_wrong_is_what_is_said() {
    for (fault, kind, cause) in [
        ("denied", ErrorKind::NotRegistered, None),
        ("roaming", ErrorKind::NotRegistered, None),
        ("searching", ErrorKind::NotRegistered, None),
        ("refused=27", ErrorKind::NetworkRefused, Some(27)),
        ("refused=33", ErrorKind::NetworkRefused, Some(33)),
    ] {
        assert_eq!(ended(fault), Err((kind, cause)), "{fault}");
    }
}

/// What a stick with HiLink firmware says of its own connection: the number counts as one of AT does.
#[test]
fn the_cause_that_a_web_page_tells_is_the_owner_s() {
    let off = Wanted::default();
    let (ended, told) = tried("e3372h-hilink", "refused=33", &off, Weather::default());
    let error = ended.unwrap_err();
    let by = error.refusal().map(|by| by.family);
    assert_eq!((error.kind(), by), (ErrorKind::NetworkRefused, Some(RefusalFamily::Connection)), "{told:?}");
    assert_eq!(Remedy::against(&error), Remedy::Owner);
}

#[test]
fn what_can_be_overcome_is_overcome() {
    let own = "10.249.198.122/";
    for (fault, address) in [
        ("late-network", own),
        ("stale-bearer", own),
        ("odd-states", own),
        ("dhcp-swapped", own),
        ("ipv4-only", own),
        // The stick does not tell its address; the computer in memory leases one.
        ("dhcp-refused", "192.168.8.100/"),
    ] {
        let addresses = ended(fault).unwrap_or_else(|e| panic!("{fault}: {e:?}"));
        assert!(addresses.iter().any(|a| a.starts_with(address)), "{fault}: {addresses:?}");
    }
}

/// `up` of a virtual stick with a fault.
fn tried(
    name: &str,
    fault: &str,
    wanted: &Wanted,
    weather: Weather,
) -> (Result<Connection, Error>, Vec<String>) {
    let mut bus = VirtualBus::new();
    bus.plug(&place(), catalogue::virtual_stick(name, 1, Some(fault)).unwrap());
    bus.advance(Duration::from_secs(60));
    let stick = bus.sticks().unwrap().remove(0);
    up_with(&mut bus, &stick, &mut Simulated::new(weather), wanted, None)
}

/// An earlier call that was never ended: the stick refuses to dial until it is told to hang up.
#[test]
fn a_stale_context_is_hung_up_before_a_data_call_is_made_again() {
    for name in ["k3772-modem", "e3372h-stick"] {
        let ppp = Wanted { way: WantedWay::Ppp, ..wanted() };
        let (ended, told) = tried(name, "stale-bearer", &ppp, Weather::default());
        assert!(ended.is_ok(), "{name}: {ended:?}\n{}", told.join("\n"));
    }
}

#[test]
fn the_kind_of_address_that_was_asked_for_comes_or_is_said_to_lack() {
    let advertised = Weather { advertises: true, dhcp6: true, ..Weather::default() };
    let both = PdpType::V4V6;
    for (name, way, ip, weather, kinds) in [
        ("k3772-modem", WantedWay::Ppp, PdpType::V6, Weather::default(), None),
        ("k3772-modem", WantedWay::Ppp, both, Weather::default(), None),
        ("k3772-modem", WantedWay::Ppp, PdpType::V4, advertised.clone(), Some([true, false])),
        ("k3772-modem", WantedWay::Ppp, PdpType::V6, advertised.clone(), Some([false, true])),
        ("k3772-modem", WantedWay::Ppp, both, advertised.clone(), Some([true, true])),
        ("e3372h-stick", WantedWay::Ncm, PdpType::V6, Weather::default(), None),
        ("e3372h-stick", WantedWay::Ncm, both, Weather::default(), None),
        ("e3372h-stick", WantedWay::Ncm, both, advertised, Some([true, true])),
        ("em7455", WantedWay::Mbim, both, Weather::default(), Some([true, true])),
        ("mf823", WantedWay::Ecm, both, Weather::default(), None),
    ] {
        let apn = (way != WantedWay::Ecm).then(|| "web".to_owned());
        let asked = Wanted { way, apn, ip: Some(ip), ..Wanted::default() };
        let (ended, told) = tried(name, "", &asked, weather);
        match (ended, kinds) {
            (Ok(connection), Some(kinds)) => {
                let has = |v6: bool| connection.addresses.iter().any(|a| a.contains(':') == v6);
                assert_eq!([has(false), has(true)], kinds, "{name} {ip:?}: {connection:?}");
            }
            (Err(error), None) => assert!(error.is(ErrorKind::NoAddress), "{name} {ip:?}: {error:?}"),
            (ended, _) => panic!("{name} {ip:?}: {ended:?}\n{}", told.join("\n")),
        }
    }
}

#[test]
fn roaming_is_switched_on_where_that_can_be_done_and_named_where_not() {
    for (name, fault, roaming, is_online, words) in [
        ("e3372h-stick", "roaming", true, true, ""),
        ("e3372h-hilink", "roaming", true, true, ""),
        ("e3372h-hilink", "roaming", false, false, "RoamingOff"),
        ("em7455", "roaming", false, false, "MBIM has no command"),
        ("em7455", "roaming", true, false, "MBIM has no command"),
    ] {
        let apn = (name != "e3372h-hilink").then(|| "web".to_owned());
        let asked = Wanted { roaming, apn, ..Wanted::default() };
        let (ended, told) = tried(name, fault, &asked, Weather::default());
        match ended {
            Ok(connection) => assert!(is_online && connection.roaming, "{name}: {connection:?}"),
            Err(error) => {
                let text = said(&error);
                let is_it = error.is(ErrorKind::NotRegistered) && text.contains(words);
                assert!(!is_online && is_it, "{name}: {text}\n{}", told.join("\n"));
            }
        }
        let warned = told.iter().any(|t| t.contains("--roaming: MBIM has no command"));
        assert_eq!(warned, name == "em7455" && roaming, "{told:?}");
    }
    // An answer that is lost at any step: it is switched on all the same, or nobody is told to give what was given.
    for step in 1..=20 {
        let asked = Wanted { roaming: true, ..wanted() };
        let (ended, _) = tried("e3372h-stick", &format!("roaming,nak@{step}"), &asked, Weather::default());
        if let Err(error) = ended.as_ref().map_err(said)
            && error.contains("RoamingOff")
        {
            assert!(error.contains("--roaming was given"), "step {step}: {error}");
        }
    }
}

/// What goes wrong in the network is said in the same words whatever the way is.
#[test]
fn every_way_says_what_was_wrong() {
    let ways = [
        ("e3372h-stick", WantedWay::Ncm),
        ("e3372h-stick", WantedWay::Ppp),
        ("em7455", WantedWay::Mbim),
        ("e3372h-hilink", WantedWay::Hilink),
        ("k3772-modem", WantedWay::Ppp),
    ];
    let mut wrong = Vec::new();
    for (name, way) in ways {
        for (fault, kind) in [
            ("denied", ErrorKind::NotRegistered),
            ("searching", ErrorKind::NotRegistered),
            ("refused=27", ErrorKind::NetworkRefused),
        ] {
            // A refusal of a data call comes over PPP, which nobody speaks here.
            if (way, fault) == (WantedWay::Ppp, "refused=27") {
                continue;
            }
            let mut bus = VirtualBus::new();
            bus.plug(&place(), catalogue::virtual_stick(name, 1, Some(fault)).unwrap());
            bus.advance(Duration::from_secs(60));
            let stick = bus.sticks().unwrap().remove(0);
            let mut computer = Simulated::new(Weather::default());
            let _ = online::Computer::cards(&mut computer, &stick).unwrap();
            let (before, kept) = (computer.everything(), bus.held(&place()).unwrap().kept);
            let apn = (way != WantedWay::Hilink).then(|| "web".to_owned());
            let (ended, _) = up_with(&mut bus, &stick, &mut computer, &Wanted { way, apn, ..wanted() }, None);
            let Err(error) = ended else {
                wrong.push(format!("{name} {way:?} {fault}: online"));
                continue;
            };
            let changed = bus.held(&place()).unwrap().kept != kept || computer.everything() != before;
            let is_known = matches!(error.verdict(), Some(Verdict::Untouched | Verdict::Recoverable));
            if !error.is(kind) || changed || !is_known {
                wrong.push(format!("{name} {way:?} {fault}: {error:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Switches the data of a HiLink stick on or off by its web server, as its owner would.
pub(crate) fn set_data(bus: &mut VirtualBus, computer: &mut Simulated, on: bool) {
    over_web(bus, computer, |modem| modem.set_data(on).unwrap());
}

/// Its data switch.
pub(crate) fn data(bus: &mut VirtualBus, computer: &mut Simulated) -> bool {
    over_web(bus, computer, |modem| modem.connection().unwrap().data.unwrap())
}

/// With an interface of somebody else's to it.
fn over_web<R>(bus: &mut VirtualBus, computer: &mut Simulated, act: impl FnOnce(&mut Modem<'_>) -> R) -> R {
    let stick = bus.sticks().unwrap().remove(0);
    let card = computer.cards(&stick).unwrap().remove(0).card;
    let address = Network { address: [192, 168, 8, 77].into(), prefix: 24 };
    let changes = |add| {
        [Change::Address { card: card.clone(), address, add }, Change::Link { card: card.clone(), up: add }]
    };
    changes(true).iter().for_each(|change| computer.apply(change).unwrap());
    let cancel = Cancel::new();
    let mut link = bus.open_http(&place()).unwrap();
    let seen = act(&mut Modem::over_web(&mut *link, None, &cancel).unwrap());
    changes(false).iter().for_each(|change| computer.apply(change).unwrap());
    seen
}

/// The stick's web server is behind the interface that going offline takes down.
#[test]
fn what_the_web_server_puts_back_is_put_back_before_its_interface_goes() {
    let hilink = Wanted { way: WantedWay::Hilink, apn: None, ..Wanted::default() };
    for (fault, weather) in [
        (None, Weather::default()),
        (Some("refused=27"), Weather::default()),
        (None, Weather { addresses: false, ..Weather::default() }),
    ] {
        let mut bus = VirtualBus::new();
        bus.plug(&place(), catalogue::virtual_stick("e3372h-hilink", 1, fault).unwrap());
        bus.advance(Duration::from_secs(60));
        let mut computer = Simulated::new(weather.clone()).beside(Box::new(bus.clone()));
        let outside = computer.outside();
        bus.web_where(move |place| outside.reaches(place));
        set_data(&mut bus, &mut computer, false);
        let before = computer.everything();
        let stick = bus.sticks().unwrap().remove(0);
        let (ended, told) = up_with(&mut bus, &stick, &mut computer, &hilink, None);
        match ended {
            Ok(_) => {
                assert!(fault.is_none() && weather.addresses);
                assert!(data(&mut bus, &mut computer));
                // Using it as above has taken its interface down: it is brought up for this.
                let taken = down(&mut bus, Some(stick), &mut computer).unwrap();
                assert_eq!(taken.stick, ["data switch off"]);
            }
            Err(error) => {
                assert!(fault.is_some() || !weather.addresses, "{error:?}\n{told:?}");
                assert_eq!(error.verdict(), Some(Verdict::Recoverable), "{error:?}");
                assert_eq!(error.fact("stick-now"), Some("data switch off"), "{error:?}");
            }
        }
        assert_eq!(computer.everything(), before, "{fault:?}");
        assert!(!computer.remembers(&place()));
        assert!(!data(&mut bus, &mut computer), "{fault:?}");
    }
}
