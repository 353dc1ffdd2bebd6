//! Texts that are long and of no use: what reads them does work in proportion to their length. Where the work grows with
//! the square of it, this takes minutes.
#![cfg(all(feature = "pasted", feature = "formats"))]

use stickshift::{pasted, profile::formats};

/// How long each text is, in bytes.
const LENGTH: usize = 256 * 1024;

/// What one line repeats: what the readers look for, whole and in halves.
const IN_ONE_LINE: &[&str] = &[
    "<response>",
    "<a>",
    "<b ",
    "<",
    "[",
    "[ ",
    "[ 1",
    "[ 1.5] ",
    "&",
    "=",
    ": ",
    "\"'",
    " ",
    "\t",
    "a ",
    "a, ",
    "> ",
    "Bus ",
    "Bus 1 Device ",
    "Bus 001 Device 004: ID 12d1:1f01 x ",
    "12d1:1f01 ",
    "VID_12D1",
    "VID_12D1&PID_1506 ",
    "usb 1-1: new ",
    "usb 1-1: SerialNumber: usb ",
    ": probe of ",
    "I:* If#= 0 Alt= 0 ",
    "bLength 18 ",
    "|__ Port 2: Dev 7, If 0, Class=x, Driver=y ",
    "Hardware | manufacturer: huawei ",
    "ports: ttyUSB0 (at), ",
    "^SETPORT:A1;10,12,",
    "wwan0: <",
    "x-if00 -> ../../tty",
    "Sat Nov 28 10:00:00 2026] ",
    "Nov ",
    "{\"modem\":{\"generic\":{\"ports\":[\"a (at)\",",
    "AT+CGMI ",
    "TargetClass=ff ",
    "usb_modeswitch -v 12d1 -p 1f01; ",
];

/// What is repeated line by line.
const LINES: &[&str] = &[
    "usb_modeswitch -M '\n",
    "usb_modeswitch: switch device 12d1:1f01 on 001/004\nok:12d1:1506\n",
    "cat > /etc/usb_modeswitch.d/12d1:1f01 <<END\n",
    "I: If#=0\nAlt=0\nCls=02\n",
    "| ports: a,\nb,\n",
    "\r",
];

fn read(text: &str) {
    let _ = pasted::read(text.as_bytes());
    let _ = formats::recognise(text.as_bytes());
}

#[test]
fn long_texts_are_read_in_one_go() {
    for part in IN_ONE_LINE.iter().chain(LINES) {
        read(&part.repeat(LENGTH / part.len()));
    }
}
