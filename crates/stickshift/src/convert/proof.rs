//! What a stick says of itself after its firmware was written.

use std::time::Duration;

use crate::convert::journal::{Fingerprint, Record, Secret};
use crate::convert::load::{find, shows};
use crate::convert::modes::{leave_cdrom, settled};
use crate::convert::request::{ConvertRequest, Shown};
use crate::convert::resumption::fingerprint;
use crate::error::{Detail, Error, ErrorKind, Result, Verdict};
use crate::event::Session;
use crate::link::Bus;
use crate::modem::identity::{self, Identity};
use crate::modem::web::Login;
use crate::stick::{Mode, Place, Stick};
use crate::switching::Goal;
use crate::waiting::{wait_at, wait_for_stick};

/// From the reset to the new firmware's interfaces: the first start restores the NV memory and takes long.
pub(super) const FIRST_START: Duration = Duration::from_secs(180);
/// How long other programs may try a modem that has just appeared.
const OTHERS_TRY: Duration = Duration::from_secs(30);

/// Waits for the first start, and compares what the stick says with the image, and with the stick that was `flashed`.
pub(super) fn prove(
    bus: &mut dyn Bus,
    place: &Place,
    request: &ConvertRequest,
    flashed: &Record,
    session: &mut Session<'_>,
) -> Result<Identity> {
    session.step("wait-first-start", "waiting for the first start of the new firmware (it may take minutes)");
    let unknown = |e: Error| e.with_verdict(Verdict::Unknown);
    let speaks = |s: &Stick| matches!(s.mode, Mode::Modem | Mode::Hilink | Mode::HilinkSerial | Mode::Cdrom);
    let stick = wait_for_stick(bus, place, FIRST_START, session, speaks).map_err(unknown)?;
    let Some(stick) = stick else {
        return Err(not_started(find(bus, place).ok().as_ref()));
    };
    if stick.mode == Mode::Cdrom {
        leave_cdrom(bus, &stick, &[Goal::Usual], session).map_err(unknown)?;
    }
    session.step("verify", "asking the stick what it is now");
    let stick = settled(bus, place, session).map_err(unknown)?;
    let after = ask_newcomer(bus, &stick, request.login.as_ref(), session)
        .and_then(|seen| seen.ok_or_else(|| identity::mute(&stick)))
        .map_err(unknown)?;
    compare(&after, request, session)?;
    compare_identity(&after, &flashed.stick, &flashed.secret, session)?;
    Ok(after)
}

/// What its place shows instead of the new firmware.
pub(super) fn not_started(now: Option<&Stick>) -> Error {
    let mode = now.map(|stick| stick.mode);
    let verdict = match mode {
        Some(Mode::BootRom | Mode::Download) => Verdict::Recoverable,
        _ => Verdict::Unknown,
    };
    Error::new(ErrorKind::VersionMismatch, "everything was sent, and the new firmware was not seen to start")
        .with("place-shows", mode.map_or("nothing", Mode::code))
        .with("waited-seconds", FIRST_START.as_secs())
        .detail(Detail::PlaceShows(shows(mode)))
        .with_verdict(verdict)
}

/// Other programs try a modem that has just appeared: they are waited for.
pub(super) fn ask_newcomer(
    bus: &mut dyn Bus,
    stick: &Stick,
    login: Option<&Login>,
    session: &mut Session<'_>,
) -> Result<Option<Identity>> {
    let end = bus.now() + OTHERS_TRY;
    loop {
        match identity::ask(bus, stick, login, session) {
            Err(e) if e.is(ErrorKind::PortBusy) && bus.now() < end => {
                session.note("port-busy", format!("{e}; waiting for it"));
                wait_at(bus, &stick.place, Duration::from_secs(1), session, |_| false)?;
            }
            other => return other,
        }
    }
}

/// No firmware image holds an IMEI: it is the same afterwards.
fn compare_identity(
    after: &Identity,
    flashed: &Fingerprint,
    secret: &Secret,
    session: &mut Session<'_>,
) -> Result<()> {
    let now = fingerprint(after, secret);
    if flashed.has_another_imei(&now) {
        return Err(Error::new(
            ErrorKind::VersionMismatch,
            "the stick runs the firmware that was flashed, and says another IMEI than before",
        )
        .detail(Detail::AnotherImei)
        .with_verdict(Verdict::Unknown));
    }
    if flashed.imei_hash.is_some() && now.imei_hash.is_none() {
        session
            .warn("imei-not-told", "the stick does not say its IMEI: whether it still has it is not known");
    }
    Ok(())
}

fn compare(after: &Identity, request: &ConvertRequest, session: &mut Session<'_>) -> Result<()> {
    let wanted = request.files.iter().find(|f| f.is_main()).map(|f| f.version().version).unwrap_or_default();
    let differs = |what: &str, expected: &str, found: &str| {
        Err(Error::new(
            ErrorKind::VersionMismatch,
            format!("the stick came back with another {what} than was flashed"),
        )
        .with("expected", expected)
        .with("found", found)
        .with_verdict(Verdict::Recoverable))
    };
    match after.firmware.as_deref() {
        Some(version) if !wanted.is_empty() && version != wanted => {
            return differs("firmware version", &wanted, version);
        }
        None if !wanted.is_empty() => {
            return Err(Error::new(
                ErrorKind::VersionMismatch,
                "the stick came back and does not say which firmware it runs",
            )
            .with("expected", wanted)
            .detail(Detail::NoVersion)
            .with_verdict(Verdict::Unknown));
        }
        _ => {}
    }
    match after.kind {
        // It runs the image, whole: what else that could have become was consented to, and another run would not change it.
        Some(kind) if kind != request.to.word() && after.firmware.as_ref().is_some_and(|v| *v == wanted) => {
            let what = format!("the stick runs {kind} firmware now: the image has no other");
            session.warn("another-kind", what);
            Ok(())
        }
        Some(kind) if kind != request.to.word() => differs("kind of firmware", request.to.word(), kind),
        _ => Ok(()),
    }
}

/// Whether what the stick says now shows that it runs what was sent: its version, or, where the files name none, another kind of firmware than
/// `before`. A stick that acknowledges and writes nothing says the same as before: what it `ran` then.
pub(super) fn shown(
    before: Option<&Identity>,
    ran: Option<&str>,
    after: &Identity,
    request: &ConvertRequest,
) -> Shown {
    let wanted = request.files.iter().find(|f| f.is_main()).map(|f| f.version().version).unwrap_or_default();
    let kind_before = before.and_then(|before| before.kind);
    let is_another_kind = kind_before.is_some() && after.kind.is_some() && kind_before != after.kind;
    match after.firmware.as_deref() {
        _ if wanted.is_empty() && is_another_kind && after.kind == Some(request.to.word()) => Shown::Runs,
        Some(version) if !wanted.is_empty() && version == wanted => match ran {
            Some(ran) if ran == version && !is_another_kind => Shown::AsBefore,
            _ => Shown::Runs,
        },
        _ => Shown::NoVersion,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::plan::tests::{firmware, request};
    use crate::convert::request::Target;

    #[test]
    fn a_stick_that_tells_no_version_is_not_called_another() {
        let request = request(Target::Stick, firmware("E3372h_153", "21.180.01.00.00"));
        let end = |version: Option<&str>| {
            let after = Identity { firmware: version.map(str::to_owned), ..Identity::default() };
            compare(&after, &request, &mut Session::quiet()).map_err(|e| e.verdict())
        };
        end(Some("21.180.01.00.00")).unwrap();
        assert_eq!(end(Some("22.200.07.00.00")), Err(Some(Verdict::Recoverable)));
        assert_eq!(end(None), Err(Some(Verdict::Unknown)));
    }

    #[test]
    fn without_a_version_only_another_kind_shows_that_something_was_written() {
        let says =
            |kind, version: &str| Identity { firmware: Some(version.into()), kind, ..Identity::default() };
        let (stick, hilink) = (says(Some("stick"), "21.1"), says(Some("hilink"), "22.1"));
        let named = request(Target::Stick, firmware("E3372h_153", "21.1"));
        assert_eq!(shown(None, None, &stick, &named), Shown::Runs);
        let unnamed = request(Target::Stick, firmware("E3372h_153", ""));
        assert_eq!(shown(Some(&hilink), Some("22.1"), &stick, &unnamed), Shown::Runs);
        for before in [None, Some(&stick), Some(&says(None, "21.1"))] {
            assert_eq!(shown(before, None, &stick, &unnamed), Shown::NoVersion);
        }
    }

    #[test]
    fn a_stick_that_ran_the_version_before_does_not_show_that_it_was_written() {
        let says = |kind| Identity { firmware: Some("21.1".into()), kind: Some(kind), ..Identity::default() };
        let (stick, hilink) = (says("stick"), says("hilink"));
        let request = request(Target::Stick, firmware("E3372h_153", "21.1"));
        let end = |before, ran| shown(before, ran, &stick, &request);
        assert_eq!(end(Some(&stick), Some("21.1")), Shown::AsBefore);
        assert_eq!(end(None, Some("21.1")), Shown::AsBefore, "download mode told");
        assert_eq!(end(Some(&stick), None), Shown::Runs, "an interrupted run wrote it");
        assert_eq!(end(Some(&hilink), Some("21.1")), Shown::Runs);
        assert_eq!(end(None, Some("22.1")), Shown::Runs);
    }

    #[test]
    fn a_stick_that_runs_what_the_image_has_is_not_flashed_for_ever() {
        let request = request(Target::Hilink, firmware("E3372h_153", "21.180.01.00.00"));
        let end = |version: &str| {
            let after =
                Identity { firmware: Some(version.into()), kind: Some("stick"), ..Identity::default() };
            compare(&after, &request, &mut Session::quiet()).map_err(|e| e.verdict())
        };
        end("21.180.01.00.00").unwrap();
        assert_eq!(end("21.318.01.00.00"), Err(Some(Verdict::Recoverable)));
    }

    #[test]
    fn a_stick_that_comes_back_with_another_imei_is_not_done() {
        let says = |imei: Option<&str>| Identity { imei: imei.map(str::to_owned), ..Identity::default() };
        let secret = Secret::default();
        let flashed = fingerprint(&says(Some("860000000000017")), &secret);
        let end = |imei| compare_identity(&says(imei), &flashed, &secret, &mut Session::quiet());
        end(Some("860000000000017")).unwrap();
        end(None).unwrap();
        for other in ["000000000000000", "860000000000124"] {
            assert_eq!(end(Some(other)).unwrap_err().verdict(), Some(Verdict::Unknown));
        }
        let untold = Fingerprint::default();
        compare_identity(&says(Some("860000000000124")), &untold, &secret, &mut Session::quiet()).unwrap();
    }
}
