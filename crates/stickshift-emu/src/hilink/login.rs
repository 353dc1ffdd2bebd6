//! Logging in: every type there is, and the lock after too many tries (docs/protocols/hilink-at.md sections 1.4 and 1.5).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use stickshift::hex;
use stickshift::link::Moment;

use crate::hilink::session::Sessions;
use crate::hilink::xml::{elements, number, value};
use crate::hilink::{Generation, Login, WebOptions, rsa};

/// Wrong tries until it is locked.
const TRIES: u32 = 5;
/// For how long; real ones say it in minutes.
const LOCKED: Duration = Duration::from_secs(5 * 60);
/// Rounds of PBKDF2, as seen on G3.
const ROUNDS: u32 = 100;

/// Error numbers of the login.
const NAME_WRONG: u32 = 108_001;
const ELSEWHERE: u32 = 108_003;
const WRONG: u32 = 108_006;
const LOCKED_OUT: u32 = 108_007;
const FORMAT: u32 = 100_005;

/// What was tried, and what is being proved.
#[derive(Debug, Default)]
pub(crate) struct Logins {
    wrong: u32,
    /// All that were refused since the boot.
    refused: u32,
    locked_until: Option<Moment>,
    /// The salt of the stored record.
    salt: Option<String>,
}

/// The outcome of a login that is right: what the reply says.
pub(crate) type Proved = Result<String, u32>;

impl Logins {
    pub(crate) fn locked(&mut self, now: Moment) -> Option<Duration> {
        self.locked_until = self.locked_until.filter(|until| now < *until);
        self.locked_until.map(|until| until.saturating_sub(now))
    }

    pub(crate) fn refused(&self) -> u32 {
        self.refused
    }

    fn refuse(&mut self, now: Moment) -> u32 {
        self.wrong += 1;
        self.refused += 1;
        if self.wrong >= TRIES {
            (self.wrong, self.locked_until) = (0, Some(now + LOCKED));
        }
        WRONG
    }

    fn may_try(&mut self, now: Moment, sessions: &Sessions, cookie: &str) -> Result<(), u32> {
        if self.locked(now).is_some() {
            return Err(LOCKED_OUT);
        }
        if sessions.user().is_some_and(|user| user != cookie) {
            return Err(ELSEWHERE);
        }
        Ok(())
    }

    /// `user/login`: types 0, 3 and 4. The token is the one that this very request carried.
    pub(crate) fn plain(
        &mut self,
        now: Moment,
        options: &WebOptions,
        sessions: &Sessions,
        (cookie, token): (&str, &str),
        body: &str,
    ) -> Proved {
        self.may_try(now, sessions, cookie)?;
        let (Some(user), Some(password)) = (value(body, "Username"), value(body, "Password")) else {
            return Err(FORMAT);
        };
        if user != options.user {
            self.refuse(now);
            return Err(if options.login == Login::Type0 { NAME_WRONG } else { WRONG });
        }
        let expected = match options.login {
            Login::Off | Login::Type0 | Login::Type3 => STANDARD.encode(&options.password),
            Login::Type4 | Login::Scram => {
                let inner = STANDARD.encode(hex::encode(&Sha256::digest(&options.password)));
                STANDARD.encode(hex::encode(&Sha256::digest(format!("{user}{inner}{token}"))))
            }
        };
        let kind = number(body, "password_type").unwrap_or(0);
        let fits = match options.login {
            Login::Type4 => kind == 4,
            // Where the proof is wanted, a hash alone does not do.
            Login::Scram => false,
            _ => kind != 4,
        };
        if !fits || password != expected {
            return Err(self.refuse(now));
        }
        self.wrong = 0;
        Ok("OK".into())
    }

    /// `user/challenge_login`: salt, rounds and the longer nonce.
    pub(crate) fn challenge(
        &mut self,
        now: Moment,
        options: &WebOptions,
        sessions: &mut Sessions,
        cookie: &str,
        body: &str,
    ) -> Proved {
        if options.login != Login::Scram {
            return Err(100_002);
        }
        self.may_try(now, sessions, cookie)?;
        let nonce = value(body, "firstnonce").filter(|n| n.len() == 64).ok_or(FORMAT)?;
        if value(body, "username").as_deref() != Some(&options.user) {
            return Err(self.refuse(now));
        }
        let server = format!("{nonce}{}", sessions.text(32));
        let salt = self.salt.get_or_insert_with(|| sessions.salt()).clone();
        if let Some(session) = sessions.find(now, cookie) {
            session.nonces = Some((nonce, server.clone()));
        }
        Ok(elements(&[
            ("salt", &salt),
            ("iterations", &ROUNDS.to_string()),
            ("servernonce", &server),
            ("modeselected", "1"),
            ("newType", "0"),
        ]))
    }

    /// `user/authentication_login`: the client's proof, answered with the server's.
    pub(crate) fn prove(
        &mut self,
        now: Moment,
        options: &WebOptions,
        sessions: &mut Sessions,
        cookie: &str,
        body: &str,
    ) -> Proved {
        self.may_try(now, sessions, cookie)?;
        let nonces = sessions.find(now, cookie).and_then(|session| session.nonces.take());
        let (Some((first, server)), Some(salt)) = (nonces, &self.salt) else { return Err(FORMAT) };
        let (Some(proof), Some(last)) = (value(body, "clientproof"), value(body, "finalnonce")) else {
            return Err(FORMAT);
        };
        let credentials = Record::new(&options.password, salt, ROUNDS);
        let message = format!("{first},{server},{server}");
        if last != server || proof != credentials.proof(&message) {
            return Err(self.refuse(now));
        }
        self.wrong = 0;
        let key = unhex(rsa::MODULUS);
        Ok(elements(&[
            ("serversignature", &hex::encode(&mac(message.as_bytes(), &credentials.server_key))),
            ("rsapubkeysignature", &hex::encode(&mac(&credentials.server_key, &key))),
            ("rsan", rsa::MODULUS),
            ("rsae", rsa::EXPONENT),
        ]))
    }

    /// `user/state-login`.
    pub(crate) fn state(
        &mut self,
        now: Moment,
        options: &WebOptions,
        user: Option<&str>,
        cookie: &str,
    ) -> String {
        let newest = options.generation == Generation::G3;
        let mine = user.is_some_and(|user| user == cookie);
        let state = match (options.login, user) {
            (Login::Off, _) if newest => "-1",
            (Login::Off, _) => "0",
            (_, Some(_)) if mine => "0",
            (_, Some(_)) => "-2",
            _ => "-1",
        };
        let name = if mine { options.user.as_str() } else { "" };
        let kind = match options.login {
            Login::Off if newest => "4",
            Login::Off | Login::Type0 => "0",
            Login::Type3 => "3",
            Login::Type4 | Login::Scram => "4",
        };
        if !newest {
            return elements(&[("State", state), ("Username", name), ("password_type", kind)]);
        }
        let minutes = self.locked(now).map_or(0, |left| left.as_secs().div_ceil(60));
        elements(&[
            ("State", state),
            (if mine { "Username" } else { "username" }, name),
            ("password_type", kind),
            ("extern_password_type", if options.login == Login::Scram { "1" } else { "0" }),
            ("rsapadingtype", "1"),
            ("lockstatus", if minutes > 0 { "1" } else { "0" }),
            ("remainwaittime", &minutes.to_string()),
            ("history_login_flag", "0"),
            ("firstlogin", "1"),
            ("userlevel", if mine { "2" } else { "" }),
            ("accounts_number", "1"),
        ])
    }
}

/// What is stored of a password.
struct Record {
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
    client_key: Vec<u8>,
}

impl Record {
    fn new(password: &str, salt: &str, rounds: u32) -> Self {
        let mut salted = [0; 32];
        pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), &unhex(salt), rounds, &mut salted);
        let client_key = mac(b"Client Key", &salted);
        let stored_key = Sha256::digest(&client_key).to_vec();
        Record { stored_key, server_key: mac(b"Server Key", &salted), client_key }
    }

    fn proof(&self, message: &str) -> String {
        let signature = mac(message.as_bytes(), &self.stored_key);
        hex::encode(&self.client_key.iter().zip(signature).map(|(a, b)| a ^ b).collect::<Vec<u8>>())
    }
}

/// HMAC-SHA256. Everywhere here its key is what RFC 5802 makes its message.
fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/protocols/hilink-at.md section 1.5: a genuine record, and sample nonces.
    #[test]
    fn the_documents_record() {
        let salt = "3724296ab748c6ab801bc37fa0060f2889d225b0d0427dbdae46f7c73f5fd78c";
        let record = Record::new("admin", salt, 500);
        assert_eq!(
            hex::encode(&record.stored_key),
            "05930d9ee370b9a94b14a6d5653bf7384a695d12cfd3bb2bd08876adfc117d39"
        );
        assert_eq!(
            hex::encode(&record.server_key),
            "ba413c6fadec459ebb392031982dce7b38507e3b0f8a3b637434866025407087"
        );
        let first = "5ae94e12a3d13db2c0b5cf5d6c5ecbee5bc021bf4da07a8a61eac1b56a21b787";
        let server = format!("{first}3bp6WYscuHgjn3Vk04YMF22w6083Hv7q");
        let message = format!("{first},{server},{server}");
        assert_eq!(
            record.proof(&message),
            "042a23f1427a9c535cba60dec9262ab9826cc709db02c0b09ee858d8cf670503"
        );
        assert_eq!(
            hex::encode(&mac(message.as_bytes(), &record.server_key)),
            "10cf1fd04a406f3f7d1f1026a46fa290cf312eaed92e5a15121ae496f8aac2e0"
        );
    }
}
