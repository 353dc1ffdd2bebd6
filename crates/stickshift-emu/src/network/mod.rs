//! What stands behind a stick: the operator's network as packets, and a network card that leads to it.

mod bearer;
mod card;
pub(crate) mod dhcp;
mod dhcp6;
pub(crate) mod dns;
mod icmp6;
pub(crate) mod ip;
mod operator;
#[cfg(test)]
pub(crate) mod page_reader;
mod site;
pub(crate) mod wire;

pub(crate) use bearer::addresses;
pub use bearer::{Bearer, IPV6_GATEWAY, Ipv4Bearer, Ipv6Bearer};
pub use card::Card;
pub use operator::{Operator, Quirks};

use smoltcp::time::Instant;
use stickshift::link::Moment;

pub(crate) fn instant(now: Moment) -> Instant {
    Instant::from_micros(i64::try_from(now.as_micros()).unwrap_or(i64::MAX))
}
