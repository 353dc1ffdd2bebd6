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
    /// The messages that a stick holds.
    Messages(String, Vec<Value>),
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
                    say.send(Seen::Messages(place.to_owned(), messages)).ok()?;
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
            while let Some(left) = every.checked_sub(began.elapsed()) {
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
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        }
    }
}
