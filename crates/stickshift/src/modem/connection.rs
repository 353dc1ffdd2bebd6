//! The data connection of HiLink firmware: its switch, how it stands, and with what it dials.

use serde::Serialize;

use crate::error::{ErrorKind, Result};
use crate::hilink::monitoring::{self, Connection};
use crate::hilink::{ABSENT, code_of, device, dialup, net};
use crate::link::Changes;
use crate::modem::Modem;
use crate::modem::look::Seen;

/// How the data connection stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConnectionStatus {
    /// `connected (901)`: in words, and the firmware's number.
    pub connection: String,
    /// Whether data is switched on, on sticks with a switch.
    pub data: Option<bool>,
    /// The operator's name.
    pub operator: Option<String>,
    /// `LTE`.
    pub technology: String,
    /// On another operator's network.
    pub roaming: bool,
    /// Bars, and how many there can be.
    pub bars: Option<(u8, u8)>,
    /// 0 invalid, 1 valid, 2 to 4 invalid for circuit, packet, both, 240 ROM SIM, 255 absent.
    pub sim: Option<u8>,
    /// Address in the operator's network.
    pub address: Option<String>,
    /// Name servers.
    pub dns: Vec<String>,
}

/// A dial-up profile. Its password stays with the stick.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DialProfile {
    /// The number to use or delete it by.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Access point name; empty for the operator's choice.
    pub apn: String,
    /// User name.
    pub user: String,
    /// Made by the operator: cannot be deleted.
    pub read_only: bool,
}

/// All dial-up profiles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DialProfiles {
    /// The number of the one in use.
    pub current: u32,
    /// All of them.
    pub profiles: Vec<DialProfile>,
}

const SERVICE: &str = "the data connection of HiLink firmware";

impl Modem<'_> {
    /// How the data connection stands.
    ///
    /// # Errors
    /// `Unsupported` over AT; as [`Hilink::call`](crate::hilink::Hilink::call).
    pub fn connection(&mut self) -> Result<ConnectionStatus> {
        let web = self.only_web(SERVICE)?;
        let s = web.call(&monitoring::status())?;
        let network = web.call_if_known(&net::current())?;
        let data = web.call_if_known(&dialup::data_switch())?;
        Ok(ConnectionStatus {
            connection: format!("{:?} ({})", s.connection, s.connection_code).to_lowercase(),
            data,
            operator: network.and_then(|n| n.name),
            technology: s.network.to_owned(),
            roaming: s.roaming,
            bars: s.signal_bars.map(|bars| (bars, s.most_bars.unwrap_or(5))),
            sim: s.sim,
            address: s.wan_address,
            dns: s.dns,
        })
    }

    /// Turns data on or off: by the data switch, by dialling on sticks that have none.
    ///
    /// # Errors
    /// As [`connection`](Self::connection).
    pub fn set_data(&mut self, on: bool) -> Result<()> {
        let web = self.only_web(SERVICE)?;
        let before = web.standing();
        let Err(error) = web.call(&dialup::set_data_switch(on)) else { return Ok(()) };
        let has_switch = match code_of(&error) {
            // It may have been the page that newer firmware shows when it is in trouble.
            Some(ABSENT) => web.call_if_known(&dialup::data_switch())?.is_some(),
            _ => true,
        };
        if !has_switch {
            // Nothing was switched where there is no switch.
            web.stand(before);
            return self.dial(on);
        }
        self.after_trouble(error, |modem| {
            let now = modem.only_web(SERVICE)?.call(&dialup::data_switch())?;
            Ok(if now == on { Seen::Done } else { Seen::Untouched })
        })
    }

    fn dial(&mut self, on: bool) -> Result<()> {
        let Err(error) = self.only_web(SERVICE)?.call(&dialup::dial(on)) else { return Ok(()) };
        self.after_trouble(error, |modem| {
            let status = modem.only_web(SERVICE)?.call(&monitoring::status())?;
            Ok(match (status.connection, on) {
                (Connection::Connected, true) | (Connection::Disconnected, false) => Seen::Done,
                _ => Seen::Nothing,
            })
        })
    }

    /// The dial-up profiles.
    ///
    /// # Errors
    /// As [`connection`](Self::connection); wants a login where logins are on.
    pub fn dial_profiles(&mut self) -> Result<DialProfiles> {
        let all = self.only_web(SERVICE)?.call(&dialup::profiles())?;
        let profile = |p: dialup::Profile| DialProfile {
            index: p.index,
            name: p.name,
            apn: p.apn,
            user: p.user,
            read_only: p.read_only,
        };
        Ok(DialProfiles { current: all.current, profiles: all.all.into_iter().map(profile).collect() })
    }

    /// Dials with profile `index` from now on.
    ///
    /// # Errors
    /// As [`dial_profiles`](Self::dial_profiles).
    pub fn use_dial_profile(&mut self, index: u32) -> Result<()> {
        let Err(error) = self.only_web(SERVICE)?.call(&dialup::use_profile(index)) else { return Ok(()) };
        self.after_trouble(error, |modem| {
            let now = modem.dial_profiles()?.current;
            Ok(if now == index { Seen::Done } else { Seen::Untouched })
        })
    }

    /// Deletes profile `index`.
    ///
    /// # Errors
    /// `Usage` when there is none, or when the operator made it: firmware says yes to that and keeps it. As
    /// [`dial_profiles`](Self::dial_profiles).
    pub fn delete_dial_profile(&mut self, index: u32) -> Result<()> {
        let all = self.dial_profiles()?.profiles;
        match all.iter().find(|p| p.index == index) {
            None => return Err(self.fails(ErrorKind::Usage, format!("there is no profile {index}"))),
            Some(p) if p.read_only => {
                let what = format!("profile {index} is the operator's and cannot be deleted");
                return Err(self.fails(ErrorKind::Usage, what));
            }
            Some(_) => {}
        }
        let Err(error) = self.only_web(SERVICE)?.call(&dialup::delete_profile(index)) else { return Ok(()) };
        self.after_trouble(error, |modem| {
            let there = modem.dial_profiles()?.profiles.iter().any(|p| p.index == index);
            Ok(if there { Seen::Untouched } else { Seen::Done })
        })
    }

    /// Whether automatic updates are on; `None` where the stick does not report it.
    ///
    /// # Errors
    /// As [`connection`](Self::connection).
    pub fn updates_itself(&mut self) -> Result<Option<bool>> {
        self.only_web(SERVICE)?.call(&device::updates_itself())
    }

    /// Has the stick update itself, or not.
    ///
    /// # Errors
    /// As [`connection`](Self::connection).
    pub fn set_automatic_updates(&mut self, on: bool) -> Result<()> {
        let Err(error) = self.only_web(SERVICE)?.call(&device::automatic_updates(on)) else { return Ok(()) };
        self.after_trouble(error, |modem| {
            Ok(match modem.updates_itself()? {
                Some(now) if now == on => Seen::Done,
                Some(_) => Seen::Untouched,
                None => Seen::Nothing,
            })
        })
    }
}
