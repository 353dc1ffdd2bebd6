//! The stick's own services over whichever way in it has: AT commands on a serial port, the web server of HiLink firmware, or an MBIM
//! function.
//!
//! A [`Modem`] is a stick that can be talked to. What it does, it does over any of them and answers with one type: messages, codes, the SIM,
//! the signal, the network, the data connection, its identity.
//!
//! **A service owns the verdict of what it changes.** When a change fails after it was sent, the service looks again where one can tell
//! (is the message gone? how many tries are left? what is set now?). A look that shows that all is done makes the call succeed, and
//! [`Modem::second_look`] has the trouble; otherwise the error says untouched, recoverable (and what is done), or unknown.
//!
//! ```
//! use stickshift::event::Cancel;
//! use stickshift::link::{Tape, TapeLink};
//! use stickshift::modem::Modem;
//! # fn line(text: &str) -> String { text.bytes().map(|b| format!("{b:02x}")).collect() }
//!
//! // A recorded dialogue in place of a stick: every command and its answer.
//! let dialogue = [
//!     ("AT", ""), ("ATV1", ""), ("ATQ0", ""), ("ATE0", ""), ("AT+CMEE=1", ""), ("AT^CURC=0", ""),
//!     ("AT+COPS?", "+COPS: 0,0,\"Example\",7"),
//!     ("AT+CEREG?", "+CEREG: 0,1"),
//!     ("AT^HCSQ?", "^HCSQ: \"LTE\",46,37,121,20"),
//!     ("AT^HFREQINFO?", "^HFREQINFO: 0,6,3,1300,18150,20000,19300,17200,20000"),
//! ];
//! let mut tape = String::new();
//! for (command, answer) in dialogue {
//!     tape += &format!("> {}0d\n< {}\n", line(command), line(&format!("\r\n{answer}\r\n\r\nOK\r\n")));
//! }
//! let mut port = TapeLink::new(Tape::parse(&tape)?);
//!
//! let mut modem = Modem::over_at(&mut port, &Cancel::new())?;
//! let signal = modem.signal()?;
//! assert_eq!(signal.operator.as_deref(), Some("Example"));
//! assert_eq!((signal.technology.as_deref(), signal.rsrp), (Some("LTE"), Some(-104.0)));
//! # Ok::<(), stickshift::error::Error>(())
//! ```

pub mod assessment;
mod codes;
mod connection;
mod gather;
pub mod identity;
mod locks;
mod look;
mod messages;
mod network;
mod ports;
mod signal;
mod sim;
#[cfg(test)]
mod tests;
mod typed;
pub mod web;

use std::time::Duration;

use crate::at::At;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Cancel, Session};
use crate::hilink::Hilink;
use crate::link::{ByteLink, Changes, Effects, HttpLink, MessageLink, Moment};
use crate::mbim::Mbim;

pub use codes::{CodeAnswer, CodeForm, check_code, check_reply};
pub use connection::{ConnectionStatus, DialProfile, DialProfiles};
pub use gather::Untold;
pub use identity::Identity;
#[cfg(feature = "online")]
pub(crate) use locks::locked;
pub use messages::{
    DataContent, Deleted, DeliveryReport, Draft, EntryKind, MessageId, MessageList, Place, ShortMessage,
    SkippedStore, Submission,
};
pub use network::{HeardNetwork, RadioSettings};
pub use ports::{ChosenPorts, PortSettings, PortsWanted};
pub use signal::Reception;
pub use sim::{LastTry, PinUse, SimCondition, SimStatus};
pub use typed::{is_emergency_call, may_be_posted, may_be_sent, what_follows};
pub use web::Login;

/// The warning that a function was opened anew: it was not untouched.
pub const OPENED_ANEW: &str = "opened-anew";

/// A stick that can be talked to.
pub struct Modem<'l> {
    way: Way<'l>,
    second_look: Option<Error>,
    /// The form in which the stick took the last USSD code.
    code_form: Option<CodeForm>,
    /// The network waits for a reply to the last USSD answer.
    code_asked: bool,
}

/// The way in. Another one is another variant, and the compiler names every service that has to learn it.
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
enum Way<'l> {
    At(At<'l>),
    Web(Hilink<'l>),
    #[cfg_attr(not(feature = "mbim"), expect(dead_code))]
    Mbim(Mbim<'l>),
}

impl Changes for Modem<'_> {
    fn effects(&self) -> &Effects {
        match &self.way {
            Way::At(at) => at.effects(),
            Way::Web(web) => web.effects(),
            Way::Mbim(mbim) => mbim.effects(),
        }
    }

    fn effects_mut(&mut self) -> &mut Effects {
        match &mut self.way {
            Way::At(at) => at.effects_mut(),
            Way::Web(web) => web.effects_mut(),
            Way::Mbim(mbim) => mbim.effects_mut(),
        }
    }
}

impl<'l> Modem<'l> {
    /// Over an AT port, which is brought to words without echo.
    ///
    /// # Errors
    /// As [`At::init`].
    pub fn over_at(link: &'l mut dyn ByteLink, cancel: &Cancel) -> Result<Self> {
        let mut at = At::new(link).with_cancel(cancel.clone());
        at.init()?;
        Ok(Modem::from_at(at))
    }

    /// Over the web server of HiLink firmware, logged in where that is needed and `login` was given.
    ///
    /// # Errors
    /// As [`Hilink::open`] and [`Hilink::login`].
    pub fn over_web(link: &'l mut dyn HttpLink, login: Option<&Login>, cancel: &Cancel) -> Result<Self> {
        Ok(Modem::from_web(web::open_with(link, login, cancel)?))
    }

    /// Over the control channel of an MBIM function, which is opened where it is not. It is left open: closing it would end the
    /// connections of whoever made them.
    ///
    /// # Errors
    /// As [`Mbim::open`].
    #[cfg(feature = "mbim")]
    pub fn over_mbim(link: &'l mut dyn MessageLink, cancel: &Cancel) -> Result<Self> {
        let mut first = [0; 4];
        crate::random::fill(&mut first);
        let mut mbim = Mbim::new(link, u32::from_le_bytes(first)).with_cancel(cancel.clone());
        mbim.open()?;
        Ok(Modem::from_way(Way::Mbim(mbim)))
    }

    /// Over the control channel of an MBIM function.
    ///
    /// # Errors
    /// `Unsupported`: this build does not talk MBIM.
    #[cfg(not(feature = "mbim"))]
    pub fn over_mbim(_: &'l mut dyn MessageLink, _: &Cancel) -> Result<Self> {
        Err(Error::new(ErrorKind::Unsupported, "this build of stickshift does not talk MBIM"))
    }

    /// Says of a modem that was just opened whether its function was opened anew, not knowing whether it was closed. That may end connections.
    pub fn tell_opening(&self, session: &mut Session<'_>) -> bool {
        let is_anew = matches!(&self.way, Way::Mbim(mbim) if mbim.standing().has_changed());
        if is_anew {
            let text = "MBIM was silent and was opened anew: other programs lost their connections";
            session.warn(OPENED_ANEW, text.to_owned());
        }
        is_anew
    }

    fn from_way(way: Way<'l>) -> Self {
        Modem { way, second_look: None, code_form: None, code_asked: false }
    }

    /// Over an AT dialogue that was begun.
    pub fn from_at(at: At<'l>) -> Self {
        Modem::from_way(Way::At(at))
    }

    /// Over a web session that was begun.
    pub fn from_web(web: Hilink<'l>) -> Self {
        Modem::from_way(Way::Web(web))
    }

    /// The trouble of the last change that was seen to be done in spite of it.
    pub fn second_look(&self) -> Option<&Error> {
        self.second_look.as_ref()
    }

    /// The AT dialogue, where this is the way in.
    pub fn at(&mut self) -> Option<&mut At<'l>> {
        if let Way::At(at) = &mut self.way { Some(at) } else { None }
    }

    /// The web session, where this is the way in.
    pub fn web(&mut self) -> Option<&mut Hilink<'l>> {
        if let Way::Web(web) = &mut self.way { Some(web) } else { None }
    }

    /// The MBIM dialogue, where this is the way in.
    pub fn mbim(&mut self) -> Option<&mut Mbim<'l>> {
        if let Way::Mbim(mbim) = &mut self.way { Some(mbim) } else { None }
    }

    /// What the stick says it is.
    ///
    /// # Errors
    /// As [`identity::over_at`], [`identity::over_web`] and [`identity::over_mbim`].
    pub fn identity(&mut self) -> Result<Identity> {
        match &mut self.way {
            Way::At(at) => identity::over_at(at),
            Way::Web(web) => identity::over_web(web),
            Way::Mbim(mbim) => identity::over_mbim(mbim),
        }
    }

    /// The link's clock.
    pub fn now(&self) -> Moment {
        match &self.way {
            Way::At(at) => at.now(),
            Way::Web(web) => web.now(),
            Way::Mbim(mbim) => mbim.now(),
        }
    }

    /// Lets time pass.
    pub fn sleep(&mut self, time: Duration) {
        match &mut self.way {
            Way::At(at) => at.sleep(time),
            Way::Web(web) => web.sleep(time),
            Way::Mbim(mbim) => mbim.sleep(time),
        }
    }

    /// A failure of the service's own, with the verdict that follows from what was sent so far.
    fn fails(&self, kind: ErrorKind, what: impl Into<String>) -> Error {
        self.assess(Error::new(kind, what))
    }

    /// The AT dialogue, for a service that the web server does not have.
    fn only_at(&mut self, service: &str) -> Result<&mut At<'l>> {
        match &mut self.way {
            Way::At(at) => Ok(at),
            Way::Web(web) => {
                let what = format!("the stick's web server has no {service}");
                Err(web.assess(Error::new(ErrorKind::Unsupported, what)))
            }
            Way::Mbim(mbim) => Err(no_command(mbim, service)),
        }
    }

    /// The MBIM dialogue, in the middle of a service that went over it.
    fn only_mbim(&mut self, service: &str) -> Result<&mut Mbim<'l>> {
        match &mut self.way {
            Way::Mbim(mbim) => Ok(mbim),
            Way::At(at) => Err(at.assess(no_mbim(service))),
            Way::Web(web) => Err(web.assess(no_mbim(service))),
        }
    }

    /// The web session, for a service that no AT command has.
    fn only_web(&mut self, service: &str) -> Result<&mut Hilink<'l>> {
        match &mut self.way {
            Way::Web(web) => Ok(web),
            Way::At(at) => {
                let what = format!("there is no AT command for {service}");
                Err(at.assess(Error::new(ErrorKind::Unsupported, what)))
            }
            Way::Mbim(mbim) => Err(no_command(mbim, service)),
        }
    }
}

fn no_mbim(service: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("the stick has no MBIM function for {service}"))
}

fn no_command(mbim: &Mbim<'_>, service: &str) -> Error {
    mbim.assess(Error::new(ErrorKind::Unsupported, format!("there is no MBIM command for {service}")))
}
