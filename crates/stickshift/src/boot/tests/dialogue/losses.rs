//! A line that loses bytes, and what an earlier run left on it.

use super::*;

/// Loses bytes. Its boot ROM takes them as they come: the length of a packet follows from its first byte.
struct Strict {
    input: Vec<u8>,
    /// Which byte written to it is lost, by its number.
    loses: std::ops::Range<usize>,
    bytes: usize,
}

impl Strict {
    fn link(loses: std::ops::Range<usize>) -> Behind<Strict> {
        Behind { rom: Rom::default(), line: Strict { input: Vec::new(), loses, bytes: 0 } }
    }

    fn packet_length(&self, rom: &Rom) -> usize {
        match self.input[0] {
            0xfe => 14,
            0xda => {
                let missing = rom.receiving.as_ref().map_or(0, |r| r.2 - r.4.len());
                missing.min(1024) + 5
            }
            0xed => 5,
            _ => 1,
        }
    }
}

impl Line for Strict {
    fn write(&mut self, rom: &mut Rom, bytes: &[u8]) -> Result<()> {
        for byte in bytes {
            if !self.loses.contains(&self.bytes) {
                self.input.push(*byte);
            }
            self.bytes += 1;
        }
        while !self.input.is_empty() && self.input.len() >= self.packet_length(rom) {
            let packet: Vec<u8> = self.input.drain(..self.packet_length(rom)).collect();
            rom.write(&packet)?;
        }
        Ok(())
    }
}

#[test]
fn a_packet_that_lost_bytes_is_filled_up() {
    let mut whole = Strict::link(0..0);
    send(&mut whole).unwrap();
    for at in (0..whole.line.bytes).step_by(7).chain(whole.line.bytes - 5..whole.line.bytes) {
        for length in [1, 40, 600] {
            let mut link = Strict::link(at..at + length);
            let done = send(&mut link).unwrap_or_else(|e| panic!("{length} bytes lost at {at}: {e:?}"));
            assert_eq!(done.start, Start::Accepted, "{length} bytes lost at {at}");
            assert_eq!(link.rom.run.last().unwrap().2, filler(2500));
            assert!(link.rom.now < Duration::from_secs(15), "{length} at {at}: {:?}", link.rom.now);
        }
    }
}

#[test]
fn half_a_packet_of_an_earlier_run_locks_nobody_out() {
    for left in [&[0xfe, 0, 0xff][..], &[0xed, 2], &[0xda, 1, 0xfe, 7, 7]] {
        let mut link = Strict::link(0..0);
        link.rom.receiving = Some((1, 0, 4000, 1, Vec::new()));
        link.line.input = left.to_vec();
        assert_eq!(send(&mut link).unwrap().start, Start::Accepted, "{left:02x?}");
    }
}
