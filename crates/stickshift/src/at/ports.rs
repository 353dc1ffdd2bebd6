//! Which ports the stick shows, and how to change that: docs/protocols/hilink-at.md section 3.4.
//!
//! ```
//! use stickshift::at::ports::{self, Composition, PortCode};
//!
//! let composition = Composition { before: vec![], after: [0x12, 0x10, 0x16].map(PortCode).to_vec() };
//! assert_eq!(composition.to_string(), "FF;12,10,16");
//! assert_eq!(composition.words(), "no CD-ROM, 4G PCUI (AT) + 4G modem + NCM network");
//! // One without a port for AT commands would lock its owner out.
//! assert!(ports::set_composition(&Composition { before: vec![], after: vec![PortCode(0x16)] }).is_err());
//! # Ok::<(), stickshift::error::Error>(())
//! ```

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::at::{Command, fields_of, number, quoted, unexpected};
use crate::error::{Error, ErrorKind, Result};

/// The function of one port by its code in `AT^SETPORT`, which is the bInterfaceProtocol that the port then has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PortCode(pub u8);

impl PortCode {
    /// What the port is for, `None` for a code that no document names.
    pub fn words(self) -> Option<&'static str> {
        Some(match self.0 {
            0x01 => "3G modem",
            0x02 => "3G PCUI (AT)",
            0x03 => "3G diag",
            0x04 => "smart card",
            0x05 => "3G GPS",
            0x06 => "GPS control",
            0x07..=0x09 => "NDIS network",
            0x0a => "Bluetooth",
            0x0b => "finger print",
            0x0d => "MMS",
            0x0e => "PC voice",
            0x10 => "4G modem",
            0x12 => "4G PCUI (AT)",
            0x13 => "4G diag",
            0x14 => "4G GPS",
            0x15 => "GPS control",
            0x16 => "NCM network",
            0xa1 => "CD-ROM",
            0xa2 => "SD reader",
            _ => return None,
        })
    }

    /// The port that an owner's word means on a stick with these `choices`: the newer one where it has two of a kind.
    pub fn named(word: &str, choices: &[PortCode]) -> Option<PortCode> {
        let (_, codes) = WORDS.iter().find(|(name, _)| *name == word)?;
        codes.iter().map(|code| PortCode(*code)).find(|code| choices.contains(code))
    }

    /// Whether AT commands are taken here for certain.
    pub fn is_pcui(self) -> bool {
        matches!(self.0, 0x02 | 0x12)
    }
}

impl fmt::Display for PortCode {
    /// As `AT^SETPORT` writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}", self.0)
    }
}

impl FromStr for PortCode {
    type Err = ();

    fn from_str(s: &str) -> Result<Self, ()> {
        let s = s.trim();
        let is_code = matches!(s.len(), 1 | 2) && s.bytes().all(|b| b.is_ascii_hexdigit());
        if is_code { u8::from_str_radix(s, 16).map(PortCode).map_err(|_| ()) } else { Err(()) }
    }
}

/// What owners call ports, and their codes, newer ones first.
const WORDS: [(&str, &[u8]); 7] = [
    ("at", &[0x12, 0x02]),
    ("modem", &[0x10, 0x01]),
    ("diag", &[0x13, 0x03]),
    ("gps", &[0x14, 0x05]),
    ("ncm", &[0x16]),
    ("cdrom", &[0xa1]),
    ("sd", &[0xa2]),
];

/// `AT^SETPORT=?`: the ports that can be chosen, with the stick's own names for them.
pub fn choices() -> Command<Vec<(PortCode, String)>> {
    Command::new("AT^SETPORT=?", |answer| {
        let choice = |value: &str| {
            let (code, name) = value.split_once(':')?;
            Some((code.parse().ok()?, name.trim().to_owned()))
        };
        let choices: Vec<_> = answer.values("^SETPORT").filter_map(choice).collect();
        if choices.is_empty() { Err(unexpected("a list of ports", answer)) } else { Ok(choices) }
    })
}

/// What the stick shows before it is switched and after it, in interface order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composition {
    /// While it is a CD-ROM; empty when it has no such phase.
    pub before: Vec<PortCode>,
    /// As a modem.
    pub after: Vec<PortCode>,
}

impl Composition {
    /// What it comes to, for example `no CD-ROM, 4G PCUI (AT) + 4G modem + NCM network`.
    pub fn words(&self) -> String {
        let name = |code: &PortCode| code.words().map_or_else(|| format!("port {code}"), str::to_owned);
        let list = |codes: &[PortCode]| codes.iter().map(name).collect::<Vec<_>>().join(" + ");
        let before = match &self.before[..] {
            [] => "no CD-ROM".to_owned(),
            before => format!("first {}", list(before)),
        };
        format!("{before}, {}{}", if self.before.is_empty() { "" } else { "then " }, list(&self.after))
    }

    /// Whether AT commands can be given once it is in force. Without a PCUI only the boot pin gets it back.
    pub fn keeps_at(&self) -> bool {
        self.after.iter().any(|code| code.is_pcui())
    }
}

impl fmt::Display for Composition {
    /// As `AT^SETPORT` writes it: `FF;12,10,16`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |codes: &[PortCode]| codes.iter().map(PortCode::to_string).collect::<Vec<_>>().join(",");
        let before = if self.before.is_empty() { "FF".to_owned() } else { list(&self.before) };
        write!(f, "{before};{}", list(&self.after))
    }
}

impl FromStr for Composition {
    type Err = ();

    fn from_str(s: &str) -> Result<Self, ()> {
        let s = s.trim().trim_matches('"');
        let (before, after) = s.split_once(';').ok_or(())?;
        let list = |t: &str| {
            t.split(',').filter(|c| !c.trim().is_empty()).map(str::parse).collect::<Result<Vec<_>, ()>>()
        };
        let none = before.trim().is_empty() || before.trim().eq_ignore_ascii_case("FF");
        Ok(Composition { before: if none { Vec::new() } else { list(before)? }, after: list(after)? })
    }
}

/// `AT^SETPORT?`: the composition in force.
pub fn composition() -> Command<Composition> {
    Command::new("AT^SETPORT?", |answer| {
        let value = answer.value("^SETPORT").and_then(|v| v.parse().ok());
        value.ok_or_else(|| unexpected("a composition of ports", answer))
    })
}

/// `AT^SETPORT=`: another composition, in force after a restart.
///
/// # Errors
/// `LocksOut` for one without a PCUI port; `Usage` for one too long to be real, and for a port that stands there twice.
pub fn set_composition(composition: &Composition) -> Result<Command<()>> {
    if !composition.keeps_at() {
        return Err(Error::new(
            ErrorKind::LocksOut,
            "without a PCUI port the stick would take no AT command any more",
        )
        .with("composition", composition));
    }
    if composition.before.len() + composition.after.len() > 16 {
        return Err(Error::new(ErrorKind::Usage, "a stick has no more than sixteen ports"));
    }
    for list in [&composition.before, &composition.after] {
        if let Some((_, twice)) = list.iter().enumerate().find(|(at, code)| list[..*at].contains(*code)) {
            return Err(Error::new(ErrorKind::Usage, format!("port {twice} stands there twice")));
        }
    }
    Ok(Command::plain(format!("AT^SETPORT={}", quoted(&composition.to_string())?)))
}

/// What `AT^U2DIAG` is set to on older sticks and the E8372: the composition as one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsbMode(pub u16);

impl UsbMode {
    /// What the number means, `None` for one that no document names.
    pub fn words(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "modem only (on HiLink sticks: network card only)",
            1 => "modem + CD-ROM",
            119 => "HiLink",
            255 => "modem + CD-ROM + card reader",
            256 => "modem + card reader (on the E8372: HiLink with serial ports)",
            257 => "no application port",
            276 => "factory default",
            _ => return None,
        })
    }
}

/// `AT^U2DIAG?`: the mode in force.
pub fn usb_mode() -> Command<UsbMode> {
    Command::new("AT^U2DIAG?", |answer| {
        let fields = fields_of(answer, "^U2DIAG", "a USB mode")?;
        number(&fields, 0).map(UsbMode).ok_or_else(|| unexpected("a USB mode", answer))
    })
}

/// `AT^U2DIAG=`: another mode. It is kept over restarts.
///
/// # Errors
/// `LocksOut` for 257, which has no port for commands.
pub fn set_usb_mode(mode: UsbMode) -> Result<Command<()>> {
    if mode.0 == 257 {
        return Err(Error::new(
            ErrorKind::LocksOut,
            "in this mode the stick would take no AT command any more",
        )
        .with("mode", mode.0));
    }
    Ok(Command::plain(format!("AT^U2DIAG={}", mode.0)))
}

/// `AT^RESET`: restarts the stick after its `OK`.
pub fn reset() -> Command<()> {
    Command::plain("AT^RESET").within(Duration::from_secs(10))
}
