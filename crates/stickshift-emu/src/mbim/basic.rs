//! The service "basic connect" on the modem's side (section 10.5).

use std::time::Duration;

use stickshift::link::Moment;

use crate::mbim::buffer::{Input, Output};
use crate::mbim::{Outcome, Request, message, status};
use crate::modem::Modem;
use crate::modem::data::{DIALLING, DataState, SECOND_STAGE, Way};
use crate::modem::families::Families;
use crate::modem::radio::NETWORKS;
use crate::modem::sim::{Refused, SimState};
use crate::network::{Bearer, IPV6_GATEWAY};
use crate::ppp::Admission;

pub(super) const SIGNAL_STATE: u32 = 11;
pub(super) const REGISTER_STATE: u32 = 9;
pub(super) const CONNECT: u32 = 12;
const SUBSCRIBER_READY: u32 = 2;

/// GPRS, EDGE, UMTS, HSDPA, HSUPA, LTE.
const CLASSES: u32 = 0x3f;
const LTE: u32 = 0x20;

const INTERNET: [u8; 16] =
    [0x7e, 0x5e, 0x2a, 0x7e, 0x4e, 0x6f, 0x72, 0x72, 0x73, 0x6b, 0x65, 0x6e, 0x7e, 0x5e, 0x2a, 0x7e];

impl Request<'_> {
    fn input(&self) -> Input<'_> {
        Input(self.data)
    }

    pub(super) fn sim(&self) -> SimState {
        self.modem.sim.state(self.now)
    }

    /// It is in a network, at home or abroad.
    fn hears(&self) -> bool {
        matches!(self.modem.registration(self.now), 1 | 5)
    }

    /// Why the SIM does not let anything be done.
    pub(super) fn wants(&self) -> Option<u32> {
        Some(match self.sim() {
            SimState::Ready => return None,
            SimState::Absent => status::NO_SIM,
            SimState::Busy => status::NOT_INITIALIZED,
            SimState::Pin | SimState::Puk => status::PIN_REQUIRED,
            SimState::Dead => status::BAD_SIM,
        })
    }
}

/// Runs one command.
pub(super) fn run(cid: u32, mut request: Request<'_>) -> Outcome {
    match (cid, request.set) {
        (1, false) => device_caps(&request),
        (2, false) => Outcome::done(subscriber(&request)),
        (3, _) => radio_state(&mut request),
        (4, false) => Outcome::done(pin(&request)),
        (4, true) => use_pin(&mut request),
        (5, false) => pin_list(&request),
        (6, false) => match request.wants() {
            Some(wants) => Outcome::refused(wants),
            None => Outcome::done(provider(0x19, "20801", "Orange")),
        },
        (8, false) => visible_providers(&request),
        (9, false) => Outcome::done(registration(&request)),
        (9, true) => register(&mut request),
        (10, _) => packet_service(&mut request),
        // Thresholds of reports are taken, and nothing is reported.
        (SIGNAL_STATE, _) => Outcome::done(signal(request.hears())),
        (CONNECT, false) => match request.input().u32(0) {
            Some(0) => Outcome::done(connection(&request)),
            _ => Outcome::refused(status::BAD_PARAMETERS),
        },
        (CONNECT, true) => connect(&mut request),
        (15, false) => ip_configuration(&request),
        (16, false) => device_services(),
        // Which indications a host wants: it gets them all.
        (19, true) => Outcome::done(request.data.to_vec()),
        (20, false) => {
            let (received, sent) = request.modem.data.traffic(request.now);
            let mut out = Output::default();
            out.u32s(&[0, 0]).u64(received).u64(received / 1000).u64(sent).u64(sent / 1000).u32s(&[0, 0]);
            Outcome::done(out.bytes())
        }
        _ => Outcome::refused(status::NO_SUPPORT),
    }
}

fn device_caps(request: &Request<'_>) -> Outcome {
    let mut out = Output::default();
    // Removable, GSM, no voice, removable SIM, classes, PDUs to receive and send, PIN and scan, one session.
    out.u32s(&[2, 1, 1, 2, CLASSES, 3, 3, 1]).text("");
    out.text(&request.id.imei).text(&request.id.version).text(&request.id.hardware);
    Outcome::done(out.bytes())
}

fn subscriber(request: &Request<'_>) -> Vec<u8> {
    let state = match request.sim() {
        SimState::Busy => 0,
        SimState::Ready => 1,
        SimState::Absent => 2,
        SimState::Dead => 3,
        SimState::Pin | SimState::Puk => 6,
    };
    let ready = state == 1;
    let mut out = Output::default();
    let (imsi, iccid) = (request.modem.imsi(), request.modem.iccid());
    out.u32(state).text(if ready { &imsi } else { "" });
    out.text(if state == 2 { "" } else { &iccid }).u32s(&[0, 0]);
    out.bytes()
}

fn radio_state(request: &mut Request<'_>) -> Outcome {
    if request.set {
        match request.input().u32(0) {
            Some(on @ 0..=1) => {
                request.modem.radio.function = if on == 1 { 1 } else { 4 };
                if on == 0 {
                    request.modem.data.hang_up(request.now);
                }
            }
            _ => return Outcome::refused(status::BAD_PARAMETERS),
        }
    }
    let on = u32::from(request.modem.radio.function == 1);
    let mut out = Output::default();
    out.u32s(&[1, on]);
    Outcome::done(out.bytes())
}

/// PIN1 is 2, PUK1 is 11.
fn pin(request: &Request<'_>) -> Vec<u8> {
    let sim = &request.modem.sim;
    let (kind, locked, left) = match request.sim() {
        SimState::Pin => (2, 1, u32::from(sim.pin_tries)),
        SimState::Puk => (11, 1, u32::from(sim.puk_tries)),
        SimState::Ready => (2, 0, u32::from(sim.pin_tries)),
        SimState::Absent | SimState::Busy | SimState::Dead => (0, 0, u32::MAX),
    };
    let mut out = Output::default();
    out.u32s(&[kind, locked, left]);
    out.bytes()
}

fn use_pin(request: &mut Request<'_>) -> Outcome {
    let input = request.input();
    let (Some(kind), Some(operation), Some(code), Some(new)) =
        (input.u32(0), input.u32(4), input.text(8), input.text(16))
    else {
        return Outcome::refused(status::BAD_PARAMETERS);
    };
    let (now, sim) = (request.now, &mut request.modem.sim);
    let done = match (kind, operation) {
        (2, 0) => sim.enter(now, &code),
        (2, 1) => sim.enable(now, true, &code),
        (2, 2) => sim.enable(now, false, &code),
        (2, 3) => sim.change(now, &code, &new),
        (11, 0) => sim.unblock(now, &code, &new),
        _ => return Outcome::refused(status::BAD_PARAMETERS),
    };
    let takes = Duration::from_millis(500);
    match done {
        Ok(()) => {
            let told = subscriber(request);
            Outcome::done(pin(request)).after(takes).telling(SUBSCRIBER_READY, told)
        }
        Err(refused) => {
            let status = match refused {
                Refused::Absent => status::NO_SIM,
                Refused::Busy => status::NOT_INITIALIZED,
                Refused::NotAllowed => status::NOT_ALLOWED,
                Refused::Wrong | Refused::WantsPuk => status::FAILURE,
                Refused::Dead => status::BAD_SIM,
            };
            // How many tries are left stands beside the refusal.
            Outcome { status, data: pin(request), after: takes, ..Outcome::default() }
        }
    }
}

fn pin_list(request: &Request<'_>) -> Outcome {
    let mut out = Output::default();
    for kind in 0..10 {
        // Modes: 0 there is none, 1 asked for, 2 not. PIN1, then PIN2 and eight locks that this modem does not have.
        let mode = match kind {
            0 => 2 - u32::from(request.modem.sim.enabled),
            1 => 2,
            _ => 0,
        };
        out.u32s(&[mode, u32::from(mode != 0), 4, 8]);
    }
    Outcome::done(out.bytes())
}

fn provider(state: u32, number: &str, name: &str) -> Vec<u8> {
    let mut out = Output::default();
    out.text(number).u32(state).text(name).u32s(&[1, 20, 99]);
    out.bytes()
}

fn visible_providers(request: &Request<'_>) -> Outcome {
    if let Some(wants) = request.wants() {
        return Outcome::refused(wants);
    }
    if request.modem.radio.function != 1 {
        return Outcome::refused(status::RADIO_OFF);
    }
    let mut out = Output::default();
    out.u32(NETWORKS.len() as u32);
    for (state, name, _, number, _) in NETWORKS {
        let used = request.modem.radio.operator.2 == number;
        let state =
            if state == 3 { 0x0a } else { 0x08 | u32::from(used) << 4 | u32::from(number == "20801") };
        out.named(&provider(state, number, name));
    }
    Outcome::done(out.bytes()).after(Duration::from_secs(30))
}

fn registration(request: &Request<'_>) -> Vec<u8> {
    registration_of(request.modem, request.now)
}

/// How a modem is registered.
pub(super) fn registration_of(modem: &Modem, now: Moment) -> Vec<u8> {
    let (name, _, number) = modem.radio.operator;
    // Deregistered, searching, home, roaming, denied.
    let state = match modem.registration(now) {
        1 => 3,
        2 => 2,
        3 => 6,
        5 => 4,
        _ => 1,
    };
    let here = matches!(state, 3 | 4);
    let mut out = Output::default();
    out.u32s(&[0, state, 1 + u32::from(modem.radio.manual), if here { LTE } else { 0 }, u32::from(here)]);
    out.text(if here { number } else { "" }).text(if here { name } else { "" }).text("").u32(0);
    out.bytes()
}

fn register(request: &mut Request<'_>) -> Outcome {
    let input = request.input();
    let (Some(number), Some(by_hand @ 0..=1), Some(_classes)) = (input.text(0), input.u32(8), input.u32(12))
    else {
        return Outcome::refused(status::BAD_PARAMETERS);
    };
    if let Some(wants) = request.wants() {
        return Outcome::refused(wants);
    }
    if by_hand == 0 {
        request.modem.radio.manual = false;
        return Outcome::done(registration(request)).after(Duration::from_secs(5));
    }
    match NETWORKS.iter().find(|network| network.3 == number) {
        None => Outcome::refused(status::NOT_VISIBLE).after(Duration::from_secs(20)),
        // Forbidden: the network says so.
        Some((3, ..)) => Outcome::refused(status::FAILURE).after(Duration::from_secs(20)),
        Some(&(_, long, short, number, _)) => {
            request.modem.radio.operator = (long, short, number);
            request.modem.radio.manual = true;
            Outcome::done(registration(request)).after(Duration::from_secs(5))
        }
    }
}

fn packet_service(request: &mut Request<'_>) -> Outcome {
    let mut takes = super::QUICKLY;
    if request.set {
        match request.input().u32(0) {
            Some(0) if !request.hears() => return Outcome::refused(status::NOT_REGISTERED),
            Some(action @ 0..=1) => *request.attached = action == 0,
            _ => return Outcome::refused(status::BAD_PARAMETERS),
        }
        if !*request.attached {
            request.modem.data.hang_up(request.now);
        }
        takes = Duration::from_secs(1);
    }
    let attached = *request.attached && request.hears();
    let mut out = Output::default();
    out.u32s(&[0, if attached { 2 } else { 4 }, if attached { LTE } else { 0 }]);
    out.u64(50_000_000).u64(150_000_000);
    Outcome::done(out.bytes()).after(takes)
}

/// 20 on the scale of 0 to 31; 99 is not known.
pub(super) fn signal(hears: bool) -> Vec<u8> {
    let mut out = Output::default();
    out.u32s(&[if hears { 20 } else { 99 }, 99, 0, 0, 0]);
    out.bytes()
}

fn connection(request: &Request<'_>) -> Vec<u8> {
    let state = match request.modem.data.state(request.now) {
        DataState::Up => 1,
        DataState::Connecting => 2,
        DataState::Down => 3,
    };
    connection_as(state, request.modem.data.bearer(request.now).as_ref(), 0)
}

/// A connection that the network has ended: regular deactivation.
pub(super) fn ended() -> Vec<u8> {
    connection_as(3, None, 36)
}

fn connection_as(state: u32, bearer: Option<&Bearer>, cause: u32) -> Vec<u8> {
    let families = bearer.map(|b| (b.ipv4.is_some(), b.ipv6.is_some()));
    let ip = match families {
        Some((true, true)) => 3,
        Some((false, true)) => 2,
        Some((true, false)) => 1,
        Some((false, false)) | None => 0,
    };
    let mut out = Output::default();
    out.u32s(&[0, state, 0, ip]).raw(&INTERNET).u32(cause);
    out.bytes()
}

fn connect(request: &mut Request<'_>) -> Outcome {
    let input = request.input();
    let numbers = [0, 4, 32, 36, 40].map(|at| input.u32(at));
    let texts = [8, 16, 24].map(|at| input.text(at));
    let ([Some(0), Some(command), Some(0), Some(_auth), Some(ip)], [Some(apn), Some(user), Some(password)]) =
        (numbers, texts)
    else {
        return Outcome::refused(status::BAD_PARAMETERS);
    };
    let down = request.modem.data.state(request.now) == DataState::Down;
    match command {
        0 if down => return Outcome::refused(status::NOT_ACTIVATED),
        0 => {
            request.modem.data.hang_up(request.now);
            return Outcome::done(connection_as(3, None, 0)).after(Duration::from_millis(300));
        }
        1 => {}
        _ => return Outcome::refused(status::BAD_PARAMETERS),
    }
    if let Some(wants) = request.wants() {
        return Outcome::refused(wants);
    }
    let admitted = match request.modem.data.admission(&apn) {
        Admission::Everybody => true,
        Admission::Only(name, secret) => (name, secret) == (user, password),
        Admission::Nobody => false,
    };
    match () {
        () if !request.hears() => Outcome::refused(status::NOT_REGISTERED),
        () if !request.modem.may_connect(request.now, request.modem.radio.roaming == 1) => {
            Outcome::refused(status::NOT_ALLOWED)
        }
        () if !*request.attached => Outcome::refused(status::DETACHED),
        () if !down => Outcome::refused(status::MOST_CONTEXTS),
        // Cause 33: not subscribed.
        () if apn == "refused" => {
            let data = connection_as(3, None, 33);
            Outcome { status: status::BAD_ACCESS, data, after: DIALLING, ..Outcome::default() }
        }
        () if !admitted => Outcome::refused(status::BAD_LOGIN).after(DIALLING),
        () => {
            let families = match ip {
                0 | 1 => Families { ipv4: true, ipv6: false },
                2 => Families { ipv4: false, ipv6: true },
                _ => Families { ipv4: true, ipv6: true },
            };
            request.modem.data.dial(request.now, Way::Mbim, families);
            if let Some(cause) = request.modem.data.refusal() {
                let data = connection_as(3, None, u32::from(cause.unwrap_or(0)));
                return Outcome { status: status::FAILURE, data, after: DIALLING, ..Outcome::default() };
            }
            let takes = DIALLING + if families.ipv6 { SECOND_STAGE } else { Duration::ZERO };
            let bearer = request.modem.data.bearer(request.now + takes);
            Outcome::done(connection_as(1, bearer.as_ref(), 0)).after(takes)
        }
    }
}

fn ip_configuration(request: &Request<'_>) -> Outcome {
    let bearer = match request.modem.data.bearer(request.now) {
        Some(bearer) => bearer,
        // A connection that the network gave no address.
        None if request.modem.data.state(request.now) == DataState::Up => {
            Bearer { ipv4: None, ipv6: None, mtu: request.modem.data.mtu }
        }
        None => return Outcome::refused(status::NOT_ACTIVATED),
    };
    // Behind fifteen numbers: for IPv4 an address with its prefix, the gateway, two name servers; the same for IPv6.
    let mut behind = Vec::new();
    let mut numbers = [0_u32; 15];
    let begin = |behind: &Vec<u8>| (60 + behind.len()) as u32;
    if let Some(ipv4) = bearer.ipv4 {
        numbers[1] = 0x0f;
        (numbers[3], numbers[4]) = (1, begin(&behind));
        behind.extend(u32::from(ipv4.prefix).to_le_bytes());
        behind.extend(ipv4.address.octets());
        numbers[7] = begin(&behind);
        behind.extend(ipv4.gateway.octets());
        (numbers[9], numbers[10]) = (2, begin(&behind));
        ipv4.dns.iter().for_each(|dns| behind.extend(dns.octets()));
        numbers[13] = u32::from(bearer.mtu);
    }
    if let Some(ipv6) = bearer.ipv6 {
        numbers[2] = 0x0f;
        (numbers[5], numbers[6]) = (1, begin(&behind));
        behind.extend(64_u32.to_le_bytes());
        behind.extend(ipv6.address().octets());
        numbers[8] = begin(&behind);
        behind.extend(IPV6_GATEWAY.octets());
        (numbers[11], numbers[12]) = (2, begin(&behind));
        ipv6.dns.iter().for_each(|dns| behind.extend(dns.octets()));
        numbers[14] = u32::from(bearer.mtu);
    }
    let mut out = Output::default();
    out.u32s(&numbers).raw(&behind);
    Outcome::done(out.bytes())
}

/// The services with the numbers of their commands.
fn device_services() -> Outcome {
    let mut out = Output::default();
    let all: [([u8; 16], &[u32]); 3] = [
        (message::BASIC, &[1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 15, 16, 19, 20]),
        (message::SMS, &[1, 2, 3, 4, 5]),
        (message::USSD, &[1]),
    ];
    out.u32s(&[all.len() as u32, 0]);
    for (service, cids) in all {
        let mut one = Output::default();
        one.raw(&service).u32s(&[0, 0, cids.len() as u32]).u32s(cids);
        out.named(&one.bytes());
    }
    Outcome::done(out.bytes())
}
