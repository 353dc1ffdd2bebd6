//! The ports that the stick shows on the bus, over AT alone: `AT^SETPORT`, `AT^U2DIAG`.

use serde::Serialize;

use crate::at::ports::{self, Composition, PortCode, UsbMode};
use crate::error::{Error, ErrorKind, Result};
use crate::link::Changes;
use crate::modem::Modem;
use crate::modem::look::Seen;

/// What the stick shows, and what it could.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortSettings {
    /// `AT^SETPORT?`.
    pub composition: Option<Composition>,
    /// `AT^U2DIAG?`, asked of sticks without compositions.
    pub usb_mode: Option<UsbMode>,
}

/// The ports that are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortsWanted {
    /// By their codes, `FF;12,10,16`.
    Composition(Composition),
    /// By the number of older sticks.
    Mode(UsbMode),
    /// By names, in their order: `at`, `modem`, `ncm`, `diag`, `gps`, `cdrom`, `sd`.
    Named {
        /// The names.
        names: Vec<String>,
        /// Show the CD-ROM first.
        cdrom_first: bool,
    },
}

/// What was chosen, as the stick takes it and in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChosenPorts {
    /// `FF;12,10,16`, or `AT^U2DIAG=256`.
    pub ports: String,
    /// `no CD-ROM, 4G PCUI (AT) + 4G modem + NCM network`.
    pub words: String,
    #[serde(skip)]
    setting: PortSettings,
}

const SERVICE: &str = "request for its ports";

impl Modem<'_> {
    /// What the stick shows now.
    ///
    /// # Errors
    /// `Unsupported` over the web; as [`At::run`](crate::at::At::run).
    pub fn ports(&mut self) -> Result<PortSettings> {
        let at = self.only_at(SERVICE)?;
        let composition = at.run_if_known(&ports::composition())?;
        let usb_mode = if composition.is_none() { at.run_if_known(&ports::usb_mode())? } else { None };
        Ok(PortSettings { composition, usb_mode })
    }

    /// The ports that the stick can show, with its own names for them; empty where it does not tell.
    ///
    /// # Errors
    /// As [`ports`](Self::ports).
    pub fn port_choices(&mut self) -> Result<Vec<(PortCode, String)>> {
        Ok(self.only_at(SERVICE)?.run_if_known(&ports::choices())?.unwrap_or_default())
    }

    /// What `wanted` is on this stick. Nothing is set yet.
    ///
    /// # Errors
    /// `LocksOut` for ports without one for AT commands; `Usage` for a name that is none, or that this stick has no port for.
    pub fn choose_ports(&mut self, wanted: &PortsWanted) -> Result<ChosenPorts> {
        let composition = match wanted {
            PortsWanted::Mode(mode) => {
                ports::set_usb_mode(*mode).map_err(|e| self.assess(e))?;
                return Ok(ChosenPorts {
                    ports: format!("AT^U2DIAG={}", mode.0),
                    words: mode.words().unwrap_or("not known").to_owned(),
                    setting: PortSettings { composition: None, usb_mode: Some(*mode) },
                });
            }
            PortsWanted::Composition(composition) => composition.clone(),
            PortsWanted::Named { names, cdrom_first } => {
                let choices = self.only_at(SERVICE)?.run(&ports::choices())?;
                named(names, *cdrom_first, &choices).map_err(|e| self.assess(e))?
            }
        };
        ports::set_composition(&composition).map_err(|e| self.assess(e))?;
        Ok(ChosenPorts {
            ports: composition.to_string(),
            words: composition.words(),
            setting: PortSettings { composition: Some(composition), usb_mode: None },
        })
    }

    /// Has the stick show the chosen ports from its next start on. Whether it says that it will: some tell what is in force until then.
    ///
    /// ```
    /// use stickshift::event::{Cancel, Session};
    /// use stickshift::link::Bus;
    /// use stickshift::modem::{Modem, PortsWanted, identity};
    ///
    /// let (mut bus, stick) = stickshift_emu::testkit::plugged("e3372h-stick", 1, None)?;
    /// let interface = identity::find_at_port(&mut bus, &stick, &mut Session::quiet())?.expect("an AT port");
    /// let mut port = bus.open_port(&stick.place, interface)?;
    /// let mut modem = Modem::over_at(&mut *port, &Cancel::new())?;
    /// let names = vec!["modem".to_owned(), "at".to_owned()];
    /// let chosen = modem.choose_ports(&PortsWanted::Named { names, cdrom_first: false })?;
    /// // The stick shows them from its next start on.
    /// modem.set_ports(&chosen)?;
    /// assert_eq!(modem.ports()?.composition.map(|set| set.to_string()), Some(chosen.ports));
    /// # Ok::<(), stickshift::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`choose_ports`](Self::choose_ports).
    pub fn set_ports(&mut self, chosen: &ChosenPorts) -> Result<bool> {
        let command = match &chosen.setting {
            PortSettings { composition: Some(composition), .. } => ports::set_composition(composition),
            PortSettings { usb_mode, .. } => ports::set_usb_mode(usb_mode.unwrap_or(UsbMode(276))),
        };
        let command = command.map_err(|e| self.assess(e))?;
        let Err(error) = self.only_at(SERVICE)?.run(&command) else {
            return Ok(self.looking(|modem| modem.shows(chosen)).unwrap_or(false));
        };
        // What was in force before may be told until the next start: only the new setting proves something.
        self.after_trouble(error, |modem| Ok(if modem.shows(chosen)? { Seen::Done } else { Seen::Nothing }))?;
        Ok(true)
    }

    fn shows(&mut self, chosen: &ChosenPorts) -> Result<bool> {
        let at = self.only_at(SERVICE)?;
        Ok(match &chosen.setting {
            PortSettings { composition: Some(wanted), .. } => at.run(&ports::composition())? == *wanted,
            PortSettings { usb_mode, .. } => Some(at.run(&ports::usb_mode())?) == *usb_mode,
        })
    }
}

/// The composition of names.
fn named(names: &[String], cdrom_first: bool, choices: &[(PortCode, String)]) -> Result<Composition> {
    let codes: Vec<PortCode> = choices.iter().map(|(code, _)| *code).collect();
    let code = |word: &str| {
        PortCode::named(word, &codes).ok_or_else(|| {
            let what = format!("this stick has no port {word}");
            Error::new(ErrorKind::Usage, what)
                .with("names", "at, modem, ncm, diag, gps, cdrom, sd; or BEFORE;AFTER")
        })
    };
    let after = names.iter().map(|word| code(&word.trim().to_ascii_lowercase())).collect::<Result<_>>()?;
    let before = if cdrom_first { vec![code("cdrom")?] } else { Vec::new() };
    Ok(Composition { before, after })
}
