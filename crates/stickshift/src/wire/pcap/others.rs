//! Captures of programs whose files are not read: named for what they are, with what to do instead.

/// The program that made a text or a file, and what to do instead.
pub(super) fn named(bytes: &[u8], is_text: bool) -> Option<(&'static str, &'static str)> {
    const WIRESHARK: &str =
        "open the capture in Wireshark and save it as pcapng (File, Save As), not as text";
    const AGAIN: &str = "capture again with Wireshark and USBPcap, or with usbmon on Linux; or type the bytes that were sent last into `--message`";
    let text = if is_text { String::from_utf8_lossy(bytes) } else { "".into() };
    let lines: Vec<&str> = text.lines().map(str::trim).take(400).collect();
    let begins = |start: &str| lines.iter().filter(|l| l.starts_with(start)).count();
    let has = |all: &[&str]| lines.iter().any(|l| all.iter().all(|part| l.contains(part)));
    let is_frame = |l: &&&str| l.starts_with("Frame ") && l.contains("bytes on wire");
    if lines.iter().any(|l| is_frame(&l))
        || summaries(&lines)
        || dumps(&lines)
        || has(&["No.", "Time", "Source", "Destination", "Protocol"])
    {
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

/// Whether the first lines are tshark's, one for each packet: number, time, from, arrow, to, `USB`, length.
fn summaries(lines: &[&str]) -> bool {
    const ENOUGH: usize = 2;
    let is_one = |line: &&&str| {
        let words: Vec<&str> = line.split_whitespace().take(7).collect();
        let number = |at: usize| words.get(at).is_some_and(|w| w.bytes().all(|b| b.is_ascii_digit()));
        let time = words.get(1).is_some_and(|w| w.contains('.') && w.parse::<f64>().is_ok());
        let arrow = words.get(3).is_some_and(|w| matches!(*w, "→" | "->"));
        number(0) && time && arrow && number(6) && words[5].starts_with("USB")
    };
    lines.iter().take(ENOUGH).filter(is_one).count() == ENOUGH
}

/// Whether the first lines are bytes as Wireshark and tshark dump packets: the offset in four digits from 0, sixteen bytes, their text.
fn dumps(lines: &[&str]) -> bool {
    let is_line = |offset: &str, line: &str| {
        let mut words = line.split_whitespace();
        let bytes = || line.split_whitespace().skip(1).take(16);
        words.next() == Some(offset)
            && bytes().count() == 16
            && bytes().all(|w| w.len() == 2 && w.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    matches!(lines, [first, second, ..] if is_line("0000", first) && is_line("0010", second))
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
            (
                "    1   0.000000         host → 1.5.0        USB 64 GET DESCRIPTOR Request DEVICE\n    2   0.000500        1.5.0 → host         USB 82 GET DESCRIPTOR Response DEVICE\n",
                "Wireshark",
            ),
            (
                "0000  40 00 34 12 00 88 ff ff 53 02 80 05 01 00 00 3c   @.4.....S......<\n0010  00 f1 53 65 00 00 00 00 e7 03 00 00 8d ff ff ff   ..Se............\n",
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
