//! A stick's web server as the protocol document has it, small, with a fault for any request.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::super::{Generation, xml};
use crate::error::{Error, ErrorKind, Result};
use crate::link::{HttpLink, HttpRequest, HttpResponse, Moment};

/// What a request meets instead of its answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    Refuse(i32),
    Drop,
    NotSent,
    Truncated,
    Html,
}

/// A stick's web server as section 1 of the protocol document has it, small.
pub(super) struct Web {
    pub(super) generation: Generation,
    /// `None`: logins are off.
    pub(super) login: Option<&'static str>,
    /// Lower-case header names, and no tokens in pages.
    pub(super) plain_style: bool,
    pub(super) replies: BTreeMap<String, Vec<String>>,
    pub(super) faults: BTreeMap<usize, Fault>,
    pub(super) count: usize,
    pub(super) session: u32,
    pub(super) tokens: HashSet<String>,
    pub(super) issued: u32,
    pub(super) logged_in: bool,
    pub(super) wrong_tries: u32,
    pub(super) nonces: (String, String),
    pub(super) log: Vec<String>,
    pub(super) bodies: Vec<Vec<u8>>,
    pub(super) now: Moment,
}

pub(super) const PASSWORD: &str = "secret";
const SALT: &str = "3724296ab748c6ab801bc37fa0060f2889d225b0d0427dbdae46f7c73f5fd78c";

impl Web {
    pub(super) fn new(generation: Generation, login: Option<&'static str>) -> Web {
        let replies = [
            (
                "/api/device/signal",
                "<rssi>-53dBm</rssi><rsrp>&gt;=-87dBm</rsrp><rsrq>-13dB</rsrq><sinr>-1.5dB</sinr><rscp></rscp><mode>7</mode><cell_id>2588959</cell_id>",
            ),
            (
                "/api/global/module-switch",
                "<ussd_enabled>1</ussd_enabled><encrypt_enabled>0</encrypt_enabled>",
            ),
        ];
        Web {
            generation,
            login,
            plain_style: false,
            replies: replies.iter().map(|(p, r)| ((*p).to_owned(), vec![(*r).to_owned()])).collect(),
            faults: BTreeMap::new(),
            count: 0,
            session: 0,
            tokens: HashSet::new(),
            issued: 0,
            logged_in: false,
            wrong_tries: 0,
            nonces: Default::default(),
            log: Vec::new(),
            bodies: Vec::new(),
            now: Moment::ZERO,
        }
    }

    pub(super) fn reply(mut self, path: &str, replies: &[&str]) -> Web {
        self.replies.insert(path.to_owned(), replies.iter().map(|r| (*r).to_owned()).collect());
        self
    }

    pub(super) fn token(&mut self) -> String {
        self.issued += 1;
        let token = format!("{:032}", self.issued);
        self.tokens.insert(token.clone());
        token
    }

    pub(super) fn new_session(&mut self) -> String {
        self.session += 1;
        self.tokens.clear();
        self.logged_in = false;
        format!("{:0128}", self.session)
    }

    pub(super) fn has_sessions(&self) -> bool {
        matches!(self.generation, Generation::G2 | Generation::G3)
    }

    pub(super) fn answer(&mut self, request: &HttpRequest) -> HttpResponse {
        let header = |name: &str| {
            request.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()).unwrap_or_default()
        };
        let path = request.path.as_str();
        let mut response = HttpResponse { status: 200, ..HttpResponse::default() };
        let ok = |inside: &str| {
            format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<response>{inside}</response>\n")
        };
        if request.method == "GET" {
            let body = match (path, self.generation) {
                ("/", _) => {
                    let mut page = "<html><head></head></html>".to_owned();
                    if self.has_sessions() {
                        let session = self.new_session();
                        response
                            .headers
                            .push(("Set-Cookie".into(), format!("SessionID={session};path=/;HttpOnly;")));
                        if !self.plain_style {
                            let (a, b) = (self.token(), self.token());
                            page = format!(
                                "<!DOCTYPE html><html><head><meta name=\"csrf_token\" content=\"{a}\"/>\n<meta name=\"csrf_token\" content=\"{b}\"></head></html>"
                            );
                        }
                    }
                    page
                }
                ("/api/webserver/token", Generation::G1) => ok(&format!("<token>{}</token>", self.token())),
                ("/api/webserver/token", Generation::G3) => {
                    let token = self.token();
                    ok(&format!("<token>{}{token}</token>", "x".repeat(32)))
                }
                ("/api/webserver/SesTokInfo", Generation::G2) => {
                    let session = self.new_session();
                    let token = self.token();
                    ok(&format!("<SesInfo>SessionID={session}</SesInfo><TokInfo>{token}</TokInfo>"))
                }
                ("/api/user/state-login", _) => match self.login {
                    None => ok("<State>0</State><Username></Username><password_type>0</password_type>"),
                    Some(kind) => {
                        let state = if self.logged_in { "0" } else { "-1" };
                        let number = if kind == "scram" { "4" } else { kind };
                        let scram = match self.generation {
                            Generation::G3 => format!(
                                "<extern_password_type>{}</extern_password_type><lockstatus>{}</lockstatus><remainwaittime>3</remainwaittime>",
                                u8::from(kind == "scram"),
                                u8::from(self.wrong_tries >= 5)
                            ),
                            _ => String::new(),
                        };
                        ok(&format!(
                            "<State>{state}</State><Username></Username><password_type>{number}</password_type>{scram}"
                        ))
                    }
                },
                ("/api/user/hilink_login", Generation::G3) => ok("<hilink_login>1</hilink_login>"),
                _ => self.content(path),
            };
            response.body = body.into_bytes();
            return response;
        }
        if path == "/CGI" {
            response.body = ok("OK").into_bytes();
            return response;
        }
        // Every POST spends its token, and every answer brings one.
        let token = header("__RequestVerificationToken");
        let refused = match self.generation {
            Generation::G0 => None,
            Generation::G1 => (!self.tokens.contains(&token)).then_some(125_001),
            _ if header("Cookie") != format!("SessionID={:0128}", self.session) => Some(125_002),
            _ => (!self.tokens.remove(&token)).then_some(125_003),
        };
        let next = if self.has_sessions() { Some(self.token()) } else { None };
        let mut listed = next.into_iter().collect::<Vec<_>>();
        let root = xml::parse(&request.body).ok();
        let value = |name: &str| root.as_ref().and_then(|r| r.value(name)).unwrap_or_default().to_owned();
        let body = if let Some(code) = refused {
            Err(code)
        } else {
            match path {
                "/api/user/login" => self.check_login(&value("Username"), &value("Password"), &token),
                "/api/user/challenge_login" => {
                    self.nonces = (value("firstnonce"), format!("{}{}", value("firstnonce"), "n".repeat(32)));
                    Ok(format!(
                        "<salt>{SALT}</salt><iterations>100</iterations><servernonce>{}</servernonce><modeselected>1</modeselected>",
                        self.nonces.1
                    ))
                }
                "/api/user/authentication_login" => {
                    self.check_proof(&value("clientproof"), &value("finalnonce"))
                }
                "/api/user/logout" => {
                    self.logged_in = false;
                    Ok("OK".to_owned())
                }
                _ if self.login.is_some() && !self.logged_in => Err(100_003),
                _ => Ok(self
                    .replies
                    .get_mut(path)
                    .and_then(|r| if r.len() > 1 { Some(r.remove(0)) } else { r.first().cloned() })
                    .unwrap_or("OK".into())),
            }
        };
        let login = matches!(path, "/api/user/login" | "/api/user/authentication_login") && body.is_ok();
        if login {
            let session = self.new_session();
            self.logged_in = true;
            let name = if self.plain_style { "set-cookie" } else { "Set-Cookie" };
            response.headers.push((name.into(), format!("SessionID={session};path=/;HttpOnly;")));
            listed = (0..32).map(|_| self.token()).collect();
        }
        if !listed.is_empty() {
            let name =
                if self.plain_style { "__requestverificationtoken" } else { "__RequestVerificationToken" };
            let list = listed.join("#") + if login { "#" } else { "" };
            response.headers.push((name.into(), list));
        }
        response.body = match body {
            Ok(inside) if inside.starts_with('!') => error(inside[1..].parse().unwrap()),
            Ok(inside) => ok(&inside),
            Err(code) => error(code),
        }
        .into_bytes();
        response
    }

    pub(super) fn content(&mut self, path: &str) -> String {
        let Some(replies) = self.replies.get_mut(path) else { return error(100_002) };
        let reply = if replies.len() > 1 { replies.remove(0) } else { replies[0].clone() };
        match reply.strip_prefix('!') {
            Some(code) => error(code.parse().unwrap()),
            None => format!("<response>{reply}</response>"),
        }
    }

    pub(super) fn check_login(&mut self, user: &str, given: &str, token: &str) -> Result<String, i32> {
        let expected = match self.login {
            Some("4") => {
                let inner = STANDARD.encode(crate::hex::encode(&Sha256::digest(PASSWORD)));
                STANDARD.encode(crate::hex::encode(&Sha256::digest(format!("admin{inner}{token}"))))
            }
            _ => STANDARD.encode(PASSWORD),
        };
        if self.wrong_tries >= 5 {
            return Err(108_007);
        }
        if user == "admin" && given == expected {
            return Ok("OK".to_owned());
        }
        self.wrong_tries += 1;
        Err(108_006)
    }

    pub(super) fn check_proof(&mut self, proof: &str, nonce: &str) -> Result<String, i32> {
        let mac = |key: &[u8], message: &[u8]| {
            Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(message).finalize().into_bytes()
        };
        let bytes = |t: &str| crate::hex::decode(t).unwrap();
        let mut salted = [0; 32];
        pbkdf2::pbkdf2_hmac::<Sha256>(PASSWORD.as_bytes(), &bytes(SALT), 100, &mut salted);
        let message = format!("{},{},{}", self.nonces.0, self.nonces.1, nonce);
        let stored = Sha256::digest(mac(b"Client Key", &salted));
        let signature = mac(message.as_bytes(), &stored);
        let client_key: Vec<u8> = bytes(proof).iter().zip(signature).map(|(p, s)| p ^ s).collect();
        if Sha256::digest(&client_key) != stored {
            self.wrong_tries += 1;
            return Err(108_006);
        }
        let server_key = mac(b"Server Key", &salted);
        let signature =
            if self.login == Some("scram") { mac(message.as_bytes(), &server_key) } else { mac(b"", b"") };
        Ok(format!("<serversignature>{}</serversignature>", crate::hex::encode(&signature)))
    }
}

fn error(code: i32) -> String {
    format!("<?xml version=\"1.0\"?>\n<error>\n<code>{code}</code>\n<message></message>\n</error>\n")
}

impl HttpLink for Web {
    fn request(&mut self, request: &HttpRequest) -> Result<HttpResponse> {
        self.count += 1;
        self.log.push(format!("{} {}", request.method, request.path));
        self.bodies.push(request.body.clone());
        let gone = |sent| {
            Error::new(ErrorKind::Disconnected, "the connection ended")
                .detail(crate::error::Detail::RequestSent(sent))
        };
        match self.faults.get(&self.count).copied() {
            Some(Fault::NotSent) => return Err(gone(false)),
            Some(Fault::Drop) => {
                self.answer(request);
                return Err(gone(true));
            }
            Some(Fault::Refuse(code)) => {
                if code == 125_002 {
                    self.new_session();
                }
                return Ok(HttpResponse { status: 200, headers: Vec::new(), body: error(code).into_bytes() });
            }
            Some(Fault::Truncated) => {
                let mut response = self.answer(request);
                response.body.truncate(response.body.len() / 2);
                return Ok(response);
            }
            Some(Fault::Html) => {
                return Ok(HttpResponse { status: 200, headers: Vec::new(), body: b"<html>".to_vec() });
            }
            None => {}
        }
        Ok(self.answer(request))
    }

    fn now(&self) -> Moment {
        self.now
    }

    fn sleep(&mut self, time: Duration) {
        self.now += time;
    }
}
