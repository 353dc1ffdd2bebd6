//! AT ports that never stop talking: every service ends by its own deadlines, on a virtual clock.

use std::time::Duration;

use stickshift::at::At;
use stickshift::error::{Error, Result};
use stickshift::event::Cancel;
use stickshift::link::{ByteLink, Moment};
use stickshift::modem::{Draft, LastTry, Modem, PinUse};

/// What comes, again and again.
const FLOODS: &[(&str, &[u8])] = &[
    ("signal reports", b"\r\n^RSSI: 20\r\n"),
    ("reports that nobody knows", b"\r\n+XYZZY: 1,\"a\"\r\n"),
    ("reports of one's own command", b"\r\n+CSQ: 20,99\r\n"),
    ("a line without end", b"A"),
    ("a report without end", b"+CUSD: 0,\"aaaaaaaa"),
    ("digits without end", b"0"),
    ("binary noise", b"\x80\x00\xff\x1b[2J\x07\xfe"),
    ("NULs", b"\0"),
    ("CR", b"\r"),
    ("LF", b"\n"),
    ("blanks", b" "),
    ("OK", b"\r\nOK\r\n"),
    ("ERROR", b"\r\nERROR\r\n"),
    ("numbered errors", b"\r\n+CME ERROR: 14\r\n"),
    ("numbered errors without a number", b"\r\n+CMS ERROR: \r\n"),
    ("results in digits", b"0\r"),
    ("prompts", b"\r\n> "),
    ("CONNECT", b"\r\nCONNECT 150000000\r\n"),
    ("NO CARRIER", b"\r\nNO CARRIER\r\n"),
    ("RING", b"\r\nRING\r\n"),
    ("new messages", b"\r\n+CMTI: \"SM\",1\r\n"),
    (
        "whole messages",
        b"\r\n+CMT: ,24\r\n07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07\r\n",
    ),
    (
        "stored messages",
        b"+CMGL: 1,1,,24\r\n07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07\r\n",
    ),
    ("answers of the network", b"\r\n+CUSD: 2,\"\",15\r\n"),
    ("questions of the network", b"\r\n+CUSD: 1,\"31\",15\r\n"),
    ("networks", b"+COPS: (2,\"a\",\"b\",\"26201\",7),\r\n"),
    ("commands", b"AT+CSQ\r\r\n"),
    ("quotes", b"\"\r\n\""),
    ("escapes", b"\x1b[2J\x1b]0;x\x07\r\n"),
    ("broken UTF-8", b"\xc3\xc3\xe2\x80\r\n"),
];

/// How it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// Sixty-four bytes every twenty milliseconds.
    Flood,
    /// The same, and every command is answered with OK.
    FloodAndOk,
    /// A byte at a time, so that the line is never quiet.
    Drip,
    /// Nothing but what was written comes back, three times.
    Echo,
}

struct Port {
    pattern: &'static [u8],
    at: usize,
    pace: Pace,
    now: Moment,
    /// What was written and is to come back, or to be answered.
    due: Vec<u8>,
    read: u64,
}

impl ByteLink for Port {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match self.pace {
            Pace::Echo => self.due.extend(bytes.repeat(3)),
            Pace::FloodAndOk => self.due.extend(b"\r\nOK\r\n"),
            Pace::Flood | Pace::Drip => {}
        }
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> Result<usize> {
        let (most, pause) = match self.pace {
            Pace::Flood | Pace::FloodAndOk => (64, Duration::from_millis(20)),
            Pace::Drip => (1, Duration::from_millis(20)),
            Pace::Echo if self.due.is_empty() => (0, Duration::MAX),
            Pace::Echo => (64, Duration::from_millis(1)),
        };
        if deadline.saturating_sub(self.now) < pause {
            self.now = self.now.max(deadline);
            return Ok(0);
        }
        self.now += pause;
        let n = most.min(buffer.len());
        for byte in &mut buffer[..n] {
            *byte = if self.due.is_empty() {
                self.at += 1;
                self.pattern[(self.at - 1) % self.pattern.len()]
            } else {
                self.due.remove(0)
            };
        }
        self.read += n as u64;
        assert!(self.now < Duration::from_secs(24 * 3600), "a day, and no end");
        Ok(n)
    }

    fn discard_input(&mut self) -> Result<()> {
        Ok(())
    }

    fn now(&self) -> Moment {
        self.now
    }

    fn sleep(&mut self, time: Duration) {
        self.now += time;
    }
}

type Service = fn(&mut Modem<'_>) -> Result<()>;

/// What verbs do, and how long it may take on the port's clock: its commands' own times, all of them used up.
const SERVICES: &[(&str, u64, Service)] = &[
    ("identity", 300, |m| m.identity().map(drop)),
    ("SIM", 300, |m| m.sim_status().map(drop)),
    ("signal", 300, |m| m.signal().map(drop)),
    ("messages", 300, |m| m.messages().map(drop)),
    ("one message", 300, |m| m.read_message(&1.into()).map(drop)),
    ("deleting", 600, |m| m.delete_messages(&[1.into()]).map(drop)),
    ("sending", 600, |m| m.send_message(DRAFT).map(drop)),
    ("a code", 300, |m| m.ask_code("*100#").map(drop)),
    ("the PIN", 300, |m| m.use_code(PinUse::Enter("1234"), LastTry::Keep).map(drop)),
    ("radio", 300, |m| m.radio().map(drop)),
    ("networks", 600, |m| m.heard_networks().map(drop)),
    ("a network", 600, |m| m.use_network(Some("26201")).map(|_| ())),
    ("ports", 300, |m| m.ports().map(drop)),
    ("connection", 300, |m| m.connection().map(drop)),
    ("a command", 300, |m| m.typed("ATI", Duration::from_secs(5)).map(drop)),
    ("waiting", 300, |m| match m.at() {
        Some(at) => at.wait_urc("+NEVER", Duration::from_secs(60)).map(drop),
        None => Ok(()),
    }),
];

const DRAFT: Draft<'static> =
    Draft { to: "+4915112345678", text: "text", mark: 1, date: "2026-01-01 00:00:00" };

/// Runs a service at a port, from its first command on. How long it took.
fn run(pattern: &'static [u8], pace: Pace, service: Service, greeted: bool) -> (Moment, Option<Error>) {
    let mut port = Port { pattern, at: 0, pace, now: Moment::ZERO, due: Vec::new(), read: 0 };
    let cancel = Cancel::new();
    let outcome = match greeted {
        // The stick answered, and began to flood afterwards.
        true => service(&mut Modem::from_at(At::new(&mut port))),
        false => Modem::over_at(&mut port, &cancel).and_then(|mut modem| service(&mut modem)),
    };
    (port.now, outcome.err())
}

/// All services at ports of one pace: how many runs, the longest, and what is wrong.
fn campaign(pace: Pace) -> (u32, Moment, Vec<String>) {
    let (mut runs, mut longest, mut wrong) = (0, Moment::ZERO, Vec::new());
    let floods = if pace == Pace::Echo { &FLOODS[..1] } else { FLOODS };
    for (flood, pattern) in floods {
        for (number, (name, seconds, service)) in SERVICES.iter().enumerate() {
            // A port that answers nothing is left after the greeting, whatever the service.
            let greeting_fails = matches!(pace, Pace::Flood | Pace::Drip) && number > 0;
            for greeted in [true, false].into_iter().filter(|greeted| *greeted || !greeting_fails) {
                let (took, error) = run(pattern, pace, *service, greeted);
                runs += 1;
                longest = longest.max(took);
                if took > Duration::from_secs(*seconds) {
                    wrong.push(format!("{name}: {flood}, {pace:?}: {} s", took.as_secs()));
                }
                if error.as_ref().is_some_and(|e| e.what().is_empty()) {
                    wrong.push(format!("{name}: {flood}, {pace:?}: says nothing"));
                }
            }
        }
    }
    (runs, longest, wrong)
}

#[test]
fn every_service_comes_to_an_end() {
    let campaigns = [Pace::Flood, Pace::FloodAndOk, Pace::Drip, Pace::Echo]
        .map(|pace| std::thread::spawn(move || campaign(pace)));
    let (mut runs, mut longest, mut wrong) = (0, Moment::ZERO, Vec::new());
    for campaign in campaigns {
        let (more, took, complaints) = campaign.join().unwrap();
        runs += more;
        longest = longest.max(took);
        wrong.extend(complaints);
    }
    assert!(wrong.is_empty(), "{} of {runs} runs:\n{}", wrong.len(), wrong.join("\n"));
    println!(
        "{runs} runs of {} services against {} floods; the longest took {} s on the port's clock",
        SERVICES.len(),
        FLOODS.len(),
        longest.as_secs()
    );
}
