use super::*;

fn of(text: &str) -> String {
    lines(&read(text.as_bytes()).unwrap_or_else(|| panic!("{text}"))).join("; ")
}

fn remarks(text: &str) -> String {
    let paste = read(text.as_bytes()).unwrap();
    let own = paste.devices.iter().flat_map(|d| d.remarks.clone());
    own.chain(paste.remarks.clone()).collect::<Vec<_>>().join("; ")
}

/// `devcon status`, wmic and Get-PnpDevice put the ids first, others the name; a modem's name has no number.
#[test]
fn a_port_is_of_the_ids_in_its_own_record() {
    let at = |key: &str, mi: u8| format!("{key}USB\\VID_2C7C&PID_0125&MI_0{mi}\\6&2A5C1E7&0&000{mi}\n");
    let ids_first = |id: &str, name: &str| {
        let record = |mi, port: &str| format!("{}{name}{port}\n\n", at(id, mi));
        let ports =
            [(2, "Quectel USB AT Port (COM5)"), (0, "Quectel USB DM Port (COM4)"), (3, "Quectel USB Modem")];
        ports.map(|(mi, port)| record(mi, port)).concat()
    };
    let wanted = "- 2c7c:0125 modem 0=diag:COM4 2=pcui:COM5 3=modem";
    for (id, name) in [("", "    Name: "), ("DeviceID=", "Name="), ("InstanceId     : ", "FriendlyName   : ")]
    {
        assert_eq!(of(&ids_first(id, name)), wanted, "{id}{name}");
    }
    let name_first = [
        "Quectel USB DM Port (COM4)\n".to_owned() + &at("", 0),
        "Quectel USB AT Port (COM5)\n".to_owned() + &at("", 2),
    ];
    assert_eq!(of(&name_first.concat()), "- 2c7c:0125 modem 0=diag:COM4 2=pcui:COM5");
    // USBDeview: the number stands in a line of its own.
    let row = |name: &str, com: &str, mi| {
        format!(
            "Description       : {name}\nDrive Letter      : {com}\nVendorID          : 2c7c\nProductID         : 0125\n{}",
            at("Instance ID       : ", mi)
        )
    };
    let rows = [row("Quectel USB AT Port", "COM5", 2), row("Quectel USB DM Port", "COM4", 0)].concat();
    assert_eq!(of(&rows), "- 2c7c:0125 modem 0=diag:COM4 2=pcui:COM5");
    // CSV of wmic.
    let csv =
        format!("{},HUAWEI,HUAWEI Mobile Connect - Application Interface (COM6)\n", at("PC,", 1).trim_end());
    assert_eq!(of(&csv), "- 2c7c:0125 modem 1=gps:COM6");
    // One name before the ids of several interfaces is of none of them.
    let several = ["HUAWEI Mobile Connect - Application Interface (COM7)\n", &at("", 0), &at("", 1)].concat();
    assert_eq!(of(&several), "- 2c7c:0125 modem");
    assert!(remarks(&several).contains("COM7 is a port of Huawei"));
}

#[test]
fn lists_of_other_programs_are_read() {
    let list = "VendorID          : 12d1\nProductID         : 1446\nUSB Class         : 08\n";
    assert_eq!(of(list), "- 12d1:1446 cdrom");
    let usbmode = "Found device: 1c9e:f000 (Manufacturer: \"USB Modem\", Product: \"USB Stick\", Serial: \"1234567890ABCDEF\")\n";
    assert_eq!(of(usbmode), "- 1c9e:f000 cdrom");
    let device = read(usbmode.as_bytes()).unwrap().devices.remove(0);
    assert_eq!((device.formats, device.product.as_deref()), (vec![Format::UsbMode], Some("USB Stick")));
    let router = " 1 device=\"1:3\" vendor=\"HUAWEI Technology\" name=\"HUAWEI Mobile\" speed=\"480 Mbps\" vendor-id=\"0x12d1\" device-id=\"0x14fe\" ports=0\n";
    assert_eq!(of(router), "- 12d1:14fe cdrom");
    let device = read(router.as_bytes()).unwrap().devices.remove(0);
    assert_eq!((device.address, device.product.as_deref()), (Some((1, 3)), Some("HUAWEI Mobile")));
}

/// The log is silent about interfaces without a driver.
#[test]
fn a_network_card_in_a_log_is_no_proof_that_there_are_no_ports() {
    let log = |id: &str, driver: &str| {
        let (vendor, product) = id.split_once(':').unwrap();
        format!(
            "usb 1-1: New USB device found, idVendor={vendor}, idProduct={product}\n\
             {driver} 1-1:1.0 eth1: register '{driver}' at usb-0000:00:14.0-1, Ethernet Device, 00:a0:c6:00:00:00\n"
        )
    };
    assert_eq!(of(&log("2cb7:0001", "cdc_ether")), "1-1 2cb7:0001 modem 0=network:eth1");
    assert_eq!(of(&log("2c7c:6026", "rndis_host")), "1-1 2c7c:6026 modem 0=network:eth1");
    // What its ids alone say stays known.
    assert_eq!(of(&log("1e0e:9011", "rndis_host")), "1-1 1e0e:9011 modem 0=network:eth1");
    assert_eq!(of(&log("12d1:14dc", "cdc_ether")), "1-1 12d1:14dc hilink 0=network:eth1");
    let unknown = log("12d1:14aa", "cdc_ether");
    let stick = read(unknown.as_bytes()).unwrap().devices[0].stick(&place(), &Catalogue::builtin());
    assert!(
        stick.evidence.iter().any(|line| line.contains("it may have serial ports")),
        "{:?}",
        stick.evidence
    );
    // A list of all interfaces proves it.
    let all = "P:  Vendor=2c7c ProdID=6026 Rev=03.18\nC:* #Ifs= 2 Cfg#= 1 Atr=e0 MxPwr=500mA\n\
               I:* If#= 0 Alt= 0 #EPs= 1 Cls=e0(wlcon) Sub=01 Prot=03 Driver=rndis_host\n\
               I:* If#= 1 Alt= 0 #EPs= 2 Cls=0a(data ) Sub=00 Prot=00 Driver=rndis_host\n";
    assert_eq!(of(all), "- 2c7c:6026 hilink 0=network 1=other");
}

#[test]
fn a_tree_beside_the_log_is_of_the_device_at_its_place() {
    let text = "usb 1-1.4: New USB device found, idVendor=2c7c, idProduct=0121\n\
                qmi_wwan 1-1.4:1.4 wwan0: register 'qmi_wwan' at usb-3f980000.usb-1.4, WWAN/QMI device, ce:db:66:0e:df:26\n\
                /:  Bus 01.Port 1: Dev 1, Class=root_hub, Driver=dwc_otg/1p, 480M\n    \
                |__ Port 1: Dev 2, If 0, Class=Hub, Driver=hub/4p, 480M\n        \
                |__ Port 4: Dev 7, If 1, Class=Vendor Specific Class, Driver=, 480M\n        \
                |__ Port 4: Dev 7, If 4, Class=Vendor Specific Class, Driver=qmi_wwan, 480M\n        \
                |__ Port 4: Dev 7, If 2, Class=Vendor Specific Class, Driver=, 480M\n        \
                |__ Port 4: Dev 7, If 0, Class=Vendor Specific Class, Driver=, 480M\n        \
                |__ Port 4: Dev 7, If 3, Class=Vendor Specific Class, Driver=, 480M\n";
    assert_eq!(of(text), "1-1.4 2c7c:0121 modem 0=diag 1=gps 2=pcui 3=modem 4=network:wwan0");
    assert!(
        !remarks(text).contains("missing") && !remarks(text).contains("names no ids"),
        "{}",
        remarks(text)
    );
}

#[test]
fn a_part_of_what_udevadm_prints_is_no_rule() {
    let parent = "  looking at parent device '/devices/pci0000:00/0000:00:1d.7/usb1/1-3':\n    KERNELS==\"1-3\"\n    DRIVERS==\"usb\"\n    \
                  ATTRS{idVendor}==\"1bbb\"\n    ATTRS{idProduct}==\"0017\"\n    ATTRS{manufacturer}==\"USBModem\"\n    ATTRS{product}==\"HSPA Data Card\"\n  \
                  looking at parent device '/devices/pci0000:00/0000:00:1d.7/usb1':\n    ATTRS{idVendor}==\"1d6b\"\n    ATTRS{product}==\"EHCI\"\n";
    assert_eq!(of(parent), "1-3 1bbb:0017 modem");
    assert_eq!(read(parent.as_bytes()).unwrap().devices[0].product.as_deref(), Some("HSPA Data Card"));
    assert_eq!(of("    ATTRS{idVendor}==\"1bbb\"\n    ATTRS{idProduct}==\"0017\"\n"), "- 1bbb:0017 modem");
    let found = "KERNELS==\"ttyUSB2\"\nKERNELS==\"1-3:1.2\"\nATTRS{bInterfaceNumber}==\"02\"\nKERNELS==\"1-3\"\nATTRS{idProduct}==\"0017\"\nATTRS{idVendor}==\"1bbb\"\n";
    assert_eq!(of(found), "1-3 1bbb:0017 modem 2=serial:/dev/ttyUSB2");
    for rule in [
        "ATTR{idVendor}==\"12d1\", ATTR{idProduct}==\"1f01\", RUN+=\"x\"\n",
        "ATTRS{idVendor}==\"12d1\", \\\nATTRS{idProduct}==\"1f01\"\n",
    ] {
        assert!(read(rule.as_bytes()).is_none(), "{rule}");
    }
    // Its texts may have a blank that the plain ones lack: what follows decides whether a serial number is seen.
    let encoded = "P: /devices/x/usb1/1-1/1-1.3\nE: ID_MODEL=MDM-MTP__SN:0123ABCD\nE: ID_MODEL_ENC=MDM-MTP\\x20_SN:0123ABCD\nE: ID_MODEL_ID=9025\nE: ID_VENDOR_ID=05c6\n";
    assert_eq!(read(encoded.as_bytes()).unwrap().devices[0].product.as_deref(), Some("MDM-MTP _SN:0123ABCD"));
}

#[test]
fn a_log_of_usb_modeswitch_that_ends_early_is_no_profile() {
    let log = "Taking all parameters from the command line\n\n * usb_modeswitch: handle USB devices with multiple modes\n * Version 1.2.3 (C) Josua Dietze 2012\n\
               ! PLEASE REPORT NEW CONFIGURATIONS !\nDefaultVendor=  0x12d1\nDefaultProduct= 0x1446\nTargetVendor=   not set\nMessageContent=\"55534243123456780000000000000011062000000100000000000000000000\"\n\
               usb_set_debug: Setting debugging level to 15 (on)\n";
    assert_eq!(of(log), "- 12d1:1446 cdrom");
    assert!(
        remarks(log).contains("the text ends before it says what it found")
            && !remarks(log).contains("of its own")
    );
    let old = "$ usb_modeswitch -W -v 12d1 -p 1446\n * usb_modeswitch: tool for controlling \"flip flop\" mode USB devices\nDefaultVendor=  0x12d1\nDefaultProduct= 0x1446\n";
    assert_eq!(of(old), "- 12d1:1446 cdrom");
    let settings = "DefaultVendor=  0x12d1\nDefaultProduct= 0x1446\nMessageContent=\"5553424312345678\"\n";
    assert!(read(settings.as_bytes()).is_none());
    let post = format!("Bus 001 Device 004: ID 12d1:1446 Huawei\nmy file:\n{settings}");
    assert!(remarks(&post).contains("a switch message of its own"), "{}", remarks(&post));
    assert!(!remarks(&post.replace("\"5553424312345678\"", " not set")).contains("of its own"));
}
