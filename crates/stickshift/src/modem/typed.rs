//! Commands that a user typed.

use std::time::Duration;

use crate::at::{effect_of, is_counted, may_have_acted, network, plain, ports};
use crate::error::{Detail, Error, ErrorKind, Result, Verdict};
use crate::hilink::plain_paths;
use crate::link::Changes;
use crate::modem::Modem;
use crate::modem::look::Seen;
use crate::wire::at::{Answer, Final};

impl Modem<'_> {
    /// Sends an AT command as it was typed and gives the answer, whatever its result is.
    ///
    /// # Errors
    /// As [`may_be_sent`]; as [`At::command`](crate::at::At::command). What a change in trouble has done is known where the command is one that can be
    /// asked back; it is unknown otherwise.
    pub fn typed(&mut self, command: &str, timeout: Duration) -> Result<Answer> {
        may_be_sent(command).map_err(|e| self.assess(e))?;
        let at = self.only_at("typed commands")?;
        let error = match at.command(command, effect_of(command), timeout) {
            Ok(answer) => {
                let taken = matches!(answer.result, Final::Ok | Final::Connect(_));
                if !taken && may_have_acted(command, &answer.result) {
                    at.stand(at.standing().in_doubt());
                }
                return Ok(answer);
            }
            Err(error) if is_counted(command) => return Err(error.detail(Detail::CodeSent)),
            Err(error) => error,
        };
        let line = plain(command);
        let Some(wanted) = line.strip_prefix("AT+CFUN=").and_then(|n| n.parse::<u8>().ok()) else {
            return Err(error);
        };
        self.after_trouble(error, |modem| {
            let now = modem.only_at("typed commands")?.run(&network::radio_state())?;
            Ok(if now == wanted { Seen::Done } else { Seen::Nothing })
        })?;
        Ok(Answer { lines: Vec::new(), result: Final::Ok })
    }
}

include!(concat!(env!("OUT_DIR"), "/typed.rs"));

/// What follows `start`, wherever it stands in the line: commands may be strung together. A question is none.
fn value_of<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    let mut found = line.match_indices(start).map(|(at, _)| &line[at + start.len()..]);
    found.find(|value| !(start.ends_with('=') && value.starts_with('?')))
}

/// A typed command has no plan, but some are refused all the same, before anything is sent.
///
/// # Errors
/// `OutOfScope` for SIM-lock codes and writing the IMEI; `LocksOut` for a set of ports without one for AT commands, after which no command
/// can be typed any more; `Usage` for no set of ports, and for `A/`.
pub fn may_be_sent(command: &str) -> Result<()> {
    let line = plain(command);
    if let Some((what, ..)) = OUT_OF_SCOPE.iter().find(|row| is_begun_by(&line, row.1)) {
        return Err(out_of_scope(what));
    }
    if carries_an_imei(&line) {
        return Err(out_of_scope("this writes an IMEI"));
    }
    if line.trim_start_matches("AT") == "A/" {
        let what = "A/ repeats the command before it, which only the stick knows: type that command again";
        return Err(Error::new(ErrorKind::Usage, what));
    }
    if let Some(Ok(mode)) = value_of(&line, "^U2DIAG=").map(str::parse) {
        ports::set_usb_mode(ports::UsbMode(mode))?;
    }
    let Some(value) = value_of(&line, "^SETPORT=") else { return Ok(()) };
    match value.parse() {
        Ok(composition) => ports::set_composition(&composition).map(|_| ()),
        Err(()) => {
            Err(Error::new(ErrorKind::Usage, "not a set of ports: BEFORE;AFTER, for example FF;12,10,16"))
        }
    }
}

/// The same for a document that is posted to `path` of the web API, however the path is written.
///
/// # Errors
/// `OutOfScope`; `Usage` where it cannot be told which path it is.
pub fn may_be_posted(path: &str) -> Result<()> {
    let Some(plain) = plain_paths(path) else {
        let what = "the path has a % that encodes no character, or one that was encoded again and again: it cannot be told what it leads to";
        return Err(Error::new(ErrorKind::Usage, what).with_verdict(Verdict::Untouched));
    };
    let is_it = |known: &&str| plain.iter().any(|plain| plain.ends_with(*known));
    OUT_OF_SCOPE.iter().find(|row| row.2.iter().any(is_it)).map_or(Ok(()), |row| Err(out_of_scope(row.0)))
}

/// Whether a command that speaks of an IMEI in its name comes with digits enough for one: makers have more names than any list.
fn carries_an_imei(line: &str) -> bool {
    let is_written = |(name, value): (&str, &str)| {
        name.contains("IMEI") && value.bytes().filter(u8::is_ascii_digit).count() >= 14
    };
    line.split(';').filter_map(|command| command.split_once('=')).any(is_written)
}

fn out_of_scope(what: &str) -> Error {
    Error::new(ErrorKind::OutOfScope, format!("{what}, which is out of scope, permanently"))
        .with_verdict(Verdict::Untouched)
}

/// What follows a command, or a command of a line, that the stick took: words for people, where that is not seen from its answer.
pub fn what_follows(command: &str) -> Option<&'static str> {
    let line = plain(command);
    THEN.iter().find(|row| is_begun_by(&line, row.1)).map(|row| row.0)
}

/// Whether a line calls the emergency services.
pub fn is_emergency_call(command: &str) -> bool {
    is_begun_by(&plain(command), CALLS)
}

fn is_begun_by(line: &str, starts: &str) -> bool {
    starts.split(' ').any(|start| value_of(line, start).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_ports_without_pcui_is_refused() {
        for (command, kind) in [
            ("AT^SETPORT=\"FF;10,16\"", Some(ErrorKind::LocksOut)),
            ("at^setport=\"a1;10\"", Some(ErrorKind::LocksOut)),
            ("AT ^setport = \"FF;16\"", Some(ErrorKind::LocksOut)),
            ("AT+CSQ;^SETPORT=\"FF;16\"", Some(ErrorKind::LocksOut)),
            ("AT^SETPORT=nonsense", Some(ErrorKind::Usage)),
            ("AT^SETPORT=\"FF;12,10,12\"", Some(ErrorKind::Usage)),
            ("AT^SETPORT=\"FF;12,16\"", None),
            ("AT^SETPORT?", None),
            ("AT^SETPORT=?", None),
            ("AT^U2DIAG=257", Some(ErrorKind::LocksOut)),
            ("AT^U2DIAG=255", None),
            ("AT+CSQ", None),
            ("A/", Some(ErrorKind::Usage)),
            ("ATA/", Some(ErrorKind::Usage)),
            ("ATA", None),
        ] {
            assert_eq!(may_be_sent(command).err().map(|e| e.kind()), kind, "{command}");
        }
    }

    #[test]
    fn lock_codes_and_imei_changes_are_refused_and_questions_are_not() {
        for command in [
            "AT^DATALOCK=\"12345678\"",
            "at ^cardlock = 12345678",
            "AT+CSQ;^DATALOCK=\"12345678\"",
            "ATE0^DATALOCK=12345678",
            "AT^CARDLOCK?;^CARDLOCK=\"1\"",
            "AT+EGMR=1,7,\"860000000000001\"",
            "AT^PHYNUM=IMEI,860000000000001",
            "AT+CLCK=\"PN\",0,\"12345678\"",
            "AT+CLCK = \"pn\" , 1",
            "AT^NVWREX=550,0,9,8A",
            "AT+GTSN=1,7,\"861234567890128\"",
            "AT+CSQ;!NVENCRYPTIMEI=86,12,34,56,78,90,12,8",
            "AT#NOBODYSIMEI = 1,\"861234567890128\"",
        ] {
            let error = may_be_sent(command).expect_err(command);
            assert_eq!((error.kind(), error.verdict()), (ErrorKind::OutOfScope, Some(Verdict::Untouched)));
        }
        for command in [
            "AT^CARDLOCK?",
            "AT^DATALOCK=?",
            "AT+EGMR=0,7",
            "AT*MRD_IMEI=R",
            "AT+GTSN=0,7",
            "AT+CMGS=\"861234567890128\"",
            "AT+CLCK=\"PN\",2",
            "AT+CLCK=\"SC\",1,\"1234\"",
            "AT^NVRDEX=550,0,9",
            "AT+CPIN=\"1234\"",
        ] {
            assert!(may_be_sent(command).is_ok(), "{command}");
        }
    }

    #[test]
    fn nothing_is_posted_to_the_lock_however_its_path_is_written() {
        for path in [
            "/api/pin/simlock",
            "/api/pin/verify-simlock?a",
            "/api/pin/verify-simlock/#a",
            "/API/Pin/Verify-SimLock",
            "//api///pin//verify-simlock",
            "/api/./pin/../pin/verify-simlock",
            "/x/..//api/pin/verify-simlock/.",
            "/api/pin/verify%2Dsimlock",
            "/api%2fpin%2Fverify-simlock",
            "/api/pin/%76erify-simlock%3Fa",
            "/api/pin/%2576erify-simlock",
            "/api/pin/%252e%252e/pin/verify-simlock",
            "/api\\pin\\verify-simlock",
            "/api/pin/verify-simlock;a=1",
            "/api/x%3F/../pin/verify-simlock",
            "/api/pin;a/verify-simlock%20",
            "//hi.link/api/pin/verify-simlock",
        ] {
            let error = may_be_posted(path).expect_err(path);
            assert_eq!((error.kind(), error.verdict()), (ErrorKind::OutOfScope, Some(Verdict::Untouched)));
        }
        for path in [
            "/api/pin/verify%zzsimlock",
            "/api/pin/%",
            "/api/pin/%7",
            "/api/%00",
            "/api/%ff",
            "/%2525252525a",
        ] {
            assert!(may_be_posted(path).is_err_and(|e| e.is(ErrorKind::Usage)), "{path}");
        }
        for path in
            ["/api/pin/operate", "/api/sms/send-sms?a=%20b", "/api/pin/verify-simlock/../operate", "/"]
        {
            assert!(may_be_posted(path).is_ok(), "{path}");
        }
    }

    #[test]
    fn what_follows_a_command_is_known_and_not_of_a_question() {
        assert!(what_follows("at^godload").unwrap().contains("download mode"));
        assert!(what_follows("AT+CSQ;+CFUN=0").unwrap().contains("radio"));
        assert!(what_follows("AT^SETPORT?").or(what_follows("AT^SETPORT=?")).is_none());
        assert!(is_emergency_call("atd 112 ;") && !is_emergency_call("ATD1120;"));
    }
}
