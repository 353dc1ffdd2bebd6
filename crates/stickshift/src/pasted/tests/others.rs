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
    assert!(e3372.by_itself && e3372.plugin.is_none());
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
        "AT^VERSION?\n^VERSION:EXTS:21.328.03.00.00\n^VERSION:EXTH:CL1E8372HM Ver.A\n^VERSION:EXTU:E8372\nOK\n",
    );
    assert_eq!((each.model.as_deref(), each.hardware.as_deref()), (Some("E8372"), Some("CL1E8372HM Ver.A")));
    let named = of("at+gmm\n+GMM: \"E173\"\nOK\nat+gmr\n+GMR: 11.126\nOK\n");
    assert_eq!((named.model.as_deref(), named.revision.as_deref()), (Some("E173"), Some("11.126")));
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
            "there are serial ports: ttyUSB2 (interface 2)",
        ),
        ("crw-rw---- 1 root dialout 188, 0 Nov 28 10:00 /dev/ttyUSB0\n", "there are serial ports: ttyUSB0"),
        ("/dev/ttyUSB0  /dev/ttyUSB1  /dev/ttyACM0\n", "there are serial ports: ttyACM0, ttyUSB0, ttyUSB1"),
        (
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<response>\n<DeviceName>E3372h</DeviceName>\n</response>\n",
            "an answer of a HiLink stick's web page",
        ),
        (
            "{\n  \"DeviceName\": \"E3372\",\n  \"Imei\": \"860000000000001\"\n}\n",
            "an answer of a HiLink stick's web page",
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
        "ugen1.2: <HUAWEI_MOBILE HUAWEI_MOBILE> at usbus1, cfg=0 md=HOST\n  idVendor = 0x12d1 \n  idProduct = 0x14dc \n",
    ] {
        assert_eq!(lines(&read(text.as_bytes()).unwrap()), ["- 12d1:14dc hilink"], "{text}");
    }
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
