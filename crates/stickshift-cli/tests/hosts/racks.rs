//! `--all` on another computer: its rows, its report, and what is left after an interruption.

use super::verbs::serve_socket;
use super::*;

const CONVERT: [&str; 8] =
    ["convert", "--all", "--to", "stick", "--firmware", "firmware.bin", "--loader", "loader.bin"];

impl Here {
    /// In its folder, so that names are short.
    fn run_in(&self, folder: &Path, words: &[&str]) -> Said {
        std::fs::create_dir_all(folder).unwrap();
        let mut command = stickshift(&self.folder);
        let output = command.args(words).args(&self.host).current_dir(folder).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }
}

fn files(folder: &Path) {
    assert_eq!(Here::at(folder, &[]).run_in(folder, &["rehearse", "--files", "made"]).0, 0);
    for name in ["firmware.bin", "loader.bin"] {
        std::fs::rename(folder.join("made").join(name), folder.join(name)).unwrap();
    }
}

#[test]
fn every_stick_of_the_other_computer_is_converted_with_one_question() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    files(folder);
    // One fits nothing.
    let sticks = "e3372h-hilink=2,e3372s";
    let (_server, there) = serve_socket(folder, sticks, &[]);
    let here = Here::at(folder, &["--virtual", sticks]);
    let option = format!(" --host {}", there.host[1]);
    let (got, wanted) = (there.run_in(folder, &CONVERT), here.run_in(folder, &CONVERT));
    assert_eq!((got.0, got.1, got.2.replace(&option, "")), wanted, "nobody has agreed");
    for report in ["rows.csv", "rows.json"] {
        // Nothing is sent for a file that may not be replaced.
        std::fs::write(folder.join(report), "somebody's").unwrap();
        let taken = there.run_in(folder, &[&CONVERT[..], &["--yes", "--report", report]].concat());
        assert!(taken.0 != 0 && taken.2.contains("file-exists"), "{taken:?}");
        std::fs::remove_file(folder.join(report)).unwrap();
    }
    let line = [&CONVERT[..], &["--yes", "--jobs", "1", "--report"]].concat();
    let local = here.run_in(folder, &[&line[..], &["local.json"]].concat());
    let remote = there.run_in(folder, &[&line[..], &["rows.json"]].concat());
    assert_eq!((remote.0, remote.1, remote.2.replace(&option, "")), local);
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert_eq!(read("rows.json").replace(&option, ""), read("local.json"));
    assert!(read("rows.json").contains("\"verdict\": \"done\""), "{}", read("rows.json"));
    // Again: what is done is not done again, and the report of before is one of ours.
    let again = there.run_in(folder, &[&line[..], &["rows.csv"]].concat());
    assert_eq!(again.0, remote.0, "{again:?}");
    assert_eq!(
        read("rows.csv").lines().filter(|row| row.contains(",true,")).count(),
        2,
        "{}",
        read("rows.csv")
    );
    // The report is of here.
    let there_too =
        Command::new("find").arg(folder.join("there")).args(["-name", "rows.*"]).output().unwrap();
    assert!(there_too.stdout.is_empty(), "{there_too:?}");
}

#[test]
fn a_run_whose_connection_breaks_goes_on_there_and_the_same_command_does_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    files(folder);
    let (_server, there) = serve_socket(folder, "e3372h-hilink=2", &[]);
    // Ctrl-C: each stick stops at a safe step, and the rows say so.
    let mut command = stickshift(folder);
    command.arg("--json").args(CONVERT).args(["--yes", "--report", "rows.json"]).args(&there.host);
    let mut client =
        command.current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (mut last, mut is_told) = (Value::Null, false);
    let mut flashing = std::collections::BTreeSet::new();
    for line in BufReader::new(client.stdout.take().unwrap()).lines() {
        last = serde_json::from_str(&line.unwrap()).unwrap();
        if last["stick"]["line"]["code"] == "flash-partition" {
            flashing.insert(last["stick"]["place"].to_string());
        }
        // One that is away while it starts would not come back: no time passes for virtual sticks between two commands.
        if !is_told && flashing.len() == 2 {
            is_told = true;
            let pid = client.id().to_string();
            assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        }
    }
    let code = client.wait().unwrap().code().unwrap();
    assert!(is_told && matches!(code, 0 | 6 | 7), "{code}: {last}");
    assert_eq!(last["result"]["rows"].as_array().unwrap().len(), 2, "{last}");
    let report = std::fs::read_to_string(folder.join("rows.json")).unwrap();
    assert!(report.contains("stickshift-report"), "{report}");
    let line = [&CONVERT[..], &["--yes", "--report", "rows.json"]].concat();
    let again = there.run_in(folder, &line);
    assert_eq!(again.0, 0, "{again:?}");
    let report: Value = serde_json::from_slice(&std::fs::read(folder.join("rows.json")).unwrap()).unwrap();
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{report}");
    if code != 0 {
        assert!(rows.iter().any(|row| row["resumed"] == true || row["earlier"] == true), "{report}");
    }
}

#[test]
fn nobody_knows_the_rows_of_a_server_that_died() {
    const JOB: &str = "{\"event\":\"job\",\"schema\":1,\"job\":\"1\"}\n";
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("right"), "open sesame\n").unwrap();
    let report = folder.join("rows.csv").display().to_string();
    for words in
        [&["switch", "--all", "--yes", "--report", &report][..], &["at", "ATI", "1-1"], &["hilink", "reboot"]]
    {
        let there = Here { folder: folder.to_owned(), host: options(folder, &dying(&[JOB])) };
        let (code, line) = there.json(words);
        assert_eq!((code, &line["verdict"]), (7, &"unknown".into()), "{line}");
        assert!(line["recover"].as_str().unwrap().contains("stickshift list --host"), "{line}");
    }
    assert!(!folder.join("rows.csv").exists());
    let there = Here { folder: folder.to_owned(), host: options(folder, &dying(&[JOB])) };
    for words in [&["hilink", "status"][..], &["hilink", "profile"], &["ports", "show"]] {
        assert_eq!(there.json(words).1["verdict"], "untouched", "{words:?}");
    }
}
