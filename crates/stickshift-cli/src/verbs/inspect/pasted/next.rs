//! What to do next with a stick of a pasted text, by its mode, its ports and their drivers.

use stickshift::pasted::PastedDevice;
use stickshift::stick::{
    Interface, Mode, Role, Stick, Switching, is_android_network, linux_drivers, waits_for_chip_firmware,
};

use super::drivers::{give_back, is_taken, network_driver, serial_driver};
use crate::select::{CHIP_DOWNLOAD, its_page, taken_by_a_program};

/// Where a stick gets the power that it asks for.
const POWERED: &str = "into a port of the computer itself or a hub with a power supply of its own";

/// How to go on with a stick of a text. One that is gone comes first, whatever is to be done with it.
pub(super) fn next(
    device: &PastedDevice,
    stick: &Stick,
    switching: Option<Switching>,
    either: bool,
    word: &str,
) -> String {
    if device.left {
        return "stickshift list shows what it became; where nothing came, plug it in again".to_owned();
    }
    if device.returning {
        return "stickshift list shows what it is now".to_owned();
    }
    let then = next_of_present(device, stick, switching, either, word);
    let plug = match (device.gone, device.unsteady, device.unpowered) {
        (false, _, false) => return then,
        (false, _, true) => format!("plug it {POWERED}"),
        (true, false, _) => "plug it in again".to_owned(),
        (true, true, _) => format!("plug it in again, {POWERED}"),
    };
    format!("{plug}, then {then}")
}

fn next_of_present(
    device: &PastedDevice,
    stick: &Stick,
    switching: Option<Switching>,
    either: bool,
    word: &str,
) -> String {
    let id = stick.id;
    let switchable = switching.is_some_and(|switching| switching != Switching::LeavesAlone);
    if stick.mode == Mode::Unknown && waits_for_chip_firmware(stick) {
        return CHIP_DOWNLOAD.to_owned();
    }
    if let Some(next) = taken_by_a_program(stick, word) {
        return next;
    }
    if let Some(taken) = stick.interfaces.iter().find(|i| is_taken(i)) {
        return give_back(device, stick, taken);
    }
    let no_driver = |i: &&Interface| device.attached.get(&i.number).is_some_and(|a| a.driver == Some(None));
    // Of those for AT commands one is enough; where none is known to be, any may be.
    let takes_at = |i: &&Interface| matches!(i.role, Role::Pcui | Role::Modem);
    let is_port = |i: &&Interface| match stick.interfaces.iter().any(|i| takes_at(&i)) {
        true => takes_at(i),
        false => matches!(i.role, Role::Diag | Role::Serial),
    };
    let mut ports = stick.interfaces.iter().filter(is_port).peekable();
    if stick.mode == Mode::Modem
        && let Some(port) = ports.peek().copied()
        && ports.all(|port| no_driver(&port))
    {
        let driver = serial_driver(id, port);
        let told =
            format!("echo {:04x} {:04x} > /sys/bus/usb-serial/drivers/option1/new_id", id.vendor, id.product);
        let and_then = match driver {
            "option" if linux_drivers(id).contains(&driver) => {
                format!(
                    "; where no port comes then, the kernel is older than its entry for these ids: {told}"
                )
            }
            "option" => format!(", then {told}"),
            _ => String::new(),
        };
        return format!("its serial ports have no driver: as root, modprobe {driver}{and_then}");
    }
    if matches!(stick.mode, Mode::Hilink | Mode::HilinkSerial | Mode::Modem)
        && let Some(driver) = stick.interfaces.iter().filter(no_driver).find_map(|i| network_driver(id, i))
    {
        return format!("its network interface has no driver: as root, modprobe {driver}");
    }
    match stick.mode {
        _ if either => format!(
            "stickshift list shows which of the two it is: stickshift switch {word} where it waits, stickshift identify {word} where it was switched"
        ),
        Mode::Cdrom if switchable => format!("stickshift switch {word}"),
        Mode::Cdrom if switching.is_some() => format!("stickshift identify {word}"),
        Mode::Cdrom => {
            "no switching profile has its ids: docs/unknown-stick.md says how to find the message".into()
        }
        Mode::Hilink if is_android_network(id) => {
            "nothing to switch: its network interface takes an address by DHCP, of a telephone once tethering is on there; of a stick, the page stands at the gateway's address (`ip route`)".to_owned()
        }
        Mode::Hilink => {
            format!(
                "it is online by itself once its page is set up: {}, or stickshift identify {word}",
                its_page(stick)
            )
        }
        Mode::BootRom => format!("stickshift load LOADER {word}"),
        // Ids and ports of download modes are those of ordinary modems, too; the stick itself tells.
        Mode::HilinkSerial | Mode::Modem | Mode::Download => format!("stickshift identify {word}"),
        Mode::Fastboot => "unplug it, hold the boot pin to ground, and plug it in again".to_owned(),
        Mode::Unknown if stick.interfaces.is_empty() && switching == Some(Switching::Configures) => format!(
            "stickshift list shows its mode; where it is no modem yet, stickshift switch {word} selects another configuration"
        ),
        Mode::Unknown if switching == Some(Switching::Sends) && takes_no_message(stick) => {
            "nothing to switch: what it shows takes no switch message".to_owned()
        }
        _ if switchable => match storage_behind(stick) {
            Some(number) => format!(
                "stickshift switch {word}; where that says wrong-interface, a copy of its profile with Interface={number}, which is its storage"
            ),
            None => format!("stickshift switch {word}"),
        },
        _ => format!("stickshift identify {word}"),
    }
}

/// The storage of a stick whose first interface, the one that a profile means where it names none, is something else.
fn storage_behind(stick: &Stick) -> Option<u8> {
    let storage = stick.interfaces.iter().position(|i| i.class == 0x08).filter(|at| *at > 0)?;
    Some(stick.interfaces[storage].number)
}

/// Whether it shows interfaces, and none that messages go to: pictures of a telephone, for one.
fn takes_no_message(stick: &Stick) -> bool {
    // Audio, pictures, printers, video: classes of their own, which no drive and no port has.
    let takes_none = |i: &Interface| matches!(i.class, 0x01 | 0x06 | 0x07 | 0x0e);
    !stick.interfaces.is_empty() && stick.interfaces.iter().all(takes_none)
}
