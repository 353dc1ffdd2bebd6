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
