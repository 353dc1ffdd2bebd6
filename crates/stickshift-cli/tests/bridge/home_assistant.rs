//! What is announced to Home Assistant, checked by Home Assistant.

use std::io::Write;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::brokers::{Heard, STICKS, bridge, broker, free_port, missing, watcher};

/// Its Python, where the tier installs it.
fn python() -> Option<std::path::PathBuf> {
    let target = std::path::Path::new(env!("CARGO_BIN_EXE_stickshift")).ancestors().nth(2)?;
    let python = target.join("home-assistant/bin/python");
    let is_there = || {
        let import = ["-c", "import homeassistant.components.mqtt.sensor"];
        let run = Command::new(&python).args(import).stderr(Stdio::null()).status();
        run.is_ok_and(|status| status.success())
    };
    (python.exists() && is_there()).then_some(python)
}

#[test]
fn home_assistant_takes_every_announcement() {
    let Some(python) = python() else { return test_support::skip("Home Assistant is not installed") };
    if let Some(missing) = missing(&["mosquitto", "mosquitto_sub", "mosquitto_pub"]) {
        return test_support::skip(&missing);
    }
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let _broker = broker(folder.path(), port);
    let (_watcher, lines) = watcher(port);
    let mut bridge = bridge(folder.path(), port);
    let mut heard = Heard::default();
    let announced = |heard: &Heard| heard.last.keys().filter(|topic| topic.ends_with("/config")).count();
    // Also the values that an announcement points to.
    let has_its_value = |heard: &Heard, payload: &str| {
        let payload: Value = serde_json::from_str(payload).unwrap();
        ["state_topic", "availability_topic"]
            .iter()
            .all(|key| payload[key].as_str().is_none_or(|topic| heard.last.contains_key(topic)))
    };
    let all = |heard: &Heard| {
        let mut announcements = heard.last.iter().filter(|(topic, _)| topic.ends_with("/config"));
        announced(heard) >= 9 * STICKS && announcements.all(|(_, payload)| has_its_value(heard, payload))
    };
    heard.until(&lines, "every announcement", all);
    bridge.stop(Signal::TERM);
    let mut checker = Command::new(python)
        .arg(test_support::peer("home_assistant.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    checker.stdin.take().unwrap().write_all(json!(heard.last).to_string().as_bytes()).unwrap();
    let checked = checker.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success(), "{said}");
    // It refuses what is wrong, too.
    assert!(said.contains(&format!("{} taken, 3 refused", announced(&heard))), "{said}");
}
