//! A service that waits for its stick, and somebody who disconnects meanwhile.

mod server;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use server::{Running, options, start_with};
use stickshift::event::Cancel;
use stickshift_web::{Engine, Service};

/// Two sticks that are plugged in late; notes what is asked besides what is there.
#[derive(Default)]
struct Late {
    plugged: AtomicBool,
    asked: Mutex<Vec<String>>,
}

impl Engine for Late {
    fn run(
        &self,
        words: &[String],
        _: Vec<(String, String)>,
        cancel: Cancel,
        listener: Box<dyn Fn(&Value)>,
        _: Box<dyn Fn() -> bool>,
    ) {
        let mut result = json!({});
        if words == ["list"] {
            let there: &[&str] = if self.plugged.load(Ordering::SeqCst) { &["1-1", "1-2"] } else { &[] };
            result =
                json!({ "sticks": there.iter().map(|place| json!({ "place": place })).collect::<Vec<_>>() });
        } else {
            self.asked.lock().unwrap().push(words.join(" "));
        }
        while words.iter().any(|word| word == "--stay") && !cancel.is_cancelled() {
            std::thread::sleep(Duration::from_millis(5));
        }
        listener(
            &json!({ "event": "result", "verb": words[0], "verdict": "untouched", "exit": 0, "result": result }),
        );
    }

    fn is_virtual(&self) -> bool {
        true
    }

    fn replug(&self, _: &str) -> bool {
        self.plugged.store(true, Ordering::SeqCst);
        true
    }

    fn profile_folder(&self) -> PathBuf {
        PathBuf::from("/nowhere")
    }
}

fn until(engine: &Late, what: &str, enough: impl Fn(&[String]) -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !enough(&engine.asked.lock().unwrap()) {
        assert!(Instant::now() < until, "{what}: {:?}", engine.asked.lock().unwrap());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn disconnecting_ends_a_service_that_waits_for_its_stick() {
    let mut options = options();
    options.services = ["1-1", "1-2"].map(|place| Service::Stay(Some(place.to_owned()))).to_vec();
    let engine = Arc::new(Late::default());
    let server: Running = start_with(options, Arc::clone(&engine) as Arc<dyn Engine>);
    let (cookie, token) = server.enter();
    let down = server.send("DELETE /api/sticks/1-1/online", &[&cookie, &token], b"");
    assert_eq!(down.status, 200, "{}", down.text);
    assert_eq!(*engine.asked.lock().unwrap(), ["online down -- 1-1"]);
    // Both are plugged in; the one whose turn is first has been ended.
    assert_eq!(server.send("POST /api/sticks/1-1/replug", &[&cookie, &token], b"").status, 200);
    until(&engine, "the other service goes on", |asked| asked.iter().any(|words| words.ends_with("-- 1-2")));
    let asked = engine.asked.lock().unwrap().clone();
    assert!(!asked.iter().any(|words| words.contains("--stay") && words.ends_with("1-1")), "{asked:?}");
}
