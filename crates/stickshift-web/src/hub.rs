//! Events for everybody who watches. The last ones are kept, and each viewer reads them at its own pace: a slow one holds up nobody and
//! costs nothing, and one that fell behind is told so.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::watch;

/// Events that are kept for viewers that come back.
const KEPT: usize = 1024;

#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) number: u64,
    pub(crate) name: &'static str,
    pub(crate) data: String,
}

pub(crate) struct Hub {
    /// Tells the events of this run of the server from those of an earlier one.
    run: String,
    kept: Mutex<VecDeque<Event>>,
    last: watch::Sender<u64>,
}

/// What a viewer has not seen yet.
#[derive(Debug)]
pub(crate) enum News {
    Events(Vec<Event>),
    /// Events passed that are kept no longer; the next ones are after this number.
    Lost(u64),
}

impl Hub {
    pub(crate) fn new(run: String) -> Hub {
        Hub { run, kept: Mutex::default(), last: watch::Sender::new(0) }
    }

    pub(crate) fn send(&self, name: &'static str, data: &Value) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let number = *self.last.borrow() + 1;
        kept.push_back(Event { number, name, data: data.to_string() });
        if kept.len() > KEPT {
            kept.pop_front();
        }
        self.last.send_replace(number);
    }

    pub(crate) fn last(&self) -> u64 {
        *self.last.borrow()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    /// The id that a viewer sends back as Last-Event-ID.
    pub(crate) fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.run)
    }

    /// The number after which a viewer goes on that last saw `id`; `None` when that was another run of the server.
    pub(crate) fn after(&self, id: &str) -> Option<u64> {
        let (run, number) = id.rsplit_once('-')?;
        let number = number.parse().ok()?;
        (run == self.run && number <= self.last()).then_some(number)
    }

    /// At most `most` events after `seen`.
    pub(crate) fn news(&self, seen: u64, most: usize) -> News {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = kept.front().map_or(1, |event| event.number);
        if seen + 1 < oldest {
            return News::Lost(self.last());
        }
        let from = (seen + 1 - oldest) as usize;
        News::Events(kept.iter().skip(from).take(most).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn numbers(news: News) -> Vec<u64> {
        match news {
            News::Events(events) => events.iter().map(|event| event.number).collect(),
            News::Lost(_) => panic!("nothing is lost"),
        }
    }

    #[test]
    fn a_viewer_that_comes_back_gets_what_it_missed() {
        let hub = Hub::new("r".into());
        assert!(numbers(hub.news(0, 9)).is_empty());
        (0..5).for_each(|n| hub.send("job", &json!(n)));
        assert_eq!(numbers(hub.news(hub.after("r-2").unwrap(), 9)), [3, 4, 5]);
        assert_eq!(numbers(hub.news(0, 2)), [1, 2]);
        assert!(numbers(hub.news(5, 9)).is_empty());
        for id in ["q-2", "r-6", "r-x", "2", ""] {
            assert_eq!(hub.after(id), None, "{id}");
        }
    }

    #[test]
    fn a_viewer_that_fell_behind_is_told() {
        let hub = Hub::new("r".into());
        (0..KEPT + 10).for_each(|n| hub.send("job", &json!(n)));
        assert!(matches!(hub.news(9, 9), News::Lost(last) if last == hub.last()));
        assert_eq!(numbers(hub.news(10, 1)), [11]);
    }
}
