//! Command lines of other computers: which stick they hold, what they end, and who is shown what they say.

mod server;

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

use serde_json::json;
use server::{Asked, Commands, Owner, options, start_with};
use stickshift::event::Cancel;

const IMEI: &str = "490154203237518";

/// Sticks that `identify` finds by an IMEI; notes what is asked besides what is there. A code for the network takes until the last is raised.
struct Sticks(Vec<&'static str>, Mutex<Vec<String>>, Cancel);

impl Sticks {
    fn asked(&self) -> Vec<String> {
        self.1.lock().unwrap().clone()
    }
}

impl Commands for Sticks {
    fn run(&self, asked: &Asked<'_>) {
        let words = asked.words;
        let mut line = words.join(" ");
        if asked.secrets.iter().any(|(name, _)| name == "STICKSHIFT_PASSWORD") {
            line += " with the password";
        }
        if words[0] != "list" {
            self.1.lock().unwrap().push(line.clone());
        }
        asked.stay();
        while line.contains("ussd") && !self.2.is_cancelled() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let sticks = self.0.iter().map(|place| {
            json!({ "place": place, "id": format!("12d1:150{}", place.len()), "mode": "modem",
                "interfaces": [{ "tty": format!("/dev/ttyUSB{}", place.len()) }] })
        });
        let result = match line.as_str() {
            "list" => json!({ "sticks": sticks.collect::<Vec<_>>() }),
            line if line.contains("unmasked") || line.contains("AT+CGSN") => {
                (asked.tell)(&json!({ "event": "note", "code": "x", "text": IMEI }));
                json!({ "imei": IMEI })
            }
            line if line.starts_with("identify") && line.ends_with(IMEI) => json!({ "place": "1-1" }),
            line if line.contains("signal") && line.contains("--user=") => {
                return asked.refused("login-refused");
            }
            line if line.starts_with("identify") => {
                return (asked.tell)(&json!({ "event": "error", "kind": "no-stick", "exit": 3 }));
            }
            // Another program has it.
            line if line.starts_with("network") => {
                let held = json!({ "event": "error", "verb": "network show", "kind": "port-busy", "what": "held by ModemManager",
                    "verdict": "untouched", "exit": 4 });
                return (asked.tell)(&held);
            }
            _ => json!({}),
        };
        asked.done(result);
    }
}

fn with(sticks: &[&'static str]) -> (Owner, Arc<Sticks>) {
    let sticks = Arc::new(Sticks(sticks.to_vec(), Mutex::default(), Cancel::new()));
    (Owner::of(start_with(options(), &sticks)), sticks)
}

fn command(owner: &Owner, words: &str) -> String {
    let words: Vec<&str> = words.split(' ').collect();
    owner.send("POST /api/commands", json!({ "words": words }).to_string().as_bytes()).text
}

#[test]
fn hanging_up_ends_what_stays_online_however_the_stick_is_named() {
    for stick in ["-- 1-1", "-- 12d1:1503", "-- ttyUSB3", "-- /dev/ttyUSB3", "-- IMEI"] {
        let (owner, engine) = with(&["1-1", "1-2.2"]);
        for place in ["1-1", "1-2.2"] {
            let stay = owner.send(&format!("POST /api/sticks/{place}/online"), b"{\"stay\":true}");
            assert_eq!(stay.status, 202, "{}", stay.text);
        }
        let down = command(&owner, &format!("online down {}", stick.replace("IMEI", IMEI)));
        assert!(down.contains("\"exit\":0"), "{stick}: {down}");
        let state = |job: &str| owner.send(&format!("GET /api/jobs/{job}"), b"").text;
        assert!(state("1").contains("\"state\":\"ended\""), "{stick}: {}", state("1"));
        assert!(state("2").contains("\"state\":\"running\""), "{stick}: {}", state("2"));
        let asked = engine.asked();
        assert!(asked.last().unwrap().starts_with("--texts online down"), "{stick}: {asked:?}");
    }
    // The only one needs no name.
    let (owner, _engine) = with(&["1-1"]);
    assert_eq!(owner.send("POST /api/sticks/1-1/online", b"{\"stay\":true}").status, 202);
    let down = command(&owner, "online down");
    assert!(down.contains("\"exit\":0"), "{down}");
    let stay = owner.send("GET /api/jobs/1", b"").text;
    assert!(stay.contains("\"state\":\"ended\""), "{stay}");
}

/// A code that is asked of the network holds the stick longer than a hang-up waits for it.
#[test]
fn a_hang_up_that_is_refused_says_what_it_has_ended() {
    let (owner, engine) = with(&["1-1", "1-2.2"]);
    let refused = |answer: &String| {
        assert!(answer.contains("port-busy") && answer.contains("\"verdict\":\"recoverable\""), "{answer}");
        assert!(!answer.contains("nothing was sent"), "{answer}");
    };
    std::thread::scope(|scope| {
        for place in ["1-1", "1-2.2"] {
            let stay = owner.send(&format!("POST /api/sticks/{place}/online"), b"{\"stay\":true}");
            assert_eq!(stay.status, 202, "{}", stay.text);
            let (owner, ask) = (&owner, format!("ussd --stick={place} -- *100#"));
            scope.spawn(move || command(owner, &ask));
        }
        let asked = || engine.asked().iter().filter(|line| line.contains("ussd")).count();
        while asked() < 2 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let by_api = scope.spawn(|| owner.send("DELETE /api/sticks/1-1/online", b"").text);
        let by_line = scope.spawn(|| command(&owner, "online down -- 1-2.2"));
        let answers = [by_api.join().unwrap(), by_line.join().unwrap()];
        engine.2.cancel();
        answers.iter().for_each(refused);
    });
}

#[test]
fn a_change_of_a_stick_that_is_not_found_is_refused() {
    let (owner, engine) = with(&["1-1", "1-2.2"]);
    for (words, kind) in [
        ("sms send -- +12345678901 hello", "several-sticks"),
        ("online down -- 490154203237526", "no-stick"),
        ("switch -- ttyUSB9", "no-stick"),
        ("pin enter --stick=12d1:1f01", "no-stick"),
    ] {
        let refused = command(&owner, words);
        assert!(refused.contains(kind) && refused.contains("`stickshift list` shows"), "{refused}");
        // Those to choose from.
        assert!(refused.contains("1-1 (") && refused.contains("1-2.2 ("), "{refused}");
    }
    let asked = engine.asked();
    assert!(asked.iter().all(|words| words.starts_with("identify")), "{asked:?}");
    // What only reads says by itself what it lacks.
    let signal = command(&owner, "signal");
    assert!(signal.contains("\"exit\":0"), "{signal}");
}

#[test]
fn a_password_that_is_kept_is_tried_with_its_own_user_alone() {
    let (owner, engine) = with(&["1-1"]);
    let login = owner.send("POST /api/sticks/1-1/login", b"{\"password\":\"secret\"}");
    assert_eq!(login.status, 200, "{}", login.text);
    let look = "GET /api/commands?word=signal&word=--user%3Dx&word=--&word=1-1";
    let refused = owner.send(look, b"");
    assert!(refused.status != 200 && refused.text.contains("read-only"), "{}", refused.text);
    // An owner may name another user, whose password this is not.
    let other = command(&owner, "signal --user=x -- 1-1");
    assert!(other.contains("login-refused"), "{other}");
    assert_eq!(engine.asked().last().unwrap(), "--texts signal --user=x -- 1-1");
    let kept = command(&owner, "signal -- 1-1");
    assert!(kept.contains("\"exit\":0"), "{kept}");
    assert_eq!(
        engine.asked().last().unwrap(),
        "--texts signal -- 1-1 with the password",
        "the login is kept"
    );
}

#[test]
fn looking_pushes_out_no_job() {
    let (owner, _engine) = with(&["1-1"]);
    assert!(command(&owner, "network scan -- 1-1").contains("\"exit\":0"));
    for _ in 0..66 {
        let look = owner.send("GET /api/commands?word=signal&word=--&word=1-1", b"");
        assert_eq!(look.status, 200, "{}", look.text);
    }
    assert_eq!(owner.send("GET /api/jobs/1", b"").status, 200);
    assert_eq!(owner.send("GET /api/jobs/2", b"").status, 404, "what was only read is forgotten");
}

#[test]
fn a_stick_that_is_talked_to_is_not_asked_for_its_name() {
    let (owner, engine) = with(&["1-1", "1-2.2"]);
    let found = command(&owner, &format!("signal -- {IMEI}"));
    assert!(found.contains("\"exit\":0"), "{found}");
    assert_eq!(engine.asked().last().unwrap(), "--texts signal -- 1-1");
    std::thread::scope(|scope| {
        scope.spawn(|| command(&owner, "ussd --stick=1-2.2 -- *100#"));
        while !engine.asked().iter().any(|line| line.contains("ussd")) {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let found = command(&owner, &format!("signal -- {IMEI}"));
        assert!(found.contains("\"exit\":0"), "{found}");
        let missed = command(&owner, "signal -- 490154203237526");
        assert!(missed.contains("port-busy"), "{missed}");
        engine.2.cancel();
    });
    let asked = engine.asked();
    assert!(!asked.iter().any(|line| line.starts_with("identify") && line.contains("1-2.2")), "{asked:?}");
}

#[test]
fn a_stick_in_use_stops_no_other() {
    let (owner, engine) = with(&["1-1", "1-2.2", "1-3"]);
    std::thread::scope(|scope| {
        scope.spawn(|| command(&owner, "ussd --stick=1-2.2 -- *100#"));
        while !engine.asked().iter().any(|line| line.contains("ussd")) {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let all = command(&owner, "switch --all");
        engine.2.cancel();
        assert!(all.contains("\"exit\":0"), "{all}");
    });
    assert_eq!(engine.asked().last().unwrap(), "--texts switch --in-use=1-2.2 --all");
    let all = command(&owner, "switch --all");
    assert!(all.contains("\"exit\":0"), "{all}");
    assert_eq!(engine.asked().last().unwrap(), "--texts switch --all");
}

#[test]
fn a_page_of_a_stick_that_a_job_keeps_says_so_once_and_offers_to_try_again() {
    let (owner, engine) = with(&["1-1"]);
    let asked = std::thread::scope(|scope| {
        scope.spawn(|| command(&owner, "ussd --stick=1-1 -- *100#"));
        while !engine.asked().iter().any(|line| line.contains("ussd")) {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let pages = ["", "/connect", "/messages", "/network"];
        let answers = pages.map(|page| (page, owner.send(&format!("GET /sticks/1-1{page}"), b"")));
        // Once the job has ended, the signal may be looked at.
        let asked = engine.asked();
        engine.2.cancel();
        for (page, answer) in answers {
            assert_eq!(answer.status, 200, "{page}");
            for once in ["Another command talks to this stick", "href=\"/jobs/1\"", "href=\"?\">Try again"] {
                assert_eq!(answer.text.matches(once).count(), 1, "{page}: {once}: {}", answer.text);
            }
            assert!(!answer.text.contains("box bad"), "{page}: {}", answer.text);
        }
        asked
    });
    // How the connection stands is asked of the computer.
    let of_stick = asked.iter().filter(|line| !line.starts_with("online status"));
    assert_eq!(of_stick.count(), 1, "it was disturbed: {asked:?}");
    assert!(!owner.send("GET /sticks/1-1", b"").text.contains("Another command talks"));
    // What another program keeps is a failure, and may be over the next time.
    let held = owner.send("GET /sticks/1-1/network", b"").text;
    assert!(held.contains("held by ModemManager") && held.contains("box bad"), "{held}");
    assert_eq!(held.matches("href=\"?\">Try again").count(), 1, "{held}");
}

#[test]
fn an_identity_in_full_is_for_whoever_asked_for_it() {
    for line in ["identify --unmasked -- 1-1", "at --stick=1-1 -- AT+CGSN"] {
        is_told_to_nobody_else(line);
    }
}

fn is_told_to_nobody_else(line: &str) {
    let (owner, _engine) = with(&["1-1"]);
    let mut events = owner.server.connect();
    write!(events, "GET /api/events HTTP/1.1\r\nHost: {}\r\n{}\r\n\r\n", owner.server.address, owner.cookie)
        .unwrap();
    let mut seen = String::new();
    let mut until = |wanted: &str| {
        let mut piece = [0; 4096];
        while !seen.contains(wanted) {
            let read = events.read(&mut piece).unwrap();
            assert!(read > 0, "{wanted}: {seen}");
            seen.push_str(&String::from_utf8_lossy(&piece[..read]));
        }
        seen.clone()
    };
    until("id: ");
    let told = command(&owner, line);
    assert_eq!(told.matches(IMEI).count(), 2, "{told}");
    for path in ["/api/jobs/1", "/api/jobs"] {
        let kept = owner.send(&format!("GET {path}"), b"").text;
        assert!(kept.contains("\"exit\":0") && !kept.contains(IMEI), "{kept}");
    }
    let seen = until("\"state\":\"ended\"");
    assert!(seen.contains("\"exit\":0") && !seen.contains(IMEI), "{seen}");
}
