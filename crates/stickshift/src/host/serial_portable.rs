//! Serial ports where there is no Linux under us: what the serial2 crate gives on every platform.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serial2::SerialPort;

use super::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::link::{ByteLink, Moment};

/// How long a port may refuse to take a single byte; see the Linux side.
const WRITE_STALL: Duration = Duration::from_secs(60);

/// How long to wait when a port has nothing and says so at once.
const NOTHING_YET: Duration = Duration::from_millis(2);

/// Reads what comes first within `wait`, and what came with it. Waits for the whole of it no longer than that.
#[cfg(not(windows))]
fn read_some(port: &mut SerialPort, buffer: &mut [u8], wait: Duration) -> io::Result<usize> {
    port.set_read_timeout(wait)?;
    port.read(buffer)
}

/// The same by the one way of reading that every driver has: until the buffer is full or the time is over. Windows can also wait for whatever comes
/// first, but wine, under which this is tested, then waits for ever.
#[cfg(windows)]
fn read_some(port: &mut SerialPort, buffer: &mut [u8], wait: Duration) -> io::Result<usize> {
    use super::windows::received;

    let mut timeouts = port.get_windows_timeouts()?;
    timeouts.read_interval_timeout = 0;
    timeouts.read_total_timeout_multiplier = 0;
    timeouts.read_total_timeout_constant = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
    port.set_windows_timeouts(&timeouts)?;
    let there = received(port)?.min(buffer.len());
    if there > 0 || buffer.is_empty() {
        return port.read(&mut buffer[..there]);
    }
    let first = port.read(&mut buffer[..1])?;
    let there = received(port).unwrap_or(0).min(buffer.len() - first);
    // What fails now fails again at the next read; the first byte is not lost.
    Ok(first + if there > 0 { port.read(&mut buffer[first..first + there]).unwrap_or(0) } else { 0 })
}

/// A serial port: 115200 8N1 raw, no flow control, DTR and RTS raised.
#[derive(Debug)]
pub struct SerialLink {
    port: SerialPort,
    path: PathBuf,
    clock: Clock,
}

impl SerialLink {
    /// Opens the port at `path`, for example `COM5` or `/dev/cu.HUAWEIMobile-Pcui`.
    ///
    /// # Errors
    /// `NotAPort`, `PermissionDenied`, `Io`.
    pub fn open(path: &Path) -> Result<SerialLink> {
        let opened = SerialPort::open(path, |mut settings: serial2::Settings| {
            settings.set_raw();
            settings.set_baud_rate(115_200)?;
            Ok(settings)
        });
        let mut port = opened.map_err(|e| {
            let kind = match e.kind() {
                io::ErrorKind::NotFound => ErrorKind::NotAPort,
                // Windows has one code for a port that another program holds and one that is forbidden; the first is the rule.
                io::ErrorKind::PermissionDenied if cfg!(windows) => ErrorKind::PortBusy,
                io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
                _ => ErrorKind::Io,
            };
            Error::new(kind, format!("cannot open {}", path.display()))
                .with("path", path.display())
                .because(e)
        })?;
        let _ = port.set_dtr(true);
        let _ = port.set_rts(true);
        let stalled = port.set_write_timeout(WRITE_STALL);
        stalled.map_err(|e| Error::new(ErrorKind::Io, "setting the port up failed").because(e))?;
        Ok(SerialLink { port, path: path.to_owned(), clock: Clock::start() })
    }

    /// The port's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A port that fails after it was opened has lost its stick: the systems report that in many ways.
    fn gone(&self, cause: io::Error) -> Error {
        Error::new(ErrorKind::Disconnected, "the stick disconnected")
            .with("path", self.path.display())
            .because(cause)
    }
}

impl ByteLink for SerialLink {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.port.write_all(bytes).map_err(|e| match e.kind() {
            io::ErrorKind::TimedOut => {
                Error::new(ErrorKind::Timeout, "the port takes no bytes").with("path", self.path.display())
            }
            _ => self.gone(e),
        })
    }

    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> Result<usize> {
        loop {
            // Zero means "for ever" on some systems.
            let wait = self.clock.until(deadline).max(Duration::from_millis(1));
            match read_some(&mut self.port, buffer, wait) {
                // On Windows a port that left is an error, and nothing to read may be an end.
                Ok(0) if cfg!(windows) && !buffer.is_empty() => {
                    if self.clock.until(deadline).is_zero() {
                        return Ok(0);
                    }
                    self.clock.sleep(NOTHING_YET);
                }
                Ok(0) if !buffer.is_empty() => return Err(self.gone(io::ErrorKind::UnexpectedEof.into())),
                Ok(n) => return Ok(n),
                Err(e) if matches!(e.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) => {
                    return Ok(0);
                }
                Err(e) => return Err(self.gone(e)),
            }
        }
    }

    fn discard_input(&mut self) -> Result<()> {
        self.port.discard_input_buffer().map_err(|e| self.gone(e))
    }

    fn now(&self) -> Moment {
        self.clock.now()
    }

    fn sleep(&mut self, time: Duration) {
        self.clock.sleep(time);
    }
}
