//! From CD-ROM to modem: what to send to a stick, sending it, and judging by what the bus shows afterwards at the same place.

pub mod watch;
pub mod web_ports;

use std::time::Duration;

use crate::error::{Error, ErrorKind, Result, Verdict};
use crate::event::Session;
use crate::link::{Bus, Moment, UsbLink};
use crate::profile::{Attributes, Catalogue, Choice, Method, Parameters, Scsi};
use crate::stick::{Mode, Place, Role, Stick, UsbId};
use crate::switch::{self, End, Plan, Transfer, View};

/// How long the storage driver has to read the texts that tell some sticks apart.
const SCSI_TEXTS: Duration = Duration::from_secs(10);
/// How long a switched stick has to show itself unless its profile says more (docs/protocols/mode-switch.md section 3.6).
const SUCCESS: Duration = Duration::from_secs(20);
/// A stick that came back unchanged may be on its way through a restart; this long it is given.
const UNCHANGED: Duration = Duration::from_secs(5);
/// When this long nothing changes at the place, drivers have made all the ports they will make.
const QUIET: Duration = Duration::from_millis(1500);

/// What the owner wants the stick to become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Goal {
    /// Whatever its profile leads to.
    #[default]
    Usual,
    /// A modem with AT ports, by the way that is known for this stick.
    Modem,
    /// A HiLink network card.
    Hilink,
    /// Serial ports, also on a stick whose usual mode is HiLink.
    Serial,
}

impl Goal {
    /// Whether a stick in this mode is what was wanted.
    pub fn is_met_by(self, mode: Mode) -> bool {
        match self {
            Goal::Usual => mode != Mode::Cdrom,
            Goal::Modem | Goal::Serial => matches!(mode, Mode::Modem | Mode::HilinkSerial),
            Goal::Hilink => matches!(mode, Mode::Hilink | Mode::HilinkSerial),
        }
    }
}

/// What decides how a stick is switched.
pub struct Request<'a> {
    /// Where to look the stick up.
    pub catalogue: &'a Catalogue,
    /// Used instead of the catalogue's entry: the owner's own profile or message.
    pub profile: Option<Parameters>,
    /// What the stick should become.
    pub goal: Goal,
}

/// A stick, and all that will be sent to it. Nothing was sent yet.
pub struct Prepared {
    /// The stick as it is now.
    pub stick: Stick,
    /// What was decided, as the catalogue would have it.
    pub parameters: Parameters,
    /// The transfers.
    pub plan: Plan,
    /// Why this profile and no other, one lower-case line each.
    pub evidence: Vec<String>,
    /// What the stick should become.
    pub goal: Goal,
    link: Box<dyn UsbLink>,
}

impl Prepared {
    /// That there is anything to do.
    ///
    /// # Errors
    /// `NoProfile`, untouched, for an empty plan.
    pub fn require_steps(&self) -> Result<()> {
        if !self.plan.transfers.is_empty() {
            return Ok(());
        }
        let error = no_profile(&self.stick, "the profile says nothing that could be done to a stick");
        Err(error.with_verdict(Verdict::Untouched))
    }
}

/// Chooses the profile for `stick` and makes the plan.
///
/// # Errors
/// `NoProfile` when nobody told how to switch it, `AlreadySwitched` when it is what was wanted, `WrongInterface`, `Usage` and
/// `Unsupported` when the profile does not fit the stick, and what opening the stick reports. All leave the stick untouched.
pub fn prepare(
    bus: &mut dyn Bus,
    stick: &Stick,
    request: &Request<'_>,
    session: &mut Session<'_>,
) -> Result<Prepared> {
    prepare_untouched(bus, stick, request, session).map_err(|e| e.verdict_if_unset(Verdict::Untouched))
}

fn prepare_untouched(
    bus: &mut dyn Bus,
    stick: &Stick,
    request: &Request<'_>,
    session: &mut Session<'_>,
) -> Result<Prepared> {
    let mut evidence = Vec::new();
    let mut parameters = match &request.profile {
        Some(own) => {
            evidence.push("the profile is the one that was given".to_owned());
            own.clone()
        }
        None => from_catalogue(bus, stick, request, session, &mut evidence)?,
    };
    if request.profile.is_none() {
        parameters = for_goal(parameters, stick, request.goal, &mut evidence);
    }
    if is_already_there(stick, &parameters, request.goal) {
        return Err(already(stick));
    }
    let by_catalogue = request.profile.is_none();
    let may_have_mbim = by_catalogue && may_take_mbim(bus, stick, &parameters, request.goal);
    if by_catalogue && parameters.is_leave_alone() && !may_have_mbim {
        return Err(left_alone(stick));
    }
    let mut link = bus.open_usb(&stick.place)?;
    let view = View::of(link.as_mut())?;
    if may_have_mbim {
        prefer_mbim(&mut parameters, &view, &mut evidence);
    }
    if by_catalogue && parameters.is_leave_alone() {
        return Err(left_alone(stick));
    }
    let plan = switch::plan(&parameters, &view)?;
    if let Some(configuration) = plan.already_active
        && !plan.transfers.iter().any(Transfer::touches_stick)
    {
        return Err(Error::new(
            ErrorKind::AlreadySwitched,
            format!("configuration {configuration} is active already"),
        )
        .with("place", &stick.place)
        .with("id", stick.id));
    }
    Ok(Prepared { stick: stick.clone(), parameters, plan, evidence, goal: request.goal, link })
}

fn from_catalogue(
    bus: &mut dyn Bus,
    stick: &Stick,
    request: &Request<'_>,
    session: &mut Session<'_>,
    evidence: &mut Vec<String>,
) -> Result<Parameters> {
    let scsi = if request.catalogue.needs_scsi(stick.id) {
        wait_for_texts(bus, &stick.place, session)?
    } else {
        None
    };
    let attributes = Attributes {
        scsi,
        manufacturer: stick.manufacturer.clone(),
        product: stick.product.clone(),
        serial: stick.serial.clone(),
    };
    let Choice { chosen, passed_over } = request.catalogue.choose(stick.id, &attributes);
    evidence.extend(passed_over.iter().map(|(c, why)| format!("{} does not fit: {why}", c.entry.key)));
    let Some(candidate) = chosen else {
        return huawei_or_none(stick, evidence);
    };
    let entry = candidate.entry;
    evidence.push(format!(
        "{} profile {} ({}): {}",
        candidate.origin.code(),
        entry.key,
        if entry.name.is_empty() { "unnamed" } else { &entry.name },
        entry.parameters.summary()
    ));
    Ok(entry.parameters)
}

/// Every Huawei stick of the last fifteen years takes the same message; usb_modeswitch's rules rely on that too
/// (docs/protocols/mode-switch.md section 3.1).
fn huawei_or_none(stick: &Stick, evidence: &mut Vec<String>) -> Result<Parameters> {
    if !matches!(stick.mode, Mode::Cdrom | Mode::Unknown) {
        return Err(already(stick));
    }
    if stick.id.vendor != HUAWEI || stick.mode != Mode::Cdrom {
        return Err(no_profile(stick, "nobody told how to switch this stick"));
    }
    if stick.is_phone() {
        return Err(no_profile(stick, "it says that it is a telephone"));
    }
    evidence.push(format!("no profile knows {}; it gets Huawei's usual message", stick.id));
    let mut parameters = Parameters::default();
    parameters.turn_on(Method::HuaweiNew);
    Ok(parameters)
}

fn already(stick: &Stick) -> Error {
    Error::new(ErrorKind::AlreadySwitched, format!("the stick is switched already: {}", stick.mode))
        .with("place", &stick.place)
        .with("id", stick.id)
}

const HUAWEI: u16 = 0x12d1;

fn no_profile(stick: &Stick, what: &str) -> Error {
    Error::new(ErrorKind::NoProfile, what).with("place", &stick.place).with("id", stick.id)
}

fn left_alone(stick: &Stick) -> Error {
    no_profile(stick, "its profile says to leave this device alone")
}

fn wait_for_texts(bus: &mut dyn Bus, place: &Place, session: &mut Session<'_>) -> Result<Option<Scsi>> {
    let end = bus.now() + SCSI_TEXTS;
    loop {
        if let Some([vendor, model, revision]) = bus.storage_texts(place)? {
            return Ok(Some(Scsi { vendor, model, revision }));
        }
        session.check()?;
        if bus.device(place)?.is_none() || bus.now() >= end {
            return Ok(None);
        }
        bus.wait_change((bus.now() + SLICE).min(end))?;
    }
}

/// How long one wait for the bus lasts at most, so that a request to stop is noticed.
const SLICE: Duration = Duration::from_millis(500);

/// Picks Huawei's message by what the owner wants: the usual one leads HiLink firmware to its network card, the fallback to
/// serial ports (docs/protocols/mode-switch.md section 4.3).
fn for_goal(parameters: Parameters, stick: &Stick, goal: Goal, evidence: &mut Vec<String>) -> Parameters {
    let leads_to_hilink = parameters
        .targets(stick.id.vendor)
        .iter()
        .any(|id| crate::stick::classify(*id, 0, &[]).mode == Mode::Hilink);
    let wants_fallback = match goal {
        Goal::Usual | Goal::Hilink => false,
        Goal::Serial => true,
        Goal::Modem => leads_to_hilink,
    };
    if !wants_fallback || !parameters.has(Method::HuaweiNew) {
        return parameters;
    }
    evidence.push("Huawei's fallback message instead of the usual one: it leads to serial ports".to_owned());
    let mut parameters = parameters.with_huawei_alt();
    // What comes then has other ids than those the profile expects.
    parameters.target_product = None;
    parameters.target_products.clear();
    parameters
}

/// Whether another configuration of the stick may have MBIM, and the system could do something with it (docs/protocols/mode-switch.md
/// section 3.5). Modules that are to be left alone otherwise are asked too: that is what their profiles are for.
fn may_take_mbim(bus: &dyn Bus, stick: &Stick, parameters: &Parameters, goal: Goal) -> bool {
    stick.configurations > 1
        && parameters.no_mbim_check != Some(true)
        && matches!(goal, Goal::Usual | Goal::Modem)
        && bus.has_driver("cdc_mbim")
}

/// A stick with an MBIM configuration is best served by it.
fn prefer_mbim(parameters: &mut Parameters, view: &View, evidence: &mut Vec<String>) {
    if let Some(configuration) = switch::mbim::configuration(&view.configurations) {
        evidence.push(format!("configuration {configuration} has an MBIM interface and is selected"));
        *parameters = Parameters {
            configuration: Some(configuration),
            check_success_s: parameters.check_success_s,
            ..Parameters::default()
        };
    }
}

/// Class of drives.
const STORAGE: u8 = 0x08;

fn is_already_there(stick: &Stick, parameters: &Parameters, goal: Goal) -> bool {
    let first_class = stick.interfaces.first().map(|i| i.class);
    let class_is_target = parameters.target_class.is_some() && parameters.target_class == first_class;
    // Some sticks keep their ids: then the class tells, and a drive is not what they are to become.
    let tells_by_id = parameters.target_class.is_none() && first_class != Some(STORAGE);
    let id_is_target = tells_by_id && parameters.targets(stick.id.vendor).contains(&stick.id);
    let no_cdrom = !matches!(stick.mode, Mode::Cdrom | Mode::Unknown);
    class_is_target || id_is_target || (goal != Goal::Usual && no_cdrom && goal.is_met_by(stick.mode))
}

/// What sending came to.
#[derive(Debug)]
pub struct Sent {
    /// What to expect now.
    pub expectation: Expectation,
    /// What was seen while sending, one lower-case line each.
    pub observations: Vec<String>,
    /// A request that the method needs and the stick refused. It may have switched all the same: the bus decides.
    pub refused: Option<Error>,
}

/// Sends the plan. A stick that restarts in the middle of its method is waited for.
///
/// # Errors
/// Where nothing was sent, what the link reported, untouched; `Interrupted` between two messages; `Disconnected`, unknown, when a
/// stick that restarts in the middle does not come back.
pub fn send(bus: &mut dyn Bus, prepared: Prepared, session: &mut Session<'_>) -> Result<Sent> {
    let Prepared { stick, parameters, plan, goal, mut link, .. } = prepared;
    let mut observations = Vec::new();
    let mut refused = None;
    let mut from = 0;
    loop {
        let outcome = switch::run(&plan, from, link.as_mut(), session)?;
        observations.extend(outcome.observations.into_iter().map(|o| o.what));
        match outcome.end {
            End::Sent | End::Vanished { .. } => break,
            End::Stopped { error, .. } => {
                refused = Some(error);
                break;
            }
            End::AwaitReturn { step } => {
                drop(link);
                link = reopen(bus, &stick, &plan, step, session)?;
                let view = View::of(link.as_mut()).map_err(|e| e.verdict_if_unset(Verdict::Unknown))?;
                from = plan.after_return(step, &view);
            }
        }
    }
    drop(link);
    let limit = parameters.check_success_s.map_or(SUCCESS, |s| Duration::from_secs(s.into()).max(SUCCESS));
    let targets = parameters.targets(stick.id.vendor);
    let only_detaches = plan.transfers.iter().all(|t| matches!(t, Transfer::Detach { .. }));
    let expectation = Expectation {
        place: stick.place.clone(),
        goal,
        targets,
        end: bus.now() + limit,
        limit,
        before: stick,
        only_detaches,
        left: false,
        unchanged_since: None,
    };
    Ok(Sent { expectation, observations, refused })
}

/// Opens what comes back at the place of a stick that restarts in the middle of its method.
fn reopen(
    bus: &mut dyn Bus,
    stick: &Stick,
    plan: &Plan,
    step: usize,
    session: &mut Session<'_>,
) -> Result<Box<dyn UsbLink>> {
    let Some(Transfer::AwaitReturn { at_least, at_most, .. }) = plan.transfers.get(step) else {
        return Err(Error::new(ErrorKind::Usage, "there is nothing to wait for at this step"));
    };
    session.step("await-return", "waiting for the stick to come back");
    let earliest = bus.now() + *at_least;
    let latest = earliest + *at_most;
    loop {
        session.check().map_err(|e| e.with_verdict(Verdict::Recoverable))?;
        let now = bus.now();
        let there = bus.device(&stick.place)?.is_some_and(|s| s.id == stick.id && s.configuration != 0);
        if now >= earliest && there {
            return bus.open_usb(&stick.place).map_err(|e| e.verdict_if_unset(Verdict::Unknown));
        }
        if now >= latest {
            return Err(Error::new(ErrorKind::Disconnected, "the stick restarted and did not come back")
                .with("place", &stick.place)
                .with_verdict(Verdict::Unknown));
        }
        let next = if there { earliest } else { latest };
        bus.wait_change((now + SLICE).min(next))?;
    }
}

/// What a stick that got its message is expected to do. Shown every look at the bus, it judges.
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
    /// Nothing was sent: the drivers had to let go of the stick, and that is all.
    only_detaches: bool,
    left: bool,
    unchanged_since: Option<Moment>,
}

/// What the bus shows of a stick that got its message.
#[derive(Debug)]
pub enum Judgement {
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
    /// The same, with its time counted from `now`: on another clock than that of the bus it was sent over.
    #[must_use]
    pub fn counted_from(self, now: Moment) -> Self {
        Expectation { end: now + self.limit, unchanged_since: None, ..self }
    }

    /// Judges what stands at the place at `now` (`None`: nothing).
    pub fn judge(&mut self, stick: Option<&Stick>, now: Moment) -> Judgement {
        let Some(stick) = stick else {
            self.left = true;
            self.unchanged_since = None;
            return if now < self.end {
                Judgement::Pending(self.end)
            } else {
                Judgement::Failed(self.did_not_return())
            };
        };
        // A device that was just found has no configuration, and so no interfaces, for a moment.
        let settled = stick.configuration != 0 && !stick.interfaces.is_empty();
        let detached = self.only_detaches && stick.interfaces.iter().all(|i| i.driver.is_none());
        if settled && (detached || differs(&self.before, stick)) {
            return Judgement::Switched(Switched {
                expected: self.targets.is_empty() || self.targets.contains(&stick.id),
                stick: stick.clone(),
            });
        }
        let since = *self.unchanged_since.get_or_insert(now);
        let end = if self.left { (since + UNCHANGED).min(self.end) } else { self.end };
        if now < end { Judgement::Pending(end) } else { Judgement::Failed(self.unchanged()) }
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
            format!("the stick switched to something else: {}", switched.stick.mode),
        )
        .with("place", &self.place)
        .with("id", switched.stick.id)
        .with_verdict(Verdict::Recoverable))
    }

    fn did_not_return(&self) -> Error {
        Error::new(ErrorKind::Disconnected, "the stick left the bus and did not come back")
            .with("place", &self.place)
            .with("id", self.before.id)
            .with_verdict(Verdict::Unknown)
    }

    fn unchanged(&self) -> Error {
        let what = if self.left {
            "the stick left the bus and came back unchanged"
        } else {
            "the stick took no notice of the message"
        };
        Error::new(ErrorKind::NotSwitched, what)
            .with("place", &self.place)
            .with("id", self.before.id)
            .with_verdict(Verdict::Recoverable)
    }
}

/// Whether these are two different faces of a stick: other ids, another configuration or other interfaces.
fn differs(before: &Stick, now: &Stick) -> bool {
    let classes = |s: &Stick| -> Vec<[u8; 3]> {
        s.interfaces.iter().map(|i| [i.class, i.subclass, i.protocol]).collect()
    };
    before.id != now.id || before.configuration != now.configuration || classes(before) != classes(now)
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

/// Sends the plan and waits until the bus shows what came of it.
///
/// # Errors
/// `NoProfile` for an empty plan; as [`send`]; `NotSwitched` and `Disconnected` with their verdicts when the stick did not do what was asked.
pub fn switch(bus: &mut dyn Bus, prepared: Prepared, session: &mut Session<'_>) -> Result<Switched> {
    let (switched, expectation) = send_and_judge(bus, prepared, session)?;
    expectation.check_goal(&switched)?;
    Ok(switched)
}

/// The same, and waits until the drivers made their ports.
///
/// # Errors
/// As [`switch()`].
pub fn switch_and_wait(bus: &mut dyn Bus, prepared: Prepared, session: &mut Session<'_>) -> Result<Switched> {
    let (mut switched, expectation) = send_and_judge(bus, prepared, session)?;
    await_ports(bus, &mut switched, expectation.end, session)?;
    expectation.check_goal(&switched)?;
    Ok(switched)
}

fn send_and_judge(
    bus: &mut dyn Bus,
    prepared: Prepared,
    session: &mut Session<'_>,
) -> Result<(Switched, Expectation)> {
    prepared.require_steps()?;
    let Sent { mut expectation, observations, refused } = send(bus, prepared, session)?;
    for what in &observations {
        session.note("switch-observation", what);
    }
    session.step("await-switch", format!("waiting for what comes back at {}", expectation.place));
    loop {
        let now = bus.now();
        let stick = bus.device(&expectation.place)?;
        match expectation.judge(stick.as_ref(), now) {
            Judgement::Switched(switched) => return Ok((switched, expectation)),
            Judgement::Failed(mut error) => {
                if !observations.is_empty() {
                    error = error.with("observed", observations.join("; "));
                }
                return Err(match refused {
                    Some(refusal) => error.because(refusal),
                    None => error,
                });
            }
            Judgement::Pending(until) => {
                session.check().map_err(|e| e.with_verdict(Verdict::Unknown))?;
                bus.wait_change((now + SLICE).min(until))?;
            }
        }
    }
}

/// Waits until every port is made, or nothing happens any more.
fn await_ports(bus: &mut dyn Bus, switched: &mut Switched, end: Moment, session: &Session<'_>) -> Result<()> {
    while !ports_are_made(&switched.stick) && bus.now() < end && !session.cancel().is_cancelled() {
        let quiet = (bus.now() + QUIET).min(end);
        let changed = bus.wait_change(quiet)?;
        match bus.device(&switched.stick.place)? {
            Some(stick) if stick.id == switched.stick.id => switched.stick = stick,
            _ => return Ok(()),
        }
        if !changed && bus.now() >= quiet {
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
