//! What makes a stick switch: messages of one step or several, and how far a host has come with each.

use stickshift::link::ControlSetup;
use stickshift::wire::scsi::CommandBlock;

use crate::device::Appearance;

/// What a stick understands as one step of its switch message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A SCSI command that begins with these bytes, whatever its tag, lengths and LUN.
    Command(Vec<u8>),
    /// Exactly these bytes on an OUT endpoint.
    Message(Vec<u8>),
    /// A control request, with exactly this OUT data.
    Control(ControlSetup, Vec<u8>),
    /// The selection of this configuration.
    Configuration(u8),
    /// The selection of this alternate setting of this interface.
    Alternate(u8, u8),
    /// A reset of its port.
    Reset,
}

impl Trigger {
    /// The vendor or class request with no data, as the tables of methods write it.
    pub fn control(request_type: u8, request: u8, value: u16, index: u16) -> Trigger {
        Trigger::Control(ControlSetup { request_type, request, value, index }, Vec::new())
    }
}

/// A message and what it makes of the stick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchMessage {
    /// Its steps in order; anything may come between.
    pub steps: Vec<Trigger>,
    /// What it shows afterwards.
    pub target: Appearance,
}

impl SwitchMessage {
    /// A message of one step.
    pub fn new(trigger: Trigger, target: Appearance) -> SwitchMessage {
        SwitchMessage { steps: vec![trigger], target }
    }
}

/// What happened on the wire, for the messages.
pub(super) enum Seen<'a> {
    Out(&'a [u8]),
    Control(ControlSetup, &'a [u8]),
    Configuration(u8),
    Alternate(u8, u8),
    Reset,
}

impl Seen<'_> {
    pub(super) fn is(&self, trigger: &Trigger) -> bool {
        match (self, trigger) {
            (Seen::Out(data), Trigger::Command(prefix)) => {
                CommandBlock::parse(data).is_some_and(|command| command.cdb.starts_with(prefix))
            }
            (Seen::Out(data), Trigger::Message(bytes)) => data == bytes,
            (Seen::Control(setup, data), Trigger::Control(wanted, bytes)) => setup == wanted && data == bytes,
            (Seen::Configuration(value), Trigger::Configuration(wanted)) => value == wanted,
            (Seen::Reset, Trigger::Reset) => true,
            (Seen::Alternate(interface, value), Trigger::Alternate(its, wanted)) => {
                (interface, value) == (its, wanted)
            }
            _ => false,
        }
    }
}

/// What a step of a message did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MessageStep {
    /// It was none.
    None,
    /// It was one, and more are to come.
    Partial,
    /// It was the last: the stick takes its message.
    Last,
}

/// How far each message has come.
#[derive(Debug, Default)]
pub(super) struct Progress(Vec<usize>);

impl Progress {
    /// Something happened: what it was to the messages, and which of them is whole with it.
    pub(super) fn follow(
        &mut self,
        messages: &[SwitchMessage],
        seen: &Seen<'_>,
    ) -> (MessageStep, Option<usize>) {
        self.0.resize(messages.len(), 0);
        let mut step = MessageStep::None;
        for (index, message) in messages.iter().enumerate() {
            let done = &mut self.0[index];
            if message.steps.get(*done).is_some_and(|trigger| seen.is(trigger)) {
                *done += 1;
                step = MessageStep::Partial;
                if *done == message.steps.len() {
                    return (step, Some(index));
                }
            }
        }
        (step, None)
    }

    /// Every message has to come from its beginning.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}
