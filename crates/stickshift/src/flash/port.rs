//! One request, one reply: framing, repeats and silence on a port in download mode.

use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::flash::message::Reply;
use crate::link::ByteLink;
use crate::wire::hdlc::{self, Deframer};

/// The acknowledgement, whole, as it comes nearly always.
const ACK_FRAME: [u8; 5] = [0x7e, 0x02, 0x6a, 0xd3, 0x7e];

/// After a damaged frame no more is waited for than this: the reply was in it.
const AFTER_DAMAGE: Duration = Duration::from_secs(1);

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
}

impl<'l> Port<'l> {
    pub(super) fn new(link: &'l mut dyn ByteLink) -> Self {
        Port { link, deframer: Deframer::new(), buffer: vec![0; 1024] }
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

    /// Reads the next reply.
    pub(super) fn hear(&mut self, timeout: Duration) -> Result<Heard> {
        let mut deadline = self.link.now() + timeout;
        let (mut damaged, mut noisy) = (false, false);
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
                self.deframer.clear();
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
                refusal = Some(code);
            }
        }
        self.deframer.clear();
        Ok(refusal)
    }

    /// Makes sure that everything sent so far was answered, by a question whose answer cannot be taken for another. Gives the last
    /// acknowledgement or refusal that came before it.
    pub(super) fn fence(&mut self, question: &[u8], timeout: Duration) -> Result<Option<Reply>> {
        let mut frame = Vec::new();
        hdlc::encode(question, &mut frame);
        self.link.write(&frame)?;
        let deadline = self.link.now() + timeout;
        let mut last = None;
        loop {
            match self.hear(deadline.saturating_sub(self.link.now()))? {
                Heard::Reply(Reply::Version(_)) => return Ok(last),
                Heard::Reply(reply) if self.link.now() < deadline => {
                    if matches!(reply, Reply::Ack | Reply::Nak(_)) {
                        last = Some(reply);
                    }
                }
                _ => return Err(Error::new(ErrorKind::Timeout, "the stick does not answer any more")),
            }
        }
    }
}
