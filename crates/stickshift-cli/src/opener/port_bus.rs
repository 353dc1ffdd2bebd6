//! A bus with one stick on it that is nothing but a serial port: `--port TTY`, for a pty or an odd case.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use stickshift::error::{Error, ErrorKind, Result};
use stickshift::host::SerialLink;
use stickshift::link::{Bus, ByteLink, HttpLink, Moment, UsbLink};
use stickshift::stick::{Interface, Mode, Place, Role, Stick, UsbId};

/// How often it is looked whether the port is there: at the end of a load that is what a user waits for.
const LOOK: Duration = Duration::from_millis(20);

/// Whether a serial port may be at `path`, without opening it.
///
/// # Errors
/// `NotAPort`.
pub(super) fn check(path: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let what = match path.metadata() {
            Ok(found) if found.file_type().is_char_device() => return Ok(()),
            Ok(_) => format!("{} is not a serial port", path.display()),
            Err(_) => format!("there is no serial port {}", path.display()),
        };
        Err(Error::new(ErrorKind::NotAPort, what).with("path", path.display()))
    }
    #[cfg(not(unix))]
    {
        if there(path) {
            return Ok(());
        }
        let what = format!("there is no serial port {}", path.display());
        Err(Error::new(ErrorKind::NotAPort, what).with("path", path.display()))
    }
}

/// Whether something is at `path` now.
#[cfg(unix)]
fn there(path: &Path) -> bool {
    path.exists()
}

/// Whether there is a port of this name now. Windows' names of ports are no files, and a port that somebody has opened answers with another error
/// than that there is none.
#[cfg(not(unix))]
fn there(path: &Path) -> bool {
    let device = Path::new(r"\\.\").join(path);
    !device.metadata().is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound)
}

pub(super) struct PortBus {
    path: PathBuf,
    mode: Mode,
    start: Instant,
    was_there: bool,
}

impl PortBus {
    /// The port at `path`, taken for that of a stick in `mode`.
    pub(super) fn new(path: &Path, mode: Mode) -> Self {
        PortBus { path: path.to_owned(), mode, start: Instant::now(), was_there: there(path) }
    }

    fn stick(&self) -> Stick {
        let role = if self.mode == Mode::BootRom { Role::BootRom } else { Role::Flash };
        let tty = Some(self.path.display().to_string());
        let port = Interface { role, tty, ..Interface::new(0, [0xff; 3]) };
        Stick {
            interfaces: vec![port],
            mode: self.mode,
            ..Stick::new(crate::select::port_place(), UsbId::new(0, 0))
        }
    }

    fn nothing<T>(&self) -> Result<T> {
        Err(Error::new(
            ErrorKind::NoSuchPort,
            format!("{} is a serial port and nothing else", self.path.display()),
        ))
    }
}

impl Bus for PortBus {
    fn raw_devices(&mut self) -> Result<Vec<Stick>> {
        self.was_there = there(&self.path);
        Ok(if self.was_there { vec![self.stick()] } else { Vec::new() })
    }

    /// Nothing tells what stands behind the port but the person who named it.
    fn sticks(&mut self) -> Result<Vec<Stick>> {
        self.raw_devices()
    }

    fn device(&mut self, place: &Place) -> Result<Option<Stick>> {
        self.raw_device(place)
    }

    fn wait_change(&mut self, deadline: Moment) -> Result<bool> {
        loop {
            if there(&self.path) != self.was_there {
                return Ok(true);
            }
            let left = deadline.saturating_sub(self.now());
            if left.is_zero() {
                return Ok(false);
            }
            std::thread::sleep(left.min(LOOK));
        }
    }

    fn open_port(&mut self, _place: &Place, _interface: u8) -> Result<Box<dyn ByteLink>> {
        #[cfg(target_os = "linux")]
        if stickshift::host::ChannelPort::is_one(&self.path) {
            return Ok(Box::new(stickshift::host::ChannelPort::open(&self.path)?));
        }
        Ok(Box::new(SerialLink::open(&self.path)?))
    }

    fn open_usb(&mut self, _place: &Place) -> Result<Box<dyn UsbLink>> {
        self.nothing()
    }

    fn open_http(&mut self, _place: &Place) -> Result<Box<dyn HttpLink>> {
        self.nothing()
    }

    fn now(&self) -> Moment {
        self.start.elapsed()
    }
}
