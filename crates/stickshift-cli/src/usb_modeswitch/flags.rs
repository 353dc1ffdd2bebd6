//! The options of usb_modeswitch (docs/protocols/mode-switch.md section 2.1): one row for each, with all that there is to it.

use stickshift::error::{Detail, Error, ErrorKind, Result};
use stickshift::profile::Method;
use stickshift::profile::formats::usb_modeswitch::{decimal, hexadecimal};
use stickshift::profile::parameters::parse_message;

use super::command_line::{CommandLine, Source};

/// One option.
pub(super) struct Flag {
    pub(super) short: char,
    /// Without the dashes.
    pub(super) long: &'static str,
    /// For the usage text.
    pub(super) doc: &'static str,
    pub(super) does: Does,
}

/// What an option does.
pub(super) enum Does {
    /// Obsolete, and ignored by usb_modeswitch, too.
    Nothing,
    Turns(fn(&mut CommandLine)),
    /// Twice the same method is still that method: usb_modeswitch adds its flags and runs another one.
    Method(Method),
    /// Takes a value, which the usage text calls this.
    Takes(&'static str, fn(&mut CommandLine, Value<'_>) -> Result<()>),
    /// Names a text of parameters, by a value that the usage text calls this.
    Reads(Option<&'static str>, fn(String) -> Source),
}

impl Flag {
    /// What the usage text calls its value, if it takes one.
    pub(super) fn value(&self) -> Option<&'static str> {
        match self.does {
            Does::Takes(name, _) => Some(name),
            Does::Reads(name, _) => name,
            Does::Nothing | Does::Turns(_) | Does::Method(_) => None,
        }
    }

    /// The option of a letter.
    pub(super) fn short(letter: char) -> Option<&'static Flag> {
        FLAGS.iter().find(|flag| flag.short == letter)
    }

    /// The option of a long name; an unambiguous beginning is enough, as getopt has it.
    pub(super) fn long(name: &str) -> Option<&'static Flag> {
        if let Some(flag) = FLAGS.iter().find(|flag| flag.long == name) {
            return Some(flag);
        }
        let mut fitting = FLAGS.iter().filter(|flag| !name.is_empty() && flag.long.starts_with(name));
        match (fitting.next(), fitting.next()) {
            (Some(flag), None) => Some(flag),
            _ => None,
        }
    }
}

/// The value of an option, as it was typed.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) option: char,
    pub(super) text: &'a str,
}

impl Value<'_> {
    fn in_range<T>(self, number: Option<T>) -> Result<T> {
        number.ok_or_else(|| self.error("the value is out of range"))
    }

    fn error(self, what: &str) -> Error {
        Error::new(ErrorKind::Usage, format!("-{} {}: {what}", self.option, self.text))
    }

    fn byte(self) -> Result<u8> {
        self.in_range(hexadecimal(self.text).and_then(|n| u8::try_from(n).ok()))
    }

    /// The wrapper passes -1 for "do not look".
    fn byte_or_none(self) -> Result<Option<u8>> {
        if hexadecimal(self.text) == Some(-1) { Ok(None) } else { self.byte().map(Some) }
    }

    fn word(self) -> Result<u16> {
        self.in_range(hexadecimal(self.text).and_then(|n| u16::try_from(n).ok()))
    }

    fn number(self) -> Result<u32> {
        self.in_range(decimal(self.text).and_then(|n| u32::try_from(n).ok()))
    }

    fn short_number(self) -> Result<u16> {
        self.in_range(decimal(self.text).and_then(|n| u16::try_from(n).ok()))
    }

    fn message(self) -> Result<Vec<u8>> {
        parse_message(self.text).map_err(|what| self.error(what.as_ref()).detail(Detail::BadOption))
    }
}

/// Every option, in the order of the usage text.
pub(super) const FLAGS: &[Flag] = &[
    Flag { short: 'h', long: "help", doc: "print this help and exit", does: Does::Turns(|c| c.help = true) },
    Flag {
        short: 'e',
        long: "version",
        doc: "print the version and exit",
        does: Does::Turns(|c| c.version = true),
    },
    Flag {
        short: 'j',
        long: "find-mbim",
        doc: "print the number of the MBIM configuration and exit",
        does: Does::Turns(|c| c.find_mbim = true),
    },
    Flag { short: 'W', long: "verbose", doc: "print more detail", does: Does::Turns(|c| c.verbose = true) },
    Flag {
        short: 'Q',
        long: "quiet",
        doc: "suppress progress messages",
        does: Does::Turns(|c| c.quiet = true),
    },
    Flag {
        short: 'D',
        long: "sysmode",
        doc: "print lines for scripts, write to the system log",
        does: Does::Turns(|c| c.sysmode = true),
    },
    Flag { short: 'n', long: "need-response", doc: "obsolete, ignored", does: Does::Nothing },
    Flag {
        short: 'd',
        long: "detach-only",
        doc: "only detach the kernel drivers",
        does: Does::Method(Method::DetachStorageOnly),
    },
    Flag {
        short: 'K',
        long: "std-eject",
        doc: "eject: allow medium removal and eject, LUN 0 and 1",
        does: Does::Method(Method::StandardEject),
    },
    Flag {
        short: 'H',
        long: "huawei-mode",
        doc: "Huawei, older sticks: SET_FEATURE",
        does: Does::Method(Method::Huawei),
    },
    Flag {
        short: 'J',
        long: "huawei-new-mode",
        doc: "Huawei, newer sticks: SCSI command",
        does: Does::Method(Method::HuaweiNew),
    },
    Flag {
        short: 'X',
        long: "huawei-alt-mode",
        doc: "Huawei, alternative: SCSI command for serial ports",
        does: Does::Method(Method::HuaweiAlt),
    },
    Flag { short: 'S', long: "sierra-mode", doc: "Sierra", does: Does::Method(Method::Sierra) },
    Flag { short: 'O', long: "sony-mode", doc: "Sony Ericsson", does: Does::Method(Method::Sony) },
    Flag { short: 'B', long: "qisda-mode", doc: "Qisda", does: Does::Method(Method::Qisda) },
    Flag { short: 'E', long: "quanta-mode", doc: "Quanta", does: Does::Method(Method::Quanta) },
    Flag { short: 'G', long: "gct-mode", doc: "GCT", does: Does::Method(Method::Gct) },
    Flag { short: 'T', long: "kobil-mode", doc: "Kobil", does: Does::Method(Method::Kobil) },
    Flag { short: 'N', long: "sequans-mode", doc: "Sequans", does: Does::Method(Method::Sequans) },
    Flag {
        short: 'A',
        long: "mobileaction-mode",
        doc: "Mobile Action",
        does: Does::Method(Method::MobileAction),
    },
    Flag { short: 'L', long: "cisco-mode", doc: "Cisco", does: Does::Method(Method::Cisco) },
    Flag { short: 'Z', long: "blackberry-mode", doc: "Blackberry", does: Does::Method(Method::Blackberry) },
    Flag { short: 'U', long: "option-mode", doc: "Option", does: Does::Method(Method::Option) },
    Flag {
        short: 'F',
        long: "pantech-mode",
        doc: "Pantech; a number above 1 is sent",
        does: Does::Takes("NUM", |c, v| {
            c.parameters.pantech = Some(v.short_number()?);
            Ok(())
        }),
    },
    Flag {
        short: 'R',
        long: "reset-usb",
        doc: "reset the device at the end",
        does: Does::Turns(|c| c.parameters.reset_usb = Some(true)),
    },
    Flag { short: 'I', long: "inquire", doc: "obsolete, ignored", does: Does::Nothing },
    Flag {
        short: 't',
        long: "stdinput",
        doc: "read parameters from standard input",
        does: Does::Reads(None, |_| Source::Stdin),
    },
    Flag {
        short: 'v',
        long: "default-vendor",
        doc: "vendor id of the device to switch (required)",
        does: Does::Takes("NUM", |c, v| {
            c.vendor = Some(v.word()?);
            Ok(())
        }),
    },
    Flag {
        short: 'p',
        long: "default-product",
        doc: "product id of the device to switch (required)",
        does: Does::Takes("NUM", |c, v| {
            c.product = Some(v.word()?);
            Ok(())
        }),
    },
    Flag {
        short: 'V',
        long: "target-vendor",
        doc: "vendor id after the switch",
        does: Does::Takes("NUM", |c, v| {
            c.parameters.target_vendor = Some(v.word()?);
            Ok(())
        }),
    },
    Flag {
        short: 'P',
        long: "target-product",
        doc: "product id after the switch",
        does: Does::Takes("NUM", |c, v| {
            c.parameters.target_product = Some(v.word()?);
            c.parameters.target_products.clear();
            Ok(())
        }),
    },
    Flag {
        short: 'C',
        long: "target-class",
        doc: "device or interface class after the switch",
        does: Does::Takes("NUM", |c, v| {
            c.parameters.target_class = Some(v.byte()?);
            Ok(())
        }),
    },
    Flag {
        short: 'm',
        long: "message-endpoint",
        doc: "endpoint for messages",
        does: Does::Takes("NUM", |c, v| {
            c.parameters.message_endpoint = Some(v.byte()?);
            Ok(())
        }),
    },
    Flag {
        short: 'M',
        long: "message-content",
        doc: "message, in hex",
        does: Does::Takes("HEX", |c, v| {
            c.parameters.messages[0] = v.message()?;
            Ok(())
        }),
    },
    Flag {
        short: '2',
        long: "message-content2",
        doc: "second message",
        does: Does::Takes("HEX", |c, v| {
            c.parameters.messages[1] = v.message()?;
            Ok(())
        }),
    },
    Flag {
        short: '3',
        long: "message-content3",
        doc: "third message",
        does: Does::Takes("HEX", |c, v| {
            c.parameters.messages[2] = v.message()?;
            Ok(())
        }),
    },
    Flag {
        short: 'w',
        long: "release-delay",
        doc: "milliseconds to wait before the interface is released",
        does: Does::Takes("NUM", |c, v| {
            c.parameters.release_delay_ms = Some(v.number()?);
            Ok(())
        }),
    },
    Flag {
        short: 'r',
        long: "response-endpoint",
        doc: "endpoint for responses",
        does: Does::Takes("NUM", |c, v| {
            c.parameters.response_endpoint = Some(v.byte()?);
            Ok(())
        }),
    },
    Flag {
        short: 'c',
        long: "config-file",
        doc: "read parameters from FILE",
        does: Does::Reads(Some("FILE"), Source::File),
    },
    Flag {
        short: 'i',
        long: "interface",
        doc: "interface to use instead of the first",
        does: Does::Takes("NUM", |c, v| {
            c.parameters.interface = Some(v.byte()?);
            Ok(())
        }),
    },
    Flag {
        short: 'u',
        long: "configuration",
        doc: "configuration to select",
        does: Does::Takes("NUM", |c, v| {
            c.parameters.configuration = v.byte_or_none()?;
            Ok(())
        }),
    },
    Flag {
        short: 'a',
        long: "altsetting",
        doc: "alternate setting to select",
        does: Does::Takes("NUM", |c, v| {
            c.parameters.alt_setting = v.byte_or_none()?;
            Ok(())
        }),
    },
    Flag {
        short: 's',
        long: "check-success",
        doc: "seconds to check for success",
        does: Does::Takes("NUM", |c, v| {
            c.parameters.check_success_s = Some(v.number()?);
            Ok(())
        }),
    },
    Flag {
        short: 'f',
        long: "long-config",
        doc: "read parameters from TEXT",
        does: Does::Reads(Some("TEXT"), Source::Text),
    },
    Flag {
        short: 'b',
        long: "bus-num",
        doc: "bus number of the device",
        does: Does::Takes("NUM", |c, v| {
            c.bus = Some(v.number()?);
            Ok(())
        }),
    },
    Flag {
        short: 'g',
        long: "device-num",
        doc: "device number on that bus: switch only this device",
        does: Does::Takes("NUM", |c, v| {
            c.device = Some(v.number()?);
            Ok(())
        }),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_has_its_letter() {
        for method in Method::ALL {
            let flag = Flag::short(method.letter());
            assert!(
                matches!(flag.map(|f| &f.does), Some(Does::Method(found)) if *found == method),
                "{method:?}"
            );
        }
    }

    #[test]
    fn no_name_stands_twice() {
        for (number, flag) in FLAGS.iter().enumerate() {
            for other in &FLAGS[..number] {
                assert!(flag.short != other.short && flag.long != other.long, "{}", flag.long);
            }
        }
    }
}
