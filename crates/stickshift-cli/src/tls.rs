//! Connections to other computers that are encrypted: the options of the command line, and what went wrong in words.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use stickshift::error::Result;
use stickshift_tls::rustls::{CertificateError, ClientConfig, Error as TlsError};
use stickshift_tls::{Identity, Trust};

use crate::files;

/// Whom to trust, and who one is.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct TlsArgs {
    /// Trust the authorities in FILE, or the server's own certificate, PEM [default: those of the system]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// The name in the server's certificate, where it is another one than the server is called by
    #[arg(long, value_name = "NAME")]
    tls_name: Option<String>,

    /// Show this certificate to the server, PEM
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,

    /// Its private key, PEM; P-256
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
}

impl TlsArgs {
    /// The option that was given, if one was.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let given = [
            ("--ca", self.ca.is_some()),
            ("--tls-name", self.tls_name.is_some()),
            ("--cert", self.cert.is_some()),
        ];
        given.iter().find(|(_, given)| *given).map(|(name, _)| *name)
    }

    /// # Errors
    /// For a file that cannot be read or used, and a name that is none.
    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>> {
        let in_file = |file: &Path| files::read(file);
        let trust = trust(self.ca.as_deref())?;
        let own = match (&self.cert, &self.key) {
            (Some(certificate), Some(key)) => Some((in_file(certificate)?, in_file(key)?)),
            _ => None,
        };
        let own = own.as_ref().map(|(certificate, key)| Identity { certificate, key });
        Ok(Arc::new(stickshift_tls::client(&trust, own, self.tls_name.as_deref())?))
    }
}

/// # Errors
/// For a file that cannot be read or used, and a system that trusts nobody.
pub(crate) fn trust(ca: Option<&Path>) -> Result<Trust> {
    match ca {
        Some(file) => Trust::from_pem(&files::read(file)?).map_err(|e| e.with("file", file.display())),
        None => Trust::of_system(),
    }
}

/// What is behind a connection that failed because of TLS, and what to do about it; `None` where TLS is not the reason.
#[cfg(feature = "host")]
pub(crate) fn advice(error: &(dyn std::error::Error + 'static)) -> Option<(String, &'static str)> {
    let TlsError::InvalidCertificate(why) = stickshift_tls::cause(error)? else {
        return Some(match stickshift_tls::cause(error)? {
            TlsError::InvalidMessage(_) => (
                "this port has no TLS, or is another program's".to_owned(),
                "check the port; without TLS its address is http://HOST:PORT, which is not encrypted",
            ),
            other => (
                format!("TLS: {other}"),
                "it has to take TLS 1.3, as `stickshift serve --tls-cert` does; check the port",
            ),
        });
    };
    Some(match why {
        CertificateError::Expired => (
            "the time until which it is valid is over".to_owned(),
            "put a new certificate there and start its server again, which reads it when it starts; check this computer's clock",
        ),
        CertificateError::ExpiredContext { not_after, .. } => (
            format!("it was valid until {}", date(not_after.as_secs())),
            "put a new certificate there and start its server again, which reads it when it starts; check this computer's clock",
        ),
        CertificateError::NotValidYetContext { time, not_before } => (
            format!(
                "it is valid from {} on, and here it is {}",
                date(not_before.as_secs()),
                date(time.as_secs())
            ),
            "set the clock of this computer, or make the certificate again with the clock of that one set",
        ),
        CertificateError::NotValidYet => (
            "it is valid from a later time on".to_owned(),
            "set the clock of this computer, or make the certificate again with the clock of that one set",
        ),
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => (
            "it has no subjectAltName; a name in its subject (CN) alone does not count".to_owned(),
            "make it with subjectAltName=DNS:NAME, or IP:ADDRESS, as docs/web.md does",
        ),
        CertificateError::NotValidForNameContext { presented, .. } => (
            format!("it is for {}", presented.iter().map(|name| plain(name)).collect::<Vec<_>>().join(", ")),
            "use a name that it is for, or make it again with this one in its subjectAltName, as docs/web.md does",
        ),
        CertificateError::NotValidForName => (
            "this name is not in its subjectAltName".to_owned(),
            "use a name that it is for, or make it again with this one in its subjectAltName, as docs/web.md does",
        ),
        CertificateError::UnknownIssuer | CertificateError::Other(_) => (
            "neither this system's authorities nor a file that was named know it: anybody may have made it"
                .to_owned(),
            "take the certificate (not its key) from that computer on a safe way, and name it with --host-ca FILE or `ca` in the settings",
        ),
        _ => (
            "its certificate is damaged, or of a kind that is not read".to_owned(),
            "make it again, as docs/web.md does",
        ),
    })
}

/// `rack2.lan` of `DnsName("rack2.lan")`.
#[cfg(feature = "host")]
fn plain(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, inner)| inner.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"')
}

/// `2026-11-27`.
#[cfg(feature = "host")]
fn date(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.map_or_else(String::new, |time| time.strftime("%F").to_string())
}

/// Why a connection failed, in words; `None` where TLS is not the reason.
pub(crate) fn in_words(error: &(dyn std::error::Error + 'static), ca: &str) -> Option<String> {
    let untrusted = || {
        format!(
            "its certificate is signed by nobody who is trusted here; {ca} names a file with whom to trust"
        )
    };
    Some(match stickshift_tls::cause(error)? {
        TlsError::InvalidCertificate(why) => match why {
            CertificateError::UnknownIssuer => untrusted(),
            // One that signed itself, and is not the one that is trusted.
            CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => untrusted(),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet: is this computer's clock right?".to_owned()
            }
            CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
                "its certificate has no subjectAltName, and so is for no name".to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another name".to_owned()
            }
            other => format!(
                "its certificate cannot be checked; keys and signatures of P-256, P-384, and RSA of 2048 bits and more can be: {other}"
            ),
        },
        TlsError::InvalidMessage(_) => "it does not answer with TLS".to_owned(),
        TlsError::AlertReceived(why) => format!(
            "it refuses the connection ({why:?}): it has to take TLS 1.3 with ChaCha20-Poly1305 and P-256, and may want a certificate"
        ),
        other => other.to_string(),
    })
}
