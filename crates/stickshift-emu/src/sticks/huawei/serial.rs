//! What the host writes to the stick's serial ports, and what goes wrong on the way.

use std::time::Duration;

use stickshift::link::Moment;

use crate::at::ports::AtPorts;
use crate::at::{AtEffect, PortAnswer};
use crate::fault::{Channel, Cut, FaultKind, StepFaults, spoil};
use crate::firmware::boot_rom::{self, BootRom};
use crate::firmware::download::{DownloadEffect, DownloadMode, DownloadReply, DownloadRequest};
use crate::firmware::loader::{self, LoaderFate};
use crate::sticks::huawei::{HuaweiStick, Program, Start, Transition};

impl HuaweiStick {
    /// The stick has acted: its answer goes out, spoilt as the step wants it. `false` when power is gone.
    fn deliver(
        &mut self,
        now: Moment,
        interface: u8,
        mut bytes: Vec<u8>,
        after: Duration,
        step: &StepFaults,
    ) -> bool {
        if let Some(Cut::PowerLost(back)) = step.cut {
            self.cut(now, Some(back));
            return false;
        }
        if step.muted {
            bytes.clear();
        }
        if let Some(random) = step.garble {
            let first = usize::from(bytes.len() > 1);
            spoil(&mut bytes, first, random);
        }
        if step.duplicate {
            bytes.extend_from_within(..);
        }
        if !step.before.is_empty() {
            bytes.splice(..0, step.before.iter().copied());
        }
        let due = now + after + step.delay;
        if step.split {
            for (index, piece) in bytes.chunks(3).enumerate() {
                let due = due + Duration::from_millis(20) * index as u32;
                self.outbox.put(interface, due, piece.to_vec());
            }
        } else {
            self.outbox.put(interface, due, bytes);
        }
        true
    }

    pub(super) fn boot_rom_writes(&mut self, now: Moment, rom: &mut BootRom, bytes: &[u8]) -> bool {
        rom.push(bytes);
        while let Some(mut packet) = rom.next_packet() {
            let Some(mut step) = self.step(now, Channel::Serial) else { return false };
            for &byte in &step.noise {
                let _ = rom.answer(&[byte]);
                step.before.push(boot_rom::REFUSED);
            }
            if step.dropped {
                packet.clear();
            } else if let Some(random) = step.corrupt {
                let first = usize::from(packet.len() > 1);
                spoil(&mut packet, first, random);
            }
            let mut answer = Vec::new();
            let mut after = Duration::ZERO;
            if step.nak.is_some() {
                answer.push(boot_rom::REFUSED);
            } else if !packet.is_empty() {
                let accepted = rom.answer(&packet).is_ok();
                answer.push(if accepted { boot_rom::ACCEPTED } else { boot_rom::REFUSED });
                if accepted && rom.is_finished() {
                    self.loader_starts(now, rom);
                } else if accepted && packet.first() == Some(&0xed) && rom.raminit_ran() {
                    after = self.timing().raminit;
                }
            }
            if !self.deliver(now, 0, answer, after, &step) {
                return false;
            }
        }
        true
    }

    fn loader_starts(&mut self, now: Moment, rom: &BootRom) {
        self.loaded = rom.blocks().to_vec();
        let mut fate = loader::start(&self.loaded);
        if self.has(FaultKind::LoaderDead) {
            fate = LoaderFate::Dead("as asked for");
        }
        let start = match fate {
            LoaderFate::Dead(_) => Start::Nothing,
            LoaderFate::Fastboot => Start::Fastboot,
            LoaderFate::Download { erased } => {
                if erased {
                    self.flash.erase();
                    self.nv_intact = false;
                }
                Start::Loader
            }
        };
        // Long enough for the last answer to get out.
        let (time, off) = (Duration::from_millis(300), self.timing().loader);
        self.change = Some((now + time, Transition::Leave(start, off)));
    }

    pub(super) fn download_writes(
        &mut self,
        now: Moment,
        dload: &mut DownloadMode,
        interface: u8,
        bytes: &[u8],
    ) -> bool {
        dload.push(bytes);
        while let Some(mut request) = dload.next_request() {
            let Some(mut step) = self.step(now, Channel::Serial) else { return false };
            if !step.noise.is_empty() {
                let noise = dload.answer(&DownloadRequest::At(step.noise.clone()), &mut self.flash);
                step.before.extend_from_slice(&noise.bytes);
            }
            if let Some(random) = step.corrupt {
                match &mut request {
                    DownloadRequest::At(text) => spoil(text, 0, random),
                    frame => *frame = DownloadRequest::BadFrame,
                }
            }
            let reply = match step.nak {
                Some(code) => dload.refuse(code),
                None if step.dropped => DownloadReply::default(),
                None => dload.answer(&request, &mut self.flash),
            };
            self.written |= dload.open_partition().is_some();
            let start = if reply.then == DownloadEffect::Restart { Start::Download } else { Start::Firmware };
            match reply.then {
                DownloadEffect::Nothing => {}
                DownloadEffect::Reset => {
                    self.leaves_after(now, self.timing().reset, start, self.timing().off_bus);
                }
                DownloadEffect::Restart => {
                    self.leaves_after(now, Duration::from_millis(50), start, self.timing().boot);
                }
            }
            if !self.deliver(now, interface, reply.bytes, reply.after, &step) {
                return false;
            }
        }
        true
    }

    pub(super) fn at_writes(
        &mut self,
        now: Moment,
        ports: &mut AtPorts,
        interface: u8,
        bytes: &[u8],
    ) -> bool {
        if self.has(FaultKind::LatePort) && now < self.appeared + Duration::from_secs(1) {
            return true;
        }
        if self.has(FaultKind::MuteChannel) && self.has_channel(|number| number == interface) {
            return true;
        }
        if self.has(FaultKind::MutePort) && ports.are_several() && self.pcui() == Some(interface) {
            return true;
        }
        let Some(at) = ports.get_mut(interface) else { return true };
        at.push(bytes);
        let identity = self.identity();
        let mut later = Vec::new();
        while let Some(mut command) = at.next_command() {
            let Some(mut step) = self.step(now, Channel::Serial) else { return false };
            if !step.noise.is_empty() {
                let noise = step.noise.trim_ascii_end().to_vec();
                step.before.extend_from_slice(&at.answer(&noise, &identity, &mut self.modem, now).bytes);
            }
            if let Some(random) = step.corrupt {
                spoil(&mut command, 0, random);
            }
            let mut answer = if step.dropped {
                PortAnswer::default()
            } else if step.nak.is_some() {
                PortAnswer { bytes: b"\r\nERROR\r\n".to_vec(), ..PortAnswer::default() }
            } else {
                at.answer(&command, &identity, &mut self.modem, now)
            };
            if step.inside {
                unasked_inside(&mut answer.bytes);
            }
            if step.stolen {
                // Another program reads the same port, and gets every other byte.
                answer.bytes = answer.bytes.into_iter().step_by(2).collect();
            }
            match answer.then {
                AtEffect::Nothing => {}
                AtEffect::Reset => {
                    self.leaves_after(now, self.timing().reset, Start::Firmware, self.timing().off_bus);
                }
                AtEffect::Download if matches!(self.change, Some((_, Transition::Leave(..)))) => {
                    // A second request to go into download mode crashes the stick.
                    self.running = Program::Hung;
                    self.change = None;
                    return false;
                }
                AtEffect::Download => {
                    let time = self.timing().to_download;
                    self.leaves_after(now, time, Start::Download, self.timing().boot);
                }
            }
            let due = now + answer.after;
            later.extend(answer.later.into_iter().map(|(after, line)| (due + after, line)));
            if !self.deliver(now, interface, answer.bytes, answer.after, &step) {
                return false;
            }
        }
        for (due, line) in later {
            ports.say(due, interface, line);
        }
        true
    }
}

/// Something unasked for between the lines of an answer, ended as only such lines are.
fn unasked_inside(bytes: &mut Vec<u8>) {
    let ends = memchr::memmem::find_iter(bytes.as_slice(), b"\r\n").map(|at| at + 2).collect::<Vec<_>>();
    let Some(&at) = ends.get(ends.len() / 2) else { return };
    bytes.splice(at..at, *b"\r\n^RSSILVL:60\r\r\n");
}
