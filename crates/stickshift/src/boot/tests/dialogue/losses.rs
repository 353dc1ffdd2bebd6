//! A line that loses bytes, and what an earlier run left on it.

use super::*;

/// A boot ROM behind a line that loses bytes, one that takes them as they come: the length of a packet follows from its first byte.
struct Strict {
    rom: Rom,
    input: Vec<u8>,
    /// Which byte written to it is lost, by its number.
    loses: std::ops::Range<usize>,
    bytes: usize,
}

impl Strict {
    fn new(loses: std::ops::Range<usize>) -> Self {
        Strict { rom: Rom::default(), input: Vec::new(), loses, bytes: 0 }
    }

    fn packet_length(&self) -> usize {
        match self.input[0] {
            0xfe => 14,
            0xda => {
                let missing = self.rom.receiving.as_ref().map_or(0, |r| r.2 - r.4.len());
                missing.min(1024) + 5
            }
            0xed => 5,
            _ => 1,
        }
    }
}

impl ByteLink for Strict {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        for byte in bytes {
            if !self.loses.contains(&self.bytes) {
                self.input.push(*byte);
            }
            self.bytes += 1;
        }
        while !self.input.is_empty() && self.input.len() >= self.packet_length() {
            let packet: Vec<u8> = self.input.drain(..self.packet_length()).collect();
            self.rom.write(&packet)?;
        }
        Ok(())
    }
    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> Result<usize> {
        self.rom.read(buffer, deadline)
    }
    fn discard_input(&mut self) -> Result<()> {
        self.rom.discard_input()
    }
    fn now(&self) -> Moment {
        self.rom.now()
    }
    fn sleep(&mut self, time: Duration) {
        self.rom.sleep(time);
    }
}

#[test]
fn a_packet_that_lost_bytes_is_filled_up() {
    let mut whole = Strict::new(0..0);
    send(&mut whole).unwrap();
    for at in (0..whole.bytes).step_by(7).chain(whole.bytes - 5..whole.bytes) {
        for length in [1, 40, 600] {
            let mut link = Strict::new(at..at + length);
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
        let mut link = Strict::new(0..0);
        link.rom.receiving = Some((1, 0, 4000, 1, Vec::new()));
        link.input = left.to_vec();
        assert_eq!(send(&mut link).unwrap().start, Start::Accepted, "{left:02x?}");
    }
}
