//! The verbs that speak AT against a modem that is not ours: tests/peers/at_modem.py behind a pty, as quiet and as noisy as it gets.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

struct Modem {
    process: Child,
    port: String,
    folder: tempfile::TempDir,
}

/// What a verb ended with.
struct Ended {
    code: Option<i32>,
    text: String,
}

impl Modem {
    /// `None` where there is no Python.
    fn start(options: &[&str]) -> Option<Modem> {
        if !test_support::python_is_here() {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new("python3")
            .arg(test_support::peer("at_modem.py"))
            .args(options)
            .arg("--log")
            .arg(folder.path().join("log"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Some(Modem { process, port: port.trim().to_owned(), folder })
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(&[], arguments)
    }

    fn run_with(&self, codes: &[(&str, &str)], arguments: &[&str]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stickshift"));
        command.args(arguments).args(["--yes", "--port", &self.port]).envs(codes.iter().copied());
        let run = command.output().unwrap();
        let text = [run.stdout, run.stderr].concat();
        Ended { code: run.status.code(), text: String::from_utf8_lossy(&text).into_owned() }
    }

    /// What it was asked.
    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

impl Drop for Modem {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What each verb says of this modem, in a word or two.
const ANSWERS: [(&[&str], &str); 8] = [
    (&["at", "ATI"], "\nRevision: 21.180.01.00.00\n"),
    (
        &["signal"],
        "Orange  LTE  registered  RSSI -91.0 dBm  RSRP -122.0 dBm  RSRQ <= -19.5 dB  SINR -7.0 dB\n",
    ),
    (&["sms", "list"], "    Hello\n"),
    (&["sms", "read", "3"], "+12345678901"),
    (&["sms", "send", "+12345678901", "Hello"], "sent\n"),
    (&["ussd", "*100#"], "Balance: 5\n"),
    (&["pin", "status"], "tries left: PIN 3, PUK 10\n"),
    (&["ports", "show"], "A1,A2;12,1,16,A1,A2"),
];

/// What `^HCSQ:"LTE",41,36,121,18` comes to, one of its reports.
const REPORTED: &str =
    "Orange  LTE  registered  RSSI -80.0 dBm  RSRP -105.0 dBm  RSRQ -11.0 dB  SINR 4.0 dB\n";

#[test]
fn noise_changes_nothing() {
    let noisy: Vec<String> = (3..=6).map(|seed| seed.to_string()).collect();
    let mut kinds: Vec<Vec<&str>> = vec![vec![], vec!["--digits"], vec!["--swallow", "2"]];
    kinds.extend(noisy.iter().map(|seed| vec!["--noise", seed, "--digits", "--swallow", "3"]));
    for kind in &kinds {
        let Some(modem) = Modem::start(kind) else { return };
        for (arguments, answer) in ANSWERS {
            let ended = modem.run(arguments);
            // What the modem reports unasked, under the same name, is a reading too.
            let reported =
                arguments == ["signal"] && kind.contains(&"--noise") && ended.text.contains(REPORTED);
            assert!(
                ended.code == Some(0) && (ended.text.contains(answer) || reported),
                "{kind:?} {arguments:?}: {:?}\n{}\n{}",
                ended.code,
                ended.text,
                modem.log()
            );
        }
        // The vector of docs/protocols/hilink-at.md: "Hello" to +12345678901, with the relay's own validity.
        let pdu = modem.log().lines().rev().find_map(|l| l.strip_prefix("> ").map(str::to_owned)).unwrap();
        assert!(pdu.starts_with("00") && pdu.ends_with("05C8329BFD06"), "{pdu}");
    }
}

#[test]
fn an_older_stick_is_read_by_what_it_knows() {
    let Some(modem) = Modem::start(&["--style", "3g"]) else { return };
    for (arguments, answer) in [
        (&["signal"][..], "Orange  HSPA  registered  RSSI -73.0 dBm\n"),
        (&["sms", "list"], "    Hello\n"),
        (&["ports", "show"], "does not report"),
    ] {
        let ended = modem.run(arguments);
        assert!(ended.code == Some(0) && ended.text.contains(answer), "{arguments:?}: {}", ended.text);
    }
    let ended = modem.run(&["at", "AT^HCSQ?"]);
    assert!(ended.code == Some(5) && ended.text.contains("(at-refused)"), "{}", ended.text);
}

#[test]
fn the_last_try_is_not_spent_and_no_code_is_shown() {
    let Some(modem) = Modem::start(&["--pin", "4321", "--noise", "5"]) else { return };
    let wrong = [("STICKSHIFT_PIN", "9876")];
    let ended = modem.run(&["sms", "list"]);
    assert!(ended.code == Some(5) && ended.text.contains("(sim-pin-needed)"), "{}", ended.text);
    for (kind, tries) in [("(wrong-pin)", 2), ("(wrong-pin)", 1), ("(last-try)", 1)] {
        let ended = modem.run_with(&wrong, &["pin", "enter", "--verbose"]);
        assert!(ended.code == Some(5) && ended.text.contains(kind), "{}", ended.text);
        assert!(
            ended.text.contains(&format!("tries {tries}")) && !ended.text.contains("9876"),
            "{}",
            ended.text
        );
    }
    assert_eq!(modem.log().matches("9876").count(), 2, "{}", modem.log());
    let ended = modem.run_with(&[("STICKSHIFT_PIN", "4321")], &["pin", "enter", "--spend-last-try"]);
    assert!(ended.code == Some(0) && ended.text.contains("ready"), "{}", ended.text);
}

#[test]
fn a_blocked_sim_is_unblocked_with_its_puk() {
    let Some(modem) = Modem::start(&["--pin", "4321"]) else { return };
    for _ in 0..3 {
        modem.run_with(&[("STICKSHIFT_PIN", "9876")], &["pin", "enter", "--spend-last-try"]);
    }
    assert!(modem.run(&["pin", "status"]).text.contains("PIN 0, PUK 10"));
    let codes = [("STICKSHIFT_PUK", "12345678"), ("STICKSHIFT_NEW_PIN", "1111")];
    let ended = modem.run_with(&codes, &["pin", "unblock"]);
    assert!(ended.code == Some(0) && ended.text.contains("ready"), "{}", ended.text);
    assert!(!ended.text.contains("12345678") && !ended.text.contains("1111"), "{}", ended.text);
}

#[test]
fn a_set_of_ports_without_at_is_not_sent() {
    let Some(modem) = Modem::start(&[]) else { return };
    let ended = modem.run(&["ports", "set", "FF;10,16"]);
    assert!(ended.code == Some(5) || ended.code == Some(2), "{:?} {}", ended.code, ended.text);
    assert!(!modem.log().contains("SETPORT=\"FF;10,16\""), "{}", modem.log());
    let ended = modem.run(&["ports", "set", "modem,ncm"]);
    assert!(ended.code == Some(5) && ended.text.contains("(locks-out)"), "{}", ended.text);
    let ended = modem.run(&["ports", "set", "at,modem,telepathy"]);
    assert!(ended.code == Some(2) && ended.text.contains("telepathy"), "{}", ended.text);
    assert!(!modem.log().contains("SETPORT=\""), "{}", modem.log());
    let ended = modem.run(&["ports", "set", "at,modem,ncm"]);
    assert_eq!(ended.code, Some(0), "{}", ended.text);
    assert!(modem.log().contains("AT^SETPORT=\"FF;12,1,16\""), "{}", modem.log());
    let ended = modem.run(&["ports", "set", "at,modem,sd", "--cdrom-first"]);
    assert!(modem.log().contains("AT^SETPORT=\"A1;12,1,A2\""), "{} {}", ended.text, modem.log());
    let ended = modem.run(&["ports", "set", "FF;12,10,16"]);
    assert_eq!(ended.code, Some(0), "{}", ended.text);
    assert!(modem.log().contains("AT^SETPORT=\"FF;12,10,16\""), "{}", modem.log());
}

#[test]
fn bands_are_changed_and_nobody_is_locked_out() {
    let Some(modem) = Modem::start(&["--noise", "4"]) else { return };
    let ended = modem.run(&["network", "set", "--mode", "lte,umts", "--lte", "3,7,20"]);
    assert!(ended.code == Some(0) && ended.text.contains("LTE bands     3,7,20\n"), "{}", ended.text);
    assert!(modem.log().contains("AT^SYSCFGEX=\"0302\",3FFFFFFF,1,2,80044,,\n"), "{}", modem.log());
    let ended = modem.run(&["network", "show"]);
    assert!(ended.text.contains("technologies  lte,umts\n"), "{}", ended.text);
    let before = modem.log().matches("SYSCFGEX=").count();
    for locked in
        [&["--mode", "umts", "--other", "0x0"][..], &["--mode", "lte", "--other", "all", "--lte", "0"]]
    {
        let ended = modem.run(&[&["network", "set"], locked].concat());
        assert!(matches!(ended.code, Some(2 | 5)), "{:?} {}", ended.code, ended.text);
    }
    assert_eq!(modem.log().matches("SYSCFGEX=").count(), before, "{}", modem.log());
}
