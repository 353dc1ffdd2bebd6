//! What to send to a stick: its profile, by the catalogue or the owner, and the sequence of transfers for the interfaces that it shows.

use crate::error::{Detail, Error, ErrorKind, Result, Verdict};
use crate::event::Session;
use crate::link::{Bus, UsbLink};
use crate::profile::{Attributes, Catalogue, Choice, Method, Origin, Parameters, Scsi};
use crate::stick::{Drive, DriveKind, HUAWEI, Hindrance, Mode, Stick};
use crate::switch::{self, Sequence, Transfer, View};
use crate::switching::medium::{Medium, MediumConsent, STORAGE, await_drives, has_cdrom};

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
pub struct SwitchRequest<'a> {
    /// Where to look the stick up.
    pub catalogue: &'a Catalogue,
    /// Used instead of the catalogue's entry: the owner's own profile or message.
    pub profile: Option<Parameters>,
    /// What the stick should become.
    pub goal: Goal,
}

/// A stick, opened, and the sequence that will be sent to it. Nothing was sent yet.
pub struct Prepared {
    /// The stick as it is now.
    pub stick: Stick,
    /// The profile that was chosen.
    pub parameters: Parameters,
    /// The transfers, in order.
    pub sequence: Sequence,
    /// Why this profile and no other, one lower-case line each.
    pub evidence: Vec<String>,
    /// What the stick should become.
    pub goal: Goal,
    /// Whether its media are in use. [`send`](crate::switching::send()) looks again before the first transfer.
    pub medium: Medium,
    /// What its owner takes upon himself about them.
    pub consent: MediumConsent,
    pub(crate) link: Box<dyn UsbLink>,
}

impl Prepared {
    /// Refuses a profile that asks for nothing.
    ///
    /// # Errors
    /// `NoProfile`, untouched, for an empty sequence.
    pub fn require_steps(&self) -> Result<()> {
        if !self.sequence.transfers.is_empty() {
            return Ok(());
        }
        Err(empty_profile(&self.stick).with_verdict(Verdict::Untouched))
    }
}

/// Chooses the profile for `stick` and makes the sequence.
///
/// # Errors
/// `NoProfile` when no profile matches it, `LeftAlone` when its profile says so, `AlreadySwitched` when it is what was wanted, `WrongInterface`, `Usage` and
/// `Unsupported` when the profile does not fit the stick, `NoPower` and `NotAuthorized` when the system does not use it, and what opening the
/// stick reports. All leave the stick untouched.
pub fn prepare(
    bus: &mut dyn Bus,
    stick: &Stick,
    request: &SwitchRequest<'_>,
    session: &mut Session<'_>,
) -> Result<Prepared> {
    prepare_untouched(bus, stick, request, session).map_err(|e| e.verdict_if_unset(Verdict::Untouched))
}

fn prepare_untouched(
    bus: &mut dyn Bus,
    stick: &Stick,
    request: &SwitchRequest<'_>,
    session: &mut Session<'_>,
) -> Result<Prepared> {
    let mut evidence = Vec::new();
    let hindrance = bus.hindrance(&stick.place)?;
    check_hindrance(hindrance, stick, None)?;
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
    if by_catalogue {
        name_interface(bus, stick, &mut parameters, session, &mut evidence)?;
    }
    let mut link = bus.open_usb(&stick.place)?;
    let view = View::of(link.as_mut())?;
    if may_have_mbim {
        prefer_mbim(&mut parameters, &view, &mut evidence);
    }
    if by_catalogue && parameters.is_leave_alone() {
        return Err(left_alone(stick));
    }
    let sequence = switch::sequence(&parameters, &view).map_err(|e| {
        // A stick that keeps its ids has no drive any more once it is a modem or a network card.
        let is_switched =
            by_catalogue && matches!(stick.mode, Mode::Modem | Mode::Hilink | Mode::HilinkSerial);
        if is_switched && e.is(ErrorKind::WrongInterface) { already(stick) } else { e }
    })?;
    if let Some(configuration) = sequence.already_active
        && !sequence.transfers.iter().any(Transfer::touches_stick)
    {
        return Err(Error::new(
            ErrorKind::AlreadySwitched,
            format!("configuration {configuration} is active already"),
        )
        .with("place", &stick.place)
        .with("id", stick.id));
    }
    check_hindrance(hindrance, stick, Some(&sequence))?;
    Ok(Prepared {
        stick: stick.clone(),
        parameters,
        sequence,
        evidence,
        goal: request.goal,
        medium: Medium::of(bus, stick)?,
        consent: MediumConsent::None,
        link,
    })
}

/// Says what keeps the system from using the device, or an interface that `sequence` claims.
fn check_hindrance(hindrance: Option<Hindrance>, stick: &Stick, sequence: Option<&Sequence>) -> Result<()> {
    let kind = match hindrance {
        None => return Ok(()),
        Some(Hindrance::NotConfigured { .. }) => ErrorKind::NoPower,
        Some(Hindrance::NotAuthorized { interface: None }) => ErrorKind::NotAuthorized,
        Some(Hindrance::NotAuthorized { interface: Some(number) }) => {
            let claims = |t: &Transfer| matches!(t, Transfer::Claim { interface } if *interface == number);
            if !sequence.is_some_and(|sequence| sequence.transfers.iter().any(claims)) {
                return Ok(());
            }
            ErrorKind::NotAuthorized
        }
    };
    let what = hindrance.map(|h| h.to_string()).unwrap_or_default();
    Err(Error::new(kind, what).with("place", &stick.place).with("id", stick.id))
}

/// A stick with several storage interfaces takes its message on the one with the CD-ROM, which need not be the first.
fn name_interface(
    bus: &mut dyn Bus,
    stick: &Stick,
    parameters: &mut Parameters,
    session: &mut Session<'_>,
    evidence: &mut Vec<String>,
) -> Result<()> {
    let storage: Vec<u8> = stick.interfaces.iter().filter(|i| i.class == STORAGE).map(|i| i.number).collect();
    let (Some(first), true) = (stick.interfaces.first(), storage.len() > 1 && parameters.interface.is_none())
    else {
        return Ok(());
    };
    // What the first one has decides; the others are asked only where it has no CD-ROM.
    let is_told = |drives: &[Drive]| has_cdrom(drives);
    let drives = await_drives(bus, &stick.place, session, is_told)?.unwrap_or_default();
    let mut cdroms =
        drives.iter().filter(|drive| drive.kind == DriveKind::Cdrom).map(|drive| drive.interface);
    let Some(number) = cdroms.next() else { return Ok(()) };
    if number != first.number {
        evidence.push(format!("its CD-ROM is behind interface {number}"));
        parameters.interface = Some(number);
    }
    Ok(())
}

fn from_catalogue(
    bus: &mut dyn Bus,
    stick: &Stick,
    request: &SwitchRequest<'_>,
    session: &mut Session<'_>,
    evidence: &mut Vec<String>,
) -> Result<Parameters> {
    let scsi = match request.catalogue.needs_scsi(stick.id) {
        true => texts(&await_drives(bus, &stick.place, session, has_cdrom)?.unwrap_or_default()),
        false => None,
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
        huawei_or_none(stick)?;
        has_only_a_cdrom(bus, stick, session)?;
        evidence.push(format!("no profile knows {}; it gets Huawei's usual message", stick.id));
        let mut parameters = Parameters::default();
        parameters.turn_on(Method::HuaweiNew);
        return Ok(parameters);
    };
    let entry = candidate.entry;
    if candidate.origin != Origin::BuiltIn
        && !entry.parameters.does_something()
        && !entry.parameters.is_leave_alone()
    {
        return Err(empty_profile(stick).with("profile", &entry.source));
    }
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
fn huawei_or_none(stick: &Stick) -> Result<()> {
    if !matches!(stick.mode, Mode::Cdrom | Mode::Unknown) {
        return Err(already(stick));
    }
    if stick.id.vendor != HUAWEI || stick.mode != Mode::Cdrom {
        return Err(no_profile(stick, "no switching profile matches this stick"));
    }
    if stick.is_phone() {
        return Err(no_profile(stick, "it says that it is a telephone"));
    }
    Ok(())
}

/// A device that no profile knows is a stick when it shows a CD-ROM. A telephone's card and a card reader show a disk, and somebody's files are
/// on it.
fn has_only_a_cdrom(bus: &mut dyn Bus, stick: &Stick, session: &mut Session<'_>) -> Result<()> {
    let Some(drives) = await_drives(bus, &stick.place, session, has_cdrom)? else {
        return Err(no_profile(
            stick,
            "no profile knows it, and this system does not tell whether it shows a CD-ROM or a disk",
        ));
    };
    match (drives.is_empty(), has_cdrom(&drives)) {
        (_, true) => Ok(()),
        (true, _) => Err(no_profile(stick, "no profile knows it, and no driver found a CD-ROM behind it")),
        (false, _) => Err(no_profile(stick, "no profile knows it, and it shows a disk, not a CD-ROM")),
    }
}

/// The texts that tell some sticks apart: those of the CD-ROM, else of the first drive.
fn texts(drives: &[Drive]) -> Option<Scsi> {
    let cdrom = drives.iter().find(|drive| drive.kind == DriveKind::Cdrom);
    let [vendor, model, revision] = cdrom.or(drives.first())?.texts.clone();
    Some(Scsi { vendor, model, revision })
}

fn already(stick: &Stick) -> Error {
    Error::new(ErrorKind::AlreadySwitched, format!("the stick is switched already: {}", stick.mode_words()))
        .with("place", &stick.place)
        .with("id", stick.id)
}

fn no_profile(stick: &Stick, what: &str) -> Error {
    Error::new(ErrorKind::NoProfile, what).with("place", &stick.place).with("id", stick.id)
}

fn empty_profile(stick: &Stick) -> Error {
    no_profile(stick, "the profile contains nothing that could be done to a stick")
        .detail(Detail::EmptyProfile)
}

fn left_alone(stick: &Stick) -> Error {
    Error::new(ErrorKind::LeftAlone, "its profile says to leave this device alone")
        .with("place", &stick.place)
        .with("id", stick.id)
}

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
    if goal == Goal::Hilink && parameters.has(Method::HuaweiAlt) {
        evidence
            .push("Huawei's usual message instead of the fallback: it leads to a network card".to_owned());
        let mut parameters = parameters;
        parameters.turn(Method::HuaweiAlt, false);
        parameters.turn_on(Method::HuaweiNew);
        parameters.target_product = None;
        parameters.target_products.clear();
        return parameters;
    }
    if !wants_fallback || !parameters.has(Method::HuaweiNew) {
        return parameters;
    }
    evidence.push("Huawei's fallback message instead of the usual one: it gets you serial ports".to_owned());
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

fn is_already_there(stick: &Stick, parameters: &Parameters, goal: Goal) -> bool {
    let first_class = stick.interfaces.first().map(|i| i.class);
    let class_is_target = parameters.target_class.is_some() && parameters.target_class == first_class;
    // Some sticks keep their ids: then the class tells, and a drive is not what they are to become.
    let tells_by_id = parameters.target_class.is_none() && first_class != Some(STORAGE);
    let id_is_target = tells_by_id && parameters.targets(stick.id.vendor).contains(&stick.id);
    let no_cdrom = !matches!(stick.mode, Mode::Cdrom | Mode::Unknown);
    class_is_target || id_is_target || (goal != Goal::Usual && no_cdrom && goal.is_met_by(stick.mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_pick_the_message() {
        let new = |targets: &[u16]| {
            let mut p = Parameters { target_products: targets.to_vec(), ..Parameters::default() };
            p.turn_on(Method::HuaweiNew);
            p
        };
        let cdrom = Stick::new("1-1".parse().unwrap(), "12d1:1f01".parse().unwrap());
        let method = |targets: &[u16], goal| {
            let p = for_goal(new(targets), &cdrom, goal, &mut Vec::new());
            p.methods_on().next().unwrap()
        };
        for goal in [Goal::Usual, Goal::Hilink] {
            assert_eq!(method(&[0x14db, 0x14dc], goal), Method::HuaweiNew);
        }
        for goal in [Goal::Modem, Goal::Serial] {
            assert_eq!(method(&[0x14db, 0x14dc], goal), Method::HuaweiAlt);
        }
        assert_eq!(method(&[0x1506], Goal::Modem), Method::HuaweiNew, "the usual mode is a modem already");
        assert_eq!(method(&[0x1506], Goal::Serial), Method::HuaweiAlt);
    }
}
