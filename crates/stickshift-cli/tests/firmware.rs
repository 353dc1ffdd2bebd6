//! The firmware verbs as they are typed: what is printed, what is written, how it ends.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use test_support::result_of;

fn stickshift(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stickshift")).args(arguments).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A folder with two raw partitions, and an image built from them.
fn built() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("boot"), vec![0x7e; 10_000]).unwrap();
    fs::write(folder.path().join("system"), b"a small system").unwrap();
    let arguments = [
        &["firmware", "build", "00110000=boot", "00590000=system", "-o", "fw.bin", "--kind", "1"][..],
        &["--platform", "E3372h_153", "--firmware-version", "21.180.01.00.00", "--hardware", "HWEW11.1"],
    ]
    .concat();
    let run = stickshift(folder.path(), &arguments);
    assert!(run.status.success(), "{}", text(&run.stderr));
    folder
}

#[test]
fn inspect_shows_the_map() {
    let folder = built();
    let run = stickshift(folder.path(), &["inspect", "fw.bin"]);
    let shown = text(&run.stdout);
    for line in [
        "fw.bin: firmware image, 10312 bytes",
        "  content    main firmware (0x01)",
        "  version    21.180.01.00.00",
        "  platform   E3372h_153",
        "  1  0x0000005c  00110000  Fastboot              10000      10000  plain",
    ] {
        assert!(shown.lines().any(|l| l == line), "{line:?} is not in\n{shown}");
    }
    let map = result_of(&stickshift(folder.path(), &["inspect", "fw.bin", "--json"]).stdout);
    assert_eq!(map["kind"], "firmware");
    assert_eq!(map["partitions"][1]["name"], "System");
    assert_eq!(map["partitions"][1]["size"], 14);
    assert_eq!(map["findings"], serde_json::json!([]));
}

#[test]
fn verify_names_the_bad_block_and_refuses() {
    let folder = built();
    assert!(stickshift(folder.path(), &["firmware", "verify", "fw.bin"]).status.success());
    let path = folder.path().join("fw.bin");
    let mut bytes = fs::read(&path).unwrap();
    bytes[92 + 98 + 6 + 4096] ^= 1;
    fs::write(&path, bytes).unwrap();
    let run = stickshift(folder.path(), &["firmware", "verify", "fw.bin"]);
    assert_eq!(run.status.code(), Some(5));
    assert!(text(&run.stdout).contains("fault: partition 1: block 1 at 0x10c4 (4096 bytes)"));
    assert!(text(&run.stdout).contains("FAILED: "));
    let told = text(&run.stderr);
    assert!(told.contains("(file-corrupt)") && told.contains("stick: untouched"), "{told}");
    // Taking it apart is refused too, until it is asked for.
    assert_eq!(stickshift(folder.path(), &["firmware", "extract", "fw.bin"]).status.code(), Some(5));
    assert!(!folder.path().join("fw.bin.parts").exists());
    assert!(
        stickshift(folder.path(), &["firmware", "extract", "fw.bin", "--allow-damaged"]).status.success()
    );
}

/// Tools take a folder of some partitions for an image.
#[test]
fn an_extraction_that_fails_leaves_only_what_was_there() {
    let folder = built();
    let parts = folder.path().join("fw.bin.parts");
    let names = || {
        let entries = fs::read_dir(&parts).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    };
    // In the way of the last file: the partitions before it were written.
    for mine in ["firmware.json", "01-00590000-System.bin"] {
        fs::create_dir_all(&parts).unwrap();
        fs::write(parts.join(mine), "mine").unwrap();
        let run = stickshift(folder.path(), &["firmware", "extract", "fw.bin"]);
        assert!(text(&run.stderr).contains("(file-exists)"), "{}", text(&run.stderr));
        assert_eq!((names(), fs::read(parts.join(mine)).unwrap()), (vec![mine.to_owned()], b"mine".to_vec()));
        fs::remove_dir_all(&parts).unwrap();
    }
}

#[test]
fn extract_and_build_there_and_back() {
    let folder = built();
    let run = stickshift(folder.path(), &["firmware", "extract", "fw.bin", "--exact", "-o", "parts"]);
    assert!(run.status.success());
    assert!(text(&run.stdout).starts_with("parts/00-00110000-Fastboot.bin\nparts/01-00590000-System.bin\n"));
    assert!(stickshift(folder.path(), &["firmware", "build", "parts", "-o", "again.bin"]).status.success());
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    assert!(read("fw.bin") == read("again.bin"));
    // Balong's own form of single partitions.
    assert!(
        stickshift(folder.path(), &["firmware", "extract", "fw.bin", "--split", "-o", "fw"]).status.success()
    );
    let joined = ["firmware", "build", "fw/00-00110000-Fastboot.fw", "fw", "--kind", "1", "-o", "three.bin"];
    assert!(stickshift(folder.path(), &joined).status.success());
    let map = result_of(&stickshift(folder.path(), &["inspect", "three.bin", "--json"]).stdout);
    assert_eq!(map["partitions"].as_array().unwrap().len(), 3);
}

#[test]
fn a_changed_folder_is_told_from_a_damaged_one() {
    let folder = built();
    let run = |arguments: &[&str]| {
        let run = stickshift(folder.path(), arguments);
        (run.status.code().unwrap(), text(&run.stdout) + &text(&run.stderr))
    };
    let put = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    assert_eq!(run(&["firmware", "extract", "fw.bin", "-o", "parts"]).0, 0);
    let (code, said) = run(&["firmware", "verify", "parts"]);
    assert!(code == 0 && said.contains("OK: 2 partitions, 2 files compared with firmware.json"), "{said}");
    put("parts/01-00590000-System.bin", b"garbage");
    let (code, said) = run(&["firmware", "verify", "parts"]);
    assert!(code == 5 && said.contains("FAILED: ") && said.contains("firmware build"), "{said}");
    let (code, said) = run(&["firmware", "build", "parts", "-o", "p.bin"]);
    assert!(code == 0 && said.contains("01-00590000-System.bin was changed after"), "{said}");
    // What was signed is not what is there now.
    assert!(!said.contains("signature"), "{said}");
    assert_eq!(run(&["firmware", "build", "fw.bin", "--kind", "9", "-o", "signed.bin"]).0, 0);
    assert_eq!(run(&["firmware", "extract", "signed.bin", "-o", "signed"]).0, 0);
    put("signed/01-00590000-System.bin", b"garbage");
    for (kind, mark, now) in
        [(&[][..], "is marked as not signed", false), (&["--kind", "9"], "all the same", true)]
    {
        let line = [&["firmware", "build", "signed", "-o", "s.bin", "--force"], kind].concat();
        let (code, said) = run(&line);
        assert!(code == 0 && said.contains(mark), "{said}");
        let map = result_of(&stickshift(folder.path(), &["inspect", "s.bin", "--json"]).stdout);
        assert_eq!(map["content"]["signed"], now, "{map}");
    }
    // Without its manifest nothing tells, and nothing is said to be right.
    fs::remove_file(folder.path().join("parts/firmware.json")).unwrap();
    let (code, said) = run(&["firmware", "verify", "parts"]);
    assert!(code == 0 && said.contains("not verified: 2 partitions") && !said.contains("OK"), "{said}");

    let mut bytes = fs::read(folder.path().join("fw.bin")).unwrap();
    bytes[92 + 98 + 6 + 4096] ^= 1;
    put("bad.bin", &bytes);
    assert_eq!(run(&["firmware", "extract", "bad.bin", "--allow-damaged", "-o", "bad"]).0, 0);
    assert_eq!(run(&["firmware", "extract", "bad.bin", "--allow-damaged", "--split", "-o", "s"]).0, 5);
    assert_eq!(run(&["firmware", "verify", "bad"]).0, 5);
    for input in ["bad", "bad.bin"] {
        let (code, said) = run(&["firmware", "build", input, "-o", "q.bin"]);
        assert!(code == 5 && said.contains("is damaged: partition 1: block 1"), "{said}");
        assert!(!folder.path().join("q.bin").exists());
        let (code, said) = run(&["firmware", "build", input, "-o", "q.bin", "--allow-damaged", "--force"]);
        assert!(code == 0 && said.contains("is damaged: "), "{said}");
        fs::remove_file(folder.path().join("q.bin")).unwrap();
    }
}

#[test]
fn what_cannot_be_done_says_why() {
    let folder = built();
    fs::write(folder.path().join("letter.txt"), "dear reader").unwrap();
    for (arguments, kind, code) in [
        (&["firmware", "verify", "nowhere.bin"][..], "(file-not-found)", 1),
        (&["firmware", "verify", "letter.txt"], "(wrong-file-kind)", 5),
        (&["firmware", "verify", "."], "(wrong-file-kind)", 5),
        (&["firmware", "build", "00110000=boot", "-o", "x.bin"], "(usage)", 2),
        (&["firmware", "build", "00110000=nowhere", "-o", "x.bin", "--kind", "1"], "(file-not-found)", 1),
        (
            &["firmware", "build", "00110000=boot", "-o", "no/where.bin", "--kind", "1"],
            "(file-unwritable)",
            1,
        ),
        (&["firmware", "build", "fw.bin", "--split", "-o", "x.fw"], "(usage)", 2),
    ] {
        let run = stickshift(folder.path(), arguments);
        let told = text(&run.stderr);
        assert_eq!(run.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(kind), "{arguments:?}: {told}");
    }
    assert!(!folder.path().join("x.bin").exists());
}

#[test]
fn inspect_shows_a_cut_image_and_fails() {
    let folder = built();
    let bytes = fs::read(folder.path().join("fw.bin")).unwrap();
    fs::write(folder.path().join("cut.bin"), &bytes[..bytes.len() - 9]).unwrap();
    let run = stickshift(folder.path(), &["inspect", "cut.bin"]);
    assert_eq!(run.status.code(), Some(5));
    assert!(text(&run.stdout).contains("version"), "the map is shown all the same");
    assert!(text(&run.stderr).contains("file-truncated"));
}

#[cfg(unix)]
#[test]
fn what_has_no_end_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    for endless in ["/dev/zero", "/dev/urandom"] {
        let run = stickshift(folder.path(), &["inspect", endless]);
        assert_eq!(run.status.code(), Some(1), "{endless}");
        assert!(text(&run.stderr).contains("file-unreadable"), "{endless}");
    }
}
