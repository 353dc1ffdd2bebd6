//! What is hung up and put back is seen to be, and what is off for a moment does not stay off.

use stickshift::hilink::dialup;
use stickshift::modem::Modem;
use stickshift::online::stay::{Recovery, Supervised};

use super::*;
use crate::stay::{rig_of, wanted as wanted_over};

const HANG_UP: &str = "AT^NDISDUP=1,0";
const STATES: &str = "AT^NDISSTATQRY?";

fn online_over(script: Script) -> (ScriptedBus, Simulated) {
    let mut bus = ScriptedBus::new(script);
    let mut computer = Simulated::new(Weather::default());
    up_with(&mut bus, &ScriptedBus::stick(), &mut computer, &wanted(), None).0.unwrap();
    (bus, computer)
}

#[test]
fn a_hang_up_that_is_refused_is_believed_where_nothing_is_up() {
    let up = "^NDISSTATQRY: 1,,,\"IPV4\"";
    let down_now = "^NDISSTATQRY: 0,,,\"IPV4\"";
    for (answers, states, hung_up, tries) in [
        (&["ERROR"][..], down_now, true, 1),
        (&["ERROR", "OK"], up, true, 2),
        (&["ERROR"], up, false, 2),
        (&["ERROR"], "ERROR", true, 1),
    ] {
        let (mut bus, mut computer) = online_over(Script::default());
        bus.set(HANG_UP, answers);
        bus.set(STATES, &[states]);
        let before = bus.said().len();
        let taken = online::down(
            &mut bus,
            &place(),
            Some(ScriptedBus::stick()),
            &mut computer,
            None,
            &mut Session::quiet(),
        );
        let words = format!("{answers:?} {states}: {taken:?}");
        assert_eq!(taken.map_err(|e| e.verdict()).is_ok(), hung_up, "{words}");
        // What is not put back is known to the next run.
        assert_eq!(computer.remembers(&place()), !hung_up, "{words}");
        let said = &bus.said()[before..];
        assert_eq!(said.iter().filter(|said| *said == HANG_UP).count(), tries, "{words}");
        // One that does not tell may have been dialled by the standard's command.
        assert_eq!(said.iter().any(|said| said == "AT+CGACT=0,1"), states == "ERROR", "{words}");
    }
}

#[test]
fn a_profile_that_the_stick_keeps_is_not_as_before() {
    let define = "AT+CGDCONT=1,\"IP\",\"before\"";
    for (answers, now, is_back) in
        [(&["ERROR"][..], "before", true), (&["ERROR", "OK"], "web", true), (&["ERROR"], "web", false)]
    {
        let (mut bus, mut computer) = online_over(Script::default());
        bus.set(define, answers);
        bus.set("AT+CGDCONT?", &[&format!("+CGDCONT: 1,\"IP\",\"{now}\",\"0.0.0.0\",0,0")]);
        let stick = Some(ScriptedBus::stick());
        let taken =
            online::down(&mut bus, &place(), stick, &mut computer, None, &mut Session::quiet()).unwrap();
        let words = taken.stick.join(", ");
        assert_eq!(words.contains("profile 1 as before"), is_back, "{answers:?} {now}: {words}");
        assert_eq!(words.contains("does not take it back"), !is_back, "{answers:?} {now}: {words}");
        assert_eq!(taken.left_changed, !is_back, "{answers:?} {now}");
    }
}

/// The standard's command dials, so the standard's command hangs up.
#[test]
fn a_card_that_was_told_to_dial_is_told_to_hang_up() {
    let mut script = Script::default();
    for unknown in ["AT^NDISDUP=?", HANG_UP, STATES] {
        script.set(unknown, &["ERROR"]);
    }
    let (mut bus, mut stick) = (ScriptedBus::new(script), ScriptedBus::stick());
    let network = &mut stick.interfaces[1];
    (network.class, network.subclass, network.protocol) = (2, 6, 0);
    let mut computer = Simulated::new(Weather { addresses: false, ..Weather::default() });
    let over = Wanted { way: WantedWay::Ecm, ..wanted() };
    let (ended, _) = up_with(&mut bus, &stick, &mut computer, &over, None);
    assert_eq!(ended.unwrap_err().verdict(), Some(Verdict::Recoverable));
    let said = bus.said();
    let at = |command: &str| said.iter().position(|said| said == command);
    assert!(at("AT+CGACT=1,1").is_some() && at("AT+CGACT=1,1") < at("AT+CGACT=0,1"), "{said:?}");
    assert!(!computer.remembers(&place()));
}

/// A HiLink stick that dials when it is told to, and was not.
#[test]
fn a_router_that_was_told_to_dial_is_told_to_hang_up() {
    for reaches in [true, false] {
        let (mut bus, stick) = plugged("e3372h-hilink");
        let connected = |bus: &mut VirtualBus, hangs_up: bool| {
            let mut page = bus.open_http(&place()).unwrap();
            let mut modem = Modem::over_web(&mut *page, None, &Cancel::new()).unwrap();
            if hangs_up {
                let web = modem.web().unwrap();
                let by_hand = dialup::DialPolicy { mode: 1, ..web.call(&dialup::policy()).unwrap() };
                web.call(&dialup::set_policy(&by_hand)).unwrap();
                web.call(&dialup::dial(false)).unwrap();
            }
            bus.advance(Duration::from_secs(5));
            modem.connection().unwrap().connection_code == Some(901)
        };
        assert!(!connected(&mut bus, true));
        let mut computer = Simulated::new(Weather { names: reaches, ..Weather::default() });
        let (ended, told) = up_with(&mut bus, &stick, &mut computer, &Wanted::default(), None);
        match ended {
            Ok(_) => {
                assert!(reaches && connected(&mut bus, false), "{told:?}");
                down(&mut bus, Some(stick), &mut computer).unwrap();
            }
            Err(error) => {
                assert!(!reaches, "{error:?}");
                assert_eq!(error.verdict(), Some(Verdict::Recoverable), "{error:?}");
                assert!(error.fact("stick-now").is_some_and(|now| now.contains("hung up")), "{error:?}");
            }
        }
        assert!(!connected(&mut bus, false), "{reaches}: {told:?}");
        assert!(!computer.remembers(&place()));
    }
}

/// Some requests in a row are lost, wherever that is.
#[test]
fn what_is_off_for_a_moment_is_put_on_again() {
    for (name, way, lost) in [
        ("e3372h-stick", WantedWay::Ncm, 5),
        ("em7455", WantedWay::Mbim, 5),
        // Its web server is looked at after each.
        ("e3372h-hilink", WantedWay::Hilink, 16),
    ] {
        let mut left_off = 0;
        for number in 1..60 {
            let drops: Vec<String> = (number..number + lost).map(|number| format!("drop@{number}")).collect();
            let (mut bus, mut computer) = rig_of(name, Some(&drops.join(",")));
            let seen = bus.clone();
            let is_on = || {
                let kept = seen.held(&place()).unwrap().kept;
                kept.functionality == 1 && kept.data.switch
            };
            let wanted = wanted_over(way);
            let mut told = |_| ();
            let mut supervisor =
                crate::supervisor(&mut bus, &mut computer, &wanted, &mut told, &Cancel::new());
            if way == WantedWay::Hilink {
                // Its web server is behind the network card.
                let _ = supervisor.up();
            }
            let climbed = supervisor.escalate(Recovery::Radio);
            if !is_on() {
                left_off += 1;
                assert!(climbed.is_err_and(|e| e.verdict() == Some(Verdict::Unknown)), "{name} {number}");
            }
            assert!((0..lost).any(|_| supervisor.down().is_ok()), "{name} {number}");
            assert!(is_on(), "{name} {number}");
            drop(supervisor);
            assert!(!computer.remembers(&place()), "{name} {number}");
        }
        assert!(left_off > 0, "{name}");
    }
}
