//! What modems and web pages of the field were reported to send, played to the program: one file per case in `cases/`.
//!
//! A case has `args`, a `port` (commands and answers, on a pty) or a `page` (a web server on the loopback), and what is wanted of the
//! program; the fields are those of [`case::Case`]. Every case names its `source` and says `why` the wanted answer is right.
//! `FIELD_TALK=PART cargo test --test field_talk` plays the cases whose names hold PART and shows what was sent.

#![cfg(target_os = "linux")]

mod case;
mod page;
mod port;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::thread;

use case::Case;

/// How many cases are played at the same time: most of them wait.
const AT_ONCE: usize = 8;

fn play(slow: bool) {
    let only = std::env::var("FIELD_TALK").ok();
    let cases: Vec<Case> = case::all()
        .into_iter()
        .filter(|c| c.slow == slow && only.as_ref().is_none_or(|part| c.name.contains(part.as_str())))
        .collect();
    let left = Mutex::new(VecDeque::from(cases));
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(case) = left.lock().unwrap().pop_front() else { break };
                    let played = case.play();
                    if only.is_some() {
                        println!("{}", played.shown(&case));
                    }
                    if !played.wrong.is_empty() {
                        failed.lock().unwrap().push(played.shown(&case));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} wrong:\n\n{}", failed.len(), failed.join("\n\n"));
}

#[test]
fn reported_answers_are_understood() {
    play(false);
}

#[test]
#[ignore = "takes minutes: networks that take their time"]
fn slow_answers_are_waited_for() {
    play(true);
}
