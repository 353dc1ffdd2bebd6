//! An MBIM function: the modem behind a control channel of whole messages, from the public specification (USB-IF, Mobile Broadband Interface
//! Model 1.0) alone.

mod basic;
mod buffer;
mod message;
mod services;

use std::time::Duration;

use stickshift::link::Moment;

use crate::identity::Identity;
use crate::mbim::message::{Inbox, NOT_OPENED};
use crate::modem::Modem;
use crate::modem::data::DataState;

pub use message::{HostCommand, HostMessage};

/// The longest message that it takes: what its descriptor says.
pub const LONGEST: usize = 4096;

/// SEND_ENCAPSULATED_COMMAND and GET_ENCAPSULATED_RESPONSE: bmRequestType and bRequest.
pub(crate) const SEND_ENCAPSULATED: (u8, u8) = (0x21, 0x00);
pub(crate) const GET_ENCAPSULATED: (u8, u8) = (0xa1, 0x01);

/// How long an ordinary answer takes.
const QUICKLY: Duration = Duration::from_millis(20);

/// Messages that nobody fetches; the oldest go.
const MOST_UNREAD: usize = 256;

/// The statuses of section 9.4.5 that it uses.
mod status {
    pub(super) const SUCCESS: u32 = 0;
    pub(super) const FAILURE: u32 = 2;
    pub(super) const NO_SIM: u32 = 3;
    pub(super) const BAD_SIM: u32 = 4;
    pub(super) const PIN_REQUIRED: u32 = 5;
    pub(super) const NOT_REGISTERED: u32 = 7;
    pub(super) const NO_SUPPORT: u32 = 9;
    pub(super) const NOT_VISIBLE: u32 = 10;
    pub(super) const DETACHED: u32 = 12;
    pub(super) const MOST_CONTEXTS: u32 = 13;
    pub(super) const NOT_INITIALIZED: u32 = 14;
    pub(super) const NOT_ACTIVATED: u32 = 16;
    pub(super) const BAD_ACCESS: u32 = 18;
    pub(super) const BAD_LOGIN: u32 = 19;
    pub(super) const RADIO_OFF: u32 = 20;
    pub(super) const BAD_PARAMETERS: u32 = 21;
    pub(super) const NOT_ALLOWED: u32 = 28;
    pub(super) const BAD_INDEX: u32 = 30;
}

/// What a command comes to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    status: u32,
    data: Vec<u8>,
    after: Duration,
    /// What is told unasked, with the answer: commands of "basic connect".
    told: Vec<(u32, Vec<u8>)>,
}

impl Outcome {
    fn done(data: Vec<u8>) -> Self {
        Outcome { data, after: QUICKLY, ..Outcome::default() }
    }

    fn refused(status: u32) -> Self {
        Outcome { status, after: QUICKLY, ..Outcome::default() }
    }

    fn after(mut self, time: Duration) -> Self {
        self.after = time;
        self
    }

    fn telling(mut self, cid: u32, data: Vec<u8>) -> Self {
        self.told.push((cid, data));
        self
    }
}

/// What a command may look at and change.
pub(crate) struct Request<'a> {
    pub(crate) modem: &'a mut Modem,
    pub(crate) id: &'a Identity,
    pub(crate) now: Moment,
    attached: &'a mut bool,
    set: bool,
    data: &'a [u8],
}

/// The function of one stick.
#[derive(Debug)]
pub struct MbimFunction {
    inbox: Inbox,
    /// The longest message that the host takes, while the function is open.
    open: Option<usize>,
    attached: bool,
    /// What it has to say, and when.
    out: Vec<(Moment, Vec<u8>)>,
    /// So many of the messages that are due were announced.
    announced: usize,
    /// What the host knows of the connection and of the registration.
    known: Option<(DataState, u8)>,
}

impl Default for MbimFunction {
    fn default() -> Self {
        MbimFunction::new()
    }
}

impl MbimFunction {
    /// As after power-on: closed, and attached.
    pub fn new() -> Self {
        MbimFunction {
            inbox: Inbox::default(),
            open: None,
            attached: true,
            out: Vec::new(),
            announced: 0,
            known: None,
        }
    }

    /// Takes a transfer of the host; the message that is whole with it.
    pub fn push(&mut self, transfer: &[u8]) -> Option<HostMessage> {
        self.inbox.take(transfer)
    }

    /// Acts on a message, and gives its answer in transfers, with the time that it takes. `longest` cuts answers shorter than the host
    /// wants them.
    pub(crate) fn act(
        &mut self,
        message: &HostMessage,
        modem: &mut Modem,
        id: &Identity,
        now: Moment,
        longest: Option<usize>,
    ) -> (Duration, Vec<Vec<u8>>) {
        let command = match message {
            HostMessage::Open { transaction, longest } => {
                // Whatever was open is closed by that.
                modem.data.hang_up(now);
                self.out.clear();
                self.announced = 0;
                self.open = Some((*longest as usize).clamp(64, LONGEST));
                return (QUICKLY, vec![message::opened(*transaction)]);
            }
            HostMessage::Close { transaction } => {
                modem.data.hang_up(now);
                self.open = None;
                return (QUICKLY, vec![message::closed(*transaction)]);
            }
            HostMessage::Bad { transaction, error } => {
                return (QUICKLY, vec![message::error(*transaction, *error)]);
            }
            HostMessage::Command(command) => command,
        };
        let Some(open) = self.open else {
            return (QUICKLY, vec![message::error(command.transaction, NOT_OPENED)]);
        };
        let longest = longest.unwrap_or(open).min(open);
        self.follow(now, modem);
        let request =
            Request { modem, id, now, attached: &mut self.attached, set: command.set, data: &command.data };
        let outcome = services::run(command, request);
        // What the host does itself it is not told.
        let (connecting, registration) = (modem.data.state(now), modem.registration(now));
        self.known = Some((connecting, registration));
        let mut all = message::done(command, outcome.status, &outcome.data, longest);
        for (cid, data) in outcome.told {
            all.extend(message::indication(message::BASIC, cid, &data, longest));
        }
        (outcome.after, all)
    }

    /// The answer of a function that refuses a command without looking at it.
    pub(crate) fn refuse(&self, message: &HostMessage) -> Vec<Vec<u8>> {
        match message {
            HostMessage::Command(command) => message::done(command, status::FAILURE, &[], LONGEST),
            HostMessage::Open { transaction, .. } | HostMessage::Close { transaction } => {
                vec![message::error(*transaction, 6)]
            }
            HostMessage::Bad { transaction, error } => vec![message::error(*transaction, *error)],
        }
    }

    /// Tells the host what happened by itself: a connection that the network ended, another registration.
    pub(crate) fn follow(&mut self, now: Moment, modem: &Modem) {
        if self.open.is_none() {
            self.known = None;
            return;
        }
        let is = (modem.data.state(now), modem.registration(now));
        let Some(before) = self.known.replace(is) else { return };
        if (before.0, is.0) == (DataState::Up, DataState::Down) {
            let told = basic::ended();
            self.say(now, message::indication(message::BASIC, basic::CONNECT, &told, LONGEST));
        }
        if before.1 != is.1 {
            let told = basic::registration_of(modem, now);
            self.say(now, message::indication(message::BASIC, basic::REGISTER_STATE, &told, LONGEST));
        }
    }

    /// What comes unasked: how it receives.
    pub(crate) fn chatter(&self) -> Vec<Vec<u8>> {
        message::indication(message::BASIC, basic::SIGNAL_STATE, &basic::signal(true), LONGEST)
    }

    /// Signal and registration as indications, cut to `longest`.
    pub(crate) fn unasked(&self, now: Moment, modem: &Modem, longest: Option<usize>) -> Vec<Vec<u8>> {
        let longest = longest.unwrap_or(LONGEST);
        let mut all = message::indication(message::BASIC, basic::SIGNAL_STATE, &basic::signal(true), longest);
        let registration = basic::registration_of(modem, now);
        all.extend(message::indication(message::BASIC, basic::REGISTER_STATE, &registration, longest));
        all
    }

    /// What another program's command is answered with.
    pub(crate) fn others_answer(&self) -> Vec<Vec<u8>> {
        let command = HostCommand {
            transaction: 0x7fff_0001,
            service: message::BASIC,
            cid: basic::SIGNAL_STATE,
            set: false,
            data: Vec::new(),
        };
        message::done(&command, status::SUCCESS, &basic::signal(true), LONGEST)
    }

    /// Says `transfers` at `due`.
    pub(crate) fn say(&mut self, due: Moment, transfers: impl IntoIterator<Item = Vec<u8>>) {
        self.out.extend(transfers.into_iter().map(|transfer| (due, transfer)));
        self.out.sort_by_key(|(due, _)| *due);
        let surplus = self.out.len().saturating_sub(MOST_UNREAD);
        self.out.drain(..surplus);
    }

    /// The next transfer that is due (GET_ENCAPSULATED_RESPONSE).
    pub fn take(&mut self, now: Moment) -> Option<Vec<u8>> {
        if self.out.first().is_none_or(|(due, _)| *due > now) {
            return None;
        }
        self.announced = self.announced.saturating_sub(1);
        Some(self.out.remove(0).1)
    }

    /// Whether there is a transfer that the host was not told of (RESPONSE_AVAILABLE); it is told with that.
    pub fn announce(&mut self, now: Moment) -> bool {
        let due = self.out.iter().filter(|(due, _)| *due <= now).count();
        let news = due > self.announced;
        self.announced += usize::from(news);
        news
    }

    /// When it has something to say next.
    pub fn next_due(&self) -> Option<Moment> {
        self.out.first().map(|(due, _)| *due)
    }
}
