//! A modem as gammu and Asterisk's chan_dongle describe it: a name, a colon between spaces, a value on each line.

use super::modem_manager::{ManagedModem, Teller};
use super::number::string;

/// In the languages that gammu speaks.
const MAKER: &[&str] =
    &["Manufacturer", "Fabricante", "Fabricant", "Hersteller", "Producent", "Производитель"];
const MODEL: &[&str] = &["Model", "Modelo", "Modell", "Modèle", "Модель"];
const FIRMWARE: &[&str] = &["Firmware", "Micrologiciel"];
const IMEI: &[&str] = &["IMEI"];

/// What was told so far.
#[derive(Debug, Default)]
pub(super) struct Described {
    found: ManagedModem,
}

impl Described {
    pub(super) fn line(&mut self, text: &str) -> bool {
        let Some((name, value)) = text.split_once(" : ") else { return false };
        let is = |all: &[&str]| all.contains(&name.trim());
        let found = &mut self.found;
        match () {
            () if is(MAKER) => found.manufacturer = string(value),
            () if is(MODEL) => found.model = model(value),
            () if is(FIRMWARE) => found.revision = string(value),
            () if is(IMEI) => found.equipment_id = string(value),
            () => return false,
        }
        true
    }

    /// The modem, where enough stands there for it to be one.
    pub(super) fn finish(self) -> Option<ManagedModem> {
        let found = ManagedModem { told_by: Teller::Program, ..self.found };
        let is_one = found.manufacturer.is_some() && found.model.is_some();
        Some(found).filter(|found| is_one && (found.revision.is_some() || found.equipment_id.is_some()))
    }
}

/// `E169 (E169)`, `unknown (E153)`: what gammu knows, and what the modem says.
fn model(value: &str) -> Option<String> {
    let said = value.split_once('(').map(|(_, said)| said.trim_end().trim_end_matches(')'));
    string(said.unwrap_or(value))
}
