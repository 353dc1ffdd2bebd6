//! `bridge mqtt` against mosquitto: a broker that comes late and restarts, a bridge that is killed; every message arrives, once per id.
#![cfg(all(target_os = "linux", feature = "virtual", feature = "mqtt"))]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(60);
const STICKS: usize = 3;

/// A program that ends with the test.
struct Running(Child);

impl Running {
    fn stop(&mut self, signal: Signal) {
        let _ = kill_process(Pid::from_child(&self.0), signal);
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop(Signal::KILL);
    }
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--help").output().is_ok()
}

fn broker(folder: &Path, port: u16) -> Running {
    let config = format!(
        "listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {}/\nlog_type none\nmax_queued_messages 0\n",
        folder.display()
    );
    std::fs::write(folder.join("mosquitto.conf"), config).unwrap();
    let mut command = Command::new("mosquitto");
    command.arg("-c").arg(folder.join("mosquitto.conf")).stdout(Stdio::null()).stderr(Stdio::null());
    let running = Running(command.spawn().unwrap());
    let until = Instant::now() + PATIENCE;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "mosquitto does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    running
}

fn bridge(folder: &Path, port: u16) -> Running {
    let virtual_sticks = format!("e3372h-stick={STICKS}");
    let broker = format!("127.0.0.1:{port}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_stickshift"));
    command.args([
        "bridge", "mqtt", "--broker", &broker, "--name", "rack", "--every", "1", "--allow", "sms-send",
    ]);
    command.args(["--virtual", &virtual_sticks]);
    command.env("STICKSHIFT_STATE", folder.join("state")).stdout(Stdio::null()).stderr(Stdio::null());
    Running(command.spawn().unwrap())
}

/// Everything that is published, `topic payload` per line. Its session lives on while the broker restarts.
fn watcher(port: u16) -> (Running, Receiver<(String, String)>) {
    let mut command = Command::new("mosquitto_sub");
    command.args([
        "-h",
        "127.0.0.1",
        "-p",
        &port.to_string(),
        "-v",
        "-q",
        "1",
        "-c",
        "-i",
        "watcher",
        "-t",
        "#",
    ]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let (topic, payload) = line.split_once(' ').unwrap_or((&line, ""));
            if sender.send((topic.to_owned(), payload.to_owned())).is_err() {
                return;
            }
        }
    });
    (Running(child), receiver)
}

/// What was heard so far, and is heard until `enough`.
#[derive(Default)]
struct Heard {
    /// How often each message came, by id.
    messages: BTreeMap<String, usize>,
    last: BTreeMap<String, String>,
}

impl Heard {
    fn until(&mut self, lines: &Receiver<(String, String)>, what: &str, enough: impl Fn(&Heard) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !enough(self) {
            assert!(Instant::now() < until, "{what}: {:?}", self.last.keys().collect::<Vec<_>>());
            let Ok((topic, payload)) = lines.recv_timeout(Duration::from_millis(100)) else { continue };
            if topic.ends_with("/message") {
                let message: Value = serde_json::from_str(&payload).unwrap();
                *self.messages.entry(message["id"].as_str().unwrap().to_owned()).or_default() += 1;
            }
            self.last.insert(topic, payload);
        }
    }
}

#[test]
fn no_message_is_lost_and_none_has_two_ids() {
    for program in ["mosquitto", "mosquitto_sub", "mosquitto_pub"] {
        if !is_there(program) {
            return test_support::skip(&format!("{program} is not installed"));
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();

    // What the sticks hold, asked of the sticks.
    let list = Command::new(env!("CARGO_BIN_EXE_stickshift"))
        .args(["--json", "sms", "list", "--virtual", "e3372h-stick"])
        .output()
        .unwrap();
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    let messages = list["result"]["messages"].as_array().unwrap().iter();
    let received = messages.filter(|m| m["kind"] == "received" || m["kind"] == "report").count();
    assert!(received > 2);
    let expected = received * STICKS;

    // The broker comes late; the bridge is killed meanwhile.
    let mut first = bridge(folder, port);
    let outbox = folder.join("state/virtual/mqtt-rack.outbox");
    let until = Instant::now() + PATIENCE;
    let waits = || std::fs::read_to_string(&outbox).unwrap_or_default().matches("\"put\"").count();
    while waits() < received {
        assert!(Instant::now() < until, "nothing waits in the outbox");
        std::thread::sleep(Duration::from_millis(50));
    }
    first.stop(Signal::KILL);
    let mut mosquitto = broker(folder, port);
    let (_watcher, lines) = watcher(port);
    let mut heard = Heard::default();
    // What an earlier bridge retained of a stick that was pulled out since.
    let mut retain = Command::new("mosquitto_pub");
    retain.args([
        "-h",
        "127.0.0.1",
        "-p",
        &port.to_string(),
        "-r",
        "-q",
        "1",
        "-t",
        "stickshift/rack/1-9/state",
    ]);
    assert!(retain.args(["-m", r#"{"place":"1-9","present":true}"#]).status().unwrap().success());
    let mut second = bridge(folder, port);
    let is_told_gone = |heard: &Heard| {
        let state = heard.last.get("stickshift/rack/1-9/state");
        state.is_some_and(|state| state.contains("\"present\":false"))
    };
    heard.until(&lines, "a stick that is gone", is_told_gone);
    heard.until(&lines, "the first messages", |heard| heard.messages.len() >= received);

    // The bridge is killed, which its last will says; the broker restarts before the bridge is back.
    let status = |wanted: &'static str| {
        move |heard: &Heard| heard.last.get("stickshift/rack/status").is_some_and(|status| status == wanted)
    };
    heard.until(&lines, "the bridge is there", status("online"));
    second.stop(Signal::KILL);
    heard.until(&lines, "the last will", status("offline"));
    mosquitto.stop(Signal::TERM);
    let _third = bridge(folder, port);
    let _mosquitto = broker(folder, port);
    heard.until(&lines, "all messages", |heard| heard.messages.len() == expected);

    // A command that is allowed, one that comes twice, one that is not allowed.
    let publish = |payload: &str| {
        let mut command = Command::new("mosquitto_pub");
        command.args([
            "-h",
            "127.0.0.1",
            "-p",
            &port.to_string(),
            "-q",
            "1",
            "-t",
            "stickshift/rack/1-2/command",
        ]);
        assert!(command.args(["-m", payload]).status().unwrap().success());
    };
    heard.until(&lines, "the bridge is back", status("online"));
    let result = |heard: &Heard, id: &str| {
        let result = heard.last.get("stickshift/rack/1-2/result")?;
        let result: Value = serde_json::from_str(result).unwrap();
        (result["id"] == id).then_some(result)
    };
    let send = r#"{"id":"c1","do":"sms-send","to":"+12345678901","text":"hello"}"#;
    publish(send);
    heard.until(&lines, "the end of a command", |heard| result(heard, "c1").is_some());
    assert_eq!(result(&heard, "c1").unwrap()["line"]["verdict"], "done");
    publish(send);
    publish(r#"{"id":"c2","do":"switch"}"#);
    heard.until(&lines, "a refusal", |heard| result(heard, "c2").is_some());
    assert_eq!(result(&heard, "c2").unwrap()["line"]["kind"], "usage");

    assert_eq!(heard.messages.len(), expected, "no message has two ids");
    let states: BTreeSet<&String> = heard.last.keys().filter(|topic| topic.ends_with("/state")).collect();
    assert_eq!(states.len(), STICKS + 1);
    assert!(heard.last.keys().any(|topic| topic.starts_with("homeassistant/sensor/stickshift_rack_1_1/")));
    let line = std::fs::read_to_string(format!("/proc/{}/cmdline", _third.0.id())).unwrap();
    assert!(!line.contains("password"));
}

#[test]
fn a_broker_that_takes_its_time_is_connected_to() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let _bridge = bridge(folder.path(), listener.local_addr().unwrap().port());
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut head = [0; 2];
    stream.read_exact(&mut head).unwrap();
    // One that gives up begins anew meanwhile, and this connection is closed.
    stream.read_exact(&mut vec![0; usize::from(head[1] & 0x7f)]).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    stream.write_all(&[0x20, 2, 0, 0]).unwrap();
    stream.read_exact(&mut head[..1]).unwrap();
    assert_eq!(head[0] >> 4, 8, "it subscribes");
}
