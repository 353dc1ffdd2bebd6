//! Captures made from scratch: a computer, a hub, sticks that come and go, and what was sent to them.

use stickshift::profile::Entry;
use stickshift::stick::UsbId;
use stickshift::switch::{Pipe, Transfer, View, sequence};
use stickshift::wire::usb::{
    ConfigurationDescriptor, DeviceDescriptor, EndpointDescriptor, InterfaceDescriptor,
};

use super::Frame;

/// How a stick leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// The hub says so.
    Hub,
    /// A read ends with this status.
    Status(i32),
    /// It says no more.
    Silence,
}

pub(crate) const STORAGE: [u8; 3] = [8, 6, 0x50];
pub(crate) const VENDOR: [u8; 3] = [0xff, 1, 1];

#[derive(Default)]
pub(crate) struct Scene {
    pub(crate) frames: Vec<Frame>,
    now: u64,
    urb: u64,
    tag: u32,
}

pub(crate) fn device(id: UsbId) -> DeviceDescriptor {
    DeviceDescriptor {
        usb: 0x0200,
        class: [0; 3],
        max_packet: 64,
        vendor: id.vendor,
        product: id.product,
        release: 0,
        manufacturer_index: 0,
        product_index: 0,
        serial_index: 0,
        configurations: 1,
    }
}

pub(crate) fn configuration(value: u8, classes: &[[u8; 3]]) -> ConfigurationDescriptor {
    let endpoint =
        |address| EndpointDescriptor { address, attributes: 2, max_packet: 512, interval: 0, extra: vec![] };
    let interface = |(number, class): (usize, &[u8; 3])| InterfaceDescriptor {
        number: number as u8,
        class: *class,
        endpoints: vec![endpoint(0x01 + number as u8), endpoint(0x81 + number as u8)],
        ..InterfaceDescriptor::default()
    };
    ConfigurationDescriptor {
        value,
        name_index: 0,
        attributes: 0x80,
        max_power: 250,
        extra: vec![],
        interfaces: classes.iter().enumerate().map(interface).collect(),
    }
}

impl Scene {
    #[allow(clippy::too_many_arguments)]
    fn put(
        &mut self,
        phase: u8,
        pipe: u8,
        to: u8,
        endpoint: u8,
        status: i32,
        setup: Option<[u8; 8]>,
        length: u32,
        data: &[u8],
    ) {
        self.now += 400;
        let id = 0xffff_8000_0000_0000 | self.urb;
        self.frames.push(Frame::new(self.now, id, phase, pipe, to, endpoint, status, setup, length, data));
    }

    pub(crate) fn wait(&mut self, ms: u64) {
        self.now += ms * 1000;
    }

    pub(crate) fn control(&mut self, to: u8, setup: [u8; 8], out: &[u8], answer: &[u8]) {
        self.urb += 64;
        let endpoint = setup[0] & 0x80;
        let asked = u16::from_le_bytes([setup[6], setup[7]]).into();
        self.put(b'S', 2, to, endpoint, -115, Some(setup), asked, out);
        let moved = if endpoint == 0 { asked } else { answer.len() as u32 };
        self.put(b'C', 2, to, endpoint, 0, None, moved, answer);
    }

    pub(crate) fn out(&mut self, to: u8, pipe: u8, endpoint: u8, data: &[u8]) {
        self.urb += 64;
        let length = data.len() as u32;
        self.put(b'S', pipe, to, endpoint, -115, None, length, data);
        self.put(b'C', pipe, to, endpoint, 0, None, length, &[]);
    }

    pub(crate) fn read(&mut self, to: u8, endpoint: u8, status: i32, data: &[u8]) {
        self.urb += 64;
        self.put(b'S', 3, to, endpoint, -115, None, 512, &[]);
        self.put(b'C', 3, to, endpoint, status, None, data.len() as u32, data);
    }

    /// The hub says that something is at its port, resets it, and gives it an address.
    fn plug(&mut self, to: u8, port: u8) {
        self.control(1, [0xa3, 0, 0, 0, port, 0, 4, 0], &[], &[1, 5, 1, 0]);
        self.control(1, [0x23, 3, 4, 0, port, 0, 0, 0], &[], &[]);
        self.wait(60);
        self.control(0, [0, 5, to, 0, 0, 0, 0, 0], &[], &[]);
    }

    /// Plugs a device in and asks it what it is.
    pub(crate) fn come(&mut self, to: u8, port: u8, id: UsbId, configurations: &[ConfigurationDescriptor]) {
        self.plug(to, port);
        let descriptor = DeviceDescriptor { configurations: configurations.len() as u8, ..device(id) };
        self.control(to, [0x80, 6, 0, 1, 0, 0, 18, 0], &[], &descriptor.encode());
        for (index, configuration) in configurations.iter().enumerate() {
            let bytes = configuration.encode();
            let [l0, l1] = (bytes.len() as u16).to_le_bytes();
            self.control(to, [0x80, 6, index as u8, 2, 0, 0, 9, 0], &[], &bytes[..9]);
            self.control(to, [0x80, 6, index as u8, 2, 0, 0, l0, l1], &[], &bytes);
        }
        self.control(to, [0, 9, configurations[0].value, 0, 0, 0, 0, 0], &[], &[]);
    }

    /// A command of the storage driver, answered.
    pub(crate) fn driver(&mut self, to: u8, cdb: &[u8], answer: &[u8]) {
        self.tag += 1;
        let mut cbw = b"USBC".to_vec();
        cbw.extend(self.tag.to_le_bytes());
        cbw.extend((answer.len() as u32).to_le_bytes());
        cbw.extend([if answer.is_empty() { 0 } else { 0x80 }, 0, cdb.len() as u8]);
        cbw.extend(cdb);
        cbw.resize(31, 0);
        self.out(to, 3, 1, &cbw);
        if !answer.is_empty() {
            self.read(to, 0x81, 0, answer);
        }
        self.status(to, 0x81, self.tag.to_le_bytes());
    }

    pub(crate) fn status(&mut self, to: u8, endpoint: u8, tag: [u8; 4]) {
        let mut csw = b"USBS".to_vec();
        csw.extend(tag);
        csw.resize(13, 0);
        self.read(to, endpoint, 0, &csw);
    }

    /// What a storage driver does with a new disk.
    pub(crate) fn routine(&mut self, to: u8) {
        self.tag = 0;
        self.control(to, [0xa1, 0xfe, 0, 0, 0, 0, 1, 0], &[], &[0]);
        let mut inquiry = vec![5, 0x80, 2, 2, 0x1f, 0, 0, 0];
        inquiry.extend(b"ACME    Mass Storage    1.00");
        self.driver(to, &[0x12, 0, 0, 0, 36, 0], &inquiry);
        for _ in 0..3 {
            self.driver(to, &[0; 6], &[]);
            self.driver(to, &[0x43, 0, 0, 0, 0, 0, 0, 0, 12, 0x40], &[0; 12]);
            self.driver(to, &[0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0], &[0; 8]);
        }
        self.driver(to, &[0x28, 0, 0, 0, 0, 0, 0, 0, 8, 0], &[0; 512]);
        self.driver(to, &[0x1e, 0, 0, 0, 0, 0], &[]);
        self.wait(500);
    }

    /// The transfers of a sequence. `last_answered` is whether the stick still answers the last message.
    pub(crate) fn transfers(&mut self, to: u8, transfers: &[Transfer], last_answered: bool) {
        let last = transfers.iter().rposition(|t| matches!(t, Transfer::ReadStatus { .. }));
        let mut tag = [0; 4];
        for (index, transfer) in transfers.iter().enumerate() {
            let answered = last_answered || Some(index) != last;
            match transfer {
                Transfer::Write { endpoint, pipe, data } => {
                    if data.len() == 31 {
                        tag.copy_from_slice(&data[4..8]);
                    }
                    self.out(to, if *pipe == Pipe::Bulk { 3 } else { 1 }, *endpoint, data);
                }
                Transfer::ReadData { endpoint, length } => {
                    self.read(to, *endpoint, 0, &vec![0; (*length).min(512)]);
                }
                Transfer::ReadStatus { endpoint, .. } if answered => self.status(to, *endpoint, tag),
                Transfer::Read { endpoint, length, .. } => self.read(to, *endpoint, 0, &vec![0; *length]),
                Transfer::ControlIn { setup, length, .. } => {
                    let ([v0, v1], [i0, i1]) = (setup.value.to_le_bytes(), setup.index.to_le_bytes());
                    let [l0, l1] = length.to_le_bytes();
                    let bytes = [setup.request_type, setup.request, v0, v1, i0, i1, l0, l1];
                    self.control(to, bytes, &[], &vec![0; usize::from(*length)]);
                }
                Transfer::ControlOut { setup, data, .. } => {
                    let ([v0, v1], [i0, i1]) = (setup.value.to_le_bytes(), setup.index.to_le_bytes());
                    let [l0, l1] = (data.len() as u16).to_le_bytes();
                    let bytes = [setup.request_type, setup.request, v0, v1, i0, i1, l0, l1];
                    self.control(to, bytes, data, &[]);
                }
                Transfer::ClearHalt { endpoint } => {
                    self.control(to, [2, 1, 0, 0, *endpoint, 0, 0, 0], &[], &[]);
                }
                Transfer::SetConfiguration { value, .. } => {
                    self.control(to, [0, 9, *value, 0, 0, 0, 0, 0], &[], &[]);
                }
                Transfer::Wait { time } => self.wait(time.as_millis() as u64),
                _ => {}
            }
        }
    }

    pub(crate) fn leave(&mut self, to: u8, port: u8, how: Leave) {
        self.wait(150);
        match how {
            Leave::Hub => self.control(1, [0xa3, 0, 0, 0, port, 0, 4, 0], &[], &[0, 5, 1, 0]),
            Leave::Status(status) => self.read(to, 0x81, status, &[]),
            Leave::Silence => {}
        }
        self.wait(1500);
    }
}

/// What a stick of the catalogue shows before it is switched, as far as its profile tells.
pub(crate) fn before(entry: &Entry) -> View {
    let id = entry.key.id().unwrap();
    let value = entry.parameters.configuration.unwrap_or(0);
    let mut configurations = vec![configuration(1, &[STORAGE])];
    if value > 1 {
        configurations.extend((2..=value).map(|v| configuration(v, &[[2, 0x06, 0], VENDOR])));
    }
    View { device: device(id), configurations, active: 1 }
}

/// A whole capture of a switch by a profile: in comes the disk, out goes the message, in comes the modem.
pub(crate) fn switch(entry: &Entry, how: Leave, answered: bool) -> Scene {
    let view = before(entry);
    let sequence = sequence(&entry.parameters, &view).unwrap();
    let id = entry.key.id().unwrap();
    let class = entry.parameters.target_class;
    let after = entry.targets().first().copied().unwrap_or(id);
    let mut scene = Scene { now: 5_000_000, ..Scene::default() };
    // Another stick, a keyboard and a disk are none of its business.
    scene.come(3, 2, UsbId::new(0x046d, 0xc31c), &[configuration(1, &[[3, 1, 1]])]);
    scene.come(4, 3, UsbId::new(0x0781, 0x5567), &[configuration(1, &[STORAGE])]);
    scene.routine(4);
    scene.come(5, 1, id, &view.configurations);
    scene.routine(5);
    scene.transfers(5, &sequence.transfers, answered);
    let stays = entry.parameters.configuration.is_some_and(|c| c > 0) && after == id;
    if !stays {
        scene.leave(5, 1, how);
        let class = match class {
            Some(class) if after == id => [class, 0, 0],
            _ => VENDOR,
        };
        scene.come(6, 1, after, &[configuration(1, &[class, VENDOR, STORAGE])]);
    }
    scene.wait(2000);
    scene.control(3, [0xa1, 1, 0, 1, 0, 0, 8, 0], &[], &[0; 8]);
    scene
}
