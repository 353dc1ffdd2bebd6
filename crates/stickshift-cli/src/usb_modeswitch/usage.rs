//! What the program says of itself.

use std::fmt::Write as _;

use super::flags::FLAGS;

/// The version of usb_modeswitch whose manners these are.
pub(crate) const VERSION: &str = concat!(
    "\n * usb_modeswitch: handle USB devices with multiple modes\n * Version 2.6.1, as stickshift ",
    env!("CARGO_PKG_VERSION"),
    " speaks it\n"
);

/// The options, one per line.
pub(crate) fn usage() -> String {
    let mut text = String::from("\nUsage: usb_modeswitch [OPTIONS] [-c FILE]\n\n");
    for flag in FLAGS {
        let value = flag.value().map(|v| format!(" {v}")).unwrap_or_default();
        let head = format!("-{}, --{}{value}", flag.short, flag.long);
        writeln!(text, " {head:31} {}", flag.doc).unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_stand_one_below_the_other() {
        assert!(usage().contains(" -v, --default-vendor NUM        vendor id"));
    }
}
