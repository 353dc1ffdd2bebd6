use super::*;

#[test]
fn usb_modeswitch_tells_what_became_of_a_stick() {
    let begin = "Look for target devices ...\n  found USB ID 12d1:1f01\n   vendor ID matched\n\
                 No devices in target mode or class found\nLook for default devices ...\n  found USB ID 12d1:1f01\n\
                 \x20  vendor ID matched\n   product ID matched\n   adding device\nAccess device 009 on bus 002\n\
                 USB description data (for identification)\nManufacturer: HUAWEI_MOBILE\n\
                 \x20Device is gone, skip any further commands\n";
    let left = read(begin.as_bytes()).unwrap();
    assert!(left.devices[0].left && left.devices[0].manufacturer.as_deref() == Some("HUAWEI_MOBILE"));
    let failed = read(format!("{begin} No new devices in target mode or class found\n").as_bytes()).unwrap();
    assert!(!failed.devices[0].left && failed.remarks.iter().any(|remark| remark.contains("failed")));
    let looked = " Search for target devices ...\n  found USB ID 12d1:14dc\n   product ID matched\n";
    for after in
        [looked, "ok:12d1:14dc\n", "Mode switching was successful, found 12d1:14dc (HUAWEI: HUAWEI)\n"]
    {
        let paste = read(format!("{begin}{after}").as_bytes()).unwrap();
        assert_eq!(lines(&paste), ["- 12d1:14dc hilink"], "{after}");
        assert_eq!(paste.devices[0].earlier, ["12d1:1f01".parse().unwrap()], "{after}");
    }
    // Logs of 1.x, beside a kernel that tells no ids.
    let log = "usb 2-1: new high speed USB device number 5 using ehci_hcd\n\
               usb_modeswitch: switching 12d1:1446 (HUAWEI Technology: HUAWEI Mobile)\n\
               usb 2-1: USB disconnect, device number 5\nusb 2-1: new high speed USB device number 6 using ehci_hcd\n\
               option 2-1:1.0: GSM modem (1-port) converter detected\n\
               usb 2-1: GSM modem (1-port) converter now attached to ttyUSB0\n\
               usb_modeswitch: switched to 12d1:1001 (HUAWEI Technology: HUAWEI Mobile)\n";
    assert_eq!(lines(&read(log.as_bytes()).unwrap()), ["2-1 12d1:1001 modem 0=modem:/dev/ttyUSB0"]);
}

#[test]
fn the_dispatcher_of_usb_modeswitch_tells_the_ids_by_the_settings_that_fit() {
    let begin = "Use top device dir /sys/bus/usb/devices/2-1.3\nUSB values from sysfs:\n  manufacturer\tUSBModem\n  product\tHSPA Data Card\n\
                 ----------------\n";
    for told in [
        "Check config: /usr/share/usb_modeswitch/0b3c:f000\n! matched. Read config data\n",
        "checking config: /etc/usb_modeswitch.d/0b3c:f000\n! matched, now switching\n",
        "Command to be run:\nusb_modeswitch -W -D -s 20 -u -1 -b 2 -g 8 -v 0b3c -p f000 -f $configBuffer\n",
    ] {
        let paste = read(format!("{begin}{told}").as_bytes()).unwrap();
        assert_eq!(lines(&paste), ["- 0b3c:f000 cdrom"], "{told}");
        assert_eq!(paste.devices[0].product.as_deref(), Some("HSPA Data Card"), "{told}");
    }
    let others = format!("{begin}Check config: /usr/share/usb_modeswitch/0b3c:f000\n");
    assert!(read(others.as_bytes()).is_none_or(|paste| paste.devices.is_empty()));
}

#[test]
fn that_usb_modeswitch_found_nothing_is_said() {
    for (text, said) in [
        (
            "DefaultVendor=  0x12d1\nDefaultProduct= 0x1506\nLook for default devices ...\n No devices in default mode found. Nothing to do. Bye!\n",
            "found no 12d1:1506 to switch",
        ),
        (
            "sudo usb_modeswitch -v 0x1410 -p 0x9020 -u 2\nLooking for default devices ...\nno devices in default mode found. nothing to do.\n",
            "found no 1410:9020 to switch",
        ),
        (
            "Look for default devices ...\n No devices in default mode found. Nothing to do. Bye!\n",
            "found nothing to switch",
        ),
    ] {
        let paste = read(text.as_bytes()).unwrap();
        assert!(paste.devices.is_empty() && paste.remarks.join("; ").contains(said), "{:?}", paste.remarks);
    }
}

/// The first log is of an hour later than the second: of another start of the system, and of another mode.
#[test]
fn drivers_of_another_start_of_the_system_are_not_of_what_comes() {
    let log = "[ 3398.8] option 2-2:1.2: GSM modem (1-port) converter detected\n\
               [ 3398.9] usb 2-2: GSM modem (1-port) converter now attached to ttyUSB2\n\
               [  241.2] usb 2-2: New USB device found, idVendor=12d1, idProduct=1505\n\
               [  241.3] usb-storage 2-2:1.0: USB Mass Storage device detected\n";
    assert_eq!(lines(&read(log.as_bytes()).unwrap()), ["2-2 12d1:1505 cdrom 0=storage"]);
}

#[test]
fn a_module_that_falls_into_its_boot_mode_and_back_is_one_device() {
    let (module, boot) = (found("2c7c:0125", "EC25-E"), found("05c6:9008", "QHSUSB__BULK"));
    let driver = "option 1-1:1.2: GSM modem (1-port) converter detected\n";
    let gone = "usb 1-1: USB disconnect, device number 5\n";
    for (log, now, before) in [
        (format!("{module}{driver}{gone}{boot}"), "05c6:9008", "2c7c:0125"),
        (
            format!("{boot}qcserial 1-1:1.0: Qualcomm USB modem converter detected\n{gone}{module}"),
            "2c7c:0125",
            "05c6:9008",
        ),
    ] {
        let paste = read(log.as_bytes()).unwrap();
        let [device] = &paste.devices[..] else { panic!("{:?}", paste.devices) };
        assert_eq!((device.id.to_string(), device.gone), (now.to_owned(), false));
        assert_eq!(device.earlier, [before.parse().unwrap()]);
    }
}

#[test]
fn trouble_of_a_device_that_never_told_its_ids_is_said() {
    let log = "usb 3-3: new high-speed USB device number 7 using xhci_hcd\n\
               usb 3-3: device descriptor read/64, error -71\nusb 3-3: device not accepting address 7, error -71\n\
               usb usb3-port3: unable to enumerate USB device\n";
    for text in
        [log.to_owned(), format!("{log}usb 1-1: New USB device found, idVendor=12d1, idProduct=14dc\n")]
    {
        let remarks = read(text.as_bytes()).unwrap().remarks.join("; ");
        assert!(remarks.contains("3-3: the kernel could not read its descriptors"), "{remarks}");
        assert!(!remarks.contains("are missing"), "{remarks}");
    }
}

#[test]
fn a_device_that_returns_again_and_again_is_unsteady() {
    let came = "usb 1-1: new high-speed USB device number 4 using xhci_hcd\n\
                usb 1-1: New USB device found, idVendor=12d1, idProduct=1f01\nusb 1-1: USB disconnect, device number 4\n";
    let read = |times| read(came.repeat(times).as_bytes()).unwrap().devices.remove(0);
    let (twice, often) = (read(2), read(4));
    assert!(!twice.unsteady && twice.gone && twice.earlier.is_empty());
    assert!(often.unsteady && often.remarks.iter().any(|remark| remark.contains("again and again")));
}

#[test]
fn a_line_that_lost_its_beginning_is_no_part_of_a_name() {
    let log = "usb 1-1.5: New USB device found, idVendor=2c7c, idProduct=0296\n\
               usb 1-1.5: Product: BG96 usb 1-1.5: SerialNumber: 860000000000018\n";
    assert_eq!(read(log.as_bytes()).unwrap().devices[0].product.as_deref(), Some("BG96"));
}

#[test]
fn a_driver_that_did_not_start_is_said_unless_another_did() {
    let log =
        "usb 2-1: New USB device found, idVendor=12d1, idProduct=1506\ncdc_ncm 2-1:1.2: bind() failure\n";
    let remarks = |text: &str| read(text.as_bytes()).unwrap().devices[0].remarks.join("; ");
    assert!(remarks(log).contains("did not start"));
    let taken = format!(
        "{log}huawei_cdc_ncm 2-1:1.2 wwan0: register 'huawei_cdc_ncm' at usb-0000:00:14.0-1, Huawei CDC NCM device\n"
    );
    assert!(!remarks(&taken).contains("did not start"), "{}", remarks(&taken));
}

fn found(id: &str, product: &str) -> String {
    let (vendor, number) = id.split_once(':').unwrap();
    format!(
        "usb 1-1: New USB device found, idVendor={vendor}, idProduct={number}\nusb 1-1: Product: {product}\n"
    )
}

const PORT: &str = "option 1-1:1.0: GSM modem (1-port) converter detected\n\
                    usb 1-1: GSM modem (1-port) converter now attached to ttyUSB0\n";
const CAME: &str =
    "usb 1-1: USB disconnect, device number 4\nusb 1-1: new high-speed USB device number 5 using xhci_hcd\n";

/// usb-storage looks at Huawei's modems first, and says so.
#[test]
fn a_drive_that_became_a_port_is_a_modem() {
    let begin = found("12d1:1003", "HUAWEI Mobile");
    for looked in [
        "usb-storage 1-1:1.0: USB Mass Storage device detected\n",
        "usb-storage 1-1:1.0: usb_probe_interface\nusb-storage 1-1:1.0: usb_probe_interface - got id\n",
    ] {
        let text = format!("{begin}{looked}{PORT}");
        assert_eq!(lines(&read(text.as_bytes()).unwrap()), ["1-1 12d1:1003 modem 0=modem:/dev/ttyUSB0"]);
    }
    let after = format!("{begin}{PORT}usb-storage 1-1:1.0: USB Mass Storage device detected\n");
    assert_eq!(lines(&read(after.as_bytes()).unwrap()), ["1-1 12d1:1003 modem 0=modem:/dev/ttyUSB0"]);
    let drive = format!("{}usb-storage 1-1:1.0: USB Mass Storage device detected\n", found("12d1:1f01", "x"));
    assert_eq!(lines(&read(drive.as_bytes()).unwrap()), ["1-1 12d1:1f01 cdrom 0=storage"]);
}

#[test]
fn two_sticks_in_one_port_are_two_and_one_that_is_switched_is_one() {
    let zte = found("19d2:2000", "USB SCSI CD-ROM");
    let switched = format!("{zte}{CAME}{}{PORT}", found("19d2:0031", "ZTE CDMA Technologies MSM"));
    let paste = read(switched.as_bytes()).unwrap();
    assert_eq!((paste.devices.len(), paste.devices[0].earlier.len()), (1, 1));
    let huawei =
        format!("{}{CAME}{}{PORT}", found("12d1:14fe", "HUAWEI Mobile"), found("12d1:1506", "HUAWEI Mobile"));
    for first in [&switched, &huawei] {
        let paste = read(format!("{first}{CAME}{}", found("12d1:1f01", "HUAWEI_MOBILE")).as_bytes()).unwrap();
        assert_eq!(paste.devices.len(), 2, "{first}");
        let (first, last) = (&paste.devices[0], &paste.devices[1]);
        assert!(first.gone && first.earlier.len() == 1 && first.product.is_some(), "{first:?}");
        assert!(!last.gone && last.earlier.is_empty(), "{last:?}");
    }
    // The same stick once more.
    let again =
        format!("{switched}{CAME}{zte}{CAME}{}{PORT}", found("19d2:0031", "ZTE CDMA Technologies MSM"));
    assert_eq!(read(again.as_bytes()).unwrap().devices.len(), 1);
    // A drive of one vendor that becomes a modem of another.
    let other_vendor = format!("{}{CAME}{}{PORT}", found("05c6:1000", "drive"), found("0af0:6901", "modem"));
    assert_eq!(read(other_vendor.as_bytes()).unwrap().devices.len(), 1);
}

#[test]
fn a_line_that_is_missing_shifts_no_port() {
    let found = found("12d1:1001", "HUAWEI Mobile");
    let detected = |number: u8| format!("option 1-1:1.{number}: GSM modem (1-port) converter detected\n");
    let attached =
        |number: u8| format!("usb 1-1: GSM modem (1-port) converter now attached to ttyUSB{number}\n");
    let told = |lines: &[String]| {
        let paste = read(format!("{found}{}", lines.concat()).as_bytes()).unwrap();
        (self::lines(&paste)[0].clone(), paste.devices[0].remarks.join("; "))
    };
    let (cut, _) = told(&[detected(0), detected(1), attached(1), detected(2), attached(2)]);
    assert!(cut.contains("1=") && cut.contains(":/dev/ttyUSB1") && !cut.contains("ttyUSB0"), "{cut}");
    assert!(cut.ends_with("2=pcui:/dev/ttyUSB2"), "{cut}");
    let (sorted, _) = told(&[detected(0), detected(1), detected(2), attached(0), attached(1), attached(2)]);
    assert!(sorted.ends_with("2=pcui:/dev/ttyUSB2") && sorted.contains("0=modem:/dev/ttyUSB0"), "{sorted}");
    let (doubtful, remarks) = told(&[detected(0), detected(1), detected(2), attached(1), attached(2)]);
    assert!(!doubtful.contains("ttyUSB"), "{doubtful}");
    assert!(remarks.contains("ports are ttyUSB1, ttyUSB2; of which interface"), "{remarks}");
}

/// Linux 3.2 to 3.6, and much older ones.
#[test]
fn lines_of_old_kernels_are_read() {
    let marked = "usb 2-2: >New USB device found, idVendor=1410, idProduct=b001\nusb 2-2: >Product: Novatel Wireless 4G\n\
                  option 2-2:1.0: >GSM modem (1-port) converter detected\nusb 2-2: >GSM modem (1-port) converter now attached to ttyUSB0\n\
                  cdc_ether 2-2:1.6: >wwan0: register 'cdc_ether' at usb-0000:00:1d.7-2, Mobile Broadband Network Device\n";
    let paste = read(marked.as_bytes()).unwrap();
    assert_eq!(lines(&paste), ["2-2 1410:b001 modem 0=serial:/dev/ttyUSB0 6=network:wwan0"]);
    assert_eq!(paste.devices[0].product.as_deref(), Some("Novatel Wireless 4G"));
    let loose = "Bus 005 Device 005: ID 12d1:1003 x\nusb 5-5.1: airprime converter now attached to ttyUSB1\n\
                 usb 5-5.1: airprime converter now attached to ttyUSB2\n\
                 usb0: register 'sierra_net' at usb-0000:00:1d.7-5.1, Sierra Wireless USB-Ethernet Modem\n";
    let paste = read(loose.as_bytes()).unwrap();
    assert_eq!(lines(&paste), ["5-5.1 12d1:1003 modem"]);
    let remarks = paste.devices[0].remarks.join("; ");
    assert!(remarks.contains("ports are ttyUSB1, ttyUSB2"), "{remarks}");
    assert!(remarks.contains("usb0 is its network interface, of the driver sierra_net"), "{remarks}");
    let airprime = read(b"airprime 3-1:1.0: GSM modem (1-port) converter detected\nscsi 11:0:0:0: CD-ROM HUAWEI Mass Storage 2.31 PQ: 0\n").unwrap();
    let remarks = airprime.remarks.join("; ");
    assert!(remarks.contains("is a modem") && !remarks.contains("not switched"), "{remarks}");
}

#[test]
fn a_switch_that_succeeded_is_noticed_however_it_is_said() {
    let began = "DefaultVendor= 0x12d1\nDefaultProduct= 0x1c0b\nLook for default devices ...\n  product ID matched\n\
                 \x20Found devices in default mode (1)\nAccess device 004 on bus 001\n";
    let target = "TargetVendor= 0x12d1\nTargetProduct= 0x1c05\n";
    let text = format!(
        "{target}{began}Search for target devices ...\n product ID matched\nMode switch succeeded. Bye!\n"
    );
    let paste = read(text.as_bytes()).unwrap();
    assert_eq!(lines(&paste), ["- 12d1:1c05 modem"]);
    assert_eq!(paste.devices[0].earlier, ["12d1:1c0b".parse().unwrap()]);
    for said in ["Mode switch succeeded. Bye!", "ok:no_data", "-> Found in target mode"] {
        let paste = read(format!("{began}{said}\n").as_bytes()).unwrap();
        assert!(paste.devices.len() == 1 && paste.devices[0].left, "{said}");
    }
    // The dispatcher names the device by what the system knows, and the result first.
    let log = "USB_ModeSwitch log from Fri Sep 21 15:18:39 2012\nUSB values from sysfs:\n  idVendor    1c9e\n  idProduct    f000\n\
               \x20 manufacturer    USB Modem\n  product    Stick\n  serial    1234567890ABCDEF\n----------------\nok:1c9e:9605\n\
               Looking for default devices ...\n  searching devices, found USB ID 1c9e:f000\n   found matching product ID\n\
               \x20Searching for target devices ...\n  searching devices, found USB ID 1c9e:9605\n   found matching product ID from list\n\
               Found correct target device\n";
    for text in [log.to_owned(), log.replace("idProduct", "other")] {
        let paste = read(text.as_bytes()).unwrap();
        assert_eq!(lines(&paste), ["- 1c9e:9605 modem"], "{text}");
        assert_eq!(paste.devices[0].earlier, ["1c9e:f000".parse().unwrap()]);
    }
    let alone =
        read(b"USB_ModeSwitch log from Fri Nov 04 21:31:28 UTC 2016\nRaw args from udev: /1/1.4:1.0\n")
            .unwrap();
    assert!(alone.has_nameless && alone.remarks[0].contains("lsusb"));
}

#[test]
fn a_stick_of_a_list_and_of_the_log_is_one_whatever_its_address() {
    let log = format!(
        "usb 1-1: new high-speed USB device number 5 using xhci_hcd\n{}{PORT}",
        found("12d1:1506", "x")
    );
    let list = "Bus 001 Device 009: ID 12d1:1506 Huawei\n";
    for text in [format!("{log}{list}"), format!("{list}{log}")] {
        assert_eq!(lines(&read(text.as_bytes()).unwrap()), ["1-1 12d1:1506 modem 0=serial:/dev/ttyUSB0"]);
    }
    // It was moved to another port, which the list shows.
    let moved = format!(
        "{log}usb 1-1: USB disconnect, device number 5\n{}{list}",
        log.replace("1-1", "1-2").replace("number 5", "number 6")
    );
    let paste = read(moved.as_bytes()).unwrap();
    let told: Vec<_> =
        paste.devices.iter().map(|d| (d.place.as_ref().unwrap().to_string(), d.gone)).collect();
    assert!(
        told.contains(&("1-2".to_owned(), false)) && told.contains(&("1-1".to_owned(), true)),
        "{told:?}"
    );
    assert_eq!(told.len(), 2);
    let two = format!("{list}{}{log}", list.replace("009", "010"));
    assert_eq!(read(two.as_bytes()).unwrap().devices.len(), 3, "which of the two it is, is not told");
}

/// usb_modeswitch lists every device by its ids, before or after lsusb does.
#[test]
fn a_device_that_usb_modeswitch_only_lists_is_that_of_lsusb() {
    let looked = "DefaultVendor=  0x05c6\nDefaultProduct= 0xf000\nLook for default devices ...\n  found USB ID 05c6:6000\n   vendor ID matched\n  \
                  found USB ID 1d6b:0002\n No devices in default mode found. Nothing to do. Bye!\n";
    let lsusb = "Bus 001 Device 004: ID 05c6:6000\nBus 001 Device 001: ID 1d6b:0002\n";
    for text in [format!("{looked}{lsusb}"), format!("{lsusb}{looked}")] {
        let paste = read(text.as_bytes()).unwrap();
        let ids: Vec<_> = paste.devices.iter().map(|d| (d.id.to_string(), d.address)).collect();
        assert_eq!(
            ids,
            [("05c6:6000".to_owned(), Some((1, 4))), ("1d6b:0002".to_owned(), Some((1, 1)))],
            "{text}"
        );
    }
    assert_eq!(read(looked.as_bytes()).unwrap().devices.len(), 2);
}

/// Ids that a flashing mode has, too, after a switch.
#[test]
fn what_came_of_a_cdrom_waits_for_no_firmware() {
    let before = found("12d1:1c0b", "HUAWEI Mobile");
    let after = found("12d1:1c05", "HUAWEI Mobile");
    let mut ports = String::new();
    for number in 0..3 {
        ports += &format!("option 1-1:1.{number}: GSM modem (1-port) converter detected\n");
        ports += &format!("usb 1-1: GSM modem (1-port) converter now attached to ttyUSB{number}\n");
    }
    let told = |text: String| lines(&read(text.as_bytes()).unwrap())[0].clone();
    let switched = told(format!("{before}{CAME}{after}{ports}"));
    assert!(switched.starts_with("1-1 12d1:1c05 modem 0=serial:/dev/ttyUSB0"), "{switched}");
    assert!(!switched.contains("flash"), "{switched}");
    assert!(told(format!("{after}{ports}")).contains("download"), "{}", told(format!("{after}{ports}")));
    assert!(told(after).contains("12d1:1c05 unknown"));
    // It was switched, and went on to its flashing mode.
    let (first, modem) = (self::found("12d1:1f01", "x"), self::found("12d1:1506", "x"));
    let gone_on = format!("{first}{CAME}{modem}{CAME}{}{ports}", self::found("12d1:1442", "x"));
    assert!(told(gone_on.clone()).contains("download"), "{}", told(gone_on));
}
