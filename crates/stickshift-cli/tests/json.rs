//! `--json` is a contract: every verb, with good ends and bad ones, prints what docs/json says of it.

#![cfg(all(target_os = "linux", feature = "virtual"))]

mod contract;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

fn command(folder: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stickshift"));
    command.arg("--json").args(line.split(' ')).current_dir(folder);
    command.env("STICKSHIFT_STATE", "journals").env("STICKSHIFT_PIN", "1234");
    command.env("STICKSHIFT_NEW_PIN", "4321").env("STICKSHIFT_PUK", "12345678");
    command.env("STICKSHIFT_WEB_PASSWORD", "correct horse");
    command.env_remove("STICKSHIFT_PASSWORD").stdin(Stdio::null());
    command
}

/// The last line of a command that kept the contract.
fn run(folder: &Path, line: &str) -> Value {
    let run = command(folder, line).output().unwrap();
    let printed = String::from_utf8(run.stdout).unwrap();
    contract::last_line(&printed, run.status.code()).unwrap_or_else(|why| panic!("{line}: {why}"))
}

/// A folder with files of each kind.
fn files() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let made = run(folder.path(), "rehearse --files .");
    assert_eq!(made["result"]["files"], json!(["./loader.bin", "./firmware.bin", "./webui.bin"]));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let copy = |from: &str, to: &str| fs::copy(root.join(from), folder.path().join(to)).unwrap();
    copy("fuzz/corpus/loader/full.bin", "table.bin");
    copy("fuzz/corpus/router_image/gzip", "router.img");
    copy("tests/fixtures/captures/k3772.pcapng", "capture.pcapng");
    copy("tests/fixtures/pasted/k3772-switched.dmesg.txt", "dmesg.txt");
    copy("tests/fixtures/pasted/e3372.mmcli.txt", "mmcli.txt");
    let text = "TargetVendor=0x1234\nTargetProduct=0x5679\nMessageContent=\"5553\"\n";
    fs::write(folder.path().join("1234:5678"), text).unwrap();
    let whole = fs::read(folder.path().join("webui.bin")).unwrap();
    fs::write(folder.path().join("cut.bin"), &whole[..whole.len() / 2]).unwrap();
    folder
}

const CONVERT: &str =
    "convert --to stick --loader loader.bin --firmware firmware.bin --webui webui.bin --virtual";

/// What is typed, and the verdict of its end.
const TYPED: &[(&str, &str)] = &[
    ("list --virtual k3772", "untouched"),
    ("list --virtual e3372h-stick,e3372h-cd", "untouched"),
    ("list --virtual nosuchstick", "untouched"),
    ("serve --listen 0.0.0.0:0", "untouched"),
    ("bridge mqtt --user x --password-file none", "untouched"),
    ("switch --all --yes --virtual k3772=2,e3372h-cd", "done"),
    ("switch --all --dry-run --virtual k3772=2", "untouched"),
    ("switch --all --virtual k3772", "untouched"),
    ("serve --public https://x --listen 127.0.0.1:0", "untouched"),
    ("serve passwd", "untouched"),
    ("identify --virtual e3372h-stick", "untouched"),
    ("identify --virtual e3372h-hilink", "untouched"),
    ("switch --virtual k3772", "done"),
    ("switch --virtual k3772 --dry-run", "untouched"),
    ("switch --virtual e3372h-stick", "untouched"),
    ("switch --virtual e3372h-hilink --to serial", "done"),
    ("switch --virtual e3372h-hilink --to serial --dry-run", "untouched"),
    ("switch --virtual none", "untouched"),
    ("doctor --virtual k3772", "untouched"),
    ("online up --virtual e3372h-stick --apn web", "done"),
    ("online up --virtual e3372h-hilink", "done"),
    ("online up --virtual e3372h-stick --dry-run", "untouched"),
    ("online up --virtual e3372h-stick --apn refused", "recoverable"),
    ("online up --virtual e3372h-stick-pin", "done"),
    ("online down --virtual e3372h-stick", "untouched"),
    ("online status --virtual e3372h-stick", "untouched"),
    ("online apn --virtual e3372h-stick", "untouched"),
    ("setup networkmanager --print", "untouched"),
    ("setup networkd --print", "untouched"),
    ("setup netifd --print", "untouched"),
    ("setup udev --print", "untouched"),
    ("setup udev --switch --print", "untouched"),
    ("setup systemd --print", "untouched"),
    ("setup completions bash", "untouched"),
    ("setup man", "untouched"),
    ("setup man --dir man", "untouched"),
    ("setup man --dir man --remove", "untouched"),
    ("setup udev --root none --remove", "untouched"),
    ("setup openwrt --ids 12d1:1f01 --data hilink", "untouched"),
    ("setup openwrt --ids 12d1:1f01 --data hilink --out router", "untouched"),
    ("setup openwrt --ids 12d1:1f01 --data hilink --out router --remove", "untouched"),
    ("firmware verify webui.bin", "untouched"),
    ("firmware verify cut.bin", "untouched"),
    ("firmware extract webui.bin -o parts", "untouched"),
    ("firmware build webui.bin -o built.bin", "untouched"),
    ("firmware build webui.bin -o -", "untouched"),
    ("profile list", "untouched"),
    ("profile show 12d1:1f01", "untouched"),
    ("profile check ./1234:5678", "untouched"),
    ("profile check webui.bin", "untouched"),
    ("profile convert ./1234:5678 --to openwrt", "untouched"),
    ("profile convert ./1234:5678 --to openwrt -o usb-mode.json", "untouched"),
    ("profile convert ./1234:5678 --to openwrt -o -", "untouched"),
    ("sms delete 0 --yes --virtual e3372h-stick --fault unplug@11", "unknown"),
    ("learn capture.pcapng", "untouched"),
    ("learn capture.pcapng -o learned", "untouched"),
    ("learn capture.pcapng --try --yes --virtual k3772", "done"),
    ("learn capture.pcapng -o tried --try --yes --virtual k3772", "done"),
    ("router list router.img", "untouched"),
    ("router extract router.img /usb-mode.json -o table.json", "untouched"),
    ("router extract router.img /no-such-file -o none", "untouched"),
    ("router knows router.img 12d1:1f01", "untouched"),
    ("load loader.bin --virtual e3372h-needle --yes", "done"),
    ("load loader.bin --virtual e3372h-needle --dry-run", "untouched"),
    ("load loader.bin --virtual e3372h-needle --yes --fault unplug@9", "recoverable"),
    ("loader info loader.bin", "untouched"),
    ("loader patch loader.bin -o patched.bin", "untouched"),
    ("loader patch loader.bin -o -", "untouched"),
    ("loader table table.bin", "untouched"),
    ("flash webui.bin --virtual e3372h-loader --yes", "sent"),
    ("flash webui.bin --virtual e3372h-loader --dry-run", "untouched"),
    ("flash webui.bin --virtual e3372h-loader", "untouched"),
    ("rehearse", "done"),
    ("rehearse --fault powerloss@300", "done"),
    ("virtual", "untouched"),
    ("virtual --faults", "untouched"),
    ("hilink info --virtual e3372h-hilink", "untouched"),
    ("hilink status --virtual e3372h-hilink", "untouched"),
    ("hilink signal --virtual e3372h-hilink", "untouched"),
    ("hilink traffic --virtual e3372h-hilink", "untouched"),
    ("hilink connect --virtual e3372h-hilink", "done"),
    ("hilink disconnect --virtual e3372h-hilink", "done"),
    ("hilink profile --virtual e3372h-hilink", "untouched"),
    ("hilink reboot --virtual e3372h-hilink --yes", "sent"),
    ("hilink mode debug --virtual e3372h-hilink --yes", "sent"),
    ("hilink updates --virtual e3372h-hilink", "untouched"),
    ("hilink updates off --virtual e3372h-hilink", "done"),
    ("hilink raw /api/device/signal --virtual e3372h-hilink", "untouched"),
    ("hilink raw /api/no/such --virtual e3372h-hilink", "untouched"),
    ("at ATI --virtual e3372h-stick", "untouched"),
    ("at +CFUN=1 --virtual e3372h-stick", "done"),
    ("at ATI AT+NOSUCH --virtual e3372h-stick", "untouched"),
    ("sms list --virtual e3372h-stick", "untouched"),
    ("sms read SM:0 --virtual e3372h-stick", "untouched"),
    ("sms raw SM:0 --virtual e3372h-stick", "untouched"),
    ("sms send +12345678901 hello --virtual e3372h-stick", "done"),
    ("sms delete SM:0 --yes --virtual e3372h-stick", "done"),
    ("sms list --virtual e3372h-hilink", "untouched"),
    ("ussd *100# --virtual e3372h-stick", "done"),
    ("pin status --virtual e3372h-stick", "untouched"),
    ("pin enter --virtual e3372h-stick", "untouched"),
    ("pin change --virtual e3372h-stick", "untouched"),
    ("pin enable --virtual e3372h-stick", "done"),
    ("pin disable --virtual e3372h-stick", "untouched"),
    ("pin unblock --virtual e3372h-stick", "untouched"),
    ("signal --virtual e3372h-stick", "untouched"),
    ("signal --virtual e3372h-hilink", "untouched"),
    ("network show --virtual e3372h-stick", "untouched"),
    ("network set --mode lte --yes --virtual e3372h-stick", "done"),
    ("network scan --virtual e3372h-stick", "untouched"),
    ("network use auto --yes --virtual e3372h-stick", "done"),
    ("ports show --virtual e3372h-stick", "untouched"),
    ("ports set modem,at --yes --virtual e3372h-stick", "done"),
    ("inspect loader.bin", "untouched"),
    ("inspect table.bin", "untouched"),
    ("inspect firmware.bin", "untouched"),
    ("inspect cut.bin", "untouched"),
    ("inspect capture.pcapng", "untouched"),
    ("inspect router.img", "untouched"),
    ("inspect ./1234:5678", "untouched"),
    ("report --virtual e3372h-stick", "untouched"),
    ("report --virtual k3772,e3372h-hilink --no-questions -o report.txt --yes", "untouched"),
    ("report --virtual none", "untouched"),
    ("report --virtual k3772 -o declined.txt", "untouched"),
    ("inspect report.txt", "untouched"),
    ("list --virtual ./report.txt", "untouched"),
    ("switch --virtual ./report.txt 12d1:1526", "done"),
    ("inspect dmesg.txt", "untouched"),
    ("inspect mmcli.txt", "untouched"),
    ("inspect no-such-file", "untouched"),
];

#[test]
fn every_verb_keeps_the_contract() {
    let folder = files();
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    let convert = [
        (format!("{CONVERT} e3372h-hilink --yes"), "done"),
        (format!("{CONVERT} e3372h-hilink --dry-run"), "untouched"),
    ];
    let typed = TYPED.iter().map(|(line, verdict)| ((*line).to_owned(), *verdict)).chain(convert);
    for (line, verdict) in typed {
        let run = command(folder.path(), &line).output().unwrap();
        let printed = String::from_utf8(run.stdout).unwrap();
        match contract::last_line(&printed, run.status.code()) {
            Err(why) => wrong.push(format!("{line}: {why}")),
            Ok(last) => {
                if last["verdict"] != verdict {
                    wrong.push(format!("{line}: not {verdict}: {last}"));
                }
                seen.extend(last["verb"].as_str().map(str::to_owned));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let lacking: Vec<_> = contract::verbs().into_iter().filter(|verb| !seen.contains(verb)).collect();
    // These run until they are told to stop, as the next test does.
    assert_eq!(lacking, ["watch"]);
}

#[test]
fn verbs_that_run_until_they_are_stopped_end_with_a_result() {
    let folder = tempfile::tempdir().unwrap();
    for (line, quit) in [
        ("watch --virtual k3772", ""),
        ("list --watch --virtual k3772", ""),
        ("signal --watch --every 3600 --virtual e3372h-stick", ""),
        ("serve --listen 127.0.0.1:0 --virtual k3772", ""),
        ("virtual e3372h-stick", "state\nquit\n"),
    ] {
        let mut process =
            command(folder.path(), line).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        let mut printed = String::new();
        out.read_line(&mut printed).unwrap();
        match quit {
            "" => kill_process(Pid::from_child(&process), Signal::INT).unwrap(),
            words => process.stdin.as_mut().unwrap().write_all(words.as_bytes()).unwrap(),
        }
        std::io::Read::read_to_string(&mut out, &mut printed).unwrap();
        let ended = process.wait().unwrap();
        let signals = printed.matches(r#""event":"signal""#).count();
        assert!(
            signals <= 1,
            "{line}: a virtual stick is looked at as often as a real one, not {signals} times"
        );
        let last = contract::last_line(&printed, ended.code()).unwrap_or_else(|why| panic!("{line}: {why}"));
        assert_eq!((&last["event"], &last["result"]), (&"result".into(), &Value::Null), "{line}");
    }
}

/// The last line of `at --terminal` that is given these lines.
fn typed(folder: &Path, lines: &[&str]) -> Value {
    let mut terminal = command(folder, "at --terminal --virtual e3372h-stick-pin");
    let mut terminal = terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    writeln!(terminal.stdin.take().unwrap(), "{}", lines.join("\n")).unwrap();
    let ended = terminal.wait_with_output().unwrap();
    let printed = String::from_utf8(ended.stdout).unwrap();
    contract::last_line(&printed, ended.status.code()).unwrap_or_else(|why| panic!("{lines:?}: {why}"))
}

#[test]
fn lines_that_are_piped_to_a_terminal_end_as_the_worst_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let judged =
        |last: &Value| (last["verdict"].as_str().unwrap().to_owned(), last["exit"].as_u64().unwrap());
    for (line, verdict) in [
        ("ATI", "untouched"),
        ("AT+CFUN=1", "done"),
        ("AT^NOPE", "untouched"),
        ("AT+CPIN=\"9999\"", "unknown"),
    ] {
        let alone = run(folder.path(), &format!("at {line} --virtual e3372h-stick-pin"));
        assert_eq!(judged(&typed(folder.path(), &[line])), judged(&alone), "{line}");
        assert_eq!(alone["verdict"], verdict, "{line}");
    }
    let [refused, wrong] = ["AT^NOPE", "AT+CPIN=\"9999\""].map(|line| judged(&typed(folder.path(), &[line])));
    // A good end does not hide what was before it, nor a mere refusal what is worse.
    let ended = judged(&typed(folder.path(), &["AT^NOPE", "AT+CFUN=1", "ATI"]));
    assert_eq!(ended, ("done".to_owned(), refused.1));
    let ended =
        judged(&typed(folder.path(), &["AT^NOPE", "AT+CPIN=\"9999\"", "AT+CFUN=1", "AT^NOPE", "ATI"]));
    assert_eq!(ended, wrong);
}

/// What a server took back just before is part of the hang-up, also of one that fails.
#[test]
fn a_hang_up_that_fails_after_another_is_not_untouched() {
    let folder = tempfile::tempdir().unwrap();
    for (before, verdict) in [("", "untouched"), (r#" --taken-back={"stick":["off"]}"#, "recoverable")] {
        let last = run(folder.path(), &format!("online down{before} --virtual e3372h-stick -- nowhere"));
        assert_eq!((&last["kind"], &last["verdict"]), (&"no-stick".into(), &verdict.into()), "{last}");
    }
}

#[test]
fn what_was_found_comes_with_the_failure() {
    let folder = files();
    let last = run(folder.path(), "inspect cut.bin");
    assert_eq!((&last["event"], &last["exit"]), (&"error".into(), &5.into()));
    assert_eq!(last["result"]["file"], "cut.bin");
    let last = run(folder.path(), "at ATI AT+NOSUCH --virtual e3372h-stick");
    assert_eq!(last["result"]["answers"].as_array().unwrap().len(), 2);
}

#[test]
fn numbers_are_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let traffic = run(folder.path(), "hilink traffic --virtual e3372h-hilink");
    assert!(traffic["result"].as_object().unwrap().values().all(Value::is_u64), "{traffic}");
    for verb in ["signal --virtual e3372h-stick", "hilink signal --virtual e3372h-hilink"] {
        let signal = run(folder.path(), verb);
        let figures = signal["result"].as_object().unwrap().values().filter_map(Value::as_f64);
        let long: Vec<f64> = figures.filter(|figure| figure.to_string().len() > 8).collect();
        assert!(long.is_empty(), "{verb}: {long:?}");
    }
}
