//! `stickshift switch [STICK]`: from CD-ROM to modem.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;
use stickshift::error::{Detail, Error, ErrorKind, Result, Verdict};
use stickshift::link::Bus;
use stickshift::profile::{Catalogue, Parameters, builtin, check, formats, message};
use stickshift::stick::{Mode, Stick, UsbId, is_huawei_design, is_stick};
use stickshift::switching::web_ports;
use stickshift::switching::{self, Goal, Medium, MediumConsent, Prepared, SwitchRequest, Switched};

use crate::context::Context;
use crate::files;
use crate::output::Report;
use crate::output::json::Outcome;
#[cfg(feature = "rack")]
use crate::rack::{self, Line, Phase, RackArgs};
#[cfg(feature = "rack")]
use crate::recovery::Work;
use crate::select::OTHER_PAGE;
use crate::stick_word;
use crate::verbs::list::StickReport;
use crate::way_in::LoginArgs;

/// Switch a stick from CD-ROM to modem.
///
/// Looks up the stick in the built-in profiles and in yours, sends its switch message, and checks what reappears on the same USB port. With
/// `--to serial`, a stick that is already a network card is switched through its web API: AT commands work then, until it is unplugged. To have
/// the operator's address instead of the stick's own router for good, convert it: `stickshift convert --to stick`.
#[derive(Args, Clone, Debug)]
pub(crate) struct SwitchArgs {
    #[arg(long, value_name = "STICK", help = stick_word::HELP)]
    stick: Option<String>,

    /// Target mode
    #[arg(long, value_enum)]
    to: Option<To>,

    /// Use the profile in FILE (any format that `profile convert` reads)
    #[arg(long, value_name = "FILE", conflicts_with = "message")]
    profile: Option<PathBuf>,

    /// Send this message; up to three, in order. Hex as in profiles: 0x, blanks and colons between bytes are ignored
    #[arg(long, value_name = "HEX")]
    message: Vec<String>,

    /// Show the plan and change nothing
    #[arg(long)]
    dry_run: bool,

    /// Do not wait for drivers to create the ports (for udev rules, which block the drivers)
    #[arg(long)]
    no_ports: bool,

    #[cfg(feature = "rack")]
    #[command(flatten)]
    rack: RackArgs,

    #[command(flatten)]
    login: LoginArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum To {
    /// AT ports, using the method known for this stick
    Modem,
    /// A network card with its own router
    Hilink,
    /// Serial ports, even on a stick that usually becomes a network card
    Serial,
}

impl SwitchArgs {
    fn goal(&self) -> Goal {
        match self.to {
            None => Goal::Usual,
            Some(To::Modem) => Goal::Modem,
            Some(To::Hilink) => Goal::Hilink,
            Some(To::Serial) => Goal::Serial,
        }
    }
}

pub(crate) fn run(context: &mut Context, args: SwitchArgs) -> Result<()> {
    #[cfg(feature = "rack")]
    if args.rack.means_all()? {
        return every_stick(context, args);
    }
    let mut bus = context.every_device()?;
    let catalogue = context.catalogue();
    let stick = chosen(context, &mut *bus, args.stick.as_deref(), &catalogue)?;
    // A look at all devices does not wait for what one is slow to say of itself; the choice of its profile does.
    let stick = bus.device(&stick.place)?.filter(|there| there.id == stick.id).unwrap_or(stick);
    let own = args.profile.is_some() || !args.message.is_empty();
    if !own && stick.mode == Mode::Hilink && matches!(args.goal(), Goal::Serial | Goal::Modem) {
        if !is_huawei_design(stick.id.vendor) {
            let what = "Huawei's web API opens serial ports, and this stick is of another maker";
            return Err(Error::new(ErrorKind::Unsupported, what)
                .with("place", &stick.place)
                .with("id", stick.id)
                .detail(Detail::NextStep(OTHER_PAGE))
                .with_verdict(Verdict::Untouched));
        }
        return by_web_api(context, &mut *bus, &stick, &args);
    }
    let profile = match &args.profile {
        Some(path) => Some(from_file(context, path, stick.id)?),
        None if args.message.is_empty() => None,
        None => Some(from_messages(&args.message)?),
    };
    for fault in profile.iter().flat_map(check::faults) {
        context.output.warn("profile-fault", fault);
    }
    let request = SwitchRequest { catalogue: &catalogue, profile, goal: args.goal() };
    let mut session = context.session();
    let mut prepared = match switching::prepare(&mut *bus, &stick, &request, &mut session) {
        Ok(prepared) => prepared,
        Err(error) if error.is(ErrorKind::AlreadySwitched) && request.goal.is_met_by(stick.mode) => {
            if request.goal == Goal::Serial {
                refuse_without_ports(&stick)?;
            }
            context.output.outcome_is(Outcome::Untouched);
            context.output.finish(&SwitchReport::already(&stick));
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    prepared.require_steps()?;
    let plan = PlanReport::of(&prepared);
    if args.dry_run {
        context.output.outcome_is(Outcome::Untouched);
        context.output.finish(&plan);
        return Ok(());
    }
    let brief = context.global.verbose == 0;
    context.output.interim("plan", &PlanReport { brief, ..plan });
    consent_to_medium(context, &prepared.medium)?;
    prepared.consent = MediumConsent::InUse;
    let switched = match args.no_ports {
        true => switching::switch(&mut *bus, prepared, &mut session)?,
        false => switching::switch_and_wait(&mut *bus, prepared, &mut session)?,
    };
    context.output.finish(&SwitchReport::of(stick.id, &switched));
    Ok(())
}

/// Every stick that shows its CD-ROM; with a goal that needs the web server, those that are network cards too.
#[cfg(feature = "rack")]
fn every_stick(context: &mut Context, mut args: SwitchArgs) -> Result<()> {
    args.login.once()?;
    let by_web = matches!(args.goal(), Goal::Serial | Goal::Modem) && args.profile.is_none();
    let rack = std::mem::take(&mut args.rack);
    // The same file may lie elsewhere the next time.
    let profile = args.profile.as_deref().map(files::read).transpose()?.map(files::digest);
    let line = Line {
        verb: "switch",
        work: Work::Switch,
        gives_loader: false,
        key: rack::key(&["switch", &format!("{:?} {profile:?} {:?}", args.to, args.message)], &[]),
        wants: &|stick| {
            let by_web = by_web && is_huawei_design(stick.id.vendor);
            stick.mode == Mode::Cdrom || (by_web && stick.mode == Mode::Hilink)
        },
        ask: &|_, _| None,
        is_done: &|_| false,
        is_over: &|_, _| {},
        resumes: &|_, _| false,
        run: &|context, place, phase| {
            let (stick, dry_run) = (Some(place.to_string()), phase == Phase::Plan);
            run(context, SwitchArgs { stick, dry_run, ..args.clone() })
        },
        told: |result| (None, result["stick"]["mode"].as_str().map(str::to_owned)),
    };
    rack::run(context, &rack, args.dry_run, &line)
}

/// Asks before a stick is taken away whose drives are in use, or may be.
fn consent_to_medium(context: &Context, medium: &Medium) -> Result<()> {
    match medium {
        Medium::Free => Ok(()),
        Medium::InUse(uses) => {
            context.output.warn("medium-in-use", uses.join("; "));
            let question = "What is not written yet will be lost. Switch it all the same?";
            context.confirm(question).map_err(|e| e.with("in-use", uses.join("; ")))
        }
        Medium::NotKnown => {
            let text =
                "this system does not tell whether a drive of this device is mounted; make sure that none is";
            context.output.warn("medium-not-known", text.to_owned());
            context.confirm("Is nothing of it mounted?")
        }
    }
}

/// A stick that is a network card already takes no more messages: its web server is asked.
fn by_web_api(context: &mut Context, bus: &mut dyn Bus, stick: &Stick, args: &SwitchArgs) -> Result<()> {
    let plan = web_ports::plan(stick);
    if args.dry_run {
        context.output.outcome_is(Outcome::Untouched);
        context.output.finish(&plan);
        return Ok(());
    }
    context.output.interim("plan", &plan);
    // Its card reader leaves with it.
    consent_to_medium(context, &Medium::of(bus, stick)?)?;
    let login = args.login.login()?;
    let switched = web_ports::open(bus, &stick.place, login.as_ref(), &mut context.session())?;
    if !args.goal().is_met_by(switched.mode) {
        let what = format!("the stick switched to something else: {}", switched.mode_words());
        return Err(Error::new(ErrorKind::NotSwitched, what)
            .with("place", &switched.place)
            .with("id", switched.id)
            .with_verdict(Verdict::Recoverable));
    }
    context.output.finish(&SwitchReport::of(stick.id, &Switched { stick: switched, expected: true }));
    Ok(())
}

/// The stick that was named; else the only one that waits to be switched; else the only one there.
pub(crate) fn chosen(
    context: &Context,
    bus: &mut dyn Bus,
    wanted: Option<&str>,
    catalogue: &Catalogue,
) -> Result<Stick> {
    match context.stick_in_mode(bus, wanted, Mode::Cdrom) {
        Err(error) if error.is(ErrorKind::NoStick) && !context.names_a_stick(wanted) => {
            #[cfg(feature = "config")]
            context.usual_place_is_taken(bus, wanted)?;
            let mut all = bus.sticks()?;
            all.retain(|stick| is_stick(stick) || catalogue.knows(stick.id) || builtin::concerns(stick.id));
            context.only(all, "no stick is plugged in")
        }
        other => other,
    }
}

fn from_file(context: &Context, path: &Path, id: UsbId) -> Result<Parameters> {
    let name = path.file_name().map(|n| n.to_string_lossy()).unwrap_or_default();
    let bytes = files::read(path)?;
    // A text that leaves the ids to its file's name is meant for the stick at hand.
    let import = formats::import(&bytes, &name)
        .or_else(|error| formats::import(&bytes, &id.to_string()).map_err(|_| error))?;
    if let Some(refused) = import.refused.first() {
        return Err(Error::new(ErrorKind::FileCorrupt, refused.why.clone()).with("entry", &refused.entry));
    }
    let mut entries = import.entries;
    if entries.len() > 1 {
        entries.retain(|e| e.key.id() == Some(id));
    }
    let other = entries.first().and_then(|entry| entry.key.id()).filter(|other| *other != id);
    if let (1, Some(other)) = (entries.len(), other) {
        let what = format!("the profile in {} is for {other}, and this stick is {id}", path.display());
        context.output.warn("profile-for-another", what);
    }
    match entries.len() {
        1 => Ok(entries.remove(0).parameters),
        0 => Err(Error::new(ErrorKind::NoProfile, format!("{} has no profile for {id}", path.display()))),
        n => Err(Error::new(ErrorKind::Usage, format!("{} has {n} profiles for {id}", path.display()))),
    }
    .map_err(|e| e.with_verdict(Verdict::Untouched))
}

fn from_messages(messages: &[String]) -> Result<Parameters> {
    let mut parameters = Parameters::default();
    if messages.len() > parameters.messages.len() {
        return Err(Error::new(ErrorKind::Usage, "there can be three messages at most"));
    }
    for (slot, text) in parameters.messages.iter_mut().zip(messages) {
        let refused = |why: String| Error::new(ErrorKind::Usage, why).with("message", text);
        *slot = bytes(text).map_err(refused)?;
        if check::is_cut_wrapper(slot) {
            let why = format!("a command wrapper (55534243..) has 31 bytes, and this has {}", slot.len());
            return Err(refused(why));
        }
    }
    Ok(parameters)
}

/// Bytes of a message as profiles take it, quotes of a copied one included. The error is a sentence.
fn bytes(text: &str) -> Result<Vec<u8>, String> {
    const QUOTES: [char; 4] = ['"', '\'', '\u{201c}', '\u{201d}'];
    match message::read(text.trim().trim_matches(QUOTES)) {
        Ok((bytes, _)) if bytes.is_empty() => Err("this message is empty".to_owned()),
        Ok((bytes, _)) => Ok(bytes),
        Err(bad) => Err(format!("this message is not hex: character {}: {}", bad.character, bad.what)),
    }
}

/// What will be sent.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PlanReport {
    place: String,
    id: String,
    profile: String,
    evidence: Vec<String>,
    transfers: Vec<String>,
    remarks: Vec<String>,
    /// Whether it is told in one line: what is sent was not asked for.
    #[serde(skip)]
    brief: bool,
    /// What its drives are used for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    in_use: Vec<String>,
}

impl PlanReport {
    pub(crate) fn of(prepared: &Prepared) -> PlanReport {
        PlanReport {
            place: prepared.stick.place.to_string(),
            id: prepared.stick.id.to_string(),
            profile: prepared.parameters.summary(),
            evidence: prepared.evidence.clone(),
            transfers: prepared.sequence.transfers.iter().map(ToString::to_string).collect(),
            remarks: prepared.sequence.remarks.clone(),
            brief: false,
            in_use: match &prepared.medium {
                Medium::InUse(uses) => uses.clone(),
                Medium::Free | Medium::NotKnown => Vec::new(),
            },
        }
    }
}

impl Report for PlanReport {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "switch {} ({}) by {}", self.place, self.id, self.profile)?;
        if !self.brief {
            for line in &self.evidence {
                writeln!(out, "  why   {line}")?;
            }
            for (index, transfer) in self.transfers.iter().enumerate() {
                writeln!(out, "  {:>4}  {transfer}", index + 1)?;
            }
        }
        for line in &self.remarks {
            writeln!(out, "  note  {line}")?;
        }
        for line in &self.in_use {
            writeln!(out, "  RISK  {line}")?;
        }
        Ok(())
    }
}

/// A modem need not have serial ports: MBIM and QMI do without.
fn refuse_without_ports(stick: &Stick) -> Result<()> {
    if stick.interfaces.is_empty() || stick.interfaces.iter().any(|i| i.role.is_serial()) {
        return Ok(());
    }
    let what = "the stick shows no serial port in its mode, and no way to one is known";
    let next = "`stickshift signal`, `sms`, `pin` and `online` use what it has";
    Err(Error::new(ErrorKind::Unsupported, what)
        .with("place", &stick.place)
        .with("id", stick.id)
        .detail(Detail::NextStep(next))
        .with_verdict(Verdict::Untouched))
}

/// What came of it.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SwitchReport {
    from: String,
    /// Whether it was switched now; false when it was so before.
    switched: bool,
    /// Whether it became one of those its profile names.
    expected: bool,
    stick: StickReport,
}

impl SwitchReport {
    pub(crate) fn of(from: UsbId, switched: &Switched) -> SwitchReport {
        SwitchReport {
            from: from.to_string(),
            switched: true,
            expected: switched.expected,
            stick: StickReport::of(&switched.stick),
        }
    }

    fn already(stick: &Stick) -> SwitchReport {
        SwitchReport {
            from: stick.id.to_string(),
            switched: false,
            expected: true,
            stick: StickReport::of(stick),
        }
    }
}

impl Report for SwitchReport {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let stick = self.stick.line();
        match (self.switched, self.expected) {
            (false, _) => writeln!(out, "nothing to do: {stick}"),
            (true, true) => writeln!(out, "switched from {}: {stick}", self.from),
            (true, false) => {
                writeln!(out, "switched from {} to ids its profile does not name: {stick}", self.from)
            }
        }
    }
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<PlanReport>("switch");
    shapes.result::<stickshift::plan::Plan>("switch");
    shapes.result::<SwitchReport>("switch");
    shapes.event::<PlanReport>("switch", "plan");
    shapes.event::<stickshift::plan::Plan>("switch", "plan");
    #[cfg(feature = "rack")]
    rack::shapes(shapes, "switch");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_hex_as_people_write_it() {
        for good in
            ["55 53 42 43", "55534243", "0x55534243", "0x55 0x53 0x42 0x43", "55:53:42:43", "\"55534243\""]
        {
            assert_eq!(bytes(good), Ok(vec![0x55, 0x53, 0x42, 0x43]), "{good}");
        }
        for bad in ["", "  ", "5", "555", "5g", "0x5", "0x"] {
            assert!(bytes(bad).is_err(), "{bad:?}");
        }
        let three = ["01".to_owned(), "02".to_owned(), "03".to_owned()];
        assert_eq!(from_messages(&three).unwrap().messages, [vec![1], vec![2], vec![3]]);
        let four = vec!["01".to_owned(); 4];
        assert!(from_messages(&four).unwrap_err().is(ErrorKind::Usage));
        for cut in ["5553", "55534243"] {
            assert!(from_messages(&[cut.to_owned()]).unwrap_err().is(ErrorKind::Usage), "{cut}");
        }
        assert!(from_messages(&["1b5a01".to_owned()]).is_ok());
    }
}
