//! The option strings in TP-Link's files: command lines for usb_modeswitch 1.1.9, which its routers run (docs/protocols/mode-switch.md
//! sections 6.2 and 6.3). On the router such a string passes through two shells, so that a foreign one is not to be trusted.

use crate::profile::formats::usb_modeswitch::{decimal, hex_bytes, hex_text, hexadecimal};
use crate::profile::formats::{Loss, loss};
use crate::profile::{Entry, Method, Parameters, messages};

/// Longest option string that a router stores.
pub const MAX_LENGTH: usize = 255;

/// The methods that usb_modeswitch 1.1.9 knows by a letter.
const LETTERS: [Method; 9] = [
    Method::Huawei,
    Method::Sierra,
    Method::Sony,
    Method::Gct,
    Method::Kobil,
    Method::Sequans,
    Method::MobileAction,
    Method::Cisco,
    Method::DetachStorageOnly,
];

/// Characters that do something in a shell, in a string that should hold none. `None` when there are none.
pub fn shell_characters(text: &str) -> Option<String> {
    let mut found: Vec<char> =
        text.chars().filter(|c| !c.is_ascii_alphanumeric() && !" -,".contains(*c)).collect();
    found.sort_unstable();
    found.dedup();
    (!found.is_empty()).then(|| found.into_iter().map(|c| c.escape_default().to_string()).collect())
}

/// Reads an option string. The error is a sentence that says what is wrong.
pub fn parse(text: &str) -> Result<Parameters, String> {
    if text.len() > MAX_LENGTH {
        return Err("the options are longer than a router stores".to_owned());
    }
    let mut p = Parameters::default();
    let mut words = text.split_ascii_whitespace();
    while let Some(word) = words.next() {
        let letters = word.strip_prefix('-').ok_or_else(|| format!("{word:?} is no option"))?;
        let mut characters = letters.chars();
        let letter = characters.next().ok_or("a lone dash is no option")?;
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
            let method = LETTERS.into_iter().find(|m| m.letter() == letter);
            p.turn_on(method.ok_or_else(|| format!("-{letter} is no option of usb_modeswitch 1.1.9"))?);
        }
    }
    Ok(())
}

fn value_option(p: &mut Parameters, letter: char, value: &str) -> Option<()> {
    let byte = || hexadecimal(value).and_then(|n| u8::try_from(n).ok());
    let word = || hexadecimal(value).and_then(|n| u16::try_from(n).ok());
    let number = || decimal(value).and_then(|n| u32::try_from(n).ok()).filter(|n| *n <= 3_600_000);
    match letter {
        'M' => p.messages[0] = hex_bytes(value).ok()?,
        '2' => p.messages[1] = hex_bytes(value).ok()?,
        '3' => p.messages[2] = hex_bytes(value).ok()?,
        // TP-Link's own meaning. Upstream's -X takes no value.
        'X' => p.control_message = Some(hex_bytes(value).ok()?.try_into().ok()?),
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
        // The ids stand beside the string and win.
        'v' | 'p' => {
            word()?;
        }
        _ => return None,
    }
    Some(())
}

/// An entry as an option string of letters, digits, blanks and dashes. `None` when usb_modeswitch 1.1.9 cannot do it; the losses say
/// why.
pub fn emit(entry: &Entry) -> (Option<String>, Vec<Loss>) {
    let p = &entry.parameters;
    let mut losses = Vec::new();
    let mut lose = |what, why| losses.push(loss(entry, what, why));
    let methods: Vec<Method> = p.methods_on().collect();
    let mut words: Vec<String> = Vec::new();
    let mut to_send: Vec<Vec<u8>> = Vec::new();
    let raw = || p.messages.iter().filter(|m| !m.is_empty()).cloned();
    let request = |bytes: [u8; 8]| format!("-X {}", hex_text(&bytes));
    match methods.as_slice() {
        [] => to_send.extend(raw()),
        [Method::StandardEject] => {
            to_send.extend(messages::EJECT[..2].iter().map(|m| m.to_vec()));
            to_send.extend(raw().take(1));
            lose(
                "StandardEject",
                "usb_modeswitch 1.1.9 sends at most three messages: eject goes to LUN 0 only",
            );
        }
        [method] if LETTERS.contains(method) => words.push(format!("-{}", method.letter())),
        [method] => match (messages::message_of(*method), messages::request_of(*method)) {
            (Some(message), _) => to_send.push(message.to_vec()),
            (None, Some(bytes)) => words.push(request(bytes)),
            (None, None) => {
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
        Some(n) => {
            let [low, high] = n.to_le_bytes();
            words.push(request([0x40, 0x70, low, high, 0, 0, 0, 0]));
        }
    }
    words.extend(p.control_message.map(request));
    // Between messages it only waits for the answer when it is told to.
    if to_send.len() > 1 || p.need_response == Some(true) {
        words.push("-n".to_owned());
    }
    words.extend(
        to_send.iter().zip(["-M", "-2", "-3"]).map(|(m, letter)| format!("{letter} {}", hex_text(m))),
    );
    words.extend(p.message_endpoint.map(|n| format!("-m {n:02x}")));
    words.extend(p.response_endpoint.map(|n| format!("-r {n:02x}")));
    words.extend(p.interface.filter(|n| *n > 0).map(|n| format!("-i {n:02x}")));
    words.extend(p.configuration.filter(|n| *n > 0).map(|n| format!("-u {n:x}")));
    words.extend(p.alt_setting.map(|n| format!("-a {n:02x}")));
    if p.reset_usb == Some(true) {
        words.push("-R".to_owned());
    }

    if !p.targets(entry.key.vendor).is_empty() || p.target_class.is_some() || p.target_vendor.is_some() {
        lose("Target", "the router watches the bus by itself and needs no target ids");
    }
    for (lost, what) in [
        (p.wait_before_s.is_some(), "WaitBefore"),
        (p.release_delay_ms.is_some(), "ReleaseDelay"),
        (p.check_success_s.is_some(), "CheckSuccess"),
        (p.no_mbim_check.is_some(), "NoMBIMCheck"),
        (p.no_driver_loading.is_some(), "NoDriverLoading"),
        (p.mbim.is_some(), "MBIM"),
    ] {
        if lost {
            lose(what, "there is no such option in usb_modeswitch 1.1.9");
        }
    }
    if p.pantech == Some(1) {
        lose("PantechMode", "waiting becomes detaching the driver, which is what makes the stick switch");
    }
    if p.methods.values().any(|on| !on)
        || p.need_response == Some(false)
        || p.interface == Some(0)
        || p.reset_usb == Some(false)
        || p.pantech == Some(0)
    {
        lose("default", "a parameter that says the default is just left out");
    }
    if to_send.len() > 1 && p.need_response != Some(true) {
        lose("NeedResponse", "it is turned on, because several messages need it there");
    }
    if !entry.key.qualifiers.is_empty() {
        lose("qualifiers", "the router compares ids only, and would send this to every stick that has them");
    }
    let text = words.join(" ");
    if words.is_empty() {
        lose("entry", "there is nothing to send, and the file cannot say that a stick is to be left alone");
        return (None, losses);
    }
    if text.len() > MAX_LENGTH {
        lose("entry", "its messages are longer than the 255 characters that a router stores");
        return (None, losses);
    }
    (Some(text), losses)
}
