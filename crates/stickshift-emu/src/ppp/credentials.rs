//! Who may use the network: PAP (RFC 1334) and CHAP with MD5 (RFC 1994), the network's side of both.

use std::time::Duration;

use md5::{Digest, Md5};
use stickshift::link::Moment;

use crate::ppp::lcp::Method;
use crate::ppp::packet::ControlPacket;

const PAP_REQUEST: u8 = 1;
const PAP_ACK: u8 = 2;
const PAP_NAK: u8 = 3;

const CHAP_CHALLENGE: u8 = 1;
const CHAP_RESPONSE: u8 = 2;
const CHAP_SUCCESS: u8 = 3;
const CHAP_FAILURE: u8 = 4;

/// What Huawei's sticks call themselves in a challenge.
const NAME: &[u8] = b"UMTS_CHAP_SRVR";

/// From one challenge to the next, and how many there are.
const AGAIN: Duration = Duration::from_secs(3);
const CHALLENGES: u8 = 10;

/// Whom the access point lets in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Admission {
    /// Everybody, and nobody has to say who he is.
    #[default]
    Everybody,
    /// One name with one password.
    Only(String, String),
    /// Nobody, whatever he says.
    Nobody,
}

impl Admission {
    fn by_password(&self, name: &[u8], password: &[u8]) -> bool {
        match self {
            Admission::Everybody => true,
            Admission::Only(right, secret) => right.as_bytes() == name && secret.as_bytes() == password,
            Admission::Nobody => false,
        }
    }

    fn by_proof(&self, name: &[u8], id: u8, challenge: &[u8], proof: &[u8]) -> bool {
        match self {
            Admission::Everybody => true,
            Admission::Only(right, secret) => {
                let sum = Md5::digest([&[id], secret.as_bytes(), challenge].concat());
                right.as_bytes() == name && sum[..] == *proof
            }
            Admission::Nobody => false,
        }
    }
}

/// The dialogue in which the host says who it is.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    pub(crate) admission: Admission,
    pub(crate) method: Method,
    id: u8,
    challenge: [u8; 16],
    timer: Option<Moment>,
    left: u8,
    outcome: Option<bool>,
}

impl Gate {
    /// Nobody was asked yet.
    pub(crate) fn new(admission: Admission, method: Method, challenge: [u8; 16]) -> Self {
        Gate { admission, method, id: 1, challenge, timer: None, left: CHALLENGES, outcome: None }
    }

    /// Whether the host was let in; `None` while that is open.
    pub(crate) fn outcome(&self) -> Option<bool> {
        self.outcome
    }

    pub(crate) fn next_tick(&self) -> Option<Moment> {
        self.timer
    }

    /// Asks, where this end is the one that begins.
    pub(crate) fn open(&mut self, now: Moment, out: &mut Vec<ControlPacket>) {
        self.timer = Some(now + AGAIN);
        if self.method == Method::Chap {
            let data = [&[self.challenge.len() as u8], &self.challenge[..], NAME].concat();
            out.push(ControlPacket::new(CHAP_CHALLENGE, self.id, data));
        }
    }

    pub(crate) fn tick(&mut self, now: Moment, out: &mut Vec<ControlPacket>) {
        if self.timer.is_none_or(|at| at > now) {
            return;
        }
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            (self.timer, self.outcome) = (None, Some(false));
        } else {
            self.open(now, out);
        }
    }

    /// A packet of the agreed method. One that was answered already gets the same answer.
    pub(crate) fn receive(&mut self, packet: &ControlPacket, out: &mut Vec<ControlPacket>) {
        let answer = match (self.method, packet.code) {
            (Method::Pap, PAP_REQUEST) => {
                let Some((name, password)) = named_and_secret(&packet.data) else { return };
                let admitted =
                    *self.outcome.get_or_insert_with(|| self.admission.by_password(name, password));
                // PAP says how long its message is.
                let (code, text) = if admitted { (PAP_ACK, &b""[..]) } else { (PAP_NAK, &b"refused"[..]) };
                ControlPacket::new(code, packet.id, [&[text.len() as u8], text].concat())
            }
            (Method::Chap, CHAP_RESPONSE) if packet.id == self.id => {
                let Some((proof, name)) = sized(&packet.data) else { return };
                let (id, challenge) = (self.id, self.challenge);
                let admitted =
                    *self.outcome.get_or_insert_with(|| self.admission.by_proof(name, id, &challenge, proof));
                let (code, text) = if admitted { (CHAP_SUCCESS, "") } else { (CHAP_FAILURE, "refused") };
                ControlPacket::new(code, packet.id, text.into())
            }
            _ => return,
        };
        self.timer = None;
        out.push(answer);
    }
}

/// A field with its length before it, and what follows.
fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

fn named_and_secret(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, rest) = sized(bytes)?;
    Some((name, sized(rest)?.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only() -> Admission {
        Admission::Only("user".into(), "secret".into())
    }

    fn answered(admission: Admission, method: Method, packet: &ControlPacket) -> (Option<bool>, Vec<u8>) {
        let mut gate = Gate::new(admission, method, [7; 16]);
        let mut out = Vec::new();
        gate.open(Moment::ZERO, &mut out);
        gate.receive(packet, &mut out);
        (gate.outcome(), out.last().map(ControlPacket::encode).unwrap_or_default())
    }

    #[test]
    fn a_password_is_right_or_wrong() {
        let request = ControlPacket::new(1, 5, b"\x04user\x06secret".to_vec());
        assert_eq!(answered(only(), Method::Pap, &request), (Some(true), vec![2, 5, 0, 5, 0]));
        let wrong = ControlPacket::new(1, 5, b"\x04user\x06Secret".to_vec());
        assert_eq!(answered(only(), Method::Pap, &wrong).0, Some(false));
        assert_eq!(answered(Admission::Everybody, Method::Pap, &wrong).0, Some(true));
        assert_eq!(answered(Admission::Nobody, Method::Pap, &request).0, Some(false));
        for cut in 0..request.data.len() {
            let short = ControlPacket::new(1, 5, request.data[..cut].to_vec());
            assert_eq!(answered(only(), Method::Pap, &short).0, None, "{cut}");
        }
    }

    /// MD5 over the number, the secret and the challenge, by RFC 1994 section 4.1.
    #[test]
    fn a_proof_is_right_or_wrong() {
        let proof = |secret: &[u8]| {
            let sum = Md5::digest([&[1], secret, &[7; 16]].concat());
            ControlPacket::new(2, 1, [&[16], &sum[..], b"user"].concat())
        };
        assert_eq!(answered(only(), Method::Chap, &proof(b"secret")).0, Some(true));
        assert_eq!(answered(only(), Method::Chap, &proof(b"guess")).0, Some(false));
        assert_eq!(answered(Admission::Nobody, Method::Chap, &proof(b"secret")).0, Some(false));
        let other_number = ControlPacket { id: 2, ..proof(b"secret") };
        assert_eq!(answered(only(), Method::Chap, &other_number).0, None);
    }

    #[test]
    fn silence_is_asked_again_and_ends_in_a_refusal() {
        let mut gate = Gate::new(Admission::Everybody, Method::Chap, [7; 16]);
        let mut out = Vec::new();
        gate.open(Moment::ZERO, &mut out);
        while let Some(at) = gate.next_tick() {
            gate.tick(at, &mut out);
        }
        assert_eq!((out.len(), gate.outcome()), (10, Some(false)));
    }
}
