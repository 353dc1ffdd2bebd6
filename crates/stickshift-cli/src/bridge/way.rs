//! What is on its way over one connection to the broker.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use rumqttc::{Client, Publish, QoS};

/// A connection that held so long was a good one: what ends it is told, and the next try comes soon.
const STEADY: Duration = Duration::from_secs(120);
/// For so long a topic is not subscribed to where a message was too large.
pub(super) const LEFT: Duration = Duration::from_secs(300);

/// Topics that are not subscribed to for a while: a message there is too large, and ended the connection.
#[derive(Default)]
pub(super) struct GivenUp {
    pub(super) states: Left,
    pub(super) commands: Left,
}

#[derive(Default)]
pub(super) struct Left(Option<Instant>);

impl Left {
    pub(super) fn now() -> Left {
        Left(Some(Instant::now()))
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.is_none_or(|since| since.elapsed() >= LEFT)
    }
}

/// What is on its way over one connection. A new connection begins anew: what was not acknowledged is sent again, with the same id.
#[derive(Default)]
pub(super) struct OnItsWay {
    pub(super) connected: bool,
    /// Since when.
    pub(super) since: Option<Instant>,
    /// Topics whose subscription the client took; those that it did not send yet, in order; and those that were sent, by packet.
    pub(super) asked: BTreeSet<String>,
    pub(super) subscribed: VecDeque<String>,
    pub(super) subscriptions: BTreeMap<u16, String>,
    /// What the client took and did not send yet, in order: the id of an entry, none for what is retained.
    pub(super) requested: VecDeque<Option<String>>,
    /// What was sent, by packet.
    pub(super) packets: BTreeMap<u16, Option<String>>,
    /// Entries among both.
    pub(super) entries: Vec<String>,
    /// What the broker was given to retain.
    pub(super) retained: BTreeMap<String, String>,
    /// Commands that came and are not kept yet, and what is to be acknowledged: only what is kept.
    pub(super) came: VecDeque<Publish>,
    pub(super) holds: bool,
    pub(super) kept: VecDeque<Publish>,
}

impl OnItsWay {
    pub(super) fn is_steady(&self) -> bool {
        self.since.is_some_and(|since| since.elapsed() >= STEADY)
    }

    pub(super) fn subscribe(&mut self, client: &Client, topic: String) {
        if !self.asked.contains(&topic) && client.try_subscribe(&topic, QoS::AtLeastOnce).is_ok() {
            self.asked.insert(topic.clone());
            self.subscribed.push_back(topic);
        }
    }

    /// Of what is acknowledged its packet is needed, and no more.
    pub(super) fn is_kept(&mut self, mut publish: Publish) {
        publish.payload.clear();
        self.kept.push_back(publish);
    }

    pub(super) fn acknowledge(&mut self, client: &Client) {
        while let Some(publish) = self.kept.front()
            && client.try_ack(publish).is_ok()
        {
            self.kept.pop_front();
        }
    }

    pub(super) fn count(&self) -> usize {
        self.requested.len() + self.packets.len()
    }
}
