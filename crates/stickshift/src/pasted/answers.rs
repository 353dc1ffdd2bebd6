//! What a modem answered to AT commands, as terminals show it: `minicom`, `picocom`, `screen`.

use super::modem_manager::{ManagedModem, Teller};
use super::number::string;
use super::usbconfig::maker_named;

/// The state between two lines.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// The command whose answer the next line is.
    asked: Option<Asked>,
    /// Its name.
    question: &'static str,
    /// It gives the SIM a code.
    gives_code: bool,
    /// What was said of maker, model and identity to which question: who says something else there is another modem.
    said: Vec<(&'static str, Asked, String)>,
    /// The maker was said once more, for the same modem or the next one.
    maker_again: bool,
    /// Those that answered before.
    before: Vec<ManagedModem>,
    /// Lines that begin an answer to `ATI` of which the command was not pasted.
    block: Vec<String>,
    /// A command stands in the text.
    talked: bool,
    /// Between the quotation marks of what mmcli prints.
    in_response: bool,
    found: ManagedModem,
    /// Codes of the ports that it shows, by `AT^SETPORT?`, and what each code is, by `AT^SETPORT=?`.
    shown: Vec<String>,
    kinds: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// More modems are in no text.
const MOST_MODEMS: usize = 64;
/// The first lines of an answer to `ATI` that has fields.
const BLOCK: &[&str] = &["Manufacturer:", "Model:", "Revision:"];
/// What a modem shows on USB, by the number of `AT+QCFG="usbnet"` (Quectel's manuals).
const USBNET: &[(&str, &str)] = &[
    ("0", "network by QMI (RmNet)"),
    ("1", "network card (ECM)"),
    ("2", "network by MBIM"),
    ("3", "network card (RNDIS)"),
    ("5", "network card (NCM)"),
];
/// Answers about that; they stand for themselves.
const SETTINGS: &[&str] = &["+QCFG: \"usbnet\",", "#USBCFG: ", "Interface bitmask: "];

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
    ("AT#CGMI", Asked::Maker),
    ("AT#CGMM", Asked::Model),
    ("AT#CGMR", Asked::Revision),
    ("AT#CGSN", Asked::Identity),
    ("AT+CGSN", Asked::Identity),
    ("AT+GSN", Asked::Identity),
    ("AT+QGMR", Asked::Revision),
    ("ATI", Asked::Information),
];
/// Which way a line went, as logs of programs mark it.
const WAYS: &[&str] = &[
    ">>> ", "<<< ", ">> ", "<< ", "> ", "< ", "--> ", "<-- ", "-> ", "<- ", "TX: ", "RX: ", "[TX] ", "[RX] ",
];
/// What ends a prompt before a command of another shell: `uart:~$ modem at AT+CGMR`.
const PROMPTS: &[&str] = &["$ ", "# ", "> "];

/// `+CREG: 0,1`, `+CEREG: 5`: in a network, at home or abroad, which a SIM that waits for a code never is.
fn is_registered(text: &str) -> bool {
    let states = ["+CREG:", "+CGREG:", "+CEREG:"].iter().find_map(|name| text.strip_prefix(name));
    let Some(states) = states else { return false };
    let mut fields = states.split(',').map(str::trim);
    let (first, second) = (fields.next(), fields.next());
    // Unsolicited, the state comes first, and places in quotation marks follow.
    let state = second.filter(|field| field.len() == 1).or(first);
    matches!(state, Some("1" | "5"))
}

/// A line without the time in brackets before it, `[10:00:01] AT+CGMI`.
fn without_time(text: &str) -> &str {
    let is_time = |inside: &str| {
        inside.contains(':') && inside.bytes().all(|b| b.is_ascii_digit() || b": .,-/TZ".contains(&b))
    };
    let behind = text.strip_prefix('[').and_then(|open| open.split_once(']'));
    behind.filter(|(inside, _)| is_time(inside)).map_or(text, |(_, rest)| rest.trim_start())
}

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
        // `<debug> [..] [modem0/ttyUSB2/at] --> 'AT+CGMM<CR>'`; the answer stands behind the line ends in `<-- '<CR><LF>..`.
        let text = match text.split_once("/at] --> '").or_else(|| text.split_once("/probe] --> '")) {
            Some((_, sent)) => sent,
            None if text.contains("<debug>") || text.contains("<dbg>") => return false,
            None => text,
        };
        let text = without_time(text);
        // `send (AT+CGMM^M)` of chat, alone or in pppd's log; the written-out end of the line has split it.
        let of_chat = text == ")" || text == "-- got it" || text.contains("expect (");
        if of_chat && self.talked {
            return true;
        }
        let sent = text.split_once("send (").map(|(_, sent)| sent.trim_end_matches(')'));
        let text = sent.unwrap_or(text);
        let text = WAYS.iter().find_map(|way| text.strip_prefix(way)).unwrap_or(text).trim_start();
        // What is left of a line of that log.
        if text == "'" && !self.in_response {
            return true;
        }
        let upper = text.to_ascii_uppercase();
        let is_command = upper.strip_prefix("AT").is_some_and(|rest| {
            rest.is_empty() || rest.starts_with(['+', '^', '&', '!', '#', '$', '%', 'I', 'E', 'Z', 'D', 'H'])
        });
        if is_command && !text.contains(' ') {
            self.ask(&upper);
            // The log as such tells something, too.
            return sent.is_none();
        }
        let last = upper.rsplit(' ').next().unwrap_or_default().trim_matches(['"', '\'']);
        if PROMPTS.iter().any(|end| text.contains(end)) && COMMANDS.iter().any(|(name, _)| *name == last) {
            self.ask(last);
            return true;
        }
        self.talked |= SETTINGS.iter().any(|start| text.starts_with(start));
        if !self.talked {
            return self.begins_a_block(text);
        }
        if self.setting(text) {
            return true;
        }
        if matches!(text, "OK" | "ERROR") {
            if std::mem::take(&mut self.gives_code) && text == "OK" {
                self.found.lock = None;
            }
            self.asked = None;
            return true;
        }
        if is_registered(text) {
            self.found.lock = None;
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
            let failed = match error.trim() {
                "10" | "SIM not inserted" => Some("sim-missing"),
                "13" | "SIM failure" | "15" | "SIM wrong" => Some("sim-error"),
                _ => None,
            };
            if let Some(failed) = failed {
                self.found.state = Some("failed".to_owned());
                self.found.failed = Some(failed.to_owned());
            }
            self.asked = None;
            self.gives_code = false;
            return true;
        }
        let named = FIELDS.iter().find_map(|(name, field)| Some((*field, text.strip_prefix(name)?)));
        let Some((asked, value)) = named.or(self.asked.map(|asked| (asked, text))) else { return false };
        let field = FIELDS.iter().map(|(name, _)| *name).find(|name| text.starts_with(name));
        let question = field.unwrap_or(self.question);
        // `+CGMM: "E173"`
        let echoed = value.starts_with(['+', '^', '#']).then(|| value.split_once(':')).flatten();
        // Some add a short name: `"FM350-GL","FM350-GL"`.
        let value = echoed.map_or(value, |(_, value)| value).trim();
        let value = string(value.split("\",\"").next().unwrap_or(value).trim_matches('"'));
        let tells = match asked {
            Asked::Information => maker_named(text).is_some().then_some(Asked::Maker),
            Asked::Maker | Asked::Model | Asked::Identity => Some(asked),
            _ => None,
        };
        if let Some((tells, value)) = tells.zip(value.as_deref()) {
            self.part(question, tells, value);
        }
        match asked {
            Asked::Maker => self.found.manufacturer = value.or(self.found.manufacturer.take()),
            Asked::Model => self.found.model = value.or(self.found.model.take()),
            Asked::Revision => self.found.revision = value.or(self.found.revision.take()),
            Asked::Hardware => self.found.hardware = value.or(self.found.hardware.take()),
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
        self.gives_code = command.strip_prefix("AT+CPIN=").is_some_and(|code| code != "?");
        let plain = |name: &str| command == name || command.strip_prefix(name) == Some("?");
        let known = COMMANDS.iter().find(|(name, _)| plain(name));
        (self.question, self.asked) =
            known.map_or(("", Some(Asked::Other)), |(name, asked)| (*name, Some(*asked)));
    }

    /// `Manufacturer: ..`, `Model: ..` and `Revision: ..`, one after another.
    fn begins_a_block(&mut self, text: &str) -> bool {
        let is_next = BLOCK.get(self.block.len()).is_some_and(|name| text.starts_with(name));
        if !is_next {
            self.block.clear();
            return false;
        }
        self.block.push(text.to_owned());
        if self.block.len() == BLOCK.len() {
            self.talked = true;
            for line in std::mem::take(&mut self.block) {
                let _ = self.line(&line);
            }
        }
        true
    }

    /// What the modem shows on USB, as it says.
    fn setting(&mut self, text: &str) -> bool {
        let told = if let Some(number) = text.strip_prefix(SETTINGS[0]) {
            let what = USBNET.iter().find(|(known, _)| *known == number.trim()).map(|(_, what)| *what);
            what.map_or_else(
                || format!("usbnet {}, which is not known", number.trim()),
                |what| what.to_owned(),
            )
        } else if let Some(number) = text.strip_prefix(SETTINGS[1]) {
            format!("composition {} of its model's list", number.trim())
        } else if let Some(functions) = text.strip_prefix(SETTINGS[2]) {
            let inner = functions.split_once('(').map(|(_, rest)| rest.trim_end().trim_end_matches(')'));
            inner.unwrap_or(functions).replace(',', ", ")
        } else {
            return false;
        };
        self.found.shows = string(&told);
        true
    }

    /// Begins another modem where the same question has another answer.
    fn part(&mut self, question: &'static str, asked: Asked, value: &str) {
        let same = |(q, a, _): &&(&str, Asked, String)| (*q, *a) == (question, asked);
        match self.said.iter().find(same) {
            Some((_, _, before)) if !before.eq_ignore_ascii_case(value) => {
                let maker = self.found.manufacturer.clone().filter(|_| self.maker_again);
                self.end();
                self.found.manufacturer = maker;
            }
            Some(_) => {
                self.maker_again |= asked == Asked::Maker;
                return;
            }
            None => {}
        }
        self.said.push((question, asked, value.to_owned()));
    }

    /// The talk with one modem ends.
    fn end(&mut self) {
        self.said.clear();
        self.maker_again = false;
        let found = self.one();
        self.before.extend(found.filter(|_| self.before.len() < MOST_MODEMS));
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
    fn one(&mut self) -> Option<ManagedModem> {
        let mut found = std::mem::take(&mut self.found);
        let kinds = std::mem::take(&mut self.kinds);
        for code in std::mem::take(&mut self.shown) {
            let kind = kinds.iter().find(|(known, _)| *known == code).map(|(_, kind)| kind.clone());
            found.ports.push((format!("^SETPORT {code}"), kind.unwrap_or_else(|| "?".to_owned())));
        }
        let told = found.model.is_some()
            || found.revision.is_some()
            || found.equipment_id.is_some()
            || found.lock.is_some()
            || found.shows.is_some()
            || !found.ports.is_empty();
        told.then_some(ManagedModem { told_by: Teller::At, ..found })
    }

    /// Every modem that answered.
    pub(super) fn finish(mut self) -> Vec<ManagedModem> {
        self.end();
        self.before
    }
}
