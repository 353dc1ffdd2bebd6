//! `identify` on each kind of virtual stick: the model, the firmware, and whether a needle is on the way.
#![cfg(feature = "virtual")]

use std::process::Command;

use serde_json::Value;

#[test]
fn every_virtual_stick_is_known_for_what_it_is() {
    // Stick, model, how sure, firmware, how sure, needle on the last way.
    for (stick, model, model_sure, firmware, firmware_sure, needle) in [
        ("e3372h-hilink", Some("E3372h"), "certain", Some("hilink"), "certain", false),
        ("e3372h-hilink-closed", Some("E3372h"), "certain", Some("hilink"), "certain", true),
        ("e3372h-stick", Some("E3372h-153"), "certain", Some("stick"), "certain", false),
        ("e3372s-hilink", Some("E3372s"), "certain", Some("hilink"), "certain", false),
        ("e3372h-320", Some("E3372h"), "certain", Some("hilink"), "certain", true),
        ("k3772-modem", Some("K3772"), "likely", Some("stick"), "likely", true),
        ("e3372h-cd", None, "unknown", None, "unknown", true),
        ("e3372h-needle", None, "unknown", None, "unknown", false),
    ] {
        let run = Command::new(env!("CARGO_BIN_EXE_stickshift"))
            .args(["--json", "--virtual", stick, "identify"])
            .output()
            .unwrap();
        assert!(run.status.success(), "{stick}: {}", String::from_utf8_lossy(&run.stderr));
        let said: Value = serde_json::from_slice(&run.stdout).unwrap();
        let finding = |about: &str| {
            let all = said["findings"].as_array().unwrap();
            let found = all.iter().find(|f| f["about"] == about).unwrap();
            assert!(!found["why"].as_str().unwrap().is_empty(), "{stick}: {about} has its evidence");
            (found["value"].as_str().map(str::to_owned), found["sure"].as_str().unwrap().to_owned())
        };
        assert_eq!(finding("model"), (model.map(str::to_owned), model_sure.to_owned()), "{stick}");
        assert_eq!(finding("firmware"), (firmware.map(str::to_owned), firmware_sure.to_owned()), "{stick}");
        let last = said["routes"].as_array().unwrap().last().unwrap();
        assert_eq!(last["needle"], needle, "{stick}");
        assert!(last["command"].as_str().unwrap().starts_with("stickshift "), "{stick}");
        assert!(
            !String::from_utf8_lossy(&run.stdout).contains("860000000000"),
            "{stick}: identities are masked"
        );
    }
}
