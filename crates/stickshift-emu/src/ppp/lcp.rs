//! The link's own options (RFC 1661 section 6, RFC 1662 section 7).

use crate::ppp::automaton::{Negotiation, Reply};
use crate::ppp::framing::EVERY_CONTROL;
use crate::ppp::packet::Choice;

const MRU: u8 = 1;
const CONTROL_MAP: u8 = 2;
const AUTHENTICATION: u8 = 3;
const MAGIC: u8 = 5;
const SHORT_PROTOCOL: u8 = 7;
const SHORT_ADDRESS: u8 = 8;

/// What every implementation takes.
const DEFAULT_MRU: u16 = 1500;
/// A smaller unit is answered with the usual one.
const LEAST_MRU: u16 = 128;

/// How the other end shows who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Pap,
    /// CHAP with MD5.
    Chap,
}

impl Method {
    fn value(self) -> Vec<u8> {
        match self {
            Method::Pap => vec![0xc0, 0x23],
            Method::Chap => vec![0xc2, 0x23, 5],
        }
    }
}

/// One end's view of the link.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    /// How the other end is asked who it is; `None`: not at all.
    pub(crate) method: Option<Method>,
    /// It may not go on without that.
    pub(crate) must_say: bool,
    /// The other end does not say who it is, and has to.
    pub(crate) hopeless: bool,
    /// What the other end wants escaped.
    pub(crate) their_map: u32,
    /// What this end wants escaped, once that was agreed.
    pub(crate) our_map: u32,
    /// The longest packet that the other end takes.
    pub(crate) their_mru: u16,
    pub(crate) magic: [u8; 4],
    wants_map: bool,
    wants_magic: bool,
}

impl Link {
    pub(crate) fn new(method: Option<Method>, must_say: bool, magic: [u8; 4]) -> Self {
        Link {
            method,
            must_say,
            hopeless: false,
            their_map: EVERY_CONTROL,
            our_map: EVERY_CONTROL,
            their_mru: DEFAULT_MRU,
            magic,
            wants_map: true,
            wants_magic: true,
        }
    }

    /// Both ends agree: the map that was asked for holds.
    pub(crate) fn agreed(&mut self) {
        self.our_map = if self.wants_map { 0 } else { EVERY_CONTROL };
    }
}

impl Negotiation for Link {
    fn wants(&self) -> Vec<Choice> {
        let mut all = Vec::new();
        if self.wants_map {
            all.push(Choice::new(CONTROL_MAP, [0; 4]));
        }
        all.extend(self.method.map(|method| Choice::new(AUTHENTICATION, method.value())));
        if self.wants_magic {
            all.push(Choice::new(MAGIC, self.magic));
        }
        all
    }

    fn reply_to(&mut self, offered: &[Choice]) -> Reply {
        let known =
            |o: &&Choice| matches!(o.kind, MRU | CONTROL_MAP | MAGIC | SHORT_PROTOCOL | SHORT_ADDRESS);
        let unknown: Vec<Choice> = offered.iter().filter(|o| !known(o)).cloned().collect();
        if !unknown.is_empty() {
            return Reply::Reject(unknown);
        }
        let mut right = Vec::new();
        for option in offered {
            match (option.kind, &option.value[..]) {
                (MRU, [high, low]) if u16::from_be_bytes([*high, *low]) >= LEAST_MRU => {}
                (MRU, _) => right.push(Choice::new(MRU, DEFAULT_MRU.to_be_bytes())),
                (CONTROL_MAP, [_, _, _, _]) => {}
                (CONTROL_MAP, _) => right.push(Choice::new(CONTROL_MAP, [0; 4])),
                // The same number on both ends: it may be an echo of this one.
                (MAGIC, value) if value == self.magic || value == [0; 4] || value.len() != 4 => {
                    right.push(Choice::new(MAGIC, self.magic.map(|octet| octet ^ 0x5a)));
                }
                _ => {}
            }
        }
        if !right.is_empty() {
            return Reply::Nak(right);
        }
        (self.their_map, self.their_mru) = (EVERY_CONTROL, DEFAULT_MRU);
        for option in offered {
            match (option.kind, &option.value[..]) {
                (MRU, &[high, low]) => self.their_mru = u16::from_be_bytes([high, low]),
                (CONTROL_MAP, &[a, b, c, d]) => self.their_map = u32::from_be_bytes([a, b, c, d]),
                _ => {}
            }
        }
        Reply::Ack
    }

    fn not_acked(&mut self, other: &[Choice]) {
        for option in other {
            match option.kind {
                CONTROL_MAP => self.wants_map = false,
                MAGIC => self.magic = self.magic.map(|octet| octet.wrapping_mul(5).wrapping_add(0x3b)),
                AUTHENTICATION => {
                    let known = [Method::Pap, Method::Chap].into_iter();
                    let theirs = known.into_iter().find(|method| method.value() == option.value);
                    match theirs {
                        Some(method) => self.method = Some(method),
                        // Some other way: the one that nobody refuses by itself.
                        None => self.method = Some(Method::Pap),
                    }
                }
                _ => {}
            }
        }
    }

    fn rejected(&mut self, unknown: &[Choice]) {
        for option in unknown {
            match option.kind {
                CONTROL_MAP => self.wants_map = false,
                MAGIC => self.wants_magic = false,
                AUTHENTICATION => {
                    self.hopeless |= self.must_say;
                    self.method = None;
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Link {
        Link::new(Some(Method::Chap), false, [1, 2, 3, 4])
    }

    #[test]
    fn what_pppd_asks_for_is_taken() {
        let mut link = link();
        let offered = [
            Choice::new(MRU, 1400u16.to_be_bytes()),
            Choice::new(CONTROL_MAP, [0, 0x0a, 0, 0]),
            Choice::new(MAGIC, [9, 9, 9, 9]),
            Choice::new(SHORT_PROTOCOL, []),
            Choice::new(SHORT_ADDRESS, []),
        ];
        assert_eq!(link.reply_to(&offered), Reply::Ack);
        assert_eq!((link.their_mru, link.their_map), (1400, 0x000a_0000));
    }

    #[test]
    fn what_is_not_known_is_rejected_and_what_is_wrong_is_set_right() {
        let mut link = link();
        let callback = Choice::new(13, [6]);
        let magic = Choice::new(MAGIC, [9; 4]);
        assert_eq!(link.reply_to(&[callback.clone(), magic]), Reply::Reject(vec![callback]));
        let small = Choice::new(MRU, [0, 9]);
        assert_eq!(link.reply_to(&[small]), Reply::Nak(vec![Choice::new(MRU, [5, 0xdc])]));
        let same = Choice::new(MAGIC, [1, 2, 3, 4]);
        assert!(matches!(link.reply_to(&[same]), Reply::Nak(_)));
    }

    #[test]
    fn the_other_end_chooses_how_it_says_who_it_is() {
        let mut link = link();
        link.not_acked(&[Choice::new(AUTHENTICATION, [0xc0, 0x23])]);
        assert_eq!(link.method, Some(Method::Pap));
        link.rejected(&[Choice::new(AUTHENTICATION, [0xc0, 0x23])]);
        assert_eq!((link.method, link.hopeless), (None, false));
        let mut strict = Link { must_say: true, ..self::link() };
        strict.rejected(&[Choice::new(AUTHENTICATION, [0xc2, 0x23, 5])]);
        assert!(strict.hopeless);
    }
}
