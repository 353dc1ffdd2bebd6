use super::*;

fn of(text: &str) -> String {
    lines(&read(text.as_bytes()).unwrap_or_else(|| panic!("{text}"))).join("; ")
}

fn remarks(text: &str) -> String {
    let paste = read(text.as_bytes()).unwrap();
    let own = paste.devices.iter().flat_map(|d| d.remarks.clone());
    own.chain(paste.remarks.clone()).collect::<Vec<_>>().join("; ")
}

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
