//! This program under the name usb_modeswitch, through a link as packages make it, beside the real one where that is installed.

#![cfg(all(unix, feature = "virtual"))]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Lines that scripts look for (docs/protocols/mode-switch.md section 2.2).
const MARKS: [&str; 10] = [
    "ok:",
    "fail:",
    "No devices in default mode found. Nothing to do. Bye!",
    "Mode switch succeeded. Bye!",
    "Mode switch most likely succeeded. Bye!",
    "Mode switch has failed. Bye!",
    "Mode switch most likely failed. Bye!",
    "-> Run lsusb to note any changes. Bye!",
    "already active. Nothing to do",
    "Found devices in default mode (",
];

fn marks(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut found: Vec<String> =
        text.lines().filter(|l| MARKS.iter().any(|m| l.contains(m))).map(|l| l.trim().to_owned()).collect();
    found.sort();
    found
}

fn link(folder: &Path) -> PathBuf {
    let link = folder.join("usb_modeswitch");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_stickshift"), &link).unwrap();
    link
}

fn ours(link: &Path, fault: &str, arguments: &[String]) -> Output {
    let mut command = Command::new(link);
    command.env("STICKSHIFT_VIRTUAL", "k3772").env("STICKSHIFT_FAULT", fault).args(arguments);
    command.output().unwrap()
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(|w| w.replace('\u{1}', " ")).collect()
}

#[test]
fn a_script_of_the_kind_that_people_have() {
    let folder = tempfile::tempdir().unwrap();
    let link = link(folder.path());
    let config = folder.path().join("k3772.conf");
    let text = "# Vodafone K3772\nDefaultVendor = 0x12d1\nDefaultProduct = 0x1526\nTargetVendor = 0x12d1\n\
                TargetProduct = 0x14cf\nMessageContent = \"55534243123456780000000000000011062000000101000100000000000000\"\n\
                CheckSuccess = 20\n";
    std::fs::write(&config, text).unwrap();
    let run = ours(&link, "switches", &["-W".into(), "-D".into(), "-c".into(), config.display().to_string()]);
    let out = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && out.contains("Mode switch succeeded. Bye!"), "{run:?}");
    assert!(out.lines().any(|l| l == "ok:no_data"), "{out}");
    let run = ours(&link, "ignores", &["-Q".into(), "-D".into(), "-c".into(), config.display().to_string()]);
    assert_eq!(String::from_utf8_lossy(&run.stdout), "fail:\n");
    assert_eq!(run.status.code(), Some(0));
}

/// Both programs on a stick that takes its message and does nothing: same exit code, same lines for scripts.
#[test]
fn the_real_program_ends_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let Some((program, library)) = test_support::usb_modeswitch(folder.path()) else { return };
    let link = link(folder.path());
    let message = "55534243123456780000000000000011062000000101000100000000000000";
    let ids = "-v 12d1 -p 1526";
    for line in [
        "-e".to_owned(),
        "-h".to_owned(),
        "-W".to_owned(),
        "-y".to_owned(),
        "--nonsense".to_owned(),
        "-v".to_owned(),
        "-v 12d1".to_owned(),
        "-v 0 -p 0".to_owned(),
        ids.to_owned(),
        format!("{ids} -J"),
        format!("{ids} -J -W"),
        format!("{ids} -J -Q"),
        format!("{ids} -J -D"),
        format!("{ids} --huawei-new-mode --sysmode --check-success 2"),
        format!("{ids} -J -D -Q -s 2"),
        format!("{ids} -V 12d1 -P 14cf -J -s 2"),
        format!("{ids} -V 0x12d1 -P 0x14cf -J -D -s 2"),
        format!("{ids} -C ff -J -D -s 2"),
        format!("{ids} -C 8 -J -D"),
        format!("{ids} -M {message}"),
        format!("{ids} --message-content={message} -D"),
        format!("{ids} -M 555 -D"),
        format!("{ids} -M xx"),
        format!("{ids} -K -n -I"),
        format!("{ids} -K -M {message}"),
        format!("{ids} -J -S"),
        format!("{ids} -J -J -Q"),
        format!("{ids} -H -D"),
        format!("{ids} -d"),
        format!("{ids} -R"),
        format!("{ids} -J -u 1 -D"),
        format!("{ids} -u -1 -J -D"),
        format!("{ids} -i 3"),
        format!("{ids} -a 0"),
        format!("{ids} -F 1"),
        format!("{ids} -j"),
        format!("{ids} -j -Q"),
        format!("{ids} -j -Q -b 1 -g 77"),
        format!("{ids} -j -Q -b 1 -g \u{2}"),
        "-v 12d1 -p 1f01 -J -D".to_owned(),
        format!("{ids} -b 1 -g \u{2} -J -D"),
        format!("{ids} -b 1 -g \u{2} -J -D -s 2 -W"),
        format!("{ids} -b 1 -g 77 -J -D"),
        format!("{ids} -D -f NoDriverLoading=1\nHuaweiNewMode=1"),
        format!(
            "{ids} -D -Q -u -1 -b 1 -g \u{2} -f TargetVendor=0x12d1\nTargetProduct=0x14cf\nHuaweiNewMode=1"
        ),
        format!("{ids} -f HuaweiNewMode=1 -c /nonexistent"),
        format!("{ids} -c /nonexistent"),
        "-f DefaultVendor=12d1\nDefaultProduct=1526\nStandardEject=true -D".to_owned(),
    ] {
        let run = Command::new(program)
            .args(words(&line.replace('\u{2}', "5")))
            .env("LD_PRELOAD", &library)
            .env("RECORDER_LOG", folder.path().join("log"))
            .env("RECORDER_ID", "12d1:1526")
            .env("RECORDER_CONFIGURATIONS", "1")
            .output()
            .unwrap();
        let own = ours(&link, "ignores", &words(&line.replace('\u{2}', "1")));
        assert_eq!(own.status.code(), run.status.code(), "{line}: {own:?}");
        let both = [marks(&own), marks(&run)].map(|lines| {
            lines
                .into_iter()
                .map(|l| if l.starts_with("Target configuration") { "active".into() } else { l })
                .collect::<Vec<String>>()
        });
        assert_eq!(both[0], both[1], "{line:?}");
        if line.contains("-j") {
            let last = |o: &Output| String::from_utf8_lossy(&o.stdout).lines().last().map(str::to_owned);
            assert_eq!(last(&own), last(&run), "{line}");
        }
    }
}
