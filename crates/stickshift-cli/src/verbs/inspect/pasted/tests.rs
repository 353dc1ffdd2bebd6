use super::*;

#[test]
fn the_next_step_of_published_descriptors() {
    let catalogue = Catalogue::builtin();
    let mut wrong = Vec::new();
    for report in test_support::reports::all() {
        // lsusb shows no drivers.
        let text = report.texts().pop().unwrap();
        let shown = PasteReport::of(&pasted::read(text.as_bytes()).unwrap(), &catalogue);
        let next = &shown.sticks[0].next;
        if !next.contains(&report.next) {
            wrong.push(format!("{} ({}): {next}", report.id, report.source));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn report(text: &str) -> PasteReport {
    PasteReport::of(&pasted::read(text.as_bytes()).unwrap(), &Catalogue::builtin())
}

/// Linux's `option` takes what somebody wrote into its new_id, interface by interface.
#[test]
fn a_network_interface_that_a_driver_of_ports_took_is_given_back() {
    let next = |text: &str| report(text).sticks.remove(0).next;
    let mut ec25 = "usb 1-1: New USB device found, idVendor=2c7c, idProduct=0125\n".to_owned();
    for number in 0..5 {
        ec25 += &format!(
            "option 1-1:1.{number}: GSM modem (1-port) converter detected\n\
             usb 1-1: GSM modem (1-port) converter now attached to ttyUSB{number}\n"
        );
    }
    let told = next(&ec25);
    for words in [
        "interface 4 (/dev/ttyUSB4)",
        "echo 1-1:1.4 > /sys/bus/usb/drivers/option/unbind",
        "drivers/qmi_wwan/bind",
    ] {
        assert!(told.contains(words), "{told}");
    }
    let ncm = "P:  Vendor=12d1 ProdID=1506 Rev=01.02\nI:  If#=0x2 Alt= 0 #EPs= 3 Cls=ff(vend.) Sub=03 Prot=16 Driver=option\n";
    let told = next(ncm);
    assert!(told.contains("PLACE:1.2") && told.contains("huawei_cdc_ncm"), "{told}");
}

#[test]
fn what_a_program_has_for_itself_is_told() {
    let text = "P:  Vendor=2001 ProdID=7d00 Rev=02.00\nC:  #Ifs= 1 Cfg#= 1 Atr=a0 MxPwr=500mA\nI:  If#= 0 Alt= 0 #EPs= 3 Cls=ff(vend.) Sub=02 Prot=01 Driver=usbfs\n";
    let next = report(text).sticks.remove(0).next;
    assert!(next.contains("a program has interface 0") && !next.contains("modprobe"), "{next}");
}

#[test]
fn storage_behind_another_interface_is_named() {
    let text = "P:  Vendor=0af0 ProdID=7501 Rev=01.00\nC:  #Ifs= 2 Cfg#= 1 Atr=80 MxPwr=500mA\n\
                I:  If#= 0 Alt= 0 #EPs= 1 Cls=03(HID  ) Sub=00 Prot=00 Driver=usbhid\n\
                I:  If#= 2 Alt= 0 #EPs= 2 Cls=08(stor.) Sub=06 Prot=50 Driver=usb-storage\n";
    let next = report(text).sticks.remove(0).next;
    assert!(next.contains("stickshift switch") && next.contains("Interface=2"), "{next}");
}

#[test]
fn root_hubs_get_no_note() {
    let list =
        "Found device: 1d6b:0002 (Manufacturer: \"Linux\")\nFound device: 12d1:1f01 (Manufacturer: \"x\")\n";
    assert!(!report(list).remarks.iter().any(|remark| remark.contains("hub")));
}

/// Each kind by its class, and where that is the maker's own, by the driver or the lists.
#[test]
fn the_kind_of_a_network_interface_is_told() {
    let line = |id: &str, class: &str, driver: &str| {
        let [vendor, product] = id.split(':').collect::<Vec<_>>()[..] else { panic!("{id}") };
        let [class, subclass, protocol] = class.split('/').collect::<Vec<_>>()[..] else { panic!("{class}") };
        report(&format!(
            "P:  Vendor={vendor} ProdID={product} Rev=01.02\nI:  If#=0x0 Alt= 0 #EPs= 0 Cls={class}(x) Sub={subclass} Prot={protocol} Driver={driver}\n"
        ))
        .sticks
        .remove(0)
        .interfaces
        .remove(0)
        .what_for
    };
    for (id, class, driver, kind) in [
        ("12d1:1506", "ff/02/16", "huawei_cdc_ncm", "NCM of Huawei"),
        ("12d1:1506", "ff/02/16", "(none)", "NCM of Huawei"),
        ("12d1:1506", "ff/01/09", "(none)", "QMI"),
        ("12d1:14db", "02/06/00", "cdc_ether", "ECM"),
        ("12d1:14ac", "02/06/ff", "qmi_wwan", "QMI"),
        ("12d1:14ac", "02/06/ff", "(none)", "not told"),
        ("2c7c:0125", "ff/ff/ff", "qmi_wwan", "QMI"),
        ("1199:9071", "02/0e/00", "cdc_mbim", "MBIM"),
        ("1199:68a3", "ff/ff/ff", "sierra_net", "Direct IP"),
        ("19d2:1405", "e0/01/03", "rndis_host", "RNDIS"),
        ("1e2d:0061", "02/0d/00", "cdc_ncm", "(NCM)"),
    ] {
        let told = line(id, class, driver);
        assert!(told.contains(kind), "{id} {class} {driver}: {told}");
    }
}

#[test]
fn a_stick_that_comes_again_where_the_text_ends_is_not_called_unplugged() {
    let stick = report(
        "usb 1-1: New USB device found, idVendor=19d2, idProduct=1225\nusb 1-1: USB disconnect, device number 21\n\
         usb 1-1: new high-speed USB device number 22 using xhci_hcd\n",
    )
    .sticks
    .remove(0);
    assert!(!stick.gone && stick.mode_text.starts_with("not told"), "{}", stick.mode_text);
    assert_eq!(stick.next, "stickshift list shows what it is now");
}

#[test]
fn a_shared_connection_needs_no_switch_and_a_boot_mode_no_identify() {
    let told = |text: &str| report(text).sticks.remove(0);
    let phone = told("Bus 001 Device 006: ID 05c6:9024 Fairphone Fairphone 4 5G\n");
    assert!(phone.mode_text.contains("telephone") && phone.profile.is_none(), "{}", phone.mode_text);
    assert!(phone.next.contains("tethering"), "{}", phone.next);
    let held = told("Bus 003 Device 010: ID 1199:9070 Sierra Wireless, Inc.\n");
    assert!(held.mode_text.starts_with("download mode"), "{}", held.mode_text);
    assert!(held.next.contains("waits for firmware"), "{}", held.next);
}

#[test]
fn what_is_no_stick_is_said_plainly() {
    let shown = report(
        "P:  Vendor=12d1 ProdID=3a07 Rev=01.02\nS:  Product=USB-C HEADSET\nI:  If#=0x0 Alt= 0 #EPs= 0 Cls=01(audio) Sub=01 Prot=00 Driver=snd-usb-audio\n",
    );
    assert!(shown.sticks.is_empty() && shown.others == 1);
    assert_eq!(
        shown.remarks,
        ["12d1:3a07 (Huawei USB-C HEADSET) is no cellular stick: it is a sound device"]
    );
}

#[test]
fn ids_alone_claim_no_more_than_they_tell() {
    let shown = |id: &str| report(&format!("Bus 001 Device 004: ID {id} x\n"));
    for (id, mode, next) in [
        // The same before and after the switch.
        ("12d1:1003", "modem, or not switched yet", "stickshift list shows which"),
        ("0af0:d033", "modem, or not switched yet", "stickshift switch 0af0:d033 where"),
        ("12d1:1414", "switched, or not yet", "stickshift list shows which"),
        ("3566:2001", "switched, or not yet", "stickshift list shows which"),
        ("12d1:1f01", "CD-ROM", "stickshift switch 12d1:1f01"),
        ("0fce:d0cf", "unknown", "stickshift list shows its mode"),
        ("05c6:1000", "CD-ROM", "stickshift profile show 05c6:1000"),
        ("0bda:1a2b", "CD-ROM", "it is a Wi-Fi adapter, no modem: "),
        ("12d1:1506", "", "stickshift identify 12d1:1506"),
    ] {
        let stick = shown(id).sticks.remove(0);
        assert!(stick.mode_text.starts_with(mode), "{id}: {}", stick.mode_text);
        assert!(stick.next.contains(next), "{id}: {}", stick.next);
    }
}

#[test]
fn a_stick_that_may_take_firmware_is_asked_first() {
    for id in ["1c05", "1442"] {
        let text = format!(
            "P:  Vendor=12d1 ProdID={id} Rev=01.02\nI:  If#=0x0 Alt= 0 #EPs= 2 Cls=ff(vend.) Sub=ff Prot=ff Driver=option\n"
        );
        assert_eq!(report(&text).sticks[0].next, format!("stickshift identify 12d1:{id}"));
    }
}

#[test]
fn a_driver_is_told_ids_that_it_does_not_list() {
    let next = |id: &str| {
        let (vendor, product) = id.split_once(':').unwrap();
        report(&format!(
            "P:  Vendor={vendor} ProdID={product} Rev=01.02\nC:  #Ifs= 1 Cfg#= 1 Atr=80 MxPwr=500mA\n\
             I:  If#=0x0 Alt= 0 #EPs= 2 Cls=ff(vend.) Sub=ff Prot=30 Driver=(none)\n"
        ))
        .sticks
        .remove(0)
        .next
    };
    let (listed, other) = (next("2c7c:0800"), next("2c7c:7fff"));
    assert!(
        listed.contains("modprobe option; where no port comes then") && listed.contains("2c7c 0800"),
        "{listed}"
    );
    assert!(other.contains("modprobe option, then echo 2c7c 7fff"), "{other}");
}

#[test]
fn a_serial_adapter_with_a_modem_driver_is_called_one() {
    let shown = report(
        "usb 1-1: New USB device found, idVendor=1a86, idProduct=7523\noption 1-1:1.0: GSM modem (1-port) converter detected\n",
    );
    assert!(shown.sticks.is_empty());
    assert!(shown.remarks.iter().any(|r| r.contains("serial adapter (CH340)")), "{:?}", shown.remarks);
}

#[test]
fn numbers_are_said_in_words() {
    let telit = report("AT#USBCFG?\n#USBCFG: 3\nOK\n").modems.remove(0);
    assert_eq!(telit.shows.as_deref(), Some("composition 3 of its model's list"));
    let modem = report("AT+CGMM\nE3372\nOK\nAT^SETPORT?\n^SETPORT:FF;10,12,16,A2\nOK\n").modems.remove(0);
    let words: Vec<&str> = modem.ports.iter().map(|port| port.what_for).collect();
    assert_eq!(words, ["4G modem", "4G PCUI (AT)", "NCM network", "SD reader"]);
    let shown = report("<error><code>125003</code><message></message></error>");
    assert!(shown.remarks[0].contains("125003: ") && shown.has_nameless, "{:?}", shown.remarks);
}

#[test]
fn a_report_shows_what_stands_in_it_and_what_is_damaged() {
    let whole = "stickshift report, format 1\nprogram: stickshift 0.1.0 (linux x86_64)\nsystem: virtual\n\
        drivers: option\ndrivers that are not there: qmi_wwan cdc_mbim\n\n== 1-1 12d1:1506 ==\n\
        T:  Bus=1 Dev#=  2 Place=1-1\nD:  Cls=00 Sub=00 Prot=00 #Cfgs=  1\nP:  Vendor=12d1 ProdID=1506 Rev=01.02\n\
        C:* #Ifs= 1 Cfg#= 1 Atr=80 MxPwr=500mA\n\
        I:* If#= 0 Alt= 0 #EPs= 2 Cls=ff Sub=01 Prot=02 Driver=option\n\
        E:  Ad=81 Atr=02 MxPS= 512\nE:  Ad=01 Atr=02 MxPS= 512\n\
        1-1  12d1:1506  HUAWEI\n  mode  modem\n1-1  12d1:1506\n  mode      modem  (from USB descriptors)\n  \
        model     E3372h  (reported by the stick)\n  version   22.300.09.00.00  (reported by the stick)\n  \
        model     other  (said again)\n  it did not identify itself: x\n\n== end ==\n";
    let shown = report(whole);
    let text = |report: &PasteReport| {
        let mut text = Vec::new();
        report.text(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    };
    let plain = text(&shown);
    for line in [
        "text of stickshift report\n",
        "  program stickshift 0.1.0 (linux x86_64)\n",
        "  system  virtual\n",
        "  missing drivers qmi_wwan cdc_mbim\n",
        "  model   E3372h\n  version 22.300.09.00.00\n",
        "  note    it did not identify itself: x\n",
    ] {
        assert!(plain.contains(line), "{line}{plain}");
    }
    assert!(!plain.contains("damaged") && !plain.contains("other"), "{plain}");
    let json = serde_json::to_value(&shown).unwrap();
    assert_eq!(json["report"]["missing_drivers"], serde_json::json!(["qmi_wwan", "cdc_mbim"]));
    assert_eq!(
        json["sticks"][0]["said"][1],
        serde_json::json!({"about": "version", "value": "22.300.09.00.00"})
    );

    let damage = |text: &str| report(text).report.unwrap().damage;
    let cut = "the report is cut: its last line, `== end ==`, is missing";
    for (from, to, wanted) in [
        ("== end ==", "", cut),
        ("Cls=ff", "Cls=zz", "1-1: Cls cannot be read in `I:* If#= 0"),
        ("Vendor=12d1", "Vendor=12x1", "1-1: Vendor cannot be read in `P:"),
        ("MxPS= 512\nE", "\nE", "1-1: MxPS is missing in `E:  Ad=81"),
        ("Bus=1 ", "Bus=90000 ", "1-1: Bus cannot be read in `T:"),
        ("system: virtual\n", "", "the line `system:` is missing"),
        ("format 1", "format 7", "its form, 7, is none that is known here"),
        (
            "1-1  12d1:1506  HUAWEI\n",
            "descriptors: 1201000\n",
            "1-1: the bytes behind `descriptors:` are cut",
        ),
    ] {
        let found = damage(&whole.replacen(from, to, 1));
        assert!(found.iter().any(|line| line.starts_with(wanted)), "{wanted}: {found:?}");
        assert_eq!(found.len(), 1, "{wanted}: {found:?}");
    }
    let headless = report(&whole.replace("Vendor=12d1", "Vendor="));
    assert_eq!(headless.sticks[0].id, "12d1:1506");
    let heading_alone = &whole[..whole.find("T:  Bus").unwrap()];
    assert_eq!(damage(heading_alone), ["1-1: the lines of this stick are missing", cut]);
    // Cut anywhere, it is told, and no stick is made up.
    for end in whole.find("program").unwrap()..whole.find("\n== end").unwrap() {
        let shown = report(&whole[..end]);
        assert!(
            shown.sticks.len() <= 1 && shown.report.unwrap().damage.iter().any(|line| line == cut),
            "{end}"
        );
    }
}

/// Whatever else stands in its field.
#[test]
fn an_identity_is_masked_by_its_own_ends() {
    for field in ["860000000000001", "860000000000001^Mx", "\"860000000000001\",01", "IMEI 860000000000001"] {
        assert_eq!(masked_identity(field), "86*********0001", "{field}");
    }
    for end in ["^M", "\\r\\n", "<CR><LF>", "0x0d"] {
        let text = format!(
            "AT+CGSN{end}\n860000000000001{end}\nOK{end}\nATI\nModel: MF190{end}\nRevision: 860000000000002{end}\n"
        );
        let shown = report(&text).modems.remove(0);
        assert_eq!(shown.imei.as_deref(), Some("86*********0001"), "{end}");
        assert_eq!(shown.firmware.as_deref(), Some("***************"), "{end}");
    }
}

#[test]
fn an_interface_without_endpoints_says_so() {
    let begin = "P:  Vendor=1e0e ProdID=9071 Rev=03.18\nC:* #Ifs= 2 Cfg#= 1 Atr=a0 MxPwr=500mA\n\
                 I:* If#= 0 Alt= 0 #EPs= 2 Cls=ff(vend.) Sub=ff Prot=ff Driver=option\nE:  Ad=81(I) Atr=02(Bulk) MxPS= 512 Ivl=0ms\n\
                 E:  Ad=01(O) Atr=02(Bulk) MxPS= 512 Ivl=0ms\nI:* If#= 4 Alt= 0 #EPs= 3 Cls=ff(vend.) Sub=ff Prot=ff Driver=option\n";
    let port = report(begin).sticks.remove(0).interfaces.pop().unwrap();
    assert_eq!((port.number, port.role), (4, "serial"));
    assert!(port.what_for.contains("endpoints are missing"), "{}", port.what_for);
}
