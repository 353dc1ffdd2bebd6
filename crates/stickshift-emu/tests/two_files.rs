//! Every fault at every step of flashing two files, and of one whose partition table restarts the stick: between two files, and after a restart, what was
//! written before counts.

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::time::Duration;

use stickshift::convert::journal::{Fingerprint, Journal};
use stickshift::convert::{FirmwareFile, flash};
use stickshift::error::{Result, Verdict};
use stickshift::event::Session;
use stickshift::firmware::Header;
use stickshift::firmware::build::{self, Part, field};
use stickshift::firmware::signature::{trailer, trailer_length};
use stickshift::plan::Consents;
use stickshift::stick::Place;
use stickshift_emu::computer::VirtualBus;
use stickshift_emu::fault::{Fault, FaultKind, FaultPlan};
use stickshift_emu::sticks::catalogue;
use stickshift_emu::sticks::huawei::{HuaweiOptions, HuaweiStick, Timing};
use stickshift_emu::testkit::noise;

/// The key hash that the virtual sticks accept.
const KEY: [u8; 32] = [
    0x77, 0x8a, 0x8d, 0x17, 0x5e, 0x60, 0x2b, 0x7b, 0x77, 0x9d, 0x9e, 0x05, 0xc3, 0x30, 0xb5, 0x27, 0x9b,
    0x06, 0x61, 0xbf, 0x2e, 0xed, 0x99, 0xa2, 0x04, 0x45, 0xb3, 0x66, 0xd6, 0x3d, 0xd6, 0x97,
];

fn place() -> Place {
    "1-1".parse().unwrap()
}

fn write_image(path: &Path, kind: u8, partitions: &[(u32, usize)]) {
    let header = |code| Header {
        version: field(":E3372h_153:21.180.01.00.00").unwrap(),
        hardware: field("HWEW11.1").unwrap(),
        ..Header::new(code)
    };
    let signature = trailer(&KEY, trailer_length(partitions.len()));
    let part = |(index, (code, size)): (usize, &(u32, usize))| {
        let bytes = noise(*size, u64::from(*code));
        Part::from_bytes(header(*code), if index == 0 { [bytes, signature.clone()].concat() } else { bytes })
    };
    let parts = partitions.iter().enumerate().map(part).collect();
    let mut out = Cursor::new(Vec::new());
    build::write(&mut out, Some(&build::file_header(kind)), parts).unwrap();
    fs::write(path, out.into_inner()).unwrap();
}

/// Flashes the files with faults; the end, the steps that the stick took, and whether its flash is what it was.
fn run(folder: &Path, paths: &[&Path], faults: FaultPlan) -> (Result<()>, u32, bool) {
    let options = HuaweiOptions {
        timing: Timing::real(faults.seed()),
        faults,
        ..catalogue::e3372h("e3372h-loader").unwrap()
    };
    let mut bus = VirtualBus::new();
    bus.plug(&place(), Box::new(HuaweiStick::new(options)));
    bus.advance(Duration::from_secs(60));
    let before = bus.with(&place(), |stick: &mut HuaweiStick| stick.flash().clone()).unwrap();
    let mut session = Session::quiet();
    let mut files: Vec<FirmwareFile> =
        paths.iter().map(|path| FirmwareFile::open(path, &mut session).unwrap()).collect();
    let records = files.iter().map(FirmwareFile::record).collect();
    let _ = fs::remove_file(folder.join("1-1.json"));
    let mut journal = Journal::begin(folder, &place(), Fingerprint::default(), records).unwrap();
    let consents = Consents { unsigned: true, mismatch: true, partial: true, ..Consents::default() };
    let end = flash::flash_files(&mut bus, &place(), &mut files, consents, &mut journal, &mut session);
    let look = |stick: &mut HuaweiStick| (stick.steps(), *stick.flash() == before);
    let (steps, unchanged) = bus.with(&place(), look).unwrap();
    (end.map(drop), steps, unchanged)
}

#[test]
fn what_was_written_before_a_failure_counts() {
    let dir = tempfile::tempdir().unwrap();
    let (main, web) = (dir.path().join("main.bin"), dir.path().join("web.bin"));
    write_image(&main, 0x09, &[(0x0011_0000, 100), (0x0001_0000, 2048), (0x0009_0000, 4097)]);
    write_image(&web, 0x04, &[(0x0055_0000, 100), (0x000b_0000, 4096)]);
    let both = [main.as_path(), web.as_path()];
    let restarts = Some(Fault::new(FaultKind::TableRestarts, None));
    let (mut runs, mut untouched) = (0, 0);
    for (files, lasting) in [(&both[..], None), (&both[..1], restarts)] {
        let plan = |fault: Option<Fault>| FaultPlan::new(lasting.iter().cloned().chain(fault).collect(), 1);
        let (end, steps, unchanged) = run(dir.path(), files, plan(None));
        end.unwrap();
        assert!(!unchanged && steps > 10, "{steps} steps");
        for kind in FaultKind::ALL.iter().copied().filter(|kind| !kind.is_property()) {
            for step in 1..=steps {
                let fault = Fault::new(kind, Some(step));
                let what = format!("{fault}, {} files, {lasting:?}", files.len());
                let (end, _, unchanged) = run(dir.path(), files, plan(Some(fault)));
                runs += 1;
                let Err(error) = end else { continue };
                match error.verdict().unwrap_or_else(|| panic!("{what}: no verdict: {error:?}")) {
                    Verdict::Untouched => {
                        untouched += 1;
                        assert!(unchanged, "{what}: said untouched: {error:?}");
                    }
                    Verdict::Recoverable => {}
                    verdict => panic!("{what}: said {verdict}: {error:?}"),
                }
            }
        }
    }
    assert!(runs > 500 && untouched > 10, "{runs} runs, {untouched} untouched");
}
