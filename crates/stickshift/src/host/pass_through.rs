//! SCSI commands to a stick whose storage driver stays bound: some systems take commands for a drive in place of the transfers that carry them.
//!
//! [`PassThroughLink`] is a USB device whose storage interface is reached that way, so that the switching dialogue sends its messages as ever. A
//! message must be a command block wrapper then; the driver writes a tag of its own into it and reads the status.

use std::collections::VecDeque;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::link::{ControlSetup, Moment, UsbLink};
use crate::wire::scsi::{CommandBlock, CommandStatus};
use crate::wire::usb::ConfigurationDescriptor;

/// bInterfaceClass of storage.
const STORAGE: u8 = 0x08;
/// No switching message moves more; drivers refuse much more anyway.
const MOST_DATA: u32 = 64 * 1024;
/// SCSI status GOOD.
const GOOD: u8 = 0;

/// The data phase of a command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Payload<'a> {
    /// There is none.
    None,
    /// The device sends.
    In(&'a mut [u8]),
    /// The device receives.
    Out(&'a [u8]),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Executed {
    /// SCSI status.
    pub(crate) status: u8,
    /// How many bytes of data moved.
    pub(crate) moved: usize,
}

/// One unit of a drive, as the system's storage driver serves it.
pub(crate) trait ScsiUnit: Send {
    /// Carries out a command; `cdb` has 1 to 16 bytes.
    ///
    /// # Errors
    /// `Disconnected` when the device left, `Timeout`, `PermissionDenied`, `Io`.
    fn execute(&mut self, cdb: &[u8], payload: Payload<'_>, timeout: Duration) -> Result<Executed>;
}

/// Opens the drive that the storage driver made of an interface.
pub(crate) type OpenUnit = Box<dyn FnMut(u8) -> Result<Box<dyn ScsiUnit>> + Send>;

/// The bulk-only transport as a dialogue speaks it, over a unit that takes whole commands.
struct BulkOnly {
    unit: Box<dyn ScsiUnit>,
    /// A command whose data has not been written yet.
    waiting: Option<CommandBlock>,
    /// What the dialogue has still to read.
    answers: VecDeque<Vec<u8>>,
}

impl BulkOnly {
    fn write(&mut self, bytes: &[u8], timeout: Duration) -> Result<()> {
        if let Some(command) = self.waiting.take() {
            return self.execute(&command, bytes, timeout);
        }
        let Some(command) = CommandBlock::parse(bytes) else {
            let what = "the system's storage driver passes SCSI commands only, and this message is none";
            return Err(Error::new(ErrorKind::Unsupported, what));
        };
        if command.lun & 0x0f != 0 || command.data_length > MOST_DATA {
            let what =
                "the system's storage driver does not pass this command: its unit or its length of data";
            return Err(Error::new(ErrorKind::Unsupported, what));
        }
        self.answers.clear();
        if command.data_length > 0 && !command.wants_data() {
            self.waiting = Some(command);
            return Ok(());
        }
        self.execute(&command, &[], timeout)
    }

    fn execute(&mut self, command: &CommandBlock, out: &[u8], timeout: Duration) -> Result<()> {
        let mut input = vec![0; if command.wants_data() { command.data_length as usize } else { 0 }];
        let payload = match (input.is_empty(), out.is_empty()) {
            (false, _) => Payload::In(&mut input),
            (true, false) => Payload::Out(out),
            (true, true) => Payload::None,
        };
        let done = self.unit.execute(cdb(command), payload, timeout)?;
        input.truncate(done.moved);
        if !input.is_empty() {
            self.answers.push_back(input);
        }
        let moved = u32::try_from(done.moved).unwrap_or(u32::MAX);
        let status = CommandStatus {
            tag: command.tag,
            residue: command.data_length.saturating_sub(moved),
            status: u8::from(done.status != GOOD),
        };
        self.answers.push_back(status.encode().to_vec());
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> Result<usize> {
        // A command that announced data which never came: it went out as one without.
        if let Some(command) = self.waiting.take() {
            self.execute(&command, &[], timeout)?;
        }
        let Some(mut answer) = self.answers.pop_front() else {
            return Err(Error::new(ErrorKind::Timeout, "the stick has nothing more to say"));
        };
        let n = answer.len().min(buffer.len());
        buffer[..n].copy_from_slice(&answer[..n]);
        let rest = answer.split_off(n);
        if !rest.is_empty() {
            self.answers.push_front(rest);
        }
        Ok(n)
    }
}

/// The command without its padding. Huawei's messages state no length; it is then what the group of the command has, or more where more bytes
/// are set.
fn cdb(command: &CommandBlock) -> &[u8] {
    let stated = usize::from(command.cdb_length & 0x1f);
    if (1..=16).contains(&stated) {
        return &command.cdb[..stated];
    }
    let used = command.cdb.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let by_group = match command.cdb[0] >> 5 {
        0 => 6,
        1 | 2 => 10,
        5 => 12,
        _ => 16,
    };
    let length = [6, 10, 12, 16].into_iter().find(|length| *length >= used.max(by_group)).unwrap_or(16);
    &command.cdb[..length]
}

/// A USB device whose storage interface is served by the system's storage driver where it cannot be claimed.
pub(crate) struct PassThroughLink {
    usb: Box<dyn UsbLink>,
    open: OpenUnit,
    /// The interface that is passed through, its endpoints, and the drive.
    drive: Option<(u8, Vec<u8>, BulkOnly)>,
}

impl PassThroughLink {
    pub(crate) fn new(usb: Box<dyn UsbLink>, open: OpenUnit) -> PassThroughLink {
        PassThroughLink { usb, open, drive: None }
    }

    /// The endpoints of an interface when it is one of storage.
    fn storage(&mut self, interface: u8) -> Result<Option<Vec<u8>>> {
        let active = self.usb.active_configuration()?;
        let configurations = self.usb.configurations().iter();
        let mut configurations =
            configurations.filter_map(|bytes| ConfigurationDescriptor::parse(bytes).ok());
        let found = configurations.find(|c| c.value == active);
        let shown = found
            .and_then(|c| c.interfaces.into_iter().find(|i| i.number == interface && i.class[0] == STORAGE));
        Ok(shown.map(|i| i.endpoints.iter().map(|e| e.address).collect()))
    }

    fn drive(&mut self, endpoint: u8) -> Option<&mut BulkOnly> {
        let (_, endpoints, drive) = self.drive.as_mut()?;
        endpoints.contains(&endpoint).then_some(drive)
    }
}

impl UsbLink for PassThroughLink {
    fn device_descriptor(&self) -> &[u8] {
        self.usb.device_descriptor()
    }

    fn configurations(&self) -> &[Vec<u8>] {
        self.usb.configurations()
    }

    fn active_configuration(&mut self) -> Result<u8> {
        self.usb.active_configuration()
    }

    fn detach_kernel_driver(&mut self, interface: u8) -> Result<bool> {
        self.usb.detach_kernel_driver(interface)
    }

    fn claim(&mut self, interface: u8) -> Result<()> {
        let refused = match self.usb.claim(interface) {
            Err(error) if !error.is(ErrorKind::Disconnected) => error,
            other => return other,
        };
        let Some(endpoints) = self.storage(interface)? else { return Err(refused) };
        let unit = (self.open)(interface)?;
        let drive = BulkOnly { unit, waiting: None, answers: VecDeque::new() };
        self.drive = Some((interface, endpoints, drive));
        Ok(())
    }

    fn release(&mut self, interface: u8) -> Result<()> {
        if self.drive.as_ref().is_some_and(|(number, ..)| *number == interface) {
            self.drive = None;
            return Ok(());
        }
        self.usb.release(interface)
    }

    fn control_in(&mut self, setup: ControlSetup, buffer: &mut [u8], timeout: Duration) -> Result<usize> {
        self.usb.control_in(setup, buffer, timeout)
    }

    fn control_out(&mut self, setup: ControlSetup, data: &[u8], timeout: Duration) -> Result<()> {
        self.usb.control_out(setup, data, timeout)
    }

    fn write(&mut self, endpoint: u8, data: &[u8], timeout: Duration) -> Result<()> {
        match self.drive(endpoint) {
            Some(drive) => drive.write(data, timeout),
            None => self.usb.write(endpoint, data, timeout),
        }
    }

    fn read(&mut self, endpoint: u8, buffer: &mut [u8], timeout: Duration) -> Result<usize> {
        match self.drive(endpoint) {
            Some(drive) => drive.read(buffer, timeout),
            None => self.usb.read(endpoint, buffer, timeout),
        }
    }

    fn clear_halt(&mut self, endpoint: u8) -> Result<()> {
        // The storage driver clears halts itself.
        match self.drive(endpoint) {
            Some(_) => Ok(()),
            None => self.usb.clear_halt(endpoint),
        }
    }

    fn set_configuration(&mut self, value: u8) -> Result<()> {
        self.usb.set_configuration(value)
    }

    fn set_alt_setting(&mut self, interface: u8, alternate: u8) -> Result<()> {
        self.usb.set_alt_setting(interface, alternate)
    }

    fn reset(&mut self) -> Result<()> {
        self.usb.reset()
    }

    fn now(&self) -> Moment {
        self.usb.now()
    }

    fn sleep(&mut self, time: Duration) {
        self.usb.sleep(time);
    }
}

#[cfg(test)]
mod tests;
