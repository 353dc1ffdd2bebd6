//! Who holds a device node: found by looking at every process's open files.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Detail, Error, ErrorKind};

/// A process that has a device node open. Printed as `ModemManager (pid 612)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) pid: u32,
    pub(crate) name: String,
}

impl Holder {
    /// Whether it is one of the system's own helpers, which hold a device for a moment only.
    pub(crate) fn is_udev(&self) -> bool {
        matches!(self.name.as_str(), "(udev-worker)" | "systemd-udevd" | "udevd" | "eudev")
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {})", self.name, self.pid)
    }
}

/// The processes, other than this one, that have any of `nodes` open, with the index of the node. One pass over /proc;
/// processes of other users are seen by root only.
pub(crate) fn others(nodes: &[&Path]) -> Vec<(usize, Holder)> {
    let own = std::process::id();
    let mut found = Vec::new();
    for pid in processes().filter(|pid| *pid != own) {
        for (index, holder) in open_by(pid, nodes) {
            found.push((index, holder));
        }
    }
    found
}

/// Whether this process has `node` open.
pub(crate) fn is_own(node: &Path) -> bool {
    !open_by(std::process::id(), &[node]).is_empty()
}

/// Why a node cannot be opened that somebody else has open, or this very process.
pub(crate) fn busy(path: &Path, holder: Option<Holder>) -> Error {
    let is_own = holder.as_ref().is_some_and(|holder| holder.pid == std::process::id());
    let who = if is_own { "stickshift itself" } else { "another program" };
    let error = Error::new(ErrorKind::PortBusy, format!("{who} holds {}", path.display()))
        .with("path", path.display());
    match holder {
        Some(_) if is_own => error.detail(Detail::HeldHere),
        Some(holder) => error.detail(Detail::Holder(holder.to_string())),
        None => error,
    }
}

/// Who has `node` open: another process if there is one, else this one.
pub(crate) fn of(node: &Path) -> Option<Holder> {
    let other = others(&[node]).into_iter().next();
    other.or_else(|| open_by(std::process::id(), &[node]).into_iter().next()).map(|(_, holder)| holder)
}

/// The process that a UUCP lock file in `directory` names for this port, if it is alive and not this one.
///
/// pppd, minicom and mgetty write `LCK..ttyUSB0` with the process id in decimal.
pub(crate) fn uucp_lock(directory: &Path, port: &Path) -> Option<Holder> {
    let name = port.strip_prefix("/dev").unwrap_or(port).to_string_lossy().replace('/', "_");
    let text = fs::read_to_string(directory.join(format!("LCK..{name}"))).ok()?;
    let pid: u32 = text.split_whitespace().next()?.parse().ok()?;
    if pid == std::process::id() {
        return None;
    }
    Some(Holder { pid, name: process_name(pid)? })
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|e| e.file_name().to_str()?.parse().ok())
}

fn open_by(pid: u32, nodes: &[&Path]) -> Vec<(usize, Holder)> {
    let mut found: Vec<(usize, Holder)> = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
        let Ok(target) = fs::read_link(entry.path()) else { continue };
        let Some(index) = nodes.iter().position(|node| *node == target) else { continue };
        if found.iter().all(|(i, _)| *i != index)
            && let Some(name) = process_name(pid)
        {
            found.push((index, Holder { pid, name }));
        }
    }
    found
}

fn process_name(pid: u32) -> Option<String> {
    let name = fs::read_to_string(PathBuf::from(format!("/proc/{pid}/comm"))).ok()?;
    Some(name.trim_end().chars().map(|c| if c.is_control() { '?' } else { c }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_names_a_living_process() {
        let directory = tempfile::tempdir().unwrap();
        let lock = directory.path().join("LCK..ttyUSB7");
        let port = Path::new("/dev/ttyUSB7");
        assert_eq!(uucp_lock(directory.path(), port), None);
        std::fs::write(&lock, "         1\n").unwrap();
        assert_eq!(uucp_lock(directory.path(), port).map(|h| h.pid), Some(1));
        for stale in ["4294967294\n", "", "no number", "-1"] {
            std::fs::write(&lock, stale).unwrap();
            assert_eq!(uucp_lock(directory.path(), port), None, "{stale:?}");
        }
        std::fs::write(&lock, std::process::id().to_string()).unwrap();
        assert_eq!(uucp_lock(directory.path(), port), None, "our own lock is no obstacle");
    }
}
