//! The signatures of certificates and of the servers that show them: ECDSA over P-256 and P-384, RSA of 2048 bits and more.

use std::fmt;

use p256::ecdsa::signature::digest::Update;
use p256::ecdsa::signature::{DigestVerifier, Verifier};
use rsa::PublicKey as RsaKey;
use rsa::pkcs1::DecodeRsaPublicKey;
use rsa::traits::PublicKeyParts;
use rustls::SignatureScheme;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};
use sha2::{Digest, Sha256, Sha384, Sha512};

/// Bytes of the smallest RSA modulus that is taken.
const SHORTEST_RSA: usize = 256;

type Verify = fn(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()>;

struct Algorithm {
    key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
    verify: Verify,
}

impl fmt::Debug for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.signature.fmt(f)
    }
}

impl SignatureVerificationAlgorithm for Algorithm {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        (self.verify)(key, message, signature).ok_or(InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

/// ECDSA over the curve of a crate, whose name the function has.
macro_rules! ecdsa {
    ($curve:ident) => {
        fn $curve<D: Digest + Update>(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()>
        where
            $curve::ecdsa::VerifyingKey: DigestVerifier<D, $curve::ecdsa::DerSignature>,
        {
            let key = $curve::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
            let signature = $curve::ecdsa::DerSignature::try_from(signature).ok()?;
            let hashed = |digest: &mut D| {
                Digest::update(digest, message);
                Ok(())
            };
            key.verify_digest(hashed, &signature).ok()
        }
    };
}

ecdsa!(p256);
ecdsa!(p384);

fn rsa_key(key: &[u8]) -> Option<RsaKey> {
    RsaKey::from_pkcs1_der(key).ok().filter(|key| key.size() >= SHORTEST_RSA)
}

fn rsa<D: Digest + rsa::pkcs8::AssociatedOid>(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let signature = rsa::pkcs1v15::Signature::try_from(signature).ok()?;
    rsa::pkcs1v15::VerifyingKey::<D>::new(rsa_key(key)?).verify(message, &signature).ok()
}

/// With a salt as long as the hash: RFC 8446 section 4.2.3.
fn rsa_pss<D>(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()>
where
    rsa::pss::VerifyingKey<D>: Verifier<rsa::pss::Signature>,
    D: Digest,
{
    let signature = rsa::pss::Signature::try_from(signature).ok()?;
    rsa::pss::VerifyingKey::<D>::new(rsa_key(key)?).verify(message, &signature).ok()
}

const fn row(key: AlgorithmIdentifier, signature: AlgorithmIdentifier, verify: Verify) -> Algorithm {
    Algorithm { key, signature, verify }
}

type Row = &'static dyn SignatureVerificationAlgorithm;

static P256_SHA256: Algorithm = row(alg_id::ECDSA_P256, alg_id::ECDSA_SHA256, p256::<Sha256>);
static P256_SHA384: Algorithm = row(alg_id::ECDSA_P256, alg_id::ECDSA_SHA384, p256::<Sha384>);
static P384_SHA256: Algorithm = row(alg_id::ECDSA_P384, alg_id::ECDSA_SHA256, p384::<Sha256>);
static P384_SHA384: Algorithm = row(alg_id::ECDSA_P384, alg_id::ECDSA_SHA384, p384::<Sha384>);
static RSA_SHA256: Algorithm = row(alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA256, rsa::<Sha256>);
static RSA_SHA384: Algorithm = row(alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA384, rsa::<Sha384>);
static RSA_SHA512: Algorithm = row(alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA512, rsa::<Sha512>);
static PSS_SHA256: Algorithm = row(alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA256, rsa_pss::<Sha256>);
static PSS_SHA384: Algorithm = row(alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA384, rsa_pss::<Sha384>);
static PSS_SHA512: Algorithm = row(alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA512, rsa_pss::<Sha512>);

/// What certificates may be signed with, and what servers may sign with.
pub(crate) const ALL: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[
        &P256_SHA256 as Row,
        &P256_SHA384,
        &P384_SHA256,
        &P384_SHA384,
        &RSA_SHA256,
        &RSA_SHA384,
        &RSA_SHA512,
        &PSS_SHA256,
        &PSS_SHA384,
        &PSS_SHA512,
    ],
    // Of each, TLS 1.3 takes the first one.
    mapping: &[
        (SignatureScheme::ECDSA_NISTP256_SHA256, &[&P256_SHA256 as Row]),
        (SignatureScheme::ECDSA_NISTP384_SHA384, &[&P384_SHA384]),
        (SignatureScheme::RSA_PSS_SHA256, &[&PSS_SHA256]),
        (SignatureScheme::RSA_PSS_SHA384, &[&PSS_SHA384]),
        (SignatureScheme::RSA_PSS_SHA512, &[&PSS_SHA512]),
        // In certificates alone.
        (SignatureScheme::RSA_PKCS1_SHA256, &[&RSA_SHA256]),
        (SignatureScheme::RSA_PKCS1_SHA384, &[&RSA_SHA384]),
        (SignatureScheme::RSA_PKCS1_SHA512, &[&RSA_SHA512]),
    ],
};
