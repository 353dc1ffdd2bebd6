//! Addresses over PPP: IPCP with name servers (RFC 1332, RFC 1877) and IPv6CP (RFC 5072).

use crate::ppp::automaton::{Negotiation, Reply};
use crate::ppp::packet::Choice;

const ADDRESS: u8 = 3;
const DNS_1: u8 = 129;
const DNS_2: u8 = 131;
const INTERFACE_ID: u8 = 1;

/// IPv4: this end's own address, and what it hands out.
#[derive(Clone, Debug)]
pub(crate) struct Ipv4 {
    pub(crate) own: Option<[u8; 4]>,
    pub(crate) theirs: [u8; 4],
    pub(crate) dns: [[u8; 4]; 2],
}

impl Negotiation for Ipv4 {
    fn wants(&self) -> Vec<Choice> {
        self.own.map(|own| Choice::new(ADDRESS, own)).into_iter().collect()
    }

    fn reply_to(&mut self, offered: &[Choice]) -> Reply {
        let right = |kind| match kind {
            ADDRESS => Some(self.theirs),
            DNS_1 => Some(self.dns[0]),
            DNS_2 => Some(self.dns[1]),
            _ => None,
        };
        let unknown: Vec<Choice> = offered.iter().filter(|o| right(o.kind).is_none()).cloned().collect();
        if !unknown.is_empty() {
            return Reply::Reject(unknown);
        }
        let wrong =
            offered.iter().filter_map(|o| Some((o, right(o.kind)?))).filter(|(o, right)| o.value != right);
        let mut wrong: Vec<Choice> = wrong.map(|(o, right)| Choice::new(o.kind, right)).collect();
        // Whoever asks for no address has to be told which one is his.
        if !offered.iter().any(|o| o.kind == ADDRESS) {
            wrong.push(Choice::new(ADDRESS, self.theirs));
        }
        if wrong.is_empty() { Reply::Ack } else { Reply::Nak(wrong) }
    }

    /// The network's gateway has the address that it has.
    fn not_acked(&mut self, _other: &[Choice]) {}

    fn rejected(&mut self, unknown: &[Choice]) {
        if unknown.iter().any(|o| o.kind == ADDRESS) {
            self.own = None;
        }
    }
}

/// IPv6: the last eight octets of both link-local addresses.
#[derive(Clone, Debug)]
pub(crate) struct Ipv6 {
    pub(crate) own: [u8; 8],
    /// For a host that has none.
    pub(crate) suggested: [u8; 8],
    wants_own: bool,
}

impl Ipv6 {
    pub(crate) fn new(own: [u8; 8], suggested: [u8; 8]) -> Self {
        Ipv6 { own, suggested, wants_own: true }
    }
}

impl Negotiation for Ipv6 {
    fn wants(&self) -> Vec<Choice> {
        if self.wants_own { vec![Choice::new(INTERFACE_ID, self.own)] } else { Vec::new() }
    }

    fn reply_to(&mut self, offered: &[Choice]) -> Reply {
        let unknown: Vec<Choice> = offered.iter().filter(|o| o.kind != INTERFACE_ID).cloned().collect();
        if !unknown.is_empty() {
            return Reply::Reject(unknown);
        }
        let suggested = || Reply::Nak(vec![Choice::new(INTERFACE_ID, self.suggested)]);
        match offered {
            [option] if option.value.len() != 8 || option.value == [0; 8] || option.value == self.own => {
                suggested()
            }
            [_] => Reply::Ack,
            _ => suggested(),
        }
    }

    fn not_acked(&mut self, other: &[Choice]) {
        if let Some(own) = other.iter().find_map(|o| <[u8; 8]>::try_from(&o.value[..]).ok()) {
            self.own = own;
        }
    }

    fn rejected(&mut self, _unknown: &[Choice]) {
        self.wants_own = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_and_two_name_servers() {
        let mut ipv4 = Ipv4 { own: Some([10, 64, 64, 64]), theirs: [10, 0, 0, 2], dns: [[1; 4], [2; 4]] };
        let zero = [ADDRESS, DNS_1, DNS_2].map(|kind| Choice::new(kind, [0; 4]));
        let Reply::Nak(right) = ipv4.reply_to(&zero) else { panic!("other values") };
        assert_eq!(right[0].value, [10, 0, 0, 2]);
        assert_eq!(ipv4.reply_to(&right), Reply::Ack);
        assert_eq!(ipv4.reply_to(&[]), Reply::Nak(vec![Choice::new(ADDRESS, [10, 0, 0, 2])]));
        let compression = Choice::new(2, [0, 0x2d, 15, 1]);
        assert_eq!(ipv4.reply_to(std::slice::from_ref(&compression)), Reply::Reject(vec![compression]));
    }

    #[test]
    fn two_ends_with_the_same_identifier_cannot_be() {
        let mut ipv6 = Ipv6::new([1; 8], [2; 8]);
        for bad in [[0; 8], [1; 8]] {
            let nak = Reply::Nak(vec![Choice::new(INTERFACE_ID, [2; 8])]);
            assert_eq!(ipv6.reply_to(&[Choice::new(INTERFACE_ID, bad)]), nak);
        }
        assert_eq!(ipv6.reply_to(&[Choice::new(INTERFACE_ID, [3; 8])]), Reply::Ack);
    }
}
