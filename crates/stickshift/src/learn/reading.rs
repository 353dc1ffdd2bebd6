//! From what was sent to what it means: a named method where it is one, raw messages otherwise.

use crate::learn::routine;
use crate::learn::sent::{Sent, What};
use crate::profile::methods::Request;
use crate::profile::{Method, Parameters, Sends};
use crate::wire::scsi::CommandBlock;

/// Two things sent with less than this between them belong together, in nanoseconds.
const BURST: u64 = 1_500_000_000;
/// Most readings of what was sent to one stick.
const MAX_READINGS: usize = 12;
/// Cisco's method has eleven commands; as many different ones of them as this are no accident.
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
    /// What the profile sends that the capture does not hold: one lower-case sentence.
    pub(super) note: Option<String>,
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
            for mut reading in read(&sent[start..=end]) {
                reading.used.iter_mut().for_each(|i| *i += start);
                let is_cut = |r: &Reading| matches!(sent[r.used[0]].what, What::CutCommand { .. });
                let told = found.iter().any(|f| match &f.parameters {
                    Some(_) => f.parameters == reading.parameters,
                    None => reading.parameters.is_none() && is_cut(f) && is_cut(&reading),
                });
                if !told && found.len() < MAX_READINGS {
                    found.push(reading);
                }
            }
        }
        burst_end = start;
    }
    found
}

fn end_of(sent: &Sent) -> u64 {
    sent.answered_ns.unwrap_or(sent.time_ns)
}

/// Those that a reading of `used` leaves out. A repetition of one that it explains is none of them.
pub(super) fn left_out<'s>(sent: &[&'s Sent], used: &[&Sent]) -> Vec<&'s Sent> {
    let mut found: Vec<&Sent> = Vec::new();
    for one in sent {
        let is_told = |known: &&Sent| known.same(one);
        if !used.iter().any(is_told) && !found.iter().any(is_told) {
            found.push(one);
        }
    }
    found
}

/// What the last transfer of a burst means, with the ones before it that belong to it: everything first, where a profile can say it.
fn read(burst: &[&Sent]) -> Vec<Reading> {
    let Some((last, before)) = burst.split_last() else { return Vec::new() };
    match &last.what {
        What::Command(_) if last.data > 0 => {
            let what = format!(
                "a SCSI command with {} bytes of data, for which usb_modeswitch does not wait",
                last.data
            );
            vec![unsaid(what, before.len())]
        }
        What::Command(command) => {
            let reading = command_reading(burst, command);
            let is_all = left_out(burst, &at(burst, &reading.used)).iter().all(|sent| sent.is_refused());
            let all = if is_all { None } else { all_commands(burst) };
            all.into_iter().chain([reading]).collect()
        }
        What::CutCommand { block, held } => match method_of_part(block, *held) {
            Some(method) => vec![named(method, burst, vec![before.len()])],
            None => vec![unsaid("a SCSI command that the capture cuts off".to_owned(), before.len())],
        },
        What::Control { setup, .. } => vec![control_reading(burst, setup)],
        What::Raw { endpoint, interrupt, .. } => vec![raw_reading(burst, *endpoint, *interrupt)],
    }
}

fn at<'s>(burst: &[&'s Sent], places: &[usize]) -> Vec<&'s Sent> {
    places.iter().map(|place| burst[*place]).collect()
}

/// Something that no profile can say.
fn unsaid(what: String, at: usize) -> Reading {
    Reading { parameters: None, what, known: false, used: vec![at], note: None }
}

fn named(method: Method, burst: &[&Sent], used: Vec<usize>) -> Reading {
    let mut parameters = Parameters::default();
    parameters.turn_on(method);
    let note = partly(method, burst, &used);
    Reading { what: parameters.summary(), parameters: Some(parameters), known: true, used, note }
}

/// What of a method the capture does not hold.
fn partly(method: Method, burst: &[&Sent], used: &[usize]) -> Option<String> {
    let seen = |is: &dyn Fn(&Sent) -> bool| used.iter().any(|at| is(burst[*at]));
    let name = method.name();
    let of_request = |request: &Request| {
        let held = used.iter().filter_map(|at| match &burst[*at].what {
            What::Control { setup, data } if setup[..2] == request.setup[..2] => Some(data.len()),
            _ => None,
        });
        held.max().filter(|held| *held < request.data.len()).map(|held| {
            let all = request.data.len();
            format!("the capture holds {held} of the {all} bytes of the request's data; the profile sends those of {name}")
        })
    };
    let cut = used.iter().find_map(|at| match &burst[*at].what {
        What::CutCommand { held, .. } => Some(*held),
        _ => None,
    });
    if let Some(held) = cut {
        return Some(format!(
            "the capture holds {held} of the 31 bytes of the command; the profile sends those of {name}"
        ));
    }
    let (held, all, what) = match method.sends() {
        Sends::Commands(commands) if commands.len() > 4 => {
            let has = |message: &&[u8; 31]| {
                let wanted = CommandBlock::parse(&message[..]).map(|c| c.cdb);
                seen(&|s| command_of(s).map(|c| c.cdb) == wanted)
            };
            (commands.iter().filter(has).count(), commands.len(), "commands")
        }
        Sends::Requests(requests) => {
            if let Some(note) = requests.iter().find_map(of_request) {
                return Some(note);
            }
            // What systems send too is not remembered.
            let told = || requests.iter().filter(|r| routine::request(&r.setup).is_none());
            let has = |request: &&Request| {
                seen(&|s| matches!(&s.what, What::Control { setup, .. } if setup[..4] == request.setup[..4]))
            };
            (told().filter(has).count(), told().count(), "requests")
        }
        Sends::Dialogue(start, messages) => {
            if let Some(note) = of_request(start) {
                return Some(note);
            }
            let has = |(message, _): &&([u8; 8], u8)| {
                seen(&|s| matches!(&s.what, What::Raw { data, .. } if data[..] == message[..]))
            };
            (messages.iter().filter(has).count(), messages.len(), "messages")
        }
        Sends::Commands(_) | Sends::Nothing => return None,
    };
    (held < all).then(|| {
        format!("the capture holds {held} of the {all} {what} of {name}; the profile sends all of them")
    })
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

pub(super) fn is_eject(command: &CommandBlock) -> bool {
    command.cdb[0] == 0x1b && command.cdb[1..4] == [0; 3] && command.cdb[4] & 3 == 2
}

/// The method that a command is of which the capture holds a part: all that counts of it.
fn method_of_part(command: &CommandBlock, held: usize) -> Option<Method> {
    /// Bytes of a method's command that are not zero, and one more.
    const TELLING: usize = 10;
    method_of(command).filter(|_| held >= CommandBlock::HEADER + TELLING)
}

/// Takes a place in, and out the place of the same sent before: what made the stick leave may be the last of them.
fn once(found: &mut Vec<usize>, burst: &[&Sent], at: usize) {
    found.retain(|known| !burst[*known].same(burst[at]));
    found.push(at);
}

/// The commands of a burst that are different ones. One that the stick refused before the last did nothing, and would end
/// usb_modeswitch's work.
fn different(burst: &[&Sent], wanted: &dyn Fn(&CommandBlock) -> bool) -> Vec<usize> {
    let mut found: Vec<usize> = Vec::new();
    for (at, sent) in burst.iter().enumerate() {
        let counts = at + 1 == burst.len() || !sent.is_refused();
        let fits = counts && sent.data == 0 && command_of(sent).is_some_and(wanted);
        if fits {
            once(&mut found, burst, at);
        }
    }
    found
}

/// Every command of a burst as a message, where there are not too many, in the order in which they were sent.
fn all_commands(burst: &[&Sent]) -> Option<Reading> {
    let used = different(burst, &|_| true);
    let is_all = left_out(burst, &at(burst, &used)).iter().all(|sent| sent.is_refused());
    (is_all && (2..=3).contains(&used.len())).then(|| messages(burst, used, Parameters::default()))
}

/// The commands at these places as messages.
fn messages(burst: &[&Sent], used: Vec<usize>, mut parameters: Parameters) -> Reading {
    let ejects =
        |at: &&usize| parameters.has(Method::StandardEject) && command_of(burst[**at]).is_some_and(is_eject);
    let commands: Vec<&CommandBlock> =
        used.iter().filter(|at| !ejects(at)).filter_map(|at| command_of(burst[*at])).collect();
    let last = commands.last().map_or("", |command| command.words());
    for ((slot, command), number) in parameters.messages.iter_mut().zip(commands).zip(0..) {
        *slot = normalised(command, number).to_vec();
    }
    let known = parameters.has(Method::StandardEject) || in_catalogue(&parameters.messages[0]);
    let what = format!("{}, {last}", parameters.summary());
    Reading { what, parameters: Some(parameters), known, used, note: None }
}

/// Whether a message of a method has this command.
fn is_command(message: &[u8], command: &CommandBlock) -> bool {
    CommandBlock::parse(message).is_some_and(|m| m.cdb == command.cdb)
}

fn command_reading(burst: &[&Sent], command: &CommandBlock) -> Reading {
    let last = burst.len() - 1;
    let which = |wanted: &dyn Fn(&CommandBlock) -> bool| -> Vec<usize> {
        let is = |(at, sent): (usize, &&Sent)| command_of(sent).is_some_and(wanted).then_some(at);
        burst.iter().enumerate().filter_map(is).collect()
    };
    if let Some(method) = method_of(command) {
        return named(method, burst, vec![last]);
    }
    if is_eject(command) {
        return named(Method::StandardEject, burst, which(&is_eject));
    }
    let of_cisco = |c: &CommandBlock| Method::Cisco.commands().iter().any(|m| is_command(m, c));
    let mut different_ones: Vec<[u8; 16]> = Vec::new();
    let cisco = which(&|c| of_cisco(c));
    for block in cisco.iter().filter_map(|at| command_of(burst[*at])) {
        if !different_ones.contains(&block.cdb) {
            different_ones.push(block.cdb);
        }
    }
    if of_cisco(command) && different_ones.len() >= CISCO {
        return named(Method::Cisco, burst, cisco);
    }

    // Different raw commands, without repetitions: the last three at most.
    let raw = different(burst, &|c| !is_eject(c) && method_of(c).is_none());
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
    if !ejects.is_empty() {
        parameters.turn_on(Method::StandardEject);
    }
    messages(burst, used, parameters)
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
    crate::profile::builtin::messages().iter().any(|known| same(known))
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
        return named(method, burst, used.collect());
    }
    let length = u16::from_le_bytes([setup[6], setup[7]]);
    if setup[0] & 0x80 == 0 && length > 0 {
        return unsaid("a control request with data".to_owned(), last);
    }
    let parameters =
        Parameters { control_message: Some(*setup), ..Parameters::default() }.with_named_methods();
    let known = parameters.control_message.is_none();
    Reading { what: parameters.summary(), parameters: Some(parameters), known, used: vec![last], note: None }
}

fn raw_reading(burst: &[&Sent], endpoint: u8, interrupt: bool) -> Reading {
    let last = burst.len() - 1;
    // The dialogue of one cable goes on in interrupt transfers.
    let is_start = |sent: &&Sent| method_of_request(sent) == Some(Method::MobileAction);
    if interrupt && burst.iter().any(is_start) {
        return named(Method::MobileAction, burst, (0..burst.len()).collect());
    }
    if let What::Raw { length, data, .. } = &burst[last].what
        && burst[last].is_cut()
    {
        let what = format!("a message of {length} bytes of which the capture holds {}", data.len());
        return unsaid(what, last);
    }
    let mut parameters = Parameters { message_endpoint: Some(endpoint), ..Parameters::default() };
    let mut used: Vec<usize> = Vec::new();
    for (at, sent) in burst.iter().enumerate() {
        let here = matches!(&sent.what, What::Raw { endpoint: e, .. } if *e == endpoint);
        if here && !sent.is_cut() {
            once(&mut used, burst, at);
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
    Reading { what: parameters.summary(), parameters: Some(parameters), known, used, note: None }
}
