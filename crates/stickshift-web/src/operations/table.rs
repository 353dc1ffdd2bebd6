//! The operations, each with the words of its command line.

use crate::fields::{Field, Fields, Kind, field};

use super::words::{format, ids, options, path, place, required, stick, words};
use super::{CONSENTS, Operation, Way};

const PLACE: Field = field("place", Kind::Path, "The stick's place on the bus, for example 1-1.2");
const FILE: Field = field("file", Kind::Path, "The id of a file that was uploaded");
const IDS: Field = field("ids", Kind::Path, "USB ids, vvvv:pppp");
const FORMAT: Field = field(
    "format",
    Kind::Path,
    "usb-modeswitch, usb-modeswitch-pack, openwrt, tplink, tplink-table, udev or stickshift",
);

/// What a connection can be asked to be.
const UP: &[Field] = &[
    PLACE,
    field(
        "apn",
        Kind::Optional,
        "Access point name, an empty one for the network's own; else that of the settings or of the SIM's operator",
    ),
    field("user", Kind::Optional, "User name of the access point"),
    field("password", Kind::Secret("STICKSHIFT_APN_PASSWORD"), "Password of the access point"),
    field("auth", Kind::Optional, "none, pap, chap or mschapv2; else what the access point takes"),
    field("ip", Kind::Optional, "v4, v6 or v4v6"),
    field("way", Kind::Optional, "auto, ncm, ppp, hilink, mbim or ecm"),
    field("pin", Kind::Secret("STICKSHIFT_PIN"), "PIN of the SIM: tried once, and never with the last try"),
    field("roaming", Kind::Switch, "on: switch data in other operators' networks on in the stick"),
    field("no-default", Kind::Switch, "on: no default route"),
    field("metric", Kind::Optional, "Metric of the default route"),
    field("mtu", Kind::Optional, "Largest packet in bytes"),
    field("stay", Kind::Switch, "on: watch the connection, and mend what fails, until the job is stopped"),
];

fn up(f: &Fields, only_plan: bool) -> Result<Vec<String>, String> {
    let mut words = vec!["online".into(), "up".into()];
    // An empty one has the network choose, as with the command.
    words.extend(f.all("apn").next().map(|apn| format!("--apn={apn}")));
    words.extend(options(f, &["user"]));
    // A way to prove a user that is not named means nothing; none needs no user.
    words.extend(options(f, &["auth"]).filter(|_| f.has("user") || f.get("auth") == Some("none")));
    words.extend(options(f, &["ip", "way", "metric", "mtu"]));
    let flags = ["roaming", "no-default", "stay"].into_iter().filter(|name| f.has(name));
    words.extend(flags.filter(|name| !only_plan || *name != "stay").map(|name| format!("--{name}")));
    if only_plan {
        words.push("--dry-run".into());
    }
    words.extend(["--".into(), place(f)?]);
    Ok(words)
}

/// Switches sticks as they are plugged in.
pub(crate) static WATCH: Operation = Operation {
    name: "watch",
    method: "",
    path: "",
    verb: "watch",
    about: "",
    way: Way::Service,
    fields: &[],
    words: |_, _| words(&["watch"]),
};

/// Stays online through a stick.
pub(crate) static STAY: Operation = Operation {
    name: "stay",
    method: "",
    path: "",
    verb: "online up",
    about: "",
    way: Way::Service,
    fields: UP,
    words: |f, _| Ok(vec!["online".into(), "up".into(), "--stay".into(), "--".into(), place(f)?]),
};

pub(crate) static OPERATIONS: &[Operation] = &[
    Operation {
        name: "sticks",
        method: "GET",
        path: "/sticks",
        verb: "list",
        about: "What is plugged in",
        way: Way::Read,
        fields: &[],
        words: |_, _| words(&["list"]),
    },
    Operation {
        name: "identify",
        method: "GET",
        path: "/sticks/{place}",
        verb: "identify",
        about: "What a stick is, with evidence",
        way: Way::Read,
        fields: &[PLACE],
        words: |f, _| Ok(vec!["identify".into(), "--".into(), place(f)?]),
    },
    Operation {
        name: "signal",
        method: "GET",
        path: "/sticks/{place}/signal",
        verb: "signal",
        about: "Network, signal strength and quality",
        way: Way::Read,
        fields: &[PLACE],
        words: |f, _| Ok(vec!["signal".into(), stick(f)?]),
    },
    Operation {
        name: "connection",
        method: "GET",
        path: "/sticks/{place}/connection",
        verb: "hilink status",
        about: "Connection, network and SIM of HiLink firmware",
        way: Way::Read,
        fields: &[PLACE],
        words: |f, _| Ok(vec!["hilink".into(), stick(f)?, "status".into()]),
    },
    Operation {
        name: "traffic",
        method: "GET",
        path: "/sticks/{place}/traffic",
        verb: "hilink traffic",
        about: "Traffic of HiLink firmware",
        way: Way::Read,
        fields: &[PLACE],
        words: |f, _| Ok(vec!["hilink".into(), stick(f)?, "traffic".into()]),
    },
    Operation {
        name: "online",
        method: "GET",
        path: "/sticks/{place}/online",
        verb: "online status",
        about: "The state of the connection of this computer; the stick is not asked",
        way: Way::Read,
        fields: &[PLACE],
        words: |f, _| Ok(vec!["online".into(), "status".into(), "--".into(), place(f)?]),
    },
    Operation {
        name: "apn",
        method: "GET",
        path: "/sticks/{place}/apn",
        verb: "online apn",
        about: "The access point that is taken where none is given",
        way: Way::Read,
        fields: &[PLACE],
        words: |f, _| Ok(vec!["online".into(), "apn".into(), stick(f)?]),
    },
    Operation {
        name: "up",
        method: "POST",
        path: "/sticks/{place}/online",
        verb: "online up",
        about: "Go online",
        way: Way::Job,
        fields: UP,
        words: |f, _| up(f, false),
    },
    Operation {
        name: "preview-up",
        method: "POST",
        path: "/sticks/{place}/online/plan",
        verb: "online up",
        about: "What going online would do: every command and every change of the computer",
        way: Way::Job,
        fields: UP,
        words: |f, _| up(f, true),
    },
    Operation {
        name: "down",
        method: "DELETE",
        path: "/sticks/{place}/online",
        verb: "online down",
        about: "Hang up, and put back what going online has changed",
        way: Way::Change,
        fields: &[PLACE],
        words: |f, _| Ok(vec!["online".into(), "down".into(), "--".into(), place(f)?]),
    },
    Operation {
        name: "messages",
        method: "GET",
        path: "/sticks/{place}/messages",
        verb: "sms list",
        about: "Messages of all stores, oldest first",
        way: Way::Read,
        fields: &[PLACE],
        words: |f, _| Ok(vec!["sms".into(), stick(f)?, "list".into()]),
    },
    Operation {
        name: "send",
        method: "POST",
        path: "/sticks/{place}/messages",
        verb: "sms send",
        about: "Send a message",
        way: Way::Change,
        fields: &[
            PLACE,
            field("to", Kind::Required, "Recipient, with + and country code"),
            field("text", Kind::Required, "Text; a long one is split"),
        ],
        words: |f, _| {
            let (to, text) = (required(f, "to")?, required(f, "text")?);
            Ok(vec!["sms".into(), stick(f)?, "send".into(), "--".into(), to, text])
        },
    },
    Operation {
        name: "delete",
        method: "DELETE",
        path: "/sticks/{place}/messages/{message}",
        verb: "sms delete",
        about: "Delete a message",
        way: Way::Change,
        fields: &[
            PLACE,
            field("message", Kind::Path, "Its number, with its store where several have it: SM:3"),
        ],
        words: |f, _| {
            Ok(vec!["sms".into(), stick(f)?, "delete".into(), "--".into(), required(f, "message")?])
        },
    },
    Operation {
        name: "ussd",
        method: "POST",
        path: "/sticks/{place}/ussd",
        verb: "ussd",
        about: "Send a USSD code, and then the replies to what the network asks back",
        way: Way::Change,
        fields: &[PLACE, field("code", Kind::Several, "The code, then the replies in order")],
        words: |f, _| {
            let codes: Vec<String> = f.all("code").filter(|c| !c.is_empty()).map(str::to_owned).collect();
            if codes.is_empty() {
                return Err("a code is required".into());
            }
            let mut words = vec!["ussd".into(), stick(f)?, "--".into()];
            words.extend(codes);
            Ok(words)
        },
    },
    Operation {
        name: "network",
        method: "GET",
        path: "/sticks/{place}/network",
        verb: "network show",
        about: "Allowed technologies and bands",
        way: Way::Read,
        fields: &[PLACE],
        words: |f, _| Ok(vec!["network".into(), stick(f)?, "show".into()]),
    },
    Operation {
        name: "radio",
        method: "PUT",
        path: "/sticks/{place}/network",
        verb: "network set",
        about: "Set the allowed technologies and bands; the connection is lost for a moment",
        way: Way::Change,
        fields: &[
            PLACE,
            field("mode", Kind::Optional, "Technologies in order of preference, from lte,umts,gsm; or auto"),
            field("lte", Kind::Optional, "LTE bands, for example 3,7,20; or all"),
            field("other", Kind::Optional, "GSM and UMTS bands, for example gsm900,umts2100; or all"),
            field("roaming", Kind::Optional, "on or off"),
        ],
        words: |f, _| {
            let mut words = vec!["network".into(), stick(f)?, "set".into()];
            words.extend(options(f, &["mode", "lte", "other", "roaming"]));
            if words.len() == 3 { Err("nothing was chosen".into()) } else { Ok(words) }
        },
    },
    Operation {
        name: "scan",
        method: "POST",
        path: "/sticks/{place}/network/scan",
        verb: "network scan",
        about: "Search for networks: up to two minutes, and data is interrupted",
        way: Way::Job,
        fields: &[PLACE],
        words: |f, _| Ok(vec!["network".into(), stick(f)?, "scan".into()]),
    },
    Operation {
        name: "use-network",
        method: "POST",
        path: "/sticks/{place}/network/use",
        verb: "network use",
        about: "Select a network",
        way: Way::Change,
        fields: &[PLACE, field("number", Kind::Required, "Its number, for example 20801; or auto")],
        words: |f, _| {
            Ok(vec!["network".into(), stick(f)?, "use".into(), "--".into(), required(f, "number")?])
        },
    },
    Operation {
        name: "doctor",
        method: "GET",
        path: "/doctor",
        verb: "doctor",
        about: "What on this computer stands in the way, each with its fix",
        way: Way::Read,
        fields: &[],
        words: |_, _| words(&["doctor"]),
    },
    Operation {
        name: "profiles",
        method: "GET",
        path: "/profiles",
        verb: "profile list",
        about: "Switching profiles",
        way: Way::Read,
        fields: &[field("text", Kind::Optional, "Part of ids, name or method")],
        words: |f, _| {
            let text = f.get("text").unwrap_or_default();
            Ok(vec!["profile".into(), "list".into(), "--".into(), text.into()])
        },
    },
    Operation {
        name: "profile",
        method: "GET",
        path: "/profiles/{ids}",
        verb: "profile show",
        about: "The profiles for USB ids",
        way: Way::Read,
        fields: &[IDS],
        words: |f, _| Ok(vec!["profile".into(), "show".into(), ids(f)?]),
    },
    Operation {
        name: "profile-as",
        method: "GET",
        path: "/profiles/{ids}/as/{format}",
        verb: "profile convert",
        about: "The profiles for USB ids in a file format",
        way: Way::Read,
        fields: &[IDS, FORMAT],
        words: |f, _| Ok(vec!["profile".into(), "convert".into(), format(f)?, ids(f)?]),
    },
    Operation {
        name: "inspect",
        method: "GET",
        path: "/files/{file}/contents",
        verb: "inspect",
        about: "What an uploaded file is and holds",
        way: Way::Read,
        fields: &[FILE],
        words: |f, u| Ok(vec!["inspect".into(), "--".into(), path(f, u, "file")?]),
    },
    Operation {
        name: "file-as",
        method: "GET",
        path: "/files/{file}/as/{format}",
        verb: "profile convert",
        about: "The profiles of an uploaded file in another file format",
        way: Way::Read,
        fields: &[FILE, FORMAT],
        words: |f, u| {
            Ok(vec!["profile".into(), "convert".into(), format(f)?, "--".into(), path(f, u, "file")?])
        },
    },
    Operation {
        name: "learned-as",
        method: "GET",
        path: "/files/{file}/learned/{format}",
        verb: "learn",
        about: "The profile that an uploaded capture shows, in a file format",
        way: Way::Read,
        fields: &[FILE, FORMAT],
        words: |f, u| {
            let format = format(f)?.replacen("--to=", "--format=", 1);
            Ok(vec!["learn".into(), format, "--".into(), path(f, u, "file")?])
        },
    },
    Operation {
        name: "try-profile",
        method: "POST",
        path: "/tries",
        verb: "switch",
        about: "Switch a virtual stick of these ids with an uploaded profile",
        way: Way::Job,
        fields: &[
            field("file", Kind::Required, "The id of the file with the profile"),
            field("ids", Kind::Required, "USB ids of the stick, vvvv:pppp"),
        ],
        words: |f, u| {
            let file = format!("--profile={}", path(f, u, "file")?);
            Ok(vec!["switch".into(), format!("--virtual={}", ids(f)?), file])
        },
    },
    Operation {
        name: "plan-switch",
        method: "POST",
        path: "/plans/switch",
        verb: "switch",
        about: "Plan to switch a stick from CD-ROM to modem",
        way: Way::Plan,
        fields: &[
            field("place", Kind::Required, "The stick's place on the bus"),
            field("to", Kind::Optional, "modem, hilink or serial"),
            field("file", Kind::Optional, "The id of a file with the profile to use"),
        ],
        words: |f, u| {
            let mut words = vec!["switch".into()];
            words.extend(options(f, &["to"]));
            if f.has("file") {
                words.push(format!("--profile={}", path(f, u, "file")?));
            }
            words.extend(["--".into(), place(f)?]);
            Ok(words)
        },
    },
    Operation {
        name: "plan-convert",
        method: "POST",
        path: "/plans/convert",
        verb: "convert",
        about: "Plan to convert a stick to the other firmware",
        way: Way::Plan,
        fields: &[
            field("place", Kind::Required, "The stick's place on the bus"),
            field("to", Kind::Required, "stick or hilink"),
            field("firmware", Kind::Required, "The id of the main firmware's file"),
            field("webui", Kind::Optional, "The id of the web UI's file"),
            field("loader", Kind::Optional, "The id of the loader's file"),
            field("resume", Kind::Switch, "on: go on with the interrupted run at this place"),
            field("no-updates", Kind::Switch, "on: turn off the stick's automatic updates first"),
            field("allow-erase", Kind::Switch, "on: start a loader that erases the whole flash"),
            field("allow-mismatch", Kind::Switch, "on: flash an image that is made for other hardware"),
            field("allow-unsigned", Kind::Switch, "on: flash an image without a signature"),
            field("allow-partial", Kind::Switch, "on: flash an image in which partitions are missing"),
            field("allow-no-loader", Kind::Switch, "on: write the boot loader without a loader at hand"),
        ],
        words: |f, u| {
            let mut words = vec!["convert".into()];
            words.extend(options(f, &["to"]));
            for name in ["firmware", "webui", "loader"] {
                if name == "firmware" || f.has(name) {
                    words.push(format!("--{name}={}", path(f, u, name)?));
                }
            }
            let flags = ["resume", "no-updates"].into_iter().chain(CONSENTS);
            words.extend(flags.filter(|name| f.has(name)).map(|name| format!("--{name}")));
            words.extend(["--".into(), place(f)?]);
            Ok(words)
        },
    },
    Operation {
        name: "rehearse",
        method: "POST",
        path: "/rehearsals",
        verb: "rehearse",
        about: "A whole conversion on a virtual stick",
        way: Way::Job,
        fields: &[
            field("to", Kind::Optional, "stick or hilink"),
            field("needle", Kind::Switch, "on: with firmware that requires the boot pin"),
            field("fault", Kind::Optional, "What goes wrong, for example powerloss@300"),
        ],
        words: |f, _| {
            let mut words = vec!["rehearse".into()];
            words.extend(options(f, &["to", "fault"]));
            if f.has("needle") {
                words.extend(["--needle".into(), "--owner=needle".into()]);
            }
            Ok(words)
        },
    },
];
