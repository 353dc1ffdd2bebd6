use super::*;

#[test]
fn logs_whose_line_ends_were_lost_are_read() {
    let log = [
        "usb 1-1: new high-speed USB device number 4 using xhci_hcd",
        "usb 1-1: New USB device found, idVendor=12d1, idProduct=1506",
        "usb 1-1: Product: HUAWEI Mobile",
        "option 1-1:1.0: GSM modem (1-port) converter detected",
        "usb 1-1: GSM modem (1-port) converter now attached to ttyUSB0",
        "cdc_ncm 1-1:1.1 wwan0: register 'cdc_ncm' at usb-0000:00:14.0-1, CDC NCM, 0c:5b:8f:27:9a:64",
    ];
    for stamp in [
        "",
        "[ 12.345] ",
        "[   12.345678] ",
        "Nov 28 10:00:00 host kernel: ",
        "[Sat Nov 28 10:00:00 2026] ",
        "2026-11-28T10:00:00+01:00 host kernel: ",
        "Nov  8 10:00:00 host kernel: [ 80562.693408] ",
    ] {
        let stamped: Vec<String> = log.iter().map(|line| format!("{stamp}{line}")).collect();
        for joint in ["\n", " ", "  ", ""] {
            // Without a time nothing tells where a line begins.
            if joint.is_empty() && stamp.is_empty() {
                continue;
            }
            let paste = read(stamped.join(joint).as_bytes()).unwrap();
            assert_eq!(
                lines(&paste),
                ["1-1 12d1:1506 modem 0=serial:/dev/ttyUSB0 1=network:wwan0"],
                "{stamp:?} {joint:?}"
            );
            assert_eq!(paste.devices[0].product.as_deref(), Some("HUAWEI Mobile"), "{stamp:?} {joint:?}");
        }
    }
    let tree = "/:  Bus 01.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/1p, 480M     |__ Port 2: Dev 7, If 0, Class=Vendor Specific Class, \
                Driver=option, 480M     |__ Port 2: Dev 7, If 1, Class=Vendor Specific Class, Driver=qmi_wwan, 480M Bus 001 Device 007: ID 2c7c:0125 \
                Bus 001 Device 001: ID 1d6b:0002 hub";
    assert_eq!(lines(&read(tree.as_bytes()).unwrap()), ["- 2c7c:0125 modem 0=diag 1=network"]);
}
