//! The kernel's virtual host controller, whose ports are sockets (docs/protocols/virtual-usb.md section 1).

use std::fs;
use std::io::ErrorKind as Io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use stickshift::error::{Error, ErrorKind, Result};
use stickshift::stick::Place;

/// Where the kernel shows all controllers.
const ROOT: &str = "/sys/devices/platform/vhci_hcd.0";

/// Status of a port to which nothing is attached.
const FREE: u32 = 4;

/// High speed, as the attach file counts.
const HIGH_SPEED: u32 = 3;

/// One port of a controller, as a line of a status file tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its number, over all controllers.
    pub number: u32,
    /// Whether it is a high-speed one.
    pub high_speed: bool,
    /// Whether nothing is attached.
    pub free: bool,
    /// Where its device stands on the bus, once the kernel has one there.
    pub place: Option<Place>,
}

/// Reads a status file; lines that are no ports are passed over.
pub fn parse_status(text: &str) -> Vec<Port> {
    let port = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let (hub, number, status) = (words.next()?, words.next()?, words.next()?);
        Some(Port {
            number: number.parse().ok()?,
            high_speed: hub == "hs",
            free: status.parse() == Ok(FREE),
            place: words.nth(3).filter(|place| *place != "0-0").and_then(|place| place.parse().ok()),
        })
    };
    text.lines().filter_map(port).collect()
}

/// The virtual host controllers of this kernel.
#[derive(Debug)]
pub struct Vhci {
    root: PathBuf,
}

impl Vhci {
    /// The controllers, when the kernel has them.
    ///
    /// # Errors
    /// `Unsupported` when the module `vhci-hcd` is not loaded.
    pub fn open() -> Result<Self> {
        let root = PathBuf::from(ROOT);
        if root.join("attach").exists() {
            return Ok(Vhci { root });
        }
        Err(Error::new(
            ErrorKind::Unsupported,
            "the kernel module vhci-hcd is not loaded: as root, `modprobe vhci-hcd`",
        )
        .with("path", ROOT))
    }

    /// Every port of every controller.
    ///
    /// # Errors
    /// `Io`, `PermissionDenied`.
    pub fn ports(&self) -> Result<Vec<Port>> {
        let mut all = Vec::new();
        for controller in 0.. {
            let name = if controller == 0 { "status".to_owned() } else { format!("status.{controller}") };
            let path = self.root.join(name);
            match fs::read_to_string(&path) {
                Ok(text) => all.extend(parse_status(&text)),
                Err(e) if e.kind() == Io::NotFound && controller > 0 => break,
                Err(e) => return Err(refused(e, &path)),
            }
        }
        Ok(all)
    }

    /// Attaches the device behind `socket`. `Ok(false)` while the port is still busy with the device before it.
    ///
    /// # Errors
    /// `PermissionDenied`, `Io`.
    pub fn attach(&self, port: u32, socket: &OwnedFd, devid: u32) -> Result<bool> {
        let path = self.root.join("attach");
        let line = format!("{port} {} {devid} {HIGH_SPEED}", socket.as_raw_fd());
        match fs::write(&path, line) {
            Ok(()) => Ok(true),
            Err(e) if matches!(e.kind(), Io::ResourceBusy | Io::WouldBlock) => Ok(false),
            Err(e) => Err(refused(e, &path)),
        }
    }
}

fn refused(e: std::io::Error, path: &Path) -> Error {
    let (kind, what) = match e.kind() {
        Io::PermissionDenied => (ErrorKind::PermissionDenied, "only root can attach virtual sticks"),
        _ => (ErrorKind::Io, "the virtual host controller does not take it"),
    };
    Error::new(kind, what).with("path", path.display()).because(e)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_file_is_read() {
        let text = "hub port sta spd dev      sockfd local_busid\n\
                    hs  0000 006 003 00010002 000008 1-1\n\
                    hs  0001 004 000 00000000 000000 0-0\n\
                    ss  0008 004 000 00000000 000000 0-0\n";
        let ports = parse_status(text);
        let short: Vec<_> = ports.iter().map(|p| (p.number, p.high_speed, p.free)).collect();
        assert_eq!(short, [(0, true, false), (1, true, true), (8, false, true)]);
        assert_eq!(ports[0].place, "1-1".parse().ok());
        assert_eq!(ports[1].place, None);
    }
}
