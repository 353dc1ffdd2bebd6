//! What OpenWrt needs for a stick: packages, UCI sections, a hotplug hook and, for a stick that OpenWrt does not know, a usb-mode entry
//! (docs/protocols/router-image.md section 4).
//!
//! ```
//! use stickshift::profile::builtin;
//! use stickshift::router::openwrt::Data;
//!
//! // What a module that the kernel switches takes, and a stick with a router inside.
//! let module = builtin::lookup("12d1:15c1".parse().unwrap()).next().unwrap();
//! assert_eq!(Data::of_entry(&module)?, Some(Data::Mbim));
//! assert_eq!(Data::of_id("12d1:14dc".parse().unwrap()), Some(Data::Hilink));
//! # Ok::<(), stickshift::error::Error>(())
//! ```

mod data;
mod ports;

use crate::error::{Detail, Error, ErrorKind, Result};
use crate::profile::Entry;
use crate::profile::formats::openwrt;
use crate::stick::{Place, Stick, UsbId};

pub use data::Data;
use ports::{Ready, drivers};

/// Who dials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialler {
    /// The router's own protocols: `3g`, `ncm`, `qmi`, `mbim`, `dhcp`.
    Router,
    /// This program, on the router: the protocol `stickshift`.
    Stickshift,
}

/// What the owner wants.
#[derive(Clone, Debug)]
pub struct Wishes {
    /// Name of the interface in UCI.
    pub interface: String,
    /// Access point name; none for that of the SIM's operator, which this program finds, and for `internet` with the router's own protocols.
    pub apn: Option<String>,
    /// Who dials.
    pub dialler: Dialler,
    /// Where the stick is, for an interface that is for no other one.
    pub place: Option<Place>,
    /// The ids in modem mode, for a stick that was not examined in it.
    pub target: Option<UsbId>,
}

/// A file for the router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterFile {
    /// Path on the router, from `/`.
    pub path: String,
    /// Its content.
    pub text: String,
    /// Whether it is a script.
    pub executable: bool,
}

/// All that a stick needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// How data goes.
    pub data: Data,
    /// Packages, by name.
    pub packages: Vec<&'static str>,
    /// Files, each whole.
    pub files: Vec<RouterFile>,
    /// What the owner should know.
    pub notes: Vec<String>,
}

/// Where the script is kept. Not in /etc/uci-defaults: there it would run again at the next start, over what the owner changed since.
pub const SCRIPT: &str = "/etc/stickshift/setup.sh";

/// Files that belong to the stick of an interface, of every recipe. Other sticks have interfaces, and files, of their own.
pub fn files_of(interface: &str) -> [String; 5] {
    [
        hook("tty", interface),
        hook("net", interface),
        hook("usbmisc", interface),
        switching_hook(interface),
        switching_table(interface),
    ]
}

/// The same files where they had no name of an interface, as builds before 0.1.0 wrote them.
pub const FILES_OF_ONE_STICK: [&str; 5] = [
    "/etc/hotplug.d/tty/30-stickshift",
    "/etc/hotplug.d/net/30-stickshift",
    "/etc/hotplug.d/usbmisc/30-stickshift",
    "/etc/hotplug.d/usb/21-stickshift",
    "/etc/stickshift/usb-mode.json",
];

/// The command that takes away what [`SCRIPT`] set for an interface.
pub fn forget(interface: &str) -> String {
    format!(
        "if [ \"$(uci -q get network.{interface}.stickshift)\" = 1 ]; then uci delete network.{interface} && uci commit network; \
         for zone in $(uci -q show firewall | sed -n 's/\\.network=.*//p'); do uci -q del_list \"$zone.network={interface}\"; done; \
         uci -q commit firewall; /etc/init.d/network reload; fi; [ ! -f {KEPT} ] || {}",
        no_longer_kept(interface)
    )
}

/// What OpenWrt keeps when it is upgraded, besides its settings: one path per line.
const KEPT: &str = "/etc/sysupgrade.conf";

fn no_longer_kept(interface: &str) -> String {
    format!("sed -i '/stickshift-{interface}$/d; /usb-mode-{interface}[.]json$/d' {KEPT}")
}

fn hook(subsystem: &str, interface: &str) -> String {
    format!("/etc/hotplug.d/{subsystem}/30-stickshift-{interface}")
}

fn switching_hook(interface: &str) -> String {
    format!("/etc/hotplug.d/usb/21-stickshift-{interface}")
}

fn switching_table(interface: &str) -> String {
    format!("/etc/stickshift/usb-mode-{interface}.json")
}

/// Which of several entries for the same ids usbmode takes: the first in its file.
pub fn taken_by_usbmode(entries: &[Entry]) -> Option<&Entry> {
    openwrt::first_in_file(entries).or(entries.first())
}

/// Sections that every OpenWrt has and that hold no modem.
const NOT_OURS: [&str; 5] = ["lan", "loopback", "globals", "wan", "wan6"];

/// Writes the recipe for a stick. `entries` are how it is switched, where it has to be: of a stick that is switched already, all that lead to
/// its ids. `stick` is the stick as it stands, where there is one.
///
/// # Errors
/// `Usage` when a wish holds what a configuration file cannot, and for QMI where this program dials.
pub fn recipe(data: Data, entries: &[Entry], stick: Option<&Stick>, wishes: &Wishes) -> Result<Recipe> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    // The kernel's limit for a network interface; that of PPP is called 3g-NAME.
    let is_prefixed = wishes.dialler == Dialler::Router && data == Data::Ppp;
    let limit = if is_prefixed { 12 } else { 15 };
    if !(1..=limit).contains(&wishes.interface.len()) || !wishes.interface.chars().all(plain) {
        let what = format!("the name of an interface is letters, digits and _, {limit} at most");
        return Err(Error::new(ErrorKind::Usage, what).with("name", &wishes.interface));
    }
    if NOT_OURS.contains(&wishes.interface.as_str()) {
        let what =
            format!("{} is an interface of the router itself: give the stick another name", wishes.interface);
        return Err(Error::new(ErrorKind::Usage, what).with("name", &wishes.interface));
    }
    // An access point name is a domain name; anything else could break out of its quotes.
    let apn_is_plain =
        |apn: &str| apn.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if let Some(apn) = wishes.apn.as_ref().filter(|apn| !(1..=100).contains(&apn.len()) || !apn_is_plain(apn))
    {
        let what = "an access point name is letters, digits, dots, hyphens and _, 100 at most";
        return Err(Error::new(ErrorKind::Usage, what).with("apn", apn));
    }
    match wishes.dialler {
        Dialler::Router => Ok(for_the_router(data, entries, stick, wishes)),
        Dialler::Stickshift if data == Data::Qmi => {
            let what = "the protocol stickshift cannot dial by QMI";
            let next = "dial on the stick's serial port: --data ppp; or let the router dial by QMI: --dialler router";
            Err(Error::new(ErrorKind::Usage, what).detail(Detail::NextStep(next)))
        }
        Dialler::Stickshift => Ok(for_this_program(data, stick, wishes)),
    }
}

/// With this program on the router: drivers and one section; the program switches, dials and waits for the stick by itself.
fn for_this_program(data: Data, stick: Option<&Stick>, wishes: &Wishes) -> Recipe {
    let needed = |name: &&str| name.starts_with("kmod-");
    let mut packages = data.packages_for(&drivers(stick, wishes.target));
    packages.retain(needed);
    if data == Data::Ppp {
        packages.push("ppp");
    }
    let mut options = vec![("proto", "stickshift".to_owned())];
    options.extend(wishes.place.iter().map(|place| ("place", place.to_string())));
    options.extend(wishes.apn.iter().map(|apn| ("apn", apn.clone())));
    // Behind the cable.
    options.push(("metric", "20".to_owned()));
    let text = uci(&options, &wishes.interface, &[]);
    let files = vec![RouterFile { path: SCRIPT.to_owned(), text, executable: true }];
    let mut notes =
        vec!["a PIN is not written here: add `option pincode` yourself, or switch it off".to_owned()];
    if wishes.place.is_none() {
        notes.push("the interface takes the only stick; `option place` names one of several".to_owned());
    }
    Recipe { data, packages, files, notes }
}

fn for_the_router(data: Data, entries: &[Entry], stick: Option<&Stick>, wishes: &Wishes) -> Recipe {
    let Ready { subsystem, device: found } = data.ready(stick, wishes.target);
    let device = found.name();
    let mut files = vec![RouterFile {
        path: hook(subsystem, &wishes.interface),
        text: format!(
            "# {device} is there: the stick is ready.\n\
             [ \"$ACTION\" = add ] || exit 0\n\
             [ \"${{DEVICENAME:-$INTERFACE}}\" = {device} ] || exit 0\n\
             ifup {}\n",
            wishes.interface
        ),
        executable: false,
    }];
    let mut notes = Vec::new();
    let mut packages = data.packages_for(&drivers(stick, wishes.target));
    // An entry that only says to leave the stick alone has nothing for usbmode, which leaves alone what it does not know.
    let entries: Vec<Entry> = entries.iter().filter(|e| !e.parameters.is_leave_alone()).cloned().collect();
    if entries.is_empty() {
        packages.retain(|p| *p != "usb-modeswitch");
    } else {
        let export = openwrt::emit(&entries);
        // Names and sources are for people; usb-mode.json is not.
        let losses = export.losses.iter().filter(|l| !matches!(l.what.as_str(), "name" | "source"));
        notes.extend(losses.map(|l| format!("usb-mode.json cannot carry {}: {}", l.what, l.why)));
        notes.extend(export.notes);
        files.push(RouterFile {
            path: switching_table(&wishes.interface),
            text: String::from_utf8_lossy(&export.bytes).into_owned(),
            executable: false,
        });
        files.push(RouterFile {
            path: switching_hook(&wishes.interface),
            text: format!(
                "# The router's own table may not know this stick.\n\
                 [ \"$ACTION\" = add ] || exit 0\n\
                 [ \"$DEVTYPE\" = usb_device ] || exit 0\n\
                 /sbin/usbmode -s -c {}\n",
                switching_table(&wishes.interface)
            ),
            executable: false,
        });
    }
    notes.push(match data {
        Data::Ppp | Data::Ncm => {
            "a PIN is not written here: add `option pincode` yourself, or switch it off".to_owned()
        }
        Data::Hilink => {
            "the stick is itself a router: the LAN must use another network than the stick".to_owned()
        }
        Data::Qmi | Data::Mbim => {
            "the number of cdc-wdm may differ when other modems are plugged in".to_owned()
        }
    });
    notes.extend(found.note());
    notes
        .push("an upgrade of OpenWrt keeps these files, and no packages: install them again then".to_owned());
    let text = uci(&router_options(data, device, wishes), &wishes.interface, &files);
    files.insert(0, RouterFile { path: SCRIPT.to_owned(), text, executable: true });
    Recipe { data, packages, files, notes }
}

/// The section of one of the router's own protocols.
fn router_options(data: Data, device: &str, wishes: &Wishes) -> Vec<(&'static str, String)> {
    let apn = wishes.apn.clone().unwrap_or_else(|| "internet".to_owned());
    let mut options: Vec<(&str, String)> = Vec::new();
    match data {
        Data::Ppp => {
            options.push(("proto", "3g".to_owned()));
            options.push(("device", format!("/dev/{device}")));
            options.push(("service", "umts".to_owned()));
            options.push(("apn", apn));
            options.push(("dialnumber", "*99***1#".to_owned()));
        }
        Data::Ncm | Data::Qmi | Data::Mbim => {
            options.push(("proto", data.code().to_owned()));
            options.push(("device", format!("/dev/{device}")));
            options.push(("apn", apn));
            options.push(("pdptype", "IP".to_owned()));
            if data == Data::Ncm {
                options.push(("mode", "preferlte".to_owned()));
                options.push(("delay", "10".to_owned()));
            }
        }
        Data::Hilink => {
            options.push(("proto", "dhcp".to_owned()));
            options.push((NETIFD_DEVICE, device.to_owned()));
            options.push(("metric", "20".to_owned()));
        }
    }
    options
}

/// The option that names netifd's network interface, which the script finds: before OpenWrt 21.02 it was called ifname.
const NETIFD_DEVICE: &str = "$device";

/// The script that makes the section, and has the files in `keep` stay when OpenWrt is upgraded.
fn uci(options: &[(&str, String)], interface: &str, keep: &[RouterFile]) -> String {
    // What the owner added, such as a PIN, stays. An interface that somebody else made is none of ours. What the owner has begun to change
    // is not committed along with it.
    // `uci batch` would end well whatever its commands did.
    let mut text = format!(
        "#!/bin/sh\n\
         # Run it once; running it again changes nothing that you added.\n\
         command -v uci >/dev/null || {{\n\
         \techo 'there is no uci here: run this script on the router' >&2\n\
         \texit 1\n\
         }}\n\
         if [ -n \"$(uci -q changes network; uci -q changes firewall)\" ]; then\n\
         \techo 'there are changes of network or firewall that are not committed: uci commit, or uci revert, first' >&2\n\
         \texit 1\n\
         fi\n\
         if uci -q get network.{interface} >/dev/null && [ \"$(uci -q get network.{interface}.stickshift)\" != 1 ]; then\n\
         \techo 'there is a network interface {interface} that stickshift did not make: choose another name with --interface' >&2\n\
         \texit 1\n\
         fi\n\
         failed() {{\n\
         \tuci -q revert network\n\
         \tuci -q revert firewall\n\
         \techo 'uci failed, and the interface {interface} is not set up; mend what uci says above, then run this script again' >&2\n\
         \texit 1\n\
         }}\n\
         uci set network.{interface}=interface || failed\n\
         uci set network.{interface}.stickshift=1 || failed\n\
         for option in $(uci -q get network.{interface}.stickshift_options); do\n\
         \tuci -q delete \"network.{interface}.$option\"\n\
         done\n"
    );
    // Another run, for another stick or dialler, takes them away. The owner's options are not among them.
    let names: Vec<&str> = options.iter().map(|(name, _)| *name).collect();
    let names = names.join(" ").replace(NETIFD_DEVICE, "device ifname");
    text.push_str(&format!("uci set network.{interface}.stickshift_options='{names}' || failed\n"));
    if options.iter().any(|(name, _)| *name == NETIFD_DEVICE) {
        text.push_str(
            "device=device\n\
             grep -q \"RELEASE='1[0-9]\\.\" /etc/openwrt_release 2>/dev/null && device=ifname\n",
        );
    }
    for (name, value) in options {
        text.push_str(&format!("uci set network.{interface}.{name}='{value}' || failed\n"));
    }
    // The second zone of a fresh OpenWrt is wan; asked by name, because owners move them. A router may do without a firewall.
    text.push_str(&format!(
        "zone=$(uci -q show firewall | sed -n \"s/^\\(firewall\\.@zone\\[[0-9]*\\]\\)\\.name='wan'$/\\1/p\" | head -n 1)\n\
         if [ -n \"$zone\" ]; then\n\
         \tuci -q del_list \"$zone.network={interface}\"\n\
         \tuci add_list \"$zone.network={interface}\" || failed\n\
         \tuci commit firewall || failed\n\
         fi\n\
         uci commit network || failed\n"
    ));
    if !keep.is_empty() {
        let paths: Vec<&str> = keep.iter().map(|file| file.path.as_str()).collect();
        text.push_str(&format!(
            "if [ -f {KEPT} ]; then\n\
             \t{}\n\
             \tprintf '%s\\n' {} >>{KEPT}\n\
             fi\n",
            no_longer_kept(interface),
            paths.join(" ")
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;
    use crate::profile::builtin;
    use crate::router::openwrt::ports::OPTION_PACKAGE;

    fn wishes() -> Wishes {
        Wishes {
            interface: "wwan".to_owned(),
            apn: Some("internet.example".to_owned()),
            dialler: Dialler::Router,
            place: None,
            target: None,
        }
    }

    #[test]
    fn known_ids_name_the_port_the_protocol_and_the_packages() {
        let of = |id: &str, data: Option<Data>| {
            let id: UsbId = id.parse().unwrap();
            let wishes = Wishes { target: Some(id), ..wishes() };
            recipe(data.or(Data::of_id(id)).unwrap(), &[], None, &wishes).unwrap()
        };
        for (id, data, option, package) in [
            ("2c7c:0125", None, "proto='qmi'", "kmod-usb-net-qmi-wwan"),
            ("2c7c:0125", Some(Data::Ppp), "device='/dev/ttyUSB3'", OPTION_PACKAGE),
            ("1199:9071", None, "proto='qmi'", "uqmi"),
            ("1199:9071", Some(Data::Ppp), "device='/dev/ttyUSB2'", "kmod-usb-serial-qualcomm"),
            ("12d1:1001", None, "device='/dev/ttyUSB0'", OPTION_PACKAGE),
        ] {
            let recipe = of(id, data);
            assert!(recipe.files[0].text.contains(option), "{id}: {}", recipe.files[0].text);
            assert!(recipe.packages.contains(&package), "{id}: {:?}", recipe.packages);
            let guesses = recipe.notes.iter().any(|note| note.contains("ttyUSB") && note.contains("guess"));
            assert!(!guesses, "{id}: {:?}", recipe.notes);
        }
    }

    #[test]
    fn each_kind_has_its_protocol_and_driver() {
        for (data, proto, package) in [
            (Data::Ppp, "3g", "kmod-usb-serial-option"),
            (Data::Ncm, "ncm", "kmod-usb-net-huawei-cdc-ncm"),
            (Data::Hilink, "dhcp", "kmod-usb-net-cdc-ether"),
            (Data::Qmi, "qmi", "kmod-usb-net-qmi-wwan"),
            (Data::Mbim, "mbim", "kmod-usb-net-cdc-mbim"),
        ] {
            let recipe = recipe(data, &[], None, &wishes()).unwrap();
            assert!(recipe.packages.contains(&package), "{proto}");
            assert!(recipe.files[0].text.contains(&format!(".proto='{proto}' ")), "{proto}");
            assert!(!recipe.packages.contains(&"usb-modeswitch"), "nothing to switch");
        }
    }

    #[test]
    fn this_program_needs_drivers_alone_and_finds_the_access_point() {
        let wishes = Wishes { apn: None, dialler: Dialler::Stickshift, ..wishes() };
        assert!(recipe(Data::Qmi, &[], None, &wishes).is_err());
        for data in [Data::Ppp, Data::Ncm, Data::Hilink, Data::Mbim] {
            let recipe = recipe(data, &[], None, &wishes).unwrap();
            assert!(
                recipe.packages.iter().all(|p| p.starts_with("kmod-") || *p == "ppp"),
                "{:?}",
                recipe.packages
            );
            let [script] = recipe.files.as_slice() else { panic!("{:?}", recipe.files) };
            assert!(script.text.contains("set network.wwan.proto='stickshift' "));
            assert!(!script.text.contains(".apn="));
        }
    }

    #[test]
    fn a_stick_to_be_switched_brings_its_entry() {
        let entry = builtin::lookup(UsbId::new(0x12d1, 0x1526)).next().unwrap();
        let recipe =
            recipe(Data::usual(entry.targets()[0]), slice::from_ref(&entry), None, &wishes()).unwrap();
        assert_eq!(recipe.data, Data::Ppp);
        let json = recipe.files.iter().find(|f| f.path.ends_with("usb-mode-wwan.json")).unwrap();
        assert!(json.text.contains("12d1:1526"));
        assert!(recipe.packages.contains(&"usb-modeswitch"));
        assert!(recipe.notes.iter().any(|n| n.contains("ttyUSB0 is a guess")));
    }

    #[test]
    fn what_a_stick_becomes_decides_and_what_is_no_modem_is_refused() {
        let of = |id: &str| Data::of_entry(&builtin::lookup(id.parse().unwrap()).next().unwrap());
        for (id, data) in [
            ("12d1:1f01", Data::Hilink),
            ("19d2:1225", Data::Hilink),
            ("19d2:1705", Data::Hilink),
            ("3426:1f01", Data::Hilink),
            ("19d2:0548", Data::Hilink),
            ("12d1:1526", Data::Ppp),
            ("12d1:1446", Data::Ppp),
            ("12d1:1001", Data::Ppp),
        ] {
            assert_eq!(of(id).unwrap(), Some(data), "{id}");
        }
        for id in [
            "03f0:002a",
            "0922:1001",
            "046d:c261",
            "1de1:1101",
            "057c:62ff",
            "0bda:1a2b",
            "a69c:5721",
            "072f:100d",
            "0bda:8151",
        ] {
            let error = of(id).unwrap_err();
            assert!(error.what().contains("no modem"), "{id}: {error:?}");
        }
    }

    #[test]
    fn what_the_owner_has_stays() {
        for name in NOT_OURS {
            let wishes = Wishes { interface: name.to_owned(), ..wishes() };
            assert!(recipe(Data::Ppp, &[], None, &wishes).is_err(), "{name}");
        }
        let recipe = recipe(Data::Ppp, &[], None, &wishes()).unwrap();
        let script = &recipe.files[0];
        assert!(!script.path.starts_with("/etc/uci-defaults"), "{}", script.path);
        assert!(!script.text.contains("delete network."));
        assert!(!script.text.contains("uci commit\n"));
    }

    #[test]
    fn what_is_left_alone_is_not_exported() {
        let mut count = 0;
        for entry in builtin::all().filter(|entry| entry.parameters.is_leave_alone()) {
            let recipe = recipe(Data::Mbim, slice::from_ref(&entry), None, &wishes()).unwrap();
            assert!(recipe.files.iter().all(|f| !f.path.contains("/usb-mode")), "{}", entry.key);
            assert!(!recipe.packages.contains(&"usb-modeswitch"));
            let export = openwrt::emit(slice::from_ref(&entry));
            assert!(!String::from_utf8_lossy(&export.bytes).contains("config"), "{}", entry.key);
            assert_eq!(export.losses.iter().filter(|l| l.what == "entry").count(), 1);
            count += 1;
        }
        assert_eq!(count, 33);
        let me906 = builtin::lookup(UsbId::new(0x12d1, 0x15c1)).next().unwrap();
        assert_eq!(Data::of_entry(&me906).unwrap(), Some(Data::Mbim));
    }

    #[test]
    fn ids_of_routers_get_dhcp() {
        assert_eq!(Data::of_id(UsbId::new(0x12d1, 0x14dc)), Some(Data::Hilink));
        assert_eq!(Data::of_id(UsbId::new(0x2c7c, 0x0125)), Some(Data::Qmi));
        assert_eq!(Data::of_id(UsbId::new(0x046d, 0xc31c)), None);
        assert_eq!(Data::usual(UsbId::new(0x12d1, 0x14dc)), Data::Hilink);
    }

    #[test]
    fn wishes_cannot_break_out_of_their_quotes() {
        for (interface, apn) in
            [("wwan", "a'b"), ("wwan", "a b"), ("wwan", ""), ("w wan", "a"), ("", "a"), ("wan'\n", "a")]
        {
            for dialler in [Dialler::Router, Dialler::Stickshift] {
                let (interface, apn) = (interface.to_owned(), apn.to_owned());
                let wishes = Wishes { interface, apn: Some(apn), dialler, place: None, target: None };
                assert!(recipe(Data::Ppp, &[], None, &wishes).is_err(), "{wishes:?}");
            }
        }
    }
}
