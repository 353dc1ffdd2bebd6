//! What programs that speak QMI or MBIM to a modem print of it: `qmicli`, `mbimcli`, OpenWrt's `uqmi`.
//!
//! `qmicli` and `mbimcli` quote each value: `  Model: 'MC7455'`. `uqmi` prints JSON, and of one value alone it prints that.

use super::modem_manager::{ManagedModem, Teller};
use super::number::string;

/// The state between two lines.
#[derive(Debug, Default)]
pub(super) struct Control {
    /// One of these programs was called, or answered.
    pub(super) talked: bool,
    /// `uqmi` was asked for the IMEI: the next line is it.
    asked_identity: bool,
    found: ManagedModem,
}

impl Control {
    pub(super) fn line(&mut self, text: &str) -> bool {
        // `[/dev/cdc-wdm0] Device model retrieved:`
        let is_program = ["qmicli ", "mbimcli ", "uqmi "].iter().any(|name| text.contains(name));
        if is_program || text.starts_with("[/dev/cdc-wdm") {
            self.talked = true;
            self.asked_identity = text.contains("--get-imei");
            return true;
        }
        self.talked && (self.identity(text) || self.quoted(text) || self.json(text))
    }

    /// `"359074060000000"`
    fn identity(&mut self, text: &str) -> bool {
        let is_it = std::mem::take(&mut self.asked_identity);
        let digits = text.trim_matches('"');
        if !is_it || digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return false;
        }
        self.found.equipment_id = string(digits);
        true
    }

    fn quoted(&mut self, text: &str) -> bool {
        let Some((name, rest)) = text.split_once(": '") else { return false };
        let Some(value) = rest.strip_suffix('\'') else { return false };
        let told = string(value).filter(|value| !matches!(value.as_str(), "0" | "unknown" | "n/a"));
        let found = &mut self.found;
        match name.trim() {
            "Manufacturer" => found.manufacturer = told,
            "Model" => found.model = told,
            "Revision" | "Firmware info" => found.revision = told,
            "Hardware revision" | "Hardware info" => found.hardware = told,
            // mbimcli calls it by MBIM's name.
            "IMEI" | "Device ID" => found.equipment_id = told,
            "Card state" if value == "absent" => found.has_no_sim(),
            "Ready state" if value == "sim-not-inserted" => found.has_no_sim(),
            // PIN2 has names of its own; where several applications are listed, the one that is locked counts.
            "PIN1 state" => found.lock = lock(value).or(found.lock.take()),
            "PIN1 retries" => found.tries(value),
            _ => return false,
        }
        true
    }

    /// `"pin1_status": "not_verified",`
    fn json(&mut self, text: &str) -> bool {
        let fields = text.trim_matches(['{', '}']).split(',').filter_map(|field| field.split_once(':'));
        let mut is_known = false;
        for (name, value) in fields {
            let value = value.trim().trim_matches('"');
            match name.trim().trim_matches('"') {
                "pin1_status" => self.found.lock = lock(value),
                "pin1_verify_tries" => self.found.tries(value),
                _ => continue,
            }
            is_known = true;
        }
        is_known
    }

    /// The modem, where enough was told.
    pub(super) fn finish(self) -> Option<ManagedModem> {
        let found = ManagedModem { told_by: Teller::Control, ..self.found };
        let is_told = found.model.is_some()
            || found.revision.is_some()
            || found.equipment_id.is_some()
            || found.lock.is_some()
            || found.failed.is_some();
        is_told.then_some(found)
    }
}

impl ManagedModem {
    fn has_no_sim(&mut self) {
        self.state = Some("failed".to_owned());
        self.failed = Some("sim-missing".to_owned());
    }

    /// 0 is what a SIM without a PIN has, too.
    fn tries(&mut self, value: &str) {
        self.pin_tries = self.pin_tries.or(value.parse().ok().filter(|tries| *tries > 0));
    }
}

/// The states of PIN1 that lock a SIM, in the words of libqmi and uqmi.
fn lock(state: &str) -> Option<String> {
    let lock = match state {
        "enabled-not-verified" | "not_verified" => "sim-pin",
        "blocked" => "sim-puk",
        _ => return None,
    };
    Some(lock.to_owned())
}
