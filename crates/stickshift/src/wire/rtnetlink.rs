//! Messages of Linux's routing netlink for the few requests that going online makes: links, addresses, routes, rules.
//!
//! Written here and not taken from a crate: the general ones add 0.5 MB to a program of 3 MB. Layouts: `linux/netlink.h`, `linux/rtnetlink.h`,
//! `linux/if_link.h`, `linux/if_addr.h`, `linux/fib_rules.h`. Numbers are in the byte order of the machine.
//!
//! ```
//! use stickshift::wire::rtnetlink::{self, Message};
//!
//! // RTM_GETLINK for every link.
//! let request = Message::new(18, rtnetlink::DUMP, &rtnetlink::link_body(0, 0, 0)).bytes(7);
//! assert_eq!(request.len(), 32);
//! let length = u32::from_ne_bytes(request[..4].try_into().unwrap());
//! assert_eq!(length as usize, request.len());
//! ```

use core::net::IpAddr;

/// What a message asks for or tells: `RTM_*`.
pub mod kind {
    #![allow(missing_docs, reason = "the kernel's own names")]
    pub const NEW_LINK: u16 = 16;
    pub const NEW_ADDRESS: u16 = 20;
    pub const DELETE_ADDRESS: u16 = 21;
    pub const GET_ADDRESS: u16 = 22;
    pub const NEW_ROUTE: u16 = 24;
    pub const DELETE_ROUTE: u16 = 25;
    pub const GET_ROUTE: u16 = 26;
    pub const NEW_NEIGHBOUR: u16 = 28;
    pub const GET_NEIGHBOUR: u16 = 30;
    pub const NEW_RULE: u16 = 32;
    pub const DELETE_RULE: u16 = 33;
    pub const GET_RULE: u16 = 34;
    pub const ERROR: u16 = 2;
    pub const DONE: u16 = 3;
}

/// `NLM_F_REQUEST | NLM_F_ACK`.
pub const CHANGE: u16 = 0x1 | 0x4;
/// The same, and the thing is not to be there yet: `NLM_F_CREATE | NLM_F_EXCL`.
pub const CREATE: u16 = CHANGE | 0x400 | 0x200;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
pub const DUMP: u16 = 0x1 | 0x300;

/// `AF_INET`.
pub const INET: u8 = 2;
/// `AF_INET6`.
pub const INET6: u8 = 10;

/// `IFF_UP`.
pub const UP: u32 = 0x1;
/// `IFF_NOARP`.
pub const NO_ARP: u32 = 0x80;

const HEADER: usize = 16;

/// A message under construction.
#[derive(Clone, Debug)]
pub struct Message(Vec<u8>);

impl Message {
    /// An empty message; `body` is the fixed part that its kind begins with.
    pub fn new(kind: u16, flags: u16, body: &[u8]) -> Message {
        let mut bytes = vec![0; 4];
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend([0; 8]);
        bytes.extend(body);
        Message(bytes)
    }

    /// Adds an attribute.
    #[must_use]
    pub fn with(mut self, attribute: u16, value: &[u8]) -> Message {
        self.align();
        self.0.extend((4 + value.len() as u16).to_ne_bytes());
        self.0.extend(attribute.to_ne_bytes());
        self.0.extend(value);
        self
    }

    /// Adds a number.
    #[must_use]
    pub fn with_number(self, attribute: u16, value: u32) -> Message {
        self.with(attribute, &value.to_ne_bytes())
    }

    /// Adds an address.
    #[must_use]
    pub fn with_address(self, attribute: u16, address: IpAddr) -> Message {
        match address {
            IpAddr::V4(a) => self.with(attribute, &a.octets()),
            IpAddr::V6(a) => self.with(attribute, &a.octets()),
        }
    }

    /// The whole message with its length and this number, by which answers are known.
    pub fn bytes(mut self, sequence: u32) -> Vec<u8> {
        self.align();
        let length = self.0.len() as u32;
        self.0[..4].copy_from_slice(&length.to_ne_bytes());
        self.0[8..12].copy_from_slice(&sequence.to_ne_bytes());
        self.0
    }

    fn align(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }
}

/// A message that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received<'a> {
    /// `RTM_*`, [`kind::ERROR`] or [`kind::DONE`].
    pub kind: u16,
    /// `NLM_F_*`.
    pub flags: u16,
    /// Of the request that it answers.
    pub sequence: u32,
    /// What follows the header.
    pub body: &'a [u8],
}

impl<'a> Received<'a> {
    /// Whether what a dump lists changed while it was made (`NLM_F_DUMP_INTR`): entries may be missing.
    pub fn interrupted(&self) -> bool {
        self.flags & 0x10 != 0
    }

    /// The error number of an acknowledgement; 0 for done. `None` for another kind of message.
    pub fn error(&self) -> Option<i32> {
        let number = self.body.get(..4).and_then(|b| b.try_into().ok()).map(i32::from_ne_bytes);
        if self.kind == kind::ERROR { number.map(|n| -n) } else { None }
    }

    /// The attributes behind a fixed part of `skip` bytes. What is cut is left out.
    pub fn attributes(&self, skip: usize) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let mut rest = self.body.get(skip..).unwrap_or_default();
        std::iter::from_fn(move || {
            let length = usize::from(u16::from_ne_bytes(rest.get(..2)?.try_into().ok()?));
            let name = u16::from_ne_bytes(rest.get(2..4)?.try_into().ok()?);
            let value = rest.get(4..length)?;
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
            // Two upper bits say how the value is built.
            Some((name & 0x3fff, value))
        })
    }
}

/// The messages of one read. What is cut is left out.
pub fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Received<'_>> {
    std::iter::from_fn(move || {
        let length = u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
        if length < HEADER {
            return None;
        }
        let message = bytes.get(..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Received {
            kind: u16::from_ne_bytes(message[4..6].try_into().ok()?),
            flags: u16::from_ne_bytes(message[6..8].try_into().ok()?),
            sequence: u32::from_ne_bytes(message[8..12].try_into().ok()?),
            body: &message[HEADER..],
        })
    })
}

/// An address as an attribute has it.
pub fn address(value: &[u8]) -> Option<IpAddr> {
    match value.len() {
        4 => Some(<[u8; 4]>::try_from(value).ok()?.into()),
        16 => Some(<[u8; 16]>::try_from(value).ok()?.into()),
        _ => None,
    }
}

/// A number as an attribute has it.
pub fn number(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(u32::from_ne_bytes)
}

/// `struct ifinfomsg`: an interface, and the flags to change to `flags`.
pub fn link_body(index: u32, flags: u32, mask: u32) -> Vec<u8> {
    let mut body = vec![0; 4];
    body.extend(index.to_ne_bytes());
    body.extend(flags.to_ne_bytes());
    body.extend(mask.to_ne_bytes());
    body
}

/// `struct ifaddrmsg`.
pub fn address_body(family: u8, prefix: u8, index: u32) -> Vec<u8> {
    let mut body = vec![family, prefix, 0, 0];
    body.extend(index.to_ne_bytes());
    body
}

/// `struct rtmsg`: a route of ours in the table that an attribute names; `on_link`: the next router counts as reachable.
pub fn route_body(family: u8, prefix: u8, scope: u8, on_link: bool) -> Vec<u8> {
    // Table "unspecified", protocol "static", type "unicast".
    let mut body = vec![family, prefix, 0, 0, 0, 4, scope, 1];
    body.extend(u32::from(on_link).wrapping_mul(4).to_ne_bytes());
    body
}

/// `struct fib_rule_hdr`: packets from an address of `source` bits to a table.
pub fn rule_body(family: u8, source: u8) -> Vec<u8> {
    // Action "to table".
    vec![family, 0, source, 0, 0, 0, 0, 1, 0, 0, 0, 0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_message_is_laid_out_as_the_kernel_reads_it() {
        let bytes = Message::new(kind::NEW_ADDRESS, CREATE, &address_body(INET, 24, 7))
            .with_address(2, [10, 0, 0, 1].into())
            .with(3, b"x")
            .bytes(9);
        assert_eq!(bytes.len(), 16 + 8 + 8 + 8);
        let [message] = messages(&bytes).collect::<Vec<_>>()[..] else { panic!("one message") };
        assert_eq!((message.kind, message.sequence, message.error()), (kind::NEW_ADDRESS, 9, None));
        let attributes: Vec<_> = message.attributes(8).collect();
        assert_eq!(attributes, [(2, &[10, 0, 0, 1][..]), (3, &b"x"[..])]);
        assert_eq!(address(attributes[0].1), Some([10, 0, 0, 1].into()));
    }

    #[test]
    fn errors_are_numbers() {
        let refused = Message::new(kind::ERROR, 0, &(-17i32).to_ne_bytes()).bytes(1);
        assert_eq!(messages(&refused).next().and_then(|m| m.error()), Some(17));
    }

    #[test]
    fn a_dump_says_that_it_was_interrupted() {
        let interrupted = |flags| {
            let bytes = Message::new(kind::NEW_ROUTE, flags, &route_body(INET, 0, 0, false)).bytes(1);
            messages(&bytes).next().unwrap().interrupted()
        };
        assert!(interrupted(0x2 | 0x10));
        assert!(!interrupted(0x2));
    }

    proptest! {
        #[test]
        fn nothing_that_comes_is_too_much(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for message in messages(&bytes) {
                message.attributes(8).count();
                message.error();
            }
        }
    }
}
