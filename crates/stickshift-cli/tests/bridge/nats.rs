//! NATS as the broker: its MQTT, with streams on disk.

use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::brokers::{
    Heard, Running, STICKS, bridge_command, free_port, listens, missing, publish, received, watcher,
};

fn nats(folder: &Path, mqtt: u16, clients: u16) -> Running {
    let config = format!(
        "server_name: one\nlisten: \"127.0.0.1:{clients}\"\njetstream {{ store_dir: \"{}\" }}\nmqtt {{ listen: \"127.0.0.1:{mqtt}\" }}\n",
        folder.join("nats").display()
    );
    std::fs::write(folder.join("nats.conf"), config).unwrap();
    let mut command = Command::new("nats-server");
    command.arg("-c").arg(folder.join("nats.conf")).stdout(Stdio::null()).stderr(Stdio::null());
    let running = Running(command.spawn().unwrap());
    listens(mqtt, "nats-server");
    running
}

#[test]
fn nats_loses_no_message_when_it_is_killed() {
    if let Some(missing) = missing(&["nats-server", "mosquitto_sub", "mosquitto_pub"]) {
        return test_support::skip(&missing);
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (mqtt, clients) = (free_port(), free_port());
    let (received, expected) = (received(), received() * STICKS);
    let mut server = nats(folder, mqtt, clients);
    let (_watcher, lines) = watcher(mqtt);
    let mut heard = Heard::default();
    let mut bridge = bridge_command(folder, &format!("mqtt://127.0.0.1:{mqtt}"), "rack.lan");
    // The nats-server of Debian 12 takes no dots.
    bridge.arg("--no-dots").stdout(Stdio::null()).stderr(Stdio::null());
    let _bridge = Running(bridge.spawn().unwrap());
    heard.until(&lines, "the first messages", |heard| heard.messages.len() >= received);
    server.stop(Signal::KILL);
    let _server = nats(folder, mqtt, clients);
    heard.until(&lines, "all messages", |heard| heard.messages.len() == expected);
    let is_online =
        |heard: &Heard| heard.last.get("stickshift/rack_lan/status").is_some_and(|s| s == "online");
    heard.until(&lines, "the bridge is there", is_online);
    let result = "stickshift/rack_lan/1-2/result";
    // It is carried out once the bridge has subscribed again; the broker tells nobody when that is.
    let mut number = 0;
    while !heard.last.contains_key(result) {
        number += 1;
        assert!(number < 60, "no command is carried out");
        let send = format!(r#"{{"id":"n{number}","do":"sms-send","to":"+12345678901","text":"hello"}}"#);
        publish(mqtt, "stickshift/rack_lan/1-2/command", &send, &[]);
        heard.for_a_second(&lines);
    }
    assert!(heard.last[result].contains("\"verdict\":\"done\""), "{}", heard.last[result]);
    assert_eq!(heard.messages.len(), expected, "no message has two ids");
    assert!(heard.last.keys().filter(|topic| topic.ends_with("/state")).count() == STICKS);
}
