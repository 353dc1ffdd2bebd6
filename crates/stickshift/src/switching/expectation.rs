//! What a stick that got its message is expected to do. At every look at the bus it is assessed: not yet, switched, or failed.

use std::time::Duration;

use crate::error::{Error, ErrorKind, Result, Verdict};
use crate::link::Moment;
use crate::profile::{Method, Parameters};
use crate::stick::{Mode, Place, Role, Stick, UsbId};
use crate::switch::{Sequence, Transfer};
use crate::switching::prepare::Goal;

/// How long a switched stick has to appear unless its profile says more (docs/protocols/mode-switch.md section 3.6).
const SUCCESS: Duration = Duration::from_secs(20);
/// A stick that came back unchanged may be in the middle of a restart; it is given this long.
const UNCHANGED: Duration = Duration::from_secs(5);
/// What stands at the place and is not the stick is given this long to become it.
const STRANGER: Duration = Duration::from_secs(5);
/// When nothing changes at a switched stick for this long, its drivers have made all the ports that they will make.
pub(crate) const SETTLED_AFTER: Duration = Duration::from_millis(1500);

/// What a stick that got its message is expected to do. Shown every look at the bus, it assesses.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// Where.
    pub place: Place,
    /// The stick as it was.
    pub before: Stick,
    /// When it is too late.
    pub end: Moment,
    limit: Duration,
    goal: Goal,
    targets: Vec<UsbId>,
    /// The stick's number on the bus when it got its message.
    address: Option<u32>,
    /// Vendor id that the stick has afterwards.
    vendor: u16,
    /// Nothing is sent: the profile asks that drivers let go of the stick, and no more.
    only_detaches: bool,
    left: bool,
    unchanged_since: Option<Moment>,
    stranger_since: Option<Moment>,
}

/// What the bus shows of a stick that got its message.
#[derive(Debug)]
pub enum Assessment {
    /// Nothing can be said yet; look again at the latest then.
    Pending(Moment),
    /// It is another one now, and its drivers may still be making ports.
    Switched(Switched),
    /// It did not do what was asked; says what it did, with the verdict.
    Failed(Error),
}

/// A stick that switched.
#[derive(Clone, Debug)]
pub struct Switched {
    /// The stick as it is now.
    pub stick: Stick,
    /// Whether it is one of those its profile expects; true where the profile expects none in particular.
    pub expected: bool,
}

impl Expectation {
    /// Of a stick that got `sequence` at `now`.
    pub(crate) fn new(
        before: Stick,
        parameters: &Parameters,
        sequence: &Sequence,
        goal: Goal,
        address: Option<u32>,
        now: Moment,
    ) -> Expectation {
        let asked = parameters.check_success_s.map_or(Duration::ZERO, |s| Duration::from_secs(s.into()));
        let limit = asked.max(SUCCESS);
        Expectation {
            place: before.place.clone(),
            goal,
            targets: parameters.targets(before.id.vendor),
            address,
            vendor: parameters.target_vendor.unwrap_or(before.id.vendor),
            end: now + limit,
            limit,
            // A Pantech switches by itself once its driver let go: whether it does is seen on the bus.
            only_detaches: parameters.has(Method::DetachStorageOnly)
                && sequence.transfers.iter().all(|t| matches!(t, Transfer::Detach { .. })),
            before,
            left: false,
            unchanged_since: None,
            stranger_since: None,
        }
    }

    /// The same, with its time counted from `now`: on another clock than that of the bus it was sent over.
    #[must_use]
    pub fn counted_from(self, now: Moment) -> Self {
        Expectation { end: now + self.limit, unchanged_since: None, stranger_since: None, ..self }
    }

    /// Takes note of the number that what stands at the place has on the bus: with another one than before it was away, also when nobody saw that.
    pub(crate) fn see_address(&mut self, address: Option<u32>) {
        if address.is_some() && self.address.is_some() && address != self.address {
            self.left = true;
            // What was looked at before is the stick as it was: the number is read after it, and may be that of what came meanwhile.
            self.unchanged_since = None;
            self.address = address;
        }
    }

    /// Assesses what stands at the place at `now` (`None`: nothing).
    pub fn assess(&mut self, stick: Option<&Stick>, now: Moment) -> Assessment {
        let Some(stick) = stick else {
            self.left = true;
            self.unchanged_since = None;
            self.stranger_since = None;
            return if now < self.end {
                Assessment::Pending(self.end)
            } else {
                Assessment::Failed(self.did_not_return())
            };
        };
        if !is_configured(stick) {
            return match now < self.end {
                true => Assessment::Pending(self.end),
                false => Assessment::Failed(self.not_configured(stick)),
            };
        }
        let detached = self.only_detaches && stick.interfaces.iter().all(|i| i.driver.is_none());
        let differs = Appearance::of(&self.before) != Appearance::of(stick);
        if detached || (differs && self.is_vouched_for(stick)) {
            return Assessment::Switched(Switched {
                // Some sticks keep their ids.
                expected: self.targets.is_empty()
                    || self.targets.contains(&stick.id)
                    || stick.id == self.before.id,
                stick: stick.clone(),
            });
        }
        if stick.id != self.before.id {
            self.left = true;
            let since = *self.stranger_since.get_or_insert(now);
            // A stick may show something else for a moment while it starts. One that waits for its own message is surely another.
            let end = if stick.mode == Mode::Cdrom { now } else { (since + STRANGER).min(self.end) };
            return if now < end {
                Assessment::Pending(end)
            } else {
                Assessment::Failed(self.replaced(stick))
            };
        }
        let since = *self.unchanged_since.get_or_insert(now);
        let end = if self.left { (since + UNCHANGED).min(self.end) } else { self.end };
        if now < end { Assessment::Pending(end) } else { Assessment::Failed(self.unchanged()) }
    }

    /// Whether a stick that switched became what the owner wanted.
    ///
    /// # Errors
    /// `NotSwitched` with the verdict recoverable when it became something else.
    pub fn check_goal(&self, switched: &Switched) -> Result<()> {
        if self.goal.is_met_by(switched.stick.mode) || (self.only_detaches && self.goal == Goal::Usual) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::NotSwitched,
            format!("the stick switched to something else: {}", switched.stick.mode_words()),
        )
        .with("place", &self.place)
        .with("id", switched.stick.id)
        .with_verdict(Verdict::Recoverable))
    }

    /// Whether something tells that `stick` is the one that got the message: the ids that its profile expects, ids that it kept, its serial
    /// number, or its maker, when it is a modem or a network card now.
    fn is_vouched_for(&self, stick: &Stick) -> bool {
        let has_function = stick.interfaces.iter().any(|i| !matches!(i.role, Role::Storage | Role::Other));
        if stick.id == self.before.id {
            let only_drives = stick.interfaces.iter().all(|i| i.role == Role::Storage);
            return !only_drives || stick.configuration != self.before.configuration;
        }
        if self.targets.contains(&stick.id) {
            return true;
        }
        let by_serial = match (&self.before.serial, &stick.serial) {
            (Some(before), Some(now)) => Some(before == now),
            _ => None,
        };
        has_function
            && by_serial.unwrap_or(stick.id.vendor == self.vendor || stick.id.vendor == self.before.id.vendor)
    }

    /// Something else stands at the place now.
    fn replaced(&self, stick: &Stick) -> Error {
        Error::new(ErrorKind::Disconnected, "the stick disconnected, and another device is there now")
            .with("place", &self.place)
            .with("id", self.before.id)
            .with("there-now", format!("{}, {}", stick.id, stick.mode_words()))
            .with_verdict(Verdict::Unknown)
    }

    fn not_configured(&self, stick: &Stick) -> Error {
        let what =
            "the system did not configure what came back: most often the port gives it too little power";
        Error::new(ErrorKind::NoPower, what)
            .with("place", &self.place)
            .with("id", stick.id)
            .with_verdict(if stick.id == self.before.id { Verdict::Recoverable } else { Verdict::Unknown })
    }

    fn did_not_return(&self) -> Error {
        Error::new(ErrorKind::Disconnected, "the stick disconnected and did not come back")
            .with("place", &self.place)
            .with("id", self.before.id)
            .with_verdict(Verdict::Unknown)
    }

    fn unchanged(&self) -> Error {
        let what = if self.left {
            "the stick disconnected and came back unchanged"
        } else {
            "the stick ignored the switch message"
        };
        Error::new(ErrorKind::NotSwitched, what)
            .with("place", &self.place)
            .with("id", self.before.id)
            .with_verdict(Verdict::Recoverable)
    }
}

/// What a switch changes of a stick: its ids, its configuration, and class, subclass and protocol of its interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Appearance {
    id: UsbId,
    configuration: u8,
    classes: Vec<[u8; 3]>,
}

impl Appearance {
    pub(crate) fn of(stick: &Stick) -> Appearance {
        let classes = stick.interfaces.iter().map(|i| [i.class, i.subclass, i.protocol]);
        Appearance { id: stick.id, configuration: stick.configuration, classes: classes.collect() }
    }
}

/// Whether the kernel has configured the device. One that was just found has no configuration, and so no interfaces, for a moment.
pub(crate) fn is_configured(stick: &Stick) -> bool {
    stick.configuration != 0 && !stick.interfaces.is_empty()
}

/// Whether drivers made a port of every interface that should have one.
pub fn ports_are_made(stick: &Stick) -> bool {
    stick.interfaces.iter().all(|i| match i.role {
        Role::Pcui | Role::Modem | Role::Diag | Role::Gps | Role::Serial | Role::Flash | Role::BootRom => {
            i.tty.is_some() || i.netdev.is_some()
        }
        Role::Network => i.netdev.is_some() || i.cdc_wdm.is_some(),
        _ => true,
    })
}

#[cfg(test)]
mod tests;
