//! Connecting to a server whose certificate is checked.

use std::sync::Arc;
use std::time::Duration;

use der::asn1::{GeneralizedTime, UtcTime};
use der::{AnyRef, Reader, SliceReader, Tag, Tagged};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};
use stickshift::error::{Detail, Error, ErrorKind, Result, Verdict};

use crate::files::{certificates, key, unusable};
use crate::provider::provider;

/// Whose certificates are believed.
#[derive(Clone, Debug)]
pub struct Trust(Vec<CertificateDer<'static>>);

impl Trust {
    /// Authorities, or certificates of servers themselves, from a PEM file.
    ///
    /// # Errors
    /// `FileCorrupt`.
    pub fn from_pem(pem: &[u8]) -> Result<Trust> {
        let next = "name a PEM file with BEGIN CERTIFICATE: that of the authority, or the server's own certificate, not its key";
        Ok(Trust(certificates(pem).map_err(|e| e.detail(Detail::NextStep(next)))?))
    }

    /// The authorities that this system trusts.
    ///
    /// # Errors
    /// `FileNotFound` where it has none.
    pub fn of_system() -> Result<Trust> {
        let found = rustls_native_certs::load_native_certs();
        if found.certs.is_empty() {
            let what = "this system has no certificates of authorities";
            let why = found.errors.first().map(ToString::to_string);
            let error = Error::new(ErrorKind::FileNotFound, what).with_verdict(Verdict::Untouched);
            return Err(match why {
                Some(why) => error.with("why", why),
                None => error,
            });
        }
        Ok(Trust(found.certs))
    }
}

/// The certificate that a client shows, with its key.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// PEM.
    pub certificate: &'a [u8],
    /// PEM; P-256, PKCS #8 or SEC 1.
    pub key: &'a [u8],
}

/// How to connect. The server has to show a certificate for `name`, where that is another name than the one connected to.
///
/// # Errors
/// `FileCorrupt` for a key or a certificate that cannot be used, `Usage` for a name that is none.
pub fn client(trust: &Trust, identity: Option<Identity<'_>>, name: Option<&str>) -> Result<ClientConfig> {
    let name = name.map(|name| {
        ServerName::try_from(name.to_owned()).map_err(|e| {
            Error::new(ErrorKind::Usage, format!("{name} is no name of a server"))
                .with("why", e)
                .with_verdict(Verdict::Untouched)
        })
    });
    let provider = Arc::new(provider());
    let mut roots = RootCertStore::empty();
    // Systems have a few that webpki does not read; a server's own need not be an authority's.
    roots.add_parsable_certificates(trust.0.iter().cloned());
    let by_authority = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .map_err(|e| unusable("the certificates cannot be used", e))?;
    let verifier = Verifier { trusted: trust.0.clone(), by_authority, name: name.transpose()? };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|e| unusable("TLS cannot be used", e))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    match identity {
        None => Ok(builder.with_no_client_auth()),
        Some(identity) => {
            let shown = certificates(identity.certificate).and_then(|chain| Ok((chain, key(identity.key)?)));
            let shown = shown.and_then(|(chain, key)| {
                let unusable = |e| unusable("certificate and key cannot be used for TLS", e);
                builder.with_client_auth_cert(chain, key).map_err(unusable)
            });
            let next = "name the PEM files of one pair, P-256: --cert with BEGIN CERTIFICATE, --key with BEGIN PRIVATE KEY";
            shown.map_err(|e| if e.next_step().is_some() { e } else { e.detail(Detail::NextStep(next)) })
        }
    }
}

/// Takes what an authority has signed, and a certificate that was itself named as trusted: one that signed itself is no authority's.
#[derive(Debug)]
struct Verifier {
    trusted: Vec<CertificateDer<'static>>,
    by_authority: Arc<WebPkiServerVerifier>,
    name: Option<ServerName<'static>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, TlsError> {
        let name = self.name.as_ref().unwrap_or(name);
        if !self.trusted.contains(shown) {
            return self.by_authority.verify_server_cert(shown, chain, name, ocsp, now);
        }
        let (from, until) = valid(shown).ok_or(CertificateError::BadEncoding)?;
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        if now.as_secs() < from {
            return Err(CertificateError::NotValidYetContext { time: now, not_before: at(from) }.into());
        }
        if now.as_secs() > until {
            return Err(CertificateError::ExpiredContext { time: now, not_after: at(until) }.into());
        }
        verify_server_name(&ParsedCertificate::try_from(shown)?, name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, TlsError> {
        self.by_authority.verify_tls12_signature(message, shown, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, TlsError> {
        self.by_authority.verify_tls13_signature(message, shown, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.by_authority.supported_verify_schemes()
    }
}

/// From when until when a certificate is valid, in seconds since 1970: RFC 5280 section 4.1.
fn valid(certificate: &CertificateDer<'_>) -> Option<(u64, u64)> {
    let mut reader = SliceReader::new(certificate).ok()?;
    let times = reader.sequence::<_, _, der::Error>(|certificate| {
        let times = certificate.sequence::<_, _, der::Error>(|signed| {
            // Version, where it is given, and serial number; then the algorithm and who signed.
            while AnyRef::decode_any(signed)?.tag() != Tag::Integer {}
            AnyRef::decode_any(signed)?;
            AnyRef::decode_any(signed)?;
            let times =
                signed.sequence::<_, _, der::Error>(|validity| Ok((time(validity)?, time(validity)?)));
            while !signed.is_finished() {
                AnyRef::decode_any(signed)?;
            }
            times
        });
        while !certificate.is_finished() {
            AnyRef::decode_any(certificate)?;
        }
        times
    });
    times.ok()
}

trait DecodeAny<'a>: Sized {
    fn decode_any(reader: &mut impl Reader<'a>) -> der::Result<Self>;
}

impl<'a> DecodeAny<'a> for AnyRef<'a> {
    fn decode_any(reader: &mut impl Reader<'a>) -> der::Result<Self> {
        der::Decode::decode(reader)
    }
}

fn time<'a>(reader: &mut impl Reader<'a>) -> der::Result<u64> {
    let any = AnyRef::decode_any(reader)?;
    let since = match any.tag() {
        Tag::UtcTime => any.decode_as::<UtcTime>()?.to_unix_duration(),
        _ => any.decode_as::<GeneralizedTime>()?.to_unix_duration(),
    };
    Ok(since.as_secs())
}

/// What TLS found wrong, where it is why something failed.
pub fn cause<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e TlsError> {
    let mut error = Some(error);
    while let Some(one) = error {
        // An error of input and output tells what is inside, and not that it is inside.
        let inner = one.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let inner = inner.and_then(|inner| inner.downcast_ref::<TlsError>());
        if let Some(tls) = one.downcast_ref().or(inner) {
            return Some(tls);
        }
        error = one.source();
    }
    None
}
