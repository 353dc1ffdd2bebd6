//! The two formats of TP-Link.

use super::*;

#[test]
fn what_tp_links_formats_lose() {
    // The 35 entries: 33 that leave a stick alone, Qisda's request with data, Blackberry's two requests.
    let both = [
        ("CheckSuccess", 1),
        ("PantechMode", 1),
        ("StandardEject", 185),
        ("Target", 449),
        ("WaitBefore", 6),
        ("default", 1),
        ("entry", 35),
        ("name", 83),
        ("qualifiers", 21),
        ("source", 496),
    ];
    assert_eq!(round_trip(Format::TplinkBin), counts(&both));
    let table: Vec<(&str, usize)> = both
        .into_iter()
        .filter(|(name, _)| !matches!(*name, "Target" | "CheckSuccess"))
        .map(|(name, count)| (name, if name == "name" { 496 } else { count }))
        .collect();
    assert_eq!(round_trip(Format::TplinkTable), counts(&table));
}

#[test]
fn the_sample_opens_and_closes_to_the_same_bytes() {
    let text = tplink::open_bin(SAMPLE).unwrap();
    let records = tplink::parse_records(&text).unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].vendor.as_str(), records[0].model.as_str()), ("Huawei", "K3772"));
    assert_eq!(records[0].options, "-M 55534243123456780000000000000011062000000101000100000000000000");
    assert_eq!(tplink::seal_bin(&text).unwrap(), SAMPLE);
    assert_eq!(tplink::seal_bin(&tplink::emit_records(&records)).unwrap(), SAMPLE);

    let found = import(SAMPLE, "x.bin").unwrap();
    assert_eq!(found.format, Format::TplinkBin);
    assert_eq!(found.entries[0].key.to_string(), "12d1:1526");
    assert!(found.entries[0].parameters.has(Method::HuaweiNew));
}

fn bin_with(options: &str) -> Vec<u8> {
    let record = tplink::Record {
        vendor: "Huawei".to_owned(),
        model: "K3772".to_owned(),
        id: Some("12d1:1526".parse().unwrap()),
        options: options.to_owned(),
    };
    tplink::seal_bin(&tplink::emit_records(&[record])).unwrap()
}

#[test]
fn what_a_shell_would_run_is_an_attack() {
    let attacks = [
        "-H\" ; telnetd -l /bin/sh \"",
        "-H & reboot",
        "-M `id`",
        "-H $(x)",
        "-H | sh",
        "-H > /tmp/x",
        "-H \\",
    ];
    for attack in attacks {
        let found = import(&bin_with(attack), "").unwrap();
        assert_eq!(found.entries, [], "{attack}");
        assert!(found.refused[0].why.starts_with("an attack"), "{:?}", found.refused);
        assert_eq!(found.refused[0].text, attack);
    }
    // Nonsense is refused too, and is no attack.
    for nonsense in ["-J", "-M", "-M 555", "hello", "-", "-X c0ff"] {
        let found = import(&bin_with(nonsense), "").unwrap();
        assert!(!found.refused[0].why.contains("attack"), "{nonsense}: {:?}", found.refused);
    }
}

#[test]
fn what_we_write_holds_no_shell_characters() {
    for entry in entries() {
        if let (Some(options), _) = tplink_options::emit(&entry) {
            assert!(
                options.bytes().all(|b| b.is_ascii_alphanumeric() || b" -".contains(&b)),
                "{}: {options}",
                entry.key
            );
        }
    }
    let mut hostile = entries().remove(0);
    hostile.name = "Ra$(pid) `index` model\r\nmsg=-H".to_owned();
    let exported = export(&[hostile], Format::TplinkBin).unwrap();
    let records = tplink::parse_records(&tplink::open_bin(&exported.bytes).unwrap()).unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].vendor, "Ra");
    assert_eq!(records[0].model, "p-id i-ndex m-odel m-sg -H");
}

#[test]
fn four_entries_fit_and_names_of_any_kind_do() {
    let four: Vec<Entry> = ["12d1:1526", "12d1:1f01", "19d2:1007", "12d1:1446"]
        .iter()
        .map(|id| builtin::lookup(id.parse().unwrap()).next().unwrap())
        .collect();
    let exported = export(&four, Format::TplinkBin).unwrap();
    assert!(exported.bytes.len() <= tplink::MAX_BIN);
    let back = import(&exported.bytes, "").unwrap();
    let keys: Vec<String> = back.entries.iter().map(|e| e.key.to_string()).collect();
    assert_eq!(keys, ["12d1:1526", "12d1:1f01", "19d2:1007", "12d1:1446"]);
}

#[test]
fn openssl_opens_what_we_write() {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let exported =
        export(&[builtin::lookup("12d1:1526".parse().unwrap()).next().unwrap()], Format::TplinkBin).unwrap();
    let openssl = Command::new("openssl")
        .args([
            "enc",
            "-d",
            "-des-ecb",
            "-nopad",
            "-K",
            "478DA50BF9E3D2CF",
            "-provider",
            "legacy",
            "-provider",
            "default",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut openssl) = openssl else {
        test_support::skip("openssl is not installed");
        return;
    };
    openssl.stdin.take().unwrap().write_all(&exported.bytes).unwrap();
    let out = openssl.wait_with_output().unwrap();
    if !out.status.success() {
        test_support::skip("this openssl has no DES");
        return;
    }
    assert!(out.stdout[16..].starts_with(b"[TP-3G]\r\ncount=1\r\nindex=1\r\n"));
}

#[test]
fn tp_links_table_gives_modes_messages_and_requests() {
    let text = "[start_12d1_1446_1]\nMessageContent=\"-H\"\n[end_12d1_1446_1]\n\
                [start_12d1_1446_2]\nTargetClass=0xff\nMessageContent=\"1b5a01\"\n[end_12d1_1446_2]\n\
                [start_0408_f000_1]\nCtrlmsgContent=\"c0ff000000000000\"\n[end_0408_f000_1]\n\
                [start_0408_f001_1]\nMessageContent=\"-H;reboot\"\n[end_0408_f001_1]\n[start_1]\n";
    let found = import(text.as_bytes(), "").unwrap();
    assert_eq!(found.format, Format::TplinkTable);
    let said: Vec<String> =
        found.entries.iter().map(|e| format!("{} {}", e.key, e.parameters.summary())).collect();
    assert_eq!(said, ["12d1:1446 HuaweiMode", "12d1:1446 message", "0408:f000 QuantaMode"]);
    assert_eq!(found.refused.len(), 1);
    assert_eq!(found.warnings.len(), 1);
}

#[test]
fn two_entries_of_one_name_in_a_tp_link_file_are_named() {
    let record = |id: &str, options: &str| tplink::Record {
        vendor: "Some".to_owned(),
        model: "Stick".to_owned(),
        id: Some(id.parse().unwrap()),
        options: options.to_owned(),
    };
    let warnings = |records: &[tplink::Record]| {
        let bytes = tplink::seal_bin(&tplink::emit_records(records)).unwrap();
        tplink::parse_bin(&bytes).unwrap().warnings
    };
    let clash = warnings(&[record("12d1:1001", "-H"), record("12d1:1002", "-H")]);
    assert!(clash.len() == 1 && clash[0].what.starts_with("12d1:1002: "), "{clash:?}");
    assert_eq!(warnings(&[record("12d1:1001", "-H"), record("12d1:1001", "-H")]), []);
}

#[test]
fn a_file_of_more_than_four_says_what_to_do() {
    let text: String = (1..=6)
        .map(|n| format!("index={n}\r\nvendor=A\r\nmodel=B{n}\r\nvid=12d1\r\npid=100{n}\r\nmsg=-H\r\n"))
        .collect();
    let bytes = tplink::seal_bin(&format!("[TP-3G]\r\n{text}")).unwrap();
    let error = import(&bytes, "six.bin").unwrap_err();
    assert!(error.next_step().is_some_and(|next| next.contains("profile convert")), "{error:?}");
}

#[test]
fn the_router_sends_the_numbers_that_are_meant() {
    // It counts the high byte of a number 255 times.
    for (number, written) in [(0x00ff_u16, "ff00"), (0x0100, "0101"), (0x1234, "4612"), (0xff00, "ffff")] {
        let [low, high] = number.to_le_bytes();
        let entry = with_request([0x40, 0x55, low, high, low, high, 0, 0]);
        let (options, _) = tplink_options::emit(&entry);
        assert_eq!(options.as_deref(), Some(format!("-X 4055{written}{written}0000").as_str()));
        let back = import(&bin_with(&options.unwrap()), "").unwrap();
        assert_eq!(back.entries[0].parameters.control_message, entry.parameters.control_message);
    }
    let (options, losses) = tplink_options::emit(&with_request([0x40, 0x55, 1, 0xff, 0, 0, 0, 0]));
    assert!(options.is_none() && losses.iter().any(|l| l.what == "entry"));
}

/// TP-Link's usb_modeswitch 1.1.9 has options for some times, lines for others, and nothing for what its wrapper or later versions do.
#[test]
fn what_usb_modeswitch_1_1_9_has_is_carried_and_the_rest_has_its_reason() {
    let text = "DefaultVendor=0x1a8d\nDefaultProduct=0x1000\nStandardEject=1\nReleaseDelay=4000\nWaitBefore=2\nCheckSuccess=40\n\
        NoMBIMCheck=1\nNoDriverLoading=1\n";
    let entry = import(text.as_bytes(), "").unwrap().entries.remove(0);
    let sent = |format| {
        let exported = export(std::slice::from_ref(&entry), format).unwrap();
        let found = import(&exported.bytes, "").unwrap().entries.remove(0).parameters;
        let why = |what: &str| exported.losses.iter().find(|l| l.what == what).map(|l| l.why.clone());
        let whys = ["ReleaseDelay", "WaitBefore", "CheckSuccess", "NoMBIMCheck", "NoDriverLoading"].map(why);
        (found, whys.map(Option::unwrap_or_default))
    };
    let (found, [release, wait, check, mbim, loading]) = sent(Format::TplinkBin);
    assert_eq!((found.release_delay_ms, release.as_str()), (Some(4000), ""));
    assert!(tplink_options::emit(&entry).0.unwrap().ends_with(" -w 4000"));
    for (why, word) in
        [(wait, "wrapper"), (check, "eight seconds"), (mbim, "never looks"), (loading, "configuration")]
    {
        assert!(why.contains(word), "{why}");
    }
    let (found, [release, wait, check, mbim, loading]) = sent(Format::TplinkTable);
    assert_eq!(
        (found.release_delay_ms, found.check_success_s, found.no_driver_loading),
        (Some(4000), Some(40), Some(true))
    );
    assert_eq!([release, check, loading], ["", "", ""]);
    assert!(wait.contains("wrapper") && mbim.contains("never looks"), "{wait} {mbim}");
}

#[test]
fn options_that_name_another_stick_are_told() {
    let found = import(&bin_with("-v 19d2 -p 2000 -H"), "").unwrap();
    assert!(found.warnings[0].what.contains("its options name 19d2:2000"), "{:?}", found.warnings);
    assert_eq!(import(&bin_with("-v 0x12d1 -p1526 -H"), "").unwrap().warnings, []);
}

#[test]
fn what_a_tp_link_file_adds_or_leaves_open_is_a_note() {
    let read = |settings: &str| {
        let text = format!("DefaultVendor=0x12d1\nDefaultProduct=0x1446\n{settings}\n");
        import(text.as_bytes(), "").unwrap().entries.remove(0)
    };
    let two = [read("HuaweiNewMode=1"), read("HuaweiAltMode=1")];
    for format in [Format::TplinkBin, Format::TplinkTable] {
        let notes = |entries: &[Entry]| export(entries, format).unwrap().notes.join("\n");
        assert!(notes(&two).contains("profiles are for 12d1:1446"), "{}", notes(&two));
        assert!(!notes(&two[..1]).contains("profiles are for"), "{}", notes(&two[..1]));
    }
    let file = export(&[Entry { name: String::new(), ..two[0].clone() }], Format::TplinkBin).unwrap();
    assert!(file.losses.iter().all(|l| l.what != "name"), "{:?}", file.losses);
    assert!(file.notes.iter().any(|n| n.contains("\"USB modem\" stands for it")), "{:?}", file.notes);

    let message =
        |number: u8| format!("55534243123456780000000000000011062000000101000{number}00000000000000");
    let eject =
        format!("StandardEject=1\nMessageContent=\"{}\"\nMessageContent2=\"{}\"", message(1), message(2));
    let losses = export(&[read(&eject)], Format::TplinkBin).unwrap().losses;
    assert!(losses.iter().any(|l| l.what == "message" && l.why.starts_with("eject takes two")), "{losses:?}");
}

#[test]
fn a_damaged_file_of_tp_link_is_named_as_one_with_what_is_wrong() {
    let flipped = |at: usize| {
        let mut bytes = SAMPLE.to_vec();
        bytes[at] ^= 1;
        bytes
    };
    let with = |more: &[u8]| [SAMPLE, more].concat();
    for (bytes, wanted) in [
        (SAMPLE[..SAMPLE.len() - 3].to_vec(), "it is cut"),
        (SAMPLE[..SAMPLE.len() - 8].to_vec(), "the checksum inside it is wrong"),
        (flipped(0), "the checksum inside it is wrong"),
        (flipped(17), "the checksum inside it is wrong"),
        (flipped(SAMPLE.len() - 1), "the checksum inside it is wrong"),
        (with(b"abc"), "it has 3 bytes behind its end"),
        (with(&[7; 16]), "it has 16 bytes behind its end"),
        (with(&[7; 4096]), "it has 4096 bytes behind its end"),
    ] {
        let error = import(&bytes, "x.bin").unwrap_err();
        assert!(error.is(ErrorKind::FileCorrupt), "{error}");
        assert!(error.what().starts_with(&format!("TP-Link 3G modem bin file: {wanted}")), "{error}");
    }
    for other in [&b""[..], b"1234567", &[7; 64], &[0; 4096]] {
        assert!(import(other, "x.bin").unwrap_err().is(ErrorKind::WrongFileKind));
    }
    let entry = import(b"MessageContent=\"5553\"\n", "12d1:1f01").unwrap().entries.remove(0);
    let table = export(&[entry], Format::TplinkTable).unwrap().bytes;
    let is_cut = |bytes: &[u8]| {
        let found = import(bytes, "x.bin").unwrap();
        assert_eq!(found.format, Format::TplinkTable);
        found.warnings.iter().any(|warning| warning.what.starts_with("the file is cut"))
    };
    assert!(is_cut(&table[..table.len() - 3]) && !is_cut(&table));
}

#[test]
fn what_tp_links_formats_add_is_a_note_and_no_loss() {
    let entry = |text: &str| import(text.as_bytes(), "12d1:1f01").unwrap().entries.remove(0);
    let two = "MessageContent=\"5553\"\nMessageContent2=\"5554\"\n";
    for format in [Format::TplinkBin, Format::TplinkTable] {
        let notes = |text: &str| {
            let exported = export(&[entry(text)], format).unwrap();
            assert!(exported.losses.iter().all(|loss| loss.what != "NeedResponse"), "{:?}", exported.losses);
            exported.notes.iter().filter(|note| note.starts_with("NeedResponse is added (12d1:1f01)")).count()
        };
        assert_eq!(
            (notes(two), notes(&format!("{two}NeedResponse=1\n")), notes("MessageContent=\"5553\"\n")),
            (1, 0, 0)
        );
    }
}
