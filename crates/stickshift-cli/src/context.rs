//! What every verb is given: the options, the output, the bus, and the question before acting.

use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift::event::{Cancel, Event, Session};
use stickshift::host::SysBus;
use stickshift::link::{Bus, Moment, TracedBus};

use stickshift_emu::bus::{ModemManager, VirtualBus};
use stickshift_emu::catalogue;
use stickshift_emu::device::Device;

use crate::args::Global;
use crate::output::Output;

/// How long a wait for plugging lasts when nothing happens at all.
const LONG: Duration = Duration::from_secs(24 * 3600);
/// The virtual bus with nothing on it.
const NOBODY: &str = "none";
/// The fault of a computer that lets this user open no device.
const NO_ACCESS: &str = "no-access";
/// The fault of a computer whose ModemManager holds every port.
const PORT_HELD: &str = "port-held";

/// How long it takes at most until a signal is noticed.
const SHORT: Duration = Duration::from_millis(200);

pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) output: Output,
    pub(crate) cancel: Cancel,
}

impl Context {
    pub(crate) fn new(global: Global, cancel: Cancel) -> Self {
        let output = Output::new(&global);
        Context { global, output, cancel }
    }

    /// The bus that the verb works on: this computer's, or one with the virtual stick that was asked for; traced where asked.
    ///
    /// # Errors
    /// `Usage` when there is no such virtual stick, `FileUnwritable` for the trace.
    pub(crate) fn bus(&self) -> Result<Box<dyn Bus>> {
        if let Some(name) = &self.global.virtual_stick {
            return self.traced(Box::new(self.virtual_bus(name)?));
        }
        self.traced(Box::new(SysBus::open()))
    }

    /// A virtual bus with the named sticks at 1-1, 1-2 and so on, seeds and faults from the options. The faults are those of the first stick,
    /// but for those that are the computer's.
    ///
    /// # Errors
    /// `Usage` when there is no such virtual stick or the faults do not read.
    pub(crate) fn virtual_bus(&self, names: &str) -> Result<VirtualBus> {
        let bus = VirtualBus::new();
        let mut faults: Vec<&str> = self.global.fault.as_deref().unwrap_or_default().split(',').collect();
        faults.retain(|fault| match fault.trim() {
            NO_ACCESS => {
                bus.set_no_access(true);
                false
            }
            PORT_HELD => {
                bus.set_modem_manager(Some(ModemManager { keeps: LONG, ..ModemManager::default() }));
                false
            }
            fault => !fault.is_empty(),
        });
        let mut faults = Some(faults.join(",")).filter(|f| !f.is_empty());
        let names = names.split(',').map(str::trim).filter(|name| *name != NOBODY);
        for (number, name) in (1..).zip(names) {
            let seed = self.global.seed.wrapping_add(number - 1);
            let stick = catalogue::virtual_stick(name, seed, faults.take().as_deref())?;
            let place = format!("1-{number}").parse().unwrap_or_else(|()| unreachable!("a place"));
            bus.plug(&place, stick);
        }
        // It was plugged in a minute ago.
        bus.advance(Duration::from_secs(60));
        Ok(bus)
    }

    /// The named virtual stick, with its seed and faults from the options.
    ///
    /// # Errors
    /// `Usage` when there is no such virtual stick or the faults do not read.
    pub(crate) fn virtual_stick(&self, name: &str) -> Result<Box<dyn Device>> {
        catalogue::virtual_stick(name, self.global.seed, self.global.fault.as_deref())
    }

    /// The bus, with every byte written to the trace that was asked for.
    ///
    /// # Errors
    /// `FileUnwritable`.
    pub(crate) fn traced(&self, bus: Box<dyn Bus>) -> Result<Box<dyn Bus>> {
        let Some(path) = &self.global.trace else { return Ok(bus) };
        let file = File::create(path).map_err(|e| {
            Error::new(ErrorKind::FileUnwritable, format!("cannot write {}", path.display())).because(e)
        })?;
        Ok(Box::new(TracedBus::new(bus, Arc::new(Mutex::new(file)))))
    }

    /// Sleeps until something on the bus may have changed, or until `until`. `false` when somebody asked to stop.
    ///
    /// # Errors
    /// What the bus reports.
    pub(crate) fn wait_change(&self, bus: &mut dyn Bus, until: Option<Moment>) -> Result<bool> {
        while !self.cancel.is_cancelled() {
            let deadline = until.unwrap_or(bus.now() + LONG);
            if bus.wait_change(deadline)? || until.is_some_and(|until| bus.now() >= until) {
                return Ok(!self.cancel.is_cancelled());
            }
            // A signal ends the wait a moment before its handler, in another thread, raises the flag.
            let soon = (bus.now() + SHORT).min(deadline);
            if bus.wait_change(soon)? {
                return Ok(!self.cancel.is_cancelled());
            }
        }
        Ok(false)
    }

    /// A session whose events go to the output.
    pub(crate) fn session(&self) -> Session<'_> {
        Session::new(|event| self.output.event(&event), self.cancel.clone())
    }

    /// The same, and every event is told to `also` first.
    pub(crate) fn session_with<'a>(&'a self, also: impl Fn(&Event) + 'a) -> Session<'a> {
        let sink = move |event| {
            also(&event);
            self.output.event(&event);
        };
        Session::new(sink, self.cancel.clone())
    }

    /// Asks before a plan that was shown is carried out.
    ///
    /// # Errors
    /// `ConsentNeeded` when the answer is no, or when nobody can be asked.
    pub(crate) fn confirm(&self, question: &str) -> Result<()> {
        if self.global.yes {
            return Ok(());
        }
        let declined =
            |what: &str| Err(Error::new(ErrorKind::ConsentNeeded, what).with_verdict(Verdict::Untouched));
        if self.global.json || !io::stdin().is_terminal() {
            return declined("the plan was not confirmed: nobody can be asked here");
        }
        eprint!("{question} [y/N] ");
        let _ = io::stderr().flush();
        let mut answer = String::new();
        let _ = io::stdin().lock().read_line(&mut answer);
        match answer.trim() {
            "y" | "Y" | "yes" => Ok(()),
            _ => declined("the plan was declined"),
        }
    }
}
