//! Texts of somebody else on a terminal: nothing in them is obeyed, and nothing in them is a line of ours.

#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;

/// Clears the screen, turns it red, turns the line around, and says that all is well.
const MARKER: &str =
    "M\u{1b}[2J\u{9b}31m\u{202e}\u{7}\r\nstick: done: all fine\n  stick: done: all fine\u{2028}";

/// Texts and numbers of every reply that is read, each element where some call looks for it.
fn document() -> String {
    let texts = [
        "DeviceName",
        "devicename",
        "HardwareVersion",
        "SoftwareVersion",
        "WebUIVersion",
        "ProductFamily",
        "Classify",
        "SerialNumber",
        "Imei",
        "Imsi",
        "Iccid",
        "Msisdn",
        "supportmode",
        "workmode",
        "FullName",
        "ShortName",
        "Numeric",
        "content",
        "WanIPAddress",
        "PrimaryDns",
        "SecondaryDns",
        "rssi",
        "band",
        "cell_id",
        "SimState",
    ];
    let texts: String = texts.iter().map(|name| format!("<{name}>{MARKER}</{name}>")).collect();
    format!(
        "<response><State>0</State><ConnectionStatus>901</ConnectionStatus><CurrentNetworkType>19</CurrentNetworkType>\
         <SimStatus>1</SimStatus><Rat>7</Rat><dataswitch>1</dataswitch><LocalInbox>1</LocalInbox><Count>1</Count><Messages><Message><Smstat>0</Smstat>\
         <Index>1</Index><Phone>{MARKER}</Phone><Content>{MARKER}</Content><Date>{MARKER}</Date><SmsType>1</SmsType>\
         </Message></Messages><CurrentProfile>1</CurrentProfile><Profiles><Profile><Index>1</Index><Name>{MARKER}</Name>\
         <ApnName>{MARKER}</ApnName></Profile></Profiles>{texts}</response>"
    )
}

/// A web server that says the same to everybody. Its address.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let (mut first, mut line, mut length) = (String::new(), String::new(), 0);
            reader.read_line(&mut first).unwrap();
            while reader.read_line(&mut line).unwrap() > 2 {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            reader.read_exact(&mut vec![0; length]).unwrap();
            let body = match first.starts_with("POST") && !first.contains("sms-list") {
                true => "<response>OK</response>".to_owned(),
                false => document(),
            };
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = reader.get_mut().write_all(format!("{head}{body}").as_bytes());
        }
    });
    url
}

/// Runs a verb in each of its manners. How many of them told something of the marker.
fn told(arguments: &[&str], way_in: &[&str]) -> usize {
    let mut told = 0;
    for manner in [&[][..], &["--json"], &["--verbose"], &["--json", "--verbose"]] {
        let run = Command::new(env!("CARGO_BIN_EXE_stickshift"))
            .args(arguments)
            .args(way_in)
            .args(manner)
            .args(["--yes"])
            .output()
            .unwrap();
        let what = [arguments, manner].concat().join(" ");
        let both = [("stdout", run.stdout), ("stderr", run.stderr)];
        let mut marked = false;
        for (name, bytes) in both {
            let text = String::from_utf8(bytes).unwrap_or_else(|e| panic!("{what}: {name} is no text: {e}"));
            let obeyed = |c: char| c != '\n' && stickshift::clean::is_obeyed(c);
            assert!(!text.contains(obeyed), "{what}: {name}: {text:?}");
            let forged = text
                .lines()
                .find(|line| line.starts_with("stick: do") || line.starts_with("  stick: done: all"));
            assert_eq!(forged, None, "{what}: {name}:\n{text}");
            marked |= text.contains("[2J") || text.contains("stick: do");
        }
        told += usize::from(marked);
    }
    told
}

#[test]
fn what_a_web_server_says_is_never_obeyed() {
    let url = server();
    let way_in = ["--url", &url];
    for (arguments, tells) in [
        (&["hilink", "info"][..], true),
        (&["hilink", "info", "--unmasked"], true),
        (&["hilink", "status"], true),
        (&["hilink", "signal"], false),
        (&["hilink", "traffic"], false),
        (&["hilink", "profile"], true),
        (&["hilink", "updates"], false),
        (&["hilink", "raw", "/api/device/information"], true),
        (&["hilink", "raw", "/api/device/information", "--unmasked"], true),
        (&["sms", "list"], true),
        (&["sms", "read", "1"], true),
        (&["ussd", "*100#"], true),
        (&["signal"], false),
        (&["pin", "status"], false),
    ] {
        let told = told(arguments, &way_in);
        assert!(told > 0 || !tells, "{arguments:?} does not tell the marker: the test sees nothing");
    }
}

#[test]
fn what_a_modem_says_is_never_obeyed() {
    if !test_support::python_is_here() {
        return;
    }
    let mut modem = Command::new("python3")
        .arg(test_support::peer("at_modem.py"))
        .args(["--marker", &MARKER.replace(['\r', '\n'], "")])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut port = String::new();
    BufReader::new(modem.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let way_in = ["--port", port.trim()];
    let verbs = [
        (&["at", "ATI", "AT+COPS?"][..], true),
        (&["at", "AT^NONE"], false),
        (&["sms", "list"], true),
        (&["ussd", "*100#"], true),
        (&["network", "show"], false),
        (&["signal"], true),
        (&["ports", "show"], false),
        (&["pin", "status"], false),
        (&["identify"], true),
    ];
    let told: Vec<_> = verbs.map(|(verb, tells)| (verb, tells, told(verb, &way_in))).into();
    modem.kill().unwrap();
    modem.wait().unwrap();
    for (verb, tells, times) in told {
        assert!(times > 0 || !tells, "{verb:?} does not tell the marker: the test sees nothing");
    }
}
