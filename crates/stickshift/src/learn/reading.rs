//! From what was sent to what it means: a named method where it is one, raw messages otherwise.

use crate::learn::sent::{Sent, What};
use crate::profile::methods::Request;
use crate::profile::{Method, Parameters, Sends};
use crate::wire::scsi::CommandBlock;

/// Two things sent with less than this between them belong together, in nanoseconds.
const BURST: u64 = 1_500_000_000;
/// Most readings of what was sent to one stick.
const MAX_READINGS: usize = 12;
/// Cisco's method has eleven of its commands; as many as this are no accident.
const CISCO: usize = 3;

/// What a stretch of transfers means.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    /// `None` when no profile can say it.
    pub(super) parameters: Option<Parameters>,
    /// In words.
    pub(super) what: String,
    /// Whether it is a method with a name, or a message that the catalogue has for some stick.
    pub(super) known: bool,
    /// Which of the transfers it explains, ascending. Never empty.
    pub(super) used: Vec<usize>,
}

/// The readings of what was sent, those of the latest transfers first. No two are the same.
pub(super) fn readings(sent: &[&Sent]) -> Vec<Reading> {
    let mut found: Vec<Reading> = Vec::new();
    let mut burst_end = sent.len();
    while burst_end > 0 {
        let mut start = burst_end - 1;
        while start > 0 && sent[start].time_ns.saturating_sub(end_of(sent[start - 1])) < BURST {
            start -= 1;
        }
        for end in (start..burst_end).rev() {
            let Some(mut reading) = read(&sent[start..=end]) else { continue };
            reading.used.iter_mut().for_each(|i| *i += start);
            let told = found.iter().any(|f| f.parameters == reading.parameters && f.parameters.is_some());
            if !told && found.len() < MAX_READINGS {
                found.push(reading);
            }
        }
        burst_end = start;
    }
    found
}

fn end_of(sent: &Sent) -> u64 {
    sent.answered_ns.unwrap_or(sent.time_ns)
}

/// What the last transfer of a burst means, with the ones before it that belong to it.
fn read(burst: &[&Sent]) -> Option<Reading> {
    let (last, before) = burst.split_last()?;
    match &last.what {
        What::Command(command) => Some(command_reading(burst, command)),
        What::CutCommand => Some(Reading {
            parameters: None,
            what: "a SCSI command that the capture cuts off".to_owned(),
            known: false,
            used: vec![before.len()],
        }),
        What::Control { setup, .. } => Some(control_reading(burst, setup)),
        What::Raw { endpoint, interrupt, .. } => Some(raw_reading(burst, *endpoint, *interrupt)),
    }
}

fn named(method: Method, used: Vec<usize>) -> Reading {
    let mut parameters = Parameters::default();
    parameters.turn_on(method);
    Reading { what: parameters.summary(), parameters: Some(parameters), known: true, used }
}

fn command_of(sent: &Sent) -> Option<&CommandBlock> {
    match &sent.what {
        What::Command(command) => Some(command),
        _ => None,
    }
}

/// The method that a single command is, whatever its tag and however its length is told.
fn method_of(command: &CommandBlock) -> Option<Method> {
    Method::ALL.into_iter().find(|method| {
        let message = method.message().and_then(|m| CommandBlock::parse(m));
        message.is_some_and(|m| m.cdb == command.cdb && command.data_length == 0 && command.lun & 0x0f == 0)
    })
}

fn is_eject(command: &CommandBlock) -> bool {
    command.cdb[0] == 0x1b && command.cdb[1..4] == [0; 3] && command.cdb[4] & 3 == 2
}

fn command_reading(burst: &[&Sent], command: &CommandBlock) -> Reading {
    let last = burst.len() - 1;
    let which = |wanted: &dyn Fn(&CommandBlock) -> bool| -> Vec<usize> {
        let is = |(at, sent): (usize, &&Sent)| command_of(sent).is_some_and(wanted).then_some(at);
        burst.iter().enumerate().filter_map(is).collect()
    };
    if let Some(method) = method_of(command) {
        return named(method, vec![last]);
    }
    if is_eject(command) {
        return named(Method::StandardEject, which(&is_eject));
    }
    let cisco = which(&|c| c.cdb[0] == 0xfd);
    if command.cdb[0] == 0xfd && cisco.len() >= CISCO {
        return named(Method::Cisco, cisco);
    }

    // Different raw commands, without repetitions: the last three at most.
    let mut raw: Vec<usize> = Vec::new();
    for at in which(&|c| !is_eject(c) && method_of(c).is_none()) {
        if !raw.iter().any(|known| burst[*known].same(burst[at])) {
            raw.push(at);
        }
    }
    let ejects = which(&is_eject);
    let mut parameters = Parameters::default();
    let mut used = ejects.clone();
    if ejects.is_empty() && raw.len() <= parameters.messages.len() {
        used.extend(&raw);
    } else {
        used.push(last);
    }
    used.sort_unstable();
    used.dedup();
    let of_used = |at: &&usize| !ejects.contains(at);
    let commands = used.iter().filter(of_used).filter_map(|at| command_of(burst[*at]));
    for ((slot, command), number) in parameters.messages.iter_mut().zip(commands).zip(0..) {
        *slot = normalised(command, number).to_vec();
    }
    if !ejects.is_empty() {
        parameters.turn_on(Method::StandardEject);
    }
    let known = !ejects.is_empty() || in_catalogue(&parameters.messages[0]);
    Reading {
        what: format!("{}, {}", parameters.summary(), command.words()),
        parameters: Some(parameters),
        known,
        used,
    }
}

/// The message as usb_modeswitch's data writes it: everything as it was sent, the tag apart.
fn normalised(command: &CommandBlock, number: u8) -> [u8; 31] {
    CommandBlock { tag: [0x12, 0x34, 0x56, 0x78 + number], ..*command }.encode()
}

/// Whether the catalogue has a message for some stick.
fn in_catalogue(message: &[u8]) -> bool {
    let same = |known: &[u8]| {
        known == message
            || match (CommandBlock::parse(known), CommandBlock::parse(message)) {
                (Some(a), Some(b)) => CommandBlock { tag: b.tag, ..a } == b,
                _ => false,
            }
    };
    crate::profile::builtin::all().any(|entry| entry.parameters.messages.iter().any(|m| same(m)))
}

/// The method that a control request belongs to, unless it is one without data, which a profile can say by its bytes too.
fn method_of_request(sent: &Sent) -> Option<Method> {
    let What::Control { setup, data } = &sent.what else { return None };
    let belongs = |request: &Request| {
        let to_interface = setup[0] & 0x1f == 1;
        let is_in = setup[0] & 0x80 != 0;
        setup[..4] == request.setup[..4]
            && (to_interface || setup[4..6] == request.setup[4..6])
            && (is_in || setup[6..] == request.setup[6..])
            // A capture may hold a part of the data.
            && (is_in || request.data.starts_with(data))
    };
    Method::ALL.into_iter().filter(|method| method.request().is_none()).find(|method| match method.sends() {
        Sends::Requests(requests) => requests.iter().any(belongs),
        Sends::Dialogue(start, _) => belongs(start),
        Sends::Nothing | Sends::Commands(_) => false,
    })
}

fn control_reading(burst: &[&Sent], setup: &[u8; 8]) -> Reading {
    let last = burst.len() - 1;
    if let Some(method) = method_of_request(burst[last]) {
        let used = (0..burst.len()).filter(|at| method_of_request(burst[*at]) == Some(method));
        return named(method, used.collect());
    }
    let length = u16::from_le_bytes([setup[6], setup[7]]);
    if setup[0] & 0x80 == 0 && length > 0 {
        let what = "a control request with data, which no profile can say".to_owned();
        return Reading { parameters: None, what, known: false, used: vec![last] };
    }
    let parameters =
        Parameters { control_message: Some(*setup), ..Parameters::default() }.with_named_methods();
    let known = parameters.control_message.is_none();
    Reading { what: parameters.summary(), parameters: Some(parameters), known, used: vec![last] }
}

fn raw_reading(burst: &[&Sent], endpoint: u8, interrupt: bool) -> Reading {
    let last = burst.len() - 1;
    // The dialogue of one cable goes on in interrupt transfers.
    let is_start = |sent: &&Sent| method_of_request(sent) == Some(Method::MobileAction);
    if interrupt && burst.iter().any(is_start) {
        return named(Method::MobileAction, (0..burst.len()).collect());
    }
    let mut parameters = Parameters { message_endpoint: Some(endpoint), ..Parameters::default() };
    let mut used: Vec<usize> = Vec::new();
    for (at, sent) in burst.iter().enumerate() {
        let here = matches!(&sent.what, What::Raw { endpoint: e, .. } if *e == endpoint);
        if here && !used.iter().any(|known| burst[*known].same(sent)) {
            used.push(at);
        }
    }
    if used.len() > parameters.messages.len() {
        used = vec![last];
    }
    for (slot, at) in parameters.messages.iter_mut().zip(&used) {
        if let What::Raw { data, .. } = &burst[*at].what {
            slot.clone_from(data);
        }
    }
    let known = in_catalogue(&parameters.messages[0]);
    Reading { what: parameters.summary(), parameters: Some(parameters), known, used }
}
