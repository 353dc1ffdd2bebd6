//! `virtual --attach http` for programs that are not ours: huawei-lte-api from PyPI, unchanged, and the program itself over `--url`.
#![cfg(all(feature = "virtual", unix))]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::Value;

/// A virtual stick that serves its web server.
struct Served {
    process: Child,
    owner: ChildStdin,
    said: BufReader<std::process::ChildStdout>,
    url: String,
}

impl Served {
    fn start(name: &str, more: &[&str]) -> Served {
        let mut process = Command::new(env!("CARGO_BIN_EXE_stickshift"))
            .args(["--json", "virtual", name, "--attach", "http", "--quick"])
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let owner = process.stdin.take().unwrap();
        let said = BufReader::new(process.stdout.take().unwrap());
        let mut served = Served { process, owner, said, url: String::new() };
        served.url = served.shows(|shown| shown["url"].is_string())["url"].as_str().unwrap().to_owned();
        served
    }

    /// The next time that the stick shows something that is `wanted`.
    fn shows(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let mut line = String::new();
            assert!(self.said.read_line(&mut line).unwrap() > 0, "the virtual stick ended");
            let event: Value = serde_json::from_str(&line).unwrap();
            let shown = event.get("virtual").unwrap_or(&event);
            if wanted(shown) {
                return shown.clone();
            }
        }
    }

    fn stickshift(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let run = Command::new(env!("CARGO_BIN_EXE_stickshift"))
            .args(arguments)
            .args(["--url", &self.url])
            .env("STICKSHIFT_PASSWORD", "admin")
            .output()
            .unwrap();
        let text = [run.stdout, run.stderr].concat();
        (run.status.code(), String::from_utf8(text).unwrap())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.owner.write_all(b"quit\n");
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A Python with huawei-lte-api; `cargo xtask test test` makes one in the target folder's `peers`.
fn python() -> Option<PathBuf> {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../peers/bin/python");
    let works = Command::new(&python).args(["-c", "import huawei_lte_api"]).output();
    if works.is_ok_and(|run| run.status.success()) {
        return Some(python);
    }
    test_support::skip("huawei-lte-api is not installed in the target folder");
    None
}

#[test]
fn huawei_lte_api_uses_every_generation_and_both_styles_of_session() {
    let Some(python) = python() else { return };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/peers/huawei_lte_api_session.py");
    for (stick, login) in [
        ("e303-hilink", "none"),
        ("e3276-hilink", "none"),
        ("e3372h", "none"),
        ("e3372h-hilink-login", "login"),
        ("e3372h-hilink-sestok", "login"),
        ("e3372h-320", "none"),
    ] {
        let served = Served::start(stick, &[]);
        let run = Command::new(&python)
            .args([script, &served.url, login])
            .env("STICKSHIFT_PASSWORD", "admin")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&run.stdout);
        let complaint = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success() && said.ends_with("all done\n"), "{stick}: {said}{complaint}");
        assert_eq!(said.contains("data is 1\n"), !stick.starts_with("e303") && !stick.starts_with("e3276"));
        assert_eq!(said.contains("locked out"), login == "login", "{stick}: {said}");
    }
}

#[test]
fn our_own_client_finds_every_virtual_server() {
    for stick in [
        "e303-hilink",
        "e3276-hilink",
        "e3372h",
        "e3372h-hilink-login",
        "e3372h-hilink-sestok",
        "e3372h-320",
        "e3372h-320-login",
        "e3372h-320-encrypted",
    ] {
        let served = Served::start(stick, &[]);
        for _ in 0..2 {
            let (code, text) = served.stickshift(&["sms", "list"]);
            assert!(code == Some(0) && text.contains("Привет 😀"), "{stick}: {text}");
        }
    }
}

#[test]
fn the_server_leaves_with_the_network_card() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = Served::start("e3372h", &["--dir", &folder.path().display().to_string()]);
    let (code, text) = served.stickshift(&["hilink", "mode", "project", "--yes"]);
    assert_eq!(code, Some(0), "{text}");
    let shown = served.shows(|shown| shown["ports"].as_array().is_some_and(|ports| !ports.is_empty()));
    assert_eq!(shown["id"], "12d1:1442");
    let port = shown["ports"][0]["path"].as_str().unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_stickshift"))
        .args(["at", "AT^HWVER", "--port", port])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&run.stdout).contains("CL2E3372HM"), "{run:?}");
    // It goes into download mode: there is no network card any more.
    let run =
        Command::new(env!("CARGO_BIN_EXE_stickshift")).args(["at", "AT^GODLOAD", "--port", port]).output();
    assert!(run.unwrap().status.success());
    served.shows(|shown| shown["mode"] == "download");
    let (code, text) = served.stickshift(&["hilink", "info"]);
    assert!(code == Some(1) && text.contains("untouched"), "{code:?} {text}");
}

#[test]
fn a_code_goes_encrypted_where_the_stick_wants_it() {
    let served = Served::start("e3372h-320-encrypted", &[]);
    let run = Command::new(env!("CARGO_BIN_EXE_stickshift"))
        .args(["pin", "enable", "--yes", "--url", &served.url])
        .envs([("STICKSHIFT_PASSWORD", "admin"), ("STICKSHIFT_PIN", "1234")])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&run.stdout);
    assert!(text.contains("asked for at power-up"), "{text}{}", String::from_utf8_lossy(&run.stderr));
}

#[test]
fn bands_over_the_web_server() {
    let served = Served::start("e3372h", &[]);
    let (code, text) = served.stickshift(&["network", "set", "--mode", "lte", "--lte", "3,20", "--yes"]);
    assert!(code == Some(0) && text.contains("LTE bands     3,20\n"), "{text}");
    let (_, text) = served.stickshift(&["network", "show"]);
    assert!(text.contains("technologies  lte\n") && text.contains("umts2100,umts850,umts900"), "{text}");
}
