use super::*;

fn text(name: &str) -> String {
    String::from_utf8(fixture(name)).unwrap()
}

/// Without the lines from the one that begins with `from` behind `after` to the one before `until`.
fn without(text: &str, after: &str, from: &str, until: &str) -> String {
    let begun = text.find(after).unwrap();
    let start = begun + text[begun..].find(from).unwrap();
    let end = start + 1 + text[start + 1..].find(until).unwrap();
    format!("{}\n{}", &text[..start], &text[end..])
}

fn of(text: &str) -> (String, String) {
    let paste = read(text.as_bytes()).unwrap();
    (lines(&paste).join("; "), paste.devices[0].remarks.join("; "))
}

/// SIMCom names interface 2 for AT commands and 3 for dialling, ModemManager takes them the other way round.
#[test]
fn roles_follow_the_numbers_of_interfaces() {
    let whole = text("simcom-sim7600.lsusb-v");
    for missing in 0..5 {
        let number = format!("bInterfaceNumber        {missing}");
        let start = whole[..whole.find(&number).unwrap()].rfind("Interface Descriptor").unwrap();
        let end = start + 1 + whole[start + 1..].find("Interface Descriptor").unwrap();
        let (told, remarks) = of(&format!("{}{}", &whole[..start], &whole[end..]));
        let all = ["0=diag", "1=gps", "2=pcui", "3=modem", "4=other", "5=network"];
        for (number, role) in all.iter().enumerate().filter(|(number, _)| *number != missing) {
            let unknown = format!("{number}=serial");
            assert!(told.contains(role) || told.contains(&unknown), "without {missing}: {told}");
            // What the list of the ids numbers is known whatever is missing.
            assert!(told.contains(role) || number > 3, "without {missing}: {told}");
        }
        assert!(remarks.contains("fewer interfaces"), "{remarks}");
    }
    let driven = |numbers: &[u8]| {
        let mut log = "usb 1-1: New USB device found, idVendor=1e0e, idProduct=9001\n".to_owned();
        for number in numbers {
            log += &format!("option 1-1:1.{number}: GSM modem (1-port) converter detected\n");
            log += &format!("usb 1-1: GSM modem (1-port) converter now attached to ttyUSB{number}\n");
        }
        of(&log).0
    };
    assert_eq!(
        driven(&[0, 2, 3]),
        "1-1 1e0e:9001 modem 0=diag:/dev/ttyUSB0 2=pcui:/dev/ttyUSB2 3=modem:/dev/ttyUSB3"
    );
    assert_eq!(driven(&[3]), "1-1 1e0e:9001 modem 3=modem:/dev/ttyUSB3");
}

#[test]
fn an_interface_without_its_endpoints_is_kept_wherever_the_text_is_cut() {
    let whole = text("simcom-sim7600.lsusb-v");
    let (told, remarks) =
        of(&without(&whole, "bInterfaceNumber        1", "Endpoint Descriptor", "Interface Descriptor"));
    assert_eq!(told, "- 1e0e:9001 modem 0=diag 1=gps 2=pcui 3=modem 4=other 5=network");
    assert!(remarks.contains("the endpoints of interface 1 are missing"), "{remarks}");
    assert!(!remarks.contains("fewer interfaces"), "{remarks}");
    // The list of these ids numbers no port.
    let unlisted = whole.replace("1e0e:9001", "1e0e:9071").replace("0x9001", "0x9071");
    let cut = without(&unlisted, "bInterfaceNumber        1", "Endpoint Descriptor", "Interface Descriptor");
    let (told, remarks) = of(&cut);
    assert!(told.contains(" 1=serial "), "{told}");
    assert!(remarks.contains("the endpoints of interface 1 are missing"), "{remarks}");
    // The text ends there.
    let at = unlisted.find("bInterfaceNumber        3").unwrap();
    let end = at + unlisted[at..].find("Endpoint Descriptor").unwrap();
    let (told, remarks) = of(&unlisted[..end]);
    assert!(told.ends_with(" 3=serial"), "{told}");
    assert!(
        remarks.contains("fewer interfaces") && remarks.contains("endpoints of interface 3"),
        "{remarks}"
    );
}

#[test]
fn an_interface_without_its_class_is_told() {
    let whole = text("simcom-sim7600.lsusb-v");
    let (told, remarks) =
        of(&without(&whole, "bInterfaceNumber        1", "bInterfaceClass", "Interface Descriptor"));
    assert!(!told.contains(" 1="), "{told}");
    assert!(remarks.contains("the class of interface 1 is missing"), "{remarks}");
    let listing = "P:  Vendor=2c7c ProdID=0125 Rev=03.18\nI:* If#= 0 Alt= 0 #EPs= 2 Cls=ff(vend.) Sub=ff Prot=ff Driver=option\n\
                   I:* If#= 1 Alt= 0 #EPs= 3 Cls=ff(ve\n";
    assert!(of(listing).1.contains("the class of interface 1 is missing"));
}

/// Which ports there are is known by the lists; the rest of a text does not change that.
#[test]
fn a_cut_list_of_ports_keeps_their_roles() {
    let mut listing =
        "P:  Vendor=2c7c ProdID=0296 Rev=03.18\nC:* #Ifs= 5 Cfg#= 1 Atr=a0 MxPwr=500mA\n".to_owned();
    for number in 0..3 {
        listing += &format!("I:* If#= {number} Alt= 0 #EPs= 3 Cls=ff(vend.) Sub=ff Prot=ff Driver=option\n");
    }
    assert_eq!(of(&listing).0, "- 2c7c:0296 modem 0=diag 1=gps 2=pcui");
}
