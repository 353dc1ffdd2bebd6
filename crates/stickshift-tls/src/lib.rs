//! TLS for the web page, for brokers and for the pages of other hosts: rustls over the RustCrypto crates that the program has for the
//! sticks' web pages, so that no C compiler is needed. TLS 1.3 alone, with what every implementation of the last years speaks: P-256,
//! ChaCha20-Poly1305, SHA-256.

#[cfg(feature = "client")]
mod client;
mod files;
mod provider;
mod server;
#[cfg(feature = "client")]
mod signatures;

#[cfg(feature = "client")]
pub use client::{Identity, Trust, cause, client};
pub use rustls;
pub use server::server;
