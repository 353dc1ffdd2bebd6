//! The switching methods that have a name: one table of what each sends and what each format calls it
//! (docs/protocols/mode-switch.md sections 2.1, 2.4 and 5).
//!
//! The dialogue reads its bytes here, the formats their names, and learning from captures recognises methods by both. How the bytes are sent
//! (detaching drivers, deadlines, what a failure means) is [`crate::switch`]'s.
//!
//! ```
//! use stickshift::profile::{Method, Sends};
//!
//! let method = Method::from_name("HuaweiNewMode").unwrap();
//! assert_eq!((method.letter(), method.openwrt_name()), ('J', Some("HuaweiNew")));
//! let Sends::Commands([message]) = method.sends() else { panic!() };
//! assert!(message.starts_with(b"USBC\x12\x34\x56\x78"));
//! ```

use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A way of switching that has a name. As text it is [`Method::name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(test, derive(proptest_derive::Arbitrary))]
pub enum Method {
    /// Detach the kernel's drivers, nothing else.
    DetachStorageOnly,
    /// SET_FEATURE device remote wakeup.
    Huawei,
    /// One vendor request.
    Sierra,
    /// Sony Ericsson: one vendor request, and again after the stick came back.
    Sony,
    /// GCT: two class requests.
    Gct,
    /// One vendor request.
    Kobil,
    /// One vendor request.
    Sequans,
    /// Mobile Action's phone cable: a long dialogue of interrupt transfers.
    MobileAction,
    /// Eleven SCSI commands.
    Cisco,
    /// One vendor request with data.
    Qisda,
    /// One vendor request.
    Quanta,
    /// Two vendor requests.
    Blackberry,
    /// Huawei's SCSI command that names Linux as the host.
    HuaweiNew,
    /// Huawei's SCSI command for serial ports.
    HuaweiAlt,
    /// One SCSI command, REZERO UNIT.
    Option,
    /// SCSI: allow medium removal and eject, for LUN 0 and LUN 1.
    StandardEject,
}

/// What a method sends; it is the same for every stick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sends {
    /// Nothing: the kernel's drivers are detached, and the stick notices.
    Nothing,
    /// SCSI command block wrappers to the bulk OUT endpoint of a storage interface, each answered with a status.
    Commands(&'static [[u8; 31]]),
    /// Control requests, in this order.
    Requests(&'static [Request]),
    /// A control request, then messages to an interrupt OUT endpoint, each with the number of reads that follow it.
    Dialogue(&'static Request, &'static [([u8; 8], u8)]),
}

/// One control request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The setup packet: bmRequestType, bRequest, then wValue, wIndex and wLength, little-endian.
    pub setup: [u8; 8],
    /// The data phase of a request to the stick: wLength bytes.
    pub data: &'static [u8],
}

struct Row {
    method: Method,
    /// In usb_modeswitch's files and in ours.
    name: &'static str,
    /// On the command line of usb_modeswitch 2.6.
    letter: char,
    /// The `mode` in OpenWrt's usb-mode.json.
    openwrt: Option<&'static str>,
    /// Whether usb_modeswitch 1.1.9, which TP-Link's routers run, has the letter with this meaning.
    tplink: bool,
    sends: Sends,
}

#[rustfmt::skip]
static TABLE: [Row; 16] = [
    Row { method: Method::DetachStorageOnly, name: "DetachStorageOnly", letter: 'd', openwrt: None,                  tplink: true,  sends: Sends::Nothing },
    Row { method: Method::Huawei,            name: "HuaweiMode",        letter: 'H', openwrt: Some("Huawei"),        tplink: true,  sends: Sends::Requests(&[request("0003010000000000")]) },
    Row { method: Method::Sierra,            name: "SierraMode",        letter: 'S', openwrt: Some("Sierra"),        tplink: true,  sends: Sends::Requests(&[request("400b010000000000")]) },
    Row { method: Method::Sony,              name: "SonyMode",          letter: 'O', openwrt: Some("Sony"),          tplink: true,  sends: Sends::Requests(&[request("c011020000000300")]) },
    Row { method: Method::Gct,               name: "GCTMode",           letter: 'G', openwrt: Some("GCT"),           tplink: true,  sends: Sends::Requests(&[request("a1a0000000000100"), request("a1fe000000000100")]) },
    Row { method: Method::Kobil,             name: "KobilMode",         letter: 'T', openwrt: Some("Kobil"),         tplink: true,  sends: Sends::Requests(&[request("c088000000000800")]) },
    Row { method: Method::Sequans,           name: "SequansMode",       letter: 'N', openwrt: Some("Sequans"),       tplink: true,  sends: Sends::Requests(&[request("400b020000000000")]) },
    Row { method: Method::MobileAction,      name: "MobileActionMode",  letter: 'A', openwrt: Some("MobileAction"),  tplink: true,  sends: MOBILE_ACTION },
    Row { method: Method::Cisco,             name: "CiscoMode",         letter: 'L', openwrt: Some("Cisco"),         tplink: true,  sends: CISCO },
    Row { method: Method::Qisda,             name: "QisdaMode",         letter: 'B', openwrt: Some("Qisda"),         tplink: false, sends: QISDA },
    Row { method: Method::Quanta,            name: "QuantaMode",        letter: 'E', openwrt: Some("Quanta"),        tplink: false, sends: Sends::Requests(&[request("c0ff000000000000")]) },
    Row { method: Method::Blackberry,        name: "BlackberryMode",    letter: 'Z', openwrt: Some("Blackberry"),    tplink: false, sends: Sends::Requests(&[request("c0b1000000000800"), request("c0a90e0000000200")]) },
    Row { method: Method::HuaweiNew,         name: "HuaweiNewMode",     letter: 'J', openwrt: Some("HuaweiNew"),     tplink: false, sends: Sends::Commands(&[hex("55534243123456780000000000000011062000000101000100000000000000")]) },
    Row { method: Method::HuaweiAlt,         name: "HuaweiAltMode",     letter: 'X', openwrt: None,                  tplink: false, sends: Sends::Commands(&[hex("55534243123456780000000000000011063000000000010000000000000000")]) },
    Row { method: Method::Option,            name: "OptionMode",        letter: 'U', openwrt: Some("Option"),        tplink: false, sends: Sends::Commands(&[hex("55534243123456780000000000000601000000000000000000000000000000")]) },
    Row { method: Method::StandardEject,     name: "StandardEject",     letter: 'K', openwrt: Some("StandardEject"), tplink: false, sends: EJECT },
];

const EJECT: Sends = Sends::Commands(&[
    hex("5553424387654321000000000000061e000000000000000000000000000000"),
    hex("5553424397654321000000000000061b000000020000000000000000000000"),
    hex("5553424387654321000000000001061e000000000000000000000000000000"),
    hex("5553424397654321000000000001061b000000020000000000000000000000"),
]);

const CISCO: Sends = Sends::Commands(&[
    hex("55534243f83bcd810002000080000afd000000030000000100000000000000"),
    hex("55534243984300820002000080000afd000000070000000100000000000000"),
    hex("55534243984300820000000000000afd000100071000000000000000000000"),
    hex("55534243984300820002000080000afd000200230000000100000000000000"),
    hex("55534243984300820000000000000afd000300238200000000000000000000"),
    hex("55534243984300820002000080000afd000200260000000100000000000000"),
    hex("55534243984300820000000000000afd00030026c800000000000000000000"),
    hex("55534243d84c04820002000080000afd000010730000000100000000000000"),
    hex("55534243d84c04820002000080000afd000200240000000100000000000000"),
    hex("55534243d84c04820000000000000afd000300241300000000000000000000"),
    hex("55534243d84c04820000000000000afd000110732400000000000000000000"),
]);

const QISDA: Sends = Sends::Requests(&[Request {
    setup: hex("4004000000001000"),
    data: &hex::<16>("058c0408a0ee20005c01040898cdeabf"),
}]);

const MOBILE_ACTION: Sends = Sends::Dialogue(
    &Request { setup: hex("2109000300000800"), data: &hex::<8>("b004000002902686") },
    &[
        (hex("3701fedbc1331f83"), 1),
        (hex("370eb59d3b8a9151"), 1),
        (hex("3487ba0dfc8a9151"), 63),
        (hex("3701fedbc1331f83"), 1),
        (hex("370eb59d3b8a9151"), 1),
        (hex("3487ba0dfc8a9151"), 73),
        (hex("3304fe00f46c1ff0"), 1),
        (hex("3207fef029b93af0"), 1),
    ],
);

const fn request(setup: &str) -> Request {
    Request { setup: hex(setup), data: &[] }
}

const fn hex<const N: usize>(text: &str) -> [u8; N] {
    let digits = text.as_bytes();
    assert!(digits.len() == 2 * N);
    let mut bytes = [0; N];
    let mut at = 0;
    while at < digits.len() {
        let digit = match digits[at] {
            decimal @ b'0'..=b'9' => decimal - b'0',
            letter @ b'a'..=b'f' => letter - b'a' + 10,
            _ => panic!("not a lower-case hex digit"),
        };
        bytes[at / 2] = bytes[at / 2] << 4 | digit;
        at += 1;
    }
    bytes
}

impl Method {
    /// Every method, in the order of the table.
    pub const ALL: [Method; 16] = {
        let mut all = [Method::DetachStorageOnly; 16];
        let mut number = 0;
        while number < all.len() {
            all[number] = TABLE[number].method;
            assert!(all[number] as usize == number, "a method finds its row by its number");
            number += 1;
        }
        all
    };

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    fn find(is: impl Fn(&Row) -> bool) -> Option<Method> {
        TABLE.iter().find(|row| is(row)).map(|row| row.method)
    }

    /// Its name in usb_modeswitch's files and in ours.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The method of this [`name`](Method::name); case matters, as it does to usb_modeswitch.
    pub fn from_name(name: &str) -> Option<Method> {
        Method::find(|row| row.name == name)
    }

    /// Its option letter on usb_modeswitch's command line.
    pub fn letter(self) -> char {
        self.row().letter
    }

    /// Its `mode` in OpenWrt's usb-mode.json, which has none for two of the methods.
    pub fn openwrt_name(self) -> Option<&'static str> {
        self.row().openwrt
    }

    /// The method of this [`openwrt_name`](Method::openwrt_name).
    pub fn from_openwrt_name(name: &str) -> Option<Method> {
        Method::find(|row| row.openwrt == Some(name))
    }

    /// Its option letter for usb_modeswitch 1.1.9, which TP-Link's routers run, if that program has the method.
    pub fn tplink_letter(self) -> Option<char> {
        Some(self.letter()).filter(|_| self.row().tplink)
    }

    /// The method of this [`tplink_letter`](Method::tplink_letter).
    pub fn from_tplink_letter(letter: char) -> Option<Method> {
        Method::find(|row| row.tplink && row.letter == letter)
    }

    /// What it sends.
    pub fn sends(self) -> Sends {
        self.row().sends
    }

    /// Whether it sends SCSI commands, which must only ever go to a storage interface.
    pub fn is_storage_command(self) -> bool {
        matches!(self.sends(), Sends::Commands(_))
    }

    /// The command block wrappers that it sends; none unless it is a storage command.
    pub fn commands(self) -> &'static [[u8; 31]] {
        match self.sends() {
            Sends::Commands(commands) => commands,
            _ => &[],
        }
    }

    /// The one command block wrapper that it is, if it is that and nothing else.
    pub fn message(self) -> Option<&'static [u8; 31]> {
        match self.sends() {
            Sends::Commands([message]) => Some(message),
            _ => None,
        }
    }

    /// The setup packet of the one control request without data that it is, if it is that and nothing else.
    pub fn request(self) -> Option<[u8; 8]> {
        match self.sends() {
            Sends::Requests([Request { setup, data: [] }]) if setup[6..] == [0, 0] => Some(*setup),
            _ => None,
        }
    }
}

/// The vendor request of Pantech's method, which has a number: `value` is sent as wValue.
pub fn pantech_request(value: u16) -> [u8; 8] {
    let [low, high] = value.to_le_bytes();
    [0x40, 0x70, low, high, 0, 0, 0, 0]
}

impl Serialize for Method {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(self.name())
        } else {
            serializer.serialize_u8(*self as u8)
        }
    }
}

impl<'de> Deserialize<'de> for Method {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let name = String::deserialize(deserializer)?;
            Method::from_name(&name)
                .ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&name), &"the name of a method"))
        } else {
            let number = u8::deserialize(deserializer)?;
            let method = Method::ALL.get(usize::from(number)).copied();
            method.ok_or_else(|| D::Error::custom("no method has this number"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::scsi::CommandBlock;

    const PROTOCOL: &str = include_str!("../../../../docs/protocols/mode-switch.md");

    /// A control request as section 2.4 writes it: `40 0B 0001 0000 0`.
    fn request_words(request: &Request) -> String {
        let [kind, code, v0, v1, i0, i1, l0, l1] = request.setup;
        let word = |low, high| u16::from_le_bytes([low, high]);
        format!("{kind:02X} {code:02X} {:04X} {:04X} {}", word(v0, v1), word(i0, i1), word(l0, l1))
    }

    fn spaced(bytes: &[u8]) -> String {
        let pairs: Vec<String> = bytes.iter().map(|b| format!("{b:02X}")).collect();
        pairs.join(" ")
    }

    fn section(from: &str, to: &str) -> &'static str {
        let (_, after) = PROTOCOL.split_once(from).expect("the section");
        after.split_once(to).expect("the section after it").0
    }

    #[test]
    fn the_table_says_what_the_protocol_document_says() {
        let methods = section("### 2.4 The methods", "### 2.5");
        for method in Method::ALL {
            let heading = match method {
                Method::DetachStorageOnly => continue,
                Method::Gct => "GCT",
                Method::MobileAction => "Mobile Action",
                Method::StandardEject => "eject",
                other => other.name().trim_end_matches("Mode"),
            };
            let line = methods.lines().find(|l| l.starts_with(&format!("| {heading} |")));
            let line = line.unwrap_or_else(|| panic!("{method:?} is not in section 2.4"));
            match method.sends() {
                Sends::Nothing => panic!("{method:?}"),
                Sends::Requests(requests) => {
                    for request in requests {
                        assert!(line.contains(&format!("`{}`", request_words(request))), "{method:?}");
                        assert!(line.contains(&spaced(request.data)), "{method:?}");
                    }
                }
                Sends::Dialogue(request, messages) => {
                    assert!(line.contains(&request_words(request)), "{method:?}");
                    assert!(line.contains(&spaced(request.data)), "{method:?}");
                    let reads: usize = messages.iter().map(|(_, reads)| usize::from(*reads)).sum();
                    // Two reads come first.
                    assert!(line.contains(&format!("{} interrupt transfers", 2 + reads + messages.len())));
                    for (message, _) in messages {
                        assert!(methods.contains(&spaced(message).replace(' ', "")), "{method:?}");
                    }
                }
                Sends::Commands([message]) => {
                    let command = CommandBlock::parse(message).unwrap();
                    let length = format!("command length {}", command.cdb_length);
                    let shown = if command.cdb_length == 0 { 10 } else { command.cdb_length.into() };
                    assert!(line.contains(&spaced(&command.cdb[..shown])), "{method:?}");
                    assert!(line.contains(&length) && command.tag == [0x12, 0x34, 0x56, 0x78], "{method:?}");
                }
                Sends::Commands(messages) => {
                    assert_eq!(messages.len(), if method == Method::Cisco { 11 } else { 4 });
                    assert!(messages.iter().all(|m| CommandBlock::parse(m).is_some()), "{method:?}");
                }
            }
        }
    }

    #[test]
    fn the_options_are_those_of_the_protocol_document() {
        let options = section("### 2.1 Parameters", "### 2.2");
        for method in Method::ALL {
            let line = options.lines().find(|l| {
                l.split('|').nth(1).is_some_and(|names| names.split(',').any(|n| n.trim() == method.name()))
            });
            let line = line.unwrap_or_else(|| panic!("{method:?} is not in section 2.1"));
            let mut columns = line.split('|').skip(1).map(|column| column.split(',').map(str::trim));
            let at = columns.next().unwrap().position(|name| name == method.name()).unwrap();
            let option = columns.next().unwrap().nth(at).unwrap();
            assert_eq!(option, format!("`-{}`", method.letter()), "{method:?}");
        }
    }

    #[test]
    fn names_and_letters_lead_back_to_their_method() {
        for method in Method::ALL {
            assert_eq!(Method::from_name(method.name()), Some(method));
            assert!(method.openwrt_name().is_none_or(|n| Method::from_openwrt_name(n) == Some(method)));
            assert!(method.tplink_letter().is_none_or(|l| Method::from_tplink_letter(l) == Some(method)));
        }
    }
}
