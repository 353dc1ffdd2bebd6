//! Topics and payloads. docs/bridge.md describes them.

use serde_json::{Value, json};
use stickshift::mask;

use super::outbox::{Entry, RESULT};
use crate::files;

/// Where everything of one bridge is.
#[derive(Clone, Debug)]
pub(super) struct Topics {
    /// `stickshift/HOST`.
    root: String,
    /// Whether there are dots in topics.
    has_dots: bool,
}

impl Topics {
    pub(super) fn new(base: &str, name: &str, has_dots: bool) -> Topics {
        let root = format!("{base}/{name}");
        Topics { root: if has_dots { root } else { root.replace('.', "_") }, has_dots }
    }

    /// `online` or `offline`.
    pub(super) fn status(&self) -> String {
        format!("{}/status", self.root)
    }

    pub(super) fn of(&self, place: &str, what: &str) -> String {
        let place = if self.has_dots { place.to_owned() } else { place.replace('.', "_") };
        format!("{}/{place}/{what}", self.root)
    }

    /// Every stick's commands.
    pub(super) fn commands(&self) -> String {
        format!("{}/+/command", self.root)
    }

    /// What is retained of every stick.
    pub(super) fn states(&self) -> String {
        format!("{}/+/state", self.root)
    }

    /// The place in the topic of a `command`, or of a `state`.
    pub(super) fn place_of(&self, topic: &str, what: &str) -> Option<String> {
        let place =
            topic.strip_prefix(&self.root)?.strip_prefix('/')?.strip_suffix(what)?.strip_suffix('/')?;
        // No place has an underscore of its own.
        Some(if self.has_dots { place.to_owned() } else { place.replace('_', ".") })
    }
}

/// A name that is one level of a topic.
pub(crate) fn level(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    match !text.is_empty() && text.len() <= 64 && text.chars().all(plain) {
        true => Ok(text.to_owned()),
        false => Err("it is letters, digits, '-', '_' and '.'".to_owned()),
    }
}

/// Levels with slashes between them.
pub(crate) fn levels(text: &str) -> Result<String, String> {
    text.split('/').try_for_each(|part| level(part).map(|_| ()))?;
    Ok(text.to_owned())
}

/// The entry for a message that a stick received; `None` for what is none.
pub(super) fn message(topics: &Topics, place: &str, message: &Value, hides_numbers: bool) -> Option<Entry> {
    if !matches!(message["kind"].as_str(), Some("received" | "report")) {
        return None;
    }
    let number = |name: &str| match message[name].as_str() {
        Some(number) if hides_numbers => Value::from(mask::identity(number)),
        Some(number) => Value::from(number),
        None => Value::Null,
    };
    // What is hidden is no part of the id: the few numbers that a masked one may be are quickly tried.
    let field = |name: &str| match name {
        "from" | "to" => number(name).to_string(),
        _ => message[name].to_string(),
    };
    let what =
        ["kind", "from", "to", "time_raw", "text", "data", "report", "store", "number", "missing_parts"];
    // The topic is part of it: another bridge has a stick at the same place.
    let topic = topics.of(place, "message");
    let id = files::digest(format!("{topic} {}", what.map(field).join(" ")));
    let payload = json!({
        "id": id,
        "place": place,
        "kind": message["kind"],
        "from": number("from"),
        "to": number("to"),
        "time": message["time"],
        "text": message["text"],
        "data": message["data"],
        "missing_parts": message["missing_parts"],
        "report": message["report"],
        "store": message["store"],
        "number": message["number"],
    });
    Some(Entry { id, topic, payload: payload.to_string() })
}

/// The entry for the end of a command.
pub(super) fn result(topics: &Topics, place: &str, command: &str, id: &str, line: &Value) -> Entry {
    let payload = json!({ "id": id, "place": place, "command": command, "line": line });
    Entry { id: format!("{RESULT}{id}"), topic: topics.of(place, "result"), payload: payload.to_string() }
}

/// What is retained of a stick: what `list` says of it that does not change by itself, and whether it is there.
pub(super) fn state(stick: &Value, present: bool) -> Value {
    json!({
        "place": stick["place"],
        "present": present,
        "id": stick["id"],
        "name": stick["name"],
        "called": stick["called"],
        "serial": stick["serial"],
        "mode": stick["mode"],
        "mode_text": stick["mode_text"],
        "next": stick["next"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_one_id_and_two_messages_have_two() {
        let topics = Topics::new("stickshift", "host", true);
        let one = json!({ "kind": "received", "from": "+12345678901", "text": "Hello", "time_raw": "t", "store": "SM", "number": 1 });
        let entry = message(&topics, "1-1", &one, false).unwrap();
        assert_eq!(entry.topic, "stickshift/host/1-1/message");
        assert_eq!(message(&topics, "1-1", &one, false).unwrap().id, entry.id);
        let masked = message(&topics, "1-1", &one, true).unwrap();
        assert!(!masked.payload.contains("12345678901"));
        // Nobody finds the number by trying which one gives the id.
        let mut like = one.clone();
        like["from"] = "+12999998901".into();
        let like = message(&topics, "1-1", &like, true).unwrap();
        assert!(masked.id != entry.id && masked.id == like.id);
        assert_ne!(message(&topics, "1-2", &one, false).unwrap().id, entry.id);
        let elsewhere = Topics::new("stickshift", "other", true);
        assert_ne!(message(&elsewhere, "1-1", &one, false).unwrap().id, entry.id);
        let other = json!({ "kind": "received", "from": "+12345678901", "text": "Hello", "time_raw": "t", "store": "SM", "number": 2 });
        assert_ne!(message(&topics, "1-1", &other, false).unwrap().id, entry.id);
        assert_eq!(message(&topics, "1-1", &json!({ "kind": "sent" }), false), None);
    }

    #[test]
    fn places_are_read_from_topics_of_ours_alone() {
        let topics = Topics::new("a/b", "host", true);
        assert_eq!(topics.place_of("a/b/host/1-1.2/command", "command"), Some("1-1.2".to_owned()));
        assert_eq!(topics.place_of("a/b/host/1-1/state", "command"), None);
        assert_eq!(topics.place_of("a/b/hosts/1-1/command", "command"), None);
        let dotless = Topics::new("a/b", "host.lan", false);
        assert_eq!(dotless.of("1-1.2", "state"), "a/b/host_lan/1-1_2/state");
        assert_eq!(dotless.place_of("a/b/host_lan/1-1_2/command", "command"), Some("1-1.2".to_owned()));
        assert!(
            level("a+b").is_err() && level("").is_err() && levels("a//b").is_err() && levels("a/b").is_ok()
        );
    }
}
