//! What the engine says of the stick when a command fails, for every point at which it can.

use std::time::Duration;

use super::super::{At, Command, USUAL, effect_of};
use super::Port;
use crate::error::{Effect, Error, ErrorKind, Verdict};
use crate::event::Cancel;
use crate::link::{ByteLink, Changes, Moment};

const SILENCE: &str = "";

fn change() -> Command<()> {
    Command::plain("AT+CFUN=4")
}

/// A stick that answers one command with `answer` and every other with OK.
fn port(command: &'static str, answer: &'static str) -> Port<'static> {
    Port::new(move |line: &str| if line == command { answer.into() } else { b"\r\nOK\r\n".to_vec() })
}

#[test]
fn a_changing_command_is_unknown_from_its_first_byte_to_its_result() {
    let fails = [
        (SILENCE, ErrorKind::Timeout, Some(Verdict::Unknown)),
        ("\r\n^RSSI:18\r\n", ErrorKind::Timeout, Some(Verdict::Unknown)),
        ("\r\nOJ\r\n", ErrorKind::Timeout, Some(Verdict::Unknown)),
        ("\r\nERROR\r\n", ErrorKind::AtRefused, Some(Verdict::Untouched)),
        ("\r\n+CME ERROR: 3\r\n", ErrorKind::AtRefused, Some(Verdict::Untouched)),
        ("\r\nCOMMAND NOT SUPPORT\r\n", ErrorKind::AtRefused, Some(Verdict::Untouched)),
    ];
    for (answer, kind, verdict) in fails {
        let mut port = port("AT+CFUN=4", answer);
        let e = At::new(&mut port).run(&change()).unwrap_err();
        assert_eq!((e.kind(), e.verdict()), (kind, verdict), "{answer:?}");
    }
}

#[test]
fn what_is_not_sent_changes_nothing() {
    let mut told = Vec::new();
    let mut port = Port::new(|line: &str| {
        told.push(line.to_owned());
        b"\r\nOK\r\n".to_vec()
    });
    let stopped = Cancel::new();
    stopped.cancel();
    let e = At::new(&mut port).with_cancel(stopped).run(&change()).unwrap_err();
    assert_eq!((e.kind(), e.verdict()), (ErrorKind::Interrupted, Some(Verdict::Untouched)));
    let e = At::new(&mut port).run(&Command::plain("AT\n+CFUN=4")).unwrap_err();
    assert_eq!((e.kind(), e.verdict()), (ErrorKind::Usage, Some(Verdict::Untouched)));
    drop(port);
    assert!(told.is_empty(), "{told:?}");
}

#[test]
fn a_question_that_fails_leaves_the_stick_as_it_was() {
    for answer in [SILENCE, "\r\nERROR\r\n", "\r\n+CSQ: nonsense\r\n\r\nOK\r\n"] {
        let mut port = port("AT+CSQ", answer);
        let e = At::new(&mut port).run(&super::signal::strength()).unwrap_err();
        assert_eq!(e.verdict(), Some(Verdict::Untouched), "{answer:?}");
    }
}

#[test]
fn a_doubt_stays_until_somebody_looks() {
    let mut port = port("AT+CFUN=4", SILENCE);
    let mut at = At::new(&mut port);
    at.run(&change()).unwrap_err();
    let later = at.run(&super::signal::strength()).unwrap_err();
    assert_eq!(later.verdict(), Some(Verdict::Unknown));
    at.settle(false);
    let later = at.run(&super::signal::strength()).unwrap_err();
    assert_eq!(later.verdict(), Some(Verdict::Untouched));
    at.settle(true);
    let later = at.run(&super::signal::strength()).unwrap_err();
    assert_eq!(later.verdict(), None);
}

#[test]
fn after_a_change_a_failure_has_no_verdict_of_the_engines() {
    let mut port = port("AT+CSQ", SILENCE);
    let mut at = At::new(&mut port);
    at.run(&change()).unwrap();
    assert_eq!(at.run(&super::signal::strength()).unwrap_err().verdict(), None);
}

#[test]
fn of_several_commands_in_a_line_the_first_may_have_been_carried_out() {
    let mut port = port("AT+CFUN=4;+NOSUCH", "\r\nERROR\r\n");
    let mut at = At::new(&mut port);
    let line = "AT+CFUN=4;+NOSUCH";
    let answer = at.command(line, effect_of(line), USUAL).unwrap();
    assert_eq!(at.refused(line, &answer.result).verdict(), Some(Verdict::Unknown));
}

#[test]
fn a_command_with_a_text_changes_nothing_before_the_text() {
    let send = |at: &mut At<'_>| {
        at.command_with_text("AT+CMGS=5", b"0011", Duration::from_secs(5)).unwrap_err().verdict()
    };
    let mut no_prompt = port("AT+CMGS=5", SILENCE);
    assert_eq!(send(&mut At::new(&mut no_prompt)), Some(Verdict::Untouched));
    let mut no_result =
        Port::new(|line: &str| if line == "AT+CMGS=5" { b"\r\n> ".to_vec() } else { Vec::new() });
    assert_eq!(send(&mut At::new(&mut no_result)), Some(Verdict::Unknown));
}

#[test]
fn a_prompt_that_nobody_answers_is_left_by_esc() {
    for prompt in ["\r\n> ", "\r\n> \r\n"] {
        let mut heard = Vec::new();
        let mut port = Port::new(|line: &str| {
            heard.push(line.to_owned());
            match line {
                "AT+CMGS=5" => prompt.into(),
                _ => b"\r\nOK\r\n".to_vec(),
            }
        });
        let mut at = At::new(&mut port);
        let e = at.command("AT+CMGS=5", Effect::Changes, USUAL).unwrap_err();
        assert_eq!((e.kind(), e.verdict()), (ErrorKind::Usage, Some(Verdict::Untouched)), "{prompt:?}");
        at.run(&change()).unwrap();
        drop(port);
        // ESC is heard as an end of line, the text after it as a command again.
        assert_eq!((&*heard[0], &*heard[1]), ("AT+CMGS=5", ""), "{heard:?}");
    }
}

#[test]
fn a_message_that_another_program_left_open_is_ended_and_not_sent() {
    let mut open = true;
    let mut port = Port::new(|line: &str| {
        // A line end within the message asks for more of it; ESC alone ends it.
        match (open, line) {
            (true, "") => {
                open = false;
                b"\r\nOK\r\n".to_vec()
            }
            (true, _) => b"\r\n> ".to_vec(),
            (false, _) => b"\r\nOK\r\n".to_vec(),
        }
    });
    let mut at = At::new(&mut port);
    at.init().unwrap();
    at.run(&change()).unwrap();
}

/// A port that breaks in the middle of a write.
struct Broken;

impl ByteLink for Broken {
    fn write(&mut self, _bytes: &[u8]) -> crate::error::Result<()> {
        Err(Error::new(ErrorKind::Disconnected, "the stick disconnected"))
    }
    fn read(&mut self, _buffer: &mut [u8], _deadline: Moment) -> crate::error::Result<usize> {
        Ok(0)
    }
    fn discard_input(&mut self) -> crate::error::Result<()> {
        Ok(())
    }
    fn now(&self) -> Moment {
        Moment::ZERO
    }
    fn sleep(&mut self, _time: Duration) {}
}

#[test]
fn a_write_that_fails_may_have_sent_some_of_it() {
    for (effect, verdict) in [(Effect::Changes, Verdict::Unknown), (Effect::Reads, Verdict::Untouched)] {
        let e = At::new(&mut Broken).command("AT+CFUN=4", effect, USUAL).unwrap_err();
        assert_eq!((e.kind(), e.verdict()), (ErrorKind::Disconnected, Some(verdict)));
    }
}

/// A stick that answers one text much later.
struct Late {
    port: Port<'static>,
    answers_at: Option<Moment>,
}

impl ByteLink for Late {
    fn write(&mut self, bytes: &[u8]) -> crate::error::Result<()> {
        if bytes.ends_with(b"\x1a") {
            self.answers_at = Some(self.port.now() + Duration::from_secs(135));
        }
        self.port.write(bytes)
    }

    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> crate::error::Result<usize> {
        if let Some(due) = self.answers_at.take_if(|due| *due <= deadline) {
            self.port.now = due;
            self.port.says.extend(b"\r\n+CMS ERROR: 350\r\n");
        }
        self.port.read(buffer, deadline)
    }

    fn discard_input(&mut self) -> crate::error::Result<()> {
        self.port.discard_input()
    }

    fn now(&self) -> Moment {
        self.port.now()
    }

    fn sleep(&mut self, time: Duration) {
        self.port.sleep(time);
    }
}

/// Reported of a real network: the refusal comes after 135 seconds, and what was handed over may have been sent all the same.
#[test]
fn a_message_that_is_refused_late_was_handed_over() {
    let port = Port::new(|line: &str| match line {
        _ if line.starts_with("AT+CMGS") => b"\r\n> ".to_vec(),
        _ if line.starts_with("AT") => b"\r\nOK\r\n".to_vec(),
        _ => Vec::new(),
    });
    let mut late = Late { port, answers_at: None };
    let e = super::sms::send(&mut At::new(&mut late), "+12345678901", "Hi", 1).unwrap_err();
    assert_eq!(e.fact("code"), Some("cms 350"));
    assert_ne!(e.verdict(), Some(Verdict::Untouched), "{e:?}");
    assert!(late.now() >= Moment::from_secs(135));
}

/// A refusal by another program's command in front of the own result, or one alone: what is counted or billed goes out once.
#[test]
fn a_code_and_a_text_go_out_once() {
    let busy = b"\r\n+CME ERROR: 14\r\n";
    for (refusals, verdict) in
        [(&[&busy[..], b"\r\n+CME ERROR: 16\r\n"][..], Verdict::Unknown), (&[busy], Verdict::Untouched)]
    {
        for command in [
            "AT+CPIN=\"1234\"",
            "at+clck=\"SC\",0,\"1234\"",
            "AT+CPWD=\"SC\",\"1\",\"2\"",
            "AT^CARDLOCK=\"1\"",
        ] {
            let mut sent = 0;
            let mut port = Port::new(|line: &str| {
                sent += u32::from(line == command);
                refusals.concat()
            });
            let mut at = At::new(&mut port);
            let answer = at.command(command, Effect::Changes, USUAL).unwrap();
            assert_eq!(at.refused(command, &answer.result).verdict(), Some(verdict));
            drop(at);
            drop(port);
            assert_eq!(sent, 1, "{command}");
        }
    }
    for refusals in [&b"\r\n+CMS ERROR: 314\r\n"[..], b"\r\n+CMS ERROR: 314\r\n\r\n+CMGS: 1\r\n\r\nOK\r\n"] {
        let mut texts = 0;
        let mut port = Port::new(|line: &str| match line {
            _ if line.starts_with("AT+CMGS") => b"\r\n> ".to_vec(),
            _ if line.starts_with("AT") => b"\r\nOK\r\n".to_vec(),
            _ => {
                texts += 1;
                refusals.to_vec()
            }
        });
        super::sms::send(&mut At::new(&mut port), "+12345678901", "Hi", 1).unwrap_err();
        drop(port);
        assert_eq!(texts, 1);
    }
}

/// Another change than these is made again when a refusal in front of its result was another command's: no more than once.
#[test]
fn a_change_in_doubt_is_not_made_again() {
    let mut sent = 0;
    let mut port = Port::new(|line: &str| {
        sent += u32::from(line == "AT+CFUN=4");
        b"\r\n+CME ERROR: 14\r\n\r\nOK\r\n".to_vec()
    });
    let e = At::new(&mut port).run(&change()).unwrap_err();
    assert_eq!(e.verdict(), Some(Verdict::Unknown));
    drop(port);
    assert_eq!(sent, 1);
}

/// On Siemens' modems the wait for the network ends as 500.
#[test]
fn a_text_that_was_handed_over_and_refused_without_a_reason_may_have_gone() {
    for (refusal, verdict) in [
        ("+CMS ERROR: 500", Verdict::Unknown),
        ("+CMS ERROR: 521", Verdict::Unknown),
        ("+CMS ERROR: 509", Verdict::Unknown),
        ("+CME ERROR: 100", Verdict::Unknown),
        ("+CMS ERROR: nobody knows", Verdict::Unknown),
        ("ERROR", Verdict::Unknown),
        ("TOO MANY PARAMETERS", Verdict::Unknown),
        ("+CMS ERROR: 38", Verdict::Untouched),
        ("+CMS ERROR: 331", Verdict::Untouched),
    ] {
        let mut port = Port::new(|line: &str| match line {
            _ if line.starts_with("AT+CMGS") => b"\r\n> ".to_vec(),
            _ if line.starts_with("AT") => b"\r\nOK\r\n".to_vec(),
            _ => format!("\r\n{refusal}\r\n").into_bytes(),
        });
        let mut at = At::new(&mut port);
        let e = super::sms::send(&mut at, "+12345678901", "Hi", 1).unwrap_err();
        assert_eq!(at.assess(e).verdict(), Some(verdict), "{refusal}");
    }
}

/// The owner asks to stop as soon as something goes out; the answer comes half a second later.
struct Stopped {
    port: Port<'static>,
    cancel: Cancel,
}

impl ByteLink for Stopped {
    fn write(&mut self, bytes: &[u8]) -> crate::error::Result<()> {
        self.cancel.cancel();
        self.port.write(bytes)
    }
    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> crate::error::Result<usize> {
        if self.port.now < Moment::from_millis(500) {
            self.port.now = deadline;
            return Ok(0);
        }
        self.port.read(buffer, deadline)
    }
    fn discard_input(&mut self) -> crate::error::Result<()> {
        self.port.discard_input()
    }
    fn now(&self) -> Moment {
        self.port.now()
    }
    fn sleep(&mut self, time: Duration) {
        self.port.sleep(time);
    }
}

#[test]
fn a_change_is_waited_for_after_a_request_to_stop_and_a_question_is_not() {
    let stopped = || {
        let cancel = Cancel::new();
        (Stopped { port: port("", ""), cancel: cancel.clone() }, cancel)
    };
    let (mut link, cancel) = stopped();
    assert!(At::new(&mut link).with_cancel(cancel).run(&change()).is_ok());
    let (mut link, cancel) = stopped();
    let e = At::new(&mut link).with_cancel(cancel).run(&super::signal::strength()).unwrap_err();
    assert_eq!((e.kind(), e.verdict()), (ErrorKind::Interrupted, Some(Verdict::Untouched)));
    // A text that was not asked for yet is not sent.
    let (mut link, cancel) = stopped();
    let e =
        At::new(&mut link).with_cancel(cancel).command_with_text("AT+CMGS=5", b"0011", USUAL).unwrap_err();
    assert_eq!((e.kind(), e.verdict()), (ErrorKind::Interrupted, Some(Verdict::Untouched)));
}
