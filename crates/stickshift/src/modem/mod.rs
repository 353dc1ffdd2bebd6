//! The stick's own services over whichever way in it has: AT commands on a serial port, or the web server of HiLink firmware.
//!
//! A [`Modem`] is a stick that can be talked to. What it does, it does over either way and answers with one type: messages, codes, the SIM,
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
use crate::event::Cancel;
use crate::hilink::Hilink;
use crate::link::{ByteLink, Changes, Effects, HttpLink, Moment};

pub use codes::{CodeAnswer, CodeForm};
pub use connection::{ConnectionStatus, DialProfile, DialProfiles};
pub use gather::Untold;
pub use identity::Identity;
pub use messages::{
    DataContent, Deleted, DeliveryReport, Draft, EntryKind, MessageId, MessageList, Place, ShortMessage,
    SkippedStore, Submission,
};
pub use network::{HeardNetwork, RadioSettings};
pub use ports::{ChosenPorts, PortSettings, PortsWanted};
pub use signal::Reception;
pub use sim::{LastTry, PinUse, SimCondition, SimStatus};
pub use web::Login;

/// A stick that can be talked to.
pub struct Modem<'l> {
    way: Way<'l>,
    second_look: Option<Error>,
    /// The form in which the stick took the last USSD code.
    code_form: Option<CodeForm>,
    /// The network waits for a reply to the last USSD answer.
    code_asked: bool,
}

/// The way in. A third one is a third variant, and the compiler names every service that has to learn it.
enum Way<'l> {
    At(At<'l>),
    Web(Hilink<'l>),
}

impl Changes for Modem<'_> {
    fn effects(&self) -> &Effects {
        match &self.way {
            Way::At(at) => at.effects(),
            Way::Web(web) => web.effects(),
        }
    }

    fn effects_mut(&mut self) -> &mut Effects {
        match &mut self.way {
            Way::At(at) => at.effects_mut(),
            Way::Web(web) => web.effects_mut(),
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

    /// Over an AT dialogue that was begun.
    pub fn from_at(at: At<'l>) -> Self {
        Modem { way: Way::At(at), second_look: None, code_form: None, code_asked: false }
    }

    /// Over a web session that was begun.
    pub fn from_web(web: Hilink<'l>) -> Self {
        Modem { way: Way::Web(web), second_look: None, code_form: None, code_asked: false }
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

    /// What the stick says it is.
    ///
    /// # Errors
    /// As [`identity::over_at`] and [`identity::over_web`].
    pub fn identity(&mut self) -> Result<Identity> {
        match &mut self.way {
            Way::At(at) => identity::over_at(at),
            Way::Web(web) => identity::over_web(web),
        }
    }

    /// The link's clock.
    pub fn now(&self) -> Moment {
        match &self.way {
            Way::At(at) => at.now(),
            Way::Web(web) => web.now(),
        }
    }

    /// Lets time pass.
    pub fn sleep(&mut self, time: Duration) {
        match &mut self.way {
            Way::At(at) => at.sleep(time),
            Way::Web(web) => web.sleep(time),
        }
    }

    /// A failure of the service's own, judged by what was sent so far.
    fn fails(&self, kind: ErrorKind, what: impl Into<String>) -> Error {
        self.judge(Error::new(kind, what))
    }

    /// The AT dialogue, for a service that the web server does not have.
    fn only_at(&mut self, service: &str) -> Result<&mut At<'l>> {
        match &mut self.way {
            Way::At(at) => Ok(at),
            Way::Web(web) => {
                let what = format!("the stick's web server has no {service}");
                Err(web.judge(Error::new(ErrorKind::Unsupported, what)))
            }
        }
    }

    /// The web session, for a service that no AT command has.
    fn only_web(&mut self, service: &str) -> Result<&mut Hilink<'l>> {
        match &mut self.way {
            Way::Web(web) => Ok(web),
            Way::At(at) => {
                let what = format!("there is no AT command for {service}");
                Err(at.judge(Error::new(ErrorKind::Unsupported, what)))
            }
        }
    }
}
