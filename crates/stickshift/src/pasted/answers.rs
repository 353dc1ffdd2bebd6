//! What a modem answered to AT commands, as terminals show it: `minicom`, `picocom`, `screen`.

use super::modem_manager::{ManagedModem, Teller};
use super::number::string;
use super::usbconfig::maker_named;

/// The state between two lines.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// The command whose answer the next line is.
    asked: Option<Asked>,
    /// A command stands in the text.
    talked: bool,
    /// Between the quotation marks of what mmcli prints.
    in_response: bool,
    found: ManagedModem,
    /// Codes of the ports that it shows, by `AT^SETPORT?`, and what each code is, by `AT^SETPORT=?`.
    shown: Vec<String>,
    kinds: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug)]
enum Asked {
    Maker,
    Model,
    Revision,
    Hardware,
    Identity,
    /// Of several lines: a maker's name, its model, and fields with names.
    Information,
    /// Of the web page.
    Page,
    Other,
}

/// More ports are no answer.
const MOST_PORTS: usize = 64;

/// Fields of the answer to `ATI`.
const FIELDS: &[(&str, Asked)] = &[
    ("Manufacturer:", Asked::Maker),
    ("Model:", Asked::Model),
    ("Revision:", Asked::Revision),
    ("IMEI:", Asked::Identity),
    ("^VERSION:EXTS:", Asked::Revision),
    ("^VERSION:EXTD:", Asked::Page),
    ("^VERSION:INTD:", Asked::Page),
    ("^VERSION:EXTH:", Asked::Hardware),
    ("^VERSION:EXTU:", Asked::Model),
    ("^VERSION:INTU:", Asked::Model),
    ("^HWVER:", Asked::Hardware),
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
    ("AT+QGMR", Asked::Revision),
    ("ATI", Asked::Information),
];
/// What ends a prompt before a command of another shell: `uart:~$ modem at AT+CGMR`.
const PROMPTS: &[&str] = &["$ ", "# ", "> "];

impl Answers {
    pub(super) fn line(&mut self, text: &str) -> bool {
        // `mmcli -m 0 --command="+GMM"`, which puts AT before it, and its `response: '..'`.
        if let Some((_, command)) =
            text.split_once("--command=").filter(|(before, _)| before.contains("mmcli"))
        {
            let command = command.trim_matches(['"', '\'']).to_ascii_uppercase();
            self.ask(&format!("AT{}", command.strip_prefix("AT").unwrap_or(&command)));
            return true;
        }
        let response = text.strip_prefix("response: '");
        self.in_response |= response.is_some() && self.talked;
        let text = match (self.in_response, response.unwrap_or(text)) {
            (true, inner) => inner.strip_suffix('\'').unwrap_or(inner),
            (false, _) => text,
        };
        let upper = text.to_ascii_uppercase();
        let is_command = upper.strip_prefix("AT").is_some_and(|rest| {
            rest.is_empty() || rest.starts_with(['+', '^', '&', '!', '#', '$', '%', 'I', 'E', 'Z', 'D', 'H'])
        });
        if is_command && !text.contains(' ') {
            self.ask(&upper);
            return true;
        }
        let last = upper.rsplit(' ').next().unwrap_or_default().trim_matches(['"', '\'']);
        if PROMPTS.iter().any(|end| text.contains(end)) && COMMANDS.iter().any(|(name, _)| *name == last) {
            self.ask(last);
            return true;
        }
        if !self.talked {
            return false;
        }
        if matches!(text, "OK" | "ERROR") {
            self.asked = None;
            return true;
        }
        if let Some(names) = text.strip_prefix("^FHVER:") {
            self.full_version(names.trim().trim_matches('"'));
            return true;
        }
        if let Some(ports) = text.strip_prefix("^SETPORT:") {
            self.set_port(ports.trim().trim_matches('"'));
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
        // `+CGMM: "E173"`
        let echoed = value.starts_with(['+', '^']).then(|| value.split_once(':')).flatten();
        let value = string(echoed.map_or(value, |(_, value)| value).trim().trim_matches('"'));
        match asked {
            Asked::Maker => self.found.manufacturer = value,
            Asked::Model => self.found.model = value,
            Asked::Revision => self.found.revision = value,
            Asked::Hardware => self.found.hardware = value,
            Asked::Identity => {
                self.found.equipment_id = value.filter(|value| value.bytes().any(|b| b.is_ascii_digit()));
            }
            Asked::Information => {
                let is_maker = maker_named(text).is_some();
                self.found.manufacturer = self.found.manufacturer.take().or(value.filter(|_| is_maker));
                self.asked = is_maker.then_some(Asked::Model);
                return is_maker;
            }
            Asked::Page => self.found.has_page |= value.is_some_and(|value| value.contains("HILINK")),
            Asked::Other => return false,
        }
        self.asked = self.asked.filter(|_| named.is_some());
        true
    }

    fn ask(&mut self, command: &str) {
        self.talked = true;
        self.in_response = false;
        let plain = |name: &str| command == name || command.strip_prefix(name) == Some("?");
        let asked = COMMANDS.iter().find(|(name, _)| plain(name)).map(|(_, asked)| *asked);
        self.asked = Some(asked.unwrap_or(Asked::Other));
    }

    /// `"E3372h-153 22.200.15.00.00,CL2E3372HM Ver.A"`: model and firmware, hardware.
    fn full_version(&mut self, names: &str) {
        let (software, hardware) = names.split_once(',').unwrap_or((names, ""));
        let (model, revision) = software.trim().split_once(' ').unwrap_or((software, ""));
        self.found.model = string(model).or(self.found.model.take());
        self.found.revision = string(revision).or(self.found.revision.take());
        self.found.hardware = string(hardware).or(self.found.hardware.take());
    }

    /// `A1;10,12,16`, those before switching and those after it; and `16: NCM`, one of those that there are.
    fn set_port(&mut self, ports: &str) {
        match ports.split_once(':') {
            Some((code, kind)) if self.kinds.len() < MOST_PORTS => {
                self.kinds.extend(string(code).zip(string(kind)));
            }
            Some(_) => {}
            None => {
                let after = ports.rsplit(';').next().unwrap_or_default();
                self.shown = after.split(',').filter_map(string).take(MOST_PORTS).collect();
            }
        }
    }

    /// The modem that answered, where it said who it is or what it shows.
    pub(super) fn finish(mut self) -> Option<ManagedModem> {
        for code in std::mem::take(&mut self.shown) {
            let kind = self.kinds.iter().find(|(known, _)| *known == code).map(|(_, kind)| kind.clone());
            self.found.ports.push((format!("^SETPORT {code}"), kind.unwrap_or_else(|| "?".to_owned())));
        }
        let told = self.found.model.is_some()
            || self.found.revision.is_some()
            || self.found.equipment_id.is_some()
            || self.found.lock.is_some()
            || !self.found.ports.is_empty();
        told.then_some(ManagedModem { told_by: Teller::At, ..self.found })
    }
}
