//! The option negotiation automaton that LCP, IPCP and IPv6CP share (RFC 1661 section 4).

use std::time::Duration;

use stickshift::link::Moment;

use crate::ppp::packet::{Choice, ControlPacket};

pub(crate) const CONFIGURE_REQUEST: u8 = 1;
const CONFIGURE_ACK: u8 = 2;
const CONFIGURE_NAK: u8 = 3;
const CONFIGURE_REJECT: u8 = 4;
const TERMINATE_REQUEST: u8 = 5;
const TERMINATE_ACK: u8 = 6;
const CODE_REJECT: u8 = 7;

/// RFC 1661 section 4.6: from one request to the next, and how many there are at most.
const RESTART: Duration = Duration::from_secs(3);
const MAX_CONFIGURE: u8 = 10;
const MAX_TERMINATE: u8 = 2;
/// Offers that are answered with another value before they are rejected.
const MAX_FAILURE: u8 = 5;

/// What an end thinks of the options that the other one wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Ack,
    /// These are known, with other values: the right ones.
    Nak(Vec<Choice>),
    /// These are not known here.
    Reject(Vec<Choice>),
}

/// What is negotiated.
pub(crate) trait Negotiation {
    /// The options that this end wants now.
    fn wants(&self) -> Vec<Choice>;

    /// Options that the other end wants. What is acknowledged holds from then on.
    fn reply_to(&mut self, offered: &[Choice]) -> Reply;

    /// The other end wants other values.
    fn not_acked(&mut self, other: &[Choice]);

    /// The other end does not know these.
    fn rejected(&mut self, unknown: &[Choice]);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not begun, or ended.
    Closed,
    RequestSent,
    AckReceived,
    AckSent,
    Opened,
    Closing,
}

/// What a layer says to the one above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LayerEvent {
    /// Both ends agree.
    Up,
    /// They do not any more.
    Down,
    /// It is over.
    Finished,
}

/// One layer of one end.
#[derive(Clone, Debug)]
pub(crate) struct Layer<N> {
    pub(crate) negotiation: N,
    state: State,
    /// Of the last packet that this end numbered.
    id: u8,
    /// What was asked for last.
    asked: Vec<Choice>,
    timer: Option<Moment>,
    restarts: u8,
    failures: u8,
}

impl<N: Negotiation> Layer<N> {
    pub(crate) fn new(negotiation: N) -> Self {
        Layer {
            negotiation,
            state: State::Closed,
            id: 0,
            asked: Vec::new(),
            timer: None,
            restarts: 0,
            failures: 0,
        }
    }

    pub(crate) fn is_opened(&self) -> bool {
        self.state == State::Opened
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    pub(crate) fn next_tick(&self) -> Option<Moment> {
        self.timer
    }

    /// The number for a packet that this end begins.
    pub(crate) fn next_id(&mut self) -> u8 {
        self.id = self.id.wrapping_add(1);
        self.id
    }

    /// The layer below is there.
    pub(crate) fn open(&mut self, now: Moment, out: &mut Vec<ControlPacket>) {
        self.restarts = MAX_CONFIGURE;
        self.failures = 0;
        self.request(now, out);
        self.state = State::RequestSent;
    }

    /// The layer below is gone.
    pub(crate) fn lower_down(&mut self) {
        (self.state, self.timer) = (State::Closed, None);
    }

    /// Ends it with a word to the other end.
    pub(crate) fn close(&mut self, now: Moment, out: &mut Vec<ControlPacket>) {
        if !matches!(self.state, State::Closed | State::Closing) {
            self.state = State::Closing;
            self.restarts = MAX_TERMINATE;
            self.terminate(now, out);
        }
    }

    fn request(&mut self, now: Moment, out: &mut Vec<ControlPacket>) {
        self.asked = self.negotiation.wants();
        let id = self.next_id();
        out.push(ControlPacket::new(CONFIGURE_REQUEST, id, Choice::encode_all(&self.asked)));
        self.timer = Some(now + RESTART);
        self.restarts = self.restarts.saturating_sub(1);
    }

    fn terminate(&mut self, now: Moment, out: &mut Vec<ControlPacket>) {
        let id = self.next_id();
        out.push(ControlPacket::new(TERMINATE_REQUEST, id, Vec::new()));
        self.timer = Some(now + RESTART);
        self.restarts = self.restarts.saturating_sub(1);
    }

    pub(crate) fn tick(&mut self, now: Moment, out: &mut Vec<ControlPacket>) -> Option<LayerEvent> {
        self.timer.filter(|&at| at <= now)?;
        if self.restarts == 0 {
            self.lower_down();
            return Some(LayerEvent::Finished);
        }
        match self.state {
            State::Closing => self.terminate(now, out),
            State::RequestSent | State::AckReceived | State::AckSent => {
                self.request(now, out);
                if self.state == State::AckReceived {
                    self.state = State::RequestSent;
                }
            }
            State::Closed | State::Opened => self.timer = None,
        }
        None
    }

    /// A packet of this layer. Codes beyond those of section 5.1 to 5.6 are the caller's.
    pub(crate) fn receive(
        &mut self,
        now: Moment,
        packet: &ControlPacket,
        out: &mut Vec<ControlPacket>,
    ) -> Option<LayerEvent> {
        if self.state == State::Closed {
            if packet.code == CONFIGURE_REQUEST || packet.code == TERMINATE_REQUEST {
                out.push(ControlPacket::new(TERMINATE_ACK, packet.id, Vec::new()));
            }
            return None;
        }
        match packet.code {
            CONFIGURE_REQUEST => self.requested(now, packet, out),
            CONFIGURE_ACK => {
                let answers = packet.id == self.id && packet.data == Choice::encode_all(&self.asked);
                if answers { self.acked(now, out) } else { None }
            }
            CONFIGURE_NAK | CONFIGURE_REJECT if packet.id == self.id => {
                let options = Choice::parse_all(&packet.data)?;
                if self.state == State::Closing {
                    return None;
                }
                if packet.code == CONFIGURE_NAK {
                    self.negotiation.not_acked(&options);
                } else {
                    self.negotiation.rejected(&options);
                }
                self.again(now, out)
            }
            TERMINATE_REQUEST => {
                out.push(ControlPacket::new(TERMINATE_ACK, packet.id, Vec::new()));
                match self.state {
                    State::Opened | State::Closing => {
                        self.lower_down();
                        Some(LayerEvent::Finished)
                    }
                    _ => {
                        self.state = State::RequestSent;
                        None
                    }
                }
            }
            TERMINATE_ACK => match self.state {
                State::Closing => {
                    self.lower_down();
                    Some(LayerEvent::Finished)
                }
                State::Opened => self.again(now, out),
                State::AckReceived => {
                    self.state = State::RequestSent;
                    None
                }
                _ => None,
            },
            CODE_REJECT => {
                // One of the codes above is what nobody can do without.
                let hopeless = packet.data.first().is_some_and(|code| (1..=7).contains(code));
                if hopeless {
                    self.lower_down();
                }
                hopeless.then_some(LayerEvent::Finished)
            }
            _ => None,
        }
    }

    /// This code is not known here.
    pub(crate) fn reject_code(&mut self, packet: &ControlPacket, out: &mut Vec<ControlPacket>) {
        let id = self.next_id();
        out.push(ControlPacket::new(CODE_REJECT, id, packet.encode()));
    }

    fn requested(
        &mut self,
        now: Moment,
        packet: &ControlPacket,
        out: &mut Vec<ControlPacket>,
    ) -> Option<LayerEvent> {
        let offered = Choice::parse_all(&packet.data)?;
        if self.state == State::Closing {
            return None;
        }
        let was_open = self.state == State::Opened;
        if was_open {
            self.restarts = MAX_CONFIGURE;
            self.request(now, out);
            self.state = State::RequestSent;
        }
        let reply = match self.negotiation.reply_to(&offered) {
            Reply::Nak(right) if self.failures >= MAX_FAILURE => {
                let wrong = |o: &&Choice| right.iter().any(|r| r.kind == o.kind);
                Reply::Reject(offered.iter().filter(wrong).cloned().collect())
            }
            other => other,
        };
        let (code, data) = match &reply {
            Reply::Ack => (CONFIGURE_ACK, packet.data.clone()),
            Reply::Nak(right) => (CONFIGURE_NAK, Choice::encode_all(right)),
            Reply::Reject(unknown) => (CONFIGURE_REJECT, Choice::encode_all(unknown)),
        };
        out.push(ControlPacket::new(code, packet.id, data));
        let down = was_open.then_some(LayerEvent::Down);
        match (reply, self.state) {
            (Reply::Ack, State::AckReceived) => {
                (self.state, self.timer, self.failures) = (State::Opened, None, 0);
                Some(LayerEvent::Up)
            }
            (Reply::Ack, _) => {
                self.state = State::AckSent;
                down
            }
            (Reply::Nak(_), state) => {
                self.failures += 1;
                self.state = if state == State::AckReceived { state } else { State::RequestSent };
                down
            }
            (Reply::Reject(_), state) => {
                self.state = if state == State::AckReceived { state } else { State::RequestSent };
                down
            }
        }
    }

    fn acked(&mut self, now: Moment, out: &mut Vec<ControlPacket>) -> Option<LayerEvent> {
        match self.state {
            State::RequestSent => {
                self.restarts = MAX_CONFIGURE;
                self.state = State::AckReceived;
                None
            }
            State::AckSent => {
                (self.state, self.timer, self.failures) = (State::Opened, None, 0);
                Some(LayerEvent::Up)
            }
            State::AckReceived | State::Opened => self.again(now, out),
            State::Closed | State::Closing => None,
        }
    }

    /// Asks once more.
    fn again(&mut self, now: Moment, out: &mut Vec<ControlPacket>) -> Option<LayerEvent> {
        let down = (self.state == State::Opened).then_some(LayerEvent::Down);
        self.restarts = MAX_CONFIGURE;
        self.request(now, out);
        if self.state != State::AckSent {
            self.state = State::RequestSent;
        }
        down
    }
}
