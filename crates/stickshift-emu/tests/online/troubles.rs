//! Trouble between stick and network, as the virtual stick plays it: what `up` ends with is what was wrong.

use std::time::Duration;

use stickshift::error::{ErrorKind, RefusalFamily};
use stickshift::link::Bus;
use stickshift::online::{self, Simulated, Weather};
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
    use stickshift::error::Verdict;
    use stickshift::online::{Wanted, WantedWay};

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
            let judged = matches!(error.verdict(), Some(Verdict::Untouched | Verdict::Recoverable));
            if !error.is(kind) || changed || !judged {
                wrong.push(format!("{name} {way:?} {fault}: {error:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
