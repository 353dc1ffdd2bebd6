//! Lines that a page put into one: broken up again where a line of these programs begins.

use super::class_of_driver;
use crate::stick::Place;

/// What `lsusb -v` begins lines with.
const DESCRIPTOR: &[&str] = &[
    "bLength",
    "bDescriptorType",
    "bcdUSB",
    "bDeviceClass",
    "bDeviceSubClass",
    "bDeviceProtocol",
    "bMaxPacketSize0",
    "idVendor",
    "idProduct",
    "bcdDevice",
    "iManufacturer",
    "iProduct",
    "iSerial",
    "bNumConfigurations",
    "wTotalLength",
    "bNumInterfaces",
    "bConfigurationValue",
    "iConfiguration",
    "bmAttributes",
    "MaxPower",
    "bInterfaceNumber",
    "bAlternateSetting",
    "bNumEndpoints",
    "bInterfaceClass",
    "bInterfaceSubClass",
    "bInterfaceProtocol",
    "iInterface",
    "bEndpointAddress",
    "wMaxPacketSize",
    "bInterval",
    "Device Descriptor:",
    "Device Qualifier",
    "Configuration Descriptor:",
    "Interface Descriptor:",
    "Interface Association:",
    "Endpoint Descriptor:",
    "CDC Header:",
    "CDC Union:",
    "CDC ACM:",
    "CDC Call Management:",
    "CDC Ethernet:",
    "CDC MBIM:",
    "CDC NCM:",
    "** UNRECOGNIZED:",
];
/// As the kernel's log has them in every language, and journalctl in English.
const MONTHS: &[&str] = &["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: &[&str] = &["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// `[Sat Nov 28 `
const LONGEST_DATE: usize = 12;
/// No beginning of a line that is looked for is longer, in bytes: what stands behind it is not looked at.
const LONGEST_BEGINNING: usize = 64;
/// Shorter lines are not several.
const SHORTEST: usize = 40;
/// Of so many beginnings in one line, it is no line of its own.
const MANY: usize = 3;

/// One line, or several where the line ends were lost.
pub(super) fn parted(line: &str) -> Vec<&str> {
    if line.len() < SHORTEST {
        return vec![line];
    }
    let words: Vec<usize> = (0..line.len()).filter(|at| begins_a_word(line, *at)).collect();
    // With the line ends some pages lose the space, too. What no line of a log or a list begins with is not looked at.
    let begins = |byte: u8| byte.is_ascii_digit() || b"[BADFJMNOSTW".contains(&byte);
    let bytes = line.as_bytes();
    let everywhere: Vec<usize> = (0..line.len()).filter(|at| begins(bytes[*at])).collect();
    let all = |places: &[usize], begins: fn(&str) -> bool| -> Vec<usize> {
        places.iter().copied().filter(|at| begins(beginning(&line[*at..]))).collect()
    };
    let mut cuts = Vec::new();
    for (begins, many) in [(is_descriptor as fn(&str) -> bool, MANY), (is_listing, MANY), (is_branch, 2)] {
        let found = all(&words, begins);
        if found.len() >= many {
            cuts.extend(found);
        }
    }
    let heads = all(&everywhere, is_head);
    if heads.len() >= 2 {
        cuts.extend(heads);
    }
    // Where each line of a log has a time, it begins there.
    let mut dates = all(&everywhere, is_date);
    // The day of the week, and the date after it.
    dates.dedup_by(|next, before| *next - *before < LONGEST_DATE);
    let log = [dates, all(&everywhere, is_time)];
    let log = log.into_iter().chain([all(&words, is_of_driver)]).find(|found| found.len() >= 2);
    cuts.extend(log.into_iter().flatten());
    cuts.sort_unstable();
    cuts.dedup();
    let mut parts = Vec::new();
    let mut from = 0;
    for cut in cuts {
        parts.push(&line[from..cut]);
        from = cut;
    }
    parts.push(&line[from..]);
    parts
}

fn beginning(text: &str) -> &str {
    let end = (0..=LONGEST_BEGINNING.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

fn begins_a_word(line: &str, at: usize) -> bool {
    line.is_char_boundary(at)
        && !line[at..].starts_with(char::is_whitespace)
        && (at == 0 || line[..at].ends_with(char::is_whitespace))
}

/// `Bus 001 Device 004: ID`
fn is_head(text: &str) -> bool {
    let Some((bus, rest)) = text.strip_prefix("Bus ").and_then(|rest| rest.split_once(" Device ")) else {
        return false;
    };
    let device = rest.split(':').next().unwrap_or_default();
    [bus, device].iter().all(|number| number.parse::<u16>().is_ok())
}

fn is_descriptor(text: &str) -> bool {
    let ends = |rest: &str| rest.is_empty() || rest.starts_with(char::is_whitespace);
    DESCRIPTOR
        .iter()
        .any(|name| text.strip_prefix(name).is_some_and(|rest| name.ends_with(':') || ends(rest)))
}

/// `I:* If#= 0`
fn is_listing(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(['T', 'B', 'D', 'P', 'S', 'C', 'A', 'I', 'E', 'N']) else {
        return false;
    };
    let Some(rest) = rest.strip_prefix(':') else { return false };
    let rest = rest.strip_prefix('*').unwrap_or(rest).trim_start();
    rest.split(char::is_whitespace).next().is_some_and(|word| word.contains('='))
}

/// `[   14.512871] usb`
fn is_time(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(inner, _)| inner.trim());
    let parts = inner.and_then(|inner| inner.split_once('.'));
    parts.is_some_and(|(seconds, rest)| seconds.parse::<u32>().is_ok() && rest.parse::<u32>().is_ok())
}

/// `Nov 28 10:00:00 host`, `[Sat Nov 28 10:00:00 2026]`, `2026-11-28T10:00:00`
fn is_date(text: &str) -> bool {
    let digits = |text: &str, count: usize| {
        let all = text.as_bytes().get(..count);
        all.is_some_and(|all| all.iter().all(|b| b.is_ascii_digit() || *b == b' '))
    };
    let is_clock = |text: &str| {
        digits(text, 2) && text[2..].starts_with(':') && digits(&text[3..], 2) && text[5..].starts_with(':')
    };
    let day =
        WEEKDAYS.iter().find_map(|day| text.trim_start_matches('[').strip_prefix(day)?.strip_prefix(' '));
    let text = day.unwrap_or(text);
    if let Some(rest) = MONTHS.iter().find_map(|month| text.strip_prefix(month)) {
        return rest.starts_with(' ')
            && digits(&rest[1..], 2)
            && rest[3..].starts_with(' ')
            && is_clock(&rest[4..]);
    }
    let parts = text.get(..11).filter(|date| date.is_ascii());
    let is_iso = parts.is_some_and(|date| {
        digits(date, 4) && date[4..].starts_with('-') && digits(&date[5..], 2) && date[7..].starts_with('-')
    });
    is_iso && text[10..].starts_with(['T', ' ']) && is_clock(&text[11..])
}

/// `usb 1-1: `, `option 1-1:1.0: `
fn is_of_driver(text: &str) -> bool {
    let mut words = text.split(' ').filter(|word| !word.is_empty());
    let (driver, place) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let known = driver == "usb" || class_of_driver(driver).is_some();
    known && place.split_once(':').is_some_and(|(place, _)| place.parse::<Place>().is_ok())
}

/// `|__ Port 2: Dev 7, If 0, ..`
fn is_branch(text: &str) -> bool {
    text.starts_with("|__ Port ") || text.starts_with("/:  Bus ") || text.starts_with("/: Bus ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_where_lines_begin() {
        for whole in [
            "  idVendor           0x12d1 Huawei Technologies Co., Ltd.",
            "Oct 15 14:32:33 foo kernel: [80562.693408] usb 3-3.3: new high-speed USB device number 20",
            "I:* If#= 0 Alt= 0 #EPs= 1 Cls=02(comm.) Sub=06 Prot=00 Driver=cdc_ether",
            "Bus 001 Device 004: ID 12d1:1f01 x",
            "a [1.0] b [none]",
        ] {
            assert_eq!(parted(whole), [whole]);
        }
        assert_eq!(parted("x Bus 001 Device 004: ID 1:2 Bus 001 Device 005: ID 3:4").len(), 3);
        assert_eq!(parted("[ 1.5] usb 1-1: a   [    2.512871] usb 1-1: b").len(), 3);
        let listing = "P: Vendor=12d1 ProdID=14db Rev= 1.02 S: Manufacturer=x C:* #Ifs= 2 I:* If#= 0";
        assert_eq!(parted(listing)[2..], ["S: Manufacturer=x ", "C:* #Ifs= 2 ", "I:* If#= 0"]);
        assert_eq!(
            parted("Device Descriptor: bLength 18 bDescriptorType 1 idVendor 0x12d1 Huawei")[4],
            "idVendor 0x12d1 Huawei"
        );
    }
}
