use std::time::Duration;

use crate::error::{Detail, Effect, Error, ErrorKind, Refusal, RefusalFamily, Result, refusals};
use crate::event::Cancel;
use crate::link::{Changes, Effects, MessageLink, Moment};
use crate::mbim::{Request, device_caps};
use crate::wire::mbim::{
    Assembler, Command, Incoming, NOT_OPENED, USUAL_MAX, encode_close, encode_command, encode_open,
    status_words,
};

/// How long an ordinary command may take.
pub const USUAL: Duration = Duration::from_secs(10);

/// How long commands that talk to the SIM may take.
pub const PATIENT: Duration = Duration::from_secs(60);

/// How long a function that may not be open is listened to, time after time.
const PATIENCE: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(6)];

/// How long opening may take, and how often it is tried.
const OPENING: Duration = Duration::from_secs(10);
const OPENINGS: u32 = 3;

/// How long a function that says it is busy is asked again.
const BUSY_FOR: Duration = Duration::from_secs(15);
const BUSY: u32 = 1;

/// How long is waited before the user's wish to stop is looked at again.
const STEP: Duration = Duration::from_millis(300);

/// Messages that are read while one answer is waited for.
const MESSAGES_PER_ANSWER: usize = 10_000;

/// The MBIM dialogue over one control channel. One command runs at a time.
pub struct Mbim<'l> {
    link: &'l mut dyn MessageLink,
    assembler: Assembler,
    transaction: u32,
    /// The information buffer of the last refusal.
    beside: Vec<u8>,
    effects: Effects,
    /// There is none in a build without it: what only it needs is left out with it.
    #[cfg(not(feature = "mbim"))]
    _none: std::convert::Infallible,
}

impl Changes for Mbim<'_> {
    fn effects(&self) -> &Effects {
        &self.effects
    }

    fn effects_mut(&mut self) -> &mut Effects {
        &mut self.effects
    }
}

/// What came for a command.
enum Answer {
    Done(u32, Vec<u8>),
    NotOpened,
}

impl<'l> Mbim<'l> {
    /// Over `link`, which no one else reads. `first` numbers the first message: one that differs from that of an earlier program, whose
    /// answers may still be on their way.
    #[cfg(feature = "mbim")]
    pub fn new(link: &'l mut dyn MessageLink, first: u32) -> Self {
        Mbim {
            link,
            assembler: Assembler::default(),
            transaction: first & 0x7fff_ffff,
            beside: Vec::new(),
            effects: Effects::default(),
        }
    }

    /// Commands stop waiting when `cancel` is raised.
    #[must_use]
    pub fn with_cancel(mut self, cancel: Cancel) -> Self {
        self.effects.cancel = cancel;
        self
    }

    /// Opens the function, unless it is open: opening it again would end the connections of whoever opened it.
    ///
    /// # Errors
    /// `Timeout` when nothing answers, `MbimRefused`, `Disconnected`, `Interrupted`, `Io`.
    pub fn open(&mut self) -> Result<()> {
        let question = device_caps();
        // One that is open may be late with an answer.
        for time in PATIENCE {
            match self.exchange(&question.command, time) {
                Ok(Answer::Done(0, _)) => return Ok(()),
                Ok(Answer::NotOpened) => return self.open_anew(),
                Ok(Answer::Done(..)) => break,
                Err(e) if e.is(ErrorKind::Timeout) || e.is(ErrorKind::UnexpectedAnswer) => {}
                Err(e) => return Err(self.assess(e)),
            }
        }
        self.effects.standing = self.standing().in_doubt();
        self.open_anew()?;
        self.settle(true);
        Ok(())
    }

    fn open_anew(&mut self) -> Result<()> {
        for _ in 0..OPENINGS {
            let transaction = self.next_transaction();
            let message = encode_open(transaction, self.longest());
            let opened = match self.link.send(&message) {
                Ok(()) => self.await_opened(transaction, true, OPENING),
                Err(e) => Err(e),
            };
            match opened {
                Ok(0) => return Ok(()),
                Ok(BUSY) => self.link.sleep(Duration::from_secs(1)),
                Ok(status) => return Err(self.refused(status, "open")),
                Err(e) if e.is(ErrorKind::Timeout) => {}
                Err(e) => return Err(self.assess(e)),
            }
        }
        Err(self.assess(Error::new(ErrorKind::Timeout, "the stick's MBIM function does not open")))
    }

    /// Closes the function: its connections end, and it forgets what it was told.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn close(&mut self) -> Result<()> {
        let before = self.effects.standing;
        self.effects.standing = before.in_doubt();
        let transaction = self.next_transaction();
        let closed = match self.link.send(&encode_close(transaction)) {
            Ok(()) => self.await_opened(transaction, false, OPENING),
            Err(e) => Err(e),
        };
        closed.map_err(|e| self.assess(e))?;
        self.effects.standing = before.changed();
        Ok(())
    }

    /// Sends a command and reads its answer as a value.
    ///
    /// # Errors
    /// `MbimRefused`, or the kind that its status stands for; `Timeout`, `Disconnected`, `Interrupted`, `UnexpectedAnswer` for an answer
    /// of another shape, `Io`.
    pub fn run<T>(&mut self, request: &Request<T>) -> Result<T> {
        let changes = request.effect == Effect::Changes;
        if changes {
            self.check()?;
        }
        let before = self.effects.standing;
        if changes {
            self.effects.standing = before.in_doubt();
        }
        let patient = self.link.now() + BUSY_FOR;
        let mut reopened = false;
        loop {
            let answer = self.exchange(&request.command, request.timeout);
            match answer.map_err(|e| self.assess(named(e, &request.command)))? {
                Answer::Done(0, data) => {
                    if changes {
                        self.effects.standing = before.changed();
                    }
                    return (request.parse)(&data).ok_or_else(|| {
                        let what = format!("the stick's answer does not read as {}", request.what);
                        let error = Error::new(ErrorKind::UnexpectedAnswer, what).with("bytes", data.len());
                        self.assess(named(error, &request.command))
                    });
                }
                // Neither was carried out.
                Answer::Done(BUSY, _) if self.link.now() < patient => {
                    self.check()?;
                    self.link.sleep(Duration::from_secs(1));
                }
                Answer::NotOpened if !reopened => {
                    reopened = true;
                    let standing = std::mem::replace(&mut self.effects.standing, before);
                    self.open_anew()?;
                    self.effects.standing = standing;
                }
                Answer::NotOpened => {
                    self.effects.standing = before;
                    let what = "the stick's MBIM function closes by itself";
                    return Err(
                        self.assess(named(Error::new(ErrorKind::UnexpectedAnswer, what), &request.command))
                    );
                }
                Answer::Done(status, data) => {
                    let meaning =
                        refusals::meaning(Refusal { family: RefusalFamily::Mbim, code: status as i32 }, None);
                    // A network that was too slow may have carried it out all the same.
                    if !meaning.is_some_and(|m| m.in_doubt) {
                        self.effects.standing = before;
                    }
                    self.beside = data;
                    let cid = request.command.cid;
                    let error = self.refused(status, &format!("{:?} {cid}", request.command.service));
                    return Err(error);
                }
            }
        }
    }

    /// As [`run`](Self::run), for commands that not every stick knows: `None` when the stick refused or its answer is of another shape.
    ///
    /// # Errors
    /// `Timeout`, `Disconnected`, `Interrupted`, `Io`.
    pub fn run_if_known<T>(&mut self, request: &Request<T>) -> Result<Option<T>> {
        match self.run(request) {
            Ok(value) => Ok(Some(value)),
            Err(e) if e.refusal().is_some() || e.is(ErrorKind::UnexpectedAnswer) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Takes the information buffer that came with the last refusal: some say there why.
    pub fn take_beside_refusal(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.beside)
    }

    /// The link's clock.
    pub fn now(&self) -> Moment {
        self.link.now()
    }

    /// Lets time pass.
    pub fn sleep(&mut self, time: Duration) {
        self.link.sleep(time);
    }

    /// The error for a status other than 0, with its verdict.
    fn refused(&self, status: u32, command: &str) -> Error {
        let refusal = Refusal { family: RefusalFamily::Mbim, code: status as i32 };
        let kind = refusals::meaning(refusal, None).and_then(|m| m.kind).unwrap_or(ErrorKind::MbimRefused);
        let what = match kind {
            ErrorKind::NoSim => "the stick has no SIM",
            ErrorKind::SimPinNeeded => "the SIM wants its PIN",
            _ => "the stick refused an MBIM command",
        };
        let error = Error::new(kind, what).with("command", command).detail(Detail::Refusal(refusal));
        let error = error.with("code", format!("mbim {status}"));
        self.assess(match status_words(status) {
            Some(words) => error.with("meaning", words),
            None => error,
        })
    }

    fn longest(&self) -> usize {
        self.link.longest().clamp(64, USUAL_MAX)
    }

    /// Never 0: that is an indication's.
    fn next_transaction(&mut self) -> u32 {
        self.transaction = self.transaction.wrapping_add(1).max(1);
        self.transaction
    }

    fn exchange(&mut self, command: &Command, timeout: Duration) -> Result<Answer> {
        let transaction = self.next_transaction();
        for fragment in encode_command(transaction, command, self.longest()) {
            self.link.send(&fragment)?;
        }
        let deadline = self.link.now() + timeout;
        for _ in 0..MESSAGES_PER_ANSWER {
            match self.next(deadline)? {
                Some(Incoming::Done { transaction: its, service, cid, status, data })
                    if its == transaction =>
                {
                    if (service, cid) != (command.service, command.cid) {
                        let what = "the stick answered another MBIM command than it was sent";
                        return Err(Error::new(ErrorKind::UnexpectedAnswer, what));
                    }
                    return Ok(Answer::Done(status, data));
                }
                Some(Incoming::Error { transaction: its, code }) if its == transaction => {
                    if code == NOT_OPENED {
                        return Ok(Answer::NotOpened);
                    }
                    let what = "the stick could not read an MBIM message";
                    return Err(Error::new(ErrorKind::UnexpectedAnswer, what).with("code", code));
                }
                _ => {}
            }
            if self.link.now() >= deadline {
                return Err(silent(timeout));
            }
            self.check()?;
        }
        Err(Error::new(
            ErrorKind::UnexpectedAnswer,
            "the stick sends messages that nobody asked for, without end",
        ))
    }

    fn await_opened(&mut self, transaction: u32, open: bool, timeout: Duration) -> Result<u32> {
        let deadline = self.link.now() + timeout;
        for _ in 0..MESSAGES_PER_ANSWER {
            match self.next(deadline)? {
                Some(Incoming::Opened { transaction: its, open: opened, status })
                    if (its, opened) == (transaction, open) =>
                {
                    return Ok(status);
                }
                _ if self.link.now() >= deadline => break,
                _ => {}
            }
            self.check()?;
        }
        Err(silent(timeout))
    }

    /// The next whole answer, after a short wait at most. Indications are passed over: nothing that is asked here waits for one.
    fn next(&mut self, deadline: Moment) -> Result<Option<Incoming>> {
        let until = deadline.min(self.link.now() + STEP);
        let Some(bytes) = self.link.receive(until)? else { return Ok(None) };
        Ok(match self.assembler.push(&bytes) {
            Some(Incoming::Indication { .. }) => None,
            other => other,
        })
    }
}

fn named(error: Error, command: &Command) -> Error {
    error.with("command", format!("{:?} {}", command.service, command.cid))
}

fn silent(timeout: Duration) -> Error {
    Error::new(ErrorKind::Timeout, "the stick did not answer an MBIM command")
        .with("seconds", timeout.as_secs())
}
