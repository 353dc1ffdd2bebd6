//! The session with the web server: its cookie and its tokens, from the first page to a new session in the old one's place.

use crate::error::{Effect, Error, ErrorKind, Result};
use crate::hilink::call::USUAL;
use crate::hilink::client::{Generation, Hilink};
use crate::hilink::refusal::{code_of, is_stale};
use crate::hilink::reply::{csrf_tokens, https_only, is_header_safe, is_https, local_path};
use crate::link::{Changes, HttpResponse};

/// The name of the session's cookie.
const SESSION: &str = "SessionID";

/// Most tokens kept; a login brings 32.
const TOKENS_LIMIT: usize = 64;

impl Hilink<'_> {
    /// Detection in the order that works everywhere, section 1.2.
    pub(super) fn start_session(&mut self) -> Result<()> {
        self.cookies.clear();
        self.tokens.clear();
        let page = self.home_page()?;
        let tokens = csrf_tokens(&page.body);
        if !tokens.is_empty() {
            self.tokens.extend(tokens);
            if self.generation != Generation::G3 {
                self.generation = Generation::G2;
            }
            return Ok(());
        }
        self.fetch_token()
    }

    /// The first page.
    fn home_page(&mut self) -> Result<HttpResponse> {
        let mut path = "/".to_owned();
        let mut redirects = 0;
        loop {
            self.check()?;
            let response = self.exchange("GET", &path, Vec::new(), &[], Effect::Reads, USUAL)?;
            if (300..400).contains(&response.status) && is_https(&response) {
                return Err(self.assess(https_only()));
            }
            // Only to another page of the same server.
            let location = response.header("Location").map(local_path);
            match location.flatten() {
                Some(next) if (300..400).contains(&response.status) && redirects < 3 => {
                    redirects += 1;
                    path = next;
                }
                _ => return Ok(response),
            }
        }
    }

    /// A token without a page: `webserver/token`, then `webserver/SesTokInfo`, then none at all.
    pub(super) fn fetch_token(&mut self) -> Result<()> {
        match self.get_once("/api/webserver/token", USUAL) {
            Ok(reply) => {
                let token = reply.value("token").unwrap_or_default();
                match token.len() {
                    0 => {}
                    // Newer ones give 64 characters, of which the last 32 are the token.
                    64.. if token.is_ascii() => {
                        self.generation = Generation::G3;
                        self.keep_token(&token[token.len() - 32..]);
                        return Ok(());
                    }
                    _ => {
                        if !matches!(self.generation, Generation::G2 | Generation::G3) {
                            self.generation = Generation::G1;
                        }
                        self.keep_token(token);
                        return Ok(());
                    }
                }
            }
            Err(e) if code_of(&e).is_some() => {}
            Err(e) => return Err(e),
        }
        match self.get_once("/api/webserver/SesTokInfo", USUAL) {
            Ok(reply) => {
                if let Some(session) = reply.value("SesInfo") {
                    // With its name on some, bare on others.
                    self.keep_cookie(
                        session.strip_prefix("SessionID=").map_or((SESSION, session), |v| (SESSION, v)),
                    );
                }
                // Every call opens a new session: older tokens are of another one.
                self.tokens.clear();
                if let Some(token) = reply.value("TokInfo") {
                    self.keep_token(token);
                }
                if self.generation != Generation::G3 {
                    self.generation = Generation::G2;
                }
                Ok(())
            }
            Err(e) if code_of(&e).is_some() => {
                self.generation = Generation::G0;
                Ok(())
            }
            Err(e) => Err(e),
        }
    }

    /// Begins a new session where the refusal says that the old one is over; whether it does.
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`login`](Self::login).
    pub(crate) fn renew_after(&mut self, refusal: &Error) -> Result<bool> {
        let over = is_stale(refusal) || refusal.is(ErrorKind::LoginNeeded) && self.credentials.is_some();
        if over {
            self.renew()?;
        }
        Ok(over)
    }

    /// A new session, logged in again if the old one was.
    pub(super) fn renew(&mut self) -> Result<()> {
        self.logged_in = false;
        self.start_session()?;
        let Some(credentials) = self.credentials.take() else { return Ok(()) };
        let again = self.login_state().and_then(|state| {
            if state.open { Ok(()) } else { self.log_in_as(&state, &credentials.user, &credentials.password) }
        });
        // A password that is refused now is not tried again: tries are counted.
        again?;
        self.credentials = Some(credentials);
        Ok(())
    }

    pub(super) fn keep_cookie(&mut self, (name, value): (&str, &str)) {
        if !is_header_safe(name) || !is_header_safe(value) {
            return;
        }
        self.cookies.retain(|(n, _)| n != name);
        if self.cookies.len() < 8 {
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
    }

    fn keep_token(&mut self, token: &str) {
        if is_header_safe(token) && self.tokens.len() < TOKENS_LIMIT {
            self.tokens.push_back(token.to_owned());
        }
    }

    /// The tokens that a reply brings: one after an ordinary request, 32 joined with `#` after a login.
    pub(super) fn keep_tokens_of(&mut self, response: &HttpResponse) {
        if self.generation == Generation::G1 && response.header("__RequestVerificationToken").is_some() {
            self.tokens.clear();
        }
        let listed = response.header("__RequestVerificationToken").unwrap_or_default();
        for token in listed.split('#').map(str::trim).filter(|t| !t.is_empty()) {
            self.keep_token(token);
        }
        if listed.is_empty() {
            for name in ["__RequestVerificationTokenone", "__RequestVerificationTokentwo"] {
                if let Some(token) = response.header(name) {
                    self.keep_token(token.trim());
                }
            }
        }
    }
}
