//! Causes and helps for pairs of a verb and a kind of error, where the general ones of the kind do not fit.
//!
//! An error that states more (a code, a holder, a next step) is told by that first.

use stickshift::error::ErrorKind as Kind;

/// How a stick was to be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Way {
    /// On the bus.
    #[default]
    Bus,
    /// By a serial port that was named: `--port`.
    Port,
    /// By the address of a web interface: `--url`.
    Url,
}

/// What to say about one kind of error of some verbs.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) verbs: &'static [&'static str],
    /// The way that it is for; `None`: any.
    pub(crate) way: Option<Way>,
    pub(crate) kind: Kind,
    /// Empty where the general one of the kind fits.
    pub(crate) cause: &'static str,
    pub(crate) help: &'static str,
}

/// The row for what was tried: that of the way before that of any.
pub(crate) fn row(verb: &str, way: Way, kind: Kind) -> Option<&'static Row> {
    let fits = |row: &&Row| row.kind == kind && row.verbs.contains(&verb);
    let of = |way: Option<Way>| ROWS.iter().filter(fits).find(|row| row.way == way);
    of(Some(way)).or_else(|| of(None))
}

/// Verbs that talk to a stick: two over AT alone, one over its web interface alone, the others over both and MBIM.
pub(super) const TALK: &[&str] =
    &["at", "ports", "identify", "network", "pin", "signal", "sms", "ussd", "hilink"];
/// Those of them that take the address of a web interface.
pub(super) const WEB: &[&str] = TALK.split_at(2).1;
/// Those that take a serial port.
pub(super) const BY_PORT: &[&str] = TALK.split_at(TALK.len() - 1).0;
/// Verbs that change what a stick is.
pub(super) const CHANGE: &[&str] = &["switch", "load", "flash", "convert"];
/// Those of them that write to its flash or memory.
const WRITE: &[&str] = &["load", "flash", "convert", "rehearse"];
/// Verbs that only read and write files.
pub(super) const FILES: &[&str] = &["firmware", "inspect", "loader", "profile", "router", "learn", "setup"];
/// Verbs that read images.
pub(super) const IMAGES: &[&str] = &["firmware", "flash", "convert"];
/// Verbs that read loaders.
pub(super) const LOADERS: &[&str] = &["load", "loader"];

const fn any(verbs: &'static [&'static str], kind: Kind, cause: &'static str, help: &'static str) -> Row {
    Row { verbs, way: None, kind, cause, help }
}

const fn over(
    way: Way,
    verbs: &'static [&'static str],
    kind: Kind,
    cause: &'static str,
    help: &'static str,
) -> Row {
    Row { verbs, way: Some(way), kind, cause, help }
}

/// Pairs with words of their own.
pub(crate) const ROWS: &[Row] = &[
    // The data connection.
    any(
        &["online"],
        Kind::PermissionDenied,
        "addresses, routes and serial ports are for root",
        "run the same command as root, with sudo; `stickshift setup systemd --online` has systemd run it",
    ),
    any(
        &["online"],
        Kind::SimPinNeeded,
        "",
        "give it in STICKSHIFT_PIN, or run the command in a terminal, which asks for it; or run `stickshift pin enter` first",
    ),
    any(
        &["online"],
        Kind::LastTry,
        "",
        "verify the code, then run `stickshift pin enter --spend-last-try`, or try the SIM in a phone",
    ),
    any(
        &["online"],
        Kind::LoginNeeded,
        "",
        "run again with --web-user admin; the password is prompted for, or read from --password-file or STICKSHIFT_PASSWORD",
    ),
    any(
        &["online"],
        Kind::WeakLogin,
        "",
        "log in on the stick's own page and turn its login off there, or use `stickshift hilink status --allow-weak-login` to see what it asks for",
    ),
    any(
        &["online"],
        Kind::Unsupported,
        "the stick or this computer lacks what was asked for",
        "leave the option out, or try another --way",
    ),
    any(
        &["online"],
        Kind::FileCorrupt,
        "the record of what was changed is damaged, or another version wrote it",
        "remove the file that is named and restart the computer: what was changed is gone then, but for name servers in /etc/resolv.conf",
    ),
    // A web interface that was named: no USB, no plug.
    over(
        Way::Url,
        WEB,
        Kind::Disconnected,
        "nothing answers there as a web server does",
        "check the address in a browser on this computer; sticks mostly have http://192.168.8.1/",
    ),
    over(
        Way::Url,
        WEB,
        Kind::Timeout,
        "nothing answered at this address",
        "check the address in a browser on this computer; sticks mostly have http://192.168.8.1/",
    ),
    over(
        Way::Url,
        WEB,
        Kind::UnexpectedAnswer,
        "what answers at this address is no HiLink web interface, or another version of it",
        "check the address in a browser; --trace FILE records what it says, for a report",
    ),
    over(
        Way::Url,
        WEB,
        Kind::PermissionDenied,
        "the system does not let this program connect",
        "a firewall, a container or a sandbox forbids it: allow connections to this address there",
    ),
    over(
        Way::Url,
        WEB,
        Kind::Io,
        "the network between this computer and the address does not work",
        "check the address in a browser on this computer",
    ),
    // A serial port that was named.
    over(
        Way::Port,
        BY_PORT,
        Kind::Disconnected,
        "the stick was pulled or restarted: its ports may have other numbers now",
        "`stickshift list` shows the ports; without --port the right one is found",
    ),
    over(
        Way::Port,
        BY_PORT,
        Kind::Timeout,
        "this port takes no AT commands, or the stick hangs",
        "`stickshift list` shows what each port is for; without --port the right one is found",
    ),
    #[cfg(feature = "flash")]
    over(
        Way::Port,
        &["load"],
        Kind::Timeout,
        "this port is not the boot ROM's, or the stick hangs",
        "`stickshift list` shows the boot ROM as 12d1:1443; unplug the stick and plug it in with the boot pin grounded",
    ),
    #[cfg(feature = "flash")]
    over(
        Way::Port,
        &["flash"],
        Kind::Timeout,
        "this port is not the one for flashing, or the stick hangs",
        "`stickshift list` shows which port is `flash`; without --port the right one is found",
    ),
    // The system.
    any(
        FILES,
        Kind::Io,
        "the system reported an error",
        "check the disk and the folder, and run the same command again",
    ),
    #[cfg(feature = "flash")]
    any(
        &["flash", "convert"],
        Kind::Interrupted,
        "",
        "run the same command again; once something was written, with --resume",
    ),
    #[cfg(feature = "virtual")]
    any(&["rehearse"], Kind::Interrupted, "", "nothing real was touched: run it again whenever you like"),
    any(
        &["sms"],
        Kind::Unsupported,
        "no web interface has messages as they are stored",
        "`stickshift sms list` and `sms read NUMBER` show them",
    ),
    any(
        &["network", "pin", "ussd", "hilink", "signal", "identify"],
        Kind::Unsupported,
        "the stick's firmware has no such function",
        "`stickshift identify` shows the firmware and what can be done with it",
    ),
    any(
        &["firmware", "inspect", "router"],
        Kind::Unsupported,
        "this form of file is known and cannot be read",
        "unpack it with its own tools first",
    ),
    #[cfg(feature = "learn")]
    any(
        &["learn"],
        Kind::Unsupported,
        "the capture holds something else than USB transfers, or has them in a form that is not read",
        "capture USB itself: in Wireshark its interfaces are called usbmon (Linux) and USBPcap (Windows)",
    ),
    #[cfg(feature = "virtual")]
    any(
        &["virtual"],
        Kind::Unsupported,
        "this way of attaching needs Linux, and with `--attach kernel` its module vhci-hcd, which kernels of containers and clouds often lack",
        "use `--virtual NAME` with any other verb: that works everywhere",
    ),
    any(
        &["setup"],
        Kind::Unsupported,
        "the file belongs to another system, or has to name this program and the system does not say where it is",
        "start the program by its full path; --print shows the file, and --root DIR writes it for a package",
    ),
    any(
        &["switch"],
        Kind::Unsupported,
        "the stick or this system cannot do that",
        "`stickshift list` shows the stick's mode; try another --to",
    ),
    // Arguments.
    any(
        &["sms"],
        Kind::Usage,
        "",
        "`stickshift sms list` shows the messages with their numbers; `stickshift sms --help` shows examples",
    ),
    #[cfg(feature = "network")]
    any(
        &["network"],
        Kind::Usage,
        "",
        "`stickshift network show` and `stickshift network scan` show what there is to choose from",
    ),
    #[cfg(feature = "ports")]
    any(&["ports"], Kind::Usage, "", "`stickshift ports show` shows the ports there are to choose from"),
    // Files.
    #[cfg(feature = "router")]
    any(
        &["router"],
        Kind::FileNotFound,
        "neither this computer nor the image has a file of that name",
        "check the path of the image; `stickshift router list IMAGE` shows the files in it",
    ),
    #[cfg(feature = "flash")]
    any(
        WRITE,
        Kind::FileUnwritable,
        "the folder is not writable or the disk is full",
        "free some space; the journal of the work is kept in the folder that STICKSHIFT_STATE names, else in ~/.local/state/stickshift",
    ),
    any(
        &["inspect"],
        Kind::WrongFileKind,
        "it is no firmware, updater, loader, partition table, capture, profile or router image, and no text that is read",
        "check that it is the file that you mean; unpack a .zip, .7z or .rar first",
    ),
    #[cfg(feature = "flash")]
    any(
        IMAGES,
        Kind::WrongFileKind,
        "the file is not what this place on the command line is for",
        "`stickshift inspect FILE` shows what it is; unpack a .zip, .7z or .rar first",
    ),
    #[cfg(feature = "flash")]
    any(
        LOADERS,
        Kind::WrongFileKind,
        "the file is no loader",
        "`stickshift inspect FILE` shows what it is; loaders are mostly named usbloader*.bin or usblsafe*.bin",
    ),
    #[cfg(feature = "learn")]
    any(
        &["learn"],
        Kind::WrongFileKind,
        "the file is no capture of USB traffic",
        "`stickshift inspect FILE` shows what it is; capture with Wireshark, USBPcap or usbmon",
    ),
    any(
        &["profile", "switch"],
        Kind::WrongFileKind,
        "the file is no switching profile in a format that is known",
        "`stickshift inspect FILE` shows what it is; `stickshift profile convert --help` lists the formats",
    ),
    #[cfg(feature = "report")]
    any(
        &["report"],
        Kind::WrongFileKind,
        "of any other file nobody knows what is secret in it",
        "record one with --trace FILE, and give that to --with-trace",
    ),
    #[cfg(feature = "router")]
    any(
        &["router"],
        Kind::WrongFileKind,
        "the file is no firmware image of a router",
        "`stickshift inspect FILE` shows what it is, and reads a modem table by itself; unpack a .zip first",
    ),
    #[cfg(feature = "learn")]
    any(
        &["learn"],
        Kind::FileTruncated,
        "the capture ends in the middle of a packet",
        "capture again, and stop the capture before you copy the file",
    ),
    #[cfg(feature = "learn")]
    any(
        &["learn"],
        Kind::FileCorrupt,
        "the file contradicts the format of captures",
        "capture again; if this program wrote it, `stickshift inspect FILE` shows how far it can be read",
    ),
    #[cfg(feature = "web")]
    any(
        &["serve"],
        Kind::FileCorrupt,
        "the certificate or its key is not what it has to be",
        "name the PEM files of one pair, P-256: --tls-cert with BEGIN CERTIFICATE, --tls-key with BEGIN PRIVATE KEY; docs/web.md makes a pair",
    ),
    any(
        &["switch"],
        Kind::FileCorrupt,
        "the profile says something that cannot work",
        "correct it in an editor; `stickshift profile check FILE` shows what is wrong",
    ),
    any(
        &["profile"],
        Kind::FileCorrupt,
        "the file does not keep to its format",
        "get the file again from where you have it",
    ),
    any(
        &["at", "hilink", "identify", "network", "pin", "ports", "signal", "sms", "ussd", "list", "doctor"],
        Kind::FileUnwritable,
        "the disk is full, or the folder is not writable",
        "free some space, or name another file for --trace or for what is printed",
    ),
    any(&["setup"], Kind::FileExists, "", "look at the file first; --force replaces it"),
    #[cfg(feature = "mqtt")]
    any(
        &["bridge"],
        Kind::FileExists,
        "a file of that name holds something else, which an outbox would replace",
        "name another file for --outbox",
    ),
    #[cfg(feature = "mqtt")]
    any(
        &["bridge"],
        Kind::PortBusy,
        "another bridge on this computer uses this outbox",
        "stop it, or give this one a --name of its own, and another file where --outbox names one: two bridges of one name put each other off the broker",
    ),
    // Which stick.
    #[cfg(feature = "flash")]
    any(
        &["flash"],
        Kind::NoStick,
        "no stick is connected in download mode",
        "plug the stick in: `stickshift convert` brings it from any mode into download mode, and flashes it",
    ),
    #[cfg(feature = "flash")]
    any(
        &["load"],
        Kind::NoStick,
        "no stick is connected in its boot ROM",
        "plug the stick in with the boot pin grounded; its LED stays dark, and `stickshift list` shows 12d1:1443",
    ),
    any(
        &["setup"],
        Kind::NoStick,
        "no stick is connected",
        "plug it in, or say which one is meant: --ids VID:PID",
    ),
    any(
        &["at", "hilink", "network", "pin", "ports", "signal", "sms", "ussd"],
        Kind::SeveralSticks,
        "",
        "say which one: --stick 1-1.2 (USB port path, ids or serial number; `stickshift list` shows them)",
    ),
    any(
        &["setup"],
        Kind::SeveralSticks,
        "",
        "say which one: `stickshift setup openwrt 1-1.2`, or --ids VID:PID",
    ),
    any(
        &["identify", "switch", "load", "flash", "convert", "learn"],
        Kind::SeveralSticks,
        "",
        "say which one at the end of the command: 1-1.2 (USB port path, ids or serial number; `stickshift list` shows them)",
    ),
    // Talking.
    any(
        TALK,
        Kind::Disconnected,
        "the stick was pulled, lost power, or restarted by itself",
        "wait until `stickshift list` shows it again, then try again; if it disconnects by itself, give it a port of the computer in place of a hub",
    ),
    any(
        &["at"],
        Kind::AtRefused,
        "the firmware does not know this command, or does not take it in its present state",
        "check its spelling; on many sticks `stickshift at +CLAC` lists the commands there are",
    ),
    #[cfg(feature = "ports")]
    any(
        &["ports"],
        Kind::AtRefused,
        "the firmware does not let its ports be asked for or changed this way",
        "`stickshift identify` shows the firmware; older sticks take a number in place of a list of ports",
    ),
    #[cfg(feature = "flash")]
    any(
        &["convert"],
        Kind::AtRefused,
        "the firmware refused a command on the way to download mode",
        "use the boot pin, with --loader: see docs/convert.md",
    ),
    any(
        &["at"],
        Kind::LocksOut,
        "",
        "keep port 2 or 12 (PCUI) in the list, or another mode: `stickshift ports set at,modem,ncm` does",
    ),
    // Changing.
    any(
        CHANGE,
        Kind::Disconnected,
        "the stick was pulled, lost power, or restarted by itself",
        "if it does not come back by itself, plug it in again, into a port of the computer itself",
    ),
    any(
        &["switch"],
        Kind::Timeout,
        "the stick did not answer, or did not come back in time",
        "unplug it, wait five seconds, plug it in and try again; `stickshift list` shows its mode",
    ),
    #[cfg(feature = "flash")]
    any(
        &["load"],
        Kind::Timeout,
        "the boot ROM did not answer, or the loader did not start in time",
        "unplug the stick, plug it in with the boot pin grounded, and run the same command again",
    ),
    #[cfg(feature = "flash")]
    any(
        &["flash"],
        Kind::Timeout,
        "the stick stopped answering",
        "unplug it and plug it in again, into a port of the computer itself",
    ),
    #[cfg(feature = "flash")]
    any(
        &["convert"],
        Kind::Timeout,
        "the stick did not answer, or did not come up as it was waited for",
        "`stickshift list` shows its mode; the same command goes on from whatever mode that is",
    ),
    #[cfg(feature = "flash")]
    any(
        WRITE,
        Kind::UnexpectedAnswer,
        "the answer is not one of this protocol: another program uses the port, or the cable is bad",
        "`stickshift list` shows who holds the ports; try another cable or port of the computer",
    ),
    #[cfg(feature = "virtual")]
    any(
        &["rehearse"],
        Kind::RequestRefused,
        "the virtual stick refused, as it was told to",
        "nothing real was touched; the next rehearsal begins with a new virtual stick",
    ),
    #[cfg(feature = "virtual")]
    any(
        &["rehearse"],
        Kind::ImageMismatch,
        "the virtual stick says that it is another model, as it was told to",
        "nothing real was touched; the next rehearsal begins with a new virtual stick",
    ),
    #[cfg(feature = "flash")]
    any(
        &["convert"],
        Kind::NoProfile,
        "",
        "switch it first, with a profile of your own: `stickshift switch --profile FILE`; then run the same command again",
    ),
    #[cfg(feature = "flash")]
    any(
        &["convert"],
        Kind::LeftAlone,
        "",
        "`stickshift identify` shows what it is, and which ways to other firmware there are",
    ),
    #[cfg(feature = "flash")]
    any(
        &["convert"],
        Kind::NotSwitched,
        "the stick did not take the message that switches it",
        "unplug it, plug it in and run the same command again; `stickshift switch` tries this step alone",
    ),
    #[cfg(feature = "flash")]
    any(
        &["convert"],
        Kind::NotInDownloadMode,
        "the stick did not get into download mode",
        "`stickshift list` shows its mode; run the same command again, with --loader for the way by the boot pin",
    ),
    #[cfg(feature = "flash")]
    any(
        &["convert"],
        Kind::VersionMismatch,
        "",
        "wait a minute and look at `stickshift identify`; then run the same command again",
    ),
    #[cfg(feature = "flash")]
    any(
        &["load"],
        Kind::WrongInterface,
        "the stick does not show the boot ROM's port",
        "`stickshift list` shows its mode and ports",
    ),
    #[cfg(feature = "flash")]
    any(
        &["flash", "convert"],
        Kind::WrongInterface,
        "the stick does not show the port that is needed for this",
        "`stickshift list` shows its mode and ports",
    ),
    // Profiles.
    any(
        &["profile"],
        Kind::NoProfile,
        "no built-in profile and none of yours is for these ids",
        "`stickshift profile list NAME` searches by name; how an unknown stick is switched, `stickshift learn` finds in a USB capture",
    ),
    #[cfg(feature = "learn")]
    any(
        &["learn"],
        Kind::NoProfile,
        "the stick of the capture is not the one that is connected",
        "connect the stick of the capture, or name it after --try",
    ),
    any(
        &["setup"],
        Kind::NoProfile,
        "which protocol carries its data follows neither from its ids nor from what is connected",
        "name it with --data; in doubt, plug the stick into this computer and leave --ids out",
    ),
];
