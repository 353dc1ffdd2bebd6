use super::*;
use crate::stick::Endpoint;

const STORAGE: [u8; 3] = [0x08, 0x06, 0x50];
const ECM: [u8; 3] = [0x02, 0x06, 0x00];
const DATA: [u8; 3] = [0x0a, 0x06, 0x00];
const UNTYPED: [u8; 3] = [0xff, 0xff, 0xff];

fn huawei(product: u16) -> UsbId {
    UsbId::new(0x12d1, product)
}

fn interfaces(classes: &[[u8; 3]]) -> Vec<Interface> {
    let one = |(number, class): (usize, &[u8; 3])| Interface::new(number as u8, *class);
    classes.iter().enumerate().map(one).collect()
}

fn found(id: UsbId, classes: &[[u8; 3]]) -> (Mode, Vec<Role>) {
    let found = classify(id, 0, &interfaces(classes));
    (found.mode, found.roles)
}

#[test]
fn every_row_is_found_by_its_id_and_stands_for_its_mode() {
    for row in PRODUCTS {
        assert_eq!(product_name(row.id), Some(row.what));
        let alone = classify(row.id, 0, &[]);
        // Ids of a flashing mode are those of a stick that runs, too.
        let told = row.mode.filter(|mode| *mode != Mode::Download);
        assert_eq!(alone.mode, told.unwrap_or(Mode::Unknown), "{}", row.id);
        let typical: &[[u8; 3]] = match row.mode {
            Some(Mode::Cdrom) => &[STORAGE],
            Some(Mode::Hilink) => &[ECM, DATA],
            Some(Mode::HilinkSerial) => &[ECM, DATA, [0xff, 1, 2]],
            Some(Mode::Modem) => &[[0xff, 2, 1], [0xff, 2, 2]],
            Some(Mode::Fastboot) => &[[0xff, 0x42, 3]],
            Some(Mode::BootRom | Mode::Download) => &[UNTYPED],
            _ => continue,
        };
        let (mode, roles) = found(row.id, typical);
        // The one port of 1c05 is not its interface 2.
        if row.id != huawei(0x1c05) {
            assert_eq!(Some(mode), row.mode, "{}", row.id);
        }
        assert_eq!(roles.len(), typical.len());
    }
    for row in VENDORS {
        assert_eq!(vendor_name(row.id), Some(row.name));
    }
}

#[test]
fn layouts_of_1506() {
    use Role::{Diag, Modem, Network, Pcui, Storage};
    let layouts: [(&[[u8; 3]], &[Role]); 5] = [
        (
            &[[0xff, 3, 0x10], [0xff, 3, 0x12], [0xff, 3, 0x16], STORAGE, STORAGE],
            &[Modem, Pcui, Network, Storage, Storage],
        ),
        (&[[0xff, 2, 0x12], [0xff, 2, 0x16], STORAGE, STORAGE], &[Pcui, Network, Storage, Storage]),
        (
            &[[0xff, 3, 1], [0xff, 3, 0x16], [0xff, 3, 3], [0xff, 3, 2], STORAGE, STORAGE],
            &[Modem, Network, Diag, Pcui, Storage, Storage],
        ),
        (
            &[[0xff, 1, 1], [0xff, 1, 9], [0xff, 1, 8], [0xff, 1, 3], [0xff, 1, 2], STORAGE, STORAGE],
            &[Modem, Network, Network, Diag, Pcui, Storage, Storage],
        ),
        (&[[0xff, 3, 0x12], [0xff, 3, 1], [0xff, 3, 0x16]], &[Pcui, Modem, Network]),
    ];
    for (classes, roles) in layouts {
        assert_eq!(found(huawei(0x1506), classes), (Mode::Modem, roles.to_vec()));
    }
}

#[test]
fn the_two_shifted_copies_of_the_protocols_mean_the_same() {
    for (code, role) in [
        (0x01, Role::Modem),
        (0x12, Role::Pcui),
        (0x03, Role::Diag),
        (0x14, Role::Gps),
        (0x16, Role::Network),
    ] {
        for shift in [0, 0x30, 0x60] {
            assert_eq!(huawei_role(code + shift), role, "{:02x}", code + shift);
        }
    }
    assert_eq!(huawei_role(0x00), Role::Serial);
    assert_eq!(huawei_role(0xff), Role::Serial);
}

#[test]
fn every_protocol_code_has_one_role_in_any_subclass() {
    let mut seen = std::collections::HashSet::new();
    for row in PROTOCOLS {
        for code in row.codes {
            assert!(seen.insert(code), "{code:02x} twice");
            for subclass in 1..=6 {
                let one = interfaces(&[[0xff, subclass, *code]]);
                assert_eq!(role(huawei(0x1506), &one[0]), row.role);
            }
        }
    }
}

#[test]
fn the_flashing_ports() {
    let three = interfaces(&[UNTYPED, UNTYPED, UNTYPED]);
    let stick = classify(huawei(0x1c05), 0, &three);
    assert_eq!(stick.mode, Mode::Download);
    assert_eq!(stick.roles[2], Role::Flash);
    assert!(stick.evidence.iter().any(|e| e.contains("AT^DLOADVER?")), "{:?}", stick.evidence);

    let b525 = found(huawei(0x1c05), &[UNTYPED, STORAGE, UNTYPED]);
    assert_eq!(b525, (Mode::Download, vec![Role::Serial, Role::Storage, Role::Flash]));
    let mut b525 = Stick::new("1-1".parse().unwrap(), huawei(0x1c05));
    b525.interfaces = interfaces(&[UNTYPED, STORAGE, UNTYPED]);
    for (number, tty) in [(0, "/dev/ttyUSB0"), (2, "/dev/ttyUSB1")] {
        b525.interfaces[number].tty = Some(tty.into());
    }
    b525.classify(&NoProfiles);
    let port = b525.interface(Role::Flash).unwrap();
    assert_eq!((port.number, port.tty.as_deref()), (2, Some("/dev/ttyUSB1")), "the second tty");
    let godload = found(huawei(0x1442), &[UNTYPED, UNTYPED]);
    assert_eq!(godload.0, Mode::Download);
    assert_eq!(godload.1[0], Role::Flash);
    assert_eq!(found(huawei(0x2020), &[STORAGE, UNTYPED]).1[1], Role::Flash);
}

#[test]
fn ids_used_twice_are_told_apart_by_classes() {
    let (mode, roles) = found(huawei(0x1c05), &[[0xff, 3, 1], [0xff, 3, 3], [0xff, 3, 2]]);
    assert_eq!((mode, roles), (Mode::Modem, vec![Role::Modem, Role::Diag, Role::Pcui]));
    let (mode, roles) = found(huawei(0x1442), &[ECM, DATA, [0x02, 0x02, 0xff], [0x02, 0x02, 0xff]]);
    assert_eq!(mode, Mode::HilinkSerial);
    assert_eq!(roles, [Role::Network, Role::Other, Role::Pcui, Role::Serial]);
    assert_eq!(found(huawei(0x155e), &[[0xff, 2, 2], [0xff, 2, 0x16]]).0, Mode::Modem);
    assert_eq!(found(huawei(0x1c05), &[STORAGE]).0, Mode::Cdrom);
}

#[test]
fn hilink_and_its_halves() {
    assert_eq!(
        found(huawei(0x14dc), &[ECM, DATA, STORAGE]),
        (Mode::Hilink, vec![Role::Network, Role::Other, Role::Storage])
    );
    assert_eq!(found(UsbId::new(0x3566, 0x2001), &[[0xe0, 1, 3], [0x0a, 0, 0]]).0, Mode::Hilink);
    assert_eq!(found(UsbId::new(0x3566, 0x2001), &[STORAGE]).0, Mode::Cdrom);
}

/// Huawei's modules: ports, and Ethernet that one of them dials.
#[test]
fn ethernet_beside_ports_is_no_hilink_by_itself() {
    use Role::{Diag, Gps, Modem, Network, Other, Pcui};
    let classes = [ECM, DATA, [0xff, 6, 0x10], [0xff, 6, 0x13], [0xff, 6, 0x12], [0xff, 6, 0x14]];
    for product in [0x1573, 0x15c1, 0x1c25, 0xabcd] {
        let found = found(huawei(product), &classes);
        assert_eq!(found, (Mode::Modem, vec![Network, Other, Modem, Diag, Pcui, Gps]), "{product:04x}");
    }
    for product in [0x14db, 0x14dc, 0x1441, 0x1566] {
        assert_eq!(found(huawei(product), &classes).0, Mode::HilinkSerial, "{product:04x}");
    }
}

/// The network of Android is a telephone's as often as a stick's; 14ac is the modem that E1820 and E372 become.
#[test]
fn ids_that_are_no_hilink_are_not_called_so() {
    let words = |id: &str, classes: &[[u8; 3]]| {
        let interfaces = interfaces(classes);
        let mut stick = Stick { interfaces, ..Stick::new("1-1".parse().unwrap(), id.parse().unwrap()) };
        stick.classify(&NoProfiles);
        stick.mode_words()
    };
    for classes in [&[][..], &[[0xe0, 1, 3], [0x0a, 0, 0], [0xff, 0x42, 1]]] {
        let told = words("05c6:9024", classes);
        assert!(told.contains("telephone") && !told.contains("HiLink"), "{told}");
    }
    assert_eq!(words("12d1:14ac", &[]), "modem");
    assert_eq!(words("12d1:14ac", &[UNTYPED, [2, 6, 0xff], DATA, UNTYPED]), "modem (serial ports)");
}

#[test]
fn the_boot_rom_has_one_port() {
    assert_eq!(found(huawei(0x1443), &[UNTYPED]), (Mode::BootRom, vec![Role::BootRom]));
    assert_eq!(found(huawei(0x1443), &[[0xff, 1, 2]]).1, [Role::BootRom]);
}

#[test]
fn old_sticks_name_their_ports_by_order() {
    assert_eq!(
        found(huawei(0x1001), &[UNTYPED, UNTYPED, UNTYPED]),
        (Mode::Modem, vec![Role::Modem, Role::Diag, Role::Pcui])
    );
    let unseen = classify(huawei(0x1001), 0, &[]).evidence;
    assert!(!unseen.iter().any(|e| e.contains("order")), "ports that were not seen have none: {unseen:?}");
}

#[test]
fn other_vendors_by_class_and_driver() {
    let zte = UsbId::new(0x19d2, 0x0117);
    let mut ports = interfaces(&[UNTYPED, UNTYPED, UNTYPED]);
    ports[1].endpoints = vec![
        Endpoint { address: 0x85, kind: 3, max_packet: 64 },
        Endpoint { address: 0x84, kind: 2, max_packet: 512 },
        Endpoint { address: 0x03, kind: 2, max_packet: 512 },
    ];
    let stick = classify(zte, 0, &ports);
    // ModemManager lists 1 and 2 as ports for AT commands.
    assert_eq!((stick.mode, &stick.roles[..]), (Mode::Modem, &[Role::Serial, Role::Modem, Role::Pcui][..]));
    assert_eq!(found(zte, &[STORAGE]).0, Mode::Cdrom);

    let unknown = UsbId::new(0xdead, 0x0001);
    assert_eq!(found(unknown, &[[0x02, 0x0e, 0], [0x0a, 0, 2]]).0, Mode::Modem, "MBIM");
    let mut ports = interfaces(&[UNTYPED, UNTYPED]);
    assert_eq!(classify(unknown, 0, &ports).mode, Mode::Unknown);
    ports[0].driver = Some("option".into());
    ports[1].driver = Some("qmi_wwan".into());
    let stick = classify(unknown, 0, &ports);
    assert_eq!((stick.mode, stick.roles[1]), (Mode::Modem, Role::Network));
}

#[test]
fn what_is_no_stick_is_left_out() {
    let stick = |id, class, manufacturer: Option<&str>, classes: &[[u8; 3]]| {
        let mut stick = Stick {
            class,
            manufacturer: manufacturer.map(str::to_owned),
            interfaces: interfaces(classes),
            ..Stick::new("1-1".parse().unwrap(), id)
        };
        stick.classify(&NoProfiles);
        is_stick(&stick)
    };
    let other = UsbId::new(0x0951, 0x1666);
    assert!(!stick(other, 0, None, &[STORAGE]), "disk");
    assert!(!stick(other, 0, None, &[[3, 1, 1]]), "keyboard");
    assert!(!stick(UsbId::new(0x1d6b, 2), 9, None, &[[9, 0, 0]]), "hub");
    assert!(!stick(UsbId::new(0x0bda, 0x8153), 0, None, &[ECM, DATA]), "network card");
    assert!(!stick(other, 0, None, &[[0xe0, 1, 3], [0x0a, 0, 0], [0xff, 0x42, 1]]), "tethering phone");
    assert!(!stick(UsbId::new(0x2341, 0x43), 2, None, &[[2, 2, 1], [0x0a, 0, 0]]), "serial board");
    assert!(!stick(huawei(0x107e), 0, Some("Android"), &[[6, 1, 1]]), "phone");
    let meig = UsbId::new(0x2dee, 0x4d07);
    assert!(stick(meig, 0, Some("Android"), &[UNTYPED, [0xff, 0, 0]]), "module that runs a part of Android");
    assert!(stick(huawei(0xabcd), 0, Some("HUAWEI"), &[STORAGE]), "unknown id of a maker of sticks");
    assert!(stick(huawei(0xabcd), 0, None, &[[1, 1, 1]]), "unknown mode of a maker of sticks");
    assert!(stick(huawei(0x36dd), 0, None, &[]), "fastboot");
}

/// Quectel RM500Q: protocol 30 tells the port of diagnostics, and Linux's list the others.
#[test]
fn an_order_that_does_not_fit_leaves_the_ports_to_the_lists() {
    use Role::{Diag, Gps, Modem, Network, Other, Pcui};
    let id = UsbId::new(0x2c7c, 0x0800);
    let classes = [[0xff, 0xff, 0x30], [0xff, 0, 0], [0xff, 0, 0], [0xff, 0, 0], UNTYPED, [0xff, 0x42, 0x01]];
    let mut interfaces = interfaces(&classes);
    let endpoint = |address, kind, max_packet| Endpoint { address, kind, max_packet };
    interfaces[4].endpoints = vec![endpoint(0x88, 3, 8), endpoint(0x8e, 2, 1024), endpoint(0x0f, 2, 1024)];
    let found = classify(id, 0, &interfaces);
    assert_eq!((found.mode, &found.roles[..]), (Mode::Modem, &[Diag, Gps, Pcui, Modem, Network, Other][..]));
}

/// The kernel's log names but some interfaces of an EC25.
/// A list out of drivers for Windows names every port that is not for dialling, whether it takes AT commands or not.
#[test]
fn ports_that_a_list_calls_auxiliary_are_not_told() {
    use Role::{Modem, Pcui, Serial};
    for (id, roles) in [
        ("1bbb:0017", &[Serial, Serial, Serial, Serial, Modem][..]),
        ("1c9e:9605", &[Serial, Serial, Serial, Modem]),
        ("0b3c:c005", &[Serial, Serial, Serial, Serial, Modem, Serial]),
        ("19d2:0031", &[Pcui, Modem, Role::Network]),
    ] {
        let known = crate::stick::usual_interfaces(id.parse().unwrap());
        assert_eq!(known.iter().map(|i| i.role).collect::<Vec<_>>(), roles, "{id}");
    }
}

#[test]
fn ports_are_not_counted_where_some_are_not_seen() {
    let some = [Interface::new(2, UNTYPED), Interface::new(3, UNTYPED)];
    let found = classify(UsbId::new(0x2c7c, 0x0125), 0, &some);
    assert_eq!(found.roles, [Role::Pcui, Role::Modem]);
    let drive = [Interface::new(5, STORAGE)];
    assert_eq!(classify(UsbId::new(0x1bbb, 0x011e), 0, &drive).mode, Mode::Modem);
}

#[test]
fn a_chip_that_waits_for_firmware_is_a_stick_and_a_board_is_none() {
    let with = |id, interfaces: Vec<Interface>| {
        let mut stick = Stick { interfaces, ..Stick::new("1-1".parse().unwrap(), id) };
        stick.classify(&NoProfiles);
        stick
    };
    let gobi = with(UsbId::new(0x05c6, 0x9224), vec![Interface::new(1, UNTYPED)]);
    assert!(is_stick(&gobi) && waits_for_chip_firmware(&gobi));
    // The boot mode of an EM7455, by its ids alone and with its one port. Shown with more, it is none.
    let boot = UsbId::new(0x1199, 0x9078);
    for held in [with(boot, Vec::new()), with(boot, vec![Interface::new(0, UNTYPED)])] {
        assert_eq!(held.mode, Mode::Unknown);
        assert!(held.mode_words().starts_with("download mode"), "{}", held.mode_words());
    }
    let driver =
        |number| Interface { driver: Some("qcserial".to_owned()), ..Interface::new(number, UNTYPED) };
    assert_eq!(with(boot, vec![driver(0), driver(2), driver(3)]).mode, Mode::Modem);
    assert_eq!(with(UsbId::new(0x1199, 0x9079), Vec::new()).mode, Mode::Modem);
    // Chips of other makers, by their ids alone, with one port, and with one of CDC.
    let cdc = vec![Interface::new(0, [2, 2, 1]), Interface::new(1, [0x0a, 0, 0])];
    for id in [
        "1782:4d00",
        "0e8d:0003",
        "0e8d:2000",
        "8087:0716",
        "2ecc:3004",
        "2ecc:3017",
        "05c6:9008",
        "05c6:900e",
    ] {
        for interfaces in [Vec::new(), vec![Interface::new(0, UNTYPED)], cdc.clone()] {
            let chip = with(id.parse().unwrap(), interfaces);
            assert!(is_stick(&chip) && waits_for_chip_firmware(&chip), "{id}");
            assert!(
                chip.mode_words().starts_with("download mode of its chip"),
                "{id}: {}",
                chip.mode_words()
            );
            assert!(chip.evidence[0].contains(" chip"), "{id}: {:?}", chip.evidence);
        }
    }
    let drive = with(UsbId::new(0x05c6, 0x9006), vec![Interface::new(0, STORAGE)]);
    assert!(waits_for_chip_firmware(&drive) && drive.mode == Mode::Unknown);
    let option = |number| Interface { driver: Some("option".to_owned()), ..Interface::new(number, UNTYPED) };
    assert_eq!(with(UsbId::new(0x0e8d, 0x0003), vec![option(0), option(1), option(2)]).mode, Mode::Modem);
    let driven = Interface { driver: Some("option".to_owned()), ..Interface::new(0, UNTYPED) };
    assert!(!is_stick(&with(huawei(0x3609), vec![driven])));
    assert!(!is_stick(&with(huawei(0x0001), vec![Interface::new(0, STORAGE)])));
}

/// The layouts of Linux's qcserial: by the ids where they tell, and by the interfaces where two modems share them.
#[test]
fn ports_of_gobi_modems_follow_the_layout_of_their_generation() {
    use Role::{Diag, Gps, Modem, Network, Pcui, Serial};

    let roles = |id: &str, numbers: &[u8]| {
        let interfaces: Vec<Interface> = numbers.iter().map(|n| Interface::new(*n, UNTYPED)).collect();
        classify(id.parse().unwrap(), 0, &interfaces).roles
    };
    // Gobi 1000, Gobi 2000, Quectel's EC20 with ids of Gobi 2000, Sierra Wireless's own.
    assert_eq!(roles("04da:250d", &[0, 1, 2, 3]), [Serial, Serial, Modem, Network]);
    assert_eq!(roles("03f0:251d", &[0, 1, 2, 3]), [Network, Diag, Modem, Gps]);
    assert_eq!(roles("05c6:9215", &[0, 1, 2, 3]), [Network, Diag, Modem, Gps]);
    assert_eq!(roles("05c6:9215", &[0, 1, 2, 3, 4]), [Diag, Gps, Pcui, Modem, Network]);
    assert_eq!(roles("1199:68c0", &[0, 2, 3, 8, 10]), [Diag, Gps, Modem, Network, Network]);
}

#[test]
fn several_rndis_without_data_are_serial_ports() {
    let control = [0x02, 0x02, 0xff];
    let shown = |classes: &[[u8; 3]]| {
        let interfaces: Vec<Interface> = (0..).zip(classes).map(|(n, c)| Interface::new(n, *c)).collect();
        classify(UsbId::new(0x04e7, 0x6651), 0, &interfaces).roles
    };
    assert_eq!(shown(&[control, control, control, STORAGE])[..3], [Role::Serial; 3]);
    assert_eq!(shown(&[control, [0x0a, 0, 0]])[0], Role::Network);
    assert_eq!(shown(&[control])[0], Role::Network);
    let modem = [Interface::new(0, control), Interface::new(1, [0x0a, 0, 0])];
    assert_eq!(classify(huawei(0x1c1f), 0, &modem).mode, Mode::Modem);
}

#[test]
fn ids_of_a_flashing_mode_alone_do_not_tell_it() {
    for product in [0x1c05, 0x1442] {
        let found = classify(huawei(product), 0, &[]);
        assert_eq!(found.mode, Mode::Unknown);
        assert!(found.evidence.iter().any(|why| why.contains("does not tell which")), "{:?}", found.evidence);
    }
}
