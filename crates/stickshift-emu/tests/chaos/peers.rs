//! A part of the same against the independent device sides in Python, over ptys and in real time: so many at once as make it short.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use stickshift::boot::{Start, download};
use stickshift::convert::FirmwareFile;
use stickshift::error::Verdict;
use stickshift::event::Session;
use stickshift::host::SerialLink;
use stickshift::stick::Mode;
use test_support::{peer, python_is_here};

use super::flash::attempt;
use super::load::loader;
use super::proxy::{Faults, Proxy, ProxyBus};
use super::tally::{End, Tally};

const RUNS: u64 = 48;
/// Runs that go on at the same time: they mostly wait.
const AT_ONCE: u64 = 12;

struct Peer {
    process: Child,
    output: BufReader<ChildStdout>,
    port: PathBuf,
    folder: tempfile::TempDir,
}

impl Peer {
    fn start(script: &str, arguments: &[&str]) -> Peer {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("python3");
        command.arg(peer(script)).args(arguments);
        if script == "dload_emulator.py" {
            command.arg("--link").arg(folder.path().join("port"));
            command.arg("--report").arg(folder.path().join("report"));
        }
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::with_capacity(1, process.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let line = line.trim_end();
        let port = PathBuf::from(line.strip_prefix("ready ").unwrap_or(line));
        Peer { process, output, port, folder }
    }

    fn line(&self, faults: Faults, seed: u64) -> Proxy {
        Proxy::new(Box::new(SerialLink::open(&self.port).unwrap()), faults, seed)
    }

    /// What it has to say at its end.
    fn report(mut self) -> serde_json::Value {
        let mut said = String::new();
        self.output.read_to_string(&mut said).unwrap();
        self.process.wait().unwrap();
        match fs::read(self.folder.path().join("report")) {
            Ok(report) => serde_json::from_slice(&report).unwrap(),
            Err(_) => serde_json::from_str(&said).unwrap(),
        }
    }
}

/// Each seed once, several at a time.
fn each(run: impl Fn(u64) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed) as u64;
                    if seed >= RUNS {
                        return;
                    }
                    run(seed);
                }
            });
        }
    });
}

fn hashes(list: &serde_json::Value) -> Vec<String> {
    let blocks = list.as_array().unwrap();
    blocks.iter().map(|b| b["sha256"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn loads_against_an_independent_boot_rom() {
    if !python_is_here() {
        return;
    }
    let load = |faults: &Faults, seed| {
        // It counts blocks, and must not end at the second one of several raminits.
        let peer = Peer::start("bootrom_emulator.py", &["--idle", "4", "--expect", "99"]);
        let line = peer.line(faults.clone(), seed);
        let begun = line.now();
        let result = download(&mut line.open(), &loader(), &mut Session::quiet());
        let took = (line.now() - begun).saturating_sub(line.lost_time());
        let packets = line.packets();
        drop(line);
        (result, took, packets, hashes(&peer.report()["blocks"]))
    };
    let (clean, usual, packets, arrived) = load(&Faults::none(), 0);
    assert_eq!(clean.unwrap().start, Start::Accepted);
    let tally = Mutex::new(Tally::default());
    each(|seed| {
        let faults = Faults::of(seed + 77_000, packets);
        let (result, took, _, blocks) = load(&faults, seed);
        let name = format!("load {seed}");
        let loaded = blocks.ends_with(&arrived[1..]) && blocks.contains(&arrived[0]);
        let end = match &result {
            Ok(done) if done.start == Start::Accepted => {
                assert!(loaded, "{name}: {faults}: a success that is not true");
                End::Well
            }
            // This peer never leaves: nothing shows that the loader started.
            _ => End::WellAgain,
        };
        tally.lock().unwrap().note(&name, &faults, end, took.saturating_sub(usual), &format!("{result:?}"));
    });
    tally.into_inner().unwrap().check("loads against the Python boot ROM");
}

#[test]
fn flashes_against_an_independent_stick() {
    if !python_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fw.bin");
    let made =
        Command::new("python3").arg(peer("make_firmware.py")).arg(&path).stdout(Stdio::null()).status();
    assert!(made.unwrap().success());
    let facts: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join("fw.bin.json")).unwrap()).unwrap();
    let expected = hashes(&facts["parts"]);
    let flash = |faults: &Faults, seed, options: &[&str]| {
        let state = tempfile::tempdir().unwrap();
        let mut file = FirmwareFile::open(&path, &mut Session::quiet()).unwrap();
        let peer = Peer::start("dload_emulator.py", &[&["--idle", "6"], options].concat());
        let line = peer.line(faults.clone(), seed);
        let begun = line.now();
        let mut bus = ProxyBus { proxy: line.clone(), mode: Mode::Download };
        let result = attempt(&mut bus, &mut file, state.path(), false);
        let took = (line.now() - begun).saturating_sub(line.lost_time());
        let mut end = if result.is_ok() { End::Well } else { End::Badly };
        if let Err(error) = &result {
            line.calm();
            let resume = error.verdict() == Some(Verdict::Recoverable);
            if attempt(&mut bus, &mut file, state.path(), resume).is_ok() {
                end = End::WellAgain;
            }
        }
        let packets = line.packets();
        drop((bus, line));
        let arrived = hashes(&peer.report()["parts"]);
        if end != End::Badly {
            // A partition that was sent twice is there twice; what counts is the last time.
            for (index, hash) in expected.iter().enumerate() {
                assert!(arrived.contains(hash), "seed {seed}: {faults}: partition {index} is not there");
            }
        }
        (result, took, packets, end)
    };
    let kinds: [&[&str]; 4] = [&[], &["--at-deaf"], &["--at-nak"], &["--require-sign"]];
    let (clean, usual, packets, _) = flash(&Faults::none(), 0, &[]);
    clean.unwrap();
    let tally = Mutex::new(Tally::default());
    each(|seed| {
        let faults = Faults::of(seed + 99_000, packets);
        let (result, took, _, end) = flash(&faults, seed, kinds[seed as usize % kinds.len()]);
        let took = took.saturating_sub(usual + Duration::from_secs(1));
        tally.lock().unwrap().note(&format!("flash {seed}"), &faults, end, took, &format!("{result:?}"));
    });
    tally.into_inner().unwrap().check("flashes against the Python stick");
}
