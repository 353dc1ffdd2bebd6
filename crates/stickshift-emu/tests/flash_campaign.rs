//! Every fault at every step of a flash: what the dialogue says at its end is true of the stick, and what it calls recoverable can be
//! taken up again.

use std::io::{self, Read, Write};
use std::time::Duration;

use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift::event::Session;
use stickshift::flash::{self, Finish, Observer, Outcome, PartitionFacts, Payload, SignatureFacts};
use stickshift::link::Bus;
use stickshift::stick::{Mode, Place, Role};
use stickshift_emu::computer::VirtualBus;
use stickshift_emu::fault::{Fault, FaultKind, FaultPlan};
use stickshift_emu::firmware::download::{AtInBinary, DownloadOptions, NewTable};
use stickshift_emu::sticks::huawei::{HuaweiOptions, HuaweiStick, PlugIn};

/// Bootloader first, as in real images; sizes at block edges.
struct Image {
    facts: Vec<PartitionFacts>,
    bytes: Vec<Vec<u8>>,
}

impl Image {
    fn small() -> Self {
        let marker = b"\0stickshift-synthetic version=21.180.01.00.00 kind=stick\0";
        let sizes = [
            (0x0011_0000, 4097),
            (0x0001_0000, 2048),
            (0x0009_0000, 8192),
            (0x0022_0000, 4096),
            (0x0059_0000, 100),
        ];
        let facts = sizes.map(|(code, size)| PartitionFacts {
            code,
            name: format!("{code:08x}"),
            size,
            boot_chain: code < 0x0003_0000 && code != 0x0009_0000,
        });
        let fill =
            |size: u64, salt: u8| (0..size).map(|i| (i as u8).wrapping_mul(7) ^ salt).collect::<Vec<u8>>();
        let bytes = sizes.map(|(code, size)| {
            let mut bytes = fill(size, (code >> 16) as u8);
            if code > 0x0008_0000 && code != 0x0011_0000 {
                bytes[..marker.len()].copy_from_slice(marker);
            }
            bytes
        });
        Image { facts: facts.to_vec(), bytes: bytes.to_vec() }
    }
}

impl Payload for Image {
    fn partitions(&self) -> &[PartitionFacts] {
        &self.facts
    }

    fn open(&mut self, index: usize) -> Result<Box<dyn Read + '_>> {
        Ok(Box::new(self.bytes[index].as_slice()))
    }
}

#[derive(Default)]
struct Journal {
    begun: usize,
    acknowledged: usize,
}

impl Observer for Journal {
    fn begins(&mut self, index: usize) -> Result<()> {
        self.begun = index + 1;
        Ok(())
    }

    fn acknowledged(&mut self, index: usize) -> Result<()> {
        self.acknowledged = index + 1;
        Ok(())
    }
}

fn place() -> Place {
    "1-1".parse().unwrap()
}

/// The flash port, once the stick is in download mode; `None` when it does not get there.
fn download_port(bus: &mut VirtualBus) -> Option<u8> {
    let deadline = bus.now() + Duration::from_secs(90);
    loop {
        let stick = bus.sticks().unwrap().into_iter().find(|s| s.mode == Mode::Download);
        let port = stick.as_ref().and_then(|s| s.interface(Role::Flash)).filter(|i| i.tty.is_some());
        if let Some(port) = port {
            return Some(port.number);
        }
        if !bus.wait_change(deadline).unwrap() {
            return None;
        }
    }
}

fn signature() -> SignatureFacts {
    SignatureFacts {
        kind: 1,
        key: "778A8D175E602B7B779D9E05C330B5279B0661BF2EED99A20445B366D63DD697".into(),
        length: 2958,
    }
}

/// One attempt, from a stick in download mode on.
fn attempt(bus: &mut VirtualBus, first: usize, journal: &mut Journal) -> Result<()> {
    let mut first = first;
    for turn in 0..3 {
        match once(bus, first, journal) {
            Ok(Outcome::Complete) => return Ok(()),
            Ok(Outcome::RestartedAfterTable { next }) => first = next,
            // What went before has touched the stick, whatever the last dialogue did.
            Err(e) if turn > 0 => return Err(e.with_verdict(Verdict::Recoverable)),
            Err(e) => return Err(e),
        }
        let deadline = bus.now() + Duration::from_secs(2);
        while bus.wait_change(deadline)? {
            bus.sticks()?;
        }
    }
    panic!("the stick restarts without end");
}

fn once(bus: &mut VirtualBus, first: usize, journal: &mut Journal) -> Result<Outcome> {
    let Some(port) = download_port(bus) else {
        return Err(Error::new(ErrorKind::NoStick, "the stick is not in download mode"));
    };
    let mut link = bus.open_port(&place(), port)?;
    let mut session = Session::quiet();
    flash::handshake(&mut *link, Some(&signature()), &mut session)?;
    flash::run(&mut *link, &mut Image::small(), first, Finish::Reset, journal, &mut session)
}

fn is_flashed(stick: &mut HuaweiStick) -> bool {
    let image = Image::small();
    image.facts.iter().zip(&image.bytes).all(|(f, bytes)| stick.flash().partition(f.code) == Some(bytes))
}

#[derive(Default, Debug)]
struct Count {
    runs: u32,
    went_well: u32,
    untouched: u32,
    recoverable: u32,
}

/// One run with faults, and another one without when the first failed.
fn run(name: &str, dload: &DownloadOptions, faults: FaultPlan, count: &mut Count) -> u32 {
    let what = format!("{name}, {faults}, seed {}", faults.seed());
    // Download mode keeps its properties until it is left.
    let lasts = faults.faults().iter().any(|f| f.kind.is_property());
    let mut bus = VirtualBus::new();
    let options =
        HuaweiOptions { plug_in: PlugIn::Loader, dload: dload.clone(), faults, ..HuaweiOptions::hilink() };
    let stick = HuaweiStick::new(options);
    let before = stick.flash().clone();
    bus.plug(&place(), Box::new(stick));
    let mut journal = Journal::default();
    let result = attempt(&mut bus, 0, &mut journal);
    count.runs += 1;
    let steps = bus.with(&place(), |s: &mut HuaweiStick| s.steps()).unwrap();
    let Err(error) = result else {
        count.went_well += 1;
        assert!(bus.with(&place(), is_flashed).unwrap(), "{what}: success that is not true");
        return steps;
    };
    let now = bus.with(&place(), |s: &mut HuaweiStick| s.flash().clone()).unwrap();
    match error.verdict().unwrap_or_else(|| panic!("{what}: no verdict in {error:?}")) {
        Verdict::Untouched => {
            count.untouched += 1;
            assert_eq!(now, before, "{what}: not untouched: {error:?}");
        }
        Verdict::Recoverable => count.recoverable += 1,
        other => panic!("{what}: verdict {other}: {error:?}"),
    }
    for (index, facts) in Image::small().facts.iter().enumerate().take(journal.acknowledged) {
        let bytes = &Image::small().bytes[index];
        assert_eq!(now.partition(facts.code), Some(bytes.as_slice()), "{what}: acknowledged and not there");
    }
    // Again without faults: on the same port when the stick is still there, else after a loader was loaded.
    bus.with(&place(), |s: &mut HuaweiStick| s.set_faults(FaultPlan::none(0))).unwrap();
    // A restart that was not seen may be under way.
    bus.advance(Duration::from_secs(3));
    let still = bus.sticks().unwrap().iter().any(|s| s.mode == Mode::Download);
    if !still || lasts || error.is(ErrorKind::Disconnected) {
        bus.with(&place(), |s: &mut HuaweiStick| s.plug_in_next(PlugIn::Loader)).unwrap();
        bus.replug(&place());
    }
    let resume = journal.acknowledged.min(Image::small().facts.len() - 1);
    let again = attempt(&mut bus, resume, &mut Journal::default());
    count.runs += 1;
    assert!(again.is_ok(), "{what}: not recoverable: first {error:?}, then {again:?}");
    assert!(
        bus.with(&place(), is_flashed).unwrap(),
        "{what}: success at the second attempt that is not true"
    );
    steps
}

#[test]
fn every_fault_at_every_step() {
    let v7r11 = DownloadOptions::v7r11();
    let sticks = [
        ("v7r11", v7r11.clone()),
        ("v7r2", DownloadOptions::v7r2()),
        ("deaf", DownloadOptions { at_in_binary: AtInBinary::Deaf, ..v7r11.clone() }),
        ("unsigned", DownloadOptions { require_signature: false, ..v7r11.clone() }),
        ("restarts", DownloadOptions { new_table: NewTable::Restarts, ..v7r11 }),
    ];
    let mut count = Count::default();
    for (name, dload) in &sticks {
        let steps = run(name, dload, FaultPlan::none(1), &mut count);
        for &kind in FaultKind::ALL {
            for step in 1..=steps {
                for seed in 0..2 {
                    run(name, dload, FaultPlan::new(vec![Fault::new(kind, Some(step))], seed), &mut count);
                }
            }
        }
    }
    // Not by println!, which a test that passes keeps to itself.
    let _ = writeln!(io::stdout(), "flash campaign: {count:?}");
    assert!(count.runs >= 5000, "{count:?}");
}
