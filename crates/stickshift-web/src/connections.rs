//! When the connections of sticks came up, and why the last one was lost: what commands of this server told of it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};

/// Sticks whose connections are remembered.
const STICKS: usize = 256;

/// What is known of the connection of a stick.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Connection {
    /// Since when it stands.
    pub(crate) since: Option<Timestamp>,
    /// When it failed or was lost the last time, and why.
    pub(crate) drop: Option<(Timestamp, String)>,
}

impl Connection {
    pub(crate) fn json(&self) -> Value {
        let drop = self.drop.as_ref().map(|(at, why)| json!({ "at": at.to_string(), "why": why }));
        json!({ "since": self.since.map(|at| at.to_string()), "last_drop": drop })
    }
}

#[derive(Default)]
pub(crate) struct Connections(Mutex<HashMap<String, Connection>>);

impl Connections {
    pub(crate) fn of(&self, place: &str) -> Connection {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned().unwrap_or_default()
    }

    /// Takes note of a line of a command that goes online, stays online or hangs up.
    pub(crate) fn hear(&self, operation: &str, place: &str, line: &Value, now: Timestamp) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (is_up, why) = match (operation, line["event"].as_str().unwrap_or_default()) {
            ("up" | "stay", "online") => match line["online"]["what"].as_str() {
                Some("up") => (true, None),
                Some("down" | "failed") => (false, Some(text(&line["online"]["text"]))),
                _ => return,
            },
            ("up", "result") => (line["result"]["interface"].is_string(), None),
            ("up" | "stay", "error") => {
                let parts = [text(&line["what"]), text(&line["cause"])];
                let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
                (false, Some(parts.join(": ")))
            }
            ("stay" | "down", "result") => (false, None),
            _ => return,
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= STICKS && !all.contains_key(place) {
            return;
        }
        let known = all.entry(place.to_owned()).or_default();
        known.since = is_up.then(|| known.since.unwrap_or(now));
        if let Some(why) = why {
            known.drop = Some((now, why));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_of_the_last_drop_outlives_the_next_connection() {
        let connections = Connections::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        let online =
            |what: &str, text: &str| json!({ "event": "online", "online": { "what": what, "text": text } });
        connections.hear("stay", "1-1", &online("up", "10.0.0.1"), at(1));
        connections.hear("stay", "1-1", &online("down", "the stick is gone"), at(2));
        connections.hear("stay", "1-1", &online("waiting", "nothing stands there"), at(3));
        assert_eq!(connections.of("1-1").since, None);
        connections.hear("stay", "1-1", &online("up", "10.0.0.2"), at(4));
        connections.hear("stay", "1-1", &json!({ "event": "step", "text": "look" }), at(5));
        let known = connections.of("1-1");
        assert_eq!((known.since, known.drop), (Some(at(4)), Some((at(2), "the stick is gone".into()))));
        let refused = json!({ "event": "error", "what": "refused", "cause": "27: unknown access point" });
        connections.hear("up", "1-1", &refused, at(6));
        assert_eq!(connections.of("1-1").drop.unwrap().1, "refused: 27: unknown access point");
        connections.hear(
            "up",
            "1-1",
            &json!({ "event": "result", "result": { "interface": "wwan0" } }),
            at(7),
        );
        connections.hear("down", "1-1", &json!({ "event": "result", "result": {} }), at(8));
        assert_eq!(connections.of("1-1").since, None);
        assert_eq!(connections.of("1-2"), Connection::default());
    }
}
