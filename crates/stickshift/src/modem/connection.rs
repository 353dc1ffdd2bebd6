//! The data connection of HiLink firmware: its switch, how it stands, and with what it dials.

use std::time::Duration;

use serde::Serialize;

use crate::error::refusals::ConnectionState;
use crate::error::{Detail, Error, ErrorKind, Refusal, RefusalFamily, Result, Verdict};
use crate::hilink::monitoring;
use crate::hilink::{ABSENT, code_of, device, dialup, net};
use crate::link::Changes;
use crate::modem::gather::{Gather, Untold};
use crate::modem::look::Seen;
use crate::modem::{Modem, Way};

/// How the data connection stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionStatus {
    /// `connected (901)`: in words with the reason, and the firmware's number.
    pub connection: String,
    /// The firmware's number for it: 901 is connected.
    pub connection_code: Option<u16>,
    /// `registered`, `registered, roaming`, `not registered`.
    pub registration: Option<&'static str>,
    /// Whether data is switched on, on sticks with a switch.
    pub data: Option<bool>,
    /// The operator's name.
    pub operator: Option<String>,
    /// `LTE`.
    pub technology: String,
    /// On another operator's network.
    pub roaming: Option<bool>,
    /// Bars, and how many there can be.
    pub bars: Option<(u8, u8)>,
    /// 0 invalid, 1 valid, 2 to 4 invalid for circuit, packet, both, 240 ROM SIM, 255 absent.
    pub sim: Option<u8>,
    /// Address in the operator's network.
    pub address: Option<String>,
    /// Name servers.
    pub dns: Vec<String>,
    /// What the stick did not tell.
    pub untold: Vec<Untold>,
}

/// A dial-up profile. Its password stays with the stick.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DialProfiles {
    /// The number of the one in use.
    pub current: u32,
    /// All of them.
    pub profiles: Vec<DialProfile>,
}

/// How long a connection may take to come up.
const SETTLES: Duration = Duration::from_secs(30);

/// How long a failure may be that of an earlier attempt.
const STALE: Duration = Duration::from_secs(6);

const SERVICE: &str = "the data connection of HiLink firmware";

impl Modem<'_> {
    /// How the data connection stands.
    ///
    /// # Errors
    /// `Unsupported` over AT; as [`Hilink::call`](crate::hilink::Hilink::call).
    pub fn connection(&mut self) -> Result<ConnectionStatus> {
        let web = self.only_web(SERVICE)?;
        let s = web.call(&monitoring::status())?;
        let mut gather = Gather::default();
        let network = gather.call(web, "operator", &net::current())?;
        let data = match web.call_if_known(&dialup::data_switch()) {
            Err(e) if e.is(ErrorKind::LoginNeeded) => None,
            other => other?,
        };
        Ok(ConnectionStatus {
            connection: s.connection_words(),
            connection_code: s.connection_code,
            registration: s.registration_words(),
            data,
            operator: network.and_then(|n| n.name),
            technology: s.network.to_owned(),
            roaming: s.roaming,
            bars: s.signal_bars.map(|bars| (bars, s.most_bars.unwrap_or(5))),
            sim: s.sim,
            address: s.wan_address,
            dns: s.dns,
            untold: gather.untold,
        })
    }

    /// Waits until the data connection is up, or down, and gives how it stands then; `None` where the stick does not report it.
    ///
    /// # Errors
    /// `HilinkRefused` when the firmware says that it failed, `Timeout` when it does not get there: recoverable, as data is switched
    /// as asked; as [`connection`](Self::connection).
    pub fn await_connection(&mut self, up: bool) -> Result<Option<ConnectionStatus>> {
        let (believed, end) = (self.now() + STALE, self.now() + SETTLES);
        loop {
            let status = self.only_web(SERVICE)?.call(&monitoring::status());
            let status = match status {
                Err(e) if e.is(ErrorKind::HilinkRefused) || e.is(ErrorKind::LoginNeeded) => return Ok(None),
                // One answer may be lost while it dials.
                Err(e) if e.is(ErrorKind::Timeout) && self.now() < end => continue,
                other => other.map_err(|e| e.with_verdict(Verdict::Unknown))?,
            };
            let there = if up { ConnectionState::Connected } else { ConnectionState::Disconnected };
            let failed = status.is(ConnectionState::Failed);
            if status.is(there) || !up && failed {
                return match self.connection() {
                    Err(e) if e.is(ErrorKind::Timeout) => Ok(None),
                    other => other.map(Some),
                };
            }
            if self.now() >= end || failed && self.now() >= believed {
                let what =
                    if up { "the data connection does not come up" } else { "the data connection stays up" };
                let kind = if failed { ErrorKind::HilinkRefused } else { ErrorKind::Timeout };
                let error = Error::new(kind, what).with("connection", status.connection_words());
                let error = match status.connection_code.filter(|_| failed) {
                    Some(code) => error.detail(Detail::Refusal(Refusal {
                        family: RefusalFamily::Connection,
                        code: code.into(),
                    })),
                    None => error,
                };
                return Err(error.with_verdict(Verdict::Recoverable));
            }
            self.sleep(Duration::from_secs(1));
            if let Way::Web(web) = &self.way {
                web.check().map_err(|e| e.with_verdict(Verdict::Recoverable))?;
            }
        }
    }

    /// Turns data on or off: by the data switch, by dialling on sticks that have none.
    ///
    /// ```
    /// use stickshift::event::Cancel;
    /// use stickshift::link::Bus;
    /// use stickshift::modem::Modem;
    ///
    /// let (mut bus, stick) = stickshift_emu::testkit::plugged("e3372h-hilink", 1, None)?;
    /// let mut page = bus.open_http(&stick.place)?;
    /// let mut modem = Modem::over_web(&mut *page, None, &Cancel::new())?;
    /// modem.set_data(false)?;
    /// assert_eq!(modem.connection()?.data, Some(false));
    /// modem.set_data(true)?;
    /// let up = modem.await_connection(true)?.expect("it tells how the connection stands");
    /// assert_eq!(up.connection_code, Some(901));
    /// # Ok::<(), stickshift::error::Error>(())
    /// ```
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

    /// Dials or hangs up, and leaves the data switch as it is.
    pub(crate) fn dial(&mut self, on: bool) -> Result<()> {
        let Err(error) = self.only_web(SERVICE)?.call(&dialup::dial(on)) else { return Ok(()) };
        self.after_trouble(error, |modem| {
            let status = modem.only_web(SERVICE)?.call(&monitoring::status())?;
            let wanted = if on { ConnectionState::Connected } else { ConnectionState::Disconnected };
            Ok(if status.is(wanted) { Seen::Done } else { Seen::Nothing })
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

    /// Dials with profile `index` from now on. Whether the stick shows it: `false` where it said OK and could not be asked since.
    ///
    /// # Errors
    /// As [`dial_profiles`](Self::dial_profiles).
    pub fn use_dial_profile(&mut self, index: u32) -> Result<bool> {
        let sent = self.only_web(SERVICE)?.call(&dialup::use_profile(index));
        self.seen_after(sent, |modem| {
            let now = modem.dial_profiles()?.current;
            Ok(if now == index { Seen::Done } else { Seen::Untouched })
        })
    }

    /// Deletes profile `index`. Whether the stick shows it, as [`use_dial_profile`](Self::use_dial_profile).
    ///
    /// # Errors
    /// `Usage` when there is none, or when the operator made it: firmware says yes to that and keeps it. As
    /// [`dial_profiles`](Self::dial_profiles).
    pub fn delete_dial_profile(&mut self, index: u32) -> Result<bool> {
        let all = self.dial_profiles()?.profiles;
        match all.iter().find(|p| p.index == index) {
            None => return Err(self.fails(ErrorKind::Usage, format!("there is no profile {index}"))),
            Some(p) if p.read_only => {
                let what = format!("profile {index} is the operator's and cannot be deleted");
                return Err(self.fails(ErrorKind::Usage, what));
            }
            Some(_) => {}
        }
        let sent = self.only_web(SERVICE)?.call(&dialup::delete_profile(index));
        self.seen_after(sent, |modem| {
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

    /// Has the stick update itself, or not. Whether it shows it, as [`use_dial_profile`](Self::use_dial_profile).
    ///
    /// # Errors
    /// As [`connection`](Self::connection).
    pub fn set_automatic_updates(&mut self, on: bool) -> Result<bool> {
        let sent = self.only_web(SERVICE)?.call(&device::automatic_updates(on));
        self.seen_after(sent, |modem| {
            Ok(match modem.updates_itself()? {
                Some(now) if now == on => Seen::Done,
                Some(_) => Seen::Untouched,
                None => Seen::Nothing,
            })
        })
    }
}
