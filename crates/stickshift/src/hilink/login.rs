//! Logging in and out: docs/protocols/hilink-at.md section 1.4.

use std::time::Duration;

use crate::error::{Detail, Effect, Error, ErrorKind, Result, Verdict};
use crate::hex;
use crate::hilink::call::{Call, Repeat, USUAL};
use crate::hilink::client::{Body, Credentials, Generation, Hilink};
use crate::hilink::proof::{Scram, encode_hashed, encode_plain};
use crate::hilink::refusal::{ABSENT, LOCKED, STALE_TOKEN, code_of, is_stale, refusal};
use crate::hilink::reply::read_reply;
use crate::hilink::rsa::{Padding, PublicKey};
use crate::hilink::xml::{self, Element};
use crate::link::{Changes, HttpResponse};

/// A refused login, the one behind which they are locked too: the stick counts it. What waits for its owner looked at no password.
pub(super) fn wrong_login(error: Error) -> Error {
    let is_counted = matches!(error.kind(), ErrorKind::LoginRefused | ErrorKind::LoginLocked)
        && !error.meaning().is_some_and(|m| m.owner);
    if is_counted { error.with_verdict(Verdict::Recoverable) } else { error }
}

/// What `user/state-login` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoginState {
    /// Whether calls that want a login can be made now: logged in, or logins are switched off.
    pub open: bool,
    /// Whether another user is logged in.
    pub taken: bool,
    /// `password_type`; 0 where it is not stated.
    pub password_type: u8,
    /// Whether it says that a login is needed, and how the password is to be sent.
    pub stated: bool,
    /// `extern_password_type` is 1.
    pub scram: bool,
    /// `rsapadingtype`.
    pub padding: Padding,
    /// Whether too many wrong tries were made; then how many minutes that lasts.
    pub locked: Option<u32>,
    /// User name, where a user is logged in.
    pub user: Option<String>,
}

impl Hilink<'_> {
    /// Whether a login is needed and which kind, section 1.4.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub fn login_state(&mut self) -> Result<LoginState> {
        let reply = match self.request("/api/user/state-login", None, Effect::Reads, USUAL, Repeat::Refused) {
            // No such thing: nothing to log in to.
            Err(e) if code_of(&e) == Some(ABSENT) => {
                return Ok(LoginState { open: true, ..LoginState::default() });
            }
            other => other?,
        };
        if reply.child("extern_password_type").is_some() {
            self.generation = Generation::G3;
        }
        let state = reply.number::<i32>("State").unwrap_or(-1);
        let mut login = LoginState {
            open: state == 0,
            taken: state == -2,
            password_type: reply.number("password_type").unwrap_or(0),
            stated: reply.number::<i32>("State").is_some()
                && (reply.number::<u8>("password_type").is_some()
                    || reply.flag("extern_password_type") == Some(true)),
            scram: reply.flag("extern_password_type") == Some(true),
            padding: if reply.flag("rsapadingtype") == Some(true) { Padding::Oaep } else { Padding::Pkcs1 },
            locked: None,
            user: reply.string("Username"),
        };
        if reply.flag("lockstatus") == Some(true) {
            login.locked = Some(reply.number("remainwaittime").unwrap_or(0));
        }
        // Newer ones say -1 with logins switched off too.
        if !login.open && self.generation == Generation::G3 {
            let flag =
                self.call_if_known(&Call::get("/api/user/hilink_login", |r| Ok(r.flag("hilink_login"))))?;
            login.open = flag == Some(Some(false));
        }
        self.padding = login.padding;
        Ok(login)
    }

    /// Logs in when that is needed; says whether it was.
    ///
    /// # Errors
    /// `WeakLogin` for a login type whose password anybody can read ([`allow_weak_login`](Self::allow_weak_login)); `LoginRefused` (a try is spent), `LoginLocked` (fact `minutes`), `SessionTaken`; `UnexpectedAnswer` when the stick does not prove that it
    /// knows the password (SCRAM); as [`call`](Self::call) otherwise.
    pub fn login(&mut self, user: &str, password: &str) -> Result<bool> {
        let state = self.login_state()?;
        if state.open {
            return Ok(false);
        }
        if let Some(minutes) = state.locked {
            let error = Error::new(ErrorKind::LoginLocked, LOCKED).with("minutes", minutes);
            return Err(self.assess(error));
        }
        self.log_in_as(&state, user, password)?;
        self.credentials = Some(Credentials { user: user.to_owned(), password: password.to_owned() });
        Ok(true)
    }

    /// Gives the session slot back; there is only one, and it stays taken for five minutes otherwise.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub fn logout(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.logged_in) {
            return Ok(());
        }
        self.credentials = None;
        // Not by way of `call`: a session that is lost is not to be opened again for this, nor does a stop on request stop it; but who
        // asked to stop does not wait long for a stick that is silent.
        let body = Body::Plain(xml::request(&xml::element("Logout", "1")));
        let stopped = self.effects.cancel.is_cancelled();
        if stopped && self.tokens.is_empty() && self.generation != Generation::G0 {
            return Ok(());
        }
        let timeout = Duration::from_millis(if stopped { 500 } else { 3000 });
        let cancel = self.take_cancel();
        let response = self.post_once("/api/user/logout", &body, Effect::Reads, timeout);
        self.put_cancel(cancel);
        let response = response?;
        read_reply("/api/user/logout", &response).map(|_| ())
    }

    pub(super) fn log_in_as(&mut self, state: &LoginState, user: &str, password: &str) -> Result<()> {
        // Whatever answers HTTP would get the password in a form that anybody reads, and a false server says that it is an old one.
        let standing = self.standing();
        let refused = |what| Err(standing.assess(Error::new(ErrorKind::UnexpectedAnswer, what)));
        if !state.stated {
            let what = "this server does not say how a password is to be sent to it: none was sent";
            return refused(what);
        }
        match state.password_type {
            _ if state.scram => self.log_in_by_scram(user, password),
            4 => self.log_in_plainly(state, user, password),
            // The oldest firmware has nothing better.
            0 | 3 if self.weak_login || matches!(self.generation, Generation::G0 | Generation::G1) => {
                self.log_in_plainly(state, user, password)
            }
            0 | 3 => {
                let what = "this server wants the password in a form that anybody can read: none was sent";
                Err(self.assess(Error::new(ErrorKind::WeakLogin, what)))
            }
            _ => refused("this server wants the password in a form that is not known: none was sent"),
        }
    }

    fn log_in_plainly(&mut self, state: &LoginState, user: &str, password: &str) -> Result<()> {
        const PATH: &str = "/api/user/login";
        for repeat in [false, true] {
            if self.tokens.is_empty() {
                self.fetch_token()?;
            }
            let coded = match (state.password_type, self.tokens.front()) {
                (4, Some(token)) => encode_hashed(user, password, token),
                (4, None) => {
                    let what = "this server gives no token to send the password with: none was sent";
                    return Err(self.assess(Error::new(ErrorKind::UnexpectedAnswer, what)));
                }
                _ => encode_plain(password),
            };
            let kind = state.password_type.to_string();
            let fields = [("Username", user), ("Password", &coded), ("password_type", &kind)];
            let body = Body::Plain(xml::request(&xml::elements(&fields)));
            let response = self.attempt(PATH, &body)?;
            match self.answered(PATH, &response) {
                Ok(_) => {
                    self.logged_in(&response);
                    return Ok(());
                }
                // A token that was refused spent no try.
                Err(e) if !repeat && is_stale(&e) => self.start_session()?,
                Err(e) if code_of(&e) == Some(ABSENT) => {
                    let what = "the web page wants a login, and does not take one";
                    let kind = ErrorKind::HilinkRefused;
                    let why = Error::new(kind, "the firmware has no such function as its page logs in by");
                    let next = "open its address in a browser and see what it wants";
                    let error = Error::new(kind, what).because(why).with("path", PATH);
                    return Err(self.assess(error.detail(Detail::NextStep(next))));
                }
                Err(e) => return Err(self.why_refused(e)),
            }
        }
        Err(self.assess(refusal(PATH, STALE_TOKEN)))
    }

    fn log_in_by_scram(&mut self, user: &str, password: &str) -> Result<()> {
        const CHALLENGE: &str = "/api/user/challenge_login";
        const PROOF: &str = "/api/user/authentication_login";
        let mut nonce = [0; 32];
        (self.random)(&mut nonce);
        let nonce = hex::encode(&nonce);
        let fields = [("username", user), ("firstnonce", &nonce), ("mode", "1")];
        let ask = Body::Plain(xml::request(&xml::elements(&fields)));
        let mut challenge =
            self.post_once(CHALLENGE, &ask, Effect::Reads, USUAL).and_then(|r| read_reply(CHALLENGE, &r));
        if challenge.as_ref().is_err_and(is_stale) {
            self.start_session()?;
            challenge =
                self.post_once(CHALLENGE, &ask, Effect::Reads, USUAL).and_then(|r| read_reply(CHALLENGE, &r));
        }
        let challenge =
            challenge.map_err(|e| wrong_login(self.assess(e))).map_err(|e| self.why_refused(e))?;
        let part = |name| challenge.value(name).unwrap_or_default();
        let server_nonce = part("servernonce").to_owned();
        let rounds = challenge.number("iterations").unwrap_or(0);
        let scram =
            Scram::new(password, &nonce, &server_nonce, part("salt"), rounds).map_err(|e| self.assess(e))?;
        let fields = [("clientproof", scram.client_proof()), ("finalnonce", &server_nonce)];
        let prove = Body::Plain(xml::request(&xml::elements(&fields)));
        let response = self.attempt(PROOF, &prove)?;
        let reply = self.answered(PROOF, &response).map_err(|e| self.why_refused(e))?;
        // Whoever answers now has a login of ours, true or not: it is given back in any case.
        self.logged_in(&response);
        if !scram.proves_server(reply.value("serversignature").unwrap_or_default()) {
            let _ = self.logout();
            let what = "the stick did not prove that it knows the password";
            return Err(self.assess(Error::new(ErrorKind::UnexpectedAnswer, what)));
        }
        if let (Some(modulus), Some(exponent)) = (reply.value("rsan"), reply.value("rsae"))
            && scram.proves_key(modulus, reply.value("rsapubkeysignature").unwrap_or_default())
        {
            self.key = PublicKey::new(modulus, exponent).ok();
        }
        Ok(())
    }

    /// Sends what is counted as a try of the password.
    fn attempt(&mut self, path: &str, body: &Body) -> Result<HttpResponse> {
        let response = self.post_once(path, body, Effect::Changes, USUAL);
        response.map_err(|e| {
            let counted = "whether a try of the password was counted is not known";
            if e.verdict() == Some(Verdict::Unknown) { e.with("tries", counted) } else { e }
        })
    }

    /// The answer to a try. A wrong password is counted by the stick; a right one changes nothing.
    fn answered(&mut self, path: &str, response: &HttpResponse) -> Result<Element> {
        let reply = read_reply(path, response);
        let reply = self.concluded(Effect::Changes, reply);
        if reply.is_ok() {
            self.effects.standing = self.before;
        }
        reply.map_err(wrong_login)
    }

    /// A login worked: a new cookie and new tokens count, the old tokens are worth nothing.
    fn logged_in(&mut self, response: &HttpResponse) {
        self.logged_in = true;
        self.fresh = Some(self.link.now());
        // One token serves for everything there.
        if self.generation != Generation::G1 {
            self.tokens.clear();
        }
        self.keep_tokens_of(response);
    }

    /// Adds the minutes to wait to a lock-out.
    fn why_refused(&mut self, error: Error) -> Error {
        let told = error.facts().iter().any(|(name, _)| *name == "minutes");
        if !error.is(ErrorKind::LoginLocked) || told {
            return error;
        }
        match self.login_state().ok().and_then(|s| s.locked) {
            Some(minutes) => error.with("minutes", minutes),
            None => error,
        }
    }
}
