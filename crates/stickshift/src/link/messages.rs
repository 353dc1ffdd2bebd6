use std::time::Duration;

use crate::error::Result;
use crate::link::Moment;

/// A channel of whole messages in both directions: the control channel of an MBIM function, `/dev/cdc-wdm0`.
pub trait MessageLink: Send {
    /// The longest message that the channel takes and gives, in bytes.
    fn longest(&self) -> usize;

    /// Sends one message.
    ///
    /// # Errors
    /// `Disconnected` when the stick is gone, `Timeout` when it takes nothing, `Io` otherwise.
    fn send(&mut self, message: &[u8]) -> Result<()>;

    /// The next message, waited for until `deadline`; `None` when none came by then.
    ///
    /// # Errors
    /// `Disconnected` when the stick is gone, `Io` otherwise. Silence is not an error.
    fn receive(&mut self, deadline: Moment) -> Result<Option<Vec<u8>>>;

    /// Another handle of the open channel, to wait for; `None` where this link is no channel of the system.
    #[cfg(unix)]
    fn descriptor(&self) -> Option<std::os::fd::OwnedFd> {
        None
    }

    /// The link's clock.
    fn now(&self) -> Moment;

    /// Lets time pass.
    fn sleep(&mut self, time: Duration);
}
