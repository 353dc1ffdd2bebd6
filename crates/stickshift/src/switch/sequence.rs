use std::fmt;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::hex;
use crate::link::ControlSetup;
use crate::profile::{Method, Parameters};
use crate::switch::{View, mbim, methods};
use crate::wire::scsi::CommandBlock;

/// What goes to a stick to switch it, in order. Made before anything is sent, so that it can be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sequence {
    /// The steps.
    pub transfers: Vec<Transfer>,
    /// What the entry asks for and the sequence leaves out, one sentence each.
    pub remarks: Vec<String>,
    /// The configuration that was asked for is active already, so that nothing after it is done.
    pub already_active: Option<u8>,
}

/// How an endpoint moves bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pipe {
    /// Bulk.
    Bulk,
    /// Interrupt.
    Interrupt,
}

/// What a failed control request means (docs/protocols/mode-switch.md section 2.4). A stick that left counts as success everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// The rest is not done.
    Stop,
    /// Nothing: the next step is done.
    GoOn,
    /// A stall is what a stick in the middle of switching shows; anything else stops.
    GoOnIfStalled,
}

/// One step of a sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// Take an interface from the kernel driver that holds it.
    Detach {
        /// bInterfaceNumber.
        interface: u8,
    },
    /// Claim an interface.
    Claim {
        /// bInterfaceNumber.
        interface: u8,
    },
    /// Release an interface.
    Release {
        /// bInterfaceNumber.
        interface: u8,
    },
    /// Send a message.
    Write {
        /// Address of the OUT endpoint.
        endpoint: u8,
        /// How it moves bytes.
        pipe: Pipe,
        /// The message.
        data: Vec<u8>,
    },
    /// Read and throw away: what a cable says in its dialogue.
    Read {
        /// Address of the IN endpoint.
        endpoint: u8,
        /// How it moves bytes.
        pipe: Pipe,
        /// Bytes asked for.
        length: usize,
    },
    /// Read the data that the SCSI command before asked for. A stick that skips it and sends the status at once has
    /// answered too.
    ReadData {
        /// Address of the IN endpoint.
        endpoint: u8,
        /// Bytes asked for.
        length: usize,
    },
    /// Read the status of the SCSI command before.
    ReadStatus {
        /// Address of the IN endpoint.
        endpoint: u8,
        /// How many short answers are read before giving up.
        tries: u8,
    },
    /// A control request that asks for data, or for none.
    ControlIn {
        /// The setup packet.
        setup: ControlSetup,
        /// wLength.
        length: u16,
        /// How long to wait.
        timeout: Duration,
        /// What a failure means.
        on_failure: OnFailure,
    },
    /// A control request that sends data, or none.
    ControlOut {
        /// The setup packet.
        setup: ControlSetup,
        /// The data; its length is wLength.
        data: Vec<u8>,
        /// How long to wait.
        timeout: Duration,
        /// What a failure means.
        on_failure: OnFailure,
    },
    /// CLEAR_FEATURE(ENDPOINT_HALT).
    ClearHalt {
        /// Address of the endpoint.
        endpoint: u8,
    },
    /// Let time pass.
    Wait {
        /// How long.
        time: Duration,
    },
    /// The stick restarts and comes back. The run ends here; whoever sees the bus opens it again and runs on.
    AwaitReturn {
        /// Wait this long in any case.
        at_least: Duration,
        /// Give up after this long more.
        at_most: Duration,
        /// If it comes back with another class than this, the next two steps are left out: it did not take the request.
        class: Option<u8>,
    },
    /// SET_CONFIGURATION.
    SetConfiguration {
        /// bConfigurationValue; 0 unconfigures.
        value: u8,
        /// Whether a failure is ignored.
        optional: bool,
    },
    /// SET_INTERFACE.
    SetAltSetting {
        /// bInterfaceNumber.
        interface: u8,
        /// bAlternateSetting.
        alternate: u8,
    },
    /// Reset the port, again while it fails.
    Reset {
        /// At most this often.
        tries: u8,
    },
}

impl Transfer {
    /// Whether this step changes what the stick does, other than taking it from a driver.
    pub fn touches_stick(&self) -> bool {
        matches!(
            self,
            Transfer::Write { .. }
                | Transfer::ControlIn { .. }
                | Transfer::ControlOut { .. }
                | Transfer::SetConfiguration { .. }
                | Transfer::SetAltSetting { .. }
                | Transfer::Reset { .. }
        )
    }
}

impl fmt::Display for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let setup_text = |s: &ControlSetup| {
            format!("{:02x} {:02x} {:04x} {:04x}", s.request_type, s.request, s.value, s.index)
        };
        match self {
            Transfer::Detach { interface } => write!(f, "detach the driver of interface {interface}"),
            Transfer::Claim { interface } => write!(f, "claim interface {interface}"),
            Transfer::Release { interface } => write!(f, "release interface {interface}"),
            Transfer::Write { endpoint, data, .. } => {
                write!(f, "send to endpoint {endpoint:02x}: {}", hex::encode(data))?;
                CommandBlock::parse(data).map_or(Ok(()), |c| write!(f, " ({})", c.words()))
            }
            Transfer::Read { endpoint, length, .. } => {
                write!(f, "read {length} bytes from endpoint {endpoint:02x}")
            }
            Transfer::ReadData { endpoint, length } => {
                write!(f, "read {length} bytes of data from endpoint {endpoint:02x}")
            }
            Transfer::ReadStatus { endpoint, .. } => {
                write!(f, "read the status from endpoint {endpoint:02x}")
            }
            Transfer::ControlIn { setup, length, .. } => {
                write!(f, "control request {}, {length} bytes in", setup_text(setup))
            }
            Transfer::ControlOut { setup, data, .. } if data.is_empty() => {
                write!(f, "control request {}, no data", setup_text(setup))
            }
            Transfer::ControlOut { setup, data, .. } => {
                write!(f, "control request {}, data {}", setup_text(setup), hex::encode(data))
            }
            Transfer::ClearHalt { endpoint } => write!(f, "clear the halt of endpoint {endpoint:02x}"),
            Transfer::Wait { time } => {
                // In 64 bits: what prints 128 of them is not in a router's program otherwise.
                let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
                write!(f, "wait {ms} ms")
            }
            Transfer::AwaitReturn { at_least, at_most, .. } => write!(
                f,
                "wait {} s, then up to {} s for the stick to come back",
                at_least.as_secs(),
                at_most.as_secs()
            ),
            Transfer::SetConfiguration { value, .. } => write!(f, "set configuration {value}"),
            Transfer::SetAltSetting { interface, alternate } => {
                write!(f, "set alternate setting {alternate} of interface {interface}")
            }
            Transfer::Reset { .. } => f.write_str("reset the port"),
        }
    }
}

/// What the steps are addressed to.
pub(crate) struct Address {
    pub(crate) interface: u8,
    pub(crate) interfaces: u8,
    pub(crate) message_endpoint: Option<u8>,
    pub(crate) response_endpoint: Option<u8>,
}

impl Address {
    /// Both endpoints, for methods that send messages.
    pub(crate) fn endpoints(&self) -> Result<(u8, u8)> {
        match (self.message_endpoint, self.response_endpoint) {
            (Some(out @ ..0x80), Some(response)) => Ok((out, response)),
            _ => Err(Error::new(
                ErrorKind::WrongInterface,
                "the interface or the profile lacks a bulk endpoint in one direction",
            )
            .with("interface", self.interface)),
        }
    }
}

/// Makes the sequence for an entry on the stick that shows `view` (docs/protocols/mode-switch.md sections 2.2 to 2.4).
///
/// # Errors
/// `WrongInterface` when storage commands would go to something that is no storage, or an interface or endpoint is missing;
/// `Usage` when the entry asks for more than one method; `Unsupported` for MBIM on a stick that has no such configuration;
/// `UnexpectedAnswer` when the descriptors make no sense.
pub fn sequence(parameters: &Parameters, view: &View) -> Result<Sequence> {
    let p = parameters;
    let (interfaces, first) = view.interfaces()?;
    let interface = p.interface.unwrap_or(first);
    let endpoint = |given: Option<u8>, direction: u8| {
        let bulk = |e: &&crate::wire::usb::EndpointDescriptor| e.kind() == 2 && e.address & 0x80 == direction;
        // usb_modeswitch takes a given 0 as "look yourself".
        match given.filter(|n| *n != 0) {
            Some(given) => Ok::<_, Error>(Some(given)),
            None => Ok(view.interface(interface)?.endpoints.iter().find(bulk).map(|e| e.address)),
        }
    };
    let to = Address {
        interface,
        interfaces,
        message_endpoint: endpoint(p.message_endpoint, 0x00)?,
        response_endpoint: endpoint(p.response_endpoint, 0x80)?,
    };

    let mut sequence = Sequence::default();
    let modes: Vec<Method> = p.methods_on().filter(|m| *m != Method::StandardEject).collect();
    let pantech = p.pantech.filter(|n| *n > 0);
    let named = modes.len() + usize::from(pantech.is_some());
    if named > 1 {
        let names: Vec<&str> = modes.iter().map(|m| m.name()).collect();
        return Err(Error::new(ErrorKind::Usage, "the profile asks for more than one method at once")
            .with("methods", names.join(", ")));
    }
    let mut raw: Vec<&[u8]> = p.messages().collect();
    let mut eject = p.has(Method::StandardEject);
    if named == 1 && (eject || !raw.is_empty()) {
        sequence.remarks.push("messages and eject are left out: the profile names a method".to_owned());
        eject = false;
        raw.clear();
    }
    if p.messages[0].is_empty() && !raw.is_empty() {
        sequence.remarks.push("a second message without a first is left out".to_owned());
        raw.clear();
    }
    if eject && raw.len() > 1 {
        sequence.remarks.push("eject takes one message with it, the others are left out".to_owned());
        raw.truncate(1);
    }
    let storage = eject
        || modes.iter().any(|m| m.is_storage_command())
        || raw.first().is_some_and(|m| m.starts_with(&CommandBlock::SIGNATURE));
    if storage {
        if to.response_endpoint.is_some_and(|n| n < 0x80) {
            return Err(Error::new(ErrorKind::WrongInterface, "ResponseEndpoint is of the other direction"));
        }
        let class = view.effective_class(interface)?;
        if class != 0x08 {
            return Err(Error::new(
                ErrorKind::WrongInterface,
                "storage commands need a storage interface, and this is not one",
            )
            .with("interface", interface)
            .with("class", format!("{class:02x}")));
        }
    }

    let wait = p.wait_before_s.filter(|s| *s > 0);
    sequence.transfers.extend(wait.map(|s| Transfer::Wait { time: Duration::from_secs(s.into()) }));
    if let Some(method) = modes.first() {
        methods::named(&mut sequence.transfers, *method, p, &to)?;
    }
    if let Some(value) = pantech {
        methods::pantech(&mut sequence.transfers, value, &to);
    }
    if let Some(setup) = p.control_message.filter(|_| named == 0) {
        methods::control_message(&mut sequence.transfers, setup);
    }
    if eject {
        let all = Method::StandardEject.commands().iter().map(|m| m.as_slice()).chain(raw);
        methods::send(&mut sequence.transfers, all, p, &to)?;
    } else if !raw.is_empty() {
        methods::send(&mut sequence.transfers, raw.into_iter(), p, &to)?;
    }

    let configuration =
        if p.mbim == Some(true) {
            let found = mbim::configuration(&view.configurations);
            Some(found.ok_or_else(|| {
                Error::new(ErrorKind::Unsupported, "the stick has no configuration with MBIM")
            })?)
        } else {
            p.configuration.filter(|n| *n > 0)
        };
    if let Some(value) = configuration {
        if value == view.active {
            sequence.already_active = Some(value);
            return Ok(sequence);
        }
        methods::set_configuration(&mut sequence.transfers, value, &to);
    }
    if let Some(alternate) = p.alt_setting {
        // An interface that a driver holds cannot be claimed; after a method, no driver holds it any more, until a configuration is set.
        if configuration.is_some() || !sequence.transfers.iter().any(|t| matches!(t, Transfer::Detach { .. }))
        {
            sequence.transfers.push(Transfer::Detach { interface });
        }
        sequence.transfers.extend([
            Transfer::Claim { interface },
            Transfer::SetAltSetting { interface, alternate },
            Transfer::Release { interface },
        ]);
    }
    if p.reset_usb == Some(true) {
        sequence
            .transfers
            .extend([Transfer::Wait { time: Duration::from_secs(1) }, Transfer::Reset { tries: 101 }]);
    }
    Ok(sequence)
}

#[cfg(test)]
mod tests;
