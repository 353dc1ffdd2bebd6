//! The system's pppd dials a virtual stick over a pty: what it agrees on, what it fetches, and how it ends.

#![cfg(target_os = "linux")]

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use stickshift_emu::attach::pty::serve_ptys;
use stickshift_emu::fault::FaultPlan;
use stickshift_emu::sticks::huawei::{HuaweiOptions, HuaweiStick, Timing};

const PPPD: &str = "/usr/sbin/pppd";
const CHAT: &str = "/usr/sbin/chat";

/// Whether pppd can run; skips the test where it cannot.
fn pppd_is_here() -> bool {
    let why = if !Path::new(PPPD).exists() || !Path::new(CHAT).exists() {
        "pppd is not installed"
    } else if OpenOptions::new().read(true).write(true).open("/dev/ppp").is_err() {
        "the kernel has no PPP, or this user may not use it"
    } else {
        let own_network = Command::new("unshare").args(["-n", "true"]).stderr(Stdio::null()).status();
        if own_network.is_ok_and(|status| status.success()) {
            return true;
        }
        "this user may not have a network of its own"
    };
    test_support::skip(why);
    false
}

/// What pppd said, and its exit code.
struct Ended {
    code: Option<i32>,
    text: String,
}

/// Plugs a stick in, dials it in a network namespace of its own, runs `then` there once the link is up, and ends pppd.
fn dialled(faults: &str, context: &str, options: &[&str], then: &str) -> Ended {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("ports");
    let stop = AtomicBool::new(false);
    let (tell, told) = mpsc::channel::<Vec<PathBuf>>();
    let plan = FaultPlan::parse(faults, 1).unwrap();
    let stick = HuaweiOptions { timing: Timing::quick(), faults: plan, ..HuaweiOptions::stick() };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut stick = HuaweiStick::new(stick);
            serve_ptys(&mut stick, &folder, &stop, &mut |_, ports| {
                let _ = tell.send(ports.iter().map(|p| p.link.clone()).collect());
            })
            .unwrap();
        });
        let ports = told.recv().unwrap();
        let tty = ports[0].canonicalize().unwrap();
        let ended = pppd(&tty, directory.path(), context, options, then);
        stop.store(true, Ordering::Relaxed);
        ended
    })
}

fn pppd(tty: &Path, folder: &Path, context: &str, options: &[&str], then: &str) -> Ended {
    let log = folder.join("log");
    let chat = format!(
        "{CHAT} -s ABORT ERROR ABORT 'NO CARRIER' '' ATE0 OK 'AT+CGDCONT=1,{context}' OK 'ATD*99#' CONNECT"
    );
    // pppd, whatever is to be done while the link is up, and its end. Its exit code is the script's.
    let script = r#"
        "$PPPD" "$TTY" nodetach local noauth noipdefault nodefaultroute usepeerdns noccp novj nolock "$@" connect "$CHAT_LINE" &
        pppd=$!
        while kill -0 $pppd 2>/dev/null && ! grep -q "secondary DNS address" "$LOG"; do sleep 0.1; done
        if kill -0 $pppd 2>/dev/null; then
            ip route add default dev ppp0
            ( eval "$THEN" ) || echo "failed: $THEN"
            kill $pppd
        fi
        wait $pppd
    "#;
    let output = File::create(&log).unwrap();
    let status = Command::new("unshare")
        .args(["-n", "bash", "-c", script, "bash"])
        .args(options)
        .envs([("PPPD", PPPD), ("CHAT_LINE", chat.as_str()), ("THEN", then)])
        .env("TTY", tty)
        .env("LOG", &log)
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .status()
        .unwrap();
    let mut text = String::new();
    File::open(&log).unwrap().read_to_string(&mut text).unwrap();
    Ended { code: status.code(), text }
}

/// A page of the operator's network.
const PAGE: &str = r#"
    exec 3<> /dev/tcp/198.18.0.1/80
    printf 'GET /bytes/100000 HTTP/1.0\r\n\r\n' >&3
    echo "page: $(tail -c 8 <&3)"
"#;

#[test]
fn an_address_name_servers_and_packets() {
    if !pppd_is_here() {
        return;
    }
    let Ended { code, text } = dialled("", "\"IP\",\"internet\"", &[], PAGE);
    for line in [
        "local  IP address 10.249.198.122",
        "remote IP address 10.64.64.64",
        "primary   DNS address 10.177.0.34",
        "secondary DNS address 10.161.187.116",
        "page: 0012499",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert_eq!(code, Some(5), "ended by a signal: {text}");
}

#[test]
fn a_wrong_password_is_exit_19_by_either_method() {
    if !pppd_is_here() {
        return;
    }
    for method in ["refuse-pap", "refuse-chap"] {
        for (password, wanted) in [("secret", 5), ("guess", 19)] {
            let options = ["user", "user", "password", password, method];
            let Ended { code, text } = dialled("", "\"IP\",\"secured\"", &options, "true");
            assert_eq!(code, Some(wanted), "{method} {password}: {text}");
        }
    }
    let options = ["user", "user", "password", "secret"];
    let Ended { code, text } = dialled("auth-refused", "\"IP\",\"internet\"", &options, "true");
    assert_eq!(code, Some(19), "{text}");
}
