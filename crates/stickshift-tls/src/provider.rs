//! What rustls leaves to others: one cipher suite, one key exchange, keys of P-256.

use std::sync::Arc;

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Tag};
use hmac::Mac;
use p256::ecdsa::signature::Signer as _;
use p256::pkcs8::DecodePrivateKey;
use p256::{PublicKey, SecretKey, ecdh};
use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, MessageDecrypter, MessageEncrypter, Nonce,
    OutboundOpaqueMessage, OutboundPlainMessage, PrefixedPayload, Tls13AeadAlgorithm,
    UnsupportedOperationError, make_tls13_aad,
};
use rustls::crypto::hash::HashAlgorithm;
use rustls::crypto::tls13::HkdfUsingHmac;
use rustls::crypto::{
    ActiveKeyExchange, CipherSuiteCommon, CryptoProvider, GetRandomFailed, KeyProvider, SecureRandom,
    SharedSecret, SupportedKxGroup, hash, hmac as tls_hmac,
};
use rustls::pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer, alg_id};
use rustls::sign::{Signer, SigningKey, public_key_to_spki};
use rustls::{
    CipherSuite, ConnectionTrafficSecrets, ContentType, Error as TlsError, NamedGroup, PeerMisbehaved,
    ProtocolVersion, SignatureAlgorithm, SignatureScheme, SupportedCipherSuite, Tls13CipherSuite,
};
use sha2::Digest;

pub(crate) fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![SupportedCipherSuite::Tls13(&SUITE)],
        kx_groups: vec![&P256],
        #[cfg(feature = "client")]
        signature_verification_algorithms: crate::signatures::ALL,
        // Clients show no certificates.
        #[cfg(not(feature = "client"))]
        signature_verification_algorithms: rustls::crypto::WebPkiSupportedAlgorithms {
            all: &[],
            mapping: &[],
        },
        secure_random: &Random,
        key_provider: &P256,
    }
}

static SUITE: Tls13CipherSuite = Tls13CipherSuite {
    common: CipherSuiteCommon {
        suite: CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
        hash_provider: &Sha256,
        // RFC 8446 section 5.5: larger than the sequence numbers.
        confidentiality_limit: u64::MAX,
    },
    hkdf_provider: &HkdfUsingHmac(&Sha256),
    aead_alg: &ChaCha,
    quic: None,
};

#[derive(Debug)]
struct Random;

impl SecureRandom for Random {
    fn fill(&self, bytes: &mut [u8]) -> std::result::Result<(), GetRandomFailed> {
        stickshift::random::fill(bytes);
        Ok(())
    }
}

#[derive(Debug)]
struct Sha256;

impl hash::Hash for Sha256 {
    fn start(&self) -> Box<dyn hash::Context> {
        Box::new(Hashing(sha2::Sha256::new()))
    }

    fn hash(&self, data: &[u8]) -> hash::Output {
        hash::Output::new(&sha2::Sha256::digest(data))
    }

    fn output_len(&self) -> usize {
        32
    }

    fn algorithm(&self) -> HashAlgorithm {
        HashAlgorithm::SHA256
    }
}

struct Hashing(sha2::Sha256);

impl hash::Context for Hashing {
    fn fork_finish(&self) -> hash::Output {
        hash::Output::new(&self.0.clone().finalize())
    }

    fn fork(&self) -> Box<dyn hash::Context> {
        Box::new(Hashing(self.0.clone()))
    }

    fn finish(self: Box<Self>) -> hash::Output {
        hash::Output::new(&self.0.finalize())
    }

    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }
}

type HmacSha256 = hmac::Hmac<sha2::Sha256>;

impl tls_hmac::Hmac for Sha256 {
    fn with_key(&self, key: &[u8]) -> Box<dyn tls_hmac::Key> {
        // Any length is a key's: RFC 2104.
        Box::new(HmacKey(
            <HmacSha256 as hmac::KeyInit>::new_from_slice(key).unwrap_or_else(|_| unreachable!()),
        ))
    }

    fn hash_output_len(&self) -> usize {
        32
    }
}

struct HmacKey(HmacSha256);

impl tls_hmac::Key for HmacKey {
    fn sign_concat(&self, first: &[u8], middle: &[&[u8]], last: &[u8]) -> tls_hmac::Tag {
        let mut mac = self.0.clone();
        mac.update(first);
        middle.iter().for_each(|part| mac.update(part));
        mac.update(last);
        tls_hmac::Tag::new(&mac.finalize().into_bytes())
    }

    fn tag_len(&self) -> usize {
        32
    }
}

/// Bytes of a tag of ChaCha20-Poly1305.
const TAG: usize = 16;

#[derive(Debug)]
struct ChaCha;

impl Tls13AeadAlgorithm for ChaCha {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        Box::new(Records { cipher: cipher(&key), iv })
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        Box::new(Records { cipher: cipher(&key), iv })
    }

    fn key_len(&self) -> usize {
        32
    }

    fn extract_keys(
        &self,
        key: AeadKey,
        iv: Iv,
    ) -> std::result::Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Ok(ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv })
    }
}

fn cipher(key: &AeadKey) -> ChaCha20Poly1305 {
    let mut bytes = Key::default();
    bytes.copy_from_slice(key.as_ref());
    ChaCha20Poly1305::new(&bytes)
}

/// RFC 8446 section 5.2.
struct Records {
    cipher: ChaCha20Poly1305,
    iv: Iv,
}

impl MessageEncrypter for Records {
    fn encrypt(
        &mut self,
        message: OutboundPlainMessage<'_>,
        number: u64,
    ) -> std::result::Result<OutboundOpaqueMessage, TlsError> {
        let length = self.encrypted_payload_len(message.payload.len());
        let mut payload = PrefixedPayload::with_capacity(length);
        payload.extend_from_chunks(&message.payload);
        payload.extend_from_slice(&message.typ.to_array());
        let nonce = Nonce::new(&self.iv, number).0.into();
        let tag = self
            .cipher
            .encrypt_inout_detached(&nonce, &make_tls13_aad(length), payload.as_mut().into())
            .map_err(|_| TlsError::EncryptError)?;
        payload.extend_from_slice(&tag);
        Ok(OutboundOpaqueMessage::new(ContentType::ApplicationData, ProtocolVersion::TLSv1_2, payload))
    }

    fn encrypted_payload_len(&self, length: usize) -> usize {
        length + 1 + TAG
    }
}

impl MessageDecrypter for Records {
    fn decrypt<'a>(
        &mut self,
        mut message: InboundOpaqueMessage<'a>,
        number: u64,
    ) -> std::result::Result<InboundPlainMessage<'a>, TlsError> {
        let payload = &mut message.payload;
        let length = payload.len();
        let Some(text) = length.checked_sub(TAG) else { return Err(TlsError::DecryptError) };
        let mut tag = Tag::default();
        tag.copy_from_slice(&payload[text..]);
        let nonce = Nonce::new(&self.iv, number).0.into();
        self.cipher
            .decrypt_inout_detached(&nonce, &make_tls13_aad(length), (&mut payload[..text]).into(), &tag)
            .map_err(|_| TlsError::DecryptError)?;
        payload.truncate(text);
        message.into_tls13_unpadded_message()
    }
}

#[derive(Debug)]
struct P256;

impl SupportedKxGroup for P256 {
    fn start(&self) -> std::result::Result<Box<dyn ActiveKeyExchange>, TlsError> {
        // All but one of four thousand million numbers are keys.
        let secret = loop {
            let mut bytes = [0; 32];
            stickshift::random::fill(&mut bytes);
            if let Ok(secret) = SecretKey::from_slice(&bytes) {
                break secret;
            }
        };
        let public = secret.public_key().to_sec1_bytes();
        Ok(Box::new(Exchange { secret, public }))
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::secp256r1
    }
}

struct Exchange {
    secret: SecretKey,
    public: Box<[u8]>,
}

impl ActiveKeyExchange for Exchange {
    fn complete(self: Box<Self>, peer: &[u8]) -> std::result::Result<SharedSecret, TlsError> {
        // RFC 8446 section 4.2.8.2: uncompressed points alone.
        let public = Some(peer).filter(|peer| peer.first() == Some(&4));
        let public = public.and_then(|peer| PublicKey::from_sec1_bytes(peer).ok());
        let public = public.ok_or(TlsError::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare))?;
        let shared = ecdh::diffie_hellman(self.secret.to_nonzero_scalar(), public.as_affine());
        Ok(SharedSecret::from(&shared.raw_secret_bytes()[..]))
    }

    fn pub_key(&self) -> &[u8] {
        &self.public
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::secp256r1
    }
}

impl KeyProvider for P256 {
    fn load_private_key(
        &self,
        key: PrivateKeyDer<'static>,
    ) -> std::result::Result<Arc<dyn SigningKey>, TlsError> {
        let secret = match &key {
            PrivateKeyDer::Pkcs8(der) => SecretKey::from_pkcs8_der(der.secret_pkcs8_der()).ok(),
            PrivateKeyDer::Sec1(der) => SecretKey::from_sec1_der(der.secret_sec1_der()).ok(),
            _ => None,
        };
        let secret = secret.ok_or_else(|| {
            TlsError::General("the key is not one of P-256: make one, or put a proxy in front".into())
        })?;
        Ok(Arc::new(Signing(secret.into())))
    }
}

#[derive(Clone, Debug)]
struct Signing(p256::ecdsa::SigningKey);

impl SigningKey for Signing {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let ours = offered.contains(&SignatureScheme::ECDSA_NISTP256_SHA256);
        ours.then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    /// By this a certificate is known to belong to the key.
    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        let point = PublicKey::from(self.0.verifying_key()).to_sec1_bytes();
        Some(public_key_to_spki(&alg_id::ECDSA_P256, point))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for Signing {
    fn sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, TlsError> {
        let signature: p256::ecdsa::DerSignature =
            self.0.try_sign(message).map_err(|_| TlsError::General("the key signs nothing".into()))?;
        Ok(signature.as_bytes().to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP256_SHA256
    }
}
