//! What Windows tells of a stick beyond its descriptors: its tree of devices with the serial ports, what a port has received, and its drive, which
//! takes SCSI commands while its driver stays bound.

mod cfgmgr;
mod comm;
mod scsi;

use std::ffi::OsStr;

use super::device_tree::{self, Node};
use super::pass_through::ScsiUnit;
use crate::error::{Error, ErrorKind, Result};

pub(super) use comm::received;

/// The devices below the one with this identifier, itself first.
fn tree(instance: &OsStr) -> Vec<Node> {
    cfgmgr::tree(instance)
}

/// The serial ports of the stick with this identifier, by interface.
pub(super) fn ports(instance: &OsStr) -> Vec<(u8, String)> {
    device_tree::ports(&tree(instance))
}

/// Opens the drive that the storage driver made of an interface.
///
/// # Errors
/// `NoSuchPort` when there is none (yet), `PermissionDenied`, `PortBusy`, `Io`.
pub(super) fn open_drive(instance: &OsStr, interface: u8) -> Result<Box<dyn ScsiUnit>> {
    let tree = tree(instance);
    let drive = device_tree::below(&tree, interface).into_iter().find_map(cfgmgr::drive_path);
    let path = drive.ok_or_else(|| {
        Error::new(ErrorKind::NoSuchPort, "the system has made no drive of the stick yet")
            .with("interface", interface)
    })?;
    Ok(Box::new(scsi::Drive::open(&path)?))
}
