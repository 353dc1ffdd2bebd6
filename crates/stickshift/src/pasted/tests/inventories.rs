use super::*;

const LSHW: &str = "  *-usb:0\n    description: Mass storage device\n    product: E353/E3131 [12D1:1F01]\n    \
    vendor: Huawei Technologies Co., Ltd. [12D1]\n    physical id: 2\n    bus info: usb@1:1.2\n    version: 1.02\n    \
    serial: 0123456789ABCDEF\n    configuration: driver=usb-storage maxpower=500mA speed=480Mbit/s\n  \
    *-network\n    product: RTL8111 [10EC:8168]\n    vendor: Realtek [10EC]\n    bus info: pci@0000:02:00.0\n";

/// Place, ids, mode, names, what printed it.
fn told(text: &str) -> Vec<String> {
    let paste = read(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
    let of = |(line, d): (String, &PastedDevice)| {
        let names = [&d.manufacturer, &d.product, &d.listed_as].map(|name| name.as_deref().unwrap_or("-"));
        format!("{line}; {}; {}", names.join(", "), d.formats[0].command())
    };
    lines(&paste).into_iter().zip(&paste.devices).map(of).collect()
}

#[test]
fn lshw_is_read_with_ids_in_any_language() {
    let wanted = "1-1.2 12d1:1f01 cdrom; Huawei Technologies Co., Ltd., E353/E3131, -; lshw";
    assert_eq!(told(LSHW), [wanted]);
    assert_eq!(read(LSHW.as_bytes()).unwrap().devices[0].release, Some(0x0102));
    let german = LSHW
        .replace("product:", "Produkt:")
        .replace("vendor:", "Hersteller:")
        .replace("bus info:", "Bus-Informationen:");
    assert_eq!(told(&german), [wanted]);
    let alone = LSHW.split("  *-network").next().unwrap();
    let others = "$ lspci -nnk\n02:00.0 Network controller [0280]: Intel [8086:24f3]\n\tSubsystem: Lenovo Device [17aa:2258]\n";
    assert_eq!(told(&format!("{alone}{others}")), [wanted]);
    let json = "[\n{\n\"id\" : \"usb:0\",\n\"class\" : \"communication\",\n\"product\" : \"HUAWEI Mobile [12D1:1436]\",\n\
        \"vendor\" : \"HUAWEI Technology [12D1]\",\n\"businfo\" : \"usb@3:2\",\n\"configuration\" : {\n\"driver\" : \"option\"\n}\n}\n]\n";
    assert_eq!(told(json), ["3-2 12d1:1436 modem; HUAWEI Technology, HUAWEI Mobile, -; lshw"]);
}

#[test]
fn one_stick_of_lsusb_and_lshw_is_one() {
    let both = format!("Bus 001 Device 005: ID 12d1:1f01 Huawei Technologies Co., Ltd.\n{LSHW}");
    let paste = read(both.as_bytes()).unwrap();
    assert_eq!(lines(&paste), ["1-1.2 12d1:1f01 cdrom"]);
    assert_eq!(paste.devices[0].address, Some((1, 5)));
}

#[test]
fn inxi_is_read_and_ids_of_pci_are_none_of_usb() {
    let card =
        "  Device-1: Intel Wireless 7260 driver: iwlwifi v: kernel bus-ID: 03:00.0 chip-ID: 8086:08b2\n";
    for (text, wanted) in [
        (
            "Network:\n  Device-2: Huawei E353/E3131 type: USB driver: cdc_ether\n    bus-ID: 2-1.2:5 chip-ID: 12d1:14db class-ID: 0a00\n  IF: eth1 state: up\n",
            "2-1.2 12d1:14db hilink; -, -, Huawei E353/E3131; inxi",
        ),
        (
            "Network:   Card-2: Huawei E3372 driver: huawei_cdc_ncm usb-ID: 12d1:1506\n",
            "- 12d1:1506 modem; -, -, Huawei E3372; inxi",
        ),
        (
            "  Device-1: Huawei Modem type: USB driver: option bus ID: 1-1.3:5 chip ID: 12d1:1506\n",
            "1-1.3 12d1:1506 modem; -, -, Huawei Modem; inxi",
        ),
        (
            "USB:\n  Device-1: 1-3:4 info: Huawei E3372 LTE Modem driver: option,usb-storage rev: 2.0 chip-ID: 12d1:1506\n",
            "1-3 12d1:1506 modem; -, Huawei E3372 LTE Modem, -; inxi",
        ),
    ] {
        let wanted = wanted.replace("-, Huawei E3372 LTE Modem, -", "-, -, Huawei E3372 LTE Modem");
        for text in [text.to_owned(), format!("{text}{card}")] {
            assert_eq!(told(&text).join("; "), wanted);
        }
    }
    assert!(read(card.as_bytes()).is_none());
}

#[test]
fn lists_without_ids_say_what_they_tell_and_how_to_get_more() {
    for (text, wanted) in [
        (
            "  *-network DISABLED\n    bus info: usb@1:1.2\n    logical name: wwan0\n    configuration: broadcast=yes driver=qmi_wwan\n",
            "the device at 1-1.2 is a modem, for the driver qmi_wwan",
        ),
        (
            "  Device-1: ZTE WCDMA MSM type: USB driver: option,usb-storage\n",
            "a device of ZTE, a maker of modems",
        ),
        ("modem:\n  /dev/ttyUSB0         Huawei E169\n", "ttyUSB0 of Huawei"),
        (
            "drwxr-xr-x 4 root root 0 Jun 2 11:33 /sys/bus/usb/devices/2-4:1.2/ttyUSB1\n",
            "ttyUSB1 (interface 2)",
        ),
        ("wwan0     Link encap:Ethernet  HWaddr 02:50:F3:00:00:00\n", "network interface wwan0"),
        ("wwan0: flags=4305<UP,RUNNING>  mtu 1500\n", "network interface wwan0"),
        ("GENERAL.DEVICE:   cdc-wdm0\nGENERAL.TYPE:   gsm\n", "NetworkManager knows a modem (cdc-wdm0)"),
        ("<msg> [ttyUSB1/probe] probe step: QCDM\n", "a log of ModemManager"),
        (
            "# uqmi -d /dev/cdc-wdm0 --get-serving-system\n{\"registration\": \"registered\"}\n",
            "not for its name",
        ),
    ] {
        let paste = read(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
        let remarks = paste.remarks.join("; ");
        assert!(
            paste.devices.is_empty() && paste.modems.is_empty() && remarks.contains(wanted),
            "{text}: {remarks}"
        );
    }
    for text in
        ["  *-network\n    product: RTL8111\n    bus info: pci@0000:02:00.0\n", "-a list\n", "Device-1: x\n"]
    {
        assert!(read(text.as_bytes()).is_none(), "{text}");
    }
}

#[test]
fn other_lists_of_the_bus_are_read() {
    let lsusb_py = "usb1            1d6b:0002 09 2.00  480MBit/s 0mA 1IF  (Linux xHCI Host Controller) hub\n \
        1-2              12d1:1001 00 2.00  480MBit/s 500mA 3IFs (HUAWEI Technology HUAWEI Mobile)\n  \
        1-2:1.0           (IF) ff:ff:ff 3EPs (Vendor Specific Class) option ttyUSB0\n  \
        1-2:1.1           (IF) ff:ff:ff 2EPs (Vendor Specific Class) option ttyUSB1\n  \
        1-2:1.2           (IF) 08:06:50 2EPs (Mass Storage:SCSI:Bulk-Only (Zip)) usb-storage host4 (sr0)\n";
    let paste = read(lsusb_py.as_bytes()).unwrap();
    assert_eq!(lines(&paste), ["1-2 12d1:1001 modem 0=modem:/dev/ttyUSB0 1=diag:/dev/ttyUSB1 2=storage"]);
    assert_eq!(paste.devices[0].product.as_deref(), Some("HUAWEI Technology HUAWEI Mobile"));
    let usbview = "HUAWEI Mobile\nManufacturer: HUAWEI Technology\nSpeed: 480Mb/s (high)\nVendor Id: 12d1\nProduct Id: 1f01\n\
        Revision Number:  1.02\n\nConfig Number: 1\n\tInterface Number: 0\n\t\tName: usb-storage\n\t\tClass: 08(stor.)\n\
        \t\tSub Class: 06\n\t\tProtocol: 50\n";
    let paste = read(usbview.as_bytes()).unwrap();
    assert_eq!(lines(&paste), ["- 12d1:1f01 cdrom 0=storage"]);
    assert_eq!(paste.devices[0].formats, [Format::Usbview]);
}

#[test]
fn properties_of_udev_are_read_without_their_letters() {
    let path = "/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0/ttyUSB0/tty/ttyUSB0";
    let text = format!(
        "DEVPATH={path}\nDEVNAME=/dev/ttyUSB0\nID_VENDOR_ID=12d1\nID_MODEL_ID=1506\nID_USB_DRIVER=option\n"
    );
    let wanted = ["1-2 12d1:1506 modem 0=serial:/dev/ttyUSB0"];
    assert_eq!(lines(&read(text.as_bytes()).unwrap()), wanted);
    let monitor =
        format!("ACTION=remove\nDEVPATH=/devices/usb1/1-3\nPRODUCT=12d1/1f01/102\n\nACTION=add\n{text}");
    assert_eq!(lines(&read(monitor.as_bytes()).unwrap()), wanted);
    let kernel = "DEVPATH=/devices/usb1/1-3\nPRODUCT=12d1/1f01/102\n";
    assert_eq!(lines(&read(kernel.as_bytes()).unwrap()), ["1-3 12d1:1f01 cdrom"]);
    assert_eq!(read(kernel.as_bytes()).unwrap().devices[0].release, Some(0x0102));
}

#[test]
fn chat_tells_who_answered() {
    let text =
        "send (AT^M)\nexpect (OK)\n^M\nOK\n -- got it\nsend (AT+CGMM^M)\nexpect (OK)\n^M\nEC25\n^M\nOK\n";
    assert_eq!(read(text.as_bytes()).unwrap().modems[0].model.as_deref(), Some("EC25"));
}

/// 4IceG/luci-app-3ginfo-lite, issue 55: each line is a row of a table.
#[test]
fn rows_of_a_table_are_lines() {
    let text = "  | T: Bus=02 Lev=01 Prnt=01 Port=00 Cnt=01 Dev#= 2 Spd=480 MxCh= 0 |  \n  | P: Vendor=1e2d ProdID=00b3 Rev= 4.14 |  \n  \
        | C:* #Ifs= 1 Cfg#= 1 Atr=80 MxPwr=500mA |  \n  | I:* If#= 0 Alt= 0 #EPs= 1 Cls=02(comm.) Sub=0e Prot=00 Driver=cdc_mbim |  \n";
    assert_eq!(lines(&read(text.as_bytes()).unwrap()), ["2-1 1e2d:00b3 modem 0=network"]);
}

#[test]
fn root_hubs_without_ids_are_no_devices_whose_ids_are_missing() {
    assert!(read(&fixture("old-root-hubs.lsusb")).unwrap().remarks.is_empty());
}
