//! `bridge mqtt` against brokers: one that comes late and restarts, a bridge that is killed; every message arrives, once per id.
#![cfg(all(target_os = "linux", feature = "virtual", feature = "mqtt"))]

mod brokers;
mod home_assistant;
mod nats;
mod tls;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use brokers::{
    Heard, PATIENCE, Running, STICKS, bridge, bridge_command, broker, free_port, missing, publish, received,
    watcher,
};

#[test]
fn no_message_is_lost_and_none_has_two_ids() {
    if let Some(missing) = missing(&["mosquitto", "mosquitto_sub", "mosquitto_pub"]) {
        return test_support::skip(&missing);
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let port = free_port();
    let received = received();
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
    // As it leaves the outbox when it is killed while a command runs.
    let begun = "{\"begun\":{\"id\":\"c0\",\"place\":\"1-2\",\"name\":\"sms-send\"}}\n";
    std::fs::OpenOptions::new().append(true).open(&outbox).unwrap().write_all(begun.as_bytes()).unwrap();
    let mut mosquitto = broker(folder, port);
    let (_watcher, lines) = watcher(port);
    let mut heard = Heard::default();
    // What an earlier bridge retained of a stick that was pulled out since.
    publish(port, "stickshift/rack/1-9/state", r#"{"place":"1-9","present":true}"#, &["-r"]);
    publish(port, "stickshift/rack/1-9/signal", r#"{"rssi":-70}"#, &["-r"]);
    let mut second = bridge(folder, port);
    let is_told_gone = |heard: &Heard| {
        let state = heard.last.get("stickshift/rack/1-9/state");
        let signal = heard.last.get("stickshift/rack/1-9/signal");
        state.is_some_and(|state| state.contains("\"present\":false"))
            && signal.is_some_and(|payload| payload == "(null)")
    };
    heard.until(&lines, "a stick that is gone", is_told_gone);
    let is_told_unknown = |heard: &Heard| {
        let result = heard.last.get("stickshift/rack/1-2/result");
        result.is_some_and(|line| line.contains("\"id\":\"c0\"") && line.contains("\"verdict\":\"unknown\""))
    };
    heard.until(&lines, "a command that was cut off", is_told_unknown);
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
    let publish = |payload: &str| publish(port, "stickshift/rack/1-2/command", payload, &[]);
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
fn a_stick_is_called_as_the_settings_say_by_its_imei() {
    if let Some(missing) = missing(&["mosquitto", "mosquitto_sub", "mosquitto_pub"]) {
        return test_support::skip(&missing);
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let said = Command::new(env!("CARGO_BIN_EXE_stickshift"))
        .args(["--json", "identify", "1-2", "--unmasked", "--virtual", "e3372h-stick=3"])
        .output()
        .unwrap();
    let said: Value = serde_json::from_slice(&said.stdout).unwrap();
    let imei = said["result"]["imei"].as_str().unwrap();
    let settings = folder.join("root/etc/stickshift");
    std::fs::create_dir_all(&settings).unwrap();
    std::fs::write(settings.join("config.toml"), format!("[names]\n\"{imei}\" = \"north\"\n")).unwrap();
    let port = free_port();
    let _broker = broker(folder, port);
    let (_watcher, lines) = watcher(port);
    let mut bridge = bridge_command(folder, &format!("127.0.0.1:{port}"), "rack");
    bridge.env("STICKSHIFT_ROOT", folder.join("root")).stdout(Stdio::null()).stderr(Stdio::null());
    let _bridge = Running(bridge.spawn().unwrap());
    let mut heard = Heard::default();
    let state =
        |heard: &Heard, place: &str| heard.last.contains_key(&format!("stickshift/rack/{place}/state"));
    heard.until(&lines, "all sticks", |heard| {
        state(heard, "1-1") && state(heard, "1-2") && state(heard, "1-3")
    });
    let called = |place: &str| {
        let state: Value =
            serde_json::from_str(&heard.last[&format!("stickshift/rack/{place}/state")]).unwrap();
        state["called"].clone()
    };
    assert_eq!((called("1-1"), called("1-2")), (Value::Null, "north".into()));
    let device = "homeassistant/sensor/stickshift_rack_1_2/rssi/config";
    heard.until(&lines, "the announcement", |heard| heard.last.contains_key(device));
    assert!(heard.last[device].contains("\"name\":\"north\""), "{}", heard.last[device]);
    assert!(heard.last.values().all(|payload| !payload.contains(imei)));
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

/// Takes the bridge's next connection and gives the topics that it subscribes to, `count` of them, each with its packet.
fn subscriptions(listener: &TcpListener, count: usize) -> (TcpStream, Vec<(String, [u8; 2])>) {
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut topics = Vec::new();
    packet(&mut stream);
    stream.write_all(&[0x20, 2, 0, 0]).unwrap();
    while topics.len() < count {
        let (kind, body) = packet(&mut stream);
        if kind == 8 {
            let topic = String::from_utf8_lossy(&body[4..body.len() - 1]).into_owned();
            topics.push((topic, [body[0], body[1]]));
        }
    }
    (stream, topics)
}

/// The next packet: its kind and what follows its length.
fn packet(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    next_packet(stream).unwrap()
}

/// The same where the bridge may have been killed.
fn next_packet(stream: &mut TcpStream) -> std::io::Result<(u8, Vec<u8>)> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    let kind = byte[0] >> 4;
    let (mut length, mut shift) = (0, 0);
    loop {
        stream.read_exact(&mut byte)?;
        length |= usize::from(byte[0] & 0x7f) << shift;
        shift += 7;
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((kind, body))
}

fn warnings(child: &mut std::process::Child) -> std::sync::mpsc::Receiver<String> {
    let (say, said) = std::sync::mpsc::channel();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    std::thread::spawn(move || {
        lines
            .map_while(Result::ok)
            .filter(|line| line.contains("\"warning\""))
            .all(|line| say.send(line).is_ok())
    });
    said
}

#[test]
fn a_message_that_is_too_large_and_a_refused_subscription_do_not_stop_the_bridge() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let broker = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
    let mut bridge = bridge_command(folder.path(), &broker, "rack");
    let bridge = bridge.arg("--json").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut bridge = Running(bridge);
    let said = warnings(&mut bridge.0);
    let until = |code: &str| {
        while !said.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no {code}")).contains(code) {}
    };
    let topics =
        |asked: &[(String, [u8; 2])]| asked.iter().map(|(topic, _)| topic.clone()).collect::<Vec<_>>();
    let (states, commands) = ("stickshift/rack/+/state", "stickshift/rack/+/command");
    // The head of what is retained, 2 MiB of it.
    let head = [0x31, 0x80, 0x80, 0x80, 0x01];
    let (mut stream, asked) = subscriptions(&listener, 2);
    assert_eq!(topics(&asked), [states, commands]);
    stream.write_all(&head).unwrap();
    until("message-too-large");
    let (mut stream, asked) = subscriptions(&listener, 1);
    assert_eq!(topics(&asked), [commands]);
    let [high, low] = asked[0].1;
    stream.write_all(&[0x90, 3, high, low, 0x80]).unwrap();
    until("subscription-refused");
    stream.write_all(&head).unwrap();
    until("message-too-large");
}

/// A broker's publication with QoS 1.
fn publication(packet: u16, topic: &str, payload: &str) -> Vec<u8> {
    let mut body = (topic.len() as u16).to_be_bytes().to_vec();
    body.extend(topic.as_bytes());
    body.extend(packet.to_be_bytes());
    body.extend(payload.as_bytes());
    // The length of each is between 128 and 16,383.
    let mut out = vec![0x32, (body.len() % 128) as u8 | 0x80, (body.len() / 128) as u8];
    out.extend(body);
    out
}

fn sms(id: &str) -> String {
    format!(
        r#"{{"id":"{id}","do":"sms-send","to":"+12345678901","text":"a text that makes it long enough"}}"#
    )
}

/// Every command that is acknowledged has its end in the outbox, or is known to have begun.
#[test]
fn no_command_that_was_acknowledged_is_lost() {
    const BURST: u16 = 200;
    for (signal, all) in [(Signal::TERM, true), (Signal::KILL, false)] {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut bridge = bridge(folder.path(), listener.local_addr().unwrap().port());
        let (mut stream, _) = subscriptions(&listener, 2);
        let burst =
            (1..=BURST).map(|n| publication(n, "stickshift/rack/1-1/command", &sms(&format!("k{n}."))));
        stream.write_all(&burst.collect::<Vec<_>>().concat()).unwrap();
        let mut acknowledged = BTreeSet::new();
        // Whatever is killed at once has acknowledged nothing that could be lost.
        while !all && acknowledged.is_empty() {
            if let (4, body) = packet(&mut stream) {
                acknowledged.insert(u16::from_be_bytes([body[0], body[1]]));
            }
        }
        kill_process(Pid::from_child(&bridge.0), signal).unwrap();
        while let Ok((kind, body)) = next_packet(&mut stream) {
            match kind {
                4 => drop(acknowledged.insert(u16::from_be_bytes([body[0], body[1]]))),
                10 => stream.write_all(&[0xb0, 2, body[0], body[1]]).unwrap(),
                _ => {}
            }
        }
        let _ = bridge.0.wait();
        let outbox = std::fs::read_to_string(folder.path().join("state/virtual/mqtt-rack.outbox")).unwrap();
        let lost = |n: &&u16| {
            let (end, begun) = (format!("\"result-k{n}.\""), format!("\"id\":\"k{n}.\""));
            !outbox.contains(&end) && !outbox.contains(&begun)
        };
        let lost: Vec<&u16> = acknowledged.iter().filter(lost).collect();
        assert!(lost.is_empty(), "{signal:?}: {lost:?}");
        if all {
            assert_eq!(acknowledged.len(), usize::from(BURST), "what came before the end is answered");
            let told = outbox.matches("not begun: the bridge ended").count();
            assert!(told > 0 && outbox.matches("\"result-k").count() >= usize::from(BURST), "{told}");
        }
    }
}

/// The broker sends it again, to a bridge that can keep it.
#[test]
#[cfg(target_os = "linux")]
fn a_command_that_the_outbox_cannot_keep_is_not_acknowledged() {
    use rustix::process::{Resource, Rlimit, prlimit};

    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let broker = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
    let mut bridge = bridge_command(folder.path(), &broker, "rack");
    let mut bridge = Running(bridge.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let (mut stream, _) = subscriptions(&listener, 2);
    // From here on no file grows.
    let full = Rlimit { current: Some(0), maximum: Some(0) };
    prlimit(Some(Pid::from_child(&bridge.0)), Resource::Fsize, full).unwrap();
    stream.write_all(&publication(7, "stickshift/rack/1-1/command", &sms("k7."))).unwrap();
    while let Ok((kind, body)) = next_packet(&mut stream) {
        assert!(kind != 4, "it acknowledges {body:?}, and has it nowhere");
        if kind == 10 {
            stream.write_all(&[0xb0, 2, body[0], body[1]]).unwrap();
        }
    }
    let mut said = String::new();
    bridge.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("mqtt-rack.outbox (file-unwritable)"), "{said}");
    let outbox = std::fs::read_to_string(folder.path().join("state/virtual/mqtt-rack.outbox")).unwrap();
    assert!(!outbox.contains("k7."), "{outbox}");
}

#[test]
fn a_command_waits_for_room_in_the_outbox() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("outbox");
    let full =
        (0..10_000).map(|n| format!("{{\"put\":{{\"id\":\"m{n}\",\"topic\":\"t\",\"payload\":\"\"}}}}\n"));
    std::fs::write(&file, full.collect::<String>()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let broker = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
    let mut bridge = bridge_command(folder.path(), &broker, "rack");
    let bridge = bridge.arg("--json").arg("--outbox").arg(&file).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut bridge = Running(bridge.spawn().unwrap());
    let said = warnings(&mut bridge.0);
    let (mut stream, _) = subscriptions(&listener, 2);
    stream.write_all(&publication(7, "stickshift/rack/1-1/command", &sms("c1"))).unwrap();
    while !said.recv_timeout(PATIENCE).expect("it says that commands wait").contains("commands wait") {}
    assert!(!std::fs::read_to_string(&file).unwrap().contains("c1"), "it was not begun");
    // Each packet that the bridge sent is acknowledged from here on; the first one of them that it sends itself is the command's.
    let mut is_acknowledged = false;
    loop {
        let (kind, body) = packet(&mut stream);
        let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
        match kind {
            3 => stream.write_all(&[0x40, 2, body[2 + topic], body[3 + topic]]).unwrap(),
            4 => is_acknowledged = body == [0, 7],
            _ => {}
        }
        if kind == 3 && body[2..2 + topic].ends_with(b"/1-1/result") {
            let payload: Value = serde_json::from_slice(&body[4 + topic..]).unwrap();
            assert_eq!((&payload["id"], &payload["line"]["verdict"]), (&"c1".into(), &"done".into()));
            assert!(is_acknowledged);
            return;
        }
    }
}
