//! Reads a command line of usb_modeswitch.

use std::fmt::Display;

use stickshift::error::{Detail, Error, ErrorKind, Result};
use stickshift::profile::formats::usb_modeswitch::{self, Parsed};

use super::command_line::{CommandLine, Source};
use super::flags::{Does, FLAGS, Flag, Value};

/// Reads the arguments, without the program's name. `read` is asked for the text of a config source, at the point where it stands:
/// options after it win over it, and it wins over options before it. Only the first source counts.
///
/// # Errors
/// `Usage` for unknown options, missing values and bad messages; what `read` returns.
pub(crate) fn parse_arguments(
    arguments: &[String],
    read: &mut dyn FnMut(&Source) -> Result<String>,
) -> Result<CommandLine> {
    let mut request = CommandLine { help: arguments.is_empty(), ..CommandLine::default() };
    let mut config_seen = false;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut given: Vec<(&Flag, Option<String>)> = Vec::new();
        if let Some(long) = argument.strip_prefix("--") {
            if long.is_empty() {
                break;
            }
            let (name, value) = long.split_once('=').map_or((long, None), |(n, v)| (n, Some(v.to_owned())));
            let unknown = || match FLAGS.iter().any(|flag| flag.long.starts_with(name)) {
                true => usage("option", argument, " is ambiguous"),
                false => usage("unrecognized option", argument, ""),
            };
            let flag = Flag::long(name).ok_or_else(unknown)?;
            if value.is_some() && flag.value().is_none() {
                return Err(usage("option", &with_dashes(flag), " doesn't allow an argument"));
            }
            given.push((flag, value));
        } else if let Some(letters) = argument.strip_prefix('-').filter(|l| !l.is_empty()) {
            for (at, letter) in letters.char_indices() {
                let unknown = || usage("invalid option --", &letter, "");
                let flag = Flag::short(letter).ok_or_else(unknown)?;
                if flag.value().is_some() {
                    let attached = &letters[at + letter.len_utf8()..];
                    given.push((flag, Some(attached.to_owned()).filter(|a| !a.is_empty())));
                    break;
                }
                given.push((flag, None));
            }
        } else {
            request.warnings.push(format!("{argument:?} is not an option and is ignored"));
        }
        for (flag, value) in given {
            let value = match value.filter(|_| flag.value().is_some()) {
                None if flag.value().is_some() => {
                    rest.next().cloned().ok_or_else(|| match argument.starts_with("--") {
                        true => usage("option", &with_dashes(flag), " requires an argument"),
                        false => usage("option requires an argument --", &flag.short, ""),
                    })?
                }
                value => value.unwrap_or_default(),
            };
            let source = match flag.does {
                Does::Reads(_, source) => source(value),
                Does::Takes(_, set) => {
                    set(&mut request, Value { option: flag.short, text: &value })?;
                    continue;
                }
                Does::Turns(turn) => {
                    turn(&mut request);
                    continue;
                }
                Does::Method(method) => {
                    request.parameters.turn_on(method);
                    continue;
                }
                Does::Nothing => continue,
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

/// What the text gives wins over what was given before it.
fn merge(request: &mut CommandLine, parsed: Parsed) {
    let lines = parsed.warnings.iter().map(|w| format!("line {}: {}", w.line, w.what));
    request.warnings.extend(lines);
    request.vendor = parsed.default_vendor.or(request.vendor);
    request.product = parsed.default_product.or(request.product);
    usb_modeswitch::overlay(&mut request.parameters, parsed.parameters);
}

/// In getopt's words, which people search for.
fn usage(before: &str, option: &dyn Display, after: &str) -> Error {
    Error::new(ErrorKind::Usage, format!("{before} '{option}'{after}")).detail(Detail::BadOption)
}

fn with_dashes(flag: &Flag) -> String {
    format!("--{}", flag.long)
}

#[cfg(test)]
mod tests {
    use stickshift::profile::Method;
    use stickshift::stick::UsbId;

    use super::*;

    fn parse(line: &str) -> Result<CommandLine> {
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
        for (line, says) in [
            ("-y", "invalid option -- 'y'"),
            ("-WQy", "invalid option -- 'y'"),
            ("--foo=1", "unrecognized option '--foo=1'"),
            ("--huawei", "option '--huawei' is ambiguous"),
            ("--verbose=3", "option '--verbose' doesn't allow an argument"),
            ("-v", "option requires an argument -- 'v'"),
            ("--default-v", "option '--default-vendor' requires an argument"),
            ("-M 555", "-M 555: "),
            ("-M 55xx", "-M 55xx: "),
            ("-i 100", "-i 100: the value is out of range"),
            ("-v fffff", "-v fffff: the value is out of range"),
            ("-:", "invalid option -- ':'"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.is(ErrorKind::Usage) && error.what().starts_with(says), "{line}: {error}");
        }
        assert!(parse("").unwrap().help);
        assert!(parse("-W").unwrap().id().is_err());
        assert!(parse("-v 0 -p 0").unwrap().id().is_err());
    }
}
