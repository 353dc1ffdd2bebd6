//! A Huawei E3372h as one state machine: HiLink or stick firmware, boot ROM, loader, download mode, and its flash.

use std::collections::BTreeMap;
use std::time::Duration;

use stickshift::link::{ControlSetup, HttpRequest, Moment};
use stickshift::wire::scsi::CommandBlock;

use crate::at_port::{self, AtPort};
use crate::bootrom::{self, Block, BootRom};
use crate::device::{Device, Face, Function, HttpAnswer, UsbReply};
use crate::dload::{self, AtInBinary, Dload, DloadOptions};
use crate::faces;
use crate::fault::{Cut, FaultKind, FaultPlan, Step, spoil};
use crate::hilink::{Doors, Server, SwitchTo};
use crate::identity::Identity;
use crate::loader::{self, Fate};
use crate::memory::{Firmware, Flash, Kind};
use crate::outbox::Outbox;
use crate::random::Random;
use crate::scsi_cdrom::Drives;

/// How long things take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// From leaving the bus to the start of what comes next.
    pub off_bus: Duration,
    /// From power to the boot ROM's port.
    pub boot_rom: Duration,
    /// From the last packet to the loader's ports.
    pub loader: Duration,
    /// From power to the firmware's interfaces.
    pub boot: Duration,
    /// The same, the first time after flashing.
    pub first_boot: Duration,
    /// From a reset request to leaving the bus.
    pub reset: Duration,
    /// From `AT^GODLOAD` to leaving the bus.
    pub to_download: Duration,
    /// How long the raminit code runs.
    pub raminit: Duration,
    /// The block that fills 2 MiB.
    pub slow_flush: Duration,
}

impl Timing {
    /// As reported from the field; within the reported ranges the seed decides.
    pub fn real(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut between = |from: u64, to: u64| {
            Duration::from_millis(from * 1000 + random.below(((to - from) * 1000) as usize) as u64)
        };
        Timing {
            off_bus: between(1, 3),
            boot_rom: between(1, 2),
            loader: between(10, 15),
            boot: between(6, 10),
            first_boot: between(25, 35),
            reset: Duration::from_secs(1),
            to_download: Duration::from_millis(2500),
            raminit: Duration::from_millis(50),
            slow_flush: Duration::from_millis(400),
        }
    }

    /// As fast as can be, for benches and for people who wait in real time.
    pub fn quick() -> Self {
        let moment = Duration::from_millis(200);
        Timing {
            off_bus: moment,
            boot_rom: moment,
            loader: moment,
            boot: moment,
            first_boot: moment,
            reset: moment,
            to_download: moment,
            raminit: Duration::ZERO,
            slow_flush: Duration::ZERO,
        }
    }
}

/// What happens when a stick is plugged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlugIn {
    /// Its firmware starts.
    Normal,
    /// The boot pin is held: the boot ROM starts.
    Needle,
    /// A loader runs already.
    Loader,
}

/// What a virtual E3372h is before it is plugged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What is on its flash.
    pub firmware: Firmware,
    /// What happens when it is first plugged in.
    pub plug_in: PlugIn,
    /// It shows a CD-ROM first, until it is switched.
    pub cdrom: bool,
    /// Which ways to serial ports the HiLink firmware leaves open.
    pub doors: Doors,
    /// How download mode behaves.
    pub dload: DloadOptions,
    /// What an image without a marker turns out to be once it runs.
    pub foreign: Firmware,
    /// So many attempts with the needle miss before one succeeds.
    pub needle_misses: u32,
    /// How long things take.
    pub timing: Timing,
    /// What goes wrong.
    pub faults: FaultPlan,
}

impl Options {
    fn with(firmware: Firmware) -> Self {
        Options {
            firmware,
            plug_in: PlugIn::Normal,
            cdrom: false,
            doors: Doors::Open,
            dload: DloadOptions::v7r11(),
            foreign: Firmware::new(Kind::Stick, "21.180.01.00.00", "17.100.18.05.1217"),
            needle_misses: 0,
            timing: Timing::real(0),
            faults: FaultPlan::none(0),
        }
    }

    /// HiLink firmware 22.200 whose doors are open.
    pub fn hilink() -> Self {
        Options::with(Firmware::new(Kind::Hilink, "22.200.15.00.00", "17.100.13.01.03"))
    }

    /// HiLink firmware 22.333 whose doors are closed.
    pub fn hilink_closed() -> Self {
        let firmware = Firmware::new(Kind::Hilink, "22.333.01.00.00", "17.100.20.01.03");
        Options { doors: Doors::Closed, ..Options::with(firmware) }
    }

    /// Stick firmware 21.180.
    pub fn stick() -> Self {
        Options::with(Firmware::new(Kind::Stick, "21.180.01.00.00", "17.100.18.05.1217"))
    }

    /// What the stick says of itself while this firmware runs.
    pub fn identity(&self) -> Identity {
        identity_of(&self.firmware, true)
    }
}

fn identity_of(firmware: &Firmware, nv_intact: bool) -> Identity {
    let (imei, serial) =
        if nv_intact { ("860000000000001", "G4PXX00000000000") } else { ("000000000000000", "") };
    Identity {
        model: "E3372".into(),
        product: "E3372h-153".into(),
        hardware: "CL2E3372HM".into(),
        board: "Ver.A".into(),
        version: firmware.version.clone(),
        webui: firmware.webui.clone(),
        imei: imei.into(),
        serial: serial.into(),
        ports: "A1,A2;12,1,16,A1,A2".into(),
        hilink: firmware.kind == Kind::Hilink,
        gate_closed: Identity::gate_closed(&firmware.version),
    }
}

/// What runs on the stick.
#[derive(Debug, Default)]
enum Program {
    /// Nothing, or nothing that shows on the bus.
    #[default]
    Off,
    BootRom(BootRom),
    Download {
        dload: Box<Dload>,
        interface: u8,
    },
    Fastboot,
    Cdrom,
    Hilink,
    HilinkSerial(BTreeMap<u8, AtPort>),
    Stick(BTreeMap<u8, AtPort>),
    /// On the bus, and deaf for good.
    Hung,
}

/// What may start next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Firmware,
    Switched,
    BootRom,
    Loader,
    /// Download mode of the firmware.
    Download,
    HilinkSerial(SwitchTo),
    Fastboot,
    /// Code that never shows on the bus.
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// Off the bus; then that, after a while.
    Leave(Start, Duration),
    Start(Start),
    /// The owner or the mains gives power back.
    PowerBack,
}

/// The stick.
#[derive(Debug)]
pub struct E3372h {
    options: Options,
    flash: Flash,
    nv_intact: bool,
    powered: bool,
    /// What happens when power comes next; after that, the firmware starts.
    next: PlugIn,
    needle_misses: u32,
    running: Program,
    face: Option<Face>,
    enumeration: u32,
    /// The firmware that is running, or ran last.
    firmware: Firmware,
    written: bool,
    change: Option<(Moment, Change)>,
    /// When the present face appeared.
    appeared: Moment,
    outbox: Outbox,
    drives: Drives,
    server: Server,
    steps: u32,
    loaded: Vec<Block>,
}

impl E3372h {
    /// A stick that is not plugged in yet.
    pub fn new(options: Options) -> Self {
        let mut flash = Flash::with(&options.firmware);
        flash.set_foreign(options.foreign.clone());
        E3372h {
            flash,
            nv_intact: true,
            powered: false,
            next: options.plug_in,
            needle_misses: options.needle_misses,
            running: Program::Off,
            face: None,
            enumeration: 0,
            firmware: options.firmware.clone(),
            written: false,
            change: None,
            appeared: Moment::ZERO,
            outbox: Outbox::default(),
            drives: Drives::default(),
            server: Server::new(options.doors, options.faults.seed()),
            steps: 0,
            loaded: Vec::new(),
            options,
        }
    }

    /// The boot pin will be held when power comes next, and let go after that.
    pub fn press_needle(&mut self) {
        self.plug_in_next(PlugIn::Needle);
    }

    /// What happens when power comes next. After that its firmware starts again.
    pub fn plug_in_next(&mut self, next: PlugIn) {
        self.next = next;
    }

    /// Puts other faults in place of those it had.
    pub fn set_faults(&mut self, faults: FaultPlan) {
        self.options.faults = faults;
    }

    /// What is on the flash.
    pub fn flash(&self) -> &Flash {
        &self.flash
    }

    /// Whether IMEI, serial number and calibration are still there.
    pub fn nv_intact(&self) -> bool {
        self.nv_intact
    }

    /// How many requests it has received, over all reboots.
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// The blocks of the loader that was sent last.
    pub fn loaded(&self) -> &[Block] {
        &self.loaded
    }

    /// The code of the partition that is being written now.
    pub fn open_partition(&self) -> Option<u32> {
        match &self.running {
            Program::Download { dload, .. } => dload.open_partition(),
            _ => None,
        }
    }

    /// What it says of itself now.
    pub fn identity(&self) -> Identity {
        let mut identity = identity_of(&self.firmware, self.nv_intact);
        if self.has(FaultKind::WrongDevice) {
            identity.hardware = "CL1E3372SM".into();
            identity.product = "E3372s-153".into();
        }
        identity
    }

    /// Other times from now on.
    pub fn set_timing(&mut self, timing: Timing) {
        self.options.timing = timing;
    }

    fn timing(&self) -> &Timing {
        &self.options.timing
    }

    fn has(&self, kind: FaultKind) -> bool {
        self.options.faults.has(kind)
    }

    /// Power came.
    fn wake(&mut self, now: Moment) {
        self.powered = true;
        let start = match std::mem::replace(&mut self.next, PlugIn::Normal) {
            PlugIn::Needle if self.needle_misses > 0 => {
                self.needle_misses -= 1;
                return self.boot(now);
            }
            PlugIn::Needle => Start::BootRom,
            PlugIn::Loader => Start::Loader,
            PlugIn::Normal => return self.boot(now),
        };
        self.change = Some((now + self.timing().boot_rom, Change::Start(start)));
    }

    /// What is on the flash will start; what does not start leaves the chip in its boot ROM.
    fn boot(&mut self, now: Moment) {
        let (time, start) = match self.flash.firmware() {
            Err(_) => (self.timing().boot_rom, Start::BootRom),
            Ok(_) if self.written => (self.timing().first_boot, Start::Firmware),
            Ok(_) => (self.timing().boot, Start::Firmware),
        };
        self.change = Some((now + time, Change::Start(start)));
    }

    fn leave_bus(&mut self) {
        self.running = Program::Off;
        self.face = None;
        self.outbox.clear();
    }

    fn cut(&mut self, now: Moment, back: Option<Duration>) {
        self.leave_bus();
        self.powered = false;
        self.change = back.map(|time| (now + time, Change::PowerBack));
    }

    fn apply(&mut self, change: Change, at: Moment) {
        match change {
            Change::Leave(start, time) => {
                self.leave_bus();
                match start {
                    Start::Firmware => self.boot(at + time),
                    start => self.change = Some((at + time, Change::Start(start))),
                }
            }
            Change::PowerBack => self.wake(at),
            Change::Start(start) => self.start(start, at),
        }
    }

    fn start(&mut self, start: Start, at: Moment) {
        let (running, face) = match start {
            Start::Nothing => return,
            Start::BootRom => (Program::BootRom(BootRom::new()), faces::boot_rom()),
            Start::Fastboot => (Program::Fastboot, faces::fastboot()),
            Start::Loader => (self.download(2), faces::download()),
            Start::Download if self.firmware.kind == Kind::Hilink => {
                (self.download(0), faces::hilink_download())
            }
            Start::Download => (self.download(2), faces::download()),
            Start::HilinkSerial(to) => {
                let face = faces::hilink_serial(to == SwitchTo::Debug);
                (Program::HilinkSerial(at_ports(&face)), face)
            }
            Start::Firmware | Start::Switched => match self.flash.firmware() {
                Err(_) => return self.start(Start::BootRom, at),
                Ok(firmware) => {
                    self.firmware = firmware;
                    self.written = false;
                    let hilink = self.firmware.kind == Kind::Hilink;
                    if self.options.cdrom && start == Start::Firmware {
                        (Program::Cdrom, faces::cdrom(hilink))
                    } else if hilink {
                        let seed = self.options.faults.seed() ^ u64::from(self.enumeration);
                        self.server = Server::new(self.options.doors, seed);
                        (Program::Hilink, faces::hilink())
                    } else {
                        let face = faces::stick();
                        (Program::Stick(at_ports(&face)), face)
                    }
                }
            },
        };
        let stale = self.options.faults.stale_on_arrival();
        for interface in &face.configurations[0].interfaces {
            if interface.function == Function::Serial {
                self.outbox.put(interface.number, at, stale.clone());
            }
        }
        self.drives =
            Drives::of(&face, ["HUAWEI", "Mass Storage", "2.31"], matches!(running, Program::Cdrom));
        self.running = running;
        self.face = Some(face);
        self.appeared = at;
        self.enumeration += 1;
    }

    fn download(&self, interface: u8) -> Program {
        let mut options = self.options.dload.clone();
        options.software.clone_from(&self.firmware.version);
        options.slow_flush = self.timing().slow_flush;
        if self.has(FaultKind::WrongDevice) {
            options.product = "E3372s_153".into();
        }
        options.opening_flag &= !self.has(FaultKind::NoOpeningFlag);
        options.echo |= self.has(FaultKind::Echo);
        options.require_signature |= self.has(FaultKind::SignRequired);
        if self.has(FaultKind::Deaf) {
            options.at_in_binary = AtInBinary::Deaf;
        }
        Program::Download { dload: Box::new(Dload::new(options)), interface }
    }

    /// A request arrived: counts it and looks up what goes wrong. `None` when the stick is gone before it can act.
    fn step(&mut self, now: Moment) -> Option<Step> {
        self.steps += 1;
        let step = self.options.faults.at(self.steps);
        if let Some(Cut::Unplugged(back)) = step.cut {
            self.cut(now, back);
            return None;
        }
        Some(step)
    }

    /// The stick has acted: its answer goes out, spoilt as the step wants it. `false` when power is gone.
    fn deliver(
        &mut self,
        now: Moment,
        interface: u8,
        mut bytes: Vec<u8>,
        after: Duration,
        step: &Step,
    ) -> bool {
        if let Some(Cut::PowerLost(back)) = step.cut {
            self.cut(now, Some(back));
            return false;
        }
        if step.muted {
            bytes.clear();
        }
        if let Some(random) = step.garble {
            let first = usize::from(bytes.len() > 1);
            spoil(&mut bytes, first, random);
        }
        if step.duplicate {
            bytes.extend_from_within(..);
        }
        if !step.before.is_empty() {
            bytes.splice(..0, step.before.iter().copied());
        }
        let due = now + after + step.delay;
        if step.split {
            for (index, piece) in bytes.chunks(3).enumerate() {
                let due = due + Duration::from_millis(20) * index as u32;
                self.outbox.put(interface, due, piece.to_vec());
            }
        } else {
            self.outbox.put(interface, due, bytes);
        }
        true
    }

    fn leaves_after(&mut self, now: Moment, time: Duration, start: Start, off: Duration) {
        // A second request does not put off what the first one began.
        if !matches!(self.change, Some((_, Change::Leave(..)))) {
            self.change = Some((now + time, Change::Leave(start, off)));
        }
    }

    fn boot_rom_writes(&mut self, now: Moment, rom: &mut BootRom, bytes: &[u8]) -> bool {
        rom.push(bytes);
        while let Some(mut packet) = rom.next_packet() {
            let Some(mut step) = self.step(now) else { return false };
            for &byte in &step.noise {
                let _ = rom.answer(&[byte]);
                step.before.push(bootrom::REFUSED);
            }
            if step.dropped {
                packet.clear();
            } else if let Some(random) = step.corrupt {
                let first = usize::from(packet.len() > 1);
                spoil(&mut packet, first, random);
            }
            let mut answer = Vec::new();
            let mut after = Duration::ZERO;
            if step.nak.is_some() {
                answer.push(bootrom::REFUSED);
            } else if !packet.is_empty() {
                let accepted = rom.answer(&packet).is_ok();
                answer.push(if accepted { bootrom::ACCEPTED } else { bootrom::REFUSED });
                if accepted && rom.is_finished() {
                    self.loader_starts(now, rom);
                } else if accepted && packet.first() == Some(&0xed) && rom.raminit_ran() {
                    after = self.timing().raminit;
                }
            }
            if !self.deliver(now, 0, answer, after, &step) {
                return false;
            }
        }
        true
    }

    fn loader_starts(&mut self, now: Moment, rom: &BootRom) {
        self.loaded = rom.blocks().to_vec();
        let mut fate = loader::start(&self.loaded);
        if self.has(FaultKind::LoaderDead) {
            fate = Fate::Dead("as asked for");
        }
        let start = match fate {
            Fate::Dead(_) => Start::Nothing,
            Fate::Fastboot => Start::Fastboot,
            Fate::Download { erased } => {
                if erased {
                    self.flash.erase();
                    self.nv_intact = false;
                }
                Start::Loader
            }
        };
        // Long enough for the last answer to get out.
        let (time, off) = (Duration::from_millis(300), self.timing().loader);
        self.change = Some((now + time, Change::Leave(start, off)));
    }

    fn download_writes(&mut self, now: Moment, dload: &mut Dload, interface: u8, bytes: &[u8]) -> bool {
        dload.push(bytes);
        while let Some(mut request) = dload.next_request() {
            let Some(mut step) = self.step(now) else { return false };
            if !step.noise.is_empty() {
                let noise = dload.answer(&dload::Request::At(step.noise.clone()), &mut self.flash);
                step.before.extend_from_slice(&noise.bytes);
            }
            if let Some(random) = step.corrupt {
                match &mut request {
                    dload::Request::At(text) => spoil(text, 0, random),
                    frame => *frame = dload::Request::BadFrame,
                }
            }
            let reply = match step.nak {
                Some(code) => dload.refuse(code),
                None if step.dropped => dload::Reply::default(),
                None => dload.answer(&request, &mut self.flash),
            };
            self.written |= dload.open_partition().is_some();
            let start = if reply.then == dload::Then::Restart { Start::Download } else { Start::Firmware };
            match reply.then {
                dload::Then::Nothing => {}
                dload::Then::Reset => {
                    self.leaves_after(now, self.timing().reset, start, self.timing().off_bus);
                }
                dload::Then::Restart => {
                    self.leaves_after(now, Duration::from_millis(50), start, self.timing().boot);
                }
            }
            if !self.deliver(now, interface, reply.bytes, reply.after, &step) {
                return false;
            }
        }
        true
    }

    fn at_writes(&mut self, now: Moment, port: &mut AtPort, interface: u8, bytes: &[u8]) -> bool {
        if self.has(FaultKind::LatePort) && now < self.appeared + Duration::from_secs(1) {
            return true;
        }
        port.push(bytes);
        while let Some(mut command) = port.next_command() {
            let Some(mut step) = self.step(now) else { return false };
            let identity = self.identity();
            if !step.noise.is_empty() {
                let noise = step.noise.trim_ascii_end().to_vec();
                let (said, ..) = port.answer(&noise, &identity);
                step.before.extend_from_slice(&said);
            }
            if let Some(random) = step.corrupt {
                spoil(&mut command, 0, random);
            }
            let (said, after, then) = if step.dropped {
                (Vec::new(), Duration::ZERO, at_port::Then::Nothing)
            } else if step.nak.is_some() {
                (b"\r\nERROR\r\n".to_vec(), Duration::ZERO, at_port::Then::Nothing)
            } else {
                port.answer(&command, &identity)
            };
            match then {
                at_port::Then::Nothing => {}
                at_port::Then::Reset => {
                    self.leaves_after(now, self.timing().reset, Start::Firmware, self.timing().off_bus);
                }
                at_port::Then::Download if matches!(self.change, Some((_, Change::Leave(..)))) => {
                    // A second request to go into download mode crashes the stick.
                    self.running = Program::Hung;
                    self.change = None;
                    return false;
                }
                at_port::Then::Download => {
                    let time = self.timing().to_download;
                    self.leaves_after(now, time, Start::Download, self.timing().boot);
                }
            }
            if !self.deliver(now, interface, said, after, &step) {
                return false;
            }
        }
        true
    }
}

fn at_ports(face: &Face) -> BTreeMap<u8, AtPort> {
    let serial = face.configurations[0].interfaces.iter().filter(|i| i.function == Function::Serial);
    // Modem and PCUI ports take AT commands; diagnostic ports are mute.
    let at = serial.filter(|i| matches!(i.alternates[0].class[2], 0x01 | 0x02 | 0x10 | 0x12));
    at.map(|i| (i.number, AtPort::new())).collect()
}

impl Device for E3372h {
    fn face(&self) -> Option<&Face> {
        self.face.as_ref()
    }

    fn enumeration(&self) -> u32 {
        self.enumeration
    }

    fn power(&mut self, now: Moment, on: bool) {
        self.tick(now);
        if !on {
            self.cut(now, None);
        } else if !self.powered {
            self.wake(now);
        }
    }

    fn tick(&mut self, now: Moment) {
        while let Some((due, change)) = self.change.filter(|&(due, _)| due <= now) {
            self.change = None;
            self.apply(change, due);
        }
        self.outbox.tick(now);
    }

    fn next_tick(&self) -> Option<Moment> {
        let change = self.change.map(|(due, _)| due);
        change.into_iter().chain(self.outbox.next_due()).min()
    }

    fn serial_write(&mut self, now: Moment, interface: u8, bytes: &[u8]) {
        self.tick(now);
        let mut running = std::mem::take(&mut self.running);
        let stays = match &mut running {
            Program::BootRom(rom) if interface == 0 => self.boot_rom_writes(now, rom, bytes),
            Program::Download { dload, interface: flash } if interface == *flash => {
                self.download_writes(now, dload, interface, bytes)
            }
            Program::HilinkSerial(ports) | Program::Stick(ports) => match ports.get_mut(&interface) {
                Some(port) => self.at_writes(now, port, interface, bytes),
                None => true,
            },
            _ => true,
        };
        if stays {
            self.running = running;
        }
        self.outbox.tick(now);
    }

    fn serial_read(&mut self, now: Moment, interface: u8) -> Vec<u8> {
        self.tick(now);
        self.outbox.take(interface)
    }

    fn control(&mut self, now: Moment, setup: ControlSetup, _data: &[u8], _length: u16) -> UsbReply {
        self.tick(now);
        if (setup.request_type, setup.request) != (0x21, 0xff) {
            return UsbReply::Stall;
        }
        self.drives.reset();
        UsbReply::Done(Vec::new())
    }

    fn transfer_out(&mut self, now: Moment, endpoint: u8, data: &[u8]) -> UsbReply {
        self.tick(now);
        let Some(drive) = self.drives.at(endpoint) else { return UsbReply::Stall };
        let command = CommandBlock::parse(data).filter(|_| matches!(self.running, Program::Cdrom));
        let Some((command, [0x11, 0x06, form, ..])) = command.map(|command| (command, command.cdb)) else {
            return drive.write(data);
        };
        drive.accept(&command);
        let start = match form {
            0x00 if self.firmware.kind == Kind::Hilink => Start::HilinkSerial(SwitchTo::Project),
            _ => Start::Switched,
        };
        self.leaves_after(now, Duration::from_millis(100), start, self.timing().off_bus);
        UsbReply::Done(Vec::new())
    }

    fn transfer_in(&mut self, now: Moment, endpoint: u8, length: usize) -> UsbReply {
        self.tick(now);
        self.drives.at(endpoint).map_or(UsbReply::Pending, |drive| drive.read(length))
    }

    fn http(&mut self, now: Moment, request: &HttpRequest) -> HttpAnswer {
        self.tick(now);
        if !matches!(self.running, Program::Hilink | Program::HilinkSerial(_)) {
            return HttpAnswer::Dropped;
        }
        let Some(step) = self.step(now) else { return HttpAnswer::Dropped };
        if step.dropped {
            return HttpAnswer::Silent;
        }
        let mut request = request.clone();
        if let Some(random) = step.corrupt {
            spoil(&mut request.body, 0, random);
        }
        let identity = self.identity();
        let (mut answer, switch) = match step.nak {
            Some(_) => (self.server.busy(), None),
            None => self.server.request(&identity, &request),
        };
        if let Some(to) = switch {
            self.leaves_after(now, Duration::from_secs(1), Start::HilinkSerial(to), self.timing().off_bus);
        }
        if let Some(Cut::PowerLost(back)) = step.cut {
            self.cut(now, Some(back));
            return HttpAnswer::Dropped;
        }
        if step.muted {
            return HttpAnswer::Silent;
        }
        if let HttpAnswer::Reply(response, after) = &mut answer {
            *after += step.delay;
            if let Some(random) = step.garble {
                spoil(&mut response.body, 0, random);
            }
        }
        answer
    }
}

#[cfg(test)]
mod tests;
