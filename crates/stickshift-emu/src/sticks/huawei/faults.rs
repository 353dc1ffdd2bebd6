//! What goes wrong with the stick: at each request, in download mode, and what could not go wrong so far.

use stickshift::link::Moment;

use super::{HuaweiStick, Program};
use crate::device::{Function, UsbInterface};
use crate::fault::{Channel, Cut, Fault, FaultKind, FaultPlan, StepFaults};
use crate::firmware::download::{AtInBinary, DownloadMode, NewTable};
use crate::modem::Way;
use crate::modem::uplink::Uplink;
use crate::network::Quirks;

/// What the stick was since it came to be: without that, some faults have nothing to strike.
#[derive(Debug, Default)]
pub(super) struct Was {
    boot_rom: bool,
    download: bool,
    modem: bool,
    at: bool,
    /// The PCUI port, and other ports that take commands.
    several_ports: bool,
    /// A network card with an AT channel.
    channel: bool,
    /// A network card that is no router's.
    card: bool,
}

impl HuaweiStick {
    /// Puts other faults in place of those it had.
    pub fn set_faults(&mut self, faults: FaultPlan) {
        self.uplink = Uplink::new(Quirks::of(&faults));
        self.options.faults = faults;
    }

    pub(super) fn download(&self, interface: u8) -> Program {
        let mut options = self.options.dload.clone();
        options.software.clone_from(&self.firmware.version);
        options.slow_flush = self.timing().slow_flush;
        if self.has(FaultKind::WrongDevice) {
            options.product = "E3372s_153".into();
        }
        options.opening_flag &= !self.has(FaultKind::NoOpeningFlag);
        options.echo |= self.has(FaultKind::Echo);
        options.require_signature |= self.has(FaultKind::SignRequired);
        options.require_signature &= !self.has(FaultKind::UnsignedTaken);
        if self.has(FaultKind::TableRefused) {
            options.new_table = NewTable::Refused;
        } else if self.has(FaultKind::TableRestarts) {
            options.new_table = NewTable::Restarts;
        }
        if self.has(FaultKind::Deaf) {
            options.at_in_binary = AtInBinary::Deaf;
        }
        Program::Download { dload: Box::new(DownloadMode::new(options)), interface }
    }

    /// The faults that have not struck: those that have a step at which nothing went wrong so far, and those that had nothing to strike.
    pub fn unfired(&self) -> impl Iterator<Item = &Fault> {
        self.options.faults.faults().iter().filter(|f| match f.step {
            Some(step) => !self.struck.contains(&step),
            None => !self.could_strike(f.kind),
        })
    }

    /// Something else shows on the bus.
    pub(super) fn note_what_can_strike(&mut self) {
        let was = Was {
            boot_rom: matches!(self.running, Program::BootRom(_)),
            download: matches!(self.running, Program::Download { .. }),
            modem: self.has_modem(),
            at: matches!(self.running, Program::HilinkSerial(_) | Program::Stick(_)),
            several_ports: match &self.running {
                Program::HilinkSerial(ports) | Program::Stick(ports) => {
                    ports.are_several() && self.pcui().is_some()
                }
                _ => false,
            },
            channel: self.has_channel(|_| true),
            card: self.has_modem() && self.way() == Way::Ncm && self.has_channel(|_| true),
        };
        self.was.boot_rom |= was.boot_rom;
        self.was.download |= was.download;
        self.was.modem |= was.modem;
        self.was.at |= was.at;
        self.was.several_ports |= was.several_ports;
        self.was.channel |= was.channel;
        self.was.card |= was.card;
    }

    /// Whether a fault without a step had something to strike so far.
    fn could_strike(&self, kind: FaultKind) -> bool {
        let was = &self.was;
        match kind {
            FaultKind::NoOpeningFlag
            | FaultKind::Echo
            | FaultKind::Deaf
            | FaultKind::SignRequired
            | FaultKind::UnsignedTaken
            | FaultKind::TableRefused
            | FaultKind::TableRestarts => was.download,
            FaultKind::LoaderDead => was.boot_rom,
            FaultKind::WrongDevice => was.modem || was.download,
            FaultKind::Split | FaultKind::Stale => was.at || was.download || was.boot_rom,
            FaultKind::MutePort => was.several_ports,
            FaultKind::MuteChannel => was.channel,
            FaultKind::MuteDhcp => was.card,
            // A router proves no user here, and dials by itself.
            FaultKind::LatePort | FaultKind::Chatty | FaultKind::AuthRefused | FaultKind::StaleBearer => {
                was.at
            }
            kind if kind.is_of_at() => was.at,
            _ => was.modem,
        }
    }

    /// The interface that is the PCUI port.
    pub(super) fn pcui(&self) -> Option<u8> {
        let mut interfaces = self.appearance.iter().flat_map(|a| &a.configurations[0].interfaces);
        let is_pcui = |i: &&UsbInterface| {
            i.function == Function::Serial && matches!(i.alternates[0].class, [.., 0x02 | 0x12])
        };
        interfaces.find(is_pcui).map(|i| i.number)
    }

    /// Whether there is an AT channel in a network card, at such an interface.
    pub(super) fn has_channel(&self, is_wanted: impl Fn(u8) -> bool) -> bool {
        let mut interfaces = self.appearance.iter().flat_map(|a| &a.configurations[0].interfaces);
        interfaces.any(|i| i.function == Function::Ncm && is_wanted(i.number))
    }

    /// A request arrived: counts it and looks up what goes wrong. `None` when the stick is gone before it can act.
    pub(super) fn step(&mut self, now: Moment, channel: Channel) -> Option<StepFaults> {
        self.steps += 1;
        if self.options.faults.strikes(self.steps, channel) {
            self.struck.insert(self.steps);
        }
        let step = self.options.faults.at(self.steps);
        if let Some(Cut::Unplugged(back)) = step.cut {
            self.cut(now, back);
            return None;
        }
        Some(step)
    }
}
