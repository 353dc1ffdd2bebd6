//! Sending partitions: start, blocks, end, and the end of it all.

use std::io::{BufReader, ErrorKind as IoErrorKind, Read};
use std::time::Duration;

use crate::error::{Detail, Error, ErrorKind, Refusal, RefusalFamily, Result, Verdict};
use crate::event::Session;
use crate::flash::message::{self, BLOCK_SIZE, LEAVE, RESET, Reply, VERSION};
use crate::flash::port::{Heard, Port};
use crate::flash::{Finish, Observer, Outcome, PartitionFacts, Payload, nak};
use crate::link::ByteLink;
use crate::wire::hdlc;

/// A stick may prepare its flash before it answers a start.
const START_ANSWER: Duration = Duration::from_secs(30);
/// A stick gathers blocks and writes them in larger pieces: some answers take long.
const BLOCK_ANSWER: Duration = Duration::from_secs(60);
/// How long a stick that has just refused something may take to say that it is still there.
const FENCE_ANSWER: Duration = Duration::from_secs(3);
/// How long the answer to a reset may take.
const RESET_ANSWER: Duration = Duration::from_secs(3);
/// How long the answer to AT^RESET may take. Not all sticks give one.
const AT_RESET_ANSWER: Duration = Duration::from_secs(1);
/// How long an acknowledgement that came twice may lag behind.
const LATE: Duration = Duration::from_millis(2);
/// How often a block or a start is sent again.
const REPEATS: u32 = 3;
/// How often a partition is begun again.
const RESTARTS: u32 = 1;
/// Bytes of the image that are read at a time.
const READ_AHEAD: usize = 64 * 1024;
/// Progress is told each so many blocks.
const TELL_BLOCKS: u32 = 32;
/// Codes of partition tables: after a change of one the stick may restart at once.
const PARTITION_TABLES: [u32; 2] = [0x0001_0000, 0x0000_0100];

/// Bytes that a partition of `size` bytes takes on the wire, escapes not counted.
pub fn wire_bytes(size: u64) -> u64 {
    let blocks = size.div_ceil(BLOCK_SIZE as u64);
    size + blocks * 11 + 16 + 27
}

/// Sends the partitions from `first` on, after a [`handshake`](crate::flash::handshake).
///
/// A block that is not answered is repeated, which does no harm; a partition whose end is not accepted is begun again, once. On a request to stop, a
/// partition that the stick needs to start is finished first.
///
/// # Errors
/// `RequestRefused` (fact `code`) and `SignatureRefused`, `Timeout`, `Disconnected`, `Interrupted`; facts `partition`, `name`, `block`, `acknowledged`. The verdict is
/// `Untouched` before the first start and when that is refused at once, `Recoverable` after it: every partition can be sent again. What the observer and the payload report comes
/// through unchanged, with the verdict added.
pub fn run(
    link: &mut dyn ByteLink,
    payload: &mut dyn Payload,
    first: usize,
    finish: Finish,
    observer: &mut dyn Observer,
    session: &mut Session<'_>,
) -> Result<Outcome> {
    let partitions = payload.partitions().to_vec();
    let mut port = Port::new(link);
    for (index, partition) in partitions.iter().enumerate().skip(first) {
        // Whether anything was asked of the stick that changes it.
        let mut begun = index > first;
        let add_facts = |e: Error, begun: bool| {
            let verdict = if begun { Verdict::Recoverable } else { Verdict::Untouched };
            e.with("partition", index)
                .with("name", &partition.name)
                .with("acknowledged", index)
                .verdict_if_unset(verdict)
        };
        session.check().map_err(|e| add_facts(e, begun))?;
        observer.begins(index).map_err(|e| add_facts(e, begun))?;
        session.step(
            "flash-partition",
            format!(
                "partition {} of {}: {}, {} bytes",
                index + 1,
                partitions.len(),
                partition.name,
                partition.size
            ),
        );
        let sent = send_with_restart(&mut port, payload, index, partition, &mut begun, session)
            .map_err(|e| add_facts(e, begun))?;
        if sent == Sent::Unseen {
            return Ok(Outcome::RestartedAfterTable { next: index });
        }
        observer.acknowledged(index).map_err(|e| add_facts(e, true))?;
        if sent == Sent::ThenRestarted {
            return Ok(Outcome::RestartedAfterTable { next: index + 1 });
        }
    }
    conclude(&mut port, finish, session)
        .map_err(|e| e.with("acknowledged", partitions.len()).verdict_if_unset(Verdict::Recoverable))?;
    Ok(Outcome::Complete)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sent {
    Acknowledged,
    ThenRestarted,
    /// The stick left in place of an answer: it restarted with the new table, or it was pulled before it had it.
    Unseen,
}

fn send_with_restart(
    port: &mut Port<'_>,
    payload: &mut dyn Payload,
    index: usize,
    partition: &PartitionFacts,
    begun: &mut bool,
    session: &mut Session<'_>,
) -> Result<Sent> {
    let mut restarts = 0;
    loop {
        let error = match send(port, payload, index, partition, begun, session) {
            Ok(sent) => return Ok(sent),
            Err(error) => error,
        };
        let begin_again =
            error.refusal_of(RefusalFamily::Download) == Some(0x07) || error.has(&Detail::Unanswered);
        if !begin_again || restarts == RESTARTS {
            return Err(error);
        }
        restarts += 1;
        session.warn("partition-restart", format!("{error}; the partition is begun again"));
    }
}

/// One partition, once.
fn send(
    port: &mut Port<'_>,
    payload: &mut dyn Payload,
    index: usize,
    partition: &PartitionFacts,
    begun: &mut bool,
    session: &mut Session<'_>,
) -> Result<Sent> {
    let size = u32::try_from(partition.size).map_err(|_| {
        Error::new(ErrorKind::FileTooLarge, "the partition is larger than the protocol can say")
    })?;
    if let Some(code) = port.late_refusal(Duration::ZERO)? {
        return Err(refused("an earlier request", code));
    }
    start(port, partition.code, size, begun, session)?;
    let doubtful = blocks(port, payload, index, partition, session)?;
    end(port, partition, size, doubtful)
}

/// Begins the partition. A stick that refuses at once has begun nothing; one that was not heard may have.
fn start(
    port: &mut Port<'_>,
    code: u32,
    size: u32,
    begun: &mut bool,
    session: &mut Session<'_>,
) -> Result<()> {
    let request = message::start(code, size);
    let begun_before = std::mem::replace(begun, true);
    for attempt in 0..=REPEATS {
        match port.ask(&request, START_ANSWER)? {
            Heard::Reply(Reply::Ack) => return Ok(()),
            Heard::Reply(Reply::Nak(code)) if code != nak::BAD_FRAME => {
                // The refusal may be of what another program wrote in between; then the start is answered after it.
                return match port.fence(&VERSION, FENCE_ANSWER) {
                    Ok(Some(Reply::Ack)) => Ok(()),
                    Ok(later) => {
                        *begun = begun_before || attempt > 0;
                        let code = if let Some(Reply::Nak(later)) = later { later } else { code };
                        Err(refused("the start of the partition", code))
                    }
                    Err(_) => Err(refused("the start of the partition", code)),
                };
            }
            Heard::Reply(Reply::Nak(code)) if attempt == REPEATS => {
                return Err(refused("the start of the partition", code));
            }
            heard if attempt < REPEATS => {
                session.warn("repeat", format!("{}; the start is sent again", unheard(&heard)))
            }
            _ => {}
        }
    }
    Err(Error::new(ErrorKind::Timeout, "the stick does not answer to the start of the partition"))
}

/// Sends all blocks. Gives whether any answer was doubtful, so that the end must be made sure of.
fn blocks(
    port: &mut Port<'_>,
    payload: &mut dyn Payload,
    index: usize,
    partition: &PartitionFacts,
    session: &mut Session<'_>,
) -> Result<bool> {
    let count = partition.size.div_ceil(BLOCK_SIZE as u64) as u32;
    let mut reader = BufReader::with_capacity(READ_AHEAD, payload.open(index)?);
    let mut data = vec![0; BLOCK_SIZE];
    let (mut body, mut frame, mut next) = (Vec::new(), Vec::new(), Vec::new());
    let mut left = partition.size;
    let mut encode = |number: u32, out: &mut Vec<u8>| -> Result<()> {
        let length = left.min(BLOCK_SIZE as u64) as usize;
        fill(&mut reader, &mut data[..length])?;
        left -= length as u64;
        message::block(number, &data[..length], &mut body);
        out.clear();
        hdlc::encode(&body, out);
        Ok(())
    };
    let mut doubtful = false;
    session.progress(0, partition.size);
    if count > 0 {
        encode(1, &mut frame)?;
    }
    for number in 1..=count {
        if !partition.boot_chain {
            session.check().map_err(|e| e.with("block", number))?;
        }
        let at_block = |e: Error| e.with("block", number);
        port.send(&frame).map_err(at_block)?;
        // The next block is made ready while the stick works on this one.
        if number < count {
            encode(number + 1, &mut next)?;
        }
        doubtful |= block_answer(port, &frame, session).map_err(at_block)?;
        std::mem::swap(&mut frame, &mut next);
        if number % TELL_BLOCKS == 0 || number == count {
            session.progress(
                u64::from(number).saturating_mul(BLOCK_SIZE as u64).min(partition.size),
                partition.size,
            );
        }
    }
    Ok(doubtful)
}

/// Reads the answer to a block that was sent, and sends it again where that helps: a stick acknowledges the number that it has already
/// and drops the data. Gives whether it was needed.
fn block_answer(port: &mut Port<'_>, frame: &[u8], session: &mut Session<'_>) -> Result<bool> {
    let mut heard = port.hear(BLOCK_ANSWER)?;
    for _ in 0..REPEATS {
        match heard {
            Heard::Reply(Reply::Ack) => break,
            Heard::Reply(Reply::Nak(code)) if code != nak::BAD_FRAME => break,
            _ => {
                session.warn("repeat", format!("{}; the block is sent again", unheard(&heard)));
                heard = port.ask_frame(frame, BLOCK_ANSWER)?;
                if heard == Heard::Reply(Reply::Ack) {
                    return Ok(true);
                }
            }
        }
    }
    match heard {
        Heard::Reply(Reply::Ack) => Ok(false),
        Heard::Reply(Reply::Nak(code)) => Err(refused("a block", code)),
        _ => Err(Error::new(ErrorKind::Timeout, "the stick does not answer to a block")),
    }
}

fn end(port: &mut Port<'_>, partition: &PartitionFacts, size: u32, doubtful: bool) -> Result<Sent> {
    let may_restart = PARTITION_TABLES.contains(&partition.code);
    if doubtful && let Some(Reply::Nak(code)) = port.fence(&VERSION, BLOCK_ANSWER)? {
        return Err(refused("a block", code));
    }
    let request = message::end(partition.code, size);
    let mut asked = port.ask(&request, BLOCK_ANSWER);
    // An end that arrived damaged did nothing; one that is not answered may have.
    for _ in 0..REPEATS {
        match asked {
            Ok(Heard::Reply(Reply::Nak(nak::BAD_FRAME))) => asked = port.ask(&request, BLOCK_ANSWER),
            _ => break,
        }
    }
    let heard = match asked {
        Ok(heard) => heard,
        Err(e) if may_restart && e.is(ErrorKind::Disconnected) => return Ok(Sent::Unseen),
        Err(e) => return Err(e),
    };
    match heard {
        Heard::Reply(Reply::Ack) => {}
        Heard::Reply(Reply::Nak(code)) => return Err(refused("the end of the partition", code)),
        _ => {
            return Err(Error::new(
                ErrorKind::Timeout,
                "the stick does not answer to the end of the partition",
            )
            .with("end", "not answered")
            .detail(Detail::Unanswered));
        }
    }
    match port.late_refusal(LATE) {
        Ok(None) => Ok(Sent::Acknowledged),
        Ok(Some(code)) => Err(refused("the end of the partition", code)),
        Err(e) if may_restart && e.is(ErrorKind::Disconnected) => Ok(Sent::ThenRestarted),
        Err(e) => Err(e),
    }
}

fn conclude(port: &mut Port<'_>, finish: Finish, session: &mut Session<'_>) -> Result<()> {
    if let Some(code) = port.late_refusal(LATE)? {
        return Err(refused("the end of the last partition", code));
    }
    match finish {
        Finish::Stay => Ok(()),
        Finish::Leave => {
            // Not every stick knows it; those answer with a refusal, and stay in the binary phase.
            port.ask(&LEAVE, Duration::from_millis(500))?;
            Ok(())
        }
        Finish::Reset => reset(port, session),
    }
}

/// Restarts the stick. It may be gone before it answers, and some want AT^RESET on top.
fn reset(port: &mut Port<'_>, session: &mut Session<'_>) -> Result<()> {
    session.step("flash-reset", "restart the stick");
    let gone = |e: &Error| e.is(ErrorKind::Disconnected);
    let heard = match port.ask(&RESET, RESET_ANSWER) {
        Ok(heard) => heard,
        Err(e) if gone(&e) => return Ok(()),
        Err(e) => return Err(e),
    };
    let refusal = match &heard {
        Heard::Reply(Reply::Nak(code)) => Some(*code),
        _ => None,
    };
    if heard != Heard::Reply(Reply::Ack) {
        let said = refusal.map_or_else(|| unheard(&heard), nak::words);
        session.warn("reset", format!("the restart was not acknowledged: {said}; AT^RESET is tried"));
    }
    match (at_reset(port.link), refusal) {
        (Err(e), _) if gone(&e) => Ok(()),
        (Err(e), _) => Err(e),
        (Ok(false), Some(code)) => Err(refused("the restart", code)),
        _ => Ok(()),
    }
}

/// AT^RESET; whether the stick said OK to it.
fn at_reset(link: &mut dyn ByteLink) -> Result<bool> {
    link.write(b"AT^RESET\r")?;
    let deadline = link.now() + AT_RESET_ANSWER;
    let mut said = Vec::new();
    let mut buffer = [0; 64];
    while said.len() < 512 {
        let n = link.read(&mut buffer, deadline)?;
        said.extend_from_slice(&buffer[..n]);
        let has = |word: &[u8]| said.windows(word.len()).any(|w| w == word);
        if has(b"OK\r\n") {
            return Ok(true);
        }
        if n == 0 || has(b"ERROR\r\n") {
            break;
        }
    }
    Ok(false)
}

/// Fills all of `data` from the image.
fn fill(reader: &mut dyn Read, data: &mut [u8]) -> Result<()> {
    reader.read_exact(data).map_err(|e| {
        let kind = match e.kind() {
            IoErrorKind::UnexpectedEof => ErrorKind::FileTruncated,
            IoErrorKind::InvalidData => ErrorKind::FileCorrupt,
            _ => ErrorKind::FileUnreadable,
        };
        Error::new(kind, "the image could not be read on while it was being flashed").because(e)
    })
}

fn refused(what: &str, code: u8) -> Error {
    let kind =
        if nak::is_authorisation(code) { ErrorKind::SignatureRefused } else { ErrorKind::RequestRefused };
    Error::new(kind, format!("the stick refused {what}: {}", nak::words(code)))
        .with("code", format!("{code:02x}"))
        .detail(Detail::Refusal(Refusal { family: RefusalFamily::Download, code: code.into() }))
}

fn unheard(heard: &Heard) -> &'static str {
    match heard {
        Heard::Silence => "no answer",
        Heard::Damage => "a damaged answer",
        Heard::Reply(Reply::Nak(_)) => "the stick received it damaged",
        Heard::Reply(_) => "an answer to something else",
    }
}
