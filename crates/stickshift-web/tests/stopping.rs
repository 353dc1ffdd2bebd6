//! A server that is stopped while commands run.

mod server;

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use server::{Asked, Commands, Owner, options, start_with};

/// What takes long runs until it is stopped: at 1-1 the stick is half flashed then, at 1-2 the command is done all the same.
struct Flashing;

impl Commands for Flashing {
    fn run(&self, asked: &Asked<'_>) {
        let is = |word: &str| asked.words.iter().any(|given| given == word);
        if is("list") || is("signal") {
            return asked.done(json!({ "sticks": [] }));
        }
        if is("scan") {
            // It ends without a word.
            return;
        }
        while !asked.cancel.is_cancelled() {
            std::thread::sleep(Duration::from_millis(5));
        }
        if is("1-1") && !is("--stay") {
            let cut = json!({ "event": "error", "kind": "interrupted", "what": "stopped on request", "verdict": "recoverable",
                "recover": "run the same command again with --resume", "exit": 6 });
            return (asked.tell)(&cut);
        }
        asked.done(json!({ "was_online": true }));
    }
}

#[test]
fn whoever_stops_it_hears_what_became_of_each_job() {
    let mut owner = Owner::of(start_with(options(), &Arc::new(Flashing)));
    for (place, more) in [("1-1", ""), ("1-2", ""), ("1-3", ",\"stay\":true")] {
        let body = format!("{{\"metric\":7{more}}}");
        let up = owner.send(&format!("POST /api/sticks/{place}/online"), body.as_bytes());
        assert_eq!(up.status, 202, "{}", up.text);
    }
    owner.server.stop();
    let stopped = owner.server.stopped.lock().unwrap().clone();
    let told: Vec<(u64, &str, Option<&str>, Option<&str>)> = stopped
        .iter()
        .map(|job| {
            let verdict = job.last.as_ref().map(|last| last["verdict"].as_str().unwrap());
            (job.job, job.command.as_str(), job.place.as_deref(), verdict)
        })
        .collect();
    assert_eq!(
        told,
        [
            (1, "online up", Some("1-1"), None),
            (2, "online up", Some("1-2"), None),
            (1, "online up", Some("1-1"), Some("recoverable")),
            (2, "online up", Some("1-2"), Some("done")),
        ]
    );
}

#[test]
fn whoever_follows_a_command_hears_its_end() {
    let mut owner = Owner::of(start_with(options(), &Arc::new(Flashing)));
    let body = r#"{"words":["flash","--","1-1"]}"#;
    let answer = std::thread::scope(|scope| {
        let mut stream = owner.follow(body);
        let reading = scope.spawn(move || {
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            text
        });
        owner.server.stop();
        reading.join().unwrap()
    });
    assert!(answer.contains("run the same command again with --resume"), "{answer}");
}

#[test]
fn nobody_is_told_that_a_job_without_a_word_did_nothing() {
    let owner = Owner::of(start_with(options(), &Arc::new(Flashing)));
    assert_eq!(owner.send("POST /api/sticks/1-1/network/scan", b"").status, 202);
    let job = owner.server.ended("1", &owner.cookie);
    assert!(job.contains("\"verdict\":\"unknown\"") && job.contains("\"exit\":7"), "{job}");
}
