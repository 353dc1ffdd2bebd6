//! The Balong boot ROM's side of the download dialogue (docs/protocols/balong-boot.md section 3).
//!
//! Strict: what a true ROM might forgive is refused here, so that a host that relies on forgiveness is found out.

use std::fmt;
use std::time::Duration;

use stickshift::wire::crc;

const HEAD: u8 = 0xfe;
const DATA: u8 = 0xda;
const TAIL: u8 = 0xed;

/// The answer to an accepted packet.
pub const ACCEPTED: u8 = 0xaa;
/// The answer to everything else, the probe included.
pub const REFUSED: u8 = 0x55;

/// Payload of a full data packet.
const PAYLOAD: usize = 1024;

/// A block that arrived whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// 1 run directly (raminit), 2 run by restarting the application core (usbldr).
    pub mode: u8,
    /// Load address.
    pub address: u32,
    /// The bytes as received.
    pub data: Vec<u8>,
}

/// Why a packet was answered with 55.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// A byte that begins no packet; the probe is one.
    UnknownByte(u8),
    /// The CRC is wrong.
    Crc,
    /// A head whose sequence bytes are not 00 FF.
    HeadSequence,
    /// A head with a mode other than 1 and 2.
    Mode(u8),
    /// Data or tail with no block begun.
    NoHead,
    /// The sequence number is not the next one.
    Sequence {
        /// The next one.
        expected: u8,
        /// The one that came.
        found: u8,
    },
    /// The second sequence byte is not the complement of the first.
    Complement,
    /// A tail before all bytes of the block.
    TailTooEarly {
        /// Bytes still missing.
        missing: usize,
    },
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reject::UnknownByte(byte) => write!(f, "byte {byte:02x} begins no packet"),
            Reject::Crc => f.write_str("wrong CRC"),
            Reject::HeadSequence => f.write_str("head without sequence 00 ff"),
            Reject::Mode(mode) => write!(f, "head with mode {mode}"),
            Reject::NoHead => f.write_str("no block was begun"),
            Reject::Sequence { expected, found } => {
                write!(f, "sequence {found:02x} where {expected:02x} was next")
            }
            Reject::Complement => f.write_str("sequence and complement disagree"),
            Reject::TailTooEarly { missing } => write!(f, "tail with {missing} bytes still to come"),
        }
    }
}

#[derive(Debug)]
struct Receiving {
    mode: u8,
    address: u32,
    size: usize,
    next: u8,
    data: Vec<u8>,
}

impl Receiving {
    fn missing(&self) -> usize {
        self.size - self.data.len()
    }
}

/// What is not known of a true boot ROM: the documents are silent, or sister ROMs differ (docs/protocols/balong-boot.md section 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BootRomOptions {
    /// A packet of which the rest does not come within a second is forgotten; else it is waited for without end.
    pub forgets_half_packets: bool,
    /// A data packet with the number of the one before is accepted and dropped; else it is refused.
    pub takes_repeats: bool,
}

/// How long a boot ROM that forgets waits for the rest of a packet.
const FORGETS: Duration = Duration::from_secs(1);

/// The ROM between power-on and the start of the loader.
#[derive(Debug, Default)]
pub struct BootRom {
    options: BootRomOptions,
    input: Vec<u8>,
    receiving: Option<Receiving>,
    blocks: Vec<Block>,
    last_reject: Option<Reject>,
}

impl BootRom {
    /// Just powered up.
    pub fn new() -> Self {
        BootRom::default()
    }

    /// Just powered up, with the behaviour that is asked for.
    pub fn with(options: BootRomOptions) -> Self {
        BootRom { options, ..BootRom::default() }
    }

    /// Nothing came for so long.
    pub fn was_quiet(&mut self, time: Duration) {
        if self.options.forgets_half_packets && time >= FORGETS {
            self.clear_input();
        }
    }

    /// Takes bytes from the host, in pieces of any size.
    pub fn push(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// Forgets an unfinished packet.
    pub fn clear_input(&mut self) {
        self.input.clear();
    }

    /// The next whole packet, to be given to [`answer`](Self::answer). None once the loader was started: nobody listens any more.
    pub fn next_packet(&mut self) -> Option<Vec<u8>> {
        if self.is_finished() {
            return None;
        }
        let length = match *self.input.first()? {
            HEAD => 14,
            DATA => 3 + self.receiving.as_ref().map_or(0, |r| r.missing().min(PAYLOAD)) + 2,
            TAIL => 5,
            _ => 1,
        };
        (self.input.len() >= length).then(|| self.input.drain(..length).collect())
    }

    /// Acts on one packet: `Ok` is answered with [`ACCEPTED`], `Err` with [`REFUSED`].
    ///
    /// # Errors
    /// What was wrong with the packet.
    pub fn answer(&mut self, packet: &[u8]) -> Result<(), Reject> {
        let result = self.act(packet);
        self.last_reject = result.err();
        result
    }

    fn act(&mut self, packet: &[u8]) -> Result<(), Reject> {
        let kind = packet.first().copied().unwrap_or_default();
        if !matches!(kind, HEAD | DATA | TAIL) {
            return Err(Reject::UnknownByte(kind));
        }
        // The CRC of a packet with its own CRC behind it is 0.
        if packet.len() < 5 || crc::xmodem(packet) != 0 {
            return Err(Reject::Crc);
        }
        let (body, sequence, complement) = (&packet[3..packet.len() - 2], packet[1], packet[2]);
        if kind == HEAD {
            return self.head(body, sequence, complement);
        }
        let block = self.receiving.as_mut().ok_or(Reject::NoHead)?;
        if sequence != !complement {
            return Err(Reject::Complement);
        }
        if kind == DATA && self.options.takes_repeats && block.next > 1 && sequence == block.next - 1 {
            return Ok(());
        }
        if sequence != block.next {
            return Err(Reject::Sequence { expected: block.next, found: sequence });
        }
        if kind == DATA {
            if body.is_empty() {
                return Err(Reject::Sequence { expected: block.next, found: sequence });
            }
            block.data.extend_from_slice(body);
            block.next = block.next.wrapping_add(1);
            return Ok(());
        }
        if block.missing() > 0 {
            return Err(Reject::TailTooEarly { missing: block.missing() });
        }
        if let Some(Receiving { mode, address, data, .. }) = self.receiving.take() {
            self.blocks.push(Block { mode, address, data });
        }
        Ok(())
    }

    fn head(&mut self, body: &[u8], sequence: u8, complement: u8) -> Result<(), Reject> {
        if (sequence, complement) != (0x00, 0xff) {
            return Err(Reject::HeadSequence);
        }
        let word = |at: usize| u32::from_be_bytes([body[at], body[at + 1], body[at + 2], body[at + 3]]);
        let mode = body[0];
        if !matches!(mode, 1 | 2) {
            return Err(Reject::Mode(mode));
        }
        // A head in the middle of a block starts over.
        self.receiving =
            Some(Receiving { mode, address: word(5), size: word(1) as usize, next: 1, data: Vec::new() });
        Ok(())
    }

    /// Whether the last packet completed a raminit block, which then runs for a moment.
    pub fn raminit_ran(&self) -> bool {
        self.receiving.is_none() && self.blocks.last().is_some_and(|b| b.mode == 1)
    }

    /// Whether the application core restarts into a loader now: its block was closed.
    pub fn is_finished(&self) -> bool {
        self.blocks.last().is_some_and(|b| b.mode == 2)
    }

    /// The blocks that arrived whole, in order.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Why the last packet was refused, if it was.
    pub fn last_reject(&self) -> Option<Reject> {
        self.last_reject
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(body: &[u8]) -> Vec<u8> {
        let mut packet = body.to_vec();
        packet.extend_from_slice(&crc::xmodem(body).to_be_bytes());
        packet
    }

    fn head(mode: u8, size: u32, address: u32) -> Vec<u8> {
        let mut body = vec![HEAD, 0x00, 0xff, mode];
        body.extend_from_slice(&size.to_be_bytes());
        body.extend_from_slice(&address.to_be_bytes());
        packet(&body)
    }

    fn data(sequence: u8, payload: &[u8]) -> Vec<u8> {
        packet(&[&[DATA, sequence, !sequence], payload].concat())
    }

    fn tail(sequence: u8) -> Vec<u8> {
        packet(&[TAIL, sequence, !sequence])
    }

    fn ask(rom: &mut BootRom, bytes: &[u8]) -> Vec<Result<(), Reject>> {
        rom.push(bytes);
        let mut answers = Vec::new();
        while let Some(packet) = rom.next_packet() {
            answers.push(rom.answer(&packet));
        }
        answers
    }

    /// docs/protocols/balong-boot.md section 3, heads and tails as the real loader sent them.
    #[test]
    fn vectors_of_the_field() {
        let mut rom = BootRom::new();
        assert_eq!(ask(&mut rom, b"A"), [Err(Reject::UnknownByte(b'A'))]);
        let head0 = [0xfe, 0, 0xff, 1, 0, 0, 3, 0x6c, 0x2f, 0xfe, 0x40, 0, 0xf2, 0x88];
        assert_eq!(ask(&mut rom, &head0), [Ok(())]);
        assert_eq!(ask(&mut rom, &data(1, &[7; 0x36c])), [Ok(())]);
        assert_eq!(ask(&mut rom, &[0xed, 0x02, 0xfd, 0xba, 0xb0]), [Ok(())]);
        assert!(rom.raminit_ran());
        let head1 = [0xfe, 0, 0xff, 2, 0, 0x1a, 0xc1, 0x8c, 0x30, 0, 0x40, 0, 0x22, 0x9f];
        assert_eq!(ask(&mut rom, &head1), [Ok(())]);
        let loader: Vec<u8> = (0..0x1a_c18c_u32).map(|i| (i % 251) as u8).collect();
        let mut packets = 0;
        for (index, chunk) in loader.chunks(1024).enumerate() {
            assert_eq!(ask(&mut rom, &data((index + 1) as u8, chunk)), [Ok(())], "packet {index}");
            packets += 1;
        }
        assert_eq!(ask(&mut rom, &[0xed, 0xb2, 0x4d, 0x03, 0x66]), [Ok(())]);
        assert!(rom.is_finished());
        assert_eq!(1 + 3 + 2 + packets, 1719);
        assert_eq!(rom.blocks()[1], Block { mode: 2, address: 0x3000_4000, data: loader });
    }

    #[test]
    fn other_vectors_are_accepted() {
        for (head, size, end) in [
            ("fe00ff01000004002ffe4000a83e", 1024, "ed02fdbab0"),
            ("fe00ff020000080030004000b983", 2048, "ed03fc99a0"),
            ("fe00ff010000082cfffd0000dcdd", 0x82c, ""),
        ] {
            let bytes = |hex: &str| -> Vec<u8> {
                (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
            };
            let mut rom = BootRom::new();
            assert_eq!(ask(&mut rom, &bytes(head)), [Ok(())]);
            for (index, chunk) in vec![0u8; size].chunks(1024).enumerate() {
                assert_eq!(ask(&mut rom, &data(index as u8 + 1, chunk)), [Ok(())]);
            }
            let last = tail((size.div_ceil(1024) + 1) as u8);
            if !end.is_empty() {
                assert_eq!(last, bytes(end));
            }
            assert_eq!(ask(&mut rom, &last), [Ok(())]);
        }
    }

    #[test]
    fn each_reason_to_refuse() {
        let begun = || {
            let mut rom = BootRom::new();
            assert_eq!(ask(&mut rom, &head(1, 1500, 0)), [Ok(())]);
            rom
        };
        let mut spoilt = head(1, 10, 0);
        spoilt[9] ^= 1;
        assert_eq!(ask(&mut BootRom::new(), &spoilt), [Err(Reject::Crc)]);
        assert_eq!(ask(&mut BootRom::new(), &head(3, 10, 0)), [Err(Reject::Mode(3))]);
        assert_eq!(ask(&mut BootRom::new(), &head(0, 10, 0)), [Err(Reject::Mode(0))]);
        let mut odd = head(1, 10, 0);
        odd.truncate(12);
        odd[1] = 1;
        assert_eq!(ask(&mut BootRom::new(), &packet(&odd)), [Err(Reject::HeadSequence)]);
        assert_eq!(ask(&mut BootRom::new(), &tail(1)), [Err(Reject::NoHead)]);
        assert_eq!(ask(&mut BootRom::new(), &data(1, &[])), [Err(Reject::NoHead)]);
        let out_of_step = Err(Reject::Sequence { expected: 1, found: 2 });
        assert_eq!(ask(&mut begun(), &data(2, &[0; 1024])), [out_of_step]);
        assert_eq!(ask(&mut begun(), &tail(1)), [Err(Reject::TailTooEarly { missing: 1500 })]);
        assert_eq!(ask(&mut begun(), &packet(&[TAIL, 1, 1])), [Err(Reject::Complement)]);
        // A repeat after a lost answer is out of step, too: the host must begin the block again.
        let mut rom = begun();
        assert_eq!(ask(&mut rom, &data(1, &[0; 1024])), [Ok(())]);
        let repeat = Err(Reject::Sequence { expected: 2, found: 1 });
        assert_eq!(ask(&mut rom, &data(1, &[0; 476])), [repeat]);
        assert_eq!(ask(&mut rom, &head(1, 1, 0)), [Ok(())]);
        assert_eq!(ask(&mut rom, &data(1, &[9])), [Ok(())]);
        assert_eq!(ask(&mut rom, &tail(2)), [Ok(())]);
        assert_eq!(rom.blocks(), [Block { mode: 1, address: 0, data: vec![9] }]);
        // All bytes were there: one more data packet is one too many.
        let mut rom = begun();
        ask(&mut rom, &data(1, &[0; 1024]));
        ask(&mut rom, &data(2, &[0; 476]));
        assert!(ask(&mut rom, &data(3, &[]))[0].is_err());
    }

    #[test]
    fn what_is_not_known_can_be_had_both_ways() {
        let options = BootRomOptions { forgets_half_packets: true, takes_repeats: true };
        let mut rom = BootRom::with(options);
        assert_eq!(ask(&mut rom, &head(1, 2048, 0)), [Ok(())]);
        assert_eq!(ask(&mut rom, &data(1, &[1; 1024])), [Ok(())]);
        assert_eq!(ask(&mut rom, &data(1, &[1; 1024])), [Ok(())], "the same again");
        assert_eq!(ask(&mut rom, &data(2, &[2; 1024])[..500]), []);
        rom.was_quiet(Duration::from_millis(900));
        assert_eq!(ask(&mut rom, b"A"), []);
        rom.was_quiet(Duration::from_secs(1));
        assert_eq!(ask(&mut rom, b"A"), [Err(Reject::UnknownByte(b'A'))]);
        assert_eq!(ask(&mut rom, &data(2, &[2; 1024])), [Ok(())]);
        assert_eq!(ask(&mut rom, &tail(3)), [Ok(())]);
        assert_eq!(rom.blocks()[0].data.len(), 2048);
    }

    #[test]
    fn packets_may_come_in_any_pieces() {
        let mut rom = BootRom::new();
        let stream = [head(2, 1025, 0), data(1, &[1; 1024]), data(2, &[2]), tail(3)].concat();
        let mut accepted = 0;
        for byte in &stream {
            accepted += ask(&mut rom, &[*byte]).into_iter().filter(Result::is_ok).count();
        }
        assert_eq!(accepted, 4);
        assert!(rom.is_finished() && !rom.raminit_ran());
    }
}
