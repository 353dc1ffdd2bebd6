//! Captures of programs whose files are not read: named for what they are, with what to do instead.

/// The program that made a text or a file, and what to do instead.
pub(super) fn named(bytes: &[u8], is_text: bool) -> Option<(&'static str, &'static str)> {
    const WIRESHARK: &str =
        "open the capture in Wireshark and save it as pcapng (File, Save As), not as text";
    const AGAIN: &str = "capture again with Wireshark and USBPcap, or with usbmon on Linux; or type the bytes that were sent last into `--message`";
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => rest.iter().filter(|b| **b != 0).map(|b| char::from(*b)).collect(),
        _ if is_text => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    };
    let lines: Vec<&str> = text.lines().map(str::trim).take(400).collect();
    let begins = |start: &str| lines.iter().filter(|l| l.starts_with(start)).count();
    let has = |all: &[&str]| lines.iter().any(|l| all.iter().all(|part| l.contains(part)));
    let is_frame = |l: &&&str| l.starts_with("Frame ") && l.contains("bytes on wire");
    if lines.iter().any(|l| is_frame(&l)) || has(&["No.", "Time", "Source", "Destination", "Protocol"]) {
        return Some(("a capture that Wireshark printed as text", WIRESHARK));
    }
    if has(&["<?xml"]) && has(&["<pdml"]) || has(&["<psml"]) {
        return Some(("a capture that Wireshark wrote as XML", WIRESHARK));
    }
    if has(&["\"_index\"", "packets-"]) || has(&["\"layers\""]) && has(&["\"_source\""]) {
        return Some(("a capture that Wireshark wrote as JSON", WIRESHARK));
    }
    let snoopy = begins("URB Header (length") > 0 && begins("SequenceNumber:") > 0;
    if snoopy || bytes.starts_with(b"USBLOG") {
        return Some(("a log of SnoopyPro", AGAIN));
    }
    let columns = has(&["Type", "Seq", "Time", "Request"]) || has(&["Type,Seq,Time"]);
    if begins("USBlyzer Report") > 0 || columns && has(&["I/O"]) || bytes.starts_with(b"USBlyzer") {
        return Some(("a report of USBlyzer", AGAIN));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_programs_are_named() {
        for (text, name) in [
            (
                "No.     Time           Source                Destination           Protocol Length Info\n",
                "Wireshark",
            ),
            ("Frame 1: 58 bytes on wire (464 bits), 58 bytes captured\nUSB URB\n", "Wireshark"),
            ("<?xml version=\"1.0\"?>\n<pdml version=\"0\">\n", "Wireshark"),
            (
                "1\tin down\tn/a\t0.010\tGET_DESCRIPTOR_FROM_DEVICE\nURB Header (length: 80)\nSequenceNumber: 1\n",
                "SnoopyPro",
            ),
            ("USBlyzer Report\nCapture List\n", "USBlyzer"),
            (
                "Type\tSeq\tTime\tElapsed\tDuration\tRequest\tRequest Details\tRaw Data\tI/O\tC:I:E\n",
                "USBlyzer",
            ),
        ] {
            assert!(named(text.as_bytes(), true).unwrap().0.contains(name), "{text}");
        }
        for text in ["# Tools\nUse Wireshark, SnoopyPro or USBlyzer.\n", "hello\n", ""] {
            assert_eq!(named(text.as_bytes(), true), None, "{text}");
        }
    }
}
