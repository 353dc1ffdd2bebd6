//! The dialogue with the boot ROM (docs/protocols/balong-boot.md section 3): the host sends one packet, the ROM answers one byte.
//!
//! | packet | bytes |
//! |---|---|
//! | probe | `41` |
//! | head | `FE 00 FF` mode, size (4, big-endian), address (4, big-endian), CRC |
//! | data | `DA` seq, !seq, 1 to 1024 bytes, CRC |
//! | tail | `ED` seq, !seq, CRC |
//!
//! The CRC is XMODEM's over everything before it, high byte first. Data packets of a block count from 1 and wrap; the tail takes the
//! next number. `AA` accepts, `55` refuses; a byte that the ROM does not know is refused too, which is what the probe is for.
//!
//! Up to its last tail a download fills memory and nothing else: whatever goes wrong before, power off and the boot pin
//! again give the same stick. How trouble is met:
//!
//! * A refused head or data packet is sent again, a few times; then the block is begun anew with its head, which drops what came of
//!   it before. So is a block with a packet that is not answered, or not with one of the two bytes.
//! * A refused tail did not start anything: the block is begun anew.
//! * A tail is never sent again as it is: after silence its code may run. If raminit's tail is not answered, a probe tells
//!   whether the ROM is back. If it is, raminit is sent again from its head: whether it had run or not, the memory is then
//!   set up, and there is nothing in it to lose. To go on with usbldr instead could start code in memory that does not work.
//!   If it is not, raminit hangs, which is how a loader for another memory shows.
//! * If the last tail is not answered, or the stick leaves the bus upon it, the download is over and its end was not
//!   seen: [`Start::NotConfirmed`]. The bus shows what became of it.

use std::time::Duration;

use crate::boot::loader::{Block, Loader};
use crate::error::{Error, ErrorKind, Result, Verdict};
use crate::event::Session;
use crate::link::ByteLink;
use crate::wire::crc;

const PROBE: u8 = 0x41;
const HEAD: u8 = 0xfe;
const DATA: u8 = 0xda;
const TAIL: u8 = 0xed;
const ACCEPTED: u8 = 0xaa;
const REFUSED: u8 = 0x55;

const PAYLOAD: usize = 1024;

/// For an answer.
const ANSWER: Duration = Duration::from_secs(3);
/// For an answer while raminit may be running: to its tail, and to the head that follows.
const RAMINIT: Duration = Duration::from_secs(10);
/// Stale input is over when nothing came for so long ..
const QUIET: Duration = Duration::from_millis(30);
/// .. and a port that does not become quiet within this is no boot ROM's.
const NEVER_QUIET: Duration = Duration::from_secs(2);
/// An answer that came twice is waited for this long before a head and before a tail, where the next answer must be its own.
const SETTLE: Duration = Duration::from_millis(2);
/// Before a packet is sent again.
const PAUSE: Duration = Duration::from_millis(100);

/// How often a refused packet is sent in a row.
const SENDS: u32 = 5;
/// How often a block is begun.
const BLOCK_STARTS: u32 = 3;
/// How often a port that says nothing is probed.
const PROBES: u32 = 2;

/// A loader that was sent whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Downloaded {
    /// Packets written, the probe and repeated ones included.
    pub packets: u32,
    /// Bytes of the two blocks.
    pub bytes: u64,
    /// Packets that were sent again, on their own or with their block.
    pub repeated: u32,
    /// What was seen of the start.
    pub start: Start,
}

/// What was seen of the loader's start. Whether it really runs only the bus shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// The boot ROM accepted the last tail.
    Accepted,
    /// The last tail was sent; what came instead of an answer, in words.
    NotConfirmed(String),
}

/// Sends a loader: probe, raminit, usbldr. Call [`Loader::refuse_erasing`] before: this sends whatever it is given.
///
/// Tells the session the steps `boot-probe` and `load-block` with progress in bytes of the block, and warns of what is repeated.
/// Stops between packets when asked to, up to the last tail.
///
/// # Errors
/// `NotInBootMode` (fact `answer`: `silence`, or the bytes in hex); `PacketRejected`, `Timeout` and `UnexpectedAnswer` when repeating did
/// not help, `Disconnected` before the last tail (facts `packet`: its number, the probe is 0; `kind`; `block`; `offset` in the
/// block); `Interrupted`; `FileCorrupt` for a block without bytes; `Io`. Verdicts: untouched before the first head, recoverable after it.
pub fn download(link: &mut dyn ByteLink, loader: &Loader, session: &mut Session<'_>) -> Result<Downloaded> {
    if let Some(empty) = Block::ALL.into_iter().find(|b| loader.block(*b).is_empty()) {
        return Err(Error::new(ErrorKind::FileCorrupt, format!("{} has no bytes to send", empty.name()))
            .with("block", empty.name())
            .with_verdict(Verdict::Untouched));
    }
    let mut dialogue = Dialogue { link, session, packets: 0, head_sent: false, may_run: false };
    match dialogue.run(loader) {
        Ok(start) => {
            let needed: usize = Block::ALL.iter().map(|b| 2 + loader.block(*b).len().div_ceil(PAYLOAD)).sum();
            Ok(Downloaded {
                packets: dialogue.packets,
                bytes: Block::ALL.iter().map(|b| loader.block(*b).len() as u64).sum(),
                repeated: dialogue.packets - 1 - needed as u32,
                start,
            })
        }
        Err(error) => {
            let verdict = if dialogue.head_sent { Verdict::Recoverable } else { Verdict::Untouched };
            Err(error.verdict_if_unset(verdict))
        }
    }
}

struct Dialogue<'d, 's> {
    link: &'d mut dyn ByteLink,
    session: &'d mut Session<'s>,
    packets: u32,
    head_sent: bool,
    /// The last tail was sent, and no head was accepted since.
    may_run: bool,
}

enum Answer {
    Accepted,
    Refused,
    Silence,
    Other(Vec<u8>),
}

impl Answer {
    /// What was read, as an answer. Where several bytes came at once the last is the packet's own: others stood before it.
    fn of(bytes: Vec<u8>) -> Self {
        match bytes.last() {
            None => Answer::Silence,
            Some(&ACCEPTED) => Answer::Accepted,
            Some(&REFUSED) => Answer::Refused,
            Some(_) => Answer::Other(bytes),
        }
    }
}

/// Where in the download a packet stands.
#[derive(Clone, Copy)]
struct Position {
    kind: &'static str,
    block: Block,
    offset: usize,
}

/// Why a block was not taken.
enum Trouble {
    /// Beginning it anew may help.
    Restart(Error),
    /// Nothing more can be done.
    Final(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Trouble::Final(error)
    }
}

impl Dialogue<'_, '_> {
    fn run(&mut self, loader: &Loader) -> Result<Start> {
        self.session.step("boot-probe", "asking whether the boot ROM is there");
        self.session.check()?;
        self.find_boot_rom()?;
        self.send_block(loader, Block::Raminit)?;
        self.send_block(loader, Block::Usbldr)
    }

    /// Section 3.1. Other programs may have written to the port: what the ROM said to them goes first.
    fn find_boot_rom(&mut self) -> Result<()> {
        self.link.discard_input()?;
        let begun = self.link.now();
        let noise = self.link.drain(QUIET, NEVER_QUIET)?;
        if self.link.now() >= begun + NEVER_QUIET && !noise.is_empty() {
            return Err(not_in_boot_mode("the port speaks without being asked: not a boot ROM", &noise));
        }
        for _ in 0..PROBES {
            let answer = self.exchange(&[PROBE], ANSWER)?;
            match answer.first() {
                None => {}
                Some(_) if answer.iter().all(|b| *b == REFUSED) => return Ok(()),
                Some(&PROBE) => {
                    let what = "the port echoes: a modem's AT port, not a boot ROM";
                    return Err(not_in_boot_mode(what, &answer));
                }
                Some(_) => {
                    return Err(not_in_boot_mode("the port does not answer like a boot ROM", &answer));
                }
            }
        }
        Err(not_in_boot_mode("the port does not answer: not a boot ROM, or it is stuck", &[]))
    }

    /// Sends a block, begun anew where that may help. The start is that of the last block; raminit's has no meaning.
    fn send_block(&mut self, loader: &Loader, block: Block) -> Result<Start> {
        let d = loader.descriptor(block);
        let text = format!("{}: {} bytes to {:#010x}", block.name(), d.size, d.address);
        self.session.step("load-block", text);
        let mut starts = 1;
        loop {
            match self.try_block(loader, block) {
                Ok(start) => return Ok(start),
                Err(Trouble::Restart(error)) if starts < BLOCK_STARTS => {
                    starts += 1;
                    self.session.warn("block-again", format!("{error}; {} from its start", block.name()));
                    self.link.sleep(PAUSE);
                }
                // The refusal of the last tail was of something else, it seems: the boot ROM is not there any more.
                Err(Trouble::Restart(error) | Trouble::Final(error))
                    if self.may_run
                        && matches!(error.kind(), ErrorKind::Disconnected | ErrorKind::Timeout) =>
                {
                    return Ok(Start::NotConfirmed(format!("it was refused, and then: {error}")));
                }
                Err(Trouble::Restart(error) | Trouble::Final(error)) => return Err(error),
            }
        }
    }

    fn try_block(&mut self, loader: &Loader, block: Block) -> Result<Start, Trouble> {
        let d = loader.descriptor(block);
        let bytes = loader.block(block);

        let mut head = vec![HEAD, 0x00, 0xff, d.mode as u8];
        head.extend_from_slice(&d.size.to_be_bytes());
        head.extend_from_slice(&d.address.to_be_bytes());
        let wait = if block == Block::Usbldr { RAMINIT } else { ANSWER };
        let position = Position { kind: "head", block, offset: 0 };
        self.settle(position)?;
        self.send(&mut head, wait, position)?;
        self.may_run = false;

        let mut sequence = 1u8;
        let mut packet = Vec::with_capacity(PAYLOAD + 5);
        for (index, payload) in bytes.chunks(PAYLOAD).enumerate() {
            let offset = index * PAYLOAD;
            packet.clear();
            packet.extend_from_slice(&[DATA, sequence, !sequence]);
            packet.extend_from_slice(payload);
            self.send(&mut packet, ANSWER, Position { kind: "data", block, offset })?;
            self.session.progress((offset + payload.len()) as u64, bytes.len() as u64);
            sequence = sequence.wrapping_add(1);
        }

        let mut tail = vec![TAIL, sequence, !sequence];
        append_crc(&mut tail);
        let position = Position { kind: "tail", block, offset: bytes.len() };
        self.session.check()?;
        self.settle(position)?;
        match block {
            Block::Raminit => self.run_raminit(&tail, position),
            Block::Usbldr => self.run_usbldr(&tail, position),
        }
    }

    fn run_raminit(&mut self, tail: &[u8], position: Position) -> Result<Start, Trouble> {
        let failed = match self.exchange_at(tail, RAMINIT, position)? {
            Answer::Accepted => return Ok(Start::Accepted),
            answer => self.failure(&answer, position),
        };
        if failed.is(ErrorKind::PacketRejected) {
            return Err(Trouble::Restart(failed));
        }
        self.settle(position)?;
        match self.exchange_at(&[PROBE], ANSWER, position)? {
            Answer::Refused => Err(Trouble::Restart(failed)),
            _ => Err(Trouble::Final(
                Error::new(ErrorKind::Timeout, "raminit was sent and the boot ROM did not come back from it")
                    .with("packet", self.packets - 2)
                    .with("kind", position.kind)
                    .with("block", position.block.name()),
            )),
        }
    }

    fn run_usbldr(&mut self, tail: &[u8], position: Position) -> Result<Start, Trouble> {
        // A stick that is gone before the tail is out did not get it.
        self.write(tail).map_err(|e| self.at(e, position))?;
        self.may_run = true;
        let not_confirmed = |how: &str| Ok(Start::NotConfirmed(how.to_owned()));
        match self.read_answer(ANSWER).map(Answer::of) {
            Ok(Answer::Accepted) => Ok(Start::Accepted),
            Ok(answer @ Answer::Refused) => Err(Trouble::Restart(self.failure(&answer, position))),
            Ok(Answer::Silence) => not_confirmed("nothing came for 3 seconds"),
            Ok(Answer::Other(bytes)) => not_confirmed(&format!("{} came", hex(&bytes))),
            Err(error) if error.is(ErrorKind::Disconnected) => not_confirmed("the stick left the bus"),
            Err(error) => Err(Trouble::Final(self.at(error, position))),
        }
    }

    /// Sends a head or data packet, with its CRC, until it is accepted or has been refused too often.
    fn send(&mut self, packet: &mut Vec<u8>, wait: Duration, position: Position) -> Result<(), Trouble> {
        append_crc(packet);
        let mut sends = 1;
        loop {
            self.session.check()?;
            match self.exchange_at(packet, wait, position)? {
                Answer::Accepted => return Ok(()),
                Answer::Refused if sends < SENDS => {
                    sends += 1;
                    let what = format!("the boot ROM refused packet {}; sent again", self.packets - 1);
                    self.session.warn("packet-again", what);
                    self.link.sleep(PAUSE);
                }
                answer => return Err(Trouble::Restart(self.failure(&answer, position))),
            }
        }
    }

    fn exchange_at(&mut self, packet: &[u8], wait: Duration, position: Position) -> Result<Answer> {
        let answer = self.exchange(packet, wait).map_err(|e| self.at(e, position))?;
        Ok(Answer::of(answer))
    }

    /// One packet, one answer. What came unasked is not its answer.
    fn exchange(&mut self, packet: &[u8], wait: Duration) -> Result<Vec<u8>> {
        self.link.discard_input()?;
        self.write(packet)?;
        self.read_answer(wait)
    }

    fn write(&mut self, packet: &[u8]) -> Result<()> {
        self.packets += 1;
        self.head_sent |= packet[0] == HEAD;
        self.link.write(packet)
    }

    /// What comes by then; empty for silence.
    fn read_answer(&mut self, wait: Duration) -> Result<Vec<u8>> {
        let mut buffer = [0; 64];
        let deadline = self.link.now() + wait;
        let n = self.link.read(&mut buffer, deadline)?;
        Ok(buffer[..n].to_vec())
    }

    fn settle(&mut self, position: Position) -> Result<()> {
        self.link.drain(SETTLE, ANSWER).map_err(|e| self.at(e, position))?;
        Ok(())
    }

    fn failure(&self, answer: &Answer, position: Position) -> Error {
        let Position { kind, block, .. } = position;
        let packet = format!("packet {} ({kind} of {})", self.packets - 1, block.name());
        let error = match answer {
            Answer::Accepted | Answer::Refused => {
                Error::new(ErrorKind::PacketRejected, format!("the boot ROM refused {packet}"))
            }
            Answer::Silence => {
                Error::new(ErrorKind::Timeout, format!("the boot ROM did not answer {packet}"))
            }
            Answer::Other(bytes) => Error::new(
                ErrorKind::UnexpectedAnswer,
                format!("the boot ROM answered {packet} with neither aa nor 55"),
            )
            .with("answer", hex(bytes)),
        };
        self.at(error, position)
    }

    fn at(&self, error: Error, position: Position) -> Error {
        error
            .with("packet", self.packets.saturating_sub(1))
            .with("kind", position.kind)
            .with("block", position.block.name())
            .with("offset", format_args!("{:#x}", position.offset))
    }
}

fn append_crc(packet: &mut Vec<u8>) {
    let crc = crc::xmodem(packet);
    packet.extend_from_slice(&crc.to_be_bytes());
}

fn not_in_boot_mode(what: &str, seen: &[u8]) -> Error {
    let answer = if seen.is_empty() { "silence".to_owned() } else { hex(seen) };
    Error::new(ErrorKind::NotInBootMode, what).with("answer", answer)
}

/// The first bytes in hex: few, for a port that is not a boot ROM's may say anything, an identity included.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(4).map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ")
}
