//! Logins to the web server of a stick that meet other commands on their way, and requests whose sender leaves before they are answered.

mod server;

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::json;
use server::{Asked, Commands, JSON, Owner, options, start_with};

/// A stick that wants a login: "right" is its password, and "old" was. What logs in waits until it is let go on.
#[derive(Default)]
struct Stick {
    /// What was asked, with the password that came along; and whether logins go on.
    state: Mutex<(Vec<String>, bool)>,
    changed: Condvar,
}

impl Stick {
    fn until(&self, what: &str, enough: impl Fn(&(Vec<String>, bool)) -> bool) {
        let state = self.state.lock().unwrap();
        let time = Duration::from_secs(30);
        let (state, ended) = self.changed.wait_timeout_while(state, time, |state| !enough(state)).unwrap();
        assert!(!ended.timed_out(), "{what}: {:?}", state.0);
    }

    fn asked(&self, words: &str) -> bool {
        self.state.lock().unwrap().0.iter().any(|line| line == words)
    }

    fn goes_on(&self, on: bool) {
        self.state.lock().unwrap().1 = on;
        self.changed.notify_all();
    }
}

impl Commands for Stick {
    fn run(&self, asked: &Asked<'_>) {
        let words = asked.words;
        let password = asked.secrets.iter().find(|(name, _)| name == "STICKSHIFT_PASSWORD");
        let password = password.map_or("", |(_, password)| password.as_str());
        self.state.lock().unwrap().0.push(format!("{} {password}", words.join(" ")).trim_end().to_owned());
        self.changed.notify_all();
        if words.iter().any(|word| word == "status") && words[0] == "hilink" {
            self.until("nobody lets it go on", |(_, goes_on)| *goes_on);
        }
        asked.stay();
        if asked.cancel.is_cancelled() {
            self.state.lock().unwrap().0.push("asked to stop".to_owned());
            self.changed.notify_all();
            self.until("nobody lets it end", |(_, goes_on)| *goes_on);
        }
        match (words[0].as_str(), password) {
            ("list", _) => asked.done(json!({ "sticks": [{ "place": "1-1", "mode": "hilink" }] })),
            ("online", "old") => asked.refused("login-refused"),
            (_, "") => asked.refused("login-needed"),
            _ => asked.done(json!({ "messages": [] })),
        }
    }
}

const LOGIN: &str = "hilink --stick=1-1 status right";
const MESSAGES: &str = "sms --stick=1-1 list";

fn owner() -> (Owner, Arc<Stick>) {
    let stick = Arc::new(Stick::default());
    (Owner::of(start_with(options(), &stick)), stick)
}

fn log_in(owner: &Owner, password: &str) -> u16 {
    let body = json!({ "password": password }).to_string();
    owner.send("POST /api/sticks/1-1/login", body.as_bytes()).status
}

#[test]
fn a_page_that_is_loaded_while_somebody_logs_in_uses_the_login() {
    let (owner, stick) = owner();
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(log_in(&owner, "right"), 200));
        stick.until("it logs in", |(asked, _)| asked.iter().any(|line| line == LOGIN));
        let mut page = owner.server.connect();
        write!(
            page,
            "GET /sticks/1-1/messages HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{}\r\n\r\n",
            owner.server.address, owner.cookie
        )
        .unwrap();
        // One more request on its heels: the page waits for the stick by now.
        assert_eq!(owner.send("GET /api/jobs", b"").status, 200);
        stick.goes_on(true);
        let page = server::read(page);
        assert!(page.status == 200 && !page.text.contains("login-password"), "{}", page.text);
    });
    assert!(stick.asked(&format!("{MESSAGES} right")));
    assert!(!stick.asked(MESSAGES), "it was asked without the login");
}

#[test]
fn whoever_leaves_the_page_while_it_logs_in_is_logged_in() {
    let (owner, stick) = owner();
    let mut page = owner.server.connect();
    let body = r#"{"password":"right"}"#;
    write!(
        page,
        "POST /api/sticks/1-1/login HTTP/1.1\r\nHost: {}\r\n{}\r\n{}\r\n{JSON}\r\nContent-Length: {}\r\n\r\n{body}",
        owner.server.address,
        owner.cookie,
        owner.token,
        body.len()
    )
    .unwrap();
    stick.until("it logs in", |(asked, _)| asked.iter().any(|line| line == LOGIN));
    drop(page);
    // The server has seen that by the time it answers somebody else.
    (0..20).for_each(|_| assert_eq!(owner.send("GET /api/jobs", b"").status, 200));
    stick.goes_on(true);
    let page = owner.send("GET /sticks/1-1/messages", b"");
    assert!(page.status == 200 && !page.text.contains("login-password"), "{}", page.text);
    assert!(stick.asked(&format!("{MESSAGES} right")));
}

#[test]
fn whoever_leaves_the_page_while_what_stays_online_ends_has_hung_up() {
    let (owner, stick) = owner();
    let stay = owner.send("POST /api/sticks/1-1/online", b"{\"stay\":true}");
    assert_eq!(stay.status, 202, "{}", stay.text);
    stick.until("it goes online", |(asked, _)| asked.iter().any(|line| line.contains("--stay")));
    let mut page = owner.server.connect();
    write!(
        page,
        "DELETE /api/sticks/1-1/online HTTP/1.1\r\nHost: {}\r\n{}\r\n{}\r\n\r\n",
        owner.server.address, owner.cookie, owner.token
    )
    .unwrap();
    stick.until("it is asked to stop", |(asked, _)| asked.iter().any(|line| line == "asked to stop"));
    drop(page);
    (0..20).for_each(|_| assert_eq!(owner.send("GET /api/jobs", b"").status, 200));
    stick.goes_on(true);
    stick.until("it hangs up", |(asked, _)| asked.iter().any(|line| line.starts_with("online down")));
}

#[test]
fn a_login_that_is_refused_takes_no_newer_one_with_it() {
    let (owner, stick) = owner();
    stick.goes_on(true);
    assert_eq!(log_in(&owner, "old"), 200);
    let stay = owner.send("POST /api/sticks/1-1/online", b"{\"stay\":true}");
    assert_eq!(stay.status, 202, "{}", stay.text);
    stick.until("it goes online", |(asked, _)| asked.iter().any(|line| line.ends_with("1-1 old")));
    assert_eq!(log_in(&owner, "right"), 200);
    assert_eq!(owner.send("POST /api/jobs/1/cancel", b"{}").status, 200);
    let ended = owner.server.ended("1", &owner.cookie);
    assert!(ended.contains("login-refused"), "{ended}");
    assert_eq!(owner.send("GET /sticks/1-1/messages", b"").status, 200);
    assert!(stick.asked(&format!("{MESSAGES} right")));
}
