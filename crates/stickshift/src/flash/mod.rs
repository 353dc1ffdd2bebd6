//! Flashing: the dialogue by which a stick in download mode takes firmware (docs/protocols/balong-flash.md section 2).
//!
//! [`handshake`] brings the port into its binary phase and asks what the stick is; nothing is written by it. [`run`] sends partitions. Between
//! the two stands the caller's check that the image fits: [`fit`].
//!
//! ```
//! use stickshift::flash::message::{self, Reply};
//!
//! // A partition is announced, sent in blocks, and ended; the stick answers each.
//! assert_eq!(message::start(0x20000, 4096)[0], 0x41);
//! assert_eq!(Reply::parse(&[0x02]), Reply::Ack);
//! ```

pub mod facts;
pub mod fit;
mod handshake;
pub mod message;
pub mod nak;
mod port;
mod run;
#[cfg(test)]
mod tests;

use std::io::Read;

use crate::error::Result;

pub use handshake::{DownloadInfo, Handshake, Phase, SignatureFacts, handshake};
pub use run::{is_open, run};

/// One partition as it goes to the stick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionFacts {
    /// Partition code.
    pub code: u32,
    /// The name in listings: `Fastboot`, or `U00ab0000` for an unknown code.
    pub name: String,
    /// Bytes, unpacked.
    pub size: u64,
    /// Whether the stick cannot start without it. An interruption inside one leaves a stick in its boot ROM.
    pub boot_chain: bool,
}

/// What is flashed: partitions in the order of the file, and their bytes on request, from the beginning each time.
pub trait Payload {
    /// Which partitions there are, in the order in which they are sent.
    fn partitions(&self) -> &[PartitionFacts];

    /// The bytes of one, unpacked. They are read a block at a time, while the stick works on the block before.
    ///
    /// # Errors
    /// Whatever reading the image reports.
    fn open(&mut self, index: usize) -> Result<Box<dyn Read + '_>>;

    /// Partition `index` is about to begin.
    ///
    /// # Errors
    /// Where its bytes are not those that were checked: nothing of it is sent.
    fn before_start(&mut self, index: usize) -> Result<()> {
        let _ = index;
        Ok(())
    }

    /// All bytes of partition `index` were read and acknowledged; the stick is about to be told that it is complete.
    ///
    /// # Errors
    /// Where what was read is not what was checked: the stick is not told, and the partition stays incomplete.
    fn before_end(&mut self, index: usize) -> Result<()> {
        let _ = index;
        Ok(())
    }
}

/// Told of what matters, before it matters: a journal.
pub trait Observer {
    /// Bytes of partition `index` are about to be sent. An error stops the run before the first of them.
    ///
    /// # Errors
    /// Whatever keeps the observer from remembering it.
    fn begins(&mut self, index: usize) -> Result<()>;

    /// The stick acknowledged the start of partition `index` (`block` 0) or a block of it.
    fn block_acknowledged(&mut self, index: usize, block: u32) {
        let _ = (index, block);
    }

    /// The stick acknowledged the whole of partition `index`.
    ///
    /// # Errors
    /// Whatever keeps the observer from remembering it.
    fn acknowledged(&mut self, index: usize) -> Result<()>;
}

/// Remembers nothing.
pub struct NoObserver;

impl Observer for NoObserver {
    fn begins(&mut self, _index: usize) -> Result<()> {
        Ok(())
    }

    fn acknowledged(&mut self, _index: usize) -> Result<()> {
        Ok(())
    }
}

/// What to do after the last partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// Restart the stick: 0A, then AT^RESET.
    Reset,
    /// Stay in the binary phase: another file follows on this port.
    Stay,
    /// Leave the binary phase (01) and let the stick be.
    Leave,
}

/// How a run that went well ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every partition was acknowledged, and the stick was sent what to do next.
    Complete,
    /// The stick disconnected at the end of a partition table. It restarted because the table changed, or it was pulled; go on with `next` once it
    /// is back in download mode. That is the table itself when its acknowledgement was not seen: one that is there already restarts nothing.
    RestartedAfterTable {
        /// The partition to go on with.
        next: usize,
    },
}
