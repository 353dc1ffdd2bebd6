use std::time::Duration;

use crate::at::{Command, refusal, typed};
use crate::error::{Detail, Effect, Error, ErrorKind, Result};
use crate::event::Cancel;
use crate::link::{ByteLink, Changes, Effects, Moment};
use crate::mask;
use crate::wire::at::{Answer, Collector, Final, Progress, value_of};

/// How long an ordinary command may take.
pub const USUAL: Duration = Duration::from_secs(5);

/// How long a command of [`At::init`] may take while nothing but `AT` was answered.
const FIRST: Duration = Duration::from_secs(2);

/// How long commands that talk to the network or the SIM may take.
pub const PATIENT: Duration = Duration::from_secs(60);

/// How long a stick that says it is busy is asked again, all commands together.
const BUSY_FOR: Duration = Duration::from_secs(15);

/// After so long the stick is busy anew.
const BUSY_ANEW: Duration = Duration::from_secs(120);

/// Longest command: what fits a cdc-wdm message with room to spare (section 3.1).
const COMMAND_LIMIT: usize = 1000;

/// After this much silence a line that ended with CR alone is taken as it stands.
const LINE_SILENCE: Duration = Duration::from_millis(300);

/// Unsolicited lines that are kept until somebody takes them.
const URCS_KEPT: usize = 1000;

/// The AT dialogue over one port. One command runs at a time.
pub struct At<'l> {
    link: &'l mut dyn ByteLink,
    collector: Collector,
    urcs: Vec<String>,
    /// A command was given up: its answer may still come and must not be taken for the next one's.
    stale: bool,
    /// The text of the last command went out.
    told: bool,
    /// Since when the stick says that it is busy.
    busy_since: Option<Moment>,
    effects: Effects,
}

impl Changes for At<'_> {
    fn effects(&self) -> &Effects {
        &self.effects
    }

    fn effects_mut(&mut self) -> &mut Effects {
        &mut self.effects
    }
}

/// A line to send, and what is known of it.
#[derive(Clone, Copy)]
struct Line<'a> {
    command: &'a str,
    /// What goes out after the prompt.
    text: Option<&'a [u8]>,
    effect: Effect,
    timeout: Duration,
}

impl<'l> At<'l> {
    /// Over `link`, which no one else reads.
    pub fn new(link: &'l mut dyn ByteLink) -> Self {
        let (collector, effects) = (Collector::new(), Effects::default());
        At { link, collector, urcs: Vec::new(), stale: false, told: false, busy_since: None, effects }
    }

    /// Commands stop waiting when `cancel` is raised.
    #[must_use]
    pub fn with_cancel(mut self, cancel: Cancel) -> Self {
        self.effects.cancel = cancel;
        self
    }

    /// Finds the stick's ear and brings the port to what the parsers expect: no echo, results in words, error numbers,
    /// no periodic reports. What a stick does not know of these is passed over.
    ///
    /// # Errors
    /// `Timeout` when nothing answers `AT`, or two of these in a row; as [`command`](Self::command) otherwise.
    pub fn init(&mut self) -> Result<()> {
        self.init_telling(&mut || {})
    }

    /// The same; `waits` is called where an answer is late.
    ///
    /// # Errors
    /// As [`init`](Self::init).
    pub fn init_telling(&mut self, waits: &mut dyn FnMut()) -> Result<()> {
        self.wake_telling(waits)?;
        let mut patience = FIRST;
        let mut silent = false;
        // Words first: everything after it is read as such.
        for command in ["ATV1", "ATQ0", "ATE0", "AT+CMEE=1", "AT^CURC=0"] {
            match self.command(command, Effect::Reads, patience) {
                // What answers AT now and then, and commands never, is no port for them.
                Err(e) if e.is(ErrorKind::Timeout) && silent => return Err(self.mute()),
                Err(e) if e.is(ErrorKind::Timeout) => {
                    silent = true;
                    waits();
                    self.wake()?;
                }
                other => {
                    other?;
                    (silent, patience) = (false, USUAL);
                }
            }
        }
        Ok(())
    }

    /// Sends `AT` until it is answered: right after enumeration a port swallows its input, and after a command that was
    /// given up its answer may still come, before that of `AT`: then all of them are waited for. The last try asks for results, which
    /// another program may have switched off, and for words: a digit is lost where an unsolicited line follows it closely. Before it, ESC
    /// ends a message that another program began and left.
    ///
    /// # Errors
    /// `Timeout` when nothing answers; as [`command`](Self::command) otherwise.
    pub fn wake(&mut self) -> Result<()> {
        self.wake_telling(&mut || {})
    }

    fn wake_telling(&mut self, waits: &mut dyn FnMut()) -> Result<()> {
        for attention in ["AT", "AT", "ATQ0V1"] {
            if attention != "AT" {
                self.link.write(&[ESC]).map_err(|e| self.assess(e))?;
            }
            let late = self.link.drain(Duration::from_millis(50), Duration::from_secs(2));
            let late = late.map_err(|e| self.assess(e))?;
            // An endless stream here is somebody else's problem: unsolicited lines are what is wanted of it.
            let _ = self.collector.push(&late);
            let timeout = Duration::from_secs(1);
            match self.exchange(Line { command: attention, text: None, effect: Effect::Reads, timeout }) {
                // At a prompt it was text, which is aborted by now.
                Err(e) if matches!(e.kind(), ErrorKind::Timeout | ErrorKind::Usage) => waits(),
                Ok(_) => {
                    if std::mem::take(&mut self.stale) {
                        self.another_result_follows();
                    }
                    return Ok(());
                }
                Err(e) => return Err(e),
            }
        }
        Err(self.mute())
    }

    fn mute(&self) -> Error {
        self.assess(Error::new(ErrorKind::Timeout, "the port does not answer AT"))
    }

    /// Sends a command and reads its answer, whatever its result is. `effect` decides the verdict of a failure; for a command that
    /// a user typed see [`effect_of`](crate::at::effect_of).
    ///
    /// # Errors
    /// `Usage` for a text that is no command, and for a command that asks for a text, which is aborted; `Timeout`, `Disconnected`, `Interrupted`, `UnexpectedAnswer` for an answer without end,
    /// `Io`. The fact `command` has its secrets masked. The verdict is that of [`Standing::assess`](crate::error::Standing::assess).
    pub fn command(&mut self, command: &str, effect: Effect, timeout: Duration) -> Result<Answer> {
        self.resynchronise()?;
        self.patiently(Line { command, text: None, effect, timeout })
    }

    /// Sends a command that asks for a text with `> `, sends the text and 1A, and reads the answer.
    /// When no prompt comes, the command is aborted with ESC. It changes nothing before the text goes out.
    ///
    /// # Errors
    /// As [`command`](Self::command).
    pub fn command_with_text(&mut self, command: &str, text: &[u8], timeout: Duration) -> Result<Answer> {
        self.resynchronise()?;
        self.patiently(Line { command, text: Some(text), effect: Effect::Changes, timeout })
    }

    /// Sends a command, expects `OK`, and reads its answer as a value.
    ///
    /// # Errors
    /// As [`command`](Self::command), as [`refusal`] for another result, `UnexpectedAnswer` for an answer of another shape.
    pub fn run<T>(&mut self, command: &Command<T>) -> Result<T> {
        let answer = self.command(&command.text, command.effect, command.timeout)?;
        match answer.result {
            Final::Ok => {
                let value = command.parse(&answer);
                value.map_err(|e| self.assess(e.with("command", mask::text(&command.text))))
            }
            ref other => Err(self.refused(&command.text, other)),
        }
    }

    /// The error for a command whose result was not `OK`: [`refusal`] with its verdict.
    pub fn refused(&self, command: &str, result: &Final) -> Error {
        self.assess(refusal::refusal(command, result))
    }

    /// As [`run`](Self::run), for commands that many sticks do not know: `None` when the stick refused or its answer is of another shape.
    ///
    /// # Errors
    /// As [`command`](Self::command).
    pub fn run_if_known<T>(&mut self, command: &Command<T>) -> Result<Option<T>> {
        let answer = self.command(&command.text, command.effect, command.timeout)?;
        Ok(if answer.result == Final::Ok { command.parse(&answer).ok() } else { None })
    }

    /// Takes the unsolicited lines that came since the last call, oldest first.
    pub fn take_urcs(&mut self) -> Vec<String> {
        self.urcs.append(&mut self.collector.take_urcs());
        std::mem::take(&mut self.urcs)
    }

    /// Waits for the unsolicited line `name` (with its `+` or `^`) and gives what follows its colon, `None` when it does not
    /// come in time. Other lines are kept for [`take_urcs`](Self::take_urcs).
    ///
    /// # Errors
    /// `Disconnected`, `Interrupted`, `Io`.
    pub fn wait_urc(&mut self, name: &'static str, timeout: Duration) -> Result<Option<String>> {
        self.await_urc(name, timeout, false)
    }

    /// The same for a line that the last command brings about: a refusal by number that comes late ends the waiting, too.
    ///
    /// # Errors
    /// As [`wait_urc`](Self::wait_urc), and as [`refusal`].
    pub fn wait_report(&mut self, name: &'static str, timeout: Duration) -> Result<Option<String>> {
        self.await_urc(name, timeout, true)
    }

    /// What comes from here on under `name` is waited for, later: the answer to a command may come right behind its result.
    pub fn expect_urc(&mut self, name: &'static str) {
        self.collector.await_report(Some(name));
    }

    /// Waits until the stick says something unasked, at most so long: it is for [`take_urcs`](Self::take_urcs).
    ///
    /// # Errors
    /// `Disconnected`, `Interrupted`, `Io`.
    pub fn wait_any_urc(&mut self, timeout: Duration) -> Result<()> {
        self.read_urcs(timeout).map_err(|e| self.assess(e))
    }

    fn read_urcs(&mut self, timeout: Duration) -> Result<()> {
        let deadline = self.link.now() + timeout;
        let mut buffer = [0; 1024];
        let mut fresh = false;
        loop {
            self.keep_urcs();
            let now = self.link.now();
            // What came at the last moment may be half a line.
            let end = if fresh { deadline + LINE_SILENCE } else { deadline };
            if !self.urcs.is_empty() || now >= end {
                return Ok(());
            }
            self.check()?;
            let n = self.link.read(&mut buffer, end.min(now + LINE_SILENCE))?;
            self.collector.push(&buffer[..n])?;
            fresh = n > 0;
        }
    }

    fn await_urc(
        &mut self,
        name: &'static str,
        timeout: Duration,
        refusable: bool,
    ) -> Result<Option<String>> {
        self.collector.await_report(Some(name));
        let outcome = self.read_urc(name, timeout, refusable);
        self.collector.await_report(None);
        outcome.map_err(|e| self.assess(e))
    }

    fn read_urc(&mut self, name: &str, timeout: Duration, refusable: bool) -> Result<Option<String>> {
        let deadline = self.link.now() + timeout;
        let mut buffer = [0; 1024];
        let mut fresh = false;
        loop {
            self.keep_urcs();
            if let Some(i) = self.urcs.iter().position(|line| value_of(line, name).is_some()) {
                let line = self.urcs.remove(i);
                return Ok(value_of(&line, name).map(str::to_owned));
            }
            if refusable && let Some(result) = self.collector.take_late_refusal() {
                return Err(refusal(name, &result));
            }
            let now = self.link.now();
            // What came at the last moment may be the line, or the first half of it.
            let end = if fresh { deadline + LINE_SILENCE } else { deadline };
            if now >= end {
                return Ok(None);
            }
            self.check()?;
            let n = self.link.read(&mut buffer, end.min(now + LINE_SILENCE))?;
            self.collector.push(&buffer[..n])?;
            fresh = n > 0;
            if n == 0 {
                self.collector.settle();
            }
        }
    }

    /// The link's clock.
    pub fn now(&self) -> Moment {
        self.link.now()
    }

    /// Lets time pass.
    pub fn sleep(&mut self, time: Duration) {
        self.link.sleep(time);
    }

    fn resynchronise(&mut self) -> Result<()> {
        if self.stale { self.wake() } else { Ok(()) }
    }

    /// As [`exchange`](Self::exchange), again while the stick says that it is busy: after a start its SIM is being read.
    fn patiently(&mut self, line: Line<'_>) -> Result<Answer> {
        let mut was_busy = false;
        loop {
            let answer = self.exchange(line)?;
            // Of several commands the first may have been carried out; and a refusal may be of another program's command.
            let doubtful = line.effect == Effect::Changes && self.effects.standing.is_in_doubt();
            let once = doubtful
                || self.told
                || typed::is_several(line.command)
                || typed::may_be_counted(line.command);
            if once || !refusal::is_busy(&answer.result) {
                if was_busy {
                    self.busy_since = None;
                }
                return Ok(answer);
            }
            was_busy = true;
            let now = self.link.now();
            let since = *self.busy_since.get_or_insert(now);
            let since = if now >= since + BUSY_ANEW { *self.busy_since.insert(now) } else { since };
            if now >= since + BUSY_FOR {
                return Ok(answer);
            }
            self.check()?;
            self.link.sleep(Duration::from_secs(1));
        }
    }

    fn exchange(&mut self, line: Line<'_>) -> Result<Answer> {
        let command = line.command.trim();
        if command.len() > COMMAND_LIMIT || !command.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            return Err(self.assess(Error::new(
                ErrorKind::Usage,
                "not an AT command: one line of ASCII, at most 1000 characters",
            )));
        }
        if line.effect == Effect::Changes {
            self.check()?;
        }
        self.collector.begin(command);
        self.told = false;
        let before = self.effects.standing;
        // A command that asks for a text changes nothing before it has it.
        if line.effect == Effect::Changes && line.text.is_none() {
            self.effects.standing = before.in_doubt();
        }
        // CR alone ends a command: an LF after it would begin an empty one on some ports.
        let result = match self.link.write(format!("{command}\r").as_bytes()) {
            Ok(()) => self.read_answer(line),
            Err(e) => Err(e),
        };
        self.keep_urcs();
        let answer = result.map_err(|e| {
            self.collector.abandon();
            self.stale = true;
            // Aborted at its prompt, it did nothing.
            if e.is(ErrorKind::Usage) && !typed::is_several(command) {
                self.effects.standing = before;
            }
            self.assess(e.with("command", mask::text(command)))
        })?;
        // Nothing began where no prompt came.
        if self.effects.standing != before {
            self.effects.standing = match answer.result {
                Final::Ok | Final::Connect(_) => before.changed(),
                // A network that was too slow may have carried it out all the same.
                ref refused if refusal::is_in_doubt(refused, self.told) => self.effects.standing,
                // The first of them may have been carried out before the second was refused.
                _ if typed::is_several(command) => self.effects.standing,
                _ if self.another_result_follows() => self.effects.standing,
                _ => before,
            };
        }
        Ok(answer)
    }

    /// Keeps the newest unsolicited lines. Nobody may come to take them.
    fn keep_urcs(&mut self) {
        self.urcs.append(&mut self.collector.take_urcs());
        let surplus = self.urcs.len().saturating_sub(URCS_KEPT);
        self.urcs.drain(..surplus);
    }

    /// Whether a refusal is followed by a second result: it may have been of another program's command, and this one carried out.
    fn another_result_follows(&mut self) -> bool {
        let Ok(late) = self.link.drain(LINE_SILENCE, Duration::from_secs(2)) else { return true };
        let whole = self.collector.push(&late).is_ok();
        self.collector.settle();
        self.keep_urcs();
        !whole || self.collector.has_stray_result()
    }

    fn read_answer(&mut self, line: Line<'_>) -> Result<Answer> {
        let Line { mut text, timeout, .. } = line;
        let begun = self.link.now();
        let deadline = begun + timeout;
        let mut buffer = [0; 4096];
        loop {
            let now = self.link.now();
            let n = if now < deadline {
                self.link.read(&mut buffer, deadline.min(now + LINE_SILENCE))?
            } else {
                0
            };
            let progress = if n > 0 { self.collector.push(&buffer[..n])? } else { self.collector.settle() };
            match progress {
                Progress::Done(answer) => {
                    // Somebody else's result: the prompt is still to come, and must not take the next command for a text.
                    if text.is_some() && answer.result == Final::Ok {
                        self.link.write(&[ESC])?;
                        let what = "the stick ended a command before it asked for its text";
                        return Err(Error::new(ErrorKind::UnexpectedAnswer, what));
                    }
                    return Ok(answer);
                }
                Progress::Prompt => {
                    if let Some(text) = text.take() {
                        self.collector.prompt_answered(text);
                        self.told = true;
                        self.effects.standing = self.effects.standing.in_doubt();
                        self.link.write(&[text, &[CTRL_Z]].concat())?;
                    } else if n == 0 && !self.told {
                        self.link.write(&[ESC])?;
                        let next = Detail::NextStep(
                            "`at` sends no text after a command; `stickshift sms send` sends messages",
                        );
                        let what = "the stick asks for a text: it got none";
                        return Err(Error::new(ErrorKind::Usage, what).detail(next));
                    }
                }
                Progress::More => {}
            }
            let late = self.link.now() >= deadline;
            // What was sent and changes something is waited for, but not for minutes by somebody who wants to stop.
            let is_long = timeout > PATIENT && self.link.now() >= begun + HEARD_OUT;
            let heeds = line.effect == Effect::Reads || text.is_some() || is_long;
            let stopped = if heeds { self.check() } else { Ok(()) };
            if (late || stopped.is_err()) && text.is_some() {
                self.link.write(&[ESC])?;
            }
            stopped?;
            if late {
                return Err(Error::new(ErrorKind::Timeout, "the stick did not answer an AT command")
                    .with("seconds", timeout.as_secs()));
            }
        }
    }
}

/// How long a change that may take minutes is waited for after a request to stop.
const HEARD_OUT: Duration = Duration::from_secs(10);
/// Ends the text after a prompt.
const CTRL_Z: u8 = 0x1a;
/// Aborts at a prompt.
const ESC: u8 = 0x1b;
