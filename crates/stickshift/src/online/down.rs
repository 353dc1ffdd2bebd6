//! `down`: hangs up and puts back what the record says. Twice is no error.

use serde::Serialize;

use crate::at::At;
use crate::at::data::{self, PdpType};
use crate::at::network;
use crate::error::{Error, ErrorKind, Result, Verdict};
use crate::event::{Cancel, Session};
use crate::link::Bus;
use crate::mbim;
use crate::modem::{Login, Modem, identity};
use crate::online::computer::Computer;
use crate::online::record::{Record, StickUndo};
use crate::online::run::{Run, still_there, undo};
use crate::online::sim::PIN_REFUSED;
use crate::online::ways::{self, Way, ncm};
use crate::online::{Access, Wanted};
use crate::stick::{Place, Stick};

/// What `down` did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Taken {
    /// The stick's place.
    pub place: String,
    /// Whether there was anything to take back.
    pub was_online: bool,
    /// What was taken back on the computer.
    pub computer: Vec<String>,
    /// What the stick has now, in words.
    pub stick: Vec<String>,
    /// The stick is not there and has changes of ours that outlive its power, or it refuses to take one back.
    #[serde(skip)]
    pub left_changed: bool,
}

/// Takes the stick at `place` offline and puts back what `up` has changed. `stick` is what stands there, if anything does.
///
/// # Errors
/// What the computer reports; of the stick, an error with its verdict: the computer is put back all the same.
pub fn down(
    bus: &mut dyn Bus,
    place: &Place,
    stick: Option<Stick>,
    computer: &mut dyn Computer,
    login: Option<Login>,
    session: &mut Session<'_>,
) -> Result<Taken> {
    let mut taken = Taken { place: place.to_string(), ..Taken::default() };
    if computer.recall(place)?.is_none() {
        return Ok(taken);
    }
    computer.may_change()?;
    let _turn = computer.turn(place)?;
    let Some(mut record) = computer.recall(place)? else { return Ok(taken) };
    if record.way == PIN_REFUSED {
        taken.stick.push("the PIN that was refused is forgotten".to_owned());
        // A run that was killed after the refusal has left more than that.
        if record.is_clean() {
            computer.forget(place)?;
            return Ok(taken);
        }
    }
    taken.was_online = true;
    let is_gone = stick.is_none();
    let stick = stick.filter(|stick| stick.id.to_string() == record.stick);
    let wanted = Wanted { no_default: true, ..Wanted::default() };
    let (mut by_web, mut was_changed) = (None, false);
    if let Some(stick) = stick.clone().filter(|_| over_web(&record)) {
        // Its web server is behind the interface that the computer's changes keep up.
        session.step("stick", "the stick is put back");
        record.on_computer = still_there(&record, &computer.boot());
        record.boot = computer.boot();
        let mut run = Run::new(bus, computer, session, &wanted, stick, record);
        by_web = Some(of_stick(&mut run, login.as_ref()));
        was_changed = true;
        record = run.record;
    }
    session.step("computer", "the computer is put back");
    let (mut record, computers, back) = of_computer(computer, &record, session);
    taken.computer = computers;
    let now = match (by_web, stick) {
        (Some(now), _) => now,
        (None, Some(stick)) => {
            was_changed = !record.on_stick.is_empty();
            if was_changed {
                session.step("stick", "the stick is put back");
            }
            of_stick(&mut Run::new(bus, computer, session, &wanted, stick, record), login.as_ref())
        }
        (None, None) => {
            taken.stick = without_stick(&record, is_gone);
            taken.left_changed = record.on_stick.iter().any(is_kept_without_power);
            record.on_stick.retain(|undo| is_gone && is_kept_without_power(undo));
            match record.is_clean() {
                true => computer.forget(place)?,
                false => computer.keep(&record)?,
            }
            let left = if taken.left_changed { Verdict::Recoverable } else { Verdict::Untouched };
            return back.map(|()| taken).map_err(|e| e.after(left));
        }
    };
    // What stays on the computer keeps nothing on the stick, and the other way round.
    let verdict = if was_changed { Verdict::Recoverable } else { Verdict::Untouched };
    match (back, now) {
        (Ok(()), now) => {
            let (now, is_all) = now?;
            taken.stick.push(now);
            taken.left_changed = !is_all;
            computer.forget(place).map_err(|e| e.after(verdict))?;
            Ok(taken)
        }
        (Err(error), Ok((now, _))) => Err(error.with("stick-now", now).after(verdict)),
        (Err(error), Err(e)) => Err(error
            .with("stick-now", format!("not seen: {e}"))
            .after(e.verdict().unwrap_or(Verdict::Unknown))),
    }
}

/// A connection ends with the stick's power.
fn is_kept_without_power(undo: &StickUndo) -> bool {
    !matches!(undo, StickUndo::HangUp { .. } | StickUndo::Untold { .. })
}

/// What becomes of a stick that is not at its place, in words.
fn without_stick(record: &Record, is_gone: bool) -> Vec<String> {
    let kept = record.on_stick.iter().filter(|undo| is_kept_without_power(undo));
    let what = match is_gone {
        true => "it is not there: nothing was sent to it",
        false => "another one stands there now: nothing was sent to it",
    };
    let later = if is_gone { "to be put back when it is there again" } else { "as it was left" };
    let each = kept.map(|undo| format!("{later}: {}", now_words(undo, &record.apn)));
    [what.to_owned()].into_iter().chain(each).collect()
}

/// The same for whoever goes up again.
pub(super) fn take_back(
    bus: &mut dyn Bus,
    place: &Place,
    stick: Option<Stick>,
    computer: &mut dyn Computer,
    access: &Access<'_>,
    session: &mut Session<'_>,
) -> Result<Taken> {
    let nothing = Taken { place: place.to_string(), ..Taken::default() };
    let Some(record) = computer.recall(place)? else { return Ok(nothing) };
    let is_refused = record.way == PIN_REFUSED;
    if is_refused && record.is_clean() {
        return Ok(nothing);
    }
    let taken = down(bus, place, stick, computer, access.login.clone(), session)?;
    if is_refused {
        // A PIN that was refused stays in mind.
        let boot = computer.boot();
        computer.keep(&Record::new(place, record.stick, boot, PIN_REFUSED))?;
    }
    Ok(taken)
}

/// Takes the changes of the computer back, newest first; gives the record of what is left, what was done, and why the first change that
/// stays does.
pub(super) fn of_computer(
    computer: &mut dyn Computer,
    record: &Record,
    session: &mut Session<'_>,
) -> (Record, Vec<String>, Result<()>) {
    let mut record = record.clone();
    record.on_computer = still_there(&record, &computer.boot());
    record.boot = computer.boot();
    // What one change meets, a message bus that is down, keeps no other one in place.
    let (mut done, mut failed) = (Vec::new(), Ok(()));
    for at in (0..record.on_computer.len()).rev() {
        match undo(computer, &record.on_computer[at].clone()) {
            Ok(is_done) => {
                let back = record.on_computer.remove(at).to_string();
                if is_done {
                    session.note("computer", back.clone());
                    done.push(back);
                }
                // Where it cannot be kept, the one before serves: twice is once.
                let _ = computer.keep(&record);
            }
            Err(error) => failed = failed.and(Err(error)),
        }
    }
    (record, done, failed)
}

/// Whether the stick's web server is what puts it back: that is reached as long as the computer is not put back.
pub(super) fn over_web(record: &Record) -> bool {
    record.on_stick.iter().any(|undo| match undo {
        StickUndo::DataSwitch { .. } | StickUndo::Profile { .. } | StickUndo::WebRoaming { .. } => true,
        StickUndo::HangUp { .. } => record.way == Way::Hilink.word(),
        _ => false,
    })
}

/// The way of a record that remembers a PIN follows from the stick.
fn is_over_mbim(run: &Run<'_, '_>) -> bool {
    let follows = || run.stick.ports().next().is_none() && identity::mbim_interface(&run.stick).is_some();
    run.record.way == Way::Mbim.word() || run.record.way == PIN_REFUSED && follows()
}

/// Puts the stick back, and says what it has then, and whether that is all as it was found.
pub(super) fn of_stick(run: &mut Run<'_, '_>, login: Option<&Login>) -> Result<(String, bool)> {
    if run.record.on_stick.is_empty() {
        return Ok(("as it was found".to_owned(), true));
    }
    let undone = by_its_way(run, login);
    let _ = run.computer.keep(&run.record);
    // Where nothing was sent, as through a port that another program holds, it stands as it was recorded.
    undone.map_err(|e| e.after(Verdict::Recoverable))
}

fn by_its_way(run: &mut Run<'_, '_>, login: Option<&Login>) -> Result<(String, bool)> {
    let lacks = |what| Error::new(ErrorKind::NoSuchPort, what).with_verdict(Verdict::Unknown);
    // Putting back is not stopped half-way.
    let cancel = Cancel::new();
    if over_web(&run.record) {
        ways::hilink::reach(run).map_err(|e| e.verdict_if_unset(Verdict::Unknown))?;
        let mut link = run.bus.open_http(&run.stick.place)?;
        let mut modem = Modem::over_web(&mut *link, login, &cancel)?;
        return each(&mut run.record, &mut modem);
    }
    if is_over_mbim(run) {
        let interface = identity::mbim_interface(&run.stick)
            .ok_or_else(|| lacks("the stick's MBIM interface has no control channel"))?;
        let mut link = run.bus.open_messages(&run.stick.place, interface)?;
        let mut modem = Modem::over_mbim(&mut *link, &cancel)?;
        return each(&mut run.record, &mut modem);
    }
    let mut quiet = Session::new(|_| {}, cancel.clone());
    let interface = identity::find_at_port(run.bus, &run.stick, &mut quiet)?
        .ok_or_else(|| lacks("no port of the stick answers AT commands"))?;
    let mut port = run.bus.open_port(&run.stick.place, interface)?;
    let mut modem = Modem::over_at(&mut *port, &cancel)?;
    each(&mut run.record, &mut modem)
}

/// Hangs up first, then the rest in the order of the record; each is struck off once it is done.
fn each(record: &mut Record, modem: &mut Modem<'_>) -> Result<(String, bool)> {
    record.on_stick.sort_by_key(|undo| !matches!(undo, StickUndo::HangUp { .. }));
    let (mut words, mut is_all) = (Vec::new(), true);
    while let Some(undo) = record.on_stick.first().cloned() {
        match one(modem, &undo).map_err(|e| e.with_verdict(Verdict::Unknown))? {
            true => words.push(back_words(&undo)),
            false => {
                is_all = false;
                words.push(now_words(&undo, &record.apn) + ": the stick does not take it back");
            }
        }
        record.on_stick.remove(0);
    }
    Ok((words.join(", "), is_all))
}

/// Whether the stick took it.
fn one(modem: &mut Modem<'_>, undo: &StickUndo) -> Result<bool> {
    match (undo, modem.at()) {
        (StickUndo::Context { .. }, Some(at)) => define(at, undo),
        (StickUndo::HangUp { .. }, Some(at)) => ncm::end(at),
        _ => other(modem, undo).map(|()| true),
    }
}

fn other(modem: &mut Modem<'_>, undo: &StickUndo) -> Result<()> {
    match undo {
        StickUndo::DataSwitch { on } => return modem.set_data(*on),
        StickUndo::Profile { index } => return modem.use_dial_profile(*index).map(drop),
        StickUndo::Roaming { on } | StickUndo::WebRoaming { on } => {
            let now = modem.radio()?;
            let wanted = now.clone().with_roaming(*on);
            return modem.set_radio(&now, &wanted).map(|_| ());
        }
        StickUndo::HangUp { .. } if modem.web().is_some() => return modem.dial(false),
        StickUndo::HangUp { .. } | StickUndo::Radio { .. } => {}
        StickUndo::Untold { .. } | StickUndo::Context { .. } => return Ok(()),
    }
    if let Some(mbim) = modem.mbim() {
        return match undo {
            StickUndo::HangUp { .. } => ways::mbim::hang_up(mbim),
            StickUndo::Radio { on } => mbim.run(&mbim::set_radio_state(*on)).map(|_| ()),
            _ => Ok(()),
        };
    }
    let Some(at) = modem.at() else { return Ok(()) };
    match undo {
        StickUndo::Radio { on } => at.run(&network::set_radio(*on)),
        _ => Ok(()),
    }
}

/// Defines a context as it was. `false` where it is another one still: some keep their first whatever one asks for.
fn define(at: &mut At<'_>, undo: &StickUndo) -> Result<bool> {
    let StickUndo::Context { context, pdp, apn } = undo else { return Ok(true) };
    let command = match pdp.as_deref() {
        Some("IPV6") => data::define_context(*context, PdpType::V6, apn)?,
        Some("IPV4V6") => data::define_context(*context, PdpType::V4V6, apn)?,
        Some(_) => data::define_context(*context, PdpType::V4, apn)?,
        None => data::undefine_context(*context),
    };
    // One that was spoilt on its way is refused, too.
    for _ in 0..2 {
        match at.run(&command) {
            Err(e) if e.is(ErrorKind::AtRefused) => {}
            other => return other.map(|()| true),
        }
        if ncm::found(at)? == *undo {
            return Ok(true);
        }
    }
    Ok(false)
}

fn back_words(undo: &StickUndo) -> String {
    match undo {
        StickUndo::HangUp { .. } => "hung up".to_owned(),
        StickUndo::Context { context, pdp: None, .. } => format!("profile {context} undefined as before"),
        StickUndo::Context { context, .. } => format!("profile {context} as before"),
        StickUndo::Untold { context } => {
            format!("profile {context} as it was written: what it was is not known")
        }
        StickUndo::DataSwitch { on } => format!("data switch {}", on_off(*on)),
        StickUndo::Profile { index } => format!("dials with profile {index}"),
        StickUndo::Roaming { on } | StickUndo::WebRoaming { on } => format!("roaming {}", on_off(*on)),
        StickUndo::Radio { on } => format!("radio {}", on_off(*on)),
    }
}

/// What the stick has while the change stands.
pub(super) fn now_words(undo: &StickUndo, apn: &str) -> String {
    let named = |apn: &str| match apn {
        "" => "no access point name (the network chooses)".to_owned(),
        apn => format!("the access point {apn}"),
    };
    match undo {
        // A session of MBIM, or the web server's own choice.
        StickUndo::HangUp { context: 0 } => "connected".to_owned(),
        StickUndo::HangUp { context } => format!("connected with profile {context}"),
        StickUndo::Context { context, pdp: None, .. } => {
            format!("profile {context} has {} now; before, it was not defined", named(apn))
        }
        StickUndo::Context { context, apn: before, .. } if before == apn => {
            format!("profile {context} has {}, as before", named(apn))
        }
        StickUndo::Context { context, apn: before, .. } => {
            format!("profile {context} has {} now; before, it had {}", named(apn), named(before))
        }
        StickUndo::Untold { context } => {
            format!("profile {context} has {} now; what it had before is not known", named(apn))
        }
        StickUndo::DataSwitch { on } => format!("data switch {}; it was {}", on_off(!on), on_off(*on)),
        StickUndo::Profile { index } => format!("dials with another profile; it was {index}"),
        StickUndo::Roaming { on } | StickUndo::WebRoaming { on } => {
            format!("roaming {}; it was {}", on_off(!on), on_off(*on))
        }
        StickUndo::Radio { on } => format!("radio {}; it was {}", on_off(!on), on_off(*on)),
    }
}

fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}
