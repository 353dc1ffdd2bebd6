//! Staying online in virtual time: drops, replugs and resets at random, and nothing left over.

use std::time::Duration;

use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift::event::{Cancel, Event};
use stickshift::link::{Bus, Moment};
use stickshift::online::stay::{EVERY, Limits, Look, News, Recovery, Report, Supervised, Woke, stay};
use stickshift::online::{Simulated, Taken, Wanted, WantedWay, Weather};
use stickshift_emu::computer::{Action, VirtualBus};
use stickshift_emu::sticks::catalogue;

use crate::blows::Dealt;
use crate::{place, ppp};

/// Sticks and ways: a router behind a card dials again by itself, and says nothing of it.
const WAYS: [(&str, WantedWay, bool); 6] = [
    ("e3372h-stick", WantedWay::Ncm, false),
    ("e3372h-stick", WantedWay::Ppp, false),
    ("em7455", WantedWay::Mbim, false),
    ("e3372h-hilink", WantedWay::Hilink, true),
    ("mf823", WantedWay::Ecm, true),
    ("mf823-rndis", WantedWay::Ecm, true),
];

pub(crate) fn rig_of(name: &str, fault: Option<&str>) -> (VirtualBus, Simulated) {
    let mut bus = VirtualBus::new();
    bus.plug(&place(), catalogue::virtual_stick(name, 1, fault).unwrap());
    bus.advance(Duration::from_secs(60));
    let computer = Simulated::new(Weather::default()).beside(Box::new(bus.clone())).with_ppp(ppp::agreeable);
    let outside = computer.outside();
    bus.web_where(move |place| outside.reaches(place));
    (bus, computer)
}

fn rig() -> (VirtualBus, Simulated) {
    rig_of("e3372h-stick", None)
}

pub(crate) fn wanted(way: WantedWay) -> Wanted {
    let own = matches!(way, WantedWay::Hilink | WantedWay::Ecm);
    Wanted { way, apn: (!own).then(|| "web".into()), ..Wanted::default() }
}

/// Runs `stay` of the stick over `way`; what is asked of the supervisor before, and what is seen of it after, are the two functions.
fn staying<R>(
    (name, fault): (&str, Option<&str>),
    (way, router): (WantedWay, bool),
    (blows, limits): (usize, Limits),
    prepare: impl FnOnce(&mut Dealt<'_, '_>),
    news: &mut dyn FnMut(News<'_>),
    see: impl FnOnce(Result<Taken>, &mut Dealt<'_, '_>) -> R,
) -> R {
    let (mut bus, mut computer) = rig_of(name, fault);
    let (clean, count) = (computer.everything(), computer.count());
    let wanted = wanted(way);
    let mut log = Vec::new();
    let mut told = |event: Event| log.push(event);
    let (look, outside) = (bus.clone(), computer.outside());
    let supervisor = crate::supervisor(&mut bus, &mut computer, &wanted, &mut told, &Cancel::new());
    let mut dealt = Dealt::new(supervisor, look.clone(), outside, (way, router), blows);
    prepare(&mut dealt);
    let ended = stay(&mut dealt, EVERY, limits, news);
    let seen = see(ended, &mut dealt);
    drop(dealt);
    assert_eq!(look.ports_held(), 0, "{name}: no port is left open");
    assert_eq!(computer.count()[1..], count[1..], "{name}: no route, rule or program is left");
    computer.unplug(&place());
    assert_eq!(computer.everything(), clean, "{name}: no interface, route, rule or name server is left");
    assert!(!computer.remembers(&place()), "{name}");
    seen
}

fn a_thousand_blows(index: usize) {
    let (name, way, router) = WAYS[index];
    let mut climbed = 0;
    let mut news = |news: News<'_>| climbed += u32::from(matches!(news, News::Escalated { .. }));
    let took = staying(
        (name, None),
        (way, router),
        (1_000, Limits::default()),
        |_| (),
        &mut news,
        |ended, dealt| {
            ended.unwrap();
            dealt.took.len()
        },
    );
    assert_eq!(took, 1_000, "{name}");
    assert_eq!(climbed, 0, "{name}: going up again was enough each time");
}

#[test]
fn a_thousand_blows_and_online_again_after_each() {
    a_thousand_blows(0);
}

#[test]
fn a_thousand_blows_over_ppp() {
    a_thousand_blows(1);
}

#[test]
fn a_thousand_blows_over_mbim() {
    a_thousand_blows(2);
}

#[test]
fn a_thousand_blows_over_hilink() {
    a_thousand_blows(3);
}

#[test]
fn a_thousand_blows_over_cards_of_other_makers() {
    a_thousand_blows(4);
    a_thousand_blows(5);
}

/// Between two probes nothing wakes it, and each probe is one look.
#[test]
fn a_quiet_connection_wakes_nobody_but_for_its_probe() {
    let hours = 6;
    for (name, way, router) in WAYS {
        let prepare = |dealt: &mut Dealt<'_, '_>| {
            dealt.stops = Some(dealt.bus.now() + Duration::from_secs(3600 * hours));
        };
        staying((name, None), (way, router), (0, Limits::default()), prepare, &mut |_| {}, |ended, dealt| {
            ended.unwrap();
            let most = 60 * hours as usize + 2;
            let others: Vec<_> = dealt.woke.iter().filter(|woke| **woke != Woke::Time).take(3).collect();
            assert!(
                dealt.woke.len() <= most,
                "{name} {way:?}: {} times in {hours} h {others:?}",
                dealt.woke.len()
            );
            assert!(dealt.looks.len() >= most - 20, "{name}: {} looks", dealt.looks.len());
            assert!(dealt.looks.iter().all(|look| *look == Look::Probe), "{name}");
        });
    }
}

/// A stick that says every two seconds how it receives is no reason to send anything.
#[test]
fn chatter_is_heard_and_asks_nobody_anything() {
    for (name, way) in [("e3372h-stick", WantedWay::Ncm), ("em7455", WantedWay::Mbim)] {
        let prepare =
            |dealt: &mut Dealt<'_, '_>| dealt.stops = Some(dealt.bus.now() + Duration::from_secs(3600));
        staying(
            (name, Some("chatty")),
            (way, false),
            (0, Limits::default()),
            prepare,
            &mut |_| {},
            |ended, dealt| {
                ended.unwrap();
                let heard = dealt.woke.iter().filter(|woke| matches!(woke, Woke::Report(_))).count();
                let probes = dealt.looks.iter().filter(|look| **look != Look::Glance).count();
                assert!((100..=400).contains(&heard), "{name}: {heard}");
                assert!((50..=61).contains(&probes), "{name}: {probes}");
            },
        );
    }
}

/// The network ends the connection, and the log says in whose words.
#[test]
fn a_report_that_the_connection_is_over_wakes_at_once() {
    for (name, way, words) in [
        ("e3372h-stick", WantedWay::Ncm, "the stick reports that the connection is down, cause 36"),
        ("e3372h-stick", WantedWay::Ppp, "the network reports: NW PDN DEACT 1"),
        ("em7455", WantedWay::Mbim, "the stick reports that the connection is down, cause 36"),
    ] {
        let (mut downs, mut ups) = (Vec::new(), 0);
        let mut news = |news: News<'_>| match news {
            News::Down(why) => downs.push(why),
            News::Up(_) => ups += 1,
            _ => {}
        };
        let fault = Some("bearer-drops:20s");
        let prepare =
            |dealt: &mut Dealt<'_, '_>| dealt.stops = Some(dealt.bus.now() + Duration::from_secs(600));
        staying((name, fault), (way, false), (0, Limits::default()), prepare, &mut news, |ended, dealt| {
            ended.unwrap();
            let over = |woke: &&Woke| matches!(woke, Woke::Report(Report::Ended(_)) | Woke::Bus);
            assert!(dealt.woke.iter().filter(over).count() >= 10, "{name}: {:?}", dealt.woke);
        });
        assert!(
            downs.len() >= 10 && downs.iter().all(|why| why.contains(words) || why == "stopped"),
            "{name}: {downs:?}"
        );
        assert!(ups >= 10, "{name}: {ups}");
    }
}

/// A stick that is pulled is waited for, and that is said once, as long as it is away; then it is dialled once.
#[test]
fn a_stick_that_is_pulled_is_waited_for() {
    for (name, way, router) in WAYS {
        let mut said = Vec::new();
        let mut news = |news: News<'_>| match news {
            News::Up(_) => said.push("up".to_owned()),
            News::Down(why) => said.push(why),
            News::Waiting { gone } => said.push(format!("waiting, gone: {gone}")),
            _ => {}
        };
        let prepare = |dealt: &mut Dealt<'_, '_>| {
            dealt.bus.schedule(Duration::from_secs(90), &place(), Action::Unplug);
            dealt.bus.schedule(Duration::from_secs(900), &place(), Action::Plug);
            dealt.stops = Some(dealt.bus.now() + Duration::from_secs(900 + 3600));
        };
        staying((name, None), (way, router), (0, Limits::default()), prepare, &mut news, |ended, _| {
            ended.unwrap();
        });
        let gone = "the stick is gone from its place";
        assert_eq!(said, ["up", gone, "waiting, gone: true", "up", "stopped"], "{name} {way:?}");
    }
}

/// One family of addresses that goes is no connection that is over.
#[test]
fn a_report_is_believed_when_the_stick_confirms_it() {
    let prepare = |dealt: &mut Dealt<'_, '_>| {
        dealt.stops = Some(dealt.bus.now() + Duration::from_secs(300));
    };
    let mut downs = 0;
    let mut news = |news: News<'_>| downs += u32::from(matches!(news, News::Down(why) if why != "stopped"));
    // It says at connecting that there is no IPv6; asked, it says that IPv4 is up.
    staying(
        ("e3372h-stick", Some("ipv4-only")),
        (WantedWay::Ncm, false),
        (0, Limits::default()),
        prepare,
        &mut news,
        |ended, _| drop(ended.unwrap()),
    );
    assert_eq!(downs, 0);
}

/// The counters of ppp0 begin at nothing with each connection; what is counted does not.
#[test]
fn traffic_is_the_sum_over_replugs() {
    for (name, way, router) in WAYS {
        let limits = Limits { bytes: Some(30_000_000), time: None };
        let prepare = |dealt: &mut Dealt<'_, '_>| dealt.bytes = 1_000_000;
        let blows =
            staying((name, None), (way, router), (1_000, limits), prepare, &mut |_| {}, |ended, dealt| {
                let error = ended.unwrap_err();
                assert!(error.is(ErrorKind::LimitReached), "{name}: {error:?}");
                assert_eq!(error.fact("bytes"), Some("30000000"), "{name}");
                dealt.took.len()
            });
        assert!((28..=30).contains(&blows), "{name}: {blows}");
    }
}

/// A stick that tells its traffic ends the connection before the next probe.
#[test]
fn a_limit_is_looked_at_when_the_stick_tells_its_traffic() {
    let limits = Limits { bytes: Some(5_000_000), time: None };
    let start = Duration::from_secs(60);
    let prepare = |dealt: &mut Dealt<'_, '_>| {
        dealt.stops = Some(dealt.bus.now() + Duration::from_secs(3600));
        dealt.outside.pass(5_000_000);
    };
    let (name, fault) = ("e3372h-stick", Some("chatty"));
    staying((name, fault), (WantedWay::Ncm, false), (0, limits), prepare, &mut |_| {}, |ended, dealt| {
        // What passed before it went up is not of this run.
        assert!(ended.is_ok(), "{ended:?}");
        assert!(dealt.now() > start);
    });
    let mut outside = None;
    let prepare = |dealt: &mut Dealt<'_, '_>| {
        dealt.stops = Some(dealt.bus.now() + Duration::from_secs(3600));
        outside = Some(dealt.outside.clone());
    };
    let (mut up, mut end) = (false, Moment::ZERO);
    let mut passes = |news: News<'_>| up |= matches!(news, News::Up(_));
    staying((name, fault), (WantedWay::Ncm, false), (0, limits), prepare, &mut passes, |ended, dealt| {
        assert!(ended.is_ok());
        end = dealt.now();
    });
    assert!(up && outside.is_some() && end > start);
}

#[test]
fn a_connection_that_stays_mute_is_mended_by_ever_stronger_means() {
    let (mut bus, mut computer) = rig();
    computer.weather.addresses = false;
    let wanted = crate::wanted();
    let mut told = |_| {};
    let cancel = Cancel::new();
    let mut supervisor = crate::supervisor(&mut bus, &mut computer, &wanted, &mut told, &cancel);
    let (mut recoveries, mut pauses) = (Vec::new(), Vec::new());
    let ended = stay(&mut supervisor, EVERY, Limits::default(), &mut |news| match news {
        News::Failed { pause, error, .. } => {
            assert!(error.is(ErrorKind::NoReach), "{error:?}");
            pauses.push(pause.as_secs());
            if pauses.len() == 8 {
                cancel.cancel();
            }
        }
        News::Escalated { recovery, .. } => recoveries.push(recovery),
        _ => {}
    });
    let stopped = ended.unwrap_err();
    assert!(stopped.is(ErrorKind::Interrupted), "{stopped:?}");
    assert_eq!(stopped.verdict(), Some(Verdict::Recoverable), "it was never online, and is put back");
    assert_eq!(recoveries, [Recovery::Radio, Recovery::Reset, Recovery::Reauthorize]);
    assert_eq!(pauses, [5, 10, 30, 60, 300, 300, 300, 300]);
    assert_eq!(computer.resets, 1);
}

#[test]
fn limits_end_the_connection_before_the_bill_does() {
    let (mut bus, mut computer) = rig();
    let wanted = crate::wanted();
    let mut told = |_| {};
    let cancel = Cancel::new();
    let ended = {
        let mut supervisor = crate::supervisor(&mut bus, &mut computer, &wanted, &mut told, &cancel);
        let limits = Limits { time: Some(Duration::from_secs(3600)), bytes: None };
        let mut well = 0;
        let ended = stay(&mut supervisor, EVERY, limits, &mut |news| {
            well += u32::from(matches!(news, News::Well(_)));
            // Whoever does not heed the limit is stopped, and that is another end.
            if well > 100 {
                cancel.cancel();
            }
        });
        assert!(well >= 50, "{well}");
        ended
    };
    let error: Error = ended.unwrap_err();
    assert!(error.is(ErrorKind::LimitReached), "{error:?}");
    assert_eq!(error.verdict(), Some(Verdict::Recoverable), "it is hung up, and that is known");
    assert!(!computer.remembers(&place()), "it is down");
}

/// The web server that switches data on and off is behind the interface that goes with the connection.
#[test]
fn data_that_was_off_is_off_again_after_drops_and_replugs() {
    use crate::troubles::{data, set_data};

    let (mut bus, mut computer) = rig_of("e3372h-hilink", None);
    set_data(&mut bus, &mut computer, false);
    let clean = computer.everything();
    let wanted = wanted(WantedWay::Hilink);
    let mut told = |_| {};
    let (look, outside) = (bus.clone(), computer.outside());
    let supervisor = crate::supervisor(&mut bus, &mut computer, &wanted, &mut told, &Cancel::new());
    let mut dealt = Dealt::new(supervisor, look, outside, (wanted.way, true), 30);
    stay(&mut dealt, EVERY, Limits::default(), &mut |_| {}).unwrap();
    assert_eq!(dealt.took.len(), 30);
    drop(dealt);
    assert!(!computer.remembers(&place()));
    assert_eq!(computer.count()[1..], [1, 0, 0], "the route of the cable\n{clean}");
    assert!(!data(&mut bus, &mut computer));
}

#[test]
fn a_lease_is_renewed_also_between_looks_that_are_far_apart() {
    let (mut bus, mut computer) = rig_of("e3372h-hilink", None);
    computer.weather.lease = Duration::from_secs(120);
    let wanted = wanted(WantedWay::Hilink);
    let mut told = |_| {};
    let (look, outside) = (bus.clone(), computer.outside());
    let supervisor = crate::supervisor(&mut bus, &mut computer, &wanted, &mut told, &Cancel::new());
    let mut dealt = Dealt::new(supervisor, look.clone(), outside, (wanted.way, true), 0);
    dealt.stops = Some(look.now() + Duration::from_secs(3600));
    stay(&mut dealt, Duration::from_secs(1800), Limits::default(), &mut |_| {}).unwrap();
    drop(dealt);
    assert!((55..=62).contains(&computer.leases), "each minute of an hour: {}", computer.leases);
}

#[test]
fn a_router_that_answers_alone_is_no_connection() {
    for (name, way) in [("e3372h-hilink", WantedWay::Hilink), ("mf823", WantedWay::Ecm)] {
        let (mut bus, mut computer) = rig_of(name, None);
        let outside = computer.outside();
        let wanted = wanted(way);
        let mut told = |_| {};
        let cancel = Cancel::new();
        let mut supervisor = crate::supervisor(&mut bus, &mut computer, &wanted, &mut told, &cancel);
        let mut said = Vec::new();
        let limits = Limits { time: Some(Duration::from_secs(3600)), bytes: None };
        let ended = stay(&mut supervisor, EVERY, limits, &mut |news| match news {
            News::Up(_) => outside.answers(false),
            News::Down(why) => said.push(why),
            News::Failed { error, .. } => {
                said.push(error.to_string());
                cancel.cancel();
            }
            _ => {}
        });
        let nothing = ["nothing answers, 2 probes in a row", "nothing answers through the stick"];
        assert_eq!(said[..2], nothing, "{name}: {ended:?}");
    }
}
