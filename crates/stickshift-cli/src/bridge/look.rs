//! Looks at the sticks and runs commands, in a thread of its own: sticks are slow, and the connection to the broker is not to wait.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use serde_json::Value;
use stickshift::event::Cancel;

use super::commands::Order;
use crate::hosted::{RunHosted, Surroundings};
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

/// Runs command lines in this process.
pub(super) struct Runner {
    #[cfg(feature = "virtual")]
    pub(super) global: Global,
    #[cfg(feature = "virtual")]
    pub(super) played: Option<Played>,
    pub(super) run: RunHosted,
    pub(super) cancel: Cancel,
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
            secrets: Vec::new(),
            listener: Box::new(listener),
            approve: Box::new(move || consents),
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

    fn look(&self, say: &Sender<Seen>) -> Option<()> {
        let list = self.result(&["list"])?;
        let sticks = list["sticks"].as_array().cloned().unwrap_or_default();
        say.send(Seen::Sticks(sticks.clone())).ok()?;
        for stick in &sticks {
            let place = stick["place"].as_str().unwrap_or_default();
            if self.cancel.is_cancelled()
                || !matches!(stick["mode"].as_str(), Some("modem" | "hilink" | "hilink-serial"))
            {
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use serde_json::json;

    use super::*;

    #[test]
    fn commands_are_run_where_a_look_takes_longer_than_is_between_two() {
        let run: RunHosted = |words, around| {
            (around.listener)(&json!({ "event": "result", "verb": words[0], "result": { "sticks": [] } }));
        };
        let cancel = Cancel::new();
        let runner = Runner {
            #[cfg(feature = "virtual")]
            global: Global::default(),
            #[cfg(feature = "virtual")]
            played: None,
            run,
            cancel: cancel.clone(),
        };
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
