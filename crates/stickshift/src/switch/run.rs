use std::time::Duration;

use crate::error::{Error, ErrorKind, Result, Verdict};
use crate::event::Session;
use crate::link::UsbLink;
use crate::switch::{OnFailure, Pipe, Sequence, Transfer, View};
use crate::wire::scsi::CommandStatus;

/// Bulk transfers have this long.
const BULK: Duration = Duration::from_secs(3);
/// Interrupt transfers have this long.
const INTERRUPT: Duration = Duration::from_secs(1);

/// What came of a run. It says what was sent and seen; whether the stick switched is what the bus shows afterwards.
#[derive(Debug)]
pub struct SequenceRun {
    /// How it ended.
    pub end: End,
    /// What was seen on the way, by step.
    pub observations: Vec<Observation>,
}

/// How a run ended.
#[derive(Debug)]
pub enum End {
    /// Everything was sent.
    Sent,
    /// The stick disconnected at this step, after something was sent to it: what a switching stick does.
    Vanished {
        /// Index into [`Sequence::transfers`].
        step: usize,
    },
    /// The stick restarts in the middle of its method. Open what comes back at its place, and go on from
    /// [`Sequence::after_return`].
    AwaitReturn {
        /// Index of the [`Transfer::AwaitReturn`].
        step: usize,
    },
    /// A request that the method needs was refused; what followed was not done.
    Stopped {
        /// Index into [`Sequence::transfers`].
        step: usize,
        /// What the link reported.
        error: Error,
    },
}

/// Something seen during a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Index into [`Sequence::transfers`].
    pub step: usize,
    /// One lower-case sentence.
    pub what: String,
}

impl Sequence {
    /// Where to go on after the stick came back from the restart at `step` and shows `view`.
    pub fn after_return(&self, step: usize, view: &View) -> usize {
        let wanted = match self.transfers.get(step) {
            Some(Transfer::AwaitReturn { class, .. }) => *class,
            _ => None,
        };
        let shown = view.interfaces().ok().and_then(|(_, first)| view.effective_class(first).ok());
        match wanted {
            Some(class) if shown != Some(class) => step + 3,
            _ => step + 1,
        }
    }
}

/// Carries out `sequence` from step `from` (0 at first) on one link. A stick that stalls or swallows an answer is dealt with and the
/// next message is sent; only a stick that left ends the sending.
///
/// # Errors
/// Where nothing was sent yet, what the link reported (`PortBusy`, `PermissionDenied`, `Disconnected`, ...), with the verdict
/// untouched. Afterwards only `Interrupted`, when the session was cancelled between two messages: recoverable by plugging
/// the stick in again.
pub fn run(
    sequence: &Sequence,
    from: usize,
    link: &mut dyn UsbLink,
    session: &mut Session,
) -> Result<SequenceRun> {
    let mut runner =
        Runner { link, observations: Vec::new(), step: from, sent: from > 0, answer: Answer::Expected };
    let mut claimed = None;
    while let Some(transfer) = sequence.transfers.get(runner.step) {
        match transfer {
            Transfer::Claim { interface } => claimed = Some(*interface),
            Transfer::Release { .. } => claimed = None,
            Transfer::AwaitReturn { .. } => {
                let step = runner.step;
                return Ok(runner.end(End::AwaitReturn { step }));
            }
            Transfer::Write { .. } | Transfer::ControlIn { .. } | Transfer::ControlOut { .. } => {
                if let Err(stop) = session.check() {
                    // The interface goes back to the system; that it fails as well changes nothing.
                    let _ = claimed.map(|interface| runner.link.release(interface));
                    let verdict = if runner.sent { Verdict::Recoverable } else { Verdict::Untouched };
                    return Err(stop.with_verdict(verdict));
                }
            }
            _ => {}
        }
        session.step("switch-transfer", transfer.to_string());
        match runner.carry_out(transfer) {
            Ok(()) => {}
            Err(error) if error.is(ErrorKind::Disconnected) && runner.sent => {
                let step = runner.step;
                session.note("stick-left", "the stick disconnected");
                return Ok(runner.end(End::Vanished { step }));
            }
            Err(error) if !runner.sent => {
                let _ = claimed.map(|interface| runner.link.release(interface));
                return Err(error.with_verdict(Verdict::Untouched));
            }
            Err(error) => {
                let _ = claimed.map(|interface| runner.link.release(interface));
                let step = runner.step;
                return Ok(runner.end(End::Stopped { step, error }));
            }
        }
        runner.step += 1;
    }
    Ok(runner.end(End::Sent))
}

/// What to do about the answer to the last message.
#[derive(PartialEq, Eq)]
enum Answer {
    /// It has not come yet.
    Expected,
    /// The status came where data was expected.
    StatusSeen,
    /// The stick did not take the message or stays silent: there is nothing to wait for.
    NotComing,
}

struct Runner<'a> {
    link: &'a mut dyn UsbLink,
    observations: Vec<Observation>,
    step: usize,
    /// Whether anything that may switch the stick went out.
    sent: bool,
    answer: Answer,
}

impl Runner<'_> {
    fn end(self, end: End) -> SequenceRun {
        SequenceRun { end, observations: self.observations }
    }

    fn observe(&mut self, what: impl Into<String>) {
        self.observations.push(Observation { step: self.step, what: what.into() });
    }

    /// `Err` ends the run: the stick left, or the method cannot go on.
    fn carry_out(&mut self, transfer: &Transfer) -> Result<()> {
        match transfer {
            Transfer::Detach { interface } => {
                // Not every system has kernel drivers to detach; a driver that stays shows when claiming.
                let detached = self.link.detach_kernel_driver(*interface).map(|_| ());
                self.tolerate(detached, "the driver could not be detached")
            }
            Transfer::Claim { interface } => self.link.claim(*interface),
            Transfer::Release { interface } => {
                let released = self.link.release(*interface);
                self.tolerate(released, "the interface could not be released")
            }
            Transfer::Write { endpoint, pipe, data } => self.write(*endpoint, *pipe, data),
            Transfer::Read { endpoint, length, .. } => {
                let mut buffer = vec![0; *length];
                let read = self.link.read(*endpoint, &mut buffer, INTERRUPT).map(|_| ());
                self.tolerate(read, "nothing was read")
            }
            Transfer::ReadData { endpoint, length } => self.read_data(*endpoint, *length),
            Transfer::ReadStatus { endpoint, tries } => self.read_status(*endpoint, *tries),
            Transfer::ControlIn { setup, length, timeout, on_failure } => {
                self.sent = true;
                let mut buffer = vec![0; usize::from(*length)];
                let came = self.link.control_in(*setup, &mut buffer, *timeout);
                if let Ok(n) = came
                    && n < buffer.len()
                {
                    self.observe(format!("{n} of {length} bytes came"));
                }
                self.decide(came.map(|_| ()), *on_failure)
            }
            Transfer::ControlOut { setup, data, timeout, on_failure } => {
                self.sent = true;
                let done = self.link.control_out(*setup, data, *timeout);
                self.decide(done, *on_failure)
            }
            Transfer::ClearHalt { endpoint } => self.clear_halt(*endpoint),
            Transfer::Wait { time } => {
                self.link.sleep(*time);
                Ok(())
            }
            Transfer::AwaitReturn { .. } => Ok(()),
            Transfer::SetConfiguration { value, optional } => {
                self.sent = true;
                let done = self.link.set_configuration(*value);
                self.decide(done, if *optional { OnFailure::GoOn } else { OnFailure::Stop })
            }
            Transfer::SetAltSetting { interface, alternate } => {
                self.sent = true;
                let done = self.link.set_alt_setting(*interface, *alternate);
                self.decide(done, OnFailure::Stop)
            }
            Transfer::Reset { tries } => {
                self.sent = true;
                for _ in 1..*tries {
                    match self.link.reset() {
                        Ok(()) => return Ok(()),
                        Err(error) if error.is(ErrorKind::Disconnected) => return Err(error),
                        Err(_) => {}
                    }
                }
                self.link.reset()
            }
        }
    }

    fn clear_halt(&mut self, endpoint: u8) -> Result<()> {
        let cleared = self.link.clear_halt(endpoint);
        self.tolerate(cleared, "the halt could not be cleared")
    }

    /// Goes on after any failure but a stick that left.
    fn tolerate(&mut self, result: Result<()>, what: &str) -> Result<()> {
        match result {
            Err(error) if error.is(ErrorKind::Disconnected) => Err(error),
            Err(error) => {
                self.observe(format!("{what}: {error}"));
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn decide(&mut self, result: Result<()>, on_failure: OnFailure) -> Result<()> {
        let Err(error) = result else { return Ok(()) };
        let goes_on = match on_failure {
            OnFailure::Stop => false,
            OnFailure::GoOn => true,
            OnFailure::GoOnIfStalled => error.is(ErrorKind::Stalled),
        };
        if error.is(ErrorKind::Disconnected) || !goes_on {
            return Err(error);
        }
        self.observe(format!("the request failed, which may be part of it: {error}"));
        Ok(())
    }

    /// Sends a message; a halted endpoint is cleared and the message sent once more.
    fn write(&mut self, endpoint: u8, pipe: Pipe, data: &[u8]) -> Result<()> {
        self.sent = true;
        self.answer = Answer::Expected;
        let timeout = if pipe == Pipe::Bulk { BULK } else { INTERRUPT };
        let mut written = self.link.write(endpoint, data, timeout);
        if written.as_ref().is_err_and(|e| e.is(ErrorKind::Stalled)) {
            self.observe("the stick halted the endpoint; the halt is cleared and the message sent again");
            self.clear_halt(endpoint)?;
            written = self.link.write(endpoint, data, timeout);
        }
        if written.is_err() {
            self.answer = Answer::NotComing;
        }
        self.tolerate(written, "the message was not taken")
    }

    fn read_data(&mut self, endpoint: u8, length: usize) -> Result<()> {
        if self.answer != Answer::Expected {
            return Ok(());
        }
        let mut buffer = vec![0; length.max(CommandStatus::LENGTH)];
        match self.link.read(endpoint, &mut buffer, BULK) {
            Ok(n) => match CommandStatus::parse(&buffer[..n]) {
                Some(status) => {
                    self.answer = Answer::StatusSeen;
                    self.observe_status(status);
                }
                None => self.observe(format!("{n} bytes of data came")),
            },
            Err(error) if error.is(ErrorKind::Disconnected) => return Err(error),
            Err(error) if error.is(ErrorKind::Stalled) => {
                self.observe("the stick has no data for this command");
                self.clear_halt(endpoint)?;
            }
            Err(error) if error.is(ErrorKind::Timeout) => {
                self.answer = Answer::NotComing;
                self.observe("the stick stays silent");
            }
            Err(error) => self.observe(format!("the data could not be read: {error}")),
        }
        Ok(())
    }

    /// Reads the status. A halted endpoint is cleared and read again once, as the transport's rules have it.
    fn read_status(&mut self, endpoint: u8, tries: u8) -> Result<()> {
        if self.answer != Answer::Expected {
            return Ok(());
        }
        let mut stalls = 0;
        let mut short = 0;
        while short < tries {
            let mut buffer = [0; CommandStatus::LENGTH];
            match self.link.read(endpoint, &mut buffer, BULK) {
                Ok(n) => {
                    if let Some(status) = CommandStatus::parse(&buffer[..n]) {
                        self.observe_status(status);
                        return Ok(());
                    }
                    if n == CommandStatus::LENGTH {
                        self.observe("received 13 bytes that are not a status");
                        return Ok(());
                    }
                    short += 1;
                }
                Err(error) if error.is(ErrorKind::Disconnected) => return Err(error),
                Err(error) if error.is(ErrorKind::Stalled) && stalls == 0 => {
                    stalls += 1;
                    self.observe(
                        "the stick halted the endpoint; the halt is cleared and the status read again",
                    );
                    self.clear_halt(endpoint)?;
                }
                Err(error) => {
                    self.observe(format!("no status came: {error}"));
                    return Ok(());
                }
            }
        }
        self.observe("no whole status came");
        Ok(())
    }

    fn observe_status(&mut self, status: CommandStatus) {
        match status.status {
            0 => {}
            1 => self.observe("the stick reports that the command failed"),
            code => self.observe(format!("the stick answers with status {code}")),
        }
    }
}

#[cfg(test)]
mod tests;
