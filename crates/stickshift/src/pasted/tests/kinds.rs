use super::*;

fn listed(id: &str, interfaces: &[&str]) -> String {
    let (vendor, product) = id.split_once(':').unwrap();
    let mut text = format!(
        "P:  Vendor={vendor} ProdID={product} Rev=01.02\nC:  #Ifs= {} Cfg#= 1 Atr=80 MxPwr=500mA\n",
        interfaces.len()
    );
    for (number, class) in interfaces.iter().enumerate() {
        let (class, driver) = class.split_once(' ').unwrap_or((class, "(none)"));
        let [class, subclass, protocol] = class.split('/').collect::<Vec<_>>()[..] else { panic!("{class}") };
        text += &format!(
            "I:  If#=0x{number:x} Alt= 0 #EPs= 0 Cls={class}(x) Sub={subclass} Prot={protocol} Driver={driver}\n"
        );
    }
    text
}

#[test]
fn what_a_maker_of_sticks_makes_besides_is_told_from_sticks() {
    let thing = |text: &str| {
        let device = read(text.as_bytes()).unwrap().devices.remove(0);
        device.other_thing(&device.stick(&place(), &Catalogue::builtin()), &Catalogue::builtin())
    };
    for (text, what) in [
        (
            listed("12d1:3a07", &["01/01/00 snd-usb-audio", "01/02/00 snd-usb-audio", "03/00/00 usbhid"]),
            "sound",
        ),
        (listed("12d1:107e", &["06/01/01", "ff/42/01"]), "shares files"),
        (listed("12d1:1052", &["ff/ff/00"]), "shares files"),
        (listed("12d1:1038", &["08/06/50 usb-storage", "ff/42/01"]), "debug bridge"),
        (
            "Bus 001 Device 004: ID 12d1:107e Huawei Technologies Co., Ltd. P10 smartphone\n".to_owned(),
            "smartphone",
        ),
        (
            "usb 1-2: New USB device found, idVendor=12d1, idProduct=3a07\nusb 1-2: Product: USB-C HEADSET\n"
                .to_owned(),
            "headset",
        ),
        ("Bus 001 Device 004: ID 12d1:107f Huawei Technologies Co., Ltd.\n".to_owned(), "telephone"),
        (listed("12d1:108a", &["e0/01/03 rndis_host", "0a/00/00 rndis_host"]), "telephone"),
        (listed("04e8:6863", &["e0/01/03 rndis_host", "0a/00/00", "02/02/01 cdc_acm"]), "telephone"),
        (
            "usb 1-1: New USB device found, idVendor=1a86, idProduct=7523\nusb 1-1: Product: USB2.0-Serial\n\
             option 1-1:1.0: GSM modem (1-port) converter detected\n"
                .to_owned(),
            "serial adapter",
        ),
        ("Bus 001 Device 006: ID 1546:01a8 U-Blox AG [u-blox 8]\n".to_owned(), "receiver for positions"),
        // Somebody has bound a modem's driver to a Wi-Fi adapter.
        (
            "usb 1-7: New USB device found, idVendor=0bda, idProduct=1a2b\nusb 1-7: USB disconnect, device number 5\n\
             usb 1-7: New USB device found, idVendor=0bda, idProduct=c811\n\
             option 1-7:1.0: GSM modem (1-port) converter detected\n"
                .to_owned(),
            "Wi-Fi adapter",
        ),
        (
            "usb 1-7: New USB device found, idVendor=0bda, idProduct=c811\nusb 1-7: Product: 802.11ac NIC\n\
             option 1-7:1.0: GSM modem (1-port) converter detected\n"
                .to_owned(),
            "Wi-Fi adapter",
        ),
    ] {
        assert!(thing(&text).is_some_and(|told| told.contains(what)), "{text}");
    }
    for stick in [
        listed("12d1:abcd", &["08/06/50 usb-storage"]),
        listed("12d1:abcd", &["ff/ff/ff"]),
        listed("12d1:abcd", &["02/06/00 cdc_ether", "0a/00/00 cdc_ether"]),
        listed("12d1:14db", &["02/06/00 cdc_ether", "0a/00/00 cdc_ether", "ff/42/01"]),
        listed("12d1:abcd", &["ff/ff/00 option"]),
        listed("12d1:1506", &["01/01/00"]),
        // A chip that waits for firmware may be a module's.
        listed("0e8d:0003", &["02/02/01 cdc_acm", "0a/00/00 cdc_acm"]),
        "Bus 001 Device 005: ID 1782:4d00 Spreadtrum Communications Inc.\n".to_owned(),
        listed("12d1:3a07", &["01/01/00"]).replace("#Ifs= 1", "#Ifs= 3"),
        "Bus 001 Device 004: ID 12d1:abcd Huawei Technologies Co., Ltd.\n".to_owned(),
        "Bus 001 Device 004: ID 12d1:1506 Huawei tablet\n".to_owned(),
    ] {
        assert_eq!(thing(&stick), None, "{stick}");
    }
}

/// Dell DW5821e: ModemManager numbers its ports, and Linux's list its QMI, in whose place MBIM stands. u-blox R410M, and a drive of Qualcomm's.
#[test]
fn ports_are_named_by_lists_or_not_at_all() {
    let serial = ["ff/00/00 option", "ff/00/00 option", "ff/00/00 option", "ff/ff/ff option"];
    let dell = [&["02/0e/00 cdc_mbim", "0a/00/02 cdc_mbim"], &serial[..]].concat();
    let r410m = ["ff/ff/ff option", "ff/ff/ff option", "ff/ff/ff option", "ff/ff/ff qmi_wwan"];
    for (text, wanted) in [
        (listed("413c:81d7", &dell), "- 413c:81d7 modem 0=network 1=other 2=modem 3=pcui 4=gps 5=diag"),
        (listed("413c:81d7", &dell[..3]), "- 413c:81d7 modem 0=network 1=other 2=serial"),
        (listed("05c6:90b2", &r410m), "- 05c6:90b2 modem 0=serial 1=serial 2=serial 3=network"),
        (listed("05c6:f601", &r410m[..2]), "- 05c6:f601 modem 0=serial 1=serial"),
    ] {
        assert_eq!(lines(&read(text.as_bytes()).unwrap()), [wanted]);
    }
}

/// The lines of the endpoints are cut out.
#[test]
fn an_interface_with_one_endpoint_is_no_serial_port() {
    let text = listed("413c:81ea", &["ff/ff/30 qcserial", "ff/ff/70 usbfs"])
        .replace("If#=0x1 Alt= 0 #EPs= 0", "If#=0x1 Alt= 0 #EPs= 1");
    assert_eq!(lines(&read(text.as_bytes()).unwrap()), ["- 413c:81ea modem 0=diag 1=other"]);
}

/// Of the last interface the lines of its endpoints are missing. What its driver tells stays.
#[test]
fn the_last_interface_is_told_without_its_endpoints() {
    let begin = "P:  Vendor=2c7c ProdID=0125 Rev=03.18\nC:* #Ifs= 2 Cfg#= 1 Atr=a0 MxPwr=500mA\n\
                 I:* If#= 0 Alt= 0 #EPs= 2 Cls=ff(vend.) Sub=ff Prot=ff Driver=option\nE:  Ad=81(I) Atr=02(Bulk) MxPS= 512 Ivl=0ms\n\
                 E:  Ad=01(O) Atr=02(Bulk) MxPS= 512 Ivl=0ms\nI:* If#= 4 Alt= 0 #EPs= 3 Cls=ff(vend.) Sub=ff Prot=ff Driver=";
    for (driver, role) in [("qmi_wwan", Role::Network), ("option", Role::Serial)] {
        let device = read(format!("{begin}{driver}\n").as_bytes()).unwrap().devices.remove(0);
        let stick = device.stick(&place(), &Catalogue::builtin());
        assert_eq!(stick.interfaces.last().map(|i| (i.number, i.role)), Some((4, role)));
        assert_eq!(device.class_told(4).as_deref(), Some("ff/ff/ff"));
        assert!(
            device.remarks.iter().any(|r| r.contains("the endpoints of interface 4")),
            "{:?}",
            device.remarks
        );
    }
}
