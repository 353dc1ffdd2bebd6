//! PPP in HDLC-like framing on an asynchronous line: flags, escapes, the map of control characters and the frame check sequence
//! (RFC 1662).

const FLAG: u8 = 0x7e;
const ESCAPE: u8 = 0x7d;

/// Address and control of every frame that does not leave them out.
const ADDRESS_CONTROL: [u8; 2] = [0xff, 0x03];

/// The frame check sequence over a whole frame, its own two octets included, when nothing was damaged.
const GOOD: u16 = 0xf0b8;

/// A longer frame is none: twice the usual unit, and room for the header.
const LONGEST: usize = 3200;

/// Until both ends agree on less, every control character is escaped.
pub(crate) const EVERY_CONTROL: u32 = u32::MAX;

/// FCS-16 by octets: the polynomial 0x8408, lowest bit first.
const TABLE: [u16; 256] = {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let mut sum = octet as u16;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0x8408 } else { sum >> 1 };
            bit += 1;
        }
        table[octet] = sum;
        octet += 1;
    }
    table
};

fn fcs(octets: &[u8]) -> u16 {
    octets.iter().fold(0xffff, |sum, octet| sum >> 8 ^ TABLE[usize::from(sum as u8 ^ octet)])
}

/// One packet of `protocol` as it goes over the line. Control characters in `map` are escaped, character n by bit n.
pub(crate) fn frame(protocol: u16, packet: &[u8], map: u32) -> Vec<u8> {
    let mut plain = ADDRESS_CONTROL.to_vec();
    plain.extend(protocol.to_be_bytes());
    plain.extend_from_slice(packet);
    plain.extend((!fcs(&plain)).to_le_bytes());
    let mut line = Vec::with_capacity(plain.len() + plain.len() / 8 + 2);
    line.push(FLAG);
    for octet in plain {
        let mapped = octet < 0x20 && map >> octet & 1 == 1;
        if mapped || octet == FLAG || octet == ESCAPE {
            line.extend([ESCAPE, octet ^ 0x20]);
        } else {
            line.push(octet);
        }
    }
    line.push(FLAG);
    line
}

/// Takes frames out of what comes over the line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Deframer {
    frame: Vec<u8>,
    escaped: bool,
    too_long: bool,
}

impl Deframer {
    /// The packets that are whole after these octets, each with its protocol. Damaged frames are dropped. Control characters in `map`
    /// that stand unescaped were put in on the way, and are no part of a frame.
    pub(crate) fn push(&mut self, octets: &[u8], map: u32) -> Vec<(u16, Vec<u8>)> {
        let mut packets = Vec::new();
        for &octet in octets {
            match octet {
                FLAG => {
                    let frame = std::mem::take(&mut self.frame);
                    // An escape right before a flag is how a sender aborts a frame.
                    let whole = !self.escaped && !self.too_long;
                    (self.escaped, self.too_long) = (false, false);
                    packets.extend(Some(frame).filter(|_| whole).and_then(|frame| unwrapped(&frame)));
                }
                ESCAPE => self.escaped = true,
                octet if octet < 0x20 && map >> octet & 1 == 1 => {}
                octet if self.frame.len() < LONGEST => {
                    self.frame.push(if self.escaped { octet ^ 0x20 } else { octet });
                    self.escaped = false;
                }
                _ => self.too_long = true,
            }
        }
        packets
    }
}

/// Protocol and packet of a frame that is not damaged. Address and control, and the first octet of the protocol, may be left out.
fn unwrapped(frame: &[u8]) -> Option<(u16, Vec<u8>)> {
    if frame.len() < 4 || fcs(frame) != GOOD {
        return None;
    }
    let body = &frame[..frame.len() - 2];
    let body = body.strip_prefix(&ADDRESS_CONTROL).unwrap_or(body);
    // The last octet of a protocol is odd, those before it are even.
    let (protocol, packet) = match body {
        [first, packet @ ..] if first & 1 == 1 => (u16::from(*first), packet),
        [first, second, packet @ ..] => (u16::from_be_bytes([*first, *second]), packet),
        _ => return None,
    };
    Some((protocol, packet.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The usual vector for this sum, CRC-16/X-25: 906e over the digits 1 to 9.
    #[test]
    fn the_sum_of_the_catalogues() {
        assert_eq!(!fcs(b"123456789"), 0x906e);
    }

    #[test]
    fn a_frame_in_octets() {
        // An LCP Configure-Request without options.
        let line = frame(0xc021, &[1, 1, 0, 4], EVERY_CONTROL);
        assert_eq!(line[..4], [FLAG, 0xff, ESCAPE, 0x23]);
        assert_eq!(&line[4..6], &[0xc0, 0x21]);
        assert_eq!(Deframer::default().push(&line, EVERY_CONTROL), [(0xc021, vec![1, 1, 0, 4])]);
        let bare = frame(0xc021, &[1, 1, 0, 4], 0);
        assert!(bare.len() < line.len());
        assert_eq!(Deframer::default().push(&bare, 0), [(0xc021, vec![1, 1, 0, 4])]);
        // Without the map, its control characters look as if the line had put them in.
        assert_eq!(Deframer::default().push(&bare, EVERY_CONTROL), []);
    }

    #[test]
    fn headers_may_be_left_out() {
        let mut plain = vec![0x21, 0x45, 0x00];
        plain.extend((!fcs(&plain)).to_le_bytes());
        let line = [&[FLAG], &plain[..], &[FLAG]].concat();
        assert_eq!(Deframer::default().push(&line, 0), [(0x0021, vec![0x45, 0x00])]);
    }

    #[test]
    fn damage_costs_its_own_frame() {
        let good = frame(0x0021, b"packet", EVERY_CONTROL);
        for at in 1..good.len() - 1 {
            let mut bad = good.clone();
            bad[at] ^= 0x40;
            let line = [&bad[..], &good[..]].concat();
            let packets = Deframer::default().push(&line, EVERY_CONTROL);
            assert_eq!(packets.last(), Some(&(0x0021, b"packet".to_vec())), "{at}");
            assert_eq!(packets.len(), 1, "{at}");
        }
        let aborted = [&good[..4], &[ESCAPE], &good[..]].concat();
        assert_eq!(Deframer::default().push(&aborted, EVERY_CONTROL).len(), 1);
        let endless = [vec![b'a'; 100_000], good].concat();
        let mut deframer = Deframer::default();
        assert_eq!(deframer.push(&endless, EVERY_CONTROL).len(), 1);
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(packet: Vec<u8>, map: u32, cut in 0usize..4000) {
            let line = frame(0x0057, &packet, map);
            let cut = cut.min(line.len());
            let mut deframer = Deframer::default();
            let mut packets = deframer.push(&line[..cut], map);
            packets.extend(deframer.push(&line[cut..], map));
            prop_assert_eq!(packets, vec![(0x0057, packet)]);
        }

        #[test]
        fn any_octets_are_survived(octets: Vec<u8>) {
            Deframer::default().push(&octets, 0);
        }
    }
}
