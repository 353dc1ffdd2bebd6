use super::*;
use crate::profile::builtin;
use proptest::prelude::*;

fn parameters(text: &str) -> Parameters {
    parse(text).unwrap().parameters
}

#[test]
fn values_are_read_as_usb_modeswitch_reads_them() {
    let p = parameters(
        "TargetVendor= 12d1 # x\r\nTargetProduct=0x14DBzz\r\nTargetClass=ff\nStandardEject=yes\nHuaweiNewMode=2\nSierraMode=on\nReleaseDelay=4000ms\n",
    );
    assert_eq!(p.target_vendor, Some(0x12d1));
    assert_eq!(p.target_product, Some(0x14db));
    assert_eq!(p.target_class, Some(0xff));
    assert_eq!(p.release_delay_ms, Some(4000));
    assert!(p.has(Method::StandardEject) && !p.has(Method::HuaweiNew) && !p.has(Method::Sierra));
}

#[test]
fn the_path_above_a_text_is_no_name() {
    let text = |first: &str| format!("{first}\n# Vodafone K3772\nHuaweiNewMode=1\n");
    for path in ["# /etc/stickshift/devices.d/12d1:1526", "# /etc/usb_modeswitch.d/12d1:1526", "#"] {
        assert_eq!(parse(&text(path)).unwrap().name.as_deref(), Some("Vodafone K3772"), "{path}");
    }
}

#[test]
fn a_block_that_is_commented_out_keeps_its_name() {
    let off = "# Huawei E220\n;DefaultVendor=0x12d1\n;HuaweiMode=1\n";
    let name = |text: &str| parse(text).unwrap().name;
    assert_eq!(name(&format!("{off}# Option\nOptionMode=1\n# more\n")).as_deref(), Some("Option"));
    assert_eq!(name(&format!("{off}OptionMode=1\n")).as_deref(), Some("Huawei E220"));
}

#[test]
fn names_are_trimmed_and_the_first_counts() {
    let parsed =
        parse("  OptionMode \t = 1\nOptionMode=0\nfoo=1\noptionmode=1\njust words\n#OptionMode=0\nA;B=1")
            .unwrap();
    assert!(parsed.parameters.has(Method::Option));
    let lines: Vec<usize> = parsed.warnings.iter().map(|w| w.line).collect();
    assert_eq!(lines, [2, 3, 4, 5, 7]);
}

#[test]
fn quotes_may_be_missing_on_either_side() {
    for text in [
        "MessageContent=\"1b5a01\"",
        "MessageContent=1b5a01",
        "MessageContent=\"1b5a01",
        "MessageContent = \"1B5A01\" ",
    ] {
        assert_eq!(parameters(text).messages[0], [0x1b, 0x5a, 0x01], "{text}");
    }
}

#[test]
fn half_a_message_is_an_error_with_its_line() {
    for text in ["\nMessageContent=555", "\nMessageContent=55zz", "\nMessageContent2=\"5553 #c\""] {
        let error = parse(text).unwrap_err();
        assert!(error.is(ErrorKind::FileCorrupt));
        assert_eq!(error.fact("line"), Some("2"), "{text}");
    }
}

#[test]
fn bad_list_items_are_left_out_and_named() {
    let parsed = parse("TargetProductList=\"14db, 14dc,123,xxxx\"").unwrap();
    assert_eq!(parsed.parameters.target_products, [0x14db, 0x14dc]);
    assert!(parsed.warnings[0].what.contains("123, xxxx"));
}

#[test]
fn more_than_fifty_assignments_are_read() {
    let mut text: String = (0..60).map(|n| format!("Unknown{n}=1\n")).collect();
    text.push_str("DefaultVendor=12d1\nDefaultProduct=1f01\n");
    assert_eq!(parse(&text).unwrap().default_id(), Some(UsbId::new(0x12d1, 0x1f01)));
}

#[test]
fn every_built_in_entry_survives_its_text() {
    for entry in builtin::all() {
        let (text, losses) = emit(&entry, false);
        assert_eq!(losses, []);
        let parsed = parse(&text).unwrap();
        assert_eq!(parsed.warnings, [], "{text}");
        assert!(looks_like(&text));
        assert_eq!(parsed.into_entry(entry.key.clone(), ""), entry, "{text}");
    }
}

#[test]
fn what_it_cannot_say_is_named() {
    let mut entry = builtin::lookup(UsbId::new(0x12d1, 0x1f01)).next().unwrap();
    entry.parameters.mbim = Some(true);
    entry.parameters.control_message = Some([0xc0; 8]);
    let lost: Vec<String> = emit(&entry, false).1.into_iter().map(|l| l.what).collect();
    assert_eq!(lost, ["control message", "MBIM"]);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[A-Za-z0-9=\"#;! \\n\\t,x]{0,300}") {
        let _ = parse(&text);
        let _ = looks_like(&text);
    }

    #[test]
    fn any_value_of_any_name_is_read_or_refused(
        name in prop::sample::select(vec!["TargetVendor", "TargetProductList", "MessageContent", "ReleaseDelay", "Configuration", "PantechMode", "ResetUSB"]),
        value in "\\PC{0,40}",
    ) {
        let _ = parse(&format!("{name}={value}"));
    }
}

#[test]
fn what_a_text_gives_wins_and_what_it_does_not_give_stays() {
    let text = "TargetVendor=0x12d1\nTargetProduct=0x1506\nTargetProductList=\"1506,14db\"\nTargetClass=0xff\n\
        WaitBefore=3\nInterface=0x01\nMessageEndpoint=0x02\nResponseEndpoint=0x83\nHuaweiNewMode=1\nPantechMode=2\n\
        MessageContent=\"5553\"\nMessageContent2=\"5554\"\nMessageContent3=\"5555\"\nReleaseDelay=500\nConfiguration=2\n\
        AltSetting=0x01\nResetUSB=1\nCheckSuccess=20\nNeedResponse=1\nNoMBIMCheck=1\nNoDriverLoading=1\n";
    assert_eq!(text.lines().count(), NAMES.len() - 1, "a line for each name but MBIM");
    let all = || parse(text).unwrap().parameters;
    let mut onto = Parameters::default();
    overlay(&mut onto, Parameters { mbim: Some(true), ..all() });
    assert_eq!(assignments(&onto), text);
    assert_eq!(onto.mbim, None);

    overlay(
        &mut onto,
        parse("TargetProduct=0x14dc\nHuaweiNewMode=0\nMessageContent2=\"99\"\n").unwrap().parameters,
    );
    assert_eq!(
        assignments(&onto),
        text.replace("TargetProduct=0x1506", "TargetProduct=0x14dc")
            .replace("HuaweiNewMode=1", "HuaweiNewMode=0")
            .replace("5554", "99")
    );
}

#[test]
fn two_devices_in_one_file_are_not_mixed() {
    let text = "DefaultVendor=0x12d1\nDefaultProduct=0x1f01\nHuaweiNewMode=1\n\n\
                DefaultVendor=0x12d1\nDefaultProduct=0x1446\nStandardEject=1\nTargetProduct=0x1001\n";
    let parsed = parse(text).unwrap();
    assert_eq!(parsed.default_id(), Some(UsbId::new(0x12d1, 0x1f01)));
    assert_eq!(parsed.parameters.summary(), "HuaweiNewMode");
    assert_eq!(parsed.parameters.target_product, None);
    let last = parsed.warnings.last().unwrap();
    assert!(last.line == 6 && last.what.contains("another device begins here"), "{last:?}");
    // The same ids once more are no other device.
    let again = parse("DefaultVendor=12d1\nDefaultVendor=0x12D1\nHuaweiNewMode=1\n").unwrap();
    assert_eq!(again.parameters.summary(), "HuaweiNewMode");
}
