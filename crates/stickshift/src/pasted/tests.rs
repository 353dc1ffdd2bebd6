use std::fs;
use std::path::Path;

use super::*;
use crate::profile::Catalogue;
use crate::stick::{KnownIds, Mode, Place, Role, Stick, is_stick};

/// What pasting does to a text.
mod damaged;

/// What happened to a stick: it was switched, was never read, dropped out.
mod happened;

/// Texts of other programs: udevadm, terminals, ls, nmcli.
mod others;

/// Lists of programs of Windows and of routers, and parts of texts beside others.
mod elsewhere;

/// What kind of thing a device is, and what its ports are for.
mod kinds;

/// Lines that a page put into one.
mod joined;

/// Texts that end too early, or lack something in the middle.
mod cut;

/// Control characters that are written out, and ports that Windows and ModemManager name.
mod written;

/// Programs of Windows and pyusb that show descriptors.
mod viewers;

/// Lists of hardware that are no lists of the bus alone.
mod inventories;

/// Two states of one device in one text, and logs whose latest line stands first.
mod states;

#[test]
fn texts_that_are_asked_for_in_help_forums_are_read() {
    for (text, devices, remarks) in [
        // Windows.
        ("USB\\VID_12D1&PID_1506&REV_0102&MI_00\nUSB\\VID_12D1&PID_1506&MI_00\n", "- 12d1:1506 modem", ""),
        ("x (COM8)  usb#vid_19d2&amp;pid_2000#5&1c2a", "- 19d2:2000 cdrom", ""),
        // usb_modeswitch.
        (
            "Look for default devices ...\n  searching devices, found USB ID 12d1:1f01\n   found matching vendor ID\n   \
             found matching product ID\nAccess device 004 on bus 001\nUSB description data (for identification)\n\
             Manufacturer: HUAWEI_MOBILE\n     Product: HUAWEI_MOBILE\n  Serial No.: 1\n Device is gone, skipping any further commands\n",
            "- 12d1:1f01 cdrom",
            "the device left",
        ),
        ("usb_modeswitch: switch device 19d2:2000 on 003/014\n", "- 19d2:2000 cdrom", ""),
        // No ids: what is a modem all the same, or may be.
        (
            "/:  Bus 01.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/1p, 480M\n    \
             |__ Port 2: Dev 7, If 0, Class=Vendor Specific Class, Driver=option, 480M\n",
            "",
            "the device at 1-2 is a modem, for the driver option serves modems only",
        ),
        (
            "/:  Bus 01.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/1p, 480M\n    \
             |__ Port 2: Dev 7, If 0, Class=Communications, Driver=cdc_ncm, 480M\n",
            "",
            "is a network card (cdc_ncm), as some sticks are",
        ),
        ("option 1-1:1.0: GSM modem (1-port) converter detected\n", "", "the device at 1-1 is a modem"),
        (
            "usb 1-1: new high-speed USB device number 3 using ehci\nusb-storage 1-1:1.0: USB Mass Storage device detected\n\
             scsi 0:0:0:0: CD-ROM            ZTE      USB SCSI CD-ROM  2.31 PQ: 0 ANSI: 2\n",
            "",
            "a CD-ROM drive came (ZTE USB SCSI CD-ROM 2.31)",
        ),
        ("usb 1-1: USB disconnect, device number 5\n", "", "1-1: a device was unplugged"),
        ("No modems were found\n", "", "ModemManager found no modem"),
        // Power and cables.
        ("hwmon hwmon1: Under-voltage detected! (0x00050005)\n", "", "too little voltage"),
        ("usb 1-1-port3: over-current change #3\n", "", "1-1.3: its port reported over-current"),
        ("usb usb1-port2: unable to enumerate USB device\n", "", "1-2: the kernel could not read"),
    ] {
        let paste = read(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(lines(&paste).join("; "), devices, "{text}");
        let own = paste.devices.iter().flat_map(|d| d.remarks.clone());
        let told = own.chain(paste.remarks.clone()).collect::<Vec<_>>().join("; ");
        assert!(told.contains(remarks), "{text}: {told}");
    }
    assert_eq!(read(b"USB\\VID_12D1&PID_1506&REV_0102").unwrap().devices[0].release, Some(0x0102));
}

#[test]
fn what_was_switched_stood_there_before() {
    let log = "usb_modeswitch: switch device 12d1:14fe on 001/005\nusb 1-1.4: USB disconnect, device number 5\n\
               usb 1-1.4: New USB device found, idVendor=12d1, idProduct=1506\n";
    let paste = read(log.as_bytes()).unwrap();
    assert_eq!(lines(&paste), ["1-1.4 12d1:1506 modem"]);
    assert_eq!(paste.devices[0].earlier, ["12d1:14fe".parse().unwrap()]);
}

#[test]
fn too_little_power_before_the_end_is_known_of_the_device() {
    let log = "usb 1-1.3: New USB device found, idVendor=12d1, idProduct=1446\nusb 1-1-port3: over-current change #3\n\
               usb 1-1.3: USB disconnect, device number 23\n";
    let device = &read(log.as_bytes()).unwrap().devices[0];
    assert!(device.gone && device.unsteady && device.remarks.iter().any(|r| r.contains("over-current")));
}

/// A driver goes with some class; that is not what the text says.
#[test]
fn classes_are_told_as_far_as_the_text_holds_them() {
    let told = |text: &str| {
        let device = read(text.as_bytes()).unwrap().devices.remove(0);
        let interfaces = device.stick(&place(), &Catalogue::builtin()).interfaces;
        interfaces.iter().map(|i| device.class_told(i.number)).collect::<Vec<_>>()
    };
    let log = "usb 1-1: New USB device found, idVendor=12d1, idProduct=1506\noption 1-1:1.0: GSM modem (1-port) converter detected\n";
    assert_eq!(told(log), [None]);
    let tree = "/:  Bus 01.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/1p, 480M\n    \
                |__ Port 2: Dev 7, If 0, Class=Vendor Specific Class, Driver=option, 480M\n    ID 2c7c:0125\n";
    assert_eq!(told(tree), [Some("ff".to_owned())]);
    let listing = "P:  Vendor=12d1 ProdID=1506 Rev=01.02\nI:  If#=0x0 Alt= 0 #EPs= 3 Cls=ff(vend.) Sub=03 Prot=12 Driver=option\n";
    assert_eq!(told(listing), [Some("ff/03/12".to_owned())]);
}

/// Each file of tests/fixtures/pasted, and what it says of each device that is a stick: `place id mode roles`.
const FILES: &[(&str, &[&str])] = &[
    ("15b6-wrapped.usb-devices", &["2-3 12d1:15b6 modem 0=pcui 1=modem 2=network 3=storage"]),
    ("1c9e-old-classes.tree", &["4-2 1c9e:6061 modem 0=modem 1=serial 2=serial 3=storage"]),
    ("bad-cable.dmesg", &["1-4 19d2:2000 cdrom 0=storage"]),
    ("brovi-e3372-325.lsusb-v", &["- 3566:2001 hilink 0=network 1=other 2=storage"]),
    ("c300-kernel-2.6.24.dmesg", &["2-1 12d1:3197 modem"]),
    ("dell-5720-no-ids.dmesg", &["4-1 413c:8133 modem 0=serial:/dev/ttyUSB0 1=serial:/dev/ttyUSB1"]),
    ("dell-mbim.lsusb-v", &["- 413c:81b6 modem 12=network 13=other"]),
    ("dlink-dwm156.lsusb-v", &["- 2001:7d00 modem 0=pcui 1=modem 2=serial 3=storage"]),
    ("e173s-switched.usb_modeswitch", &["- 12d1:1c05 modem"]),
    ("e1752-headless.lsusb-v", &["- 12d1:1001 modem 0=modem 1=diag 2=pcui 3=storage"]),
    ("e1752-modem.lsusb-v", &["- 12d1:1001 modem 0=modem 1=diag 2=pcui 3=storage"]),
    (
        "e1800.usb-devices",
        &["3-2 12d1:1436 modem 0=modem 1=network 2=other 3=diag 4=pcui 5=storage 6=storage"],
    ),
    ("e3276-two-configurations.lsusb-v", &["- 12d1:1446 cdrom 0=storage"]),
    ("e3276.usb-devices", &["1-2.3 12d1:1506 modem 0=modem 1=network 2=pcui 3=storage 4=storage"]),
    ("e3372-drives.dmesg", &["1-1.2 12d1:1506 modem 3=storage 4=storage"]),
    ("e3372-stick-ncm.lsusb-v", &["- 12d1:1506 modem 0=pcui 1=modem 2=network 3=storage"]),
    ("e3372.mmcli", &[]),
    ("e3372h-bootrom.lsusb-v", &["- 12d1:1443 boot-rom 0=boot-rom"]),
    ("e3372h-cdrom.lsusb-v", &["- 12d1:1f01 cdrom 0=storage"]),
    ("e3372h-download.lsusb-v", &["- 12d1:1c05 download 0=modem 1=serial 2=flash"]),
    ("e3372h-hilink.lsusb-v", &["- 12d1:14dc hilink 0=network 1=other 2=storage"]),
    ("e3372h-rootless.lsusb-v", &["- 12d1:14dc hilink 0=network 1=other 2=storage"]),
    ("e3531-not-switched.journal", &["1-3 12d1:14fe cdrom 0=storage"]),
    ("e398-cut.lsusb-v", &["- 12d1:1506 modem 0=modem"]),
    (
        "e398-qmi.lsusb-v",
        &["- 12d1:1506 modem 0=modem 1=network 2=network 3=diag 4=pcui 5=storage 6=storage"],
    ),
    (
        "e620-reset-wrapped.dmesg",
        &["2-2 12d1:1001 modem 0=modem:/dev/ttyUSB2 1=diag:/dev/ttyUSB1 2=pcui:/dev/ttyUSB0"],
    ),
    ("ec152-wrapped.syslog", &["6-1 12d1:1446 cdrom 0=storage"]),
    ("ec21.dmesg", &["1-1.4 2c7c:0121 modem 4=network:wwan0"]),
    ("ec25.mmcli-k", &[]),
    ("ec25.tree", &["1-1.3 2c7c:0125 modem 0=diag 1=gps 2=pcui 3=modem 4=network"]),
    ("eg916q.mmcli", &[]),
    ("em7565-wrapped.mmcli", &[]),
    ("em7565.dmesg", &["2-3 1199:9091 modem 0=diag:/dev/ttyUSB0"]),
    ("em770-backwards.dmesg", &["1-1.1 12d1:1001 modem 0=modem:/dev/ttyUSB0 1=diag:/dev/ttyUSB1"]),
    ("hilink-french.journal", &["3-2.1 12d1:14dc hilink 0=network:enx001122334455"]),
    ("hilink.tree-v", &["1-2 12d1:14db hilink 0=network 1=other"]),
    ("huawei-14fe.journal", &["5-1 12d1:14fe cdrom 0=storage 1=storage"]),
    ("ids-cut.lsusb", &["- 1410:5059 cdrom", "- 19d2:2000 cdrom", "- 2c7c:0121 modem", "- 12d1:1446 cdrom"]),
    ("k3772-modem.lsusb-v", &["- 12d1:14cf modem 0=modem 1=diag 2=pcui 3=storage"]),
    ("k3772-no-indent.lsusb-v", &["- 12d1:14cf modem 0=modem 1=diag 2=pcui 3=storage"]),
    (
        "k3772-switched.dmesg",
        &["1-1 12d1:14cf modem 0=modem:/dev/ttyUSB0 1=diag:/dev/ttyUSB1 2=pcui:/dev/ttyUSB2 3=storage"],
    ),
    ("kernel-list.usb-devices", &["- 2cb7:0104 modem 0=network 1=other 2=pcui 3=diag 4=other"]),
    ("l850-traced.usb-devices", &["1-2 2cb7:0007 modem"]),
    ("longcheer-modem.lsusb-v", &["- 1c9e:9605 modem 0=serial 1=serial 2=serial 3=modem 4=storage"]),
    ("lt4120.modemdata", &["- 03f0:9d1d modem"]),
    ("mbim-second-configuration.dmesg", &["2-1.4 12d1:1f1c modem 0=network"]),
    ("mbim.mmcli-j", &[]),
    ("mc7710-dump.lsusb-v", &["- 1199:68e2 modem 0=serial"]),
    ("mf190-quoted-crlf.lsusb-v", &["- 19d2:2000 cdrom 0=storage"]),
    ("no-driver.usb-devices", &["1-1 12d1:15ff modem 0=modem 1=diag 2=pcui"]),
    ("no-stick.lsusb-v", &[]),
    ("no-sticks.dmesg", &[]),
    ("nokia-cs15.lsusb-v", &["- 0421:0612 modem 0=modem 1=other 2=serial 3=other"]),
    ("novatel-cdrom.lsusb-v", &["- 1410:5010 cdrom 0=storage"]),
    ("old-root-hubs.lsusb", &["- 1c9e:6061 modem"]),
    ("option-icon.lsusb-v", &["- 0af0:6711 modem 0=serial"]),
    ("plain.lsusb", &["- 12d1:14fe cdrom"]),
    ("qualcomm-cdrom.dmesg", &["1-1.5 05c6:f000 cdrom 0=storage"]),
    ("quectel-ec25.lsusb-v", &["- 2c7c:0125 modem 0=diag 1=gps 2=pcui 3=modem 4=network"]),
    ("rm520n-pcie.mmcli", &[]),
    ("sierra-em7455-mbim.lsusb-v", &["- 1199:9071 modem 12=network 13=other"]),
    ("sierra-mc7710-qmi.lsusb-v", &["- 1199:68a2 modem 0=diag 2=gps 3=modem 8=network 19=network"]),
    (
        "sim8230.dmesg",
        &["3-1 1e0e:9071 modem 0=serial:/dev/ttyUSB0 1=serial:/dev/ttyUSB1 2=serial:/dev/ttyUSB2"],
    ),
    ("simcom-sim7600.lsusb-v", &["- 1e0e:9001 modem 0=diag 1=gps 2=pcui 3=modem 4=other 5=network"]),
    ("tcl-x220-cdrom.lsusb-v", &["- 1bbb:f000 cdrom 0=storage"]),
    ("telit-le910.lsusb-v", &["- 1bc7:1201 modem 0=diag 1=serial 2=network 3=gps 4=modem 5=pcui"]),
    ("tree-alone", &[]),
    ("two-states.lsusb", &["- 19d2:0031 modem"]),
    (
        "whole-bus.lsusb-v",
        &["- 2c7c:0125 modem 0=diag 1=gps 2=pcui 3=modem 4=network", "- 12d1:1f01 cdrom 0=storage"],
    ),
    ("x230-replugged.dmesg", &["3-3 1bbb:f000 cdrom 0=storage"]),
    ("x500-storage-seen.dmesg", &["7-3 1bbb:011e modem 5=storage"]),
    ("zte-mf190-cdrom.lsusb-v", &["- 19d2:2000 cdrom 0=storage"]),
    ("zte-mf636-modem.lsusb-v", &["- 19d2:0031 modem 0=diag 1=pcui 2=storage 3=modem"]),
    ("zte-mf833v-rndis.lsusb-v", &["- 19d2:1403 hilink 0=network 1=other 2=storage"]),
];

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/pasted"))
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(folder().join(format!("{name}.txt"))).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn place() -> Place {
    "1-9".parse().unwrap()
}

fn lines(paste: &Paste) -> Vec<String> {
    let catalogue = Catalogue::builtin();
    let sticks = paste.devices.iter().map(|device| (device, device.stick(&place(), &catalogue)));
    let sticks = sticks.filter(|(_, stick)| is_stick(stick) || catalogue.concerns(stick.id));
    let line = |(device, stick): (&PastedDevice, Stick)| {
        let place = device.place.as_ref().map_or("-", Place::as_str);
        let mut line = format!("{place} {} {}", stick.id, stick.mode.code());
        for i in &stick.interfaces {
            let node = i.tty.as_ref().or(i.netdev.as_ref()).map(|node| format!(":{node}"));
            line += &format!(" {}={}{}", i.number, i.role.code(), node.unwrap_or_default());
        }
        line
    };
    sticks.map(line).collect()
}

#[test]
fn every_fixture_is_read_for_what_it_is() {
    for (name, wanted) in FILES {
        let paste = read(&fixture(name)).unwrap_or_else(|| panic!("{name} is of no known form"));
        assert_eq!(lines(&paste), *wanted, "{name}");
    }
    let mut there: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_str().unwrap().trim_end_matches(".txt").to_owned())
        .collect();
    there.sort();
    assert_eq!(there, FILES.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>());
}

/// Descriptors that owners and makers published: the mode, and each role that a document tells.
#[test]
fn published_descriptors_are_read_as_their_documents_say() {
    let catalogue = Catalogue::builtin();
    let (mut wrong, mut verbose) = (Vec::new(), 0);
    let all = test_support::reports::all();
    for report in &all {
        verbose += usize::from(report.lsusb_v().is_some());
        for text in report.texts() {
            let paste = read(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
            let [device] = &paste.devices[..] else { panic!("{text}") };
            let stick = device.stick(&place(), &catalogue);
            let told =
                |number: u8| report.roles.iter().find(|(n, _)| *n == number).map(|(_, role)| role.as_str());
            let roles: Vec<String> = stick
                .interfaces
                .iter()
                .filter(|i| !matches!(told(i.number), Some(role) if role == "?" || role == i.role.code()))
                .map(|i| format!("{}={}", i.number, i.role.code()))
                .collect();
            let shown = is_stick(&stick) || catalogue.concerns(stick.id);
            if stick.mode.code() != report.mode
                || !roles.is_empty()
                || !shown
                || stick.interfaces.len() != report.roles.len()
            {
                wrong.push(format!(
                    "{} ({}): {} {}",
                    report.id,
                    report.source,
                    stick.mode.code(),
                    roles.join(" ")
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n"));
    assert!(all.len() >= 80 && verbose >= 55, "{} {verbose}", all.len());
}

#[test]
fn what_is_missing_is_said() {
    let remarks = |name: &str| {
        let paste = read(&fixture(name)).unwrap();
        let own = paste.devices.iter().flat_map(|d| d.remarks.clone());
        own.chain(paste.remarks.clone()).collect::<Vec<_>>().join("; ")
    };
    for (name, words) in [
        ("e398-cut.lsusb-v", "the text is cut"),
        ("e3372h-rootless.lsusb-v", "without root"),
        ("tree-alone", "names no ids"),
        ("bad-cable.dmesg", "a bad cable"),
        ("plain.lsusb", "no interface is in the text"),
        ("mbim-second-configuration.dmesg", "did not start"),
        ("e3531-not-switched.journal", "usb_modeswitch failed"),
    ] {
        assert!(remarks(name).contains(words), "{name}: {}", remarks(name));
    }
    assert_eq!(remarks("e1752-modem.lsusb-v"), "");
}

#[test]
fn a_log_tells_what_came_before_and_what_left() {
    let paste = read(&fixture("k3772-switched.dmesg")).unwrap();
    assert_eq!(paste.devices[0].earlier, ["12d1:1526".parse().unwrap()]);
    assert!(!paste.devices[0].gone);
    assert!(read(&fixture("bad-cable.dmesg")).unwrap().devices[0].gone);
    let headless = b"C:  #Ifs= 5 Cfg#= 1 Atr=e0 MxPwr=500mA\nI:  If#= 0 Alt= 0 #EPs= 3 Cls=ff(vend.)";
    assert!(read(headless).unwrap().remarks[0].contains("the ids of a device are missing"));
}

#[test]
fn a_stick_that_does_not_come_back_is_named() {
    let log = "usb 1-1.3: New USB device found, idVendor=12d1, idProduct=1f01\nusb 1-1.3: USB disconnect, device number 5\n\
               usb 1-1.3: new high-speed USB device number 6 using dwc_otg\nusb 1-1.3: device not accepting address 6, error -71\n";
    let paste = read(log.as_bytes()).unwrap();
    assert_eq!(lines(&paste), ["1-1.3 12d1:1f01 cdrom"]);
    assert!(paste.devices[0].gone && paste.devices[0].remarks[0].contains("a bad cable"));
    assert!(paste.devices[0].earlier.is_empty() && paste.remarks.is_empty());
}

#[test]
fn fields_without_headings_are_read() {
    let report = test_support::reports::all().into_iter().find(|r| r.id == "12d1:15b6").unwrap();
    let text = report.lsusb_v().unwrap();
    let some = |line: &&str| ["Bus", "bInterface", "iProduct"].iter().any(|word| line.contains(word));
    let grep: Vec<&str> = text.lines().filter(some).collect();
    let paste = read(grep.join("\n").as_bytes()).unwrap();
    assert_eq!(lines(&paste), ["- 12d1:15b6 modem 0=pcui 1=modem 2=network 3=storage"]);
    assert_eq!(paste.devices[0].product.as_deref(), Some("HUAWEI_MOBILE"));
}

#[test]
fn a_driver_that_declines_makes_no_modem() {
    let camera =
        b"usb 1-2: New USB device found, idVendor=17cc, idProduct=1120\nhso 1-2:1.5: Not our interface\n";
    assert!(lines(&read(camera).unwrap()).is_empty());
}

/// Telit LE910-S1: bInterfaceClass says nothing of its ports, iInterface all.
#[test]
fn ports_are_named_by_what_their_maker_calls_them() {
    let report = test_support::reports::all().into_iter().find(|r| r.id == "1bc7:7010").unwrap();
    let paste = read(report.lsusb_v().unwrap().as_bytes()).unwrap();
    assert_eq!(lines(&paste), ["- 1bc7:7010 modem 0=network 1=other 2=diag 3=pcui 4=modem"]);
}

#[test]
fn commands_of_one_text_complete_each_other() {
    let text = [fixture("ec25.tree"), fixture("quectel-ec25.lsusb-v")].concat();
    let paste = read(&text).unwrap();
    let ec25: Vec<_> = paste.devices.iter().filter(|d| d.id == UsbId::new(0x2c7c, 0x0125)).collect();
    // The tree was taken at another time: the address differs, and so it is another look.
    assert_eq!(ec25.len(), 2);
    let lsusb =
        String::from_utf8(fixture("quectel-ec25.lsusb-v")).unwrap().replace("Device 002", "Device 004");
    let paste = read([fixture("ec25.tree"), lsusb.into_bytes()].concat().as_slice()).unwrap();
    assert_eq!(paste.devices.len(), 1);
    assert_eq!(paste.devices[0].place.as_ref().map(Place::as_str), Some("1-1.3"));
    assert_eq!(paste.devices[0].configurations[0].interfaces[2].endpoints.len(), 3);
    assert_eq!(paste.devices[0].attached[&4].driver, Some(Some("qmi_wwan".to_owned())));
}

#[test]
fn functional_descriptors_come_back_as_bytes() {
    let paste = read(&fixture("e3372h-hilink.lsusb-v")).unwrap();
    let wanted = [
        &[5, 0x24, 0x00, 0x10, 0x01][..],
        &[13, 0x24, 0x0f, 5, 0, 0, 0, 0, 0xea, 0x05, 0, 0, 0],
        &[5, 0x24, 0x06, 0, 1],
    ];
    assert_eq!(paste.devices[0].configurations[0].interfaces[0].extra, wanted.concat());
    let ncm = read(&fixture("e3372-stick-ncm.lsusb-v")).unwrap();
    assert!(
        ncm.devices[0].configurations[0].interfaces[2].extra.starts_with(&[5, 0x24, 0, 0x10, 1, 6, 0x24])
    );
}

#[test]
fn what_modem_manager_says() {
    let of = |name: &str| read(&fixture(name)).unwrap().modems.remove(0);
    let e3372 = of("e3372.mmcli");
    assert_eq!((e3372.model.as_deref(), e3372.lock.as_deref()), (Some("E3372"), Some("sim-pin")));
    assert_eq!((e3372.ports.len(), e3372.place.as_ref().map(Place::as_str)), (4, Some("1-2")));
    assert_eq!(of("ec25.mmcli-k").failed.as_deref(), Some("sim-missing"));
    assert_eq!(
        of("mbim.mmcli-j").ports,
        [("cdc-wdm0".into(), "mbim".into()), ("wwan0".into(), "net".into())]
    );
    let em7565 = of("em7565-wrapped.mmcli");
    assert_eq!((em7565.ports.len(), em7565.place.as_ref().map(Place::as_str)), (5, Some("2-3")));
}

#[test]
fn utf_16_of_windows_is_read() {
    let text = String::from_utf8(fixture("plain.lsusb")).unwrap();
    let wide: Vec<u8> = [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    assert_eq!(read(&wide), read(text.as_bytes()));
}

#[test]
fn a_flood_of_devices_is_bounded() {
    let mut text = String::new();
    for n in 0..2000 {
        text += &format!(
            "Bus 001 Device {n}: ID 12d1:1506 x\nusb 1-1.{}: New USB device found, idVendor=12d1, idProduct=1f01\n",
            n % 999
        );
    }
    let paste = read(text.as_bytes()).unwrap();
    assert_eq!(paste.devices.len(), MOST_DEVICES);
    assert!(paste.remarks[0].contains("only the first"), "{:?}", paste.remarks);
    let many = "Interface Descriptor:\nEndpoint Descriptor:\n".repeat(5000);
    let text =
        format!("Bus 001 Device 002: ID 12d1:1506 x\nDevice Descriptor:\nConfiguration Descriptor:\n{many}");
    let paste = read(text.as_bytes()).unwrap();
    assert!(paste.devices[0].configurations[0].interfaces.len() <= MOST_INTERFACES);
}
