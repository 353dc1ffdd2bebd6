use std::sync::{Arc, Mutex};

use super::*;
use crate::event::Session;
use crate::profile::{Attributes, Catalogue};
use crate::stick::UsbId;
use crate::switch::{End, View, run, sequence};
use crate::wire::usb::{DeviceDescriptor, EndpointDescriptor, InterfaceDescriptor};

const OUT: u8 = 0x01;
const IN: u8 = 0x81;
const BULK: Duration = Duration::from_secs(3);

type Log = Arc<Mutex<Vec<(Vec<u8>, usize, usize)>>>;

/// A drive that notes commands (with what it was sent and asked for) and answers as it is told.
struct Unit {
    log: Log,
    status: u8,
    answer: Vec<u8>,
    /// Leaves at this command.
    leaves_at: usize,
}

impl ScsiUnit for Unit {
    fn execute(&mut self, cdb: &[u8], payload: Payload<'_>, _: Duration) -> Result<Executed> {
        let mut log = self.log.lock().unwrap();
        if log.len() >= self.leaves_at {
            return Err(Error::new(ErrorKind::Disconnected, "gone"));
        }
        let (sent, asked, moved) = match payload {
            Payload::None => (0, 0, 0),
            Payload::Out(bytes) => (bytes.len(), 0, bytes.len()),
            Payload::In(buffer) => {
                let n = self.answer.len().min(buffer.len());
                buffer[..n].copy_from_slice(&self.answer[..n]);
                (0, buffer.len(), n)
            }
        };
        log.push((cdb.to_vec(), sent, asked));
        Ok(Executed { status: self.status, moved })
    }
}

/// A USB device of which the storage driver holds interface 0.
struct Held {
    device: [u8; 18],
    configurations: Vec<Vec<u8>>,
}

fn refused() -> Error {
    Error::new(ErrorKind::Unsupported, "the driver is not WinUSB")
}

impl UsbLink for Held {
    fn device_descriptor(&self) -> &[u8] {
        &self.device
    }
    fn configurations(&self) -> &[Vec<u8>] {
        &self.configurations
    }
    fn active_configuration(&mut self) -> Result<u8> {
        Ok(1)
    }
    fn detach_kernel_driver(&mut self, _: u8) -> Result<bool> {
        Err(refused())
    }
    fn claim(&mut self, _: u8) -> Result<()> {
        Err(refused())
    }
    fn release(&mut self, _: u8) -> Result<()> {
        Err(refused())
    }
    fn control_in(&mut self, _: ControlSetup, _: &mut [u8], _: Duration) -> Result<usize> {
        Err(refused())
    }
    fn control_out(&mut self, _: ControlSetup, _: &[u8], _: Duration) -> Result<()> {
        Err(refused())
    }
    fn write(&mut self, _: u8, _: &[u8], _: Duration) -> Result<()> {
        Err(refused())
    }
    fn read(&mut self, _: u8, _: &mut [u8], _: Duration) -> Result<usize> {
        Err(refused())
    }
    fn clear_halt(&mut self, _: u8) -> Result<()> {
        Err(refused())
    }
    fn set_configuration(&mut self, _: u8) -> Result<()> {
        Err(refused())
    }
    fn set_alt_setting(&mut self, _: u8, _: u8) -> Result<()> {
        Err(refused())
    }
    fn reset(&mut self) -> Result<()> {
        Err(refused())
    }
    fn now(&self) -> Moment {
        Moment::ZERO
    }
    fn sleep(&mut self, _: Duration) {}
}

fn configuration() -> Vec<u8> {
    let endpoint = |address| EndpointDescriptor {
        address,
        attributes: 2,
        max_packet: 512,
        interval: 0,
        extra: Vec::new(),
    };
    ConfigurationDescriptor {
        value: 1,
        name_index: 0,
        attributes: 0x80,
        max_power: 250,
        extra: Vec::new(),
        interfaces: vec![InterfaceDescriptor {
            class: [8, 6, 0x50],
            endpoints: vec![endpoint(IN), endpoint(OUT)],
            ..InterfaceDescriptor::default()
        }],
    }
    .encode()
}

fn link(status: u8, answer: &[u8], leaves_at: usize) -> (PassThroughLink, Log) {
    let log = Log::default();
    let (shared, answer) = (Arc::clone(&log), answer.to_vec());
    let open: OpenUnit = Box::new(move |interface| {
        assert_eq!(interface, 0);
        Ok(Box::new(Unit { log: Arc::clone(&shared), status, answer: answer.clone(), leaves_at }))
    });
    let device = DeviceDescriptor {
        usb: 0x0200,
        class: [0; 3],
        max_packet: 64,
        vendor: 0x12d1,
        product: 0x1526,
        release: 0,
        manufacturer_index: 0,
        product_index: 0,
        serial_index: 0,
        configurations: 1,
    };
    let held = Held { device: device.encode(), configurations: vec![configuration()] };
    (PassThroughLink::new(Box::new(held), open), log)
}

fn block(length: u32, flags: u8, cdb_length: u8, bytes: &[u8]) -> Vec<u8> {
    let mut cdb = [0; 16];
    cdb[..bytes.len()].copy_from_slice(bytes);
    CommandBlock { tag: *b"tagg", data_length: length, flags, lun: 0, cdb_length, cdb }.encode().to_vec()
}

#[test]
fn a_command_goes_out_whole_and_its_status_comes_back() {
    let (mut link, log) = link(0, &[], 9);
    link.claim(0).unwrap();
    link.write(OUT, &block(0, 0, 6, &[0x1b, 0, 0, 0, 2]), BULK).unwrap();
    let mut status = [0; 13];
    assert_eq!(link.read(IN, &mut status, BULK).unwrap(), 13);
    let status = CommandStatus::parse(&status).unwrap();
    assert_eq!((status.tag, status.status, status.residue), (*b"tagg", 0, 0));
    assert!(link.read(IN, &mut [0; 13], BULK).is_err_and(|e| e.is(ErrorKind::Timeout)));
    assert_eq!(*log.lock().unwrap(), [(vec![0x1b, 0, 0, 0, 2, 0], 0, 0)]);
    link.release(0).unwrap();
}

#[test]
fn data_goes_both_ways() {
    let (mut link, log) = link(0, b"ZTE     ", 9);
    link.claim(0).unwrap();
    link.write(OUT, &block(36, 0x80, 6, &[0x12, 0, 0, 0, 36]), BULK).unwrap();
    let mut data = [0; 36];
    assert_eq!(link.read(IN, &mut data, BULK).unwrap(), 8);
    let mut status = [0; 13];
    link.read(IN, &mut status, BULK).unwrap();
    assert_eq!(CommandStatus::parse(&status).unwrap().residue, 28);
    link.write(OUT, &block(4, 0, 10, &[0xf0]), BULK).unwrap();
    link.write(OUT, b"data", BULK).unwrap();
    assert_eq!(log.lock().unwrap()[1], ([&[0xf0][..], &[0; 9]].concat(), 4, 0));
}

#[test]
fn a_command_that_fails_says_so() {
    let (mut link, _) = link(2, &[], 9);
    link.claim(0).unwrap();
    link.write(OUT, &block(0, 0, 6, &[0x1e]), BULK).unwrap();
    let mut status = [0; 13];
    link.read(IN, &mut status, BULK).unwrap();
    assert_eq!(CommandStatus::parse(&status).unwrap().status, 1);
}

#[test]
fn huaweis_commands_state_no_length() {
    let length = |bytes: &[u8]| {
        let mut cdb_bytes = [0; 16];
        cdb_bytes[..bytes.len()].copy_from_slice(bytes);
        let block =
            CommandBlock { tag: [0; 4], data_length: 0, flags: 0, lun: 0, cdb_length: 0, cdb: cdb_bytes };
        cdb(&block).len()
    };
    assert_eq!(length(&[0x11, 0x06]), 6);
    assert_eq!(length(&[0x11, 0x06, 0x20, 0, 0, 1, 1, 0, 1]), 10);
    assert_eq!(length(&[0xa3]), 12);
    assert_eq!(length(&[0xff; 16]), 16);
}

#[test]
fn what_is_no_command_is_refused_before_anything_is_sent() {
    let (mut link, log) = link(0, &[], 9);
    link.claim(0).unwrap();
    let lun = {
        let mut bytes = block(0, 0, 6, &[0x1b]);
        bytes[13] = 1;
        bytes
    };
    for message in [&b"hello"[..], &block(1 << 20, 0x80, 6, &[0x12]), &lun] {
        assert!(link.write(OUT, message, BULK).is_err_and(|e| e.is(ErrorKind::Unsupported)));
    }
    assert!(log.lock().unwrap().is_empty());
}

/// The switching dialogue as it goes to a drive, with the profile of a K3772: the stick leaves at its message, or answers it.
#[test]
fn a_stick_is_switched_through_the_storage_driver() {
    let id = UsbId::new(0x12d1, 0x1526);
    let chosen = Catalogue::builtin().choose(id, &Attributes::default()).chosen.unwrap();
    for leaves_at in [0, 9] {
        let (mut link, log) = link(0, &[], leaves_at);
        let view = View::of(&mut link).unwrap();
        let steps = sequence(&chosen.entry.parameters, &view).unwrap();
        let done = run(&steps, 0, &mut link, &mut Session::quiet()).unwrap();
        if leaves_at == 0 {
            assert!(matches!(done.end, End::Vanished { .. }), "{done:?}");
        } else {
            assert!(matches!(done.end, End::Sent), "{done:?}");
            assert_eq!(log.lock().unwrap()[0].0[..2], [0x11, 0x06]);
        }
    }
}
