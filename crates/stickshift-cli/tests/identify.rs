//! `identify` on every virtual stick of Huawei's: the model, the firmware, and which ways are offered; over the bus, a port, and an address.
#![cfg(feature = "virtual")]

use std::process::Command;

use serde_json::Value;
#[cfg(target_os = "linux")]
use test_support::Running;
use test_support::result_of;

fn identify(arguments: &[&str]) -> (Value, String) {
    let run =
        Command::new(env!("CARGO_BIN_EXE_stickshift")).args(["--json", "identify"]).args(arguments).output();
    let run = run.unwrap();
    assert!(run.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
    let text = String::from_utf8(run.stdout).unwrap();
    (result_of(text.as_bytes()), text)
}

/// `value, sure` of a finding, which has its evidence.
fn finding(said: &Value, about: &str) -> String {
    let all = said["findings"].as_array().unwrap();
    let found = all.iter().find(|f| f["about"] == about).unwrap();
    assert!(!found["why"].as_str().unwrap().is_empty(), "{about} has its evidence");
    match found["value"].as_str() {
        Some(value) => format!("{value}, {}", found["sure"].as_str().unwrap()),
        None => {
            assert_eq!(found["sure"], "unknown", "{about}");
            "unknown".to_owned()
        }
    }
}

/// `to by work needle` of each way.
fn ways(said: &Value) -> Vec<String> {
    let routes = said["routes"].as_array().unwrap();
    let text = |route: &Value, key: &str| route[key].as_str().unwrap().to_owned();
    routes
        .iter()
        .map(|r| {
            assert!(text(r, "command").starts_with("stickshift "));
            format!("{} {} {}", text(r, "to"), text(r, "by"), text(r, "boot_pin"))
        })
        .collect()
}

const CDROM: &[&str] = &["modem switch no", "serial switch no"];
const HILINK_CDROM: &str = "HiLink-capable stick before switching: E3372h, E8372, E353 and others, likely";
const STICK_CDROM: &str = "E352, E173s or E3372 with Stick firmware, before switching, likely";

#[test]
fn every_virtual_stick_is_known_for_what_it_is() {
    // Stick; model; firmware; ways.
    let table: &[(&str, &str, &str, &[&str])] = &[
        ("e3372h-hilink", "E3372h, certain", "hilink, certain", &["serial switch no", "stick convert no"]),
        (
            "e3372h-hilink-closed",
            "E3372h, certain",
            "hilink, certain",
            &["serial replug-and-switch no", "stick convert yes"],
        ),
        ("e3372h-stick", "E3372h-153, certain", "stick, certain", &["hilink convert no"]),
        ("e3372h-stick-pin", "E3372h-153, certain", "stick, certain", &["hilink convert no"]),
        ("e3372h-320", "E3372h-320, certain", "hilink, certain", &["serial replug-and-switch no"]),
        ("e3372s", "E3372s-153, certain", "stick, certain", &["hilink convert no"]),
        ("e3372s-hilink", "E3372s, certain", "hilink, certain", &["serial switch no", "stick convert no"]),
        (
            "e3372h-hilink-login",
            "E3372, likely",
            "hilink, certain",
            // It may be an E3372h-320: that is known after a login.
            &["serial switch no"],
        ),
        ("e3372h-320-login", "E3372, likely", "hilink, certain", &["serial replug-and-switch no"]),
        (
            "e3276-hilink",
            "E3276s, certain",
            "hilink, certain",
            &["serial switch no", "stick convert if-refused"],
        ),
        ("e303-hilink", "E303, likely", "hilink, certain", &["serial switch no"]),
        ("k3772-modem", "K3772, likely", "stick, likely", &[]),
        (
            "k3772",
            "Vodafone K3772 before switching, likely",
            "unknown",
            &["modem switch no", "serial switch no"],
        ),
        ("e3372h-cd", HILINK_CDROM, "unknown", CDROM),
        ("e3372h-stick-cd", STICK_CDROM, "unknown", CDROM),
        ("e3372s-cd", STICK_CDROM, "unknown", CDROM),
        ("e3276-cd", STICK_CDROM, "unknown", CDROM),
        ("e3372h-needle", "unknown", "unknown", &["firmware convert no"]),
        ("e3372h-loader", "unknown", "unknown", &["firmware flash no"]),
        ("zte-2000", "ZTE and Onda modems (CD-ROM mode), likely", "unknown", &["modem switch no"]),
    ];
    for (stick, model, firmware, offered) in table {
        let (said, text) = identify(&["--virtual", stick]);
        assert_eq!(finding(&said, "model"), *model, "{stick}");
        assert_eq!(finding(&said, "firmware"), *firmware, "{stick}");
        assert_eq!(ways(&said), *offered, "{stick}");
        assert!(
            !text.contains("860000000000") && !text.contains("PXX0000"),
            "{stick}: identities are masked"
        );
    }
}

#[test]
fn identities_are_shown_to_who_asks_for_them() {
    let (said, _) = identify(&["--virtual", "e3372h-stick", "--unmasked"]);
    assert_eq!(said["serial"], "G4PXX00000000000");
    assert_eq!(said["imei"], "860000000000001");
}

#[test]
fn a_login_brings_out_the_rest() {
    let run = Command::new(env!("CARGO_BIN_EXE_stickshift"))
        .args(["--json", "--virtual", "e3372h-hilink-login", "identify", "--user", "admin"])
        .env("STICKSHIFT_PASSWORD", "admin")
        .output()
        .unwrap();
    let said: Value = result_of(&run.stdout);
    assert_eq!(finding(&said, "model"), "E3372h, certain");
    assert_eq!(finding(&said, "version"), "22.200.15.00.00, certain");
}

/// An independent device at the other end: what it prints first is where it is.
#[cfg(target_os = "linux")]
struct Peer {
    _running: Running,
    at: String,
}

#[cfg(target_os = "linux")]
impl Peer {
    fn start(script: &str, arguments: &[&str]) -> Option<Peer> {
        use std::io::{BufRead, BufReader};
        if !test_support::python_is_here() {
            return None;
        }
        let mut process = Command::new("python3")
            .arg(test_support::peer(script))
            .args(arguments)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Some(Peer { _running: Running(process), at: line.trim().to_owned() })
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_port_alone_is_enough() {
    for (style, model, firmware, offered) in [
        ("4g", "E3372h-153, certain", "stick, certain", &["hilink convert no"][..]),
        ("3g", "K3772, likely", "unknown", &[]),
    ] {
        let Some(peer) = Peer::start("at_modem.py", &["--style", style]) else { return };
        let (said, _) = identify(&["--port", &peer.at]);
        assert_eq!(finding(&said, "model"), model);
        assert_eq!(finding(&said, "firmware"), firmware);
        assert_eq!(finding(&said, "mode"), "unknown");
        assert_eq!(ways(&said), offered);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_address_alone_is_enough() {
    for (generation, login, model, version) in [
        ("g0", "none", "E303, likely", "unknown"),
        ("g1", "none", "E3372h, certain", "22.200.15.00.00, certain"),
        ("g2", "none", "E3372h, certain", "22.200.15.00.00, certain"),
        ("g3", "none", "E3372h, certain", "22.200.15.00.00, certain"),
        ("g2", "4", "E303, likely", "unknown"),
    ] {
        let Some(peer) = Peer::start("hilink_server.py", &[generation, login]) else { return };
        let (said, _) = identify(&["--url", &format!("http://127.0.0.1:{}/", peer.at)]);
        assert_eq!(finding(&said, "model"), model, "{generation} {login}");
        assert_eq!(finding(&said, "version"), version, "{generation} {login}");
        assert_eq!(finding(&said, "firmware"), "hilink, certain", "{generation} {login}");
        assert_eq!(finding(&said, "mode"), "unknown");
    }
}
