//! From bytes to lines: which are the running command's answer and which are unsolicited, also where one cuts another in two.

use std::borrow::Cow;
use std::collections::VecDeque;

use crate::error::{Error, ErrorKind, Result};
use crate::wire::at::{Answer, Final, name_of, value_of};

/// Most that one answer may hold. A full store of 500 messages, each a PDU of 176 bytes in hexadecimal, is 200 KiB; how long an answer may
/// take is bounded by its command's time.
pub const ANSWER_LIMIT: usize = 512 * 1024;

/// Most that unsolicited lines nobody took may hold; the oldest are dropped.
const URC_LIMIT: usize = 16 * 1024;

/// So many silences in a row end a text whose closing quotation mark does not come.
const SILENCES: u8 = 7;

/// Unsolicited result codes by name, section 3.8. Any other `^NAME:` or `+NAME:` that is not the running command's is one too.
const URC_NAMES: &str = "^RSSI ^HCSQ ^RSSILVL ^HRSSILVL ^MODE ^SRVST ^SIMST ^BOOT ^NDISSTAT ^NDISEND ^PDPDEACT ^DSFLOWRPT \
    ^DSDORMANT ^NWTIME ^TIME ^CSNR ^CERSSI ^ANLEVEL ^LTERSRP ^EONS ^LWURC ^ECCLIST ^RFSWITCH ^POSITION \
    ^POSEND ^STIN ^THERM ^SMMEMFULL ^ORIG ^CONF ^CONN ^CEND ^DDTMF +CMTI +CMT +CDSI +CDS +CBM +CREG \
    +CGREG +CEREG +CUSD +CUSATP +CUSATEND +CLIP +CRING";

/// Unsolicited lines without a value: calls, and what modems say after their start (AT manuals of SIMCom, Quectel, Cinterion, u-blox).
const BARE: &[&str] =
    &["RING", "RDY", "APP RDY", "Call Ready", "SMS Ready", "SMS DONE", "PB DONE", "+PBREADY", "^SYSSTART"];

/// What lines of an identification begin with.
const LABELS: [&str; 4] = ["Manufacturer:", "Model:", "Revision:", "IMEI:"];

/// In hexadecimal digits. What is left of the line before a message is shorter.
const SHORTEST_PDU: usize = 16;

/// Where the running command stands after the bytes that came so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing final yet.
    More,
    /// The stick waits for the text of a message: `> `.
    Prompt,
    /// The command ended.
    Done(Answer),
}

/// A line that is complete but may turn out to be the first half of one that an unsolicited line cut in two.
struct Held {
    text: Vec<u8>,
    /// The line end that is left when the unsolicited lines after it are taken out with their own line ends.
    /// Empty: the line was cut, what comes next is its other half.
    gap: Vec<u8>,
}

/// Digests the bytes of a port, one command after the other.
///
/// Split into lines at any run of CR and LF. An unsolicited line is taken out together with the one line end that the stick
/// sent before it and the one after it; where nothing is left of the line end around it, it had come in the middle of a line, and
/// that line's halves are put together again.
pub struct Collector {
    command: Option<Command>,
    echo_seen: bool,
    body: Option<Vec<u8>>,
    held: Option<Held>,
    text: Vec<u8>,
    gap: Vec<u8>,
    lines: Vec<String>,
    lines_size: usize,
    done: Option<Final>,
    awaited: Option<&'static str>,
    urcs: VecDeque<String>,
    urc_size: usize,
    message_follows: bool,
    /// A result came after the one that ended the last command.
    stray_result: Option<Box<Final>>,
    /// The result of a list, until it is clear that no more of the list follows.
    suspended: Option<Final>,
    /// Silences since the last byte.
    silences: u8,
}

/// What is known of the running command from its own text.
struct Command {
    text: String,
    /// The names that its answers may carry: of `AT+CSQ;^HCSQ?` these are `+CSQ` and `^HCSQ`.
    names: Vec<String>,
    /// Whether it only sets something: then a line of its name is unsolicited (`AT+CUSD=..` is answered by a plain `OK`).
    sets: bool,
    dialling: bool,
    /// Whether it lists messages. Somebody else's `OK` in front of the list must not look like an empty store.
    lists: bool,
}

impl Command {
    fn new(text: &str) -> Command {
        let text = text.trim();
        let body = text.get(..2).filter(|at| at.eq_ignore_ascii_case("AT")).map_or(text, |_| &text[2..]);
        let mut names = Vec::new();
        let mut quoted = false;
        let parts = body.split(|c| {
            quoted ^= c == '"';
            c == ';' && !quoted
        });
        for part in parts {
            if let Some(name) = name_of(part) {
                names.push(name.to_ascii_uppercase());
                // The query of the connection state is answered under either name.
                if name.eq_ignore_ascii_case("^NDISSTATQRY") {
                    names.push("^NDISSTAT".to_owned());
                }
            }
        }
        let verb = body.bytes().next().map(|b| b.to_ascii_uppercase());
        let sets = body.contains('=') && !body.contains("=?") && names.len() == 1;
        let has = |own| names.iter().any(|name| name == own);
        let lists = has("+CMGL");
        Command {
            text: text.to_owned(),
            dialling: matches!(verb, Some(b'D' | b'A' | b'O' | b'H')) || has("+CGDATA"),
            names,
            sets,
            lists,
        }
    }

    /// Whether a line that begins with `name` is unsolicited while this command runs.
    fn is_unsolicited(&self, name: &str) -> bool {
        if self.has_name(name) {
            return self.sets && is_known_urc(name);
        }
        // A plain command such as ATI answers with lines of names that are not its own (`+GCAP:`).
        is_known_urc(name) || !self.names.is_empty()
    }

    /// Whether a line that has the name of the answer is a report all the same, by its fields.
    fn is_report(&self, name: &str, value: &str) -> bool {
        self.has_name(name) && is_registration(name) && is_registration_report(value)
    }

    fn has_name(&self, name: &str) -> bool {
        self.names.iter().any(|own| own.eq_ignore_ascii_case(name))
    }
}

fn is_known_urc(name: &str) -> bool {
    URC_NAMES.split(' ').any(|urc| urc.eq_ignore_ascii_case(name))
        || name.to_ascii_uppercase().starts_with("^THERM")
}

fn is_registration(name: &str) -> bool {
    ["+CREG", "+CGREG", "+CEREG"].iter().any(|r| r.eq_ignore_ascii_case(name))
}

/// `n,stat[,area,cell[,act]]` answers a query, `stat[,area,cell[,act]]` is unsolicited: told apart by the second field,
/// which is a short number in an answer and a quoted area code otherwise, and by how many there are.
fn is_registration_report(value: &str) -> bool {
    let second = value.split(',').nth(1).map_or("", str::trim);
    let is_status = matches!(second.len(), 1 | 2) && second.bytes().all(|b| b.is_ascii_digit());
    !value.is_empty() && (!is_status || value.split(',').count() == 3)
}

impl Default for Collector {
    fn default() -> Self {
        Collector::new()
    }
}

impl Collector {
    /// Runs no command: every line that comes is unsolicited or dropped.
    pub fn new() -> Self {
        Collector {
            command: None,
            echo_seen: false,
            body: None,
            held: None,
            text: Vec::new(),
            gap: Vec::new(),
            lines: Vec::new(),
            lines_size: 0,
            done: None,
            awaited: None,
            urcs: VecDeque::new(),
            urc_size: 0,
            message_follows: false,
            stray_result: None,
            suspended: None,
            silences: 0,
        }
    }

    /// `command` (without its CR) is about to be written. An unsolicited line that is half read stays.
    pub fn begin(&mut self, command: &str) {
        self.end_line();
        self.flush();
        self.command = Some(Command::new(command));
        self.echo_seen = false;
        self.body = None;
        self.lines.clear();
        self.lines_size = 0;
        self.done = None;
        self.stray_result = None;
        self.suspended = None;
    }

    /// An unsolicited line with this name is waited for: another one that cuts it in two does no harm to it.
    pub fn await_report(&mut self, name: Option<&'static str>) {
        self.awaited = name;
    }

    /// The prompt was answered with `body` (without the 1A at its end), which the stick may echo.
    pub fn prompt_answered(&mut self, body: &[u8]) {
        self.held = None;
        self.text.clear();
        self.gap.clear();
        self.body = Some(body.to_vec());
    }

    /// Bytes came.
    ///
    /// # Errors
    /// `UnexpectedAnswer` when the answer grows over [`ANSWER_LIMIT`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<Progress> {
        if !bytes.is_empty() {
            self.silences = 0;
        }
        for &byte in bytes {
            match byte {
                b'\r' | b'\n' => {
                    // Line ends without a line in between say nothing.
                    if !self.text.is_empty() || self.held.is_some() {
                        self.gap.push(byte);
                    }
                }
                0 => {}
                _ => {
                    self.end_line();
                    self.text.push(byte);
                }
            }
            let held = self.held.as_ref().map_or(0, |h| h.text.len() + h.gap.len());
            if self.lines_size + held + self.text.len() + self.gap.len() > ANSWER_LIMIT {
                self.abandon();
                return Err(Error::new(
                    ErrorKind::UnexpectedAnswer,
                    "the answer to an AT command has no end",
                )
                .with("limit", ANSWER_LIMIT));
            }
        }
        Ok(self.progress(false))
    }

    /// The line is quiet: what could not be decided while more might come is decided now. That is a result digit (`ATV0`),
    /// which ends with CR alone, and an error code that an unsolicited line followed closely.
    pub fn settle(&mut self) -> Progress {
        self.silences = self.silences.saturating_add(1);
        self.progress(true)
    }

    /// Whether a result came after the one that ended the last command: another program writes to the same port, and one of the two
    /// results is that of its command.
    pub fn has_stray_result(&self) -> bool {
        self.stray_result.is_some()
    }

    /// Takes a refusal by number that came after the command's own result: that of what the command began, such as a USSD dialogue.
    pub fn take_late_refusal(&mut self) -> Option<Final> {
        self.stray_result.take_if(|result| matches!(**result, Final::CmeError(_))).map(|result| *result)
    }

    /// Takes the unsolicited lines that came, oldest first.
    pub fn take_urcs(&mut self) -> Vec<String> {
        self.urc_size = 0;
        self.urcs.drain(..).collect()
    }

    /// Gives the running command up: what comes of its answer from here on is dropped.
    pub fn abandon(&mut self) {
        let urcs = std::mem::take(&mut self.urcs);
        *self = Collector { urc_size: self.urc_size, urcs, ..Collector::new() };
    }

    fn progress(&mut self, quiet: bool) -> Progress {
        if self.done.is_none() {
            if quiet || self.gap.contains(&b'\n') {
                self.take_ended_line(quiet);
            }
            let open = self.holds_open_text() && self.silences < SILENCES;
            if (quiet && !open) || self.held.as_ref().is_some_and(|held| self.is_surely_final(held)) {
                self.flush();
            }
            if quiet && self.done.is_none() && self.held.is_none() && self.text.is_empty() {
                self.done = self.suspended.take();
            }
        }
        if let Some(result) = self.done.take() {
            self.command = None;
            self.lines_size = 0;
            return Progress::Done(Answer { lines: std::mem::take(&mut self.lines), result });
        }
        if self.command.is_some() && self.gap.is_empty() && self.reads_as_prompt(quiet) {
            return Progress::Prompt;
        }
        Progress::More
    }

    /// A line end was seen after the line in `text`, as far as the bytes have come.
    fn take_ended_line(&mut self, quiet: bool) {
        let cut = self.held.as_ref().is_some_and(|h| h.gap.is_empty());
        if quiet && !cut && !self.gap.is_empty() && !self.gap.contains(&b'\n') && self.command.is_some() {
            let digit = Final::parse_digit(String::from_utf8_lossy(&self.text).trim());
            if digit.is_some() {
                self.text.clear();
                self.gap.clear();
                self.flush();
                self.done = digit;
                return;
            }
        }
        self.end_line();
    }

    /// Whether the held line is a result that nothing to come can change.
    fn is_surely_final(&self, held: &Held) -> bool {
        let text = String::from_utf8_lossy(&held.text);
        let Some(result) = self.final_of(text.trim()) else { return false };
        // A result code may have been cut by the unsolicited line that begins to be read after it.
        let cut = held.gap.is_empty() || (held.gap == b"\r\n" && !self.text.is_empty());
        !result.may_grow() || !cut
    }

    /// Whether the unfinished line is `> `, or nothing came for a while after such a line.
    fn reads_as_prompt(&self, quiet: bool) -> bool {
        if quiet && self.text.is_empty() && self.lines.last().is_some_and(|line| line == ">") {
            return true;
        }
        let open = self.held.as_ref().filter(|h| h.gap.is_empty()).map_or(&[][..], |h| &h.text);
        open.len() + self.text.len() <= 4 && [open, &self.text].concat().trim_ascii() == b">"
    }

    fn final_of(&self, line: &str) -> Option<Final> {
        Final::parse(line, self.command.as_ref()?.dialling)
    }

    fn is_unsolicited(&self, line: &str) -> bool {
        if BARE.contains(&line) {
            return true;
        }
        let call_result = matches!(line, "NO CARRIER" | "BUSY" | "NO ANSWER" | "NO DIALTONE");
        if call_result {
            return self.command.as_ref().is_none_or(|c| !c.dialling);
        }
        if self.final_of(line).is_some() {
            return false;
        }
        let Some(name) = name_of(line).filter(|name| value_of(line, name).is_some()) else { return false };
        if self.holds_open_text() && !is_known_urc(name) {
            return false;
        }
        self.done.is_some() || self.command.as_ref().is_none_or(|c| c.is_unsolicited(name))
    }

    fn is_report(&self, line: &str) -> bool {
        let Some(name) = name_of(line) else { return false };
        let Some(value) = value_of(line, name) else { return false };
        self.command.as_ref().is_some_and(|c| c.is_report(name, value))
    }

    /// The line in `text` has ended when a line end was seen after it.
    fn end_line(&mut self) {
        if self.gap.is_empty() {
            return;
        }
        let gap = std::mem::take(&mut self.gap);
        let text = std::mem::take(&mut self.text);
        let line = text_of(&text).trim().to_owned();
        if text.is_empty() {
            // More of the line end of a line that was closed before.
            if let Some(held) = &mut self.held {
                held.gap.extend_from_slice(&gap);
            }
            return;
        }
        let message = self.message_follows && is_hex(&line);
        self.message_follows = false;
        // A report under the answer's own name may be the first half of an answer: where it does not cut
        // another line, it is held and judged when it is known to be whole.
        let report = self.is_report(&line) && self.held.as_ref().is_some_and(|h| h.gap == b"\r\n");
        if message || report || (self.is_unsolicited(&line) && !self.is_awaited(&line)) {
            if let Some(held) = &mut self.held {
                if !message && held.gap.ends_with(b"\r\n") {
                    held.gap.truncate(held.gap.len() - 2);
                }
                held.gap.extend_from_slice(without_line_end(&gap));
            }
            self.message_follows =
                !message && ["+CMT", "+CDS", "+CBM"].iter().any(|name| value_of(&line, name).is_some());
            self.remember_urc(line);
            return;
        }
        let open = self.holds_open_text();
        match self.held.take() {
            // A text in quotation marks runs on over the ends of lines, whatever stands on the next one.
            Some(held) if open => {
                let ends = held.gap.iter().filter(|byte| **byte == b'\n').count();
                let ends = ends.max(usize::from(!held.gap.is_empty()));
                self.held = Some(Held { text: [held.text, vec![b'\n'; ends], text].concat(), gap });
            }
            Some(held) if held.gap.is_empty() && !self.begins_a_line(&held, &line) => {
                self.held = Some(Held { text: [held.text, text].concat(), gap });
            }
            before => {
                self.held = before;
                self.flush();
                // The line before may have ended the command, and this one is then nobody's answer.
                if self.is_unsolicited(&line) && !self.is_awaited(&line) {
                    self.remember_urc(line);
                } else {
                    self.held = Some(Held { text, gap });
                }
            }
        }
    }

    fn is_awaited(&self, line: &str) -> bool {
        self.awaited.is_some_and(|name| value_of(line, name).is_some())
    }

    /// Whether a line is whole for certain, however closely an unsolicited line came before it.
    fn begins_a_line(&self, held: &Held, line: &str) -> bool {
        let own_name = |text: &str| {
            self.command.as_ref().is_some_and(|c| c.names.iter().any(|n| value_of(text, n).is_some()))
        };
        let of_a_message = self.command.as_ref().is_some_and(|c| c.has_name("+CMGL") || c.has_name("+CMGR"))
            && is_hex(line)
            && line.len() >= SHORTEST_PDU;
        self.final_of(line).is_some_and(|f| !f.may_grow())
            || own_name(line)
            || LABELS.iter().any(|label| line.starts_with(label))
            || of_a_message && own_name(&text_of(&held.text))
    }

    /// Whether the held line is a text that is waited for and whose closing quotation mark has not come.
    fn holds_open_text(&self) -> bool {
        let Some(held) = self.held.as_ref().filter(|_| self.awaited.is_some()) else { return false };
        let text = text_of(&held.text);
        self.is_awaited(&text) && is_open_text(&text)
    }

    /// The held line is whole: it is echo, a result or information.
    fn flush(&mut self) {
        let Some(held) = self.held.take() else { return };
        let line = text_of(&held.text).trim().to_owned();
        if self.is_awaited(&line) {
            // The result behind a text that never ended.
            let (text, result) = match line.strip_suffix("\nOK").filter(|_| is_open_text(&line)) {
                Some(text) if self.command.is_some() && self.done.is_none() => (text, Some(Final::Ok)),
                _ => (&*line, None),
            };
            self.remember_urc(text.trim_end().to_owned());
            self.done = result.or(self.done.take());
            return;
        }
        let ended = self.command.is_none() || self.done.is_some();
        if ended && let Some(result) = Final::parse(&line, false) {
            self.stray_result = Some(Box::new(result));
        }
        let Some(command) = &self.command else { return };
        if line.is_empty() || ended {
            return;
        }
        if !self.echo_seen && self.lines.is_empty() && line == command.text {
            self.echo_seen = true;
            return;
        }
        if let Some(body) = &self.body {
            let echoed = line.trim_start_matches(['>', ' ']).trim_end_matches('\u{1a}').trim_end();
            if echoed.is_empty() || echoed.as_bytes() == body.trim_ascii() {
                return;
            }
        }
        match Final::parse(&line, command.dialling) {
            Some(result) if command.lists => {
                if self.suspended != Some(Final::Ok) {
                    self.suspended = Some(result);
                }
            }
            Some(result) => {
                // Some sticks answer the query in the shape of a report.
                if result == Final::Ok && self.lines.is_empty() && !command.sets {
                    let report = self.urcs.iter().rev().find(|line| self.is_report(line));
                    self.lines.extend(report.cloned());
                }
                self.done = Some(result);
            }
            None if self.is_report(&line) => self.remember_urc(line),
            None => {
                self.lines_size += line.len() + size_of::<String>();
                self.lines.push(line);
            }
        }
    }

    fn remember_urc(&mut self, line: String) {
        self.urc_size += line.len() + size_of::<String>();
        self.urcs.push_back(line);
        while self.urc_size > URC_LIMIT {
            let Some(oldest) = self.urcs.pop_front() else { break };
            self.urc_size -= oldest.len() + size_of::<String>();
        }
    }
}

/// A line as text: UTF-8, or Latin-1 where it is not.
fn text_of(line: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(line) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(line.iter().map(|&byte| char::from(byte)).collect()),
    }
}

/// Whether the line has an opening quotation mark and no closing one: that is followed by the data coding scheme, or ends the line and
/// makes their number even.
fn is_open_text(line: &str) -> bool {
    let marks = line.matches('"').count();
    let line = line.trim_end();
    let before_scheme = line.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end();
    let with_scheme = before_scheme.strip_suffix(',').is_some_and(|text| text.trim_end().ends_with('"'));
    marks > 0 && !(with_scheme && marks > 1) && !(line.ends_with('"') && marks.is_multiple_of(2))
}

/// A line end is one or more CR and one LF; the rest of the run belongs to what comes next.
fn without_line_end(gap: &[u8]) -> &[u8] {
    let returns = gap.iter().take_while(|&&b| b == b'\r').count();
    match gap.get(returns) {
        Some(b'\n') if returns > 0 => &gap[returns + 1..],
        _ => gap,
    }
}

fn is_hex(line: &str) -> bool {
    !line.is_empty() && line.len().is_multiple_of(2) && line.bytes().all(|b| b.is_ascii_hexdigit())
}
