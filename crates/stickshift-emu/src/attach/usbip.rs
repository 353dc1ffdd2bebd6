//! Virtual sticks for USB/IP over TCP: another computer's `usbip attach`, or this one's, imports them (docs/protocols/virtual-usb.md
//! section 6).

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use stickshift::error::{Error, ErrorKind, Result};
use stickshift::stick::Place;

use crate::attach::rack::Sockets;
use crate::device::Appearance;

/// Where `usbip` looks.
pub const PORT: u16 = 3240;

const VERSION: u16 = 0x0111;
const REQUEST_LIST: u16 = 0x8005;
const REPLY_LIST: u16 = 0x0005;
const REQUEST_IMPORT: u16 = 0x8003;
const REPLY_IMPORT: u16 = 0x0003;

/// Bytes of a device in a reply, its interfaces not counted.
const DEVICE: usize = 312;
const BUS_ID: usize = 32;
const HIGH_SPEED: u32 = 3;

/// A client that says nothing is not waited for longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Sticks at once.
const PORTS: u32 = 120;

/// A stick as clients see it.
struct Export {
    port: u32,
    bus_id: String,
    device: Vec<u8>,
    interfaces: Vec<u8>,
    /// `None` while a client has it.
    line: Option<OwnedFd>,
}

impl Export {
    /// Whether the stick is still there and nobody has it.
    fn is_free(&self) -> bool {
        self.line.as_ref().is_some_and(|line| {
            let mut fds = [PollFd::new(line, PollFlags::IN)];
            let looked = rustix::event::poll(&mut fds, Some(&Timespec::default()));
            looked.is_ok() && !fds[0].revents().contains(PollFlags::HUP)
        })
    }
}

type Exports = Arc<Mutex<Vec<Export>>>;

fn lock(exports: &Exports) -> MutexGuard<'_, Vec<Export>> {
    exports.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Listens on the loopback, for as long as the program runs.
pub struct UsbIp {
    exports: Exports,
    address: SocketAddr,
}

impl UsbIp {
    /// At `port` of 127.0.0.1; 0 takes any free one.
    ///
    /// # Errors
    /// `Io` when the port is taken.
    pub fn listen(port: u16) -> Result<UsbIp> {
        let refused = |e| Error::new(ErrorKind::Io, "cannot listen for USB/IP").with("port", port).because(e);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let exports = Exports::default();
        let shared = Arc::clone(&exports);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let exports = Arc::clone(&shared);
                // A client that breaks off is no trouble of anybody else's.
                thread::spawn(move || serve(client, &exports));
            }
        });
        Ok(UsbIp { exports, address })
    }

    /// Where clients find it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Sockets for UsbIp {
    fn free_port(&mut self, taken: &BTreeSet<u32>) -> Result<u32> {
        (0..PORTS)
            .find(|port| !taken.contains(port))
            .ok_or_else(|| Error::new(ErrorKind::Io, "there are no more ports").with("ports", PORTS))
    }

    fn attach(&mut self, port: u32, socket: OwnedFd, devid: u32, appearance: &Appearance) -> Result<bool> {
        let bus_id = format!("1-{}", port + 1);
        let (device, interfaces) = describe(appearance, &bus_id, devid);
        let mut exports = lock(&self.exports);
        exports.retain(|export| export.port != port);
        exports.push(Export { port, bus_id, device, interfaces, line: Some(socket) });
        Ok(true)
    }

    fn place(&mut self, port: u32) -> Option<Place> {
        format!("1-{}", port + 1).parse().ok()
    }

    /// A client that detached a stick may attach it again.
    fn offers_again(&self) -> bool {
        true
    }
}

/// A device as replies carry it, and its interfaces.
fn describe(appearance: &Appearance, bus_id: &str, devid: u32) -> (Vec<u8>, Vec<u8>) {
    let first = appearance.configurations.first();
    let interfaces = first.map_or(&[][..], |c| c.interfaces.as_slice());
    let mut device = format!("/sys/devices/virtual/stickshift/{bus_id}").into_bytes();
    device.resize(DEVICE - BUS_ID - 24, 0);
    device.extend_from_slice(bus_id.as_bytes());
    device.resize(DEVICE - 24, 0);
    for word in [devid >> 16, devid & 0xffff, HIGH_SPEED] {
        device.extend(word.to_be_bytes());
    }
    for half in [appearance.id.vendor, appearance.id.product, appearance.release] {
        device.extend(half.to_be_bytes());
    }
    device.extend(appearance.class);
    device.extend([
        first.map_or(0, |c| c.value),
        appearance.configurations.len() as u8,
        interfaces.len() as u8,
    ]);
    let classes = interfaces.iter().flat_map(|i| {
        let [class, subclass, protocol] = i.alternates[0].class;
        [class, subclass, protocol, 0]
    });
    (device, classes.collect())
}

fn serve(mut client: TcpStream, exports: &Exports) -> io::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_nodelay(true)?;
    let mut head = [0; 8];
    client.read_exact(&mut head)?;
    match u16::from_be_bytes([head[2], head[3]]) {
        REQUEST_LIST => client.write_all(&list(&lock(exports))),
        REQUEST_IMPORT => {
            let mut wanted = [0; BUS_ID];
            client.read_exact(&mut wanted)?;
            let wanted = String::from_utf8_lossy(&wanted).trim_end_matches('\0').to_owned();
            let Some((device, line)) = take(exports, &wanted) else {
                return client.write_all(&reply(REPLY_IMPORT, 1));
            };
            let mut answer = reply(REPLY_IMPORT, 0);
            answer.extend(device);
            client.write_all(&answer)?;
            client.set_read_timeout(None)?;
            carry(client, UnixStream::from(line))
        }
        _ => Ok(()),
    }
}

fn reply(code: u16, status: u32) -> Vec<u8> {
    let mut head = VERSION.to_be_bytes().to_vec();
    head.extend(code.to_be_bytes());
    head.extend(status.to_be_bytes());
    head
}

fn list(exports: &[Export]) -> Vec<u8> {
    let free: Vec<&Export> = exports.iter().filter(|export| export.is_free()).collect();
    let mut answer = reply(REPLY_LIST, 0);
    answer.extend((free.len() as u32).to_be_bytes());
    for export in free {
        answer.extend_from_slice(&export.device);
        answer.extend_from_slice(&export.interfaces);
    }
    answer
}

fn take(exports: &Exports, bus_id: &str) -> Option<(Vec<u8>, OwnedFd)> {
    let mut exports = lock(exports);
    let export = exports.iter_mut().find(|export| export.bus_id == bus_id && export.is_free())?;
    Some((export.device.clone(), export.line.take()?))
}

/// Carries bytes both ways, until the client goes or the stick leaves.
fn carry(client: TcpStream, line: UnixStream) -> io::Result<()> {
    let (mut from_client, mut to_line) = (client.try_clone()?, line.try_clone()?);
    let inward = thread::spawn(move || {
        let _ = io::copy(&mut from_client, &mut to_line);
        let _ = to_line.shutdown(Shutdown::Both);
    });
    let (mut line, mut client) = (line, client);
    let _ = io::copy(&mut line, &mut client);
    let _ = client.shutdown(Shutdown::Both);
    let _ = inward.join();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attach::rack::{Rack, RackChange};
    use crate::sticks::catalogue;

    struct Bench {
        rack: Rack,
        address: SocketAddr,
    }

    impl Bench {
        fn new(name: &str) -> Bench {
            let server = UsbIp::listen(0).unwrap();
            let address = server.address();
            let mut rack = Rack::new(Box::new(server));
            rack.plug(catalogue::virtual_stick(name, 1, None).unwrap()).unwrap();
            let mut bench = Bench { rack, address };
            // From power to its first appearance.
            bench.until(|bench, _| bench.list().len() > 12);
            bench
        }

        /// Lets the rack work until something is so; a server that never comes to it fails the test.
        fn until(&mut self, so: impl Fn(&Bench, &[(usize, RackChange)]) -> bool) {
            let reached = (0..1000).any(|_| {
                let changes = self.rack.turn(Duration::from_millis(20)).unwrap();
                so(self, &changes)
            });
            assert!(reached);
        }

        fn client(&self, request: &[u8]) -> TcpStream {
            let mut client = TcpStream::connect(self.address).unwrap();
            client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            client.write_all(request).unwrap();
            client
        }

        fn list(&self) -> Vec<u8> {
            let mut all = Vec::new();
            self.client(&[0x01, 0x11, 0x80, 0x05, 0, 0, 0, 0]).read_to_end(&mut all).unwrap();
            all
        }

        /// Imports a device: the status, and the line when it is zero.
        fn import(&self, bus_id: &str) -> (u32, Vec<u8>, TcpStream) {
            let mut request = vec![0x01, 0x11, 0x80, 0x03, 0, 0, 0, 0];
            request.extend(bus_id.as_bytes());
            request.resize(8 + BUS_ID, 0);
            let mut client = self.client(&request);
            let mut head = [0; 8];
            client.read_exact(&mut head).unwrap();
            assert_eq!(head[..4], [0x01, 0x11, 0x00, 0x03]);
            let status = u32::from_be_bytes(head[4..].try_into().unwrap());
            let mut device = vec![0; if status == 0 { DEVICE } else { 0 }];
            client.read_exact(&mut device).unwrap();
            (status, device, client)
        }

        /// One request on the control pipe, as a CMD_SUBMIT; what the answer carries.
        fn ask(&mut self, line: &mut TcpStream, setup: [u8; 8]) -> Vec<u8> {
            let length = u32::from(u16::from_le_bytes([setup[6], setup[7]]));
            let incoming = u32::from(setup[0] >> 7);
            let mut urb = Vec::new();
            for word in [1, 7, 1 << 16 | 1, incoming, 0, 0, length, 0, 0xffff_ffff, 0] {
                urb.extend(u32::to_be_bytes(word));
            }
            urb.extend(setup);
            line.write_all(&urb).unwrap();
            line.set_nonblocking(true).unwrap();
            let mut answer = Vec::new();
            let mut buffer = [0; 256];
            loop {
                self.rack.turn(Duration::from_millis(5)).unwrap();
                match line.read(&mut buffer) {
                    Ok(0) => panic!("the line was cut"),
                    Ok(n) => answer.extend_from_slice(&buffer[..n]),
                    Err(_) => {}
                }
                let moved = answer.get(24..28).map(|b| u32::from_be_bytes(b.try_into().unwrap()));
                if moved.is_some_and(|n| answer.len() >= 48 + (n * incoming) as usize) {
                    line.set_nonblocking(false).unwrap();
                    return answer.split_off(48);
                }
            }
        }
    }

    #[test]
    fn sticks_are_listed_with_their_interfaces() {
        let bench = Bench::new("k3772");
        let all = bench.list();
        assert_eq!(all[..12], [0x01, 0x11, 0x00, 0x05, 0, 0, 0, 0, 0, 0, 0, 1]);
        let device = &all[12..12 + DEVICE];
        assert!(device.starts_with(b"/sys/devices/virtual/stickshift/1-1\0"));
        assert_eq!(device[256..260], *b"1-1\0");
        assert_eq!(device[288..300], [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 3]);
        assert_eq!(device[300..304], [0x12, 0xd1, 0x15, 0x26]);
        assert_eq!(device[309..312], [1, 1, 1]);
        assert_eq!(all[12 + DEVICE..], [0x08, 0x06, 0x50, 0]);
    }

    #[test]
    fn a_stick_is_imported_by_one_client_at_a_time() {
        let mut bench = Bench::new("k3772");
        assert_eq!(bench.import("1-2").0, 1);
        let (status, device, mut line) = bench.import("1-1");
        assert_eq!((status, device.len()), (0, DEVICE));
        let descriptor = bench.ask(&mut line, [0x80, 6, 0, 1, 0, 0, 18, 0]);
        assert_eq!((descriptor.len(), &descriptor[8..12]), (18, &[0xd1, 0x12, 0x26, 0x15][..]));
        bench.ask(&mut line, [0x00, 9, 1, 0, 0, 0, 0, 0]);
        assert_eq!(bench.import("1-1").0, 1, "somebody has it");
        assert_eq!(bench.list().len(), 12, "and so it is not offered");

        drop(line);
        bench.until(|bench, _| bench.list().len() > 12);
        let (status, _, mut line) = bench.import("1-1");
        assert_eq!(status, 0, "it can be had again");
        assert_eq!(bench.ask(&mut line, [0x80, 6, 0, 1, 0, 0, 8, 0]).len(), 8);
    }

    #[test]
    fn a_stick_that_leaves_cuts_its_client_off() {
        let mut bench = Bench::new("k3772");
        let (_, _, mut line) = bench.import("1-1");
        bench.ask(&mut line, [0x00, 9, 1, 0, 0, 0, 0, 0]);
        // It has appeared once the rack has looked at it again.
        bench.rack.turn(Duration::ZERO).unwrap();
        bench.rack.power(0, false);
        bench.until(|_, changes| changes.contains(&(0, RackChange::Left)));
        assert_eq!(line.read(&mut [0; 8]).unwrap(), 0);
        assert_eq!(bench.list().len(), 12);
    }

    #[test]
    fn nonsense_is_not_answered() {
        let bench = Bench::new("k3772");
        for request in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x01, 0x11, 0x00, 0x05, 0, 0, 0, 0]] {
            let mut all = Vec::new();
            // A connection that is closed with bytes unread may be reset.
            let _ = bench.client(request).read_to_end(&mut all);
            assert!(all.is_empty());
        }
    }
}
