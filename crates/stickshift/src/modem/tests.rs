//! What the services say when a change is in trouble: done, untouched, partly done, or unknown.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

mod over_the_web;

use super::{LastTry, Modem, PinUse};
use crate::error::{Detail, Error, ErrorKind, Result, Verdict};
use crate::event::Cancel;
use crate::link::{ByteLink, HttpLink, HttpRequest, HttpResponse, Moment};

/// A stick with a few messages and a SIM, whose answer to one command can be lost.
struct Stick {
    messages: Vec<u16>,
    pin_tries: u8,
    state: &'static str,
    /// How often it says after a PIN was taken that it waits for it.
    late: u8,
    /// The answer to the first command that begins so is lost; with `acts`, the command is carried out before.
    loses: &'static str,
    acts: bool,
    /// From the loss on it says nothing any more.
    dies: bool,
    dead: bool,
    /// It has two message stores, and is pulled when the second one is chosen.
    pulled: bool,
    /// `0` for messages that nobody has read, `1` for others.
    status: u8,
    said: Vec<String>,
    heard: Vec<u8>,
    answer: VecDeque<u8>,
    now: Moment,
}

fn stick() -> Stick {
    Stick {
        messages: vec![0, 1, 4],
        pin_tries: 3,
        state: "SIM PIN",
        late: 0,
        loses: "nothing",
        acts: true,
        dies: false,
        dead: false,
        pulled: false,
        status: 1,
        said: Vec::new(),
        heard: Vec::new(),
        answer: VecDeque::new(),
        now: Moment::ZERO,
    }
}

impl Stick {
    fn act(&mut self, command: &str) -> String {
        const PDU: &str = "07912143658709F1040B912143658709F100006211023100050005C8329BFD06";
        let lines = match command {
            "AT+CMGL=4" => {
                let line = |i: &u16| format!("\r\n+CMGL: {i},{},,24\r\n{PDU}", self.status);
                self.messages.iter().map(line).collect::<String>()
            }
            "AT+CPMS?" if self.pulled => "\r\n+CPMS: \"SM\",3,20,\"SM\",3,20,\"SM\",3,20".to_owned(),
            "AT+CPMS=?" if self.pulled => {
                "\r\n+CPMS: (\"SM\",\"ME\"),(\"SM\",\"ME\"),(\"SM\",\"ME\")".to_owned()
            }
            "AT+CPIN?" if self.late > 0 && self.state == "READY" => {
                self.late -= 1;
                "\r\n+CPIN: SIM PIN".to_owned()
            }
            "AT+CPIN?" => format!("\r\n+CPIN: {}", self.state),
            // Taken, and nothing comes of it.
            "AT+CPIN=\"0000\"" => String::new(),
            "AT^CPIN?" => format!("\r\n^CPIN: {},,10,{},10,3", self.state, self.pin_tries),
            "AT+CPIN=\"1234\"" => {
                self.state = "READY";
                String::new()
            }
            _ if command.starts_with("AT+CPIN=") => {
                self.pin_tries -= 1;
                return "\r\n+CME ERROR: 16\r\n".into();
            }
            _ if command.starts_with("AT+CMGD=") => {
                let index: u16 = command["AT+CMGD=".len()..].parse().unwrap();
                self.messages.retain(|i| *i != index);
                String::new()
            }
            _ => String::new(),
        };
        format!("{lines}\r\n\r\nOK\r\n")
    }
}

impl ByteLink for Stick {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        for &byte in bytes {
            if byte != b'\r' {
                self.heard.push(byte);
                continue;
            }
            let command = String::from_utf8(std::mem::take(&mut self.heard)).unwrap();
            self.said.push(command.clone());
            if self.dead {
                continue;
            }
            if self.pulled && command == "AT+CPMS=\"ME\"" {
                return Err(Error::new(ErrorKind::Disconnected, "the stick disconnected"));
            }
            let lost = command.starts_with(self.loses);
            let answer = if !lost || self.acts { self.act(&command) } else { String::new() };
            if lost {
                self.loses = "nothing";
                self.dead = self.dies;
            } else {
                self.answer.extend(answer.bytes());
            }
        }
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> Result<usize> {
        if self.answer.is_empty() {
            self.now = self.now.max(deadline);
        }
        let n = buffer.len().min(self.answer.len());
        for (slot, byte) in buffer.iter_mut().zip(self.answer.drain(..n)) {
            *slot = byte;
        }
        Ok(n)
    }

    fn discard_input(&mut self) -> Result<()> {
        self.answer.clear();
        Ok(())
    }

    fn now(&self) -> Moment {
        self.now
    }

    fn sleep(&mut self, time: Duration) {
        self.now += time;
    }
}

fn delete(stick: &mut Stick, numbers: &[u32]) -> (Result<()>, bool) {
    let mut modem = Modem::over_at(stick, &Cancel::new()).unwrap();
    let ids: Vec<_> = numbers.iter().map(|number| (*number).into()).collect();
    let result = modem.delete_messages(&ids).map(|_| ());
    (result, modem.second_look().is_some())
}

#[test]
fn a_deletion_whose_answer_is_lost_is_looked_for() {
    let mut done = Stick { loses: "AT+CMGD=0", ..stick() };
    let (result, looked) = delete(&mut done, &[0]);
    assert!(result.is_ok() && looked && done.messages == [1, 4]);

    let mut lost = Stick { loses: "AT+CMGD=0", acts: false, ..stick() };
    let (result, _) = delete(&mut lost, &[0]);
    assert_eq!((result.unwrap_err().verdict(), lost.messages.len()), (Some(Verdict::Unknown), 3));

    let mut half = Stick { loses: "AT+CMGD=4", acts: false, ..stick() };
    let error = delete(&mut half, &[1, 4]).0.unwrap_err();
    assert_eq!(error.verdict(), Some(Verdict::Recoverable));
    assert_eq!(error.fact("now"), Some("deleted 1; left 4"));

    let mut dead = Stick { loses: "AT+CMGD=0", dies: true, ..stick() };
    assert_eq!(delete(&mut dead, &[0]).0.unwrap_err().verdict(), Some(Verdict::Unknown));
}

/// Which store is in use ends with the power; that a message was read does not.
#[test]
fn a_stick_that_is_pulled_between_its_stores_keeps_what_was_marked() {
    for (status, verdict) in [(1, Verdict::Untouched), (0, Verdict::Unknown)] {
        let mut stick = Stick { pulled: true, status, ..stick() };
        let error = delete(&mut stick, &[0]).0.unwrap_err();
        assert_eq!((error.kind(), error.verdict()), (ErrorKind::Disconnected, Some(verdict)), "{error:?}");
    }
}

#[test]
fn every_number_is_looked_up_before_the_first_message_goes() {
    let mut stick = stick();
    let error = delete(&mut stick, &[0, 99]).0.unwrap_err();
    assert_eq!((error.kind(), error.verdict()), (ErrorKind::Usage, Some(Verdict::Untouched)));
    assert!(!stick.said.iter().any(|c| c.starts_with("AT+CMGD")), "{:?}", stick.said);
}

fn enter(stick: &mut Stick, pin: &str, last: LastTry) -> Result<()> {
    let mut modem = Modem::over_at(stick, &Cancel::new()).unwrap();
    modem.use_code(PinUse::Enter(pin), last).map(|_| ())
}

#[test]
fn a_pin_in_trouble_is_judged_by_state_and_tries() {
    assert!(enter(&mut Stick { loses: "AT+CPIN=", ..stick() }, "1234", LastTry::Keep).is_ok());
    for (pin, acts, dies, kind, verdict, tries) in [
        ("9999", true, false, ErrorKind::WrongPin, Verdict::Recoverable, Some(2)),
        // It may be counted when nobody looks any more.
        ("1234", false, false, ErrorKind::Timeout, Verdict::Unknown, None),
        ("1234", true, true, ErrorKind::Timeout, Verdict::Unknown, None),
    ] {
        let mut stick = Stick { loses: "AT+CPIN=", acts, dies, ..stick() };
        let e = enter(&mut stick, pin, LastTry::Keep).unwrap_err();
        assert_eq!((e.kind(), e.verdict(), e.tries_left()), (kind, Some(verdict), tries), "{e:?}");
    }
    let e = enter(&mut stick(), "9999", LastTry::Keep).unwrap_err();
    assert_eq!((e.kind(), e.verdict()), (ErrorKind::WrongPin, Some(Verdict::Recoverable)));
    assert!(!format!("{e:?}").contains("9999"), "{e:?}");
}

/// Some sticks would count it as a wrong code of what they wait for.
#[test]
fn a_code_is_sent_where_it_is_waited_for() {
    let refusal = |state: &'static str, code: PinUse<'_>| {
        let mut stick = Stick { state, ..stick() };
        let used = Modem::over_at(&mut stick, &Cancel::new()).unwrap().use_code(code, LastTry::MaySpend);
        let e = used.unwrap_err();
        assert_eq!(e.verdict(), Some(Verdict::Untouched), "{state}");
        assert!(!stick.said.iter().any(|c| c.starts_with("AT+CPIN=")), "{state}: {:?}", stick.said);
        (e.kind(), e.refusal().map(|refusal| refusal.code))
    };
    let enter = |state| refusal(state, PinUse::Enter("1234"));
    assert_eq!(enter("PH-NET PIN"), (ErrorKind::SimPinNeeded, Some(40)));
    assert_eq!(enter("PH-SIM PIN"), (ErrorKind::SimPinNeeded, Some(5)));
    assert_eq!(enter("SIM PUK"), (ErrorKind::SimPukNeeded, None));
    for state in ["SIM PIN2", "SIM PUK2", "NOT READY", "BLOCKED"] {
        assert_eq!(enter(state).0, ErrorKind::Usage, "{state}");
    }
    for state in ["SIM PIN", "SIM PIN2", "SIM PUK2", "NOT READY"] {
        assert_eq!(refusal(state, PinUse::Unblock("12345678", "4321")).0, ErrorKind::Usage, "{state}");
    }
    assert_eq!(refusal("PH-NET PUK", PinUse::Unblock("12345678", "4321")).1, Some(41));
}

#[test]
fn a_code_that_was_taken_may_show_later() {
    assert!(enter(&mut Stick { late: 4, ..stick() }, "1234", LastTry::Keep).is_ok());
    let e = enter(&mut stick(), "0000", LastTry::Keep).unwrap_err();
    assert_eq!((e.kind(), e.verdict()), (ErrorKind::UnexpectedAnswer, Some(Verdict::Unknown)), "{e:?}");
}

#[test]
fn the_last_try_is_kept() {
    for (tries, last, state, kind) in [
        (1, LastTry::Keep, "SIM PIN", ErrorKind::LastTry),
        (0, LastTry::Keep, "SIM PIN", ErrorKind::LastTry),
        (0, LastTry::MaySpend, "SIM PUK", ErrorKind::SimPukNeeded),
        (1, LastTry::MaySpend, "SIM PIN", ErrorKind::WrongPin),
    ] {
        let mut stick = Stick { pin_tries: tries, state, ..stick() };
        let e = enter(&mut stick, "9999", last).unwrap_err();
        assert_eq!(e.kind(), kind);
        let sent = stick.said.iter().any(|c| c.starts_with("AT+CPIN="));
        assert_eq!(sent, kind == ErrorKind::WrongPin, "{:?}", stick.said);
    }
    for bad in ["", "123", "123456789", "12a4", "12\"4"] {
        let mut stick = stick();
        let e = enter(&mut stick, bad, LastTry::MaySpend).unwrap_err();
        assert_eq!((e.kind(), e.verdict()), (ErrorKind::Usage, Some(Verdict::Untouched)), "{bad}");
        assert!(!stick.said.iter().any(|c| c.contains("CPIN")));
    }
}

/// A web server of the first generation: a document for each path, the last one again and again.
struct Pages<'p> {
    replies: BTreeMap<&'static str, VecDeque<&'p str>>,
    /// Requests to this path end without an answer.
    drops: &'static str,
    asked: Vec<String>,
    now: Moment,
}

impl<'p> Pages<'p> {
    fn new(replies: &[(&'static str, &[&'p str])]) -> Pages<'p> {
        let replies = replies.iter().map(|(path, all)| (*path, all.iter().copied().collect())).collect();
        Pages { replies, drops: "", asked: Vec::new(), now: Moment::ZERO }
    }
}

impl HttpLink for Pages<'_> {
    fn request(&mut self, request: &HttpRequest) -> Result<HttpResponse> {
        self.asked.push(request.path.clone());
        if request.path == self.drops {
            let lost = Error::new(ErrorKind::Disconnected, "the connection ended without an answer");
            return Err(lost.detail(Detail::RequestSent(true)));
        }
        let Some(replies) = self.replies.get_mut(&*request.path) else {
            return Ok(HttpResponse { status: 404, ..HttpResponse::default() });
        };
        let inside = if replies.len() > 1 { replies.pop_front() } else { replies.front().copied() };
        let body = match inside.unwrap_or_default() {
            code if code.starts_with('!') => format!("<error><code>{}</code></error>", &code[1..]),
            page if page.starts_with("<html") => page.to_owned(),
            inside => format!("<response>{inside}</response>"),
        };
        Ok(HttpResponse { status: 200, body: body.into_bytes(), ..HttpResponse::default() })
    }

    fn now(&self) -> Moment {
        self.now
    }

    fn sleep(&mut self, time: Duration) {
        self.now += time;
    }
}

#[test]
fn a_code_over_the_web_is_judged_by_its_tries() {
    const THREE: &str = "<SimState>260</SimState><SimPinTimes>3</SimPinTimes><SimPukTimes>10</SimPukTimes>";
    const TWO: &str = "<SimState>260</SimState><SimPinTimes>2</SimPinTimes><SimPukTimes>10</SimPukTimes>";
    const READY: &str = "<SimState>257</SimState><SimPinTimes>3</SimPinTimes><SimPukTimes>10</SimPukTimes>";
    const ABSENT: &str = "<SimState>255</SimState>";
    for (states, operate, drops, expected) in [
        (&[THREE, READY][..], "OK", "", None),
        (&[THREE, READY], "OK", "/api/pin/operate", None),
        (&[THREE, TWO], "!103002", "", Some((ErrorKind::WrongPin, Verdict::Recoverable))),
        (&[THREE, TWO], "OK", "/api/pin/operate", Some((ErrorKind::WrongPin, Verdict::Recoverable))),
        (&[THREE], "!100005", "", Some((ErrorKind::HilinkRefused, Verdict::Untouched))),
        (&[THREE], "OK", "/api/pin/operate", Some((ErrorKind::Disconnected, Verdict::Unknown))),
        // Counted some seconds after the connection was cut.
        (
            &[THREE, THREE, THREE, THREE, THREE, TWO],
            "OK",
            "/api/pin/operate",
            Some((ErrorKind::WrongPin, Verdict::Recoverable)),
        ),
        (&[ABSENT], "OK", "", Some((ErrorKind::NoSim, Verdict::Untouched))),
    ] {
        let mut pages = Pages::new(&[("/api/pin/status", states), ("/api/pin/operate", &[operate])]);
        pages.drops = drops;
        let mut modem = Modem::over_web(&mut pages, None, &Cancel::new()).unwrap();
        let result = modem.use_code(PinUse::Enter("1234"), LastTry::Keep);
        let said = result.err().map(|e| (e.kind(), e.verdict().unwrap()));
        assert_eq!(said, expected, "{states:?} {operate} {drops}");
    }
}

#[test]
fn one_broken_connection_of_several_costs_its_own_answer() {
    const STATUS: &str = "<ConnectionStatus>901</ConnectionStatus><ServiceStatus>2</ServiceStatus>";
    let mut pages = Pages::new(&[("/api/monitoring/status", &[STATUS])]);
    pages.drops = "/api/net/current-plmn";
    let heard = Modem::over_web(&mut pages, None, &Cancel::new()).unwrap().signal().unwrap();
    assert_eq!((heard.registration, heard.untold[0].what), (Some("registered"), "operator"));
    let mut pages = Pages::new(&[]);
    pages.drops = "/api/net/current-plmn";
    let error = Modem::over_web(&mut pages, None, &Cancel::new()).unwrap().signal().unwrap_err();
    assert!(error.is(ErrorKind::Disconnected), "{error:?}");
}

#[test]
fn a_box_with_fewer_messages_than_are_counted_is_told() {
    const LIST: &str = "<Messages><Message><Index>40000</Index><Content>a</Content></Message></Messages>";
    for (counted, skipped) in [
        ("<LocalInbox>9</LocalInbox>", 1),
        ("<LocalInbox>1</LocalInbox>", 0),
        ("<LocalInbox>1</LocalInbox><LocalOutbox>9</LocalOutbox>", 1),
    ] {
        let mut pages = Pages::new(&[("/api/sms/sms-list", &[LIST]), ("/api/sms/sms-count", &[counted])]);
        let list = Modem::over_web(&mut pages, None, &Cancel::new()).unwrap().messages().unwrap();
        assert_eq!(list.skipped.len(), skipped, "{:?}", list.skipped);
        assert!(list.skipped.iter().all(|s| s.reason == "the stick counts 9 entries and lists 1"));
    }
}

#[test]
fn what_a_list_gave_is_kept_when_its_next_page_is_refused() {
    const PAGE: &str = "<Messages><Message><Index>40000</Index><Content>a</Content></Message></Messages>";
    let mut pages = Pages::new(&[("/api/sms/sms-list", &[PAGE, "!113020", "<Count>0</Count>"])]);
    let list = Modem::over_web(&mut pages, None, &Cancel::new()).unwrap().messages().unwrap();
    assert_eq!((list.messages.len(), list.stores.len()), (1, 3));
    let skipped: Vec<(&str, &str)> =
        list.skipped.iter().map(|s| (s.store.as_str(), s.reason.as_str())).collect();
    assert_eq!(skipped.len(), 1, "{skipped:?}");
    assert!(skipped[0].0 == "inbox" && skipped[0].1.starts_with("its list broke off: "), "{skipped:?}");
}

#[test]
fn data_is_not_dialled_where_a_page_stands_for_the_switch() {
    let switch = "/api/dialup/mobile-dataswitch";
    let mut pages = Pages::new(&[(switch, &["<html></html>", "<dataswitch>1</dataswitch>"])]);
    let error = Modem::over_web(&mut pages, None, &Cancel::new()).unwrap().set_data(false).unwrap_err();
    assert_ne!(error.verdict(), None);
    assert!(!pages.asked.iter().any(|path| path.ends_with("dial")), "{:?}", pages.asked);
}

#[test]
fn a_refused_deletion_of_several_messages_is_looked_at() {
    const MESSAGE: &str =
        "<Smstat>1</Smstat><Phone>+1</Phone><Content>a</Content><Date>2026-11-20 13:00:00</Date></Message>";
    let list = |numbers: &[u32]| {
        let all = numbers.iter().map(|n| format!("<Message><Index>{n}</Index>{MESSAGE}"));
        format!("<Messages>{}</Messages>", all.collect::<String>())
    };
    let (both, one) = (list(&[40_000, 40_001]), list(&[40_001]));
    for (after, verdict) in [(&both, Verdict::Untouched), (&one, Verdict::Recoverable)] {
        let lists = [&*both, "<Messages></Messages>", after];
        let mut pages = Pages::new(&[("/api/sms/sms-list", &lists), ("/api/sms/delete-sms", &["!100005"])]);
        let mut modem = Modem::over_web(&mut pages, None, &Cancel::new()).unwrap();
        let error = modem.delete_messages(&[40_000.into(), 40_001.into()]).unwrap_err();
        assert_eq!((error.kind(), error.verdict()), (ErrorKind::HilinkRefused, Some(verdict)));
    }
}

#[test]
fn a_network_whose_choice_was_lost_is_looked_for_over_the_web() {
    const AUTOMATIC: &str = "<Mode>0</Mode><Plmn></Plmn><Rat></Rat>";
    const BY_HAND: &str = "<Mode>1</Mode><Plmn>20820</Plmn><Rat>7</Rat>";
    for (shows, expected) in [(AUTOMATIC, None), (BY_HAND, Some(Verdict::Unknown))] {
        let mut pages = Pages::new(&[("/api/net/register", &[shows, "<html></html>", shows])]);
        let mut modem = Modem::over_web(&mut pages, None, &Cancel::new()).unwrap();
        let result = modem.use_network(None);
        assert_eq!(result.err().and_then(|e| e.verdict()), expected, "{shows}");
    }
}
