//! What stands behind a stick: the operator's network as packets, a network card that leads to it, and the router of HiLink firmware, whose
//! own network has the stick's web server on it.

mod bearer;
mod card;
mod dhcp;
mod dhcp6;
mod dns;
pub mod http;
mod icmp6;
mod ip;
mod operator;
mod router;
mod site;
mod wire;

pub(crate) use bearer::addresses;
pub use bearer::{Bearer, IPV6_GATEWAY, Ipv4Bearer, Ipv6Bearer};
pub use card::Card;
pub use operator::{Operator, Quirks};
pub use router::Router;

use smoltcp::time::Instant;
use stickshift::link::Moment;

fn instant(now: Moment) -> Instant {
    Instant::from_micros(i64::try_from(now.as_micros()).unwrap_or(i64::MAX))
}
