//! The fault campaign: every kind of fault at every step of a whole conversion on a virtual stick. Whatever happens, the end must be true: success
//! with the flash identical to the image, or a failure whose verdict fits the stick's real state, from which resuming reaches success
//! wherever the verdict said that it can.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use stickshift::boot::{Changes, Loader};
use stickshift::convert::{self, ConvertRequest, Target};
use stickshift::convert::{FirmwareFile, load};
use stickshift::error::{Error, ErrorKind, RefusalFamily, Verdict};
use stickshift::event::{Event, Session};
use stickshift::firmware::Compression;
use stickshift::firmware::build::{self, Part, field};
use stickshift::firmware::signature::{trailer, trailer_length};
use stickshift::firmware::{Header, Image};
use stickshift::link::Bus;
use stickshift::modem::Identity;
use stickshift::plan::Consents;
use stickshift::stick::Place;
use stickshift::switching::web_ports;
use stickshift_emu::computer::{Action, VirtualBus};
use stickshift_emu::fault::{Fault, FaultKind, FaultPlan};
use stickshift_emu::sticks::catalogue;
use stickshift_emu::sticks::huawei::{HuaweiOptions, HuaweiStick, Timing};
use stickshift_emu::testkit::{loader_file, noise};

const VERSION: &str = "21.180.01.00.00";
/// Each brings its own timing and its own damage for every fault.
const SEEDS: u64 = 2;
/// Fewer runs mean that steps or kinds of fault went missing.
const LEAST_RUNS: usize = 5000;
/// Properties that no resuming gets past.
const FOR_GOOD: [FaultKind; 2] = [FaultKind::LoaderDead, FaultKind::TableRefused];
/// So often the owner puts the stick back and resumes.
const ATTEMPTS: u32 = 4;

/// The key hash that the virtual sticks accept.
const KEY: [u8; 32] = [
    0x77, 0x8a, 0x8d, 0x17, 0x5e, 0x60, 0x2b, 0x7b, 0x77, 0x9d, 0x9e, 0x05, 0xc3, 0x30, 0xb5, 0x27, 0x9b,
    0x06, 0x61, 0xbf, 0x2e, 0xed, 0x99, 0xa2, 0x04, 0x45, 0xb3, 0x66, 0xd6, 0x3d, 0xd6, 0x97,
];

fn place() -> Place {
    "1-1".parse().unwrap()
}

/// A small image of every awkward size: one byte, exact blocks, one more, one less, worst escapes, both compressions.
fn write_image(path: &Path) {
    let marker = format!("\0stickshift-synthetic version={VERSION} kind=stick webui=17.100.18.05.1217\0");
    let told = |mut bytes: Vec<u8>| {
        bytes[16..16 + marker.len()].copy_from_slice(marker.as_bytes());
        bytes
    };
    let rows: Vec<(u32, Vec<u8>, Compression)> = vec![
        (0x0011_0000, [noise(4097, 1), trailer(&KEY, trailer_length(7))].concat(), Compression::None),
        (0x0001_0000, noise(2048, 2), Compression::None),
        (0x0009_0000, told(b"\x7e\x7d".repeat(2100)), Compression::None),
        (0x0022_0000, told(noise(8192, 4)), Compression::Zlib),
        (0x0025_0000, vec![0x7e], Compression::None),
        (0x0059_0000, told(noise(4095, 5)), Compression::Lzma),
        (0x00ab_0000, noise(57, 6), Compression::None),
    ];
    let mut parts = Vec::new();
    for (code, bytes, compression) in rows {
        let mut header = Header::new(code);
        header.hardware = field("HWEW11.1").unwrap();
        header.version = field(&format!(":E3372h_153:{VERSION}")).unwrap();
        parts.push(match compression {
            Compression::None => Part::from_bytes(header, bytes),
            packed => Part::packed(header, &mut Cursor::new(bytes), packed).unwrap(),
        });
    }
    let mut out = Cursor::new(Vec::new());
    build::write(&mut out, Some(&build::file_header(0x09)), parts).unwrap();
    std::fs::write(path, out.into_inner()).unwrap();
}

/// A small loader whose erase call is in place, patched in memory.
fn loader() -> Loader {
    let signature: Vec<u8> = (0..44)
        .step_by(2)
        .map(|i| {
            u8::from_str_radix(&"103094E50D00A0E110308DE5183094E514308DE5100200EB"[i..i + 2], 16).unwrap()
        })
        .collect();
    let raminit = noise(300, 11);
    let mut usbldr = noise(2500, 12);
    usbldr[0x100..0x100 + signature.len()].copy_from_slice(&signature);
    usbldr[0x114..0x118].copy_from_slice(&[0x10, 0x02, 0x00, 0xeb]);
    let file = loader_file((0x3000_4000, &raminit), (0x3000_4000, &usbldr));
    let mut loader = Loader::parse(file).unwrap();
    loader.change(&Changes::default()).unwrap();
    loader
}

/// What is the same in every run.
struct Campaign {
    image: PathBuf,
    folder: PathBuf,
    plain: BTreeMap<u32, Vec<u8>>,
    loader: Loader,
}

/// How a run ended.
#[derive(Default)]
struct Count {
    runs: usize,
    at_once: usize,
    resumed: usize,
    refused: usize,
    unknown: usize,
}

impl Campaign {
    fn new(folder: &Path) -> Self {
        let image = folder.join("image.bin");
        write_image(&image);
        let mut map = Image::open_file(&image).unwrap();
        let mut plain = BTreeMap::new();
        for index in 0..map.partitions.len() {
            let mut bytes = Vec::new();
            map.payload(index).unwrap().read_to_end(&mut bytes).unwrap();
            plain.insert(map.partitions[index].header.code, bytes);
        }
        Campaign { image, folder: folder.to_owned(), plain, loader: loader() }
    }

    fn request(&self, resume: bool) -> ConvertRequest {
        ConvertRequest {
            to: Target::Stick,
            loader: Some(self.loader.clone()),
            files: vec![FirmwareFile::open(&self.image, &mut Session::quiet()).unwrap()],
            consents: Consents::default(),
            resume,
            login: None,
            no_updates: false,
        }
    }

    fn bus(&self, name: &str, faults: FaultPlan) -> VirtualBus {
        let seed = faults.seed();
        let options =
            HuaweiOptions { timing: Timing::real(seed), faults, ..catalogue::e3372h(name).unwrap() };
        let bus = VirtualBus::new();
        bus.plug(&place(), Box::new(HuaweiStick::new(options)));
        bus.advance(Duration::from_secs(60));
        bus
    }

    /// One attempt, with an owner who uses the needle when he is told to.
    fn attempt(&self, bus: &VirtualBus, resume: bool) -> Result<(), Error> {
        self.attempt_by(bus, resume, &Cell::new(0))
    }

    /// The same; `pins` counts how often the owner was told to open the case.
    fn attempt_by(&self, bus: &VirtualBus, resume: bool, pins: &Cell<u32>) -> Result<(), Error> {
        let owner = |event: Event| {
            if let Event::Step { code: "boot-pin", .. } | Event::Warning { code: "boot-pin-missed", .. } =
                event
            {
                pins.set(pins.get() + 1);
                bus.with(&place(), HuaweiStick::hold_boot_pin);
                bus.schedule(Duration::from_secs(20), &place(), Action::Replug);
            }
        };
        let mut session = Session::new(owner, Default::default());
        let mut links = bus.clone();
        let mut request = self.request(resume);
        let stick = load::find(&mut links, &place())?;
        let planned = convert::plan(&mut links, &stick, &request, &mut session)?;
        convert::convert(&mut links, &planned, &mut request, &self.folder, &mut session)?;
        Ok(())
    }

    fn steps(&self, name: &str) -> u32 {
        let bus = self.bus(name, FaultPlan::none(1));
        self.attempt(&bus, false).unwrap();
        self.assert_done(&bus, "without faults");
        bus.with(&place(), |stick: &mut HuaweiStick| stick.steps()).unwrap()
    }

    /// Success must be true: every byte is on the flash, the NV memory is intact, and the new firmware runs. What is not so.
    fn shortfall(&self, bus: &VirtualBus) -> Option<String> {
        let look = |stick: &mut HuaweiStick| {
            let wrong = self
                .plain
                .iter()
                .find(|(code, bytes)| stick.flash().partition(**code) != Some(bytes.as_slice()));
            if let Some((code, _)) = wrong {
                return Some(format!("partition {code:08x} differs from the image"));
            }
            if !stick.nv_intact() {
                return Some("the NV memory is gone".to_owned());
            }
            let version = stick.identity().version;
            (version != VERSION).then(|| format!("{version} runs"))
        };
        bus.with(&place(), look).unwrap()
    }

    fn assert_done(&self, bus: &VirtualBus, run: &str) {
        assert_eq!(self.shortfall(bus), None, "{run}");
    }

    fn run(&self, name: &str, faults: FaultPlan, count: &mut Count) {
        let run = format!(
            "{name} with {:?} seed {}",
            faults.faults().iter().map(ToString::to_string).collect::<Vec<_>>(),
            faults.seed()
        );
        let permanent = faults.faults().iter().any(|f| f.kind.is_property());
        let bus = self.bus(name, faults);
        let before = bus.with(&place(), |stick: &mut HuaweiStick| stick.flash().clone()).unwrap();
        count.runs += 1;
        let mut error = match self.attempt(&bus, false) {
            Ok(()) => {
                self.assert_done(&bus, &run);
                count.at_once += 1;
                return;
            }
            Err(error) => error,
        };
        let verdict = error.verdict().unwrap_or_else(|| panic!("{run}: no verdict: {error:?}"));
        let now =
            bus.with(&place(), |stick: &mut HuaweiStick| (stick.flash().clone(), stick.nv_intact())).unwrap();
        match verdict {
            Verdict::Untouched => {
                assert_eq!(now.0, before, "{run}: said untouched: {error:?}");
                assert!(now.1, "{run}: said untouched, NV is gone");
            }
            Verdict::Recoverable => {}
            Verdict::Unknown => {
                count.unknown += 1;
                assert!(
                    !error.is(ErrorKind::LoaderErases) && now.1,
                    "{run}: said unknown where the identity was lost: {error:?}"
                );
            }
            Verdict::Done => panic!("{run}: a failure that says done: {error:?}"),
        }
        // A stick that the image is not for may have been brought into another mode before it said what it is; its flash is as it was.
        let misfit = error.is(ErrorKind::ImageMismatch) && now.0 == before;
        if permanent && (verdict == Verdict::Untouched || misfit) {
            count.refused += 1;
            return;
        }
        for _ in 0..ATTEMPTS {
            bus.power(&place(), false);
            bus.advance(Duration::from_secs(2));
            bus.power(&place(), true);
            bus.advance(Duration::from_secs(60));
            match self.attempt(&bus, true) {
                Ok(()) => {
                    self.assert_done(&bus, &run);
                    count.resumed += 1;
                    return;
                }
                Err(again) => error = again,
            }
        }
        panic!("{run}: first said {verdict}, and resuming never reached success: {error:?}");
    }
}

#[test]
fn every_fault_at_every_step_ends_truthfully() {
    let dir = tempfile::tempdir().unwrap();
    let campaign = Campaign::new(dir.path());
    let mut count = Count::default();
    let at_steps = || FaultKind::ALL.iter().copied().filter(|k| !k.is_property());
    for seed in 1..=SEEDS {
        for name in ["e3372h-needle", "e3372h-loader", "e3372h-hilink", "e3372h-cd"] {
            let steps = campaign.steps(name);
            for kind in at_steps() {
                for step in 1..=steps {
                    campaign.run(name, FaultPlan::new(vec![Fault::new(kind, Some(step))], seed), &mut count);
                }
            }
            for kind in FaultKind::ALL.iter().copied().filter(|k| k.is_property() && !FOR_GOOD.contains(k)) {
                campaign.run(name, FaultPlan::new(vec![Fault::new(kind, None)], seed), &mut count);
            }
        }
    }
    // Not by println!, which a test that passes keeps to itself.
    let _ = writeln!(
        io::stdout(),
        "fault campaign: {} runs, {} succeeded at once, {} after resuming, {} refused with nothing written, {} with an unknown end that resumed",
        count.runs,
        count.at_once,
        count.resumed,
        count.refused,
        count.unknown
    );
    assert!(count.runs >= LEAST_RUNS, "{} runs", count.runs);
    // Power off and the like must have been survived, not just avoided.
    assert!(count.resumed > 0 && count.at_once > 0);
}

/// Sticks whose firmware opens the way to download mode: no fault may send their owners to the boot pin, or let them wait for long.
#[test]
fn an_open_stick_is_never_sent_to_the_boot_pin() {
    /// What an attempt may take, all its waits included.
    const PATIENCE: Duration = Duration::from_secs(15 * 60);
    let dir = tempfile::tempdir().unwrap();
    let campaign = Campaign::new(dir.path());
    let (mut runs, mut at_once) = (0, 0);
    let mut bad = Vec::new();
    for (name, serial) in
        [("e3372h-hilink", false), ("e3372h-hilink", true), ("e3372h-cd", false), ("e3372h-stick", false)]
    {
        let prepared = |faults: FaultPlan| {
            let bus = campaign.bus(name, FaultPlan::none(faults.seed()));
            if serial {
                // The owner asked for serial ports before.
                web_ports::open(&mut bus.clone(), &place(), None, &mut Session::quiet()).unwrap();
            }
            // Steps count over the life of a stick.
            let done = bus.with(&place(), |stick: &mut HuaweiStick| stick.steps()).unwrap();
            let moved = faults.faults().iter().map(|f| Fault { step: f.step.map(|s| s + done), ..f.clone() });
            let faults = FaultPlan::new(moved.collect(), faults.seed());
            bus.with(&place(), |stick: &mut HuaweiStick| stick.set_faults(faults));
            (bus, done)
        };
        let (bus, done) = prepared(FaultPlan::none(1));
        campaign.attempt(&bus, false).unwrap();
        let steps = bus.with(&place(), |stick: &mut HuaweiStick| stick.steps()).unwrap() - done;
        for &kind in FaultKind::ALL.iter().filter(|kind| **kind != FaultKind::LoaderDead) {
            let last = if kind.is_property() { 1 } else { steps };
            for step in 1..=last {
                let fault = Fault::new(kind, (!kind.is_property()).then_some(step));
                let run = format!("{name}, serial {serial}, {fault}");
                let (bus, _) = prepared(FaultPlan::new(vec![fault], 1));
                let (pins, begun) = (Cell::new(0), bus.now());
                let outcome = campaign.attempt_by(&bus, false, &pins);
                runs += 1;
                at_once += u32::from(outcome.is_ok());
                let took = bus.now() - begun;
                if pins.get() > 0 || took > PATIENCE {
                    bad.push(format!("{run}: boot pin {} times, {took:?}: {outcome:?}", pins.get()));
                }
                if let Err(error) = &outcome
                    && error.is(ErrorKind::GateClosed)
                {
                    bad.push(format!("{run}: {error:?}"));
                }
            }
        }
    }
    let _ = writeln!(io::stdout(), "open sticks: {runs} runs, {at_once} succeeded at once");
    assert!(bad.is_empty(), "{} of {runs}:\n{}", bad.len(), bad.join("\n"));
    assert!(runs > 3000, "{runs} runs");
}

#[test]
fn a_loader_that_never_starts_is_said_to_be_recoverable() {
    let dir = tempfile::tempdir().unwrap();
    let campaign = Campaign::new(dir.path());
    let bus = campaign.bus("e3372h-needle", FaultPlan::new(vec![Fault::new(FaultKind::LoaderDead, None)], 1));
    let error = campaign.attempt(&bus, false).unwrap_err();
    assert!(error.is(ErrorKind::LoaderNotStarted), "{error:?}");
    assert_eq!(error.verdict(), Some(Verdict::Recoverable));
    assert!(bus.clone().sticks().is_ok());
}

#[test]
fn a_partition_table_that_is_refused_for_good_is_said_to_be_so() {
    let dir = tempfile::tempdir().unwrap();
    let campaign = Campaign::new(dir.path());
    let faults = FaultPlan::new(vec![Fault::new(FaultKind::TableRefused, None)], 1);
    let bus = campaign.bus("e3372h-loader", faults);
    for resume in [false, true] {
        let error = campaign.attempt(&bus, resume).unwrap_err();
        assert!(error.is(ErrorKind::RequestRefused), "{error:?}");
        assert_eq!(
            (error.refusal_of(RefusalFamily::Download), error.verdict()),
            (Some(2), Some(Verdict::Recoverable))
        );
    }
}

#[test]
fn the_campaign_would_notice_a_wrong_byte() {
    let dir = tempfile::tempdir().unwrap();
    let mut campaign = Campaign::new(dir.path());
    let bus = campaign.bus("e3372h-loader", FaultPlan::none(1));
    campaign.attempt(&bus, false).unwrap();
    campaign.plain.get_mut(&0x00ab_0000).unwrap()[3] ^= 1;
    assert_eq!(campaign.shortfall(&bus).as_deref(), Some("partition 00ab0000 differs from the image"));
}

/// A stick is planned for, and what is done is done to one with another IMEI: it was swapped at the prompt, or came back as another.
#[test]
fn a_stick_with_another_imei_is_never_done() {
    let dir = tempfile::tempdir().unwrap();
    let campaign = Campaign::new(dir.path());
    for (name, kind, verdict) in [
        // It is asked before anything is sent that changes it.
        ("e3372h-stick", ErrorKind::JournalMismatch, Verdict::Untouched),
        // In its loader it cannot be asked: what comes back tells.
        ("e3372h-loader", ErrorKind::VersionMismatch, Verdict::Unknown),
    ] {
        let mut bus = campaign.bus(name, FaultPlan::none(1));
        let before = bus.with(&place(), |stick: &mut HuaweiStick| stick.flash().clone());
        let mut session = Session::quiet();
        let mut request = campaign.request(false);
        let stick = load::find(&mut bus, &place()).unwrap();
        let mut planned = convert::plan(&mut bus, &stick, &request, &mut session).unwrap();
        let told = planned.before.take().unwrap_or_default();
        planned.before = Some(Identity { imei: Some("860000000000999".to_owned()), ..told });
        let error =
            convert::convert(&mut bus, &planned, &mut request, &campaign.folder, &mut session).unwrap_err();
        assert_eq!((error.kind(), error.verdict()), (kind, Some(verdict)), "{name}: {error:?}");
        let after = bus.with(&place(), |stick: &mut HuaweiStick| stick.flash().clone());
        assert_eq!(before == after, verdict == Verdict::Untouched, "{name}");
    }
}
