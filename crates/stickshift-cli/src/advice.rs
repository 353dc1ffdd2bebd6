//! What to tell a person about each kind of failure: the usual cause, what to do, and what the stick is left as.

use stickshift::error::{Detail, Error, ErrorKind, Verdict};

/// The advice for one failure.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Advice {
    /// The cause: the error's own where it knows it, else the usual one of its kind.
    pub(crate) cause: String,
    /// What to do next.
    pub(crate) help: &'static str,
    /// The exit code.
    pub(crate) exit: u8,
}

/// Exit code: failed.
const FAILED: u8 = 1;
/// Exit code: wrong usage.
const USAGE: u8 = 2;
/// Exit code: no such stick.
const NO_STICK: u8 = 3;
/// Exit code: permission, or another program holds it.
const NO_ACCESS: u8 = 4;
/// Exit code: the stick or a check refused.
const REFUSED: u8 = 5;
/// Exit code: stopped in a state that can be taken up again.
const RECOVERABLE: u8 = 6;
/// Exit code: what state the stick is in was not seen.
const UNKNOWN: u8 = 7;

/// The advice for `error`, which left the stick as `verdict` says: what the error states, or what follows from what was sent.
pub(crate) fn of(error: &Error, verdict: Verdict) -> Advice {
    let (usual, mut help, exit) = for_kind(error.kind());
    let mut usual = usual.to_owned();
    if let (ErrorKind::NoStick, Some(there)) = (error.kind(), error.there_is()) {
        usual = format!("what is there is {there}");
        help =
            "name one of these, or bring it into the mode that this verb needs; `stickshift list` says how";
    }
    if error.is(ErrorKind::FileCorrupt) && error.has(&Detail::InJournal) {
        usual = "the record of the interrupted work is damaged, or another version wrote it".to_owned();
        help = "bring the stick into the mode that the work began in, and begin anew without --resume";
    }
    let cause = match std::error::Error::source(error) {
        Some(source) => source.to_string(),
        None => error.holder().map_or(usual, |holder| format!("held by {holder}")),
    };
    let exit = match verdict {
        Verdict::Recoverable => RECOVERABLE,
        Verdict::Unknown => UNKNOWN,
        _ => exit,
    };
    Advice { cause, help, exit }
}

/// The usual cause, the help and the exit code of a kind.
fn for_kind(kind: ErrorKind) -> (&'static str, &'static str, u8) {
    match kind {
        ErrorKind::Io => {
            ("the system reported an error", "run again with --verbose; check the cable and the disk", FAILED)
        }
        ErrorKind::Interrupted => (
            "you asked to stop",
            "run the same command again; flash and convert go on with --resume",
            RECOVERABLE,
        ),
        ErrorKind::Unsupported => (
            "this system or this build cannot do it",
            "see `stickshift doctor` for what is missing here",
            FAILED,
        ),
        ErrorKind::Usage => ("the command line does not fit together", "see --help of this verb", USAGE),
        ErrorKind::FileNotFound => ("the path does not exist", "check the spelling and the folder", FAILED),
        ErrorKind::FileUnreadable => {
            ("the file cannot be opened or read", "check that it is a file and that you may read it", FAILED)
        }
        ErrorKind::FileUnwritable => (
            "the folder is not writable or the disk is full",
            "choose another place for the output; what was there before is unchanged",
            FAILED,
        ),
        ErrorKind::FileExists => (
            "nothing is overwritten that nobody asked to overwrite",
            "choose another name, or add --force to overwrite it",
            FAILED,
        ),
        ErrorKind::WrongFileKind => (
            "the content is not what this verb works on",
            "`stickshift inspect FILE` says what a file is",
            REFUSED,
        ),
        ErrorKind::FileTruncated => (
            "the file was cut, most often by an interrupted download",
            "download it again and compare its size or checksum with the source",
            REFUSED,
        ),
        ErrorKind::FileCorrupt => (
            "the content contradicts its own checksums or sizes",
            "download it again; a file that fails its checks is never sent to a stick",
            REFUSED,
        ),
        ErrorKind::FileTooLarge => (
            "the file claims a size that no real file of its kind has",
            "it is damaged or made to do harm; do not use it",
            REFUSED,
        ),
        ErrorKind::NoStick => (
            "nothing that looks like a modem is plugged in, or not in this mode",
            "plug the stick in and wait ten seconds; `stickshift list` shows what is there; try another USB port without a hub",
            NO_STICK,
        ),
        ErrorKind::SeveralSticks => (
            "more than one stick fits",
            "name the place of the one you mean (as the last word, or by --stick where the verb has it), or unplug the others",
            NO_STICK,
        ),
        ErrorKind::NoSuchPort => (
            "in its present mode the stick does not show this port, or no driver made a tty of it",
            "`stickshift list` shows its mode and ports; `stickshift doctor` checks the drivers",
            NO_STICK,
        ),
        ErrorKind::PermissionDenied => (
            "you may not open the device node",
            "run `stickshift setup udev` once as root, or run this command with sudo",
            NO_ACCESS,
        ),
        ErrorKind::PortBusy => (
            "another program holds the port",
            "stop it (for ModemManager: systemctl stop ModemManager) and run again",
            NO_ACCESS,
        ),
        ErrorKind::WrongInterface => (
            "the stick is in another mode than the profile is made for; most often it is switched already",
            "`stickshift list` shows its mode and what to do next",
            REFUSED,
        ),
        ErrorKind::NotAPort => (
            "the path is not a serial port",
            "name a tty such as /dev/ttyUSB0, or leave --port out",
            NO_STICK,
        ),
        ErrorKind::Disconnected => (
            "the stick was pulled, lost power, or restarted by itself",
            "plug it in again, without a hub, and look at `stickshift list`",
            FAILED,
        ),
        ErrorKind::Timeout => (
            "the stick said nothing",
            "unplug it, wait five seconds, plug it in and try again; `stickshift list` shows its mode",
            FAILED,
        ),
        ErrorKind::UnexpectedAnswer => (
            "what came back is not in the protocol: wrong port, wrong device, or another program answers in between",
            "`stickshift list` shows ports with their roles and who holds them; --trace FILE records what was said",
            FAILED,
        ),
        ErrorKind::Stalled => (
            "the stick refused the USB transfer",
            "it does not know this request: try another --to or --message, or replug it first",
            REFUSED,
        ),
        ErrorKind::NoProfile => (
            "neither the built-in profiles nor yours know this stick in this mode",
            "`stickshift learn CAPTURE` finds the message in a USB capture from a computer where it works; give it with --profile or --message",
            REFUSED,
        ),
        ErrorKind::AlreadySwitched => (
            "its CD-ROM mode is over; what it is then depends on its firmware",
            "replug it to begin again; `stickshift convert` gives it the other firmware",
            REFUSED,
        ),
        ErrorKind::NothingToLearn => (
            "the capture shows no stick that got a message and became another",
            "begin to capture, on every bus, before the stick is plugged in, and stop when its modem is there",
            FAILED,
        ),
        ErrorKind::NotSwitched => (
            "the message is not the right one for this stick and its firmware",
            "unplug it, plug it in again, and try another --to or --message",
            REFUSED,
        ),
        ErrorKind::LoaderErases => (
            "a stock loader erases the whole flash when it starts: IMEI, serial number and radio calibration are lost for good",
            "`stickshift loader info` shows what is known of this file; use one that is shown to be safe, or --allow-erase if you know that this one is, or if the stick's identity is lost already",
            REFUSED,
        ),
        ErrorKind::PatchNotFound => (
            "the code that the patch changes is not in this loader",
            "`stickshift loader info FILE` shows which patches fit it",
            REFUSED,
        ),
        ErrorKind::NoPartitionTable => (
            "there is no partition table in this file",
            "`stickshift inspect FILE` shows what it holds",
            REFUSED,
        ),
        ErrorKind::NotInBootMode => (
            "the port is not the boot ROM's",
            "hold the boot pin to ground while plugging in; the LED stays dark and 12d1:1443 appears in `stickshift list`",
            REFUSED,
        ),
        ErrorKind::PacketRejected => (
            "the boot ROM did not accept a packet",
            "unplug, enter boot mode again and repeat; try another cable or port if it recurs",
            REFUSED,
        ),
        ErrorKind::LoaderNotStarted => (
            "most often a loader for another memory or chip, or a stick that wants a signed loader",
            "enter boot mode again and try the loader made for this model",
            REFUSED,
        ),
        ErrorKind::NotInDownloadMode => (
            "the port does not speak the flashing protocol",
            "`stickshift convert` brings a stick into download mode; `stickshift list` shows which port takes firmware",
            REFUSED,
        ),
        ErrorKind::ImageMismatch => (
            "the image is made for other hardware",
            "get the image for this model; --allow-mismatch only if you know better than both",
            REFUSED,
        ),
        ErrorKind::ImageIncomplete => (
            "partitions that belong to this image are missing",
            "download it again; --allow-partial if it is meant to hold only these",
            REFUSED,
        ),
        ErrorKind::SignatureRefused => (
            "the stick accepts only images signed with a key it knows",
            "use the vendor's original image, or go by way of boot ROM and a loader that does not check",
            REFUSED,
        ),
        ErrorKind::RequestRefused => (
            "the stick answered with a refusal",
            "read the code's meaning above; run again with --resume once its reason is gone",
            REFUSED,
        ),
        ErrorKind::VersionMismatch => (
            "the stick runs something else than what was flashed",
            "wait a minute and run `stickshift list`; then flash again",
            REFUSED,
        ),
        ErrorKind::AtRefused => (
            "the stick does not know the command, or not in its present state",
            "the code says what it has to say about it; HiLink firmware refuses much of what Stick firmware takes",
            REFUSED,
        ),
        ErrorKind::NoSim => (
            "no SIM is in the stick, or it has no contact",
            "put the SIM in the right way round and replug the stick",
            REFUSED,
        ),
        ErrorKind::SimPinNeeded => ("the SIM is protected by a PIN", "`stickshift pin enter`", REFUSED),
        ErrorKind::SimPukNeeded => (
            "the PIN was wrong too often",
            "`stickshift pin unblock` with the PUK from the operator's letter; ten wrong PUKs end the SIM",
            REFUSED,
        ),
        ErrorKind::WrongPin => {
            ("the code is not the SIM's", "`stickshift pin status` shows how many tries are left", REFUSED)
        }
        ErrorKind::LastTry => (
            "after the last wrong try the SIM is blocked",
            "make sure of the code; --spend-last-try if you are, or put the SIM into a telephone",
            REFUSED,
        ),
        ErrorKind::HilinkRefused => (
            "the firmware has no such function, or not in its present state",
            "the code and its meaning say more; not every model has every function",
            REFUSED,
        ),
        ErrorKind::LoginNeeded => (
            "the stick's web page is protected by a password",
            "run again with --user admin and the web page's password; it is asked for, or read from a file or the environment",
            NO_ACCESS,
        ),
        ErrorKind::LoginRefused => (
            "user name or password of the web page is wrong",
            "five wrong tries lock the login for some minutes; the password may be printed under the stick's cover",
            NO_ACCESS,
        ),
        ErrorKind::LoginLocked => (
            "too many wrong passwords",
            "wait the minutes it names; on some sticks replugging clears the count",
            NO_ACCESS,
        ),
        ErrorKind::SessionTaken => (
            "a browser or another program is logged in to the stick",
            "log out there, or wait five minutes",
            NO_ACCESS,
        ),
        ErrorKind::LocksOut => (
            "without a port for AT commands only the boot pin leads back",
            "keep port 2 or 12 (PCUI) in the list",
            REFUSED,
        ),
        ErrorKind::NoJournal => {
            ("no interrupted work is recorded for this stick", "run without --resume", FAILED)
        }
        ErrorKind::JournalMismatch => (
            "the record is of another stick or another file",
            "plug in the stick and name the files it was begun with, or start afresh without --resume",
            REFUSED,
        ),
        ErrorKind::GateClosed => (
            "the firmware on the stick refuses to be replaced from outside",
            "the boot pin (needle) is the way left: see docs/convert.md",
            REFUSED,
        ),
        ErrorKind::ConsentNeeded => {
            ("the plan was shown and not agreed to", "run again and answer y, or add --yes", REFUSED)
        }
        _ => ("not known", "run again with --verbose", FAILED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_cause_help_and_exit_code() {
        let fallback = "not known";
        for kind in ErrorKind::ALL {
            let (cause, help, exit) = for_kind(*kind);
            assert_ne!(cause, fallback, "{kind} has no advice");
            assert!(!help.is_empty() && (1..=7).contains(&exit), "{kind}");
            assert!(!cause.ends_with('.') && !help.ends_with('.'), "{kind}: no full stop");
        }
    }

    #[test]
    fn the_verdict_decides_over_the_kind() {
        let refused = Error::new(ErrorKind::RequestRefused, "x");
        for (verdict, exit) in [
            (Verdict::Untouched, REFUSED),
            (Verdict::Done, REFUSED),
            (Verdict::Recoverable, RECOVERABLE),
            (Verdict::Unknown, UNKNOWN),
        ] {
            assert_eq!(of(&refused, verdict).exit, exit, "{verdict}");
        }
    }

    #[test]
    fn the_holder_is_the_cause() {
        let busy =
            Error::new(ErrorKind::PortBusy, "x").detail(Detail::Holder("ModemManager (pid 612)".into()));
        assert_eq!(of(&busy, Verdict::Untouched).cause, "held by ModemManager (pid 612)");
    }
}
