#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::link::{ByteLink, MessageLink};

/// An open link as something to wait for: [`Bus::wait_change_or_input`](crate::link::Bus::wait_change_or_input).
#[derive(Debug)]
pub struct Input {
    #[cfg(unix)]
    descriptor: OwnedFd,
}

impl Input {
    /// That of a port; `None` where the system has nothing to wait for, as with virtual sticks.
    pub fn of_port(port: &dyn ByteLink) -> Option<Input> {
        #[cfg(unix)]
        return port.descriptor().map(|descriptor| Input { descriptor });
        #[cfg(not(unix))]
        {
            let _ = port;
            None
        }
    }

    /// That of a control channel.
    pub fn of_messages(messages: &dyn MessageLink) -> Option<Input> {
        #[cfg(unix)]
        return messages.descriptor().map(|descriptor| Input { descriptor });
        #[cfg(not(unix))]
        {
            let _ = messages;
            None
        }
    }
}

#[cfg(unix)]
impl AsFd for Input {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
