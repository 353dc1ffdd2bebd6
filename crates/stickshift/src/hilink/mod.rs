//! The HiLink HTTP API: sessions, logins, and its calls as typed values.
//!
//! [`Hilink`] holds a session with one stick's web server; a [`Call`] is one call of the API: its path, what is sent, and how the reply
//! reads. The shapes are those of docs/protocols/hilink-at.md section 1.
//!
//! ```
//! use std::time::Duration;
//!
//! use stickshift::error::Result;
//! use stickshift::hilink::{Generation, Hilink, device};
//! use stickshift::link::{HttpLink, HttpRequest, HttpResponse, Moment};
//! use stickshift::stick::radio::Figure;
//!
//! /// A web server that knows one path and no tokens.
//! struct Server;
//!
//! impl HttpLink for Server {
//!     fn request(&mut self, request: &HttpRequest) -> Result<HttpResponse> {
//!         let (status, body) = match &*request.path {
//!             "/api/device/signal" => (200, "<response><rsrp>-87dBm</rsrp><mode>7</mode></response>"),
//!             _ => (404, ""),
//!         };
//!         Ok(HttpResponse { status, body: body.into(), ..HttpResponse::default() })
//!     }
//!     fn now(&self) -> Moment {
//!         Moment::ZERO
//!     }
//!     fn sleep(&mut self, _time: Duration) {}
//! }
//!
//! let mut server = Server;
//! let mut web = Hilink::open(&mut server, stickshift::random::fill)?;
//! assert_eq!(web.generation(), Generation::G0);
//! assert_eq!(web.call(&device::signal())?.rsrp, Some(Figure::Exact(-87.0)));
//! # Ok::<(), stickshift::error::Error>(())
//! ```

mod call;
mod client;
pub mod device;
pub mod dialup;
mod login;
mod modular;
pub mod monitoring;
pub mod net;
mod path;
pub mod pin;
mod proof;
mod refusal;
mod reply;
mod rsa;
mod session;
mod sha1;
pub mod sms;
pub mod ussd;
pub mod xml;

pub use call::{Call, Repeat, USUAL};
pub use client::{Delivery, Generation, Hilink};
pub use login::LoginState;
pub use path::acts_on_get;
pub(crate) use path::plain_paths;
pub use refusal::{ABSENT, BUSY, code_of, refusal};
pub use rsa::Padding;

use crate::error::{Error, ErrorKind};

/// The error for a reply that lacks what makes it one.
fn unexpected(what: &'static str) -> Error {
    Error::new(ErrorKind::UnexpectedAnswer, format!("the stick's reply does not read as {what}"))
}

#[cfg(test)]
mod tests;
