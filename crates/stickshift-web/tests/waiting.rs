//! A service that waits for its stick, and somebody who disconnects meanwhile.

mod server;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use server::{Asked, Commands, Owner, options, start_with};
use stickshift_web::Service;

/// Two sticks that are plugged in late; notes what is asked besides what is there.
#[derive(Default)]
struct Late {
    plugged: AtomicBool,
    asked: Mutex<Vec<String>>,
}

impl Commands for Late {
    fn run(&self, asked: &Asked<'_>) {
        let words = asked.words;
        let mut result = json!({});
        if words == ["list"] {
            let there: &[&str] = if self.plugged.load(Ordering::SeqCst) { &["1-1", "1-2"] } else { &[] };
            result =
                json!({ "sticks": there.iter().map(|place| json!({ "place": place })).collect::<Vec<_>>() });
        } else {
            self.asked.lock().unwrap().push(words.join(" "));
        }
        asked.stay();
        asked.done(result);
    }

    fn replug(&self) {
        self.plugged.store(true, Ordering::SeqCst);
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
    let owner = Owner::of(start_with(options, &engine));
    let down = owner.send("DELETE /api/sticks/1-1/online", b"");
    assert_eq!(down.status, 200, "{}", down.text);
    assert_eq!(*engine.asked.lock().unwrap(), ["online down -- 1-1"]);
    // Both are plugged in; the one whose turn is first has been ended.
    assert_eq!(owner.send("POST /api/sticks/1-1/replug", b"").status, 200);
    until(&engine, "the other service goes on", |asked| asked.iter().any(|words| words.ends_with("-- 1-2")));
    let asked = engine.asked.lock().unwrap().clone();
    assert!(!asked.iter().any(|words| words.contains("--stay") && words.ends_with("1-1")), "{asked:?}");
}
