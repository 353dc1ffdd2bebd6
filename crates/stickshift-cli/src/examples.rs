//! Examples of each verb: they end its help and its manual page. A test runs those that a virtual stick can play.

/// A command line and what it does.
#[derive(Debug)]
pub(crate) struct Example {
    /// The command line.
    pub(crate) line: &'static str,
    /// What it does.
    pub(crate) does: &'static str,
    /// The virtual stick that plays it in the tests; empty for a command that touches none, `None` for one that needs more than there is
    /// in a test.
    #[allow(dead_code)]
    pub(crate) on: Option<&'static str>,
}

const fn on(stick: &'static str, line: &'static str, does: &'static str) -> Example {
    Example { line, does, on: Some(stick) }
}

const fn alone(line: &'static str, does: &'static str) -> Example {
    Example { line, does, on: Some("") }
}

const fn real(line: &'static str, does: &'static str) -> Example {
    Example { line, does, on: None }
}

/// An example of the whole program.
pub(crate) const fn first(line: &'static str, does: &'static str) -> Example {
    alone(line, does)
}

/// Of each verb, in the order of its help.
pub(crate) const EXAMPLES: &[(&str, &[Example])] = &[
    (
        "list",
        &[
            on("k3772", "stickshift list", "every stick, and what to do next"),
            real("stickshift list --watch", "the same, and whatever is plugged in later"),
            alone("stickshift list --virtual k3772,e3372h-hilink", "on two virtual sticks"),
        ],
    ),
    (
        "identify",
        &[
            on("e3372h-hilink", "stickshift identify", "the only stick there is"),
            on("e3372h-stick", "stickshift identify 1-1 --unmasked", "one of several, with its IMEI"),
            real(
                "stickshift identify --url http://192.168.8.1/",
                "a stick behind another computer or router",
            ),
        ],
    ),
    (
        "switch",
        &[
            on("k3772", "stickshift switch --dry-run", "the plan, and nothing more"),
            on("k3772", "stickshift switch", "from CD-ROM to modem"),
            on(
                "e3372h-hilink",
                "stickshift switch --to serial",
                "serial ports on a stick that is a network card",
            ),
            real("stickshift switch --profile stick.conf 1-1.2", "with a profile of your own"),
        ],
    ),
    (
        "watch",
        &[
            real("stickshift watch", "switch whatever is plugged in, until Ctrl-C"),
            real(
                "stickshift watch --rule id=12d1:1f01,to=serial",
                "serial ports of sticks that usually become a network card",
            ),
            real("stickshift setup systemd", "the same as a service"),
        ],
    ),
    (
        "doctor",
        &[
            real("stickshift doctor", "what is in the way on this computer, and how to fix it"),
            real("stickshift doctor --json", "the same for a script"),
        ],
    ),
    (
        "setup",
        &[
            real("sudo stickshift setup udev", "access to sticks without root"),
            alone("stickshift setup udev --print", "look at the file first"),
            real("sudo stickshift setup udev --remove", "take it away again, unless you changed it"),
            real("sudo stickshift setup systemd", "switch sticks whenever they are plugged in"),
            alone("stickshift setup openwrt --ids 12d1:1526 --apn internet", "what a router needs"),
            alone("stickshift setup completions bash", "completions; put them where your shell looks"),
            alone("stickshift setup man --dir man1", "manual pages of every verb"),
        ],
    ),
    #[cfg(feature = "flash")]
    (
        "firmware",
        &[
            alone("stickshift firmware verify firmware.bin", "every checksum"),
            alone("stickshift firmware extract firmware.bin -o parts", "one file for each partition"),
            alone("stickshift firmware build parts -o again.bin", "and together again"),
        ],
    ),
    (
        "profile",
        &[
            alone("stickshift profile list k3772", "search by name, ids or method"),
            alone("stickshift profile show 12d1:1526", "how one stick is switched"),
            alone("stickshift profile convert --to openwrt 12d1:1526", "for another program"),
            real("stickshift profile check /etc/usb_modeswitch.d/*", "what is wrong with your own"),
        ],
    ),
    #[cfg(feature = "learn")]
    (
        "learn",
        &[
            real("stickshift learn stick.pcapng", "what switched the stick, and how sure that is"),
            real("stickshift learn stick.pcapng --try", "try it on the stick that is connected"),
            real("stickshift learn stick.pcapng --format tplink -o stick.bin", "for a TP-Link router"),
        ],
    ),
    #[cfg(feature = "router")]
    (
        "router",
        &[
            real("stickshift router knows mr3020.bin 12d1:1526", "whether this firmware supports a stick"),
            real("stickshift router list mr3020.bin", "the files in it"),
            real("stickshift router extract mr3020.bin /etc/passwd -o passwd", "one of them"),
        ],
    ),
    #[cfg(feature = "flash")]
    (
        "convert",
        &[
            on(
                "e3372h-hilink",
                "stickshift convert --to stick --firmware firmware.bin --loader loader.bin --dry-run",
                "the plan, and nothing more",
            ),
            on(
                "e3372h-hilink",
                "stickshift convert --to stick --firmware firmware.bin --loader loader.bin",
                "the loader is for the boot pin, and for an interruption",
            ),
            real(
                "stickshift convert --to hilink --firmware hilink.bin --webui webui.bin --loader loader.bin",
                "back again",
            ),
            real(
                "stickshift convert --to stick --firmware firmware.bin --loader loader.bin --resume",
                "after an interruption",
            ),
            real(
                "stickshift convert --all --to stick --firmware firmware.bin --loader loader.bin",
                "every stick, with one plan and one question",
            ),
        ],
    ),
    #[cfg(feature = "flash")]
    (
        "load",
        &[
            on("e3372h-needle", "stickshift load loader.bin --dry-run", "the plan, and nothing more"),
            on(
                "e3372h-needle",
                "stickshift load loader.bin --model E3372h",
                "check that it fits, and send it",
            ),
        ],
    ),
    #[cfg(feature = "flash")]
    (
        "loader",
        &[
            alone("stickshift loader info loader.bin", "whether it would erase the stick"),
            alone("stickshift loader patch loader.bin -o safe.bin", "take the erase call out"),
            real("stickshift loader table loader.bin", "its partition table"),
        ],
    ),
    #[cfg(feature = "flash")]
    (
        "flash",
        &[
            on("e3372h-loader", "stickshift flash firmware.bin --dry-run", "the plan, and nothing more"),
            on("e3372h-loader", "stickshift flash firmware.bin", "a stick in download mode"),
            real(
                "stickshift flash firmware.bin webui.bin 1-1.2",
                "two files, in this order, to one of several",
            ),
            real("stickshift flash firmware.bin --resume", "after an interruption"),
        ],
    ),
    #[cfg(feature = "virtual")]
    (
        "rehearse",
        &[
            alone("stickshift rehearse", "the whole conversion of a virtual stick"),
            alone("stickshift rehearse --fault powerloss@100 --seed 7", "with a power failure in the middle"),
            alone("stickshift rehearse --needle", "with a firmware that needs the boot pin"),
            alone("stickshift rehearse --files files", "files to try the other verbs with"),
        ],
    ),
    #[cfg(feature = "virtual")]
    (
        "virtual",
        &[
            alone("stickshift virtual --list", "the sticks there are"),
            alone("stickshift virtual --faults", "the faults they can show"),
            real("stickshift virtual e3372h-stick --dir ports", "its serial ports, for other programs"),
            real("stickshift virtual e3372h-hilink --attach http", "its web interface"),
            real("stickshift virtual --from report.txt --attach kernel", "the stick of a report"),
        ],
    ),
    #[cfg(feature = "hilink-verb")]
    (
        "hilink",
        &[
            on("e3372h-hilink", "stickshift hilink info", "model, firmware, web UI"),
            on("e3372h-hilink", "stickshift hilink status", "connection, network, SIM"),
            real("stickshift hilink connect --user admin", "data on, where a login is needed"),
            on("e3372h-hilink", "stickshift hilink raw /api/monitoring/status", "any request"),
        ],
    ),
    (
        "at",
        &[
            on("e3372h-stick", "stickshift at ATI +CSQ 'AT^HCSQ?'", "several commands"),
            real("stickshift at --terminal", "a terminal with history"),
            real("stickshift at ATI --port /dev/ttyUSB0", "a port of your choice"),
        ],
    ),
    (
        "sms",
        &[
            on("e3372h-stick", "stickshift sms list", "what was received"),
            on("e3372h-stick", "stickshift sms read SM:0", "one of them"),
            on("e3372h-stick", "stickshift sms send +33123456789 'on my way'", "send one"),
            on("e3372h-stick", "stickshift sms delete SM:0", "delete one"),
        ],
    ),
    #[cfg(feature = "ussd")]
    (
        "ussd",
        &[
            on("e3372h-stick", "stickshift ussd '*100#'", "the balance, with many operators"),
            real("stickshift ussd '*100#' 1 2", "and the answers to its menus"),
        ],
    ),
    (
        "pin",
        &[
            on("e3372h-stick-pin", "stickshift pin status", "what the SIM waits for, attempts left"),
            real("stickshift pin enter", "asks for it"),
            on("e3372h-stick-pin", "STICKSHIFT_PIN=1234 stickshift pin enter", "in a script"),
        ],
    ),
    (
        "signal",
        &[
            on("e3372h-stick", "stickshift signal", "once"),
            real("stickshift signal --watch", "until Ctrl-C, to find a good place"),
        ],
    ),
    #[cfg(feature = "network")]
    (
        "network",
        &[
            on("e3372h-stick", "stickshift network show", "what the stick may use"),
            on("e3372h-stick", "stickshift network set --mode lte", "LTE only"),
            real("stickshift network scan", "which networks there are"),
            real("stickshift network use auto", "let the stick choose"),
        ],
    ),
    #[cfg(feature = "online")]
    (
        "online",
        &[
            on("e3372h-stick", "stickshift online up", "the whole way to packets, step by step"),
            on("e3372h-stick", "stickshift online up --dry-run", "what would be done, and nothing more"),
            real(
                "stickshift online up 1-1.2 --apn internet --metric 100",
                "one of several, before the cable",
            ),
            real("stickshift online up --no-default --stay", "for programs that choose it, for weeks"),
            on("e3372h-stick", "stickshift online apn", "the access point of the SIM's operator"),
            real("stickshift online down", "hangs up, and puts everything back"),
        ],
    ),
    #[cfg(feature = "ports")]
    (
        "ports",
        &[
            on("e3372h-stick", "stickshift ports show", "the ports now, and those that it could show"),
            on("e3372h-stick", "stickshift ports set at,modem,ncm", "choose them, from the next start on"),
        ],
    ),
    #[cfg(feature = "mqtt")]
    (
        "bridge",
        &[
            real("stickshift bridge mqtt", "to a broker on this computer"),
            real("stickshift bridge mqtt --broker mqtt.lan --user rack1", "to another one, with a password"),
            real("stickshift bridge mqtt --allow sms-send,ussd", "commands that may come from there"),
        ],
    ),
    #[cfg(feature = "web")]
    (
        "serve",
        &[
            real("stickshift serve", "prints a link for the browser of this computer"),
            real("stickshift serve --virtual e3372h-hilink,k3772", "look around without hardware"),
            real("stickshift serve passwd", "asks for the password that other computers need"),
            real("stickshift serve --listen 192.168.1.2:8321", "others reach it with the password"),
            real("stickshift serve --unix /run/stickshift.sock", "for a proxy or a script"),
        ],
    ),
    #[cfg(any(feature = "flash", feature = "learn", feature = "pasted", feature = "router"))]
    (
        "inspect",
        &[
            alone("stickshift inspect firmware.bin", "what a file is, and what is in it"),
            alone("stickshift inspect loader.bin --json", "the same for a script"),
            real("lsusb -v > lsusb.txt; stickshift inspect lsusb.txt", "which stick a text is about"),
            real("usb-devices | stickshift inspect -", "the same without a file"),
        ],
    ),
    #[cfg(feature = "report")]
    (
        "report",
        &[
            on("e3372h-stick", "stickshift report", "look at it; nothing is written"),
            on("k3772", "stickshift report -o report.txt", "look at it, and write it to a file"),
            real("stickshift report 1-1.2 --with-trace trace.txt -o report.txt", "with what was said to it"),
        ],
    ),
];

/// Those of a verb.
pub(crate) fn of(verb: &str) -> &'static [Example] {
    EXAMPLES.iter().find(|(name, _)| *name == verb).map_or(&[], |(_, examples)| examples)
}

/// As they stand at the end of the help of `verb`; empty where there are none.
pub(crate) fn text(verb: &str) -> String {
    let mut text = String::new();
    for example in of(verb) {
        let head = if text.is_empty() { "Examples:" } else { "" };
        if !head.is_empty() {
            text.push_str(head);
        }
        text.push_str(&format!("\n  {}\n      {}", example.line, example.does));
    }
    text
}
