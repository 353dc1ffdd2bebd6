//! Logins to the web servers of sticks, by the place of the stick. Kept in memory alone.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};

use serde_json::Value;

use crate::engine::Secrets;
use crate::fields::Fields;
use crate::jobs::{Jobs, PATIENCE, refusal, without_end};
use crate::operations::place;

impl Jobs {
    fn logins(&self) -> std::sync::MutexGuard<'_, HashMap<String, Secrets>> {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn login_of(&self, place: Option<&str>) -> Secrets {
        place.and_then(|place| self.logins().get(place).cloned()).unwrap_or_default()
    }

    /// The same for the words of a command and the secrets that came with it. A password belongs to its user, and is tried with no other.
    pub(super) fn login_for(&self, place: Option<&str>, words: &[String], given: &Secrets) -> Secrets {
        let login = self.login_of(place);
        let kept_user =
            login.iter().find(|(name, _)| name == "STICKSHIFT_USER").map(|(_, user)| user.as_str());
        let is_own =
            |(name, _): &(String, String)| name == "STICKSHIFT_USER" || name == "STICKSHIFT_PASSWORD";
        let is_other = web_user(words).is_some_and(|user| Some(user) != kept_user);
        if is_other || given.iter().any(is_own) { Secrets::new() } else { login }
    }

    /// Whether somebody is logged in to the web server of the stick at a place.
    pub(crate) fn has_login(&self, place: &str) -> bool {
        self.logins().contains_key(place)
    }

    /// A login that the stick refuses is not tried again: it counts failures, and locks itself. `used` is what was tried: one that was given
    /// since then stays.
    pub(super) fn login_held(&self, place: Option<&str>, used: &Secrets, last: &Value) {
        let (Some(place), Some("login-refused" | "login-locked" | "weak-login")) =
            (place, last["kind"].as_str())
        else {
            return;
        };
        let mut logins = self.logins();
        if !used.is_empty() && logins.get(place) == Some(used) {
            logins.remove(place);
        }
    }

    /// Logs in to the web server of a stick, for every command that follows. Gives the last line of a command that needed it.
    pub(crate) async fn log_in(self: &Arc<Self>, fields: Fields) -> Value {
        // A browser that leaves the page meanwhile has logged in all the same: the stick was told the password.
        let jobs = Arc::clone(self);
        let login = tokio::spawn(async move { jobs.log_in_now(&fields).await });
        login.await.unwrap_or_else(|_| without_end("the login came to no end"))
    }

    async fn log_in_now(&self, fields: &Fields) -> Value {
        let (place, password) = match (place(fields), fields.get("password")) {
            (Ok(place), Some(password)) => (place, password.to_owned()),
            (Err(what), _) => return refusal("usage", &what, "", 2),
            (_, None) => return refusal("usage", "password is required", "", 2),
        };
        let user = fields.get("user").unwrap_or("admin").to_owned();
        let login = vec![("STICKSHIFT_USER".to_owned(), user), ("STICKSHIFT_PASSWORD".to_owned(), password)];
        let words = vec!["hilink".into(), format!("--stick={place}"), "status".into()];
        let is_needless = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_needless);
        let hear = move |line: &Value| {
            told.fetch_or(line["event"] == "note" && line["code"] == "no-login", Ordering::Relaxed);
        };
        let held = match self.hold(Some(&place), PATIENCE).await {
            Ok(held) => held,
            Err(busy) => return busy,
        };
        // The stick is held until the login is kept: whoever waits for it uses it.
        let (line, _held) = self.run_with(words, login.clone(), held, hear).await;
        if line["event"] == "result" {
            if is_needless.load(Ordering::Relaxed) {
                let what = "the stick wants no login now: the password was not sent, and is not kept";
                let mut needless = refusal("no-login", what, "", 5);
                needless["recover"] = "the stick was only read".into();
                return needless;
            }
            self.logins().insert(place, login);
            self.changed.notify_one();
        }
        line
    }

    /// A login is for the stick that stood at its place, and not for the next one that is plugged in there.
    pub(crate) fn forget_logins(&self, list: &Value) {
        let sticks = list["sticks"].as_array().map(Vec::as_slice).unwrap_or_default();
        self.logins().retain(|place, _| sticks.iter().any(|stick| stick["place"] == **place));
    }

    pub(crate) fn log_out(&self, place: &str) -> bool {
        self.logins().remove(place).is_some()
    }
}

/// The user of the stick's web server that the words of a command name. For going online `--user` is that of the access point.
fn web_user(words: &[String]) -> Option<&str> {
    let option = if words.iter().any(|word| word == "online") { "--web-user=" } else { "--user=" };
    words.iter().take_while(|word| *word != "--").find_map(|word| word.strip_prefix(option))
}
