//! A virtual stick's web server on a loopback address, in real time, for programs that know nothing of it. It is there while the stick shows a
//! network card, and refuses connections otherwise.

use std::io::{ErrorKind as IoKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use stickshift::error::{Error, ErrorKind, Result};
use stickshift::link::Moment;

use crate::device::{Device, Function};
use crate::router::http::Connection;

/// So many programs at once.
const CONNECTIONS: usize = 64;

/// The web server of one stick.
#[derive(Debug)]
pub struct WebServer {
    address: SocketAddr,
    listener: Option<TcpListener>,
    open: Vec<(TcpStream, Connection)>,
    enumeration: Option<u32>,
}

impl WebServer {
    /// At `port` of 127.0.0.1; 0 takes any free one.
    ///
    /// # Errors
    /// `Io` when the port is taken.
    pub fn new(port: u16) -> Result<Self> {
        let listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        let address =
            listener.local_addr().map_err(|e| Error::new(ErrorKind::Io, "cannot listen").because(e))?;
        Ok(WebServer { address, listener: None, open: Vec::new(), enumeration: None })
    }

    /// Where programs find it.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Whether it is there now.
    pub fn is_up(&self) -> bool {
        self.listener.is_some()
    }

    /// Serves what there is, after waiting at most for `most`. Returns whether the stick came, left or changed.
    ///
    /// # Errors
    /// `Io` when its port was taken by somebody else while it was away.
    pub fn turn(&mut self, now: Moment, device: &mut dyn Device, most: Duration) -> Result<bool> {
        device.tick(now);
        let changed = self.follow(device)?;
        let soonest = self.open.iter().filter_map(|(_, c)| c.next()).chain(device.next_tick()).min();
        self.wait(soonest.map_or(most, |at| at.saturating_sub(now).min(most)));
        if let Some(listener) = &self.listener {
            while let Ok((stream, _)) = listener.accept() {
                if self.open.len() < CONNECTIONS && stream.set_nonblocking(true).is_ok() {
                    self.open.push((stream, Connection::default()));
                }
            }
        }
        self.open.retain_mut(|(stream, connection)| serve(now, stream, connection, device));
        Ok(changed)
    }

    /// It comes and goes with the network card.
    fn follow(&mut self, device: &mut dyn Device) -> Result<bool> {
        let shows = device.appearance().map(|_| device.enumeration());
        if shows == self.enumeration {
            return Ok(false);
        }
        self.enumeration = shows;
        self.open.clear();
        let network = device.appearance().is_some_and(|appearance| {
            let interfaces = appearance.configurations.first().map_or(&[][..], |c| c.interfaces.as_slice());
            interfaces.iter().any(|i| i.function == Function::Ethernet)
        });
        self.listener = if network { Some(listen(self.address)?) } else { None };
        Ok(true)
    }

    fn wait(&self, time: Duration) {
        let listener = self.listener.iter().map(|l| l.as_fd());
        let mut fds: Vec<PollFd<'_>> = listener
            .chain(self.open.iter().map(|(stream, _)| stream.as_fd()))
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
            .collect();
        let timeout = Timespec::try_from(time).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
        // Woken early is as good as waited for.
        let _ = rustix::event::poll(&mut fds, Some(&timeout));
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener> {
    let failed = |e| Error::new(ErrorKind::Io, format!("cannot listen at {address}")).because(e);
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

/// Moves bytes once; `false` when the connection is over.
fn serve(now: Moment, stream: &mut TcpStream, connection: &mut Connection, device: &mut dyn Device) -> bool {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return false,
            Ok(n) => connection.receive(now, &buffer[..n], device),
            Err(e) if e.kind() == IoKind::Interrupted => {}
            Err(e) if e.kind() == IoKind::WouldBlock => break,
            Err(_) => return false,
        }
    }
    let answer = connection.take(now);
    // Answers are a few kilobytes; a client that takes none of them loses them.
    let _ = stream.set_nonblocking(false);
    let _ = stream.set_write_timeout(Some(Duration::from_secs(1)));
    let sent = stream.write_all(&answer).is_ok();
    let _ = stream.set_nonblocking(true);
    sent && !connection.is_over()
}
