//! usb_modeswitch's command line and the lines that scripts read from it (docs/protocols/mode-switch.md sections 2.1 and 2.2). Pure: the
//! front end reads files and prints.

use crate::error::{Detail, Error, ErrorKind, Result};
use crate::profile::formats::usb_modeswitch::{self, Parsed, decimal, hexadecimal};
use crate::profile::parameters::parse_message;
use crate::profile::{Method, Parameters};
use crate::stick::UsbId;

/// Printed when the ids are not there, or only in their target mode. The exit code is 0.
pub const NO_DEVICE: &str = "No devices in default mode found. Nothing to do. Bye!";
/// Printed when a target was seen.
pub const SUCCEEDED: &str = "Mode switch succeeded. Bye!";
/// Printed when the stick left and nothing says what came.
pub const MOST_LIKELY_SUCCEEDED: &str = "Mode switch most likely succeeded. Bye!";
/// Printed when no target came in time.
pub const FAILED: &str = "Mode switch has failed. Bye!";
/// Printed when the stick did not leave.
pub const MOST_LIKELY_FAILED: &str = "Mode switch most likely failed. Bye!";
/// Printed at the end where nothing was checked.
pub const RUN_LSUSB: &str = "-> Run lsusb to note any changes. Bye!";

/// Sysmode line: the device was addressed by bus and device number.
pub const OK_BUSDEV: &str = "ok:busdev";
/// Sysmode line: Sony's method, or NoDriverLoading.
pub const OK: &str = "ok:";
/// Sysmode line: done, and the target's ids are not known.
pub const OK_NO_DATA: &str = "ok:no_data";
/// Sysmode line: the success check failed.
pub const FAIL: &str = "fail:";

/// Sysmode line: done, and these ids came.
pub fn ok_ids(id: UsbId) -> String {
    format!("ok:{id}")
}

/// Printed when the wanted configuration is active already; the exit code is 0 and no sysmode line follows.
pub fn already_active(configuration: u8) -> String {
    format!("Target configuration {configuration} already active. Nothing to do")
}

/// What the command line asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `-v`: vendor id to look for.
    pub vendor: Option<u16>,
    /// `-p`: product id to look for.
    pub product: Option<u16>,
    /// Everything that a config text can say, too.
    pub parameters: Parameters,
    /// `-b`: bus number.
    pub bus: Option<u32>,
    /// `-g`: device number on that bus; only this device is meant then.
    pub device: Option<u32>,
    /// `-W`.
    pub verbose: bool,
    /// `-Q`.
    pub quiet: bool,
    /// `-D`: print the sysmode lines.
    pub sysmode: bool,
    /// `-j`: only print the number of the configuration that holds MBIM.
    pub find_mbim: bool,
    /// `-h`, or nothing was given.
    pub help: bool,
    /// `-e`.
    pub version: bool,
    /// What was given and means nothing, in words.
    pub warnings: Vec<String>,
}

/// Where a config text comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `-c FILE`.
    File(String),
    /// `-t`.
    Stdin,
    /// `-f TEXT`.
    Text(String),
}

impl Request {
    /// The ids to look for.
    ///
    /// # Errors
    /// `Usage` when one is missing or zero.
    pub fn id(&self) -> Result<UsbId> {
        match (self.vendor, self.product) {
            (Some(vendor), Some(product)) if vendor != 0 && product != 0 => Ok(UsbId::new(vendor, product)),
            _ => Err(usage("no default vendor or product id given")),
        }
    }
}

const LETTERS: &str = "hejWQDndKHJSOBEGTNALZUXF:RItv:p:V:P:C:m:M:2:3:w:r:c:i:u:a:s:f:b:g:";

const LONG: [(&str, char); 46] = [
    ("help", 'h'),
    ("version", 'e'),
    ("find-mbim", 'j'),
    ("verbose", 'W'),
    ("quiet", 'Q'),
    ("sysmode", 'D'),
    ("need-response", 'n'),
    ("detach-only", 'd'),
    ("std-eject", 'K'),
    ("huawei-mode", 'H'),
    ("huawei-new-mode", 'J'),
    ("huawei-alt-mode", 'X'),
    ("sierra-mode", 'S'),
    ("sony-mode", 'O'),
    ("qisda-mode", 'B'),
    ("quanta-mode", 'E'),
    ("gct-mode", 'G'),
    ("kobil-mode", 'T'),
    ("sequans-mode", 'N'),
    ("mobileaction-mode", 'A'),
    ("cisco-mode", 'L'),
    ("blackberry-mode", 'Z'),
    ("option-mode", 'U'),
    ("pantech-mode", 'F'),
    ("reset-usb", 'R'),
    ("inquire", 'I'),
    ("stdinput", 't'),
    ("default-vendor", 'v'),
    ("default-product", 'p'),
    ("target-vendor", 'V'),
    ("target-product", 'P'),
    ("target-class", 'C'),
    ("message-endpoint", 'm'),
    ("message-content", 'M'),
    ("message-content2", '2'),
    ("message-content3", '3'),
    ("release-delay", 'w'),
    ("response-endpoint", 'r'),
    ("config-file", 'c'),
    ("interface", 'i'),
    ("configuration", 'u'),
    ("altsetting", 'a'),
    ("check-success", 's'),
    ("long-config", 'f'),
    ("bus-num", 'b'),
    ("device-num", 'g'),
];

/// The option letter of a long name; an unambiguous beginning is enough, as getopt has it.
fn long_letter(name: &str) -> Option<char> {
    if let Some((_, letter)) = LONG.iter().find(|(n, _)| *n == name) {
        return Some(*letter);
    }
    let mut fitting = LONG.iter().filter(|(n, _)| !name.is_empty() && n.starts_with(name));
    match (fitting.next(), fitting.next()) {
        (Some((_, letter)), None) => Some(*letter),
        _ => None,
    }
}

/// One option of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandOption {
    /// Its letter.
    pub letter: char,
    /// Its long name, without the dashes.
    pub name: &'static str,
    /// What stands for its value in a usage text, if it takes one.
    pub value: Option<&'static str>,
}

/// Every option.
pub fn options() -> impl Iterator<Item = CommandOption> {
    LONG.iter().map(|&(name, letter)| {
        let value = match letter {
            'M' | '2' | '3' => "HEX",
            'c' => "FILE",
            'f' => "TEXT",
            _ => "NUM",
        };
        CommandOption { letter, name, value: Some(value).filter(|_| takes_value(letter) == Some(true)) }
    })
}

/// Whether a letter is known, and whether it takes a value.
fn takes_value(letter: char) -> Option<bool> {
    let at = LETTERS.find(letter).filter(|_| letter != ':')?;
    Some(LETTERS[at + letter.len_utf8()..].starts_with(':'))
}

/// Reads the arguments, without the program's name. `read` is asked for the text of a config source, at the point where it stands:
/// options after it win over it, and it wins over options before it. Only the first source counts.
///
/// # Errors
/// `Usage` for unknown options, missing values and bad messages; what `read` returns.
pub fn parse_arguments(
    arguments: &[String],
    read: &mut dyn FnMut(&Source) -> Result<String>,
) -> Result<Request> {
    let mut request = Request { help: arguments.is_empty(), ..Request::default() };
    let mut config_seen = false;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut options: Vec<(char, Option<String>)> = Vec::new();
        if let Some(long) = argument.strip_prefix("--") {
            if long.is_empty() {
                break;
            }
            let (name, value) = long.split_once('=').map_or((long, None), |(n, v)| (n, Some(v.to_owned())));
            let letter = long_letter(name)
                .ok_or_else(|| usage("unknown option").with("option", argument).detail(Detail::BadOption))?;
            options.push((letter, value));
        } else if let Some(letters) = argument.strip_prefix('-').filter(|l| !l.is_empty()) {
            for (at, letter) in letters.char_indices() {
                let takes = takes_value(letter).ok_or_else(|| {
                    usage("unknown option").with("option", letter).detail(Detail::BadOption)
                })?;
                let attached = &letters[at + letter.len_utf8()..];
                if takes {
                    options.push((letter, Some(attached.to_owned()).filter(|a| !a.is_empty())));
                    break;
                }
                options.push((letter, None));
            }
        } else {
            request.warnings.push(format!("{argument:?} is no option, it is ignored"));
        }
        for (letter, value) in options {
            let value = match (takes_value(letter), value) {
                (Some(true), Some(value)) => value,
                (Some(true), None) => {
                    let next = rest.next().cloned();
                    next.ok_or_else(|| {
                        usage("the option needs a value").with("option", letter).detail(Detail::BadOption)
                    })?
                }
                _ => String::new(),
            };
            let source = match letter {
                'c' => Source::File(value),
                't' => Source::Stdin,
                'f' => Source::Text(value),
                _ => {
                    apply(&mut request, letter, &value)?;
                    continue;
                }
            };
            if config_seen {
                request.warnings.push("only the first config text counts".to_owned());
                continue;
            }
            config_seen = true;
            let text = match &source {
                Source::Text(text) => text.clone(),
                _ => read(&source)?,
            };
            merge(&mut request, usb_modeswitch::parse(&text)?);
        }
    }
    Ok(request)
}

fn apply(request: &mut Request, letter: char, value: &str) -> Result<()> {
    let p = &mut request.parameters;
    let out_of_range = || usage("the value is out of range").with("option", letter).with("value", value);
    let byte = || hexadecimal(value).and_then(|n| u8::try_from(n).ok()).ok_or_else(out_of_range);
    let word = || hexadecimal(value).and_then(|n| u16::try_from(n).ok()).ok_or_else(out_of_range);
    let number = || decimal(value).and_then(|n| u32::try_from(n).ok()).ok_or_else(out_of_range);
    let message =
        || parse_message(value).map_err(|what| usage(what).with("option", letter).detail(Detail::BadOption));
    match letter {
        'h' => request.help = true,
        'e' => request.version = true,
        'j' => request.find_mbim = true,
        'W' => request.verbose = true,
        'Q' => request.quiet = true,
        'D' => request.sysmode = true,
        // Obsolete, and ignored there too.
        'n' | 'I' => {}
        'R' => p.reset_usb = Some(true),
        'v' => request.vendor = Some(word()?),
        'p' => request.product = Some(word()?),
        'V' => p.target_vendor = Some(word()?),
        'P' => {
            p.target_product = Some(word()?);
            p.target_products.clear();
        }
        'C' => p.target_class = Some(byte()?),
        'm' => p.message_endpoint = Some(byte()?),
        'r' => p.response_endpoint = Some(byte()?),
        'M' => p.messages[0] = message()?,
        '2' => p.messages[1] = message()?,
        '3' => p.messages[2] = message()?,
        'w' => p.release_delay_ms = Some(number()?),
        'F' => p.pantech = Some(u16::try_from(number()?).map_err(|_| out_of_range())?),
        'i' => p.interface = Some(byte()?),
        // The wrapper passes -1 for "do not look".
        'u' if hexadecimal(value) == Some(-1) => p.configuration = None,
        'u' => p.configuration = Some(byte()?),
        'a' if hexadecimal(value) == Some(-1) => p.alt_setting = None,
        'a' => p.alt_setting = Some(byte()?),
        's' => p.check_success_s = Some(number()?),
        'b' => request.bus = Some(number()?),
        'g' => request.device = Some(number()?),
        _ => {
            // Twice the same method is still that method: usb_modeswitch adds its flags and runs another one.
            if let Some(method) = Method::from_letter(letter) {
                p.turn_on(method);
            }
        }
    }
    Ok(())
}

/// What the text gives wins over what was given before it.
fn merge(request: &mut Request, parsed: Parsed) {
    let lines = parsed.warnings.iter().map(|w| format!("line {}: {}", w.line, w.what));
    request.warnings.extend(lines);
    request.vendor = parsed.default_vendor.or(request.vendor);
    request.product = parsed.default_product.or(request.product);
    let (ours, text) = (&mut request.parameters, parsed.parameters);
    for method in Method::ALL {
        if let Some(on) = text.method(method) {
            ours.turn(method, on);
        }
    }
    if !text.target_products.is_empty() {
        ours.target_products = text.target_products;
    }
    for (slot, message) in ours.messages.iter_mut().zip(text.messages) {
        if !message.is_empty() {
            *slot = message;
        }
    }
    ours.target_vendor = text.target_vendor.or(ours.target_vendor);
    ours.target_product = text.target_product.or(ours.target_product);
    ours.target_class = text.target_class.or(ours.target_class);
    ours.pantech = text.pantech.or(ours.pantech);
    ours.message_endpoint = text.message_endpoint.or(ours.message_endpoint);
    ours.response_endpoint = text.response_endpoint.or(ours.response_endpoint);
    ours.interface = text.interface.or(ours.interface);
    ours.configuration = text.configuration.or(ours.configuration);
    ours.alt_setting = text.alt_setting.or(ours.alt_setting);
    ours.reset_usb = text.reset_usb.or(ours.reset_usb);
    ours.release_delay_ms = text.release_delay_ms.or(ours.release_delay_ms);
    ours.check_success_s = text.check_success_s.or(ours.check_success_s);
    ours.no_driver_loading = text.no_driver_loading.or(ours.no_driver_loading);
    // WaitBefore, NoMBIMCheck and MBIM are for wrappers: the program itself never looks at them.
}

fn usage(what: &'static str) -> Error {
    Error::new(ErrorKind::Usage, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Request> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse_arguments(&arguments, &mut |source| match source {
            Source::File(name) if name == "new" => Ok("HuaweiNewMode=1\nTargetProduct=14dc\n".to_owned()),
            Source::Stdin => Ok("StandardEject=1".to_owned()),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn what_the_dispatcher_passes() {
        let arguments = [
            "-W",
            "-D",
            "-u",
            "-1",
            "-b",
            "1",
            "-g",
            "5",
            "-v",
            "12d1",
            "-p",
            "0x1f01",
            "-f",
            "TargetVendor=12d1\nHuaweiNewMode=1",
        ];
        let arguments = arguments.map(str::to_owned);
        let request = parse_arguments(&arguments, &mut |_| unreachable!()).unwrap();
        assert_eq!(request.id().unwrap(), UsbId::new(0x12d1, 0x1f01));
        assert_eq!((request.bus, request.device), (Some(1), Some(5)));
        assert!(request.verbose && request.sysmode && !request.quiet);
        assert!(request.parameters.has(Method::HuaweiNew));
        assert_eq!(request.parameters.configuration, None);
    }

    #[test]
    fn the_same_method_twice_is_that_method() {
        let request = parse("-v 1 -p 2 -JJ -J").unwrap();
        assert_eq!(request.parameters.methods_on().collect::<Vec<_>>(), [Method::HuaweiNew]);
    }

    #[test]
    fn options_count_in_the_order_they_stand() {
        assert_eq!(parse("-P 14db -c new").unwrap().parameters.target_product, Some(0x14dc));
        assert_eq!(parse("-c new -P 14db").unwrap().parameters.target_product, Some(0x14db));
        let twice = parse("-t -c new").unwrap();
        assert!(twice.parameters.has(Method::StandardEject) && !twice.parameters.has(Method::HuaweiNew));
        assert_eq!(twice.warnings.len(), 1);
    }

    #[test]
    fn values_stand_apart_or_attached_and_names_may_be_cut() {
        for line in [
            "-v 12d1 -p 1f01",
            "-v12d1 -p1f01",
            "--default-vendor=12d1 --default-p 1f01",
            "-WQv 12d1 -p 1f01",
        ] {
            assert_eq!(parse(line).unwrap().id().unwrap(), UsbId::new(0x12d1, 0x1f01), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for line in ["-y", "--huawei", "-v", "-M 555", "-M 55xx", "-i 100", "-v fffff", "-:"] {
            assert!(parse(line).unwrap_err().is(ErrorKind::Usage), "{line}");
        }
        assert!(parse("").unwrap().help);
        assert!(parse("-W").unwrap().id().is_err());
        assert!(parse("-v 0 -p 0").unwrap().id().is_err());
    }

    #[test]
    fn every_method_has_its_letter() {
        for method in Method::ALL {
            assert_eq!(takes_value(method.letter()), Some(false), "{method:?}");
        }
        for (name, letter) in LONG {
            assert!(takes_value(letter).is_some(), "{name}");
        }
    }
}
