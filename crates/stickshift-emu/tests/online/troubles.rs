//! Trouble between stick and network, as the virtual stick plays it: what `up` ends with is what was wrong.

use std::time::Duration;

use stickshift::error::{ErrorKind, RefusalFamily, Verdict};
use stickshift::event::Cancel;
use stickshift::link::Bus;
use stickshift::modem::Modem;
use stickshift::online::computer::{Change, Network};
use stickshift::online::{self, Computer, Simulated, Wanted, WantedWay, Weather};
use stickshift_emu::computer::VirtualBus;
use stickshift_emu::sticks::catalogue;

use super::{down, place, up_with, wanted};

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

#[test]
fn what_can_be_overcome_is_overcome() {
    let own = "10.249.198.122/";
    for (fault, address) in [
        ("late-network", own),
        ("stale-bearer", own),
        ("odd-states", own),
        ("ipv4-only", own),
        // The stick does not tell its address; the computer in memory leases one.
        ("dhcp-refused", "192.168.8.100/"),
    ] {
        let addresses = ended(fault).unwrap_or_else(|e| panic!("{fault}: {e:?}"));
        assert!(addresses.iter().any(|a| a.starts_with(address)), "{fault}: {addresses:?}");
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
