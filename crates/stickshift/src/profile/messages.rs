//! The messages that named methods stand for (docs/protocols/mode-switch.md section 2.4), so that formats without the name can carry them,
//! and a raw message can be given its name.

use crate::profile::{Method, Parameters};
use crate::wire::scsi::CommandBlock;

const fn command(tag: [u8; 4], lun: u8, cdb_length: u8, cdb: &[u8]) -> [u8; 31] {
    let cdb = CommandBlock::padded(cdb);
    CommandBlock { tag, data_length: 0, flags: 0, lun, cdb_length, cdb }.encode()
}

const TAG: [u8; 4] = [0x12, 0x34, 0x56, 0x78];
const EJECT_TAGS: [[u8; 4]; 2] = [[0x87, 0x65, 0x43, 0x21], [0x97, 0x65, 0x43, 0x21]];

/// StandardEject: allow medium removal and eject, for LUN 0 and LUN 1.
pub const EJECT: [[u8; 31]; 4] = [
    command(EJECT_TAGS[0], 0, 6, &[0x1e]),
    command(EJECT_TAGS[1], 0, 6, &[0x1b, 0, 0, 0, 2]),
    command(EJECT_TAGS[0], 1, 6, &[0x1e]),
    command(EJECT_TAGS[1], 1, 6, &[0x1b, 0, 0, 0, 2]),
];
/// HuaweiNewMode.
pub const HUAWEI_NEW: [u8; 31] = command(TAG, 0, 0, &[0x11, 0x06, 0x20, 0, 0, 1, 1, 0, 1]);
/// HuaweiAltMode.
pub const HUAWEI_ALT: [u8; 31] = command(TAG, 0, 0, &[0x11, 0x06, 0x30, 0, 0, 0, 0, 1, 0]);
/// OptionMode.
pub const OPTION: [u8; 31] = command(TAG, 0, 6, &[0x01]);

const SINGLE: [(Method, [u8; 31]); 3] =
    [(Method::HuaweiNew, HUAWEI_NEW), (Method::HuaweiAlt, HUAWEI_ALT), (Method::Option, OPTION)];

const REQUESTS: [(Method, [u8; 8]); 4] = [
    (Method::Huawei, [0x00, 0x03, 0x01, 0, 0, 0, 0, 0]),
    (Method::Sierra, [0x40, 0x0b, 0x01, 0, 0, 0, 0, 0]),
    (Method::Sequans, [0x40, 0x0b, 0x02, 0, 0, 0, 0, 0]),
    (Method::Quanta, [0xc0, 0xff, 0, 0, 0, 0, 0, 0]),
];

/// The one message that a method is, if it is one.
pub fn message_of(method: Method) -> Option<[u8; 31]> {
    SINGLE.iter().find(|(m, _)| *m == method).map(|(_, message)| *message)
}

/// The one control request without data that a method is, if it is one: the eight bytes of the setup packet.
pub fn request_of(method: Method) -> Option<[u8; 8]> {
    REQUESTS.iter().find(|(m, _)| *m == method).map(|(_, request)| *request)
}

impl Parameters {
    /// The same transfers, by the method's name where a message or request has one.
    #[must_use]
    pub fn with_named_methods(mut self) -> Self {
        if self.methods_on().next().is_some() {
            return self;
        }
        let [first, second, third] = &self.messages;
        if second.is_empty() && third.is_empty() {
            if let Some((method, _)) = SINGLE.iter().find(|(_, message)| first == message) {
                self.messages[0].clear();
                self.turn_on(*method);
                return self;
            }
        } else if first == &EJECT[0] && second == &EJECT[1] {
            self.messages = [std::mem::take(&mut self.messages[2]), Vec::new(), Vec::new()];
            self.turn_on(Method::StandardEject);
            return self;
        }
        match self.control_message {
            Some([0x40, 0x70, low, high, 0, 0, 0, 0]) if (low, high) > (1, 0) => {
                self.control_message = None;
                self.pantech = Some(u16::from_le_bytes([low, high]));
            }
            Some(setup) => {
                if let Some((method, _)) = REQUESTS.iter().find(|(_, request)| *request == setup) {
                    self.control_message = None;
                    self.turn_on(*method);
                }
            }
            None => {}
        }
        self
    }
}
