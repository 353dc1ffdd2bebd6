//! Sockets on which the system listens for this process already: sd_listen_fds(3).

use std::os::fd::{BorrowedFd, OwnedFd};

/// The first of them; the others follow.
const FIRST: i32 = 3;
/// More than a unit of ours has.
const MOST: i32 = 64;

/// The sockets that a service manager has passed to this process; none where it was started by hand. Programs that are started from here
/// do not get them.
pub fn inherited_sockets() -> Vec<OwnedFd> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<i32>().ok());
    // Those of a parent that was meant are not for its children.
    if number("LISTEN_PID") != i32::try_from(std::process::id()).ok() {
        return Vec::new();
    }
    let count = number("LISTEN_FDS").unwrap_or(0).clamp(0, MOST);
    (FIRST..FIRST + count).filter_map(copy).collect()
}

/// A descriptor of our own for the same socket.
fn copy(number: i32) -> Option<OwnedFd> {
    // SAFETY: the number is no descriptor of anything else here: the service manager has opened it before the program began, and says so.
    // One that is not open is refused by the system.
    #[allow(unsafe_code)]
    let passed = unsafe { BorrowedFd::borrow_raw(number) };
    let ours = rustix::io::fcntl_dupfd_cloexec(passed, FIRST).ok()?;
    let _ = rustix::io::fcntl_setfd(passed, rustix::io::FdFlags::CLOEXEC);
    Some(ours)
}
