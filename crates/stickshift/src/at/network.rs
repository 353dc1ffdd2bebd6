//! Registration, operators and the radio's mode: docs/protocols/hilink-at.md section 3.5.
//!
//! ```
//! use stickshift::at::network::{self, Access};
//!
//! assert_eq!(network::select("20801")?.text, "AT+COPS=1,2,\"20801\"");
//! assert!(network::select("Orange").is_err(), "a network is chosen by its number");
//! assert_eq!(Access(7).words(), "LTE");
//! # Ok::<(), stickshift::error::Error>(())
//! ```

use std::time::Duration;

use crate::at::{Command, fields_of, hex_number, number, quoted, text, unexpected};
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::wire::at::{fields, value_of};

/// Which registration is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// Circuit switched, `+CREG`.
    Circuit,
    /// Packet switched on 2G and 3G, `+CGREG`.
    Packet,
    /// LTE, `+CEREG`.
    Lte,
    /// 5G, `+C5GREG`.
    Nr,
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
    /// Registered for short messages alone.
    Messages,
    /// On a network for emergency calls alone.
    Emergency,
    /// On a network for restricted local services alone.
    Local,
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
    /// Why the network refused, by 3GPP's number; told by sticks that were asked for it (`AT+CEREG=3`).
    pub cause: Option<u16>,
}

/// `AT+CEREG=3`, `AT+CGREG=3`: registrations tell why the network refused. 3GPP TS 27.007 section 10.1.22. Kept for this session.
pub fn tell_causes(domain: Domain) -> Command<()> {
    let text = match domain {
        Domain::Circuit => "AT+CREG=3",
        Domain::Packet => "AT+CGREG=3",
        Domain::Lte => "AT+CEREG=3",
        Domain::Nr => "AT+C5GREG=3",
    };
    Command::plain(text).that(Effect::Reads)
}

/// `AT+CREG?`, `AT+CGREG?`, `AT+CEREG?`, `AT+C5GREG?`.
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
        Domain::Nr => {
            Command::new("AT+C5GREG?", |a| read_registration(&fields_of(a, "+C5GREG", "a registration")?))
        }
    }
}

fn read_registration(fields: &[&str]) -> Result<Registration> {
    // A report in place of an answer begins with the state.
    let at = usize::from(fields.get(1).is_some_and(|state| state.len() <= 2));
    let state = match number(fields, at) {
        Some(0) => RegistrationState::Idle,
        // 9 and 10: registered, with the older network preferred.
        Some(1 | 9) => RegistrationState::Home,
        Some(2) => RegistrationState::Searching,
        Some(3) => RegistrationState::Denied,
        Some(4) => RegistrationState::Unknown,
        Some(5 | 10) => RegistrationState::Roaming,
        Some(6 | 7) => RegistrationState::Messages,
        Some(8) => RegistrationState::Emergency,
        Some(11) => RegistrationState::Local,
        _ => {
            return Err(Error::new(
                ErrorKind::UnexpectedAnswer,
                "the stick's answer does not read as a registration",
            ));
        }
    };
    // `..,<AcT>,<cause type>,<cause>`; type 0 is 3GPP's list, any other the maker's.
    let cause = number::<u8>(fields, at + 4).filter(|kind| *kind == 0).and_then(|_| number(fields, at + 5));
    Ok(Registration { state, area: text(fields, at + 1), cell: text(fields, at + 2), cause })
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
            // The standard's number; Quectel's modules have it for LTE-M.
            8 => "EC-GSM-IoT or LTE-M",
            9 => "NB-IoT",
            10 => "LTE (5G core)",
            11 => "5G NR",
            12 => "5G NR (5G core)",
            13 => "LTE + 5G NR",
            _ => "unknown",
        }
    }
}

/// The answer to `AT+COPS?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Whether the stick chooses by itself.
    pub automatic: bool,
    /// Whether it was told to leave the network.
    pub left: bool,
    /// Name or number; `None` when it is on no network.
    pub name: Option<String>,
    /// Radio technology.
    pub access: Option<Access>,
}

/// `AT+COPS?`: the network it is on. Some sticks do not answer while they search.
pub fn operator() -> Command<Operator> {
    Command::new("AT+COPS?", |answer| {
        let lines: Vec<Vec<&str>> = answer.values("+COPS").map(fields).collect();
        // One that names the network, where there are several.
        let named = lines.iter().find(|f| text(f, 2).is_some()).or(lines.first());
        let Some((fields, mode)) = named.and_then(|f| Some((f, number::<u8>(f, 0)?))) else {
            return Err(unexpected("an operator", answer));
        };
        Ok(Operator {
            automatic: mode == 0,
            left: mode == 2,
            name: text(fields, 2).map(|name| readable(&name)),
            access: number(fields, 3).map(Access),
        })
    })
    .within(Duration::from_secs(10))
}

/// A name as text: while `AT+CSCS="UCS2"` is in force, four hexadecimal digits stand for each character.
fn readable(name: &str) -> String {
    let is_hex =
        name.len() >= 8 && name.len().is_multiple_of(4) && name.bytes().all(|b| b.is_ascii_hexdigit());
    // A name of six letters of these is a name.
    if !is_hex || !name.bytes().any(|b| b.is_ascii_digit()) {
        return name.to_owned();
    }
    let unit = |i: usize| u16::from_str_radix(&name[i..i + 4], 16).unwrap_or(0);
    let units: Vec<u16> = (0..name.len()).step_by(4).map(unit).collect();
    match String::from_utf16(&units) {
        Ok(text) if !text.chars().any(|c| c.is_control() || ('\u{e000}'..'\u{f900}').contains(&c)) => text,
        _ => name.to_owned(),
    }
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
        if answer.value("+COPS").is_none() {
            return Err(unexpected("a list of networks", answer));
        }
        let offer = |list: &str| {
            let inner = list.strip_prefix('(')?.strip_suffix(')')?;
            let f = fields(inner);
            let numeric = readable(f.get(3)?);
            let is_number = matches!(numeric.len(), 5 | 6) && numeric.bytes().all(|b| b.is_ascii_digit());
            Some(Offer {
                status: number(&f, 0)?,
                name: readable(&text(&f, 1).unwrap_or_default()),
                short: readable(&text(&f, 2).unwrap_or_default()),
                numeric: is_number.then_some(numeric)?,
                access: number(&f, 4).map(Access),
            })
        };
        let mut offers = Vec::new();
        // All on one line, each on a line of its own, or more on lines without the name.
        for line in &answer.lines {
            let value = value_of(line, "+COPS").unwrap_or(line);
            // Two empty fields part the networks from the lists of supported modes.
            let lists = fields(value);
            let networks = lists.iter().skip_while(|f| f.is_empty()).take_while(|f| !f.is_empty());
            offers.extend(networks.filter_map(|list| offer(list)));
        }
        Ok(offers)
    })
    .within(Duration::from_secs(180))
}

/// `AT+COPS=3,2`: [`operator`] tells numbers in place of names from now on.
pub fn name_by_number() -> Command<()> {
    Command::plain("AT+COPS=3,2").that(Effect::Reads)
}

/// `AT+COPS=3,0`: it tells names again, as after power-on.
pub fn name_in_words() -> Command<()> {
    Command::plain("AT+COPS=3,0").that(Effect::Reads)
}

/// `AT+COPS=0`: the stick chooses its network.
pub fn select_automatically() -> Command<()> {
    Command::plain("AT+COPS=0").within(Duration::from_secs(120))
}

/// `AT+COPS=1,2,..`: one network by its number.
///
/// # Errors
/// `Usage` for what is no network number.
pub fn select(numeric: &str) -> Result<Command<()>> {
    if !matches!(numeric.len(), 5 | 6) || !numeric.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Error::new(ErrorKind::Usage, "a network number has five or six digits"));
    }
    Ok(Command::plain(format!("AT+COPS=1,2,\"{numeric}\"")).within(Duration::from_secs(120)))
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
    /// LTE bands, bit n-1 for band n; 7FFFFFFFFFFFFFFF all, 40000000 keep. `None` where the stick does not tell.
    pub lte_bands: Option<u64>,
}

/// What leaves a setting of `AT^SYSCFGEX` as it is.
const KEEP_ROAMING: u8 = 2;
const KEEP_DOMAIN: u8 = 4;
const KEEP_BANDS: u64 = 0x4000_0000;

/// `AT^SYSCFGEX?`: what the radio may use now. Some sticks leave the last fields out.
pub fn radio_config() -> Command<RadioConfig> {
    Command::new("AT^SYSCFGEX?", |answer| {
        let f = fields_of(answer, "^SYSCFGEX", "a radio configuration")?;
        let bad = || unexpected("a radio configuration", answer);
        Ok(RadioConfig {
            order: text(&f, 0).ok_or_else(bad)?,
            bands: hex_number(&f, 1).ok_or_else(bad)?,
            roaming: number(&f, 2).unwrap_or(KEEP_ROAMING),
            domain: number(&f, 3).unwrap_or(KEEP_DOMAIN),
            lte_bands: hex_number(&f, 4),
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
    let lte_bands = lte_bands.unwrap_or(KEEP_BANDS);
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
