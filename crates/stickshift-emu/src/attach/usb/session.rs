//! One appearance of a stick on a bus: the transfers that a host wants done, and those that wait for the stick.

use std::collections::{BTreeMap, VecDeque};

use stickshift::error::Result;
use stickshift::link::{ControlSetup, Moment};

use crate::attach::usb::functions;
use crate::attach::usb::network::Network;
use crate::attach::usb::standard::{Selection, StandardAnswer};
use crate::attach::usb::urb::{self, Command, UrbSubmit};
use crate::device::{Appearance, Device, Function, UsbReply};

const GET_DESCRIPTOR: u8 = 6;
/// wLength of the first question that Linux has for a device after a reset.
const FIRST_DESCRIPTOR_BYTES: u16 = 64;

/// The host's side of one stick between two enumerations. It moves bytes and never waits: give it what came from the host, ask
/// the stick, take what goes to the host.
#[derive(Debug)]
pub struct UsbSession {
    appearance: Appearance,
    enumeration: u32,
    selection: Selection,
    /// Of a command that is not whole yet.
    input: Vec<u8>,
    output: Vec<u8>,
    /// Transfers that are not done, by endpoint, in the order in which they came.
    waiting: BTreeMap<u8, VecDeque<UrbSubmit>>,
    /// What a stick said on a serial interface beyond what the host took, by interface.
    unread: BTreeMap<u8, Vec<u8>>,
    /// Its network function, once the host has configured it.
    network: Option<Network>,
    gone: bool,
}

/// What becomes of a transfer.
enum TransferFate {
    Done(Vec<u8>),
    Stall,
    Wait,
    Gone,
}

impl From<UsbReply> for TransferFate {
    fn from(reply: UsbReply) -> Self {
        match reply {
            UsbReply::Done(bytes) => TransferFate::Done(bytes),
            UsbReply::Pending => TransferFate::Wait,
            UsbReply::Stall => TransferFate::Stall,
            UsbReply::Gone => TransferFate::Gone,
        }
    }
}

impl UsbSession {
    /// The stick shows `appearance` and was not asked anything yet.
    pub fn new(appearance: &Appearance, enumeration: u32) -> Self {
        UsbSession {
            appearance: appearance.clone(),
            enumeration,
            selection: Selection::default(),
            input: Vec::new(),
            output: Vec::new(),
            waiting: BTreeMap::new(),
            unread: BTreeMap::new(),
            network: None,
            gone: false,
        }
    }

    /// Whether `device` is still what this session is about.
    pub fn is_over(&self, device: &dyn Device) -> bool {
        self.gone || device.appearance().is_none() || device.enumeration() != self.enumeration
    }

    /// What the stick shows.
    pub fn appearance(&self) -> &Appearance {
        &self.appearance
    }

    /// bConfigurationValue of the configuration that the host selected, 0 for none.
    pub fn configuration(&self) -> u8 {
        self.selection.configuration
    }

    /// Bytes for the host; whoever sends them drains them.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Whether there are bytes for the host.
    pub fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Takes bytes from the host, in pieces of any size, and lets the stick act on them.
    ///
    /// # Errors
    /// `UnexpectedAnswer` when the host does not speak USB/IP.
    pub fn receive(&mut self, device: &mut dyn Device, now: Moment, bytes: &[u8]) -> Result<()> {
        let mut input = std::mem::take(&mut self.input);
        input.extend_from_slice(bytes);
        let mut at = 0;
        while let Some((command, length)) = urb::next_command(&input[at..])? {
            at += length;
            match command {
                Command::Unlink { seqnum, unwanted } => self.unlink(seqnum, unwanted),
                Command::Submit(submit) => self.submit(device, now, submit),
            }
        }
        input.drain(..at);
        self.input = input;
        self.turn(device, now);
        Ok(())
    }

    /// When it has something to do by itself.
    pub fn next(&mut self, now: Moment) -> Option<Moment> {
        self.network.as_mut()?.next(now)
    }

    /// Completes what the stick can complete by `now`.
    pub fn turn(&mut self, device: &mut dyn Device, now: Moment) {
        if let Some(network) = &mut self.network {
            network.turn(device, now);
        }
        let endpoints: Vec<u8> = self.waiting.keys().copied().collect();
        for endpoint in endpoints {
            self.serve(device, now, endpoint);
        }
    }

    fn unlink(&mut self, seqnum: u32, unwanted: u32) {
        let mut status = 0;
        for queue in self.waiting.values_mut() {
            let before = queue.len();
            queue.retain(|submit| submit.seqnum != unwanted);
            if queue.len() < before {
                status = urb::TAKEN_BACK;
            }
        }
        urb::unlinked(seqnum, status, &mut self.output);
    }

    fn submit(&mut self, device: &mut dyn Device, now: Moment, submit: UrbSubmit) {
        if submit.endpoint & 0x7f != 0 {
            let endpoint = submit.endpoint;
            self.waiting.entry(endpoint).or_default().push_back(submit);
            return self.serve(device, now, endpoint);
        }
        match self.control(device, now, &submit) {
            TransferFate::Wait => self.waiting.entry(0).or_default().push_back(submit),
            fate => self.complete(&submit, fate),
        }
    }

    /// Does the transfers of one endpoint in order, until one has to wait.
    fn serve(&mut self, device: &mut dyn Device, now: Moment, endpoint: u8) {
        loop {
            if self.gone {
                return;
            }
            let Some(submit) = self.waiting.get_mut(&endpoint).and_then(VecDeque::pop_front) else { return };
            let fate = match endpoint {
                0 => self.control(device, now, &submit),
                _ => self.transfer(device, now, &submit),
            };
            if matches!(fate, TransferFate::Wait) {
                self.waiting.entry(endpoint).or_default().push_front(submit);
                return;
            }
            if matches!(fate, TransferFate::Stall) && endpoint != 0 {
                self.selection.halted.insert(endpoint);
            }
            self.complete(&submit, fate);
        }
    }

    /// USB/IP carries no port resets. What tells one is that Linux asks a configured device for the first bytes of its device
    /// descriptor, as it does when it does not know yet how many there are.
    fn is_after_reset(&self, setup: ControlSetup, length: u16) -> bool {
        self.selection.configuration != 0
            && (setup.request_type, setup.request, setup.value) == (0x80, GET_DESCRIPTOR, 0x0100)
            && length == FIRST_DESCRIPTOR_BYTES
    }

    fn control(&mut self, device: &mut dyn Device, now: Moment, submit: &UrbSubmit) -> TransferFate {
        let (setup, length) = submit.control();
        // SET_FEATURE(remote wake-up) to the device is Huawei's oldest switch message, so the stick sees it first.
        let wake_up = (setup.request_type, setup.request) == (0x00, 0x03);
        if wake_up && let UsbReply::Gone = device.control(now, setup, &submit.data, length) {
            return TransferFate::Gone;
        }
        if self.is_after_reset(setup, length) {
            device.port_reset(now);
            if self.is_over(device) {
                return TransferFate::Gone;
            }
        }
        match self.selection.request(&self.appearance, setup) {
            StandardAnswer::Done(bytes) => TransferFate::Done(bytes),
            StandardAnswer::Alternate(interface, alternate) => {
                if alternate == 0
                    && let Some(network) = &mut self.network
                {
                    network.reset();
                }
                device.alternate_selected(now, interface, alternate);
                TransferFate::Done(Vec::new())
            }
            StandardAnswer::Stall => TransferFate::Stall,
            StandardAnswer::Configured(value) => {
                self.unread.clear();
                let interfaces = self.selection.interfaces(&self.appearance);
                self.network = Network::of(interfaces, device, now).filter(|_| value != 0);
                device.configured(now, value);
                TransferFate::Done(Vec::new())
            }
            StandardAnswer::NotStandard => match device.control(now, setup, &submit.data, length) {
                UsbReply::Stall => {
                    let of_network = self.network.as_mut();
                    if let Some(answer) = of_network.and_then(|n| n.request(device, now, setup, &submit.data))
                    {
                        return TransferFate::Done(answer);
                    }
                    let interfaces = self.selection.interfaces(&self.appearance);
                    let to = interfaces.iter().find(|i| u16::from(i.number) == setup.index & 0xff);
                    let known = to.and_then(|i| functions::class_request(i.function, setup));
                    known.map_or(TransferFate::Stall, TransferFate::Done)
                }
                reply => reply.into(),
            },
        }
    }

    fn transfer(&mut self, device: &mut dyn Device, now: Moment, submit: &UrbSubmit) -> TransferFate {
        let address = submit.endpoint;
        let Some((interface, kind)) = self.selection.endpoint(&self.appearance, address) else {
            return TransferFate::Stall;
        };
        if self.selection.halted.contains(&address) {
            return TransferFate::Stall;
        }
        let (number, incoming) = (interface.number, address & 0x80 != 0);
        match (interface.function, incoming) {
            (Function::Serial, false) => {
                device.serial_write(now, number, &submit.data);
                TransferFate::Done(Vec::new())
            }
            (Function::Ncm, true) if kind == 3 && device.message_available(now, number) => {
                TransferFate::Done(functions::response_available(number))
            }
            // No modem status is ever reported.
            (Function::Serial, true) if kind == 3 => TransferFate::Wait,
            (Function::Ethernet | Function::Ncm, _) if self.network.is_some() => {
                let Some(network) = &mut self.network else { return TransferFate::Wait };
                let taken = match (incoming, kind) {
                    (false, _) => {
                        network.receive(device, now, &submit.data);
                        Some(Vec::new())
                    }
                    (true, 3) => network.notify(device, now),
                    (true, _) => network.take(device, now, submit.length as usize),
                };
                taken.map_or(TransferFate::Wait, TransferFate::Done)
            }
            (Function::Ethernet | Function::Ncm, true) if kind == 3 => TransferFate::Wait,
            (Function::Serial, true) => {
                let unread = self.unread.entry(number).or_default();
                if unread.is_empty() {
                    *unread = device.serial_read(now, number);
                }
                if unread.is_empty() {
                    return TransferFate::Wait;
                }
                let n = unread.len().min(submit.length as usize);
                TransferFate::Done(unread.drain(..n).collect())
            }
            (function, false) => match device.transfer_out(now, address, &submit.data) {
                // A network in which nobody listens takes every packet.
                UsbReply::Stall if matches!(function, Function::Ethernet | Function::Ncm) => {
                    TransferFate::Done(Vec::new())
                }
                reply => reply.into(),
            },
            (_, true) => device.transfer_in(now, address, submit.length as usize).into(),
        }
    }

    fn complete(&mut self, submit: &UrbSubmit, fate: TransferFate) {
        let incoming = if submit.endpoint == 0 || submit.endpoint == 0x80 {
            submit.setup[0] & 0x80 != 0
        } else {
            submit.endpoint & 0x80 != 0
        };
        match fate {
            TransferFate::Done(mut bytes) if incoming => {
                bytes.truncate(submit.length as usize);
                urb::answer(submit.seqnum, 0, bytes.len() as u32, &bytes, &mut self.output);
            }
            TransferFate::Done(_) => {
                urb::answer(submit.seqnum, 0, submit.data.len() as u32, &[], &mut self.output);
            }
            TransferFate::Stall => urb::answer(submit.seqnum, urb::STALLED, 0, &[], &mut self.output),
            // Unanswered transfers come back by themselves when the line is cut.
            TransferFate::Gone => self.gone = true,
            TransferFate::Wait => {}
        }
    }
}
