//! Cookies and tokens by generation (docs/protocols/hilink-at.md sections 1.2 and 1.3).

use std::collections::VecDeque;
use std::time::Duration;

use stickshift::link::Moment;

use crate::hilink::Generation;
use crate::random::Random;

/// A page that the owner never asked for is a page more; old sessions go.
pub(crate) const MOST_SESSIONS: usize = 16;
const MOST_TOKENS: usize = 48;
/// How often a token of G1 is taken.
const TOKEN_USES: u32 = 24;

/// Why a request is refused before anybody looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stale {
    /// 125001: a token of G1 that is none, or no more.
    WrongToken,
    /// 125002: no cookie, or one that nobody knows.
    NoSession,
    /// 125003: a token that was used, or is of another session.
    UsedToken,
}

#[derive(Debug)]
pub(crate) struct WebSession {
    pub(crate) cookie: String,
    tokens: VecDeque<String>,
    /// SCRAM: the client's nonce and the server's.
    pub(crate) nonces: Option<(String, String)>,
    seen: Moment,
}

/// All sessions of the server, and the one that is logged in.
#[derive(Debug)]
pub(crate) struct Sessions {
    generation: Generation,
    expiry: Duration,
    random: Random,
    open: VecDeque<WebSession>,
    /// The token of G1 and how often it was taken.
    token: Option<(String, u32)>,
    /// The cookie that is logged in, and when it was last seen. Without cookies everybody is the same one.
    user: Option<(String, Moment)>,
}

impl Sessions {
    pub(crate) fn new(generation: Generation, expiry: Duration, seed: u64) -> Self {
        Sessions {
            generation,
            expiry,
            random: Random::new(seed),
            open: VecDeque::new(),
            token: None,
            user: None,
        }
    }

    /// Text of the generation's alphabet.
    pub(crate) fn text(&mut self, length: usize) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let letters = if self.generation == Generation::G3 { &ALPHABET[..62] } else { ALPHABET };
        (0..length).map(|_| char::from(letters[self.random.below(letters.len())])).collect()
    }

    /// 64 hexadecimal digits.
    pub(crate) fn salt(&mut self) -> String {
        (0..4).map(|_| format!("{:016x}", self.random.next())).collect()
    }

    /// Whoever said nothing for a while is gone.
    pub(crate) fn tick(&mut self, now: Moment) {
        self.open.retain(|s| now < s.seen + self.expiry);
        self.user = self.user.take().filter(|(_, seen)| now < *seen + self.expiry);
    }

    pub(crate) fn count(&self) -> usize {
        self.open.len()
    }

    /// A new session with so many tokens: its cookie and them.
    pub(crate) fn open(&mut self, now: Moment, tokens: usize) -> (String, Vec<String>) {
        let cookie = format!("SessionID={}", self.text(128));
        let tokens: Vec<String> = (0..tokens).map(|_| self.text(32)).collect();
        if self.open.len() == MOST_SESSIONS {
            self.open.pop_front();
        }
        let all = tokens.iter().cloned().collect();
        self.open.push_back(WebSession { cookie: cookie.clone(), tokens: all, nonces: None, seen: now });
        (cookie, tokens)
    }

    /// The session of a request with these cookies.
    pub(crate) fn find(&mut self, now: Moment, cookies: &str) -> Option<&mut WebSession> {
        let found = self.open.iter_mut().find(|s| cookies.split(';').any(|c| c.trim() == s.cookie))?;
        found.seen = now;
        if let Some((user, seen)) = &mut self.user
            && *user == found.cookie
        {
            *seen = now;
        }
        Some(found)
    }

    /// One more token for a session.
    pub(crate) fn token(&mut self, cookie: &str) -> String {
        let token = self.text(32);
        if let Some(session) = self.open.iter_mut().find(|s| s.cookie == cookie) {
            if session.tokens.len() == MOST_TOKENS {
                session.tokens.pop_front();
            }
            session.tokens.push_back(token.clone());
        }
        token
    }

    /// The token of G1, which stays the same until it is worn out.
    pub(crate) fn shared_token(&mut self) -> String {
        if let Some((token, uses)) = &self.token
            && *uses < TOKEN_USES
        {
            return token.clone();
        }
        let token = self.text(32);
        self.token = Some((token.clone(), 0));
        token
    }

    /// Uses up the token of a POST: the session's cookie, empty where there are none.
    pub(crate) fn post(
        &mut self,
        now: Moment,
        cookies: &str,
        token: &str,
    ) -> Result<String, (Stale, String)> {
        match self.generation {
            Generation::G0 => Ok(String::new()),
            Generation::G1 => match &mut self.token {
                Some((known, uses)) if known == token && *uses < TOKEN_USES => {
                    *uses += 1;
                    if let Some((_, seen)) = &mut self.user {
                        *seen = now;
                    }
                    Ok(String::new())
                }
                _ => Err((Stale::WrongToken, String::new())),
            },
            Generation::G2 | Generation::G3 => {
                let Some(session) = self.find(now, cookies) else {
                    return Err((Stale::NoSession, String::new()));
                };
                let cookie = session.cookie.clone();
                match session.tokens.iter().position(|t| t == token) {
                    Some(at) => {
                        session.tokens.remove(at);
                        Ok(cookie)
                    }
                    None => Err((Stale::UsedToken, cookie)),
                }
            }
        }
    }

    /// Who is logged in; the empty text is everybody.
    pub(crate) fn user(&self) -> Option<&str> {
        self.user.as_ref().map(|(cookie, _)| cookie.as_str())
    }

    /// Logs a session in. With cookies it goes on as another one, with so many tokens.
    pub(crate) fn log_in(&mut self, now: Moment, cookie: &str) -> Option<(String, Vec<String>)> {
        if cookie.is_empty() {
            self.user = Some((String::new(), now));
            return None;
        }
        self.open.retain(|s| s.cookie != cookie);
        let (cookie, tokens) = self.open(now, 32);
        self.user = Some((cookie.clone(), now));
        Some((cookie, tokens))
    }

    /// Logs out; the session goes with it.
    pub(crate) fn log_out(&mut self, cookie: &str) {
        self.user = None;
        self.open.retain(|s| s.cookie != cookie);
    }
}
