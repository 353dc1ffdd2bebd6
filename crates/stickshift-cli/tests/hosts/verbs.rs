//! Each verb over a Unix socket, beside the same command that is run here.

use super::*;

/// A server whose socket opens it.
pub(crate) fn serve_socket(folder: &Path, sticks: &str, args: &[&str]) -> (Running, Here) {
    let socket = folder.join("socket");
    let uploads = folder.join("uploads");
    std::fs::create_dir_all(&uploads).unwrap();
    let mut command = stickshift(&folder.join("there"));
    command.env("TMPDIR", uploads).args(["serve", "--json", "--virtual", sticks, "--unix"]);
    command.arg(&socket).args(args).stdout(Stdio::piped()).stderr(Stdio::null());
    let (running, _) = listens(&mut command, "unix");
    (running, Here::at(folder, &["--host", &format!("unix:{}", socket.display())]))
}

/// What is said there, without what only names the computer.
fn without_host(there: &Here, said: Said) -> Said {
    let option = format!(" --host {}", there.host[1]);
    (said.0, said.1.replace(&option, ""), said.2.replace(&option, ""))
}

pub(crate) fn made(folder: &Path) {
    let made = Here::at(folder, &[]).run(&["rehearse", "--files", folder.join("made").to_str().unwrap()]);
    assert_eq!(made.0, 0, "{made:?}");
    for name in ["firmware.bin", "loader.bin", "webui.bin"] {
        std::fs::copy(folder.join("made").join(name), folder.join(name)).unwrap();
    }
}

/// The last lines are the same but for the computer's name.
fn compare_json(there: &Here, here: &Here, words: &[&str]) -> Value {
    let ((code, mut got), (wanted_code, wanted)) = (there.json(words), here.json(words));
    got.as_object_mut().unwrap().remove("host");
    let text = got.to_string().replace(&format!(" --host {}", there.host[1]), "");
    let got: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &got), (wanted_code, &wanted), "{words:?}");
    got
}

#[test]
fn commands_to_the_modem_go_to_the_stick_that_is_named_among_them() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let sticks = "e3372h-stick,e3372h-stick";
    let (_server, there) = serve_socket(folder, sticks, &[]);
    let here = Here::at(folder, &["--virtual", sticks]);
    for words in [
        &["at", "ATI", "+CSQ", "1-2"][..],
        &["at", "--stick", "1-1", "AT+CGSN"],
        &["at", "1-2", "ATI"],
        &["at", "ATI", "--stick", "1-1", "1-2"],
        &["at", "AT+NONSENSE", "1-1"],
        &["ports", "show", "1-2"],
    ] {
        assert_eq!(without_host(&there, there.run(words)), here.run(words), "{words:?}");
        compare_json(&there, &here, words);
    }
    // Which of several, nobody knows.
    assert_eq!(there.json(&["at", "ATI"]).1["kind"], "several-sticks");
    let set = ["ports", "set", "at,modem,ncm", "--stick", "1-1"];
    assert_eq!(there.json(&set).1["kind"], "consent-needed");
    assert_eq!(there.json(&[&set[..], &["--yes"]].concat()).0, 0);
}

#[test]
fn the_web_server_of_a_stick_is_talked_to() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_server, there) = serve_socket(folder, "e3372h-hilink", &[]);
    let here = Here::at(folder, &["--virtual", "e3372h-hilink"]);
    for words in [
        &["hilink", "info"][..],
        &["hilink", "info", "--unmasked"],
        &["hilink", "status", "1-1"],
        &["hilink", "signal"],
        &["hilink", "traffic"],
        &["hilink", "profile"],
        &["hilink", "profile", "--use", "9"],
        &["hilink", "updates"],
        &["hilink", "updates", "off"],
        &["hilink", "raw", "/api/device/signal"],
        &["hilink", "raw", "api"],
        &["hilink", "disconnect"],
        &["hilink", "mode", "project"],
        &["hilink", "reboot"],
    ] {
        compare_json(&there, &here, words);
    }
    // The document on standard input is that of this computer, and one in a file too.
    let document = "<?xml version=\"1.0\"?><request><dataswitch>0</dataswitch></request>";
    std::fs::write(folder.join("document.xml"), document).unwrap();
    let file = format!("--post={}", folder.join("document.xml").display());
    let post = |here: &Here, option: &str, document: &str| {
        let mut command = stickshift(folder);
        command.args(["--json", "hilink", "raw", "/api/dialup/mobile-dataswitch", option]).args(&here.host);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let _ = child.stdin.take().unwrap().write_all(document.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let line: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        (output.status.code(), line["result"].clone(), line["kind"].clone())
    };
    for (option, typed) in [("--post", document), (&file, "")] {
        let posted = post(&there, option, typed);
        assert_eq!(posted, post(&here, option, typed), "{option}");
        assert_eq!(posted.0, Some(0), "{posted:?}");
    }
    let long = "x".repeat((1 << 20) + 1);
    let refused = post(&there, "--post", &long);
    assert_eq!(refused, post(&here, "--post", &long));
    assert_eq!(refused.2, "file-too-large");
    let kept = Command::new("find")
        .arg(folder.join("uploads"))
        .args(["-type", "f", "-not", "-name", "lock"])
        .output()
        .unwrap();
    assert!(kept.status.success() && kept.stdout.is_empty(), "{kept:?}");
}

#[test]
fn loaders_and_firmware_are_sent_along() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    made(folder);
    let (loader, firmware) = (folder.join("loader.bin"), folder.join("firmware.bin"));
    let (loader, firmware) = (loader.to_str().unwrap(), firmware.to_str().unwrap());
    let (_server, there) = serve_socket(folder, "e3372h-needle,e3372h-stick", &[]);
    // The only one in the mode is meant, as here.
    let (code, line) = there.json(&["load", loader]);
    assert_eq!((code, &line["kind"]), (5, &"consent-needed".into()), "{line}");
    let (code, line) = there.json(&["load", loader, "--dry-run"]);
    assert_eq!((code, &line["verdict"]), (0, &"untouched".into()), "{line}");
    let (code, line) = there.json(&["load", loader, "--yes"]);
    assert_eq!((code, &line["verdict"]), (0, &"done".into()), "{line}");
    assert_eq!(line["result"]["place"], "1-1");
    let (code, line) = there.json(&["flash", firmware, "1-1", "--resume"]);
    assert_eq!((code, &line["kind"]), (1, &"no-journal".into()), "{line}");
    // A folder, what is no stick, and the mode of the other one.
    let (code, line) = there.json(&["flash", folder.to_str().unwrap(), "1-1"]);
    assert_eq!((code, &line["kind"]), (1, &"file-unreadable".into()), "{line}");
    assert!(line["help"].as_str().unwrap().contains("firmware build"), "{line}");
    let (_, line) = there.json(&["flash", firmware, "--stick", "1-2", "--yes"]);
    assert_eq!(
        (&line["kind"], &line["verdict"]),
        (&"not-in-download-mode".into(), &"untouched".into()),
        "{line}"
    );
    let (code, line) = there.json(&["flash", firmware, "--yes"]);
    assert_eq!((code, &line["event"]), (0, &"result".into()), "{line}");
    assert_eq!(line["result"]["files"], serde_json::json!(["firmware.bin"]));
    let kept = Command::new("find")
        .arg(folder.join("uploads"))
        .args(["-type", "f", "-not", "-name", "lock"])
        .output()
        .unwrap();
    assert!(kept.status.success() && kept.stdout.is_empty(), "{kept:?}");
}

#[test]
fn whoever_may_only_look_changes_nothing_and_sees_what_other_reads_show() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    made(folder);
    let firmware = folder.join("firmware.bin");
    let (_server, there) = serve_socket(folder, "e3372h-hilink", &["--read-only"]);
    for words in [
        &["hilink", "info"][..],
        &["hilink", "status"],
        &["hilink", "signal"],
        &["hilink", "traffic"],
        &["hilink", "profile"],
        &["hilink", "updates"],
    ] {
        let (code, line) = there.json(words);
        assert_eq!((code, &line["verdict"]), (0, &"untouched".into()), "{words:?}: {line}");
    }
    for words in [
        &["at", "ATI", "1-1"][..],
        &["hilink", "info", "--unmasked"],
        &["hilink", "profile", "--use", "1"],
        &["hilink", "updates", "on"],
        &["hilink", "reboot", "--yes"],
        &["hilink", "raw", "/api/device/signal"],
        &["ports", "set", "at,modem,ncm", "--yes"],
        &["flash", firmware.to_str().unwrap(), "--yes"],
        &["load", firmware.to_str().unwrap(), "--yes"],
        &["switch", "--all", "--yes"],
    ] {
        let (code, line) = there.json(words);
        assert!(code != 0 && line["verdict"] == "untouched", "{words:?}: {line}");
        assert!(line.to_string().contains("read-only") || line.to_string().contains("only look"), "{line}");
    }
}
