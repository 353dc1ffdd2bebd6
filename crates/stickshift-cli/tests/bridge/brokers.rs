//! What the tests of the bridge share: the bridge, who watches the broker, and what was heard.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const STICKS: usize = 3;
/// Published until the watcher hears it.
const READY: &str = "watcher";

/// A program that ends with the test.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn stop(&mut self, signal: Signal) {
        let _ = kill_process(Pid::from_child(&self.0), signal);
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop(Signal::KILL);
    }
}

/// What a test that needs these programs says when one is not installed.
pub(crate) fn missing(programs: &[&str]) -> Option<String> {
    let is_there = |program: &str| Command::new(program).arg("--help").output().is_ok();
    let missing = programs.iter().find(|program| !is_there(program))?;
    Some(format!("{missing} is not installed"))
}

pub(crate) fn broker(folder: &Path, port: u16) -> Running {
    // Started by root it would become another user, who may not write into this folder: what it keeps for subscribers would be lost.
    let config = format!(
        "listener {port} 127.0.0.1\nallow_anonymous true\nuser root\npersistence true\npersistence_location {}/\nlog_type none\nmax_queued_messages 0\n",
        folder.display()
    );
    std::fs::write(folder.join("mosquitto.conf"), config).unwrap();
    let mut command = Command::new("mosquitto");
    command.arg("-c").arg(folder.join("mosquitto.conf")).stdout(Stdio::null()).stderr(Stdio::null());
    let running = Running(command.spawn().unwrap());
    listens(port, "mosquitto");
    running
}

/// A bridge to the broker at a port of this computer.
pub(crate) fn bridge(folder: &Path, port: u16) -> Running {
    let mut command = bridge_command(folder, &format!("127.0.0.1:{port}"), "rack");
    Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

pub(crate) fn bridge_command(folder: &Path, broker: &str, name: &str) -> Command {
    let virtual_sticks = format!("e3372h-stick={STICKS}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_stickshift"));
    command
        .args(["bridge", "mqtt", "--broker", broker, "--name", name, "--every", "1", "--allow", "sms-send"]);
    command.args(["--virtual", &virtual_sticks]);
    command.env("STICKSHIFT_STATE", folder.join("state"));
    command
}

/// How many messages a stick has received, asked of the stick.
pub(crate) fn received() -> usize {
    let list = Command::new(env!("CARGO_BIN_EXE_stickshift"))
        .args(["--json", "sms", "list", "--virtual", "e3372h-stick"])
        .output()
        .unwrap();
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    let messages = list["result"]["messages"].as_array().unwrap().iter();
    let received = messages.filter(|m| m["kind"] == "received" || m["kind"] == "report").count();
    assert!(received > 2);
    received
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until somebody listens.
pub(crate) fn listens(port: u16, what: &str) {
    let until = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "{what} does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Publishes with QoS 1.
pub(crate) fn publish(port: u16, topic: &str, payload: &str, options: &[&str]) {
    let mut command = Command::new("mosquitto_pub");
    command.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-q", "1", "-t", topic, "-m", payload]);
    assert!(command.args(options).status().unwrap().success());
}

/// Everything that is published from now on, `topic payload` per line. Its session lives on while the broker restarts.
pub(crate) fn watcher(port: u16) -> (Running, Receiver<(String, String)>) {
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
    let mut watcher = Running(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let lines = BufReader::new(watcher.0.stdout.take().unwrap()).lines();
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let (topic, payload) = line.split_once(' ').unwrap_or((&line, ""));
            if sender.send((topic.to_owned(), payload.to_owned())).is_err() {
                return;
            }
        }
    });
    // Before it has subscribed the broker keeps nothing for it: what is published meanwhile it never hears.
    let until = Instant::now() + PATIENCE;
    let hears = || receiver.recv_timeout(Duration::from_millis(200)).is_ok_and(|(topic, _)| topic == READY);
    loop {
        publish(port, READY, "?", &[]);
        if hears() {
            return (watcher, receiver);
        }
        assert!(Instant::now() < until, "nothing that is published is heard");
    }
}

/// What was heard so far, and is heard until `enough`.
#[derive(Default)]
pub(crate) struct Heard {
    /// How often each message came, by id.
    pub(crate) messages: BTreeMap<String, usize>,
    pub(crate) last: BTreeMap<String, String>,
}

impl Heard {
    pub(crate) fn until(
        &mut self,
        lines: &Receiver<(String, String)>,
        what: &str,
        enough: impl Fn(&Heard) -> bool,
    ) {
        let until = Instant::now() + PATIENCE;
        while !enough(self) {
            let (ids, topics) = (&self.messages, self.last.keys().collect::<Vec<_>>());
            assert!(Instant::now() < until, "{what}: {} by id {ids:?}, of {topics:?}", ids.len());
            self.once(lines);
        }
    }

    pub(crate) fn for_a_second(&mut self, lines: &Receiver<(String, String)>) {
        let until = Instant::now() + Duration::from_secs(1);
        while Instant::now() < until {
            self.once(lines);
        }
    }

    fn once(&mut self, lines: &Receiver<(String, String)>) {
        let Ok((topic, payload)) = lines.recv_timeout(Duration::from_millis(100)) else { return };
        if topic.ends_with("/message") {
            let message: Value = serde_json::from_str(&payload).unwrap();
            *self.messages.entry(message["id"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        self.last.insert(topic, payload);
    }
}
