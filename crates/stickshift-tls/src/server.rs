//! A certificate of the owner's.

use std::sync::Arc;

use rustls::ServerConfig;
use stickshift::error::Result;

use crate::files::{certificates, key, unusable};
use crate::provider::provider;

/// From PEM files: the certificate with those that lead to its authority, and its private key (P-256, PKCS #8 or SEC 1; as Let's Encrypt's
/// are, and any other goes behind a proxy).
///
/// # Errors
/// `FileCorrupt`, with what is wrong with which of them.
pub fn server(certificate: &[u8], private_key: &[u8]) -> Result<ServerConfig> {
    let (chain, key) = (certificates(certificate)?, key(private_key)?);
    ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|e| unusable("certificate and key cannot be used for TLS", e))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
MIIBczCCARmgAwIBAgIUDFYSHLUuq6MENqKqSbxX/Sy4kvkwCgYIKoZIzj0EAwIw
DjEMMAoGA1UEAwwDb25lMCAXDTI2MTEyNzA1MjIyMVoYDzIxMjYxMTAzMDUyMjIx
WjAOMQwwCgYDVQQDDANvbmUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQg2pnm
5T/qL61L0fmfPLfqf13nLk6/oRBtg7flGoOANKtb01C8jcCA1vakTZVI70iXEP7o
Rv7VRp+i2C7RvAbmo1MwUTAdBgNVHQ4EFgQUWm6anxv8vatWPZFAGm8tDLLNKEww
HwYDVR0jBBgwFoAUWm6anxv8vatWPZFAGm8tDLLNKEwwDwYDVR0TAQH/BAUwAwEB
/zAKBggqhkjOPQQDAgNIADBFAiEA41Ik/6huymPKesrChVQ0/5uVwoUn11qv7NmY
+iSflRoCIGLbEN6Rm5yhqlUZalTLZxiNeF4jn5pjZRXW7ErjJPVt
-----END CERTIFICATE-----";
    /// Its key, in PKCS #8.
    const KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgKuq3f+CTUK3SM3wY
jvwSqcj88K7lVQURgKKJDUjinOehRANCAAQg2pnm5T/qL61L0fmfPLfqf13nLk6/
oRBtg7flGoOANKtb01C8jcCA1vakTZVI70iXEP7oRv7VRp+i2C7RvAbm
-----END PRIVATE KEY-----";
    /// Another key, in SEC 1.
    const OTHER: &str = "-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIOPNgKhuYwpKDhi4fhe0Fi3zE/QNc9YviYn/hWK2HskqoAoGCCqGSM49
AwEHoUQDQgAEmwEJedlgL4PqOpTj5Nxs+Zwrd1nUGjOHCsn5G7LgmZbk+p7tJGQQ
XMOZb72L7/RCcUfmJlKa/UGV+JusY+LTzg==
-----END EC PRIVATE KEY-----";

    #[test]
    fn a_certificate_goes_with_its_own_key_alone() {
        assert!(server(CERTIFICATE.as_bytes(), KEY.as_bytes()).is_ok());
        for (certificate, key) in [(CERTIFICATE, OTHER), (CERTIFICATE, CERTIFICATE), (KEY, KEY), ("", KEY)] {
            assert!(server(certificate.as_bytes(), key.as_bytes()).is_err());
        }
    }

    #[test]
    fn a_key_that_wants_a_password_is_said_to() {
        for key in [
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIH\n-----END ENCRYPTED PRIVATE KEY-----\n",
            "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMIH\n-----END EC PRIVATE KEY-----\n",
        ] {
            let error = server(CERTIFICATE.as_bytes(), key.as_bytes()).unwrap_err();
            assert_eq!(error.what(), "the key is encrypted");
        }
    }
}
