//! What a modem answered to AT commands, as terminals show it: `minicom`, `picocom`, `screen`.

use super::modem_manager::ManagedModem;
use super::number::string;

/// The state between two lines.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// The command whose answer the next line is.
    asked: Option<Asked>,
    /// A command stands in the text.
    talked: bool,
    found: ManagedModem,
}

#[derive(Clone, Copy, Debug)]
enum Asked {
    Maker,
    Model,
    Revision,
    Identity,
    Other,
}

/// Fields of the answer to `ATI`.
const FIELDS: &[(&str, Asked)] = &[
    ("Manufacturer:", Asked::Maker),
    ("Model:", Asked::Model),
    ("Revision:", Asked::Revision),
    ("IMEI:", Asked::Identity),
];
/// Commands with one answer.
const COMMANDS: &[(&str, Asked)] = &[
    ("AT+CGMI", Asked::Maker),
    ("AT+GMI", Asked::Maker),
    ("AT+CGMM", Asked::Model),
    ("AT+GMM", Asked::Model),
    ("AT+CGMR", Asked::Revision),
    ("AT+GMR", Asked::Revision),
    ("AT+CGSN", Asked::Identity),
    ("AT+GSN", Asked::Identity),
];

impl Answers {
    pub(super) fn line(&mut self, text: &str) -> bool {
        let upper = text.to_ascii_uppercase();
        let is_command = upper.strip_prefix("AT").is_some_and(|rest| {
            rest.is_empty() || rest.starts_with(['+', '^', '&', '!', '#', '$', '%', 'I', 'E', 'Z', 'D', 'H'])
        });
        if is_command && !text.contains(' ') {
            self.talked = true;
            let plain = |name: &str| upper == name || upper.strip_prefix(name) == Some("?");
            let asked = COMMANDS.iter().find(|(name, _)| plain(name)).map(|(_, asked)| *asked);
            self.asked = Some(asked.unwrap_or(Asked::Other));
            return true;
        }
        if !self.talked {
            return false;
        }
        if matches!(text, "OK" | "ERROR") {
            self.asked = None;
            return true;
        }
        if let Some(state) = text.strip_prefix("+CPIN:") {
            self.found.lock = match state.trim() {
                "SIM PIN" => Some("sim-pin".to_owned()),
                "SIM PUK" => Some("sim-puk".to_owned()),
                _ => None,
            };
            return true;
        }
        if let Some(error) = text.strip_prefix("+CME ERROR:") {
            if matches!(error.trim(), "10" | "SIM not inserted") {
                self.found.state = Some("failed".to_owned());
                self.found.failed = Some("sim-missing".to_owned());
            }
            self.asked = None;
            return true;
        }
        let named = FIELDS.iter().find_map(|(name, field)| Some((*field, text.strip_prefix(name)?)));
        let Some((asked, value)) = named.or(self.asked.map(|asked| (asked, text))) else { return false };
        let value = string(value.trim().trim_matches('"'));
        match asked {
            Asked::Maker => self.found.manufacturer = value,
            Asked::Model => self.found.model = value,
            Asked::Revision => self.found.revision = value,
            Asked::Identity => self.found.equipment_id = value,
            Asked::Other => return false,
        }
        self.asked = self.asked.filter(|_| named.is_some());
        true
    }

    /// The modem that answered, where it said who it is.
    pub(super) fn finish(self) -> Option<ManagedModem> {
        let told =
            self.found.model.is_some() || self.found.equipment_id.is_some() || self.found.lock.is_some();
        told.then_some(ManagedModem { by_itself: true, ..self.found })
    }
}
