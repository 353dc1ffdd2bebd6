//! Whoever has sent a command line: what it says goes there, and its questions are answered there.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use stickshift::event::Cancel;
use tokio::sync::mpsc::UnboundedSender;

/// How long a question waits for its answer.
const ANSWER_TIME: Duration = Duration::from_secs(600);

/// Whoever has sent a command line, and follows it.
pub(crate) struct Follower {
    lines: Mutex<Option<UnboundedSender<Value>>>,
    answers: Mutex<Receiver<bool>>,
}

impl Follower {
    pub(crate) fn new(lines: UnboundedSender<Value>, answers: Receiver<bool>) -> Follower {
        Follower { lines: Mutex::new(Some(lines)), answers: Mutex::new(answers) }
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, Option<UnboundedSender<Value>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was answered before a question is no answer to it.
    pub(crate) fn hear(&self, line: &Value) {
        if line["event"] == "question" {
            let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            while answers.try_recv().is_ok() {}
        }
        if let Some(lines) = &*self.lines() {
            let _ = lines.send(line.clone());
        }
    }

    /// There is nothing more to say.
    pub(crate) fn end(&self) {
        self.lines().take();
    }

    fn is_gone(&self) -> bool {
        self.lines().as_ref().is_none_or(UnboundedSender::is_closed)
    }

    /// Waits for the answer to a question. Whoever is gone says no.
    pub(crate) fn approves(&self, cancel: &Cancel) -> bool {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let until = Instant::now() + ANSWER_TIME;
        while !cancel.is_cancelled() && !self.is_gone() && Instant::now() < until {
            match answers.recv_timeout(Duration::from_millis(200)) {
                Ok(answer) => return answer,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_answered_before_a_question_is_no_answer_to_it() {
        let (lines, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let (answer, answers) = std::sync::mpsc::channel();
        let follower = Follower::new(lines, answers);
        let question = serde_json::json!({ "event": "question", "text": "Erase it?" });
        // Its answer came twice, or too late.
        (0..2).for_each(|_| answer.send(true).unwrap());
        follower.hear(&question);
        assert_eq!(heard.try_recv().unwrap(), question);
        // It may be answered before anybody waits.
        answer.send(false).unwrap();
        assert!(!follower.approves(&Cancel::new()));
    }

    #[test]
    fn whoever_is_gone_agrees_to_nothing() {
        let (lines, heard) = tokio::sync::mpsc::unbounded_channel();
        let (answer, answers) = std::sync::mpsc::channel();
        let follower = Follower::new(lines, answers);
        answer.send(true).unwrap();
        assert!(follower.approves(&Cancel::new()));
        drop(heard);
        assert!(!follower.approves(&Cancel::new()));
    }
}
