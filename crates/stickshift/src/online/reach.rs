//! How far packets get: an address, a name, a page. Each failure is told apart.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::error::{Detail, Error, ErrorKind, Reaches, Result};
use crate::online::computer::{Card, Change, Computer};
use crate::online::probe::{Answer, Probe};
use crate::online::run::Run;
use crate::online::settle::Addresses;

/// How long one question may take: a radio that sleeps needs a second to wake.
const PATIENCE: Duration = Duration::from_secs(4);

/// A name that every name server answers for, with addresses or without.
const ANY_NAME: &str = "a.root-servers.net";

/// What is asked, for plans.
pub(super) const ASKED: &str = "name servers are asked for a.root-servers.net, and for an echo; one in the stick itself for a new name below root-servers.net";

/// Asked where the network names no name server, or another program got them: Quad9's.
const ANYBODYS: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(9, 9, 9, 9)), IpAddr::V6(Ipv6Addr::new(0x2620, 0xfe, 0, 0, 0, 0, 0, 0xfe))];

/// The name servers to ask: the network's own, else anybody's of the same kind as the addresses.
pub(super) fn servers(addresses: &Addresses) -> Vec<IpAddr> {
    let has = |v6: bool| addresses.own.iter().any(|n| n.address.is_ipv6() == v6);
    let own: Vec<IpAddr> = addresses.dns.iter().copied().filter(|s| has(s.is_ipv6())).collect();
    if own.is_empty() { ANYBODYS.into_iter().filter(|s| has(s.is_ipv6())).collect() } else { own }
}

/// What was reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reached {
    /// In words, in the order in which they were tried.
    pub(super) words: Vec<String>,
}

/// Whether `server` shows that packets pass, in words. Operators drop echoes, and some name servers, so it is asked for both. One in the
/// interface's own network is the stick's router, which answers whether or not the operator does: it has to bring an answer from beyond.
///
/// # Errors
/// What the computer reports.
pub(super) fn answers(
    computer: &mut dyn Computer,
    card: &Card,
    server: IpAddr,
    limit: Duration,
) -> Result<Option<String>> {
    let mut own = computer.card(card)?.map_or_else(Vec::new, |state| state.addresses);
    own.retain(|network| network.holds(server));
    let name = if own.is_empty() { ANY_NAME.to_owned() } else { new_name() };
    let by_name = match computer.probe(card, &Probe::Name { server, name, v6: server.is_ipv6(), limit })? {
        // A router without a connection leads every name to itself.
        Answer::Addresses(found) => !found.iter().any(|to| own.iter().any(|network| network.holds(*to))),
        Answer::Refused(_) => own.is_empty(),
        _ => false,
    };
    if by_name {
        return Ok(Some(format!("name server {server}")));
    }
    if own.is_empty()
        && let Answer::Echo(_) = computer.probe(card, &Probe::Echo { to: server, bytes: 64, limit })?
    {
        return Ok(Some(format!("address {server}")));
    }
    Ok(None)
}

/// A name that no server can have in memory, and that nobody has: the name servers of the root say so.
fn new_name() -> String {
    let mut bytes = [0; 4];
    crate::random::fill(&mut bytes);
    format!("{:x}.root-servers.net", u32::from_ne_bytes(bytes))
}

/// The name server that answers first, in words.
pub(super) fn first_answer(run: &mut Run<'_, '_>, card: &Card, dns: &[IpAddr]) -> Result<Option<String>> {
    // The first packets of a connection are often lost.
    for limit in [PATIENCE / 2, PATIENCE] {
        for server in dns {
            run.session.check()?;
            let answered = answers(run.computer, card, *server, limit)?;
            if answered.is_some() {
                return Ok(answered);
            }
        }
    }
    Ok(None)
}

/// Checks names and a page, and gives what was reached; `by_address` answered already.
///
/// # Errors
/// `NoReach`, with how far packets got; what the computer reports.
pub(super) fn check(
    run: &mut Run<'_, '_>,
    card: &Card,
    dns: &[IpAddr],
    by_address: Option<String>,
) -> Result<Reached> {
    run.session.step("reach", "names and pages through the stick");
    let Some(host) = run.wanted.check_host().map(str::to_owned) else {
        return Ok(Reached { words: by_address.into_iter().collect() });
    };
    let unreached = |run: &Run<'_, '_>, what: &str, reaches| {
        let error = run.fails(ErrorKind::NoReach, what).detail(Detail::Reaches(reaches));
        match &by_address {
            Some(words) => error.with("answers", words),
            None => error,
        }
    };
    let mut words: Vec<String> = by_address.iter().cloned().collect();
    let addresses = match host.parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_) => resolve(run, card, dns, &host)?,
    };
    if addresses.is_empty() {
        return Err(match &by_address {
            Some(_) => unreached(run, "no name server gives an address", Reaches::NoNames),
            None => unreached(run, "nothing answers through the stick", Reaches::Nothing),
        });
    }
    run.session.note("reach", format!("{host} has the address {}", addresses[0]));
    for to in addresses.iter().take(4) {
        run.session.check()?;
        let probe = Probe::Page { to: *to, host: host.clone(), limit: PATIENCE * 2 };
        match run.computer.probe(card, &probe)? {
            Answer::Page { status: 204, .. } => {
                words.push(format!("page of {host}"));
                run.session.note("reach", format!("the page of {host} came"));
                return Ok(Reached { words });
            }
            Answer::Page { status, to } => {
                let error =
                    unreached(run, "another page came than the one that was asked for", Reaches::Portal);
                let error = error.with("status", status);
                return Err(match to {
                    // What follows may name the owner: operators put the telephone number there.
                    Some(to) => error.with("portal", to.split(['?', '#']).next().unwrap_or_default()),
                    None => error,
                });
            }
            _ => {}
        }
    }
    Err(unreached(run, "names are resolved, and no page comes", Reaches::NoPages))
}

/// The addresses of a name, by whichever server answers.
pub(super) fn resolve(run: &mut Run<'_, '_>, card: &Card, dns: &[IpAddr], name: &str) -> Result<Vec<IpAddr>> {
    let state = run.computer.card(card)?;
    let has = |v6: bool| state.as_ref().is_none_or(|s| s.addresses.iter().any(|a| a.address.is_ipv6() == v6));
    for _ in 0..2 {
        for server in dns {
            let mut found = Vec::new();
            for v6 in [false, true].into_iter().filter(|v6| has(*v6)) {
                let probe = Probe::Name { server: *server, name: name.to_owned(), v6, limit: PATIENCE };
                if let Answer::Addresses(addresses) = run.computer.probe(card, &probe)? {
                    found.extend(addresses);
                }
            }
            if !found.is_empty() {
                return Ok(found);
            }
        }
    }
    Ok(Vec::new())
}

/// The name by which a network tells its NAT64, and the addresses behind it (RFC 7050).
const NAT64_NAME: &str = "ipv4only.arpa";
const NAT64_ENDS: [[u8; 4]; 2] = [[192, 0, 0, 170], [192, 0, 0, 171]];

/// Says what becomes of IPv4 in a network that gives IPv6 alone.
///
/// # Errors
/// What the computer reports.
pub(super) fn translation(run: &mut Run<'_, '_>, card: &Card, addresses: &Addresses) -> Result<()> {
    if addresses.own.is_empty() || addresses.own.iter().any(|own| own.address.is_ipv4()) {
        return Ok(());
    }
    let mut prefix = None;
    for server in servers(addresses) {
        let probe = Probe::Name { server, name: NAT64_NAME.to_owned(), v6: true, limit: PATIENCE };
        if let Answer::Addresses(found) = run.computer.probe(card, &probe)? {
            prefix = found.iter().find_map(nat64_prefix);
            break;
        }
    }
    let translates = run.computer.every_card()?.iter().any(|other| other.card.name.starts_with("clat"));
    match (prefix, translates) {
        (Some(prefix), true) => {
            run.session.note("translation", format!("IPv4 goes by 464XLAT, over the operator's NAT64 {prefix}/96"));
        }
        (Some(prefix), false) => run.session.warn(
            "translation",
            format!(
                "IPv6 alone: hosts with IPv4 are reached by their names, through the operator's NAT64 {prefix}/96; programs that use IPv4 addresses need 464XLAT here (clatd)"
            ),
        ),
        (None, _) => run.session.warn(
            "translation",
            "IPv6 alone, and no name server tells of a NAT64: hosts with IPv4 are out of reach".to_owned(),
        ),
    }
    Ok(())
}

/// The first 96 bits of an address that stands for one of IPv4.
fn nat64_prefix(address: &IpAddr) -> Option<Ipv6Addr> {
    let IpAddr::V6(address) = address else { return None };
    let bytes = address.octets();
    let stands_for_it = NAT64_ENDS.iter().any(|end| bytes[12..] == *end);
    stands_for_it.then(|| (u128::from(*address) >> 32 << 32).into())
}

/// Sizes that operators take when 1500 is too much: docs/online.md section 2, row 26.
pub(super) const SIZES: [u16; 3] = [1500, 1460, 1420];

/// Finds the largest packet that gets through, whatever was told of it, and sets it where it is smaller than the interface's; `is_set` by the
/// owner or by another program, it is only said.
///
/// # Errors
/// What the computer reports.
pub(super) fn fit_mtu(
    run: &mut Run<'_, '_>,
    card: &Card,
    dns: &[IpAddr],
    is_set: bool,
) -> Result<Option<u16>> {
    let Some(state) = run.computer.card(card)? else { return Ok(None) };
    // Only somebody who answers echoes at all can show it.
    let mut to = None;
    for server in dns.iter().filter(|s| s.is_ipv4()) {
        let small = Probe::Echo { to: *server, bytes: 64, limit: PATIENCE };
        if let Answer::Echo(_) = run.computer.probe(card, &small)? {
            to = Some(*server);
            break;
        }
    }
    let Some(to) = to else { return Ok(None) };
    let Ok(whole) = u16::try_from(state.mtu) else { return Ok(None) };
    for bytes in [whole].into_iter().chain(SIZES.into_iter().filter(|bytes| *bytes < whole)) {
        // Twice: one packet may be lost by chance.
        for _ in 0..2 {
            let large = Probe::Echo { to, bytes, limit: PATIENCE / 2 };
            let Answer::Echo(_) = run.computer.probe(card, &large)? else { continue };
            if bytes < whole {
                let lost = format!("packets of {whole} bytes do not get through");
                if is_set {
                    run.session.warn(
                        "mtu",
                        format!("{lost}, and those of {bytes} do: set the mtu of {card} to that"),
                    );
                    return Ok(Some(bytes));
                }
                run.session.warn("mtu", lost);
                run.change(Change::Mtu { card: card.clone(), mtu: bytes.into() })?;
            }
            return Ok(None);
        }
    }
    let least = SIZES[SIZES.len() - 1].min(whole);
    let text = format!(
        "small echoes are answered, and those of {least} bytes are not: whoever answers may take small ones alone; where pages \
         stay away, a smaller mtu helps"
    );
    run.session.note("mtu", text);
    Ok(None)
}

/// The error where the connection stands and nothing answers by address.
pub(super) fn nothing_answers(run: &Run<'_, '_>) -> Error {
    run.fails(ErrorKind::NoReach, "nothing answers through the stick")
        .detail(Detail::Reaches(Reaches::Nothing))
}
