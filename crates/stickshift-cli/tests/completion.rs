//! What a shell is told while a line is typed.

#![cfg(feature = "virtual")]

use std::process::Command;

/// What bash is offered for the last word of a line, which may be empty.
fn offered(line: &str) -> Vec<String> {
    let words: Vec<&str> = line.split(' ').collect();
    let output = Command::new(env!("CARGO_BIN_EXE_stickshift"))
        .arg("--")
        .args(&words)
        .env("COMPLETE", "bash")
        .env("_CLAP_IFS", "\n")
        .env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string())
        .env("_CLAP_COMPLETE_COMP_TYPE", "9")
        .env("_CLAP_COMPLETE_SPACE", "false")
        .output()
        .unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn verbs_their_parts_and_options_are_offered() {
    assert!(offered("stickshift ide").contains(&"identify".to_owned()));
    assert!(offered("stickshift firmware ver").contains(&"verify".to_owned()));
    assert!(offered("stickshift convert --fir").iter().any(|word| word == "--firmware"));
    assert!(offered("stickshift --color ").contains(&"never".to_owned()));
}

#[test]
fn sticks_virtual_names_and_faults_are_offered() {
    let names = offered("stickshift list --virtual e3372h-h");
    assert!(names.contains(&"e3372h-hilink".to_owned()), "{names:?}");
    let names = offered("stickshift list --virtual k3772,e3372h-h");
    assert!(names.contains(&"k3772,e3372h-hilink".to_owned()), "{names:?}");
    assert!(offered("stickshift virtual k37").contains(&"k3772".to_owned()));
    let faults = offered("stickshift rehearse --fault unp");
    assert_eq!(faults, ["unplug"]);
    for line in [
        "stickshift --virtual k3772,e3372h-stick identify ",
        "stickshift --virtual k3772,e3372h-stick sms list ",
        "stickshift --virtual k3772,e3372h-stick at ATI --stick ",
        "stickshift --virtual k3772,e3372h-stick load loader.bin ",
    ] {
        let sticks = offered(line);
        for place in ["1-1", "1-2"] {
            assert!(sticks.contains(&place.to_owned()), "{line}: {sticks:?}");
        }
    }
}

#[test]
fn each_shell_has_a_script_that_asks_the_program() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = Command::new(env!("CARGO_BIN_EXE_stickshift"))
            .args(["setup", "completions", shell])
            .output()
            .unwrap();
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success() && script.contains("COMPLETE") && script.contains("stickshift"),
            "{shell}"
        );
    }
}
