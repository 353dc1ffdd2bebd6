//! Flashing over `--host`: several files, every stick, what is left after a power failure, and a connection that breaks in the middle.

use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::verbs::{made, serve_socket};
use super::*;

struct Files {
    loader: String,
    firmware: String,
    webui: String,
}

fn files(folder: &Path) -> Files {
    made(folder);
    let file = |name: &str| folder.join(name).display().to_string();
    Files { loader: file("loader.bin"), firmware: file("firmware.bin"), webui: file("webui.bin") }
}

/// The modes of the sticks there, by their places.
fn modes(there: &Here) -> Vec<String> {
    let (_, line) = there.json(&["list"]);
    let sticks = line["result"]["sticks"].as_array().unwrap_or_else(|| panic!("{line}"));
    sticks.iter().map(|stick| stick["mode"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn several_files_are_flashed_and_an_interrupted_flash_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let Files { loader, firmware, webui } = &files(folder);
    // Power fails in the second partition.
    let (server, there) = serve_socket(folder, "e3372h-loader", &["--fault", "powerloss@60"]);
    let flash = |words: &[&str]| there.json(&[&["flash"], words, &["1-1", "--yes"]].concat());
    let (code, line) = flash(&[firmware, webui]);
    assert_eq!(
        (code, &line["kind"], &line["verdict"]),
        (6, &"disconnected".into(), &"recoverable".into()),
        "{line}"
    );
    assert_eq!(
        (&line["facts"]["file"], &line["facts"]["acknowledged"]),
        (&"firmware.bin".into(), &"1".into())
    );
    assert!(line["recover"].as_str().unwrap().contains("stickshift load LOADER --host"), "{line}");
    assert_eq!(modes(&there), ["boot-rom"]);
    assert_eq!(there.json(&["load", loader, "1-1", "--yes"]).0, 0);
    // Other files than it was begun with are told by their names alone.
    let (code, line) = flash(&["--resume", firmware]);
    assert_eq!(
        (code, &line["kind"], &line["verdict"]),
        (5, &"journal-mismatch".into(), &"untouched".into()),
        "{line}"
    );
    assert_eq!(line["facts"]["begun-with"], "firmware.bin webui.bin", "{line}");
    let (code, line) = flash(&["--resume", firmware, webui]);
    assert_eq!((code, &line["verdict"]), (0, &"done".into()), "{line}");
    assert_eq!(line["result"]["files"], serde_json::json!(["firmware.bin", "webui.bin"]), "{line}");
    assert_eq!(modes(&there), ["modem"]);
    drop(server);
}

#[test]
fn a_server_that_was_started_again_shows_no_path_of_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let Files { firmware, webui, .. } = &files(folder);
    {
        let (_server, there) = serve_socket(folder, "e3372h-loader", &["--fault", "powerloss@60"]);
        assert_eq!(there.json(&["flash", firmware, "1-1", "--yes"]).0, 6);
    }
    std::fs::remove_file(folder.join("socket")).unwrap();
    let (_server, there) = serve_socket(folder, "e3372h-loader", &[]);
    let (_, line) = there.json(&["flash", webui, "1-1", "--yes", "--resume"]);
    assert_eq!(
        (&line["kind"], &line["facts"]["begun-with"]),
        (&"journal-mismatch".into(), &"firmware.bin".into()),
        "{line}"
    );
    assert!(!line.to_string().contains("stickshift-web-"), "{line}");
}

#[test]
fn every_stick_in_download_mode_is_flashed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let Files { firmware, webui, .. } = &files(folder);
    let (_server, there) =
        serve_socket(folder, "e3372h-loader,k3772,e3372h-loader", &["--fault", "powerloss@60#3"]);
    let report = folder.join("rows.json").display().to_string();
    let all = ["flash", "--all", firmware, webui, "--yes", "--report", &report];
    let (code, line) = there.json(&all);
    let rows = line["result"]["rows"].as_array().unwrap_or_else(|| panic!("{line}"));
    let told: Vec<_> =
        rows.iter().map(|row| (row["place"].as_str().unwrap(), row["verdict"].as_str().unwrap())).collect();
    assert_eq!((code, told), (6, vec![("1-1", "done"), ("1-3", "recoverable")]), "{line}");
    assert_eq!(modes(&there), ["modem", "cdrom", "boot-rom"]);
    let written: Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
    assert_eq!(written["rows"][1]["verdict"], "recoverable", "{written}");
    // With its loader again, the same command does the rest.
    assert_eq!(there.json(&["load", &folder.join("loader.bin").display().to_string(), "1-3", "--yes"]).0, 0);
    let (code, line) = there.json(&all);
    assert_eq!((code, &line["result"]["rows"][1]["resumed"]), (0, &true.into()), "{line}");
    assert_eq!(modes(&there), ["modem", "cdrom", "modem"]);
}

/// Stands between the two computers. A connection is closed on both sides where a line of the server says `code`; afterwards others pass,
/// where `again` says so.
fn between(folder: &Path, code: &'static str, again: bool) -> String {
    let path = folder.join("between");
    let listener = UnixListener::bind(&path).unwrap();
    let server = folder.join("socket");
    let is_cut = Arc::new(AtomicBool::new(false));
    std::thread::spawn(move || {
        for client in listener.incoming() {
            if is_cut.load(Ordering::SeqCst) && !again {
                // Nobody listens any more.
                return;
            }
            let is_cut = Arc::clone(&is_cut);
            let (client, server) = (client.unwrap(), UnixStream::connect(&server).unwrap());
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
            });
            std::thread::spawn(move || {
                let (mut server, mut client) = (BufReader::new(server), client);
                let mut line = Vec::new();
                while server.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                    let said: Value = serde_json::from_slice(&line).unwrap_or_default();
                    if said["code"] == code {
                        is_cut.store(true, Ordering::SeqCst);
                        break;
                    }
                    if client.write_all(&line).is_err() {
                        break;
                    }
                    line.clear();
                }
                let _ = client.shutdown(std::net::Shutdown::Both);
                let _ = server.get_ref().shutdown(std::net::Shutdown::Both);
            });
        }
    });
    format!("unix:{}", path.display())
}

#[test]
fn a_flash_whose_connection_broke_is_found_again_and_its_end_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let Files { firmware, loader, .. } = &files(folder);
    let sticks = "e3372h-loader,e3372h-loader";
    let (_server, there) = serve_socket(folder, sticks, &["--fault", "powerloss@60#2"]);
    let by_way = Here::at(folder, &["--host", &between(folder, "flash-partition", true)]);
    let (code, line) = by_way.json(&["flash", firmware, "1-1", "--yes"]);
    assert_eq!((code, &line["event"], &line["verdict"]), (0, &"result".into(), &"done".into()), "{line}");
    assert_eq!(line["result"]["files"], serde_json::json!(["firmware.bin"]), "{line}");
    // A bad end is told as well.
    let (code, out, err) = by_way.run(&["flash", firmware, "1-2", "--yes"]);
    assert_eq!((code, out.as_str()), (6, ""), "{err}");
    assert!(err.contains("went on there") && err.contains("stick: recoverable: "), "{err}");
    assert_eq!(modes(&there), ["modem", "boot-rom"]);
    let (code, out, err) = by_way.run(&["load", loader, "1-2", "--yes"]);
    assert_eq!(code, 0, "{out}{err}");
    let (code, out, err) = by_way.run(&["flash", firmware, "1-2", "--resume", "--yes"]);
    assert_eq!((code, out.as_str()), (0, "stick: done\n"), "{err}");
    assert_eq!(modes(&there), ["modem", "modem"]);
}

#[test]
fn nobody_here_knows_what_became_of_a_flash_whose_connection_broke() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let Files { firmware, .. } = &files(folder);
    let (_server, there) = serve_socket(folder, "e3372h-loader", &[]);
    let by_way = Here::at(folder, &["--host", &between(folder, "flash-partition", false)]);
    let (code, line) = by_way.json(&["flash", firmware, "1-1", "--yes"]);
    assert_eq!((code, &line["kind"], &line["verdict"]), (7, &"io".into(), &"unknown".into()), "{line}");
    let told = |name: &str, part: &str| line[name].as_str().unwrap().contains(part);
    assert!(told("recover", "do not unplug") && told("help", "with --resume"), "{line}");
    // It went on there. Whoever does as he was told waits for the stick, and finds it flashed.
    let (code, line) = there.json(&["flash", firmware, "1-1", "--yes", "--resume"]);
    assert!(code != 0 && line["verdict"] == "untouched", "{line}");
    assert_eq!(modes(&there), ["modem"], "{line}");
}
