//! What the program says of itself.

use std::fmt::Write as _;

use stickshift::switch::modeswitch::options;

/// The version of usb_modeswitch whose manners these are.
pub(crate) const VERSION: &str = concat!(
    "\n * usb_modeswitch: handle USB devices with multiple modes\n * Version 2.6.1, as stickshift ",
    env!("CARGO_PKG_VERSION"),
    " speaks it\n"
);

/// The options, one per line.
pub(crate) fn usage() -> String {
    let mut text = String::from("\nUsage: usb_modeswitch [OPTIONS] [-c FILE]\n\n");
    for option in options() {
        let value = option.value.map(|v| format!(" {v}")).unwrap_or_default();
        let head = format!("-{}, --{}{value}", option.letter, option.name);
        writeln!(text, " {head:31} {}", what(option.letter)).unwrap_or_default();
    }
    text
}

fn what(letter: char) -> &'static str {
    match letter {
        'h' => "print this and exit",
        'e' => "print the version and exit",
        'j' => "print the number of the configuration that holds MBIM, and exit",
        'v' => "vendor id of the device to switch (needed)",
        'p' => "product id of the device to switch (needed)",
        'V' => "vendor id after the switch",
        'P' => "product id after the switch",
        'C' => "device or interface class after the switch",
        'b' => "bus number of the device",
        'g' => "device number on that bus: only this device is meant",
        'm' => "endpoint for messages",
        'r' => "endpoint for responses",
        'M' => "message, in hex",
        '2' => "second message",
        '3' => "third message",
        'w' => "wait so many milliseconds before the interface is released",
        'n' | 'I' => "obsolete, does nothing",
        'K' => "eject: allow medium removal and eject, LUN 0 and 1",
        'd' => "only detach the drivers",
        'H' => "Huawei, older: SET_FEATURE",
        'J' => "Huawei, newer: SCSI command",
        'X' => "Huawei, fallback: SCSI command that leads to serial ports",
        'S' => "Sierra",
        'O' => "Sony Ericsson",
        'G' => "GCT",
        'N' => "Sequans",
        'A' => "Mobile Action",
        'T' => "Kobil",
        'L' => "Cisco",
        'B' => "Qisda",
        'E' => "Quanta",
        'F' => "Pantech; above 1 the number is sent",
        'Z' => "Blackberry",
        'U' => "Option",
        'R' => "reset the port at the end",
        'Q' => "print no progress",
        'W' => "print more",
        'D' => "print lines for scripts, write to the system's log",
        's' => "watch so many seconds for success",
        'c' => "read more from FILE",
        't' => "read more from standard input",
        'f' => "take more from TEXT",
        'i' => "interface to use instead of the first",
        'u' => "configuration to select",
        'a' => "alternate setting to select",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_explained() {
        for option in options() {
            assert!(!what(option.letter).is_empty(), "{}", option.letter);
        }
        assert!(usage().contains(" -v, --default-vendor NUM        vendor id"));
    }
}
