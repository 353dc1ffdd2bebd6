//! What a virtual stick says that it is, whichever way it is asked.

/// Which AT commands a stick's firmware knows, and how it refuses the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// LTE sticks: `^HCSQ`, `^SYSINFOEX`, `ERROR`.
    Lte,
    /// 3G sticks: `^SYSINFO`, `^U2DIAG`, `COMMAND NOT SUPPORT`.
    Umts,
}

/// What is printed on the label of stick number `seed` of a model, where the first one has `first`: the digits at its end count on.
pub(crate) fn numbered(first: &str, seed: u64) -> String {
    let (text, digits) = first.split_at(first.trim_end_matches(|c: char| c.is_ascii_digit()).len());
    let Ok(number) = digits.parse::<u64>() else { return first.to_owned() };
    // The last digit tells the models apart.
    let number = number + 10 * u64::from(subscriber(seed));
    format!("{text}{number:0width$}", width = digits.len())
}

/// The subscriber whose SIM is in stick number `seed`. Seeds count from 1.
pub(crate) fn subscriber(seed: u64) -> u16 {
    seed.saturating_sub(1) as u16
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

impl Identity {
    /// Stick number `seed` of its model.
    #[must_use]
    pub(crate) fn numbered(self, seed: u64) -> Self {
        Identity { imei: numbered(&self.imei, seed), serial: numbered(&self.serial, seed), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn labels_count_on_and_keep_their_length() {
        assert_eq!(numbered("860000000000005", 1), "860000000000005");
        assert_eq!(numbered("860000000000005", 10), "860000000000095");
        assert_eq!(numbered("G4PXX00000000000", 120), "G4PXX00000001190");
        assert_eq!(numbered("", 3), "");
        assert_eq!(numbered("860000000000005", u64::MAX), "860000000655345");
    }
}
