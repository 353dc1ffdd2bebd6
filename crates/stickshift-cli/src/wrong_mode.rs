//! A verb on a stick in a mode that it is not for: which verb fits that mode.

use stickshift::error::{Detail, Error, ErrorKind};
use stickshift::stick::Mode;

/// What a verb needs of a stick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// An AT port.
    At,
    /// A web interface.
    Web,
    /// Either.
    AtOrWeb,
    /// Download mode.
    Download,
    /// The boot ROM.
    BootRom,
}

impl Needs {
    /// What the verb needs, where it is one that needs a mode.
    fn of(verb: &str) -> Option<Needs> {
        Some(match verb {
            "at" | "ports" => Needs::At,
            "hilink" => Needs::Web,
            "identify" | "network" | "online" | "pin" | "signal" | "sms" | "ussd" => Needs::AtOrWeb,
            "flash" => Needs::Download,
            "load" => Needs::BootRom,
            _ => return None,
        })
    }
}

/// What leads on from `mode` for a verb that needs something else; `None` where the mode fits or is not known.
pub(crate) fn next(needs: Needs, mode: Mode) -> Option<&'static str> {
    let talks = matches!(needs, Needs::At | Needs::Web | Needs::AtOrWeb);
    Some(match (needs, mode) {
        (_, Mode::Unknown) => return None,
        (_, Mode::Cdrom) if talks => "switch it first: `stickshift switch`",
        (_, Mode::BootRom) if talks => {
            "unplug it and plug it in again to start its firmware; if it stays in the boot ROM, its firmware is gone: `stickshift convert` installs one"
        }
        (_, Mode::Download) if talks => {
            "it takes firmware: `stickshift flash FIRMWARE`; to start the firmware that it has, unplug it and plug it in again"
        }
        (_, Mode::Fastboot) => "unplug it and plug it in again to start its firmware",
        (Needs::At, Mode::Hilink) => {
            "`stickshift hilink`, `sms`, `ussd`, `signal`, `network` and `pin` work through its web interface; `stickshift identify` says whether this model can show serial ports, and how"
        }
        (Needs::Web, Mode::Modem) => {
            "`stickshift signal`, `network`, `sms`, `pin` and `at` talk to it; if it has a web page all the same, name that with --url"
        }
        (Needs::Download, Mode::Cdrom | Mode::Hilink | Mode::HilinkSerial | Mode::Modem) => {
            "`stickshift convert` brings a stick from this mode into download mode, and flashes it"
        }
        (Needs::Download, Mode::BootRom) => {
            "send a loader first: `stickshift load LOADER`; or let `stickshift convert` do both"
        }
        (Needs::BootRom, Mode::Cdrom | Mode::Hilink | Mode::HilinkSerial | Mode::Modem) => {
            "plug it in with the boot pin grounded; `stickshift convert` asks for that only where the firmware leaves no other way"
        }
        (Needs::BootRom, Mode::Download) => "it needs no loader any more: `stickshift flash FIRMWARE`",
        _ => return None,
    })
}

/// An error because of a stick's mode, with the verb that fits it.
pub(crate) fn told(error: Error, needs: Needs, mode: Mode) -> Error {
    match next(needs, mode) {
        // A loader that runs is told in more detail.
        Some(next) if error.next_step().is_none() && !error.has(&Detail::LoaderRuns) => {
            error.detail(Detail::NextStep(next))
        }
        _ => error,
    }
}

/// Cause and next step where a stick was asked in spite of its mode, and was silent.
pub(crate) fn silent(kind: ErrorKind, verb: &str, mode: Option<Mode>) -> Option<(String, &'static str)> {
    let (needs, mode) = (Needs::of(verb)?, mode?);
    if !matches!(kind, ErrorKind::Timeout | ErrorKind::UnexpectedAnswer) || mode.runs_firmware() {
        return None;
    }
    Some((format!("the mode of the stick: {mode}"), next(needs, mode)?))
}

/// What a stick shows, and what it therefore lacks, with the verb that fits its mode.
pub(crate) fn lacks(needs: Needs, place: impl std::fmt::Display, mode: Mode) -> Error {
    told(lacks_that(needs, place, mode), needs, mode)
}

/// The same for a stick of which more is known than its mode.
pub(crate) fn lacks_that(needs: Needs, place: impl std::fmt::Display, mode: Mode) -> Error {
    let what = match needs {
        Needs::At => "has no AT port",
        Needs::Web => "has no web interface",
        _ => "has neither an AT port nor a web interface",
    };
    let what = format!("the stick at {place} {what}: its mode is {mode}");
    Error::new(ErrorKind::NoSuchPort, what).detail(Detail::InMode(mode.code()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_that_fits_needs_no_advice_and_any_other_names_a_verb_or_the_plug() {
        let fits = |needs, mode| match needs {
            Needs::At => matches!(mode, Mode::Modem | Mode::HilinkSerial),
            Needs::Web => matches!(mode, Mode::Hilink | Mode::HilinkSerial),
            Needs::AtOrWeb => matches!(mode, Mode::Modem | Mode::Hilink | Mode::HilinkSerial),
            Needs::Download => mode == Mode::Download,
            Needs::BootRom => mode == Mode::BootRom,
        };
        for needs in [Needs::At, Needs::Web, Needs::AtOrWeb, Needs::Download, Needs::BootRom] {
            for mode in Mode::ALL.into_iter().filter(|mode| *mode != Mode::Unknown) {
                let next = next(needs, mode);
                assert_eq!(next.is_none(), fits(needs, mode), "{needs:?} {mode:?}");
                assert!(
                    next.is_none_or(|next| next.contains("`stickshift ") || next.contains("plug it in again")),
                    "{needs:?} {mode:?}"
                );
            }
            assert_eq!(super::next(needs, Mode::Unknown), None);
        }
    }

    #[test]
    fn silence_is_put_down_to_the_mode_only_where_no_firmware_runs() {
        let told = |verb, mode| silent(ErrorKind::Timeout, verb, Some(mode)).map(|(cause, _)| cause);
        assert!(told("sms", Mode::Download).unwrap().contains("download mode"));
        assert_eq!(told("sms", Mode::Modem), None);
        assert_eq!(told("flash", Mode::Download), None);
        assert_eq!(silent(ErrorKind::AtRefused, "sms", Some(Mode::Download)), None);
    }
}
