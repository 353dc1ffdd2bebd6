//! One request, one reply: framing, repeats and silence on a port in download mode.

use std::time::Duration;

use crate::error::Result;
use crate::flash::message::{Reply, VERSION};
use crate::flash::nak;
use crate::link::ByteLink;
use crate::wire::hdlc::{self, Deframer};

/// The acknowledgement, whole, as it comes nearly always.
const ACK_FRAME: [u8; 5] = [0x7e, 0x02, 0x6a, 0xd3, 0x7e];

/// After a damaged frame no more is waited for than this: the reply was in it.
const AFTER_DAMAGE: Duration = Duration::from_secs(1);

/// How often a request is sent that does not arrive.
const SENDS: u32 = 4;

/// How long the answer to the version question may take, after so many that were not answered: a stick that erases or writes says nothing
/// for up to a minute.
const FENCES: [Duration; 6] = [
    Duration::from_secs(3),
    Duration::from_secs(4),
    Duration::from_secs(6),
    Duration::from_secs(10),
    Duration::from_secs(15),
    Duration::from_secs(20),
];

#[derive(Default)]
struct Fence {
    /// Whether the question was answered.
    reached: bool,
    /// An acknowledgement came before that.
    acknowledged: bool,
    /// The last acknowledgement or refusal before that; what refuses for sure stays.
    last: Option<Reply>,
    /// Whole frames came that are neither.
    others: bool,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sure {
    /// It was acknowledged; `again`: after it was sent more than once.
    Acknowledged {
        /// It had to be sent again.
        again: bool,
    },
    /// It was refused.
    Refused {
        /// The code.
        code: u8,
        /// Nothing but refusals came, so that nothing was done upon it.
        alone: bool,
    },
    /// The stick does not answer any more.
    Silence,
    /// It answers, each time, and not what belongs to the request.
    Other,
}

/// What came of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// A reply.
    Reply(Reply),
    /// Nothing, for all of the time.
    Silence,
    /// Something that was no whole frame, and then nothing.
    Damage,
}

/// A port in download mode's binary phase.
pub(super) struct Port<'l> {
    pub(super) link: &'l mut dyn ByteLink,
    deframer: Deframer,
    buffer: Vec<u8>,
    /// The last reply was an acknowledgement and nothing else came with it.
    clean: bool,
    /// Requests of this partition whose acknowledgement was not the first answer.
    pub(super) repeats: u32,
}

impl<'l> Port<'l> {
    pub(super) fn new(link: &'l mut dyn ByteLink) -> Self {
        Port { link, deframer: Deframer::new(), buffer: vec![0; 1024], clean: false, repeats: 0 }
    }

    /// Writes a request and reads its reply. What had come before is thrown away first: no reply carries the number of its
    /// request, so an old one must not be taken for the new one's.
    pub(super) fn ask(&mut self, body: &[u8], timeout: Duration) -> Result<Heard> {
        let mut frame = Vec::with_capacity(body.len() + 16);
        hdlc::encode(body, &mut frame);
        self.ask_frame(&frame, timeout)
    }

    /// As [`ask`](Self::ask), for a frame that is encoded already.
    pub(super) fn ask_frame(&mut self, frame: &[u8], timeout: Duration) -> Result<Heard> {
        self.send(frame)?;
        self.hear(timeout)
    }

    /// Writes a frame, what had come before it thrown away.
    pub(super) fn send(&mut self, frame: &[u8]) -> Result<()> {
        self.link.discard_input()?;
        self.deframer.clear();
        self.link.write(frame)
    }

    /// As [`send`](Self::send), without a look for what may have come since the last answer: for blocks, which are many. What comes too late
    /// shows at the next, and the end of the partition is made sure of.
    pub(super) fn send_on(&mut self, frame: &[u8]) -> Result<()> {
        self.link.write(frame)
    }

    /// What refuses for sure among what came with the last acknowledgement.
    pub(super) fn refused_beside(&mut self) -> Result<Option<u8>> {
        if self.clean {
            return Ok(None);
        }
        Ok(self.late_refusal(Duration::ZERO)?.filter(|code| is_sure(*code)))
    }

    /// What refuses for sure of all that was sent until now: it comes before the answer to a question that is asked now.
    pub(super) fn refused_until_now(&mut self) -> Result<Option<u8>> {
        for wait in &FENCES[..2] {
            let fence = self.fence(*wait)?;
            match fence.last {
                Some(Reply::Nak(code)) if is_sure(code) => return Ok(Some(code)),
                _ if fence.reached => break,
                _ => {}
            }
        }
        Ok(None)
    }

    /// Reads the next reply.
    pub(super) fn hear(&mut self, timeout: Duration) -> Result<Heard> {
        let mut deadline = self.link.now() + timeout;
        let (mut damaged, mut noisy) = (false, false);
        self.clean = false;
        loop {
            while let Some(frame) = self.deframer.next() {
                match frame {
                    Ok(body) => return Ok(Heard::Reply(Reply::parse(&body))),
                    Err(_) => {
                        damaged = true;
                        deadline = deadline.min(self.link.now() + AFTER_DAMAGE);
                    }
                }
            }
            let n = self.link.read(&mut self.buffer, deadline)?;
            // Noise without an end must not keep us past the deadline either.
            if n == 0 || noisy && self.link.now() >= deadline {
                return Ok(if damaged { Heard::Damage } else { Heard::Silence });
            }
            if self.buffer[..n] == ACK_FRAME && !damaged {
                self.clean = !noisy;
                if noisy {
                    self.deframer.clear();
                }
                return Ok(Heard::Reply(Reply::Ack));
            }
            self.deframer.push(&self.buffer[..n]);
            noisy = true;
        }
    }

    /// Reads what still comes until it is quiet, and gives a refusal that is among it. An acknowledgement that came twice puts every
    /// later one a step behind; the refusal that matters then arrives after the request seemed done.
    pub(super) fn late_refusal(&mut self, quiet: Duration) -> Result<Option<u8>> {
        let late = self.link.drain(quiet, Duration::from_secs(1))?;
        self.deframer.push(&late);
        let mut refusal = None;
        while let Some(frame) = self.deframer.next() {
            if let Ok(body) = frame
                && let Reply::Nak(code) = Reply::parse(&body)
            {
                refusal = Some(weightier(refusal, code));
            }
        }
        Ok(refusal)
    }

    /// Makes sure of what was said to everything sent so far, by a question whose answer cannot be taken for another's.
    fn fence(&mut self, timeout: Duration) -> Result<Fence> {
        let mut frame = Vec::new();
        hdlc::encode(&VERSION, &mut frame);
        self.link.write(&frame)?;
        let deadline = self.link.now() + timeout;
        let mut fence = Fence::default();
        loop {
            let reply = match self.hear(deadline.saturating_sub(self.link.now()))? {
                Heard::Reply(Reply::Version(_)) => {
                    fence.reached = true;
                    return Ok(fence);
                }
                Heard::Reply(reply) if self.link.now() < deadline => reply,
                _ => return Ok(fence),
            };
            let sure = match fence.last {
                Some(Reply::Nak(code)) => Some(code).filter(|code| is_sure(*code)),
                _ => None,
            };
            match reply {
                Reply::Nak(code) => fence.last = Some(Reply::Nak(weightier(sure, code))),
                Reply::Ack => {
                    fence.acknowledged = true;
                    if sure.is_none() {
                        fence.last = Some(reply);
                    }
                }
                _ => fence.others = true,
            }
        }
    }

    /// What became of a request that may be sent again without harm, from what was `heard` of it first on. Sends it again where it did not
    /// arrive, and waits as long as a stick may take that erases or writes.
    pub(super) fn make_sure(&mut self, frame: &[u8], heard: Heard, wait: Duration) -> Result<Sure> {
        let mut told = refusal_in(&heard);
        let mut others = matches!(heard, Heard::Reply(_)) && told.is_none();
        // Whether each time it was sent a refusal came, and nothing else.
        let mut alone = told.is_some();
        let (mut sends, mut silences) = (1, 0);
        loop {
            let fence = self.fence(FENCES[silences])?;
            alone &= fence.reached && !fence.acknowledged;
            others |= fence.others;
            match fence.last {
                // What refused for sure had something in hand: what acknowledges a later request takes nothing of it back.
                Some(Reply::Ack) if !told.is_some_and(is_sure) => {
                    return Ok(Sure::Acknowledged { again: sends > 1 });
                }
                Some(Reply::Nak(code)) => told = Some(weightier(told, code)),
                _ => {}
            }
            match told {
                Some(code) if !may_be_another(code) => return Ok(Sure::Refused { code, alone }),
                None if !fence.reached => {
                    silences += 1;
                    if silences == FENCES.len() {
                        return Ok(Sure::Silence);
                    }
                    continue;
                }
                Some(code) if sends == SENDS => {
                    return Ok(Sure::Refused { code, alone: alone && code != nak::BAD_FRAME });
                }
                None if sends == SENDS && others => return Ok(Sure::Other),
                None if sends == SENDS => return Ok(Sure::Silence),
                _ => {}
            }
            sends += 1;
            match self.ask_frame(frame, wait)? {
                Heard::Reply(Reply::Ack) => return Ok(Sure::Acknowledged { again: true }),
                again => {
                    told = refusal_in(&again);
                    others |= told.is_none() && matches!(again, Heard::Reply(_));
                }
            }
            alone &= told.is_some();
        }
    }
}

/// Whether a refusal may be of what somebody else wrote, or of damage: words are no command of the binary phase.
fn may_be_another(code: u8) -> bool {
    matches!(code, nak::BAD_FRAME | nak::INVALID_COMMAND)
}

/// Whether a refusal stands beside an acknowledgement: a write that failed, or a judgement on a signature. Sticks answer what another program
/// writes to the port with other codes.
fn is_sure(code: u8) -> bool {
    code == nak::OPERATION_FAILED || nak::is_authorisation(code)
}

/// The one of two refusals that decides: the later one, but for what is less sure, or no judgement on a signature where one was given.
fn weightier(before: Option<u8>, code: u8) -> u8 {
    let weight = |code| u8::from(is_sure(code)) + u8::from(nak::is_authorisation(code));
    before.filter(|before| weight(*before) > weight(code)).unwrap_or(code)
}

fn refusal_in(heard: &Heard) -> Option<u8> {
    match heard {
        Heard::Reply(Reply::Nak(code)) => Some(*code),
        _ => None,
    }
}
