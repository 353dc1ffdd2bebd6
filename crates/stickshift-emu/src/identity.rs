//! What a virtual stick says that it is, over whichever door it is asked.

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
    /// HiLink firmware runs.
    pub hilink: bool,
    /// The firmware refuses to go into download mode.
    pub gate_closed: bool,
}

impl Identity {
    /// Whether HiLink firmware of this version refuses a downgrade (docs/protocols/hilink-at.md section 1.8):
    /// `22.AAA.BB.CC.DD` with AAA above 315, or 315 with CC above 0.
    pub(crate) fn gate_closed(version: &str) -> bool {
        let mut numbers = version.split('.').map(|n| n.parse::<u32>().unwrap_or(0));
        let (Some(22), Some(release)) = (numbers.next(), numbers.next()) else { return false };
        release > 315 || (release == 315 && numbers.nth(1).is_some_and(|cc| cc > 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_by_version() {
        for (version, closed) in [
            ("22.200.15.00.00", false),
            ("22.315.01.00.00", false),
            ("22.315.01.01.00", true),
            ("22.316.00.00.00", true),
            ("22.333.01.00.00", true),
            ("21.333.01.00.00", false),
            ("", false),
        ] {
            assert_eq!(Identity::gate_closed(version), closed, "{version}");
        }
    }
}
