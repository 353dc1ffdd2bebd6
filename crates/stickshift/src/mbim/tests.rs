//! The dialogue against a function that is written out message by message.

use std::collections::VecDeque;
use std::time::Duration;

use crate::error::{ErrorKind, RefusalFamily, Result, Standing, Verdict};
use crate::event::Cancel;
use crate::link::{Changes, MessageLink, Moment};
use crate::mbim::{self, Mbim};
use crate::modem::Modem;
use crate::wire::mbim::{Builder, Service, basic, sms};

/// What the function does with the next message of the host.
#[derive(Clone)]
enum Does {
    /// It answers with these messages, in which the number of the transaction is filled in.
    Says(Vec<Vec<u8>>),
    /// It answers so much later.
    Later(Duration, Vec<u8>),
}

#[derive(Default)]
struct Function {
    script: VecDeque<Does>,
    heard: Vec<Vec<u8>>,
    coming: VecDeque<(Moment, Vec<u8>)>,
    now: Moment,
}

impl Function {
    fn new(script: impl IntoIterator<Item = Does>) -> Function {
        Function { script: script.into_iter().collect(), ..Function::default() }
    }

    fn cids(&self) -> Vec<(u8, u8)> {
        self.heard.iter().map(|m| (m[0], m.get(36).copied().unwrap_or(0))).collect()
    }
}

impl MessageLink for Function {
    fn longest(&self) -> usize {
        4096
    }

    fn send(&mut self, message: &[u8]) -> Result<()> {
        self.heard.push(message.to_vec());
        let (after, messages) = match self.script.pop_front() {
            Some(Does::Says(messages)) => (Duration::ZERO, messages),
            Some(Does::Later(after, message)) => (after, vec![message]),
            None => return Ok(()),
        };
        for mut answer in messages {
            if answer.get(8..12) == Some(&[0xff; 4]) {
                answer[8..12].copy_from_slice(&message[8..12]);
            }
            self.coming.push_back((self.now + after, answer));
        }
        Ok(())
    }

    fn receive(&mut self, deadline: Moment) -> Result<Option<Vec<u8>>> {
        match self.coming.front() {
            Some((due, _)) if *due <= deadline => {
                self.now = self.now.max(*due);
                Ok(self.coming.pop_front().map(|(_, message)| message))
            }
            _ => {
                self.now = self.now.max(deadline);
                Ok(None)
            }
        }
    }

    fn now(&self) -> Moment {
        self.now
    }

    fn sleep(&mut self, time: Duration) {
        self.now += time;
    }
}

/// Type, length, and a transaction that is filled in.
fn headed(kind: u32, body: &[u8]) -> Vec<u8> {
    let mut message = kind.to_le_bytes().to_vec();
    message.extend((12 + body.len() as u32).to_le_bytes());
    message.extend([0xff; 4]);
    message.extend_from_slice(body);
    message
}

fn done(service: Service, cid: u32, status: u32, data: &[u8]) -> Vec<u8> {
    let body = Builder::new().number(1).number(0).array(&service.0).number(cid).number(status);
    headed(0x8000_0003, &body.number(data.len() as u32).array(data).build())
}

fn says(messages: impl IntoIterator<Item = Vec<u8>>) -> Does {
    Does::Says(messages.into_iter().collect())
}

fn caps() -> Vec<u8> {
    let numbers = Builder::new().array(&[0; 32]);
    numbers.text("").text("860000000000001").text("11.617").text("ME906s").build()
}

fn signal(rssi: u32) -> Vec<u8> {
    done(Service::BASIC_CONNECT, basic::SIGNAL_STATE, 0, &Builder::new().number(rssi).array(&[0; 16]).build())
}

fn opened(status: u32) -> Vec<u8> {
    headed(0x8000_0001, &status.to_le_bytes())
}

#[test]
fn an_open_function_is_not_opened_again() {
    let mut function = Function::new([says([done(Service::BASIC_CONNECT, 1, 0, &caps())])]);
    Mbim::new(&mut function, 7).open().unwrap();
    assert_eq!(function.cids(), [(3, 1)]);
}

#[test]
fn a_closed_function_is_opened_whether_it_says_so_or_not() {
    let error = headed(0x8000_0004, &5_u32.to_le_bytes());
    let refusal = done(Service::BASIC_CONNECT, 1, 2, &[]);
    // One that does not say that it is closed may have been open, with connections.
    for (first, asked, ends_connections) in
        [(vec![says([error])], 1, false), (vec![says([refusal])], 1, true), (vec![says([]); 3], 3, true)]
    {
        let mut function = Function::new(first.into_iter().chain([says([opened(0)])]));
        let mut mbim = Mbim::new(&mut function, 7);
        mbim.open().unwrap();
        assert_eq!(mbim.standing().has_changed(), ends_connections);
        let mut cids = vec![(3, 1); asked];
        cids.push((1, 0));
        assert_eq!(function.cids(), cids);
    }
    let mut function = Function::new([]);
    let error = Mbim::new(&mut function, 7).open().unwrap_err();
    assert_eq!((error.kind(), error.verdict()), (ErrorKind::Timeout, Some(Verdict::Unknown)));
    assert_eq!(function.heard.len(), 6);
}

/// Opening it would end the connections of whoever opened it.
#[test]
fn an_open_function_may_be_late() {
    let caps = || done(Service::BASIC_CONNECT, 1, 0, &caps());
    let late = Does::Later(Duration::from_secs(3), caps());
    for script in [vec![late.clone(), late], vec![says([]), says([]), says([caps()])]] {
        let asked = script.len();
        let mut function = Function::new(script);
        let mut mbim = Mbim::new(&mut function, 7);
        mbim.open().unwrap();
        assert_eq!(mbim.standing(), Standing::default());
        assert_eq!(function.cids(), vec![(3, 1); asked]);
    }
}

/// A network that was chosen by hand, and how the function stands with it.
#[test]
fn a_network_is_in_use_when_the_function_is_on_it() {
    let stands = |state: u32, by_hand: u32| {
        let numbers = Builder::new().number(0).number(state).number(by_hand).number(0).number(0);
        let data = numbers.text("20820").text("N").text("").number(0).build();
        says([done(Service::BASIC_CONNECT, basic::REGISTER_STATE, 0, &data)])
    };
    let (searching, home, denied) = (2, 3, 6);
    for (states, expected) in [
        (&[home][..], Ok(true)),
        (&[searching, searching, home], Ok(true)),
        (&[searching; 12], Ok(false)),
        (&[denied, denied, denied], Err(Some(Verdict::Recoverable))),
    ] {
        let script = [says([done(Service::BASIC_CONNECT, 1, 0, &caps())]), stands(home, 1)];
        let mut function = Function::new(script.into_iter().chain(states.iter().map(|s| stands(*s, 2))));
        let mut modem = Modem::over_mbim(&mut function, &Cancel::new()).unwrap();
        let said = modem.use_network(Some("20820")).map_err(|e| e.verdict());
        assert_eq!(said, expected, "{states:?}");
    }
}

#[test]
fn a_function_that_was_closed_meanwhile_is_opened_and_asked_again() {
    let closed = headed(0x8000_0004, &5_u32.to_le_bytes());
    let mut function = Function::new([says([closed.clone()]), says([opened(0)]), says([signal(20)])]);
    let told = Mbim::new(&mut function, 1).run(&mbim::signal()).unwrap();
    assert_eq!(told.rssi_dbm(), Some(-73));
    let mut function = Function::new([says([closed.clone()]), says([opened(0)]), says([closed])]);
    let error = Mbim::new(&mut function, 1).run(&mbim::delete_message(3)).unwrap_err();
    assert_eq!((error.kind(), error.verdict()), (ErrorKind::UnexpectedAnswer, Some(Verdict::Untouched)));
}

#[test]
fn answers_to_others_are_not_this_ones() {
    let mut stale = signal(3);
    stale[8..12].copy_from_slice(&99_u32.to_le_bytes());
    let mut indication =
        headed(0x8000_0007, &Builder::new().number(1).number(0).array(&Service::SMS.0).build());
    indication.extend([[5, 0, 0, 0], [8, 0, 0, 0], [2, 0, 0, 0], [7, 0, 0, 0]].concat());
    let length = indication.len() as u8;
    indication[4] = length;
    indication[8..12].fill(0);
    let mut function = Function::new([says([vec![1, 2, 3], stale, indication, signal(20), signal(21)])]);
    let mut mbim = Mbim::new(&mut function, 1);
    assert_eq!(mbim.run(&mbim::signal()).unwrap().rssi, Some(20));
    // The same answer twice is none to the next question.
    assert!(mbim.run(&mbim::signal()).unwrap_err().is(ErrorKind::Timeout));
}

#[test]
fn what_a_failure_leaves_behind() {
    let delete = mbim::delete_message(3);
    let refused = |status| says([done(Service::SMS, sms::DELETE, status, &[])]);
    for (script, kind, verdict) in [
        (vec![], ErrorKind::Timeout, Some(Verdict::Unknown)),
        (vec![refused(30)], ErrorKind::MbimRefused, Some(Verdict::Untouched)),
        (vec![refused(3)], ErrorKind::NoSim, Some(Verdict::Untouched)),
        (vec![refused(77)], ErrorKind::MbimRefused, Some(Verdict::Untouched)),
        (vec![refused(101)], ErrorKind::MbimRefused, Some(Verdict::Unknown)),
        (vec![says([done(Service::USSD, 1, 0, &[])])], ErrorKind::UnexpectedAnswer, Some(Verdict::Unknown)),
    ] {
        let mut function = Function::new(script);
        let error = Mbim::new(&mut function, 1).run(&delete).unwrap_err();
        assert_eq!((error.kind(), error.verdict()), (kind, verdict), "{error:?}");
    }
    let mut function = Function::new([refused(30)]);
    let error = Mbim::new(&mut function, 1).run(&delete).unwrap_err();
    assert_eq!(error.refusal_of(RefusalFamily::Mbim), Some(30));
    assert!(error.meaning().is_some_and(|meaning| meaning.cause.contains("no entry")));
    // A question in trouble leaves nothing behind, but what a change before it left.
    let mut function = Function::new([says([done(Service::SMS, sms::DELETE, 0, &[])])]);
    let mut mbim = Mbim::new(&mut function, 1);
    mbim.run(&delete).unwrap();
    assert_eq!(mbim.run(&mbim::signal()).unwrap_err().verdict(), None);
}

#[test]
fn busy_is_asked_again_and_late_is_too_late() {
    let busy = || says([done(Service::BASIC_CONNECT, basic::SIGNAL_STATE, 1, &[])]);
    let mut function = Function::new([busy(), busy(), says([signal(31)])]);
    assert_eq!(Mbim::new(&mut function, 1).run(&mbim::signal()).unwrap().rssi, Some(31));
    let mut function = Function::new((0..40).map(|_| busy()));
    let error = Mbim::new(&mut function, 1).run(&mbim::signal()).unwrap_err();
    assert!(error.is(ErrorKind::MbimRefused) && function.now <= Duration::from_secs(20));
    let mut function = Function::new([Does::Later(Duration::from_secs(11), signal(9)), says([signal(10)])]);
    let mut mbim = Mbim::new(&mut function, 1);
    assert!(mbim.run(&mbim::signal()).unwrap_err().is(ErrorKind::Timeout));
    assert_eq!(mbim.run(&mbim::signal()).unwrap().rssi, Some(10));
}

#[test]
fn a_wish_to_stop_ends_the_waiting() {
    let cancel = Cancel::new();
    let mut function = Function::new([]);
    let mut mbim = Mbim::new(&mut function, 1).with_cancel(cancel.clone());
    cancel.cancel();
    let error = mbim.run(&mbim::delete_message(1)).unwrap_err();
    assert_eq!((error.kind(), error.verdict()), (ErrorKind::Interrupted, Some(Verdict::Untouched)));
    assert!(mbim.run(&mbim::signal()).unwrap_err().is(ErrorKind::Interrupted));
    assert!(!mbim.standing().is_in_doubt() && function.heard.len() == 1);
}

/// Whoever floods the channel is left after a while.
#[test]
fn a_flood_of_messages_ends() {
    let mut function = Function::new([says((0..20_000).map(|_| vec![0; 12]))]);
    let error = Mbim::new(&mut function, 1).run(&mbim::signal()).unwrap_err();
    assert!(error.is(ErrorKind::UnexpectedAnswer), "{error:?}");
}
