//! Commands that come over the broker: only those that were allowed, each at most once.

use clap::ValueEnum;
use serde::Deserialize;
use serde_json::{Value, json};
use stickshift::unique::{self, NotUnique};

/// What may be allowed. Nothing is by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Allowed {
    /// Send a message: to, text
    SmsSend,
    /// Delete a message: message, its number as in `sms list`
    SmsDelete,
    /// Send a USSD code and replies to what the network asks back: code, a text or a list
    Ussd,
    /// Switch from CD-ROM to modem
    Switch,
    /// Ask for the signal now
    Signal,
}

/// A command that is to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) id: String,
    pub(super) place: String,
    pub(super) name: String,
    /// The words of its command line.
    pub(super) words: Vec<String>,
}

/// Texts that are longer are no command.
const LONGEST: usize = 16 << 10;

/// It cannot be told of: its id is not read.
pub(super) fn is_too_long(payload: &[u8]) -> bool {
    payload.len() > LONGEST
}

/// Reads the payload of a command.
///
/// # Errors
/// The id, where there is one, and what is wrong, in words.
pub(super) fn read(
    place: &str,
    payload: &[u8],
    allowed: &[Allowed],
) -> Result<Order, (Option<String>, String)> {
    let bad = |id: Option<&str>, what: &str| Err((id.map(str::to_owned), what.to_owned()));
    if is_too_long(payload) {
        return bad(None, "the command is too long");
    }
    let command = match unique::read(payload) {
        Ok(command) => command,
        Err(NotUnique::Twice(name)) => {
            let said: Option<Id> = serde_json::from_slice(payload).ok();
            let id = said.as_ref().and_then(|said| own_id(&said.id));
            return bad(id, &format!("{name:?} comes more than once"));
        }
        Err(NotUnique::NoJson) => return bad(None, "the command is no JSON"),
    };
    let id = own_id(&command["id"]);
    let Some(id) = id else { return bad(None, "a command has an id of up to 64 characters of its own") };
    if place.parse::<stickshift::stick::Place>().is_err() {
        return bad(Some(id), "the topic names no place on the bus");
    }
    let name = command["do"].as_str().unwrap_or_default();
    let Some(which) = Allowed::value_variants().iter().find(|one| word(**one) == name) else {
        return bad(Some(id), "there is no such command");
    };
    if !allowed.contains(which) {
        return bad(Some(id), "this command is not allowed: the bridge was started without --allow for it");
    }
    // Whoever says more means something by it.
    let fields: &[&str] = match which {
        Allowed::SmsSend => &["to", "text"],
        Allowed::SmsDelete => &["message"],
        Allowed::Ussd => &["code"],
        Allowed::Switch | Allowed::Signal => &[],
    };
    let is_known = |field: &str| matches!(field, "id" | "do") || fields.contains(&field);
    if let Some(other) = command.as_object().and_then(|all| all.keys().find(|field| !is_known(field))) {
        return bad(Some(id), &format!("{name} has no field {other:?}"));
    }
    let text = |name: &str| match command[name].as_str() {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err((Some(id.to_owned()), format!("{name} is missing"))),
    };
    let start = |verb: &str| vec![verb.to_owned(), format!("--stick={place}")];
    let words = match which {
        Allowed::SmsSend => {
            let mut words = start("sms");
            words.extend(["send".to_owned(), "--".to_owned(), text("to")?, text("text")?]);
            words
        }
        Allowed::SmsDelete => {
            let mut words = start("sms");
            let number = match command["message"].as_u64() {
                Some(number) => number.to_string(),
                None => text("message")?,
            };
            words.extend(["delete".to_owned(), "--".to_owned(), number]);
            words
        }
        Allowed::Ussd => {
            let mut words = start("ussd");
            words.push("--".to_owned());
            let texts = |codes: &[Value]| codes.iter().map(|code| code.as_str().map(str::to_owned)).collect();
            let codes: Option<Vec<String>> = match &command["code"] {
                Value::Array(codes) => texts(codes),
                code => texts(std::slice::from_ref(code)),
            };
            match codes {
                Some(codes) if codes.first().is_some_and(|code| !code.is_empty()) => words.extend(codes),
                _ => return bad(Some(id), "code is a text, or a list of texts"),
            }
            words
        }
        Allowed::Switch => start("switch"),
        Allowed::Signal => start("signal"),
    };
    Ok(Order { id: id.to_owned(), place: place.to_owned(), name: name.to_owned(), words })
}

/// The id of a command, where it has one and no other; the rest of it may be whatever it is.
#[derive(Deserialize)]
struct Id {
    id: Value,
}

/// The same of what it asks for.
#[derive(Deserialize)]
struct Asks {
    r#do: String,
}

fn own_id(id: &Value) -> Option<&str> {
    id.as_str().filter(|id| !id.is_empty() && id.len() <= 64)
}

/// What a command that is refused asks for, as it says it.
pub(super) fn name(payload: &[u8]) -> String {
    let asks = serde_json::from_slice(payload).map_or_else(|_| String::new(), |said: Asks| said.r#do);
    asks.chars().take(64).collect()
}

fn word(one: Allowed) -> String {
    one.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// The line of a command that was not carried out.
pub(super) fn refusal(what: &str) -> Value {
    json!({
        "event": "error", "schema": 1, "verb": null, "kind": "usage", "what": what, "facts": {}, "cause": "",
        "help": "docs/bridge.md describes commands", "verdict": "untouched",
        "recover": "nothing was sent to the stick", "exit": 2,
    })
}

/// The line of a command that came when the bridge ended.
pub(super) fn not_begun() -> Value {
    json!({
        "event": "error", "schema": 1, "verb": null, "kind": "interrupted", "what": "not begun: the bridge ended",
        "facts": {}, "cause": "", "help": "send it again, with another id, once the bridge is online",
        "verdict": "untouched", "recover": "nothing was sent to the stick", "exit": 6,
    })
}

/// Whether a command changes nothing and sends nothing: it may be asked again.
pub(super) fn only_reads(name: &str) -> bool {
    name == word(Allowed::Signal)
}

/// The line of a command whose bridge was killed before it had ended.
pub(super) fn cut_off(name: &str) -> Value {
    let (verdict, recover, exit) = match only_reads(name) {
        true => ("untouched", "the stick was only read", 6),
        false => ("unknown", "nobody knows whether it was done, or begun at all", 7),
    };
    json!({
        "event": "error", "schema": 1, "verb": null, "kind": "interrupted",
        "what": "the bridge ended before the command had", "facts": {}, "cause": "it was killed, or power failed",
        "help": "look at the stick; where it was not done, send it again with another id",
        "verdict": verdict, "recover": recover, "exit": exit,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_says_something_twice_is_refused_by_its_id() {
        let refused = |payload: &str| {
            let (id, what) = read("1-1", payload.as_bytes(), Allowed::value_variants()).unwrap_err();
            (id, what, name(payload.as_bytes()))
        };
        let of = |id: Option<&str>, what: &str, name: &str| {
            (id.map(str::to_owned), format!("{what:?} comes more than once"), name.to_owned())
        };
        let two_to = r#"{"id":"1","do":"sms-send","to":"+12345678901","to":"+12345678902","text":"x"}"#;
        assert_eq!(refused(two_to), of(Some("1"), "to", "sms-send"));
        assert_eq!(refused(r#"{"id":"1","do":"signal","d\u006f":"switch"}"#), of(Some("1"), "do", ""));
        assert_eq!(refused(r#"{"do":"signal","id":"1","id":"2"}"#), of(None, "id", "signal"));
        assert_eq!(refused(r#"{"to":"1","to":"2","id":"1","id":"2"}"#), of(None, "to", ""));
    }

    #[test]
    fn only_what_is_allowed_is_run() {
        let sms = br#"{ "id": "1", "do": "sms-send", "to": "+12345678901", "text": "--help" }"#;
        let order = read("1-1", sms, &[Allowed::SmsSend]).unwrap();
        assert_eq!(order.words, ["sms", "--stick=1-1", "send", "--", "+12345678901", "--help"]);
        assert!(read("1-1", sms, &[Allowed::Ussd]).unwrap_err().1.contains("not allowed"));
        assert!(read("1-1", sms, &[]).unwrap_err().1.contains("not allowed"));
        for bad in [
            &br#"{ "do": "switch" }"#[..],
            br#"{ "id": "1", "do": "convert" }"#,
            br#"{ "id": "1", "do": "sms-send", "to": "+1" }"#,
            br#"{ "id": "1", "do": "ussd", "code": ["*100#", 1] }"#,
            br#"{ "id": "1", "do": "ussd", "code": [] }"#,
            br#"{ "id": "1", "do": "ussd" }"#,
            br#"{ "id": "1", "do": "switch", "to": "hilink" }"#,
            br#"{ "id": "1", "do": "ussd", "code": "*100#", "replies": ["1"] }"#,
            b"switch",
            b"",
        ] {
            assert!(read("1-1", bad, Allowed::value_variants()).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        assert!(read("--all", br#"{ "id": "1", "do": "switch" }"#, &[Allowed::Switch]).is_err());
        let ussd = br#"{ "id": "2", "do": "ussd", "code": ["*100#", "1"] }"#;
        assert_eq!(
            read("1-1", ussd, &[Allowed::Ussd]).unwrap().words,
            ["ussd", "--stick=1-1", "--", "*100#", "1"]
        );
    }
}
