use std::time::Duration;

use crate::error::Result;
use crate::link::Moment;

/// The boot ROM and the download protocol: stale input has ended when nothing came for this long ..
#[cfg(feature = "flash")]
pub(crate) const QUIET: Duration = Duration::from_millis(30);
/// .. and a port that does not become quiet within this speaks something else.
#[cfg(feature = "flash")]
pub(crate) const NEVER_QUIET: Duration = Duration::from_secs(2);

/// A stream of bytes in both directions: a serial port, a pty, a virtual stick's port.
pub trait ByteLink: Send {
    /// Writes all of `bytes` and returns when the link has taken them.
    ///
    /// # Errors
    /// `Disconnected` when the stick is gone, `Timeout` when it takes no bytes, `Io` otherwise.
    fn write(&mut self, bytes: &[u8]) -> Result<()>;

    /// Reads what is there, waiting until `deadline` for the first byte. `Ok(0)` means: nothing came by then.
    ///
    /// # Errors
    /// `Disconnected` when the stick is gone, `Io` otherwise. Silence is not an error.
    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> Result<usize>;

    /// Throws away input that has arrived and was not read.
    ///
    /// # Errors
    /// `Disconnected` when the stick is gone, `Io` otherwise.
    fn discard_input(&mut self) -> Result<()>;

    /// The link's clock.
    fn now(&self) -> Moment;

    /// Lets time pass.
    fn sleep(&mut self, time: Duration);

    /// After a `Disconnected`: waits until the port is back at the same place, in the same mode, and opens it again. `Ok(false)` when it
    /// does not come back by `limit`, shows as something else, or this link cannot tell.
    ///
    /// # Errors
    /// `Interrupted`, `PermissionDenied`, `Io`.
    fn reopen(&mut self, limit: Duration) -> Result<bool> {
        let _ = limit;
        Ok(false)
    }

    /// Another handle of the open port, for a program that takes it over; `None` where this link is no port of the system.
    #[cfg(unix)]
    fn descriptor(&self) -> Option<std::os::fd::OwnedFd> {
        None
    }

    /// Reads until the line has been quiet for `quiet`, at most for `limit`, and returns what came (bounded to 64 KiB).
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn drain(&mut self, quiet: Duration, limit: Duration) -> Result<Vec<u8>> {
        let end = self.now() + limit;
        let mut all = Vec::new();
        let mut buffer = [0; 512];
        loop {
            let deadline = (self.now() + quiet).min(end);
            let n = self.read(&mut buffer, deadline)?;
            if n == 0 || self.now() >= end {
                return Ok(all);
            }
            if all.len() < 64 * 1024 {
                all.extend_from_slice(&buffer[..n]);
            }
        }
    }
}
