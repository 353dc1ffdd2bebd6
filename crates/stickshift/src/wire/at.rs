//! AT commands: from the bytes of a port to the answer of the running command, with unsolicited lines set apart.
//!
//! The shapes are those of docs/protocols/hilink-at.md sections 3.1, 3.2 and 3.8.
//!
//! ```
//! use stickshift::wire::at::{Collector, Final, Progress};
//!
//! let mut collector = Collector::new();
//! collector.begin("AT+CPIN?");
//! let progress = collector.push(b"AT+CPIN?\r\r\n^RSSI:21\r\n\r\n+CPIN: READY\r\n\r\nOK\r\n")?;
//! let Progress::Done(answer) = progress else { panic!("{progress:?}") };
//! assert_eq!((answer.value("+CPIN"), &answer.result), (Some("READY"), &Final::Ok));
//! assert_eq!(collector.take_urcs(), ["^RSSI:21"]);
//! # Ok::<(), stickshift::error::Error>(())
//! ```

mod collector;

use std::fmt;

pub use collector::{ANSWER_LIMIT, Collector, Progress};

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Final {
    /// `OK`.
    Ok,
    /// `ERROR`, without a reason.
    Error,
    /// `+CME ERROR: ` and what follows: a number or words, as `AT+CMEE` is set.
    CmeError(String),
    /// `+CMS ERROR: ` and what follows.
    CmsError(String),
    /// `NO CARRIER`, for a pending `ATD`, `ATA`, `ATO`, `ATH` or `AT+CGDATA`.
    NoCarrier,
    /// `BUSY`, likewise.
    Busy,
    /// `NO ANSWER`, likewise.
    NoAnswer,
    /// `NO DIALTONE`, likewise.
    NoDialtone,
    /// `CONNECT` and the speed, if one was reported: from here on the port carries data.
    Connect(String),
    /// `COMMAND NOT SUPPORT`, what 3G sticks say instead of `ERROR`.
    NotSupported,
    /// `TOO MANY PARAMETERS`, from the same sticks.
    TooManyParameters,
    /// `ABORTED`: something ended the command before it was through.
    Aborted,
}

impl fmt::Display for Final {
    /// As the stick says it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Final::Ok => f.write_str("OK"),
            Final::Error => f.write_str("ERROR"),
            Final::CmeError(code) => write!(f, "+CME ERROR: {code}"),
            Final::CmsError(code) => write!(f, "+CMS ERROR: {code}"),
            Final::NoCarrier => f.write_str("NO CARRIER"),
            Final::Busy => f.write_str("BUSY"),
            Final::NoAnswer => f.write_str("NO ANSWER"),
            Final::NoDialtone => f.write_str("NO DIALTONE"),
            Final::Connect(speed) if speed.is_empty() => f.write_str("CONNECT"),
            Final::Connect(speed) => write!(f, "CONNECT {speed}"),
            Final::NotSupported => f.write_str("COMMAND NOT SUPPORT"),
            Final::TooManyParameters => f.write_str("TOO MANY PARAMETERS"),
            Final::Aborted => f.write_str("ABORTED"),
        }
    }
}

impl Final {
    fn parse(line: &str, dialling: bool) -> Option<Final> {
        Some(match line {
            "OK" => Final::Ok,
            "ERROR" => Final::Error,
            "COMMAND NOT SUPPORT" => Final::NotSupported,
            "TOO MANY PARAMETERS" => Final::TooManyParameters,
            "ABORTED" => Final::Aborted,
            "NO CARRIER" if dialling => Final::NoCarrier,
            "BUSY" if dialling => Final::Busy,
            "NO ANSWER" if dialling => Final::NoAnswer,
            "NO DIALTONE" if dialling => Final::NoDialtone,
            "CONNECT" if dialling => Final::Connect(String::new()),
            _ => {
                if let Some(code) = line.strip_prefix("+CME ERROR:") {
                    Final::CmeError(code.trim().to_owned())
                } else if let Some(code) = line.strip_prefix("+CMS ERROR:") {
                    Final::CmsError(code.trim().to_owned())
                } else if let (Some(speed), true) = (line.strip_prefix("CONNECT "), dialling) {
                    Final::Connect(speed.trim().to_owned())
                } else {
                    return None;
                }
            }
        })
    }

    /// The digit that stands for a result while `ATV0` is in force.
    fn parse_digit(line: &str) -> Option<Final> {
        Some(match line {
            "0" => Final::Ok,
            "1" => Final::Connect(String::new()),
            "3" => Final::NoCarrier,
            "4" => Final::Error,
            "6" => Final::NoDialtone,
            "7" => Final::Busy,
            "8" => Final::NoAnswer,
            _ => return None,
        })
    }

    /// Whether more of the line could still come when an unsolicited line cut it: a code or a speed may have lost its end.
    fn may_grow(&self) -> bool {
        matches!(self, Final::CmeError(_) | Final::CmsError(_) | Final::Connect(_))
    }
}

/// What the stick said to one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Information lines in order, without line ends, echo, blank lines and unsolicited lines.
    pub lines: Vec<String>,
    /// How it ended.
    pub result: Final,
}

impl Answer {
    /// What follows `NAME:` on the lines that begin so, compared without case and trimmed. `name` carries its `+` or `^`.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.lines.iter().filter_map(move |line| value_of(line, name))
    }

    /// The first of [`values`](Self::values).
    pub fn value<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.values(name).next()
    }
}

/// What follows `NAME:` when `line` begins so, compared without case.
pub fn value_of<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (head, rest) = line.split_at_checked(name.len())?;
    if head.eq_ignore_ascii_case(name) { rest.trim_start().strip_prefix(':').map(str::trim) } else { None }
}

/// The fields of a value: split at commas outside quotes and parentheses, trimmed, an outer pair of quotes taken off.
/// `1,,"a,b"` has three fields, the empty text has none.
pub fn fields(value: &str) -> Vec<&str> {
    if value.trim().is_empty() {
        return Vec::new();
    }
    let (mut quoted, mut depth) = (false, 0usize);
    value
        .split(|c: char| {
            match c {
                '"' => quoted = !quoted,
                '(' if !quoted => depth += 1,
                ')' if !quoted => depth = depth.saturating_sub(1),
                _ => {}
            }
            c == ',' && !quoted && depth == 0
        })
        .map(|field| {
            let field = field.trim();
            field.strip_prefix('"').and_then(|f| f.strip_suffix('"')).unwrap_or(field)
        })
        .collect()
}

/// The name at the start of a line or of a command: `+CSQ`, `^HCSQ`.
fn name_of(line: &str) -> Option<&str> {
    let rest = line.strip_prefix(['+', '^', '*', '$', '%', '#', '!', '_'])?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    let starts_with_letter = rest.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    starts_with_letter.then(|| &line[..=end])
}

#[cfg(test)]
mod tests;
