//! How to get a stick from its state after a failure to where its owner wants it: the text after the verdict.

use stickshift::error::{Detail, Error, ErrorKind, Verdict};
#[cfg(feature = "flash")]
use stickshift::error::{RefusalFamily, Shows};
#[cfg(feature = "flash")]
use stickshift::flash::nak;

/// What was being done when it failed. It decides what "again" means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Work {
    /// Nothing that leaves a stick half done.
    #[default]
    Other,
    /// A conversation with a stick that runs: messages, codes, settings.
    Talk,
    /// A data connection, which is put back when it fails.
    Online,
    /// A switch from one mode to another.
    Switch,
    /// A loader into the boot ROM.
    Load,
    /// Firmware in download mode, with a journal.
    Flash,
    /// The whole conversion, with a journal; it starts in whatever mode the stick is.
    Convert,
    /// The same on a virtual stick that is gone when it ends.
    #[cfg(feature = "virtual")]
    Rehearsal,
}

#[cfg(feature = "flash")]
const RESUME: &str = "run the same command again with --resume";
#[cfg(feature = "flash")]
const UNRECORDED: &str = "let the journal be written (free space, its folder), and run the same command again from the start, without --resume";

/// What to do with the stick that an error left behind: one sentence without a full stop.
pub(crate) fn of(error: &Error, verdict: Verdict, work: Work) -> String {
    match verdict {
        #[cfg(feature = "virtual")]
        Verdict::Recoverable | Verdict::Unknown if work == Work::Rehearsal => {
            "the virtual stick is gone: the next rehearsal begins with a new one".to_owned()
        }
        Verdict::Untouched if error.has(&Detail::InJournal) && !error.is(ErrorKind::FileUnwritable) => {
            untouched(ErrorKind::NoJournal).to_owned()
        }
        Verdict::Untouched if error.has(&Detail::MarkedRead) => {
            "nothing on it changed, but that messages which were new count as read".to_owned()
        }
        Verdict::Untouched if work == Work::Online && error.has(&Detail::CodeSent) => {
            "a PIN was sent, and the SIM counted no attempt".to_owned()
        }
        // The stick has been asked by then.
        Verdict::Untouched if work == Work::Online && error.is(ErrorKind::Usage) => {
            "nothing that changes a stick was sent".to_owned()
        }
        // It was asked what it is, and may be in download mode already.
        #[cfg(feature = "flash")]
        Verdict::Untouched if error.has(&Detail::FileChanged) || error.has(&Detail::AnotherStick) => {
            "nothing that changes it was sent".to_owned()
        }
        #[cfg(feature = "flash")]
        Verdict::Unknown if error.has(&Detail::AnotherImei) => {
            "it runs the firmware that was flashed; whether it is the same stick, the IMEI on its label tells"
                .to_owned()
        }
        #[cfg(feature = "flash")]
        Verdict::Unknown if error.has(&Detail::NoVersion) => {
            "it took everything, started and answers; which firmware it runs it does not say".to_owned()
        }
        // It may have been sent and seen to have changed nothing.
        Verdict::Untouched
            if error.is(ErrorKind::NotSwitched) || (work == Work::Talk && ends_a_talk(error.kind())) =>
        {
            "nothing on it changed".to_owned()
        }
        Verdict::Untouched => untouched(error.kind()).to_owned(),
        Verdict::Done => "the change was made and verified".to_owned(),
        Verdict::Recoverable => recoverable(error, work),
        Verdict::Unknown => unknown(error, work),
    }
}

/// Kinds of failures that come after the first word was said.
fn ends_a_talk(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Usage
            | ErrorKind::Timeout
            | ErrorKind::Disconnected
            | ErrorKind::UnexpectedAnswer
            | ErrorKind::AtRefused
            | ErrorKind::HilinkRefused
            | ErrorKind::MbimRefused
            | ErrorKind::Interrupted
    )
}

fn untouched(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::JournalMismatch | ErrorKind::NoJournal => {
            "this run sent nothing; the state that an earlier run left is unchanged"
        }
        ErrorKind::WrongPin => "no attempt was counted",
        // Sticks may have been asked what they are before.
        ErrorKind::Usage
        | ErrorKind::FileNotFound
        | ErrorKind::FileUnreadable
        | ErrorKind::FileUnwritable
        | ErrorKind::WrongFileKind
        | ErrorKind::FileTruncated
        | ErrorKind::FileCorrupt
        | ErrorKind::FileTooLarge
        | ErrorKind::NoStick
        | ErrorKind::SeveralSticks => "nothing that changes a stick was sent",
        _ => "nothing that changes it was sent",
    }
}

fn recoverable(error: &Error, work: Work) -> String {
    match error.kind() {
        ErrorKind::WrongPin => {
            return match error.tries_left() {
                Some(tries) => format!("the SIM counted a wrong attempt; {tries} left"),
                None => {
                    "the SIM counted a wrong attempt; `stickshift pin status` shows how many are left".into()
                }
            };
        }
        ErrorKind::LoginRefused | ErrorKind::LoginLocked => {
            return "the stick counts wrong logins: after several it refuses all for some minutes".into();
        }
        _ => {}
    }
    #[cfg(feature = "flash")]
    if let Some(way_back) = of_firmware(error, work) {
        return way_back;
    }
    match work {
        Work::Switch => {
            "unplug it and plug it in again to restart it; then run again, with another --to or --message if this one did not work"
                .into()
        }
        Work::Online => "what it has now is in the facts; run the same command again".into(),
        Work::Talk if error.facts().is_empty() => {
            "a part of what was asked for was done, the rest was not".into()
        }
        Work::Talk => "a part of the change was made: the facts show the present state".into(),
        _ => "unplug it, plug it in again, and run the same command again".into(),
    }
}

/// Where firmware was on its way.
#[cfg(feature = "flash")]
fn of_firmware(error: &Error, work: Work) -> Option<String> {
    let again = match error.kind() {
        ErrorKind::JournalMismatch => {
            return Some(
                "use the stick and the files of the interrupted run, and run it again with --resume".into(),
            );
        }
        ErrorKind::FileUnwritable => format!("free some space for the journal, then {RESUME}"),
        _ if error.has(&Detail::Unrecorded) => UNRECORDED.to_owned(),
        ErrorKind::ImageMismatch => {
            return Some("unplug it and plug it in again; with an image that is made for this model, run the same command again".into());
        }
        ErrorKind::SignatureRefused => {
            return Some("it may hold a part of the new firmware; flash an image that the stick accepts, from the start (without --resume)".into());
        }
        ErrorKind::RequestRefused if is_for_good(error) => {
            return Some("it may hold a part of the new firmware; flash an image that is made for this stick, from the start (without --resume)".into());
        }
        ErrorKind::GateClosed if error.has(&Detail::NoLoader) => format!("{RESUME} and with the loader"),
        ErrorKind::VersionMismatch
            if work == Work::Convert
                && error.details().iter().any(|d| matches!(d, Detail::FirmwareFound(_))) =>
        {
            return Some("it works, but with other firmware than intended: run the same command again without --resume".into());
        }
        // Every partition was acknowledged: there is nothing to resume.
        ErrorKind::VersionMismatch if work == Work::Flash => {
            "flash the whole image from the start (without --resume)".to_owned()
        }
        _ => RESUME.to_owned(),
    };
    let loader = "`stickshift load LOADER`";
    Some(match (work, error.place_shows()) {
        (Work::Convert, Some(Shows::Nothing)) => format!("plug it into the same USB port again, and {again}"),
        (Work::Convert, Some(Shows::BootRom)) if error.is(ErrorKind::LoaderNotStarted) => {
            "unplug it, plug it in with the boot pin grounded, and run the same command again with --resume and the loader made for this model"
                .into()
        }
        // It came up by itself: the boot pin may not be needed again.
        (Work::Convert, Some(Shows::BootRom)) => format!(
            "{again} and with the loader; if the boot ROM does not answer, unplug it and plug it in with the boot pin grounded first"
        ),
        (Work::Convert, _) => again,
        (Work::Flash, Some(Shows::Download)) => again,
        (Work::Flash, Some(Shows::BootRom)) => format!("{loader}, then {again}"),
        (Work::Flash, Some(Shows::Nothing)) => format!(
            "plug it into the same USB port again; if it is not in download mode, plug it in with the boot pin grounded and {loader}; then {again}"
        ),
        (Work::Flash, _) => format!("put it into download mode again (boot pin, {loader}), then {again}"),
        (Work::Load, _) => {
            let model = if error.is(ErrorKind::LoaderNotStarted) { " with the loader made for this model" } else { "" };
            format!("its flash is unchanged; unplug it, plug it in with the boot pin grounded, and run the same command again{model}")
        }
        _ => return None,
    })
}

/// Whether the stick would refuse the same request again.
#[cfg(feature = "flash")]
fn is_for_good(error: &Error) -> bool {
    let code = error.refusal_of(RefusalFamily::Download).and_then(|code| u8::try_from(code).ok());
    error.has(&Detail::RefusedEachTime) || code.is_some_and(nak::is_for_good)
}

fn unknown(error: &Error, work: Work) -> String {
    if error.has(&Detail::GoesOnElsewhere) {
        return "the command may be going on there: do not unplug the stick; look with `stickshift list` until it is no longer held (until then `stickshift identify` is refused as port-busy), then check what it is".into();
    }
    if error.has(&Detail::MayHaveErased) {
        return "its flash may have been erased, IMEI and calibration with it; its boot ROM is still there: enter boot mode again to send a loader and firmware".into();
    }
    let look = "unplug it, wait five seconds, plug it in again, and check `stickshift list`";
    match (work, error.place_shows()) {
        #[cfg(feature = "flash")]
        (Work::Convert | Work::Flash, Some(Shows::Download | Shows::BootRom)) => RESUME.to_owned(),
        #[cfg(feature = "flash")]
        (Work::Convert | Work::Flash, _) => format!(
            "{look}; if its modem or web interface appears it works, else {RESUME} (with the boot pin grounded if its LED stays dark)"
        ),
        #[cfg(feature = "flash")]
        (Work::Load, _) => {
            "`stickshift list` shows whether it is in download mode; if not, plug it in with the boot pin grounded and run the same command again"
                .into()
        }
        _ if error.has(&Detail::CodeSent) => {
            "a code was sent, and an attempt may have been counted: `stickshift pin status` shows how many are left".into()
        }
        (Work::Talk, _) => {
            "what became of the command is not known; check what it did before you run it again".into()
        }
        (Work::Online, _) if error.is(ErrorKind::Disconnected) => {
            "the connection ended with its power, but it may keep a setting of this run: run `stickshift online down` with the stick in the same USB port".into()
        }
        (Work::Online, _) => {
            "it may be connected still: run `stickshift online down` with the stick in the same USB port".into()
        }
        _ => look.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORK: [Work; 7] =
        [Work::Other, Work::Talk, Work::Online, Work::Switch, Work::Load, Work::Flash, Work::Convert];

    #[cfg(feature = "virtual")]
    #[test]
    fn a_rehearsal_that_ended_cannot_be_resumed() {
        for kind in ErrorKind::ALL {
            for verdict in [Verdict::Recoverable, Verdict::Unknown] {
                let text = of(&Error::new(*kind, "x"), verdict, Work::Rehearsal);
                assert!(!text.contains("--resume") && !text.contains("plug"), "{kind}: {text}");
            }
        }
    }

    #[test]
    fn resume_is_named_only_where_there_is_a_journal() {
        for kind in ErrorKind::ALL {
            for verdict in [Verdict::Untouched, Verdict::Done, Verdict::Recoverable, Verdict::Unknown] {
                for work in WORK {
                    let text = of(&Error::new(*kind, "x"), verdict, work);
                    assert!(
                        !text.is_empty() && !text.ends_with('.') && !text.contains('\n'),
                        "{kind}: {text}"
                    );
                    let has_journal = matches!(work, Work::Flash | Work::Convert);
                    let about_journal = matches!(
                        kind,
                        ErrorKind::JournalMismatch | ErrorKind::FileUnwritable | ErrorKind::SignatureRefused
                    );
                    assert!(
                        has_journal || about_journal || !text.contains("--resume"),
                        "{kind} {work:?}: {text}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_the_place_shows_decides_the_way_back() {
        let pulled = |shows| Error::new(ErrorKind::Disconnected, "x").detail(Detail::PlaceShows(shows));
        let told = |shows, work| of(&pulled(shows), Verdict::Recoverable, work);
        assert_eq!(told(Shows::Download, Work::Flash), RESUME);
        assert_eq!(told(Shows::BootRom, Work::Flash), format!("`stickshift load LOADER`, then {RESUME}"));
        assert!(told(Shows::Nothing, Work::Flash).contains("boot pin grounded"));
        assert_eq!(
            told(Shows::Nothing, Work::Convert),
            format!("plug it into the same USB port again, and {RESUME}")
        );
        assert_eq!(told(Shows::Other, Work::Convert), RESUME);
        assert!(told(Shows::BootRom, Work::Load).starts_with("its flash is unchanged"));
        assert!(told(Shows::Other, Work::Switch).contains("--message"));
    }

    #[test]
    fn a_stick_that_is_worked_on_elsewhere_stays_plugged_in() {
        let broke = Error::new(ErrorKind::Io, "x").detail(Detail::GoesOnElsewhere);
        for work in WORK {
            let text = of(&broke, Verdict::Unknown, work);
            assert!(text.contains("do not unplug") && text.contains("`stickshift list`"), "{work:?}: {text}");
        }
    }

    #[test]
    fn a_spent_try_is_said() {
        let wrong = Error::new(ErrorKind::WrongPin, "x");
        assert!(of(&wrong, Verdict::Recoverable, Work::Talk).contains("counted a wrong attempt"));
        let wrong = wrong.detail(Detail::TriesLeft(2));
        assert!(of(&wrong, Verdict::Recoverable, Work::Talk).ends_with("2 left"));
    }
}
