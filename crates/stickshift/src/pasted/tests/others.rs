use super::*;

/// Ports of an E3372 as `udevadm info` prints them, and with `-a`.
const UDEV: &str = "P: /devices/pci0000:00/0000:00:14.0/usb1/1-3/1-3:1.0/ttyUSB0/tty/ttyUSB0\nN: ttyUSB0\nS: serial/by-path/pci-0000:00:14.0\n\
                    E: ID_MODEL=HUAWEI_Mobile\nE: ID_MODEL_ID=1506\nE: ID_USB_DRIVER=option\nE: ID_USB_INTERFACE_NUM=00\nE: ID_VENDOR_ID=12d1\n\
                    P: /devices/pci0000:00/0000:00:14.0/usb1/1-3/1-3:1.2/net/wwan0\nE: ID_MODEL_ID=1506\nE: ID_USB_DRIVER=huawei_cdc_ncm\n\
                    E: ID_VENDOR_ID=12d1\nE: INTERFACE=wwan0\n";
const UDEV_ALL: &str = "  looking at device '/devices/platform/soc/20980000.usb/usb1/1-1/1-1.3/1-1.3:1.1/ttyUSB1/tty/ttyUSB1':\n\
                        \x20   KERNEL==\"ttyUSB1\"\n    SUBSYSTEM==\"tty\"\n    DRIVER==\"\"\n\
                        \x20 looking at parent device '/devices/platform/soc/20980000.usb/usb1/1-1/1-1.3/1-1.3:1.1/ttyUSB1':\n    DRIVERS==\"option1\"\n\
                        \x20 looking at parent device '/devices/platform/soc/20980000.usb/usb1/1-1/1-1.3/1-1.3:1.1':\n    DRIVERS==\"option\"\n\
                        \x20   ATTRS{bInterfaceNumber}==\"01\"\n  looking at parent device '/devices/platform/soc/20980000.usb/usb1/1-1/1-1.3':\n\
                        \x20   DRIVERS==\"usb\"\n    ATTRS{idProduct}==\"0125\"\n    ATTRS{idVendor}==\"2c7c\"\n\
                        \x20 looking at parent device '/devices/platform/soc/20980000.usb/usb1/1-1':\n    ATTRS{idProduct}==\"9514\"\n    ATTRS{idVendor}==\"0424\"\n";

#[test]
fn what_udev_knows_is_read() {
    assert_eq!(
        lines(&read(UDEV.as_bytes()).unwrap()),
        ["1-3 12d1:1506 modem 0=serial:/dev/ttyUSB0 2=network:wwan0"]
    );
    assert_eq!(lines(&read(UDEV_ALL.as_bytes()).unwrap()), ["1-1.3 2c7c:0125 modem 1=gps:/dev/ttyUSB1"]);
    assert_eq!(read(UDEV.as_bytes()).unwrap().devices[0].formats, [Format::Udev]);
}

#[test]
fn a_talk_over_at_tells_who_answered() {
    let of = |text: &str| read(text.as_bytes()).unwrap().modems.remove(0);
    let e3372 = of(
        "Welcome to minicom 2.7.1\nATI\nManufacturer: huawei\nModel: E3372\nRevision: 21.180.01.00.00\nIMEI: 860000000000001\n\
                    +GCAP: +CGSM,+DS,+ES\nOK\nAT+CPIN?\n+CPIN: SIM PIN\nOK\n",
    );
    assert!(e3372.told_by == Teller::At && e3372.plugin.is_none());
    assert_eq!((e3372.model.as_deref(), e3372.revision.as_deref()), (Some("E3372"), Some("21.180.01.00.00")));
    assert_eq!(
        (e3372.lock.as_deref(), e3372.equipment_id.as_deref()),
        (Some("sim-pin"), Some("860000000000001"))
    );
    let ec25 = of(
        "at+cgmi\nQuectel\nOK\nat+cgmm\nEC25\nOK\nat+cimi\n001010000000001\nOK\nat+cpin?\n+CME ERROR: 10\n",
    );
    assert_eq!((ec25.manufacturer.as_deref(), ec25.model.as_deref()), (Some("Quectel"), Some("EC25")));
    assert_eq!((ec25.failed.as_deref(), ec25.equipment_id), (Some("sim-missing"), None));
    // No talk.
    for text in ["Model: E3372\nIMEI: 1\n", "AT\nOK\n", "AT last it works\nModel: E3372\n"] {
        assert!(read(text.as_bytes()).is_none_or(|paste| paste.modems.is_empty()), "{text}");
    }
}

#[test]
fn answers_that_name_versions_and_ports_are_read() {
    let of = |text: &str| read(text.as_bytes()).unwrap().modems.remove(0);
    let full = of("AT^FHVER\n\n^FHVER:\"E8372H-153 21.328.03.00.00,CL1E8372HM Ver.A\"\nOK\n");
    assert_eq!(
        (full.model.as_deref(), full.revision.as_deref()),
        (Some("E8372H-153"), Some("21.328.03.00.00"))
    );
    assert_eq!(full.hardware.as_deref(), Some("CL1E8372HM Ver.A"));
    let each = of(
        "AT^VERSION?\n^VERSION:EXTS:21.328.03.00.00\n^VERSION:EXTH:CL1E8372HM Ver.A\n^VERSION:EXTU:E8372\n^VERSION:INTU:\nOK\n",
    );
    assert_eq!((each.model.as_deref(), each.hardware.as_deref()), (Some("E8372"), Some("CL1E8372HM Ver.A")));
    let named = of("at+gmm\n+GMM: \"E173\"\nOK\nat+gmr\n+GMR: 11.126\nOK\n");
    assert_eq!((named.model.as_deref(), named.revision.as_deref()), (Some("E173"), Some("11.126")));
    let short = of("AT+CGMM\n+CGMM: \"FM350-GL\",\"FM350\"\nOK\nAT+CPIN?\n+CME ERROR: 13\n");
    assert_eq!((short.model.as_deref(), short.failed.as_deref()), (Some("FM350-GL"), Some("sim-error")));
    let telit = of("AT#CGMI\n#CGMI: Telit\nOK\nAT#CGMM\n#CGMM: LE910C1-EU\nOK\n");
    assert_eq!((telit.manufacturer.as_deref(), telit.model.as_deref()), (Some("Telit"), Some("LE910C1-EU")));
    let managed = of(
        "root@host:~# mmcli -m 4 --command=\"ATI\"\nresponse: 'Manufacturer: Fibocom Wireless Inc.\nModel: FM350-GL\n\
         Revision: 81600.0000.00.29.22.40\n\nIMEI: ##########'\n",
    );
    assert_eq!((managed.model.as_deref(), managed.equipment_id), (Some("FM350-GL"), None));
    for (command, answer) in [("AT+CGMM", "E3372"), ("+GMM", "+GMM: \"E3372\"")] {
        let managed = of(&format!("$ mmcli -m 0 --command='{command}'\nresponse: '{answer}'\n"));
        assert_eq!(managed.model.as_deref(), Some("E3372"), "{command}");
    }
    let ports = of(
        "AT^SETPORT?\n^SETPORT:A1;2,16\nOK\nAT^SETPORT=?\n^SETPORT:A1: CDROM\n^SETPORT:2: PCUI\n^SETPORT:16: NCM\nOK\n",
    );
    let pair = |code: &str, kind: &str| (code.to_owned(), kind.to_owned());
    assert_eq!(ports.ports, [pair("^SETPORT 2", "PCUI"), pair("^SETPORT 16", "NCM")]);
}

#[test]
fn answers_tell_the_mode() {
    let of = |text: &str| read(text.as_bytes()).unwrap().modems.remove(0);
    let ec25 = of(
        "ati\nQuectel\nEC25\nRevision: EC25EFAR06A06M4G\n\nOK\nat+qgmr\nEC25EFAR06A06M4G_01.003.01.003\n\nOK\n",
    );
    assert_eq!((ec25.manufacturer.as_deref(), ec25.model.as_deref()), (Some("Quectel"), Some("EC25")));
    assert_eq!(
        (ec25.revision.as_deref(), ec25.mode()),
        (Some("EC25EFAR06A06M4G_01.003.01.003"), Mode::Modem)
    );
    let bg95 = of("uart:~$ modem at AT+QGMR\nBG95M3LAR02A03_01.204.01.204\nOK\n");
    assert_eq!(bg95.revision.as_deref(), Some("BG95M3LAR02A03_01.204.01.204"));
    let e3372 = |version: &str, page: &str| {
        of(&format!("AT^VERSION?\n^VERSION:EXTS:{version}\n^VERSION:EXTD:{page}\n^VERSION:EXTU:E3372\n^VERSION:INTU:E3372h-153\nOK\n"))
            .mode()
    };
    // Stick firmware may keep the version of a page; what the version of the firmware stands for counts first.
    assert_eq!(e3372("22.200.09.01.161", ""), Mode::HilinkSerial);
    assert_eq!(e3372("21.180.01.00.00", "WEBUI_17.100.09.00.03_HILINK"), Mode::Modem);
    assert_eq!(e3372("99.1", "WEBUI_17.100.09.00.03_HILINK"), Mode::HilinkSerial);
    assert_eq!(e3372("99.1", ""), Mode::Modem);
}

#[test]
fn answers_of_web_pages_are_read() {
    let of = |text: &str| read(text.as_bytes()).unwrap().modems.remove(0);
    let xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<response>\n<DeviceName>E3372h-320</DeviceName>\n<SerialNumber></SerialNumber>\n\
               <Imei>860000000000001</Imei>\n<HardwareVersion>CL4E3372HM</HardwareVersion>\n<SoftwareVersion>10.0.3.1(H192SP1C983)</SoftwareVersion>\n\
               <WebUIVersion>WEBUI 10.0.3.1</WebUIVersion>\n</response>\n";
    let json = "{\"DeviceName\": \"E3372h-320\", \"Imei\": \"860000000000001\", \"HardwareVersion\": \"CL4E3372HM\", \"SoftwareVersion\": \"10.0.3.1(H192SP1C983)\"}\n";
    let signs = xml.replace('(', "&#40;").replace("983)", "983&#41;");
    for text in [signs, xml.to_owned(), xml.replace('\n', ""), json.to_owned()] {
        let modem = of(&text);
        assert_eq!(
            (modem.model.as_deref(), modem.hardware.as_deref()),
            (Some("E3372h-320"), Some("CL4E3372HM")),
            "{text}"
        );
        assert_eq!(
            (modem.revision.as_deref(), modem.equipment_id.as_deref()),
            (Some("10.0.3.1(H192SP1C983)"), Some("860000000000001"))
        );
        assert_eq!((modem.told_by, modem.mode()), (Teller::HuaweiPage, Mode::Hilink));
    }
    let zte = of(
        "{\"wa_inner_version\":\"BD_MF79UV1.0.0B03\",\"cr_version\":\"\",\"network_type\":\"LTE\",\"model_name\":\"MF79U\"}\n",
    );
    assert_eq!((zte.model.as_deref(), zte.revision.as_deref()), (Some("MF79U"), Some("BD_MF79UV1.0.0B03")));
    assert_eq!((zte.told_by, zte.mode()), (Teller::OtherPage, Mode::Hilink));
    // Other programs have models, too.
    for other in ["{\"model_name\": \"bert\"}\n", "<Imei>1</Imei>\n"] {
        assert!(read(other.as_bytes()).is_none_or(|paste| paste.modems.is_empty()), "{other}");
    }
}

#[test]
fn what_gammu_and_chan_dongle_say_is_read() {
    let of = |text: &str| read(text.as_bytes()).unwrap().modems.remove(0);
    let gammu = of(
        "Dispositivo          : /dev/ttyUSB0\nFabricante           : Huawei\nModelo               : unknown (E153)\nFirmware             : 11.609.18.21.135\n",
    );
    assert_eq!((gammu.model.as_deref(), gammu.revision.as_deref()), (Some("E153"), Some("11.609.18.21.135")));
    let dongle = of(
        "  Device                  : GSM1\n  Manufacturer            : huawei\n  Model                   : E1550\n  IMEI                    : 860000000000001\n",
    );
    assert_eq!((dongle.model.as_deref(), dongle.told_by), (Some("E1550"), Teller::Program));
    assert!(read(b"Manufacturer : Dell\nModel : XPS\n").is_none());
}

/// The forms of libqmi 1.16 and 1.32, of libmbim 1.28 and of OpenWrt's uqmi.
#[test]
fn what_programs_of_a_control_channel_print_is_read() {
    let of = |text: &str| read(text.as_bytes()).unwrap().modems.remove(0);
    let qmi = "# qmicli -d /dev/cdc-wdm0 --dms-get-model\n[/dev/cdc-wdm0] Device model retrieved:\n\tModel: 'MC7455'\n\
               [/dev/cdc-wdm0] Device revision retrieved:\n\tRevision: 'SWI9X30C_02.24.05.06'\n\
               [/dev/cdc-wdm0] Device IDs retrieved:\n\t    ESN: '0'\n\t   IMEI: '359000000000001'\n\t   MEID: 'unknown'\n";
    let modem = of(qmi);
    assert_eq!((modem.model.as_deref(), modem.told_by), (Some("MC7455"), Teller::Control));
    assert_eq!(
        (modem.revision.as_deref(), modem.equipment_id.as_deref(), modem.mode()),
        (Some("SWI9X30C_02.24.05.06"), Some("359000000000001"), Mode::Modem)
    );
    let card = |state: &str, retries: u8| {
        of(&format!(
            "{qmi}[/dev/cdc-wdm0] Successfully got card status\nSlot [1]:\n  Card state: 'present'\n  UPIN state: 'not-initialized'\n    UPIN retries: '0'\n  \
             Application [1]:\n    PIN1 state: '{state}'\n      PIN1 retries: '{retries}'\n      PUK1 retries: '10'\n    PIN2 state: 'enabled-not-verified'\n  \
             Application [2]:\n    PIN1 state: 'not-initialized'\n      PIN1 retries: '0'\n"
        ))
    };
    let locked = card("enabled-not-verified", 1);
    assert_eq!((locked.lock.as_deref(), locked.pin_tries), (Some("sim-pin"), Some(1)));
    assert_eq!(card("blocked", 0).lock.as_deref(), Some("sim-puk"));
    assert_eq!((card("enabled-verified", 3).lock, card("disabled", 3).lock), (None, None));
    let absent = of("[/dev/cdc-wdm0] Successfully got card status\nSlot [1]:\n  Card state: 'absent'\n");
    assert_eq!(absent.failed.as_deref(), Some("sim-missing"));

    let mbim = of(
        "[/dev/cdc-wdm0] Device capabilities retrieved:\n\t      Device type: 'removable'\n\t        Device ID: '359000000000001'\n\t    Firmware info: 'SWI9X50C_01.14.02.00'\n\t    Hardware info: 'EM7565'\n\
         [/dev/cdc-wdm0] Subscriber ready status retrieved:\n\t      Ready state: 'sim-not-inserted'\n",
    );
    assert_eq!(
        (mbim.hardware.as_deref(), mbim.equipment_id.as_deref(), mbim.failed.as_deref()),
        (Some("EM7565"), Some("359000000000001"), Some("sim-missing"))
    );

    let uqmi = of(
        "root@OpenWrt:~# uqmi -d /dev/cdc-wdm0 --get-imei\n\"359000000000001\"\nroot@OpenWrt:~# uqmi -s -d /dev/cdc-wdm0 --get-pin-status\n\
         {\"pin1_status\":\"not_verified\",\"pin1_verify_tries\":2,\"pin1_unblock_tries\":10,\"pin2_status\":\"not_verified\",\"pin2_verify_tries\":3}\n",
    );
    assert_eq!(uqmi.equipment_id.as_deref(), Some("359000000000001"));
    assert_eq!((uqmi.lock.as_deref(), uqmi.pin_tries), (Some("sim-pin"), Some(2)));
    // Other programs quote values, too.
    assert!(read(b"Model: 'bert'\nIMEI: '359000000000001'\n").is_none());
}

/// `ls -l /dev/serial/by-id` beside lsusb.
#[test]
fn ports_are_given_to_the_only_device_of_their_maker() {
    let links = "lrwxrwxrwx 1 root root 13 Jan 8 11:09 /dev/serial/by-id/usb-067b_2303-if00-port0 -> ../../ttyUSB0\n\
                 lrwxrwxrwx 1 root root 13 Jan 8 11:09 /dev/serial/by-id/usb-HUAWEI_Technology_HUAWEI_Mobile-if00-port0 -> ../../ttyUSB1\n\
                 lrwxrwxrwx 1 root root 13 Jan 8 11:10 usb-HUAWEI_Technology_HUAWEI_Mobile-if01-port0 -> ../../ttyUSB2\n\
                 lrwxrwxrwx 1 root root 13 Jan 8 11:10 usb-HUAWEI_Technology_HUAWEI_Mobile-if02-port0 -> ../../ttyUSB3\n";
    let lsusb = "Bus 001 Device 004: ID 12d1:1001 Huawei Technologies Co., Ltd.\n";
    assert_eq!(
        lines(&read(format!("{lsusb}{links}").as_bytes()).unwrap()),
        ["- 12d1:1001 modem 0=modem:/dev/ttyUSB1 1=diag:/dev/ttyUSB2 2=pcui:/dev/ttyUSB3"]
    );
    let two = format!("{lsusb}Bus 001 Device 005: ID 12d1:1506 Huawei Technologies Co., Ltd.\n{links}");
    assert_eq!(lines(&read(two.as_bytes()).unwrap()), ["- 12d1:1001 modem", "- 12d1:1506 modem"]);
    let alone = read(links.as_bytes()).unwrap().remarks.join("; ");
    assert!(alone.contains("ttyUSB0 (interface 0), ttyUSB1 (interface 0) of Huawei"), "{alone}");
}

#[test]
fn a_log_of_modem_manager_without_a_modem_is_known_for_what_it_is() {
    let log = "jun 06 05:57:46 host ModemManager[519]: <info>  ModemManager (version 1.17.1) starting in system bus...\n";
    let paste = read(log.as_bytes()).unwrap();
    assert!(paste.has_nameless && paste.remarks.join("; ").contains("a log of ModemManager"), "{paste:?}");
}

/// Ports are there, a program has a modem: of which stick is not told.
#[test]
fn what_tells_of_a_modem_without_ids_is_said() {
    for (text, said) in [
        (
            "lrwxrwxrwx 1 root root 13 Nov 28 10:00 usb-ZTE_Incorporated_P680A1ZTED010000-if02-port0 -> ../../ttyUSB2\n",
            "there are serial ports: ttyUSB2 (interface 2) of ZTE",
        ),
        ("crw-rw---- 1 root dialout 188, 0 Nov 28 10:00 /dev/ttyUSB0\n", "there are serial ports: ttyUSB0"),
        ("/dev/ttyUSB0  /dev/ttyUSB1  /dev/ttyACM0\n", "there are serial ports: ttyACM0, ttyUSB0, ttyUSB1"),
        (
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<response>\n<DeviceName>E3372h</DeviceName>\n</response>\n",
            "an answer of a HiLink stick's web page",
        ),
        ("{\n  \"DeviceName\": \"E3372\"\n}\n", "an answer of a HiLink stick's web page"),
        ("... RECEIVED frametype 0x00/length 0x17/23\n", "a log of gammu"),
        ("Found a modem on /dev/ttyUSB1.\n", "wvdialconf found a modem on ttyUSB1"),
        (
            "ttyUSB1<*1>: Modem Identifier: ATI -- Manufacturer: ZTE INCORPORATED\n",
            "a modem of ZTE answered wvdialconf",
        ),
        (
            "<debug> [1617466396.497974] [modem0/ttyUSB0/at] device open count is 2 (open)\n",
            "ModemManager uses the port ttyUSB0 (at) of a modem",
        ),
        ("u3g0: Found 3 ports.\n", "FreeBSD's driver u3g serves a modem"),
        ("Sun 2015/03/01 09:53:45: SENDING frametype 0x00/length 0x08/8\n", "a log of gammu"),
        ("Apr 16 19:38:43 host chat[3008]: send (ATDT*99#^M)\n", "a log of a dial-up connection"),
        (
            "4: wwan0: <BROADCAST,MULTICAST,NOARP> mtu 1500 qdisc noop state DOWN mode DEFAULT\n",
            "there is a network interface wwan0",
        ),
        ("ls: cannot access '/dev/ttyUSB*': No such file or directory\n", "no serial port of a modem"),
        (
            "DEVICE    TYPE  STATE         CONNECTION\ncdc-wdm0  gsm   disconnected  --\n",
            "NetworkManager knows a modem (cdc-wdm0)",
        ),
        (
            "ModemManager[612]: <info>  [1606556401.0] [device /sys/devices/pci0000:00/0000:00:14.0/usb1/1-3] creating modem with plugin 'huawei' and '4' ports\n",
            "ModemManager made a modem of the device at 1-3, by its plugin huawei",
        ),
        (
            "ModemManager[612]: <info> Couldn't check support for device '/sys/devices/pci0000:00/0000:00:14.0/usb1/1-3': not supported by any plugin\n",
            "ModemManager has no plugin for the device at 1-3",
        ),
        (
            "ModemManager[658]: <info>  [base-manager] couldn't check support for device '/sys/devices/platform/soc/1c19000.usb/musb-hdrc.2.auto': not supported by any plugin\n\
             ModemManager[658]: <info>  [device /sys/devices/platform/soc/1c1b000.usb/usb1/1-1] creating modem with plugin 'quectel' and '6' ports\n",
            "ModemManager made a modem of the device at 1-1, by its plugin quectel",
        ),
    ] {
        let paste = read(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
        let remarks = paste.remarks.join("; ");
        assert!(
            remarks.contains(said)
                && (said.contains("plugin") || !remarks.contains("plugin"))
                && remarks.matches("ModemManager").count() < 2
                && remarks.contains("what `lsusb` and `usb-devices` print")
                && paste.has_nameless,
            "{text}: {remarks}"
        );
        assert!(!remarks.contains("P680A1ZTED"), "{remarks}");
        // Beside a device with ids they say nothing more.
        let with_ids = format!("Bus 001 Device 004: ID 12d1:1506 x\n{text}");
        assert!(!read(with_ids.as_bytes()).unwrap().has_nameless, "{text}");
    }
}

#[test]
fn a_line_with_ids_alone_is_of_the_device_with_these_ids() {
    let text = "Device: ID 19d2:0167 ONDA\nT:  Bus=02 Lev=01 Prnt=01 Port=02 Cnt=01 Dev#= 15 Spd=480 MxCh= 0\nP:  Vendor=19d2 ProdID=0167 Rev=00.00\n\
                C:  #Ifs= 1 Cfg#= 1 Atr=c0 MxPwr=500mA\nI:  If#= 0 Alt= 0 #EPs= 2 Cls=ff(vend.) Sub=ff Prot=ff Driver=option\n";
    let paste = read(text.as_bytes()).unwrap();
    assert_eq!((paste.devices.len(), paste.devices[0].listed_as.as_deref()), (1, Some("ONDA")));
    let two = "ID 19d2:0167 one\nID 19d2:0167 other\nBus 001 Device 004: ID 19d2:2000 x\n";
    assert_eq!(read(two.as_bytes()).unwrap().devices.len(), 3);
}

#[test]
fn ids_of_other_systems_are_read() {
    for text in [
        "        HUAWEI_MOBILE:\n          Product ID: 0x14dc\n          Vendor ID: 0x12d1  (Huawei Technologies Co., Ltd.)\n",
        "    | {\n    |   \"idProduct\" = 5340\n    |   \"USB Product Name\" = \"HUAWEI_MOBILE\"\n    |   \"idVendor\" = 4817\n",
        "ugen1.2: <HUAWEI_MOBILE HUAWEI_MOBILE> at usbus1, cfg=0 md=HOST\n  idVendor = 0x12d1 \n  idProduct = 0x14dc \n",
    ] {
        assert_eq!(lines(&read(text.as_bytes()).unwrap()), ["- 12d1:14dc hilink"], "{text}");
    }
}

#[test]
fn each_device_of_freebsds_list_is_read() {
    let head = |n: u8, name: &str| {
        format!("ugen0.{n}: <{name}> at usbus0, cfg=0 md=HOST spd=HIGH (480Mbps) pwr=ON (500mA)\n")
    };
    let list = [
        head(1, "0x8086 XHCI root HUB"),
        head(2, "vendor 0x1199 product 0x9071"),
        head(4, "vendor 0x06cb product 0x009a"),
    ];
    let paste = read(list.concat().as_bytes()).unwrap();
    assert_eq!((lines(&paste), paste.devices.len()), (vec!["- 1199:9071 modem".to_owned()], 2));
    assert_eq!(paste.devices[0].address, Some((0, 2)));
    let ids = |vendor: &str, product: &str, name: &str| {
        format!(
            "\n  bcdUSB = 0x0200 \n  idVendor = {vendor} \n  idProduct = {product} \n  bcdDevice = 0x0102 \n  iProduct = 0x0002  <{name}>\n\n"
        )
    };
    let two = [
        head(2, "HUAWEI Mobile"),
        ids("0x12d1", "0x1506", "HUAWEI Mobile"),
        head(3, "MC7455"),
        ids("0x1199", "0x9071", "MC7455"),
    ];
    let paste = read(two.concat().as_bytes()).unwrap();
    assert_eq!(lines(&paste), ["- 12d1:1506 modem", "- 1199:9071 modem"]);
    assert_eq!(
        (paste.devices[0].product.as_deref(), paste.devices[0].release),
        (Some("HUAWEI Mobile"), Some(0x0102))
    );
    assert_eq!(paste.devices[1].formats, [Format::Usbconfig]);
    // Configurations have no headings.
    let interface = |n: u8, class: &str| {
        format!(
            "    Interface {n}\n      bInterfaceNumber = 0x000{n} \n      bAlternateSetting = 0x0000 \n      bNumEndpoints = 0x0001 \n\
             \x20     bInterfaceClass = {class} \n      bInterfaceSubClass = 0x0006 \n      bInterfaceProtocol = 0x0050 \n\n\
             \x20    Endpoint 0\n        bEndpointAddress = 0x008{n}  <IN>\n        bmAttributes = 0x0002  <BULK>\n        wMaxPacketSize = 0x0200 \n"
        )
    };
    let whole = [
        head(2, "HUAWEI Mobile"),
        ids("0x12d1", "0x1f01", "HUAWEI Mobile"),
        interface(0, "0x0008"),
        interface(1, "0x0008"),
    ];
    let paste = read(whole.concat().as_bytes()).unwrap();
    assert_eq!(lines(&paste), ["- 12d1:1f01 cdrom 0=storage 1=storage"]);
    assert_eq!(paste.devices[0].configurations[0].interfaces[1].endpoints[0].address, 0x81);
    let named = read(head(2, "HUAWEI_MOBILE HUAWEI_MOBILE").as_bytes()).unwrap();
    assert!(named.has_nameless && named.remarks.join("; ").contains("a device of Huawei"), "{named:?}");
}

#[test]
fn a_line_of_lsusb_that_somebody_wrote_down_is_read() {
    let paste = read(b"lsusb> bus 003 device 005: id 1410:9022 Novatel Wireles\n").unwrap();
    assert_eq!(
        (paste.devices[0].id.to_string(), paste.devices[0].address),
        ("1410:9022".to_owned(), Some((3, 5)))
    );
}

/// The beginning and the end of a page's box are cut off.
#[test]
fn a_part_of_what_modem_manager_says_is_read() {
    let part = "  Status   |              lock: sim-pin\n           |    unlock retries: sim-pin (1), sim-puk (10)\n           |             state: locked\n";
    let modem = read(part.as_bytes()).unwrap().modems.remove(0);
    assert_eq!((modem.lock.as_deref(), modem.pin_tries), (Some("sim-pin"), Some(1)));
    let part = "  Hardware |      manufacturer: huawei\n           |             model: E3372\n  Status   |             state: disabled\n";
    assert_eq!(read(part.as_bytes()).unwrap().modems[0].state.as_deref(), Some("disabled"));
    assert!(read(b"| manufacturer: huawei\n| model: E3372\n").is_none());
}

/// The text's modems: maker, model and what they show, with a `-` for what is not told.
fn modems(text: &str) -> Vec<String> {
    let told = |told: &Option<String>| told.clone().unwrap_or_else(|| "-".to_owned());
    let line = |m: &ManagedModem| format!("{} {} {}", told(&m.manufacturer), told(&m.model), told(&m.shows));
    read(text.as_bytes()).unwrap_or_else(|| panic!("{text}")).modems.iter().map(line).collect()
}

#[test]
fn who_answers_a_question_otherwise_is_another_modem() {
    let two = "AT+CGMI\nhuawei\nOK\nAT+CGMM\nE3372\nOK\nAT+CGMI\nQuectel\nOK\nAT+CGMM\nEC25\nOK\n";
    assert_eq!(modems(two), ["huawei E3372 -", "Quectel EC25 -"]);
    let of_one_maker = "AT+CGMI\nhuawei\nOK\nAT+CGMM\nE3372\nOK\nAT+CGMI\nhuawei\nOK\nAT+CGMM\nE173\nOK\nAT+CGMM\nME906s\nOK\n";
    assert_eq!(modems(of_one_maker), ["huawei E3372 -", "huawei E173 -", "- ME906s -"]);
    let fields = "ATI\nManufacturer: huawei\nModel: E3372\nIMEI: 860000000000001\nOK\nATI\nManufacturer: huawei\nModel: E3372\n\
                  IMEI: 860000000000002\nOK\n";
    assert_eq!(modems(fields).len(), 2);
    // One, asked twice, and after its firmware was changed.
    let again = "ATI\nManufacturer: huawei\nModel: E3372\nRevision: 21.1\nOK\nAT+CGMM\nE3372h\nOK\nATI\nManufacturer: Huawei\nModel: E3372\nRevision: 22.2\nOK\n";
    assert_eq!(modems(again), ["Huawei E3372 -"]);
}

#[test]
fn an_answer_without_its_command_is_read() {
    let block = "Manufacturer: SIMCOM INCORPORATED\nModel: SIMCOM_SIM7600E-H\nRevision: LE11B14SIM7600M22\nSVN: 01\nIMEI: 860000000000001\n";
    assert_eq!(modems(block), ["SIMCOM INCORPORATED SIMCOM_SIM7600E-H -"]);
    let modem = read(block.as_bytes()).unwrap().modems.remove(0);
    assert_eq!(modem.equipment_id.as_deref(), Some("860000000000001"));
    for (text, shows) in [
        ("AT+QCFG=\"usbnet\"\n+QCFG: \"usbnet\",0\nOK\n", "- - network by QMI (RmNet)"),
        ("+QCFG: \"usbnet\",2\n", "- - network by MBIM"),
        ("AT#USBCFG?\n#USBCFG: 3\nOK\n", "- - composition 3 of its model's list"),
        (
            "AT!USBCOMP?\nConfig Index: 1\nConfig Type:  3 (MBIM)\nInterface bitmask: 0000100D (diag,nmea,modem,mbim)\nOK\n",
            "- - diag, nmea, modem, mbim",
        ),
    ] {
        assert_eq!(modems(text), [shows], "{text}");
    }
}

#[test]
fn modems_that_managers_list_are_read() {
    let list = "root@OpenWrt:~# mmcli -L\n    /org/freedesktop/ModemManager1/Modem/0 [Quectel] RM500U-EA\n    \
                /org/freedesktop/ModemManager1/Modem/1 [huawei] E3372\n";
    assert_eq!(modems(list), ["Quectel RM500U-EA -", "huawei E3372 -"]);
    let detail = "  General  |  path: /org/freedesktop/ModemManager1/Modem/0\n  Hardware |  manufacturer: Quectel\n           |  model: RM500U\n\
                  \x20 System   |  plugin: generic\n           |  ports: ttyUSB0 (at)\n";
    for both in [format!("{list}{detail}"), format!("{detail}{list}")] {
        let mut told = modems(&both);
        told.sort();
        assert_eq!(told, ["Quectel RM500U -", "huawei E3372 -"], "{both}");
    }
}

#[test]
fn other_pages_of_sticks_are_read() {
    let alcatel = r#"{"jsonrpc":"2.0","result":{"DeviceName":"IK40V","HwVersion":"IK40-MB-V1.0","SwVersion":"IK40_E9_02.00_23","IMEI":"860000000000001"},"id":"13.1"}"#;
    let modem = read(alcatel.as_bytes()).unwrap().modems.remove(0);
    assert_eq!(
        (modem.model.as_deref(), modem.revision.as_deref()),
        (Some("IK40V"), Some("IK40_E9_02.00_23"))
    );
    assert_eq!(modem.told_by, Teller::OtherPage);
    for error in [
        "<?xml version=\"1.0\"?>\n<error>\n<code>125003</code>\n<message></message>\n</error>\n",
        "<error><code>125003</code><message/></error>",
    ] {
        assert_eq!(read(error.as_bytes()).unwrap().page_errors, [125_003]);
    }
    assert!(read(b"<code>125003</code>\n").is_none());
}

#[test]
fn what_ioreg_shows_has_its_name() {
    let text = "  +-o HUAWEI Mobile@14200000  <class AppleUSBDevice, id 0x100000abc>\n      {\n        \"USB Product Name\" = \"HUAWEI Mobile\"\n        \
                \"idProduct\" = 5382\n        \"idVendor\" = 4817\n        \"USB Vendor Name\" = \"HUAWEI Technology\"\n      }\n  \
                +-o Other@14300000  <class AppleUSBDevice>\n      {\n        \"idProduct\" = 1\n        \"idVendor\" = 4817\n      }\n";
    let devices = read(text.as_bytes()).unwrap().devices;
    assert_eq!(devices.iter().map(|d| d.id.to_string()).collect::<Vec<_>>(), ["12d1:1506", "12d1:0001"]);
    assert_eq!(devices[0].formats, [Format::Ioreg]);
    assert_eq!(devices[0].product.as_deref(), Some("HUAWEI Mobile"));
    assert_eq!(devices[0].manufacturer.as_deref(), Some("HUAWEI Technology"));
    assert_eq!(devices[1].product, None);
}

#[test]
fn hwinfo_tells_ids_place_and_ports() {
    let block = |interface: u8| {
        format!(
            "2{interface}: USB 00.{interface}: 0b00 Modem\n  [Created at usb.122]\n  SysFS BusID: 1-4:1.{interface}\n  Hardware Class: modem\n\
             \x20 Model: \"Huawei E620 USB Modem\"\n  Vendor: usb 0x12d1 \"Huawei Technologies Co., Ltd.\"\n  Device: usb 0x1001 \"E620 USB Modem\"\n\
             \x20 Revision: \"0.00\"\n  Driver: \"option\"\n  Driver Modules: \"option\"\n  Device File: /dev/ttyUSB{interface} (/dev/x)\n"
        )
    };
    let paste = read(format!("{}\n{}", block(0), block(1)).as_bytes()).unwrap();
    assert_eq!(lines(&paste), ["1-4 12d1:1001 modem 0=modem:/dev/ttyUSB0 1=diag:/dev/ttyUSB1"]);
    assert_eq!(paste.devices[0].product.as_deref(), Some("Huawei E620 USB Modem"));
    assert_eq!(paste.devices[0].formats, [Format::Hwinfo]);
    // A device of another bus ends the last one.
    let other = "30: PCI 14.0: 0c03 USB Controller (XHCI)\n  Vendor: pci 0x8086 \"Intel\"\n  SysFS BusID: 0000:00:14.0\n";
    let text = format!("{}\n{}\n{other}", block(0), block(1));
    assert_eq!(lines(&read(text.as_bytes()).unwrap()), lines(&paste));
}
