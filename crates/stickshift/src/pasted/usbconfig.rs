//! FreeBSD's `usbconfig`, alone or with `dump_device_desc`: `ugen0.2: <vendor 0x1199 product 0x9071> at usbus0, cfg=0 md=HOST ..`.

use super::number::id;
use super::{Format, Reader};
use crate::stick::{UsbId, stick_makers};

impl Reader {
    pub(super) fn usbconfig_line(&mut self, text: &str) -> bool {
        let Some((address, name)) = head(text) else { return false };
        if text.ends_with("(disconnected)") {
            return true;
        }
        let word = |key: &str| name.split_once(key).and_then(|(_, rest)| id(rest));
        match word("vendor ").zip(word("product ")) {
            Some((vendor, product)) => {
                let index = self.device(Some(address), UsbId::new(vendor, product), Format::Usbconfig);
                self.begin_verbose(index);
            }
            // Its ids follow, or the text has none.
            None => {
                self.begin_verbose(None);
                self.hints.named(name);
            }
        }
        self.verbose.of_usbconfig = true;
        true
    }
}

/// The maker of sticks whose name a text begins with.
pub(super) fn maker_named(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let first = |text: &str| text.split(|c: char| !c.is_ascii_alphanumeric()).next().map(str::to_lowercase);
    stick_makers().map(|(_, maker)| maker).find(|maker| first(maker) == first(&name))
}

/// `ugen0.2: <HUAWEI Mobile> at usbus0`: bus and number, and what is in the brackets.
fn head(text: &str) -> Option<((u16, u16), &str)> {
    let (place, rest) = text.strip_prefix("ugen")?.split_once(": <")?;
    let (bus, number) = place.split_once('.')?;
    let (name, _) = rest.split_once("> at usbus")?;
    Some(((bus.parse().ok()?, number.parse().ok()?), name))
}
