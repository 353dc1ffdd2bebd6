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

/// How a connection stands after a line.
enum Stands {
    Anew,
    AsBefore,
    No,
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
        let came_up = |connection: &Value| match connection["apn_from"].as_str() {
            Some("an earlier run") => Stands::AsBefore,
            _ => Stands::Anew,
        };
        let (stands, why) = match (operation, line["event"].as_str().unwrap_or_default()) {
            ("up" | "stay", "online") => match line["online"]["what"].as_str() {
                Some("up") => (came_up(&line["online"]["connection"]), None),
                Some("down" | "failed") => (Stands::No, Some(text(&line["online"]["text"]))),
                _ => return,
            },
            ("up", "result") if line["result"]["interface"].is_string() => (came_up(&line["result"]), None),
            ("up" | "stay", "error") => {
                let parts = [text(&line["what"]), text(&line["cause"])];
                let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
                let stands = if line["verdict"] == "untouched" { Stands::AsBefore } else { Stands::No };
                (stands, Some(parts.join(": ")))
            }
            ("up" | "stay" | "down", "result") => (Stands::No, None),
            _ => return,
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= STICKS && !all.contains_key(place) {
            return;
        }
        let known = all.entry(place.to_owned()).or_default();
        match stands {
            Stands::Anew => known.since = Some(now),
            Stands::AsBefore => {}
            Stands::No => known.since = None,
        }
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

    #[test]
    fn a_connection_stands_since_it_was_dialled() {
        let connections = Connections::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        let up =
            |from: &str| json!({ "event": "result", "result": { "interface": "wwan0", "apn_from": from } });
        let failed = |verdict: &str| json!({ "event": "error", "what": "failed", "verdict": verdict });
        connections.hear("up", "1-1", &up("an earlier run"), at(1));
        assert_eq!(connections.of("1-1").since, None, "it came up before this server ran");
        for (line, since) in [
            (up("the settings"), Some(2)),
            (up("an earlier run"), Some(2)),
            (failed("untouched"), Some(2)),
            (up("the settings"), Some(5)),
            (failed("recoverable"), None),
        ] {
            connections.hear("up", "1-1", &line, at(if since == Some(5) { 5 } else { 2 }));
            assert_eq!(connections.of("1-1").since, since.map(at), "{line}");
        }
    }
}
