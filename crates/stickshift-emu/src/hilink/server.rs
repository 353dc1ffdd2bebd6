//! Who may ask what: sessions, tokens, logins and encryption in front of the calls.

use std::time::Duration;

use stickshift::link::{HttpRequest, HttpResponse, Moment};

use crate::device::HttpAnswer;
use crate::fault::FaultKind;
use crate::hilink::call::{CallAnswer, CallContext};
use crate::hilink::calls;
use crate::hilink::login::Logins;
use crate::hilink::pages::{self, document, done, error, with, with_cookie, with_token};
use crate::hilink::rsa::{self, Padding};
use crate::hilink::session::{Sessions, Stale};
use crate::hilink::xml::{self, elements, value};
use crate::hilink::{Generation, Login, ModeReply, SwitchTo, WaysIn, WebEffect, WebOptions};
use crate::identity::Identity;
use crate::modem::Modem;

/// GETs that need a login where there is one (docs/protocols/hilink-at.md section 1.4); the last ones are beginnings.
const CLOSED: &[&str] = &[
    "device/information",
    "device/logsetting",
    "dialup/profiles",
    "net/network",
    "sms/config",
    "sms/sms-feature-switch",
    "pin/save-pin",
    "pb/pb-count",
    "dhcp/dhcp-host-info",
    "sntp/sntpswitch",
];
const CLOSED_FOLDERS: &[&str] = &["security/", "ddns", "voice/"];

/// POSTs that need none.
const OPEN: &[&str] = &[
    "user/login",
    "user/challenge_login",
    "user/authentication_login",
    "host/info",
    "language/current-language",
    "device/basic_information",
    "device/restore-default",
    "online-update/check-new-version",
    "online-update/ack-newversion",
    "online-update/cancel-downloading",
    "online-update/ack-readytoupdate",
    "online-update/upgrade-messagebox",
    "online-update/autoupdate-config",
];

/// GETs that need no session, because they bring one or tell nothing.
const WITHOUT_SESSION: &[&str] = &["webserver/SesTokInfo", "webserver/token", "device/basic_information"];

/// What firmware that wants encryption wants encrypted.
const SECRET: &[&str] = &["user/login", "dialup/profiles", "pin/operate"];

/// A POST's way to its answer, where it was refused: the answer.
type Passed = Result<(String, String), HttpResponse>;

/// What a request gets, and what comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebReply {
    /// The answer.
    pub answer: HttpAnswer,
    /// What becomes of the stick.
    pub effect: Option<WebEffect>,
}

impl WebReply {
    fn plain(response: HttpResponse) -> Self {
        WebReply { answer: HttpAnswer::Reply(response, Duration::from_millis(20)), effect: None }
    }
}

/// The web server between two boots.
#[derive(Debug)]
pub struct Server {
    options: WebOptions,
    sessions: Sessions,
    logins: Logins,
}

impl Server {
    /// Just booted. The seed decides cookies and tokens.
    pub fn new(options: WebOptions, seed: u64) -> Self {
        let sessions = Sessions::new(options.generation, options.expiry, seed);
        Server { options, sessions, logins: Logins::default() }
    }

    /// Answers a request.
    pub fn request(
        &mut self,
        now: Moment,
        id: &Identity,
        modem: &mut Modem,
        request: &HttpRequest,
    ) -> WebReply {
        self.sessions.tick(now);
        let path = request.path.split('?').next().unwrap_or_default();
        let mut reply = match (request.method, path.strip_prefix("/api/")) {
            ("GET", Some(call)) => self.get(now, id, modem, request, call),
            (_, Some(call)) => self.post(now, id, modem, request, call),
            ("POST", None) if path == "/CGI" => self.cgi(request),
            ("GET", None) => WebReply::plain(self.page(now, id, path)),
            _ => WebReply::plain(pages::home()),
        };
        if self.options.small_headers
            && let HttpAnswer::Reply(response, _) = &mut reply.answer
        {
            response.headers.iter_mut().for_each(|(name, _)| *name = name.to_ascii_lowercase());
        }
        reply
    }

    /// What a server answers on a bad day, whatever it was asked.
    pub(crate) fn instead(&mut self, fault: FaultKind) -> HttpResponse {
        match fault {
            FaultKind::Redirect => pages::home(),
            FaultKind::Html => pages::page(&[]),
            _ => error(100_004),
        }
    }

    fn has_sessions(&self) -> bool {
        self.options.generation >= Generation::G2
    }

    fn page(&mut self, now: Moment, id: &Identity, path: &str) -> HttpResponse {
        match path {
            "/config/version.xml" => {
                return pages::config(&elements(&[("webui", &format!("{}.143", id.webui))]));
            }
            "/config/webserver/timeout.xml" => {
                return pages::config(&elements(&[("timeout", &self.options.expiry.as_secs().to_string())]));
            }
            "/" | "/index.html" | "/html/home.html" | "/html/index.html" => {}
            "/html/switchProjectMode.html" | "/html/switchDebugMode.html"
                if self.options.ways_in == WaysIn::Open => {}
            _ => return pages::home(),
        }
        if !self.has_sessions() {
            return pages::page(&[]);
        }
        let metas = if self.options.metas { 2 } else { 0 };
        let (cookie, tokens) = self.sessions.open(now, metas);
        with_cookie(pages::page(&tokens), &cookie)
    }

    fn get(
        &mut self,
        now: Moment,
        id: &Identity,
        modem: &mut Modem,
        request: &HttpRequest,
        call: &str,
    ) -> WebReply {
        let cookies = header(request, "Cookie");
        let session = self.sessions.find(now, cookies).map(|s| s.cookie.clone());
        let cookie = session.unwrap_or_default();
        if self.has_sessions() && cookie.is_empty() && !WITHOUT_SESSION.contains(&call) {
            return WebReply::plain(error(125_002));
        }
        let closed = CLOSED.contains(&call) || CLOSED_FOLDERS.iter().any(|folder| call.starts_with(folder));
        if closed && !self.may(&cookie) {
            return WebReply::plain(error(100_003));
        }
        let user = self.sessions.user().map(str::to_owned);
        WebReply::plain(match call {
            "webserver/SesTokInfo" => self.session_and_token(now),
            "webserver/token" => self.token(now, &cookie),
            "webserver/publickey" if self.has_sessions() => {
                document(&elements(&[("encpubkeyn", rsa::MODULUS), ("encpubkeye", rsa::EXPONENT)]))
            }
            "user/state-login"
                if self.options.generation > Generation::G0 || self.options.login != Login::Off =>
            {
                document(&self.logins.state(now, &self.options, user.as_deref(), &cookie))
            }
            "user/hilink_login" if self.has_sessions() => {
                let on = if self.options.login == Login::Off { "0" } else { "1" };
                document(&elements(&[("hilink_login", on)]))
            }
            "user/heartbeat" => document(&elements(&[("userlevel", "2")])),
            call => {
                let mut ask = CallContext { now, id, modem, options: &self.options };
                return self.told(calls::get(&mut ask, call), None);
            }
        })
    }

    /// Whether a session may do what wants a login.
    fn may(&self, cookie: &str) -> bool {
        self.options.login == Login::Off || self.sessions.user() == Some(cookie)
    }

    fn session_and_token(&mut self, now: Moment) -> HttpResponse {
        if !self.has_sessions() {
            return error(100_002);
        }
        let (cookie, tokens) = self.sessions.open(now, 1);
        // The newest leave out the name that the cookie has.
        let newest = self.options.generation == Generation::G3;
        let shown = if newest { cookie.trim_start_matches("SessionID=") } else { &cookie };
        with_cookie(document(&elements(&[("SesInfo", shown), ("TokInfo", &tokens[0])])), &cookie)
    }

    fn token(&mut self, now: Moment, cookie: &str) -> HttpResponse {
        match self.options.generation {
            Generation::G0 | Generation::G2 => error(100_002),
            Generation::G1 => {
                let token = self.sessions.shared_token();
                document(&elements(&[("token", &token)]))
            }
            Generation::G3 => {
                let opened = cookie.is_empty().then(|| self.sessions.open(now, 0).0);
                let cookie = opened.as_deref().unwrap_or(cookie);
                let (front, token) = (self.sessions.text(32), self.sessions.token(cookie));
                let response = document(&elements(&[("token", &format!("{front}{token}"))]));
                if opened.is_some() { with_cookie(response, cookie) } else { response }
            }
        }
    }

    /// Lets a POST through: its session's cookie, and its text.
    fn pass(&mut self, now: Moment, request: &HttpRequest, call: &str) -> Passed {
        let (cookies, token) = (header(request, "Cookie"), header(request, "__RequestVerificationToken"));
        let cookie = self.sessions.post(now, cookies, token).map_err(|(stale, cookie)| match stale {
            Stale::WrongToken => error(125_001),
            Stale::NoSession => error(125_002),
            Stale::UsedToken => with_token(error(125_003), &self.sessions.token(&cookie)),
        })?;
        let refuse = |server: &mut Server, code| Err(server.next_token(error(code), &cookie));
        if !OPEN.contains(&call) && !self.may(&cookie) {
            return refuse(self, 100_003);
        }
        if header(request, "encrypt_transmit").is_empty() {
            if self.options.encrypted && SECRET.contains(&call) {
                return refuse(self, 100_005);
            }
            return Ok((cookie, xml::decode(&request.body)));
        }
        let newest = self.options.generation == Generation::G3;
        let padding = if newest { Padding::Oaep } else { Padding::Pkcs1 };
        match rsa::decrypt(&String::from_utf8_lossy(&request.body), padding) {
            Some(text) => Ok((cookie, xml::decode(&text))),
            None => refuse(self, 100_005),
        }
    }

    /// Every POST uses up a token and brings the next one, refused or not.
    fn next_token(&mut self, response: HttpResponse, cookie: &str) -> HttpResponse {
        if cookie.is_empty() {
            return response;
        }
        let next = self.sessions.token(cookie);
        with_token(response, &next)
    }

    fn post(
        &mut self,
        now: Moment,
        id: &Identity,
        modem: &mut Modem,
        request: &HttpRequest,
        call: &str,
    ) -> WebReply {
        let (cookie, body) = match self.pass(now, request, call) {
            Ok(passed) => passed,
            Err(refused) => return WebReply::plain(refused),
        };
        let token = header(request, "__RequestVerificationToken");
        let (options, sessions, logins) = (&self.options, &mut self.sessions, &mut self.logins);
        let proved = match call {
            "user/login" => logins.plain(now, options, sessions, (&cookie, token), &body),
            "user/authentication_login" => logins.prove(now, options, sessions, &cookie, &body),
            "user/challenge_login" => {
                let challenge = logins.challenge(now, options, sessions, &cookie, &body);
                let response = challenge.map_or_else(error, |inside| document(&inside));
                return WebReply::plain(self.next_token(response, &cookie));
            }
            "user/logout" => {
                self.sessions.log_out(&cookie);
                return WebReply::plain(done());
            }
            "device/mode" => return self.device_mode(&body, &cookie),
            call => {
                let mut ask = CallContext { now, id, modem, options };
                let told = calls::post(&mut ask, call, &body);
                return self.told(told, Some(&cookie));
            }
        };
        WebReply::plain(match proved {
            Err(code) => self.next_token(error(code), &cookie),
            Ok(inside) => self.logged_in(now, &cookie, &inside),
        })
    }

    /// The reply to a login brings another cookie and thirty-two tokens.
    fn logged_in(&mut self, now: Moment, cookie: &str, inside: &str) -> HttpResponse {
        let response = if inside == "OK" { done() } else { document(inside) };
        let Some((cookie, tokens)) = self.sessions.log_in(now, cookie) else { return response };
        let list = format!("{}{}", tokens.join("#"), if self.options.trailing_hash { "#" } else { "" });
        let response = with(response, "__RequestVerificationTokenone", &tokens[0]);
        let response = with(response, "__RequestVerificationTokentwo", &tokens[1]);
        with_cookie(with_token(response, &list), &cookie)
    }

    fn told(&mut self, told: CallAnswer, cookie: Option<&str>) -> WebReply {
        let (response, after, effect) = match told {
            CallAnswer::Document(inside) => (document(&inside), None, None),
            CallAnswer::Late(inside, after) => (document(&inside), Some(after), None),
            CallAnswer::Error(code) => (error(code), None, None),
            CallAnswer::Done => (done(), None, None),
            CallAnswer::DoneAnd(effect) => (done(), None, Some(effect)),
        };
        let response =
            cookie.map_or_else(|| response.clone(), |cookie| self.next_token(response.clone(), cookie));
        WebReply { answer: HttpAnswer::Reply(response, after.unwrap_or(Duration::from_millis(20))), effect }
    }

    fn device_mode(&mut self, body: &str, cookie: &str) -> WebReply {
        let to = value(body, "mode").and_then(|mode| switch_to(&mode));
        match (self.options.ways_in, self.options.mode_reply, to) {
            (WaysIn::Open, ModeReply::Error(code), _) => {
                WebReply::plain(self.next_token(error(code), cookie))
            }
            (WaysIn::Open, _, None) => WebReply::plain(self.next_token(error(100_005), cookie)),
            (WaysIn::Open, ModeReply::Drop, Some(to)) => {
                WebReply { answer: HttpAnswer::Dropped, effect: Some(WebEffect::Switch(to)) }
            }
            (WaysIn::Open, ModeReply::Ok, Some(to)) => {
                let reply = WebReply::plain(self.next_token(done(), cookie));
                WebReply { effect: Some(WebEffect::Switch(to)), ..reply }
            }
            _ => WebReply::plain(self.next_token(error(100_002), cookie)),
        }
    }

    /// The connection dies without an answer when it works.
    fn cgi(&self, request: &HttpRequest) -> WebReply {
        let body = xml::decode(&request.body);
        let named = value(&body, "function").as_deref() == Some("switchMode");
        let to = value(&body, "switchType").and_then(|kind| switch_to(&kind));
        match to {
            Some(to) if named && self.options.ways_in != WaysIn::Closed => {
                WebReply { answer: HttpAnswer::Dropped, effect: Some(WebEffect::Switch(to)) }
            }
            _ => WebReply::plain(pages::home()),
        }
    }

    /// Logins with a wrong name or password since the boot.
    pub fn logins_refused(&self) -> u32 {
        self.logins.refused()
    }

    /// How many sessions are open.
    pub fn sessions(&self) -> usize {
        self.sessions.count()
    }
}

fn switch_to(number: &str) -> Option<SwitchTo> {
    match number {
        "0" => Some(SwitchTo::Project),
        "1" => Some(SwitchTo::Debug),
        _ => None,
    }
}

/// The value of a request header, or nothing.
fn header<'a>(request: &'a HttpRequest, name: &str) -> &'a str {
    let found = request.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
    found.map_or("", |(_, value)| value.as_str())
}
