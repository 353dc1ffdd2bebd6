//! The test plays the kernel: it gets the other end of each socket and speaks URBs.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::*;
use crate::sticks::catalogue;
use crate::sticks::switchable;
use crate::sticks::zerocd::{Behaviour, ZeroCd, ZeroCdOptions};
use stickshift::wire::scsi::{CommandBlock, CommandStatus};

/// Sockets as they were plugged in: port, line, devid.
type Plugged = Arc<Mutex<VecDeque<(u32, OwnedFd, u32)>>>;

struct Kernel {
    plugged: Plugged,
    /// So many ports are taken by somebody else in the moment in which they were chosen.
    busy: u32,
    others: BTreeSet<u32>,
}

impl Sockets for Kernel {
    fn free_port(&mut self, taken: &BTreeSet<u32>) -> Result<u32> {
        (0..8)
            .find(|port| !taken.contains(port) && !self.others.contains(port))
            .ok_or_else(|| Error::new(ErrorKind::Io, "all taken"))
    }

    fn attach(&mut self, port: u32, socket: OwnedFd, devid: u32, _: &Appearance) -> Result<bool> {
        if port < self.busy {
            self.others.insert(port);
            return Ok(false);
        }
        self.plugged.lock().unwrap().push_back((port, socket, devid));
        Ok(true)
    }

    fn place(&mut self, port: u32) -> Option<Place> {
        format!("1-{}", port + 1).parse().ok()
    }
}

/// A rack and the kernel's end of one line.
struct Host {
    rack: Rack,
    plugged: Plugged,
    line: Option<OwnedFd>,
    port: u32,
    devid: u32,
    seqnum: u32,
    /// Transfers whose answers carry data.
    reads: BTreeSet<u32>,
    input: Vec<u8>,
}

/// The answer to a transfer, or that the line ended.
#[derive(Debug, PartialEq)]
enum Ret {
    Done(i32, Vec<u8>, u32),
    Cut,
}

impl Host {
    fn new(device: Box<dyn Device>) -> Host {
        let plugged = Plugged::default();
        let mut rack =
            Rack::new(Box::new(Kernel { plugged: plugged.clone(), busy: 2, others: BTreeSet::new() }));
        rack.plug(device).unwrap();
        Host {
            rack,
            plugged,
            line: None,
            port: 99,
            devid: 0,
            seqnum: 0,
            reads: BTreeSet::new(),
            input: Vec::new(),
        }
    }

    fn quick(name: &str, behaviour: Behaviour) -> Host {
        let moment = Duration::from_millis(5);
        let options = switchable::options(name).unwrap();
        Host::new(Box::new(ZeroCd::new(ZeroCdOptions {
            behaviour,
            boot: Duration::ZERO,
            leaves_after: moment,
            off_bus: moment,
            ..options
        })))
    }

    /// Turns the rack until a stick is plugged in.
    fn appears(&mut self) {
        for _ in 0..500 {
            self.rack.turn(Duration::from_millis(20)).unwrap();
            if let Some((port, line, devid)) = self.plugged.lock().unwrap().pop_front() {
                assert_ne!(devid, self.devid, "a new number for each appearance");
                rustix::io::ioctl_fionbio(&line, true).unwrap();
                (self.port, self.line, self.devid) = (port, Some(line), devid);
                self.input.clear();
                return;
            }
        }
        panic!("nothing was plugged in");
    }

    fn post(&mut self, endpoint: u8, setup: [u8; 8], length: u32, data: &[u8]) -> u32 {
        self.seqnum += 1;
        let incoming = u32::from(endpoint & 0x80 != 0 || setup[0] & 0x80 != 0);
        let words = [1, self.seqnum, self.devid, incoming, u32::from(endpoint & 15), 0, length, 0, 0, 0];
        if incoming == 1 {
            self.reads.insert(self.seqnum);
        }
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        bytes.extend_from_slice(&setup);
        bytes.extend_from_slice(data);
        let sent = rustix::net::send(self.line.as_ref().unwrap(), &bytes, SendFlags::NOSIGNAL);
        assert_eq!(sent, Ok(bytes.len()));
        self.seqnum
    }

    fn unlink(&mut self, unwanted: u32) {
        self.seqnum += 1;
        let words = [2, self.seqnum, self.devid, 0, 0, unwanted, 0, 0, 0, 0, 0, 0];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        rustix::net::send(self.line.as_ref().unwrap(), &bytes, SendFlags::NOSIGNAL).unwrap();
    }

    /// The next whole answer: command, sequence number, what came. IN transfers carry data.
    fn answer(&mut self) -> Option<(u32, u32, Ret)> {
        let mut buffer = [0; 8192];
        for _ in 0..2000 {
            if self.input.len() >= 48 {
                let word = |i: usize| u32::from_be_bytes(self.input[i * 4..i * 4 + 4].try_into().unwrap());
                let (command, seqnum, status, moved) = (word(0), word(1), word(5).cast_signed(), word(6));
                // OUT transfers say what they moved and carry nothing.
                let carried = if self.reads.contains(&seqnum) { moved as usize } else { 0 };
                if self.input.len() >= 48 + carried {
                    let data = self.input.drain(..48 + carried).skip(48).collect();
                    return Some((command, seqnum, Ret::Done(status, data, moved)));
                }
            }
            self.rack.turn(Duration::from_millis(1)).unwrap();
            match rustix::net::recv(self.line.as_ref().unwrap(), &mut buffer[..], RecvFlags::empty()) {
                Ok((0, _)) => return Some((0, 0, Ret::Cut)),
                Ok((n, _)) => self.input.extend_from_slice(&buffer[..n]),
                Err(Errno::AGAIN) => {}
                Err(e) => panic!("{e}"),
            }
        }
        None
    }

    fn transfer(&mut self, endpoint: u8, setup: [u8; 8], length: u32, data: &[u8]) -> Ret {
        let seqnum = self.post(endpoint, setup, length, data);
        let (command, answered, ret) = self.answer().expect("an answer");
        assert!(ret == Ret::Cut || (command, answered) == (3, seqnum));
        ret
    }

    fn control(&mut self, request_type: u8, request: u8, value: u16, index: u16, length: u16) -> Ret {
        let [v0, v1] = value.to_le_bytes();
        let [i0, i1] = index.to_le_bytes();
        let [l0, l1] = length.to_le_bytes();
        self.transfer(0, [request_type, request, v0, v1, i0, i1, l0, l1], u32::from(length), &[])
    }

    fn read(&mut self, endpoint: u8, length: u32) -> Ret {
        self.transfer(endpoint, [0; 8], length, &[])
    }

    fn write(&mut self, endpoint: u8, data: &[u8]) -> Ret {
        self.transfer(endpoint, [0; 8], data.len() as u32, data)
    }

    /// As the kernel does it; the ids.
    fn enumerate(&mut self) -> (u16, u16) {
        self.appears();
        let Ret::Done(0, device, 18) = self.control(0x80, 6, 0x0100, 0, 64) else { panic!("no descriptor") };
        let Ret::Done(0, head, 9) = self.control(0x80, 6, 0x0200, 0, 9) else { panic!("no configuration") };
        let total = u16::from_le_bytes([head[2], head[3]]);
        let Ret::Done(0, all, _) = self.control(0x80, 6, 0x0200, 0, total) else { panic!("cut") };
        assert_eq!(all.len(), usize::from(total));
        assert_eq!(self.control(0x00, 9, u16::from(all[5]), 0, 0), Ret::Done(0, vec![], 0));
        (u16::from_le_bytes([device[8], device[9]]), u16::from_le_bytes([device[10], device[11]]))
    }

    /// A SCSI command as the storage driver sends it: data and status.
    fn scsi(&mut self, cdb: &[u8], length: u32) -> (Vec<u8>, u8) {
        let mut padded = [0; 16];
        padded[..cdb.len()].copy_from_slice(cdb);
        let flags = if length > 0 { 0x80 } else { 0 };
        let cdb_length = cdb.len() as u8;
        let command =
            CommandBlock { tag: [9; 4], data_length: length, flags, lun: 0, cdb_length, cdb: padded };
        assert_eq!(self.write(0x01, &command.encode()), Ret::Done(0, vec![], 31));
        let mut data = Vec::new();
        if length > 0 {
            match self.read(0x81, length) {
                Ret::Done(0, bytes, _) => data = bytes,
                Ret::Done(-32, _, _) => {
                    assert_eq!(self.read(0x81, 13), Ret::Done(-32, vec![], 0), "halted until it is cleared");
                    assert_eq!(self.control(0x02, 1, 0, 0x81, 0), Ret::Done(0, vec![], 0));
                }
                other => panic!("{other:?}"),
            }
        }
        let Ret::Done(0, status, 13) = self.read(0x81, 13) else { panic!("no status") };
        let status = CommandStatus::parse(&status).unwrap();
        assert_eq!(status.tag, [9; 4]);
        (data, status.status)
    }
}

/// HuaweiNewMode.
const HUAWEI: &[u8] = &[
    0x55, 0x53, 0x42, 0x43, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0, 0, 0, 0, 0x11, 0x06, 0x20, 0, 0, 1, 1, 0, 1,
    0, 0, 0, 0, 0, 0, 0,
];

#[test]
fn a_k3772_is_enumerated_read_and_switched() {
    let mut host = Host::quick("k3772", Behaviour::Switches);
    assert_eq!(host.enumerate(), (0x12d1, 0x1526));
    assert_eq!(host.port, 2, "the first that nobody took in the meantime");
    assert_eq!(host.rack.place(0).unwrap().as_str(), "1-3");
    assert_eq!(host.control(0xa1, 0xfe, 0, 0, 1), Ret::Done(0, vec![0], 1));
    let (inquiry, status) = host.scsi(&[0x12, 0, 0, 0, 36, 0], 36);
    assert_eq!((inquiry[0], &inquiry[8..16], status), (5, &b"Vodafone"[..], 0));
    assert_eq!(host.scsi(&[0x00], 0).1, 0);
    assert_eq!(host.scsi(&[0x28, 0, 0, 0, 0, 16, 0, 0, 1, 0], 2048).0[1..6], *b"CD001");
    assert_eq!(host.scsi(&[0xd0], 8), (vec![], 1), "an unknown command stalls its data and fails");
    assert_eq!(host.scsi(&[0x03, 0, 0, 0, 18, 0], 18).0[12], 0x20);
    let strings = host.control(0x80, 6, 0x0302, 0x0409, 255);
    assert!(matches!(strings, Ret::Done(0, text, _) if text.len() == 2 + 2 * 34));

    assert_eq!(host.write(0x01, HUAWEI), Ret::Done(0, vec![], 31));
    assert!(matches!(host.read(0x81, 13), Ret::Done(0, status, 13) if status[12] == 0));
    assert_eq!(host.read(0x81, 13), Ret::Cut, "it left while a read was pending");
    assert_eq!(host.enumerate(), (0x12d1, 0x14cf));
    assert_eq!(host.port, 2, "the same place");

    assert_eq!(host.control(0x21, 0x22, 3, 2, 0), Ret::Done(0, vec![], 0), "DTR and RTS");
    let pending = host.post(0x85, [0; 8], 512, &[]);
    host.post(0x82, [0; 8], 10, &[]);
    let written = host.post(0x03, [0; 8], 3, b"AT\r");
    assert_eq!(host.answer(), Some((3, written, Ret::Done(0, vec![], 3))));
    let text = b"AT\r\r\nOK\r\n".to_vec();
    assert_eq!(host.answer(), Some((3, pending, Ret::Done(0, text, 9))));
}

#[test]
fn a_pending_read_is_taken_back_once() {
    let mut host = Host::quick("k3772", Behaviour::Switches);
    host.enumerate();
    let pending = host.post(0x81, [0; 8], 13, &[]);
    host.unlink(pending);
    assert_eq!(host.answer(), Some((4, pending + 1, Ret::Done(-104, vec![], 0))));
    host.unlink(pending);
    assert_eq!(host.answer(), Some((4, pending + 2, Ret::Done(0, vec![], 0))), "it is not there any more");
    assert_eq!(host.scsi(&[0x00], 0).1, 0, "the status goes to the next read");
}

#[test]
fn unknown_endpoints_and_requests_stall() {
    let mut host = Host::quick("k3772", Behaviour::Switches);
    host.enumerate();
    assert_eq!(host.read(0x85, 13), Ret::Done(-32, vec![], 0));
    assert_eq!(host.control(0xc0, 0x33, 0, 0, 8), Ret::Done(-32, vec![], 0));
    assert_eq!(host.control(0x80, 6, 0x0600, 0, 10), Ret::Done(-32, vec![], 0));
    assert_eq!(host.scsi(&[0x00], 0).1, 0, "and nothing else is hurt");
}

#[test]
fn a_stick_that_vanishes_early_answers_nothing() {
    let mut host = Host::quick("k3772", Behaviour::VanishesEarly);
    host.enumerate();
    assert_eq!(host.write(0x01, HUAWEI), Ret::Cut);
    assert_eq!(host.enumerate(), (0x12d1, 0x14cf));
}

#[test]
fn a_refused_message_halts_the_endpoint() {
    let mut host = Host::quick("k3772", Behaviour::Stalls);
    host.enumerate();
    assert_eq!(host.write(0x01, HUAWEI), Ret::Done(-32, vec![], 0));
    assert_eq!(host.control(0x82, 0, 0, 0x01, 2), Ret::Done(0, vec![1, 0], 2));
    assert_eq!(host.control(0x02, 1, 0, 0x01, 0), Ret::Done(0, vec![], 0));
    assert_eq!(host.scsi(&[0x00], 0).1, 0);
}

#[test]
fn a_configuration_brings_its_interfaces() {
    let mut host = Host::quick("d-link-7600", Behaviour::Switches);
    host.enumerate();
    assert_eq!(host.read(0x83, 64), Ret::Done(-32, vec![], 0), "configuration 1 has no such endpoint");
    assert_eq!(host.control(0x00, 9, 2, 0, 0), Ret::Done(0, vec![], 0));
    assert_eq!(host.control(0x80, 8, 0, 0, 1), Ret::Done(0, vec![2], 1));
    assert_eq!(host.write(0x01, b"AT\r"), Ret::Done(0, vec![], 3));
    assert!(matches!(host.read(0x81, 64), Ret::Done(0, text, _) if text.ends_with(b"OK\r\n")));
}

#[test]
fn the_oldest_huawei_message_reaches_the_stick() {
    let mut host = Host::quick("huawei-e180", Behaviour::Switches);
    host.enumerate();
    assert_eq!(host.control(0x00, 0x03, 1, 0, 0), Ret::Done(0, vec![], 0));
    assert_eq!(host.enumerate(), (0x12d1, 0x1414));
    assert_eq!(host.write(0x01, b"AT\r"), Ret::Done(0, vec![], 3), "now it has ports");
}

#[test]
fn an_e3372h_shows_its_ports_and_network() {
    let mut host = Host::new(catalogue::virtual_stick("e3372h-loader", 1, None).unwrap());
    assert_eq!(host.enumerate(), (0x12d1, 0x1c05));
    assert_eq!(host.write(0x03, b"AT^DLOADVER?\r"), Ret::Done(0, vec![], 13));
    assert!(matches!(host.read(0x85, 512), Ret::Done(0, text, _) if text.windows(3).any(|w| w == b"2.0")));
}

#[test]
fn a_host_that_does_not_speak_usbip_is_cut_off() {
    let mut host = Host::quick("k3772", Behaviour::Switches);
    host.enumerate();
    rustix::net::send(host.line.as_ref().unwrap(), &[0x77; 64], SendFlags::NOSIGNAL).unwrap();
    assert!(matches!(host.answer(), Some((_, _, Ret::Cut))));
}
