//! RNDIS: Ethernet frames in messages, and the control messages that set the function up (\[MS-RNDIS\], Remote Network Driver Interface
//! Specification; over USB: requests 00 and 01 of CDC carry control messages, a notification of eight bytes tells of an answer).

use std::collections::VecDeque;

/// Message types; an answer has the highest bit set.
const PACKET: u32 = 1;
const INITIALIZE: u32 = 2;
const HALT: u32 = 3;
const QUERY: u32 = 4;
const SET: u32 = 5;
const RESET: u32 = 6;
const KEEPALIVE: u32 = 8;
const ANSWER: u32 = 0x8000_0000;

const SUCCESS: u32 = 0;
const NOT_SUPPORTED: u32 = 0xc000_00bb;
const INVALID_DATA: u32 = 0xc001_0015;

/// Header of a data message.
const HEADER: usize = 44;
/// The largest transfer that is taken.
const LARGEST: u32 = 0x4000;
/// The largest frame without its header.
const FRAME: u32 = 1500;
/// Units of 100 bit/s: 150 Mbit/s.
const SPEED: u32 = 1_500_000;

mod oid {
    pub(super) const SUPPORTED_LIST: u32 = 0x0001_0101;
    pub(super) const HARDWARE_STATUS: u32 = 0x0001_0102;
    pub(super) const MEDIA_SUPPORTED: u32 = 0x0001_0103;
    pub(super) const MEDIA_IN_USE: u32 = 0x0001_0104;
    pub(super) const MAXIMUM_FRAME_SIZE: u32 = 0x0001_0106;
    pub(super) const LINK_SPEED: u32 = 0x0001_0107;
    pub(super) const VENDOR_DESCRIPTION: u32 = 0x0001_010d;
    pub(super) const PACKET_FILTER: u32 = 0x0001_010e;
    pub(super) const MAXIMUM_TOTAL_SIZE: u32 = 0x0001_0111;
    pub(super) const MEDIA_CONNECT_STATUS: u32 = 0x0001_0114;
    pub(super) const PERMANENT_ADDRESS: u32 = 0x0101_0101;
    pub(super) const CURRENT_ADDRESS: u32 = 0x0101_0102;
    pub(super) const MULTICAST_LIST: u32 = 0x0101_0103;
    pub(super) const ALL: [u32; 13] = [
        SUPPORTED_LIST,
        HARDWARE_STATUS,
        MEDIA_SUPPORTED,
        MEDIA_IN_USE,
        MAXIMUM_FRAME_SIZE,
        LINK_SPEED,
        VENDOR_DESCRIPTION,
        PACKET_FILTER,
        MAXIMUM_TOTAL_SIZE,
        MEDIA_CONNECT_STATUS,
        PERMANENT_ADDRESS,
        CURRENT_ADDRESS,
        MULTICAST_LIST,
    ];
}

/// The interface classes by which hosts know the function: wireless controllers, miscellaneous devices, and the modem of Windows XP.
pub(super) fn is_rndis(class: [u8; 3]) -> bool {
    matches!(class, [0xe0, 0x01, 0x03] | [0xef, 0x04, 0x01] | [0x02, 0x02, 0xff])
}

/// The state of the function.
#[derive(Debug, Default)]
pub(super) struct Rndis {
    /// The host's Ethernet address.
    mac: [u8; 6],
    initialized: bool,
    /// Which frames the host wants; none before it has said so.
    filter: u32,
    answers: VecDeque<Vec<u8>>,
    /// So many answers were announced.
    announced: usize,
}

impl Rndis {
    pub(super) fn new(mac: [u8; 6]) -> Self {
        Rndis { mac, ..Rndis::default() }
    }

    /// A control message from the host; `linked`: packets can pass.
    pub(super) fn command(&mut self, message: &[u8], linked: bool) {
        let Some(kind) = number(message, 0) else { return };
        // The length says nothing that the transfer does not; one that is too large is a message that is cut.
        if number(message, 4).is_none_or(|length| length as usize > message.len()) {
            return;
        }
        match kind {
            INITIALIZE => {
                self.initialized = true;
                self.filter = 0;
                // Version 1.0, connectionless, Ethernet, one packet in a transfer.
                self.answer(message, SUCCESS, &[1, 0, 1, 0, 1, LARGEST, 0, 0, 0]);
            }
            HALT => *self = Rndis::new(self.mac),
            RESET => {
                self.filter = 0;
                // It has no request id; the second number asks the host for its settings once more.
                self.answers.push_back(words(&[RESET | ANSWER, 16, SUCCESS, 1]));
            }
            QUERY => {
                let value = number(message, 12).and_then(|oid| self.value(oid, linked));
                let status = if value.is_some() { SUCCESS } else { NOT_SUPPORTED };
                let value = value.unwrap_or_default();
                // The value begins this far behind the request id.
                let at = if value.is_empty() { 0 } else { 16 };
                self.answer(message, status, &[value.len() as u32, at]);
                if let Some(answer) = self.answers.back_mut() {
                    answer.extend(&value);
                    let length = answer.len() as u32;
                    answer[4..8].copy_from_slice(&length.to_le_bytes());
                }
            }
            SET => {
                let status = self.set(message);
                self.answer(message, status, &[]);
            }
            KEEPALIVE => self.answer(message, SUCCESS, &[]),
            _ => {}
        }
    }

    /// An answer with the request's id.
    fn answer(&mut self, message: &[u8], status: u32, rest: &[u32]) {
        let kind = number(message, 0).unwrap_or_default() | ANSWER;
        let id = number(message, 8).unwrap_or_default();
        let length = 16 + 4 * rest.len() as u32;
        self.answers.push_back(words(&[&[kind, length, id, status], rest].concat()));
    }

    fn value(&self, oid: u32, linked: bool) -> Option<Vec<u8>> {
        let number = |value: u32| Some(value.to_le_bytes().to_vec());
        match oid {
            oid::SUPPORTED_LIST => Some(words(&oid::ALL)),
            // Ready; Ethernet.
            oid::HARDWARE_STATUS | oid::MEDIA_SUPPORTED | oid::MEDIA_IN_USE => number(0),
            oid::MAXIMUM_FRAME_SIZE => number(FRAME),
            oid::LINK_SPEED => number(SPEED),
            oid::VENDOR_DESCRIPTION => Some(b"virtual stick\0".to_vec()),
            oid::PACKET_FILTER => number(self.filter),
            oid::MAXIMUM_TOTAL_SIZE => number(FRAME + 14),
            oid::MEDIA_CONNECT_STATUS => number(u32::from(!linked)),
            oid::PERMANENT_ADDRESS | oid::CURRENT_ADDRESS => Some(self.mac.to_vec()),
            _ => None,
        }
    }

    fn set(&mut self, message: &[u8]) -> u32 {
        let field = |at| number(message, at).unwrap_or_default();
        let (oid, length, offset) = (field(12), field(16) as usize, field(20) as usize);
        match (oid, part(message, offset, length)) {
            (oid::PACKET_FILTER, Some(value)) if value.len() >= 4 => {
                self.filter = number(value, 0).unwrap_or_default();
                SUCCESS
            }
            (oid::MULTICAST_LIST, Some(_)) => SUCCESS,
            (oid::PACKET_FILTER | oid::MULTICAST_LIST, _) => INVALID_DATA,
            _ => NOT_SUPPORTED,
        }
    }

    /// The next answer; one zero byte where there is none.
    pub(super) fn take_answer(&mut self) -> Vec<u8> {
        self.announced = self.announced.saturating_sub(1);
        self.answers.pop_front().unwrap_or_else(|| vec![0])
    }

    /// The notification RESPONSE_AVAILABLE, once for each answer.
    pub(super) fn notify(&mut self) -> Option<Vec<u8>> {
        if self.announced >= self.answers.len() {
            return None;
        }
        self.announced += 1;
        Some(vec![1, 0, 0, 0, 0, 0, 0, 0])
    }

    /// Whether frames pass.
    pub(super) fn is_open(&self) -> bool {
        self.initialized && self.filter != 0
    }

    /// The frames of a transfer from the host; a message that is none ends it.
    pub(super) fn frames<'a>(&self, mut transfer: &'a [u8]) -> Vec<&'a [u8]> {
        let mut all = Vec::new();
        while self.is_open() && number(transfer, 0) == Some(PACKET) {
            let field = |at| number(transfer, at).unwrap_or_default() as usize;
            let (length, offset, size) = (field(4), field(8), field(12));
            let message = transfer.get(..length).filter(|_| offset >= HEADER - 8);
            let Some(frame) = message.and_then(|message| part(message, offset, size)) else { break };
            all.push(frame);
            transfer = &transfer[length..];
        }
        all
    }
}

/// A frame as a message.
pub(super) fn message(frame: &[u8]) -> Vec<u8> {
    let (size, header) = (frame.len() as u32, HEADER as u32);
    let mut all = words(&[PACKET, header + size, header - 8, size, 0, 0, 0, 0, 0, 0, 0]);
    all.extend(frame);
    all
}

/// What of a message stands `offset` bytes behind its first two numbers.
fn part(message: &[u8], offset: usize, length: usize) -> Option<&[u8]> {
    message.get(8..)?.get(offset..)?.get(..length)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_le_bytes(*four))
}

fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [0x0c, 0x5b, 0x8f, 0x27, 0x9a, 0x64];

    fn ask(rndis: &mut Rndis, message: &[u32]) -> Vec<u32> {
        rndis.command(&words(message), true);
        let answer = rndis.take_answer();
        answer
            .chunks(4)
            .map(|c| number(c, 0).unwrap_or_else(|| u32::from(c[0]) | u32::from(c[1]) << 8))
            .collect()
    }

    /// What Linux's rndis_host says when it binds.
    fn opened() -> Rndis {
        let mut rndis = Rndis::new(MAC);
        let ready = ask(&mut rndis, &[2, 24, 7, 1, 0, 2048]);
        assert_eq!(ready[..8], [0x8000_0002, 52, 7, 0, 1, 0, 1, 0]);
        let address =
            ask(&mut rndis, &[4, 76, 8, 0x0101_0101, 48, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(address, [0x8000_0004, 30, 8, 0, 6, 16, 0x278f_5b0c, 0x649a]);
        assert_eq!(ask(&mut rndis, &[5, 32, 9, 0x0001_010e, 4, 20, 0, 0x2d]), [0x8000_0005, 16, 9, 0]);
        rndis
    }

    #[test]
    fn a_host_opens_it_and_closes_it() {
        let mut rndis = opened();
        assert!(rndis.is_open());
        assert_eq!(
            ask(&mut rndis, &[4, 28, 1, 0x0001_0202, 0, 20, 0]),
            [0x8000_0004, 24, 1, NOT_SUPPORTED, 0, 0]
        );
        assert_eq!(ask(&mut rndis, &[4, 28, 2, 0x0001_0114, 0, 20, 0])[6], 0, "connected");
        assert_eq!(ask(&mut rndis, &[8, 12, 3]), [0x8000_0008, 16, 3, 0]);
        assert_eq!(
            ask(&mut rndis, &[5, 32, 4, 0x0001_010e, 40, 20, 0, 0])[3],
            INVALID_DATA,
            "beyond its end"
        );
        assert_eq!(ask(&mut rndis, &[5, 28, 5, 0x0001_0106, 0, 20, 0])[3], NOT_SUPPORTED);
        assert_eq!(ask(&mut rndis, &[6, 12, 0]), [0x8000_0006, 16, 0, 1]);
        assert!(!rndis.is_open(), "a reset forgets the filter");
        rndis = opened();
        rndis.command(&words(&[3, 12, 0]), true);
        assert!(!rndis.is_open());
        assert_eq!(rndis.take_answer(), [0], "to that there is no answer");
    }

    #[test]
    fn each_answer_is_announced_once() {
        let mut rndis = Rndis::new(MAC);
        assert_eq!(rndis.notify(), None);
        rndis.command(&words(&[8, 12, 3]), true);
        rndis.command(&words(&[8, 12, 4]), true);
        assert!(rndis.notify().is_some() && rndis.notify().is_some());
        assert_eq!(rndis.notify(), None);
        rndis.take_answer();
        rndis.take_answer();
        rndis.command(&words(&[8, 12, 5]), true);
        assert!(rndis.notify().is_some());
    }

    #[test]
    fn frames_travel_in_messages_of_any_number() {
        let rndis = opened();
        let mut two = [message(b"first frame"), message(b"second")].concat();
        assert_eq!(two[..16], words(&[1, 55, 36, 11])[..]);
        assert_eq!(rndis.frames(&two), [&b"first frame"[..], b"second"]);
        // The byte that keeps a transfer from ending at the edge of a packet.
        two.push(0);
        assert_eq!(rndis.frames(&two).len(), 2);
        for cut in 0..message(b"first frame").len() {
            assert!(rndis.frames(&two[..cut]).is_empty(), "{cut}");
        }
        for (at, value) in [(4, u32::MAX), (8, u32::MAX), (8, 0), (12, u32::MAX), (12, 12)] {
            let mut odd = message(b"first frame");
            odd[at..at + 4].copy_from_slice(&value.to_le_bytes());
            assert!(rndis.frames(&odd).is_empty(), "{at}: {value}");
        }
        assert!(Rndis::new(MAC).frames(&two).is_empty(), "it is not open");
    }
}
