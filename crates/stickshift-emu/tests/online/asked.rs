//! What a stick is asked: the plan names all of it, and an answer that only informs may be lost.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stickshift::at::data::{Authentication, PdpType};
use stickshift::error::{Error, ErrorKind};
use stickshift::link::{Bus, TracedBus};
use stickshift::online::{self, Computer, Connection, Simulated, Wanted, WantedWay, Weather};
use stickshift::stick::Role;
use stickshift_emu::computer::VirtualBus;
use stickshift_emu::sticks::catalogue;

use super::scripted::{Script, ScriptedBus};
use super::{place, up_with, wanted};

/// What one run was to send by its plan, and what it sent.
struct Ran {
    plan: String,
    /// In order; what the trace masks is `*`.
    sent: Vec<String>,
    /// What was changed on the computer.
    changed: Vec<String>,
    ended: Result<Connection, Error>,
}

fn ran(name: &str, fault: &str, wanted: &Wanted) -> Ran {
    let bus = VirtualBus::new();
    bus.plug(&place(), catalogue::virtual_stick(name, 1, Some(fault).filter(|f| !f.is_empty())).unwrap());
    bus.advance(Duration::from_secs(60));
    let sink = Arc::new(Mutex::new(Vec::new()));
    let mut bus = TracedBus::new(Box::new(bus), sink.clone());
    let stick = bus.sticks().unwrap().remove(0);
    let mut computer = Simulated::new(Weather { advertises: true, dhcp6: true, ..Weather::default() });
    let _ = computer.cards(&stick).unwrap();
    let plan = online::plan(&stick, &mut computer, wanted).unwrap();
    let plan: Vec<String> = plan.steps.into_iter().map(|step| step.text).collect();
    // What only the run finds out.
    let plan = plan.join("\n").replace("\"APN of the SIM's operator\"", "..").replace("PIN\"", "1234\"");
    let plan = plan.replace("PASSWORD", wanted.password.as_deref().unwrap_or_default());
    let (ended, told) = up_with(&mut bus, &stick, &mut computer, wanted, Some("1234"));
    let trace = String::from_utf8(sink.lock().unwrap().clone()).unwrap();
    let changed = told.iter().filter_map(|told| told.strip_prefix("computer: ")).map(str::to_owned).collect();
    Ran { plan, sent: sent(&trace), changed, ended }
}

/// The AT commands, web requests and MBIM commands of a trace.
fn sent(trace: &str) -> Vec<String> {
    let mut sent = Vec::new();
    for line in trace.lines() {
        let web =
            line.strip_prefix("# ").filter(|line| line.starts_with("GET ") || line.starts_with("POST "));
        if let Some(request) = web {
            sent.extend(request.split(' ').nth(1).map(str::to_owned));
        }
        let Some(bytes) = line.strip_prefix("> ").map(bytes_of) else { continue };
        match bytes.as_slice() {
            [b'A', b'T', ..] => {
                let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
                sent.push(text.trim_end_matches('\r').to_owned());
            }
            // USB-IF, MBIM 1.0 sections 9.3.1 and 9.3.4.
            [1, 0, 0, 0, ..] => sent.push("OPEN".to_owned()),
            [3, 0, 0, 0, ..] => sent.push(command_name(bytes[36]).to_owned()),
            _ => {}
        }
    }
    sent
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap_or(b'*')).collect()
}

/// USB-IF, MBIM 1.0 table 9-13.
fn command_name(number: u8) -> &'static str {
    match number {
        1 => "DEVICE_CAPS",
        2 => "SUBSCRIBER_READY_STATUS",
        3 => "RADIO_STATE",
        4 => "PIN",
        5 => "PIN_LIST",
        6 => "HOME_PROVIDER",
        9 => "REGISTER_STATE",
        10 => "PACKET_SERVICE",
        12 => "CONNECT",
        15 => "IP_CONFIGURATION",
        _ => "another",
    }
}

/// The words of a plan that are commands. `..` at the end of one stands for what the stick's own settings are.
fn words(plan: &str) -> Vec<&str> {
    plan.split([' ', '\n']).map(|word| word.trim_matches([',', ';', ':', '(', ')', '`'].as_slice())).collect()
}

fn names(plan: &str, command: &str) -> bool {
    words(plan).iter().any(|word| match word.strip_suffix("..") {
        Some(beginning) => is_same(beginning, command.get(..beginning.len()).unwrap_or_default()),
        None => is_same(word, command),
    })
}

fn is_same(planned: &str, sent: &str) -> bool {
    let mut both = planned.bytes().zip(sent.bytes());
    planned.len() == sent.len() && both.all(|(planned, sent)| sent == b'*' || planned == sent)
}

/// What of a plan's changes of the computer this one is.
fn names_change(plan: &str, change: &str) -> bool {
    let has = |words: &str| plan.contains(words);
    match change.split(' ').collect::<Vec<_>>().as_slice() {
        [card, "up"] => has(&format!("{card} up")),
        [_, "arp", _] => has("its arp"),
        [_, "mtu", bytes] => has(&format!("mtu {bytes}")) || has("mtu as the network says"),
        [_, setting, "=", _] => has(setting),
        ["add", "address", ..] => has("its address"),
        ["add", "route", "default", ..] if change.contains("metric 700") => {
            has("default route with metric 700")
        }
        ["add", "route", ..] => has("table "),
        ["add", "rule", ..] => has("and rules for"),
        ["name", "servers", ..] => has("name servers, by"),
        _ => false,
    }
}

/// What stands in plans for pages with a login or without a switch for data, for a radio that is off, and for sticks of other makers.
const ELSEWHERE: [&str; 16] = [
    "/api/dialup/dial",
    "/api/pin/operate",
    "/api/user/authentication_login",
    "/api/user/challenge_login",
    "/api/user/hilink_login",
    "/api/user/login",
    "/api/user/logout",
    "/api/user/state-login",
    "AT*EPIN?",
    "AT+CFUN=1",
    "AT+CPINR",
    "AT+CREG?",
    "AT+QPINC?",
    "AT+SPIC",
    "AT+UPINCNT",
    "AT+ZPINPUK=?",
];

#[test]
fn the_plan_names_all_that_is_sent_and_changed() {
    let web = || Some("web".to_owned());
    let secured = |authentication| Wanted {
        apn: Some("secured".into()),
        user: Some("user".into()),
        password: Some("secret".into()),
        authentication,
        ..Wanted::default()
    };
    let ppp = |wanted: Wanted| Wanted { way: WantedWay::Ppp, ..wanted };
    let abroad = Wanted { roaming: true, ..Wanted::default() };
    let small = Wanted { apn: web(), mtu: Some(1400), ..Wanted::default() };
    let v4 = Wanted { apn: web(), ip: Some(PdpType::V4), ..Wanted::default() };
    let mut seen = BTreeSet::new();
    let mut plans = BTreeSet::new();
    for (name, fault, wanted) in [
        ("e3372h-stick", "", Wanted::default()),
        ("e3372h-stick", "roaming", abroad.clone()),
        ("e3372h-stick", "late-network:70s", small.clone()),
        ("e3372h-stick", "stale-bearer", v4.clone()),
        ("e3372h-stick", "ipv4-only", secured(None)),
        ("e3372h-stick", "", secured(Some(Authentication::Pap))),
        ("e3372h-stick-pin", "", small.clone()),
        ("e3372s", "refused=27", Wanted::default()),
        ("e3372h-stick", "", ppp(secured(Some(Authentication::Chap)))),
        ("e3372h-stick", "stale-bearer", ppp(small.clone())),
        ("k3772-modem", "roaming", ppp(abroad.clone())),
        ("k3772-modem", "", ppp(v4.clone())),
        ("e3372h-hilink", "", Wanted::default()),
        ("e3372h-hilink", "roaming", abroad.clone()),
        ("e3276-hilink", "", Wanted { mtu: Some(1400), ..Wanted::default() }),
        ("e303-hilink", "", Wanted::default()),
        ("em7455", "", Wanted::default()),
        ("em7455", "ipv4-only", secured(None)),
        ("em7455-pin", "refused=27", small.clone()),
        ("mf823", "", Wanted::default()),
    ] {
        let ran = ran(name, fault, &wanted);
        for command in &ran.sent {
            assert!(names(&ran.plan, command), "{name} {fault}: {command} is sent\n{}", ran.plan);
        }
        for change in &ran.changed {
            assert!(names_change(&ran.plan, change), "{name} {fault}: {change} is made\n{}", ran.plan);
        }
        let options = [wanted.mtu.map(|mtu| mtu.to_string()), wanted.user.clone()];
        for option in options.into_iter().flatten() {
            assert!(ran.plan.contains(&option), "{name}: {option}\n{}", ran.plan);
        }
        seen.extend(ran.sent);
        plans.extend(words(&ran.plan).into_iter().map(str::to_owned));
        // What was refused ends there; everything else goes up.
        assert!(ran.ended.is_ok() || fault.starts_with("refused"), "{name} {fault}: {:?}", ran.ended);
    }
    // And nothing stands there that is never sent: a command of another stick, or for an answer that these do not give.
    let commands = plans.iter().filter(|word| word.starts_with("AT") || word.starts_with("/api"));
    let never: Vec<&String> =
        commands.filter(|word| !word.ends_with("..") && !seen.iter().any(|sent| names(word, sent))).collect();
    assert_eq!(never, ELSEWHERE);
}

/// What has to be answered: a change, and the first page, without which there is no session.
const DECIDES: [&str; 4] = ["AT+CGDCONT=", "AT^NDISDUP=", "CONNECT", "/"];

#[test]
fn a_lost_answer_that_only_informs_ends_nothing() {
    let mut tried = 0;
    for (name, fault, wanted) in [
        ("e3372h-stick", "", Wanted::default()),
        ("e3372h-stick", "", Wanted { way: WantedWay::Ppp, ..Wanted::default() }),
        ("em7455", "", Wanted::default()),
        ("e3372h-hilink", "", Wanted::default()),
        ("e3372h-hilink", "roaming,", Wanted { roaming: true, ..Wanted::default() }),
    ] {
        for number in 1..200 {
            let all = ran(name, &format!("{fault}mute@{number}"), &wanted);
            let Some(lost) = all.sent.get(number - 1) else { break };
            tried += 1;
            let decides = DECIDES
                .iter()
                .any(|decides| lost == decides || decides.ends_with('=') && lost.starts_with(decides));
            assert!(all.ended.is_ok() || decides, "{name} {fault} {number}: {lost}: {:?}", all.ended);
        }
    }
    assert!(tried > 60, "{tried}");
}

/// A port for AT commands by its descriptor, and silent: the next one is asked.
#[test]
fn the_second_port_is_asked_where_the_first_is_silent() {
    let mut script = Script::default();
    script.silent = Some(0);
    let mut bus = ScriptedBus::new(script);
    let mut stick = ScriptedBus::stick();
    let mut modem = stick.interfaces[0].clone();
    (modem.number, modem.role, modem.tty) = (2, Role::Modem, Some("/dev/ttyUSB1".into()));
    stick.interfaces.push(modem);
    let mut computer = Simulated::new(Weather::default());
    let (ended, told) = up_with(&mut bus, &stick, &mut computer, &wanted(), None);
    assert!(ended.is_ok(), "{ended:?}");
    assert!(told.contains(&"port: AT commands on interface 2".to_owned()), "{told:?}");
    // Where none answers, that is what is said.
    stick.interfaces.pop();
    let error = up_with(&mut bus, &stick, &mut Simulated::new(Weather::default()), &wanted(), None).0;
    assert!(error.is_err_and(|e| e.is(ErrorKind::Timeout)));
}
