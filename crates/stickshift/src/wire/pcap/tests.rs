use super::*;

/// The device and how many data bytes of every packet.
fn open(bytes: &[u8]) -> Result<Vec<(u8, usize)>> {
    let mut source = bytes;
    let mut capture = Capture::open(&mut source)?;
    let mut seen = Vec::new();
    while let Some(p) = capture.next_packet()? {
        seen.push((p.device, p.data.len()));
    }
    Ok(seen)
}

fn kind(bytes: &[u8]) -> ErrorKind {
    open(bytes).unwrap_err().kind()
}

fn pcap_head(link: u32) -> Vec<u8> {
    let mut head = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
    head.extend([0; 8]);
    head.extend(0x0004_0000u32.to_le_bytes());
    head.extend(link.to_le_bytes());
    head
}

fn record(seconds: u32, captured: u32, bytes: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = [seconds, 7, captured, captured].iter().flat_map(|w| w.to_le_bytes()).collect();
    out.extend(bytes);
    out
}

#[test]
fn what_is_no_capture_is_refused() {
    assert_eq!(kind(b""), ErrorKind::WrongFileKind);
    assert_eq!(kind(b"hello\n"), ErrorKind::WrongFileKind);
    assert_eq!(kind(&[0; 100]), ErrorKind::WrongFileKind);
    assert_eq!(kind(&[0x1f, 0x8b, 8, 0, 0]), ErrorKind::WrongFileKind);
    let head = pcap_head(220);
    for length in 4..24 {
        assert_eq!(kind(&head[..length]), ErrorKind::FileTruncated, "{length}");
    }
    assert_eq!(open(&head).unwrap(), []);
}

#[test]
fn another_link_type_is_named() {
    for link in [1, 266, 288, 293] {
        let error = open(&pcap_head(link)).unwrap_err();
        assert!(error.is(ErrorKind::Unsupported));
        assert_eq!(error.fact("link-type"), Some(link.to_string().as_str()));
        let name = if link == 1 { "Ethernet" } else { "USB as" };
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn packets_that_are_cut_before_they_say_anything_are_counted() {
    let mut file = pcap_head(220);
    for original in [95u32, 40] {
        let mut packet = record(1, 40, &[0x43; 40]);
        packet[12..16].copy_from_slice(&original.to_le_bytes());
        file.extend(packet);
    }
    let mut source = file.as_slice();
    let mut capture = Capture::open(&mut source).unwrap();
    assert_eq!(capture.next_packet().unwrap(), None);
    assert_eq!((capture.facts().skipped, capture.facts().cut), (2, 1));
}

#[test]
fn impossible_lengths_end_the_reading_and_are_named() {
    let mut file = pcap_head(220);
    file.extend(record(1, 64, &[0; 64]));
    let bad = file.len() as u64;
    file.extend(record(2, u32::MAX, &[0; 64]));
    let mut source = file.as_slice();
    let mut capture = Capture::open(&mut source).unwrap();
    // Zeros are no transfer.
    assert_eq!(capture.next_packet().unwrap(), None);
    assert_eq!(capture.facts().skipped, 1);
    assert!(matches!(capture.end(), End::Broken { offset, .. } if *offset == bad), "{:?}", capture.end());
    assert_eq!(capture.next_packet().unwrap(), None);
}

#[test]
fn a_packet_longer_than_the_buffer_is_passed_over_in_the_stream() {
    let mut big = vec![0; 64];
    big[8..12].copy_from_slice(&[b'C', 3, 0x81, 9]);
    big[36..40].copy_from_slice(&(3u32 << 20).to_le_bytes());
    big.resize(3 << 20, 0xaa);
    let mut small = big[..64].to_vec();
    small[11] = 5;
    small[36..40].copy_from_slice(&0u32.to_le_bytes());
    let mut file = pcap_head(220);
    file.extend(record(1, big.len() as u32, &big));
    file.extend(record(2, 64, &small));
    let seen = open(&file).unwrap();
    assert_eq!(seen.len(), 2);
    assert_eq!((seen[0].0, seen[1].0), (9, 5));
    assert!(seen[0].1 < 100_000, "only its beginning is looked at");
    // Cut inside the long one: it is shown, and then the end is known.
    let mut source = &file[..1 << 20];
    let mut capture = Capture::open(&mut source).unwrap();
    assert!(capture.next_packet().unwrap().is_some());
    assert_eq!(capture.next_packet().unwrap(), None);
    assert_eq!(*capture.end(), End::Cut { offset: 24 });
}

#[test]
fn a_line_of_text_is_read_whatever_it_says() {
    let text = "cut off at the start 5\n\
        ffff8800 1000 S Ci:1:002:0 s 80 06 0100 0000 0012 18 <\n\
        ffff8800 1500 C Ci:1:002:0 0 18 = 12010002 00000040 d1122615 02010201 0001\n\
        ffff8801 2000 S Bo:2:003:1 -115 31 = 55534243 12345678 00000000 00000011 06200000 01010001 00000000 000000\n\
        ffff8801 2100 C Bo:2:003:1 -71 0\n\
        ffff8802 2200 S Zi:1:004:1 -115:1:0 2 -18:0:100 -18:100:100 200 <\n\
        ffff8803 2300 C Ii:005:01 -108:8 0\n\
        ffff8804 2400 S Co:1:002:0 - __ __ ____ ____ ____ 0\n\
        \n\
        ffff8805 9 C Bi:1:002:1 0 4 = 0102030";
    let mut source = text.as_bytes();
    let mut capture = Capture::open(&mut source).unwrap();
    assert_eq!(capture.format(), Format::UsbmonText);
    let mut seen = Vec::new();
    while let Some(p) = capture.next_packet().unwrap() {
        seen.push((p.number, p.bus, p.device, p.endpoint, p.status, p.data.len(), p.time_ns));
    }
    assert_eq!(
        seen,
        [
            (2, 1, 2, 0x80, Status::Pending, 0, 1_000_000),
            (3, 1, 2, 0x80, Status::Ok, 18, 1_500_000),
            (4, 2, 3, 0x01, Status::Pending, 31, 2_000_000),
            (5, 2, 3, 0x01, Status::NoAnswer, 0, 2_100_000),
            (6, 1, 4, 0x81, Status::Pending, 0, 2_200_000),
            (7, 1, 5, 0x81, Status::Gone, 0, 2_300_000),
            (8, 1, 2, 0x00, Status::Pending, 0, 2_400_000),
            (10, 1, 2, 0x81, Status::Ok, 3, 9_000),
        ]
    );
    assert_eq!(capture.facts().skipped, 1);
    assert_eq!(*capture.end(), End::Whole);
}

#[test]
fn usbpcap_headers_that_lie_are_passed_over() {
    let mut head = vec![28, 0];
    head.extend([0; 20]);
    head.extend([2, 8, 0, 0, 0, 0]);
    head[19] = 3;
    head.extend([0x80, 6, 0, 1, 0, 0, 18, 0]);
    let parse =
        |bytes: &[u8]| super::usbpcap::parse(bytes, 1, 0).map(|p| (p.device, p.setup.is_some(), p.length));
    assert_eq!(parse(&head), Some((3, true, 18)));
    for length in 0..head.len() {
        assert_eq!(parse(&head[..length]), None, "{length}");
    }
    for (at, value) in [(0, 26), (0, 255), (1, 1), (20, 1)] {
        let mut bad = head.clone();
        bad[at] = value;
        assert_eq!(parse(&bad), None, "{at}");
    }
}

#[test]
fn a_gzip_bomb_stops_at_its_allowance() {
    use std::io::Write as _;
    let pack = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let mut head = 0xa1b2_c3d4u32.to_le_bytes().to_vec();
    head.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 220, 0, 0, 0]);
    // One member again and again: empty packets without end.
    let mut bomb = pack(&head);
    let member = pack(&[0; 1 << 20]);
    for _ in 0..200 {
        bomb.extend(&member);
    }
    let mut source = bomb.as_slice();
    let mut capture = Capture::open(&mut source).unwrap();
    let error = capture.next_packet().unwrap_err();
    assert!(error.is(crate::error::ErrorKind::FileTooLarge), "{error:?}");
    assert!(capture.offset() < 120 << 20, "{}", capture.offset());
}

#[test]
fn a_text_about_captures_is_none() {
    for text in [
        "# stickshift\n| `learn` | captures of usbmon, SniffUSB and Bus Hound |\n| Device | Phase | Data |\n|---|---|---|\n",
        "Notes\n\nA line of usbmon looks like this:\n\nIt has a tag.\n\n    ffff8800 1000 S Ci:1:002:0 s 80 06 0100 0000 0012 18 <\n",
        "SniffUSB writes `[3 ms]  >>>  URB 1 going down  >>>` and -- URB_FUNCTION_VENDOR_DEVICE lines. UsbSnoop - is its name.\n",
        "Use Bus Hound's capture window: Device, Phase and Data must be shown.\n",
        "22.1 pages IN total\n3.5 OUT of 10\n",
    ] {
        assert_eq!(kind(text.as_bytes()), ErrorKind::WrongFileKind, "{text}");
    }
}
