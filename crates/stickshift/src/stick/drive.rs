//! The drives behind a stick's storage interfaces, and what keeps a system from using a stick that is plugged in.

use std::fmt;

/// What kind of drive the storage driver found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DriveKind {
    /// A CD-ROM: SCSI peripheral device type 5.
    Cdrom,
    /// A disk or a card reader: type 0.
    Disk,
    /// Any other type.
    Other,
}

/// One drive: a logical unit behind a storage interface, as the system's storage driver read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drive {
    /// bInterfaceNumber of its storage interface.
    pub interface: u8,
    /// Its logical unit number behind that interface.
    pub unit: u8,
    /// What kind of drive it is.
    pub kind: DriveKind,
    /// SCSI vendor, model and revision.
    pub texts: [String; 3],
    /// What the system or a program uses it for, one lower-case line each: `mounted at /media/card`. Empty when nobody does.
    pub uses: Vec<String>,
}

impl Drive {
    /// What it is used for, in one line; `None` when nobody uses it.
    pub fn in_use(&self) -> Option<String> {
        let kind = match self.kind {
            DriveKind::Cdrom => "its CD-ROM",
            DriveKind::Disk => "its disk",
            DriveKind::Other => "a drive of it",
        };
        (!self.uses.is_empty()).then(|| format!("{kind} is {}", self.uses.join(", ")))
    }
}

/// Why the system does not use a device that is plugged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hindrance {
    /// `authorized` is 0 in sysfs: of the whole device, or of one interface.
    NotAuthorized {
        /// bInterfaceNumber; `None` for the device.
        interface: Option<u8>,
    },
    /// No configuration was selected. Linux does so when the device asks for more power than its port has to give.
    NotConfigured {
        /// What the device asks for, in mA, where that is known.
        wants_ma: Option<u16>,
    },
}

impl fmt::Display for Hindrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hindrance::NotAuthorized { interface: None } => {
                f.write_str("this system does not authorize the device (authorized = 0)")
            }
            Hindrance::NotAuthorized { interface: Some(number) } => {
                write!(f, "this system does not authorize interface {number} (authorized = 0)")
            }
            Hindrance::NotConfigured { wants_ma: Some(current) } => {
                write!(
                    f,
                    "no configuration is selected: the device asks for {current} mA, more than the port gives"
                )
            }
            Hindrance::NotConfigured { wants_ma: None } => {
                f.write_str("no configuration is selected: most often the port gives too little power")
            }
        }
    }
}
