//! The campaign over every service that talks to a stick, over every way in: every kind of fault at every step. What is said at the end is
//! compared with what the virtual stick holds: "done" means that it is done, "untouched" that nothing changed, "recoverable" that
//! something did.

use std::collections::BTreeMap;
use std::time::Duration;

use stickshift::at::ports::UsbMode;
use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift::event::Cancel;
use stickshift::link::Bus;
use stickshift::modem::identity::{FirstWay, first_way};
use stickshift::modem::{Draft, LastTry, Login, MessageId, Modem, PinUse, PortsWanted, SimCondition};
use stickshift::stick::{Mode, Place, Role};
use stickshift_emu::computer::VirtualBus;
use stickshift_emu::fault::{Fault, FaultKind};
use stickshift_emu::modem::{Held, MessageState, SimState, Store};
use stickshift_emu::sticks::catalogue;

/// Each brings its own damage for every fault.
const SEEDS: u64 = 2;
/// Fewer runs mean that steps, services or kinds of fault went missing.
const LEAST_RUNS: usize = 10_000;
const LEAST_MBIM_RUNS: usize = 3_000;

/// One service, on the stick that it is tried on.
struct Service {
    name: &'static str,
    stick: &'static str,
    run: fn(&mut Modem<'_>) -> Result<()>,
    /// Whether what was asked for is done, by what the stick held before and holds now.
    is_done: fn(&Held, &Held) -> bool,
}

const AT: &str = "e3372h-stick";
const WEB: &str = "e3372h-hilink";
const PIN: &str = "e3372h-stick-pin";
const LOGIN: &str = "e3372h-hilink-login";
const MBIM: &str = "em7455";
const MBIM_PIN: &str = "em7455-pin";

fn nothing(_before: &Held, _after: &Held) -> bool {
    true
}

fn send(modem: &mut Modem<'_>) -> Result<()> {
    let date = "2026-11-20 13:00:50";
    modem.send_message(Draft { to: "+33123456789", text: "hello", mark: 7, date }).map(|_| ())
}

fn send_long(modem: &mut Modem<'_>) -> Result<()> {
    let (text, date) = ("A text of forty characters, four of them. ".repeat(8), "2026-11-20 13:00:50");
    modem.send_message(Draft { to: "+33123456789", text: &text, mark: 7, date }).map(|_| ())
}

fn delete(modem: &mut Modem<'_>, numbers: &[u32]) -> Result<()> {
    // Over AT each store counts on its own.
    let store = modem.at().map(|_| "SM".to_owned());
    let ids: Vec<MessageId> =
        numbers.iter().map(|number| MessageId { store: store.clone(), number: *number }).collect();
    modem.delete_messages(&ids).map(|_| ())
}

fn one_more_message(before: &Held, after: &Held) -> bool {
    after.sent.messages.len() == before.sent.messages.len() + 1
}

/// A menu of three levels, at whose end something is bought.
fn menu(modem: &mut Modem<'_>) -> Result<()> {
    for code in ["*111#", "2", "1"] {
        if !modem.ask_code(code)?.reply_expected {
            return Err(
                Error::new(ErrorKind::UnexpectedAnswer, "the menu ended").with_verdict(Verdict::Unknown)
            );
        }
    }
    modem.ask_code("1").map(|_| ())
}

fn bought(before: &Held, after: &Held) -> bool {
    after.sent.ussd[before.sent.ussd.len()..].ends_with(&["2", "1", "1"].map(str::to_owned))
}

fn one_more_code(before: &Held, after: &Held) -> bool {
    after.sent.ussd.len() > before.sent.ussd.len()
}

/// Whether the message of this number and store is gone: HiLink firmware numbers those of the SIM from 40000 on.
fn is_deleted(after: &Held, id: (Store, u32)) -> bool {
    !after.kept.messages.iter().any(|m| (m.store, u32::from(m.index)) == id)
}

fn only_deleted(before: &Held, after: &Held, store: Store, numbers: &[u32]) -> bool {
    let wanted: Vec<(Store, u32)> = numbers.iter().map(|n| (store, n % 40_000)).collect();
    wanted.iter().all(|id| is_deleted(after, *id))
        && before.kept.messages.iter().all(|m| {
            let id = (m.store, u32::from(m.index));
            wanted.contains(&id) || !is_deleted(after, id)
        })
}

fn runs_with(held: &Held, sim: SimState) -> bool {
    held.running.as_ref().is_some_and(|running| running.sim == sim)
}

/// Blocks the SIM by three wrong codes, then unblocks it.
fn unblock(modem: &mut Modem<'_>) -> Result<()> {
    while modem.sim_status()?.state == SimCondition::Pin {
        let wrong = modem.use_code(PinUse::Enter("9999"), LastTry::MaySpend);
        if let Err(e) = wrong
            && !e.is(ErrorKind::WrongPin)
            && !e.is(ErrorKind::SimPukNeeded)
        {
            return Err(e);
        }
    }
    modem.use_code(PinUse::Unblock("12345678", "5678"), LastTry::Keep).map(|_| ())
}

fn enable_pin(modem: &mut Modem<'_>) -> Result<()> {
    modem.use_code(PinUse::Enable("1234"), LastTry::Keep).map(|_| ())
}

fn disable_pin(modem: &mut Modem<'_>) -> Result<()> {
    modem.use_code(PinUse::Enter("1234"), LastTry::Keep)?;
    modem.use_code(PinUse::Disable("1234"), LastTry::Keep).map(|_| ())
}

fn change_pin(modem: &mut Modem<'_>) -> Result<()> {
    modem.use_code(PinUse::Enter("1234"), LastTry::Keep)?;
    modem.use_code(PinUse::Change("1234", "5678"), LastTry::Keep).map(|_| ())
}

fn set_radio(modem: &mut Modem<'_>) -> Result<()> {
    let now = modem.radio()?;
    let lte = "lte".parse().map_err(|()| unreachable!()).ok();
    let wanted = now.with(lte, None, None)?;
    modem.set_radio(&now, &wanted).map(|_| ())
}

const fn service(
    name: &'static str,
    stick: &'static str,
    run: fn(&mut Modem<'_>) -> Result<()>,
    is_done: fn(&Held, &Held) -> bool,
) -> Service {
    Service { name, stick, run, is_done }
}

const SERVICES: &[Service] = &[
    service("identity", AT, |m| m.identity().map(|_| ()), nothing),
    service("identity", WEB, |m| m.identity().map(|_| ()), nothing),
    service("signal", AT, |m| m.signal().map(|_| ()), nothing),
    service("signal", WEB, |m| m.signal().map(|_| ()), nothing),
    service("messages", AT, |m| m.messages().map(|_| ()), nothing),
    service("messages", WEB, |m| m.messages().map(|_| ()), nothing),
    service("read", AT, |m| m.read_message(&"SM:0".parse().unwrap()).map(|_| ()), nothing),
    service("read", WEB, |m| m.read_message(&40_000.into()).map(|_| ()), nothing),
    service("delete", AT, |m| delete(m, &[0]), |b, a| only_deleted(b, a, Store::Sim, &[0])),
    service("delete two", AT, |m| delete(m, &[0, 2]), |b, a| only_deleted(b, a, Store::Sim, &[0, 2])),
    // Both stores hold it: whatever went would be a guess.
    service("delete ambiguous", AT, |m| m.delete_messages(&[0.into()]).map(|_| ()), |_, _| false),
    service("read ambiguous", AT, |m| m.read_message(&0.into()).map(|_| ()), |_, _| false),
    service("delete absent", AT, |m| delete(m, &[0, 99]), |b, a| only_deleted(b, a, Store::Sim, &[0, 99])),
    service("delete", WEB, |m| delete(m, &[40_000]), |b, a| only_deleted(b, a, Store::Sim, &[40_000])),
    service(
        "delete two",
        WEB,
        |m| delete(m, &[40_000, 40_001]),
        |b, a| only_deleted(b, a, Store::Sim, &[40_000, 40_001]),
    ),
    service("send", AT, send, one_more_message),
    service("send", WEB, send, one_more_message),
    // Damage to a part's header on its way keeps the receiver from joining it: all parts went all the same.
    service("send long", AT, send_long, |b, a| a.sent.message_parts >= b.sent.message_parts + 3),
    service("code", AT, |m| m.ask_code("*100#").map(|_| ()), one_more_code),
    service("code", WEB, |m| m.ask_code("*100#").map(|_| ()), one_more_code),
    service("raw", AT, |m| m.raw_messages(&[]).map(|_| ()), nothing),
    service(
        "delete in the stick",
        AT,
        |m| m.delete_messages(&["ME:1".parse().unwrap(), "ME:2".parse().unwrap()]).map(|_| ()),
        |b, a| only_deleted(b, a, Store::Stick, &[1, 2]),
    ),
    service("menu", AT, menu, bought),
    service("menu", WEB, menu, bought),
    service("SIM", AT, |m| m.sim_status().map(|_| ()), nothing),
    service("SIM", WEB, |m| m.sim_status().map(|_| ()), nothing),
    service(
        "enter PIN",
        PIN,
        |m| m.use_code(PinUse::Enter("1234"), LastTry::Keep).map(|_| ()),
        |_, a| runs_with(a, SimState::Ready),
    ),
    service(
        "wrong PIN",
        PIN,
        |m| m.use_code(PinUse::Enter("9999"), LastTry::Keep).map(|_| ()),
        |_, a| runs_with(a, SimState::Ready),
    ),
    service("unblock", PIN, unblock, |_, a| a.kept.sim.pin == "5678" && runs_with(a, SimState::Ready)),
    service("enable PIN", AT, enable_pin, |_, a| a.kept.sim.pin_enabled),
    service("enable PIN", WEB, enable_pin, |_, a| a.kept.sim.pin_enabled),
    service("disable PIN", PIN, disable_pin, |_, a| !a.kept.sim.pin_enabled),
    service("change PIN", PIN, change_pin, |_, a| a.kept.sim.pin == "5678"),
    service("radio", AT, set_radio, |_, a| a.kept.radio.order == "03"),
    service("radio", WEB, set_radio, |_, a| a.kept.radio.web[0] == "03"),
    service("radio", "e3372s", set_radio, |_, a| a.kept.radio.order == "03"),
    service("networks", AT, |m| m.heard_networks().map(|_| ()), nothing),
    service("networks", WEB, |m| m.heard_networks().map(|_| ()), nothing),
    service(
        "network",
        AT,
        |m| m.use_network(Some("20820")).map(|_| ()),
        |_, a| a.kept.radio.by_hand && a.kept.radio.operator == "20820",
    ),
    service(
        "network",
        WEB,
        |m| m.use_network(Some("20820")).map(|_| ()),
        |_, a| a.kept.radio.by_hand && a.kept.radio.operator == "20820",
    ),
    service("any network", AT, |m| m.use_network(None).map(|_| ()), |_, a| !a.kept.radio.by_hand),
    service("any network", WEB, |m| m.use_network(None).map(|_| ()), |_, a| !a.kept.radio.by_hand),
    service("ports", AT, |m| m.ports().map(|_| ()), nothing),
    service(
        "set ports",
        AT,
        |m| {
            let wanted = "FF;12,10,16".parse().map(PortsWanted::Composition);
            let chosen = m.choose_ports(&wanted.unwrap_or(PortsWanted::Mode(UsbMode(0))))?;
            m.set_ports(&chosen).map(|_| ())
        },
        |_, a| a.kept.composition == "FF;12,10,16",
    ),
    service(
        "typed",
        AT,
        |m| {
            let command = "AT+CFUN=0";
            let answer = m.typed(command, Duration::from_secs(10))?;
            match m.at() {
                Some(at) if answer.result != stickshift::wire::at::Final::Ok => {
                    Err(at.refused(command, &answer.result))
                }
                _ => Ok(()),
            }
        },
        |_, a| a.kept.functionality == 0,
    ),
    service("connection", WEB, |m| m.connection().map(|_| ()), nothing),
    service("data off", WEB, |m| m.set_data(false), |_, a| !a.kept.data.switch),
    service("updates off", WEB, |m| m.set_automatic_updates(false).map(drop), |_, a| !a.kept.auto_update),
    service("delete", LOGIN, |m| delete(m, &[40_000]), |b, a| only_deleted(b, a, Store::Sim, &[40_000])),
];

/// The places of an MBIM store count from 1.
const MBIM_SERVICES: &[Service] = &[
    service("identity", MBIM, |m| m.identity().map(|_| ()), nothing),
    service("signal", MBIM, |m| m.signal().map(|_| ()), nothing),
    service("network", MBIM, |m| m.present_network().map(|_| ()), nothing),
    service("messages", MBIM, |m| m.messages().map(|_| ()), nothing),
    service("read", MBIM, |m| m.read_message(&1.into()).map(|_| ()), nothing),
    service("raw", MBIM, |m| m.raw_messages(&[]).map(|_| ()), nothing),
    service("delete", MBIM, |m| delete(m, &[1]), |b, a| only_deleted(b, a, Store::Sim, &[0])),
    service("delete two", MBIM, |m| delete(m, &[1, 3]), |b, a| only_deleted(b, a, Store::Sim, &[0, 2])),
    service("delete absent", MBIM, |m| delete(m, &[1, 99]), |b, a| only_deleted(b, a, Store::Sim, &[0, 98])),
    service("send", MBIM, send, one_more_message),
    service("send long", MBIM, send_long, one_more_message),
    service("code", MBIM, |m| m.ask_code("*100#").map(|_| ()), one_more_code),
    service("menu", MBIM, menu, bought),
    service("SIM", MBIM, |m| m.sim_status().map(|_| ()), nothing),
    service(
        "enter PIN",
        MBIM_PIN,
        |m| m.use_code(PinUse::Enter("1234"), LastTry::Keep).map(|_| ()),
        |_, a| runs_with(a, SimState::Ready),
    ),
    service(
        "wrong PIN",
        MBIM_PIN,
        |m| m.use_code(PinUse::Enter("9999"), LastTry::Keep).map(|_| ()),
        |_, a| runs_with(a, SimState::Ready),
    ),
    service("enable PIN", MBIM, enable_pin, |_, a| a.kept.sim.pin_enabled),
    service("disable PIN", MBIM_PIN, disable_pin, |_, a| !a.kept.sim.pin_enabled),
    service("change PIN", MBIM_PIN, change_pin, |_, a| a.kept.sim.pin == "5678"),
    service("networks", MBIM, |m| m.heard_networks().map(|_| ()), nothing),
    service(
        "use network",
        MBIM,
        |m| m.use_network(Some("20820")).map(|_| ()),
        |_, a| a.kept.radio.by_hand && a.kept.radio.operator == "20820",
    ),
    service(
        "use forbidden network",
        MBIM,
        |m| m.use_network(Some("20810")).map(|_| ()),
        |_, a| a.kept.radio.by_hand && a.kept.radio.operator == "20810",
    ),
    service("any network", MBIM, |m| m.use_network(None).map(|_| ()), |_, a| !a.kept.radio.by_hand),
];

/// A code that was entered, as long as the stick runs on: what a restart has forgotten is no change.
fn code_was_entered(before: &Held, after: &Held) -> bool {
    !runs_with(before, SimState::Ready) && runs_with(after, SimState::Ready)
}

/// What a verdict speaks of: whether a message was read and what a restart forgets are no part of it.
fn lasting(held: &Held) -> Held {
    let mut held = held.clone();
    for message in &mut held.kept.messages {
        if message.state == MessageState::Unread {
            message.state = MessageState::Read;
        }
    }
    held.running = None;
    held
}

/// Runs a service on a fresh stick. `None` when the stick has gone before a word was said.
fn run(service: &Service, fault: Option<&Fault>, seed: u64) -> (Result<()>, Held, Held) {
    let mut bus = VirtualBus::new();
    let place: Place = "1-1".parse().unwrap();
    let words = fault.map(Fault::to_string);
    bus.plug(&place, catalogue::virtual_stick(service.stick, seed, words.as_deref()).unwrap());
    bus.advance(Duration::from_secs(60));
    let before = bus.held(&place).unwrap();
    let ended = talk(service, &mut bus);
    // What is on its way still arrives.
    bus.advance(Duration::from_secs(120));
    (ended, before, bus.held(&place).unwrap())
}

fn talk(service: &Service, bus: &mut VirtualBus) -> Result<()> {
    let stick = bus.sticks()?.remove(0);
    let cancel = Cancel::new();
    if stick.mode == Mode::Hilink {
        let mut link = bus.open_http(&stick.place)?;
        let login = Login { user: "admin".into(), password: "admin".into(), allow_weak: false };
        let login = (service.stick == LOGIN).then_some(&login);
        return (service.run)(&mut Modem::over_web(&mut *link, login, &cancel)?);
    }
    if let Some(FirstWay::Mbim(interface)) = first_way(&stick) {
        let mut link = bus.open_messages(&stick.place, interface)?;
        return (service.run)(&mut Modem::over_mbim(&mut *link, &cancel)?);
    }
    let port = stick.interfaces.iter().find(|i| i.role == Role::Pcui).unwrap().number;
    let mut link = bus.open_port(&stick.place, port)?;
    (service.run)(&mut Modem::over_at(&mut *link, &cancel)?)
}

/// Damage that cannot be seen by anybody: what is typed is sent and its result shown, and nobody checks that it means what was typed.
fn beyond(service: &Service, fault: &Fault) -> bool {
    fault.kind == FaultKind::Corrupt && service.name == "typed"
}

/// What is wrong with what was said, if anything.
fn false_word(service: &Service, ended: &Result<()>, before: &Held, after: &Held) -> Option<&'static str> {
    let changed = lasting(before) != lasting(after) || code_was_entered(before, after);
    let verdict = ended.as_ref().err().map(Error::verdict);
    match verdict {
        None if !(service.is_done)(before, after) => Some("said done, and it is not"),
        Some(Some(Verdict::Untouched)) if changed => Some("said untouched, and something changed"),
        Some(Some(Verdict::Recoverable)) if !changed => Some("said that a part is done, and nothing changed"),
        Some(Some(Verdict::Done)) if !(service.is_done)(before, after) => Some("said done, and it is not"),
        _ => None,
    }
}

/// Kinds that belong to other states of a stick than the one in which it talks.
const ELSEWHERE: &[FaultKind] = &[
    FaultKind::WrongDevice,
    FaultKind::NoOpeningFlag,
    FaultKind::Deaf,
    FaultKind::SignRequired,
    FaultKind::UnsignedTaken,
    FaultKind::TableRefused,
    FaultKind::TableRestarts,
    FaultKind::LoaderDead,
    FaultKind::AuthRefused,
];

fn faults(step: u32) -> Vec<Fault> {
    let kinds = FaultKind::ALL.iter().filter(|kind| !ELSEWHERE.contains(kind));
    let mut faults: Vec<Fault> = match step {
        // Properties have no step: once is enough.
        0 => kinds.filter(|k| k.is_property()).map(|k| Fault::new(*k, None)).collect(),
        _ => kinds.filter(|k| !k.is_property()).map(|k| Fault::new(*k, Some(step))).collect(),
    };
    if step > 0 {
        // An answer that comes when nobody waits for it any more.
        let late = |seconds| Fault {
            time: Some(Duration::from_secs(seconds)),
            ..Fault::new(FaultKind::Delay, Some(step))
        };
        faults.extend([late(8), late(63), late(130)]);
        let back = Fault { time: Some(Duration::from_secs(1)), ..Fault::new(FaultKind::Unplug, Some(step)) };
        faults.push(back);
    }
    faults
}

#[test]
fn every_fault_at_every_step_of_every_service_ends_true() {
    campaign(SERVICES, LEAST_RUNS);
}

#[test]
fn every_fault_at_every_message_of_every_service_over_mbim_ends_true() {
    campaign(MBIM_SERVICES, LEAST_MBIM_RUNS);
}

fn campaign(services: &[Service], least: usize) {
    let mut runs = 0;
    let mut said: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for service in services {
        let (ended, before, after) = run(service, None, 1);
        let expects = !matches!(
            service.name,
            "delete absent" | "delete ambiguous" | "read ambiguous" | "wrong PIN" | "use forbidden network"
        ) && service.stick != "e3372s";
        assert!(!expects || ended.is_ok(), "{} on {}: {ended:?}", service.name, service.stick);
        assert_eq!(false_word(service, &ended, &before, &after), None, "{} {ended:?}", service.name);
        let steps = match service.stick {
            // The stores are listed before and after.
            AT if service.name.starts_with("delete") => 30,
            AT | PIN | "e3372s" => 18,
            MBIM if service.name.starts_with("delete") => 12,
            MBIM_PIN => 20,
            MBIM => 10,
            _ => 14,
        };
        for seed in 1..=SEEDS {
            for fault in (0..=steps).flat_map(faults) {
                let (ended, before, after) = run(service, Some(&fault), seed);
                runs += 1;
                let word = match &ended {
                    Ok(()) => "done",
                    Err(e) => e.verdict().map_or("left to the evidence", Verdict::as_str),
                };
                *said.entry(word).or_default() += 1;
                if beyond(service, &fault) {
                    continue;
                }
                if let Some(what) = false_word(service, &ended, &before, &after) {
                    let (name, stick) = (service.name, service.stick);
                    wrong.push(format!("{name} on {stick}, {fault}, seed {seed}: {what}: {ended:?}"));
                }
            }
        }
    }
    println!("{runs} runs: {said:?}; {} false words", wrong.len());
    assert!(wrong.is_empty(), "{} of {runs}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(runs >= least, "{runs} runs");
}

/// Each by a run of its own, as an owner types them, and the last one with the owner's word: whatever is lost on the way, a try that is gone is no
/// stick that nothing was done to.
#[test]
fn every_fault_at_every_try_of_a_pin_ends_true() {
    let wrong_pin = |stick| {
        service(
            "wrong PIN",
            stick,
            |m| m.use_code(PinUse::Enter("9999"), LastTry::MaySpend).map(|_| ()),
            |_, a| runs_with(a, SimState::Ready),
        )
    };
    let mut wrong = Vec::new();
    let mut blocked = 0;
    for service in [wrong_pin(PIN), wrong_pin(MBIM_PIN)] {
        for fault in (1..=40).flat_map(faults) {
            let mut bus = VirtualBus::new();
            let place: Place = "1-1".parse().unwrap();
            bus.plug(&place, catalogue::virtual_stick(service.stick, 1, Some(&fault.to_string())).unwrap());
            bus.advance(Duration::from_secs(60));
            for code in 1..=3 {
                let before = bus.held(&place).unwrap();
                if bus.sticks().unwrap().is_empty() {
                    break;
                }
                let ended = talk(&service, &mut bus);
                bus.advance(Duration::from_secs(120));
                let after = bus.held(&place).unwrap();
                blocked += usize::from(runs_with(&after, SimState::Puk));
                if let Some(what) = false_word(&service, &ended, &before, &after) {
                    wrong.push(format!("try {code} on {}, {fault}: {what}: {ended:?}", service.stick));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(blocked > 1_000, "{blocked}");
}

#[test]
fn a_reply_to_a_dialogue_that_is_over_is_not_sent_as_a_code() {
    let (mut bus, stick) = stickshift_emu::testkit::plugged(WEB, 1, None).unwrap();
    let mut link = bus.open_http(&stick.place).unwrap();
    let mut modem = Modem::over_web(&mut *link, None, &Cancel::new()).unwrap();
    assert!(modem.ask_code("*111#").unwrap().reply_expected);
    modem.web().unwrap().call(&stickshift::hilink::ussd::release()).unwrap();
    let error = modem.ask_code("1").unwrap_err();
    assert_eq!(
        (error.kind(), error.verdict()),
        (ErrorKind::HilinkRefused, Some(Verdict::Recoverable)),
        "{error:?}"
    );
    assert!(error.what().contains("before the reply"), "{error:?}");
}

#[test]
fn what_can_be_no_code_is_refused_in_one_way() {
    let long = "1".repeat(183);
    for stick in [AT, WEB] {
        let (mut bus, stick) = stickshift_emu::testkit::plugged(stick, 1, None).unwrap();
        let (mut port, mut web);
        let cancel = Cancel::new();
        let mut modem = match first_way(&stick) {
            Some(FirstWay::At) => {
                port = bus.open_port(&stick.place, 0).unwrap();
                Modem::over_at(&mut *port, &cancel).unwrap()
            }
            _ => {
                web = bus.open_http(&stick.place).unwrap();
                Modem::over_web(&mut *web, None, &cancel).unwrap()
            }
        };
        for code in ["", "*100\n#", "*100\u{1b}#", &long] {
            let error = modem.ask_code(code).unwrap_err();
            assert_eq!(
                (error.kind(), error.verdict()),
                (ErrorKind::Usage, Some(Verdict::Untouched)),
                "{code:?}"
            );
        }
        assert!(modem.ask_code("*100#").is_ok());
    }
}
