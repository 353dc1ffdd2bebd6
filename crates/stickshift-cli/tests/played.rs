//! Sticks of pasted texts and of profiles, played as virtual ones: what the text and the data say is what they show.

#![cfg(all(unix, feature = "virtual"))]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const EC25: &str = "\
T:  Bus=01 Lev=02 Prnt=02 Port=03 Cnt=01 Dev#=  9 Spd=480 MxCh= 0
D:  Ver= 2.00 Cls=ef(misc ) Sub=02 Prot=01 MxPS=64 #Cfgs=  1
P:  Vendor=2c7c ProdID=0125 Rev=03.18
C:  #Ifs= 5 Cfg#= 1 Atr=a0 MxPwr=500mA
I:  If#=0x0 Alt= 0 #EPs= 2 Cls=ff(vend.) Sub=ff Prot=ff Driver=option
I:  If#=0x1 Alt= 0 #EPs= 3 Cls=ff(vend.) Sub=00 Prot=00 Driver=option
I:  If#=0x2 Alt= 0 #EPs= 3 Cls=ff(vend.) Sub=00 Prot=00 Driver=option
I:  If#=0x3 Alt= 0 #EPs= 3 Cls=ff(vend.) Sub=00 Prot=00 Driver=option
I:  If#=0x4 Alt= 0 #EPs= 3 Cls=ff(vend.) Sub=ff Prot=ff Driver=qmi_wwan
";
const L850: &str = "\
T:  Bus=01 Lev=01 Prnt=01 Port=03 Cnt=02 Dev#=  3 Spd=480 MxCh= 0
D:  Ver= 2.10 Cls=ef(misc ) Sub=02 Prot=01 MxPS=64 #Cfgs=  1
P:  Vendor=2cb7 ProdID=0007 Rev=03.33
C:  #Ifs= 4 Cfg#= 1 Atr=e0 MxPwr=100mA
I:  If#=0x0 Alt= 0 #EPs= 1 Cls=02(commc) Sub=0e Prot=00 Driver=cdc_mbim
I:  If#=0x1 Alt= 1 #EPs= 2 Cls=0a(data ) Sub=00 Prot=02 Driver=cdc_mbim
I:  If#=0x2 Alt= 0 #EPs= 1 Cls=02(commc) Sub=02 Prot=01 Driver=cdc_acm
I:  If#=0x3 Alt= 0 #EPs= 2 Cls=0a(data ) Sub=00 Prot=00 Driver=cdc_acm
";
const MC7455: &str = "\
T:  Bus=02 Lev=01 Prnt=01 Port=02 Cnt=02 Dev#=  3 Spd=5000 MxCh= 0
D:  Ver= 3.00 Cls=00(>ifc ) Sub=00 Prot=00 MxPS= 9 #Cfgs=  1
P:  Vendor=1199 ProdID=9071 Rev=00.06
C:  #Ifs= 4 Cfg#= 1 Atr=a0 MxPwr=500mA
I:  If#=0x0 Alt= 0 #EPs= 2 Cls=ff(vend.) Sub=ff Prot=ff Driver=qcserial
I:  If#=0x2 Alt= 0 #EPs= 3 Cls=ff(vend.) Sub=00 Prot=00 Driver=qcserial
I:  If#=0x3 Alt= 0 #EPs= 3 Cls=ff(vend.) Sub=00 Prot=00 Driver=qcserial
I:  If#=0x8 Alt= 0 #EPs= 3 Cls=ff(vend.) Sub=ff Prot=ff Driver=qmi_wwan
";
const DRIVERLESS: &str = "\
T:  Bus=01 Lev=01 Prnt=01 Port=00 Cnt=01 Dev#=  5 Spd=480 MxCh= 0
D:  Ver= 2.00 Cls=00(>ifc ) Sub=00 Prot=00 MxPS=64 #Cfgs=  1
P:  Vendor=2020 ProdID=4000 Rev=03.18
C:  #Ifs= 2 Cfg#= 1 Atr=80 MxPwr=500mA
I:  If#= 0 Alt= 0 #EPs= 2 Cls=ff(vend.) Sub=ff Prot=ff Driver=(none)
I:  If#= 1 Alt= 0 #EPs= 2 Cls=08(stor.) Sub=06 Prot=50 Driver=usb-storage
";
const EP06: &str = "Bus 001 Device 008: ID 2c7c:0306 Quectel Wireless Solutions Co., Ltd. EP06-E LTE modem\n";
const TELIT: &str = "\
Bus 001 Device 004: ID 1bc7:1201 Telit Wireless Solutions
  idVendor           0x1bc7
  idProduct          0x1201
  bNumConfigurations      1
    bNumInterfaces          6
      bInterfaceNumber        0
      bInterfaceClass       255
      bInterfaceSubClass    255
      bInterfaceProtocol    255
      bInterfaceNumber        1
      bInterfaceClass       255
      bInterfaceSubClass     66
      bInterfaceProtocol      1
      bInterfaceNumber        2
      bInterfaceClass       255
      bInterfaceSubClass    255
      bInterfaceProtocol    255
      bInterfaceNumber        3
      bInterfaceClass       255
      bInterfaceSubClass      0
      bInterfaceProtocol      0
      bInterfaceNumber        4
      bInterfaceClass       255
      bInterfaceSubClass      0
      bInterfaceProtocol      0
      bInterfaceNumber        5
      bInterfaceClass       255
      bInterfaceSubClass      0
      bInterfaceProtocol      0
";

fn stickshift(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stickshift")).args(arguments).current_dir(folder).output().unwrap()
}

fn out(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The interfaces of the first stick that `list` shows.
fn interfaces(folder: &Path, name: &str) -> Vec<Value> {
    let listed = stickshift(folder, &["list", "--json", "--virtual", name]);
    let line: Value = serde_json::from_slice(&listed.stdout).unwrap();
    line["result"]["sticks"][0]["interfaces"].as_array().unwrap().clone()
}

#[test]
fn ports_of_every_maker_answer() {
    let folder = tempfile::tempdir().unwrap();
    for (text, has_qmi) in [(EC25, true), (TELIT, false), (MC7455, true), (EP06, false)] {
        fs::write(folder.path().join("stick.txt"), text).unwrap();
        let asked =
            |verb: &[&str]| stickshift(folder.path(), &[verb, &["--virtual", "./stick.txt"]].concat());
        for verb in [&["at", "ATI"][..], &["signal"], &["identify"]] {
            let output = asked(verb);
            assert!(output.status.success(), "{verb:?} {text}{}", out(&output));
        }
        let up = asked(&["online", "up", "--apn", "internet"]);
        // QMI is left to other programs, as on a computer whose driver bound, and the ports are dialled on.
        assert!(up.status.success() && out(&up).contains("online over ppp"), "{text}{}", out(&up));
        assert_eq!(out(&up).contains("speaks QMI"), has_qmi, "{text}{}", out(&up));
    }
}

/// A fault of the network that a stick meets is met: the end is another one than without it, and what cannot strike is said.
#[test]
fn faults_of_the_network_end_as_they_should() {
    let folder = tempfile::tempdir().unwrap();
    for (stick, way, fault, exit, says) in [
        ("e3372h-stick", "auto", "no-address", 13, "nobody gives an address"),
        ("e3372h-stick", "auto", "dhcp-refused", 0, "10.249.198.122/30 (from DHCP)"),
        ("e3372h-stick", "auto", "dhcp-refused,mute-dhcp", 13, "nobody gives an address"),
        ("e3372h-stick", "auto", "ipv6-only", 0, "2001:db8:"),
        ("e3372h-stick", "ppp", "ipv6-only", 0, "2001:db8:"),
        ("e3372h-stick", "ppp", "no-address", 13, "no-address"),
        ("e3372h-hilink", "auto", "no-address", 14, "nothing answers"),
        ("e3372h-hilink", "auto", "auth-refused", 0, "never struck: auth-refused"),
        ("e3372h-hilink", "auto", "odd-states", 0, "never struck: odd-states"),
        ("e3372h-hilink", "auto", "dhcp-swapped", 0, "never struck: dhcp-swapped"),
        ("e3372h-hilink", "auto", "mute-channel", 0, "never struck: mute-channel"),
        ("em7455", "auto", "odd-states", 0, "never struck: odd-states"),
        ("em7455", "auto", "mute-channel", 0, "never struck: mute-channel"),
        ("mf823", "auto", "odd-states", 0, "never struck: odd-states"),
        ("em7455", "auto", "no-address", 13, "tells no address"),
        ("mf823", "auto", "no-address", 14, "nothing answers"),
        ("mf823", "auto", "ipv6-only", 14, "nothing answers"),
        ("mf823", "auto", "roaming", 14, "nothing answers"),
    ] {
        let line = ["online", "up", "--virtual", stick, "--way", way, "--fault", fault];
        let up = stickshift(folder.path(), &line);
        assert_eq!(up.status.code(), Some(exit), "{stick} {way} {fault}: {}", out(&up));
        assert!(out(&up).contains(says), "{stick} {way} {fault}: {}", out(&up));
    }
}

/// A fault that has nothing to strike in what the stick was is said, and one that has is not.
#[test]
fn faults_that_cannot_strike_are_said() {
    let folder = tempfile::tempdir().unwrap();
    for (line, faults, struck) in [
        ("signal --virtual e3372h-stick", "echo,deaf,sign-required,table-restarts,loader-dead", false),
        ("signal --virtual e3372h-stick", "chatty,split,stale,wrong-device,late-port,mute-dhcp,denied", true),
        (
            "signal --virtual e3372h-hilink",
            "chatty,split,stale,late-port,mute-port,mute-dhcp,stale-bearer",
            false,
        ),
        ("signal --virtual e3372h-hilink", "wrong-device,slow-sim,denied", true),
        ("signal --virtual em7455", "wrong-device,stale,late-port,mute-dhcp,deaf", false),
        ("signal --virtual em7455", "chatty,split,slow-sim,stale-bearer", true),
        ("list --virtual e3372h-cd", "late-port,denied,wrong-device", false),
        ("list --virtual e3372h-loader", "denied,slow-sim,loader-dead", false),
        ("list --virtual e3372h-loader", "deaf,echo,unsigned-taken,split", true),
        ("list --virtual k3772", "denied,no-address,mute-dhcp", false),
        ("list --virtual mf823", "stale-bearer,mute-dhcp", false),
    ] {
        for fault in faults.split(',') {
            let words = line.split(' ').chain(["--fault", fault]).collect::<Vec<_>>();
            let said = out(&stickshift(folder.path(), &words));
            let is_said = said.contains(&format!("never struck: {fault}"));
            assert_eq!(is_said, !struck, "{line} {fault}: {said}");
        }
    }
}

/// From one command to the next a virtual stick keeps what a real one keeps while it is plugged in.
#[test]
fn a_state_file_keeps_the_configuration_the_sim_the_messages_and_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    let run = |line: &str, pin: &str, state: &str| {
        let words = line.split(' ').chain(["--virtual-state", state]);
        let mut command = Command::new(env!("CARGO_BIN_EXE_stickshift"));
        let output = command.args(words).env("STICKSHIFT_PIN", pin).current_dir(folder.path()).output();
        out(&output.unwrap())
    };
    for name in ["d-link-7600", "sony-md400"] {
        let switched = run(&format!("switch --yes --virtual {name}"), "", name);
        assert!(switched.contains("switched from"), "{switched}");
        assert!(!run("list", "", name).contains("CD-ROM"), "{name}");
    }
    for (name, number) in [("e3372h-stick-pin", "SM:0"), ("em7455-pin", "1")] {
        let pin = |pin: &str| run(&format!("pin enter --virtual {name}"), pin, name);
        pin("0000");
        let wanted = run("pin status", "", name);
        assert!(wanted.contains("PIN 2"), "{name}: {wanted}");
        assert!(!pin("1234").contains("error"), "{name}");
        let listed = run("sms list", "", name);
        assert!(listed.contains("Hello"), "{name}: {listed}");
        run(&format!("sms delete {number} --yes"), "", name);
        assert!(!run("sms list", "", name).contains("Hello"), "{name}");
    }
}

#[test]
fn drivers_of_the_text_stay() {
    let folder = tempfile::tempdir().unwrap();
    let of = |text: &str| {
        fs::write(folder.path().join("stick.txt"), text).unwrap();
        interfaces(folder.path(), "./stick.txt")
    };
    let drivers = |interfaces: &[Value]| -> Vec<Option<String>> {
        interfaces.iter().map(|i| i["driver"].as_str().map(str::to_owned)).collect()
    };
    let named = |names: &[&str]| -> Vec<Option<String>> {
        names.iter().map(|name| (*name != "-").then(|| (*name).to_owned())).collect()
    };
    for (text, wanted) in [
        (EC25, &["option", "option", "option", "option", "qmi_wwan"][..]),
        (MC7455, &["qcserial", "qcserial", "qcserial", "qmi_wwan"]),
        (L850, &["cdc_mbim", "cdc_mbim", "cdc_acm", "cdc_acm"]),
        (DRIVERLESS, &["-", "usb-storage"]),
    ] {
        assert_eq!(drivers(&of(text)), named(wanted), "{text}");
    }
    assert_eq!(of(L850)[2]["tty"], "/dev/ttyACM0");
    assert_eq!(of(DRIVERLESS)[0]["tty"], Value::Null);
    fs::write(folder.path().join("stick.txt"), MC7455).unwrap();
    let recipe = stickshift(folder.path(), &["setup", "openwrt", "--virtual", "./stick.txt"]);
    assert!(out(&recipe).contains("proto='qmi'"), "{}", out(&recipe));
}

#[test]
fn ids_alone_show_the_ports_that_are_known_of_them() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("stick.txt"), EP06).unwrap();
    let roles: Vec<Value> =
        interfaces(folder.path(), "./stick.txt").iter().map(|i| i["role"].clone()).collect();
    assert_eq!(roles, ["diag", "gps", "pcui", "modem"]);
}

#[test]
fn what_a_stick_becomes_is_what_its_ids_stand_for() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("cd.txt"), "Bus 001 Device 002: ID 12d1:1f01 Huawei\n").unwrap();
    for name in ["12d1:1f01", "./cd.txt"] {
        let output = stickshift(folder.path(), &["switch", "--yes", "--virtual", name]);
        assert!(out(&output).contains("HiLink"), "{name}: {}", out(&output));
    }
}

#[test]
fn a_file_with_two_sticks_plays_both() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{EP06}Bus 001 Device 006: ID 2c7c:0125 Quectel\n");
    fs::write(folder.path().join("two.txt"), text).unwrap();
    let mut played = Command::new(env!("CARGO_BIN_EXE_stickshift"))
        .args(["virtual", "--from", "two.txt", "--dir", "ports", "--json"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut seen: Vec<(u64, String, Vec<String>)> = Vec::new();
    let mut lines = BufReader::new(played.stdout.take().unwrap()).lines();
    while seen.len() < 2 {
        let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        let shown = &line["virtual"];
        let Some(id) = shown["id"].as_str() else { continue };
        let ports = shown["ports"].as_array().unwrap().iter();
        let paths = ports.map(|port| port["path"].as_str().unwrap().to_owned()).collect();
        seen.push((shown["stick"].as_u64().unwrap(), id.to_owned(), paths));
    }
    writeln!(played.stdin.take().unwrap(), "quit").unwrap();
    lines.for_each(drop);
    assert!(played.wait().unwrap().success());
    seen.sort();
    let ids: Vec<(u64, &str)> = seen.iter().map(|(number, id, _)| (*number, id.as_str())).collect();
    assert_eq!(ids, [(1, "2c7c:0306"), (2, "2c7c:0125")]);
    let mut paths: Vec<&String> = seen.iter().flat_map(|(.., paths)| paths).collect();
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), 8, "{seen:?}");
}

#[test]
fn a_report_without_a_stick_is_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let report = stickshift(folder.path(), &["report", "--virtual", "none"]);
    fs::write(folder.path().join("report.txt"), &report.stdout).unwrap();
    let seen = stickshift(folder.path(), &["inspect", "report.txt"]);
    let said = out(&seen);
    assert!(said.starts_with("text of stickshift report\n  program stickshift "), "{said}");
    assert!(said.ends_with("no stick that is known is in it\n") && !said.contains("damaged"), "{said}");
    assert!(seen.status.success());
}
