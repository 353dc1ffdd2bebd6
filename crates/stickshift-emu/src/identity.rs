//! What a virtual stick says that it is, whichever way it is asked.

/// Which AT commands a stick's firmware knows, and how it refuses the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// LTE sticks: `^HCSQ`, `^SYSINFOEX`, `ERROR`.
    Lte,
    /// 3G sticks: `^SYSINFO`, `^U2DIAG`, `COMMAND NOT SUPPORT`.
    Umts,
}

/// The facts that AT commands and the web server report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// `E3372`.
    pub model: String,
    /// `E3372h-153`.
    pub product: String,
    /// `CL2E3372HM`.
    pub hardware: String,
    /// `Ver.A`.
    pub board: String,
    /// Of the running firmware, `21.180.01.00.00`.
    pub version: String,
    /// Of the web UI on the flash, `17.100.13.01.03`; may be empty.
    pub webui: String,
    /// 15 digits; zeros once the NV memory is lost.
    pub imei: String,
    /// Empty once the NV memory is lost.
    pub serial: String,
    /// `AT^SETPORT?` without its prefix.
    pub ports: String,
    /// Which AT commands it knows.
    pub dialect: Dialect,
    /// HiLink firmware runs.
    pub hilink: bool,
    /// The firmware refuses to go into download mode.
    pub gate_closed: bool,
}
