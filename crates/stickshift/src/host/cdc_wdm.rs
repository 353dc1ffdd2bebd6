//! Control channels of Linux: `/dev/cdc-wdm*`, one message at a time.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FlockOperation, OFlags};
use rustix::io::Errno;

use super::clock::Clock;
use super::holder;
use crate::error::{Error, ErrorKind, Result};
use crate::link::{ByteLink, MessageLink, Moment};

/// The shortest that a function may take, by its specification: where its descriptor is not found.
const LEAST_LENGTH: u16 = 512;

/// What Huawei's channels take in one message.
const LONGEST_COMMAND: usize = 1024;

/// How long the channel may refuse to take a message.
const WRITE_STALL: Duration = Duration::from_secs(10);

/// udev looks into every new node and lets it go again.
const UDEV_LOOKS: Duration = Duration::from_secs(3);

/// The control channel of an MBIM function, held exclusively.
#[derive(Debug)]
pub struct ControlChannel {
    file: File,
    path: PathBuf,
    longest: u16,
    clock: Clock,
}

impl Drop for ControlChannel {
    fn drop(&mut self) {
        // As for a serial port: a process that is being started has a copy.
        let _ = rustix::fs::flock(&self.file, FlockOperation::Unlock);
    }
}

impl ControlChannel {
    /// Opens the channel at `path`, of a device with these descriptors: the kernel cuts what is longer than they allow.
    ///
    /// # Errors
    /// `NoSuchPort` when there is nothing at `path`, `PermissionDenied`, `PortBusy` (fact `holder`), `Disconnected`, `Io`.
    pub fn open(path: &Path, descriptors: &[u8]) -> Result<ControlChannel> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlags::NONBLOCK.bits() as i32)
            .open(path)
            .map_err(|e| cannot_open(path, e))?;
        // The kernel lets several programs in, and each would take the answers of the others.
        if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
            return Err(holder::busy(path, holder::of(path)));
        }
        let clock = Clock::start();
        loop {
            match holder::others(&[path]).into_iter().next() {
                None => break,
                Some((_, holder)) if holder.is_udev() && clock.now() < UDEV_LOOKS => {
                    clock.sleep(Duration::from_millis(20));
                }
                Some((_, holder)) => return Err(holder::busy(path, Some(holder))),
            }
        }
        let longest = longest_message(descriptors).unwrap_or(LEAST_LENGTH);
        Ok(ControlChannel { file, path: path.to_owned(), longest, clock })
    }

    fn failed(&self, what: &str, errno: Errno) -> Error {
        let error = match errno {
            Errno::NODEV | Errno::NXIO | Errno::SHUTDOWN | Errno::PIPE => {
                Error::new(ErrorKind::Disconnected, "the stick disconnected")
            }
            _ => Error::new(ErrorKind::Io, what).because(std::io::Error::from(errno)),
        };
        error.with("path", self.path.display())
    }

    /// Waits until the channel is ready. `false` when it is not in time.
    fn wait(&self, events: PollFlags, deadline: Moment) -> Result<bool> {
        loop {
            let left = self.clock.until(deadline);
            let timeout =
                Timespec::try_from(left).map_err(|_| self.failed("waiting took too long", Errno::INVAL))?;
            let mut fds = [PollFd::from_borrowed_fd(self.file.as_fd(), events)];
            match poll(&mut fds, Some(&timeout)) {
                Ok(0) => return Ok(false),
                Ok(_) if fds[0].revents().intersects(events) => return Ok(true),
                Ok(_) => return Err(self.failed("the channel hung up", Errno::NODEV)),
                Err(Errno::INTR) => {}
                Err(e) => return Err(self.failed("waiting for the control channel failed", e)),
            }
        }
    }
}

impl MessageLink for ControlChannel {
    fn longest(&self) -> usize {
        usize::from(self.longest)
    }

    fn send(&mut self, message: &[u8]) -> Result<()> {
        let deadline = self.clock.now() + WRITE_STALL;
        loop {
            match rustix::io::write(&self.file, message) {
                Ok(n) if n == message.len() => return Ok(()),
                Ok(_) => return Err(self.failed("the control channel cut a message", Errno::IO)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    if !self.wait(PollFlags::OUT, deadline)? || self.clock.now() >= deadline {
                        let error = Error::new(ErrorKind::Timeout, "the control channel takes no message");
                        return Err(error.with("path", self.path.display()));
                    }
                }
                Err(e) => return Err(self.failed("writing to the control channel failed", e)),
            }
        }
    }

    fn receive(&mut self, deadline: Moment) -> Result<Option<Vec<u8>>> {
        let mut buffer = vec![0; usize::from(self.longest).max(4096)];
        loop {
            match rustix::io::read(&self.file, &mut buffer) {
                Ok(0) | Err(Errno::AGAIN) => {
                    if !self.wait(PollFlags::IN, deadline)? {
                        return Ok(None);
                    }
                    // An empty message wakes whoever waits.
                    if self.clock.now() >= deadline {
                        return Ok(None);
                    }
                }
                Ok(n) => {
                    buffer.truncate(n);
                    return Ok(Some(buffer));
                }
                Err(Errno::INTR) => {}
                Err(e) => return Err(self.failed("reading from the control channel failed", e)),
            }
        }
    }

    fn descriptor(&self) -> Option<std::os::fd::OwnedFd> {
        self.file.as_fd().try_clone_to_owned().ok()
    }

    fn now(&self) -> Moment {
        self.clock.now()
    }

    fn sleep(&mut self, time: Duration) {
        self.clock.sleep(time);
    }
}

/// A control channel that takes AT commands, as Huawei's NCM has one: a stream over messages (docs/protocols/hilink-at.md section 3.1).
#[derive(Debug)]
pub struct ChannelPort {
    channel: ControlChannel,
    /// Of a message that was larger than whoever read it wanted.
    left: VecDeque<u8>,
}

impl ChannelPort {
    /// Whether `path` is a control channel and no serial port.
    pub fn is_one(path: &Path) -> bool {
        let node = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let name = node.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("cdc-wdm")
    }

    /// Opens the channel at `path`.
    ///
    /// # Errors
    /// As [`ControlChannel::open`].
    pub fn open(path: &Path) -> Result<ChannelPort> {
        Ok(ChannelPort { channel: ControlChannel::open(path, &[])?, left: VecDeque::new() })
    }
}

impl ByteLink for ChannelPort {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        bytes.chunks(LONGEST_COMMAND).try_for_each(|message| self.channel.send(message))
    }

    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> Result<usize> {
        if self.left.is_empty() && !buffer.is_empty() {
            self.left.extend(self.channel.receive(deadline)?.unwrap_or_default());
        }
        let n = self.left.len().min(buffer.len());
        self.left.drain(..n).zip(buffer).for_each(|(byte, slot)| *slot = byte);
        Ok(n)
    }

    fn discard_input(&mut self) -> Result<()> {
        self.left.clear();
        while self.channel.receive(Moment::ZERO)?.is_some() {}
        Ok(())
    }

    fn descriptor(&self) -> Option<std::os::fd::OwnedFd> {
        MessageLink::descriptor(&self.channel)
    }

    fn now(&self) -> Moment {
        self.channel.now()
    }

    fn sleep(&mut self, time: Duration) {
        self.channel.sleep(time);
    }
}

/// wMaxControlMessage of the first MBIM functional descriptor (MBIM 1.0 section 6.4).
fn longest_message(mut descriptors: &[u8]) -> Option<u16> {
    const FUNCTIONAL: u8 = 0x24;
    const MBIM: u8 = 0x1b;
    while let [length @ 2..=255, kind, ..] = *descriptors {
        let (descriptor, rest) = descriptors.split_at_checked(usize::from(length))?;
        if let (FUNCTIONAL, [_, _, MBIM, _, _, low, high, ..]) = (kind, descriptor) {
            return Some(u16::from_le_bytes([*low, *high])).filter(|longest| *longest >= 64);
        }
        descriptors = rest;
    }
    None
}

fn cannot_open(path: &Path, error: std::io::Error) -> Error {
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound => ErrorKind::NoSuchPort,
        std::io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        _ if error.raw_os_error() == Some(Errno::NODEV.raw_os_error()) => ErrorKind::Disconnected,
        _ if error.raw_os_error() == Some(Errno::BUSY.raw_os_error()) => ErrorKind::PortBusy,
        _ => ErrorKind::Io,
    };
    let what = format!("cannot open the control channel {}", path.display());
    Error::new(kind, what).with("path", path.display()).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_no_port() {
        let error = ControlChannel::open(Path::new("/dev/cdc-wdm-none"), &[]).unwrap_err();
        assert!(error.is(ErrorKind::NoSuchPort), "{error:?}");
    }

    #[test]
    fn a_channel_is_told_by_its_name_also_behind_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (node, link) = (folder.path().join("cdc-wdm3"), folder.path().join("modem"));
        std::fs::write(&node, "").unwrap();
        std::os::unix::fs::symlink(&node, &link).unwrap();
        assert!(ChannelPort::is_one(&node) && ChannelPort::is_one(&link));
        assert!(ChannelPort::is_one(Path::new("/dev/cdc-wdm-none")));
        assert!(
            !ChannelPort::is_one(Path::new("/dev/ttyUSB0")) && !ChannelPort::is_one(Path::new("/dev/null"))
        );
    }

    /// Each write of a pipe's other end is a message of its own.
    #[test]
    fn commands_and_answers_pass_as_a_stream() {
        let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let channel = ControlChannel {
            file: File::from(std::os::fd::OwnedFd::from(ours)),
            path: "channel".into(),
            longest: LEAST_LENGTH,
            clock: Clock::start(),
        };
        let mut port = ChannelPort { channel, left: VecDeque::new() };
        port.write(b"AT\r").unwrap();
        let mut asked = [0; 3];
        std::io::Read::read_exact(&mut theirs, &mut asked).unwrap();
        assert_eq!(&asked, b"AT\r");
        std::io::Write::write_all(&mut theirs, b"\r\nOK\r\n").unwrap();
        let (mut heard, mut piece) = (Vec::new(), [0; 4]);
        while heard.len() < 6 {
            let n = port.read(&mut piece, Duration::from_secs(10)).unwrap();
            heard.extend_from_slice(&piece[..n]);
        }
        assert_eq!(heard, b"\r\nOK\r\n");
        std::io::Write::write_all(&mut theirs, b"stale").unwrap();
        assert!(port.channel.wait(PollFlags::IN, Duration::from_secs(10)).unwrap());
        port.discard_input().unwrap();
        assert_eq!(port.read(&mut piece, Moment::ZERO).unwrap(), 0);
        assert!(port.descriptor().is_some());
    }

    #[test]
    fn the_descriptor_says_how_long_a_message_is() {
        let all = [
            9, 4, 0, 0, 1, 2, 0x0e, 0, 0, 5, 0x24, 0, 0x10, 1, 12, 0x24, 0x1b, 0, 1, 0, 16, 32, 128, 0, 8, 0,
        ];
        assert_eq!(longest_message(&all), Some(4096));
        for cut in 0..all.len() {
            assert_eq!(longest_message(&all[..cut]), None, "{cut}");
        }
        assert_eq!(longest_message(&[0, 0, 0]), None);
    }
}
