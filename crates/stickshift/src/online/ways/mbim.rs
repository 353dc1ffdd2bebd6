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
use crate::online::registration::{self, Heard, Registered, Stands, roaming_off};
use crate::online::run::{Run, is_lost, twice};
use crate::online::settle::{self, Addresses};
use crate::online::up::Access;
use crate::online::ways::attempts::Attempts;
use crate::online::ways::{Bearer, Kind, Way, interface_of, prelude};
use crate::wire::mbim::basic::{
    self, ACTIVATED, ATTACHED, Activation, Auth, DEACTIVATED, IpConfiguration, IpType, RegisterState,
};

/// The session that packets without a tag belong to.
const SESSION: u32 = 0;

/// How long addresses may come after the connection.
const ADDRESSES: Duration = Duration::from_secs(10);

/// What a function that has no such connection says to its end.
const NOT_ACTIVATED: i32 = 16;
/// The access point is not known, and the network refused user or password: there is no cause beside them with many.
const BAD_ACCESS: i32 = 18;
const BAD_LOGIN: i32 = 19;

/// The stick's own setting, mostly the one for data in other operators' networks.
const NOT_ALLOWED: i32 = 28;
const ROAMING_ELSEWHERE: &str = "MBIM has no command for the stick's roaming setting: switch it on by `stickshift network set --roaming on --port TTY` where the stick has a serial port, else with its maker's program";

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
    run.touched |= modem.tell_opening(run.session);

    let (registered, apn) = prelude(run, &mut modem, access)?;

    run.session.step("bearer", format!("data connection, {}", apn.words()));
    let Some(mbim) = modem.mbim() else { return Err(without_mbim()) };
    attach(run, mbim)?;
    connect(run, mbim, &apn, registered.roaming)?;

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
pub(super) fn register(run: &mut Run<'_, '_>, modem: &mut Modem<'_>) -> Result<Registered> {
    let Some(mbim) = modem.mbim() else { return Err(without_mbim()) };
    let radio = run.told("whether the radio is on", mbim.run_if_known(&mbim::radio_state()))?;
    if let Some((hardware, software)) = radio {
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
    if run.wanted.roaming {
        let text = "--roaming: MBIM has no command for the stick's roaming setting; it is left as it is";
        run.session.warn("registration", text.to_owned());
    }
    let mut last = None;
    let heard = registration::await_network(run, modem, |modem| {
        let told = modem.mbim().ok_or_else(without_mbim)?.run(&mbim::registration())?;
        let stands = match told.state {
            RegisterState::Home => Stands::Home,
            RegisterState::Roaming | RegisterState::Partner => Stands::Roaming,
            RegisterState::Denied => Stands::Denied,
            RegisterState::Searching | RegisterState::Unknown | RegisterState::Deregistered => {
                Stands::Outside
            }
        };
        let cause = u16::try_from(told.network_error).ok().filter(|cause| *cause > 0);
        let heard = Heard { stands, words: words(told.state), cause };
        last = Some(told);
        Ok(heard)
    })?;
    let names = last.map(|told| [told.provider_name, told.provider_id]);
    let operator = names.into_iter().flatten().find(|name| !name.is_empty());
    Ok(registration::found(run, operator, &heard))
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

/// Attaches to the packet service where the stick is not.
fn attach(run: &mut Run<'_, '_>, mbim: &mut Mbim<'_>) -> Result<()> {
    let told = run.told("whether it is attached", mbim.run_if_known(&mbim::packet_service()))?;
    if told.is_none_or(|told| told.state == ATTACHED) {
        return Ok(());
    }
    run.session.note("bearer", "attaching to the packet service");
    // Packet service is what a registered stick is meant to have: it is left on.
    let told = mbim.run(&mbim::attach(true)).map_err(|e| e.with_verdict(Verdict::Recoverable))?;
    if told.state == ATTACHED {
        return Ok(());
    }
    let error = refused(run, "the network gives the stick no packet service", told.network_error, None);
    Err(error.with_verdict(Verdict::Recoverable))
}

/// Connects, with each kind of address and each kind of proof that is left to try.
fn connect(run: &mut Run<'_, '_>, mbim: &mut Mbim<'_>, apn: &Apn, is_abroad: bool) -> Result<()> {
    run.note(StickUndo::HangUp { context: SESSION as u8 })?;
    hang_up(mbim)?;
    let mut attempts = Attempts::new(run.wanted, apn);
    loop {
        let error = match attempt(run, mbim, apn, attempts.kind(), attempts.proof()) {
            Ok(()) => return Ok(()),
            Err(error) if error.is(ErrorKind::NetworkRefused) => error,
            Err(error) => return Err(error),
        };
        hang_up(mbim)?;
        if is_abroad && error.refusal_of(RefusalFamily::Mbim) == Some(NOT_ALLOWED) {
            return Err(roaming_off(run, Some(ROAMING_ELSEWHERE)));
        }
        // Without a cause of the network's it is told by the function's own status.
        let by_login = error.refusal_of(RefusalFamily::Mbim) == Some(BAD_LOGIN);
        if !attempts.goes_on(run, &error, by_login) {
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
                None => run.told("the network's cause", mbim.run_if_known(&mbim::connection(SESSION)))?,
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
        // What the function said is no cause where the network's own is known.
        Some(by) if error.refusal().is_none() => error.because(by),
        _ => error,
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
        Err(e) if e.refusal().is_some() || is_lost(&e) => {}
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
        let told = twice(|| mbim.run_if_known(&mbim::ip_configuration(SESSION)))?.unwrap_or_default();
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
