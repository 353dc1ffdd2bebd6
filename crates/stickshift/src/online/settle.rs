//! Addresses, routes and name servers on the computer.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use crate::at::data::PdpType;
use crate::error::{Detail, ErrorKind, Result};
use crate::online::computer::{
    Card, Change, Computer, DhcpLease, MAIN_TABLE, Network, Route, Rule, SettingName,
};
use crate::online::run::{Run, list};
use crate::online::{Wanted, mac_of, table_of};

/// The metric of a default route where no other is there: behind cable and Wi-Fi of every network manager.
const METRIC: u32 = 700;

/// Who gave an address that the kernel took from a router advertisement.
pub(super) const BY_ADVERTISEMENT: &str = "router advertisement";

/// Where our rules stand: before the main table's (32766).
const RULES_AT: u32 = 20_000;

/// How long a DHCP server may take.
pub(super) const DHCP: Duration = Duration::from_secs(20);

/// How long a DHCPv6 server may take: most networks have none.
const DHCP6: Duration = Duration::from_secs(3);

/// How long a router advertisement may take.
const ADVERTISEMENT: Duration = Duration::from_secs(10);

/// Addresses and what belongs to them, from whoever knew them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Addresses {
    /// The computer's.
    pub(super) own: Vec<Network>,
    /// The next IPv4 router; none where the interface itself is the way.
    pub(super) gateway: Option<IpAddr>,
    /// Name servers.
    pub(super) dns: Vec<IpAddr>,
    /// Largest packet, where the network says.
    pub(super) mtu: Option<u16>,
    /// Who gave them.
    pub(super) from: Vec<&'static str>,
    /// The lease that they are from.
    pub(super) lease: Option<DhcpLease>,
    /// Another program set them: they are left alone, and so are its routes and name servers.
    pub(super) foreign: bool,
}

impl Addresses {
    /// Whether one of a kind is there that reaches beyond its link.
    pub(super) fn have(&self, v6: bool) -> bool {
        let reaches = |address: &IpAddr| match address {
            IpAddr::V4(_) => !v6,
            IpAddr::V6(address) => v6 && !is_of_link(*address),
        };
        self.own.iter().any(|own| reaches(&own.address))
    }
}

/// fe80::/10.
pub(super) fn is_of_link(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xffc0 == 0xfe80
}

/// The kind of address that was asked for has to be there, whatever else is.
///
/// # Errors
/// `NoAddress`.
pub(super) fn wanted_kind(run: &Run<'_, '_>, addresses: &Addresses) -> Result<()> {
    let (v4, v6) = match run.wanted.ip {
        None => return Ok(()),
        Some(kind) => (kind != PdpType::V6, kind != PdpType::V4),
    };
    let lacks = match (v4 && !addresses.have(false), v6 && !addresses.have(true)) {
        (false, false) => return Ok(()),
        (true, _) => "IPv4",
        (false, true) => "IPv6",
    };
    let what = format!("the connection stands, and has no {lacks} address, which was asked for");
    let next = "leave --ip out: then what the network gives is taken";
    let there = if addresses.own.is_empty() { "none".to_owned() } else { list(&addresses.own) };
    Err(run.fails(ErrorKind::NoAddress, what).with("addresses", there).detail(Detail::NextStep(next)))
}

impl From<&DhcpLease> for Addresses {
    fn from(lease: &DhcpLease) -> Self {
        Addresses {
            own: vec![lease.address],
            gateway: lease.router.map(IpAddr::V4),
            dns: lease.dns.iter().map(|a| IpAddr::V4(*a)).collect(),
            mtu: lease.mtu.filter(|mtu| *mtu >= 576),
            from: vec!["DHCP"],
            lease: Some(lease.clone()),
            foreign: false,
        }
    }
}

/// Brings the interface up, with a hardware address of its own where another interface has the same one.
///
/// # Errors
/// What the computer reports.
pub(super) fn raise(run: &mut Run<'_, '_>, card: &Card) -> Result<()> {
    let all = run.computer.every_card()?;
    let own = all.iter().find(|c| c.card == *card).and_then(|c| c.mac);
    // A row of zeros is no address: tunnels have that.
    let twin = all.iter().find(|c| c.card != *card && c.mac.is_some() && c.mac == own && own != Some([0; 6]));
    if let Some(twin) = twin {
        let text = format!("{card} and {} have the same hardware address: {card} gets its own", twin.card);
        run.session.warn("twins", text);
        run.change(Change::Link { card: card.clone(), up: false })?;
        let mac = mac_of(run.place().as_str());
        run.change(Change::Mac { card: card.clone(), mac })?;
    }
    run.change(Change::Link { card: card.clone(), up: true })
}

/// Leaves the interface to the program that owns it: waits for an address. `None` where nobody owns it.
///
/// # Errors
/// `NoAddress` when the owner gives none in time.
pub(super) fn by_owner(run: &mut Run<'_, '_>, card: &Card) -> Result<Option<Addresses>> {
    let Some(owner) = run.computer.owner(card) else { return Ok(None) };
    let name = owner.name();
    run.session.note("owner", format!("{name} sets the addresses of {card}: it is left to that"));
    let v4 = run.computer.await_address(card, false, DHCP)?;
    let asks_for_v6 = matches!(run.wanted.ip, Some(PdpType::V6 | PdpType::V4V6));
    let v6 =
        run.computer.await_address(card, true, if asks_for_v6 { ADVERTISEMENT } else { Duration::ZERO })?;
    let own: Vec<Network> = v4.into_iter().chain(v6).collect();
    if own.is_empty() {
        let what = format!("{name} holds {card} and has given it no address");
        return Err(run.fails(ErrorKind::NoAddress, what).detail(Detail::Holder(name.to_owned())));
    }
    Ok(Some(Addresses { own, from: vec![name], foreign: true, ..Addresses::default() }))
}

/// Asks for an address by DHCP.
///
/// # Errors
/// What the computer reports.
pub(super) fn by_dhcp(run: &mut Run<'_, '_>, card: &Card) -> Result<Option<Addresses>> {
    run.session.note("address", format!("asking for an address by DHCP on {card}"));
    run.change(Change::Arp { card: card.clone(), on: true })?;
    raise(run, card)?;
    let lease = run.computer.lease(card, None, DHCP)?;
    if let Some(lease) = &lease {
        let text = format!("{} from {}, for {} s", lease.address, lease.server, lease.time.as_secs());
        run.session.note("address", text);
    }
    Ok(lease.as_ref().map(Addresses::from))
}

/// Says how the kernel is to take the network's IPv6 address and route. Before the card is raised: what the network advertises at once would be
/// taken by the kernel's own settings, and a router's kernel asks for it only where these say so already.
///
/// # Errors
/// What the computer reports.
pub(super) fn prepare_ipv6(run: &mut Run<'_, '_>, card: &Card) -> Result<()> {
    if run.wanted.ip == Some(PdpType::V4) {
        return Ok(());
    }
    let default = if run.wanted.no_default { "0" } else { "1" };
    let metric = metric(run.computer, run.wanted, &card.name)?.to_string();
    for (name, value) in [
        (SettingName::RaMetric, metric.as_str()),
        (SettingName::AcceptRaDefault, default),
        (SettingName::AcceptRa, "2"),
        (SettingName::DisableIpv6, "0"),
    ] {
        run.change(Change::Setting { card: card.clone(), name, value: value.to_owned() })?;
    }
    Ok(())
}

/// Has the kernel take the network's IPv6 address and route.
///
/// # Errors
/// What the computer reports.
fn by_advertisement(run: &mut Run<'_, '_>, card: &Card) -> Result<Option<Network>> {
    prepare_ipv6(run, card)?;
    let found = run.computer.await_address(card, true, ADVERTISEMENT)?;
    if let Some(address) = found {
        run.session.note("address", format!("{address} by router advertisement"));
    }
    Ok(found)
}

/// The network's IPv6 address by [`by_advertisement`], with name servers: of those that are known already, else by stateless DHCPv6.
///
/// # Errors
/// What the computer reports.
pub(super) fn by_ipv6(run: &mut Run<'_, '_>, card: &Card, addresses: &mut Addresses) -> Result<()> {
    let Some(address) = by_advertisement(run, card)? else { return Ok(()) };
    addresses.own.push(address);
    addresses.from.push(BY_ADVERTISEMENT);
    if !addresses.dns.iter().any(IpAddr::is_ipv6) {
        let servers = run.computer.name_servers6(card, DHCP6)?;
        if !servers.is_empty() {
            run.session.note("address", format!("name servers by DHCPv6: {}", list(&servers)));
        }
        addresses.dns.extend(servers);
    }
    Ok(())
}

/// Sets addresses and largest packet. Routes come from [`route`].
///
/// # Errors
/// What the computer reports.
pub(super) fn address(run: &mut Run<'_, '_>, card: &Card, addresses: &Addresses) -> Result<()> {
    if addresses.foreign {
        return Ok(());
    }
    if let Some(mtu) = run.wanted.mtu.or(addresses.mtu) {
        run.change(Change::Mtu { card: card.clone(), mtu: mtu.into() })?;
    }
    // The kernel has set what it took from an advertisement.
    let advertised = |n: &Network| n.address.is_ipv6() && addresses.from.contains(&BY_ADVERTISEMENT);
    for network in addresses.own.iter().filter(|n| !advertised(n)) {
        run.change(Change::Address { card: card.clone(), address: *network, add: true })?;
    }
    Ok(())
}

/// Routes: a table of the stick's own for whoever chooses it by address or interface, and a default route behind every other one. Gives
/// the metric of that.
///
/// # Errors
/// What the computer reports.
pub(super) fn route(run: &mut Run<'_, '_>, card: &Card, addresses: &Addresses) -> Result<Option<u32>> {
    run.session.step("route", "routes");
    more_routes(run, card, addresses)
}

/// The same for addresses that came after others.
///
/// # Errors
/// What the computer reports.
pub(super) fn more_routes(run: &mut Run<'_, '_>, card: &Card, addresses: &Addresses) -> Result<Option<u32>> {
    if addresses.foreign {
        run.session.note("route", "the routes of the interface are its owner's");
        return Ok(None);
    }
    let table = table_of(run.place().as_str());
    let metric = metric(run.computer, run.wanted, &card.name)?;
    let others = run.computer.every_card()?;
    let mut changes = Vec::new();
    let add = |route| Change::Route { route, add: true };
    let mut kinds: Vec<bool> = addresses.own.iter().map(|a| a.address.is_ipv6()).collect();
    kinds.dedup();
    for own in &addresses.own {
        let v6 = own.address.is_ipv6();
        let clashes = others.iter().any(|c| c.card != *card && overlaps(&c.addresses, own));
        let whole = if v6 { 128 } else { 32 };
        let link = |table| Route {
            to: Some(own.base()),
            v6,
            via: None,
            card: card.clone(),
            source: Some(own.address),
            metric: 0,
            table,
        };
        if own.prefix < whole {
            changes.push(add(link(table)));
            if clashes {
                let text = format!(
                    "{} is another interface's network too: it stays out of the main table",
                    own.base()
                );
                run.session.warn("twins", text);
            } else {
                changes.push(add(link(MAIN_TABLE)));
            }
        }
        if clashes {
            changes.push(Change::Setting {
                card: card.clone(),
                name: SettingName::ReversePath,
                value: "2".into(),
            });
        }
        let same =
            others.iter().any(|c| c.card != *card && c.addresses.iter().any(|a| a.address == own.address));
        if !same {
            let rule = Rule { from: Some(own.address), bound_to: None, v6, priority: RULES_AT, table };
            changes.push(Change::Rule { rule, add: true });
        }
    }
    for v6 in kinds {
        let bound_to = Some(card.name.clone());
        let rule = Rule { from: None, bound_to, v6, priority: RULES_AT + 1, table };
        changes.push(Change::Rule { rule, add: true });
        let via = addresses.gateway.filter(|g| g.is_ipv6() == v6);
        let source = addresses.own.iter().map(|a| a.address).find(|a| a.is_ipv6() == v6);
        // The kernel has its own default route from an advertisement, in the main table; the stick's table gets a copy.
        let advertised = v6 && addresses.from.contains(&BY_ADVERTISEMENT);
        let via = if advertised { run.computer.ipv6_router(card)? } else { via };
        let default = |metric, table| Route { to: None, v6, via, card: card.clone(), source, metric, table };
        changes.push(add(default(0, table)));
        if !run.wanted.no_default && !advertised {
            changes.push(add(default(metric, MAIN_TABLE)));
        }
    }
    run.changes(&changes)?;
    let default = (!run.wanted.no_default).then_some(metric);
    match default {
        Some(metric) => run.session.note("route", format!("default route with metric {metric}")),
        None => run.session.note("route", format!("no default route; the stick's own table is {table}")),
    }
    Ok(default)
}

/// The metric that was wanted, else one behind every default route through other interfaces.
pub(super) fn metric(computer: &mut dyn Computer, wanted: &Wanted, card: &str) -> Result<u32> {
    if let Some(metric) = wanted.metric {
        return Ok(metric);
    }
    let routes = computer.default_routes()?;
    let largest = routes.iter().filter(|r| !r.v6 && r.card.name != card).map(|r| r.metric).max();
    Ok(largest.map_or(METRIC, |largest| METRIC.max(largest.saturating_add(1))))
}

fn overlaps(theirs: &[Network], own: &Network) -> bool {
    theirs.iter().any(|other| other.holds(own.address) || own.holds(other.address))
}

/// Name servers.
///
/// # Errors
/// What the computer reports.
pub(super) fn name_service(run: &mut Run<'_, '_>, card: &Card, addresses: &Addresses) -> Result<()> {
    run.session.step("name-service", "name servers");
    if addresses.foreign {
        run.session.note("name-service", "name servers are the owner's");
    } else if addresses.dns.is_empty() {
        run.session
            .warn("name-service", "the network named no name server; the computer's own stay".to_owned());
    } else if run.wanted.no_default {
        let text =
            "without a default route the computer's own name servers stay; the stick's are in the report";
        run.session.note("name-service", text);
    } else {
        let how = run.computer.resolver();
        run.session.note("name-service", format!("by {how}"));
        run.change(Change::Resolver { card: card.clone(), servers: addresses.dns.clone() })?;
    }
    Ok(())
}
