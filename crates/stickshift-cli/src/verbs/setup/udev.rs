//! What `stickshift setup udev` writes: rules for access to the nodes of modems, and rules that switch.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use stickshift::error::{Error, ErrorKind, Result};
use stickshift::profile::builtin;
use stickshift::profile::formats::udev;
use stickshift::profile::purpose::{self, Purpose};
use stickshift::stick::{UsbId, listed_modems, makers_of_many_things, stick_makers};

/// A group that udev can read, and that this system has. Which ones the system of a package has is not known.
pub(super) fn checked(group: String, is_package: bool) -> Result<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if group.is_empty() || !group.chars().all(plain) {
        return Err(Error::new(ErrorKind::Usage, "not a valid group name").with("group", group));
    }
    if !is_package && !is_group(&fs::read_to_string("/etc/group").unwrap_or_default(), &group) {
        let what = "this system has no such group, and udev would leave the rules out; groupadd creates one";
        return Err(Error::new(ErrorKind::Usage, what).with("group", group));
    }
    Ok(group)
}

fn is_group(groups: &str, name: &str) -> bool {
    groups.lines().any(|line| line.split(':').next() == Some(name))
}

/// The group that owns serial ports: Debian and Fedora say dialout, Arch says uucp.
pub(super) fn usual_group() -> String {
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    ["dialout", "uucp"].iter().find(|name| is_group(&groups, name)).unwrap_or(&"dialout").to_string()
}

/// The rules that `profile convert --to udev` writes, for every profile and what else Huawei makes, calling this program where it is.
pub(super) fn switching_rules(program: &Path) -> Result<String> {
    let path =
        program.to_str().filter(|p| p.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c)));
    let path = path.ok_or_else(|| {
        Error::new(ErrorKind::Usage, "a rule cannot call a program with such a path")
            .with("path", program.display())
    })?;
    let entries: Vec<_> = builtin::all().collect();
    Ok(udev::Rules { entries: &entries, program: path, unknown_huawei: true }.to_string())
}

/// Drivers that bind to modems alone.
const MODEM_DRIVERS: &str = "option|sierra|qcserial|hso|ipw|qmi_wwan|sierra_net|huawei_cdc_ncm|cdc_mbim";

/// Drivers of a modem's ports that other devices have too.
const COMMON_DRIVERS: &str = "cdc_acm|cdc_wdm|usbserial|usbserial_generic";

/// What a modem shows before it is switched and after: storage, communication, the vendor's own.
const OF_MODEMS: &str = "*:02*|*:08*|*:ff*";

/// Sound, input, cameras and telephones, printers, smart cards, video, the debugger of Android: other rules own their nodes.
const OF_OTHERS: &str = "*:01*|*:03*|*:06*|*:07*|*:0b*|*:0e*|*:ff42*";

/// Ports of USB's communication class.
const PORTS: &str = "*:0202*";

/// Network cards of the same: ECM, EEM, NCM, MBIM, and RNDIS.
const CARDS: &str = "*:0206*|*:020c*|*:020d*|*:020e*|*:e00103*|*:ef0401*";

fn is_no_modem(id: UsbId) -> bool {
    matches!(purpose::of(id), Some((Purpose::NoModem, _)))
}

/// Rules for the nodes of modems: their ports, and the device itself, through which a stick is switched. They add a group and never set a
/// mode. The file's number has to be below 73: there uaccess is acted upon.
pub(super) fn udev_rules(group: &str) -> String {
    let mut rules = String::from(
        "# Written by `stickshift setup udev`: people at this computer, and a group, may talk to USB modem sticks.\n\
         ACTION==\"remove\", GOTO=\"stickshift_end\"\n\
         SUBSYSTEM!=\"usb|tty|usbmisc\", GOTO=\"stickshift_end\"\n\
         SUBSYSTEM==\"usb\", ENV{DEVTYPE}!=\"usb_device\", GOTO=\"stickshift_end\"\n\
         # The ids of the device itself: ATTRS would match those of a hub above it too.\n\
         IMPORT{builtin}=\"usb_id\"\n\n",
    );
    let makers: Vec<(u16, &str)> = stick_makers().collect();
    let is_makers = |id: &UsbId| makers.iter().any(|(vendor, _)| *vendor == id.vendor);
    let others: BTreeSet<UsbId> = (builtin::all().filter_map(|e| e.key.id()))
        .filter(|id| !is_makers(id) && !is_no_modem(*id))
        .collect();
    let mark = "ENV{.STICKSHIFT_MODEM}=\"1\"";
    for (vendor, name) in &makers {
        rules.push_str(&format!("# {name}\nENV{{ID_VENDOR_ID}}==\"{vendor:04x}\", {mark}\n"));
    }
    rules.push_str("\n# Sticks of makers of many things.\n");
    for id in &others {
        rules.push_str(&format!(
            "ENV{{ID_VENDOR_ID}}==\"{:04x}\", ENV{{ID_MODEL_ID}}==\"{:04x}\", {mark}\n",
            id.vendor, id.product
        ));
    }
    rules.push_str("\n# Modems of the same that Linux lists.\n");
    let mut listed: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for id in listed_modems().filter(|id| !is_makers(id) && !others.contains(id) && !is_no_modem(*id)) {
        listed.entry(id.vendor).or_default().push(format!("{:04x}", id.product));
    }
    for (vendor, products) in listed {
        let products = products.join("|");
        rules.push_str(&format!(
            "ENV{{ID_VENDOR_ID}}==\"{vendor:04x}\", ENV{{ID_MODEL_ID}}==\"{products}\", {mark}\n"
        ));
    }
    rules.push_str("\n# What shows ports beside a network card is a modem of theirs, too.\n");
    for (vendor, name) in makers_of_many_things() {
        rules.push_str(&format!(
            "# {name}\nENV{{ID_VENDOR_ID}}==\"{vendor:04x}\", ENV{{ID_USB_INTERFACES}}==\"{PORTS}\", \
             ENV{{ID_USB_INTERFACES}}==\"{CARDS}\", {mark}\n"
        ));
    }
    let marked = "ENV{.STICKSHIFT_MODEM}==\"1\"";
    let access = format!("GROUP=\"{group}\", TAG+=\"uaccess\"");
    rules.push_str(&format!(
        "\n# Ports and control channels, by their drivers.\n\
         SUBSYSTEM==\"tty|usbmisc\", DRIVERS==\"{MODEM_DRIVERS}\", {access}\n\
         SUBSYSTEM==\"tty|usbmisc\", {marked}, DRIVERS==\"{COMMON_DRIVERS}\", {access}\n\n\
         # The device itself, unless it has an interface that is no modem's.\n\
         SUBSYSTEM==\"usb\", {marked}, ENV{{ID_USB_INTERFACES}}==\"{OF_MODEMS}\", \
         ENV{{ID_USB_INTERFACES}}!=\"{OF_OTHERS}\", {access}\n\n"
    ));
    rules.push_str(
        "# A boot ROM takes AT probes for a broken loader.\n\
         ENV{ID_VENDOR_ID}==\"12d1\", ENV{ID_MODEL_ID}==\"1443|36dd\", ENV{ID_MM_DEVICE_IGNORE}=\"1\"\n\n\
         LABEL=\"stickshift_end\"\n",
    );
    rules
}

/// Rules that name the network interfaces of sticks by their places: `stick1-1.2`. By their hardware addresses, which are the same for all
/// sticks of a model, only the first one gets a name. The file's number has to be below 80: there the system gives names.
pub(super) fn naming_rules() -> String {
    let mut rules = String::from(
        "# Written by `stickshift setup udev --names`: network interfaces of USB modem sticks are named by the ports of the sticks.\n\
         ACTION!=\"add\", GOTO=\"stickshift_names_end\"\n\
         SUBSYSTEM!=\"net\", GOTO=\"stickshift_names_end\"\n\n",
    );
    for (vendor, name) in stick_makers() {
        // %b is the device whose attribute matched: the stick, by its port.
        rules.push_str(&format!("# {name}\nATTRS{{idVendor}}==\"{vendor:04x}\", NAME=\"stick%b\"\n"));
    }
    rules.push_str("\nLABEL=\"stickshift_names_end\"\n");
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_mark_every_modem_once_and_nothing_else() {
        let rules = udev_rules("dialout");
        for entry in builtin::all() {
            let Some(id) = entry.key.id() else { continue };
            let vendor = format!("ENV{{ID_VENDOR_ID}}==\"{:04x}\", ENV{{.S", id.vendor);
            let device =
                format!("\"{:04x}\", ENV{{ID_MODEL_ID}}==\"{:04x}\", ENV{{.S", id.vendor, id.product);
            let times = rules.matches(&vendor).count() + rules.matches(&device).count();
            assert_eq!(times, usize::from(!is_no_modem(id)), "{id}");
        }
        // u-blox makes receivers for positions as well.
        let ublox: Vec<&str> = rules.lines().filter(|line| line.contains("==\"1546\"")).collect();
        let [listed, shown] = ublox[..] else { panic!("{ublox:?}") };
        assert!(listed.contains("1342|1343\""), "{listed}");
        assert!(shown.contains("*:0202*") && shown.contains("*:e00103*"), "{shown}");
        // A laser printer, a label printer, a steering wheel, a smart-card reader.
        for (vendor, product) in [(0x03f0, 0x002a), (0x0922, 0x1001), (0x046d, 0xc261), (0x072f, 0x100d)] {
            assert!(is_no_modem(UsbId::new(vendor, product)));
        }
    }

    #[test]
    fn access_is_given_to_the_nodes_of_modems_alone_and_no_mode_is_set() {
        let rules = udev_rules("dialout");
        assert!(!rules.contains("MODE=") && !rules.contains("MODE:="), "{rules}");
        let access: Vec<&str> = rules.lines().filter(|line| line.contains("uaccess")).collect();
        assert_eq!(access.len(), 3);
        for rule in access {
            assert!(rule.ends_with("GROUP=\"dialout\", TAG+=\"uaccess\""), "{rule}");
            assert!(rule.contains("DRIVERS==") || rule.contains("ID_USB_INTERFACES}!="), "{rule}");
        }
        for class in ["03", "07", "0b"] {
            assert!(OF_OTHERS.split('|').any(|pattern| pattern == format!("*:{class}*")), "{class}");
        }
    }

    /// `KEY=="value"` with the operators of udev, separated by commas: what `udevadm verify` looks at first.
    fn is_rule(line: &str) -> bool {
        let mut rest = line;
        loop {
            let Some(at) = rest.find(['=', '!', '+', '-', ':']) else { return false };
            let (key, tail) = rest.split_at(at);
            let name = key.split('{').next().unwrap_or_default();
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
                return false;
            }
            let operator = ["==", "!=", "+=", "-=", ":=", "="].iter().find(|o| tail.starts_with(**o));
            let Some(value) = operator.and_then(|o| tail[o.len()..].strip_prefix('"')) else { return false };
            let Some((_, after)) = value.split_once('"') else { return false };
            match after.strip_prefix(", ") {
                Some(next) => rest = next,
                None => return after.is_empty(),
            }
        }
    }

    #[test]
    fn all_files_hold_nothing_but_rules() {
        let switching = switching_rules(Path::new("/usr/local/bin/stickshift")).unwrap();
        assert!(switching.contains(
            "ATTR{idProduct}==\"1f01\", ENV{STICKSHIFT_SWITCH}=\"1\", RUN+=\"/usr/local/bin/stickshift --quiet switch --no-ports %k\"\n"
        ));
        // A module that is to be left alone, unless it has MBIM.
        assert!(switching.contains("ATTR{idProduct}==\"1573\", ATTR{bNumConfigurations}!=\"1\", ENV"));
        // Its drive tells who made it.
        let own = "ATTRS{idVendor}==\"05c6\", ATTRS{idProduct}==\"1000\", RUN";
        assert!(switching.contains(&format!("ENV{{PRODUCT}}==\"5c6/1000/*\", {own}")), "%b needs a parent");
        assert!(!switching.contains("ATTR{idVendor}==\"05c6\", ATTR{idProduct}==\"1000\""));
        let huawei = "ENV{PRODUCT}==\"12d1/*\", ATTRS{idVendor}==\"12d1\", RUN";
        assert!(switching.contains(&format!("ATTR{{bInterfaceClass}}==\"08\", {huawei}")));
        for rules in [udev_rules("dialout"), switching, naming_rules()] {
            let mut labels = 0;
            for line in rules.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
                assert!(is_rule(line), "{line}");
                labels += usize::from(line.starts_with("LABEL="));
            }
            assert!(labels >= 1);
        }
        assert!(!is_rule("ATTR{a}==\"b\" RUN+=\"c\"") && !is_rule("ATTR{a}=\"b"));
        assert!(switching_rules(Path::new("/home/a b/stickshift")).is_err());
    }

    #[test]
    fn a_group_cannot_break_out_of_its_quotes() {
        for bad in ["", "a b", "x\", RUN+=\"y", "a\n"] {
            assert!(checked(bad.to_owned(), true).is_err(), "{bad:?}");
        }
        assert_eq!(checked("plug-dev_1".to_owned(), true).unwrap(), "plug-dev_1");
    }

    #[test]
    fn a_group_has_to_exist_on_this_system() {
        assert!(checked("nosuchgroup".to_owned(), false).is_err());
        assert!(is_group("root:x:0:\ndialout:x:20:me\n", "dialout"));
        assert!(!is_group("root:x:0:\ndialout:x:20:me\n", "dial") && !is_group("", "dialout"));
    }
}
