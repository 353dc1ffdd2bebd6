//! The web server of HiLink firmware, all generations of it (docs/protocols/hilink-at.md section 1).

mod call;
mod calls;
mod documents;
mod login;
mod pages;
mod rsa;
mod server;
mod session;
mod sms;
mod xml;

use std::time::Duration;

pub use server::{Server, WebReply};

/// The generations of web UIs, told apart by where tokens come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Generation {
    /// Neither tokens nor cookies.
    G0,
    /// One token for many requests.
    G1,
    /// A cookie, and a token for each request.
    G2,
    /// The same with longer answers, and proofs instead of passwords.
    G3,
}

/// How one logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// Not at all.
    Off,
    /// The password in base64.
    Type0,
    /// The same under another number.
    Type3,
    /// A hash bound to the token.
    Type4,
    /// A proof in two steps.
    Scram,
}

/// Which ways to serial ports this firmware leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaysIn {
    /// `/api/device/mode` and `/CGI`.
    Open,
    /// `/CGI` alone.
    CgiOnly,
    /// Neither.
    Closed,
}

/// How a request that changes the stick's appearance is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModeReply {
    /// With `OK`.
    Ok,
    /// Not at all: the connection dies.
    Drop,
    /// With this error number, and nothing happens.
    Error(u32),
}

/// Where a request leads the stick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwitchTo {
    /// Ethernet and an AT port.
    Project,
    /// The same and more ports.
    Debug,
}

/// What comes of a request, besides its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebEffect {
    /// The stick shows another appearance.
    Switch(SwitchTo),
    /// It restarts.
    Reboot,
    /// It switches itself off.
    Off,
}

/// How this web server behaves, where sticks differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebOptions {
    /// Of its web UI.
    pub generation: Generation,
    /// How one logs in.
    pub login: Login,
    /// Who.
    pub user: String,
    /// With what.
    pub password: String,
    /// Ways to serial ports.
    pub ways_in: WaysIn,
    /// How `device/mode` is answered when this way in is open.
    pub mode_reply: ModeReply,
    /// Pages carry tokens. Otherwise they come from `SesTokInfo` or `webserver/token` alone.
    pub metas: bool,
    /// The list of tokens ends with one more `#`.
    pub trailing_hash: bool,
    /// Header names in small letters, as later firmware has them.
    pub small_headers: bool,
    /// Requests with secrets are wanted encrypted.
    pub encrypted: bool,
    /// A session ends when nothing was heard for so long.
    pub expiry: Duration,
    /// In how many seconds a change of appearance begins.
    pub switches_after: Duration,
}

impl WebOptions {
    /// As sticks of that generation ship: no login, all ways in open.
    pub fn of(generation: Generation) -> Self {
        WebOptions {
            generation,
            login: Login::Off,
            user: "admin".into(),
            password: "admin".into(),
            ways_in: WaysIn::Open,
            mode_reply: ModeReply::Ok,
            metas: generation >= Generation::G2,
            trailing_hash: generation == Generation::G2,
            small_headers: generation == Generation::G3,
            encrypted: false,
            expiry: Duration::from_secs(300),
            switches_after: Duration::from_secs(1),
        }
    }

    /// The same with a login.
    #[must_use]
    pub fn with_login(self, login: Login) -> Self {
        WebOptions { login, ..self }
    }
}

#[cfg(test)]
mod tests;
