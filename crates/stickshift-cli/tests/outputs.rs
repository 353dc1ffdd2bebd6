//! Every option that names where something is written, against everything that can stand there: nothing but a regular file is replaced,
//! and that only by force; what is written straight arrives whole; a full disk is said.

#![cfg(all(target_os = "linux", feature = "virtual"))]

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn stickshift(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stickshift"))
        .args(arguments)
        .current_dir(folder)
        .env("STICKSHIFT_STATE", "journals")
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A folder with one input of each kind.
fn inputs() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let made = stickshift(folder.path(), &["rehearse", "--files", "."]);
    assert!(made.status.success(), "{}", said(&made));
    let copy = |from: &str, to: &str| fs::copy(root().join(from), folder.path().join(to)).unwrap();
    copy("fuzz/corpus/loader/full.bin", "table.bin");
    copy("fuzz/corpus/router_image/gzip", "router.img");
    copy("tests/fixtures/captures/k3772.pcapng", "capture.pcapng");
    let text = "TargetVendor=0x1234\nTargetProduct=0x5679\nMessageContent=\"5553\"\n";
    fs::write(folder.path().join("1234:5678"), text).unwrap();
    folder
}

/// Verbs that write one file: their arguments before the name of the output, and the file that they read.
const ONE_FILE: &[(&[&str], &str)] = &[
    (&["loader", "patch", "loader.bin", "-o"], "loader.bin"),
    (&["loader", "table", "table.bin", "--extract"], "table.bin"),
    (&["firmware", "build", "webui.bin", "-o"], "webui.bin"),
    (&["router", "extract", "router.img", "/usb-mode.json", "-o"], "router.img"),
    (&["profile", "convert", "./1234:5678", "--to", "openwrt", "-o"], "1234:5678"),
    (&["profile", "convert", "./1234:5678", "--to", "tplink", "-o"], "1234:5678"),
    (&["learn", "capture.pcapng", "-o"], "capture.pcapng"),
    (&["learn", "capture.pcapng", "--format", "tplink", "-o"], "capture.pcapng"),
];

/// What a file was like before and must be like after.
fn state(path: &Path) -> (Vec<u8>, u32) {
    (fs::read(path).unwrap(), fs::metadata(path).unwrap().mode())
}

#[test]
fn one_file_against_whatever_stands_there() {
    let folder = inputs();
    let here = folder.path();
    let (target, link, pipe) = (here.join("target"), here.join("link"), here.join("pipe"));
    symlink("target", &link).unwrap();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut runs = 0;
    for (verb, input) in ONE_FILE {
        let mut write = |to: &str, more: &[&str]| {
            runs += 1;
            stickshift(here, &[*verb, &[to], more].concat())
        };
        let refused = |output: Output, code: i32, why: &str| {
            let text = said(&output);
            assert!(
                output.status.code() == Some(code) && text.contains(why),
                "{verb:?}: {code} {why}: {text}"
            );
            assert!(output.stdout.is_empty(), "{verb:?}: {}", String::from_utf8_lossy(&output.stdout));
        };
        let written = |output: Output| assert!(output.status.success(), "{verb:?}: {}", said(&output));

        let _ = fs::remove_file(&target);
        written(write("target", &[]));
        let (content, mode) = state(&target);
        assert!(!content.is_empty(), "{verb:?}");
        assert_eq!(mode & 0o133, 0, "{verb:?}: {mode:o}");

        fs::write(&target, "old").unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).unwrap();
        let old = state(&target);
        refused(write("target", &[]), 1, "(file-exists)");
        refused(write("link", &[]), 1, "is a link");
        refused(write("link", &["--force"]), 1, "is a link");
        refused(write(".", &["--force"]), 1, "it names a folder");
        refused(write("target/x", &["--force"]), 1, "is a file: name a folder there");
        refused(write("no/such/folder", &[]), 1, "(file-unwritable)");
        refused(write("/dev/full", &[]), 1, "No space left on device");
        refused(write(input, &["--force"]), 2, "is the input");
        assert_eq!(state(&target), old, "{verb:?}");
        written(write("target", &["--force"]));
        assert_eq!(state(&target), (content.clone(), old.1), "{verb:?}");

        written(write("/dev/null", &["--force"]));
        assert!(fs::symlink_metadata("/dev/null").unwrap().file_type().is_char_device(), "{verb:?}");
        for stdout in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
            let output = write(stdout, &[]);
            assert_eq!(output.stdout, content, "{verb:?} {stdout}");
            written(output);
        }
        let reader = thread::spawn({
            let pipe = pipe.clone();
            move || fs::read(pipe).unwrap()
        });
        written(write("pipe", &[]));
        assert_eq!(reader.join().unwrap(), content, "{verb:?}");
        assert!(fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo(), "{verb:?}");
    }
    leaves_nothing_hidden(here);
    println!("{runs} runs over {} verbs that write one file", ONE_FILE.len());
}

fn leaves_nothing_hidden(folder: &Path) {
    let names = fs::read_dir(folder).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap());
    let hidden: Vec<String> = names.filter(|name| name.starts_with('.')).collect();
    assert!(hidden.is_empty(), "{hidden:?}");
}

#[test]
fn several_files_against_whatever_stands_there() {
    let folder = inputs();
    let here = folder.path();
    let elsewhere = here.join("elsewhere");
    fs::write(&elsewhere, "old").unwrap();
    let mut runs = 0;
    // Arguments, the folder, and a file that is written in it.
    for (verb, out, name) in [
        (&["setup", "man", "--dir", "man"][..], "man", "stickshift.1"),
        (&["rehearse", "--files", "files"], "files", "firmware.bin"),
        (&["firmware", "extract", "webui.bin", "-o", "parts"], "parts", ""),
        (&["setup", "udev", "--root", "root"], "root/etc/udev/rules.d", "70-stickshift.rules"),
        (&["setup", "systemd", "--root", "root"], "root/etc/systemd/system", "stickshift.service"),
        (
            &["setup", "openwrt", "--ids", "12d1:1f01", "--data", "hilink", "--out", "router"],
            "router/etc/stickshift",
            "setup.sh",
        ),
    ] {
        let mut write = |more: &[&str]| {
            runs += 1;
            stickshift(here, &[verb, more].concat())
        };
        let output = write(&[]);
        assert!(output.status.success(), "{verb:?}: {}", said(&output));
        let name = match name {
            "" => fs::read_dir(here.join(out)).unwrap().next().unwrap().unwrap().file_name(),
            name => name.into(),
        };
        let file = here.join(out).join(name);
        let content = fs::read(&file).unwrap();

        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let output = write(&[]);
        assert_eq!(output.status.code(), Some(1), "{verb:?}: {}", said(&output));
        assert!(said(&output).contains("(file-exists)"), "{verb:?}: {}", said(&output));
        assert_eq!(fs::read(&file).unwrap(), b"old", "{verb:?}");
        let output = write(&["--force"]);
        assert!(output.status.success(), "{verb:?}: {}", said(&output));
        assert_eq!(state(&file).0, content, "{verb:?}");
        assert_eq!(state(&file).1 & 0o677, 0o600, "{verb:?}");

        // A link in the place of the file, and a folder.
        fs::remove_file(&file).unwrap();
        symlink(&elsewhere, &file).unwrap();
        let output = write(&["--force"]);
        assert!(said(&output).contains("is a link"), "{verb:?}: {}", said(&output));
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        let output = write(&["--force"]);
        assert!(said(&output).contains("is a folder"), "{verb:?}: {}", said(&output));
        assert_eq!(fs::read(&elsewhere).unwrap(), b"old", "{verb:?}");
        leaves_nothing_hidden(&here.join(out));

        // A file in the place of the folder.
        fs::remove_dir_all(here.join(out)).unwrap();
        fs::write(here.join(out), "old").unwrap();
        let output = write(&["--force"]);
        assert_eq!(output.status.code(), Some(1), "{verb:?}: {}", said(&output));
        assert_eq!(fs::read(here.join(out)).unwrap(), b"old", "{verb:?}");
        fs::remove_file(here.join(out)).unwrap();
    }
    println!("{runs} runs of verbs that write several files");
}

#[test]
fn a_trace_against_whatever_stands_there() {
    let folder = inputs();
    let here = folder.path();
    let trace = |to: &str, more: &[&str]| {
        stickshift(here, &[&["identify", "--virtual", "e3372h-stick", "--trace", to], more].concat())
    };
    assert!(trace("trace", &[]).status.success());
    let (content, mode) = state(&here.join("trace"));
    assert!(!content.is_empty() && mode & 0o777 == 0o600, "{mode:o}");
    fs::write(here.join("elsewhere"), "old").unwrap();
    symlink("elsewhere", here.join("link")).unwrap();
    assert!(Command::new("mkfifo").arg(here.join("pipe")).status().unwrap().success());
    for to in ["trace", "link", ".", "pipe", "/dev/null", "no/such/folder"] {
        let output = trace(to, &[]);
        assert_eq!(output.status.code(), Some(1), "{to}: {}", said(&output));
        if to != "trace" {
            let output = trace(to, &["--force"]);
            assert_eq!(output.status.code(), Some(1), "{to}: {}", said(&output));
            assert!(!said(&output).contains("--force"), "{to}: {}", said(&output));
        }
    }
    assert_eq!(state(&here.join("trace")), (content, mode));
    assert_eq!(fs::read(here.join("elsewhere")).unwrap(), b"old");
    assert!(trace("trace", &["--force"]).status.success());
}

#[test]
fn an_input_is_never_an_output_however_both_are_named() {
    let folder = inputs();
    let here = folder.path();
    fs::hard_link(here.join("loader.bin"), here.join("hard.bin")).unwrap();
    symlink("loader.bin", here.join("soft.bin")).unwrap();
    let made = stickshift(here, &["firmware", "extract", "firmware.bin", "-o", "parts"]);
    assert!(made.status.success(), "{}", said(&made));
    let profile = "DefaultVendor=0x1234\nDefaultProduct=0x5678\nMessageContent=\"5553\"\nTargetClass=0xff\n";
    fs::write(here.join("1234:5678"), profile).unwrap();
    let part =
        fs::read_dir(here.join("parts")).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap());
    let part = part.filter(|name| name.ends_with(".bin")).min().unwrap();
    let (part, raw) = (format!("parts/{part}"), format!("00000001=parts/{part}"));
    fs::create_dir(here.join("again")).unwrap();
    fs::hard_link(here.join("firmware.bin"), here.join(part.replace("parts", "again"))).unwrap();
    // The command, and the file that must stay.
    let through_sh = |line: &str| {
        Command::new("sh")
            .args(["-c", line])
            .env("S", env!("CARGO_BIN_EXE_stickshift"))
            .current_dir(here)
            .output()
            .unwrap()
    };
    let flash = "$S flash webui.bin --yes --force --virtual e3372h-loader --trace";
    let load = "$S load loader.bin --yes --force --virtual e3372h-needle --trace";
    let report = "$S report --no-questions --yes --force --virtual";
    fs::write(here.join("trace"), "-> AT\n").unwrap();
    fs::write(here.join("pasted"), "Bus 001 Device 005: ID 12d1:1506 Huawei\n").unwrap();
    let mut runs = 0;
    for (line, kept) in [
        ("$S profile convert - --to openwrt -o 1234:5678 --force < 1234:5678", "1234:5678"),
        ("$S profile convert - --to openwrt -o /dev/fd/0 --force < 1234:5678", "1234:5678"),
        ("$S profile convert ./1234:5678 --to openwrt -o - >> 1234:5678", "1234:5678"),
        ("$S learn - -o capture.pcapng --force < capture.pcapng", "capture.pcapng"),
        ("$S loader patch loader.bin -o soft.bin --force", "loader.bin"),
        ("$S loader patch soft.bin -o hard.bin --force", "loader.bin"),
        (&format!("$S firmware build {raw} --kind 1 -o {part} --force"), &part),
        (&format!("$S firmware build parts --kind 1 -o {part} --force"), &part),
        ("$S firmware extract firmware.bin -o again --force", "firmware.bin"),
        ("$S firmware extract parts -o parts --force", &part),
        (&format!("{flash} webui.bin"), "webui.bin"),
        (&format!("{flash}=./webui.bin"), "webui.bin"),
        (&format!("{load} hard.bin"), "hard.bin"),
        (&format!("{flash} state --virtual-state=state"), "state"),
        (&format!("{report} e3372h-stick --with-trace trace -o trace"), "trace"),
        (&format!("{report} e3372h-stick --with-trace=trace -o./trace"), "trace"),
        (&format!("{report} ./pasted --output pasted"), "pasted"),
        (&format!("{report} e3372h-loader --virtual-state state -o state"), "state"),
        ("$S hilink --virtual e3372h-hilink raw /api/x --post --trace body --force < body", "body"),
    ] {
        fs::write(here.join("body"), "<request/>").unwrap();
        if !here.join("state").exists() {
            let made = stickshift(here, &["list", "--virtual", "e3372h-loader", "--virtual-state", "state"]);
            assert!(made.status.success(), "{}", said(&made));
        }
        let before = fs::read(here.join(kept)).unwrap();
        let output = through_sh(line);
        assert!(said(&output).contains("is the input"), "{line}: {}", said(&output));
        assert_eq!(output.status.code(), Some(2), "{line}: {}", said(&output));
        assert_eq!(fs::read(here.join(kept)).unwrap(), before, "{line}");
        runs += 1;
    }
    // A file that is open already is written where it stands.
    for name in ["/proc/self/fd/3", "/dev/fd/3"] {
        let output =
            through_sh(&format!("echo first > three; $S loader patch loader.bin -o {name} 3>> three"));
        assert!(output.status.success(), "{}", said(&output));
        assert!(fs::read(here.join("three")).unwrap().starts_with(b"first\n"));
        runs += 1;
    }
    println!("{runs} runs with an input as the output");
}

/// Runs with a limit on the size of files, in KiB.
fn limited(folder: &Path, kilobytes: u32, arguments: &[&str]) -> Output {
    let limit = format!("ulimit -f {kilobytes}; exec \"$0\" \"$@\"");
    Command::new("bash")
        .args(["-c", &limit, env!("CARGO_BIN_EXE_stickshift")])
        .args(arguments)
        .current_dir(folder)
        .env("STICKSHIFT_STATE", "journals")
        .output()
        .unwrap()
}

#[test]
fn a_trace_that_cannot_grow_ends_no_flash_and_is_said() {
    let folder = inputs();
    let flash = ["flash", "firmware.bin", "--yes", "-q", "--virtual", "e3372h-loader", "--trace", "trace"];
    let output = limited(folder.path(), 64, &flash);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("stick: done"), "{}", said(&output));
    assert!(said(&output).contains("the trace trace is incomplete: File too large"), "{}", said(&output));
    // What is there ends with a whole line.
    let trace = fs::read_to_string(folder.path().join("trace")).unwrap();
    assert!(trace.ends_with('\n') && (50_000..=65_536).contains(&trace.len()), "{}", trace.len());
}

#[test]
fn a_journal_that_cannot_be_written_is_said_before_anything_is_sent() {
    let folder = inputs();
    let flash = ["flash", "webui.bin", "--yes", "--virtual", "e3372h-loader"];
    let output = limited(folder.path(), 0, &flash);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    for words in ["(file-unwritable)", "File too large", "stick: untouched"] {
        assert!(said(&output).contains(words), "{words}: {}", said(&output));
    }
}

#[test]
fn outputs_that_cannot_grow_leave_nothing_behind() {
    let folder = inputs();
    for (verb, _) in ONE_FILE.iter().filter(|(verb, _)| verb[0] != "learn") {
        let output = limited(folder.path(), 0, &[*verb, &["target"]].concat());
        assert_eq!(output.status.code(), Some(1), "{verb:?}: {}", said(&output));
        assert!(said(&output).contains("(file-unwritable)"), "{verb:?}: {}", said(&output));
        assert!(!folder.path().join("target").exists(), "{verb:?}");
    }
    leaves_nothing_hidden(folder.path());
}

/// Room for the loader and not for the firmware: of a set of files there are all or none.
#[test]
fn a_rehearsal_without_room_leaves_no_half_of_its_files() {
    let folder = inputs();
    let here = folder.path();
    let loader = fs::metadata(here.join("loader.bin")).unwrap().len();
    let firmware = fs::metadata(here.join("firmware.bin")).unwrap().len();
    let room = loader.div_ceil(1024);
    assert!(room * 1024 < firmware, "{loader} {firmware}");
    let rehearse = |to: &str| limited(here, room as u32, &["rehearse", "--files", to, "--force"]);
    let output = rehearse("new");
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    for words in ["cannot write new/firmware.bin (file-unwritable)", "File too large"] {
        assert!(said(&output).contains(words), "{words}: {}", said(&output));
    }
    assert!(!here.join("new").exists());
    // Nor does it change a set that is there.
    fs::create_dir(here.join("old")).unwrap();
    fs::write(here.join("old/loader.bin"), "old").unwrap();
    assert_eq!(rehearse("old").status.code(), Some(1));
    assert_eq!(fs::read(here.join("old/loader.bin")).unwrap(), b"old");
    assert_eq!(fs::read_dir(here.join("old")).unwrap().count(), 1);
}

/// Also where there is one, which would be replaced when the work is done.
#[test]
fn a_state_file_that_cannot_be_written_is_said_before_the_work() {
    let folder = inputs();
    let here = folder.path();
    let made = stickshift(here, &["list", "--virtual", "e3372h-loader", "--virtual-state", "kept"]);
    assert!(made.status.success(), "{}", said(&made));
    symlink("kept", here.join("link")).unwrap();
    let before = state(&here.join("kept"));
    for file in ["link", "no/such/kept"] {
        let name = ["--virtual", "e3372h-loader", "--virtual-state", file];
        let output = stickshift(here, &[&["flash", "webui.bin", "--yes"], &name[..]].concat());
        assert_eq!(output.status.code(), Some(1), "{file}: {}", said(&output));
        assert!(said(&output).contains("(file-unwritable)"), "{file}: {}", said(&output));
        assert!(said(&output).contains("stick: untouched"), "{file}: {}", said(&output));
        assert!(!said(&output).contains("partition 1"), "{file}: {}", said(&output));
    }
    assert_eq!(state(&here.join("kept")), before);
}

#[test]
fn a_result_that_nobody_could_take_is_a_failure() {
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let verbs: [(&[&str], &str); 14] = [
        (&["list", "--virtual", "k3772"], "untouched"),
        (&["--json", "list", "--virtual", "k3772"], "untouched"),
        (&["identify", "--virtual", "e3372h-stick"], "untouched"),
        (&["report", "--virtual", "e3372h-stick"], "untouched"),
        (&["signal", "--virtual", "e3372h-stick"], "untouched"),
        (&["at", "ATI", "+CSQ", "--virtual", "e3372h-stick"], "untouched"),
        (&["at", "ATI", "+CFUN=1", "--virtual", "e3372h-stick"], "done"),
        (&["switch", "--dry-run", "--virtual", "k3772"], "untouched"),
        (&["doctor", "--virtual", "none"], "untouched"),
        (&["--json", "switch", "--yes", "--virtual", "k3772"], "done"),
        (&["profile", "list"], "untouched"),
        (&["setup", "completions", "bash"], "untouched"),
        (&["--help"], ""),
        (&["--version"], ""),
    ];
    for (verb, verdict) in verbs {
        let run = Command::new(env!("CARGO_BIN_EXE_stickshift")).args(verb).stdout(full()).output().unwrap();
        assert_eq!(run.status.code(), Some(1), "{verb:?}: {}", said(&run));
        let text = said(&run);
        let stick = format!("\n  stick: {verdict}: ");
        assert!(
            verdict.is_empty() || (text.contains("No space left") && text.contains(&stick)),
            "{verb:?}: {text}"
        );
        assert!(!text.contains("output path"), "{verb:?}: {text}");
        assert!(!text.contains("nothing was sent to any stick"), "{verb:?}: {text}");
        // The reader who has seen enough is none.
        let line = "\"$0\" \"$@\" | true; exit ${PIPESTATUS[0]}";
        let run = Command::new("bash")
            .args(["-c", line, env!("CARGO_BIN_EXE_stickshift")])
            .args(verb)
            .output()
            .unwrap();
        assert!(run.status.success(), "{verb:?}: {}", said(&run));
    }
}
