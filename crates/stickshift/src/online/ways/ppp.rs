//! PPP: the stick is dialled here, and the open port is handed to the system's pppd, which frames packets.

use std::net::IpAddr;
use std::time::Duration;

use crate::at::At;
use crate::at::data::{self, Authentication, PdpType};
use crate::error::{Detail, Effect, Error, ErrorKind, Refusal, RefusalFamily, Result, Verdict};
use crate::link::ByteLink;
use crate::modem::Modem;
use crate::online::Wanted;
use crate::online::apn::Apn;
use crate::online::computer::{Change, Pppd, PppdRuns, PppdState};
use crate::online::run::Run;
use crate::online::settle::{self, Addresses};
use crate::online::up::Access;
use crate::online::ways::{Bearer, Way, ncm, prelude};
use crate::stick::{Role, Stick};
use crate::wire::at::Final;

/// How long the network may take to answer a call.
const DIALLING: Duration = Duration::from_secs(60);

/// How long PPP may take to agree: three rounds of LCP, authentication and IPCP at their usual time-outs.
const NEGOTIATION: Duration = Duration::from_secs(60);

pub(super) fn up(run: &mut Run<'_, '_>, access: &mut Access<'_>) -> Result<Bearer> {
    let (registered, apn) = {
        let mut port = access.open_at(run)?;
        let mut modem = Modem::over_at(&mut *port, run.session.cancel())?;
        prelude(run, &mut modem, access)?
    };
    run.session.step("bearer", format!("data call, {}", apn.words()));
    let mut port = dial_port(run, access)?;
    let pppd = Pppd {
        name: run.place().to_string(),
        options: options(run.wanted),
        secret: (!apn.user.is_empty() && !run.wanted.is_unproven())
            .then(|| (apn.user.clone(), apn.password.clone())),
    };
    // Before the call: many networks speak as soon as they have answered, and again after three seconds only.
    let runs = run.computer.start_pppd(&*port, &pppd)?;
    // Recorded at once: whatever comes next, it is ended.
    run.record.on_computer.push(Change::EndProgram { pid: runs.pid, started: runs.started });
    run.computer.keep(&run.record)?;
    if let PppdState::Ended(code) = run.computer.pppd_state(&runs)? {
        return Err(ended(run, code));
    }
    dial(run, &mut *port, &apn)?;

    run.session.step("address", "PPP by the system's pppd");
    run.computer.leave_to_pppd(port, &runs)?;
    let (card, mut addresses) = agree(run, &runs)?;
    let wants_v6 = matches!(run.wanted.ip, Some(PdpType::V6 | PdpType::V4V6)) || !addresses.have(false);
    if wants_v6 && !addresses.have(true) {
        // PPP agrees on the address of the link alone; the network's router advertises the other.
        addresses.own.retain(|own| own.address.is_ipv4());
        settle::by_ipv6(run, &card, &mut addresses)?;
    }
    settle::address(run, &card, &addresses)?;
    let metric = settle::route(run, &card, &addresses)?;
    Ok(Bearer { way: Way::Ppp, card, apn, registered, addresses, answered: None, metric })
}

/// pppd's options: docs/online.md section 2, row 23. Routes and name servers are set here, as for every other way.
pub(super) fn options(wanted: &Wanted) -> Vec<String> {
    let mut options: Vec<&str> = vec![
        "115200",
        "nodetach",
        "noauth",
        "crtscts",
        "modem",
        "noipdefault",
        "ipcp-accept-local",
        "ipcp-accept-remote",
        "nodefaultroute",
        "usepeerdns",
        "noccp",
        "novj",
        "nopcomp",
        "noaccomp",
        "lcp-echo-interval",
        "10",
        "lcp-echo-failure",
        "5",
        // The network speaks first, or waits for the first word longer than this, in milliseconds.
        "connect-delay",
        "300",
        // A request that is lost is repeated after a second, not after three; for as long altogether.
        "lcp-restart",
        "1",
        "lcp-max-configure",
        "30",
        "ipcp-restart",
        "1",
        "ipcp-max-configure",
        "30",
    ];
    match wanted.ip {
        Some(PdpType::V4) => options.push("noipv6"),
        Some(PdpType::V6) => options.extend(["noip", "+ipv6"]),
        _ => options.push("+ipv6"),
    }
    // The network names the protocol; pppd refuses those that were not asked for.
    let refused: &[&str] = match wanted.authentication {
        Some(Authentication::Pap) => &["refuse-chap", "refuse-mschap", "refuse-mschap-v2", "refuse-eap"],
        Some(Authentication::Chap) => &["refuse-pap", "refuse-mschap", "refuse-mschap-v2", "refuse-eap"],
        Some(Authentication::MsChapV2) => &["refuse-pap", "refuse-chap", "refuse-mschap", "refuse-eap"],
        Some(Authentication::None) | None => &[],
    };
    options.extend(refused);
    options.into_iter().map(str::to_owned).collect()
}

/// The port to dial on: the modem port where the stick shows one, else the one that takes AT commands.
fn dial_port(run: &mut Run<'_, '_>, access: &Access<'_>) -> Result<Box<dyn ByteLink>> {
    match modem_port(&run.stick) {
        Some(interface) => {
            run.session.note("port", format!("dialling on interface {interface}"));
            let place = run.stick.place.clone();
            run.bus.open_port(&place, interface)
        }
        None => {
            run.session.warn("port", "the stick shows no modem port: its AT port is dialled on".to_owned());
            access.open_at(run)
        }
    }
}

fn modem_port(stick: &Stick) -> Option<u8> {
    stick.interface(Role::Modem).filter(|i| i.tty.is_some()).map(|i| i.number)
}

/// Dials until `CONNECT`; from then on the port carries PPP.
fn dial(run: &mut Run<'_, '_>, port: &mut dyn ByteLink, apn: &Apn) -> Result<()> {
    let mut at = At::new(port).with_cancel(run.session.cancel().clone());
    at.wake()?;
    run.told("whether the line has its settings", at.run_if_known(&data::factory_line()))?;
    // The line's settings bring the echo back.
    at.init()?;
    let before = ncm::found(&mut at)?;
    run.note(before)?;
    let kind = run.wanted.ip.unwrap_or(PdpType::V4V6);
    let mut defined = at.run(&data::define_context(ncm::CONTEXT, kind, &apn.name)?);
    if run.wanted.ip.is_none() && defined.as_ref().is_err_and(|e| e.is(ErrorKind::AtRefused)) {
        defined = at.run(&data::define_context(ncm::CONTEXT, PdpType::V4, &apn.name)?);
    }
    defined?;
    let command = data::ppp_dial(ncm::CONTEXT)?;
    let mut answer = at.command(&command, Effect::Changes, DIALLING)?;
    if !matches!(answer.result, Final::Connect(_)) {
        run.session.check()?;
        // A stick has one connection: its network card may hold it.
        let states =
            run.told("whether its network card is connected", at.run_if_known(&data::ndis_states()))?;
        if data::is_up(&states.unwrap_or_default()) {
            if is_used(run)? {
                let what = "the data call is refused: the stick's network card holds its connection (NCM)";
                return Err(run.fails(ErrorKind::NetworkRefused, what).detail(Detail::HeldByNcm));
            }
            let text =
                "the stick believes in a connection of its network card that nobody here uses: it is hung up";
            run.session.note("bearer", text);
            ncm::hang_up(&mut at)?;
        }
        // An earlier call that was never ended holds the context; the first dial after a start is often answered by what was under way.
        at.run_if_known(&data::hang_up_call())?;
        at.sleep(Duration::from_secs(2));
        answer = at.command(&command, Effect::Changes, DIALLING)?;
    }
    match answer.result {
        Final::Connect(_) => {
            run.session.note("bearer", "the stick answers CONNECT");
            Ok(())
        }
        other => {
            let refusal = at.refused(&command, &other);
            let error = run.fails(ErrorKind::NetworkRefused, "the data call is refused");
            let error = match refusal.refusal() {
                Some(by) => error.detail(Detail::Refusal(by)),
                None => error.with("answer", other.to_string()),
            };
            Err(error)
        }
    }
}

/// Whether the stick's network card has an address here that reaches beyond its link.
fn is_used(run: &mut Run<'_, '_>) -> Result<bool> {
    let reaches = |address: &IpAddr| match address {
        IpAddr::V4(_) => true,
        IpAddr::V6(address) => !settle::is_of_link(*address),
    };
    let cards = run.computer.cards(&run.stick)?;
    Ok(cards.iter().any(|card| card.up && card.addresses.iter().any(|own| reaches(&own.address))))
}

/// Waits until pppd has an address.
fn agree(run: &mut Run<'_, '_>, pppd: &PppdRuns) -> Result<(crate::online::computer::Card, Addresses)> {
    let end = run.bus.now() + NEGOTIATION;
    loop {
        match run.computer.pppd_state(pppd)? {
            PppdState::Up { card, addresses, peer, dns } => {
                let peer = peer.map(|p| format!(", the network's end is {p}")).unwrap_or_default();
                run.session.note("address", format!("{card}: {}{peer}", super::super::run::list(&addresses)));
                let addresses = Addresses { own: addresses, dns, from: vec!["PPP"], ..Addresses::default() };
                return Ok((card, addresses));
            }
            PppdState::Ended(code) => return Err(ended(run, code)),
            PppdState::Negotiates => {}
        }
        run.session.check()?;
        if run.bus.now() >= end {
            return Err(run.fails(ErrorKind::NoAddress, "PPP does not agree on an address in time"));
        }
    }
}

/// pppd's exit code in words.
pub(super) fn ended(run: &Run<'_, '_>, code: i32) -> Error {
    let kind = match code {
        2..=4 | 6..=9 | 11 | 18 => ErrorKind::Unsupported,
        10 => ErrorKind::NoAddress,
        _ => ErrorKind::NetworkRefused,
    };
    let error = run.fails(kind, format!("pppd ended with code {code}"));
    error
        .with("pppd-exit", code)
        .detail(Detail::Refusal(Refusal { family: RefusalFamily::Pppd, code }))
        .verdict_if_unset(Verdict::Recoverable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_address_has_its_options() {
        let has =
            |ip, word: &str| options(&Wanted { ip, ..Wanted::default() }).iter().any(|option| option == word);
        assert!(has(None, "+ipv6") && !has(None, "noip"));
        assert!(has(Some(PdpType::V4), "noipv6") && !has(Some(PdpType::V4), "+ipv6"));
        assert!(has(Some(PdpType::V6), "noip"));
        for always in ["noauth", "noccp", "novj", "noipdefault", "usepeerdns", "nodefaultroute"] {
            assert!(has(None, always), "{always}");
        }
    }

    #[test]
    fn a_protocol_that_was_asked_for_is_the_one_that_pppd_takes() {
        let refused = |authentication| {
            let options = options(&Wanted { authentication, ..Wanted::default() });
            options.iter().filter_map(|o| o.strip_prefix("refuse-").map(str::to_owned)).collect::<Vec<_>>()
        };
        assert_eq!(refused(None), [""; 0]);
        assert_eq!(refused(Some(Authentication::Pap)), ["chap", "mschap", "mschap-v2", "eap"]);
        assert_eq!(refused(Some(Authentication::Chap)), ["pap", "mschap", "mschap-v2", "eap"]);
        assert_eq!(refused(Some(Authentication::MsChapV2)), ["pap", "chap", "mschap", "eap"]);
    }
}
