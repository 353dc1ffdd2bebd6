//! Looks at the sticks and runs commands, in a thread of its own: sticks are slow, and the connection to the broker is not to wait.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use serde_json::Value;
use stickshift::event::Cancel;

use super::commands::Order;
use crate::hosted::{self, RunHosted, Secrets, Surroundings};
#[cfg(feature = "virtual")]
use crate::options::Global;
#[cfg(feature = "virtual")]
use crate::virtual_option::Played;

/// What was seen.
pub(super) enum Seen {
    /// The sticks that are there, as in `list`.
    Sticks(Vec<Value>),
    /// The result of `signal`.
    Signal(String, Value),
    /// The messages that a stick holds, and whether these are all.
    Messages(String, Vec<Value>, bool),
    /// The last line of a command.
    Done(Order, Value),
}

/// Place, ids and device number: another stick of the same kind at the same place has another number.
type Key = (String, String, Option<u64>);

/// Runs command lines in this process.
pub(super) struct Runner {
    #[cfg(feature = "virtual")]
    pub(super) global: Global,
    #[cfg(feature = "virtual")]
    pub(super) played: Option<Played>,
    pub(super) run: RunHosted,
    pub(super) cancel: Cancel,
    /// Whether the settings have names for sticks.
    pub(super) names: bool,
    /// What each stick is called that was asked for its IMEI.
    pub(super) called: RefCell<BTreeMap<Key, Option<String>>>,
}

/// What the owner of the bridge gives it for the sticks.
fn own_secrets() -> Secrets {
    let names = ["STICKSHIFT_PASSWORD", "STICKSHIFT_PIN"];
    names.iter().filter_map(|name| Some(((*name).to_owned(), hosted::in_environment(name)?))).collect()
}

impl Runner {
    /// The last line of a command; its questions are answered with yes where `consents`.
    fn last(&self, words: &[String], consents: bool) -> Value {
        let last = Rc::new(RefCell::new(Value::Null));
        let heard = Rc::clone(&last);
        let listener = move |line: &Value| {
            if matches!(line["event"].as_str(), Some("result" | "error")) {
                heard.replace(line.clone());
            }
        };
        let around = Surroundings {
            #[cfg(feature = "virtual")]
            global: self.global.clone(),
            #[cfg(feature = "virtual")]
            played: self.played.clone(),
            cancel: self.cancel.clone(),
            secrets: own_secrets(),
            listener: Box::new(listener),
            approve: Box::new(move || consents),
            only_reads: false,
        };
        (self.run)(words, around);
        last.take()
    }

    /// The result of a command, where it ended well.
    fn result(&self, words: &[&str]) -> Option<Value> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let mut line = self.last(&words, false);
        (line["event"] == "result").then(|| line["result"].take())
    }

    /// Adds what the settings call a stick by its IMEI. It is asked once, until another one stands there.
    fn name(&self, sticks: &mut [Value]) {
        let there: Vec<_> = sticks.iter().filter_map(key).collect();
        let mut called = self.called.borrow_mut();
        called.retain(|known, _| there.contains(known));
        for stick in sticks.iter_mut().filter(|stick| talks(stick)) {
            let Some(key) = key(stick) else { continue };
            if !called.contains_key(&key) {
                // One that does not answer is asked again.
                let Some(identity) = self.result(&["identify", &key.0]) else { continue };
                called.insert(key.clone(), identity["called"].as_str().map(str::to_owned));
            }
            if let Some(Some(name)) = called.get(&key) {
                stick["called"] = name.clone().into();
            }
        }
    }

    fn look(&self, say: &Sender<Seen>) -> Option<()> {
        let list = self.result(&["list"])?;
        let mut sticks = list["sticks"].as_array().cloned().unwrap_or_default();
        if self.names {
            self.name(&mut sticks);
        }
        say.send(Seen::Sticks(sticks.clone())).ok()?;
        for stick in &sticks {
            let place = stick["place"].as_str().unwrap_or_default();
            if self.cancel.is_cancelled() || !talks(stick) {
                continue;
            }
            let at = format!("--stick={place}");
            if let Some(signal) = self.result(&["signal", &at]) {
                say.send(Seen::Signal(place.to_owned(), signal)).ok()?;
            }
            if let Some(messages) = self.result(&["sms", &at, "list"]) {
                // A store that could not be read may hold any of those that were put.
                let whole = messages["skipped"].as_array().is_none_or(Vec::is_empty);
                let messages = messages["messages"].as_array().cloned().unwrap_or_default();
                if whole || !messages.is_empty() {
                    say.send(Seen::Messages(place.to_owned(), messages, whole)).ok()?;
                }
            }
        }
        Some(())
    }

    /// Looks every so often, and runs commands in between, until it is cancelled.
    pub(super) fn run(&self, every: Duration, say: &Sender<Seen>, orders: &Receiver<Order>) {
        while !self.cancel.is_cancelled() {
            let began = Instant::now();
            if self.look(say).is_none() && self.cancel.is_cancelled() {
                return;
            }
            // Once at least: a look may take longer than is between two.
            loop {
                let left = every.saturating_sub(began.elapsed());
                if self.cancel.is_cancelled() {
                    return;
                }
                match orders.recv_timeout(left.min(Duration::from_millis(200))) {
                    Ok(order) => {
                        // What `switch` asks about is a drive in use, and nobody was asked about that.
                        let line = self.last(&order.words, order.name != "switch");
                        if say.send(Seen::Done(order, line)).is_err() {
                            return;
                        }
                    }
                    Err(RecvTimeoutError::Timeout) if left.is_zero() => break,
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        }
    }
}

fn key(stick: &Value) -> Option<Key> {
    let text = |name: &str| stick[name].as_str().map(str::to_owned);
    Some((text("place")?, text("id")?, stick["device_number"].as_u64()))
}

fn talks(stick: &Value) -> bool {
    matches!(stick["mode"].as_str(), Some("modem" | "hilink" | "hilink-serial"))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::mpsc::channel;

    use serde_json::json;

    use super::*;

    fn runner(run: RunHosted) -> Runner {
        Runner {
            #[cfg(feature = "virtual")]
            global: Global::default(),
            #[cfg(feature = "virtual")]
            played: None,
            run,
            cancel: Cancel::new(),
            names: false,
            called: RefCell::default(),
        }
    }

    #[test]
    fn another_stick_at_the_same_place_is_asked_for_its_name() {
        thread_local! {
            static ASKED: Cell<u32> = const { Cell::new(0) };
        }
        let runner = runner(|_, around| {
            let asked = ASKED.replace(ASKED.get() + 1);
            let called = format!("stick {asked}");
            (around.listener)(&json!({ "event": "result", "result": { "called": called } }));
        });
        let name = |number: Option<u32>| {
            let mut sticks = [
                json!({ "place": "1-1", "id": "12d1:1506", "mode": "modem", "device_number": number }),
                json!({ "place": "1-2", "id": "12d1:1506", "mode": "cdrom" }),
            ];
            runner.name(&mut sticks);
            assert_eq!(sticks[1].get("called"), None);
            sticks[0]["called"].as_str().map(str::to_owned)
        };
        let names = [Some(5), Some(5), Some(6), None, None].map(name);
        assert_eq!(names.map(Option::unwrap), ["stick 0", "stick 0", "stick 1", "stick 2", "stick 2"]);
    }

    #[test]
    fn commands_are_run_where_a_look_takes_longer_than_is_between_two() {
        let run: RunHosted = |words, around| {
            (around.listener)(&json!({ "event": "result", "verb": words[0], "result": { "sticks": [] } }));
        };
        let runner = runner(run);
        let cancel = runner.cancel.clone();
        let ((say, seen), (order, orders)) = (channel(), channel());
        let signal = ["signal".to_owned(), "--stick=1-1".to_owned()].to_vec();
        let wanted = Order { id: "1".into(), place: "1-1".into(), name: "signal".into(), words: signal };
        order.send(wanted.clone()).unwrap();
        let looking = std::thread::spawn(move || runner.run(Duration::ZERO, &say, &orders));
        // Looks come again and again, as long as somebody listens.
        let done = seen.iter().take(10_000).find_map(|seen| match seen {
            Seen::Done(order, line) => Some((order, line)),
            _ => None,
        });
        cancel.cancel();
        looking.join().unwrap();
        let (order, line) = done.unwrap();
        assert_eq!((order, &line["verb"]), (wanted, &json!("signal")));
    }
}
