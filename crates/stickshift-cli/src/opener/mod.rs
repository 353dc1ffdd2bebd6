//! The only place that opens a bus, and with it every link to a stick: this computer's bus, a virtual one, a serial port or a web page
//! that was named. So the ledger notes whatever is sent and the trace records it, and every device is
//! classified with the owner's profiles.

mod port_bus;
mod trace_file;
mod url_bus;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use stickshift::error::Result;
#[cfg(feature = "virtual")]
use stickshift::error::{Error, ErrorKind};
use stickshift::host::SysBus;
use stickshift::link::{Bus, ClassifiedBus, Ledger, TraceSink, TracedBus, WatchedBus};
use stickshift::profile::{Catalogue, Problem};
use stickshift::stick::{Mode, Place};

use crate::advice::Way;
use crate::options::Global;
use crate::overlays;
#[cfg(feature = "virtual")]
use crate::virtual_computer::VirtualComputer;
#[cfg(feature = "virtual")]
use crate::virtual_option::Played;
#[cfg(feature = "virtual")]
use crate::virtual_state;
use port_bus::PortBus;
use trace_file::{TraceFile, TraceState};
use url_bus::UrlBus;

/// What a bus is opened for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Look {
    /// The sticks, with who holds their ports.
    Sticks,
    /// Every USB device, for a message or a profile that was given for an unknown device.
    EveryDevice,
    /// Every USB device at once: without who holds ports, which means reading about every process.
    Quick,
}

pub(crate) struct Opener {
    options: Global,
    ledger: Ledger,
    /// Every bus writes to the same trace. The file is made when the first one is opened.
    sink: Mutex<Option<TraceSink>>,
    trace: TraceState,
    /// How the stick is reached, where that was named.
    way: OnceLock<(Way, String)>,
    profiles: OnceLock<(Arc<Catalogue>, Vec<Problem>)>,
    /// The virtual computer of this run. Every bus that is opened is a look at the same one.
    #[cfg(feature = "virtual")]
    computer: Mutex<Option<Played>>,
}

impl Opener {
    pub(crate) fn new(options: Global, ledger: Ledger) -> Opener {
        Opener {
            options,
            ledger,
            sink: Mutex::default(),
            trace: TraceState::default(),
            way: OnceLock::new(),
            profiles: OnceLock::new(),
            #[cfg(feature = "virtual")]
            computer: Mutex::default(),
        }
    }

    /// The bus: this computer's, or the one with the virtual sticks that were asked for.
    ///
    /// # Errors
    /// `Usage` when there is no such virtual stick, `FileUnwritable` for the trace.
    pub(crate) fn bus(&self, look: Look) -> Result<Box<dyn Bus>> {
        let (holders, every_device) = match look {
            Look::Sticks => (true, false),
            Look::EveryDevice => (true, true),
            Look::Quick => (false, true),
        };
        let raw = match self.virtual_bus()? {
            Some(bus) => bus,
            None if holders => Box::new(SysBus::open()),
            None => Box::new(SysBus::open().without_holders()),
        };
        let classified = ClassifiedBus::new(self.watched(raw)?, self.catalogue());
        Ok(Box::new(if every_device { classified.with_every_device() } else { classified }))
    }

    /// A bus with one stick at [`port_place`](crate::select::port_place), in `mode`, that is nothing but the serial port at `path`.
    ///
    /// # Errors
    /// `NotAPort` when there is no serial port at `path`, `FileUnwritable` for the trace.
    pub(crate) fn port(&self, path: &Path, mode: Mode) -> Result<Box<dyn Bus>> {
        self.way.get_or_init(|| (Way::Port, path.display().to_string()));
        port_bus::check(path)?;
        self.watched(Box::new(PortBus::new(path, mode)))
    }

    /// A bus with nothing on it but the web page at `url`, behind [`port_place`](crate::select::port_place).
    ///
    /// # Errors
    /// `FileUnwritable` for the trace.
    pub(crate) fn web_page(&self, url: &str) -> Result<Box<dyn Bus>> {
        self.way.get_or_init(|| (Way::Url, stickshift::mask::address(url)));
        self.watched(Box::new(UrlBus::new(url)))
    }

    /// How the stick is reached, and by which name.
    pub(crate) fn way(&self) -> (Way, String) {
        self.way.get().cloned().unwrap_or_default()
    }

    /// Switching profiles, the owner's before the built-in ones.
    pub(crate) fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.profiles().0)
    }

    /// What is wrong with the owner's profiles.
    pub(crate) fn profile_problems(&self) -> &[Problem] {
        &self.profiles().1
    }

    fn profiles(&self) -> &(Arc<Catalogue>, Vec<Problem>) {
        self.profiles.get_or_init(|| {
            let (catalogue, problems) = overlays::catalogue();
            (Arc::new(catalogue), problems)
        })
    }

    /// What every bus passes through.
    fn watched(&self, bus: Box<dyn Bus>) -> Result<Box<dyn Bus>> {
        let noted = Box::new(WatchedBus::new(bus, self.ledger.clone()));
        Ok(match self.sink()? {
            Some(sink) => Box::new(TracedBus::new(noted, sink)),
            None => noted,
        })
    }

    fn sink(&self) -> Result<Option<TraceSink>> {
        let Some(path) = &self.options.trace else {
            // Every byte, as a trace has it: masked.
            let shown = self.options.verbose > 1 && !self.options.json;
            return Ok(shown.then(|| Arc::new(Mutex::new(io::stderr())) as TraceSink));
        };
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        if sink.is_none() {
            let file = TraceFile::create(path, self.options.force, self.trace.clone())?;
            *sink = Some(Arc::new(Mutex::new(file)));
        }
        Ok(sink.clone())
    }

    /// Why the trace ends before the run did, in words.
    pub(crate) fn trace_problem(&self) -> Option<String> {
        let path = self.options.trace.as_ref()?;
        let problem = self.trace.problem()?;
        Some(format!("the trace {} is incomplete: {problem}", path.display()))
    }
}

#[cfg(feature = "virtual")]
impl Opener {
    /// Whether virtual sticks take the place of this computer's.
    pub(crate) fn is_virtual(&self) -> bool {
        self.options.virtual_sticks.replace_the_real()
    }

    /// Lets this run work on a virtual computer with the named sticks, whatever `--virtual` says.
    ///
    /// # Errors
    /// As [`bus`](Self::bus).
    pub(crate) fn use_virtual(&self, names: &str) -> Result<Played> {
        let played = self.options.virtual_sticks.bus(names)?;
        *self.computer.lock().unwrap_or_else(PoisonError::into_inner) = Some(played.clone());
        Ok(played)
    }

    /// Lets this run work on a virtual computer that is there already.
    #[cfg(any(feature = "web", feature = "rack", feature = "mqtt"))]
    pub(crate) fn share(&self, played: Option<Played>) {
        *self.computer.lock().unwrap_or_else(PoisonError::into_inner) = played;
    }

    /// The virtual computer that was asked for, made now where there is none yet.
    ///
    /// # Errors
    /// As [`bus`](Self::bus).
    #[cfg(any(feature = "web", feature = "rack", feature = "mqtt"))]
    pub(crate) fn computer(&self) -> Result<Option<Played>> {
        self.virtual_bus()?;
        Ok(self.played())
    }

    /// What `online` changes of the virtual computer: the same for every command that shares it.
    ///
    /// # Errors
    /// As [`bus`](Self::bus).
    pub(crate) fn virtual_computer(&self) -> Result<VirtualComputer> {
        self.virtual_bus()?;
        let played =
            self.played().ok_or_else(|| Error::new(ErrorKind::Usage, "no virtual stick was named"))?;
        Ok(played.computer)
    }

    /// The virtual computer of this run, if there is one by now.
    pub(crate) fn played(&self) -> Option<Played> {
        self.computer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts the virtual sticks away in the file that was named for them.
    ///
    /// # Errors
    /// `FileUnwritable`.
    pub(crate) fn put_away(&self) -> Result<()> {
        match (&self.options.virtual_sticks.state, self.played()) {
            (Some(path), Some(played)) => virtual_state::write(path, &played.bus, &played.sticks),
            _ => Ok(()),
        }
    }

    fn virtual_bus(&self) -> Result<Option<Box<dyn Bus>>> {
        let mut computer = self.computer.lock().unwrap_or_else(PoisonError::into_inner);
        if computer.is_none() && self.is_virtual() {
            *computer = Some(self.options.virtual_sticks.asked_for()?);
        }
        Ok(computer.as_ref().map(|played| Box::new(played.bus.clone()) as Box<dyn Bus>))
    }
}

/// A build without virtual sticks.
#[cfg(not(feature = "virtual"))]
impl Opener {
    pub(crate) fn is_virtual(&self) -> bool {
        false
    }

    fn virtual_bus(&self) -> Result<Option<Box<dyn Bus>>> {
        Ok(None)
    }
}

/// The place on the bus of the stick that the serial port at `path` belongs to, where the system tells it.
pub(crate) fn place_behind(path: &Path) -> Option<Place> {
    place_in(Path::new("/sys/class/tty"), path)
}

/// The same in a sysfs whose folder of ttys is `ttys`.
fn place_in(ttys: &Path, path: &Path) -> Option<Place> {
    let path = path.canonicalize().ok()?;
    let device = ttys.join(path.file_name()?).join("device").canonicalize().ok()?;
    device.components().rev().find_map(|c| c.as_os_str().to_str()?.parse::<Place>().ok())
}

#[cfg(test)]
mod tests;
