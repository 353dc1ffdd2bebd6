//! A virtual stick whose serial interfaces are ptys, in real time, for programs that know nothing of it.
//!
//! Each serial interface is a symbolic link `ttyUSBn` in a folder. When the stick leaves the bus the links go and whoever holds a
//! pty sees it hang up; when it comes back there are new ones under other numbers, as on a real system.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pty::OpenptFlags;
use stickshift::error::{Error, ErrorKind, Result};
use stickshift::link::Moment;

use crate::device::{Device, Function};

/// A stick says less than this before somebody reads it; what is more is lost, as on a real port.
const MOST_UNREAD: usize = 1 << 20;

/// How long the loop sleeps at most, so that a request to stop is heard.
const LONGEST_TURN: Duration = Duration::from_millis(100);

/// One serial interface as a pty.
#[derive(Debug)]
pub struct PtyPort {
    /// The interface of the stick.
    pub interface: u8,
    /// Where programs find it.
    pub link: PathBuf,
    number: u32,
    master: OwnedFd,
    /// Kept open, so that a program that closes its end does not hang the line up.
    _slave: OwnedFd,
    unsent: Vec<u8>,
}

/// Bytes pass as they are. Not by rustix, whose tcsetattr fails on MIPS with musl (rustix 1.1.6).
fn raw(slave: OwnedFd) -> io::Result<OwnedFd> {
    let mut port = serial2::SerialPort::from(slave);
    let mut settings = port.get_configuration()?;
    settings.set_raw();
    port.set_configuration(&settings)?;
    Ok(port.into())
}

impl PtyPort {
    fn open(interface: u8, number: u32, directory: &Path) -> Result<Self> {
        let failed = |e: Errno| Error::new(ErrorKind::Io, "cannot make a pty").because(e);
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        #[cfg(target_os = "linux")]
        let flags = flags | OpenptFlags::CLOEXEC;
        let master = rustix::pty::openpt(flags).map_err(failed)?;
        rustix::pty::grantpt(&master).map_err(failed)?;
        rustix::pty::unlockpt(&master).map_err(failed)?;
        let name = rustix::pty::ptsname(&master, Vec::new()).map_err(failed)?;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave = rustix::fs::open(name.as_c_str(), flags, Mode::empty()).map_err(failed)?;
        let slave = raw(slave).map_err(|e| Error::new(ErrorKind::Io, "cannot make a pty").because(e))?;
        let flags = rustix::fs::fcntl_getfl(&master).map_err(failed)?;
        rustix::fs::fcntl_setfl(&master, flags | OFlags::NONBLOCK).map_err(failed)?;
        let link = directory.join(format!("ttyUSB{number}"));
        remove_link(&link);
        symlink(OsStr::from_bytes(name.as_bytes()), &link).map_err(|e| {
            let error = Error::new(ErrorKind::FileUnwritable, "cannot make the link to a pty");
            error.with("path", link.display()).because(e)
        })?;
        Ok(PtyPort { interface, link, number, master, _slave: slave, unsent: Vec::new() })
    }

    /// Sends what can be sent now.
    fn send(&mut self) {
        let mut sent = 0;
        while sent < self.unsent.len() {
            match rustix::io::write(&self.master, &self.unsent[sent..]) {
                Ok(n) => sent += n,
                Err(Errno::INTR) => {}
                Err(_) => break,
            }
        }
        self.unsent.drain(..sent);
        let surplus = self.unsent.len().saturating_sub(MOST_UNREAD);
        self.unsent.drain(..surplus);
    }
}

impl Drop for PtyPort {
    fn drop(&mut self) {
        remove_link(&self.link);
    }
}

/// Removes a symbolic link and nothing else.
fn remove_link(link: &Path) {
    if fs::symlink_metadata(link).is_ok_and(|m| m.file_type().is_symlink()) {
        let _ = fs::remove_file(link);
    }
}

/// The ptys of one stick.
#[derive(Debug)]
pub struct Ptys {
    directory: PathBuf,
    began: Instant,
    enumeration: Option<u32>,
    ports: Vec<PtyPort>,
    last_numbers: BTreeSet<u32>,
    /// Numbers that ports of other sticks in the same folder have.
    left_out: BTreeSet<u32>,
    buffer: Vec<u8>,
}

impl Ptys {
    /// Links will stand in `directory`, which is made when it is not there.
    ///
    /// # Errors
    /// `FileUnwritable`.
    pub fn new(directory: &Path) -> Result<Self> {
        fs::create_dir_all(directory).map_err(|e| {
            let error = Error::new(ErrorKind::FileUnwritable, "cannot make the folder for the ports");
            error.with("path", directory.display()).because(e)
        })?;
        Ok(Ptys {
            directory: directory.to_owned(),
            began: Instant::now(),
            enumeration: None,
            ports: Vec::new(),
            last_numbers: BTreeSet::new(),
            left_out: BTreeSet::new(),
            buffer: vec![0; 64 * 1024],
        })
    }

    /// Counts time from `began`, so that other ways to the same stick can share its clock.
    #[must_use]
    pub fn counting_from(self, began: Instant) -> Self {
        Ptys { began, ..self }
    }

    /// The stick's time.
    pub fn now(&self) -> Moment {
        self.began.elapsed()
    }

    /// The ports that exist now, by interface.
    pub fn ports(&self) -> &[PtyPort] {
        &self.ports
    }

    /// The numbers of its ports.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        self.ports.iter().map(|port| port.number)
    }

    /// From now on no new port gets one of these numbers: other sticks have them in the same folder.
    pub fn leave_out(&mut self, numbers: BTreeSet<u32>) {
        self.left_out = numbers;
    }

    /// Moves bytes once, after waiting for some until the stick's next event, at most for `most`. Returns whether the stick
    /// came, left or changed.
    ///
    /// # Errors
    /// `Io`, `FileUnwritable` when ports cannot be made.
    pub fn turn(&mut self, device: &mut dyn Device, most: Duration) -> Result<bool> {
        device.tick(self.now());
        let changed = self.follow(device)?;
        self.pass_on(device);
        let now = self.now();
        let until = device.next_tick().map_or(most, |at| at.saturating_sub(now).min(most));
        if changed {
            return Ok(true);
        }
        let ready = self.wait(until)?;
        let mut received = false;
        for (port, _) in self.ports.iter().zip(&ready).filter(|(_, ready)| **ready) {
            loop {
                match rustix::io::read(&port.master, &mut self.buffer) {
                    Ok(0) => break,
                    Ok(n) => {
                        device.serial_write(self.began.elapsed(), port.interface, &self.buffer[..n]);
                        received = true;
                        if n < self.buffer.len() {
                            break;
                        }
                    }
                    Err(Errno::INTR) => {}
                    Err(_) => break,
                }
            }
        }
        if received {
            self.pass_on(device);
        }
        Ok(false)
    }

    /// Ports come and go with the stick.
    fn follow(&mut self, device: &mut dyn Device) -> Result<bool> {
        let shows = device.appearance().map(|_| device.enumeration());
        if shows == self.enumeration {
            return Ok(false);
        }
        self.enumeration = shows;
        if !self.ports.is_empty() {
            self.last_numbers = self.ports.iter().map(|p| p.number).collect();
            self.ports.clear();
        }
        let Some(appearance) = device.appearance() else { return Ok(true) };
        let interfaces = appearance.configurations.first().map_or(&[][..], |c| c.interfaces.as_slice());
        let mut numbers = (0..).filter(|n| !self.last_numbers.contains(n) && !self.left_out.contains(n));
        for interface in interfaces.iter().filter(|i| i.function == Function::Serial) {
            let number = numbers.next().unwrap_or_default();
            self.ports.push(PtyPort::open(interface.number, number, &self.directory)?);
        }
        Ok(true)
    }

    fn pass_on(&mut self, device: &mut dyn Device) {
        let now = self.now();
        for port in &mut self.ports {
            let said = device.serial_read(now, port.interface);
            if port.unsent.is_empty() {
                port.unsent = said;
            } else {
                port.unsent.extend_from_slice(&said);
            }
            port.send();
        }
    }

    /// Waits for something to do; says for each port whether there is something to read.
    fn wait(&self, time: Duration) -> Result<Vec<bool>> {
        let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(self.ports.len());
        for port in &self.ports {
            let out = if port.unsent.is_empty() { PollFlags::empty() } else { PollFlags::OUT };
            fds.push(PollFd::from_borrowed_fd(port.master.as_fd(), PollFlags::IN | out));
        }
        let timeout = Timespec::try_from(time).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
        match rustix::event::poll(&mut fds, Some(&timeout)) {
            Ok(_) => Ok(fds.iter().map(|fd| !fd.revents().is_empty()).collect()),
            Err(Errno::INTR) => Ok(Vec::new()),
            Err(e) => Err(Error::new(ErrorKind::Io, "cannot wait for the ptys").because(e)),
        }
    }
}

/// Plugs `device` in and serves its serial interfaces as ptys linked from `directory`, until `stop` is raised. `changed` is called
/// whenever the stick came, left or changed, with its ports.
///
/// # Errors
/// See [`Ptys::turn`].
pub fn serve_ptys(
    device: &mut dyn Device,
    directory: &Path,
    stop: &AtomicBool,
    changed: &mut dyn FnMut(&mut dyn Device, &[PtyPort]),
) -> Result<()> {
    let mut ptys = Ptys::new(directory)?;
    device.power(ptys.now(), true);
    while !stop.load(Ordering::Relaxed) {
        if ptys.turn(device, LONGEST_TURN)? {
            changed(device, ptys.ports());
        }
    }
    device.power(ptys.now(), false);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sticks::huawei::{HuaweiOptions, HuaweiStick, PlugIn, Timing};
    use std::fs::{File, OpenOptions};
    use std::io::{Read, Write};
    use std::sync::mpsc;
    use stickshift::wire::crc;

    fn open(link: &Path) -> File {
        OpenOptions::new().read(true).write(true).open(link).unwrap()
    }

    fn ask(port: &mut File, bytes: &[u8], answer: usize) -> Vec<u8> {
        port.write_all(bytes).unwrap();
        let mut said = vec![0; answer];
        port.read_exact(&mut said).unwrap();
        said
    }

    fn packet(body: &[u8]) -> Vec<u8> {
        [body, &crc::xmodem(body).to_be_bytes()].concat()
    }

    /// The test plays the host, over real ptys, from the boot ROM to the loader's ports.
    #[test]
    fn a_foreign_program_loads_over_a_pty() {
        let directory = std::env::temp_dir().join(format!("stickshift-pty-{}", std::process::id()));
        let stop = AtomicBool::new(false);
        let options =
            HuaweiOptions { plug_in: PlugIn::BootPin, timing: Timing::quick(), ..HuaweiOptions::stick() };
        let (tell, told) = mpsc::channel::<Vec<PathBuf>>();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut stick = HuaweiStick::new(options);
                serve_ptys(&mut stick, &directory, &stop, &mut |_, ports| {
                    let _ = tell.send(ports.iter().map(|p| p.link.clone()).collect());
                })
                .unwrap();
            });
            let ports = told.recv().unwrap();
            assert_eq!(ports, [directory.join("ttyUSB0")]);
            let mut port = open(&ports[0]);
            assert_eq!(ask(&mut port, b"A", 1), [0x55]);
            let code: Vec<u8> = (1..=200).collect();
            for mode in [1, 2] {
                let head = packet(&[0xfe, 0, 0xff, mode, 0, 0, 0, 200, 0, 0, 0, 0]);
                assert_eq!(ask(&mut port, &head, 1), [0xaa]);
                assert_eq!(ask(&mut port, &packet(&[&[0xda, 1, 0xfe], &code[..]].concat()), 1), [0xaa]);
                assert_eq!(ask(&mut port, &packet(&[0xed, 2, 0xfd]), 1), [0xaa]);
            }
            assert!(told.recv().unwrap().is_empty(), "off the bus");
            assert!(!matches!(port.read(&mut [0]), Ok(1..)), "the old line is dead");
            let ports = told.recv().unwrap();
            let names = [1, 2, 3].map(|n| directory.join(format!("ttyUSB{n}")));
            assert_eq!(ports, names, "the number of the old port is not given out");
            let mut port = open(&ports[2]);
            let answer = b"\r\n2.0\r\n\r\nOK\r\n";
            assert_eq!(ask(&mut port, b"AT^DLOADVER?\r", answer.len()), answer);
            stop.store(true, Ordering::Relaxed);
        });
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0, "the links are gone");
        fs::remove_dir(&directory).unwrap();
    }

    #[test]
    fn a_file_in_the_way_is_not_touched() {
        let directory = std::env::temp_dir().join(format!("stickshift-pty-file-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("ttyUSB0"), "mine").unwrap();
        let error = PtyPort::open(0, 0, &directory).unwrap_err();
        assert!(error.is(ErrorKind::FileUnwritable));
        assert_eq!(fs::read(directory.join("ttyUSB0")).unwrap(), b"mine");
        fs::remove_dir_all(&directory).unwrap();
    }
}
