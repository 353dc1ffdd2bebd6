//! Certificates and keys in PEM files.

use std::fmt::Display;
use std::io;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use stickshift::error::{Detail, Error, ErrorKind, Result, Verdict};

pub(crate) fn unusable(what: &str, why: impl Display) -> Error {
    let cause = io::Error::other("the certificate or its key is not what it has to be");
    Error::new(ErrorKind::FileCorrupt, what).with("why", why).because(cause).with_verdict(Verdict::Untouched)
}

/// The certificates of a file, one at least.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let all = CertificateDer::pem_slice_iter(pem).collect::<std::result::Result<Vec<_>, _>>();
    let all = all.map_err(|e| unusable("the file of the certificate is no PEM file", e))?;
    if all.is_empty() {
        return Err(unusable("the file has no certificate", "there is no BEGIN CERTIFICATE"));
    }
    Ok(all)
}

pub(crate) fn key(pem: &[u8]) -> Result<PrivateKeyDer<'static>> {
    let text = String::from_utf8_lossy(pem);
    // PKCS #8, and what OpenSSL wrote before it.
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        let error =
            Error::new(ErrorKind::FileCorrupt, "the key is encrypted").with_verdict(Verdict::Untouched);
        let next = "`openssl pkey -in KEY -out PLAIN` writes it without a password: name that file, which nobody else may read";
        return Err(error
            .because(io::Error::other("its file wants a password"))
            .detail(Detail::NextStep(next)));
    }
    PrivateKeyDer::from_pem_slice(pem).map_err(|e| unusable("the file of the key has no private key", e))
}
