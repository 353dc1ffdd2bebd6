//! A port that can be opened again after it closed: known by its place on the bus, not by its node.

use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::event::{Cancel, Session};
use crate::link::{Bus, ByteLink, Moment};
use crate::stick::{Mode, Place, Role, Stick};
use crate::waiting::{Look, until};

/// How long one wait for the bus lasts at most: a driver may let a port be opened some time after it made its node.
const SLICE: Duration = Duration::from_millis(100);

/// The port of one role of the stick at one place. Its clock is the bus's.
pub(super) struct PlaceLink<'b> {
    bus: &'b mut dyn Bus,
    place: Place,
    mode: Mode,
    role: Role,
    cancel: Cancel,
    link: Option<Box<dyn ByteLink>>,
}

impl<'b> PlaceLink<'b> {
    /// Opens the port of `stick`.
    ///
    /// # Errors
    /// `NoSuchPort` when the stick has no port of this role; what [`Bus::open_port`] reports.
    pub(super) fn open(bus: &'b mut dyn Bus, stick: &Stick, role: Role, cancel: Cancel) -> Result<Self> {
        let port = stick.interface(role).ok_or_else(|| {
            Error::new(ErrorKind::NoSuchPort, "the stick shows no port of this kind")
                .with("role", role.code())
        })?;
        let link = Some(bus.open_port(&stick.place, port.number)?);
        Ok(PlaceLink { bus, place: stick.place.clone(), mode: stick.mode, role, cancel, link })
    }

    fn link(&mut self) -> Result<&mut Box<dyn ByteLink>> {
        self.link.as_mut().ok_or_else(|| Error::new(ErrorKind::Disconnected, "the stick disconnected"))
    }
}

impl ByteLink for PlaceLink<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.link()?.write(bytes)
    }

    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> Result<usize> {
        let left = deadline.saturating_sub(self.bus.now());
        let link = self.link()?;
        let deadline = link.now() + left;
        link.read(buffer, deadline)
    }

    fn discard_input(&mut self) -> Result<()> {
        self.link()?.discard_input()
    }

    fn now(&self) -> Moment {
        self.bus.now()
    }

    fn sleep(&mut self, time: Duration) {
        if let Some(link) = &mut self.link {
            link.sleep(time);
        }
    }

    fn reopen(&mut self, limit: Duration) -> Result<bool> {
        // Held open, the port would come back under another name.
        self.link = None;
        let end = self.bus.now() + limit;
        let mut session = Session::new(|_| {}, self.cancel.clone());
        let (place, mode, role) = (&self.place, self.mode, self.role);
        let link = until(self.bus, &mut session, |bus| {
            match bus.sticks()?.into_iter().find(|s| s.place == *place) {
                Some(stick) if stick.mode == mode => {
                    if let Some(link) = try_open(bus, &stick, role)? {
                        return Ok(Look::Done(Some(link)));
                    }
                }
                // While its interfaces appear one by one a stick may look like anything, but not for long.
                Some(stick) if stick.mode != Mode::Unknown && stick.ports().next().is_some() => {
                    return Ok(Look::Done(None));
                }
                _ => {}
            }
            let now = bus.now();
            Ok(if now >= end { Look::Done(None) } else { Look::Again((now + SLICE).min(end)) })
        })?;
        self.link = link;
        Ok(self.link.is_some())
    }
}

/// Opens the port of `stick` if it is there. `None`: not yet.
fn try_open(bus: &mut dyn Bus, stick: &Stick, role: Role) -> Result<Option<Box<dyn ByteLink>>> {
    let Some(port) = stick.interface(role).filter(|port| port.tty.is_some()) else {
        return Ok(None);
    };
    match bus.open_port(&stick.place, port.number) {
        Ok(link) => Ok(Some(link)),
        // Its node is that of before, or udev has not given it its rights yet.
        Err(e) => match e.kind() {
            ErrorKind::Disconnected
            | ErrorKind::NoSuchPort
            | ErrorKind::NotAPort
            | ErrorKind::PortBusy
            | ErrorKind::PermissionDenied => Ok(None),
            _ => Err(e),
        },
    }
}
