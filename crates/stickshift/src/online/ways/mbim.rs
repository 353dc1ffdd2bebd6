//! MBIM: the function connects, tells its addresses, and packets go through the kernel's network interface (USB-IF, MBIM 1.0 sections
//! 10.5.9 to 10.5.20).

use std::net::IpAddr;
use std::time::Duration;

use crate::at::data::{Authentication, PdpType};
use crate::error::{Detail, Error, ErrorKind, Refusal, RefusalFamily, Result, Verdict};
use crate::mbim::{self, Mbim};
use crate::modem::Modem;
use crate::modem::identity::mbim_interface;
use crate::online::apn::Apn;
use crate::online::computer::Network;
use crate::online::record::StickUndo;
use crate::online::registration::{self, Registered};
use crate::online::run::Run;
use crate::online::settle::{self, Addresses};
use crate::online::up::Access;
use crate::online::ways::{Bearer, Kind, Way, interface_of};
use crate::online::{apn, sim};
use crate::wire::mbim::basic::{
    self, ACTIVATED, ATTACHED, Activation, Auth, DEACTIVATED, IpConfiguration, IpType, RegisterState,
    Registration,
};

/// The session that packets without a tag belong to.
const SESSION: u32 = 0;

/// How long a denial has to last: the network may deny one technology and take the stick on the next.
const DENIED_FOR: Duration = Duration::from_secs(6);

/// How long addresses may come after the connection.
const ADDRESSES: Duration = Duration::from_secs(10);

/// What a function that has no such connection says to its end.
const NOT_ACTIVATED: i32 = 16;
/// The access point is not known, and the network refused user or password: there is no cause beside them with many.
const BAD_ACCESS: i32 = 18;
const BAD_LOGIN: i32 = 19;

pub(super) fn up(run: &mut Run<'_, '_>, access: &mut Access<'_>) -> Result<Bearer> {
    let card = run.card(interface_of(&run.stick, Kind::Mbim))?.card;
    let interface = mbim_interface(&run.stick).ok_or_else(|| {
        Error::new(ErrorKind::NoSuchPort, "the stick's MBIM interface has no control channel")
            .with("place", run.place())
    })?;
    run.session.note("port", format!("MBIM on interface {interface}"));
    let place = run.stick.place.clone();
    let mut link = run.bus.open_messages(&place, interface)?;
    let mut modem = Modem::over_mbim(&mut *link, run.session.cancel())?;

    sim::ready(run, &mut modem, access)?;
    let registered = register(run, &mut modem)?;
    let apn = apn::choose(run.wanted, &mut modem)?;
    run.session.note("apn", apn.words());
    run.record.apn.clone_from(&apn.name);

    run.session.step("bearer", format!("data connection, {}", apn.words()));
    let Some(mbim) = modem.mbim() else { return Err(without_mbim()) };
    attach(run, mbim)?;
    connect(run, mbim, &apn)?;

    run.session.step("address", "address");
    if let Some(addresses) = settle::by_owner(run, &card)? {
        let metric = settle::route(run, &card, &addresses)?;
        return Ok(Bearer { way: Way::Mbim, card, apn, registered, addresses, answered: None, metric });
    }
    let told = await_addresses(run, mbim)?;
    settle::raise(run, &card)?;
    let addresses = addresses_of(&told);
    for own in &addresses.own {
        run.session.note("address", format!("{own} by the stick's own words"));
    }
    settle::address(run, &card, &addresses)?;
    let metric = settle::route(run, &card, &addresses)?;
    Ok(Bearer { way: Way::Mbim, card, apn, registered, addresses, answered: None, metric })
}

fn without_mbim() -> Error {
    Error::new(ErrorKind::Unsupported, "this way needs an MBIM function")
}

/// Waits until the stick is registered; turns its radio on where that is off.
fn register(run: &mut Run<'_, '_>, modem: &mut Modem<'_>) -> Result<Registered> {
    run.session.step("registration", "registration with a network");
    let Some(mbim) = modem.mbim() else { return Err(without_mbim()) };
    if let Some((hardware, software)) = mbim.run_if_known(&mbim::radio_state())? {
        if !hardware {
            let what = "a switch of the computer has turned the stick's radio off";
            return Err(run.fails(ErrorKind::NotRegistered, what));
        }
        if !software {
            run.session.note("registration", "the radio was off; it is turned on");
            run.note(StickUndo::Radio { on: false })?;
            mbim.run(&mbim::set_radio_state(true))?;
        }
    }
    let end = mbim.now() + registration::LIMIT;
    let (mut denied_since, mut told_state) = (None, None);
    let found = loop {
        let told = mbim.run(&mbim::registration())?;
        if told_state != Some(told.state) {
            run.session.note("registration", words(told.state));
            told_state = Some(told.state);
        }
        match told.state {
            RegisterState::Home | RegisterState::Roaming | RegisterState::Partner => break told,
            RegisterState::Denied => {
                let since = *denied_since.get_or_insert(mbim.now());
                if mbim.now() >= since + DENIED_FOR {
                    return Err(denied(run, &told));
                }
            }
            _ => denied_since = None,
        }
        if mbim.now() >= end {
            let what = format!("the stick found no network within {} s", registration::LIMIT.as_secs());
            return Err(run.fails(ErrorKind::NotRegistered, what).with("registration", words(told.state)));
        }
        run.session.check()?;
        mbim.sleep(Duration::from_secs(1));
    };
    let roaming = found.state != RegisterState::Home;
    let names = [found.provider_name, found.provider_id];
    let operator = names.into_iter().find(|name| !name.is_empty());
    let on = operator.as_deref().unwrap_or("a network that it does not name");
    let how = if roaming { ", roaming: this may cost more" } else { "" };
    run.session.note("registration", format!("registered with {on}{how}"));
    Ok(Registered { operator, roaming })
}

fn words(state: RegisterState) -> &'static str {
    match state {
        RegisterState::Home => "registered",
        RegisterState::Roaming | RegisterState::Partner => "registered, roaming",
        RegisterState::Searching => "searching for a network",
        RegisterState::Denied => "the network denies it",
        RegisterState::Unknown => "the stick does not know",
        RegisterState::Deregistered => "not registered, and not searching",
    }
}

fn denied(run: &Run<'_, '_>, told: &Registration) -> Error {
    let error = run.fails(ErrorKind::NotRegistered, "the network denies the registration");
    match told.network_error {
        0 => error.detail(Detail::RegistrationDenied),
        code => error
            .with("cause-number", code)
            .detail(Detail::Refusal(Refusal { family: RefusalFamily::Registration, code: code as i32 })),
    }
}

/// Attaches to the packet service where the stick is not.
fn attach(run: &mut Run<'_, '_>, mbim: &mut Mbim<'_>) -> Result<()> {
    let told = mbim.run_if_known(&mbim::packet_service())?;
    if told.is_none_or(|told| told.state == ATTACHED) {
        return Ok(());
    }
    run.session.note("bearer", "attaching to the packet service");
    // Packet service is what a registered stick is meant to have: it is left on.
    let told = mbim.run(&mbim::attach(true)).map_err(|e| e.with_verdict(Verdict::Recoverable))?;
    if told.state == ATTACHED {
        return Ok(());
    }
    Err(refused(run, "the network gives the stick no packet service", told.network_error, None))
}

/// Connects, with each kind of address and each kind of proof that is left to try.
fn connect(run: &mut Run<'_, '_>, mbim: &mut Mbim<'_>, apn: &Apn) -> Result<()> {
    run.note(StickUndo::HangUp { context: SESSION as u8 })?;
    hang_up(mbim)?;
    let mut kinds = match run.wanted.ip {
        Some(kind) => vec![kind],
        None => vec![PdpType::V4V6, PdpType::V4, PdpType::V6],
    };
    let proofs = apn.attempts();
    let mut proof = 0;
    loop {
        let error = match attempt(run, mbim, apn, kinds[0], proofs[proof]) {
            Ok(()) => return Ok(()),
            Err(error) if error.is(ErrorKind::NetworkRefused) => error,
            Err(error) => return Err(error),
        };
        hang_up(mbim)?;
        let cause = error.refusal_of(RefusalFamily::Session);
        let next = match cause {
            // The network says which kind it gives.
            Some(50) => kinds.iter().position(|k| *k == PdpType::V4),
            Some(51) => kinds.iter().position(|k| *k == PdpType::V6),
            Some(28 | 32 | 33 | 52) if kinds.len() > 1 => Some(1),
            _ => None,
        };
        let by_login = error.refusal_of(RefusalFamily::Mbim) == Some(BAD_LOGIN) || cause == Some(29);
        if let Some(next) = next.filter(|next| *next > 0) {
            let before = kinds[0];
            kinds.drain(..next);
            let why = error.meaning().map_or("refused", |meaning| meaning.cause);
            run.session.note("bearer", format!("{}: {why}; trying {}", before.word(), kinds[0].word()));
        } else if by_login && proof + 1 < proofs.len() {
            proof += 1;
            run.session.note("bearer", "user and password were refused; trying another proof");
        } else {
            return Err(error);
        }
    }
}

fn attempt(
    run: &mut Run<'_, '_>,
    mbim: &mut Mbim<'_>,
    apn: &Apn,
    kind: PdpType,
    proof: Authentication,
) -> Result<()> {
    let auth = match proof {
        Authentication::None => Auth::None,
        Authentication::Pap => Auth::Pap,
        Authentication::Chap => Auth::Chap,
        Authentication::MsChapV2 => Auth::MsChapV2,
    };
    let named = auth != Auth::None;
    let wanted = Activation {
        apn: &apn.name,
        user: if named { &apn.user } else { "" },
        password: if named { &apn.password } else { "" },
        auth,
        ip: match kind {
            PdpType::V4 => IpType::V4,
            PdpType::V6 => IpType::V6,
            PdpType::V4V6 => IpType::V4V6,
        },
    };
    run.session.note("bearer", format!("connecting with {}", kind.word()));
    let what = "the network does not take the data connection";
    let told = match mbim.run(&mbim::activate(SESSION, wanted)) {
        Ok(told) => told,
        Err(e) if e.is(ErrorKind::MbimRefused) => {
            // The cause stands beside the refusal, or is told when it is asked for.
            let told = match basic::connection(&mbim.take_beside_refusal()) {
                Some(told) => Some(told),
                None => mbim.run_if_known(&mbim::connection(SESSION))?,
            };
            return Err(refused(run, what, told.map_or(0, |told| told.network_error), Some(e)));
        }
        Err(e) => return Err(e.with_verdict(Verdict::Unknown)),
    };
    if told.state == ACTIVATED {
        run.session.note("bearer", "connected");
        return Ok(());
    }
    Err(refused(run, what, told.network_error, None))
}

/// The network's cause where there is one, else the function's status.
fn refused(run: &Run<'_, '_>, what: &str, cause: u32, by: Option<Error>) -> Error {
    let error = run.fails(ErrorKind::NetworkRefused, what);
    let status = by.as_ref().and_then(|e| e.refusal_of(RefusalFamily::Mbim));
    let error = match (cause, status) {
        (0, Some(BAD_ACCESS)) => session(error, 27),
        (0, Some(code)) => error.detail(Detail::Refusal(Refusal { family: RefusalFamily::Mbim, code })),
        (0, None) => error,
        (code, _) => session(error, code as i32),
    };
    match by {
        Some(by) => error.because(by),
        None => error,
    }
}

fn session(error: Error, code: i32) -> Error {
    error.with("cause-number", code).detail(Detail::Refusal(Refusal { family: RefusalFamily::Session, code }))
}

/// Ends the connection; that there is none is no failure.
pub(in crate::online) fn hang_up(mbim: &mut Mbim<'_>) -> Result<()> {
    match mbim.run(&mbim::connection(SESSION)) {
        Ok(told) if told.state == DEACTIVATED => return Ok(()),
        Ok(_) => {}
        Err(e) if e.refusal().is_some() => {}
        Err(e) => return Err(e),
    }
    match mbim.run(&mbim::deactivate(SESSION)) {
        Err(e) if e.refusal_of(RefusalFamily::Mbim) == Some(NOT_ACTIVATED) => Ok(()),
        other => other.map(|_| ()),
    }
}

/// The addresses, which may come a little later than the connection.
fn await_addresses(run: &mut Run<'_, '_>, mbim: &mut Mbim<'_>) -> Result<IpConfiguration> {
    let end = mbim.now() + ADDRESSES;
    loop {
        let told = mbim.run_if_known(&mbim::ip_configuration(SESSION))?.unwrap_or_default();
        if !told.ipv4.is_empty() || !told.ipv6.is_empty() {
            return Ok(told);
        }
        if mbim.now() >= end {
            let what = "the connection stands, and the stick tells no address for it";
            return Err(run.fails(ErrorKind::NoAddress, what));
        }
        run.session.check()?;
        mbim.sleep(Duration::from_millis(500));
    }
}

fn addresses_of(told: &IpConfiguration) -> Addresses {
    let v4 =
        told.ipv4.iter().map(|(address, prefix)| Network { address: IpAddr::V4(*address), prefix: *prefix });
    let v6 =
        told.ipv6.iter().map(|(address, prefix)| Network { address: IpAddr::V6(*address), prefix: *prefix });
    let dns4 = told.ipv4_dns.iter().copied().map(IpAddr::V4);
    let dns6 = told.ipv6_dns.iter().copied().map(IpAddr::V6);
    let mtus = [told.ipv4_mtu, told.ipv6_mtu].into_iter().flatten();
    Addresses {
        own: v4.chain(v6).collect(),
        // Nobody answers to ARP there: the interface itself is the way.
        gateway: None,
        dns: dns4.chain(dns6).collect(),
        mtu: mtus.min().and_then(|mtu| mtu.try_into().ok()).filter(|mtu| *mtu >= 576),
        lease: None,
        from: vec!["the stick"],
        foreign: false,
    }
}
