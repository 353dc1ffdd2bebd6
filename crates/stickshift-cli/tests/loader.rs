//! The loader verbs as they are typed: what is printed, what is written, how it ends.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use stickshift_emu::testkit::loader_file;
use test_support::result_of;

fn stickshift(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stickshift")).args(arguments).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn table(product: &[u8]) -> Vec<u8> {
    let mut t = vec![0; 2048];
    t[..16].copy_from_slice(b"pTableHead\0\0\0\0\0\x80");
    t[16..30].copy_from_slice(b"BOOTROM_V01.02");
    t[32..32 + product.len()].copy_from_slice(product);
    t[48..56].copy_from_slice(b"fastboot");
    t[48 + 16..48 + 20].copy_from_slice(&0x40000u32.to_le_bytes());
    t[48 + 36..48 + 40].copy_from_slice(&0x104u32.to_le_bytes());
    t
}

/// A folder with stock.bin (V7R1 pattern and a call), unknown.bin (neither), and new-table.bin.
fn made() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut usbldr = vec![0x11; 8192];
    usbldr[0x1000..0x1800].copy_from_slice(&table(b"OLD_STICK"));
    usbldr[0x1c00..0x1c08].copy_from_slice(b"ANDROID!");
    let loader = |usbldr: &[u8]| loader_file((0x2ffe_4000, &[0x22; 300]), (0x3000_4000, usbldr));
    fs::write(folder.path().join("unknown.bin"), loader(&usbldr)).unwrap();
    usbldr[0x100..0x118].copy_from_slice(
        b"\x3d\xe2\xe0\xe3\x00\xe0\x9e\xe5\x5c\xc3\x9f\xe5\x0c\x00\x5e\xe1\x00\x00\x00\x0a\x49\x4a\x00\xeb",
    );
    fs::write(folder.path().join("stock.bin"), loader(&usbldr)).unwrap();
    fs::write(folder.path().join("new-table.bin"), table(b"NEW_STICK")).unwrap();
    folder
}

#[test]
fn inspect_says_what_a_loader_does_and_why() {
    let folder = made();
    let run = stickshift(folder.path(), &["inspect", "stock.bin"]);
    let shown = text(&run.stdout);
    for line in [
        "stock.bin: boot ROM loader, 8576 bytes",
        "  safety     stock: erases the whole flash when it starts",
        "             0x294: the erase call is in place (V7R1 pattern at 0x280) [494a00eb]",
        "             an erasing loader destroys IMEI, serial number and radio calibration",
        "  chip       V7R1 (E3272, E3276, E5372)",
        "  patches    erase, fastboot, table",
        "  usbldr     0x00000180     8192  0x30004000  0x2",
        "   0  fastboot              2       0          0  0x00000000  0x00000000      0   104      0  fastboot",
    ] {
        assert!(shown.lines().any(|l| l == line), "{line:?} is not in\n{shown}");
    }
    assert_eq!(text(&stickshift(folder.path(), &["loader", "info", "stock.bin"]).stdout), shown);
    let unknown = result_of(&stickshift(folder.path(), &["inspect", "unknown.bin", "--json"]).stdout);
    assert_eq!((&unknown["kind"], &unknown["safety"]["code"]), (&"loader".into(), &"unknown".into()));
    assert_eq!(unknown["blocks"][1]["address"], 0x3000_4000);
    let table = result_of(&stickshift(folder.path(), &["inspect", "new-table.bin", "--json"]).stdout);
    assert_eq!(
        (&table["kind"], &table["table"]["product"]),
        (&"partition-table".into(), &"NEW_STICK".into())
    );
}

#[test]
fn patch_writes_what_it_says() {
    let folder = made();
    let path = |name: &str| folder.path().join(name);
    let dry = stickshift(folder.path(), &["loader", "patch", "stock.bin"]);
    assert!(text(&dry.stdout).contains("0x00000294  erase-patch      494a00eb -> 0000a0e3"), "{dry:?}");
    assert!(text(&dry.stdout).ends_with("nothing was written: -o FILE writes it\n"));

    let run = stickshift(folder.path(), &["loader", "patch", "stock.bin", "-o", "safe.bin"]);
    assert!(run.status.success());
    let mut expected = fs::read(path("stock.bin")).unwrap();
    expected[0x294..0x298].copy_from_slice(&[0x00, 0x00, 0xa0, 0xe3]);
    assert_eq!(fs::read(path("safe.bin")).unwrap(), expected);
    let safe = result_of(&stickshift(folder.path(), &["inspect", "safe.bin", "--json"]).stdout);
    assert_eq!(safe["safety"]["code"], "already-safe");

    let arguments = [
        "loader",
        "patch",
        "stock.bin",
        "-o",
        "fb.bin",
        "--fastboot",
        "--table",
        "new-table.bin",
        "--file-flag",
        "0",
    ];
    let cut = result_of(&stickshift(folder.path(), &[&arguments[..], &["--json"]].concat()).stdout);
    let changed: Vec<&str> =
        cut["changes"].as_array().unwrap().iter().map(|c| c["what"].as_str().unwrap()).collect();
    assert_eq!(changed, ["fastboot-cut", "fastboot-cut", "partition-table", "file-flag", "erase-patch"]);
    let cut = result_of(&stickshift(folder.path(), &["inspect", "fb.bin", "--json"]).stdout);
    assert_eq!(cut["blocks"][1]["size"], 0x1c08);
    assert_eq!(cut["table"]["product"], "NEW_STICK");
    assert_eq!(cut["table"]["partitions"][0]["file_flag"], true);
}

#[test]
fn the_table_comes_out_as_it_is() {
    let folder = made();
    let run = stickshift(folder.path(), &["loader", "table", "stock.bin", "--extract", "t.bin"]);
    assert!(text(&run.stdout).contains("partition table at 0x1180: BOOTROM_V01.02 OLD_STICK"), "{run:?}");
    assert_eq!(fs::read(folder.path().join("t.bin")).unwrap(), table(b"OLD_STICK"));
    assert!(stickshift(folder.path(), &["loader", "table", "t.bin"]).status.success());
}

#[test]
fn refusals_name_what_is_wrong_and_write_nothing() {
    let folder = made();
    let bytes = fs::read(folder.path().join("stock.bin")).unwrap();
    fs::write(folder.path().join("cut.bin"), &bytes[..5000]).unwrap();
    fs::write(folder.path().join("short-table.bin"), &table(b"X")[..2047]).unwrap();
    for (arguments, code) in [
        (&["loader", "patch", "unknown.bin", "-o", "out"][..], "(patch-not-found)"),
        (&["loader", "patch", "stock.bin", "--ignore-bad-blocks", "-o", "out"], "(patch-not-found)"),
        (&["loader", "patch", "stock.bin", "--file-flag", "1", "-o", "out"], "(usage)"),
        (&["loader", "patch", "stock.bin", "--table", "short-table.bin", "-o", "out"], "(file-truncated)"),
        (&["loader", "patch", "stock.bin", "--table", "stock.bin", "-o", "out"], "(no-partition-table)"),
        (&["loader", "info", "cut.bin"], "(file-truncated)"),
        (&["inspect", "cut.bin"], "(file-truncated)"),
        (&["loader", "info", "new-table.bin"], "(wrong-file-kind)"),
        (&["load", "unknown.bin", "--port", "/dev/null", "--yes"], "(loader-erases)"),
        (&["load", "stock.bin", "--unchanged", "--port", "/dev/null", "--yes"], "(loader-erases)"),
    ] {
        let run = stickshift(folder.path(), arguments);
        assert!(!run.status.success() && text(&run.stderr).contains(code), "{arguments:?}: {run:?}");
        assert!(!folder.path().join("out").exists(), "{arguments:?}");
    }
    let refused = stickshift(folder.path(), &["load", "unknown.bin", "--port", "/dev/null", "--yes"]);
    for lost in ["IMEI", "serial number", "calibration", "--allow-erase", "stick: untouched"] {
        assert!(text(&refused.stderr).contains(lost), "{lost}");
    }
}

/// Sends stock.bin over a pty to an independent boot ROM whose report and this program's output are both read.
#[test]
#[cfg(target_os = "linux")]
fn load_reports_in_json_lines() {
    let folder = made();
    let mut bytes = fs::read(folder.path().join("stock.bin")).unwrap();
    // 400 packets: with a line for each, nobody could follow.
    bytes.resize(384 + 400 * 1024, 0x33);
    bytes[56..60].copy_from_slice(&(400 * 1024u32).to_le_bytes());
    fs::write(folder.path().join("large.bin"), &bytes).unwrap();
    let emulator = test_support::peer("bootrom_emulator.py");
    if !test_support::python_is_here() {
        return;
    }
    let mut peer =
        Command::new("python3").arg(emulator).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut out = std::io::BufReader::new(peer.stdout.take().unwrap());
    let mut port = String::new();
    std::io::BufRead::read_line(&mut out, &mut port).unwrap();
    let arguments = ["load", "large.bin", "--port", port.trim_end(), "--yes", "--json"];
    let run = stickshift(folder.path(), &arguments);
    let report: serde_json::Value = serde_json::from_reader(out).unwrap();
    assert!(peer.wait().unwrap().success() && run.status.success(), "{run:?}\n{report}");
    assert_eq!((&report["packets"], &report["blocks"][1]["size"]), (&406.into(), &409_600.into()));

    let printed = text(&run.stdout);
    let lines: Vec<serde_json::Value> = printed.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let result = &lines.last().unwrap()["result"];
    assert_eq!((&result["packets"], &result["repeated"]), (&406.into(), &0.into()));
    let progress: Vec<&serde_json::Value> = lines.iter().filter(|l| l["event"] == "progress").collect();
    assert!((50..=102).contains(&progress.len()), "{}", progress.len());
    assert_eq!(progress.last().unwrap()["done"], 409_600);
}
