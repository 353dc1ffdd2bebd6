//! Rendering: the event stream and the results, as text with bars, as plain lines, or as JSON.
//!
//! Results go to standard output. Progress goes to standard error, except in JSON, where both are lines on standard output.

#[cfg(feature = "bars")]
mod bar;
#[cfg(not(feature = "bars"))]
#[path = "no_bar.rs"]
mod bar;
#[cfg(feature = "host")]
pub(crate) mod elsewhere;
mod failure;
pub(crate) mod json;
pub(crate) mod plan;
mod report;
#[cfg(test)]
pub(crate) mod schema;
mod style;

use std::cell::{Cell, RefCell};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use stickshift::clean;
use stickshift::error::{Detail, Error, ErrorKind, Result, Verdict};
use stickshift::event::Event;
use stickshift::link::Ledger;
use stickshift::modem::OPENED_ANEW;
use stickshift::stick::Mode;

use crate::advice::{Attempt, Way};
use crate::files::OutputFile;
use crate::options::Global;
use crate::recovery::Work;
use bar::Bar;
pub(crate) use failure::FailureReport;
use json::Outcome;
use report::print_text;
pub(crate) use report::{ErasedReport, Report};
use style::Style;

/// Tells how much time has passed.
pub(crate) type Clock = Box<dyn Fn() -> Duration>;

pub(crate) struct Output {
    json: bool,
    quiet: bool,
    verbose: bool,
    /// The verb as it was typed, `sms send`.
    verb: RefCell<Option<String>>,
    /// In JSON the result is kept until nothing can fail any more: one line ends the output.
    result: RefCell<Option<Value>>,
    /// What a good end did to the stick, where the verb knows better than the ledger.
    outcome: Cell<Option<Outcome>>,
    /// Whether more was sent than the verb knows of.
    acted: Cell<bool>,
    /// Whether that line was printed.
    ended: Cell<bool>,
    bar: RefCell<Option<Bar>>,
    /// How standard output and standard error show texts.
    out: Style,
    err: Style,
    /// The time of a virtual stick since a rehearsal began.
    clock: RefCell<Option<Clock>>,
    /// The last percentage printed in JSON, none since the step began: a packet is too little for a line.
    percent: Cell<Option<u64>>,
    /// What is being done, for advice and for the words after a verdict.
    tried: Cell<Attempt>,
    /// By which port or address the stick was named.
    reached: RefCell<String>,
    /// Whether the reader of standard output is gone.
    unread: Cell<bool>,
    /// Why standard output did not take all of it, where a reader is there.
    unwritten: RefCell<Option<io::Error>>,
    /// Whether this run sent anything to a stick: the verdict of an error that states none.
    ledger: Ledger,
    /// Who is given the lines of JSON in place of standard output.
    listener: Option<Listener>,
    /// Whether the lines of JSON say in words, too, what is said on a terminal.
    texts: bool,
    /// Whose sticks are spoken of, where they are those of `--host`.
    host: RefCell<Option<String>>,
}

/// Is given each line of JSON as it comes.
pub(crate) type Listener = Box<dyn Fn(&Value)>;

impl Output {
    pub(crate) fn new(global: &Global, ledger: Ledger) -> Self {
        let bar = (!global.json && !global.quiet && io::stderr().is_terminal())
            .then(|| Bar::on_terminal(Style::of_stderr(global.color)))
            .flatten();
        Output {
            json: global.json,
            quiet: global.quiet,
            verbose: global.verbose > 0,
            verb: RefCell::default(),
            result: RefCell::default(),
            outcome: Cell::default(),
            acted: Cell::default(),
            ended: Cell::default(),
            bar: RefCell::new(bar),
            out: Style::of_stdout(global.color),
            err: Style::of_stderr(global.color),
            clock: RefCell::default(),
            percent: Cell::new(None),
            tried: Cell::default(),
            reached: RefCell::default(),
            unread: Cell::default(),
            unwritten: RefCell::default(),
            ledger,
            listener: None,
            texts: global.texts,
            host: RefCell::default(),
        }
    }

    /// Gives the lines of JSON to `listener`: another part of the program asked for them, not the user.
    #[cfg(any(feature = "web", feature = "rack", feature = "mqtt"))]
    pub(crate) fn listen(&mut self, listener: Listener) {
        self.listener = Some(listener);
    }

    /// Says what is being done from now on: the verb as it was typed, and what it tries.
    pub(crate) fn tries(&self, verb: String, tried: Attempt) {
        self.verb.replace(Some(verb));
        self.tried.set(tried);
    }

    /// Says how the stick is reached, and by which name.
    pub(crate) fn way_is(&self, (way, name): (Way, String)) {
        self.tried.set(Attempt { way, ..self.tried.get() });
        self.reached.replace(name);
    }

    /// Says what is left behind from now on by a failure.
    #[cfg(feature = "virtual")]
    pub(crate) fn work_is(&self, work: Work) {
        self.tried.set(Attempt { work, ..self.tried.get() });
    }

    /// Says in which mode the chosen stick is, and whether it is another maker's than Huawei.
    pub(crate) fn stick_is(&self, mode: Mode, other_maker: bool) {
        self.tried.set(Attempt { mode: Some(mode), other_maker, ..self.tried.get() });
    }

    /// Renders one event of long work.
    pub(crate) fn event(&self, event: &Event) {
        if matches!(event, Event::Warning { code: OPENED_ANEW, .. }) {
            self.acted.set(true);
        }
        if self.json {
            let percent = match *event {
                Event::Progress { done, total } => {
                    Some((u128::from(done) * 100 / u128::from(total.max(1))) as u64)
                }
                _ => None,
            };
            let is_progress = matches!(event, Event::Step { .. } | Event::Progress { .. });
            let is_news = !is_progress || self.percent.replace(percent) != percent || percent.is_none();
            if is_news {
                self.print_line(&json::of_event(event));
            }
        }
        if !self.json || self.texts {
            self.event_in_words(event);
        }
    }

    fn event_in_words(&self, event: &Event) {
        if self.quiet {
            return;
        }
        // What is sent byte by byte is a detail of the one step that the plan names.
        let detail = matches!(event, Event::Note { .. } | Event::Step { code: "switch-transfer", .. });
        if detail && !self.verbose {
            return;
        }
        let timed = match (event, self.clock.borrow().as_ref()) {
            (Event::Step { code, text }, Some(clock)) => {
                let time = clock().as_secs();
                Some(Event::Step { code, text: format!("[{}:{:02}] {text}", time / 60, time % 60) })
            }
            _ => None,
        };
        let event = timed.as_ref().unwrap_or(event);
        if let Some(bar) = self.bar.borrow_mut().as_mut() {
            return bar.event(event);
        }
        match event {
            Event::Step { text, .. } => self.tell(text),
            Event::Note { text, .. } => self.tell(&format!("  {text}")),
            Event::Warning { text, .. } => self.tell(&format!("  warning: {text}")),
            _ => {}
        }
    }

    /// What the user should know before long work begins.
    pub(crate) fn warn(&self, code: &'static str, text: String) {
        self.event(&Event::Warning { code, text });
    }

    /// Text that is no result: the plan before the question, a list of findings.
    pub(crate) fn say(&self, text: &str) {
        if (!self.json || self.texts) && !self.quiet {
            self.pause();
            text.lines().for_each(|line| self.tell(line));
        }
    }

    /// A line on standard error that is no part of the result, in JSON too.
    #[cfg(feature = "virtual")]
    pub(crate) fn aside(&self, text: &str) {
        if self.listener.is_some() {
            return self.warn("aside", text.to_owned());
        }
        self.pause();
        self.tell(text);
    }

    /// Prints something that belongs to the stream, such as a plan: a JSON line or text on standard error.
    pub(crate) fn interim(&self, name: &str, report: &dyn ErasedReport) {
        if self.json {
            self.print_line(&json::line(name, json!({ name: report.value() })));
            self.in_words("err", report);
        } else if !self.quiet {
            self.pause();
            let _ = print_text(report, self.err, &mut io::stderr().lock());
        }
    }

    /// Prints one of many results that come as they happen: a JSON line or text on standard output.
    pub(crate) fn stream(&self, name: &str, report: &dyn ErasedReport) {
        if self.json {
            self.print_line(&json::line(name, json!({ name: report.value() })));
            return self.in_words("out", report);
        }
        self.pause();
        self.written(print_text(report, self.out, &mut io::stdout().lock()));
    }

    /// Prints a verb's result; in JSON [`end`](Self::end) does.
    pub(crate) fn finish(&self, report: &dyn ErasedReport) {
        self.pause();
        if self.json {
            self.result.replace(Some(report.value()));
            self.in_words("out", report);
        } else {
            self.written(print_text(report, self.out, &mut io::stdout().lock()));
        }
    }

    /// Says in words what a line of JSON says, where that is wanted: for another computer's terminal.
    fn in_words(&self, to: &str, report: &dyn ErasedReport) {
        if !self.texts {
            return;
        }
        let mut text = Vec::new();
        // Writing to memory does not fail.
        let _ = print_text(report, Style::default(), &mut text);
        if !text.is_empty() {
            self.text_line(to, &String::from_utf8_lossy(&text));
        }
    }

    fn text_line(&self, to: &str, text: &str) {
        self.print_line(&json::line("text", json!({ "to": to, "text": text })));
    }

    /// Tells whoever answers questions what is asked.
    pub(crate) fn question(&self, question: &str) {
        if self.texts {
            self.print_line(&json::line("question", json!({ "text": clean::line(question) })));
        }
    }

    /// In JSON, prints the result as one event of the run: another result follows.
    pub(crate) fn part(&self, name: &str) {
        if let Some(value) = self.result.take() {
            self.print_line(&json::line(name, json!({ name: value })));
        }
    }

    /// Refuses to write a file to standard output, where the lines of JSON go.
    ///
    /// # Errors
    /// `Usage`.
    pub(crate) fn leave_room(&self, path: &Path) -> Result<()> {
        if !self.json || !OutputFile::is_stdout(path) {
            return Ok(());
        }
        let what = "--json prints its lines to standard output: name a file to write to";
        Err(Error::new(ErrorKind::Usage, what).with_verdict(Verdict::Untouched))
    }

    /// States what this run does to the stick when it ends well. Otherwise that follows from whether anything was sent.
    pub(crate) fn outcome_is(&self, outcome: Outcome) {
        self.outcome.set(Some(outcome));
    }

    fn outcome_of_a_good_end(&self) -> Outcome {
        let follows = if self.ledger.is_noted() { Outcome::Done } else { Outcome::Untouched };
        let outcome = self.outcome.get().unwrap_or(follows);
        if self.acted.get() { outcome.max(Outcome::Done) } else { outcome }
    }

    /// A result of which the parts were printed as they came: JSON only.
    pub(crate) fn sum_up(&self, result: &impl Serialize) {
        if self.json {
            self.result.replace(serde_json::to_value(result).ok());
        }
    }

    /// Prints the last line of a verb that ended well, in JSON. The result of one whose results came as they happened is null.
    pub(crate) fn end(&self, exit: u8) {
        if !self.json || self.ended.replace(true) {
            return;
        }
        let fields = json!({
            "verb": *self.verb.borrow(),
            "verdict": self.outcome_of_a_good_end(),
            "exit": exit,
            "result": self.result.take(),
        });
        self.print_line(&json::line("result", fields));
    }

    /// Prints the failure that ends the verb, with its cause, help and verdict. Gives the exit code.
    pub(crate) fn error(&self, error: &Error) -> u8 {
        if let Some(bar) = self.bar.borrow_mut().as_mut() {
            bar.fail();
        }
        let failure = self.failure(error, self.tried.get().work);
        if self.json {
            self.in_words("err", &failure);
        }
        if self.json && !self.ended.replace(true) {
            let mut line = json::line("error", failure.value());
            line["verb"] = json!(*self.verb.borrow());
            // What was found before it failed.
            if let Some(result) = self.result.take() {
                line["result"] = result;
            }
            self.print_line(&line);
        }
        if !self.json || self.unwritten.borrow().is_some() {
            let _ = print_text(&failure, self.err, &mut io::stderr().lock());
        }
        failure.exit
    }

    /// Prints the failure of one of several, after `prefix`. Gives its line.
    #[cfg(feature = "host")]
    pub(crate) fn said_of(&self, error: &Error, prefix: &str) -> Value {
        let failure = self.failure(error, self.tried.get().work);
        let mut text = Vec::new();
        // Writing to memory does not fail.
        let _ = failure.text(&mut text);
        let text = String::from_utf8_lossy(&text).into_owned();
        self.relay(&json!({ "event": "text", "to": "err", "text": text }), prefix);
        let mut line = json::line("error", failure.value());
        line["verb"] = json!(*self.verb.borrow());
        line
    }

    /// Prints a failure that does not end the verb. Gives the exit code that it has as an end.
    pub(crate) fn setback(&self, error: &Error) -> u8 {
        if !self.json {
            return self.error(error);
        }
        let failure = self.failure(error, self.tried.get().work);
        self.in_words("err", &failure);
        self.print_line(&json::line("failed", json!({ "failed": failure.value() })));
        failure.exit
    }

    /// What to do about a failure.
    #[cfg(feature = "online")]
    pub(crate) fn help(&self, error: &Error) -> String {
        self.failure(error, self.tried.get().work).help.into_owned()
    }

    /// A failure of `work` as it is shown.
    pub(crate) fn failure(&self, error: &Error, work: Work) -> FailureReport {
        let tried = Attempt { work, ..self.tried.get() };
        let failure = FailureReport::of(error, self.verdict(error), tried, self.verb.borrow().as_deref());
        #[cfg(feature = "host")]
        let failure =
            failure.in_other_words(&|text| elsewhere::reached(text, tried.way, &self.reached.borrow()));
        #[cfg(feature = "host")]
        if let Some(host) = &*self.host.borrow() {
            return failure.in_other_words(&|text| elsewhere::named(text, host));
        }
        failure
    }

    /// From here on, the sticks of another computer are spoken of: the commands that texts name are run with `--host`.
    #[cfg(feature = "host")]
    pub(crate) fn speaks_of(&self, host: &str) {
        self.host.replace(Some(host.to_owned()));
    }

    /// A line of another computer's program with its commands made those of here. What networks, senders of messages and sticks say stays as it is.
    #[cfg(feature = "host")]
    pub(crate) fn spoken_of(&self, line: &Value) -> Value {
        let mut line = line.clone();
        let is_foreign = self.verb.borrow().as_ref().is_some_and(|verb| {
            verb == "hilink raw" || verb.split(' ').next().is_some_and(|verb| FOREIGN.contains(&verb))
        });
        let is_advice = line["event"] == "error" || line["to"] == "err";
        if let (Some(host), true) = (&*self.host.borrow(), is_advice || !is_foreign) {
            elsewhere::name_in(&mut line, host);
        }
        line
    }

    /// What the stick is left as: what the error states, else what follows from what this run sent.
    pub(crate) fn verdict(&self, error: &Error) -> Verdict {
        self.ledger.verdict(error)
    }

    fn print_line(&self, value: &Value) {
        if let Some(listener) = &self.listener {
            return listener(value);
        }
        let mut out = io::stdout().lock();
        let line = value.to_string();
        self.written(writeln!(out, "{}", clean::json(&line)).and_then(|()| out.flush()));
    }

    /// Prints a line of another computer's program; its texts, and each of its lines after `prefix`, where that is given.
    #[cfg(feature = "host")]
    pub(crate) fn relay(&self, line: &Value, prefix: &str) {
        let line = &self.spoken_of(line);
        if line["event"] != "text" {
            if self.json {
                self.print_line(line);
            }
            return;
        }
        let is_result = line["to"] == "out";
        if self.json || (self.quiet && !is_result && !line["text"].as_str().is_some_and(is_failure)) {
            return;
        }
        let mut text = String::new();
        for one in line["text"].as_str().unwrap_or_default().lines() {
            text.push_str(prefix);
            text.push_str(&clean::line(one));
            text.push('\n');
        }
        self.pause();
        if is_result {
            let mut out = io::stdout().lock();
            self.written(out.write_all(self.out.dress(&text).as_bytes()).and_then(|()| out.flush()));
        } else {
            let _ = io::stderr().lock().write_all(self.err.dress(&text).as_bytes());
        }
    }

    /// Remembers when the reader is gone (`| head`): that is no failure. A full disk is one, but no reason to stop in the middle of a
    /// stick's work.
    fn written(&self, outcome: io::Result<()>) {
        match outcome {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => self.unread.set(true),
            Err(e) => {
                self.unwritten.borrow_mut().get_or_insert(e);
            }
        }
    }

    /// Whether nobody gets what is printed: a verb that only reports may stop.
    pub(crate) fn is_unread(&self) -> bool {
        self.unread.get() || self.unwritten.borrow().is_some()
    }

    /// Whether everything that a verb printed before it ended well was taken.
    ///
    /// # Errors
    /// `FileUnwritable`.
    pub(crate) fn check_written(&self) -> Result<()> {
        let unwritten = self.unwritten.borrow();
        let Some(cause) = unwritten.as_ref() else { return Ok(()) };
        let error = Error::new(ErrorKind::FileUnwritable, "cannot write the result to standard output");
        Err(error
            .because(io::Error::other(cause.to_string()))
            .detail(Detail::NextStep("what was printed is not whole: send standard output elsewhere"))
            // The verb itself came to its end.
            .with_verdict(self.outcome_of_a_good_end().verdict()))
    }

    /// The failure of a verb that came to its end and left a file that is not whole.
    pub(crate) fn incomplete(&self, what: String) -> Error {
        Error::new(ErrorKind::FileUnwritable, what)
            .detail(Detail::NextStep("the rest was done; free some space, or name a file elsewhere"))
            .with_verdict(self.outcome_of_a_good_end().verdict())
    }

    /// A line on standard error. A closed one is no reason to stop.
    fn tell(&self, line: &str) {
        if self.json && self.texts {
            return self.text_line("err", &format!("{}\n", clean::line(line)));
        }
        let _ = writeln!(io::stderr().lock(), "{}", self.err.dress(&clean::line(line)));
    }

    /// Shows the time of a virtual stick beside each step.
    #[cfg(feature = "virtual")]
    pub(crate) fn clock_is(&self, clock: Clock) {
        self.clock.replace(Some(clock));
    }

    /// Says how many bytes all partitions of this run have together: one bar for all of them.
    pub(crate) fn flashes(&self, bytes: u64) {
        if let Some(bar) = self.bar.borrow_mut().as_mut() {
            bar.flashes(bytes);
        }
    }

    /// Clears the line of the bar: something else writes to the terminal.
    pub(crate) fn pause(&self) {
        if let Some(bar) = self.bar.borrow_mut().as_mut() {
            bar.clear();
        }
    }
}

/// Verbs whose results are what networks, senders of messages and sticks say.
#[cfg(feature = "host")]
const FOREIGN: [&str; 3] = ["at", "sms", "ussd"];

/// Whether a text tells of the end of a command: it is shown whatever else is not.
#[cfg(feature = "host")]
fn is_failure(text: &str) -> bool {
    text.starts_with("error: ")
}

#[cfg(test)]
mod tests {
    use stickshift::link::{ByteLink, Tape, TapeLink, WatchedPort};

    use super::*;

    #[test]
    fn a_missing_verdict_follows_from_what_was_sent() {
        let ledger = Ledger::new();
        let output = Output::new(&Global::default(), ledger.clone());
        let silent = Error::new(ErrorKind::Timeout, "x");
        let failure = output.failure(&silent, Work::Other);
        assert_eq!((failure.verdict, failure.exit), ("untouched", 1));

        let tape = Tape::parse("> 41540d").unwrap();
        WatchedPort::new(Box::new(TapeLink::new(tape)), ledger).write(b"AT\r").unwrap();
        let failure = output.failure(&silent, Work::Other);
        assert_eq!((failure.verdict, failure.exit), ("unknown", 7));

        let recoverable = silent.with_verdict(Verdict::Recoverable);
        assert_eq!(output.failure(&recoverable, Work::Other).verdict, "recoverable");
    }

    #[test]
    fn more_than_the_verb_knows_of_was_sent() {
        let output = Output::new(&Global::default(), Ledger::new());
        output.outcome_is(Outcome::Untouched);
        output.warn("aside", "x".to_owned());
        assert_eq!(output.outcome_of_a_good_end(), Outcome::Untouched);
        output.warn(OPENED_ANEW, "x".to_owned());
        assert_eq!(output.outcome_of_a_good_end(), Outcome::Done);
        output.outcome_is(Outcome::Sent);
        assert_eq!(output.outcome_of_a_good_end(), Outcome::Sent);
    }

    #[cfg(feature = "mqtt")]
    #[test]
    fn what_is_left_behind_shows_in_the_exit_code() {
        let all = ["untouched", "done", "sent", "recoverable", "unknown"];
        let exits = all.map(|verdict| Outcome::of(&json!({ "verdict": verdict })).exit());
        assert_eq!(exits, [0, 0, 0, 6, 7]);
    }
}
