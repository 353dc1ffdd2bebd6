//! `--all`: sticks at once, each with its own bad day, and every row compared with what the stick holds in the end. There are eight, which
//! have a part of the faults; with `STICKSHIFT_RACK_STICKS=40` there are forty, which have all.
#![cfg(all(feature = "virtual", feature = "rack"))]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const VERSION: &str = "21.180.01.00.00";

fn stickshift(folder: &Path, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stickshift"))
        .args(line.split_whitespace())
        .current_dir(folder)
        .env("STICKSHIFT_STATE", folder.join("journals"))
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn files() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let run = stickshift(folder.path(), "rehearse --files made");
    assert!(run.status.success(), "{}", text(&run.stderr));
    folder
}

/// With `--json`.
fn last_line(run: &Output) -> Value {
    serde_json::from_str(text(&run.stdout).lines().last().unwrap()).unwrap()
}

const CONVERT: &str = "convert --all --to stick --loader made/loader.bin --firmware made/firmware.bin --yes --quiet --virtual-state sticks --report rows.json";

fn read(folder: &Path, name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
}

/// The rows of the report, by place.
fn rows(folder: &Path) -> BTreeMap<String, Value> {
    let report = read(folder, "rows.json");
    let rows = report["rows"].as_array().unwrap().iter();
    rows.map(|row| (row["place"].as_str().unwrap().to_owned(), row.clone())).collect()
}

/// Each row against the stick that was put away, which knows nothing of it.
fn rows_are_true(folder: &Path, what: &str) -> BTreeMap<String, Value> {
    let (rows, sticks) = (rows(folder), read(folder, "sticks"));
    let sticks = sticks["sticks"].as_array().unwrap();
    assert_eq!(rows.len(), sticks.len());
    for (number, stick) in (1..).zip(sticks) {
        let (row, flash) = (&rows[&format!("1-{number}")], &stick["flashable"]);
        let has_it = flash["kind"] == "stick" && flash["version"] == VERSION;
        let whole =
            flash["partitions"].as_object().unwrap().values().all(|partition| partition["whole"] == true);
        let told = format!(
            "{what}: {row}, and the stick is {} {} ({})",
            flash["kind"], flash["version"], flash["mode"]
        );
        match row["verdict"].as_str().unwrap() {
            "done" => {
                assert!(has_it && whole && flash["mode"] == "firmware", "{told}");
                assert_eq!(row["after"], format!("stick {VERSION}"), "{told}");
                assert_eq!(row["exit"], 0, "{told}");
            }
            "untouched" if row["exit"] == 0 => assert!(has_it, "{told}"),
            "untouched" => assert!(flash["written"] == false, "{told}"),
            "recoverable" | "unknown" => assert!(row["exit"] != 0 && !row["next"].is_null(), "{told}"),
            other => panic!("{other}: {told}"),
        }
    }
    rows
}

/// Every fault of a stick that can be flashed, each on a stick of its own, some in the middle of the flash.
fn every_fault(folder: &Path) -> Vec<String> {
    let run = stickshift(folder, "--json virtual --faults");
    let line: Value = serde_json::from_slice(&run.stdout).unwrap();
    let faults = line["result"]["faults"].as_array().unwrap().iter();
    let of_modems = faults.filter(|fault| fault["of"] == "sticks that can be talked to and flashed");
    let words = of_modems.map(|fault| fault["word"].as_str().unwrap().to_owned());
    (0..)
        .zip(words)
        .map(|(index, word)| word.replace("@N", &format!("@{}", 20 + 23 * (index % 11))))
        .collect()
}

#[test]
fn sticks_with_faults_end_with_true_rows_and_the_rest_is_done_again() {
    let sticks = std::env::var("STICKSHIFT_RACK_STICKS").ok().and_then(|n| n.parse().ok()).unwrap_or(8);
    let faults = every_fault(files().path());
    let every = faults.len().div_ceil(sticks - 1);
    let folder = files();
    let folder = folder.path();
    let given: Vec<String> = (2..)
        .zip(faults.iter().skip(every - 1).step_by(every))
        .map(|(number, fault)| format!("{fault}#{number}"))
        .collect();
    let line = format!("{CONVERT} --virtual e3372h-hilink={sticks} --fault {}", given.join(","));
    let run = stickshift(folder, &line);
    let err = text(&run.stderr);
    let first = rows_are_true(folder, "first");
    let worst = first.values().map(|row| row["exit"].as_u64().unwrap()).max().unwrap();
    assert_eq!(run.status.code(), Some(worst as i32), "{err}");
    let done = |rows: &BTreeMap<String, Value>| rows.values().filter(|row| row["verdict"] == "done").count();
    assert!(worst > 0 && done(&first) > 0, "{} done: {err}", done(&first));
    for row in first.values() {
        let identity = row["imei"].as_str().unwrap_or("**");
        assert!(identity.contains('*'), "an IMEI is masked: {row}");
    }

    // The same command again, on a good day: only the rest is done.
    let run = stickshift(folder, CONVERT);
    let second = rows_are_true(folder, "second");
    for (place, row) in &second {
        assert_eq!(row["earlier"], first[place]["verdict"] == "done", "{row}");
    }
    let left: Vec<&Value> = second.values().filter(|row| row["exit"] != 0).collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
}

#[test]
fn sticks_are_called_as_the_settings_say() {
    let folder = files();
    let folder = folder.path();
    let said = stickshift(folder, "--json identify 1-2 --unmasked --virtual e3372h-hilink=3");
    let said: Value = serde_json::from_slice(&said.stdout).unwrap();
    let imei = said["result"]["imei"].as_str().unwrap().to_owned();
    let settings = folder.join("root/etc/stickshift");
    std::fs::create_dir_all(&settings).unwrap();
    let names = format!("[names]\n\"{imei}\" = \"north, mast\"\n\"1-3\" = \"spare\"\n");
    std::fs::write(settings.join("config.toml"), names).unwrap();
    let line = "convert --all --to stick --loader made/loader.bin --firmware made/firmware.bin --yes --virtual e3372h-hilink=3 --report";
    for report in ["rows.json", "rows.csv"] {
        let run = Command::new(env!("CARGO_BIN_EXE_stickshift"))
            .args(line.split_whitespace())
            .args([report, "--anew"])
            .current_dir(folder)
            .env("STICKSHIFT_STATE", folder.join("journals"))
            .env("STICKSHIFT_ROOT", folder.join("root"))
            .output()
            .unwrap();
        assert!(run.status.success(), "{}", text(&run.stderr));
        assert!(text(&run.stdout).contains("(north, mast)"));
    }
    let rows = rows(folder);
    assert_eq!(rows["1-1"].get("called"), None);
    assert_eq!((&rows["1-2"]["called"], &rows["1-3"]["called"]), (&"north, mast".into(), &"spare".into()));
    let csv = std::fs::read_to_string(folder.join("rows.csv")).unwrap();
    assert!(csv.lines().nth(2).unwrap().ends_with(",\"north, mast\""), "{csv}");
    assert!(!csv.contains(&imei), "{csv}");
}

#[test]
fn a_request_to_stop_ends_each_stick_at_a_safe_step() {
    let mut resumed = 0;
    for report in [40, 120, 170, 210] {
        let folder = files();
        let folder = folder.path();
        let line = format!("{CONVERT} --jobs 2 --virtual e3372h-hilink=3 --fault ctrl-c@{report}");
        let run = stickshift(folder, &line);
        let stopped = format!("stopped at {report}");
        rows_are_true(folder, &stopped);
        // Unknown: one that was waited for while it started.
        assert!(matches!(run.status.code(), Some(0 | 6 | 7)), "{stopped}: {}", text(&run.stderr));
        assert_eq!(stickshift(folder, CONVERT).status.code(), Some(0), "{stopped}");
        let second = rows_are_true(folder, &format!("{stopped}, and again"));
        resumed += second.values().filter(|row| row["resumed"] == true).count();
    }
    assert!(resumed > 0);
}

#[test]
fn another_stick_at_the_place_of_an_interrupted_one_resumes_nothing() {
    let folder = files();
    let folder = folder.path();
    let run =
        stickshift(folder, &format!("{CONVERT} --virtual e3372h-hilink --virtual-seed 1 --fault ctrl-c@170"));
    assert_ne!(run.status.code(), Some(0), "{}", text(&run.stderr));
    let other = "convert --all --to stick --loader made/loader.bin --firmware made/firmware.bin --yes --report rows.json --virtual e3372s-hilink";
    let run = stickshift(folder, other);
    let rows = rows(folder);
    assert_eq!(rows["1-1"]["resumed"], false, "{rows:?} {}", text(&run.stderr));
    assert_ne!(rows["1-1"]["exit"], 0, "{rows:?}");
}

#[test]
fn a_stick_that_could_not_say_what_it_is_at_the_start_has_that_in_its_row_at_the_end() {
    let folder = files();
    let folder = folder.path();
    let line = "convert --all --to stick --loader made/loader.bin --firmware made/firmware.bin --yes --report rows.json --virtual e3372h-needle,e3372h-loader";
    let run = stickshift(folder, line);
    let rows = rows(folder);
    assert!(run.status.success(), "{rows:?} {}", text(&run.stderr));
    for row in rows.values() {
        assert!(
            row["product"].is_string() && row["imei"].as_str().is_some_and(|imei| imei.contains('*')),
            "{row}"
        );
    }
}

#[test]
fn nothing_is_done_without_consent_and_what_is_done_is_not_done_again() {
    let folder = files();
    let folder = folder.path();
    let line = "convert --all --to stick --loader made/loader.bin --firmware made/firmware.bin --virtual-state sticks --virtual e3372h-hilink=2,e3372s";
    let run = stickshift(folder, line);
    let err = text(&run.stderr);
    assert_eq!(run.status.code(), Some(5), "{err}");
    assert!(err.contains("plan for 2 of 3 sticks") && err.contains("not confirmed"), "{err}");
    let run = stickshift(folder, &format!("{line} --yes --report rows.csv"));
    assert_eq!(run.status.code(), Some(5), "{}", text(&run.stderr));
    let report = std::fs::read_to_string(folder.join("rows.csv")).unwrap();
    let verdicts: Vec<&str> = report.lines().skip(1).map(|row| row.split(',').nth(7).unwrap()).collect();
    assert_eq!(verdicts, ["done", "done", "untouched"], "{report}");
    let run = stickshift(folder, &format!("{line} --yes --report rows.csv"));
    let again = std::fs::read_to_string(folder.join("rows.csv")).unwrap();
    assert!(again.lines().nth(1).unwrap().ends_with(",true,"), "{again}");
    assert_eq!(run.status.code(), Some(5));
}

#[test]
fn switching_and_flashing_take_every_stick_that_waits_for_it() {
    let folder = files();
    let folder = folder.path();
    let run =
        stickshift(folder, "switch --all --yes --virtual k3772=3,e3372h-stick,e3372h-cd --report rows.json");
    assert!(run.status.success(), "{}", text(&run.stderr));
    let switched = rows(folder);
    assert_eq!(switched.keys().collect::<Vec<_>>(), ["1-1", "1-2", "1-3", "1-5"]);
    assert!(
        switched.values().all(|row| row["verdict"] == "done" && row["before"] == "cdrom"),
        "{switched:?}"
    );
    let run = stickshift(
        folder,
        "flash --all made/firmware.bin --yes --virtual e3372h-loader=2,e3372h-stick --report rows.json",
    );
    assert!(run.status.success(), "{}", text(&run.stderr));
    assert_eq!(rows(folder).len(), 2);
    let run = stickshift(folder, "switch --all --yes --virtual e3372h-stick");
    assert_eq!(run.status.code(), Some(3), "{}", text(&run.stderr));
    let run = stickshift(folder, "switch --all 1-1 --virtual k3772");
    assert_eq!(run.status.code(), Some(2), "{}", text(&run.stderr));
}

#[test]
fn a_stick_that_another_command_talks_to_is_left_alone_and_has_its_row() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let line =
        "switch --all --in-use 1-2 --yes --json --virtual k3772=3 --virtual-state sticks --report rows.json";
    let run = stickshift(folder, line);
    assert_eq!(run.status.code(), Some(4), "{}", text(&run.stdout));
    let rows = rows(folder);
    let told: Vec<_> =
        rows.values().map(|row| (row["verdict"].as_str().unwrap(), row["exit"].as_u64().unwrap())).collect();
    assert_eq!(told, [("done", 0), ("untouched", 4), ("done", 0)], "{rows:?}");
    assert_eq!((&rows["1-2"]["kind"], &rows["1-2"]["before"]), (&"port-busy".into(), &"cdrom".into()));
    // Afterwards the same command does what is left.
    let run = stickshift(folder, &line.replace("--in-use 1-2 ", ""));
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stdout));
    // All of them in use is no reason to say that there are none.
    let run = stickshift(folder, "switch --all --in-use 1-1 --yes --json --virtual k3772");
    assert_eq!(run.status.code(), Some(4), "{}", text(&run.stdout));
    let run = stickshift(folder, "switch --all --in-use 1-1 --dry-run --json --virtual k3772");
    assert_eq!(run.status.code(), Some(4), "{}", text(&run.stdout));
}

#[test]
fn sticks_that_are_not_here_count_for_nothing_and_those_left_in_the_middle_are_named() {
    let folder = files();
    let folder = folder.path();
    let line =
        "convert --all --to stick --loader made/loader.bin --firmware made/firmware.bin --yes --report";
    let run = |rest: &str| stickshift(folder, &format!("{line} {rest}"));
    assert_eq!(run("rows.csv --virtual k3772-modem,em7455").status.code(), Some(5));
    let cut = run("rows.csv --virtual e3372h-hilink=2 --seed 7 --fault powerloss@200#2");
    assert_eq!(cut.status.code(), Some(6), "{}", text(&cut.stdout));

    let none = run("rows.csv --json --virtual none");
    assert_eq!(none.status.code(), Some(3), "{}", text(&none.stdout));
    let told = last_line(&none);
    let left = told["facts"]["left-in-the-middle"].as_str().unwrap();
    assert!(left.starts_with("1-2 ") && !left.contains("1-1"), "{left}");

    let other = run("rows.csv --virtual e3372h-hilink --seed 50");
    let said = text(&other.stdout);
    assert_eq!(other.status.code(), Some(0), "{said}");
    assert!(
        said.contains("1 stick: 1 done\nnot here, and left in the middle by an earlier run: 1-2 "),
        "{said}"
    );
    assert_eq!(std::fs::read_to_string(folder.join("rows.csv")).unwrap().lines().count(), 2);
    let both = run("rows.json --virtual e3372h-hilink=2 --seed 50 --json");
    let end = last_line(&both);
    // The journal at that place is of another stick.
    assert_eq!(both.status.code(), Some(5), "{end}");
    assert_eq!(
        (rows(folder).len(), read(folder, "rows.json")["absent"].as_array().map(Vec::len)),
        (2, Some(1))
    );
    assert!(!text(&both.stdout).contains("\"key\""), "a hash of the IMEI stays in the state folder");
}

#[test]
fn a_stick_that_was_only_switched_resumes_nothing() {
    let folder = files();
    let folder = folder.path();
    let run = stickshift(folder, "flash made/firmware.bin --yes --virtual e3372h-loader --fault unplug@60");
    assert_eq!(run.status.code(), Some(6), "{}", text(&run.stderr));
    let run = stickshift(folder, "switch --all --yes --virtual k3772 --report rows.json");
    assert!(run.status.success(), "{}", text(&run.stderr));
    assert_eq!(rows(folder)["1-1"]["resumed"], false);
}
