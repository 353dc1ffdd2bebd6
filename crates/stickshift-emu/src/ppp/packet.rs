//! The packets of the control protocols: a code, a number, and options or other data (RFC 1661 sections 5 and 6).

/// One control packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ControlPacket {
    pub(crate) code: u8,
    pub(crate) id: u8,
    pub(crate) data: Vec<u8>,
}

impl ControlPacket {
    pub(crate) fn new(code: u8, id: u8, data: Vec<u8>) -> Self {
        ControlPacket { code, id, data }
    }

    /// `None` for what is cut short; what follows the stated length is padding.
    pub(crate) fn parse(bytes: &[u8]) -> Option<ControlPacket> {
        let [code, id, high, low, ..] = *bytes else { return None };
        let data = bytes.get(4..usize::from(u16::from_be_bytes([high, low])))?;
        Some(ControlPacket { code, id, data: data.to_vec() })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let length = (self.data.len() + 4) as u16;
        let mut bytes = vec![self.code, self.id];
        bytes.extend(length.to_be_bytes());
        bytes.extend_from_slice(&self.data);
        bytes
    }
}

/// One configuration option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) kind: u8,
    pub(crate) value: Vec<u8>,
}

impl Choice {
    pub(crate) fn new(kind: u8, value: impl Into<Vec<u8>>) -> Self {
        Choice { kind, value: value.into() }
    }

    /// The options of a packet; `None` when their lengths do not add up.
    pub(crate) fn parse_all(mut bytes: &[u8]) -> Option<Vec<Choice>> {
        let mut all = Vec::new();
        while let [kind, length, ..] = *bytes {
            let value = bytes.get(2..usize::from(length))?;
            all.push(Choice::new(kind, value));
            bytes = &bytes[usize::from(length)..];
        }
        bytes.is_empty().then_some(all)
    }

    pub(crate) fn encode_all(all: &[Choice]) -> Vec<u8> {
        all.iter().flat_map(|o| [&[o.kind, o.value.len() as u8 + 2], &o.value[..]].concat()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_and_options_in_octets() {
        let options = vec![Choice::new(2, [0; 4]), Choice::new(7, [])];
        let packet = ControlPacket::new(1, 9, Choice::encode_all(&options));
        let bytes = packet.encode();
        assert_eq!(bytes, [1, 9, 0, 12, 2, 6, 0, 0, 0, 0, 7, 2]);
        assert_eq!(Choice::parse_all(&packet.data), Some(options));
        assert_eq!(ControlPacket::parse(&[&bytes[..], &[0; 9]].concat()), Some(packet));
        for n in 0..bytes.len() {
            assert_eq!(ControlPacket::parse(&bytes[..n]), None, "{n}");
        }
        for bad in [&[1][..], &[1, 1], &[1, 0], &[1, 3], &[1, 2, 9]] {
            assert_eq!(Choice::parse_all(bad), None, "{bad:?}");
        }
    }
}
