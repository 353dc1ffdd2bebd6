//! Plugging and unplugging, reported by the kernel and by udev over netlink: nothing is polled.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::netlink::{KOBJECT_UEVENT, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};

use super::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::link::{Input, Moment};

/// The kernel's own messages, and udev's, which come when links and permissions are set. Without udev only the first are heard.
const GROUPS: u32 = 1 | 2;

/// Kernels send at most 4 KiB; udev adds properties.
const LONGEST_MESSAGE: usize = 16 * 1024;

/// Subsystems whose coming and going changes what a stick is: devices and interfaces, ports, networks, control channels, and
/// the drive behind a storage interface, whose texts tell some sticks apart.
const SUBSYSTEMS: &[&[u8]] = &[b"usb", b"tty", b"net", b"usbmisc", b"usb-serial", b"scsi"];

/// A socket that hears every device event since it was opened.
#[derive(Debug)]
pub(super) struct Hotplug {
    socket: OwnedFd,
}

impl Hotplug {
    /// Starts listening.
    ///
    /// # Errors
    /// `Unsupported` where the system does not let us listen.
    pub(super) fn open() -> Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(KOBJECT_UEVENT))
            .and_then(|socket| bind(&socket, &SocketAddrNetlink::new(0, GROUPS)).map(|()| socket))
            .map_err(|e| {
                Error::new(ErrorKind::Unsupported, "the system does not report plugging of devices")
                    .because(io::Error::from(e))
            })?;
        Ok(Hotplug { socket })
    }

    /// One whose every call fails.
    #[cfg(test)]
    pub(super) fn deaf() -> Self {
        Hotplug { socket: std::fs::File::open("/dev/null").unwrap().into() }
    }

    /// Forgets what was heard so far.
    pub(super) fn forget(&mut self) {
        while !matches!(self.receive(), Heard::Nothing | Heard::Failed(_)) {}
    }

    /// Waits until something about USB devices changes, or until one of `inputs` can be read, at most until `deadline` on `clock`.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn wait(&mut self, clock: &Clock, deadline: Moment, inputs: &[Input]) -> Result<bool> {
        loop {
            match self.receive() {
                Heard::Change => {
                    // Whoever waits looks at the bus now, and sees what else was told so far.
                    self.forget();
                    return Ok(true);
                }
                Heard::Else => {}
                Heard::Nothing => {
                    if !self.poll(clock.until(deadline), inputs)? {
                        return Ok(false);
                    }
                }
                Heard::Failed(e) => return Err(failed(e)),
            }
        }
    }

    /// `true` when the system has told something.
    fn poll(&self, timeout: Duration, inputs: &[Input]) -> Result<bool> {
        // Some systems refuse waits of more than a few weeks, and Moment::MAX means "for ever".
        let timeout = timeout.min(Duration::from_secs(7 * 24 * 3600));
        let timeout = super::clock::timespec(timeout);
        let mut all = vec![PollFd::new(&self.socket, PollFlags::IN)];
        all.extend(inputs.iter().map(|input| PollFd::new(input, PollFlags::IN)));
        match poll(&mut all, Some(&timeout)) {
            Ok(0) => Ok(false),
            // A signal ends the wait: whoever waits may have been asked to stop.
            Ok(_) => Ok(!all[0].revents().is_empty()),
            Err(Errno::INTR) => Ok(false),
            Err(e) => Err(failed(e)),
        }
    }

    fn receive(&self) -> Heard {
        let mut buffer = [0; LONGEST_MESSAGE];
        match recv(&self.socket, &mut buffer, RecvFlags::DONTWAIT) {
            Ok((n, _)) if concerns_usb(&buffer[..n]) => Heard::Change,
            Ok(_) | Err(Errno::INTR) => Heard::Else,
            Err(Errno::AGAIN) => Heard::Nothing,
            // More happened than the socket holds: something surely changed.
            Err(Errno::NOBUFS) => Heard::Change,
            Err(e) => Heard::Failed(e),
        }
    }
}

enum Heard {
    Change,
    Else,
    Nothing,
    Failed(Errno),
}

/// Whether a message is about one of our subsystems. Properties end in NUL in both the kernel's and udev's form; a message that
/// somebody else forged costs a look at the bus and no more.
fn concerns_usb(message: &[u8]) -> bool {
    let subsystem = message.split(|b| *b == 0).find_map(|property| property.strip_prefix(b"SUBSYSTEM="));
    subsystem.is_some_and(|s| SUBSYSTEMS.contains(&s))
}

fn failed(e: Errno) -> Error {
    Error::new(ErrorKind::Io, "listening for devices failed").because(io::Error::from(e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_the_kernel_and_of_udev() {
        let kernel = b"add@/devices/pci0/usb1/1-1\0ACTION=add\0DEVPATH=/devices/pci0/usb1/1-1\0SUBSYSTEM=usb\0SEQNUM=7\0";
        assert!(concerns_usb(kernel));
        let mut udev = b"libudev\0\xfe\xed\xca\xfe\0\0\0\x28".to_vec();
        udev.extend([0; 24]);
        udev.extend_from_slice(b"ACTION=add\0SUBSYSTEM=tty\0DEVNAME=/dev/ttyUSB0\0");
        assert!(concerns_usb(&udev));
        for other in
            [&b"add@/x\0ACTION=add\0SUBSYSTEM=cpu\0"[..], b"", b"SUBSYSTEM=usbx\0", b"XSUBSYSTEM=usb\0"]
        {
            assert!(!concerns_usb(other), "{other:?}");
        }
    }

    #[test]
    fn what_can_be_read_ends_the_wait_and_is_no_change() {
        use std::io::Write;

        let Ok(mut hotplug) = Hotplug::open() else { return };
        let (input, mut other) = std::io::pipe().unwrap();
        let input = Input::of_port(&Piped(input)).unwrap();
        other.write_all(b"^NDISEND:1\r\n").unwrap();
        let clock = Clock::start();
        hotplug.forget();
        let far = clock.now() + Duration::from_secs(3600);
        // Another device may come or go meanwhile; the wait ends either way.
        let _ = hotplug.wait(&clock, far, &[input]).unwrap();
        assert!(clock.now() < far);
    }

    /// Something with a descriptor.
    struct Piped(std::io::PipeReader);

    impl crate::link::ByteLink for Piped {
        fn write(&mut self, _: &[u8]) -> Result<()> {
            Ok(())
        }

        fn read(&mut self, _: &mut [u8], _: Moment) -> Result<usize> {
            Ok(0)
        }

        fn discard_input(&mut self) -> Result<()> {
            Ok(())
        }

        fn descriptor(&self) -> Option<OwnedFd> {
            self.0.try_clone().ok().map(OwnedFd::from)
        }

        fn now(&self) -> Moment {
            Moment::ZERO
        }

        fn sleep(&mut self, _: Duration) {}
    }

    #[test]
    fn a_quiet_bus_ends_the_wait_at_the_deadline() {
        // Inside some containers nobody may listen: then there is nothing to test here.
        let Ok(mut hotplug) = Hotplug::open() else { return };
        let clock = Clock::start();
        hotplug.forget();
        let deadline = clock.now() + Duration::from_millis(5);
        let heard = hotplug.wait(&clock, deadline, &[]).unwrap();
        assert!(heard || clock.now() >= deadline);
    }
}
