//! Serial ports of Linux: `/dev/ttyUSB*`, `/dev/ttyACM*` and ptys.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FlockOperation, OFlags};
use rustix::io::Errno;
use rustix::termios::QueueSelector;
use serial2::SerialPort;

use super::clock::Clock;
use super::holder;
use crate::error::{Error, ErrorKind, Result};
use crate::link::{ByteLink, Moment};

/// How long a port may refuse to take a single byte. A stick that erases its flash is slow to take the next block:
/// docs/protocols/balong-flash.md section 2 has waits of 60 s.
const WRITE_STALL: Duration = Duration::from_secs(60);

/// udev looks into every new port and lets it go again.
const UDEV_LOOKS: Duration = Duration::from_secs(3);

/// Where other programs put their lock files.
const LOCK_DIRECTORY: &str = "/run/lock";

/// A serial port, held exclusively: 115200 8N1 raw, no flow control, DTR and RTS raised where the port has them.
#[derive(Debug)]
pub struct SerialLink {
    port: SerialPort,
    path: PathBuf,
    clock: Clock,
}

impl SerialLink {
    /// Opens the port at `path` (a tty, a pty, or a link to one).
    ///
    /// Input that arrived earlier is kept: [`ByteLink::discard_input`] is for the dialogue to call.
    ///
    /// # Errors
    /// `NotAPort` when there is nothing at `path` or it is not a terminal, `PermissionDenied` (facts `path`, `group`),
    /// `PortBusy` (facts `path`, `holder`), `Disconnected` when the device behind the node is gone, `Io`.
    pub fn open(path: &Path) -> Result<SerialLink> {
        let path = &fs::canonicalize(path).map_err(|e| cannot_open(path, e))?;
        let about = fs::metadata(path).map_err(|e| cannot_open(path, e))?;
        if !about.file_type().is_char_device() {
            return Err(not_a_port(path));
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags((OFlags::NOCTTY | OFlags::NONBLOCK).bits() as i32)
            .open(path)
            .map_err(|e| cannot_open(path, e))?;
        if !rustix::termios::isatty(&file) {
            return Err(not_a_port(path));
        }
        if !is_pty(about.rdev()) {
            refuse_if_held(path)?;
        }
        if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
            return Err(holder::busy(path, holder::of(path)));
        }
        let mut port = SerialPort::from(OwnedFd::from(file));
        set_raw(&mut port).map_err(|e| cannot_open(path, e))?;
        // A pty has no such lines, and exclusive mode only keeps out who is not root: neither failing is a reason to stop.
        let _ = port.set_dtr(true);
        let _ = port.set_rts(true);
        let _ = rustix::termios::ioctl_tiocexcl(&port);
        Ok(SerialLink { port, path: path.clone(), clock: Clock::start() })
    }

    /// The port's node, with links followed.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn gone(&self) -> Error {
        Error::new(ErrorKind::Disconnected, "the stick disconnected").with("path", self.path.display())
    }

    fn failed(&self, what: &str, errno: Errno) -> Error {
        match errno {
            Errno::IO | Errno::NODEV | Errno::NXIO | Errno::SHUTDOWN | Errno::PIPE => self.gone(),
            _ => Error::new(ErrorKind::Io, what)
                .with("path", self.path.display())
                .because(io::Error::from(errno)),
        }
    }

    /// Waits until the port is ready or has hung up. `false` when neither happened in time.
    fn wait(&self, events: PollFlags, deadline: Moment) -> Result<bool> {
        loop {
            let left = self.clock.until(deadline);
            let timeout = super::clock::timespec(left);
            let mut fds = [PollFd::new(&self.port, events)];
            match poll(&mut fds, Some(&timeout)) {
                Ok(0) => return Ok(false),
                Ok(_) if fds[0].revents().intersects(events) => return Ok(true),
                Ok(_) => return Err(self.gone()),
                Err(Errno::INTR) => continue,
                Err(e) => return Err(self.failed("waiting for the port failed", e)),
            }
        }
    }
}

impl Drop for SerialLink {
    fn drop(&mut self) {
        // A process that is being started has a copy of the file until it runs its own program, and would hold the lock as long.
        let _ = rustix::fs::flock(&self.port, FlockOperation::Unlock);
    }
}

impl ByteLink for SerialLink {
    fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            match rustix::io::write(&self.port, bytes) {
                Ok(n) => bytes = &bytes[n..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let deadline = self.clock.now() + WRITE_STALL;
                    if !self.wait(PollFlags::OUT, deadline)? {
                        return Err(Error::new(ErrorKind::Timeout, "the port takes no bytes")
                            .with("path", self.path.display()));
                    }
                }
                Err(e) => return Err(self.failed("writing to the port failed", e)),
            }
        }
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        // What came while the caller was busy is read without asking for it first.
        loop {
            match rustix::io::read(&self.port, &mut *buffer) {
                // A terminal in raw mode is at its end only after a hang-up.
                Ok(0) => return Err(self.gone()),
                Ok(n) => return Ok(n),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    if !self.wait(PollFlags::IN, deadline)? {
                        return Ok(0);
                    }
                }
                Err(e) => return Err(self.failed("reading from the port failed", e)),
            }
        }
    }

    fn discard_input(&mut self) -> Result<()> {
        rustix::termios::tcflush(&self.port, QueueSelector::IFlush)
            .map_err(|e| self.failed("discarding input failed", e))
    }

    fn descriptor(&self) -> Option<OwnedFd> {
        self.port.as_fd().try_clone_to_owned().ok()
    }

    fn now(&self) -> Moment {
        self.clock.now()
    }

    fn sleep(&mut self, time: Duration) {
        self.clock.sleep(time);
    }
}

/// rustix cannot do this on MIPS with musl: its tcsetattr asks for another request there (rustix 1.1.6).
fn set_raw(port: &mut SerialPort) -> io::Result<()> {
    // The settings wait for what is on its way out; of whoever held the port before, nobody may take it.
    let _ = rustix::termios::tcflush(&*port, QueueSelector::OFlush);
    let mut settings = port.get_configuration()?;
    settings.set_raw();
    settings.set_baud_rate(115_200)?;
    settings.as_termios_mut().c_cflag |= libc::CLOCAL | libc::CREAD;
    match port.set_configuration(&settings) {
        // The driver took the settings and keeps some of its own, as those of modems do.
        Err(e) if e.raw_os_error().is_none() => Ok(()),
        done => done,
    }
}

/// Whether a device number is that of a pty's slave end (majors 136 to 143). Whoever made the pty usually keeps it open.
fn is_pty(device: u64) -> bool {
    (136..=143).contains(&rustix::fs::major(device))
}

fn refuse_if_held(path: &Path) -> Result<()> {
    let clock = Clock::start();
    loop {
        let by_lock = holder::uucp_lock(Path::new(LOCK_DIRECTORY), path);
        let by_handle = || holder::others(&[path]).into_iter().next().map(|(_, holder)| holder);
        match by_lock.or_else(by_handle) {
            None => return Ok(()),
            Some(holder) if holder.is_udev() && clock.now() < UDEV_LOOKS => {
                clock.sleep(Duration::from_millis(20));
            }
            Some(holder) => return Err(holder::busy(path, Some(holder))),
        }
    }
}

fn not_a_port(path: &Path) -> Error {
    Error::new(ErrorKind::NotAPort, format!("{} is not a serial port", path.display()))
        .with("path", path.display())
}

fn cannot_open(path: &Path, cause: io::Error) -> Error {
    let shown = path.display();
    match cause.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOENT | Errno::NOTDIR) => {
            Error::new(ErrorKind::NotAPort, format!("there is no serial port {shown}")).with("path", shown)
        }
        Some(Errno::NOTTY | Errno::INVAL) => not_a_port(path),
        Some(Errno::ACCESS | Errno::PERM) => {
            let error = Error::new(ErrorKind::PermissionDenied, format!("access to {shown} is denied"))
                .with("path", shown)
                .because(cause);
            match fs::metadata(path).ok().and_then(|m| group_name(m.gid())) {
                Some(group) => error.with("group", group),
                None => error,
            }
        }
        Some(Errno::BUSY) => holder::busy(path, holder::of(path)),
        Some(Errno::IO | Errno::NODEV | Errno::NXIO) => {
            Error::new(ErrorKind::Disconnected, format!("no device is behind {shown}")).with("path", shown)
        }
        _ => Error::new(ErrorKind::Io, format!("cannot open {shown}")).with("path", shown).because(cause),
    }
}

/// The name of a group, from the system's local group file.
fn group_name(gid: u32) -> Option<String> {
    let groups = fs::read_to_string("/etc/group").ok()?;
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(gid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Detail;
    use std::os::fd::OwnedFd;

    /// A pty's master end and the path of its slave.
    fn pty() -> (OwnedFd, PathBuf) {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        (master, PathBuf::from(name.into_string().unwrap()))
    }

    #[test]
    fn bytes_pass_unchanged_in_both_directions() {
        let (master, path) = pty();
        let mut link = SerialLink::open(&path).unwrap();
        let every: Vec<u8> = (0..=255).collect();
        link.write(&every).unwrap();
        let mut got = vec![0; 256];
        let mut n = 0;
        while n < 256 {
            n += rustix::io::read(&master, &mut got[n..]).unwrap();
        }
        assert_eq!(got, every);

        assert_eq!(rustix::io::write(&master, &every).unwrap(), 256);
        let mut back = Vec::new();
        while back.len() < 256 {
            let mut buffer = [0; 100];
            let deadline = link.now() + Duration::from_secs(10);
            let n = link.read(&mut buffer, deadline).unwrap();
            assert!(n > 0);
            back.extend_from_slice(&buffer[..n]);
        }
        assert_eq!(back, every);
    }

    #[test]
    fn more_than_the_terminal_holds_is_written_as_it_drains() {
        let (master, path) = pty();
        let mut link = SerialLink::open(&path).unwrap();
        let big: Vec<u8> = (0..200_000u32).map(|i| (i % 251) as u8).collect();
        let expected = big.clone();
        let reader = std::thread::spawn(move || {
            let mut got = Vec::new();
            let mut buffer = [0; 4096];
            while got.len() < expected.len() {
                let n = rustix::io::read(&master, &mut buffer).unwrap();
                got.extend_from_slice(&buffer[..n]);
            }
            assert_eq!(got, expected);
        });
        link.write(&big).unwrap();
        reader.join().unwrap();
    }

    #[test]
    fn silence_ends_at_the_deadline_and_what_is_there_is_read_after_it() {
        let (master, path) = pty();
        let mut link = SerialLink::open(&path).unwrap();
        let deadline = link.now() + Duration::from_millis(20);
        let mut buffer = [0; 4];
        assert_eq!(link.read(&mut buffer, deadline).unwrap(), 0);
        assert!(link.now() >= deadline);
        rustix::io::write(&master, b"x").unwrap();
        assert_eq!(link.read(&mut buffer, Moment::ZERO).unwrap(), 1, "a deadline that has passed is a look");
    }

    #[test]
    fn discarded_input_is_gone_and_later_input_is_not() {
        let (master, path) = pty();
        let mut link = SerialLink::open(&path).unwrap();
        rustix::io::write(&master, b"stale").unwrap();
        assert!(link.wait(PollFlags::IN, Duration::from_secs(10)).unwrap());
        link.discard_input().unwrap();
        rustix::io::write(&master, b"new").unwrap();
        let mut buffer = [0; 16];
        let n = link.read(&mut buffer, Duration::from_secs(10)).unwrap();
        assert_eq!(&buffer[..n], b"new");
    }

    #[test]
    fn a_closed_master_is_a_disconnect_for_reads_and_writes() {
        let (master, path) = pty();
        let mut link = SerialLink::open(&path).unwrap();
        drop(master);
        let mut buffer = [0; 4];
        let error = link.read(&mut buffer, Duration::from_secs(10)).unwrap_err();
        assert!(error.is(ErrorKind::Disconnected), "{error:?}");
        let error = link.write(b"AT\r").unwrap_err();
        assert!(error.is(ErrorKind::Disconnected), "{error:?}");
        let error = link.discard_input().unwrap_err();
        assert!(error.is(ErrorKind::Disconnected), "{error:?}");
    }

    #[test]
    fn a_port_is_opened_once_and_the_holder_is_named() {
        let (_master, path) = pty();
        let first = SerialLink::open(&path).unwrap();
        let error = SerialLink::open(&path).unwrap_err();
        assert!(error.is(ErrorKind::PortBusy), "{error:?}");
        assert!(
            error.has(&Detail::HeldHere) && error.what().starts_with("stickshift itself holds"),
            "{error:?}"
        );
        assert_eq!(error.fact("holder"), Some("stickshift itself"));
        drop(first);
        SerialLink::open(&path).unwrap();
    }

    /// A process that is being started has one, for a moment.
    #[test]
    fn a_copy_of_a_port_that_was_let_go_keeps_nobody_out() {
        let (_master, path) = pty();
        let first = SerialLink::open(&path).unwrap();
        let _copy = rustix::io::fcntl_dupfd_cloexec(&first.port, 0).unwrap();
        drop(first);
        SerialLink::open(&path).unwrap();
    }

    #[test]
    fn udev_looks_in_and_is_waited_for() {
        use std::io::{BufRead, BufReader};
        use std::process::{Command, Stdio};
        for (name, busy) in [("(udev-worker)", false), ("ModemManager", true)] {
            let (_master, path) = pty();
            // Its own process holds the port, no child of it: `read` is built in.
            let script = format!(
                "printf '{name}' > /proc/$$/comm; exec 3<>{}; echo held; read -t 0.5 -u 3; :",
                path.display()
            );
            let Ok(mut holder) = Command::new("bash").args(["-c", &script]).stdout(Stdio::piped()).spawn()
            else {
                test_support::skip("bash is not installed");
                return;
            };
            let mut line = String::new();
            BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
            assert_eq!(line, "held\n");
            match refuse_if_held(&path) {
                Err(e) => {
                    assert!(busy && e.is(ErrorKind::PortBusy) && e.fact("holder").unwrap().starts_with(name))
                }
                Ok(()) => assert!(!busy),
            }
            holder.wait().unwrap();
        }
    }

    #[test]
    fn what_is_no_port_is_told_apart() {
        let missing = SerialLink::open(Path::new("/dev/ttyUSB-none")).unwrap_err();
        assert!(missing.is(ErrorKind::NotAPort) && missing.what().contains("no serial port"), "{missing:?}");
        for other in ["/dev/null", "/dev", "/proc/self/exe"] {
            let error = SerialLink::open(Path::new(other)).unwrap_err();
            assert!(error.is(ErrorKind::NotAPort), "{other}: {error:?}");
        }
    }

    #[test]
    fn a_link_to_a_port_is_followed() {
        let (_master, path) = pty();
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("modem");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!(SerialLink::open(&link).unwrap().path(), path);
    }

    #[test]
    fn groups_are_found_by_number() {
        assert_eq!(group_name(0).as_deref(), Some("root"));
        assert_eq!(group_name(u32::MAX - 7), None);
    }
}
