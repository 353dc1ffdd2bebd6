//! What the functions of a stick answer to class requests when the stick itself has nothing special to say
//! (docs/protocols/virtual-usb.md section 3): enough for the drivers of Linux to bind and to open.

use stickshift::link::ControlSetup;

use crate::device::Function;

/// What network functions take in one transfer.
pub(super) const NTB_SIZE: u32 = 16 * 1024;

/// The answer to a class request to an interface; `None` when the function does not know it.
pub(crate) fn class_request(function: Function, setup: ControlSetup) -> Option<Vec<u8>> {
    let done = Some(Vec::new());
    match (function, setup.request_type, setup.request) {
        // SET_LINE_CODING, SET_CONTROL_LINE_STATE, SEND_BREAK; the option driver raises DTR and RTS on every port it opens.
        (Function::Serial, 0x21, 0x20 | 0x22 | 0x23) => done,
        // GET_LINE_CODING: 115200 8N1.
        (Function::Serial, 0xa1, 0x21) => Some(vec![0x00, 0xc2, 0x01, 0x00, 0, 0, 8]),
        // GET_MAX_LUN, reset.
        (Function::Storage, 0xa1, 0xfe) => Some(vec![0]),
        (Function::Storage, 0x21, 0xff) => done,
        // SET_ETHERNET_PACKET_FILTER and its kin.
        (Function::Ethernet | Function::Ncm, 0x21, 0x40..=0x44) => done,
        // GET_NTB_PARAMETERS.
        (Function::Ncm, 0xa1, 0x80) => Some(ntb_parameters()),
        // GET_MAX_DATAGRAM_SIZE, SET_MAX_DATAGRAM_SIZE, SET_CRC_MODE.
        (Function::Ncm, 0xa1, 0x87) => Some(1514u16.to_le_bytes().to_vec()),
        (Function::Ncm, 0x21, 0x88 | 0x8a) => done,
        _ => None,
    }
}

/// The notification NETWORK_CONNECTION of a network interface.
pub(super) fn connection(interface: u8, connected: bool) -> Vec<u8> {
    vec![0xa1, 0x00, u8::from(connected), 0, interface, 0, 0, 0]
}

/// The notification CONNECTION_SPEED_CHANGE of a network interface: 150 Mbit/s down, 50 Mbit/s up.
pub(super) fn speed(interface: u8) -> Vec<u8> {
    let mut all = vec![0xa1, 0x2a, 0, 0, interface, 0, 8, 0];
    all.extend(150_000_000u32.to_le_bytes());
    all.extend(50_000_000u32.to_le_bytes());
    all
}

/// The notification RESPONSE_AVAILABLE of a control channel.
pub(super) fn response_available(interface: u8) -> Vec<u8> {
    vec![0xa1, 0x01, 0, 0, interface, 0, 0, 0]
}

/// The NTB parameter structure of CDC NCM: 16-bit and 32-bit blocks, no alignment beyond four bytes.
fn ntb_parameters() -> Vec<u8> {
    let mut all = vec![28, 0, 0x03, 0];
    for size in [NTB_SIZE, NTB_SIZE] {
        all.extend(size.to_le_bytes());
        // Divisor, payload remainder, alignment; then two reserved bytes, or the most datagrams in one block (0: no limit).
        all.extend([4, 0, 0, 0, 4, 0, 0, 0]);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntb_parameters_are_as_long_as_they_say() {
        let bytes = ntb_parameters();
        assert_eq!((bytes.len(), bytes[0]), (28, 28));
        assert_eq!(bytes[4..8], NTB_SIZE.to_le_bytes());
        assert_eq!(bytes[16..20], NTB_SIZE.to_le_bytes());
    }

    #[test]
    fn each_function_knows_its_own_requests_only() {
        let line_state = ControlSetup { request_type: 0x21, request: 0x22, value: 3, index: 2 };
        assert_eq!(class_request(Function::Serial, line_state), Some(Vec::new()));
        for function in [Function::Storage, Function::Ethernet, Function::Ncm, Function::Raw] {
            assert_eq!(class_request(function, line_state), None);
        }
    }
}
