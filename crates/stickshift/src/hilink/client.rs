use std::collections::VecDeque;
use std::time::Duration;

use crate::error::{Detail, Effect, Error, ErrorKind, Result, Standing, Verdict};
use crate::event::Cancel;
use crate::hilink::call::{Call, Repeat, USUAL};
use crate::hilink::login::wrong_login;
use crate::hilink::refusal::{ABSENT, BUSY, STALE_TOKEN, WRONG_SESSION, WRONG_TOKEN, code_of, is_busy};
use crate::hilink::reply::read_reply;
use crate::hilink::rsa::{Padding, PublicKey};
use crate::hilink::xml::{self, Element};
use crate::hilink::{acts_on_get, plain_paths};
use crate::link::{Changes, Effects, HttpLink, HttpRequest, HttpResponse, Moment};
use crate::mask;

/// How long one sleep lasts at most, so that a request to stop is noticed.
const SLICE: Duration = Duration::from_millis(200);

/// How long a stick that says it is busy is asked again.
const BUSY_FOR: Duration = Duration::from_secs(15);

/// So long after a login it is not taken for one that is over.
const FRESH: Duration = Duration::from_secs(60);

/// How a web UI deals with sessions, section 1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// No tokens at all (3G sticks of 2011 to 2013).
    G0,
    /// One token until it is refused.
    G1,
    /// A session, and a new token for every request that changes something (web UI 17).
    G2,
    /// The same, with SCRAM logins (web UI 21, and the newer "10.0").
    G3,
}

/// How a request that may take the stick off the bus ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The stick accepted the request.
    Confirmed,
    /// The whole request went out and the connection ended without an answer. What the bus shows next decides.
    ConnectionLost,
    /// The whole request went out, the connection stayed, and no answer came.
    NoAnswer,
}

pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
}

/// Fills a buffer with random bytes.
type Random<'l> = Box<dyn FnMut(&mut [u8]) + 'l>;

/// A session with one stick's web server. One request at a time; logged out when dropped.
pub struct Hilink<'l> {
    pub(super) link: &'l mut dyn HttpLink,
    pub(super) random: Random<'l>,
    pub(super) generation: Generation,
    pub(super) cookies: Vec<(String, String)>,
    pub(super) tokens: VecDeque<String>,
    pub(super) credentials: Option<Credentials>,
    pub(super) logged_in: bool,
    /// Since when it is logged in without anything that came of it.
    pub(super) fresh: Option<Moment>,
    pub(super) weak_login: bool,
    pub(super) key: Option<PublicKey>,
    pub(super) padding: Padding,
    pub(super) effects: Effects,
    /// How it stood before the last request.
    pub(super) before: Standing,
    /// There is none in a build without it: what only it needs is left out with it.
    #[cfg(not(feature = "hilink"))]
    pub(super) _none: std::convert::Infallible,
}

impl<'l> Hilink<'l> {
    /// Opens a session and finds out which generation the web UI is of. `random` fills a buffer with random bytes, for nonces and
    /// padding.
    ///
    /// # Errors
    /// Of the link; `UnexpectedAnswer` when no HiLink web server answers.
    pub fn open(link: &'l mut dyn HttpLink, random: impl FnMut(&mut [u8]) + 'l) -> Result<Self> {
        Hilink::open_with(link, random, Cancel::new())
    }

    /// As [`open`](Self::open). Once `cancel` is raised no request is begun, and one that reads ends without its answer; one that changes
    /// something is waited for.
    ///
    /// # Errors
    /// As [`open`](Self::open), and `Interrupted`.
    #[cfg(feature = "hilink")]
    pub fn open_with(
        link: &'l mut dyn HttpLink,
        random: impl FnMut(&mut [u8]) + 'l,
        cancel: Cancel,
    ) -> Result<Self> {
        let mut hilink = Hilink {
            link,
            random: Box::new(random),
            generation: Generation::G0,
            cookies: Vec::new(),
            tokens: VecDeque::new(),
            credentials: None,
            logged_in: false,
            fresh: None,
            weak_login: false,
            key: None,
            padding: Padding::Pkcs1,
            effects: Effects { cancel, ..Effects::default() },
            before: Standing::default(),
        };
        hilink.start_session()?;
        Ok(hilink)
    }

    /// As [`open`](Self::open).
    ///
    /// # Errors
    /// `Unsupported`: this build does not talk to web servers.
    #[cfg(not(feature = "hilink"))]
    pub fn open_with(_: &'l mut dyn HttpLink, _: impl FnMut(&mut [u8]) + 'l, _: Cancel) -> Result<Self> {
        let what = "this build of stickshift does not talk to the web server of HiLink firmware";
        Err(Error::new(ErrorKind::Unsupported, what))
    }

    /// Whether a password may go out in base64, which whoever answers can read: login types 0 and 3.
    pub fn allow_weak_login(&mut self, allow: bool) {
        self.weak_login = allow;
    }

    /// The web UI's generation, as far as it was seen: G3 may show only when the login state is read.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Lets time pass on the link's clock, less of it when somebody asks to stop.
    pub fn sleep(&mut self, time: Duration) {
        let end = self.link.now() + time;
        while !self.effects.cancel.is_cancelled() {
            let left = end.saturating_sub(self.link.now());
            if left.is_zero() {
                break;
            }
            self.link.sleep(left.min(SLICE));
        }
    }

    /// The link's clock.
    pub fn now(&self) -> Moment {
        self.link.now()
    }

    /// Makes a call. A stale token or a lost session is replaced and the call repeated once; a busy stick is asked again. The verdict of a
    /// failure is that of [`Standing::assess`].
    ///
    /// # Errors
    /// `HilinkRefused`, `LoginNeeded`, `LoginRefused`, `LoginLocked`, `SessionTaken` and the like by the code of the refusal; `UnexpectedAnswer`; `Interrupted`; those of the link.
    pub fn call<T>(&mut self, call: &Call<T>) -> Result<T> {
        let body = match &call.body {
            None => None,
            Some(body) if call.may_need_encryption && self.wants_encryption()? => {
                Some(Body::Encrypted(xml::request(body)))
            }
            Some(body) => Some(Body::Plain(xml::request(body))),
        };
        let reply = self.request(call.path, body, call.effect, call.timeout, call.repeat)?;
        call.parse(&reply).map_err(|e| {
            // Neither yes nor no.
            if call.effect == Effect::Changes {
                self.effects.standing = self.before.in_doubt();
            }
            self.assess(e.with("path", mask::address(call.path)))
        })
    }

    /// As [`call`](Self::call); `None` when the firmware has no such thing.
    ///
    /// # Errors
    /// As [`call`](Self::call), without the refusal 100002.
    pub fn call_if_known<T>(&mut self, call: &Call<T>) -> Result<Option<T>> {
        match self.call(call) {
            Err(e) if code_of(&e) == Some(ABSENT) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Makes a call that may take the stick off the bus before it answers.
    ///
    /// # Errors
    /// As [`call`](Self::call), but a connection that ended after the request had gone out is a value.
    pub fn call_and_lose(&mut self, call: &Call<()>) -> Result<Delivery> {
        lost_is_a_value(self.call(call))
    }

    /// `POST /CGI`, the other way to change the USB mode: `switch` 0 is project mode, 1 debug mode. It wants neither session nor token,
    /// and the connection normally ends without an answer.
    ///
    /// # Errors
    /// As [`call_and_lose`](Self::call_and_lose).
    pub fn cgi_switch(&mut self, switch: u8) -> Result<Delivery> {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" ?><api version=\"1.0\"><header><function>switchMode</function></header>\
             <body><request><switchType>{switch}</switchType></request></body></api>"
        );
        self.check()?;
        let sent =
            self.exchange("POST", "/CGI", body.into_bytes(), &[], Effect::Changes, Duration::from_secs(3));
        let reply = sent.and_then(|response| read_reply("/CGI", &response));
        lost_is_a_value(self.concluded(Effect::Changes, reply).map(|_| ()))
    }

    /// Any request, for people: the reply's root element. `body` is a whole document, and a request with one is taken for a change, as are
    /// the [few without](acts_on_get).
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub fn raw(&mut self, path: &str, body: Option<&str>) -> Result<Element> {
        if !path.starts_with('/') || !path.bytes().all(|b| (b'!'..=b'~').contains(&b)) {
            let what = "a path of the API begins with / and has no blanks";
            return Err(self.assess(Error::new(ErrorKind::Usage, what)));
        }
        let effect = if body.is_some() || acts_on_get(path) { Effect::Changes } else { Effect::Reads };
        let reply =
            self.request(path, body.map(|b| Body::Plain(b.to_owned())), effect, USUAL, Repeat::Unheard);
        reply.map_err(|e| if effect == Effect::Changes { self.counted(path, e) } else { e })
    }

    /// A document that failed may have carried a code or a password, of which wrong ones are counted.
    fn counted(&mut self, path: &str, error: Error) -> Error {
        let paths = plain_paths(path).unwrap_or_default();
        let is_of = |part: &str| paths.iter().any(|path| path.contains(part));
        let of_pin = is_of("/pin/");
        // The web server itself refuses by these.
        let unseen = code_of(&error).is_some_and(|code| matches!(code / 1000, 100 | 125))
            || error.is(ErrorKind::NoSim)
            || error.verdict() != Some(Verdict::Unknown) && error.refusal().is_none();
        if unseen || !of_pin && !is_of("/user/") {
            return error;
        }
        if matches!(error.kind(), ErrorKind::LoginRefused | ErrorKind::LoginLocked) {
            return wrong_login(error);
        }
        if !of_pin && error.verdict() != Some(Verdict::Unknown) {
            return error;
        }
        self.effects.standing = self.effects.standing.in_doubt();
        let error = error.with_verdict(Verdict::Unknown);
        if of_pin { error.detail(Detail::CodeSent) } else { error }
    }

    /// What a reply says about a request that was sent: carried out, refused, or neither.
    pub(super) fn concluded(&mut self, effect: Effect, reply: Result<Element>) -> Result<Element> {
        if effect == Effect::Changes {
            match &reply {
                Ok(_) => self.effects.standing = self.before.changed(),
                Err(e)
                    if !e.has(&Detail::Unanswered)
                        && e.refusal().is_some()
                        && !e.meaning().is_some_and(|meaning| meaning.in_doubt) =>
                {
                    self.effects.standing = self.before
                }
                Err(_) => {}
            }
        }
        reply.map_err(|e| self.assess(e))
    }

    pub(super) fn request(
        &mut self,
        path: &str,
        body: Option<Body>,
        effect: Effect,
        timeout: Duration,
        repeat: Repeat,
    ) -> Result<Element> {
        let mut renewed = repeat == Repeat::Never;
        let patient = self.link.now() + BUSY_FOR;
        loop {
            self.check()?;
            let reply = match &body {
                None => self.exchange("GET", path, Vec::new(), &[], effect, timeout),
                Some(body) => self.post_once(path, body, effect, timeout),
            };
            let reply = reply.and_then(|response| read_reply(path, &response));
            let reply = self.concluded(effect, reply);
            let Err(error) = reply else {
                self.fresh = None;
                return reply;
            };
            match code_of(&error) {
                code if is_busy(&error)
                    && (repeat == Repeat::Refused || repeat == Repeat::Unheard && code != Some(BUSY))
                    && self.link.now() < patient =>
                {
                    self.sleep(Duration::from_millis(1500));
                }
                Some(WRONG_TOKEN) if !renewed => {
                    renewed = true;
                    self.tokens.clear();
                    if self.generation == Generation::G1 { self.fetch_token()? } else { self.renew()? }
                }
                Some(WRONG_SESSION | STALE_TOKEN) if !renewed => {
                    renewed = true;
                    self.renew()?;
                }
                // Logged out behind our back, after its five minutes for example. Another login helps none that is new.
                _ if error.is(ErrorKind::LoginNeeded)
                    && !renewed
                    && self.credentials.is_some()
                    && self.fresh.is_none_or(|since| self.link.now() >= since + FRESH) =>
                {
                    renewed = true;
                    self.renew()?;
                }
                _ if error.is(ErrorKind::LoginNeeded) && self.logged_in => {
                    return Err(error.detail(Detail::LoggedIn));
                }
                _ => return Err(error),
            }
        }
    }

    fn wants_encryption(&mut self) -> Result<bool> {
        let switch = Call::get("/api/global/module-switch", |r| Ok(r.flag("encrypt_enabled") == Some(true)));
        Ok(self.call_if_known(&switch)?.unwrap_or(false))
    }

    fn public_key(&mut self) -> Result<PublicKey> {
        if let Some(key) = &self.key {
            return Ok(key.clone());
        }
        let reply = self.get_once("/api/webserver/publickey", USUAL)?;
        let part = |name| reply.value(name).unwrap_or_default();
        let key = PublicKey::new(part("encpubkeyn"), part("encpubkeye"))?;
        self.key = Some(key.clone());
        Ok(key)
    }

    pub(super) fn get_once(&mut self, path: &str, timeout: Duration) -> Result<Element> {
        let response = self.exchange("GET", path, Vec::new(), &[], Effect::Reads, timeout)?;
        read_reply(path, &response).map_err(|e| self.assess(e))
    }

    pub(super) fn post_once(
        &mut self,
        path: &str,
        body: &Body,
        effect: Effect,
        timeout: Duration,
    ) -> Result<HttpResponse> {
        const FORM: &str = "application/x-www-form-urlencoded; charset=UTF-8";
        let mut headers = Vec::new();
        let bytes = match body {
            Body::Plain(document) => {
                headers.push(("Content-Type", FORM.to_owned()));
                xml::to_cesu8(document)
            }
            Body::Encrypted(document) => {
                let key = self.public_key()?;
                headers.push(("Content-Type", format!("{FORM};enc")));
                headers.push(("encrypt_transmit", "encrypt_transmit".to_owned()));
                key.encrypt(&xml::to_cesu8(document), self.padding, &mut *self.random).into_bytes()
            }
        };
        if self.tokens.is_empty() {
            match self.generation {
                Generation::G0 => {}
                Generation::G2 | Generation::G3 if self.logged_in => self.renew()?,
                Generation::G1 | Generation::G2 | Generation::G3 => self.fetch_token()?,
            }
        }
        let token = match self.generation {
            Generation::G0 => None,
            Generation::G1 => self.tokens.front().cloned(),
            // Spent by being sent.
            Generation::G2 | Generation::G3 => self.tokens.pop_front(),
        };
        if let Some(token) = token {
            headers.push(("__RequestVerificationToken", token));
        }
        let response = self.exchange("POST", path, bytes, &headers, effect, timeout)?;
        self.keep_tokens_of(&response);
        Ok(response)
    }

    pub(super) fn exchange(
        &mut self,
        method: &'static str,
        path: &str,
        body: Vec<u8>,
        more: &[(&str, String)],
        effect: Effect,
        timeout: Duration,
    ) -> Result<HttpResponse> {
        let mut headers = vec![("X-Requested-With".to_owned(), "XMLHttpRequest".to_owned())];
        headers.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        if !self.cookies.is_empty() {
            let cookies: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            headers.push(("Cookie".to_owned(), cookies.join("; ")));
        }
        let cancel = match effect {
            Effect::Reads => self.effects.cancel.clone(),
            Effect::Changes => Cancel::new(),
        };
        let request = HttpRequest { method, path: path.to_owned(), headers, body, timeout, cancel };
        self.before = self.effects.standing;
        if effect == Effect::Changes {
            self.effects.standing = self.before.in_doubt();
        }
        let response = self.asked(&request, effect).map_err(|e| {
            // Half a request is none.
            if e.request_sent() == Some(false) {
                self.effects.standing = self.before;
            }
            self.assess(e.with("path", mask::address(path)))
        })?;
        let set: Vec<String> = response.header_all("Set-Cookie").map(str::to_owned).collect();
        for cookie in set {
            if let Some((name, value)) = cookie.split(';').next().and_then(|c| c.split_once('=')) {
                self.keep_cookie((name.trim(), value.trim()));
            }
        }
        Ok(response)
    }

    /// Sends a request. One that reads is asked again when the server closes the connection or says that it is overloaded: a
    /// stick that starts, or serves a browser too, does both.
    fn asked(&mut self, request: &HttpRequest, effect: Effect) -> Result<HttpResponse> {
        let mut again = 0..if effect == Effect::Reads { 4 } else { 0 };
        loop {
            let answer = self.link.request(request);
            let passes = match &answer {
                Err(e) => e.is(ErrorKind::Disconnected),
                Ok(response) => matches!(response.status, 500 | 502..=504),
            };
            let (true, Some(tries)) = (passes && !self.effects.cancel.is_cancelled(), again.next()) else {
                return answer;
            };
            self.sleep(Duration::from_millis(100 << tries));
        }
    }
}

impl Changes for Hilink<'_> {
    fn effects(&self) -> &Effects {
        &self.effects
    }

    fn effects_mut(&mut self) -> &mut Effects {
        &mut self.effects
    }
}

impl Drop for Hilink<'_> {
    fn drop(&mut self) {
        // The slot frees itself after five minutes; there is no one left to report it to.
        let _ = self.logout();
    }
}

/// A request document as it goes out.
pub(super) enum Body {
    Plain(String),
    Encrypted(String),
}

fn lost_is_a_value(result: Result<()>) -> Result<Delivery> {
    match result {
        Ok(()) => Ok(Delivery::Confirmed),
        Err(e) => match (e.request_sent(), e.kind()) {
            (Some(true), ErrorKind::Disconnected) => Ok(Delivery::ConnectionLost),
            (Some(true), ErrorKind::Timeout) => Ok(Delivery::NoAnswer),
            _ => Err(e),
        },
    }
}
