use super::*;

/// What stands at each place or address: `place id mode`, with the ids before it.
fn present(text: &str) -> Vec<String> {
    let paste = read(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
    let line = |(line, device): (String, &PastedDevice)| {
        let earlier: Vec<String> = device.earlier.iter().map(ToString::to_string).collect();
        let gone = if device.gone { " gone" } else { "" };
        let earlier = if earlier.is_empty() { String::new() } else { format!(" < {}", earlier.join(" < ")) };
        format!("{}{earlier}{gone}", line.split(" 0=").next().unwrap_or_default())
    };
    let catalogue = Catalogue::builtin();
    let shown = |d: &&PastedDevice| {
        let stick = d.stick(&place(), &catalogue);
        is_stick(&stick) || catalogue.concerns(stick.id)
    };
    lines(&paste).into_iter().zip(paste.devices.iter().filter(shown)).map(line).collect()
}

/// Of a stick that was switched, the oldest line first.
const SWITCHED: &[&str] = &[
    "usb 1-1.2: new high-speed USB device number 5 using dwc_otg",
    "usb 1-1.2: New USB device found, idVendor=12d1, idProduct=1f01, bcdDevice= 1.02",
    "usb-storage 1-1.2:1.0: USB Mass Storage device detected",
    "usb 1-1.2: USB disconnect, device number 5",
    "usb 1-1.2: new high-speed USB device number 6 using dwc_otg",
    "usb 1-1.2: New USB device found, idVendor=12d1, idProduct=14dc, bcdDevice= 1.02",
    "usb 1-1.2: New USB device strings: Mfr=1, Product=2, SerialNumber=0",
    "usb 1-1.2: Product: HUAWEI_MOBILE",
    "usb 1-1.2: Manufacturer: HUAWEI_MOBILE",
    "cdc_ether 1-1.2:1.0 eth1: register 'cdc_ether' at usb-3f980000.usb-1.2, CDC Ethernet Device, 0c:5b:8f:27:9a:64",
];

type Stamp = fn(usize) -> String;

/// How logs tell the time.
const STAMPS: &[(&str, Stamp)] = &[
    ("uptime", |n| format!("[{:5}.{:06}] ", 100 + n, n * 7)),
    ("dmesg -T", |n| format!("[Sat Nov 28 10:00:{:02} 2026] ", n / 2)),
    ("syslog", |n| format!("Nov 28 10:00:{:02} raspberrypi kernel: ", n / 2)),
    ("a Russian journal", |n| format!("ноя 28 10:00:{:02} host kernel: ", n / 2)),
    ("ISO", |n| format!("2026-11-28T10:00:{:02}+01:00 host kernel: ", n / 2)),
    ("OpenWrt", |n| {
        format!("Sat Nov 28 10:00:{:02} 2026 kern.info kernel: [{:5}.{:06}] ", n / 2, 100 + n, n * 7)
    }),
    ("nothing", |_| String::new()),
];

#[test]
fn the_latest_line_counts_wherever_it_stands() {
    for (name, stamp) in STAMPS {
        let mut all: Vec<String> =
            SWITCHED.iter().enumerate().map(|(n, line)| format!("{}{line}", stamp(n))).collect();
        let forward = all.join("\n");
        all.reverse();
        let backward = all.join("\n");
        for (way, text) in [("forward", forward), ("backward", backward)] {
            assert_eq!(present(&text), ["1-1.2 12d1:14dc hilink < 12d1:1f01"], "{name} {way}");
            let paste = read(text.as_bytes()).unwrap();
            assert_eq!(paste.devices[0].attached[&0].netdev.as_deref(), Some("eth1"), "{name} {way}");
            let said = paste.remarks.iter().any(|remark| remark.contains("latest lines stand first"));
            assert_eq!(said, way == "backward", "{name}");
        }
    }
}

#[test]
fn a_report_that_is_pasted_twice_tells_of_its_sticks_once() {
    let part = |port: u8| {
        format!(
            "== 1-{port} 12d1:1506 ==\nT:  Bus=01 Lev=01 Prnt=01 Port=0{} Cnt=01 Dev#=  5 Spd=480 MxCh= 0\nP:  Vendor=12d1 ProdID=1506 Rev=01.02\n",
            port - 1
        )
    };
    let report = format!("stickshift report, format 1\nsystem: x\n\n{}\n{}\n", part(1), part(2));
    assert_eq!(present(&report), ["1-1 12d1:1506 modem", "1-2 12d1:1506 modem"]);
    assert_eq!(present(&report.repeat(2)), present(&report));
}

/// Two days, a system started anew in between, and a clock that was set back at the start.
#[test]
fn one_step_back_turns_no_log_round() {
    let log = "Nov 28 10:00:08 pi kernel: [ 900.5] usb 1-1: USB disconnect, device number 5\n\
               Nov 28 09:50:00 pi kernel: [   2.1] usb 1-1: New USB device found, idVendor=12d1, idProduct=1f01\n\
               Nov 28 09:50:01 pi kernel: [   3.1] usb 1-1: USB disconnect, device number 2\n\
               Nov 28 09:50:02 pi kernel: [   4.1] usb 1-1: New USB device found, idVendor=12d1, idProduct=14dc\n";
    assert_eq!(present(log), ["1-1 12d1:14dc hilink < 12d1:1f01"]);
}

#[test]
fn of_lines_without_times_and_order_it_is_said() {
    let log = "usb 1-1: New USB device found, idVendor=12d1, idProduct=1f01\n\
               usb 1-1: New USB device found, idVendor=12d1, idProduct=14dc\n";
    let paste = read(log.as_bytes()).unwrap();
    assert!(paste.devices[0].remarks.iter().any(|remark| remark.contains("have no times")));
}

const HUB: &str = "Bus 001 Device 001: ID 1d6b:0002 Linux Foundation 2.0 root hub\n";
const CDROM: &str = "Bus 001 Device 004: ID 12d1:1f01 Huawei Technologies Co., Ltd.\n";
const HILINK: &str = "Bus 001 Device 005: ID 12d1:14dc Huawei Technologies Co., Ltd.\n";

#[test]
fn of_two_lists_the_later_one_counts() {
    let changed = ["- 12d1:14dc hilink < 12d1:1f01"];
    for text in [
        format!("$ lsusb\n{CDROM}{HUB}$ sudo usb_modeswitch -J -v 12d1 -p 1f01\n$ lsusb\n{HILINK}{HUB}"),
        format!("{CDROM}after:\n{HILINK}"),
        format!("$ lsusb -d 12d1:\n{CDROM}$ lsusb -d 12d1:\n{HILINK}"),
        format!("vorher:\n{CDROM}\nund danach sieht man:\n{HILINK}"),
        format!("до переключения\n{CDROM}\nпосле\n{HILINK}"),
        format!("Przed:\n{CDROM}Po:\n{HILINK}"),
        format!("{HILINK}Before I typed that it was\n{CDROM}"),
        // No words, but what was there all the time.
        format!("{CDROM}{HUB}------\n{HILINK}{HUB}"),
        // One address is that of one device.
        format!("{CDROM}------\n{}", HILINK.replace("005", "004")),
        // Without heads.
        "Device Descriptor:\nidVendor 0x12d1\nidProduct 0x1f01\nnow:\nDevice Descriptor:\nidVendor 0x12d1\nidProduct 0x14dc\n".to_owned(),
    ] {
        assert_eq!(present(&text), changed, "{text}");
    }
    let said = |text: &str| read(text.as_bytes()).unwrap().devices[0].remarks.join("; ");
    assert!(said(&format!("{CDROM}after:\n{HILINK}")).contains("two states"));
}

#[test]
fn what_is_there_at_the_same_time_stays() {
    for text in [
        format!("{CDROM}{HILINK}{HUB}"),
        format!("{CDROM}and this one:\n{HILINK}"),
        format!("{CDROM}Now my second stick:\n{HILINK}"),
        format!(
            "$ lsusb\n{CDROM}{HILINK}{HUB}$ lsusb -v -s 1:4\n{CDROM}Device Descriptor:\n idVendor 0x12d1\n"
        ),
    ] {
        assert_eq!(present(&text), ["- 12d1:1f01 cdrom", "- 12d1:14dc hilink"], "{text}");
    }
    // One of two became something, and nothing tells which.
    let two = format!("{CDROM}{}after:\n{HILINK}", CDROM.replace("004", "003"));
    assert_eq!(present(&two).len(), 3);
}

#[test]
fn what_a_later_whole_list_lacks_is_gone() {
    let text = format!("$ lsusb\n{CDROM}{HUB}$ lsusb\n{HUB}");
    assert_eq!(present(&text), ["- 12d1:1f01 cdrom gone"]);
    assert_eq!(present(&format!("$ lsusb\n{CDROM}{HUB}$ lsusb -d 19d2:\n")), ["- 12d1:1f01 cdrom"]);
}

#[test]
fn at_one_place_stands_one_device() {
    let listed = |number: u8, product: &str, class: &str| {
        format!(
            "T:  Bus=01 Lev=01 Prnt=01 Port=00 Cnt=01 Dev#= {number} Spd=480 MxCh= 0\nP:  Vendor=12d1 ProdID={product} Rev=01.02\n\
             C:  #Ifs= 1 Cfg#= 1 Atr=80 MxPwr=500mA\nI:  If#=0x0 Alt= 0 #EPs= 2 Cls={class} Driver=(none)\n\n"
        )
    };
    let before = listed(4, "1f01", "08(stor.) Sub=06 Prot=50");
    let after = listed(5, "14dc", "02(commc) Sub=06 Prot=00");
    assert_eq!(present(&format!("{before}{after}")), ["1-1 12d1:14dc hilink < 12d1:1f01"]);
    assert_eq!(
        present(&format!("{after}Before that it was:\n{before}")),
        ["1-1 12d1:14dc hilink < 12d1:1f01"]
    );
    // Behind a hub that is not in the text.
    let behind = |text: &str| text.replace("Lev=01 Prnt=01", "Lev=02 Prnt=02");
    let both = format!("{}{}", behind(&before), behind(&after));
    assert_eq!(present(&both), ["- 12d1:14dc hilink < 12d1:1f01"]);
    assert_eq!(
        present(&format!("{}{}", behind(&before), behind(&after).replace("Port=00", "Port=01"))).len(),
        2
    );
    // The same once more, under another address.
    let again = format!("{before}{}", listed(7, "1f01", "08(stor.) Sub=06 Prot=50"));
    assert_eq!(present(&again), ["1-1 12d1:1f01 cdrom"]);
    assert!(read(again.as_bytes()).unwrap().devices[0].remarks.join(";").contains("under two addresses"));
}

#[test]
fn a_list_before_a_log_is_of_the_same_device() {
    let text = format!(
        "{CDROM}{HUB}{}",
        SWITCHED.join("\n").replace("number 5", "number 4").replace("number 6", "number 5")
    );
    assert_eq!(present(&text), ["1-1.2 12d1:14dc hilink < 12d1:1f01"]);
}

#[test]
fn a_stick_that_came_again_after_a_restart_is_one() {
    for between in ["(reboot)", "then I restarted the router", "после перезагрузки", "nach Neustart:"]
    {
        let text = format!(
            "Bus 001 Device 004: ID 12d1:1506 Huawei\n{between}\nBus 001 Device 007: ID 12d1:1506 Huawei\n"
        );
        assert_eq!(present(&text), ["- 12d1:1506 modem"], "{between}");
    }
}

#[test]
fn ids_of_windows_and_of_lsusb_are_of_one_device() {
    let text =
        "USB\\Vid_106c&Pid_3b03&Rev_0100\nBus 001 Device 006: ID 106c:3b03 Curitel Communications, Inc.\n";
    assert_eq!(present(text), ["- 106c:3b03 cdrom"]);
}

#[test]
fn of_more_sticks_than_are_shown_it_is_said_in_a_report_as_in_a_list() {
    let numbers = || (0..300u16).map(|n| (n % 100 + 1, n / 100 + 1));
    let list: String =
        numbers().map(|(a, b)| format!("Bus {b:03} Device {a:03}: ID 12d1:1506 x\n")).collect();
    let parts: String = numbers()
        .map(|(a, b)| {
            format!("\n== 1-{a}.{b} 12d1:1506 ==\nT:  Bus=1 Dev#={a} Place=1-{a}.{b}\nP:  Vendor=12d1 ProdID=1506 Rev=01.02\n")
        })
        .collect();
    for text in [list, format!("stickshift report, format 1\n{parts}")] {
        let paste = read(text.as_bytes()).unwrap();
        assert_eq!(paste.devices.len(), MOST_DEVICES);
        assert_eq!(paste.remarks.iter().filter(|r| r.starts_with("only the first 256")).count(), 1);
    }
}

#[test]
fn devices_of_two_makers_at_one_place_are_two() {
    let shown = |id: &str, class: &str| {
        let (vendor, product) = id.split_once(':').unwrap();
        format!(
            "T:  Bus=01 Lev=01 Prnt=01 Port=00 Cnt=01 Dev#=  3 Spd=480 MxCh= 0\nP:  Vendor={vendor} ProdID={product} Rev=00.00\n\
             C:  #Ifs= 1 Cfg#= 1 Atr=80 MxPwr=500mA\nI:  If#= 0 Alt= 0 #EPs= 2 Cls={class}(x) Sub=ff Prot=ff Driver=(none)\n\n"
        )
    };
    let told = |text: String| lines(&read(text.as_bytes()).unwrap()).len();
    assert_eq!(told(shown("1bbb:0195", "ff") + &shown("19d2:fffe", "ff")), 2);
    // A switch may change the maker's number, too.
    assert_eq!(told(shown("05c6:1000", "08") + &shown("19d2:fffe", "ff")), 1);
    assert_eq!(told(shown("19d2:0003", "ff") + &shown("19d2:fffe", "ff")), 1);
}
