//! Every fault at every step of a load: what the dialogue says at its end is true of the stick, and what it calls recoverable can be
//! done again.

use std::io::{self, Write};
use std::time::Duration;

use stickshift::boot::{Block, Downloaded, Loader, Start, download};
use stickshift::convert::load::wait_for_loader;
use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift::event::{Cancel, Event, Session};
use stickshift::link::Bus;
use stickshift::stick::{Mode, Place, Role};
use stickshift_emu::computer::{Action, VirtualBus};
use stickshift_emu::fault::{Fault, FaultKind, FaultPlan};
use stickshift_emu::sticks::huawei::{HuaweiOptions, HuaweiStick, PlugIn};
use stickshift_emu::testkit::loader_file;

fn place() -> Place {
    "1-1".parse().unwrap()
}

/// Two blocks of a few packets, the second one byte over a packet's edge.
fn loader() -> Loader {
    let code = |size: usize| -> Vec<u8> { (0..size).map(|i| (i % 241) as u8 | 1).collect() };
    let file = loader_file((0x2ffe_4000, &code(1500)), (0x3000_4000, &code(2049)));
    Loader::parse(file).unwrap()
}

/// Waits for a mode with its drivers bound.
fn wait(bus: &mut VirtualBus, mode: Mode) -> bool {
    let deadline = bus.now() + Duration::from_secs(30);
    loop {
        let sticks = bus.sticks().unwrap();
        if sticks.iter().any(|s| s.mode == mode && s.ports().next().is_some()) {
            return true;
        }
        if !bus.wait_change(deadline).unwrap() {
            return false;
        }
    }
}

fn attempt(bus: &mut VirtualBus) -> Result<Downloaded> {
    if !wait(bus, Mode::BootRom) {
        return Err(Error::new(ErrorKind::NoStick, "no boot ROM"));
    }
    let port = bus.sticks()?[0].interface(Role::BootRom).unwrap().number;
    let mut link = bus.open_port(&place(), port)?;
    download(&mut *link, &loader(), &mut Session::quiet())
}

fn is_loaded(stick: &mut HuaweiStick) -> bool {
    let loader = loader();
    let sent = [loader.block(Block::Raminit), loader.block(Block::Usbldr)];
    // Raminit may have been sent more than once.
    let blocks = stick.loaded();
    blocks.len() >= 2 && [&blocks[blocks.len() - 2].data[..], &blocks[blocks.len() - 1].data] == sent
}

#[derive(Default, Debug)]
struct Count {
    runs: u32,
    went_well: u32,
    not_confirmed: u32,
    untouched: u32,
    recoverable: u32,
}

fn run(faults: FaultPlan, count: &mut Count) -> u32 {
    let what = format!("{faults}, seed {}", faults.seed());
    let dead = faults.faults().iter().any(|f| f.kind == FaultKind::LoaderDead);
    let mut bus = VirtualBus::new();
    let stick =
        HuaweiStick::new(HuaweiOptions { plug_in: PlugIn::BootPin, faults, ..HuaweiOptions::hilink() });
    let before = stick.flash().clone();
    bus.plug(&place(), Box::new(stick));
    let result = attempt(&mut bus);
    count.runs += 1;
    let look = |bus: &VirtualBus| {
        bus.with(&place(), |s: &mut HuaweiStick| (is_loaded(s), s.loaded().len())).unwrap()
    };
    let steps = bus.with(&place(), |s: &mut HuaweiStick| s.steps()).unwrap();
    match &result {
        Ok(Downloaded { start: Start::Accepted, .. }) => {
            count.went_well += 1;
            assert!(look(&bus).0, "{what}: accepted, and something else arrived");
            assert_eq!(wait(&mut bus, Mode::Download), !dead, "{what}");
        }
        Ok(_) => {
            count.not_confirmed += 1;
            let started = wait(&mut bus, Mode::Download);
            assert!(!started || look(&bus).0, "{what}: something else was started");
        }
        Err(error) => match error.verdict() {
            Some(Verdict::Untouched) => {
                count.untouched += 1;
                assert_eq!(look(&bus).1, 0, "{what}: not untouched: {error:?}");
            }
            Some(Verdict::Recoverable) => count.recoverable += 1,
            other => panic!("{what}: verdict {other:?}: {error:?}"),
        },
    }
    bus.with(&place(), |s: &mut HuaweiStick| {
        assert!(s.nv_intact(), "{what}");
        assert_eq!(*s.flash(), before, "{what}: the flash was changed");
        s.set_faults(FaultPlan::none(0));
        s.hold_boot_pin();
    })
    .unwrap();
    if result.is_err() {
        bus.replug(&place());
        let again = attempt(&mut bus);
        count.runs += 1;
        let accepted = matches!(&again, Ok(d) if d.start == Start::Accepted);
        assert!(accepted && look(&bus).0, "{what}: first {result:?}, then {again:?}");
        assert!(wait(&mut bus, Mode::Download), "{what}");
    }
    steps
}

#[test]
fn every_fault_at_every_step() {
    let mut count = Count::default();
    let steps = run(FaultPlan::none(1), &mut count);
    assert_eq!(steps, 1 + (1 + 2 + 1) + (1 + 3 + 1));
    for &kind in FaultKind::ALL {
        for step in 1..=steps {
            for seed in 0..4 {
                run(FaultPlan::new(vec![Fault::new(kind, Some(step))], seed), &mut count);
            }
        }
    }
    // Not by println!, which a test that passes keeps to itself.
    let _ = writeln!(io::stdout(), "load campaign: {count:?}");
    assert!(count.runs >= 800, "{count:?}");
}

/// docs/protocols/balong-boot.md section 6: some sticks show their boot ROM's ids once more before their loader shows.
#[test]
fn the_boot_roms_ids_that_show_once_more_are_waited_out() {
    for comes in [true, false] {
        let mut bus = VirtualBus::new();
        let options = HuaweiOptions { plug_in: PlugIn::BootPin, ..HuaweiOptions::hilink() };
        bus.plug(&place(), Box::new(HuaweiStick::new(options)));
        assert!(wait(&mut bus, Mode::BootRom));
        bus.with(&place(), HuaweiStick::hold_boot_pin).unwrap();
        bus.schedule(Duration::from_secs(1), &place(), Action::Replug);
        let world = bus.clone();
        let sink = move |event: Event| {
            if let (true, Event::Note { code: "boot-rom-ids", .. }) = (comes, event) {
                world.with(&place(), |s: &mut HuaweiStick| s.plug_in_next(PlugIn::Loader));
                world.schedule(Duration::from_secs(30), &place(), Action::Replug);
            }
        };
        let mut session = Session::new(sink, Cancel::new());
        let begun = bus.now();
        match wait_for_loader(&mut bus, &place(), &loader(), &mut session) {
            Ok(stick) => assert!(comes && stick.mode == Mode::Download, "{}", stick.mode),
            Err(error) => {
                assert!(!comes && error.is(ErrorKind::LoaderNotStarted), "{error:?}");
                // This loader shows no sign that it spares the flash.
                assert_eq!(error.verdict(), Some(Verdict::Unknown));
                assert!(bus.now() - begun < Duration::from_secs(90));
            }
        }
    }
}
