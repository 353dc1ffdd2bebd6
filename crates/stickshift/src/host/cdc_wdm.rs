//! Control channels of Linux: `/dev/cdc-wdm*`, one message at a time.

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
use crate::error::{Detail, Error, ErrorKind, Result};
use crate::link::{MessageLink, Moment};

/// The shortest that a function may take, by its specification: where its descriptor is not found.
const LEAST_LENGTH: u16 = 512;

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
            return Err(busy(path, holder::of(path)));
        }
        let clock = Clock::start();
        loop {
            match holder::others(&[path]).into_iter().next() {
                None => break,
                Some((_, holder)) if holder.is_udev() && clock.now() < UDEV_LOOKS => {
                    clock.sleep(Duration::from_millis(20));
                }
                Some((_, holder)) => return Err(busy(path, Some(holder))),
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

    fn now(&self) -> Moment {
        self.clock.now()
    }

    fn sleep(&mut self, time: Duration) {
        self.clock.sleep(time);
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

fn busy(path: &Path, holder: Option<holder::Holder>) -> Error {
    let error = Error::new(ErrorKind::PortBusy, format!("another program holds {}", path.display()))
        .with("path", path.display());
    match holder {
        Some(holder) => error.detail(Detail::Holder(holder.to_string())),
        None => error,
    }
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
