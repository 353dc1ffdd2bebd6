//! Registration, operators, signal and the radio's mode: docs/protocols/hilink-at.md section 3.5.

use std::time::Duration;

use crate::at::{Command, PATIENT, fields_of, hex_number, number, quoted, text, unexpected};
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::wire::at::fields;

/// Which registration is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// Circuit switched, `+CREG`.
    Circuit,
    /// Packet switched on 2G and 3G, `+CGREG`.
    Packet,
    /// LTE, `+CEREG`.
    Lte,
}

/// How the stick stands with the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationState {
    /// Not registered, not searching.
    Idle,
    /// Registered at home.
    Home,
    /// Searching.
    Searching,
    /// The network refuses.
    Denied,
    /// Not known.
    Unknown,
    /// Registered with another operator's network.
    Roaming,
}

/// The answer to `AT+CREG?` and its likes. Huawei's never tell the radio technology here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// How it stands.
    pub state: RegistrationState,
    /// Location or tracking area code, hexadecimal.
    pub area: Option<String>,
    /// Cell id, hexadecimal.
    pub cell: Option<String>,
}

/// `AT+CREG?`, `AT+CGREG?`, `AT+CEREG?`.
pub fn registration(domain: Domain) -> Command<Registration> {
    match domain {
        Domain::Circuit => {
            Command::new("AT+CREG?", |a| read_registration(&fields_of(a, "+CREG", "a registration")?))
        }
        Domain::Packet => {
            Command::new("AT+CGREG?", |a| read_registration(&fields_of(a, "+CGREG", "a registration")?))
        }
        Domain::Lte => {
            Command::new("AT+CEREG?", |a| read_registration(&fields_of(a, "+CEREG", "a registration")?))
        }
    }
}

fn read_registration(fields: &[&str]) -> Result<Registration> {
    let state = match number(fields, 1) {
        Some(0) => RegistrationState::Idle,
        Some(1) => RegistrationState::Home,
        Some(2) => RegistrationState::Searching,
        Some(3) => RegistrationState::Denied,
        Some(4) => RegistrationState::Unknown,
        Some(5) => RegistrationState::Roaming,
        _ => {
            return Err(Error::new(
                ErrorKind::UnexpectedAnswer,
                "the stick's answer does not read as a registration",
            ));
        }
    };
    Ok(Registration { state, area: text(fields, 2), cell: text(fields, 3) })
}

/// Radio technology by the number that `+COPS` gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access(pub u8);

impl Access {
    /// In words.
    pub fn words(self) -> &'static str {
        match self.0 {
            0 | 1 => "GSM",
            2 => "UMTS",
            3 => "EDGE",
            4 => "HSDPA",
            5 => "HSUPA",
            6 => "HSPA",
            7 => "LTE",
            _ => "unknown",
        }
    }
}

/// The answer to `AT+COPS?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Whether the stick chooses by itself.
    pub automatic: bool,
    /// Name or number; `None` when it is on no network.
    pub name: Option<String>,
    /// Radio technology.
    pub access: Option<Access>,
}

/// `AT+COPS?`: the network it is on.
pub fn operator() -> Command<Operator> {
    Command::new("AT+COPS?", |answer| {
        let fields = fields_of(answer, "+COPS", "an operator")?;
        let mode: u8 = number(&fields, 0).ok_or_else(|| unexpected("an operator", answer))?;
        Ok(Operator { automatic: mode == 0, name: text(&fields, 2), access: number(&fields, 3).map(Access) })
    })
    .within(PATIENT)
}

/// One network of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// 0 unknown, 1 usable, 2 the present one, 3 forbidden.
    pub status: u8,
    /// Long name.
    pub name: String,
    /// Short name.
    pub short: String,
    /// Country and network code, `20801`.
    pub numeric: String,
    /// Radio technology.
    pub access: Option<Access>,
}

/// `AT+COPS=?`: searches for networks; takes up to two minutes, and data stops meanwhile.
pub fn operators() -> Command<Vec<Offer>> {
    Command::new("AT+COPS=?", |answer| {
        let lists = fields_of(answer, "+COPS", "a list of networks")?;
        // Two empty fields part the networks from the lists of supported modes.
        let networks = lists.iter().take_while(|f| !f.is_empty());
        let offer = |list: &&str| {
            let inner = list.strip_prefix('(')?.strip_suffix(')')?;
            let f = fields(inner);
            Some(Offer {
                status: number(&f, 0)?,
                name: text(&f, 1).unwrap_or_default(),
                short: text(&f, 2).unwrap_or_default(),
                numeric: text(&f, 3)?,
                access: number(&f, 4).map(Access),
            })
        };
        Ok(networks.filter_map(offer).collect())
    })
    .within(Duration::from_secs(180))
}

/// `AT+COPS=3,2`: [`operator`] tells numbers in place of names from now on.
pub fn name_by_number() -> Command<()> {
    Command::plain("AT+COPS=3,2").that(Effect::Reads)
}

/// `AT+COPS=0`: the stick chooses its network.
pub fn select_automatically() -> Command<()> {
    Command::plain("AT+COPS=0").within(Duration::from_secs(120))
}

/// `AT+COPS=1,2,..`: one network by its number, and one radio technology if wanted.
///
/// # Errors
/// `Usage` for what is no network number.
pub fn select(numeric: &str, access: Option<Access>) -> Result<Command<()>> {
    if !matches!(numeric.len(), 5 | 6) || !numeric.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Error::new(ErrorKind::Usage, "a network number has five or six digits"));
    }
    let access = access.map_or_else(String::new, |a| format!(",{}", a.0));
    Ok(Command::plain(format!("AT+COPS=1,2,\"{numeric}\"{access}")).within(Duration::from_secs(120)))
}

/// `AT+CSQ`: received strength in dBm, `None` when unknown.
pub fn strength() -> Command<Option<i16>> {
    Command::new("AT+CSQ", |answer| {
        let n: i16 = number(&fields_of(answer, "+CSQ", "a signal strength")?, 0)
            .ok_or_else(|| unexpected("a signal strength", answer))?;
        Ok((0..=31).contains(&n).then(|| -113 + 2 * n))
    })
}

/// Signal strength and quality, as far as its technology has the figure. All in dB or dBm.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Signal {
    /// `LTE`, `WCDMA`, `GSM`, `NOSERVICE`, ...
    pub system: String,
    /// All power in the channel.
    pub rssi: Option<f32>,
    /// 3G: the cell's code power.
    pub rscp: Option<f32>,
    /// 3G: its share of all power.
    pub ecio: Option<f32>,
    /// 4G: the cell's reference signal.
    pub rsrp: Option<f32>,
    /// 4G: signal to interference and noise.
    pub sinr: Option<f32>,
    /// 4G: its quality.
    pub rsrq: Option<f32>,
}

/// `AT^HCSQ?`: signal strength and quality.
pub fn signal() -> Command<Signal> {
    Command::new("AT^HCSQ?", |answer| {
        let value = answer.value("^HCSQ").ok_or_else(|| unexpected("a signal", answer))?;
        read_signal(value).ok_or_else(|| unexpected("a signal", answer))
    })
}

/// Reads what follows `^HCSQ:`, in an answer or a report.
pub fn read_signal(value: &str) -> Option<Signal> {
    let f = fields(value);
    let system = f.first()?.to_ascii_uppercase();
    // A figure is a step on its scale; 255 is "unknown", and so is what lies outside of it.
    let figure = |index, most: u16, lowest: f32, step: f32| {
        number::<u16>(&f, index).filter(|n| *n <= most).map(|n| lowest + f32::from(n) * step)
    };
    let power = |index| figure(index, 96, -121.0, 1.0);
    let mut signal = Signal { rssi: power(1), ..Signal::default() };
    match system.as_str() {
        "WCDMA" | "TD-SCDMA" => {
            signal.rscp = power(2);
            signal.ecio = figure(3, 65, -32.5, 0.5);
        }
        "LTE" => {
            signal.rsrp = figure(2, 97, -141.0, 1.0);
            signal.sinr = figure(3, 251, -20.2, 0.2);
            signal.rsrq = figure(4, 34, -20.0, 0.5);
        }
        _ => {}
    }
    signal.system = system;
    Some(signal)
}

/// The answer to `AT^SYSINFOEX` (and, as far as it goes, to `AT^SYSINFO`). Numbers as in the protocol document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemInfo {
    /// 0 none, 1 limited, 2 in service, 3 limited regional, 4 asleep.
    pub service: u8,
    /// 0 none, 1 circuit, 2 packet, 3 both, 4 not registered.
    pub domain: u8,
    /// On another operator's network.
    pub roaming: bool,
    /// 0 invalid, 1 valid, 2 to 4 invalid for circuit, packet, both, 240 ROM SIM, 255 none.
    pub sim: u8,
    /// `LTE`, `WCDMA`, `GSM`.
    pub system: String,
    /// `LTE`, `HSPA+`, `EDGE`.
    pub submode: String,
}

/// `AT^SYSINFOEX`: service, SIM and radio technology.
pub fn system() -> Command<SystemInfo> {
    Command::new("AT^SYSINFOEX", |answer| {
        let f = fields_of(answer, "^SYSINFOEX", "system information")?;
        let bad = || unexpected("system information", answer);
        Ok(SystemInfo {
            service: number(&f, 0).ok_or_else(bad)?,
            domain: number(&f, 1).ok_or_else(bad)?,
            roaming: number::<u8>(&f, 2) == Some(1),
            sim: number(&f, 3).ok_or_else(bad)?,
            system: text(&f, 6).unwrap_or_default(),
            submode: text(&f, 8).unwrap_or_default(),
        })
    })
}

/// What the radio may use: `AT^SYSCFGEX`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RadioConfig {
    /// Technologies in order of preference, two digits each: 00 automatic, 01 GSM, 02 WCDMA, 03 LTE, 99 keep.
    pub order: String,
    /// GSM and WCDMA bands; 3FFFFFFF all, 40000000 keep.
    pub bands: u64,
    /// 0 no, 1 yes, 2 keep.
    pub roaming: u8,
    /// 0 circuit, 1 packet, 2 both, 3 any, 4 keep.
    pub domain: u8,
    /// LTE bands, bit n-1 for band n; 7FFFFFFFFFFFFFFF all, 40000000 keep.
    pub lte_bands: u64,
}

/// `AT^SYSCFGEX?`: what the radio may use now.
pub fn radio_config() -> Command<RadioConfig> {
    Command::new("AT^SYSCFGEX?", |answer| {
        let f = fields_of(answer, "^SYSCFGEX", "a radio configuration")?;
        let bad = || unexpected("a radio configuration", answer);
        Ok(RadioConfig {
            order: text(&f, 0).ok_or_else(bad)?,
            bands: hex_number(&f, 1).ok_or_else(bad)?,
            roaming: number(&f, 2).ok_or_else(bad)?,
            domain: number(&f, 3).ok_or_else(bad)?,
            lte_bands: hex_number(&f, 4).ok_or_else(bad)?,
        })
    })
}

/// `AT^SYSCFGEX=`: what the radio may use from now on. Takes up to ten seconds.
///
/// # Errors
/// `Usage` for an order of technologies that is none.
pub fn set_radio_config(config: &RadioConfig) -> Result<Command<()>> {
    let order = config.order.as_str();
    let is_order =
        matches!(order.len(), 2 | 4 | 6 | 8 | 10 | 12) && order.bytes().all(|b| b.is_ascii_digit());
    if !is_order {
        return Err(Error::new(ErrorKind::Usage, "an order of radio technologies has two digits for each")
            .with("order", order));
    }
    let RadioConfig { bands, roaming, domain, lte_bands, .. } = config;
    let order = quoted(order)?;
    // The two commas at the end belong to it.
    let text = format!("AT^SYSCFGEX={order},{bands:X},{roaming},{domain},{lte_bands:X},,");
    Ok(Command::plain(text).within(Duration::from_secs(30)))
}

/// What a 3G stick's radio may use: `AT^SYSCFG`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RadioConfig3g {
    /// 2 automatic, 13 GSM, 14 WCDMA.
    pub mode: u8,
    /// 0 automatic, 1 GSM first, 2 WCDMA first.
    pub order: u8,
    /// 3FFFFFFF all.
    pub bands: u64,
    /// 0 no, 1 yes.
    pub roaming: u8,
    /// 0 circuit, 1 packet, 2 both, 3 any.
    pub domain: u8,
}

/// `AT^SYSCFG?`: the 3G sticks' form.
pub fn radio_config_3g() -> Command<RadioConfig3g> {
    Command::new("AT^SYSCFG?", |answer| {
        let f = fields_of(answer, "^SYSCFG", "a radio configuration")?;
        let bad = || unexpected("a radio configuration", answer);
        Ok(RadioConfig3g {
            mode: number(&f, 0).ok_or_else(bad)?,
            order: number(&f, 1).ok_or_else(bad)?,
            bands: hex_number(&f, 2).ok_or_else(bad)?,
            roaming: number(&f, 3).ok_or_else(bad)?,
            domain: number(&f, 4).ok_or_else(bad)?,
        })
    })
}

/// `AT^SYSCFG=`: the 3G sticks' form. `mode`: 2 automatic, 13 GSM, 14 WCDMA, 16 keep; `order`: 0 automatic, 1 GSM first, 2 WCDMA first, 3 keep.
pub fn set_radio_config_3g(mode: u8, order: u8, bands: u32, roaming: u8, domain: u8) -> Command<()> {
    Command::plain(format!("AT^SYSCFG={mode},{order},{bands:X},{roaming},{domain}"))
        .within(Duration::from_secs(30))
}

/// `AT+CFUN?`: whether the radio is on (1); 0, 4 and 7 are off.
pub fn radio_state() -> Command<u8> {
    Command::new("AT+CFUN?", |answer| {
        number(&fields_of(answer, "+CFUN", "a radio state")?, 0)
            .ok_or_else(|| unexpected("a radio state", answer))
    })
}

/// `AT+CFUN=`: turns the radio on or off.
pub fn set_radio(on: bool) -> Command<()> {
    Command::plain(if on { "AT+CFUN=1" } else { "AT+CFUN=4" }).within(Duration::from_secs(30))
}
