//! Flashes through a damaged line.

use std::io::Cursor;
use std::path::Path;

use stickshift::convert::FirmwareFile;
use stickshift::convert::flash::flash_files;
use stickshift::convert::journal::{Fingerprint, Journal};
use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift::event::Session;
use stickshift::firmware::Header;
use stickshift::firmware::build::{self, Part};
use stickshift::firmware::signature::{trailer, trailer_length};
use stickshift::plan::Consents;
use stickshift::stick::Mode;
use stickshift_emu::firmware::download::{AtInBinary, DownloadMode, DownloadOptions, NewTable};
use stickshift_emu::firmware::memory::{Firmware, FirmwareKind, Flash};

use super::device::{Device, DevicePort};
use super::proxy::{Faults, Proxy, ProxyBus};
use super::tally::{End, Tally};

const RUNS: u64 = 500;

/// Boot chain first, as in real images; sizes at block edges.
const PARTS: [(u32, usize); 6] = [
    (0x0011_0000, 4097),
    (0x0001_0000, 2048),
    (0x0009_0000, 5 * 4096),
    (0x0022_0000, 4096),
    (0x0059_0000, 17_000),
    (0x005a_0000, 1),
];

/// The key that sticks know.
const KEY: [u8; 32] = [
    0x77, 0x8a, 0x8d, 0x17, 0x5e, 0x60, 0x2b, 0x7b, 0x77, 0x9d, 0x9e, 0x05, 0xc3, 0x30, 0xb5, 0x27, 0x9b,
    0x06, 0x61, 0xbf, 0x2e, 0xed, 0x99, 0xa2, 0x04, 0x45, 0xb3, 0x66, 0xd6, 0x3d, 0xd6, 0x97,
];

fn contents() -> Vec<(u32, Vec<u8>)> {
    let fill =
        |size: usize, salt: u8| (0..size).map(|i| (i as u8).wrapping_mul(7) ^ salt).collect::<Vec<u8>>();
    let mut all: Vec<(u32, Vec<u8>)> =
        PARTS.iter().map(|(code, size)| (*code, fill(*size, (code >> 16) as u8))).collect();
    let signature = trailer(&KEY, trailer_length(PARTS.len()));
    all[0].1.extend(signature);
    all
}

/// An image on the disk.
pub(crate) fn image(folder: &Path) -> FirmwareFile {
    image_for("E3372h_153", folder)
}

fn image_for(platform: &str, folder: &Path) -> FirmwareFile {
    let path = folder.join("image.bin");
    let mut out = Cursor::new(Vec::new());
    let parts = contents()
        .into_iter()
        .map(|(code, bytes)| {
            let mut header = Header::new(code);
            let version = format!(":{platform}:21.180.01.00.00");
            header.version[..version.len()].copy_from_slice(version.as_bytes());
            Part::from_bytes(header, bytes)
        })
        .collect();
    build::write(&mut out, Some(&build::file_header(9)), parts).unwrap();
    std::fs::write(&path, out.into_inner()).unwrap();
    FirmwareFile::open(&path, &mut Session::quiet()).unwrap()
}

pub(crate) fn stick(options: DownloadOptions) -> DevicePort {
    let flash = Flash::with(&Firmware::new(FirmwareKind::Hilink, "22.180.01.00.00", ""));
    let mode = DownloadMode::new(DownloadOptions { product: "E3372h_153".into(), ..options });
    DevicePort::new(Device::Download(Box::new(mode), Box::new(flash)))
}

/// Whether every partition of the image is on the flash.
pub(crate) fn is_flashed(port: &DevicePort) -> bool {
    port.look(|device| {
        let Device::Download(_, flash) = device else { return false };
        contents().iter().all(|(code, bytes)| flash.partition(*code) == Some(bytes))
    })
}

fn flash_of(port: &DevicePort) -> Flash {
    port.look(|device| match device {
        Device::Download(_, flash) => (**flash).clone(),
        Device::BootRom(_) => unreachable!("a stick in download mode"),
    })
}

/// One run: a new journal, or the one that is there.
pub(crate) fn attempt(
    bus: &mut ProxyBus,
    file: &mut FirmwareFile,
    folder: &Path,
    resume: bool,
) -> Result<()> {
    let place = ProxyBus::place();
    let mut journal = if resume {
        Journal::load(folder, &place)?
    } else {
        Journal::begin(folder, &place, Fingerprint::default(), vec![file.record()])?
    };
    let files = std::slice::from_mut(file);
    flash_files(bus, &place, files, Consents::default(), &mut journal, &mut Session::quiet())?;
    journal.finish()
}

fn sticks() -> [(&'static str, DownloadOptions); 5] {
    let v7r11 = DownloadOptions::v7r11();
    [
        ("v7r11", v7r11.clone()),
        // The port stays here: that a stick restarts with its table is the campaign's subject.
        ("v7r2", DownloadOptions { new_table: NewTable::Taken, ..DownloadOptions::v7r2() }),
        ("deaf", DownloadOptions { at_in_binary: AtInBinary::Deaf, ..v7r11.clone() }),
        ("unsigned", DownloadOptions { require_signature: false, ..v7r11.clone() }),
        ("silent", DownloadOptions { nak_bad_crc: false, ..v7r11 }),
    ]
}

#[test]
fn five_hundred_flashes() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = image(folder.path());
    let mut tally = Tally::default();
    for (number, (name, options)) in (0..).zip(sticks()) {
        let port = stick(options.clone());
        let proxy = Proxy::new(Box::new(port.clone()), Faults::none(), 0);
        let mut bus = ProxyBus { proxy: proxy.clone(), mode: Mode::Download };
        attempt(&mut bus, &mut file, folder.path(), false).unwrap();
        assert!(is_flashed(&port) && port.has_left(), "{name}");
        let (clean, packets) = (proxy.now(), proxy.packets());
        for seed in 0..RUNS / 5 {
            let faults = Faults::of(seed + number * 1000, packets);
            let what = format!("flash of {name} {seed}");
            let port = stick(options.clone());
            let before = flash_of(&port);
            let proxy = Proxy::new(Box::new(port.clone()), faults.clone(), seed);
            let mut bus = ProxyBus { proxy: proxy.clone(), mode: Mode::Download };
            let result = attempt(&mut bus, &mut file, folder.path(), false);
            let took = proxy.now().saturating_sub(proxy.lost_time()).saturating_sub(clean);
            let said = format!("{result:?}");
            let end = match &result {
                Ok(()) => {
                    assert!(is_flashed(&port), "{what}: {faults}: a success that is not true");
                    End::Well
                }
                Err(error) => {
                    check_verdict(error, &port, &before, &format!("{what}: {faults}"));
                    proxy.calm();
                    again(error, &mut bus, &port, &mut file, folder.path())
                }
            };
            tally.note(&what, &faults, end, took, &said);
        }
    }
    tally.check("flashes");
}

fn check_verdict(error: &Error, port: &DevicePort, before: &Flash, what: &str) {
    match error.verdict() {
        Some(Verdict::Untouched) => {
            assert_eq!(flash_of(port), *before, "{what}: not untouched: {error:?}");
        }
        Some(Verdict::Recoverable) => {}
        other => panic!("{what}: verdict {other:?}: {error:?}"),
    }
    // One flipped bit is no other key and no other model.
    let wrong = [ErrorKind::SignatureRefused, ErrorKind::ImageMismatch];
    assert!(!wrong.contains(&error.kind()), "{what}: wrong diagnosis: {error:?}");
}

/// Nothing compares the image with such a stick: as for an image that names none, the owner has to agree.
#[test]
fn a_stick_that_names_no_product_takes_an_image_with_consent_alone() {
    let options = DownloadOptions { product: String::new(), ..DownloadOptions::v7r11() };
    let flash = Flash::with(&Firmware::new(FirmwareKind::Hilink, "22.180.01.00.00", ""));
    let port =
        DevicePort::new(Device::Download(Box::new(DownloadMode::new(options)), Box::new(flash.clone())));
    let folder = tempfile::tempdir().unwrap();
    let mut file = image(folder.path());
    let place = ProxyBus::place();
    let mut run = |consents: Consents, known: Fingerprint| {
        let proxy = Proxy::new(Box::new(port.clone()), Faults::none(), 0);
        let mut bus = ProxyBus { proxy, mode: Mode::Download };
        let mut journal = Journal::begin(folder.path(), &place, known, vec![file.record()])?;
        let files = std::slice::from_mut(&mut file);
        let outcome = flash_files(&mut bus, &place, files, consents, &mut journal, &mut Session::quiet());
        journal.finish()?;
        outcome
    };
    let error = run(Consents::default(), Fingerprint::default()).unwrap_err();
    assert_eq!((error.kind(), error.verdict()), (ErrorKind::ImageMismatch, Some(Verdict::Untouched)));
    assert_eq!(flash_of(&port), flash);
    // `convert` has compared what the stick said of itself before.
    let known = Fingerprint { hardware: Some("CL2E3372HM".into()), ..Fingerprint::default() };
    run(Consents::default(), known).unwrap();
    assert!(is_flashed(&port));
}

/// What the messages say: run it again, with --resume where something was written.
fn again(
    error: &Error,
    bus: &mut ProxyBus,
    port: &DevicePort,
    file: &mut FirmwareFile,
    folder: &Path,
) -> End {
    let resume = error.verdict() == Some(Verdict::Recoverable);
    match attempt(bus, file, folder, resume) {
        Ok(()) if is_flashed(port) => End::WellAgain,
        _ => End::Badly,
    }
}

/// Sticks whose download mode is known to be odd: what is known is said with the refusal, and nothing was touched.
#[test]
fn sticks_that_are_known_to_be_odd_are_named() {
    let odd = [
        ("E3372s_153", "21.300.05.00.00", ErrorKind::RequestRefused, "boot pin"),
        ("E5330Bs-2", "21.210.00.00.00", ErrorKind::NotInDownloadMode, "updater"),
    ];
    for (product, software, kind, next) in odd {
        let flash = Flash::with(&Firmware::new(FirmwareKind::Hilink, "22.180.01.00.00", ""));
        let mode = DownloadMode::new(DownloadOptions {
            product: product.into(),
            software: software.into(),
            refuses_starts: kind == ErrorKind::RequestRefused,
            knows_datamode: kind != ErrorKind::NotInDownloadMode,
            require_signature: false,
            ..DownloadOptions::v7r11()
        });
        let port = DevicePort::new(Device::Download(Box::new(mode), Box::new(flash)));
        let before = flash_of(&port);
        let folder = tempfile::tempdir().unwrap();
        let mut file = image_for(product, folder.path());
        let proxy = Proxy::new(Box::new(port.clone()), Faults::none(), 0);
        let mut bus = ProxyBus { proxy, mode: Mode::Download };
        let error = attempt(&mut bus, &mut file, folder.path(), false).unwrap_err();
        assert!(error.is(kind), "{error:?}");
        assert!(error.next_step().is_some_and(|step| step.contains(next)), "{error:?}");
        assert_eq!(error.verdict(), Some(Verdict::Untouched));
        assert_eq!(flash_of(&port), before);
    }
}
