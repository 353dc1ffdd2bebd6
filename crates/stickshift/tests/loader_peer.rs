//! Loader files made by an independent script, and a real one, sent to an independent boot ROM (tests/peers/) over a pty.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use sha2::{Digest, Sha256};
use stickshift::boot::{Block, Changes, Downloaded, Loader, Safety, Start, download};
use stickshift::error::{ErrorKind, Result, Verdict};
use stickshift::event::Session;
use stickshift::host::SerialLink;

use test_support::{peer, python_is_here};

/// A loader made by make_loader_fixture.py.
fn fixture(arguments: &[&str]) -> Loader {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("loader.bin");
    let run = Command::new("python3")
        .arg(peer("make_loader_fixture.py"))
        .arg(&path)
        .args(arguments)
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    Loader::parse(fs::read(path).unwrap()).unwrap()
}

/// usblsafe-327x.bin, which is someone else's and not part of the project.
fn real_loader() -> Option<Loader> {
    test_support::field_loader("usblsafe-327x.bin").map(|bytes| Loader::parse(bytes).unwrap())
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// bootrom_emulator.py at the other end of a pty.
struct Peer {
    process: Child,
    port: PathBuf,
    folder: tempfile::TempDir,
}

/// What the peer saw.
struct Seen {
    report: serde_json::Value,
    /// One line per packet: its number, its bytes, the answer.
    trace: Vec<String>,
}

impl Peer {
    /// `blocks`: how many it waits for before it ends.
    fn start(blocks: u32, faults: &[&str]) -> Peer {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new("python3")
            .arg(peer("bootrom_emulator.py"))
            .args(["--idle", "20", "--expect", &blocks.to_string(), "--trace"])
            .arg(folder.path().join("trace"))
            .args(faults)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        // Byte for byte: the report must stay in the pipe.
        let out = process.stdout.as_mut().unwrap();
        BufReader::with_capacity(1, out).read_line(&mut line).unwrap();
        Peer { process, port: PathBuf::from(line.trim_end()), folder }
    }

    fn load(&self, loader: &Loader) -> Result<Downloaded> {
        let mut link = SerialLink::open(&self.port)?;
        download(&mut link, loader, &mut Session::quiet())
    }

    /// Waits for its end.
    fn seen(mut self) -> Seen {
        let mut report = String::new();
        self.process.stdout.take().unwrap().read_to_string(&mut report).unwrap();
        self.process.wait().unwrap();
        let trace = fs::read_to_string(self.folder.path().join("trace")).unwrap();
        Seen {
            report: serde_json::from_str(&report).unwrap(),
            trace: trace.lines().map(str::to_owned).collect(),
        }
    }

    /// For dialogues after which it would go on waiting.
    fn stop(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Seen {
    fn errors(&self) -> usize {
        self.report["errors"].as_array().unwrap().len()
    }

    /// Mode and hash of the blocks in the order they were closed.
    fn blocks(&self) -> Vec<(u64, String)> {
        let blocks = self.report["blocks"].as_array().unwrap();
        blocks
            .iter()
            .map(|b| (b["mode"].as_u64().unwrap(), b["sha256"].as_str().unwrap().to_owned()))
            .collect()
    }
}

fn sent(loader: &Loader) -> Vec<(u64, String)> {
    vec![(1, hash(loader.block(Block::Raminit))), (2, hash(loader.block(Block::Usbldr)))]
}

/// Probe; head, one data packet, tail; head, two data packets, tail.
fn small() -> Loader {
    fixture(&["--size", "2048", "--raminit", "1024"])
}

#[test]
fn a_loader_arrives_as_it_is() {
    if !python_is_here() {
        return;
    }
    let loader = small();
    let peer = Peer::start(2, &[]);
    let done = peer.load(&loader).unwrap();
    let seen = peer.seen();
    assert_eq!((seen.errors(), seen.blocks()), (0, sent(&loader)));
    assert_eq!((done.packets, done.repeated, done.start), (8, 0, Start::Accepted));
    // Section 6.5 of the protocol document.
    for (packet, bytes) in [
        (0, "41 -> 55"),
        (1, "fe00ff01000004002ffe4000a83e -> aa"),
        (3, "ed02fdbab0 -> aa"),
        (4, "fe00ff020000080030004000b983 -> aa"),
        (7, "ed03fc99a0 -> aa"),
    ] {
        assert_eq!(seen.trace[packet], format!("{packet} {bytes}"));
    }
}

#[test]
fn one_refusal_anywhere_is_overcome() {
    if !python_is_here() {
        return;
    }
    let loader = small();
    // This peer takes the packet and refuses it all the same: a refused tail leaves its block behind, which then comes again.
    for (packet, blocks) in [(1, 2), (2, 2), (3, 3), (4, 2), (5, 2), (6, 2), (7, 3)] {
        let peer = Peer::start(blocks, &["--nak-at", &packet.to_string()]);
        let done = peer.load(&loader).unwrap();
        let seen = peer.seen();
        let blocks = seen.blocks();
        let last_two = &blocks[blocks.len() - 2..];
        match packet {
            7 => assert_eq!(last_two, [sent(&loader)[1].clone(), sent(&loader)[1].clone()]),
            _ => assert_eq!(last_two, sent(&loader), "packet {packet}"),
        }
        // The peer closes its port when it has its blocks: before the probe or after it.
        assert!(
            done.repeated > 0 && matches!(done.start, Start::Accepted | Start::HungUp),
            "packet {packet}: {done:?}"
        );
    }
}

#[test]
fn one_lost_answer_is_overcome() {
    if !python_is_here() {
        return;
    }
    let loader = small();
    for (packet, blocks) in [(1, 2), (2, 2), (3, 3), (5, 2)] {
        let peer = Peer::start(blocks, &["--mute-at", &packet.to_string()]);
        let done = peer.load(&loader).unwrap();
        let seen = peer.seen();
        let blocks = seen.blocks();
        assert_eq!(blocks[blocks.len() - 2..], sent(&loader), "packet {packet}");
        assert_eq!(seen.errors(), 0, "packet {packet}: {}", seen.report);
        // The peer closes its port when it has its blocks: before the probe or after it.
        let started = matches!(done.start, Start::Accepted | Start::HungUp);
        assert!(done.repeated > 0 && started, "packet {packet}: {done:?}");
    }
}

#[test]
fn a_port_that_closes_upon_the_last_tail_is_a_start() {
    if !python_is_here() {
        return;
    }
    let loader = small();
    let peer = Peer::start(2, &["--mute-at", "7"]);
    let done = peer.load(&loader).unwrap();
    assert_eq!(done.start, Start::HungUp);
    let seen = peer.seen();
    assert_eq!((seen.blocks(), seen.trace.len()), (sent(&loader), 8));
}

#[test]
fn other_answers_end_in_an_error_that_says_which() {
    if !python_is_here() {
        return;
    }
    for (faults, kind, answer, verdict) in [
        (["--probe", "41"], ErrorKind::NotInBootMode, "41", Verdict::Untouched),
        (["--probe", "0d"], ErrorKind::NotInBootMode, "0d", Verdict::Untouched),
        (["--ack", "41"], ErrorKind::UnexpectedAnswer, "41", Verdict::Recoverable),
    ] {
        let peer = Peer::start(2, &faults);
        let error = peer.load(&small()).unwrap_err();
        assert_eq!(
            (error.kind(), error.fact("answer"), error.verdict()),
            (kind, Some(answer), Some(verdict)),
            "{faults:?}: {error:?}"
        );
        peer.stop();
    }
    let peer = Peer::start(2, &["--ack", "55"]);
    let error = peer.load(&small()).unwrap_err();
    assert_eq!((error.kind(), error.verdict()), (ErrorKind::PacketRejected, Some(Verdict::Recoverable)));
    assert_eq!((error.fact("kind"), error.fact("block")), (Some("head"), Some("raminit")));
    peer.stop();
}

#[test]
fn stale_bytes_and_slow_answers_do_no_harm() {
    if !python_is_here() {
        return;
    }
    let loader = small();
    for faults in [["--stale", "55"], ["--stale", "aa55"], ["--delay", "0.05"]] {
        let peer = Peer::start(2, &faults);
        let done = peer.load(&loader).unwrap();
        let seen = peer.seen();
        assert_eq!((seen.errors(), seen.blocks()), (0, sent(&loader)), "{faults:?}");
        assert_eq!((done.packets, done.repeated), (8, 0), "{faults:?}");
    }
}

#[test]
fn fixtures_are_patched_where_the_document_says() {
    if !python_is_here() {
        return;
    }
    for (family, changed, patched) in [
        ("v7r1", 0x114..0x118, &[0, 0, 0xa0, 0xe3][..]),
        ("v7r2", 0x13c..0x140, &[0, 0, 0xa0, 0xe3]),
        ("v7r11", 0x13c..0x140, &[0, 0, 0xa0, 0xe3]),
        ("v7r22", 0xfb..0xfc, &[0xea]),
        ("v7r22_2", 0x118..0x11c, &[0, 0, 0xa0, 0xe3]),
        ("v7r22_3", 0x114..0x118, &[0, 0, 0xa0, 0xe3]),
    ] {
        let before = fixture(&["--sig", family]);
        assert_eq!(before.assess().safety, Safety::Stock, "{family}");
        let mut after = before.clone();
        after.change(&Changes::default()).unwrap();
        let (old, new) = (before.block(Block::Usbldr), after.block(Block::Usbldr));
        assert_eq!(&new[changed.clone()], patched, "{family}");
        assert!((0..old.len()).all(|i| changed.contains(&i) || old[i] == new[i]), "{family}");
        assert_eq!(after.assess().safety, Safety::PatchedHere, "{family}");
    }
    // Two patches in one; the pattern of the second stands 0x80 behind the first, see the script.
    let mut both =
        fixture(&["--sig", "v7r11,isbad", "--size", "10240", "--kernel", "0x1a00", "--ptable", "0x1000"]);
    let changes = Changes { fastboot: true, ignore_bad_blocks: true, ..Changes::default() };
    both.change(&changes).unwrap();
    let usbldr = both.block(Block::Usbldr);
    assert_eq!((usbldr.len(), &usbldr[0x1a00..]), (6664, &b"UNDROID!"[..]));
    assert_eq!(usbldr[0x13c..0x140], [0, 0, 0xa0, 0xe3]);
    let isbad = 0x100 + (56 + 0x80) / 4 * 4;
    assert_eq!(usbldr[isbad + 8..isbad + 12], [0, 0, 0xa0, 0xe3]);
    let table = both.table().unwrap();
    let names: Vec<String> = table.partitions().into_iter().map(|p| p.name).collect();
    assert_eq!(
        (table.product().as_str(), names),
        ("TEST_STICK", vec!["m3boot".into(), "fastboot".into(), "nvdload".into()])
    );
    assert_eq!(table.partitions()[2].start, 3 * 0x20000);
}

#[test]
fn a_cut_loader_is_sent_as_short_as_it_is() {
    if !python_is_here() {
        return;
    }
    let mut loader = fixture(&["--sig", "v7r11", "--size", "10240", "--kernel", "0x1a00"]);
    loader.change(&Changes { fastboot: true, ..Changes::default() }).unwrap();
    let peer = Peer::start(2, &[]);
    peer.load(&loader).unwrap();
    let seen = peer.seen();
    assert_eq!((seen.errors(), seen.blocks()), (0, sent(&loader)));
    assert_eq!(seen.report["blocks"][1]["size"], 6664);
}

#[test]
fn a_real_loader_is_described() {
    let Some(mut loader) = real_loader() else { return };
    assert_eq!(loader.oddities(), []);
    assert_eq!(hash(loader.as_bytes()), "8e0939823f26ca09ba95335df32a8d830c8898b0a1b566c9d153237a8f346805");
    assert_eq!(
        hash(loader.block(Block::Raminit)),
        "f116a8c7e3c2e5dfb5cca04d5549c56713f13433e6591dc1e85b5a97c6647513"
    );
    assert_eq!(
        hash(loader.block(Block::Usbldr)),
        "5bc09ca3b637954ed09f74d6e823185661ca46d2c4bd723ec9a03c1a9e7b9e6e"
    );
    let assessment = loader.assess();
    assert_eq!(assessment.safety, Safety::AlreadySafe);
    let places: Vec<u64> = assessment.evidence.iter().map(|e| e.offset).collect();
    assert_eq!(places, [0x1170 + 20, 0x13ad4]);
    assert_eq!(loader.chip().map(|c| c.name), Some("V7R1"));
    let table = loader.table().unwrap();
    assert_eq!(loader.file_offset(loader.table_offset().unwrap()), 0x17c39c);
    assert_eq!((table.version(), table.product()), ("BOOTROM_V01.02".into(), "H6920CS_STICK".into()));
    assert_eq!(table.partitions()[3].name, "BootRom");

    loader.change(&Changes::default()).unwrap();
    assert_eq!(
        hash(loader.block(Block::Usbldr)),
        "fdde8211cd6d166872ea0708670bf3f1e3e664ccf83d94081d0ad8b89e48537a"
    );
    assert_eq!(loader.assess().safety, Safety::PatchedHere);
    let no_kernel = loader.change(&Changes { fastboot: true, ..Changes::default() }).unwrap_err();
    assert!(no_kernel.is(ErrorKind::PatchNotFound));
}

#[test]
fn a_real_loader_is_sent_packet_for_packet() {
    let Some(loader) = real_loader() else { return };
    if !python_is_here() {
        return;
    }
    let peer = Peer::start(2, &[]);
    let done = peer.load(&loader).unwrap();
    let seen = peer.seen();
    assert_eq!((seen.errors(), seen.blocks()), (0, sent(&loader)));
    assert_eq!((done.packets, seen.trace.len(), done.repeated), (1719, 1719, 0));
    for (packet, starts, ends) in [
        (1, "fe00ff010000036c2ffe4000f288", ""),
        (2, "da01fe3f002de94e0000ea00", "7f5c"),
        (3, "ed02fdbab0", ""),
        (4, "fe00ff02001ac18c30004000229f", ""),
        (1717, "dab14ef0fd1a3098511b30", "edeb"),
        (1718, "edb24d0366", ""),
    ] {
        let line = &seen.trace[packet];
        let bytes = line.split_whitespace().nth(1).unwrap();
        assert!(bytes.starts_with(starts) && bytes.ends_with(ends), "{line}");
    }
    assert_eq!(seen.trace[2].split_whitespace().nth(1).unwrap().len(), 2 * 881);
    assert_eq!(seen.trace[1717].split_whitespace().nth(1).unwrap().len(), 2 * 401);
}
