//! `switch` on sticks that are network cards already: through their web API.
#![cfg(feature = "virtual")]

use std::process::Command;

fn switch(password: Option<&str>, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stickshift"));
    command.args(["switch", "--virtual"]).args(arguments).env_remove("STICKSHIFT_PASSWORD");
    if let Some(password) = password {
        command.env("STICKSHIFT_PASSWORD", password);
    }
    let run = command.output().unwrap();
    let text = [run.stdout, run.stderr].concat();
    (run.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn a_network_card_gets_serial_ports() {
    for stick in ["e3372h-hilink", "e3372s-hilink", "e3276-hilink", "e303-hilink"] {
        for to in ["serial", "modem"] {
            let (code, text) = switch(None, &[stick, "--to", to]);
            let switched = text.contains("switched from 12d1:14d") && text.contains("pcui /dev/ttyUSB");
            assert!(code == Some(0) && switched, "{stick} {to}: {text}");
        }
    }
}

#[test]
fn without_a_goal_or_for_hilink_there_is_nothing_to_do() {
    let (code, text) = switch(None, &["e3372h-hilink", "--to", "hilink"]);
    assert!(code == Some(0) && text.contains("nothing to do"), "{text}");
}

#[test]
fn a_modem_without_serial_ports_is_not_told_to_have_them() {
    let (code, text) = switch(None, &["em7455", "--to", "serial"]);
    let refused = text.contains("no serial port") && text.contains("untouched");
    assert!(code != Some(0) && refused, "{text}");
    let (code, text) = switch(None, &["em7455", "--to", "modem"]);
    assert!(code == Some(0) && text.contains("nothing to do"), "{text}");
}

#[test]
fn requests_that_open_no_port_say_why_each_of_them_failed() {
    let (code, text) = switch(None, &["e3372h-hilink-closed", "--to", "serial"]);
    assert_eq!(code, Some(5), "{text}");
    for request in ["device/mode 0", "CGI switchMode 0", "device/mode 1", "CGI switchMode 1"] {
        let refused = format!("{request} (");
        let after =
            text.split("tried ").nth(1).and_then(|tried| tried.split(&refused).nth(1)).unwrap_or_default();
        assert!(
            after.contains("refused with 100002") || after.contains("refused with 125002"),
            "{request}: {text}"
        );
    }
    assert!(text.contains("(not-switched)") && text.contains("stick: untouched"), "{text}");
}

#[test]
fn a_lost_answer_is_judged_by_the_bus() {
    // The web server is asked some things first; whichever request loses its answer, the end is true.
    let mut lost = 0;
    for step in 1..=8 {
        let fault = format!("reset@{step}");
        let (code, text) = switch(None, &["e3372h-hilink", "--to", "serial", "--fault", &fault]);
        assert!(code == Some(0) && text.contains("pcui /dev/ttyUSB"), "{fault}: {text}");
        lost += usize::from(text.contains("CGI switchMode 0 (project mode)\n"));
    }
    assert!(lost > 0, "no fault was noticed");
}

#[test]
fn a_stick_pulled_in_between_is_not_called_switched() {
    for step in 1..=8 {
        let fault = format!("unplug@{step}=1000000");
        let (code, text) = switch(None, &["e3372h-hilink", "--to", "serial", "--fault", &fault]);
        if code == Some(0) {
            assert!(text.contains("pcui /dev/ttyUSB"), "{fault}: {text}");
        } else {
            assert!(!text.contains("switched from"), "{fault}: {text}");
        }
    }
}

#[test]
fn a_login_is_asked_for_by_name() {
    let (code, text) = switch(Some("nope"), &["e3372h-hilink-login", "--to", "serial"]);
    assert!(code == Some(4) && text.contains("(login-refused)"), "{text}");
    assert!(text.contains("the stick counts wrong logins") && !text.contains("untouched"), "{text}");
    let (code, text) = switch(Some("admin"), &["e3372h-hilink-login", "--to", "serial"]);
    assert!(code == Some(0) && text.contains("switched from"), "{text}");
    assert!(!text.contains("CGI switchMode 0 (project mode)\n"), "the first request worked: {text}");
}

#[test]
fn a_dry_run_sends_nothing() {
    let (code, text) = switch(None, &["e3372h-hilink", "--to", "serial", "--dry-run"]);
    assert!(code == Some(0) && text.contains("plan: ") && !text.contains("switched"), "{text}");
}
