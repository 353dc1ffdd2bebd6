//! Addresses, routes and rules by the kernel's routing netlink.

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, sendto, socket_with,
};

use crate::error::{Error, ErrorKind, Result};
use crate::online::computer::{Card, Change, Network, Route, Rule};
use crate::wire::rtnetlink::{self as nl, Message, kind};

/// The kernel answers at once.
const PATIENCE: Duration = Duration::from_secs(2);

/// One dump has at most this much: a router with a full table is no place for a stick.
const MOST: usize = 8 * 1024 * 1024;

/// So often a dump is asked for again that was interrupted by another program's change: ten sticks come up at once.
const DUMPS: usize = 20;

/// `ip -6 route` without a metric: the kernel takes 1024.
const METRIC_V6: u32 = 1024;

#[derive(Debug)]
pub(super) struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

/// What the kernel tells of addresses as they come and go.
#[derive(Debug)]
pub(super) struct News(OwnedFd);

impl News {
    /// `RTMGRP_IPV4_IFADDR` and `RTMGRP_IPV6_IFADDR`.
    const ADDRESSES: u32 = 0x10 | 0x100;

    pub(super) fn of_addresses() -> Result<News> {
        socket_of(News::ADDRESSES).map(News)
    }

    /// Waits for news, at most so long. What it says is to be asked for.
    pub(super) fn wait(&self, limit: Duration) {
        let timeout = Timespec::try_from(limit).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
        if poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&timeout)).is_ok_and(|ready| ready > 0) {
            let mut buffer = [0; 4096];
            // What overflowed is as good: something has changed.
            while recv(&self.0, &mut buffer[..], RecvFlags::DONTWAIT).is_ok() {}
        }
    }
}

/// A socket of NETLINK_ROUTE, which is protocol 0, that hears these groups.
fn socket_of(groups: u32) -> Result<OwnedFd> {
    socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)
        .and_then(|socket| bind(&socket, &SocketAddrNetlink::new(0, groups)).map(|()| socket))
        .map_err(|e| failed("the kernel's netlink cannot be opened", e.raw_os_error()))
}

impl Netlink {
    pub(super) fn open() -> Result<Netlink> {
        Ok(Netlink { socket: socket_of(0)?, sequence: 0 })
    }

    /// What the kernel lists, whole: the messages' bytes, each with its header.
    fn dump(&mut self, kind: u16, body: &[u8]) -> Result<Vec<u8>, i32> {
        for _ in 1..DUMPS {
            let bytes = self.ask(Message::new(kind, nl::DUMP, body))?;
            if !nl::messages(&bytes).any(|message| message.interrupted()) {
                return Ok(bytes);
            }
        }
        // Who changes things all the time must not keep us from going on.
        self.ask(Message::new(kind, nl::DUMP, body))
    }

    /// Sends a request and gives what came: the messages' bytes, each with its header.
    fn ask(&mut self, message: Message) -> Result<Vec<u8>, i32> {
        let os = |e: rustix::io::Errno| e.raw_os_error();
        self.sequence += 1;
        let bytes = message.bytes(self.sequence);
        let kernel = SocketAddrNetlink::new(0, 0);
        retry_on_intr(|| sendto(&self.socket, &bytes, SendFlags::empty(), &kernel)).map_err(os)?;
        let mut all = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        let patience = Timespec::try_from(PATIENCE).unwrap_or(Timespec { tv_sec: 2, tv_nsec: 0 });
        loop {
            let ready = || poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&patience));
            if retry_on_intr(ready).map_err(os)? == 0 {
                return Err(libc::ETIMEDOUT);
            }
            let (n, _) =
                retry_on_intr(|| recv(&self.socket, &mut buffer[..], RecvFlags::empty())).map_err(os)?;
            let answers = |m: &nl::Received<'_>| m.sequence == self.sequence;
            // What is left of an earlier answer is not part of this one.
            if nl::messages(&buffer[..n]).any(|m| answers(&m)) {
                // The last message of a dump may come with others before it.
                all.extend(&buffer[..n]);
            }
            for received in nl::messages(&buffer[..n]).filter(answers) {
                match (received.kind, received.error()) {
                    (kind::DONE, _) | (_, Some(0)) => return Ok(all),
                    (_, Some(number)) => return Err(number),
                    _ => {}
                }
            }
            if all.len() > MOST {
                return Err(libc::EMSGSIZE);
            }
        }
    }

    /// Every address that can be used, by interface number.
    pub(super) fn addresses(&mut self) -> Result<Vec<(u32, Network)>> {
        let bytes = self
            .dump(kind::GET_ADDRESS, &nl::address_body(0, 0, 0))
            .map_err(|e| failed("the kernel does not list addresses", e))?;
        let mut found = Vec::new();
        for message in nl::messages(&bytes).filter(|m| m.kind == kind::NEW_ADDRESS) {
            let [_, prefix, flags, scope, index @ ..] = message.body else { continue };
            let Some(index) = index.get(..4).and_then(nl::number) else { continue };
            let of = |wanted: u16| {
                message.attributes(8).find(|(name, _)| *name == wanted).and_then(|(_, v)| nl::address(v))
            };
            // IFA_LOCAL, else IFA_ADDRESS: on a point-to-point link the second is the other end.
            let Some(address) = of(2).or_else(|| of(1)) else { continue };
            // What reaches no further than the link is no address to go online with, and neither is one of which the kernel does not know
            // yet whether somebody else has it.
            if *scope < LINK_SCOPE && flags & TENTATIVE == 0 {
                found.push((index, Network { address, prefix: *prefix }));
            }
        }
        Ok(found)
    }

    /// Every route through an interface; `name` gives an interface's name.
    pub(super) fn routes(&mut self, name: impl Fn(u32) -> Option<String>) -> Result<Vec<Route>> {
        let mut found = Vec::new();
        for family in [nl::INET, nl::INET6] {
            let bytes = match self.dump(kind::GET_ROUTE, &nl::route_body(family, 0, 0, false)) {
                Ok(bytes) => bytes,
                // A kernel without IPv6 has none.
                Err(number) if family == nl::INET6 && number != libc::ETIMEDOUT => continue,
                Err(number) => return Err(failed("the kernel does not list routes", number)),
            };
            for message in nl::messages(&bytes).filter(|m| m.kind == kind::NEW_ROUTE) {
                found.extend(route_of(message, &name));
            }
        }
        Ok(found)
    }

    /// The router that the kernel knows behind an interface by its advertisement, whether or not it took a default route from it.
    pub(super) fn ipv6_router(&mut self, index: u32) -> Result<Option<IpAddr>> {
        // struct ndmsg: family, interface, state, flags, type.
        let mut body = [0; 12];
        body[0] = nl::INET6;
        let bytes = self
            .dump(kind::GET_NEIGHBOUR, &body)
            .map_err(|e| failed("the kernel does not list neighbours", e))?;
        let router = |message: nl::Received<'_>| {
            let [nl::INET6, _, _, _, a, b, c, d, _, _, flags, ..] = *message.body else { return None };
            let is_its = nl::number(&[a, b, c, d]) == Some(index) && flags & NTF_ROUTER != 0;
            let (_, value) = message.attributes(12).find(|(name, _)| is_its && *name == NDA_DST)?;
            nl::address(value)
        };
        Ok(nl::messages(&bytes).filter(|m| m.kind == kind::NEW_NEIGHBOUR).find_map(router))
    }

    fn rules(&mut self, v6: bool) -> Result<Vec<Rule>> {
        let family = if v6 { nl::INET6 } else { nl::INET };
        let bytes = self
            .dump(kind::GET_RULE, &nl::rule_body(family, 0))
            .map_err(|e| failed("the kernel does not list rules", e))?;
        let rule = |message: nl::Received<'_>| {
            let value = |wanted| message.attributes(12).find(|(name, _)| *name == wanted).map(|(_, v)| v);
            Some(Rule {
                from: value(FRA_SRC).and_then(nl::address),
                bound_to: value(FRA_OIFNAME).map(text),
                v6,
                priority: value(FRA_PRIORITY).and_then(nl::number)?,
                table: value(FRA_TABLE).and_then(nl::number)?,
            })
        };
        Ok(nl::messages(&bytes).filter(|m| m.kind == kind::NEW_RULE).filter_map(rule).collect())
    }

    /// Whether the route is there.
    pub(super) fn has_route(&mut self, route: &Route) -> Result<bool> {
        let name = route.card.name.clone();
        let all = self.routes(|index| (index == route.card.index).then(|| name.clone()))?;
        let metric = |r: &Route| if r.v6 && r.metric == 0 { METRIC_V6 } else { r.metric };
        let same =
            |r: &Route| (r.to, r.v6, r.table, metric(r)) == (route.to, route.v6, route.table, metric(route));
        Ok(all.iter().any(same))
    }

    /// Whether the rule is there.
    pub(super) fn has_rule(&mut self, rule: &Rule) -> Result<bool> {
        Ok(self.rules(rule.v6)?.contains(rule))
    }

    /// Makes a change that netlink makes; `false` for one of another kind.
    pub(super) fn apply(&mut self, change: &Change) -> Result<bool> {
        let message = match change {
            Change::Link { card, up } => {
                Message::new(kind::NEW_LINK, nl::CHANGE, &nl::link_body(card.index, u32::from(*up), nl::UP))
            }
            Change::Arp { card, on } => {
                let flags = if *on { 0 } else { nl::NO_ARP };
                Message::new(kind::NEW_LINK, nl::CHANGE, &nl::link_body(card.index, flags, nl::NO_ARP))
            }
            Change::Mac { card, mac } => {
                Message::new(kind::NEW_LINK, nl::CHANGE, &nl::link_body(card.index, 0, 0)).with(1, mac)
            }
            Change::Mtu { card, mtu } => {
                Message::new(kind::NEW_LINK, nl::CHANGE, &nl::link_body(card.index, 0, 0))
                    .with_number(4, *mtu)
            }
            Change::Address { card, address, add } => address_message(card, *address, *add),
            Change::Route { route, add } => route_message(route, *add),
            Change::Rule { rule, add } => rule_message(rule, *add),
            _ => return Ok(false),
        };
        let removes = matches!(
            change,
            Change::Address { add: false, .. }
                | Change::Route { add: false, .. }
                | Change::Rule { add: false, .. }
        );
        match self.ask(message) {
            Ok(_) => Ok(true),
            Err(libc::EEXIST) => Ok(true),
            Err(libc::ESRCH | libc::ENOENT | libc::EADDRNOTAVAIL) if removes => Ok(true),
            // A router's kernel may have one table for IPv6: routes without a table of their own stand in it.
            Err(libc::EAFNOSUPPORT | libc::EOPNOTSUPP) if matches!(change, Change::Rule { rule, .. } if rule.v6) => {
                Ok(true)
            }
            // What hung on an interface went with it.
            Err(libc::ENODEV) if removes => Ok(true),
            Err(number) => Err(failed(&format!("the kernel refuses: {change}"), number)),
        }
    }
}

/// `IFA_F_TENTATIVE`.
const TENTATIVE: u8 = 0x40;

/// `RT_SCOPE_LINK`.
const LINK_SCOPE: u8 = 253;

const NTF_ROUTER: u8 = 0x80;
const NDA_DST: u16 = 1;

const FRA_SRC: u16 = 2;
const FRA_PRIORITY: u16 = 6;
const FRA_TABLE: u16 = 15;
const FRA_OIFNAME: u16 = 17;

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).trim_end_matches('\0').to_owned()
}

fn family(v6: bool) -> u8 {
    if v6 { nl::INET6 } else { nl::INET }
}

fn route_of(message: nl::Received<'_>, name: impl Fn(u32) -> Option<String>) -> Option<Route> {
    let [family, prefix, _, _, table, _, _, kind, ..] = *message.body else { return None };
    // Unicast.
    if kind != 1 {
        return None;
    }
    let value = |wanted| message.attributes(12).find(|(name, _)| *name == wanted).map(|(_, v)| v);
    let index = value(4).and_then(nl::number)?;
    let to = value(1).and_then(nl::address).map(|address| Network { address, prefix });
    Some(Route {
        to: to.filter(|to| to.prefix > 0),
        v6: family == nl::INET6,
        via: value(5).and_then(nl::address),
        card: Card { name: name(index)?, index },
        source: value(7).and_then(nl::address),
        metric: value(6).and_then(nl::number).unwrap_or(0),
        table: value(15).and_then(nl::number).unwrap_or(table.into()),
    })
}

fn address_message(card: &Card, network: Network, add: bool) -> Message {
    let (kind, flags) =
        if add { (kind::NEW_ADDRESS, nl::CREATE) } else { (kind::DELETE_ADDRESS, nl::CHANGE) };
    let body = nl::address_body(family(network.address.is_ipv6()), network.prefix, card.index);
    let message =
        Message::new(kind, flags, &body).with_address(2, network.address).with_address(1, network.address);
    // No route follows from it; nobody is asked whether it is taken.
    if add { message.with_number(8, 0x200 | 0x02) } else { message }
}

fn route_message(route: &Route, add: bool) -> Message {
    let (kind, flags) = if add { (kind::NEW_ROUTE, nl::CREATE) } else { (kind::DELETE_ROUTE, nl::CHANGE) };
    let scope = if route.via.is_some() { 0 } else { LINK_SCOPE };
    let prefix = route.to.map_or(0, |to| to.prefix);
    let mut message =
        Message::new(kind, flags, &nl::route_body(family(route.v6), prefix, scope, route.via.is_some()))
            .with_number(4, route.card.index)
            .with_number(15, route.table);
    if let Some(to) = route.to {
        message = message.with_address(1, to.address);
    }
    if let Some(via) = route.via {
        message = message.with_address(5, via);
    }
    if route.metric > 0 {
        message = message.with_number(6, route.metric);
    }
    match route.source {
        // What is to be removed is found without it.
        Some(source) if add => message.with_address(7, source),
        _ => message,
    }
}

fn rule_message(rule: &Rule, add: bool) -> Message {
    let (kind, flags) = if add { (kind::NEW_RULE, nl::CREATE) } else { (kind::DELETE_RULE, nl::CHANGE) };
    let bits = match rule.from {
        None => 0,
        Some(IpAddr::V4(_)) => 32,
        Some(IpAddr::V6(_)) => 128,
    };
    let mut message = Message::new(kind, flags, &nl::rule_body(family(rule.v6), bits))
        .with_number(FRA_PRIORITY, rule.priority)
        .with_number(FRA_TABLE, rule.table);
    if let Some(from) = rule.from {
        message = message.with_address(FRA_SRC, from);
    }
    match &rule.bound_to {
        Some(name) => message.with(FRA_OIFNAME, &[name.as_bytes(), b"\0"].concat()),
        None => message,
    }
}

pub(super) fn failed(what: &str, number: i32) -> Error {
    let kind = match number {
        libc::EPERM | libc::EACCES => ErrorKind::PermissionDenied,
        libc::ENODEV | libc::ENXIO | libc::ENETDOWN => ErrorKind::Disconnected,
        _ => ErrorKind::Io,
    };
    Error::new(kind, what).because(io::Error::from_raw_os_error(number))
}
