//! How staying online ends, and what is done against which failure.

use std::time::Duration;

use stickshift::error::{ErrorKind, Result, Verdict};
use stickshift::event::{Cancel, Event};
use stickshift::link::Bus;
use stickshift::online::record::{Record, StickUndo, Usage};
use stickshift::online::stay::{EVERY, Limits, News, Per, Recovery, stay};
use stickshift::online::{Computer, WantedWay};
use stickshift_emu::computer::{Action, ModemManager};

use crate::place;
use crate::stay::{rig_of, wanted};

/// Attempts until the eighth fails: which means are used, and how it ends.
fn failing(name: &str, fault: Option<&str>, is_held: bool) -> (Result<()>, usize, Vec<Recovery>, usize) {
    let (mut bus, mut computer) = rig_of(name, fault);
    if is_held {
        let keeps = Duration::from_secs(1_000_000);
        bus.set_modem_manager(Some(ModemManager { keeps, ..ModemManager::default() }));
        bus.replug(&place());
        bus.advance(Duration::from_secs(60));
    }
    let wanted = crate::wanted();
    let mut told = |event: Event| {
        let opened = format!("{event:?}").contains("AT commands on");
        assert!(!(is_held && opened), "nobody opened it: {event:?}");
    };
    let cancel = Cancel::new();
    let mut supervisor = crate::supervisor(&mut bus, &mut computer, &wanted, &mut told, &cancel);
    let (mut failed, mut recoveries) = (0, Vec::new());
    let ended = stay(&mut supervisor, EVERY, Limits::default(), &mut |news| match news {
        News::Failed { recovery, .. } => {
            failed += 1;
            recoveries.push(recovery);
            if failed == 8 {
                cancel.cancel();
            }
        }
        News::Escalated { recovery, .. } => recoveries.push(recovery),
        _ => {}
    });
    (ended.map(|_| ()), failed, recoveries, computer.resets as usize)
}

/// A reset would take the stick away from the program that uses it.
#[test]
fn a_port_that_another_program_holds_is_waited_for() {
    for name in ["e3372h-stick", "k3772-modem"] {
        let (_, failed, recoveries, resets) = failing(name, None, true);
        assert_eq!((failed, resets), (8, 0), "{name}");
        assert!(recoveries.iter().all(|recovery| *recovery == Recovery::Redial), "{name}: {recoveries:?}");
    }
}

#[test]
fn what_the_owner_alone_can_change_ends_the_first_start() {
    for (fault, kind) in [
        ("roaming", ErrorKind::NotRegistered),
        ("denied", ErrorKind::NotRegistered),
        ("refused", ErrorKind::NetworkRefused),
        ("refused=29", ErrorKind::NetworkRefused),
    ] {
        let (ended, failed, recoveries, resets) = failing("e3372h-stick", Some(fault), false);
        let error = ended.unwrap_err();
        assert!(error.is(kind), "{fault}: {error:?}");
        assert_eq!((failed, recoveries.len(), resets), (0, 0, 0), "{fault}");
    }
}

/// What a run that was killed left is taken back first, by bytes that act.
#[test]
fn a_first_attempt_that_hangs_up_what_was_left_does_not_end_untouched() {
    for (leaves, verdict) in [(true, Verdict::Recoverable), (false, Verdict::Untouched)] {
        let (mut bus, mut computer) = rig_of("e3372h-stick-pin", None);
        if leaves {
            let stick = bus.sticks().unwrap().remove(0);
            let mut record = Record::new(&place(), stick.id, computer.boot(), "ncm");
            record.note(&mut computer, StickUndo::HangUp { context: 1 }).unwrap();
        }
        let (wanted, mut told, cancel) = (crate::wanted(), |_| {}, Cancel::new());
        let mut supervisor = crate::supervisor(&mut bus, &mut computer, &wanted, &mut told, &cancel);
        let error = stay(&mut supervisor, EVERY, Limits::default(), &mut |_| {}).unwrap_err();
        assert!(error.is(ErrorKind::SimPinNeeded), "{error:?}");
        assert_eq!(error.verdict(), Some(verdict), "{error:?}");
    }
}

/// A router without a battery counts from 1970 until the network tells it the time, over this very connection.
#[test]
fn a_clock_that_was_set_back_gives_no_traffic_again() {
    // The simulated computer is in the month 1.
    for (period, counts) in [("Month 1", true), ("Month 2", true), ("Month 0", false), ("Day 9", false)] {
        let (mut bus, mut computer) = rig_of("e3372h-stick", None);
        let kept = Usage { period: period.to_owned(), bytes: 5_000_000_000 };
        computer.keep_usage(&place(), &kept).unwrap();
        let (wanted, mut told, cancel) = (crate::wanted(), |_| {}, Cancel::new());
        let mut supervisor = crate::supervisor(&mut bus, &mut computer, &wanted, &mut told, &cancel);
        supervisor.per = Per::Month;
        let limits = Limits { bytes: Some(kept.bytes), time: None };
        let ended = stay(&mut supervisor, EVERY, limits, &mut |news| {
            if let News::Well(_) = news {
                cancel.cancel();
            }
        });
        assert_eq!(ended.is_err_and(|e| e.is(ErrorKind::LimitReached)), counts, "{period}");
        let now = computer.usage(&place()).unwrap();
        assert_eq!(now.period, if counts { period } else { "Month 1" });
    }
}

/// Nothing is said of a stick that is not there but what it was left with.
#[test]
fn a_stick_that_is_gone_at_the_end_is_not_put_back() {
    for (name, way, left_changed) in
        [("e3372h-stick", WantedWay::Ncm, true), ("mf823", WantedWay::Ecm, false)]
    {
        let (mut bus, mut computer) = rig_of(name, None);
        let wanted = wanted(way);
        let mut steps = Vec::new();
        let mut told = |event: Event| steps.push(format!("{event:?}"));
        let cancel = Cancel::new();
        bus.schedule(Duration::from_secs(90), &place(), Action::Unplug);
        let mut supervisor = crate::supervisor(&mut bus, &mut computer, &wanted, &mut told, &cancel);
        let taken = stay(&mut supervisor, EVERY, Limits::default(), &mut |news| {
            if let News::Waiting { .. } = news {
                cancel.cancel();
            }
        });
        let taken = taken.unwrap();
        assert!(taken.was_online && taken.left_changed == left_changed, "{name}: {taken:?}");
        assert!(taken.stick[0].contains("nothing was sent to it"), "{name}: {taken:?}");
        assert!(!steps.iter().any(|step| step.contains("the stick is put back")), "{name}: {steps:?}");
    }
}
