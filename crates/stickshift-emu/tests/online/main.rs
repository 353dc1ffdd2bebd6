//! Going online with virtual sticks and a computer in memory: what is reached, why it fails, and that everything is put back.

mod asked;
mod blows;
mod field;
mod hung_up;
mod left;
mod mbim;
mod ppp;
mod refused;
mod rows;
mod scripted;
mod stay;
mod stay_ends;
mod troubles;

use std::time::Duration;

use scripted::{Script, ScriptedBus};
use stickshift::at::data::PdpType;
use stickshift::error::{Detail, Error, ErrorKind, Reaches, Result, Verdict};
use stickshift::event::{Cancel, Event, Session};
use stickshift::link::Bus;
use stickshift::online::computer::{self, Change, Network, Route};
use stickshift::online::stay::StickSupervisor;
use stickshift::online::{self, Access, Connection, Simulated, Wanted, WantedWay, Weather};
use stickshift::stick::{Place, Stick};
use stickshift_emu::computer::VirtualBus;
use stickshift_emu::sticks::catalogue;

fn place() -> Place {
    "1-1".parse().unwrap()
}

fn plugged(name: &str) -> (VirtualBus, Stick) {
    let mut bus = VirtualBus::new();
    bus.plug(&place(), catalogue::virtual_stick(name, 1, None).unwrap());
    bus.advance(Duration::from_secs(60));
    let stick = bus.sticks().unwrap().remove(0);
    (bus, stick)
}

fn wanted() -> Wanted {
    Wanted { apn: Some("web".into()), ..Wanted::default() }
}

/// A supervisor of the stick, which has no PIN to give.
fn supervisor<'a>(
    bus: &'a mut dyn Bus,
    computer: &'a mut dyn online::Computer,
    wanted: &'a Wanted,
    told: &'a mut dyn FnMut(Event),
    cancel: &Cancel,
) -> StickSupervisor<'a, 'static> {
    // A closure of no size, for which nothing is allocated.
    let access = Access::new(Box::leak(Box::new(|| Ok(None))), None);
    StickSupervisor::new(bus, computer, place(), wanted, access, told, cancel.clone())
}

/// Every event as `code: text`.
fn up_with(
    bus: &mut dyn Bus,
    stick: &Stick,
    computer: &mut Simulated,
    wanted: &Wanted,
    pin: Option<&str>,
) -> (Result<Connection>, Vec<String>) {
    let mut told = Vec::new();
    let mut pin = || Ok(pin.map(str::to_owned));
    let ended = {
        let sink = |event: Event| match event {
            Event::Step { code, text } => told.push(format!("{code}! {text}")),
            Event::Note { code, text } | Event::Warning { code, text } => {
                told.push(format!("{code}: {text}"))
            }
            _ => {}
        };
        let mut session = Session::new(sink, Cancel::new());
        let mut access = Access::new(&mut pin, None);
        online::up(bus, stick.clone(), computer, wanted, &mut access, &mut session)
    };
    (ended, told)
}

fn steps(told: &[String]) -> Vec<&str> {
    told.iter().filter_map(|line| line.split_once("! ")).map(|(code, _)| code).collect()
}

fn down(bus: &mut dyn Bus, stick: Option<Stick>, computer: &mut Simulated) -> Result<online::Taken> {
    online::down(bus, &place(), stick, computer, None, &mut Session::quiet())
}

/// Up, everything there, down, everything as before; each time for the stick and for the computer.
#[test]
fn each_way_goes_up_and_down_and_leaves_nothing_behind() {
    for (name, way, interface) in [
        ("e3372h-stick", WantedWay::Auto, "wwan0"),
        ("e3372h-stick", WantedWay::Ppp, "ppp0"),
        ("e3372s", WantedWay::Ncm, "wwan0"),
        ("e3372h-hilink", WantedWay::Auto, "usb0"),
    ] {
        let (mut bus, stick) = plugged(name);
        let mut computer = Simulated::new(Weather::default());
        let _ = online::Computer::cards(&mut computer, &stick).unwrap();
        let (before, held) = (computer.everything(), bus.held(&place()).unwrap());
        let hilink = interface == "usb0";
        let apn = (!hilink).then(|| "web".into());
        let wanted = Wanted { way, apn, mtu: Some(1420), ..Wanted::default() };
        let (ended, told) = up_with(&mut bus, &stick, &mut computer, &wanted, None);
        let connection = ended.unwrap_or_else(|e| panic!("{name}: {e:?}\n{}", told.join("\n")));
        assert_eq!(connection.interface, interface, "{name}");
        assert_eq!((connection.metric, connection.mtu), (Some(700), 1420), "{name}: behind the cable");
        assert!(connection.reaches.last().unwrap().contains("page of"), "{connection:?}");
        assert!(computer.remembers(&place()));
        if !hilink {
            assert_eq!(connection.apn.as_deref(), Some("web"));
            let other = connection
                .changed
                .iter()
                .any(|c| c.contains("access point web now; before, it had the access point orange"));
            assert!(other, "{:?}", connection.changed);
        }
        // Twice is once.
        let after = computer.everything();
        let (again, told) = up_with(&mut bus, &stick, &mut computer, &wanted, None);
        assert!(again.is_ok() && told.iter().any(|t| t.starts_with("already")), "{name}: {told:?}");
        assert_eq!(computer.everything(), after);

        let taken = down(&mut bus, Some(stick.clone()), &mut computer).unwrap();
        assert!(taken.was_online, "{name}");
        assert_eq!(computer.everything(), before, "{name}");
        bus.advance(Duration::from_secs(5));
        assert_eq!(bus.held(&place()).unwrap().kept, held.kept, "{name}");
        assert!(!computer.remembers(&place()));
        let twice = down(&mut bus, Some(stick), &mut computer).unwrap();
        assert!(!twice.was_online);
    }
}

#[test]
fn the_steps_come_in_order() {
    let (mut bus, stick) = plugged("e3372h-stick");
    let mut computer = Simulated::new(Weather::default());
    let (_, told) = up_with(&mut bus, &stick, &mut computer, &wanted(), None);
    assert_eq!(steps(&told), online::STEPS);
}

#[test]
fn the_pin_is_tried_once_and_remembered_as_wrong() {
    let (mut bus, stick) = plugged("e3372h-stick-pin");
    let mut computer = Simulated::new(Weather::default());
    let kind = |ended: Result<Connection>| ended.unwrap_err().kind();
    let (none, _) = up_with(&mut bus, &stick, &mut computer, &wanted(), None);
    assert_eq!(kind(none), ErrorKind::SimPinNeeded);
    let tries = |bus: &VirtualBus| bus.held(&place()).unwrap().kept.sim.pin_tries;
    let (wrong, _) = up_with(&mut bus, &stick, &mut computer, &wanted(), Some("9999"));
    assert_eq!(kind(wrong), ErrorKind::WrongPin);
    assert_eq!(tries(&bus), 2);
    // A service that is started again and again does not spend the others.
    for _ in 0..3 {
        let (again, _) = up_with(&mut bus, &stick, &mut computer, &wanted(), Some("9999"));
        let error = again.unwrap_err();
        assert!(error.is(ErrorKind::SimPinNeeded) && error.has(&Detail::PinRefusedBefore), "{error:?}");
        assert_eq!(tries(&bus), 2);
    }
    down(&mut bus, Some(stick.clone()), &mut computer).unwrap();
    let (right, _) = up_with(&mut bus, &stick, &mut computer, &wanted(), Some("1234"));
    assert!(right.is_ok(), "{right:?}");
}

/// Also the right one: whoever types it has to know that it is the last.
#[test]
fn the_last_try_of_the_pin_is_never_spent() {
    let (mut bus, stick) = plugged("e3372h-stick-pin");
    let mut computer = Simulated::new(Weather::default());
    let tries = |bus: &VirtualBus| bus.held(&place()).unwrap().kept.sim.pin_tries;
    for left in [2, 1] {
        let (wrong, _) = up_with(&mut bus, &stick, &mut computer, &wanted(), Some("9999"));
        assert_eq!((wrong.unwrap_err().kind(), tries(&bus)), (ErrorKind::WrongPin, left));
        down(&mut bus, Some(stick.clone()), &mut computer).unwrap();
    }
    let (last, _) = up_with(&mut bus, &stick, &mut computer, &wanted(), Some("1234"));
    assert_eq!((last.unwrap_err().kind(), tries(&bus)), (ErrorKind::LastTry, 1));
}

/// Two settings for IPv6, which the simulated computer has otherwise, and the interface itself.
const BEFORE_DIALLING: usize = 3;

/// Every change of the computer fails once: the rest is taken back, and the verdict is "untouched" only where the stick was not dialled.
#[test]
fn whatever_change_fails_everything_is_put_back() {
    let mut failed = 0;
    for way in [WantedWay::Ncm, WantedWay::Ppp] {
        for number in 1..40 {
            let (mut bus, stick) = plugged("e3372h-stick");
            let mut computer = Simulated::new(Weather { fails_at: Some(number), ..Weather::default() });
            let _ = online::Computer::cards(&mut computer, &stick).unwrap();
            let (before, held) = (computer.everything(), bus.held(&place()).unwrap().kept);
            let wanted = Wanted { way, ..wanted() };
            let (ended, _) = up_with(&mut bus, &stick, &mut computer, &wanted, None);
            let Err(error) = ended else { break };
            failed += 1;
            assert_eq!(computer.everything(), before, "change {number}: {error:?}");
            bus.advance(Duration::from_secs(5));
            assert_eq!(bus.held(&place()).unwrap().kept, held, "change {number}");
            // The network interface is prepared for IPv6 and comes up before the stick is told anything; PPP has none until it is dialled.
            let dialled = number > BEFORE_DIALLING || way == WantedWay::Ppp;
            let verdict = if dialled { Verdict::Recoverable } else { Verdict::Untouched };
            assert_eq!(error.verdict(), Some(verdict), "{error:?}");
            assert_eq!(error.fact("stick-now").is_some(), dialled, "{error:?}");
            assert!(error.fact("computer-now").is_some(), "{error:?}");
        }
    }
    assert!(failed >= 12, "{failed}");
}

#[test]
fn a_crash_a_restart_and_a_replug_leave_nothing_for_good() {
    let (mut bus, stick) = plugged("e3372h-stick");
    let mut computer = Simulated::new(Weather::default());
    let clean = computer.everything();
    up_with(&mut bus, &stick, &mut computer, &wanted(), None).0.unwrap();
    computer.restart();
    let taken = down(&mut bus, Some(stick.clone()), &mut computer).unwrap();
    assert!(taken.was_online);
    assert_eq!(computer.everything(), clean, "name servers stand in files and outlive a restart");

    // After a restart an interface of the same name and number is another one: what its owner made of it is his.
    let connection = up_with(&mut bus, &stick, &mut computer, &wanted(), None).0.unwrap();
    computer.restart();
    let card = online::Computer::cards(&mut computer, &stick).unwrap().remove(0).card;
    assert_eq!(card.name, connection.interface);
    let address = connection.addresses[0].split_once('/').unwrap();
    let address = Network { address: address.0.parse().unwrap(), prefix: address.1.parse().unwrap() };
    let route = Route {
        to: None,
        v6: false,
        via: None,
        card: card.clone(),
        source: None,
        metric: 50,
        table: computer::MAIN_TABLE,
    };
    for change in [
        Change::Link { card: card.clone(), up: true },
        Change::Address { card: card.clone(), address, add: true },
        Change::Route { route, add: true },
    ] {
        online::Computer::apply(&mut computer, &change).unwrap();
    }
    let owners = |computer: &Simulated| -> Vec<String> {
        computer.everything().lines().filter(|line| !line.starts_with("wwan0: ")).map(str::to_owned).collect()
    };
    let before = owners(&computer);
    let told = up_with(&mut bus, &stick, &mut computer, &wanted(), None).1;
    assert!(!told.iter().any(|line| line.contains("online already")), "{told:?}");
    down(&mut bus, Some(stick.clone()), &mut computer).unwrap();
    assert_eq!(owners(&computer), before);
    computer.restart();

    up_with(&mut bus, &stick, &mut computer, &wanted(), None).0.unwrap();
    computer.unplug(&place());
    let (again, _) = up_with(&mut bus, &stick, &mut computer, &wanted(), None);
    assert!(again.is_ok(), "{again:?}");
    computer.unplug(&place());
    let taken = down(&mut bus, None, &mut computer).unwrap();
    assert!(taken.stick[0].contains("not there"), "{taken:?}");
    assert!(taken.stick[1].contains("profile 1 has the access point"), "{taken:?}");
    // Its profile is kept in mind until it is back.
    let back = down(&mut bus, Some(stick.clone()), &mut computer).unwrap();
    assert_eq!(back.stick, ["profile 1 as before"]);
    assert!(!down(&mut bus, Some(stick.clone()), &mut computer).unwrap().was_online);
    assert_eq!(computer.everything(), clean);
}

#[test]
fn what_is_online_already_with_other_settings_is_said() {
    let (mut bus, stick) = plugged("e3372h-stick");
    let mut computer = Simulated::new(Weather::default());
    let connection = up_with(&mut bus, &stick, &mut computer, &wanted(), None).0.unwrap();
    let same = Wanted { metric: connection.metric, ip: Some(PdpType::V4), ..wanted() };
    up_with(&mut bus, &stick, &mut computer, &same, None).0.unwrap();
    let other =
        Wanted { apn: Some("other".into()), metric: Some(5), mtu: Some(1300), no_default: true, ..wanted() };
    let error = up_with(&mut bus, &stick, &mut computer, &other, None).0.unwrap_err();
    assert_eq!((error.kind(), error.verdict()), (ErrorKind::Usage, Some(Verdict::Untouched)));
    assert_eq!(error.fact("options"), Some("--apn, --metric, --no-default, --mtu"));
}

/// Ten sticks that have the same hardware address and the same network each: all online, each with a table of its own.
#[test]
fn twins_are_told_apart() {
    let mut computer = Simulated::new(Weather::default());
    let mut tables = std::collections::BTreeSet::new();
    let mut all = Vec::new();
    for port in 1..=10 {
        let place: Place = format!("1-1.{port}").parse().unwrap();
        let mut bus = VirtualBus::new();
        bus.plug(&place, catalogue::virtual_stick("e3372h-hilink", port, None).unwrap());
        bus.advance(Duration::from_secs(60));
        let stick = bus.sticks().unwrap().remove(0);
        let (ended, told) = up_with(&mut bus, &stick, &mut computer, &Wanted::default(), None);
        let connection = ended.unwrap_or_else(|e| panic!("{e:?}\n{}", told.join("\n")));
        assert!(tables.insert(connection.table), "{}", connection.table);
        all.push((bus, stick, connection));
    }
    let metrics: std::collections::BTreeSet<_> = all.iter().map(|(_, _, c)| c.metric).collect();
    assert_eq!(metrics.len(), 10, "no two default routes have the same metric");
    let macs: std::collections::BTreeSet<_> =
        online::Computer::every_card(&mut computer).unwrap().into_iter().map(|c| c.mac).collect();
    assert_eq!(macs.len(), 11, "ten sticks and the cable");
    for (mut bus, stick, _) in all {
        let place = stick.place.clone();
        online::down(&mut bus, &place, Some(stick), &mut computer, None, &mut Session::quiet()).unwrap();
    }
    assert!(!computer.everything().contains("192.168.8"), "{}", computer.everything());
}

fn said(error: &Error) -> String {
    let meaning = error.meaning().map(|m| m.cause).unwrap_or_default();
    let facts: Vec<String> = error.facts().iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{error} | {meaning} | {} | {:?}", facts.join(" "), error.details())
}

#[test]
fn user_and_password_are_proven_in_order() {
    let mut script = Script::default();
    let (idle, refused) = ("^NDISSTATQRY: 0,,,\"IPV4\"", "^NDISSTATQRY: 0,29,,\"IPV4\"");
    script.set("AT^NDISSTATQRY?", &[idle, refused, "^NDISSTATQRY: 1,,,\"IPV4\""]);
    let (mut bus, stick) = (ScriptedBus::new(script), ScriptedBus::stick());
    let user = Wanted { user: Some("me".into()), password: Some("secret".into()), ..wanted() };
    let (ended, told) = up_with(&mut bus, &stick, &mut Simulated::new(Weather::default()), &user, None);
    assert!(ended.is_ok(), "{ended:?}");
    assert!(bus.heard("AT^NDISDUP=1,1,\"web\",\"me\",\"secret\",2"));
    assert!(bus.heard("AT^NDISDUP=1,1,\"web\",\"me\",\"secret\",1"));
    assert!(bus.hangs_up_between_dials(), "{:?}", bus.said());
    assert!(told.iter().any(|t| t.contains("the network took PAP")), "{told:?}");
    assert!(!told.iter().any(|t| t.contains("secret")), "{told:?}");
}

/// An access point that the stick has of an earlier SIM is nobody's wish; one that was given stays.
#[test]
fn what_the_stick_has_gives_way_where_the_network_refuses_it() {
    let idle = "^NDISSTATQRY: 0,,,\"IPV4\"";
    for cause in [27, 33] {
        let refused = format!("^NDISSTATQRY: 0,{cause},,\"IPV4\"");
        let scripted = || {
            let mut script = Script::default();
            script.set("AT^NDISSTATQRY?", &[idle, &refused, "^NDISSTATQRY: 1,,,\"IPV4\""]);
            ScriptedBus::new(script)
        };
        let (mut bus, stick) = (scripted(), ScriptedBus::stick());
        let unnamed = Wanted { apn: None, ip: Some(PdpType::V4), ..wanted() };
        let mut computer = Simulated::new(Weather::default());
        let (ended, told) = up_with(&mut bus, &stick, &mut computer, &unnamed, None);
        let connection = ended.unwrap_or_else(|e| panic!("{cause}: {e:?} {told:?}"));
        let apn = (connection.apn.as_deref(), connection.apn_from.as_str());
        assert_eq!(apn, (Some(""), "the network's own"), "{cause}");
        assert!(told.iter().any(|t| t.contains("refuses the access point before")), "{told:?}");
        assert!(bus.hangs_up_between_dials() && bus.heard("AT+CGDCONT=1,\"IP\",\"\""), "{:?}", bus.said());

        let (mut bus, given) = (scripted(), Wanted { ip: Some(PdpType::V4), ..wanted() });
        let mut computer = Simulated::new(Weather::default());
        let error = up_with(&mut bus, &stick, &mut computer, &given, None).0.unwrap_err();
        assert!(error.is(ErrorKind::NetworkRefused), "{error:?}");
    }
}

/// A profile that the stick does not tell is not one that it has not: `down` does not delete it.
#[test]
fn a_profile_that_is_not_told_is_not_deleted() {
    for way in [WantedWay::Ncm, WantedWay::Ppp] {
        let mut script = Script::default();
        script.set("AT+CGDCONT?", &["ERROR"]);
        script.set("ATD*99***1#", &["CONNECT"]);
        let (mut bus, stick) = (ScriptedBus::new(script), ScriptedBus::stick());
        let mut computer = Simulated::new(Weather::default());
        let over = Wanted { way, ..wanted() };
        let connection = up_with(&mut bus, &stick, &mut computer, &over, None).0.unwrap();
        let changed = connection.changed.join(", ");
        assert!(changed.contains("what it had before is not known"), "{way:?}: {changed}");
        let taken = online::down(&mut bus, &place(), Some(stick), &mut computer, None, &mut Session::quiet())
            .unwrap();
        let words = taken.stick.join(", ");
        assert!(words.contains("what it was is not known"), "{way:?}: {words}");
        assert!(!bus.said().iter().any(|said| said == "AT+CGDCONT=1"), "{way:?}: {:?}", bus.said());
    }
}

#[test]
fn a_hung_up_context_is_written_and_put_back_each_time() {
    let (mut bus, stick) = (ScriptedBus::new(Script::default()), ScriptedBus::stick());
    let mut computer = Simulated::new(Weather::default());
    up_with(&mut bus, &stick, &mut computer, &wanted(), None).0.unwrap();
    let said = bus.said();
    let at = |command: &str| {
        said.iter().position(|s| s == command).unwrap_or_else(|| panic!("{command}: {said:?}"))
    };
    assert!(at("AT^NDISDUP=1,0") < at("AT+CGDCONT=1,\"IPV4V6\",\"web\""));
    assert!(at("AT+CGDCONT=1,\"IPV4V6\",\"web\"") < at("AT^NDISDUP=1,1,\"web\""));
    online::down(&mut bus, &place(), Some(stick), &mut computer, None, &mut Session::quiet()).unwrap();
    assert!(bus.heard("AT+CGDCONT=1,\"IP\",\"before\""));
}

#[test]
fn pppd_ends_in_words() {
    for (code, kind, words) in [
        (19, ErrorKind::NetworkRefused, "refuses user name or password"),
        (16, ErrorKind::NetworkRefused, "ended the call"),
        (10, ErrorKind::NoAddress, "neither IPv4 nor IPv6 came up"),
        (2, ErrorKind::Unsupported, "refuses one of its options"),
    ] {
        let (mut bus, stick) = plugged("e3372h-stick");
        let mut computer = Simulated::new(Weather { pppd_ends: Some(code), ..Weather::default() });
        let (ended, _) =
            up_with(&mut bus, &stick, &mut computer, &Wanted { way: WantedWay::Ppp, ..wanted() }, None);
        let error = ended.unwrap_err();
        assert!(error.is(kind) && said(&error).contains(words), "{}", said(&error));
    }
}

#[test]
fn packets_that_are_too_large_are_found_and_options_are_heeded() {
    let (mut bus, stick) = plugged("e3372h-stick");
    let mut computer = Simulated::new(Weather { largest: 1430, ..Weather::default() });
    let (ended, told) = up_with(&mut bus, &stick, &mut computer, &wanted(), None);
    assert_eq!(ended.unwrap().mtu, 1420, "{told:?}");

    // Also where the stick says that larger ones do; what the owner set stays, and is named.
    let hole = Weather { largest: 1430, ..Weather::default() };
    for (mtu, is) in [(None, 1420), (Some(1500), 1500)] {
        let (mut bus, stick) = plugged("em7455");
        let mut computer = Simulated::new(hole.clone());
        let (ended, told) = up_with(&mut bus, &stick, &mut computer, &Wanted { mtu, ..wanted() }, None);
        let connection = ended.unwrap();
        assert_eq!((connection.mtu, connection.passes), (is, mtu.map(|_| 1420)), "{told:?}");
        assert!(
            told.iter().any(|t| t.starts_with("mtu: packets of 1500 bytes do not get through")),
            "{told:?}"
        );
    }
    let (mut bus, stick) = plugged("em7455");
    let mut computer = Simulated::new(Weather { largest: 600, ..Weather::default() });
    let (_, told) = up_with(&mut bus, &stick, &mut computer, &wanted(), None);
    assert!(told.iter().any(|t| t.contains("those of 1420 bytes are not")), "{told:?}");

    let (mut bus, stick) = plugged("e3372h-stick");
    let mut computer = Simulated::new(Weather::default());
    let no_default = Wanted { no_default: true, mtu: Some(1280), check: Some(String::new()), ..wanted() };
    let connection = up_with(&mut bus, &stick, &mut computer, &no_default, None).0.unwrap();
    assert_eq!((connection.metric, connection.mtu), (None, 1280));
    assert_eq!(online::Computer::default_routes(&mut computer).unwrap().len(), 1, "the cable's alone");
    for (metric, is) in [(None, 700), (Some(50), 50)] {
        let (mut bus, stick) = plugged("e3372h-stick");
        let mut computer = Simulated::new(Weather::default());
        let connection =
            up_with(&mut bus, &stick, &mut computer, &Wanted { metric, ..wanted() }, None).0.unwrap();
        assert_eq!(connection.metric, Some(is));
        let routes = online::Computer::default_routes(&mut computer).unwrap();
        let ours: Vec<u32> = routes.iter().filter(|r| r.card.name == "wwan0").map(|r| r.metric).collect();
        assert_eq!(ours, [is], "{routes:?}");
    }
    assert!(!connection.reaches.iter().any(|r| r.contains("page")), "{connection:?}");
}

#[test]
fn the_plan_names_every_command_and_touches_nothing() {
    let (_, stick) = plugged("e3372h-stick");
    let mut computer = Simulated::new(Weather::default());
    let _ = online::Computer::cards(&mut computer, &stick).unwrap();
    let before = computer.everything();
    let plan = online::plan(&stick, &mut computer, &wanted()).unwrap();
    let text: Vec<&str> = plan.steps.iter().map(|s| s.text.as_str()).collect();
    for command in
        ["AT^NDISDUP=1,0", "AT+CGDCONT=1,\"IPV4V6\",\"web\"", "AT^NDISDUP=1,1,\"web\"", "metric 700"]
    {
        assert!(text.iter().any(|t| t.contains(command)), "{command}: {text:?}");
    }
    assert_eq!(computer.everything(), before);
    let _ = Reaches::Nothing;
}
