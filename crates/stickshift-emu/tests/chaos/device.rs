//! The virtual stick's side of the line, on a clock of its own.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stickshift::error::{Error, ErrorKind, Result};
use stickshift::link::{ByteLink, Moment};
use stickshift_emu::firmware::boot_rom::{ACCEPTED, BootRom, REFUSED};
use stickshift_emu::firmware::download::{DownloadEffect, DownloadMode};
use stickshift_emu::firmware::memory::Flash;

/// How long an answer takes.
const ANSWER: Duration = Duration::from_micros(300);
/// From the start of a loader, or a reset, to the end of the port.
const LEAVES: Duration = Duration::from_millis(20);

/// What stands behind the port.
pub(crate) enum Device {
    BootRom(BootRom),
    Download(Box<DownloadMode>, Box<Flash>),
}

/// The port of a device, which the test looks into.
#[derive(Clone)]
pub(crate) struct DevicePort(Arc<Mutex<State>>);

struct State {
    device: Device,
    now: Moment,
    /// When something came last.
    taken: Moment,
    answers: VecDeque<(Moment, Vec<u8>)>,
    leaves: Option<Moment>,
}

impl DevicePort {
    pub(crate) fn new(device: Device) -> Self {
        DevicePort(Arc::new(Mutex::new(State {
            device,
            now: Moment::ZERO,
            taken: Moment::ZERO,
            answers: VecDeque::new(),
            leaves: None,
        })))
    }

    pub(crate) fn look<T>(&self, look: impl FnOnce(&mut Device) -> T) -> T {
        look(&mut self.0.lock().unwrap().device)
    }

    pub(crate) fn has_left(&self) -> bool {
        self.0.lock().unwrap().leaves.is_some()
    }
}

impl State {
    fn answer(&mut self, bytes: Vec<u8>, after: Duration) {
        let due = self.now + ANSWER + after;
        self.answers.push_back((due, bytes));
    }

    fn take(&mut self, bytes: &[u8]) {
        match &mut self.device {
            Device::BootRom(rom) => {
                rom.was_quiet(self.now.saturating_sub(std::mem::replace(&mut self.taken, self.now)));
                rom.push(bytes);
                let mut answers = Vec::new();
                while let Some(packet) = rom.next_packet() {
                    answers.push(if rom.answer(&packet).is_ok() { ACCEPTED } else { REFUSED });
                }
                if rom.is_finished() {
                    self.leaves.get_or_insert(self.now + LEAVES);
                }
                if !answers.is_empty() {
                    self.answer(answers, Duration::ZERO);
                }
            }
            Device::Download(mode, flash) => {
                mode.push(bytes);
                let mut replies = Vec::new();
                while let Some(request) = mode.next_request() {
                    replies.push(mode.answer(&request, flash));
                }
                for reply in replies {
                    if !reply.bytes.is_empty() {
                        self.answer(reply.bytes, reply.after);
                    }
                    if reply.then != DownloadEffect::Nothing {
                        self.leaves.get_or_insert(self.now + LEAVES);
                    }
                }
            }
        }
    }

    fn gone(&self) -> Result<()> {
        match self.leaves {
            Some(leaves) if leaves <= self.now => Err(Error::new(ErrorKind::Disconnected, "the stick left")),
            _ => Ok(()),
        }
    }
}

impl ByteLink for DevicePort {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let mut state = self.0.lock().unwrap();
        state.gone()?;
        if state.leaves.is_none() {
            state.take(bytes);
        }
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> Result<usize> {
        let mut state = self.0.lock().unwrap();
        state.gone()?;
        let until = state.leaves.map_or(deadline, |leaves| leaves.min(deadline)).max(state.now);
        if state.answers.front().is_some_and(|(due, _)| *due <= until)
            && let Some((due, mut bytes)) = state.answers.pop_front()
        {
            state.now = state.now.max(due);
            let n = bytes.len().min(buffer.len());
            buffer[..n].copy_from_slice(&bytes[..n]);
            if n < bytes.len() {
                state.answers.push_front((due, bytes.split_off(n)));
            }
            return Ok(n);
        }
        state.now = until;
        state.gone()?;
        Ok(0)
    }

    fn discard_input(&mut self) -> Result<()> {
        let mut state = self.0.lock().unwrap();
        state.gone()?;
        let now = state.now;
        state.answers.retain(|(due, _)| *due > now);
        Ok(())
    }

    fn now(&self) -> Moment {
        self.0.lock().unwrap().now
    }

    fn sleep(&mut self, time: Duration) {
        self.0.lock().unwrap().now += time;
    }
}
