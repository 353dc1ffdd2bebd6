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
//! * A refused head or data packet is sent again, twice at most; then its block is started over with its head, which drops what came of it
//!   before. A refusal with an acceptance behind it was of something else.
//! * After silence the boot ROM may be waiting for the rest of a packet of which bytes were lost, and would take what comes next for
//!   it. No packet tells its length, so it is filled up with probe bytes until one of them is answered; then the block is started over.
//! * A port that closes and comes back is opened again, by its place. Whether the stick kept its power cannot be seen: raminit is
//!   sent again before usbldr.
//! * A refused tail did not start anything: the block is started over. One that is refused each time is no fault of the line: most often the
//!   stick starts signed loaders only.
//! * A tail is never sent again as it is: after silence its code may run. Whether the boot ROM is still there a probe tells. If it is,
//!   the block is started over. For raminit that does no harm even when it had run: the memory is then set up, and there is nothing in it
//!   to lose. Continuing with usbldr instead could start code in memory that does not work. If raminit's tail is followed by silence,
//!   raminit hangs, which is how a loader for another memory shows.
//! * If the port closes after the last tail and no boot ROM comes back, the loader was started: [`Start::HungUp`]. If neither the port
//!   closes nor anything answers, the end was not seen: [`Start::NotConfirmed`].
//!
//! There is no limit to the repetitions as long as they get further; [`VAIN`] in a row that do not are the end.

use std::time::Duration;

use crate::boot::loader::{Block, Loader};
use crate::error::{Detail, Error, ErrorKind, Result, Verdict};
use crate::event::Session;
use crate::hex;
use crate::link::{ByteLink, NEVER_QUIET, QUIET};
use crate::wire::crc;

pub(super) const PROBE: u8 = 0x41;
const HEAD: u8 = 0xfe;
const DATA: u8 = 0xda;
const TAIL: u8 = 0xed;
const ACCEPTED: u8 = 0xaa;
pub(super) const REFUSED: u8 = 0x55;

/// Body and CRC of the frame by which download mode refuses what is no command of it.
const REFUSING_FRAME: [u8; 5] = [0x03, 0x00, 0x06, 0x9e, 0x4c];

const PAYLOAD: usize = 1024;

/// The longest packet: data.
const LONGEST: usize = PAYLOAD + 5;

/// For an answer, when nothing is known of the boot ROM yet, and after a tail.
const ANSWER: Duration = Duration::from_secs(3);
/// For the answer to data, at least; a boot ROM that was seen to be slow gets more.
const DATA_ANSWER: Duration = Duration::from_millis(500);
/// So many times the slowest answer so far is waited for the next one.
const SLOWER: u32 = 20;
/// How long the boot ROM may say nothing at all, filled up or not: raminit may be running.
const PATIENCE: Duration = Duration::from_secs(10);
/// For the answer to a probe that looks whether the boot ROM is at the beginning of a packet.
pub(super) const PROBE_ANSWER: Duration = Duration::from_millis(300);
/// Probe bytes that are sent at a time to fill up a packet, and how long an answer to them takes.
const FILL: usize = 64;
const FILL_ANSWER: Duration = Duration::from_millis(30);
/// An answer that came twice is waited for this long before a tail, where the next answer must be its own.
const SETTLE: Duration = Duration::from_millis(2);
/// How long a port that closed may take to come back ..
const BACK: Duration = Duration::from_secs(20);
/// .. and after the last tail, when no boot ROM is expected back.
const BACK_AFTER_START: Duration = Duration::from_secs(5);

/// How often a refused packet is sent in a row.
const SENDS: u32 = 3;
/// How often a block is sent whole whose tail is refused.
const STARTS: u32 = 3;
/// How many attempts in a row may get no further than an earlier one.
const VAIN: u32 = 6;
/// How often a port is probed that does not answer as a boot ROM does.
const PROBES: u32 = 3;

/// A loader that was sent whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Downloaded {
    /// Packets written, the probe and repeated ones included.
    pub packets: u32,
    /// Bytes of the two blocks.
    pub bytes: u64,
    /// Packets that were sent again, on their own or with their block.
    pub repeated: u32,
    /// The slowest answer to a data packet.
    pub slowest: Duration,
    /// What was seen of the start.
    pub start: Start,
}

/// What was seen of the loader's start. Whether it really runs only the bus shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// The boot ROM accepted the last tail.
    Accepted,
    /// The last tail was not seen to be accepted; the port closed upon it, and no boot ROM came back.
    HungUp,
    /// The last tail was sent; what came instead of an answer, in words.
    NotConfirmed(String),
}

/// Sends a loader: probe, raminit, usbldr. Call [`Loader::refuse_erasing`] before: this sends whatever it is given.
///
/// Tells the session the steps `boot-probe` and `load-block` with progress in bytes of the block, and warns of what is repeated.
/// Stops between packets when asked to, up to the last tail.
///
/// # Errors
/// `NotInBootMode` (fact `answer`: `silence`, or the bytes in hex; detail `LoaderRuns` for a port that takes firmware); `PacketRejected` (detail
/// `StartRefused` for a tail; on every error `StartUnseen` once the loader may run), `Timeout` and `UnexpectedAnswer` when repeating did
/// not help, `Disconnected` when the port closed before the last tail and did not come back (facts `packet`: its number, the probe
/// is 0; `kind`; `block`; `offset` in the block); `Interrupted`; `FileCorrupt` for a block without bytes; `Io`. Verdicts: untouched
/// before the first head, recoverable after it.
pub fn download(link: &mut dyn ByteLink, loader: &Loader, session: &mut Session<'_>) -> Result<Downloaded> {
    if let Some(empty) = Block::ALL.into_iter().find(|b| loader.block(*b).is_empty()) {
        return Err(Error::new(ErrorKind::FileCorrupt, format!("{} has no bytes to send", empty.name()))
            .with("block", empty.name())
            .with_verdict(Verdict::Untouched));
    }
    let mut dialogue = Dialogue {
        link,
        session,
        packets: 0,
        head_sent: false,
        may_run: false,
        start_unseen: false,
        clean: false,
        slowest: Duration::ZERO,
        reached: 0,
        started: 0,
        starts_refused: 0,
    };
    match dialogue.run(loader) {
        Ok(start) => {
            let needed: usize = Block::ALL.iter().map(|b| 2 + loader.block(*b).len().div_ceil(PAYLOAD)).sum();
            Ok(Downloaded {
                packets: dialogue.packets,
                bytes: Block::ALL.iter().map(|b| loader.block(*b).len() as u64).sum(),
                repeated: dialogue.packets - 1 - needed as u32,
                slowest: dialogue.slowest,
                start,
            })
        }
        Err(error) => {
            let verdict = if dialogue.head_sent { Verdict::Recoverable } else { Verdict::Untouched };
            let error = if dialogue.start_unseen { error.detail(Detail::StartUnseen) } else { error };
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
    /// A last tail was sent that was not refused: whatever is seen of the boot ROM later, the loader may have run.
    start_unseen: bool,
    /// The last answer was one acceptance and nothing else.
    clean: bool,
    /// The slowest answer to data so far.
    slowest: Duration,
    /// Bytes of the present block that were accepted in this attempt.
    reached: usize,
    /// The block whose start was refused last, and how often.
    started: usize,
    starts_refused: u32,
}

enum Answer {
    Accepted,
    Refused,
    Silence,
    Other(Vec<u8>),
}

impl Answer {
    /// What was read, as an answer. An acceptance among it is the packet's: nothing else is answered so.
    fn of(bytes: Vec<u8>) -> Self {
        match bytes.last() {
            None => Answer::Silence,
            Some(_) if bytes.contains(&ACCEPTED) => Answer::Accepted,
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

/// Why an attempt came to nothing.
enum Trouble {
    /// Starting the block over may help.
    Restart(Error),
    /// The port closed.
    Gone(Error),
    /// Nothing more can be done.
    Final(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Disconnected => Trouble::Gone(error),
            ErrorKind::Timeout => Trouble::Restart(error),
            _ => Trouble::Final(error),
        }
    }
}

impl Trouble {
    fn into_error(self) -> Error {
        match self {
            Trouble::Restart(error) | Trouble::Gone(error) | Trouble::Final(error) => error,
        }
    }
}

/// What is to be done next. `Block(None)`: find the boot ROM.
enum Next {
    Block(Option<Block>),
    Ended(Start),
}

/// Attempts that get further are free; others are counted.
#[derive(Default)]
struct Attempts {
    furthest: Option<(Block, usize)>,
    vain: u32,
}

impl Attempts {
    /// Notes that an attempt came to nothing at this place; whether another may be made.
    fn may_go_on(&mut self, block: Option<Block>, reached: usize) -> bool {
        let here = block.map(|block| (block, reached));
        let order = |place: Option<(Block, usize)>| place.map(|(block, at)| (block as usize, at));
        if order(here) > order(self.furthest) {
            self.furthest = here;
            self.vain = 0;
        }
        self.vain += 1;
        self.vain <= VAIN
    }
}

impl Dialogue<'_, '_> {
    fn run(&mut self, loader: &Loader) -> Result<Start> {
        self.session.step("boot-probe", "asking whether the boot ROM is there");
        self.session.check()?;
        let mut attempts = Attempts::default();
        let mut block = None;
        loop {
            self.reached = 0;
            let trouble = match block {
                None => match self.find_boot_rom() {
                    Ok(()) => {
                        block = Some(Block::Raminit);
                        continue;
                    }
                    Err(error) => match Trouble::from(error) {
                        Trouble::Restart(error) => Trouble::Final(error),
                        other => other,
                    },
                },
                Some(sent) => match self.send_block(loader, sent) {
                    Ok(_) if sent == Block::Raminit => {
                        block = Some(Block::Usbldr);
                        continue;
                    }
                    Ok(start) => return Ok(start),
                    Err(trouble) => trouble,
                },
            };
            match self.recover(trouble, block, &mut attempts)? {
                Next::Block(next) => block = next,
                Next::Ended(start) => return Ok(start),
            }
        }
    }

    /// Finds the boot ROM again after an attempt that came to nothing.
    fn recover(&mut self, trouble: Trouble, block: Option<Block>, attempts: &mut Attempts) -> Result<Next> {
        let may_go_on = attempts.may_go_on(block, self.reached);
        let gone = matches!(trouble, Trouble::Gone(_));
        if matches!(trouble, Trouble::Final(_)) || !may_go_on {
            return Err(trouble.into_error());
        }
        let error = trouble.into_error();
        if gone {
            let limit = if self.may_run { BACK_AFTER_START } else { BACK };
            if !self.may_run {
                let wait = format!("the port closed; waiting up to {} seconds for it", limit.as_secs());
                self.session.step("wait-port", wait);
            }
            if !self.link.reopen(limit)? {
                return if self.may_run { Ok(Next::Ended(Start::HungUp)) } else { Err(error) };
            }
            self.session.warn("port-again", format!("{error}; the port is back"));
        }
        let found = match self.resynchronise(PATIENCE) {
            Ok(found) => found,
            // It closed while it was looked for: after the last tail that is what a start looks like.
            Err(e) if e.is(ErrorKind::Disconnected) => {
                return self.recover(Trouble::Gone(e), block, attempts);
            }
            Err(e) => return Err(e),
        };
        match (found, block) {
            (true, Some(_)) if gone => Ok(Next::Block(Some(Block::Raminit))),
            (true, Some(block)) => {
                self.session.warn("block-again", format!("{error}; {} from its start", block.name()));
                Ok(Next::Block(Some(block)))
            }
            (_, None) => Ok(Next::Block(None)),
            // The port came back, and it is not the boot ROM's.
            (false, Some(_)) if self.may_run && gone => Ok(Next::Ended(Start::HungUp)),
            (false, Some(_)) if self.may_run => Ok(Next::Ended(Start::NotConfirmed(error.what().to_owned()))),
            (false, Some(_)) => Err(error),
        }
    }

    /// Section 3.1. Other programs may have written to the port: what the ROM said to them goes first.
    fn find_boot_rom(&mut self) -> Result<()> {
        let mut answer = Vec::new();
        for _ in 0..PROBES {
            self.quieten()?;
            self.write(&[PROBE])?;
            answer = self.read_answer(ANSWER)?;
            if answer.is_empty() {
                // It may be waiting for the rest of a packet that an earlier run left.
                if self.resynchronise(2 * ANSWER)? {
                    return Ok(());
                }
                if self.takes_firmware()? {
                    return Err(not_in_boot_mode("the port takes firmware: a loader runs already", &[])
                        .detail(Detail::LoaderRuns));
                }
                return Err(not_in_boot_mode(
                    "the port does not answer: not a boot ROM, or it is stuck",
                    &[],
                ));
            }
            if answer.iter().all(|b| *b == REFUSED) {
                return Ok(());
            }
        }
        let what = match answer.first() {
            Some(&PROBE) => "the port echoes: a modem's AT port, not a boot ROM",
            _ => "the port does not answer like a boot ROM",
        };
        Err(not_in_boot_mode(what, &answer))
    }

    /// Whether the port speaks the protocol that a running loader takes firmware by (docs/protocols/balong-flash.md section 2.2): it
    /// tells its version, or refuses words with a frame. What the probes left in a line buffer is ended first.
    fn takes_firmware(&mut self) -> Result<bool> {
        self.link.write(b"\r")?;
        self.link.drain(QUIET, NEVER_QUIET)?;
        self.link.write(b"AT^DLOADVER?\r")?;
        let mut said = self.read_answer(PROBE_ANSWER)?;
        said.extend(self.link.drain(QUIET, NEVER_QUIET)?);
        let has = |what: &[u8]| memchr::memmem::find(&said, what).is_some();
        Ok(has(b"\n2.0\r") || has(&REFUSING_FRAME))
    }

    /// Throws away what arrived unasked, and waits for the end of it where it goes on.
    fn quieten(&mut self) -> Result<()> {
        self.link.discard_input()?;
        let begun = self.link.now();
        if self.read_answer(Duration::ZERO)?.is_empty() {
            return Ok(());
        }
        let noise = self.link.drain(QUIET, NEVER_QUIET)?;
        if self.link.now() >= begun + NEVER_QUIET && !noise.is_empty() {
            return Err(not_in_boot_mode("the port speaks without being asked: not a boot ROM", &noise));
        }
        Ok(())
    }

    /// Brings the boot ROM to the beginning of a packet: fills up what it may be waiting for until it answers a probe byte. Whether it
    /// does within `patience`.
    fn resynchronise(&mut self, patience: Duration) -> Result<bool> {
        let end = self.link.now() + patience;
        loop {
            self.session.check()?;
            self.link.drain(QUIET, NEVER_QUIET)?;
            self.write(&[PROBE])?;
            let answer = self.read_answer(PROBE_ANSWER)?;
            if answer == [REFUSED] && self.link.drain(QUIET, NEVER_QUIET)?.is_empty() {
                return Ok(true);
            }
            if self.link.now() >= end {
                return Ok(false);
            }
            let mut sent = 0;
            while answer.is_empty() && sent < LONGEST {
                self.write(&[PROBE; FILL])?;
                sent += FILL;
                if !self.read_answer(FILL_ANSWER)?.is_empty() {
                    break;
                }
            }
        }
    }

    fn send_block(&mut self, loader: &Loader, block: Block) -> Result<Start, Trouble> {
        let d = loader.descriptor(block);
        let bytes = loader.block(block);
        let text = format!("{}: {} bytes to {:#010x}", block.name(), d.size, d.address);
        self.session.step("load-block", text);

        let mut head = vec![HEAD, 0x00, 0xff, d.mode as u8];
        head.extend_from_slice(&d.size.to_be_bytes());
        head.extend_from_slice(&d.address.to_be_bytes());
        self.send(&mut head, ANSWER, Position { kind: "head", block, offset: 0 })?;
        self.may_run = false;
        if block as usize != self.started {
            (self.started, self.starts_refused) = (block as usize, 0);
        }

        let mut sequence = 1u8;
        let mut packet = Vec::with_capacity(LONGEST);
        for (index, payload) in bytes.chunks(PAYLOAD).enumerate() {
            let offset = index * PAYLOAD;
            packet.clear();
            packet.extend_from_slice(&[DATA, sequence, !sequence]);
            packet.extend_from_slice(payload);
            let wait = if index == 0 { ANSWER } else { (self.slowest * SLOWER).clamp(DATA_ANSWER, ANSWER) };
            let asked = self.link.now();
            self.send(&mut packet, wait, Position { kind: "data", block, offset })?;
            self.slowest = self.slowest.max(self.link.now() - asked);
            self.reached = offset + payload.len();
            self.session.progress(self.reached as u64, bytes.len() as u64);
            sequence = sequence.wrapping_add(1);
        }

        let mut tail = vec![TAIL, sequence, !sequence];
        append_crc(&mut tail);
        let position = Position { kind: "tail", block, offset: bytes.len() };
        self.session.check()?;
        // What is late must not be taken for the tail's answer.
        self.link.drain(SETTLE, ANSWER).map_err(|e| self.at(e, position))?;
        let unseen_before = self.start_unseen;
        self.start_unseen |= block == Block::Usbldr;
        self.write(&tail).map_err(|e| self.at(e, position))?;
        self.may_run = block == Block::Usbldr;
        let answer = self.read_answer(ANSWER).map_err(|e| self.at(e, position))?;
        let plainly_accepted = !answer.is_empty() && answer.iter().all(|b| *b == ACCEPTED);
        if plainly_accepted {
            return Ok(Start::Accepted);
        }
        let answer = Answer::of(answer);
        // Accepted and refused: one of the two is of something else.
        let is_mixed = match answer {
            Answer::Accepted => true,
            Answer::Refused => {
                let more = self.link.drain(QUIET, NEVER_QUIET).map_err(|e| self.at(e, position))?;
                more.contains(&ACCEPTED)
            }
            _ => false,
        };
        let answer = if is_mixed { Answer::Refused } else { answer };
        let error = self.failure(&answer, position);
        if !matches!(answer, Answer::Refused) {
            return Err(Trouble::Restart(error));
        }
        if !is_mixed {
            self.start_unseen = unseen_before;
        }
        // All of its bytes were accepted: a damaged tail is refused once, and one that the boot ROM will not start each time.
        self.starts_refused += 1;
        let error = error.detail(Detail::StartRefused);
        Err(if self.starts_refused < STARTS { Trouble::Restart(error) } else { Trouble::Final(error) })
    }

    /// Sends a head or data packet, with its CRC, until it is accepted or has been refused too often.
    fn send(&mut self, packet: &mut Vec<u8>, wait: Duration, position: Position) -> Result<(), Trouble> {
        append_crc(packet);
        let mut sends = 1;
        loop {
            self.session.check()?;
            let answer = match self.exchange_at(packet, wait, position)? {
                // An old refusal may stand before the packet's own answer.
                Answer::Refused => {
                    let more = self.link.drain(QUIET, NEVER_QUIET).map_err(|e| self.at(e, position))?;
                    if more.contains(&ACCEPTED) { Answer::Accepted } else { Answer::Refused }
                }
                answer => answer,
            };
            match answer {
                Answer::Accepted => return Ok(()),
                Answer::Refused if sends < SENDS => {
                    sends += 1;
                    let what = format!("the boot ROM refused packet {}; sent again", self.packets - 1);
                    self.session.warn("packet-again", what);
                }
                answer => return Err(Trouble::Restart(self.failure(&answer, position))),
            }
        }
    }

    fn exchange_at(&mut self, packet: &[u8], wait: Duration, position: Position) -> Result<Answer> {
        let answer = self.exchange(packet, wait).map_err(|e| self.at(e, position))?;
        Ok(Answer::of(answer))
    }

    /// One packet, one answer. What came unasked is not its answer; it is looked for where the last answer was not as it should be. What
    /// comes later than that shows in a later answer, and before the tail there is a look in any case.
    fn exchange(&mut self, packet: &[u8], wait: Duration) -> Result<Vec<u8>> {
        if !std::mem::take(&mut self.clean) {
            self.link.discard_input()?;
        }
        self.write(packet)?;
        let answer = self.read_answer(wait)?;
        self.clean = answer == [ACCEPTED];
        Ok(answer)
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
            .with("answer", first_bytes(bytes)),
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
    let answer = if seen.is_empty() { "silence".to_owned() } else { first_bytes(seen) };
    Error::new(ErrorKind::NotInBootMode, what).with("answer", answer)
}

/// The first bytes in hex: few, because a port that is not a boot ROM's may send anything, an identity included.
fn first_bytes(bytes: &[u8]) -> String {
    hex::encode(&bytes[..bytes.len().min(4)])
}
