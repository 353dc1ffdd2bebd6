//! A rack of virtual sticks in one thread, each behind its own socket.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use stickshift::error::{Error, ErrorKind, Result};
use stickshift::link::Moment;
use stickshift::stick::Place;

use crate::attach::usb::UsbSession;
use crate::attach::vhci::Vhci;
use crate::device::{Appearance, Device};

/// How long the kernel may take to let go of the device that a port had before.
const PORT_RETRY: Duration = Duration::from_millis(10);

/// Where sockets are plugged in: the kernel, or a test that plays the kernel.
pub trait Sockets {
    /// A high-speed port that is free and not among `taken`.
    ///
    /// # Errors
    /// `Busy` when there is none, `Io`.
    fn free_port(&mut self, taken: &BTreeSet<u32>) -> Result<u32>;

    /// Attaches the device behind `socket`, which shows `appearance`; `Ok(false)` while the port is still busy with the one before it.
    ///
    /// # Errors
    /// `PermissionDenied`, `Io`.
    fn attach(&mut self, port: u32, socket: OwnedFd, devid: u32, appearance: &Appearance) -> Result<bool>;

    /// Where the device of a port stands on the bus.
    fn place(&mut self, port: u32) -> Option<Place>;

    /// Whether a host that cut the line of a stick may have the same appearance of it again.
    fn offers_again(&self) -> bool {
        false
    }
}

impl Sockets for Vhci {
    fn free_port(&mut self, taken: &BTreeSet<u32>) -> Result<u32> {
        let ports = self.ports()?;
        let mut free = ports.iter().filter(|p| p.free && p.high_speed && !taken.contains(&p.number));
        free.next().map(|port| port.number).ok_or_else(|| {
            Error::new(ErrorKind::Io, "every port of the virtual host controllers is taken")
                .with("ports", ports.iter().filter(|p| p.high_speed).count())
        })
    }

    fn attach(&mut self, port: u32, socket: OwnedFd, devid: u32, _: &Appearance) -> Result<bool> {
        Vhci::attach(self, port, &socket, devid)
    }

    fn place(&mut self, port: u32) -> Option<Place> {
        let ports = self.ports().ok()?;
        ports.into_iter().find(|p| p.number == port)?.place
    }
}

/// A stick, its port, and the socket of its present appearance.
struct RackSlot {
    device: Box<dyn Device>,
    port: u32,
    line: Option<(OwnedFd, UsbSession)>,
    /// The host has selected a configuration, and this was told.
    told: bool,
    /// It was attached to its port once, so that the port is its own.
    settled: bool,
    /// The host cut the line of this appearance; it is not attached again.
    cut: Option<u32>,
    retry_at: Option<Moment>,
}

/// What came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RackChange {
    /// The host has found a stick and selected a configuration.
    Appeared,
    /// A stick that had appeared left.
    Left,
}

/// Virtual sticks behind their sockets. Time is this computer's.
pub struct Rack {
    sockets: Box<dyn Sockets>,
    slots: Vec<RackSlot>,
    began: Instant,
    devid: u32,
    buffer: Vec<u8>,
}

impl Rack {
    /// An empty rack.
    pub fn new(sockets: Box<dyn Sockets>) -> Self {
        Rack { sockets, slots: Vec::new(), began: Instant::now(), devid: 0, buffer: vec![0; 256 * 1024] }
    }

    /// The time that its sticks are told.
    pub fn now(&self) -> Moment {
        self.began.elapsed()
    }

    /// Plugs a stick into a free port and returns the number of its slot.
    ///
    /// # Errors
    /// See [`Sockets::free_port`].
    pub fn plug(&mut self, mut device: Box<dyn Device>) -> Result<usize> {
        let taken = self.slots.iter().map(|slot| slot.port).collect();
        let port = self.sockets.free_port(&taken)?;
        device.power(self.now(), true);
        self.slots.push(RackSlot {
            device,
            port,
            line: None,
            told: false,
            settled: false,
            cut: None,
            retry_at: None,
        });
        Ok(self.slots.len() - 1)
    }

    /// Pulls a stick out (`false`), or puts it back in.
    pub fn power(&mut self, slot: usize, on: bool) {
        let now = self.now();
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.device.power(now, on);
        }
    }

    /// The stick in a slot.
    pub fn device(&mut self, slot: usize) -> Option<&mut dyn Device> {
        Some(self.slots.get_mut(slot)?.device.as_mut())
    }

    /// Where a stick stands on the bus, while it does.
    pub fn place(&mut self, slot: usize) -> Option<Place> {
        let slot = self.slots.get(slot)?;
        slot.line.as_ref()?;
        self.sockets.place(slot.port)
    }

    /// Moves bytes once, after waiting for some until the sticks' next event, at most for `most`. Returns which sticks appeared
    /// or left.
    ///
    /// # Errors
    /// `PermissionDenied`, `Io`.
    pub fn turn(&mut self, most: Duration) -> Result<Vec<(usize, RackChange)>> {
        let mut changes = Vec::new();
        for index in 0..self.slots.len() {
            self.follow(index, &mut changes)?;
        }
        let now = self.now();
        let of_slot = |slot: &mut RackSlot| {
            let of_line = slot.line.as_mut().and_then(|(_, session)| session.next(now));
            [slot.device.next_tick(), slot.retry_at, of_line]
        };
        let due = self.slots.iter_mut().flat_map(of_slot).flatten().min();
        let wait = match changes.is_empty() {
            true => due.map_or(most, |at| at.saturating_sub(now).min(most)),
            false => Duration::ZERO,
        };
        for index in self.wait(wait)? {
            self.receive(index);
        }
        Ok(changes)
    }

    /// Attaches what appeared, cuts off what left, and lets the stick do what is due.
    fn follow(&mut self, index: usize, changes: &mut Vec<(usize, RackChange)>) -> Result<()> {
        let now = self.began.elapsed();
        let slot = &mut self.slots[index];
        slot.device.tick(now);
        if let Some((_, session)) = &slot.line
            && session.is_over(slot.device.as_ref())
        {
            slot.line = None;
            if std::mem::take(&mut slot.told) {
                changes.push((index, RackChange::Left));
            }
        }
        let appeared = slot.line.is_none() && slot.cut != Some(slot.device.enumeration());
        let due = slot.retry_at.is_none_or(|at| at <= now);
        if let Some(appearance) = slot.device.appearance().filter(|_| appeared && due) {
            let (ours, theirs) = socket_pair()?;
            self.devid = self.devid % 0xffff + 1;
            let session = UsbSession::new(appearance, slot.device.enumeration());
            if self.sockets.attach(slot.port, theirs, 1 << 16 | self.devid, appearance)? {
                slot.line = Some((ours, session));
                slot.settled = true;
                slot.retry_at = None;
            } else {
                slot.retry_at = Some(now + PORT_RETRY);
                if !slot.settled {
                    // Somebody else was faster; its own port it would have waited for.
                    let taken = self.slots.iter().map(|slot| slot.port).collect();
                    self.slots[index].port = self.sockets.free_port(&taken)?;
                    return Ok(());
                }
            }
        }
        if let Some((socket, session)) = &mut slot.line {
            session.turn(slot.device.as_mut(), now);
            send(socket, session);
            if !slot.told && session.configuration() != 0 {
                slot.told = true;
                changes.push((index, RackChange::Appeared));
            }
        }
        Ok(())
    }

    /// Waits for bytes; the slots that have some, or whose line was cut.
    fn wait(&self, time: Duration) -> Result<Vec<usize>> {
        let mut fds = Vec::with_capacity(self.slots.len());
        let mut indexes = Vec::with_capacity(self.slots.len());
        for (index, slot) in self.slots.iter().enumerate() {
            let Some((socket, session)) = &slot.line else { continue };
            let out = if session.has_output() { PollFlags::OUT } else { PollFlags::empty() };
            fds.push(PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::IN | out));
            indexes.push(index);
        }
        let timeout = Timespec::try_from(time).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
        match rustix::event::poll(&mut fds, Some(&timeout)) {
            Ok(_) => {
                let ready = fds.iter().zip(indexes).filter(|(fd, _)| !fd.revents().is_empty());
                Ok(ready.map(|(_, index)| index).collect())
            }
            Err(Errno::INTR) => Ok(Vec::new()),
            Err(e) => Err(Error::new(ErrorKind::Io, "cannot wait for the sockets").because(e)),
        }
    }

    fn receive(&mut self, index: usize) {
        let RackSlot { device, line, told, cut, .. } = &mut self.slots[index];
        let Some((socket, session)) = line else { return };
        send(socket, session);
        let over = loop {
            match rustix::net::recv(&*socket, &mut self.buffer[..], RecvFlags::empty()) {
                Ok((0, _)) => break true,
                Ok((n, _)) => {
                    let now = self.began.elapsed();
                    if session.receive(device.as_mut(), now, &self.buffer[..n]).is_err() {
                        break true;
                    }
                    send(socket, session);
                    if n < self.buffer.len() || session.is_over(device.as_ref()) {
                        break false;
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break false,
                Err(_) => break true,
            }
        };
        if over {
            *line = None;
            *told = false;
            *cut = (!self.sockets.offers_again()).then(|| device.enumeration());
        }
    }
}

/// Both ends of a line: ours never waits, the host's does.
fn socket_pair() -> Result<(OwnedFd, OwnedFd)> {
    let pair = rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None);
    pair.and_then(|(ours, theirs)| {
        rustix::io::ioctl_fionbio(&ours, true)?;
        Ok((ours, theirs))
    })
    .map_err(|e| Error::new(ErrorKind::Io, "cannot make a pair of sockets").because(e))
}

/// Sends what the host takes now; a line that broke is noticed at the next read.
fn send(socket: &OwnedFd, session: &mut UsbSession) {
    let output = session.output();
    let mut sent = 0;
    while sent < output.len() {
        match rustix::net::send(socket, &output[sent..], SendFlags::NOSIGNAL) {
            Ok(n) => sent += n,
            Err(Errno::INTR) => {}
            Err(_) => break,
        }
    }
    output.drain(..sent);
}

#[cfg(test)]
mod tests;
