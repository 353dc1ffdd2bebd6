//! What is usually behind each kind of failure, whatever was tried.

use stickshift::error::ErrorKind;

/// Exit code: failed.
pub(super) const FAILED: u8 = 1;
/// Exit code: wrong usage.
pub(super) const USAGE: u8 = 2;
/// Exit code: no such stick.
pub(super) const NO_STICK: u8 = 3;
/// Exit code: permission, or another program holds it.
pub(super) const NO_ACCESS: u8 = 4;
/// Exit code: the stick or a check refused.
pub(super) const REFUSED: u8 = 5;
/// Exit code: stopped in a state that can be taken up again.
pub(crate) const RECOVERABLE: u8 = 6;
/// Exit code: what state the stick is in was not seen.
pub(crate) const UNKNOWN: u8 = 7;

/// Exit code of `online`: the SIM is missing, blocked or wants its PIN.
pub(super) const SIM: u8 = 10;
/// Exit code of `online`: on no network.
pub(super) const NOT_REGISTERED: u8 = 11;
/// Exit code of `online`: the network refuses the data connection.
pub(super) const NETWORK_REFUSED: u8 = 12;
/// Exit code of `online`: connected, and no address.
pub(super) const NO_ADDRESS: u8 = 13;
/// Exit code of `online`: an address, and nothing is reached.
pub(super) const NO_REACH: u8 = 14;
/// Exit code of `online`: the traffic or time that was allowed is used up.
pub(super) const LIMIT_REACHED: u8 = 15;

/// The usual cause, the help and the exit code of a kind.
pub(super) fn for_kind(kind: ErrorKind) -> (&'static str, &'static str, u8) {
    match kind {
        ErrorKind::Io => (
            "the system reported an error",
            "replug the stick and run the same command again; --verbose shows more",
            FAILED,
        ),
        ErrorKind::Interrupted => ("you asked to stop", "run the same command again", RECOVERABLE),
        ErrorKind::Unsupported => (
            "this system or this build does not support it",
            "`stickshift doctor` shows what is missing",
            FAILED,
        ),
        // The error itself says which argument is wrong and what it accepts.
        ErrorKind::Usage => ("", "", USAGE),
        ErrorKind::FileNotFound => ("the path does not exist", "check the spelling and the folder", FAILED),
        ErrorKind::FileUnreadable => {
            ("the file cannot be opened or read", "check that it is a file and that you may read it", FAILED)
        }
        ErrorKind::FileUnwritable => (
            "the folder is not writable or the disk is full",
            "choose another output path; an existing file is unchanged",
            FAILED,
        ),
        ErrorKind::FileExists => (
            "existing files are not overwritten by default",
            "choose another name, or add --force to overwrite it",
            FAILED,
        ),
        ErrorKind::WrongFileKind => (
            "this verb does not work on files of this type",
            "`stickshift inspect FILE` shows what a file is",
            REFUSED,
        ),
        ErrorKind::FileTruncated => (
            "the file is incomplete, most often because a download was interrupted",
            "download it again and compare its size or checksum with the source",
            REFUSED,
        ),
        ErrorKind::FileCorrupt => (
            "the content contradicts its own checksums or sizes",
            "download it again; a file that fails its checks is never sent to a stick",
            REFUSED,
        ),
        ErrorKind::FileTooLarge => {
            ("no real file of its kind is that large", "it is damaged or another file than you mean", REFUSED)
        }
        ErrorKind::NoStick => (
            "no modem is connected, or none is in this mode",
            "plug the stick in and wait ten seconds; `stickshift list` shows what is connected; try another USB port without a hub",
            NO_STICK,
        ),
        ErrorKind::SeveralSticks => (
            "more than one stick matches",
            "name the one you mean by its USB port path (as the last argument, or with --stick), or unplug the others",
            NO_STICK,
        ),
        ErrorKind::NoSuchPort => (
            "the stick has no such port in its current mode, or no driver is bound to it",
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
            "stop it and run again (ModemManager: as root, flash, load and convert take the stick from it by themselves; for other commands `systemctl stop ModemManager`)",
            NO_ACCESS,
        ),
        ErrorKind::WrongInterface => (
            "most often it is already switched; else its storage is another interface",
            "`stickshift list` shows its mode; Interface in a profile names the interface",
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
            "the stick did not answer",
            "unplug it, wait five seconds, plug it in and try again; `stickshift list` shows its mode",
            FAILED,
        ),
        ErrorKind::UnexpectedAnswer => (
            "the reply is not valid in this protocol: wrong port, wrong device, or another program uses the port",
            "`stickshift list` shows ports with their roles and who holds them; --trace FILE records the traffic",
            FAILED,
        ),
        ErrorKind::Stalled => (
            "the stick refused the USB transfer",
            "it does not support this request: try another --to or --message, or replug it first",
            REFUSED,
        ),
        ErrorKind::NoProfile => (
            "no built-in or user profile matches this stick in this mode",
            "record the switch on a computer where it works, run `stickshift learn CAPTURE`, and use the result with --profile or --message",
            REFUSED,
        ),
        ErrorKind::LeftAlone => (
            "it is a modem as it is, and the profile keeps other programs from switching it",
            "`stickshift identify` shows what it is; --profile or --message send something all the same",
            REFUSED,
        ),
        ErrorKind::AlreadySwitched => (
            "it has already left CD-ROM mode; its mode now depends on its firmware",
            "replug it to start over; `stickshift convert` installs the other firmware",
            REFUSED,
        ),
        ErrorKind::NothingToLearn => (
            "the capture does not show a switch that a profile can repeat",
            "start capturing on all buses before you plug the stick in, and stop when the modem appears",
            FAILED,
        ),
        ErrorKind::NotSwitched => (
            "this is not the right message for this stick and firmware",
            "unplug it, plug it in again, and try another --to or --message",
            REFUSED,
        ),
        ErrorKind::MediumInUse => (
            "a file system on it is mounted, or a program has it open",
            "unmount it first; `stickshift switch STICK --yes` takes it away all the same, and what is not written yet is lost",
            REFUSED,
        ),
        ErrorKind::NotAuthorized => (
            "a rule or program such as USBGuard decides which USB devices may be used here",
            "allow the device there, or as root write 1 into its `authorized` file below /sys/bus/usb/devices",
            NO_ACCESS,
        ),
        ErrorKind::NoPower => (
            "the port gives less power than the stick asks for",
            "plug it into another port of the computer, or into a hub with its own power supply",
            NO_ACCESS,
        ),
        ErrorKind::LoaderErases => (
            "a stock loader erases the whole flash when it starts: IMEI, serial number and radio calibration are lost permanently",
            "see `stickshift loader info FILE`; use a loader known to be safe, or --allow-erase if you know that this one is safe or the stick's identity is already lost",
            REFUSED,
        ),
        ErrorKind::PatchNotFound => (
            "the code that the patch changes is not in this loader",
            "`stickshift loader info FILE` shows which patches apply",
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
            "the port does not answer in the flashing protocol",
            "`stickshift convert` switches a stick to download mode; `stickshift list` shows the flash port",
            REFUSED,
        ),
        ErrorKind::ImageMismatch => (
            "the image is made for other hardware, another direction or another purpose",
            "get the image for this model; use --allow-mismatch only if you are certain",
            REFUSED,
        ),
        ErrorKind::ImageIncomplete => (
            "the image lacks partitions that it should have",
            "download it again; use --allow-partial if that is intended",
            REFUSED,
        ),
        ErrorKind::LoaderMissing => (
            "a stick whose boot loader is written in part starts from nothing but a loader",
            "get the loader for this model and give it with --loader; use --allow-no-loader if you can get it later",
            REFUSED,
        ),
        ErrorKind::SignatureRefused => (
            "the stick accepts only images signed with a key it knows",
            "use the vendor's original image; a loader of a \"99\" kit takes that kit's firmware only",
            REFUSED,
        ),
        ErrorKind::RequestRefused => (
            "the stick answered with a refusal",
            "see the error code above; run again with --resume when the cause is fixed",
            REFUSED,
        ),
        ErrorKind::VersionMismatch => (
            "the stick does not run the firmware that was flashed",
            "wait a minute and run `stickshift list`; then flash again",
            REFUSED,
        ),
        ErrorKind::AtRefused => (
            "the stick does not say why: its firmware may lack this, or not take it in its present state",
            "check the SIM and the signal; `stickshift identify` shows the firmware, and HiLink firmware leaves many things to its web page",
            REFUSED,
        ),
        ErrorKind::NoSim => (
            "there is no SIM in the stick, or it has no contact",
            "check how the SIM is inserted and replug the stick",
            REFUSED,
        ),
        ErrorKind::SimPinNeeded => ("the SIM is protected by a PIN", "run `stickshift pin enter`", REFUSED),
        ErrorKind::SimPukNeeded => (
            "too many wrong PINs",
            "run `stickshift pin unblock` with the operator's PUK; ten wrong PUKs destroy the SIM",
            REFUSED,
        ),
        ErrorKind::WrongPin => {
            ("the code is wrong", "`stickshift pin status` shows how many attempts are left", REFUSED)
        }
        ErrorKind::LastTry => (
            "another wrong code blocks the SIM",
            "verify the code, then use --spend-last-try, or try the SIM in a phone",
            REFUSED,
        ),
        ErrorKind::MbimRefused => (
            "the stick does not say why: its firmware may lack this, or not take it in its present state",
            "check the SIM and the signal; `stickshift identify` shows the firmware",
            REFUSED,
        ),
        ErrorKind::HilinkRefused => (
            "the firmware does not say why: no public source explains this number",
            "see whether the stick's own page can do it; report the number if it can",
            REFUSED,
        ),
        ErrorKind::LoginNeeded => (
            "the stick's web interface requires a login",
            "run again with --user admin; the password is prompted for, or read from --password-file or STICKSHIFT_PASSWORD",
            NO_ACCESS,
        ),
        ErrorKind::LoginRefused => (
            "the user name or password of the web interface is wrong",
            "five wrong attempts lock the login for some minutes; the password may be printed under the stick's cover",
            NO_ACCESS,
        ),
        ErrorKind::LoginLocked => (
            "too many wrong passwords",
            "wait some minutes, as many as it says where it says so; on some sticks replugging resets the count",
            NO_ACCESS,
        ),
        ErrorKind::SessionTaken => (
            "a browser or another program is logged in to the stick",
            "log out there, or wait five minutes",
            NO_ACCESS,
        ),
        ErrorKind::LocksOut => (
            "without an AT port, only the boot pin gets you back",
            "keep port 2 or 12 (PCUI) in the list",
            REFUSED,
        ),
        ErrorKind::OutOfScope => (
            "this program leaves SIM locks and IMEIs as they are",
            "whoever sold the stick unlocks it; questions such as AT^CARDLOCK? are allowed",
            REFUSED,
        ),
        ErrorKind::NoJournal => {
            ("there is no journal of an interrupted run for this stick", "run without --resume", FAILED)
        }
        ErrorKind::JournalMismatch => (
            "the journal is of another stick or another file",
            "use the stick and the files of the interrupted run, or start over without --resume",
            REFUSED,
        ),
        ErrorKind::GateClosed => (
            "the firmware on the stick refuses to be replaced through its own ports",
            "use the boot pin (needle): see docs/convert.md",
            REFUSED,
        ),
        ErrorKind::WeakLogin => (
            "base64 hides nothing: an old stick asks for it, and so does a false server",
            "where you know that it is your stick, run again with --allow-weak-login",
            REFUSED,
        ),
        ErrorKind::NotFlashable => (
            "no way is known to flash such a stick; trying would end with one that is no better, or does not start",
            "keep its firmware; `stickshift identify` shows what can be done with it",
            REFUSED,
        ),
        ErrorKind::ConsentNeeded => ("not confirmed", "run again and answer y, or add --yes", REFUSED),
        ErrorKind::NotRegistered => (
            "no network takes the stick here: no signal, the wrong bands, or a SIM that is not active",
            if cfg!(feature = "network") {
                "`stickshift signal` shows the signal, `stickshift network scan` the networks; try the SIM in a phone"
            } else {
                "`stickshift signal` shows the signal, `stickshift at '+COPS=?' --timeout 180` the networks; try the SIM in a phone"
            },
            NOT_REGISTERED,
        ),
        ErrorKind::NetworkRefused => (
            "the network does not say why: mostly a wrong APN, no credit, or no contract for data",
            "check the APN with the operator and give it with --apn ('' lets the network choose); check the credit",
            NETWORK_REFUSED,
        ),
        ErrorKind::NoAddress => (
            "neither the stick nor a DHCP server of the network gave an address",
            "replug a stick that dials by itself, and wait half a minute; with others, try another --ip, another --apn, or --way ppp",
            NO_ADDRESS,
        ),
        ErrorKind::NoReach => (
            "the network gave an address and carries no packets",
            "check the credit; try another --apn",
            NO_REACH,
        ),
        ErrorKind::LimitReached => (
            "the traffic or the time that was allowed is used up",
            "wait for the next period, or allow more with --limit",
            LIMIT_REACHED,
        ),
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
            let says_it_itself = *kind == ErrorKind::Usage;
            assert!((cause.is_empty() && help.is_empty()) == says_it_itself, "{kind}");
            assert!((1..=15).contains(&exit), "{kind}");
            assert!(!cause.ends_with('.') && !help.ends_with('.'), "{kind}: no full stop");
        }
    }
}
