//! What a port says to a command line: the echo, the lines, and the final result (docs/protocols/hilink-at.md sections 3.1 and 3.9).

use std::time::Duration;

use stickshift::link::Moment;

use crate::at::command::{AtAnswer, AtEffect, Call};
use crate::at::port::{AtPort, Takes};
use crate::at::table;
use crate::identity::{Dialect, Identity};
use crate::modem::Modem;

/// What a port says to one command, and what comes of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortAnswer {
    /// The echo and the answer.
    pub bytes: Vec<u8>,
    /// How long it takes.
    pub after: Duration,
    /// Lines that come unasked, so long after the answer.
    pub later: Vec<(Duration, String)>,
    /// What becomes of the stick.
    pub then: AtEffect,
}

impl AtPort {
    /// Acts on one command line.
    pub fn answer(&mut self, command: &[u8], id: &Identity, modem: &mut Modem, now: Moment) -> PortAnswer {
        let mut bytes = Vec::new();
        let takes = std::mem::replace(&mut self.takes, Takes::Commands);
        if self.echo && takes != Takes::Data {
            bytes.extend_from_slice(command);
            if takes == Takes::Commands {
                bytes.push(b'\r');
            }
        }
        let text = String::from_utf8_lossy(command);
        let text = text.trim();
        let outcome = match takes {
            Takes::Data => AtAnswer::ok().into(),
            Takes::Message(octets) => table::message(octets, command, modem),
            Takes::Commands => {
                // What does not begin with AT is no command: it is echoed and that is all.
                let Some(rest) = text.get(..2).filter(|at| at.eq_ignore_ascii_case("at")).map(|_| &text[2..])
                else {
                    return PortAnswer { bytes, ..PortAnswer::default() };
                };
                table::run(rest, Call { port: self, id, modem, now, arguments: "" })
            }
        };
        bytes.extend_from_slice(self.in_lines(&outcome.said, id.dialect).as_bytes());
        PortAnswer { bytes, after: outcome.after, later: outcome.later, then: outcome.then }
    }

    fn in_lines(&self, said: &AtAnswer, dialect: Dialect) -> String {
        let unnumbered = |number: u16, kind: &str, words: &str| match self.cmee {
            0 => ("ERROR".to_owned(), "4"),
            1 => (format!("+{kind} ERROR: {number}"), ""),
            _ => (format!("+{kind} ERROR: {words}"), ""),
        };
        let (word, digit) = match said {
            AtAnswer::Lines(_) => ("OK".to_owned(), "0"),
            AtAnswer::Unknown if dialect == Dialect::Umts => ("COMMAND NOT SUPPORT".to_owned(), ""),
            AtAnswer::Error | AtAnswer::Unknown => ("ERROR".to_owned(), "4"),
            AtAnswer::Cme(number) => unnumbered(*number, "CME", cme_words(*number)),
            AtAnswer::Cms(number) => unnumbered(*number, "CMS", cms_words(*number)),
            AtAnswer::Prompt => return "\r\n> ".to_owned(),
            AtAnswer::Connect => ("CONNECT 100000000".to_owned(), "1"),
            AtAnswer::NoCarrier => ("NO CARRIER".to_owned(), "3"),
        };
        let lines = if let AtAnswer::Lines(lines) = said { lines.as_slice() } else { &[] };
        let mut text = String::new();
        if !self.verbose {
            for line in lines {
                text.push_str(&format!("{line}\r\n"));
            }
            text.push_str(&if digit.is_empty() { format!("{word}\r\n") } else { format!("{digit}\r") });
            return text;
        }
        if !lines.is_empty() {
            text.push_str(&format!("\r\n{}\r\n", lines.join("\r\n")));
        }
        text.push_str(&format!("\r\n{word}\r\n"));
        text
    }
}

/// The words of a `+CME ERROR` (docs/protocols/hilink-at.md section 3.9).
fn cme_words(number: u16) -> &'static str {
    match number {
        0 => "phone failure",
        3 => "operation not allowed",
        4 => "operation not supported",
        10 => "SIM not inserted",
        11 => "SIM PIN required",
        12 => "SIM PUK required",
        13 => "SIM failure",
        14 => "SIM busy",
        16 => "incorrect password",
        21 => "invalid index",
        30 => "no network service",
        50 => "incorrect parameters",
        304 => "invalid PDU mode parameter",
        _ => "unknown",
    }
}

/// The words of a `+CMS ERROR`.
fn cms_words(number: u16) -> &'static str {
    match number {
        302 => "operation not allowed",
        303 => "operation not supported",
        304 => "invalid PDU mode parameter",
        310 => "SIM not inserted",
        311 => "SIM PIN required",
        314 => "SIM busy",
        321 => "invalid memory index",
        _ => "unknown error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sticks::huawei::HuaweiOptions;

    fn ask(port: &mut AtPort, text: &[u8]) -> String {
        let identity = HuaweiOptions::stick().identity();
        let mut modem = Modem::new(&identity.ports);
        port.push(text);
        let mut said = Vec::new();
        while let Some(command) = port.next_command() {
            said.extend(port.answer(&command, &identity, &mut modem, Moment::ZERO).bytes);
        }
        String::from_utf8(said).unwrap()
    }

    /// docs/protocols/hilink-at.md section 3.1.
    #[test]
    fn echo_and_answers_as_seen() {
        let mut port = AtPort::new();
        assert_eq!(
            ask(&mut port, b"AT\r").as_bytes(),
            [0x41, 0x54, 0x0d, 0x0d, 0x0a, 0x4f, 0x4b, 0x0d, 0x0a]
        );
        assert_eq!(ask(&mut port, b"ATE0\r"), "ATE0\r\r\nOK\r\n");
        let ati = "\r\nManufacturer: huawei\r\nModel: E3372\r\nRevision: 21.180.01.00.00\r\n\
                   IMEI: 860000000000001\r\n+GCAP: +CGSM,+DS,+ES\r\n\r\nOK\r\n";
        assert_eq!(ask(&mut port, b"ATI\r"), ati);
        assert_eq!(ask(&mut port, b"\nat^hw"), "");
        assert_eq!(ask(&mut port, b"ver\r\n\r"), "\r\n^HWVER:\"CL2E3372HM\"\r\n\r\nOK\r\n");
        assert_eq!(ask(&mut port, b"garbage\r"), "");
        assert_eq!(ask(&mut port, b"AT^NOSUCH\r"), "\r\nERROR\r\n");
        assert_eq!(ask(&mut port, b"ATV0\rAT\rATV1\r"), "0\r0\r\r\nOK\r\n");
    }
}
