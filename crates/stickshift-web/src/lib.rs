//! The web page and the API of stickshift: a small server for one computer and its sticks.
//!
//! The server knows no stick. An [`Engine`] runs command lines and gives the lines that they print with `--json`; the API passes them on as
//! they are, and the pages show them. So there is one schema for both, docs/json.
//!
//! One table, `operations`, says what may be asked for: the API, the forms of the pages and the OpenAPI document follow it.

mod access;
mod api;
mod assets;
mod commands;
mod connections;
mod engine;
mod fields;
mod guard;
mod html;
mod hub;
mod jobs;
mod listen;
mod metrics;
mod multipart;
mod openapi;
mod operations;
mod pages;
mod password;
mod requests;
mod sampling;
mod server;
mod services;
mod texts;
mod tls;
mod uploads;

pub use commands::{Runs, commands};
pub use engine::Engine;
pub use jobs::Stopped;
pub use openapi::openapi;
pub use password::Passwords;
pub use server::{Options, Server, Service};
pub use socket2::Socket;
pub use tls::Tls;
