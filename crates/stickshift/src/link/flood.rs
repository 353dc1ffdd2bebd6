//! For tests: a port that never falls silent.

use std::time::Duration;

use crate::error::Result;
use crate::link::{ByteLink, Moment};

/// Says `says` again and again, 10 ms apart, whatever is written to it.
pub(crate) struct Flood {
    pub(crate) says: &'static [u8],
    /// Bytes said so far.
    pub(crate) said: usize,
    /// Bytes written to it.
    pub(crate) written: usize,
    pub(crate) now: Moment,
}

impl Flood {
    pub(crate) fn of(says: &'static [u8]) -> Flood {
        Flood { says, said: 0, written: 0, now: Moment::ZERO }
    }
}

impl ByteLink for Flood {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.written += bytes.len();
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8], _deadline: Moment) -> Result<usize> {
        self.now += Duration::from_millis(10);
        let n = buffer.len().min(self.says.len());
        buffer[..n].copy_from_slice(&self.says[..n]);
        self.said += n;
        Ok(n)
    }

    fn discard_input(&mut self) -> Result<()> {
        Ok(())
    }

    fn now(&self) -> Moment {
        self.now
    }

    fn sleep(&mut self, time: Duration) {
        self.now += time;
    }
}
