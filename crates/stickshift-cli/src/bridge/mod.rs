//! `stickshift bridge mqtt`: sticks on an MQTT broker. What they are and their signal are retained; messages that they receive and the ends of
//! commands wait in the outbox until the broker acknowledged them.

pub(crate) mod commands;
mod discovery;
mod encrypted;
mod look;
mod outbox;
pub(crate) mod topics;
mod way;
mod words;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rumqttc::{
    Client, ConnectReturnCode, Connection, ConnectionError, Event, Incoming, LastWill, MqttOptions, Outgoing,
    QoS, SubscribeReasonCode,
};
use serde_json::Value;
use stickshift::error::{Error, ErrorKind, Result};
use stickshift_tls::rustls::ClientConfig;

use crate::context::Context;
use crate::output::json::Outcome;
use crate::tls;
use commands::{Allowed, Order};
use encrypted::Tunnel;
use look::{Runner, Seen};
use outbox::{Begun, Entry, Outbox};
use topics::Topics;
use way::{GivenUp, LEFT, Left, OnItsWay};
use words::{REFUSES, failure, is_end, is_too_large, refused};

/// Publications on their way at the same time.
const WINDOW: usize = 64;
/// Requests that the client takes before it has sent them.
const REQUESTS: usize = 256;
/// Between two tries to connect: the first, and the longest.
const AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// How long the broker may take to be told that this is the end; and for how long nothing comes from one that sent everything.
const FAREWELL: Duration = Duration::from_secs(3);
const SILENT: Duration = Duration::from_millis(500);
/// Commands that wait for room in the outbox.
const HELD: usize = 1_000;
/// How long is waited for the broker before the sticks are listened to.
const TURN: Duration = Duration::from_millis(50);
/// How long is waited for a connection: the client gives up after 5 s by itself. What is waited for less long begins anew each time.
const CONNECT: Duration = Duration::from_secs(6);

/// Packets that are taken are never longer. One that is ends its connection.
const TAKEN: usize = 1 << 20;
/// Packets that are sent are never longer.
const SENT: usize = 256 << 10;

/// What a bridge is asked to do.
pub(crate) struct Settings {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// How to connect, where the broker has TLS.
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) credentials: Option<(String, String)>,
    pub(crate) base: String,
    /// Whether the broker takes dots in topics.
    pub(crate) has_dots: bool,
    pub(crate) name: String,
    pub(crate) discovery: Option<String>,
    pub(crate) every: Duration,
    pub(crate) allowed: Vec<Allowed>,
    pub(crate) hides_numbers: bool,
    pub(crate) outbox: PathBuf,
}

/// Runs until it is cancelled.
///
/// # Errors
/// What the outbox reports, `Usage` when one bridge starts another.
pub(crate) fn run(context: &mut Context, settings: Settings) -> Result<()> {
    let Some(run) = context.run_hosted else {
        return Err(Error::new(ErrorKind::Usage, "a server does not start a bridge"));
    };
    let runner = Runner {
        #[cfg(feature = "virtual")]
        global: context.global.clone(),
        #[cfg(feature = "virtual")]
        played: context.opener.computer()?,
        run,
        cancel: context.cancel.clone(),
        names: context.config.as_ref().is_ok_and(|config| !config.names.is_empty()),
        called: RefCell::default(),
    };
    context.warn_of_config();
    let outbox = Outbox::open(&settings.outbox)?;
    let (say, seen) = channel();
    let (order, orders) = channel();
    let every = settings.every;
    let looking = thread::Builder::new()
        .spawn(move || {
            runner.run(every, &say, &orders);
            orders
        })
        .map_err(|e| Error::new(ErrorKind::Io, "cannot start a thread").because(e))?;
    let topics = Topics::new(&settings.base, &settings.name, settings.has_dots);
    let mut bridge = Bridge {
        context: &*context,
        settings,
        topics,
        outbox,
        retained: BTreeMap::new(),
        sticks: BTreeMap::new(),
        seen,
        order,
        given_up: GivenUp::default(),
        refused: BTreeSet::new(),
        worst: Outcome::Untouched,
    };
    let outcome = bridge.tells_of_the_one_before().and_then(|()| bridge.run());
    context.cancel.cancel();
    // A command that runs ends at its next safe step, and what became of it is told once the bridge runs again. A panic there ends the program.
    let outcome = outcome.and(bridge.end(looking.join().ok()));
    let worst = bridge.worst;
    if worst == Outcome::Untouched {
        return outcome;
    }
    context.output.outcome_is(worst);
    context.exit = worst.exit();
    outcome.map_err(|e| e.with_verdict(worst.verdict()))
}

struct Bridge<'a> {
    context: &'a Context,
    settings: Settings,
    topics: Topics,
    outbox: Outbox,
    /// What is to be retained.
    retained: BTreeMap<String, String>,
    /// The sticks that were seen, by place, as last listed.
    sticks: BTreeMap<String, Value>,
    seen: Receiver<Seen>,
    order: Sender<Order>,
    given_up: GivenUp,
    /// Topics that the broker does not let it subscribe to, as told.
    refused: BTreeSet<String>,
    /// The worst of the ends that commands had.
    worst: Outcome,
}

impl Bridge<'_> {
    fn run(&mut self) -> Result<()> {
        let mut again = AGAIN.0;
        let mut told = String::new();
        while !self.context.cancel.is_cancelled() {
            let mut way = OnItsWay::default();
            let why = match self.tunnel() {
                Ok(tunnel) => {
                    let (client, mut connection) = Client::new(self.options(tunnel.as_ref()), REQUESTS);
                    let why = self.serve(&client, &mut connection, tunnel.as_ref(), &mut way)?;
                    if self.context.cancel.is_cancelled() {
                        if way.connected {
                            self.farewell(&client, &mut connection, &mut way)?;
                        }
                        return Ok(());
                    }
                    why
                }
                // A disk or a table of files that is full now may not be the next time.
                Err(error) => error.to_string(),
            };
            // A connection that soon ends again is no good one, and its end no news.
            if way.is_steady() {
                again = AGAIN.0;
                told.clear();
            }
            if told != why {
                let what = match why.starts_with(REFUSES) {
                    true => why.clone(),
                    false => format!("the broker is not reached: {why}"),
                };
                self.context.output.warn("broker-away", what);
                told = why;
            }
            let until = Instant::now() + again;
            while Instant::now() < until && !self.context.cancel.is_cancelled() {
                self.hear()?;
                thread::sleep(TURN);
            }
            again = (again * 2).min(AGAIN.1);
        }
        Ok(())
    }

    /// The way to a broker that is to be reached by TLS.
    fn tunnel(&self) -> Result<Option<Tunnel>> {
        let settings = &self.settings;
        let Some(tls) = &settings.tls else { return Ok(None) };
        Tunnel::open(&settings.host, settings.port, Arc::clone(tls)).map(Some)
    }

    fn options(&self, tunnel: Option<&Tunnel>) -> MqttOptions {
        let settings = &self.settings;
        let client = format!("stickshift-{}", settings.name);
        let mut options = match tunnel {
            Some(tunnel) => tunnel.options(client),
            None => MqttOptions::new(client, &settings.host, settings.port),
        };
        options.set_keep_alive(Duration::from_secs(20));
        options.set_clean_session(true);
        options.set_manual_acks(true);
        options.set_inflight(WINDOW as u16 + 1);
        options.set_max_packet_size(TAKEN, SENT);
        options.set_last_will(LastWill::new(self.topics.status(), "offline", QoS::AtLeastOnce, true));
        if let Some((user, password)) = &settings.credentials {
            options.set_credentials(user, password);
        }
        options
    }

    /// Serves one connection until it ends; why, in words.
    fn serve(
        &mut self,
        client: &Client,
        connection: &mut Connection,
        tunnel: Option<&Tunnel>,
        way: &mut OnItsWay,
    ) -> Result<String> {
        loop {
            self.hear()?;
            if self.context.cancel.is_cancelled() {
                return Ok(String::new());
            }
            if way.connected {
                self.subscribe(client, way);
                self.take(way)?;
                self.send(client, way);
            }
            match connection.recv_timeout(if way.connected { TURN } else { CONNECT }) {
                Ok(Ok(event)) => {
                    if let Some(why) = self.event(way, event)? {
                        return Ok(why);
                    }
                }
                Ok(Err(ConnectionError::ConnectionRefused(code))) => return Ok(refused(code)),
                Ok(Err(error)) => {
                    // The client sees no more than that its end of the tunnel was closed.
                    let behind = || tunnel.filter(|_| is_end(&error)).and_then(Tunnel::failure);
                    let error = behind().map_or(error, ConnectionError::Io);
                    if is_too_large(&error) && way.connected {
                        self.gives_up(way);
                    }
                    let hint = || self.hints_at_tls(&error).filter(|_| !way.connected);
                    let why = tls::in_words(&error, "--ca").or_else(hint);
                    // What TLS says of a connection that was closed names an address for programmers.
                    let text = || failure(&error).split(": https://").next().unwrap_or_default().to_owned();
                    return Ok(why.unwrap_or_else(text));
                }
                Err(rumqttc::RecvTimeoutError::Timeout) => {}
                Err(rumqttc::RecvTimeoutError::Disconnected) => return Ok("the client ended".to_owned()),
            }
        }
    }

    fn subscribe(&self, client: &Client, way: &mut OnItsWay) {
        if self.given_up.states.is_over() {
            way.subscribe(client, self.topics.states());
        }
        if !self.settings.allowed.is_empty() && self.given_up.commands.is_over() {
            way.subscribe(client, self.topics.commands());
        }
    }

    /// What is retained comes again with each subscription: after a packet that is too large the topics are left for a while, least needed first.
    /// The client does not tell which of them it came by.
    fn gives_up(&mut self, way: &OnItsWay) {
        let left = Left::now();
        let (states, commands) = (self.topics.states(), self.topics.commands());
        let (topics, what) = match way.asked.contains(&states) {
            true if way.asked.contains(&commands) => (format!("{states} or {commands}"), states.clone()),
            true => (states.clone(), states.clone()),
            // A command that was not retained comes once.
            false if way.asked.contains(&commands) && !way.is_steady() => (commands.clone(), commands),
            false => return,
        };
        let then = match what == states {
            true => {
                self.given_up.states = left;
                "sticks that left while no bridge ran are not told"
            }
            false => {
                self.given_up.commands = left;
                "no command is taken"
            }
        };
        let minutes = LEFT.as_secs() / 60;
        let what = format!(
            "a message to {topics} is larger than {} KiB and ended the connection: for {minutes} minutes {what} is left, and {then}; one that is retained there comes again until it is removed",
            TAKEN >> 10
        );
        self.context.output.warn("message-too-large", what);
    }

    /// A connection that ends before the first word: one end has TLS, and the other has not.
    fn hints_at_tls(&self, error: &ConnectionError) -> Option<String> {
        let why = match &self.settings.tls {
            Some(_) => "it closes the connection: does it have TLS at this port?",
            None => "it closes the connection: does it want TLS (--broker mqtts://HOST)?",
        };
        is_end(error).then(|| why.to_owned())
    }

    /// Why the connection is of no use.
    fn event(&mut self, way: &mut OnItsWay, event: Event) -> Result<Option<String>> {
        match event {
            Event::Incoming(Incoming::ConnAck(answer)) => {
                if answer.code != ConnectReturnCode::Success {
                    return Ok(Some(refused(answer.code)));
                }
                way.connected = true;
                way.since = Some(Instant::now());
                self.context.output.event(&stickshift::event::Event::Step {
                    code: "broker-connected",
                    text: format!("connected to {}:{}", self.settings.host, self.settings.port),
                });
                self.retained.insert(self.topics.status(), "online".to_owned());
            }
            Event::Outgoing(Outgoing::Subscribe(packet)) => {
                if let Some(topic) = way.subscribed.pop_front() {
                    way.subscriptions.insert(packet, topic);
                }
            }
            Event::Incoming(Incoming::SubAck(ack)) => {
                let topic = way.subscriptions.remove(&ack.pkid).unwrap_or_default();
                if ack.return_codes.contains(&SubscribeReasonCode::Failure)
                    && self.refused.insert(topic.clone())
                {
                    let what = match topic == self.topics.commands() {
                        true => "no command arrives",
                        false => "sticks that left while no bridge ran are not told",
                    };
                    let what =
                        format!("the broker refuses the subscription to {topic}: {what}; allow it there");
                    self.context.output.warn("subscription-refused", what);
                }
            }
            Event::Outgoing(Outgoing::Publish(packet)) => {
                if let Some(what) = way.requested.pop_front() {
                    way.packets.insert(packet, what);
                }
            }
            Event::Incoming(Incoming::PubAck(ack)) => {
                if let Some(Some(id)) = way.packets.remove(&ack.pkid) {
                    way.entries.retain(|entry| *entry != id);
                    self.outbox.sent(&id)?;
                }
            }
            // A command that is retained is old: it would be run at each start.
            Event::Incoming(Incoming::Publish(publish)) if publish.retain => {
                self.known_before(&publish.topic, &publish.payload);
                way.is_kept(publish);
            }
            Event::Incoming(Incoming::Publish(publish)) if way.came.len() < HELD => {
                way.came.push_back(publish);
            }
            Event::Incoming(Incoming::Publish(_)) => {
                let what =
                    format!("more than {HELD} commands wait: one is neither acknowledged nor carried out");
                self.context.output.warn("outbox-full", what);
            }
            _ => {}
        }
        Ok(None)
    }

    /// Takes the commands that came, where there is room for what becomes of them. Acknowledged is what is on the disk.
    fn take(&mut self, way: &mut OnItsWay) -> Result<()> {
        while let Some(publish) = way.came.pop_front() {
            // At the end each is told that it was not begun.
            let has_room = self.outbox.has_room() || self.context.cancel.is_cancelled();
            if !has_room && !commands::is_too_long(&publish.payload) {
                way.came.push_front(publish);
                if !way.holds {
                    way.holds = true;
                    let what = "the outbox is full: commands wait, and are not acknowledged".to_owned();
                    self.context.output.warn("outbox-full", what);
                }
                return Ok(());
            }
            self.command(&publish.topic, &publish.payload)?;
            way.is_kept(publish);
        }
        way.holds = false;
        Ok(())
    }

    /// Gives the client what is to be sent, as much as may be on its way.
    fn send(&self, client: &Client, way: &mut OnItsWay) {
        way.acknowledge(client);
        for (topic, payload) in &self.retained {
            if way.count() >= WINDOW {
                return;
            }
            if way.retained.get(topic) != Some(payload) {
                if client.try_publish(topic, QoS::AtLeastOnce, true, payload.as_bytes()).is_err() {
                    return;
                }
                way.requested.push_back(None);
                way.retained.insert(topic.clone(), payload.clone());
            }
        }
        for entry in self.outbox.waiting() {
            if way.count() >= WINDOW {
                return;
            }
            if !way.entries.contains(&entry.id) {
                let payload = entry.payload.as_bytes();
                if client.try_publish(&entry.topic, QoS::AtLeastOnce, false, payload).is_err() {
                    return;
                }
                way.requested.push_back(Some(entry.id.clone()));
                way.entries.push(entry.id.clone());
            }
        }
    }

    /// Takes in what was seen.
    fn hear(&mut self) -> Result<()> {
        while let Ok(seen) = self.seen.try_recv() {
            match seen {
                Seen::Sticks(sticks) => self.sticks(sticks),
                Seen::Signal(place, signal) => {
                    self.retained.insert(self.topics.of(&place, "signal"), signal.to_string());
                }
                Seen::Messages(place, messages, whole) => self.messages(&place, &messages, whole)?,
                Seen::Done(order, line) => {
                    self.worst = self.worst.max(Outcome::of(&line));
                    let entry = topics::result(&self.topics, &order.place, &order.name, &order.id, &line);
                    self.keep(entry)?;
                }
            }
        }
        Ok(())
    }

    /// Commands that ran, or waited, when an earlier bridge was killed: nobody knows what became of them.
    fn tells_of_the_one_before(&mut self) -> Result<()> {
        for Begun { id, place, name } in self.outbox.begun().to_vec() {
            self.keep(topics::result(&self.topics, &place, &name, &id, &commands::cut_off(&name)))?;
        }
        Ok(())
    }

    /// Keeps what the looking thread told last, and refuses the commands that wait.
    fn end(&mut self, orders: Option<Receiver<Order>>) -> Result<()> {
        self.hear()?;
        orders.iter().flat_map(Receiver::try_iter).try_for_each(|order| self.not_begun(&order))
    }

    fn not_begun(&mut self, order: &Order) -> Result<()> {
        self.keep(topics::result(&self.topics, &order.place, &order.name, &order.id, &commands::not_begun()))
    }

    /// A stick that an earlier bridge told to be there. Where it is not, the next look tells that.
    fn known_before(&mut self, topic: &str, payload: &[u8]) {
        let Some(place) = self.topics.place_of(topic, "state") else { return };
        let Ok(state) = serde_json::from_slice::<Value>(payload) else { return };
        if state["place"] == *place && state["present"] == true {
            self.sticks.entry(place).or_insert(state);
        }
    }

    fn sticks(&mut self, sticks: Vec<Value>) {
        let mut now = BTreeMap::new();
        for stick in sticks {
            let Some(place) = stick["place"].as_str().map(str::to_owned) else { continue };
            self.retained.insert(self.topics.of(&place, "state"), topics::state(&stick, true).to_string());
            if let Some(prefix) = &self.settings.discovery {
                let all = discovery::of(prefix, &self.settings.name, &self.topics, &stick);
                self.retained.extend(all.into_iter().map(|(topic, payload)| (topic, payload.to_string())));
            }
            now.insert(place, stick);
        }
        for (place, stick) in &self.sticks {
            if !now.contains_key(place) {
                let gone = topics::state(stick, false).to_string();
                self.retained.insert(self.topics.of(place, "state"), gone);
                // Nothing at all takes away what the broker retains.
                self.retained.insert(self.topics.of(place, "signal"), String::new());
            }
        }
        // One that left is remembered: it is told once that it did.
        self.sticks.retain(|place, _| !now.contains_key(place));
        self.sticks.append(&mut now);
    }

    fn messages(&mut self, place: &str, messages: &[Value], whole: bool) -> Result<()> {
        let hides = self.settings.hides_numbers;
        let entries: Vec<Entry> =
            messages.iter().filter_map(|m| topics::message(&self.topics, place, m, hides)).collect();
        let ids = entries.iter().map(|entry| entry.id.clone()).collect();
        let new: Vec<Entry> = entries.into_iter().filter(|entry| !self.outbox.knows(&entry.id)).collect();
        if !self.outbox.put(new)? {
            self.context
                .output
                .warn("outbox-full", "the outbox is full: messages stay on their sticks".to_owned());
        }
        self.outbox.holds(place, ids, whole)
    }

    /// Carries out what came over the broker, or tells its sender why not.
    fn command(&mut self, topic: &str, payload: &[u8]) -> Result<()> {
        let Some(place) = self.topics.place_of(topic, "command") else { return Ok(()) };
        match commands::read(&place, payload, &self.settings.allowed) {
            Ok(order) => {
                // Written before it is begun: one that the broker delivers twice is run once.
                let begun =
                    Begun { id: order.id.clone(), place: order.place.clone(), name: order.name.clone() };
                if !self.outbox.command(begun)? {
                    return Ok(());
                }
                // Without a receiver the looking thread has ended.
                self.order.send(order).or_else(|order| self.not_begun(&order.0))
            }
            Err((id, what)) => {
                self.context.output.warn("command-refused", format!("{place}: {what}"));
                // The result of a command that runs is its own.
                let runs = |id: &String| self.outbox.begun().iter().any(|begun| begun.id == *id);
                let Some(id) = id.filter(|id| !runs(id)) else { return Ok(()) };
                let entry = topics::result(
                    &self.topics,
                    &place,
                    &commands::name(payload),
                    &id,
                    &commands::refusal(&what),
                );
                self.keep(entry)
            }
        }
    }

    fn keep(&mut self, entry: Entry) -> Result<()> {
        self.outbox.keep(vec![entry])
    }

    /// Takes what the broker has sent already, and tells it that this is the end, as its last will would.
    fn farewell(&mut self, client: &Client, connection: &mut Connection, way: &mut OnItsWay) -> Result<()> {
        let until = Instant::now() + FAREWELL;
        let mut silent_since = Instant::now();
        let mut asked = !way.asked.contains(&self.topics.commands());
        let mut took_all = asked;
        let mut told = false;
        while Instant::now() < until {
            self.take(way)?;
            way.acknowledge(client);
            asked = asked || client.try_unsubscribe(self.topics.commands()).is_ok();
            if took_all && !told && way.kept.is_empty() {
                told = client.try_publish(self.topics.status(), QoS::AtLeastOnce, true, "offline").is_ok()
                    && client.try_disconnect().is_ok();
            }
            match connection.recv_timeout(TURN) {
                Ok(Ok(Event::Outgoing(Outgoing::Disconnect)) | Err(_)) => return Ok(()),
                Err(rumqttc::RecvTimeoutError::Disconnected) => return Ok(()),
                // What was sent before it has come.
                Ok(Ok(Event::Incoming(Incoming::UnsubAck(_)))) => took_all = true,
                Ok(Ok(event)) => {
                    silent_since = Instant::now();
                    self.event(way, event)?;
                }
                Err(rumqttc::RecvTimeoutError::Timeout) => {
                    took_all = took_all || silent_since.elapsed() >= SILENT;
                }
            }
        }
        Ok(())
    }
}
