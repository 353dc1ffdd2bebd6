use crate::event::Session;
use crate::learn::{Lesson, learn};
use crate::profile::formats::usb_modeswitch;
use crate::wire::pcap::{Capture, Format};

fn lesson(text: &str, format: Format) -> Lesson {
    let mut source = text.as_bytes();
    let mut capture = Capture::open(&mut source).unwrap();
    assert_eq!(capture.format(), format);
    learn(&mut capture, None, &mut Session::quiet()).unwrap()
}

fn profile(lesson: &Lesson) -> String {
    let Some(switch) = lesson.switches.first() else { return format!("{:?}", lesson.nothing) };
    let id = switch.id.map_or("unknown".to_owned(), |id| id.to_string());
    let lines = switch.candidates[0].parameters.as_ref().map_or(String::new(), usb_modeswitch::assignments);
    format!("{id} {}", lines.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The hex lines of SniffUSB.
fn dump(bytes: &[u8]) -> String {
    let line = |(i, chunk): (usize, &[u8])| {
        let hex: Vec<String> = chunk.iter().map(|b| format!("{b:02x}")).collect();
        format!("    {:08x}: {}\r\n", i * 16, hex.join(" "))
    };
    bytes.chunks(16).enumerate().map(line).collect()
}

fn sniffusb(message: &[u8], vendor_request: bool) -> String {
    let mut log = String::from(
        "[0 ms] UsbSnoop - FilterAddDevice(b43231e1) : DriverObject 85a74008, pdo 85ab4df8\r\n\
         [3 ms]  >>>  URB 1 going down  >>> \r\n\
         -- URB_FUNCTION_GET_DESCRIPTOR_FROM_DEVICE:\r\n\
         \x20 TransferBufferLength = 00000012\r\n\
         \x20 TransferBuffer       = b6c6c000\r\n\
         \x20 Index                = 00000000\r\n\
         \x20 DescriptorType       = 00000001 (USB_DEVICE_DESCRIPTOR_TYPE)\r\n\
         \x20 LanguageId           = 00000000\r\n\
         [5 ms]  <<<  URB 1 coming back  <<< \r\n\
         -- URB_FUNCTION_CONTROL_TRANSFER:\r\n\
         \x20 PipeHandle           = 85b26e78\r\n\
         \x20 TransferFlags        = 0000000b (USBD_TRANSFER_DIRECTION_IN, USBD_SHORT_TRANSFER_OK)\r\n\
         \x20 TransferBufferLength = 00000012\r\n",
    );
    log += &dump(&[0x12, 1, 0, 2, 0, 0, 0, 0x40, 0xd2, 0x19, 0, 0x20, 0, 0, 1, 2, 3, 1]);
    log += "  UrbLink              = 00000000\r\n  SetupPacket          =\r\n    00000000: 80 06 00 01 00 00 12 00\r\n";
    let bulk = |n: u32, ms: u32, out: bool, back: bool, bytes: &[u8], length: usize| {
        let arrow = if back { "<<<" } else { ">>>" };
        let way = if back { "coming back" } else { "going down" };
        let (endpoint, flags) = if out {
            ("0x00000001", "00000000 (USBD_TRANSFER_DIRECTION_OUT, ~USBD_SHORT_TRANSFER_OK)")
        } else {
            ("0x00000081", "00000003 (USBD_TRANSFER_DIRECTION_IN, USBD_SHORT_TRANSFER_OK)")
        };
        format!(
            "[{ms} ms]  {arrow}  URB {n} {way}  {arrow} \r\n-- URB_FUNCTION_BULK_OR_INTERRUPT_TRANSFER:\r\n  \
             PipeHandle           = 85b1b8a4 [endpoint {endpoint}]\r\n  TransferFlags        = {flags}\r\n  \
             TransferBufferLength = {length:08x}\r\n  TransferBufferMDL    = 85a9b5d0\r\n{}  UrbLink              = 00000000\r\n",
            dump(bytes)
        )
    };
    let mut ready = b"USBC".to_vec();
    ready.extend([0x10, 0x20, 0x30, 0x81, 0, 0, 0, 0, 0, 0, 6]);
    ready.resize(31, 0);
    let mut status = b"USBS".to_vec();
    status.extend([0x10, 0x20, 0x30, 0x81, 0, 0, 0, 0, 0]);
    for n in [2, 4] {
        log += &bulk(n, n * 10, true, false, &ready, 31);
        log += &bulk(n, n * 10 + 1, true, true, &[], 31);
        log += &bulk(n + 1, n * 10 + 2, false, false, &[], 13);
        log += &bulk(n + 1, n * 10 + 3, false, true, &status, 13);
    }
    if vendor_request {
        log += "[90 ms]  >>>  URB 9 going down  >>> \r\n-- URB_FUNCTION_VENDOR_DEVICE:\r\n  \
                TransferFlags          = 00000000 (USBD_TRANSFER_DIRECTION_OUT, ~USBD_SHORT_TRANSFER_OK)\r\n  \
                TransferBufferLength = 00000000\r\n  UrbLink                 = 00000000\r\n  \
                RequestTypeReservedBits = 00000000\r\n  Request                 = 0000000b\r\n  \
                Value                   = 00000001\r\n  Index                   = 00000000\r\n";
    } else {
        log += &bulk(9, 90, true, false, message, message.len());
        log += &bulk(9, 91, true, true, &[], message.len());
    }
    log + "[450 ms] UsbSnoop - DispatchAny(b4321610) : IRP_MJ_PNP (0x1b), IRP_MN_SURPRISE_REMOVAL (0x17)\r\n\
           [460 ms] UsbSnoop - MyDispatchPNP(b4321ee0) : IRP_MJ_PNP (0x1b)\r\n"
}

#[test]
fn a_sniffusb_log_teaches_what_was_sent() {
    let mut message = b"USBC\x12\x34\x56\x78".to_vec();
    message.extend([0, 0, 0, 0, 0, 0, 6, 0x1b, 0, 0, 0, 2, 0]);
    message.resize(31, 0);
    let eject = lesson(&sniffusb(&message, false), Format::SniffUsb);
    assert_eq!(profile(&eject), "19d2:2000 StandardEject=1");
    assert_eq!(eject.devices.len(), 1);
    assert_eq!(eject.switches[0].target, None);
    let evidence = eject.switches[0].candidates[0].evidence.join("\n");
    assert!(evidence.contains("line ") && evidence.contains("2 test unit ready"), "{evidence}");

    let vendor = lesson(&sniffusb(&[], true), Format::SniffUsb);
    assert_eq!(profile(&vendor), "19d2:2000 SierraMode=1");
}

const BUS_HOUND: &str = "\
Bus Hound 6.01 capture on Windows. Complements of www.perisoft.net

  Device - Device ID (followed by the endpoint for USB devices)
            (22) USB Mass Storage Device
            (25) HUAWEI Mobile Connect
  Length - Transfer Length
  Phase  - Phase Type
            CTL   USB control transfer
            DI    Data in
            DO    Data out
  Delta  - Elapsed time from the previous phase to this phase


Device  Length  Phase  Data                                                Description       Delta    Cmd.Phase.Ofs
------  ------  -----  --------------------------------------------------  ----------------  -------  -------------
22.0         8  CTL    80 06 00 01  00 00 12 00                            GET DESCRIPTOR    0ns      1.1.0
22.0        18  DI     12 01 00 02  00 00 00 40  d1 12 46 14  00 00 01 02  .......@..F.....  2.1ms    1.2.0
                       00 01                                               ..                         1.2.16
22.1        31  DO     55 53 42 43  01 00 00 81  00 00 00 00  00 00 06 00  USBC............  1ms      2.1.0
                       00 00 00 00  00 00 00 00  00 00 00 00  00 00 00     ...............            2.1.16
22.1        13  DI     55 53 42 53  01 00 00 81  00 00 00 00  00           USBS.........     1ms      3.1.0
22.1        31  DO     55 53 42 43  12 34 56 78  00 00 00 00  00 00 00 11  USBC.4Vx........  1.2sc    4.1.0
                       06 20 00 00  01 01 00 01  00 00 00 00  00 00 00     . .............            4.1.16
25.0         8  CTL    80 06 00 01  00 00 12 00                            GET DESCRIPTOR    4sc      5.1.0
25.0        18  DI     12 01 00 02  00 00 00 40  d1 12 01 10  00 00 01 02  .......@........  2.1ms    6.1.0
                       00 01                                               ..                         6.1.16
";

#[test]
fn a_bus_hound_log_teaches_what_was_sent() {
    let expected = "12d1:1446 TargetVendor=0x12d1 TargetProduct=0x1001 HuaweiNewMode=1";
    let lesson = lesson(BUS_HOUND, Format::BusHound);
    assert_eq!(profile(&lesson), expected);
    assert!(lesson.capture.span_ns > 5_000_000_000);
}

#[test]
fn what_bus_hound_does_not_write_is_no_silence() {
    let from = BUS_HOUND.find("22.1        31  DO     55 53 42 43  12 34").unwrap();
    let to = BUS_HOUND.find("25.0").unwrap();
    let request = "22.0         8  CTL    40 a1 34 12  02 00 00 00                            @.4.....          1.2sc    4.1.0\n";
    let lesson = lesson(&[&BUS_HOUND[..from], request, &BUS_HOUND[to..]].concat(), Format::BusHound);
    let best = &lesson.switches[0].candidates[0];
    let evidence = best.evidence.join("\n");
    assert!(evidence.contains("control request 40 a1 1234 0002"), "{evidence}");
    assert!(evidence.contains("does not say whether it was answered"), "{evidence}");
    assert!(!evidence.contains("never answered") && best.score < 80, "{} {evidence}", best.score);
}

#[test]
fn bus_hounds_blanks_may_be_lost() {
    let squeezed: String =
        BUS_HOUND.lines().map(|l| l.split_ascii_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect();
    let (whole, squeezed) = (lesson(BUS_HOUND, Format::BusHound), lesson(&squeezed, Format::BusHound));
    assert_eq!(profile(&squeezed), profile(&whole));
    assert_eq!(squeezed.capture.span_ns, whole.capture.span_ns);
}

#[test]
fn text_in_a_request_is_not_shown() {
    let pin = "S Co:1:005:0 s 40 a1 0000 0000 000e 14 = 41542b43 50494e3d 22343731 3122";
    let lesson = with_others(&[(3_050_000, pin)]);
    let all = lesson.switches[0].candidates.iter().flat_map(|c| c.evidence.clone());
    let evidence = all.collect::<Vec<_>>().join("\n");
    assert!(evidence.contains("data that holds text") && !evidence.contains("41542b43"), "{evidence}");
}

#[test]
fn text_logs_may_be_cut_anywhere() {
    let sniff = sniffusb(&[0x55; 31], false);
    for log in [sniff.as_str(), BUS_HOUND] {
        for length in 0..log.len() {
            let mut source = &log.as_bytes()[..length];
            if let Ok(mut capture) = Capture::open(&mut source) {
                learn(&mut capture, None, &mut Session::quiet()).unwrap();
            }
        }
    }
}

/// A switch by eject as usbmon's text shows it; the modem comes `after_s` later.
fn usbmon(after_s: u64) -> String {
    let back = 3_000_000 + after_s * 1_000_000;
    format!(
        "ffff880000000002 1000500 S Ci:1:005:0 s 80 06 0100 0000 0012 18 <\n\
         ffff880000000002 1000800 C Ci:1:005:0 0 18 = 12010002 00000040 d2190020 00000102 0301\n\
         ffff880000000003 1001000 S Ci:1:005:0 s 80 06 0200 0000 0020 32 <\n\
         ffff880000000003 1001300 C Ci:1:005:0 0 32 = 09022000 010100c0 fa090400 00020806 50000705 81020002 00070501 02000200\n\
         ffff880000000009 3000000 S Bo:1:005:1 -115 31 = 55534243 12345678 00000000 0000061b 00000002 00000000 00000000 000000\n\
         ffff880000000009 3000100 C Bo:1:005:1 0 31 >\n\
         ffff88000000000a 3000200 S Bi:1:005:1 -115 13 <\n\
         ffff88000000000a 3001100 C Bi:1:005:1 -108 0\n\
         ffff88000000000e {back} S Ci:1:006:0 s 80 06 0100 0000 0012 18 <\n\
         ffff88000000000e {back} C Ci:1:006:0 0 18 = 12010002 00000040 d2193100 00000102 0301\n"
    )
}

/// What is sent to the disk of [`usbmon`] besides, at these microseconds.
fn with_others(others: &[(u64, &str)]) -> Lesson {
    let whole = usbmon(3);
    let (before, after) = whole.split_at(whole.find("ffff88000000000e").unwrap());
    let lines: String = others.iter().map(|(us, line)| format!("{us:016x} {us} {line}\n")).collect();
    lesson(&format!("{before}{lines}{after}"), Format::UsbmonText)
}

#[test]
fn an_alternate_setting_is_a_part_of_the_profile() {
    let set = |value: u8, us: u64| (us, format!("S Co:1:005:0 s 01 0b 000{value} 0000 0000 0"));
    let told = |lines: &[(u64, String)]| {
        let lines: Vec<(u64, &str)> = lines.iter().map(|(us, line)| (*us, line.as_str())).collect();
        let lesson = with_others(&lines);
        (profile(&lesson), lesson.switches[0].candidates[0].evidence.join("\n"))
    };
    let plain = "19d2:2000 TargetVendor=0x19d2 TargetProduct=0x0031 StandardEject=1";
    // The kernel selects the first setting when the interface is released.
    let (profile, evidence) = told(&[set(1, 3_100_000), set(0, 3_101_000)]);
    assert_eq!(profile, format!("{plain} AltSetting=0x01"));
    assert!(evidence.contains("alternate setting 1 of interface 0 is selected"), "{evidence}");
    assert_eq!(told(&[set(0, 3_101_000)]).0, plain);
}

#[test]
fn a_message_that_was_sent_twice_is_sent_once() {
    for bytes in ["55534243 12345678 00000000 00000af0 01020300 00000000 00000000 000000", "01020304"] {
        let length = bytes.replace(' ', "").len() / 2;
        let send = format!("S Bo:1:005:1 -115 {length} = {bytes}");
        let log = usbmon(3);
        let eject = log.lines().find(|line| line.contains(" 3000000 S Bo")).unwrap();
        let log = log.replace(eject, &format!("ffff880000000009 3000000 {send}"));
        let second = format!("ffff880000000019 3300000 {send}\nffff88000000000e 6");
        let lesson = lesson(&log.replacen("ffff88000000000e 6", &second, 1), Format::UsbmonText);
        let told = profile(&lesson);
        assert!(told.contains("MessageContent=") && !told.contains("MessageContent2"), "{told}");
        let best = &lesson.switches[0].candidates[0];
        let evidence = best.evidence.join("\n");
        assert!(evidence.contains("2 times in all, and the profile sends it once"), "{evidence}");
        assert!(best.score >= 60 && !evidence.contains("followed"), "{} {evidence}", best.score);
    }
}

/// A line broken before it is longer than `width`, as mail programs do it.
fn wrapped(line: &str, width: usize, before: &str) -> String {
    let mut lines = vec![String::new()];
    for word in line.split(' ') {
        let last = lines.last_mut().unwrap();
        if !last.is_empty() && last.len() + word.len() >= width {
            lines.push(word.to_owned());
        } else {
            last.push_str(if last.is_empty() { "" } else { " " });
            last.push_str(word);
        }
    }
    lines.iter().map(|line| format!("{before}{line}\n")).collect()
}

#[test]
fn usbmon_in_mails_is_read() {
    let plain = usbmon(1);
    let prose = "From: A User\nSubject: my stick\n\nHello,\nI plugged it in. Here it is:\nRegards\n\n";
    let lines = |change: &dyn Fn(usize, &str) -> String| -> String {
        plain.lines().enumerate().map(|(n, line)| change(n, line)).collect()
    };
    let expected = "19d2:2000 TargetVendor=0x19d2 TargetProduct=0x0031 StandardEject=1";
    for text in [
        plain.clone(),
        format!("{prose}{plain}-- \nA User\n"),
        lines(&|_, line| format!("> {line}\n")),
        lines(&|_, line| format!(">> > {line}\r\n")),
        lines(&|n, line| format!("{:>4}  {line}\n", n + 1)),
        lines(&|n, line| format!("{}:{line}\n", n + 1)),
        lines(&|n, line| format!("[{}] {line}\n", n + 1)),
        lines(&|_, line| wrapped(line, 72, "")),
        lines(&|_, line| wrapped(line, 40, "> ")),
        lines(&|_, line| line.replace(" = ", " =3D ") + "\n"),
        format!("{prose}{}", lines(&|n, line| wrapped(&format!("{n}: {line}"), 60, "> "))),
    ] {
        assert_eq!(profile(&lesson(&text, Format::UsbmonText)), expected, "{text}");
    }
}

#[test]
fn the_time_until_the_modem_comes_is_weighed() {
    let score = |after_s| {
        lesson(&usbmon(after_s), Format::UsbmonText).switches.first().map_or(0, |s| s.candidates[0].score)
    };
    assert!(score(2) >= 80 && score(60) < 80, "{} {}", score(2), score(60));
    // A file that is passed on says so itself.
    let source = |after_s| {
        let lesson = lesson(&usbmon(after_s), Format::UsbmonText);
        let switch = &lesson.switches[0];
        lesson.entry(switch, switch.id.unwrap_or(crate::stick::UsbId::new(1, 2))).unwrap().source
    };
    assert_eq!(source(2), "learned from a USB capture");
    assert!(source(60).contains(", not sure ("), "{}", source(60));
    let late = lesson(&usbmon(1800), Format::UsbmonText);
    assert!(late.switches.iter().all(|s| s.target.is_none()), "half an hour is no proof");
    let evidence =
        |text: &str| lesson(text, Format::UsbmonText).switches[0].candidates[0].evidence.join("\n");
    let told = evidence(&usbmon(1800));
    assert!(told.contains("1.6 (19d2:0031), unknown, comes 1800.0 s after it left"), "{told}");
    // The clock was set back between the two.
    let told = evidence(&usbmon(1).replace(" 4000000 ", " 1000 "));
    assert!(
        told.contains("1.6 (19d2:0031), unknown, comes after it left, 3.0 s earlier by the clock"),
        "{told}"
    );
    assert!(!told.contains("no times"), "{told}");

    let at = |clock: &str| {
        let rows = "Bus Hound 6.01 capture on Windows. Complements of www.perisoft.net\n\n\
            Device  Length  Phase  Data                                                Description       Cmd.Phase.Ofs(rep)  Time\n\
            ------  ------  -----  --------------------------------------------------  ----------------  ------------------  ------------\n\
            \x20 57.0          CTL    80 06 00 01  00 00 12 00                            GET DESCRIPTOR    1.1.0               23:59:58.010\n\
            \x20 57.0      18  IN     12 01 00 02  00 00 00 40  d2 19 00 20  00 00 01 02  .......@... ....  1.2.0               23:59:58.011\n\
            \x20                      03 01                                               ..                1.2.16\n\
            \x20 57.1      31  OUT    55 53 42 43  12 34 56 78  00 00 00 00  00 00 06 1b  USBC.4Vx........  8.1.0               23:59:58.910\n\
            \x20                      00 00 00 02  00 00 00 00  00 00 00 00  00 00 00     ...............   8.1.16\n\
            \x20 58.0          CTL    80 06 00 01  00 00 12 00                            GET DESCRIPTOR    20.1.0              CLOCK\n\
            \x20 58.0      18  IN     12 01 00 02  00 00 00 40  d2 19 31 00  00 00 01 02  .......@..1.....  20.2.0              CLOCK\n\
            \x20                      03 01                                               ..                20.2.16\n";
        lesson(&rows.replace("CLOCK", clock), Format::BusHound)
    };
    let soon = at("00:00:02.100");
    assert_eq!(soon.capture.span_ns, 4_090_000_000, "over midnight");
    assert!(
        profile(&soon).starts_with("19d2:2000 TargetVendor=0x19d2 TargetProduct=0x0031"),
        "{}",
        profile(&soon)
    );
    let late = at("00:31:02.100");
    assert!(late.switches.iter().all(|s| s.target.is_none()), "{:?}", late.switches);
}

#[test]
fn sniffusb_behind_columns_and_with_old_markers_is_read() {
    let mut message = b"USBC\x12\x34\x56\x78".to_vec();
    message.extend([0, 0, 0, 0, 0, 0, 6, 0x1b, 0, 0, 0, 2, 0]);
    message.resize(31, 0);
    let plain = sniffusb(&message, false);
    let lines = |change: &dyn Fn(usize, &str) -> String| -> String {
        plain.lines().enumerate().map(|(n, line)| change(n, line) + "\r\n").collect()
    };
    let old = |line: &str| {
        let after = line.split_once("ms]").map_or(line, |(_, after)| after.trim_start());
        after
            .replace(">>>  URB", ">>>>>>> URB")
            .replace("<<<  URB", "<<<<<<< URB")
            .replace("down  >>>", "down...")
            .replace("back  <<<", "back...")
    };
    for log in [
        lines(&|n, line| format!("{n:08}\t0.{n:08}\t{line}")),
        lines(&|n, line| format!("{n:08}   12:34:{:02}   [1234] {line}", n / 10)),
        lines(&|n, line| format!("{n}\t1:02:{:02} PM\t{line}", n / 10)),
        lines(&|_, line| old(line)),
        lines(&|n, line| format!("{n:08}\t{}.{:08}\t{}", n / 10, n % 10 * 10_000_000, old(line))),
    ] {
        assert_eq!(profile(&lesson(&log, Format::SniffUsb)), "19d2:2000 StandardEject=1", "{log}");
    }
}

/// A text with its tags and times moved on, as of a recording of its own.
fn later(text: &str, by_us: u64) -> String {
    let line = |line: &str| {
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        words[1] = (words[1].parse::<u64>().unwrap() + by_us).to_string();
        words.join(" ") + "\n"
    };
    text.lines().map(line).collect()
}

#[test]
fn an_address_that_is_used_again_is_another_device() {
    let expected = "19d2:2000 TargetVendor=0x19d2 TargetProduct=0x0031 StandardEject=1";
    let whole = usbmon(1)
        + "ffff88000000000f 4100000 S Co:1:006:0 s 00 09 0001 0000 0000 0\n\
           ffff88000000000f 4100100 C Co:1:006:0 0 0\n";
    let silent: String =
        whole.lines().filter(|l| !l.contains("C Bi:1:005:1 -108")).map(|l| format!("{l}\n")).collect();
    for once in [whole, silent] {
        for again in [once.clone(), later(&once, 20_000_000)] {
            let lesson = lesson(&format!("{once}{again}"), Format::UsbmonText);
            assert_eq!(profile(&lesson), expected);
            assert_eq!((lesson.switches.len(), lesson.switches[0].times), (1, 2), "{:?}", lesson.switches);
            assert_eq!(lesson.devices.len(), 4);
        }
    }
    // A stick that is only asked again is the same one.
    let asked = usbmon(1);
    let asked = asked.lines().take(2).map(|l| format!("{l}\n")).collect::<String>() + &later(&asked, 500_000);
    let lesson = lesson(&asked, Format::UsbmonText);
    assert_eq!((profile(&lesson).as_str(), lesson.devices.len()), (expected, 2));
}

#[test]
fn texts_of_windows_are_read_as_others() {
    let expected = "19d2:2000 TargetVendor=0x19d2 TargetProduct=0x0031 StandardEject=1";
    let plain = usbmon(1);
    let wide = |unit: fn(u16) -> [u8; 2], mark: &[u8]| -> Vec<u8> {
        mark.iter().copied().chain(plain.encode_utf16().flat_map(unit)).collect()
    };
    for bytes in [
        [b"\xef\xbb\xbf", plain.as_bytes()].concat(),
        wide(u16::to_le_bytes, b"\xff\xfe"),
        wide(u16::to_be_bytes, b"\xfe\xff"),
        wide(u16::to_le_bytes, b""),
    ] {
        let mut source = &bytes[..];
        let mut capture = Capture::open(&mut source).unwrap();
        let lesson = learn(&mut capture, None, &mut Session::quiet()).unwrap();
        assert_eq!((profile(&lesson).as_str(), lesson.capture.packets), (expected, 10));
    }
}

#[test]
fn the_clock_of_usbmon_starts_again() {
    // The kernel's every 4096 seconds, that of other programs when its 32 bits are full.
    for wrap in [4_096_000_000_u64, 1 << 32] {
        let moved = later(&usbmon(1), wrap - 3_500_000);
        let line = |line: &str| {
            let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            words[1] = (words[1].parse::<u64>().unwrap() % wrap).to_string();
            words.join(" ") + "\n"
        };
        let lesson = lesson(&moved.lines().map(line).collect::<String>(), Format::UsbmonText);
        assert_eq!(
            (lesson.capture.span_ns, lesson.switches[0].candidates[0].sureness()),
            (2_999_500_000, "sure")
        );
    }
}

#[test]
fn what_not_every_system_sends_is_named() {
    let text = usbmon(1);
    let disk: String = text.lines().take(4).map(|l| format!("{l}\n")).collect();
    let line_state = "ffff880000000007 2000000 S Co:1:005:0 s 21 22 0003 0000 0000 0\n\
                      ffff880000000007 2000100 C Co:1:005:0 0 0\n";
    let told = lesson(&(disk + line_state), Format::UsbmonText).nothing.join("; ");
    assert!(told.contains("not every system sends 1 serial line settings"), "{told}");
}

#[test]
fn packets_without_their_headers_are_told() {
    let mut file =
        [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 40, 0, 0, 0, 220, 0, 0, 0].to_vec();
    file.extend([1, 0, 0, 0, 0, 0, 0, 0, 40, 0, 0, 0, 95, 0, 0, 0]);
    file.extend([0x43; 40]);
    let mut source = &file[..];
    let mut capture = Capture::open(&mut source).unwrap();
    let told = learn(&mut capture, None, &mut Session::quiet()).unwrap().nothing.join("; ");
    assert!(
        told.starts_with(
            "the packets of the capture are cut before they say what they are: capture again without"
        ),
        "{told}"
    );
}
