//! Who may come in: one-time links, passwords, and the sessions that they open.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use stickshift::hex;

use crate::password::Passwords;

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// Look.
    Reader,
    /// Look and change.
    Owner,
}

impl Role {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Role::Reader => "reader",
            Role::Owner => "owner",
        }
    }

    pub(crate) fn of_word(word: &str) -> Option<Role> {
        [Role::Reader, Role::Owner].into_iter().find(|role| role.word() == word)
    }
}

/// A session ends when nobody uses it for so long.
const IDLE: Duration = Duration::from_secs(12 * 3600);
/// More people than ever look at the same time; the one that was away longest goes.
const SESSIONS: usize = 256;
/// Failed attempts are counted for so long.
const WINDOW: Duration = Duration::from_secs(60);
/// Failed attempts from one address, and from all, before the next has to wait.
const FAILURES_OF_ONE: usize = 5;
const FAILURES_OF_ALL: usize = 30;

#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) role: Role,
    /// What a form or a script has to send along to change something.
    pub(crate) token: String,
    seen: Instant,
}

#[derive(Default)]
struct State {
    sessions: HashMap<String, Session>,
    link: Option<String>,
    failures: VecDeque<(Instant, Option<IpAddr>)>,
}

pub(crate) struct Access {
    pub(crate) passwords: Passwords,
    /// The most that anybody may do.
    pub(crate) most: Role,
    state: Mutex<State>,
}

/// 128 bits that nobody guesses.
pub(crate) fn secret() -> String {
    let mut bytes = [0; 16];
    stickshift::random::fill(&mut bytes);
    hex::encode(&bytes)
}

/// Compares without telling by the time it takes how much is right.
pub(crate) fn is_same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

impl Access {
    pub(crate) fn new(passwords: Passwords, most: Role) -> Access {
        Access { passwords, most, state: Mutex::default() }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the secret of the next one-time link.
    pub(crate) fn new_link(&self) -> String {
        let link = secret();
        self.state().link = Some(link.clone());
        link
    }

    /// Opens a session with a one-time link. Gives its id.
    pub(crate) fn enter_by_link(&self, link: &str) -> Option<String> {
        let mut state = self.state();
        if !state.link.as_deref().is_some_and(|right| is_same(right, link)) {
            return None;
        }
        state.link = None;
        Some(open(&mut state, self.most))
    }

    /// Opens a session with a password. Gives its id. Blocks for as long as hashing takes.
    pub(crate) fn enter_by_password(&self, password: &str) -> Option<String> {
        let role = self.passwords.role(password)?.min(self.most);
        Some(open(&mut self.state(), role))
    }

    /// The session of a cookie.
    pub(crate) fn session(&self, id: &str) -> Option<Session> {
        let mut state = self.state();
        let now = Instant::now();
        state.sessions.retain(|_, session| now - session.seen < IDLE);
        let session = state.sessions.get_mut(id)?;
        session.seen = now;
        Some(session.clone())
    }

    /// Whether a session is open still. Asking is no use of it.
    pub(crate) fn is_open(&self, id: &str) -> bool {
        self.state().sessions.get(id).is_some_and(|session| session.seen.elapsed() < IDLE)
    }

    pub(crate) fn leave(&self, id: &str) {
        self.state().sessions.remove(id);
    }

    pub(crate) fn failed(&self, from: Option<IpAddr>) {
        self.state().failures.push_back((Instant::now(), from));
    }

    /// The last attempt from this address, counted as failed, was none.
    pub(crate) fn succeeded(&self, from: Option<IpAddr>) {
        let mut state = self.state();
        if let Some(last) = state.failures.iter().rposition(|(_, by)| *by == from) {
            state.failures.remove(last);
        }
    }

    /// Whether this address has to wait before it may try again.
    pub(crate) fn must_wait(&self, from: Option<IpAddr>) -> bool {
        let mut state = self.state();
        let now = Instant::now();
        while state.failures.front().is_some_and(|(at, _)| now - *at >= WINDOW) {
            state.failures.pop_front();
        }
        let of_one = state.failures.iter().filter(|(_, by)| *by == from).count();
        of_one >= FAILURES_OF_ONE || state.failures.len() >= FAILURES_OF_ALL
    }
}

fn open(state: &mut State, role: Role) -> String {
    if state.sessions.len() >= SESSIONS {
        // Whoever may only look pushes no owner out.
        let next = |(_, session): &(&String, &Session)| (session.role, session.seen);
        let oldest = state.sessions.iter().min_by_key(next).map(|(id, _)| id.clone());
        oldest.map(|id| state.sessions.remove(&id));
    }
    let id = secret();
    state.sessions.insert(id.clone(), Session { role, token: secret(), seen: Instant::now() });
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_opens_once() {
        let access = Access::new(Passwords::default(), Role::Reader);
        let link = access.new_link();
        assert!(access.enter_by_link("").is_none() && access.enter_by_link(&link[1..]).is_none());
        let id = access.enter_by_link(&link).unwrap();
        assert!(access.enter_by_link(&link).is_none());
        assert_eq!(access.session(&id).unwrap().role, Role::Reader);
        access.leave(&id);
        assert!(access.session(&id).is_none());
    }

    #[test]
    fn whoever_may_only_look_pushes_no_owner_out() {
        let access = Access::new(Passwords::default(), Role::Owner);
        let owner = access.enter_by_link(&access.new_link()).unwrap();
        let ids: Vec<String> = (0..SESSIONS + 5).map(|_| open(&mut access.state(), Role::Reader)).collect();
        assert_eq!(access.session(&owner).unwrap().role, Role::Owner);
        assert!(access.session(&ids[0]).is_none() && access.session(&ids[SESSIONS + 4]).is_some());
    }

    #[test]
    fn sessions_do_not_grow_without_end() {
        let access = Access::new(Passwords::default(), Role::Owner);
        let ids: Vec<String> =
            (0..SESSIONS + 5).map(|_| access.enter_by_link(&access.new_link()).unwrap()).collect();
        assert!(access.session(&ids[0]).is_none() && access.session(&ids[SESSIONS + 4]).is_some());
        assert_eq!(access.state().sessions.len(), SESSIONS);
    }
}
