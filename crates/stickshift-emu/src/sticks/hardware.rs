//! The boards: what a stick is whatever firmware runs on it (docs/protocols/hilink-at.md sections 0, 3.3 and 3.4).

use crate::firmware::memory::{Firmware, FirmwareKind};
use crate::identity::{Dialect, Identity, numbered};

/// What flashing does not change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hardware {
    /// `E3372`.
    pub model: String,
    /// `E3372h-153`.
    pub product: String,
    /// `CL2E3372HM`.
    pub name: String,
    /// `Ver.A`.
    pub board: String,
    /// 15 digits.
    pub imei: String,
    /// As printed on the label.
    pub serial: String,
    /// The factory's `AT^SETPORT`.
    pub ports: String,
    /// Which AT commands its firmware knows.
    pub dialect: Dialect,
}

impl Hardware {
    /// Balong V7R11.
    pub fn e3372h() -> Self {
        Hardware {
            model: "E3372".into(),
            product: "E3372h-153".into(),
            name: "CL2E3372HM".into(),
            board: "Ver.A".into(),
            imei: "860000000000001".into(),
            serial: "G4PXX00000000000".into(),
            ports: "A1,A2;12,1,16,A1,A2".into(),
            dialect: Dialect::Lte,
        }
    }

    /// The later board with 10.0 firmware.
    pub fn e3372h_320() -> Self {
        Hardware {
            product: "E3372h-320".into(),
            name: "CL4E3372HM".into(),
            imei: "860000000000002".into(),
            ..Hardware::e3372h()
        }
    }

    /// Balong V7R2: the same case, another chip.
    pub fn e3372s() -> Self {
        Hardware {
            product: "E3372s-153".into(),
            name: "CL1E3372SM".into(),
            imei: "860000000000003".into(),
            serial: "L8FXX00000000000".into(),
            ports: "A1,A2;12,10,16,A1,A2".into(),
            ..Hardware::e3372h()
        }
    }

    /// An LTE stick of the generation before. Its hardware text is of the E3276's shape.
    pub fn e3276() -> Self {
        Hardware {
            model: "E3276".into(),
            product: "E3276s-150".into(),
            name: "CH1E3276SM".into(),
            board: "Ver.C".into(),
            imei: "860000000000004".into(),
            serial: "K5TXX00000000000".into(),
            ports: "A1,A2;10,12,16,A1,A2".into(),
            dialect: Dialect::Lte,
        }
    }

    /// Vodafone's 3G stick. What it says of its hardware is not known; the text has the shape of its kind.
    pub fn k3772() -> Self {
        Hardware {
            model: "K3772".into(),
            product: "K3772".into(),
            name: "CH1E303SM".into(),
            board: "Ver.A".into(),
            imei: "860000000000005".into(),
            serial: "T2YXX00000000000".into(),
            ports: "A1,A2;1,3,2,A1,A2".into(),
            dialect: Dialect::Umts,
        }
    }

    /// A 3G stick with HiLink firmware.
    pub fn e303() -> Self {
        Hardware { model: "E303".into(), product: "E303".into(), ..Hardware::k3772() }
    }

    /// Stick number `seed` of its model: the label has numbers of its own.
    #[must_use]
    pub fn numbered(self, seed: u64) -> Self {
        Hardware { imei: numbered(&self.imei, seed), serial: numbered(&self.serial, seed), ..self }
    }

    /// What it says of itself while `firmware` runs; without its NV memory it has no IMEI and no serial number.
    pub fn identity(&self, firmware: &Firmware, nv_intact: bool) -> Identity {
        let (imei, serial) = if nv_intact {
            (self.imei.clone(), self.serial.clone())
        } else {
            ("0".repeat(15), String::new())
        };
        Identity {
            model: self.model.clone(),
            product: self.product.clone(),
            hardware: self.name.clone(),
            board: self.board.clone(),
            version: firmware.version.clone(),
            webui: firmware.webui.clone(),
            imei,
            serial,
            ports: self.ports.clone(),
            dialect: self.dialect,
            hilink: firmware.kind == FirmwareKind::Hilink,
            gate_closed: self.gate_closed(&firmware.version),
        }
    }

    /// Whether this firmware refuses to go into download mode. For the E3372h docs/protocols/hilink-at.md section 1.8 has the rule:
    /// `22.AAA.BB.CC.DD` with AAA above 315, or 315 with CC above 0. Firmware 10.0 of the later board is taken to refuse.
    fn gate_closed(&self, version: &str) -> bool {
        let mut numbers = version.split('.').map(|n| n.parse::<u32>().unwrap_or(0));
        let (Some(first), Some(release)) = (numbers.next(), numbers.next()) else { return false };
        match (self.name.as_str(), first) {
            ("CL2E3372HM", 22) => {
                release > 315 || (release == 315 && numbers.nth(1).is_some_and(|cc| cc > 0))
            }
            ("CL4E3372HM", 10 | 11) => true,
            _ => false,
        }
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
            assert_eq!(Hardware::e3372h().gate_closed(version), closed, "{version}");
            assert!(!Hardware::e3372s().gate_closed(version));
        }
        assert!(Hardware::e3372h_320().gate_closed("10.0.3.1(H192SP1C983)"));
    }
}
