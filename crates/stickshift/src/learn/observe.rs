use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::learn::device::{Device, Gone};
use crate::learn::disk::{answer, command, cut_status};
use crate::learn::sent::{Answer, Sent, What};
use crate::learn::{Lesson, assess, routine};
use crate::profile::parameters::MAX_MESSAGE;
use crate::wire::pcap::{Capture, Format, Packet, Phase, Pipe, Status};
use crate::wire::scsi::{CommandBlock, CommandStatus};
use crate::wire::usb::{DeviceDescriptor, parse_string};

/// Devices that are remembered: the first so many.
const MAX_DEVICES: usize = 1024;
/// Buses that are told apart.
const MAX_BUSES: usize = 64;
/// Control requests under way that are remembered.
const MAX_PENDING: usize = 512;
/// A device appears this long after its port was reset at most, in nanoseconds.
const AFTER_RESET: u64 = 10_000_000_000;

/// Nobody is known at an address.
const NOBODY: u16 = u16::MAX;
/// Somebody is there for whom there was no room.
const IGNORED: u16 = u16::MAX - 1;

/// Transfers are known by addresses in the kernel's memory: no two are the same, and nobody chooses them to do harm to a table
/// of a few hundred.
#[derive(Default)]
struct UrbHasher(u64);

impl Hasher for UrbHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|b| self.write_u64((*b).into()));
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0 ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }
}

/// Takes packets in, one after the other, and remembers what matters of each device.
pub struct Learner {
    format: Format,
    packets: u64,
    first_ns: Option<u64>,
    last_ns: u64,
    /// Whether not all packets are of the same time.
    pub(super) has_times: bool,
    pub(super) devices: Vec<Device>,
    /// Buses by number, each with the device at every address.
    buses: Vec<(u16, [u16; 128])>,
    last: ((u16, u8), u16),
    pending: HashMap<u64, Pending, BuildHasherDefault<UrbHasher>>,
    /// Who stands at a port: bus, hub, port, device.
    ports: Vec<(u16, (u8, u16), u16)>,
    /// The last port that was reset on each bus: hub, port, when.
    resets: Vec<(u16, u8, u16, u64)>,
    pub(super) too_many: bool,
}

struct Pending {
    setup: [u8; 8],
    number: u64,
}

impl Learner {
    /// Nothing seen yet. `format` only says what frames are called.
    pub fn new(format: Format) -> Self {
        Learner {
            format,
            packets: 0,
            first_ns: None,
            last_ns: 0,
            has_times: false,
            devices: Vec::new(),
            buses: Vec::new(),
            last: ((0, 0), NOBODY),
            pending: HashMap::default(),
            ports: Vec::new(),
            resets: Vec::new(),
            too_many: false,
        }
    }

    /// Packets taken in.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    pub(super) fn format(&self) -> Format {
        self.format
    }

    pub(super) fn start_ns(&self) -> u64 {
        self.first_ns.unwrap_or(0)
    }

    pub(super) fn span_ns(&self) -> u64 {
        self.last_ns.saturating_sub(self.start_ns())
    }

    /// What all of it teaches.
    pub fn finish(mut self, capture: &Capture<'_>) -> Lesson {
        if self.format == Format::BusHound {
            // It writes data and failures, and nothing of a transfer without data that went well.
            let sent = self.devices.iter_mut().flat_map(|d| &mut d.sent);
            let unsaid = sent.filter(|s| {
                s.answer == Answer::Never && matches!(s.what, What::Control { .. } | What::Raw { .. })
            });
            unsaid.for_each(|s| s.answer = Answer::Unseen);
        }
        assess::lesson(&self, capture)
    }

    /// Takes a packet in.
    #[inline]
    pub fn observe(&mut self, packet: &Packet<'_>) {
        self.packets += 1;
        if self.first_ns.is_none() {
            self.first_ns = Some(packet.time_ns);
        }
        self.last_ns = packet.time_ns;
        self.has_times |= self.first_ns != Some(packet.time_ns);
        let place = (packet.bus, packet.device);
        let at = if self.last.0 == place && self.last.1 != NOBODY {
            self.last.1
        } else {
            let at = self.device_at(packet);
            self.last = (place, at);
            at
        };
        let Some(device) = self.devices.get_mut(usize::from(at)) else { return };
        device.packets += 1;
        device.last = (packet.number, packet.time_ns);
        match (packet.phase, packet.pipe) {
            (Phase::Submit, Pipe::Bulk | Pipe::Interrupt) => {
                if packet.endpoint & 0x80 == 0 {
                    out(device, packet);
                }
            }
            (Phase::Complete, Pipe::Bulk | Pipe::Interrupt) if packet.status == Status::Ok => {
                device.alive = device.last;
                if device.gone.is_some() {
                    take_back(device);
                }
                if packet.endpoint & 0x80 != 0 {
                    if packet.data.len() == CommandStatus::LENGTH || device.inquiry {
                        answer(device, packet);
                    } else if packet.length == CommandStatus::LENGTH as u32 {
                        cut_status(device, packet);
                    }
                } else if device.awaited.is_none() {
                    completed(device, packet);
                }
            }
            (_, Pipe::Control) => self.control(packet, at),
            (Phase::Complete, _) => failed(device, packet),
            (Phase::Submit, _) => {}
        }
    }

    /// The device at a packet's address, a new one if nobody is known there.
    #[cold]
    fn device_at(&mut self, packet: &Packet<'_>) -> u16 {
        if packet.device >= 128 {
            return NOBODY;
        }
        let bus = match self.buses.iter().position(|(number, _)| *number == packet.bus) {
            Some(bus) => bus,
            None if self.buses.len() < MAX_BUSES => {
                self.buses.push((packet.bus, [NOBODY; 128]));
                self.buses.len() - 1
            }
            None => {
                self.too_many = true;
                return NOBODY;
            }
        };
        let at = self.buses[bus].1[usize::from(packet.device)];
        if at == NOBODY { self.appear(packet) } else { at }
    }

    /// A device is new at the packet's address.
    fn appear(&mut self, packet: &Packet<'_>) -> u16 {
        let mut device = Device::new(packet.bus, packet.device, packet.number, packet.time_ns);
        let reset = self.resets.iter().find(|r| r.0 == packet.bus);
        device.port = reset
            .filter(|r| packet.time_ns.saturating_sub(r.3) < AFTER_RESET && packet.device > 1)
            .map(|r| (r.1, r.2));
        let (bus, port, (number, time_ns)) = (device.bus, device.port, device.first);
        if let Some(port) = port {
            self.resets.retain(|r| r.0 != packet.bus);
            if let Some(other) = self.at_port(bus, port)
                && other.gone.is_none()
            {
                let why = "another device took its port";
                other.gone = Some(Gone { number, time_ns, why, certain: true });
            }
        }
        let at = self.place(device);
        if let Some((_, addresses)) = self.buses.iter_mut().find(|(number, _)| *number == packet.bus) {
            addresses[usize::from(packet.device)] = at;
        }
        if let Some(port) = port.filter(|_| at != IGNORED) {
            self.ports.retain(|p| (p.0, p.1) != (bus, port) && p.2 != at);
            if self.ports.len() < MAX_DEVICES {
                self.ports.push((bus, port, at));
            }
        }
        self.last = ((packet.bus, packet.device), at);
        at
    }

    /// The device that stands at a port.
    fn at_port(&mut self, bus: u16, port: (u8, u16)) -> Option<&mut Device> {
        let found = self.ports.iter().find(|p| (p.0, p.1) == (bus, port))?;
        self.devices.get_mut(usize::from(found.2))
    }

    /// Where a new device is remembered.
    fn place(&mut self, device: Device) -> u16 {
        if self.devices.len() < MAX_DEVICES {
            self.devices.push(device);
            return (self.devices.len() - 1) as u16;
        }
        // The first ones stay: who came in whose place is judged at the end.
        self.too_many = true;
        IGNORED
    }

    /// The device at an address is another one from here on.
    fn replace(&mut self, packet: &Packet<'_>, at: u16, why: &'static str) -> u16 {
        let (number, time_ns) = (packet.number, packet.time_ns);
        let old = &mut self.devices[usize::from(at)];
        old.gone.get_or_insert(Gone { number, time_ns, why, certain: true });
        let port = old.port;
        let new = self.appear(packet);
        if let Some(device) = self.devices.get_mut(usize::from(new)) {
            device.port = device.port.or(port);
        }
        new
    }

    fn control(&mut self, packet: &Packet<'_>, at: u16) {
        if packet.phase == Phase::Submit {
            let Some(setup) = packet.setup else {
                // The data stage of its own of old USBPcap versions.
                if !packet.data.is_empty() && packet.endpoint & 0x80 == 0 {
                    late_data(&mut self.devices[usize::from(at)], packet);
                }
                return;
            };
            self.request(packet, at, &setup);
            if !matches!(setup, [0x80, 6, ..] | [0xa3, 0, ..]) {
                self.pending.remove(&packet.id);
                return;
            }
            let number = packet.number;
            if self.pending.len() >= MAX_PENDING {
                self.pending.retain(|_, p| p.number + MAX_PENDING as u64 > number);
            }
            if self.pending.len() < MAX_PENDING {
                self.pending.insert(packet.id, Pending { setup, number });
            }
            return;
        }
        let device = &mut self.devices[usize::from(at)];
        completed(device, packet);
        if packet.status != Status::Ok {
            return failed(device, packet);
        }
        let pending = if packet.data.is_empty() { None } else { self.pending.remove(&packet.id) };
        let is_descriptor = pending.as_ref().is_some_and(|p| matches!(p.setup, [0x80, 6, _, 1, ..]));
        let at = if is_descriptor && self.begins_again(at) { self.enumerated_again(packet, at) } else { at };
        let Some(device) = self.devices.get_mut(usize::from(at)) else { return };
        device.alive = device.last;
        take_back(device);
        let Some(Pending { setup, .. }) = pending else { return };
        match setup {
            [0x80, 6, _, 1, ..] => self.device_descriptor(packet, at),
            [0x80, 6, _, 2, ..] => self.configuration(packet, at),
            [0x80, 6, index, 3, ..] if index != 0 => text(&mut self.devices[usize::from(at)], index, packet),
            [0xa3, 0, _, _, p0, p1, ..] => {
                let port = u16::from_le_bytes([p0, p1]);
                let connected = packet.data[0] & 1 != 0;
                self.devices[usize::from(at)].is_hub = true;
                if !connected {
                    self.unplugged(packet, port);
                }
            }
            _ => {}
        }
    }

    /// Whether a device that is asked who it is is one that comes, not the one that was at the address: that one is gone, or was in
    /// use and said nothing more since somebody else came to its bus, as in recordings that were joined.
    fn begins_again(&self, at: u16) -> bool {
        let device = &self.devices[usize::from(at)];
        if device.is_hub || device.address == 0 || device.descriptor.is_none() {
            return false;
        }
        let was_used = device.commands > 0 || !device.selected.is_empty();
        let comes_later = |d: &Device| d.bus == device.bus && d.address != 0 && d.first.0 > device.alive.0;
        device.left || (was_used && self.devices.iter().any(comes_later))
    }

    /// A device is new at an address where another one fell silent.
    fn enumerated_again(&mut self, packet: &Packet<'_>, at: u16) -> u16 {
        let old = &mut self.devices[usize::from(at)];
        let (number, time_ns) = old.alive;
        let why = "it says no more";
        old.gone.get_or_insert(Gone { number, time_ns, why, certain: true }).certain = true;
        self.replace(packet, at, why)
    }

    fn device_descriptor(&mut self, packet: &Packet<'_>, at: u16) {
        let Ok(descriptor) = DeviceDescriptor::parse(packet.data) else { return };
        if packet.device == 0 {
            return;
        }
        let known = self.devices[usize::from(at)].descriptor;
        let mut at = at;
        if known.is_some_and(|known| known != descriptor) {
            at = self.replace(packet, at, "another device answers at its address");
        }
        if let Some(device) = self.devices.get_mut(usize::from(at)) {
            device.descriptor = Some(descriptor);
            device.is_hub |= descriptor.class[0] == 9;
        }
    }

    fn configuration(&mut self, packet: &Packet<'_>, at: u16) {
        let device = &mut self.devices[usize::from(at)];
        if device.configuration(packet.data) {
            return;
        }
        let descriptor = device.descriptor;
        let new = self.replace(packet, at, "another device answers at its address");
        if let Some(device) = self.devices.get_mut(usize::from(new)) {
            device.descriptor = descriptor;
            device.configuration(packet.data);
        }
    }

    /// A hub says that nothing is plugged in at a port.
    fn unplugged(&mut self, packet: &Packet<'_>, port: u16) {
        let (number, time_ns) = (packet.number, packet.time_ns);
        let Some(device) = self.at_port(packet.bus, (packet.device, port)) else { return };
        let why = "the hub reports its port empty";
        device.gone.get_or_insert(Gone { number, time_ns, why, certain: true }).certain = true;
    }

    /// A control request goes to a device.
    fn request(&mut self, packet: &Packet<'_>, at: u16, setup: &[u8; 8]) {
        let [kind, request, v0, v1, i0, i1, ..] = *setup;
        let (value, index) = (u16::from_le_bytes([v0, v1]), u16::from_le_bytes([i0, i1]));
        // SET_FEATURE(PORT_RESET) to a hub.
        if (kind, request, value) == (0x23, 3, 4) {
            self.devices[usize::from(at)].is_hub = true;
            self.resets.retain(|r| r.0 != packet.bus);
            if self.resets.len() < MAX_BUSES {
                self.resets.push((packet.bus, packet.device, index, packet.time_ns));
            }
            let (number, time_ns) = (packet.number, packet.time_ns);
            if let Some(device) = self.at_port(packet.bus, (packet.device, index))
                && device.gone.is_none()
            {
                device.reset = Some((number, time_ns));
            }
            return;
        }
        // SET_ADDRESS: whoever was there before and left is there no longer.
        if (kind, request) == (0x00, 5) && packet.device == 0 && value < 128 {
            let address = value as usize;
            let old = self.buses.iter().find(|(n, _)| *n == packet.bus).map_or(NOBODY, |(_, a)| a[address]);
            let left = self.devices.get(usize::from(old)).is_some_and(|d| d.gone.is_some());
            if (left || old == IGNORED)
                && let Some((_, addresses)) = self.buses.iter_mut().find(|(n, _)| *n == packet.bus)
            {
                addresses[address] = NOBODY;
                self.last.1 = NOBODY;
            }
            return;
        }
        if packet.device == 0 {
            return;
        }
        let device = &mut self.devices[usize::from(at)];
        if (kind, request) == (0x00, 9) {
            if device.selected.len() < 32 {
                device.selected.push((packet.number, packet.time_ns, v0));
            }
            return;
        }
        if device.is_hub {
            return;
        }
        if (kind, request) == (0x01, 11) && v0 != 0 {
            if device.alternates.len() < 32 {
                device.alternates.push((packet.number, packet.time_ns, i0, v0));
            }
            return;
        }
        match routine::request(setup) {
            Some(name) => device.count_routine(name),
            None => {
                let data = packet.data[..packet.data.len().min(64)].to_vec();
                device.remember(sent(packet, What::Control { setup: *setup, data }, false));
            }
        }
    }
}

pub(super) fn sent(packet: &Packet<'_>, what: What, foreign: bool) -> Sent {
    let (number, time_ns, urb) = (packet.number, packet.time_ns, packet.id);
    Sent {
        number,
        time_ns,
        what,
        answer: Answer::Never,
        answered_ns: None,
        foreign,
        urb,
        data: 0,
        endpoint: packet.endpoint,
        answered_from: None,
    }
}

/// Bytes go to a bulk or interrupt endpoint.
fn out(device: &mut Device, packet: &Packet<'_>) {
    let is_command =
        packet.data.starts_with(&CommandBlock::SIGNATURE) && packet.length == CommandBlock::LENGTH as u32;
    if is_command {
        return command(device, packet);
    }
    if device.data_out > 0 {
        device.data_out = device.data_out.saturating_sub(packet.length);
        if let Some((_, false)) = device.awaited
            && let Some(sent) = device.sent.back_mut()
        {
            sent.data += u64::from(packet.length);
        }
        return;
    }
    if packet.data.is_empty() {
        match packet.length {
            0 => device.count_routine("zero-length write"),
            _ => device.unseen += 1,
        }
        return;
    }
    // A modem's payload: AT commands, frames, packets. A disk gets nothing of the kind where its commands go.
    let longest = if device.commands_to == Some(packet.endpoint) { MAX_MESSAGE } else { 64 };
    let payload =
        packet.length as usize > longest || packet.data.starts_with(b"AT") || packet.data.starts_with(b"at");
    if payload {
        return device.count_routine("data");
    }
    let what = What::Raw {
        endpoint: packet.endpoint,
        interrupt: packet.pipe == Pipe::Interrupt,
        length: packet.length,
        data: packet.data.to_vec(),
    };
    device.remember(sent(packet, what, false));
}

/// A transfer that was sent is complete, one way or the other.
fn completed(device: &mut Device, packet: &Packet<'_>) {
    let Some(sent) = device.sent.back_mut() else { return };
    if sent.urb != packet.id || sent.answer != Answer::Never {
        return;
    }
    sent.answered_ns = Some(packet.time_ns);
    sent.answer = match packet.status {
        // The wrapper was taken; its status is what counts.
        Status::Ok if matches!(sent.what, What::Command(_) | What::CutCommand { .. }) => {
            sent.answered_ns = None;
            Answer::Never
        }
        Status::Ok => Answer::Came(0),
        status => Answer::Failed(status),
    };
}

/// The data of a control request in a packet of its own.
fn late_data(device: &mut Device, packet: &Packet<'_>) {
    if let Some(Sent { what: What::Control { data, .. }, urb, .. }) = device.sent.back_mut()
        && *urb == packet.id
        && data.is_empty()
    {
        data.extend_from_slice(&packet.data[..packet.data.len().min(64)]);
    }
}

/// A transfer failed: does that show that the device left?
fn failed(device: &mut Device, packet: &Packet<'_>) {
    device.left |= packet.status == Status::Gone;
    let why = match packet.status {
        Status::Gone => "transfers end because the device is gone",
        Status::NoAnswer => "it does not answer on the wire any more",
        Status::Cancelled => "its transfers are taken back",
        // Of a message, not of the answer to it: those are known by their ids.
        Status::Stalled => return completed(device, packet),
        _ => return,
    };
    if device.awaited.is_none() {
        completed(device, packet);
    }
    let (number, time_ns) = (packet.number, packet.time_ns);
    device.gone.get_or_insert(Gone { number, time_ns, why, certain: false });
}

/// It answers, so it is not gone.
fn take_back(device: &mut Device) {
    if device.gone.is_some_and(|gone| !gone.certain) {
        device.gone = None;
        device.left = false;
    }
}

fn text(device: &mut Device, index: u8, packet: &Packet<'_>) {
    let is_serial = device.descriptor.is_some_and(|d| d.serial_index == index);
    if is_serial || device.texts.len() >= 8 || device.texts.iter().any(|(i, _)| *i == index) {
        return;
    }
    // A text log cuts them; what is there is reported.
    let mut bytes = packet.data.to_vec();
    if let Some(length) = bytes.first_mut() {
        *length = packet.data.len().min(usize::from(*length)) as u8;
    }
    if let Ok(text) = parse_string(&bytes) {
        let clean = text.chars().filter(|c| !c.is_control()).collect::<String>();
        device.texts.push((index, clean));
    }
}
