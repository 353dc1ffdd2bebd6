//! Descriptors in the punctuation of other programs than lsusb.

use super::*;

/// Ids, texts, classes of the interfaces, remarks.
fn told(text: &str) -> Vec<String> {
    let paste = read(text.as_bytes()).unwrap();
    let mut said: Vec<String> = paste.remarks.clone();
    for device in &paste.devices {
        let interfaces = device.configurations.iter().flat_map(|c| &c.interfaces);
        let classes: Vec<String> = interfaces
            .map(|i| format!("{}={:02x}/{:02x}/{:02x}", i.number, i.class[0], i.class[1], i.class[2]))
            .collect();
        let names = [&device.manufacturer, &device.product].map(|name| name.as_deref().unwrap_or("-"));
        said.push(format!("{} {} {}", device.id, names.join(" "), classes.join(" ")));
        said.extend(device.remarks.clone());
        said.push(device.formats.iter().map(|f| f.command()).collect::<Vec<_>>().join(", "));
    }
    said
}

const USBVIEW: &str = "Device Descriptor:\nbcdUSB:             0x0200\nbDeviceClass:         0x00\n\
    idVendor:           0x12D1 (Huawei Technologies Co., Ltd.)\nidProduct:          0x1506\nbcdDevice:          0x0102\n\
    iManufacturer:        0x04\n0x0409: \"HUAWEI_MOBILE\"\nbNumConfigurations:   0x01\n\n\
    Configuration Descriptor:\nbNumInterfaces:       0x02\nbConfigurationValue:  0x01\nMaxPower:             0xFA (500 Ma)\n\n\
    Interface Descriptor:\nbInterfaceNumber:     0x00\nbAlternateSetting:    0x00\nbInterfaceClass:      0xFF\n\
    bInterfaceSubClass:   0x02\nbInterfaceProtocol:   0x12\niInterface:           0x00\n\n\
    Interface Descriptor:\nbInterfaceNumber:     0x01\nbAlternateSetting:    0x00\nbInterfaceClass:      0xFF\n\
    bInterfaceSubClass:   0x02\nbInterfaceProtocol:   0x01\n\nEndpoint Descriptor:\nbEndpointAddress:     0x81\n\
    Transfer Type:        Bulk\nwMaxPacketSize:     0x0200 (512)\nbInterval:            0x00\n";

#[test]
fn usbview_is_read() {
    assert_eq!(told(USBVIEW), ["12d1:1506 HUAWEI_MOBILE - 0=ff/02/12 1=ff/02/01", "USBView or the like"]);
    let device = read(USBVIEW.as_bytes()).unwrap().devices.remove(0);
    assert_eq!((device.release, device.configurations[0].max_power), (Some(0x0102), 250));
    assert_eq!(device.configurations[0].interfaces[1].endpoints[0].address, 0x81);
}

#[test]
fn usb_device_tree_viewer_is_read_as_one_device() {
    let text = "    ========================== Summary =========================\nVendor ID                : 0x12D1 (Huawei)\n\
        Device ID                : USB\\VID_12D1&PID_1F01\\0123456789ABCDEF\n\
        Hardware IDs             : USB\\VID_12D1&PID_1F01&REV_0102 USB\\VID_12D1&PID_1F01\n\
        \x20   ---------------------- Device Descriptor ----------------------\nbLength                  : 0x12 (18 bytes)\n\
        bDeviceClass             : 0x00 (defined by the interface descriptors)\nidVendor                 : 0x12D1 (Huawei)\n\
        idProduct                : 0x1F01\niManufacturer            : 0x02 (String Descriptor 2)\n\
        \x20Language 0x0409         : \"HUAWEI_MOBILE\"\niProduct                 : 0x00 (No String Descriptor)\n\
        \x20   ------------------ Configuration Descriptor -------------------\nbNumInterfaces           : 0x01 (1 Interface)\n\
        bConfigurationValue      : 0x01 (Configuration 1)\n\
        \x20       ---------------- Interface Descriptor -----------------\nbInterfaceNumber         : 0x00 (Interface 0)\n\
        bAlternateSetting        : 0x00\nbInterfaceClass          : 0x08 (Mass Storage)\n\
        bInterfaceSubClass       : 0x06 (SCSI transparent command set)\nbInterfaceProtocol       : 0x50 (Bulk-Only Transport)\n\
        \x20       ----------------- Endpoint Descriptor -----------------\nbEndpointAddress         : 0x81 (Direction=IN EndpointID=1)\n\
        bmAttributes             : 0x02 (TransferType=Bulk)\nwMaxPacketSize           : 0x0200 (max 512 bytes)\n";
    assert_eq!(
        told(text),
        ["12d1:1f01 HUAWEI_MOBILE - 0=08/06/50", "USBView or the like, Windows (hardware ids)"]
    );
}

#[test]
fn usblyzer_is_read() {
    let text = "Device Descriptor HUAWEI Mobile\nOffset\tField\tSize\tValue\tDescription \n0\tbLength\t1\t12h\t  \n\
        4\tbDeviceClass\t1\t00h\tClass info in Ifc Descriptors\n8\tidVendor\t2\t12D1h\tHuawei Technologies Co., Ltd.\n\
        10\tidProduct\t2\t1F01h\t  \n14\tiManufacturer\t1\t02h\t\"HUAWEI_MOBILE\"\n\
        Configuration Descriptor 1 Bus Powered, 500 mA\nOffset\tField\tSize\tValue\tDescription\n4\tbNumInterfaces\t1\t01h\n\
        Interface Descriptor 0/0 Mass Storage, 2 Endpoints\nOffset\tField\tSize\tValue\tDescription\n\
        2\tbInterfaceNumber\t1\t00h\n3\tbAlternateSetting\t1\t00h\n5\tbInterfaceClass\t1\t08h\tMass Storage\n\
        6\tbInterfaceSubClass\t1\t06h\tSCSI Transparent Command Set\n7\tbInterfaceProtocol\t1\t50h\tBulk-Only Transport\n";
    assert_eq!(told(text), ["12d1:1f01 HUAWEI_MOBILE - 0=08/06/50", "USBView or the like"]);
    // Its headings alone are what Windows says of a device that it cannot ask.
    assert!(read(b"Device Descriptor Request Failed\n").is_none());
}

#[test]
fn pyusb_is_read() {
    let text = "DEVICE ID 12d1:1506 on Bus 001 Address 005 =================\n bLength                :   0x12 (18 bytes)\n\
        \x20idVendor               : 0x12d1\n idProduct              : 0x1506\n\
        \x20 CONFIGURATION 1: 500 mA ==================================\n   bConfigurationValue  :    0x1\n\
        \x20   INTERFACE 0: Vendor Specific ===========================\n     bInterfaceNumber   :    0x0\n\
        \x20    bInterfaceClass    :   0xff Vendor Specific\n     bInterfaceSubClass :    0x2\n     bInterfaceProtocol :   0x12\n";
    assert_eq!(told(text)[0], "12d1:1506 - - 0=ff/02/12");
}

#[test]
fn udevadm_tells_the_class_of_the_interface() {
    let text = "  looking at device '/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0/ttyUSB0/tty/ttyUSB0':\n    SUBSYSTEM==\"tty\"\n\
        \x20 looking at parent device '/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0':\n    DRIVERS==\"option\"\n\
        \x20   ATTRS{bInterfaceClass}==\"ff\"\n    ATTRS{bInterfaceSubClass}==\"02\"\n    ATTRS{bInterfaceProtocol}==\"12\"\n\
        \x20   ATTRS{bInterfaceNumber}==\"00\"\n  looking at parent device '/devices/pci0000:00/0000:00:14.0/usb1/1-2':\n\
        \x20   ATTRS{idVendor}==\"12d1\"\n    ATTRS{idProduct}==\"1506\"\n\
        \x20 looking at parent device '/devices/pci0000:00/0000:00:14.0/usb1/1-0:1.0':\n    ATTRS{bInterfaceClass}==\"09\"\n\
        \x20   ATTRS{bInterfaceSubClass}==\"00\"\n    ATTRS{bInterfaceProtocol}==\"00\"\n";
    let device = read(text.as_bytes()).unwrap().devices.remove(0);
    assert_eq!(device.attached[&0].class, Some([0xff, 0x02, 0x12]));
    let stick = device.stick(&place(), &Catalogue::builtin());
    assert_eq!(stick.interfaces[0].role, Role::Pcui, "{:?}", stick.interfaces);
}
