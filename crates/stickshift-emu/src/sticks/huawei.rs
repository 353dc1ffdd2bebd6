//! A Huawei E3372h as one state machine: HiLink or stick firmware, boot ROM, loader, download mode, and its flash.

use std::collections::BTreeSet;
use std::time::Duration;

use stickshift::link::{ControlSetup, HttpRequest, Moment};
use stickshift::wire::scsi::CommandBlock;

use crate::at::ports::AtPorts;
use crate::device::outbox::Outbox;
use crate::device::{Appearance, Device, Function, HttpAnswer, Unit, UsbReply};
use crate::fault::FaultKind;
use crate::firmware::boot_rom::{Block, BootRom};
use crate::firmware::download::DownloadMode;
use crate::firmware::memory::{Firmware, FirmwareKind, Flash};
use crate::hilink::{Generation, Server, SwitchTo};
use crate::identity::{Identity, subscriber};
use crate::modem::trouble::Trouble;
use crate::modem::uplink::Uplink;
use crate::modem::{Held, Modem, ModemState, Way};
use crate::network::{Bearer, Quirks};
use crate::sticks::appearances;
use crate::sticks::hardware::Hardware;
use crate::sticks::scsi_cdrom::Drives;

mod faults;
mod kept;
mod options;
mod serial;
mod web;

pub use kept::KeptStick;
pub use options::{HuaweiOptions, PlugIn, Timing};

/// How long a slow SIM is busy after power.
const SLOW_SIM: Duration = Duration::from_secs(10);

/// What runs on the stick.
#[derive(Debug, Default)]
enum Program {
    /// Nothing, or nothing that shows on the bus.
    #[default]
    Off,
    BootRom(BootRom),
    Download {
        dload: Box<DownloadMode>,
        interface: u8,
    },
    Fastboot,
    Cdrom,
    Hilink,
    HilinkSerial(AtPorts),
    Stick(AtPorts),
    /// On the bus, and deaf for good.
    Hung,
}

/// What may start next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Firmware,
    Switched,
    /// Serial ports and NCM, by the message for other systems.
    Fallback,
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
enum Transition {
    /// Off the bus; then that, after a while.
    Leave(Start, Duration),
    Start(Start),
    /// The owner or the mains gives power back.
    PowerBack,
}

/// The stick.
#[derive(Debug)]
pub struct HuaweiStick {
    options: HuaweiOptions,
    flash: Flash,
    nv_intact: bool,
    powered: bool,
    /// What happens when power comes next; after that, the firmware starts.
    next: PlugIn,
    boot_pin_misses: u32,
    running: Program,
    appearance: Option<Appearance>,
    enumeration: u32,
    /// The firmware that is running, or ran last.
    firmware: Firmware,
    written: bool,
    change: Option<(Moment, Transition)>,
    /// When the present appearance appeared.
    appeared: Moment,
    outbox: Outbox,
    drives: Drives,
    server: Server,
    /// By the web servers before this one.
    logins_refused: u32,
    modem: Modem,
    /// What its data connection leads to.
    uplink: Uplink,
    steps: u32,
    /// Steps at which something went wrong.
    struck: BTreeSet<u32>,
    was: faults::Was,
    loaded: Vec<Block>,
    /// What was started last; nothing without power.
    started: Option<Start>,
    /// What runs when power comes, for a stick that another process played before.
    goes_on: Option<Start>,
}

impl HuaweiStick {
    /// A stick that is not plugged in yet.
    pub fn new(options: HuaweiOptions) -> Self {
        let mut flash = Flash::with(&options.firmware);
        flash.set_foreign(options.foreign.clone());
        let mut modem = options.modem.clone();
        modem.data.subscriber = subscriber(options.faults.seed());
        modem.radio.roaming &= u8::from(!options.faults.has(FaultKind::Roaming));
        HuaweiStick {
            flash,
            nv_intact: true,
            powered: false,
            next: options.plug_in,
            boot_pin_misses: options.boot_pin_misses,
            running: Program::Off,
            appearance: None,
            enumeration: 0,
            firmware: options.firmware.clone(),
            written: false,
            change: None,
            appeared: Moment::ZERO,
            outbox: Outbox::default(),
            drives: Drives::default(),
            server: Server::new(options.web.clone(), options.faults.seed()),
            logins_refused: 0,
            modem,
            uplink: Uplink::new(Quirks::of(&options.faults)),
            steps: 0,
            struck: BTreeSet::new(),
            was: faults::Was::default(),
            loaded: Vec::new(),
            started: None,
            goes_on: None,
            options,
        }
    }

    /// The boot pin will be held when power comes next, and let go after that.
    pub fn hold_boot_pin(&mut self) {
        self.plug_in_next(PlugIn::BootPin);
    }

    /// What happens when power comes next. After that its firmware starts again.
    pub fn plug_in_next(&mut self, next: PlugIn) {
        self.next = next;
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
        let mut identity = self.options.hardware.identity(&self.firmware, self.nv_intact);
        if self.has(FaultKind::WrongDevice) {
            let other = Hardware::e3372s();
            (identity.hardware, identity.product) = (other.name, other.product);
        }
        identity
    }

    /// The network ends its data connection, if it has one.
    pub fn end_connection(&mut self, now: Moment) {
        self.tick(now);
        self.modem.data.end(now);
        self.tick(now);
    }

    /// Its modem: what was sent, whether it is online.
    pub fn modem(&self) -> &Modem {
        &self.modem
    }

    /// Other times from now on.
    pub fn set_timing(&mut self, timing: Timing) {
        self.options.timing = timing;
    }

    /// Whether firmware with a modem runs.
    fn has_modem(&self) -> bool {
        matches!(self.running, Program::Hilink | Program::HilinkSerial(_) | Program::Stick(_))
    }

    /// Whose packets its network card carries.
    fn way(&self) -> Way {
        match self.running {
            Program::Hilink | Program::HilinkSerial(_) => Way::Router,
            _ => Way::Ncm,
        }
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
        if let Some(start) = self.goes_on.take() {
            self.change = Some((now + self.timing().boot_rom, Transition::Start(start)));
            return;
        }
        let start = match std::mem::replace(&mut self.next, PlugIn::Normal) {
            PlugIn::BootPin if self.boot_pin_misses > 0 => {
                self.boot_pin_misses -= 1;
                return self.boot(now);
            }
            PlugIn::BootPin => Start::BootRom,
            PlugIn::Loader => Start::Loader,
            PlugIn::Normal => return self.boot(now),
        };
        self.change = Some((now + self.timing().boot_rom, Transition::Start(start)));
    }

    /// What is on the flash will start; what does not start leaves the chip in its boot ROM.
    fn boot(&mut self, now: Moment) {
        let (time, start) = match self.flash.firmware() {
            Err(_) => (self.timing().boot_rom, Start::BootRom),
            Ok(_) if self.written => (self.timing().first_boot, Start::Firmware),
            Ok(_) if self.options.cdrom => (self.timing().cdrom, Start::Firmware),
            Ok(_) => (self.timing().boot, Start::Firmware),
        };
        self.change = Some((now + time, Transition::Start(start)));
    }

    fn leave_bus(&mut self) {
        self.running = Program::Off;
        self.appearance = None;
        self.outbox.clear();
    }

    fn cut(&mut self, now: Moment, back: Option<Duration>) {
        self.leave_bus();
        self.powered = false;
        self.started = None;
        self.change = back.map(|time| (now + time, Transition::PowerBack));
    }

    fn apply(&mut self, change: Transition, at: Moment) {
        match change {
            Transition::Leave(start, time) => {
                self.leave_bus();
                match start {
                    Start::Firmware => self.boot(at + time),
                    start => self.change = Some((at + time, Transition::Start(start))),
                }
            }
            Transition::PowerBack => self.wake(at),
            Transition::Start(start) => self.start(start, at),
        }
    }

    fn start(&mut self, start: Start, at: Moment) {
        self.started = Some(start);
        let (running, appearance) = match start {
            Start::Nothing => return,
            Start::BootRom => (Program::BootRom(BootRom::new()), appearances::boot_rom()),
            Start::Fastboot => (Program::Fastboot, appearances::fastboot()),
            Start::Loader => (self.download(2), appearances::download()),
            Start::Download if self.firmware.kind == FirmwareKind::Hilink => {
                (self.download(0), appearances::hilink_download())
            }
            Start::Download => (self.download(2), appearances::download()),
            Start::HilinkSerial(to) => {
                let appearance = appearances::hilink_serial(to == SwitchTo::Debug);
                (Program::HilinkSerial(AtPorts::of(&appearance)), appearance)
            }
            Start::Fallback => {
                let appearance = appearances::fallback();
                (Program::Stick(AtPorts::only(appearances::FALLBACK_AT)), appearance)
            }
            Start::Firmware | Start::Switched => match self.flash.firmware() {
                Err(_) => return self.start(Start::BootRom, at),
                Ok(firmware) => {
                    self.firmware = firmware;
                    self.written = false;
                    let hilink = self.firmware.kind == FirmwareKind::Hilink;
                    let install = self.options.cdrom && !self.modem.ports.starts_with("FF");
                    if install && start == Start::Firmware {
                        (Program::Cdrom, appearances::cdrom(hilink))
                    } else if hilink {
                        let seed = self.options.faults.seed() ^ u64::from(self.enumeration);
                        self.logins_refused += self.server.logins_refused();
                        self.server = Server::new(self.options.web.clone(), seed);
                        (Program::Hilink, appearances::hilink())
                    } else {
                        let appearance = appearances::stick(&self.modem.ports);
                        (Program::Stick(AtPorts::of(&appearance)), appearance)
                    }
                }
            },
        };
        let mut running = running;
        if let Program::HilinkSerial(ports) | Program::Stick(ports) = &mut running
            && self.has(FaultKind::Chatty)
        {
            ports.chatter(at);
        }
        self.modem.data.refuses_logins = self.has(FaultKind::AuthRefused);
        self.modem.data.trouble = Trouble::of(&self.options.faults);
        let slow_sim = if self.has(FaultKind::SlowSim) { SLOW_SIM } else { Duration::ZERO };
        let routes = matches!(running, Program::Hilink | Program::HilinkSerial(_));
        self.modem.boot(at, routes, slow_sim);
        let stale = self.options.faults.stale_on_arrival();
        for interface in &appearance.configurations[0].interfaces {
            if interface.function == Function::Serial {
                self.outbox.put(interface.number, at, stale.clone());
            }
        }
        self.drives =
            Drives::of(&appearance, ["HUAWEI", "Mass Storage", "2.31"], matches!(running, Program::Cdrom));
        self.running = running;
        self.appearance = Some(appearance);
        self.note_what_can_strike();
        self.appeared = at;
        self.enumeration += 1;
    }

    fn leaves_after(&mut self, now: Moment, time: Duration, start: Start, off: Duration) {
        // A second request does not put off what the first one began.
        if !matches!(self.change, Some((_, Transition::Leave(..)))) {
            self.change = Some((now + time, Transition::Leave(start, off)));
        }
    }
}

impl Device for HuaweiStick {
    fn appearance(&self) -> Option<&Appearance> {
        self.appearance.as_ref()
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
        if let Program::HilinkSerial(ports) | Program::Stick(ports) = &mut self.running {
            ports.carry(now, &mut self.modem, &mut self.uplink, &mut self.outbox);
            while let Some((at, line)) = self.modem.data.told(now) {
                ports.announce(at, &line, &mut self.outbox);
            }
            ports.tick(now, &self.modem, &mut self.outbox);
        }
        let runs = self.has_modem();
        self.uplink.turn(now, &mut self.modem, runs);
        self.outbox.tick(now);
    }

    fn next_tick(&self) -> Option<Moment> {
        let change = self.change.map(|(due, _)| due).into_iter().chain(self.uplink.next());
        let unasked = match &self.running {
            Program::HilinkSerial(ports) | Program::Stick(ports) => ports.next_due(),
            _ => None,
        };
        change.chain(self.outbox.next_due()).chain(unasked).min()
    }

    fn serial_write(&mut self, now: Moment, interface: u8, bytes: &[u8]) {
        self.tick(now);
        let mut running = std::mem::take(&mut self.running);
        let stays = match &mut running {
            Program::BootRom(rom) if interface == 0 => self.boot_rom_writes(now, rom, bytes),
            Program::Download { dload, interface: flash } if interface == *flash => {
                self.download_writes(now, dload, interface, bytes)
            }
            Program::HilinkSerial(ports) | Program::Stick(ports) => {
                self.at_writes(now, ports, interface, bytes)
            }
            _ => true,
        };
        if stays {
            self.running = running;
        }
        self.tick(now);
    }

    fn port_closed(&mut self, now: Moment, interface: u8) {
        self.tick(now);
        let (Program::HilinkSerial(ports) | Program::Stick(ports)) = &mut self.running else { return };
        if ports.get_mut(interface).is_some_and(|port| port.is_online()) {
            ports.lower_dtr(now, interface, &mut self.modem);
            self.outbox.forget(interface);
        }
    }

    fn serial_read(&mut self, now: Moment, interface: u8) -> Vec<u8> {
        self.tick(now);
        self.outbox.take(interface)
    }

    fn control(&mut self, now: Moment, setup: ControlSetup, _data: &[u8], _length: u16) -> UsbReply {
        self.tick(now);
        match (setup.request_type, setup.request) {
            (0x21, 0xff) => {
                self.drives.reset();
                UsbReply::Done(Vec::new())
            }
            // SET_CONTROL_LINE_STATE without DTR.
            (0x21, 0x22) if setup.value & 1 == 0 => {
                let (Program::HilinkSerial(ports) | Program::Stick(ports)) = &mut self.running else {
                    return UsbReply::Stall;
                };
                if !ports.lower_dtr(now, setup.index as u8, &mut self.modem) {
                    return UsbReply::Stall;
                }
                self.outbox.forget(setup.index as u8);
                UsbReply::Done(Vec::new())
            }
            _ => UsbReply::Stall,
        }
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
            0x00 if self.firmware.kind == FirmwareKind::Hilink => Start::HilinkSerial(SwitchTo::Project),
            0x30 if self.firmware.kind == FirmwareKind::Hilink => Start::Fallback,
            _ => Start::Switched,
        };
        self.leaves_after(now, Duration::from_millis(100), start, self.timing().off_bus);
        UsbReply::Done(Vec::new())
    }

    fn transfer_in(&mut self, now: Moment, endpoint: u8, length: usize) -> UsbReply {
        self.tick(now);
        self.drives.at(endpoint).map_or(UsbReply::Pending, |drive| drive.read(length))
    }

    fn units(&self) -> Vec<Unit> {
        self.drives.units()
    }

    fn held(&self, now: Moment) -> Option<Held> {
        let logins_refused = self.logins_refused + self.server.logins_refused();
        Some(Held { logins_refused, ..self.modem.held(now, self.has_modem()) })
    }

    fn modem_state(&self) -> Option<ModemState> {
        Some(self.modem.state(self.powered))
    }

    fn go_on_with(&mut self, modem: &ModemState) -> bool {
        self.modem.go_on_with(modem)
    }

    fn lan(&self) -> Option<[u8; 4]> {
        (self.way() == Way::Router).then_some(match self.options.web.generation {
            Generation::G0 => [192, 168, 1, 1],
            _ => [192, 168, 8, 1],
        })
    }

    fn bearer(&self, now: Moment) -> Option<Bearer> {
        self.modem.data.bearer(now).filter(|_| self.has_modem() && self.modem.data.way() == Some(self.way()))
    }

    fn answers_dhcp(&self) -> bool {
        !self.has(FaultKind::MuteDhcp)
    }

    fn packet_out(&mut self, now: Moment, packet: &[u8]) {
        self.tick(now);
        if self.has_modem() {
            let way = self.way();
            self.uplink.send(now, &mut self.modem, way, packet);
        }
    }

    fn packet_in(&mut self, now: Moment) -> Option<Vec<u8>> {
        self.tick(now);
        let way = self.way();
        self.uplink.receive(&self.modem, way)
    }

    fn http(&mut self, now: Moment, request: &HttpRequest) -> HttpAnswer {
        self.tick(now);
        self.web_request(now, request)
    }
}

#[cfg(test)]
mod tests;
