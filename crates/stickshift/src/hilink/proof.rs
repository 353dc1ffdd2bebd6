//! What goes over the wire to prove a password: docs/protocols/hilink-at.md section 1.5.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result};
use crate::hex;

/// More rounds than any stick asks for (100 or 500); a larger number would only keep us busy.
const ROUNDS_LIMIT: u32 = 100_000;

/// Login types 0 and 3: the password in base64.
pub(super) fn encode_plain(password: &str) -> String {
    STANDARD.encode(password)
}

/// Login type 4: bound to the user and to the token that the request will carry.
pub(super) fn encode_hashed(user: &str, password: &str, token: &str) -> String {
    let inner = STANDARD.encode(hex::encode(&Sha256::digest(password)));
    STANDARD.encode(hex::encode(&Sha256::digest(format!("{user}{inner}{token}"))))
}

/// HiLink's SCRAM after the stick's challenge. It is not RFC 5802: in every HMAC key and message are exchanged.
pub(super) struct Scram {
    message: String,
    client_proof: String,
    server_key: [u8; 32],
}

impl Scram {
    /// Answers the challenge `salt` (hex), `rounds`, `server_nonce` to our `first_nonce`.
    ///
    /// # Errors
    /// `UnexpectedAnswer` when the server's nonce does not begin with ours, or the salt or the rounds cannot be meant.
    pub(super) fn new(
        password: &str,
        first_nonce: &str,
        server_nonce: &str,
        salt: &str,
        rounds: u32,
    ) -> Result<Scram> {
        let bad = |what: &str| {
            Error::new(ErrorKind::UnexpectedAnswer, format!("the stick's login challenge {what}"))
        };
        if !server_nonce.starts_with(first_nonce)
            || server_nonce.len() == first_nonce.len()
            || server_nonce.len() > 512
        {
            return Err(bad("is not an answer to ours"));
        }
        let salt = hex::decode(salt)
            .filter(|s| !s.is_empty() && s.len() <= 256)
            .ok_or_else(|| bad("has a bad salt"))?;
        if rounds == 0 || rounds > ROUNDS_LIMIT {
            return Err(bad("asks for no sane number of rounds").with("rounds", rounds));
        }
        let mut salted = [0; 32];
        pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), &salt, rounds, &mut salted);
        let client_key = hmac(b"Client Key", &salted);
        let stored_key: [u8; 32] = Sha256::digest(client_key).into();
        let message = format!("{first_nonce},{server_nonce},{server_nonce}");
        let signature = hmac(message.as_bytes(), &stored_key);
        let proof: Vec<u8> = client_key.iter().zip(signature).map(|(k, s)| k ^ s).collect();
        Ok(Scram { client_proof: hex::encode(&proof), server_key: hmac(b"Server Key", &salted), message })
    }

    /// What we send.
    pub(super) fn client_proof(&self) -> &str {
        &self.client_proof
    }

    /// Whether the stick knows the password too.
    pub(super) fn proves_server(&self, server_signature: &str) -> bool {
        hex::encode(&hmac(self.message.as_bytes(), &self.server_key)).eq_ignore_ascii_case(server_signature)
    }

    /// Whether the public key in `modulus` (hex) comes from somebody who knows the password.
    pub(super) fn proves_key(&self, modulus: &str, signature: &str) -> bool {
        let signs =
            |bytes: &[u8]| hex::encode(&hmac(&self.server_key, bytes)).eq_ignore_ascii_case(signature);
        // Whether the digits or the number they stand for are signed was never seen with real numbers.
        hex::decode(modulus).is_some_and(|n| signs(&n)) || signs(modulus.as_bytes())
    }
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    // A key of any length will do for HMAC.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        unreachable!("HMAC takes keys of any length")
    };
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_passwords() {
        assert_eq!(encode_plain("admin"), "YWRtaW4=");
    }

    #[test]
    fn hashed_passwords() {
        assert_eq!(
            encode_hashed("admin", "admin", "qlfm6YcuVMvx/pmBF8lSMezAJsKLQ9gs"),
            "Yzg4NjJkMzU3YmJhYzUwOGY0NzdhZjI5NmE0YjcwN2I2ZjlmMWE3OTU3OGU2ZDFkMjFiYTZhZGE5M2UxMTNjZA=="
        );
    }

    const F: &str = "5ae94e12a3d13db2c0b5cf5d6c5ecbee5bc021bf4da07a8a61eac1b56a21b787";
    const SALT: &str = "3724296ab748c6ab801bc37fa0060f2889d225b0d0427dbdae46f7c73f5fd78c";

    fn scram(password: &str) -> Scram {
        let s = format!("{F}3bp6WYscuHgjn3Vk04YMF22w6083Hv7q");
        Scram::new(password, F, &s, SALT, 500).unwrap()
    }

    /// Salt, rounds and the server's key are from a real device's record; proof and signature follow from them.
    #[test]
    fn scram_vectors() {
        let scram = scram("admin");
        assert_eq!(scram.client_proof(), "042a23f1427a9c535cba60dec9262ab9826cc709db02c0b09ee858d8cf670503");
        assert_eq!(
            hex::encode(&scram.server_key),
            "ba413c6fadec459ebb392031982dce7b38507e3b0f8a3b637434866025407087"
        );
        let signature = "10cf1fd04a406f3f7d1f1026a46fa290cf312eaed92e5a15121ae496f8aac2e0";
        assert!(scram.proves_server(signature));
        assert!(!self::scram("Admin").proves_server(signature));
        assert!(!scram.proves_server(""));
    }

    #[test]
    fn scram_intermediate_values() {
        let mut salted = [0; 32];
        pbkdf2::pbkdf2_hmac::<Sha256>(b"admin", &hex::decode(SALT).unwrap(), 500, &mut salted);
        assert_eq!(hex::encode(&salted), "436a0780f9a1a289a420438dfdbe17209f4b6e11200b2d344083b177ddb5c4b9");
        let client_key = hmac(b"Client Key", &salted);
        assert_eq!(
            hex::encode(&client_key),
            "70a8b35f09d0e47446fae13dda47570e5025aaf7eac8545e644a756ac8316ad8"
        );
        let stored = Sha256::digest(client_key);
        assert_eq!(hex::encode(&stored), "05930d9ee370b9a94b14a6d5653bf7384a695d12cfd3bb2bd08876adfc117d39");
        let s = format!("{F}3bp6WYscuHgjn3Vk04YMF22w6083Hv7q");
        let signature = hmac(format!("{F},{s},{s}").as_bytes(), &stored);
        assert_eq!(
            hex::encode(&signature),
            "748290ae4baa78271a4081e313617db7d2496dfe31ca94eefaa22db207566fdb"
        );
    }

    #[test]
    fn public_keys_are_proven() {
        let scram = scram("admin");
        let signature = hex::encode(&hmac(&scram.server_key, &[0xab, 0xcd]));
        assert!(scram.proves_key("ABCD", &signature) && !scram.proves_key("ABCE", &signature));
    }

    #[test]
    fn bad_challenges_are_refused() {
        for (nonce, salt, rounds) in [
            ("someone else's", SALT, 100),
            (F, SALT, 100),
            (&format!("{F}x"), "xyz", 100),
            (&format!("{F}x"), "", 100),
            (&format!("{F}x"), SALT, 0),
            (&format!("{F}x"), SALT, u32::MAX),
        ] {
            assert!(Scram::new("p", F, nonce, salt, rounds).err().unwrap().is(ErrorKind::UnexpectedAnswer));
        }
    }
}
