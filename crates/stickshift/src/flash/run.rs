//! Sending partitions: start, blocks, end, and the end of it all.

use std::io::{ErrorKind as IoErrorKind, Read};
use std::time::Duration;

use crate::error::{Detail, Error, ErrorKind, Refusal, RefusalFamily, Result, Verdict};
use crate::event::Session;
use crate::flash::message::{self, BLOCK_SIZE, LEAVE, RESET, Reply};
use crate::flash::port::{Heard, Port, Sure};
use crate::flash::{Finish, Observer, Outcome, PartitionFacts, Payload, nak};
use crate::link::ByteLink;
use crate::wire::hdlc;

/// How long an answer may take before it is asked what became of the request. Mostly it takes milliseconds.
const ANSWER: Duration = Duration::from_secs(3);
/// How long the answer to a reset may take.
const RESET_ANSWER: Duration = Duration::from_secs(3);
/// How long the answer to AT^RESET may take. Not all sticks give one.
const AT_RESET_ANSWER: Duration = Duration::from_secs(1);
/// How long an acknowledgement that came twice may lag behind.
const LATE: Duration = Duration::from_millis(2);
/// How often a restart is asked for that nothing answers.
const RESETS: u32 = 2;
/// How often in a row a partition is begun again without getting further than before: memory that fails twice at one place is worn out, and
/// each try wears it more.
const VAIN: u32 = 1;
/// Blocks between two progress reports.
const TELL_BLOCKS: u32 = 32;
/// Requests that were not answered as they should be, told one by one; the others are counted.
const TOLD_REPEATS: u32 = 3;
/// Codes of partition tables: after a change of one the stick may restart at once.
const PARTITION_TABLES: [u32; 2] = [0x0001_0000, 0x0000_0100];

/// Sends the partitions from `first` on, after a [`handshake`](crate::flash::handshake).
///
/// Where an answer is missing the stick is asked for its version: what it said before that is what there is to know of the request. One
/// that did not arrive is sent again, which does no harm. A partition that the stick gave up is begun again, as long as that gets
/// further. On a request to stop, a partition that the stick needs to start is finished first.
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
            e.with("partition", index + 1)
                .with("name", &partition.name)
                .with("acknowledged", index)
                .verdict_if_unset(verdict)
        };
        session.check().map_err(|e| add_facts(e, begun))?;
        payload.before_start(index).map_err(|e| add_facts(e, begun))?;
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
        let sent = send_with_restart(&mut port, payload, index, &mut begun, observer, session);
        let more = std::mem::take(&mut port.repeats).saturating_sub(TOLD_REPEATS);
        if more > 0 {
            let requests = crate::error::counted(more as usize, "more request");
            session.warn("repeat", format!("{requests} of this partition answered late, or sent again"));
        }
        let sent = sent.map_err(|e| add_facts(e, begun))?;
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
    begun: &mut bool,
    observer: &mut dyn Observer,
    session: &mut Session<'_>,
) -> Result<Sent> {
    let (mut furthest, mut vain) = (0, 0);
    loop {
        let mut reached = 0;
        let failed = match send(port, payload, index, begun, &mut reached, observer, session) {
            Ok(sent) => return Ok(sent),
            Err(failed) => failed,
        };
        if reached > furthest {
            (furthest, vain) = (reached, 0);
        }
        vain += 1;
        match failed {
            Failed::Partition(error) if vain <= VAIN => {
                session.check()?;
                session.warn("partition-restart", format!("{error}; the partition is started over"));
            }
            Failed::Partition(error) => return Err(error.detail(Detail::RefusedEachTime)),
            Failed::Final(error) => return Err(error),
        }
    }
}

/// How sending a partition failed.
enum Failed {
    /// The stick forgot it: it can be begun again.
    Partition(Error),
    /// Beginning again does not help.
    Final(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Failed::Final(error)
    }
}

/// One partition, once. `reached` counts the blocks that were acknowledged.
fn send(
    port: &mut Port<'_>,
    payload: &mut dyn Payload,
    index: usize,
    begun: &mut bool,
    reached: &mut u32,
    observer: &mut dyn Observer,
    session: &mut Session<'_>,
) -> Result<Sent, Failed> {
    let partition = payload.partitions()[index].clone();
    let size = u32::try_from(partition.size).map_err(|_| {
        Error::new(ErrorKind::FileTooLarge, "the partition is larger than the protocol can say")
    })?;
    if let Some(code) = port.late_refusal(Duration::ZERO)? {
        return Err(refused("an earlier request", code));
    }
    start(port, partition.code, size, begun, session)?;
    observer.block_acknowledged(index, 0);
    blocks(port, payload, index, reached, observer, session)?;
    payload.before_end(index)?;
    end(port, &partition, size, session)
}

/// Sends a request and makes sure of what becomes of it.
fn ask(port: &mut Port<'_>, body: &[u8], what: &str, session: &mut Session<'_>) -> Result<Sure> {
    let mut frame = Vec::new();
    hdlc::encode(body, &mut frame);
    port.send(&frame)?;
    hear(port, &frame, ANSWER, what, session)
}

/// Reads the answer to a request that was sent; where there is trouble, makes sure of it.
fn hear(
    port: &mut Port<'_>,
    frame: &[u8],
    wait: Duration,
    what: &str,
    session: &mut Session<'_>,
) -> Result<Sure> {
    let heard = port.hear(wait)?;
    let sure = match heard == Heard::Reply(Reply::Ack) {
        true => Sure::Acknowledged { again: false },
        false => port.make_sure(frame, heard.clone(), wait)?,
    };
    if let Sure::Acknowledged { again } = sure {
        // A write that failed may be told beside an acknowledgement, before or after it.
        if let Some(code) = port.refused_beside()? {
            return Ok(Sure::Refused { code, alone: false });
        }
        if heard != Heard::Reply(Reply::Ack) {
            let said = unheard(&heard);
            let more = if again { "it was sent again" } else { "its acknowledgement came later" };
            port.repeats += 1;
            if port.repeats <= TOLD_REPEATS {
                session.warn("repeat", format!("{said} to {what}; {more}"));
            }
        }
    }
    Ok(sure)
}

/// Begins the partition. A stick that refuses at once has begun nothing; one that was not heard may have.
fn start(
    port: &mut Port<'_>,
    code: u32,
    size: u32,
    begun: &mut bool,
    session: &mut Session<'_>,
) -> Result<(), Failed> {
    const WHAT: &str = "the start of the partition";
    let begun_before = std::mem::replace(begun, true);
    match ask(port, &message::start(code, size), WHAT, session)? {
        Sure::Acknowledged { .. } => Ok(()),
        Sure::Refused { code, alone } => {
            *begun = begun_before || !alone;
            Err(refused(WHAT, code))
        }
        Sure::Silence => Err(silent(WHAT)),
        Sure::Other => Err(Failed::Final(answered_otherwise(WHAT))),
    }
}

/// Sends all blocks.
fn blocks(
    port: &mut Port<'_>,
    payload: &mut dyn Payload,
    index: usize,
    reached: &mut u32,
    observer: &mut dyn Observer,
    session: &mut Session<'_>,
) -> Result<(), Failed> {
    let PartitionFacts { size, boot_chain, .. } = payload.partitions()[index];
    let count = size.div_ceil(BLOCK_SIZE as u64) as u32;
    let mut reader = payload.open(index)?;
    let mut data = vec![0; BLOCK_SIZE];
    let (mut body, mut frame, mut next) = (Vec::new(), Vec::new(), Vec::new());
    let mut left = size;
    let mut encode = |number: u32, out: &mut Vec<u8>| -> Result<()> {
        let length = left.min(BLOCK_SIZE as u64) as usize;
        fill(&mut *reader, &mut data[..length])?;
        left -= length as u64;
        message::block(number, &data[..length], &mut body);
        out.clear();
        hdlc::encode(&body, out);
        Ok(())
    };
    let mut slowest = Duration::ZERO;
    session.progress(0, size);
    if count > 0 {
        encode(1, &mut frame)?;
    }
    for number in 1..=count {
        if !boot_chain {
            session.check().map_err(|e| e.with("block", number))?;
        }
        let at_block = |e: Error| e.with("block", number);
        let asked = port.link.now();
        port.send_on(&frame).map_err(at_block)?;
        // The next block is made ready while the stick works on this one.
        if number < count {
            encode(number + 1, &mut next)?;
        }
        match hear(port, &frame, (3 * slowest).max(ANSWER), "a block", session).map_err(at_block)? {
            Sure::Acknowledged { again: false } => slowest = slowest.max(port.link.now() - asked),
            Sure::Acknowledged { again: true } => {}
            Sure::Refused { code, .. } => {
                return Err(match refused("a block", code) {
                    Failed::Partition(e) => Failed::Partition(at_block(e)),
                    Failed::Final(e) => Failed::Final(at_block(e)),
                });
            }
            Sure::Other => return Err(Failed::Final(at_block(answered_otherwise("a block")))),
            Sure::Silence => {
                let e = Error::new(ErrorKind::Timeout, "the stick does not answer to a block");
                return Err(Failed::Final(at_block(e)));
            }
        }
        *reached = number;
        observer.block_acknowledged(index, number);
        std::mem::swap(&mut frame, &mut next);
        if number % TELL_BLOCKS == 0 || number == count {
            session.progress(u64::from(number).saturating_mul(BLOCK_SIZE as u64).min(size), size);
        }
    }
    Ok(())
}

/// An end that was carried out is refused when it is sent again: then the partition is started over, for whether it was cannot be told.
fn end(
    port: &mut Port<'_>,
    partition: &PartitionFacts,
    size: u32,
    session: &mut Session<'_>,
) -> Result<Sent, Failed> {
    const WHAT: &str = "the end of the partition";
    let may_restart = PARTITION_TABLES.contains(&partition.code);
    let left = |e: &Error| may_restart && e.is(ErrorKind::Disconnected);
    match ask(port, &message::end(partition.code, size), WHAT, session) {
        Ok(Sure::Acknowledged { .. }) => {}
        Ok(Sure::Refused { code, .. }) => return Err(refused(WHAT, code)),
        Ok(Sure::Silence) => return Err(silent(WHAT)),
        Ok(Sure::Other) => return Err(Failed::Final(answered_otherwise(WHAT))),
        Err(e) if left(&e) => return Ok(Sent::Unseen),
        Err(e) => return Err(Failed::Final(e)),
    }
    // Acknowledgements may be a step behind: then that was a block's, and the end has yet to be judged.
    match port.refused_until_now() {
        Ok(None) => Ok(Sent::Acknowledged),
        Ok(Some(code)) => Err(refused(WHAT, code)),
        Err(e) if left(&e) => Ok(Sent::ThenRestarted),
        Err(e) => Err(Failed::Final(e)),
    }
}

/// Whether the partition that was being sent is still open in the stick after `block` was acknowledged: one that lost its power, and any other
/// stick, has forgotten it or never knew. To be begun again afterwards.
///
/// The block is sent once more. Before the second it proves nothing, and nothing is sent: a stick without an open partition may take the first.
///
/// # Errors
/// What the link reports.
pub fn is_open(link: &mut dyn ByteLink, block: u32) -> Result<bool> {
    if block < 2 {
        return Ok(false);
    }
    let (mut body, mut frame) = (Vec::new(), Vec::new());
    // A number that the stick has already is acknowledged, its data dropped.
    message::block(block, &[0], &mut body);
    hdlc::encode(&body, &mut frame);
    let mut port = Port::new(link);
    port.send(&frame)?;
    let heard = port.hear(ANSWER)?;
    if heard == Heard::Reply(Reply::Ack) {
        return Ok(true);
    }
    Ok(matches!(port.make_sure(&frame, heard, ANSWER)?, Sure::Acknowledged { .. }))
}

fn conclude(port: &mut Port<'_>, finish: Finish, session: &mut Session<'_>) -> Result<()> {
    if let Some(code) = port.late_refusal(LATE)? {
        let (Failed::Partition(error) | Failed::Final(error)) =
            refused("the end of the last partition", code);
        return Err(error);
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
    session.step("flash-reset", "restarting the stick");
    for _ in 0..RESETS {
        match try_reset(port, session) {
            Ok(false) => {}
            Ok(true) => return Ok(()),
            Err(e) if e.is(ErrorKind::Disconnected) => return Ok(()),
            Err(e) => return Err(e),
        }
    }
    session.warn("restart-not-seen", "nothing answered to the restart: the stick may have to be replugged");
    Ok(())
}

/// Asks for the restart in both ways; whether either was answered.
fn try_reset(port: &mut Port<'_>, session: &mut Session<'_>) -> Result<bool> {
    let heard = port.ask(&RESET, RESET_ANSWER)?;
    let refusal = match &heard {
        Heard::Reply(Reply::Nak(code)) => Some(*code),
        _ => None,
    };
    if let Some(code) = refusal.filter(|code| nak::is_authorisation(*code)) {
        // It may be the judgement on what was sent before: a stick that stays here takes another image.
        let (Failed::Partition(e) | Failed::Final(e)) =
            refused("the end of the last partition, or the restart", code);
        return Err(e);
    }
    let acknowledged = heard == Heard::Reply(Reply::Ack);
    if !acknowledged {
        let said = refusal.map_or_else(|| unheard(&heard), nak::words);
        session.warn("reset", format!("the restart was not acknowledged: {said}; AT^RESET is tried"));
    }
    match (at_reset(port.link)?, refusal) {
        (false, Some(code)) => {
            let (Failed::Partition(e) | Failed::Final(e)) = refused("the restart", code);
            Err(e)
        }
        (said_ok, _) => Ok(acknowledged || said_ok),
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

fn refused(what: &str, code: u8) -> Failed {
    let kind =
        if nak::is_authorisation(code) { ErrorKind::SignatureRefused } else { ErrorKind::RequestRefused };
    let error = Error::new(kind, format!("the stick refused {what}: {}", nak::words(code)))
        .with("code", format!("{code:02x}"))
        .detail(Detail::Refusal(Refusal { family: RefusalFamily::Download, code: code.into() }));
    if code == nak::OPERATION_FAILED { Failed::Partition(error) } else { Failed::Final(error) }
}

fn silent(what: &str) -> Failed {
    Failed::Final(
        Error::new(ErrorKind::Timeout, format!("the stick does not answer to {what}"))
            .detail(Detail::Unanswered),
    )
}

fn answered_otherwise(what: &str) -> Error {
    Error::new(
        ErrorKind::UnexpectedAnswer,
        format!("the stick answers to {what} each time with something that does not belong to it"),
    )
    .detail(Detail::Unanswered)
}

fn unheard(heard: &Heard) -> &'static str {
    match heard {
        Heard::Silence => "no answer",
        Heard::Damage => "a damaged answer",
        Heard::Reply(Reply::Nak(nak::BAD_FRAME)) => "the stick received it damaged",
        Heard::Reply(Reply::Nak(code)) => nak::words(*code),
        Heard::Reply(_) => "an answer to something else",
    }
}
