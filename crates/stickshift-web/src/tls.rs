//! TLS with a certificate of the owner's.

use std::sync::Arc;

use stickshift::error::Result;
use stickshift_tls::rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;

/// A certificate and its key, ready to be used.
#[derive(Clone)]
pub struct Tls(Arc<ServerConfig>);

impl Tls {
    /// From PEM files: the certificate with those that lead to its authority, and its private key (P-256, PKCS #8 or SEC 1).
    ///
    /// # Errors
    /// `FileCorrupt`, with what is wrong with which of them.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Tls> {
        let mut config = stickshift_tls::server(certificates, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Tls(Arc::new(config)))
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.0))
    }
}
