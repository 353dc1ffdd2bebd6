//! The option strings in TP-Link's files: command lines for usb_modeswitch 1.1.9, which its routers run (docs/protocols/mode-switch.md
//! sections 6.2 and 6.3). On the router such a string passes through two shells, so that a foreign one is not to be trusted.

use crate::hex;
use crate::profile::formats::exchange::{Loss, loss, lost_keys};
use crate::profile::formats::usb_modeswitch::{decimal, hexadecimal};
use crate::profile::methods::pantech_request;
use crate::profile::parameters::{MAX_TIME, parse_message};
use crate::profile::{Entry, Method, Parameters};
use crate::stick::UsbId;

/// Longest option string that a router stores.
pub(super) const MAX_LENGTH: usize = 255;

/// Characters that do something in a shell, in a string that should hold none. `None` when there are none.
pub(super) fn shell_characters(text: &str) -> Option<String> {
    let mut found: Vec<char> =
        text.chars().filter(|c| !c.is_ascii_alphanumeric() && !" -,".contains(*c)).collect();
    found.sort_unstable();
    found.dedup();
    (!found.is_empty()).then(|| found.into_iter().map(|c| c.escape_default().to_string()).collect())
}

/// Reads an option string. The error is a sentence that says what is wrong.
pub(super) fn parse(text: &str) -> Result<Parameters, String> {
    if text.len() > MAX_LENGTH {
        return Err("the options are longer than a router stores".to_owned());
    }
    let mut p = Parameters::default();
    let mut words = text.split_ascii_whitespace();
    while let Some(word) = words.next() {
        let letters = word.strip_prefix('-').ok_or_else(|| format!("{word:?} is not an option"))?;
        let mut characters = letters.chars();
        let letter = characters.next().ok_or("a lone dash is not an option")?;
        let attached = characters.as_str();
        if !"M23mriuawVPCsXvp".contains(letter) {
            for letter in letters.chars() {
                flag(&mut p, letter)?;
            }
            continue;
        }
        let value = if attached.is_empty() { words.next() } else { Some(attached) };
        let value = value.ok_or_else(|| format!("-{letter} needs a value"))?;
        value_option(&mut p, letter, value).ok_or_else(|| format!("-{letter} cannot take {value:?}"))?;
    }
    Ok(p.with_named_methods())
}

fn flag(p: &mut Parameters, letter: char) -> Result<(), String> {
    match letter {
        'n' => p.need_response = Some(true),
        // Inquire and verbose: the router gives them itself.
        'I' | 'W' => {}
        'R' => p.reset_usb = Some(true),
        _ => {
            let method = Method::from_tplink_letter(letter);
            p.turn_on(method.ok_or_else(|| format!("-{letter} is not an option of usb_modeswitch 1.1.9"))?);
        }
    }
    Ok(())
}

fn value_option(p: &mut Parameters, letter: char, value: &str) -> Option<()> {
    let byte = || hexadecimal(value).and_then(|n| u8::try_from(n).ok());
    let word = || hexadecimal(value).and_then(|n| u16::try_from(n).ok());
    let number = || decimal(value).and_then(|n| u32::try_from(n).ok()).filter(|n| *n <= MAX_TIME);
    match letter {
        'M' => p.messages[0] = parse_message(value).ok()?,
        '2' => p.messages[1] = parse_message(value).ok()?,
        '3' => p.messages[2] = parse_message(value).ok()?,
        // TP-Link's own meaning. Upstream's -X takes no value.
        'X' => p.control_message = Some(as_sent(parse_message(value).ok()?.try_into().ok()?)),
        'm' => p.message_endpoint = Some(byte()?),
        'r' => p.response_endpoint = Some(byte()?),
        'i' => p.interface = Some(byte()?),
        'u' => p.configuration = Some(byte()?),
        'a' => p.alt_setting = Some(byte()?),
        'C' => p.target_class = Some(byte()?),
        'V' => p.target_vendor = Some(word()?),
        'P' => p.target_product = Some(word()?),
        'w' => p.release_delay_ms = Some(number()?),
        's' => p.check_success_s = Some(number()?),
        // The caller compares them with the ids beside the string.
        'v' | 'p' => {
            word()?;
        }
        _ => return None,
    }
    Some(())
}

/// The request that the router sends for the bytes of `-X`: it counts the high byte of a number 255 times, not 256.
pub(super) fn as_sent(bytes: [u8; 8]) -> [u8; 8] {
    let word = |low: u8, high: u8| (u16::from(high) * 255 + u16::from(low)).to_le_bytes();
    let [kind, request, v0, v1, i0, i1, l0, l1] = bytes;
    let ([v0, v1], [i0, i1], [l0, l1]) = (word(v0, v1), word(i0, i1), word(l0, l1));
    [kind, request, v0, v1, i0, i1, l0, l1]
}

/// The bytes of `-X` for which the router sends this request. `None` where a number is larger than it can make.
fn to_send_as(setup: [u8; 8]) -> Option<[u8; 8]> {
    let word = |low: u8, high: u8| {
        let number = u16::from_le_bytes([low, high]);
        let high = number.saturating_sub(255).div_ceil(255);
        Some([(number - high * 255) as u8, u8::try_from(high).ok()?])
    };
    let [kind, request, v0, v1, i0, i1, l0, l1] = setup;
    let ([v0, v1], [i0, i1], [l0, l1]) = (word(v0, v1)?, word(i0, i1)?, word(l0, l1)?);
    Some([kind, request, v0, v1, i0, i1, l0, l1])
}

/// The ids that an option string names, where they are others than those beside it.
pub(super) fn other_ids(text: &str, beside: UsbId) -> Option<UsbId> {
    let mut ids = beside;
    let mut words = text.split_ascii_whitespace();
    while let Some(word) = words.next() {
        let (letter, attached) = match word.split_at_checked(2) {
            Some((letter @ ("-v" | "-p"), attached)) => (letter, attached),
            _ => continue,
        };
        let value = if attached.is_empty() { words.next().unwrap_or_default() } else { attached };
        let Some(value) = hexadecimal(value).and_then(|n| u16::try_from(n).ok()) else { continue };
        match letter {
            "-v" => ids.vendor = value,
            _ => ids.product = value,
        }
    }
    (ids != beside).then_some(ids)
}

/// An entry as an option string of letters, digits, blanks and dashes. `None` when usb_modeswitch 1.1.9 cannot do it; the losses say
/// why.
pub(super) fn emit(entry: &Entry) -> (Option<String>, Vec<Loss>) {
    let p = &entry.parameters;
    let mut losses = Vec::new();
    let mut lose = |what: &str, why| losses.push(loss(entry, what, why));
    let methods: Vec<Method> = p.methods_on().collect();
    let mut words: Vec<String> = Vec::new();
    let mut to_send: Vec<Vec<u8>> = Vec::new();
    let raw = || p.messages().map(<[u8]>::to_vec);
    let request = |bytes: [u8; 8]| to_send_as(bytes).map(|bytes| format!("-X {}", hex::encode(&bytes)));
    let too_large = "a number in its control request is larger than the router can send";
    match methods.as_slice() {
        [] => to_send.extend(raw()),
        [Method::StandardEject] => {
            to_send.extend(Method::StandardEject.commands().iter().take(2).map(|m| m.to_vec()));
            to_send.extend(raw().take(1));
            lose(
                "StandardEject",
                "usb_modeswitch 1.1.9 sends at most three messages: eject goes to LUN 0 only",
            );
        }
        [method] => match (method.tplink_letter(), method.message(), method.request()) {
            (Some(letter), ..) => words.push(format!("-{letter}")),
            (None, Some(message), _) => to_send.push(message.to_vec()),
            (None, None, Some(bytes)) => words.extend(request(bytes)),
            (None, None, None) => {
                lose("entry", "usb_modeswitch 1.1.9 has neither this method nor a way to say it in others");
                return (None, losses);
            }
        },
        _ => {
            lose("entry", "it names more than one method");
            return (None, losses);
        }
    }
    match p.pantech {
        Some(0) | None => {}
        Some(1) => words.push("-d".to_owned()),
        Some(n) => match request(pantech_request(n)) {
            Some(word) => words.push(word),
            None => {
                lose("entry", too_large);
                return (None, losses);
            }
        },
    }
    match p.control_message.map(request) {
        Some(Some(word)) => words.push(word),
        Some(None) => {
            lose("entry", too_large);
            return (None, losses);
        }
        None => {}
    }
    // Between messages it only waits for the answer when it is told to.
    if to_send.len() > 1 || p.need_response == Some(true) {
        words.push("-n".to_owned());
    }
    words.extend(
        to_send.iter().zip(["-M", "-2", "-3"]).map(|(m, letter)| format!("{letter} {}", hex::encode(m))),
    );
    words.extend(p.message_endpoint.map(|n| format!("-m {n:02x}")));
    words.extend(p.response_endpoint.map(|n| format!("-r {n:02x}")));
    words.extend(p.interface.filter(|n| *n > 0).map(|n| format!("-i {n:02x}")));
    words.extend(p.configuration.filter(|n| *n > 0).map(|n| format!("-u {n:x}")));
    words.extend(p.alt_setting.map(|n| format!("-a {n:02x}")));
    words.extend(p.release_delay_ms.map(|n| format!("-w {n}")));
    if p.reset_usb == Some(true) {
        words.push("-R".to_owned());
    }

    if words.iter().all(|word| word.starts_with("-w")) {
        lose("entry", "there is nothing to send, and the file cannot say that a stick is to be left alone");
        return (None, losses);
    }
    let text = words.join(" ");
    let carried = parse(&text).unwrap_or_default();
    let mut lost: Vec<(String, &str)> = Vec::new();
    for key in lost_keys(&p.clone().with_named_methods(), &carried) {
        let is_default = match key.as_str() {
            "off" => true,
            "need-response" => p.need_response == Some(false),
            "interface" => p.interface == Some(0),
            "configuration" => p.configuration == Some(0),
            "reset-usb" => p.reset_usb == Some(false),
            "pantech-mode" => p.pantech == Some(0),
            "wait-before-s" => p.wait_before_s == Some(0),
            "check-success-s" => p.check_success_s == Some(0),
            "mbim" => p.mbim == Some(false),
            "no-mbim-check" => p.no_mbim_check == Some(false),
            "no-driver-loading" => p.no_driver_loading == Some(false),
            _ => false,
        };
        let (what, why) = match key.as_str() {
            _ if is_default => ("default", "a parameter that says the default is just left out"),
            "target-vendor" | "target-product" | "target-products" | "target-class" => {
                ("Target", "the router detects the new device itself and needs no target ids")
            }
            "pantech-mode" => {
                ("PantechMode", "waiting becomes detaching the driver, which is what makes the stick switch")
            }
            "wait-before-s" => {
                ("WaitBefore", "usb_modeswitch itself never waits: its wrapper does, and the router has none")
            }
            "check-success-s" => (
                "CheckSuccess",
                "the router looks for the new device itself, and ends usb_modeswitch after eight seconds",
            ),
            "no-mbim-check" => ("NoMBIMCheck", "usb_modeswitch 1.1.9 never looks for MBIM"),
            "no-driver-loading" => {
                ("NoDriverLoading", "it is a line of configuration files; no option stands for it")
            }
            "mbim" => ("MBIM", "usb_modeswitch 1.1.9 does not know MBIM"),
            "message" if methods[..] == [Method::StandardEject] => (
                "message",
                "eject takes two of the three messages that can be sent: of the others only the first is",
            ),
            "message" if !methods.is_empty() => ("message", "the router sends the method alone"),
            other => (other, "the options have no field for it"),
        };
        if !lost.iter().any(|(known, _)| known == what) {
            lost.push((what.to_owned(), why));
        }
    }
    lost.iter().for_each(|(what, why)| lose(what, why));
    if !entry.key.qualifiers.is_empty() {
        lose("qualifiers", "the router compares ids only, and would send this to every stick that has them");
    }
    if text.len() > MAX_LENGTH {
        lose("entry", "its messages are longer than the 255 characters that a router stores");
        return (None, losses);
    }
    (Some(text), losses)
}
