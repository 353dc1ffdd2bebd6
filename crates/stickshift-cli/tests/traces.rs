//! `--trace`: what was said to a stick is on the tape, plays back, and shows no secrets.

#![cfg(feature = "virtual")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use stickshift::at::{At, identify};
use stickshift::boot::{self, Changes, Loader};
use stickshift::event::Session;
use stickshift::hilink::{Hilink, device};
use stickshift::link::{
    ByteLink, Direction, HttpLink, HttpRequest, HttpResponse, Moment, Tape, TapeLink, TapeUsb, UsbLink,
};
use stickshift::switch::View;

/// Runs a verb with a trace, and gives its text.
fn traced(folder: &Path, arguments: &[&str]) -> String {
    let run = Command::new(env!("CARGO_BIN_EXE_stickshift"))
        .args(arguments)
        .args(["--trace", "trace.txt", "--quiet", "--force"])
        .current_dir(folder)
        .env("STICKSHIFT_STATE", "journals")
        .env("STICKSHIFT_PIN", "4711")
        .env("STICKSHIFT_PASSWORD", "a-password")
        .output()
        .unwrap();
    assert!(!run.stderr.starts_with(b"error: unexpected"), "{}", String::from_utf8_lossy(&run.stderr));
    std::fs::read_to_string(folder.join("trace.txt")).unwrap()
}

/// No IMEI of a virtual stick, no PIN, no password, neither in hex nor in a comment.
fn shows_nothing_secret(trace: &str) {
    for secret in ["86000000000000", "4711", "a-password"] {
        let hex: String = secret.bytes().map(|b| format!("{b:02x}")).collect();
        assert!(!trace.contains(&hex), "{secret} in hex");
        let said = trace.lines().filter(|l| l.starts_with('#')).any(|l| l.contains(secret));
        assert!(!said, "{secret} in a comment");
    }
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new(env!("CARGO_BIN_EXE_stickshift"))
        .args(["rehearse", "--files", "."])
        .current_dir(folder.path())
        .status();
    assert!(made.unwrap().success());
    folder
}

#[test]
fn at_commands() {
    let folder = folder();
    let trace = traced(folder.path(), &["at", "ATI", "--virtual", "e3372h-stick"]);
    shows_nothing_secret(&trace);
    let mut link = TapeLink::new(Tape::parse(&trace).unwrap());
    let mut at = At::new(&mut link);
    at.init().unwrap();
    let information = at.run(&identify::information()).unwrap();
    assert_eq!(information.model, "E3372");
    assert!(link.is_finished());
    shows_nothing_secret(&traced(folder.path(), &["pin", "enter", "--virtual", "e3372h-stick"]));
}

/// A tape of web requests as a web server.
struct TapeHttp(TapeLink);

impl HttpLink for TapeHttp {
    fn request(&mut self, request: &HttpRequest) -> stickshift::error::Result<HttpResponse> {
        let mut bytes = format!("{} {}\r\n", request.method, request.path).into_bytes();
        for (name, value) in &request.headers {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&request.body);
        self.0.write(&bytes)?;
        let mut buffer = vec![0; 1 << 16];
        let deadline = self.0.now() + request.timeout;
        let n = self.0.read(&mut buffer, deadline)?;
        let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().parse().unwrap();
        let headers = lines.filter_map(|l| l.split_once(':')).map(|(n, v)| (n.into(), v.trim().into()));
        Ok(HttpResponse { status, headers: headers.collect(), body: body.as_bytes().to_vec() })
    }

    fn now(&self) -> Moment {
        self.0.now()
    }

    fn sleep(&mut self, time: std::time::Duration) {
        self.0.sleep(time);
    }
}

#[test]
fn web_requests() {
    let folder = folder();
    let trace = traced(folder.path(), &["hilink", "info", "--virtual", "e3372h-hilink"]);
    shows_nothing_secret(&trace);
    let mut link = TapeHttp(TapeLink::new(Tape::parse(&trace).unwrap()));
    let mut web = Hilink::open(&mut link, |bytes| bytes.fill(0)).unwrap();
    assert!(web.login_state().is_ok());
    let information = web.call(&device::information()).unwrap();
    assert_eq!(information.hardware.as_deref(), Some("CL2E3372HM"));
}

#[test]
fn a_loader() {
    let folder = folder();
    let trace = traced(folder.path(), &["load", "loader.bin", "--yes", "--virtual", "e3372h-needle"]);
    let mut loader = Loader::parse(std::fs::read(folder.path().join("loader.bin")).unwrap()).unwrap();
    loader.change(&Changes::default()).unwrap();
    let mut link = TapeLink::new(Tape::parse(&trace).unwrap());
    let sent = boot::download(&mut link, &loader, &mut Session::quiet()).unwrap();
    assert!(link.is_finished() && sent.repeated == 0);
}

#[test]
fn firmware() {
    let folder = folder();
    let trace = traced(folder.path(), &["flash", "webui.bin", "--yes", "--virtual", "e3372h-loader"]);
    shows_nothing_secret(&trace);
    // The flash port's part; afterwards the stick is asked what it is, and tells identities.
    let tape = Tape::parse(trace.split("# GET").next().unwrap()).unwrap();
    let sent: usize =
        tape.entries.iter().filter(|(d, _)| *d == Direction::ToStick).map(|(_, bytes)| bytes.len()).sum();
    assert!(sent > 370_000, "{sent} bytes");
    // The AT dialogues before and after hide identities and secrets; the packets between them hide nothing.
    let packets = tape.entries.iter().filter(|(_, bytes)| bytes.first() == Some(&Some(0x7e)));
    let packets: Vec<_> = packets.map(|(_, bytes)| bytes).collect();
    assert!(packets.len() > 100 && packets.iter().all(|bytes| bytes.iter().all(Option::is_some)));
}

#[test]
fn a_switch() {
    let folder = folder();
    let trace = traced(folder.path(), &["switch", "--virtual", "k3772"]);
    let usb = trace.split("# open").nth(1).unwrap();
    let usb = usb.split_once('\n').unwrap().1;
    let mut link = TapeUsb::new(Tape::parse(usb).unwrap()).unwrap();
    assert_eq!(link.device_descriptor()[8..12], [0xd1, 0x12, 0x26, 0x15]);
    assert!(View::of(&mut link).is_ok());
    assert!(trace.contains("555342431234567800000000000000110620000001010001000000"), "{trace}");
}

/// The message that switches a K3772, in a trace.
const MESSAGE: &str = "555342431234567800000000000000110620000001010001000000";

#[test]
fn the_watcher() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("trace.txt"), "# an older one\n").unwrap();
    let mut watcher = Command::new(env!("CARGO_BIN_EXE_stickshift"))
        .args(["watch", "--virtual", "k3772", "--trace", "trace.txt", "--force"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watcher.stdout.take().unwrap()).lines().map(|line| line.unwrap());
    let switched = lines.find(|line| line.contains("12d1:14cf"));
    watcher.kill().unwrap();
    watcher.wait().unwrap();
    assert!(switched.is_some());
    let trace = std::fs::read_to_string(folder.path().join("trace.txt")).unwrap();
    assert!(trace.starts_with("# open 1-1 usb") && trace.contains(MESSAGE), "{trace}");
}

#[test]
#[cfg(unix)]
fn under_the_name_usb_modeswitch() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("usb_modeswitch");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_stickshift"), &link).unwrap();
    let run = Command::new(link)
        .args(["-v", "12d1", "-p", "1526", "-J"])
        .env("STICKSHIFT_VIRTUAL", "k3772")
        .env("STICKSHIFT_TRACE", folder.path().join("trace.txt"))
        .output()
        .unwrap();
    assert!(run.status.success(), "{run:?}");
    let trace = std::fs::read_to_string(folder.path().join("trace.txt")).unwrap();
    assert!(trace.contains(MESSAGE), "{trace}");
}

#[test]
fn a_verb_that_only_looks_sends_nothing() {
    let folder = folder();
    assert_eq!(traced(folder.path(), &["list", "--virtual", "k3772"]), "");
    // Whether a virtual stick may be opened is seen by opening it, which reads its descriptors.
    let trace = traced(folder.path(), &["doctor", "--virtual", "k3772"]);
    let mut asked = trace.lines().filter(|line| line.starts_with('>'));
    assert!(asked.all(|line| line.starts_with("> 8006")), "{trace}");
}

#[test]
fn an_older_trace_stays_until_something_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trace.txt");
    let older = "# open 1-1 usb\n> 01\n";
    std::fs::write(&file, older).unwrap();
    // Refused before a bus is opened; no such stick; a stick that is only looked at.
    for verb in [
        &["switch", "--virtual", "no-such-stick"][..],
        &["identify", "9-9", "--virtual", "k3772"],
        &["list", "--virtual", "k3772"],
    ] {
        assert_eq!(traced(folder.path(), verb), older, "{verb:?}");
    }
    #[cfg(unix)]
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    let trace = traced(folder.path(), &["switch", "--virtual", "k3772"]);
    assert!(trace.contains(MESSAGE) && !trace.contains("> 01\n"), "{trace}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o640);
    }
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().ends_with(".tmp")), "{names:?}");
}

/// What is secret in the runs below; the virtual sticks' IMEI and IMSI begin so.
const SECRETS: [&str; 7] =
    ["4915199988877", "a-secret-text", "4711", "0815", "a-password", "86000000000000", "*1337*42#"];

/// Every byte of a trace that is not masked, comments and entries after each other.
fn unmasked(trace: &str) -> String {
    let mut shown = String::new();
    for line in trace.lines() {
        shown.push('\n');
        match line.strip_prefix('#') {
            Some(comment) => shown.push_str(comment),
            None => {
                let tape = Tape::parse(line).unwrap();
                let bytes = tape.entries.iter().flat_map(|(_, bytes)| bytes);
                shown.extend(bytes.map(|b| b.map_or('*', char::from)));
            }
        }
    }
    shown
}

#[test]
fn no_secret_leaves_through_a_trace_an_error_or_a_journal() {
    let folder = folder();
    let mut runs = 0;
    for stick in ["e3372h-stick", "e3372h-hilink"] {
        for verb in [
            &["sms", "send", "+4915199988877", "a-secret-text"][..],
            &["sms", "list"],
            &["ussd", "*1337*42#"],
            &["pin", "status"],
            &["pin", "enter"],
            &["pin", "change"],
            &["pin", "enable"],
            &["pin", "disable"],
            &["pin", "unblock"],
            &["signal"],
            &["network", "status"],
            &["ports", "show"],
            &["identify"],
            &["hilink", "info"],
            &["hilink", "status"],
            &["hilink", "info", "--user", "admin"],
            &["hilink", "profile"],
            &["at", "AT+CPBW=1,\"4915199988877\",145,\"a-secret-text\""],
            &["at", "ATD4915199988877;"],
            &["at", "AT^AUTHDATA=1,2,\"a\",\"a-password\",\"b\""],
            &["at", "AT+CMGS=\"+4915199988877\""],
            &["at", "AT+CGSN"],
            &["at", "AT+CIMI;+CGSN"],
            &[
                "convert",
                "--to",
                "stick",
                "--firmware",
                "firmware.bin",
                "--user",
                "admin",
                "--allow-no-loader",
                "--yes",
            ],
        ] {
            for output in [&["-v"][..], &["--json"]] {
                let run = Command::new(env!("CARGO_BIN_EXE_stickshift"))
                    .args(verb)
                    .args(output)
                    .args(["--virtual", stick, "--trace", "trace.txt", "--force"])
                    .current_dir(folder.path())
                    .env("STICKSHIFT_STATE", "journals")
                    .env("STICKSHIFT_PIN", "4711")
                    .env("STICKSHIFT_NEW_PIN", "0815")
                    .env("STICKSHIFT_PUK", "47110815")
                    .env("STICKSHIFT_PASSWORD", "a-password")
                    .output()
                    .unwrap();
                runs += 1;
                let said = String::from_utf8_lossy(&run.stderr).into_owned();
                assert!(!said.contains("error: unexpected argument"), "{verb:?}: {said}");
                let trace = std::fs::read_to_string(folder.path().join("trace.txt")).unwrap_or_default();
                let mut places = vec![("the trace", unmasked(&trace)), ("what is said on the way", said)];
                if !run.status.success() {
                    places.push(("the error", String::from_utf8_lossy(&run.stdout).into_owned()));
                }
                for journal in std::fs::read_dir(folder.path().join("journals/virtual")).into_iter().flatten()
                {
                    let text = std::fs::read(journal.unwrap().path()).unwrap();
                    places.push(("the journal", String::from_utf8_lossy(&text).into_owned()));
                }
                for (place, text) in places {
                    for secret in SECRETS {
                        let line = text.lines().find(|line| line.contains(secret));
                        assert!(line.is_none(), "{verb:?} on {stick}: {secret} in {place}: {line:?}");
                    }
                }
            }
        }
    }
    println!("{runs} runs, {} secrets looked for in each", SECRETS.len());
}

/// What an owner types into the wrong place: no output, error or trace shows it, only the stick sees it.
#[test]
fn what_was_typed_by_mistake_is_shown_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let secret = "SeCr3t";
    let hex: String = secret.bytes().map(|b| format!("{b:02x}")).collect();
    let at = ["at", "--virtual", "e3372h-stick"];
    let web = ["hilink", "--virtual", "e3372h-hilink"];
    let mut runs = 0;
    let mut look = |command: &[&str]| {
        for more in [&[][..], &["-v"], &["-vv"], &["--json"], &["--trace", "trace", "--force"]] {
            let run = Command::new(env!("CARGO_BIN_EXE_stickshift"))
                .args(command)
                .args(more)
                .current_dir(folder.path())
                .output()
                .unwrap();
            let trace = std::fs::read_to_string(folder.path().join("trace")).unwrap_or_default();
            for text in
                [&*String::from_utf8_lossy(&run.stdout), &*String::from_utf8_lossy(&run.stderr), &*trace]
            {
                assert!(!text.contains(secret) && !text.contains(&hex), "{command:?} {more:?}: {text}");
            }
            runs += 1;
        }
    };
    for typed in [
        "AT+CMGF=\"SeCr3t\"",
        "AT+CMGF=SeCr3t",
        "AT+CMGF=1;SeCr3t",
        "AT+CMGF=1;+CPIN=\"SeCr3t\"",
        "AT+COPS=4,2,\"SeCr3t\"",
        "AT+CSQ=SeCr3t",
        "AT+CREG?SeCr3t",
        "AT^SETPORT=\"SeCr3t;SeCr3t\"",
        "AT^SYSCFGEX=\"00\",\"SeCr3t\"",
        "AT+CPMS=\"SeCr3t\"",
        "AT+CFUN=SeCr3t",
        "AT^NVRDEX=SeCr3t",
        "ATZSeCr3t",
        "ATISeCr3t",
        "AT +CMGF=SeCr3t",
        "AT*SeCr3t",
        "AT$NOSUCH=SeCr3t",
    ] {
        look(&[&at[..], &[typed]].concat());
    }
    for path in ["/api/x?SeCr3t", "/api/x#SeCr3t", "/api/x;SeCr3t", "/api/device/information?a=SeCr3t"] {
        look(&[&web[..], &["raw", path]].concat());
    }
    for url in ["http://user:SeCr3t@127.0.0.1", "https://u:SeCr3t@h/x", "http://h/?SeCr3t", "user:SeCr3t@h"] {
        look(&["hilink", "info", "--url", url]);
        look(&["identify", "--url", url]);
    }
    println!("{runs} runs with something secret in the wrong place");
}
