use super::*;

/// A chat log, a capture of `cat -v`, Python, ModemManager, a terminal that shows hex.
#[test]
fn written_out_line_ends_stay_out_of_fields() {
    let plain = "AT+CGMM\nMF190\nOK\nAT+CGSN\n860000000000001\nOK\n";
    for end in [
        "^M\n",
        "^M^M\n",
        "\\r\\n\n",
        "\\r\n",
        "<CR><LF>\n",
        "<cr>\n",
        "\\x0d\\x0a\n",
        " 0x0d 0x0a\n",
        "0x0d\n",
    ] {
        let modems = read(plain.replace('\n', end).as_bytes()).unwrap().modems;
        let told: Vec<_> = modems.iter().map(|m| (m.model.as_deref(), m.equipment_id.as_deref())).collect();
        assert_eq!(told, [(Some("MF190"), Some("860000000000001"))], "{end:?}");
    }
    let one_line = "AT+CGMM^M^M^JMF190^M^J^M^JOK^M^JAT+CGSN^M^M^J860000000000001^M^J^M^JOK^M^J";
    assert_eq!(read(one_line.as_bytes()).unwrap().modems[0].equipment_id.as_deref(), Some("860000000000001"));
    let huawei = "AT^VERSION?^M\n^VERSION:EXTU:E173^M\nOK^M\nAT^MODE?\n";
    assert_eq!(read(huawei.as_bytes()).unwrap().modems[0].model.as_deref(), Some("E173"));
}

#[test]
fn the_log_of_modem_manager_tells_models() {
    let line = |what: &str| format!("ModemManager[9259]: <dbg> [1749212322.926531] {what}\n");
    let log = [
        line("[modem0/ttyUSB2/at] --> 'AT+GMM<CR>'"),
        line("[modem0/ttyUSB2/at] <-- '<CR><LF>L850 LTE Module<CR><LF><CR><LF>OK<CR><LF>'"),
        line("[modem0] loading model..."),
        line("[modem0] loaded manufacturer: Fibocom"),
        line("[modem0] loaded model: L850 LTE Module\",\"L850"),
        line("[modem0] loaded revision: 18500.5001.00.05.27.30"),
        line("[modem0] loaded equipment identifier: 860000000000001"),
        line("[modem1] loaded model: EC25"),
    ];
    let modems = read(log.concat().as_bytes()).unwrap().modems;
    let told: Vec<_> = modems.iter().map(|m| (m.manufacturer.as_deref(), m.model.as_deref())).collect();
    assert_eq!(told, [(Some("Fibocom"), Some("L850 LTE Module")), (None, Some("EC25"))]);
    assert_eq!(modems[0].equipment_id.as_deref(), Some("860000000000001"));
    assert_eq!(modems[0].ports, [("ttyUSB2".to_owned(), "at".to_owned())]);
    let unnamed = [
        line("[modem0/ttyACM0/at] --> 'AT+CGSN<CR>'"),
        line("[modem0/ttyACM0/at] <-- '<CR><LF>860000000000001<CR><LF><CR><LF>OK<CR><LF>'"),
    ];
    assert_eq!(read([log.concat(), unnamed.concat()].concat().as_bytes()).unwrap().modems.len(), 2);
    // Before 1.14, and where only the talk was pasted.
    let old = "<debug> [1387305384.123456] loaded model: MF820D\n";
    assert_eq!(read(old.as_bytes()).unwrap().modems[0].model.as_deref(), Some("MF820D"));
    let talk = read(log[..2].concat().as_bytes()).unwrap().modems;
    assert_eq!(talk.iter().map(|m| m.model.as_deref()).collect::<Vec<_>>(), [Some("L850 LTE Module")]);
}

#[test]
fn ports_of_windows_have_their_roles() {
    let names = "Anschl\u{fc}sse (COM & LPT)\n  HUAWEI Mobile Connect - PC UI Interface (COM5)\n  HUAWEI Mobile Connect - Diag Interface (COM6)\n  \
                 SimTech HS-USB NMEA 9001 (COM7)\n  Standard Modem over Bluetooth link (COM8)\n  Kommunikationsanschluss (COM1)\n";
    let paste = read(names.as_bytes()).unwrap();
    let told = paste.remarks.join("\n");
    for words in [
        "COM5 is a port of Huawei: it takes AT commands",
        "COM6 is a port of Huawei: it is for diagnostics",
        "COM7 is a port: it tells positions",
        "the hardware ids of the ports",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(paste.has_nameless && !told.contains("COM8") && !told.contains("COM1"), "{told}");
    // With their ids, in the same line or the next one.
    let ids = "HUAWEI Mobile Connect - PC UI Interface (COM5)  USB\\VID_12D1&PID_1506&MI_02\\6&1\n\
               HUAWEI Mobile Connect - 3G Modem (COM6)\nUSB\\VID_12D1&PID_1506&REV_0102&MI_00\n";
    assert_eq!(lines(&read(ids.as_bytes()).unwrap()), ["- 12d1:1506 modem 0=modem:COM6 2=pcui:COM5"]);
    // Of a list of names, nobody knows which the ids are of.
    let list = "ZTE Diagnostics Interface (COM11)\nZTE Proprietary USB Modem (COM13)\nUSB\\VID_19D2&PID_0117&MI_00\n";
    let paste = read(list.as_bytes()).unwrap();
    assert!(paste.devices[0].attached.is_empty(), "{paste:?}");
    assert!(paste.remarks.iter().any(|r| r.contains("COM13")), "{paste:?}");
}

#[test]
fn macos_tells_the_same_as_json() {
    let device = |id: &str, name: &str| {
        format!(
            "          {{\n            \"_name\" : \"{name}\",\n            \"bcd_device\" : \"1.02\",\n            \"manufacturer\" : \"HUAWEI\",\n            \
             \"product_id\" : \"{id}\",\n            \"serial_num\" : \"860000000000001\",\n            \"vendor_id\" : \"0x12d1  (Huawei)\"\n          }}"
        )
    };
    let hub =
        "      \"_name\" : \"hub\",\n      \"product_id\" : \"0x2513\",\n      \"vendor_id\" : \"0x0424\"\n";
    let text = format!(
        "{{\n  \"SPUSBDataType\" : [\n    {{\n      \"_items\" : [\n{},\n{}\n      ],\n{hub}    }}\n  ]\n}}\n",
        device("0x1506", "HUAWEI Mobile"),
        device("0x1f01", "Mass Storage")
    );
    let compact: String = text.lines().map(|line| line.trim().replace(" : ", ":")).collect();
    let new =
        text.replace("product_id", "USBDeviceKeyProductID").replace("vendor_id", "USBDeviceKeyVendorID");
    for text in [&text, &compact, &new, &text[..text.len() - 12].to_owned()] {
        let devices = read(text.as_bytes()).unwrap().devices;
        let told: Vec<_> = devices.iter().map(|d| (d.id.to_string(), d.product.as_deref())).collect();
        let wanted = [("12d1:1506", "HUAWEI Mobile"), ("12d1:1f01", "Mass Storage"), ("0424:2513", "hub")];
        assert_eq!(told, wanted.map(|(id, name)| (id.to_owned(), Some(name))), "{text}");
        assert_eq!(devices[0].formats, [Format::Profiler]);
        assert_eq!(
            (devices[0].manufacturer.as_deref(), devices[0].serial.as_deref()),
            (Some("HUAWEI"), None)
        );
    }
}

/// Old versions of `usb-devices` take 08 for an octal number.
#[test]
fn interface_numbers_that_usb_devices_prints_as_0_are_read() {
    let head = "T:  Bus=01 Lev=01 Prnt=01 Port=02 Cnt=01 Dev#=  4 Spd=480 MxCh= 0\nP:  Vendor=1199 ProdID=68c0 Rev=00.06\n\
                C:  #Ifs= 5 Cfg#= 1 Atr=e0 MxPwr=500mA\n";
    let port = |number: u8, driver: &str| {
        format!("I:  If#= {number} Alt= 0 #EPs= 3 Cls=ff(vend.) Sub=ff Prot=ff Driver={driver}\n")
    };
    let error = |number: &str| {
        format!("/usr/bin/usb-devices: Zeile 79: printf: {number}: Ung\u{fc}ltige Oktalzahl.\n")
    };
    let ports = format!("{}{}{}", port(0, "qcserial"), port(2, "qcserial"), port(3, "qcserial"));
    let net = port(0, "qmi_wwan");
    let whole = format!("{head}{ports}{}{net}{}{net}", error("08"), error("0a"));
    let paste = read(whole.as_bytes()).unwrap();
    assert_eq!(lines(&paste), ["1-3 1199:68c0 modem 0=diag 2=gps 3=modem 8=network 10=network"]);
    assert_eq!(paste.devices[0].remarks.join("; "), "");
    // Its errors come first where they are not in order: interface 0 stays what it is.
    let first = format!("{}{}{head}{ports}{net}{net}", error("08"), error("0a"));
    let paste = read(first.as_bytes()).unwrap();
    assert_eq!(lines(&paste), ["1-3 1199:68c0 modem 0=diag 2=gps 3=modem"]);
    // Without what it said of them.
    let paste = read(format!("{head}{ports}{net}{net}").as_bytes()).unwrap();
    assert_eq!(lines(&paste), ["1-3 1199:68c0 modem 0=diag 2=gps 3=modem"]);
    assert!(
        paste.devices[0].remarks.join("; ").contains("from 08 on as 0"),
        "{:?}",
        paste.devices[0].remarks
    );
}

#[test]
fn json_of_mmcli_is_read_behind_a_prompt_and_more_than_once() {
    let modem = |model: &str, imei: &str| {
        format!(
            "{{\"modem\":{{\"3gpp\":{{\"imei\":\"{imei}\"}},\"generic\":{{\"model\":\"{model}\",\"manufacturer\":\"QUALCOMM\",\"equipment-identifier\":\"{imei}\"}}}}}}\n"
        )
    };
    let (one, other) = (modem("EC25", "860000000000001"), modem("EP06", "860000000000002"));
    let text =
        format!("Here is what I get: {{\n$ mmcli -m 0 -J\n{one}{{ \"no\": json }}\n$ mmcli -m 1 -J\n{other}");
    let found = read(text.as_bytes()).unwrap().modems;
    assert_eq!(
        found.iter().filter_map(|m| m.model.as_deref()).collect::<Vec<_>>(),
        ["EC25", "EP06"],
        "{found:?}"
    );
}

#[test]
fn a_sim_that_took_its_pin_wants_none() {
    let asked = "ATI\nManufacturer: ZTE\nModel: MF110\nRevision: 1\nOK\nAT+CPIN?\n+CPIN: SIM PIN\nOK\n";
    let lock = |then: &str| read(format!("{asked}{then}").as_bytes()).unwrap().modems[0].lock.clone();
    assert_eq!(lock("").as_deref(), Some("sim-pin"));
    assert_eq!(lock("AT+CPIN=\"0000\"\n+CME ERROR: 16\nAT\nOK\n").as_deref(), Some("sim-pin"));
    assert_eq!(lock("AT+CPIN=\"0000\"\nOK\n"), None);
    assert_eq!(lock("AT+CPIN=?\nOK\n").as_deref(), Some("sim-pin"));
    for network in ["+CREG: 0,1", "+CEREG: 5", "+CGREG: 1,\"00C3\",\"1A2B\""] {
        assert_eq!(lock(&format!("AT+CREG?\n{network}\nOK\n")), None, "{network}");
    }
    assert_eq!(lock("AT+CREG?\n+CREG: 0,2\nOK\n").as_deref(), Some("sim-pin"));
}

#[test]
fn answers_behind_marks_of_their_way_are_read() {
    let times = ("[10:00:01] ", "[10:00:01.250] ");
    for (sent, came) in [(">>> ", "<<< "), ("TX: ", "RX: "), ("-> ", "<- "), ("> ", "< "), times] {
        let text = format!("{sent}AT+CGMM\n{came}MF190\n{came}OK\n{sent}AT+CGMR\n{came}BD_1\n{came}OK\n");
        let modems = read(text.as_bytes()).unwrap().modems;
        assert_eq!(
            (modems[0].model.as_deref(), modems[0].revision.as_deref()),
            (Some("MF190"), Some("BD_1"))
        );
    }
}

#[test]
fn a_name_of_windows_without_a_number_tells_a_role() {
    let row =
        |name: &str, mi: u8| format!("OK  Ports  {name}  USB\\VID_2C7C&PID_6002&MI_0{mi}\\7&2A3B&0&0002\n");
    let text = format!("{}{}", row("Quectel USB AT Port (COM7)", 2), row("Quectel USB Modem #2", 3));
    assert_eq!(lines(&read(text.as_bytes()).unwrap()), ["- 2c7c:6002 modem 2=pcui:COM7 3=modem"]);
}
