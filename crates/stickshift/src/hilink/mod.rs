//! The HiLink HTTP API: sessions, logins, and its calls as typed values.
//!
//! [`Hilink`] holds a session with one stick's web server; a [`Call`] is one call of the API: its path, what is sent, and how the reply
//! reads. The shapes are those of docs/protocols/hilink-at.md section 1.

mod call;
mod client;
pub mod device;
pub mod dialup;
mod login;
pub mod monitoring;
pub mod net;
pub mod pin;
mod proof;
mod refusal;
mod reply;
mod rsa;
pub mod sms;
pub mod update;
pub mod ussd;
pub mod xml;

pub use call::{Call, USUAL};
pub use client::{Delivery, Generation, Hilink};
pub use login::LoginState;
pub use refusal::{code_of, meaning, refusal};
pub use rsa::Padding;

use crate::error::{Error, ErrorKind};

/// The error for a reply that lacks what makes it one.
fn unexpected(what: &'static str) -> Error {
    Error::new(ErrorKind::UnexpectedAnswer, format!("the stick's reply does not read as {what}"))
}

#[cfg(test)]
mod tests;
