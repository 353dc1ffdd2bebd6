//! Loads through a damaged line.

use std::time::Duration;

use stickshift::boot::{Block, Loader, Start};
use stickshift::convert::load::load_by_port;
use stickshift::error::{Result, Verdict};
use stickshift::event::Session;
use stickshift::link::Moment;
use stickshift::stick::Mode;
use stickshift_emu::firmware::boot_rom::{BootRom, BootRomOptions};
use stickshift_emu::testkit::loader_file;

use super::device::{Device, DevicePort};
use super::proxy::{Faults, Proxy, ProxyBus};
use super::tally::{End, Tally};

const RUNS: u64 = 500;

/// Two blocks of a few packets, the second one byte over a packet's edge.
pub(crate) fn loader() -> Loader {
    let code = |size: usize| -> Vec<u8> { (0..size).map(|i| (i % 241) as u8 | 1).collect() };
    let file = loader_file((0x2ffe_4000, &code(1500)), (0x3000_4000, &code(24 * 1024 + 1)));
    Loader::parse(file).unwrap()
}

/// Whether raminit ran, and what runs is the loader's second block.
fn is_loaded(port: &DevicePort) -> bool {
    let loader = loader();
    port.look(|device| {
        let Device::BootRom(rom) = device else { return false };
        let blocks = rom.blocks();
        let ran = |block| blocks.iter().any(|b| b.data == loader.block(block));
        rom.is_finished()
            && ran(Block::Raminit)
            && blocks.last().is_some_and(|b| b.data == loader.block(Block::Usbldr))
    })
}

struct Run {
    result: Result<Start>,
    took: Duration,
    lost: Duration,
    packets: u32,
    port: DevicePort,
    bus: ProxyBus,
}

/// Both ways of what is not known of a true boot ROM, by turns.
fn options(seed: u64) -> BootRomOptions {
    BootRomOptions { forgets_half_packets: seed & 1 != 0, takes_repeats: seed & 2 != 0 }
}

fn run(faults: Faults, seed: u64) -> Run {
    let port = DevicePort::new(Device::BootRom(BootRom::with(options(seed))));
    let proxy = Proxy::new(Box::new(port.clone()), faults, seed);
    let mut bus = ProxyBus { proxy: proxy.clone(), mode: Mode::BootRom };
    let result = attempt(&mut bus);
    Run { result, took: proxy.now(), lost: proxy.lost_time(), packets: proxy.packets(), port, bus }
}

fn attempt(bus: &mut ProxyBus) -> Result<Start> {
    load_by_port(bus, &ProxyBus::place(), &loader(), &mut Session::quiet()).map(|sent| sent.start)
}

#[test]
fn five_hundred_loads() {
    let clean = run(Faults::none(), 0);
    assert_eq!(clean.result.unwrap(), Start::Accepted);
    assert!(is_loaded(&clean.port));
    let mut tally = Tally::default();
    for seed in 0..RUNS {
        let faults = Faults::of(seed, clean.packets);
        let name = format!("load {seed}");
        let mut run = run(faults.clone(), seed);
        let took = run.took.saturating_sub(run.lost).saturating_sub(clean.took);
        let said = format!("{:?}", run.result);
        let end = match &run.result {
            Ok(_) => {
                assert!(is_loaded(&run.port), "{name}: {faults}: a success that is not true: {said}");
                End::Well
            }
            Err(error) => {
                match error.verdict() {
                    Some(Verdict::Untouched) => run.port.look(|device| {
                        let Device::BootRom(rom) = device else { return };
                        assert!(rom.blocks().is_empty(), "{name}: {faults}: not untouched: {said}");
                    }),
                    Some(Verdict::Recoverable) => {
                        assert!(!is_loaded(&run.port), "{name}: {faults}: it runs: {said}");
                    }
                    Some(Verdict::Unknown) => {}
                    other => panic!("{name}: {faults}: verdict {other:?}: {said}"),
                }
                again(&mut run)
            }
        };
        tally.note(&name, &faults, end, took, &said);
    }
    tally.check("loads");
}

/// What the messages say: run it again; replugged where something may have been sent to it.
fn again(run: &mut Run) -> End {
    let replugged = matches!(&run.result, Err(e) if e.verdict() != Some(Verdict::Untouched));
    if replugged {
        run.port = DevicePort::new(Device::BootRom(BootRom::new()));
        run.bus.proxy = Proxy::new(Box::new(run.port.clone()), Faults::none(), 0);
    } else {
        run.bus.proxy.calm();
    }
    match attempt(&mut run.bus) {
        Ok(_) if is_loaded(&run.port) => End::WellAgain,
        _ => End::Badly,
    }
}

/// A run that was cut off in the middle of a packet keeps nobody out, also without replugging.
#[test]
fn a_load_that_was_killed_can_be_done_again_without_replugging() {
    let clean = run(Faults::none(), 0);
    for stop_after in 1..clean.packets {
        let port = DevicePort::new(Device::BootRom(BootRom::new()));
        let mut link = Dying { port: port.clone(), left: stop_after };
        let killed = stickshift::boot::download(&mut link, &loader(), &mut Session::quiet());
        assert!(killed.is_err());
        let mut bus =
            ProxyBus { proxy: Proxy::new(Box::new(port.clone()), Faults::none(), 0), mode: Mode::BootRom };
        attempt(&mut bus).unwrap_or_else(|e| panic!("killed after {stop_after}: {e:?}"));
        assert!(is_loaded(&port), "killed after {stop_after}");
    }
}

/// A program that is killed in the middle of its last write.
struct Dying {
    port: DevicePort,
    left: u32,
}

impl stickshift::link::ByteLink for Dying {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        use stickshift::error::{Error, ErrorKind};
        if self.left == 0 {
            return Err(Error::new(ErrorKind::Io, "killed"));
        }
        self.left -= 1;
        let end = if self.left == 0 { bytes.len().div_ceil(2) } else { bytes.len() };
        self.port.write(&bytes[..end])
    }
    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> Result<usize> {
        self.port.read(buffer, deadline)
    }
    fn discard_input(&mut self) -> Result<()> {
        self.port.discard_input()
    }
    fn now(&self) -> Moment {
        self.port.now()
    }
    fn sleep(&mut self, time: Duration) {
        self.port.sleep(time);
    }
}
