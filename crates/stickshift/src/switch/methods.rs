//! The transfers of each method, exactly (docs/protocols/mode-switch.md section 2.4).

use std::time::Duration;

use crate::error::Result;
use crate::link::ControlSetup;
use crate::profile::methods::{self, Request};
use crate::profile::{Method, Parameters, Sends};
use crate::switch::sequence::{Address, OnFailure, Pipe, Transfer};
use crate::wire::scsi::CommandBlock;

/// Control requests have this long.
const CONTROL: Duration = Duration::from_secs(1);

/// Longest data phase that is read; no stick was seen with more than 512 bytes.
const MAX_DATA: usize = 64 * 1024;

/// The steps of a named method.
pub(crate) fn named(steps: &mut Vec<Transfer>, method: Method, p: &Parameters, to: &Address) -> Result<()> {
    // Before the others, no driver is detached (docs/protocols/mode-switch.md section 2.3).
    if matches!(
        method,
        Method::DetachStorageOnly | Method::Gct | Method::Kobil | Method::Blackberry | Method::Sony
    ) {
        detach(steps, to);
    }
    match (method, method.sends()) {
        (_, Sends::Nothing) => {}
        (Method::Cisco, Sends::Commands(commands)) => cisco(steps, commands, to)?,
        (_, Sends::Commands(commands)) => send(steps, commands.iter().map(|c| c.as_slice()), p, to)?,
        (Method::Sony, Sends::Requests([request])) => sony(steps, request, p),
        // A stall may be the switch.
        (Method::Sierra, Sends::Requests([one])) => steps.push(control(one, OnFailure::GoOnIfStalled)),
        (Method::Gct, Sends::Requests([first, last])) => {
            steps.push(Transfer::Claim { interface: to.interface });
            steps.extend([control(first, OnFailure::GoOn), control(last, OnFailure::Stop)]);
            steps.push(Transfer::Release { interface: to.interface });
        }
        (_, Sends::Requests(requests)) => {
            for (number, request) in requests.iter().enumerate() {
                let is_last = number + 1 == requests.len();
                steps.push(control(request, if is_last { OnFailure::Stop } else { OnFailure::GoOn }));
            }
        }
        (_, Sends::Dialogue(start, messages)) => dialogue(steps, start, messages, to),
    }
    Ok(())
}

/// Pantech: 1 means that the stick switches by itself once no driver holds it.
pub(crate) fn pantech(steps: &mut Vec<Transfer>, value: u16, to: &Address) {
    detach(steps, to);
    if value > 1 {
        let request = Request { setup: methods::pantech_request(value), data: &[] };
        steps.push(control(&request, OnFailure::Stop));
    }
}

/// One raw setup packet, as TP-Link's tables have it. Asks for the data it names, sends none.
pub(crate) fn control_message(steps: &mut Vec<Transfer>, setup: [u8; 8]) {
    steps.push(control(&Request { setup, data: &[] }, OnFailure::GoOnIfStalled));
}

/// Messages to the bulk OUT endpoint, each SCSI command with its answer (docs/protocols/mode-switch.md section 2.5).
pub(crate) fn send<'a>(
    steps: &mut Vec<Transfer>,
    all: impl Iterator<Item = &'a [u8]>,
    p: &Parameters,
    to: &Address,
) -> Result<()> {
    let (out, response) = to.endpoints()?;
    detach(steps, to);
    steps.push(Transfer::Claim { interface: to.interface });
    for message in all {
        steps.push(Transfer::Write { endpoint: out, pipe: Pipe::Bulk, data: message.to_vec() });
        answer(steps, message, response, 1);
    }
    steps.push(Transfer::ClearHalt { endpoint: response });
    steps.push(Transfer::ClearHalt { endpoint: out });
    steps.push(Transfer::Wait { time: Duration::from_millis(50) });
    if let Some(delay) = p.release_delay_ms.filter(|ms| *ms > 0) {
        steps.push(Transfer::Wait { time: Duration::from_millis(delay.into()) });
    }
    steps.push(Transfer::Release { interface: to.interface });
    Ok(())
}

/// SET_CONFIGURATION, by way of unconfigured.
pub(crate) fn set_configuration(steps: &mut Vec<Transfer>, value: u8, to: &Address) {
    detach(steps, to);
    steps.extend([
        Transfer::SetConfiguration { value: 0, optional: true },
        Transfer::Wait { time: Duration::from_millis(100) },
        Transfer::SetConfiguration { value, optional: false },
    ]);
}

/// What is read after a message: the data that it asks for, then the status.
fn answer(steps: &mut Vec<Transfer>, message: &[u8], endpoint: u8, tries: u8) {
    // Also where the signature stands somewhere inside: that is how usb_modeswitch decides.
    let is_command = message.windows(4).any(|w| w == CommandBlock::SIGNATURE);
    if !is_command {
        return;
    }
    if let Some(command) = CommandBlock::parse(message).filter(CommandBlock::wants_data) {
        let length = usize::try_from(command.data_length).unwrap_or(MAX_DATA).min(MAX_DATA);
        steps.push(Transfer::ReadData { endpoint, length });
    }
    steps.push(Transfer::ReadStatus { endpoint, tries });
}

/// Every interface by count, not by number: that is what usb_modeswitch does, and what was recorded. Numbers may have a gap: the one that is
/// claimed goes with them.
fn detach(steps: &mut Vec<Transfer>, to: &Address) {
    let claimed = Some(to.interface).filter(|claimed| *claimed >= to.interfaces);
    steps.extend((0..to.interfaces).chain(claimed).map(|interface| Transfer::Detach { interface }));
}

/// The same request twice, and the stick restarts in between.
fn sony(steps: &mut Vec<Transfer>, request: &Request, p: &Parameters) {
    let request = || {
        let timeout = Duration::from_millis(100);
        control_within(request, timeout, OnFailure::Stop)
    };
    steps.push(request());
    steps.push(Transfer::AwaitReturn {
        at_least: Duration::from_secs(6),
        at_most: Duration::from_secs(24),
        class: p.target_class,
    });
    steps.push(Transfer::Wait { time: Duration::from_secs(1) });
    steps.push(request());
}

fn cisco(steps: &mut Vec<Transfer>, commands: &[[u8; 31]], to: &Address) -> Result<()> {
    let (out, response) = to.endpoints()?;
    detach(steps, to);
    steps.push(Transfer::Claim { interface: to.interface });
    for command in commands {
        steps.push(Transfer::Write { endpoint: out, pipe: Pipe::Bulk, data: command.to_vec() });
        answer(steps, command, response, 3);
    }
    steps.push(Transfer::ClearHalt { endpoint: out });
    steps.push(Transfer::ClearHalt { endpoint: response });
    steps.push(Transfer::Wait { time: Duration::from_secs(2) });
    steps.push(Transfer::Release { interface: to.interface });
    Ok(())
}

/// The dialogue of a phone cable: interrupt transfers of eight bytes on fixed endpoints, whatever the descriptors say.
fn dialogue(steps: &mut Vec<Transfer>, start: &Request, messages: &[([u8; 8], u8)], to: &Address) {
    let read = || Transfer::Read { endpoint: 0x81, pipe: Pipe::Interrupt, length: 8 };
    steps.push(Transfer::Claim { interface: to.interface });
    steps.extend([control(start, OnFailure::GoOn), control(start, OnFailure::GoOn)]);
    steps.extend([read(), read()]);
    for (message, reads) in messages {
        steps.push(Transfer::Write { endpoint: 0x02, pipe: Pipe::Interrupt, data: message.to_vec() });
        steps.extend((0..*reads).map(|_| read()));
    }
    steps.push(Transfer::Release { interface: to.interface });
}

fn control(request: &Request, on_failure: OnFailure) -> Transfer {
    control_within(request, CONTROL, on_failure)
}

fn control_within(request: &Request, timeout: Duration, on_failure: OnFailure) -> Transfer {
    let [request_type, code, v0, v1, i0, i1, l0, l1] = request.setup;
    let word = |low, high| u16::from_le_bytes([low, high]);
    let setup = ControlSetup { request_type, request: code, value: word(v0, v1), index: word(i0, i1) };
    if request_type & 0x80 != 0 {
        Transfer::ControlIn { setup, length: word(l0, l1), timeout, on_failure }
    } else {
        Transfer::ControlOut { setup, data: request.data.to_vec(), timeout, on_failure }
    }
}
