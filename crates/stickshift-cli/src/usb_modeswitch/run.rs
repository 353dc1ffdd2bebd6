//! The program's order of work.

use std::cell::RefCell;
use std::io::Write;
use std::time::Duration;

use stickshift::clean;
use stickshift::error::{Detail, Error, ErrorKind, Result, Verdict};
use stickshift::event::{Cancel, Event, Session};
use stickshift::link::Bus;
use stickshift::mask;
use stickshift::profile::formats::usb_modeswitch::assignments;
use stickshift::profile::{Catalogue, Method};
use stickshift::stick::{Stick, UsbId};
use stickshift::switch::{View, mbim};
use stickshift::switching::{self, Goal, MediumConsent, Prepared};

use super::check::{Check, bus_number, default_devices, has_target, targets};
use super::command_line::{CommandLine, Source};
use super::lines;
use super::parse::parse_arguments;
use super::usage::{VERSION, usage};

/// Exit code of this program for wrong usage and for devices that cannot be used. Everything else is 0, and scripts read the lines.
const FAILED: u8 = 1;
const DONE: u8 = 0;

/// What the program is given besides its arguments.
pub(crate) struct Environment<'a> {
    /// Opens the bus.
    pub(crate) open: &'a mut dyn FnMut() -> Result<Box<dyn Bus>>,
    /// Reads a config text.
    pub(crate) read: &'a mut dyn FnMut(&Source) -> Result<String>,
    /// Writes to the system's log.
    pub(crate) notice: &'a mut dyn FnMut(&str),
    pub(crate) cancel: &'a Cancel,
}

/// Runs with these arguments, without the program's name. Gives the exit code.
pub(crate) fn run(
    arguments: &[String],
    environment: Environment<'_>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let mut voice = Voice { out, err, quiet: false };
    let request = match parse_arguments(arguments, environment.read) {
        Ok(request) => request,
        Err(error) => {
            voice.error(&error);
            // An option that is none, or one without its value: the others may help.
            if error.has(&Detail::BadOption) {
                voice.result(&usage());
            }
            return FAILED;
        }
    };
    voice.quiet = request.quiet;
    if request.help {
        voice.result(&usage());
        if arguments.is_empty() {
            voice.result(VERSION);
        }
        return if arguments.is_empty() { FAILED } else { DONE };
    }
    if request.version {
        voice.result(VERSION);
        return DONE;
    }
    let Ok(id) = request.id() else {
        voice.failure("No default vendor/product ID given. Abort");
        return FAILED;
    };
    let mut bus = match (environment.open)() {
        Ok(bus) => bus,
        Err(error) => {
            voice.error(&error);
            return FAILED;
        }
    };
    let voice = RefCell::new(voice);
    let job = Job { request: &request, id, voice: &voice, cancel: environment.cancel };
    let code =
        if request.find_mbim { job.find_mbim(&mut *bus) } else { job.switch(&mut *bus, environment.notice) };
    code.unwrap_or_else(|error| {
        voice.borrow_mut().error(&error);
        FAILED
    })
}

struct Voice<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    quiet: bool,
}

impl Voice<'_> {
    /// What happens, for people. A closed pipe is no reason to leave a stick half switched.
    fn say(&mut self, line: &str) {
        if !self.quiet {
            let _ = writeln!(self.out, "{}", clean::lines(line));
        }
    }

    /// What scripts read.
    fn result(&mut self, line: &str) {
        let _ = writeln!(self.out, "{}", clean::lines(line)).and_then(|()| self.out.flush());
    }

    /// A failure is said also by `-Q`: the exit code does not tell it.
    fn failure(&mut self, line: &str) {
        let _ = writeln!(self.err, "{}", clean::line(line));
    }

    fn error(&mut self, error: &Error) {
        self.failure(&format!("Error: {error}. Abort"));
    }
}

struct Job<'a, 'b> {
    request: &'a CommandLine,
    id: UsbId,
    voice: &'a RefCell<Voice<'b>>,
    cancel: &'a Cancel,
}

impl Job<'_, '_> {
    fn say(&self, line: &str) {
        self.voice.borrow_mut().say(line);
    }

    fn result(&self, line: &str) {
        self.voice.borrow_mut().result(line);
    }

    fn find_mbim(&self, bus: &mut dyn Bus) -> Result<u8> {
        self.say("Search USB devices ...");
        let Some(stick) = default_devices(bus, self.request, self.id)?.pop() else {
            self.result("0");
            return Ok(DONE);
        };
        self.say("Found device, search for MBIM configuration...");
        let view = View::of(bus.open_usb(&stick.place)?.as_mut())?;
        match mbim::configuration(&view.configurations) {
            Some(number) => self.result(&number.to_string()),
            None => self.result("-1"),
        }
        Ok(DONE)
    }

    fn switch(&self, bus: &mut dyn Bus, notice: &mut dyn FnMut(&str)) -> Result<u8> {
        let p = &self.request.parameters;
        self.introduce();
        let mut targets_before = 0;
        if self.request.device.is_none() && has_target(p) {
            self.say("Look for target devices ...");
            targets_before = targets(bus, p, self.id)?;
            self.say(&match targets_before {
                0 => " No devices in target mode or class found".to_owned(),
                n => format!(" Found devices in target mode or class ({n})"),
            });
        }
        self.say("Look for default devices ...");
        let mut found = default_devices(bus, self.request, self.id)?;
        let count = found.len();
        // Of several the last one is switched, as it always was.
        let Some(stick) = found.pop() else {
            self.say(&format!(" {}\n", lines::NO_DEVICE));
            return Ok(DONE);
        };
        self.say(&format!(" Found devices in default mode ({count})"));
        let address = bus.address(&stick.place)?;
        let (on_bus, number) = (bus_number(&stick).unwrap_or(0), address.unwrap_or(0));
        self.say(&format!("Access device {number:03} on bus {on_bus:03}"));
        self.describe(&stick);

        let mut prepared = match self.prepare(bus, &stick)? {
            Ok(prepared) => prepared,
            Err(code) => return Ok(code),
        };
        for remark in &prepared.sequence.remarks {
            self.say(&format!("Warning: {}", clean::line(remark)));
        }
        if prepared.sequence.transfers.is_empty() && prepared.sequence.already_active.is_none() {
            self.say("Warning: no switching method given. See documentation");
        }
        if self.request.sysmode {
            notice(&format!("switch device {} on {on_bus:03}/{number:03}", self.id));
        }
        // The real program does not look. A medium that is known to be mounted is not taken away here either.
        prepared.consent = MediumConsent::NotKnown;
        let already_active = prepared.sequence.already_active;
        let sent = self.send(bus, prepared);
        if let Some(configuration) = already_active.filter(|_| sent) {
            self.say(&format!("{}. Bye!\n", lines::already_active(configuration)));
            return Ok(DONE);
        }
        let check = Check { before: stick, address, targets: targets_before };
        self.conclude(bus, sent, &check)?;
        Ok(DONE)
    }

    /// What `-W` adds: the parameters as they were understood.
    fn introduce(&self) {
        for warning in &self.request.warnings {
            self.say(&format!("Warning: {}", clean::line(warning)));
        }
        if self.request.verbose {
            self.say(VERSION);
            self.say(&format!(
                "DefaultVendor=0x{:04x}\nDefaultProduct=0x{:04x}",
                self.id.vendor, self.id.product
            ));
            self.say(&assignments(&self.request.parameters));
        }
        if let (Some(bus), Some(device)) = (self.request.bus, self.request.device) {
            self.say(&format!("Use given bus/device number: {bus:03}/{device:03} ..."));
        }
    }

    fn describe(&self, stick: &Stick) {
        self.say(&format!("Current configuration number is {}", stick.configuration));
        if self.request.verbose {
            let text = |text: &Option<String>| match text {
                Some(text) => clean::line(&mask::name(text)).into_owned(),
                None => "not provided".to_owned(),
            };
            self.say(&format!(
                "\nUSB description data (for identification)\n-------------------------\n\
                 Manufacturer: {}\n     Product: {}\n  Serial No.: {}\n-------------------------",
                text(&stick.manufacturer),
                text(&stick.product),
                text(&stick.serial.as_deref().map(mask::identity))
            ));
        }
    }

    /// The plan; or the exit code, where there is nothing to do or it cannot be done.
    fn prepare(&self, bus: &mut dyn Bus, stick: &Stick) -> Result<std::result::Result<Prepared, u8>> {
        let request = switching::SwitchRequest {
            catalogue: &Catalogue::builtin(),
            profile: Some(self.request.parameters.clone()),
            goal: Goal::Usual,
        };
        match switching::prepare(bus, stick, &request, &mut self.session()) {
            Ok(prepared) => Ok(Ok(prepared)),
            Err(error) if error.is(ErrorKind::AlreadySwitched) => {
                let active = self.request.parameters.configuration == Some(stick.configuration);
                self.say(&match active {
                    true => format!("{}. Bye!\n", lines::already_active(stick.configuration)),
                    false => format!(" {}\n", lines::NO_DEVICE),
                });
                Ok(Err(DONE))
            }
            Err(error) => Err(error),
        }
    }

    /// Whether anything was sent. What went wrong is said.
    fn send(&self, bus: &mut dyn Bus, prepared: Prepared) -> bool {
        let sent = match switching::send(bus, prepared, &mut self.session()) {
            Ok(sent) => sent,
            // After the first byte the check tells what came of it.
            Err(error) => {
                let sent = error.verdict() != Some(Verdict::Untouched);
                let then = if sent { "" } else { ". Skip message sending" };
                self.voice.borrow_mut().failure(&format!("Error: {error}{then}"));
                return sent;
            }
        };
        for what in sent.observations {
            self.say(&format!(" {}", clean::line(&what)));
        }
        if let Some(error) = sent.refused {
            self.voice.borrow_mut().failure(&format!("Error: {error}"));
        }
        true
    }

    fn conclude(&self, bus: &mut dyn Bus, sent: bool, check: &Check) -> Result<()> {
        let p = &self.request.parameters;
        let script = |line: &str| {
            if self.request.sysmode {
                self.result(line);
            }
        };
        if !sent {
            script(lines::FAIL);
            self.say(&format!("\n{}\n", lines::FAILED));
            return Ok(());
        }
        if self.request.device.is_some() && self.request.sysmode {
            script(lines::OK_BUSDEV);
            return Ok(());
        }
        let sony = p.has(Method::Sony);
        let Some(seconds) = p.check_success_s.filter(|s| *s > 0) else {
            if sony {
                script(lines::OK);
                self.say("-> device should be stable now. Bye!\n");
            } else {
                self.say(&format!("{}\n", lines::RUN_LSUSB));
            }
            return Ok(());
        };
        if !has_target(p) {
            self.say("Note: No target parameter given; success check limited");
        }
        self.say(&format!("\nCheck for mode switch (at most {seconds} s) ..."));
        let switched = check.wait(bus, p, Duration::from_secs(seconds.into()), self.cancel)?;
        let line = match (switched, has_target(p)) {
            (true, true) => lines::SUCCEEDED,
            (true, false) => lines::MOST_LIKELY_SUCCEEDED,
            (false, true) => lines::FAILED,
            (false, false) => lines::MOST_LIKELY_FAILED,
        };
        self.say(&format!("\n{line}\n"));
        match switched {
            false => script(lines::FAIL),
            true if sony || p.no_driver_loading == Some(true) => script(lines::OK),
            true => script(lines::OK_NO_DATA),
        }
        Ok(())
    }

    /// A session that tells every transfer.
    fn session(&self) -> Session<'_> {
        let sink = |event| match event {
            Event::Step { text, .. } => self.say(&sentence(&clean::line(&text))),
            Event::Note { text, .. } | Event::Warning { text, .. } => {
                self.say(&format!(" {}", clean::line(&text)))
            }
            _ => {}
        };
        Session::new(sink, self.cancel.clone())
    }
}

/// With a capital letter, as this program speaks.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
