mod tp_link;

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::exchange::lost_keys;
use super::*;
use crate::profile::{Method, Parameters, builtin};

const SAMPLE: &[u8] = include_bytes!("../../../../../tests/fixtures/tplink-k3772.bin");

fn entries() -> Vec<Entry> {
    builtin::all().collect()
}

/// What must be the same after a round trip through a format that names its losses: without the lost parameters, and with
/// one way of saying the same thing.
fn comparable(entry: &Entry, lost: &BTreeSet<&str>) -> (Key, Parameters) {
    let mut key = entry.key.clone();
    let mut p = entry.parameters.clone().with_named_methods();
    if let [one] = p.target_products[..] {
        p.target_product = Some(one);
        p.target_products.clear();
    }
    for what in lost {
        match *what {
            "name" | "source" | "StandardEject" => {}
            "qualifiers" => key.qualifiers.clear(),
            "parameters" => p = Parameters::default(),
            "method" => p.methods_off.clear(),
            "default" => {
                p.methods_off.clear();
                p.need_response = p.need_response.filter(|on| *on);
                p.interface = p.interface.filter(|n| *n > 0);
            }
            "TargetClass" => p.target_class = None,
            "Target" => {
                (p.target_vendor, p.target_product, p.target_class) = (None, None, None);
                p.target_products.clear();
            }
            "WaitBefore" => p.wait_before_s = None,
            "ReleaseDelay" => p.release_delay_ms = None,
            "CheckSuccess" => p.check_success_s = None,
            "NeedResponse" => p.need_response = Some(true),
            "PantechMode" => {
                p.pantech = None;
                p.turn_on(Method::DetachStorageOnly);
            }
            other => panic!("{}: {other} is lost, and this test does not know what that is", entry.key),
        }
    }
    (key, p)
}

/// Sends every entry through a format, alone; returns the names of what was lost, with how often.
fn round_trip(format: Format) -> Vec<(String, usize)> {
    let mut lost_all: Vec<String> = Vec::new();
    for entry in entries() {
        let exported = match export(std::slice::from_ref(&entry), format) {
            Ok(exported) => exported,
            Err(error) if error.is(ErrorKind::Usage) => {
                lost_all.push("entry".to_owned());
                continue;
            }
            Err(error) => panic!("{}: {error:?}", entry.key),
        };
        let mut entry = entry;
        let lists_eject =
            format == Format::Openwrt && exported.losses.iter().any(|l| l.what == "StandardEject");
        if lists_eject || exported.notes.iter().any(|note| note.starts_with("NeedResponse is added")) {
            entry.parameters.need_response = Some(true);
        }
        let lost: BTreeSet<&str> = exported.losses.iter().map(|l| l.what.as_str()).collect();
        lost_all.extend(lost.iter().map(|l| (*l).to_owned()));
        if lost.contains("entry") {
            continue;
        }
        assert_eq!(recognise(&exported.bytes), Some(format), "{}", entry.key);
        let name = exported.file_name.unwrap_or_default();
        let back = import(&exported.bytes, &name).unwrap_or_else(|e| panic!("{}: {e:?}", entry.key));
        assert_eq!(back.refused, [], "{}", entry.key);
        let [found] = &back.entries[..] else { panic!("{}: {back:?}", entry.key) };
        assert_eq!(comparable(found, &BTreeSet::new()), comparable(&entry, &lost), "{}", entry.key);
        if !lost.contains("name") {
            assert_eq!(found.name, entry.name);
        }
        if !lost.contains("source") && format != Format::Udev {
            assert_eq!(found.source, entry.source);
        }
    }
    let names: BTreeSet<String> = lost_all.iter().cloned().collect();
    names.into_iter().map(|name| (name.clone(), lost_all.iter().filter(|l| **l == name).count())).collect()
}

fn counts(lost: &[(&str, usize)]) -> Vec<(String, usize)> {
    lost.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[test]
fn what_udev_fills_in_is_passed_over() {
    let of_all =
        r#"ATTR{idVendor}=="12d1", RUN+="usb_modeswitch -v 0x%s{idVendor} -p 0x$attr{idProduct} -H""#;
    let of_one = r#"ATTR{idVendor}=="12d1", ATTR{idProduct}=="1f01", RUN+="usb_modeswitch -v 0x%s{idVendor} -p 0x%s{idProduct} -H""#;
    let found = udev::parse(&format!("{of_all}\n{of_one}\n"));
    assert!(found.refused.is_empty() && found.warnings.len() >= 2, "{found:?}");
    let ids: Vec<String> = found.entries.iter().map(|entry| entry.key.to_string()).collect();
    assert_eq!(ids, ["12d1:1f01"]);
    assert!(found.entries[0].parameters.does_something());
}

#[test]
fn what_each_format_loses_of_every_entry() {
    assert_eq!(round_trip(Format::UsbModeswitch), []);
    assert_eq!(round_trip(Format::Pack), []);
    assert_eq!(round_trip(Format::Native), []);
    let all = entries().len();
    let with_class = entries().iter().filter(|e| e.parameters.target_class.is_some()).count();
    // usbmode has no entry for what is left alone.
    let alone = entries().iter().filter(|e| e.parameters.is_leave_alone()).count();
    assert_eq!(
        round_trip(Format::Openwrt),
        counts(&[
            ("StandardEject", 8),
            ("TargetClass", with_class),
            ("entry", alone),
            ("name", all - alone),
            ("source", all - alone)
        ])
    );
    assert_eq!(round_trip(Format::Udev), counts(&[("parameters", all), ("qualifiers", 21)]));
}

#[test]
fn everything_at_once() {
    let all = entries();
    for format in [Format::Pack, Format::Openwrt, Format::Native] {
        let exported = export(&all, format).unwrap();
        let back = import(&exported.bytes, "").unwrap();
        let alone = all.iter().filter(|e| e.parameters.is_leave_alone()).count();
        let left_out = if format == Format::Openwrt { alone } else { 0 };
        let wanted = (all.len() - left_out, 0);
        assert_eq!((back.entries.len(), back.warnings.len()), wanted, "{}", format.code());
    }
    assert!(export(&all, Format::UsbModeswitch).unwrap_err().is(ErrorKind::Usage));
    assert!(export(&all, Format::TplinkBin).unwrap_err().is(ErrorKind::Usage));
}

#[test]
fn usbmodes_quirks_are_named() {
    let crowd: Vec<Entry> =
        entries().into_iter().filter(|e| e.key.to_string().starts_with("05c6:1000")).collect();
    let notes = export(&crowd, Format::Openwrt).unwrap().notes;
    assert!(notes[0].starts_with("05c6:1000: usbmode never looks at conditions"), "{notes:?}");
    let e169 = builtin::lookup("12d1:1001".parse().unwrap()).next().unwrap();
    let exported = export(&[e169], Format::Openwrt).unwrap();
    assert!(!String::from_utf8(exported.bytes).unwrap().contains("t_class"));
    assert!(exported.losses.iter().any(|l| l.what == "TargetClass" && l.why.contains("t_class")));
    let k3772 = builtin::lookup("12d1:1526".parse().unwrap()).next().unwrap();
    assert_eq!(export(&[k3772], Format::Openwrt).unwrap().notes, [""; 0]);
}

/// A mode of usbmode sends its own bytes alone; without one it sends the list.
#[test]
fn usbmode_gets_no_message_beside_a_mode() {
    let sent = |settings: &str| {
        let text = format!("DefaultVendor=0x12d1\nDefaultProduct=0xfff0\n{settings}\n");
        let entry = import(text.as_bytes(), "").unwrap().entries.remove(0);
        let exported = export(&[entry], Format::Openwrt).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&exported.bytes).unwrap();
        let found = import(&exported.bytes, "").unwrap().entries.remove(0).parameters.summary();
        let lost: Vec<String> = exported.losses.into_iter().map(|l| l.what).collect();
        (json["messages"].clone(), json["devices"]["12d1:fff0"]["*"].clone(), found, lost)
    };
    let [first, second, ..] = Method::StandardEject.commands() else { panic!() };
    let [first, second] = [first, second].map(|command| crate::hex::encode(command));
    let (messages, device, found, lost) = sent("StandardEject=1\nMessageContent=\"5553\"");
    assert_eq!(messages, serde_json::json!([first, second, "5553"]));
    assert_eq!(device, serde_json::json!({"msg": [0, 1, 2], "response": true}));
    assert_eq!((found.as_str(), lost), ("StandardEject, message", vec!["StandardEject".to_owned()]));
    let (messages, ..) = sent("StandardEject=1\nMessageContent=\"5553\"\nMessageContent2=\"5554\"");
    assert_eq!(messages, serde_json::json!([first, second, "5553", "5554"]));
    let (messages, device, _, lost) = sent("StandardEject=1");
    assert_eq!((messages, device), (serde_json::json!([]), serde_json::json!({"mode": "StandardEject"})));
    assert!(lost.is_empty(), "{lost:?}");
    let (messages, device, _, lost) = sent("HuaweiMode=1\nMessageContent=\"5553\"");
    assert_eq!((messages, device), (serde_json::json!([]), serde_json::json!({"mode": "Huawei"})));
    assert!(lost.iter().any(|what| what == "message"), "{lost:?}");
}

#[test]
fn openwrts_own_shape_is_read() {
    let text = r#"{"messages":["1b5a01"],"devices":{"05c6:1000":{"*":{"t_vendor":2800,"t_product":[26881],"mode":"Option"},
        ":uMa=Co.,Ltd":{"mode":"MBIM","config":0},":sVe=GT":{"msg":[0],"response":1,"what":5,"t_class":300}},
        "10a9:6080":{"*":{"mode":"Pantech","modeval":2}}}}"#;
    let found = import(text.as_bytes(), "").unwrap();
    let said: Vec<String> =
        found.entries.iter().map(|e| format!("{} {}", e.key, e.parameters.summary())).collect();
    assert_eq!(
        said,
        [
            "05c6:1000 OptionMode",
            "05c6:1000:sVe=GT message",
            "05c6:1000:uMa=Co.,Ltd MBIM configuration",
            "10a9:6080 PantechMode 2"
        ]
    );
    assert_eq!(found.warnings.len(), 2);
    for bad in [
        "{\"devices\"",
        "{\"devices\":{\"x\":{}}}",
        "{\"devices\":[]}",
        "{\"messages\":[\"5\"],\"devices\":{}}",
    ] {
        assert!(import(bad.as_bytes(), "").unwrap_err().is(ErrorKind::FileCorrupt), "{bad}");
    }
}

#[test]
fn the_rules_of_udev_name_ids() {
    let text = "# Name\nATTR{idVendor}==\"12d1\", ATTR{idProduct}==\"1f01\", RUN+=\"usb_modeswitch '/%k'\"\n\
                ATTRS{idVendor}==\"12d1\", ATTRS{manufacturer}!=\"Android\", RUN+=\"x\"\n";
    let found = import(text.as_bytes(), "").unwrap();
    assert_eq!(
        (found.entries[0].key.to_string(), found.entries[0].name.as_str()),
        ("12d1:1f01".to_owned(), "Name")
    );
    assert_eq!((found.entries.len(), found.warnings[0].line), (1, 3));
}

#[test]
fn what_package_managers_and_editors_left_in_an_archive_is_passed_over() {
    let text = b"MessageContent=\"5553\"\n";
    let mut tar = Vec::new();
    for name in ["x/1c9e:f000.dpkg-old", "1c9e:f000.rpmsave", "1c9e:f000~", "1c9e:f000-opkg", "12d1:1f01"] {
        tar.extend(pack::header(name, text.len()));
        tar.extend(text);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    let found = import(&tar, "x.tar").unwrap();
    assert_eq!((found.entries.len(), found.warnings.len()), (1, 0), "{:?}", found.warnings);
    assert_eq!(found.entries[0].key.to_string(), "12d1:1f01");
}

#[test]
fn a_bomb_is_not_unpacked() {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..20 {
        gzip.write_all(&[0; 1 << 20]).unwrap();
    }
    let bomb = gzip.finish().unwrap();
    assert!(import(&bomb, "").unwrap_err().is(ErrorKind::FileTooLarge));
}

/// One small file of each format.
fn samples() -> Vec<Vec<u8>> {
    let one = builtin::lookup("05c6:f000".parse().unwrap()).next().unwrap();
    let written = Format::ALL.iter().filter_map(|format| export(std::slice::from_ref(&one), *format).ok());
    let line = b"usb_modeswitch -v 05c6 -p f000 -M 5553 -V 05c6 -P 9000".to_vec();
    written.map(|exported| exported.bytes).chain([line]).collect()
}

#[test]
fn every_cut_of_every_format_is_read_or_refused() {
    for sample in samples() {
        for length in 0..sample.len() {
            let _ = import(&sample[..length], "05c6:f000");
        }
    }
}

proptest! {
    #[test]
    fn changed_bytes_are_read_or_refused(which in 0..8_usize, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = samples().swap_remove(which);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = import(&bytes, "05c6:f000");
    }

    #[test]
    fn any_text_inside_a_bin_is_read_or_refused(text in "(index|vendor|model|vid|pid|msg|=|\r\n|[a-z0-9 ]|\\[TP-3G\\]){0,60}") {
        let _ = tplink::parse_records(&text);
    }

    #[test]
    fn any_options_are_read_or_refused(text in "[-A-Za-z0-9 ;]{0,80}") {
        let _ = tplink_options::parse(&text);
    }
}

fn an_entry(parameters: Parameters) -> Entry {
    let (name, source) = ("a stick".to_owned(), "a test".to_owned());
    Entry { key: "12d1:1f01".parse().unwrap(), name, parameters, source }
}

proptest! {
    #[test]
    fn our_own_format_keeps_every_parameter(mut p: Parameters) {
        // What is both on and off is on.
        p.methods_off.retain(|method| !p.methods.contains(method));
        let entry = an_entry(p);
        let exported = native::emit(std::slice::from_ref(&entry));
        prop_assert_eq!(exported.losses, []);
        let text = String::from_utf8(exported.bytes).unwrap();
        prop_assert_eq!(native::parse(&text).unwrap().entries, [entry], "{}", text);
    }

    #[test]
    fn the_catalogues_encoding_keeps_every_parameter(p: Parameters) {
        let encoded = postcard::to_allocvec(&p).unwrap();
        prop_assert_eq!(postcard::from_bytes::<Parameters>(&encoded).unwrap(), p);
    }

    /// Whatever the parameters: what a foreign format does not give back, it has named as lost.
    #[test]
    fn a_foreign_format_keeps_a_parameter_or_says_that_it_is_lost(p: Parameters) {
        // A list of one product and one product say the same.
        let one_product = |mut p: Parameters| {
            if let [one] = p.target_products[..] {
                p.target_product = Some(one);
                p.target_products.clear();
            }
            p.with_named_methods()
        };
        let entry = an_entry(p);
        for format in [Format::UsbModeswitch, Format::Openwrt, Format::TplinkBin] {
            let Ok(exported) = export(std::slice::from_ref(&entry), format) else { continue };
            if exported.losses.iter().any(|l| l.what == "entry") {
                continue;
            }
            let back = import(&exported.bytes, "12d1:1f01").unwrap();
            let [found] = &back.entries[..] else { panic!("{back:?}") };
            let kept = lost_keys(&one_product(entry.parameters.clone()), &one_product(found.parameters.clone()));
            let named = exported.losses.iter().filter(|l| l.what != "name" && l.what != "source").count();
            // TP-Link's losses are told in groups.
            let wanted = if format == Format::TplinkBin { kept.len().min(1) } else { kept.len() };
            prop_assert!(named >= wanted, "{}: {kept:?}", format.code());
        }
    }
}

#[test]
fn the_second_and_third_message_may_have_keys_of_their_own() {
    let text = "[[device]]\nid = '12d1:1f01'\nmessage = '01'\nmessage2 = '02'\nmessage3 = '03'\n";
    let found = native::parse(text).unwrap().entries;
    assert_eq!(found[0].parameters.messages, [vec![1], vec![2], vec![3]]);
}

#[test]
fn our_own_format_names_the_key_that_it_cannot_take() {
    for (line, key) in [
        ("configuration = 300", "configuration"),
        ("method = 'Huawei'", "method"),
        ("method = ['HuaweiMode', 3]", "method"),
        ("message = ['01', '02', '03', '04']", "message"),
        ("message = '012'", "message"),
        ("control-message = '0102'", "control-message"),
        ("wait-before-s = 3600001", "wait-before-s"),
        ("mbim = 1", "mbim"),
        ("colour = 'red'", "colour"),
        ("name = 5", "name"),
        ("match = { uMa = 5 }", "match"),
        ("match = { xYz = 'a' }", "match"),
    ] {
        let error =
            native::parse(&format!("[[device]]\nid = '12d1:1f01'\ninterface = 1\n{line}\n")).unwrap_err();
        assert!(error.is(ErrorKind::FileCorrupt), "{line}");
        assert_eq!((error.fact("key"), error.fact("entry")), (Some(key), Some("1")), "{line}");
    }
}

#[test]
fn a_pasted_command_names_the_ids() {
    let body = "DefaultVendor=0x12d1\nTargetVendor=0x12d1\nTargetProduct=0x14dc\nHuaweiNewMode=1\n";
    for (command, end) in [
        ("cat > /etc/usb_modeswitch.d/12d1:1f01 <<EOF\n", "EOF\n"),
        ("$ sudo tee /etc/usb_modeswitch.d/12d1\\:1f01 <<'_END_' >/dev/null\n", "_END_\n"),
        ("cat <<-\"EOF\" > \"/etc/usb_modeswitch.d/12d1:1f01\"\n", "\tEOF\n"),
        ("sudo nano /etc/usb_modeswitch.d/12d1:1f01\n", ""),
    ] {
        let text = format!("{command}{body}{end}");
        let import = super::import(text.as_bytes(), "pasted.txt").unwrap();
        assert_eq!(import.entries.len(), 1, "{text}");
        assert_eq!(import.entries[0].key.to_string(), "12d1:1f01", "{text}");
        assert!(import.entries[0].parameters.has(Method::HuaweiNew));
        assert!(import.warnings.is_empty(), "{text}{:?}", import.warnings);
    }
    let two = format!(
        "cat > /etc/usb_modeswitch.d/12d1:1f01 <<EOF\n{body}EOF\ncat > /etc/usb_modeswitch.d/12d1:14fe <<EOF\n{body}EOF\n"
    );
    let error = super::import(two.as_bytes(), "pasted.txt").unwrap_err();
    assert!(error.is(ErrorKind::FileCorrupt) && error.line() == Some(7), "{error:?}");
}

#[test]
fn a_message_that_is_not_in_the_list_is_named() {
    let text = r#"{"messages": ["5553"], "devices": {"12d1:1f01": {"*": {"t_vendor": 4817, "msg": [5]}}}}"#;
    let import = super::import(text.as_bytes(), "usb-mode.json").unwrap();
    let said = format!("{:?}", import.warnings);
    assert!(said.contains("there is no message 5") && !said.contains("not understood"), "{said}");
}

fn with_request(setup: [u8; 8]) -> Entry {
    let parameters = Parameters { control_message: Some(setup), ..Parameters::default() };
    Entry { key: "12d1:fff0".parse().unwrap(), name: String::new(), parameters, source: "test".to_owned() }
}

#[test]
fn a_request_that_a_format_cannot_say_leaves_no_empty_profile() {
    let only = with_request([0x40, 0x55, 0x34, 0x12, 0x78, 0x56, 0, 0]);
    let mut also = with_request([0x40, 0x55, 0, 0, 0, 0, 0, 0]);
    also.parameters.configuration = Some(2);
    let named = with_request([0x40, 0x0b, 1, 0, 0, 0, 0, 0]);
    for format in [Format::UsbModeswitch, Format::Pack, Format::Openwrt] {
        let lost = export(std::slice::from_ref(&only), format).unwrap();
        assert_eq!((lost.entries, lost.bytes.len()), (0, 0), "{format:?}");
        assert_eq!(lost.losses[0].what, "entry", "{format:?}");
        assert_eq!(export(&[also.clone()], format).unwrap().entries, 1, "{format:?}");
        let sent = export(std::slice::from_ref(&named), format).unwrap();
        let back = import(&sent.bytes, "12d1:fff0").unwrap();
        assert!(back.entries[0].parameters.has(Method::Sierra), "{format:?}");
    }
}

#[test]
fn what_usb_modeswitch_would_not_read_is_told() {
    let warned = |text: &str| {
        let warnings = import(text.as_bytes(), "12d1:fff0").unwrap().warnings;
        warnings.into_iter().map(|w| w.what).collect::<Vec<_>>().join("; ")
    };
    assert!(warned("MessageContent=5553 # note\n").contains("put the comment into a line of its own"));
    assert!(warned("HuaweiMode=1\rTargetProduct=1\r").contains("CR alone"));
    assert_eq!(warned("# note\nMessageContent=\"5553\"\n"), "");
    let four = r#"{"messages":["aa","bb","cc","dd"],"devices":{"12d1:fff0":{"*":{"msg":[0,1,2,3]}}}}"#;
    assert!(warned(four).contains("4 messages, the first three"), "{}", warned(four));
    let long = format!("MessageContent={}\n", "ab".repeat(600));
    let entry = import(long.as_bytes(), "12d1:fff0").unwrap().entries.remove(0);
    let left_out = export(&[entry], Format::UsbModeswitch).unwrap();
    assert!(left_out.entries == 0 && left_out.losses[0].why.contains("1023"), "{left_out:?}");
}

#[test]
fn links_in_an_archive_are_told() {
    let entry = entries().remove(0);
    let mut tar = Vec::new();
    let packed = export(&[entry], Format::Pack).unwrap().bytes;
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&packed[..]), &mut tar).unwrap();
    let mut link = tar[..512].to_vec();
    link[124..135].fill(b'0');
    link[156] = b'1';
    link[157..161].copy_from_slice(b"file");
    link[148..156].fill(b' ');
    let sum: u32 = link.iter().map(|b| u32::from(*b)).sum();
    link[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let found = import(&[link, tar].concat(), "pack.tar").unwrap();
    assert_eq!(found.entries.len(), 1);
    assert!(found.warnings.iter().any(|w| w.what.contains("a link to file")), "{:?}", found.warnings);
}
