//! The transfers of each method, exactly (docs/protocols/mode-switch.md section 2.4).

use std::time::Duration;

use crate::error::Result;
use crate::link::ControlSetup;
use crate::profile::{Method, Parameters, messages};
use crate::switch::plan::{Address, OnFailure, Pipe, Transfer};
use crate::wire::scsi::CommandBlock;

/// Control requests have this long.
const CONTROL: Duration = Duration::from_secs(1);

/// Longest data phase that is read; no stick was seen with more than 512 bytes.
const MAX_DATA: usize = 64 * 1024;

/// One of Cisco's command block wrappers.
const fn command(tag: [u8; 4], data_length: u32, cdb: &[u8]) -> [u8; 31] {
    let flags = if data_length > 0 { 0x80 } else { 0 };
    CommandBlock { tag, data_length, flags, lun: 0, cdb_length: 10, cdb: CommandBlock::padded(cdb) }.encode()
}

const CISCO_TAGS: [[u8; 4]; 3] =
    [[0xf8, 0x3b, 0xcd, 0x81], [0x98, 0x43, 0x00, 0x82], [0xd8, 0x4c, 0x04, 0x82]];
const CISCO: [[u8; 31]; 11] = [
    command(CISCO_TAGS[0], 512, &[0xfd, 0, 0, 0, 0x03, 0, 0, 0, 1]),
    command(CISCO_TAGS[1], 512, &[0xfd, 0, 0, 0, 0x07, 0, 0, 0, 1]),
    command(CISCO_TAGS[1], 0, &[0xfd, 0, 0x01, 0, 0x07, 0x10]),
    command(CISCO_TAGS[1], 512, &[0xfd, 0, 0x02, 0, 0x23, 0, 0, 0, 1]),
    command(CISCO_TAGS[1], 0, &[0xfd, 0, 0x03, 0, 0x23, 0x82]),
    command(CISCO_TAGS[1], 512, &[0xfd, 0, 0x02, 0, 0x26, 0, 0, 0, 1]),
    command(CISCO_TAGS[1], 0, &[0xfd, 0, 0x03, 0, 0x26, 0xc8]),
    command(CISCO_TAGS[2], 512, &[0xfd, 0, 0, 0x10, 0x73, 0, 0, 0, 1]),
    command(CISCO_TAGS[2], 512, &[0xfd, 0, 0x02, 0, 0x24, 0, 0, 0, 1]),
    command(CISCO_TAGS[2], 0, &[0xfd, 0, 0x03, 0, 0x24, 0x13]),
    command(CISCO_TAGS[2], 0, &[0xfd, 0, 0x01, 0x10, 0x73, 0x24]),
];

const QISDA: [u8; 16] =
    [0x05, 0x8c, 0x04, 0x08, 0xa0, 0xee, 0x20, 0x00, 0x5c, 0x01, 0x04, 0x08, 0x98, 0xcd, 0xea, 0xbf];

/// The steps of a named method, StandardEject excepted.
pub(crate) fn named(steps: &mut Vec<Transfer>, method: Method, p: &Parameters, to: &Address) -> Result<()> {
    let one = |message: [u8; 31]| vec![message.to_vec()];
    match method {
        Method::DetachStorageOnly => detach(steps, to),
        // SET_FEATURE, device remote wakeup: what usb-storage itself sends to an E220.
        Method::Huawei => steps.push(control_out(0x00, 0x03, 0x0001, &[], OnFailure::Stop)),
        Method::Sierra => steps.push(control_out(0x40, 0x0b, 0x0001, &[], OnFailure::GoOnIfStalled)),
        Method::Sony => sony(steps, p, to),
        Method::Gct => {
            detach(steps, to);
            steps.extend([
                Transfer::Claim { interface: to.interface },
                control_in(0xa1, 0xa0, 0x0000, 1, OnFailure::GoOn),
                control_in(0xa1, 0xfe, 0x0000, 1, OnFailure::Stop),
                Transfer::Release { interface: to.interface },
            ]);
        }
        Method::Kobil => {
            detach(steps, to);
            steps.push(control_in(0xc0, 0x88, 0x0000, 8, OnFailure::Stop));
        }
        Method::Sequans => steps.push(control_out(0x40, 0x0b, 0x0002, &[], OnFailure::Stop)),
        Method::MobileAction => mobile_action(steps, to),
        Method::Cisco => cisco(steps, to)?,
        Method::Qisda => steps.push(control_out(0x40, 0x04, 0x0000, &QISDA, OnFailure::Stop)),
        Method::Quanta => steps.push(control_in(0xc0, 0xff, 0x0000, 0, OnFailure::Stop)),
        Method::Blackberry => {
            detach(steps, to);
            steps.push(control_in(0xc0, 0xb1, 0x0000, 8, OnFailure::GoOn));
            steps.push(control_in(0xc0, 0xa9, 0x000e, 2, OnFailure::Stop));
        }
        Method::HuaweiNew => send(steps, &one(messages::HUAWEI_NEW), p, to)?,
        Method::HuaweiAlt => send(steps, &one(messages::HUAWEI_ALT), p, to)?,
        Method::Option => send(steps, &one(messages::OPTION), p, to)?,
        Method::StandardEject => unreachable!("eject is sent together with the profile's message"),
    }
    Ok(())
}

/// Pantech: 1 means that the stick switches by itself once no driver holds it.
pub(crate) fn pantech(steps: &mut Vec<Transfer>, value: u16, to: &Address) {
    detach(steps, to);
    if value > 1 {
        steps.push(control_out(0x40, 0x70, value, &[], OnFailure::Stop));
    }
}

/// One raw setup packet, as TP-Link's tables have it. Asks for the data it names, sends none.
pub(crate) fn control_message(steps: &mut Vec<Transfer>, bytes: [u8; 8]) {
    let [request_type, request, v0, v1, i0, i1, l0, l1] = bytes;
    let setup = ControlSetup {
        request_type,
        request,
        value: u16::from_le_bytes([v0, v1]),
        index: u16::from_le_bytes([i0, i1]),
    };
    let (timeout, on_failure) = (CONTROL, OnFailure::GoOnIfStalled);
    steps.push(if request_type & 0x80 != 0 {
        Transfer::ControlIn { setup, length: u16::from_le_bytes([l0, l1]), timeout, on_failure }
    } else {
        Transfer::ControlOut { setup, data: Vec::new(), timeout, on_failure }
    });
}

/// Messages to the bulk OUT endpoint, each SCSI command with its answer (docs/protocols/mode-switch.md section 2.5).
pub(crate) fn send(steps: &mut Vec<Transfer>, all: &[Vec<u8>], p: &Parameters, to: &Address) -> Result<()> {
    let (out, response) = to.endpoints()?;
    detach(steps, to);
    steps.push(Transfer::Claim { interface: to.interface });
    for message in all {
        steps.push(Transfer::Write { endpoint: out, pipe: Pipe::Bulk, data: message.clone() });
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

/// Every interface by count, not by number: that is what usb_modeswitch does, and what was recorded.
fn detach(steps: &mut Vec<Transfer>, to: &Address) {
    steps.extend((0..to.interfaces).map(|interface| Transfer::Detach { interface }));
}

/// The same request twice, and the stick restarts in between.
fn sony(steps: &mut Vec<Transfer>, p: &Parameters, to: &Address) {
    let request = || Transfer::ControlIn {
        setup: ControlSetup { request_type: 0xc0, request: 0x11, value: 0x0002, index: 0 },
        length: 3,
        timeout: Duration::from_millis(100),
        on_failure: OnFailure::Stop,
    };
    detach(steps, to);
    steps.push(request());
    steps.push(Transfer::AwaitReturn {
        at_least: Duration::from_secs(6),
        at_most: Duration::from_secs(24),
        class: p.target_class,
    });
    steps.push(Transfer::Wait { time: Duration::from_secs(1) });
    steps.push(request());
}

fn cisco(steps: &mut Vec<Transfer>, to: &Address) -> Result<()> {
    let (out, response) = to.endpoints()?;
    detach(steps, to);
    steps.push(Transfer::Claim { interface: to.interface });
    for message in CISCO {
        steps.push(Transfer::Write { endpoint: out, pipe: Pipe::Bulk, data: message.to_vec() });
        answer(steps, &message, response, 3);
    }
    steps.push(Transfer::ClearHalt { endpoint: out });
    steps.push(Transfer::ClearHalt { endpoint: response });
    steps.push(Transfer::Wait { time: Duration::from_secs(2) });
    steps.push(Transfer::Release { interface: to.interface });
    Ok(())
}

/// The dialogue of a phone cable: interrupt transfers of eight bytes on fixed endpoints, whatever the descriptors say.
fn mobile_action(steps: &mut Vec<Transfer>, to: &Address) {
    const START: [u8; 8] = [0xb0, 0x04, 0x00, 0x00, 0x02, 0x90, 0x26, 0x86];
    const A: [u8; 8] = [0x37, 0x01, 0xfe, 0xdb, 0xc1, 0x33, 0x1f, 0x83];
    const B: [u8; 8] = [0x37, 0x0e, 0xb5, 0x9d, 0x3b, 0x8a, 0x91, 0x51];
    const C: [u8; 8] = [0x34, 0x87, 0xba, 0x0d, 0xfc, 0x8a, 0x91, 0x51];
    const D: [u8; 8] = [0x33, 0x04, 0xfe, 0x00, 0xf4, 0x6c, 0x1f, 0xf0];
    const E: [u8; 8] = [0x32, 0x07, 0xfe, 0xf0, 0x29, 0xb9, 0x3a, 0xf0];
    let read = || Transfer::Read { endpoint: 0x81, pipe: Pipe::Interrupt, length: 8 };
    steps.push(Transfer::Claim { interface: to.interface });
    steps.push(control_out(0x21, 0x09, 0x0300, &START, OnFailure::GoOn));
    steps.push(control_out(0x21, 0x09, 0x0300, &START, OnFailure::GoOn));
    steps.extend([read(), read()]);
    for (message, reads) in [(A, 1), (B, 1), (C, 63), (A, 1), (B, 1), (C, 73), (D, 1), (E, 1)] {
        steps.push(Transfer::Write { endpoint: 0x02, pipe: Pipe::Interrupt, data: message.to_vec() });
        steps.extend((0..reads).map(|_| read()));
    }
    steps.push(Transfer::Release { interface: to.interface });
}

fn control_out(request_type: u8, request: u8, value: u16, data: &[u8], on_failure: OnFailure) -> Transfer {
    let setup = ControlSetup { request_type, request, value, index: 0 };
    Transfer::ControlOut { setup, data: data.to_vec(), timeout: CONTROL, on_failure }
}

fn control_in(request_type: u8, request: u8, value: u16, length: u16, on_failure: OnFailure) -> Transfer {
    let setup = ControlSetup { request_type, request, value, index: 0 };
    Transfer::ControlIn { setup, length, timeout: CONTROL, on_failure }
}
